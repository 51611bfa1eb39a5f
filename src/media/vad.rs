//! Voice activity: is there somebody speaking in 20 ms of sound? By its energy against the noise of the line.
//!
//! The noise floor falls fast and rises slowly, so it settles in the pauses of speech. Energies are mean squares of
//! samples; a sine that just fills the range has 5.4e8 and +3.17 dBm0, so 10 times less is 10 dBm0 less.

use crate::codec::{Decoder, Rate, g711};
use crate::limits::FRAME;
use crate::order::Codec;
use std::time::Duration;

/// -45 dBm0: quieter frames never begin a talkspurt.
const BEGIN_MIN: u64 = 8_192;
/// -51 dBm0: quieter frames never continue one.
const GO_ON_MIN: u64 = 2_048;
/// How far above the noise floor a talkspurt begins: 9 dB.
const BEGIN_FACTOR: u64 = 8;
/// How far above the noise floor it goes on: 5 dB.
const GO_ON_FACTOR: u64 = 3;
/// Loud frames in a row that begin a talkspurt; a click is shorter.
pub(crate) const BEGIN_FRAMES: u8 = 2;
/// Quiet frames that belong to a talkspurt: 200 ms, the hangover of ITU-T P.56.
const HANGOVER_FRAMES: u8 = 10;
/// The same as time.
pub(crate) const HANGOVER: Duration = FRAME.saturating_mul(HANGOVER_FRAMES as u32);
/// Ticks without any sound after which the talkspurt is over.
const LOST_TICKS: u8 = 10;
/// The floor stays between that of A-law's silence and -36 dBm0, so that someone who speaks loudly into the first frame
/// is heard.
const FLOOR: (u64, u64) = (64, 65_536);
/// The floor rises by this part of itself a frame: 1.7 dB a second.
const RISE: u64 = 128;
/// The floor falls by this part of its distance a frame.
const FALL: u64 = 4;
/// Samples of a frame of the telephone band.
const FRAME_SAMPLES: usize = Rate::Narrow.samples(20);

const ULAW_SQUARES: [u32; 256] = squares(true);
const ALAW_SQUARES: [u32; 256] = squares(false);

/// The square of the sample of each code.
const fn squares(ulaw: bool) -> [u32; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let sample =
            if ulaw { g711::ULAW_DECODE[code] } else { g711::ALAW_DECODE[code] }.unsigned_abs();
        table[code] = sample as u32 * sample as u32;
        code += 1;
    }
    table
}

/// The decision, frame by frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Detector {
    /// `None` before the first frame.
    floor: Option<u64>,
    loud_frames: u8,
    /// Frames for which the talkspurt goes on if no loud one comes; 0 = there is none.
    left: u8,
}

impl Detector {
    fn hear(&mut self, energy: u64) {
        let floor = self.floor.unwrap_or(energy).clamp(FLOOR.0, FLOOR.1);
        let threshold = match self.left {
            0 => (floor * BEGIN_FACTOR).max(BEGIN_MIN),
            _ => (floor * GO_ON_FACTOR).max(GO_ON_MIN),
        };
        self.left = self.left.saturating_sub(1);
        if energy >= threshold {
            self.loud_frames = self.loud_frames.saturating_add(1);
            if self.left > 0 || self.loud_frames >= BEGIN_FRAMES {
                self.left = HANGOVER_FRAMES;
            }
        } else {
            self.loud_frames = 0;
        }
        let next = match floor.checked_sub(energy) {
            Some(above) => floor - above / FALL,
            None => floor + floor.div_ceil(RISE),
        };
        self.floor = Some(next);
    }
}

/// The voice activity of one session, while at least one measure wants it.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    detector: Detector,
    /// Ticks since the last frame of sound.
    ticks_without: u8,
    /// For codecs whose energy can't be read off the payload, while nobody else decodes them.
    decoder: Option<Decoder>,
    sound: Vec<i16>,
    /// How many measures look at it.
    pub(crate) measures: u32,
}

impl Activity {
    /// Hears a packet. Of the codecs that must be decoded nothing is done when an ear does that already.
    pub(crate) fn hear_packet(&mut self, codec: Codec, payload: &[u8], has_ear: bool) {
        match codec {
            Codec::Pcmu => self.hear_codes(&ULAW_SQUARES, payload),
            Codec::Pcma => self.hear_codes(&ALAW_SQUARES, payload),
            Codec::G722 | Codec::Opus if has_ear => self.forget_decoder(),
            Codec::G722 | Codec::Opus => {
                let mut sound = std::mem::take(&mut self.sound);
                sound.clear();
                let decoder = self.decoder.get_or_insert_with(|| Decoder::new(codec, Rate::Narrow));
                decoder.decode(payload, &mut sound);
                sound.chunks(FRAME_SAMPLES).for_each(|frame| self.hear_sound(frame));
                self.sound = sound;
            }
        }
    }

    /// Hears a frame that was decoded for others.
    pub(crate) fn hear_decoded(&mut self, codec: Codec, frame: &[i16]) {
        match codec {
            // It was heard in the packet already.
            Codec::Pcmu | Codec::Pcma => {}
            Codec::G722 | Codec::Opus => self.hear_sound(frame),
        }
    }

    /// Another codec begins, or an ear decodes from now on.
    pub(crate) fn forget_decoder(&mut self) {
        self.decoder = None;
    }

