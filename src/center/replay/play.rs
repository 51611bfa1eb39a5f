//! Both sides of the comparison: the record as it was, and the play on an ACD of its own.

use super::figures::{Figures, QueueFigures};
use super::{Recording, Stand, Wait};
use crate::acd::{
    Acd, Activity, Actor, AgentConfig, Answer, Event, Expression, Failure, Leaving, OfferResult,
    Presence, Requirement, Side, Status, WaitEnd, Waiting,
};
use crate::contact::Outcome;
use crate::flow::model::{Kind, Part, Queue, Template, WaitAct, WaitPoint};
use crate::ids::{AgentId, CallId, OfferId, QueueId, SkillId};
use crate::limits::REPLAY_RUNS_ON;
use crate::policy::Policy;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a phone rings before somebody answers it, where the record does not tell.
const RINGS: Duration = Duration::from_secs(4);

/// The skill of nobody: the node asks for one that no agent of this configuration has.
const NOBODYS: SkillId = SkillId(u16::MAX);

/// The queues that an agent serves, as positions.
fn serves(policy: &Policy, agent: &AgentConfig) -> Vec<usize> {
    let all = 0..policy.acd.queues.len();
    let his = |at: &usize| {
        let id = u16::try_from(*at).map(QueueId);
        agent.queues.is_empty() || id.is_ok_and(|id| agent.queues.contains(&id))
    };
    all.filter(his).collect()
}

fn empty(policy: &Policy) -> Vec<QueueFigures> {
    vec![QueueFigures::default(); policy.acd.queues.len()]
}

fn named(policy: &Policy, figures: Vec<QueueFigures>) -> Figures {
    policy.acd.queues.iter().map(|queue| queue.name.clone()).zip(figures).collect()
}

fn queue_at(policy: &Policy, name: &str) -> Option<usize> {
    policy.acd.queues.iter().position(|queue| *queue.name == *name)
}

/// How it was. Only queues and agents of this configuration are told of, so that both sides tell of the same ones;
/// nobody else's figures are lost but those of queues that it does not know.
pub fn recorded(recording: &Recording, policy: &Policy) -> Figures {
    let mut figures = empty(policy);
    for wait in recording.waits.iter().filter(|wait| !wait.called_back) {
        let (Some((_, outcome)), Some(waited)) = (wait.end, wait.waited()) else { continue };
        if let Some(at) = queue_at(policy, &wait.queue) {
            figures[at].ended(outcome, waited, wait.level);
        }
    }
    for agent in &policy.acd.agents {
        let Some(stands) = recording.stands.get(&agent.name) else { continue };
        let ends = stands.iter().skip(1).map(|(at, _)| *at).chain([recording.until]);
        for ((begins, stand), ends) in stands.iter().zip(ends) {
            for queue in serves(policy, agent) {
                figures[queue].spent(*stand, ends.since(*begins));
            }
        }
    }
    named(policy, figures)
}

/// How it would have been.
pub fn replay(recording: &Recording, policy: &Policy) -> Figures {
    let mut play = Play::new(recording, policy);
    play.plan();
    play.run();
    named(policy, play.figures)
}

/// What happens in the play.
#[derive(Clone, Copy, Debug)]
enum Act {
    Stand(AgentId, Stand),
    StandAgain(AgentId),
    /// He helps a colleague from now on, or no longer.
    Help(AgentId, bool),
    Queue(usize),
    Leave(usize),
    Answer(OfferId, AgentId),
    Refuse(OfferId, Failure),
    Join(OfferId, CallId),
    TalkOver(CallId),
    WrapUpOver(AgentId, u32),
}

/// What the talks of one queue are like.
#[derive(Debug, Default)]
struct Talks {
    /// Ring, talk and wrap-up of each, in order.
    all: Vec<(Duration, Duration, Duration)>,
    /// Whose turn it is of those that stand in for a talk that never was.
    next: usize,
    /// How often waiting callers give up, per second.
    gives_up: f64,
}

