//! Dialogs.

/// The user part of a `sip:`, `sips:` or `tel:` URI, %-escapes undone; empty when there is none.
pub fn uri_user(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once(':') else { return String::new() };
    let user = if scheme.eq_ignore_ascii_case("tel") {
        rest.split(';').next().unwrap_or("")
    } else {
        match rest.split_once('@') {
            Some((user, _)) => user.split(':').next().unwrap_or(""),
            None => "",
        }
    };
    unescape(user)
}

/// Undoes %-escapes; what is not UTF-8 afterwards is replaced, a broken escape stays as it is.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
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
    String::from_utf8_lossy(&out).into_owned()
}
