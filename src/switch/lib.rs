//! The patch panel: the one room where SIP words meet business words.
//!
//! [`Switch`] owns the SIP endpoint, the center and the lines between them: [`border`] is what goes in and out,
//! [`config`] what it is told at start. `admit` decides who may call whom, `carry` does what the center wants,
//! `wire` and `ears` tell the center what phones and sound do; `reattach` lets an agent take his line up from another
//! phone; `bots` is about voice bots, `recognisers` about who listens for words.

mod admit;
pub mod border;
mod bots;
mod carry;
pub mod config;
mod ears;
mod guard;
mod line;
mod measures;
pub mod network;
mod paperwork;
mod picture;
mod reattach;
mod recognisers;
mod sound;
mod switch;
#[cfg(test)]
mod testing;
mod wire;

pub use switch::Switch;
