//! The bot's share of callers, one menu option at a time: 1/10, 1/5, 1/2, all.
//!
//! [`assign`] draws one caller. A [`plan`] says what the bot must prove at each share, and [`needs`] how many calls
//! that takes; [`stats`] is the arithmetic.

pub mod assign;
pub mod breaker;
pub mod decide;
pub mod decision;
pub mod evidence;
pub mod measure;
pub mod needs;
pub mod plan;
#[cfg(test)]
mod sample;
pub mod stats;
pub mod weigh;

pub use assign::{Arm, Draw, Holdout, Reason, Rollout, Share};
