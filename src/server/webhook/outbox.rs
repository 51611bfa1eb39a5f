//! What waits to be posted to one receiver: order, retries, age and the bound. Pure; time comes in.
//!
//! Only the oldest letter is ever tried, so the receiver hears things in the order in which they happened. Must never
//! know what is in a letter, nor how it travels.

use dozvon_clock::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// One event on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Letter {
    /// The event's `id`, the same in every attempt.
    pub(super) id: String,
    /// When it happened.
    pub(super) at: Timestamp,
    /// The event as it is posted.
    pub(super) body: String,
    /// Attempts so far.
    pub(super) attempts: u32,
    /// What came of the last attempt; empty before the first.
    pub(super) last: String,
}

/// How long and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// The wait after the first failed attempt; it doubles with each.
    pub(super) retry_min: Duration,
    /// The longest wait between two attempts.
    pub(super) retry_max: Duration,
    /// What happened longer ago is not posted any more.
    pub(super) max_age: Duration,
    /// Letters at once. One more is handed back.
    pub(super) queue_max: usize,
}

/// What the receiver said to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has the event.
    Taken,
    /// It will never take this event, with its words.
    Refused(String),
    /// Perhaps next time: what went wrong, and how long the receiver wants to be left alone.
    Failed(String, Option<Duration>),
}

/// What became of the oldest letter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Delivered.
    Delivered,
    /// It is tried again.
    Again,
    /// It is out of the box, for the dead letters.
    Dead(Letter),
}

/// The letters to one receiver, oldest first.
#[derive(Debug)]
pub(super) struct Outbox {
    letters: VecDeque<Letter>,
    rules: Rules,
    not_before: Timestamp,
}

impl Outbox {
    /// An empty one.
    pub(super) fn new(rules: Rules) -> Outbox {
        Outbox { letters: VecDeque::new(), rules, not_before: Timestamp::EPOCH }
    }

    /// Letters in it.
    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Puts a letter behind all others; gives it back when the box is full.
    pub(super) fn push(&mut self, letter: Letter) -> Result<(), Letter> {
        if self.letters.len() >= self.rules.queue_max {
            return Err(letter);
        }
        self.letters.push_back(letter);
        Ok(())
    }

    /// Takes out the oldest letter if it is too old by now. Not while it is under way.
    pub(super) fn expire(&mut self, now: Timestamp) -> Option<Letter> {
        let dies = self.letters.front()?.at + self.rules.max_age;
        let dead = if now >= dies { self.letters.pop_front() } else { None };
        if dead.is_some() && self.letters.is_empty() {
            self.not_before = Timestamp::EPOCH;
        }
        dead
    }

