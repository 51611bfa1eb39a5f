//! Codecs and sound sources of this phone; codecs come from public crates, not from `dozvon_media`.

use super::PhoneError;
use ezk_g722::libg722::{
    Bitrate, decoder::Decoder as G722Decoder, encoder::Encoder as G722Encoder,
};
use std::path::Path;

/// The codecs this phone speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus, narrow band.
    Opus,
}

impl Codec {
    /// The payload type we offer it under.
    pub(super) const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 111,
        }
    }

    /// Whether its payload type is fixed by RFC 3551.
    pub(super) const fn is_static(self) -> bool {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => true,
            Codec::Opus => false,
        }
    }

    /// Its `rtpmap` name.
    pub(super) const fn rtpmap(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU/8000",
            Codec::Pcma => "PCMA/8000",
            Codec::G722 => "G722/8000",
            Codec::Opus => "opus/48000/2",
        }
    }

    /// The rate of its RTP clock, hertz.
    pub(super) const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8000,
            Codec::Opus => 48000,
        }
    }

    /// The sampling rate of the sound we give it and take from it, hertz.
    pub(super) const fn rate_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::Opus => 8000,
            Codec::G722 => 16000,
        }
    }
}

/// Encoder and decoder of one codec.
pub(super) enum Coder {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722(Box<(G722Encoder, G722Decoder)>),
    /// Opus.
    Opus(Box<(opus::Encoder, opus::Decoder)>),
}

impl Coder {
    /// The coder of a codec.
    pub(super) fn new(codec: Codec) -> Coder {
        match codec {
            Codec::Pcmu => Coder::Pcmu,
            Codec::Pcma => Coder::Pcma,
            Codec::G722 => {
                let encoder = G722Encoder::new(Bitrate::Mode1_64000, false, false);
                let decoder = G722Decoder::new(Bitrate::Mode1_64000, false, false);
                Coder::G722(Box::new((encoder, decoder)))
            }
            Codec::Opus => {
                let encoder =
                    opus::Encoder::new(8000, opus::Channels::Mono, opus::Application::Voip);
                let decoder = opus::Decoder::new(8000, opus::Channels::Mono);
                let pair =
                    (encoder.expect("8 kHz mono is valid"), decoder.expect("8 kHz mono is valid"));
                Coder::Opus(Box::new(pair))
            }
        }
    }

    /// One 20 ms frame into a payload.
    pub(super) fn encode(&mut self, samples: &[i16]) -> Vec<u8> {
        match self {
            Coder::Pcmu => {
                samples.iter().map(|s| audio_codec_algorithms::encode_ulaw(*s)).collect()
            }
            Coder::Pcma => {
                samples.iter().map(|s| audio_codec_algorithms::encode_alaw(*s)).collect()
            }
            Coder::G722(pair) => pair.0.encode(samples),
            Coder::Opus(pair) => pair.0.encode_vec(samples, 400).unwrap_or_default(),
        }
    }

    /// A payload into samples; empty when it can't be read.
    pub(super) fn decode(&mut self, payload: &[u8]) -> Vec<i16> {
        match self {
            Coder::Pcmu => {
                payload.iter().map(|b| audio_codec_algorithms::decode_ulaw(*b)).collect()
            }
            Coder::Pcma => {
                payload.iter().map(|b| audio_codec_algorithms::decode_alaw(*b)).collect()
            }
            Coder::G722(pair) => pair.1.decode(payload),
            Coder::Opus(pair) => {
                let mut samples = vec![0_i16; 960];
                let count = pair.1.decode(payload, &mut samples, false).unwrap_or(0);
                samples.truncate(count);
                samples
            }
        }
    }
}

/// What this phone says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Digital silence.
    Silence,
    /// A steady tone of so many hertz.
    Tone(f64),
    /// Samples, once through; then silence.
    Samples {
        /// Sampling rate.
        rate_hz: u32,
        /// The samples.
        samples: std::sync::Arc<[i16]>,
        /// Whether to begin again at the end.
        again: bool,
    },
}

