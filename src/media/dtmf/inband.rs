//! DTMF in the sound (ITU-T Q.23, Q.24): eight Goertzel filters over 20 ms Hann windows, every 10 ms.
//!
//! A window is a key when two frequencies of the keypad hold nearly all its energy, stand out of their groups and are
//! of like strength; three such windows in a row, with tones that keep to their frequencies, are a press; three others
//! in a row are its end. Speech fails the share of energy, since its harmonics lie elsewhere; music fails the
//! frequencies.

use crate::order::Digit;
use crate::tone::{COLUMNS, FULL_SCALE_DBM0, KEYPAD, ROWS};
use std::f32::consts::PI;
use std::f64::consts::TAU;

const WINDOW: usize = 160;
const HOP: usize = 80;
/// Weakest sound that is looked at, in dBm0.
const LEVEL_MIN_DBM0: f64 = -33.0;
/// Share of the energy that both tones together must hold in the first window of a press; being 1.5 % off frequency
/// costs up to a quarter of it.
const SHARE_FIRST_MIN: f32 = 0.70;
/// The same for the windows after it, once the frequencies are known and their cost is made good. A window that sees
/// three quarters of a tone has 0.86, noise at -15 dB leaves 0.97.
const SHARE_MIN: f32 = 0.80;
/// The strongest of a group must exceed the next by 6 dB.
const PEAK_RATIO: f32 = 4.0;
/// The column may be stronger than the row by 6 dB, weaker by 8 dB (Q.24 twist with a margin).
const TWIST_COLUMN: f32 = 4.0;
const TWIST_ROW: f32 = 6.31;
/// Windows in a row that make a press or an end.
const WINDOWS_NEEDED: u8 = 3;

/// A frequency may be off by this share: Q.24 asks to take 1.5 % and to refuse 3.5 %.
const DRIFT_MAX: f32 = 0.018;

/// What one window holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Window {
    /// A key, with the phases of its row and column at the end of the window.
    Key(Digit, Phases),
    Other,
}

/// Row and column in one window: which they are, their phases in radians and their shares of the energy. How far the
/// phases turn from window to window tells the frequencies to a few hertz, much finer than the filters do.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Phases {
    row: usize,
    column: usize,
    low: f32,
    high: f32,
    low_share: f32,
    high_share: f32,
}

impl Phases {
    /// Whether both tones, one hop later, have turned as far as keypad tones do and hold the energy between them.
    fn steady(&self, later: &Phases) -> bool {
        let (low, high) = (ROWS[self.row] as f32, COLUMNS[self.column] as f32);
        let low_drift = drift_hz(low, later.low - self.low);
        let high_drift = drift_hz(high, later.high - self.high);
        let share = later.low_share / response(low_drift) + later.high_share / response(high_drift);
        low_drift.abs() <= DRIFT_MAX * low
            && high_drift.abs() <= DRIFT_MAX * high
            && share >= SHARE_MIN
    }
}

/// How far off frequency a tone is that turned so much in one hop; up to 50 Hz can be told.
fn drift_hz(hz: f32, turn: f32) -> f32 {
    let expected = 2.0 * PI * hz * HOP as f32 / 8000.0;
    let error = (turn - expected + PI).rem_euclid(2.0 * PI) - PI;
    error * 8000.0 / (2.0 * PI * HOP as f32)
}

/// Power response of the Hann window to a tone so many hertz away, 1 at its centre.
fn response(drift_hz: f32) -> f32 {
    let x = drift_hz.abs() * WINDOW as f32 / 8000.0;
    if x < 0.01 {
        return 1.0;
    }
    let amplitude = (PI * x).sin() / (PI * x) / (1.0 - x * x);
    amplitude * amplitude
}

/// Listens for keys in 8 kHz sound.
#[derive(Clone, Debug)]
pub struct Detector {
    hann: [f32; WINDOW],
    coefficients: [f32; 8],
    /// 2·Σw² / (Σw)²: makes the share of a pure tone 1.
    normal: f32,
    /// Windowed energy of the weakest sound looked at.
    energy_min: f32,
    history: [f32; WINDOW],
    filled: usize,
    /// The key that may be pressed, how many windows said so, and its phases unless sound was lost since.
    candidate: Option<(Digit, u8, Option<Phases>)>,
    pressed: Option<Digit>,
    misses: u8,
}

