//! A message as marks on the received bytes: start line, header slots, body (RFC 3261 §7). Never allocates.
//!
//! Parsing is lenient on purpose: whatever can be split into a start line and headers becomes a [`Message`], so that
//! a faulty request can still be answered. [`Message::check`](super::check) then says whether it may be processed.

use super::check::Refusal;
use super::headers::{
    CSeq, Contact, NameAddr, RAck, Replaces, SessionExpires, Valued, Via, delta_seconds,
};
use super::method::Method;
use super::name::HeaderName;
use super::text::{self, Items, Malformed, is_token_byte, number, trim};
use super::uri::Uri;
use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX};
use memchr::memchr2;
use std::borrow::Cow;

/// Why bytes are no message at all. None of these gets an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing but line ends: a keep-alive (RFC 5626 §3.5.1); on UDP it is simply ignored.
    #[error("keep-alive")]
    KeepAlive,
    /// More than [`MESSAGE_BYTES_MAX`].
    #[error("message too large")]
    TooLarge,
    /// The first line is neither a SIP request line nor a SIP status line.
    #[error("not SIP: {0}")]
    NotSip(&'static str),
}

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// The method.
        method: Method<'a>,
        /// The Request-URI as written; see [`Message::uri`].
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// 100..=699.
        status: u16,
        /// The reason phrase; any bytes, possibly none.
        reason: &'a [u8],
    },
}

/// Where one header lies.
#[derive(Clone, Copy)]
struct Slot {
    name: HeaderName,
    name_start: u16,
    name_end: u16,
    value_start: u16,
    value_end: u16,
}

const NO_SLOT: Slot =
    Slot { name: HeaderName::Other, name_start: 0, name_end: 0, value_start: 0, value_end: 0 };

/// One header as it stands on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The known name, or `Other`.
    pub name: HeaderName,
    /// The name as written.
    pub written: &'a [u8],
    /// The value, trimmed; folds still in it.
    pub value: &'a [u8],
}

/// Which header could not be read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The header is not there.
    #[error("missing {0}")]
    Missing(HeaderName),
    /// The header is there, but makes no sense.
    #[error("{0}: {1}")]
    Malformed(HeaderName, &'static str),
}

/// One SIP message, borrowed from the bytes it came in.
#[derive(Clone)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    slots: [Slot; HEADERS_MAX],
    count: usize,
    /// Names that occur, and names that occur more than once, as sets of [`HeaderName::bit`].
    seen: u128,
    repeated: u128,
    head_end: usize,
    body: &'a [u8],
    /// The first fault found while splitting; `check` reports it.
    pub(super) defect: Option<Refusal>,
}

