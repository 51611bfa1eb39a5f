//! The technical breaker: takes callers back at once when the bot doesn't work. No statistics.
//!
//! Within the last minutes, from so many calls on: the bot failed too many, answered too many late, or understood too
//! little. Then nobody is drawn until it has had no bad sign for a while; too many trips within a day are for good.
//! Told of ended calls and of probes; asked whether it is closed.

use super::plan::BreakerRules;
use crate::limits;
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Trips older than this are forgotten.
const TRIPS_WITHIN: Duration = Duration::from_secs(86_400);

/// How a call with the bot went, technically.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BotCall {
    /// The bot was not reached, or broke off.
    pub failed: bool,
    /// It ended because the bot didn't understand the caller.
    pub no_match: bool,
}

/// How soon the bot replied in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BotReplies {
    /// Replies that the bot gave.
    pub all: u32,
    /// Of them, those later than the bot's latency limit.
    pub late: u32,
}

/// Why the breaker tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Calls failed.
    Errors,
    /// Replies came late.
    LateReplies,
    /// The bot didn't understand.
    NoMatch,
}

/// What was counted when the breaker tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// Why.
    pub trouble: Trouble,
    /// Bad ones: calls, or replies.
    pub bad: u64,
    /// Of so many.
    pub of: u64,
    /// Which trip of the last 24 hours it was.
    pub number: u32,
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trip { trouble, bad, of, number } = self;
        let what = match trouble {
            Trouble::Errors => "calls failed",
            Trouble::LateReplies => "replies came late",
            Trouble::NoMatch => "calls ended because the bot did not understand",
        };
        write!(f, "{bad} of {of} {what}; trip {number} of the last 24 hours")
    }
}

/// The breaker of one rollout.
#[derive(Clone, Debug)]
pub struct Breaker {
    rules: BreakerRules,
    calls: VecDeque<(Timestamp, BotCall)>,
    replies: VecDeque<(Timestamp, BotReplies)>,
    trips: VecDeque<Timestamp>,
    /// While it is open: when it may close.
    closes_at: Option<Timestamp>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(rules: BreakerRules) -> Breaker {
        Breaker {
            rules,
            calls: VecDeque::new(),
            replies: VecDeque::new(),
            trips: VecDeque::new(),
            closes_at: None,
        }
    }

    /// A breaker that remembers when it tripped, from the decisions of the last day; open as long after the last one
    /// as it would have been.
    pub fn restored(
        rules: BreakerRules,
        trips: impl IntoIterator<Item = Timestamp>,
        open: bool,
    ) -> Breaker {
        let mut breaker = Breaker::new(rules);
        breaker.trips.extend(trips);
        let cooldown = Duration::from_secs(rules.cooldown_secs);
        breaker.closes_at = breaker.trips.back().filter(|_| open).map(|at| *at + cooldown);
        breaker
    }

    /// Whether callers are kept from the bot.
    pub const fn is_open(&self) -> bool {
        self.closes_at.is_some()
    }

    /// Whether it has tripped as often as is borne.
    pub fn is_worn_out(&self) -> bool {
        self.trips.len() >= self.rules.trips_max as usize
    }

    /// When [`Breaker::handle_timeout`] has something to do.
    pub const fn poll_timeout(&self) -> Option<Timestamp> {
        self.closes_at
    }

    /// Closes when its time has come; tells whether it did.
    pub fn handle_timeout(&mut self, now: Timestamp) -> bool {
        if self.closes_at.is_some_and(|at| at <= now) {
            self.closes_at = None;
            self.calls.clear();
            self.replies.clear();
            return true;
        }
        false
    }

    /// A probe of the bot while no callers go there. A bad one begins the waiting anew; a good one changes nothing.
    pub fn probed(&mut self, now: Timestamp, healthy: bool) {
        if !healthy && self.closes_at.is_some() {
            self.wait_from(now);
        }
    }

