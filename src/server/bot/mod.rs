//! The connector of bots: WebSocket streams to voice bots, dozvon being the platform of Twilio Media Streams.
//!
//! The brain opens a stream and closes it; between the two, one task carries sound and messages ([`link`]) as
//! [`stream`] decides, in the words of [`twilio`], at the pace of [`playout`]. All streams are on one thread of their
//! own: a bot never touches the brain or a media tick. What bots ask by REST comes through [`BotDoor`].

mod audiohook;
pub(crate) mod dialect;
mod limits;
mod link;
mod playout;
mod stream;
pub(crate) mod twilio;
pub(crate) mod twiml;

use crate::server::clock::Clock;
use crate::server::config::{Secret, StreamBot, Streams};
use crate::server::websocket::Tls;
use dozvon_center::bot::{BotFailure, BotNote, BotOver};
use dozvon_center::ids::{Key, LegId};
use dozvon_switch::border::{BotCall, BotNews, BotOrder};
use limits::{NEWS_MAX, OPENINGS_MAX, STOP_WITHIN, STREAMS_MAX, WISHES_MAX};
use link::Link;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use twilio::Names;

/// One bot with a stream, for the tests of those who show figures.
#[cfg(test)]
pub(crate) fn example() -> Streams {
    let bot = StreamBot {
        url: "wss://bot.example/ws".to_owned(),
        protocol: crate::server::config::BotProtocol::Twilio,
        account: "AClocal".to_owned(),
        token: None,
        ca_file: None,
        tells: Vec::new(),
        first_audio_within: None,
    };
    Arc::new(BTreeMap::from([(Arc::from("robo"), Arc::new(bot))]))
}

/// How long sound waits to be played, in seconds.
const WAITS: [f64; 11] = [0.01, 0.02, 0.04, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0];

/// The figures of all streams.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    playout: HistogramVec,
    streams: IntGaugeVec,
    shed: IntCounterVec,
    unreadable: IntCounterVec,
}

impl Figures {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken, which is our own mistake.
    pub(crate) fn register(registry: &Registry, streams: &Streams) -> prometheus::Result<Figures> {
        let help = "How long a bot's sound waited for its turn to be played, by message.";
        let opts = HistogramOpts::new("dozvon_bot_playout_seconds", help).buckets(WAITS.to_vec());
        let playout = HistogramVec::new(opts, &["bot"])?;
        let opts = Opts::new("dozvon_bot_streams", "Streams to the bot that are open.");
        let open = IntGaugeVec::new(opts, &["bot"])?;
        let help = "Pieces of sound left out: to_bot, it read too slowly; from_bot, it said more than has room.";
        let shed = IntCounterVec::new(Opts::new("dozvon_bot_shed_total", help), &["bot", "way"])?;
        let help = "Messages of the bot that could not be read.";
        let opts = Opts::new("dozvon_bot_unreadable_total", help);
        let unreadable = IntCounterVec::new(opts, &["bot"])?;
        registry.register(Box::new(playout.clone()))?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(shed.clone()))?;
        registry.register(Box::new(unreadable.clone()))?;
        let figures = Figures { playout, streams: open, shed, unreadable };
        streams.keys().for_each(|bot| figures.create(bot));
        Ok(figures)
    }

    fn create(&self, bot: &str) {
        self.playout.with_label_values(&[bot]);
        self.streams.with_label_values(&[bot]);
        self.unreadable.with_label_values(&[bot]);
        for way in ["to_bot", "from_bot"] {
            self.shed.with_label_values(&[bot, way]);
        }
    }

    fn count(&self, bot: &str, tally: stream::Tally) {
        if tally == stream::Tally::default() {
            return;
        }
        self.shed.with_label_values(&[bot, "to_bot"]).inc_by(tally.to_bot_shed);
        self.shed.with_label_values(&[bot, "from_bot"]).inc_by(tally.from_bot_shed);
        self.unreadable.with_label_values(&[bot]).inc_by(tally.unreadable);
    }
}