impl<'a> Message<'a> {
    /// Splits one datagram, or one message that a [`Framer`](super::Framer) has cut out.
    ///
    /// Line ends before the start line are skipped; bytes behind the body named by Content-Length are ignored (§18.3);
    /// without Content-Length the body is all the rest.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut message = Self::parse_head(bytes)?;
        let rest = &message.bytes[message.head_end..];
        message.body = match message.body_length() {
            Ok(None) => rest,
            Ok(Some(length)) => match rest.get(..length) {
                Some(body) => body,
                None => {
                    message.fault(400, "Content-Length larger than the message");
                    rest
                }
            },
            Err(HeaderError::Missing(_) | HeaderError::Malformed(_, _)) => rest,
        };
        let end = message.head_end + message.body.len();
        message.bytes = &message.bytes[..end];
        Ok(message)
    }

    /// Splits start line and headers only; the body stays empty.
    pub(super) fn parse_head(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let skip = bytes.iter().position(|&b| !matches!(b, b'\r' | b'\n'));
        let bytes = &bytes[skip.ok_or(ParseError::KeepAlive)?..];
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(ParseError::TooLarge);
        }
        let line = next_line(bytes, 0);
        let (start, defect) = start_line(&bytes[..line.end])?;
        let mut message = Self {
            bytes,
            start,
            slots: [NO_SLOT; HEADERS_MAX],
            count: 0,
            seen: 0,
            repeated: 0,
            head_end: bytes.len(),
            body: &[],
            defect,
        };
        if line.bare_cr {
            message.fault(400, "stray CR in the start line");
        }
        message.split_headers(line.next);
        Ok(message)
    }

    fn split_headers(&mut self, from: usize) {
        let bytes = self.bytes;
        let mut at = from;
        loop {
            if at >= bytes.len() {
                self.head_end = bytes.len();
                return self.fault(400, "header section without its empty line");
            }
            let line = next_line(bytes, at);
            if line.next > HEADER_BYTES_MAX {
                self.head_end = bytes.len();
                return self.fault(513, "header section too large");
            }
            if line.end == at && line.next > at {
                self.head_end = line.next;
                return;
            }
            if line.bare_cr {
                self.fault(400, "stray CR in a header");
            }
            self.take_line(at, line.end);
            at = line.next;
        }
    }

    fn take_line(&mut self, start: usize, end: usize) {
        if matches!(self.bytes[start], b' ' | b'\t') {
            match self.count.checked_sub(1).map(|last| &mut self.slots[last]) {
                Some(slot) => slot.value_end = end as u16,
                None => self.fault(400, "continuation line before any header"),
            }
            return;
        }
        let line = &self.bytes[start..end];
        let name_len = line.iter().position(|&b| !is_token_byte(b)).unwrap_or(line.len());
        let mut colon = name_len;
        while matches!(line.get(colon), Some(b' ' | b'\t')) {
            colon += 1;
        }
        if name_len == 0 || line.get(colon) != Some(&b':') {
            return self.fault(400, "header line without name and colon");
        }
        if self.count == HEADERS_MAX {
            return self.fault(400, "too many headers");
        }
        let name = HeaderName::of(&line[..name_len]);
        if name != HeaderName::Other {
            self.repeated |= self.seen & name.bit();
            self.seen |= name.bit();
        }
        // All offsets fit: the head is at most HEADER_BYTES_MAX long.
        self.slots[self.count] = Slot {
            name,
            name_start: start as u16,
            name_end: (start + name_len) as u16,
            value_start: (start + colon + 1) as u16,
            value_end: end as u16,
        };
        self.count += 1;
    }

    /// Notes a fault; the first one stays. (The start line comes first, so a foreign version outranks all else.)
    fn fault(&mut self, status: u16, text: &'static str) {
        self.defect.get_or_insert(Refusal { status, text });
    }

    /// What Content-Length says; different values in one message are an error.
    pub(super) fn body_length(&self) -> Result<Option<usize>, HeaderError> {
        let name = HeaderName::ContentLength;
        let mut length = None;
        for value in self.values(name) {
            let found = number(value, u32::MAX).map_err(|e| HeaderError::Malformed(name, e.0))?;
            if length.is_some_and(|known| known != found) {
                return Err(HeaderError::Malformed(name, "two different values"));
            }
            length = Some(found);
        }
        Ok(length.map(|length| length as usize))
    }

    /// Bytes of start line, headers and the empty line.
    pub(super) fn head_len(&self) -> usize {
        self.head_end
    }

    /// Whether any header of that name occurs.
    pub fn has(&self, name: HeaderName) -> bool {
        self.seen & name.bit() != 0
    }

    /// Whether a header line of that name occurs twice or more.
    pub(super) fn is_repeated(&self, name: HeaderName) -> bool {
        self.repeated & name.bit() != 0
    }

    /// The first line.
    pub fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// The method of a request; `None` for a response.
    pub fn method(&self) -> Option<Method<'a>> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The status of a response; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        self.method().is_some()
    }

    /// The Request-URI; an error for responses and unreadable URIs.
    pub fn uri(&self) -> Result<Uri<'a>, Malformed> {
        match self.start {
            StartLine::Request { uri, .. } => Uri::parse(uri),
            StartLine::Response { .. } => Err(Malformed("a response has no Request-URI")),
        }
    }

    /// The reason phrase of a response as text, foreign bytes replaced.
    pub fn reason_phrase(&self) -> Cow<'a, str> {
        match self.start {
            StartLine::Request { .. } => Cow::Borrowed(""),
            StartLine::Response { reason, .. } => String::from_utf8_lossy(reason),
        }
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The message's own bytes: start line to end of body.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All headers in their order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + '_ {
        self.slots[..self.count].iter().map(|slot| self.header_at(slot))
    }

    fn header_at(&self, slot: &Slot) -> Header<'a> {
        let span = |from: u16, to: u16| &self.bytes[usize::from(from)..usize::from(to)];
        Header {
            name: slot.name,
            written: span(slot.name_start, slot.name_end),
            value: trim(span(slot.value_start, slot.value_end)),
        }
    }

    /// Values of all header lines of that name, trimmed, in order; list headers are not split.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        let slots = if self.has(name) { &self.slots[..self.count] } else { &[] };
        slots.iter().filter(move |slot| slot.name == name).map(|slot| self.header_at(slot).value)
    }

    /// The first value of that name.
    pub fn value(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The first value of that name as text; `None` when absent or not UTF-8. Folds are still in it.
    pub fn text(&self, name: HeaderName) -> Option<&'a str> {
        std::str::from_utf8(self.value(name)?).ok()
    }

    /// The first value of a header that we have no name for, found in any case.
    pub fn other(&self, name: &str) -> Option<&'a [u8]> {
        self.headers()
            .find(|h| {
                h.name == HeaderName::Other && h.written.eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|h| h.value)
    }

    /// Items of a list header over all its lines, split at commas outside quotes and brackets.
    pub fn list(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.values(name).flat_map(Items::of)
    }

    /// Items of a list of tokens (Require, Supported, Allow, …) as text; empty items are skipped.
    pub fn tokens(&self, name: HeaderName) -> impl Iterator<Item = &'a str> + '_ {
        self.list(name)
            .filter_map(|item| std::str::from_utf8(item).ok())
            .filter(|item| !item.is_empty())
    }

    /// Whether a list of option tags (Supported, Require) holds this one, in any case.
    pub fn lists(&self, name: HeaderName, token: &str) -> bool {
        self.tokens(name).any(|item| item.eq_ignore_ascii_case(token))
    }

    fn required<T>(
        &self,
        name: HeaderName,
        read: impl FnOnce(&'a [u8]) -> Result<T, Malformed>,
    ) -> Result<T, HeaderError> {
        let value = self.value(name).ok_or(HeaderError::Missing(name))?;
        read(value).map_err(|e| HeaderError::Malformed(name, e.0))
    }

    /// The topmost Via.
    pub fn via(&self) -> Result<Via<'a>, HeaderError> {
        let name = HeaderName::Via;
        let value = self.list(name).next().ok_or(HeaderError::Missing(name))?;
        Via::parse(value).map_err(|e| HeaderError::Malformed(name, e.0))
    }

    /// All Via values, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'a>, Malformed>> + '_ {
        self.list(HeaderName::Via).map(Via::parse)
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr<'a>, HeaderError> {
        self.required(HeaderName::From, NameAddr::parse)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr<'a>, HeaderError> {
        self.required(HeaderName::To, NameAddr::parse)
    }

    /// Call-ID: any text without white space.
    pub fn call_id(&self) -> Result<&'a str, HeaderError> {
        self.required(HeaderName::CallId, |value| {
            let id = text::text(value, "not text")?;
            if id.is_empty() || id.bytes().any(|b| b <= b' ' || b == 0x7f) {
                return Err(Malformed("empty or with white space"));
            }
            Ok(id)
        })
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq<'a>, HeaderError> {
        self.required(HeaderName::CSeq, CSeq::parse)
    }

    /// All Contact values.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'a>, Malformed>> + '_ {
        self.list(HeaderName::Contact).map(Contact::parse)
    }

    /// The first Contact that is a readable address.
    pub fn contact(&self) -> Option<NameAddr<'a>> {
        self.contacts().find_map(|contact| contact.ok()?.addr())
    }

    /// Route, Record-Route, Path, Service-Route or P-Asserted-Identity values, topmost first.
    pub fn addresses(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'a>, Malformed>> + '_ {
        self.list(name).map(NameAddr::parse)
    }

    /// Route values, topmost first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'a>, Malformed>> + '_ {
        self.addresses(HeaderName::Route)
    }

    /// Record-Route values, topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'a>, Malformed>> + '_ {
        self.addresses(HeaderName::RecordRoute)
    }

    /// Max-Forwards; `None` when absent. (A malformed one does not pass `check`.)
    pub fn max_forwards(&self) -> Option<u8> {
        number(self.value(HeaderName::MaxForwards)?, 255).ok().map(|hops| hops as u8)
    }

    /// Expires in seconds; `None` when absent. (A malformed one does not pass `check`.)
    pub fn expires(&self) -> Option<u32> {
        delta_seconds(self.value(HeaderName::Expires)?)
    }

    /// Min-Expires in seconds.
    pub fn min_expires(&self) -> Option<u32> {
        delta_seconds(self.value(HeaderName::MinExpires)?)
    }

    /// Session-Expires (RFC 4028).
    pub fn session_expires(&self) -> Option<Result<SessionExpires, Malformed>> {
        self.value(HeaderName::SessionExpires).map(SessionExpires::parse)
    }

    /// Min-SE in seconds (RFC 4028 §5); parameters are ignored.
    pub fn min_se(&self) -> Option<u32> {
        delta_seconds(Valued::parse(self.value(HeaderName::MinSe)?).ok()?.value.as_bytes())
    }

    /// Retry-After in seconds (§20.33); comment and parameters are ignored.
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.value(HeaderName::RetryAfter)?;
        let digits = value.iter().position(|b| !b.is_ascii_digit()).unwrap_or(value.len());
        delta_seconds(&value[..digits])
    }

    /// RSeq (RFC 3262 §7.1).
    pub fn rseq(&self) -> Option<u32> {
        number(self.value(HeaderName::RSeq)?, u32::MAX).ok()
    }

    /// RAck (RFC 3262 §7.2).
    pub fn rack(&self) -> Option<Result<RAck<'a>, Malformed>> {
        self.value(HeaderName::RAck).map(RAck::parse)
    }

    /// Content-Type with its parameters.
    pub fn content_type(&self) -> Option<Result<Valued<'a>, Malformed>> {
        self.value(HeaderName::ContentType).map(Valued::parse)
    }

    /// Referred-By (RFC 3892).
    pub fn referred_by(&self) -> Option<Result<NameAddr<'a>, Malformed>> {
        self.value(HeaderName::ReferredBy).map(NameAddr::parse)
    }

    /// Whether they want to hear what becomes of a REFER (RFC 4488): `None` when it does not say, or says nonsense.
    pub fn refer_sub(&self) -> Option<bool> {
        let said = Valued::parse(self.value(HeaderName::ReferSub)?).ok()?;
        let known = [("true", true), ("false", false)];
        known.into_iter().find(|(word, _)| said.value.eq_ignore_ascii_case(word)).map(|(_, b)| b)
    }

    /// Replaces (RFC 3891).
    pub fn replaces(&self) -> Option<Result<Replaces<'a>, Malformed>> {
        self.value(HeaderName::Replaces).map(Replaces::parse)
    }

    /// Event with its parameters (RFC 6665).
    pub fn event(&self) -> Option<Result<Valued<'a>, Malformed>> {
        self.value(HeaderName::Event).map(Valued::parse)
    }

    /// Subscription-State with its parameters (RFC 6665).
    pub fn subscription_state(&self) -> Option<Result<Valued<'a>, Malformed>> {
        self.value(HeaderName::SubscriptionState).map(Valued::parse)
    }
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Message");
        debug.field("start", &self.start).field("headers", &self.count);
        debug.field("body_bytes", &self.body.len()).field("defect", &self.defect).finish()
    }
}

