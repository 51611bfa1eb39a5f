//! A small jitter buffer: packets in as they come, 20 ms of sound out at every tick.
//!
//! The delay is fixed; it grows when packets are late and shrinks again, a frame at a time, when sound has been lying
//! about for two seconds. What is lost is concealed: by Opus itself, else by repeating and fading the last frame.

use crate::codec::{Decoder, Rate};
use crate::limits::{FRAME, PLAYOUT_PACKETS_MAX};
use crate::order::Codec;
use crate::rtp::sequence_ahead;
use dozvon_clock::Timestamp;
use std::time::Duration;

/// Gain in percent of the repeated frame, by how many were made up before it; silence after the last.
const FADE_PERCENT: [i32; 3] = [90, 60, 30];
/// Frames over which the depth is watched before one is dropped: 2 s.
const WATCH_FRAMES: u32 = 100;

/// What a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Sound.
    Audio,
    /// Something of the same stream that takes no time, such as an event.
    Nothing,
}

#[derive(Debug, Default)]
struct Place {
    sequence: u16,
    content: Option<Content>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has come, or nothing for so long that the sound has ended.
    Idle,
    /// The first packet has come; sound starts at that moment.
    Filling { starts: Timestamp, next: u16 },
    /// Sound flows; `next` is the packet to be played.
    Playing { next: u16 },
}

/// The jitter buffer and decoder of one direction.
#[derive(Debug)]
pub struct Playout {
    delay: Duration,
    rate: Rate,
    decoder: Decoder,
    places: [Place; PLAYOUT_PACKETS_MAX],
    state: State,
    /// Decoded and not yet taken.
    sound: Vec<i16>,
    /// The last good frame, for repeating.
    last: Vec<i16>,
    /// Frames made up in a row.
    made_up: usize,
    /// Length of the last packet in samples.
    packet_samples: usize,
    watched: u32,
    depth_min: usize,
}

impl Playout {
    /// An empty buffer for packets of `codec`, giving sound of `rate`.
    pub fn new(codec: Codec, rate: Rate, delay: Duration) -> Self {
        let frame = rate.samples(20);
        Self {
            delay,
            rate,
            decoder: Decoder::new(codec, rate),
            places: std::array::from_fn(|_| Place {
                bytes: Vec::with_capacity(256),
                ..Place::default()
            }),
            state: State::Idle,
            sound: Vec::with_capacity(frame * 8),
            last: vec![0; frame],
            made_up: 0,
            packet_samples: frame,
            watched: 0,
            depth_min: usize::MAX,
        }
    }

    /// Forgets all packets: the source has restarted.
    pub fn reset(&mut self) {
        self.places.iter_mut().for_each(|place| place.content = None);
        self.state = State::Idle;
    }

    /// Keeps a packet until its time; one that is too late is dropped.
    pub fn push(&mut self, now: Timestamp, sequence: u16, content: Content, payload: &[u8]) {
        let next = match self.state {
            State::Idle => {
                self.state = State::Filling { starts: now + self.delay, next: sequence };
                sequence
            }
            State::Filling { starts, next } => {
                // Packets that overtook the first one still find their place.
                let behind = sequence_ahead(next, sequence);
                if (1..PLAYOUT_PACKETS_MAX as i16 / 2).contains(&behind) {
                    self.state = State::Filling { starts, next: sequence };
                    sequence
                } else {
                    next
                }
            }
            State::Playing { next } => next,
        };
        let ahead = sequence_ahead(sequence, next);
        if ahead < 0 {
            return;
        }
        if usize::try_from(ahead).is_ok_and(|ahead| ahead >= PLAYOUT_PACKETS_MAX) {
            self.reset();
            self.state = State::Filling { starts: now + self.delay, next: sequence };
        }
        let place = &mut self.places[usize::from(sequence) % PLAYOUT_PACKETS_MAX];
        place.sequence = sequence;
        place.content = Some(content);
        place.bytes.clear();
        place.bytes.extend_from_slice(payload);
    }

    /// Appends exactly 20 ms of sound; `false` when it is mere silence because nothing flows.
    pub fn pull(&mut self, now: Timestamp, out: &mut Vec<i16>) -> bool {
        let frame = self.rate.samples(20);
        let next = match self.state {
            State::Playing { next } => next,
            State::Filling { starts, next } if starts <= now => self.start_at(next),
            State::Filling { .. } | State::Idle => {
                out.resize(out.len() + frame, 0);
                return false;
            }
        };
        self.state = State::Playing { next };
        self.shrink(frame);
        while self.sound.len() < frame {
            if !self.fill() {
                self.sound.resize(frame, 0);
            }
        }
        let tail = self.last.len().min(frame);
        self.last[..tail].copy_from_slice(&self.sound[..tail]);
        out.extend(self.sound.drain(..frame));
        true
    }

