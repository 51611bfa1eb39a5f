//! What is remembered of a caller between two of his calls: who spoke with him, whether that broke off, and the place
//! he had when he gave up waiting.
//!
//! Nothing is kept for longer than some queue has a use for it. By number only, so a number that many people share must
//! not get in here; whoever knows which those are says so by handing in none.

use crate::acd::QueueConfig;
use crate::ids::{AgentId, QueueId};
use crate::limits::CALLERS_REMEMBERED_MAX;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a talk that broke off is a reason to be served sooner.
const INTERRUPTED_WITHIN: Duration = Duration::from_secs(600);

/// The last talk.
#[derive(Clone, Copy, Debug)]
struct Talk {
    agent: AgentId,
    queue: QueueId,
    ended: Timestamp,
    /// Neither side ended it.
    broke_off: bool,
}

/// The last wait that the caller gave up.
#[derive(Clone, Copy, Debug)]
struct GivenUp {
    queue: QueueId,
    enqueued_at: Timestamp,
    at: Timestamp,
}

#[derive(Debug, Default)]
struct Memory {
    touched: Timestamp,
    talk: Option<Talk>,
    given_up: Option<GivenUp>,
}

/// Callers by number; the one heard of longest ago is forgotten first.
#[derive(Debug)]
pub(crate) struct Returning {
    /// For how long anything is of use.
    keep: Duration,
    callers: BTreeMap<Arc<str>, Memory>,
    oldest: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Returning {
    /// Nobody is remembered yet; each will be for as long as these queues can ask for him.
    pub(crate) fn of(queues: &[QueueConfig]) -> Returning {
        let sticky = queues.iter().filter_map(|queue| Some(queue.sticky?.within));
        let resume = queues.iter().map(|queue| queue.resume_within);
        let keep = sticky.chain(resume).fold(INTERRUPTED_WITHIN, Duration::max);
        Returning { keep, callers: BTreeMap::new(), oldest: BTreeSet::new() }
    }

    /// A talk is over.
    pub(crate) fn talked(
        &mut self,
        now: Timestamp,
        number: &str,
        agent: AgentId,
        queue: QueueId,
        broke_off: bool,
    ) {
        let memory = self.touch(now, number);
        memory.talk = Some(Talk { agent, queue, ended: now, broke_off });
        memory.given_up = None;
    }

    /// The caller hung up while he waited.
    pub(crate) fn gave_up(
        &mut self,
        now: Timestamp,
        number: &str,
        queue: QueueId,
        enqueued_at: Timestamp,
    ) {
        self.touch(now, number).given_up = Some(GivenUp { queue, enqueued_at, at: now });
    }

    /// The agent whom the caller spoke with within this time, through this queue if it is said.
    pub(crate) fn last_agent(
        &self,
        now: Timestamp,
        number: &str,
        within: Duration,
        queue: Option<QueueId>,
    ) -> Option<AgentId> {
        let talk = self.callers.get(number)?.talk?;
        let same = queue.is_none_or(|queue| queue == talk.queue);
        (same && now.since(talk.ended) <= within).then_some(talk.agent)
    }

    /// Whether the caller's last talk broke off a moment ago.
    pub(crate) fn broke_off(&self, now: Timestamp, number: &str) -> bool {
        let talk = self.callers.get(number).and_then(|memory| memory.talk);
        talk.is_some_and(|talk| talk.broke_off && now.since(talk.ended) <= INTERRUPTED_WITHIN)
    }

    /// The old place of a caller who gave up waiting in this queue within this time; it is his once.
    pub(crate) fn old_place(
        &mut self,
        now: Timestamp,
        number: &str,
        queue: QueueId,
        within: Duration,
    ) -> Option<Timestamp> {
        let given_up = &mut self.callers.get_mut(number)?.given_up;
        let fits = |old: &mut GivenUp| old.queue == queue && now.since(old.at) <= within;
        given_up.take_if(fits).map(|old| old.enqueued_at)
    }

    fn touch(&mut self, now: Timestamp, number: &str) -> &mut Memory {
        self.forget(now);
        // The name that is known is shared, so that each caller costs one.
        let number = match self.callers.get_key_value(number) {
            Some((name, known)) => {
                let name = name.clone();
                self.oldest.remove(&(known.touched, name.clone()));
                name
            }
            None => {
                if self.callers.len() >= CALLERS_REMEMBERED_MAX
                    && let Some((_, oldest)) = self.oldest.pop_first()
                {
                    self.callers.remove(&oldest);
                }
                number.into()
            }
        };
        self.oldest.insert((now, number.clone()));
        let memory = self.callers.entry(number).or_default();
        memory.touched = now;
        memory
    }

    /// Two go for each that comes, so those whom nobody can ask for any more never pile up.
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..2 {
            let Some((touched, _)) = self.oldest.first() else { return };
            if now.since(*touched) <= self.keep {
                return;
            }
            if let Some((_, number)) = self.oldest.pop_first() {
                self.callers.remove(&number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::StickyConfig;

    const CARDS: QueueId = QueueId(1);
    const LOANS: QueueId = QueueId(2);

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    /// Of one queue whose callers may come back to their agent for an hour.
    fn memory() -> Returning {
        let (within, wait_up_to) = (Duration::from_secs(3_600), Duration::ZERO);
        let sticky = Some(StickyConfig { within, wait_up_to, same_topic: false });
        Returning::of(&[QueueConfig { sticky, ..QueueConfig::new("cards") }])
    }

    #[test]
    fn nobody_is_remembered_for_longer_than_a_queue_has_a_use_for_it() {
        let mut memory = memory();
        for caller in 0..1_000 {
            memory.gave_up(at(caller), &format!("{caller:04}"), CARDS, at(caller));
        }
        assert_eq!((memory.callers.len(), memory.oldest.len()), (1_000, 1_000));
        for caller in 0..500 {
            memory.gave_up(at(4_601 + caller), &format!("{:04}", 5_000 + caller), CARDS, at(0));
        }
        assert_eq!(
            (memory.callers.len(), memory.oldest.len()),
            (500, 500),
            "the first thousand are gone"
        );
    }

    #[test]
    fn the_last_agent_is_remembered_for_a_time_and_for_his_queue() {
        let mut memory = memory();
        memory.talked(at(0), "7700", AgentId(3), CARDS, false);
        let ask = |now, queue| memory.last_agent(at(now), "7700", Duration::from_secs(60), queue);
        assert_eq!(ask(60, Some(CARDS)), Some(AgentId(3)));
        assert_eq!((ask(60, Some(LOANS)), ask(60, None)), (None, Some(AgentId(3))));
        assert_eq!((ask(61, None), memory.broke_off(at(1), "7700")), (None, false));
    }

    #[test]
    fn a_talk_that_broke_off_counts_until_the_next_one() {
        let mut memory = memory();
        memory.talked(at(0), "7700", AgentId(3), CARDS, true);
        assert!(memory.broke_off(at(600), "7700") && !memory.broke_off(at(601), "7700"));
        memory.talked(at(30), "7700", AgentId(3), CARDS, false);
        assert!(!memory.broke_off(at(31), "7700"));
    }

    #[test]
    fn an_old_place_is_given_once_in_its_own_queue_and_in_time() {
        let mut memory = memory();
        let within = Duration::from_secs(120);
        memory.gave_up(at(50), "7700", CARDS, at(0));
        assert_eq!(memory.old_place(at(60), "7700", LOANS, within), None);
        assert_eq!(memory.old_place(at(171), "7700", CARDS, within), None);
        assert_eq!(memory.old_place(at(170), "7700", CARDS, within), Some(at(0)));
        assert_eq!(memory.old_place(at(170), "7700", CARDS, within), None);
    }

    #[test]
    fn at_the_bound_the_caller_heard_of_longest_ago_is_forgotten() {
        let mut memory = memory();
        for caller in 0..=CALLERS_REMEMBERED_MAX {
            let now = at(u64::try_from(caller / 1_000).unwrap());
            memory.gave_up(now, &format!("{caller:07}"), CARDS, now);
        }
        assert_eq!(memory.callers.len(), CALLERS_REMEMBERED_MAX);
        let within = Duration::from_secs(1 << 20);
        let mut place = |number: &str| memory.old_place(at(1 << 20), number, CARDS, within);
        assert_eq!((place("0000000"), place("0000001").is_some()), (None, true));
    }
}
