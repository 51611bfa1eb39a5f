//! The bank: all sessions of one media worker, owned outright and driven from outside.
//!
//! Knows nothing of sockets, ports, calls or agents. The shell maps each socket to a [`Slot`], stamps nothing itself and
//! obeys one law: after any method that takes `now`, drain [`Bank::poll_report`] until `None`.

use crate::clip::Library;
use crate::order::{Order, Report, SessionId};
use dozvon_clock::Timestamp;
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

/// Where outgoing datagrams go; the shell sends each at once from the named session's socket, or drops it.
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
    /// Seed of SSRCs and first sequence numbers; the shell takes it from the system's randomness.
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

/// All sessions of one media worker.
#[derive(Debug)]
pub struct Bank {
    library: Arc<Library>,
    config: MediaConfig,
}

impl Bank {
    /// An empty bank that plays from `library`.
    pub fn new(library: Arc<Library>, config: MediaConfig) -> Self {
        Self { library, config }
    }

    /// Obeys one order. [`Order::Open`] only makes the session: the shell has bound the sockets before.
    pub fn order(&mut self, now: Timestamp, order: Order, sink: &mut impl Sink) -> Ordered {
        let _ = (now, order, sink, &self.library, &self.config);
        Ordered::Refused
    }

    /// A datagram from the RTP socket of a slot. What is relayed goes into `sink` before this returns.
    pub fn rtp(
        &mut self,
        now: Timestamp,
        slot: Slot,
        from: SocketAddr,
        packet: &[u8],
        sink: &mut impl Sink,
    ) {
        let _ = (now, slot, from, packet, sink);
    }

    /// A datagram from the RTCP socket of a slot.
    pub fn rtcp(&mut self, now: Timestamp, slot: Slot, from: SocketAddr, packet: &[u8]) {
        let _ = (now, slot, from, packet);
    }

    /// Does everything that is due: prompts, silence, transcoding, keys, RTCP, timeouts. To be called every 20 ms; a
    /// late call catches up with a few frames, a very late one skips what nobody could hear any more.
    pub fn tick(&mut self, now: Timestamp, sink: &mut impl Sink) {
        let _ = (now, sink);
    }

    /// When [`Bank::tick`] next has something to do; `None` before the first tick.
    pub fn next_tick(&self) -> Option<Timestamp> {
        None
    }

    /// The next report, oldest first.
    pub fn poll_report(&mut self) -> Option<Report> {
        None
    }

    /// Where a session lives.
    pub fn slot(&self, session: SessionId) -> Option<Slot> {
        let _ = session;
        None
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Plays from another library from now on; clip ids must mean the same in it.
    pub fn set_library(&mut self, library: Arc<Library>) {
        self.library = library;
    }
}