struct Play<'a> {
    recording: &'a Recording,
    policy: &'a Policy,
    acd: Acd,
    agenda: BTreeMap<(Timestamp, u64), Act>,
    put: u64,
    now: Timestamp,
    talks: Vec<Talks>,
    figures: Vec<QueueFigures>,
    serves: Vec<Vec<usize>>,
    stands: Vec<(Timestamp, Stand)>,
    /// What the call's talk and wrap-up will last.
    of_call: BTreeMap<CallId, (usize, Duration, Duration)>,
    /// How each agent stood last by the record.
    recorded: Vec<Stand>,
    /// Whose phone the ACD believes to be in a call of its own.
    elsewhere: Vec<bool>,
    /// Who helps a colleague, with how many calls.
    helps: Vec<u32>,
    /// How many phones have rung in vain for each stay.
    vain: Vec<usize>,
    /// The latest due of calls that came by a node to a queue, less the moment that they came, microseconds.
    fresh: BTreeMap<(Arc<str>, Came), i128>,
    /// How many wrap-ups each agent has had, and how long the next one lasts.
    wraps: Vec<(u32, Duration)>,
    open: usize,
}

impl<'a> Play<'a> {
    fn new(recording: &'a Recording, policy: &'a Policy) -> Play<'a> {
        let agents = policy.acd.agents.len();
        let away = (recording.from, (Presence::LoggedOut, Activity::Idle));
        Play {
            recording,
            policy,
            acd: Acd::new(policy.acd.clone(), recording.from),
            agenda: BTreeMap::new(),
            put: 0,
            now: recording.from,
            talks: policy.acd.queues.iter().map(|queue| talks(recording, &queue.name)).collect(),
            figures: empty(policy),
            serves: policy.acd.agents.iter().map(|agent| serves(policy, agent)).collect(),
            stands: vec![away; agents],
            of_call: BTreeMap::new(),
            recorded: vec![away.1; agents],
            elsewhere: vec![false; agents],
            helps: vec![0; agents],
            vain: vec![0; recording.waits.len()],
            fresh: fresh(recording),
            wraps: vec![(0, Duration::ZERO); agents],
            open: 0,
        }
    }

    fn at(&mut self, at: Timestamp, act: Act) {
        self.put += 1;
        self.agenda.insert((at, self.put), act);
    }

    // ---- what is known beforehand -----------------------------------------------------------------------------------

    fn plan(&mut self) {
        let works = work_of_anybody(self.recording);
        for (id, config) in (0..).map(AgentId).zip(&self.policy.acd.agents) {
            self.acd.reachable(self.now, id, true);
            match self.recording.stands.get(&config.name) {
                Some(stands) => {
                    for (at, stand) in stands {
                        self.at(*at, Act::Stand(id, *stand));
                    }
                }
                None => {
                    let (from, until) = works;
                    let idle = |presence| (presence, Activity::Idle);
                    self.at(from, Act::Stand(id, idle(Presence::READY)));
                    self.at(until, Act::Stand(id, idle(Presence::LoggedOut)));
                }
            }
        }
        for part in &self.recording.parts {
            let his = |agent: &AgentConfig| agent.name == part.agent;
            if let Some(id) = self.policy.acd.agents.iter().position(his) {
                let agent = AgentId(u32::try_from(id).expect("a policy has few agents"));
                self.at(part.from, Act::Help(agent, true));
                self.at(part.until, Act::Help(agent, false));
            }
        }
        for (at, wait) in self.recording.waits.iter().enumerate() {
            let Some(queue) = queue_at(self.policy, &wait.queue) else { continue };
            let (Some(outcome), Some(waited)) = (wait.outcome(), wait.waited()) else { continue };
            if waited.is_zero() && outcome != Outcome::Answered {
                // Turned away at the door: no agent could have changed that.
                if !wait.called_back {
                    self.figures[queue].ended(outcome, waited, wait.level);
                }
                continue;
            }
            if wait.called_back && wait.rang.is_none() {
                // It only kept a place: nobody was bound by it.
                continue;
            }
            self.open += 1;
            self.at(wait.from, Act::Queue(at));
            if let Some(leaves) = leaves(wait, outcome, waited, self.talks[queue].gives_up) {
                self.at(wait.from + leaves, Act::Leave(at));
            }
        }
    }

    // ---- the play ---------------------------------------------------------------------------------------------------

    fn run(&mut self) {
        let last = self.recording.until + REPLAY_RUNS_ON;
        loop {
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = [next, self.acd.poll_timeout()].into_iter().flatten().min() else {
                break;
            };
            let over = self.open == 0 && at >= self.recording.until;
            if over || at > last {
                break;
            }
            self.now = at.max(self.now);
            if next == Some(at) {
                let (_, act) = self.agenda.pop_first().expect("seen above");
                self.act(act);
            } else {
                self.acd.handle_timeout(self.now);
            }
            self.drain();
        }
        let until = self.recording.until;
        for id in 0..self.stands.len() {
            self.spent(id, until);
        }
    }

    fn act(&mut self, act: Act) {
        let now = self.now;
        match act {
            Act::Stand(agent, stand) => {
                self.recorded[agent.0 as usize] = stand;
                self.stand(agent, stand);
            }
            Act::Help(agent, begins) => {
                self.spent(agent.0 as usize, now);
                let helps = &mut self.helps[agent.0 as usize];
                *helps = if begins { *helps + 1 } else { *helps - 1 };
                self.stand(agent, self.recorded[agent.0 as usize]);
            }
            Act::StandAgain(agent) => self.stand(agent, self.recorded[agent.0 as usize]),
            Act::Refuse(offer, failure) => self.acd.failed(now, offer, failure),
            Act::Queue(at) => self.queue(at),
            Act::Leave(at) => {
                let wait = &self.recording.waits[at];
                let why = match wait.outcome() {
                    Some(Outcome::Callback) => Leaving::Callback,
                    Some(
                        Outcome::Answered
                        | Outcome::Abandoned
                        | Outcome::ShortAbandoned
                        | Outcome::NoAgents
                        | Outcome::RejectedFull,
                    )
                    | None => Leaving::HungUp,
                    Some(
                        Outcome::Overflow
                        | Outcome::Timeout
                        | Outcome::Closed
                        | Outcome::KeyExit
                        | Outcome::Withdrawn
                        | Outcome::Failed,
                    ) => Leaving::Elsewhere,
                };
                // Whoever talks by now has no patience to lose.
                if self.acd.position(played(at)).is_some() {
                    self.acd.withdraw(now, played(at), why);
                }
            }
            Act::Answer(offer, agent) => {
                if let Answer::Accepted { call, .. } = self.acd.answered(now, offer) {
                    let wrap_up = self.of_call.get(&call).map(|(_, _, wrap_up)| *wrap_up);
                    self.wraps[agent.0 as usize].1 = wrap_up.unwrap_or_default();
                    self.answered(offer, call);
                }
            }
            Act::Join(offer, call) => self.join(offer, call),
            Act::TalkOver(call) => self.acd.ended(now, call, Side::Caller),
            Act::WrapUpOver(agent, which) => {
                if self.wraps[agent.0 as usize].0 == which {
                    self.acd.end_wrap_up(now, agent);
                }
            }
        }
    }

    /// An agent has answered: the caller is there, or is called now.
    fn answered(&mut self, offer: OfferId, call: CallId) {
        let dialled = self.of_call.get(&call).map(|(at, _, _)| self.recording.waits[*at].dialled());
        match dialled.filter(|dialled| !dialled.is_zero()) {
            Some(dialled) => {
                self.acd.dialing(self.now, offer, dialled + RINGS);
                self.at(self.now + dialled, Act::Join(offer, call));
            }
            None => self.join(offer, call),
        }
    }

    /// The two talk, unless he whom the agent has called back did not answer then.
    fn join(&mut self, offer: OfferId, call: CallId) {
        let wait = self.of_call.get(&call).map(|(at, _, _)| &self.recording.waits[*at]);
        let in_vain = wait.is_some_and(|wait| wait.called_back && wait.talk.is_none());
        if in_vain {
            self.acd.withdraw(self.now, call, Leaving::Elsewhere);
        } else {
            self.acd.connected(self.now, offer);
        }
    }

    /// An agent does what he did then.
    fn stand(&mut self, agent: AgentId, (presence, activity): Stand) {
        let now = self.now;
        let Some(view) = self.acd.agent(agent) else { return };
        let status = match presence {
            Presence::LoggedOut => None,
            Presence::Chosen(status) => Some(status),
            Presence::NotResponding | Presence::Unreachable => Some(Status::NotReady),
        };
        let chosen = view.pending.unwrap_or(view.presence);
        match status {
            None if chosen == Presence::LoggedOut => {}
            None => self.acd.log_out(now, agent, Actor::Agent),
            Some(status) if chosen == Presence::Chosen(status) => {}
            Some(status) => {
                if view.presence == Presence::LoggedOut {
                    self.acd.log_in(now, agent);
                }
                // It may be refused only for who isn't here, and he is.
                let _ = self.acd.set_status(now, agent, status, Actor::Agent, None);
            }
        }
        let helps = self.helps[agent.0 as usize] > 0;
        let elsewhere = helps || matches!(activity, Activity::Outbound | Activity::Supervising);
        if elsewhere != std::mem::replace(&mut self.elsewhere[agent.0 as usize], elsewhere) {
            self.acd.outbound(now, agent, elsewhere);
        }
    }

    fn queue(&mut self, at: usize) {
        let wait = &self.recording.waits[at];
        let Some(queue) = queue_at(self.policy, &wait.queue) else { return };
        let talks = &mut self.talks[queue];
        let (talk, wrap_up) = match wait.talk {
            Some(talk) => (talk, wait.wrap_up),
            None if wait.called_back => Default::default(),
            None => talks.stand_in(),
        };
        self.of_call.insert(played(at), (at, talk, wrap_up));
        let Asks { requires, priority, max_wait } = asks(self.policy, wait);
        let id = QueueId(u16::try_from(queue).expect("a policy has few queues"));
        let new = Waiting::new(played(at), id, self.now);
        let absent = wait.called_back;
        let enqueued_at = self.now - self.lead(wait);
        let new = Waiting { requires, priority, enqueued_at, max_wait, absent, ..new };
        self.acd.enqueue(self.now, new);
    }

    /// How much earlier than it came the call stands: by so much its due was before that of calls that came by the same
    /// node and brought no place along.
    fn lead(&self, wait: &Wait) -> Duration {
        let fresh = self.fresh.get(&(wait.queue.clone(), wait.node.clone()));
        let lead = fresh.zip(wait.due_after()).map_or(0, |(fresh, due)| fresh - due);
        Duration::from_micros(u64::try_from(lead).unwrap_or_default())
    }

    fn drain(&mut self) {
        while let Some(event) = self.acd.poll_event() {
            match event {
                Event::Offer { offer, call, agent, .. } => {
                    self.acd.ringing(self.now, offer);
                    self.ring(offer, call, agent);
                }
                Event::WaitEnded { call, why, waited, service_level, .. } => {
                    self.wait_ended(call, why, waited, service_level);
                }
                Event::AgentChanged { agent, to, .. } => self.changed(agent, to),
                Event::Decided(_)
                | Event::Withdrawn { .. }
                | Event::OfferEnded { .. }
                | Event::ConnectFailed { .. }
                | Event::ServiceLevelMissed { .. }
                | Event::StatusLimit { .. }
                | Event::ActivityAlarm { .. } => {}
            }
        }
    }

    /// A phone rings: in vain, as often as phones rang in vain for this stay, and then until it is answered.
    fn ring(&mut self, offer: OfferId, call: CallId, agent: AgentId) {
        let Some(at) = self.of_call.get(&call).map(|(at, _, _)| *at) else { return };
        let (vain, recording) = (self.vain[at], self.recording);
        let Some((why, lasted)) = recording.waits[at].vain.get(vain) else {
            let rings = self.rings(at).unwrap_or(RINGS);
            self.at(self.now + rings, Act::Answer(offer, agent));
            return;
        };
        self.vain[at] += 1;
        let failure = match why {
            OfferResult::Declined => Failure::Declined,
            OfferResult::Busy => Failure::Busy,
            OfferResult::Unreachable | OfferResult::Error => Failure::Error,
            OfferResult::Answered
            | OfferResult::NoAnswer
            | OfferResult::CallerGone
            | OfferResult::CancelledStatus
            | OfferResult::Glare
            | OfferResult::LostRace => {
                // It rings for as long as the queue lets it.
                return;
            }
        };
        self.at(self.now + *lasted, Act::Refuse(offer, failure));
    }

    /// How long the phone of whoever takes this stay rings: as it did, and longer than the caller stayed to hear.
    fn rings(&self, at: usize) -> Option<Duration> {
        let wait = &self.recording.waits[at];
        wait.rang.map(|(_, lasted)| lasted).or_else(|| {
            let all = &self.talks[queue_at(self.policy, &wait.queue)?].all;
            let sum: Duration = all.iter().map(|(rang, _, _)| *rang).sum();
            let mean = sum.checked_div(u32::try_from(all.len()).ok()?);
            mean.map(|mean| mean + wait.rings.unwrap_or_default())
        })
    }

    fn wait_ended(
        &mut self,
        call: CallId,
        why: WaitEnd,
        waited: Duration,
        level: crate::acd::ServiceLevel,
    ) {
        let Some((at, talk, _)) = self.of_call.get(&call).copied() else { return };
        self.open -= 1;
        let wait = &self.recording.waits[at];
        let queue = queue_at(self.policy, &wait.queue).expect("it was queued there");
        let short = waited < self.policy.acd.queues[queue].short_abandon;
        let outcome = match why {
            WaitEnd::Connected(_) => Outcome::Answered,
            WaitEnd::HungUp if short => Outcome::ShortAbandoned,
            WaitEnd::HungUp => Outcome::Abandoned,
            WaitEnd::Callback => Outcome::Callback,
            WaitEnd::Elsewhere => wait.outcome().unwrap_or(Outcome::Withdrawn),
            WaitEnd::MaxWait => Outcome::Timeout,
            WaitEnd::NoAgents => Outcome::NoAgents,
            WaitEnd::Full => Outcome::RejectedFull,
        };
        if !wait.called_back {
            self.figures[queue].ended(outcome, waited, Some(level));
        }
        if outcome == Outcome::Answered {
            self.at(self.now + talk, Act::TalkOver(call));
        }
    }

    fn changed(&mut self, agent: AgentId, to: Stand) {
        let id = agent.0 as usize;
        let now = self.now;
        self.spent(id, now);
        let before = std::mem::replace(&mut self.stands[id], (now, to)).1;
        if matches!(to.0, Presence::NotResponding | Presence::Unreachable) && to.0 != before.0 {
            // How long that lasted is in the record.
            self.at(now, Act::StandAgain(agent));
        }
        if to.1 == Activity::WrapUp && before.1 != Activity::WrapUp {
            let (which, lasts) = &mut self.wraps[id];
            *which += 1;
            let (which, lasts) = (*which, *lasts);
            self.at(now + lasts, Act::WrapUpOver(agent, which));
        }
    }

    /// An agent has stood as he stands until this moment; what comes after the stretch counts for nothing.
    fn spent(&mut self, id: usize, until: Timestamp) {
        let (since, mut stand) = self.stands[id];
        if self.helps[id] > 0 && stand.1 == Activity::Outbound {
            // His colleague's caller is work, unlike a call of his own.
            stand.1 = Activity::Talking;
        }
        let lasted = until.min(self.recording.until).since(since);
        for queue in &self.serves[id] {
            self.figures[*queue].spent(stand, lasted);
        }
        self.stands[id].0 = until;
    }
}

