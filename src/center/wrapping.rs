//! Talks whose wrap-up still runs: what is needed to finish their figures and, when the contact is over, its record.

use crate::acd::Activity;
use crate::contact::Contact;
use crate::ids::{AgentId, CallId};
use crate::record::Record;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Wrap-ups in progress, by agent. One agent has one at a time, so the agents bound it.
#[derive(Debug, Default)]
pub(crate) struct Wrapping {
    talks: BTreeMap<AgentId, Finished>,
    /// How many wrap-ups of a call still run.
    open: BTreeMap<CallId, u32>,
    /// Records of contacts that are over but wait for a wrap-up.
    closed: BTreeMap<CallId, Record>,
}

/// A talk and its wrap-up so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) call: CallId,
    /// Index of the talk among the contact's stages.
    pub(crate) stage: usize,
    pub(crate) queue: Arc<str>,
    /// Talk and hold.
    pub(crate) handled: Duration,
    pub(crate) wrap_up: Duration,
}

impl Wrapping {
    /// A talk is over, its wrap-up begins.
    pub(crate) fn begin(
        &mut self,
        agent: AgentId,
        call: CallId,
        stage: usize,
        queue: Arc<str>,
        handled: Duration,
    ) {
        *self.open.entry(call).or_default() += 1;
        let wrap_up = Duration::ZERO;
        let before = self.talks.insert(agent, Finished { call, stage, queue, handled, wrap_up });
        assert!(before.is_none(), "{agent} ends a talk while another one's wrap-up runs");
    }

    /// Keeps the record of a contact that is over, if one of its wrap-ups still runs.
    pub(crate) fn keep(&mut self, call: CallId, record: &Record) {
        if self.open.contains_key(&call) {
            self.closed.insert(call, record.clone());
        }
    }

    /// Counts time that an agent has spent, and tells whether the wrap-up is over with this change of activity.
    pub(crate) fn spend(
        &mut self,
        agent: AgentId,
        from: Activity,
        to: Activity,
        spent: Duration,
    ) -> bool {
        let Some(talk) = self.talks.get_mut(&agent) else { return false };
        if from == Activity::WrapUp {
            talk.wrap_up += spent;
        }
        to != Activity::WrapUp
    }

    /// The agent's wrap-up is over.
    pub(crate) fn finish(&mut self, agent: AgentId) -> Option<Finished> {
        let talk = self.talks.remove(&agent)?;
        if let Some(open) = self.open.get_mut(&talk.call) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&talk.call);
            }
        }
        Some(talk)
    }

    /// Writes a finished wrap-up into the record of a contact that is over; the record to be written again, if it was
    /// kept here.
    pub(crate) fn complete(&mut self, finished: &Finished) -> Option<Contact> {
        let record = self.closed.get_mut(&finished.call)?;
        record.wrap_up(finished.stage, finished.wrap_up);
        let contact = record.contact().clone();
        if !self.open.contains_key(&finished.call) {
            self.closed.remove(&finished.call);
        }
        Some(contact)
    }
}
