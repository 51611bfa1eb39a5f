//! What the store is told: contact records and agents' changes.

use crate::server::events::Directory;
use dozvon_center::contact::Contact;
use dozvon_center::fact::{Fact, What};
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
}

/// The beginning of a stretch of an agent's day, and the end of the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AgentMove {
    /// Who.
    pub(crate) agent: Arc<str>,
    /// When.
    pub(crate) at: Timestamp,
    /// The status from now on.
    pub(crate) status: &'static str,
    /// The activity from now on.
    pub(crate) activity: &'static str,
    /// Why.
    pub(crate) cause: &'static str,
}

impl AgentMove {
    /// The move a fact tells of; `None` for other facts, and for a change of the pending status only.
    pub(crate) fn of(fact: &Fact, directory: &Directory) -> Option<AgentMove> {
        let What::AgentChanged { agent, from, to, cause, .. } = &fact.what else { return None };
        if from == to {
            return None;
        }
        let agent = match directory.agent(*agent) {
            Some(agent) => agent.name.clone(),
            None => agent.to_string().into(),
        };
        let (status, activity) = (to.0.as_str(), to.1.as_str());
        Some(AgentMove { agent, at: fact.at, status, activity, cause: cause.as_str() })
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
