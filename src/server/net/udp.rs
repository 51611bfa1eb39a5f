//! UDP sockets for SIP: one datagram is one message (RFC 3261 §18). Knows nothing of what is in it.

use super::limits::{BATCH, RECEIVE_BUFFER_BYTES, ROUTES_MAX};
use super::{NetStats, News, own_address};
use dozvon_sip::endpoint::Path;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// The largest datagram there is.
const DATAGRAM_MAX: usize = 65_536;

/// Binds a UDP socket: not shared with anybody, with a large receive buffer if the system gives one.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // What the system refuses here only makes bursts costlier.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let _ = if address.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)
    };
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// One UDP socket that is being served.
#[derive(Debug)]
pub(super) struct Port {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    stats: Arc<NetStats>,
}

impl Port {
    /// Begins to receive.
    pub(super) fn serve(
        socket: std::net::UdpSocket,
        inbox: mpsc::Sender<News>,
        stats: Arc<NetStats>,
    ) -> io::Result<Port> {
        let local = socket.local_addr()?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let receiver = Receiver {
            socket: socket.clone(),
            routes: Routes::new(local),
            inbox,
            stats: stats.clone(),
        };
        tokio::spawn(receiver.run());
        Ok(Port { socket, local, stats })
    }

    /// The bound address.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends at once or not at all; `false` when the system knows already that it can't arrive.
    pub(super) fn send(&self, to: SocketAddr, bytes: &[u8]) -> bool {
        // Past tokio's idea of readiness: the socket does not block, and it knows best whether there is room.
        match SockRef::from(&*self.socket).send_to(bytes, &to.into()) {
            Ok(_) => true,
            // A full buffer is a lost packet: the transaction sends again. A refusal belongs to an earlier datagram
            // and is told from the error queue.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused
                ) =>
            {
                self.stats.unsent.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                self.stats.unsent.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, %to, "datagram not sent");
                false
            }
        }
    }
}

/// The task that reads one socket.
struct Receiver {
    socket: Arc<UdpSocket>,
    routes: Routes,
    inbox: mpsc::Sender<News>,
    stats: Arc<NetStats>,
}

impl Receiver {
    async fn run(mut self) {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            let Ok(ready) = self.socket.ready(Interest::READABLE | Interest::ERROR).await else {
                return;
            };
            if ready.is_error() {
                self.errors();
            }
            let mut more = true;
            for _ in 0..BATCH {
                match self.socket.try_recv_from(&mut buffer) {
                    Ok((length, remote)) => self.datagram(&buffer[..length], remote),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        more = false;
                        break;
                    }
                    // The error of an earlier datagram of ours; its path stands in the error queue.
                    Err(_) => self.errors(),
                }
            }
            if self.inbox.is_closed() {
                return;
            }
            // An empty socket gives others their turn by itself; a yield would ask the system for news once more.
            if more {
                tokio::task::yield_now().await;
            }
        }
    }

    fn datagram(&mut self, bytes: &[u8], remote: SocketAddr) {
        self.stats.datagrams.fetch_add(1, Ordering::Relaxed);
        let path = Path::udp(self.routes.local(remote), remote);
        self.tell(News::Datagram { path, bytes: bytes.to_vec() });
    }

    fn tell(&self, news: News) {
        match self.inbox.try_send(news) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                if self.stats.inbox_full.fetch_add(1, Ordering::Relaxed).is_multiple_of(10_000) {
                    tracing::warn!("the inbox of the switch is full: datagrams are dropped");
                }
            }
        }
    }

    /// Reads what ICMP said about datagrams of ours (ip(7), IP_RECVERR).
    fn errors(&mut self) {
        for _ in 0..BATCH {
            let read = self.socket.try_io(Interest::ERROR, || failed_destination(&self.socket));
            match read {
                Ok(Some(remote)) => {
                    let path = Path::udp(self.routes.local(remote), remote);
                    self.tell(News::Unreachable(path));
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }
}

/// Where the oldest datagram in the error queue was going.
fn failed_destination(socket: &UdpSocket) -> io::Result<Option<SocketAddr>> {
    let mut control = Vec::with_capacity(512);
    let mut quoted = [0_u8; 256];
    let mut parts = [IoSliceMut::new(&mut quoted)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    Ok(message.address.and_then(|address| {
        let v4 = address.as_sockaddr_in().map(|a| SocketAddr::from((a.ip(), a.port())));
        v4.or_else(|| address.as_sockaddr_in6().map(|a| SocketAddr::from((a.ip(), a.port()))))
    }))
}

/// Which of our addresses a peer reaches; the bound one, or for a wildcard the one the system would answer from.
struct Routes {
    bound: SocketAddr,
    known: BTreeMap<IpAddr, IpAddr>,
}

impl Routes {
    fn new(bound: SocketAddr) -> Routes {
        Routes { bound, known: BTreeMap::new() }
    }

    fn local(&mut self, remote: SocketAddr) -> SocketAddr {
        if !self.bound.ip().is_unspecified() {
            return self.bound;
        }
        if self.known.len() >= ROUTES_MAX {
            self.known.clear();
        }
        let bound = self.bound.ip();
        let ip =
            self.known.entry(remote.ip()).or_insert_with(|| own_address(remote).unwrap_or(bound));
        SocketAddr::new(*ip, self.bound.port())
    }
}
