//! What a caller does to be called back: keys while he waits, and the request that comes of it.

use super::{AskedBy, CallbackError, CallbackRequest, Proof};
use crate::acd::Leaving;
use crate::border::LegCommand;
use crate::call::{Call, State};
use crate::center::{Center, Timer};
use crate::contact::{Ending, Fault, Outcome, StageKind};
use crate::flow::{CallbackOrder, Happening};
use crate::ids::Key;
use crate::record::Place;
use dozvon_clock::Timestamp;

impl Center {
    /// A key of a caller who waits: the answer to an offer, or to what he is asked about it.
    pub(crate) fn key_while_waiting(&mut self, now: Timestamp, call: &mut Call, key: Key) {
        if !matches!(call.state, State::Waiting { .. }) || call.absent() {
            return;
        }
        if call.run.is_asked() {
            call.run.handle(now, Happening::Key(key));
        } else if let Some(number) = call.offered_callback {
            call.run.handle(now, Happening::Offered(number, key));
            if call.run.is_asked() {
                self.hush_announcement(call);
            }
        } else {
            return;
        }
        self.pump(now, call);
    }

    /// Whoever is being asked about a callback while he waits has an agent, or goes elsewhere.
    pub(crate) fn stop_asking(&mut self, call: &mut Call) {
        if call.run.is_asked() {
            call.run.stop_asking();
            call.playing = None;
            self.deadlines.cancel(&(call.id, Timer::Flow));
        }
    }

    /// The caller wants to be called back.
    pub(crate) fn call_back_wanted(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        order: CallbackOrder,
    ) {
        let waits = matches!(call.state, State::Waiting { .. });
        let request = self.request_of(now, call, order);
        let noted = match self.note_callback(now, request, Some(call)) {
            Ok(_) => true,
            // Who asks for the same once more has it.
            Err(CallbackError::Already(_)) => !waits,
            Err(error) => {
                tracing::info!(call = call.id.0, %error, "a callback is not taken");
                false
            }
        };
        if noted && waits {
            self.stop_ringing(call, Ending::new(Fault::Nobody, "caller_gone"));
            self.leave_queue(now, call, Leaving::Callback, Outcome::Callback);
            self.hush_announcement(call);
            self.tell(call.leg, LegCommand::StopPlaying);
            self.state(now, call, State::InFlow);
            call.record.enter(now, StageKind::Ivr, Place::default());
            self.write(call);
        }
        call.run.handle(now, Happening::CalledBack(noted));
    }

    fn request_of(&self, now: Timestamp, call: &Call, order: CallbackOrder) -> CallbackRequest {
        let caller = call.run.caller().number.clone();
        let queue = order.queue.or_else(|| call.state.queue()).unwrap_or_default();
        let (requires, priority) = call.required.clone().unwrap_or_default();
        let proof = Proof {
            by: AskedBy::Key,
            at: now,
            from: caller.as_deref().map(Into::into),
            key: Some(order.key),
            flow: Some(call.run.flow().name.clone()),
            node: Some(order.node),
            user: None,
            recording: None,
        };
        CallbackRequest {
            own: order.number.is_none(),
            number: order.number.map(|number| number.to_string()).or(caller).unwrap_or_default(),
            queue,
            requires,
            priority,
            enqueued_at: call.enqueued_at.or(call.credit_from),
            language: call.run.language().into(),
            topic: call.topic.clone(),
            contact: Some(call.record.contact().continues.unwrap_or(call.id)),
            proof,
        }
    }
}
