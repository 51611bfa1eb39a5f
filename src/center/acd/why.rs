//! Why a call waits, and why it was offered to that agent: the matcher's reasons as data, in O(d) like a match.

use super::call::CallState;
use super::config::Order;
use super::event::AgentCounts;
use super::matcher::{AgentKey, CallKey, Place};
use super::requirement::Requirement;
use super::{Acd, Timer};
use crate::ids::{AgentId, CallId, OfferId, QueueId};
use crate::limits::PASSED_MAX;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// How a call and an agent found each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The call looked for an agent: it came, came back, or more agents came into question.
    ByCall,
    /// The agent became free and looked for a call.
    ByAgent,
    /// The call waited for this agent alone.
    Preferred,
}

impl Found {
    /// The word used in records and by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Found::ByCall => "by_call",
            Found::ByAgent => "by_agent",
            Found::Preferred => "preferred",
        }
    }
}

/// Somebody, or something, that a decision passed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidate {
    /// Another free agent who fits the call.
    Agent(AgentId),
    /// Another waiting call that the agent fits.
    Call(CallId),
}

/// Why it was passed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedBy {
    /// It stands further behind in the order.
    Later,
    /// He fits less well: only a stage of the queue made him good enough.
    Farther,
    /// A reserve keeps the agent for calls that have nobody else.
    Kept,
    /// He has just missed or declined this call.
    Skipped,
}

impl PassedBy {
    /// The word used in records and by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            PassedBy::Later => "later",
            PassedBy::Farther => "farther",
            PassedBy::Kept => "kept",
            PassedBy::Skipped => "skipped",
        }
    }
}

/// A candidate that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Which.
    pub who: Candidate,
    /// Why.
    pub why: PassedBy,
}

/// Why an offer was made: everything that was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The offer.
    pub offer: OfferId,
    /// The call.
    pub call: CallId,
    /// The agent.
    pub agent: AgentId,
    /// The call's queue; told by name beside it.
    #[serde(skip)]
    pub queue: QueueId,
    /// Who looked for whom.
    pub found: Found,
    /// The call's tier.
    pub tier: i8,
    /// The moment by which the call should be answered: its place among calls.
    pub due: Timestamp,
    /// How many stages of the queue the call has come through.
    pub stage: usize,
    /// 0: the agent has what the call itself requires; n: what its n-th stage requires.
    pub level: u8,
    /// The order in which free agents stand.
    pub order: Order,
    /// The agent's place in it.
    pub place: Place,
    /// Others that came into question: the first of each kind, at most [`PASSED_MAX`].
    pub passed: Vec<Passed>,
}

/// The agents who may serve a call as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WhyAgents {
    /// What they are doing.
    pub counts: AgentCounts,
    /// Those who could be offered a call this moment. (Others are idle too, but rest after an offer that went wrong.)
    pub free: usize,
    /// Those of the free ones whom a reserve keeps from this call.
    pub kept: usize,
}

/// Why a call is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Its queue.
    pub queue: QueueId,
    /// `waiting`, `held`, `offered`, `connecting`, `talking`, or `between` two agents.
    pub state: &'static str,
    /// Its tier.
    pub tier: i8,
    /// The moment by which it should be answered: its place among calls.
    pub due: Timestamp,
    /// Since when it waits, as stages and the order see it.
    pub enqueued_at: Timestamp,
    /// How many stages of the queue it has come through.
    pub stage: usize,
    /// What is enough for it now, the best first: its own requirement, then what each stage added.
    pub enough: Vec<Requirement>,
    /// The agents who may serve it.
    pub agents: WhyAgents,
    /// Agents who have just missed or declined it.
    pub skipped: Vec<AgentId>,
    /// Agents whose phones ring for it, or the one it talks with.
    pub with: Vec<AgentId>,
    /// The agent whom it waits for alone.
    pub held_for: Option<AgentId>,
    /// What changes by itself next, soonest first: `more_agents`, `hold_over`, `max_wait`, `no_agents`, `skip_over`.
    pub next: Vec<(Timestamp, &'static str)>,
    /// Why it was last offered to somebody; `None` when it never was.
    pub decision: Option<Decision>,
}

