//! A session description in parts (RFC 8866 §5), read tolerantly and printed exactly.
//!
//! Tolerated: LF alone at line ends, missing `s=` and `t=`, ids in `o=` of any size, unknown lines, lines that are not
//! UTF-8 (skipped). Bounds come first: a bomb is refused before anything is built.

use super::codec::{Codec, Direction};
use crate::limits::{SDP_BYTES_MAX, SDP_FORMATS_MAX, SDP_LINES_MAX, SDP_MEDIA_MAX};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Why a text is no usable session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It does not begin with `v=0`.
    #[error("not a session description")]
    NotSdp,
    /// One of the bounds in `limits` is passed.
    #[error("session description too large")]
    TooLarge,
    /// An `m=` line cannot be read, so streams could not be answered one by one.
    #[error("malformed m= line")]
    MalformedMedia,
}

/// `a=name` or `a=name:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name.
    pub name: Cow<'a, str>,
    /// What stands behind the colon.
    pub value: Option<Cow<'a, str>>,
}

/// The address of a `c=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection<'a> {
    /// An address.
    Ip(IpAddr),
    /// A host name; never resolved by us.
    Name(Cow<'a, str>),
}

impl Connection<'_> {
    /// The address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Connection::Ip(ip) => Some(*ip),
            Connection::Name(_) => None,
        }
    }

    /// Whether this is `0.0.0.0` or `::`: hold as RFC 2543 had it.
    pub fn is_hold(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }
}

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connection::Ip(IpAddr::V4(ip)) => write!(f, "IN IP4 {ip}"),
            Connection::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Connection::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}

/// How an `m=` line wants its media protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// `RTP/AVP`, `RTP/AVPF`: not at all.
    None,
    /// `RTP/SAVP`, `RTP/SAVPF`: SRTP with keys in the description (RFC 4568).
    Sdes,
    /// `UDP/TLS/RTP/SAVP(F)`: DTLS-SRTP, as browsers do it.
    Dtls,
    /// No RTP at all, or unknown.
    NotRtp,
}

/// One `m=` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, `image`, `application`, …
    pub kind: Cow<'a, str>,
    /// The port; 0 means the stream is refused or gone.
    pub port: u16,
    /// The profile, such as `RTP/AVP`.
    pub proto: Cow<'a, str>,
    /// The formats, for RTP the payload types.
    pub formats: Vec<Cow<'a, str>>,
    /// The section's own `c=` line.
    pub connection: Option<Connection<'a>>,
    /// The section's attributes in their order.
    pub attributes: Vec<Attribute<'a>>,
}

/// A whole session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description<'a> {
    /// What stands behind `o=`, as text: ids of any size are kept.
    pub origin: Cow<'a, str>,
    /// What stands behind `s=`; `-` when missing.
    pub name: Cow<'a, str>,
    /// The session's `c=` line.
    pub connection: Option<Connection<'a>>,
    /// What stands behind the first `t=`; `0 0` when missing.
    pub time: Cow<'a, str>,
    /// The session's attributes in their order.
    pub attributes: Vec<Attribute<'a>>,
    /// The `m=` sections in their order.
    pub media: Vec<Media<'a>>,
}

impl<'a> Description<'a> {
    /// Reads a session description.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SdpError> {
        if bytes.len() > SDP_BYTES_MAX || memchr::memchr_iter(b'\n', bytes).count() > SDP_LINES_MAX
        {
            return Err(SdpError::TooLarge);
        }
        let mut lines = bytes.split(|&b| b == b'\n').map(trim_line).filter(|line| !line.is_empty());
        if lines.next() != Some(b"v=0") {
            return Err(SdpError::NotSdp);
        }
        let mut description =
            Self { name: Cow::Borrowed("-"), time: Cow::Borrowed("0 0"), ..Self::default() };
        for line in lines {
            let [letter, b'=', value @ ..] = line else { continue };
            match std::str::from_utf8(value) {
                Ok(value) => description.take(*letter, value)?,
                // A stream that is overlooked would not be answered.
                Err(_) if *letter == b'm' => return Err(SdpError::MalformedMedia),
                Err(_) => {}
            }
        }
        Ok(description)
    }

    fn take(&mut self, letter: u8, value: &'a str) -> Result<(), SdpError> {
        match (letter, self.media.last_mut()) {
            (b'm', _) => {
                if self.media.len() == SDP_MEDIA_MAX {
                    return Err(SdpError::TooLarge);
                }
                self.media.push(Media::parse(value)?);
            }
            (b'c', Some(media)) => media.connection = media.connection.take().or(connection(value)),
            (b'c', None) => self.connection = connection(value),
            (b'a', Some(media)) => media.attributes.push(attribute(value)),
            (b'a', None) => self.attributes.push(attribute(value)),
            (b'o', None) => self.origin = Cow::Borrowed(value),
            (b's', None) if !value.trim().is_empty() => self.name = Cow::Borrowed(value),
            (b't', None) => self.time = Cow::Borrowed(value),
            _ => {}
        }
        Ok(())
    }

    /// The address that a section's media shall go to: its own `c=` line, else the session's.
    pub fn connection_of<'s>(&'s self, media: &'s Media<'a>) -> Option<&'s Connection<'a>> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of a section as its writer sees it; the section's word counts before the session's.
    pub fn direction_of(&self, media: &Media<'a>) -> Direction {
        let said = |attributes: &[Attribute<'a>]| {
            attributes.iter().rev().find_map(|attribute| Direction::of(&attribute.name))
        };
        said(&media.attributes).or_else(|| said(&self.attributes)).unwrap_or_default()
    }

    /// Whether any live audio section wants DTLS-SRTP: the description of a browser.
    pub fn is_from_browser(&self) -> bool {
        self.media.iter().any(|m| m.is_audio() && m.port != 0 && m.security() == Security::Dtls)
    }
}

