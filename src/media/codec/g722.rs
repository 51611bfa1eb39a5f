//! G.722 at 64 kbit/s, mode 1 (ITU-T G.722): two sub-bands of ADPCM behind a quadrature mirror filter.
//!
//! Block names in comments are those of the Recommendation (§6). Sound is 16 kHz; for a telephone on the other side the
//! lower sub-band alone *is* the 8 kHz signal, so [`Rate::Narrow`] skips the filter instead of resampling.

use crate::codec::Rate;

/// Half of the symmetric 24-tap quadrature mirror filter (Table 11); the gain at DC is 8192.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the 6-bit lower quantizer.
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940,
    1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Output levels of the 4-bit lower inverse quantizer, which drives adaptation in both ends.
const QM4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Output levels of the 6-bit lower inverse quantizer, which is what is heard.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// Output levels of the 2-bit upper inverse quantizer.
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Log scale factor multipliers of the lower band, by the magnitude part of the 4-bit code.
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
/// Log scale factor multipliers of the upper band.
const WH: [i32; 3] = [0, -214, 798];
const RH2: [usize; 4] = [2, 1, 2, 1];
/// Antilogarithm: 2048 · 2^(i/32).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

fn saturate(value: i32) -> i32 {
    value.clamp(-32768, 32767)
}

/// Sub-band signals are 15 bits wide.
fn limit(value: i32) -> i32 {
    value.clamp(-16384, 16383)
}

/// Adaptive predictor and scale factor of one sub-band; the same in encoder and decoder (block 4).
#[derive(Clone, Debug)]
struct Band {
    /// Predicted signal.
    s: i32,
    /// Its part from the zeros.
    sz: i32,
    /// Reconstructed signal, newest first.
    r: [i32; 2],
    /// Partially reconstructed signal, newest first.
    p: [i32; 2],
    /// Pole coefficients.
    a: [i32; 2],
    /// Zero coefficients.
    b: [i32; 6],
    /// Quantized differences, newest first.
    d: [i32; 6],
    /// Logarithmic scale factor.
    nb: i32,
    /// Scale factor.
    det: i32,
}

impl Band {
    fn new(det: i32) -> Self {
        Self { s: 0, sz: 0, r: [0; 2], p: [0; 2], a: [0; 2], b: [0; 6], d: [0; 6], nb: 0, det }
    }

    /// LOGSCL/LOGSCH and SCALEL/SCALEH: `floor` is 8 for the lower band and 10 for the upper.
    fn rescale(&mut self, step: i32, nb_max: i32, floor: i32) {
        self.nb = (((self.nb * 127) >> 7) + step).clamp(0, nb_max);
        let mantissa = ILB[((self.nb >> 6) & 31) as usize];
        let shift = floor - (self.nb >> 11);
        self.det = if shift < 0 { mantissa << -shift } else { mantissa >> shift } << 2;
    }

    /// RECONS, PARREC, UPPOL2, UPPOL1, UPZERO, FILTEZ, FILTEP and PREDIC for one quantized difference.
    fn adapt(&mut self, d: i32) {
        let r = saturate(self.s + d);
        let p = saturate(self.sz + d);
        let same = |x: i32, y: i32| (x < 0) == (y < 0);

        let slope = saturate(self.a[0] << 2);
        let slope = if same(p, self.p[0]) { saturate(-slope) } else { slope };
        let lift = if same(p, self.p[1]) { 128 } else { -128 };
        let a2 = ((slope >> 7) + lift + ((self.a[1] * 32512) >> 15)).clamp(-12288, 12288);

        let lift = if same(p, self.p[0]) { 192 } else { -192 };
        let edge = saturate(15360 - a2);
        let a1 = saturate(lift + ((self.a[0] * 32640) >> 15)).clamp(-edge, edge);

        let gain = if d == 0 { 0 } else { 128 };
        for (b, old) in self.b.iter_mut().zip(&self.d) {
            let step = if same(d, *old) { gain } else { -gain };
            *b = saturate(step + ((*b * 32640) >> 15));
        }
        self.d.copy_within(0..5, 1);
        self.d[0] = d;
        let zeros = self.b.iter().zip(&self.d).map(|(b, d)| (b * saturate(2 * d)) >> 15).sum();
        self.sz = saturate(zeros);

        self.r = [r, self.r[0]];
        self.p = [p, self.p[0]];
        self.a = [a1, a2];
        let poles = ((a1 * saturate(2 * self.r[0])) >> 15) + ((a2 * saturate(2 * self.r[1])) >> 15);
        self.s = saturate(saturate(poles) + self.sz);
    }
}

