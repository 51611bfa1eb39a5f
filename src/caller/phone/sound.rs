//! The RTP of one call: sends a source every 20 ms, presses keys (RFC 4733), listens and counts (RFC 3550).

use super::PhoneError;
use super::ear::{Ear, Kind, Stretch};
use super::sdp::Remote;
use super::voice::{Codec, Coder, Player, Source};
use rtp_rs::{RtpPacketBuilder, RtpReader};
use serde::Serialize;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// Packets of a key press, 20 ms each, before the three that end it.
const PRESS_PACKETS: u16 = 5;
/// Packets of silence between two keys.
const GAP_PACKETS: u16 = 4;
/// A pause in the stream longer than this is heard as silence.
const GAP_SECS: f64 = 0.06;
/// Recorded samples at most: ten minutes at 16 kHz. What comes later is not recorded.
const RECORD_MAX: usize = 10 * 60 * 16_000;

/// What one call heard and sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Heard {
    /// RTP packets received.
    pub(crate) received: u64,
    /// Packets that never came.
    pub(crate) lost: u64,
    /// Interarrival jitter, milliseconds.
    pub(crate) jitter_ms: f64,
    /// RTP packets sent.
    pub(crate) sent: u64,
    /// Seconds from the start of the sound to the first packet.
    pub(crate) first_packet_secs: Option<f64>,
    /// Seconds from the start of the sound to the first packet that is not silence.
    pub(crate) first_sound_secs: Option<f64>,
    /// When the last packet came that is not silence.
    #[serde(skip)]
    pub(crate) last_sound_at: Option<Instant>,
    /// Keys the other side pressed.
    pub(crate) keys: String,
    /// What was heard, in order.
    pub(crate) stretches: Vec<Stretch>,
}

impl Heard {
    /// Seconds of a tone within 20 Hz of that frequency.
    pub(crate) fn tone_secs(&self, hz: u32) -> f64 {
        let is =
            |s: &&Stretch| matches!(s.kind, Kind::Tone { hz: found } if found.abs_diff(hz) <= 20);
        self.stretches.iter().filter(is).map(|s| s.secs).fold(0.0, |sum, secs| sum + secs)
    }

    /// Seconds of anything but silence.
    pub(crate) fn sound_secs(&self) -> f64 {
        self.stretches
            .iter()
            .filter(|s| s.kind != Kind::Silence)
            .map(|s| s.secs)
            .fold(0.0, |sum, secs| sum + secs)
    }
}

enum Order {
    Agree(Remote),
    Press(Vec<char>),
}

struct Shared {
    heard: Heard,
    ear: Ear,
    recorded: Vec<i16>,
    record: bool,
    rate_hz: u32,
}

