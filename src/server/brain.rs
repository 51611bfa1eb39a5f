//! The one owner of the [`Switch`]: takes an input, lets the switch decide, delivers what came out, sleeps.
//!
//! Everything that could wait is behind a bounded queue: sockets, media workers, the store, screens. The brain waits
//! for its inboxes and its timer and for nothing else, and it decides nothing itself.

use crate::server::bot::Bots;
use crate::server::clock::Clock;
use crate::server::endpoint::{Asker, Replied};
use crate::server::events::Announcer;
use crate::server::handle::{DeskAnswer, DeskRefusal, EmergencyWish, Query};
use crate::server::net::{Network, News};
use crate::server::recogniser::Forks;
use crate::server::rtp::Workers;
use crate::server::store::Kept;
use dozvon_clock::Timestamp;
use dozvon_media::order::Report;
use dozvon_sip::endpoint;
use dozvon_switch::Switch;
use dozvon_switch::border::{BotNews, ForkNews, Input, Output};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

/// Inputs of one kind taken before the timer and the other inboxes are looked at again.
const BATCH: usize = 64;
/// How soon orders are tried again for a media worker whose queue was full.
const RETRY: Duration = Duration::from_millis(5);
/// How long goodbyes may take after the last call was ended: BYEs want their answers, sessions their last report.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often it is looked whether the house is empty while it goes down.
const GLANCE: Duration = Duration::from_millis(50);

/// How far the stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Not at all.
    Run,
    /// No new calls; running ones may finish.
    Drain,
    /// Running calls are ended.
    Now,
}

/// Where the brain hears from.
#[derive(Debug)]
pub(crate) struct Inboxes {
    /// The SIP sockets.
    pub(crate) news: mpsc::Receiver<News>,
    /// The media workers.
    pub(crate) reports: mpsc::Receiver<Report>,
    /// HTTP and whoever else asks.
    pub(crate) queries: mpsc::Receiver<Query>,
    /// The endpoints.
    pub(crate) replies: mpsc::Receiver<Replied>,
    /// The bots' streams.
    pub(crate) bot_news: mpsc::Receiver<BotNews>,
    /// The forks to recognisers.
    pub(crate) fork_news: mpsc::Receiver<ForkNews>,
    /// Who wants us to stop.
    pub(crate) stop: watch::Receiver<Stop>,
    /// The store, once: what the run before has left.
    pub(crate) kept: oneshot::Receiver<Kept>,
}

/// To whom the brain gives what comes out of the switch.
#[derive(Debug)]
pub(crate) struct Hands {
    /// The SIP sockets.
    pub(crate) network: Network,
    /// The media workers.
    pub(crate) workers: Workers,
    /// Metrics, store, event log, live screens.
    pub(crate) announcer: Announcer,
    /// The endpoints.
    pub(crate) asker: Asker,
    /// The bots' streams.
    pub(crate) bots: Bots,
    /// The forks to recognisers.
    pub(crate) forks: Forks,
}

/// The owner of the switch.
#[derive(Debug)]
pub(crate) struct Brain {
    switch: Switch,
    network: Network,
    workers: Workers,
    announcer: Announcer,
    asker: Asker,
    bots: Bots,
    forks: Forks,
    clock: Clock,
    /// Orders wait for a media worker whose queue was full.
    backlog: bool,
    leaving: Leaving,
}

/// How the brain itself is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    /// Calls may finish until then.
    Draining(Timestamp),
    /// Goodbyes may take until then.
    Ending(Timestamp),
}

impl Brain {
    /// A brain that runs the switch.
    pub(crate) fn new(switch: Switch, hands: Hands, clock: Clock) -> Brain {
        let Hands { network, workers, announcer, asker, bots, forks } = hands;
        Brain {
            switch,
            network,
            workers,
            announcer,
            asker,
            bots,
            forks,
            clock,
            backlog: false,
            leaving: Leaving::No,
        }
    }

    /// Goes on with what the run before has left: at the start, or as soon as the database is there.
    fn restore(&mut self, kept: Kept) {
        let now = self.clock.now();
        self.switch.restore_emergencies(now, kept.emergencies);
        self.switch.restore_callbacks(now, kept.callbacks);
        self.deliver(now);
    }

