//! Writing messages: start line, headers in the caller's order, Content-Length always, body bytes as they are.
//!
//! Nothing that is written can begin a new line: control characters in values become spaces, whatever they came from.

use super::headers::{CSeq, NameAddr, Via};
use super::method::Method;
use super::name::HeaderName;
use super::parse::Message;
use super::status::reason_phrase;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;

/// A message being written. Add headers in the order they shall stand, then finish.
#[derive(Clone, Debug)]
pub struct MessageWriter {
    out: Vec<u8>,
}

/// Passes formatted text into the message, defused.
struct Defused<'a>(&'a mut Vec<u8>);

impl fmt::Write for Defused<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.bytes().map(|b| if b < b' ' || b == 0x7f { b' ' } else { b }));
        Ok(())
    }
}

impl MessageWriter {
    /// Begins a request. Method and URI may hold no white space; it would become part of the URI and be refused there.
    pub fn request(method: Method<'_>, uri: impl fmt::Display) -> Self {
        let mut writer = Self { out: Vec::with_capacity(1024) };
        writer.text(format_args!("{method} {uri} SIP/2.0"));
        writer.end_line();
        writer
    }

    /// Begins a response; the standard phrase unless one is given.
    pub fn response(status: u16, reason: Option<&str>) -> Self {
        let mut writer = Self { out: Vec::with_capacity(1024) };
        let reason = reason.unwrap_or_else(|| reason_phrase(status));
        writer.text(format_args!("SIP/2.0 {status:03} {reason}"));
        writer.end_line();
        writer
    }

    /// Begins the response to a request (§8.2.6, §18.2.1, RFC 3581): all Vias in order, the topmost with `received`
    /// and `rport` as `source` shows them, From, To with our tag, Call-ID, CSeq; Record-Route where the response can
    /// make a dialog (§12.1.1); Timestamp on 100. Works for faulty requests, too, with what they have.
    ///
    /// `to_tag` is left off when To has a tag already and on 100.
    pub fn response_to(
        request: &Message<'_>,
        status: u16,
        reason: Option<&str>,
        to_tag: Option<&str>,
        source: Option<SocketAddr>,
    ) -> Self {
        let mut writer = Self::response(status, reason);
        for (at, value) in request.list(HeaderName::Via).enumerate() {
            match (at, source, Via::parse(value)) {
                (0, Some(source), Ok(via)) => writer.received_via(via, value, source),
                (_, _, Ok(_) | Err(_)) => writer.copied(HeaderName::Via, value),
            }
        }
        let makes_dialog =
            matches!(request.method(), Some(Method::Invite | Method::Subscribe | Method::Refer));
        if makes_dialog && (101..=299).contains(&status) {
            for value in request.list(HeaderName::RecordRoute) {
                writer.copied(HeaderName::RecordRoute, value);
            }
        }
        writer.copy_first(request, HeaderName::From);
        writer.tagged_to(request, to_tag.filter(|_| status != 100));
        writer.copy_first(request, HeaderName::CallId);
        writer.copy_first(request, HeaderName::CSeq);
        if status == 100 {
            writer.copy_first(request, HeaderName::Timestamp);
        }
        writer
    }

    fn received_via(&mut self, via: Via<'_>, raw: &[u8], source: SocketAddr) {
        let differs = via.host.ip() != Some(source.ip().to_canonical());
        let asks_port = via.rport().is_some();
        if !differs && !asks_port && via.received().is_none() {
            return self.copied(HeaderName::Via, raw);
        }
        self.text(format_args!("Via: SIP/2.0/{} {}", via.transport, via.host));
        if let Some(port) = via.port {
            self.text(format_args!(":{port}"));
        }
        for param in via.params.iter() {
            if ["received", "rport"].iter().any(|own| param.name.eq_ignore_ascii_case(own)) {
                continue;
            }
            self.text(format_args!(";{}", param.name));
            if let Some(value) = param.value {
                self.out.push(b'=');
                self.raw(value);
            }
        }
        self.text(format_args!(";received={}", source.ip().to_canonical()));
        if asks_port {
            self.text(format_args!(";rport={}", source.port()));
        }
        self.end_line();
    }

