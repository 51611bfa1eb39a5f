//! Places kept for customers who are not on the line: they stand in the order of calls like any other, and somebody
//! calls the customer when it is their turn. How he is called is not known here.

use super::agent::Phase;
use super::status::Cause;
use super::{Acd, Timer};
use crate::acd::call::CallState;
use crate::ids::{CallId, OfferId};
use dozvon_clock::Timestamp;
use std::time::Duration;

impl Acd {
    /// The customer is called for the agent of this offer: before the agent's phone rings, or after he has answered.
    /// Until then, at most `within`, the agent is busy calling out. Means nothing for an offer that is over.
    pub fn dialing(&mut self, now: Timestamp, offer: OfferId, within: Duration) {
        self.tick(now);
        let Some(agent) = self.offers.get(&offer).map(|offer| offer.agent) else { return };
        let phase = match self.agents[agent.0 as usize].phase {
            Phase::Reserved { offer, call, .. } => Phase::Reserved { offer, call, dials: true },
            Phase::Connecting { offer, call, .. } => Phase::Connecting { offer, call, dials: true },
            Phase::Idle
            | Phase::Ringing { .. }
            | Phase::Lapsing { .. }
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound => return,
        };
        self.enter(now, agent, phase, Cause::Call);
        self.timers.set(Timer::Phase(agent), now + within);
    }

    /// The customer has answered, and the agent for whom he was called is to be rung now. False when the offer is
    /// over: the customer waits on.
    pub fn dialled(&mut self, now: Timestamp, offer: OfferId) -> bool {
        self.tick(now);
        let Some(agent) = self.offers.get(&offer).map(|offer| offer.agent) else { return false };
        let Phase::Reserved { offer, call, dials: true } = self.agents[agent.0 as usize].phase
        else {
            return false;
        };
        self.enter(now, agent, Phase::Reserved { offer, call, dials: false }, Cause::Call);
        true
    }

    /// The customer of a kept place is on the line: he waits on like any caller, at most for `max_wait`, in his old
    /// place. Like the whole stay it doesn't count for the service level: his wait was no wait on the line.
    pub fn came(&mut self, now: Timestamp, id: CallId, max_wait: Duration) {
        self.tick(now);
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.absent) else { return };
        call.absent = false;
        let (class, state) = (call.class, call.state.clone());
        self.timers.set(Timer::MaxWait(id), now + max_wait);
        match state {
            CallState::Waiting { .. } => {
                if let Some(given_up) = self.give_up_at(class) {
                    self.timers.set(Timer::NoAgents(class), given_up.max(now));
                }
            }
            CallState::Offered(_) => self.fill(now, id),
            CallState::Held(_)
            | CallState::Connecting(_)
            | CallState::Talking(_)
            | CallState::Between => {}
        }
    }

    /// How many phones ring at once for a call: one for a customer who is yet to be called.
    pub(super) fn phones_max(&self, id: CallId) -> usize {
        if self.calls[&id].absent { 1 } else { self.queue_of(id).ring.phones_max() }
    }
}
