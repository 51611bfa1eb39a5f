//! The bank of the house's day: its flow, its queues and hours, who works there and who calls.
//!
//! Everything that the books must know of it is said here a second time as plain numbers, so that they need not ask
//! the calendars, the flow or the draw that they judge.

use crate::rng::Rng;
use dozvon_center::acd::{AgentConfig, Config, QueueConfig, StickyConfig};
use dozvon_center::calendar::{Calendar, Calendars};
use dozvon_center::callback::{CallbackPolicy, First, Numbers, QueueCallbacks};
use dozvon_center::flow::{self, Duty};
use dozvon_center::ids::{AgentId, QueueId};
use dozvon_center::opening::{Opening, QueueHours, Site};
use dozvon_center::policy::{BotPolicy, Policy, TalkPolicy};
use dozvon_center::rollout::{Holdout, Rollout, Share, Tried};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The first midnight: Tuesday the 24th of November 2026, UTC.
pub const MIDNIGHT: Timestamp = Timestamp::from_secs(1_795_478_400);
/// Agents who take calls; after them come those of the duty office and the supervisors.
pub const AGENTS: u32 = 14;
/// Those of the duty office.
pub const ON_DUTY: [AgentId; 2] = [AgentId(14), AgentId(15)];
/// Those who look over others' shoulders.
pub const SUPERVISORS: [AgentId; 2] = [AgentId(16), AgentId(17)];
/// Everybody.
pub const EVERYBODY: u32 = 18;

/// Names of the queues; the position is the id.
pub const QUEUES: [&str; 5] = ["general", "cards", "loans", "vip", "duty"];
/// Whose calls go to agents of the house.
pub const GENERAL: QueueId = QueueId(0);
/// See [`QUEUES`].
pub const CARDS: QueueId = QueueId(1);
/// See [`QUEUES`].
pub const LOANS: QueueId = QueueId(2);
const VIP: QueueId = QueueId(3);
const DUTY: QueueId = QueueId(4);

/// Opening hours of `loans`, in hours of the day, and for how long those who wait at the end are served.
pub const LOANS_OPEN: (f64, f64) = (9.0, 18.0);
/// See [`LOANS_OPEN`].
pub const LOANS_DRAIN: Duration = Duration::from_secs(300);
/// When customers may be called, in hours of the day; and those whose numbers begin with [`WEST`].
pub const HOURS: [(f64, f64); 1] = [(8.0, 20.0)];
/// See [`HOURS`].
pub const WEST_HOURS: [(f64, f64); 2] = [(10.0, 13.0), (15.0, 19.0)];
/// The beginning of numbers elsewhere.
pub const WEST: &str = "+7401";
/// The number that many people call from.
pub const SHARED: &str = "+77272000000";
/// Numbers dialled: the house's own, and of two sites.
pub const DIALLED: [&str; 3] = ["100", "200", "300"];
/// The two sites and their numbers.
pub const SITES: [(&str, &str); 2] = [("south", "200"), ("north", "300")];
/// The duty office of the south; that of the north is the queue `duty`.
pub const DUTY_NUMBER: &str = "+77270000911";

/// A moment of the day that began at [`MIDNIGHT`].
pub fn at(hours: f64) -> Timestamp {
    MIDNIGHT + Duration::from_secs_f64(hours * 3600.0)
}

