//! What the ACD is told by the policy: queues, agents and times. Plain data; who may change it is not known here.

use super::requirement::{LEVEL_DEFAULT, LEVEL_MAX, Requirement};
use super::rules::Statuses;
use super::wrap_up::WrapUp;
use crate::ids::{QueueId, SkillId};
use crate::limits;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// By what a queue puts free agents in order, among those who fit a call equally well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Who has been least busy during the last hour or so goes first. Who logs in stands where his team stands on
    /// average, and so does who comes back from a break and was less busy than that. Who lets an offer ring out stands
    /// as if he had been busy without a pause: last.
    #[default]
    LeastOccupied,
    /// Who has been idle for longest goes first. A login, a return and a missed offer put an agent last.
    LongestIdle,
    /// The smallest [`AgentConfig::rank`] goes first, then the longest idle.
    Rank,
}

impl Order {
    /// All orders.
    pub const ALL: [Order; 3] = [Order::LeastOccupied, Order::LongestIdle, Order::Rank];

    /// The word used in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Order::LeastOccupied => "least_occupied",
            Order::LongestIdle => "longest_idle",
            Order::Rank => "rank",
        }
    }
}

/// How many phones ring for a call of a queue at once. The first answer has the call, the others are withdrawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ring {
    /// One.
    #[default]
    One,
    /// So many, from 2 to [`limits::RINGS_MAX`].
    Parallel(u8),
    /// Every free one, at most [`limits::RINGS_MAX`].
    Broadcast,
}

impl Ring {
    /// How many phones that is at most.
    pub fn phones_max(self) -> usize {
        match self {
            Ring::One => 1,
            Ring::Parallel(phones) => usize::from(phones),
            Ring::Broadcast => limits::RINGS_MAX,
        }
    }
}

/// From some moment of a wait on, more agents are good enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The moment, counted from `enqueued_at`.
    pub after: Duration,
    /// Who comes into question then, besides those who did before.
    pub relax: Relax,
}

/// How a stage relaxes what a call requires.
#[derive(Clone, Debug, PartialEq)]
pub enum Relax {
    /// This is enough, whatever the call itself requires.
    To(Requirement),
    /// These skills are no longer asked for; the rest of what was required before still is.
    Drop(BTreeSet<SkillId>),
}

/// The last idle agents of some kind are kept for calls that nobody else could take.
#[derive(Clone, Debug, PartialEq)]
pub struct ReserveConfig {
    /// Who is kept: agents who meet this.
    pub requires: Requirement,
    /// How many idle ones are kept.
    pub idle_min: u32,
    /// From which calls: those that haven't waited for so long since `enqueued_at`, and that somebody else could take.
    pub lasts: Duration,
}

/// When a caller is brought back to the agent he last spoke with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StickyConfig {
    /// How long that talk may be over.
    pub within: Duration,
    /// How long the call waits for this agent only, if he is in a talk; if he is neither ready nor talking, not at all.
    pub wait_up_to: Duration,
    /// Whether that talk must have come through the same queue.
    pub same_topic: bool,
}

/// One queue, found by its position in [`Config::queues`].
#[derive(Clone, Debug, PartialEq)]
pub struct QueueConfig {
    /// Its name in configuration, records and metrics.
    pub name: Arc<str>,
    /// The acceptable wait T of the service level SL(T), and the queue's target in the order of calls: across queues
    /// the earliest `enqueued_at + T - boost` goes first, so a queue with a short T is urgent without ever starving
    /// another.
    pub service_level: Duration,
    /// Callers who hang up sooner count neither for nor against the service level.
    pub short_abandon: Duration,
    /// How long a phone rings before the offer goes elsewhere.
    pub ring_timeout: Duration,
    /// How an agent finishes with a talk.
    pub wrap_up: WrapUp,
    /// By how much in all the end of one wrap-up can be put off. Zero: not at all.
    pub wrap_up_extend_max: Duration,
    /// The classifier whose codes its talks are given.
    pub classifier: Option<Arc<str>>,
    /// For how long a call is expected to bind an agent, from the offer to the end of the wrap-up: forecasts of waits
    /// begin with it and then learn from calls.
    pub handle_prior: Duration,
    /// How long a call may wait in this queue before it is handed back; `None`: for ever.
    pub max_wait: Option<Duration>,
    /// How many calls may wait (being offered included). One more is turned away as `Full`.
    pub length_max: usize,
    /// Strict precedence: calls of a smaller tier go before all calls of a larger one, however long those have waited.
    /// 0 unless something can't wait at all; nothing bounds what a strict tier takes from the others.
    pub tier: i8,
    /// By what free agents stand in order.
    pub order: Order,
    /// How many phones ring at once.
    pub ring: Ring,
    /// When more agents are good enough, in order of time; at most [`limits::STAGES_OF_QUEUE_MAX`].
    pub stages: Vec<Stage>,
    /// Whether and when a caller is brought back to his last agent.
    pub sticky: Option<StickyConfig>,
    /// The head start of a caller whose last talk broke off through no fault of his. Zero: none.
    pub interrupted_boost: Duration,
    /// A caller who hung up while he waited here and calls again within this time has his old place. Zero: he hasn't.
    pub resume_within: Duration,
}

