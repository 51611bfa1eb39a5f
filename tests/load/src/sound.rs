//! The sound of all calls: every caller sends G.711 packets of 20 ms, agents send back what they hear (RFC 3550).
//!
//! Each packet carries when it was sent, so that loss and round trip are known packet by packet. Callers share one
//! socket and agents another: what is measured is the switch, not the sockets of the generator.

use crate::meter::Spread;
use crate::options::Options;
use crate::socket::{Batch, MILLISECOND, Outbox, PACKET_BYTES, Socket, now};
use serde_json::{Map, Value, json};
use std::net::SocketAddrV4;

/// Marks a packet of ours; what the switch plays has no such mark.
const MARK: &[u8; 4] = b"LOAD";
/// Calls are spread over so many milliseconds.
const SLOTS: usize = 20;
/// The agents' port of sound above the callers'.
const AGENTS_ABOVE: u16 = 20;
/// Milliseconds made up for after a hiccup; the rest is left out.
const CATCH_UP_MS: i64 = 200;

/// Packets counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    sent: u64,
    returned: u64,
    reached_agents: u64,
    played: u64,
}

struct Stream {
    to: SocketAddrV4,
    packets: u32,
}

/// The sound of all calls.
pub(crate) struct Sound {
    callers: Socket,
    agents: Socket,
    /// RTCP is received, so that nothing bounces, and not looked at.
    ignored: [Socket; 2],
    streams: Vec<Option<Stream>>,
    talking: bool,
    tick: i64,
    counts: Counts,
    round_trips: Spread,
    outbox: Outbox,
}

impl Sound {
    /// Where callers want to hear.
    pub(crate) fn caller_address(options: &Options) -> SocketAddrV4 {
        SocketAddrV4::new(*options.callers_at.ip(), options.sound_port)
    }

    /// Where agents want to hear.
    pub(crate) fn agent_address(options: &Options) -> SocketAddrV4 {
        SocketAddrV4::new(*options.callers_at.ip(), options.sound_port + AGENTS_ABOVE)
    }

    /// Silence; or, towards a bare relay, sound at once.
    pub(crate) fn new(options: &Options) -> Sound {
        let (callers, agents) = (Sound::caller_address(options), Sound::agent_address(options));
        let above = |address: SocketAddrV4| SocketAddrV4::new(*address.ip(), address.port() + 1);
        let mut sound = Sound {
            callers: Socket::bind(callers),
            agents: Socket::bind(agents),
            ignored: [Socket::bind(above(callers)), Socket::bind(above(agents))],
            streams: (0..options.calls).map(|_| None).collect(),
            talking: options.sound || options.relay.is_some(),
            tick: now() / MILLISECOND,
            counts: Counts::default(),
            round_trips: Spread::default(),
            outbox: Outbox::default(),
        };
        if let Some(relay) = options.relay {
            for call in 0..options.calls {
                let port = relay.port() + 2 * call as u16;
                sound.open(call, SocketAddrV4::new(*relay.ip(), port));
            }
        }
        sound
    }

    /// A call is up: its caller sends there.
    pub(crate) fn open(&mut self, call: usize, to: SocketAddrV4) {
        self.streams[call] = Some(Stream { to, packets: 0 });
    }

    /// Callers fall silent.
    pub(crate) fn stop(&mut self) {
        self.talking = false;
    }

    /// Begins to count anew.
    pub(crate) fn forget(&mut self) {
        self.counts = Counts::default();
        self.round_trips = Spread::default();
    }

    /// Counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Hears everything, and sends what is due.
    pub(crate) fn tick(&mut self, at: i64, batch: &mut Batch) {
        self.hear(batch);
        let until = at / MILLISECOND;
        self.tick = self.tick.max(until - CATCH_UP_MS);
        while self.tick < until {
            self.tick += 1;
            if self.talking {
                self.speak((self.tick % SLOTS as i64) as usize);
            }
        }
    }

    fn hear(&mut self, batch: &mut Batch) {
        while self.agents.receive(batch) {
            for (arrival, bytes) in batch.iter() {
                if bytes.get(12..16) == Some(MARK) {
                    self.counts.reached_agents += 1;
                    self.outbox.push(bytes, arrival.from);
                }
            }
            self.outbox.flush(&self.agents);
        }
        while self.callers.receive(batch) {
            for (arrival, bytes) in batch.iter() {
                let Some(sent) = bytes.get(16..24).filter(|_| &bytes[12..16] == MARK) else {
                    self.counts.played += 1;
                    continue;
                };
                self.counts.returned += 1;
                let sent = i64::from_be_bytes(sent.try_into().expect("eight bytes were taken"));
                self.round_trips.push((arrival.at - sent) as f64 / 1e6);
            }
        }
        for socket in &self.ignored {
            while socket.receive(batch) {}
        }
    }

    fn speak(&mut self, slot: usize) {
        for (call, stream) in self.streams.iter_mut().enumerate().skip(slot).step_by(SLOTS) {
            let Some(Stream { to, packets }) = stream else { continue };
            let mut packet = [0xff; PACKET_BYTES];
            packet[..2].copy_from_slice(&[0x80, 0]);
            packet[2..4].copy_from_slice(&(*packets as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&packets.wrapping_mul(160).to_be_bytes());
            packet[8..12].copy_from_slice(&(0x1_0000 + call as u32).to_be_bytes());
            packet[12..16].copy_from_slice(MARK);
            packet[16..24].copy_from_slice(&now().to_be_bytes());
            *packets += 1;
            self.counts.sent += 1;
            self.outbox.push(&packet, *to);
        }
        self.outbox.flush(&self.callers);
    }

    /// What was sent and came back within the window.
    pub(crate) fn report(&mut self, counts: &Counts, out: &mut Map<String, Value>) {
        let Counts { sent, returned, reached_agents, played } = *counts;
        out.insert(
            "sound".into(),
            json!({
                "sent": sent, "reached_agents": reached_agents, "returned": returned, "played": played,
                "loss_percent": (sent.saturating_sub(returned)) as f64 * 100.0 / sent.max(1) as f64,
                "round_trip_ms": self.round_trips.json(),
            }),
        );
    }
}
