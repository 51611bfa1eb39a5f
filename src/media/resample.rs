//! Offline change of sampling rate by a windowed sinc, for clips at load. Not for packets.

use std::f64::consts::{PI, TAU};

/// Zero crossings of the sinc to each side: a transition band of about a twentieth of the rate.
const CROSSINGS: f64 = 32.0;
/// Share of the narrower band that passes untouched.
const PASS: f64 = 0.94;

/// `sound` at `from` hertz, as it is at `to` hertz. Equal rates copy.
pub fn resample(sound: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to {
        return sound.to_vec();
    }
    let divisor = gcd(from, to);
    let (up, down) = (u64::from(to / divisor), u64::from(from / divisor));
    // Cut-off in cycles per input sample.
    let cutoff = 0.5 * PASS * f64::min(1.0, f64::from(to) / f64::from(from));
    let reach = (CROSSINGS / (2.0 * cutoff)).ceil() as i64;
    let phases: Vec<Vec<f64>> =
        (0..up).map(|phase| taps(phase as f64 / up as f64, reach, cutoff)).collect();

    let length = (sound.len() as u64 * up).div_ceil(down);
    (0..length)
        .map(|n| {
            let place = n * down;
            let centre = (place / up) as i64;
            let taps = &phases[(place % up) as usize];
            let sum: f64 = taps
                .iter()
                .zip(centre - reach + 1..)
                .filter_map(|(tap, at)| {
                    let sample = sound.get(usize::try_from(at).ok()?)?;
                    Some(tap * f64::from(*sample))
                })
                .sum();
            sum.round().clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

/// The filter for an output sample that lies `fraction` after an input sample; normalised to unity gain at DC.
fn taps(fraction: f64, reach: i64, cutoff: f64) -> Vec<f64> {
    let mut taps: Vec<f64> = (1 - reach..=reach)
        .map(|k| {
            let t = k as f64 - fraction;
            let x = 2.0 * cutoff * t;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) };
            let w = (t / reach as f64 + 1.0) / 2.0;
            let blackman = 0.42 - 0.5 * (TAU * w).cos() + 0.08 * (2.0 * TAU * w).cos();
            sinc * blackman.max(0.0)
        })
        .collect();
    let gain: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= gain);
    taps
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Rate;
    use crate::tone::{amplitude, level_dbm0, power_at};

    fn sine(rate: u32, hz: f64) -> Vec<i16> {
        let peak = amplitude(-10.0);
        (0..rate)
            .map(|n| (peak * (TAU * hz * f64::from(n) / f64::from(rate)).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_tone_keeps_pitch_level_and_length_from_every_rate() {
        for from in [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] {
            for rate in [Rate::Narrow, Rate::Wide] {
                let out = resample(&sine(from, 1000.0), from, rate.hz());
                assert_eq!(out.len(), rate.hz() as usize);
                let middle = &out[800..out.len() - 800];
                assert!(power_at(rate, 1000.0, middle) > 0.98, "{from} to {rate:?}");
                assert!((level_dbm0(middle) + 10.0).abs() < 0.1, "{from} to {rate:?}");
            }
        }
    }

    #[test]
    fn what_the_new_rate_cannot_carry_is_gone_instead_of_folded_down() {
        let out = resample(&sine(48_000, 5000.0), 48_000, 8000);
        assert!(level_dbm0(&out[800..7200]) < -70.0, "{}", level_dbm0(&out[800..7200]));
        let out = resample(&sine(16_000, 3400.0), 16_000, 8000);
        assert!((level_dbm0(&out[800..7200]) + 10.0).abs() < 0.2);
    }
}
