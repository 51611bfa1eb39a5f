//! The SIP wire of one phone: one UDP socket or TCP connection; messages go to the call they belong to by Call-ID.

use super::PhoneError;
use super::ladder::{Ladder, Way};
use super::text::{self, Lines};
use rsip::{Method, Request, SipMessage};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

/// Messages waiting for one call; more are dropped, as a datagram may be.
const INBOX_MAX: usize = 64;
/// The largest message we read.
const MESSAGE_MAX: usize = 65_536;

/// How SIP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Datagrams.
    Udp,
    /// One connection to the server.
    Tcp,
}

enum Wire {
    Udp(UdpSocket),
    Tcp(tokio::sync::Mutex<OwnedWriteHalf>),
}

/// A request that begins something new, with the inbox of what follows it.
pub(super) struct Incoming {
    /// The request.
    pub(super) request: Request,
    /// Where it came from, and so where the answer goes (RFC 3581).
    pub(super) from: SocketAddr,
    /// What comes later with the same Call-ID.
    pub(super) inbox: Inbox,
}

/// The messages of one Call-ID, until dropped.
pub(super) struct Inbox {
    line: Arc<Line>,
    call_id: String,
    messages: mpsc::Receiver<(SipMessage, SocketAddr)>,
}

impl Inbox {
    /// The next message and where it came from; never returns when the wire is silent for ever. Safe to cancel.
    pub(super) async fn next(&mut self) -> (SipMessage, SocketAddr) {
        match self.messages.recv().await {
            Some(message) => message,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.line.calls().remove(&self.call_id);
    }
}

/// One phone's wire.
pub(crate) struct Line {
    wire: Wire,
    transport: Transport,
    server: SocketAddr,
    local: SocketAddr,
    calls: Mutex<BTreeMap<String, mpsc::Sender<(SipMessage, SocketAddr)>>>,
    ladder: Option<Arc<Ladder>>,
    unreadable: AtomicU64,
}

impl Line {
    /// Opens the wire and starts to listen; new calls from outside come through the receiver.
    pub(super) async fn open(
        transport: Transport,
        bind: Option<IpAddr>,
        server: SocketAddr,
        ladder: Option<Arc<Ladder>>,
    ) -> Result<(Arc<Line>, mpsc::Receiver<Incoming>), PhoneError> {
        let failed = |e: std::io::Error| PhoneError::Network(format!("{server}: {e}"));
        let bind = match bind {
            Some(bind) => bind,
            None => own_address(server).map_err(failed)?,
        };
        let (wire, local, reader) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((bind, 0)).await.map_err(failed)?;
                let local = socket.local_addr().map_err(failed)?;
                (Wire::Udp(socket), local, None)
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(server).await.map_err(failed)?;
                let local = stream.local_addr().map_err(failed)?;
                let (reader, writer) = stream.into_split();
                (Wire::Tcp(tokio::sync::Mutex::new(writer)), local, Some(reader))
            }
        };
        let (calls, unreadable) = (Mutex::new(BTreeMap::new()), AtomicU64::new(0));
        let line = Arc::new(Line { wire, transport, server, local, calls, ladder, unreadable });
        let (sender, incoming) = mpsc::channel(INBOX_MAX);
        tokio::spawn(listen(Arc::downgrade(&line), reader, sender));
        Ok((line, incoming))
    }

    /// Our own address on this wire.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The server we talk to.
    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// How SIP travels here.
    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Messages that came and that `rsip` could not read.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// A Via of ours with that branch.
    pub(super) fn via(&self, branch: &str) -> String {
        let name = match self.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        format!("SIP/2.0/{name} {};branch={branch};rport", self.local)
    }

    /// A Contact of ours with that user part.
    pub(super) fn contact(&self, user: &str) -> String {
        let transport = match self.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
        };
        format!("<sip:{user}@{}{transport}>", self.local)
    }

    /// Writes a remark into the ladder, if one is printed.
    pub(super) fn remark(&self, text: &str) {
        if let Some(ladder) = &self.ladder {
            ladder.remark(text);
        }
    }

    /// Sends one message; over TCP always to the server. What the network loses is the transactions' business.
    pub(super) async fn send(&self, text: &str, to: SocketAddr) {
        if let Some(ladder) = &self.ladder {
            ladder.message(Way::Out, to, text);
        }
        match &self.wire {
            Wire::Udp(socket) => {
                let _ = socket.send_to(text.as_bytes(), to).await;
            }
            Wire::Tcp(writer) => {
                let _ = writer.lock().await.write_all(text.as_bytes()).await;
            }
        }
    }

    /// An inbox for the messages of that Call-ID.
    pub(super) fn attach(self: &Arc<Line>, call_id: &str) -> Inbox {
        let (sender, messages) = mpsc::channel(INBOX_MAX);
        self.calls().insert(call_id.to_owned(), sender);
        Inbox { line: self.clone(), call_id: call_id.to_owned(), messages }
    }

    fn calls(
        &self,
    ) -> std::sync::MutexGuard<'_, BTreeMap<String, mpsc::Sender<(SipMessage, SocketAddr)>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn received(
        self: &Arc<Line>,
        bytes: &[u8],
        from: SocketAddr,
        new: &mpsc::Sender<Incoming>,
    ) {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let message = match SipMessage::try_from(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.unreadable.fetch_add(1, Ordering::Relaxed);
                self.remark(&format!("a message that rsip can't read came from {from}: {error}"));
                return;
            }
        };
        if let Some(ladder) = &self.ladder {
            ladder.message(Way::In, from, &String::from_utf8_lossy(bytes));
        }
        let call_id = text::value(&message, "Call-ID").unwrap_or_default();
        let known = self.calls().get(&call_id).cloned();
        match (known, message) {
            (Some(call), message) => {
                let _ = call.try_send((message, from));
            }
            (None, SipMessage::Request(request)) => {
                self.stranger(request, from, &call_id, new).await
            }
            (None, SipMessage::Response(_)) => {}
        }
    }

    /// A request that belongs to no call of ours.
    async fn stranger(
        self: &Arc<Line>,
        request: Request,
        from: SocketAddr,
        call_id: &str,
        new: &mpsc::Sender<Incoming>,
    ) {
        let status = match request.method {
            Method::Invite => {
                let inbox = self.attach(call_id);
                let Err(
                    mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back),
                ) = new.try_send(Incoming { request, from, inbox })
                else {
                    return;
                };
                let busy =
                    text::response(&back.request, 486, &text::token(4), Lines::default(), "");
                return self.send(&busy, from).await;
            }
            Method::Ack => return,
            Method::Options => 200,
            Method::Bye | Method::Cancel | Method::Info | Method::Update => 481,
            Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => 501,
        };
        let answer = text::response(&request, status, &text::token(4), Lines::default(), "");
        self.send(&answer, from).await;
    }
}

