//! All open requests: one for each number, bounded by queue and in all, each with the moment it is to be looked at.

use super::Callback;
use crate::ids::CallbackId;
use crate::limits::CALLBACK_CROSSINGS_MAX;
use dozvon_clock::{Deadlines, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How long after a customer has answered us a call of his own is taken for one that crossed ours.
const CROSSING: Duration = Duration::from_secs(30);

/// The open requests.
#[derive(Debug, Default)]
pub(crate) struct Book {
    open: BTreeMap<CallbackId, Callback>,
    by_number: BTreeMap<Arc<str>, CallbackId>,
    pub(super) deadlines: Deadlines<CallbackId>,
    /// Nobody is called any more: the house closes down.
    pub(super) resting: bool,
    next: u64,
    /// Customers who have just answered us.
    answered: VecDeque<(Timestamp, Arc<str>)>,
}

impl Book {
    /// An empty one. Ids begin at the microsecond of `now`, so that they stay unique over restarts.
    pub(crate) fn new(now: Timestamp) -> Book {
        Book { next: now.as_micros(), ..Book::default() }
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    pub(super) fn new_id(&mut self) -> CallbackId {
        self.next += 1;
        CallbackId(self.next - 1)
    }

    pub(super) fn get(&self, id: CallbackId) -> Option<&Callback> {
        self.open.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: CallbackId) -> Option<&mut Callback> {
        self.open.get_mut(&id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Callback> {
        self.open.values()
    }

    /// The open request of a number.
    pub(super) fn of_number(&self, number: &str) -> Option<CallbackId> {
        self.by_number.get(number).copied()
    }

    pub(super) fn len_of(&self, queue: &str) -> usize {
        self.open.values().filter(|callback| &*callback.queue == queue).count()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn insert(&mut self, callback: Callback) {
        let before = self.by_number.insert(callback.number.clone(), callback.id);
        assert!(before.is_none(), "a number has one open request");
        self.next = self.next.max(callback.id.0 + 1);
        self.open.insert(callback.id, callback);
    }

    /// Forgets a request that is over.
    pub(super) fn remove(&mut self, id: CallbackId) -> Option<Callback> {
        let callback = self.open.remove(&id)?;
        self.by_number.remove(&callback.number);
        self.deadlines.cancel(&id);
        Some(callback)
    }

    /// A customer has answered us.
    pub(super) fn note_answer(&mut self, now: Timestamp, number: Arc<str>) {
        if self.answered.len() >= CALLBACK_CROSSINGS_MAX {
            self.answered.pop_front();
        }
        self.answered.push_back((now, number));
    }

    /// Whether a customer has answered us so lately that a call of his must have crossed ours.
    pub(super) fn crossed(&mut self, now: Timestamp, number: &str) -> bool {
        self.answered.retain(|(at, _)| now.since(*at) <= CROSSING);
        self.answered.iter().any(|(_, answered)| **answered == *number)
    }

    pub(crate) fn check_invariants(&self) {
        assert_eq!(self.open.len(), self.by_number.len(), "a number has one open request");
        for (id, callback) in &self.open {
            assert!(callback.stage.is_open(), "who is over is forgotten");
            assert_eq!(self.by_number.get(&callback.number), Some(id), "found by its number");
            let waits = matches!(
                callback.stage,
                super::Stage::Due { .. }
                    | super::Stage::Queued { .. }
                    | super::Stage::Offered { .. }
            );
            assert!(!waits || self.deadlines.get(id).is_some(), "{id} is looked at again");
        }
    }
}
