//! Holds: a call that waits for one agent alone, usually the one whom its caller spoke with last.
//!
//! A hold is short, and it ends at once when the agent goes anywhere but into a talk: then the call stands among the
//! others of its class in the place it has had all along. Only a call whose talk broke with the agent's phone waits
//! although that is out of reach: it may be back in a moment.

use super::matcher::{CallKey, ClassId};
use super::{Acd, Timer};
use crate::acd::agent::Phase;
use crate::acd::call::CallState;
use crate::acd::status::Presence;
use crate::ids::{AgentId, CallId};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// How long a call whose talk broke waits for the same agent alone. Then anybody may have it.
pub(super) const BACK_WITHIN: Duration = Duration::from_secs(20);

impl Acd {
    /// Whether the agent may serve calls of this class and is ready, or will be after his present talk.
    pub(super) fn would_take(&self, class: ClassId, agent: AgentId) -> bool {
        let Some(state) = self.agents.get(agent.0 as usize) else { return false };
        let there = state.stand().on_duty() && state.cooldown_until.is_none();
        self.fits(class, agent) && there && state.phase != Phase::Outbound
    }

    /// Whether the agent would take calls of this class if only his phone were back.
    pub(super) fn may_return(&self, class: ClassId, agent: AgentId) -> bool {
        let Some(state) = self.agents.get(agent.0 as usize) else { return false };
        let out = state.presence == Presence::Unreachable || !state.reachable();
        let stays = state.takes_calls || state.presence == Presence::Unreachable;
        self.would_take(class, agent) || (out && stays && self.fits(class, agent))
    }

    fn fits(&self, class: ClassId, agent: AgentId) -> bool {
        let profile = self.matcher.profile_of(agent);
        self.matcher.edges(class).iter().any(|edge| edge.profile == profile)
    }

    /// The call waits for this agent alone, if it has to wait at all.
    pub(super) fn hold_for(
        &mut self,
        now: Timestamp,
        id: CallId,
        agent: AgentId,
        at_most: Duration,
    ) {
        let free = self.agents[agent.0 as usize].listed.is_some();
        if at_most.is_zero() && !free {
            self.wait_on(now, id, None);
            return;
        }
        let call = self.calls.get_mut(&id).expect("a call that is held is here");
        call.state = CallState::Held(agent);
        self.holds.entry(agent).or_default().insert(call.key);
        self.timers.set(Timer::Preferred(id), now + at_most);
        if free {
            self.match_agent(now, agent);
        }
    }

    /// The first call that waits for this agent alone.
    pub(super) fn first_hold(&self, agent: AgentId) -> Option<CallId> {
        self.holds.get(&agent)?.first().map(|key| key.call)
    }

    /// Forgets a hold; where the call goes is up to whoever does so.
    pub(super) fn drop_hold(&mut self, agent: AgentId, key: CallKey) {
        self.timers.cancel(&Timer::Preferred(key.call));
        if let Some(call) = self.calls.get_mut(&key.call) {
            call.broke_off = false;
        }
        let holds = self.holds.get_mut(&agent).expect("a held call has its agent");
        holds.remove(&key);
        if holds.is_empty() {
            self.holds.remove(&agent);
        }
    }

    /// A call has waited for its agent for long enough, or in vain: whoever fits may have it.
    pub(super) fn release(&mut self, now: Timestamp, id: CallId) {
        let call = self.calls.get_mut(&id).expect("a hold ends with its call");
        let CallState::Held(agent) = call.state else {
            unreachable!("a hold's timer ends with the hold, not in {:?}", call.state)
        };
        let key = call.key;
        call.state = CallState::Waiting { lapsing: None };
        self.drop_hold(agent, key);
        self.wait_on(now, id, None);
    }

    /// An agent has changed: the calls that wait for him alone go on if he won't take them.
    pub(super) fn release_holds(&mut self, now: Timestamp, agent: AgentId) {
        let held: Vec<CallKey> = self.holds.get(&agent).into_iter().flatten().copied().collect();
        for key in held {
            let call = &self.calls[&key.call];
            let waits = call.state == CallState::Held(agent);
            let stays = if call.broke_off {
                self.may_return(call.class, agent)
            } else {
                self.would_take(call.class, agent)
            };
            if waits && !stays {
                self.release(now, key.call);
            }
        }
    }
}
