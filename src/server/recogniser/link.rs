//! The sockets of one fork: RTP from the media worker, a WebSocket to the recogniser, and the task that moves between
//! them what [`super::fork`] says. Nothing here waits for the recogniser: it has its own task to be written to.

use super::desk::{Desk, Held};
use super::dialect::{Dialect, vosk_token};
use super::fork::{Failure, Fork, Input, News};
use super::limits::{MESSAGE_BYTES_MAX, STOP_WITHIN};
use crate::server::bot::dialect::Letter;
use crate::server::bot::twilio::{Names, Writer, signature};
use crate::server::clock::Clock;
use crate::server::config::{Recogniser, RecogniserProtocol};
use crate::server::websocket::{NotConnected, PACKET_MAX, Socket, Voice, connect, drain, write};
use dozvon_clock::Timestamp;
use dozvon_switch::border::{ForkCall, ForkNews};
use futures_util::StreamExt as _;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// The account that a recogniser is told by Media Streams.
const ACCOUNT: &str = "AClocal";

/// What one fork's task works with.
pub(super) struct Link {
    /// The fork, and whence its sound comes.
    pub(super) call: ForkCall,
    /// The recogniser.
    pub(super) recogniser: Arc<Recogniser>,
    /// Random bytes for names.
    pub(super) random: [u8; 32],
    /// Ready when our side ends it.
    pub(super) close: oneshot::Receiver<()>,
    /// The way to the brain.
    pub(super) news: mpsc::Sender<ForkNews>,
    /// TLS as the recogniser's certificate wants it; `None` where it has none.
    pub(super) tls: Option<TlsConnector>,
    /// The fork's place at its recogniser.
    pub(super) held: Held,
    pub(super) clock: Clock,
}

impl Link {
    /// Connects, and stays until the fork is over. Its end is told before it returns.
    pub(super) async fn run(mut self) {
        let names = Names::of(self.random, ACCOUNT);
        let dialect = match self.recogniser.protocol {
            RecogniserProtocol::Vosk => Dialect::Vosk(Vec::new()),
            RecogniserProtocol::Twilio => {
                Dialect::MediaStream(Box::new(Writer::new(names)), self.call.language.clone())
            }
        };
        let mut fork = Fork::new(self.clock.now(), dialect);
        let voice = match Voice::bind(self.call.sound).await {
            Ok(voice) => voice,
            Err(error) => {
                tracing::error!(%error, "no socket for the sound of a fork");
                fork.handle(self.clock.now(), Input::Failed(Failure::Ours));
                return self.tell(&mut fork, None).await;
            }
        };
        let due = fork.poll_timeout().unwrap_or(Timestamp::FAR_FUTURE);
        let headers = self.headers();
        let connected = tokio::select! {
            connected = connect(&self.recogniser.url, headers, self.tls.as_ref(), MESSAGE_BYTES_MAX) => connected,
            _ = &mut self.close => {
                fork.handle(self.clock.now(), Input::Close);
                return self.tell(&mut fork, None).await;
            }
            () = sleep_until(self.clock.instant(due).into()) => {
                fork.handle_timeout(self.clock.now());
                return self.tell(&mut fork, None).await;
            }
        };
        let (failure, why) = match connected {
            Ok(socket) => return self.listen(fork, voice, socket).await,
            Err(NotConnected::Unreachable(why)) => (Failure::Unreachable, why),
            Err(NotConnected::Refused(why)) => (Failure::Refused, why),
        };
        tracing::debug!(recogniser = %self.call.recogniser, %why, "no connection with a recogniser");
        fork.handle(self.clock.now(), Input::Failed(failure));
        self.tell(&mut fork, None).await;
    }

    /// By what a recogniser knows that it may trust us.
    fn headers(&self) -> Vec<(&'static str, String)> {
        let token = self.recogniser.token.as_ref().map(|token| &token.0);
        let shown = token.map(|token| match self.recogniser.protocol {
            RecogniserProtocol::Vosk => vosk_token(token),
            RecogniserProtocol::Twilio => {
                ("x-twilio-signature", signature(token, &self.recogniser.url))
            }
        });
        shown.into_iter().collect()
    }

    async fn listen(mut self, mut fork: Fork, voice: Voice, socket: Socket) {
        let (sink, mut source) = socket.split();
        let (letters, inbox) = mpsc::channel(1);
        let mut writer = tokio::spawn(write(sink, inbox));
        let mut packet = [0; PACKET_MAX];
        let mut wanted = true;
        fork.handle(self.clock.now(), Input::Opened);
        loop {
            self.tell(&mut fork, Some(&voice)).await;
            if fork.is_closed() {
                break;
            }
            let due = fork.poll_timeout().unwrap_or(Timestamp::FAR_FUTURE);
            tokio::select! {
                _ = &mut self.close, if wanted => {
                    wanted = false;
                    fork.handle(self.clock.now(), Input::Close);
                }
                message = source.next() => read(&mut fork, self.clock.now(), message),
                came = voice.socket.recv_from(&mut packet) => {
                    // An error is news of an earlier packet that nobody took: nothing is sent there.
                    if let Ok((len, from)) = came
                        && let Some(sound) = voice.sound(&packet[..len], from)
                    {
                        fork.handle(self.clock.now(), Input::Sound(sound));
                    }
                }
                permit = letters.reserve(), if fork.has_letter() => match (permit, fork.poll_letter()) {
                    (Ok(permit), Some(Letter::Text(text) | Letter::TextSound(text))) => {
                        permit.send(Message::text(text));
                    }
                    (Ok(permit), Some(Letter::Sound(sound))) => permit.send(Message::binary(sound)),
                    (Ok(permit), Some(Letter::Ping)) => permit.send(Message::Ping(Bytes::new())),
                    (Ok(_), None) => {}
                    (Err(_), _) => fork.handle(self.clock.now(), Input::Failed(Failure::Broken)),
                },
                () = sleep_until(self.clock.instant(due).into()) => {
                    fork.handle_timeout(self.clock.now());
                }
            }
        }
        drop(letters);
        if timeout(STOP_WITHIN, &mut writer).await.is_err() {
            writer.abort();
        }
        let _ = timeout(STOP_WITHIN, drain(&mut source)).await;
    }

    /// Passes on what the fork has to say to everybody but the recogniser.
    async fn tell(&mut self, fork: &mut Fork, voice: Option<&Voice>) {
        let desk: &Desk = &self.held;
        desk.count(fork.take_tally());
        let id = self.call.fork;
        while let Some(news) = fork.poll_news() {
            let news = match (news, voice) {
                (News::Up, Some(voice)) => ForkNews::Up { fork: id, sound: voice.far },
                (News::Up, None) => continue,
                (News::Works, _) => {
                    self.held.ended(self.clock.now(), true);
                    continue;
                }
                (News::Said(text), _) => ForkNews::Said { fork: id, text },
                (News::Over(failure), _) => {
                    self.held.fail(self.clock.now(), failure);
                    ForkNews::Over { fork: id }
                }
            };
            // Without a brain nobody has calls any more.
            let _ = self.news.send(news).await;
        }
    }
}

fn read(fork: &mut Fork, now: Timestamp, message: Option<Result<Message, Error>>) {
    let input = match &message {
        Some(Ok(Message::Text(text))) => Input::Text(text),
        Some(Ok(Message::Binary(_))) => Input::Unreadable,
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Input::Alive,
        Some(Ok(Message::Close(_))) | None => Input::Ended,
        Some(Err(_)) => Input::Failed(Failure::Broken),
    };
    fork.handle(now, input);
}
