//! The offer/answer exchange for one audio stream (RFC 3264), as pure functions.
//!
//! The caller says what we can do and in which order we like it ([`Ours`]); the result says what was agreed
//! ([`Agreed`]) and what to send. One codec is answered, so that nobody changes it in the middle of a call.

use super::codec::{Codec, Direction};
use super::parse::{Attribute, Connection, Description, Media, Security};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// The RTP event names of RFC 4733.
const TELEPHONE_EVENT: &str = "telephone-event";
/// DTMF digits 0–9, *, #, A–D.
const DTMF_EVENTS: &str = "0-15";
/// The payload types that we offer for telephone events, by clock rate.
const EVENT_PAYLOADS: [(u8, u32); 2] = [(101, 8_000), (110, 48_000)];
/// Packet times that the media side can make, in milliseconds.
const PTIMES_MS: [u16; 6] = [10, 20, 30, 40, 50, 60];
/// The packet time when nobody says anything (RFC 3551 §4.2).
const PTIME_DEFAULT_MS: u16 = 20;

/// Our side of a stream: what we can do and want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Where we receive RTP; RTCP is at the next port.
    pub address: SocketAddr,
    /// The codecs we take part with, best first. Empty means that nothing can be agreed.
    pub codecs: Vec<Codec>,
    /// What we want to do; the answer holds what the other side allows of it.
    pub direction: Direction,
    /// Whether DTMF events (RFC 4733) are offered and taken.
    pub telephone_event: bool,
    /// Whether RTP and RTCP may share one port (RFC 5761).
    pub rtcp_mux: bool,
    /// The packet time we like to receive, in milliseconds.
    pub ptime_ms: u16,
}

impl Ours {
    /// Everything usual: both ways, DTMF, 20 ms, RTCP on its own port.
    pub fn new(address: SocketAddr, codecs: &[Codec]) -> Self {
        let (codecs, direction) = (codecs.to_vec(), Direction::SendRecv);
        let ptime_ms = PTIME_DEFAULT_MS;
        Self { address, codecs, direction, telephone_event: true, rtcp_mux: false, ptime_ms }
    }
}

/// What both sides have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where to send RTP. Unspecified (`0.0.0.0`, `::`) while the other side holds in the old way.
    pub remote: SocketAddr,
    /// Where to send RTCP; `None` when there is nowhere to.
    pub rtcp: Option<SocketAddr>,
    /// The codec, both ways.
    pub codec: Codec,
    /// Its payload type on packets that we send.
    pub payload_type: u8,
    /// Payload type and clock rate of DTMF events that we send, if they were agreed.
    pub telephone_event: Option<(u8, u32)>,
    /// Milliseconds of sound in each packet that we send.
    pub ptime_ms: u16,
    /// What we do: `SendOnly` means that the other side is held by us.
    pub direction: Direction,
}

/// Why no stream could be agreed. Answer 488 with [`NotAcceptable::warning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAcceptable {
    /// No live audio stream.
    #[error("no audio stream")]
    NoAudio,
    /// Only profiles that we do not speak: SRTP towards a plain leg, or no RTP.
    #[error("transport profile not supported")]
    Profile,
    /// The media address is missing or a name.
    #[error("no usable media address")]
    Address,
    /// No codec that both sides speak.
    #[error("no common codec")]
    NoCommonCodec,
    /// The answer does not fit the offer.
    #[error("answer does not fit the offer")]
    Mismatch,
}

impl NotAcceptable {
    /// The code for the Warning header (RFC 3261 §20.43).
    pub fn warning(self) -> u16 {
        match self {
            NotAcceptable::NoAudio => 304,
            NotAcceptable::Profile => 302,
            NotAcceptable::Address => 300,
            NotAcceptable::NoCommonCodec => 305,
            NotAcceptable::Mismatch => 399,
        }
    }
}

/// Our answer: what was agreed, and the text to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was agreed.
    pub agreed: Agreed,
    /// The session description.
    pub body: String,
}

/// The `o=` line of one session of ours: the version grows only when the description changes (RFC 3264 §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    id: u64,
    version: u64,
    /// The last description without its `o=` line.
    last: Option<String>,
}

impl Origin {
    /// A new session. The id should differ from session to session; 63 bits of it are used.
    pub fn new(id: u64) -> Self {
        // Some readers hold the id in a signed number.
        Self { id: id & (u64::MAX >> 1), version: 0, last: None }
    }

