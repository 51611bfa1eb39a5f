//! What is in a recording: how loud it is, and how much of it is one tone (Goertzel's algorithm).

/// A recording.
pub(crate) struct Recording {
    pub(crate) rate_hz: u32,
    pub(crate) samples: Vec<i16>,
}

/// The stretch over which a tone is sought.
const WINDOW_SECS: f64 = 0.1;
/// Speech and music on the telephone are well above it, line noise is below. RMS of 16-bit samples.
const SOUND: f64 = 100.0;
/// That part of the energy makes a tone of it.
const TONE: f64 = 0.8;

impl Recording {
    /// Reads a WAV file of 16-bit mono samples.
    pub(crate) fn read(path: &std::path::Path) -> Recording {
        let mut wav = hound::WavReader::open(path).unwrap();
        assert_eq!(wav.spec().channels, 1);
        // A file that is still being written has no true length in its head; what can be read is taken.
        let samples = wav.samples::<i16>().map_while(Result::ok).collect();
        Recording { rate_hz: wav.spec().sample_rate, samples }
    }

    fn windows(&self, from_secs: f64, to_secs: f64) -> impl Iterator<Item = &[i16]> {
        let at = |secs: f64| ((secs * f64::from(self.rate_hz)) as usize).min(self.samples.len());
        let window = (WINDOW_SECS * f64::from(self.rate_hz)) as usize;
        self.samples[at(from_secs)..at(to_secs).max(at(from_secs))].chunks_exact(window)
    }

    /// How many seconds between the two are not silent.
    pub(crate) fn sound_secs(&self, from_secs: f64, to_secs: f64) -> f64 {
        self.windows(from_secs, to_secs).filter(|w| rms(w) > SOUND).count() as f64 * WINDOW_SECS
    }

    /// How many seconds between the two are that tone and hardly anything else.
    pub(crate) fn tone_secs(&self, hz: f64, from_secs: f64, to_secs: f64) -> f64 {
        let rate = f64::from(self.rate_hz);
        let is_tone = |w: &&[i16]| rms(w) > SOUND && share(w, hz, rate) > TONE;
        self.windows(from_secs, to_secs).filter(is_tone).count() as f64 * WINDOW_SECS
    }

    /// Its length.
    pub(crate) fn secs(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate_hz)
    }
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|s| f64::from(*s).powi(2)).sum()
}

fn rms(samples: &[i16]) -> f64 {
    (energy(samples) / samples.len() as f64).sqrt()
}

/// The part of the energy that lies at one frequency, 0 to 1.
fn share(samples: &[i16], hz: f64, rate_hz: f64) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * hz / rate_hz).cos();
    let (last, before) = samples
        .iter()
        .fold((0.0, 0.0), |(last, before), s| (f64::from(*s) + turn * last - before, last));
    let power = last * last + before * before - turn * last * before;
    2.0 * power / (samples.len() as f64 * energy(samples))
}

#[test]
fn a_tone_is_told_from_others_and_from_two_at_once() {
    let tone = |hz: f64| {
        move |n: usize| (8_000.0 * (std::f64::consts::TAU * hz * n as f64 / 8_000.0).sin()) as i16
    };
    let of = |make: &dyn Fn(usize) -> i16| Recording {
        rate_hz: 8_000,
        samples: (0..8_000).map(make).collect(),
    };
    let one = of(&tone(1_000.0));
    assert!(one.tone_secs(1_000.0, 0.0, 1.0) > 0.95 && one.tone_secs(600.0, 0.0, 1.0) == 0.0);
    let two = of(&|n| tone(1_000.0)(n) + tone(600.0)(n));
    assert!(two.tone_secs(1_000.0, 0.0, 1.0) == 0.0 && two.sound_secs(0.0, 1.0) > 0.95);
    assert_eq!(of(&|_| 0).sound_secs(0.0, 1.0), 0.0);
}
