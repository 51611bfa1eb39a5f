//! What would have been: a recorded stretch of queues and agents played again by another configuration, in virtual time
//! and by the ACD that serves calls.
//!
//! [`Recording`] is made of facts, [`recorded`] says how it was, [`replay`] how it would have been. The same callers
//! come at the same moments, agents come, take breaks and go as they did, and talks last as long. What a record can't
//! tell is assumed, and docs/reports.md says how:
//!
//! - Who hung up waits as long as he did. Who was answered would have waited longer, by chance of his queue's own rate
//!   of giving up, the same for the same call whatever the configuration.
//! - Who left his queue by another way leaves it at the same time, unless an agent takes him before.
//! - Phones are answered after the ring that was recorded. A call that rang in vain does so as often again, at whoever
//!   is offered it first; then it is answered.
//! - Who took a call has its talk; what colleagues did of it they do when they did it, unless they talk then.
//! - A place that a call brought along is the lead that it had over calls that came by the same node.
//! - An agent whom the record does not know is ready from the first moment of anybody's work to the last.
//!
//! Knows no clock, no file and no format of lines.

mod figures;
mod play;

pub use figures::{Figures, QueueFigures};
pub use play::{recorded, replay};

use crate::acd::{Activity, OfferResult, Presence, ServiceLevel};
use crate::contact::Outcome;
use crate::fact::{Fact, What};
use crate::ids::{AgentId, CallId};
use crate::limits::{REPLAY_VAIN_MAX, REPLAY_WAITS_MAX};
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a recording is made of: some of the facts, with agents by name.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A call reached a node of its flow.
    Node {
        /// The call.
        call: CallId,
        /// The flow.
        flow: Arc<str>,
        /// The node.
        node: Arc<str>,
    },
    /// It came to a queue.
    Queued {
        /// The call.
        call: CallId,
        /// The queue.
        queue: Arc<str>,
        /// With nobody on the line: it is a customer who is to be called back.
        called_back: bool,
    },
    /// It left the queue.
    Left {
        /// The call.
        call: CallId,
        /// How.
        outcome: Outcome,
    },
    /// How that counts.
    Judged {
        /// The call.
        call: CallId,
        /// How.
        level: ServiceLevel,
    },
    /// Its place among calls was told.
    Placed {
        /// The call.
        call: CallId,
        /// The moment by which it should be answered.
        due: Timestamp,
    },
    /// A phone rang for it, and no longer does.
    Rang {
        /// The call.
        call: CallId,
        /// Whose.
        agent: Arc<str>,
        /// Why.
        result: OfferResult,
        /// How long it had rung.
        lasted: Duration,
    },
    /// A talk ended.
    Talked {
        /// The call.
        call: CallId,
        /// With this agent.
        agent: Arc<str>,
        /// Talk and hold.
        lasted: Duration,
    },
    /// An agent finished his last talk.
    WrappedUp {
        /// Who.
        agent: Arc<str>,
        /// How long that took.
        lasted: Duration,
    },
    /// An agent stands otherwise from now on.
    Stands {
        /// Who.
        agent: Arc<str>,
        /// How he stood.
        from: Stand,
        /// How he stands.
        to: Stand,
    },
}

/// How an agent stands.
pub type Stand = (Presence, Activity);

