//! SIP text through the crate `rsip`: composing requests and responses, and getting at their headers.
//!
//! On purpose nothing here comes from `dozvon_sip`: this phone is the independent other side of our own stack.

use rsip::headers::UntypedHeader;
use rsip::message::HasHeaders;
use rsip::{Header, Headers, Request, Response, StatusCode, Uri, Version};
use std::net::SocketAddr;

/// What we call ourselves in `User-Agent`.
pub(super) const USER_AGENT: &str = concat!("dozvon-call/", env!("CARGO_PKG_VERSION"));

/// The value of the first header of that name, in any case of letters.
pub(super) fn value(message: &impl HasHeaders, name: &str) -> Option<String> {
    values(message, name).into_iter().next()
}

/// The values of all headers of that name, in order.
pub(super) fn values(message: &impl HasHeaders, name: &str) -> Vec<String> {
    let lines = message.headers().iter().map(ToString::to_string);
    lines
        .filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
        .collect()
}

/// The number and method of a CSeq header.
pub(super) fn cseq(message: &impl HasHeaders) -> Option<(u32, String)> {
    let value = value(message, "CSeq")?;
    let (number, method) = value.split_once(' ')?;
    Some((number.trim().parse().ok()?, method.trim().to_owned()))
}

/// The branch of the topmost Via.
pub(super) fn branch(message: &impl HasHeaders) -> Option<String> {
    parameter(&value(message, "Via")?, "branch")
}

/// A `;name=value` parameter of a header value, outside angle brackets.
pub(super) fn parameter(value: &str, name: &str) -> Option<String> {
    let outside = value.rsplit_once('>').map_or(value, |(_, after)| after);
    outside.split(';').find_map(|part| {
        let (key, found) = part.split_once('=')?;
        let found = found.split(',').next().unwrap_or(found);
        key.trim().eq_ignore_ascii_case(name).then(|| found.trim().to_owned())
    })
}

/// The URI inside `"Name" <uri>;params` or `uri;params`.
pub(super) fn uri_of(value: &str) -> String {
    if let Some((_, rest)) = value.split_once('<') {
        return rest.split('>').next().unwrap_or(rest).to_owned();
    }
    value.split(';').next().unwrap_or(value).trim().to_owned()
}

/// The user part of a `sip:` URI; empty when there is none.
pub(super) fn user_of(uri: &str) -> String {
    let rest = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:")).unwrap_or(uri);
    rest.split_once('@').map_or("", |(user, _)| user).to_owned()
}

/// Host and port of a `sip:` URI as text; the port only when it stands there.
pub(super) fn host_of(uri: &str) -> String {
    let rest = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:")).unwrap_or(uri);
    let rest = rest.split_once('@').map_or(rest, |(_, host)| host);
    rest.split([';', '?', '>']).next().unwrap_or(rest).to_owned()
}

/// The address of a URI whose host is an IP address; 5060 when no port is given.
pub(super) fn address_of(uri: &str) -> Option<SocketAddr> {
    let host = host_of(uri);
    host.parse().ok().or_else(|| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Some(SocketAddr::new(bare.parse().ok()?, 5060))
    })
}

/// One header from its name and value, as the variant `rsip` has for it.
fn header(name: &str, value: &str) -> Header {
    match name {
        "Via" => Header::Via(rsip::headers::Via::new(value)),
        "From" => Header::From(rsip::headers::From::new(value)),
        "To" => Header::To(rsip::headers::To::new(value)),
        "Call-ID" => Header::CallId(rsip::headers::CallId::new(value)),
        "CSeq" => Header::CSeq(rsip::headers::CSeq::new(value)),
        "Contact" => Header::Contact(rsip::headers::Contact::new(value)),
        "Max-Forwards" => Header::MaxForwards(rsip::headers::MaxForwards::new(value)),
        "Content-Type" => Header::ContentType(rsip::headers::ContentType::new(value)),
        "Content-Length" => Header::ContentLength(rsip::headers::ContentLength::new(value)),
        "Route" => Header::Route(rsip::headers::Route::new(value)),
        "User-Agent" => Header::UserAgent(rsip::headers::UserAgent::new(value)),
        other => Header::Other(other.to_owned(), value.to_owned()),
    }
}

