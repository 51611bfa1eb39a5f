//! What the caller hears of the flow: prompts in order and in his language, and silence when he speaks up.

use super::{Effect, Run, State};
use crate::flow::model::{Prompt, PromptRef, Said};
use crate::saying::Language;
use std::sync::Arc;

impl Run {
    /// Orders prompts; `None` when there are none.
    pub(super) fn play<'a>(
        &mut self,
        prompts: impl IntoIterator<Item = &'a PromptRef>,
    ) -> Option<u32> {
        let prompts = prompts.into_iter().flat_map(|prompt| self.said(prompt)).collect();
        self.play_prompts(prompts)
    }

    pub(super) fn play_prompts(&mut self, prompts: Vec<Prompt>) -> Option<u32> {
        if prompts.is_empty() {
            return None;
        }
        self.ticket = self.ticket.wrapping_add(1);
        self.effects.push_back(Effect::Play { ticket: self.ticket, prompts });
        Some(self.ticket)
    }

    /// What is heard of it now: one recording, or the words of a value. A variable without a value is not said.
    pub(super) fn said(&self, prompt: &PromptRef) -> Vec<Prompt> {
        let language = prompt.language.as_ref().unwrap_or(&self.language);
        let one = |name: Arc<str>| Prompt { name, language: Arc::clone(language) };
        match &prompt.said {
            Said::Recording(name) => vec![one(Arc::clone(name))],
            Said::Value(var, manner) => {
                let saying = manner.read(&self.values[var.0 as usize]);
                let spoken = saying.zip(Language::by_code(language));
                let fragments = spoken.map(|(saying, language)| saying.fragments(language));
                fragments.into_iter().flatten().map(|fragment| one(fragment.name.into())).collect()
            }
        }
    }

    /// Barge-in: stops the prompt if one plays, and its clock if none does.
    pub(super) fn hush(&mut self) {
        let playing = match &mut self.state {
            State::Saying { .. } | State::Parting { .. } => true,
            State::Choosing { playing, .. }
            | State::Collecting { playing, .. }
            | State::LookingUp { playing, .. }
            | State::Asked { playing, .. } => playing.take().is_some(),
            State::Asking(asking) => asking.playing.take().is_some(),
            State::Drawing
            | State::AtBot
            | State::InQueue
            | State::Outside
            | State::AtDuty
            | State::Ended => false,
        };
        self.deadline = None;
        if playing {
            self.effects.push_back(Effect::StopPlaying);
        }
    }
}
