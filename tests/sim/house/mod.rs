//! The day of the whole house: callers in the flow, bots, queues with rules and hours, talks with everything that is
//! done in them, callbacks, emergencies, supervisors, and another policy in the middle of the day.
//!
//! The world carries legs as the switch would: it is told commands and tells events, and owns the clock. Every input
//! and every output goes to the [`Books`](crate::books::Books), which know the laws.

pub mod bank;
pub mod mischief;
mod people;
mod plan;
mod talks;

use crate::books::{Books, Tally};
use crate::rng::Rng;
use crate::world::{Agenda, Story};
use bank::Customer;
use dozvon_center::Center;
use dozvon_center::acd::{Actor, Status};
use dozvon_center::border::{Arrival, LegCommand, LegEvent, Output};
use dozvon_center::contact::{Ending, Fault};
use dozvon_center::desk::Asker;
use dozvon_center::fact::Fact;
use dozvon_center::ids::{AgentId, CallId, CallbackId, LegId};
use dozvon_center::policy::Policy;
use dozvon_center::replay::{Heard, Recording};
use dozvon_center::supervise::WatchMode;
use dozvon_center::talk::TalkCommand;
use dozvon_clock::Timestamp;
use mischief::{Mischief, Mischiefs};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What people, phones and the world do.
#[derive(Clone, Debug)]
enum Act {
    /// Somebody calls.
    Call(Customer),
    /// Something happens to a leg, if it is there still.
    Leg(LegId, LegEvent),
    /// An answer is on its way when the leg may be gone.
    Crossing(LegId),
    /// A caller has waited for long enough in this stay of his.
    Impatient(CallId, u32),
    /// Something is done with this talk of a call.
    Talk(CallId, u32, Deed),
    /// A parked call is wanted.
    Retrieve(CallId, AgentId),
    /// An agent does what he meant to do.
    LogIn(AgentId, Timestamp),
    LogOut(AgentId),
    Set(AgentId, Status),
    Back(AgentId),
    Phone(AgentId, bool),
    OwnCall(AgentId, bool),
    EndWrapUp(AgentId),
    /// A supervisor does something.
    Supervise(AgentId, Care),
    /// The house.
    Emergency(&'static str, bool),
    Reload(usize),
    Withdraw,
    Ask,
    Cancel(CallbackId),
    Outage,
}

/// What a supervisor does.
#[derive(Clone, Copy, Debug)]
enum Care {
    /// Looks over this agent's shoulder, in this way.
    Watch(AgentId, WatchMode),
    Unwatch,
    TakeOver,
}

/// What is done in a talk.
#[derive(Clone, Debug)]
enum Deed {
    /// A command of a desk.
    Command(TalkCommand),
    /// The agent's phone says this.
    Phone(LegEvent),
    /// The caller's phone does.
    Caller(LegEvent),
    /// The colleague's phone does, if there is one on the line.
    Third(LegEvent),
}

/// Who has a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Caller,
    Agent(AgentId),
    Bot,
    Outside,
    Customer,
}

/// A leg as its phone knows it.
#[derive(Clone, Copy, Debug)]
struct Phone {
    holder: Holder,
    up: bool,
}

/// A call as its caller knows it.
#[derive(Clone, Debug)]
struct Contact {
    customer: Customer,
    leg: LegId,
    /// His stays in queues, and his talks, counted.
    stays: u32,
    talks: u32,
    /// The agent's leg, and the third party's.
    agent: Option<LegId>,
    third: Option<LegId>,
}

/// What the day was like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What became of everybody.
    pub tally: Tally,
    /// What went wrong.
    pub mischiefs: Mischiefs,
    /// Inputs to the center.
    pub inputs: u64,
    /// Outputs from it.
    pub outputs: u64,
    /// A digest of every output with its time.
    pub digest: u64,
}

/// A line of the story.
#[derive(Debug)]
pub enum Line {
    /// What went in.
    In(String),
    /// What a leg was told.
    Told(LegId, LegCommand),
    /// What happened.
    Fact(Box<Fact>),
}

