//! Talks that were none. Agents who hang up as soon as they have answered: the caller keeps his place, the agent rests,
//! and whoever does it again and again is out until a person says otherwise. Callers who do: there is nothing to wrap
//! up.

use super::Acd;
use super::agent::Phase;
use super::call::CallState;
use super::status::Cause;
use crate::ids::CallId;
use dozvon_clock::Timestamp;

impl Acd {
    /// The caller hung up before the talk was one: that crossed the answer. The agent is free at once, without wrap-up.
    /// Means nothing for a call that isn't in a talk.
    pub fn fled(&mut self, now: Timestamp, id: CallId) {
        self.tick(now);
        let Some(CallState::Talking(agent)) = self.calls.get(&id).map(|call| call.state.clone())
        else {
            return;
        };
        self.calls.remove(&id);
        self.enter(now, agent, Phase::Idle, Cause::Call);
    }

    /// The agent of a talk hung up before it was one. No wrap-up: he rests for `fault_cooldown`, and after
    /// `rona_limit` of them in a row he is `not_responding`. The call waits again at its old place, not for him while
    /// anybody else on duty could take it. Means nothing for a call that isn't in a talk.
    pub fn dropped(&mut self, now: Timestamp, id: CallId) {
        self.tick(now);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let CallState::Talking(agent) = call.state else { return };
        call.state = CallState::Between;
        let one = &mut self.agents[agent.0 as usize];
        one.drops = one.drops.with_one_more(now, self.config.rona_forget);
        let struck = one.drops.count >= self.config.rona_limit;
        self.rest(now, agent, self.config.fault_cooldown);
        self.give_back(now, agent, struck.then_some(Cause::Faults));
        self.requeue(now, id, None);
        self.add_skip(now, id, agent);
    }
}
