//! RTP packets and streams (RFC 3550 §5.1, A.1, A.3, A.8): headers, serial arithmetic, what came and what is sent.
//!
//! Knows nothing of addresses or codecs; the header itself is read and written by `rtp-rs`.

use dozvon_clock::Timestamp;
use rtp_rs::{RtpPacketBuilder, RtpReader};

/// Length of the RTP header we write.
pub const HEADER_BYTES: usize = 12;

/// A gap of sequence numbers up to this is loss; beyond it the sender has restarted (A.1 MAX_DROPOUT).
const DROPOUT_MAX: u16 = 3000;
/// How far back a packet may come late (A.1 MAX_MISORDER); the width of our duplicate window.
const MISORDER_MAX: u16 = 64;

/// Random numbers that repeat for the same seed (SplitMix64): SSRCs and first sequence numbers, not secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The upper half of the next number.
    pub fn next_u32(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }
}

/// How far sequence number `a` is ahead of `b`, modulo 2^16.
#[inline]
pub fn sequence_ahead(a: u16, b: u16) -> i16 {
    a.wrapping_sub(b).cast_signed()
}

/// How far RTP timestamp `a` is ahead of `b`, modulo 2^32.
#[inline]
pub fn timestamp_ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

/// The parts of a received RTP packet that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Start of a talkspurt or of an event.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Media time.
    pub timestamp: u32,
    /// Source of the stream.
    pub ssrc: u32,
    /// Without header, extensions and padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram; `None` when it is not RTP version 2 or lies about its lengths.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let reader = RtpReader::new(datagram).ok()?;
        Some(Self {
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: reader.payload(),
        })
    }

    /// Writes header and payload into `out`, replacing what was there; reuses its memory.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.resize(HEADER_BYTES + self.payload.len(), 0);
        let built = RtpPacketBuilder::new()
            .payload_type(self.payload_type & 0x7f)
            .marked(self.marker)
            .sequence(self.sequence.into())
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(self.payload)
            .build_into(out);
        assert!(built.is_ok(), "a 7-bit payload type and enough room always make a packet");
    }
}

/// Whether a datagram on an RTP port is RTCP that was multiplexed there (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// What the sequence number of a packet says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// First of its stream, or the sender has restarted its numbers: nothing before it counts any more.
    Start,
    /// Newer than all before.
    Next,
    /// Late but not seen before.
    Late,
    /// Seen before, or older than the window: to be dropped.
    Duplicate,
    /// Far off; dropped unless the next packet confirms the restart.
    Jump,
}

/// Receive side of the current SSRC, and the totals of those before it.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    ssrc: Option<u32>,
    rival: Option<(u32, u8)>,
    first: u32,
    highest: u32,
    window: u64,
    restart_at: Option<u16>,
    count: u64,
    transit: Option<i64>,
    jitter_ticks: f64,
    clock_hz: u32,
    expected_prior: u64,
    count_prior: u64,
    past_count: u64,
    past_lost: u64,
}

/// How many consecutive packets another SSRC from the right address must send before it is followed.
const RIVAL_PACKETS: u8 = 2;

impl Reception {
    /// Counts a packet of the accepted source. `None` = another SSRC that is not believed yet: drop it. The clock is
    /// that of timed packets; events, which all bear the time of their beginning, have none and count for no jitter.
    pub fn arrive(
        &mut self,
        now: Timestamp,
        packet: &Packet<'_>,
        clock_hz: Option<u32>,
    ) -> Option<Arrival> {
        match self.ssrc {
            Some(ssrc) if ssrc == packet.ssrc => {
                self.rival = None;
                let arrival = self.place(packet.sequence);
                match arrival {
                    Arrival::Duplicate | Arrival::Jump => {}
                    Arrival::Start => self.restart(packet),
                    Arrival::Next | Arrival::Late => self.count += 1,
                }
                if arrival == Arrival::Next || arrival == Arrival::Start {
                    self.measure_jitter(now, packet.timestamp, clock_hz);
                }
                Some(arrival)
            }
            Some(_) => {
                let run = match self.rival {
                    Some((ssrc, run)) if ssrc == packet.ssrc => run + 1,
                    Some(_) | None => 1,
                };
                self.rival = Some((packet.ssrc, run));
                (run >= RIVAL_PACKETS).then(|| self.follow(now, packet, clock_hz))
            }
            None => Some(self.follow(now, packet, clock_hz)),
        }
    }