impl Acd {
    /// The reasons for the offer that is about to be made.
    pub(super) fn decision(&mut self, id: CallId, agent: AgentId, found: Found) -> Decision {
        let call = &self.calls[&id];
        let (class, order) = (call.class, self.matcher.order(call.class));
        let profile = self.matcher.profile_of(agent);
        let mut edges = self.matcher.edges(class).iter();
        let level = edges.find(|edge| edge.profile == profile).map_or(0, |edge| edge.level);
        let state = &self.agents[agent.0 as usize];
        let rank = self.config.agents[agent.0 as usize].rank;
        let place = state.standing.places(rank)[order as usize];
        let passed = match found {
            Found::ByCall => self.passed_agents(id, AgentKey { place, agent }, level),
            Found::ByAgent => self.passed_calls(agent, call.key),
            Found::Preferred => Vec::new(),
        };
        let decision = Decision {
            offer: OfferId(self.offers_made + 1),
            call: id,
            agent,
            queue: call.queue,
            found,
            tier: call.key.tier,
            due: call.key.due,
            stage: self.matcher.stage(class),
            level,
            order,
            place,
            passed,
        };
        let call = self.calls.get_mut(&id).expect("seen above");
        call.decision = Some(Box::new(decision.clone()));
        decision
    }

    fn passed_agents(&self, id: CallId, chosen: AgentKey, level: u8) -> Vec<Passed> {
        let class = self.calls[&id].class;
        let order = self.matcher.order(class);
        let mut passed = Vec::new();
        for edge in self.matcher.edges(class) {
            let mut free = self.matcher.free_of(edge.profile, order);
            let Some(key) = free.find(|key| *key != chosen) else { continue };
            let why = if self.matcher.is_kept(class, key.agent) {
                PassedBy::Kept
            } else if self.barred(id, key.agent) {
                PassedBy::Skipped
            } else if edge.level > level {
                PassedBy::Farther
            } else {
                PassedBy::Later
            };
            passed.push(Passed { who: Candidate::Agent(key.agent), why });
            if passed.len() == PASSED_MAX {
                break;
            }
        }
        passed
    }

    fn passed_calls(&self, agent: AgentId, chosen: CallKey) -> Vec<Passed> {
        let mut passed = Vec::new();
        for class in self.matcher.classes_for(self.matcher.profile_of(agent)) {
            let mut calls = self.matcher.calls_of(*class);
            let Some(key) = calls.find(|key| *key != chosen) else { continue };
            let why = if self.matcher.is_kept(*class, agent) {
                PassedBy::Kept
            } else if self.barred(key.call, agent) {
                PassedBy::Skipped
            } else {
                PassedBy::Later
            };
            passed.push(Passed { who: Candidate::Call(key.call), why });
            if passed.len() == PASSED_MAX {
                break;
            }
        }
        passed
    }

    /// Why a call waits, or has the agent it has; `None` when it neither waits nor talks here.
    pub fn why(&self, id: CallId) -> Option<Why> {
        let call = self.calls.get(&id)?;
        let (state, held_for, with) = match &call.state {
            CallState::Waiting { .. } => ("waiting", None, Vec::new()),
            CallState::Held(agent) => ("held", Some(*agent), Vec::new()),
            CallState::Offered(open) => {
                ("offered", None, open.iter().map(|offer| self.offers[offer].agent).collect())
            }
            CallState::Connecting(offer) => ("connecting", None, vec![self.offers[offer].agent]),
            CallState::Talking(agent) => ("talking", None, vec![*agent]),
            CallState::Between => ("between", None, Vec::new()),
        };
        let talks = matches!(call.state, CallState::Talking(_) | CallState::Between);
        Some(Why {
            queue: call.queue,
            state,
            tier: call.key.tier,
            due: call.key.due,
            enqueued_at: call.enqueued_at,
            stage: self.matcher.stage(call.class),
            enough: self.matcher.enough(call.class),
            agents: self.agents_for(id),
            skipped: call.skips.clone(),
            with,
            held_for,
            next: if talks { Vec::new() } else { self.next_for(id) },
            decision: call.decision.as_deref().cloned(),
        })
    }

    fn agents_for(&self, id: CallId) -> WhyAgents {
        let class = self.calls[&id].class;
        let edges = self.matcher.edges(class);
        let mut agents = WhyAgents {
            counts: self.staff.counts(edges.iter().map(|edge| edge.profile.index())),
            ..WhyAgents::default()
        };
        let order = self.matcher.order(class);
        for edge in edges {
            let free = self.matcher.free_len(edge.profile, order);
            agents.free += free;
            if self.matcher.keeps(class, edge.profile) {
                agents.kept += free;
            }
        }
        agents
    }

    fn next_for(&self, id: CallId) -> Vec<(Timestamp, &'static str)> {
        let call = &self.calls[&id];
        let timers = [
            (Timer::Step(id), "more_agents"),
            (Timer::Preferred(id), "hold_over"),
            (Timer::MaxWait(id), "max_wait"),
            (Timer::NoAgents(call.class), "no_agents"),
        ];
        let skips = call.skips.iter().map(|agent| (Timer::Skip(id, *agent), "skip_over"));
        let all = timers.into_iter().chain(skips);
        let due = all.filter_map(|(timer, word)| Some((self.timers.get(&timer)?, word)));
        due.collect::<BTreeSet<_>>().into_iter().collect()
    }
}
