//! Talks whose wrap-up still runs, or of which a measure is still to be told: what is needed to finish their figures
//! and, when the contact is over, its record.

use crate::acd::Activity;
use crate::contact::{Contact, Speech};
use crate::ids::{AgentId, CallId};
use crate::record::{Coded, Record};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Wrap-ups in progress, by agent. One agent has one at a time, so the agents bound it.
#[derive(Debug, Default)]
pub(crate) struct Wrapping {
    talks: BTreeMap<AgentId, Finished>,
    /// Wrap-ups that are over and might go on yet, until the agent does something else.
    late: BTreeMap<AgentId, Finished>,
    /// How many wrap-ups of a call still run or might go on, and how many of its measures are awaited.
    open: BTreeMap<CallId, u32>,
    /// Records of contacts that are over but wait for a wrap-up or a measure.
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
    /// All of the wrap-up.
    pub(crate) wrap_up: Duration,
    /// What of it is not told yet.
    pub(crate) part: Duration,
    /// Whether it was over before and goes on.
    pub(crate) resumed: bool,
    /// Whether the talk has its code.
    pub(crate) coded: bool,
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
        coded: bool,
    ) {
        self.forget(agent);
        *self.open.entry(call).or_default() += 1;
        let (wrap_up, part) = (Duration::ZERO, Duration::ZERO);
        let finished =
            Finished { call, stage, queue, handled, wrap_up, part, resumed: false, coded };
        let before = self.talks.insert(agent, finished);
        assert!(before.is_none(), "{agent} ends a talk while another one's wrap-up runs");
    }

    /// Keeps the record of a contact that is over, if a wrap-up still runs or a measure is awaited.
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
        if let Some(talk) = self.talks.get_mut(&agent) {
            if from == Activity::WrapUp {
                talk.wrap_up += spent;
                talk.part += spent;
            }
            return to != Activity::WrapUp;
        }
        if to == Activity::WrapUp {
            if let Some(talk) = self.late.remove(&agent) {
                self.talks.insert(agent, Finished { resumed: true, part: Duration::ZERO, ..talk });
            }
        } else if to != Activity::Idle {
            self.forget(agent);
        }
        false
    }

    /// The agent's wrap-up is over, though it may go on while he does nothing else.
    pub(crate) fn finish(&mut self, agent: AgentId) -> Option<Finished> {
        let talk = self.talks.remove(&agent)?;
        self.late.insert(agent, talk.clone());
        Some(talk)
    }

    /// The agent's last wrap-up is over for good.
    fn forget(&mut self, agent: AgentId) {
        if let Some(talk) = self.late.remove(&agent) {
            self.told(talk.call);
        }
    }

    /// A measure of a talk in this call will be told.
    pub(crate) fn awaits(&mut self, call: CallId) {
        *self.open.entry(call).or_default() += 1;
    }

    /// Nothing more is to come of a wrap-up, or of a measure.
    pub(crate) fn told(&mut self, call: CallId) {
        if let Some(open) = self.open.get_mut(&call) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&call);
                self.closed.remove(&call);
            }
        }
    }

    /// Writes how a talk went by ear into the record of a contact that is over; the record to be written again, if it
    /// was kept here.
    pub(crate) fn speech(&mut self, call: CallId, stage: usize, speech: Speech) -> Option<Contact> {
        let record = self.closed.get_mut(&call)?;
        record.speech(stage, speech);
        Some(record.contact().clone())
    }

    /// Writes a finished wrap-up into the record of a contact that is over; the record to be written again, if it was
    /// kept here.
    pub(crate) fn complete(&mut self, finished: &Finished) -> Option<Contact> {
        let record = self.closed.get_mut(&finished.call)?;
        record.wrap_up(finished.stage, finished.wrap_up);
        Some(record.contact().clone())
    }

    /// The talk whose wrap-up the agent is in.
    pub(crate) fn of(&self, agent: AgentId) -> Option<&Finished> {
        self.talks.get(&agent)
    }

    /// Whether the talk whose wrap-up the agent is in has its code.
    pub(crate) fn is_coded(&self, agent: AgentId) -> bool {
        self.of(agent).is_some_and(|talk| talk.coded)
    }

    /// Whether the agent's wrap-up was over before.
    pub(crate) fn resumed(&self, agent: AgentId) -> bool {
        self.of(agent).is_some_and(|talk| talk.resumed)
    }

    /// The talk whose wrap-up the agent is in has its code now.
    pub(crate) fn has_code(&mut self, agent: AgentId) {
        if let Some(talk) = self.talks.get_mut(&agent) {
            talk.coded = true;
        }
    }

    /// Writes a code into the record of a contact that is over: whether it had one before, and the record to be written
    /// again.
    pub(crate) fn code(
        &mut self,
        call: CallId,
        stage: usize,
        coded: &Coded,
    ) -> (bool, Option<Contact>) {
        let Some(record) = self.closed.get_mut(&call) else { return (false, None) };
        (record.code(stage, coded), Some(record.contact().clone()))
    }
}
