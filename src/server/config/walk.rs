//! Reads tables of TOML by the table of keys, so that every mistake of a file is found and not only the first.
//!
//! Knows kinds of values and nothing of their meaning; what one file says about another is checked by the readers.

use super::finding::{Findings, Place, SourceId, suggest};
use super::keys::{DOZVON, Fallback, Key, Section};
use super::value::{Value, from_text, from_toml};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody said anything.
    Default,
    /// A file.
    File,
    /// The environment.
    Environment,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The value, of the kind that its key asks for.
    pub(super) value: Value,
    /// Where it stands; for a default, where its table stands.
    pub(super) place: Place,
    /// Who said so.
    pub(super) origin: Origin,
}

/// One table with all its values, defaults included. Keys without default that are not there are not in it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Its header, or the start of the file.
    pub(super) place: Place,
    entries: BTreeMap<&'static str, Entry>,
    /// Keys whose value was wrong: they were meant, and nothing more can be said about them.
    wrong: BTreeSet<&'static str>,
}

impl Table {
    /// The table of a section that nobody wrote.
    pub(super) fn of_defaults(section: &Section, place: &Place) -> Table {
        let mut entries = BTreeMap::new();
        for key in section.keys {
            if let Fallback::Value(text) = key.default {
                let value = default_value(key, text, place);
                entries.insert(
                    key.name,
                    Entry { value, place: place.clone(), origin: Origin::Default },
                );
            }
        }
        Table { place: place.clone(), entries, wrong: BTreeSet::new() }
    }

    /// The entry of a key, if it is there.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Whether somebody set this key, rightly or wrongly.
    pub(super) fn says(&self, key: &str) -> bool {
        let set = self.entry(key).is_some_and(|entry| entry.origin != Origin::Default);
        set || self.wrong.contains(key)
    }

    /// Whether the value of this key was wrong, so that its default stands in.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.wrong.contains(key)
    }

    /// Puts a value in the place of what there is.
    pub(super) fn set(&mut self, key: &'static str, entry: Entry) {
        self.entries.insert(key, entry);
    }

    fn get(&self, key: &str) -> &Entry {
        self.entry(key).unwrap_or_else(|| panic!("the table of keys gives `{key}` a default"))
    }

    /// Where the value of a key stands; the table itself when the key isn't there.
    pub(super) fn place(&self, key: &str) -> &Place {
        self.entry(key).map_or(&self.place, |entry| &entry.place)
    }

    /// A whole number.
    pub(super) fn int(&self, key: &str) -> i64 {
        let Value::Int(number) = self.get(key).value else { panic!("`{key}` is no number") };
        number
    }

    /// A whole number whose bounds in the table of keys fit the type.
    pub(super) fn number<T: TryFrom<i64>>(&self, key: &str) -> T {
        let number = self.int(key);
        T::try_from(number)
            .unwrap_or_else(|_| panic!("the bounds of `{key}` keep {number} within its type"))
    }

    /// A time in seconds.
    pub(super) fn secs(&self, key: &str) -> Duration {
        Duration::from_secs(self.number(key))
    }

    /// A time in milliseconds.
    pub(super) fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.number(key))
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key).value, Value::Bool(true))
    }

    /// A text that has a default or must be there.
    pub(super) fn text(&self, key: &str) -> &str {
        self.text_opt(key).unwrap_or("")
    }

    /// A text, when it is there and not empty.
    pub(super) fn text_opt(&self, key: &str) -> Option<&str> {
        match self.entry(key).map(|entry| &entry.value) {
            Some(Value::Text(text)) => Some(text.as_str()).filter(|text| !text.is_empty()),
            None => None,
            Some(Value::Bool(_) | Value::Int(_) | Value::List(_) | Value::Levels(_)) => {
                panic!("`{key}` is no text")
            }
        }
    }

    /// A list of words and where each stands.
    pub(super) fn list(&self, key: &str) -> &[(String, Place)] {
        let Value::List(list) = &self.get(key).value else { panic!("`{key}` is no list") };
        list
    }

    /// Skills with their levels, and where each stands.
    pub(super) fn levels(&self, key: &str) -> &[(String, u8, Place)] {
        let Value::Levels(list) = &self.get(key).value else { panic!("`{key}` has no levels") };
        list
    }
}

fn default_value(key: &Key, text: &str, place: &Place) -> Value {
    let parsed =
        DeValue::parse(text).unwrap_or_else(|error| panic!("default of `{}`: {error}", key.name));
    let value = from_toml(key.kind, &parsed, place.source);
    let mut value =
        value.unwrap_or_else(|wrong| panic!("default of `{}`: {}", key.name, wrong.message));
    if let Value::List(list) = &mut value {
        list.iter_mut().for_each(|(_, word)| *word = place.clone());
    }
    value
}

