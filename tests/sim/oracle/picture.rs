//! The oracle's own picture of agents and calls, made of inputs and events only.

use super::Input;
use dozvon_center::acd::{
    Activity, Cause, Config, Event, OfferResult, Presence, QueueConfig, WaitEnd, Waiting,
    Withdrawal,
};
use dozvon_center::ids::{AgentId, CallId, OfferId, QueueId, SkillId};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Queue and required skills of a call, the skills as bits.
pub(super) type Kind = (QueueId, u8);

/// A call's place: the moment by which it should be answered, then its number.
pub(super) type Place = (Timestamp, CallId);

/// An agent, as told.
#[derive(Clone, Debug)]
pub struct Agent {
    skills: u8,
    queues: u8,
    /// How he stands.
    pub presence: Presence,
    /// What his phone is busy with.
    pub activity: Activity,
    /// What he is to be afterwards.
    pub pending: Option<Presence>,
    /// The number of his state.
    pub epoch: u64,
    /// Since when.
    pub since: Timestamp,
    /// Whether his phone can be reached.
    pub reachable: bool,
    /// His place in the line of idle agents.
    pub idle_since: Timestamp,
    /// No offers before this.
    pub rests_until: Timestamp,
    /// The call he talks with.
    pub call: Option<CallId>,
}

impl Agent {
    fn could_be_free(&self) -> bool {
        self.presence == Presence::READY && self.activity == Activity::Idle && self.reachable
    }
}

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody rings for it.
    Waiting,
    /// Somebody's phone is asked to ring.
    Offered(OfferId),
    /// Somebody answered.
    Answered(OfferId),
    /// It has an agent.
    Talking,
}

/// A call, as told.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its queue.
    pub queue: QueueId,
    /// When the wait began, for its order.
    pub enqueued_at: Timestamp,
    /// When the wait began, for its length.
    pub entered: Timestamp,
    /// The longest wait.
    pub max_wait: Option<Duration>,
    /// Where it is.
    pub stage: Stage,
    pub(super) kind: Kind,
    pub(super) place: Place,
    /// Who has just missed or declined it, and when.
    refused: Vec<(AgentId, Timestamp)>,
}

/// Everything that the oracle has seen.
#[derive(Debug)]
pub struct Picture {
    config: Config,
    agents: Vec<Agent>,
    calls: BTreeMap<CallId, Call>,
    waiting: BTreeMap<Kind, BTreeSet<Place>>,
    free: BTreeSet<AgentId>,
    /// The agent whose phone is being lost by the present input.
    losing: Option<AgentId>,
}

fn bits(skills: impl IntoIterator<Item = SkillId>) -> u8 {
    skills.into_iter().fold(0, |bits, skill| bits | 1 << skill.0)
}

impl Picture {
    pub(super) fn new(config: &Config, now: Timestamp) -> Picture {
        let agents = config.agents.iter().map(|agent| Agent {
            skills: bits(agent.skills.iter().copied()),
            queues: match agent.queues.iter().fold(0, |bits, queue| bits | 1u8 << queue.0) {
                0 => u8::MAX,
                some => some,
            },
            presence: Presence::LoggedOut,
            activity: Activity::Idle,
            pending: None,
            epoch: 0,
            since: now,
            reachable: false,
            idle_since: now,
            rests_until: now,
            call: None,
        });
        Picture {
            agents: agents.collect(),
            config: config.clone(),
            calls: BTreeMap::new(),
            waiting: BTreeMap::new(),
            free: BTreeSet::new(),
            losing: None,
        }
    }

