//! Agents: what people and phones say of them, and the one place where an agent's state changes.

use super::event::{Event, OfferResult, Withdrawal};
use super::{Acd, Timer};
use crate::acd::agent::{Agent, Phase, Reach, Standing};
use crate::acd::staff::Shift;
use crate::acd::status::{Actor, Cause, Presence, Status, StatusError};
use crate::ids::AgentId;
use dozvon_clock::Timestamp;

/// What an agent's state is to become.
#[derive(Clone, Copy)]
struct Next {
    presence: Presence,
    phase: Phase,
    pending: Option<(Presence, Cause)>,
    reach: Reach,
}

impl Next {
    fn same(agent: &Agent) -> Next {
        Next {
            presence: agent.presence,
            phase: agent.phase,
            pending: agent.pending,
            reach: agent.reach,
        }
    }

    /// What follows by itself: a pending status is given as soon as nothing else goes on, a phone in a call of its own
    /// isn't idle, and whoever can't be reached isn't ready.
    fn settled(mut self, own_call: bool, mut cause: Cause) -> (Next, Cause) {
        let busy = own_call && self.presence != Presence::LoggedOut;
        if self.phase == Phase::Idle
            && !busy
            && let Some((asked, by)) = self.pending.take()
        {
            (self.presence, cause) = (asked, by);
        }
        if self.presence == Presence::LoggedOut {
            (self.phase, self.pending) = (Phase::Idle, None);
        } else if self.phase == Phase::Idle && busy {
            self.phase = Phase::Outbound;
        }
        let lost = matches!(self.reach, Reach::Lost { .. });
        if self.phase == Phase::Idle && self.presence == Presence::READY && lost {
            (self.presence, cause) = (Presence::Unreachable, Cause::Unreachable);
        }
        if self.pending.is_some_and(|(asked, _)| asked == self.presence) {
            self.pending = None;
        }
        (self, cause)
    }
}

impl Acd {
    /// An agent begins the shift: ready, and last in the line of idle agents. Logging in again takes back a log-out
    /// that waits for the end of a call, and does nothing else.
    pub fn log_in(&mut self, now: Timestamp, id: AgentId) {
        self.tick(now);
        let Some(agent) = self.agents.get_mut(id.0 as usize) else { return };
        let mut next = Next::same(agent);
        if agent.presence == Presence::LoggedOut {
            (agent.misses, agent.faults, agent.drops) = Default::default();
            next.presence = Presence::READY;
            if agent.reach != Reach::Up {
                // The phone may register a moment after the desk.
                next.reach = Reach::Fading { since: now };
                self.timers.set(Timer::Lost(id), now + self.config.unreachable_grace);
            }
        } else if matches!(next.pending, Some((Presence::LoggedOut, _))) {
            next.pending = None;
        }
        self.apply(now, id, next, Cause::LogIn);
    }

    /// An agent goes home. A ringing call goes to the next agent; in a talk he is logged out when it and its wrap-up
    /// are over; otherwise at once.
    pub fn log_out(&mut self, now: Timestamp, id: AgentId, by: Actor) {
        self.tick(now);
        let Some(agent) = self.agents.get(id.0 as usize) else { return };
        let cause = match by {
            Actor::Agent => Cause::LogOut,
            Actor::Supervisor => Cause::Supervisor,
            Actor::Limit => Cause::Limit,
            Actor::Schedule => Cause::Schedule,
            Actor::Conflict => Cause::Conflict,
        };
        match agent.phase {
            Phase::Idle | Phase::WrapUp { .. } | Phase::Outbound => {
                self.stand(now, id, Presence::LoggedOut, Phase::Idle, cause);
            }
            Phase::Reserved { .. } | Phase::Ringing { .. } | Phase::Lapsing { .. } => {
                self.leave_offer(now, id, Presence::LoggedOut, cause);
            }
            Phase::Connecting { .. } | Phase::Talking { .. } | Phase::Engaged { .. } => {
                let next =
                    Next { pending: Some((Presence::LoggedOut, cause)), ..Next::same(agent) };
                self.apply(now, id, next, cause);
            }
        }
    }

