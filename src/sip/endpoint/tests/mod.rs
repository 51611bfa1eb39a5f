//! Whole conversations in memory and virtual time: ladders between two endpoints, and endpoints against hand-written
//! messages.

mod calls;
mod faults;
mod register;
mod strangers;
mod wire;
