//! Opus (RFC 6716, RFC 7587) through libopus: mono, 20 ms frames, natively at 8 or 16 kHz, so that no resampler stands
//! between it and a telephone codec.

use crate::codec::Rate;
use crate::limits::OPUS_FRAME_BYTES_MAX;

/// Average bit rate in bits per second: telephone band and wide band.
const BITRATES: (i32, i32) = (16_000, 24_000);
/// Loss in percent the encoder prepares for with in-band FEC.
const EXPECTED_LOSS_PERCENT: i32 = 5;

/// The sending half of the codec.
#[derive(Debug)]
pub struct Encoder(::opus::Encoder);

impl Encoder {
    /// An encoder for sound of the given rate; `complexity` (0 to 10) trades CPU for quality.
    pub fn new(rate: Rate, complexity: i32) -> Self {
        Self(
            Self::try_new(rate, complexity).expect("libopus knows 8 and 16 kHz and these settings"),
        )
    }

    fn try_new(rate: Rate, complexity: i32) -> Result<::opus::Encoder, ::opus::Error> {
        let bitrate = match rate {
            Rate::Narrow => BITRATES.0,
            Rate::Wide => BITRATES.1,
        };
        let mut encoder =
            ::opus::Encoder::new(rate.hz(), ::opus::Channels::Mono, ::opus::Application::Voip)?;
        encoder.set_bitrate(::opus::Bitrate::Bits(bitrate))?;
        encoder.set_complexity(complexity)?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(EXPECTED_LOSS_PERCENT)?;
        Ok(encoder)
    }

    /// Appends the packet of one 20 ms frame; returns its length. A frame of any other length gives nothing.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.resize(start + OPUS_FRAME_BYTES_MAX, 0);
        let length = self.0.encode(samples, &mut out[start..]).unwrap_or(0);
        out.truncate(start + length);
        length
    }
}

/// The receiving half of the codec; it also conceals lost frames.
#[derive(Debug)]
pub struct Decoder {
    inner: ::opus::Decoder,
    rate: Rate,
}

impl Decoder {
    /// A decoder that gives sound of the given rate, whatever the sender's bandwidth and channels.
    pub fn new(rate: Rate) -> Self {
        let inner = ::opus::Decoder::new(rate.hz(), ::opus::Channels::Mono)
            .expect("libopus knows 8 and 16 kHz");
        Self { inner, rate }
    }

    /// Appends the samples of a packet; `false` when it is not Opus, and nothing was appended.
    pub fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) -> bool {
        // An empty packet would mean "lost" to libopus.
        !packet.is_empty() && self.run(packet, self.rate.samples(120), false, out)
    }

    /// Appends `samples` of sound in place of a lost packet, a multiple of 2.5 ms up to 120 ms: from the redundancy in
    /// the packet after it when that is there already, else guessed.
    pub fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) -> bool {
        let next = next.unwrap_or(&[]);
        self.run(next, samples, !next.is_empty(), out)
    }

    fn run(&mut self, packet: &[u8], room: usize, fec: bool, out: &mut Vec<i16>) -> bool {
        let start = out.len();
        out.resize(start + room, 0);
        let length = self.inner.decode(packet, &mut out[start..], fec);
        out.truncate(start + length.as_ref().copied().unwrap_or(0));
        length.is_ok()
    }
}

/// Length of a packet in ticks of the 48 kHz RTP clock, from its first bytes (RFC 6716 §3.1); `None` for rubbish.
pub fn ticks(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match (toc >> 3, (toc >> 3) & 3) {
        // SILK: 10, 20, 40 or 60 ms.
        (0..=11, size) => [480, 960, 1920, 2880][usize::from(size)],
        // Hybrid: 10 or 20 ms.
        (12..=15, size) => [480, 960][usize::from(size & 1)],
        // CELT: 2.5, 5, 10 or 20 ms.
        (_, size) => 120 << size,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    // A packet lasts 120 ms at most.
    Some(frame * frames).filter(|ticks| (1..=5760).contains(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{level_dbm0, power_at, sine};

    #[test]
    fn a_tone_comes_back_at_both_rates_and_across_them() {
        for (from, to) in [
            (Rate::Narrow, Rate::Narrow),
            (Rate::Wide, Rate::Wide),
            (Rate::Narrow, Rate::Wide),
            (Rate::Wide, Rate::Narrow),
        ] {
            let (mut encoder, mut decoder) = (Encoder::new(from, 5), Decoder::new(to));
            let sound = sine(from, 1000.0, -12.0, from.samples(1000));
            let mut back = Vec::new();
            for frame in sound.chunks(from.samples(20)) {
                let mut packet = Vec::new();
                assert!(encoder.encode(frame, &mut packet) > 0);
                assert!(decoder.decode(&packet, &mut back));
            }
            let tail = &back[to.samples(200)..];
            assert!(power_at(to, 1000.0, tail) > 0.9, "{from:?} to {to:?}");
            assert!((level_dbm0(tail) + 12.0).abs() < 1.5, "{}", level_dbm0(tail));
        }
    }

    #[test]
    fn the_length_of_a_packet_is_read_as_libopus_reads_it() {
        for toc in 0..=255u8 {
            for count in 0..64u8 {
                let packet = [toc, count, 0, 0];
                let theirs = ::opus::packet::get_nb_samples(&packet, 48_000).ok();
                assert_eq!(
                    ticks(&packet),
                    theirs.filter(|t| *t > 0).map(|t| t as u32),
                    "{packet:?}"
                );
            }
        }
    }

    #[test]
    fn lost_packets_are_concealed_and_rubbish_is_refused() {
        let mut decoder = Decoder::new(Rate::Narrow);
        let mut out = Vec::new();
        assert!(decoder.conceal(160, None, &mut out));
        assert_eq!(out.len(), 160);
        out.clear();
        assert!(!decoder.decode(&[], &mut out));
        assert!(!decoder.decode(&[0xff, 0xff, 0xff], &mut out));
        assert!(out.is_empty());
    }
}
