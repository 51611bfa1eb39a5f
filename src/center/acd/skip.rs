//! Skips: an agent who has just missed or declined a call isn't offered it again for a while, unless he is the only
//! one on duty who can take it. Both sides remember it, so that usual matches pay one look at an empty list.

use super::{Acd, Timer};
use crate::acd::call::CallState;
use crate::ids::{AgentId, CallId};
use crate::limits::SKIPS_MAX;
use dozvon_clock::Timestamp;

impl Acd {
    /// Whether the call isn't to be offered to this agent now.
    pub(super) fn barred(&self, call: CallId, agent: AgentId) -> bool {
        self.agents[agent.0 as usize].skips.contains(&call) && self.others_could(call)
    }

    /// Whether somebody is on duty who may serve the call and hasn't just missed or declined it.
    fn others_could(&self, id: CallId) -> bool {
        let call = &self.calls[&id];
        let on_duty = |agent: &&AgentId| self.agents[agent.0 as usize].stand().on_duty();
        let skipped = call.skips.iter().filter(on_duty).count();
        self.staff.on_duty(&self.matcher, call.class) > skipped
    }

    /// The agent has missed or declined the call, which may be gone by now.
    pub(super) fn add_skip(&mut self, now: Timestamp, id: CallId, agent: AgentId) {
        let Some(call) = self.calls.get(&id) else { return };
        if self.config.skip.is_zero() || matches!(call.state, CallState::Talking(_)) {
            return;
        }
        if call.skips.contains(&agent) {
            self.timers.set(Timer::Skip(id, agent), now + self.config.skip);
            return;
        }
        if call.skips.len() >= SKIPS_MAX {
            let oldest = call.skips[0];
            self.drop_skip(id, oldest);
        }
        if self.agents[agent.0 as usize].skips.len() >= SKIPS_MAX {
            let oldest = self.agents[agent.0 as usize].skips[0];
            self.drop_skip(oldest, agent);
        }
        self.calls.get_mut(&id).expect("seen above").skips.push(agent);
        self.agents[agent.0 as usize].skips.push(id);
        self.skippers.insert(agent);
        self.timers.set(Timer::Skip(id, agent), now + self.config.skip);
        // With one candidate less, somebody who was barred may be the last one left.
        self.match_skippers(now);
    }

    /// The skip's time is over.
    pub(super) fn skip_over(&mut self, now: Timestamp, call: CallId, agent: AgentId) {
        self.drop_skip(call, agent);
        if self.agents[agent.0 as usize].listed.is_some() {
            self.match_agent(now, agent);
        }
    }

    /// The call is leaving; its own list is gone already.
    pub(super) fn forget_skip(&mut self, call: CallId, agent: AgentId) {
        self.timers.cancel(&Timer::Skip(call, agent));
        let skips = &mut self.agents[agent.0 as usize].skips;
        skips.retain(|id| *id != call);
        if skips.is_empty() {
            self.skippers.remove(&agent);
        }
    }

    fn drop_skip(&mut self, call: CallId, agent: AgentId) {
        let skips = &mut self.calls.get_mut(&call).expect("a skip ends with its call").skips;
        skips.retain(|id| *id != agent);
        self.forget_skip(call, agent);
    }

    /// Somebody left duty, or a call has one candidate less: a free agent who was barred may be the last one left.
    pub(super) fn match_skippers(&mut self, now: Timestamp) {
        let free = |id: &AgentId| {
            let agent = &self.agents[id.0 as usize];
            agent.listed.map(|_| (agent.standing.idle_since, *id))
        };
        let mut free: Vec<(Timestamp, AgentId)> = self.skippers.iter().filter_map(free).collect();
        free.sort_unstable();
        for (_, agent) in free {
            // The one before may have changed this one.
            if self.agents[agent.0 as usize].listed.is_some() {
                self.match_agent(now, agent);
            }
        }
    }
}