    /// The text of a description with its `o=` line.
    fn print(&mut self, mut description: Description<'_>, address: IpAddr) -> String {
        description.origin = Cow::Borrowed("");
        let bare = description.to_string();
        if self.last.as_ref() != Some(&bare) {
            self.version += 1;
            self.last = Some(bare);
        }
        let (id, version, address) = (self.id, self.version, Connection::Ip(address));
        description.origin = Cow::Owned(format!("dozvon {id} {version} {address}"));
        description.to_string()
    }
}

/// Our preference for a second leg: what the first leg has agreed comes first, so that nothing need be transcoded.
pub fn order_for_leg(ours: &[Codec], agreed: Codec) -> Vec<Codec> {
    let mut ordered = ours.to_vec();
    // A stable sort keeps our own order among the rest; a codec that we do not take part with is not added.
    ordered.sort_by_key(|&codec| codec != agreed);
    ordered
}

/// The codecs of the stream that [`answer`] would take, in the offerer's order; for choosing before answering.
pub fn offered_codecs(offer: &Description<'_>) -> Vec<Codec> {
    let Ok((_, media)) = pick_audio(offer) else { return Vec::new() };
    let mut codecs = Vec::new();
    for (_, name, clock_rate) in media.encodings() {
        if let Some(codec) = Codec::of_encoding(name, clock_rate)
            && !codecs.contains(&codec)
        {
            codecs.push(codec);
        }
    }
    codecs
}

/// Our offer: one audio stream with all our codecs in our order.
///
/// In a running session (one whose [`Origin`] has printed before) the streams keep their number and order, and payload
/// types keep their meaning (RFC 3264 §8).
pub fn offer(ours: &Ours, origin: &mut Origin) -> String {
    let last_text = origin.last.clone().unwrap_or_default();
    let last = Description::parse(last_text.as_bytes()).unwrap_or_default();
    let kept = pick_audio(&last).ok();
    let mut payloads = Payloads::of(kept.map(|(_, media)| media));
    let codecs: Vec<_> = ours.codecs.iter().map(|&codec| (codec, payloads.codec(codec))).collect();
    let events: Vec<_> = EVENT_PAYLOADS
        .into_iter()
        .filter(|_| ours.telephone_event)
        .filter(|&(_, clock_rate)| ours.codecs.iter().any(|c| c.clock_rate() == clock_rate))
        .map(|(usual, clock_rate)| (payloads.event(usual, clock_rate), clock_rate))
        .collect();
    let proto = kept.map_or("RTP/AVP", |(_, media)| media.proto.as_ref());
    let mut media = our_media(ours, proto, &codecs, &events);
    media.attributes.push(flag(ours.direction.as_str()));
    if ours.rtcp_mux {
        media.attributes.push(flag("rtcp-mux"));
    }
    let mut sections: Vec<_> = last.media.iter().map(refused).collect();
    match kept {
        Some((index, _)) => sections[index] = media,
        None => sections.push(media),
    }
    origin.print(our_description(ours, sections), ours.address.ip())
}

/// Payload types of an offer: those that the session uses already keep their meaning, new ones take free numbers.
struct Payloads<'a> {
    taken: Vec<(u8, &'a str, u32)>,
}

impl<'a> Payloads<'a> {
    fn of(media: Option<&'a Media<'_>>) -> Self {
        Self { taken: media.map(|media| media.encodings().collect()).unwrap_or_default() }
    }

    fn codec(&mut self, codec: Codec) -> u8 {
        self.number(codec.encoding_name(), codec.clock_rate(), codec.payload_type())
    }

    fn event(&mut self, usual: u8, clock_rate: u32) -> u8 {
        self.number(TELEPHONE_EVENT, clock_rate, usual)
    }

    fn number(&mut self, name: &'static str, clock_rate: u32, usual: u8) -> u8 {
        let same = |t: &&(u8, &str, u32)| t.1.eq_ignore_ascii_case(name) && t.2 == clock_rate;
        if let Some(known) = self.taken.iter().find(same) {
            return known.0;
        }
        let is_free = |number: &u8| self.taken.iter().all(|t| t.0 != *number);
        let number = std::iter::once(usual).chain(96..=127).find(is_free).unwrap_or(usual);
        self.taken.push((number, name, clock_rate));
        number
    }
}