/// Parses a file; what can't be parsed is noted and the rest is read all the same.
pub(super) fn parse<'t>(
    findings: &mut Findings,
    source: SourceId,
    text: &'t str,
) -> Spanned<DeTable<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let message = format!("this is no TOML: {}", error.message().trim().replace('\n', ", "));
        findings.error(&Place { source, span }, message, syntax_cure(error.message()));
    }
    table
}

fn syntax_cure(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "say it once"
    } else if message.contains("string") || message.contains("quoted") {
        "texts stand in double quotes: name = \"value\""
    } else {
        "write key = value, with texts in double quotes, and headers like [table]"
    }
}

/// Reads one table by its section. A wrong value is noted and its default stands in.
pub(super) fn table(
    findings: &mut Findings,
    section: &Section,
    source: SourceId,
    raw: &DeTable<'_>,
    place: &Place,
) -> Table {
    let mut table = Table::of_defaults(section, place);
    for (name, value) in raw {
        let word = name.get_ref().as_ref();
        let Some(key) = section.key(word) else {
            let at = Place { source, span: name.span() };
            let message = format!("unknown key `{word}` in {}", section.header());
            findings.error(&at, message, where_else(section, word));
            continue;
        };
        match from_toml(key.kind, value, source) {
            Ok(found) => {
                let place = Place { source, span: value.span() };
                table.set(key.name, Entry { value: found, place, origin: Origin::File });
            }
            Err(wrong) => {
                findings.error(&wrong.place, format!("`{word}`: {}", wrong.message), wrong.cure);
                table.wrong.insert(key.name);
            }
        }
    }
    for key in section.keys.iter().filter(|key| key.default == Fallback::Needed) {
        if !table.says(key.name) {
            let message = format!("{} has no `{}`", section.header(), key.name);
            findings.error(place, message, format!("add {} = …: {}", key.name, key.doc));
        }
    }
    table
}

/// The cure for a key that doesn't belong here: the section it belongs to, or the nearest key of this one.
fn where_else(section: &Section, word: &str) -> String {
    let home = DOZVON.iter().find(|other| other.file == section.file && other.key(word).is_some());
    match home {
        Some(other) => format!("it belongs to {}", other.header()),
        None => suggest(word, "key", section.keys.iter().map(|key| key.name)),
    }
}

/// Reads `[[name]]` tables of a file, in its order. Those without the key that tells them apart, the first of the
/// section, are left out.
pub(super) fn tables(
    findings: &mut Findings,
    section: &Section,
    source: SourceId,
    value: &Spanned<DeValue<'_>>,
) -> Vec<Table> {
    let at = Place { source, span: value.span() };
    let Some(array) = value.get_ref().as_array() else {
        let message = format!("`{}` is {} here", section.name, value.get_ref().type_str());
        findings.error(&at, message, format!("write {} for each", section.header()));
        return Vec::new();
    };
    let mut list = Vec::new();
    for item in array.iter() {
        let place = Place { source, span: item.span() };
        match item.get_ref().as_table() {
            Some(raw) => list.push(table(findings, section, source, raw, &place)),
            None => findings.error(
                &place,
                "this is no table",
                format!("write {} for each", section.header()),
            ),
        }
    }
    let identity = section.keys[0].name;
    list.retain(|table| !table.text(identity).is_empty());
    list
}

/// Reads a `[name]` table of a file.
pub(super) fn single(
    findings: &mut Findings,
    section: &Section,
    source: SourceId,
    value: &Spanned<DeValue<'_>>,
) -> Option<Table> {
    let place = Place { source, span: value.span() };
    match value.get_ref().as_table() {
        Some(raw) => Some(table(findings, section, source, raw, &place)),
        None => {
            let message = format!("`{}` is {} here", section.name, value.get_ref().type_str());
            findings.error(
                &place,
                message,
                format!("write {} and its keys below", section.header()),
            );
            None
        }
    }
}

