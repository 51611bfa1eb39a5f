//! URIs: `sip`, `sips` and `tel` understood, every other scheme kept as it stands (RFC 3261 §19.1, RFC 3966, RFC 5118).
//!
//! Parsing only marks the parts; percent escapes are resolved when a part is asked for by meaning.

use super::text::Malformed;
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes that may stand anywhere in a URI: no white space, controls, quotes or angle brackets.
static IN_URI: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte <= b' ' as usize {
        table[byte] = false;
        byte += 1;
    }
    table[0x7f] = false;
    table[b'<' as usize] = false;
    table[b'>' as usize] = false;
    table[b'"' as usize] = false;
    table
};

/// What stands before the first colon of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel` (RFC 3966)
    Tel,
    /// Anything else, as written.
    Other(&'a str),
}

/// A host: a name, an IPv4 address, or an IPv6 address (in brackets on the wire).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host<'a> {
    /// A domain name as written; compare with [`Host::same`].
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host: an IPv6 reference in brackets, an IPv4 address, or a name of letters, digits, `-`, `.`, `_`.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(Malformed("unclosed IPv6 reference"))?;
            return inner.parse().map(Host::V6).map_err(|_| Malformed("bad IPv6 address"));
        }
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(Malformed("empty host"));
        }
        if bytes[0].is_ascii_digit()
            && let Ok(address) = text.parse()
        {
            return Ok(Host::V4(address));
        }
        if !bytes.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
            return Err(Malformed("bad character in host"));
        }
        Ok(Host::Name(text))
    }

    /// The address, when the host is one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(address)),
            Host::V6(address) => Some(IpAddr::V6(address)),
        }
    }

    /// Whether both name the same host; names are compared without regard to case.
    pub fn same(self, other: Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::V4(a), Host::V4(b)) => a == b,
            (Host::V6(a), Host::V6(b)) => a == b,
            (Host::Name(_) | Host::V4(_) | Host::V6(_), _) => false,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => write!(f, "{address}"),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// `host[:port]` with white space allowed around the colon, as Via's sent-by has it.
pub(crate) fn host_port(text: &str) -> Result<(Host<'_>, Option<u16>), Malformed> {
    let text = text.trim();
    let after_host = match text.strip_prefix('[') {
        Some(_) => text.find(']').ok_or(Malformed("unclosed IPv6 reference"))? + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let host = Host::parse(text[..after_host].trim_end())?;
    let rest = text[after_host..].trim_start();
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or(Malformed("junk after host"))?.trim_start();
    Ok((host, Some(port(digits)?)))
}

fn port(digits: &str) -> Result<u16, Malformed> {
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed("bad port"));
    }
    digits.parse().map_err(|_| Malformed("bad port"))
}

