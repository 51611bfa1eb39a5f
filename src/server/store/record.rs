//! What the store is told: contact records, agents' changes and conduct, incidents.

use super::complaint::Complaint;
use super::rollout::DecisionRow;
use super::schema::micros;
use crate::server::events::Directory;
use dozvon_center::acd::Presence;
use dozvon_center::callback::Callback;
use dozvon_center::contact::Contact;
use dozvon_center::fact::{Fact, What};
use dozvon_center::ids::CallId;
use dozvon_center::incident::{Incident, Touch};
use dozvon_center::opening::Emergency;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// One thing to be written.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// A contact as it stands now; replaces what was written of it before.
    Contact(Box<Contact>),
    /// An agent's status or activity has changed.
    Agent(AgentMove),
    /// Something was seen that may be misconduct.
    Conduct(ConductRow),
    /// An incident as it stands now; replaces what was written of it before.
    Incident(Box<IncidentRow>),
    /// An emergency of a site was declared or, without one, called off.
    Emergency {
        /// The site.
        site: Arc<str>,
        /// What goes on.
        emergency: Option<Emergency>,
    },
    /// A request to be called back as it stands now; replaces what was written of it before.
    Callback(Box<Callback>),
    /// Something was decided about a rollout.
    Decided(Box<DecisionRow>),
    /// Somebody has complained about a contact.
    Complaint(Complaint),
    /// A call was refused before any flow, for this reason.
    Refused {
        /// When.
        at: Timestamp,
        /// The word of the metric.
        reason: &'static str,
    },
}

impl Record {
    /// What of a fact is written; `None` for most.
    pub(crate) fn of(fact: &Fact, directory: &Directory) -> Option<Record> {
        if let What::ConductSeen { agent, kind, .. } = &fact.what {
            let (agent, kind, at) = (directory.agent_word(*agent), kind.as_str(), fact.at);
            return Some(Record::Conduct(ConductRow { agent, at, kind, call: fact.call }));
        }
        if let What::IncidentOpened { incident } | What::IncidentClosed { incident } = &fact.what {
            return Some(Record::Incident(Box::new(IncidentRow::of(incident, directory))));
        }
        if let What::EmergencyChanged { site, on, by, reason } = &fact.what {
            let (since, by, reason) = (fact.at, by.clone(), reason.clone());
            let emergency = on.then_some(Emergency { since, by, reason });
            return Some(Record::Emergency { site: site.clone(), emergency });
        }
        AgentMove::of(fact, directory).map(Record::Agent)
    }
}

/// Something that was seen of an agent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConductRow {
    /// Who.
    pub(crate) agent: Arc<str>,
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) kind: &'static str,
    /// In which call.
    pub(crate) call: Option<CallId>,
}

/// An incident as it is stored and shown; times in µs since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct IncidentRow {
    /// Its number.
    pub(crate) id: i64,
    /// When it began.
    pub(crate) started_at: i64,
    /// When it was over.
    pub(crate) ended_at: Option<i64>,
    /// Who was in it: name, from, until.
    pub(crate) agents: Vec<(String, i64, Option<i64>)>,
    /// Calls that were taken from an agent and waited on.
    pub(crate) requeued: Vec<i64>,
    /// Calls that were lost.
    pub(crate) lost: Vec<i64>,
    /// Touched calls that are not listed.
    pub(crate) unlisted: u32,
}

impl IncidentRow {
    /// The row of an incident.
    pub(crate) fn of(incident: &Incident, directory: &Directory) -> IncidentRow {
        let calls = |how| {
            incident.touched(how).map(|call| i64::try_from(call.0).unwrap_or(i64::MAX)).collect()
        };
        let agents = incident.agents.iter().map(|touched| {
            let name = directory.agent_word(touched.agent).to_string();
            (name, micros(touched.from), touched.until.map(micros))
        });
        IncidentRow {
            id: i64::try_from(incident.id).unwrap_or(i64::MAX),
            started_at: micros(incident.started_at),
            ended_at: incident.ended_at.map(micros),
            agents: agents.collect(),
            requeued: calls(Touch::Requeued),
            lost: calls(Touch::Lost),
            unlisted: incident.calls_unlisted,
        }
    }
}

/// The beginning of a stretch of an agent's day, and the end of the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AgentMove {
    /// Who.
    pub(crate) agent: Arc<str>,
    /// The team; `None` for an agent that the policy does not know.
    pub(crate) team: Option<Arc<str>>,
    /// When.
    pub(crate) at: Timestamp,
    /// Whether the status is paid for; `None` where there is none.
    pub(crate) paid: Option<bool>,
    /// The status from now on.
    pub(crate) status: &'static str,
    /// The activity from now on.
    pub(crate) activity: &'static str,
    /// Why.
    pub(crate) cause: &'static str,
    /// By what name it was asked for.
    pub(crate) asked_by: Option<Arc<str>>,
    /// The reason given.
    pub(crate) reason: Option<Arc<str>>,
}

impl AgentMove {
    /// The move a fact tells of; `None` for other facts, and for a change of the pending status only.
    pub(crate) fn of(fact: &Fact, directory: &Directory) -> Option<AgentMove> {
        let What::AgentChanged { agent, from, to, cause, asked_by, reason, .. } = &fact.what else {
            return None;
        };
        if from == to {
            return None;
        }
        Some(AgentMove {
            agent: directory.agent_word(*agent),
            team: directory.agent(*agent).map(|agent| agent.team.clone()),
            at: fact.at,
            paid: match to.0 {
                Presence::Chosen(status) => Some(directory.statuses.of(status).paid),
                Presence::NotResponding | Presence::Unreachable => Some(true),
                Presence::LoggedOut => None,
            },
            status: to.0.as_str(),
            activity: to.1.as_str(),
            cause: cause.as_str(),
            asked_by: asked_by.clone(),
            reason: reason.clone(),
        })
    }
}

/// The word that serde writes for a plain enum value, as records and metrics show it.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