/// One line: where its text ends, where the next line starts, and whether a CR without LF lies in it.
struct Line {
    end: usize,
    next: usize,
    bare_cr: bool,
}

fn next_line(bytes: &[u8], start: usize) -> Line {
    let mut from = start;
    let mut bare_cr = false;
    while let Some(hit) = memchr2(b'\r', b'\n', &bytes[from..]) {
        let at = from + hit;
        if bytes[at] == b'\n' {
            return Line { end: at, next: at + 1, bare_cr };
        }
        if bytes.get(at + 1) == Some(&b'\n') {
            return Line { end: at, next: at + 2, bare_cr };
        }
        bare_cr = true;
        from = at + 1;
    }
    Line { end: bytes.len(), next: bytes.len(), bare_cr }
}

type StartAndDefect<'a> = (StartLine<'a>, Option<Refusal>);

fn start_line(line: &[u8]) -> Result<StartAndDefect<'_>, ParseError> {
    match line.split_at_checked(4) {
        Some((head, _)) if head.eq_ignore_ascii_case(b"SIP/") => status_line(line),
        Some(_) | None => request_line(line),
    }
}

/// Whether this can be the first line of a message.
pub(super) fn is_start_line(line: &[u8]) -> bool {
    start_line(line.strip_suffix(b"\r").unwrap_or(line)).is_ok()
}