impl Default for Detector {
    fn default() -> Self {
        let mut hann = [0.0; WINDOW];
        for (n, w) in hann.iter_mut().enumerate() {
            *w = (0.5 - 0.5 * (TAU * (n as f64 + 0.5) / WINDOW as f64).cos()) as f32;
        }
        let sum: f32 = hann.iter().sum();
        let squares: f32 = hann.iter().map(|w| w * w).sum();
        let mut coefficients = [0.0; 8];
        for (c, hz) in coefficients.iter_mut().zip(ROWS.iter().chain(&COLUMNS)) {
            *c = (2.0 * (TAU * hz / 8000.0).cos()) as f32;
        }
        let power = 32_767f64.powi(2) / 2.0 * 10f64.powf((LEVEL_MIN_DBM0 - FULL_SCALE_DBM0) / 10.0);
        Self {
            hann,
            coefficients,
            normal: 2.0 * squares / (sum * sum),
            energy_min: power as f32 * squares,
            history: [0.0; WINDOW],
            filled: 0,
            candidate: None,
            pressed: None,
            misses: 0,
        }
    }
}

impl Detector {
    /// Listens to consecutive sound; tells every press as soon as it is sure of it.
    pub fn hear(&mut self, sound: &[i16], mut pressed: impl FnMut(Digit)) {
        for sample in sound {
            self.history[self.filled] = f32::from(*sample);
            self.filled += 1;
            if self.filled == WINDOW {
                if let Some(digit) = self.judge(self.classify()) {
                    pressed(digit);
                }
                self.history.copy_within(HOP.., 0);
                self.filled = WINDOW - HOP;
            }
        }
    }

    /// Sound was lost here: windows that would cross the gap say nothing, neither key nor pause.
    pub fn lose(&mut self) {
        self.filled = 0;
        if let Some((_, _, phases)) = &mut self.candidate {
            *phases = None;
        }
    }

    fn judge(&mut self, window: Window) -> Option<Digit> {
        match window {
            Window::Key(digit, _) if self.pressed == Some(digit) => {
                (self.misses, self.candidate) = (0, None);
                None
            }
            Window::Key(digit, phases) => {
                let run = match self.candidate {
                    Some((before, run, earlier))
                        if before == digit && earlier.is_none_or(|e| e.steady(&phases)) =>
                    {
                        run + 1
                    }
                    Some(_) | None => 1,
                };
                self.candidate = Some((digit, run, Some(phases)));
                if run < WINDOWS_NEEDED {
                    return None;
                }
                (self.pressed, self.misses, self.candidate) = (Some(digit), 0, None);
                Some(digit)
            }
            Window::Other => {
                self.candidate = None;
                self.misses = self.misses.saturating_add(1);
                if self.misses >= WINDOWS_NEEDED {
                    self.pressed = None;
                }
                None
            }
        }
    }

    fn classify(&self) -> Window {
        let mut windowed = self.history;
        let mut energy = 0.0;
        for (x, w) in windowed.iter_mut().zip(&self.hann) {
            *x *= w;
            energy += *x * *x;
        }
        if energy < self.energy_min {
            return Window::Other;
        }
        let bins = goertzel(&windowed, &self.coefficients);
        let powers: [f32; 8] = std::array::from_fn(|k| {
            let (s1, s2) = bins[k];
            s1 * s1 + s2 * s2 - self.coefficients[k] * s1 * s2
        });
        let share = |power: f32| power * self.normal / energy;
        let (row, row_next) = strongest(&powers[..4]);
        let (column, column_next) = strongest(&powers[4..]);
        let (low, high) = (powers[row], powers[4 + column]);
        let clear =
            low > PEAK_RATIO * powers[row_next] && high > PEAK_RATIO * powers[4 + column_next];
        let balanced = high < TWIST_COLUMN * low && low < TWIST_ROW * high;
        if clear && balanced && share(low) + share(high) >= SHARE_FIRST_MIN {
            let phase = |k: usize| {
                let ((s1, s2), cos) = (bins[k], self.coefficients[k] / 2.0);
                (s2 * (1.0 - cos * cos).max(0.0).sqrt()).atan2(s1 - s2 * cos)
            };
            let phases = Phases {
                row,
                column,
                low: phase(row),
                high: phase(4 + column),
                low_share: share(low),
                high_share: share(high),
            };
            Digit::from_char(KEYPAD[row][column]).map_or(Window::Other, |d| Window::Key(d, phases))
        } else {
            Window::Other
        }
    }
}

/// Eight resonators side by side: the last two states of each.
fn goertzel(sound: &[f32; WINDOW], coefficients: &[f32; 8]) -> [(f32, f32); 8] {
    let (mut s1, mut s2) = ([0f32; 8], [0f32; 8]);
    for x in sound {
        for k in 0..8 {
            let s0 = x + coefficients[k] * s1[k] - s2[k];
            s2[k] = s1[k];
            s1[k] = s0;
        }
    }
    std::array::from_fn(|k| (s1[k], s2[k]))
}