impl Talks {
    /// A talk for a call that had none.
    fn stand_in(&mut self) -> (Duration, Duration) {
        let Some((_, talk, wrap_up)) = self.all.get(self.next % self.all.len().max(1)) else {
            return Default::default();
        };
        self.next += 1;
        (*talk, *wrap_up)
    }
}

/// The call that a stay is in the play: one that waits twice is two.
fn played(at: usize) -> CallId {
    CallId(at as u64)
}

/// The talks of one queue, and how fast its callers give up.
fn talks(recording: &Recording, queue: &str) -> Talks {
    let his = recording.waits.iter().filter(|wait| *wait.queue == *queue && !wait.called_back);
    let (mut all, mut gave_up, mut waited) = (Vec::new(), 0.0, 0.0);
    for wait in his {
        if let (Some((_, rang)), Some(talk)) = (wait.rang, wait.talk) {
            all.push((rang, talk, wait.wrap_up));
        }
        gave_up += f64::from(u8::from(matches!(wait.outcome(), Some(Outcome::Abandoned))));
        waited += wait.waited().unwrap_or_default().as_secs_f64();
    }
    let gives_up = if waited > 0.0 { gave_up / waited } else { 0.0 };
    Talks { all, next: 0, gives_up }
}

/// The flow and the node by which a call came.
type Came = Option<(Arc<str>, Arc<str>)>;

