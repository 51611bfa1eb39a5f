//! Header parameters `;name=value` (RFC 3261 §7.3.1 `generic-param`): checked once, then read without copying.

use super::text::{self, Malformed, quoted_end, trim, trim_start};
use std::borrow::Cow;

/// One parameter: its name, and its value as it stands on the wire (quotes on) if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as written; compare without regard to case.
    pub name: &'a str,
    /// The raw value; see [`text::unquoted`].
    pub value: Option<&'a [u8]>,
}

/// A checked parameter section: empty, or `;name[=value]` repeated with white space anywhere between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// Checks a parameter section. Empty parameters, names that are no tokens, white space inside a value and
    /// unclosed quotes are refused.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let bytes = trim(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = split_one(rest)?.1;
        }
        Ok(Self(bytes))
    }

    /// The parameters in their order.
    pub fn iter(self) -> impl Iterator<Item = Param<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            // The section was checked when it was made, so an error here is only its end.
            let (param, after) = split_one(rest).ok()?;
            rest = after;
            Some(param)
        })
    }

    /// The first parameter of that name, in any case.
    pub fn get(self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// Whether the parameter is there, with or without a value.
    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The raw value of the first parameter of that name as text; `None` when absent, valueless or not UTF-8.
    pub fn value(self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get(name)?.value?).ok()
    }

    /// The value as a person reads it, quotes and escapes resolved.
    pub fn unquoted(self, name: &str) -> Option<Cow<'a, str>> {
        Some(text::unquoted(self.get(name)?.value?))
    }

    /// The section as it stands on the wire, trimmed.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// How often the name occurs; more than once is a defect for `tag` and `branch`.
    pub(crate) fn count(self, name: &str) -> usize {
        self.iter().filter(|param| param.name.eq_ignore_ascii_case(name)).count()
    }
}

/// Takes `;name[=value]` off the front.
fn split_one(bytes: &[u8]) -> Result<(Param<'_>, &[u8]), Malformed> {
    let [b';', rest @ ..] = trim_start(bytes) else {
        return Err(Malformed("semicolon expected before parameter"));
    };
    let (name, rest) = text::split_token(trim_start(rest));
    if name.is_empty() {
        return Err(Malformed("empty or malformed parameter"));
    }
    let name = text::text(name, "parameter name")?;
    let rest = trim_start(rest);
    let [b'=', rest @ ..] = rest else {
        return Ok((Param { name, value: None }, rest));
    };
    let rest = trim_start(rest);
    let end = match rest.first() {
        Some(b'"') => quoted_end(rest, 0).ok_or(Malformed("unterminated quoted string"))?,
        _ => rest.iter().position(|&b| b == b';' || text::is_lws(b)).unwrap_or(rest.len()),
    };
    let (value, rest) = rest.split_at(end);
    if value.is_empty() {
        return Err(Malformed("empty parameter value"));
    }
    if value[0] != b'"' && value.iter().any(|&b| matches!(b, b',' | b'<' | b'>' | b'"')) {
        return Err(Malformed("separator in parameter value"));
    }
    Ok((Param { name, value: Some(value) }, trim_start(rest)))
}

/// Whether a parameter may be written with this name and value as they stand: it reads back as that one parameter.
pub(crate) fn is_writable(name: &str, value: &str) -> bool {
    let text = format!(";{name}={value}");
    let Ok(params) = Params::parse(text.as_bytes()) else { return false };
    let mut read = params.iter();
    let same = |param: Param<'_>| param.name == name && param.value == Some(value.as_bytes());
    read.next().is_some_and(same) && read.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_values_with_white_space_and_quotes_around() {
        let params =
            Params::parse(b" ;  tag\t= 98asjd8 ;lr; q=\"a;b\\\"c\" ;received=[::1]").unwrap();
        assert_eq!(params.value("TAG"), Some("98asjd8"));
        assert!(params.has("lr") && params.value("lr").is_none());
        assert_eq!(params.unquoted("q").as_deref(), Some("a;b\"c"));
        assert_eq!(params.value("received"), Some("[::1]"));
        assert_eq!(params.iter().count(), 4);
    }

    #[test]
    fn refuses_what_is_no_parameter() {
        for bad in [";;", ";", ";a=", "a=b", ";a=b c", ";a=\"open", ";a=b,c", ";=x", ";a=<b>"] {
            assert!(Params::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
