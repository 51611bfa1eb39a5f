//! Facts: everything that happened, said once. Metrics, the event log, live screens and logs derive from facts and
//! can therefore be reconciled with each other and with the contact records.

use crate::acd::{
    Activity, Cause, Decision, LimitKind, OfferResult, Presence, ServiceLevel, Side, Status,
};
use crate::bot::{BotFailure, BotNote};
use crate::callback::{AskedBy, CallbackEnd, Missed};
use crate::conduct::ConductKind;
use crate::contact::{Ending, Outcome, Party, PassedOn, Speech};
use crate::customer::CallCard;
use crate::ids::{AgentId, CallId, CallbackId, OfferId};
use crate::incident::Incident;
use crate::rollout::{Arm, Excluded};
use crate::steering::Decided;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// One thing that happened, when, and to which call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fact {
    /// When.
    pub at: Timestamp,
    /// To which call, if to one.
    pub call: Option<CallId>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

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

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum What {
    /// A call came in.
    CallStarted {
        /// The flow that will serve it.
        flow: Arc<str>,
        /// The number dialled.
        dialled: String,
        /// The caller's number; personal data: masked wherever it is shown above DEBUG.
        caller: String,
    },
    /// We answered it.
    CallAnswered,
    /// The caller reached a node of the flow.
    NodeEntered {
        /// The flow.
        flow: Arc<str>,
        /// The node.
        node: Arc<str>,
    },
    /// The caller took an option of a menu: what the call is about, as far as the flow knows.
    OptionChosen {
        /// The flow.
        flow: Arc<str>,
        /// The option's label; without one the name of its prompt, else of the node that it leads to.
        option: Arc<str>,
    },
    /// An endpoint was asked for the call.
    LookupEnded {
        /// The endpoint.
        endpoint: Arc<str>,
        /// Its request.
        request: Arc<str>,
        /// What came of it.
        end: LookupEnd,
        /// Why it was an error.
        #[serde(skip_serializing_if = "Option::is_none")]
        flaw: Option<Flaw>,
        /// Where in the answer: a JSON pointer; empty when in no one place.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Arc<str>>,
        /// What is known of the customer since: `unknown`, `known` or `several`; missing when nothing has changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        customer: Option<&'static str>,
        /// Seconds from the question to the end of the wait.
        took_secs: f64,
    },
    /// The caller asked for a person.
    OperatorRequested {
        /// The flow.
        flow: Arc<str>,
        /// How.
        how: OperatorRequest,
    },
    /// The call left the flow (it may come back after a bot or a talk, and leave again).
    IvrExited {
        /// The flow.
        flow: Arc<str>,
        /// Where to.
        exit: IvrExit,
    },
    /// An arm of a rollout was drawn.
    ArmDrawn {
        /// The rollout.
        option: Arc<str>,
        /// The arm.
        arm: Arm,
        /// The bot's share then, 0 to 1.
        share: f64,
    },
    /// A caller of the option was not drawn, and goes to people without being in an arm.
    NotDrawn {
        /// The rollout.
        option: Arc<str>,
        /// Why.
        why: Excluded,
    },
    /// Something was decided about a rollout.
    RolloutDecided {
        /// The rollout.
        option: Arc<str>,
        /// What is in force from now on, and why.
        decided: Decided,
        /// The bot's share from now on, 0 to 1; `None`: nobody is drawn.
        share: Option<f64>,
    },
    /// The drawn arm was delivered, or the bot could not be reached and people took over.
    ArmDelivered {
        /// The rollout.
        option: Arc<str>,
        /// The arm.
        arm: Arm,
        /// Whether the caller really got it.
        delivered: bool,
    },
    /// A bot's leg came up with sound.
    BotConnected {
        /// The bot.
        bot: Arc<str>,
    },
    /// The bot's part is over.
    BotEnded {
        /// The bot.
        bot: Arc<str>,
        /// `done`, `transfer`, `failed` or `too_long`.
        end: Arc<str>,
        /// Seconds of talk with it.
        talk_secs: f64,
        /// Why it failed; missing when it did not.
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<BotFailure>,
        /// What it said, if anything. Its summary and data are personal.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<Arc<BotNote>>,
    },
    /// How soon a bot replied to the caller, by ear, told when its sound is over; not told of one that nobody spoke to.
    BotReplied {
        /// The bot.
        bot: Arc<str>,
        /// The menu option by which the caller was drawn for it; missing when he was not.
        #[serde(skip_serializing_if = "Option::is_none")]
        option: Option<Arc<str>>,
        /// How many replies there were.
        replies: u32,
        /// How many of them took longer than the bot may (`reply_within_ms`); who left while he waited longer counts.
        late: u32,
    },
    /// The call entered a queue: one segment was offered.
    SegmentStarted {
        /// The queue.
        queue: Arc<str>,
        /// Nobody is on the line: it is the place of a customer who is to be called back.
        called_back: bool,
    },
    /// How long the wait would be, as forecast when the call came to the queue. Not told when that can't be known.
    WaitForecast {
        /// The queue.
        queue: Arc<str>,
        /// The mean, seconds.
        mean_secs: f64,
        /// Eight of ten such waits are shorter, seconds.
        p80_secs: f64,
        /// Nine of ten such waits are shorter, seconds.
        p90_secs: f64,
    },
    /// A wait that was forecast ended with an answer.
    ForecastMet {
        /// The queue.
        queue: Arc<str>,
        /// The wait less the mean forecast, seconds: positive when the agent came late.
        error_secs: f64,
        /// Whether the wait was no longer than the P90 forecast.
        within_p90: bool,
    },
    /// The segment's wait ended.
    SegmentEnded {
        /// The queue.
        queue: Arc<str>,
        /// How.
        outcome: Outcome,
        /// It began with nobody on the line ([`What::SegmentStarted`]).
        called_back: bool,
        /// Seconds waited.
        waited_secs: f64,
    },
    /// The service level of one segment was decided, exactly once; never of one with nobody on the line.
    ServiceLevelDecided {
        /// The queue.
        queue: Arc<str>,
        /// How.
        result: ServiceLevel,
    },
    /// Why the offer that begins next goes to its agent.
    OfferDecided {
        /// The queue.
        queue: Arc<str>,
        /// The reasons.
        #[serde(flatten)]
        decision: Box<Decision>,
    },
    /// An agent began to be rung.
    OfferStarted {
        /// The offer.
        offer: OfferId,
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// What the agent is to see of the call; missing when it is over already. The customer in it is personal data,
        /// for this agent and those above him only.
        #[serde(skip_serializing_if = "Option::is_none")]
        card: Option<Box<CallCard>>,
    },
    /// An offer ended, one way.
    OfferEnded {
        /// The offer.
        offer: OfferId,
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// How.
        result: OfferResult,
        /// Seconds the phone rang.
        rang_secs: f64,
    },
    /// An answer came for an offer that was already closed.
    OfferStale {
        /// The offer.
        offer: OfferId,
    },
    /// Caller and agent hear each other.
    Connected {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Seconds the caller waited.
        waited_secs: f64,
    },
    /// A talk began: the first one, or one that an agent has taken over.
    TalkStarted {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
    },
    /// The talk ended.
    TalkEnded {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Seconds of talk without hold.
        talk_secs: f64,
        /// Seconds on hold.
        hold_secs: f64,
        /// Who ended it.
        by: Side,
    },
    /// A hold lasts for long.
    HoldLasts {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// How long.
        alarm: HoldAlarm,
    },
    /// A hold ended, the customer being back or gone. Asking a third party is a hold for the customer.
    HoldEnded {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Seconds of it.
        hold_secs: f64,
        /// Whether it was longer than the policy's `hold_max`.
        too_long: bool,
    },
    /// How a talk went by ear, told a moment after its end.
    TalkMeasured {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// How the caller was greeted.
        greeting: Greeting,
        /// The caller was never heard, although the talk was long enough to hear him.
        no_audio: bool,
        /// What was measured.
        speech: Box<Speech>,
    },
    /// One of the two who talk has not been heard for as long as the policy's `unheard_after`.
    Unheard {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Who.
        party: Party,
    },
    /// He is heard again.
    HeardAgain {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Who.
        party: Party,
    },
    /// An agent has a third party called about his call.
    AskStarted {
        /// The agent.
        agent: AgentId,
        /// The queue of the call.
        queue: Arc<str>,
        /// The colleague's name, or `outside`.
        with: Arc<str>,
    },
    /// The third party did not come, or left without taking the call.
    AskEnded {
        /// The colleague's name, or `outside`.
        with: Arc<str>,
        /// How.
        end: AskEnd,
        /// Seconds spoken with it.
        talk_secs: f64,
    },
    /// A talk was passed on.
    Transferred {
        /// The queue of the talk.
        queue: Arc<str>,
        /// The agent who passed it on.
        agent: AgentId,
        /// How.
        how: PassedOn,
        /// To what.
        target: TransferTarget,
    },
    /// A call of an agent's own ended: to a colleague, or to a number outside.
    OwnCallEnded {
        /// The agent.
        agent: AgentId,
        /// The colleague's name, or `outside`.
        with: Arc<str>,
        /// Whether it was answered.
        answered: bool,
        /// Seconds of talk.
        talk_secs: f64,
    },
    /// An agent's phone broke in a talk: the customer is back in the queue.
    AgentLost {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
    },
    /// An agent hung up as soon as he had answered: the customer is back in the queue.
    AgentDropped {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
    },
    /// A supervisor began to watch an agent's calls, changed the way, or ended it.
    Supervised {
        /// The supervisor's phone.
        supervisor: AgentId,
        /// The agent.
        agent: AgentId,
        /// `listen`, `whisper`, `barge` or `end`.
        mode: &'static str,
    },
    /// The agent finished the work after the talk.
    WrapUpEnded {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Seconds of wrap-up.
        wrap_up_secs: f64,
        /// Talk + hold + wrap-up, seconds.
        handle_secs: f64,
    },
    /// A wrap-up that had run out went on for a while: added to what was told of it.
    WrapUpResumed {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Seconds more.
        wrap_up_secs: f64,
    },
    /// The end of a wrap-up was put off.
    WrapUpExtended {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// By how many seconds.
        secs: f64,
    },
    /// A talk was given a code.
    WrapUpCoded {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// The code's path.
        code: Arc<str>,
        /// The classifier and its version.
        code_version: Arc<str>,
        /// Whether the talk had been counted before: it had a code already, or was told as uncoded.
        again: bool,
    },
    /// A talk of a queue with a classifier and its wrap-up ended without a code.
    WrapUpUncoded {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
    },
    /// A call to a number outside ended or failed.
    TransferEnded {
        /// Whether it was answered.
        answered: bool,
    },
    /// The survey was offered.
    SurveyOffered {
        /// The queue of the talk it follows; empty when none.
        queue: Arc<str>,
    },
    /// A survey question was answered.
    SurveyAnswered {
        /// The queue of the talk it follows; empty when none.
        queue: Arc<str>,
        /// The question.
        question: Arc<str>,
        /// The score.
        score: u8,
    },
    /// The caller's leg ended: the contact is closed.
    CallEnded {
        /// The flow.
        flow: Arc<str>,
        /// How.
        ending: Ending,
        /// Seconds from the moment it came in.
        duration_secs: f64,
    },
    /// An agent's status or activity changed.
    AgentChanged {
        /// Who.
        agent: AgentId,
        /// Before.
        from: (Presence, Activity),
        /// After.
        to: (Presence, Activity),
        /// What the agent will be when the activity is over.
        pending: Option<Presence>,
        /// Seconds spent in `from`.
        spent_secs: f64,
        /// Why.
        cause: Cause,
        /// By what name it was asked for, where somebody asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        asked_by: Option<Arc<str>>,
        /// The reason given.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
    },
    /// An agent works on at another desk; the old one has no say any more.
    SessionReplaced {
        /// Who.
        agent: AgentId,
        /// The old desk.
        from: Arc<str>,
        /// The new desk.
        to: Arc<str>,
    },
    /// A status comes near its limit, reaches it, or was taken too often.
    StatusLimit {
        /// Who.
        agent: AgentId,
        /// The status.
        status: Status,
        /// What there is to tell.
        kind: LimitKind,
        /// Seconds in it so far.
        lasted_secs: f64,
        /// How often it was taken since the log-in.
        uses: u32,
    },
    /// An activity lasts longer than it should.
    ActivityAlarm {
        /// Who.
        agent: AgentId,
        /// `hold`, `outbound`, `wrap_up`, `talking` for any talk of his own, or what he does in a colleague's.
        activity: Activity,
        /// Seconds so far.
        lasted_secs: f64,
    },
    /// Something was seen that may be misconduct.
    ConductSeen {
        /// Who.
        agent: AgentId,
        /// What.
        kind: ConductKind,
        /// How often within the last 24 hours, this time included.
        count: u32,
    },
    /// An agent has reported technical problems, and nobody had before.
    IncidentOpened {
        /// The incident as it begins.
        incident: Box<Incident>,
    },
    /// An agent has reported technical problems.
    IncidentJoined {
        /// The incident's number.
        incident: u64,
        /// Who.
        agent: AgentId,
    },
    /// An emergency was declared at a site, declared anew with another reason, or called off.
    EmergencyChanged {
        /// The site.
        site: Arc<str>,
        /// Whether there is one now.
        on: bool,
        /// Who says so.
        by: Arc<str>,
        /// Why; may be empty when it is called off.
        reason: Arc<str>,
    },
    /// Flows, hours, sites, rollouts and phrases of another version of the configuration count from now on.
    PolicyChanged {
        /// The version.
        version: Arc<str>,
        /// Who has brought it.
        by: Arc<str>,
    },
    /// The last agent with technical problems is back: the report.
    IncidentClosed {
        /// All of it.
        incident: Box<Incident>,
    },
    /// Somebody is to be called back.
    CallbackRequested {
        /// The request.
        callback: CallbackId,
        /// Its queue.
        queue: Arc<str>,
        /// Who asked.
        by: AskedBy,
    },
    /// The customer of a callback is called.
    CallbackDialed {
        /// The request.
        callback: CallbackId,
        /// Its queue.
        queue: Arc<str>,
        /// Which attempt it is, from 1.
        attempt: u32,
    },
    /// An attempt to call back came to nothing.
    CallbackMissed {
        /// The request.
        callback: CallbackId,
        /// Its queue.
        queue: Arc<str>,
        /// How.
        why: Missed,
    },
    /// A request to be called back is over: once for each.
    CallbackEnded {
        /// The request.
        callback: CallbackId,
        /// Its queue.
        queue: Arc<str>,
        /// How.
        end: CallbackEnd,
        /// Attempts that were begun.
        attempts: u32,
        /// Seconds from the request to this end.
        waited_secs: f64,
    },
}
