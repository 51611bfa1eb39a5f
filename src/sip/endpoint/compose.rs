//! What the endpoint's messages have in common: our headers, the requests of a dialog, bodies.

use super::command::{Party, Reason};
use super::path::Path;
use super::session::Kind;
use super::{DialogId, Endpoint};
use crate::message::{
    CSeq, HeaderName, Message, MessageWriter, Method, NameAddrBuf, Reason as ReasonHeader, UriBuf,
    escape_user,
};
use crate::transaction::key::ClientKey;

/// The methods we understand.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, REGISTER";
/// The extensions we understand.
pub(super) const SUPPORTED: &str = "timer, path, replaces, norefersub";
/// Those of them that mean something within a call.
pub(super) const SUPPORTED_IN_CALLS: &str = "timer, replaces, norefersub";
/// The event packages we understand.
pub(super) const EVENTS: &str = "refer";
/// The body type we understand.
pub(super) const SDP: &str = "application/sdp";

/// A request of a dialog with all it needs to become a transaction.
pub(super) struct Draft {
    pub(super) writer: MessageWriter,
    pub(super) path: Path,
    pub(super) key: ClientKey,
    pub(super) cseq: u32,
}

impl Endpoint {
    /// Our Contact for messages over a path: the address the peer reached us at.
    pub(super) fn contact(&self, path: &Path) -> String {
        let address = self.config.public_address(path);
        let user = escape_user(&self.config.user_agent);
        format!("<sip:{user}@{address}{}>", path.protocol.uri_parameter())
    }

    /// Begins a response with everything RFC 3261 §8.2.6 wants.
    pub(super) fn reply(
        &self,
        request: &Message<'_>,
        path: &Path,
        status: u16,
        reason: Option<&str>,
        tag: Option<&str>,
    ) -> MessageWriter {
        let reason = reason.filter(|reason| !reason.is_empty());
        MessageWriter::response_to(request, status, reason, tag, Some(path.remote))
            .header(HeaderName::Server, &self.config.user_agent)
    }

    /// Begins a request within a session. ACK repeats the number of its INVITE; everything else takes a new one.
    pub(super) fn draft(
        &mut self,
        id: DialogId,
        method: Method<'static>,
        ack_of: Option<u32>,
    ) -> Option<Draft> {
        let branch = self.ids.branch();
        let survivor = self.referrals.get_mut(&id).and_then(|referral| referral.peer.as_mut());
        let peer = self.sessions.get_mut(&id).map(|session| &mut session.peer).or(survivor)?;
        let number = ack_of.unwrap_or_else(|| peer.next_cseq());
        let (uri, routes) = peer.routing();
        let path = peer.next_hop(&self.config);
        let sent_by = self.config.public_address(&path);
        let mut writer =
            MessageWriter::request(method, &uri).via(path.protocol.via(), sent_by, &branch);
        for route in &routes {
            writer = writer.header(HeaderName::Route, route);
        }
        let writer = writer
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, &peer.local)
            .copy(HeaderName::To, &peer.remote)
            .header(HeaderName::CallId, &peer.call_id)
            .cseq(CSeq { number, method })
            .header(HeaderName::UserAgent, &self.config.user_agent);
        let key = ClientKey { branch, method: method.as_str().to_string() };
        Some(Draft { writer, path, key, cseq: number })
    }
}

impl Kind {
    pub(super) fn method(self) -> Method<'static> {
        match self {
            Kind::Bye => Method::Bye,
            Kind::Reinvite => Method::Invite,
            Kind::Update => Method::Update,
            Kind::Info => Method::Info,
        }
    }
}

/// A party as a header value, without a tag; `None` when its URI is none.
pub(super) fn name_addr(party: &Party) -> Option<NameAddrBuf> {
    let uri = UriBuf::parse(party.uri.as_str()).ok()?;
    Some(NameAddrBuf::new(uri).with_display(&party.display))
}

/// A Reason header's value (RFC 3326).
pub(super) fn reason_value(reason: &Reason) -> String {
    let protocol: String =
        reason.protocol.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    let text = reason.text.replace(['"', '\\'], "'");
    let text = if text.is_empty() { text } else { format!(";text=\"{text}\"") };
    format!("{protocol};cause={}{text}", reason.cause)
}

/// The first Reason of a message.
pub(super) fn reason_of(message: &Message<'_>) -> Option<Reason> {
    let item = message.list(HeaderName::Reason).next()?;
    let reason = ReasonHeader::parse(item).ok()?;
    Some(Reason {
        protocol: reason.protocol.to_string(),
        cause: reason.cause.unwrap_or(0),
        text: reason.text.map(|text| text.into_owned()).unwrap_or_default(),
    })
}