    /// The letter to be posted now, its attempt counted.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<&Letter> {
        if now < self.not_before {
            return None;
        }
        let letter = self.letters.front_mut()?;
        letter.attempts = letter.attempts.saturating_add(1);
        Some(letter)
    }

    /// When to look again while nothing is under way: the next attempt, or the age of the oldest.
    pub(super) fn wakes_at(&self) -> Option<Timestamp> {
        let oldest = self.letters.front()?;
        Some(self.not_before.min(oldest.at + self.rules.max_age))
    }

    /// The oldest letter has been posted, with this answer. `jitter` is a chance from 0 to 1: a failed attempt is
    /// repeated after 50 to 100 % of the wait, so that many of us do not come back to a receiver at one moment.
    pub(super) fn answered(&mut self, now: Timestamp, answer: Answer, jitter: f64) -> Outcome {
        let Some(mut letter) = self.letters.pop_front() else { return Outcome::Delivered };
        match answer {
            Answer::Taken => {
                self.not_before = Timestamp::EPOCH;
                Outcome::Delivered
            }
            Answer::Refused(why) => {
                self.not_before = Timestamp::EPOCH;
                letter.last = why;
                Outcome::Dead(letter)
            }
            Answer::Failed(why, asked) => {
                let doublings = letter.attempts.saturating_sub(1).min(30);
                let wait = self.rules.retry_min.saturating_mul(1 << doublings);
                let wait = wait.min(self.rules.retry_max);
                let wait = wait.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
                self.not_before = now + wait.max(asked.unwrap_or_default());
                letter.last = why;
                self.letters.push_front(letter);
                Outcome::Again
            }
        }
    }

    /// Takes out everything.
    pub(super) fn empty(&mut self) -> impl Iterator<Item = Letter> {
        self.letters.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        retry_min: Duration::from_secs(1),
        retry_max: Duration::from_secs(8),
        max_age: Duration::from_secs(60),
        queue_max: 3,
    };

    fn letter(id: &str, secs: u64) -> Letter {
        let at = Timestamp::from_secs(secs);
        Letter { id: id.into(), at, body: String::new(), attempts: 0, last: String::new() }
    }

    fn failed() -> Answer {
        Answer::Failed("HTTP 500".into(), None)
    }

    #[test]
    fn attempts_come_later_and_later_until_the_letter_is_too_old() {
        let mut outbox = Outbox::new(RULES);
        outbox.push(letter("a", 100)).unwrap();
        outbox.push(letter("b", 110)).unwrap();
        let (mut now, mut waits) = (Timestamp::from_secs(100), Vec::new());
        let dead = loop {
            if let Some(dead) = outbox.expire(now) {
                break dead;
            }
            if outbox.next(now).is_some() {
                assert_eq!(outbox.answered(now, failed(), 1.0), Outcome::Again);
            }
            let wakes = outbox.wakes_at().unwrap();
            waits.push(wakes.since(now).as_secs());
            now = wakes;
        };
        assert_eq!(waits, [1, 2, 4, 8, 8, 8, 8, 8, 8, 5]);
        assert_eq!((dead.id.as_str(), dead.attempts, dead.last.as_str()), ("a", 10, "HTTP 500"));
        assert_eq!(now, Timestamp::from_secs(160), "max_age after it happened");
        assert_eq!(outbox.wakes_at(), Some(Timestamp::from_secs(163)), "the next keeps the pace");
    }

    #[test]
    fn what_fails_is_tried_before_what_came_later() {
        let mut outbox = Outbox::new(RULES);
        let now = Timestamp::from_secs(100);
        outbox.push(letter("a", 100)).unwrap();
        outbox.push(letter("b", 100)).unwrap();
        assert_eq!(outbox.next(now).unwrap().id, "a");
        outbox.answered(now, failed(), 0.0);
        assert_eq!(outbox.next(now), None, "half of the wait at the least");
        let now = now + Duration::from_millis(500);
        assert_eq!(outbox.next(now).unwrap().id, "a");
        assert_eq!(outbox.answered(now, Answer::Taken, 0.0), Outcome::Delivered);
        assert_eq!(outbox.next(now).unwrap().id, "b");
        let refused = Answer::Refused("HTTP 400".into());
        let Outcome::Dead(dead) = outbox.answered(now, refused, 0.0) else { panic!("not dead") };
        assert_eq!((dead.id.as_str(), dead.last.as_str(), outbox.len()), ("b", "HTTP 400", 0));
    }

    #[test]
    fn a_receiver_that_wants_to_be_left_alone_is() {
        let mut outbox = Outbox::new(RULES);
        let now = Timestamp::from_secs(100);
        outbox.push(letter("a", 100)).unwrap();
        outbox.next(now);
        let wait = Some(Duration::from_secs(30));
        outbox.answered(now, Answer::Failed("HTTP 429".into(), wait), 0.5);
        assert_eq!(outbox.wakes_at(), Some(Timestamp::from_secs(130)));
    }

    #[test]
    fn one_more_than_the_bound_comes_back() {
        let mut outbox = Outbox::new(RULES);
        for n in 0..RULES.queue_max {
            outbox.push(letter(&n.to_string(), 1)).unwrap();
        }
        assert_eq!(outbox.push(letter("late", 1)).unwrap_err().id, "late");
        assert_eq!(outbox.len(), RULES.queue_max);
    }
}
