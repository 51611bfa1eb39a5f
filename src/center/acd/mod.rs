//! Automatic call distribution: which waiting call goes to which agent, and when.
//!
//! One pure machine, [`Acd`], owns the states of all agents and all calls that wait or talk in a queue. Feed it what
//! happens, drain [`Acd::poll_event`] after each input, and wake it at [`Acd::poll_timeout`]. It must never know how a
//! phone is rung, what a flow is, or who may give orders.
//!
//! **Which call.** When an agent becomes free he gets, among the calls he may serve, the one with the smallest
//! `(tier, enqueued_at + T − boost)`: T is the queue's service level, the boost is the call's priority in seconds.
//! Inside a queue that is first come, first served; across queues the most urgent first. All are facts of the call that
//! never change, so the order of two calls never changes either: waiting ages all calls alike, nothing is sorted
//! again, and a call whose offer failed simply stands where it stood. A call can be overtaken only by calls that
//! arrive within `(T − boost) − min(T − boost)` after it, so nobody starves within a tier.
//!
//! **Which agent.** First those who have what the call requires, then those whom each stage of its queue has added; not
//! the last idle ones who are kept for calls that have nobody else; among the rest by the queue's [`Order`]. A missed
//! or declined offer puts an agent last; a caller who hung up, a race lost, or a fault of ours, costs him nothing.
//!
//! **How many phones.** A queue may ring several at once ([`Ring`]): the first answer wins, the others are withdrawn.
//!
//! **A preferred agent.** A call may wait for one agent alone for a while, as long as he is ready or talking.
//!
//! **Times.** A wait is counted from `enqueue` to the moment when the two hear each other, whatever happens to offers
//! in between; `max_wait` and T run from there too. `enqueued_at` orders calls, and stages and reserves run from it.
//!
//! The inputs do not look at the timers: what comes first into [`Acd`] wins, so an answer that is handed in before the
//! ring time-out of the same moment counts.

mod absent;
mod agent;
mod call;
mod config;
mod desk;
mod dropped;
mod engage;
pub mod estimate;
mod event;
mod forecast;
mod hold;
pub mod matcher;
mod occupancy;
mod offer;
mod picture;
#[cfg(test)]
mod random;
mod ranked;
pub mod requirement;
mod rules;
mod skip;
mod staff;
mod status;
#[cfg(test)]
mod tests;
mod timeline;
mod watch;
mod why;
mod wrap_up;

pub use config::{
    AgentConfig, Config, Order, QueueConfig, Relax, ReserveConfig, Ring, Stage, StickyConfig,
};
pub use engage::{Engagement, Manner, NotFree};
pub use estimate::Estimate;
pub use event::{
    AgentCounts, AgentView, Answer, Event, Failure, Leaving, OfferResult, QueueView, ServiceLevel,
    Side, WaitEnd, Waiting, Withdrawal,
};
pub use requirement::{Expression, Requirement};
pub use rules::{LimitKind, StatusRules, Statuses};
pub use status::{Activity, Actor, Cause, Presence, Status, StatusError, UnknownStatus};
pub use why::{Candidate, Decision, Found, Passed, PassedBy, Why, WhyAgents};
pub use wrap_up::{CodeError, WrapUp, WrapUpError, WrapUpView};

use crate::ids::{AgentId, CallId, OfferId};
use agent::{Agent, Phase};
use call::Call;
use dozvon_clock::{Deadlines, Timestamp};
use forecast::Forecasts;
use matcher::{Abilities, CallKey, ClassId, Matcher};
use occupancy::Occupancy;
use offer::Offer;
use ranked::Ranked;
use staff::Staff;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// When to do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// When an agent's activity has lasted long enough: reserved, ringing, lapsing, connecting, wrap-up, outbound.
    Phase(AgentId),
    /// When a status has something to tell of its limits.
    Status(AgentId),
    /// When a talk, its holds included, has lasted longer than any should.
    Talk(AgentId),
    /// When an agent may be offered calls again.
    Cooldown(AgentId),
    /// When a phone out of reach counts as lost.
    Lost(AgentId),
    /// When a call has waited for as long as it may.
    MaxWait(CallId),
    /// When a wait crosses T.
    ServiceLevel(CallId),
    /// When an agent may be offered a call again that he missed or declined.
    Skip(CallId, AgentId),
    /// When more agents come into question for a call.
    Step(CallId),
    /// When a call has waited for its preferred agent for long enough.
    Preferred(CallId),
    /// When the calls of a class have been without anybody at work for long enough.
    NoAgents(ClassId),
}

