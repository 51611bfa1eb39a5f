//! Customers who are to be called back: what was asked for and its proof, the place kept, the hours, the attempts, and
//! one end for each.
//!
//! A request keeps the moment its customer began to wait. In permitted hours it stands in its queue as a call without
//! anybody on the line ([`crate::acd`] knows it as absent) and is offered to an agent when it is its turn. Either the
//! agent answers first and the customer is called then, or the agent is kept free while the customer is called
//! ([`First`]). Each attempt is a contact of its own that names the request and the contact that asked. When the
//! customer calls himself, nothing is dialled, and his call takes the kept place as soon as it comes to a queue.
//!
//! [`machine`] says what a request may become, [`book`] keeps them, [`hours`] and [`numbers`] say when and whom one may
//! call, [`flow`] is what the caller is asked, [`calls`] and [`merge`] join them with legs, queues and callers,
//! [`desk`] is for people.

pub(crate) mod book;
mod calls;
mod desk;
mod flow;
pub mod hours;
pub mod machine;
pub(crate) mod merge;
pub mod numbers;

pub use desk::{CallbackError, CallbackRequest};
pub use machine::Stage;
pub use numbers::{NumberError, Numbers};

use crate::ids::{CallId, CallbackId, Key};
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Who asked for a callback, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    /// The customer, by a key in his call.
    Key,
    /// An agent or a supervisor for him.
    Staff,
    /// A program for him: the bank's site, its application.
    Program,
}

impl AskedBy {
    /// All of them, for metrics.
    pub const ALL: [AskedBy; 3] = [AskedBy::Key, AskedBy::Staff, AskedBy::Program];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            AskedBy::Key => "key",
            AskedBy::Staff => "staff",
            AskedBy::Program => "program",
        }
    }
}

/// What shows that the customer wanted to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Who asked.
    pub by: AskedBy,
    /// When.
    pub at: Timestamp,
    /// The number that asked, as it was shown; `None` when it was hidden, or nobody called.
    pub from: Option<Arc<str>>,
    /// The key that was pressed.
    pub key: Option<Key>,
    /// The flow, and its node, in which it was pressed.
    pub flow: Option<Arc<str>>,
    /// See `flow`.
    pub node: Option<Arc<str>>,
    /// The user of the API who asked for the customer, or what a program says of itself.
    pub user: Option<Arc<str>>,
    /// Where the sound of the request is kept, if it is.
    pub recording: Option<Arc<str>>,
}

/// A request to be called back. The store keeps the newest state of each; a restart goes on with those that are open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Its identity, unique over restarts.
    pub id: CallbackId,
    /// The contact that asked, or the first one that it is part of.
    pub contact: Option<CallId>,
    /// Whom to call, as [`Numbers::normal`] writes it.
    pub number: Arc<str>,
    /// The queue whose agents call.
    pub queue: Arc<str>,
    /// What the agent must be able to do, as an expression over names of skills.
    pub requires: Option<Arc<str>>,
    /// The head start of the call that asked, in seconds.
    pub priority: i32,
    /// When the customer began to wait: his place in the line.
    pub enqueued_at: Timestamp,
    /// When he asked.
    pub asked_at: Timestamp,
    /// His language.
    pub language: Arc<str>,
    /// What it is about: the option he chose.
    pub topic: Option<Arc<str>>,
    /// What shows that he asked.
    pub proof: Proof,
    /// Attempts begun so far.
    pub attempts: u32,
    /// When the last of them began.
    #[serde(default)]
    pub dialed_at: Option<Timestamp>,
    /// How the last of them failed.
    pub missed: Option<Missed>,
    /// Where it stands.
    pub stage: Stage,
}

/// How a request ended: exactly one of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackEnd {
    /// Agent and customer have spoken.
    Reached,
    /// The attempts, or its time, ran out.
    Expired,
    /// Taken back by the customer, by staff or by a program.
    Cancelled,
    /// The customer called himself, and his call took the place.
    Merged,
}

