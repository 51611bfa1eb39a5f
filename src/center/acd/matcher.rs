//! Who gets whom: waiting calls by kind, free agents by kind, and the edges between the kinds.
//!
//! Calls that wait in the same queue, require the same and have come to the same step of their wait form a *class*;
//! agents with the same skills, levels and queues form a *profile*. There are tens of each, however many calls and
//! agents there are. Each keeps its members in order and its first member at hand, so a match compares the heads of the
//! d classes (or profiles) across the edges and takes one member out of one tree: O(d + log n). Nothing here ever looks
//! through all calls or all agents.
//!
//! An edge has a level: 0 joins a class with those who have what the call itself requires, 1 with those whom the first
//! stage added, and so on. Reserves keep the last idle agents of a group for calls that nobody else could take; which
//! groups are down to that many is known as bits, so that the rule costs one `and` for each edge.
//!
//! Knows neither why an agent is free nor what an offer is; an order is fixed when a member comes in and never changes.

use super::config::{Order, QueueConfig, ReserveConfig};
use super::ranked::Ranked;
use super::requirement::Requirement;
use super::timeline::{Timeline, bits};
use crate::ids::{AgentId, CallId, QueueId, SkillId};
use crate::limits::CLASSES_MAX;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A class of waiting calls, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassId(u32);

/// Calls that wait in the same queue and require the same, whatever step of their wait they have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindId(u32);

/// A profile of agents, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProfileId(u32);

/// A call's place in the order of calls. The smallest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// Its queue's tier.
    pub tier: i8,
    /// The moment by which it should be answered.
    pub due: Timestamp,
    /// Its number.
    pub call: CallId,
}

/// An agent's place in one order of agents. The smallest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentKey {
    /// What the order is by.
    pub place: Place,
    /// His number.
    pub agent: AgentId,
}

/// What an order is by: the first number, then the second.
pub type Place = (i64, i64);

/// Agents kept for those who can be served by nobody else, as bits: one for each [`ReserveConfig`].
pub type Reserves = u32;

/// An agent's places in all orders.
pub type Places = [Place; Order::ALL.len()];

/// Behind every call.
const NO_CALL: CallKey =
    CallKey { tier: i8::MAX, due: Timestamp::FAR_FUTURE, call: CallId(u64::MAX) };
/// Behind every agent.
const NO_AGENT: AgentKey = AgentKey { place: (i64::MAX, i64::MAX), agent: AgentId(u32::MAX) };

/// What an agent can do: his skills, and the queues he serves (empty: all).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Abilities {
    /// His skills and their levels.
    pub skills: BTreeMap<SkillId, u8>,
    /// His queues; empty: all.
    pub queues: BTreeSet<QueueId>,
}

impl Abilities {
    /// Whether he serves the queue at all.
    pub fn serves_queue(&self, queue: QueueId) -> bool {
        self.queues.is_empty() || self.queues.contains(&queue)
    }

    /// The first of these that he meets, if he serves the queue.
    fn level(&self, queue: QueueId, enough: &[Requirement]) -> Option<u8> {
        let meets = |requirement: &Requirement| requirement.met_by(&self.skills);
        let level = enough.iter().position(meets).filter(|_| self.serves_queue(queue))?;
        Some(u8::try_from(level).expect("stages are bounded"))
    }
}

/// A class and a profile that fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// 0: the profile has what the call requires; n: what its n-th stage requires.
    pub level: u8,
    /// The profile.
    pub profile: ProfileId,
}

#[derive(Debug)]
struct Class {
    queue: QueueId,
    requirement: Requirement,
    step: u16,
    kind: KindId,
    order: Order,
    calls: Ranked<CallKey>,
    /// Calls that are rung for and have room for another phone.
    ringing: BTreeSet<CallKey>,
    /// Sorted, the best level first.
    edges: Vec<Edge>,
    /// The next step at which something changes, and when.
    next: Option<(u16, Duration)>,
    /// Whether a later stage adds agents.
    grows: bool,
}

#[derive(Debug)]
struct Profile {
    abilities: Abilities,
    /// The reserves that its agents belong to.
    kept: Reserves,
    /// One for each order.
    free: [BTreeSet<AgentKey>; Order::ALL.len()],
    classes: Vec<ClassId>,
}

