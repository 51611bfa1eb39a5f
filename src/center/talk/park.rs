//! Parked calls: the agent has left, the customer hears music until somebody retrieves the call.

use super::{Center, TalkError};
use crate::acd::Side;
use crate::call::{Aim, Call, Handing, Parked, State, Who};
use crate::center::Timer;
use crate::contact::{Ending, Fault, StageKind};
use crate::ids::{AgentId, QueueId};
use crate::record::Place;
use dozvon_clock::Timestamp;
use std::sync::Arc;

impl Center {
    pub(super) fn park(&mut self, now: Timestamp, call: &mut Call) {
        let State::Talking(talk) = &call.state else { return };
        let (leg, queue, queue_id) = (talk.leg, talk.queue.clone(), talk.queue_id);
        self.books_of_talk(now, call, Side::System);
        self.acd.let_go(now, call.id);
        self.release(leg, Ending::new(Fault::Nobody, "parked"));
        self.deadlines.set((call.id, Timer::Parked), now + self.policy.talk.park_max);
        let place = Place { queue: Some(queue.clone()), ..Place::default() };
        call.record.enter(now, StageKind::Park, place);
        self.stay_parked(now, call, queue, queue_id);
        self.write(call);
    }

    pub(super) fn stay_parked(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        queue: Arc<str>,
        id: QueueId,
    ) {
        self.state(now, call, State::Parked(Parked { queue, queue_id: id }));
        self.arrange(now, call);
    }

    pub(super) fn ring_for_parked(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        agent: AgentId,
    ) -> Result<(), TalkError> {
        let State::Parked(parked) = call.state.clone() else { return Err(TalkError::NotParked) };
        let who = Who::Agent(agent);
        let third = self.ring_third(now, call, who, Aim::Transfer, &parked.queue)?;
        let (queue, queue_id) = (parked.queue, parked.queue_id);
        let handing = Handing { third, queue, queue_id, parked: true };
        self.state(now, call, State::Handing(handing));
        self.arrange(now, call);
        Ok(())
    }

    /// Parked for too long: the queue has it again.
    pub(crate) fn parked_too_long(&mut self, now: Timestamp, call: &mut Call) {
        match call.state.clone() {
            State::Parked(parked) => {
                self.back_to_queue(now, call, parked.queue, parked.queue_id, None);
            }
            // Somebody rings for it: when he does not answer, it is not parked again.
            State::Handing(mut handing) => {
                handing.parked = false;
                call.state = State::Handing(handing);
            }
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Talking(_)
            | State::CallingBack(_)
            | State::Outside { .. } => {}
        }
    }
}
