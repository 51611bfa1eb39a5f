//! Calls in queues: they come, keep their place, and leave in exactly one way.

use super::event::{Event, Leaving, ServiceLevel, Side, WaitEnd, Waiting, Withdrawal};
use super::hold::BACK_WITHIN;
use super::matcher::{CallKey, ClassId};
use super::why::Decision;
use super::{Acd, OfferResult, Timer};
use crate::acd::agent::Phase;
use crate::acd::status::Cause;
use crate::ids::{AgentId, CallId, OfferId, QueueId};
use crate::limits::BOOST_MAX;
use dozvon_clock::Timestamp;
use std::time::Duration;

/// Where a call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallState {
    /// Nobody rings for it. An offer that rang out a moment ago may still be answered.
    Waiting { lapsing: Option<OfferId> },
    /// It waits for this agent alone.
    Held(AgentId),
    /// Phones are asked to ring, or ring: the open offers, at most [`crate::limits::RINGS_MAX`].
    Offered(Vec<OfferId>),
    /// An agent has answered; the two don't hear each other yet.
    Connecting(OfferId),
    /// It has an agent.
    Talking(AgentId),
    /// Its agent has let it go, and it has no other yet: on the way to a colleague, or parked.
    Between,
}

impl CallState {
    /// The offers that could be answered or refused now.
    pub(super) fn open_offers(&self) -> &[OfferId] {
        match self {
            CallState::Offered(open) => open,
            CallState::Waiting { .. }
            | CallState::Held(_)
            | CallState::Connecting(_)
            | CallState::Talking(_)
            | CallState::Between => &[],
        }
    }
}

/// A call, from `enqueue` to the end of its talk or its leaving.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) queue: QueueId,
    pub(super) class: ClassId,
    /// Its place in the order of calls. Immutable.
    pub(super) key: CallKey,
    pub(super) enqueued_at: Timestamp,
    /// When this wait began: what it lasts is counted from here.
    pub(super) entered: Timestamp,
    pub(super) state: CallState,
    /// It is rung for, and another phone may join.
    pub(super) room: bool,
    /// Nobody is on the line: its customer is to be called back.
    pub(super) absent: bool,
    /// It began without anybody on the line, so it says nothing of how long callers wait.
    pub(super) called_back: bool,
    /// Its talk broke, and it waits for that agent to be back: his phone may be out of reach.
    pub(super) broke_off: bool,
    /// The longest wait is over, and only an open offer keeps the call here.
    pub(super) overdue: bool,
    /// The service level is missed, and that is told.
    pub(super) missed: bool,
    /// Agents who have just missed or declined it.
    pub(super) skips: Vec<AgentId>,
    /// Why it was last offered to somebody.
    pub(super) decision: Option<Box<Decision>>,
}

/// The moment by which a call should be answered: its constant place in the order of calls.
fn due(enqueued_at: Timestamp, target: Duration, priority: i32) -> Timestamp {
    let boost = Duration::from_secs(u64::from(priority.unsigned_abs())).min(BOOST_MAX);
    let target = enqueued_at + target;
    if priority < 0 { target + boost } else { target - boost }
}

impl Acd {
    /// A call comes to wait. Nothing happens when it is here already, so a repeated order does no harm; one that is
    /// still in a talk has to be [`Acd::ended`] first.
    ///
    /// The wait may end at once, with an event: `Full` at the queue's `length_max` (or at
    /// [`crate::limits::CLASSES_MAX`]), `NoAgents` when nobody who could serve it has been at work for long.
    ///
    /// # Panics
    /// When there is no such queue, or `enqueued_at` is later than `now`.
    pub fn enqueue(&mut self, now: Timestamp, waiting: Waiting) {
        self.tick(now);
        let Waiting { call, queue, requires, priority, enqueued_at, max_wait, preferred, absent } =
            waiting;
        let at = usize::from(queue.0);
        assert!(
            at < self.config.queues.len(),
            "a call waits in a queue of the policy, not {queue}"
        );
        assert!(enqueued_at <= now, "a wait can't have begun later than now");
        if self.calls.contains_key(&call) {
            return;
        }
        let room = absent || !self.is_full(queue);
        let waited = now.since(enqueued_at);
        let class = if room { self.matcher.class(queue, &requires, waited) } else { None };
        let Some(class) = class else {
            self.turn_away(call, queue);
            return;
        };
        self.staff.know_class(&self.matcher, class);
        let config = &self.config.queues[at];
        let due = due(enqueued_at, config.service_level, priority);
        let key = CallKey { tier: config.tier, due, call };
        let max_wait = max_wait.or(config.max_wait);
        self.waiting[at].insert(key);
        self.kept[at] += usize::from(absent);
        let state = CallState::Waiting { lapsing: None };
        let entry = Call {
            queue,
            class,
            key,
            enqueued_at,
            entered: now,
            state,
            room: false,
            absent,
            called_back: absent,
            broke_off: false,
            overdue: false,
            missed: false,
            skips: Vec::new(),
            decision: None,
        };
        self.calls.insert(call, entry);
        self.begin_wait(now, call, max_wait);
        let preferred = preferred.filter(|(agent, _)| self.would_take(class, *agent));
        match preferred {
            Some((agent, wait)) => self.hold_for(now, call, agent, wait),
            None => self.wait_on(now, call, None),
        }
    }

