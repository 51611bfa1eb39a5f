//! Who hears whom: the lists that bridges, conferences and listeners are made of, and how each voice gets across.
//!
//! A listener has the list of sessions it hears, and each of those the list of its listeners; both change here only.
//! A listener is *linked* to its voices by what all have agreed: relayed, or mixed at a rate; a session that anybody
//! mixes has an [`Ear`].

use crate::bank::{Bank, Ordered};
use crate::codec::{Rate, bridge_rate};
use crate::limits::{HEARD_MAX, LISTENERS_MAX, NEAR_PLAYOUT};
use crate::mix::Ear;
use crate::order::{Format, SessionId};
use crate::session::Mouth;
use crate::source::{Link, Source};
use std::collections::BTreeSet;

impl Bank {
    /// Lets a session hear the sum of others, and nothing else.
    pub(crate) fn hear(&mut self, listener: usize, from: &[SessionId]) -> Ordered {
        let places = from.iter().filter_map(|id| self.slots.get(id).copied());
        let from: BTreeSet<usize> = places.filter(|place| *place != listener).collect();
        let crowded = from.iter().any(|place| {
            let listeners = &self.at(*place).heard_by;
            listeners.len() >= LISTENERS_MAX && !listeners.contains(&listener)
        });
        if crowded || from.len() > HEARD_MAX {
            return self.refuse();
        }
        self.set_voices(listener, from.into_iter().collect());
        Ordered::Obeyed
    }

    /// Lets two sessions hear each other and nobody else.
    pub(crate) fn bridge(&mut self, a: usize, b: usize) {
        if self.bridged_with(a) == Some(b) {
            return;
        }
        self.isolate(a);
        self.isolate(b);
        self.set_voices(a, vec![b]);
        self.set_voices(b, vec![a]);
    }

    /// The session that this one hears alone and that hears this one alone.
    pub(crate) fn bridged_with(&mut self, index: usize) -> Option<usize> {
        let [peer] = *self.at(index).source.voices() else { return None };
        (self.at(peer).source.voices() == [index]).then_some(peer)
    }

    /// Takes a session out of all lists: it hears nobody and nobody hears it.
    pub(crate) fn isolate(&mut self, index: usize) {
        if !self.at(index).source.voices().is_empty() {
            self.set_voices(index, Vec::new());
        }
        for listener in self.at(index).heard_by.clone() {
            let voices = self.at(listener).source.voices().iter();
            let others = voices.copied().filter(|voice| *voice != index).collect();
            self.set_voices(listener, others);
        }
    }

    /// Mutes a session or lets it be heard again.
    pub(crate) fn mute(&mut self, index: usize, muted: bool) {
        if self.at(index).muted == muted {
            return;
        }
        self.at(index).muted = muted;
        for listener in self.at(index).heard_by.clone() {
            self.at(listener).lose_relay();
        }
    }

    /// Links everybody anew whom another format of this session touches.
    pub(crate) fn reformat(&mut self, index: usize) {
        let mut listeners = self.at(index).heard_by.clone();
        listeners.push(index);
        let mut voices = BTreeSet::from([index]);
        for listener in listeners {
            self.link(listener);
            voices.extend(self.at(listener).source.voices());
        }
        voices.into_iter().for_each(|voice| self.fit_ear(voice));
    }

    fn set_voices(&mut self, listener: usize, from: Vec<usize>) {
        let session = self.at(listener);
        let before = session.source.voices().to_vec();
        let was_silent = matches!(session.source, Source::Idle);
        if if from.is_empty() { was_silent } else { before == from } {
            return;
        }
        match &mut session.source {
            // A conversation goes on with other people in it: what is not linked otherwise is not interrupted.
            Source::Voices { from: voices, .. } if !from.is_empty() => voices.clone_from(&from),
            Source::Voices { .. }
            | Source::Idle
            | Source::Clips(_)
            | Source::Loop { .. }
            | Source::Echo => session.hear(match from.is_empty() {
                true => Source::Idle,
                false => Source::Voices { from: from.clone(), link: Link::Waiting },
            }),
        }
        for voice in &before {
            self.at(*voice).heard_by.retain(|known| *known != listener);
        }
        for voice in &from {
            self.at(*voice).heard_by.push(listener);
        }
        self.link(listener);
        let touched: BTreeSet<usize> = before.into_iter().chain(from).collect();
        touched.into_iter().for_each(|voice| self.fit_ear(voice));
    }

