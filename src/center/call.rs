//! One customer's call: which state it is in, and what its keys mean there.
//!
//! The operator exit lives here. In every state before talking a key is offered to the exit rule first, and only what
//! the rule passes on reaches the flow or the bot. Knows legs and prompts by id, never how they are carried.

use crate::acd::{Estimate, Manner};
use crate::border::Loss;
use crate::callback::{First, Missed};
use crate::contact::{Ending, Fault};
use crate::flow::{ExitKey, Run};
use crate::hearing::Ear;
use crate::ids::{AgentId, CallId, CallbackId, LegId, MeasureId, OfferId, PlayId, QueueId};
use crate::lookup::Asked;
use crate::overflow::WaitRules;
use crate::policy::Policy;
use crate::recogniser::Listening;
use crate::record::Record;
use crate::waiting::Told;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
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
    /// Since when this caller has waited for a person, all stays in queues together: his place in the line.
    pub(crate) enqueued_at: Option<Timestamp>,
    /// What the legs hear in a talk, as they were told.
    pub(crate) ears: BTreeMap<LegId, Ear>,
    /// What was forecast of the present wait, and when.
    pub(crate) forecast: Option<(Timestamp, Estimate)>,
    /// What he has been told of his waits.
    pub(crate) told: Told,
    /// What becomes of him when he waits on.
    pub(crate) rules: WaitRules,
    /// The announcement that is being heard.
    pub(crate) announcing: Option<PlayId>,
    /// The music of the present wait.
    pub(crate) music: Option<Arc<str>>,
    /// What the present wait required, and its priority.
    pub(crate) required: Option<(Option<Arc<str>>, i32)>,
    /// The head start of the queue that he left by the exit key; the next one gives no smaller one.
    pub(crate) kept_priority: Option<i32>,
    /// The request to be called back that this call is an attempt of, until agent and customer talk.
    pub(crate) callback: Option<Calling>,
    /// The offer to be called back that he has heard while he waits, by its number in the flow.
    pub(crate) offered_callback: Option<usize>,
    /// The option he has chosen last.
    pub(crate) topic: Option<Arc<str>>,
    /// The open request of the caller himself.
    pub(crate) owed: Option<CallbackId>,
    /// The endpoint that the flow waits for.
    pub(crate) asked: Option<Asked>,
    /// How many lookups there have been.
    pub(crate) lookups: u32,
    /// Whether a recogniser listens.
    pub(crate) listening: Listening,
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
    Talking(Talk),
    /// On the way to a third party; the agent has left already.
    Handing(Handing),
    /// In an agent's hands although he has left: music until somebody retrieves it.
    Parked(Parked),
    /// An agent hears how the customer of a callback is called.
    CallingBack(CallingBack),
    /// A number outside is being called, or talks; `after_talk` when an agent passed the call on to it.
    Outside { leg: LegId, answered: bool, after_talk: bool },
}

/// A talk with an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Talk {
    /// The agent's leg.
    pub(crate) leg: LegId,
    pub(crate) agent: AgentId,
    pub(crate) queue: Arc<str>,
    pub(crate) queue_id: QueueId,
    pub(crate) since: Timestamp,
    pub(crate) held: Held,
    /// The agent's phone has us on hold.
    pub(crate) phone_holds: bool,
    /// Hold was asked for at a desk.
    pub(crate) desk_holds: bool,
    pub(crate) muted: bool,
    pub(crate) third: Option<Third>,
    /// The agent's phone broke, and he may take the talk up again.
    pub(crate) broken: Option<Broken>,
    /// How it goes by ear.
    pub(crate) measure: MeasureId,
    /// The manner that the ACD was told last.
    pub(crate) shown: Manner,
}

/// How an agent's phone broke in a talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) loss: Loss,
    pub(crate) since: Timestamp,
    /// The customer was told.
    pub(crate) told: bool,
}

/// A third party beside customer and agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Third {
    pub(crate) leg: LegId,
    pub(crate) who: Who,
    pub(crate) aim: Aim,
    /// It has answered.
    pub(crate) up: bool,
    /// It speaks with both, and not with the agent alone.
    pub(crate) joined: bool,
    /// Since when it is called, or has answered.
    pub(crate) since: Timestamp,
    /// The leg whose phone asked for the transfer, to be told what becomes of it.
    pub(crate) referrer: Option<LegId>,
}

/// Who a third party is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Agent(AgentId),
    Number(Arc<str>),
}

/// What a third party is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// To be asked first.
    Consult,
    /// To have the call as soon as it answers.
    Transfer,
}

/// A call that a third party is to take, and whose agent has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handing {
    pub(crate) third: Third,
    pub(crate) queue: Arc<str>,
    pub(crate) queue_id: QueueId,
    /// It was parked before, and is parked again when nobody takes it.
    pub(crate) parked: bool,
}

