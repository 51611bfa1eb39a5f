//! WAV files of any common kind in, the kind that prompts have out.

use super::RATE;
use dozvon_media::mastering::{Judgement, finish, judge};
use dozvon_media::resample::resample;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use std::io::Cursor;
use std::path::Path;

/// The longest recording that is taken in, in bytes; a longer one is refused.
pub(super) const WAV_BYTES_MAX: u64 = 64 << 20;

/// Sampling rates that are taken in, in hertz.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// One recording, mono.
pub(super) struct Sound {
    pub(super) samples: Vec<i16>,
    pub(super) rate: u32,
}

impl Sound {
    pub(super) fn judge(&self) -> Judgement {
        judge(&self.samples, self.rate)
    }

    pub(super) fn secs(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// A file of [`RATE`], trimmed, of this loudness.
    pub(super) fn finished(&self, lufs: f64) -> Result<Vec<u8>, String> {
        let sound = finish(&resample(&self.samples, self.rate, RATE), RATE, lufs);
        if sound.iter().all(|sample| *sample == 0) {
            return Err("there is nothing to be heard in it".to_owned());
        }
        let mut bytes = Cursor::new(Vec::new());
        let spec = WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let written = WavWriter::new(&mut bytes, spec).and_then(|mut writer| {
            sound.iter().try_for_each(|sample| writer.write_sample(*sample))?;
            writer.finalize()
        });
        written.map_err(|error| error.to_string())?;
        Ok(bytes.into_inner())
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Sound, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > WAV_BYTES_MAX {
        return Err(format!("{size} bytes are too many, at most {WAV_BYTES_MAX}"));
    }
    parse(&std::fs::read(path).map_err(|error| error.to_string())?)
}

/// Reads the bytes of a file: whole numbers of 8 to 32 bits or floating point, any number of channels, mixed down.
pub(super) fn parse(wav: &[u8]) -> Result<Sound, String> {
    let reader =
        WavReader::new(Cursor::new(wav)).map_err(|error| format!("no WAV file: {error}"))?;
    let spec = reader.spec();
    if !RATES.contains(&spec.sample_rate) {
        return Err(format!("{} Hz: 8000 or more are taken", spec.sample_rate));
    }
    let broken = |error: hound::Error| format!("it is damaged: {error}");
    let samples: Vec<f64> = match spec.sample_format {
        SampleFormat::Float => {
            let samples = reader.into_samples::<f32>();
            samples.map(|s| s.map(f64::from)).collect::<Result<_, _>>().map_err(broken)?
        }
        SampleFormat::Int => {
            let full = f64::from(1u32 << spec.bits_per_sample.saturating_sub(1).min(31));
            let samples = reader.into_samples::<i32>();
            let scaled = samples.map(|s| s.map(|s| f64::from(s) / full));
            scaled.collect::<Result<_, _>>().map_err(broken)?
        }
    };
    let channels = usize::from(spec.channels.max(1));
    let mixed = samples.chunks_exact(channels).map(|frame| {
        let mean = frame.iter().sum::<f64>() / channels as f64;
        (mean * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
    });
    Ok(Sound { samples: mixed.collect(), rate: spec.sample_rate })
}
