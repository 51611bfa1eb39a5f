//! SIP as pure state machines: RFC 3261 and family, no sockets, no clock, no word about agents or queues.
//!
//! [`endpoint`] is the door: bytes and commands in, bytes and events out. Behind it, from the wire upwards:
//! [`message`] reads and writes, [`transaction`] repeats and matches, [`dialog`] remembers who talks to whom,
//! [`registrar`] who can be reached where, [`digest`] proves who somebody is. [`sdp`] stands beside them: the endpoint
//! carries descriptions without looking into them.

pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod limits;
pub mod message;
pub mod registrar;
pub mod sdp;
pub mod transaction;
