//! What is done with a talk while it lasts: hold, mute, a third party, transfer, park.
//!
//! Commands come from screens and from agents' phones alike and mean the same. Each either takes effect at once or is
//! refused with the reason; whatever fails later falls back to the bridge of customer and agent or, when the agent has
//! left, to the customer's old place in the queue. Who hears whom follows from the state alone ([`crate::hearing`]).

mod broken;
mod hold;
mod park;
mod third;

use crate::acd::NotFree;
use crate::border::LegCommand;
use crate::calendar::Open;
use crate::call::{Aim, Call, State, Talk, Who};
use crate::center::Center;
use crate::contact::{Ending, Fault, PassedOn, StageKind};
use crate::fact::{AskEnd, TransferTarget};
use crate::ids::{AgentId, CallId, LegId, QueueId};
use crate::record::Place;
use dozvon_clock::Timestamp;
use std::sync::Arc;

/// Where a call is passed on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An agent, who must be ready.
    Agent(AgentId),
    /// A queue, by position in the policy.
    Queue(QueueId),
    /// A node of the flow that the call came by.
    Node(Arc<str>),
    /// A number or address outside.
    Number(Arc<str>),
}

/// What is to be done with a talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TalkCommand {
    /// The customer hears music.
    Hold,
    /// The customer is back.
    Resume,
    /// Nobody hears the agent.
    Mute,
    /// The agent is heard again.
    Unmute,
    /// Pass the call on without asking. The agent stays until somebody has taken it, unless he hangs up.
    Transfer(Destination),
    /// Call a third party while the customer is on hold.
    Consult(Destination),
    /// The third party takes the call over.
    Complete,
    /// All three hear each other.
    Join,
    /// The third party leaves; the customer is back.
    Drop,
    /// The agent leaves, and the customer waits in his hands until somebody retrieves him.
    Park,
}

/// Why a command about a talk is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TalkError {
    /// There is no such call.
    #[error("no such call: it has ended already")]
    NoCall,
    /// The call is not in a talk.
    #[error("the call is not in a talk but in `{0}`")]
    NotTalking(&'static str),
    /// There is a third party already.
    #[error("a third party is in the call already: complete, join or drop it first")]
    ThirdParty,
    /// There is no third party.
    #[error("there is no third party in the call: consult somebody first")]
    NoThirdParty,
    /// The third party has not answered yet.
    #[error("the third party has not answered yet")]
    NotAnswered,
    /// The agent asked can't take it.
    #[error("{0}")]
    NotFree(NotFree),
    /// There is no such queue.
    #[error("no such queue")]
    NoQueue,
    /// Nobody of the queue is free.
    #[error("nobody who serves queue `{0}` is free: transfer the call there instead")]
    NobodyFree(Arc<str>),
    /// The queue is full.
    #[error("queue `{0}` is full")]
    QueueFull(Arc<str>),
    /// The queue is closed.
    #[error("queue `{0}` is closed")]
    QueueClosed(Arc<str>),
    /// The flow has no such node.
    #[error("flow `{flow}` has no node `{node}`")]
    NoNode {
        /// The flow.
        flow: Arc<str>,
        /// The node.
        node: Arc<str>,
    },
    /// A node can't be consulted.
    #[error("a node of the flow can't be consulted: transfer the call there")]
    Node,
    /// Not the agent of that talk, or not in a call of his own.
    #[error(
        "only the agent of a talk can pass it on, to the far side of another call of the same phone"
    )]
    NotYours,
    /// The call is not parked.
    #[error("the call is not parked")]
    NotParked,
}

impl Center {
    /// Does something with a talk.
    ///
    /// # Errors
    /// [`TalkError`]: nothing has changed then.
    pub fn talk(
        &mut self,
        now: Timestamp,
        id: CallId,
        command: TalkCommand,
    ) -> Result<(), TalkError> {
        let mut call = self.calls.remove(&id).ok_or(TalkError::NoCall)?;
        let result = self.obey(now, &mut call, command);
        self.put_back(now, call, None);
        self.settle(now);
        result
    }

    /// Rings an agent for a parked call. When he does not take it the call stays parked.
    ///
    /// # Errors
    /// [`TalkError`]: nothing has changed then.
    pub fn retrieve(
        &mut self,
        now: Timestamp,
        id: CallId,
        agent: AgentId,
    ) -> Result<(), TalkError> {
        let mut call = self.calls.remove(&id).ok_or(TalkError::NoCall)?;
        let result = self.ring_for_parked(now, &mut call, agent);
        self.put_back(now, call, None);
        self.settle(now);
        result
    }

