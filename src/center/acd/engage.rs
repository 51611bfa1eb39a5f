//! Calls that reach an agent by another way than matching: a colleague asks him, hands a call over, or he supervises.
//!
//! An engaged agent is busy with a call without being its agent: no offers come, statuses wait, his place in the line
//! of idle agents is kept. Whose call it is changes in one step, [`Acd::hand_over`], so a call in a talk has exactly
//! one agent at any moment.

use super::Acd;
use super::agent::Phase;
use super::call::CallState;
use super::status::{Activity, Cause, Presence};
use crate::ids::{AgentId, CallId, QueueId};
use dozvon_clock::Timestamp;

/// What an agent who has a call does in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manner {
    /// Talks with the caller.
    Talk,
    /// The caller is on hold.
    Hold,
    /// The caller is on hold while a third party is called or spoken to.
    Consult,
    /// All three speak.
    Conference,
}

impl Manner {
    pub(super) const fn activity(self) -> Activity {
        match self {
            Manner::Talk => Activity::Talking,
            Manner::Hold => Activity::Hold,
            Manner::Consult => Activity::Consult,
            Manner::Conference => Activity::Conference,
        }
    }
}

/// What an agent does in a call that isn't his.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engagement {
    /// His phone rings for it.
    Rung,
    /// Speaks with the colleague whose call it is.
    Consult,
    /// Speaks with the colleague and the caller.
    Conference,
    /// Listens or speaks in it as a supervisor.
    Supervising,
}

impl Engagement {
    pub(super) const fn activity(self) -> Activity {
        match self {
            Engagement::Rung => Activity::Ringing,
            Engagement::Consult => Activity::Consult,
            Engagement::Conference => Activity::Conference,
            Engagement::Supervising => Activity::Supervising,
        }
    }
}

/// Why an agent can't be called about a colleague's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFree {
    /// There is no agent of that number.
    #[error("no such agent")]
    Unknown,
    /// He isn't at work, or away from calls.
    #[error("the agent is {0}: only who is ready takes a colleague's call")]
    Away(Presence),
    /// He is doing something else.
    #[error("the agent is busy: {0}")]
    Busy(Activity),
    /// His phone is out of reach.
    #[error("the agent's phone is out of reach")]
    Unreachable,
}

impl Acd {
    /// What the agent of a call does in it from now on. Means nothing for a call that isn't in a talk.
    pub fn manner(&mut self, now: Timestamp, call: CallId, manner: Manner) {
        self.tick(now);
        if let Some(CallState::Talking(agent)) = self.state_of(call) {
            self.enter(now, agent, Phase::Talking { call, manner }, Cause::Call);
        }
    }

    /// Takes an idle agent for a call that isn't his. Only who is ready can be rung; who supervises need only be
    /// logged in.
    pub fn engage(
        &mut self,
        now: Timestamp,
        id: AgentId,
        call: CallId,
        manner: Engagement,
    ) -> Result<(), NotFree> {
        self.tick(now);
        let agent = self.agents.get(id.0 as usize).ok_or(NotFree::Unknown)?;
        let there = match manner {
            Engagement::Supervising => agent.presence != Presence::LoggedOut,
            Engagement::Rung | Engagement::Consult | Engagement::Conference => {
                agent.presence == Presence::READY
            }
        };
        if !there {
            return Err(NotFree::Away(agent.presence));
        }
        if agent.phase != Phase::Idle {
            return Err(NotFree::Busy(agent.phase.activity()));
        }
        if !agent.reachable() {
            return Err(NotFree::Unreachable);
        }
        self.enter(now, id, Phase::Engaged { call, manner }, Cause::Call);
        Ok(())
    }

    /// The agent other than `asker` who would be asked first for a queue, whatever skills its calls require; `None`
    /// when nobody else is free.
    pub fn free_agent(&self, queue: QueueId, asker: AgentId) -> Option<AgentId> {
        self.matcher.first_free(queue, asker).map(|key| key.agent)
    }

    /// What an engaged agent does from now on, and about which call. Means nothing for one who isn't engaged.
    pub fn engaged(&mut self, now: Timestamp, id: AgentId, call: CallId, manner: Engagement) {
        self.tick(now);
        if let Some(Phase::Engaged { .. }) = self.phase_of(id) {
            self.enter(now, id, Phase::Engaged { call, manner }, Cause::Call);
        }
    }

    /// An engaged agent is free again, at his old place in the line.
    pub fn disengage(&mut self, now: Timestamp, id: AgentId) {
        self.tick(now);
        if let Some(Phase::Engaged { .. }) = self.phase_of(id) {
            self.enter(now, id, Phase::Idle, Cause::Call);
        }
    }

    /// The agent of a talk is done with it although the call goes on: he goes into wrap-up, and nobody has the call
    /// until [`Acd::hand_over`], [`Acd::requeue`] or [`Acd::ended`]. Means nothing for a call that isn't in a talk.
    pub fn let_go(&mut self, now: Timestamp, call: CallId) {
        self.tick(now);
        if let Some(CallState::Talking(from)) = self.state_of(call) {
            self.move_to(call, CallState::Between);
            self.enter(now, from, self.after_talk(call), Cause::Call);
        }
    }

    /// A call in a talk, or one that was let go, gets an agent who is engaged with it; the one who had it goes into
    /// wrap-up. False, and nothing happens, when the call is elsewhere or the agent isn't engaged with it.
    pub fn hand_over(&mut self, now: Timestamp, call: CallId, to: AgentId) -> bool {
        self.tick(now);
        let from = match self.state_of(call) {
            Some(CallState::Talking(from)) => Some(from),
            Some(CallState::Between) => None,
            Some(
                CallState::Waiting { .. }
                | CallState::Held(_)
                | CallState::Offered(_)
                | CallState::Connecting(_),
            )
            | None => return false,
        };
        if !matches!(self.phase_of(to), Some(Phase::Engaged { call: with, .. }) if with == call) {
            return false;
        }
        self.move_to(call, CallState::Talking(to));
        self.enter(now, to, Phase::Talking { call, manner: Manner::Talk }, Cause::Call);
        if let Some(from) = from {
            self.enter(now, from, self.after_talk(call), Cause::Call);
        }
        true
    }

    fn state_of(&self, call: CallId) -> Option<CallState> {
        self.calls.get(&call).map(|call| call.state.clone())
    }

    fn move_to(&mut self, call: CallId, state: CallState) {
        self.calls.get_mut(&call).expect("a call that changes is here").state = state;
    }

    fn phase_of(&self, id: AgentId) -> Option<Phase> {
        self.agents.get(id.0 as usize).map(|agent| agent.phase)
    }
}