fn lower() -> Band {
    Band::new(32)
}

fn upper() -> Band {
    Band::new(8)
}

/// Adaptation of the lower band after a 6-bit code, of which the upper 4 bits count.
fn adapt_lower(band: &mut Band, code: u8) {
    let coarse = usize::from(code >> 2);
    let d = (band.det * QM4[coarse]) >> 15;
    band.rescale(WL[RL42[coarse]], 18432, 8);
    band.adapt(d);
}

fn adapt_upper(band: &mut Band, code: u8) -> i32 {
    let d = (band.det * QM2[usize::from(code)]) >> 15;
    band.rescale(WH[RH2[usize::from(code)]], 22528, 10);
    band.adapt(d);
    d
}

/// Both polyphase branches of the mirror filter over a 24-sample history, oldest first.
fn qmf(history: &[i32; 24]) -> (i32, i32) {
    let mut branches = (0, 0);
    for (pair, i) in history.chunks_exact(2).zip(0..12) {
        branches.0 += pair[0] * QMF[i];
        branches.1 += pair[1] * QMF[11 - i];
    }
    branches
}

/// The sending half of the codec. State carries over from frame to frame.
#[derive(Clone, Debug)]
pub struct Encoder {
    rate: Rate,
    lower: Band,
    upper: Band,
    history: [i32; 24],
}

impl Encoder {
    /// An encoder that takes sound of the given rate.
    pub fn new(rate: Rate) -> Self {
        Self { rate, lower: lower(), upper: upper(), history: [0; 24] }
    }

    /// Appends the codes of `samples` (one byte per 1/8000 s); an odd last sample at 16 kHz is dropped.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        match self.rate {
            Rate::Narrow => {
                out.extend(samples.iter().map(|&x| self.code(i32::from(x) >> 1, 0)));
            }
            Rate::Wide => out.extend(samples.chunks_exact(2).map(|pair| {
                self.history.copy_within(2.., 0);
                self.history[22] = i32::from(pair[0]);
                self.history[23] = i32::from(pair[1]);
                let (odd, even) = qmf(&self.history);
                self.code(limit((even + odd) >> 14), limit((even - odd) >> 14))
            })),
        }
    }

    fn code(&mut self, low: i32, high: i32) -> u8 {
        let low = self.quantize_lower(low);
        adapt_lower(&mut self.lower, low);
        let high = self.quantize_upper(high);
        adapt_upper(&mut self.upper, high);
        (high << 6) | low
    }

    /// SUBTRA and QUANTL: 29 steps to each side of the prediction; codes 0..=3 are never sent.
    fn quantize_lower(&self, x: i32) -> u8 {
        let e = saturate(x - self.lower.s);
        let magnitude = if e < 0 { -(e + 1) } else { e };
        let level = Q6[1..].partition_point(|q| ((q * self.lower.det) >> 12) <= magnitude) as u8;
        match (e < 0, level) {
            (true, 0) => 63,
            (true, 1) => 62,
            (true, n) => 33 - n,
            (false, n) => 61 - n,
        }
    }

    /// SUBTRA and QUANTH.
    fn quantize_upper(&self, x: i32) -> u8 {
        let e = saturate(x - self.upper.s);
        let magnitude = if e < 0 { -(e + 1) } else { e };
        match (e < 0, magnitude >= (564 * self.upper.det) >> 12) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        }
    }
}

/// The receiving half of the codec. State carries over from frame to frame.
#[derive(Clone, Debug)]
pub struct Decoder {
    rate: Rate,
    lower: Band,
    upper: Band,
    history: [i32; 24],
}

impl Decoder {
    /// A decoder that gives sound of the given rate.
    pub fn new(rate: Rate) -> Self {
        Self { rate, lower: lower(), upper: upper(), history: [0; 24] }
    }

    /// Appends the samples of `codes`: one or two per byte.
    pub fn decode(&mut self, codes: &[u8], out: &mut Vec<i16>) {
        for &code in codes {
            let (low, high) = self.bands(code);
            match self.rate {
                Rate::Narrow => out.push(saturate(low << 1) as i16),
                Rate::Wide => {
                    self.history.copy_within(2.., 0);
                    self.history[22] = low + high;
                    self.history[23] = low - high;
                    let (second, first) = qmf(&self.history);
                    out.push(saturate(first >> 11) as i16);
                    out.push(saturate(second >> 11) as i16);
                }
            }
        }
    }