    /// A person, or a rule, chooses a status. Given at once to an idle agent; a ringing call is withdrawn and keeps its
    /// place; in a talk, its wrap-up or a call of the phone's own the status is pending until that is over. The last
    /// wish counts: it takes back a status, or a log-out, that is pending.
    ///
    /// `epoch`: the number of the state that the person saw; `None` forces the change. Whoever comes back from
    /// `not_responding` starts with a clean count.
    pub fn set_status(
        &mut self,
        now: Timestamp,
        id: AgentId,
        status: Status,
        by: Actor,
        epoch: Option<u64>,
    ) -> Result<(), StatusError> {
        self.tick(now);
        let agent = self.agents.get(id.0 as usize).ok_or(StatusError::UnknownAgent)?;
        let wanted = Presence::Chosen(status);
        allowed(agent, wanted, by, epoch)?;
        if agent.presence == wanted && agent.pending.is_none() {
            return Ok(());
        }
        let cause = Cause::from(by);
        if agent.phase.defers_status() {
            let next = Next { pending: Some((wanted, cause)), ..Next::same(agent) };
            self.apply(now, id, next, cause);
        } else {
            self.leave_offer(now, id, wanted, cause);
        }
        Ok(())
    }

    /// The agent works on at another desk: nothing changes but the number of his state, so that commands made from the
    /// old desk's picture are refused.
    pub fn replace_session(&mut self, now: Timestamp, id: AgentId) {
        self.tick(now);
        let Some(agent) = self.agents.get_mut(id.0 as usize) else { return };
        agent.epoch += 1;
        let (stand, epoch) = (agent.stand(), agent.epoch);
        let state = (stand.presence, stand.activity);
        let pending = agent.pending.map(|(asked, _)| asked);
        let (spent, cause) = (std::time::Duration::ZERO, Cause::Conflict);
        let (from, to) = (state, state);
        self.tell(Event::AgentChanged { agent: id, from, to, pending, spent, cause, epoch });
    }

    /// Whether the agent's phone can be reached: registered, or its browser connected. Losing it withdraws an open
    /// offer at once; after `unreachable_grace` a ready agent becomes `unreachable`; back within `unreachable_return`
    /// he is ready again by himself, and last in the line. A talk goes on regardless: the switch knows its sound.
    pub fn reachable(&mut self, now: Timestamp, id: AgentId, reachable: bool) {
        self.tick(now);
        let Some(agent) = self.agents.get(id.0 as usize) else { return };
        if agent.reachable() == reachable {
            return;
        }
        if reachable {
            self.phone_back(now, id);
            return;
        }
        let gone = agent.presence == Presence::LoggedOut;
        let freed = self.take_back(now, id, Withdrawal::Unreachable, OfferResult::Unreachable);
        let mut next = Next::same(&self.agents[id.0 as usize]);
        next.phase = without_offer(next.phase);
        next.reach = if gone { Reach::Lost { since: now } } else { Reach::Fading { since: now } };
        if !gone {
            self.timers.set(Timer::Lost(id), now + self.config.unreachable_grace);
        }
        self.apply(now, id, next, Cause::Unreachable);
        if let Some(call) = freed {
            self.wait_on(now, call, None);
        }
    }

    /// The agent's phone begins (`true`) or ends a call of its own. An offer that is open loses against it. During a
    /// talk or wrap-up it is remembered and shows when that is over.
    pub fn outbound(&mut self, now: Timestamp, id: AgentId, busy: bool) {
        self.tick(now);
        let Some(agent) = self.agents.get_mut(id.0 as usize) else { return };
        agent.own_call = busy;
        let mut next = Next::same(agent);
        let mut freed = None;
        if busy {
            freed = self.take_back(now, id, Withdrawal::PhoneBusy, OfferResult::Glare);
            next = Next::same(&self.agents[id.0 as usize]);
            next.phase = without_offer(next.phase);
        } else if next.phase == Phase::Outbound {
            next.phase = Phase::Idle;
        }
        self.apply(now, id, next, Cause::Phone);
        if let Some(call) = freed {
            self.wait_on(now, call, None);
        }
    }

