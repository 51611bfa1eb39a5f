//! The bank: all sessions of one media worker, owned outright and driven from outside.
//!
//! Knows nothing of sockets, ports, calls or agents. The shell maps each socket to a [`Slot`], passes the time in and
//! obeys one law: after any method that takes `now`, drain [`Bank::poll_report`] until `None`.
//!
//! The shell's loop: bind both sockets, order [`Order::Open`], tie the sockets to the slot it gets; hand each datagram
//! to [`Bank::rtp`] or [`Bank::rtcp`]; call [`Bank::tick`] at [`Bank::next_tick`]; on [`Ordered::Closed`] drop the
//! sockets and give the ports back to [`crate::ports::PortPool`]. When binding fails it makes [`Report::OpenFailed`]
//! itself.

use crate::clip::Library;
use crate::codec::bridge_rate;
use crate::limits::{CATCH_UP_FRAMES_MAX, DATAGRAM_BYTES_MAX, FRAME, REPORTS_WARN, SESSIONS_MAX};
use crate::order::{Codec, Digit, Direction, Format, Order, Report, SessionId};
use crate::playout::{Content, Playout};
use crate::rtp::{Arrival, Packet, Random, is_rtcp};
use crate::session::{Accepted, Mouth, Session, Voice};
use crate::source::{Clips, Link, Source};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The place of a session in its bank: what the shell keeps beside the socket, so that a packet finds its session in
/// one step. Slots are used again after [`Ordered::Closed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub usize);

/// Which socket of a session's pair a datagram belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port above it.
    Rtcp,
}

/// Where outgoing datagrams go; the shell sends each at once from the named session's socket, or drops it. Addresses
/// are canonical: a peer that reached a dual-stack socket over IPv4 is answered at an IPv4 address.
pub trait Sink {
    /// Send `packet` to `to` from the `channel` socket of the session in `slot`.
    fn send(&mut self, slot: Slot, channel: Channel, to: SocketAddr, packet: &[u8]);
}

impl<F: FnMut(Slot, Channel, SocketAddr, &[u8])> Sink for F {
    fn send(&mut self, slot: Slot, channel: Channel, to: SocketAddr, packet: &[u8]) {
        self(slot, channel, to, packet);
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// The session lives in this slot from now on: the shell ties its sockets to it.
    Opened(Slot),
    /// The session that lived here is gone: the shell drops its sockets. [`Report::Closed`] is waiting.
    Closed(Slot),
    /// Done.
    Obeyed,
    /// Counted and dropped: the session is unknown, exists already, or the bank is full.
    Refused,
}

/// How a bank treats its sessions.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Silence of the peer after which [`Report::Silent`] is made. Default 30 s.
    pub rtp_timeout: Duration,
    /// How long after an agreement a source other than the one in the SDP may still be learned. Default 3 s.
    pub latch_window: Duration,
    /// How many consecutive packets of one SSRC a source not named in the SDP must send to be believed. Default 4.
    pub latch_probation: u8,
    /// Whether sessions with nothing to say send silence, which keeps NAT bindings and far-end timers alive.
    /// Default true.
    pub continuous: bool,
    /// Sound held back before transcoding or mixing, to absorb jitter. Default 60 ms.
    pub playout_delay: Duration,
    /// Interval of RTCP reports. Default 5 s.
    pub rtcp_interval: Duration,
    /// RTCP canonical name (RFC 3550 §6.5.1): the same for all sessions of this server. Default `dozvon`.
    pub cname: String,
    /// Seed of SSRCs and first sequence numbers; the shell takes one for each bank from the system's randomness.
    pub seed: u64,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            rtp_timeout: Duration::from_secs(30),
            latch_window: Duration::from_secs(3),
            latch_probation: 4,
            continuous: true,
            playout_delay: Duration::from_millis(60),
            rtcp_interval: Duration::from_secs(5),
            cname: "dozvon".to_owned(),
            seed: 0,
        }
    }
}

