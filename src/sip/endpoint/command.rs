//! What the switch can ask for: plain data for the commands of [`super::Endpoint`].

use super::path::{Path, Protocol};
use std::net::SocketAddr;

/// One INVITE session, ours or theirs. Numbers are never used twice; commands on a session that is over do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId(pub u64);

/// A party as From, To or Contact name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The display name, unescaped; empty when there is none.
    pub display: String,
    /// The URI without the angle brackets.
    pub uri: String,
}

impl Party {
    /// A party with a URI and no name.
    pub fn new(uri: impl Into<String>) -> Party {
        Party { display: String::new(), uri: uri.into() }
    }

    /// A party with a name and a URI.
    pub fn named(display: impl Into<String>, uri: impl Into<String>) -> Party {
        Party { display: display.into(), uri: uri.into() }
    }

    /// The user part of a `sip:` URI or the number of a `tel:` URI, %-escapes undone; empty when there is none.
    pub fn user(&self) -> String {
        crate::dialog::uri_user(&self.uri)
    }
}

/// What an INVITE with Replaces asks for (RFC 3891 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The dialog to take over: one that stands, or a call of ours that rings there.
    pub dialog: DialogId,
    /// Take it over only while it rings. It did when the INVITE came; look again if you wait.
    pub early_only: bool,
    /// It broke a moment ago, and nobody hung it up ([`Event::Ended`] told why): there is nothing left to `bye`. Who
    /// has not kept the call for whoever comes back refuses with 603.
    ///
    /// [`Event::Ended`]: super::Event::Ended
    pub over: bool,
}

/// The call that a referral wants replaced (RFC 3891, RFC 5589 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// A dialog that the referring party has with us, answered or not: join what is behind it.
    Ours(DialogId),
    /// A dialog that is not ours: refuse with 481, or carry the value outward as `Replaces` in [`Invite::headers`].
    Foreign(String),
}

/// Where an INVITE of ours goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Over a flow that is known: that of a registered binding, or of an earlier message.
    Flow(Path),
    /// To a bare address: a carrier, resolved by the roof.
    Address(Protocol, SocketAddr),
}

/// User and password for a carrier that challenges us.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
    /// The only realm whose challenges are answered; a foreign realm learns nothing (CVE-2021-41158).
    pub realm: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// A new call of ours.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Request-URI and To.
    pub to: Party,
    /// Where to send it.
    pub target: Target,
    /// Who calls.
    pub from: Party,
    /// Our offer; `None` sends an INVITE without one, and the offer then comes in [`super::Event::Answered`].
    pub sdp: Option<Vec<u8>>,
    /// Further headers, such as X-…, P-Asserted-Identity, Referred-By, Replaces and Reason. Control characters in
    /// values become spaces. Left out are names that are no token or that shape the message (Via, To, Content-Length
    /// and the like), and a Replaces that does not read as one.
    pub headers: Vec<(String, String)>,
    /// A preloaded route set: URIs, first hop first. Use the Path of a binding here (RFC 3327).
    pub route: Vec<String>,
    /// For carriers that challenge; at most two INVITEs are sent.
    pub credentials: Option<Credentials>,
}

/// Why an INVITE is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 300 to 699; anything else becomes 500.
    pub status: u16,
    /// The reason phrase; empty for the standard one.
    pub reason: String,
    /// The sentence for the Warning header; `None` repeats the reason phrase.
    pub warning: Option<String>,
    /// For a Retry-After header.
    pub retry_after_secs: Option<u32>,
    /// Answer with a digest challenge (401) instead of `status`.
    pub challenge: bool,
}

impl Refusal {
    /// A refusal with the standard reason phrase.
    pub fn new(status: u16) -> Refusal {
        Refusal {
            status,
            reason: String::new(),
            warning: None,
            retry_after_secs: None,
            challenge: false,
        }
    }

    /// The same with a sentence for the caller's technician.
    pub fn because(status: u16, warning: impl Into<String>) -> Refusal {
        Refusal { warning: Some(warning.into()), ..Refusal::new(status) }
    }
}

/// A Reason header (RFC 3326).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `Q.850` or `SIP`.
    pub protocol: String,
    /// The Q.850 cause or the SIP status.
    pub cause: u16,
    /// Text for people; may be empty.
    pub text: String,
}
