//! Digest authentication, both sides: RFC 7616 and RFC 8760 (SHA-256 and MD5, `qop=auth`), RFC 3261 §22.
//!
//! The server side keeps no passwords and no nonces: a nonce proves itself (time, count, HMAC over both and the realm),
//! and only the use counts of nonces that have authenticated somebody are remembered, in a bounded table. Knows
//! neither sockets nor the clock nor a random generator: the secret and client nonces come in from the roof.

mod params;

use crate::limits::{AUTHORIZATION_BYTES_MAX, NONCE_TTL, NONCES_MAX};
use crate::message::Uri;
use dozvon_clock::Timestamp;
use hmac::{Hmac, Mac};
use md5::Md5;
use params::AuthParams;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// A hash algorithm of RFC 8760. The `-sess` variants are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5: for phones that know nothing else.
    Md5,
    /// SHA-256: offered first.
    Sha256,
}

impl Algorithm {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    /// The algorithm of that name; none at all means MD5 (RFC 7616 §3.3).
    fn of(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    fn hash(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Algorithm::Md5 => hex::encode(Md5::digest(text)),
            Algorithm::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// What is kept of a password: the hash of `user:realm:password` for each algorithm (RFC 7616 §3.4.2).
///
/// As good as the password for this realm: to be stored like one, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    md5: String,
    sha256: String,
}

impl Ha1 {
    /// Hashes a password.
    pub fn of(user: &str, realm: &str, password: &str) -> Self {
        let hash = |algorithm: Algorithm| algorithm.hash(&[user, realm, password]);
        Self { md5: hash(Algorithm::Md5), sha256: hash(Algorithm::Sha256) }
    }

    /// Takes hashes as configuration holds them: 32 and 64 hex digits. `None` when one is not that.
    pub fn from_hex(md5: &str, sha256: &str) -> Option<Self> {
        let is_hex = |s: &str, len| s.len() == len && s.bytes().all(|b| b.is_ascii_hexdigit());
        (is_hex(md5, 32) && is_hex(sha256, 64))
            .then(|| Self { md5: md5.to_ascii_lowercase(), sha256: sha256.to_ascii_lowercase() })
    }

    /// The hashes as configuration holds them: MD5, SHA-256.
    pub fn to_hex(&self) -> (&str, &str) {
        (&self.md5, &self.sha256)
    }

    fn for_algorithm(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Md5 => &self.md5,
            Algorithm::Sha256 => &self.sha256,
        }
    }
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(hidden)")
    }
}

/// What a request's credentials are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are right, fresh, and used for the first time.
    Ok {
        /// Who it is.
        user: String,
    },
    /// The password is right, but the nonce is too old, foreign, or used up: challenge again with `stale=true`.
    Stale,
    /// They are wrong, or not readable: challenge again, count a failure. Unknown users look the same.
    Bad,
}

/// Time, count and HMAC (of 80 bits, the least that RFC 2104 §5 advises).
const NONCE_BYTES: usize = 19;

/// Orders nonces by age; the count tells those of one millisecond apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NonceKey {
    issued_ms: u64,
    count: u64,
}

/// The server side: makes challenges and judges answers to them.
#[derive(Debug)]
pub struct Verifier {
    secret: [u8; 32],
    realm: String,
    nonce_ttl: Duration,
    issued: u32,
    dummy: Ha1,
    /// The highest `nc` seen with each nonce that has authenticated somebody.
    used: BTreeMap<NonceKey, u32>,
    /// Nonces up to here have been forgotten, so their counts are unknown: stale.
    forgotten: Option<NonceKey>,
}

impl Verifier {
    /// A verifier for one realm. The secret signs nonces; it should be random and may live as long as the process.
    ///
    /// Quotes, backslashes and control characters are taken out of the realm.
    pub fn new(secret: [u8; 32], realm: &str) -> Self {
        let realm: String =
            realm.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
        let dummy = Ha1::of("nobody", &realm, &hex::encode(secret));
        let (used, forgotten) = (BTreeMap::new(), None);
        Self { secret, realm, nonce_ttl: NONCE_TTL, issued: 0, dummy, used, forgotten }
    }

