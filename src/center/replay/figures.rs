//! The figures of both sides, counted by one hand.

use super::Stand;
use crate::acd::{Activity, Presence, ServiceLevel};
use crate::contact::Outcome;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The figures of one queue; see docs/reports.md for what each means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Stays that came to an end.
    pub offered: u64,
    /// Those that an agent answered.
    pub answered: u64,
    /// Those that the caller gave up, short ones left out.
    pub abandoned: u64,
    /// Those that he gave up at once.
    pub short_abandoned: u64,
    /// Verdicts of the service level.
    pub met: u64,
    /// See `met`.
    pub missed: u64,
    /// All waits of those who were answered.
    pub waited: Duration,
    /// What the agents who serve it were busy: ring, talk, hold and wrap-up, whatever queue it was for.
    pub busy: Duration,
    /// What they were ready and idle.
    pub free: Duration,
}

impl QueueFigures {
    /// met / (met + missed); `None` where nothing counts.
    pub fn service_level(&self) -> Option<f64> {
        ratio(self.met as f64, (self.met + self.missed) as f64)
    }

    /// The mean wait of those who were answered, seconds.
    pub fn asa_secs(&self) -> Option<f64> {
        ratio(self.waited.as_secs_f64(), self.answered as f64)
    }

    /// abandoned / (offered − short abandons).
    pub fn abandonment(&self) -> Option<f64> {
        ratio(self.abandoned as f64, (self.offered - self.short_abandoned) as f64)
    }

    /// busy / (busy + free) of the agents who serve the queue.
    pub fn occupancy(&self) -> Option<f64> {
        let busy = self.busy.as_secs_f64();
        ratio(busy, busy + self.free.as_secs_f64())
    }

    /// A stay ended like this.
    pub(super) fn ended(
        &mut self,
        outcome: Outcome,
        waited: Duration,
        level: Option<ServiceLevel>,
    ) {
        self.offered += 1;
        match outcome {
            Outcome::Answered => {
                self.answered += 1;
                self.waited += waited;
            }
            Outcome::Abandoned => self.abandoned += 1,
            Outcome::ShortAbandoned => self.short_abandoned += 1,
            Outcome::Callback
            | Outcome::Overflow
            | Outcome::Timeout
            | Outcome::NoAgents
            | Outcome::Closed
            | Outcome::RejectedFull
            | Outcome::KeyExit
            | Outcome::Withdrawn
            | Outcome::Failed => {}
        }
        match level {
            Some(ServiceLevel::Met) => self.met += 1,
            Some(ServiceLevel::Missed) => self.missed += 1,
            Some(ServiceLevel::Excluded) | None => {}
        }
    }

    /// Somebody who serves the queue stood like this for so long.
    pub(super) fn spent(&mut self, (presence, activity): Stand, lasted: Duration) {
        match activity {
            Activity::Ringing
            | Activity::Connecting
            | Activity::Talking
            | Activity::Hold
            | Activity::Consult
            | Activity::Conference
            | Activity::WrapUp => self.busy += lasted,
            Activity::Idle | Activity::Reserved if presence == Presence::READY => {
                self.free += lasted;
            }
            Activity::Idle | Activity::Reserved | Activity::Outbound | Activity::Supervising => {}
        }
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// The figures of all queues, by name.
pub type Figures = BTreeMap<Arc<str>, QueueFigures>;
