//! Tags, branches and Call-IDs that nobody can guess: HMAC-SHA256 of a counter under the endpoint's secret.
//!
//! The moment of start is mixed into the key, so that a restart never repeats an identifier.

use dozvon_clock::Timestamp;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::Duration;

type HmacSha256 = Hmac<Sha256>;

/// The source of identifiers and of the little randomness that RFC 3261 asks for.
#[derive(Clone)]
pub(super) struct Ids {
    keyed: HmacSha256,
    counter: u64,
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ids").field("counter", &self.counter).finish_non_exhaustive()
    }
}

impl Ids {
    pub(super) fn new(secret: &[u8; 32], now: Timestamp) -> Ids {
        let keyed = HmacSha256::new_from_slice(secret).expect("HMAC takes keys of any length");
        let start = keyed.clone().chain_update(now.as_micros().to_be_bytes()).finalize();
        let keyed = HmacSha256::new_from_slice(&start.into_bytes()).expect("HMAC takes any key");
        Ids { keyed, counter: 0 }
    }

    fn next(&mut self) -> [u8; 16] {
        self.counter += 1;
        let mac = self.keyed.clone().chain_update(self.counter.to_be_bytes()).finalize();
        let mut out = [0; 16];
        out.copy_from_slice(&mac.into_bytes()[..16]);
        out
    }

    /// 80 random bits as a token of 20 hex digits.
    fn token(&mut self) -> String {
        self.next()[..10].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A tag for From or To (§19.3).
    pub(super) fn tag(&mut self) -> String {
        self.token()
    }

    /// A branch with the magic cookie (§8.1.1.7).
    pub(super) fn branch(&mut self) -> String {
        format!("{}{}", crate::message::MAGIC_COOKIE, self.token())
    }

    /// A Call-ID (§8.1.1.4).
    pub(super) fn call_id(&mut self) -> String {
        self.token()
    }

    /// A client nonce for digest.
    pub(super) fn cnonce(&mut self) -> String {
        self.token()
    }

    /// A duration from `from` up to but not including `to`, in steps of 10 ms (§14.1).
    pub(super) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let bytes = self.next();
        let random = u64::from_be_bytes(bytes[..8].try_into().expect("eight of sixteen bytes"));
        let steps = (to - from).as_millis() as u64 / 10;
        from + Duration::from_millis(random % steps.max(1) * 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_repeats_nothing_and_the_same_start_repeats_all() {
        let (a, b) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        let tags = |now| {
            let mut ids = Ids::new(&[7; 32], now);
            (0..100).map(|_| ids.tag()).collect::<Vec<_>>()
        };
        assert_eq!(tags(a), tags(a));
        assert!(tags(a).iter().all(|tag| !tags(b).contains(tag)));
    }

    #[test]
    fn random_waits_stay_within_their_bounds() {
        let mut ids = Ids::new(&[7; 32], Timestamp::EPOCH);
        let (from, to) = (Duration::from_millis(2100), Duration::from_secs(4));
        assert!((0..1000).map(|_| ids.between(from, to)).all(|wait| wait >= from && wait < to));
    }
}
