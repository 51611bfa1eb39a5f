//! What a session hears: nothing, clips, a loop, itself, or other sessions.

use crate::clip::Library;
use crate::codec::Rate;
use crate::limits::{LOOP_PLACES_MAX, PLAY_CLIPS_MAX};
use crate::order::{ClipId, Codec, PlayId};

/// How a session gets the voices that it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It has no agreement yet, or the only one it hears has none: nothing passes.
    Waiting,
    /// One voice of the same codec: packets pass as they are, at once.
    Relay,
    /// Several voices, or one of another codec or packet length: decoded, added up and encoded at the tick.
    Mix(Rate),
}

/// Where the sound that a session sends to its peer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nothing: silence.
    Idle,
    /// Clips, one after the other, then a report.
    Clips(Clips),
    /// One clip for ever.
    Loop {
        /// Which.
        clip: ClipId,
        /// The frame to come.
        frame: u32,
    },
    /// The peer's own sound.
    Echo,
    /// Other sessions' voices.
    Voices {
        /// Their places in the bank, ascending; at least one.
        from: Vec<usize>,
        /// How.
        link: Link,
    },
}

impl Source {
    /// The places of the sessions that are heard.
    pub(crate) fn voices(&self) -> &[usize] {
        match self {
            Source::Voices { from, .. } => from,
            Source::Idle | Source::Clips(_) | Source::Loop { .. } | Source::Echo => &[],
        }
    }

    /// How they are heard, if there are any.
    pub(crate) fn link(&self) -> Option<Link> {
        match self {
            Source::Voices { link, .. } => Some(*link),
            Source::Idle | Source::Clips(_) | Source::Loop { .. } | Source::Echo => None,
        }
    }

    /// Hears the same voices in another way; answers how it was before.
    pub(crate) fn relink(&mut self, now: Link) -> Link {
        match self {
            Source::Voices { link, .. } => std::mem::replace(link, now),
            Source::Idle | Source::Clips(_) | Source::Loop { .. } | Source::Echo => now,
        }
    }
}

/// Clips being played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clips {
    play: PlayId,
    clips: Vec<ClipId>,
    index: usize,
    frame: u32,
    /// The frame of silence before the current clip has been taken.
    led_in: bool,
    /// Frames that have passed since the last one was taken, beyond the first.
    tail: u8,
}

/// What a list of clips has for the current frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Played<'a> {
    /// A payload; `None` when the library lacks the codec, and the time passes in silence.
    Frame(Option<&'a [u8]>),
    /// All frames are taken, but the last is still sounding.
    Tail,
    /// The sound has ended now.
    Ended(PlayId),
}

impl Clips {
    pub(crate) fn new(play: PlayId, mut clips: Vec<ClipId>) -> Self {
        clips.truncate(PLAY_CLIPS_MAX);
        Self { play, clips, index: 0, frame: 0, led_in: false, tail: 0 }
    }

    /// What the current frame has. The last frame leaves in a packet of so many frames and is heard out only after
    /// their time.
    pub(crate) fn next<'a>(
        &mut self,
        library: &'a Library,
        codec: Codec,
        frames_per_packet: u8,
    ) -> Played<'a> {
        while let Some(clip) = self.clips.get(self.index) {
            if !std::mem::replace(&mut self.led_in, true)
                && let Some(silence) = lead_in(library, codec)
            {
                return Played::Frame(Some(silence));
            }
            if self.frame < library.frames(*clip) {
                self.frame += 1;
                return Played::Frame(library.frame(*clip, codec, self.frame - 1));
            }
            (self.index, self.frame, self.led_in) = (self.index + 1, 0, false);
        }
        self.tail += 1;
        if self.tail < frames_per_packet { Played::Tail } else { Played::Ended(self.play) }
    }
}

/// A frame of silence that an Opus clip begins with: its packets come from an encoder of its own, and the filters of
/// the listener's decoder, still full of another sound, would answer a tone with a howl 15 dB too loud.
fn lead_in(library: &Library, codec: Codec) -> Option<&[u8]> {
    match codec {
        Codec::Opus => library.frame(Library::SILENCE, codec, 0),
        Codec::Pcmu | Codec::Pcma | Codec::G722 => None,
    }
}

/// Where loops were left, so that music goes on instead of starting over.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoopPlaces(Vec<(ClipId, u32)>);

impl LoopPlaces {
    pub(crate) fn leave(&mut self, clip: ClipId, frame: u32) {
        self.0.retain(|(known, _)| *known != clip);
        if self.0.len() >= LOOP_PLACES_MAX {
            self.0.remove(0);
        }
        self.0.push((clip, frame));
    }

    pub(crate) fn find(&self, clip: ClipId) -> u32 {
        self.0.iter().find(|(known, _)| *known == clip).map_or(0, |(_, frame)| *frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::LibraryBuilder;

    #[test]
    fn clips_follow_each_other_without_a_gap_and_end_after_their_last_packet() {
        let library = LibraryBuilder::new(&[Codec::Pcmu]).build();
        let list = vec![Library::BEEP, ClipId(999), Library::BEEP];
        let mut clips = Clips::new(PlayId(7), list);
        for n in 0..20 {
            let expected = library.frame(Library::BEEP, Codec::Pcmu, n % 10);
            assert_eq!(clips.next(&library, Codec::Pcmu, 3), Played::Frame(expected), "frame {n}");
        }
        assert_eq!(clips.next(&library, Codec::Pcmu, 3), Played::Tail);
        assert_eq!(clips.next(&library, Codec::Pcmu, 3), Played::Tail);
        assert_eq!(clips.next(&library, Codec::Pcmu, 3), Played::Ended(PlayId(7)));
    }

    #[test]
    fn a_list_too_long_is_cut() {
        let clips = Clips::new(PlayId(1), vec![Library::BEEP; PLAY_CLIPS_MAX + 9]);
        assert_eq!(clips.clips.len(), PLAY_CLIPS_MAX);
    }

    #[test]
    fn places_are_remembered_up_to_the_bound() {
        let mut places = LoopPlaces::default();
        for n in 0..=LOOP_PLACES_MAX as u32 {
            places.leave(ClipId(n), n + 100);
        }
        assert_eq!(places.find(ClipId(0)), 0, "the oldest is forgotten");
        assert_eq!(places.find(ClipId(3)), 103);
        places.leave(ClipId(3), 5);
        assert_eq!(places.find(ClipId(3)), 5);
    }
}
