//! What the ACD looks like from outside, and the promises it makes about its inside.

use super::agent::Phase;
use super::call::CallState;
use super::matcher::{AgentKey, CallKey};
use super::{Acd, AgentView, QueueView, Timer};
use crate::ids::{AgentId, CallId, QueueId};
use dozvon_clock::Timestamp;

impl Acd {
    /// An agent; `None` when the policy has no such agent.
    pub fn agent(&self, id: AgentId) -> Option<AgentView> {
        self.agents.get(id.0 as usize).map(|agent| agent.view())
    }

    /// Since when a call waits, as the order of calls sees it; `None` when it is not here.
    pub fn enqueued_at(&self, id: CallId) -> Option<Timestamp> {
        self.calls.get(&id).map(|call| call.enqueued_at)
    }

    /// A queue; `None` when the policy has no such queue. Looks through the queue's calls and through the profiles of
    /// agents: made for a picture once a second, not for decisions.
    pub fn queue(&self, id: QueueId) -> Option<QueueView> {
        let waiting = self.waiting.get(usize::from(id.0))?;
        let mut view = QueueView { waiting: waiting.len(), ..QueueView::default() };
        for key in waiting.iter() {
            let call = &self.calls[&key.call];
            if call.absent {
                view.absent += 1;
            } else {
                view.oldest =
                    Some(view.oldest.map_or(call.enqueued_at, |old| old.min(call.enqueued_at)));
            }
        }
        Some(QueueView {
            agents: self.staff.counts(self.matcher.profiles_of_queue(id)),
            estimate: self.estimate_for_new(id),
            ..view
        })
    }

    /// A waiting call's position in its queue, from 1; `None` when it doesn't wait. Calls that are being offered keep
    /// their position. Costs some additions for each thousand calls of the queue.
    pub fn position(&self, id: CallId) -> Option<usize> {
        let call = self.calls.get(&id)?;
        let waiting = &self.waiting[usize::from(call.queue.0)];
        waiting.contains(call.key).then(|| waiting.rank(call.key) + 1)
    }

    /// Whether a queue has no room for another caller who is on the line.
    ///
    /// # Panics
    /// When there is no such queue.
    pub fn is_full(&self, queue: QueueId) -> bool {
        let at = usize::from(queue.0);
        self.waiting[at].len() - self.kept[at] >= self.config.queues[at].length_max
    }

    /// How many calls wait or talk.
    pub fn calls_len(&self) -> usize {
        self.calls.len()
    }

    /// Every promise this machine makes about its own state. Slow: for tests, simulations and after a mishap.
    ///
    /// # Panics
    /// When a promise is broken, with the promise.
    pub fn check_invariants(&self) {
        self.matcher.check_invariants();
        self.check_calls();
        self.check_agents();
        self.check_offers();
        self.check_nobody_idles_beside_a_call();
        self.check_classes();
    }

    fn check_calls(&self) {
        let mut waiting = 0;
        for (id, call) in &self.calls {
            let queued = self.matcher.is_queued(call.class, call.key);
            let placed = self.waiting[usize::from(call.queue.0)].contains(call.key);
            let timed = self.timers.get(&Timer::Preferred(*id)).is_some();
            assert_eq!(timed, matches!(call.state, CallState::Held(_)), "a hold ends");
            let offers = match &call.state {
                CallState::Waiting { lapsing } => {
                    assert!(queued && placed && !call.overdue, "a waiting call is in its class");
                    lapsing.iter().copied().collect()
                }
                CallState::Held(agent) => {
                    assert!(placed && !queued, "a held call keeps its place");
                    assert!(self.holds[agent].contains(&call.key), "both know a hold");
                    let comes = self.would_take(call.class, *agent)
                        || (call.broke_off && self.may_return(call.class, *agent));
                    assert!(comes, "who is waited for would take it");
                    let free = self.agents[agent.0 as usize].routable();
                    assert!(!free, "{id} is held for {agent}, who is free");
                    Vec::new()
                }
                CallState::Offered(open) => {
                    assert!(placed && !queued, "an offered call keeps its place");
                    let max = self.phones_max(*id);
                    assert!(
                        (1..=max).contains(&open.len()),
                        "so many phones ring as the queue says"
                    );
                    assert_eq!(call.room, open.len() < max && !call.overdue, "{id} knows its room");
                    open.clone()
                }
                CallState::Connecting(offer) => {
                    assert!(placed && !queued && !call.room, "an answered call keeps its place");
                    vec![*offer]
                }
                CallState::Talking(agent) => {
                    assert!(!placed && !queued && call.skips.is_empty(), "a talk doesn't wait");
                    let phase = self.agents[agent.0 as usize].phase;
                    let talks = matches!(phase, Phase::Talking { .. });
                    assert!(talks && phase.call() == Some(*id), "a talk has its agent");
                    Vec::new()
                }
                CallState::Between => {
                    assert!(!placed && !queued && call.skips.is_empty(), "nobody has it");
                    Vec::new()
                }
            };
            waiting += usize::from(placed);
            for offer in offers {
                assert_eq!(self.offers[&offer].call, *id, "a call's offer is about the call");
            }
            let timed = self.timers.get(&Timer::ServiceLevel(*id)).is_some();
            let counts = placed && !call.missed && !call.called_back;
            assert_eq!(timed, counts, "a wait crosses T once");
            assert!(
                !call.absent || (placed && call.called_back),
                "who is not on the line only waits"
            );
            for agent in &call.skips {
                assert!(self.agents[agent.0 as usize].skips.contains(id), "both remember a skip");
                assert!(self.timers.get(&Timer::Skip(*id, *agent)).is_some(), "a skip ends");
            }
        }
        let placed: usize = self.waiting.iter().map(|queue| queue.len()).sum();
        assert_eq!(placed, waiting, "a place belongs to a call");
        let all = self.waiting.iter().zip(&self.kept).zip(&self.config.queues);
        for ((queue, kept), config) in all {
            let counted = queue.iter().filter(|key| self.calls[&key.call].called_back).count();
            assert_eq!(counted, *kept, "kept places are counted");
            assert!(queue.len() - kept <= config.length_max, "a queue is bounded");
        }
    }

