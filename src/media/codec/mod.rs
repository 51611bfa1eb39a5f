//! The audio codecs behind one face: 20 ms of linear sound in, payload bytes out, and back.
//!
//! Knows nothing of packets or sessions. Payload formats: RFC 3551 §4.5 and RFC 7587.

pub mod g711;
pub mod g722;
pub mod opus;

use crate::order::Codec;

/// Sampling rate of linear sound inside the media plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// 8000 Hz, the telephone band.
    Narrow,
    /// 16000 Hz, wide band.
    Wide,
}

impl Rate {
    /// Samples in a second.
    pub const fn hz(self) -> u32 {
        match self {
            Rate::Narrow => 8000,
            Rate::Wide => 16_000,
        }
    }

    /// Samples in so many milliseconds.
    pub const fn samples(self, millis: usize) -> usize {
        self.hz() as usize / 1000 * millis
    }
}

impl Codec {
    /// All codecs, in the order of [`Codec::index`].
    pub const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// A small number for tables.
    pub const fn index(self) -> usize {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 1,
            Codec::G722 => 2,
            Codec::Opus => 3,
        }
    }

    /// RTP clock rate in hertz; that of G.722 is half its sampling rate (RFC 3551 §4.5.2).
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8000,
            Codec::Opus => 48_000,
        }
    }

    /// RTP clock ticks in one 20 ms frame.
    pub const fn frame_ticks(self) -> u32 {
        self.clock_hz() / 50
    }

    /// Bytes of a 20 ms frame, where that is fixed.
    pub const fn frame_bytes(self) -> Option<usize> {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => Some(160),
            Codec::Opus => None,
        }
    }

    /// Whether the codec carries more than the telephone band.
    pub const fn is_wide(self) -> bool {
        match self {
            Codec::Pcmu | Codec::Pcma => false,
            Codec::G722 | Codec::Opus => true,
        }
    }
}

/// The rate at which sound is best handed from one codec to another: wide only when neither end would waste it.
pub const fn bridge_rate(from: Codec, to: Codec) -> Rate {
    if from.is_wide() && to.is_wide() { Rate::Wide } else { Rate::Narrow }
}

/// Turns 20 ms frames of sound into payloads of one codec.
#[derive(Debug)]
pub enum Encoder {
    /// G.711 µ-law: no state.
    Pcmu,
    /// G.711 A-law: no state.
    Pcma,
    /// G.722.
    G722(Box<g722::Encoder>),
    /// Opus.
    Opus(opus::Encoder),
}

impl Encoder {
    /// An encoder for sound of `rate`; G.711 takes [`Rate::Narrow`] only. `complexity` (0 to 10) counts for Opus.
    pub fn new(codec: Codec, rate: Rate, complexity: i32) -> Self {
        assert!(rate == Rate::Narrow || codec.is_wide(), "G.711 takes no wide-band sound");
        match codec {
            Codec::Pcmu => Encoder::Pcmu,
            Codec::Pcma => Encoder::Pcma,
            Codec::G722 => Encoder::G722(Box::new(g722::Encoder::new(rate))),
            Codec::Opus => Encoder::Opus(opus::Encoder::new(rate, complexity)),
        }
    }

    /// Appends the payload of one 20 ms frame.
    pub fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        match self {
            Encoder::Pcmu => out.extend(frame.iter().map(|&s| g711::ulaw_encode(s))),
            Encoder::Pcma => out.extend(frame.iter().map(|&s| g711::alaw_encode(s))),
            Encoder::G722(encoder) => encoder.encode(frame, out),
            Encoder::Opus(encoder) => {
                encoder.encode(frame, out);
            }
        }
    }
}

/// Turns payloads of one codec into sound.
#[derive(Debug)]
pub enum Decoder {
    /// G.711 µ-law: no state.
    Pcmu,
    /// G.711 A-law: no state.
    Pcma,
    /// G.722.
    G722(Box<g722::Decoder>),
    /// Opus.
    Opus(opus::Decoder),
}

impl Decoder {
    /// A decoder that gives sound of `rate`; G.711 gives [`Rate::Narrow`] only.
    pub fn new(codec: Codec, rate: Rate) -> Self {
        assert!(rate == Rate::Narrow || codec.is_wide(), "G.711 gives no wide-band sound");
        match codec {
            Codec::Pcmu => Decoder::Pcmu,
            Codec::Pcma => Decoder::Pcma,
            Codec::G722 => Decoder::G722(Box::new(g722::Decoder::new(rate))),
            Codec::Opus => Decoder::Opus(opus::Decoder::new(rate)),
        }
    }

    /// Appends the sound of a payload; `false` when it can't be decoded, and nothing was appended.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        match self {
            Decoder::Pcmu => out.extend(payload.iter().map(|&c| g711::ulaw_decode(c))),
            Decoder::Pcma => out.extend(payload.iter().map(|&c| g711::alaw_decode(c))),
            Decoder::G722(decoder) => decoder.decode(payload, out),
            Decoder::Opus(decoder) => return decoder.decode(payload, out),
        }
        true
    }

    /// Appends `samples` of sound in place of a lost packet when the codec itself can do that; `next` is the packet
    /// after it, when it has come already.
    pub fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) -> bool {
        match self {
            Decoder::Pcmu | Decoder::Pcma | Decoder::G722(_) => false,
            Decoder::Opus(decoder) => decoder.conceal(samples, next, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{power_at, sine};

    #[test]
    fn every_codec_carries_a_tone_in_frames() {
        for codec in Codec::ALL {
            let (mut encoder, mut decoder) =
                (Encoder::new(codec, Rate::Narrow, 5), Decoder::new(codec, Rate::Narrow));
            let mut back = Vec::new();
            for frame in sine(Rate::Narrow, 1000.0, -12.0, 8000).chunks(160) {
                let mut payload = Vec::new();
                encoder.encode(frame, &mut payload);
                assert!(codec.frame_bytes().is_none_or(|bytes| bytes == payload.len()));
                assert!(decoder.decode(&payload, &mut back));
            }
            assert_eq!(back.len(), 8000);
            assert!(power_at(Rate::Narrow, 1000.0, &back[1600..]) > 0.95, "{codec:?}");
        }
    }

    #[test]
    fn sound_is_handed_over_wide_only_between_wide_codecs() {
        assert_eq!(bridge_rate(Codec::G722, Codec::Opus), Rate::Wide);
        assert_eq!(bridge_rate(Codec::Pcma, Codec::Opus), Rate::Narrow);
        assert_eq!(bridge_rate(Codec::G722, Codec::Pcmu), Rate::Narrow);
    }
}
