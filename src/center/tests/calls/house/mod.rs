//! A small bank around the center: two agents, two queues, one bot, and a driver that plays all legs by hand.

mod ears;

use dozvon_center::Center;
use dozvon_center::acd::{Activity, Actor, AgentConfig, Config, QueueConfig, Status};
use dozvon_center::border::{Arrival, LegCommand, LegEvent, Output};
use dozvon_center::calendar::Calendars;
use dozvon_center::callback::{Callback, CallbackPolicy};
use dozvon_center::contact::Contact;
use dozvon_center::desk::Asker;
use dozvon_center::fact::{Fact, What};
use dozvon_center::flow;
use dozvon_center::ids::{AgentId, CallId, CallbackId, Key, LegId, PlayId, SkillId};
use dozvon_center::lookup::{Lookup, Reply};
use dozvon_center::opening::Opening;
use dozvon_center::policy::{BotPolicy, Policy, TalkPolicy};
use dozvon_center::rollout::{Holdout, Rollout, Share, Tried};
use dozvon_center::talk::{TalkCommand, TalkError};
use dozvon_center::waiting::Announcements;
use dozvon_clock::Timestamp;
use ears::Ears;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const FLOW: &str = r##"
flow: bank
languages: [ru]
start: hello
operator: {keys: ["0"], to: q-general}
vars:
  code: {type: digits, secret: true}
nodes:
  hello: {say: {play: [hello], next: main}}
  main:
    menu:
      timeout: 4s
      attempts: 2
      options:
        "1": {say: opt-code, to: code}
        "2": {say: opt-cards, to: cards}
        "3": {say: opt-out, to: out}
        "A": {to: q-rules}
        "B": {to: q-leave}
        "C": {to: q-callback}
        "D": {to: later}
      silence: q-general
      wrong: q-general
  code:
    digits: {play: enter-code, into: code, length: 4, end_key: "#", timeout: 6s, between: 3s, attempts: 2,
      next: thanks, failed: q-general}
  thanks: {say: {play: [thanks], next: bye}}
  cards: {rollout: {name: cards, bot: bot, people: q-cards}}
  bot:
    bot: {use: helper, max_duration: 60s,
      after: {done: bye, transfer: q-cards, failed: q-cards, too_long: q-cards}}
  q-general:
    queue: {name: general, max_wait: 60s,
      after: {answered: survey, max_wait: out, nobody: bye, full: bye, closed: bye}}
  q-cards:
    queue: {name: cards, max_wait: 60s,
      after: {answered: bye, max_wait: q-general, nobody: bye, full: bye, closed: bye}}
  q-rules:
    queue:
      name: general
      max_wait: 10m
      at:
        - {position_over: 1, announce: busy}
        - {wait: 30s, overflow: q-cards}
      after: {answered: bye, max_wait: bye, nobody: bye}
  q-leave:
    queue:
      name: general
      max_wait: 10m
      lose_place: true
      at: [{wait: 30s, overflow: q-cards}]
      after: {answered: bye, max_wait: bye, nobody: bye}
  q-callback:
    queue:
      name: general
      max_wait: 10m
      at: [{wait: 20s, callback: later}]
      after: {answered: survey, max_wait: bye, nobody: later, full: later, closed: later}
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

pub(crate) const ANNA: AgentId = AgentId(0);
pub(crate) const BORIS: AgentId = AgentId(1);
pub(crate) const VERA: AgentId = AgentId(2);

/// The center, the time and everything it has said.
pub(crate) struct House {
    pub(crate) center: Center,
    pub(crate) now: Timestamp,
    pub(crate) commands: Vec<(LegId, LegCommand)>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) contacts: BTreeMap<CallId, Contact>,
    pub(crate) callbacks: BTreeMap<CallbackId, Callback>,
    /// Endpoints that were to be asked.
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) ears: Ears,
    /// Legs that have answered, and legs that are gone by themselves.
    up: BTreeSet<LegId>,
    gone: BTreeSet<LegId>,
}

