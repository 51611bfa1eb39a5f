//! Webhooks: facts posted to other programs as signed CloudEvents, in order, with retries and dead letters.
//!
//! One thread for all of them, fed by the live channel, so the brain never waits: what does not fit goes to the dead
//! letters and is counted. Must never know what facts mean. docs/webhooks.md is what receivers are told.

mod courier;
mod dead;
mod event;
mod outbox;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::example;

pub(crate) use event::{FACTS, matches};

use crate::server::clock::Clock;
use crate::server::config::Webhook;
use crate::server::events::{Directory, Live, Numbers};
use crate::server::outgoing::roots;
use courier::Courier;
use dead::{DEAD_LETTERS_BYTES_MAX, Why};
use dozvon_center::fact::Fact;
use dozvon_clock::Timestamp;
use outbox::{Answer, Letter, Outbox, Outcome, Rules};
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a stop waits for receivers before the rest becomes dead letters.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// What became of events: the label `result`.
const RESULTS: [&str; 8] =
    ["delivered", "retried", "expired", "refused", "shed", "stopped", "missed", "lost"];

/// The figures of all webhooks.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    deliveries: IntCounterVec,
    queue: IntGaugeVec,
}

impl Figures {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken, which is our own mistake.
    pub(crate) fn register(
        registry: &Registry,
        webhooks: &[Webhook],
    ) -> prometheus::Result<Figures> {
        let help = "Events by what became of them.";
        let opts = Opts::new("dozvon_webhook_deliveries_total", help);
        let deliveries = IntCounterVec::new(opts, &["webhook", "result"])?;
        let opts = Opts::new("dozvon_webhook_queue", "Events waiting to be delivered.");
        let queue = IntGaugeVec::new(opts, &["webhook"])?;
        for webhook in webhooks {
            queue.with_label_values(&[&webhook.name]).set(0);
            for result in RESULTS {
                deliveries.with_label_values(&[webhook.name.as_str(), result]).reset();
            }
        }
        registry.register(Box::new(deliveries.clone()))?;
        registry.register(Box::new(queue.clone()))?;
        Ok(Figures { deliveries, queue })
    }
}

