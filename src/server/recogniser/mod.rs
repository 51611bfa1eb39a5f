//! The connector of recognisers: forks of callers' sound over WebSockets, and the words that come back.
//!
//! The brain opens a fork and closes it; between the two, one task carries sound and words ([`link`]) as [`fork`]
//! decides, in the words of [`dialect`]. All forks are on one thread of their own: a recogniser never touches the brain
//! or a media tick, and what it does not take is left out. What it understands is passed on and kept nowhere.

mod desk;
mod dialect;
mod fork;
mod limits;
mod link;

use crate::server::clock::Clock;
use crate::server::config::Recognisers;
#[cfg(test)]
use crate::server::config::{Recogniser, RecogniserProtocol};
use crate::server::websocket::Tls;
use desk::Desk;
use dozvon_center::ids::ForkId;
use dozvon_switch::border::{ForkCall, ForkNews, ForkOrder};
use fork::{Failure, Tally};
use limits::{FORKS_MAX, NEWS_MAX, OPENINGS_MAX, STOP_WITHIN};
use link::Link;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// One recogniser, for the tests of those who show figures.
#[cfg(test)]
pub(crate) fn example() -> Recognisers {
    let recogniser = Recogniser {
        url: "wss://words.example/ws".to_owned(),
        protocol: RecogniserProtocol::Vosk,
        token: None,
        ca_file: None,
        forks_max: 100,
    };
    Arc::new(BTreeMap::from([(Arc::from("words"), Arc::new(recogniser))]))
}

/// The figures of all recognisers.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    open: IntGaugeVec,
    ended: IntCounterVec,
    breaker: IntGaugeVec,
    shed: IntCounterVec,
    unreadable: IntCounterVec,
}

impl Figures {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken, which is our own mistake.
    pub(crate) fn register(
        registry: &Registry,
        recognisers: &Recognisers,
    ) -> prometheus::Result<Figures> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["recogniser"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let figures = Figures {
            open: gauge("dozvon_recogniser_forks", "Callers whom the recogniser hears now.")?,
            ended: counter(
                "dozvon_recogniser_forks_ended_total",
                "Callers whom the recogniser heard until they left the flow (ok), or did not, by why.",
                &["recogniser", "result"],
            )?,
            breaker: gauge(
                "dozvon_recogniser_breaker_state",
                "The recogniser's breaker: 0 closed, 1 half open (one caller tries), 2 open: nobody is heard.",
            )?,
            shed: counter(
                "dozvon_recogniser_shed_total",
                "Packets of callers' sound left out because the recogniser read too slowly.",
                &["recogniser"],
            )?,
            unreadable: counter(
                "dozvon_recogniser_unreadable_total",
                "Messages of the recogniser that could not be read.",
                &["recogniser"],
            )?,
        };
        recognisers.keys().for_each(|recogniser| figures.create(recogniser));
        Ok(figures)
    }

    fn create(&self, recogniser: &str) {
        self.open.with_label_values(&[recogniser]);
        self.breaker.with_label_values(&[recogniser]);
        self.shed.with_label_values(&[recogniser]);
        self.unreadable.with_label_values(&[recogniser]);
        for result in Failure::ALL.map(Failure::as_str).into_iter().chain(["ok"]) {
            self.ended.with_label_values(&[recogniser, result]);
        }
    }

    fn over(&self, recogniser: &str, result: &str) {
        self.ended.with_label_values(&[recogniser, result]).inc();
    }

    fn show(&self, recogniser: &str, breaker: i64, forks: usize) {
        self.breaker.with_label_values(&[recogniser]).set(breaker);
        let forks = i64::try_from(forks).expect("there are few");
        self.open.with_label_values(&[recogniser]).set(forks);
    }

    fn count(&self, recogniser: &str, tally: Tally) {
        if tally == Tally::default() {
            return;
        }
        self.shed.with_label_values(&[recogniser]).inc_by(tally.shed);
        self.unreadable.with_label_values(&[recogniser]).inc_by(tally.unreadable);
    }
}

/// A fork on its way to the connector's thread.
#[derive(Debug)]
struct Opening {
    call: ForkCall,
    close: oneshot::Receiver<()>,
}

/// The recognisers of the configuration in force, as brain and connector share them.
type Known = Arc<Mutex<Recognisers>>;

fn lock(known: &Known) -> MutexGuard<'_, Recognisers> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The brain's end. The connector's thread ends when it is gone and all forks are closed.
#[derive(Debug)]
pub(crate) struct Forks {
    openings: mpsc::Sender<Opening>,
    /// One for each fork; a fork is closed by dropping its own.
    open: BTreeMap<ForkId, oneshot::Sender<()>>,
    known: Known,
    figures: Figures,
}

