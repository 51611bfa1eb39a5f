//! SIP on the wire: UDP and TCP listeners, outgoing connections, and the way from a path back to a socket.
//!
//! Knows messages only as bytes in frames; what they mean is the endpoint's business. What comes in goes to the
//! brain's bounded inbox as [`News`]. Sending never waits: what a socket does not take at once is dropped (UDP, the
//! transactions send again) or ends the connection (TCP).

pub(crate) mod limits;
mod tcp;
mod udp;

use crate::server::config::Sip;
use dozvon_sip::endpoint::{ConnectionId, Local, Path, Protocol, Transmit};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::mpsc;

/// What the network tells the brain.
#[derive(Debug)]
pub(crate) enum News {
    /// A datagram came.
    Datagram {
        /// From where, and to which of our addresses.
        path: Path,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// A message came over a connection.
    Stream {
        /// The connection and its ends.
        path: Path,
        /// One message.
        bytes: Vec<u8>,
    },
    /// Somebody connected: messages for that connection go to the writer.
    Opened {
        /// The connection.
        path: Path,
        /// Its bounded queue of messages to be written; the connection ends when it is dropped.
        writer: mpsc::Sender<Vec<u8>>,
    },
    /// A connection ended.
    Closed(ConnectionId),
    /// What was sent over this path did not arrive: ICMP said so, or connecting failed.
    Unreachable(Path),
}

/// What the network counts.
#[derive(Debug, Default)]
pub(crate) struct NetStats {
    /// Datagrams received.
    pub(crate) datagrams: AtomicU64,
    /// Datagrams thrown away because the brain's inbox was full.
    pub(crate) inbox_full: AtomicU64,
    /// Messages that could not be sent: a full socket buffer, or a connection that is gone or does not read.
    pub(crate) unsent: AtomicU64,
    /// TCP connections refused by a bound.
    pub(crate) connections_refused: AtomicU64,
    /// TCP connections open now.
    pub(crate) connections: AtomicU64,
}

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("SIP can't listen on {protocol} {address}: {error}")]
pub(crate) struct ListenError {
    protocol: &'static str,
    address: SocketAddr,
    error: io::Error,
}

/// Sockets that are bound and not yet served; needs no runtime.
#[derive(Debug)]
pub(crate) struct Bound {
    udp: Vec<std::net::UdpSocket>,
    tcp: Vec<std::net::TcpListener>,
    advertised: Vec<IpAddr>,
    connections_max: usize,
    idle: std::time::Duration,
}

impl Bound {
    /// Binds every configured address. What `locals` advertise is told to others in place of the bound addresses.
    ///
    /// # Errors
    /// All addresses that can't be bound, not only the first.
    pub(crate) fn bind(settings: &Sip, locals: &[Local]) -> Result<Bound, Vec<ListenError>> {
        let mut errors = Vec::new();
        let mut keep =
            |protocol, address, error| errors.push(ListenError { protocol, address, error });
        let mut udp = Vec::new();
        for address in &settings.listen_udp {
            udp.extend(udp::bind(*address).map_err(|e| keep("UDP", *address, e)));
        }
        let mut tcp = Vec::new();
        for address in &settings.listen_tcp {
            tcp.extend(tcp::bind(*address).map_err(|e| keep("TCP", *address, e)));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Bound {
            udp,
            tcp,
            advertised: locals.iter().filter_map(|l| l.advertised).map(|a| a.ip()).collect(),
            connections_max: settings.tcp_connections_max,
            idle: settings.tcp_idle,
        })
    }

    /// The addresses really bound, with what to tell others in their place.
    pub(crate) fn locals(&self) -> Vec<Local> {
        let udp = self.udp.iter().map(|s| (Protocol::Udp, s.local_addr()));
        let tcp = self.tcp.iter().map(|s| (Protocol::Tcp, s.local_addr()));
        udp.chain(tcp)
            .filter_map(|(protocol, address)| {
                let address = address.ok()?;
                Some(Local { protocol, address, advertised: self.advertised_for(address) })
            })
            .collect()
    }

    /// The configured address; for a wildcard without one, that of our way to the world.
    fn advertised_for(&self, address: SocketAddr) -> Option<SocketAddr> {
        let same_family = |ip: &IpAddr| ip.is_ipv4() == address.is_ipv4();
        let told = self.advertised.iter().copied().find(same_family).or_else(|| {
            address
                .ip()
                .is_unspecified()
                .then(|| own_address(somewhere(address.is_ipv4())))
                .flatten()
        });
        told.map(|ip| SocketAddr::new(ip, address.port()))
    }

    /// Begins to serve the sockets, inside a runtime.
    ///
    /// # Errors
    /// When the runtime can't take a socket.
    pub(crate) fn serve(
        self,
        inbox: mpsc::Sender<News>,
        stats: &Arc<NetStats>,
    ) -> io::Result<Network> {
        let mut ports = Vec::new();
        for socket in self.udp {
            ports.push(udp::Port::serve(socket, inbox.clone(), stats.clone())?);
        }
        let streams = tcp::Streams::new(inbox, stats.clone(), self.connections_max, self.idle);
        for listener in self.tcp {
            streams.serve(listener)?;
        }
        Ok(Network { ports, streams, failed: VecDeque::new() })
    }
}

/// A far address of that family; nothing is sent to it.
fn somewhere(v4: bool) -> SocketAddr {
    if v4 {
        (Ipv4Addr::new(192, 0, 2, 1), 9).into()
    } else {
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into()
    }
}

/// The address of ours from which `remote` is reached, by connecting a UDP socket, which sends nothing.
fn own_address(remote: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if remote.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect(remote).ok()?;
    socket.local_addr().ok().map(|a| a.ip()).filter(|ip| !ip.is_unspecified())
}