impl Source {
    /// The sound of a WAV file: 16-bit, the first channel.
    pub(crate) fn wav(path: &Path) -> Result<Source, PhoneError> {
        let bytes = std::fs::read(path)
            .map_err(|e| PhoneError::File { path: path.to_owned(), why: e.to_string() })?;
        Source::wav_bytes(&bytes, false)
            .map_err(|e| PhoneError::File { path: path.to_owned(), why: e })
    }

    /// The sound of a WAV file in memory.
    pub(crate) fn wav_bytes(bytes: &[u8], again: bool) -> Result<Source, String> {
        let mut reader = hound::WavReader::new(bytes).map_err(|e| e.to_string())?;
        let spec = reader.spec();
        if spec.bits_per_sample != 16 || spec.sample_format != hound::SampleFormat::Int {
            return Err("write it as 16-bit PCM".into());
        }
        let all: Result<Vec<i16>, _> = reader.samples::<i16>().collect();
        let all = all.map_err(|e| e.to_string())?;
        let samples: Vec<i16> =
            all.into_iter().step_by(usize::from(spec.channels.max(1))).collect();
        Ok(Source::Samples { rate_hz: spec.sample_rate, samples: samples.into(), again })
    }
}

/// Plays a [`Source`] frame by frame.
#[derive(Debug)]
pub(super) struct Player {
    source: Source,
    rate_hz: u32,
    at: u64,
}

impl Player {
    /// A player that gives frames of that rate.
    pub(super) fn new(source: Source, rate_hz: u32) -> Player {
        Player { source, rate_hz, at: 0 }
    }

    /// The next 20 ms.
    pub(super) fn frame(&mut self) -> Vec<i16> {
        let count = u64::from(self.rate_hz / 50);
        let from = self.at;
        self.at += count;
        (from..from + count).map(|index| self.sample(index)).collect()
    }

    fn sample(&self, index: u64) -> i16 {
        let secs = index as f64 / f64::from(self.rate_hz);
        match &self.source {
            Source::Silence => 0,
            Source::Tone(hz) => (8000.0 * (secs * hz * std::f64::consts::TAU).sin()) as i16,
            Source::Samples { rate_hz, samples, again } => {
                let place = secs * f64::from(*rate_hz);
                let (whole, part) = (place as usize, place.fract());
                let get = |at: usize| {
                    let at = if *again && !samples.is_empty() { at % samples.len() } else { at };
                    samples.get(at).map_or(0.0, |s| f64::from(*s))
                };
                (get(whole) * (1.0 - part) + get(whole + 1) * part) as i16
            }
        }
    }
}

/// A tone of so many hertz and seconds.
#[cfg(test)]
pub(super) fn tone(hz: f64, secs: f64, rate_hz: u32) -> Vec<i16> {
    let mut player = Player::new(Source::Tone(hz), rate_hz);
    let frames = (secs * 50.0) as usize;
    (0..frames).flat_map(|_| player.frame()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::ear::{Ear, Kind};
    use super::*;

    #[test]
    fn every_codec_carries_a_tone_there_and_back() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            let mut coder = Coder::new(codec);
            let mut player = Player::new(Source::Tone(1000.0), codec.rate_hz());
            let mut ear = Ear::new(codec.rate_hz());
            for _ in 0..50 {
                let payload = coder.encode(&player.frame());
                let samples = coder.decode(&payload);
                assert_eq!(samples.len(), codec.rate_hz() as usize / 50, "{codec:?}");
                ear.hear(&samples);
            }
            let heard = ear.stretches();
            let tone: f64 = heard
                .iter()
                .filter(|s| matches!(s.kind, Kind::Tone { hz } if hz.abs_diff(1000) <= 15))
                .map(|s| s.secs)
                .sum();
            assert!(tone > 0.8, "{codec:?}: {heard:?}");
        }
    }
}
