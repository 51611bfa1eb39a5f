//! One value: from TOML or from an environment variable to what its key asks for, or what is wrong with it.

use super::finding::{Place, SourceId, suggest};
use super::keys::Kind;
use dozvon_center::acd::requirement::{LEVEL_DEFAULT, LEVEL_MAX};
use std::net::{IpAddr, SocketAddr};
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

/// The longest text of one value, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

/// A value as its key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number, within the bounds of its key.
    Int(i64),
    /// A text, of the form that its key asks for.
    Text(String),
    /// Words, each of the form that its key asks for, and where each stands.
    List(Vec<(String, Place)>),
    /// Skills with their levels, and where each stands.
    Levels(Vec<(String, u8, Place)>),
}

impl Value {
    /// As it would stand in a file.
    pub(super) fn as_toml(&self) -> String {
        match self {
            Value::Bool(yes) => yes.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => quoted(text),
            Value::List(list) => {
                let words: Vec<_> = list.iter().map(|(word, _)| quoted(word)).collect();
                format!("[{}]", words.join(", "))
            }
            Value::Levels(list) => {
                let each =
                    |(skill, level, _): &(String, u8, _)| format!("{} = {level}", quoted(skill));
                format!("{{ {} }}", list.iter().map(each).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What is wrong with a value, where, and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) cure: String,
}

/// A message and its cure, before their place is known.
type Fault = (String, String);

fn fault(message: impl Into<String>, cure: impl Into<String>) -> Fault {
    (message.into(), cure.into())
}

/// What stands in a file.
pub(super) fn from_toml(
    kind: Kind,
    value: &Spanned<DeValue<'_>>,
    source: SourceId,
) -> Result<Value, Wrong> {
    let place = Place { source, span: value.span() };
    let wrong = |(message, cure): Fault| Wrong { place: place.clone(), message, cure };
    let raw = value.get_ref();
    match shape(kind) {
        Shape::Bool => match raw.as_bool() {
            Some(yes) => Ok(Value::Bool(yes)),
            None => Err(wrong(unlike(raw, "true or false"))),
        },
        Shape::Int => match raw.as_integer().and_then(integer) {
            Some(number) => within(kind, number).map(Value::Int).map_err(wrong),
            None => Err(wrong(unlike(raw, "a whole number without quotes"))),
        },
        Shape::Text => match raw.as_str() {
            Some(text) => word(kind, text).map_err(wrong).map(|()| Value::Text(text.to_owned())),
            None => Err(wrong(unlike(raw, "a text in double quotes"))),
        },
        Shape::Levels => levels(kind, value, source).map(Value::Levels),
        Shape::List => {
            let list = "a list of texts: [\"…\", \"…\"]";
            let array = raw.as_array().ok_or_else(|| wrong(unlike(raw, list)))?;
            let mut words = Vec::new();
            for item in array.iter() {
                let place = Place { source, span: item.span() };
                let wrong = |(message, cure): Fault| Wrong { place: place.clone(), message, cure };
                let text =
                    item.get_ref().as_str().ok_or_else(|| wrong(unlike(item.get_ref(), list)))?;
                word(kind, text).map_err(wrong)?;
                words.push((text.to_owned(), place));
            }
            Ok(Value::List(words))
        }
    }
}

/// What stands in an environment variable; words of lists are parted by commas.
pub(super) fn from_text(kind: Kind, text: &str, place: &Place) -> Result<Value, Wrong> {
    let wrong = |(message, cure): Fault| Wrong { place: place.clone(), message, cure };
    match shape(kind) {
        Shape::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong(fault(format!("`{text}` is no yes or no"), "say true or false"))),
        },
        Shape::Int => match text.parse() {
            Ok(number) => within(kind, number).map(Value::Int).map_err(wrong),
            Err(_) => Err(wrong(fault(format!("`{text}` is no whole number"), range_cure(kind)))),
        },
        Shape::Text => word(kind, text).map_err(wrong).map(|()| Value::Text(text.to_owned())),
        Shape::Levels => Err(wrong(fault("skills can't be said here", "say them in agents.toml"))),
        Shape::List => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let mut list = Vec::new();
            for text in words {
                word(kind, text).map_err(wrong)?;
                list.push((text.to_owned(), place.clone()));
            }
            Ok(Value::List(list))
        }
    }
}

/// How a value of some kind is written.
enum Shape {
    Bool,
    Int,
    Text,
    List,
    Levels,
}

