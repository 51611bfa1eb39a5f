//! What is asked for by people and programs: a request, its end, the list of those that are open; and a restart.

use super::machine::Stage;
use super::numbers::NumberError;
use super::{Callback, CallbackEnd, Proof};
use crate::border::Output;
use crate::call::Call;
use crate::center::Center;
use crate::fact::What;
use crate::ids::{CallId, CallbackId};
use crate::limits::CALLBACK_LOOK_AGAIN;
use dozvon_clock::Timestamp;
use std::sync::Arc;

/// A request for a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackRequest {
    /// The number to be called, as it was given.
    pub number: String,
    /// Whether it is the number that asks, as its call shows it; any other must be one that may be named.
    pub own: bool,
    /// The queue whose agents call.
    pub queue: Arc<str>,
    /// What the agent must be able to do, as an expression over names of skills.
    pub requires: Option<Arc<str>>,
    /// A head start in seconds.
    pub priority: i32,
    /// Since when the customer has waited; `None`: he begins now.
    pub enqueued_at: Option<Timestamp>,
    /// His language, as flows name it.
    pub language: Arc<str>,
    /// What it is about.
    pub topic: Option<Arc<str>>,
    /// The contact that asks; while it lasts nothing is dialled.
    pub contact: Option<CallId>,
    /// What shows that he asked.
    pub proof: Proof,
}

/// Why a request is refused, or can't be taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// No calendar of permitted hours is configured, so nobody may be called.
    #[error("nobody is called back: no calendar of permitted hours is configured")]
    Off,
    /// There is no such queue, or it takes none.
    #[error("queue `{0}` takes no callbacks")]
    Queue(Arc<str>),
    /// The number.
    #[error("{0}")]
    Number(NumberError),
    /// The number has an open request.
    #[error("this number is to be called back already: {0}")]
    Already(CallbackId),
    /// As many as may be are open.
    #[error("too many callbacks are open: try again later")]
    Full,
    /// There is no open request of that id.
    #[error("no such callback: it is over, or never was")]
    Unknown,
    /// The customer is on the line for it.
    #[error("the customer is on the line: it is too late to take it back")]
    OnTheLine,
}

impl Center {
    /// A customer is to be called back.
    ///
    /// # Errors
    /// [`CallbackError`]: nothing has changed then.
    pub fn request_callback(
        &mut self,
        now: Timestamp,
        request: CallbackRequest,
    ) -> Result<CallbackId, CallbackError> {
        let call = request.contact.and_then(|call| self.calls.remove(&call));
        let result = match call {
            Some(mut call) => {
                let result = self.note_callback(now, request, Some(&mut call));
                self.put_back(now, call, None);
                result
            }
            None => self.note_callback(now, request, None),
        };
        self.settle(now);
        result
    }

    /// Notes a request. One that comes from a call rests while that call lasts.
    pub(crate) fn note_callback(
        &mut self,
        now: Timestamp,
        request: CallbackRequest,
        from: Option<&mut Call>,
    ) -> Result<CallbackId, CallbackError> {
        let number = self.callback_allowed(&request)?;
        // A call rests one request only; a second one from the same call is made at once.
        let from = from.filter(|call| call.owed.is_none());
        let id = self.callbacks.new_id();
        let stage = match &from {
            Some(call) => Stage::Calling { call: call.id },
            None => Stage::Due { at: now },
        };
        let by = request.proof.by;
        let callback = Callback {
            id,
            contact: request.contact,
            number,
            queue: request.queue.clone(),
            requires: request.requires,
            priority: request.priority,
            enqueued_at: request.enqueued_at.unwrap_or(now).min(now),
            asked_at: now,
            language: request.language,
            topic: request.topic,
            proof: request.proof,
            attempts: 0,
            dialed_at: None,
            missed: None,
            stage,
        };
        match from {
            Some(call) => call.owed = Some(id),
            None => self.callbacks.deadlines.set(id, now),
        }
        let queue = request.queue;
        self.fact(now, request.contact, What::CallbackRequested { callback: id, queue, by });
        self.outputs.push_back(Output::Callback(Box::new(callback.clone())));
        self.callbacks.insert(callback);
        Ok(id)
    }

