//! The words that facts are told in: small sets that records and metrics name one by one.

use serde::Serialize;

/// How a call left the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IvrExit {
    /// By the operator key or word.
    Operator,
    /// To a voice bot.
    Bot,
    /// To a queue by the flow's own way.
    Queue,
    /// The caller hung up inside the flow.
    Hangup,
    /// The flow came to its end and hung up.
    SelfServed,
    /// To a number outside.
    Transfer,
    /// The flow was stopped by a bound of ours.
    Error,
}

impl IvrExit {
    /// All of them, for metrics.
    pub const ALL: [IvrExit; 7] = [
        IvrExit::Operator,
        IvrExit::Bot,
        IvrExit::Queue,
        IvrExit::Hangup,
        IvrExit::SelfServed,
        IvrExit::Transfer,
        IvrExit::Error,
    ];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            IvrExit::Operator => "operator",
            IvrExit::Bot => "bot",
            IvrExit::Queue => "queue",
            IvrExit::Hangup => "hangup",
            IvrExit::SelfServed => "self_served",
            IvrExit::Transfer => "transfer",
            IvrExit::Error => "error",
        }
    }
}

/// How a caller was greeted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    /// Within the policy's `greet_within` of the answer.
    InTime,
    /// Later.
    Late,
    /// The agent said nothing.
    None,
}

impl Greeting {
    /// All of them, for metrics.
    pub const ALL: [Greeting; 3] = [Greeting::InTime, Greeting::Late, Greeting::None];

    /// The word used in facts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Greeting::InTime => "in_time",
            Greeting::Late => "late",
            Greeting::None => "none",
        }
    }
}

/// How a caller asked for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorRequest {
    /// Pressed the exit key in the flow or the survey.
    Dtmf,
    /// Pressed the exit key while a bot talked, or the bot handed over.
    Bot,
    /// Said a word for it in the flow or the survey.
    Speech,
}

impl OperatorRequest {
    /// All of them.
    pub const ALL: [OperatorRequest; 3] =
        [OperatorRequest::Dtmf, OperatorRequest::Bot, OperatorRequest::Speech];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            OperatorRequest::Dtmf => "dtmf",
            OperatorRequest::Bot => "bot",
            OperatorRequest::Speech => "speech",
        }
    }
}

/// Who handled a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    /// An agent.
    Human,
    /// A voice bot.
    Bot,
}

impl Handler {
    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Handler::Human => "human",
            Handler::Bot => "bot",
        }
    }
}

/// How long a hold has lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldAlarm {
    /// As long as the policy's `hold_warn_at`: the agent is warned.
    Warning,
    /// As long as `hold_max`.
    TooLong,
}

/// How the asking of a third party ended, unless it took the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AskEnd {
    /// Busy, or said no.
    Declined,
    /// Rang and did not answer.
    NoAnswer,
    /// Could not be called, or broke.
    Failed,
    /// Hung up.
    HungUp,
    /// The agent sent it away.
    Dropped,
    /// The customer hung up.
    CallerGone,
}

impl AskEnd {
    /// All of them, for metrics.
    pub const ALL: [AskEnd; 6] = [
        AskEnd::Declined,
        AskEnd::NoAnswer,
        AskEnd::Failed,
        AskEnd::HungUp,
        AskEnd::Dropped,
        AskEnd::CallerGone,
    ];

    /// The word used in records and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            AskEnd::Declined => "declined",
            AskEnd::NoAnswer => "no_answer",
            AskEnd::Failed => "failed",
            AskEnd::HungUp => "hung_up",
            AskEnd::Dropped => "dropped",
            AskEnd::CallerGone => "caller_gone",
        }
    }
}

/// To what a talk is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTarget {
    /// A queue.
    Queue,
    /// An agent.
    Agent,
    /// A number outside.
    External,
    /// A node of the flow.
    Ivr,
}

impl TransferTarget {
    /// All of them, for metrics.
    pub const ALL: [TransferTarget; 4] = [
        TransferTarget::Queue,
        TransferTarget::Agent,
        TransferTarget::External,
        TransferTarget::Ivr,
    ];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            TransferTarget::Queue => "queue",
            TransferTarget::Agent => "agent",
            TransferTarget::External => "external",
            TransferTarget::Ivr => "ivr",
        }
    }
}

/// What came of asking an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupEnd {
    /// It answered.
    Ok,
    /// It knows nothing, or nobody, of that kind.
    NotFound,
    /// It found several customers.
    Several,
    /// Its answer could not be had or not be taken; a [`Flaw`] says why.
    Error,
    /// It did not answer in time.
    Timeout,
    /// The caller went to the operator, or hung up, before it answered.
    Left,
}

impl LookupEnd {
    /// All of them, for metrics.
    pub const ALL: [LookupEnd; 6] = [
        LookupEnd::Ok,
        LookupEnd::NotFound,
        LookupEnd::Several,
        LookupEnd::Error,
        LookupEnd::Timeout,
        LookupEnd::Left,
    ];

    /// The word used in facts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            LookupEnd::Ok => "ok",
            LookupEnd::NotFound => "not_found",
            LookupEnd::Several => "several",
            LookupEnd::Error => "error",
            LookupEnd::Timeout => "timeout",
            LookupEnd::Left => "left",
        }
    }
}

/// Why an endpoint's answer could not be had, or not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// No connection, or it broke.
    Unreachable,
    /// As many requests as may be are under way already.
    Busy,
    /// It has failed too often, and is left alone for a while.
    Open,
    /// A status other than 2xx and 404; redirects are not followed.
    Status,
    /// More bytes than are read.
    TooLong,
    /// No JSON object.
    NoObject,
    /// A customer that is not of the contract's form.
    Form,
    /// A value that the flow's variable can't hold.
    Value,
    /// The configuration does not know it.
    Unknown,
}

impl Flaw {
    /// All of them, for metrics.
    pub const ALL: [Flaw; 9] = [
        Flaw::Unreachable,
        Flaw::Busy,
        Flaw::Open,
        Flaw::Status,
        Flaw::TooLong,
        Flaw::NoObject,
        Flaw::Form,
        Flaw::Value,
        Flaw::Unknown,
    ];

    /// The word used in facts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Flaw::Unreachable => "unreachable",
            Flaw::Busy => "busy",
            Flaw::Open => "open",
            Flaw::Status => "status",
            Flaw::TooLong => "too_long",
            Flaw::NoObject => "no_object",
            Flaw::Form => "form",
            Flaw::Value => "value",
            Flaw::Unknown => "unknown",
        }
    }
}
