//! The contact record: what became of one customer's call, in stages that abut without a gap.
//!
//! The record is told to the store at the start, at every change of stage and at the end; it is never asked for a
//! decision.

use crate::bot::BotNote;
use crate::customer::Customer;
use crate::ids::{CallId, CallbackId};
use crate::rollout::{Arm, Excluded, TriedKind};
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who ended something, or whose fault it was that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The caller hung up or gave up.
    Caller,
    /// The agent hung up.
    Agent,
    /// The voice bot ended or failed.
    Bot,
    /// The network or the other party's equipment.
    Carrier,
    /// dozvon itself.
    Ours,
    /// The flow came to its end, as planned.
    Nobody,
}

/// How a contact ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Whose doing it was.
    pub fault: Fault,
    /// A short word in snake_case, one of a bounded set: `hung_up`, `flow_end`, `no_audio`, `drained`, …
    pub reason: Arc<str>,
}

impl Ending {
    /// The reason of a call that its flow has ended, with nothing more to say.
    pub const FLOW_END: &str = "flow_end";

    /// An ending from its two parts.
    pub fn new(fault: Fault, reason: &str) -> Self {
        Self { fault, reason: reason.into() }
    }
}

/// How a stay in a queue ended: exactly one of twelve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Sound was joined both ways with an agent.
    Answered,
    /// The customer hung up while waiting, after the short-abandon time.
    Abandoned,
    /// The customer hung up while waiting, within the short-abandon time.
    ShortAbandoned,
    /// The customer accepted to be called back.
    Callback,
    /// Moved to another queue or number by a rule.
    Overflow,
    /// The maximum wait passed.
    Timeout,
    /// Nobody who could serve the call was logged in.
    NoAgents,
    /// The queue was closed.
    Closed,
    /// The queue was full.
    RejectedFull,
    /// The caller left by a key.
    KeyExit,
    /// Taken out by a supervisor or a program.
    Withdrawn,
    /// The call broke: lost sound, transport failure, our own fault.
    Failed,
}

impl Outcome {
    /// All twelve, in the order of reports.
    pub const ALL: [Outcome; 12] = [
        Outcome::Answered,
        Outcome::Abandoned,
        Outcome::ShortAbandoned,
        Outcome::Callback,
        Outcome::Overflow,
        Outcome::Timeout,
        Outcome::NoAgents,
        Outcome::Closed,
        Outcome::RejectedFull,
        Outcome::KeyExit,
        Outcome::Withdrawn,
        Outcome::Failed,
    ];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Abandoned => "abandoned",
            Outcome::ShortAbandoned => "short_abandoned",
            Outcome::Callback => "callback",
            Outcome::Overflow => "overflow",
            Outcome::Timeout => "timeout",
            Outcome::NoAgents => "no_agents",
            Outcome::Closed => "closed",
            Outcome::RejectedFull => "rejected_full",
            Outcome::KeyExit => "key_exit",
            Outcome::Withdrawn => "withdrawn",
            Outcome::Failed => "failed",
        }
    }
}

/// What kind of stage of the contact this was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// In the flow: prompts, menus, digits.
    Ivr,
    /// Talking to a voice bot (or being connected to it).
    Bot,
    /// Waiting in a queue.
    Queue,
    /// Talking to an agent.
    Talk,
    /// Being connected to, or talking on, a number outside; or on the way from one agent to another.
    Transfer,
    /// In an agent's hands after he has left: music until somebody retrieves the call.
    Park,
    /// The survey after the talk.
    Survey,
}

/// How a talk was passed on to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedOn {
    /// Without asking.
    Blind,
    /// After the agent had spoken with whoever took it.
    Attended,
    /// After all three had spoken together.
    Conference,
    /// A supervisor took it.
    TakenOver,
    /// The agent's phone broke: back to the queue.
    AgentLost,
    /// The agent hung up as soon as he had answered: back to the queue.
    AgentDropped,
}

impl PassedOn {
    /// All of them, for metrics.
    pub const ALL: [PassedOn; 6] = [
        PassedOn::Blind,
        PassedOn::Attended,
        PassedOn::Conference,
        PassedOn::TakenOver,
        PassedOn::AgentLost,
        PassedOn::AgentDropped,
    ];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            PassedOn::Blind => "blind",
            PassedOn::Attended => "attended",
            PassedOn::Conference => "conference",
            PassedOn::TakenOver => "taken_over",
            PassedOn::AgentLost => "agent_lost",
            PassedOn::AgentDropped => "agent_dropped",
        }
    }
}

/// One of the two who talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The caller.
    Caller,
    /// The agent.
    Agent,
}

impl Party {
    /// Both, for metrics.
    pub const ALL: [Party; 2] = [Party::Caller, Party::Agent];

    /// The word used in facts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Party::Caller => "caller",
            Party::Agent => "agent",
        }
    }
}

/// How a talk went by ear: by the activity of both voices, holds left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Speech {
    /// Seconds measured: the talk without its holds.
    pub measured_secs: f64,
    /// Seconds from the answer to the agent's first word; `None`: he said nothing.
    pub greeting_secs: Option<f64>,
    /// Seconds in which the agent spoke.
    pub agent_secs: f64,
    /// Seconds in which the caller spoke; 0: he was never heard.
    pub caller_secs: f64,
    /// Seconds in which both spoke at once.
    pub both_secs: f64,
    /// How many times they did.
    pub both_times: u32,
    /// Silences of both that were longer than five seconds.
    pub silences: u32,
    /// Seconds of these silences.
    pub silence_secs: f64,
    /// The longest of them, seconds; 0: there was none.
    pub longest_silence_secs: f64,
}

