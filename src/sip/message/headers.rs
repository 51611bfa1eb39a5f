//! Typed headers that every dialog needs: Via, From/To/Contact/Route, CSeq and their smaller relatives (RFC 3261 §20).
//!
//! Each reader takes one header value (for list headers: one item) and borrows from it.

use super::method::Method;
use super::params::Params;
use super::text::{self, Malformed, find_unquoted, is_lws, is_token, number, trim, trim_start};
use super::uri::{Host, Uri, UriBuf, host_port};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// A transport protocol as Via names it (§18, RFC 7118).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport<'a> {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP
    Tls,
    /// WebSocket
    Ws,
    /// WebSocket over TLS
    Wss,
    /// SCTP
    Sctp,
    /// Any other token, as written.
    Other(&'a str),
}

impl<'a> Transport<'a> {
    /// The transport of that name, in any case.
    pub fn of(token: &'a str) -> Self {
        const KNOWN: [Transport<'static>; 6] = [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Ws,
            Transport::Wss,
            Transport::Sctp,
        ];
        KNOWN
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(token))
            .unwrap_or(Transport::Other(token))
    }

    /// The name as Via writes it.
    pub fn as_str(self) -> &'a str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
            Transport::Sctp => "SCTP",
            Transport::Other(name) => name,
        }
    }
}

impl fmt::Display for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a branch of RFC 3261 begins with (§8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// One Via value (§20.42).
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// The transport of that hop.
    pub transport: Transport<'a>,
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by, when written.
    pub port: Option<u16>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one Via value: `SIP / 2.0 / transport sent-by *( ; param )`, white space allowed around the slashes.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let rest = slash_part(trim(value), b"SIP")?;
        let (version, rest) = text::split_token(trim_start(rest));
        if !is_token(version) {
            return Err(Malformed("bad protocol in Via"));
        }
        let rest = slash_part_after(rest)?;
        let (transport, rest) = text::split_token(trim_start(rest));
        if transport.is_empty() || !rest.first().copied().is_some_and(is_lws) {
            return Err(Malformed("bad transport in Via"));
        }
        let end = rest.iter().position(|&b| b == b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(end);
        let (host, port) = host_port(text::text(trim(sent_by), "sent-by is not text")?)?;
        let transport = Transport::of(text::text(transport, "transport is not text")?);
        let params = Params::parse(params)?;
        Ok(Self { transport, host, port, params })
    }

    /// The branch, if any.
    pub fn branch(self) -> Option<&'a str> {
        self.params.value("branch")
    }

    /// The branch when it is one of RFC 3261: the cookie and at least one byte more.
    pub fn rfc3261_branch(self) -> Option<&'a str> {
        let branch = self.branch()?;
        let cookie = branch.get(..MAGIC_COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && branch.len() > cookie.len()).then_some(branch)
    }

    /// The address a server noted in `received`, with or without brackets (RFC 5118 §4.5).
    pub fn received(self) -> Option<IpAddr> {
        let text = self.params.value("received")?;
        text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
    }

    /// `Some(None)` for a bare `rport`, `Some(Some(port))` for a filled one (RFC 3581).
    pub fn rport(self) -> Option<Option<u16>> {
        let param = self.params.get("rport")?;
        Some(param.value.and_then(|v| number(v, u32::from(u16::MAX)).ok()).map(|port| port as u16))
    }

    /// The `maddr` parameter.
    pub fn maddr(self) -> Option<Host<'a>> {
        Host::parse(self.params.value("maddr")?).ok()
    }

    /// The port that answers go to when neither rport nor an explicit port says otherwise.
    pub fn port_or_default(self) -> u16 {
        let secure = matches!(self.transport, Transport::Tls | Transport::Wss);
        self.port.unwrap_or(if secure { 5061 } else { 5060 })
    }
}

/// Takes `word LWS / ` off the front.
fn slash_part<'a>(bytes: &'a [u8], word: &[u8]) -> Result<&'a [u8], Malformed> {
    match bytes.split_at_checked(word.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(word) => slash_part_after(rest),
        Some(_) | None => Err(Malformed("bad protocol in Via")),
    }
}

fn slash_part_after(bytes: &[u8]) -> Result<&[u8], Malformed> {
    match trim_start(bytes) {
        [b'/', rest @ ..] => Ok(rest),
        _ => Err(Malformed("bad protocol in Via")),
    }
}