fn shape(kind: Kind) -> Shape {
    match kind {
        Kind::Bool => Shape::Bool,
        Kind::Int(..) => Shape::Int,
        Kind::Text
        | Kind::Name
        | Kind::Path
        | Kind::EnvVar
        | Kind::Address
        | Kind::Socket
        | Kind::Choice(_)
        | Kind::SipUri
        | Kind::Hex(_) => Shape::Text,
        Kind::Sockets
        | Kind::Networks
        | Kind::Names
        | Kind::Patterns
        | Kind::Dials
        | Kind::Choices(_) => Shape::List,
        Kind::Skills => Shape::Levels,
    }
}

/// `["cards"]`, each at the default level, or `{ cards = 2, loans = 1 }`.
fn levels(
    kind: Kind,
    value: &Spanned<DeValue<'_>>,
    source: SourceId,
) -> Result<Vec<(String, u8, Place)>, Wrong> {
    let form = "a list like [\"cards\"], or levels from 1 to 100 like { cards = 2 }";
    let at = |span| Place { source, span };
    let wrong = |place: Place, (message, cure): Fault| Wrong { place, message, cure };
    let mut skills = Vec::new();
    if let Some(table) = value.get_ref().as_table() {
        for (name, level) in table {
            let (skill, place) = (name.get_ref().as_ref(), at(name.span()));
            word(kind, skill).map_err(|fault| wrong(place.clone(), fault))?;
            let number = level.get_ref().as_integer().and_then(integer);
            let Some(number) = number else {
                return Err(wrong(at(level.span()), unlike(level.get_ref(), form)));
            };
            let known = u8::try_from(number).ok().filter(|level| (1..=LEVEL_MAX).contains(level));
            let Some(number) = known else {
                let cure = format!("choose from 1 to {LEVEL_MAX}");
                let told = fault(format!("level {number} is out of range"), cure);
                return Err(wrong(at(level.span()), told));
            };
            skills.push((skill.to_owned(), number, place));
        }
        return Ok(skills);
    }
    let list = value.get_ref().as_array();
    let list = list.ok_or_else(|| wrong(at(value.span()), unlike(value.get_ref(), form)))?;
    for item in list.iter() {
        let place = at(item.span());
        let text = item.get_ref().as_str();
        let text = text.ok_or_else(|| wrong(place.clone(), unlike(item.get_ref(), form)))?;
        word(kind, text).map_err(|fault| wrong(place.clone(), fault))?;
        skills.push((text.to_owned(), LEVEL_DEFAULT, place));
    }
    Ok(skills)
}

fn unlike(raw: &DeValue<'_>, wanted: &str) -> Fault {
    let article = if raw.type_str().starts_with(['a', 'i']) { "an" } else { "a" };
    fault(format!("this is {article} {}", raw.type_str()), format!("write {wanted}"))
}

fn integer(raw: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(raw.as_str(), raw.radix()).ok()
}

fn within(kind: Kind, number: i64) -> Result<i64, Fault> {
    if let Kind::Int(min, max) = kind
        && (min..=max).contains(&number)
    {
        return Ok(number);
    }
    Err(fault(format!("{number} is out of range"), range_cure(kind)))
}

fn range_cure(kind: Kind) -> String {
    let Kind::Int(min, max) = kind else { return String::new() };
    format!("choose from {min} to {max}")
}

/// Checks one word of a text or list.
fn word(kind: Kind, text: &str) -> Result<(), Fault> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(fault(
            format!("{} bytes are too much", text.len()),
            format!("at most {TEXT_BYTES_MAX}"),
        ));
    }
    if text.contains(|c: char| c.is_control()) {
        return Err(fault(
            "there is a control character in it",
            "write it on one line, without tabs",
        ));
    }
    match kind {
        Kind::Bool | Kind::Int(..) | Kind::Text | Kind::Path => Ok(()),
        Kind::Name | Kind::Names | Kind::Skills => name(text),
        Kind::Patterns => pattern(text),
        Kind::EnvVar if text.is_empty() => Ok(()),
        Kind::EnvVar => environment_name(text),
        Kind::Address if text.is_empty() || text == "auto" => Ok(()),
        Kind::Address => {
            parsed::<IpAddr>(text, "IP address", "write it like 192.0.2.7 or 2001:db8::7")
        }
        Kind::Socket if text.is_empty() => Ok(()),
        Kind::Socket | Kind::Sockets => parsed::<SocketAddr>(
            text,
            "address with a port",
            "write it like 0.0.0.0:5060 or [::]:5060",
        ),
        Kind::Networks => match dozvon_switch::network::parse_network(text) {
            Ok(_) => Ok(()),
            Err(message) => Err(fault(message, "addresses like 203.0.113.7 are networks of one")),
        },
        Kind::Dials => dial(text),
        Kind::Choice(words) | Kind::Choices(words) => match words.contains(&text) {
            true => Ok(()),
            false => Err(fault(
                format!("there is no `{text}`"),
                suggest(text, "word", words.iter().copied()),
            )),
        },
        Kind::SipUri => sip_uri(text),
        Kind::Hex(digits) => {
            match text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()) {
                true => Ok(()),
                false => Err(fault(
                    format!("this is no hash of {digits} hexadecimal digits"),
                    "print it with `dozvon agent-password --hashes USER`",
                )),
            }
        }
    }
}

