//! What goes in and out of the ACD besides times and ids: waiting calls, answers, and everything it has to tell.

use super::estimate::Estimate;
use super::requirement::Requirement;
use super::rules::LimitKind;
use super::staff::Stand;
use super::status::{Activity, Cause, Presence, Status};
use super::why::Decision;
use super::wrap_up::WrapUpView;
use crate::ids::{AgentId, CallId, OfferId, QueueId};
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// A call that comes to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The call.
    pub call: CallId,
    /// Where it waits.
    pub queue: QueueId,
    /// What an agent must be able to do for it.
    pub requires: Requirement,
    /// Its head start in seconds before calls of the same queue: a call with priority 60 goes before all that came up
    /// to a minute earlier. Negative: a handicap. Bounded by [`crate::limits::BOOST_MAX`], so that no priority can
    /// starve anybody.
    pub priority: i32,
    /// When its wait began, as the order of calls sees it. Never changes, so a call keeps its place whatever happens
    /// to its offers; a call that comes back after an interruption brings its old one. Not later than now.
    pub enqueued_at: Timestamp,
    /// How long it may wait from now on; `None`: as the queue says.
    pub max_wait: Option<Duration>,
    /// The agent whom it waits for alone, and for how long, as long as he is ready or talking.
    pub preferred: Option<(AgentId, Duration)>,
    /// Nobody is on the line: a place kept for a customer who is to be called back. It takes no place from
    /// `length_max`, is never given up, and doesn't count for the service level ([`super::Acd::came`]).
    pub absent: bool,
}

impl Waiting {
    /// A call that comes to this queue now and asks for nothing more.
    pub fn new(call: CallId, queue: QueueId, now: Timestamp) -> Waiting {
        Waiting {
            call,
            queue,
            requires: Requirement::anyone(),
            priority: 0,
            enqueued_at: now,
            max_wait: None,
            preferred: None,
            absent: false,
        }
    }
}

/// Why a call leaves before an agent spoke with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// The caller hung up.
    HungUp,
    /// It goes elsewhere: a key was pressed, the call overflowed, a supervisor moved it.
    Elsewhere,
    /// The caller took the offer to be called back.
    Callback,
}

/// Who ended a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The caller.
    Caller,
    /// The agent.
    Agent,
    /// Neither: a lost phone, a dead trunk, a limit.
    System,
}

/// Why an agent's leg failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The agent declined.
    Declined,
    /// The phone was busy.
    Busy,
    /// The phone didn't react or is not registered.
    Unreachable,
    /// Something of ours, or of the phone's, went wrong.
    Error,
}

/// Whether an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The agent has the call: join the two and say [`super::Acd::connected`].
    Accepted {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
    },
    /// The offer is over: end the agent's leg with "call completed elsewhere". It is not held against the agent.
    Stale,
}

/// Why an agent's leg is to be taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Withdrawal {
    /// The caller hung up, or went elsewhere.
    CallerGone,
    /// It rang long enough.
    RangOut,
    /// The agent, or a supervisor, set another status or logged out.
    StatusChanged,
    /// The phone is in a call of its own.
    PhoneBusy,
    /// The phone can't be reached any more, or never said that it rings.
    Unreachable,
    /// Answered, but the voices weren't joined in time.
    NotConnected,
    /// Another phone that rang for the same call was faster.
    LostRace,
}

/// How an offer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferResult {
    /// The agent answered.
    Answered,
    /// It rang out. The only result that counts as a miss (RONA).
    NoAnswer,
    /// The agent declined.
    Declined,
    /// The phone was busy.
    Busy,
    /// The caller hung up or went elsewhere.
    CallerGone,
    /// The agent's status was changed, or the agent logged out.
    CancelledStatus,
    /// The phone can't be reached, or never rang.
    Unreachable,
    /// The phone began a call of its own at the same moment.
    Glare,
    /// Another agent whose phone rang for the same call answered first.
    LostRace,
    /// Something went wrong on our side or the phone's.
    Error,
}

impl OfferResult {
    /// All results.
    pub const ALL: [OfferResult; 10] = [
        OfferResult::Answered,
        OfferResult::NoAnswer,
        OfferResult::Declined,
        OfferResult::Busy,
        OfferResult::CallerGone,
        OfferResult::CancelledStatus,
        OfferResult::Unreachable,
        OfferResult::Glare,
        OfferResult::LostRace,
        OfferResult::Error,
    ];

