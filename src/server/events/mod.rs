//! Facts on their way out: to the event log, to live screens, to metrics, to the store, to our own log.
//!
//! [`Announcer`] is what the brain holds: it tells everybody and waits for nobody. Nothing here decides anything.

mod announcer;
mod directory;
mod line;
mod log;
#[cfg(test)]
pub(crate) mod scratch;

pub(crate) use announcer::{Announcer, Live};
pub(crate) use directory::Directory;
#[cfg(test)]
pub(crate) use directory::QueueName;
pub(crate) use line::{Numbers, call_card, is_whole, object, object_with_card, rfc3339};
pub(crate) use log::{EventLog, EventStats};

#[cfg(test)]
pub(crate) mod tests {
    use super::directory::AgentName;

    /// An agent of a test's directory.
    pub(crate) fn agent_name(name: &str, team: &str) -> AgentName {
        AgentName { name: name.into(), team: team.into() }
    }
}
