//! What a REFER carries beside the usual: Refer-To with the headers inside its URI (RFC 3515 §2.1, RFC 3261 §19.1.1).
//!
//! Of the headers inside a URI only Replaces is looked at; none becomes a header of ours unseen (§19.1.5).

use super::check::Refusal;
use super::headers::{NameAddr, Replaces};
use super::name::HeaderName;
use super::parse::Message;
use super::uri::{Scheme, Uri};
use crate::limits::REPLACES_BYTES_MAX;

/// Where a REFER points, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferTo {
    /// The display name, unescaped; empty when there is none.
    pub display: String,
    /// The URI without its headers and without `method=INVITE`: fit for a Request-URI.
    pub uri: String,
    /// The Replaces inside the URI, escapes undone: reads as [`Replaces`].
    pub replaces: Option<String>,
}

impl ReferTo {
    /// Reads a Refer-To value. What cannot be followed comes back with the status to refuse it with: 400 for what is
    /// malformed, 416 for schemes that are not `sip`, `sips` or `tel`, 501 for other methods than INVITE.
    pub fn parse(value: &[u8]) -> Result<ReferTo, Refusal> {
        let address = NameAddr::parse(value).map_err(|_| bad("Refer-To is malformed"))?;
        let uri = address.uri;
        match uri.scheme() {
            Scheme::Sip | Scheme::Sips => {}
            Scheme::Tel if !uri.as_str().contains('?') => {}
            Scheme::Tel => return Err(bad("A tel URI in Refer-To has no headers")),
            Scheme::Other(_) => {
                let text = "Refer-To may be a sip, sips or tel URI";
                return Err(Refusal { status: 416, text });
            }
        }
        let mut methods = uri.params().iter().filter(|(name, _)| is_method(name));
        if methods.any(|(_, value)| value.is_none_or(|value| super::unescape(value) != "INVITE")) {
            return Err(Refusal { status: 501, text: "Only calls can be referred" });
        }
        let display = address.display_text().unwrap_or_default();
        Ok(ReferTo {
            display: display.chars().filter(|c| !c.is_control()).collect(),
            uri: bare(uri),
            replaces: replaces_in(uri)?,
        })
    }
}

impl Message<'_> {
    /// Refer-To, taken apart; the refusal says why it cannot be followed.
    pub fn refer_to(&self) -> Option<Result<ReferTo, Refusal>> {
        self.value(HeaderName::ReferTo).map(ReferTo::parse)
    }
}

const fn bad(text: &'static str) -> Refusal {
    Refusal { status: 400, text }
}

fn is_method(name: &str) -> bool {
    super::unescape(name).eq_ignore_ascii_case("method")
}

/// The URI without headers and without the `method` parameter, which no Request-URI may have (§19.1.1, table 1).
fn bare(uri: Uri<'_>) -> String {
    let params = uri.params();
    let whole = uri.without_headers();
    let mut bare = whole[..whole.len() - params.as_str().len()].to_string();
    for (name, value) in params.iter().filter(|(name, _)| !is_method(name)) {
        bare.push_str(&format!(";{name}"));
        if let Some(value) = value {
            bare.push_str(&format!("={value}"));
        }
    }
    bare
}

/// The one Replaces among the headers of a URI.
fn replaces_in(uri: Uri<'_>) -> Result<Option<String>, Refusal> {
    let mut found = uri.header_fields().filter(|(name, _)| name.eq_ignore_ascii_case("Replaces"));
    let Some((_, value)) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(bad("Refer-To names two calls to replace"));
    }
    if value.len() > REPLACES_BYTES_MAX || Replaces::parse(value.as_bytes()).is_err() {
        return Err(bad("Replaces in Refer-To is malformed"));
    }
    Ok(Some(value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<ReferTo, u16> {
        ReferTo::parse(value.as_bytes()).map_err(|refusal| refusal.status)
    }

    #[test]
    fn the_uri_is_freed_of_what_no_request_uri_may_have() {
        for (value, uri) in [
            ("<sip:200@h>", "sip:200@h"),
            ("sip:200@h;x=1", "sip:200@h"),
            (
                "<sip:200@h:5070;user=phone;method=INVITE;lr?Subject=x&Call-Info=y>",
                "sip:200@h:5070;user=phone;lr",
            ),
            ("<sip:200@h;%6dethod=INVITE?>", "sip:200@h"),
            ("<tel:+3215;isub=1>", "tel:+3215;isub=1"),
            (
                "<sips:a%40b@[2001:db8::1]?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>",
                "sips:a%40b@[2001:db8::1]",
            ),
        ] {
            assert_eq!(read(value).map(|to| to.uri).as_deref(), Ok(uri), "{value}");
        }
        assert_eq!(read("\"A \\\"B\\\"\" <sip:a@h>").unwrap().display, "A \"B\"");
    }

    #[test]
    fn replaces_is_unescaped_once() {
        let call =
            "<sip:x@h?Require=replaces&replaces=12%40h%3Bto-tag%3D7743%3Bfrom-tag%3D6472%253B>";
        assert_eq!(
            read(call).unwrap().replaces.as_deref(),
            Some("12@h;to-tag=7743;from-tag=6472%3B")
        );
    }

    #[test]
    fn what_cannot_be_followed_gets_its_status() {
        let escaped = |value: &str| format!("<sip:x@h?Replaces={value}>");
        let long =
            escaped(&format!("{}%3Bto-tag%3D1%3Bfrom-tag%3D2", "c".repeat(REPLACES_BYTES_MAX)));
        for (value, status) in [
            ("", 400),
            ("<sip:200@h", 400),
            ("<sip:200@h>, <sip:201@h>", 400),
            ("sip:200@h, sip:201@h", 400),
            ("sip:x@h?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2", 400),
            ("<sip:>", 400),
            ("<tel:+1?Replaces=a>", 400),
            ("<http://h/>", 416),
            ("<urn:service:sos>", 416),
            ("<sip:x@h;method=BYE>", 501),
            ("<sip:x@h;method=INVITE;method=SUBSCRIBE>", 501),
            ("<sip:x@h;method>", 501),
            (&escaped("a"), 400),
            (&escaped(""), 400),
            (&escaped("a%3Bto-tag%3D1"), 400),
            (&escaped("a%3Bto-tag%3D1%3Bto-tag%3D2%3Bfrom-tag%3D3"), 400),
            (&escaped("a%20b%3Bto-tag%3D1%3Bfrom-tag%3D2"), 400),
            (&escaped("a%0D%0AEvil:1%3Bto-tag%3D1%3Bfrom-tag%3D2"), 400),
            (&escaped("a%3Bto-tag%3D1%3Bfrom-tag%3D2%0D%0AEvil:%201"), 400),
            (&escaped("a%00%3Bto-tag%3D1%3Bfrom-tag%3D2"), 400),
            (&escaped("a%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=b%3Bto-tag%3D1%3Bfrom-tag%3D2"), 400),
            (&long, 400),
        ] {
            assert_eq!(read(value), Err(status), "{value}");
        }
    }
}