    fn follow(&mut self, now: Timestamp, packet: &Packet<'_>, clock_hz: Option<u32>) -> Arrival {
        self.ssrc = Some(packet.ssrc);
        self.rival = None;
        self.restart(packet);
        self.measure_jitter(now, packet.timestamp, clock_hz);
        Arrival::Start
    }

    fn restart(&mut self, packet: &Packet<'_>) {
        self.past_lost += self.expected().saturating_sub(self.count);
        self.past_count += self.count;
        (self.expected_prior, self.count_prior) = (0, 0);
        self.first = u32::from(packet.sequence);
        self.highest = self.first;
        self.window = 1;
        self.restart_at = None;
        self.count = 1;
        self.transit = None;
    }

    /// A.1 `update_seq`, with a window of the last 64 numbers to tell late packets from duplicates.
    fn place(&mut self, sequence: u16) -> Arrival {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead == 0 {
            Arrival::Duplicate
        } else if ahead < DROPOUT_MAX {
            self.highest += u32::from(ahead);
            self.window = self.window.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.restart_at = None;
            Arrival::Next
        } else if ahead.wrapping_neg() < MISORDER_MAX {
            let bit = 1u64 << ahead.wrapping_neg();
            let seen = self.window & bit != 0;
            self.window |= bit;
            if seen || u32::from(ahead.wrapping_neg()) > self.highest - self.first {
                Arrival::Duplicate
            } else {
                Arrival::Late
            }
        } else if self.restart_at == Some(sequence) {
            Arrival::Start
        } else {
            self.restart_at = Some(sequence.wrapping_add(1));
            Arrival::Jump
        }
    }

    /// A.8: the smoothed difference of transit times, in units of the RTP clock.
    fn measure_jitter(&mut self, now: Timestamp, timestamp: u32, clock_hz: Option<u32>) {
        let Some(clock_hz) = clock_hz else { return };
        if self.clock_hz != clock_hz {
            // Jitter of one clock means nothing in another.
            (self.clock_hz, self.transit, self.jitter_ticks) = (clock_hz, None, 0.0);
        }
        let arrival = (u128::from(now.as_micros()) * u128::from(clock_hz) / 1_000_000) as u32;
        let transit = i64::from(arrival.wrapping_sub(timestamp).cast_signed());
        if let Some(before) = self.transit {
            let difference = (transit - before).abs();
            // A leap of a minute is a new timeline, not jitter.
            if difference < i64::from(clock_hz) * 60 {
                self.jitter_ticks += (difference as f64 - self.jitter_ticks) / 16.0;
            }
        }
        self.transit = Some(transit);
    }

    fn expected(&self) -> u64 {
        if self.ssrc.is_none() || self.count == 0 {
            return 0;
        }
        u64::from(self.highest - self.first) + 1
    }

    /// SSRC being followed.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// Packets received, of all SSRCs.
    pub fn received(&self) -> u64 {
        self.past_count + self.count
    }

    /// Packets that never came, of all SSRCs.
    pub fn lost(&self) -> u64 {
        self.past_lost + self.expected().saturating_sub(self.count)
    }

    /// Interarrival jitter in seconds.
    pub fn jitter_secs(&self) -> f64 {
        if self.clock_hz == 0 { 0.0 } else { self.jitter_ticks / f64::from(self.clock_hz) }
    }

    /// Numbers for a report block about the current SSRC; starts the next interval (A.3).
    pub fn report(&mut self) -> Option<ReceptionReport> {
        let ssrc = self.ssrc?;
        let expected = self.expected();
        let expected_interval = expected - self.expected_prior;
        let lost_interval = expected_interval.saturating_sub(self.count - self.count_prior);
        (self.expected_prior, self.count_prior) = (expected, self.count);
        let fraction = (lost_interval * 256).checked_div(expected_interval).unwrap_or(0);
        Some(ReceptionReport {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: expected.saturating_sub(self.count).min(0x7f_ffff) as u32,
            highest: self.highest,
            jitter_ticks: self.jitter_ticks as u32,
        })
    }
}

/// What a receiver report says about one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptionReport {
    /// The source.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, at most 2^23 - 1.
    pub lost: u32,
    /// Highest sequence number with the count of its cycles above.
    pub highest: u32,
    /// Interarrival jitter in clock units.
    pub jitter_ticks: u32,
}

