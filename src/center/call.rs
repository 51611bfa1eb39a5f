//! One customer's call: which state it is in, and what its keys mean there.
//!
//! The operator exit lives here. In every state before talking a key is offered to the exit rule first, and only what
//! the rule passes on reaches the flow or the bot. Knows legs and prompts by id, never how they are carried.

use crate::flow::{ExitKey, Run};
use crate::ids::{AgentId, CallId, LegId, OfferId, PlayId, QueueId};
use crate::record::Record;
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// One call in progress.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    /// The caller's leg.
    pub(crate) leg: LegId,
    pub(crate) run: Run,
    pub(crate) exit: ExitKey,
    pub(crate) state: State,
    /// Since when `state` is what it is, as screens show it.
    pub(crate) since: Timestamp,
    /// What plays for the flow: our order, and the flow's ticket for it.
    pub(crate) playing: Option<(PlayId, u32)>,
    pub(crate) record: Record,
    /// The rollout whose bot is being called or talks.
    pub(crate) drawn: Option<Arc<str>>,
    /// The queue of the last talk, for the survey's figures.
    pub(crate) last_queue: Option<Arc<str>>,
    /// Whether the next queue is entered by the operator exit and not by the flow's own way.
    pub(crate) leaving_by_exit: bool,
    /// Since when the caller has waited for a person although no queue knew: the time at a bot.
    pub(crate) credit_from: Option<Timestamp>,
    /// The music of the present wait.
    pub(crate) music: Option<Arc<str>>,
}

/// Where a call is. Data of a state lives inside its variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// We answered; the caller's side has not confirmed yet.
    Arriving,
    /// The flow has it.
    InFlow,
    /// A bot's leg is being set up; people take over when it does not answer in time.
    CallingBot { leg: LegId, bot: Arc<str>, max_duration: Duration },
    /// A bot talks.
    WithBot { leg: LegId, bot: Arc<str>, since: Timestamp },
    /// In a queue, and perhaps being offered to agents.
    Waiting { queue: QueueId, name: Arc<str>, rings: Vec<Ringing> },
    /// Talking with an agent.
    Talking { leg: LegId, agent: AgentId, queue: Arc<str>, since: Timestamp, held: Held },
    /// A number outside is being called, or talks.
    Outside { leg: LegId, answered: bool },
}

/// The agent's leg of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ringing {
    pub(crate) offer: OfferId,
    pub(crate) agent: AgentId,
    pub(crate) leg: LegId,
}

/// Hold inside a talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Since when the caller is on hold, if so.
    pub(crate) since: Option<Timestamp>,
    /// Hold time that is over.
    pub(crate) total: Duration,
}

impl Call {
    /// An offer is over: its leg, if it still rings.
    pub(crate) fn forget_offer(&mut self, now: Timestamp, offer: OfferId) -> Option<LegId> {
        let State::Waiting { rings, .. } = &mut self.state else { return None };
        let at = rings.iter().position(|ring| ring.offer == offer)?;
        let ring = rings.remove(at);
        if rings.is_empty() {
            self.since = now;
        }
        Some(ring.leg)
    }
}

impl State {
    /// The word that screens show.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            State::Arriving | State::InFlow => "ivr",
            State::CallingBot { .. } | State::WithBot { .. } => "bot",
            State::Waiting { rings, .. } if rings.is_empty() => "waiting",
            State::Waiting { .. } => "offered",
            State::Talking { held: Held { since: None, .. }, .. } => "talking",
            State::Talking { .. } => "hold",
            State::Outside { .. } => "transfer",
        }
    }

    /// The legs besides the caller's.
    pub(crate) fn other_legs(&self) -> Vec<LegId> {
        match self {
            State::Arriving | State::InFlow => Vec::new(),
            State::CallingBot { leg, .. }
            | State::WithBot { leg, .. }
            | State::Talking { leg, .. }
            | State::Outside { leg, .. } => vec![*leg],
            State::Waiting { rings, .. } => rings.iter().map(|ring| ring.leg).collect(),
        }
    }

    /// Who hears the exit key now.
    pub(crate) const fn listens(&self) -> Listens {
        match self {
            State::InFlow => Listens::Flow,
            State::CallingBot { .. } | State::WithBot { .. } => Listens::Exit,
            // Before the answer there is no sound. In a queue the caller is on the way to a person already, and
            // leaving it would lose the place. Talks are the two parties' own.
            State::Arriving
            | State::Waiting { .. }
            | State::Talking { .. }
            | State::Outside { .. } => Listens::Nobody,
        }
    }
}

/// What happens to a key in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listens {
    /// The exit rule first, then the flow.
    Flow,
    /// The exit rule only; the sound of the key reaches the bot by itself.
    Exit,
    /// Nobody.
    Nobody,
}

impl Held {
    /// The whole hold time up to `now`.
    pub(crate) fn total_at(&self, now: Timestamp) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }
}