fn status_line(line: &[u8]) -> Result<StartAndDefect<'_>, ParseError> {
    let (version, rest) =
        line.split_at_checked(8).ok_or(ParseError::NotSip("short status line"))?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0 ") {
        return Err(ParseError::NotSip("response of a foreign version"));
    }
    let (code, rest) = rest.split_at_checked(3).ok_or(ParseError::NotSip("short status line"))?;
    let status = number(code, 699).unwrap_or(0) as u16;
    let reason = match rest {
        [] => rest,
        [b' ', reason @ ..] => reason,
        _ => return Err(ParseError::NotSip("status code is not three digits")),
    };
    if status < 100 {
        return Err(ParseError::NotSip("status code out of range"));
    }
    Ok((StartLine::Response { status, reason }, None))
}

fn request_line(line: &[u8]) -> Result<StartAndDefect<'_>, ParseError> {
    let (method, rest) = text::split_token(line);
    let Some((b' ', rest)) = rest.split_first().filter(|_| !method.is_empty()) else {
        return Err(ParseError::NotSip("no method"));
    };
    let method = text::text(method, "").map_err(|_| ParseError::NotSip("no method"))?;
    let trimmed = text::trim_end(rest);
    let last_space = memchr::memrchr(b' ', trimmed).ok_or(ParseError::NotSip("no version"))?;
    let (uri, version) = (&trimmed[..last_space], &trimmed[last_space + 1..]);
    if !is_sip_version(version) {
        return Err(ParseError::NotSip("no SIP version"));
    }
    let defect = if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some(Refusal { status: 505, text: "only SIP/2.0 is spoken here" })
    } else if uri.is_empty() || uri.iter().any(|&b| text::is_lws(b)) || trimmed.len() < rest.len() {
        Some(Refusal { status: 400, text: "white space in the request line" })
    } else {
        None
    };
    Ok((StartLine::Request { method: Method::of(method), uri: trim(uri) }, defect))
}

