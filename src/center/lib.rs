//! The contact center itself: calls, flows, queues, agents, bots' shares. It knows legs, prompts and keys,
//! and can't spell SIP or RTP.

pub mod acd;
pub mod calendar;
pub mod contact;
pub mod fact;
pub mod flow;
pub mod ids;
pub mod limits;
pub mod policy;
pub mod rollout;