/// How much later than they come calls are due that bring no place along: the latest of each queue and node.
fn fresh(recording: &Recording) -> BTreeMap<(Arc<str>, Came), i128> {
    let mut fresh = BTreeMap::new();
    for wait in recording.waits.iter().filter(|wait| !wait.called_back) {
        if let Some(due) = wait.due_after() {
            let latest = fresh.entry((wait.queue.clone(), wait.node.clone())).or_insert(due);
            *latest = due.max(*latest);
        }
    }
    fresh
}

/// After how long a caller leaves unless somebody takes him; `None`: he waits for as long as it takes.
fn leaves(wait: &Wait, outcome: Outcome, waited: Duration, gives_up: f64) -> Option<Duration> {
    let more = || {
        let secs = -libm::log(chance(wait.call)) / gives_up;
        (gives_up > 0.0).then(|| Duration::try_from_secs_f64(secs).unwrap_or(REPLAY_RUNS_ON))
    };
    if wait.called_back {
        return None;
    }
    match outcome {
        Outcome::Answered => more().map(|more| waited + more),
        Outcome::NoAgents | Outcome::RejectedFull => more(),
        Outcome::Abandoned
        | Outcome::ShortAbandoned
        | Outcome::Callback
        | Outcome::Overflow
        | Outcome::Timeout
        | Outcome::Closed
        | Outcome::KeyExit
        | Outcome::Withdrawn
        | Outcome::Failed => Some(waited),
    }
}