/// `SIP/` digits `.` digits
fn is_sip_version(version: &[u8]) -> bool {
    let Some((head, rest)) = version.split_at_checked(4) else { return false };
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = rest.splitn(2, |&b| b == b'.');
    head.eq_ignore_ascii_case(b"SIP/")
        && parts.next().is_some_and(digits)
        && parts.next().is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Verdict;

    const HEAD: &str = "Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
                        Call-ID: c\r\nCSeq: 1 OPTIONS\r\n";

    fn options(extra: &str) -> Vec<u8> {
        format!("OPTIONS sip:b@h SIP/2.0\r\n{HEAD}{extra}\r\n").into_bytes()
    }

    fn verdict(bytes: &[u8]) -> Verdict {
        Message::parse(bytes).unwrap().check()
    }

    fn refused(bytes: &[u8]) -> u16 {
        match verdict(bytes) {
            Verdict::Refuse(refusal) => refusal.status,
            Verdict::Fit | Verdict::Drop(_) => panic!("{}", bytes.escape_ascii()),
        }
    }

    #[test]
    fn what_is_no_message_gets_no_answer() {
        for bytes in [b"".as_slice(), b"\r\n", b"\r\n\r\n", b"\n"] {
            assert_eq!(Message::parse(bytes).unwrap_err(), ParseError::KeepAlive);
        }
        let garbage = [
            "hello",
            "GET / HTTP/1.1\r\n\r\n",
            "INVITE\r\n",
            "INVITE sip:a\r\n",
            " INVITE sip:a SIP/2.0\r\n",
            "SIP/2.0 99 x\r\n",
            "SIP/2.0 700 x\r\n",
            "SIP/2.0 20 x\r\n",
            "SIP/2.0 2000 x\r\n",
            "SIP/3.0 200 x\r\n",
            "SIP/2.0 -20 x\r\n",
            "SIP/2.0",
            "\0\0\0\0",
        ];
        for text in garbage {
            let error = Message::parse(text.as_bytes()).unwrap_err();
            assert!(matches!(error, ParseError::NotSip(_)), "{text}");
        }
        assert_eq!(
            Message::parse(&[b'A'; MESSAGE_BYTES_MAX + 1]).unwrap_err(),
            ParseError::TooLarge
        );
    }

    #[test]
    fn line_ends_before_the_start_and_bare_lf_are_tolerated() {
        let text = String::from_utf8(options("")).unwrap();
        assert_eq!(verdict(format!("\r\n\r\n{text}").as_bytes()), Verdict::Fit);
        assert_eq!(verdict(text.replace("\r\n", "\n").as_bytes()), Verdict::Fit);
    }

    #[test]
    fn faults_of_the_head_are_refused_and_not_overlooked() {
        assert_eq!(verdict(&options("")), Verdict::Fit);
        for extra in [
            "no colon\r\n",
            ": empty name\r\n",
            "X\x01: y\r\n",
            "X: a\rVia: b\r\n",
            "CSeq: 1 OPTIONS\r\n",
        ] {
            assert_eq!(refused(&options(extra)), 400, "{extra:?}");
        }
        assert_eq!(
            refused(format!("OPTIONS sip:b@h SIP/2.0\r\n folded\r\n{HEAD}\r\n").as_bytes()),
            400
        );
        assert_eq!(
            refused(format!("OPTIONS sip:b@h SIP/2.0\r\n{HEAD}").as_bytes()),
            400,
            "no empty line"
        );
    }

    #[test]
    fn refusals_become_drops_where_no_answer_may_go() {
        let ack = String::from_utf8(options("")).unwrap().replace("OPTIONS sip", "ACK sip");
        assert!(matches!(verdict(ack.as_bytes()), Verdict::Drop(_)), "an ACK is never answered");
        let no_via = String::from_utf8(options("")).unwrap().replace("Via:", "X-Via:");
        assert!(matches!(verdict(no_via.as_bytes()), Verdict::Drop(_)), "nowhere to answer to");
        let response = format!("SIP/2.0 200 OK\r\n{HEAD}CSeq: 2 OPTIONS\r\n\r\n");
        assert!(matches!(verdict(response.as_bytes()), Verdict::Drop(_)));
    }

    #[test]
    fn bounds_hold_at_the_bound() {
        let with_headers = |n: usize| options(&"Q: y\r\n".repeat(n - 5));
        assert_eq!(verdict(&with_headers(HEADERS_MAX)), Verdict::Fit);
        assert_eq!(refused(&with_headers(HEADERS_MAX + 1)), 400);
        let empty = options("Q: \r\n").len();
        let with_bytes = |n: usize| options(&format!("Q: {}\r\n", "y".repeat(n - empty)));
        assert_eq!(verdict(&with_bytes(HEADER_BYTES_MAX)), Verdict::Fit);
        assert_eq!(refused(&with_bytes(HEADER_BYTES_MAX + 1)), 513);
        let mut largest = options("");
        largest.resize(MESSAGE_BYTES_MAX, b'b');
        assert_eq!(verdict(&largest), Verdict::Fit);
    }

    #[test]
    fn scalars_hold_at_their_bounds() {
        let good = ["Max-Forwards: 255", "Max-Forwards: 0", "Expires: 4294967295"];
        for header in good {
            assert_eq!(verdict(&options(&format!("{header}\r\n"))), Verdict::Fit, "{header}");
        }
        let bad = [
            "Max-Forwards: 256",
            "Max-Forwards: -1",
            "Max-Forwards:",
            "Expires: 4294967296",
            "Expires: soon",
        ];
        for header in bad {
            assert_eq!(refused(&options(&format!("{header}\r\n"))), 400, "{header}");
        }
    }

    #[test]
    fn doubled_tags_and_branches_are_refused() {
        let text = String::from_utf8(options("")).unwrap();
        assert_eq!(refused(text.replace(";tag=1", ";tag=1;tag=2").as_bytes()), 400);
        assert_eq!(refused(text.replace(";branch=", ";branch=z9hG4bKa;branch=").as_bytes()), 400);
    }

    #[test]
    fn cp1251_bytes_in_a_display_name_harm_nothing_else() {
        let mut bytes = options("l: 0\r\n");
        let at = bytes.windows(6).position(|w| w == b"From: ").unwrap() + 6;
        bytes.splice(at..at, *b"\xc8\xe2\xe0\xed \xcf. ");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.check(), Verdict::Fit);
        assert_eq!(message.from().unwrap().tag(), Some("1"));
        assert_eq!(message.from().unwrap().display, Some(b"\xc8\xe2\xe0\xed \xcf.".as_slice()));
    }
}