impl CallbackEnd {
    /// All of them, for metrics.
    pub const ALL: [CallbackEnd; 4] =
        [CallbackEnd::Reached, CallbackEnd::Expired, CallbackEnd::Cancelled, CallbackEnd::Merged];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            CallbackEnd::Reached => "reached",
            CallbackEnd::Expired => "expired",
            CallbackEnd::Cancelled => "cancelled",
            CallbackEnd::Merged => "merged",
        }
    }
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The customer's phone rang for as long as it may.
    NoAnswer,
    /// It was busy, or he declined.
    Busy,
    /// It can't be reached, or the network failed.
    Unreachable,
    /// The agent, or whoever took the call out of the house, gave up while it rang.
    GivenUp,
    /// The customer answered and hung up, or was let go, before an agent spoke with him.
    HungUp,
    /// The server stopped while the attempt was under way: what became of it is not known.
    Unknown,
}

impl Missed {
    /// All of them, for metrics.
    pub const ALL: [Missed; 6] = [
        Missed::NoAnswer,
        Missed::Busy,
        Missed::Unreachable,
        Missed::GivenUp,
        Missed::HungUp,
        Missed::Unknown,
    ];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Missed::NoAnswer => "no_answer",
            Missed::Busy => "busy",
            Missed::Unreachable => "unreachable",
            Missed::GivenUp => "given_up",
            Missed::HungUp => "hung_up",
            Missed::Unknown => "unknown",
        }
    }
}

/// Who is on the line first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum First {
    /// The agent: he hears how the customer is called.
    #[default]
    Agent,
    /// The customer: an agent is kept free for him, and his phone rings when the customer has answered.
    Customer,
}

/// The rules of callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackPolicy {
    /// Whom one may call when: the calendar of permitted hours; `None`: nobody is called back at all.
    pub calendar: Option<Arc<str>>,
    /// Calendars of customers elsewhere, by the beginning of their numbers; the longest one counts.
    pub calendars: Vec<(Arc<str>, Arc<str>)>,
    /// How numbers are written, and which may be called.
    pub numbers: Numbers,
    /// The number that customers see; `None`: the trunk's own.
    pub from: Option<Arc<str>>,
    /// How often a customer is called at the most.
    pub attempts: u32,
    /// From one attempt to the next.
    pub spacing: Duration,
    /// How long a request stands at the most, from when it was made.
    pub age_max: Duration,
    /// How long a customer's phone rings.
    pub ring_timeout: Duration,
    /// How long a customer who was called first may wait for an agent.
    pub customer_wait_max: Duration,
    /// What a customer hears who was called first; `None`: only music.
    pub phrase: Option<Arc<str>>,
    /// Open requests at the most, over all queues.
    pub open_max: usize,
    /// What differs by queue; a queue that is missing has [`QueueCallbacks::default`].
    pub queues: BTreeMap<Arc<str>, QueueCallbacks>,
}

/// The rules of one queue's callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueCallbacks {
    /// Who is on the line first.
    pub first: First,
    /// Open requests at the most; 0: the queue takes none.
    pub open_max: usize,
    /// A head start in seconds before callers who began to wait at the same time.
    pub boost: Duration,
}

impl Default for QueueCallbacks {
    fn default() -> Self {
        QueueCallbacks { first: First::Agent, open_max: 200, boost: Duration::ZERO }
    }
}

impl Default for CallbackPolicy {
    fn default() -> Self {
        CallbackPolicy {
            calendar: None,
            calendars: Vec::new(),
            numbers: Numbers::default(),
            from: None,
            attempts: 3,
            spacing: Duration::from_secs(900),
            age_max: Duration::from_secs(3 * 86_400),
            ring_timeout: Duration::from_secs(25),
            customer_wait_max: Duration::from_secs(60),
            phrase: None,
            open_max: 2_000,
            queues: BTreeMap::new(),
        }
    }
}

impl CallbackPolicy {
    /// The rules of a queue.
    pub fn queue(&self, name: &str) -> QueueCallbacks {
        self.queues.get(name).copied().unwrap_or_default()
    }
}
