//! Who may ask how often: a token bucket per source, a ban after too many wrong passwords, a bound on both.
//!
//! Sources are IPv4 addresses and IPv6 /64 networks. Trusted networks have a larger bucket and are never banned.

use super::config::{Bounds, Rate};
use super::event::SecurityKind;
use crate::limits::{AUTH_FAILURES_MAX, BAN, BAN_WINDOW, SOURCES_MAX};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// What to do with a new request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Look at it.
    Yes,
    /// Answer 503, statelessly.
    Refuse,
    /// Don't answer.
    Ignore,
}

/// Tokens in thousandths.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    milli: u64,
    at: Timestamp,
}

impl Bucket {
    fn full(rate: Rate, now: Timestamp) -> Bucket {
        Bucket { milli: u64::from(rate.burst) * 1000, at: now }
    }

    fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        let passed = now.since(self.at).as_micros().min(u128::from(u32::MAX)) as u64;
        let gained = passed * u64::from(rate.per_second) / 1000;
        if gained > 0 {
            self.milli = (self.milli + gained).min(u64::from(rate.burst) * 1000);
            self.at = now;
        }
        let enough = self.milli >= 1000;
        self.milli -= if enough { 1000 } else { 0 };
        enough
    }
}

#[derive(Clone, Debug)]
struct Source {
    requests: Bucket,
    /// The answers given to requests beyond the bucket: after as many again, silence.
    refusals: Bucket,
    failures: u32,
    failures_since: Timestamp,
    banned_until: Timestamp,
    seen: Timestamp,
    told: BTreeMap<SecurityKind, Timestamp>,
}

/// The guard.
#[derive(Debug)]
pub(super) struct Guard {
    stranger: Rate,
    trusted: Rate,
    sources: BTreeMap<IpAddr, Source>,
    by_age: BTreeSet<(Timestamp, IpAddr)>,
}

impl Guard {
    pub(super) fn new(bounds: &Bounds) -> Guard {
        Guard {
            stranger: bounds.stranger,
            trusted: bounds.trusted,
            sources: BTreeMap::new(),
            by_age: BTreeSet::new(),
        }
    }

    fn rate(&self, trusted: bool) -> Rate {
        if trusted { self.trusted } else { self.stranger }
    }

    /// The book of a source, made when new; the one idle longest is forgotten at the bound.
    fn source(&mut self, now: Timestamp, ip: IpAddr, trusted: bool) -> &mut Source {
        let key = source_key(ip);
        let rate = self.rate(trusted);
        if let Some(known) = self.sources.get(&key) {
            self.by_age.remove(&(known.seen, key));
        } else if self.sources.len() >= SOURCES_MAX
            && let Some((_, idle)) = self.by_age.pop_first()
        {
            self.sources.remove(&idle);
        }
        self.by_age.insert((now, key));
        let source = self.sources.entry(key).or_insert_with(|| Source {
            requests: Bucket::full(rate, now),
            refusals: Bucket::full(rate, now),
            failures: 0,
            failures_since: now,
            banned_until: Timestamp::EPOCH,
            seen: now,
            told: BTreeMap::new(),
        });
        source.seen = now;
        source
    }

    /// Charges one new request. A banned source is ignored; its standing calls, which may belong to others behind the
    /// same NAT, are not asked about here.
    pub(super) fn admit(&mut self, now: Timestamp, ip: IpAddr, trusted: bool) -> Admission {
        let rate = self.rate(trusted);
        let source = self.source(now, ip, trusted);
        if source.banned_until > now {
            Admission::Ignore
        } else if source.requests.take(rate, now) {
            Admission::Yes
        } else if source.refusals.take(rate, now) {
            Admission::Refuse
        } else {
            Admission::Ignore
        }
    }

    /// Counts a wrong password. `true` when this one brought the ban.
    pub(super) fn failed(&mut self, now: Timestamp, ip: IpAddr, trusted: bool) -> bool {
        let source = self.source(now, ip, trusted);
        if now.since(source.failures_since) > BAN_WINDOW {
            source.failures = 0;
            source.failures_since = now;
        }
        source.failures += 1;
        let banned = !trusted && source.failures >= AUTH_FAILURES_MAX;
        if banned {
            source.banned_until = now + BAN;
            source.failures = 0;
        }
        banned
    }

    /// Whether a security event of this kind may be told now: once a second per source.
    pub(super) fn may_tell(
        &mut self,
        now: Timestamp,
        ip: IpAddr,
        trusted: bool,
        kind: SecurityKind,
    ) -> bool {
        let source = self.source(now, ip, trusted);
        let due = source.told.get(&kind).is_none_or(|at| now.since(*at) >= Duration::from_secs(1));
        if due {
            source.told.insert(kind, now);
        }
        due
    }
}

/// The key of a source: the address, or the /64 of an IPv6 address, within which a host may pick freely.
fn source_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn ms(millis: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000_000 + millis * 1000)
    }

    #[test]
    fn a_flood_is_answered_then_ignored_and_others_are_served() {
        let mut guard = Guard::new(&Bounds::default());
        let mut counts = [0; 3];
        for i in 0..5000 {
            counts[guard.admit(ms(i / 5), ip(1), false) as usize] += 1;
        }
        // One second: the burst and a second's worth, in requests and in refusals.
        assert!((79..=81).contains(&counts[0]), "{counts:?}");
        assert!((79..=81).contains(&counts[1]), "{counts:?}");
        assert_eq!(guard.admit(ms(1000), ip(2), false), Admission::Yes);
        assert_eq!(guard.admit(ms(3000), ip(1), false), Admission::Yes);
    }

    #[test]
    fn ten_wrong_passwords_in_a_minute_bring_a_ban_of_a_minute() {
        let mut guard = Guard::new(&Bounds::default());
        for i in 1..10 {
            assert!(!guard.failed(ms(i), ip(1), false));
        }
        assert_eq!(guard.admit(ms(10), ip(1), false), Admission::Yes);
        assert!(guard.failed(ms(10), ip(1), false));
        assert_eq!(guard.admit(ms(11), ip(1), false), Admission::Ignore);
        assert_eq!(guard.admit(ms(60_009), ip(1), false), Admission::Ignore);
        assert_eq!(guard.admit(ms(60_010), ip(1), false), Admission::Yes);
        assert_eq!(guard.admit(ms(11), ip(2), false), Admission::Yes);
    }

    #[test]
    fn slow_failures_and_trusted_networks_are_not_banned() {
        let mut guard = Guard::new(&Bounds::default());
        assert!((0..100).all(|i| !guard.failed(ms(i * 7000), ip(1), false)));
        assert!((0..100).all(|i| !guard.failed(ms(i), ip(2), true)));
    }

    #[test]
    fn the_table_forgets_the_source_idle_longest() {
        let mut guard = Guard::new(&Bounds::default());
        for i in 0..SOURCES_MAX as u32 + 10 {
            guard.admit(ms(u64::from(i)), IpAddr::from((0x0a00_0000 + i).to_be_bytes()), false);
        }
        assert_eq!((guard.sources.len(), guard.by_age.len()), (SOURCES_MAX, SOURCES_MAX));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_a_bucket() {
        let a = source_key("2001:db8::1".parse().unwrap());
        assert_eq!(a, source_key("2001:db8::ffff:2".parse().unwrap()));
        assert_ne!(a, source_key("2001:db8:0:1::1".parse().unwrap()));
    }
}