    /// A call with the bot has ended. Tells of a trip.
    pub fn handle(&mut self, now: Timestamp, call: BotCall) -> Option<Trip> {
        if self.is_open() {
            // One that began before: a bad sign, but no further trip.
            self.probed(now, !call.failed);
            return None;
        }
        keep(&mut self.calls, now, call);
        self.judge(now)
    }

    /// How soon the bot replied in a call, known when its part of it ends. Tells of a trip.
    pub fn replied(&mut self, now: Timestamp, replies: BotReplies) -> Option<Trip> {
        if self.is_open() {
            return None;
        }
        keep(&mut self.replies, now, replies);
        self.judge(now)
    }

    fn judge(&mut self, now: Timestamp) -> Option<Trip> {
        let from = now - Duration::from_secs(self.rules.window_secs);
        forget(&mut self.calls, from);
        forget(&mut self.replies, from);
        let (trouble, bad, of) = self.trouble()?;
        let day = now - TRIPS_WITHIN;
        self.trips.retain(|at| *at > day);
        if self.trips.len() >= limits::ROLLOUT_TRIPS_MAX {
            self.trips.pop_front();
        }
        self.trips.push_back(now);
        self.wait_from(now);
        Some(Trip { trouble, bad, of, number: self.trips.len() as u32 })
    }

    fn wait_from(&mut self, now: Timestamp) {
        self.closes_at = Some(now + Duration::from_secs(self.rules.cooldown_secs));
    }

    fn trouble(&self) -> Option<(Trouble, u64, u64)> {
        let calls = self.calls.len() as u64;
        if calls < u64::from(self.rules.calls_min) {
            return None;
        }
        let bad = |of: fn(&BotCall) -> bool| -> u64 {
            self.calls.iter().filter(|(_, call)| of(call)).count() as u64
        };
        let replies = |of: fn(&BotReplies) -> u32| -> u64 {
            self.replies.iter().map(|(_, replies)| u64::from(of(replies))).sum()
        };
        let rules = self.rules;
        let (late, all) = (replies(|replies| replies.late), replies(|replies| replies.all));
        [
            (Trouble::Errors, bad(|call| call.failed), calls, rules.errors_max),
            (Trouble::LateReplies, late, all, rules.late_replies_max),
            (Trouble::NoMatch, bad(|call| call.no_match), calls, rules.no_match_max),
        ]
        .into_iter()
        .find(|(_, bad, of, max)| *bad as f64 > *max * *of as f64)
        .map(|(trouble, bad, of, _)| (trouble, bad, of))
    }
}

/// Keeps one more, and at the bound the oldest one no longer.
fn keep<T>(kept: &mut VecDeque<(Timestamp, T)>, now: Timestamp, one: T) {
    if kept.len() >= limits::ROLLOUT_BREAKER_CALLS_MAX {
        kept.pop_front();
    }
    kept.push_back((now, one));
}