/// All agents' states, all calls in queues, and who gets whom.
#[derive(Debug)]
pub struct Acd {
    config: Config,
    agents: Vec<Agent>,
    /// Agents who have just missed or declined calls that are still here.
    skippers: BTreeSet<AgentId>,
    calls: BTreeMap<CallId, Call>,
    /// Calls by queue, in order, from `enqueue` until they are connected or leave: offered ones keep their place.
    waiting: Vec<Ranked<CallKey>>,
    /// How many of them began as places kept for customers who are called back.
    kept: Vec<usize>,
    /// Open offers, and answered ones until the two are joined.
    offers: BTreeMap<OfferId, Offer>,
    matcher: Matcher,
    staff: Staff,
    forecasts: Forecasts,
    occupancy: Occupancy,
    /// Calls that wait for one agent only, by agent and in order.
    holds: BTreeMap<AgentId, BTreeSet<CallKey>>,
    timers: Deadlines<Timer>,
    events: VecDeque<Event>,
    offers_made: u64,
    now: Timestamp,
}

impl Acd {
    /// A center with everybody logged out, every phone out of reach and nobody waiting.
    ///
    /// # Panics
    /// When the configuration has [`Config::problems`]; whoever loads it shows them before.
    pub fn new(config: Config, now: Timestamp) -> Acd {
        let problems = config.problems();
        assert!(problems.is_empty(), "the configuration was checked: {problems:?}");
        let abilities = |agent: &AgentConfig| Abilities {
            skills: agent.skills.clone(),
            queues: agent.queues.clone(),
        };
        let abilities = config.agents.iter().map(abilities);
        let matcher = Matcher::new(&config.queues, &config.reserves, abilities);
        Acd {
            agents: config.agents.iter().map(|_| Agent::new(now)).collect(),
            skippers: BTreeSet::new(),
            calls: BTreeMap::new(),
            waiting: vec![Ranked::default(); config.queues.len()],
            kept: vec![0; config.queues.len()],
            offers: BTreeMap::new(),
            staff: Staff::new(matcher.profiles_len(), now),
            forecasts: Forecasts::new(&config),
            matcher,
            occupancy: Occupancy::new(teams(&config.agents), now),
            holds: BTreeMap::new(),
            timers: Deadlines::new(),
            events: VecDeque::new(),
            offers_made: 0,
            now,
            config,
        }
    }

    /// Runs whatever is due. Does nothing when nothing is.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.tick(now);
        while let Some((_, timer)) = self.timers.pop_expired(now) {
            match timer {
                Timer::Phase(agent) => self.phase_over(now, agent),
                Timer::Status(agent) => self.status_due(now, agent),
                Timer::Talk(agent) => self.talked_long(now, agent),
                Timer::Cooldown(agent) => self.cooldown_over(now, agent),
                Timer::Lost(agent) => self.phone_lost(now, agent),
                Timer::MaxWait(call) => self.waited_too_long(now, call),
                Timer::ServiceLevel(call) => self.service_level_crossed(call),
                Timer::Skip(call, agent) => self.skip_over(now, call, agent),
                Timer::NoAgents(class) => self.nobody_came(now, class),
                Timer::Step(call) => self.step_over(now, call),
                Timer::Preferred(call) => self.release(now, call),
            }
        }
    }

    /// When to call [`Acd::handle_timeout`] at the latest; `None` while there is nothing to wait for.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// The next thing to tell; `None` when all is told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// An agent's activity has lasted for as long as it may.
    fn phase_over(&mut self, now: Timestamp, id: AgentId) {
        match self.agents[id.0 as usize].phase {
            Phase::Reserved { offer, .. } => self.never_rang(now, offer),
            Phase::Ringing { offer, .. } => self.rang_out(now, offer),
            Phase::Lapsing { offer, .. } => self.missed(now, offer),
            Phase::Connecting { offer, .. } => {
                self.connect_failed(now, offer, Some(Withdrawal::NotConnected));
            }
            Phase::WrapUp(work) => self.wrap_up_over(now, id, work),
            Phase::Outbound => self.own_call_long(now, id),
            phase @ (Phase::Idle | Phase::Talking { .. } | Phase::Engaged { .. }) => {
                unreachable!("{phase:?} has no time limit")
            }
        }
    }

    fn tick(&mut self, now: Timestamp) {
        assert!(now >= self.now, "time never runs back");
        self.now = now;
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// The time limit of a phase that begins now; `None` for those that [`watch`] minds.
    fn limit(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Reserved { .. } => Some(self.config.reserved_max),
            Phase::Ringing { call, .. } => Some(self.queue_of(call).ring_timeout),
            Phase::Lapsing { .. } => Some(self.config.late_answer),
            Phase::Connecting { .. } => Some(self.config.connecting_max),
            Phase::WrapUp(work) => Some(work.left(self.now)),
            Phase::Outbound => Some(self.config.outbound_max),
            Phase::Idle | Phase::Talking { .. } | Phase::Engaged { .. } => None,
        }
    }

    fn queue_of(&self, call: CallId) -> &QueueConfig {
        &self.config.queues[usize::from(self.calls[&call].queue.0)]
    }
}

/// The number of each agent's team.
fn teams(agents: &[AgentConfig]) -> Vec<usize> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut number = |agent| {
        let next = known.len();
        *known.entry(agent).or_insert(next)
    };
    agents.iter().map(|agent| number(&agent.team)).collect()
}
