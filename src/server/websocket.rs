//! What the connectors of bots and of recognisers are made of: a WebSocket to the far side, and RTP with the media
//! worker.
//!
//! Nothing here knows what is said over either. A write waits for the far side alone: each connection has its own task.

use crate::server::outgoing::{USER_AGENT, roots};
use axum::http::{HeaderValue, Uri, header};
use dozvon_media::rtp::Packet;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// The largest packet that is read whole; a longer one is no 20 ms of µ-law.
pub(crate) const PACKET_MAX: usize = 1_500;

/// Bytes that the system keeps for us while the far side does not read: some 3 s of sound. The system's own bound would
/// hide a slow one for minutes.
const SEND_BUFFER_BYTES: u32 = 32 * 1_024;

/// A connection, with or without TLS.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}
/// A WebSocket over it.
pub(crate) type Socket = WebSocketStream<Box<dyn Wire>>;

/// Whether an address wants TLS.
pub(crate) fn is_encrypted(url: &str) -> bool {
    url.starts_with("wss:")
}

/// TLS with the roots of each file that anybody names, read once.
#[derive(Default)]
pub(crate) struct Tls(BTreeMap<Option<PathBuf>, TlsConnector>);

impl Tls {
    /// TLS for an address that wants it, with the roots of this file or those that browsers know.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn of(
        &mut self,
        url: &str,
        ca_file: Option<&Path>,
    ) -> Result<Option<TlsConnector>, String> {
        if !is_encrypted(url) {
            return Ok(None);
        }
        let file = ca_file.map(Path::to_owned);
        if let Some(known) = self.0.get(&file) {
            return Ok(Some(known.clone()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots(ca_file)?)
            .with_no_client_auth();
        let made = TlsConnector::from(Arc::new(config));
        self.0.insert(file, made.clone());
        Ok(Some(made))
    }
}

/// Why there is no connection, with the words of whoever knows.
#[derive(Debug)]
pub(crate) enum NotConnected {
    /// No way there: no name, no connection, no TLS.
    Unreachable(String),
    /// Somebody is there and will not have it.
    Refused(String),
}

/// Connects, saying who we are and these headers. Messages longer than `message_max` bytes break the connection.
///
/// # Errors
/// [`NotConnected`].
pub(crate) async fn connect(
    url: &str,
    headers: Vec<(&'static str, String)>,
    tls: Option<&TlsConnector>,
    message_max: usize,
) -> Result<Socket, NotConnected> {
    let unreachable = |error: &dyn Display| NotConnected::Unreachable(error.to_string());
    let uri: Uri = url.parse().map_err(|error| unreachable(&error))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let tcp =
        TcpStream::connect((host.as_str(), port)).await.map_err(|error| unreachable(&error))?;
    // Both are for speed only: a system that refuses serves as well as it can.
    let _ = tcp.set_nodelay(true);
    let _ = socket2::SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER_BYTES as usize);
    let wire: Box<dyn Wire> = match tls {
        Some(tls) => {
            let name = ServerName::try_from(host).map_err(|error| unreachable(&error))?;
            Box::new(tls.connect(name, tcp).await.map_err(|error| unreachable(&error))?)
        }
        None => Box::new(tcp),
    };
    let mut request = url.into_client_request().map_err(|error| unreachable(&error))?;
    let sent = request.headers_mut();
    sent.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in headers {
        // A token that no header can have leads nowhere: people take over. None of these is for a log.
        let mut value = HeaderValue::from_str(&value).map_err(|error| unreachable(&error))?;
        value.set_sensitive(true);
        sent.insert(name, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(message_max))
        .max_frame_size(Some(message_max))
        .read_buffer_size(16 * 1_024)
        .write_buffer_size(0);
    match tokio_tungstenite::client_async_with_config(request, wire, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(NotConnected::Refused(answer.status().to_string())),
        Err(error) => Err(NotConnected::Refused(error.to_string())),
    }
}

/// Writes to the far side, as slowly as it reads; at the end a normal closure.
pub(crate) async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut letters: mpsc::Receiver<Message>,
) {
    while let Some(letter) = letters.recv().await {
        if sink.send(letter).await.is_err() {
            return;
        }
    }
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let _ = sink.send(Message::Close(Some(goodbye))).await;
}

/// Reads to the end, so that the far side sees an orderly one.
pub(crate) async fn drain(source: &mut SplitStream<Socket>) {
    while let Some(Ok(_)) = source.next().await {}
}

/// RTP with the media worker: the far side of the line's session.
#[derive(Debug)]
pub(crate) struct Voice {
    /// What packets come by.
    pub(crate) socket: UdpSocket,
    /// Where we receive, as the worker reaches it.
    pub(crate) far: SocketAddr,
    /// The worker's side.
    near: SocketAddr,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    out: Vec<u8>,
}

impl Voice {
    /// A socket beside the session at `near`. An address that is told to the world and is not this machine's is reached
    /// over loopback, since the session listens everywhere then.
    pub(crate) async fn bind(near: SocketAddr) -> io::Result<Voice> {
        let (socket, near) = match UdpSocket::bind((near.ip(), 0)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                let loopback: IpAddr = match near {
                    SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                    SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                };
                let near = SocketAddr::new(loopback, near.port());
                (UdpSocket::bind((loopback, 0)).await?, near)
            }
            bound => (bound?, near),
        };
        let far = socket.local_addr()?;
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let [a, b, c, d, e, f, g, h, i, j] = random;
        Ok(Voice {
            socket,
            far,
            near,
            sequence: u16::from_be_bytes([a, b]),
            timestamp: u32::from_be_bytes([c, d, e, f]),
            ssrc: u32::from_be_bytes([g, h, i, j]),
            out: Vec::new(),
        })
    }

    /// The sound in a packet of the session; `None` for anything else: keys come by another way, strangers not at all.
    pub(crate) fn sound<'a>(&self, datagram: &'a [u8], from: SocketAddr) -> Option<&'a [u8]> {
        let packet = Packet::parse(datagram).filter(|packet| packet.payload_type == 0)?;
        (from == self.near && !packet.payload.is_empty()).then_some(packet.payload)
    }

    /// Sends a frame. One that the system does not take is lost, as on any network.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        let packet = Packet {
            payload_type: 0,
            marker: false,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload: frame,
        };
        packet.write(&mut self.out);
        self.sequence = self.sequence.wrapping_add(1);
        let samples = u32::try_from(frame.len()).expect("a frame is short");
        self.timestamp = self.timestamp.wrapping_add(samples);
        let _ = self.socket.try_send_to(&self.out, self.near);
    }
}
