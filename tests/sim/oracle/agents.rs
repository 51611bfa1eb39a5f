//! Laws of agents: their time has no hole, a break asked for is a break given, and three misses need a person.

use super::Input;
use super::picture::Picture;
use dozvon_center::acd::{Activity, Cause, Event, OfferResult, Presence, Status, StatusError};
use dozvon_center::ids::AgentId;
use dozvon_clock::Timestamp;
use std::time::Duration;

/// What an agent was promised and has done.
#[derive(Clone, Debug, Default)]
struct Books {
    logged_in: Option<Timestamp>,
    spent: Duration,
    /// The break or the end of the shift that he asked for and hasn't got yet.
    asked: Option<Presence>,
    /// Misses in a row, and the last of them.
    misses: u32,
    missed_at: Timestamp,
    /// Technical faults in a row, and the last of them.
    faults: u32,
    faulted_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Agents {
    books: Vec<Books>,
    changed: Vec<AgentId>,
    losing: Option<AgentId>,
}

impl Agents {
    pub(super) fn new(agents: usize) -> Agents {
        Agents { books: vec![Books::default(); agents], changed: Vec::new(), losing: None }
    }

    pub(super) fn input(&mut self, picture: &Picture, input: &Input) {
        self.losing = None;
        match input {
            Input::LogOut(agent) => {
                if picture.agent(*agent).presence != Presence::LoggedOut {
                    self.books[agent.0 as usize].asked = Some(Presence::LoggedOut);
                }
                self.changed.push(*agent);
            }
            Input::LogIn(agent) => {
                let asked = &mut self.books[agent.0 as usize].asked;
                *asked = asked.filter(|asked| *asked != Presence::LoggedOut);
            }
            Input::Reachable(agent, false) => self.losing = Some(*agent),
            Input::Reachable(_, true)
            | Input::Enqueue(_)
            | Input::Withdraw(..)
            | Input::Ringing(_)
            | Input::Answered(_)
            | Input::Connected(_)
            | Input::Failed(..)
            | Input::Hold(..)
            | Input::Ended(..)
            | Input::Set(..)
            | Input::EndWrapUp(_)
            | Input::Outbound(..)
            | Input::Timeout => {}
        }
    }

    /// The events of this command are not told yet.
    pub(super) fn status_set(
        &mut self,
        picture: &Picture,
        agent: AgentId,
        status: Status,
        epoch: Option<u64>,
        result: Result<(), StatusError>,
    ) {
        let told = picture.agent(agent);
        let stale = epoch.is_some_and(|epoch| epoch != told.epoch);
        if told.presence != Presence::LoggedOut {
            let refused = result == Err(StatusError::Stale);
            assert_eq!(stale, refused, "law: a command on an old picture is refused");
        }
        if result.is_ok() {
            let asked = (status != Status::Ready).then_some(Presence::Chosen(status));
            self.books[agent.0 as usize].asked = asked;
            self.changed.push(agent);
        }
    }

    pub(super) fn event(&mut self, picture: &Picture, now: Timestamp, event: &Event) {
        match event {
            Event::AgentChanged { agent, from, to, spent, cause, epoch, .. } => {
                let told = picture.agent(*agent);
                assert_eq!((told.presence, told.activity), *from, "law: states follow each other");
                assert_eq!(*epoch, told.epoch + 1, "law: states are numbered one by one");
                let lasted = if from == to { Duration::ZERO } else { now.since(told.since) };
                assert_eq!(*spent, lasted, "law: {agent} spent his time");
                if let Some(longest) = picture.longest(from.1) {
                    assert!(*spent <= longest, "law: {agent} isn't stuck in {:?}", from.1);
                }
                self.changed.push(*agent);
                let books = &mut self.books[agent.0 as usize];
                books.keep_time(now, *from, *to, *spent);
                books.keep_promises(*to);
                books.count_strikes(*from, *to, *cause);
            }
            Event::OfferEnded { agent, result, .. } => {
                let losing = self.losing == Some(*agent);
                self.books[agent.0 as usize].offer_ended(now, *result, losing);
                self.changed.push(*agent);
            }
            Event::ConnectFailed { agent, .. } => {
                self.books[agent.0 as usize].fault(now);
                self.changed.push(*agent);
            }
            Event::WaitEnded { why: dozvon_center::acd::WaitEnd::Connected(agent), .. } => {
                self.books[agent.0 as usize].faults = 0;
            }
            Event::Decided(_)
            | Event::Offer { .. }
            | Event::Withdrawn { .. }
            | Event::WaitEnded { .. }
            | Event::ServiceLevelMissed { .. }
            | Event::StatusLimit { .. }
            | Event::ActivityAlarm { .. } => {}
        }
    }