/// Answers an offer: the first of our codecs that is offered wins, with the offerer's payload types; every other
/// stream is refused with port 0 (§6). An identical offer gets an identical answer.
pub fn answer(
    offer: &Description<'_>,
    ours: &Ours,
    origin: &mut Origin,
) -> Result<Answer, NotAcceptable> {
    let (index, theirs) = pick_audio(offer)?;
    let remote = remote_of(offer, theirs)?;
    let (codec, payload_type) = ours
        .codecs
        .iter()
        .find_map(|&codec| Some((codec, payload_of(theirs, codec)?)))
        .ok_or(NotAcceptable::NoCommonCodec)?;
    let telephone_event = ours.telephone_event.then(|| event_for(theirs, codec)).flatten();
    let direction = their_direction(offer, theirs).reversed().and(ours.direction);
    let mux = ours.rtcp_mux && theirs.attribute("rtcp-mux").is_some();

    let events: Vec<_> = telephone_event.into_iter().collect();
    let mut media = our_media(ours, &theirs.proto, &[(codec, payload_type)], &events);
    media.attributes.push(flag(direction.as_str()));
    if mux {
        media.attributes.push(flag("rtcp-mux"));
    }
    let mut sections: Vec<_> = offer.media.iter().map(refused).collect();
    sections[index] = media;
    let body = origin.print(our_description(ours, sections), ours.address.ip());
    let rtcp = rtcp_of(theirs, remote, mux);
    let ptime_ms = ptime_for(theirs);
    let agreed = Agreed { remote, rtcp, codec, payload_type, telephone_event, ptime_ms, direction };
    Ok(Answer { agreed, body })
}

/// Reads the answer to our offer (§7): the first format that we have offered is the codec.
pub fn read_answer(
    our_offer: &Description<'_>,
    answer: &Description<'_>,
) -> Result<Agreed, NotAcceptable> {
    let (index, offered) = pick_audio(our_offer).map_err(|_| NotAcceptable::Mismatch)?;
    let theirs = answer.media.get(index).ok_or(NotAcceptable::Mismatch)?;
    if !theirs.is_audio() {
        return Err(NotAcceptable::Mismatch);
    }
    if theirs.port == 0 {
        return Err(NotAcceptable::NoAudio);
    }
    if theirs.security() != offered.security() {
        return Err(NotAcceptable::Profile);
    }
    let remote = remote_of(answer, theirs)?;
    let (codec, payload_type) = theirs
        .encodings()
        .filter_map(|(pt, name, clock_rate)| Some((Codec::of_encoding(name, clock_rate)?, pt)))
        .find(|&(codec, _)| payload_of(offered, codec).is_some())
        .ok_or(NotAcceptable::NoCommonCodec)?;
    let telephone_event = event_for(offered, codec).and(event_for(theirs, codec));
    let our_direction = our_offer.direction_of(offered);
    let direction = their_direction(answer, theirs).reversed().and(our_direction);
    let mux = offered.attribute("rtcp-mux").is_some() && theirs.attribute("rtcp-mux").is_some();
    let rtcp = rtcp_of(theirs, remote, mux);
    let ptime_ms = ptime_for(theirs);
    Ok(Agreed { remote, rtcp, codec, payload_type, telephone_event, ptime_ms, direction })
}

/// The first live audio stream of a profile that we speak.
fn pick_audio<'d, 'a>(
    description: &'d Description<'a>,
) -> Result<(usize, &'d Media<'a>), NotAcceptable> {
    let live = || description.media.iter().enumerate().filter(|(_, m)| m.is_audio() && m.port != 0);
    let fits = |media: &Media<'_>| media.security() == Security::None;
    match live().find(|(_, media)| fits(media)) {
        Some(found) => Ok(found),
        None if live().next().is_some() => Err(NotAcceptable::Profile),
        None => Err(NotAcceptable::NoAudio),
    }
}

