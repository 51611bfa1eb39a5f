//! The contact center itself: calls, flows, queues, agents, bots' shares. It knows legs, prompts and keys, and has no
//! word for how they are carried.
//!
//! [`Center`] is the façade. Below it: [`flow`] lives the IVR for one caller, [`acd`] decides who gets whom,
//! [`rollout`] draws the bots' share, [`calendar`] knows the hours; [`fact`] and [`contact`] are what is told of it
//! all.

pub mod acd;
pub mod border;
pub mod bot;
pub mod calendar;
mod call;
pub mod callback;
mod center;
#[cfg(test)]
mod chance;
pub mod classifier;
pub mod coding;
pub mod conduct;
pub mod contact;
pub mod customer;
pub mod desk;
pub mod fact;
pub mod flow;
mod hearing;
pub mod ids;
pub mod incident;
pub mod limits;
pub mod lookup;
pub mod opening;
mod overflow;
mod own;
pub mod policy;
mod pump;
mod recalled;
pub mod recogniser;
mod record;
mod reload;
pub mod replay;
mod returning;
pub mod rollout;
pub mod saying;
pub mod shift;
mod sides;
mod speech;
pub mod steering;
pub mod supervise;
pub mod talk;
pub mod waiting;
mod wrapping;

pub use center::Center;
