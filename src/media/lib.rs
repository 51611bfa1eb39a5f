//! Sound as pure state machines: RTP, codecs, prompts, keys, bridges, conferences; no sockets, no clock, no calls or
//! agents.
//!
//! The roof gives each media worker thread one [`bank::Bank`]: it feeds datagrams and ticks in, and gets datagrams and
//! [`order::Report`]s out. Everything else here is what a bank is made of.

pub mod bank;
pub mod clip;
pub mod codec;
pub mod dtmf;
mod hearing;
pub mod latch;
pub mod limits;
pub mod mastering;
mod measure;
mod mix;
pub mod order;
pub mod playout;
pub mod ports;
pub mod resample;
pub mod rtcp;
pub mod rtp;
mod session;
mod source;
pub mod tone;
mod vad;