    /// An agent.
    pub fn agent(&self, id: AgentId) -> &Agent {
        &self.agents[id.0 as usize]
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = (AgentId, &Agent)> {
        (0..).map(AgentId).zip(&self.agents)
    }

    /// A call that waits or talks.
    pub fn call(&self, id: CallId) -> Option<&Call> {
        self.calls.get(&id)
    }

    /// All calls that wait or talk.
    pub fn calls(&self) -> impl Iterator<Item = (CallId, &Call)> {
        self.calls.iter().map(|(id, call)| (*id, call))
    }

    pub(super) fn queue(&self, id: QueueId) -> &QueueConfig {
        &self.config.queues[usize::from(id.0)]
    }

    /// How long an activity that a timer ends may last, in whatever queue; `None`: as long as people want.
    pub(super) fn longest(&self, activity: Activity) -> Option<Duration> {
        let of = |time: fn(&QueueConfig) -> Duration| self.config.queues.iter().map(time).max();
        match activity {
            Activity::Reserved => Some(self.config.reserved_max),
            // An answer on its way when it has rung out still counts for a moment.
            Activity::Ringing => {
                of(|queue| queue.ring_timeout).map(|max| max + self.config.late_answer)
            }
            Activity::Connecting => Some(self.config.connecting_max),
            Activity::WrapUp => of(|queue| queue.wrap_up.lasts().unwrap_or_default()),
            Activity::Idle
            | Activity::Talking
            | Activity::Hold
            | Activity::Consult
            | Activity::Conference
            | Activity::Supervising
            | Activity::Outbound => None,
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the agent has what the call requires.
    pub(super) fn serves(&self, agent: AgentId, kind: Kind) -> bool {
        let agent = self.agent(agent);
        agent.queues & (1 << kind.0.0) != 0 && kind.1 & !agent.skills == 0
    }

    /// Whether anybody at work, on whatever break, could ever serve such calls.
    pub(super) fn staffed(&self, kind: Kind) -> bool {
        self.agents().any(|(id, agent)| {
            matches!(agent.presence, Presence::Chosen(_)) && self.serves(id, kind)
        })
    }

    /// Waiting calls for which nobody rings, by kind and in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Kind, &BTreeSet<Place>)> {
        self.waiting.iter().map(|(kind, calls)| (*kind, calls))
    }

    /// Agents who are certainly free: ready, idle, within reach and rested.
    pub(super) fn free(&self, now: Timestamp) -> impl Iterator<Item = AgentId> {
        let rested = move |id: &AgentId| {
            let until = self.agent(*id).rests_until;
            until < now || until == Timestamp::EPOCH
        };
        self.free.iter().copied().filter(rested)
    }

    /// Whether the agent has just missed or declined the call while somebody else on duty hasn't; `None` in the very
    /// moment when that ends.
    pub(super) fn barred(&self, call: CallId, agent: AgentId, now: Timestamp) -> Option<bool> {
        let call = &self.calls[&call];
        let ends = |at: Timestamp| at + self.config.skip;
        let Some((_, at)) = call.refused.iter().find(|(id, _)| *id == agent) else {
            return Some(false);
        };
        if call.refused.iter().any(|(_, at)| ends(*at) == now) || call.refused.len() > 7 {
            return None;
        }
        let fresh = |id: AgentId| {
            call.refused.iter().any(|(refuser, at)| *refuser == id && ends(*at) > now)
        };
        let other = self.agents().any(|(id, other)| {
            let on_duty = other.presence == Presence::READY && other.reachable;
            on_duty && !fresh(id) && self.serves(id, call.kind)
        });
        Some(ends(*at) > now && other)
    }

    pub(super) fn input(&mut self, now: Timestamp, input: &Input) {
        self.losing = None;
        match input {
            Input::Enqueue(waiting) => self.come(now, waiting),
            Input::Reachable(agent, up) => {
                if !up {
                    self.losing = Some(*agent);
                }
                self.agents[agent.0 as usize].reachable = *up;
                self.sort_in(*agent);
            }
            Input::Withdraw(..)
            | Input::Ringing(_)
            | Input::Answered(_)
            | Input::Connected(_)
            | Input::Failed(..)
            | Input::Hold(..)
            | Input::Ended(..)
            | Input::LogIn(_)
            | Input::LogOut(_)
            | Input::Set(..)
            | Input::EndWrapUp(_)
            | Input::Outbound(..)
            | Input::Timeout => {}
        }
    }

    fn come(&mut self, now: Timestamp, waiting: &Waiting) {
        if self.calls.contains_key(&waiting.call) {
            return;
        }
        let queue = self.queue(waiting.queue);
        let boost = Duration::from_secs(u64::from(waiting.priority.unsigned_abs()));
        let call = Call {
            queue: waiting.queue,
            enqueued_at: waiting.enqueued_at,
            entered: now,
            max_wait: waiting.max_wait.or(queue.max_wait),
            stage: Stage::Waiting,
            kind: (waiting.queue, bits(waiting.requires.iter().copied())),
            place: (waiting.enqueued_at + queue.service_level - boost, waiting.call),
            refused: Vec::new(),
        };
        self.waiting.entry(call.kind).or_default().insert(call.place);
        self.calls.insert(waiting.call, call);
    }

    pub(super) fn event(&mut self, now: Timestamp, event: &Event) {
        match event {
            Event::Offer { offer, call, .. } => self.stage(*call, Stage::Offered(*offer)),
            Event::Withdrawn { call, why: Withdrawal::RangOut, .. } => {
                self.stage(*call, Stage::Waiting);
            }
            Event::Withdrawn { .. }
            | Event::ServiceLevelMissed { .. }
            | Event::StatusLimit { .. }
            | Event::ActivityAlarm { .. } => {}
            Event::OfferEnded { offer, call, agent, result, .. } => {
                self.offer_ended(now, *offer, *call, *agent, *result);
            }
            Event::ConnectFailed { call, agent, .. } => {
                self.refuse(now, *call, *agent, self.config.fault_cooldown);
                self.agents[agent.0 as usize].idle_since = now;
                self.stage(*call, Stage::Waiting);
            }
            Event::WaitEnded { call, why: WaitEnd::Connected(agent), .. } => {
                self.stage(*call, Stage::Talking);
                self.agents[agent.0 as usize].call = Some(*call);
            }
            Event::WaitEnded { call, .. } => {
                self.stage(*call, Stage::Talking);
                self.calls.remove(call);
            }
            Event::AgentChanged { agent, from, to, pending, cause, epoch, .. } => {
                self.agent_changed(now, *agent, *from, *to, *cause);
                let changed = &mut self.agents[agent.0 as usize];
                (changed.pending, changed.epoch) = (*pending, *epoch);
            }
        }
    }

    fn offer_ended(
        &mut self,
        now: Timestamp,
        offer: OfferId,
        call: CallId,
        agent: AgentId,
        result: OfferResult,
    ) {
        let id = agent.0 as usize;
        match result {
            OfferResult::Answered => return self.stage(call, Stage::Answered(offer)),
            OfferResult::NoAnswer => {
                self.refuse(now, call, agent, self.config.rona_cooldown);
                self.agents[id].idle_since = now;
            }
            OfferResult::Declined | OfferResult::Busy => {
                self.refuse(now, call, agent, self.config.reject_cooldown);
                self.agents[id].idle_since = now;
            }
            OfferResult::Unreachable if self.losing == Some(agent) => {}
            OfferResult::Error | OfferResult::Unreachable => {
                self.refuse(now, call, agent, self.config.fault_cooldown);
            }
            OfferResult::CallerGone | OfferResult::CancelledStatus | OfferResult::Glare => {}
        }
        if self.calls.get(&call).is_some_and(|call| call.stage == Stage::Offered(offer)) {
            self.stage(call, Stage::Waiting);
        }
    }

    fn refuse(&mut self, now: Timestamp, call: CallId, agent: AgentId, rest: Duration) {
        self.agents[agent.0 as usize].rests_until = now + rest;
        if let Some(call) = self.calls.get_mut(&call) {
            call.refused.retain(|(id, _)| *id != agent);
            call.refused.push((agent, now));
        }
    }

    fn stage(&mut self, id: CallId, stage: Stage) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.stage = stage;
        let calls = self.waiting.entry(call.kind).or_default();
        if stage == Stage::Waiting {
            calls.insert(call.place);
        } else {
            calls.remove(&call.place);
        }
    }

    fn agent_changed(
        &mut self,
        now: Timestamp,
        id: AgentId,
        from: (Presence, Activity),
        to: (Presence, Activity),
        cause: Cause,
    ) {
        let agent = &mut self.agents[id.0 as usize];
        (agent.presence, agent.activity) = to;
        if from == to {
            return;
        }
        agent.since = now;
        let handled = match from.1 {
            Activity::Talking | Activity::Hold | Activity::WrapUp | Activity::Outbound => true,
            Activity::Idle | Activity::Reserved | Activity::Ringing | Activity::Connecting => false,
            Activity::Consult | Activity::Conference | Activity::Supervising => {
                unreachable!("the day has no third parties")
            }
        };
        let came_back = from.0 != Presence::READY && to.0 == Presence::READY;
        if came_back || (handled && to.1 == Activity::Idle) {
            agent.idle_since = now;
        }
        let woken = from.0 == Presence::NotResponding && cause != Cause::Limit;
        if woken || to.0 == Presence::LoggedOut {
            agent.rests_until = Timestamp::EPOCH;
        }
        let talked = matches!(from.1, Activity::Talking | Activity::Hold);
        if talked
            && !matches!(to.1, Activity::Talking | Activity::Hold)
            && let Some(call) = agent.call.take()
        {
            self.calls.remove(&call);
        }
        self.sort_in(id);
    }

    fn sort_in(&mut self, id: AgentId) {
        if self.agents[id.0 as usize].could_be_free() {
            self.free.insert(id);
        } else {
            self.free.remove(&id);
        }
    }
}
