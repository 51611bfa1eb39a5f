//! Who gets whom: waiting calls by kind, free agents by kind, and the edges between the kinds.
//!
//! Calls that wait in the same queue and require the same skills form a *class*; agents with the same skills and queues
//! form a *profile*. There are tens of each, however many calls and agents there are. Each keeps its members in order
//! and its first member at hand, so a match compares the heads of the d classes (or profiles) across the edges and
//! takes one member out of one tree: O(d + log n). Nothing here ever looks through all calls or all agents.
//!
//! Knows neither why an agent is free nor what an offer is; an order is fixed when a member comes in and never changes.

use crate::ids::{AgentId, CallId, QueueId, SkillId};
use crate::limits::CLASSES_MAX;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A class of waiting calls, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassId(u32);

/// A profile of agents, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProfileId(u32);

/// A call's place in the order of calls: the moment by which it should be answered, then its number.
pub type CallKey = (Timestamp, CallId);

/// An agent's place in the order of agents: idle since, then his number.
pub type AgentKey = (Timestamp, AgentId);

/// Behind every call.
const NO_CALL: CallKey = (Timestamp::FAR_FUTURE, CallId(u64::MAX));
/// Behind every agent.
const NO_AGENT: AgentKey = (Timestamp::FAR_FUTURE, AgentId(u32::MAX));

/// What an agent can do: his skills, and the queues he serves (empty: all).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Abilities {
    /// His skills.
    pub skills: BTreeSet<SkillId>,
    /// His queues; empty: all.
    pub queues: BTreeSet<QueueId>,
}

impl Abilities {
    /// Whether he may serve such a call.
    pub fn serves(&self, queue: QueueId, requires: &BTreeSet<SkillId>) -> bool {
        self.serves_queue(queue) && requires.is_subset(&self.skills)
    }

    /// Whether he serves the queue at all.
    pub fn serves_queue(&self, queue: QueueId) -> bool {
        self.queues.is_empty() || self.queues.contains(&queue)
    }
}

#[derive(Debug)]
struct Class {
    queue: QueueId,
    requires: BTreeSet<SkillId>,
    calls: BTreeSet<CallKey>,
    profiles: Vec<ProfileId>,
}

#[derive(Debug)]
struct Profile {
    abilities: Abilities,
    free: BTreeSet<AgentKey>,
    classes: Vec<ClassId>,
}

/// Waiting calls and free agents, by class and profile.
#[derive(Debug)]
pub struct Matcher {
    classes: Vec<Class>,
    class_heads: Vec<CallKey>,
    class_index: BTreeMap<(QueueId, BTreeSet<SkillId>), ClassId>,
    profiles: Vec<Profile>,
    profile_heads: Vec<AgentKey>,
    profile_of: Vec<ProfileId>,
}

impl Matcher {
    /// A matcher for these agents, by number; nobody is free yet and nothing waits.
    pub fn new(agents: impl IntoIterator<Item = Abilities>) -> Matcher {
        let mut index: BTreeMap<Abilities, ProfileId> = BTreeMap::new();
        let mut profiles = Vec::new();
        let mut profile_of = Vec::new();
        for abilities in agents {
            let next =
                ProfileId(u32::try_from(profiles.len()).expect("fewer profiles than agents"));
            let id = *index.entry(abilities.clone()).or_insert(next);
            if id == next {
                profiles.push(Profile { abilities, free: BTreeSet::new(), classes: Vec::new() });
            }
            profile_of.push(id);
        }
        let profile_heads = vec![NO_AGENT; profiles.len()];
        Matcher {
            classes: Vec::new(),
            class_heads: Vec::new(),
            class_index: BTreeMap::new(),
            profiles,
            profile_heads,
            profile_of,
        }
    }