impl<'a> Media<'a> {
    fn parse(value: &'a str) -> Result<Self, SdpError> {
        let mut words = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(proto)) = (words.next(), words.next(), words.next())
        else {
            return Err(SdpError::MalformedMedia);
        };
        let port = port.split('/').next().unwrap_or_default();
        let port = port.parse().map_err(|_| SdpError::MalformedMedia)?;
        let formats: Vec<_> = words.take(SDP_FORMATS_MAX + 1).map(Cow::Borrowed).collect();
        if formats.len() > SDP_FORMATS_MAX {
            return Err(SdpError::TooLarge);
        }
        if formats.is_empty() {
            return Err(SdpError::MalformedMedia);
        }
        let (kind, proto) = (Cow::Borrowed(kind), Cow::Borrowed(proto));
        Ok(Self { kind, port, proto, formats, ..Self::default() })
    }

    /// Whether this is an audio section.
    pub fn is_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case("audio")
    }

    /// How the media wants to be protected.
    pub fn security(&self) -> Security {
        let is = |name: &str| self.proto.eq_ignore_ascii_case(name);
        if is("RTP/AVP") || is("RTP/AVPF") {
            Security::None
        } else if is("RTP/SAVP") || is("RTP/SAVPF") {
            Security::Sdes
        } else if is("UDP/TLS/RTP/SAVP") || is("UDP/TLS/RTP/SAVPF") {
            Security::Dtls
        } else {
            Security::NotRtp
        }
    }

    /// The value of the first attribute of that name; an attribute without value gives the empty text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|attribute| attribute.name == name)?;
        Some(attribute.value.as_deref().unwrap_or_default())
    }

    /// Payload types with encoding name and clock rate, in the order of the `m=` line. Static types need no
    /// `a=rtpmap`; unknown ones without it are left out.
    pub fn encodings(&self) -> impl Iterator<Item = (u8, &str, u32)> {
        self.formats.iter().filter_map(|format| {
            let payload_type = format.parse().ok().filter(|&pt: &u8| pt < 128)?;
            let (name, clock_rate) = self.rtpmap(payload_type)?;
            Some((payload_type, name, clock_rate))
        })
    }

    fn rtpmap(&self, payload_type: u8) -> Option<(&str, u32)> {
        let mapped = self.attributes.iter().find_map(|attribute| {
            let value = attribute.value.as_deref().filter(|_| attribute.name == "rtpmap")?;
            let (number, encoding) = value.trim_start().split_once([' ', '\t'])?;
            (number.parse() == Ok(payload_type)).then_some(encoding.trim())
        });
        let Some(encoding) = mapped else {
            let codec = Codec::of_static(payload_type)?;
            return Some((codec.encoding_name(), codec.clock_rate()));
        };
        let mut parts = encoding.split('/');
        Some((parts.next()?, parts.next()?.trim().parse().ok()?))
    }

    /// The address of RTCP when `a=rtcp` names it (RFC 3605).
    pub(super) fn explicit_rtcp(&self, rtp: SocketAddr) -> Option<SocketAddr> {
        let mut words = self.attribute("rtcp")?.split_ascii_whitespace();
        let port = words.next()?.parse().ok().filter(|&port: &u16| port != 0)?;
        let ip = words.nth(2).and_then(|ip| ip.parse().ok()).unwrap_or(rtp.ip());
        // Browsers write `9 IN IP4 0.0.0.0` where they mean nothing by it.
        (!ip.is_unspecified()).then(|| SocketAddr::new(ip, port))
    }
}

