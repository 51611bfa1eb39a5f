//! What the center works by: queues, agents, flows, rollouts, calendars. Immutable; a change is a new value.

use crate::acd;
use crate::calendar::Calendars;
use crate::callback::CallbackPolicy;
use crate::classifier::Classifier;
use crate::flow::Flow;
use crate::ids::{AgentId, SkillId};
use crate::opening::Opening;
use crate::rollout::Rollout;
use crate::waiting::Announcements;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The rules in force. A call keeps the policy it began with.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Queues, agents and the rules between them.
    pub acd: acd::Config,
    /// Names of skills; the position is the [`SkillId`].
    pub skills: Vec<Arc<str>>,
    /// Callers' numbers behind which are many people: what one of them did says nothing about the next.
    pub shared_numbers: BTreeSet<Arc<str>>,
    /// Flows by name.
    pub flows: BTreeMap<Arc<str>, Arc<Flow>>,
    /// Opening hours by name.
    pub calendars: Arc<Calendars>,
    /// Which queues have opening hours, and the sites.
    pub opening: Opening,
    /// Rollouts by name.
    pub rollouts: BTreeMap<Arc<str>, Rollout>,
    /// Voice bots by name.
    pub bots: BTreeMap<Arc<str>, BotPolicy>,
    /// Recognisers that listen for words of flows, by language.
    pub recognisers: BTreeMap<Arc<str>, Arc<str>>,
    /// What waiting callers are told, by queue; a queue that is missing is silent.
    pub announcements: BTreeMap<Arc<str>, Announcements>,
    /// Music played to waiting callers when the flow names none.
    pub music: Arc<str>,
    /// Times of talks.
    pub talk: TalkPolicy,
    /// What talks can be about, by name; queues name theirs.
    pub classifiers: BTreeMap<Arc<str>, Arc<Classifier>>,
    /// Rules of callbacks.
    pub callbacks: CallbackPolicy,
}

/// What the center must know of a voice bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BotPolicy {
    /// How long it may take to answer before people take over; default 2 s.
    pub answer_within: Duration,
    /// A reply that takes the bot longer than this is late; default 2.5 s.
    pub reply_within: Duration,
}

impl Default for BotPolicy {
    fn default() -> Self {
        BotPolicy {
            answer_within: Duration::from_secs(2),
            reply_within: Duration::from_millis(2_500),
        }
    }
}

/// Times of talks, and what is said in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TalkPolicy {
    /// The agent is warned when a hold has lasted this long; default 100 s.
    pub hold_warn_at: Duration,
    /// A hold longer than this is too long: the customer is told that he is not forgotten; default 120 s.
    pub hold_max: Duration,
    /// The phrase then; `None`: only music.
    pub hold_phrase: Option<Arc<str>>,
    /// What a customer hears whose agent's phone broke; `None`: only music.
    pub lost_phrase: Option<Arc<str>>,
    /// For how long the customer of an agent whose phone broke is held, so that the agent may take the talk up again
    /// from another one; default 10 s. Then he is back in the queue; zero: at once.
    pub media_grace: Duration,
    /// How long a third party, or a supervisor's phone, may ring; default 30 s.
    pub ring_timeout: Duration,
    /// An agent who hangs up sooner than this after his answer has not talked: the customer is back at his place in
    /// the queue, and the agent rests. After a customer who does there is no wrap-up. Default 2 s; zero: every answer
    /// begins a talk.
    pub min_talk: Duration,
    /// The agent is to greet his caller within this time of the answer; default 5 s.
    pub greet_within: Duration,
    /// A party of a talk who is not heard for this long is told of; default 15 s, longer than most let the other speak.
    pub unheard_after: Duration,
    /// How long a call may be parked before its queue has it again; default 120 s.
    pub park_max: Duration,
}

impl Default for TalkPolicy {
    fn default() -> Self {
        TalkPolicy {
            hold_warn_at: Duration::from_secs(100),
            hold_max: Duration::from_secs(120),
            hold_phrase: None,
            lost_phrase: None,
            media_grace: Duration::from_secs(10),
            ring_timeout: Duration::from_secs(30),
            min_talk: Duration::from_secs(2),
            greet_within: Duration::from_secs(5),
            unheard_after: Duration::from_secs(15),
            park_max: Duration::from_secs(120),
        }
    }
}

impl Policy {
    /// The agent's name, or his number when the policy has no such agent.
    pub fn agent_name(&self, agent: AgentId) -> Arc<str> {
        let config = self.acd.agents.get(agent.0 as usize);
        config.map_or_else(|| agent.to_string().into(), |config| config.name.clone())
    }

    /// The number of a skill's name, if any agent or queue knows it.
    pub fn skill(&self, name: &str) -> Option<SkillId> {
        let at = self.skills.iter().position(|s| &**s == name)?;
        u16::try_from(at).ok().map(SkillId)
    }
}
