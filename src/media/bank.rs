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
use crate::limits::{CATCH_UP_FRAMES_MAX, DATAGRAM_BYTES_MAX, FRAME, REPORTS_WARN, SESSIONS_MAX};
use crate::measure::Measure;
use crate::mix::mix;
use crate::order::{ClipId, Digit, Direction, Format, MeasureId, Order, PlayId, Report, SessionId};
use crate::playout::Content;
use crate::rtp::{Arrival, Packet, Random, is_rtcp};
use crate::session::{Accepted, Session, Voice};
use crate::source::{Clips, Link, Source};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// Agreed. With `one_port` RTCP comes and goes on the RTP socket (RFC 5761), and the shell may drop the other one;
    /// without, it is needed.
    Agreed {
        /// The session's slot.
        slot: Slot,
        /// Whether both share a port.
        one_port: bool,
    },
    /// Done.
    Obeyed,
    /// Counted and dropped: what it names is unknown or exists already, or a bound is reached.
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
    /// Sound held back before transcoding or mixing, to absorb jitter. A packet is heard at the first tick after so
    /// long, so a mix is up to 20 ms later than that. Default 60 ms.
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
    /// Orders for unknown sessions and measures, for ids in use, and those beyond a bound.
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
    pub(crate) config: MediaConfig,
    random: Random,
    pub(crate) sessions: Vec<Option<Box<Session>>>,
    free: Vec<usize>,
    pub(crate) slots: BTreeMap<SessionId, usize>,
    /// Places of the sessions whose voice is mixed for others.
    pub(crate) ears: BTreeSet<usize>,
    pub(crate) measures: BTreeMap<MeasureId, Measure>,
    pub(crate) reports: VecDeque<Report>,
    reports_warned: bool,
    counts: BankCounts,
    last_tick: Option<Timestamp>,
    /// The packet being written.
    scratch: Vec<u8>,
    /// The frame of sound being made for a session.
    sound: Vec<i16>,
    /// The same while it is added up.
    sum: Vec<i32>,
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
            ears: BTreeSet::new(),
            measures: BTreeMap::new(),
            reports: VecDeque::with_capacity(64),
            reports_warned: false,
            counts: BankCounts::default(),
            last_tick: None,
            scratch: Vec::with_capacity(DATAGRAM_BYTES_MAX),
            sound: Vec::with_capacity(2048),
            sum: Vec::with_capacity(320),
        }
    }

    // ---- orders ------------------------------------------------------------------------------------------------

    /// Obeys one order. [`Order::Open`] only makes the session: the shell has bound the sockets before. Only
    /// [`Order::Close`] sends something here (the RTCP goodbye); the sockets must live until this returns.
    pub fn order(&mut self, now: Timestamp, order: Order, sink: &mut impl Sink) -> Ordered {
        let session = match &order {
            Order::Open { session, .. } => return self.open(now, *session),
            Order::Measure { measure, first, second, unheard_after } => {
                return self.measure(*measure, [*first, *second], *unheard_after);
            }
            Order::PauseMeasure { measure } => return self.pause_measure(*measure),
            Order::Unmeasure { measure } => return self.unmeasure(*measure),
            Order::Agree { session, .. }
            | Order::Expect { session, .. }
            | Order::Near { session }
            | Order::Play { session, .. }
            | Order::Announce { session, .. }
            | Order::Loop { session, .. }
            | Order::Stop { session }
            | Order::Dial { session, .. }
            | Order::Hear { session, .. }
            | Order::Bridge { a: session, .. }
            | Order::Unbridge { session }
            | Order::Mute { session, .. }
            | Order::Echo { session }
            | Order::Close { session } => *session,
        };
        match self.slots.get(&session).copied() {
            Some(index) => self.order_session(now, index, order, sink),
            None => self.refuse(),
        }
    }

    fn order_session(
        &mut self,
        now: Timestamp,
        index: usize,
        order: Order,
        sink: &mut impl Sink,
    ) -> Ordered {
        match order {
            Order::Open { .. }
            | Order::Measure { .. }
            | Order::PauseMeasure { .. }
            | Order::Unmeasure { .. } => return self.refuse(),
            Order::Agree { remote, rtcp, format, direction, .. } => {
                self.agree(now, index, (remote, rtcp), format, direction);
                return Ordered::Agreed { slot: Slot(index), one_port: rtcp == Some(remote) };
            }
            Order::Expect { within, .. } => self.at(index).expect_within(within),
            Order::Near { .. } => self.at(index).near = true,
            Order::Play { play, clips, .. } => self.play(index, play, clips),
            Order::Announce { play, clips, .. } => self.announce(index, play, clips),
            Order::Loop { clip, .. } => self.alone(index).hear_loop(clip),
            Order::Stop { .. } => self.stop(index),
            Order::Dial { digits, .. } => self.dial(index, &digits),
            Order::Hear { from, .. } => return self.hear(index, &from),
            Order::Bridge { b, .. } => match self.slots.get(&b).copied() {
                Some(other) if other != index => self.bridge(index, other),
                Some(_) | None => return self.refuse(),
            },
            Order::Unbridge { .. } => self.isolate(index),
            Order::Mute { muted, .. } => self.mute(index, muted),
            Order::Echo { .. } => self.alone(index).hear(Source::Echo),
            Order::Close { .. } => return self.close(now, index, sink),
        }
        Ordered::Obeyed
    }

    pub(crate) fn refuse(&mut self) -> Ordered {
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
        // A mere refresh leaves the jitter buffers and codecs of a conversation in peace.
        if before != Some(format) {
            self.reformat(index);
        }
    }

    fn play(&mut self, index: usize, play: PlayId, clips: Vec<ClipId>) {
        let done = clips.is_empty();
        let source = if done { Source::Idle } else { Source::Clips(Clips::new(play, clips)) };
        let session = self.alone(index);
        session.hear(source);
        if done {
            let session = session.id;
            self.reports.push_back(Report::Played { session, play });
        }
    }

    fn announce(&mut self, index: usize, play: PlayId, clips: Vec<ClipId>) {
        let done = clips.is_empty();
        let session = self.at(index);
        session.announce((!done).then(|| Clips::new(play, clips)));
        if done {
            let session = session.id;
            self.reports.push_back(Report::Played { session, play });
        }
    }

    /// The session, out of its conversation and without an announcement.
    fn alone(&mut self, index: usize) -> &mut Session {
        self.isolate(index);
        let session = self.at(index);
        session.announce(None);
        session
    }

    fn stop(&mut self, index: usize) {
        let session = self.at(index);
        match session.source {
            _ if session.is_announcing() => session.announce(None),
            Source::Clips(_) | Source::Loop { .. } | Source::Echo => session.hear(Source::Idle),
            Source::Idle | Source::Voices { .. } => {}
        }
    }

    fn dial(&mut self, index: usize, digits: &[Digit]) {
        let session = self.at(index);
        let dropped = digits.iter().filter(|digit| !session.keys_out.push(**digit)).count();
        self.counts.dropped_keys += dropped as u64;
    }

    fn close(&mut self, now: Timestamp, index: usize, sink: &mut impl Sink) -> Ordered {
        self.unmeasure_session(index);
        self.isolate(index);
        let mut session = self.sessions[index].take().expect("slots name live sessions");
        session.send_rtcp(true, &mut voice!(self, now, sink));
        self.slots.remove(&session.id);
        self.free.push(index);
        let quality = session.quality();
        self.reports.push_back(Report::Closed { session: session.id, quality });
        Ordered::Closed(Slot(index))
    }

    pub(crate) fn at(&mut self, index: usize) -> &mut Session {
        self.sessions[index].as_mut().expect("slots and lists name live sessions")
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
        session.take_in(now, packet, arrival, Content::Audio);
        match session.source {
            Source::Echo => session.relay(packet, arrival, &mut voice!(self, now, sink)),
            Source::Idle | Source::Clips(_) | Source::Loop { .. } => {
                session.listen_for_keys(packet, arrival, &mut self.sound, &mut self.reports);
            }
            Source::Voices { .. } => {}
        }
        if session.muted {
            return;
        }
        // The list stays where it is; it is lent, since the listeners are changed meanwhile.
        let listeners = std::mem::take(&mut session.heard_by);
        for listener in &listeners {
            if let Some(listener) = &mut self.sessions[*listener]
                && listener.source.link() == Some(Link::Relay)
            {
                listener.relay(packet, arrival, &mut voice!(self, now, sink));
            }
        }
        self.at(index).heard_by = listeners;
    }

    /// Keys pass on in a bridge only: as they are, where sound is relayed and the other side has agreed to events; else
    /// the key is pressed anew there.
    fn event(
        &mut self,
        now: Timestamp,
        index: usize,
        packet: &Packet<'_>,
        arrival: Arrival,
        digit: Option<Digit>,
        sink: &mut impl Sink,
    ) {
        let peer = self.bridged_with(index);
        let session = self.at(index);
        session.take_in(now, packet, arrival, Content::Nothing);
        let format = session.agreed.as_ref().map(|agreed| agreed.format);
        let clock_hz = format.and_then(|f| f.telephone_event).map_or(0, |event| event.clock_hz);
        let listeners = std::mem::take(&mut session.heard_by);
        for listener in listeners.iter().filter(|listener| Some(**listener) != peer) {
            self.at(*listener).lose_relay();
        }
        self.at(index).heard_by = listeners;
        let Some(peer) = peer else { return };
        let Some(other) = &mut self.sessions[peer] else { return };
        let relays = match other.source.link() {
            Some(Link::Relay) => !other.is_announcing(),
            Some(Link::Mix(_)) => false,
            Some(Link::Waiting) | None => return,
        };
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
        self.tick_measures(due as u32);
        self.watch_reports();
    }

    fn frame(&mut self, now: Timestamp, sink: &mut impl Sink) {
        for index in &self.ears {
            if let Some(session) = &mut self.sessions[*index] {
                session.listen(now);
            }
        }
        for index in 0..self.sessions.len() {
            let has_sound = self.sound_for(index);
            let Some(session) = &mut self.sessions[index] else { continue };
            let sound = has_sound.then_some(self.sound.as_slice());
            let mut voice = voice!(self, now, sink);
            session.tick(sound, &mut voice);
            session.tick_rtcp(&mut self.random, &mut voice);
        }
    }

    /// Adds up what a session hears of others; `false` when there is nothing but silence.
    fn sound_for(&mut self, index: usize) -> bool {
        let Some(session) = &self.sessions[index] else { return false };
        let Some(Link::Mix(rate)) = session.source.link() else { return false };
        if session.is_announcing() {
            return false;
        }
        let voices = session.source.voices().iter();
        let voices = voices.filter_map(|place| self.sessions[*place].as_ref()?.voice(rate));
        mix(voices, &mut self.sum, &mut self.sound)
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
