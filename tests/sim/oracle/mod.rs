//! The oracle: what a supervisor would promise, said a second time, slowly, by somebody who has never seen the ACD.
//!
//! It is told every input before the ACD gets it and every event after; it keeps a [`Picture`] of its own from those
//! two, and each law holds the next event against the picture before the picture takes it in.

mod agents;
mod calls;
mod line;
mod offers;
mod order;
mod picture;

pub use picture::Picture;

use agents::Agents;
use calls::Calls;
use dozvon_center::acd::{
    Actor, Answer, Config, Event, Failure, Leaving, Side, Status, StatusError, Waiting,
};
use dozvon_center::ids::{AgentId, CallId, OfferId};
use dozvon_clock::Timestamp;
use offers::Offers;

pub use calls::Tally;

/// What goes into the ACD.
#[derive(Clone, Debug)]
pub enum Input {
    /// A call comes to wait.
    Enqueue(Waiting),
    /// A call leaves.
    Withdraw(CallId, Leaving),
    /// A phone rings.
    Ringing(OfferId),
    /// An agent answers.
    Answered(OfferId),
    /// The two hear each other.
    Connected(OfferId),
    /// The agent's leg failed.
    Failed(OfferId, Failure),
    /// Hold, or back.
    Hold(CallId, bool),
    /// A talk is over.
    Ended(CallId, Side),
    /// An agent logs in.
    LogIn(AgentId),
    /// An agent logs out.
    LogOut(AgentId),
    /// A status is asked for.
    Set(AgentId, Status, Actor, Option<u64>),
    /// A phone comes or goes.
    Reachable(AgentId, bool),
    /// The paperwork is done.
    EndWrapUp(AgentId),
    /// The phone begins or ends a call of its own.
    Outbound(AgentId, bool),
    /// The timers run.
    Timeout,
}

/// The picture and the laws.
#[derive(Debug)]
pub struct Oracle {
    picture: Picture,
    calls: Calls,
    offers: Offers,
    agents: Agents,
}

impl Oracle {
    /// An oracle for an ACD of this configuration that begins now.
    pub fn new(config: &Config, now: Timestamp) -> Oracle {
        Oracle {
            picture: Picture::new(config, now),
            calls: Calls::default(),
            offers: Offers::default(),
            agents: Agents::new(config.agents.len()),
        }
    }

    /// What it has seen so far.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The counts of the day.
    pub fn tally(&self) -> &Tally {
        &self.calls.tally
    }

    /// Something is about to go in.
    pub fn input(&mut self, now: Timestamp, input: &Input) {
        self.calls.input(&self.picture, input);
        self.agents.input(&self.picture, input);
        self.picture.input(now, input);
    }

    /// An answer was judged.
    pub fn answered(&mut self, offer: OfferId, answer: Answer) {
        self.offers.answered(offer, answer);
    }

    /// A status was given or refused.
    pub fn status_set(
        &mut self,
        agent: AgentId,
        status: Status,
        epoch: Option<u64>,
        result: Result<(), StatusError>,
    ) {
        self.agents.status_set(&self.picture, agent, status, epoch, result);
    }

    /// Something came out.
    pub fn event(&mut self, now: Timestamp, event: &Event) {
        self.calls.event(&self.picture, now, event);
        self.offers.event(&self.picture, event);
        self.agents.event(&self.picture, now, event);
        order::nobody_is_overtaken(&self.picture, now, event);
        self.picture.event(now, event);
    }

    /// Everything that came out of one input is told.
    pub fn step_over(&mut self, now: Timestamp) {
        self.calls.step_over(&self.picture, now);
        self.agents.step_over(&self.picture);
        order::nobody_idles_beside_a_call(&self.picture, now);
    }

    /// The house is empty.
    pub fn day_over(&self) {
        self.calls.day_over(&self.picture);
        self.offers.day_over();
        self.agents.day_over(&self.picture);
    }
}