/// All sockets of SIP, for whoever sends.
#[derive(Debug)]
pub(crate) struct Network {
    ports: Vec<udp::Port>,
    streams: tcp::Streams,
    failed: VecDeque<Path>,
}

impl Network {
    /// Keeps the table of connections: to be shown every [`News`] before the endpoint is.
    pub(crate) fn learn(&mut self, news: &News) {
        match news {
            News::Opened { path, writer } => self.streams.opened(path, writer.clone()),
            News::Closed(connection) => self.streams.closed(*connection),
            News::Datagram { .. } | News::Stream { .. } | News::Unreachable(_) => {}
        }
    }

    /// Sends one message, or begins to connect for it. Never waits.
    pub(crate) fn send(&mut self, transmit: Transmit) {
        let path = transmit.path;
        let sent = match path.protocol {
            Protocol::Udp => self.send_datagram(&path, &transmit.bytes),
            Protocol::Tcp => self.streams.send(&path, transmit.bytes),
        };
        if !sent && self.failed.len() < limits::FAILED_MAX {
            self.failed.push_back(path);
        }
    }

    fn send_datagram(&self, path: &Path, bytes: &[u8]) -> bool {
        let fits = |port: &&udp::Port| port.local() == path.local;
        let wildcard = |port: &&udp::Port| {
            let local = port.local();
            local.is_ipv4() == path.remote.is_ipv4() && local.port() == path.local.port()
        };
        let family = |port: &&udp::Port| port.local().is_ipv4() == path.remote.is_ipv4();
        let find = |by: &dyn Fn(&&udp::Port) -> bool| self.ports.iter().find(|port| by(port));
        match find(&fits).or_else(|| find(&wildcard)).or_else(|| find(&family)) {
            Some(port) => port.send(path.remote, bytes),
            None => false,
        }
    }

    /// The next path over which a message could not be sent, for `Input::Unreachable`.
    pub(crate) fn poll_failed(&mut self) -> Option<Path> {
        self.failed.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    pub(super) fn settings(udp: &[&str], tcp: &[&str]) -> Sip {
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect();
        Sip {
            listen_udp: parse(udp),
            listen_tcp: parse(tcp),
            tcp_connections_max: 4,
            tcp_idle: Duration::from_secs(60),
        }
    }

    #[tokio::test]
    async fn a_datagram_comes_in_and_the_answer_goes_back_the_same_way() {
        let bound = Bound::bind(&settings(&["127.0.0.1:0", "[::1]:0"], &[]), &[]).unwrap();
        let locals = bound.locals();
        let (inbox, mut news) = mpsc::channel(8);
        let mut network = bound.serve(inbox, &Arc::default()).unwrap();
        for local in locals {
            let peer = tokio::net::UdpSocket::bind((local.address.ip(), 0)).await.unwrap();
            peer.send_to(b"OPTIONS", local.address).await.unwrap();
            let Some(News::Datagram { path, bytes }) = news.recv().await else {
                panic!("no datagram")
            };
            assert_eq!((path.local, path.remote), (local.address, peer.local_addr().unwrap()));
            assert_eq!(bytes, b"OPTIONS");
            network.send(Transmit { path, bytes: b"200".to_vec() });
            let mut buffer = [0; 16];
            let (length, from) = peer.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..length], from), (&b"200"[..], local.address));
        }
    }

    #[tokio::test]
    async fn a_wildcard_names_the_address_that_the_peer_reached() {
        let bound = Bound::bind(&settings(&["0.0.0.0:0"], &[]), &[]).unwrap();
        let port = bound.locals()[0].address.port();
        let (inbox, mut news) = mpsc::channel(8);
        let _network = bound.serve(inbox, &Arc::default()).unwrap();
        let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        peer.send_to(b"x", ("127.0.0.1", port)).await.unwrap();
        let Some(News::Datagram { path, .. }) = news.recv().await else { panic!("no datagram") };
        assert_eq!(path.local, SocketAddr::from(([127, 0, 0, 1], port)));
    }

    #[tokio::test]
    async fn a_closed_port_is_told_as_unreachable() {
        let bound = Bound::bind(&settings(&["127.0.0.1:0"], &[]), &[]).unwrap();
        let local = bound.locals()[0].address;
        let (inbox, mut news) = mpsc::channel(8);
        let mut network = bound.serve(inbox, &Arc::default()).unwrap();
        let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        network.send(Transmit { path: Path::udp(local, gone), bytes: b"x".to_vec() });
        let Some(News::Unreachable(path)) = news.recv().await else { panic!("no news") };
        assert_eq!(path.remote, gone);
    }

    #[tokio::test]
    async fn a_full_inbox_drops_and_counts() {
        let bound = Bound::bind(&settings(&["127.0.0.1:0"], &[]), &[]).unwrap();
        let local = bound.locals()[0].address;
        let (inbox, mut news) = mpsc::channel(2);
        let stats = Arc::new(NetStats::default());
        let _network = bound.serve(inbox, &stats).unwrap();
        let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..10 {
            peer.send_to(b"x", local).await.unwrap();
        }
        while stats.inbox_full.load(Ordering::Relaxed) < 8 {
            tokio::task::yield_now().await;
        }
        assert!(news.try_recv().is_ok() && news.try_recv().is_ok() && news.try_recv().is_err());
    }

    #[test]
    fn every_address_that_is_taken_is_named() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let errors = Bound::bind(&settings(&[&address, &address], &[]), &[]).unwrap_err();
        assert_eq!(errors.len(), 2);
        assert!(errors[0].to_string().contains(&address), "{}", errors[0]);
    }
}