/// Send side: one SSRC whose sequence numbers and timestamps never run backwards, whatever feeds it.
#[derive(Clone, Debug)]
pub struct Stream {
    ssrc: u32,
    /// One above the highest sequence number sent.
    next_sequence: u16,
    /// Media time of the current 20 ms tick.
    clock: u32,
    /// End of the sound sent so far.
    end: u32,
    /// The next audio packet begins a talkspurt.
    fresh: bool,
    relay: Option<Anchor>,
    packets: u64,
    octets: u64,
}

/// How a relayed stream is mapped onto ours.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ssrc: u32,
    from_sequence: u16,
    to_sequence: u16,
    from_timestamp: u32,
    to_timestamp: u32,
}

impl Stream {
    /// A stream with random SSRC, sequence number and timestamp.
    pub fn new(random: &mut Random) -> Self {
        let clock = random.next_u32();
        Self {
            ssrc: random.next_u32(),
            next_sequence: random.next_u32() as u16,
            clock,
            end: clock,
            fresh: true,
            relay: None,
            packets: 0,
            octets: 0,
        }
    }

    /// Our SSRC.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets sent.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload bytes sent.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Media time now, as far as ticks tell it.
    pub fn clock(&self) -> u32 {
        self.clock
    }

    /// Lets media time pass, whether or not anything is sent.
    #[inline]
    pub fn advance(&mut self, ticks: u32) {
        self.clock = self.clock.wrapping_add(ticks);
    }

    /// What feeds the stream changes: the next audio packet gets the marker, a relay gets a new anchor.
    pub fn turn(&mut self) {
        self.fresh = true;
        self.relay = None;
    }

    /// The clock rate changed: a new SSRC, since timestamps of two rates don't compare (RFC 7160 §4.1).
    pub fn renew(&mut self, random: &mut Random) {
        let (packets, octets) = (self.packets, self.octets);
        *self = Self { packets, octets, ..Self::new(random) };
    }

    fn start(&self) -> u32 {
        if timestamp_ahead(self.end, self.clock) > 0 { self.end } else { self.clock }
    }

    /// Timestamp that the next audio of our own will have.
    pub fn next_timestamp(&self) -> u32 {
        self.start()
    }

    /// Numbers for a packet of our own that begins at `timestamp` and lasts `ticks`.
    pub fn own(&mut self, timestamp: u32, ticks: u32, octets: usize) -> (u16, bool) {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        let end = timestamp.wrapping_add(ticks);
        if timestamp_ahead(end, self.end) > 0 {
            self.end = end;
        }
        self.relay = None;
        self.count(octets);
        (sequence, std::mem::take(&mut self.fresh))
    }

    /// Numbers for an event packet (RFC 4733): all of one event bear its first timestamp.
    pub fn event(&mut self, octets: usize) -> u16 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        self.relay = None;
        self.fresh = true;
        self.count(octets);
        sequence
    }

    /// Numbers for a packet relayed from another stream; `ticks` is how long it lasts. Loss and reordering of the
    /// source stay visible. `None` when the packet is older than the moment the relay began.
    #[inline]
    pub fn relayed(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival,
        ticks: u32,
    ) -> Option<(u16, u32, bool)> {
        let anchored = self.relay.filter(|a| a.ssrc == packet.ssrc && arrival != Arrival::Start);
        let (anchor, begins) = match anchored {
            Some(anchor) => (anchor, false),
            None if arrival == Arrival::Late => return None,
            None => (self.anchor(packet), true),
        };
        let ahead = sequence_ahead(packet.sequence, anchor.from_sequence);
        let elapsed = packet.timestamp.wrapping_sub(anchor.from_timestamp);
        if ahead < 0 || elapsed.cast_signed() < 0 {
            if arrival == Arrival::Late {
                return None;
            }
            // A newer packet with older numbers or times: the source has begun a new timeline, or so much of it was
            // not relayed that the numbers have wrapped.
            self.relay = None;
            return self.relayed(packet, Arrival::Start, ticks);
        }
        let sequence = anchor.to_sequence.wrapping_add(ahead.cast_unsigned());
        let timestamp = anchor.to_timestamp.wrapping_add(elapsed);
        if sequence_ahead(sequence, self.next_sequence) >= 0 {
            self.next_sequence = sequence.wrapping_add(1);
        }
        let end = timestamp.wrapping_add(ticks);
        if timestamp_ahead(end, self.end) > 0 {
            self.end = end;
        }
        self.slide(packet, sequence, timestamp);
        self.count(packet.payload.len());
        if begins {
            self.fresh = false;
        }
        Some((sequence, timestamp, packet.marker || begins))
    }

    fn anchor(&mut self, packet: &Packet<'_>) -> Anchor {
        let anchor = Anchor {
            ssrc: packet.ssrc,
            from_sequence: packet.sequence,
            to_sequence: self.next_sequence,
            from_timestamp: packet.timestamp,
            to_timestamp: self.start(),
        };
        self.relay = Some(anchor);
        anchor
    }

    /// Moves the anchor along every so often, so that its 16-bit distance stays far from wrapping.
    fn slide(&mut self, packet: &Packet<'_>, sequence: u16, timestamp: u32) {
        if let Some(anchor) = &mut self.relay
            && sequence_ahead(packet.sequence, anchor.from_sequence) > 2 * SLIDE
        {
            // Late packets up to SLIDE behind must still lie after the anchor.
            anchor.from_sequence = packet.sequence.wrapping_sub(SLIDE as u16);
            anchor.to_sequence = sequence.wrapping_sub(SLIDE as u16);
            let back = timestamp_ahead(timestamp, anchor.to_timestamp).cast_unsigned() / 2;
            anchor.from_timestamp = packet.timestamp.wrapping_sub(back);
            anchor.to_timestamp = timestamp.wrapping_sub(back);
        }
    }

    fn count(&mut self, octets: usize) {
        self.packets += 1;
        self.octets += octets as u64;
    }
}