/// The webhooks at work.
#[derive(Debug)]
pub(crate) struct Webhooks {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Webhooks {
    /// Starts them: from now on they hear every fact.
    ///
    /// # Errors
    /// The system gives no thread, or a certificate file has changed since it was checked.
    pub(crate) fn start(
        webhooks: Vec<Webhook>,
        live: &Live,
        directory: &Arc<Directory>,
        figures: &Figures,
        clock: Clock,
    ) -> io::Result<Webhooks> {
        let (stop, stopping) = watch::channel(false);
        let run = clock.now().as_micros();
        let mut posts = Vec::new();
        for webhook in webhooks {
            let roots = roots(webhook.ca_file.as_deref()).map_err(io::Error::other)?;
            let (url, secret) = (webhook.url.clone(), webhook.secret.clone());
            let courier = Courier::new(url, secret, webhook.timeout, roots);
            let rules = Rules {
                retry_min: webhook.retry_min,
                retry_max: webhook.retry_max.max(webhook.retry_min),
                max_age: webhook.max_age,
                queue_max: webhook.queue_max,
            };
            let post = Post {
                courier: courier.map_err(io::Error::other)?,
                outbox: Outbox::new(rules),
                directory: directory.clone(),
                figures: figures.clone(),
                clock,
                run,
                heard: 0,
                webhook,
            };
            posts.push((post, live.listen()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let body = async move {
            let posts = posts
                .into_iter()
                .map(|(post, facts)| tokio::spawn(post.run(facts, stopping.clone())));
            for post in posts.collect::<Vec<_>>() {
                if post.await.is_err() {
                    tracing::error!("a webhook had to be given up by a fault of its own");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("webhooks".into())
            .spawn(move || runtime.block_on(body))?;
        Ok(Webhooks { stop, thread })
    }

    /// Gives receivers a moment for what is left, writes the rest to the dead letters, and ends.
    pub(crate) fn close(self) {
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the webhooks' thread ended by a fault of its own");
        }
    }
}

/// An attempt under way.
type Flight = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One webhook.
struct Post {
    webhook: Webhook,
    courier: Courier,
    outbox: Outbox,
    directory: Arc<Directory>,
    figures: Figures,
    clock: Clock,
    /// When this run began, µs: the first half of every id.
    run: u64,
    /// Facts so far, missed ones included: the second half.
    heard: u64,
}

impl Post {
    async fn run(mut self, mut facts: Receiver<Arc<Fact>>, mut stopping: watch::Receiver<bool>) {
        let mut flight: Option<Flight> = None;
        let mut leaves_at: Option<Timestamp> = None;
        loop {
            if flight.is_none() {
                flight = self.take_off();
            }
            self.show();
            if leaves_at.is_some_and(|at| self.outbox.len() == 0 || self.clock.now() >= at) {
                break;
            }
            let wakes = if flight.is_some() { None } else { self.outbox.wakes_at() };
            let wakes = wakes.into_iter().chain(leaves_at).min();
            let running = leaves_at.is_none();
            tokio::select! {
                heard = facts.recv(), if running => {
                    if !self.hear(heard) {
                        leaves_at = Some(self.clock.now() + STOP_WITHIN);
                    }
                }
                answer = landing(&mut flight) => {
                    flight = None;
                    self.landed(answer);
                }
                () = sleep_until(wakes, self.clock) => {}
                _ = stopping.changed(), if running => {
                    self.hear_the_rest(&mut facts);
                    leaves_at = Some(self.clock.now() + STOP_WITHIN);
                }
            }
        }
        for letter in self.outbox.empty().collect::<Vec<_>>() {
            self.bury(Why::Stopped, &letter);
        }
        self.show();
    }

    /// The next attempt, if one is due; what is too old goes first.
    fn take_off(&mut self) -> Option<Flight> {
        let now = self.clock.now();
        while let Some(letter) = self.outbox.expire(now) {
            self.bury(Why::Expired, &letter);
        }
        let letter = self.outbox.next(now)?;
        Some(Box::pin(self.courier.clone().post(letter.body.clone(), now.as_secs())))
    }

    fn landed(&mut self, answer: Answer) {
        let refused = matches!(answer, Answer::Refused(_));
        if let Answer::Failed(why, _) | Answer::Refused(why) = &answer {
            let webhook = &self.webhook.name;
            tracing::debug!(%webhook, %why, refused, "an event was not taken");
        }
        match self.outbox.answered(self.clock.now(), answer, chance()) {
            Outcome::Delivered => self.count("delivered", 1),
            Outcome::Again => self.count("retried", 1),
            Outcome::Dead(letter) => self.bury(Why::Refused, &letter),
        }
    }

    /// Takes what the live channel gave. False: it is closed.
    fn hear(&mut self, heard: Result<Arc<Fact>, RecvError>) -> bool {
        match heard {
            Ok(fact) => self.take(&fact),
            Err(RecvError::Lagged(missed)) => self.miss(missed),
            Err(RecvError::Closed) => return false,
        }
        true
    }

    fn hear_the_rest(&mut self, facts: &mut Receiver<Arc<Fact>>) {
        loop {
            match facts.try_recv() {
                Ok(fact) => self.take(&fact),
                Err(TryRecvError::Lagged(missed)) => self.miss(missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn take(&mut self, fact: &Fact) {
        self.heard += 1;
        let numbers = if self.webhook.full_numbers { Numbers::Plain } else { Numbers::Masked };
        let id = format!("{:x}-{}", self.run, self.heard);
        let (source, directory) = (&self.webhook.source, &self.directory);
        let (name, event) = event::cloud_event(source, &id, fact, directory, numbers);
        if !self.webhook.events.iter().any(|pattern| matches(pattern, &name)) {
            return;
        }
        let (at, body) = (fact.at, event.to_string());
        let letter = Letter { id, at, body, attempts: 0, last: String::new() };
        if let Err(letter) = self.outbox.push(letter) {
            self.bury(Why::Shed, &letter);
        }
    }

    /// The thread did not keep up with the live channel; only the event log has those facts.
    fn miss(&mut self, missed: u64) {
        self.heard += missed;
        self.count("missed", missed);
        tracing::warn!(webhook = %self.webhook.name, missed, "facts came too fast for a webhook");
    }

    fn bury(&mut self, why: Why, letter: &Letter) {
        let (webhook, now) = (&self.webhook.name, self.clock.now().as_micros());
        let file = &self.webhook.dead_letters;
        match dead::bury(file, DEAD_LETTERS_BYTES_MAX, webhook, why, letter, now) {
            Ok(()) => self.count(why.as_str(), 1),
            Err(error) => {
                let file = file.display();
                tracing::error!(%error, %webhook, %file, "a dead letter can't be written");
                self.count("lost", 1);
            }
        }
    }

    fn count(&self, result: &str, events: u64) {
        let labels = [self.webhook.name.as_str(), result];
        self.figures.deliveries.with_label_values(&labels).inc_by(events);
    }

    fn show(&self) {
        let waiting = i64::try_from(self.outbox.len()).unwrap_or(i64::MAX);
        self.figures.queue.with_label_values(&[self.webhook.name.as_str()]).set(waiting);
    }
}

async fn landing(flight: &mut Option<Flight>) -> Answer {
    match flight {
        Some(flight) => flight.await,
        None => pending().await,
    }
}

async fn sleep_until(at: Option<Timestamp>, clock: Clock) {
    match at {
        Some(at) => tokio::time::sleep_until(Instant::now() + at.since(clock.now())).await,
        None => pending().await,
    }
}

/// A chance from 0 to 1.
fn chance() -> f64 {
    let mut byte = [0];
    // Without randomness all webhooks keep the same pace, which is no reason to stop.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}
