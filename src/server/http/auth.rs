//! Who asks, and what they may: bearer tokens with four roles.
//!
//! Tokens are kept as SHA-256 and compared in constant time, all of them each time, so the time of an answer tells
//! nothing. Without a token the machine's own users may look (monitor: no numbers, no commands) and nothing else: a
//! request from loopback that names the machine as its host and was not passed on. That keeps web pages of strangers
//! out, which can make a browser on this machine ask (DNS rebinding, cross-site WebSockets).

use super::App;
use super::listener::Peer;
use super::problem::Problem;
use crate::server::config::{Role, Token};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;

/// How a browser brings its token to a WebSocket, where it can set no header: as a subprotocol after this prefix.
pub(crate) const PROTOCOL_PREFIX: &str = "bearer.";

/// The configured tokens, hashed.
#[derive(Debug)]
pub(super) struct Tokens(Vec<Known>);

#[derive(Debug)]
struct Known {
    hash: [u8; 32],
    who: Who,
}

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// Whose token it is, for the log.
    pub(crate) name: String,
    /// What it allows.
    pub(crate) role: Role,
    /// The one agent that an agent's token is for.
    agent: Option<String>,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right<'a> {
    /// See queues, agents, calls and contacts, without callers' numbers.
    Look,
    /// Look for a caller's number.
    SearchNumbers,
    /// Change how this agent stands.
    Command(&'a str),
    /// End somebody's call, or take part in it.
    HangUp,
    /// Declare the emergency of a site, or call it off.
    Emergency,
    /// Bring another version of the configuration into force.
    Reload,
    /// Move a rollout by hand.
    Rollout,
    /// Mark that somebody has complained.
    Complain,
    /// Do something with calls at all: agents and those above them.
    Talk,
}

impl Tokens {
    /// Hashes the configuration's tokens.
    pub(super) fn new(tokens: &[Token]) -> Tokens {
        let known = |token: &Token| Known {
            hash: Sha256::digest(token.token.0.as_bytes()).into(),
            who: Who { name: token.name.clone(), role: token.role, agent: token.agent.clone() },
        };
        Tokens(tokens.iter().map(known).collect())
    }

    /// Who holds this token.
    fn find(&self, token: &str) -> Option<&Who> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for known in &self.0 {
            let difference = known.hash.iter().zip(hash).fold(0, |sum, (a, b)| sum | (a ^ b));
            // Keeps the compiler from leaving the loop above at the first difference.
            if std::hint::black_box(difference) == 0 {
                found = Some(&known.who);
            }
        }
        found
    }
}

impl Who {
    /// Whether callers' numbers are shown in full.
    pub(crate) fn sees_numbers(&self) -> bool {
        match self.role {
            Role::Supervisor | Role::Admin => true,
            Role::Monitor | Role::Agent => false,
        }
    }

    /// Whether the customer of this agent's call is shown in full.
    pub(crate) fn sees_customers_of(&self, agent: &str) -> bool {
        self.sees_numbers() || (self.is_agent() && self.agent.as_deref() == Some(agent))
    }

    /// Whether commands are an agent's own, rather than a supervisor's.
    pub(crate) fn is_agent(&self) -> bool {
        self.role == Role::Agent
    }

    /// Passes, or says why not.
    ///
    /// # Errors
    /// 403 with a sentence.
    pub(crate) fn may(&self, right: Right<'_>) -> Result<(), Problem> {
        let commands_all = self.sees_numbers();
        let own = |name| self.is_agent() && self.agent.as_deref() == Some(name);
        let (allowed, need) = match right {
            Right::Look => (true, "a monitor's"),
            Right::SearchNumbers => (self.sees_numbers(), "a supervisor's"),
            Right::Command(name) => {
                (commands_all || own(name), "a supervisor's or that agent's own")
            }
            Right::HangUp | Right::Emergency | Right::Reload | Right::Rollout | Right::Complain => {
                (commands_all, "a supervisor's")
            }
            Right::Talk => (commands_all || self.is_agent(), "an agent's"),
        };
        if allowed {
            return Ok(());
        }
        Err(Problem::forbidden(format!(
            "this needs {need} token; yours, `{}`, is another",
            self.name
        )))
    }
}

impl FromRequestParts<Arc<App>> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Who, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.0.ip());
        identify(&app.tokens, &parts.headers, peer)
    }
}

