//! Laws of callbacks: within the hours, never twice, spaced, at most so often, each with one end, the place kept.

use super::Books;
use crate::house::bank;
use dozvon_center::callback::{Callback, CallbackEnd, Missed, Stage};
use dozvon_center::fact::{Fact, What};
use dozvon_center::ids::{CallId, CallbackId, LegId};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a customer's phone rings.
const RINGS: Duration = Duration::from_secs(25);
/// How often a customer is called, and from one attempt to the next.
const ATTEMPTS: u32 = 3;
const SPACING: Duration = Duration::from_secs(900);
/// How long a request stands; an attempt that is under way then is finished.
const STANDS: Duration = Duration::from_secs(20 * 3600 + 3600);

/// A request, as told.
#[derive(Clone, Debug)]
struct Request {
    enqueued_at: Timestamp,
    asked_at: Timestamp,
    stage: Stage,
    dials: u32,
    dialed_at: Option<Timestamp>,
    end: Option<CallbackEnd>,
}

/// All requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    all: BTreeMap<CallbackId, Request>,
    open: BTreeMap<Arc<str>, CallbackId>,
    /// Calls that have taken a kept place in this step.
    merging: BTreeSet<CallbackId>,
    /// Calls in which a customer was reached in this step.
    reached: Vec<CallId>,
}

impl Requests {
    /// The kept place that a request gives to a call of its customer's own; one that is over gives none.
    pub(super) fn owes(&self, id: CallbackId) -> Option<Timestamp> {
        self.all.get(&id).filter(|request| request.end.is_none()).map(|r| r.enqueued_at)
    }

    /// A call has taken a kept place.
    pub(super) fn must_be_merged(&mut self, id: CallbackId) {
        self.merging.insert(id);
    }

    pub(super) fn cancelled(&mut self, id: CallbackId, taken: bool) {
        let open = self.all.get(&id).is_some_and(|request| request.end.is_none());
        assert!(open || !taken, "law: only what is open is taken back");
    }

    pub(super) fn day_over(&self) {
        let open = self.open.values().next().map(|id| (id, &self.all[id]));
        assert!(open.is_none(), "law: every request comes to an end, but {open:?}");
    }
}

impl Books {
    /// What is promised at the end of every step.
    pub(super) fn mind_requests(&mut self) {
        for call in std::mem::take(&mut self.requests.reached) {
            let talks = self.calls.get(&call).is_some_and(|call| call.talk.is_some());
            assert!(talks, "law: who is reached talks with an agent, but not in {call}");
        }
        let left = self.requests.merging.first();
        assert!(left.is_none(), "law: {left:?} is over when its customer has taken the place");
    }

    /// No request stands for longer than it may, or for a call that is over.
    pub(super) fn no_request_is_forgotten(&self) {
        let open = self.requests.open.values();
        for (id, request) in open.map(|id| (id, &self.requests.all[id])) {
            let stood = self.now.since(request.asked_at);
            assert!(stood <= STANDS, "law: {id} is forgotten: {request:?}");
            let own = if let Stage::Calling { call } = request.stage { Some(call) } else { None };
            let call = own.or(request.stage.call());
            let there = call.is_none_or(|call| self.calls.contains_key(&call));
            assert!(there, "law: {id} doesn't rest for a call that is over: {request:?}");
        }
    }

    /// The newest state of a request.
    pub(super) fn callback(&mut self, callback: &Callback) {
        let id = callback.id;
        let requests = &mut self.requests;
        let known = requests.all.entry(id).or_insert_with(|| Request {
            enqueued_at: callback.enqueued_at,
            asked_at: callback.asked_at,
            stage: callback.stage,
            dials: 0,
            dialed_at: None,
            end: None,
        });
        assert!(known.end.is_none() || !callback.stage.is_open(), "law: {id} is over for good");
        assert_eq!(known.enqueued_at, callback.enqueued_at, "law: the place of {id} is kept");
        if let (Stage::Here { call }, Stage::Ended { end: CallbackEnd::Reached, .. }) =
            (known.stage, callback.stage)
        {
            requests.reached.push(call);
        }
        known.stage = callback.stage;
        match callback.stage {
            Stage::Ended { end, .. } => {
                requests.open.remove(&callback.number);
                if requests.merging.remove(&id) {
                    assert_eq!(
                        end,
                        CallbackEnd::Merged,
                        "law: who calls himself isn't called back"
                    );
                }
            }
            Stage::Due { .. }
            | Stage::Queued { .. }
            | Stage::Offered { .. }
            | Stage::Dialing { .. }
            | Stage::Here { .. }
            | Stage::Calling { .. } => {
                let before = requests.open.insert(callback.number.clone(), id);
                let one = before.is_none_or(|before| before == id);
                assert!(one, "law: a number has one open request");
            }
        }
        match callback.stage {
            Stage::Queued { call } => self.stands_for(call, callback),
            Stage::Calling { call } => self.known(call).owed = Some(id),
            Stage::Due { .. }
            | Stage::Offered { .. }
            | Stage::Dialing { .. }
            | Stage::Here { .. }
            | Stage::Ended { .. } => {}
        }
    }

