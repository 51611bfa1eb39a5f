//! The registrar's table of bindings: RFC 3261 §10.3, RFC 3327 (Path).

use crate::endpoint::Path;
use dozvon_clock::Timestamp;

/// The digest secrets of an account: H(user:realm:password) in hex, as RFC 8760 wants them. Never the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Ha1Pair {
    /// SHA-256, 64 lower-case hex digits; empty when only MD5 is known.
    pub sha256: String,
    /// MD5, 32 lower-case hex digits; empty when only SHA-256 is allowed.
    pub md5: String,
}

impl std::fmt::Debug for Ha1Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1Pair(..)")
    }
}

/// One contact of an account and the way to reach it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The Contact URI, without angle brackets.
    pub contact: String,
    /// The flow the REGISTER came over: send INVITEs here, whatever the Contact says (NAT).
    pub path: Path,
    /// The Path header (RFC 3327): the route set for INVITEs, first hop first.
    pub route: Vec<String>,
    /// When the binding ends.
    pub expires_at: Timestamp,
    /// Preference in thousandths, 0 to 1000; higher is better.
    pub q: u16,
    /// The phone's User-Agent; empty when it does not say.
    pub user_agent: String,
}
