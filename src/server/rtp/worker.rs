//! Media worker threads: each owns the sessions of one [`Bank`] with their sockets, and ticks every 20 ms for all.
//!
//! Orders come through a bounded queue with a waker, reports go to the brain's bounded inbox. A packet is read into one
//! buffer, shown to the bank and sent at once: no allocation, no lock, no other thread. Knows nothing of calls.

use crate::server::clock::Clock;
use dozvon_clock::Timestamp;
use dozvon_media::bank::{Bank, Channel, MediaConfig, Ordered, Sink, Slot};
use dozvon_media::clip::Library;
use dozvon_media::limits::FRAME;
use dozvon_media::order::{Order, Report, SessionId};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::mpsc as inbox;

/// Orders waiting for one worker. At the bound they wait on the brain's side, see [`BACKLOG_MAX`].
const ORDERS_MAX: usize = 8_192;
/// Orders waiting on the brain's side for a worker that does not keep up. More are dropped and counted: the worker is
/// stuck then, and its calls are lost anyway.
const BACKLOG_MAX: usize = 65_536;
/// Reports a worker keeps when the brain's inbox is full. Beyond, reports that change no call are thrown away; keys,
/// ends of prompts and closed sessions never are.
const OUTBOX_MAX: usize = 16_384;
/// Packets read from one socket before the next gets a turn.
const SOCKET_BUDGET: usize = 32;
/// Readiness events taken at once.
const EVENTS_MAX: usize = 1_024;
/// The largest RTP or RTCP datagram that is read whole; the rest of a longer one is cut off.
const PACKET_MAX: usize = 2_048;
/// A worker that is later than this does not make up for the ticks it missed.
const LAG_MAX: Duration = Duration::from_millis(500);
/// The token of the waker; sockets have twice their slot, plus one for RTCP.
const WAKER: Token = Token(usize::MAX);
/// Expedited forwarding (RFC 3246), the class for voice, as the TOS byte has it.
const EXPEDITED: u32 = 0xB8;

/// What the workers count, all together.
#[derive(Debug, Default)]
pub(crate) struct MediaStats {
    /// Datagrams read.
    pub(crate) received: AtomicU64,
    /// Datagrams sent.
    pub(crate) sent: AtomicU64,
    /// Datagrams that the system did not take.
    pub(crate) unsent: AtomicU64,
    /// Ticks that came more than one frame late.
    pub(crate) late_ticks: AtomicU64,
    /// Reports thrown away because the brain did not keep up.
    pub(crate) reports_shed: AtomicU64,
    /// Orders thrown away because a worker is stuck.
    pub(crate) orders_lost: AtomicU64,
    /// Sessions open now.
    pub(crate) sessions: AtomicU64,
}

/// The brain's end of all workers.
#[derive(Debug)]
pub(crate) struct Workers {
    workers: Vec<Handle>,
    stats: Arc<MediaStats>,
}

/// What a worker is told, in this order.
#[derive(Debug)]
enum Word {
    /// Do this.
    Order(Order),
    /// Play from this library from now on; ids mean the same in it.
    Library(Arc<Library>),
}

#[derive(Debug)]
struct Handle {
    words: SyncSender<Word>,
    waker: Arc<Waker>,
    backlog: VecDeque<Word>,
    woken: bool,
    thread: std::thread::JoinHandle<()>,
}

