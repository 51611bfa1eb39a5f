//! The bounds of the SIP sockets, and what happens at each.

use std::time::Duration;

/// Datagrams read from one socket before others get a turn.
pub(crate) const BATCH: usize = 64;
/// Receive buffer asked of the system, bytes: about a second of 5,000 messages. The system may give less.
pub(crate) const RECEIVE_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// News waiting for the brain. At the bound a datagram is dropped and counted; a connection is not read.
pub(crate) const INBOX_MAX: usize = 8_192;
/// Peers whose route is remembered for a wildcard socket. At the bound all are forgotten and looked up anew.
pub(crate) const ROUTES_MAX: usize = 4_096;
/// Failed paths waiting for the brain. More are not told: their transactions time out.
pub(crate) const FAILED_MAX: usize = 1_024;
/// TCP connections from one address. At the bound a new one is closed at once.
pub(crate) const CONNECTIONS_PER_SOURCE_MAX: usize = 100;
/// Outgoing TCP connections that are being made. At the bound the message counts as undeliverable.
pub(crate) const CONNECTING_MAX: usize = 256;
/// Messages waiting to be written to one connection. At the bound the connection is closed: its peer does not read.
pub(crate) const WRITES_MAX: usize = 64;
/// How long a peer may take to accept one message. Then the connection is closed.
pub(crate) const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How long one message may take from its first byte to its last, however many bytes drip in. Then the connection is
/// closed.
pub(crate) const MESSAGE_WITHIN: Duration = Duration::from_secs(10);
/// How long connecting may take. Then the message counts as undeliverable.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// How long an answer to a message that broke the framing may take before the connection is closed.
pub(crate) const LAST_WORD_WITHIN: Duration = Duration::from_millis(500);