    fn check_agents(&self) {
        for (at, agent) in self.agents.iter().enumerate() {
            let id = AgentId(u32::try_from(at).expect("AGENTS_MAX fits"));
            agent.check_invariants();
            let limited = match agent.phase {
                Phase::Reserved { .. }
                | Phase::Ringing { .. }
                | Phase::Lapsing { .. }
                | Phase::Connecting { .. }
                | Phase::WrapUp { .. }
                | Phase::Outbound => true,
                Phase::Idle | Phase::Talking { .. } | Phase::Engaged { .. } => false,
            };
            let timed = self.timers.get(&Timer::Phase(id)).is_some();
            assert_eq!(timed, limited, "{:?} has its time limit", agent.phase);
            self.check_watch(id);
            let rests = self.timers.get(&Timer::Cooldown(id));
            assert_eq!(rests, agent.cooldown_until, "a cooldown ends");
            assert_eq!(self.skippers.contains(&id), !agent.skips.is_empty(), "skippers are known");
            for call in &agent.skips {
                assert!(self.calls[call].skips.contains(&id), "both remember a skip");
            }
            if let Phase::Talking { call, .. } = agent.phase {
                assert_eq!(self.calls[&call].state, CallState::Talking(id), "a talk has its call");
            }
        }
    }

    fn check_offers(&self) {
        for (id, offer) in &self.offers {
            let call = self.calls.get(&offer.call).map(|call| &call.state);
            let fits = match self.agents[offer.agent.0 as usize].phase {
                Phase::Reserved { offer, .. } | Phase::Ringing { offer, .. } => {
                    offer == *id && call.is_some_and(|call| call.open_offers().contains(&offer))
                }
                Phase::Lapsing { offer, .. } => {
                    offer == *id && call == Some(&CallState::Waiting { lapsing: Some(offer) })
                }
                Phase::Connecting { offer, .. } => {
                    offer == *id && call == Some(&CallState::Connecting(offer))
                }
                Phase::Idle
                | Phase::Talking { .. }
                | Phase::Engaged { .. }
                | Phase::WrapUp { .. }
                | Phase::Outbound => false,
            };
            assert!(fits, "{id} is known to its agent and its call");
        }
    }

    fn check_nobody_idles_beside_a_call(&self) {
        for at in 0..self.matcher.classes_len() {
            let class = self.matcher.class_at(at);
            let order = self.matcher.order(class);
            for CallKey { call, .. } in self.matcher.calls_of(class) {
                for edge in self.matcher.edges(class) {
                    for AgentKey { agent, .. } in self.matcher.free_of(edge.profile, order) {
                        assert!(
                            self.barred(call, agent) || self.is_kept_from(call, agent),
                            "{call} waits beside {agent}, who is free"
                        );
                    }
                }
            }
        }
    }

    /// Whether a reserve keeps the agent from the call, and the end of that is a timer.
    fn is_kept_from(&self, id: CallId, agent: AgentId) -> bool {
        let kept = self.matcher.is_kept(self.calls[&id].class, agent);
        assert!(!kept || self.timers.get(&Timer::Step(id)).is_some(), "what keeps {id} back ends");
        kept
    }

    fn check_classes(&self) {
        for at in 0..self.matcher.classes_len() {
            let class = self.matcher.class_at(at);
            let waits = self.matcher.calls_of(class).any(|key| !self.calls[&key.call].absent);
            let gives_up = self.give_up_at(class).is_some();
            let timed = self.timers.get(&Timer::NoAgents(class)).is_some();
            assert!(timed || !(waits && gives_up), "calls without staff don't wait for ever");
            assert!(gives_up || !timed, "calls with staff aren't given up");
        }
    }
}
