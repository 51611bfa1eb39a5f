//! Codes given to talks, and what else people ask of wrap-ups.
//!
//! A talk has one code: the last one given while it lasts or its wrap-up runs. It stands with the talk's stage in the
//! contact, and ends a wrap-up that waits for it.

pub use crate::acd::CodeError;

use crate::acd::{Activity, Actor, WrapUp, WrapUpError};
use crate::border::Output;
use crate::call::State;
use crate::center::Center;
use crate::classifier::{Classifier, Code};
use crate::fact::What;
use crate::ids::{AgentId, CallId};
use crate::limits::NOTE_CHARS_MAX;
use crate::record::Coded;
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A code that somebody gives to an agent's talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// Which.
    pub code: CodeName,
    /// What there is to say besides. Cut at [`NOTE_CHARS_MAX`].
    pub note: Option<Arc<str>>,
    /// The call that is meant; `None`: whichever the agent has, or had.
    pub call: Option<CallId>,
}

/// How a code is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeName {
    /// By its path in the classifier.
    Path(Arc<str>),
    /// By its short number, from a telephone. The wrap-up then goes on until [`Center::code_heard`], or a call would be
    /// offered to a phone that is still busy with the confirmation.
    Dial(Arc<str>),
}

/// What an agent has to do with a talk, or has after it, as screens show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paperwork {
    /// The call.
    pub call: CallId,
    /// The queue of the talk.
    pub queue: Arc<str>,
    /// How its wrap-up ends.
    pub mode: WrapUp,
    /// When the wrap-up that runs ends by itself; `None`: the talk lasts, or only a code ends it.
    pub ends_at: Option<Timestamp>,
    /// What the talk can be about.
    pub classifier: Option<Arc<Classifier>>,
}

/// The talk that a code is for.
struct Target {
    call: CallId,
    stage: usize,
    queue: Arc<str>,
}

impl Center {
    /// Gives a code to the agent's talk, or to the one whose wrap-up he is in. The last one counts.
    ///
    /// # Errors
    /// [`CodeError`]: nothing has changed then.
    pub fn code(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        coding: &Coding,
    ) -> Result<(), CodeError> {
        let Target { call, stage, queue } = self.talk_to_code(agent)?;
        if coding.call.is_some_and(|wanted| wanted != call) {
            return Err(CodeError::OtherCall);
        }
        let classifier = self.classifier(&queue).ok_or(CodeError::NoClassifier)?;
        let code = find(classifier, &coding.code)?;
        let note = coding.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        if code.note_required && note.is_none() {
            return Err(CodeError::NoteMissing);
        }
        let coded = Coded {
            code: code.path.clone(),
            version: classifier.tag.clone(),
            note: note.map(|note| note.chars().take(NOTE_CHARS_MAX).collect::<String>().into()),
        };
        let again = self.wrapping.resumed(agent) | self.write_code(call, stage, &coded);
        self.wrapping.has_code(agent);
        let Coded { code, version: code_version, .. } = coded;
        self.fact(now, Some(call), What::WrapUpCoded { queue, agent, code, code_version, again });
        if matches!(coding.code, CodeName::Path(_)) {
            self.acd.coded(now, agent);
        }
        self.settle(now);
        Ok(())
    }

    /// The agent has heard what became of the code that he dialled: a wrap-up that waited for it is over.
    pub fn code_heard(&mut self, now: Timestamp, agent: AgentId) {
        if self.wrapping.is_coded(agent) {
            self.acd.coded(now, agent);
        }
        self.settle(now);
    }

    /// Ends an agent's wrap-up. One that waits for its code is ended without it only for somebody else than the agent.
    ///
    /// # Errors
    /// [`WrapUpError::CodeMissing`].
    pub fn end_wrap_up(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        by: Actor,
    ) -> Result<(), WrapUpError> {
        let work = self.acd.agent(agent).and_then(|view| view.wrap_up);
        let wanted = work.is_some_and(|work| work.mode.wants_code());
        if by == Actor::Agent && wanted && !self.wrapping.is_coded(agent) {
            return Err(WrapUpError::CodeMissing);
        }
        self.acd.end_wrap_up(now, agent);
        self.settle(now);
        Ok(())
    }