    /// Whether a request would be taken: the number as it would be called.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub fn callback_allowed(&self, request: &CallbackRequest) -> Result<Arc<str>, CallbackError> {
        let rules = &self.policy.callbacks;
        if rules.calendar.is_none() {
            return Err(CallbackError::Off);
        }
        let open_max = rules.queue(&request.queue).open_max;
        if self.queue_id(&request.queue).is_none() || open_max == 0 {
            return Err(CallbackError::Queue(request.queue.clone()));
        }
        let number = match request.own {
            true => rules.numbers.own(&request.number),
            false => rules.numbers.named(&request.number),
        };
        let number = number.map_err(CallbackError::Number)?;
        if let Some(open) = self.callbacks.of_number(&number) {
            return Err(CallbackError::Already(open));
        }
        let full = self.callbacks.len_of(&request.queue) >= open_max;
        if full || self.callbacks.len() >= rules.open_max {
            return Err(CallbackError::Full);
        }
        Ok(number)
    }

    /// Takes a request back.
    ///
    /// # Errors
    /// [`CallbackError::Unknown`], [`CallbackError::OnTheLine`].
    pub fn cancel_callback(&mut self, now: Timestamp, id: CallbackId) -> Result<(), CallbackError> {
        let stage = self.callbacks.get(id).ok_or(CallbackError::Unknown)?.stage;
        if matches!(stage, Stage::Here { .. }) {
            return Err(CallbackError::OnTheLine);
        }
        self.end_callback(now, id, CallbackEnd::Cancelled);
        self.settle(now);
        Ok(())
    }

    /// The open requests, oldest first.
    pub fn callbacks(&self) -> impl Iterator<Item = &Callback> {
        self.callbacks.all()
    }

    /// Goes on with the requests that were open when the server stopped. Of a number that has asked again meanwhile the
    /// older request goes on and the new one ends as merged, unless the new one is being made already.
    pub fn restore_callbacks(&mut self, now: Timestamp, kept: Vec<Callback>) {
        for mut callback in kept {
            if !callback.stage.is_open() {
                continue;
            }
            let newer = self.callbacks.of_number(&callback.number);
            if let Some(newer) = newer.and_then(|id| self.callbacks.get(id)) {
                let (id, waits) =
                    (newer.id, matches!(newer.stage, Stage::Due { .. } | Stage::Queued { .. }));
                if !waits {
                    self.merge_kept(now, callback);
                    continue;
                }
                self.end_callback(now, id, CallbackEnd::Merged);
            }
            let before = callback.stage;
            let rules = &self.policy.callbacks;
            callback.restored(now, now + rules.spacing, rules.attempts);
            let (id, queue) = (callback.id, callback.queue.clone());
            if let (Some(why), true) = (callback.missed, before.call().is_some())
                && !matches!(before, Stage::Queued { .. })
            {
                let (contact, queue) = (callback.contact, queue.clone());
                self.fact(now, contact, What::CallbackMissed { callback: id, queue, why });
            }
            match callback.stage {
                Stage::Ended { at, end } => {
                    let what = What::CallbackEnded {
                        callback: id,
                        queue,
                        end,
                        attempts: callback.attempts,
                        waited_secs: at.since(callback.asked_at).as_secs_f64(),
                    };
                    self.fact(now, callback.contact, what);
                }
                Stage::Due { at } => {
                    self.callbacks.deadlines.set(id, at.max(now));
                    self.callbacks.insert(callback.clone());
                }
                Stage::Queued { .. }
                | Stage::Offered { .. }
                | Stage::Dialing { .. }
                | Stage::Here { .. }
                | Stage::Calling { .. } => {
                    unreachable!("nothing is under way after a restart: {:?}", callback.stage)
                }
            }
            self.outputs.push_back(Output::Callback(Box::new(callback)));
        }
        self.settle(now);
    }

    /// Ends a request of an earlier run in favour of the one that is being made.
    fn merge_kept(&mut self, now: Timestamp, mut kept: Callback) {
        let end = CallbackEnd::Merged;
        let what = What::CallbackEnded {
            callback: kept.id,
            queue: kept.queue.clone(),
            end,
            attempts: kept.attempts,
            waited_secs: now.since(kept.asked_at).as_secs_f64(),
        };
        self.fact(now, kept.contact, what);
        kept.stage = Stage::Ended { at: now, end };
        self.outputs.push_back(Output::Callback(Box::new(kept)));
    }

    /// Nobody is called from now on: the house closes down. Who is on the line already goes on.
    pub fn rest_callbacks(&mut self, now: Timestamp) {
        self.callbacks.resting = true;
        let waits = |stage: Stage| matches!(stage, Stage::Queued { .. } | Stage::Offered { .. });
        let all = self.callbacks.all().filter(|callback| waits(callback.stage));
        let all: Vec<CallbackId> = all.map(|callback| callback.id).collect();
        for id in all {
            self.rest_callback(now, id, now + CALLBACK_LOOK_AGAIN);
        }
        self.settle(now);
    }
}
