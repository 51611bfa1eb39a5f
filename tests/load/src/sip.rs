//! As much SIP text as calls need. Deliberately naive, and deliberately not the switch's own parser.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The value of the first header of this name.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    headers(message, name).next()
}

/// The values of all headers of this name.
pub(crate) fn headers<'a>(message: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = message.split("\r\n").skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The status of a response; `None` for a request.
pub(crate) fn status(message: &str) -> Option<u32> {
    message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// The method named in CSeq.
pub(crate) fn method(message: &str) -> &str {
    header(message, "CSeq").and_then(|value| value.split(' ').nth(1)).unwrap_or("")
}

/// The address out of a header's value.
pub(crate) fn uri(value: &str) -> &str {
    match (value.find('<'), value.find('>')) {
        (Some(from), Some(to)) if from < to => &value[from + 1..to],
        _ => value.split(';').next().unwrap_or("").trim(),
    }
}

/// Whether a From or To has a tag.
pub(crate) fn has_tag(value: &str) -> bool {
    value.rsplit('>').next().is_some_and(|rest| rest.contains("tag="))
}

/// The user of the request's address.
pub(crate) fn dialled_user(message: &str) -> &str {
    let address = message.split(' ').nth(1).unwrap_or("").trim_start_matches("sip:");
    address.split('@').next().unwrap_or("")
}

/// Where a session description wants its sound.
pub(crate) fn sound_address(message: &str) -> Option<SocketAddrV4> {
    let (_, body) = message.split_once("\r\n\r\n")?;
    let line = |start: &str| body.lines().find_map(|line| line.strip_prefix(start));
    let address: Ipv4Addr = line("c=IN IP4 ")?.trim().parse().ok()?;
    Some(SocketAddrV4::new(address, line("m=audio ")?.split(' ').next()?.parse().ok()?))
}

/// A session description: PCMU and keys.
pub(crate) fn description(sound: SocketAddrV4) -> String {
    let (address, port) = (sound.ip(), sound.port());
    format!(
        "v=0\r\no=load 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// A response to a request, with a tag of ours where it has none.
pub(crate) fn response(request: &str, status: &str, tag: &str, contact: &str, body: Option<&str>) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for via in headers(request, "Via") {
        text.push_str(&format!("Via: {via}\r\n"));
    }
    let value = |name| header(request, name).unwrap_or("");
    let to = value("To");
    let tag = if has_tag(to) { String::new() } else { format!(";tag={tag}") };
    let (from, call, sequence) = (value("From"), value("Call-ID"), value("CSeq"));
    text.push_str(&format!("From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call}\r\nCSeq: {sequence}\r\n"));
    text.push_str(&format!("Contact: <{contact}>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n"));
    text.push_str(&ending(body));
    text
}

/// The last headers and the body.
pub(crate) fn ending(body: Option<&str>) -> String {
    match body {
        Some(body) => format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        None => "Content-Length: 0\r\n\r\n".to_owned(),
    }
}