    fn hear_codes(&mut self, squares: &[u32; 256], payload: &[u8]) {
        for codes in payload.chunks(FRAME_SAMPLES) {
            let sum: u64 = codes.iter().map(|code| u64::from(squares[usize::from(*code)])).sum();
            self.hear_energy(sum / codes.len() as u64);
        }
    }

    fn hear_sound(&mut self, frame: &[i16]) {
        let sum: u64 = frame.iter().map(|s| u64::from(s.unsigned_abs()).pow(2)).sum();
        self.hear_energy(sum / frame.len().max(1) as u64);
    }

    fn hear_energy(&mut self, energy: u64) {
        self.ticks_without = 0;
        self.detector.hear(energy);
    }

    /// Lets 20 ms pass; without packets a talkspurt ends.
    pub(crate) fn pass(&mut self) {
        self.ticks_without = self.ticks_without.saturating_add(1);
        if self.ticks_without > LOST_TICKS {
            (self.detector.left, self.detector.loud_frames) = (0, 0);
        }
    }

    /// Whether somebody speaks now.
    pub(crate) fn is_voice(&self) -> bool {
        self.detector.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Encoder;
    use crate::tone::{level_dbm0, noise, sine};

    /// For each frame, whether voice is seen in it.
    fn seen(codec: Codec, sound: &[i16]) -> Vec<bool> {
        let (mut encoder, mut activity) =
            (Encoder::new(codec, Rate::Narrow, 5), Activity::default());
        let mut seen = Vec::new();
        for frame in sound.chunks(FRAME_SAMPLES) {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload);
            activity.hear_packet(codec, &payload, false);
            activity.pass();
            seen.push(activity.is_voice());
        }
        seen
    }

    /// `noise` dBm0 of noise with words of 400 ms at `voice` dBm0 in every second.
    fn words(noise_dbm0: f64, voice_dbm0: f64, secs: usize) -> Vec<i16> {
        let hiss = noise(noise_dbm0, secs * 8000, 3);
        let voice = sine(Rate::Narrow, 440.0, voice_dbm0, secs * 8000);
        let spoken = |n: usize| (4000..7200).contains(&(n % 8000));
        let samples = hiss.iter().zip(voice).enumerate();
        samples
            .map(|(n, (hiss, v))| if spoken(n) { hiss.saturating_add(v) } else { *hiss })
            .collect()
    }

    #[test]
    fn words_are_told_from_pauses_in_every_codec_and_noise() {
        for codec in Codec::ALL {
            for (noise_dbm0, voice_dbm0) in [(-75.0, -35.0), (-50.0, -25.0), (-38.0, -18.0)] {
                let seen = seen(codec, &words(noise_dbm0, voice_dbm0, 6));
                for (second, frames) in seen.chunks(50).enumerate().skip(2) {
                    let voice = frames.iter().filter(|voice| **voice).count();
                    // 20 frames of word, 10 of hangover, some at the edges.
                    let what = format!("{codec:?} {noise_dbm0} {voice_dbm0}: {voice} in {second}");
                    assert!((27..=32).contains(&voice), "{what}");
                    assert!(frames[..24].iter().skip(5).all(|voice| !voice), "{what}");
                }
            }
        }
    }

    #[test]
    fn noise_of_a_line_is_no_voice_even_when_it_begins_suddenly() {
        assert!(seen(Codec::Pcma, &noise(-40.0, 8000 * 5, 1)).iter().all(|voice| !voice));
        let mut sound = vec![0; 8000];
        sound.extend(noise(-40.0, 8000 * 30, 1));
        let seen = seen(Codec::Pcmu, &sound);
        assert!(seen[seen.len() - 500..].iter().all(|voice| !voice), "it is used to it by now");
    }

    #[test]
    fn a_click_is_no_voice_and_silence_of_both_laws_neither() {
        let mut sound = vec![0; 8000];
        sound[4000..4100].fill(8000);
        for codec in [Codec::Pcmu, Codec::Pcma] {
            assert!(seen(codec, &sound).iter().all(|voice| !voice), "{codec:?}");
        }
    }

    #[test]
    fn a_voice_that_stops_in_the_middle_of_a_word_is_over_after_the_hangover() {
        let mut activity = Activity::default();
        let loud = [0x10; 160];
        (0..50).for_each(|_| activity.hear_packet(Codec::Pcma, &loud, false));
        assert!(activity.is_voice());
        let ticks = (0..50).take_while(|_| {
            activity.pass();
            activity.is_voice()
        });
        assert_eq!(ticks.count(), usize::from(LOST_TICKS));
    }

    #[test]
    fn a_packet_of_60_ms_counts_as_three_frames() {
        let mut activity = Activity::default();
        activity.hear_packet(Codec::Pcmu, &[0xff; 480], false);
        activity.hear_packet(Codec::Pcmu, &[0x20; 480], false);
        assert!(activity.is_voice(), "two loud frames begin a talkspurt");
    }

    #[test]
    fn the_tables_have_the_squares_of_what_is_decoded() {
        for code in 0..=255 {
            let square = |sample: i16| u32::from(sample.unsigned_abs()).pow(2);
            assert_eq!(ULAW_SQUARES[usize::from(code)], square(g711::ulaw_decode(code)));
            assert_eq!(ALAW_SQUARES[usize::from(code)], square(g711::alaw_decode(code)));
        }
        assert!((level_dbm0(&[128; 160]) + 45.0).abs() < 3.2, "the level of the constants");
    }
}