impl Workers {
    /// Starts `count` threads that play from `library` and report to `reports`.
    ///
    /// # Errors
    /// When the system gives no thread or no poll.
    pub(crate) fn start(
        count: u16,
        library: &Arc<Library>,
        config: &MediaConfig,
        clock: Clock,
        reports: &inbox::Sender<Report>,
    ) -> io::Result<Workers> {
        let stats = Arc::new(MediaStats::default());
        let mut workers = Vec::new();
        for index in 0..count.max(1) {
            let poll = Poll::new()?;
            let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
            let (words, inbox) = sync_channel(ORDERS_MAX);
            let seed =
                config.seed.wrapping_add(u64::from(index).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let worker = Worker {
                bank: Bank::new(library.clone(), MediaConfig { seed, ..config.clone() }),
                sockets: Sockets { pairs: Vec::new(), stats: stats.clone() },
                poll,
                words: inbox,
                reports: reports.clone(),
                outbox: VecDeque::new(),
                clock,
                stats: stats.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || worker.run())?;
            workers.push(Handle { words, waker, backlog: VecDeque::new(), woken: false, thread });
        }
        Ok(Workers { workers, stats })
    }

    /// The counters.
    pub(crate) fn stats(&self) -> Arc<MediaStats> {
        self.stats.clone()
    }

    /// Queues an order for a worker; it is seen after [`Workers::flush`]. Never waits.
    pub(crate) fn order(&mut self, worker: u16, order: Order) {
        let count = self.workers.len();
        let handle = &mut self.workers[usize::from(worker) % count];
        handle.woken = true;
        if handle.backlog.len() >= BACKLOG_MAX {
            self.stats.orders_lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        handle.backlog.push_back(Word::Order(order));
    }

    /// All workers play from this library from now on; it must come from the one before by [`Library::extend`]. Seen
    /// after [`Workers::flush`], by all orders that follow.
    pub(crate) fn play_from(&mut self, library: &Arc<Library>) {
        for handle in &mut self.workers {
            handle.woken = true;
            handle.backlog.push_back(Word::Library(library.clone()));
        }
    }

    /// Hands queued orders over and wakes the workers that have some. Answers whether all were handed over.
    pub(crate) fn flush(&mut self) -> bool {
        let mut done = true;
        for handle in self.workers.iter_mut().filter(|handle| handle.woken) {
            while let Some(word) = handle.backlog.pop_front() {
                if let Err(TrySendError::Full(word) | TrySendError::Disconnected(word)) =
                    handle.words.try_send(word)
                {
                    handle.backlog.push_front(word);
                    break;
                }
            }
            handle.woken = !handle.backlog.is_empty();
            done &= !handle.woken;
            if let Err(error) = handle.waker.wake() {
                tracing::error!(%error, "a media worker can't be woken");
            }
        }
        done
    }

    /// Ends the threads; what they play ends too.
    pub(crate) fn stop(self) {
        for Handle { words, waker, thread, .. } in self.workers {
            drop(words);
            let _ = waker.wake();
            if thread.join().is_err() {
                tracing::error!("a media worker had panicked");
            }
        }
    }
}

/// The sockets of one session.
struct Pair {
    local: SocketAddr,
    rtp: UdpSocket,
    /// `None` while RTCP shares the port of RTP.
    rtcp: Option<UdpSocket>,
}

/// All sockets of a worker by slot.
struct Sockets {
    pairs: Vec<Option<Pair>>,
    stats: Arc<MediaStats>,
}

impl Sockets {
    fn get(&self, slot: Slot, channel: Channel) -> Option<&UdpSocket> {
        let pair = self.pairs.get(slot.0)?.as_ref()?;
        Some(match channel {
            Channel::Rtp => &pair.rtp,
            Channel::Rtcp => pair.rtcp.as_ref()?,
        })
    }
}

impl Sink for Sockets {
    fn send(&mut self, slot: Slot, channel: Channel, to: SocketAddr, packet: &[u8]) {
        let sent = self.get(slot, channel).is_some_and(|socket| socket.send_to(packet, to).is_ok());
        let counter = if sent { &self.stats.sent } else { &self.stats.unsent };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// One thread.
struct Worker {
    bank: Bank,
    sockets: Sockets,
    poll: Poll,
    words: Receiver<Word>,
    reports: inbox::Sender<Report>,
    outbox: VecDeque<Report>,
    clock: Clock,
    stats: Arc<MediaStats>,
}

impl Worker {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut buffer = [0_u8; PACKET_MAX];
        // Sockets with unread packets, and those whose turn ended before they were empty.
        let (mut ready, mut again) =
            (Vec::with_capacity(EVENTS_MAX), Vec::with_capacity(EVENTS_MAX));
        let mut next_tick = self.clock.now() + FRAME;
        loop {
            let wait =
                if again.is_empty() { next_tick.since(self.clock.now()) } else { Duration::ZERO };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a media worker can't wait for its sockets");
            }
            ready.append(&mut again);
            ready.extend(events.iter().map(|event| event.token()).filter(|token| *token != WAKER));
            for token in ready.drain(..) {
                if self.read(token, &mut buffer) {
                    again.push(token);
                }
            }
            if !self.obey() {
                return;
            }
            next_tick = self.tick(next_tick);
            self.report();
        }
    }

    /// Reads one socket; answers whether more may be waiting.
    fn read(&mut self, token: Token, buffer: &mut [u8]) -> bool {
        let slot = Slot(token.0 / 2);
        let channel = if token.0.is_multiple_of(2) { Channel::Rtp } else { Channel::Rtcp };
        for _ in 0..SOCKET_BUDGET {
            let Some(socket) = self.sockets.get(slot, channel) else { return false };
            let (length, from) = match socket.recv_from(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => continue,
            };
            self.stats.received.fetch_add(1, Ordering::Relaxed);
            let (now, packet) = (self.clock.now(), &buffer[..length]);
            match channel {
                Channel::Rtp => self.bank.rtp(now, slot, from, packet, &mut self.sockets),
                Channel::Rtcp => self.bank.rtcp(now, slot, from, packet),
            }
        }
        true
    }

    /// Obeys all orders that wait; `false` when the brain is gone.
    fn obey(&mut self) -> bool {
        loop {
            match self.words.try_recv() {
                Ok(Word::Library(library)) => self.bank.set_library(library),
                Ok(Word::Order(Order::Open { session, local })) => self.open(session, local),
                Ok(Word::Order(order)) => {
                    let now = self.clock.now();
                    match self.bank.order(now, order, &mut self.sockets) {
                        Ordered::Closed(slot) => self.close(slot),
                        Ordered::Agreed { slot, one_port } => self.share_port(slot, one_port),
                        Ordered::Opened(_) | Ordered::Obeyed | Ordered::Refused => {}
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn open(&mut self, session: SessionId, local: SocketAddr) {
        let failed = |error: String| Report::OpenFailed { session, error };
        let pair = match bind_pair(local) {
            Ok(pair) => pair,
            Err(error) => return self.outbox.push_back(failed(format!("{local}: {error}"))),
        };
        let now = self.clock.now();
        match self.bank.order(now, Order::Open { session, local }, &mut self.sockets) {
            Ordered::Opened(slot) => {
                if let Err(error) = self.seat(slot, pair) {
                    // Without its sockets the session is deaf: it goes as if it had never come.
                    self.bank.order(now, Order::Close { session }, &mut self.sockets);
                    self.close(slot);
                    self.outbox.push_back(failed(format!("{local}: {error}")));
                }
            }
            Ordered::Refused | Ordered::Agreed { .. } | Ordered::Obeyed | Ordered::Closed(_) => {
                self.outbox
                    .push_back(failed("the media worker has no room for another session".into()));
            }
        }
    }

    fn seat(&mut self, slot: Slot, mut pair: Pair) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut pair.rtp, Token(slot.0 * 2), Interest::READABLE)?;
        if let Some(rtcp) = &mut pair.rtcp {
            registry.register(rtcp, Token(slot.0 * 2 + 1), Interest::READABLE)?;
        }
        if self.sockets.pairs.len() <= slot.0 {
            self.sockets.pairs.resize_with(slot.0 + 1, || None);
        }
        self.sockets.pairs[slot.0] = Some(pair);
        self.stats.sessions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Drops the socket of RTCP when it shares the port of RTP, and binds it again when it does so no more. A port that
    /// somebody has taken meanwhile costs the figures of the line, not its sound.
    fn share_port(&mut self, slot: Slot, one_port: bool) {
        let Some(Some(pair)) = self.sockets.pairs.get_mut(slot.0) else { return };
        if one_port {
            // Closing the descriptor takes it out of the poll as well.
            pair.rtcp = None;
        } else if pair.rtcp.is_none() {
            let bound = bind(beside(pair.local)).and_then(|mut rtcp| {
                let token = Token(slot.0 * 2 + 1);
                self.poll.registry().register(&mut rtcp, token, Interest::READABLE)?;
                Ok(rtcp)
            });
            match bound {
                Ok(rtcp) => pair.rtcp = Some(rtcp),
                Err(error) => {
                    tracing::warn!(local = %beside(pair.local), %error, "no RTCP for a line")
                }
            }
        }
    }

    fn close(&mut self, slot: Slot) {
        // Closing the descriptors takes them out of the poll as well.
        if self.sockets.pairs.get_mut(slot.0).and_then(Option::take).is_some() {
            self.stats.sessions.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ticks if it is time; answers when the next tick is due. The schedule does not drift.
    fn tick(&mut self, due: Timestamp) -> Timestamp {
        let now = self.clock.now();
        if now < due {
            return due;
        }
        let late = now.since(due);
        if late > FRAME {
            self.stats.late_ticks.fetch_add(1, Ordering::Relaxed);
        }
        self.bank.tick(now, &mut self.sockets);
        if late > LAG_MAX { now + FRAME } else { due + FRAME }
    }

    /// Passes reports on as far as the brain takes them.
    fn report(&mut self) {
        while let Some(report) = self.bank.poll_report() {
            self.outbox.push_back(report);
        }
        while let Some(report) = self.outbox.pop_front() {
            if let Err(inbox::error::TrySendError::Full(report)) = self.reports.try_send(report) {
                self.outbox.push_front(report);
                break;
            }
        }
        if self.outbox.len() > OUTBOX_MAX {
            let before = self.outbox.len();
            self.outbox.retain(changes_a_call);
            let shed = before - self.outbox.len();
            self.stats.reports_shed.fetch_add(shed as u64, Ordering::Relaxed);
        }
    }
}

/// Whether a call goes on otherwise for this report.
fn changes_a_call(report: &Report) -> bool {
    match report {
        Report::Heard { .. } => false,
        Report::OpenFailed { .. }
        | Report::Digit { .. }
        | Report::Played { .. }
        | Report::Silent { .. }
        | Report::Unheard { .. }
        | Report::HeardAgain { .. }
        | Report::Measured { .. }
        | Report::Closed { .. } => true,
    }
}

/// Binds RTP on `local` and RTCP on the port above, shared with nobody. An address that is not ours (that of the NAT
/// in front of us) means every address.
fn bind_pair(local: SocketAddr) -> io::Result<Pair> {
    Ok(Pair { local, rtp: bind(local)?, rtcp: Some(bind(beside(local))?) })
}

/// The port of RTCP, above that of RTP.
fn beside(local: SocketAddr) -> SocketAddr {
    SocketAddr::new(local.ip(), local.port().saturating_add(1))
}

fn bind(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match UdpSocket::bind(local) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            let any: IpAddr = if local.is_ipv4() {
                Ipv4Addr::UNSPECIFIED.into()
            } else {
                Ipv6Addr::UNSPECIFIED.into()
            };
            UdpSocket::bind(SocketAddr::new(any, local.port()))?
        }
        bound => bound?,
    };
    // A network that does not know the class ignores it; a system that forbids it costs only priority.
    let options = socket2::SockRef::from(&socket);
    let _ = if local.is_ipv4() {
        options.set_tos_v4(EXPEDITED)
    } else {
        options.set_tclass_v6(EXPEDITED)
    };
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dozvon_media::clip::LibraryBuilder;
    use dozvon_media::order::{Codec, Direction, Format};

    fn start() -> (Workers, inbox::Receiver<Report>) {
        start_with(MediaConfig::default())
    }

    fn start_with(config: MediaConfig) -> (Workers, inbox::Receiver<Report>) {
        let library = Arc::new(LibraryBuilder::new(&[Codec::Pcma]).build());
        let (reports_in, reports) = inbox::channel(16);
        let workers = Workers::start(1, &library, &config, Clock::start(), &reports_in).unwrap();
        (workers, reports)
    }

    /// An even port whose neighbour was free a moment ago.
    fn free_pair() -> SocketAddr {
        loop {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let local = socket.local_addr().unwrap();
            if local.port().is_multiple_of(2) {
                return local;
            }
        }
    }

    fn order(workers: &mut Workers, order: Order) {
        workers.order(0, order);
        assert!(workers.flush());
    }

    /// A peer's socket.
    fn peer() -> std::net::UdpSocket {
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        peer
    }

    /// From where the next report of RTCP comes to this socket.
    fn report_from(peer: &std::net::UdpSocket) -> SocketAddr {
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = peer.recv_from(&mut buffer).unwrap();
            if dozvon_media::rtp::is_rtcp(&buffer[..length]) {
                return from;
            }
        }
    }

    #[test]
    fn a_line_on_one_port_has_one_socket_and_gets_the_second_when_it_is_wanted_again() {
        let rtcp_interval = Duration::from_millis(40);
        let (mut workers, _reports) =
            start_with(MediaConfig { rtcp_interval, ..MediaConfig::default() });
        let (session, local) = (SessionId(7), free_pair());
        let (sound, control) = (peer(), peer());
        let remote = sound.local_addr().unwrap();
        let format =
            Format { codec: Codec::Pcma, payload_type: 8, ptime_ms: 20, telephone_event: None };
        let direction = Direction::SendRecv;
        let agree = |rtcp| Order::Agree { session, remote, rtcp, format, direction };
        order(&mut workers, Order::Open { session, local });
        order(&mut workers, agree(Some(remote)));
        assert_eq!(report_from(&sound), local, "reports come and go where the sound does");
        drop(std::net::UdpSocket::bind(beside(local)).expect("the second port is free"));
        order(&mut workers, agree(Some(control.local_addr().unwrap())));
        assert_eq!(report_from(&control), beside(local));
    }

    #[test]
    fn a_session_echoes_over_real_sockets_and_gives_its_ports_back() {
        let (mut workers, mut reports) = start();
        let (session, local) = (SessionId(7), free_pair());
        let peer = peer();
        let format =
            Format { codec: Codec::Pcma, payload_type: 8, ptime_ms: 20, telephone_event: None };
        let remote = peer.local_addr().unwrap();
        order(&mut workers, Order::Open { session, local });
        let direction = Direction::SendRecv;
        order(&mut workers, Order::Agree { session, remote, rtcp: None, format, direction });
        order(&mut workers, Order::Echo { session });
        // Its first silence says that the session is there.
        peer.recv_from(&mut [0; 2048]).unwrap();
        let mut echoed = false;
        for sequence in 0..100_u16 {
            let packet = rtp_rs::RtpPacketBuilder::new()
                .payload_type(8)
                .ssrc(9)
                .sequence(sequence.into())
                .timestamp(u32::from(sequence) * 160)
                .payload(&[0x2A; 160])
                .build();
            peer.send_to(&packet.unwrap(), local).unwrap();
            let mut buffer = [0; 2048];
            let (length, from) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(from, local);
            let heard = rtp_rs::RtpReader::new(&buffer[..length]).unwrap();
            echoed |= heard.payload() == [0x2A; 160];
        }
        assert!(echoed, "our own sound comes back");
        assert_eq!(workers.stats().sessions.load(Ordering::Relaxed), 1);
        order(&mut workers, Order::Close { session });
        let closed = loop {
            match reports.blocking_recv() {
                Some(Report::Closed { quality, .. }) => break quality,
                Some(_) => {}
                None => panic!("the worker ended"),
            }
        };
        // An echo at once makes this faster than real time, and the bank cuts such bursts: not all are counted.
        assert!(closed.received > 50 && closed.strangers == 0, "{closed:?}");
        assert!(std::net::UdpSocket::bind(local).is_ok(), "the port is free again");
        workers.stop();
    }

    #[test]
    fn a_port_that_is_taken_is_told() {
        let (mut workers, mut reports) = start();
        let local = free_pair();
        let _taken = std::net::UdpSocket::bind(local).unwrap();
        order(&mut workers, Order::Open { session: SessionId(1), local });
        let Some(Report::OpenFailed { session, error }) = reports.blocking_recv() else {
            panic!("no report")
        };
        assert_eq!(session, SessionId(1));
        assert!(error.contains(&local.to_string()), "{error}");
        assert_eq!(workers.stats().sessions.load(Ordering::Relaxed), 0);
        workers.stop();
    }

    #[test]
    fn only_reports_that_change_no_call_may_be_shed() {
        let session = SessionId(1);
        assert!(!changes_a_call(&Report::Heard { session }));
        assert!(changes_a_call(&Report::Silent { session, silence: Duration::from_secs(30) }));
    }
}
