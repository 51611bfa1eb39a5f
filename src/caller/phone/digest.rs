//! Digest answers of a client (RFC 7616, RFC 8760), written apart from the server's own.

use md5::Md5;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A user and password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// User name.
    pub(crate) user: String,
    /// Password.
    pub(crate) password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The value of an Authorization header for the best of the challenges; `None` when none can be answered.
pub(super) fn answer(
    challenges: &[String],
    login: &Login,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<String> {
    let read: Vec<_> = challenges.iter().filter_map(|c| parameters(c)).collect();
    let algorithm = |c: &BTreeMap<String, String>| {
        c.get("algorithm").map_or("MD5".to_owned(), |a| a.to_ascii_uppercase())
    };
    let best = read.iter().find(|c| algorithm(c) == "SHA-256");
    let challenge = best.or_else(|| read.iter().find(|c| algorithm(c) == "MD5"))?;
    let hash = if algorithm(challenge) == "SHA-256" { sha256 } else { md5 };
    let (realm, nonce) = (challenge.get("realm")?, challenge.get("nonce")?);
    let ha1 = hash(&format!("{}:{realm}:{}", login.user, login.password));
    let ha2 = hash(&format!("{method}:{uri}"));
    let with_qop =
        challenge.get("qop").is_some_and(|q| q.split(',').any(|one| one.trim() == "auth"));
    let response = if with_qop {
        hash(&format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}"))
    } else {
        hash(&format!("{ha1}:{nonce}:{ha2}"))
    };
    let mut value = format!(
        "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm={}",
        login.user,
        algorithm(challenge)
    );
    if with_qop {
        value.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = challenge.get("opaque") {
        value.push_str(&format!(", opaque=\"{opaque}\""));
    }
    Some(value)
}

fn md5(text: &str) -> String {
    format!("{:x}", Md5::digest(text.as_bytes()))
}

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text.as_bytes()))
}

/// The parameters of a `Digest …` challenge, quotes taken off; commas inside quotes do not separate.
fn parameters(challenge: &str) -> Option<BTreeMap<String, String>> {
    let rest = challenge
        .trim()
        .strip_prefix("Digest")
        .or_else(|| challenge.trim().strip_prefix("digest"))?;
    let mut found = BTreeMap::new();
    let (mut quoted, mut part) = (false, String::new());
    for c in rest.chars().chain([',']) {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                if let Some((name, value)) = part.split_once('=') {
                    found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
                }
                part.clear();
            }
            other => part.push(other),
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 §3.9.1, both algorithms.
    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let login = Login { user: "Mufasa".into(), password: "Circle of Life".into() };
        let challenge = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let both = [challenge("MD5"), challenge("SHA-256")];
        let strong = answer(&both, &login, "GET", "/dir/index.html", cnonce).unwrap();
        assert!(
            strong.contains("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            "{strong}"
        );
        let weak = answer(&both[..1], &login, "GET", "/dir/index.html", cnonce).unwrap();
        assert!(weak.contains("8ca523f5e9506fed4657c9700eebdbec"), "{weak}");
        assert!(strong.contains("opaque=\"FQhe"), "the opaque goes back: {strong}");
    }

    #[test]
    fn an_unknown_scheme_has_no_answer() {
        let login = Login { user: "a".into(), password: "b".into() };
        assert_eq!(answer(&["Bearer x".into()], &login, "REGISTER", "sip:x", "c"), None);
    }
}
