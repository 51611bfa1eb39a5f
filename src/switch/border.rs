//! The bell that the roof and the simulator both press: what goes into the switch and what comes out.
//!
//! THE LAW: one [`Input`] or one command (`desk`, `command`, `set_emergency`, `hang_up`, `drain`, `end_all`: methods of
//! the switch, since their senders want an answer), then drain `poll_output` to `None`, then look at `poll_timeout`.

use dozvon_center::acd::{Activity, Actor, AgentCounts, Estimate, Presence, Status};
use dozvon_center::bot::{BotBrief, BotNote, BotOver};
use dozvon_center::callback::{Callback, CallbackRequest};
use dozvon_center::coding::Coding;
use dozvon_center::contact::Contact;
use dozvon_center::customer::CallCard;
use dozvon_center::desk::Asker;
use dozvon_center::fact::Fact;
use dozvon_center::ids::{AgentId, CallId, CallbackId, ForkId, Key, LegId, LookupId};
use dozvon_center::incident::Incident;
use dozvon_center::lookup::{Lookup, Reply};
use dozvon_center::opening::SiteView;
use dozvon_center::supervise::{WatchError, WatchMode};
use dozvon_center::talk::{TalkCommand, TalkError};
use dozvon_clock::Timestamp;
use dozvon_media::order::{Order, Quality, Report};
use dozvon_sip::endpoint::{self, SecurityKind};
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One thing that happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes from the network, or news of a connection.
    Sip(endpoint::Input<'a>),
    /// A report of a media worker.
    Media(Report),
    /// What became of a lookup.
    Reply(LookupId, Reply),
    /// What the connector of bots tells.
    Bot(BotNews),
    /// What the connector of recognisers tells.
    Fork(ForkNews),
}

/// What a screen or a program may ask for an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskCommand {
    /// Set the status, logging in first when the agent is logged out. With an epoch the command is refused when the
    /// agent has changed since that picture.
    SetStatus {
        /// The status wanted.
        status: Status,
        /// Who asks, why and from where.
        asker: Asker,
        /// `AgentRow::epoch` of the picture the command was made from.
        epoch: Option<u64>,
    },
    /// Log out.
    LogOut {
        /// Who asks, why and from where.
        asker: Asker,
    },
    /// Something about the wrap-up.
    WrapUp(WrapUpCommand),
}

/// What may be asked of an agent's wrap-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrapUpCommand {
    /// Finish it now.
    End {
        /// Who asks.
        by: Actor,
    },
    /// Put its end off.
    Extend {
        /// By how much.
        by: Duration,
    },
    /// Give its talk, or the talk that lasts, a code.
    Code(Coding),
}

/// What a screen or a program may ask for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallCommand {
    /// Do something with a talk.
    Talk {
        /// Whose.
        call: CallId,
        /// What.
        command: TalkCommand,
    },
    /// Ring an agent for a parked call.
    Retrieve {
        /// Which.
        call: CallId,
        /// Whom.
        agent: AgentId,
    },
    /// Begin, change or end a supervisor's part in an agent's calls.
    Supervise {
        /// The supervisor's phone.
        supervisor: AgentId,
        /// What he wants.
        command: WatchCommand,
    },
}

/// What a screen or a program may ask about callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackCommand {
    /// A customer is to be called back.
    Request(Box<CallbackRequest>),
    /// A request is taken back.
    Cancel(CallbackId),
}

/// Why a command about a call did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// About a talk.
    Talk(TalkError),
    /// About supervision.
    Watch(WatchError),
}

impl std::fmt::Display for CallRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CallRefusal::Talk(error) => error.fmt(f),
            CallRefusal::Watch(error) => error.fmt(f),
        }
    }
}

/// What a supervisor wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchCommand {
    /// Watch this agent's calls in this way, or change the way.
    Watch {
        /// Whose calls.
        agent: AgentId,
        /// How.
        mode: WatchMode,
    },
    /// Take over the talk of the agent who is watched.
    TakeOver,
    /// Leave.
    End,
}

/// One thing the roof must do.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Sip(endpoint::Transmit),
    /// Give this order to that media worker.
    Media {
        /// Which worker, from 0.
        worker: u16,
        /// The order.
        order: Order,
    },
    /// Write the contact record: started, changed or ended.
    Contact(Box<Contact>),
    /// Count, log and publish what happened.
    Fact(Fact),
    /// Keep a request to be called back as it stands now: those that are open are handed back after a restart.
    Callback(Box<Callback>),
    /// Count and log something that concerns no call of the center.
    Note(Note),
    /// Ask an endpoint; [`Input::Reply`] is expected, and not waited for.
    Lookup(Box<Lookup>),
    /// Do this with a bot's stream; [`Input::Bot`] tells what comes of it.
    Bot(BotOrder),
    /// Do this with a fork of a caller's sound; [`Input::Fork`] tells what comes of it.
    Fork(ForkOrder),
}