fn forget<T>(kept: &mut VecDeque<(Timestamp, T)>, from: Timestamp) {
    while kept.front().is_some_and(|(at, _)| *at < from) {
        kept.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: BotCall = BotCall { failed: false, no_match: false };
    const FAILED: BotCall = BotCall { failed: true, no_match: false };

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    fn after(good: u64, last: BotCall) -> (Breaker, Option<Trip>) {
        let mut breaker = Breaker::new(BreakerRules::default());
        for n in 0..good {
            assert_eq!(breaker.handle(at(n), GOOD), None);
        }
        let trip = breaker.handle(at(good), last);
        (breaker, trip)
    }

    #[test]
    fn it_trips_on_errors_late_replies_and_misunderstanding_from_twenty_calls_on() {
        assert_eq!(after(18, FAILED).1, None, "nineteen calls say nothing");
        let trip = after(19, FAILED).1.unwrap();
        assert_eq!((trip.trouble, trip.bad, trip.of, trip.number), (Trouble::Errors, 1, 20, 1));
        assert_eq!(after(60, FAILED).1, None, "1 of 61 is borne");
        let late = |calls: u64, late: u32| {
            let (mut breaker, _) = after(calls - 1, GOOD);
            assert_eq!(breaker.replied(at(calls), BotReplies { all: 190, late: 0 }), None);
            breaker.replied(at(calls), BotReplies { all: 10, late })
        };
        assert_eq!(late(20, 10), None, "10 of 200 are borne: it is the 95th percentile");
        assert_eq!(late(19, 10), None, "nineteen calls say nothing");
        let (mut breaker, _) = after(19, GOOD);
        breaker.replied(at(20), BotReplies { all: 80, late: 0 });
        let trip = breaker.replied(at(20), BotReplies { all: 10, late: 10 }).unwrap();
        assert_eq!((trip.trouble, trip.bad, trip.of), (Trouble::LateReplies, 10, 90));
        let (mut breaker, _) = after(15, GOOD);
        let deaf = BotCall { no_match: true, ..GOOD };
        let trips: Vec<bool> = (0..6).map(|n| breaker.handle(at(20 + n), deaf).is_some()).collect();
        assert_eq!(trips, [false, false, false, false, false, true], "6 of 22");
    }

    #[test]
    fn only_the_last_minutes_count() {
        let (mut breaker, _) = after(19, GOOD);
        for n in 0..5 {
            assert_eq!(breaker.handle(at(400 + n), FAILED), None, "five calls of the window");
        }
    }

    #[test]
    fn it_closes_after_a_quarter_of_an_hour_without_a_bad_sign() {
        let (mut breaker, _) = after(19, FAILED);
        assert!(breaker.is_open());
        assert_eq!(breaker.poll_timeout(), Some(at(19 + 900)));
        breaker.probed(at(600), false);
        assert_eq!(breaker.handle(at(700), FAILED), None, "a call from before");
        breaker.probed(at(800), true);
        assert!(!breaker.handle_timeout(at(1_599)));
        assert!(breaker.handle_timeout(at(1_600)) && !breaker.is_open());
        assert_eq!(breaker.handle(at(1_601), FAILED), None, "it begins anew");
    }

    #[test]
    fn the_third_trip_of_a_day_is_one_too_many_and_one_of_yesterday_does_not_count() {
        let mut breaker = Breaker::new(BreakerRules::default());
        let trip = |breaker: &mut Breaker, from: u64| {
            breaker.handle_timeout(at(from));
            (0..30).filter_map(|n| breaker.handle(at(from + n), FAILED)).next().unwrap().number
        };
        assert_eq!(trip(&mut breaker, 0), 1);
        assert_eq!(trip(&mut breaker, 80_000), 2);
        assert!(!breaker.is_worn_out());
        assert_eq!(trip(&mut breaker, 90_000), 2, "the first was yesterday");
        assert_eq!(trip(&mut breaker, 100_000), 3);
        assert!(breaker.is_worn_out());
    }

    #[test]
    fn at_the_bound_the_oldest_call_is_forgotten() {
        let mut breaker = Breaker::new(BreakerRules { errors_max: 1.0, ..BreakerRules::default() });
        for _ in 0..limits::ROLLOUT_BREAKER_CALLS_MAX + 5 {
            breaker.handle(at(1), FAILED);
        }
        assert_eq!(breaker.calls.len(), limits::ROLLOUT_BREAKER_CALLS_MAX);
    }

    #[test]
    fn a_restored_breaker_knows_its_trips() {
        let rules = BreakerRules::default();
        let open = Breaker::restored(rules, [at(0), at(5)], true);
        assert_eq!(open.poll_timeout(), Some(at(905)));
        let closed = Breaker::restored(rules, [at(0), at(5), at(9)], false);
        assert!(!closed.is_open() && closed.is_worn_out());
    }
}
