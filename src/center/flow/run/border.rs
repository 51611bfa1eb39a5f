//! What goes into a run and what comes out of it.

use crate::acd::Expression;
use crate::customer::Customer;
use crate::fact::{Flaw, LookupEnd};
use crate::flow::Promise;
use crate::flow::model::{OfCall, Prompt, WaitPoint, Way};
use crate::ids::Key;
use crate::lookup::Reply;
use crate::rollout::Arm;
use dozvon_clock::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What is known of the caller when the call begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The number shown, if any.
    pub number: Option<String>,
    /// The language on the customer's card, if known.
    pub language: Option<String>,
    /// Where he goes instead of to hours and queues: his site has an emergency.
    pub duty: Option<Duty>,
}

/// Where the calls of a site go in an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// A number or a `sip:` address. When it has answered, the call is over after that; when it does not, the caller
    /// goes to the operator's queue.
    Number(Arc<str>),
    /// A queue. After a talk the call is over; when nobody answers there, the caller goes to the operator's queue.
    Queue(Arc<str>),
    /// A node of the flow; one without it does as in a calendar's own emergency.
    Node(Arc<str>),
}

/// What happens to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A key that [`super::exit::ExitKey`] let pass.
    Key(Key),
    /// The prompts of this ticket were played to the end.
    Played(u32),
    /// Where the rollout sends the caller.
    Drawn(Arm),
    /// The talk with the bot has ended.
    Bot(BotEnd),
    /// The wait or the talk with an agent has ended.
    Queue(QueueEnd),
    /// The call outside has ended.
    Transfer(TransferEnd),
    /// A caller who waits has pressed a key after the offer of this number among those of his queue.
    Offered(usize, Key),
    /// Whether the request to be called back was noted.
    CalledBack(bool),
    /// What became of the inquiry with this ticket.
    Replied(u32, Box<Reply>),
}

/// How a talk with a bot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotEnd {
    /// It has served the caller.
    Done,
    /// It asks for a person.
    Transfer,
    /// It can't be reached or broke.
    Failed,
    /// It talked longer than allowed.
    TooLong,
}

/// How a stay in a queue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueEnd {
    /// An agent answered, the talk is over and the caller is still there.
    Answered,
    /// Nobody answered within the longest wait.
    MaxWait,
    /// No agent is logged in.
    Nobody,
    /// Too many wait already.
    Full,
    /// The queue is closed.
    Closed,
    /// The site has an emergency.
    Emergency,
    /// He took the offer to be called back of this number among those of his queue, and it was noted.
    Callback(usize),
    /// A rule of waiting sent the caller on: the one of this number among those that do. One that isn't there counts
    /// as [`QueueEnd::MaxWait`].
    Overflow(usize),
}

/// How a call outside ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEnd {
    /// It was answered, the talk is over and the caller is still there.
    Answered,
    /// It was not answered.
    Failed,
}

/// What the owner must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Note that the caller entered a node.
    Entered {
        /// Its name.
        node: Arc<str>,
        /// The option of a menu by whose key he came there: its label, else its prompt's name, else the node's.
        option: Option<Arc<str>>,
    },
    /// Play these one after the other and report [`Happening::Played`] with the ticket at the end. Never empty.
    Play {
        /// Echoed in the report.
        ticket: u32,
        /// What to play, in order.
        prompts: Vec<Prompt>,
    },
    /// Stop what the last [`Effect::Play`] plays; no report follows.
    StopPlaying,
    /// Draw for this rollout and report [`Happening::Drawn`].
    Draw {
        /// Its name.
        rollout: Arc<str>,
    },
    /// Connect the caller with a bot and report [`Happening::Bot`] at the end.
    Bot {
        /// Its name.
        bot: Arc<str>,
        /// After this the end is [`BotEnd::TooLong`].
        max_duration: Duration,
    },
    /// Put the caller into a queue and report [`Happening::Queue`] at the end.
    Queue(QueueOrder),
    /// Call outside for the caller and report [`Happening::Transfer`] at the end.
    Transfer {
        /// A number or a `sip:` address.
        to: Arc<str>,
        /// How long it may ring.
        timeout: Duration,
    },
    /// Note that the caller is to be called back, and report [`Happening::CalledBack`]. One who waits leaves his queue
    /// when it is noted.
    CallBack(CallbackOrder),
    /// The caller waits on: the music again.
    WaitOn,
    /// Ask an endpoint and report [`Happening::Replied`] with the ticket. Nobody waits longer than it says.
    LookUp(Box<Inquiry>),
    /// The endpoint has been asked, or is waited for no more: note what came of it.
    LookedUp(Box<LookedUp>),
    /// The caller left for the operator: take the call out of the bot, the queue or the transfer; no report follows.
    Withdraw,
    /// Note how long something took that the flow promises.
    Took {
        /// What.
        promise: Promise,
        /// How long it took.
        took: Duration,
        /// How long it may take.
        promised: Duration,
    },
    /// Note a score.
    Survey {
        /// The question.
        id: Arc<str>,
        /// The score.
        score: u8,
    },
    /// The flow runs in circles: note it. The caller is on the way to the operator, or was and is hung up.
    Astray {
        /// The node that it did not enter any more.
        node: Arc<str>,
    },
    /// End the call; the run is over.
    HangUp,
}

