//! The steward of rollouts: has the machines told what happens, their decisions kept, and their shares set.
//!
//! One task. It hears facts as they happen, so that a breaker's trip is in force within the same second; reads
//! contacts on the hour, in a task beside it; and takes people's orders. While the database is away the share stays,
//! nothing is promoted, and the breakers work. Must never know HTTP.

mod figures;
mod gather;
mod roadmap;
mod steward;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub(crate) use figures::Figures;
pub(crate) use gather::{gather, recall};
pub(crate) use roadmap::{MONTHS_MAX, Roadmap, roadmap};
pub(crate) use steward::{Act, OrderError, Steward};
pub(crate) use view::RolloutView;

use crate::server::clock::Clock;
use crate::server::handle::BrainHandle;
use crate::server::store::{DECISIONS_MAX, DecisionLog, Log, ReadError};
use crate::server::store::{Record, StoreReader, StoreSender};
use dozvon_center::calendar::Calendars;
use dozvon_center::fact::Fact;
use dozvon_center::rollout::Rollout;
use dozvon_center::rollout::decide::{Command, Due};
use dozvon_center::rollout::evidence::Evidence;
use dozvon_center::steering::Memory;
use dozvon_clock::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// Questions that wait for the task. One more is refused as busy.
const QUESTIONS_MAX: usize = 32;

/// How long the task waits before it asks a database, or a brain, again that did not answer.
const AGAIN: Duration = Duration::from_secs(5);

/// The longest that the task sleeps.
const NAP: Duration = Duration::from_secs(3_600);

/// What is asked of the task.
#[derive(Debug)]
enum Question {
    /// How all rollouts stand.
    List(oneshot::Sender<Vec<RolloutView>>),
    /// Do this.
    Order {
        name: String,
        command: Command,
        reply: oneshot::Sender<Result<RolloutView, OrderError>>,
    },
}

/// The task gave no answer: it is busy, or the server goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// The way to the task.
#[derive(Clone, Debug)]
pub(crate) struct StewardDoor(mpsc::Sender<Question>);

impl StewardDoor {
    /// How all rollouts with a plan stand.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(crate) async fn list(&self) -> Result<Vec<RolloutView>, NoAnswer> {
        self.ask(Question::List).await
    }

    /// Gives an order; answers how the rollout stands then.
    ///
    /// # Errors
    /// The outer one is the task's, the inner one the rollout's.
    pub(crate) async fn order(
        &self,
        name: &str,
        command: Command,
    ) -> Result<Result<RolloutView, OrderError>, NoAnswer> {
        let name = name.to_owned();
        self.ask(|reply| Question::Order { name, command, reply }).await
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(question(reply)).map_err(|_| NoAnswer)?;
        answer.await.map_err(|_| NoAnswer)
    }
}

/// What comes back from the database.
enum Read {
    Log(usize, Result<(DecisionLog, Memory), ReadError>),
    Evidence(usize, Due, Result<Evidence, ReadError>),
}

/// What the task works with.
#[derive(Debug)]
pub(crate) struct Task {
    /// The rollouts.
    pub(crate) steward: Steward,
    /// The door to the brain.
    pub(crate) brain: BrainHandle,
    /// A reader of its own, so that it waits for no screen and no screen for it.
    pub(crate) reader: StoreReader,
    /// Where decisions go.
    pub(crate) store: StoreSender,
    /// Facts from the first on.
    pub(crate) facts: broadcast::Receiver<Arc<Fact>>,
    /// Hours of work, as they are in force.
    pub(crate) calendars: watch::Receiver<Arc<Calendars>>,
    /// The time.
    pub(crate) clock: Clock,
    /// What is shown.
    pub(crate) figures: Figures,
}

/// The task to be run, and the way to it.
pub(crate) fn steward(task: Task) -> (impl Future<Output = ()>, StewardDoor) {
    let (door, questions) = mpsc::channel(QUESTIONS_MAX);
    let running = Running {
        task,
        reading: BTreeSet::new(),
        reads: JoinSet::new(),
        read_after: Timestamp::EPOCH,
        unsaid: VecDeque::new(),
        changed: true,
    };
    (running.run(questions), StewardDoor(door))
}

struct Running {
    task: Task,
    /// Rollouts of whom something is being read.
    reading: BTreeSet<usize>,
    reads: JoinSet<Read>,
    /// The database did not answer: it is not asked before.
    read_after: Timestamp,
    /// What the brain has not been told yet.
    unsaid: VecDeque<Act>,
    /// Whether there is something new to show.
    changed: bool,
}