/// What the roof's connector must do with the stream of a bot.
#[derive(Debug)]
pub enum BotOrder {
    /// Connect with a bot. [`BotNews::Up`] or [`BotNews::Over`] follows; when neither comes in time, the center
    /// gives up and closes.
    Open(Box<BotCall>),
    /// Tell the bot that the caller has pressed this key.
    Key {
        /// Which line.
        leg: LegId,
        /// The key.
        key: Key,
    },
    /// End it, in whatever state it is. The last order for its leg; nothing needs to be told any more.
    Close {
        /// Which line.
        leg: LegId,
    },
}

/// A bot to be connected with.
#[derive(Clone, Debug)]
pub struct BotCall {
    /// The line.
    pub leg: LegId,
    /// The bot, by its name in the configuration.
    pub bot: Arc<str>,
    /// Where our side of its sound is: RTP in µ-law, 20 ms a packet, payload type 0, at [`STREAM_RATE_HZ`].
    pub sound: SocketAddr,
    /// What it may be told.
    pub brief: BotBrief,
}

/// Samples a second of the sound of a bot's stream.
pub const STREAM_RATE_HZ: u32 = 8_000;

/// What the connector tells of a bot.
#[derive(Debug)]
pub enum BotNews {
    /// The connection stands and the bot knows of the call: it may hear and speak.
    Up {
        /// The line.
        leg: LegId,
        /// Where the connector receives RTP.
        sound: SocketAddr,
    },
    /// Its part is over. Told once; [`BotOrder::Close`] follows.
    Over {
        /// The line.
        leg: LegId,
        /// How.
        over: BotOver,
        /// What it said.
        note: Option<Box<BotNote>>,
    },
}

/// What the roof's connector must do with a fork of a caller's sound to a recogniser.
#[derive(Debug)]
pub enum ForkOrder {
    /// Connect with a recogniser. [`ForkNews::Up`] or [`ForkNews::Over`] follows; nothing is waited for.
    Open(Box<ForkCall>),
    /// End it, in whatever state it is. The last order for it; nothing needs to be told any more.
    Close {
        /// Which.
        fork: ForkId,
    },
}

/// A recogniser to be connected with.
#[derive(Clone, Debug)]
pub struct ForkCall {
    /// The fork.
    pub fork: ForkId,
    /// The recogniser, by its name in the configuration.
    pub recogniser: Arc<str>,
    /// The language spoken.
    pub language: Arc<str>,
    /// The call, for logs.
    pub call: Option<CallId>,
    /// Whence its sound comes: RTP in µ-law, 20 ms a packet, payload type 0, at [`STREAM_RATE_HZ`].
    pub sound: SocketAddr,
}

/// What the connector tells of a fork.
pub enum ForkNews {
    /// The connection stands: sound may come.
    Up {
        /// Which.
        fork: ForkId,
        /// Where the connector receives RTP.
        sound: SocketAddr,
    },
    /// The caller has said something, or has begun to.
    Said {
        /// Which.
        fork: ForkId,
        /// What he said, so far.
        text: Arc<str>,
    },
    /// Nobody listens any more, or nobody ever did. Told once; [`ForkOrder::Close`] follows.
    Over {
        /// Which.
        fork: ForkId,
    },
}

impl std::fmt::Debug for ForkNews {
    /// Nothing of what was said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ForkNews::Up { fork, sound } => write!(f, "{fork} is up at {sound}"),
            ForkNews::Said { fork, .. } => write!(f, "something said on {fork}"),
            ForkNews::Over { fork } => write!(f, "{fork} is over"),
        }
    }
}

/// Technical happenings: SIP answers, sound quality, refusals, security.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A final response was sent or received.
    SipFinal {
        /// The method it answers.
        method: Arc<str>,
        /// Its status code.
        status: u16,
        /// Whether we sent it.
        sent: bool,
    },
    /// A media session ended.
    MediaClosed {
        /// The call it belonged to.
        call: Option<CallId>,
        /// Its counts.
        quality: Quality,
    },
    /// A call was refused by a bound or a rule.
    Refused {
        /// The status we answered.
        status: u16,
        /// A word of a bounded set: `overload`, `calls_max`, `unknown_number`, `forbidden`, `no_codec`, `no_port`.
        reason: &'static str,
    },
    /// An agent's phone registered or went.
    Registration {
        /// The user part.
        user: String,
        /// How many contacts are bound now.
        contacts: usize,
    },
    /// Something for the security log.
    Security {
        /// What was seen.
        kind: SecurityKind,
        /// Where it came from.
        source: std::net::IpAddr,
    },
}