    fn obey(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        command: TalkCommand,
    ) -> Result<(), TalkError> {
        let word = call.state.word();
        let State::Talking(talk) = &mut call.state else { return Err(TalkError::NotTalking(word)) };
        match command {
            TalkCommand::Hold => talk.desk_holds = true,
            TalkCommand::Resume => talk.desk_holds = false,
            TalkCommand::Mute | TalkCommand::Unmute => {
                let muted = command == TalkCommand::Mute;
                if std::mem::replace(&mut talk.muted, muted) != muted {
                    let leg = talk.leg;
                    self.tell(leg, LegCommand::Mute(muted));
                }
            }
            TalkCommand::Transfer(to) => return self.transfer(now, call, to, None),
            TalkCommand::Consult(to) => {
                let who = self.whom(&to, talk.agent)?;
                return self.ask(now, call, who, Aim::Consult);
            }
            TalkCommand::Complete => return self.complete_transfer(now, call),
            TalkCommand::Join => {
                let third = talk.third.as_mut().ok_or(TalkError::NoThirdParty)?;
                if !third.up {
                    return Err(TalkError::NotAnswered);
                }
                third.joined = true;
            }
            TalkCommand::Drop => {
                talk.third.as_ref().ok_or(TalkError::NoThirdParty)?;
                self.lose_third(now, call, AskEnd::Dropped);
            }
            TalkCommand::Park => {
                if talk.third.is_some() {
                    return Err(TalkError::ThirdParty);
                }
                self.park(now, call);
            }
        }
        self.arrange(now, call);
        Ok(())
    }

    // ---- passing on -----------------------------------------------------------------------------------------------

    /// Passes a call on without asking. `referrer`: the leg whose phone wants it, which is told how it goes: a queue or
    /// a node has taken the call as soon as it is asked, a party must answer first.
    pub(crate) fn transfer(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        to: Destination,
        referrer: Option<LegId>,
    ) -> Result<(), TalkError> {
        self.transfer_allowed(now, call, &to)?;
        match to {
            Destination::Agent(agent) => self.ask(now, call, Who::Agent(agent), Aim::Transfer)?,
            Destination::Number(number) => {
                self.ask(now, call, Who::Number(number), Aim::Transfer)?;
            }
            Destination::Queue(queue) => {
                self.taken_at_once(referrer);
                self.transfer_to_queue(now, call, queue);
                return Ok(());
            }
            Destination::Node(node) => {
                self.taken_at_once(referrer);
                self.transfer_to_node(now, call, &node);
                return Ok(());
            }
        }
        if let Some(leg) = referrer {
            self.refers(call, leg);
        }
        Ok(())
    }

    /// Whether there is room for a third party, and a queue or a node would take the call now.
    fn transfer_allowed(
        &self,
        now: Timestamp,
        call: &Call,
        to: &Destination,
    ) -> Result<(), TalkError> {
        if matches!(&call.state, State::Talking(Talk { third: Some(_), .. })) {
            return Err(TalkError::ThirdParty);
        }
        match to {
            Destination::Queue(queue) => {
                let config = self.policy.acd.queues.get(usize::from(queue.0));
                let config = config.ok_or(TalkError::NoQueue)?;
                let full = self.acd.is_full(*queue);
                if self.policy.queue_state(&config.name, now) != Open::Open {
                    return Err(TalkError::QueueClosed(config.name.clone()));
                }
                if full { Err(TalkError::QueueFull(config.name.clone())) } else { Ok(()) }
            }
            Destination::Node(node) => {
                let flow = call.run.flow();
                let none = TalkError::NoNode { flow: flow.name.clone(), node: node.clone() };
                flow.find(node).map(|_| ()).ok_or(none)
            }
            Destination::Agent(_) | Destination::Number(_) => Ok(()),
        }
    }

    fn transfer_to_queue(&mut self, now: Timestamp, call: &mut Call, queue: QueueId) {
        let name = self.queue_name(queue);
        self.passed_on(now, call, PassedOn::Blind, TransferTarget::Queue);
        self.leave_agent(now, call, Ending::new(Fault::Nobody, "transferred"));
        // The whole wait so far counts for his place in the line.
        let enqueued_at = call.enqueued_at.unwrap_or(now);
        self.enter_queue(now, call, queue, name, enqueued_at);
    }

    fn transfer_to_node(&mut self, now: Timestamp, call: &mut Call, node: &Arc<str>) {
        self.passed_on(now, call, PassedOn::Blind, TransferTarget::Ivr);
        self.leave_agent(now, call, Ending::new(Fault::Nobody, "transferred"));
        self.state(now, call, State::InFlow);
        call.record.enter(now, StageKind::Ivr, Place::default());
        self.write(call);
        call.run.jump(now, node);
        self.pump(now, call);
    }

    /// The party named: an agent, a free agent of a queue other than the one who asks, or a number.
    pub(crate) fn whom(&self, to: &Destination, asker: AgentId) -> Result<Who, TalkError> {
        match to {
            Destination::Agent(agent) => Ok(Who::Agent(*agent)),
            Destination::Number(number) => Ok(Who::Number(number.clone())),
            Destination::Node(_) => Err(TalkError::Node),
            Destination::Queue(queue) => {
                let name = self.policy.acd.queues.get(usize::from(queue.0));
                let name = name.ok_or(TalkError::NoQueue)?.name.clone();
                let free = self.acd.free_agent(*queue, asker);
                let free = free.ok_or(TalkError::NobodyFree(name))?;
                Ok(Who::Agent(free))
            }
        }
    }
}
