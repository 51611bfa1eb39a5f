//! The oracle's own picture of agents and calls, made of inputs and events only.

use super::Input;
use super::line::{self, Load, Time};
use crate::plan::SENIOR;
use dozvon_center::acd::{
    Activity, Cause, Config, Event, OfferResult, Order, Presence, QueueConfig, Relax, Requirement,
    WaitEnd, Waiting, Withdrawal,
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
    pub(super) load: Load,
    team: u32,
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
    /// Phones are asked to ring.
    Offered,
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
    /// Offers that are open.
    pub(super) open: BTreeSet<OfferId>,
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

/// The skills that a call can't do without, asked of the requirement as of a stranger.
fn needed(requires: &Requirement) -> u8 {
    let others =
        |missing: u16| (0..8).filter(move |skill| *skill != missing).map(|id| (SkillId(id), 1));
    let needs = |skill: &u16| !requires.met_by(&others(*skill).collect());
    bits((0..8).filter(needs).map(SkillId))
}

impl Picture {
    pub(super) fn new(config: &Config, now: Timestamp) -> Picture {
        let agents = config.agents.iter().map(|agent| Agent {
            load: Load::new(now),
            team: agent.team.trim_start_matches("team ").parse().expect("teams are numbered"),
            skills: bits(agent.skills.keys().copied()),
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

    /// The same kind when all stages of its queue have come.
    pub(super) fn at_last(&self, kind: Kind) -> Kind {
        let drops = self.queue(kind.0).stages.iter().map(|stage| match &stage.relax {
            Relax::Drop(skills) => bits(skills.iter().copied()),
            Relax::To(_) => unreachable!("stages of the simulated bank drop skills"),
        });
        (kind.0, drops.fold(kind.1, |left, drop| left & !drop))
    }

    /// How well the agent fits the call: 0 as it asks, 1 by the stage of its queue. The second: whether that is certain
    /// in this very moment.
    pub(super) fn fits(&self, agent: AgentId, call: &Call, now: Timestamp) -> Option<(u8, bool)> {
        if self.serves(agent, call.kind) {
            return Some((0, true));
        }
        let stage = self.queue(call.queue).stages.first()?;
        let begins = call.enqueued_at + stage.after;
        let serves = self.serves(agent, self.at_last(call.kind)) && now >= begins;
        serves.then_some((1, now > begins))
    }

    /// Whether the agent is kept for calls that nobody else could take; `None` when this moment may be either.
    pub(super) fn kept(&self, id: CallId, agent: AgentId, now: Timestamp) -> Option<bool> {
        let call = &self.calls[&id];
        let [reserve] = &self.config.reserves[..] else { unreachable!("the bank has one reserve") };
        let member = |id: AgentId| self.agent(id).skills & (1 << SENIOR.0) != 0;
        let mut able = self.agents().filter(|(id, _)| self.serves(*id, call.kind));
        let waited = now.since(call.enqueued_at);
        if !member(agent) || waited > reserve.lasts || able.all(|(id, _)| member(id)) {
            return Some(false);
        }
        if waited == reserve.lasts {
            return None;
        }
        let others = |id: &AgentId| *id != agent && member(*id);
        let surely = 1 + self.free(now).filter(others).count();
        let perhaps = 1 + self.free.iter().copied().filter(others).count();
        let min = reserve.idle_min as usize;
        match (surely <= min, perhaps <= min) {
            (true, true) => Some(true),
            (false, false) => Some(false),
            (true, false) | (false, true) => None,
        }
    }

    /// Whether one agent certainly goes before another in the order of a queue.
    pub(super) fn goes_before(
        &self,
        queue: QueueId,
        one: AgentId,
        other: AgentId,
        now: Timestamp,
    ) -> bool {
        let rank = |id: AgentId| self.config.agents[id.0 as usize].rank;
        let idle = |id: AgentId| (self.agent(id).idle_since, id);
        let worth = |id: AgentId| self.agent(id).load.worth(now);
        match self.queue(queue).order {
            Order::LongestIdle => idle(one) < idle(other),
            Order::Rank => (rank(one), idle(one)) < (rank(other), idle(other)),
            // The last digits of a logarithm are nobody's law.
            Order::LeastOccupied => worth(one) < worth(other) * (1.0 - 1e-5),
        }
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
        let could = |(id, other): (AgentId, &Agent)| {
            let on_duty = other.presence == Presence::READY && other.reachable;
            (on_duty && !fresh(id)).then(|| self.fits(id, call, now)).flatten()
        };
        let others: Vec<(u8, bool)> = self.agents().filter_map(could).collect();
        if others.iter().all(|(_, certain)| !certain) && !others.is_empty() {
            return None;
        }
        Some(ends(*at) > now && !others.is_empty())
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
        let skills = needed(&waiting.requires);
        let queue = self.queue(waiting.queue);
        let boost = Duration::from_secs(u64::from(waiting.priority.unsigned_abs()));
        let call = Call {
            queue: waiting.queue,
            enqueued_at: waiting.enqueued_at,
            entered: now,
            max_wait: waiting.max_wait.or(queue.max_wait),
            stage: Stage::Waiting,
            kind: (waiting.queue, skills),
            open: BTreeSet::new(),
            place: (waiting.enqueued_at + queue.service_level - boost, waiting.call),
            refused: Vec::new(),
        };
        self.waiting.entry(call.kind).or_default().insert(call.place);
        self.calls.insert(waiting.call, call);
    }

    pub(super) fn event(&mut self, now: Timestamp, event: &Event) {
        match event {
            Event::Offer { offer, call, .. } => {
                self.stage(*call, Stage::Offered);
                self.calls.get_mut(call).expect("who is offered is here").open.insert(*offer);
            }
            Event::Withdrawn { offer, call, why: Withdrawal::RangOut, .. } => {
                self.one_phone_less(*call, *offer);
            }
            Event::Decided(_)
            | Event::Withdrawn { .. }
            | Event::ServiceLevelMissed { .. }
            | Event::StatusLimit { .. }
            | Event::ActivityAlarm { .. } => {}
            Event::OfferEnded { offer, call, agent, result, .. } => {
                self.offer_ended(now, *offer, *call, *agent, *result);
            }
            Event::ConnectFailed { call, agent, .. } => {
                self.refuse(now, *call, *agent, self.config.fault_cooldown);
                self.stand_last(now, *agent);
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
        match result {
            OfferResult::Answered => {
                self.calls.get_mut(&call).expect("who is answered is here").open.clear();
                return self.stage(call, Stage::Answered(offer));
            }
            OfferResult::NoAnswer => {
                self.refuse(now, call, agent, self.config.rona_cooldown);
                self.stand_last(now, agent);
            }
            OfferResult::Declined | OfferResult::Busy => {
                self.refuse(now, call, agent, self.config.reject_cooldown);
                self.stand_last(now, agent);
            }
            OfferResult::Unreachable if self.losing == Some(agent) => {}
            OfferResult::Error | OfferResult::Unreachable => {
                self.refuse(now, call, agent, self.config.fault_cooldown);
            }
            OfferResult::CallerGone
            | OfferResult::CancelledStatus
            | OfferResult::Glare
            | OfferResult::LostRace => {}
        }
        self.one_phone_less(call, offer);
    }

    /// An offer is closed; the call waits when nobody else rings for it.
    fn one_phone_less(&mut self, id: CallId, offer: OfferId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let was = call.open.remove(&offer);
        if was && call.open.is_empty() && call.stage == Stage::Offered {
            self.stage(id, Stage::Waiting);
        }
    }

    fn stand_last(&mut self, now: Timestamp, agent: AgentId) {
        let agent = &mut self.agents[agent.0 as usize];
        agent.idle_since = now;
        agent.load.stand_last(now);
    }

    /// The mean occupancy of those of a team who are not away.
    fn team_mean(&self, now: Timestamp, team: u32) -> f64 {
        let there = self.agents.iter().filter(|agent| agent.team == team && !agent.load.is_away());
        let values: Vec<f64> = there.map(|agent| agent.load.value(now)).collect();
        if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
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
        let mean = self.team_mean(now, self.agents[id.0 as usize].team);
        let agent = &mut self.agents[id.0 as usize];
        (agent.presence, agent.activity) = to;
        if from == to {
            return;
        }
        let time = line::time_of(to);
        let comes = agent.load.is_away() && time != Time::Away;
        let new_shift = from.0 == Presence::LoggedOut;
        let at = if new_shift { mean } else { agent.load.value(now).max(mean) };
        agent.load.change(now, time, comes.then_some(at));
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
            agent.load.stand(now);
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