/// The sound of one call; ends when dropped.
pub(super) struct Sound {
    local: SocketAddr,
    orders: mpsc::UnboundedSender<Order>,
    shared: Arc<Mutex<Shared>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sound {
    /// Opens a socket on an even port, so that nobody else's RTCP falls into it.
    pub(super) async fn open(
        ip: IpAddr,
        source: Source,
        record: bool,
    ) -> Result<Sound, PhoneError> {
        let failed = |e: std::io::Error| PhoneError::Network(format!("RTP on {ip}: {e}"));
        let mut socket = UdpSocket::bind((ip, 0)).await.map_err(failed)?;
        let mut odd = Vec::new();
        while socket.local_addr().map_err(failed)?.port() % 2 == 1 && odd.len() < 32 {
            odd.push(std::mem::replace(
                &mut socket,
                UdpSocket::bind((ip, 0)).await.map_err(failed)?,
            ));
        }
        let local = socket.local_addr().map_err(failed)?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let shared = Shared {
            heard: Heard::default(),
            ear: Ear::new(8000),
            recorded: Vec::new(),
            record,
            rate_hz: 8000,
        };
        let shared = Arc::new(Mutex::new(shared));
        let task = tokio::spawn(Stream::new(socket, source, shared.clone()).run(inbox));
        Ok(Sound { local, orders, shared, task })
    }

    /// Where we hear.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Begins, or changes after a new offer and answer.
    pub(super) fn agree(&self, remote: Remote) {
        let _ = self.orders.send(Order::Agree(remote));
    }

    /// Presses keys, one after the other.
    pub(super) fn press(&self, keys: &[char]) {
        let _ = self.orders.send(Order::Press(keys.to_vec()));
    }

    /// What was heard so far.
    pub(super) fn heard(&self) -> Heard {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Heard { stretches: shared.ear.stretches(), ..shared.heard.clone() }
    }

    /// The recording so far and its sampling rate.
    pub(super) fn recording(&self) -> (u32, Vec<i16>) {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        (shared.rate_hz, shared.recorded.clone())
    }
}

/// Where a key press stands.
enum Key {
    Down { key: u8, packet: u16, timestamp: u32 },
    Gap(u16),
}

/// The task that owns the socket.
struct Stream {
    socket: UdpSocket,
    source: Source,
    shared: Arc<Mutex<Shared>>,
    remote: Option<Remote>,
    coder: Coder,
    player: Player,
    started: Instant,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    keys: VecDeque<char>,
    key: Option<Key>,
    ears: Reception,
}

/// What RFC 3550 A.1, A.3 and A.8 keep about the other side.
#[derive(Default)]
struct Reception {
    ssrc: Option<u32>,
    highest: u16,
    cycles: u64,
    base: u64,
    received: u64,
    received_here: u64,
    lost_before: u64,
    transit: Option<f64>,
    jitter: f64,
    last_arrival: Option<Instant>,
    last_key: Option<u32>,
}

impl Stream {
    fn new(socket: UdpSocket, source: Source, shared: Arc<Mutex<Shared>>) -> Stream {
        let random = u64::from_str_radix(&super::text::token(8), 16).unwrap_or(1);
        Stream {
            socket,
            player: Player::new(source.clone(), 8000),
            source,
            shared,
            remote: None,
            coder: Coder::new(Codec::Pcma),
            started: Instant::now(),
            ssrc: random as u32,
            sequence: (random >> 32) as u16,
            timestamp: (random >> 16) as u32,
            keys: VecDeque::new(),
            key: None,
            ears: Reception::default(),
        }
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut buffer = [0_u8; 2048];
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.order(order),
                    None => return,
                },
                _ = tick.tick() => self.send().await,
                received = self.socket.recv_from(&mut buffer) => if let Ok((length, _)) = received {
                    self.hear(&buffer[..length]);
                },
            }
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Agree(remote) => {
                if self.remote.as_ref().map(|r| r.codec) != Some(remote.codec) {
                    self.coder = Coder::new(remote.codec);
                    self.player = Player::new(self.source.clone(), remote.codec.rate_hz());
                    let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.rate_hz = remote.codec.rate_hz();
                    shared.ear.set_rate(remote.codec.rate_hz());
                }
                if self.remote.is_none() {
                    self.started = Instant::now();
                }
                self.remote = Some(remote);
            }
            Order::Press(keys) => self.keys.extend(keys),
        }
    }

    async fn send(&mut self) {
        let Some(remote) = self.remote.clone() else { return };
        if !remote.hears {
            return;
        }
        let step = remote.codec.clock_hz() / 50;
        self.timestamp = self.timestamp.wrapping_add(step);
        if self.key.is_none()
            && let Some(event) = self.keys.pop_front().and_then(event_of)
        {
            self.key = Some(Key::Down { key: event, packet: 0, timestamp: self.timestamp });
        }
        match self.key.take() {
            Some(Key::Down { key, packet, timestamp }) if remote.event.is_some() => {
                let event_type = remote.event.unwrap_or_default();
                let held = packet.min(PRESS_PACKETS - 1) + 1;
                let duration = u32::from(held) * step;
                let end = packet >= PRESS_PACKETS;
                let [high, low] = (duration as u16).to_be_bytes();
                let payload = [key, if end { 0x8A } else { 0x0A }, high, low];
                self.packet(&remote, event_type, timestamp, packet == 0, &payload).await;
                let last = packet + 1 == PRESS_PACKETS + 3;
                self.key = Some(if last {
                    Key::Gap(0)
                } else {
                    Key::Down { key, packet: packet + 1, timestamp }
                });
            }
            Some(Key::Gap(count)) if count < GAP_PACKETS => {
                self.key = Some(Key::Gap(count + 1));
                self.say_frame(&remote).await;
            }
            Some(Key::Down { .. } | Key::Gap(_)) | None => self.say_frame(&remote).await,
        }
    }

    async fn say_frame(&mut self, remote: &Remote) {
        let payload = self.coder.encode(&self.player.frame());
        self.packet(remote, remote.payload_type, self.timestamp, false, &payload).await;
    }

    async fn packet(
        &mut self,
        remote: &Remote,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) {
        let packet = RtpPacketBuilder::new()
            .payload_type(payload_type)
            .ssrc(self.ssrc)
            .sequence(self.sequence.into())
            .timestamp(timestamp)
            .marked(marker)
            .payload(payload)
            .build();
        self.sequence = self.sequence.wrapping_add(1);
        let Ok(packet) = packet else { return };
        if self.socket.send_to(&packet, remote.address).await.is_ok() {
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).heard.sent += 1;
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        let (Ok(packet), Some(remote)) = (RtpReader::new(bytes), &self.remote) else { return };
        let now = Instant::now();
        let audio = packet.payload_type() == remote.payload_type;
        let event = remote.event == Some(packet.payload_type());
        if !audio && !event {
            return;
        }
        let since = now.duration_since(self.started).as_secs_f64();
        let gap =
            self.ears.last_arrival.replace(now).map(|last| now.duration_since(last).as_secs_f64());
        self.ears.count(&packet, since * f64::from(remote.codec.clock_hz()), audio);
        let samples = if audio { self.coder.decode(packet.payload()) } else { Vec::new() };
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.heard.received = self.ears.received;
        shared.heard.lost = self.ears.lost();
        shared.heard.jitter_ms = self.ears.jitter / f64::from(remote.codec.clock_hz()) * 1000.0;
        shared.heard.first_packet_secs.get_or_insert(since);
        if event {
            if self.ears.last_key.replace(packet.timestamp()) != Some(packet.timestamp())
                && let Some(key) = packet.payload().first().and_then(|e| key_of(*e))
            {
                shared.heard.keys.push(key);
            }
            return;
        }
        match gap {
            None => shared.ear.pass(since),
            Some(gap) if gap > GAP_SECS => shared.ear.pass(gap - 0.02),
            Some(_) => {}
        }
        let loud = samples.iter().any(|s| s.unsigned_abs() > 400);
        if loud {
            shared.heard.first_sound_secs.get_or_insert(since);
            shared.heard.last_sound_at = Some(now);
        }
        shared.ear.hear(&samples);
        if shared.record && shared.recorded.len() < RECORD_MAX {
            shared.recorded.extend_from_slice(&samples);
        }
    }
}

