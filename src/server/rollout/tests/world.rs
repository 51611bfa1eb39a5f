//! A small house over weeks in virtual time: the center with its callers, the database, and the steward between them.

use crate::server::events::{Announcer, Directory, Live};
use crate::server::metrics::Metrics;
use crate::server::rollout::steward::Wanted;
use crate::server::rollout::{Act, Steward, gather};
use crate::server::store::testing::Place;
use crate::server::store::{
    DECISIONS_MAX, DecisionLog, Log, ReadError, Record, Store, StoreReader,
};
use dozvon_center::Center;
use dozvon_center::acd::{Actor, AgentConfig, Config, QueueConfig, Status};
use dozvon_center::border::{Arrival, LegCommand, LegEvent, Output, Refusal};
use dozvon_center::bot::{BotNote, BotOver, Replies};
use dozvon_center::calendar::{Calendar, Calendars};
use dozvon_center::contact::{Contact, Speech};
use dozvon_center::desk::Asker;
use dozvon_center::fact::{Fact, What};
use dozvon_center::flow;
use dozvon_center::ids::{AgentId, CallId, Key, LegId, MeasureId};
use dozvon_center::opening::Opening;
use dozvon_center::policy::{BotPolicy, Policy, TalkPolicy};
use dozvon_center::rollout::decide::Command;
use dozvon_center::rollout::decision::{Decision, Order, State};
use dozvon_center::rollout::eligible::Exclusions;
use dozvon_center::rollout::evidence::Evidence;
use dozvon_center::rollout::plan::Plan;
use dozvon_center::rollout::{Holdout, Rollout, Share, Tried};
use dozvon_center::steering::Steering;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) const FLOW: &str = r##"
flow: bank
languages: [ru]
start: cards
operator: {keys: ["0"], to: people}
nodes:
  cards: {rollout: {name: cards, bot: bot, people: people}}
  bot: {bot: {use: helper, max_duration: 5m, after: {done: bye, transfer: people, failed: people, too_long: people}}}
  people:
    queue: {name: cards, max_wait: 30m, after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"##;

/// The same in another version, which says something to callers first.
pub(super) const NEXT: &str = r##"
flow: bank-next
languages: [ru]
start: hello
operator: {keys: ["0"], to: people}
nodes:
  hello: {say: {play: [hello], next: people}}
  people:
    queue: {name: cards, max_wait: 30m, after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"##;

/// And in one that runs in circles.
pub(super) const LOST: &str = r##"
flow: bank-lost
languages: [ru]
start: a
operator: {keys: ["0"], to: people}
vars:
  lap: {type: text}
nodes:
  a: {set: {vars: {lap: a}, next: b}}
  b: {set: {vars: {lap: b}, next: a}}
  people:
    queue: {name: cards, max_wait: 30m, after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"##;

/// A plan of three tests and the watch after them, whose last test needs the word of `head`.
pub(super) const PLAN: &str = r#"
name = "cards"
bot = "helper"
version = "3.1.0"
holdout = 5

[[stages]]
name = "tenth"
share = "1/10"
min_days = 1
max_days = 14
promote = "auto"

[[stages]]
name = "fifth"
share = "1/5"
min_days = 1
max_days = 14
promote = "auto"

[[stages]]
name = "half"
share = "1/2"
min_days = 1
max_days = 14
promote = "approval"
approvers = ["head"]

[[stages]]
name = "all"
share = "all"
min_days = 1
max_days = 14
promote = "auto"

[analysis]
alpha = 0.05

[[metrics]]
name = "resolved"
measure = "resolved"
role = { guardrail = { margin = 0.12 } }
window_secs = 86400
expected = { share = 0.80 }

[[metrics]]
name = "early_hangup"
measure = "early_hangup"
role = { guardrail = { margin = 0.08, rollback = true } }
window_secs = 3600
expected = { share = 0.05 }

[[metrics]]
name = "human_seconds"
measure = "human_seconds"
role = { success = { required = true } }
window_secs = 3600
expected = { spread = 60.0 }
"#;

/// Fresh callers an hour.
const CALLERS: u64 = 60;
const AGENTS: u32 = 30;

pub(super) fn plan(text: &str) -> Arc<Plan> {
    let plan: Plan = toml::from_str(text).expect("a plan");
    let problems = plan.validate();
    assert!(problems.is_empty(), "{problems:?}");
    Arc::new(plan)
}

pub(super) fn rollout(plan: &Plan) -> Rollout {
    Rollout {
        name: Arc::clone(&plan.name),
        tried: match &plan.candidate {
            Some(candidate) => {
                Tried::Flow { present: "bank".into(), candidate: Arc::clone(candidate) }
            }
            None => Tried::Bot(Arc::clone(&plan.bot)),
        },
        salt: "pepper".into(),
        holdout: Holdout::percent(5).expect("5 is at most 50"),
        planned: true,
        exclusions: Exclusions { same_topic_within_secs: 0, ..Exclusions::default() },
        hours: Some("always".into()),
        ..Rollout::default()
    }
}

pub(super) fn calendars() -> Calendars {
    let mut calendars = Calendars::new();
    calendars.insert(Calendar::always_open("always"));
    calendars
}

fn policy(plan: &Plan) -> Policy {
    let flow = |text: &str| {
        let flow = flow::load("bank.yaml", text).unwrap_or_else(|found| panic!("{found:#?}"));
        (Arc::clone(&flow.name), Arc::new(flow))
    };
    let agents = (0..AGENTS).map(|n| AgentConfig::new(format!("agent{n}"))).collect();
    Policy {
        acd: Config::new(vec![QueueConfig::new("cards")], agents),
        skills: Vec::new(),
        shared_numbers: BTreeSet::new(),
        flows: [FLOW, NEXT, LOST].map(flow).into(),
        calendars: Arc::new(calendars()),
        opening: Opening::default(),
        recognisers: BTreeMap::new(),
        announcements: BTreeMap::new(),
        rollouts: BTreeMap::from([(Arc::clone(&plan.name), rollout(plan))]),
        bots: BTreeMap::from([(Arc::from("helper"), BotPolicy::default())]),
        music: "moh".into(),
        talk: TalkPolicy::default(),
        classifiers: BTreeMap::new(),
        callbacks: Default::default(),
    }
}

#[derive(Clone, Debug)]
enum Next {
    Call(String),
    Leg(LegId, LegEvent),
    /// A bot's part was heard to its end.
    Replied(MeasureId),
}

/// The house.
pub(super) struct World {
    pub(super) center: Center,
    pub(super) now: Timestamp,
    pub(super) steward: Steward,
    pub(super) store: Option<Store>,
    pub(super) reader: StoreReader,
    pub(super) place: Place,
    pub(super) plan: Arc<Plan>,
    /// What the center was told.
    pub(super) steered: Vec<(Timestamp, Steering)>,
    /// Whether the bot answers.
    pub(super) bot_works: bool,
    /// Whether it understands its callers; it hands them over when it does not.
    pub(super) bot_understands: bool,
    /// How soon it replies.
    pub(super) bot_takes: Duration,
    /// Its legs.
    bots: BTreeSet<LegId>,
    announcer: Announcer,
    agenda: BTreeMap<(Timestamp, u64), Next>,
    put: u64,
    callers: u64,
    /// Legs and numbers of calls in progress.
    calls: BTreeMap<CallId, (LegId, String)>,
    dice: u64,
    runtime: tokio::runtime::Runtime,
}

impl World {
    /// A house in which everybody is at work, and whose rollout has not begun. Time begins on a Monday at midnight.
    pub(super) fn new(place: Place, plan: Arc<Plan>) -> World {
        let now = Timestamp::from_secs(1_772_409_600);
        let policy = Arc::new(policy(&plan));
        let directory = Arc::new(Directory::of(&policy));
        let metrics = Arc::new(Metrics::new(directory.clone()));
        let store = Store::open(&place.database()).expect("a fresh store");
        let announcer = Announcer::new(directory, metrics, Some(store.sender()), None, Live::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut world = World {
            center: Center::new(policy, now),
            now,
            steward: Steward::default(),
            reader: store.reader(),
            store: Some(store),
            place,
            plan,
            steered: Vec::new(),
            bot_works: true,
            bot_understands: true,
            bot_takes: Duration::from_secs(1),
            bots: BTreeSet::new(),
            announcer,
            agenda: BTreeMap::new(),
            put: 0,
            callers: 0,
            calls: BTreeMap::new(),
            dice: 0x2545_f491_4f6c_dd1d,
            runtime: runtime.expect("a runtime"),
        };
        for n in 0..AGENTS {
            world.center.reachable(now, AgentId(n), true);
            let asker = Asker::new(Actor::Agent);
            world.center.set_status(now, AgentId(n), Status::Ready, asker, None).expect("allowed");
        }
        world.drain();
        world.restart();
        world
    }

    /// A steward who knows only what the database has.
    pub(super) fn restart(&mut self) {
        self.flush();
        let rollouts = BTreeMap::from([(Arc::clone(&self.plan.name), rollout(&self.plan))]);
        self.steward = Steward::new(std::slice::from_ref(&self.plan), &rollouts);
        let log = self.log();
        self.steward.restore(self.now, 0, log);
        self.act();
    }

    /// Contacts that were drawn from that moment on.
    pub(super) fn drawn(&self, since: Timestamp) -> Vec<Contact> {
        let drawn = self.reader.drawn(Arc::clone(&self.plan.name), since, self.now);
        self.runtime.block_on(drawn).expect("it can be read")
    }

    /// What was decided, as the database has it.
    pub(super) fn log(&self) -> DecisionLog {
        let (rollout, version) = (self.plan.name.to_string(), Some(self.plan.version.to_string()));
        let log = Log { rollout, version, limit: DECISIONS_MAX };
        self.runtime.block_on(self.reader.decisions(log)).expect("it can be read")
    }

    /// Every decision so far.
    pub(super) fn log_after_flush(&self) -> Vec<Decision> {
        self.flush();
        self.log().decisions.into_iter().map(|kept| kept.decision).collect()
    }

    pub(super) fn state(&self) -> State {
        self.steward.tended[0].machine().expect("it is tended").state().clone()
    }

    pub(super) fn order(&mut self, order: Order, who: &str, reason: &str) -> Result<(), String> {
        let command = Command { order, who: who.into(), reason: reason.to_owned() };
        let done = self.steward.order(self.now, &self.plan.name.clone(), command);
        self.act();
        done.map_err(|error| error.to_string())
    }

    pub(super) fn evidence(&self, wanted: &Wanted) -> Result<Evidence, ReadError> {
        self.runtime.block_on(gather(&self.reader, wanted, &calendars()))
    }

    pub(super) fn flush(&self) {
        let store = self.store.as_ref().expect("it is open");
        assert!(store.flush(Duration::from_secs(30)), "the store writes");
    }

    /// Lets so many hours pass, with callers; looks at what is due when they are over.
    pub(super) fn hours(&mut self, hours: u64) {
        self.callers_for(hours);
        if !self.steward.due(self.now).is_empty() {
            self.flush();
        }
        for wanted in self.steward.due(self.now) {
            let evidence = self.evidence(&wanted).expect("the database is there");
            self.steward.check(self.now, wanted.place, wanted.due, &evidence);
        }
        self.act();
    }

    /// Lets so many hours pass, with callers.
    pub(super) fn callers_for(&mut self, hours: u64) {
        for _ in 0..hours {
            for _ in 0..CALLERS {
                self.callers += 1;
                let at = self.now + Duration::from_millis(self.roll(3_600_000));
                self.put(at, Next::Call(format!("+7701{:07}", self.callers)));
            }
            self.until(self.now + Duration::from_secs(3_600));
        }
    }

    fn until(&mut self, end: Timestamp) {
        loop {
            let wakes = [self.center.poll_timeout(), self.steward.poll_timeout()];
            let wakes = wakes.into_iter().flatten().filter(|at| *at > self.now);
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = wakes.chain(next).min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            if next == Some(at) {
                let (_, next) = self.agenda.pop_first().expect("seen above");
                self.happen(next);
            }
            self.center.handle_timeout(self.now);
            self.steward.handle_timeout(self.now);
            self.drain();
            self.act();
        }
        self.now = end;
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Call(number) => {
                let arrival = Arrival {
                    flow: "bank".into(),
                    dialled: "100".into(),
                    caller: Some(number.clone()),
                    language: None,
                };
                let (call, leg) = self.center.arrive(self.now, arrival).expect("a known flow");
                self.calls.insert(call, (leg, number));
            }
            Next::Leg(leg, event) => self.center.leg(self.now, leg, event),
            Next::Replied(measure) => {
                let replies = Replies { came: vec![(self.bot_takes, 5)], owed: Duration::ZERO };
                self.center.measured(self.now, measure, Speech::default(), &replies);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.center.poll_output() {
            match output {
                Output::Leg(leg, command) => self.told(leg, command),
                Output::Contact(contact) => self.announcer.contact(contact),
                Output::Callback(callback) => self.announcer.callback(callback),
                Output::Lookup(_) => {}
                Output::Fact(fact) => {
                    self.steward.fact(&fact);
                    self.follow(&fact);
                    self.announcer.fact(fact);
                }
            }
        }
    }

    /// What legs do by themselves.
    fn told(&mut self, leg: LegId, command: LegCommand) {
        if matches!(command, LegCommand::Answer) {
            self.later(1, leg, LegEvent::Answered);
        } else if let LegCommand::Play { play, .. } = command {
            self.later(2, leg, LegEvent::Played(play));
        } else if let LegCommand::RingAgent { .. } = command {
            self.later(1, leg, LegEvent::Ringing);
            self.later(4, leg, LegEvent::Answered);
        } else if let LegCommand::Measure { measure, .. } = command {
            // His longest part lasts two minutes.
            if self.bots.remove(&leg) {
                self.put(self.now + Duration::from_secs(130), Next::Replied(measure));
            }
        } else if let LegCommand::CallBot { .. } = command {
            self.bots.insert(leg);
            if self.bot_works {
                self.later(1, leg, LegEvent::Answered);
                let talks = 60 + self.roll(60);
                let over = if self.bot_understands {
                    LegEvent::HungUp
                } else {
                    let note = BotNote { reason: Some("no_match".into()), ..BotNote::default() };
                    LegEvent::BotOver(BotOver::Transfer, Some(Box::new(note)))
                };
                self.later(talks, leg, over);
            } else {
                self.later(1, leg, LegEvent::Refused(Refusal::Unreachable));
            }
        }
    }

    /// What callers do: five of a hundred hang up soon, and one of five calls again within a day.
    fn follow(&mut self, fact: &Fact) {
        let Some(call) = fact.call else { return };
        if matches!(fact.what, What::Connected { .. } | What::BotConnected { .. }) {
            let (leg, _) = self.calls[&call];
            // One of fifty wants a person and not the bot.
            if matches!(fact.what, What::BotConnected { .. }) && self.roll(50) == 0 {
                self.later(8, leg, LegEvent::Key(Key::new('0').expect("a key")));
            }
            let talks = if self.roll(100) < 5 { 10 } else { 100 + self.roll(100) };
            self.later(talks, leg, LegEvent::HungUp);
        } else if let What::CallEnded { .. } = fact.what {
            let (_, number) = self.calls.remove(&call).expect("it came in");
            if self.roll(100) < 20 {
                let again = Duration::from_secs(7_200 + self.roll(70_000));
                self.put(self.now + again, Next::Call(number));
            }
        }
    }

    /// Does what the steward wants.
    fn act(&mut self) {
        while let Some(act) = self.steward.poll_act() {
            match act {
                Act::Keep(row) => {
                    let store = self.store.as_ref().expect("it is open");
                    store.sender().try_send(Record::Decided(row));
                }
                Act::Steer(steering) => {
                    self.steered.push((self.now, steering.clone()));
                    self.center.steer(self.now, steering).expect("the house has it");
                    self.drain();
                }
            }
        }
    }

    fn later(&mut self, secs: u64, leg: LegId, event: LegEvent) {
        self.put(self.now + Duration::from_secs(secs), Next::Leg(leg, event));
    }

    fn put(&mut self, at: Timestamp, next: Next) {
        self.put += 1;
        self.agenda.insert((at, self.put), next);
    }

    /// Below `n` (xorshift64).
    fn roll(&mut self, n: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % n
    }

    /// The share that the center draws at.
    pub(super) fn share(&self) -> Option<Share> {
        self.center.share_of(&self.plan.name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(store) = self.store.take() {
            store.close();
        }
    }
}