/// Notes a table, or a key outside of all tables, that nobody reads.
pub(super) fn unknown_table(
    findings: &mut Findings,
    place: &Place,
    word: &str,
    sections: &[&'static Section],
) {
    let home = sections.iter().find(|section| section.key(word).is_some());
    let cure = match home {
        Some(section) => format!("it belongs below {}", section.header()),
        None => suggest(word, "table", sections.iter().map(|section| section.name)),
    };
    findings.error(place, format!("unknown table or key `{word}`"), cure);
}

/// Puts the environment over the tables of dozvon.toml: `DOZVON__SIP__REALM=bank` is `realm` of `[sip]`.
pub(super) fn environment(
    findings: &mut Findings,
    tables: &mut BTreeMap<&'static str, Table>,
    variables: &[(String, String)],
) {
    for (name, text) in variables {
        let Some(path) = name.strip_prefix("DOZVON__") else { continue };
        let source = findings.source(name.clone(), text.clone());
        let place = Place { source, span: 0..text.len() };
        let path = path.to_ascii_lowercase();
        let known = path.split_once("__").and_then(|(section, word)| {
            let section = *DOZVON.iter().find(|known| known.name == section)?;
            Some((section, section.key(word)?))
        });
        let Some((section, key)) = known else {
            let names = DOZVON
                .iter()
                .flat_map(|s| s.keys.iter().map(|k| variable(s, k)))
                .collect::<Vec<_>>();
            let cure = suggest(name, "variable", names.iter().map(String::as_str));
            findings.error(&place, format!("no key has the variable `{name}`"), cure);
            continue;
        };
        match from_text(key.kind, text, &place) {
            Ok(value) => {
                let table = tables.get_mut(section.name).expect("every section has its table");
                table.set(key.name, Entry { value, place, origin: Origin::Environment });
            }
            Err(wrong) => {
                findings.error(&wrong.place, format!("`{name}`: {}", wrong.message), wrong.cure)
            }
        }
    }
}

/// The environment variable of a key of dozvon.toml.
pub(super) fn variable(section: &Section, key: &Key) -> String {
    format!("DOZVON__{}__{}", section.name, key.name).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::super::keys::{MEDIA, QUEUE, SIP};
    use super::*;

    fn read(section: &Section, text: &str) -> (Table, Vec<String>) {
        let mut findings = Findings::default();
        let source = findings.source("f.toml", text);
        let raw = parse(&mut findings, source, text);
        let place = Place { source, span: 0..0 };
        let table = table(&mut findings, section, source, raw.get_ref(), &place);
        let told =
            findings.sorted().iter().map(|f| format!("{} ({})", f.message, f.cure)).collect();
        (table, told)
    }

    #[test]
    fn all_mistakes_of_a_table_are_told() {
        let (table, told) =
            read(&MEDIA, "rtp_port_min = 80\nworker = 1\nrealm = 'x'\ncodecs = ['gsm']\n");
        assert_eq!(
            told,
            [
                "`rtp_port_min`: 80 is out of range (choose from 1024 to 65534)",
                "unknown key `worker` in [media] (did you mean `workers`?)",
                "unknown key `realm` in [media] (it belongs to [sip])",
                "`codecs`: there is no `gsm` (there is: g722, opus, pcma, pcmu)",
            ]
        );
        assert_eq!(
            table.int("rtp_port_min"),
            20_000,
            "the default stands in, so that reading goes on"
        );
    }

    #[test]
    fn a_key_that_must_be_there_is_asked_for() {
        let (table, told) = read(&QUEUE, "wrap_up_secs = 10\n");
        assert!(!table.says("name") && table.says("wrap_up_secs"));
        assert!(told[0].starts_with("[[queue]] has no `name`"), "{told:?}");
    }

    #[test]
    fn several_errors_of_syntax_are_told_at_once() {
        let mut findings = Findings::default();
        let text = "a = = 1\nb = 2\nc = [1,,2]\n";
        let source = findings.source("f.toml", text);
        parse(&mut findings, source, text);
        assert!(findings.counts().0 >= 2, "{:?}", findings.sorted());
    }

    #[test]
    fn the_environment_wins_and_is_checked() {
        let mut findings = Findings::default();
        let place = findings.file("dozvon.toml");
        let mut tables = BTreeMap::from([("sip", Table::of_defaults(&SIP, &place))]);
        let variables = [
            ("DOZVON__SIP__REALM", "bank.example"),
            ("DOZVON__SIP__LISTEN_UDP", "127.0.0.1:5070, [::1]:5070"),
            ("DOZVON__SIP__RELM", "x"),
            ("DOZVON__SIP__TCP_IDLE_SECS", "soon"),
            ("PATH", "/bin"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
        environment(&mut findings, &mut tables, &variables);
        let sip = &tables["sip"];
        assert_eq!(sip.text("realm"), "bank.example");
        assert_eq!(sip.list("listen_udp").len(), 2);
        let told: Vec<_> =
            findings.sorted().iter().map(|f| (f.message.clone(), f.cure.clone())).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0].1, "did you mean `DOZVON__SIP__REALM`?");
        assert!(told[1].0.contains("no whole number"), "{told:?}");
    }
}