impl Reception {
    /// Counts a packet that arrived at `arrival`, in units of its RTP clock.
    fn count(&mut self, packet: &RtpReader<'_>, arrival: f64, audio: bool) {
        let sequence: u16 = packet.sequence_number().into();
        if self.ssrc != Some(packet.ssrc()) {
            let (lost_before, received) = (self.lost(), self.received);
            let (last_arrival, last_key, jitter) = (self.last_arrival, self.last_key, self.jitter);
            *self = Reception {
                ssrc: Some(packet.ssrc()),
                lost_before,
                received,
                last_arrival,
                last_key,
                jitter,
                ..Reception::default()
            };
            (self.highest, self.base) = (sequence, u64::from(sequence));
        }
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead > 0 && ahead < 0x8000 {
            if sequence < self.highest {
                self.cycles += 1 << 16;
            }
            self.highest = sequence;
        }
        self.received += 1;
        self.received_here += 1;
        if audio {
            let transit = arrival - f64::from(packet.timestamp());
            if let Some(before) = self.transit.replace(transit) {
                let difference = (transit - before).abs();
                // A jump of the sender's clock is no jitter.
                if difference < 48_000.0 {
                    self.jitter += (difference - self.jitter) / 16.0;
                }
            }
        }
    }

    /// Packets that never came, over all sources; duplicates can hide a loss, as in RFC 3550.
    fn lost(&self) -> u64 {
        let expected = match self.ssrc {
            Some(_) => self.cycles + u64::from(self.highest) + 1 - self.base,
            None => 0,
        };
        self.lost_before + expected.saturating_sub(self.received_here)
    }
}

fn event_of(key: char) -> Option<u8> {
    match key {
        '0'..='9' => Some(key as u8 - b'0'),
        '*' => Some(10),
        '#' => Some(11),
        'A'..='D' => Some(key as u8 - b'A' + 12),
        _ => None,
    }
}

fn key_of(event: u8) -> Option<char> {
    "0123456789*#ABCD".chars().nth(usize::from(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
        RtpPacketBuilder::new()
            .payload_type(8)
            .ssrc(ssrc)
            .sequence(sequence.into())
            .payload(&[0])
            .build()
            .unwrap()
    }

    #[test]
    fn losses_are_counted_over_the_wrap_and_over_a_new_source() {
        let mut reception = Reception::default();
        for sequence in [65534, 65535, 1, 2] {
            reception.count(&RtpReader::new(&packet(7, sequence)).unwrap(), 0.0, true);
        }
        assert_eq!(reception.lost(), 1, "0 is missing");
        for sequence in [100, 101, 103] {
            reception.count(&RtpReader::new(&packet(8, sequence)).unwrap(), 0.0, true);
        }
        assert_eq!(reception.lost(), 2, "102 is missing too");
    }

    #[test]
    fn keys_and_events_are_each_others_mirror() {
        for key in "0123456789*#ABCD".chars() {
            assert_eq!(event_of(key).and_then(key_of), Some(key));
        }
    }

    #[tokio::test]
    async fn two_phones_hear_each_others_tone_and_keys() {
        let ip: IpAddr = "127.0.0.1".parse().unwrap();
        let a = Sound::open(ip, Source::Tone(700.0), false).await.unwrap();
        let b = Sound::open(ip, Source::Tone(1000.0), true).await.unwrap();
        let remote = |address| Remote {
            address,
            codec: Codec::Pcma,
            payload_type: 8,
            event: Some(101),
            hears: true,
            sends: true,
        };
        a.agree(remote(b.local()));
        b.agree(remote(a.local()));
        a.press(&['1', '1', '#']);
        let heard = |sound: &Sound, keys: &str| {
            let heard = sound.heard();
            heard.keys == keys && heard.received > 60
        };
        let mut glance = tokio::time::interval(Duration::from_millis(20));
        while !heard(&a, "") || !heard(&b, "11#") {
            glance.tick().await;
        }
        assert!(a.heard().tone_secs(1000) > 0.5, "{:?}", a.heard());
        assert!(b.heard().tone_secs(700) > 0.2, "{:?}", b.heard());
        assert_eq!((a.heard().lost, b.heard().lost), (0, 0));
        assert!(b.recording().1.len() > 4000);
    }
}