fn remote_of(
    description: &Description<'_>,
    media: &Media<'_>,
) -> Result<SocketAddr, NotAcceptable> {
    let ip = description.connection_of(media).and_then(Connection::ip);
    let ip = ip.filter(|ip| !ip.is_multicast() && !is_broadcast(*ip));
    Ok(SocketAddr::new(ip.ok_or(NotAcceptable::Address)?, media.port))
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

/// What the writer does; an unspecified address means that it does not receive (RFC 3264 §8.4).
fn their_direction(description: &Description<'_>, media: &Media<'_>) -> Direction {
    let said = description.direction_of(media);
    let holds = description.connection_of(media).is_some_and(Connection::is_hold);
    Direction::new(said.sends(), said.receives() && !holds)
}

fn rtcp_of(media: &Media<'_>, remote: SocketAddr, mux: bool) -> Option<SocketAddr> {
    if remote.ip().is_unspecified() {
        return None;
    }
    if mux {
        return Some(remote);
    }
    media.explicit_rtcp(remote).or_else(|| {
        let port = remote.port().checked_add(1)?;
        Some(SocketAddr::new(remote.ip(), port))
    })
}

fn payload_of(media: &Media<'_>, wanted: Codec) -> Option<u8> {
    let mut encodings = media.encodings();
    let found = encodings
        .find(|&(_, name, clock_rate)| Codec::of_encoding(name, clock_rate) == Some(wanted));
    found.map(|(payload_type, _, _)| payload_type)
}

/// The telephone events that go with a codec: those of its clock rate (RFC 4733 §2.1), else any that are there, since
/// some phones offer 8000 beside nothing but Opus.
fn event_for(media: &Media<'_>, codec: Codec) -> Option<(u8, u32)> {
    let events = || media.encodings().filter(|e| e.1.eq_ignore_ascii_case(TELEPHONE_EVENT));
    let (payload_type, _, clock_rate) =
        events().find(|e| e.2 == codec.clock_rate()).or_else(|| events().next())?;
    Some((payload_type, clock_rate))
}

/// What they like to receive, where the media side can make it and `maxptime` allows.
fn ptime_for(media: &Media<'_>) -> u16 {
    let millis = |name| media.attribute(name).and_then(|v| v.trim().parse::<u16>().ok());
    let max = millis("maxptime").filter(|max| PTIMES_MS.contains(max) || *max >= 10).unwrap_or(60);
    let wanted = millis("ptime").filter(|ptime| PTIMES_MS.contains(ptime));
    let fitting = |limit: u16| PTIMES_MS.into_iter().rev().find(|&ptime| ptime <= limit);
    match wanted {
        Some(wanted) if wanted <= max => wanted,
        Some(_) | None => fitting(max.min(PTIME_DEFAULT_MS)).unwrap_or(PTIME_DEFAULT_MS),
    }
}

fn our_description<'a>(ours: &Ours, media: Vec<Media<'a>>) -> Description<'a> {
    Description {
        name: Cow::Borrowed("-"),
        time: Cow::Borrowed("0 0"),
        connection: Some(Connection::Ip(ours.address.ip())),
        media,
        ..Description::default()
    }
}

fn our_media<'a>(
    ours: &Ours,
    proto: &'a str,
    codecs: &[(Codec, u8)],
    events: &[(u8, u32)],
) -> Media<'a> {
    let payloads = codecs.iter().map(|c| c.1).chain(events.iter().map(|e| e.0));
    let mut media = Media {
        kind: Cow::Borrowed("audio"),
        port: ours.address.port(),
        proto: Cow::Borrowed(proto),
        formats: payloads.map(|pt| Cow::Owned(pt.to_string())).collect(),
        ..Media::default()
    };
    for &(codec, payload_type) in codecs {
        media.attributes.push(valued("rtpmap", format!("{payload_type} {}", codec.rtpmap())));
        if codec == Codec::Opus {
            media.attributes.push(valued("fmtp", format!("{payload_type} useinbandfec=1")));
        }
    }
    for &(payload_type, clock_rate) in events {
        let rtpmap = format!("{payload_type} {TELEPHONE_EVENT}/{clock_rate}");
        media.attributes.push(valued("rtpmap", rtpmap));
        media.attributes.push(valued("fmtp", format!("{payload_type} {DTMF_EVENTS}")));
    }
    media.attributes.push(valued("ptime", ours.ptime_ms.to_string()));
    media
}

/// A stream that we do not want: the same line with port 0.
fn refused<'a>(media: &Media<'a>) -> Media<'a> {
    let (kind, proto) = (media.kind.clone(), media.proto.clone());
    Media { kind, port: 0, proto, formats: media.formats.clone(), ..Media::default() }
}

fn flag(name: &'static str) -> Attribute<'static> {
    Attribute { name: Cow::Borrowed(name), value: None }
}

fn valued(name: &'static str, value: String) -> Attribute<'static> {
    Attribute { name: Cow::Borrowed(name), value: Some(Cow::Owned(value)) }
}

#[cfg(test)]
mod tests;