/// A URI whose parts have been marked. Cheap to copy; borrows the text.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    raw: &'a str,
    scheme: Scheme<'a>,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: Option<Host<'a>>,
    port: Option<u16>,
    params: UriParams<'a>,
    headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads a URI. White space, control characters, quotes and angle brackets are refused everywhere in it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.iter().all(|&b| IN_URI[usize::from(b)]) {
            return Err(Malformed("bad character in URI"));
        }
        let raw = super::text::text(bytes, "URI is not UTF-8")?;
        let colon = raw.find(':').ok_or(Malformed("URI without a scheme"))?;
        let (scheme, rest) = (&raw[..colon], &raw[colon + 1..]);
        if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            || !scheme.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        {
            return Err(Malformed("bad URI scheme"));
        }
        if rest.is_empty() {
            return Err(Malformed("empty URI"));
        }
        if scheme.eq_ignore_ascii_case("sip") {
            Self::parse_sip(raw, Scheme::Sip, rest)
        } else if scheme.eq_ignore_ascii_case("sips") {
            Self::parse_sip(raw, Scheme::Sips, rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            Self::parse_tel(raw, rest)
        } else {
            Ok(Self::bare(raw, Scheme::Other(scheme)))
        }
    }

    fn bare(raw: &'a str, scheme: Scheme<'a>) -> Self {
        let params = UriParams("");
        Self {
            raw,
            scheme,
            user: None,
            password: None,
            host: None,
            port: None,
            params,
            headers: None,
        }
    }

    fn parse_sip(raw: &'a str, scheme: Scheme<'a>, rest: &'a str) -> Result<Self, Malformed> {
        // The user part may hold `;`, `?`, `/` and `,`, but never a bare `@`: so the first `@` decides.
        let (userinfo, rest) = match rest.find('@') {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let (user, password) = match userinfo {
            Some(info) => match info.find(':') {
                Some(colon) => (Some(&info[..colon]), Some(&info[colon + 1..])),
                None => (Some(info), None),
            },
            None => (None, None),
        };
        // Some exchanges write `sip:@host` for a withheld number: no user.
        let user = user.filter(|user| !user.is_empty());
        let (rest, headers) = match rest.find('?') {
            Some(mark) => (&rest[..mark], Some(&rest[mark + 1..])),
            None => (rest, None),
        };
        let (hostport, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        let (host, port) = host_port(hostport)?;
        let params = UriParams::parse(params)?;
        Ok(Self { raw, scheme, user, password, host: Some(host), port, params, headers })
    }

    fn parse_tel(raw: &'a str, rest: &'a str) -> Result<Self, Malformed> {
        let (number, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        if number.is_empty() {
            return Err(Malformed("empty telephone number"));
        }
        let mut uri = Self::bare(raw, Scheme::Tel);
        uri.user = Some(number);
        uri.params = UriParams::parse(params)?;
        Ok(uri)
    }

    /// The whole URI as written.
    pub fn as_str(self) -> &'a str {
        self.raw
    }

    /// The scheme.
    pub fn scheme(self) -> Scheme<'a> {
        self.scheme
    }

    /// Whether the scheme is `sip` or `sips`.
    pub fn is_sip(self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part as written, escapes and all; the number of a `tel` URI.
    pub fn user(self) -> Option<&'a str> {
        self.user
    }

    /// The user part with percent escapes resolved. `%00` becomes a NUL and cuts nothing off.
    pub fn user_unescaped(self) -> Option<Cow<'a, str>> {
        self.user.map(unescape)
    }

    /// The password as written; never to be logged.
    pub fn password(self) -> Option<&'a str> {
        self.password
    }

    /// The host; `None` for `tel` and unknown schemes.
    pub fn host(self) -> Option<Host<'a>> {
        self.host
    }

    /// The port, when one is written.
    pub fn port(self) -> Option<u16> {
        self.port
    }

    /// The URI's own parameters.
    pub fn params(self) -> UriParams<'a> {
        self.params
    }

    /// The text behind `?`, as written. Never to be copied into real headers unseen.
    pub fn headers(self) -> Option<&'a str> {
        self.headers
    }

    /// The URI as written up to the `?`: what may stand in a request line (§19.1.1, table 1).
    pub fn without_headers(self) -> &'a str {
        let headers = self.headers.map_or(0, |headers| headers.len() + 1);
        &self.raw[..self.raw.len() - headers]
    }

    /// Names and values of the headers behind `?`, escapes undone once. A value may then hold any character.
    pub fn header_fields(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let fields = self.headers.unwrap_or_default().split('&').filter(|field| !field.is_empty());
        fields
            .map(|field| field.split_once('=').unwrap_or((field, "")))
            .map(|(name, value)| (unescape(name), unescape(value)))
    }

    /// The `transport` parameter.
    pub fn transport(self) -> Option<&'a str> {
        self.params.value("transport")
    }

    /// Whether this is a loose router's URI (§19.1.1 `lr`).
    pub fn is_loose_router(self) -> bool {
        self.params.has("lr")
    }

    /// The `maddr` parameter.
    pub fn maddr(self) -> Option<Host<'a>> {
        Host::parse(self.params.value("maddr")?).ok()
    }

    /// The comparison of RFC 3261 §19.1.4, for bindings and dialogs; RFC 3966 §4 for `tel`.
    pub fn equivalent(self, other: Uri<'_>) -> bool {
        match (self.scheme, other.scheme) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => self.same_sip(other),
            (Scheme::Tel, Scheme::Tel) => self.same_tel(other),
            (Scheme::Other(_), Scheme::Other(_)) => self.raw == other.raw,
            (Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Other(_), _) => false,
        }
    }

    fn same_sip(self, other: Uri<'_>) -> bool {
        let same_part = |a: Option<&str>, b: Option<&str>| match (a, b) {
            (Some(a), Some(b)) => unescape(a) == unescape(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let same_host = match (self.host, other.host) {
            (Some(a), Some(b)) => a.same(b),
            (None, _) | (_, None) => false,
        };
        same_part(self.user, other.user)
            && same_part(self.password, other.password)
            && same_host
            && self.port == other.port
            && self.params.same(other.params)
            && self.same_headers(other)
    }

    /// URI headers never may be ignored and must be the same set, in any order (§19.1.4).
    fn same_headers(self, other: Uri<'_>) -> bool {
        let sorted = |uri: Uri<'_>| -> Vec<(String, String)> {
            let fields = uri.header_fields();
            let mut fields: Vec<_> =
                fields.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect();
            fields.sort();
            fields
        };
        self.headers == other.headers || sorted(self) == sorted(other)
    }

    fn same_tel(self, other: Uri<'_>) -> bool {
        let digits = |number: &str| -> Vec<u8> {
            let visual = |b: &u8| matches!(b, b'-' | b'.' | b'(' | b')');
            number.bytes().filter(|b| !visual(b)).map(|b| b.to_ascii_lowercase()).collect()
        };
        let (mine, theirs) = (self.user.unwrap_or_default(), other.user.unwrap_or_default());
        digits(mine) == digits(theirs)
            && self.params.all_in(other.params)
            && other.params.all_in(self.params)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw)
    }
}

/// URI parameters `;name[=value]`, checked; names and values may hold percent escapes.
#[derive(Clone, Copy, Debug, Default)]
pub struct UriParams<'a>(&'a str);