    /// A call leaves: the caller hung up, or it goes elsewhere. Wherever it stands, open offers are withdrawn; in a
    /// talk it is the caller's [`Acd::ended`].
    pub fn withdraw(&mut self, now: Timestamp, call: CallId, why: Leaving) {
        self.tick(now);
        let Some(state) = self.calls.get(&call).map(|call| call.state.clone()) else { return };
        let end = match why {
            Leaving::HungUp => WaitEnd::HungUp,
            Leaving::Elsewhere => WaitEnd::Elsewhere,
            Leaving::Callback => WaitEnd::Callback,
        };
        match state {
            CallState::Waiting { .. } | CallState::Held(_) => self.end_wait(now, call, end),
            CallState::Offered(open) => {
                self.end_wait(now, call, end);
                for offer in open {
                    let agent = self.offers[&offer].agent;
                    self.recall(offer, Withdrawal::CallerGone);
                    self.close(now, offer, OfferResult::CallerGone);
                    self.enter(now, agent, Phase::Idle, Cause::Call);
                }
            }
            CallState::Connecting(offer) => {
                let agent = self.offers[&offer].agent;
                self.end_wait(now, call, end);
                self.recall(offer, Withdrawal::CallerGone);
                self.offers.remove(&offer);
                self.enter(now, agent, Phase::Idle, Cause::Call);
            }
            CallState::Talking(agent) => self.end_talk(now, call, agent),
            CallState::Between => drop(self.calls.remove(&call)),
        }
    }

    /// A talk is over; the agent goes into wrap-up. Before the two were joined it means: the caller hung up (then the
    /// call leaves), or the agent's leg came to nothing (then the call waits on in its old place).
    pub fn ended(&mut self, now: Timestamp, call: CallId, by: Side) {
        self.tick(now);
        let Some(state) = self.calls.get(&call).map(|call| call.state.clone()) else { return };
        match (state, by) {
            (CallState::Talking(agent), Side::Caller | Side::Agent | Side::System) => {
                self.end_talk(now, call, agent);
            }
            (CallState::Connecting(offer), Side::Agent) => self.connect_failed(now, offer, None),
            (CallState::Connecting(offer), Side::System) => {
                self.connect_failed(now, offer, Some(Withdrawal::NotConnected));
            }
            (
                CallState::Waiting { .. } | CallState::Held(_) | CallState::Offered(_),
                Side::System,
            ) => {
                self.withdraw(now, call, Leaving::Elsewhere);
            }
            (
                CallState::Waiting { .. }
                | CallState::Held(_)
                | CallState::Offered(_)
                | CallState::Connecting(_),
                Side::Caller,
            ) => self.withdraw(now, call, Leaving::HungUp),
            (CallState::Between, Side::Caller | Side::System) => drop(self.calls.remove(&call)),
            // No agent has it, so none can have ended it: a message that comes too late.
            (
                CallState::Waiting { .. }
                | CallState::Held(_)
                | CallState::Offered(_)
                | CallState::Between,
                Side::Agent,
            ) => {}
        }
    }

    fn end_talk(&mut self, now: Timestamp, call: CallId, agent: AgentId) {
        let phase = self.after_talk(call);
        self.calls.remove(&call);
        self.agents[agent.0 as usize].drops = Default::default();
        self.enter(now, agent, phase, Cause::Call);
    }

