//! Facts: everything that happened, said once. Metrics, the event log, live screens and logs derive from facts and
//! can therefore be reconciled with each other and with the contact records.

mod words;

pub use words::{
    AskEnd, Flaw, Greeting, Handler, HoldAlarm, IvrExit, LookupEnd, OperatorRequest, TransferTarget,
};

use crate::acd::{
    Activity, Cause, Decision, LimitKind, OfferResult, Presence, ServiceLevel, Side, Status,
};
use crate::bot::{BotFailure, BotNote};
use crate::callback::{AskedBy, CallbackEnd, Missed};
use crate::conduct::ConductKind;
use crate::contact::{Ending, Outcome, Party, PassedOn, Speech};
use crate::customer::CallCard;
use crate::flow::Promise;
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
    /// Something that the flow promises its callers was measured of this one.
    PromiseMeasured {
        /// The flow.
        flow: Arc<str>,
        /// Which promise.
        promise: Promise,
        /// Seconds from the beginning of the flow.
        took_secs: f64,
        /// Whether it was within the time promised.
        kept: bool,
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
    /// The flow ran in circles and was left: for the operator, and when that did not help either for good.
    FlowAstray {
        /// The flow.
        flow: Arc<str>,
        /// The node that was not entered any more.
        node: Arc<str>,
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
    /// An agent's phone broke in a talk: the customer is held for a moment.
    PhoneBroke {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
    },
    /// An agent has taken up his talk again, from another phone or another network.
    PhoneBack {
        /// The queue.
        queue: Arc<str>,
        /// The agent.
        agent: AgentId,
        /// Seconds since his phone broke; 0 when he came before that was noticed.
        away_secs: f64,
    },
    /// An agent's phone broke in a talk and he did not come back in time: the customer is back in the queue.
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