/// A name-addr or addr-spec with header parameters: From, To, Contact, Route, Record-Route, Refer-To, Path, and the
/// P- identities (§20.10).
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    /// The display name as on the wire, quotes on; may hold any bytes. `None` when absent or empty.
    pub display: Option<&'a [u8]>,
    /// The URI.
    pub uri: Uri<'a>,
    /// Header parameters; those of an addr-spec without angle brackets are header parameters, too (§20).
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value. An addr-spec without brackets must not hold `?` or `,`; a display name must close its quotes.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let value = trim(value);
        let open = match value.first() {
            Some(b'"') => {
                let end =
                    text::quoted_end(value, 0).ok_or(Malformed("unterminated quoted string"))?;
                let gap = value[end..].iter().position(|&b| !is_lws(b)).unwrap_or(0);
                if value.get(end + gap) != Some(&b'<') {
                    return Err(Malformed("angle bracket expected after display name"));
                }
                Some(end + gap)
            }
            Some(_) => memchr::memchr(b'<', value),
            None => return Err(Malformed("empty address")),
        };
        match open {
            Some(open) => Self::parse_name_addr(value, open),
            None => Self::parse_addr_spec(value),
        }
    }

    fn parse_name_addr(value: &'a [u8], open: usize) -> Result<Self, Malformed> {
        let display = trim(&value[..open]);
        let junk = |&b: &u8| matches!(b, b',' | b';' | b'"' | b'>' | b'\\');
        if display.first() != Some(&b'"') && display.iter().any(junk) {
            return Err(Malformed("display name needs quotes"));
        }
        let inner = &value[open + 1..];
        let close = memchr::memchr(b'>', inner).ok_or(Malformed("angle bracket never closed"))?;
        let uri = Uri::parse(&inner[..close])?;
        let params = Params::parse(&inner[close + 1..])?;
        let display = (!display.is_empty() && display != b"\"\"").then_some(display);
        Ok(Self { display, uri, params })
    }

    fn parse_addr_spec(value: &'a [u8]) -> Result<Self, Malformed> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let (uri, params) = value.split_at(end);
        let uri = trim(uri);
        if uri.iter().any(|&b| b == b'?' || b == b',') {
            return Err(Malformed("URI needs angle brackets"));
        }
        Ok(Self { display: None, uri: Uri::parse(uri)?, params: Params::parse(params)? })
    }

    /// The `tag` parameter.
    pub fn tag(self) -> Option<&'a str> {
        self.params.value("tag")
    }

    /// The display name as a person reads it.
    pub fn display_text(self) -> Option<Cow<'a, str>> {
        self.display.map(text::unquoted)
    }

    /// The `expires` parameter of a Contact; `None` when absent or malformed, saturated when too large.
    pub fn expires(self) -> Option<u32> {
        delta_seconds(self.params.get("expires")?.value?)
    }

    /// The `q` parameter of a Contact in thousandths, 0..=1000; 1000 when absent or malformed.
    pub fn q_thousandths(self) -> u16 {
        self.params.value("q").and_then(thousandths).unwrap_or(1000)
    }
}

/// A `qvalue`: `0[.ddd]` or `1[.000]`.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction = format!("{fraction:0<3}").parse::<u16>().ok()?;
    match (whole, fraction) {
        ("0" | "", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// Delta-seconds; digits beyond 2³²−1 saturate, anything but digits is `None`.
pub(crate) fn delta_seconds(value: &[u8]) -> Option<u32> {
    let value = trim(value);
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(number(value, u32::MAX).unwrap_or(u32::MAX))
}

/// A Contact value: an address, or the `*` of a REGISTER that removes all bindings (§10.2.2).
#[derive(Clone, Copy, Debug)]
pub enum Contact<'a> {
    /// `*`
    Star,
    /// An address.
    Addr(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads one Contact item.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        if trim(value) == b"*" {
            return Ok(Contact::Star);
        }
        NameAddr::parse(value).map(Contact::Addr)
    }

    /// The address, unless it is `*`.
    pub fn addr(self) -> Option<NameAddr<'a>> {
        match self {
            Contact::Star => None,
            Contact::Addr(addr) => Some(addr),
        }
    }
}

/// CSeq (§20.16): below 2³¹ by §8.1.1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number.
    pub number: u32,
    /// The method of the request.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a CSeq value.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let value = trim(value);
        let end = value.iter().position(|&b| is_lws(b)).ok_or(Malformed("CSeq without method"))?;
        let number = number(&value[..end], i32::MAX as u32)?;
        Ok(Self { number, method: method(trim(&value[end..]))? })
    }
}

fn method(token: &[u8]) -> Result<Method<'_>, Malformed> {
    if !is_token(token) {
        return Err(Malformed("method is no token"));
    }
    Ok(Method::of(text::text(token, "method is no token")?))
}