impl QueueConfig {
    /// A queue with the house's defaults: SL(20 s), short abandon 5 s, 20 s of ringing, 15 s of wrap-up that
    /// can be put off by 60 s, no codes, 240 s for a call at first, no end of waiting, 500 calls; one phone at a time,
    /// the least occupied first, no stages; a minute's head start after a talk that broke off, the old place for who
    /// calls again within two minutes.
    pub fn new(name: impl Into<Arc<str>>) -> QueueConfig {
        QueueConfig {
            name: name.into(),
            service_level: Duration::from_secs(20),
            short_abandon: Duration::from_secs(5),
            ring_timeout: Duration::from_secs(20),
            wrap_up: WrapUp::Timed(Duration::from_secs(15)),
            wrap_up_extend_max: Duration::from_secs(60),
            classifier: None,
            handle_prior: Duration::from_secs(240),
            max_wait: None,
            length_max: 500,
            tier: 0,
            order: Order::LeastOccupied,
            ring: Ring::One,
            stages: Vec::new(),
            sticky: None,
            interrupted_boost: Duration::from_secs(60),
            resume_within: Duration::from_secs(120),
        }
    }
}

/// One agent, found by its position in [`Config::agents`].
#[derive(Clone, Debug, PartialEq)]
pub struct AgentConfig {
    /// His name in configuration, records and metrics.
    pub name: Arc<str>,
    /// What he can do and how well, from 1 to 100.
    pub skills: BTreeMap<SkillId, u8>,
    /// The queues that he serves; empty: all of them.
    pub queues: BTreeSet<QueueId>,
    /// The team that he is counted with, and whose mean occupancy he starts with.
    pub team: Arc<str>,
    /// His place where a queue puts agents in order by rank: the smallest goes first.
    pub rank: u16,
}

impl AgentConfig {
    /// An agent of every queue without skills, of the team `agents`, of rank 1.
    pub fn new(name: impl Into<Arc<str>>) -> AgentConfig {
        AgentConfig {
            name: name.into(),
            skills: BTreeMap::new(),
            queues: BTreeSet::new(),
            team: "agents".into(),
            rank: 1,
        }
    }
}

/// The ACD's part of the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The queues; [`QueueId`] is the position.
    pub queues: Vec<QueueConfig>,
    /// The agents; [`crate::ids::AgentId`] is the position.
    pub agents: Vec<AgentConfig>,
    /// Agents kept for those who have nobody else; at most [`limits::RESERVES_MAX`].
    pub reserves: Vec<ReserveConfig>,
    /// How long a phone may take to say that it rings. Then it counts as out of order and the call goes on. 2 s.
    pub reserved_max: Duration,
    /// How long joining the two voices may take after the answer. Then the caller gets his place back. 5 s.
    pub connecting_max: Duration,
    /// How long after the ring time-out an answer still counts, if the call isn't offered elsewhere yet. 1 s.
    pub late_answer: Duration,
    /// No offers for this long after one rang out. 30 s.
    pub rona_cooldown: Duration,
    /// So many offers in a row that rang out, or that failed technically, make an agent `not_responding`. 3.
    pub rona_limit: u32,
    /// A count of such offers is forgotten after this long without one. 30 min.
    pub rona_forget: Duration,
    /// No offers for this long after the agent declined one, or was busy. 10 s.
    pub reject_cooldown: Duration,
    /// No offers for this long after one failed technically. 30 s.
    pub fault_cooldown: Duration,
    /// An agent who missed or declined a call isn't offered it again for this long, unless nobody else on duty can
    /// take it. 60 s.
    pub skip: Duration,
    /// A ready agent whose phone is out of reach for this long becomes `unreachable`. 5 s.
    pub unreachable_grace: Duration,
    /// An `unreachable` agent whose phone is back within this long of its loss is ready again by itself. 60 s.
    pub unreachable_return: Duration,
    /// A waiting call that nobody at work could ever serve is handed back after this long. Zero: it waits on. 30 s.
    pub no_agents_grace: Duration,
    /// A talk, its holds included, that lasts for this long is told of, and again after as long again. 2 h.
    pub talk_max: Duration,
    /// Whether such a talk is ended too.
    pub talk_max_ends: bool,
    /// A phone that is in a call of its own for this long is told of, and again after as long again. 1 h.
    pub outbound_max: Duration,
    /// What each status is worth and how long it may last.
    pub statuses: Statuses,
}

