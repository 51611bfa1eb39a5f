//! What all forks to one recogniser share: how many there are, whether it works, what is counted.

use super::Figures;
use super::fork::{Failure, Tally};
use super::limits::{FAILURES_MAX, OPEN_FOR};
use crate::server::endpoint::breaker::{Breaker, Pass, Rules};
use dozvon_clock::Timestamp;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// One recogniser's.
#[derive(Debug)]
pub(super) struct Desk {
    name: Arc<str>,
    figures: Figures,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    forks: usize,
}

impl Desk {
    /// Nobody is heard yet, and nothing has failed.
    pub(super) fn new(name: Arc<str>, figures: Figures) -> Desk {
        figures.create(&name);
        let rules = Rules { failures_max: FAILURES_MAX, open_for: OPEN_FOR };
        let state = Mutex::new(State { breaker: Breaker::new(rules), forks: 0 });
        Desk { name, figures, state }
    }

    /// A place for one more fork, if there may be so many.
    ///
    /// # Errors
    /// It is left alone just now, or has enough; both are counted.
    pub(super) fn take(
        self: &Arc<Desk>,
        now: Timestamp,
        forks_max: usize,
    ) -> Result<Held, Failure> {
        let taken = self.with(|state| {
            if state.forks >= forks_max {
                return Err(Failure::Busy);
            }
            let pass = state.breaker.pass(now).ok_or(Failure::Resting)?;
            state.forks += 1;
            Ok(pass)
        });
        self.show();
        match taken {
            Ok(pass) => Ok(Held { desk: self.clone(), pass: Some(pass), failed: None }),
            Err(failure) => {
                self.figures.over(&self.name, failure.as_str());
                Err(failure)
            }
        }
    }

    /// Counts what a fork has counted.
    pub(super) fn count(&self, tally: Tally) {
        self.figures.count(&self.name, tally);
    }

    /// Tells the breaker, and people when that changes something for callers.
    fn judge(&self, now: Timestamp, pass: Pass, well: bool) {
        let (before, after) = self.with(|state| {
            let before = state.breaker.figure();
            state.breaker.ended(now, pass, well);
            (before, state.breaker.figure())
        });
        let recogniser = &*self.name;
        match (before, after) {
            (0, 2) => {
                tracing::warn!(%recogniser, "the recogniser fails: callers are not heard, their keys work");
            }
            (1, 0) => tracing::info!(%recogniser, "the recogniser works again"),
            _ => {}
        }
        self.show();
    }

    fn show(&self) {
        let (breaker, forks) = self.with(|state| (state.breaker.figure(), state.forks));
        self.figures.show(&self.name, breaker, forks);
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A fork's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    desk: Arc<Desk>,
    /// What let it pass, until it is known whether the recogniser works.
    pass: Option<Pass>,
    failed: Option<Failure>,
}

impl Deref for Held {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Held {
    /// It is known whether the recogniser works. Said once; more does nothing.
    pub(super) fn ended(&mut self, now: Timestamp, well: bool) {
        if let Some(pass) = self.pass.take() {
            self.desk.judge(now, pass, well);
        }
    }

    /// Nobody listens any more, and why.
    pub(super) fn fail(&mut self, now: Timestamp, failure: Failure) {
        self.failed = Some(failure);
        // What is our own fault says nothing about the recogniser; but one that tries for all must say something.
        self.ended(now, false);
    }

    /// It was closed before anything could be known of the recogniser: whoever tried it for all leaves that to the
    /// next.
    fn leave(&mut self) {
        if let Some(Pass::Probe) = self.pass.take() {
            self.desk.with(|state| state.breaker.try_again());
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leave();
        self.desk.with(|state| state.forks -= 1);
        let result = self.failed.map_or("ok", Failure::as_str);
        self.desk.figures.over(&self.desk.name, result);
        self.desk.show();
    }
}