    /// Runs until it is told to stop and all is ended; `finish_within` is what running calls get to finish.
    pub(crate) async fn run(mut self, inboxes: Inboxes, finish_within: Duration) {
        let Inboxes {
            mut news,
            mut reports,
            mut queries,
            mut replies,
            mut bot_news,
            mut fork_news,
            mut stop,
            mut kept,
        } = inboxes;
        // Before the first call, if it is there.
        let mut awaited = true;
        if let Ok(kept) = kept.try_recv() {
            self.restore(kept);
            awaited = false;
        }
        let (mut some_news, mut some_reports) =
            (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut stopping = true;
        loop {
            let now = self.clock.now();
            if self.switch.poll_timeout().is_some_and(|due| due <= now) {
                self.switch.handle_timeout(now);
                self.deliver(now);
            }
            self.backlog = !self.workers.flush();
            if self.leave(now) {
                break;
            }
            let wake = self.clock.instant(self.next_wake(now));
            tokio::select! {
                count = news.recv_many(&mut some_news, BATCH), if !news.is_closed() || !news.is_empty() => {
                    debug_assert!(count <= BATCH);
                    some_news.drain(..).for_each(|news| self.news(&news));
                }
                count = reports.recv_many(&mut some_reports, BATCH) => {
                    debug_assert!(count <= BATCH);
                    some_reports.drain(..).for_each(|report| self.input(Input::Media(report)));
                }
                Some(query) = queries.recv() => self.answer(query),
                Some((id, reply)) = replies.recv() => self.input(Input::Reply(id, reply)),
                Some(news) = bot_news.recv() => self.input(Input::Bot(news)),
                Some(news) = fork_news.recv() => self.input(Input::Fork(news)),
                kept = &mut kept, if awaited => {
                    awaited = false;
                    // A store that closes before the database was there has nothing to tell.
                    kept.into_iter().for_each(|kept| self.restore(kept));
                }
                changed = stop.changed(), if stopping => {
                    // Without anybody who could say stop, the process is going down.
                    let wish = if changed.is_ok() { *stop.borrow_and_update() } else { Stop::Now };
                    stopping = changed.is_ok();
                    self.stop(wish, finish_within);
                }
                () = sleep_until(wake.into()) => {}
            }
        }
        self.workers.stop();
    }

    fn next_wake(&self, now: Timestamp) -> Timestamp {
        let mut wake = self.switch.poll_timeout().unwrap_or(now + Duration::from_secs(3600));
        if self.backlog {
            wake = wake.min(now + RETRY);
        }
        if self.leaving != Leaving::No {
            wake = wake.min(now + GLANCE);
        }
        wake
    }

    // ---- inputs ---------------------------------------------------------------------------------------------------

    fn news(&mut self, news: &News) {
        self.network.learn(news);
        let input = match news {
            News::Datagram { path, bytes } => endpoint::Input::Datagram { path: *path, bytes },
            News::Stream { path, bytes } => endpoint::Input::Stream { path: *path, message: bytes },
            News::Closed(connection) => endpoint::Input::Closed(*connection),
            News::Unreachable(path) => endpoint::Input::Unreachable { path: *path },
            News::Opened { .. } => return,
        };
        self.input(Input::Sip(input));
    }

    fn input(&mut self, input: Input<'_>) {
        let now = self.clock.now();
        self.switch.handle(now, input);
        self.deliver(now);
    }

    fn answer(&mut self, query: Query) {
        let now = self.clock.now();
        // Whoever asked may be gone: then nobody needs the answer.
        match query {
            Query::Snapshot { reply } => {
                let _ = reply.send(Arc::new(self.switch.snapshot(now)));
            }
            Query::Desk { agent, command, reply } => {
                let done = self.switch.desk(now, agent, command);
                self.deliver(now);
                let row = self.switch.agent_row(agent);
                let done = match (done, row) {
                    (Ok(()), Some(row)) => Ok(row),
                    (Ok(()), None) => {
                        unreachable!("a command was obeyed for an agent that is not there")
                    }
                    (Err(why), row) => Err(DeskRefusal { why, row: row.map(Box::new) }),
                };
                let _ = reply.send(DeskAnswer { at: now, done });
            }
            Query::Command { command, reply } => {
                let done = self.switch.command(now, command);
                self.deliver(now);
                let _ = reply.send(done);
            }
            Query::Callback { command, reply } => {
                let done = self.switch.callback(now, *command);
                self.deliver(now);
                let _ = reply.send(done);
            }
            Query::Reload { next, library, streams, recognisers, reply } => {
                self.bots.replace(streams);
                self.forks.replace(recognisers);
                self.workers.play_from(&library);
                self.switch.reload(now, *next);
                self.deliver(now);
                let _ = reply.send(());
            }
            Query::Why { call, reply } => {
                let _ = reply.send(self.switch.why(call).map(Box::new));
            }
            Query::Emergency { wish, reply } => {
                let EmergencyWish { site, on, by, reason } = wish;
                let done = self.switch.set_emergency(now, &site, on, &by, &reason);
                self.deliver(now);
                let _ = reply.send(done);
            }
            Query::Steer { steering, reply } => {
                let done = self.switch.steer(now, *steering);
                self.deliver(now);
                let _ = reply.send(done);
            }
            Query::Remember { memory, reply } => {
                let _ = reply.send(self.switch.remember(*memory));
            }
            Query::HangUp { call, reply } => {
                let known = self.switch.hang_up(now, call);
                self.deliver(now);
                let _ = reply.send(known);
            }
        }
    }

    // ---- outputs --------------------------------------------------------------------------------------------------

    /// Drains the switch. What can't be sent at once comes back to it as an input, and is drained too.
    fn deliver(&mut self, now: Timestamp) {
        loop {
            while let Some(output) = self.switch.poll_output() {
                match output {
                    Output::Sip(transmit) => self.network.send(transmit),
                    Output::Media { worker, order } => self.workers.order(worker, order),
                    Output::Contact(contact) => self.announcer.contact(contact),
                    Output::Fact(fact) => self.announcer.fact(fact),
                    Output::Callback(callback) => self.announcer.callback(callback),
                    Output::Note(note) => self.announcer.note(now, &note),
                    Output::Bot(order) => {
                        if let Some(news) = self.bots.order(order) {
                            self.switch.handle(now, Input::Bot(news));
                        }
                    }
                    Output::Fork(order) => {
                        if let Some(news) = self.forks.order(order) {
                            self.switch.handle(now, Input::Fork(news));
                        }
                    }
                    Output::Lookup(lookup) => {
                        if let Some((id, reply)) = self.asker.ask(lookup) {
                            self.switch.handle(now, Input::Reply(id, reply));
                        }
                    }
                }
            }
            let Some(path) = self.network.poll_failed() else { return };
            self.switch.handle(now, Input::Sip(endpoint::Input::Unreachable { path }));
        }
    }

    // ---- the stop -------------------------------------------------------------------------------------------------

    fn stop(&mut self, wish: Stop, finish_within: Duration) {
        let now = self.clock.now();
        match (wish, self.leaving) {
            (Stop::Drain, Leaving::No) => {
                tracing::info!(
                    finish_within_secs = finish_within.as_secs(),
                    "no new calls from now on"
                );
                self.switch.drain(now);
                self.deliver(now);
                self.leaving = Leaving::Draining(now + finish_within);
            }
            (Stop::Now, Leaving::No | Leaving::Draining(_)) => self.end_all(now),
            (Stop::Run | Stop::Drain | Stop::Now, _) => {}
        }
    }

    fn end_all(&mut self, now: Timestamp) {
        tracing::info!("ending the calls that still run");
        self.switch.drain(now);
        self.switch.end_all(now);
        self.deliver(now);
        self.leaving = Leaving::Ending(now + FAREWELL);
    }

    /// Goes on with the stop; answers whether the brain may end.
    fn leave(&mut self, now: Timestamp) -> bool {
        match self.leaving {
            Leaving::No => false,
            Leaving::Draining(until) => {
                if self.switch.is_idle() || now >= until {
                    self.end_all(now);
                }
                false
            }
            Leaving::Ending(until) => {
                now >= until || (self.switch.is_idle() && self.switch.snapshot(now).dialogs == 0)
            }
        }
    }
}
