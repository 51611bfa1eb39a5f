//! What was heard, in words a person and a test can use: silence, a tone of so many hertz, or other sound.

use serde::Serialize;

/// Seconds of one judged window.
const WINDOW_SECS: f64 = 0.02;
/// A window quieter than this is silence, in dB below full scale.
const SILENCE_DBFS: f64 = -46.0;
/// The largest part of a window's energy that a pure tone may leave unexplained.
const TONE_RESIDUE_MAX: f64 = 0.02;
/// Silence shorter than this inside sound belongs to it: speech has pauses.
const PAUSE_SECS: f64 = 0.4;
/// A stretch shorter than this between two others is a transition, not a sound of its own.
const BLIP_SECS: f64 = 0.05;

/// A tone shorter than this that touches other sound is a note of music or a vowel.
const NOTE_SECS: f64 = 1.0;

/// What a stretch of time sounded like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Nothing that an ear would hear.
    Silence,
    /// One steady frequency.
    Tone {
        /// Its frequency in hertz, rounded to 5.
        hz: u32,
    },
    /// Speech, music, noise.
    Sound,
}

/// A stretch of what was heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Stretch {
    /// What it was.
    #[serde(flatten)]
    pub(crate) kind: Kind,
    /// Seconds after the beginning of listening.
    pub(crate) from_secs: f64,
    /// How long, seconds.
    pub(crate) secs: f64,
}

/// Listens to samples and remembers stretches of sound.
#[derive(Debug)]
pub(crate) struct Ear {
    rate_hz: u32,
    window: Vec<i16>,
    stretches: Vec<Stretch>,
    at_secs: f64,
}

impl Ear {
    /// An ear for sound of that sampling rate.
    pub(crate) fn new(rate_hz: u32) -> Ear {
        Ear { rate_hz, window: Vec::new(), stretches: Vec::new(), at_secs: 0.0 }
    }

    /// Hears samples that follow the last ones.
    pub(crate) fn hear(&mut self, samples: &[i16]) {
        let size = (f64::from(self.rate_hz) * WINDOW_SECS) as usize;
        self.window.extend_from_slice(samples);
        while self.window.len() >= size {
            let kind = judge(&self.window[..size], self.rate_hz);
            self.window.drain(..size);
            self.note(kind, WINDOW_SECS);
        }
    }

    /// Lets so much time pass without sound: nothing came over the network.
    pub(crate) fn pass(&mut self, secs: f64) {
        self.note(Kind::Silence, secs);
    }

    /// Goes on at another rate, after a change of the codec.
    pub(crate) fn set_rate(&mut self, rate_hz: u32) {
        self.rate_hz = rate_hz;
        self.window.clear();
    }

    fn note(&mut self, kind: Kind, secs: f64) {
        match self.stretches.last_mut() {
            Some(last) if same(last.kind, kind) => last.secs += secs,
            Some(_) | None => self.stretches.push(Stretch { kind, from_secs: self.at_secs, secs }),
        }
        self.at_secs += secs;
    }

    /// Everything heard so far, transitions and pauses of speech smoothed away.
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        let steady = |s: &Stretch| s.secs >= BLIP_SECS;
        let clean = merge(self.stretches.iter().filter(|s| steady(s)).cloned().collect());
        let clean = merge(notes_as_sound(&clean));
        let mut joined: Vec<Stretch> = Vec::new();
        for (index, stretch) in clean.iter().enumerate() {
            let between =
                index > 0 && clean.get(index + 1).is_some_and(|next| next.kind == Kind::Sound);
            let pause = stretch.kind == Kind::Silence
                && stretch.secs < PAUSE_SECS
                && between
                && joined.last().is_some_and(|last| last.kind == Kind::Sound);
            let kind = if pause { Kind::Sound } else { stretch.kind };
            joined.push(Stretch { kind, ..stretch.clone() });
        }
        merge(joined)
    }
}

/// Short tones between other sounds are called sound: music is not told note by note.
fn notes_as_sound(stretches: &[Stretch]) -> Vec<Stretch> {
    let loud = |index: Option<usize>| {
        let stretch = index.and_then(|index| stretches.get(index));
        stretch.is_some_and(|s| s.kind != Kind::Silence)
    };
    let each = stretches.iter().enumerate().map(|(index, stretch)| {
        let touches = loud(index.checked_sub(1)) || loud(index.checked_add(1));
        let note = matches!(stretch.kind, Kind::Tone { .. }) && stretch.secs < NOTE_SECS && touches;
        Stretch { kind: if note { Kind::Sound } else { stretch.kind }, ..stretch.clone() }
    });
    each.collect()
}

