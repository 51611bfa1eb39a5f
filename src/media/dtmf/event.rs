//! Telephone-events (RFC 4733 §2): one press however many packets carry it, and presses of our own.
//!
//! Knows nothing of sessions; the caller writes the RTP header around [`KeyEvent`].

use crate::limits::DIAL_QUEUE_MAX;
use crate::order::Digit;
use crate::rtp::{Packet, sequence_ahead, timestamp_ahead};
use std::collections::VecDeque;

/// Length of an event payload.
pub const EVENT_BYTES: usize = 4;
/// Frames of 20 ms a key is held down by us: 100 ms.
const FRAMES_DOWN: u8 = 5;
/// Frames between two keys: 60 ms. The end is repeated in the first two of them (§2.5.1.4).
const FRAMES_UP: u8 = 3;
/// Times the end of a press is repeated.
const END_REPEATS: u8 = 2;
/// The duration at which a long press is cut into segments (§2.5.1.3).
const SEGMENT_TICKS: u32 = 0xffff;

/// How far back a repeated end may lie; further back is another timeline.
const STALE_TICKS: i32 = 1 << 20;

/// The payload of one event packet (§2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// Event code; 0 to 15 are keys.
    pub code: u8,
    /// Last state of this press.
    pub end: bool,
    /// Power below 0 dBm0 in dB, 0 to 63.
    pub volume: u8,
    /// Since the beginning of the press, in units of the event's clock.
    pub duration: u16,
}

impl KeyEvent {
    /// Reads a payload; what follows the first event in it is ignored.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low] = *payload.first_chunk::<EVENT_BYTES>()?;
        Some(Self {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The payload.
    pub fn write(self) -> [u8; EVENT_BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, (u8::from(self.end) << 7) | (self.volume & 0x3f), high, low]
    }

    /// The key, when the event is one.
    pub const fn digit(self) -> Option<Digit> {
        match self.code {
            0..=9 => Some(Digit::Num(self.code)),
            10 => Some(Digit::Star),
            11 => Some(Digit::Pound),
            12..=15 => Some(Digit::Letter(self.code - 12)),
            _ => None,
        }
    }

    /// The event code of a key (§3.2, Table 3).
    pub const fn code(digit: Digit) -> u8 {
        match digit {
            Digit::Num(n) => n,
            Digit::Star => 10,
            Digit::Pound => 11,
            Digit::Letter(n) => 12 + (n & 3),
        }
    }
}

/// The press being received.
#[derive(Clone, Copy, Debug)]
struct Press {
    ssrc: u32,
    timestamp: u32,
    sequence: u16,
    event: KeyEvent,
}

/// Turns event packets into presses.
#[derive(Clone, Debug, Default)]
pub struct KeyReceiver {
    last: Option<Press>,
}

impl KeyReceiver {
    /// The key of a packet that is the first of its press to arrive, whichever part of the press it is. `late` = a
    /// packet of a higher number has come before.
    pub fn receive(&mut self, packet: &Packet<'_>, late: bool) -> Option<Digit> {
        let event = KeyEvent::read(packet.payload)?;
        let digit = event.digit()?;
        let press = Press {
            ssrc: packet.ssrc,
            timestamp: packet.timestamp,
            sequence: packet.sequence,
            event,
        };
        match self.last {
            Some(last) if last.ssrc == packet.ssrc => {
                // Numbers tell the order only among packets close to each other: the last press may be an hour ago.
                if late && sequence_ahead(packet.sequence, last.sequence) <= 0 {
                    // It belongs to this press or to one before, unless it is of a press lost until now, and then
                    // reporting it out of order would be worse than losing it.
                    return None;
                }
                let ahead = timestamp_ahead(packet.timestamp, last.timestamp);
                if (-STALE_TICKS..0).contains(&ahead) {
                    // The end of an older press, repeated with a new number.
                    return None;
                }
                let pressed = !continues(&last, &press, packet.marker);
                self.last = Some(press);
                pressed.then_some(digit)
            }
            Some(_) | None => {
                self.last = Some(press);
                Some(digit)
            }
        }
    }
}

/// Whether a packet goes on with the press before it.
fn continues(last: &Press, next: &Press, marker: bool) -> bool {
    let ahead = timestamp_ahead(next.timestamp, last.timestamp);
    if last.event.code != next.event.code {
        return false;
    }
    let held = !last.event.end && !marker;
    if ahead == 0 {
        // Some senders never move the timestamp: then only a marker after an end begins another press.
        let again = last.event.end && marker && next.event.duration < last.event.duration;
        return !again;
    }
    let segment = ahead.cast_unsigned() == SEGMENT_TICKS;
    // Some senders move the timestamp with every packet of one press: the growing duration gives them away.
    let moving = next.event.duration > last.event.duration;
    held && (segment || moving)
}

/// What to send in the current 20 ms while keys are being dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// The key is down; `frames` of 20 ms including this one. The last one carries the end bit.
    Down {
        /// Which key.
        digit: Digit,
        /// How long it is down, this frame included.
        frames: u8,
        /// Whether it is released at the end of this frame.
        end: bool,
    },
    /// The end again, in case the first was lost.
    Again {
        /// Which key.
        digit: Digit,
        /// How long it was down.
        frames: u8,
    },
    /// Between two keys.
    Pause,
}

