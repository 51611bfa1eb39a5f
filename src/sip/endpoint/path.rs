//! Where bytes come from and go to: the border between the endpoint and the roof that owns the sockets.
//!
//! Knows nothing of SIP text. A [`Path`] is plain data: the roof fills it in for what it receives and obeys it for
//! what it sends.

use std::net::SocketAddr;

/// How a message travels. TLS and WebSocket will come as further variants; ask [`Protocol::reliable`], do not compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// One datagram is one message; the transactions retransmit.
    Udp,
    /// A stream framed by Content-Length (RFC 3261 §18.3).
    Tcp,
}

impl Protocol {
    /// Whether the transport itself delivers or tells: no retransmissions of ours then (RFC 3261 §17).
    pub const fn reliable(self) -> bool {
        match self {
            Protocol::Udp => false,
            Protocol::Tcp => true,
        }
    }

    /// The name as it stands in a Via header.
    pub const fn via(self) -> &'static str {
        match self {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
        }
    }

    /// The value of the `transport` URI parameter; empty for UDP, the default of a `sip:` URI.
    pub const fn uri_parameter(self) -> &'static str {
        match self {
            Protocol::Udp => "",
            Protocol::Tcp => ";transport=tcp",
        }
    }
}

/// A stream connection the roof holds open; numbers are never used twice within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Where a message came from, and so the way an answer goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The connection, for stream protocols. `None` in a [`Transmit`] over TCP asks the roof to connect.
    pub connection: Option<ConnectionId>,
    /// Our own address as the peer reached it; it becomes our Contact and Via.
    pub local: SocketAddr,
    /// The peer's address as the packet showed it.
    pub remote: SocketAddr,
}

impl Path {
    /// A UDP path between two addresses.
    pub const fn udp(local: SocketAddr, remote: SocketAddr) -> Path {
        Path { protocol: Protocol::Udp, connection: None, local, remote }
    }

    /// A path over a TCP connection that the roof has.
    pub const fn tcp(connection: ConnectionId, local: SocketAddr, remote: SocketAddr) -> Path {
        Path { protocol: Protocol::Tcp, connection: Some(connection), local, remote }
    }
}

/// One message to be put on the wire. TCP without a connection: take the one there is to `path.remote`, or connect;
/// then report what comes over that connection with its own [`ConnectionId`]. If connecting fails, say
/// [`Input::Unreachable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Over which way.
    pub path: Path,
    /// One whole SIP message.
    pub bytes: Vec<u8>,
}

/// What the roof tells the endpoint.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A datagram came.
    Datagram {
        /// From where and to which of our addresses.
        path: Path,
        /// The whole datagram.
        bytes: &'a [u8],
    },
    /// One framed message came over a stream.
    Stream {
        /// The connection and its ends.
        path: Path,
        /// Exactly one message, head and body.
        message: &'a [u8],
    },
    /// A connection is no more, by whoever's doing.
    Closed(ConnectionId),
    /// A transmit failed: ICMP said so, or connecting was refused or timed out.
    Unreachable {
        /// The path of the failed [`Transmit`].
        path: Path,
    },
}