    /// Decides how a listener gets what it hears, from what all have agreed.
    fn link(&mut self, listener: usize) {
        let own = self.format(listener);
        let voices = self.at(listener).source.voices().to_vec();
        if voices.is_empty() {
            return;
        }
        let formats: Vec<Option<Format>> = voices.iter().map(|voice| self.format(*voice)).collect();
        let now = match (own, formats.as_slice()) {
            (None, _) | (Some(_), [None]) => Link::Waiting,
            (Some(own), [Some(other)]) if relays(&own, other) => Link::Relay,
            (Some(own), formats) => Link::Mix(mix_rate(&own, formats)),
        };
        let session = self.at(listener);
        let before = session.source.relink(now);
        session.stop_listening_for_keys();
        // Another voice may be relayed than before; a mix goes on. An announcement turns when it ends.
        if (before != now || now == Link::Relay) && !session.is_announcing() {
            session.turn();
        }
        match (now, own, &session.mouth) {
            (Link::Mix(rate), Some(_), Some(mouth)) if mouth.rate == rate => {}
            (Link::Mix(rate), Some(own), _) => {
                session.speak_with(Some(Mouth::new(own.codec, rate)));
            }
            (Link::Waiting | Link::Relay | Link::Mix(_), _, _) => session.speak_with(None),
        }
    }

    /// Gives a session the ear that its listeners need, or takes it away.
    fn fit_ear(&mut self, index: usize) {
        let (mut narrow, mut wide) = (false, false);
        for listener in self.at(index).heard_by.clone() {
            match self.at(listener).source.link() {
                Some(Link::Mix(Rate::Narrow)) => narrow = true,
                Some(Link::Mix(Rate::Wide)) => wide = true,
                Some(Link::Waiting | Link::Relay) | None => {}
            }
        }
        let far = self.config.playout_delay;
        let session = self.at(index);
        let delay = if session.near { NEAR_PLAYOUT } else { far };
        match session.agreed.as_ref().map(|agreed| agreed.format.codec) {
            Some(codec) if narrow || wide => {
                let rate = if wide && codec.is_wide() { Rate::Wide } else { Rate::Narrow };
                let new = || Box::new(Ear::new(codec, rate, delay));
                let ear = session.ear.get_or_insert_with(new);
                ear.serve(narrow, wide);
                self.ears.insert(index);
            }
            Some(_) | None => {
                session.ear = None;
                self.ears.remove(&index);
            }
        }
    }

    /// Asserts that both lists of each pair agree, and that exactly those whose voice is mixed have an ear.
    pub fn check_invariants(&self) {
        let live = |index: usize| self.sessions.get(index).and_then(Option::as_ref);
        for (index, session) in self.sessions.iter().enumerate() {
            let Some(session) = session else { continue };
            for voice in session.source.voices() {
                let listeners = live(*voice).map_or(&[][..], |session| &session.heard_by);
                let known = listeners.iter().filter(|listener| **listener == index).count();
                assert_eq!(known, 1, "whoever hears a session is in its list once");
            }
            let mut mixed = false;
            for listener in &session.heard_by {
                let source = live(*listener).map(|listener| &listener.source);
                let hears = source.is_some_and(|source| source.voices().contains(&index));
                assert!(hears, "whoever is in the list of a session hears it");
                mixed |= matches!(source.and_then(Source::link), Some(Link::Mix(_)));
            }
            let has_ear = mixed && session.agreed.is_some();
            assert_eq!(session.ear.is_some(), has_ear, "an ear is there where it is needed");
            assert_eq!(self.ears.contains(&index), has_ear, "and only those are listened to");
        }
        assert!(self.ears.iter().all(|ear| live(*ear).is_some()), "an ear belongs to a session");
    }

    fn format(&mut self, index: usize) -> Option<Format> {
        self.at(index).agreed.as_ref().map(|agreed| agreed.format)
    }
}

/// Whether packets may pass between two formats as they are.
fn relays(a: &Format, b: &Format) -> bool {
    a.codec == b.codec && a.frames_per_packet() == b.frames_per_packet()
}

/// The rate at which a listener mixes: wide when anybody it hears would be wide to it alone.
fn mix_rate(own: &Format, voices: &[Option<Format>]) -> Rate {
    let rates = voices.iter().flatten().map(|voice| bridge_rate(voice.codec, own.codec));
    rates.max().unwrap_or(Rate::Narrow)
}
