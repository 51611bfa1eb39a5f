//! How talks go by ear: measured while the two talk, not while the customer is on hold, and told when it is over.
//!
//! The measure of a talk comes a moment after the talk's end, perhaps after the call's. It is told as a fact and
//! written into the contact's record. Knows nothing of how voices are told from noise.

use crate::border::{LegCommand, Output};
use crate::call::{Call, State};
use crate::center::Center;
use crate::contact::{Party, Speech};
use crate::fact::{Greeting, What};
use crate::ids::{AgentId, CallId, MeasureId};
use crate::limits::MEASURES_OPEN_MAX;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Measures that run, or whose end is to be told; at most [`MEASURES_OPEN_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Measures {
    open: BTreeMap<MeasureId, Measured>,
    last: u64,
}

/// The talk that is measured.
#[derive(Debug)]
struct Measured {
    call: CallId,
    /// Index of the talk among the contact's stages.
    stage: usize,
    agent: AgentId,
    queue: Arc<str>,
}

impl Measures {
    /// A new measure, and at the bound the oldest one, which is forgotten for it.
    fn begin(&mut self, talk: Measured) -> (MeasureId, Option<Measured>) {
        let full = self.open.len() >= MEASURES_OPEN_MAX;
        let forgotten = if full { self.open.pop_first() } else { None };
        self.last += 1;
        self.open.insert(MeasureId(self.last), talk);
        (MeasureId(self.last), forgotten.map(|(_, talk)| talk))
    }
}

impl Center {
    /// The measure of a talk whose stage has just begun.
    pub(crate) fn new_measure(
        &mut self,
        call: &Call,
        agent: AgentId,
        queue: &Arc<str>,
    ) -> MeasureId {
        let (stage, queue) = (call.record.stage_index(), queue.clone());
        let (id, forgotten) = self.measures.begin(Measured { call: call.id, stage, agent, queue });
        if let Some(oldest) = forgotten {
            self.wrapping.told(oldest.call);
        }
        self.wrapping.awaits(call.id);
        id
    }

    /// The two of a talk hear each other from now on. A customer on hold is measured when he is back.
    pub(crate) fn measure(&mut self, call: &Call) {
        let State::Talking(talk) = &call.state else { return };
        if talk.held.since.is_none() {
            let (measure, with) = (talk.measure, call.leg);
            let unheard_after = self.policy.talk.unheard_after;
            self.tell(talk.leg, LegCommand::Measure { measure, with, unheard_after });
        }
    }

    /// One of the two who are measured has not been heard for as long as was asked, or is heard again.
    pub fn heard(&mut self, now: Timestamp, measure: MeasureId, party: Party, heard: bool) {
        let Some(talk) = self.measures.open.get(&measure) else { return };
        let (call, queue, agent) = (talk.call, talk.queue.clone(), talk.agent);
        let what = if heard {
            What::HeardAgain { queue, agent, party }
        } else {
            What::Unheard { queue, agent, party }
        };
        self.fact(now, Some(call), what);
    }

    /// A measure is over: the first word about it stands. One that was forgotten means nothing.
    pub fn measured(&mut self, now: Timestamp, measure: MeasureId, speech: Speech) {
        let Some(talk) = self.measures.open.remove(&measure) else { return };
        let Measured { call: id, stage, agent, queue } = talk;
        if let Some(mut call) = self.calls.remove(&id) {
            call.record.speech(stage, speech);
            self.write(&call);
            self.calls.insert(id, call);
        } else if let Some(contact) = self.wrapping.speech(id, stage, speech) {
            self.outputs.push_back(Output::Contact(Box::new(contact)));
        }
        self.wrapping.told(id);
        let limits = &self.policy.talk;
        let greeting = match speech.greeting_secs {
            None => Greeting::None,
            Some(secs) if secs <= limits.greet_within.as_secs_f64() => Greeting::InTime,
            Some(_) => Greeting::Late,
        };
        let no_audio =
            speech.caller_secs == 0.0 && speech.measured_secs >= limits.unheard_after.as_secs_f64();
        let speech = Box::new(speech);
        self.fact(now, Some(id), What::TalkMeasured { queue, agent, greeting, no_audio, speech });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_bound_the_oldest_measure_is_forgotten() {
        let mut measures = Measures::default();
        let talk = |call| Measured {
            call: CallId(call),
            stage: 0,
            agent: AgentId(0),
            queue: "general".into(),
        };
        for call in 1..=MEASURES_OPEN_MAX as u64 {
            let (id, forgotten) = measures.begin(talk(call));
            assert!(id == MeasureId(call) && forgotten.is_none());
        }
        let (id, forgotten) = measures.begin(talk(0));
        assert_eq!(forgotten.map(|talk| talk.call), Some(CallId(1)));
        assert_eq!(measures.open.len(), MEASURES_OPEN_MAX);
        assert!(measures.open.contains_key(&id) && !measures.open.contains_key(&MeasureId(1)));
    }
}
