//! Recordings judged and brought to shape: loudness by ITU-R BS.1770-4, clipping, silence at the ends.
//!
//! Offline work on whole recordings, for people who look after prompts; packets never come here. Levels are in dB below
//! full scale, loudness in LUFS: a sine of 997 Hz at full scale, mono, is -3.01 LUFS.

use std::f64::consts::PI;

/// The window of loudness (BS.1770-4: 400 ms, three quarters of it shared with the next one).
const BLOCK_SECS: f64 = 0.4;
/// Blocks quieter than this are silence (BS.1770-4), in LUFS.
const ABSOLUTE_GATE: f64 = -70.0;
/// Blocks so much quieter than the others count as pauses (BS.1770-4), in LU.
const RELATIVE_GATE: f64 = -10.0;
/// Loudness of one channel whose mean square is 1 (BS.1770-4).
const OFFSET: f64 = -0.691;
/// Quieter than this is silence at the ends of a recording, in dB below full scale.
const SILENCE_DB: f64 = -50.0;
/// The window in which silence is looked for.
const SILENCE_SECS: f64 = 0.01;
/// So many samples at full scale in a row are a peak that was cut off.
const CLIPPED_RUN: usize = 4;
/// No sample of a finished recording is above this, in dB below full scale.
const PEAK_DB: f64 = -1.0;
/// The limiter turns down so long before a peak, and up again as slowly.
const LIMITER_SECS: f64 = 0.005;

/// What there is to say of a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Integrated loudness; `None` for silence.
    pub loudness: Option<f64>,
    /// Peaks that were cut off.
    pub clipped: usize,
    /// Silence before the first sound, in seconds.
    pub lead_secs: f64,
    /// Silence after the last sound, in seconds.
    pub tail_secs: f64,
}

/// Looks at a recording of this sampling rate, which must not be 0.
pub fn judge(sound: &[i16], rate: u32) -> Judgement {
    let (lead_secs, tail_secs) = silent_ends(sound, rate);
    Judgement { loudness: loudness(sound, rate), clipped: clipped(sound), lead_secs, tail_secs }
}

/// Cuts silence off the ends but for a little, and brings the rest to this loudness; peaks are limited, not cut.
/// Silence stays silence.
pub fn finish(sound: &[i16], rate: u32, wanted_lufs: f64) -> Vec<i16> {
    const LEAD_SECS: f64 = 0.03;
    const TAIL_SECS: f64 = 0.15;
    let (lead, tail) = silent_ends(sound, rate);
    let samples = |secs: f64| (secs * f64::from(rate)).round().max(0.0) as usize;
    let cut = samples(lead - LEAD_SECS);
    let end = sound.len() - samples(tail - TAIL_SECS).min(sound.len());
    let mut sound = sound.get(cut..end.max(cut)).unwrap_or_default().to_vec();
    // What the limiter takes away is given once more; twice is enough for speech.
    for _ in 0..3 {
        let Some(is) = loudness(&sound, rate) else { return sound };
        if (is - wanted_lufs).abs() < 0.1 {
            break;
        }
        sound = louder(&sound, rate, wanted_lufs - is);
    }
    let missing = |has: f64, wanted: f64| samples(wanted - has);
    let mut padded = vec![0; missing(lead, LEAD_SECS)];
    padded.extend(sound);
    padded.extend(vec![0; missing(tail, TAIL_SECS)]);
    padded
}

/// The recording so many decibels louder; peaks above [`PEAK_DB`] are turned down smoothly.
fn louder(sound: &[i16], rate: u32, decibels: f64) -> Vec<i16> {
    let gain = amplitude(decibels);
    let most = amplitude(PEAK_DB);
    let wanted: Vec<f64> = sound.iter().map(|sample| f64::from(*sample) / FULL * gain).collect();
    let reach = (LIMITER_SECS * f64::from(rate)) as usize + 1;
    let needed: Vec<f64> = wanted.iter().map(|sample| (most / sample.abs()).min(1.0)).collect();
    // The least gain that any sample near needs, then its mean: the gain is down before the peak, and never jumps.
    let least: Vec<f64> = (0..needed.len())
        .map(|at| near(&needed, at, reach).iter().copied().fold(1.0, f64::min))
        .collect();
    let smooth = (0..least.len()).map(|at| {
        let near = near(&least, at, reach / 2);
        near.iter().sum::<f64>() / near.len() as f64
    });
    wanted.iter().zip(smooth).map(|(sample, gain)| (sample * gain * FULL).round() as i16).collect()
}