/// Parameters whose presence in only one of two URIs makes them differ (§19.1.4 and its examples).
const DECIDING_PARAMS: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl<'a> UriParams<'a> {
    fn parse(text: &'a str) -> Result<Self, Malformed> {
        let params = Self(text);
        if !text.is_empty() && params.iter().any(|(name, _)| name.is_empty()) {
            return Err(Malformed("empty URI parameter"));
        }
        Ok(params)
    }

    /// Names and values as written, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        self.0.split(';').skip(1).map(|param| match param.find('=') {
            Some(at) => (&param[..at], Some(&param[at + 1..])),
            None => (param, None),
        })
    }

    fn find(self, name: &str) -> Option<(&'a str, Option<&'a str>)> {
        self.iter().find(|(found, _)| same_escaped(found, name))
    }

    /// Whether the parameter is there, with or without a value.
    pub fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The parameter's value as written.
    pub fn value(self, name: &str) -> Option<&'a str> {
        self.find(name)?.1
    }

    /// The section as written, leading `;` included.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    fn same(self, other: UriParams<'_>) -> bool {
        let one_way = |a: UriParams<'_>, b: UriParams<'_>| {
            a.iter().all(|(name, value)| match b.find(name) {
                Some((_, theirs)) => {
                    same_escaped(value.unwrap_or_default(), theirs.unwrap_or_default())
                }
                None => !DECIDING_PARAMS.iter().any(|decides| same_escaped(name, decides)),
            })
        };
        one_way(self, other) && one_way(other, self)
    }

    fn all_in(self, other: UriParams<'_>) -> bool {
        self.iter().all(|(name, value)| match other.find(name) {
            Some((_, theirs)) => {
                same_escaped(value.unwrap_or_default(), theirs.unwrap_or_default())
            }
            None => false,
        })
    }
}

fn same_escaped(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || unescape(a).eq_ignore_ascii_case(&unescape(b))
}

/// Resolves `%HH`; anything else that starts with `%` stays as it is, foreign bytes are replaced.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |b: Option<&u8>| b.and_then(|&b| char::from(b).to_digit(16));
        match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Escapes text for the user part of a SIP URI (§25.1 `user`).
pub fn escape_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A URI that owns its text, for state that outlives the message. Checked when made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UriBuf(String);

impl UriBuf {
    /// Checks the text and keeps it.
    pub fn parse(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        Uri::parse(text.as_bytes())?;
        Ok(Self(text))
    }

    /// The URI with its parts marked.
    pub fn get(&self) -> Uri<'_> {
        Uri::parse(self.0.as_bytes()).expect("the text was checked when the value was made")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uri<'_>> for UriBuf {
    fn from(uri: Uri<'_>) -> Self {
        Self(uri.raw.to_owned())
    }
}

impl fmt::Display for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UriBuf({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn marks_all_parts() {
        let uri = uri("sips:al%69ce:pw@[2001:db8::10]:5061;transport=tcp;lr?Subject=x&Priority=y");
        assert_eq!(uri.scheme(), Scheme::Sips);
        assert_eq!(uri.user(), Some("al%69ce"));
        assert_eq!(uri.user_unescaped().as_deref(), Some("alice"));
        assert_eq!(uri.password(), Some("pw"));
        assert_eq!(uri.host(), Some(Host::V6("2001:db8::10".parse().unwrap())));
        assert_eq!(uri.port(), Some(5061));
        assert_eq!(uri.transport(), Some("tcp"));
        assert!(uri.is_loose_router());
        assert_eq!(uri.headers(), Some("Subject=x&Priority=y"));
    }

    #[test]
    fn escaped_nul_does_not_cut_the_user() {
        assert_eq!(uri("sip:null-%00-null@h").user_unescaped().as_deref(), Some("null-\0-null"));
    }

    #[test]
    fn refuses_malformed_uris() {
        let bad = [
            "sip:",
            "alice",
            "sip:2001:db8::10",
            "sip:[2001:db8::10",
            "sip:[zz]",
            "sip:a@",
            "sip:@",
            "sip:a@h:",
            "sip:a@h:70000",
            "sip:a@h;;x",
            "<sip:a@h>",
            "sip:a b@h",
            "sip:a@h:5060x",
            "tel:",
            "sip:user@[2001:db8:::192.0.2.1]",
            ":x",
            "1sip:x",
        ];
        for text in bad {
            assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn equivalent_as_rfc_3261_19_1_4_lists() {
        let pairs = [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+7-495-123", "tel:+7495123"),
        ];
        for (a, b) in pairs {
            assert!(uri(a).equivalent(uri(b)) && uri(b).equivalent(uri(a)), "{a} {b}");
        }
    }

    #[test]
    fn different_as_rfc_3261_19_1_4_lists() {
        let pairs = [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@h", "sips:a@h"),
        ];
        for (a, b) in pairs {
            assert!(!uri(a).equivalent(uri(b)) && !uri(b).equivalent(uri(a)), "{a} {b}");
        }
    }
}