/// A list of headers under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Vec<(String, String)>);

impl Lines {
    /// Adds a header.
    pub(super) fn add(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    fn finish(self, body: &str, content_type: &str) -> Headers {
        let mut headers: Vec<Header> = self.0.iter().map(|(n, v)| header(n, v)).collect();
        if !body.is_empty() {
            headers.push(header("Content-Type", content_type));
        }
        headers.push(header("Content-Length", &body.len().to_string()));
        headers.into()
    }
}

/// The text of a request.
pub(super) fn request(
    method: &str,
    uri: &str,
    lines: Lines,
    body: &str,
    content_type: &str,
) -> Result<String, String> {
    let method = method.parse().map_err(|e| format!("`{method}` is no SIP method: {e}"))?;
    let uri = Uri::try_from(uri).map_err(|e| format!("`{uri}` is no SIP URI: {e}"))?;
    let headers = lines.finish(body, content_type);
    Ok(Request { method, uri, version: Version::V2, headers, body: body.into() }.to_string())
}

/// The text of a response to `request`: Via, From, To, Call-ID and CSeq are copied (RFC 3261 §8.2.6).
pub(super) fn response(
    request: &Request,
    status: u16,
    tag: &str,
    extra: Lines,
    body: &str,
) -> String {
    let mut lines = Lines::default();
    for via in values(request, "Via") {
        lines.add("Via", via);
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let mut copied = value(request, name).unwrap_or_default();
        if name == "To" && status > 100 && parameter(&copied, "tag").is_none() {
            copied = format!("{copied};tag={tag}");
        }
        lines.add(name, copied);
    }
    for route in values(request, "Record-Route") {
        lines.add("Record-Route", route);
    }
    lines.0.extend(extra.0);
    lines.add("User-Agent", USER_AGENT);
    let headers = lines.finish(body, "application/sdp");
    let status_code = StatusCode::from(status);
    Response { status_code, version: Version::V2, headers, body: body.into() }.to_string()
}

/// Random lower-case hex of `bytes` bytes, for tags, branches and Call-IDs.
pub(super) fn token(bytes: usize) -> String {
    use std::fmt::Write;
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).expect("the system has randomness");
    random.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_uris_and_parameters_are_found() {
        assert_eq!(
            uri_of("\"Anna\" <sip:anna@10.0.0.1:5062;transport=udp>;tag=x"),
            "sip:anna@10.0.0.1:5062;transport=udp"
        );
        assert_eq!(parameter("<sip:a@b;tag=no>;tag=yes", "tag").as_deref(), Some("yes"));
        assert_eq!(user_of("sip:*1@127.0.0.1"), "*1");
        assert_eq!(address_of("sip:100@127.0.0.1:5080;lr"), "127.0.0.1:5080".parse().ok());
        assert_eq!(address_of("sip:100@[::1]"), "[::1]:5060".parse().ok());
        assert_eq!(address_of("sip:100@bank.example"), None);
    }

    #[test]
    fn a_request_is_composed_and_its_answer_copies_what_it_must() {
        let mut lines = Lines::default();
        lines.add("Via", "SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bKabc;rport");
        lines.add("From", "<sip:a@127.0.0.1>;tag=1").add("To", "<sip:*1@127.0.0.1>");
        lines.add("Call-ID", "x@y").add("CSeq", "7 INVITE");
        let text = request("INVITE", "sip:*1@127.0.0.1:5060", lines, "v=0\r\n", "application/sdp")
            .unwrap();
        assert!(text.starts_with("INVITE sip:*1@127.0.0.1:5060 SIP/2.0\r\n"), "{text}");
        let read = Request::try_from(text.as_str()).unwrap();
        assert_eq!(cseq(&read), Some((7, "INVITE".into())));
        let answer = response(&read, 486, "mine", Lines::default(), "");
        let answer = Response::try_from(answer.as_str()).unwrap();
        assert_eq!(branch(&answer).as_deref(), Some("z9hG4bKabc"));
        assert_eq!(value(&answer, "to").as_deref(), Some("<sip:*1@127.0.0.1>;tag=mine"));
    }
}
