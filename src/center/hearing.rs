//! Who hears whom in a call with an agent: a function of the call's state and of who supervises, and the commands that
//! bring the legs in line with it.
//!
//! Nothing here remembers a decision. Whatever changes in a talk, the picture is made anew and what differs is told.

use crate::border::{LegCommand, RINGBACK};
use crate::call::{Aim, Call, Handing, State, Talk, Third};
use crate::center::Center;
use crate::flow::Prompt;
use crate::ids::LegId;
use crate::supervise::{Watch, WatchMode};
use std::sync::Arc;

/// What one leg hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ear {
    /// These legs; none is silence.
    Voices(Vec<LegId>),
    /// Music without end.
    Music(Arc<str>),
}

impl Center {
    /// Brings every leg of the call in line with the state.
    pub(crate) fn hear(&mut self, call: &mut Call) {
        let wanted = self.hearing(call);
        if wanted.iter().all(|(leg, ear)| call.ears.get(leg) == Some(ear)) {
            return;
        }
        let plain = match wanted.as_slice() {
            [(a, Ear::Voices(of_a)), (b, Ear::Voices(of_b))] => *of_a == [*b] && *of_b == [*a],
            _ => false,
        };
        if plain {
            let (a, b) = (wanted[0].0, wanted[1].0);
            self.tell(a, LegCommand::Bridge { with: b });
        } else {
            // Music takes a leg out of every conversation, so it comes first, and all voices are told again after it.
            for (leg, ear) in &wanted {
                if let Ear::Music(name) = ear
                    && call.ears.get(leg) != Some(ear)
                {
                    self.tell(*leg, LegCommand::Music { name: name.clone() });
                }
            }
            for (leg, ear) in &wanted {
                if let Ear::Voices(from) = ear {
                    self.tell(*leg, LegCommand::Hear { from: from.clone() });
                }
            }
        }
        call.ears = wanted.into_iter().collect();
    }

    /// What every leg of the call hears by its state.
    fn hearing(&self, call: &Call) -> Vec<(LegId, Ear)> {
        let music = || Ear::Music(self.policy.music.clone());
        match &call.state {
            State::Talking(talk) => {
                let mut ears = parties(call.leg, talk, &self.policy.music);
                for watch in self.watches_of(talk.agent) {
                    overlay(&mut ears, talk.leg, watch);
                }
                ears
            }
            State::Handing(Handing { parked: true, .. }) | State::Parked(_) => {
                vec![(call.leg, music())]
            }
            State::Handing(Handing { parked: false, .. }) => {
                vec![(call.leg, Ear::Music(RINGBACK.into()))]
            }
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::CallingBack(_)
            | State::Outside { .. } => Vec::new(),
        }
    }

    /// A leg that hears music hears a phrase, and then the music again.
    pub(crate) fn say_over_music(&mut self, call: &Call, prompt: Prompt) {
        let play = self.new_play();
        self.tell(call.leg, LegCommand::Announce { play, prompts: vec![prompt] });
    }
}

/// What customer, agent and third party hear.
fn parties(caller: LegId, talk: &Talk, music: &Arc<str>) -> Vec<(LegId, Ear)> {
    let agent = talk.leg;
    let voices = |from: &[LegId]| Ear::Voices(from.to_vec());
    let on_hold = Ear::Music(music.clone());
    let ringback = Ear::Music(RINGBACK.into());
    let held = talk.holds();
    match &talk.third {
        None if held => vec![(caller, on_hold), (agent, voices(&[]))],
        None => vec![(caller, voices(&[agent])), (agent, voices(&[caller]))],
        Some(Third { up: false, aim: Aim::Consult, .. }) => {
            vec![(caller, on_hold), (agent, ringback)]
        }
        Some(Third { up: false, aim: Aim::Transfer, .. }) => {
            vec![(caller, ringback), (agent, voices(&[]))]
        }
        Some(Third { leg, joined: false, .. }) => {
            vec![(caller, on_hold), (agent, voices(&[*leg])), (*leg, voices(&[agent]))]
        }
        // An agent who holds a conference leaves the two others together.
        Some(Third { leg, .. }) if held => {
            vec![(caller, voices(&[*leg])), (*leg, voices(&[caller])), (agent, voices(&[]))]
        }
        Some(Third { leg, .. }) => vec![
            (caller, voices(&[agent, *leg])),
            (agent, voices(&[caller, *leg])),
            (*leg, voices(&[caller, agent])),
        ],
    }
}

/// Adds a supervisor: he hears everybody who speaks, and those hear him whom his mode allows.
fn overlay(ears: &mut Vec<(LegId, Ear)>, agent: LegId, watch: &Watch) {
    let speaking: Vec<LegId> =
        ears.iter().filter(|(_, ear)| matches!(ear, Ear::Voices(_))).map(|(leg, _)| *leg).collect();
    for (leg, ear) in ears.iter_mut() {
        let heard = match watch.mode {
            WatchMode::Listen => false,
            WatchMode::Whisper => *leg == agent,
            WatchMode::Barge => true,
        };
        if let (true, Ear::Voices(from)) = (heard, ear) {
            from.push(watch.leg);
        }
    }
    ears.push((watch.leg, Ear::Voices(speaking)));
}