    fn tagged_to(&mut self, request: &Message<'_>, tag: Option<&str>) {
        let Some(value) = request.value(HeaderName::To) else { return };
        self.name(HeaderName::To);
        self.raw(value);
        let untagged = NameAddr::parse(value).is_ok_and(|to| !to.params.has("tag"));
        if let Some(tag) = tag.filter(|_| untagged) {
            self.text(format_args!(";tag={tag}"));
        }
        self.end_line();
    }

    /// Adds a header with any printable value.
    pub fn header(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
        self.name(name);
        self.text(format_args!("{value}"));
        self.end_line();
        self
    }

    /// Adds a header when there is a value.
    pub fn maybe(self, name: HeaderName, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Adds a header that we have no name for.
    ///
    /// # Panics
    /// When `name` is no token: names of headers are written by us, never taken from a stranger.
    pub fn other(mut self, name: &str, value: impl fmt::Display) -> Self {
        assert!(super::text::is_token(name.as_bytes()), "a header name must be a token");
        self.text(format_args!("{name}: {value}"));
        self.end_line();
        self
    }

    /// Adds a header with bytes as another message held them; folds become spaces.
    pub fn copy(mut self, name: HeaderName, value: &[u8]) -> Self {
        self.copied(name, value);
        self
    }

    /// Copies all lines of that name from another message.
    pub fn copy_all(mut self, from: &Message<'_>, name: HeaderName) -> Self {
        for value in from.values(name) {
            self.copied(name, value);
        }
        self
    }

    /// Adds our own Via, asking for `rport` (RFC 3581).
    pub fn via(
        self,
        transport: impl fmt::Display,
        sent_by: impl fmt::Display,
        branch: &str,
    ) -> Self {
        let value = format_args!("SIP/2.0/{transport} {sent_by};branch={branch};rport").to_string();
        self.header(HeaderName::Via, value)
    }

    /// Adds CSeq.
    pub fn cseq(self, cseq: CSeq<'_>) -> Self {
        self.header(HeaderName::CSeq, format_args!("{} {}", cseq.number, cseq.method))
    }

    /// Adds `Warning: 399 dozvon "text"`.
    pub fn warning(self, text: &str) -> Self {
        let text = text.replace(['"', '\\'], "'");
        self.header(HeaderName::Warning, format_args!("399 dozvon \"{text}\""))
    }

    /// Ends the message without a body.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        self.out
    }

    /// Ends the message with a body of that type.
    pub fn finish_with(self, content_type: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let mut out = self
            .header(HeaderName::ContentType, content_type)
            .header(HeaderName::ContentLength, length)
            .out;
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        out
    }

    fn name(&mut self, name: HeaderName) {
        assert!(name != HeaderName::Other, "an unknown header is written with `other`");
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
    }

    fn copied(&mut self, name: HeaderName, value: &[u8]) {
        self.name(name);
        self.raw(value);
        self.end_line();
    }

    fn copy_first(&mut self, request: &Message<'_>, name: HeaderName) {
        if let Some(value) = request.value(name) {
            self.copied(name, value);
        }
    }

