//! Sound as pure state machines: RTP, codecs, prompts, keys and bridges; no sockets, no clock, no calls or agents.

pub mod order;