    pub(super) fn step_over(&mut self, picture: &Picture) {
        for agent in std::mem::take(&mut self.changed) {
            let (books, told) = (&self.books[agent.0 as usize], picture.agent(agent));
            let at_rest = match told.activity {
                Activity::Idle | Activity::Reserved | Activity::Ringing => true,
                Activity::Connecting
                | Activity::Talking
                | Activity::Hold
                | Activity::Consult
                | Activity::Conference
                | Activity::Supervising
                | Activity::WrapUp
                | Activity::Outbound => false,
            };
            if at_rest && let Some(asked) = books.asked {
                assert_eq!(told.presence, asked, "law: a break asked for is given, to {agent}");
            }
            let struck = books.misses >= 3 || books.faults >= 3;
            let on = told.presence == Presence::READY && at_rest;
            assert!(!(struck && on), "law: {agent} missed three in a row and isn't asked again");
        }
    }

    pub(super) fn day_over(&self, picture: &Picture) {
        for (agent, told) in picture.agents() {
            assert_eq!(told.presence, Presence::LoggedOut, "law: at night {agent} is at home");
        }
    }
}

impl Books {
    /// Double entry: all that an agent spent in states is what he was logged in for.
    fn keep_time(
        &mut self,
        now: Timestamp,
        from: (Presence, Activity),
        to: (Presence, Activity),
        spent: Duration,
    ) {
        if from.0 == Presence::LoggedOut && to.0 != Presence::LoggedOut {
            (self.logged_in, self.spent) = (Some(now), Duration::ZERO);
        } else {
            self.spent += spent;
        }
        if from.0 != Presence::LoggedOut && to.0 == Presence::LoggedOut {
            let since = self.logged_in.take().expect("law: who logs out was logged in");
            assert_eq!(self.spent, now.since(since), "law: an agent's time has no hole");
        }
    }

    fn keep_promises(&mut self, to: (Presence, Activity)) {
        if self.asked == Some(to.0) || to.0 == Presence::LoggedOut {
            self.asked = None;
        }
    }

    fn count_strikes(
        &mut self,
        from: (Presence, Activity),
        to: (Presence, Activity),
        cause: Cause,
    ) {
        if to.0 == Presence::NotResponding && from.0 != to.0 {
            let count = if cause == Cause::Rona { self.misses } else { self.faults };
            assert_eq!(count, 3, "law: three misses, or faults, in a row, not {cause:?}");
        }
        if to.0 != Presence::READY {
            // Whatever comes next, it takes a person to be ready again.
            self.misses = if self.misses < 3 { self.misses } else { 0 };
            self.faults = if self.faults < 3 { self.faults } else { 0 };
        }
        let logged_in = from.0 == Presence::LoggedOut;
        if logged_in || from.0 == Presence::NotResponding {
            (self.misses, self.faults) = (0, 0);
        }
    }

    fn offer_ended(&mut self, now: Timestamp, result: OfferResult, losing: bool) {
        const FORGET: Duration = Duration::from_secs(30 * 60);
        match result {
            OfferResult::Answered => self.misses = 0,
            OfferResult::NoAnswer => {
                if now.since(self.missed_at) > FORGET {
                    self.misses = 0;
                }
                (self.misses, self.missed_at) = (self.misses + 1, now);
            }
            OfferResult::Unreachable if losing => {}
            OfferResult::Unreachable | OfferResult::Error => self.fault(now),
            OfferResult::Declined
            | OfferResult::Busy
            | OfferResult::CallerGone
            | OfferResult::CancelledStatus
            | OfferResult::Glare
            | OfferResult::LostRace => {}
        }
    }

    fn fault(&mut self, now: Timestamp) {
        if now.since(self.faulted_at) > Duration::from_secs(30 * 60) {
            self.faults = 0;
        }
        (self.faults, self.faulted_at) = (self.faults + 1, now);
    }
}