/// A policy with this bot share.
pub(crate) fn policy(share: Share) -> Policy {
    let flow = flow::load("bank.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}"));
    let agent = |name: &str| AgentConfig {
        skills: BTreeMap::from([(SkillId(0), 1)]),
        team: "day".into(),
        ..AgentConfig::new(name)
    };
    let queues = vec![QueueConfig::new("general"), QueueConfig::new("cards")];
    let rollout = Rollout {
        name: "cards".into(),
        tried: Tried::Bot("helper".into()),
        salt: "pepper".into(),
        share,
        holdout: Holdout::default(),
        ..Rollout::default()
    };
    Policy {
        acd: Config::new(queues, vec![agent("anna"), agent("boris"), agent("vera")]),
        skills: vec!["cards".into()],
        shared_numbers: BTreeSet::new(),
        flows: BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]),
        calendars: Arc::new(Calendars::new()),
        opening: Opening::default(),
        recognisers: BTreeMap::new(),
        announcements: BTreeMap::from([(Arc::from("cards"), announcements())]),
        rollouts: BTreeMap::from([(Arc::from("cards"), rollout)]),
        bots: BTreeMap::from([(Arc::from("helper"), BotPolicy::default())]),
        music: "moh".into(),
        classifiers: BTreeMap::new(),
        callbacks: CallbackPolicy::default(),
        talk: TalkPolicy { hold_phrase: Some("please-hold".into()), ..TalkPolicy::default() },
    }
}

/// The callers of `cards` are told their place and their wait, and hear comfort.
fn announcements() -> Announcements {
    Announcements {
        position: true,
        wait: true,
        first_after: Duration::from_secs(10),
        every: Duration::from_secs(30),
        comfort: vec!["please-hold".into()],
    }
}

impl House {
    pub(crate) fn new(share: Share) -> House {
        House::under(policy(share))
    }

    /// A house with this policy.
    pub(crate) fn under(policy: Policy) -> House {
        let now = Timestamp::from_secs(1_800_000_000);
        House::of(Center::new(Arc::new(policy), now), now)
    }