    /// An idle agent, or one who is offered a call, takes another presence; the call goes to the next agent.
    fn leave_offer(&mut self, now: Timestamp, id: AgentId, presence: Presence, cause: Cause) {
        let (why, result) = (Withdrawal::StatusChanged, OfferResult::CancelledStatus);
        let freed = self.take_back(now, id, why, result);
        self.forgive(id);
        self.stand(now, id, presence, Phase::Idle, cause);
        if let Some(call) = freed {
            self.wait_on(now, call, None);
        }
    }

    fn phone_back(&mut self, now: Timestamp, id: AgentId) {
        let agent = &self.agents[id.0 as usize];
        let mut next = Next { reach: Reach::Up, ..Next::same(agent) };
        if let Reach::Lost { since } = agent.reach
            && agent.presence == Presence::Unreachable
            && now.since(since) <= self.config.unreachable_return
        {
            next.presence = Presence::READY;
        }
        self.timers.cancel(&Timer::Lost(id));
        self.apply(now, id, next, Cause::Reachable);
    }

    /// The grace of a phone out of reach is over.
    pub(super) fn phone_lost(&mut self, now: Timestamp, id: AgentId) {
        let agent = &self.agents[id.0 as usize];
        let Reach::Fading { since } = agent.reach else {
            unreachable!("a phone that is lost was fading, not {:?}", agent.reach)
        };
        let next = Next { reach: Reach::Lost { since }, ..Next::same(agent) };
        self.apply(now, id, next, Cause::Unreachable);
    }

    pub(super) fn cooldown_over(&mut self, now: Timestamp, id: AgentId) {
        self.agents[id.0 as usize].cooldown_until = None;
        self.enter(now, id, self.agents[id.0 as usize].phase, Cause::Call);
    }

    /// A person is there: what the system held against a silent agent is forgotten.
    fn forgive(&mut self, id: AgentId) {
        let agent = &mut self.agents[id.0 as usize];
        if agent.presence == Presence::NotResponding {
            (agent.misses, agent.faults, agent.drops) = Default::default();
            agent.cooldown_until = None;
            self.timers.cancel(&Timer::Cooldown(id));
        }
    }

    /// An agent's activity changes.
    pub(super) fn enter(&mut self, now: Timestamp, id: AgentId, phase: Phase, cause: Cause) {
        let next = Next { phase, ..Next::same(&self.agents[id.0 as usize]) };
        self.apply(now, id, next, cause);
    }

    /// An agent's presence changes, and with it his activity.
    pub(super) fn stand(
        &mut self,
        now: Timestamp,
        id: AgentId,
        presence: Presence,
        phase: Phase,
        cause: Cause,
    ) {
        let same = Next::same(&self.agents[id.0 as usize]);
        self.apply(now, id, Next { presence, phase, pending: None, ..same }, cause);
    }

    /// The one place where an agent's state changes: time limits, counts, events, his place in the line, and the next
    /// call if he is free for one.
    fn apply(&mut self, now: Timestamp, id: AgentId, next: Next, cause: Cause) {
        let agent = &mut self.agents[id.0 as usize];
        let (next, cause) = next.settled(agent.own_call, cause);
        if let Some(places) = agent.listed.take() {
            self.matcher.unlist_agent(id, &places);
        }
        let (before, old_phase, old_pending) = (agent.stand(), agent.phase, agent.pending);
        let takes_calls = self.config.statuses.take_calls(next.presence);
        let moves = loses_place(agent, next, takes_calls);
        agent.takes_calls = takes_calls;
        (agent.presence, agent.phase) = (next.presence, next.phase);
        (agent.pending, agent.reach) = (next.pending, next.reach);
        let (after, duty) = (agent.stand(), agent.duty());
        self.occupancy.shift(now, id, duty, before.presence == Presence::LoggedOut);
        if moves {
            agent.standing = Standing { idle_since: now, load: self.occupancy.key(now, id) };
        }
        let (from, to) = ((before.presence, before.activity), (after.presence, after.activity));
        agent.ran_out = agent.ran_out.filter(|_| from.0 == to.0 && next.phase == Phase::Idle);
        let spent = now.since(agent.since);
        if from != to {
            agent.since = now;
        }
        if from != to || old_pending != next.pending {
            agent.epoch += 1;
            let epoch = agent.epoch;
            let spent = if from == to { std::time::Duration::ZERO } else { spent };
            let pending = next.pending.map(|(asked, _)| asked);
            self.tell(Event::AgentChanged { agent: id, from, to, pending, spent, cause, epoch });
        }
        if to.0 == Presence::LoggedOut && from.0 != Presence::LoggedOut {
            self.clear_away(id);
        }
        if old_phase != next.phase {
            self.note_phase(now, id, old_phase, next.phase);
            match self.limit(next.phase) {
                Some(limit) => self.timers.set(Timer::Phase(id), now + limit),
                None => drop(self.timers.cancel(&Timer::Phase(id))),
            }
        }
        self.watch(now, id, (from.0, old_phase), (to.0, next.phase));
        let profile = self.matcher.profile_of(id);
        let shift = self.staff.shift(&self.matcher, now, profile, before, after);
        self.mind_classes(now, shift);
        if self.agents[id.0 as usize].routable() {
            let rank = self.config.agents[id.0 as usize].rank;
            let places = self.agents[id.0 as usize].standing.places(rank);
            self.agents[id.0 as usize].listed = Some(places);
            let risen = self.matcher.list_agent(id, &places);
            // Whoever was kept until now may go before him, so calls choose among all of them.
            self.match_beside(now, risen);
            if self.agents[id.0 as usize].listed.is_some() {
                self.match_agent(now, id);
            }
        }
        if before.on_duty() && !after.on_duty() {
            self.match_skippers(now);
        }
        self.release_holds(now, id);
    }