/// How a day is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// After how many steps the center has to show its inside.
    pub check_every: u64,
    /// Whether to reckon the digest.
    pub digest: bool,
}

struct House<'a> {
    recording: Option<Recording>,
    center: Center,
    books: Books,
    agenda: Agenda<Act>,
    rng: Rng,
    mischiefs: Mischiefs,
    story: &'a mut Story<Line>,
    options: Options,
    now: Timestamp,
    policies: Vec<Arc<Policy>>,
    legs: BTreeMap<LegId, Phone>,
    calls: BTreeMap<CallId, Contact>,
    /// Until when each agent works.
    shifts: Vec<Timestamp>,
    report: Report,
}

/// Runs two days: the first whole, the second until every request to be called back is over.
///
/// # Panics
/// When a law is broken.
pub fn day(seed: u64, options: Options, story: &mut Story<Line>) -> Report {
    let mut house = House::new(seed, options, story);
    house.plan();
    house.run();
    house.report
}

/// Runs two days and records the first of them as an event log would; `calm`: nothing goes wrong, and talks are only
/// talks. With the policy that the recorded day ended by.
///
/// # Panics
/// When a law is broken.
pub fn recorded_day(seed: u64, calm: bool, story: &mut Story<Line>) -> (Recording, Arc<Policy>) {
    let options = Options { check_every: 5_000, digest: false };
    let mut house = House::new(seed, options, story);
    house.mischiefs.none = calm;
    house.recording = Some(Recording::new(bank::at(6.0), bank::at(24.0)));
    house.plan();
    house.run();
    let last = house.center.policy().clone();
    (house.recording.take().expect("begun above"), last)
}