/// Agents kept for those who have nobody else.
#[derive(Clone, Copy, Debug)]
struct Reserve {
    keep: u32,
    idle: u32,
}

/// Waiting calls and free agents, by class and profile.
#[derive(Debug)]
pub struct Matcher {
    timelines: Vec<Timeline>,
    orders: Vec<Order>,
    /// The orders that some queue uses.
    used: [bool; Order::ALL.len()],
    reserves: Vec<Reserve>,
    /// The reserves that are down to what they keep.
    low: Reserves,
    classes: Vec<Class>,
    class_heads: Vec<CallKey>,
    /// What isn't kept from each class.
    class_free: Vec<Reserves>,
    class_index: BTreeMap<(QueueId, Requirement, u16), ClassId>,
    /// The classes of each kind.
    kinds: Vec<Vec<ClassId>>,
    profiles: Vec<Profile>,
    profile_kept: Vec<Reserves>,
    profile_heads: [Vec<AgentKey>; Order::ALL.len()],
    profile_of: Vec<ProfileId>,
    ringing: usize,
}

impl Matcher {
    /// A matcher for these queues, reserves and agents, by number; nobody is free yet and nothing waits.
    pub fn new(
        queues: &[QueueConfig],
        reserves: &[ReserveConfig],
        agents: impl IntoIterator<Item = Abilities>,
    ) -> Matcher {
        let mut index: BTreeMap<Abilities, ProfileId> = BTreeMap::new();
        let mut profiles = Vec::new();
        let mut profile_of = Vec::new();
        for abilities in agents {
            let next =
                ProfileId(u32::try_from(profiles.len()).expect("fewer profiles than agents"));
            let id = *index.entry(abilities.clone()).or_insert(next);
            if id == next {
                let belongs = |reserve: &ReserveConfig| reserve.requires.met_by(&abilities.skills);
                let kept = bits(reserves.iter().map(belongs));
                let free = Default::default();
                profiles.push(Profile { abilities, kept, free, classes: Vec::new() });
            }
            profile_of.push(id);
        }
        let orders: Vec<Order> = queues.iter().map(|queue| queue.order).collect();
        let reserve = |reserve: &ReserveConfig| Reserve { keep: reserve.idle_min, idle: 0 };
        let mut matcher = Matcher {
            timelines: queues.iter().map(|queue| Timeline::new(queue, reserves)).collect(),
            used: Order::ALL.map(|order| orders.contains(&order)),
            orders,
            reserves: reserves.iter().map(reserve).collect(),
            low: 0,
            classes: Vec::new(),
            class_heads: Vec::new(),
            class_free: Vec::new(),
            class_index: BTreeMap::new(),
            kinds: Vec::new(),
            profile_kept: profiles.iter().map(|profile| profile.kept).collect(),
            profile_heads: std::array::from_fn(|_| vec![NO_AGENT; profiles.len()]),
            profiles,
            profile_of,
            ringing: 0,
        };
        matcher.low = matcher.reckon_low();
        matcher
    }

    /// The class of calls that wait in `queue`, require this and have waited for so long; made when it is new. `None`
    /// when there are [`CLASSES_MAX`] others.
    pub fn class(
        &mut self,
        queue: QueueId,
        requires: &Requirement,
        waited: Duration,
    ) -> Option<ClassId> {
        let step = self.timelines[usize::from(queue.0)].step_at(waited);
        self.class_of_step(queue, requires.clone(), step)
    }

    /// The class that a call of this one belongs to when its present step is over, and when that is, counted from
    /// `enqueued_at`; `None` when nothing changes any more.
    pub fn next_step(&self, class: ClassId) -> Option<Duration> {
        self.classes[class.0 as usize].next.map(|(_, after)| after)
    }

    /// The class behind [`Matcher::next_step`]; `None` also when there are [`CLASSES_MAX`] others.
    pub fn next_class(&mut self, class: ClassId) -> Option<ClassId> {
        let Class { queue, requirement, next, .. } = &self.classes[class.0 as usize];
        let (queue, requirement, (step, _)) = (*queue, requirement.clone(), (*next)?);
        self.class_of_step(queue, requirement, step)
    }

