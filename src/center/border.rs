//! The vocabulary between the center and whoever carries legs: what legs report, what they are told.

use crate::bot::{BotBrief, BotNote, BotOver};
use crate::callback::Callback;
use crate::contact::{Contact, Ending};
use crate::customer::CallCard;
use crate::fact::Fact;
use crate::flow::Prompt;
use crate::ids::{AgentId, CallId, ForkId, Key, LegId, MeasureId, PlayId};
use crate::lookup::Lookup;
use crate::recogniser::Recognised;
use crate::talk::Destination;
use std::sync::Arc;
use std::time::Duration;

/// The music of [`LegCommand::Music`] that is heard while a number outside, or a colleague, rings. It is there whatever
/// music has been recorded.
pub const RINGBACK: &str = "ringback";

/// A call that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The flow that serves it; must be one of the policy's.
    pub flow: Arc<str>,
    /// The number dialled.
    pub dialled: String,
    /// The caller's number; `None` when hidden.
    pub caller: Option<String>,
    /// The caller's language, when it is known before the flow.
    pub language: Option<String>,
}

/// What happens to a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// The phone called says that it rings.
    Ringing,
    /// The leg is up: the caller has confirmed our answer, or the party called has answered.
    Answered,
    /// The party called did not answer. The leg is gone.
    Refused(Refusal),
    /// A key was pressed on it.
    Key(Key),
    /// A `Play` came to its end.
    Played(PlayId),
    /// The party put us on hold, or took us back.
    Held(bool),
    /// The party asks us to connect the other side elsewhere. `LegCommand::Referral` says what becomes of it.
    Referred(Referral),
    /// A bot's part is over, by its own word or because the way to it broke; what it has to say of it. The leg is to be
    /// released.
    BotOver(BotOver, Option<Box<BotNote>>),
    /// What comes of a fork that [`LegCommand::Recognise`] asked for.
    Recognised(ForkId, Recognised),
    /// Nothing is heard of the party any more, but it may take the leg up again: [`LegEvent::Regained`] follows then.
    /// The leg is there until it is released or ends.
    Broken(Loss),
    /// The party has taken the leg up again, from another phone or another network. What the leg hears and who hears
    /// it is as before.
    Regained,
    /// The party hung up. The leg is gone.
    HungUp,
    /// The leg broke: no sound, no signalling, a fault of ours. The leg is gone.
    Lost(Loss),
}

/// What a phone asks for when it transfers a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referral {
    /// Connect it with this.
    To(Destination),
    /// Connect it with the far side of the call that this other leg of the same phone is in.
    Own(LegId),
}

/// What becomes of a transfer that a phone has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferralNews {
    /// It is tried.
    Accepted,
    /// It can't be done, with the sentence for the phone; nothing has changed.
    Refused(String),
    /// The call is passed on.
    Done,
    /// Nobody took the call.
    Failed,
}

/// Why a called party did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// In another call.
    Busy,
    /// Does not want it.
    Declined,
    /// Not registered, or no way there.
    Unreachable,
    /// Rang and was not answered.
    NoAnswer,
    /// Something broke.
    Error,
}

/// How a leg broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// No sound came for the configured time.
    NoAudio,
    /// Signalling failed: transport, timer, session expiry.
    Signalling,
    /// We ran out of something.
    Ours,
}

impl Loss {
    /// The word in the ending.
    pub const fn as_str(self) -> &'static str {
        match self {
            Loss::NoAudio => "no_audio",
            Loss::Signalling => "signalling_lost",
            Loss::Ours => "our_fault",
        }
    }
}