impl Config {
    /// These queues and agents with the house's default times.
    pub fn new(queues: Vec<QueueConfig>, agents: Vec<AgentConfig>) -> Config {
        Config {
            queues,
            agents,
            reserves: Vec::new(),
            reserved_max: Duration::from_secs(2),
            connecting_max: Duration::from_secs(5),
            late_answer: Duration::from_secs(1),
            rona_cooldown: Duration::from_secs(30),
            rona_limit: 3,
            rona_forget: Duration::from_secs(30 * 60),
            reject_cooldown: Duration::from_secs(10),
            fault_cooldown: Duration::from_secs(30),
            skip: Duration::from_secs(60),
            unreachable_grace: Duration::from_secs(5),
            unreachable_return: Duration::from_secs(60),
            no_agents_grace: Duration::from_secs(30),
            talk_max: Duration::from_secs(2 * 60 * 60),
            talk_max_ends: false,
            outbound_max: Duration::from_secs(60 * 60),
            statuses: Statuses::default(),
        }
    }

    /// Everything that is wrong with it, each with its cure; empty when it can be used.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.queues.len() > limits::QUEUES_MAX {
            problems.push(format!("{} queues: at most {}", self.queues.len(), limits::QUEUES_MAX));
        }
        if self.agents.len() > limits::AGENTS_MAX {
            problems.push(format!("{} agents: at most {}", self.agents.len(), limits::AGENTS_MAX));
        }
        for queue in &self.queues {
            problems.extend(queue.problems());
        }
        for agent in &self.agents {
            let unknown = agent.queues.iter().find(|id| usize::from(id.0) >= self.queues.len());
            if let Some(id) = unknown {
                problems.push(format!("agent `{}` serves {id}, which isn't there", agent.name));
            }
        }
        for agent in &self.agents {
            if agent.skills.values().any(|level| !(LEVEL_DEFAULT..=LEVEL_MAX).contains(level)) {
                problems.push(format!("agent `{}`: levels of skills are 1 to 100", agent.name));
            }
        }
        if self.reserves.len() > limits::RESERVES_MAX {
            let count = self.reserves.len();
            problems.push(format!("{count} reserves: at most {}", limits::RESERVES_MAX));
        }
        if self.reserves.iter().any(|reserve| reserve.lasts > limits::ACD_TIME_MAX) {
            problems.push("a reserve: at most a day".to_owned());
        }
        for (name, at_least_a_moment, time) in self.times() {
            if time > limits::ACD_TIME_MAX {
                problems.push(format!("{name}: at most a day"));
            }
            if at_least_a_moment && time.is_zero() {
                problems.push(format!("{name}: more than zero"));
            }
        }
        if self.rona_limit == 0 {
            problems.push("rona_limit: at least 1, or nobody would ever be ready".to_owned());
        }
        problems.extend(self.statuses.problems());
        problems
    }

    /// Its times by name, and whether each must be more than zero.
    fn times(&self) -> [(&'static str, bool, Duration); 13] {
        [
            ("reserved_max", true, self.reserved_max),
            ("connecting_max", true, self.connecting_max),
            ("late_answer", false, self.late_answer),
            ("rona_cooldown", false, self.rona_cooldown),
            ("rona_forget", false, self.rona_forget),
            ("reject_cooldown", false, self.reject_cooldown),
            ("fault_cooldown", false, self.fault_cooldown),
            ("skip", false, self.skip),
            ("unreachable_grace", false, self.unreachable_grace),
            ("unreachable_return", false, self.unreachable_return),
            ("no_agents_grace", false, self.no_agents_grace),
            ("talk_max", true, self.talk_max),
            ("outbound_max", true, self.outbound_max),
        ]
    }
}