/// What an endpoint is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Echoed in the report.
    pub ticket: u32,
    /// Which endpoint.
    pub endpoint: Arc<str>,
    /// Which of its requests.
    pub request: Arc<str>,
    /// How long it is waited for.
    pub within: Duration,
    /// What goes out.
    pub send: Vec<Sending>,
}

/// Something that goes out to an endpoint.
#[derive(Clone, PartialEq, Eq)]
pub enum Sending {
    /// Something that the call has.
    OfCall(OfCall),
    /// The value of a variable.
    Value {
        /// The variable's name.
        name: Arc<str>,
        /// Its value; empty when it has none.
        value: Arc<str>,
        /// Whether it is a number.
        is_number: bool,
        /// Whether it may go into the body only, and be seen by nobody.
        is_secret: bool,
    },
}

impl fmt::Debug for Sending {
    /// Without the value: it is the customer's, or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sending::OfCall(which) => f.write_str(which.as_str()),
            Sending::Value { name, .. } => f.write_str(name),
        }
    }
}

/// What came of an inquiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// What came of it.
    pub end: LookupEnd,
    /// Why it was an error, and where in the answer; empty when in no one place.
    pub flaw: Option<(Flaw, Arc<str>)>,
    /// Who the customer is, when the answer says anything of him.
    pub customer: Option<Customer>,
}

/// How a caller shall wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOrder {
    /// Which queue.
    pub queue: Arc<str>,
    /// What the agent must be able to do, variables filled in; anyone will do when missing.
    pub requires: Option<Expression<String>>,
    /// The higher the sooner; `raise` is already in it.
    pub priority: i32,
    /// What is heard while waiting; `None` = the queue's own music.
    pub music: Option<Prompt>,
    /// The longest wait.
    pub max_wait: Option<Duration>,
    /// What becomes of him when he waits on.
    pub rules: Vec<OrderRule>,
    /// Whether he loses his place when he goes on to another queue.
    pub lose_place: bool,
}

/// Whom to call back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackOrder {
    /// The queue whose agents call; `None`: the one that he waits in.
    pub queue: Option<Arc<str>>,
    /// The number that he has typed; `None`: the one that he calls from.
    pub number: Option<Arc<str>>,
    /// The key that took the offer.
    pub key: Key,
    /// The node that offered it.
    pub node: Arc<str>,
}

/// What becomes of a caller who waits on: once, when its point is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRule {
    /// When.
    pub at: WaitPoint,
    /// What.
    pub act: OrderAct,
}

/// What a rule of waiting does, prompts and targets resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderAct {
    /// Play these over the music.
    Announce(Vec<Prompt>),
    /// Take him out of the queue and report [`QueueEnd::Overflow`] with this number.
    Overflow(usize),
    /// Play these over the music, and report his next keys with this number ([`Happening::Offered`]).
    Offer(usize, Vec<Prompt>),
}

/// Digits are being collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How many there are so far.
    pub collected: usize,
    /// The pause that ends an entry.
    pub between: Duration,
    /// The key that ends an entry.
    pub end_key: Option<Key>,
}

/// One step of a caller's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The node entered.
    pub node: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// By which outcome of the node before.
    pub way: Way,
}
