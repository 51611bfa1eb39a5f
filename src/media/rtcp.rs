//! RTCP (RFC 3550 §6): sender and receiver reports, the canonical name and goodbye, built and read.
//!
//! Only what a telephone call needs: one source, one reporter. Knows nothing of addresses.

use crate::rtp::ReceptionReport;
use dozvon_clock::Timestamp;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
/// SDES item CNAME.
const CNAME: u8 = 1;
/// Seconds between the NTP epoch (1900) and the Unix epoch.
const NTP_OFFSET_SECS: u64 = 2_208_988_800;
/// Length of one report block.
const BLOCK_BYTES: usize = 24;

/// The moment as a 64-bit NTP timestamp (RFC 3550 §4).
pub fn ntp(now: Timestamp) -> u64 {
    let secs = now.as_secs() + NTP_OFFSET_SECS;
    let fraction = ((now.as_micros() % 1_000_000) << 32) / 1_000_000;
    (secs << 32) | fraction
}

/// The middle 32 bits of an NTP timestamp: 1/65536 s.
pub fn ntp_middle(now: Timestamp) -> u32 {
    (ntp(now) >> 16) as u32
}

/// What a sender report says about our own stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Media time that corresponds to now.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// A report block with the echo of the peer's last sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// What was received.
    pub reception: ReceptionReport,
    /// Middle bits of the peer's last sender report; 0 = none came.
    pub last_report: u32,
    /// Time since it came, in 1/65536 s.
    pub delay: u32,
}

/// One compound packet to send.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    /// Our SSRC.
    pub ssrc: u32,
    /// Present when something was sent: makes it a sender report.
    pub sender: Option<SenderInfo>,
    /// Present when something was received.
    pub block: Option<Block>,
    /// Canonical name, at most 255 bytes count.
    pub cname: &'a str,
    /// Whether this is the last packet of the session.
    pub goodbye: bool,
}

impl Compound<'_> {
    /// Writes the packet into `out`, replacing what was there.
    pub fn write(&self, now: Timestamp, out: &mut Vec<u8>) {
        out.clear();
        let blocks = u8::from(self.block.is_some());
        let kind = if self.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        out.extend([0x80 | blocks, kind, 0, 0]);
        out.extend(self.ssrc.to_be_bytes());
        if let Some(sender) = self.sender {
            out.extend(ntp(now).to_be_bytes());
            for word in [sender.timestamp, sender.packets, sender.octets] {
                out.extend(word.to_be_bytes());
            }
        }
        if let Some(block) = self.block {
            let loss = (u32::from(block.reception.fraction_lost) << 24) | block.reception.lost;
            let r = block.reception;
            for word in [r.ssrc, loss, r.highest, r.jitter_ticks, block.last_report, block.delay] {
                out.extend(word.to_be_bytes());
            }
        }
        close(out, 0);

        let start = out.len();
        let name = &self.cname.as_bytes()[..self.cname.len().min(255)];
        out.extend([0x81, SOURCE_DESCRIPTION, 0, 0]);
        out.extend(self.ssrc.to_be_bytes());
        out.extend([CNAME, name.len() as u8]);
        out.extend(name);
        // At least one zero ends the chunk, then up to the next word.
        let padding = 4 - (out.len() - start) % 4;
        out.resize(out.len() + padding, 0);
        close(out, start);

        if self.goodbye {
            let start = out.len();
            out.extend([0x81, GOODBYE, 0, 0]);
            out.extend(self.ssrc.to_be_bytes());
            close(out, start);
        }
    }
}

/// Writes the length of the packet that began at `start`: words minus one.
fn close(out: &mut [u8], start: usize) {
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// What the peer's compound packet told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Middle NTP bits of a sender report, to be echoed.
    pub sender_report: Option<u32>,
    /// What the peer says about our stream: (its echo of our report, its delay), both 1/65536 s.
    pub echo: Option<(u32, u32)>,
    /// Share of our packets lost on the way, in 1/256.
    pub fraction_lost: Option<u8>,
    /// The peer said goodbye.
    pub goodbye: bool,
}