/// RAck (RFC 3262 §7.2): which provisional response a PRACK confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The RSeq of the confirmed response.
    pub rseq: u32,
    /// The CSeq of the confirmed response.
    pub cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    /// Reads a RAck value.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let value = trim(value);
        let end = value.iter().position(|&b| is_lws(b)).ok_or(Malformed("RAck without CSeq"))?;
        Ok(Self { rseq: number(&value[..end], u32::MAX)?, cseq: CSeq::parse(&value[end..])? })
    }
}

/// `text *( ; param )`: Event, Subscription-State, Reason, Session-Expires, Replaces, Content-Type,
/// Content-Disposition.
#[derive(Clone, Copy, Debug)]
pub struct Valued<'a> {
    /// What stands before the first `;`, trimmed.
    pub value: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Valued<'a> {
    /// Splits value and parameters.
    pub fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        let end = find_unquoted(raw, b';').unwrap_or(raw.len());
        let value = text::text(trim(&raw[..end]), "value is not text")?;
        if value.is_empty() {
            return Err(Malformed("empty value"));
        }
        Ok(Self { value, params: Params::parse(&raw[end..])? })
    }

    /// Whether a Content-Type is this media type; white space around the slash is allowed by the grammar.
    pub fn is_media_type(self, wanted: &str) -> bool {
        let mut parts = self.value.splitn(2, '/').map(str::trim);
        let mut wanted = wanted.splitn(2, '/');
        parts.next().zip(wanted.next()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
            && parts.next().zip(wanted.next()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

/// Session-Expires (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub secs: u32,
    /// Who refreshes, when it says.
    pub refresher: Option<Refresher>,
}

/// The `refresher` of RFC 4028.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answers it.
    Uas,
}

impl Refresher {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Refresher::Uac => "uac",
            Refresher::Uas => "uas",
        }
    }
}

impl SessionExpires {
    /// Reads a Session-Expires value.
    pub fn parse(raw: &[u8]) -> Result<Self, Malformed> {
        let valued = Valued::parse(raw)?;
        let secs = number(valued.value.as_bytes(), u32::MAX)?;
        let refresher = match valued.params.value("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Ok(Self { secs, refresher })
    }
}

/// Replaces (RFC 3891 §6.1): the dialog to be taken over. Each tag stands there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The tag on the receiver's side.
    pub to_tag: &'a str,
    /// The tag on the other side.
    pub from_tag: &'a str,
    /// Whether only an early dialog may be replaced.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads a Replaces value.
    pub fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        let Valued { value, params } = Valued::parse(raw)?;
        if !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Malformed("bad Call-ID in Replaces"));
        }
        let tag = |name| match params.value(name) {
            Some(tag) if params.count(name) == 1 && is_token(tag.as_bytes()) => Ok(tag),
            Some(_) | None => Err(Malformed("Replaces without its tags")),
        };
        let (to_tag, from_tag) = (tag("to-tag")?, tag("from-tag")?);
        Ok(Self { call_id: value, to_tag, from_tag, early_only: params.has("early-only") })
    }
}

/// Reason (RFC 3326).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// The protocol: `SIP`, `Q.850`, …
    pub protocol: &'a str,
    /// The cause code.
    pub cause: Option<u16>,
    /// The text, as a person reads it.
    pub text: Option<Cow<'a, str>>,
}

impl<'a> Reason<'a> {
    /// Reads one Reason item.
    pub fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        let Valued { value: protocol, params } = Valued::parse(raw)?;
        let cause = params.value("cause").and_then(|c| c.parse().ok());
        Ok(Self { protocol, cause, text: params.unquoted("text") })
    }
}

/// Warning (§20.43): a three-digit code, who says it, and the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// 300..=399.
    pub code: u16,
    /// Host or pseudonym.
    pub agent: &'a str,
    /// The text, as a person reads it.
    pub text: Cow<'a, str>,
}

impl<'a> Warning<'a> {
    /// Reads one Warning item.
    pub fn parse(raw: &'a [u8]) -> Result<Self, Malformed> {
        let raw = trim(raw);
        let mut parts = raw.splitn(3, |&b| is_lws(b));
        let code = parts.next().filter(|c| c.len() == 3).ok_or(Malformed("bad warning code"))?;
        let agent = text::text(parts.next().unwrap_or_default(), "warning agent is not text")?;
        let text = text::unquoted(parts.next().unwrap_or_default());
        Ok(Self { code: number(code, 999)? as u16, agent, text })
    }
}

