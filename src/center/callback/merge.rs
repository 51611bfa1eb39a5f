//! The customer calls himself while he is to be called back: his call takes the place, and there is one conversation.

use super::CallbackEnd;
use super::machine::{Input, Stage};
use crate::call::Call;
use crate::center::Center;
use crate::ids::{CallId, CallbackId};
use crate::limits::CALLBACK_AFTER_CALL;
use dozvon_clock::Timestamp;

/// What a call that comes in has to do with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arriving {
    /// Nothing.
    Ordinary,
    /// Its caller is to be called back, which rests while he is here.
    Owed(CallbackId),
    /// Its caller has answered our call to him: the two have crossed, and ours goes on.
    Crossed,
}

impl Center {
    /// A call comes in. What is under way to call its caller is taken back: the phone that rings for him, and the agent
    /// who waits for him to answer.
    pub(crate) fn customer_calls(
        &mut self,
        now: Timestamp,
        call: CallId,
        number: Option<&str>,
    ) -> Arriving {
        let own = number.filter(|number| !self.policy.shared_numbers.contains(*number));
        let normal = own.and_then(|number| self.policy.callbacks.numbers.normal(number));
        let Some(number) = normal else { return Arriving::Ordinary };
        if self.callbacks.crossed(now, &number) {
            return Arriving::Crossed;
        }
        let Some(id) = self.callbacks.of_number(&number) else { return Arriving::Ordinary };
        let attempt = self.callbacks.get(id).and_then(|callback| callback.stage.call());
        if !self.turn(now, id, Input::Calls(call)) {
            return Arriving::Crossed;
        }
        self.end_attempt(now, attempt, "customer_called");
        Arriving::Owed(id)
    }

    /// The caller comes to a queue: the place kept for him is his, and nobody calls him back any more. Tells since when
    /// he has waited.
    pub(crate) fn take_kept_place(&mut self, now: Timestamp, call: &mut Call) -> Option<Timestamp> {
        let id = call.owed.take()?;
        let callback = self.callbacks.get(id)?.clone();
        self.turn(now, id, Input::End(CallbackEnd::Merged));
        // Whoever asked in this same call goes on in his own contact.
        let before = callback.contact.filter(|before| *before != call.id);
        call.record.called_back(id, before);
        Some(callback.enqueued_at)
    }

    /// The request rests while its customer is in a call of his own that it did not know of: one of two that he makes
    /// at once, or one that ran when it came. False when there is none.
    pub(crate) fn rests_while_he_calls(&mut self, now: Timestamp, id: CallbackId) -> bool {
        let Some(callback) = self.callbacks.get(id) else { return false };
        let number = callback.number.clone();
        let numbers = &self.policy.callbacks.numbers;
        let his = |call: &&Call| {
            let own = self.own_number(call).and_then(|own| numbers.normal(&own));
            call.callback.is_none() && own.as_ref() == Some(&number)
        };
        // One that rests the request for another number, which was typed, can't rest this one too.
        let free = |call: &&Call| call.owed.is_none_or(|owed| owed == id);
        let Some(call) = self.calls.values().filter(his).find(free).map(|call| call.id) else {
            return false;
        };
        let rests = self.turn(now, id, Input::Calls(call));
        if rests && let Some(call) = self.calls.get_mut(&call) {
            call.owed = Some(id);
        }
        rests
    }

    /// The caller's own call has ended without his having come to a queue: he is called back after all, unless he is in
    /// another one, or the attempt that his call crossed was the last; and not sooner after it than after any other.
    pub(crate) fn owed_call_over(&mut self, now: Timestamp, call: &mut Call) {
        let Some(id) = call.owed.take() else { return };
        let callback = self.callbacks.get(id);
        let own = Stage::Calling { call: call.id };
        let Some(callback) = callback.filter(|callback| callback.stage == own) else { return };
        let callback = callback.clone();
        if self.rests_while_he_calls(now, id) {
            return;
        }
        let rules = &self.policy.callbacks;
        let input = match callback.attempts < rules.attempts {
            true => {
                let spaced = callback.dialed_at.map_or(now, |last| last + rules.spacing);
                Input::Gone(spaced.max(now + CALLBACK_AFTER_CALL))
            }
            false => Input::End(CallbackEnd::Expired),
        };
        self.turn(now, id, input);
    }
}