    /// A call that nobody has goes back to its queue, in its old place: a new wait begins. `lost`: the agent whose talk
    /// with it broke. Then this wait's key lies the queue's `interrupted_boost` before that of the last one, at most
    /// [`BOOST_MAX`] before that of a call without any head start, and the call waits up to [`BACK_WITHIN`] for this
    /// agent alone, as long as he may be back. Like any key it never changes while the wait lasts.
    ///
    /// Means nothing for a call that isn't between two agents. May end at once like any wait: `Full` when others have
    /// taken the last place.
    pub fn requeue(&mut self, now: Timestamp, id: CallId, lost: Option<AgentId>) {
        self.tick(now);
        let Some(CallState::Between) = self.calls.get(&id).map(|call| &call.state) else { return };
        let queue = self.calls[&id].queue;
        let at = usize::from(queue.0);
        if self.is_full(queue) {
            self.calls.remove(&id);
            self.turn_away(id, queue);
            return;
        }
        let call = self.calls.get_mut(&id).expect("seen above");
        // More agents may come into question by now; at the bound of classes those of before do.
        let waited = now.since(call.enqueued_at);
        let class = self.matcher.class_after(call.class, waited).unwrap_or(call.class);
        self.staff.know_class(&self.matcher, class);
        (call.class, call.entered, call.overdue, call.missed) = (class, now, false, false);
        call.called_back = false;
        call.state = CallState::Waiting { lapsing: None };
        let config = &self.config.queues[at];
        if lost.is_some() {
            let earliest = call.enqueued_at + config.service_level - BOOST_MAX;
            call.key.due = call.key.due.min(earliest.max(call.key.due - config.interrupted_boost));
        }
        self.waiting[at].insert(call.key);
        self.begin_wait(now, id, config.max_wait);
        match lost.filter(|agent| self.may_return(class, *agent)) {
            Some(agent) => {
                self.calls.get_mut(&id).expect("it waits from now on").broke_off = true;
                self.hold_for(now, id, agent, BACK_WITHIN);
            }
            None => self.wait_on(now, id, None),
        }
    }

    /// The timers of a wait that begins now.
    fn begin_wait(&mut self, now: Timestamp, id: CallId, max_wait: Option<Duration>) {
        if self.calls[&id].absent {
            self.mind_next_step(id);
            return;
        }
        // Crossing T is being later than T, if only by a microsecond.
        let late = now + self.queue_of(id).service_level + Duration::from_micros(1);
        self.timers.set(Timer::ServiceLevel(id), late);
        if let Some(longest) = max_wait {
            self.timers.set(Timer::MaxWait(id), now + longest);
        }
        self.mind_next_step(id);
    }

    /// One phone less rings for the call. When others ring on, another may join them; otherwise the call stands in its
    /// place with nobody ringing for it: to the next agent, or on.
    pub(super) fn wait_on(&mut self, now: Timestamp, id: CallId, lapsing: Option<OfferId>) {
        if !self.calls[&id].state.open_offers().is_empty() {
            self.fill(now, id);
            return;
        }
        self.set_room(id, false);
        let call = self.calls.get_mut(&id).expect("a call that waits on is here");
        call.state = CallState::Waiting { lapsing };
        let (class, key, overdue, absent) = (call.class, call.key, call.overdue, call.absent);
        self.matcher.queue_call(class, key);
        if overdue {
            self.end_wait(now, id, WaitEnd::MaxWait);
            return;
        }
        if let Some(given_up) = self.give_up_at(class).filter(|_| !absent) {
            if given_up <= now {
                self.end_wait(now, id, WaitEnd::NoAgents);
                return;
            }
            self.timers.set(Timer::NoAgents(class), given_up);
        }
        self.match_call(now, id);
    }

    /// When calls of a class are handed back because nobody at work could ever serve them; `None` while somebody could,
    /// and while a stage is to come that lets others have them.
    pub(super) fn give_up_at(&self, class: ClassId) -> Option<Timestamp> {
        let grace = self.config.no_agents_grace;
        if grace.is_zero() || self.matcher.grows(class) {
            return None;
        }
        self.staff.empty_since(class).map(|since| since + grace)
    }

    pub(super) fn waited_too_long(&mut self, now: Timestamp, id: CallId) {
        let call = self.calls.get_mut(&id).expect("a wait's timer ends with the wait");
        match call.state {
            CallState::Waiting { .. } | CallState::Held(_) => {
                self.end_wait(now, id, WaitEnd::MaxWait);
            }
            // The offers may finish; ring time-out and watchdogs bound them. No other phone joins them.
            CallState::Offered(_) | CallState::Connecting(_) => {
                call.overdue = true;
                self.set_room(id, false);
            }
            CallState::Talking(_) | CallState::Between => {
                unreachable!("a wait's timer ends with the wait")
            }
        }
    }

    pub(super) fn service_level_crossed(&mut self, id: CallId) {
        let call = self.calls.get_mut(&id).expect("a wait's timer ends with the wait");
        call.missed = true;
        let queue = call.queue;
        self.tell(Event::ServiceLevelMissed { call: id, queue });
    }

