//! Which local port pair a new session gets: even RTP ports with a cool-down before they are used again (RFC 3550 §11).
//!
//! The cool-down keeps the last packets of an ended call out of the next one. A port that could not be bound belongs to
//! somebody else and is left alone for longer. Knows nothing of sockets.

use dozvon_clock::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How many cool-downs a port that could not be bound is left alone.
const QUARANTINE_FACTOR: u32 = 10;

/// The even ports of a range, each the first of an RTP/RTCP pair.
#[derive(Clone, Debug)]
pub struct PortPool {
    cool_down: Duration,
    /// Free at once, in the order they became so: the longest unused is taken first.
    free: VecDeque<u16>,
    taken: BTreeSet<u16>,
    /// In order of time, since every cool-down is equally long.
    cooling: VecDeque<(Timestamp, u16)>,
    quarantined: VecDeque<(Timestamp, u16)>,
}

impl PortPool {
    /// Time before a port is used again, unless told otherwise.
    pub const COOL_DOWN: Duration = Duration::from_secs(30);

    /// A pool of all port pairs that lie wholly in `range`, reused no earlier than `cool_down` after their return.
    pub fn new(range: RangeInclusive<u16>, cool_down: Duration) -> Self {
        let last = *range.end();
        let free = range.filter(|port| port % 2 == 0 && *port != 0 && *port < last).collect();
        let (cooling, quarantined) = (VecDeque::new(), VecDeque::new());
        Self { cool_down, free, taken: BTreeSet::new(), cooling, quarantined }
    }

    /// The even port of a free pair; `None` when all are taken, cooling down or in quarantine.
    pub fn take(&mut self, now: Timestamp) -> Option<u16> {
        self.thaw(now);
        let port = self.free.pop_front()?;
        self.taken.insert(port);
        Some(port)
    }

    /// Takes a pair back after its session closed. One that was not taken is our mistake and changes nothing.
    pub fn give_back(&mut self, now: Timestamp, port: u16) {
        if self.taken.remove(&port) {
            self.cooling.push_back((now + self.cool_down, port));
        }
    }

    /// Takes a pair back that could not be bound: somebody else has it, so it is left alone ten times as long.
    pub fn quarantine(&mut self, now: Timestamp, port: u16) {
        if self.taken.remove(&port) {
            self.quarantined.push_back((now + self.cool_down * QUARANTINE_FACTOR, port));
        }
    }

    /// Pairs that sessions have now.
    pub fn taken(&self) -> usize {
        self.taken.len()
    }

    /// Pairs that can't be taken although no session has them: cooling down or in quarantine.
    pub fn resting(&self) -> usize {
        self.cooling.len() + self.quarantined.len()
    }

    /// All pairs of the range.
    pub fn len(&self) -> usize {
        self.free.len() + self.taken() + self.resting()
    }

    /// Whether the range holds no pair at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn thaw(&mut self, now: Timestamp) {
        for resting in [&mut self.cooling, &mut self.quarantined] {
            while let Some((_, port)) = resting.pop_front_if(|(until, _)| *until <= now) {
                self.free.push_back(port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOL: Duration = Duration::from_secs(30);

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn only_whole_pairs_with_an_even_first_port_are_given() {
        let mut pool = PortPool::new(10_001..=10_006, COOL);
        let given: Vec<u16> = std::iter::from_fn(|| pool.take(at(0))).collect();
        assert_eq!(given, [10_002, 10_004], "10006 has no 10007 beside it");
        assert_eq!(PortPool::new(0..=3, COOL).take(at(0)), Some(2), "port 0 is no port");
        assert_eq!(PortPool::new(65_534..=65_535, COOL).take(at(0)), Some(65_534));
        assert!(PortPool::new(5..=6, COOL).is_empty());
    }

    #[test]
    fn a_port_rests_before_it_is_used_again() {
        let mut pool = PortPool::new(10_000..=10_001, COOL);
        let port = pool.take(at(0)).expect("one pair");
        assert_eq!(pool.take(at(0)), None);
        pool.give_back(at(100), port);
        assert_eq!(pool.take(at(129)), None);
        assert_eq!(pool.take(at(130)), Some(port));
    }

    #[test]
    fn the_port_unused_longest_comes_first() {
        let mut pool = PortPool::new(10_000..=10_005, COOL);
        assert_eq!(pool.take(at(0)), Some(10_000));
        pool.give_back(at(0), 10_000);
        assert_eq!(pool.take(at(60)), Some(10_002));
        assert_eq!(pool.take(at(60)), Some(10_004));
        assert_eq!(pool.take(at(60)), Some(10_000));
    }

    #[test]
    fn a_port_of_somebody_else_is_left_alone_ten_times_as_long() {
        let mut pool = PortPool::new(10_000..=10_001, COOL);
        let port = pool.take(at(0)).expect("one pair");
        pool.quarantine(at(0), port);
        assert_eq!((pool.taken(), pool.resting()), (0, 1));
        assert_eq!(pool.take(at(299)), None);
        assert_eq!(pool.take(at(300)), Some(port));
    }

    #[test]
    fn nothing_is_given_twice_and_nothing_is_lost() {
        let mut pool = PortPool::new(10_000..=10_199, Duration::ZERO);
        let mut mine = Vec::new();
        for step in 0..10_000u64 {
            if step % 3 == 2 {
                if let Some(port) = mine.pop() {
                    pool.give_back(at(step), port);
                    pool.give_back(at(step), port);
                }
            } else if let Some(port) = pool.take(at(step)) {
                assert!(!mine.contains(&port));
                mine.push(port);
            }
            assert_eq!(pool.len(), 100);
        }
    }
}
