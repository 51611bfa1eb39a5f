//! Supervisors in agents' calls: listen, whisper, barge, take over.
//!
//! A watch is on an agent and not on a call: it goes with him from talk to talk and through transfers until the
//! supervisor hangs up. Beginning, every change and the end are told as facts, and so audited.

use crate::acd::{Engagement, Side};
use crate::border::{LegCommand, LegEvent};
use crate::call::{Call, State, Talk};
use crate::center::{Center, Role, Timer};
use crate::contact::{Ending, Fault, PassedOn};
use crate::fact::{TransferTarget, What};
use crate::ids::{AgentId, CallId, LegId};
use crate::limits::WATCHES_MAX;
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};

/// What a supervisor does in an agent's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchMode {
    /// Hears everybody, heard by nobody.
    Listen,
    /// Heard by the agent only.
    Whisper,
    /// Heard by everybody.
    Barge,
}

impl WatchMode {
    /// The word used in facts and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            WatchMode::Listen => "listen",
            WatchMode::Whisper => "whisper",
            WatchMode::Barge => "barge",
        }
    }
}

/// One supervisor on one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) supervisor: AgentId,
    pub(crate) agent: AgentId,
    pub(crate) mode: WatchMode,
    pub(crate) leg: LegId,
    /// The call that it began in.
    pub(crate) call: CallId,
    /// His phone has answered.
    pub(crate) up: bool,
}

/// Why a supervisor can't do that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// There is no such agent, or no such supervisor's phone.
    #[error("no such agent")]
    Unknown,
    /// Nobody watches himself.
    #[error("an agent can't supervise himself")]
    Himself,
    /// The supervisor's phone is busy, or out of reach.
    #[error("the supervisor's phone can't be called: {0}")]
    NotFree(crate::acd::NotFree),
    /// The agent has no call to be watched in.
    #[error("the agent is in no talk: supervision begins in one and then goes with the agent")]
    NoTalk,
    /// The supervisor watches nobody.
    #[error("this supervisor watches nobody")]
    NotWatching,
    /// Another agent is watched.
    #[error("this supervisor watches somebody else: end that first")]
    Elsewhere,
    /// At the bound of watches.
    #[error("{WATCHES_MAX} supervisors watch already")]
    TooMany,
}

impl Center {
    /// Begins to supervise an agent who is in a talk, or changes the way of it: rings the supervisor's phone, for as
    /// long as any third party may ring.
    ///
    /// # Errors
    /// [`WatchError`]: nothing has changed then.
    pub fn watch(
        &mut self,
        now: Timestamp,
        supervisor: AgentId,
        agent: AgentId,
        mode: WatchMode,
    ) -> Result<(), WatchError> {
        let known = |id: AgentId| (id.0 as usize) < self.policy.acd.agents.len();
        if !known(supervisor) || !known(agent) {
            return Err(WatchError::Unknown);
        }
        if supervisor == agent {
            return Err(WatchError::Himself);
        }
        if let Some(watch) = self.watches.get_mut(&supervisor) {
            if watch.agent != agent {
                return Err(WatchError::Elsewhere);
            }
            watch.mode = mode;
            self.fact(now, None, What::Supervised { supervisor, agent, mode: mode.as_str() });
            self.rehear(agent);
            return Ok(());
        }
        if self.watches.len() >= WATCHES_MAX {
            return Err(WatchError::TooMany);
        }
        let call = self.talk_of(agent).ok_or(WatchError::NoTalk)?;
        let engaged = self.acd.engage(now, supervisor, call, Engagement::Supervising);
        engaged.map_err(WatchError::NotFree)?;
        let leg = self.new_leg(call, Role::Supervisor(supervisor));
        let (caller, queue) = match self.calls.get(&call).map(|call| (call.leg, &call.state)) {
            Some((leg, State::Talking(talk))) => (leg, talk.queue.clone()),
            _ => unreachable!("the agent's call is in a talk"),
        };
        let until = now + self.policy.talk.ring_timeout;
        self.deadlines.set((call, Timer::WatchAnswer(supervisor)), until);
        self.watches.insert(supervisor, Watch { supervisor, agent, mode, leg, call, up: false });
        self.tell(leg, LegCommand::RingAgent { agent: supervisor, caller, queue });
        self.settle(now);
        Ok(())
    }

    /// Ends a supervisor's watch. False when he watches nobody.
    pub fn unwatch(&mut self, now: Timestamp, supervisor: AgentId) -> bool {
        let there = self.watches.contains_key(&supervisor);
        if there {
            self.watch_over(now, supervisor);
            self.settle(now);
        }
        there
    }

    /// The supervisor takes the talk over from the agent he watches.
    ///
    /// # Errors
    /// [`WatchError`]: nothing has changed then.
    pub fn take_over(&mut self, now: Timestamp, supervisor: AgentId) -> Result<(), WatchError> {
        let watch = self.watches.get(&supervisor).filter(|watch| watch.up).cloned();
        let watch = watch.ok_or(WatchError::NotWatching)?;
        let id = self.talk_of(watch.agent).ok_or(WatchError::NoTalk)?;
        let mut call = self.calls.remove(&id).expect("a talk's call is here");
        self.watches.remove(&supervisor);
        self.taken_over(now, &mut call, &watch);
        self.put_back(now, call, None);
        self.settle(now);
        Ok(())
    }