    /// The class of calls like those of this one which have waited for so long; `None` when there are [`CLASSES_MAX`]
    /// others.
    pub fn class_after(&mut self, class: ClassId, waited: Duration) -> Option<ClassId> {
        let Class { queue, requirement, .. } = &self.classes[class.0 as usize];
        let (queue, requirement) = (*queue, requirement.clone());
        self.class(queue, &requirement, waited)
    }

    fn class_of_step(
        &mut self,
        queue: QueueId,
        requirement: Requirement,
        step: u16,
    ) -> Option<ClassId> {
        let name = (queue, requirement, step);
        if let Some(known) = self.class_index.get(&name) {
            return Some(*known);
        }
        if self.classes.len() >= CLASSES_MAX {
            return None;
        }
        let id = ClassId(u32::try_from(self.classes.len()).expect("fewer than CLASSES_MAX"));
        let timeline = &self.timelines[usize::from(queue.0)];
        let edges = self.edges_of(queue, &timeline.enough(step, &name.1));
        let free = self.not_kept_from(&edges) | timeline.over(step);
        let next = self.next_change(queue, &name.1, step, &edges, free);
        let all = timeline.enough(timeline.last(), &name.1);
        let grows = self.edges_of(queue, &all).len() > edges.len();
        for edge in &edges {
            self.profiles[edge.profile.0 as usize].classes.push(id);
        }
        let kind = self.kind_of(&name);
        self.kinds[kind.0 as usize].push(id);
        self.classes.push(Class {
            queue,
            requirement: name.1.clone(),
            step,
            kind,
            order: self.orders[usize::from(queue.0)],
            calls: Ranked::default(),
            ringing: BTreeSet::new(),
            edges,
            next,
            grows,
        });
        self.class_heads.push(NO_CALL);
        self.class_free.push(free);
        self.class_index.insert(name, id);
        Some(id)
    }

    /// The kind of a class that is about to be made: that of another step, or a new one.
    fn kind_of(&mut self, name: &(QueueId, Requirement, u16)) -> KindId {
        let steps = (name.0, name.1.clone(), 0)..=(name.0, name.1.clone(), u16::MAX);
        if let Some((_, other)) = self.class_index.range(steps).next() {
            return self.classes[other.0 as usize].kind;
        }
        self.kinds.push(Vec::new());
        KindId(u32::try_from(self.kinds.len() - 1).expect("fewer than CLASSES_MAX"))
    }