    /// The class of calls that wait in `queue` and require these skills, made when it is new. `None` when there are
    /// [`CLASSES_MAX`] others.
    pub fn class(&mut self, queue: QueueId, requires: &[SkillId]) -> Option<ClassId> {
        let requires: BTreeSet<SkillId> = requires.iter().copied().collect();
        if let Some(known) = self.class_index.get(&(queue, requires.clone())) {
            return Some(*known);
        }
        if self.classes.len() >= CLASSES_MAX {
            return None;
        }
        let id = ClassId(u32::try_from(self.classes.len()).expect("fewer than CLASSES_MAX"));
        let mut profiles = Vec::new();
        for (at, profile) in self.profiles.iter_mut().enumerate() {
            if profile.abilities.serves(queue, &requires) {
                profile.classes.push(id);
                profiles.push(ProfileId(u32::try_from(at).expect("fewer profiles than agents")));
            }
        }
        self.class_index.insert((queue, requires.clone()), id);
        self.classes.push(Class { queue, requires, calls: BTreeSet::new(), profiles });
        self.class_heads.push(NO_CALL);
        Some(id)
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
            self.classes[at].calls.pop_first();
            self.class_heads[at] = self.classes[at].calls.first().copied().unwrap_or(NO_CALL);
        } else {
            let was = self.classes[at].calls.remove(&key);
            assert!(was, "a call that is taken out was waiting");
        }
    }

    /// An agent is free.
    pub fn list_agent(&mut self, key: AgentKey) {
        let at = self.profile_of(key.1).0 as usize;
        let new = self.profiles[at].free.insert(key);
        assert!(new, "an agent is free once");
        self.profile_heads[at] = self.profile_heads[at].min(key);
    }

    /// An agent is free no more.
    pub fn unlist_agent(&mut self, key: AgentKey) {
        let at = self.profile_of(key.1).0 as usize;
        if self.profile_heads[at] == key {
            self.profiles[at].free.pop_first();
            self.profile_heads[at] = self.profiles[at].free.first().copied().unwrap_or(NO_AGENT);
        } else {
            let was = self.profiles[at].free.remove(&key);
            assert!(was, "an agent who is taken out was free");
        }
    }

    /// The first waiting call that this agent may serve, those refused by `barred` left out.
    pub fn best_call(&self, agent: AgentId, barred: impl Fn(CallId) -> bool) -> Option<CallKey> {
        let mut best = NO_CALL;
        for class in &self.profiles[self.profile_of(agent).0 as usize].classes {
            let head = self.class_heads[class.0 as usize];
            if head >= best {
                continue;
            }
            best = if barred(head.1) {
                let mut rest = self.classes[class.0 as usize].calls.iter().skip(1);
                rest.find(|key| !barred(key.1)).map_or(best, |key| best.min(*key))
            } else {
                head
            };
        }
        (best != NO_CALL).then_some(best)
    }

    /// The agent who is free for longest and may serve a call of this class, those refused by `barred` left out.
    pub fn best_agent(&self, class: ClassId, barred: impl Fn(AgentId) -> bool) -> Option<AgentKey> {
        let mut best = NO_AGENT;
        for profile in &self.classes[class.0 as usize].profiles {
            let head = self.profile_heads[profile.0 as usize];
            if head >= best {
                continue;
            }
            best = if barred(head.1) {
                let mut rest = self.profiles[profile.0 as usize].free.iter().skip(1);
                rest.find(|key| !barred(key.1)).map_or(best, |key| best.min(*key))
            } else {
                head
            };
        }
        (best != NO_AGENT).then_some(best)
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

    /// The profiles that may serve a class.
    pub fn profiles_for(&self, class: ClassId) -> &[ProfileId] {
        &self.classes[class.0 as usize].profiles
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

    /// The first free agent of those who serve a queue at all.
    pub fn first_free(&self, queue: QueueId) -> Option<AgentKey> {
        let heads = self.profiles_of_queue(queue).map(|at| self.profile_heads[at]);
        heads.min().filter(|head| *head != NO_AGENT)
    }

    /// Whether a call waits in a class.
    pub fn is_queued(&self, class: ClassId, key: CallKey) -> bool {
        self.classes[class.0 as usize].calls.contains(&key)
    }

    /// The calls that wait in a class, in order.
    pub fn calls_of(&self, class: ClassId) -> impl Iterator<Item = CallKey> {
        self.classes[class.0 as usize].calls.iter().copied()
    }

    /// The free agents of a profile, in order.
    pub fn free_of(&self, profile: ProfileId) -> impl Iterator<Item = AgentKey> {
        self.profiles[profile.0 as usize].free.iter().copied()
    }

    /// Panics unless heads are first members and edges join exactly those who fit.
    pub fn check_invariants(&self) {
        for (class, head) in self.classes.iter().zip(&self.class_heads) {
            let first = class.calls.first().copied().unwrap_or(NO_CALL);
            assert_eq!(first, *head, "a class knows its first call");
        }
        for (profile, head) in self.profiles.iter().zip(&self.profile_heads) {
            let first = profile.free.first().copied().unwrap_or(NO_AGENT);
            assert_eq!(first, *head, "a profile knows its first agent");
            for (at, class) in self.classes.iter().enumerate() {
                let joined = profile.classes.iter().any(|id| id.0 as usize == at);
                let fits = profile.abilities.serves(class.queue, &class.requires);
                assert_eq!(joined, fits, "an edge joins those who fit");
            }
        }
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

    fn abilities(skills: &[u16], queues: &[u16]) -> Abilities {
        Abilities {
            skills: skills.iter().map(|id| SkillId(*id)).collect(),
            queues: queues.iter().map(|id| QueueId(*id)).collect(),
        }
    }

    fn call(at: u64, id: u64) -> CallKey {
        (Timestamp::from_secs(at), CallId(id))
    }

    fn agent(at: u64, id: u32) -> AgentKey {
        (Timestamp::from_secs(at), AgentId(id))
    }

    #[test]
    fn the_earliest_call_of_all_classes_is_taken() {
        let mut matcher = Matcher::new([abilities(&[1, 2], &[]), abilities(&[2], &[])]);
        let cards = matcher.class(QueueId(0), &[SkillId(1)]).unwrap();
        let loans = matcher.class(QueueId(1), &[SkillId(2)]).unwrap();
        matcher.queue_call(cards, call(5, 1));
        matcher.queue_call(loans, call(7, 2));
        assert_eq!(matcher.best_call(AgentId(0), |_| false), Some(call(5, 1)));
        assert_eq!(matcher.best_call(AgentId(1), |_| false), Some(call(7, 2)));
        matcher.unqueue_call(cards, call(5, 1));
        assert_eq!(matcher.best_call(AgentId(0), |_| false), Some(call(7, 2)));
        matcher.check_invariants();
    }

    #[test]
    fn the_longest_idle_agent_of_all_profiles_is_taken() {
        let mut matcher = Matcher::new([abilities(&[1], &[]), abilities(&[1, 2], &[0])]);
        let class = matcher.class(QueueId(0), &[SkillId(1)]).unwrap();
        matcher.list_agent(agent(9, 0));
        matcher.list_agent(agent(3, 1));
        assert_eq!(matcher.best_agent(class, |_| false), Some(agent(3, 1)));
        assert_eq!(matcher.best_agent(class, |id| id == AgentId(1)), Some(agent(9, 0)));
        let elsewhere = matcher.class(QueueId(1), &[SkillId(1)]).unwrap();
        assert_eq!(matcher.best_agent(elsewhere, |_| false), Some(agent(9, 0)));
        matcher.check_invariants();
    }

    #[test]
    fn a_barred_head_does_not_hide_those_behind_it() {
        let mut matcher = Matcher::new([abilities(&[], &[])]);
        let class = matcher.class(QueueId(0), &[]).unwrap();
        for id in 1..=4 {
            matcher.queue_call(class, call(id, id));
        }
        assert_eq!(matcher.best_call(AgentId(0), |id| id.0 < 3), Some(call(3, 3)));
        assert_eq!(matcher.best_call(AgentId(0), |_| true), None);
    }

    #[test]
    fn a_skill_named_twice_is_the_same_class() {
        let mut matcher = Matcher::new([abilities(&[1, 2], &[])]);
        let one = matcher.class(QueueId(0), &[SkillId(1), SkillId(2)]);
        let two = matcher.class(QueueId(0), &[SkillId(2), SkillId(1), SkillId(2)]);
        assert_eq!(one, two);
    }

    #[test]
    fn at_the_bound_no_class_is_added_and_the_old_ones_work_on() {
        let mut matcher = Matcher::new([abilities(&[], &[])]);
        let first = matcher.class(QueueId(0), &[]).unwrap();
        for id in 1..CLASSES_MAX {
            assert!(matcher.class(QueueId(u16::try_from(id).unwrap()), &[]).is_some());
        }
        assert_eq!(matcher.class(QueueId(0), &[SkillId(1)]), None);
        assert_eq!(matcher.class(QueueId(0), &[]), Some(first));
    }
}