impl Heard {
    /// What a fact says to a recording, if it says anything.
    pub fn of(fact: &Fact, name: impl Fn(AgentId) -> Arc<str>) -> Option<Heard> {
        if let What::AgentChanged { agent, from, to, .. } = &fact.what {
            return Some(Heard::Stands { agent: name(*agent), from: *from, to: *to });
        }
        if let What::WrapUpEnded { agent, wrap_up_secs, .. } = &fact.what {
            return Some(Heard::WrappedUp { agent: name(*agent), lasted: secs(*wrap_up_secs) });
        }
        let call = fact.call?;
        if let What::NodeEntered { flow, node } = &fact.what {
            Some(Heard::Node { call, flow: flow.clone(), node: node.clone() })
        } else if let What::SegmentStarted { queue, called_back } = &fact.what {
            Some(Heard::Queued { call, queue: queue.clone(), called_back: *called_back })
        } else if let What::SegmentEnded { outcome, .. } = &fact.what {
            Some(Heard::Left { call, outcome: *outcome })
        } else if let What::ServiceLevelDecided { result, .. } = &fact.what {
            Some(Heard::Judged { call, level: *result })
        } else if let What::OfferDecided { decision, .. } = &fact.what {
            Some(Heard::Placed { call, due: decision.due })
        } else if let What::OfferEnded { agent, result, rang_secs, .. } = &fact.what {
            let (agent, lasted) = (name(*agent), secs(*rang_secs));
            Some(Heard::Rang { call, agent, result: *result, lasted })
        } else if let What::TalkEnded { agent, talk_secs, hold_secs, .. } = &fact.what {
            let lasted = secs(talk_secs + hold_secs);
            Some(Heard::Talked { call, agent: name(*agent), lasted })
        } else {
            None
        }
    }
}

/// A time of an event line; one that is none is no time at all.
pub fn secs(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

/// A stay in a queue, and what came of it.
#[derive(Clone, Debug)]
struct Wait {
    call: CallId,
    queue: Arc<str>,
    /// The flow and the node that led there.
    node: Option<(Arc<str>, Arc<str>)>,
    called_back: bool,
    from: Timestamp,
    end: Option<(Timestamp, Outcome)>,
    level: Option<ServiceLevel>,
    /// Its place among calls, where it was told.
    due: Option<Timestamp>,
    /// Offers that nobody took: why, and after how long a ring; at most [`REPLAY_VAIN_MAX`].
    vain: Vec<(OfferResult, Duration)>,
    /// How long a phone had rung when the caller left.
    rings: Option<Duration>,
    /// When a phone was answered for it, and after how long a ring.
    rang: Option<(Timestamp, Duration)>,
    /// Who answered it.
    taker: Option<Arc<str>>,
    /// His talks until the next stay.
    talk: Option<Duration>,
    wrap_up: Duration,
}

impl Wait {
    fn waited(&self) -> Option<Duration> {
        self.end.map(|(at, _)| at.since(self.from))
    }

    /// A phone no longer rings for it.
    fn rang(&mut self, at: Timestamp, agent: Arc<str>, result: OfferResult, lasted: Duration) {
        match result {
            OfferResult::Answered => {
                (self.rang, self.taker) = (Some((at, lasted)), Some(agent));
            }
            OfferResult::CallerGone => self.rings = Some(lasted),
            OfferResult::NoAnswer
            | OfferResult::Declined
            | OfferResult::Busy
            | OfferResult::Unreachable
            | OfferResult::Error => {
                if self.vain.len() < REPLAY_VAIN_MAX {
                    self.vain.push((result, lasted));
                }
            }
            // The agent's doing or another phone's, which are played by themselves.
            OfferResult::CancelledStatus | OfferResult::Glare | OfferResult::LostRace => {}
        }
    }

    /// How long the agent who had answered heard his customer's phone ring, whom he called back.
    fn dialled(&self) -> Duration {
        let (Some((answered, _)), Some((end, _))) = (self.rang, self.end) else {
            return Duration::ZERO;
        };
        if self.called_back { end.since(answered) } else { Duration::ZERO }
    }

    /// How much later its due is than it came; negative where its place was of old.
    fn due_after(&self) -> Option<i128> {
        self.due.map(|due| i128::from(due.as_micros()) - i128::from(self.from.as_micros()))
    }

    fn outcome(&self) -> Option<Outcome> {
        self.end.map(|(_, outcome)| outcome)
    }
}

/// What an agent did of a call that another had taken, with its wrap-up.
#[derive(Clone, Debug)]
struct PartOf {
    agent: Arc<str>,
    from: Timestamp,
    until: Timestamp,
}

/// What a wrap-up belongs to.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// The talk of this stay.
    Stay(usize),
    /// This part of another's.
    Part(usize),
}

