//! The one clock: the wall clock is read once at start, and from then on only monotonic time is added.
//!
//! So timestamps never run backwards, whatever happens to the wall clock. Nothing below the roof may read a clock.

use dozvon_clock::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Gives the time. Copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    anchor: Instant,
    wall: Timestamp,
}

impl Clock {
    /// A clock anchored now.
    pub(crate) fn start() -> Clock {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { anchor: Instant::now(), wall: Timestamp::EPOCH + since }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.wall + self.anchor.elapsed()
    }

    /// The moment of the operating system's clock that is `at`; a past one is the anchor at the earliest.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        // A century is beyond every deadline of ours and within what an `Instant` can hold.
        let ahead = at.since(self.wall).min(std::time::Duration::from_secs(3_153_600_000));
        self.anchor + ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments_go_there_and_back() {
        let clock = Clock::start();
        let copy = clock;
        let now = clock.now();
        assert!(copy.now() >= now, "copies agree and time goes on");
        let ahead = clock.instant(now + Duration::from_secs(5)).duration_since(clock.instant(now));
        assert_eq!(ahead, Duration::from_secs(5));
        assert!(clock.instant(Timestamp::FAR_FUTURE) > Instant::now());
        assert!(clock.instant(Timestamp::EPOCH) <= Instant::now());
    }
}