    /// Puts the end of an agent's wrap-up off; see [`crate::acd::Acd::extend_wrap_up`].
    ///
    /// # Errors
    /// [`WrapUpError`]: nothing has changed then.
    pub fn extend_wrap_up(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        by: Duration,
    ) -> Result<(), WrapUpError> {
        self.acd.extend_wrap_up(now, agent, by)?;
        if let Some(work) = self.acd.agent(agent).and_then(|view| view.wrap_up) {
            let (queue, secs) = (self.queue_name(work.queue), by.as_secs_f64());
            self.fact(now, Some(work.call), What::WrapUpExtended { queue, agent, secs });
        }
        self.settle(now);
        Ok(())
    }

    /// The classifier of a queue's talks.
    pub fn classifier(&self, queue: &str) -> Option<&Arc<Classifier>> {
        let config = self.policy.acd.queues.iter().find(|config| &*config.name == queue)?;
        self.policy.classifiers.get(config.classifier.as_ref()?)
    }

    /// The agent's paperwork: that of his talk, or of the wrap-up that he is in.
    pub fn paperwork(&self, agent: AgentId) -> Option<Paperwork> {
        let Target { call, queue, .. } = self.talk_to_code(agent).ok()?;
        let config = self.policy.acd.queues.iter().find(|config| config.name == queue)?;
        let runs = self.acd.agent(agent)?.wrap_up;
        let classifier = self.classifier(&queue).cloned();
        let (mode, ends_at) = (config.wrap_up, runs.and_then(|runs| runs.ends_at));
        Some(Paperwork { call, queue, mode, ends_at, classifier })
    }

    /// The talk that the agent is in, or else the one whose wrap-up he is in.
    fn talk_to_code(&self, agent: AgentId) -> Result<Target, CodeError> {
        let call = self.acd.agent(agent).and_then(|view| view.call);
        if let Some(call) = call.and_then(|call| self.calls.get(&call))
            && let State::Talking(talk) = &call.state
            && talk.agent == agent
        {
            let (stage, queue) = (call.record.stage_index(), talk.queue.clone());
            return Ok(Target { call: call.id, stage, queue });
        }
        let finished = self.wrapping.of(agent).ok_or(CodeError::NoTalk)?;
        let (call, stage, queue) = (finished.call, finished.stage, finished.queue.clone());
        Ok(Target { call, stage, queue })
    }

    /// Writes a code into the record, that of a contact that is over included; tells whether it had one before.
    fn write_code(&mut self, id: CallId, stage: usize, coded: &Coded) -> bool {
        let (again, contact) = if let Some(call) = self.calls.get_mut(&id) {
            (call.record.code(stage, coded), Some(call.record.contact().clone()))
        } else {
            self.wrapping.code(id, stage, coded)
        };
        if let Some(contact) = contact {
            self.outputs.push_back(Output::Contact(Box::new(contact)));
        }
        again
    }

    /// An agent's activity has changed: his wrap-up begins, goes on or ends.
    pub(crate) fn mind_wrap_up(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        from: Activity,
        to: Activity,
        spent: Duration,
    ) {
        if self.wrapping.spend(agent, from, to, spent) {
            self.wrapped_up(now, agent);
        } else if to == Activity::WrapUp && self.wrapping.is_coded(agent) {
            self.acd.coded(now, agent);
        }
    }

    fn wrapped_up(&mut self, now: Timestamp, agent: AgentId) {
        let Some(finished) = self.wrapping.finish(agent) else { return };
        let (queue, wrap_up_secs) = (finished.queue.clone(), finished.part.as_secs_f64());
        let what = if finished.resumed {
            What::WrapUpResumed { queue, agent, wrap_up_secs }
        } else {
            let handle_secs = (finished.handled + finished.wrap_up).as_secs_f64();
            What::WrapUpEnded { queue, agent, wrap_up_secs, handle_secs }
        };
        self.fact(now, Some(finished.call), what);
        let asked = !finished.resumed && self.classifier(&finished.queue).is_some();
        if asked && !finished.coded {
            let queue = finished.queue.clone();
            self.fact(now, Some(finished.call), What::WrapUpUncoded { queue, agent });
        }
        if let Some(call) = self.calls.get_mut(&finished.call) {
            call.record.wrap_up(finished.stage, finished.wrap_up);
        } else if let Some(contact) = self.wrapping.complete(&finished) {
            self.outputs.push_back(Output::Contact(Box::new(contact)));
        }
    }
}

fn find<'c>(classifier: &'c Classifier, name: &CodeName) -> Result<&'c Code, CodeError> {
    let code = match name {
        CodeName::Path(path) => classifier.code(path),
        CodeName::Dial(dial) => classifier.dialled(dial),
    };
    let code = code.ok_or(CodeError::Unknown)?;
    if code.leaf { Ok(code) } else { Err(CodeError::NotLeaf) }
}