    /// A house with this center.
    pub(crate) fn of(center: Center, now: Timestamp) -> House {
        House {
            center,
            now,
            commands: Vec::new(),
            facts: Vec::new(),
            contacts: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            lookups: Vec::new(),
            ears: Ears::default(),
            up: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// A house where these agents are ready and can be reached.
    pub(crate) fn with_ready(share: Share, agents: &[AgentId]) -> House {
        let mut house = House::new(share);
        house.ready(agents);
        house
    }

    /// These agents come to work.
    pub(crate) fn ready(&mut self, agents: &[AgentId]) {
        for agent in agents {
            self.center.reachable(self.now, *agent, true);
            self.status(*agent, Status::Ready);
        }
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.center.poll_output() {
            match output {
                Output::Leg(leg, command) => {
                    self.ears.obey(leg, &command);
                    self.commands.push((leg, command));
                }
                Output::Contact(contact) => {
                    self.contacts.insert(contact.call, *contact);
                }
                Output::Fact(fact) => self.facts.push(fact),
                Output::Callback(callback) => {
                    self.callbacks.insert(callback.id, *callback);
                }
                Output::Lookup(lookup) => self.lookups.push(*lookup),
            }
        }
        self.center.check_invariants();
    }

    pub(crate) fn status(&mut self, agent: AgentId, status: Status) {
        self.center
            .set_status(self.now, agent, status, Asker::new(Actor::Agent), None)
            .expect("allowed");
        self.drain();
    }

    pub(crate) fn event(&mut self, leg: LegId, event: LegEvent) {
        self.center.leg(self.now, leg, event);
        self.drain();
    }

    /// An endpoint answers the lookup that was given out last.
    pub(crate) fn reply(&mut self, reply: Reply) {
        let id = self.lookups.last().expect("an endpoint is asked").id;
        self.center.looked_up(self.now, id, reply);
        self.drain();
    }

    pub(crate) fn key(&mut self, leg: LegId, key: char) {
        self.event(leg, LegEvent::Key(Key::new(key).expect("a key")));
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, secs: f64) {
        let end = self.now + Duration::from_secs_f64(secs);
        while let Some(next) = self.center.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.center.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// A call that is answered and hears the first prompt.
    pub(crate) fn call(&mut self, number: &str) -> (CallId, LegId) {
        let arrival = Arrival {
            flow: "bank".into(),
            dialled: "100".into(),
            caller: Some(number.to_owned()),
            language: None,
        };
        let (call, leg) = self.center.arrive(self.now, arrival).expect("the flow is known");
        self.drain();
        self.event(leg, LegEvent::Answered);
        (call, leg)
    }

    /// The last `Play` on a leg has ended.
    pub(crate) fn played(&mut self, leg: LegId) {
        let play: PlayId =
            self.commands
                .iter()
                .rev()
                .filter(|(to, _)| *to == leg)
                .find_map(|(_, command)| {
                    if let LegCommand::Play { play, .. } = command { Some(*play) } else { None }
                })
                .expect("something plays");
        self.event(leg, LegEvent::Played(play));
    }

    /// The newest leg that was told something of this kind.
    pub(crate) fn newest(&self, of: impl Fn(&LegCommand) -> bool) -> LegId {
        let found = self.commands.iter().rev().find(|(_, command)| of(command));
        found.map(|(leg, _)| *leg).expect("such a command was given")
    }

    /// A call in a talk: its id, the caller's leg, the agent's leg.
    pub(crate) fn in_talk(&mut self, number: &str) -> (CallId, LegId, LegId) {
        let (call, leg) = self.call(number);
        self.key(leg, '0');
        let agent = self.answer();
        assert_eq!(self.state(call), "talking");
        (call, leg, agent)
    }

    /// Does something with a talk.
    pub(crate) fn talk(&mut self, call: CallId, command: TalkCommand) -> Result<(), TalkError> {
        let result = self.center.talk(self.now, call, command);
        self.drain();
        result
    }

    pub(crate) fn activity(&self, agent: AgentId) -> Activity {
        self.center.agent(agent).expect("an agent of the policy").activity
    }

    /// Whether the leg was ended by us.
    pub(crate) fn released(&self, leg: LegId) -> bool {
        self.commands.iter().any(|(to, c)| *to == leg && matches!(c, LegCommand::Release(_)))
    }

    /// Tells an event that this leg can have now: one that was called answers once, one that has answered doesn't
    /// ring, one that is gone says nothing.
    pub(crate) fn event_if_fit(&mut self, leg: LegId, event: LegEvent) {
        let called = |(to, command): &(LegId, LegCommand)| {
            *to == leg
                && matches!(
                    command,
                    LegCommand::RingAgent { .. }
                        | LegCommand::RingForCallback { .. }
                        | LegCommand::CallBack { .. }
                        | LegCommand::Dial { .. }
                )
        };
        let rings = self.commands.iter().any(called) && !self.up.contains(&leg);
        let fits = match event {
            LegEvent::Answered => rings,
            LegEvent::Ringing => rings,
            LegEvent::HungUp
            | LegEvent::Lost(_)
            | LegEvent::Held(_)
            | LegEvent::Broken(_)
            | LegEvent::Regained => !rings,
            LegEvent::Refused(_)
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..) => true,
        };
        if fits && !self.gone.contains(&leg) && !self.released(leg) {
            if event == LegEvent::Answered {
                self.up.insert(leg);
            }
            if matches!(event, LegEvent::HungUp | LegEvent::Lost(_)) {
                self.gone.insert(leg);
                self.ears.obey(leg, &LegCommand::StopPlaying);
            }
            self.event(leg, event);
        }
    }

    pub(crate) fn rung(&self) -> LegId {
        self.newest(|command| matches!(command, LegCommand::RingAgent { .. }))
    }

    /// Rings and answers the newest offer.
    pub(crate) fn answer(&mut self) -> LegId {
        let leg = self.rung();
        self.event(leg, LegEvent::Ringing);
        self.event(leg, LegEvent::Answered);
        leg
    }

    pub(crate) fn count(&self, of: impl Fn(&What) -> bool) -> usize {
        self.facts.iter().filter(|fact| of(&fact.what)).count()
    }

    pub(crate) fn state(&self, call: CallId) -> &'static str {
        self.center.calls(self.now).find(|view| view.call == call).map_or("gone", |view| view.state)
    }

    pub(crate) fn place(&self, call: CallId) -> String {
        let view = self.center.calls(self.now).find(|view| view.call == call);
        view.map_or_else(String::new, |view| view.place.to_string())
    }
}