fn parsed<T: std::str::FromStr>(text: &str, what: &str, cure: &str) -> Result<(), Fault> {
    match text.parse::<T>() {
        Ok(_) => Ok(()),
        Err(_) => Err(fault(format!("`{text}` is no {what}"), cure)),
    }
}

fn name(text: &str) -> Result<(), Fault> {
    const NAME_CHARS_MAX: usize = 64;
    let good = |c: char| c.is_alphanumeric() || "-_.:+".contains(c);
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || !text.chars().all(good) {
        let cure = format!("1 to {NAME_CHARS_MAX} letters, digits and - _ . : +");
        return Err(fault(format!("`{text}` is no name"), cure));
    }
    Ok(())
}

fn pattern(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_*".contains(c);
    match !text.is_empty() && text.chars().all(good) {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no pattern of names"),
            "small letters, digits, _ and * for any of them",
        )),
    }
}

fn environment_name(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !text.is_empty() && text.chars().all(good) {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no name of an environment variable"),
            "letters, digits and _, like ANNA_PASSWORD; the value itself does not belong here",
        )),
    }
}

/// Checks a number that can be dialled.
pub(super) fn dial(text: &str) -> Result<(), Fault> {
    const DIAL_CHARS_MAX: usize = 64;
    let good = |c: char| c.is_ascii_alphanumeric() || "+*#-_.".contains(c);
    if text.is_empty() || text.len() > DIAL_CHARS_MAX || !text.chars().all(good) {
        let cure = "the user part of the address alone, like \"100\", \"+77273000000\" or \"*2\"";
        return Err(fault(format!("`{text}` can't be dialled"), cure));
    }
    Ok(())
}

fn sip_uri(text: &str) -> Result<(), Fault> {
    let cure = "write it like sip:bot@192.0.2.7:5060 or \"sip:bot@192.0.2.7;transport=tcp\"";
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("sips:") {
        return Err(fault(
            "`sips:` needs TLS, which isn't there yet",
            "use sip: in a network that you trust",
        ));
    }
    if !lower.starts_with("sip:") {
        return Err(fault(format!("`{text}` is no SIP URI"), cure));
    }
    match dozvon_sip::message::Uri::parse(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(error) => Err(fault(format!("`{text}` is no SIP URI: {error}"), cure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::finding::Findings;

    fn check(kind: Kind, text: &str) -> Result<Value, String> {
        let place = Findings::default().file("x");
        from_text(kind, text, &place).map_err(|wrong| wrong.message)
    }

    #[test]
    fn good_values_pass_and_bad_ones_are_named() {
        for (kind, good, bad) in [
            (Kind::Bool, "true", "yes"),
            (Kind::Int(1, 5), "5", "6"),
            (Kind::Name, "lang:ru", "two words"),
            (Kind::EnvVar, "ANNA_PASSWORD", "se-cret"),
            (Kind::Address, "auto", "localhost"),
            (Kind::Socket, "[::1]:8080", "8080"),
            (Kind::Sockets, "0.0.0.0:5060,[::]:5060", "0.0.0.0"),
            (Kind::Networks, "10.0.0.0/8, ::1", "10.0.0.0/33"),
            (Kind::Dials, "100,+7727", "1 00"),
            (Kind::Choice(&["a", "b"]), "b", "c"),
            (Kind::SipUri, "sip:bot@127.0.0.1:5090;transport=tcp", "bot@127.0.0.1"),
            (Kind::SipUri, "sip:127.0.0.1", "sips:bot@127.0.0.1"),
            (Kind::SipUri, "sip:bot@[::1]:5060", "sip:bot@127.0.0.1:port"),
            (Kind::Hex(4), "00fF", "00f"),
        ] {
            assert!(check(kind, good).is_ok(), "{kind:?} {good}: {:?}", check(kind, good));
            assert!(check(kind, bad).is_err(), "{kind:?} {bad}");
        }
    }

    #[test]
    fn a_value_is_shown_as_it_is_written() {
        for (kind, text, toml) in [
            (Kind::Names, "a,b", r#"["a", "b"]"#),
            (Kind::Text, r#"a"b\c"#, r#""a\"b\\c""#),
            (Kind::Int(0, 9), "7", "7"),
        ] {
            assert_eq!(check(kind, text).unwrap().as_toml(), toml);
        }
    }
}