const FLOW: &str = r##"
flow: bank
languages: [ru]
start: hello
operator: {keys: ["0"], to: q-general}
nodes:
  hello: {say: {play: [HELLO], next: main}}
  main:
    menu:
      timeout: 4s
      attempts: 2
      options:
        "1": {say: opt-general, to: q-general}
        "2": {say: opt-cards, to: cards}
        "3": {say: opt-out, to: out}
        "4": {say: opt-loans, to: loans}
        "5": {to: later}
        "6": {to: q-rules}
        "7": {to: q-leave}
        "8": {to: q-vip}
        "9": {to: q-loans}
      silence: q-general
      wrong: q-general
  cards: {rollout: {name: cards, bot: bot, people: q-cards}}
  bot:
    bot: {use: helper, max_duration: 60s,
      after: {done: bye, transfer: q-cards, failed: q-cards, too_long: q-cards}}
  loans: {hours: {calendar: loans, open: q-loans, closed: later, holiday: later}}
  q-general:
    queue: {name: general, max_wait: 10m,
      after: {answered: survey, max_wait: out, nobody: bye, full: bye, closed: bye}}
  q-cards:
    queue: {name: cards, max_wait: 3m,
      after: {answered: bye, max_wait: q-general, nobody: q-general, full: bye, closed: bye}}
  q-loans:
    queue: {name: loans, max_wait: 15m,
      after: {answered: bye, max_wait: later, nobody: later, full: later, closed: later}}
  q-vip:
    queue: {name: vip, priority: 30, max_wait: 40s,
      after: {answered: survey, max_wait: q-general, nobody: q-general, full: bye, closed: bye}}
  q-rules:
    queue:
      name: general
      max_wait: 20m
      at:
        - {position_over: 2, announce: busy}
        - {wait: 20s, callback: later}
        - {wait: 90s, overflow: q-cards}
      after: {answered: bye, max_wait: bye, nobody: later, full: later, closed: later}
  q-leave:
    queue:
      name: general
      max_wait: 10m
      lose_place: true
      at: [{wait: 30s, overflow: q-cards}]
      after: {answered: bye, max_wait: bye, nobody: bye}
  later:
    callback: {queue: general, play: [offer], key: "1", confirm: [we-call], choose: [right], enter: [type],
      sorry: [sorry], timeout: 5s, next: taken, declined: bye, failed: sorry}
  taken: {hangup: {play: [taken]}}
  sorry: {hangup: {play: [sorry]}}
  out: {transfer: {to: "+77270000000", timeout: 20s, after: {answered: bye, failed: bye}}}
  survey: {survey: {offer: csi-offer, ask: [{id: csi, play: csi, keys: "1-5"}], timeout: 6s, next: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"##;

/// The policies that the house goes over to in the course of the day: the bot's share grows, and the words change.
pub fn policies(rng: &mut Rng) -> Vec<Arc<Policy>> {
    let acd = config(rng);
    let versions = [("hello", Share::Fifth), ("hello-2", Share::Half), ("hello-3", Share::All)];
    let policy = |(hello, share)| Arc::new(policy(acd.clone(), hello, share));
    versions.into_iter().map(policy).collect()
}

fn policy(acd: Config, hello: &str, share: Share) -> Policy {
    let flow = flow::load("bank.yaml", &FLOW.replace("HELLO", hello));
    let flow = flow.unwrap_or_else(|found| panic!("{found:#?}"));
    let rollout = Rollout {
        name: "cards".into(),
        tried: Tried::Bot("helper".into()),
        salt: "pepper".into(),
        share,
        holdout: Holdout::percent(5).expect("few"),
        ..Rollout::default()
    };
    Policy {
        acd,
        skills: Vec::new(),
        shared_numbers: BTreeSet::from([SHARED.into()]),
        flows: BTreeMap::from([("bank".into(), Arc::new(flow))]),
        calendars: Arc::new(calendars()),
        opening: opening(),
        recognisers: BTreeMap::new(),
        announcements: BTreeMap::new(),
        rollouts: BTreeMap::from([("cards".into(), rollout)]),
        bots: BTreeMap::from([("helper".into(), BotPolicy::default())]),
        music: "moh".into(),
        classifiers: BTreeMap::new(),
        callbacks: callbacks(),
        talk: TalkPolicy {
            hold_phrase: Some("please-hold".into()),
            lost_phrase: Some("one-moment".into()),
            ..TalkPolicy::default()
        },
    }
}

fn config(rng: &mut Rng) -> Config {
    let mut queues: Vec<QueueConfig> = QUEUES.into_iter().map(QueueConfig::new).collect();
    queues[usize::from(CARDS.0)].sticky = Some(StickyConfig {
        within: Duration::from_secs(3 * 3600),
        wait_up_to: Duration::from_secs(15),
        same_topic: true,
    });
    queues[usize::from(LOANS.0)].service_level = Duration::from_secs(40);
    queues[usize::from(VIP.0)].service_level = Duration::from_secs(10);
    let agents = (0..EVERYBODY).map(|id| {
        let shares = [(GENERAL, 0.8), (CARDS, 0.5), (LOANS, 0.4), (VIP, 0.3)];
        let some = shares.into_iter().filter_map(|(q, share)| rng.chance(share).then_some(q));
        let queues: BTreeSet<QueueId> = match id < AGENTS {
            true => some.chain([GENERAL].into_iter().filter(|_| id == 0)).collect(),
            false => [DUTY].into(),
        };
        // None of his own would mean all of them.
        let queues = if queues.is_empty() { [GENERAL].into() } else { queues };
        AgentConfig { queues, team: "day".into(), ..AgentConfig::new(format!("agent {id}")) }
    });
    let agents = agents.collect();
    Config::new(queues, agents)
}

fn hours_of(hours: &[(f64, f64)]) -> String {
    let clock = |hours: f64| format!("{:02}:{:02}", hours as u32, (hours.fract() * 60.0) as u32);
    let spans: Vec<String> =
        hours.iter().map(|(from, to)| format!("{}-{}", clock(*from), clock(*to))).collect();
    spans.join(", ")
}

fn calendars() -> Calendars {
    let mut calendars = Calendars::new();
    let three = [("hours", &HOURS[..]), ("west", &WEST_HOURS[..]), ("loans", &[LOANS_OPEN][..])];
    for (name, hours) in three {
        let hours = hours_of(hours);
        let text = format!("calendar: {name}\nzone: UTC\nweekly: {{mon-sun: [{hours}]}}\n");
        calendars.insert(Calendar::from_yaml("c.yaml", &text).expect("a calendar"));
    }
    calendars
}

fn opening() -> Opening {
    let hours = QueueHours { calendar: "loans".into(), drain_max: LOANS_DRAIN };
    let site = |title: &str, number: &str, duty| {
        let numbers = [number.to_owned()].into();
        (title.into(), Site { title: title.into(), numbers, duty })
    };
    let [(south, of_south), (north, of_north)] = SITES;
    Opening {
        queues: BTreeMap::from([("loans".into(), hours)]),
        sites: BTreeMap::from([
            site(south, of_south, Duty::Number(DUTY_NUMBER.into())),
            site(north, of_north, Duty::Queue("duty".into())),
        ]),
    }
}

fn callbacks() -> CallbackPolicy {
    let first = |first| QueueCallbacks { first, ..QueueCallbacks::default() };
    CallbackPolicy {
        calendar: Some("hours".into()),
        calendars: vec![(WEST.into(), "west".into())],
        numbers: Numbers { allow: vec!["+7".into()], ..Numbers::default() },
        age_max: Duration::from_secs(20 * 3600),
        phrase: Some("callback-here".into()),
        queues: BTreeMap::from([
            ("general".into(), first(First::Agent)),
            ("cards".into(), first(First::Customer)),
        ]),
        ..CallbackPolicy::default()
    }
}

/// Whether a customer may be rung from this moment for so long, by the hours above alone.
pub fn may_be_called(number: &str, from: Timestamp, rings: Duration) -> bool {
    let hours = if number.starts_with(WEST) { &WEST_HOURS[..] } else { &HOURS[..] };
    let of_day = |at: Timestamp| at.since(MIDNIGHT).as_secs_f64() / 3600.0 % 24.0;
    hours.iter().any(|(open, close)| {
        let (begins, ends) = (of_day(from), of_day(from + rings));
        *open <= begins && begins < ends && ends < *close
    })
}

/// Whether `loans` takes calls.
pub fn loans_open(now: Timestamp) -> bool {
    let hours = now.since(MIDNIGHT).as_secs_f64() / 3600.0 % 24.0;
    LOANS_OPEN.0 <= hours && hours < LOANS_OPEN.1
}

/// Somebody who calls.
#[derive(Clone, Debug)]
pub struct Customer {
    /// His number; `None`: hidden.
    pub number: Option<String>,
    /// What he dials.
    pub dialled: &'static str,
    /// The key that he presses in the menu; `None`: he keeps silent.
    pub wants: Option<char>,
    /// How long he waits.
    pub patience: Duration,
}

/// A customer of the bank.
pub fn customer(rng: &mut Rng) -> Customer {
    let number = match rng.below(100) {
        0..5 => None,
        5..8 => Some(SHARED.to_owned()),
        8..20 => Some(format!("{WEST}{:07}", rng.below(200))),
        _ => Some(format!("+7701{:07}", rng.below(2_000))),
    };
    Customer {
        number,
        dialled: rng.pick(&["100", "100", "200", "300"]),
        wants: wants(rng),
        patience: rng.exp(240.0),
    }
}

/// Who calls for a loan in the last minutes before closing time, and is patient: some of them still wait when those
/// who had waited have been served.
pub fn last_minute(rng: &mut Rng) -> Vec<(Timestamp, Customer)> {
    let closes = at(LOANS_OPEN.1);
    let patient = |rng: &mut Rng| {
        let when = closes - Duration::from_secs_f64(120.0 * rng.unit());
        let patience = Duration::from_secs(300) + rng.exp(600.0);
        (when, Customer { dialled: "100", wants: Some('9'), patience, ..customer(rng) })
    };
    (0..LAST_MINUTE).map(|_| patient(rng)).collect()
}

/// How many they are.
const LAST_MINUTE: u32 = 40;

/// What somebody wants.
pub fn wants(rng: &mut Rng) -> Option<char> {
    let keys =
        ['1', '1', '1', '2', '2', '2', '3', '4', '4', '5', '6', '6', '7', '8', '8', '9', '*'];
    rng.chance(0.97).then(|| rng.pick(&keys))
}

/// When somebody calls, over two days.
pub fn arrivals(rng: &mut Rng) -> Vec<Timestamp> {
    let mut arrivals = Vec::new();
    for (from, to) in [(7.5, 21.5), (32.0, 35.0)] {
        let mut now = from;
        while now < to {
            let load = 0.5 + 0.9 * ((now % 24.0 - 7.0) / 15.0 * std::f64::consts::PI).sin();
            now += rng.exp(17.0 / load).as_secs_f64() / 3600.0;
            arrivals.push(at(now));
        }
    }
    arrivals
}
