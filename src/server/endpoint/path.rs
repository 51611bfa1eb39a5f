//! The path of a request with values in it: `/customers?phone={caller}`, percent-encoded (RFC 3986).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// A path with places for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

impl PathTemplate {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<PathTemplate, &'static str> {
        if !text.starts_with('/') {
            return Err("a path begins with `/`");
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("`{` without `}`")?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if name.is_empty() || !name.bytes().all(plain) {
                return Err("in braces stands the name of a variable");
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Value(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        // What may stand in a path or a query besides values.
        let good = |b: u8| b.is_ascii_graphic() && !br#""<>\^`{|}#"#.contains(&b);
        let texts = parts
            .iter()
            .filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
        for text in texts {
            if !text.bytes().all(good) {
                return Err("write what is no plain letter percent-encoded: %20");
            }
        }
        Ok(PathTemplate(parts))
    }

    /// Names of the values that it needs.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let name =
            |part: &Part| if let Part::Value(name) = part { Some(name.clone()) } else { None };
        self.0.iter().filter_map(name).collect()
    }

    /// The path with a letter for each value, to see whether it makes an address.
    pub(crate) fn example(&self) -> String {
        let names = self.names().into_iter();
        let values = names.map(|name| (Arc::from(name), Arc::from("x"))).collect();
        self.fill(&values).expect("every name has its value")
    }

    /// The path with these values; `None` when one of them is missing or empty.
    pub(super) fn fill(&self, values: &BTreeMap<Arc<str>, Arc<str>>) -> Option<String> {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Value(name) => {
                    let value = values.get(name.as_str()).filter(|value| !value.is_empty())?;
                    encode(&mut path, value);
                }
            }
        }
        Some(path)
    }
}

/// All but unreserved characters (RFC 3986 §2.3) as octets of UTF-8.
fn encode(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(list: &[(&str, &str)]) -> BTreeMap<Arc<str>, Arc<str>> {
        list.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
    }

    #[test]
    fn values_can_not_leave_their_place() {
        let path = PathTemplate::parse("/c/{id}/cards?phone={caller}&x=1").unwrap();
        assert_eq!(path.names(), BTreeSet::from(["caller".to_owned(), "id".to_owned()]));
        let filled = path.fill(&values(&[("id", "../a?b#c&d é"), ("caller", "+7701")]));
        assert_eq!(filled.unwrap(), "/c/..%2Fa%3Fb%23c%26d%20%C3%A9/cards?phone=%2B7701&x=1");
    }

    #[test]
    fn without_a_value_there_is_nothing_to_ask() {
        let path = PathTemplate::parse("/c?phone={caller}").unwrap();
        assert_eq!(path.fill(&values(&[("caller", "")])), None);
        assert_eq!(path.fill(&values(&[])), None);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for wrong in ["", "customers", "/a{", "/a{}", "/{a b}", "/a b", "/ы", "/a}", "/a#b"] {
            assert!(PathTemplate::parse(wrong).is_err(), "{wrong}");
        }
        assert!(PathTemplate::parse("/a%20b/{c-d_1}?x=[1]&y=~").is_ok());
    }
}