/// What a stream may be asked while it lasts.
#[derive(Debug)]
enum Wish {
    /// Tell the bot of a key.
    Key(Key),
    /// The bot says by REST that its part is over.
    Over(BotOver, Box<BotNote>),
}

/// A stream on its way to the connector's thread.
struct Opening {
    call: BotCall,
    bot: Arc<StreamBot>,
    names: Names,
    wishes: mpsc::Receiver<Wish>,
}

/// What brain, streams and REST share.
#[derive(Debug, Default)]
struct Shared {
    /// The bots of the configuration in force.
    streams: Mutex<Streams>,
    /// Streams by the names of their calls.
    calls: Mutex<BTreeMap<String, Live>>,
}

/// A stream as REST finds it.
#[derive(Debug)]
struct Live {
    account: String,
    token: Option<Secret>,
    wishes: mpsc::WeakSender<Wish>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The brain's end. The connector's thread ends when it is gone and all streams are closed.
#[derive(Debug)]
pub(crate) struct Bots {
    openings: mpsc::Sender<Opening>,
    /// One for each stream; a stream is closed by dropping its own.
    wishes: BTreeMap<LegId, mpsc::Sender<Wish>>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {}", self.call.bot, self.call.brief.call)
    }
}

impl Bots {
    /// Does as the switch orders, without waiting. When a stream can't be opened, the news of that at once.
    pub(crate) fn order(&mut self, order: BotOrder) -> Option<BotNews> {
        match order {
            BotOrder::Open(call) => {
                let leg = call.leg;
                let failure = self.open(*call).err()?;
                Some(BotNews::Over { leg, over: BotOver::Failed(failure), note: None })
            }
            BotOrder::Key { leg, key } => {
                if let Some(wishes) = self.wishes.get(&leg) {
                    // A stream that does not take it is about to be found dead.
                    let _ = wishes.try_send(Wish::Key(key));
                }
                None
            }
            BotOrder::Close { leg } => {
                self.wishes.remove(&leg);
                None
            }
        }
    }

    fn open(&mut self, call: BotCall) -> Result<(), BotFailure> {
        let bot = lock(&self.shared.streams).get(&call.bot).cloned().ok_or(BotFailure::Ours)?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| BotFailure::Ours)?;
        let names = Names::of(random, &bot.account);
        let (wishes_in, wishes) = mpsc::channel(WISHES_MAX);
        let live = Live {
            account: bot.account.clone(),
            token: bot.token.clone(),
            wishes: wishes_in.downgrade(),
        };
        let (leg, sid) = (call.leg, names.call.clone());
        let opening = Opening { call, bot, names, wishes };
        self.openings.try_send(opening).map_err(|_| BotFailure::Busy)?;
        lock(&self.shared.calls).insert(sid, live);
        self.wishes.insert(leg, wishes_in);
        Ok(())
    }

    /// Knows these bots from now on; streams that are open stay as they are.
    pub(crate) fn replace(&self, streams: Streams) {
        *lock(&self.shared.streams) = streams;
    }
}

/// Why a wish by REST was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untaken {
    /// The account or its token is wrong.
    Unauthorized,
    /// There is no such call any more.
    Ended,
    /// The stream has too many wishes already.
    Busy,
}

/// The way for bots that ask by REST.
#[derive(Clone, Debug, Default)]
pub(crate) struct BotDoor(Arc<Shared>);

impl BotDoor {
    /// Whether somebody who says to be this user with this password may speak for the account.
    pub(crate) fn admits(&self, account: &str, user: &str, password: &str) -> bool {
        let streams = lock(&self.0.streams);
        let mut fits = false;
        for bot in streams.values() {
            fits |= bot.account == account && same(bot.token.as_ref(), password);
        }
        fits && user == account
    }

