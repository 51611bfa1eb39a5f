//! The day of the ACD: three hundred agents and everybody who calls, as people behave, with phones as they are.

use crate::faults::{Fault, Faults};
use crate::oracle::{Input, Oracle, Tally};
use crate::plan::{self, Caller, Intent};
use crate::rng::Rng;
use crate::world::{Agenda, Story};
use dozvon_center::acd::{
    Acd, Activity, Actor, Answer, Cause, Event, Failure, Leaving, Manner, Presence, Requirement,
    Side, Status, WaitEnd, Waiting,
};
use dozvon_center::ids::{AgentId, CallId, OfferId, QueueId};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// What people and phones do.
#[derive(Clone, Debug)]
enum Act {
    /// A caller calls.
    Call(Caller),
    /// A message comes to the ACD.
    Send(Input),
    /// The patience of a caller is over.
    Impatient(CallId),
    /// An agent does what he meant to do.
    Intend(AgentId, Intent),
    /// An agent is back at the desk.
    Back(AgentId),
    /// Some supervisor does something.
    Supervise,
    /// The trunk is cut.
    Outage,
}

/// What a day was like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What became of the calls.
    pub tally: Tally,
    /// What went wrong.
    pub faults: Faults,
    /// Inputs to the ACD.
    pub inputs: u64,
    /// Events from it.
    pub events: u64,
    /// A digest of every event with its time: the same for the same day.
    pub digest: u64,
}

/// A line of the story.
#[derive(Debug)]
pub enum Line {
    /// What went in.
    In(Input),
    /// What came out.
    Out(Event),
}

/// How a day is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// After how many steps the ACD has to show its inside; 1: after each.
    pub check_every: u64,
    /// Whether to reckon the digest, which takes longer than the day.
    pub digest: bool,
}

struct Floor<'a> {
    acd: Acd,
    oracle: Oracle,
    agenda: Agenda<Act>,
    rng: Rng,
    faults: Faults,
    story: &'a mut Story<Line>,
    options: Options,
    now: Timestamp,
    ring_timeout: Duration,
    calls: u64,
    offers: u64,
    /// When each agent's shift ends.
    shifts: Vec<Timestamp>,
    report: Report,
}

/// Runs a day, from before the first agent comes until nothing is left to happen.
///
/// # Panics
/// When a law is broken.
pub fn day(seed: u64, options: Options, story: &mut Story<Line>) -> Report {
    let mut rng = Rng::new(seed);
    let config = plan::config(&mut rng);
    let start = Timestamp::EPOCH;
    let tally = Tally::default();
    let faults = Faults::default();
    let mut floor = Floor {
        oracle: Oracle::new(&config, start),
        ring_timeout: config.queues[0].ring_timeout,
        shifts: vec![start; config.agents.len()],
        acd: Acd::new(config, start),
        agenda: Agenda::default(),
        faults: faults.clone(),
        now: start,
        calls: 0,
        offers: 0,
        report: Report { tally, faults, inputs: 0, events: 0, digest: 0xcbf2_9ce4_8422_2325 },
        rng,
        story,
        options,
    };
    floor.plan();
    floor.run();
    floor.report
}