    fn edges_of(&self, queue: QueueId, enough: &[Requirement]) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (at, profile) in self.profiles.iter().enumerate() {
            if let Some(level) = profile.abilities.level(queue, enough) {
                let profile = ProfileId(u32::try_from(at).expect("fewer profiles than agents"));
                edges.push(Edge { level, profile });
            }
        }
        edges.sort_unstable();
        edges
    }

    /// The reserves that hold everybody who has what a call itself requires: who has nobody else may have the last.
    fn not_kept_from(&self, edges: &[Edge]) -> Reserves {
        let own = edges.iter().filter(|edge| edge.level == 0);
        own.fold(Reserves::MAX, |all, edge| all & self.profile_kept[edge.profile.0 as usize])
    }

    /// The next step at which more agents come into question, or fewer of them are kept for others.
    fn next_change(
        &self,
        queue: QueueId,
        requirement: &Requirement,
        step: u16,
        edges: &[Edge],
        free: Reserves,
    ) -> Option<(u16, Duration)> {
        let timeline = &self.timelines[usize::from(queue.0)];
        let kept = |edges: &[Edge]| {
            edges.iter().fold(0, |all, edge| all | self.profile_kept[edge.profile.0 as usize])
        };
        let mut later = step + 1;
        while let Some(after) = timeline.begins(later) {
            let more = timeline.stage(later) != timeline.stage(step)
                && self.edges_of(queue, &timeline.enough(later, requirement)) != edges;
            if more || kept(edges) & timeline.over(later) & !free != 0 {
                return Some((later, after));
            }
            later += 1;
        }
        None
    }

    /// A call waits.
    pub fn queue_call(&mut self, class: ClassId, key: CallKey) {
        let at = class.0 as usize;
        let new = self.classes[at].calls.insert(key);
        assert!(new, "a call waits once");
        self.class_heads[at] = self.class_heads[at].min(key);
    }

    /// A call waits no more.
    pub fn unqueue_call(&mut self, class: ClassId, key: CallKey) {
        let at = class.0 as usize;
        if self.class_heads[at] == key {
            self.classes[at].calls.remove(key);
            self.class_heads[at] = self.classes[at].calls.first().unwrap_or(NO_CALL);
        } else {
            let was = self.classes[at].calls.remove(key);
            assert!(was, "a call that is taken out was waiting");
        }
    }

    /// A call is rung for, and another phone may ring too, or (`false`) not any more.
    pub fn ring_more(&mut self, class: ClassId, key: CallKey, more: bool) {
        let ringing = &mut self.classes[class.0 as usize].ringing;
        let changed = if more { ringing.insert(key) } else { ringing.remove(&key) };
        assert!(changed, "a call has room for another phone or it hasn't");
        self.ringing = if more { self.ringing + 1 } else { self.ringing - 1 };
    }

    /// An agent is free. Tells which reserves are no longer down to what they keep.
    pub fn list_agent(&mut self, agent: AgentId, places: &Places) -> Reserves {
        let at = self.profile_of(agent).0 as usize;
        for order in Order::ALL.into_iter().filter(|order| self.used[*order as usize]) {
            let key = AgentKey { place: places[order as usize], agent };
            let new = self.profiles[at].free[order as usize].insert(key);
            assert!(new, "an agent is free once");
            let head = &mut self.profile_heads[order as usize][at];
            *head = (*head).min(key);
        }
        self.count_idle(at, true)
    }

    /// An agent is free no more.
    pub fn unlist_agent(&mut self, agent: AgentId, places: &Places) {
        let at = self.profile_of(agent).0 as usize;
        for order in Order::ALL.into_iter().filter(|order| self.used[*order as usize]) {
            let key = AgentKey { place: places[order as usize], agent };
            let free = &mut self.profiles[at].free[order as usize];
            let head = &mut self.profile_heads[order as usize][at];
            if *head == key {
                free.pop_first();
                *head = free.first().copied().unwrap_or(NO_AGENT);
            } else {
                let was = free.remove(&key);
                assert!(was, "an agent who is taken out was free");
            }
        }
        self.count_idle(at, false);
    }

    /// One idle agent more or less in the reserves of a profile; tells which are no longer low.
    fn count_idle(&mut self, profile: usize, more: bool) -> Reserves {
        let (mut rest, mut risen) = (self.profile_kept[profile], 0);
        while rest != 0 {
            let at = rest.trailing_zeros();
            rest &= rest - 1;
            let reserve = &mut self.reserves[at as usize];
            reserve.idle = if more { reserve.idle + 1 } else { reserve.idle - 1 };
            let (bit, low) = (1 << at, reserve.idle <= reserve.keep);
            risen |= if low { 0 } else { self.low & bit };
            self.low = if low { self.low | bit } else { self.low & !bit };
        }
        risen
    }

    fn reckon_low(&self) -> Reserves {
        bits(self.reserves.iter().map(|reserve| reserve.idle <= reserve.keep))
    }

    /// Whether a reserve keeps the agents of a profile from the calls of a class now.
    pub fn keeps(&self, class: ClassId, profile: ProfileId) -> bool {
        let kept = self.profile_kept[profile.0 as usize];
        kept & self.low & !self.class_free[class.0 as usize] != 0
    }

    /// The first waiting call that this free agent may serve, those refused by `barred` left out.
    pub fn best_call(&self, agent: AgentId, barred: impl Fn(CallId) -> bool) -> Option<CallKey> {
        let profile = self.profile_of(agent);
        let kept = self.profile_kept[profile.0 as usize] & self.low;
        let mut best = NO_CALL;
        for class in &self.profiles[profile.0 as usize].classes {
            let head = self.class_heads[class.0 as usize];
            if head >= best || kept & !self.class_free[class.0 as usize] != 0 {
                continue;
            }
            best = if barred(head.call) {
                let mut rest = self.classes[class.0 as usize].calls.iter().skip(1);
                rest.find(|key| !barred(key.call)).map_or(best, |key| best.min(key))
            } else {
                head
            };
        }
        (best != NO_CALL).then_some(best)
    }

    /// The first call that is rung for already and has room for the phone of this agent, for whom nothing waits.
    pub fn best_ringing(&self, agent: AgentId, barred: impl Fn(CallId) -> bool) -> Option<CallKey> {
        if self.ringing == 0 {
            return None;
        }
        let profile = self.profile_of(agent);
        let open = self.classes_for(profile).iter().filter(|id| !self.keeps(**id, profile));
        let first = |id: &ClassId| {
            self.classes[id.0 as usize].ringing.iter().find(|key| !barred(key.call)).copied()
        };
        open.filter_map(first).min()
    }

    /// The first free agent who may serve a call of this class, those refused by `barred` left out: of the best level,
    /// and there the first in the order of the class's queue.
    pub fn best_agent(&self, class: ClassId, barred: impl Fn(AgentId) -> bool) -> Option<AgentKey> {
        let Class { order, edges, .. } = &self.classes[class.0 as usize];
        let heads = &self.profile_heads[*order as usize];
        let not_kept = !self.class_free[class.0 as usize] & self.low;
        let (mut best, mut level) = (NO_AGENT, 0);
        for edge in edges {
            let profile = edge.profile.0 as usize;
            if edge.level != level {
                if best != NO_AGENT {
                    break;
                }
                level = edge.level;
            }
            let head = heads[profile];
            if head >= best || self.profile_kept[profile] & not_kept != 0 {
                continue;
            }
            best = if barred(head.agent) {
                let mut rest = self.profiles[profile].free[*order as usize].iter().skip(1);
                rest.find(|key| !barred(key.agent)).map_or(best, |key| best.min(*key))
            } else {
                head
            };
        }
        (best != NO_AGENT).then_some(best)
    }

    /// Whether a reserve keeps this agent from calls of this class now.
    pub fn is_kept(&self, class: ClassId, agent: AgentId) -> bool {
        self.keeps(class, self.profile_of(agent))
    }

    /// The classes in which calls wait and which free agents of these reserves may serve.
    pub(super) fn classes_beside(&self, reserves: Reserves) -> impl Iterator<Item = ClassId> {
        let beside = move |edge: &Edge| {
            let profile = edge.profile.0 as usize;
            let free = self.profiles[profile].free.iter().any(|free| !free.is_empty());
            free && self.profile_kept[profile] & reserves != 0
        };
        let waits = |at: &usize| self.class_heads[*at] != NO_CALL;
        let found = (0..self.classes.len()).filter(waits);
        let found = found.filter(move |at| self.classes[*at].edges.iter().any(beside));
        found.map(|at| self.class_at(at))
    }

    /// The profile of an agent.
    pub fn profile_of(&self, agent: AgentId) -> ProfileId {
        self.profile_of[agent.0 as usize]
    }

    /// How many profiles there are.
    pub fn profiles_len(&self) -> usize {
        self.profiles.len()
    }

    /// A class by its position, which is less than [`Matcher::classes_len`].
    pub fn class_at(&self, at: usize) -> ClassId {
        assert!(at < self.classes.len(), "a class that is there");
        ClassId(u32::try_from(at).expect("fewer than CLASSES_MAX"))
    }

    /// How many classes there are.
    pub fn classes_len(&self) -> usize {
        self.classes.len()
    }

    /// The profiles that may serve a class, the best level first.
    pub fn edges(&self, class: ClassId) -> &[Edge] {
        &self.classes[class.0 as usize].edges
    }

    /// How many stages of its queue the calls of a class have come through.
    pub fn stage(&self, class: ClassId) -> usize {
        let Class { queue, step, .. } = &self.classes[class.0 as usize];
        self.timelines[usize::from(queue.0)].stage(*step)
    }

    /// What the calls of a class require themselves, and what each stage so far has added.
    pub fn enough(&self, class: ClassId) -> Vec<Requirement> {
        let Class { queue, step, requirement, .. } = &self.classes[class.0 as usize];
        self.timelines[usize::from(queue.0)].enough(*step, requirement)
    }

    /// Whether a later stage lets more agents have the calls of a class.
    pub fn grows(&self, class: ClassId) -> bool {
        self.classes[class.0 as usize].grows
    }

    /// The order of agents that holds for a class.
    pub fn order(&self, class: ClassId) -> Order {
        self.classes[class.0 as usize].order
    }

    /// The classes that a profile may serve.
    pub fn classes_for(&self, profile: ProfileId) -> &[ClassId] {
        &self.profiles[profile.0 as usize].classes
    }

    /// The classes that the profile at this position may serve.
    pub fn classes_of_profile(&self, at: usize) -> &[ClassId] {
        &self.profiles[at].classes
    }

    /// The queue that a class waits in.
    pub fn queue_of(&self, class: ClassId) -> QueueId {
        self.classes[class.0 as usize].queue
    }

    /// The profiles that serve a queue at all, by position.
    pub fn profiles_of_queue(&self, queue: QueueId) -> impl Iterator<Item = usize> {
        let serves = move |profile: &&Profile| profile.abilities.serves_queue(queue);
        self.profiles.iter().enumerate().filter(move |(_, p)| serves(p)).map(|(at, _)| at)
    }

    /// The first free agent but this one, in the queue's order, of those who serve it at all.
    pub fn first_free(&self, queue: QueueId, but: AgentId) -> Option<AgentKey> {
        let order = self.orders[usize::from(queue.0)] as usize;
        let first = |at: usize| {
            let mut free = self.profiles[at].free[order].iter().copied();
            free.find(|key| key.agent != but)
        };
        self.profiles_of_queue(queue).filter_map(first).min()
    }

    /// Whether a call waits in a class.
    pub fn is_queued(&self, class: ClassId, key: CallKey) -> bool {
        self.classes[class.0 as usize].calls.contains(key)
    }

    /// The calls that wait in a class, in order.
    pub fn calls_of(&self, class: ClassId) -> impl Iterator<Item = CallKey> {
        self.classes[class.0 as usize].calls.iter()
    }

    /// Whether any call waits in a class.
    pub fn waits(&self, class: ClassId) -> bool {
        self.class_heads[class.0 as usize] != NO_CALL
    }

    /// The kind of a class.
    pub fn kind(&self, class: ClassId) -> KindId {
        self.classes[class.0 as usize].kind
    }

    /// How many waiting calls of a class's kind, in whatever step, go before this key.
    pub fn ahead(&self, class: ClassId, key: CallKey) -> usize {
        let steps = self.kinds[self.kind(class).0 as usize].iter();
        steps.map(|step| self.classes[step.0 as usize].calls.rank(key)).sum()
    }

    /// How many calls wait in a queue, those that are rung for or held for one agent left out.
    pub fn waiting_in(&self, queue: QueueId) -> usize {
        let classes = self.classes.iter().filter(|class| class.queue == queue);
        classes.map(|class| class.calls.len()).sum()
    }

    /// The free agents of a profile in one order.
    pub fn free_of(&self, profile: ProfileId, order: Order) -> impl Iterator<Item = AgentKey> {
        self.profiles[profile.0 as usize].free[order as usize].iter().copied()
    }

    /// How many agents of a profile are free; `order` is one that some queue uses.
    pub fn free_len(&self, profile: ProfileId, order: Order) -> usize {
        self.profiles[profile.0 as usize].free[order as usize].len()
    }

    /// Panics unless heads are first members, edges join exactly those who fit, and reserves count their idle agents.
    pub fn check_invariants(&self) {
        for (at, class) in self.classes.iter().enumerate() {
            let first = class.calls.first().unwrap_or(NO_CALL);
            assert_eq!(first, self.class_heads[at], "a class knows its first call");
            let enough = self.enough(self.class_at(at));
            let edges = self.edges_of(class.queue, &enough);
            assert_eq!(class.edges, edges, "an edge joins those who fit");
            let id = self.class_at(at);
            assert!(self.kinds[class.kind.0 as usize].contains(&id), "a kind knows its classes");
            for (profile, Profile { classes, .. }) in self.profiles.iter().enumerate() {
                let joined = edges.iter().any(|edge| edge.profile.0 as usize == profile);
                assert_eq!(joined, classes.contains(&id), "both ends know an edge");
            }
        }
        let ringing: usize = self.classes.iter().map(|class| class.ringing.len()).sum();
        assert_eq!(ringing, self.ringing, "calls with room for a phone are counted");
        for order in Order::ALL {
            for (profile, head) in self.profiles.iter().zip(&self.profile_heads[order as usize]) {
                let first = profile.free[order as usize].first().copied().unwrap_or(NO_AGENT);
                assert_eq!(first, *head, "a profile knows its first agent");
            }
        }
        for (at, reserve) in self.reserves.iter().enumerate() {
            let members = self.profiles.iter().filter(|profile| profile.kept & (1 << at) != 0);
            let idle = |profile: &Profile| profile.free.iter().map(BTreeSet::len).max();
            let idle: usize = members.filter_map(idle).sum();
            assert_eq!(idle, reserve.idle as usize, "a reserve counts its idle agents");
        }
        assert_eq!(self.low, self.reckon_low(), "what is down to its reserve is known");
    }
}