impl Running {
    async fn run(mut self, mut questions: mpsc::Receiver<Question>) {
        loop {
            let now = self.task.clock.now();
            self.task.steward.handle_timeout(now);
            self.act().await;
            self.read(now);
            if std::mem::take(&mut self.changed) {
                self.task.figures.show(&self.task.steward.views(now));
            }
            let wake = self.task.clock.instant(self.next_wake(now));
            tokio::select! {
                fact = self.task.facts.recv() => match fact {
                    Ok(fact) => {
                        self.task.steward.fact(&fact);
                        while let Ok(fact) = self.task.facts.try_recv() {
                            self.task.steward.fact(&fact);
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "the steward of rollouts has not heard all bots' ends");
                        self.task.steward.missed_facts();
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                question = questions.recv() => match question {
                    Some(question) => self.answer(question).await,
                    None => return,
                },
                Some(read) = self.reads.join_next(), if !self.reads.is_empty() => {
                    // A read that broke off by a fault of its own is done again.
                    let Ok(read) = read else { self.reading.clear(); continue };
                    self.has_read(read).await;
                }
                () = sleep_until(wake.into()) => {}
            }
        }
    }

    fn next_wake(&self, now: Timestamp) -> Timestamp {
        let mut wake = now + NAP;
        let waits =
            self.task.steward.unread().next().is_some() || !self.task.steward.due(now).is_empty();
        if !self.unsaid.is_empty() || (waits && self.reading.is_empty()) {
            wake = now + AGAIN;
        }
        let next = self.task.steward.poll_timeout().filter(|at| *at > now);
        next.map_or(wake, |next| wake.min(next))
    }

    /// Has decisions written and the center told; what a busy brain was not told is told later, in order.
    async fn act(&mut self) {
        while let Some(act) = self.task.steward.poll_act() {
            self.changed = true;
            match act {
                Act::Keep(row) => self.task.store.try_send(Record::Decided(row)),
                Act::Steer(_) => self.unsaid.push_back(act),
            }
        }
        while let Some(Act::Steer(steering)) = self.unsaid.front() {
            match self.task.brain.steer(steering.clone()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    tracing::error!(rollout = %steering.option, "the center knows no such rollout");
                }
                Err(error) => {
                    tracing::warn!(%error, rollout = %steering.option, "a share is not set yet");
                    return;
                }
            }
            self.unsaid.pop_front();
        }
    }

    /// Begins to read what is wanted of the database, unless it is ill.
    fn read(&mut self, now: Timestamp) {
        if now < self.read_after || !self.task.reader.is_healthy() {
            return;
        }
        for (place, rollout, version) in self.task.steward.unread() {
            if self.reading.insert(place) {
                let (reader, rollout) = (self.task.reader.clone(), rollout.clone());
                self.reads.spawn(async move {
                    Read::Log(place, before_the_start(&reader, &rollout, version, now).await)
                });
            }
        }
        for wanted in self.task.steward.due(now) {
            if self.reading.insert(wanted.place) {
                let calendars = self.task.calendars.borrow().clone();
                let reader = self.task.reader.clone();
                self.reads.spawn(async move {
                    let evidence = gather(&reader, &wanted, &calendars).await;
                    Read::Evidence(wanted.place, wanted.due, evidence)
                });
            }
        }
    }

    async fn has_read(&mut self, read: Read) {
        if let Read::Evidence(..) = read {
            let frozen = self.emergency().await;
            self.task.steward.freeze(frozen.as_ref());
        }
        let now = self.task.clock.now();
        let (place, error) = match read {
            Read::Log(place, Ok((log, memory))) => {
                if !matches!(self.task.brain.remember(memory).await, Ok(Ok(()))) {
                    tracing::warn!("who is let alone by a bot is not known until they call again");
                }
                self.task.steward.restore(now, place, log);
                (place, None)
            }
            Read::Evidence(place, due, Ok(evidence)) => {
                self.task.steward.check(now, place, due, &evidence);
                (place, None)
            }
            Read::Log(place, Err(error)) | Read::Evidence(place, _, Err(error)) => {
                (place, Some(error))
            }
        };
        self.reading.remove(&place);
        self.changed = true;
        if let Some(error) = error {
            tracing::warn!(%error, "rollouts wait for the database: nothing is promoted");
            self.read_after = now + AGAIN;
        }
    }

    /// Why nothing is to be promoted now: in an emergency people are served otherwise than on other days. A brain that
    /// does not say is in trouble itself.
    async fn emergency(&self) -> Option<Arc<str>> {
        let Ok(snapshot) = self.task.brain.snapshot().await else {
            return Some("the switch does not answer".into());
        };
        let site = snapshot.sites.iter().find(|site| site.emergency.is_some())?;
        Some(format!("an emergency at {}", site.name).into())
    }

    async fn answer(&mut self, question: Question) {
        let now = self.task.clock.now();
        // Whoever asked may be gone.
        match question {
            Question::List(reply) => {
                let _ = reply.send(self.task.steward.views(now));
            }
            Question::Order { name, command, reply } => {
                let done = self.task.steward.order(now, &name, command);
                self.act().await;
                let view = || {
                    let mut views = self.task.steward.views(now).into_iter();
                    views.find(|view| view.name == name).ok_or(OrderError::Unknown)
                };
                let _ = reply.send(done.and_then(|()| view()));
            }
        }
    }
}

/// What the database has kept of a rollout and its callers.
async fn before_the_start(
    reader: &StoreReader,
    rollout: &Rollout,
    version: Arc<str>,
    now: Timestamp,
) -> Result<(DecisionLog, Memory), ReadError> {
    let (name, version) = (rollout.name.to_string(), Some(version.to_string()));
    let log = reader.decisions(Log { rollout: name, version, limit: DECISIONS_MAX }).await?;
    Ok((log, recall(reader, rollout, now).await?))
}
