//! A bank with telephones around it, in a world whose clock is a number.
#![allow(dead_code)]

use dozvon_clock::Timestamp;
use dozvon_media::bank::{Bank, Channel, MediaConfig, Ordered, Slot};
use dozvon_media::clip::{Library, LibraryBuilder};
use dozvon_media::codec::{Decoder, Encoder, Rate};
use dozvon_media::dtmf::KeyEvent;
use dozvon_media::order::{
    Codec, Digit, DigitSource, Direction, Format, Order, Report, SessionId, TelephoneEvent,
};
use dozvon_media::rtp::Packet;
use dozvon_media::tone::{Tone, power_at};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const FRAME: Duration = Duration::from_millis(20);

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A packet as it left the bank.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Timestamp,
    pub(crate) slot: Slot,
    pub(crate) channel: Channel,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl Sent {
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet::parse(&self.bytes).expect("we send valid RTP")
    }
}

pub(crate) struct World {
    pub(crate) bank: Bank,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Sent>,
    pub(crate) reports: Vec<Report>,
}

pub(crate) fn library() -> Arc<Library> {
    Arc::new(LibraryBuilder::new(&Codec::ALL).build())
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(MediaConfig { seed: 42, ..MediaConfig::default() })
    }

    pub(crate) fn with(config: MediaConfig) -> Self {
        Self::playing(library(), config)
    }

    pub(crate) fn playing(library: Arc<Library>, config: MediaConfig) -> Self {
        let now = Timestamp::from_secs(1_000_000);
        Self { bank: Bank::new(library, config), now, sent: Vec::new(), reports: Vec::new() }
    }

    pub(crate) fn order(&mut self, order: Order) -> Ordered {
        let (now, sent) = (self.now, &mut self.sent);
        let done = self.bank.order(now, order, &mut |slot, channel, to, bytes: &[u8]| {
            sent.push(Sent { at: now, slot, channel, to, bytes: bytes.to_vec() });
        });
        self.drain();
        done
    }

    pub(crate) fn rtp(&mut self, slot: Slot, from: SocketAddr, packet: &[u8]) {
        let (now, sent) = (self.now, &mut self.sent);
        self.bank.rtp(now, slot, from, packet, &mut |slot, channel, to, bytes: &[u8]| {
            sent.push(Sent { at: now, slot, channel, to, bytes: bytes.to_vec() });
        });
        self.drain();
    }

    pub(crate) fn tick(&mut self) {
        let (now, sent) = (self.now, &mut self.sent);
        self.bank.tick(now, &mut |slot, channel, to, bytes: &[u8]| {
            sent.push(Sent { at: now, slot, channel, to, bytes: bytes.to_vec() });
        });
        self.drain();
    }

    fn drain(&mut self) {
        self.reports.extend(std::iter::from_fn(|| self.bank.poll_report()));
    }

    /// One frame: the phones speak, the bank ticks, the clock moves.
    pub(crate) fn step(&mut self, phones: &mut [&mut Phone]) {
        for phone in phones.iter_mut() {
            if let Some(bytes) = phone.speak() {
                self.rtp(phone.slot, phone.from, &bytes);
            }
        }
        self.tick();
        self.now = self.now + FRAME;
    }

    pub(crate) fn run(&mut self, frames: usize, phones: &mut [&mut Phone]) {
        for _ in 0..frames {
            self.step(phones);
        }
    }

    /// RTP that the bank sent from a slot.
    pub(crate) fn sent_from(&self, slot: Slot) -> Vec<&Sent> {
        self.sent.iter().filter(|s| s.slot == slot && s.channel == Channel::Rtp).collect()
    }

    /// Keys reported for a session, as text.
    pub(crate) fn digits(&self, session: SessionId, wanted: DigitSource) -> String {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Digit { session: s, digit, source }
                    if *s == session && *source == wanted =>
                {
                    Some(digit.to_char())
                }
                Report::OpenFailed { .. }
                | Report::Heard { .. }
                | Report::Digit { .. }
                | Report::Played { .. }
                | Report::Silent { .. }
                | Report::Unheard { .. }
                | Report::HeardAgain { .. }
                | Report::Measured { .. }
                | Report::Closed { .. } => None,
            })
            .collect()
    }

    /// The sound a phone heard since the beginning or the last clearing, decoded in order of sending.
    pub(crate) fn heard(&self, phone: &Phone) -> Vec<i16> {
        let mut decoder = Decoder::new(phone.format.codec, Rate::Narrow);
        let mut sound = Vec::new();
        for sent in self.sent_from(phone.slot) {
            let packet = sent.packet();
            if packet.payload_type == phone.format.payload_type {
                assert!(decoder.decode(packet.payload, &mut sound));
            }
        }
        sound
    }

    /// Share of one frequency in the last second that a phone heard.
    pub(crate) fn hears(&self, phone: &Phone, hz: f64) -> f64 {
        let sound = self.heard(phone);
        let last = sound.len().saturating_sub(8000);
        power_at(Rate::Narrow, hz, &sound[last..])
    }
}