/// Keys waiting to be sent, one after the other.
#[derive(Clone, Debug, Default)]
pub struct KeySender {
    queue: VecDeque<Digit>,
    step: u8,
}

impl KeySender {
    /// Adds a key to the end; `false` when too many wait already, and this one is dropped.
    pub fn push(&mut self, digit: Digit) -> bool {
        let room = self.queue.len() < DIAL_QUEUE_MAX;
        if room {
            self.queue.push_back(digit);
        }
        room
    }

    /// Whether a key is being sent or waits.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Forgets all keys.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.step = 0;
    }

    /// The step of the current frame; `None` when there is nothing to send.
    pub fn next_step(&mut self) -> Option<KeyStep> {
        let digit = *self.queue.front()?;
        self.step += 1;
        let step = match self.step {
            frames @ 1..=FRAMES_DOWN => KeyStep::Down { digit, frames, end: frames == FRAMES_DOWN },
            step if step <= FRAMES_DOWN + END_REPEATS => {
                KeyStep::Again { digit, frames: FRAMES_DOWN }
            }
            _ => KeyStep::Pause,
        };
        if self.step == FRAMES_DOWN + FRAMES_UP {
            self.queue.pop_front();
            self.step = 0;
        }
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Random;

    /// A packet of a press as it is on the wire.
    #[derive(Clone, Copy, Debug)]
    struct Wire {
        sequence: u16,
        timestamp: u32,
        marker: bool,
        event: KeyEvent,
    }

    fn receive(receiver: &mut KeyReceiver, wire: &Wire, late: bool) -> Option<Digit> {
        let payload = wire.event.write();
        let packet = Packet {
            payload_type: 101,
            marker: wire.marker,
            sequence: wire.sequence,
            timestamp: wire.timestamp,
            ssrc: 5,
            payload: &payload,
        };
        receiver.receive(&packet, late)
    }

    /// Five packets and three ends from `sequence` on.
    fn press(code: u8, sequence: u16, timestamp: u32) -> Vec<Wire> {
        (0..7u16)
            .map(|n| Wire {
                sequence: sequence.wrapping_add(n),
                timestamp,
                marker: n == 0,
                event: KeyEvent { code, end: n >= 4, volume: 10, duration: 160 * (n + 1).min(5) },
            })
            .collect()
    }

    fn digits(wires: &[Wire]) -> String {
        let mut receiver = KeyReceiver::default();
        let mut highest = wires[0].sequence.wrapping_sub(1);
        wires
            .iter()
            .filter_map(|wire| {
                let late = sequence_ahead(wire.sequence, highest) <= 0;
                highest = if late { highest } else { wire.sequence };
                receive(&mut receiver, wire, late)
            })
            .map(Digit::to_char)
            .collect()
    }

    #[test]
    fn a_press_is_one_key_however_many_packets_carry_it() {
        assert_eq!(digits(&press(5, 65_533, 1000)), "5");
    }

    #[test]
    fn the_same_key_twice_is_two_presses() {
        let twice = [press(5, 0, 1000), press(5, 20, 4000)].concat();
        assert_eq!(digits(&twice), "55");
    }

    #[test]
    fn a_press_long_after_the_last_is_heard_though_numbers_have_wrapped() {
        let mut receiver = KeyReceiver::default();
        for (sequence, timestamp) in [(0, 0), (40_000, 6_400_000), (20_000, 3_000_000_000)] {
            for (n, wire) in press(8, sequence, timestamp).iter().enumerate() {
                assert_eq!(receive(&mut receiver, wire, false).is_some(), n == 0, "{sequence} {n}");
            }
        }
    }

    #[test]
    fn every_key_has_its_code() {
        let mut wires = Vec::new();
        for code in 0..16 {
            wires.extend(press(code, u16::from(code) * 10, u32::from(code) * 3000));
        }
        assert_eq!(digits(&wires), "0123456789*#ABCD");
        for code in 0..16 {
            let event = KeyEvent { code, end: false, volume: 0, duration: 0 };
            assert_eq!(KeyEvent::code(event.digit().expect("a key")), code);
        }
    }

    #[test]
    fn any_single_surviving_packet_is_enough() {
        for wire in press(7, 0, 1000) {
            assert_eq!(digits(&[wire]), "7");
        }
    }

    #[test]
    fn order_and_duplicates_on_the_way_do_not_matter() {
        let mut wires = [press(1, 0, 1000), press(1, 20, 4000)].concat();
        wires.swap(2, 3);
        wires.swap(4, 6);
        let doubled: Vec<Wire> = wires.iter().flat_map(|w| [*w, *w]).collect();
        assert_eq!(digits(&doubled), "11");
    }

    #[test]
    fn a_lost_end_does_not_swallow_the_next_press() {
        let mut wires = press(3, 0, 1000);
        wires.truncate(3);
        wires.extend(press(3, 20, 4000));
        assert_eq!(digits(&wires), "33");
    }

    #[test]
    fn an_end_repeated_after_the_next_press_has_begun_disturbs_nothing() {
        let (first, second) = (press(1, 0, 1000), press(2, 20, 4000));
        let repeated = Wire { sequence: 22, ..first[6] };
        let wires = [&first[..], &second[..2], &[repeated], &press(2, 21, 4000)[2..]].concat();
        assert_eq!(digits(&wires), "12");
    }

    #[test]
    fn a_press_of_ten_seconds_is_one_key_though_it_comes_in_segments() {
        let mut wires = Vec::new();
        for n in 0..500u32 {
            let (segment, ticks) = (n * 160 / SEGMENT_TICKS, n * 160 % SEGMENT_TICKS);
            wires.push(Wire {
                sequence: n as u16,
                timestamp: 1000 + segment * SEGMENT_TICKS,
                marker: n == 0,
                event: KeyEvent { code: 9, end: n > 497, volume: 10, duration: ticks as u16 },
            });
        }
        assert_eq!(digits(&wires), "9");
    }

    #[test]
    fn a_sender_that_moves_the_timestamp_with_each_packet_is_understood() {
        let mut wires = press(4, 0, 1000);
        for (n, wire) in wires.iter_mut().enumerate() {
            wire.timestamp += 160 * n.min(4) as u32;
        }
        assert_eq!(digits(&wires), "4");
    }

    #[test]
    fn a_sender_that_never_moves_the_timestamp_is_told_by_its_markers() {
        let wires = [press(4, 0, 1000), press(4, 20, 1000), press(6, 40, 1000)].concat();
        assert_eq!(digits(&wires), "446");
    }

    #[test]
    fn two_hundred_keys_at_ten_percent_loss_come_exactly_once() {
        let (mut pressed, mut right) = (0, 0);
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut receiver = KeyReceiver::default();
            for n in 0..200u16 {
                let code = (random.next() % 12) as u8;
                let heard: Vec<Digit> = press(code, n * 10, u32::from(n) * 1280)
                    .iter()
                    .filter(|_| !random.next().is_multiple_of(10))
                    .filter_map(|w| receive(&mut receiver, w, false))
                    .collect();
                assert!(heard.len() <= 1, "a double press");
                pressed += 1;
                right += usize::from(heard.first().is_some_and(|d| KeyEvent::code(*d) == code));
            }
        }
        assert!(right * 1000 >= pressed * 995, "{right} of {pressed}");
    }

    #[test]
    fn other_events_and_fragments_are_no_keys() {
        assert_eq!(digits(&press(16, 0, 0)), "");
        assert_eq!(KeyEvent::read(&[1, 2, 3]), None);
    }

    #[test]
    fn what_we_dial_is_five_packets_down_and_three_ends() {
        let mut sender = KeySender::default();
        assert!(sender.push(Digit::Star) && sender.push(Digit::Num(0)));
        let steps: Vec<KeyStep> = std::iter::from_fn(|| sender.next_step()).collect();
        assert_eq!(steps.len(), 16);
        let digit = Digit::Star;
        assert_eq!(
            steps[..8],
            [
                KeyStep::Down { digit, frames: 1, end: false },
                KeyStep::Down { digit, frames: 2, end: false },
                KeyStep::Down { digit, frames: 3, end: false },
                KeyStep::Down { digit, frames: 4, end: false },
                KeyStep::Down { digit, frames: 5, end: true },
                KeyStep::Again { digit, frames: 5 },
                KeyStep::Again { digit, frames: 5 },
                KeyStep::Pause,
            ]
        );
        assert!(!sender.is_busy());
    }

    #[test]
    fn the_queue_of_keys_is_bounded() {
        let mut sender = KeySender::default();
        let taken = (0..DIAL_QUEUE_MAX + 5).filter(|_| sender.push(Digit::Num(1))).count();
        assert_eq!(taken, DIAL_QUEUE_MAX);
    }
}