    /// Where to begin: packets that lay about longer than the delay came in a burst and are too old.
    fn start_at(&mut self, next: u16) -> u16 {
        let frames = (self.delay.as_millis() / FRAME.as_millis()) as i16 + 1;
        let waiting = self.places.iter().filter(|p| p.content.is_some());
        let newest = waiting.map(|p| sequence_ahead(p.sequence, next)).max().unwrap_or(0);
        let skipped = (newest - frames).max(0).cast_unsigned();
        for old in 0..skipped {
            self.places[usize::from(next.wrapping_add(old)) % PLAYOUT_PACKETS_MAX].content = None;
        }
        next.wrapping_add(skipped)
    }

    /// Decodes or makes up the next piece of sound; `false` when the sound has ended.
    fn fill(&mut self) -> bool {
        let State::Playing { next } = self.state else { return false };
        let place = &mut self.places[usize::from(next) % PLAYOUT_PACKETS_MAX];
        let here = place.content.take().filter(|_| place.sequence == next);
        match here {
            Some(Content::Audio) => {
                let before = self.sound.len();
                if self.decoder.decode(&place.bytes, &mut self.sound) && self.sound.len() > before {
                    self.packet_samples = self.sound.len() - before;
                    self.made_up = 0;
                } else {
                    self.conceal(self.rate.samples(20));
                }
                self.state = State::Playing { next: next.wrapping_add(1) };
                true
            }
            Some(Content::Nothing) => {
                self.state = State::Playing { next: next.wrapping_add(1) };
                true
            }
            None if self.places.iter().any(|place| place.content.is_some()) => {
                self.conceal(self.packet_samples);
                self.state = State::Playing { next: next.wrapping_add(1) };
                true
            }
            None if self.made_up < FADE_PERCENT.len() => {
                // Perhaps it is only late: the gap is filled and the packet still awaited.
                self.conceal(self.rate.samples(20));
                true
            }
            None => {
                self.state = State::Idle;
                false
            }
        }
    }

    fn conceal(&mut self, samples: usize) {
        let gain = FADE_PERCENT.get(self.made_up).copied().unwrap_or(0);
        self.made_up += 1;
        let State::Playing { next } = self.state else { return };
        let after = next.wrapping_add(1);
        let place = &self.places[usize::from(after) % PLAYOUT_PACKETS_MAX];
        let here = place.content == Some(Content::Audio) && place.sequence == after;
        let following = here.then_some(place.bytes.as_slice());
        let guessed = gain > 0 && self.decoder.conceal(samples, following, &mut self.sound);
        if !guessed {
            // `last` is not touched here, so the gain applies to the last good frame each time.
            let repeated = self.last.iter().cycle().take(samples);
            self.sound.extend(repeated.map(|s| (i32::from(*s) * gain / 100) as i16));
        }
    }

