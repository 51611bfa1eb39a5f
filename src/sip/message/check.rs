//! The verdict on a message that could be split: fit, to be refused with a status, or to be dropped.
//!
//! What RFC 3261 §8.2.2 and RFC 4475 want looked at before anybody acts on a message. Methods, Require and body types
//! are the endpoint's and the dialog's business.

use super::headers::{Contact, NameAddr};
use super::method::Method;
use super::name::HeaderName;
use super::parse::{HeaderError, Message, StartLine};
use super::text::number;
use super::uri::{Scheme, Uri};

/// Why a request is refused: the status to answer with and a text for `Warning: 399`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 416, 505 or 513; for a Refer-To also 501.
    pub status: u16,
    /// What was wrong, in our own words; safe to send.
    pub text: &'static str,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be processed.
    Fit,
    /// A request to be answered statelessly with this status.
    Refuse(Refusal),
    /// A response, an ACK, or a request that cannot even be answered: forget it. The text is for counters and logs.
    Drop(&'static str),
}

/// Headers that may stand only once and whose doubling would let two elements read one message differently.
const SINGLE: [HeaderName; 16] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::ContentType,
    HeaderName::Expires,
    HeaderName::Event,
    HeaderName::ReferTo,
    HeaderName::ReferredBy,
    HeaderName::ReferSub,
    HeaderName::Replaces,
    HeaderName::SessionExpires,
    HeaderName::RSeq,
    HeaderName::RAck,
    HeaderName::SubscriptionState,
];

impl Message<'_> {
    /// The verdict. A message whose verdict is not [`Verdict::Fit`] must not be processed.
    ///
    /// After `Fit`, From, To, Call-ID, CSeq, all Vias, Contacts, Routes and Record-Routes can be read, the CSeq fits
    /// the method, and a request's URI is `sip`, `sips` or `tel`. Max-Forwards, a From tag and a branch may still be
    /// missing (RFC 4475 §3.4.1, RFC 3261 §16.3).
    pub fn check(&self) -> Verdict {
        let fault = match self.defect {
            Some(defect) => Some(defect),
            None => self.faults().err(),
        };
        match (self.start(), fault) {
            (_, None) => Verdict::Fit,
            (StartLine::Response { .. }, Some(refusal)) => Verdict::Drop(refusal.text),
            (StartLine::Request { method: Method::Ack, .. }, Some(refusal)) => {
                Verdict::Drop(refusal.text)
            }
            (StartLine::Request { .. }, Some(_)) if !self.has(HeaderName::Via) => {
                Verdict::Drop("no Via to answer to")
            }
            (StartLine::Request { .. }, Some(refusal)) => Verdict::Refuse(refusal),
        }
    }

    fn faults(&self) -> Result<(), Refusal> {
        self.check_single()?;
        self.check_identity()?;
        self.check_lists()?;
        self.check_scalars()?;
        match self.start() {
            StartLine::Request { method, uri } => self.check_request(method, uri),
            StartLine::Response { .. } => Ok(()),
        }
    }

    fn check_single(&self) -> Result<(), Refusal> {
        if SINGLE.into_iter().any(|name| self.is_repeated(name)) {
            return Err(bad("a single-valued header occurs twice"));
        }
        Ok(())
    }

    fn check_identity(&self) -> Result<(), Refusal> {
        let (from, to) = (self.from().map_err(refusal)?, self.to().map_err(refusal)?);
        if from.params.count("tag") > 1 || to.params.count("tag") > 1 {
            return Err(bad("two tags in one header"));
        }
        if [from, to].into_iter().any(|side| side.params.has("tag") && side.tag().is_none()) {
            return Err(bad("a tag without a value"));
        }
        self.call_id().map_err(refusal)?;
        self.cseq().map_err(refusal)?;
        Ok(())
    }

    fn check_lists(&self) -> Result<(), Refusal> {
        let mut vias = self.vias();
        let top = vias.next().ok_or(bad("missing Via"))?.map_err(|_| bad("malformed Via"))?;
        if top.params.count("branch") > 1 {
            return Err(bad("two branches in one Via"));
        }
        if vias.any(|via| via.is_err()) {
            return Err(bad("malformed Via"));
        }
        if self.list(HeaderName::Contact).any(|item| Contact::parse(item).is_err()) {
            return Err(bad("malformed Contact"));
        }
        for name in [HeaderName::Route, HeaderName::RecordRoute] {
            if self.list(name).any(|item| NameAddr::parse(item).is_err()) {
                return Err(bad("malformed Route or Record-Route"));
            }
        }
        Ok(())
    }

    fn check_scalars(&self) -> Result<(), Refusal> {
        self.body_length().map_err(refusal)?;
        let within = |name, max| self.value(name).is_none_or(|value| number(value, max).is_ok());
        if !within(HeaderName::MaxForwards, 255) {
            return Err(bad("malformed Max-Forwards"));
        }
        if !within(HeaderName::Expires, u32::MAX) {
            return Err(bad("malformed Expires"));
        }
        Ok(())
    }

    fn check_request(&self, method: Method<'_>, uri: &[u8]) -> Result<(), Refusal> {
        if self.cseq().map_err(refusal)?.method != method {
            return Err(bad("CSeq names another method"));
        }
        if self.has(HeaderName::Replaces) {
            self.check_replaces(method)?;
        }
        let uri = Uri::parse(uri).map_err(|_| bad("malformed Request-URI"))?;
        if uri.headers().is_some() {
            return Err(bad("headers in the Request-URI"));
        }
        match uri.scheme() {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
            Scheme::Other(_) => Err(Refusal { status: 416, text: "only sip, sips and tel URIs" }),
        }
    }

    /// Replaces belongs into an INVITE that begins a dialog, and not beside Join (RFC 3891 §3, RFC 3911 §4).
    fn check_replaces(&self, method: Method<'_>) -> Result<(), Refusal> {
        if method != Method::Invite || self.to().is_ok_and(|to| to.tag().is_some()) {
            return Err(bad("Replaces belongs into an INVITE that begins a call"));
        }
        if self.other("Join").is_some() {
            return Err(bad("Replaces and Join contradict each other"));
        }
        if !matches!(self.replaces(), Some(Ok(_))) {
            return Err(bad("malformed Replaces"));
        }
        Ok(())
    }
}

const fn bad(text: &'static str) -> Refusal {
    Refusal { status: 400, text }
}

fn refusal(error: HeaderError) -> Refusal {
    bad(match error {
        HeaderError::Missing(HeaderName::From) => "missing From",
        HeaderError::Missing(HeaderName::To) => "missing To",
        HeaderError::Missing(HeaderName::CallId) => "missing Call-ID",
        HeaderError::Missing(HeaderName::CSeq) => "missing CSeq",
        HeaderError::Missing(_) => "missing header",
        HeaderError::Malformed(HeaderName::From, _) => "malformed From",
        HeaderError::Malformed(HeaderName::To, _) => "malformed To",
        HeaderError::Malformed(HeaderName::CallId, _) => "malformed Call-ID",
        HeaderError::Malformed(HeaderName::CSeq, _) => "malformed CSeq",
        HeaderError::Malformed(HeaderName::ContentLength, _) => "malformed Content-Length",
        HeaderError::Malformed(_, text) => text,
    })
}