fn same(a: Kind, b: Kind) -> bool {
    match (a, b) {
        (Kind::Tone { hz: a }, Kind::Tone { hz: b }) => a.abs_diff(b) <= 10,
        (Kind::Silence, Kind::Silence) | (Kind::Sound, Kind::Sound) => true,
        (Kind::Silence | Kind::Tone { .. } | Kind::Sound, _) => false,
    }
}

fn merge(stretches: Vec<Stretch>) -> Vec<Stretch> {
    let mut merged: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match merged.last_mut() {
            Some(last) if same(last.kind, stretch.kind) => {
                last.secs = stretch.from_secs + stretch.secs - last.from_secs;
            }
            Some(_) | None => merged.push(stretch),
        }
    }
    merged
}

/// One window. A pure tone obeys `x[n] = 2·cos(ω)·x[n-1] − x[n-2]`: fit the factor, look at what is left.
fn judge(window: &[i16], rate_hz: u32) -> Kind {
    let samples: Vec<f64> = window.iter().map(|s| f64::from(*s)).collect();
    let energy: f64 = samples.iter().map(|s| s * s).sum();
    let rms = (energy / samples.len() as f64).sqrt();
    if rms < 32768.0 * 10_f64.powf(SILENCE_DBFS / 20.0) {
        return Kind::Silence;
    }
    let triples = || samples.windows(3).map(|w| (w[1], w[0] + w[2]));
    let square: f64 = triples().map(|(mid, _)| mid * mid).sum();
    let factor = triples().map(|(mid, sides)| mid * sides).sum::<f64>() / square.max(1.0);
    let residue: f64 = triples().map(|(mid, sides)| (sides - factor * mid).powi(2)).sum();
    let explained = triples().map(|(_, sides)| sides * sides).sum::<f64>().max(square);
    if residue / explained > TONE_RESIDUE_MAX || factor.abs() >= 2.0 {
        return Kind::Sound;
    }
    let hz = (factor / 2.0).acos() / std::f64::consts::TAU * f64::from(rate_hz);
    Kind::Tone { hz: (hz / 5.0).round() as u32 * 5 }
}

impl std::fmt::Display for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Silence => write!(f, "silence {:.1} s", self.secs),
            Kind::Tone { hz } => write!(f, "tone {hz} Hz {:.1} s", self.secs),
            Kind::Sound => write!(f, "speech or music {:.1} s", self.secs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::voice::tone;
    use super::*;

    #[test]
    fn tones_silence_and_noise_are_told_apart() {
        let mut ear = Ear::new(8000);
        for hz in [425.0, 1000.0] {
            ear.hear(&tone(hz, 1.0, 8000));
            ear.hear(&vec![0; 4000]);
        }
        let mut state = 1_u32;
        let noise: Vec<i16> = (0..8000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 16) as i16) / 4
            })
            .collect();
        ear.hear(&noise);
        let kinds: Vec<Kind> = ear.stretches().iter().map(|s| s.kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Tone { hz: 425 },
                Kind::Silence,
                Kind::Tone { hz: 1000 },
                Kind::Silence,
                Kind::Sound
            ]
        );
    }

    #[test]
    fn a_tone_survives_a_codec_of_the_telephone() {
        for hz in [350.0, 700.0, 1000.0, 1900.0] {
            let mut ear = Ear::new(8000);
            let sound: Vec<i16> = tone(hz, 0.5, 8000)
                .iter()
                .map(|s| {
                    audio_codec_algorithms::decode_alaw(audio_codec_algorithms::encode_alaw(*s))
                })
                .collect();
            ear.hear(&sound);
            let heard = ear.stretches();
            let near = |found: u32| (f64::from(found) - hz).abs() <= 15.0;
            let right = matches!(heard[..], [Stretch { kind: Kind::Tone { hz }, .. }] if near(hz));
            assert!(right, "{hz} Hz heard as {heard:?}");
        }
    }

    #[test]
    fn notes_that_follow_each_other_are_music_and_a_lone_tone_is_a_tone() {
        let mut ear = Ear::new(8000);
        for hz in [220.0, 330.0, 260.0, 220.0] {
            ear.hear(&tone(hz, 0.4, 8000));
        }
        ear.hear(&vec![0; 4000]);
        ear.hear(&tone(425.0, 0.4, 8000));
        ear.hear(&vec![0; 4000]);
        let kinds: Vec<Kind> = ear.stretches().iter().map(|s| s.kind).collect();
        assert_eq!(kinds, [Kind::Sound, Kind::Silence, Kind::Tone { hz: 425 }, Kind::Silence]);
    }

    #[test]
    fn speech_with_short_pauses_is_one_sound() {
        let mut ear = Ear::new(8000);
        ear.note(Kind::Sound, 1.0);
        ear.note(Kind::Silence, 0.2);
        ear.note(Kind::Sound, 1.0);
        assert_eq!(ear.stretches().len(), 1);
        assert!((ear.stretches()[0].secs - 2.2).abs() < 1e-9);
    }
}