    /// The bot's part in this call is over. Who asks has been let in for the account.
    ///
    /// # Errors
    /// [`Untaken`]: nothing has changed then.
    pub(crate) fn end(
        &self,
        (account, password): (&str, &str),
        call: &str,
        over: BotOver,
        note: BotNote,
    ) -> Result<(), Untaken> {
        let calls = lock(&self.0.calls);
        let live = calls.get(call).filter(|live| live.account == account).ok_or(Untaken::Ended)?;
        if !same(live.token.as_ref(), password) {
            return Err(Untaken::Unauthorized);
        }
        let wishes = live.wishes.upgrade().ok_or(Untaken::Ended)?;
        match wishes.try_send(Wish::Over(over, Box::new(note))) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Untaken::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Untaken::Ended),
        }
    }
}

/// Compares in constant time. An account without a token lets nobody in.
fn same(token: Option<&Secret>, password: &str) -> bool {
    let Some(Secret(token)) = token else { return false };
    let (a, b) = (Sha256::digest(token.as_bytes()), Sha256::digest(password.as_bytes()));
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

/// Starts the thread of the streams.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn start(
    streams: Streams,
    figures: Figures,
    clock: Clock,
) -> io::Result<(Bots, mpsc::Receiver<BotNews>, BotDoor, JoinHandle<()>)> {
    let (openings_in, openings) = mpsc::channel(OPENINGS_MAX);
    let (news_in, news) = mpsc::channel(NEWS_MAX);
    let shared = Arc::new(Shared { streams: Mutex::new(streams), ..Shared::default() });
    let door = BotDoor(shared.clone());
    let bots = Bots { openings: openings_in, wishes: BTreeMap::new(), shared: shared.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let connector = Connector { shared, figures, clock, news: news_in, tls: Tls::default() };
    let body = move || runtime.block_on(connector.run(openings));
    let thread = std::thread::Builder::new().name("bots".into()).spawn(body)?;
    Ok((bots, news, door, thread))
}

/// What the connector's thread works with.
struct Connector {
    shared: Arc<Shared>,
    figures: Figures,
    clock: Clock,
    news: mpsc::Sender<BotNews>,
    tls: Tls,
}

impl Connector {
    async fn run(mut self, mut openings: mpsc::Receiver<Opening>) {
        let mut streams = JoinSet::new();
        loop {
            tokio::select! {
                opening = openings.recv() => match opening {
                    Some(opening) => self.open(&mut streams, opening).await,
                    None => break,
                },
                Some(ended) = streams.join_next() => {
                    if ended.is_err() {
                        tracing::error!("a bot's stream ended by a fault of its own");
                    }
                }
            }
        }
        // Whoever has not said goodbye by then does not get to any more.
        let _ = tokio::time::timeout(4 * STOP_WITHIN, async {
            while streams.join_next().await.is_some() {}
        })
        .await;
    }

    async fn open(&mut self, streams: &mut JoinSet<()>, opening: Opening) {
        let Opening { call, bot, names, wishes } = opening;
        let registered = Registered {
            sid: names.call.clone(),
            bot: call.bot.clone(),
            shared: self.shared.clone(),
            figures: self.figures.clone(),
        };
        self.figures.streams.with_label_values(&[&call.bot]).inc();
        let refused = match self.tls.of(&bot.url, bot.ca_file.as_deref()) {
            _ if streams.len() >= STREAMS_MAX => Err(BotFailure::Busy),
            Ok(tls) => Ok(tls),
            Err(why) => {
                tracing::error!(bot = %call.bot, %why, "no TLS for the bot");
                Err(BotFailure::Ours)
            }
        };
        match refused {
            Ok(tls) => {
                let (figures, clock, news) = (self.figures.clone(), self.clock, self.news.clone());
                let link = Link { call, bot, names, wishes, news, tls, figures, clock };
                streams.spawn(async move {
                    let _registered = registered;
                    link.run().await;
                });
            }
            Err(failure) => {
                let (leg, over) = (call.leg, BotOver::Failed(failure));
                let _ = self.news.send(BotNews::Over { leg, over, note: None }).await;
            }
        }
    }
}

/// A stream's place among those that REST finds and the gauge counts, given back when it is dropped.
struct Registered {
    sid: String,
    bot: Arc<str>,
    shared: Arc<Shared>,
    figures: Figures,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.shared.calls).remove(&self.sid);
        self.figures.streams.with_label_values(&[&*self.bot]).dec();
    }
}
