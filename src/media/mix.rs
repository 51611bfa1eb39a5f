//! A session's voice as others mix it: decoded once for all who hear it, at the rates they want, and added up.
//!
//! Knows nothing of who hears whom: see [`crate::hearing`].

use crate::codec::Rate;
use crate::order::Codec;
use crate::playout::{Content, Playout};
use crate::rtp::Arrival;
use dozvon_clock::Timestamp;
use std::time::Duration;

/// The taps of a half-band low-pass at odd distances from its middle, in 1/32768; those at even distances are 0 and the
/// middle is a half. A sinc under a Kaiser window (β = 5.5): 0.1 dB at 3.4 kHz, more than 80 dB from 4.6 kHz on.
const HALF_BAND: [i32; 12] = [10_392, -3346, 1872, -1202, 808, -548, 366, -238, 147, -84, 43, -18];
/// Samples of the past that doubling needs.
const DOUBLE_PAST: usize = 2 * HALF_BAND.len() - 1;
/// Samples of the past that halving needs.
const HALVE_PAST: usize = 2 * DOUBLE_PAST;
/// Samples of a wide frame.
const WIDE_FRAME: usize = Rate::Wide.samples(20);

/// The voice of one session, for those who can't be sent its packets as they are.
#[derive(Debug)]
pub(crate) struct Ear {
    codec: Codec,
    playout: Playout,
    rate: Rate,
    /// Whether the frames below are more than silence.
    sounds: bool,
    frame: Vec<i16>,
    /// Makes the same frame at the other rate, when somebody wants that.
    converter: Option<Box<Converter>>,
}

impl Ear {
    /// An ear for packets of `codec`, decoded at `rate`.
    pub(crate) fn new(codec: Codec, rate: Rate, delay: Duration) -> Self {
        Self {
            codec,
            playout: Playout::new(codec, rate, delay),
            rate,
            sounds: false,
            frame: Vec::with_capacity(rate.samples(20)),
            converter: None,
        }
    }

    /// The codec of its packets.
    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Gives both rates from now on, or only those wanted. The ear goes on decoding at its own rate: another decoder
    /// would be heard as a hole by those who listen already, so a wide listener who comes late gets the telephone band.
    pub(crate) fn serve(&mut self, narrow: bool, wide: bool) {
        let converts = match self.rate {
            Rate::Narrow => wide,
            Rate::Wide => narrow,
        };
        match (converts, &self.converter) {
            (true, None) => self.converter = Some(Box::new(Converter::from(self.rate))),
            (false, Some(_)) => self.converter = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Keeps a packet until its time.
    pub(crate) fn push(
        &mut self,
        now: Timestamp,
        sequence: u16,
        payload: &[u8],
        arrival: Arrival,
        content: Content,
    ) {
        if arrival == Arrival::Start {
            self.playout.reset();
        }
        self.playout.push(now, sequence, content, payload);
    }

    /// Takes the next 20 ms.
    pub(crate) fn listen(&mut self, now: Timestamp) {
        self.frame.clear();
        self.sounds = self.playout.pull(now, &mut self.frame);
        if let Some(converter) = &mut self.converter {
            converter.convert(&self.frame);
        }
    }

    /// The frame at the ear's own rate; `None` when it is mere silence.
    pub(crate) fn heard(&self) -> Option<&[i16]> {
        self.sounds.then_some(self.frame.as_slice())
    }

    /// The frame at one of the rates it serves; `None` when it is mere silence.
    pub(crate) fn voice(&self, rate: Rate) -> Option<&[i16]> {
        let converted = self.converter.as_ref().filter(|_| rate != self.rate);
        let frame = converted.map_or(&self.frame, |converter| &converter.out);
        self.sounds.then_some(frame.as_slice())
    }
}

/// Doubles or halves the sampling rate of a stream of sound by a half-band filter. Delays it by 1.5 ms.
#[derive(Debug)]
struct Converter {
    from: Rate,
    /// The past, and the frame in work behind it.
    line: [i16; HALVE_PAST + WIDE_FRAME],
    /// The frame at the other rate.
    out: Vec<i16>,
}

impl Converter {
    /// A converter from this rate to the other one.
    fn from(rate: Rate) -> Self {
        let line = [0; HALVE_PAST + WIDE_FRAME];
        Self { from: rate, line, out: Vec::with_capacity(WIDE_FRAME) }
    }

    /// Makes the next frame at the other rate; a frame is at most 20 ms.
    fn convert(&mut self, frame: &[i16]) {
        let past = match self.from {
            Rate::Narrow => DOUBLE_PAST,
            Rate::Wide => HALVE_PAST,
        };
        let end = past + frame.len();
        self.line[past..end].copy_from_slice(frame);
        self.out.clear();
        match self.from {
            Rate::Narrow => {
                self.out.extend(self.line[..end].windows(past + 1).flat_map(doubled));
            }
            Rate::Wide => {
                self.out.extend(self.line[..end].windows(past + 1).step_by(2).map(halved));
            }
        }
        self.line.copy_within(frame.len()..end, 0);
    }
}

/// The sample in the middle of the window and the one between it and the next.
fn doubled(window: &[i16]) -> [i16; 2] {
    let (before, after) = window.split_at(HALF_BAND.len());
    let sum: i32 = HALF_BAND
        .iter()
        .zip(before.iter().rev().zip(after))
        .map(|(tap, (a, b))| tap * (i32::from(*a) + i32::from(*b)))
        .sum();
    [window[HALF_BAND.len() - 1], saturated((sum + (1 << 13)) >> 14)]
}

/// The sample in the middle of the window, without what the lower rate can't carry.
fn halved(window: &[i16]) -> i16 {
    let (before, rest) = window.split_at(DOUBLE_PAST);
    let (middle, after) = (rest[0], &rest[1..]);
    let sum: i32 = HALF_BAND
        .iter()
        .zip(before.iter().rev().step_by(2).zip(after.iter().step_by(2)))
        .map(|(tap, (a, b))| tap * (i32::from(*a) + i32::from(*b)))
        .sum();
    saturated((sum + i32::from(middle) * (1 << 14) + (1 << 14)) >> 15)
}

/// Adds voices up into `out`; what is too loud is cut off and does not wrap. `false` when there is none.
pub(crate) fn mix<'a>(
    mut voices: impl Iterator<Item = &'a [i16]>,
    sum: &mut Vec<i32>,
    out: &mut Vec<i16>,
) -> bool {
    out.clear();
    let Some(first) = voices.next() else { return false };
    let Some(second) = voices.next() else {
        out.extend_from_slice(first);
        return true;
    };
    sum.clear();
    sum.extend(first.iter().zip(second).map(|(a, b)| i32::from(*a) + i32::from(*b)));
    for voice in voices {
        sum.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += i32::from(*sample));
    }
    out.extend(sum.iter().map(|sample| saturated(*sample)));
    true
}