    /// A request stands in its queue as this call.
    fn stands_for(&mut self, call: CallId, callback: &Callback) {
        let id = callback.id;
        let boost = Duration::from_secs(u64::from(callback.priority.unsigned_abs()));
        let known = self.known(call);
        let again = known.attempt == Some(id);
        assert!(again || known.attempt.is_none(), "law: one attempt is of one request");
        known.attempt = Some(id);
        known.number = Some(callback.number.to_string());
        if !again {
            known.keeps(callback.enqueued_at, boost);
        }
    }

    /// A customer is called.
    pub(super) fn dials_customer(&mut self, leg: LegId, to: &Arc<str>) {
        let now = self.now;
        self.tally.count("dials");
        let may = bank::may_be_called(to, now, RINGS);
        assert!(may, "law: {to} is called within the hours");
        let id = self.requests.open.get(to).copied();
        let id = id.unwrap_or_else(|| panic!("law: only who has asked is called"));
        let request = self.requests.all.get_mut(&id).expect("open");
        let spaced = request.dialed_at.is_none_or(|last| now.since(last) >= SPACING);
        assert!(spaced, "law: {id} is called again after a while");
        request.dials += 1;
        request.dialed_at = Some(now);
        assert!(request.dials <= ATTEMPTS, "law: {id} isn't called too often");
        let (stage, asked_at) = (request.stage, request.asked_at);
        let Stage::Dialing { call } = stage else {
            panic!("law: what is begun is noted before: {stage:?}");
        };
        let others = self.calls.iter().filter(|(other, known)| {
            let his = known.number.as_deref() == Some(&**to) && **other != call;
            his && known.here && **to != *bank::SHARED
        });
        for (other, known) in others {
            // Whoever was in a call already when somebody asked for him is not known by it.
            let since = self.contacts.get(other).map_or(now, |contact| contact.started_at);
            assert!(since < asked_at, "law: {to} is in a call of his own: {known:?}");
        }
        self.known(call).leg = leg;
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "facts are many, and most say nothing here")]
    pub(super) fn tell_of_request(&mut self, fact: &Fact) {
        match &fact.what {
            What::CallbackRequested { callback, by, .. } => {
                self.tally.count(format!("callback asked by {}", by.as_str()));
                let new = !self.requests.all.contains_key(callback);
                assert!(new, "law: a request is made once");
            }
            What::CallbackDialed { callback, attempt, .. } => {
                let request = &self.requests.all[callback];
                assert_eq!(*attempt, request.dials, "law: attempts are counted");
            }
            What::CallbackMissed { why, .. } => {
                self.tally.count(format!("callback missed {}", why.as_str()));
                assert_ne!(*why, Missed::Unknown, "law: it is known what became of an attempt");
            }
            What::CallbackEnded { callback, end, attempts, .. } => {
                self.request_ends(*callback, *end, *attempts);
            }
            What::CallAnswered => {
                if let Some(id) = fact.call {
                    self.known(id).here = true;
                }
            }
            _ => {}
        }
    }

    fn request_ends(&mut self, id: CallbackId, end: CallbackEnd, attempts: u32) {
        self.tally.count(format!("callback {}", end.as_str()));
        let request = self.requests.all.get_mut(&id).expect("law: only requests end");
        assert!(request.end.is_none(), "law: {id} ends once");
        assert_eq!(attempts, request.dials, "law: attempts are counted");
        if end == CallbackEnd::Reached {
            assert!(request.dials > 0, "law: who is reached was called");
        }
        request.end = Some(end);
    }
}
