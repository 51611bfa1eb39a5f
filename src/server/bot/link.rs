//! The sockets of one stream: a WebSocket to the bot, RTP to the media worker, and the task that moves between them
//! what [`super::stream`] says. Nothing here waits for the bot: it has its own task to be written to.

use super::audiohook::Session;
use super::dialect::{Dialect, Letter};
use super::limits::{MESSAGE_BYTES_MAX, STOP_WITHIN};
use super::stream::{Input, News, Stream};
use super::twilio::{Names, signature};
use super::{Figures, Wish};
use crate::server::clock::Clock;
use crate::server::config::{BotProtocol, StreamBot};
use crate::server::websocket::{self, NotConnected, PACKET_MAX, Socket, Voice, drain, write};
use dozvon_center::bot::BotFailure;
use dozvon_clock::Timestamp;
use dozvon_switch::border::{BotCall, BotNews};
use futures_util::StreamExt as _;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

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

async fn connect(
    bot: &StreamBot,
    names: &Names,
    tls: Option<&TlsConnector>,
) -> Result<Socket, (BotFailure, String)> {
    let headers = introduction(bot, names);
    let connected = websocket::connect(&bot.url, headers, tls, MESSAGE_BYTES_MAX).await;
    connected.map_err(|not| match not {
        NotConnected::Unreachable(why) => (BotFailure::Unreachable, why),
        NotConnected::Refused(why) => (BotFailure::Refused, why),
    })
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