fn trim_line(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn attribute(value: &str) -> Attribute<'_> {
    let (name, value) = match value.split_once(':') {
        Some((name, value)) => (name, Some(Cow::Borrowed(value))),
        None => (value, None),
    };
    Attribute { name: Cow::Borrowed(name.trim()), value }
}

/// `IN IP4 address[/ttl]`; what it says of the address family is not trusted, the address itself decides.
fn connection(value: &str) -> Option<Connection<'_>> {
    let address = value.split_ascii_whitespace().nth(2)?;
    let address = address.split('/').next().unwrap_or(address);
    Some(match address.parse() {
        Ok(ip) => Connection::Ip(ip),
        Err(_) => Connection::Name(Cow::Borrowed(address)),
    })
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\ns={}\r\n", self.origin, self.name)?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        write!(f, "t={}\r\n", self.time)?;
        self.attributes.iter().try_for_each(|attribute| write!(f, "{attribute}"))?;
        self.media.iter().try_for_each(|media| write!(f, "{media}"))
    }
}

impl fmt::Display for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind, self.port, self.proto)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))?;
        f.write_str("\r\n")?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        self.attributes.iter().try_for_each(|attribute| write!(f, "{attribute}"))
    }
}

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "a={}:{value}\r\n", self.name),
            None => write!(f, "a={}\r\n", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_loosest_text_that_phones_send() {
        let text = "v=0\no=x 99999999999999999999999 -1 IN IP4 h\nm=audio 4000/2 RTP/AVP 8 0\nc=IN IP4 192.0.2.1/127\n\
                    junk\nz=\na=rtpmap:8 PCMA/8000/1\na=sendonly\n";
        let sdp = Description::parse(text.as_bytes()).unwrap();
        assert_eq!(sdp.origin, "x 99999999999999999999999 -1 IN IP4 h");
        assert_eq!((sdp.name.as_ref(), sdp.time.as_ref()), ("-", "0 0"));
        let media = &sdp.media[0];
        assert_eq!(media.port, 4000);
        assert_eq!(sdp.connection_of(media).unwrap().ip(), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(sdp.direction_of(media), Direction::SendOnly);
        assert_eq!(media.encodings().collect::<Vec<_>>(), [(8, "PCMA", 8000), (0, "PCMU", 8000)]);
    }

    #[test]
    fn prints_what_it_has_read() {
        let text = "v=0\r\no=bob 1 2 IN IP6 2001:db8::1\r\ns=call me\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\na=tool:x\r\n\
                    m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\n\
                    m=video 0 RTP/AVP 31\r\nc=IN IP4 192.0.2.7\r\n";
        assert_eq!(Description::parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn bombs_are_refused_at_their_bounds() {
        let with_media = |n: usize| format!("v=0\r\n{}", "m=audio 4000 RTP/AVP 0\r\n".repeat(n));
        assert!(Description::parse(with_media(SDP_MEDIA_MAX).as_bytes()).is_ok());
        assert_eq!(
            Description::parse(with_media(SDP_MEDIA_MAX + 1).as_bytes()),
            Err(SdpError::TooLarge)
        );
        let with_formats = |n: usize| format!("v=0\r\nm=audio 4000 RTP/AVP{}\r\n", " 0".repeat(n));
        assert!(Description::parse(with_formats(SDP_FORMATS_MAX).as_bytes()).is_ok());
        assert_eq!(
            Description::parse(with_formats(SDP_FORMATS_MAX + 1).as_bytes()),
            Err(SdpError::TooLarge)
        );
        let with_lines = |n: usize| format!("v=0\n{}", "a=x\n".repeat(n - 1));
        assert!(Description::parse(with_lines(SDP_LINES_MAX).as_bytes()).is_ok());
        assert_eq!(
            Description::parse(with_lines(SDP_LINES_MAX + 1).as_bytes()),
            Err(SdpError::TooLarge)
        );
        let with_bytes = |n: usize| format!("v=0\na={}", "x".repeat(n - 6));
        assert!(Description::parse(with_bytes(SDP_BYTES_MAX).as_bytes()).is_ok());
        assert_eq!(
            Description::parse(with_bytes(SDP_BYTES_MAX + 1).as_bytes()),
            Err(SdpError::TooLarge)
        );
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for text in ["", "v=1\r\n", "hello", "\u{feff}v=0"] {
            assert_eq!(Description::parse(text.as_bytes()), Err(SdpError::NotSdp), "{text}");
        }
        for line in [
            "m=audio",
            "m=audio x RTP/AVP 0",
            "m=audio 70000 RTP/AVP 0",
            "m=audio 1 RTP/AVP",
            "m=audio -1 a 0",
        ] {
            let text = format!("v=0\r\n{line}\r\n");
            assert_eq!(
                Description::parse(text.as_bytes()),
                Err(SdpError::MalformedMedia),
                "{line}"
            );
        }
    }
}