    /// The identifier used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            OfferResult::Answered => "answered",
            OfferResult::NoAnswer => "no_answer",
            OfferResult::Declined => "declined",
            OfferResult::Busy => "busy",
            OfferResult::CallerGone => "caller_gone",
            OfferResult::CancelledStatus => "cancelled_status",
            OfferResult::Unreachable => "unreachable",
            OfferResult::Glare => "glare",
            OfferResult::LostRace => "lost_race",
            OfferResult::Error => "error",
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitEnd {
    /// An agent and the caller hear each other.
    Connected(AgentId),
    /// The caller hung up.
    HungUp,
    /// [`Leaving::Elsewhere`].
    Elsewhere,
    /// [`Leaving::Callback`].
    Callback,
    /// The wait was longer than allowed. **The call is yours again.**
    MaxWait,
    /// Nobody at work could ever serve it. **The call is yours again.**
    NoAgents,
    /// The queue has no place. **The call is yours again.**
    Full,
}

/// What a wait did to the service level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceLevel {
    /// Connected within T.
    Met,
    /// Crossed T, or ended sooner in any way but those below.
    Missed,
    /// A short abandon, a callback accepted within T, or the place of a customer who is called back: counts neither
    /// for nor against.
    Excluded,
}

impl ServiceLevel {
    /// All three.
    pub const ALL: [ServiceLevel; 3] =
        [ServiceLevel::Met, ServiceLevel::Missed, ServiceLevel::Excluded];

    /// The identifier used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            ServiceLevel::Met => "met",
            ServiceLevel::Missed => "missed",
            ServiceLevel::Excluded => "excluded",
        }
    }
}

/// Something that happened. Drain [`super::Acd::poll_event`] after every call into the ACD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Why the offer that is told next goes to this agent. Nothing to be done but keeping it.
    Decided(Box<Decision>),
    /// Ring this agent for this call. Report with `ringing`, `answered` and `connected`, or `failed`.
    Offer {
        /// The name of this attempt; all reports carry it.
        offer: OfferId,
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The call's queue.
        queue: QueueId,
        /// The agent's epoch as of this offer.
        epoch: u64,
    },
    /// Take the agent's leg of this offer down: cancel it when it rings, end it when it was answered. One that rang
    /// out may ring on until the offer's end is told: an answer on its way still counts.
    /// Not told for offers that you reported as failed: there is no leg any more.
    Withdrawn {
        /// The offer.
        offer: OfferId,
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// Why.
        why: Withdrawal,
    },
    /// An offer is over; exactly one for each [`Event::Offer`]. Nothing to be done but counting.
    OfferEnded {
        /// The offer.
        offer: OfferId,
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The call's queue.
        queue: QueueId,
        /// How it ended.
        result: OfferResult,
        /// How long the phone rang.
        rang: Duration,
    },
    /// An answered offer came to nothing before the two could talk; the call waits on in its old place. Play music to
    /// the caller again.
    ConnectFailed {
        /// The offer.
        offer: OfferId,
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The call's queue.
        queue: QueueId,
    },
    /// A wait is over; exactly one for each accepted `enqueue`. For `MaxWait`, `NoAgents` and `Full` the call has to be
    /// taken somewhere else; the others you know already.
    WaitEnded {
        /// The call.
        call: CallId,
        /// Its queue.
        queue: QueueId,
        /// How it ended.
        why: WaitEnd,
        /// How long it lasted, from `enqueue` on.
        waited: Duration,
        /// What it counts as.
        service_level: ServiceLevel,
        /// It began with nobody on the line ([`Waiting::absent`]).
        called_back: bool,
    },
    /// A wait counts as missed from this instant on: it crossed T, or ended sooner without an answer. Once a wait.
    ServiceLevelMissed {
        /// The call.
        call: CallId,
        /// Its queue.
        queue: QueueId,
    },
    /// An agent's state changed. Tell the desk and count the time.
    AgentChanged {
        /// The agent.
        agent: AgentId,
        /// How he stood before.
        from: (Presence, Activity),
        /// How he stands now.
        to: (Presence, Activity),
        /// What he will be when the present activity is over; `None`: as he is.
        pending: Option<Presence>,
        /// The time in `from` that is not told of yet. Zero when only `pending` changed: the state goes on.
        spent: Duration,
        /// Why.
        cause: Cause,
        /// The number of this state; commands may name it to be refused when it has changed.
        epoch: u64,
    },
    /// A status comes near its limit, reaches it, or is taken too often. Tell the agent and the supervisor.
    StatusLimit {
        /// The agent.
        agent: AgentId,
        /// The status.
        status: Status,
        /// What there is to tell.
        kind: LimitKind,
        /// How long he has been in it.
        lasted: Duration,
        /// How often he has taken it since the log-in.
        uses: u32,
    },
    /// An activity lasts longer than it should: a talk, an own call or a wrap-up without its code. Told again after
    /// as long again. Nothing has ended.
    ActivityAlarm {
        /// The agent.
        agent: AgentId,
        /// `outbound`, `wrap_up`, `talking` for any talk of his own, or what he does in a colleague's.
        activity: Activity,
        /// The call, unless it is the phone's own.
        call: Option<CallId>,
        /// How long it has lasted; of a talk, its holds included.
        lasted: Duration,
    },
}