/// Indices of the strongest and the second strongest of four.
fn strongest(powers: &[f32]) -> (usize, usize) {
    let (mut best, mut next) = if powers[0] >= powers[1] { (0, 1) } else { (1, 0) };
    for k in 2..powers.len() {
        if powers[k] > powers[best] {
            (best, next) = (k, best);
        } else if powers[k] > powers[next] {
            next = k;
        }
    }
    (best, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Rate, g711};
    use crate::rtp::Random;
    use crate::tone::{Tone, amplitude, frequencies, noise};

    const KEYS: &str = "1234567890*#ABCD";

    fn keys() -> impl Iterator<Item = Digit> {
        KEYS.chars().filter_map(Digit::from_char)
    }

    fn heard(sound: &[i16]) -> String {
        let mut text = String::new();
        Detector::default().hear(sound, |d| text.push(d.to_char()));
        text
    }

    /// Each key for `on` ms at `dbm0` per tone, then `off` ms of silence, through G.711, beginning at an odd place.
    fn dialled(dbm0: f64, on: usize, off: usize, offset: usize) -> Vec<i16> {
        let mut sound = vec![0; offset];
        for digit in keys() {
            Tone::key(Rate::Narrow, digit, dbm0).fill(on * 8, &mut sound);
            sound.resize(sound.len() + off * 8, 0);
        }
        sound.iter().map(|&s| g711::alaw_decode(g711::alaw_encode(s))).collect()
    }

    /// Two sines of free frequencies and levels.
    fn pair(low: (f64, f64), high: (f64, f64), millis: usize) -> Vec<i16> {
        (0..millis * 8)
            .map(|n| {
                let t = n as f64 / 8000.0;
                let sum = amplitude(low.1) * (TAU * low.0 * t).sin()
                    + amplitude(high.1) * (TAU * high.0 * t).sin();
                sum as i16
            })
            .chain(std::iter::repeat_n(0, 800))
            .collect()
    }

    #[test]
    fn every_key_is_heard_once_at_every_level() {
        for dbm0 in [-3.0, -6.0, -10.0, -18.0, -25.0] {
            for offset in [0, 17, 53, 79] {
                assert_eq!(
                    heard(&dialled(dbm0, 100, 100, offset)),
                    KEYS,
                    "{dbm0} dBm0 at {offset}"
                );
            }
        }
    }

    #[test]
    fn the_shortest_press_and_pause_of_the_standard_are_enough() {
        for offset in 0..80 {
            assert_eq!(heard(&dialled(-10.0, 40, 45, offset)), KEYS, "offset {offset}");
        }
    }

    #[test]
    fn a_long_press_is_one_key_and_a_click_is_none() {
        assert_eq!(heard(&dialled(-10.0, 3000, 100, 0)), KEYS);
        assert_eq!(heard(&dialled(-10.0, 15, 100, 0)), "");
    }

    #[test]
    fn a_hole_of_ten_milliseconds_does_not_make_two_presses_of_one() {
        let mut sound = dialled(-10.0, 100, 100, 0);
        for key in sound.chunks_mut(1600) {
            key[360..440].fill(0);
        }
        assert_eq!(heard(&sound), KEYS);
    }

    #[test]
    fn keys_are_heard_through_noise_fifteen_decibels_below() {
        let mut sound = dialled(-10.0, 100, 100, 0);
        for (s, n) in sound.iter_mut().zip(noise(-22.0, 30_000, 3)) {
            *s = s.saturating_add(n);
        }
        assert_eq!(heard(&sound), KEYS);
    }

    #[test]
    fn frequencies_a_little_off_are_taken_and_far_off_are_not() {
        for digit in keys() {
            let (row, column) = frequencies(digit);
            for drift in [0.985, 1.015] {
                let sound = pair((row * drift, -10.0), (column * drift, -10.0), 100);
                assert_eq!(heard(&sound), digit.to_char().to_string(), "{digit:?} × {drift}");
            }
            for drift in [0.965, 0.975, 1.025, 1.035] {
                let sound = pair((row * drift, -10.0), (column * drift, -10.0), 100);
                assert_eq!(heard(&sound), "", "{digit:?} × {drift}");
            }
        }
    }

    #[test]
    fn twist_is_taken_within_bounds_and_refused_beyond() {
        let (row, column) = frequencies(Digit::Num(5));
        for (low, high, expected) in
            [(-14.0, -10.0, "5"), (-10.0, -16.0, "5"), (-20.0, -8.0, ""), (-8.0, -20.0, "")]
        {
            assert_eq!(heard(&pair((row, low), (column, high), 100)), expected, "{low}/{high}");
        }
    }

    #[test]
    fn at_ten_percent_packet_loss_keys_are_heard_and_never_doubled() {
        let (mut pressed, mut right) = (0, 0);
        for seed in 0..40 {
            let mut random = Random::new(seed);
            for digit in keys() {
                let offset = (random.next() % 160) as usize;
                let mut sound = vec![0; 160 + offset];
                Tone::key(Rate::Narrow, digit, -12.0).fill(800, &mut sound);
                sound.resize(2400, 0);
                let (mut detector, mut text) = (Detector::default(), String::new());
                for frame in sound.chunks(160) {
                    if random.next().is_multiple_of(10) {
                        detector.lose();
                    } else {
                        detector.hear(frame, |d| text.push(d.to_char()));
                    }
                }
                assert!(text.len() <= 1, "{digit:?} doubled: {text}");
                pressed += 1;
                right += usize::from(text.starts_with(digit.to_char()));
            }
        }
        assert!(right * 100 >= pressed * 99, "{right} of {pressed}");
    }

    /// Vowels: a pulse train at a wandering pitch through three formant resonators, with pauses between syllables.
    fn speech(seed: u64, seconds: usize) -> Vec<i16> {
        let mut random = Random::new(seed);
        let mut unit = move || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let mut out = Vec::new();
        while out.len() < seconds * 8000 {
            let formants =
                [300.0 + 500.0 * unit(), 900.0 + 1200.0 * unit(), 2300.0 + 600.0 * unit()];
            let (pitch, glide) = (80.0 + 180.0 * unit(), 0.9 + 0.2 * unit());
            let length = (800.0 + 2400.0 * unit()) as usize;
            let mut memory = [[0.0f64; 2]; 3];
            let mut phase = 0.0;
            for n in 0..length {
                let along = n as f64 / length as f64;
                phase += pitch * (1.0 + (glide - 1.0) * along) / 8000.0;
                let pulse = if phase >= 1.0 { 1.0 } else { 0.02 * (unit() - 0.5) };
                phase = phase.fract();
                let mut sum = 0.0;
                for (k, hz) in formants.iter().enumerate() {
                    let radius: f64 = [0.97, 0.96, 0.95][k];
                    let [a, b] = memory[k];
                    let y =
                        pulse + 2.0 * radius * (TAU * hz / 8000.0).cos() * a - radius * radius * b;
                    memory[k] = [y, a];
                    sum += y / [1.0, 1.6, 3.0][k];
                }
                let envelope = (along * std::f64::consts::PI).sin();
                out.push((sum * envelope * 6000.0).clamp(-30_000.0, 30_000.0) as i16);
            }
            out.resize(out.len() + (400.0 * unit()) as usize, 0);
        }
        out
    }

    /// Chords of plucked strings with harmonics, in equal temperament. Bare pairs are left out: F5 with F♯6 is a 3.
    fn music(seed: u64, seconds: usize) -> Vec<i16> {
        let mut random = Random::new(seed);
        let mut out = Vec::new();
        while out.len() < seconds * 8000 {
            let notes: Vec<f64> = (0..3 + random.next() % 3)
                .map(|_| 110.0 * 2f64.powf((random.next() % 48) as f64 / 12.0))
                .collect();
            for n in 0..2400 {
                let t = f64::from(n) / 8000.0;
                let sum: f64 = notes
                    .iter()
                    .flat_map(|hz| (1..6).map(move |h| (hz * f64::from(h), f64::from(h))))
                    .filter(|(hz, _)| *hz < 3800.0)
                    .map(|(hz, h)| (TAU * hz * t).sin() / h * (-t * 3.0 * h).exp())
                    .sum();
                out.push((sum * 4000.0).clamp(-32_000.0, 32_000.0) as i16);
            }
        }
        out
    }

    #[test]
    fn speech_music_noise_and_single_tones_are_no_keys() {
        let (mut in_speech, mut in_music) = (String::new(), String::new());
        for seed in 0..6 {
            in_speech += &heard(&speech(seed, 60));
            in_music += &heard(&music(seed, 60));
        }
        assert!(in_speech.len() <= 1, "more than one in six minutes: {in_speech}");
        assert!(in_music.len() <= 1, "more than one in six minutes: {in_music}");
        assert_eq!(heard(&noise(-12.0, 8000 * 60, 9)), "");
        for hz in [425.0, 697.0, 941.0, 1209.0, 1336.0, 1633.0, 2100.0] {
            assert_eq!(heard(&crate::tone::sine(Rate::Narrow, hz, -10.0, 16_000)), "", "{hz} Hz");
        }
        let american_dial_tone = pair((350.0, -13.0), (440.0, -13.0), 2000);
        assert_eq!(heard(&american_dial_tone), "");
    }
}