/// What a leg is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegCommand {
    /// Answer the caller; `LegEvent::Answered` follows.
    Answer,
    /// Tell the caller that it rings where he calls.
    Ring,
    /// Refuse a caller who has not been answered. The leg is gone.
    Reject(Refusal),
    /// What becomes of the transfer that this leg's party has asked for; also told after the leg's end.
    Referral(ReferralNews),
    /// Play these prompts once, in order; `LegEvent::Played` follows unless something else plays before.
    Play {
        /// Comes back in `Played`.
        play: PlayId,
        /// What to play.
        prompts: Vec<Prompt>,
    },
    /// Play music without end; the same music goes on where it was.
    Music {
        /// Its name; music has no language.
        name: Arc<str>,
    },
    /// Let the leg hear silence.
    StopPlaying,
    /// A new leg: ring this agent's phone for a caller.
    RingAgent {
        /// Whom.
        agent: AgentId,
        /// The caller's leg, whose number the phone shows and whose format is asked for first.
        caller: LegId,
        /// The queue, for the phone's display.
        queue: Arc<str>,
    },
    /// A new leg: call a voice bot.
    CallBot {
        /// Which.
        bot: Arc<str>,
        /// The caller's leg.
        caller: LegId,
        /// What it may be told.
        brief: Box<BotBrief>,
    },
    /// The caller has pressed this key while the bot on this leg has him.
    BotKey(Key),
    /// A new leg: call a number or address outside.
    Dial {
        /// Where to, as the flow names it.
        to: Arc<str>,
        /// The caller's leg.
        caller: LegId,
    },
    /// A new leg: ring this agent's phone for a customer who is to be called back and is not on the line.
    RingForCallback {
        /// Whom.
        agent: AgentId,
        /// The customer's number, which the phone shows.
        number: Arc<str>,
        /// The queue, for the phone's display.
        queue: Arc<str>,
    },
    /// A new leg: call a customer back.
    CallBack {
        /// His number.
        to: Arc<str>,
        /// The number that he sees; `None`: the trunk's own.
        from: Option<Arc<str>>,
        /// The leg that waits for him, whose format is asked for first.
        beside: Option<LegId>,
    },
    /// Join this leg with another: they hear each other, and nothing else.
    Bridge {
        /// The other leg.
        with: LegId,
    },
    /// From now on the leg hears these legs and nothing else; none is silence.
    Hear {
        /// Whom.
        from: Vec<LegId>,
    },
    /// Play these prompts to this leg alone; afterwards it hears what it heard before. `LegEvent::Played` follows.
    Announce {
        /// Comes back in `Played`.
        play: PlayId,
        /// What to play.
        prompts: Vec<Prompt>,
    },
    /// A short tone to this leg alone, over what it hears.
    Beep,
    /// Nobody hears the leg, or it is heard again.
    Mute(bool),
    /// Begin to measure how the agent on this leg and the caller talk, or go on with it after a pause.
    /// [`Center::heard`](crate::Center::heard) follows when one of them is silent, and at the end
    /// [`Center::measured`](crate::Center::measured).
    Measure {
        /// Comes back in both.
        measure: MeasureId,
        /// The caller's leg.
        with: LegId,
        /// The silence of one side that is told.
        unheard_after: Duration,
    },
    /// Let the time of this measure stand still.
    PauseMeasure(MeasureId),
    /// Let this recogniser hear the party on this leg, and nothing else of the call. [`LegEvent::Recognised`] follows
    /// as often as it understands something, and once when nobody listens any more.
    Recognise {
        /// Comes back in the event.
        fork: ForkId,
        /// Which recogniser.
        recogniser: Arc<str>,
        /// The language spoken.
        language: Arc<str>,
        /// The flow asks for secrets: a party whose keys are in its sound is not to be heard.
        secrets: bool,
    },
    /// Nobody is to listen any more. The fork is gone.
    StopRecognising(ForkId),
    /// End this measure, if the end of a leg has not done so yet.
    EndMeasure(MeasureId),
    /// End the leg. No event follows; the leg is gone.
    Release(Ending),
}

/// What the center wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Tell a leg.
    Leg(LegId, LegCommand),
    /// Write the record of a contact: new, changed or ended.
    Contact(Box<Contact>),
    /// Something happened.
    Fact(Fact),
    /// Keep a request to be called back: new, changed or over. The newest state of each counts.
    Callback(Box<Callback>),
    /// Ask an endpoint and give its answer to [`Center::looked_up`](crate::Center::looked_up).
    Lookup(Box<Lookup>),
}

/// A running call, as screens show it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallView {
    /// Which.
    pub call: CallId,
    /// The caller's number.
    pub caller: String,
    /// Its flow.
    pub flow: Arc<str>,
    /// `ivr`, `bot`, `callback` (the customer is not on the line), `waiting`, `offered`, `talking`, `hold`, `consult`,
    /// `conference`, `parked`, `transfer`.
    pub state: &'static str,
    /// The node, queue, agent or bot, as fits the state.
    pub place: Arc<str>,
    /// When it came in.
    pub started_at: dozvon_clock::Timestamp,
    /// Since when it is in this state.
    pub since: dozvon_clock::Timestamp,
    /// What its agent is to see of it.
    pub card: CallCard,
}
