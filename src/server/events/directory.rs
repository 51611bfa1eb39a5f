//! The names behind the numbers: facts say `agent-3`, people and records say `anna`.
//!
//! Made from the policy; a number of another policy is answered with nothing, never with somebody else's name.

use dozvon_center::acd::Statuses;
use dozvon_center::classifier::Classifier;
use dozvon_center::flow::Flow;
use dozvon_center::flow::model::Kind;
use dozvon_center::ids::AgentId;
use dozvon_center::policy::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names of everything that appears in facts, records and metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Directory {
    /// Agents in the order of the policy.
    pub(crate) agents: Vec<AgentName>,
    /// Queues in the order of the policy.
    pub(crate) queues: Vec<QueueName>,
    /// Flows.
    pub(crate) flows: Vec<Arc<str>>,
    /// Rollouts.
    pub(crate) rollouts: Vec<Arc<str>>,
    /// Voice bots.
    pub(crate) bots: Vec<Arc<str>>,
    /// Endpoints that flows ask.
    pub(crate) endpoints: BTreeSet<Arc<str>>,
    /// What each status is worth.
    pub(crate) statuses: Statuses,
    /// What talks can be about, by name.
    pub(crate) classifiers: BTreeMap<Arc<str>, Arc<Classifier>>,
}

/// An agent's name and team.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AgentName {
    /// The name.
    pub(crate) name: Arc<str>,
    /// The team.
    pub(crate) team: Arc<str>,
}

/// A queue's name and the waits that matter in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QueueName {
    /// The name.
    pub(crate) name: Arc<str>,
    /// The threshold T of its service level, in seconds.
    pub(crate) service_level_secs: f64,
    /// Up to which wait a hang-up counts as a short abandon, in seconds.
    pub(crate) short_abandon_secs: f64,
}

impl Directory {
    /// The names of a policy.
    pub(crate) fn of(policy: &Policy) -> Directory {
        let agent = |agent: &dozvon_center::acd::AgentConfig| AgentName {
            name: agent.name.clone(),
            team: agent.team.clone(),
        };
        let queue = |queue: &dozvon_center::acd::QueueConfig| QueueName {
            name: queue.name.clone(),
            service_level_secs: queue.service_level.as_secs_f64(),
            short_abandon_secs: queue.short_abandon.as_secs_f64(),
        };
        Directory {
            agents: policy.acd.agents.iter().map(agent).collect(),
            queues: policy.acd.queues.iter().map(queue).collect(),
            flows: policy.flows.keys().cloned().collect(),
            rollouts: policy.rollouts.keys().cloned().collect(),
            bots: policy.bots.keys().cloned().collect(),
            endpoints: policy.flows.values().flat_map(|flow| asked(flow)).collect(),
            statuses: policy.acd.statuses.clone(),
            classifiers: policy.classifiers.clone(),
        }
    }

    /// The agent's name, or his number in words when it is of another policy.
    pub(crate) fn agent_word(&self, id: AgentId) -> Arc<str> {
        self.agent(id).map_or_else(|| id.to_string().into(), |agent| agent.name.clone())
    }

    /// The agent of this number.
    pub(crate) fn agent(&self, id: AgentId) -> Option<&AgentName> {
        self.agents.get(usize::try_from(id.0).ok()?)
    }
}

/// The endpoints that a flow asks.
fn asked(flow: &Flow) -> impl Iterator<Item = Arc<str>> {
    flow.nodes.iter().filter_map(|node| {
        if let Kind::Http(http) = &node.kind { Some(http.endpoint.clone()) } else { None }
    })
}
