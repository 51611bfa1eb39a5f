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
//! - Phones are answered after the ring that was recorded; an offer that nobody took is not played again.
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
use crate::limits::REPLAY_WAITS_MAX;
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
    /// A phone was answered for it.
    Rang {
        /// The call.
        call: CallId,
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
        } else if let What::OfferEnded { result: OfferResult::Answered, rang_secs, .. } = &fact.what
        {
            Some(Heard::Rang { call, lasted: secs(*rang_secs) })
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
    /// When a phone was answered for it, and after how long a ring.
    rang: Option<(Timestamp, Duration)>,
    /// All talks until the next stay.
    talk: Option<Duration>,
    wrap_up: Duration,
}

impl Wait {
    fn waited(&self) -> Option<Duration> {
        self.end.map(|(at, _)| at.since(self.from))
    }

    /// How long the agent who had answered heard his customer's phone ring, whom he called back.
    fn dialled(&self) -> Duration {
        let (Some((answered, _)), Some((end, _))) = (self.rang, self.end) else {
            return Duration::ZERO;
        };
        if self.called_back { end.since(answered) } else { Duration::ZERO }
    }

    fn outcome(&self) -> Option<Outcome> {
        self.end.map(|(_, outcome)| outcome)
    }
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
    /// The stay whose talk each agent finished last.
    wrapping: BTreeMap<Arc<str>, usize>,
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
            Heard::Rang { call, lasted } => {
                if let Some(wait) = self.last_of(call) {
                    wait.rang = Some((at, lasted));
                }
            }
            Heard::Talked { call, agent, lasted } => {
                if let Some(wait) = self.last_of(call) {
                    wait.talk = Some(wait.talk.unwrap_or_default() + lasted);
                }
                if let Some(at) = self.last.get(&call) {
                    self.wrapping.insert(agent, *at);
                }
            }
            Heard::WrappedUp { agent, lasted } => {
                if let Some(at) = self.wrapping.get(&agent) {
                    self.waits[*at].wrap_up += lasted;
                }
            }
            Heard::Stands { agent, from, to } => {
                let stands = self.stands.entry(agent).or_insert_with(|| vec![(self.from, from)]);
                stands.push((at, to));
            }
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
            rang: None,
            talk: None,
            wrap_up: Duration::ZERO,
        });
    }

    fn last_of(&mut self, call: CallId) -> Option<&mut Wait> {
        let at = *self.last.get(&call)?;
        self.waits.get_mut(at)
    }
}