/// A recorded stretch.
#[derive(Clone, Debug)]
pub struct Recording {
    from: Timestamp,
    until: Timestamp,
    waits: Vec<Wait>,
    stands: BTreeMap<Arc<str>, Vec<(Timestamp, Stand)>>,
    /// The last stay of each call.
    last: BTreeMap<CallId, usize>,
    /// The last node of each call.
    nodes: BTreeMap<CallId, (Arc<str>, Arc<str>)>,
    /// What agents did of calls that others had taken, in order of its end; at most [`REPLAY_WAITS_MAX`].
    parts: Vec<PartOf>,
    /// What each agent finished last.
    wrapping: BTreeMap<Arc<str>, Work>,
    left_out: u64,
}

impl Recording {
    /// An empty one of this stretch.
    pub fn new(from: Timestamp, until: Timestamp) -> Recording {
        Recording {
            from,
            until,
            waits: Vec::new(),
            stands: BTreeMap::new(),
            last: BTreeMap::new(),
            nodes: BTreeMap::new(),
            parts: Vec::new(),
            wrapping: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// How many stays it has.
    pub fn waits_len(&self) -> usize {
        self.waits.len()
    }

    /// How many stays it has no room for; see [`REPLAY_WAITS_MAX`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Something was heard; in order of time. What happened before the stretch or after it means nothing.
    pub fn hear(&mut self, at: Timestamp, heard: Heard) {
        if at < self.from || at >= self.until {
            return;
        }
        match heard {
            Heard::Node { call, flow, node } => {
                self.nodes.insert(call, (flow, node));
            }
            Heard::Queued { call, queue, called_back } => self.queued(at, call, queue, called_back),
            Heard::Left { call, outcome } => {
                if let Some(wait) = self.last_of(call) {
                    wait.end.get_or_insert((at, outcome));
                }
            }
            Heard::Judged { call, level } => {
                if let Some(wait) = self.last_of(call) {
                    wait.level.get_or_insert(level);
                }
            }
            Heard::Placed { call, due } => {
                if let Some(wait) = self.last_of(call) {
                    wait.due.get_or_insert(due);
                }
            }
            Heard::Rang { call, agent, result, lasted } => {
                if let Some(wait) = self.last_of(call) {
                    wait.rang(at, agent, result, lasted);
                }
            }
            Heard::Talked { call, agent, lasted } => self.talked(at, call, agent, lasted),
            Heard::WrappedUp { agent, lasted } => match self.wrapping.get(&agent) {
                Some(Work::Stay(stay)) => self.waits[*stay].wrap_up += lasted,
                Some(Work::Part(part)) => self.parts[*part].until = at,
                None => {}
            },
            Heard::Stands { agent, from, to } => {
                let stands = self.stands.entry(agent).or_insert_with(|| vec![(self.from, from)]);
                stands.push((at, to));
            }
        }
    }

    fn talked(&mut self, at: Timestamp, call: CallId, agent: Arc<str>, lasted: Duration) {
        let Some(stay) = self.last.get(&call).copied() else { return };
        let wait = &mut self.waits[stay];
        if wait.taker.as_ref().is_none_or(|taker| *taker == agent) {
            wait.talk = Some(wait.talk.unwrap_or_default() + lasted);
            self.wrapping.insert(agent, Work::Stay(stay));
        } else if self.parts.len() < REPLAY_WAITS_MAX {
            self.wrapping.insert(agent.clone(), Work::Part(self.parts.len()));
            self.parts.push(PartOf { agent, from: at - lasted, until: at });
        }
    }

    fn queued(&mut self, at: Timestamp, call: CallId, queue: Arc<str>, called_back: bool) {
        if self.waits.len() >= REPLAY_WAITS_MAX {
            self.left_out += 1;
            self.last.remove(&call);
            return;
        }
        self.last.insert(call, self.waits.len());
        self.waits.push(Wait {
            call,
            queue,
            node: self.nodes.get(&call).cloned(),
            called_back,
            from: at,
            end: None,
            level: None,
            due: None,
            vain: Vec::new(),
            rings: None,
            rang: None,
            taker: None,
            talk: None,
            wrap_up: Duration::ZERO,
        });
    }

    fn last_of(&mut self, call: CallId) -> Option<&mut Wait> {
        let at = *self.last.get(&call)?;
        self.waits.get_mut(at)
    }
}