/// A name-addr that owns its parts, for dialogs and bindings. Prints as `"Name" <uri>;params`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddrBuf {
    display: Option<String>,
    uri: UriBuf,
    params: String,
}

impl NameAddrBuf {
    /// An address with nothing but its URI.
    pub fn new(uri: UriBuf) -> Self {
        Self { display: None, uri, params: String::new() }
    }

    /// With a display name; control characters are dropped, an empty one means none.
    pub fn with_display(mut self, display: &str) -> Self {
        let clean: String = display.chars().filter(|c| !c.is_control()).collect();
        self.display = (!clean.is_empty()).then_some(clean);
        self
    }

    /// With the tag set, replacing an older one. A tag that is no token is refused by leaving the old state.
    pub fn with_tag(self, tag: &str) -> Self {
        self.without_param("tag").with_param("tag", Some(tag))
    }

    /// With a header parameter appended; one that could not be read back is left out.
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) if super::params::is_writable(name, value) => {
                self.params.push_str(&format!(";{name}={value}"));
            }
            None if is_token(name.as_bytes()) => self.params.push_str(&format!(";{name}")),
            Some(_) | None => {}
        }
        self
    }

    fn without_param(mut self, name: &str) -> Self {
        let kept: String = params_of(&self.params)
            .iter()
            .filter(|param| !param.name.eq_ignore_ascii_case(name))
            .map(|param| match param.value {
                Some(value) => format!(";{}={}", param.name, String::from_utf8_lossy(value)),
                None => format!(";{}", param.name),
            })
            .collect();
        self.params = kept;
        self
    }

    /// The display name as a person reads it.
    pub fn display(&self) -> Option<&str> {
        self.display.as_deref()
    }

    /// The URI.
    pub fn uri(&self) -> &UriBuf {
        &self.uri
    }

    /// The header parameters.
    pub fn params(&self) -> Params<'_> {
        params_of(&self.params)
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params().value("tag")
    }
}

fn params_of(text: &str) -> Params<'_> {
    Params::parse(text.as_bytes()).expect("only checked parameters are kept")
}

impl From<NameAddr<'_>> for NameAddrBuf {
    fn from(addr: NameAddr<'_>) -> Self {
        let mut owned = Self::new(UriBuf::from(addr.uri));
        if let Some(display) = addr.display_text() {
            owned = owned.with_display(&display);
        }
        for param in addr.params.iter() {
            let clean =
                |value| String::from_utf8_lossy(value).replace(|c: char| c.is_control(), " ");
            owned = owned.with_param(param.name, param.value.map(clean).as_deref());
        }
        owned
    }
}

