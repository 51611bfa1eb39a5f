//! An ordered set that knows how many members stand before any one: places in lines of waiting calls.
//!
//! Members lie in chunks of bounded length, each in order and all of them before the next chunk. A member is found by
//! two binary searches; its rank is the lengths of the chunks before its own, so a line of 100,000 costs some hundreds
//! of additions where counting would cost 100,000 steps. First comes out of the first chunk at no cost, the latest goes
//! into the last one. Knows neither calls nor queues.

use std::collections::VecDeque;

/// Members of one chunk at most. Two neighbours together have more than half as many, or they are made one: so a line
/// of n has at most `4·n / CHUNK_MAX + 1` chunks.
const CHUNK_MAX: usize = 256;

/// Members in order, with their ranks.
#[derive(Clone, Debug)]
pub(super) struct Ranked<T> {
    /// None is empty, and none is longer than [`CHUNK_MAX`].
    chunks: Vec<VecDeque<T>>,
    len: usize,
}

impl<T> Default for Ranked<T> {
    fn default() -> Self {
        Ranked { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Ord + Copy> Ranked<T> {
    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The smallest member.
    pub(super) fn first(&self) -> Option<T> {
        self.chunks.first()?.front().copied()
    }

    /// All members, the smallest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.chunks.iter().flatten().copied()
    }

    /// Whether it is a member.
    pub(super) fn contains(&self, member: T) -> bool {
        self.find(member).1.is_ok()
    }

    /// How many members are smaller; it need not be one itself.
    pub(super) fn rank(&self, of: T) -> usize {
        let (chunk, place) = self.find(of);
        let before: usize = self.chunks[..chunk].iter().map(VecDeque::len).sum();
        before + place.unwrap_or_else(|place| place)
    }

    /// Adds a member; false when it is one already.
    pub(super) fn insert(&mut self, member: T) -> bool {
        let (mut at, place) = self.find(member);
        let Err(mut place) = place else { return false };
        self.len += 1;
        if at == self.chunks.len() {
            // Behind all others, as whoever comes last usually is: full chunks are left as they are.
            match self.chunks.last_mut().filter(|last| last.len() < CHUNK_MAX) {
                Some(last) => last.push_back(member),
                None => self.chunks.push(VecDeque::from([member])),
            }
            return true;
        }
        if self.chunks[at].len() >= CHUNK_MAX {
            let upper = self.chunks[at].split_off(CHUNK_MAX / 2);
            self.chunks.insert(at + 1, upper);
            if place > CHUNK_MAX / 2 {
                (at, place) = (at + 1, place - CHUNK_MAX / 2);
            }
        }
        self.chunks[at].insert(place, member);
        true
    }

    /// Takes a member out; false when it is none.
    pub(super) fn remove(&mut self, member: T) -> bool {
        let (at, Ok(place)) = self.find(member) else { return false };
        self.chunks[at].remove(place);
        self.len -= 1;
        let left = self.chunks[at].len();
        let fits = |other: Option<&VecDeque<T>>| {
            other.is_some_and(|other| other.len() + left <= CHUNK_MAX / 2)
        };
        if left == 0 {
            self.chunks.remove(at);
            self.join_if_short(at);
        } else if fits(self.chunks.get(at + 1)) {
            self.join(at);
        } else if at > 0 && fits(self.chunks.get(at - 1)) {
            self.join(at - 1);
        }
        true
    }

    /// The chunk that a member is in or belongs into, and its place there; the chunk behind the last for one that is
    /// larger than all.
    fn find(&self, member: T) -> (usize, Result<usize, usize>) {
        let smaller = |chunk: &VecDeque<T>| chunk.back().is_some_and(|last| *last < member);
        let at = self.chunks.partition_point(smaller);
        let place = self.chunks.get(at).map(|chunk| chunk.binary_search(&member));
        (at, place.unwrap_or(Err(0)))
    }

    /// The chunks on both sides of one that is gone are neighbours now.
    fn join_if_short(&mut self, at: usize) {
        if at > 0
            && let Some(after) = self.chunks.get(at)
            && self.chunks[at - 1].len() + after.len() <= CHUNK_MAX / 2
        {
            self.join(at - 1);
        }
    }

    /// Makes a chunk and the one behind it one.
    fn join(&mut self, at: usize) {
        let mut after = self.chunks.remove(at + 1);
        self.chunks[at].append(&mut after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Panics unless chunks are bounded both ways and in order.
    fn check(set: &Ranked<u64>, model: &BTreeSet<u64>) {
        assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
        assert_eq!((set.len(), set.first()), (model.len(), model.first().copied()));
        assert!(set.chunks.iter().all(|chunk| (1..=CHUNK_MAX).contains(&chunk.len())));
        let pairs = set.chunks.windows(2);
        let enough = |pair: &[VecDeque<u64>]| pair[0].len() + pair[1].len() > CHUNK_MAX / 2;
        assert!(pairs.into_iter().all(enough), "neighbours that are short are one");
    }

    #[test]
    fn whatever_comes_and_goes_ranks_are_those_of_counting() {
        let mut state = 7_u64;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let (mut set, mut model) = (Ranked::default(), BTreeSet::new());
        for round in 0..20_000_u64 {
            // It grows to thousands and shrinks to none, by turns; whoever comes is late, or anywhere.
            let grows = (round / 5_000) % 2 == 0;
            let member = if below(2) == 0 { round * 10 } else { below(200_000) };
            if below(4) < if grows { 3 } else { 1 } {
                assert_eq!(set.insert(member), model.insert(member));
            } else if let Some(gone) = model.range(below(200_000)..).next().copied() {
                assert!(set.remove(gone) && model.remove(&gone));
            } else {
                assert!(!set.remove(member + 1_000_000));
            }
            let of = below(200_000);
            assert_eq!(set.rank(of), model.range(..of).count());
            assert_eq!(set.contains(of), model.contains(&of));
            if round % 500 == 0 {
                check(&set, &model);
            }
        }
        while let Some(first) = set.first() {
            assert!(set.remove(first) && model.remove(&first));
        }
        check(&set, &model);
        assert!(set.len() == 0 && set.chunks.is_empty());
    }

    #[test]
    fn a_few_who_stay_while_thousands_pass_do_not_make_it_long() {
        let mut set = Ranked::default();
        for member in 0..100_000_u64 {
            set.insert(member);
            if member >= 500 {
                let goes = member - 500;
                assert!(goes % 256 == 0 || set.remove(goes), "all but one of 256 go");
            }
        }
        let bound = 4 * set.len() / CHUNK_MAX + 1;
        assert!(set.chunks.len() <= bound, "{} members, {} chunks", set.len(), set.chunks.len());
        assert_eq!(set.rank(99_999), set.len() - 1);
    }
}
