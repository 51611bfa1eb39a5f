//! What waits will be: the line before a call and those who serve it, and what each queue learns from calls and waits
//! that are over.

use super::agent::Phase;
use super::call::CallState;
use super::config::Config;
use super::estimate::{Estimate, Experience};
use super::matcher::{ClassId, Edge, KindId};
use super::{Acd, WaitEnd};
use crate::ids::{AgentId, CallId, QueueId};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What has been learned of all queues.
#[derive(Debug)]
pub(super) struct Forecasts {
    queues: Vec<Experience>,
    /// Since when, and for a call of which queue, an agent is bound: from the offer on, for then nobody else gets him.
    bound: BTreeMap<AgentId, (QueueId, Timestamp)>,
}

impl Forecasts {
    pub(super) fn new(config: &Config) -> Forecasts {
        let queues = config.queues.iter().map(|queue| Experience::new(queue.handle_prior));
        Forecasts { queues: queues.collect(), bound: BTreeMap::new() }
    }

    /// A wait is over.
    pub(super) fn waited(&mut self, queue: QueueId, waited: Duration, why: WaitEnd) {
        self.queues[usize::from(queue.0)].waited(waited, why == WaitEnd::HungUp);
    }
}

impl Acd {
    /// How much longer a call will wait, behind those of its queue that require the same and are ahead of it, whichever
    /// stages they have come through. `None` when that can't be known, when it is being offered to an agent already,
    /// and for one that doesn't wait.
    pub fn estimate(&self, id: CallId) -> Option<Estimate> {
        let call = self.calls.get(&id)?;
        let CallState::Waiting { .. } = call.state else { return None };
        let ahead = self.matcher.ahead(call.class, call.key);
        let agents = self.serving(call.class);
        Estimate::of(&self.forecasts.queues[usize::from(call.queue.0)].line(ahead, agents))
    }

    /// How long a call without special requirements that came now would wait. Looks through classes and profiles: for a
    /// picture, not for decisions. `None` when that can't be known, or when there is no such queue.
    pub fn estimate_for_new(&self, queue: QueueId) -> Option<Estimate> {
        let experience = self.forecasts.queues.get(usize::from(queue.0))?;
        let ahead = self.matcher.waiting_in(queue);
        let mut agents = 0.0;
        for profile in self.matcher.profiles_of_queue(queue) {
            if ahead == 0 && self.staff.counts(std::iter::once(profile)).idle > 0 {
                return Some(Estimate::NONE);
            }
            let classes = self
                .matcher
                .classes_of_profile(profile)
                .iter()
                .filter(|id| self.matcher.waits(**id));
            let mut queues: BTreeSet<QueueId> =
                classes.map(|id| self.matcher.queue_of(*id)).collect();
            queues.insert(queue);
            agents += f64::from(self.staff.lasting(profile)) / queues.len() as f64;
        }
        Estimate::of(&experience.line(ahead, agents))
    }

    /// The agents who serve a class, now or after what they do; who serves other kinds of waiting calls, too, counts as
    /// a part. Calls of one kind are one line, whichever stages they have come through.
    fn serving(&self, class: ClassId) -> f64 {
        let waits = |id: &&ClassId| **id == class || self.matcher.waits(**id);
        let part = |edge: &Edge| {
            let served = self.matcher.classes_for(edge.profile).iter().filter(waits);
            let kinds: BTreeSet<KindId> = served.map(|id| self.matcher.kind(*id)).collect();
            f64::from(self.staff.lasting(edge.profile.index())) / kinds.len().max(1) as f64
        };
        self.matcher.edges(class).iter().map(part).sum()
    }

    /// An agent's phase changes: a call begins to bind him, or is done.
    pub(super) fn note_phase(&mut self, now: Timestamp, id: AgentId, from: Phase, to: Phase) {
        match (from, to) {
            (_, Phase::Reserved { call, .. }) => {
                let queue = self.calls[&call].queue;
                self.forecasts.bound.insert(id, (queue, now));
            }
            (
                Phase::Talking { .. } | Phase::WrapUp { .. },
                Phase::Idle | Phase::Engaged { .. } | Phase::Outbound,
            ) => {
                if let Some((queue, since)) = self.forecasts.bound.remove(&id) {
                    self.forecasts.queues[usize::from(queue.0)].handled(now.since(since));
                }
            }
            // An offer that came to nothing taught nothing about calls.
            (_, Phase::Idle | Phase::Engaged { .. } | Phase::Outbound) => {
                self.forecasts.bound.remove(&id);
            }
            (
                _,
                Phase::Ringing { .. }
                | Phase::Lapsing { .. }
                | Phase::Connecting { .. }
                | Phase::Talking { .. }
                | Phase::WrapUp { .. },
            ) => {}
        }
    }
}
