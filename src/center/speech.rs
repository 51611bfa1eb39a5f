//! How talks go by ear: measured while the two talk, not while the customer is on hold, and told when it is over; of a
//! bot's, how soon it replied.
//!
//! The measure of a talk comes a moment after the talk's end, perhaps after the call's. It is told as a fact and
//! written into the contact's record. Knows nothing of how voices are told from noise.

use crate::border::{LegCommand, Output};
use crate::bot::Replies;
use crate::call::{Call, State};
use crate::center::Center;
use crate::contact::{Party, Speech};
use crate::fact::{Greeting, What};
use crate::ids::{AgentId, CallId, LegId, MeasureId};
use crate::limits::MEASURES_OPEN_MAX;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Measures that run, or whose end is to be told; at most [`MEASURES_OPEN_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Measures {
    open: BTreeMap<MeasureId, Measured>,
    last: u64,
}

/// What is measured.
#[derive(Debug)]
struct Measured {
    call: CallId,
    of: Of,
}

/// Whose talk with the caller it is.
#[derive(Debug)]
enum Of {
    /// An agent's.
    Agent {
        /// Index of the talk among the contact's stages.
        stage: usize,
        agent: AgentId,
        queue: Arc<str>,
    },
    /// A voice bot's.
    Bot {
        bot: Arc<str>,
        /// The option by which the caller was drawn for it.
        option: Option<Arc<str>>,
        /// A reply that takes longer is late.
        reply_within: Duration,
    },
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
        let id = self.begin_measure(call.id, Of::Agent { stage, agent, queue });
        self.wrapping.awaits(call.id);
        id
    }

    fn begin_measure(&mut self, call: CallId, of: Of) -> MeasureId {
        let (id, forgotten) = self.measures.begin(Measured { call, of });
        if let Some(Measured { call, of: Of::Agent { .. } }) = forgotten {
            self.wrapping.told(call);
        }
        id
    }

    /// A bot and the caller hear each other from now on: how soon it replies is told when it is over.
    pub(crate) fn measure_bot(&mut self, call: &Call, leg: LegId, bot: &Arc<str>) {
        let reply_within = self.policy.bots.get(bot).copied().unwrap_or_default().reply_within;
        let (bot, option) = (bot.clone(), call.drawn.clone());
        let measure = self.begin_measure(call.id, Of::Bot { bot, option, reply_within });
        let unheard_after = self.policy.talk.unheard_after;
        self.tell(leg, LegCommand::Measure { measure, with: call.leg, unheard_after });
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
        // Who says nothing to a bot may press keys, and a bot that says nothing is found otherwise.
        let Of::Agent { agent, ref queue, .. } = talk.of else { return };
        let (call, queue) = (talk.call, queue.clone());
        let what = if heard {
            What::HeardAgain { queue, agent, party }
        } else {
            What::Unheard { queue, agent, party }
        };
        self.fact(now, Some(call), what);
    }

    /// A measure is over: the first word about it stands. One that was forgotten means nothing.
    pub fn measured(
        &mut self,
        now: Timestamp,
        measure: MeasureId,
        speech: Speech,
        replies: &Replies,
    ) {
        let Some(Measured { call, of }) = self.measures.open.remove(&measure) else { return };
        match of {
            Of::Agent { stage, agent, queue } => {
                self.talk_measured(now, call, (stage, agent, queue), speech);
            }
            Of::Bot { bot, option, reply_within } => {
                let (replies, late) = replies.judged(reply_within);
                if replies > 0 {
                    self.fact(now, Some(call), What::BotReplied { bot, option, replies, late });
                }
            }
        }
    }

    fn talk_measured(
        &mut self,
        now: Timestamp,
        id: CallId,
        (stage, agent, queue): (usize, AgentId, Arc<str>),
        speech: Speech,
    ) {
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
        let of = || Of::Agent { stage: 0, agent: AgentId(0), queue: "general".into() };
        let talk = |call| Measured { call: CallId(call), of: of() };
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
