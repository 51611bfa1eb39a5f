//! The circuit breaker of an endpoint or a recogniser: after so many failures in a row it is left alone for a while,
//! then one request tries it. Knows no clock and no HTTP.

use dozvon_clock::Timestamp;
use std::time::Duration;

/// When it opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Failures in a row that open it.
    pub(crate) failures_max: u32,
    /// How long it stays open before one request tries.
    pub(crate) open_for: Duration,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Everybody passes; so many have failed in a row.
    Closed { failures: u32 },
    /// Nobody passes until then.
    Open { until: Timestamp },
    /// One request tries, nobody else passes.
    HalfOpen,
}

/// What lets a request pass; given back with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// As usual.
    Usual,
    /// It tries whether the endpoint is back.
    Probe,
}

/// One endpoint's breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    rules: Rules,
    state: State,
}

impl Breaker {
    /// A closed one.
    pub(crate) fn new(rules: Rules) -> Breaker {
        Breaker { rules, state: State::Closed { failures: 0 } }
    }

    /// 0 closed, 1 half open, 2 open: the figure.
    pub(crate) fn figure(&self) -> i64 {
        match self.state {
            State::Closed { .. } => 0,
            State::HalfOpen => 1,
            State::Open { .. } => 2,
        }
    }

    /// Lets a request pass, or not. Whoever passes must tell its end.
    pub(crate) fn pass(&mut self, now: Timestamp) -> Option<Pass> {
        match self.state {
            State::Closed { .. } => Some(Pass::Usual),
            State::Open { until } if now >= until => {
                self.state = State::HalfOpen;
                Some(Pass::Probe)
            }
            State::Open { .. } | State::HalfOpen => None,
        }
    }

    /// The one that tries has ended without having found out anything: the next one tries.
    pub(crate) fn try_again(&mut self) {
        if self.state == State::HalfOpen {
            self.state = State::Open { until: Timestamp::EPOCH };
        }
    }

    /// A request has ended, well or not. Only the probe says anything once the breaker has opened: what was under way
    /// before is old news.
    pub(crate) fn ended(&mut self, now: Timestamp, pass: Pass, well: bool) {
        let open = State::Open { until: now + self.rules.open_for };
        self.state = match (self.state, pass, well) {
            (State::Closed { .. }, _, true) | (State::HalfOpen, Pass::Probe, true) => {
                State::Closed { failures: 0 }
            }
            (State::Closed { failures }, _, false) if failures + 1 < self.rules.failures_max => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. }, _, false) | (State::HalfOpen, Pass::Probe, false) => open,
            (state @ (State::Open { .. } | State::HalfOpen), _, _) => state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn breaker() -> Breaker {
        Breaker::new(Rules { failures_max: 3, open_for: Duration::from_secs(10) })
    }

    fn opened() -> Breaker {
        let mut breaker = breaker();
        (0..3).for_each(|_| breaker.ended(at(100), Pass::Usual, false));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_success_between_them_does_not() {
        let mut breaker = breaker();
        for well in [false, false, true, false, false] {
            assert_eq!(breaker.pass(at(1)), Some(Pass::Usual));
            breaker.ended(at(1), Pass::Usual, well);
        }
        assert_eq!(breaker.pass(at(1)), Some(Pass::Usual));
        breaker.ended(at(1), Pass::Usual, false);
        assert_eq!((breaker.pass(at(1)), breaker.figure()), (None, 2));
    }

    #[test]
    fn after_a_while_one_request_tries_and_its_end_decides() {
        for well in [true, false] {
            let mut breaker = opened();
            assert_eq!(breaker.pass(at(109)), None);
            assert_eq!(breaker.pass(at(110)), Some(Pass::Probe));
            assert_eq!(
                (breaker.pass(at(111)), breaker.figure()),
                (None, 1),
                "one, and nobody else"
            );
            breaker.ended(at(112), Pass::Probe, well);
            assert_eq!(breaker.pass(at(113)).is_some(), well);
            assert!(breaker.pass(at(122)).is_some(), "then the next one tries");
        }
    }

    #[test]
    fn a_probe_that_found_out_nothing_leaves_it_to_the_next_one() {
        let mut breaker = opened();
        breaker.try_again();
        assert_eq!(breaker.pass(at(109)), None, "it is open, and nobody tries");
        assert_eq!(breaker.pass(at(110)), Some(Pass::Probe));
        breaker.try_again();
        assert_eq!((breaker.figure(), breaker.pass(at(111))), (2, Some(Pass::Probe)));
    }

    #[test]
    fn what_was_under_way_before_changes_nothing_once_it_has_opened() {
        let mut breaker = opened();
        breaker.ended(at(101), Pass::Usual, true);
        assert_eq!(breaker.pass(at(102)), None);
        assert_eq!(breaker.pass(at(110)), Some(Pass::Probe));
        breaker.ended(at(111), Pass::Usual, true);
        breaker.ended(at(111), Pass::Usual, false);
        assert_eq!(breaker.figure(), 1, "the probe is still awaited");
    }
}
