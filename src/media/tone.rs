//! Tones made and measured: sines, DTMF pairs, noise, cadences; level and power of one frequency in a sound.
//!
//! Levels are dBm0 as telephony counts them: a sine that just fills the range of µ-law is +3.17 dBm0 (ITU-T G.711 §4);
//! that of A-law, +3.14, is near enough.

use crate::codec::Rate;
use crate::order::Digit;
use std::f64::consts::TAU;

/// Level of a full-scale sine in dBm0.
pub const FULL_SCALE_DBM0: f64 = 3.17;

/// Rows of the telephone keypad in hertz (ITU-T Q.23).
pub const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// Columns of the telephone keypad in hertz (ITU-T Q.23).
pub const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// Keys by row and column.
pub const KEYPAD: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Peak amplitude in sample units of a sine at a level.
pub fn amplitude(dbm0: f64) -> f64 {
    32_767.0 * 10f64.powf((dbm0 - FULL_SCALE_DBM0) / 20.0)
}

/// The pair of frequencies of a key, row first.
pub fn frequencies(digit: Digit) -> (f64, f64) {
    let key = digit.to_char();
    for (row, keys) in KEYPAD.iter().enumerate() {
        if let Some(column) = keys.iter().position(|k| *k == key) {
            return (ROWS[row], COLUMNS[column]);
        }
    }
    (0.0, 0.0)
}

/// A running sum of sines, so that a tone continues smoothly from frame to frame.
#[derive(Clone, Debug)]
pub struct Tone {
    rate: Rate,
    partials: [(f64, f64); 2],
    position: u64,
}

impl Tone {
    /// One sine.
    pub fn single(rate: Rate, hz: f64, dbm0: f64) -> Self {
        Self { rate, partials: [(hz, amplitude(dbm0)), (0.0, 0.0)], position: 0 }
    }

    /// The two sines of a key, each at `dbm0`.
    pub fn key(rate: Rate, digit: Digit, dbm0: f64) -> Self {
        let (row, column) = frequencies(digit);
        let peak = amplitude(dbm0);
        Self { rate, partials: [(row, peak), (column, peak)], position: 0 }
    }

    /// Appends so many samples.
    pub fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        for _ in 0..samples {
            let t = self.position as f64 / f64::from(self.rate.hz());
            let sum: f64 = self.partials.iter().map(|(hz, peak)| peak * (TAU * hz * t).sin()).sum();
            out.push(sum.clamp(-32_768.0, 32_767.0) as i16);
            self.position += 1;
        }
    }
}

/// A sine of one frequency.
pub fn sine(rate: Rate, hz: f64, dbm0: f64, samples: usize) -> Vec<i16> {
    let mut out = Vec::with_capacity(samples);
    Tone::single(rate, hz, dbm0).fill(samples, &mut out);
    out
}

/// A tone of one frequency that is on and off for so many milliseconds, once.
pub fn cadence(rate: Rate, hz: f64, dbm0: f64, on_ms: usize, off_ms: usize) -> Vec<i16> {
    let mut out = sine(rate, hz, dbm0, rate.samples(on_ms));
    soften(rate, &mut out);
    out.resize(rate.samples(on_ms + off_ms), 0);
    out
}

/// White noise of a level; the same for the same seed.
pub fn noise(dbm0: f64, samples: usize, seed: u64) -> Vec<i16> {
    // A uniform distribution of peak p has the power of a sine of peak p·√(2/3).
    let peak = amplitude(dbm0) * 1.5f64.sqrt();
    let mut random = crate::rtp::Random::new(seed);
    (0..samples)
        .map(|_| {
            let unit = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
            ((unit * 2.0 - 1.0) * peak).clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

/// Takes the click off both ends with 5 ms ramps.
fn soften(rate: Rate, sound: &mut [i16]) {
    let ramp = rate.samples(5).min(sound.len() / 2);
    let last = sound.len();
    for i in 0..ramp {
        let gain = i as f64 / ramp as f64;
        sound[i] = (f64::from(sound[i]) * gain) as i16;
        sound[last - 1 - i] = (f64::from(sound[last - 1 - i]) * gain) as i16;
    }
}

/// Power of a sound in dBm0; digital silence is -120.
pub fn level_dbm0(sound: &[i16]) -> f64 {
    let mean = sound.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / sound.len().max(1) as f64;
    let full = 32_767f64.powi(2) / 2.0;
    (10.0 * (mean / full).max(1e-13).log10() + FULL_SCALE_DBM0).max(-120.0)
}

/// The share (0 to 1) of a sound's power that lies at one frequency, by the Goertzel algorithm over its whole length.
pub fn power_at(rate: Rate, hz: f64, sound: &[i16]) -> f64 {
    let coefficient = 2.0 * (TAU * hz / f64::from(rate.hz())).cos();
    let (mut s1, mut s2, mut energy) = (0.0, 0.0, 0.0);
    for sample in sound {
        let x = f64::from(*sample);
        let s0 = x + coefficient * s1 - s2;
        (s1, s2) = (s0, s1);
        energy += x * x;
    }
    if energy == 0.0 {
        return 0.0;
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    2.0 * power / (energy * sound.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_has_the_level_and_the_frequency_it_was_made_with() {
        let sound = sine(Rate::Narrow, 425.0, -10.0, 8000);
        assert!((level_dbm0(&sound) + 10.0).abs() < 0.05);
        assert!(power_at(Rate::Narrow, 425.0, &sound) > 0.99);
        assert!(power_at(Rate::Narrow, 1000.0, &sound) < 0.01);
    }

    #[test]
    fn noise_has_its_level_and_no_tone() {
        let sound = noise(-30.0, 8000, 7);
        assert!((level_dbm0(&sound) + 30.0).abs() < 0.3);
        assert!(power_at(Rate::Narrow, 1000.0, &sound) < 0.01);
    }

    #[test]
    fn a_key_is_two_tones_even_when_made_in_frames() {
        let mut tone = Tone::key(Rate::Narrow, Digit::Num(5), -8.0);
        let mut sound = Vec::new();
        for _ in 0..10 {
            tone.fill(160, &mut sound);
        }
        assert!(power_at(Rate::Narrow, 770.0, &sound) > 0.45);
        assert!(power_at(Rate::Narrow, 1336.0, &sound) > 0.45);
    }
}