fn near(values: &[f64], at: usize, reach: usize) -> &[f64] {
    &values[at.saturating_sub(reach)..(at + reach + 1).min(values.len())]
}

const FULL: f64 = 32_768.0;

fn amplitude(decibels: f64) -> f64 {
    10f64.powf(decibels / 20.0)
}

fn clipped(sound: &[i16]) -> usize {
    let at_full = |sample: &i16| *sample == i16::MAX || *sample == i16::MIN;
    let runs = sound.chunk_by(|one, next| at_full(one) && at_full(next));
    runs.filter(|run| run.len() >= CLIPPED_RUN && at_full(&run[0])).count()
}

/// Seconds of silence before and after the sound; all of it, and none, for a recording of silence.
fn silent_ends(sound: &[i16], rate: u32) -> (f64, f64) {
    let window = ((f64::from(rate) * SILENCE_SECS) as usize).max(1);
    let most = amplitude(SILENCE_DB) * FULL;
    let is_loud = |part: &[i16]| {
        let square: f64 = part.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (square / part.len() as f64).sqrt() > most
    };
    let secs = |samples: usize| samples as f64 / f64::from(rate);
    let first = sound.chunks(window).position(is_loud);
    let Some(first) = first else { return (secs(sound.len()), 0.0) };
    let last = sound.rchunks(window).position(is_loud).unwrap_or_default();
    (secs(first * window), secs(last * window))
}

// ---- loudness -----------------------------------------------------------------------------------

/// Integrated loudness of a mono recording in LUFS (BS.1770-4); `None` when all of it is below the absolute gate. One
/// that is shorter than a block is one block: the standard has no word for prompts like "two".
pub fn loudness(sound: &[i16], rate: u32) -> Option<f64> {
    let heard = weighted(sound, rate);
    let block = ((f64::from(rate) * BLOCK_SECS) as usize).clamp(1, heard.len().max(1));
    let step = (block / 4).max(1);
    let blocks: Vec<f64> = heard
        .windows(block)
        .step_by(step)
        .map(|part| part.iter().map(|sample| sample * sample).sum::<f64>() / block as f64)
        .collect();
    let above = |gate: f64| {
        let loud: Vec<f64> = blocks.iter().copied().filter(|power| lufs(*power) > gate).collect();
        (!loud.is_empty()).then(|| loud.iter().sum::<f64>() / loud.len() as f64)
    };
    let ungated = above(ABSOLUTE_GATE)?;
    above(ABSOLUTE_GATE.max(lufs(ungated) + RELATIVE_GATE)).map(lufs)
}

fn lufs(power: f64) -> f64 {
    OFFSET + 10.0 * power.log10()
}

/// The recording as BS.1770-4 hears it: a shelf for the head, then a high pass. The filters are given there for 48 kHz;
/// these are the same curves at any rate, by the bilinear transform.
fn weighted(sound: &[i16], rate: u32) -> Vec<f64> {
    let rate = f64::from(rate);
    let shelf = {
        let (f0, gain, q) = (1_681.974_450_955_533, 3.999_843_853_973_347, 0.707_175_236_955_419_6);
        let k = (PI * f0 / rate).tan();
        let vh = amplitude(gain);
        let vb = vh.powf(0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        Biquad {
            b: [
                (vh + vb * k / q + k * k) / a0,
                2.0 * (k * k - vh) / a0,
                (vh - vb * k / q + k * k) / a0,
            ],
            a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0],
        }
    };
    let high_pass = {
        let (f0, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
        let k = (PI * f0 / rate).tan();
        let a0 = 1.0 + k / q + k * k;
        Biquad { b: [1.0, -2.0, 1.0], a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0] }
    };
    let sound: Vec<f64> = sound.iter().map(|sample| f64::from(*sample) / FULL).collect();
    high_pass.run(&shelf.run(&sound))
}

