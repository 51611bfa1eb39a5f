//! Session timers: RFC 4028, the arithmetic of both sides. Who sends what is the endpoint's.

use crate::limits::MIN_SE;
pub use crate::message::Refresher;
use std::time::Duration;

/// What a request of theirs says about timers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// `timer` is in Supported.
    pub supported: bool,
    /// Session-Expires: seconds, and who they want to refresh.
    pub expires: Option<(u32, Option<Refresher>)>,
    /// Min-SE in seconds.
    pub min_se: Option<u32>,
}

/// What we answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No session timer.
    None,
    /// 422 with our Min-SE.
    TooSmall,
    /// A timer runs.
    Agreed(Agreed),
}

/// What goes into our 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Session-Expires in seconds.
    pub secs: u32,
    /// Its refresher.
    pub refresher: Refresher,
}

/// Answers their INVITE or UPDATE (§9). `ours` is the interval we like, in seconds; zero asks for none of ourselves.
pub fn answer(ask: Ask, ours: u32) -> Verdict {
    let floor = ask.min_se.unwrap_or(0).max(MIN_SE);
    match ask.expires {
        Some((secs, _)) if secs < MIN_SE && ask.supported => Verdict::TooSmall,
        // A proxy put it in for a caller that knows nothing of timers: we do all the work.
        Some((secs, _)) if !ask.supported => {
            Verdict::Agreed(Agreed { secs: secs.max(floor), refresher: Refresher::Uas })
        }
        Some((secs, wanted)) => {
            let cap = if ours == 0 { secs } else { ours };
            let secs = secs.min(cap.max(floor)).max(floor);
            Verdict::Agreed(Agreed { secs, refresher: wanted.unwrap_or(Refresher::Uas) })
        }
        None if ask.supported && ours > 0 => {
            Verdict::Agreed(Agreed { secs: ours.max(floor), refresher: Refresher::Uas })
        }
        None => Verdict::None,
    }
}

/// A running timer's two moments, counted from the 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When we send a refresh, if that is our task: half the interval (§7.2).
    pub refresh: Option<Duration>,
    /// When we end the session for want of a refresh: the smaller of 32 s and a third before the interval ends (§10).
    pub expire: Duration,
}

/// The schedule of an interval of `secs`.
pub fn schedule(secs: u32, we_refresh: bool) -> Schedule {
    let whole = Duration::from_secs(u64::from(secs));
    let early = (whole / 3).min(Duration::from_secs(32));
    Schedule { refresh: we_refresh.then_some(whole / 2), expire: whole - early }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(secs: u32, refresher: Refresher) -> Verdict {
        Verdict::Agreed(Agreed { secs, refresher })
    }

    #[test]
    fn table_2_of_rfc_4028_and_our_wishes() {
        let ask = |supported, expires, min_se| Ask { supported, expires, min_se };
        let (uac, uas) = (Refresher::Uac, Refresher::Uas);
        for (what, ours, expected) in [
            (ask(false, None, None), 1800, Verdict::None),
            (ask(true, None, None), 1800, agreed(1800, uas)),
            (ask(true, None, Some(3600)), 1800, agreed(3600, uas)),
            (ask(true, None, None), 0, Verdict::None),
            (ask(true, Some((600, Some(uac))), None), 1800, agreed(600, uac)),
            (ask(true, Some((7200, Some(uas))), None), 1800, agreed(1800, uas)),
            (ask(true, Some((7200, None)), Some(4000)), 1800, agreed(4000, uas)),
            (ask(true, Some((7200, Some(uac))), None), 0, agreed(7200, uac)),
            (ask(true, Some((89, None)), None), 1800, Verdict::TooSmall),
            (ask(true, Some((90, None)), None), 1800, agreed(90, uas)),
            (ask(false, Some((60, Some(uac))), None), 1800, agreed(90, uas)),
        ] {
            assert_eq!(answer(what, ours), expected, "{what:?} ours {ours}");
        }
    }

    #[test]
    fn the_session_ends_before_the_peer_thinks_so() {
        let long = schedule(1800, true);
        assert_eq!(long.refresh, Some(Duration::from_secs(900)));
        assert_eq!(long.expire, Duration::from_secs(1768));
        let short = schedule(90, false);
        assert_eq!((short.refresh, short.expire), (None, Duration::from_secs(60)));
    }
}
