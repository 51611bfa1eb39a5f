//! Automatic call distribution: which waiting call goes to which agent, and when.

mod config;
mod event;
mod status;

pub use config::{AgentConfig, Config, QueueConfig};
pub use event::{
    AgentCounts, AgentView, Answer, Event, Failure, Leaving, OfferResult, QueueView, ServiceLevel,
    Side, WaitEnd, Waiting, Withdrawal,
};
pub use status::{Activity, Actor, Cause, Presence, Status, StatusError, UnknownStatus};

use crate::ids::{AgentId, CallId, OfferId, QueueId};
use dozvon_clock::Timestamp;

/// All agents' states and all waiting calls, and who gets whom.
#[derive(Debug)]
pub struct Acd {
    config: Config,
}

#[allow(unused_variables, missing_docs)]
impl Acd {
    pub fn new(config: Config, now: Timestamp) -> Acd {
        Acd { config }
    }
    pub fn enqueue(&mut self, now: Timestamp, waiting: Waiting) {}
    pub fn withdraw(&mut self, now: Timestamp, call: CallId, why: Leaving) {}
    pub fn ringing(&mut self, now: Timestamp, offer: OfferId) {}
    pub fn answered(&mut self, now: Timestamp, offer: OfferId) -> Answer {
        Answer::Stale
    }
    pub fn connected(&mut self, now: Timestamp, offer: OfferId) {}
    pub fn failed(&mut self, now: Timestamp, offer: OfferId, failure: Failure) {}
    pub fn hold(&mut self, now: Timestamp, call: CallId, held: bool) {}
    pub fn ended(&mut self, now: Timestamp, call: CallId, by: Side) {}
    pub fn log_in(&mut self, now: Timestamp, agent: AgentId) {}
    pub fn log_out(&mut self, now: Timestamp, agent: AgentId, by: Actor) {}
    pub fn set_status(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        status: Status,
        by: Actor,
        epoch: Option<u64>,
    ) -> Result<(), StatusError> {
        Ok(())
    }
    pub fn reachable(&mut self, now: Timestamp, agent: AgentId, reachable: bool) {}
    pub fn end_wrap_up(&mut self, now: Timestamp, agent: AgentId) {}
    pub fn outbound(&mut self, now: Timestamp, agent: AgentId, busy: bool) {}
    pub fn handle_timeout(&mut self, now: Timestamp) {}
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }
    pub fn agent(&self, agent: AgentId) -> Option<AgentView> {
        None
    }
    pub fn queue(&self, queue: QueueId) -> Option<QueueView> {
        None
    }
    pub fn position(&self, call: CallId) -> Option<usize> {
        None
    }
    pub fn check_invariants(&self) {}
}
