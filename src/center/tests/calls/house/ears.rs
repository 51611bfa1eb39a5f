//! What every leg hears, by the commands alone: a model of the media plane with its own memory.

use dozvon_center::border::LegCommand;
use dozvon_center::ids::LegId;
use std::collections::BTreeMap;

/// What a leg hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ear {
    Voices(Vec<LegId>),
    Music(String),
}

/// Everybody's ears.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    of: BTreeMap<LegId, Ear>,
}

impl Ears {
    /// A leg leaves every conversation: it hears nobody, and nobody hears it.
    fn leave(&mut self, leg: LegId) {
        self.of.insert(leg, Ear::Voices(Vec::new()));
        for ear in self.of.values_mut() {
            if let Ear::Voices(from) = ear {
                from.retain(|other| *other != leg);
            }
        }
    }

    pub(crate) fn obey(&mut self, leg: LegId, command: &LegCommand) {
        match command {
            LegCommand::Bridge { with } => {
                self.leave(leg);
                self.leave(*with);
                self.of.insert(leg, Ear::Voices(vec![*with]));
                self.of.insert(*with, Ear::Voices(vec![leg]));
            }
            LegCommand::Hear { from } => {
                let mut from = from.clone();
                from.sort_unstable();
                self.of.insert(leg, Ear::Voices(from));
            }
            LegCommand::Music { name } => {
                self.leave(leg);
                self.of.insert(leg, Ear::Music(name.to_string()));
            }
            LegCommand::Play { .. } => {
                self.leave(leg);
                self.of.insert(leg, Ear::Music("prompt".to_owned()));
            }
            LegCommand::Release(_) => {
                self.leave(leg);
                self.of.remove(&leg);
            }
            LegCommand::Answer
            | LegCommand::Ring
            | LegCommand::Reject(_)
            | LegCommand::Referral(_)
            | LegCommand::StopPlaying
            | LegCommand::RingAgent { .. }
            | LegCommand::RingForCallback { .. }
            | LegCommand::CallBack { .. }
            | LegCommand::CallBot { .. }
            | LegCommand::BotKey(_)
            | LegCommand::Recognise { .. }
            | LegCommand::StopRecognising(_)
            | LegCommand::Dial { .. }
            | LegCommand::Announce { .. }
            | LegCommand::Beep
            | LegCommand::Mute(_)
            | LegCommand::Measure { .. }
            | LegCommand::PauseMeasure(_)
            | LegCommand::EndMeasure(_) => {}
        }
    }

    /// Whom a leg hears; empty also while music plays.
    pub(crate) fn voices(&self, leg: LegId) -> Vec<LegId> {
        match self.of.get(&leg) {
            Some(Ear::Voices(from)) => from.clone(),
            Some(Ear::Music(_)) | None => Vec::new(),
        }
    }

    /// What plays to a leg.
    pub(crate) fn music(&self, leg: LegId) -> Option<&str> {
        match self.of.get(&leg) {
            Some(Ear::Music(name)) => Some(name),
            Some(Ear::Voices(_)) | None => None,
        }
    }
}
