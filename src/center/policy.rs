//! What the center works by: queues, agents, flows, rollouts, calendars. Immutable; a change is a new value.

use crate::acd;
use crate::calendar::Calendars;
use crate::flow::Flow;
use crate::ids::SkillId;
use crate::rollout::Rollout;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The rules in force. A call keeps the policy it began with.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Queues, agents and the rules between them.
    pub acd: acd::Config,
    /// Names of skills; the position is the [`SkillId`].
    pub skills: Vec<Arc<str>>,
    /// Flows by name.
    pub flows: BTreeMap<Arc<str>, Arc<Flow>>,
    /// Opening hours by name.
    pub calendars: Arc<Calendars>,
    /// Rollouts by name.
    pub rollouts: BTreeMap<Arc<str>, Rollout>,
    /// Voice bots by name.
    pub bots: BTreeMap<Arc<str>, BotPolicy>,
    /// Music played to waiting callers when the flow names none.
    pub music: Arc<str>,
}

/// What the center must know of a voice bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BotPolicy {
    /// How long it may take to answer before people take over; default 2 s.
    pub answer_within: Duration,
}

impl Default for BotPolicy {
    fn default() -> Self {
        BotPolicy { answer_within: Duration::from_secs(2) }
    }
}

impl Policy {
    /// The number of a skill's name, if any agent or queue knows it.
    pub fn skill(&self, name: &str) -> Option<SkillId> {
        let at = self.skills.iter().position(|s| &**s == name)?;
        u16::try_from(at).ok().map(SkillId)
    }
}