    fn bands(&mut self, code: u8) -> (i32, i32) {
        let fine = (self.lower.det * QM6[usize::from(code & 63)]) >> 15;
        let low = limit(self.lower.s + fine);
        adapt_lower(&mut self.lower, code & 63);
        let predicted = self.upper.s;
        let d = adapt_upper(&mut self.upper, code >> 6);
        (low, limit(predicted + d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{level_dbm0, power_at, sine};

    fn round_trip(rate: Rate, sound: &[i16]) -> Vec<i16> {
        let (mut codes, mut back) = (Vec::new(), Vec::new());
        Encoder::new(rate).encode(sound, &mut codes);
        Decoder::new(rate).decode(&codes, &mut back);
        back
    }

    /// Signal to noise in dB at the best alignment within the delay of both filters.
    fn snr_db(sound: &[i16], back: &[i16]) -> f64 {
        let skip = 800;
        (0..40)
            .map(|delay| {
                let pairs = sound[skip..].iter().zip(&back[skip + delay..]);
                let (mut signal, mut noise) = (0.0, 1e-9);
                for (x, y) in pairs {
                    signal += f64::from(*x).powi(2);
                    noise += (f64::from(*x) - f64::from(*y)).powi(2);
                }
                10.0 * (signal / noise).log10()
            })
            .fold(f64::MIN, f64::max)
    }

    #[test]
    fn tones_of_the_lower_band_come_back_clean() {
        for hz in [200.0, 1000.0, 2000.0, 3400.0] {
            let sound = sine(Rate::Wide, hz, -10.0, 16_000);
            let snr = snr_db(&sound, &round_trip(Rate::Wide, &sound));
            assert!(snr > 25.0, "{hz} Hz: {snr:.1} dB");
        }
    }

    #[test]
    fn tones_of_the_upper_band_come_back_recognisable() {
        for hz in [4800.0, 6000.0] {
            let sound = sine(Rate::Wide, hz, -15.0, 16_000);
            let snr = snr_db(&sound, &round_trip(Rate::Wide, &sound));
            assert!(snr > 9.0, "{hz} Hz: {snr:.1} dB");
        }
    }

    #[test]
    fn a_sweep_keeps_its_level_at_every_frequency() {
        let sound: Vec<i16> = (0..32_000)
            .map(|n| {
                let t = f64::from(n) / 16_000.0;
                let phase = std::f64::consts::TAU * (100.0 * t + 800.0 * t * t);
                (8000.0 * phase.sin()) as i16
            })
            .collect();
        let back = round_trip(Rate::Wide, &sound);
        for (a, b) in sound.chunks(1600).zip(back.chunks(1600)).skip(1) {
            let difference = level_dbm0(a) - level_dbm0(b);
            assert!(difference.abs() < 1.0, "{difference:.2} dB");
        }
    }

    #[test]
    fn narrow_sound_crosses_to_a_wide_phone_and_back_at_the_same_level() {
        let sound = sine(Rate::Narrow, 1000.0, -12.0, 8000);
        let (mut codes, mut wide) = (Vec::new(), Vec::new());
        Encoder::new(Rate::Narrow).encode(&sound, &mut codes);
        Decoder::new(Rate::Wide).decode(&codes, &mut wide);
        assert_eq!(wide.len(), 16_000);
        assert!((level_dbm0(&wide[3200..]) + 12.0).abs() < 0.5, "{}", level_dbm0(&wide[3200..]));
        assert!(power_at(Rate::Wide, 1000.0, &wide[3200..]) > 0.95);

        let (mut codes, mut narrow) = (Vec::new(), Vec::new());
        Encoder::new(Rate::Wide).encode(&wide, &mut codes);
        Decoder::new(Rate::Narrow).decode(&codes, &mut narrow);
        assert_eq!(narrow.len(), 8000);
        assert!((level_dbm0(&narrow[1600..]) + 12.0).abs() < 0.5);
        assert!(power_at(Rate::Narrow, 1000.0, &narrow[1600..]) > 0.95);
    }

    #[test]
    fn silence_stays_silent_and_any_bytes_are_survived() {
        let back = round_trip(Rate::Wide, &[0; 3200]);
        assert!(back.iter().all(|s| s.abs() < 16), "{:?}", back.iter().max());
        let noise: Vec<u8> =
            (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut out = Vec::new();
        Decoder::new(Rate::Wide).decode(&noise, &mut out);
        assert_eq!(out.len(), 200_000);
    }

    #[test]
    fn full_scale_square_waves_do_not_overflow() {
        let square: Vec<i16> =
            (0..16_000).map(|n| if n / 8 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        assert_eq!(round_trip(Rate::Wide, &square).len(), 16_000);
    }
}