impl QueueConfig {
    fn problems(&self) -> Vec<String> {
        let name = &self.name;
        let mut problems = Vec::new();
        let times = [
            ("service_level", Some(self.service_level)),
            ("short_abandon", Some(self.short_abandon)),
            ("ring_timeout", Some(self.ring_timeout)),
            ("wrap_up", self.wrap_up.lasts()),
            ("wrap_up_extend_max", Some(self.wrap_up_extend_max)),
            ("handle_prior", Some(self.handle_prior)),
            ("max_wait", self.max_wait),
            ("interrupted_boost", Some(self.interrupted_boost)),
            ("resume_within", Some(self.resume_within)),
            ("sticky wait_up_to", self.sticky.map(|sticky| sticky.wait_up_to)),
        ];
        for (field, time) in times {
            if time.is_some_and(|time| time > limits::ACD_TIME_MAX) {
                problems.push(format!("queue `{name}`: {field}: at most a day"));
            }
        }
        if self.ring_timeout.is_zero() {
            problems.push(format!("queue `{name}`: ring_timeout: more than zero"));
        }
        if self.handle_prior.is_zero() {
            problems.push(format!("queue `{name}`: handle_prior: more than zero"));
        }
        if self.wrap_up.lasts().is_some_and(|lasts| lasts.is_zero()) {
            problems.push(format!("queue `{name}`: wrap_up: more than zero, or off"));
        }
        if self.wrap_up.wants_code() && self.classifier.is_none() {
            problems.push(format!("queue `{name}`: wrap_up: a code needs a classifier"));
        }
        if !(1..=limits::RINGS_MAX).contains(&self.ring.phones_max()) {
            let max = limits::RINGS_MAX;
            problems.push(format!("queue `{name}`: ring: at most {max} phones in parallel"));
        }
        problems.extend(self.stage_problems());
        if self.length_max == 0 || self.length_max > limits::QUEUE_LENGTH_MAX {
            let max = limits::QUEUE_LENGTH_MAX;
            problems.push(format!("queue `{name}`: length_max: 1 to {max}"));
        }
        problems
    }

    fn stage_problems(&self) -> Vec<String> {
        let (name, mut problems) = (&self.name, Vec::new());
        if self.stages.len() > limits::STAGES_OF_QUEUE_MAX {
            let max = limits::STAGES_OF_QUEUE_MAX;
            problems.push(format!("queue `{name}`: {} stages: at most {max}", self.stages.len()));
        }
        if !self.stages.is_sorted_by(|one, next| one.after < next.after) {
            problems.push(format!("queue `{name}`: stages: in order of time, no two at once"));
        }
        let late = |stage: &Stage| stage.after.is_zero() || stage.after > limits::ACD_TIME_MAX;
        if self.stages.iter().any(late) {
            problems.push(format!("queue `{name}`: stages: after more than zero, at most a day"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_problems() {
        assert_eq!(Config::new(vec![QueueConfig::new("cards")], vec![]).problems(), [""; 0]);
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut queue = QueueConfig::new("cards");
        queue.ring_timeout = Duration::ZERO;
        queue.length_max = 0;
        queue.max_wait = Some(Duration::MAX);
        let stage = |after| Stage {
            after: Duration::from_secs(after),
            relax: Relax::To(Requirement::anyone()),
        };
        queue.stages = vec![stage(20), stage(0)];
        queue.ring = Ring::Parallel(33);
        let mut agent = AgentConfig::new("anna");
        agent.queues.insert(QueueId(7));
        agent.skills.insert(SkillId(0), 101);
        let mut config = Config::new(vec![queue], vec![agent]);
        config.rona_limit = 0;
        config.reserved_max = Duration::ZERO;
        assert_eq!(
            config.problems(),
            [
                "queue `cards`: max_wait: at most a day",
                "queue `cards`: ring_timeout: more than zero",
                "queue `cards`: ring: at most 32 phones in parallel",
                "queue `cards`: stages: in order of time, no two at once",
                "queue `cards`: stages: after more than zero, at most a day",
                "queue `cards`: length_max: 1 to 100000",
                "agent `anna` serves queue-7, which isn't there",
                "agent `anna`: levels of skills are 1 to 100",
                "reserved_max: more than zero",
                "rona_limit: at least 1, or nobody would ever be ready",
            ]
        );
    }
}