/// Reads a compound packet, looking for blocks about `ours`; `None` when it is not RTCP (A.2).
pub fn read(datagram: &[u8], ours: u32) -> Option<Heard> {
    let mut heard = Heard::default();
    let mut rest = datagram;
    let mut first = true;
    while let [head, kind, high, low, ..] = *rest {
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let is_report = kind == SENDER_REPORT || kind == RECEIVER_REPORT;
        if head >> 6 != 2 || length > rest.len() || (first && !is_report) {
            return None;
        }
        let (packet, tail) = rest.split_at(length);
        match kind {
            SENDER_REPORT => {
                heard.sender_report =
                    word(packet, 8).zip(word(packet, 12)).map(|(h, l)| (h << 16) | (l >> 16));
                read_blocks(packet.get(28..)?, head & 31, ours, &mut heard);
            }
            RECEIVER_REPORT => read_blocks(packet.get(8..)?, head & 31, ours, &mut heard),
            GOODBYE => heard.goodbye = true,
            _ => {}
        }
        (rest, first) = (tail, false);
    }
    (!first).then_some(heard)
}

fn read_blocks(bytes: &[u8], count: u8, ours: u32, heard: &mut Heard) {
    for block in bytes.chunks_exact(BLOCK_BYTES).take(usize::from(count)) {
        if word(block, 0) == Some(ours) {
            heard.fraction_lost = Some(block[4]);
            heard.echo = word(block, 16).zip(word(block, 20)).filter(|(echo, _)| *echo != 0);
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// Round trip in seconds from an echo (§6.4.1); `None` when it makes no sense.
pub fn round_trip_secs(now: Timestamp, echo: (u32, u32)) -> Option<f64> {
    let units = ntp_middle(now).wrapping_sub(echo.0).wrapping_sub(echo.1);
    // Clocks of half a day ahead mean a lie or a mistake.
    (units < 1 << 31).then(|| f64::from(units) / 65_536.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Random;
    use std::time::Duration;

    fn full() -> Compound<'static> {
        Compound {
            ssrc: 0x1111_1111,
            sender: Some(SenderInfo { timestamp: 1, packets: 2, octets: 3 }),
            block: Some(Block {
                reception: ReceptionReport {
                    ssrc: 0x2222_2222,
                    fraction_lost: 64,
                    lost: 5,
                    highest: 70_000,
                    jitter_ticks: 9,
                },
                last_report: 0x0001_0000,
                delay: 0x8000,
            }),
            cname: "a@b",
            goodbye: true,
        }
    }

    #[test]
    fn the_peer_of_a_report_reads_what_was_written() {
        let now = Timestamp::from_secs(1_000);
        let mut out = Vec::new();
        full().write(now, &mut out);
        assert_eq!(out.len() % 4, 0);
        let heard = read(&out, 0x2222_2222).expect("well formed");
        assert_eq!(heard.sender_report, Some(ntp_middle(now)));
        assert_eq!(heard.echo, Some((0x0001_0000, 0x8000)));
        assert_eq!(heard.fraction_lost, Some(64));
        assert!(heard.goodbye);
        assert_eq!(read(&out, 3).expect("well formed").echo, None);
    }

    #[test]
    fn a_receiver_report_has_no_sender_part() {
        let mut out = Vec::new();
        Compound { sender: None, goodbye: false, ..full() }.write(Timestamp::EPOCH, &mut out);
        assert_eq!(out[1], RECEIVER_REPORT);
        let heard = read(&out, 0x2222_2222).expect("well formed");
        assert_eq!((heard.sender_report, heard.goodbye), (None, false));
    }

    #[test]
    fn names_of_every_length_are_padded_to_words() {
        for length in 0..300 {
            let name = "x".repeat(length);
            let mut out = Vec::new();
            Compound { cname: &name, ..full() }.write(Timestamp::EPOCH, &mut out);
            assert_eq!(out.len() % 4, 0, "{length}");
            assert!(read(&out, 0).is_some_and(|h| h.goodbye), "{length}");
        }
    }

    #[test]
    fn the_round_trip_is_what_is_left_without_the_delay() {
        let sent = Timestamp::from_secs(5_000);
        let back = sent + Duration::from_millis(1_250);
        let trip = round_trip_secs(back, (ntp_middle(sent), 65_536)).expect("sensible");
        assert!((trip - 0.25).abs() < 0.001, "{trip}");
        assert_eq!(round_trip_secs(sent, (ntp_middle(back), 0)), None);
    }

    #[test]
    fn any_bytes_are_survived() {
        let mut random = Random::new(2);
        for _ in 0..100_000 {
            let mut bytes: Vec<u8> = (0..random.next() % 80).map(|_| random.next() as u8).collect();
            if bytes.len() > 4 {
                (bytes[0], bytes[1], bytes[2], bytes[3]) =
                    (0x80 | bytes[0] & 31, 200 + bytes[1] % 4, 0, bytes[3] % 20);
            }
            read(&bytes, 7);
        }
        assert_eq!(read(&[], 0), None);
    }
}
