//! SIP as pure state machines: RFC 3261 and family, no sockets, no clock, no word about agents or queues.

pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod limits;
pub mod message;
pub mod registrar;
pub mod sdp;
pub mod transaction;