/// A filter of the second order.
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    fn run(&self, sound: &[f64]) -> Vec<f64> {
        let [b0, b1, b2] = self.b;
        let [a1, a2] = self.a;
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        let one = |x: &f64| {
            let y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, *x, y1, y);
            y
        };
        sound.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine of this level in dB below full scale.
    fn sine(hertz: f64, decibels: f64, secs: f64, rate: u32) -> Vec<i16> {
        let samples = (secs * f64::from(rate)) as usize;
        let turn = 2.0 * PI * hertz / f64::from(rate);
        let peak = amplitude(decibels) * (FULL - 1.0);
        (0..samples).map(|n| (peak * (turn * n as f64).sin()).round() as i16).collect()
    }

    fn is(sound: &[i16], rate: u32) -> f64 {
        loudness(sound, rate).expect("there is sound")
    }

    #[test]
    fn the_sine_of_the_standard_has_the_loudness_of_the_standard_at_every_rate() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
            let found = is(&sine(997.0, 0.0, 3.0, rate), rate);
            assert!((found + 3.01).abs() < 0.1, "{rate} Hz: {found}");
            let found = is(&sine(997.0, -20.0, 3.0, rate), rate);
            assert!((found + 23.01).abs() < 0.1, "{rate} Hz: {found}");
        }
    }

    #[test]
    fn the_ear_is_deaf_to_rumble_and_keen_on_high_tones() {
        let tone = |hertz| is(&sine(hertz, -20.0, 2.0, 48_000), 48_000);
        assert!(tone(25.0) < tone(997.0) - 10.0, "{}", tone(25.0));
        assert!((tone(10_000.0) - tone(997.0) - 3.3).abs() < 0.3, "{}", tone(10_000.0));
    }

    #[test]
    fn pauses_do_not_make_speech_quieter_and_silence_has_no_loudness() {
        let mut speech = sine(500.0, -20.0, 2.0, 8_000);
        let alone = is(&speech, 8_000);
        speech.extend(vec![0; 16_000]);
        assert!((is(&speech, 8_000) - alone).abs() < 0.6, "blocks at the edge are quieter");
        assert_eq!(loudness(&[0; 8_000], 8_000), None);
        assert_eq!(loudness(&[], 8_000), None);
        assert!(loudness(&sine(500.0, -20.0, 0.1, 8_000), 8_000).is_some(), "shorter than a block");
    }

    #[test]
    fn peaks_that_were_cut_off_are_counted_and_loud_ones_are_not() {
        let loud = sine(400.0, 0.0, 1.0, 8_000);
        assert_eq!(judge(&loud, 8_000).clipped, 0);
        let cut: Vec<i16> = loud.iter().map(|s| s.saturating_mul(2)).collect();
        assert_eq!(judge(&cut, 8_000).clipped, 800, "two a period");
    }

    #[test]
    fn silence_at_the_ends_is_measured() {
        let mut sound = vec![0; 4_000];
        sound.extend(sine(500.0, -20.0, 1.0, 8_000));
        sound.extend(vec![3; 2_000]);
        let judged = judge(&sound, 8_000);
        assert!((judged.lead_secs - 0.5).abs() < 0.02 && (judged.tail_secs - 0.25).abs() < 0.02);
        let silent = judge(&[0; 800], 8_000);
        assert_eq!((silent.lead_secs, silent.tail_secs, silent.loudness), (0.1, 0.0, None));
    }

    #[test]
    fn a_finished_recording_is_as_loud_as_wanted_trimmed_and_never_clipped() {
        for (level, wanted) in [(-30.0, -20.0), (-6.0, -20.0), (-24.0, -16.0)] {
            let mut sound = vec![0; 4_000];
            // A click in the middle, far above the rest: the limiter has work.
            sound.extend(sine(500.0, level, 1.5, 8_000));
            sound[8_000] = 32_000;
            sound.extend(vec![0; 4_000]);
            let done = finish(&sound, 8_000, wanted);
            let judged = judge(&done, 8_000);
            let loudness = judged.loudness.expect("there is sound");
            assert!((loudness - wanted).abs() < 0.5, "{level}: {loudness}");
            assert!(judged.lead_secs < 0.05 && judged.tail_secs < 0.17, "{judged:?}");
            let peak = done.iter().map(|s| s.unsigned_abs()).max().unwrap_or_default();
            assert!(f64::from(peak) <= amplitude(PEAK_DB + 0.1) * FULL, "{peak}");
        }
        assert!(finish(&[0; 800], 8_000, -20.0).iter().all(|sample| *sample == 0));
        assert!(finish(&[], 8_000, -20.0).iter().all(|sample| *sample == 0));
    }
}