    /// The call has come to a moment from which on more agents come into question: it moves to the class of those, in
    /// its old place.
    pub(super) fn step_over(&mut self, now: Timestamp, id: CallId) {
        let call = &self.calls[&id];
        let (class, key) = (call.class, call.key);
        // At the bound of classes it waits on for those who would do until now.
        let Some(next) = self.matcher.next_class(class) else { return };
        self.staff.know_class(&self.matcher, next);
        self.set_room(id, false);
        let call = self.calls.get_mut(&id).expect("seen above");
        call.class = next;
        let state = call.state.clone();
        self.mind_next_step(id);
        match state {
            CallState::Waiting { lapsing } => {
                self.matcher.unqueue_call(class, key);
                self.wait_on(now, id, lapsing);
            }
            CallState::Offered(_) => self.fill(now, id),
            CallState::Held(_) | CallState::Connecting(_) => {}
            CallState::Talking(_) | CallState::Between => {
                unreachable!("a wait's timer ends with the wait")
            }
        }
    }

    /// Sets the timer of the next moment from which on more agents come into question.
    fn mind_next_step(&mut self, id: CallId) {
        let call = &self.calls[&id];
        if let Some(after) = self.matcher.next_step(call.class) {
            self.timers.set(Timer::Step(id), call.enqueued_at + after);
        }
    }

    /// The grace of a class without anybody at work is over.
    pub(super) fn nobody_came(&mut self, now: Timestamp, class: ClassId) {
        let present = |key: &CallKey| !self.calls[&key.call].absent;
        let calls: Vec<CallKey> = self.matcher.calls_of(class).filter(present).collect();
        for key in calls {
            self.end_wait(now, key.call, WaitEnd::NoAgents);
        }
    }

    /// A call that never came to wait.
    fn turn_away(&mut self, call: CallId, queue: QueueId) {
        let (why, waited) = (WaitEnd::Full, Duration::ZERO);
        self.tell(Event::ServiceLevelMissed { call, queue });
        let service_level = ServiceLevel::Missed;
        let called_back = false;
        self.tell(Event::WaitEnded { call, queue, why, waited, service_level, called_back });
    }

    /// The one end of a wait. A connected call stays here for its talk; all others are forgotten.
    pub(super) fn end_wait(&mut self, now: Timestamp, id: CallId, why: WaitEnd) {
        self.set_room(id, false);
        let call = self.calls.get_mut(&id).expect("a wait that ends was one");
        let skips = std::mem::take(&mut call.skips);
        let (queue, key, class, state) = (call.queue, call.key, call.class, call.state.clone());
        let (waited, told, called_back) = (now.since(call.entered), call.missed, call.called_back);
        call.absent = false;
        self.kept[usize::from(queue.0)] -= usize::from(called_back);
        for agent in skips {
            self.forget_skip(id, agent);
        }
        self.timers.cancel(&Timer::MaxWait(id));
        self.timers.cancel(&Timer::ServiceLevel(id));
        self.timers.cancel(&Timer::Step(id));
        let was = self.waiting[usize::from(queue.0)].remove(key);
        assert!(was, "a wait that ends was one");
        let service_level = if called_back {
            ServiceLevel::Excluded
        } else {
            self.forecasts.waited(queue, waited, why);
            self.verdict(queue, waited, why, told)
        };
        if service_level == ServiceLevel::Missed && !told {
            self.tell(Event::ServiceLevelMissed { call: id, queue });
        }
        self.tell(Event::WaitEnded { call: id, queue, why, waited, service_level, called_back });
        if !matches!(why, WaitEnd::Connected(_)) {
            self.calls.remove(&id);
        }
        match state {
            CallState::Waiting { lapsing } => {
                self.matcher.unqueue_call(class, key);
                if let Some(offer) = lapsing {
                    self.missed(now, offer);
                }
            }
            CallState::Held(agent) => self.drop_hold(agent, key),
            CallState::Offered(_)
            | CallState::Connecting(_)
            | CallState::Talking(_)
            | CallState::Between => {}
        }
    }

    fn verdict(&self, queue: QueueId, waited: Duration, why: WaitEnd, told: bool) -> ServiceLevel {
        let config = &self.config.queues[usize::from(queue.0)];
        let in_time = waited <= config.service_level;
        match why {
            _ if told => ServiceLevel::Missed,
            WaitEnd::Connected(_) if in_time => ServiceLevel::Met,
            WaitEnd::HungUp if waited < config.short_abandon => ServiceLevel::Excluded,
            WaitEnd::Callback if in_time => ServiceLevel::Excluded,
            WaitEnd::Connected(_)
            | WaitEnd::HungUp
            | WaitEnd::Elsewhere
            | WaitEnd::Callback
            | WaitEnd::MaxWait
            | WaitEnd::NoAgents
            | WaitEnd::Full => ServiceLevel::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_bounded_head_start_in_seconds() {
        let (came, target) = (Timestamp::from_secs(100_000), Duration::from_secs(20));
        let secs = |priority| due(came, target, priority).as_secs();
        assert_eq!((secs(0), secs(60), secs(-60)), (100_020, 99_960, 100_080));
        assert_eq!((secs(i32::MAX), secs(i32::MIN)), (96_420, 103_620));
    }
}