impl Floor<'_> {
    fn plan(&mut self) {
        for (at, agent, intent) in plan::intents(&mut self.rng, &mut self.faults) {
            self.agenda.put(at, Act::Intend(agent, intent));
        }
        for caller in plan::callers(&mut self.rng) {
            self.agenda.put(caller.at, Act::Call(caller));
        }
        for _ in 0..150 {
            let at = plan::at(8.5 + 10.0 * self.rng.unit());
            self.agenda.put(at, Act::Supervise);
        }
        if self.faults.strikes(Fault::TrunkOutage, &mut self.rng) {
            let at = plan::at(10.0 + 6.0 * self.rng.unit());
            self.agenda.put(at, Act::Outage);
        }
    }

    fn run(&mut self) {
        let mut steps = 0u64;
        loop {
            let (wakes, acts) = (self.acd.poll_timeout(), self.agenda.next());
            let Some(at) = [wakes, acts].into_iter().flatten().min() else { break };
            assert!(at >= self.now || wakes != Some(at), "law: nothing is due in the past");
            self.now = at.max(self.now);
            self.story.at(self.now);
            if acts == Some(at) {
                let act = self.agenda.pop().expect("seen above");
                self.act(act);
            } else {
                self.send(Input::Timeout);
                let next = self.acd.poll_timeout();
                assert!(next.is_none_or(|next| next > self.now), "law: what was due is done");
            }
            steps += 1;
            if steps.is_multiple_of(self.options.check_every) {
                self.acd.check_invariants();
            }
        }
        self.acd.check_invariants();
        assert_eq!(self.acd.calls_len(), 0, "law: at night the house is empty");
        self.oracle.day_over();
        self.report.tally = self.oracle.tally().clone();
        self.report.faults = self.faults.clone();
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Call(caller) => self.call(&caller),
            Act::Send(input) => {
                self.send(input.clone());
                if self.faults.strikes(Fault::Duplicate, &mut self.rng) {
                    self.send(input);
                }
                if self.offers > 0 && self.faults.strikes(Fault::StaleAnswer, &mut self.rng) {
                    let some = OfferId(1 + self.rng.below(self.offers));
                    self.send(Input::Answered(some));
                }
            }
            Act::Impatient(call) => self.impatient(call),
            Act::Intend(agent, intent) => self.intend(agent, intent),
            Act::Back(agent) => self.back(agent),
            Act::Supervise => self.supervise(),
            Act::Outage => self.outage(),
        }
    }

    /// Puts a message on its way.
    fn later(&mut self, after: Duration, input: Input) {
        self.agenda.put(self.now + after, Act::Send(input));
    }

    // ---- callers ----------------------------------------------------------------------------------------------------

    fn call(&mut self, caller: &Caller) {
        self.calls += 1;
        let call = CallId(self.calls);
        let waiting = Waiting {
            requires: Requirement::all_of(caller.requires.iter().copied()),
            priority: caller.priority,
            ..Waiting::new(call, caller.queue, self.now)
        };
        self.agenda.put(self.now + caller.patience, Act::Impatient(call));
        if self.faults.strikes(Fault::Elsewhere, &mut self.rng) {
            let why = self.rng.pick(&[Leaving::Elsewhere, Leaving::Callback]);
            let after = self.rng.exp(60.0);
            self.later(after, Input::Withdraw(call, why));
        }
        self.act(Act::Send(Input::Enqueue(waiting)));
    }

    /// Who is talking, or being joined to an agent, doesn't lose patience (as a rule).
    fn impatient(&mut self, call: CallId) {
        let Some(view) = self.acd.position(call) else {
            if self.rng.chance(0.02) {
                self.send(Input::Withdraw(call, Leaving::HungUp));
            }
            return;
        };
        assert!(view >= 1, "law: positions count from one");
        self.act(Act::Send(Input::Withdraw(call, Leaving::HungUp)));
    }

    // ---- agents' phones ---------------------------------------------------------------------------------------------

    /// A phone is asked to ring.
    fn ring(&mut self, offer: OfferId, agent: AgentId) {
        self.offers = offer.0;
        let soon = self.rng.between(0.05, 0.4);
        let leg_fails = [
            (Fault::Busy, Failure::Busy),
            (Fault::LegError, Failure::Error),
            (Fault::LegUnreachable, Failure::Unreachable),
        ];
        for (fault, failure) in leg_fails {
            if self.strikes(fault) {
                return self.later(soon, Input::Failed(offer, failure));
            }
        }
        if self.strikes(Fault::DeadPhone) {
            return;
        }
        self.later(soon, Input::Ringing(offer));
        let rings = self.rng.between(0.5, 1.0) + self.rng.exp(3.0);
        if self.strikes(Fault::BreakWhileRinging) {
            let lunch = Input::Set(agent, Status::Lunch, Actor::Agent, None);
            self.later(soon + rings, lunch);
        }
        if self.strikes(Fault::Unanswered) {
            // The phone lies on an empty desk.
        } else if self.strikes(Fault::Declined) {
            self.later(soon + rings, Input::Failed(offer, Failure::Declined));
        } else if self.strikes(Fault::LateAnswer) {
            let about = self.rng.between(0.0, 1.6);
            let late = self.ring_timeout - Duration::from_millis(300) + about;
            self.later(soon + late, Input::Answered(offer));
        } else {
            self.later(soon + rings, Input::Answered(offer));
        }
    }

    /// An answer was accepted: the two are being joined.
    fn join(&mut self, offer: OfferId, call: CallId) {
        if self.strikes(Fault::NeverJoined) {
            return;
        }
        if self.strikes(Fault::DroppedBeforeJoin) {
            return self.later(Duration::from_millis(300), Input::Ended(call, Side::Agent));
        }
        if self.strikes(Fault::HangUpWhileJoining) {
            self.later(Duration::from_millis(40), Input::Ended(call, Side::Caller));
        }
        let joined = self.rng.between(0.05, 0.6);
        self.later(joined, Input::Connected(offer));
    }

    fn talk(&mut self, call: CallId, agent: AgentId) {
        let lasts = Duration::from_secs(20) + self.rng.exp(110.0);
        if self.rng.chance(0.15) {
            self.later(lasts.mul_f64(0.3), Input::Hold(call, true));
            self.later(lasts.mul_f64(0.5), Input::Hold(call, false));
        }
        let by = self.rng.pick(&[Side::Caller, Side::Caller, Side::Agent]);
        self.later(lasts, Input::Ended(call, by));
        let paperwork = self.rng.exp(12.0);
        self.later(lasts + paperwork, Input::EndWrapUp(agent));
    }

    fn strikes(&mut self, fault: Fault) -> bool {
        self.faults.strikes(fault, &mut self.rng)
    }

    // ---- agents -----------------------------------------------------------------------------------------------------

    fn intend(&mut self, agent: AgentId, intent: Intent) {
        match intent {
            Intent::LogIn { until } => {
                self.shifts[agent.0 as usize] = until;
                if self.now < until {
                    self.act(Act::Send(Input::LogIn(agent)));
                }
            }
            Intent::LogOut => self.act(Act::Send(Input::LogOut(agent))),
            Intent::Set(status) => self.set(agent, status, Actor::Agent, None),
            Intent::Phone(up) => {
                if !up {
                    self.lose(agent);
                }
                self.act(Act::Send(Input::Reachable(agent, up)));
            }
            Intent::OwnCall(busy) => self.act(Act::Send(Input::Outbound(agent, busy))),
        }
    }

    fn set(&mut self, agent: AgentId, status: Status, by: Actor, epoch: Option<u64>) {
        self.act(Act::Send(Input::Set(agent, status, by, epoch)));
    }

    /// A phone dies; with it, perhaps, a talk, whose caller is put back where he was.
    fn lose(&mut self, agent: AgentId) {
        let Some(call) = self.oracle.picture().agent(agent).call else { return };
        if !self.strikes(Fault::PhoneLostInTalk) {
            return;
        }
        let told = self.oracle.picture().call(call).expect("who talks has a call");
        let enqueued_at = told.enqueued_at;
        let again = Waiting { enqueued_at, ..Waiting::new(call, told.queue, self.now) };
        self.later(Duration::from_secs(1), Input::Ended(call, Side::System));
        self.later(Duration::from_secs(2), Input::Enqueue(again));
    }

    /// An agent comes back to the desk and presses "ready", again if he has to.
    fn back(&mut self, agent: AgentId) {
        let presence = self.oracle.picture().agent(agent).presence;
        if presence == Presence::LoggedOut || presence == Presence::READY {
            return;
        }
        self.set(agent, Status::Ready, Actor::Agent, None);
        if self.now < self.shifts[agent.0 as usize] {
            let again = self.rng.between(30.0, 90.0);
            self.agenda.put(self.now + again, Act::Back(agent));
        }
    }

    fn supervise(&mut self) {
        let agent = AgentId(self.rng.below(u64::from(plan::AGENTS)) as u32);
        let status = self.rng.pick(&Status::ALL);
        let epoch = self.oracle.picture().agent(agent).epoch;
        let stale = self.strikes(Fault::StaleCommand);
        let seen = if stale { epoch.saturating_sub(1) } else { epoch };
        self.set(agent, status, Actor::Supervisor, Some(seen));
    }

    /// Every call is cut: talks end, waiting callers are gone.
    fn outage(&mut self) {
        let calls: Vec<CallId> = self.oracle.picture().calls().map(|(id, _)| id).collect();
        for call in calls {
            self.send(Input::Ended(call, Side::Caller));
        }
    }

    // ---- the machine ------------------------------------------------------------------------------------------------

    /// Tells the ACD and the oracle, and lets people react to what comes out.
    fn send(&mut self, input: Input) {
        self.report.inputs += 1;
        self.oracle.input(self.now, &input);
        self.story.tell(Line::In(input.clone()));
        let mut accepted = None;
        match input {
            Input::Enqueue(waiting) => self.acd.enqueue(self.now, waiting),
            Input::Withdraw(call, why) => self.acd.withdraw(self.now, call, why),
            Input::Ringing(offer) => self.acd.ringing(self.now, offer),
            Input::Answered(offer) => {
                let answer = self.acd.answered(self.now, offer);
                self.oracle.answered(offer, answer);
                if let Answer::Accepted { call, .. } = answer {
                    accepted = Some((offer, call));
                }
            }
            Input::Connected(offer) => self.acd.connected(self.now, offer),
            Input::Failed(offer, failure) => self.acd.failed(self.now, offer, failure),
            Input::Hold(call, held) => {
                let manner = if held { Manner::Hold } else { Manner::Talk };
                self.acd.manner(self.now, call, manner);
            }
            Input::Ended(call, by) => self.acd.ended(self.now, call, by),
            Input::LogIn(agent) => self.acd.log_in(self.now, agent),
            Input::LogOut(agent) => self.acd.log_out(self.now, agent, Actor::Agent),
            Input::Set(agent, status, by, epoch) => {
                let result = self.acd.set_status(self.now, agent, status, by, epoch);
                self.oracle.status_set(agent, status, epoch, result);
            }
            Input::Reachable(agent, up) => self.acd.reachable(self.now, agent, up),
            Input::EndWrapUp(agent) => self.acd.end_wrap_up(self.now, agent),
            Input::Outbound(agent, busy) => self.acd.outbound(self.now, agent, busy),
            Input::Timeout => self.acd.handle_timeout(self.now),
        }
        while let Some(event) = self.acd.poll_event() {
            self.oracle.event(self.now, &event);
            self.react(&event, &mut accepted);
            self.note(&event);
            self.story.tell(Line::Out(event));
        }
        self.oracle.step_over(self.now);
    }

    /// What people and phones do about what came out.
    fn react(&mut self, event: &Event, accepted: &mut Option<(OfferId, CallId)>) {
        match event {
            Event::Offer { offer, agent, .. } => self.ring(*offer, *agent),
            Event::OfferEnded { .. } => {
                // The first answer joins the two; one that comes again finds nobody here.
                if let Some((offer, call)) = accepted.take() {
                    self.join(offer, call);
                }
            }
            Event::WaitEnded { call, why, queue, .. } => match why {
                WaitEnd::Connected(agent) => self.talk(*call, *agent),
                WaitEnd::MaxWait | WaitEnd::Full => self.overflow(*call, *queue),
                WaitEnd::HungUp | WaitEnd::Elsewhere | WaitEnd::Callback | WaitEnd::NoAgents => {}
            },
            Event::AgentChanged { agent, from, to, cause, .. } => {
                if from.0 != to.0 {
                    self.plan_return(*agent, to.0, *cause);
                }
                let at_rest = to.1 == Activity::Idle && to.0 != Presence::LoggedOut;
                if at_rest && self.now >= self.shifts[agent.0 as usize] {
                    // Another status, chosen during the last talk, took his log-out back.
                    self.later(Duration::from_secs(5), Input::LogOut(*agent));
                }
            }
            Event::Decided(_)
            | Event::Withdrawn { .. }
            | Event::ConnectFailed { .. }
            | Event::ServiceLevelMissed { .. }
            | Event::StatusLimit { .. }
            | Event::ActivityAlarm { .. } => {}
        }
    }

    /// A third of the calls that waited too long go to the general queue with their old time.
    fn overflow(&mut self, call: CallId, queue: QueueId) {
        if queue == QueueId(0) || !self.rng.chance(0.3) {
            return;
        }
        let again = Waiting {
            enqueued_at: self.now - Duration::from_secs(300),
            max_wait: Some(Duration::from_secs(100)),
            ..Waiting::new(call, QueueId(0), self.now)
        };
        self.later(Duration::from_secs(3), Input::Enqueue(again));
    }

    fn plan_return(&mut self, agent: AgentId, to: Presence, cause: Cause) {
        let after = match to {
            Presence::Chosen(Status::Ready) | Presence::LoggedOut => return,
            Presence::Chosen(status) => plan::length_of(status, &mut self.rng),
            Presence::NotResponding => {
                assert!(matches!(cause, Cause::Rona | Cause::Faults), "law: silence has a cause");
                self.rng.between(20.0, 120.0)
            }
            Presence::Unreachable => self.rng.between(20.0, 200.0),
        };
        self.agenda.put(self.now + after, Act::Back(agent));
    }

    fn note(&mut self, event: &Event) {
        self.report.events += 1;
        if !self.options.digest {
            return;
        }
        // FNV-1a.
        for byte in format!("{} {event:?}", self.now).bytes() {
            let mixed = self.report.digest ^ u64::from(byte);
            self.report.digest = mixed.wrapping_mul(0x0100_0000_01b3);
        }
    }
}