impl fmt::Display for NameAddrBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "\"{}\" ", display.replace('\\', "\\\\").replace('"', "\\\""))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> NameAddr<'_> {
        NameAddr::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn vias_of_all_shapes() {
        let via = Via::parse(
            b"SIP / 2.0 / udp [2001:db8::9]:5080 ;rport;received=192.0.2.1;branch=z9hG4bKa",
        )
        .unwrap();
        assert_eq!(
            (via.transport, via.port, via.rport()),
            (Transport::Udp, Some(5080), Some(None))
        );
        assert_eq!(via.host, Host::V6("2001:db8::9".parse().unwrap()));
        assert_eq!(
            (via.received(), via.rfc3261_branch()),
            ("192.0.2.1".parse().ok(), Some("z9hG4bKa"))
        );
        let via = Via::parse(b"SIP/2.0/WSS df7jal23ls0d.invalid;rport=4711;keep").unwrap();
        assert_eq!(
            (via.transport, via.rport(), via.port_or_default()),
            (Transport::Wss, Some(Some(4711)), 5061)
        );
        let bad: [&[u8]; 10] = [
            b"",
            b"SIP/2.0",
            b"SIP/2.0/UDP",
            b"SIP/2.0/UDP ",
            b"SIP/2.0/UDPh",
            b"HTTP/1.1/TCP h",
            b"SIP/2.0/UDP h:x",
            b"SIP/2.0/UDP h;;",
            b"SIP/2.0/UDP h h",
            b"SIP/2.0/UDP [::1",
        ];
        for value in bad {
            assert!(Via::parse(value).is_err(), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn addresses_of_all_shapes() {
        let full = addr(r#""O\"Hara, <J>" <sip:j@h;lr>;tag=x ;expires=60;q=0.5"#);
        assert_eq!(full.display_text().as_deref(), Some("O\"Hara, <J>"));
        assert_eq!((full.tag(), full.expires(), full.q_thousandths()), (Some("x"), Some(60), 500));
        assert!(full.uri.is_loose_router());
        let spec = addr("sip:j@h:5060;tag=1");
        assert_eq!(
            (spec.tag(), spec.uri.as_str(), spec.display),
            (Some("1"), "sip:j@h:5060", None)
        );
        assert_eq!(addr("\"\" <sip:a@h>").display, None);
        assert_eq!(addr("<sip:@h>").uri.user(), None);
        let instance = addr(r#"<sip:a@h>;reg-id=1;+sip.instance="<urn:uuid:00-1>""#);
        assert_eq!(instance.params.unquoted("+sip.instance").as_deref(), Some("<urn:uuid:00-1>"));
        let bad = [
            "",
            "<>",
            "<sip:a@h",
            "\"x <sip:a@h>",
            "\"x\" sip:a@h",
            "a, b <sip:a@h>",
            "<sip:a@h>;;",
            "<sip:a@h>x",
            "sip:a@h?x=y",
            "< sip:a@h>",
            "x",
            "\"a\" junk <sip:a@h>",
            "a\\b <sip:a@h>",
        ];
        for text in bad {
            assert!(NameAddr::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn q_values_in_thousandths() {
        let q = |text: &str| addr(&format!("<sip:a>;q={text}")).q_thousandths();
        assert_eq!((q("0.33"), q("1"), q("1.000"), q("0"), q(".5")), (330, 1000, 1000, 0, 500));
        assert_eq!(
            (q("1.5"), q("0.3333"), q("x"), q("-1")),
            (1000, 1000, 1000, 1000),
            "nonsense is the default"
        );
    }

    #[test]
    fn numbers_with_methods() {
        assert_eq!(
            CSeq::parse(b"0009\r\n  INVITE"),
            Ok(CSeq { number: 9, method: Method::Invite })
        );
        for bad in ["", "1", "INVITE", "2147483648 INVITE", "-1 INVITE", "1 IN VITE", "1 INV<ITE"] {
            assert!(CSeq::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let rack = RAck::parse(b"776656 1 INVITE").unwrap();
        assert_eq!((rack.rseq, rack.cseq.number), (776_656, 1));
    }

    #[test]
    fn smaller_headers() {
        let se = SessionExpires::parse(b"1800 ; refresher = UAS").unwrap();
        assert_eq!((se.secs, se.refresher), (1800, Some(Refresher::Uas)));
        let replaces =
            Replaces::parse(b"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only")
                .unwrap();
        assert_eq!((replaces.call_id, replaces.to_tag), ("98732@sip.example.com", "ff87ff"));
        assert!(replaces.early_only && Replaces::parse(b"a;to-tag=1").is_err());
        let reason = Reason::parse(br#"Q.850 ;cause=16 ;text="Terminated; ok""#).unwrap();
        assert_eq!(
            (reason.protocol, reason.cause, reason.text.as_deref()),
            ("Q.850", Some(16), Some("Terminated; ok"))
        );
        let warning =
            Warning::parse(br#"301 isi.edu "Incompatible network address type 'E.164'""#).unwrap();
        assert_eq!((warning.code, warning.agent), (301, "isi.edu"));
        assert!(Warning::parse(b"1812 x \"y\"").is_err());
        let media_type = Valued::parse(b"Application / SDP;charset=utf-8").unwrap();
        assert!(
            media_type.is_media_type("application/sdp")
                && !media_type.is_media_type("application/pidf")
        );
    }

    #[test]
    fn owned_addresses_print_what_reads_back_and_take_no_injection() {
        let owned = NameAddrBuf::from(addr(r#""O\"Hara \\" <sip:j@h;lr>;tag=x;y="q;\"z""#));
        assert_eq!(owned.to_string(), r#""O\"Hara \\" <sip:j@h;lr>;tag=x;y="q;\"z""#);
        let tagged = owned.clone().with_tag("new");
        assert_eq!((tagged.tag(), addr(&tagged.to_string()).tag()), (Some("new"), Some("new")));
        let hostile = NameAddrBuf::new(UriBuf::parse("sip:a@h").unwrap())
            .with_display("x\r\nVia: y\" <sip:evil@h>, \"")
            .with_tag("t;lr")
            .with_param("a b", Some("c"))
            .with_param("p", Some("1\r\nX: y"));
        let text = hostile.to_string();
        assert_eq!(addr(&text).uri.as_str(), "sip:a@h");
        assert!(!text.contains('\n') && hostile.params().is_empty(), "{text}");
        assert!(UriBuf::parse("sip:a@h>\r\nX: y").is_err());
    }
}
