//! The one timer table: at most one deadline per key, popped in order of time, then of key.

use crate::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Deadlines by key. Setting a key again moves it; popping is in order of time, ties by key, so a replay pops alike.
#[derive(Clone, Debug)]
pub struct Deadlines<K: Ord + Clone> {
    at: BTreeMap<K, Timestamp>,
    order: BTreeSet<(Timestamp, K)>,
}

impl<K: Ord + Clone> Default for Deadlines<K> {
    fn default() -> Self {
        Self { at: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Deadlines<K> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets or moves the deadline of `key`.
    pub fn set(&mut self, key: K, at: Timestamp) {
        if let Some(old) = self.at.insert(key.clone(), at) {
            self.order.remove(&(old, key.clone()));
        }
        self.order.insert((at, key));
    }

    /// Forgets the deadline of `key`; tells when it would have been.
    pub fn cancel(&mut self, key: &K) -> Option<Timestamp> {
        let at = self.at.remove(key)?;
        self.order.remove(&(at, key.clone()));
        Some(at)
    }

    /// When `key` is due, if it has a deadline.
    pub fn get(&self, key: &K) -> Option<Timestamp> {
        self.at.get(key).copied()
    }

    /// The earliest deadline of all.
    pub fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Removes and returns the earliest key due at or before `now`, with the moment it was due.
    pub fn pop_expired(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        if self.next()? > now {
            return None;
        }
        let (at, key) = self.order.pop_first()?;
        self.at.remove(&key);
        Some((at, key))
    }

    /// How many deadlines are set.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether no deadline is set.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_moved_deadline_fires_once_at_its_new_time() {
        let mut deadlines = Deadlines::new();
        deadlines.set("ring", at(5));
        deadlines.set("ring", at(9));
        assert_eq!(deadlines.pop_expired(at(8)), None);
        assert_eq!(deadlines.pop_expired(at(9)), Some((at(9), "ring")));
        assert_eq!(deadlines.pop_expired(at(99)), None);
        assert!(deadlines.is_empty());
    }

    #[test]
    fn deadlines_pop_in_order_of_time_then_key() {
        let mut deadlines = Deadlines::new();
        for (key, when) in [("b", 2), ("a", 2), ("c", 1)] {
            deadlines.set(key, at(when));
        }
        let order: Vec<_> = std::iter::from_fn(|| deadlines.pop_expired(at(3))).collect();
        assert_eq!(order, [(at(1), "c"), (at(2), "a"), (at(2), "b")]);
    }

    #[test]
    fn a_cancelled_deadline_never_fires() {
        let mut deadlines = Deadlines::new();
        deadlines.set(7, at(1));
        assert_eq!(deadlines.cancel(&7), Some(at(1)));
        assert_eq!(deadlines.cancel(&7), None);
        assert_eq!(deadlines.next(), None);
    }
}
