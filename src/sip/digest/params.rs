//! `Digest name=value, name="value"`: the parameter list of challenges and credentials (RFC 7616 §3.3, §3.4).

/// Parameters of one value, in order; names are unique.
pub(super) struct AuthParams<'a>(Vec<(&'a str, &'a str)>);

/// More parameters than any of these headers has in practice; beyond, the value is refused.
const PARAMS_MAX: usize = 24;

impl<'a> AuthParams<'a> {
    /// Reads a value of the Digest scheme; `None` for other schemes, doubled names, and what cannot be read.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim_start();
        let (scheme, rest) = text.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case("Digest") || !rest.starts_with([' ', '\t', '\r', '\n']) {
            return None;
        }
        let mut params: Vec<(&str, &str)> = Vec::with_capacity(PARAMS_MAX);
        let mut rest = rest.trim_start();
        while !rest.is_empty() {
            let (name, value, after) = split_one(rest)?;
            if params.len() == PARAMS_MAX || params.iter().any(|p| p.0.eq_ignore_ascii_case(name)) {
                return None;
            }
            params.push((name, value));
            rest = match after.trim_start().strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.trim_start().is_empty() => "",
                None => return None,
            };
        }
        Some(Self(params))
    }

    /// The value of that name without its quotes, escapes left as they are: that is what both sides hash.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|param| param.0.eq_ignore_ascii_case(name)).map(|param| param.1)
    }
}

/// Takes `name = token` or `name = "text"` off the front.
fn split_one(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let (name, rest) = (name.trim_end(), rest.trim_start());
    if name.is_empty() || name.contains([' ', ',', '"', '\t']) {
        return None;
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find([',', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        let (value, after) = rest.split_at(end);
        return (!value.contains('"')).then_some((name, value, after));
    };
    let bytes = quoted.as_bytes();
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        match b {
            b'"' => return Some((name, &quoted[..at], &quoted[at + 1..])),
            b'\r' | b'\n' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}
