//! What every leg hears, by the commands alone: a model of the media with its own memory.

use dozvon_center::border::LegCommand;
use dozvon_center::ids::LegId;
use std::collections::BTreeMap;

/// What a leg hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ear {
    /// These legs, in order.
    Voices(Vec<LegId>),
    /// Music, or a prompt.
    Music,
}

/// Everybody's ears.
#[derive(Debug, Default)]
pub(super) struct Ears(BTreeMap<LegId, Ear>);

impl Ears {
    /// A leg leaves every conversation.
    pub(super) fn leave(&mut self, leg: LegId) {
        if self.0.remove(&leg).is_some() {
            for ear in self.0.values_mut() {
                if let Ear::Voices(from) = ear {
                    from.retain(|other| *other != leg);
                }
            }
        }
    }

    pub(super) fn obey(&mut self, leg: LegId, command: &LegCommand) {
        match command {
            LegCommand::Bridge { with } => {
                self.leave(leg);
                self.leave(*with);
                self.0.insert(leg, Ear::Voices(vec![*with]));
                self.0.insert(*with, Ear::Voices(vec![leg]));
            }
            LegCommand::Hear { from } => {
                let mut from = from.clone();
                from.sort_unstable();
                self.0.insert(leg, Ear::Voices(from));
            }
            LegCommand::Music { .. } | LegCommand::Play { .. } => {
                self.leave(leg);
                self.0.insert(leg, Ear::Music);
            }
            LegCommand::Release(_) | LegCommand::Reject(_) => self.leave(leg),
            LegCommand::Answer
            | LegCommand::Ring
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

    /// Whom a leg hears; nobody also while music plays.
    pub(super) fn voices(&self, leg: LegId) -> &[LegId] {
        match self.0.get(&leg) {
            Some(Ear::Voices(from)) => from,
            Some(Ear::Music) | None => &[],
        }
    }

    /// Whether music or a prompt plays to a leg.
    pub(super) fn music(&self, leg: LegId) -> bool {
        self.0.get(&leg) == Some(&Ear::Music)
    }
}