fn identify(tokens: &Tokens, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Who, Problem> {
    if let Some(token) = token_in(headers) {
        let unknown = || Problem::unauthorized("no such token: look at [http] tokens");
        return tokens.find(token).cloned().ok_or_else(unknown);
    }
    if is_local(headers, peer) {
        return Ok(Who { name: "this machine".to_owned(), role: Role::Monitor, agent: None });
    }
    let detail = "send a token: Authorization: Bearer <token>; without one only this machine itself may look, as \
                  http://127.0.0.1 or localhost";
    Err(Problem::unauthorized(detail))
}

/// The token a request brings.
fn token_in(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // Something that is no bearer token is a token that nobody holds, not the absence of one.
        let text = value.to_str().unwrap_or_default();
        let token =
            text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return Some(token.map_or("", |(_, token)| token.trim()));
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    protocols.split(',').find_map(|protocol| protocol.trim().strip_prefix(PROTOCOL_PREFIX))
}

/// Whether a request comes from this machine and was meant for it.
fn is_local(headers: &HeaderMap, peer: Option<IpAddr>) -> bool {
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let same_origin = match (origin, host) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        (Some(_), None) => false,
    };
    peer.is_some_and(|peer| peer.to_canonical().is_loopback())
        && !passed_on.iter().any(|name| headers.contains_key(*name))
        && host.is_some_and(is_local_host)
        && same_origin
}

/// Whether a `Host` is this machine by its own names for itself.
fn is_local_host(host: &str) -> bool {
    let Ok(uri) = format!("http://{host}/").parse::<Uri>() else { return false };
    let Some(name) = uri.host() else { return false };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::Secret;

    fn tokens(list: &[(&str, Role)]) -> Tokens {
        let token = |(name, role): &(&str, Role)| Token {
            name: (*name).to_owned(),
            role: *role,
            token: Secret(format!("secret of {name}")),
            agent: (*role == Role::Agent).then(|| (*name).to_owned()),
        };
        Tokens::new(&list.iter().map(token).collect::<Vec<_>>())
    }

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const LOCAL: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn a_token_is_its_holders_and_a_wrong_one_is_nobodys_even_on_loopback() {
        let tokens = tokens(&[("anna", Role::Agent), ("boss", Role::Admin)]);
        let ask = |value: &str| {
            let headers = headers(&[("authorization", value), ("host", "localhost")]);
            identify(&tokens, &headers, LOCAL)
        };
        assert_eq!(ask("Bearer secret of boss").unwrap().role, Role::Admin);
        assert_eq!(ask("bearer secret of anna").unwrap().agent.as_deref(), Some("anna"));
        for wrong in
            ["Bearer secret of bos", "Bearer", "Bearer ", "Basic c2VjcmV0", "secret of boss"]
        {
            assert_eq!(ask(wrong).unwrap_err().status, 401, "{wrong}");
        }
        let elsewhere = Some("192.0.2.7".parse().unwrap());
        let nobody = identify(&tokens, &headers(&[("host", "localhost")]), elsewhere);
        assert_eq!(nobody.unwrap_err().status, 401);
    }

    #[test]
    fn a_browser_brings_its_token_to_a_websocket_as_a_subprotocol() {
        let tokens = tokens(&[("wall", Role::Monitor)]);
        let tokens = Tokens(vec![Known {
            hash: Sha256::digest(b"abc123").into(),
            who: tokens.0[0].who.clone(),
        }]);
        let headers = headers(&[("sec-websocket-protocol", "dozvon.events.v1, bearer.abc123")]);
        assert_eq!(identify(&tokens, &headers, None).unwrap().name, "wall");
    }

    #[test]
    fn without_a_token_this_machine_may_look_and_nobody_else() {
        let none = tokens(&[("boss", Role::Admin)]);
        let ask = |list: &[(&'static str, &str)], peer: &str| {
            identify(&none, &headers(list), Some(peer.parse().unwrap())).map(|who| who.role)
        };
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(ask(&[("host", host)], "127.0.0.1").unwrap(), Role::Monitor, "{host}");
        }
        assert_eq!(ask(&[("host", "localhost")], "::ffff:127.0.0.1").unwrap(), Role::Monitor);
        let own = [("host", "localhost:8080"), ("origin", "http://localhost:8080")];
        assert_eq!(ask(&own, "::1").unwrap(), Role::Monitor);
        for (why, list, peer) in [
            ("from elsewhere", vec![("host", "localhost")], "192.0.2.7"),
            ("DNS rebinding", vec![("host", "evil.example:8080")], "127.0.0.1"),
            ("no host", vec![], "127.0.0.1"),
            (
                "a page of a stranger",
                vec![("host", "127.0.0.1:8080"), ("origin", "https://evil.example")],
                "127.0.0.1",
            ),
            (
                "another server on this machine",
                vec![("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:3000")],
                "127.0.0.1",
            ),
            (
                "passed on by a proxy",
                vec![("host", "localhost"), ("x-forwarded-for", "192.0.2.7")],
                "127.0.0.1",
            ),
        ] {
            assert_eq!(ask(&list, peer).unwrap_err().status, 401, "{why}");
        }
    }
}