    /// Drops half of what has been waiting beyond the wanted delay for two seconds.
    fn shrink(&mut self, frame: usize) {
        let packets = self.places.iter().filter(|p| p.content == Some(Content::Audio)).count();
        let depth = self.sound.len() + packets * self.packet_samples;
        self.depth_min = self.depth_min.min(depth);
        self.watched += 1;
        if self.watched < WATCH_FRAMES {
            return;
        }
        let wanted = frame * (self.delay.as_millis() / FRAME.as_millis()) as usize;
        let excess = self.depth_min.saturating_sub(wanted + frame) / frame;
        for _ in 0..excess.div_ceil(2) {
            while self.sound.len() < frame && self.fill() {}
            let dropped = frame.min(self.sound.len());
            self.sound.drain(..dropped);
        }
        (self.watched, self.depth_min) = (0, usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Encoder;
    use crate::tone::{level_dbm0, power_at, sine};

    const DELAY: Duration = Duration::from_millis(60);

    struct Bench {
        playout: Playout,
        payloads: Vec<Vec<u8>>,
        out: Vec<i16>,
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_secs(10) + Duration::from_millis(ms)
    }

    impl Bench {
        fn new(codec: Codec) -> Self {
            let mut encoder = Encoder::new(codec, Rate::Narrow, 5);
            let payloads = sine(Rate::Narrow, 1000.0, -10.0, 8000 * 20)
                .chunks(160)
                .map(|frame| {
                    let mut payload = Vec::new();
                    encoder.encode(frame, &mut payload);
                    payload
                })
                .collect();
            Self { playout: Playout::new(codec, Rate::Narrow, DELAY), payloads, out: Vec::new() }
        }

        fn push(&mut self, ms: u64, number: u16) {
            let payload = &self.payloads[usize::from(number) % self.payloads.len()];
            // Numbers wrap early on.
            self.playout.push(at(ms), number.wrapping_add(65_530), Content::Audio, payload);
        }

        fn pull(&mut self, ms: u64) -> bool {
            self.playout.pull(at(ms), &mut self.out)
        }
    }

    #[test]
    fn a_steady_stream_comes_out_whole_after_the_delay() {
        let mut bench = Bench::new(Codec::Pcmu);
        let mut first = None;
        for n in 0..100u16 {
            let ms = u64::from(n) * 20;
            bench.push(ms, n);
            if bench.pull(ms + 5) && first.is_none() {
                first = Some(ms);
            }
        }
        assert_eq!(first, Some(60), "the tick after 60 ms");
        assert_eq!(bench.out.len(), 16_000);
        let sound = &bench.out[480..];
        assert!(power_at(Rate::Narrow, 1000.0, sound) > 0.999);
    }

    #[test]
    fn jitter_reordering_and_duplicates_within_the_delay_are_not_heard() {
        let mut bench = Bench::new(Codec::Pcmu);
        for n in 0..200u16 {
            let ms = u64::from(n) * 20;
            // Every pair is swapped and every packet doubled.
            bench.push(ms, n ^ 1);
            bench.push(ms, n ^ 1);
            bench.pull(ms + 1);
        }
        assert!(power_at(Rate::Narrow, 1000.0, &bench.out[800..]) > 0.999);
    }

    #[test]
    fn one_packet_in_ten_lost_is_concealed() {
        for codec in [Codec::Pcma, Codec::Opus] {
            let mut bench = Bench::new(codec);
            for n in 0..200u16 {
                let ms = u64::from(n) * 20;
                if n % 10 != 5 {
                    bench.push(ms, n);
                }
                bench.pull(ms + 1);
            }
            let quietest = bench.out[800..].chunks_exact(480).map(level_dbm0).fold(0.0, f64::min);
            assert!(quietest > -16.0, "{codec:?}: a hole of {quietest} dBm0");
        }
    }

    #[test]
    fn when_the_stream_ends_sound_fades_to_silence_and_begins_anew_later() {
        let mut bench = Bench::new(Codec::Pcmu);
        for n in 0..20u16 {
            bench.push(u64::from(n) * 20, n);
            bench.pull(u64::from(n) * 20);
        }
        for n in 20..60 {
            bench.pull(n * 20);
        }
        assert!(!bench.pull(1200));
        assert!(level_dbm0(&bench.out[bench.out.len() - 4000..]) < -100.0);
        let quiet = bench.out.len();
        for n in 100..120u16 {
            bench.push(u64::from(n) * 20, n);
            bench.pull(u64::from(n) * 20);
        }
        assert!(power_at(Rate::Narrow, 1000.0, &bench.out[quiet + 480..]) > 0.99);
    }

    #[test]
    fn a_burst_after_a_hiccup_does_not_leave_its_delay_behind_for_ever() {
        let mut bench = Bench::new(Codec::Pcmu);
        let depth =
            |bench: &Bench| bench.playout.places.iter().filter(|p| p.content.is_some()).count();
        for n in 0..500u16 {
            let ms = u64::from(n) * 20;
            match n {
                // Nothing for 200 ms, then all at once.
                50..60 => {}
                60 => (50..=60).for_each(|late| bench.push(ms, late)),
                _ => bench.push(ms, n),
            }
            bench.pull(ms + 1);
        }
        assert!(depth(&bench) <= 5, "{} packets still wait", depth(&bench));
    }

    #[test]
    fn packets_of_any_length_are_cut_to_frames() {
        let mut playout = Playout::new(Codec::Pcmu, Rate::Narrow, DELAY);
        let sound = sine(Rate::Narrow, 1000.0, -10.0, 8000);
        let coded: Vec<u8> = sound.iter().map(|s| crate::codec::g711::ulaw_encode(*s)).collect();
        let mut out = Vec::new();
        for (n, packet) in coded.chunks(240).enumerate() {
            playout.push(at(n as u64 * 30), n as u16, Content::Audio, packet);
            while out.len() + 640 < (n + 1) * 240 {
                playout.pull(at(n as u64 * 30), &mut out);
            }
        }
        assert!(power_at(Rate::Narrow, 1000.0, &out[640..]) > 0.99);
    }

    #[test]
    fn a_packet_too_far_ahead_starts_the_buffer_anew_and_a_late_one_is_dropped() {
        let mut bench = Bench::new(Codec::Pcmu);
        for n in 0..10u16 {
            bench.push(u64::from(n) * 20, n);
            bench.pull(u64::from(n) * 20);
        }
        bench.push(200, 2);
        let waiting = |b: &Bench| b.playout.places.iter().filter(|p| p.content.is_some()).count();
        assert_eq!(waiting(&bench), 3, "too late to be played");
        // Packet 7 is the next: 7 + 15 still fits, 7 + 16 does not.
        bench.push(200, 22);
        assert_eq!(waiting(&bench), 4);
        bench.push(200, 23);
        assert_eq!(waiting(&bench), 1);
        assert!(!bench.pull(240), "filling again");
        assert!(bench.pull(260));
    }

    #[test]
    fn events_take_no_time_and_rubbish_does_no_harm() {
        let mut playout = Playout::new(Codec::Opus, Rate::Narrow, DELAY);
        let mut out = Vec::new();
        for n in 0..50u16 {
            let content = if n % 2 == 0 { Content::Nothing } else { Content::Audio };
            playout.push(at(u64::from(n) * 20), n.wrapping_mul(3), content, &[0xff, 0xff, 0xff]);
            playout.pull(at(u64::from(n) * 20), &mut out);
        }
        assert_eq!(out.len(), 50 * 160);
    }
}
