//! The byte-level vocabulary of RFC 3261 §25.1: white space, tokens, quoted strings, comma lists.
//!
//! Folded header lines (§7.3.1) stay folded in the bytes: here CR and LF count as white space, which is safe because
//! the message parser lets a line end into a header value only when white space follows it. Never allocates.

use std::borrow::Cow;

/// What is wrong with one header value, in words fit for a Warning header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// The characters of `token` (§25.1), by byte.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte += 1;
    }
    table
};

pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// Whether the bytes are one non-empty token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

/// White space inside a header value, folded line ends included.
pub(crate) fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_lws(*first) {
            break;
        }
        bytes = rest;
    }
    bytes
}

pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes {
        if !is_lws(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// The bytes as text, or the complaint that they are not.
pub(crate) fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed(what))
}

/// A decimal number of at most ten significant digits; leading zeros are allowed (RFC 4475 §3.1.1.1).
///
/// Signs, white space inside and values above `max` are refused.
pub(crate) fn number(bytes: &[u8], max: u32) -> Result<u32, Malformed> {
    let bytes = trim(bytes);
    if bytes.is_empty() {
        return Err(Malformed("number expected"));
    }
    let mut value: u64 = 0;
    for &b in bytes {
        if !b.is_ascii_digit() {
            return Err(Malformed("not a number"));
        }
        value = value * 10 + u64::from(b - b'0');
        if value > u64::from(max) {
            return Err(Malformed("number too large"));
        }
    }
    u32::try_from(value).map_err(|_| Malformed("number too large"))
}

/// Splits off the leading token; both parts as they stand, the rest untrimmed.
pub(crate) fn split_token(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&b| !is_token_byte(b)).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// With `bytes[open]` being `"`: the index just behind the closing quote, or `None` when it never closes.
pub(crate) fn quoted_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while let Some(&b) = bytes.get(at) {
        match b {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// The first index of `wanted` outside quoted strings; `None` when absent or when a quoted string never closes.
pub(crate) fn find_unquoted(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        if b == wanted {
            return Some(at);
        }
        at = if b == b'"' { quoted_end(bytes, at)? } else { at + 1 };
    }
    None
}

/// A parameter value or display name as a person reads it: quotes off, escapes resolved, folds made spaces,
/// foreign bytes replaced.
pub fn unquoted(raw: &[u8]) -> Cow<'_, str> {
    let raw = trim(raw);
    let inner = match raw {
        [b'"', inner @ .., b'"'] => inner,
        _ => raw,
    };
    if !inner.iter().any(|&b| matches!(b, b'\\' | b'\r' | b'\n')) {
        return String::from_utf8_lossy(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' if raw.len() != inner.len() => out.extend(bytes.next()),
            b'\r' => {}
            b'\n' => out.push(b' '),
            _ => out.push(b),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Items of a comma-separated header value, split outside quoted strings and angle brackets, trimmed.
///
/// Empty items are yielded, so that a typed reader can refuse them; a wholly empty value yields nothing.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Items<'a> {
    /// The items of one header value.
    pub fn of(value: &'a [u8]) -> Self {
        let value = trim(value);
        Self { rest: (!value.is_empty()).then_some(value) }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut at = 0;
        while let Some(hit) = memchr::memchr3(b',', b'"', b'<', &rest[at..]) {
            let mark = at + hit;
            let skipped = match rest[mark] {
                b',' => {
                    self.rest = Some(&rest[mark + 1..]);
                    return Some(trim(&rest[..mark]));
                }
                b'"' => quoted_end(rest, mark),
                _ => memchr::memchr(b'>', &rest[mark..]).map(|close| mark + close + 1),
            };
            // What never closes takes all the rest with it.
            let Some(next) = skipped else { break };
            at = next;
        }
        self.rest = None;
        Some(trim(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(value: &str) -> Vec<&[u8]> {
        Items::of(value.as_bytes()).collect()
    }

    #[test]
    fn lists_split_only_outside_quotes_and_brackets() {
        assert_eq!(items(r#""a,\",b" <sip:x,y@h>, <sip:z@h>"#).len(), 2);
        assert_eq!(items("a,,b"), [b"a".as_slice(), b"", b"b"]);
        assert_eq!(items("  "), Vec::<&[u8]>::new());
        assert_eq!(items("\"open, never closed").len(), 1);
    }

    #[test]
    fn numbers_refuse_signs_and_overflow_and_take_leading_zeros() {
        assert_eq!(number(b" 0068 ", 255), Ok(68));
        assert_eq!(number(b"4294967295", u32::MAX), Ok(u32::MAX));
        for bad in ["-1", "+1", "", "1 2", "4294967296", "99999999999999999999999"] {
            assert!(number(bad.as_bytes(), u32::MAX).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoted_text_is_read_as_a_person_reads_it() {
        assert_eq!(unquoted(br#""J \\\"R""#), r#"J \"R"#);
        assert_eq!(unquoted(b"two\r\n words"), "two  words");
    }
}