/// A call that is an attempt to call a customer back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Calling {
    pub(crate) id: CallbackId,
    pub(crate) number: Arc<str>,
    pub(crate) first: First,
    pub(crate) step: Step,
    /// The agent who is kept free while the customer is called.
    pub(crate) offer: Option<(OfferId, AgentId)>,
    /// Before this the customer's phone does not ring.
    pub(crate) dial_at: Timestamp,
    pub(crate) missed: Option<Missed>,
    /// The attempt is over, and the call with it when it is put back.
    pub(crate) over: Option<Ending>,
}

/// How far an attempt has come with the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// He does not know of it.
    Away,
    /// His phone is called.
    Dialing,
    /// He is on the line.
    Here,
}

impl Calling {
    pub(crate) fn new(id: CallbackId, number: Arc<str>, first: First) -> Calling {
        Calling {
            id,
            number,
            first,
            step: Step::Away,
            offer: None,
            dial_at: Timestamp::default(),
            missed: None,
            over: None,
        }
    }

    /// The attempt has come to nothing.
    pub(crate) fn give_up(&mut self, why: Missed) {
        self.missed = Some(why);
        self.over = Some(Ending::new(Fault::Nobody, why.as_str()));
    }
}

/// An agent who waits for a customer to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallingBack {
    /// His leg.
    pub(crate) leg: LegId,
    pub(crate) agent: AgentId,
    pub(crate) offer: OfferId,
    pub(crate) queue: Arc<str>,
    pub(crate) queue_id: QueueId,
}

/// A parked call, with the queue that it falls back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) queue: Arc<str>,
    pub(crate) queue_id: QueueId,
}

impl Who {
    /// The name that records and screens show; numbers outside have none there.
    pub(crate) fn name(&self, policy: &Policy) -> Arc<str> {
        match self {
            Who::Agent(agent) => policy.agent_name(*agent),
            Who::Number(_) => "outside".into(),
        }
    }
}

impl Talk {
    /// What the agent does, by the state of the talk.
    pub(crate) fn manner(&self) -> Manner {
        match &self.third {
            Some(Third { joined: true, .. }) => Manner::Conference,
            Some(Third { joined: false, .. }) => Manner::Consult,
            None if self.holds() => Manner::Hold,
            None => Manner::Talk,
        }
    }

    /// Whether the agent's side is on hold: by his phone, by his screen, or because his phone broke.
    pub(crate) const fn holds(&self) -> bool {
        self.phone_holds || self.desk_holds || self.broken.is_some()
    }
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
    /// Whether the customer is not on the line: he is to be called back.
    pub(crate) fn absent(&self) -> bool {
        self.callback.as_ref().is_some_and(|calling| calling.step != Step::Here)
    }

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
            State::Talking(talk) => match talk.manner() {
                Manner::Talk => "talking",
                Manner::Hold => "hold",
                Manner::Consult => "consult",
                Manner::Conference => "conference",
            },
            State::CallingBack(_) => "callback",
            State::Parked(_) => "parked",
            State::Handing(_) | State::Outside { .. } => "transfer",
        }
    }

    /// The queue that the call waits in, if it does.
    pub(crate) fn queue(&self) -> Option<Arc<str>> {
        match self {
            State::Waiting { name, .. } => Some(name.clone()),
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Talking(_)
            | State::Handing(_)
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => None,
        }
    }

    /// The legs besides the caller's.
    pub(crate) fn other_legs(&self) -> Vec<LegId> {
        match self {
            State::Arriving | State::InFlow | State::Parked(_) => Vec::new(),
            State::CallingBot { leg, .. }
            | State::WithBot { leg, .. }
            | State::Outside { leg, .. } => vec![*leg],
            State::Talking(talk) => {
                let third = talk.third.iter().map(|third| third.leg);
                std::iter::once(talk.leg).chain(third).collect()
            }
            State::CallingBack(back) => vec![back.leg],
            State::Handing(handing) => vec![handing.third.leg],
            State::Waiting { rings, .. } => rings.iter().map(|ring| ring.leg).collect(),
        }
    }

    /// The agent's leg, in a talk.
    pub(crate) const fn agent_leg(&self) -> Option<LegId> {
        match self {
            State::Talking(talk) => Some(talk.leg),
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Handing(_)
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => None,
        }
    }

    /// Who hears the exit key now.
    pub(crate) const fn listens(&self) -> Listens {
        match self {
            State::InFlow => Listens::Flow,
            State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Outside { answered: false, .. } => Listens::Exit,
            // Before the answer there is no sound. Talks are the two parties' own.
            State::Arriving
            | State::Talking(_)
            | State::Handing(_)
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { answered: true, .. } => Listens::Nobody,
        }
    }
}

/// What happens to a key in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listens {
    /// The exit rule first, then the flow.
    Flow,
    /// The exit rule only; the sound of the key reaches the bot by itself, and in a queue other keys take what is
    /// offered there.
    Exit,
    /// Nobody.
    Nobody,
}