/// An immutable picture of the house, made when asked.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// When it was made.
    pub at: Timestamp,
    /// Queues in the order of the policy.
    pub queues: Vec<QueueRow>,
    /// Agents in the order of the policy.
    pub agents: Vec<AgentRow>,
    /// Running calls, oldest first.
    pub calls: Vec<CallRow>,
    /// Rollouts and their shares.
    pub rollouts: Vec<RolloutRow>,
    /// Open requests to be called back, oldest first.
    pub callbacks: Vec<Callback>,
    /// SIP dialogs.
    pub dialogs: usize,
    /// SIP transactions.
    pub transactions: usize,
    /// Registered contacts.
    pub bindings: usize,
    /// The incident that goes on.
    pub incident: Option<Incident>,
    /// Sites by name.
    pub sites: Vec<SiteView>,
    /// Whether new calls are refused because we are going down.
    pub draining: bool,
}

/// Why a call waits, or has the agent it has, with names in place of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyRow {
    /// Its queue.
    pub queue: Arc<str>,
    /// Its position there, from 1, while it waits.
    pub position: Option<usize>,
    /// What is enough for it now, the best first.
    pub enough: Vec<String>,
    /// Agents who have just missed or declined it.
    pub skipped: Vec<Arc<str>>,
    /// Agents whose phones ring for it, or the one it talks with.
    pub with: Vec<Arc<str>>,
    /// The agent whom it waits for alone.
    pub held_for: Option<Arc<str>>,
    /// The rest, as the center says it.
    pub why: dozvon_center::acd::Why,
}

/// A queue in the picture.
#[derive(Clone, Debug, Serialize)]
pub struct QueueRow {
    /// Its name.
    pub name: Arc<str>,
    /// Calls waiting (those being offered included).
    pub waiting: usize,
    /// Those of them whose customer is not on the line but to be called back.
    pub callbacks: usize,
    /// When the one waiting longest came.
    pub oldest_enqueued_at: Option<Timestamp>,
    /// Agents who serve this queue, by what they are doing; overlaps between queues.
    pub agents: AgentCounts,
    /// Service-level threshold in seconds.
    pub service_level_secs: f64,
    /// How long a call that came now would wait, if that can be known.
    pub estimate: Option<Estimate>,
}

/// An agent in the picture.
#[derive(Clone, Debug, Serialize)]
pub struct AgentRow {
    /// Number.
    pub id: AgentId,
    /// Name, as in the configuration.
    pub name: Arc<str>,
    /// Team.
    pub team: Arc<str>,
    /// How the agent stands: one of the nine statuses, or what the system made of him.
    pub status: Presence,
    /// What the phone is busy with.
    pub activity: Activity,
    /// What the agent will be when the activity is over.
    pub pending: Option<Presence>,
    /// Since when status and activity are these.
    pub since: Timestamp,
    /// Whether a phone is registered.
    pub reachable: bool,
    /// Changes whenever anything about the agent changes; for conditional commands.
    pub epoch: u64,
    /// The call the agent has.
    pub call: Option<CallId>,
    /// When the status reaches its limit, or did; `None`: it has none.
    pub limit_at: Option<Timestamp>,
    /// The desk that the agent works at, when he has told one.
    pub place: Option<Arc<str>>,
    /// What there is to do about the talk that lasts, or after the one that is over.
    pub wrap_up: Option<WrapUpRow>,
}

/// An agent's paperwork in the picture.
#[derive(Clone, Debug, Serialize)]
pub struct WrapUpRow {
    /// The call.
    pub call: CallId,
    /// `off`, `timed`, `until_code` or `until_code_max`.
    pub mode: &'static str,
    /// When the wrap-up that runs ends by itself; `None`: the talk lasts, or only a code ends it.
    pub ends_at: Option<Timestamp>,
    /// The classifier of the queue.
    pub classifier: Option<Arc<str>>,
    /// Its version.
    pub classifier_version: Option<Arc<str>>,
}

/// A running call in the picture.
#[derive(Clone, Debug, Serialize)]
pub struct CallRow {
    /// Which.
    pub call: CallId,
    /// The caller's number; masked by whoever shows it to people without the right.
    pub caller: String,
    /// The flow.
    pub flow: Arc<str>,
    /// `ivr`, `bot`, `callback` (the customer is yet to be called back), `waiting`, `offered`, `talking`, `hold`,
    /// `consult`, `conference`, `parked`, `transfer`, `survey`.
    pub state: &'static str,
    /// The node, queue, agent or bot, as fits the state.
    pub place: Arc<str>,
    /// When it came in.
    pub started_at: Timestamp,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// What its agent is to see of it; the customer in it is for him and those above him only.
    pub card: CallCard,
}

/// A rollout in the picture.
#[derive(Clone, Debug, Serialize)]
pub struct RolloutRow {
    /// Its name.
    pub name: Arc<str>,
    /// The bot's share, 0 to 1.
    pub share: f64,
}