    /// With another life of nonces.
    pub fn with_nonce_ttl(mut self, ttl: Duration) -> Self {
        self.nonce_ttl = ttl;
        self
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Values for WWW-Authenticate or Proxy-Authenticate headers, the better algorithm first (RFC 8760 §2.4).
    pub fn challenges(&mut self, now: Timestamp, stale: bool) -> Vec<String> {
        let nonce = self.nonce(now);
        let stale = if stale { ", stale=true" } else { "" };
        [Algorithm::Sha256, Algorithm::Md5]
            .map(|algorithm| {
                let (realm, algorithm) = (&self.realm, algorithm.as_str());
                format!(
                    "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}"
                )
            })
            .into()
    }

    /// Judges one Authorization or Proxy-Authorization value. `lookup` finds the hashes of a user.
    ///
    /// The same hashing is done whether the user exists or not.
    pub fn verify(
        &mut self,
        now: Timestamp,
        authorization: &[u8],
        method: &str,
        request_uri: &str,
        lookup: impl FnOnce(&str) -> Option<Ha1>,
    ) -> Verdict {
        let Some(answer) = Answer::read(authorization, &self.realm) else { return Verdict::Bad };
        let found = lookup(answer.user);
        let ha1 = found.as_ref().unwrap_or(&self.dummy).for_algorithm(answer.algorithm);
        let expected = answer.expected(ha1, method);
        let matches = bool::from(expected.as_bytes().ct_eq(answer.response.as_bytes()));
        let key = self.own_nonce(answer.nonce);
        if !matches || found.is_none() || !same_target(answer.uri, request_uri) {
            return Verdict::Bad;
        }
        match key {
            Some(key) if self.use_nonce(now, key, answer.nc) => {
                Verdict::Ok { user: answer.user.to_owned() }
            }
            Some(_) | None => Verdict::Stale,
        }
    }

    /// A new nonce: 6 bytes of time, 3 of a count, 10 of HMAC, in hex. Never the same twice in one process. No longer
    /// than that, because a challenge goes to whoever is named as the source of a datagram.
    fn nonce(&mut self, now: Timestamp) -> String {
        self.issued = self.issued.wrapping_add(1);
        let mut bytes = [0; NONCE_BYTES];
        bytes[..6].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
        bytes[6..9].copy_from_slice(&self.issued.to_be_bytes()[1..]);
        let tag = self.mac(&[b"nonce", &bytes[..9], self.realm.as_bytes()]);
        bytes[9..].copy_from_slice(&tag[..10]);
        hex::encode(bytes)
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any key length is fine");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The nonce's place in time, if we have made it.
    fn own_nonce(&self, nonce: &str) -> Option<NonceKey> {
        let mut bytes = [0; NONCE_BYTES];
        hex::decode_to_slice(nonce, &mut bytes).ok()?;
        let tag = self.mac(&[b"nonce", &bytes[..9], self.realm.as_bytes()]);
        let word = |range: std::ops::Range<usize>| {
            bytes[range].iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        let ours = bool::from(tag[..10].ct_eq(&bytes[9..]));
        ours.then(|| NonceKey { issued_ms: word(0..6), count: word(6..9) })
    }

    /// Notes the use; `false` when the nonce is too old, forgotten, or this count or a later one has been seen.
    fn use_nonce(&mut self, now: Timestamp, key: NonceKey, nc: u32) -> bool {
        let ttl_ms = u64::try_from(self.nonce_ttl.as_millis()).unwrap_or(u64::MAX);
        let oldest_ms = now.as_millis().saturating_sub(ttl_ms);
        while let Some((&old, _)) = self.used.first_key_value()
            && old.issued_ms < oldest_ms
        {
            self.forget(old);
        }
        if key.issued_ms < oldest_ms || self.forgotten.is_some_and(|forgotten| key <= forgotten) {
            return false;
        }
        let fresh = self.used.get(&key).is_none_or(|&last| nc > last);
        if fresh {
            self.used.insert(key, nc);
        }
        while self.used.len() > NONCES_MAX
            && let Some((&old, _)) = self.used.first_key_value()
        {
            self.forget(old);
        }
        fresh
    }

    fn forget(&mut self, key: NonceKey) {
        self.used.remove(&key);
        self.forgotten = Some(self.forgotten.map_or(key, |forgotten| forgotten.max(key)));
    }
}

/// The parts of an Authorization value that we insist on.
struct Answer<'a> {
    user: &'a str,
    nonce: &'a str,
    uri: &'a str,
    response: &'a str,
    algorithm: Algorithm,
    cnonce: &'a str,
    nc: u32,
    nc_text: &'a str,
}

impl<'a> Answer<'a> {
    /// Reads credentials; `None` for other schemes, other realms, missing `qop=auth`, and whatever cannot be read.
    fn read(value: &'a [u8], realm: &str) -> Option<Self> {
        if value.len() > AUTHORIZATION_BYTES_MAX {
            return None;
        }
        let params = AuthParams::parse(value)?;
        params.get("realm").filter(|&theirs| theirs == realm)?;
        let nc_text = params.get("nc").filter(|nc| nc.len() == 8)?;
        let answer = Self {
            user: params.get("username")?,
            nonce: params.get("nonce")?,
            uri: params.get("uri")?,
            response: params.get("response")?,
            algorithm: Algorithm::of(params.get("algorithm"))?,
            cnonce: params.get("cnonce").filter(|cnonce| !cnonce.is_empty())?,
            nc: u32::from_str_radix(nc_text, 16).ok().filter(|&nc| nc > 0)?,
            nc_text,
        };
        let auth = params.get("qop").is_some_and(|qop| qop.eq_ignore_ascii_case("auth"));
        auth.then_some(answer)
    }

    fn expected(&self, ha1: &str, method: &str) -> String {
        let ha2 = self.algorithm.hash(&[method, self.uri]);
        let parts = [ha1, self.nonce, self.nc_text, self.cnonce, "auth", &ha2];
        self.algorithm.hash(&parts)
    }
}

/// Whether the digest's uri means the Request-URI: equal text, equivalent URIs, or the same user at the same host where
/// only one side spells out port or parameters.
fn same_target(digest_uri: &str, request_uri: &str) -> bool {
    if digest_uri == request_uri {
        return true;
    }
    let (Ok(a), Ok(b)) = (Uri::parse(digest_uri.as_bytes()), Uri::parse(request_uri.as_bytes()))
    else {
        return false;
    };
    let same_host = match (a.host(), b.host()) {
        (Some(a), Some(b)) => a.same(b),
        (None, _) | (_, None) => false,
    };
    let same_port = match (a.port(), b.port()) {
        (Some(a), Some(b)) => a == b,
        (None, _) | (_, None) => true,
    };
    a.equivalent(b)
        || (a.is_sip() && b.is_sip())
            && a.user_unescaped() == b.user_unescaped()
            && same_host
            && same_port
}

/// What we prove who we are with, towards a carrier.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name the carrier knows us by.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A challenge that we can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    algorithm_named: bool,
    qop_auth: bool,
    stale: bool,
}

impl Challenge {
    /// Reads one WWW-Authenticate or Proxy-Authenticate value; `None` when it is not one that we can answer.
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.len() > AUTHORIZATION_BYTES_MAX {
            return None;
        }
        let params = AuthParams::parse(value)?;
        let qop = params.get("qop");
        let qop_auth =
            qop.is_some_and(|list| list.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")));
        if qop.is_some() && !qop_auth {
            return None;
        }
        Some(Self {
            realm: params.get("realm")?.to_owned(),
            nonce: params.get("nonce")?.to_owned(),
            opaque: params.get("opaque").map(str::to_owned),
            algorithm: Algorithm::of(params.get("algorithm"))?,
            algorithm_named: params.get("algorithm").is_some(),
            qop_auth,
            stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The strongest challenge that we can answer; with `realm` given, only one of that realm, so that a stranger who
    /// challenges us learns nothing.
    pub fn choose<'a>(values: impl Iterator<Item = &'a [u8]>, realm: Option<&str>) -> Option<Self> {
        let mut best: Option<Self> = None;
        for challenge in values.filter_map(Self::parse) {
            let wanted = realm.is_none_or(|realm| realm == challenge.realm);
            if wanted && best.as_ref().is_none_or(|best| challenge.algorithm > best.algorithm) {
                best = Some(challenge);
            }
        }
        best
    }

    /// Who asks.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The nonce; a new one starts `nc` at 1 again.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Whether only the nonce was too old: try again with the same password.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The value for Authorization or Proxy-Authorization.
    ///
    /// `uri` is the Request-URI as sent, `nc` counts the uses of this nonce from 1, `cnonce` is fresh random text of
    /// hex digits.
    pub fn respond(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        nc: u32,
        cnonce: &str,
    ) -> String {
        let Credentials { user, password } = credentials;
        let (realm, nonce, algorithm) = (&self.realm, &self.nonce, self.algorithm);
        let ha1 = algorithm.hash(&[user, realm, password]);
        let ha2 = algorithm.hash(&[method, uri]);
        let nc = format!("{nc:08x}");
        let response = if self.qop_auth {
            algorithm.hash(&[&ha1, nonce, &nc, cnonce, "auth", &ha2])
        } else {
            algorithm.hash(&[&ha1, nonce, &ha2])
        };
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\""
        );
        if self.algorithm_named {
            value.push_str(&format!(", algorithm={}", algorithm.as_str()));
        }
        if self.qop_auth {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }
}

#[cfg(test)]
mod tests;
