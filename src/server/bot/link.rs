//! The sockets of one stream: a WebSocket to the bot, RTP to the media worker, and the task that moves between them
//! what [`super::stream`] says. Nothing here waits for the bot: it has its own task to be written to.

use super::audiohook::Session;
use super::dialect::{Dialect, Letter};
use super::limits::{MESSAGE_BYTES_MAX, SEND_BUFFER_BYTES, STOP_WITHIN};
use super::stream::{Input, News, Stream};
use super::twilio::{Names, signature};
use super::{Figures, Wish};
use crate::server::clock::Clock;
use crate::server::config::{BotProtocol, StreamBot};
use crate::server::outgoing::USER_AGENT;
use axum::http::{HeaderValue, Uri, header};
use dozvon_center::bot::BotFailure;
use dozvon_clock::Timestamp;
use dozvon_media::rtp::Packet;
use dozvon_switch::border::{BotCall, BotNews};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// The largest packet that is read whole; a longer one is no 20 ms of µ-law.
const PACKET_MAX: usize = 1_500;

/// A connection, with or without TLS.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}
type Socket = WebSocketStream<Box<dyn Wire>>;

/// What one stream's task works with.
pub(super) struct Link {
    /// The line, and where its sound is.
    pub(super) call: BotCall,
    /// The bot.
    pub(super) bot: Arc<StreamBot>,
    /// The stream's names.
    pub(super) names: Names,
    /// Wishes about it; none can come any more when it is to be closed.
    pub(super) wishes: mpsc::Receiver<Wish>,
    /// The way to the brain.
    pub(super) news: mpsc::Sender<BotNews>,
    /// TLS as the bot's certificate wants it; `None` where it has none.
    pub(super) tls: Option<TlsConnector>,
    /// What is counted.
    pub(super) figures: Figures,
    pub(super) clock: Clock,
}

impl Link {
    /// Connects, and stays until the stream is over. Its end is told before it returns.
    pub(super) async fn run(mut self) {
        let mut stream = Stream::new(
            Dialect::new(self.bot.protocol, self.names.clone()),
            self.bot.parameters(&self.call.brief),
            self.bot.first_audio_within,
        );
        let voice = match Voice::bind(self.call.sound).await {
            Ok(voice) => voice,
            Err(error) => {
                tracing::error!(%error, "no socket for the sound of a bot");
                stream.handle(self.clock.now(), Input::Failed(BotFailure::Ours));
                return self.tell(&mut stream, None).await;
            }
        };
        let connected = tokio::select! {
            connected = connect(&self.bot, &self.names, self.tls.as_ref()) => connected,
            () = closed(&mut self.wishes, &mut stream, &self.clock) => {
                return self.tell(&mut stream, None).await;
            }
        };
        match connected {
            Ok(socket) => self.talk(stream, voice, socket).await,
            Err((failure, why)) => {
                tracing::info!(bot = %self.call.bot, call = %self.call.brief.call, %why, "no stream to the bot");
                stream.handle(self.clock.now(), Input::Failed(failure));
                self.tell(&mut stream, None).await;
            }
        }
    }

    async fn talk(mut self, mut stream: Stream, mut voice: Voice, socket: Socket) {
        let (sink, mut source) = socket.split();
        let (letters, inbox) = mpsc::channel(1);
        let mut writer = tokio::spawn(write(sink, inbox));
        let mut packet = [0; PACKET_MAX];
        let mut wanted = true;
        stream.handle(self.clock.now(), Input::Opened);
        loop {
            self.tell(&mut stream, Some(&mut voice)).await;
            if stream.is_closed() {
                break;
            }
            let due = stream.poll_timeout().unwrap_or(Timestamp::FAR_FUTURE);
            tokio::select! {
                wish = self.wishes.recv(), if wanted => {
                    wanted = wish.is_some();
                    let input = match wish {
                        Some(Wish::Key(key)) => Input::Key(key),
                        Some(Wish::Over(over, note)) => Input::Over(over, *note),
                        None => Input::Close,
                    };
                    stream.handle(self.clock.now(), input);
                }
                message = source.next() => read(&mut stream, self.clock.now(), message),
                came = voice.socket.recv_from(&mut packet) => {
                    // An error is news of an earlier packet that nobody took: the session is on its way.
                    if let Ok((len, from)) = came
                        && let Some(sound) = voice.sound(&packet[..len], from)
                    {
                        stream.handle(self.clock.now(), Input::Caller(sound));
                    }
                }
                permit = letters.reserve(), if stream.has_letter() => match (permit, stream.poll_letter()) {
                    (Ok(permit), Some(Letter::Text(text) | Letter::TextSound(text))) => {
                        permit.send(Message::text(text));
                    }
                    (Ok(permit), Some(Letter::Sound(sound))) => permit.send(Message::binary(sound)),
                    (Ok(permit), Some(Letter::Ping)) => permit.send(Message::Ping(Bytes::new())),
                    (Ok(_), None) => {}
                    (Err(_), _) => stream.handle(self.clock.now(), Input::Failed(BotFailure::Broken)),
                },
                () = sleep_until(self.clock.instant(due).into()) => {
                    stream.handle_timeout(self.clock.now());
                }
            }
        }
        drop(letters);
        if timeout(STOP_WITHIN, &mut writer).await.is_err() {
            writer.abort();
        }
        let _ = timeout(STOP_WITHIN, drain(&mut source)).await;
    }