/// The address of ours from which `server` is reached; no packet is sent.
fn own_address(server: SocketAddr) -> std::io::Result<IpAddr> {
    let any: SocketAddr =
        if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

/// Reads the wire until the phone is dropped or the connection ends.
async fn listen(
    line: std::sync::Weak<Line>,
    reader: Option<OwnedReadHalf>,
    new: mpsc::Sender<Incoming>,
) {
    let mut buffer = vec![0; MESSAGE_MAX];
    let mut tcp = reader.map(|reader| (reader, Vec::new()));
    loop {
        match &mut tcp {
            None => {
                let Some(strong) = line.upgrade() else { return };
                let Wire::Udp(socket) = &strong.wire else { return };
                let wait = tokio::time::timeout(
                    std::time::Duration::from_millis(500),
                    socket.recv_from(&mut buffer),
                );
                // The wait ends now and then, so that a dropped phone is noticed.
                if let Ok(Ok((length, from))) = wait.await {
                    strong.received(&buffer[..length], from, &new).await;
                }
            }
            Some((reader, pending)) => {
                let length = match reader.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(length) => length,
                };
                pending.extend_from_slice(&buffer[..length]);
                let Some(strong) = line.upgrade() else { return };
                while let Some(whole) = first_message(pending) {
                    let message: Vec<u8> = pending.drain(..whole).collect();
                    strong.received(&message, strong.server, &new).await;
                }
            }
        }
    }
}

/// How many bytes the first whole message of a stream has (RFC 3261 §18.3); blank lines before it count as one.
fn first_message(bytes: &[u8]) -> Option<usize> {
    let blank = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    if blank > 0 {
        return Some(blank);
    }
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]);
    let length: usize = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    (bytes.len() >= head + length).then_some(head + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_by_content_length() {
        let two = b"SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabcSIP/2.0 180 Ringing\r\n\r\n";
        assert_eq!(first_message(two), Some(40));
        assert_eq!(first_message(&two[..39]), None, "the body is not all there");
        assert_eq!(first_message(b"\r\n\r\nX"), Some(4));
    }
}