/// See [`Stream::slide`].
const SLIDE: i16 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn packet(sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc: 9, payload: &[1; 160] }
    }

    #[test]
    fn a_packet_reads_back_as_written() {
        let mut bytes = Vec::new();
        let original = Packet { marker: true, ..packet(65_535, 4_000_000_000) };
        original.write(&mut bytes);
        assert_eq!(Packet::parse(&bytes), Some(original));
    }

    #[test]
    fn liars_and_fragments_are_no_packets() {
        for bytes in [
            &[][..],
            &[0x80; 11],
            &[0x40; 40],
            // Fifteen CSRCs promised, none there.
            &[0x8f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1],
            // Padding longer than the packet.
            &[0xa0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 200],
            // An extension of 65535 words.
            &[0x90, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0xff, 0xff],
        ] {
            assert_eq!(Packet::parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let mut random = Random::new(1);
        for _ in 0..200_000 {
            let bytes: Vec<u8> = (0..random.next() % 40).map(|_| random.next() as u8).collect();
            if let Some(packet) = Packet::parse(&bytes) {
                assert!(packet.payload.len() < bytes.len());
            }
        }
    }

    #[test]
    fn loss_order_and_duplicates_are_told_apart_across_the_wrap() {
        let mut reception = Reception::default();
        let mut see = |sequence: u16| {
            reception.arrive(Timestamp::EPOCH, &packet(sequence, 0), Some(8000)).expect("same SSRC")
        };
        assert_eq!(see(65_533), Arrival::Start);
        assert_eq!(see(65_534), Arrival::Next);
        assert_eq!(see(0), Arrival::Next);
        assert_eq!(see(65_535), Arrival::Late);
        assert_eq!(see(65_535), Arrival::Duplicate);
        assert_eq!(see(3), Arrival::Next);
        assert_eq!(see(65_000), Arrival::Jump);
        assert_eq!(see(4), Arrival::Next);
        assert_eq!((reception.received(), reception.lost()), (6, 2));
    }

    #[test]
    fn a_restarted_sender_is_followed_at_its_second_packet() {
        let mut reception = Reception::default();
        let arrivals: Vec<_> = [10, 11, 30_000, 30_001, 30_002]
            .into_iter()
            .map(|s| reception.arrive(Timestamp::EPOCH, &packet(s, 0), Some(8000)))
            .collect();
        assert_eq!(
            arrivals,
            [Arrival::Start, Arrival::Next, Arrival::Jump, Arrival::Start, Arrival::Next].map(Some)
        );
        assert_eq!((reception.received(), reception.lost()), (4, 0));
    }

    #[test]
    fn a_single_packet_of_another_ssrc_changes_nothing() {
        let mut reception = Reception::default();
        reception.arrive(Timestamp::EPOCH, &packet(1, 0), Some(8000));
        let other = Packet { ssrc: 77, ..packet(500, 0) };
        assert_eq!(reception.arrive(Timestamp::EPOCH, &other, Some(8000)), None);
        assert_eq!(
            reception.arrive(Timestamp::EPOCH, &packet(2, 160), Some(8000)),
            Some(Arrival::Next)
        );
        assert_eq!(reception.arrive(Timestamp::EPOCH, &other, Some(8000)), None);
        let next = Packet { sequence: 501, ..other };
        assert_eq!(reception.arrive(Timestamp::EPOCH, &next, Some(8000)), Some(Arrival::Start));
        assert_eq!(reception.ssrc(), Some(77));
    }

    #[test]
    fn jitter_is_zero_for_a_steady_stream_and_grows_with_unsteadiness() {
        let at = |ms: u64| Timestamp::EPOCH + Duration::from_millis(ms);
        let mut steady = Reception::default();
        let mut shaky = Reception::default();
        for n in 0..100u16 {
            let sent = packet(n, u32::from(n) * 160);
            steady.arrive(at(u64::from(n) * 20), &sent, Some(8000));
            shaky.arrive(at(u64::from(n) * 20 + u64::from(n % 2) * 10), &sent, Some(8000));
        }
        assert!(steady.jitter_secs() < 0.000_2, "{}", steady.jitter_secs());
        assert!((shaky.jitter_secs() - 0.010).abs() < 0.001, "{}", shaky.jitter_secs());
    }

    #[test]
    fn a_report_counts_the_loss_of_its_interval_only() {
        let mut reception = Reception::default();
        for n in [1, 2, 4] {
            reception.arrive(Timestamp::EPOCH, &packet(n, 0), Some(8000));
        }
        let first = reception.report().expect("a stream is there");
        assert_eq!((first.fraction_lost, first.lost, first.highest), (64, 1, 4));
        for n in 5..10 {
            reception.arrive(Timestamp::EPOCH, &packet(n, 0), Some(8000));
        }
        let second = reception.report().expect("a stream is there");
        assert_eq!((second.fraction_lost, second.lost), (0, 1));
    }

    #[test]
    fn prompt_then_relay_then_prompt_is_one_monotone_stream() {
        let mut stream = Stream::new(&mut Random::new(3));
        let mut sent = Vec::new();
        let own = |stream: &mut Stream, sent: &mut Vec<(u16, u32, bool)>| {
            stream.advance(160);
            let timestamp = stream.next_timestamp();
            let (sequence, marker) = stream.own(timestamp, 160, 160);
            sent.push((sequence, timestamp, marker));
        };
        own(&mut stream, &mut sent);
        own(&mut stream, &mut sent);
        stream.turn();
        for n in 0..20_000u32 {
            stream.advance(160);
            let from = packet((n as u16).wrapping_add(60_000), n * 160 + 12_345);
            sent.push(stream.relayed(&from, Arrival::Next, 160).expect("in order"));
        }
        stream.turn();
        own(&mut stream, &mut sent);
        own(&mut stream, &mut sent);
        for (i, pair) in sent.windows(2).enumerate() {
            assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "sequence at {i}");
            assert_eq!(pair[1].1.wrapping_sub(pair[0].1), 160, "timestamp at {i}");
        }
        let marked: Vec<usize> = (0..sent.len()).filter(|i| sent[*i].2).collect();
        assert_eq!(marked, [0, 2, 20_002]);
    }

    #[test]
    fn a_relay_keeps_loss_and_order_of_its_source() {
        let mut stream = Stream::new(&mut Random::new(3));
        let mut relay =
            |n: u16, arrival| stream.relayed(&packet(n, u32::from(n) * 160), arrival, 160);
        assert_eq!(relay(99, Arrival::Late), None, "nothing begins with a latecomer");
        let first = relay(100, Arrival::Start).expect("begins");
        let third = relay(102, Arrival::Next).expect("a gap is kept");
        let second = relay(101, Arrival::Late).expect("late is kept");
        assert_eq!(third.0, first.0.wrapping_add(2));
        assert_eq!(second.0, first.0.wrapping_add(1));
        assert_eq!(second.1, first.1.wrapping_add(160));
        assert_eq!(relay(99, Arrival::Late), None, "from before the bridge");
    }
}