/// One stage of a contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What it was.
    pub kind: StageKind,
    /// When it began: the moment the one before it ended.
    pub from: Timestamp,
    /// When it ended; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// The queue, for `Queue`, `Talk` and `Park`, and for a `Transfer` between two agents.
    pub queue: Option<Arc<str>>,
    /// The agent, for `Talk`.
    pub agent: Option<Arc<str>>,
    /// The bot, for `Bot`; `outside`, for a `Transfer` to a number.
    pub peer: Option<Arc<str>>,
    /// How the wait ended, for `Queue`.
    pub outcome: Option<Outcome>,
    /// Seconds on hold inside a `Talk`, those in which a third party was asked included.
    pub hold_secs: f64,
    /// How many times the customer was put on hold.
    #[serde(default)]
    pub holds: u32,
    /// How many of the holds were longer than the policy's `hold_max`.
    #[serde(default)]
    pub long_holds: u32,
    /// How a `Talk` was passed on, if it was.
    #[serde(default)]
    pub passed_on: Option<PassedOn>,
    /// Seconds of wrap-up after a `Talk`, known when the agent has finished it.
    pub wrap_up_secs: Option<f64>,
    /// What a `Talk` was about: the path of the code that it was given last.
    #[serde(default)]
    pub code: Option<Arc<str>>,
    /// Name and version of the classifier that the code is of: `bank@3`.
    #[serde(default)]
    pub code_version: Option<Arc<str>>,
    /// The note that came with the code, bounded by `limits::NOTE_CHARS_MAX`.
    #[serde(default)]
    pub code_note: Option<Arc<str>>,
    /// What the bot of a `Bot` said at its end, if it said anything. Personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_note: Option<Arc<BotNote>>,
    /// How a `Talk` went by ear, known a moment after its end; `None` where it was not measured.
    #[serde(default)]
    pub speech: Option<Speech>,
}

impl Stage {
    /// A stage that has just begun, with nothing known of it yet.
    pub fn begun(kind: StageKind, from: Timestamp) -> Stage {
        Stage {
            kind,
            from,
            to: None,
            queue: None,
            agent: None,
            peer: None,
            outcome: None,
            hold_secs: 0.0,
            holds: 0,
            long_holds: 0,
            passed_on: None,
            wrap_up_secs: None,
            code: None,
            code_version: None,
            code_note: None,
            bot_note: None,
            speech: None,
        }
    }
}

/// The drawn arm of a rollout, as the record keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmRecord {
    /// Name of the rollout.
    pub option: Arc<str>,
    /// What was drawn.
    pub arm: Arm,
    /// The bot's share at that moment, 0 to 1.
    pub share: f64,
    /// Whether the drawn bot was really reached; always true for people.
    pub delivered: bool,
    /// Why he was not drawn and is in no arm, whatever the arm says; `None`: he was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Excluded>,
    /// The group of customers that he was known to be one of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Arc<str>>,
    /// How the bot's part ended: the word of the fact. `failed`, too, where the flow has gone astray.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_end: Option<Arc<str>>,
    /// Whether a bot is tried or a flow. Of a flow the arm `bot` is the new one, and `people` the present one.
    #[serde(default, skip_serializing_if = "TriedKind::is_bot")]
    pub tried: TriedKind,
}

impl ArmRecord {
    /// A draw at this share.
    pub fn drawn(option: Arc<str>, arm: Arm, share: f64, delivered: bool) -> ArmRecord {
        ArmRecord {
            option,
            arm,
            share,
            delivered,
            excluded: None,
            group: None,
            bot_end: None,
            tried: TriedKind::Bot,
        }
    }

    /// No draw: he goes to people.
    pub fn excluded(option: Arc<str>, share: f64, why: Excluded) -> ArmRecord {
        let people = ArmRecord::drawn(option, Arm::People, share, true);
        ArmRecord { excluded: Some(why), ..people }
    }
}

/// One customer's contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Its identity, unique over restarts.
    pub call: CallId,
    /// The caller's number as shown to us; empty when hidden.
    pub caller: String,
    /// The number that was dialled.
    pub dialled: String,
    /// Name of the flow that served it.
    pub flow: Arc<str>,
    /// Version of that flow: the first twelve hex digits of its content hash.
    pub flow_version: Arc<str>,
    /// Language chosen last.
    pub language: Arc<str>,
    /// When it came in.
    pub started_at: Timestamp,
    /// When we answered it.
    pub answered_at: Option<Timestamp>,
    /// When the caller's leg ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Nodes of the flow in the order they were entered, bounded by `limits::PATH_MAX`.
    pub path: Vec<Arc<str>>,
    /// Stages in order, without a gap, bounded by `limits::STAGES_MAX`.
    pub stages: Vec<Stage>,
    /// Rollout draws.
    pub arms: Vec<ArmRecord>,
    /// Survey answers: question and score.
    pub survey: Vec<(Arc<str>, u8)>,
    /// Whether the caller asked for an operator, by any way.
    pub operator_requested: bool,
    /// The callback that this contact is an attempt of, or whose place it took when the customer called himself.
    #[serde(default)]
    pub callback: Option<CallbackId>,
    /// The contact that it goes on with: the one that asked for the callback.
    #[serde(default)]
    pub continues: Option<CallId>,
    /// Who the customer is; missing when no endpoint has said anything of him. Personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Arc<Customer>>,
    /// Options of menus taken, by their labels, in order; bounded by `limits::CHOSEN_MAX`.
    #[serde(default)]
    pub chosen: Vec<Arc<str>>,
}