    /// Passes on what the stream has to say to everybody but the bot.
    async fn tell(&self, stream: &mut Stream, mut voice: Option<&mut Voice>) {
        let now = self.clock.now();
        while let Some(frame) = stream.poll_frame(now) {
            if let Some(voice) = &mut voice {
                voice.send(&frame);
            }
        }
        let bot = &*self.call.bot;
        for waited in stream.take_waited() {
            self.figures.playout.with_label_values(&[bot]).observe(waited.as_secs_f64());
        }
        self.figures.count(bot, stream.take_tally());
        let leg = self.call.leg;
        while let Some(news) = stream.poll_news() {
            let news = match (news, &voice) {
                (News::Up, Some(voice)) => BotNews::Up { leg, sound: voice.far },
                (News::Up, None) => continue,
                (News::Over(over, note), _) => {
                    tracing::info!(%bot, call = %self.call.brief.call, ?over, "the bot's part is over");
                    BotNews::Over { leg, over, note }
                }
            };
            // Without a brain nobody has calls any more.
            let _ = self.news.send(news).await;
        }
    }
}

/// Returns when our side ends a stream that does not stand yet; passes on what ends it otherwise.
async fn closed(wishes: &mut mpsc::Receiver<Wish>, stream: &mut Stream, clock: &Clock) {
    while let Some(wish) = wishes.recv().await {
        match wish {
            Wish::Key(key) => stream.handle(clock.now(), Input::Key(key)),
            Wish::Over(over, note) => {
                stream.handle(clock.now(), Input::Over(over, *note));
                return;
            }
        }
    }
    stream.handle(clock.now(), Input::Close);
}

fn read(stream: &mut Stream, now: Timestamp, message: Option<Result<Message, Error>>) {
    match message {
        Some(Ok(Message::Text(text))) => stream.handle(now, Input::Text(&text)),
        Some(Ok(Message::Binary(bytes))) => stream.handle(now, Input::Binary(&bytes)),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
            stream.handle(now, Input::Alive { unreadable: false });
        }
        Some(Ok(Message::Close(frame))) => {
            stream.handle(now, Input::Ended(frame.map(|frame| frame.code.into())));
        }
        Some(Err(_)) => stream.handle(now, Input::Failed(BotFailure::Broken)),
        None => stream.handle(now, Input::Ended(None)),
    }
}

/// Writes to the bot, as slowly as it reads; at the end a normal closure.
async fn write(mut sink: SplitSink<Socket, Message>, mut letters: mpsc::Receiver<Message>) {
    while let Some(letter) = letters.recv().await {
        if sink.send(letter).await.is_err() {
            return;
        }
    }
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let _ = sink.send(Message::Close(Some(goodbye))).await;
}

/// Reads to the end, so that the bot sees an orderly one.
async fn drain(source: &mut SplitStream<Socket>) {
    while let Some(Ok(_)) = source.next().await {}
}

async fn connect(
    bot: &StreamBot,
    names: &Names,
    tls: Option<&TlsConnector>,
) -> Result<Socket, (BotFailure, String)> {
    let unreachable = |error: &dyn std::fmt::Display| (BotFailure::Unreachable, error.to_string());
    let uri: Uri = bot.url.parse().map_err(|error| unreachable(&error))?;
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
    let mut request =
        bot.url.as_str().into_client_request().map_err(|error| unreachable(&error))?;
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in introduction(bot, names) {
        // A token that no header can have leads nowhere: people take over. None of these is for a log.
        let mut value = HeaderValue::from_str(&value).map_err(|error| unreachable(&error))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .read_buffer_size(16 * 1_024)
        .write_buffer_size(0);
    match tokio_tungstenite::client_async_with_config(request, wire, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err((BotFailure::Refused, answer.status().to_string())),
        Err(error) => Err((BotFailure::Refused, error.to_string())),
    }
}

/// The headers by which a bot knows who calls, and that it may trust him.
fn introduction(bot: &StreamBot, names: &Names) -> Vec<(&'static str, String)> {
    let token = bot.token.as_ref().map(|token| &token.0);
    match bot.protocol {
        BotProtocol::Twilio => token
            .map(|token| ("x-twilio-signature", signature(token, &bot.url)))
            .into_iter()
            .collect(),
        BotProtocol::AudioHook => {
            let key = token.map(|token| ("x-api-key", token.clone()));
            Session::headers(names).into_iter().chain(key).collect()
        }
    }
}

/// RTP with the media worker: the far side of the line's session.
#[derive(Debug)]
struct Voice {
    socket: UdpSocket,
    /// Where we receive, as the worker reaches it.
    far: SocketAddr,
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
    async fn bind(near: SocketAddr) -> io::Result<Voice> {
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
    fn sound<'a>(&self, datagram: &'a [u8], from: SocketAddr) -> Option<&'a [u8]> {
        let packet = Packet::parse(datagram).filter(|packet| packet.payload_type == 0)?;
        (from == self.near && !packet.payload.is_empty()).then_some(packet.payload)
    }

    /// Sends a frame. One that the system does not take is lost, as on any network.
    fn send(&mut self, frame: &[u8]) {
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