/// An agent as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentView {
    /// How he stands.
    pub presence: Presence,
    /// What his phone is busy with.
    pub activity: Activity,
    /// What he will be when the activity is over.
    pub pending: Option<Presence>,
    /// Since when presence and activity are what they are.
    pub since: Timestamp,
    /// Whether his phone can be reached.
    pub reachable: bool,
    /// Whether the next call could be offered to him.
    pub routable: bool,
    /// Until when he gets no offers after a missed or declined one.
    pub cooldown_until: Option<Timestamp>,
    /// Offers in a row that rang out.
    pub misses: u32,
    /// The call that he has to do with: offered, joined or talking.
    pub call: Option<CallId>,
    /// The wrap-up that he is in.
    pub wrap_up: Option<WrapUpView>,
    /// The number of this state.
    pub epoch: u64,
    /// When the status reaches its limit, or did; `None`: it has none.
    pub limit_at: Option<Timestamp>,
}

/// How many agents are doing what. The sum is everybody who is logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentCounts {
    /// Idle in a status that takes calls: the next call is his, unless he is in a cooldown or just lost his phone.
    pub idle: u32,
    /// Idle with any other status, or not responding, or unreachable.
    pub away: u32,
    /// A call is offered, the phone doesn't ring yet.
    pub reserved: u32,
    /// The phone rings.
    pub ringing: u32,
    /// Answered, not joined.
    pub connecting: u32,
    /// Talking.
    pub talking: u32,
    /// Talking, the caller on hold.
    pub hold: u32,
    /// Speaking with a third party about a call.
    pub consult: u32,
    /// Speaking with the caller and a third party.
    pub conference: u32,
    /// Paperwork.
    pub wrap_up: u32,
    /// In a call of the phone's own.
    pub outbound: u32,
    /// Listening to, or speaking in, a colleague's calls.
    pub supervising: u32,
}

impl AgentCounts {
    /// Everybody who is logged in.
    pub fn logged_in(&self) -> u32 {
        let offered = self.reserved + self.ringing + self.connecting;
        let talking = self.talking + self.hold + self.consult + self.conference;
        let own = self.outbound + self.supervising;
        self.idle + self.away + offered + talking + self.wrap_up + own
    }

    /// Adds another group of agents.
    pub(super) fn add(&mut self, other: &AgentCounts) {
        self.idle += other.idle;
        self.away += other.away;
        self.reserved += other.reserved;
        self.ringing += other.ringing;
        self.connecting += other.connecting;
        self.talking += other.talking;
        self.hold += other.hold;
        self.consult += other.consult;
        self.conference += other.conference;
        self.wrap_up += other.wrap_up;
        self.outbound += other.outbound;
        self.supervising += other.supervising;
    }

    /// The counter for a logged-in agent's state; `None` for one who is logged out.
    pub(super) fn slot(&mut self, stand: Stand) -> Option<&mut u32> {
        if stand.presence == Presence::LoggedOut {
            return None;
        }
        Some(match stand.activity {
            Activity::Idle if stand.takes_calls => &mut self.idle,
            Activity::Idle => &mut self.away,
            Activity::Reserved => &mut self.reserved,
            Activity::Ringing => &mut self.ringing,
            Activity::Connecting => &mut self.connecting,
            Activity::Talking => &mut self.talking,
            Activity::Hold => &mut self.hold,
            Activity::Consult => &mut self.consult,
            Activity::Conference => &mut self.conference,
            Activity::WrapUp => &mut self.wrap_up,
            Activity::Outbound => &mut self.outbound,
            Activity::Supervising => &mut self.supervising,
        })
    }
}

/// A queue as seen from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueView {
    /// Calls that wait, those being offered or joined included.
    pub waiting: usize,
    /// Those of them whose customer is not on the line: he is to be called back.
    pub absent: usize,
    /// The earliest `enqueued_at` among the others.
    pub oldest: Option<Timestamp>,
    /// The agents who serve the queue (whatever skills its calls require).
    pub agents: AgentCounts,
    /// How long a call that came now would wait; `None` when that can't be known.
    pub estimate: Option<Estimate>,
}
