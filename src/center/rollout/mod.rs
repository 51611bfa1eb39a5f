//! The bot's share of callers, one menu option at a time: 1/10, 1/5, 1/2, all.
//!
//! [`assign`] draws one caller; when a stage is passed and when the bot is taken back is not decided here.

pub mod assign;
pub mod stats;

pub use assign::{Arm, Draw, Holdout, Reason, Rollout, Share};