/// What a bank has thrown away, for metrics. All counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BankCounts {
    /// Orders for unknown sessions, for ids in use, and sessions beyond the bound.
    pub refused_orders: u64,
    /// Datagrams that are not RTP or are too long, and those of empty slots.
    pub malformed: u64,
    /// Keys that did not fit into the queue of those to be sent.
    pub dropped_keys: u64,
    /// Packets beyond the number that one session may get between two ticks.
    pub flooded: u64,
    /// Frames of 20 ms that were skipped because ticks came too late.
    pub skipped_frames: u64,
}

/// All sessions of one media worker.
#[derive(Debug)]
pub struct Bank {
    library: Arc<Library>,
    config: MediaConfig,
    random: Random,
    sessions: Vec<Option<Box<Session>>>,
    free: Vec<usize>,
    slots: BTreeMap<SessionId, usize>,
    reports: VecDeque<Report>,
    reports_warned: bool,
    counts: BankCounts,
    last_tick: Option<Timestamp>,
    /// The packet being written.
    scratch: Vec<u8>,
    /// The frame of sound being handed from one session to another.
    sound: Vec<i16>,
}

/// A voice for a session of this bank; a macro, since it borrows single fields.
macro_rules! voice {
    ($bank:ident, $now:expr, $sink:expr) => {
        Voice {
            now: $now,
            library: &$bank.library,
            config: &$bank.config,
            scratch: &mut $bank.scratch,
            reports: &mut $bank.reports,
            sink: $sink,
        }
    };
}

impl Bank {
    /// An empty bank that plays from `library`.
    pub fn new(library: Arc<Library>, config: MediaConfig) -> Self {
        let random = Random::new(config.seed);
        Self {
            library,
            config,
            random,
            sessions: Vec::new(),
            free: Vec::new(),
            slots: BTreeMap::new(),
            reports: VecDeque::with_capacity(64),
            reports_warned: false,
            counts: BankCounts::default(),
            last_tick: None,
            scratch: Vec::with_capacity(DATAGRAM_BYTES_MAX),
            sound: Vec::with_capacity(2048),
        }
    }

    // ---- orders ------------------------------------------------------------------------------------------------

    /// Obeys one order. [`Order::Open`] only makes the session: the shell has bound the sockets before. Only
    /// [`Order::Close`] sends something here (the RTCP goodbye); the sockets must live until this returns.
    pub fn order(&mut self, now: Timestamp, order: Order, sink: &mut impl Sink) -> Ordered {
        let session = match &order {
            Order::Open { session, .. } => return self.open(now, *session),
            Order::Agree { session, .. }
            | Order::Play { session, .. }
            | Order::Loop { session, .. }
            | Order::Stop { session }
            | Order::Dial { session, .. }
            | Order::Bridge { a: session, .. }
            | Order::Unbridge { session }
            | Order::Echo { session }
            | Order::Close { session } => *session,
        };
        let Some(index) = self.slots.get(&session).copied() else { return self.refuse() };
        match order {
            Order::Open { .. } => return self.refuse(),
            Order::Agree { remote, rtcp, format, direction, .. } => {
                self.agree(now, index, (remote, rtcp), format, direction);
            }
            Order::Play { play, clips, .. } => {
                self.unbridge(index);
                let session = self.at(index);
                if clips.is_empty() {
                    session.hear(Source::Idle);
                    let id = session.id;
                    self.reports.push_back(Report::Played { session: id, play });
                } else {
                    session.hear(Source::Clips(Clips::new(play, clips)));
                }
            }
            Order::Loop { clip, .. } => {
                self.unbridge(index);
                self.at(index).hear_loop(clip);
            }
            Order::Stop { .. } => self.stop(index),
            Order::Dial { digits, .. } => self.dial(index, &digits),
            Order::Bridge { b, .. } => match self.slots.get(&b).copied() {
                Some(other) if other != index => self.bridge(index, other),
                Some(_) | None => return self.refuse(),
            },
            Order::Unbridge { .. } => self.unbridge(index),
            Order::Echo { .. } => {
                self.unbridge(index);
                self.at(index).hear(Source::Echo);
            }
            Order::Close { .. } => return self.close(now, index, sink),
        }
        Ordered::Obeyed
    }

    fn refuse(&mut self) -> Ordered {
        self.counts.refused_orders += 1;
        Ordered::Refused
    }

