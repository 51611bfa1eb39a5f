//! Whole conversations in memory and virtual time: ladders between two endpoints, and endpoints against hand-written
//! messages.

// A test looks for the one event it is about.
#![allow(clippy::wildcard_enum_match_arm)]

mod calls;
mod chaos;
mod faults;
mod register;
mod strangers;
mod tcp;
mod transfer;
mod wire;