pub(crate) fn format(codec: Codec) -> Format {
    let (payload_type, clock_hz) = match codec {
        Codec::Pcmu => (0, 8000),
        Codec::Pcma => (8, 8000),
        Codec::G722 => (9, 8000),
        Codec::Opus => (111, 48_000),
    };
    Format {
        codec,
        payload_type,
        ptime_ms: 20,
        telephone_event: Some(TelephoneEvent { payload_type: 101, clock_hz }),
    }
}

/// A telephone: a session's peer.
pub(crate) struct Phone {
    pub(crate) session: SessionId,
    pub(crate) slot: Slot,
    pub(crate) format: Format,
    /// Where its packets come from.
    pub(crate) from: SocketAddr,
    /// What it says in its SDP.
    pub(crate) named: SocketAddr,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    tone: Option<Tone>,
    encoder: Encoder,
    keys: Vec<KeyEvent>,
    key_start: u32,
}

impl Phone {
    /// Opens a session and agrees on a format both ways; the phone speaks a tone of so many hertz, 0 = nothing.
    pub(crate) fn join(world: &mut World, id: u64, format: Format, hz: f64) -> Self {
        let session = SessionId(id);
        let named = SocketAddr::new("192.0.2.10".parse().expect("an IP"), 4000 + 2 * id as u16);
        let local = addr("192.0.2.1:20000");
        let Ordered::Opened(slot) = world.order(Order::Open { session, local }) else {
            panic!("the bank has room")
        };
        let phone = Self {
            session,
            slot,
            format,
            from: named,
            named,
            ssrc: 7000 + id as u32,
            sequence: 65_500,
            timestamp: 4_294_960_000,
            tone: (hz > 0.0).then(|| Tone::single(Rate::Narrow, hz, -10.0)),
            encoder: Encoder::new(format.codec, Rate::Narrow, 5),
            keys: Vec::new(),
            key_start: 0,
        };
        phone.agree(world, Direction::SendRecv);
        phone
    }

    pub(crate) fn agree(&self, world: &mut World, direction: Direction) {
        let (session, remote, format) = (self.session, self.named, self.format);
        world.order(Order::Agree { session, remote, rtcp: None, format, direction });
    }

    /// Presses a key for 100 ms from the next frame on.
    pub(crate) fn press(&mut self, key: char) {
        let code = KeyEvent::code(Digit::from_char(key).expect("a key"));
        let ticks = self.format.telephone_event.expect("events are agreed").clock_hz / 50;
        self.keys = (1..=7u32)
            .rev()
            .map(|n| {
                let duration = (ticks * n.min(5)) as u16;
                KeyEvent { code, end: n >= 5, volume: 10, duration }
            })
            .collect();
        self.key_start = self.timestamp;
    }

    /// Sends a key in the sound instead of the phone's own tone for so many frames.
    pub(crate) fn sing(&mut self, key: char) {
        let digit = Digit::from_char(key).expect("a key");
        self.tone = Some(Tone::key(Rate::Narrow, digit, -10.0));
    }

    /// Says a tone of so many hertz at a level from now on.
    pub(crate) fn tone(&mut self, hz: f64, dbm0: f64) {
        self.tone = Some(Tone::single(Rate::Narrow, hz, dbm0));
    }

    pub(crate) fn hush(&mut self) {
        self.tone = None;
    }

    /// The packet of this frame.
    pub(crate) fn speak(&mut self) -> Option<Vec<u8>> {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(self.format.codec.frame_ticks());
        let mut payload = Vec::new();
        let mut packet = Packet {
            payload_type: self.format.payload_type,
            marker: false,
            sequence: self.sequence.wrapping_add(1),
            timestamp,
            ssrc: self.ssrc,
            payload: &[],
        };
        if let Some(event) = self.keys.pop() {
            payload.extend(event.write());
            packet.payload_type = self.format.telephone_event?.payload_type;
            packet.timestamp = self.key_start;
            packet.marker = self.keys.len() == 6;
        } else {
            let mut sound = Vec::new();
            match &mut self.tone {
                Some(tone) => tone.fill(160, &mut sound),
                None => sound.resize(160, 0),
            }
            self.encoder.encode(&sound, &mut payload);
        }
        self.sequence = packet.sequence;
        packet.payload = &payload;
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        Some(bytes)
    }
}

/// Asserts that packets form one stream: one SSRC, numbers without gaps, times that never run backwards. Event packets
/// stand still in time.
pub(crate) fn assert_one_stream(sent: &[&Sent]) {
    for pair in sent.windows(2) {
        let (a, b) = (pair[0].packet(), pair[1].packet());
        assert_eq!(a.ssrc, b.ssrc, "one SSRC");
        assert_eq!(b.sequence, a.sequence.wrapping_add(1), "no gap in the numbers");
        let step = b.timestamp.wrapping_sub(a.timestamp).cast_signed();
        assert!(step >= 0, "time runs backwards by {step}");
    }
}