    fn open(&mut self, now: Timestamp, id: SessionId) -> Ordered {
        if self.slots.contains_key(&id) || self.slots.len() >= SESSIONS_MAX {
            return self.refuse();
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.sessions.push(None);
            self.sessions.len() - 1
        });
        let slot = Slot(index);
        self.sessions[index] = Some(Box::new(Session::new(now, id, slot, &mut self.random)));
        self.slots.insert(id, index);
        Ordered::Opened(slot)
    }

    fn agree(
        &mut self,
        now: Timestamp,
        index: usize,
        remote: (SocketAddr, Option<SocketAddr>),
        format: Format,
        direction: Direction,
    ) {
        if !self.library.speaks(format.codec) {
            tracing::warn!(codec = ?format.codec, "no clips are encoded for an agreed codec");
        }
        let session = self.sessions[index].as_mut().expect("slots name live sessions");
        let before = session.agreed.as_ref().map(|agreed| agreed.format);
        session.agree(now, remote, format, direction, &self.config, &mut self.random);
        // A mere refresh leaves the jitter buffers and codecs of a bridge in peace.
        if let (Source::Bridge { peer, .. }, true) = (&session.source, before != Some(format)) {
            let peer = *peer;
            self.link(index, peer);
        }
    }

    fn stop(&mut self, index: usize) {
        let session = self.at(index);
        match session.source {
            Source::Clips(_) | Source::Loop { .. } | Source::Echo => session.hear(Source::Idle),
            Source::Idle | Source::Bridge { .. } => {}
        }
    }

    fn dial(&mut self, index: usize, digits: &[Digit]) {
        let session = self.at(index);
        let dropped = digits.iter().filter(|digit| !session.keys_out.push(**digit)).count();
        self.counts.dropped_keys += dropped as u64;
    }

    fn bridge(&mut self, a: usize, b: usize) {
        if matches!(self.at(a).source, Source::Bridge { peer, .. } if peer == b) {
            return;
        }
        self.unbridge(a);
        self.unbridge(b);
        self.at(a).hear(Source::Bridge { peer: b, link: Link::Waiting });
        self.at(b).hear(Source::Bridge { peer: a, link: Link::Waiting });
        self.link(a, b);
    }

    /// Decides how sound passes between two bridged sessions, from what both have agreed.
    fn link(&mut self, a: usize, b: usize) {
        let format = |bank: &mut Bank, index| bank.at(index).agreed.as_ref().map(|s| s.format);
        let link = match (format(self, a), format(self, b)) {
            (Some(fa), Some(fb)) if relays(&fa, &fb) => Link::Relay,
            (Some(fa), Some(fb)) => {
                self.transcode(a, fa.codec, fb.codec);
                self.transcode(b, fb.codec, fa.codec);
                Link::Transcode
            }
            (Some(_) | None, _) => Link::Waiting,
        };
        for (index, peer) in [(a, b), (b, a)] {
            let session = self.at(index);
            session.source = Source::Bridge { peer, link };
            session.stop_listening_for_keys();
            if link != Link::Transcode {
                session.drop_codecs();
            }
            session.turn();
        }
    }

    fn transcode(&mut self, index: usize, own: Codec, other: Codec) {
        let (rate, delay) = (bridge_rate(own, other), self.config.playout_delay);
        let session = self.at(index);
        session.ear = Some(Box::new(Playout::new(own, rate, delay)));
        session.mouth = Some(Box::new(Mouth::new(own, rate)));
    }

    fn unbridge(&mut self, index: usize) {
        if let Source::Bridge { peer, .. } = self.at(index).source {
            self.at(index).hear(Source::Idle);
            self.at(peer).hear(Source::Idle);
        }
    }

    fn close(&mut self, now: Timestamp, index: usize, sink: &mut impl Sink) -> Ordered {
        self.unbridge(index);
        let mut session = self.sessions[index].take().expect("slots name live sessions");
        session.send_rtcp(true, &mut voice!(self, now, sink));
        self.slots.remove(&session.id);
        self.free.push(index);
        let quality = session.quality();
        self.reports.push_back(Report::Closed { session: session.id, quality });
        Ordered::Closed(Slot(index))
    }

    fn at(&mut self, index: usize) -> &mut Session {
        self.sessions[index].as_mut().expect("slots and bridges name live sessions")
    }

    // ---- packets -----------------------------------------------------------------------------------------------

    /// A datagram from the RTP socket of a slot. What is relayed goes into `sink` before this returns.
    pub fn rtp(
        &mut self,
        now: Timestamp,
        slot: Slot,
        from: SocketAddr,
        packet: &[u8],
        sink: &mut impl Sink,
    ) {
        if is_rtcp(packet) {
            self.rtcp(now, slot, from, packet);
            return;
        }
        let parsed = Packet::parse(packet).filter(|_| packet.len() <= DATAGRAM_BYTES_MAX);
        let session = self.sessions.get_mut(slot.0).and_then(Option::as_mut);
        let (Some(packet), Some(session)) = (parsed, session) else {
            self.counts.malformed += 1;
            return;
        };
        match session.receive(now, from, &packet, &mut self.reports) {
            Accepted::Dropped => {}
            Accepted::Flooded => self.counts.flooded += 1,
            Accepted::Audio(arrival) => self.audio(now, slot.0, &packet, arrival, sink),
            Accepted::Event(arrival, digit) => {
                self.event(now, slot.0, &packet, arrival, digit, sink);
            }
        }
        self.watch_reports();
    }

    fn audio(
        &mut self,
        now: Timestamp,
        index: usize,
        packet: &Packet<'_>,
        arrival: Arrival,
        sink: &mut impl Sink,
    ) {
        let Some(session) = &mut self.sessions[index] else { return };
        match session.source {
            Source::Bridge { peer, link: Link::Relay } => {
                if let Some(peer) = &mut self.sessions[peer] {
                    peer.relay(packet, arrival, &mut voice!(self, now, sink));
                }
            }
            Source::Bridge { link: Link::Transcode, .. } => {
                hear_for_peer(session, now, packet, arrival, Content::Audio);
            }
            Source::Bridge { link: Link::Waiting, .. } => {}
            Source::Echo => session.relay(packet, arrival, &mut voice!(self, now, sink)),
            Source::Idle | Source::Clips(_) | Source::Loop { .. } => {
                session.listen_for_keys(packet, arrival, &mut self.sound, &mut self.reports);
            }
        }
    }

    /// Events pass a relay as they are, where the other side has agreed to them; else the key is pressed anew there.
    fn event(
        &mut self,
        now: Timestamp,
        index: usize,
        packet: &Packet<'_>,
        arrival: Arrival,
        digit: Option<Digit>,
        sink: &mut impl Sink,
    ) {
        let Some(session) = &mut self.sessions[index] else { return };
        let clock_hz = session
            .agreed
            .as_ref()
            .and_then(|agreed| agreed.format.telephone_event)
            .map_or(0, |event| event.clock_hz);
        let (peer, relays) = match session.source {
            Source::Bridge { peer, link: Link::Relay } => (peer, true),
            Source::Bridge { peer, link: Link::Transcode } => {
                hear_for_peer(session, now, packet, arrival, Content::Nothing);
                (peer, false)
            }
            Source::Bridge { link: Link::Waiting, .. }
            | Source::Idle
            | Source::Clips(_)
            | Source::Loop { .. }
            | Source::Echo => return,
        };
        let Some(other) = &mut self.sessions[peer] else { return };
        let relayed =
            relays && other.relay_event(packet, arrival, clock_hz, &mut voice!(self, now, sink));
        if let (false, Some(digit)) = (relayed, digit) {
            self.dial(peer, &[digit]);
        }
    }

    /// A datagram from the RTCP socket of a slot.
    pub fn rtcp(&mut self, now: Timestamp, slot: Slot, from: SocketAddr, packet: &[u8]) {
        match self.sessions.get_mut(slot.0) {
            Some(Some(session)) if packet.len() <= DATAGRAM_BYTES_MAX => {
                session.receive_rtcp(now, from, packet);
            }
            Some(Some(_) | None) | None => self.counts.malformed += 1,
        }
    }

    // ---- time --------------------------------------------------------------------------------------------------

    /// Does everything that is due: prompts, silence, transcoding, keys, RTCP, timeouts. To be called every 20 ms; a
    /// late call catches up with a few frames, a very late one skips what nobody could hear any more.
    pub fn tick(&mut self, now: Timestamp, sink: &mut impl Sink) {
        let frame = FRAME.as_micros() as u64;
        let due = match self.last_tick {
            Some(last) => now.since(last).as_micros() as u64 / frame,
            None => 1,
        };
        let skipped = due.saturating_sub(CATCH_UP_FRAMES_MAX);
        self.last_tick = Some(self.last_tick.map_or(now, |last| last + FRAME * due as u32));
        if skipped > 0 {
            self.counts.skipped_frames += skipped;
            self.sessions.iter_mut().flatten().for_each(|session| session.skip(skipped as u32));
        }
        for _ in skipped..due {
            self.frame(now, sink);
        }
        self.watch_reports();
    }

    fn frame(&mut self, now: Timestamp, sink: &mut impl Sink) {
        for index in 0..self.sessions.len() {
            let has_sound = self.sound_for(now, index);
            let Some(session) = &mut self.sessions[index] else { continue };
            let sound = has_sound.then_some(self.sound.as_slice());
            let mut voice = voice!(self, now, sink);
            session.tick(sound, &mut voice);
            session.tick_rtcp(&mut self.random, &mut voice);
        }
    }

    /// Fetches the frame that a transcoding bridge has for a session; `false` when there is nothing but silence.
    fn sound_for(&mut self, now: Timestamp, index: usize) -> bool {
        let peer = match self.sessions[index].as_ref().map(|session| &session.source) {
            Some(Source::Bridge { peer, link: Link::Transcode }) => *peer,
            Some(
                Source::Bridge { link: Link::Waiting | Link::Relay, .. }
                | Source::Idle
                | Source::Clips(_)
                | Source::Loop { .. }
                | Source::Echo,
            )
            | None => return false,
        };
        self.sound.clear();
        match self.sessions[peer].as_mut().and_then(|peer| peer.ear.as_mut()) {
            Some(ear) => ear.pull(now, &mut self.sound),
            None => false,
        }
    }

    /// When [`Bank::tick`] next has something to do; `None` before the first tick.
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.last_tick.map(|last| last + FRAME)
    }

    // ---- asking ------------------------------------------------------------------------------------------------

    /// The next report, oldest first.
    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    fn watch_reports(&mut self) {
        if self.reports.len() > REPORTS_WARN && !self.reports_warned {
            self.reports_warned = true;
            tracing::warn!(waiting = self.reports.len(), "media reports are not being polled");
        }
    }

    /// Where a session lives.
    pub fn slot(&self, session: SessionId) -> Option<Slot> {
        self.slots.get(&session).copied().map(Slot)
    }

    /// Counts of a session so far; the final ones come with [`Report::Closed`].
    pub fn quality(&self, session: SessionId) -> Option<crate::order::Quality> {
        let index = self.slots.get(&session)?;
        self.sessions.get(*index)?.as_ref().map(|session| session.quality())
    }

    /// What was thrown away.
    pub fn counts(&self) -> BankCounts {
        self.counts
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Plays from another library from now on; clip ids must mean the same in it (see [`Library::extend`]).
    pub fn set_library(&mut self, library: Arc<Library>) {
        self.library = library;
    }

    /// Bytes of one session without buffers and codec states, for capacity planning.
    pub const SESSION_BYTES: usize = size_of::<Session>();
}

// A worker thread takes its bank with it and shares the library.
const _: fn() = || {
    fn moves<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    moves::<Bank>();
    is_shared::<Library>();
};

/// Whether packets may pass between two formats as they are.
fn relays(a: &Format, b: &Format) -> bool {
    a.codec == b.codec && a.frames_per_packet() == b.frames_per_packet()
}

fn hear_for_peer(
    session: &mut Session,
    now: Timestamp,
    packet: &Packet<'_>,
    arrival: Arrival,
    content: Content,
) {
    if let Some(ear) = &mut session.ear {
        if arrival == Arrival::Start {
            ear.reset();
        }
        ear.push(now, packet.sequence, content, packet.payload);
    }
}
