//! Virtual time: the agenda of what will happen, the story of what has, and how a day is run and told when it fails.

use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

/// How much of the story a failing seed prints.
const STORY_MAX: usize = 10;

/// What people and phones will do, in order of time; at the same moment in the order it was put down.
#[derive(Debug)]
pub struct Agenda<A> {
    acts: BTreeMap<(Timestamp, u64), A>,
    put: u64,
}

impl<A> Default for Agenda<A> {
    fn default() -> Self {
        Agenda { acts: BTreeMap::new(), put: 0 }
    }
}

impl<A> Agenda<A> {
    /// Something will happen.
    pub fn put(&mut self, at: Timestamp, act: A) {
        self.put += 1;
        self.acts.insert((at, self.put), act);
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Timestamp> {
        self.acts.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next thing.
    pub fn pop(&mut self) -> Option<A> {
        self.acts.pop_first().map(|(_, act)| act)
    }
}

/// The last things that happened, for whoever has to find out why a law broke.
#[derive(Debug)]
pub struct Story<T> {
    last: VecDeque<(Timestamp, T)>,
    now: Timestamp,
}

impl<T> Default for Story<T> {
    fn default() -> Self {
        Story { last: VecDeque::new(), now: Timestamp::EPOCH }
    }
}

impl<T: fmt::Debug> Story<T> {
    /// Time has come to this.
    pub fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Something happened.
    pub fn tell(&mut self, what: T) {
        if self.last.len() == STORY_MAX {
            self.last.pop_front();
        }
        self.last.push_back((self.now, what));
    }
}

/// Hours, minutes and seconds of a day.
pub struct Clock(pub Timestamp);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, micros) = (self.0.as_secs(), self.0.as_micros() % 1_000_000);
        write!(f, "{:02}:{:02}:{:02}.{micros:06}", secs / 3600 % 24, secs / 60 % 60, secs % 60)
    }
}

/// Runs a day; when a law breaks, prints the seed, the law and the end of the story, and lets the panic go on.
pub fn tell_if_it_fails<T: fmt::Debug, R>(seed: u64, day: impl FnOnce(&mut Story<T>) -> R) -> R {
    let mut story = Story::default();
    let result = panic::catch_unwind(AssertUnwindSafe(|| day(&mut story)));
    result.unwrap_or_else(|broken| {
        let law = broken.downcast_ref::<String>().map(String::as_str);
        let law = law.or_else(|| broken.downcast_ref::<&str>().copied()).unwrap_or("?");
        eprintln!("SEED={seed}  {}  law: {law}", Clock(story.now));
        for (at, what) in &story.last {
            eprintln!("   {}  {what:?}", Clock(*at));
        }
        panic::resume_unwind(broken)
    })
}

/// The seeds to run: `SEED=n` for one, `SEEDS=n` for the first n, otherwise the first `default`.
pub fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, many) => 0..many.unwrap_or(default),
    }
}
