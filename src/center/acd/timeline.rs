//! What changes for a waiting call as it waits: the stages of its queue, and the ends of what is kept for others.
//!
//! Both are moments counted from `enqueued_at`. [`Timeline`] puts those of one queue in one order, so that a call
//! passes from step to step and each step is a class of its own in the matcher.

use super::config::{QueueConfig, Relax, ReserveConfig};
use super::matcher::Reserves;
use super::requirement::Requirement;
use std::collections::BTreeSet;
use std::time::Duration;

/// What holds from one moment of a wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    after: Duration,
    /// How many stages of the queue have begun.
    stages: usize,
    /// What isn't kept from the call any more.
    over: Reserves,
}

/// The steps of one queue; the first begins with the wait.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    steps: Vec<Step>,
    stages: Vec<Relax>,
}

impl Timeline {
    pub(super) fn new(queue: &QueueConfig, reserves: &[ReserveConfig]) -> Timeline {
        let ends = reserves.iter().map(|reserve| reserve.lasts);
        let moments: BTreeSet<Duration> = queue
            .stages
            .iter()
            .map(|stage| stage.after)
            .chain(ends)
            .chain([Duration::ZERO])
            .collect();
        let step = |after: Duration| Step {
            after,
            stages: queue.stages.iter().filter(|stage| stage.after <= after).count(),
            over: bits(reserves.iter().map(|reserve| reserve.lasts <= after)),
        };
        Timeline {
            steps: moments.into_iter().map(step).collect(),
            stages: queue.stages.iter().map(|stage| stage.relax.clone()).collect(),
        }
    }

    /// The step that a call is in which has waited for so long.
    pub(super) fn step_at(&self, waited: Duration) -> u16 {
        let passed = self.steps.iter().skip(1).take_while(|step| step.after <= waited).count();
        u16::try_from(passed).expect("stages and reserves are bounded")
    }

    /// When a step begins, from `enqueued_at` on; `None` behind the last.
    pub(super) fn begins(&self, step: u16) -> Option<Duration> {
        self.steps.get(usize::from(step)).map(|step| step.after)
    }

    /// The last step.
    pub(super) fn last(&self) -> u16 {
        u16::try_from(self.steps.len() - 1).expect("stages and reserves are bounded")
    }

    pub(super) fn over(&self, step: u16) -> Reserves {
        self.steps[usize::from(step)].over
    }

    /// How many stages have begun in a step.
    pub(super) fn stage(&self, step: u16) -> usize {
        self.steps[usize::from(step)].stages
    }

    /// What is enough in a step, the best first: the call's own requirement, then what each stage added.
    pub(super) fn enough(&self, step: u16, own: &Requirement) -> Vec<Requirement> {
        let mut enough = vec![own.clone()];
        for relax in &self.stages[..self.stage(step)] {
            let before = enough.last().expect("the call's own is there");
            enough.push(match relax {
                Relax::To(requirement) => requirement.clone(),
                Relax::Drop(skills) => before.without(skills),
            });
        }
        enough
    }
}

/// One bit for each that is true.
pub(super) fn bits(flags: impl Iterator<Item = bool>) -> Reserves {
    flags.enumerate().fold(0, |bits, (at, set)| bits | Reserves::from(set) << at)
}