fn saturated(sample: i32) -> i16 {
    sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{level_dbm0, power_at, sine};

    fn converted(from: Rate, sound: &[i16]) -> Vec<i16> {
        let (mut converter, mut out) = (Converter::from(from), Vec::new());
        for frame in sound.chunks(from.samples(20)) {
            converter.convert(frame);
            out.extend_from_slice(&converter.out);
        }
        out
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_level_at_twice_and_at_half_the_rate() {
        for (from, to) in [(Rate::Narrow, Rate::Wide), (Rate::Wide, Rate::Narrow)] {
            for hz in [300.0, 1000.0, 3300.0] {
                let out = converted(from, &sine(from, hz, -10.0, from.samples(1000)));
                assert_eq!(out.len(), to.samples(1000));
                let steady = &out[to.samples(20)..];
                assert!(power_at(to, hz, steady) > 0.99, "{hz} Hz from {from:?}");
                assert!((level_dbm0(steady) + 10.0).abs() < 0.2, "{}", level_dbm0(steady));
            }
        }
    }

    #[test]
    fn halving_takes_away_what_would_be_folded_down_and_the_loudest_sound_does_not_wrap() {
        let out = converted(Rate::Wide, &sine(Rate::Wide, 5000.0, -10.0, 16_000));
        assert!(level_dbm0(&out[160..]) < -75.0, "{}", level_dbm0(&out[160..]));
        let square: Vec<i16> =
            (0..16_000).map(|n| if n / 20 % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
        for from in [Rate::Narrow, Rate::Wide] {
            let out = converted(from, &square);
            let per_half = if from == Rate::Wide { 10 } else { 40 };
            // In the middle of each half wave the sign is that of the input: nothing has wrapped.
            for (n, half) in out.chunks(per_half).enumerate().skip(10) {
                let delay = if from == Rate::Wide { 1 } else { 2 };
                let sample = half[(per_half / 2 + 11 * delay) % per_half];
                assert!(sample.unsigned_abs() > 20_000, "{n}: {sample}");
            }
        }
    }

    #[test]
    fn the_order_of_loud_voices_does_not_matter_to_the_sum() {
        let (loud, deep) = ([i16::MAX; 4], [i16::MIN; 4]);
        let (mut sum, mut out) = (Vec::new(), Vec::new());
        for voices in [[&loud, &loud, &deep], [&deep, &loud, &loud], [&loud, &deep, &loud]] {
            assert!(mix(voices.iter().map(|v| v.as_slice()), &mut sum, &mut out));
            assert_eq!(out, [i16::MAX - 1; 4]);
        }
        assert!(mix([&loud[..], &loud[..]].into_iter(), &mut sum, &mut out));
        assert_eq!(out, loud);
        assert!(mix([&deep[..], &deep[..]].into_iter(), &mut sum, &mut out));
        assert_eq!(out, deep);
        assert!(!mix([].into_iter(), &mut sum, &mut out));
        assert!(out.is_empty());
    }
}
