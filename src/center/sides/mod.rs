//! What each side of a call does, one file for each: the caller, the agent, the voice bot, a number outside.

mod agent;
pub(crate) mod bot;
mod caller;
mod outside;