impl ClassId {
    /// Its position.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ProfileId {
    /// Its position.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::config::{Relax, Stage};

    fn abilities(skills: &[(u16, u8)], queues: &[u16]) -> Abilities {
        Abilities {
            skills: skills.iter().map(|(id, level)| (SkillId(*id), *level)).collect(),
            queues: queues.iter().map(|id| QueueId(*id)).collect(),
        }
    }

    fn queues(count: usize) -> Vec<QueueConfig> {
        let mut queue = QueueConfig::new("queue");
        queue.order = Order::LongestIdle;
        vec![queue; count]
    }

    fn matcher(agents: &[Abilities]) -> Matcher {
        Matcher::new(&queues(2), &[], agents.iter().cloned())
    }

    fn needs(skills: &[u16]) -> Requirement {
        Requirement::all_of(skills.iter().map(|id| SkillId(*id)))
    }

    fn call(at: u64, id: u64) -> CallKey {
        CallKey { tier: 0, due: Timestamp::from_secs(at), call: CallId(id) }
    }

    fn places(at: i64) -> Places {
        [(at, 0); 3]
    }

    fn who(found: Option<AgentKey>) -> Option<u32> {
        found.map(|key| key.agent.0)
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn the_earliest_call_of_all_classes_is_taken_and_a_tier_goes_before_all() {
        let mut matcher = matcher(&[abilities(&[(1, 1), (2, 1)], &[]), abilities(&[(2, 1)], &[])]);
        let cards = matcher.class(QueueId(0), &needs(&[1]), NOW).unwrap();
        let loans = matcher.class(QueueId(1), &needs(&[2]), NOW).unwrap();
        matcher.queue_call(cards, call(5, 1));
        matcher.queue_call(loans, call(7, 2));
        assert_eq!(matcher.best_call(AgentId(0), |_| false), Some(call(5, 1)));
        assert_eq!(matcher.best_call(AgentId(1), |_| false), Some(call(7, 2)));
        matcher.unqueue_call(cards, call(5, 1));
        assert_eq!(matcher.best_call(AgentId(0), |_| false), Some(call(7, 2)));
        let urgent = CallKey { tier: -1, ..call(900, 3) };
        matcher.queue_call(cards, urgent);
        assert_eq!(matcher.best_call(AgentId(0), |_| false), Some(urgent));
        matcher.check_invariants();
    }

    #[test]
    fn the_first_agent_of_all_profiles_is_taken() {
        let mut matcher = matcher(&[abilities(&[(1, 1)], &[]), abilities(&[(1, 1), (2, 1)], &[0])]);
        let class = matcher.class(QueueId(0), &needs(&[1]), NOW).unwrap();
        matcher.list_agent(AgentId(0), &places(9));
        matcher.list_agent(AgentId(1), &places(3));
        assert_eq!(who(matcher.best_agent(class, |_| false)), Some(1));
        assert_eq!(who(matcher.best_agent(class, |id| id == AgentId(1))), Some(0));
        let elsewhere = matcher.class(QueueId(1), &needs(&[1]), NOW).unwrap();
        assert_eq!(who(matcher.best_agent(elsewhere, |_| false)), Some(0));
        matcher.check_invariants();
    }

    #[test]
    fn a_barred_head_does_not_hide_those_behind_it() {
        let mut matcher = matcher(&[abilities(&[], &[])]);
        let class = matcher.class(QueueId(0), &needs(&[]), NOW).unwrap();
        for id in 1..=4 {
            matcher.queue_call(class, call(id, id));
        }
        assert_eq!(matcher.best_call(AgentId(0), |id| id.0 < 3), Some(call(3, 3)));
        assert_eq!(matcher.best_call(AgentId(0), |_| true), None);
    }

    #[test]
    fn each_queue_has_its_own_order_of_the_same_agents() {
        let mut queues = queues(2);
        queues[1].order = Order::Rank;
        let mut matcher = Matcher::new(&queues, &[], vec![abilities(&[], &[]); 2]);
        let idle = matcher.class(QueueId(0), &needs(&[]), NOW).unwrap();
        let rank = matcher.class(QueueId(1), &needs(&[]), NOW).unwrap();
        let mut first = places(1);
        first[Order::Rank as usize] = (7, 0);
        matcher.list_agent(AgentId(0), &first);
        matcher.list_agent(AgentId(1), &places(2));
        assert_eq!(who(matcher.best_agent(idle, |_| false)), Some(0));
        assert_eq!(who(matcher.best_agent(rank, |_| false)), Some(1));
        matcher.unlist_agent(AgentId(1), &places(2));
        assert_eq!(who(matcher.best_agent(rank, |_| false)), Some(0));
        matcher.check_invariants();
    }

    #[test]
    fn a_stage_adds_agents_behind_those_who_have_what_was_asked() {
        let mut queues = queues(1);
        let after = Duration::from_secs(20);
        queues[0].stages.push(Stage { after, relax: Relax::Drop(BTreeSet::from([SkillId(1)])) });
        let agents = [abilities(&[(1, 3)], &[]), abilities(&[], &[])];
        let mut matcher = Matcher::new(&queues, &[], agents);
        let class = matcher.class(QueueId(0), &needs(&[1]), NOW).unwrap();
        matcher.list_agent(AgentId(1), &places(1));
        assert_eq!(matcher.best_agent(class, |_| false), None);
        assert_eq!(matcher.next_step(class), Some(after));
        let later = matcher.next_class(class).unwrap();
        assert_eq!(who(matcher.best_agent(later, |_| false)), Some(1));
        matcher.list_agent(AgentId(0), &places(2));
        assert_eq!(who(matcher.best_agent(later, |_| false)), Some(0), "the better fit goes first");
        assert_eq!((matcher.next_step(later), matcher.stage(later)), (None, 1));
        assert_eq!(matcher.class(QueueId(0), &needs(&[1]), after), Some(later));
        matcher.check_invariants();
    }

    #[test]
    fn the_last_of_the_scarce_are_kept_for_those_who_have_nobody_else() {
        let lasts = Duration::from_secs(20);
        let reserve = ReserveConfig { requires: needs(&[1]), idle_min: 1, lasts };
        let agents = [abilities(&[(1, 1)], &[]), abilities(&[(1, 1)], &[]), abilities(&[], &[])];
        let mut matcher = Matcher::new(&queues(1), &[reserve], agents);
        let scarce = matcher.class(QueueId(0), &needs(&[1]), NOW).unwrap();
        let other = matcher.class(QueueId(0), &needs(&[]), NOW).unwrap();
        assert_eq!((matcher.next_step(scarce), matcher.next_step(other)), (None, Some(lasts)));
        assert_eq!(matcher.list_agent(AgentId(0), &places(1)), 0);
        assert_eq!(matcher.best_agent(other, |_| false), None, "the last one is kept");
        assert_eq!(who(matcher.best_agent(scarce, |_| false)), Some(0));
        matcher.queue_call(other, call(1, 1));
        assert_eq!(matcher.best_call(AgentId(0), |_| false), None);
        assert_eq!(matcher.list_agent(AgentId(1), &places(2)), 1, "the reserve is no longer low");
        assert_eq!(matcher.classes_beside(1).collect::<Vec<_>>(), [other]);
        assert_eq!(who(matcher.best_agent(other, |_| false)), Some(0));
        matcher.unlist_agent(AgentId(1), &places(2));
        let waited = matcher.next_class(other).unwrap();
        assert_eq!(who(matcher.best_agent(waited, |_| false)), Some(0), "its time is over");
        matcher.check_invariants();
    }

    #[test]
    fn at_the_bound_no_class_is_added_and_the_old_ones_work_on() {
        let mut matcher = matcher(&[abilities(&[], &[])]);
        let first = matcher.class(QueueId(0), &needs(&[]), NOW).unwrap();
        for id in 1..CLASSES_MAX {
            assert!(
                matcher.class(QueueId(0), &needs(&[u16::try_from(id).unwrap()]), NOW).is_some()
            );
        }
        assert_eq!(matcher.class(QueueId(1), &needs(&[]), NOW), None);
        assert_eq!(matcher.class(QueueId(0), &needs(&[]), NOW), Some(first));
    }
}