/// What a message's body is to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// There is none, or one that may be ignored.
    None,
    /// A session description.
    Sdp(Vec<u8>),
    /// Something that we must understand and don't: 415.
    Unknown,
}

/// Finds the session description of a message, also as one part of a multipart body (RFC 5621).
pub(super) fn body_of(message: &Message<'_>) -> Body {
    let body = message.body();
    if body.is_empty() {
        return Body::None;
    }
    let encoded = message.text(HeaderName::ContentEncoding);
    if encoded.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Body::Unknown;
    }
    let Some(content_type) = message.content_type() else {
        return if body.starts_with(b"v=") { Body::Sdp(body.to_vec()) } else { Body::Unknown };
    };
    let Ok(content_type) = content_type else { return Body::Unknown };
    if content_type.is_media_type(SDP) {
        return Body::Sdp(body.to_vec());
    }
    let is_multipart =
        content_type.value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    let part = content_type
        .params
        .unquoted("boundary")
        .filter(|_| is_multipart)
        .and_then(|boundary| sdp_part(body, &boundary));
    match part {
        Some(sdp) => Body::Sdp(sdp),
        None if is_optional(message) => Body::None,
        None => Body::Unknown,
    }
}

/// The session description of a message, if there is one.
pub(super) fn sdp_of(message: &Message<'_>) -> Option<Vec<u8>> {
    match body_of(message) {
        Body::Sdp(sdp) => Some(sdp),
        Body::None | Body::Unknown => None,
    }
}

fn is_optional(message: &Message<'_>) -> bool {
    let disposition = message.text(HeaderName::ContentDisposition).unwrap_or_default();
    disposition.to_ascii_lowercase().replace(' ', "").contains("handling=optional")
}

/// The first part of a multipart body that is a session description.
fn sdp_part(body: &[u8], boundary: &str) -> Option<Vec<u8>> {
    let delimiter = format!("--{boundary}").into_bytes();
    let starts: Vec<usize> = memchr::memmem::find_iter(body, &delimiter).collect();
    starts.windows(2).find_map(|pair| {
        let part = &body[pair[0] + delimiter.len()..pair[1]];
        let part = part.strip_prefix(b"\r\n")?;
        let split = memchr::memmem::find(part, b"\r\n\r\n")?;
        let (head, content) = (&part[..split], &part[split + 4..]);
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let is_sdp =
            head.lines().any(|line| line.starts_with("content-type") && line.contains(SDP));
        is_sdp.then(|| content.strip_suffix(b"\r\n").unwrap_or(content).to_vec())
    })
}

/// The sentence of a refusal that nobody has written one for.
pub(super) fn sentence(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be understood",
        401 | 407 => "Please send your credentials",
        403 => "You may not do this",
        404 => "Nobody is known by that name here",
        405 => "This method is not spoken here",
        408 => "Nobody answered in time",
        415 => "Only session descriptions are understood",
        420 => "The request requires an extension that is not spoken here",
        422 => "The session interval is too small",
        423 => "The registration is too short",
        480 => "Nobody can take the call now",
        481 => "No such call is known here",
        482 => "The same request came over another way already",
        486 => "The line is busy",
        487 => "The call was given up",
        488 => "The session description cannot be accepted",
        489 => "This event package is not known here",
        491 => "Both sides wanted to change the session at once, try again shortly",
        500 => "Something is wrong here, try again shortly",
        501 => "This method is unknown here",
        503 => "Too busy at the moment, try again later",
        603 => "The call is declined",
        _ => crate::message::reason_phrase(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn read(headers: &str, body: &str) -> Body {
        body_of(&Message::parse(&message(headers, body)).unwrap())
    }

    #[test]
    fn descriptions_are_found_alone_and_among_parts() {
        let sdp = "v=0\r\no=- 1 1 IN IP4 h\r\n";
        assert_eq!(read("c: Application / SDP\r\n", sdp), Body::Sdp(sdp.into()));
        assert_eq!(read("", sdp), Body::Sdp(sdp.into()));
        let parts = format!(
            "--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n\
             --x\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--x--\r\n"
        );
        let multipart = "Content-Type: multipart/mixed;boundary=\"x\"\r\n";
        assert_eq!(read(multipart, &parts), Body::Sdp(sdp.into()));
    }

    #[test]
    fn other_bodies_are_unknown_unless_they_are_optional() {
        assert_eq!(read("Content-Type: text/plain\r\n", "hi"), Body::Unknown);
        assert_eq!(
            read("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", "v="),
            Body::Unknown
        );
        let optional =
            "Content-Type: text/plain\r\nContent-Disposition: render; handling=optional\r\n";
        assert_eq!(read(optional, "hi"), Body::None);
        assert_eq!(read("Content-Type: text/plain\r\n", ""), Body::None);
    }
}