impl Forks {
    /// Does as the switch orders, without waiting. When a fork can't be opened, the news of that at once.
    pub(crate) fn order(&mut self, order: ForkOrder) -> Option<ForkNews> {
        match order {
            ForkOrder::Open(call) => {
                let (fork, recogniser) = (call.fork, call.recogniser.clone());
                let (close_in, close) = oneshot::channel();
                if self.openings.try_send(Opening { call: *call, close }).is_err() {
                    self.figures.over(&recogniser, Failure::Busy.as_str());
                    return Some(ForkNews::Over { fork });
                }
                self.open.insert(fork, close_in);
                None
            }
            ForkOrder::Close { fork } => {
                self.open.remove(&fork);
                None
            }
        }
    }

    /// Knows these recognisers from now on; forks that are open stay as they are.
    pub(crate) fn replace(&self, recognisers: Recognisers) {
        *lock(&self.known) = recognisers;
    }
}

/// Starts the thread of the forks.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn start(
    recognisers: Recognisers,
    figures: Figures,
    clock: Clock,
) -> io::Result<(Forks, mpsc::Receiver<ForkNews>, JoinHandle<()>)> {
    let (openings_in, openings) = mpsc::channel(OPENINGS_MAX);
    let (news_in, news) = mpsc::channel(NEWS_MAX);
    let known = Arc::new(Mutex::new(recognisers));
    let forks = Forks {
        openings: openings_in,
        open: BTreeMap::new(),
        known: known.clone(),
        figures: figures.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tls = Tls::default();
    let connector = Connector { known, figures, clock, news: news_in, tls, desks: BTreeMap::new() };
    let body = move || runtime.block_on(connector.run(openings));
    let thread = std::thread::Builder::new().name("recognisers".into()).spawn(body)?;
    Ok((forks, news, thread))
}

/// What the connector's thread works with.
struct Connector {
    known: Known,
    figures: Figures,
    clock: Clock,
    news: mpsc::Sender<ForkNews>,
    tls: Tls,
    /// By recogniser. One that a reload has taken away keeps its own: it may come back.
    desks: BTreeMap<Arc<str>, Arc<Desk>>,
}

impl Connector {
    async fn run(mut self, mut openings: mpsc::Receiver<Opening>) {
        let mut forks = JoinSet::new();
        loop {
            tokio::select! {
                opening = openings.recv() => match opening {
                    Some(opening) => self.open(&mut forks, opening).await,
                    None => break,
                },
                Some(ended) = forks.join_next() => {
                    if ended.is_err() {
                        tracing::error!("a fork ended by a fault of its own");
                    }
                }
            }
        }
        // Whoever has not said goodbye by then does not get to any more.
        let _ = tokio::time::timeout(4 * STOP_WITHIN, async {
            while forks.join_next().await.is_some() {}
        })
        .await;
    }

    async fn open(&mut self, forks: &mut JoinSet<()>, opening: Opening) {
        let Opening { call, close } = opening;
        let fork = call.fork;
        match self.link(forks.len(), call, close) {
            Some(link) => {
                forks.spawn(link.run());
            }
            None => {
                let _ = self.news.send(ForkNews::Over { fork }).await;
            }
        }
    }

    /// A fork that may go; `None` when it may not, which is counted.
    fn link(&mut self, open: usize, call: ForkCall, close: oneshot::Receiver<()>) -> Option<Link> {
        let name = call.recogniser.clone();
        let Some(recogniser) = lock(&self.known).get(&name).cloned() else {
            // A reload has taken it away between the order and now.
            self.figures.over(&name, Failure::Ours.as_str());
            return None;
        };
        let figures = self.figures.clone();
        let desk = self.desks.entry(name.clone());
        let desk = desk.or_insert_with(|| Arc::new(Desk::new(name.clone(), figures)));
        let now = self.clock.now();
        let forks_max = if open >= FORKS_MAX { 0 } else { recogniser.forks_max };
        let mut held = desk.take(now, forks_max).ok()?;
        let mut random = [0; 32];
        let tls = self.tls.of(&recogniser.url, recogniser.ca_file.as_deref());
        match (tls, getrandom::fill(&mut random)) {
            (Ok(tls), Ok(())) => {
                let (news, clock) = (self.news.clone(), self.clock);
                Some(Link { call, recogniser, random, close, news, tls, held, clock })
            }
            (tls, _) => {
                tracing::error!(recogniser = %name, why = ?tls.err(), "no TLS or no random bytes for a recogniser");
                held.fail(now, Failure::Ours);
                None
            }
        }
    }
}
