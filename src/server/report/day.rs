//! A day of a small bank in virtual time, told to the real store, the real event log and the real metrics.
//!
//! The pure center decides everything; callers, phones and bots are chance of a fixed seed. Only tests use it.

use crate::server::events::scratch::Scratch;
use crate::server::events::{Announcer, Directory, EventLog, Live};
use crate::server::metrics::Metrics;
use crate::server::store::Store;
use crate::server::store::testing::Place;
use dozvon_center::Center;
use dozvon_center::acd::{Actor, AgentConfig, Config, QueueConfig, ServiceLevel, Status, WrapUp};
use dozvon_center::border::{Arrival, LegCommand, LegEvent, Loss, Output, Refusal};
use dozvon_center::calendar::{Calendar, Calendars};
use dozvon_center::callback::{AskedBy, CallbackPolicy, CallbackRequest, Numbers, Proof};
use dozvon_center::contact::{Contact, Ending, Fault, Outcome};
use dozvon_center::desk::Asker;
use dozvon_center::fact::{Fact, What};
use dozvon_center::flow;
use dozvon_center::ids::{AgentId, CallId, Key, LegId, QueueId, SkillId};
use dozvon_center::opening::Opening;
use dozvon_center::policy::{BotPolicy, Policy, TalkPolicy};
use dozvon_center::rollout::{Holdout, Rollout, Share, Tried};
use dozvon_center::supervise::WatchMode;
use dozvon_center::talk::{Destination, TalkCommand};
use dozvon_clock::Timestamp;
use dozvon_sim::rng::Rng;
use dozvon_sim::world::Agenda;
use dozvon_switch::border::{Note, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const FLOW: &str = r##"
flow: bank
languages: [ru]
start: hello
operator: {keys: ["0"], to: q-general}
nodes:
  hello: {say: {play: [hello], next: main}}
  main:
    menu:
      timeout: 4s
      attempts: 1
      options:
        "1": {say: opt-cards, label: cards, to: cards}
        "2": {say: opt-loans, to: q-loans}
        "3": {say: opt-out, to: out}
        "4": {say: opt-hours, label: opening hours, to: thanks}
        "5": {say: opt-night, label: night, to: q-night}
      silence: q-general
      wrong: q-general
  thanks: {say: {play: [thanks], next: bye}}
  cards: {rollout: {name: cards, bot: bot, people: q-cards}}
  bot:
    bot: {use: helper, max_duration: 60s,
      after: {done: survey, transfer: q-cards, failed: q-cards, too_long: q-cards}}
  q-general:
    queue: {name: general, max_wait: 240s,
      after: {answered: survey, max_wait: out, nobody: bye, full: bye, closed: bye}}
  q-cards:
    queue: {name: cards, max_wait: 120s,
      after: {answered: survey, max_wait: q-general, nobody: bye, full: bye, closed: bye}}
  q-loans:
    queue: {name: loans, max_wait: 200s,
      after: {answered: survey, max_wait: bye, nobody: bye, full: q-general, closed: bye}}
  q-night:
    queue: {name: night, requires: night, max_wait: 100s,
      after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  out: {transfer: {to: "+77270000000", timeout: 20s, after: {answered: bye, failed: bye}}}
  survey: {survey: {offer: csi-offer, ask: [{id: csi, play: csi, keys: "1-5"}, {id: solved, play: solved, keys: "1-2"}],
    timeout: 6s, next: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"##;

/// Agents of the day.
const AGENTS: u32 = 7;
/// Callers of the day.
const CALLERS: u64 = 700;
/// Different numbers that they call from.
const NUMBERS: u64 = 420;
/// Calls of the weeks after, which make some of the day's contacts repeated.
const LATER_CALLERS: u64 = 120;

/// The windows of FCR in days, and how far from their ends the second calls of some callers are, in seconds: a window
/// that is a minute too long or too short tells other figures.
const WINDOWS: [u64; 3] = [1, 7, 30];
const OFF_WINDOW_SECS: u64 = 50;

const HOUR: f64 = 3600.0;

#[derive(Clone, Debug)]
enum Act {
    Call {
        number: Option<String>,
        keys: Vec<(f64, char)>,
        patience: Duration,
    },
    Leg(LegId, LegEvent),
    Set(AgentId, Status),
    /// What an agent, or somebody else, does with a talk; it may be refused.
    Talk(CallId, TalkCommand),
    Retrieve(CallId, AgentId),
    Watch(AgentId, AgentId),
    TakeOver(AgentId),
    /// The agent calls a number, or a colleague.
    Own(AgentId, Destination),
    /// The customer of this number is to be called back.
    CallBack(String),
    LogOut(AgentId),
    EndWrapUp(AgentId),
    Take(LegId, Ending),
}

/// The day that has been.
pub(super) struct Day {
    /// Where the database is.
    pub(super) place: Place,
    /// Where the event log is.
    pub(super) folder: Scratch,
    /// Midnight with which it began, in Almaty.
    pub(super) begins: Timestamp,
    /// When the last thing happened.
    pub(super) ends: Timestamp,
    /// What Prometheus was told of all of it.
    pub(super) metrics: String,
    /// Contacts told to the store.
    pub(super) contacts: usize,
    /// Those, and our attempts to call somebody back.
    pub(super) records: usize,
}

struct World {
    center: Center,
    now: Timestamp,
    rng: Rng,
    agenda: Agenda<Act>,
    announcer: Announcer,
    /// Legs of agents, of bots, of numbers outside.
    sides: BTreeMap<LegId, Side>,
    /// The caller's leg of each call, while it is there.
    callers: BTreeMap<CallId, LegId>,
    contacts: BTreeMap<CallId, Contact>,
    /// When each caller of the FCR windows' ends calls again: so long after the end of the first call.
    again: BTreeMap<String, Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Agent,
    Bot,
    Outside,
}

fn policy() -> Policy {
    let flow = flow::load("bank.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}"));
    let agent = |n: u32| AgentConfig {
        name: format!("agent{n}").into(),
        skills: BTreeMap::from([(SkillId(0), 1)]),
        queues: if n.is_multiple_of(3) {
            BTreeSet::new()
        } else {
            BTreeSet::from([QueueId(0), QueueId(1)])
        },
        team: if n.is_multiple_of(2) { "day" } else { "night" }.into(),
        rank: 0,
    };
    let queue = |name: &str, wrap_up, target| QueueConfig {
        wrap_up: WrapUp::timed(Duration::from_secs(wrap_up)),
        service_level: Duration::from_secs(target),
        ..QueueConfig::new(name)
    };
    let mut loans = queue("loans", 25, 30);
    loans.length_max = 3;
    let queues =
        vec![queue("general", 15, 20), queue("cards", 0, 20), loans, queue("night", 15, 20)];
    let rollout = Rollout {
        name: "cards".into(),
        tried: Tried::Bot("helper".into()),
        salt: "pepper".into(),
        share: Share::Half,
        holdout: Holdout::default(),
        ..Rollout::default()
    };
    let mut calendars = Calendars::new();
    calendars.insert(Calendar::always_open("always"));
    Policy {
        acd: Config::new(queues, (0..AGENTS).map(agent).collect()),
        skills: vec!["cards".into(), "night".into()],
        shared_numbers: BTreeSet::new(),
        flows: BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]),
        calendars: Arc::new(calendars),
        opening: Opening::default(),
        recognisers: BTreeMap::new(),
        announcements: BTreeMap::new(),
        classifiers: BTreeMap::new(),
        callbacks: CallbackPolicy {
            calendar: Some("always".into()),
            numbers: Numbers { allow: vec!["+".into()], ..Numbers::default() },
            ..CallbackPolicy::default()
        },
        rollouts: BTreeMap::from([(Arc::from("cards"), rollout)]),
        bots: BTreeMap::from([(Arc::from("helper"), BotPolicy::default())]),
        music: "moh".into(),
        talk: TalkPolicy::default(),
    }
}

/// A request that somebody makes for a customer.
fn request(now: Timestamp, number: String, queue: &str) -> CallbackRequest {
    let proof = Proof {
        by: AskedBy::Staff,
        at: now,
        from: None,
        key: None,
        flow: None,
        node: None,
        user: Some("desk".into()),
        recording: None,
    };
    CallbackRequest {
        number,
        own: false,
        queue: queue.into(),
        requires: None,
        priority: 0,
        enqueued_at: None,
        language: "ru".into(),
        topic: None,
        contact: None,
        proof,
    }
}

/// Lives the day and the weeks after it, into this database.
pub(super) fn live(seed: u64, place: Place) -> Day {
    let folder = Scratch::new();
    let begins: jiff::Timestamp = "2026-03-02T00:00:00+05:00".parse().expect("a moment");
    let begins =
        Timestamp::from_micros(u64::try_from(begins.as_microsecond()).expect("after 1970"));
    let policy = Arc::new(policy());
    let directory = Arc::new(Directory::of(&policy));
    let metrics = Arc::new(Metrics::new(directory.clone()));
    let store = Store::open(&place.database()).expect("a fresh store");
    let log = EventLog::open(&folder.path("events.jsonl"), Some(200_000), directory.clone());
    let log = log.expect("a fresh log");
    let (sender, live) = (store.sender(), Live::new());
    let announcer = Announcer::new(directory, metrics.clone(), Some(sender), Some(&log), live);
    let now = begins - Duration::from_secs(3_600);
    let mut world = World {
        center: Center::new(policy, now),
        now,
        rng: Rng::new(seed),
        agenda: Agenda::default(),
        announcer,
        sides: BTreeMap::new(),
        callers: BTreeMap::new(),
        contacts: BTreeMap::new(),
        again: BTreeMap::new(),
    };
    for agent in 0..AGENTS {
        world.center.reachable(now, AgentId(agent), true);
    }
    world.plan(begins);
    world.run();
    world.rare_ends(begins + Duration::from_secs(12 * 3_600));
    for minute in 0..5_u64 {
        let at = begins + Duration::from_secs(10 * 3_600 + minute * 7);
        world.announcer.note(at, &Note::Refused { status: 503, reason: "overload" });
        world.announcer.note(at, &Note::Refused { status: 404, reason: "unknown_number" });
    }
    let snapshot = Snapshot {
        at: world.now,
        queues: Vec::new(),
        agents: Vec::new(),
        calls: Vec::new(),
        rollouts: Vec::new(),
        callbacks: Vec::new(),
        dialogs: 0,
        transactions: 0,
        bindings: 0,
        draining: false,
        incident: None,
        sites: Vec::new(),
    };
    let metrics = metrics.render(&snapshot);
    let came = world.contacts.values().filter(|contact| !contact.dialled.is_empty());
    let (contacts, records, ends) = (came.count(), world.contacts.len(), world.now);
    drop(world);
    assert!(store.flush(Duration::from_secs(60)), "the store has written everything");
    assert_eq!(store.stats().rows_dropped.load(std::sync::atomic::Ordering::Relaxed), 0);
    store.close();
    log.close();
    Day { place, folder, begins, ends, metrics, contacts, records }
}

impl World {
    fn plan(&mut self, begins: Timestamp) {
        let at = |hours: f64| begins + Duration::from_secs_f64(hours * HOUR);
        for n in 0..AGENTS {
            let agent = AgentId(n);
            let begin = 8.0 + self.rng.unit();
            let mut does = vec![
                (begin, Status::Ready),
                (begin + 3.0 + self.rng.unit(), Status::Lunch),
                (begin + 4.6, Status::Ready),
                (begin + 5.0 + self.rng.unit(), Status::Training),
                (begin + 6.3, Status::Ready),
                (begin + 7.0, Status::ShortBreak),
                (begin + 7.1, Status::Ready),
            ];
            // Two stay, over midnight and for weeks.
            if n >= 2 {
                self.agenda.put(at(18.0 + self.rng.unit()), Act::LogOut(agent));
            } else {
                does.push((23.0, Status::Ready));
            }
            for (hours, status) in does {
                self.agenda.put(at(hours), Act::Set(agent, status));
            }
        }
        for n in 0..CALLERS {
            // Most in the morning; some around midnight, so that a call is queued on one day and ends on another.
            let hours = if n % 12 == 0 {
                23.9 + 0.2 * self.rng.unit()
            } else {
                8.5 + 8.0 * self.rng.unit() * self.rng.unit()
            };
            self.plan_call(at(hours));
        }
        for _ in 0..LATER_CALLERS {
            let hours = 24.0 * (1.0 + 36.0 * self.rng.unit() * self.rng.unit());
            self.plan_call(at(hours));
        }
        // Talks that begin just before midnight and end after it.
        for n in 0..4 {
            let before = Duration::from_secs(100 - 25 * n);
            self.plan_handled(at(24.0) - before, &format!("+7704{n:07}"));
        }
        self.plan_repeats(begins);
        for n in 0..40_u64 {
            let at = begins + Duration::from_secs(9 * 3_600 + n * 700);
            self.agenda.put(at, Act::CallBack(format!("+7704{n:07}")));
        }
        for n in 0..40 {
            let agent = AgentId(n % AGENTS);
            let colleague = AgentId((n + 3) % AGENTS);
            let to = if n % 3 == 0 {
                Destination::Agent(colleague)
            } else {
                Destination::Number("+77270000002".into())
            };
            self.agenda.put(at(9.0 + 8.0 * self.rng.unit()), Act::Own(agent, to));
        }
    }

    /// Callers who call again just inside and just outside of each window, by the end and by the beginning of the
    /// first call.
    fn plan_repeats(&mut self, begins: Timestamp) {
        let off = Duration::from_secs(OFF_WINDOW_SECS);
        let mut n = 0_u64;
        for days in WINDOWS {
            let window = Duration::from_secs(days * 86_400);
            for again in [window + off, window - off] {
                for by_end in [true, true, false, false] {
                    n += 1;
                    let number = format!("+7703{n:07}");
                    let at = begins + Duration::from_secs(9 * 3_600 + n * 600);
                    self.plan_handled(at, &number);
                    if by_end {
                        self.again.insert(number, again);
                    } else {
                        self.plan_handled(at + again, &number);
                    }
                }
            }
        }
    }

    /// A call by somebody who waits for an agent however long it takes.
    fn plan_handled(&mut self, at: Timestamp, number: &str) {
        let (number, keys) = (Some(number.to_owned()), vec![(2.0, '0')]);
        self.agenda.put(at, Act::Call { number, keys, patience: Duration::from_secs(7_200) });
    }

    fn plan_call(&mut self, at: Timestamp) {
        let number = self.rng.below(NUMBERS);
        let number = (number > 8).then(|| format!("+7701{number:07}"));
        let key = self.rng.pick(&['0', '1', '1', '1', '2', '2', '3', '4', '5', '9']);
        let mut keys = vec![(2.0 + 6.0 * self.rng.unit(), key)];
        if self.rng.chance(0.3) {
            // At the bot it means a person, elsewhere it is nothing.
            keys.push((15.0 + 40.0 * self.rng.unit(), '0'));
        }
        let patience = Duration::from_secs(4) + self.rng.exp(260.0);
        self.agenda.put(at, Act::Call { number, keys, patience });
    }

    fn run(&mut self) {
        loop {
            let (wakes, acts) = (self.center.poll_timeout(), self.agenda.next());
            let Some(at) = [wakes, acts].into_iter().flatten().min() else { break };
            self.now = self.now.max(at);
            if acts == Some(at) {
                let act = self.agenda.pop().expect("seen above");
                self.act(act);
            } else {
                self.center.handle_timeout(self.now);
            }
            self.drain();
        }
    }

    fn later(&mut self, secs: f64, act: Act) {
        self.agenda.put(self.now + Duration::from_secs_f64(secs), act);
    }

    fn act(&mut self, act: Act) {
        let now = self.now;
        match act {
            Act::Call { number, keys, patience } => {
                let arrival = Arrival {
                    flow: "bank".into(),
                    dialled: "100".into(),
                    caller: number,
                    language: None,
                };
                let (call, leg) = self.center.arrive(now, arrival).expect("the flow is known");
                self.callers.insert(call, leg);
                self.later(0.2, Act::Leg(leg, LegEvent::Answered));
                for (secs, key) in keys {
                    let key = Key::new(key).expect("a key");
                    self.later(secs, Act::Leg(leg, LegEvent::Key(key)));
                }
                let end = match self.rng.below(40) {
                    0 | 1 => Act::Leg(leg, LegEvent::Lost(Loss::NoAudio)),
                    2..=4 => Act::Take(leg, Ending::new(Fault::Nobody, "taken_out")),
                    _ => Act::Leg(leg, LegEvent::HungUp),
                };
                self.later(patience.as_secs_f64(), end);
            }
            Act::Leg(leg, event) => self.center.leg(now, leg, event),
            Act::Set(agent, status) => {
                let _ = self.center.set_status(now, agent, status, Asker::new(Actor::Agent), None);
            }
            Act::LogOut(agent) => {
                let _ = self.center.log_out(now, agent, Asker::new(Actor::Agent));
            }
            Act::EndWrapUp(agent) => {
                let _ = self.center.end_wrap_up(now, agent, Actor::Agent);
            }
            Act::Talk(call, command) => {
                let _ = self.center.talk(now, call, command);
            }
            Act::Retrieve(call, agent) => {
                let _ = self.center.retrieve(now, call, agent);
            }
            Act::Watch(supervisor, agent) => {
                let _ = self.center.watch(now, supervisor, agent, WatchMode::Listen);
            }
            Act::TakeOver(supervisor) => {
                if self.center.take_over(now, supervisor).is_err() {
                    self.center.unwatch(now, supervisor);
                }
            }
            Act::CallBack(number) => {
                let queue = if number.ends_with('7') { "night" } else { "general" };
                let _ = self.center.request_callback(now, request(now, number, queue));
            }
            Act::Own(agent, to) => {
                if let Ok((_, leg)) = self.center.call_from(now, agent, &to) {
                    let lasts = 10.0 + self.rng.exp(60.0).as_secs_f64();
                    self.later(lasts, Act::Leg(leg, LegEvent::HungUp));
                }
            }
            Act::Take(leg, ending) => {
                let call =
                    self.callers.iter().find(|(_, known)| **known == leg).map(|(call, _)| *call);
                if let Some(call) = call {
                    self.center.hang_up(now, call, ending);
                }
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.center.poll_output() {
            match output {
                Output::Leg(leg, command) => self.told(leg, command),
                Output::Contact(contact) => {
                    if contact.ended_at.is_some() {
                        self.callers.remove(&contact.call);
                        if let Some(again) = self.again.remove(&contact.caller) {
                            self.plan_handled(self.now + again, &contact.caller);
                        }
                    }
                    self.contacts.insert(contact.call, (*contact).clone());
                    self.announcer.contact(contact);
                }
                Output::Callback(callback) => self.announcer.callback(callback),
                Output::Lookup(_) => {}
                Output::Fact(fact) => {
                    if let What::TalkEnded { agent, .. } = &fact.what
                        && self.rng.chance(0.3)
                    {
                        let soon = 2.0 + 5.0 * self.rng.unit();
                        self.later(soon, Act::EndWrapUp(*agent));
                    }
                    if let (What::TalkStarted { agent, .. }, Some(call)) = (&fact.what, fact.call) {
                        self.plan_talk(call, *agent);
                    }
                    self.announcer.fact(fact);
                }
            }
        }
    }

    fn told(&mut self, leg: LegId, command: LegCommand) {
        if let LegCommand::Play { play, .. } = command {
            let secs = 2.0 + 2.0 * self.rng.unit();
            self.later(secs, Act::Leg(leg, LegEvent::Played(play)));
            // Who hears the survey gives a score, mostly; elsewhere a key more is a wrong one.
            let score = self.rng.pick(&['5', '5', '4', '3', '1', '2']);
            let (surveyed, more) = (self.rng.chance(0.15), self.rng.chance(0.5));
            if surveyed {
                self.later(
                    secs * 0.5,
                    Act::Leg(leg, LegEvent::Key(Key::new(score).expect("a key"))),
                );
                if more {
                    let key = Key::new(self.rng.pick(&['1', '2'])).expect("a key");
                    self.later(secs * 0.5 + 1.0, Act::Leg(leg, LegEvent::Key(key)));
                }
            }
        } else if let LegCommand::CallBack { .. } = command {
            let event = match self.rng.chance(0.6) {
                true => LegEvent::Answered,
                false => LegEvent::Refused(Refusal::Busy),
            };
            self.later(6.0, Act::Leg(leg, event));
            self.later(90.0, Act::Leg(leg, LegEvent::HungUp));
        } else if let LegCommand::RingAgent { .. } | LegCommand::RingForCallback { .. } = command {
            self.sides.insert(leg, Side::Agent);
            self.ring(leg);
        } else if let LegCommand::CallBot { .. } = command {
            self.sides.insert(leg, Side::Bot);
            let event = if self.rng.chance(0.9) {
                LegEvent::Answered
            } else {
                LegEvent::Refused(Refusal::Busy)
            };
            let (soon, lasts) = (0.5, 3.0 + self.rng.exp(35.0).as_secs_f64());
            self.later(soon, Act::Leg(leg, event));
            self.later(soon + lasts, Act::Leg(leg, LegEvent::HungUp));
        } else if let LegCommand::Dial { .. } = command {
            self.sides.insert(leg, Side::Outside);
            if self.rng.chance(0.7) {
                self.later(5.0, Act::Leg(leg, LegEvent::Answered));
            }
            self.later(50.0, Act::Leg(leg, LegEvent::HungUp));
        } else if let LegCommand::Bridge { with } = command
            && self.sides.get(&with) == Some(&Side::Agent)
        {
            self.sides.remove(&with);
            self.talk(with);
        }
    }

    fn ring(&mut self, leg: LegId) {
        self.later(0.3, Act::Leg(leg, LegEvent::Ringing));
        let rings = 1.0 + 7.0 * self.rng.unit();
        let event = match self.rng.below(25) {
            0 | 1 => return,
            2 => LegEvent::Refused(Refusal::Declined),
            3 => LegEvent::Refused(Refusal::Busy),
            4 => LegEvent::Refused(Refusal::Unreachable),
            _ => LegEvent::Answered,
        };
        self.later(rings, Act::Leg(leg, event));
    }

    fn talk(&mut self, leg: LegId) {
        let lasts = 10.0 + self.rng.exp(170.0).as_secs_f64();
        if self.rng.chance(0.4) {
            let hold = self.rng.exp(100.0).as_secs_f64();
            self.later(6.0, Act::Leg(leg, LegEvent::Held(true)));
            self.later(6.0 + hold, Act::Leg(leg, LegEvent::Held(false)));
            self.later(9.0 + hold, Act::Leg(leg, LegEvent::Held(true)));
            self.later(15.0 + hold, Act::Leg(leg, LegEvent::Held(false)));
        }
        let end =
            if self.rng.chance(0.04) { LegEvent::Lost(Loss::NoAudio) } else { LegEvent::HungUp };
        self.later(lasts, Act::Leg(leg, end));
    }

    /// What happens in a talk besides; most of what is asked for after its end is refused.
    fn plan_talk(&mut self, call: CallId, agent: AgentId) {
        let begin = 8.0 + self.rng.exp(40.0).as_secs_f64();
        let colleague = AgentId(
            (agent.0 + 1 + u32::try_from(self.rng.below(u64::from(AGENTS) - 1)).unwrap_or(0))
                % AGENTS,
        );
        let (someone, number) =
            (Destination::Agent(colleague), Destination::Number("+77270000003".into()));
        let queue = Destination::Queue(QueueId(self.rng.pick(&[0, 1, 2])));
        let kind = self.rng.below(24);
        let now = self.now;
        let agenda = &mut self.agenda;
        let mut plan =
            |secs: f64, act| agenda.put(now + Duration::from_secs_f64(begin + secs), act);
        let mut then = |secs: f64, command| plan(secs, Act::Talk(call, command));
        match kind {
            0 => {
                then(0.0, TalkCommand::Hold);
                then(121.0, TalkCommand::Resume);
            }
            1 => then(0.0, TalkCommand::Transfer(someone)),
            2 => then(0.0, TalkCommand::Transfer(queue)),
            3 => then(0.0, TalkCommand::Transfer(number)),
            4 => then(0.0, TalkCommand::Transfer(Destination::Node("q-general".into()))),
            5 | 6 => {
                then(0.0, TalkCommand::Consult(if begin < 40.0 { someone } else { queue }));
                then(25.0, TalkCommand::Complete);
            }
            7 => {
                then(0.0, TalkCommand::Consult(number));
                then(20.0, TalkCommand::Complete);
            }
            8 => {
                then(0.0, TalkCommand::Consult(someone));
                then(12.0, TalkCommand::Join);
                then(30.0, TalkCommand::Complete);
            }
            9 => {
                then(0.0, TalkCommand::Consult(number));
                then(12.0, TalkCommand::Join);
                then(30.0, TalkCommand::Complete);
            }
            10 => {
                then(0.0, TalkCommand::Consult(someone));
                then(20.0, TalkCommand::Drop);
            }
            11 => {
                then(0.0, TalkCommand::Park);
                plan(20.0, Act::Retrieve(call, colleague));
            }
            12 | 13 => {
                plan(0.0, Act::Watch(colleague, agent));
                plan(20.0, Act::TakeOver(colleague));
            }
            _ => {}
        }
    }

    /// Ends that the center has no way to yet, told as it would tell them, so that the figures are ready for them.
    fn rare_ends(&mut self, at: Timestamp) {
        let ends = [
            (Outcome::Callback, ServiceLevel::Excluded, 11.0),
            (Outcome::Callback, ServiceLevel::Missed, 41.5),
            (Outcome::Overflow, ServiceLevel::Missed, 60.25),
            (Outcome::Closed, ServiceLevel::Missed, 1.0),
            (Outcome::KeyExit, ServiceLevel::Missed, 9.0),
        ];
        for (n, (outcome, result, waited_secs)) in (0_u64..).zip(ends) {
            let at = at + Duration::from_secs(n * 100);
            let call = CallId(at.as_micros());
            let mut contact = self.contacts.values().next().expect("a day has calls").clone();
            let ended = at + Duration::from_secs_f64(waited_secs);
            let ending = Ending::new(Fault::Nobody, "flow_end");
            contact.call = call;
            contact.caller = format!("+7702{n:07}");
            contact.started_at = at;
            contact.ended_at = Some(ended);
            contact.ending = Some(ending.clone());
            (contact.stages, contact.arms, contact.survey) = (Vec::new(), Vec::new(), Vec::new());
            let (flow, queue): (Arc<str>, Arc<str>) = ("bank".into(), "general".into());
            let caller = contact.caller.clone();
            let dialled = String::from("100");
            let started = What::CallStarted { flow: flow.clone(), dialled, caller };
            let facts = [
                (at, started),
                (at, What::SegmentStarted { queue: queue.clone(), called_back: false }),
                (
                    ended,
                    What::SegmentEnded {
                        queue: queue.clone(),
                        outcome,
                        called_back: false,
                        waited_secs,
                    },
                ),
                (ended, What::ServiceLevelDecided { queue, result }),
                (ended, What::CallEnded { flow, ending, duration_secs: waited_secs }),
            ];
            for (at, what) in facts {
                self.announcer.fact(Fact { at, call: Some(call), what });
            }
            self.contacts.insert(call, contact.clone());
            self.announcer.contact(Box::new(contact));
        }
    }
}