    fn taken_over(&mut self, now: Timestamp, call: &mut Call, watch: &Watch) {
        self.lose_third(now, call, crate::fact::AskEnd::Dropped);
        let State::Talking(talk) = &call.state else {
            unreachable!("a talk is taken over, not {:?}", call.state)
        };
        let (leg, queue, queue_id) = (talk.leg, talk.queue.clone(), talk.queue_id);
        let target = TransferTarget::Agent;
        self.passed_on(now, call, PassedOn::TakenOver, target);
        self.books_of_talk(now, call, Side::System);
        let taken = self.acd.hand_over(now, call.id, watch.supervisor);
        assert!(taken, "a supervisor with a phone is engaged with the call");
        self.role(watch.leg, call.id, Role::Agent);
        self.release(leg, Ending::new(Fault::Nobody, "taken_over"));
        call.ears.clear();
        self.end_of_watch(now, watch);
        self.begin_talk(now, call, watch.leg, watch.supervisor, queue, queue_id);
    }

    pub(crate) fn supervisor_event(&mut self, now: Timestamp, who: AgentId, event: LegEvent) {
        match event {
            LegEvent::Answered => {
                let Some(watch) = self.watches.get_mut(&who) else { return };
                watch.up = true;
                let (agent, mode) = (watch.agent, watch.mode.as_str());
                self.deadlines.cancel(&(watch.call, Timer::WatchAnswer(who)));
                self.fact(now, None, What::Supervised { supervisor: who, agent, mode });
                self.rehear(agent);
            }
            LegEvent::Refused(_) | LegEvent::HungUp | LegEvent::Lost(_) => {
                self.watch_over(now, who);
            }
            LegEvent::Ringing
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Held(_)
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained => {}
        }
    }

    /// The supervisor has left, did not want to come, or did not answer in time.
    pub(crate) fn watch_over(&mut self, now: Timestamp, supervisor: AgentId) {
        let Some(watch) = self.watches.remove(&supervisor) else { return };
        self.deadlines.cancel(&(watch.call, Timer::WatchAnswer(supervisor)));
        self.release(watch.leg, Ending::new(Fault::Nobody, "supervision_over"));
        self.acd.disengage(now, supervisor);
        self.end_of_watch(now, &watch);
        self.rehear(watch.agent);
    }

    fn end_of_watch(&mut self, now: Timestamp, watch: &Watch) {
        let (supervisor, agent) = (watch.supervisor, watch.agent);
        if watch.up {
            self.fact(now, None, What::Supervised { supervisor, agent, mode: "end" });
        }
    }

    /// A talk of a watched agent begins: his supervisors are busy with this call from now on.
    pub(crate) fn watchers_follow(&mut self, now: Timestamp, agent: AgentId, call: CallId) {
        let of_him = self.watches.values().filter(|watch| watch.agent == agent);
        let supervisors: Vec<AgentId> = of_him.map(|watch| watch.supervisor).collect();
        for supervisor in supervisors {
            self.acd.engaged(now, supervisor, call, Engagement::Supervising);
        }
    }

    /// Those who watch this agent and whose phones have answered.
    pub(crate) fn watches_of(&self, agent: AgentId) -> impl Iterator<Item = &Watch> {
        self.watches.values().filter(move |watch| watch.agent == agent && watch.up)
    }

    /// A talk of a watched agent is over: his watchers hear nothing until the next.
    pub(crate) fn hush_watchers(&mut self, agent: AgentId) {
        let legs: Vec<LegId> = self.watches_of(agent).map(|watch| watch.leg).collect();
        for leg in legs {
            self.tell(leg, LegCommand::Hear { from: Vec::new() });
        }
    }

    /// The agent whose talk this leg is his side of.
    pub fn agent_of(&self, leg: LegId) -> Option<AgentId> {
        let (id, _) = self.legs.get(&leg).filter(|(_, role)| *role == Role::Agent)?;
        match &self.calls.get(id)?.state {
            State::Talking(talk) => Some(talk.agent),
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Handing(_)
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => None,
        }
    }

    /// The call that an agent is talking in.
    fn talk_of(&self, agent: AgentId) -> Option<CallId> {
        let id = self.acd.agent(agent)?.call?;
        let call = self.calls.get(&id)?;
        matches!(&call.state, State::Talking(Talk { agent: at, .. }) if *at == agent).then_some(id)
    }

    /// Somebody began or ceased to watch: who hears whom in the agent's talk is made anew.
    fn rehear(&mut self, agent: AgentId) {
        let Some(id) = self.talk_of(agent) else { return };
        let mut call = self.calls.remove(&id).expect("a talk's call is here");
        self.hear(&mut call);
        self.calls.insert(id, call);
    }
}
