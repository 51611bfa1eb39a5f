//! The share of callers who get what is new, 1/10, 1/5, 1/2, all: a bot in place of people on one menu option, or the
//! new version of a flow in place of the present one. Words of records are those of bots for both.
//!
//! [`eligible`] says who is drawn, [`assign`] draws. A [`plan`] says what must be proved at each share, and
//! [`needs`] how many calls that takes. [`outcome`] reads off the contact records what became of drawn callers,
//! [`evidence`] sums it up by what is comparable, [`weigh`] makes figures of the sums, and [`decide`] moves the rollout
//! by them, each step a [`decision`] to be kept. [`stats`] is the arithmetic, [`breaker`] what needs none.

pub mod assign;
pub mod breaker;
pub mod decide;
pub mod decision;
pub mod eligible;
pub mod evidence;
pub mod measure;
pub mod needs;
pub mod outcome;
pub mod plan;
#[cfg(test)]
mod sample;
pub mod stats;
pub mod weigh;

pub use assign::{Arm, Draw, Holdout, Reason, Rollout, Share, Tried, TriedKind};
pub use eligible::Excluded;