impl<'a> House<'a> {
    fn new(seed: u64, options: Options, story: &'a mut Story<Line>) -> House<'a> {
        let mut rng = Rng::new(seed ^ 0x486F_7573_6521);
        let policies = bank::policies(&mut rng);
        let now = bank::at(6.0);
        House {
            recording: None,
            center: Center::new(policies[0].clone(), now),
            books: Books::new(now, &policies),
            agenda: Agenda::default(),
            mischiefs: Mischiefs::default(),
            now,
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            shifts: vec![now; bank::EVERYBODY as usize],
            report: Report {
                tally: Tally::default(),
                mischiefs: Mischiefs::default(),
                inputs: 0,
                outputs: 0,
                digest: 0xcbf2_9ce4_8422_2325,
            },
            policies,
            rng,
            story,
            options,
        }
    }
}

impl House<'_> {
    fn run(&mut self) {
        let mut steps = 0u64;
        loop {
            let (wakes, acts) = (self.center.poll_timeout(), self.agenda.next());
            let Some(at) = [wakes, acts].into_iter().flatten().min() else { break };
            if at > bank::at(60.0) {
                // What is left are the watches over figures that nobody is in any more.
                break;
            }
            self.now = at.max(self.now);
            self.story.at(self.now);
            if acts == Some(at) {
                let act = self.agenda.pop().expect("seen above");
                self.act(act);
            } else {
                self.center.handle_timeout(self.now);
                self.drain();
                let next = self.center.poll_timeout();
                assert!(next.is_none_or(|next| next > self.now), "law: what was due is done");
            }
            steps += 1;
            if steps.is_multiple_of(self.options.check_every) {
                self.center.check_invariants();
                self.books.look_around(self.now);
            }
        }
        self.center.check_invariants();
        self.books.day_over(&self.center);
        self.report.tally = self.books.tally().clone();
        self.report.mischiefs = self.mischiefs.clone();
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Call(customer) => self.call(customer),
            Act::Leg(leg, event) => self.leg(leg, event),
            Act::Crossing(leg) => {
                self.input(format!("{leg} answers although it is released"));
                self.center.leg(self.now, leg, LegEvent::Answered);
                self.drain();
            }
            Act::Impatient(call, stay) => {
                let waits = self.calls.get(&call).filter(|known| known.stays == stay);
                if let Some(leg) = waits.map(|known| known.leg)
                    && self.books.waits(call)
                {
                    self.leg(leg, LegEvent::HungUp);
                }
            }
            Act::Talk(call, talk, deed) => self.deed(call, talk, deed),
            Act::Retrieve(call, agent) => {
                self.input(format!("{agent} retrieves {call}"));
                let _ = self.center.retrieve(self.now, call, agent);
                self.drain();
            }
            Act::LogIn(agent, until) => {
                self.shifts[agent.0 as usize] = until;
                let supervises = bank::SUPERVISORS.contains(&agent);
                self.set(agent, if supervises { Status::NotReady } else { Status::Ready });
            }
            Act::LogOut(agent) => {
                self.input(format!("{agent} goes home"));
                self.books.chooses(agent);
                let asker = Asker::new(Actor::Agent);
                self.center.log_out(self.now, agent, asker).expect("anybody may go home");
                self.drain();
            }
            Act::Set(agent, status) => {
                if self.books.at_work(agent) {
                    self.set(agent, status);
                }
            }
            Act::Back(agent) => {
                if self.books.at_work(agent) && self.now < self.shifts[agent.0 as usize] {
                    self.set(agent, Status::Ready);
                }
            }
            Act::Phone(agent, up) => {
                self.input(format!("{agent} within reach: {up}"));
                self.books.reach(agent, up);
                self.center.reachable(self.now, agent, up);
                self.drain();
            }
            Act::OwnCall(agent, begins) => {
                self.input(format!("{agent} own call: {begins}"));
                self.center.own_call(self.now, agent, begins);
                self.drain();
            }
            Act::EndWrapUp(agent) => {
                self.input(format!("{agent} ends the wrap-up"));
                let _ = self.center.end_wrap_up(self.now, agent, Actor::Agent);
                self.drain();
            }
            Act::Supervise(supervisor, care) => self.supervise(supervisor, care),
            Act::Emergency(site, on) => {
                self.input(format!("emergency at {site}: {on}"));
                self.books.emergency(self.now, site, on);
                let said = self.center.set_emergency(self.now, site, on, "boss", "it burns");
                said.expect("there is such a site");
                self.drain();
            }
            Act::Reload(version) => {
                self.input(format!("policy {version}"));
                let policy = self.policies[version].clone();
                self.books.reload(version);
                self.center.reload(self.now, policy, &format!("v{version}"), "ops");
                self.drain();
            }
            Act::Withdraw => self.withdraw(),
            Act::Ask => self.staff_asks(),
            Act::Cancel(id) => {
                self.input(format!("{id} is taken back"));
                let result = self.center.cancel_callback(self.now, id);
                self.books.cancelled(id, result.is_ok());
                self.drain();
            }
            Act::Outage => self.outage(),
        }
    }

    fn supervise(&mut self, supervisor: AgentId, care: Care) {
        self.input(format!("{supervisor} {care:?}"));
        match care {
            Care::Watch(agent, mode) => {
                let result = self.center.watch(self.now, supervisor, agent, mode);
                self.books.watched(supervisor, agent, mode, result.is_ok());
            }
            Care::Unwatch => {
                self.center.unwatch(self.now, supervisor);
            }
            // Refused while nothing is to be taken over.
            Care::TakeOver => {
                let _ = self.center.take_over(self.now, supervisor);
            }
        }
        self.drain();
    }

    /// Puts something on the agenda.
    fn later(&mut self, after: Duration, act: Act) {
        self.agenda.put(self.now + after, act);
    }

    fn strikes(&mut self, what: Mischief) -> bool {
        self.mischiefs.strikes(what, &mut self.rng)
    }

    fn input(&mut self, what: String) {
        self.report.inputs += 1;
        self.story.tell(Line::In(what));
    }

    fn set(&mut self, agent: AgentId, status: Status) {
        self.input(format!("{agent} wants {status}"));
        self.books.chooses(agent);
        let asker = Asker::new(Actor::Agent);
        let result = self.center.set_status(self.now, agent, status, asker, None);
        self.drain();
        if result.is_err() {
            // His phone is out of reach: he tries again.
            self.later(Duration::from_secs(40), Act::Back(agent));
        }
    }

    fn call(&mut self, customer: Customer) {
        self.input(format!("{customer:?} calls"));
        let arrival = Arrival {
            flow: "bank".into(),
            dialled: customer.dialled.to_owned(),
            caller: customer.number.clone(),
            language: None,
        };
        self.books.arrives(self.now, &arrival);
        let (call, leg) = self.center.arrive(self.now, arrival).expect("the bank has that flow");
        self.legs.insert(leg, Phone { holder: Holder::Caller, up: false });
        let contact = Contact { customer, leg, stays: 0, talks: 0, agent: None, third: None };
        self.calls.insert(call, contact);
        self.books.arrived(self.now, call, leg);
        self.drain();
    }

    /// Something happens to a leg; nothing when it is gone.
    fn leg(&mut self, leg: LegId, event: LegEvent) {
        let Some(phone) = self.legs.get_mut(&leg) else { return };
        match &event {
            LegEvent::Answered => phone.up = true,
            LegEvent::HungUp | LegEvent::Lost(_) | LegEvent::Refused(_) => {
                self.legs.remove(&leg);
            }
            LegEvent::Ringing
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Held(_)
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained => {}
        }
        self.input(format!("{leg} {event:?}"));
        self.books.happens(self.now, leg, &event);
        self.center.leg(self.now, leg, event.clone());
        self.drain();
        let again = matches!(event, LegEvent::Answered | LegEvent::Ringing | LegEvent::Held(_));
        if again && self.legs.contains_key(&leg) && self.strikes(Mischief::Twice) {
            self.center.leg(self.now, leg, event);
            self.drain();
        }
    }

    /// A supervisor takes some call out of the house.
    fn withdraw(&mut self) {
        let calls = self.center.call_ids();
        if calls.is_empty() || !self.strikes(Mischief::Withdrawn) {
            return;
        }
        let call = self.rng.pick(&calls);
        self.input(format!("{call} is taken out"));
        self.center.hang_up(self.now, call, Ending::new(Fault::Nobody, "withdrawn"));
        self.drain();
    }

    /// Every caller's line breaks.
    fn outage(&mut self) {
        if !self.strikes(Mischief::TrunkOutage) {
            return;
        }
        let callers = self.legs.iter().filter(|(_, phone)| phone.holder == Holder::Caller);
        let callers: Vec<LegId> = callers.map(|(leg, _)| *leg).collect();
        for leg in callers {
            self.leg(leg, LegEvent::Lost(dozvon_center::border::Loss::Signalling));
        }
    }

    /// Tells the books everything that the center wants, and lets people react.
    fn drain(&mut self) {
        while let Some(output) = self.center.poll_output() {
            self.note(&output);
            self.books.output(self.now, &output);
            match output {
                Output::Leg(leg, command) => {
                    self.obey(leg, &command);
                    self.story.tell(Line::Told(leg, command));
                }
                Output::Fact(fact) => {
                    let heard = Heard::of(&fact, |agent| self.center.policy().agent_name(agent));
                    if let (Some(recording), Some(heard)) = (&mut self.recording, heard) {
                        recording.hear(fact.at, heard);
                    }
                    self.react(&fact);
                    self.story.tell(Line::Fact(Box::new(fact)));
                }
                Output::Callback(_) | Output::Contact(_) | Output::Lookup(_) => {}
            }
        }
        self.books.step_over(self.now, &self.center);
    }

    fn note(&mut self, output: &Output) {
        self.report.outputs += 1;
        if !self.options.digest {
            return;
        }
        for byte in format!("{} {output:?}", self.now).bytes() {
            let mixed = self.report.digest ^ u64::from(byte);
            self.report.digest = mixed.wrapping_mul(0x0100_0000_01b3);
        }
    }
}