/// A number in (0, 1] that belongs to a call (SplitMix64): the same in every play.
fn chance(call: CallId) -> f64 {
    let mut z = call.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
}

/// From when to when anybody was at work.
fn work_of_anybody(recording: &Recording) -> (Timestamp, Timestamp) {
    let (mut from, mut until) = (recording.until, recording.from);
    for stands in recording.stands.values() {
        let ends = stands.iter().skip(1).map(|(at, _)| *at).chain([recording.until]);
        for ((begins, (presence, _)), ends) in stands.iter().zip(ends) {
            if *presence != Presence::LoggedOut {
                (from, until) = (from.min(*begins), until.max(ends));
            }
        }
    }
    (from, until)
}

/// How a call waits by the node of this configuration that it came by.
struct Asks {
    requires: Requirement,
    priority: i32,
    max_wait: Option<Duration>,
}

/// What the node of this configuration by which the call came asks of its agent, its head start and its longest wait.
/// Names of skills that depend on what the caller said are not asked for: the record does not hold it.
fn asks(policy: &Policy, wait: &Wait) -> Asks {
    let nothing = Asks { requires: Requirement::anyone(), priority: 0, max_wait: None };
    let node = wait.node.as_ref().and_then(|(flow, node)| {
        let flow = policy.flows.get(flow)?;
        Some(flow.node(flow.find(node)?))
    });
    let Some(Kind::Queue(queue)) = node.map(|node| &node.kind) else { return nothing };
    if *queue.name.value != *wait.queue {
        return nothing;
    }
    Asks {
        requires: required(policy, queue).unwrap_or_else(Requirement::anyone),
        priority: queue.priority,
        max_wait: queue.max_wait.into_iter().chain(moved_on(queue)).min(),
    }
}

/// When a rule of the node moves a caller on who has waited for so long. Places and forecasts are not followed.
fn moved_on(queue: &Queue) -> Option<Duration> {
    let moves = queue.rules.iter().filter(|rule| matches!(rule.act, WaitAct::Overflow(_)));
    let times = moves.filter_map(|rule| match rule.at {
        WaitPoint::Waited(after) => Some(after),
        WaitPoint::EstimateOver(_) | WaitPoint::PositionOver(_) => None,
    });
    times.min()
}

fn required(policy: &Policy, queue: &Queue) -> Option<Requirement> {
    let expression = queue.requires.clone()?;
    let mut plain = |template: Template| plain(&template).ok_or(());
    let expression: Expression<Arc<str>> = expression.try_map(&mut plain).ok()?;
    Some(Requirement::of(&expression, |name| policy.skill(name).unwrap_or(NOBODYS)))
}

fn plain(template: &Template) -> Option<Arc<str>> {
    let texts = template.parts.iter().map(|part| match part {
        Part::Text(text) => Some(&**text),
        Part::Var(_) => None,
    });
    texts.collect::<Option<String>>().map(Arc::from)
}
