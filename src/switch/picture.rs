//! The picture of the house that screens and scrapes are given.

use crate::border::{AgentRow, CallRow, QueueRow, RolloutRow, Snapshot, WhyRow, WrapUpRow};
use crate::switch::Switch;
use dozvon_center::ids::{AgentId, CallId, QueueId, SkillId};
use dozvon_center::rollout::Share;
use dozvon_clock::Timestamp;

impl Switch {
    /// How everything stands now. Costs a walk over agents and calls: for a few a second, not for every event.
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let counts = self.endpoint.counts();
        Snapshot {
            at: now,
            queues: self.queue_rows(),
            agents: (0..).map(AgentId).map_while(|agent| self.agent_row(agent)).collect(),
            calls: self.call_rows(now),
            rollouts: self.rollout_rows(),
            callbacks: self.center.callbacks().cloned().collect(),
            dialogs: counts.dialogs,
            transactions: counts.transactions,
            bindings: counts.bindings,
            incident: self.center.incident().cloned(),
            sites: self.center.sites(),
            draining: self.draining,
        }
    }

    fn queue_rows(&self) -> Vec<QueueRow> {
        let configs = self.center.policy().acd.queues.iter();
        let rows = configs.zip((0..).map(QueueId)).map(|(config, id)| {
            let view = self.center.queue(id).unwrap_or_default();
            QueueRow {
                name: config.name.clone(),
                waiting: view.waiting,
                callbacks: view.absent,
                oldest_enqueued_at: view.oldest,
                agents: view.agents,
                service_level_secs: config.service_level.as_secs_f64(),
                estimate: view.estimate,
            }
        });
        rows.collect()
    }

    /// Why a call waits, or has the agent it has; `None` when it is in no queue and in no talk.
    pub fn why(&self, call: CallId) -> Option<WhyRow> {
        let why = self.center.why(call)?;
        let policy = self.center.policy();
        let agent = |id: &AgentId| policy.acd.agents[id.0 as usize].name.clone();
        let skill = |id: SkillId| {
            let name = policy.skills.get(usize::from(id.0));
            name.map_or_else(|| "a skill that nobody has".to_owned(), ToString::to_string)
        };
        Some(WhyRow {
            queue: policy.acd.queues[usize::from(why.queue.0)].name.clone(),
            position: self.center.position(call),
            enough: why.enough.iter().map(|requirement| requirement.to_text(skill)).collect(),
            skipped: why.skipped.iter().map(agent).collect(),
            with: why.with.iter().map(agent).collect(),
            held_for: why.held_for.as_ref().map(agent),
            why,
        })
    }

    /// One agent's row; `None` when there is no such agent.
    pub fn agent_row(&self, agent: AgentId) -> Option<AgentRow> {
        let config = self.center.policy().acd.agents.get(agent.0 as usize)?;
        let view = self.center.agent(agent)?;
        Some(AgentRow {
            id: agent,
            name: config.name.clone(),
            team: config.team.clone(),
            status: view.presence,
            activity: view.activity,
            pending: view.pending,
            since: view.since,
            reachable: view.reachable,
            epoch: view.epoch,
            call: view.call,
            limit_at: view.limit_at,
            place: self.center.place(agent).cloned(),
            wrap_up: self.wrap_up_row(agent),
        })
    }

    fn wrap_up_row(&self, agent: AgentId) -> Option<WrapUpRow> {
        let work = self.center.paperwork(agent)?;
        let classifier = work.classifier.as_deref();
        Some(WrapUpRow {
            call: work.call,
            mode: work.mode.as_str(),
            ends_at: work.ends_at,
            classifier: classifier.map(|classifier| classifier.name.clone()),
            classifier_version: classifier.map(|classifier| classifier.version.clone()),
        })
    }

    fn call_rows(&self, now: Timestamp) -> Vec<CallRow> {
        let row = |call: dozvon_center::border::CallView| CallRow {
            call: call.call,
            caller: call.caller,
            flow: call.flow,
            state: call.state,
            place: call.place,
            started_at: call.started_at,
            since: call.since,
            card: call.card,
        };
        self.center.calls(now).map(row).collect()
    }

    fn rollout_rows(&self) -> Vec<RolloutRow> {
        let rollouts = self.center.policy().rollouts.values();
        let share = |name| self.center.share_of(name).map_or(0.0, Share::fraction);
        rollouts.map(|r| RolloutRow { name: r.name.clone(), share: share(&r.name) }).collect()
    }
}