    /// Received bytes: line ends become spaces, everything else stays, so that quoted pairs survive.
    fn raw(&mut self, value: &[u8]) {
        self.out.extend(value.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
    }

    fn text(&mut self, args: fmt::Arguments<'_>) {
        Defused(&mut self.out).write_fmt(args).expect("writing into memory does not fail");
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Verdict;

    const INVITE: &str = "INVITE sip:b@h SIP/2.0\r\n\
        v: SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bKa , SIP/2.0/TCP\r\n p.example;branch=z9hG4bKb\r\n\
        Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nf: <sip:a@h>;tag=1\r\nt: sip:b@h\r\ni: c@d\r\nCSeq: 7 INVITE\r\n\
        Timestamp: 54\r\n\r\n";

    fn text(writer: MessageWriter) -> String {
        String::from_utf8(writer.finish()).unwrap()
    }

    #[test]
    fn responses_carry_what_rfc_3261_and_3581_ask_for() {
        let request = Message::parse(INVITE.as_bytes()).unwrap();
        let source = "203.0.113.9:6000".parse().ok();
        assert_eq!(
            text(MessageWriter::response_to(&request, 180, None, Some("ours"), source)),
            "SIP/2.0 180 Ringing\r\n\
             Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa;received=203.0.113.9;rport=6000\r\n\
             Via: SIP/2.0/TCP   p.example;branch=z9hG4bKb\r\n\
             Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n\
             From: <sip:a@h>;tag=1\r\nTo: sip:b@h;tag=ours\r\nCall-ID: c@d\r\nCSeq: 7 INVITE\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let trying = text(MessageWriter::response_to(&request, 100, None, Some("ours"), source));
        assert!(
            trying.contains("To: sip:b@h\r\n") && trying.contains("Timestamp: 54\r\n"),
            "{trying}"
        );
        let refused = text(MessageWriter::response_to(&request, 486, None, Some("ours"), source));
        assert!(!refused.contains("Record-Route") && refused.contains(";tag=ours"), "{refused}");
    }

    #[test]
    fn a_via_that_tells_the_truth_is_left_alone() {
        let plain = INVITE.replace(";rport", "");
        let request = Message::parse(plain.as_bytes()).unwrap();
        let same = text(MessageWriter::response_to(
            &request,
            200,
            None,
            None,
            "10.0.0.1:5070".parse().ok(),
        ));
        assert!(same.contains("Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa\r\n"), "{same}");
        let forged = INVITE.replace(";rport", ";received=192.0.2.66;rport=1");
        let request = Message::parse(forged.as_bytes()).unwrap();
        let bytes =
            MessageWriter::response_to(&request, 200, None, None, "10.0.0.1:5070".parse().ok())
                .finish();
        let via = Message::parse(&bytes).unwrap().via().unwrap();
        assert_eq!((via.received(), via.rport()), ("10.0.0.1".parse().ok(), Some(Some(5070))));
    }

    #[test]
    fn a_tag_of_theirs_stays() {
        let again = INVITE.replace("t: sip:b@h", "t: sip:b@h;tag=kept");
        let request = Message::parse(again.as_bytes()).unwrap();
        let bytes = MessageWriter::response_to(&request, 200, None, Some("ours"), None).finish();
        assert_eq!(Message::parse(&bytes).unwrap().to().unwrap().tag(), Some("kept"));
    }

    #[test]
    fn requests_read_back_whole_with_any_body() {
        let body: Vec<u8> = (0..=255).collect();
        let bytes = MessageWriter::request(Method::Message, "sip:b@[2001:db8::1]:5062")
            .via("UDP", "192.0.2.1:5060", "z9hG4bKq")
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:a@h>;tag=1")
            .header(HeaderName::To, "<sip:b@h>")
            .header(HeaderName::CallId, "x@y")
            .cseq(CSeq { number: 3, method: Method::Message })
            .maybe(HeaderName::UserAgent, None::<&str>)
            .other("X-Dozvon-Call", 17)
            .finish_with("application/octet-stream", &body);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.check(), Verdict::Fit);
        assert_eq!((message.body(), message.method()), (body.as_slice(), Some(Method::Message)));
        assert_eq!(message.via().unwrap().rport(), Some(None));
        assert_eq!(message.other("x-dozvon-call"), Some(b"17".as_slice()));
    }

    #[test]
    fn no_value_can_begin_a_line_of_its_own() {
        let evil = "a\r\nEvil: yes\r\n\r\nbody\0\x1b[31m";
        let bytes = MessageWriter::response(200, Some(evil))
            .header(HeaderName::Subject, evil)
            .copy(HeaderName::Server, evil.as_bytes())
            .other("X-Any", evil)
            .warning(evil)
            .finish_with(evil, b"");
        let text = String::from_utf8(bytes).unwrap();
        let names: Vec<_> = text.lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(names.len(), 8, "{text}");
        assert!(
            !names.contains(&"Evil") && !text.lines().any(|line| line.starts_with("body")),
            "{text}"
        );
    }

    #[test]
    #[should_panic(expected = "a header name must be a token")]
    fn header_names_are_ours() {
        let _ = MessageWriter::response(200, None).other("X: y\r\nZ", 1);
    }
}
