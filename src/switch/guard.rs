//! How many new calls the house takes: a token bucket over all sources, and a bound on calls at once.
//!
//! Per-source buckets are the endpoint's, nearer to the wire. Running calls are never touched.

use crate::config::Limits;
use dozvon_clock::Timestamp;

/// The bucket. It fills at the configured rate and holds one second's worth.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: Limits,
    /// Millionths of a token, so that time in microseconds converts without loss.
    level: u64,
    filled_at: Timestamp,
}

const TOKEN: u64 = 1_000_000;

impl Guard {
    pub(crate) fn new(limits: Limits, now: Timestamp) -> Guard {
        Guard { limits, level: u64::from(limits.calls_per_sec_max) * TOKEN, filled_at: now }
    }

    /// Whether one more call may come, with `active` calls running; the word for the metrics when not.
    pub(crate) fn admit(&mut self, now: Timestamp, active: usize) -> Result<(), &'static str> {
        if active >= self.limits.calls_max as usize {
            return Err("calls_max");
        }
        let rate = u64::from(self.limits.calls_per_sec_max);
        let elapsed = u64::try_from(now.since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        self.level = self.level.saturating_add(elapsed.saturating_mul(rate)).min(rate * TOKEN);
        self.filled_at = now;
        if self.level < TOKEN {
            return Err("overload");
        }
        self.level -= TOKEN;
        Ok(())
    }

    pub(crate) fn retry_after_secs(&self) -> u32 {
        self.limits.retry_after_secs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn guard(calls_max: u32, calls_per_sec_max: u32) -> Guard {
        let limits = Limits { calls_max, calls_per_sec_max, retry_after_secs: 5 };
        Guard::new(limits, Timestamp::from_secs(1))
    }

    #[test]
    fn a_second_holds_so_many_calls_and_no_more() {
        let mut guard = guard(1_000, 50);
        let now = Timestamp::from_secs(1);
        let admitted = (0..200).filter(|_| guard.admit(now, 0).is_ok()).count();
        assert_eq!(admitted, 50);
        assert_eq!(guard.admit(now, 0), Err("overload"));
        assert_eq!(guard.admit(now + Duration::from_millis(20), 0), Ok(()));
        assert_eq!(guard.admit(now + Duration::from_millis(20), 0), Err("overload"));
    }

    #[test]
    fn calls_at_once_are_bounded() {
        let mut guard = guard(2, 50);
        assert_eq!(guard.admit(Timestamp::from_secs(1), 1), Ok(()));
        assert_eq!(guard.admit(Timestamp::from_secs(1), 2), Err("calls_max"));
    }
}
