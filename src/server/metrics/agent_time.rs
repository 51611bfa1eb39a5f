//! Agents' seconds by status and activity, accrued at each change and at each scrape.
//!
//! Accrued at the change alone a lunch would arrive as one jump of forty minutes, and every rate over it would lie.

use super::at_work;
use super::families::Families;
use dozvon_center::acd::{Activity, Presence};
use dozvon_center::ids::AgentId;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How each agent stands, and up to when his time is counted.
#[derive(Debug, Default)]
pub(super) struct AgentTimes {
    agents: BTreeMap<AgentId, Standing>,
}

#[derive(Debug)]
struct Standing {
    team: Arc<str>,
    presence: Presence,
    activity: Activity,
    counted_to: Timestamp,
}

impl AgentTimes {
    /// An agent has changed at `at`: the time until then belongs to `from`.
    pub(super) fn change(
        &mut self,
        families: &Families,
        agent: AgentId,
        team: &Arc<str>,
        at: Timestamp,
        from: (Presence, Activity),
        to: (Presence, Activity),
    ) {
        if let Some(standing) = self.agents.get_mut(&agent) {
            standing.presence = from.0;
            standing.activity = from.1;
            standing.count(families, at);
        }
        let (presence, activity) = to;
        let standing = Standing { team: team.clone(), presence, activity, counted_to: at };
        self.agents.insert(agent, standing);
    }

    /// Counts everybody's time up to `now`.
    pub(super) fn accrue(&mut self, families: &Families, now: Timestamp) {
        for standing in self.agents.values_mut() {
            standing.count(families, now);
        }
    }
}

impl Standing {
    fn count(&mut self, families: &Families, now: Timestamp) {
        if at_work(self.presence) {
            let labels = [&*self.team, self.presence.as_str(), self.activity.as_str()];
            let spent = now.since(self.counted_to).as_secs_f64();
            families.agent_time.with_label_values(&labels).inc_by(spent);
        }
        // A picture may be a little older than the last change; time is never counted twice.
        self.counted_to = self.counted_to.max(now);
    }
}