    /// Nothing of a shift outlives it but the phone.
    fn clear_away(&mut self, id: AgentId) {
        let agent = &mut self.agents[id.0 as usize];
        agent.cooldown_until = None;
        if let Reach::Fading { since } = agent.reach {
            agent.reach = Reach::Lost { since };
        }
        self.timers.cancel(&Timer::Cooldown(id));
        self.timers.cancel(&Timer::Lost(id));
    }

    /// Classes have lost their last agent at work, or got a first one.
    fn mind_classes(&mut self, now: Timestamp, shift: Shift) {
        for class in shift.filled {
            self.timers.cancel(&Timer::NoAgents(class));
        }
        for class in shift.emptied {
            let waits = self.matcher.waits(class);
            if let Some(at) = self.give_up_at(class).filter(|_| waits) {
                self.timers.set(Timer::NoAgents(class), at.max(now));
            }
        }
    }
}

/// Whether a status may be given; which one it is matters only to those who aren't there.
fn allowed(
    agent: &Agent,
    wanted: Presence,
    by: Actor,
    epoch: Option<u64>,
) -> Result<(), StatusError> {
    if agent.presence == Presence::LoggedOut {
        return Err(StatusError::LoggedOut);
    }
    if epoch.is_some_and(|seen| seen != agent.epoch) {
        return Err(StatusError::Stale);
    }
    if by.is_a_rule() && !agent.presence.is_chosen() {
        return Err(StatusError::NotAllowed);
    }
    if wanted == Presence::READY && matches!(agent.reach, Reach::Lost { .. }) {
        return Err(StatusError::Unreachable);
    }
    Ok(())
}

/// A phase whose offer was taken back is idle.
fn without_offer(phase: Phase) -> Phase {
    match phase {
        Phase::Reserved { .. } | Phase::Ringing { .. } | Phase::Lapsing { .. } => Phase::Idle,
        Phase::Idle
        | Phase::Connecting { .. }
        | Phase::Talking { .. }
        | Phase::Engaged { .. }
        | Phase::WrapUp { .. }
        | Phase::Outbound => phase,
    }
}

/// Whether he gets a new place in the line of idle agents: after handled calls and after any status without them.
fn loses_place(agent: &Agent, next: Next, takes_calls: bool) -> bool {
    let came_back = takes_calls && !agent.takes_calls;
    let handled = match agent.phase {
        Phase::Talking { .. } | Phase::WrapUp { .. } | Phase::Outbound => true,
        Phase::Idle
        | Phase::Engaged { .. }
        | Phase::Reserved { .. }
        | Phase::Ringing { .. }
        | Phase::Lapsing { .. }
        | Phase::Connecting { .. } => false,
    };
    came_back || (handled && next.phase == Phase::Idle)
}
