//! YAML as a tree that knows where every word stands, and a reader that reports all mistakes instead of the first.
//!
//! A small YAML: one document; maps with words as keys, lists and words; no anchors, aliases or tags, so that a file of
//! a kilobyte can't become a gigabyte. What a word means (`10s`, `true`, `"0"`) is decided where it is read, never
//! guessed. Knows nothing of flows.

use super::diagnostic::{Diagnostic, Spot};
use super::grammar::Shape;
use super::limits::{DIAGNOSTICS_MAX, FILE_BYTES_MAX, YAML_DEPTH_MAX, YAML_VALUES_MAX};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::BTreeMap;
use std::time::Duration;

/// The file can't be read as YAML, or is too large.
pub const Y001: &str = "Y001";
/// A key that nothing reads.
pub const Y002: &str = "Y002";
/// A key that must be there.
pub const Y003: &str = "Y003";
/// A value of the wrong form.
pub const Y004: &str = "Y004";
/// The same key twice.
pub const Y005: &str = "Y005";

/// What the parser says of mistakes that are often made, what that means to people, and the cure.
const MISTAKES: [(&str, &str, &str); 6] = [
    (
        "tab",
        "there is a tab here, or before the next line, where only spaces may be",
        "indent with spaces: YAML knows no tabs there",
    ),
    (
        "did not find expected key",
        "this line is indented differently from its neighbours",
        "indent it as they are; if it is, a bracket or a quote is open above",
    ),
    (
        "invalid indentation in flow construct",
        "a `{` or `[` above is not closed before this line",
        "close it, or indent this line more than the one it belongs to",
    ),
    ("expected ',' or ']'", "a `[` is not closed", "close it, or put a comma between two items"),
    ("expected ',' or '}'", "a `{` is not closed", "close it, or put a comma between two keys"),
    ("in quoted scalar", "a quote is not closed", "close it on its line"),
];

/// A value in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yaml {
    /// What it is.
    pub value: Value,
    /// Where it begins; its length for a word.
    pub spot: Spot,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word, as written. `quoted` tells `"0"` from `0`.
    Word {
        /// Its text without quotes.
        text: String,
        /// Whether it stood in quotes.
        quoted: bool,
    },
    /// A list.
    List(Vec<Yaml>),
    /// A map in the order of the file.
    Map(Vec<(Word, Yaml)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub spot: Spot,
}

impl Yaml {
    fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Word { text, .. } if text.is_empty())
    }

    /// What it is, for messages.
    fn describe(&self) -> String {
        match &self.value {
            Value::Word { .. } if self.is_nothing() => "nothing".to_owned(),
            Value::Word { text, .. } => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}

/// Reads one document. The tree is there whenever the text is YAML at all, even with duplicate keys (first one kept).
pub fn parse(file: &str, text: &str) -> (Option<Yaml>, Vec<Diagnostic>) {
    let mut builder = Builder { file, values: 0, found: Vec::new() };
    if text.len() > FILE_BYTES_MAX {
        let message =
            format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", text.len());
        return (None, vec![Diagnostic::error(Y001, file, Spot::default(), message)]);
    }
    match builder.document(&mut Parser::new_from_str(text)) {
        Ok(tree) => (Some(tree), builder.found),
        Err(fatal) => {
            builder.found.push(fatal);
            (None, builder.found)
        }
    }
}

struct Builder<'a> {
    file: &'a str,
    values: usize,
    found: Vec<Diagnostic>,
}

type Source<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

fn spot(span: Span) -> Spot {
    let (start, end) = (span.start, span.end);
    let one_line = start.line() == end.line();
    let length = if one_line { end.index().saturating_sub(start.index()) } else { 1 };
    Spot {
        line: start.line() as u32,
        column: start.col() as u32 + 1,
        length: length.clamp(1, 10_000) as u32,
    }
}

impl Builder<'_> {
    fn error(&self, spot: Spot, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Y001, self.file, spot, message)
    }

    fn next<'a>(&self, source: &mut Source<'a>) -> Result<(Event<'a>, Span), Diagnostic> {
        match source.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let marker = error.marker();
                let (line, column) = (marker.line() as u32, marker.col() as u32 + 1);
                let spot = Spot { line, column, length: 1 };
                let known = MISTAKES.iter().find(|(theirs, ..)| error.info().contains(theirs));
                Err(match known {
                    Some((_, message, help)) => self.error(spot, *message).help(*help),
                    None => self.error(spot, error.info()),
                })
            }
            None => Err(self.error(Spot::default(), "the file ends in the middle")),
        }
    }

    fn document(&mut self, source: &mut Source<'_>) -> Result<Yaml, Diagnostic> {
        loop {
            let (event, span) = self.next(source)?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(self.error(Spot::default(), "the file is empty"));
                }
                event @ (Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(_)
                | Event::SequenceEnd
                | Event::MappingEnd) => {
                    let tree = self.value(source, event, span, 0)?;
                    self.only_document(source)?;
                    return Ok(tree);
                }
            }
        }
    }

    fn only_document(&mut self, source: &mut Source<'_>) -> Result<(), Diagnostic> {
        loop {
            let (event, span) = self.next(source)?;
            if event == Event::StreamEnd {
                return Ok(());
            }
            if matches!(event, Event::DocumentStart(_)) {
                return Err(self.error(spot(span), "a second document; one file holds one"));
            }
        }
    }

    fn value(
        &mut self,
        source: &mut Source<'_>,
        event: Event<'_>,
        span: Span,
        depth: usize,
    ) -> Result<Yaml, Diagnostic> {
        let spot = spot(span);
        self.values += 1;
        if depth > YAML_DEPTH_MAX {
            return Err(self.error(spot, format!("nested deeper than {YAML_DEPTH_MAX} levels")));
        }
        if self.values > YAML_VALUES_MAX {
            return Err(self.error(spot, format!("more than {YAML_VALUES_MAX} values in one file")));
        }
        let (value, anchor, tagged) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain;
                // The parser writes a missing value as `~`.
                let text = if !quoted && text == "~" { String::new() } else { text.into_owned() };
                (Value::Word { text, quoted }, anchor, tag.is_some())
            }
            Event::SequenceStart(anchor, tag) => (self.list(source, depth)?, anchor, tag.is_some()),
            Event::MappingStart(anchor, tag) => (self.map(source, depth)?, anchor, tag.is_some()),
            Event::Alias(_) => (Value::List(Vec::new()), 1, false),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.error(spot, "this is no value")),
        };
        if anchor != 0 || tagged {
            let message = "anchors (`&`), aliases (`*`) and tags (`!`) are not used here";
            let found = self.error(spot, message).help("write it out, or put it in quotes");
            self.found.push(found);
        }
        Ok(Yaml { value, spot })
    }

    fn list(&mut self, source: &mut Source<'_>, depth: usize) -> Result<Value, Diagnostic> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next(source)?;
            if event == Event::SequenceEnd {
                return Ok(Value::List(items));
            }
            items.push(self.value(source, event, span, depth + 1)?);
        }
    }

    fn map(&mut self, source: &mut Source<'_>, depth: usize) -> Result<Value, Diagnostic> {
        let mut entries: Vec<(Word, Yaml)> = Vec::new();
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            let (event, span) = self.next(source)?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = self.value(source, event, span, depth + 1)?;
            let (event, span) = self.next(source)?;
            let value = self.value(source, event, span, depth + 1)?;
            let Value::Word { text, .. } = key.value else {
                return Err(self.error(key.spot, "a key must be a word"));
            };
            match lines.get(&text) {
                Some(line) => {
                    let message = format!("`{text}` is here for the second time");
                    let found = Diagnostic::error(Y005, self.file, key.spot, message);
                    let help =
                        format!("the first one is in line {line}: rename one, or take it out");
                    self.found.push(found.help(help));
                }
                None => {
                    lines.insert(text.clone(), key.spot.line);
                    entries.push((Word { text, spot: key.spot }, value));
                }
            }
        }
    }
}

/// Reads a tree and keeps every mistake found on the way.
#[derive(Debug)]
pub struct Reader<'a> {
    file: &'a str,
    found: Vec<Diagnostic>,
}

/// The entries of one map.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'t> {
    entries: &'t [(Word, Yaml)],
    /// Where the map, or the word it belongs to, stands.
    pub spot: Spot,
}

impl<'t> Fields<'t> {
    /// The same, with the place of the word it belongs to.
    pub fn at(self, spot: Spot) -> Fields<'t> {
        Fields { spot, ..self }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'t Yaml> {
        self.entries.iter().find(|(word, _)| word.text == key).map(|(_, value)| value)
    }

    /// Where a key itself stands.
    pub fn key_spot(&self, key: &str) -> Option<Spot> {
        self.entries.iter().find(|(word, _)| word.text == key).map(|(word, _)| word.spot)
    }

    /// All entries in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&'t Word, &'t Yaml)> {
        self.entries.iter().map(|(word, value)| (word, value))
    }
}

impl<'a> Reader<'a> {
    /// A reader for this file, beginning with what the parser found.
    pub fn new(file: &'a str, found: Vec<Diagnostic>) -> Reader<'a> {
        Reader { file, found }
    }

    /// The file's name.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Whether an error was found so far.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(Diagnostic::is_error)
    }

    /// Whether more was found than will be told: no more work shall be put into cures.
    pub fn is_full(&self) -> bool {
        self.found.len() > DIAGNOSTICS_MAX
    }

    /// Everything found, in the order of the file, at most [`DIAGNOSTICS_MAX`].
    pub fn finish(self) -> Vec<Diagnostic> {
        sorted(self.file, self.found)
    }

    /// Keeps a finding.
    pub fn push(&mut self, found: Diagnostic) {
        self.found.push(found);
    }

    /// Keeps an error.
    pub fn error(&mut self, code: &'static str, spot: Spot, message: impl Into<String>) {
        self.found.push(Diagnostic::error(code, self.file, spot, message));
    }

    fn wrong(&mut self, yaml: &Yaml, wanted: &str) {
        let message = format!("expected {wanted}, found {}", yaml.describe());
        let found = Diagnostic::error(Y004, self.file, yaml.spot, message);
        self.found.push(match yaml.is_nothing() {
            true => found
                .help("indent what belongs to it more than its name, or write it behind the colon"),
            false => found.help(format!("write {wanted} here")),
        });
    }

    /// A map that has no other keys than these.
    pub fn map<'t>(&mut self, yaml: &'t Yaml, what: &str, keys: &[&str]) -> Option<Fields<'t>> {
        let fields = self.entries(yaml, what)?;
        for (word, _) in fields.entries {
            if !keys.contains(&word.text.as_str()) && !self.is_full() {
                let message = format!("{what} has no key `{}`", word.text);
                let found = Diagnostic::error(Y002, self.file, word.spot, message)
                    .help(format!("its keys are: {}", keys.join(", ")))
                    .nearest(&word.text, keys.iter().copied());
                self.push(found);
            }
        }
        Some(fields)
    }

    /// A map that has no other keys than those of its shape.
    pub(super) fn shape<'t>(&mut self, yaml: &'t Yaml, shape: &Shape) -> Option<Fields<'t>> {
        self.map(yaml, shape.name, &shape.names())
    }

    /// A map with keys of the operator's choice.
    pub fn entries<'t>(&mut self, yaml: &'t Yaml, what: &str) -> Option<Fields<'t>> {
        match &yaml.value {
            Value::Map(entries) => Some(Fields { entries, spot: yaml.spot }),
            Value::Word { .. } | Value::List(_) => {
                self.wrong(yaml, &format!("a map for {what}"));
                None
            }
        }
    }

    /// The value of a key that must be there.
    pub fn need<'t>(&mut self, fields: Fields<'t>, what: &str, key: &str) -> Option<&'t Yaml> {
        self.need_or(Y003, fields, what, key)
    }

    /// The value of a key that must be there by a rule of its own.
    pub fn need_or<'t>(
        &mut self,
        code: &'static str,
        fields: Fields<'t>,
        what: &str,
        key: &str,
    ) -> Option<&'t Yaml> {
        let value = fields.get(key);
        if value.is_none() {
            let message = format!("{what} needs `{key}`");
            let found = Diagnostic::error(code, self.file, fields.spot, message);
            // A rule of its own has a cure of its own.
            self.found.push(match code {
                Y003 => found.help(format!("add `{key}: …` to it")),
                _ => found,
            });
        }
        value
    }

    /// A list.
    pub fn list<'t>(&mut self, yaml: &'t Yaml, what: &str) -> &'t [Yaml] {
        match &yaml.value {
            Value::List(items) => items,
            Value::Word { .. } | Value::Map(_) => {
                self.wrong(yaml, &format!("a list of {what}"));
                &[]
            }
        }
    }

    /// A list, or one item in its place.
    pub fn one_or_list<'t>(&mut self, yaml: &'t Yaml) -> &'t [Yaml] {
        match &yaml.value {
            Value::List(items) => items,
            Value::Word { .. } | Value::Map(_) => std::slice::from_ref(yaml),
        }
    }

    /// A word that is not empty.
    pub fn word<'t>(&mut self, yaml: &'t Yaml, what: &str) -> Option<&'t str> {
        match &yaml.value {
            Value::Word { text, quoted } if !text.is_empty() || *quoted => Some(text),
            Value::Word { .. } | Value::List(_) | Value::Map(_) => {
                self.wrong(yaml, what);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, yaml: &Yaml) -> Option<bool> {
        match &yaml.value {
            Value::Word { text, quoted: false } if text == "true" => Some(true),
            Value::Word { text, quoted: false } if text == "false" => Some(false),
            Value::Word { .. } | Value::List(_) | Value::Map(_) => {
                self.wrong(yaml, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn number(&mut self, yaml: &Yaml, least: i64, most: i64) -> Option<i64> {
        let number = match &yaml.value {
            Value::Word { text, quoted: false } => text.parse().ok(),
            Value::Word { .. } | Value::List(_) | Value::Map(_) => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(yaml, &format!("a whole number from {least} to {most}"));
        }
        number
    }

    /// A duration with its unit: `800ms`, `4s`, `2m`, `1h`; more than zero and at most a day.
    pub fn duration(&mut self, yaml: &Yaml) -> Option<Duration> {
        let duration = match &yaml.value {
            Value::Word { text, .. } => duration(text),
            Value::List(_) | Value::Map(_) => None,
        };
        let day = Duration::from_secs(86_400);
        let duration = duration.filter(|duration| !duration.is_zero() && *duration <= day);
        if duration.is_none() {
            self.wrong(yaml, "a duration with its unit (800ms, 4s, 1.5s, 2m, 1h), at most 24h");
        }
        duration
    }
}

/// A duration as files write it.
pub fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let micros: f64 = match unit {
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        "h" => 3_600e6,
        _ => return None,
    };
    let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = number.parse().ok().filter(|_| plain)?;
    // A week is more than any file means; the bound keeps the cast exact.
    (number * micros <= 604_800e6).then(|| Duration::from_micros((number * micros).round() as u64))
}

/// A duration as files write it: the largest unit that leaves no fraction, else seconds with tenths.
pub fn show(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms >= 60_000 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        _ => format!("{:.1}s", duration.as_secs_f64()),
    }
}

/// Findings in the order of the file, each once, bounded.
pub(crate) fn sorted(file: &str, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by(|a, b| {
        (a.line, a.column, a.code, &a.message).cmp(&(b.line, b.column, b.code, &b.message))
    });
    found.dedup();
    if let Some(more) = found.len().checked_sub(DIAGNOSTICS_MAX).filter(|more| *more > 0) {
        // Errors are kept before warnings, so that a file is never refused without a reason shown.
        found.sort_by_key(|diagnostic| !diagnostic.is_error());
        let refused = found[DIAGNOSTICS_MAX..].iter().any(Diagnostic::is_error);
        found.truncate(DIAGNOSTICS_MAX);
        let message = format!("and {more} more findings");
        let last = if refused { Diagnostic::error } else { Diagnostic::warning };
        found.push(last(Y001, file, Spot::default(), message));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, u32, u32)> {
        let (_, found) = parse("t.yaml", text);
        found.iter().map(|d| (d.code, d.line, d.column)).collect()
    }

    #[test]
    fn every_word_knows_its_place() {
        let (tree, found) = parse("t.yaml", "a: {b: \"0\", ключ: слово}\nc:\n  - d\n");
        assert!(found.is_empty(), "{found:?}");
        let mut reader = Reader::new("t.yaml", found);
        let tree = tree.unwrap();
        let top = reader.map(&tree, "top", &["a", "c"]).unwrap();
        let a = reader.entries(top.get("a").unwrap(), "a").unwrap();
        assert_eq!(a.get("b").unwrap().spot, Spot { line: 1, column: 8, length: 3 });
        assert_eq!(a.get("ключ").unwrap().spot, Spot { line: 1, column: 19, length: 5 });
        assert_eq!(a.key_spot("ключ"), Some(Spot { line: 1, column: 13, length: 4 }));
        let c = reader.list(top.get("c").unwrap(), "words");
        assert_eq!(c[0].spot, Spot { line: 3, column: 5, length: 1 });
    }

    #[test]
    fn duplicates_are_refused_and_the_first_is_named() {
        let (_, found) = parse("t.yaml", "a: 1\nb: 2\na: 3\n");
        assert_eq!((found[0].code, found[0].line), (Y005, 3));
        assert_eq!(
            found[0].help.as_deref(),
            Some("the first one is in line 1: rename one, or take it out")
        );
    }

    #[test]
    fn bombs_are_refused_before_they_grow() {
        assert_eq!(codes("a: &x [1]\nb: *x\n"), [(Y001, 1, 7), (Y001, 2, 4)]);
        let deep = "[".repeat(YAML_DEPTH_MAX + 2) + &"]".repeat(YAML_DEPTH_MAX + 2);
        assert_eq!(codes(&deep).len(), 1);
        let fits = "[".repeat(YAML_DEPTH_MAX) + &"]".repeat(YAML_DEPTH_MAX);
        assert_eq!(codes(&fits), []);
        assert_eq!(codes(&"#".repeat(FILE_BYTES_MAX + 1)).len(), 1);
        let many = format!("[{}]", "1,".repeat(YAML_VALUES_MAX));
        assert_eq!(codes(&many).len(), 1);
        assert_eq!(codes(&"[".repeat(100_000)).len(), 1);
    }

    #[test]
    fn what_is_often_broken_is_told_in_words() {
        for (text, line, words) in [
            ("a:\n  b: 1\n\tc: 2\n", 2, "a tab"),
            ("a:\n\tb: 1\n", 2, "a tab"),
            ("a:\n   b: 1\n  c: 2\n", 3, "indented differently"),
            ("a: {b: {c: 1}\nd: 2\n", 2, "a `{` or `[` above"),
            ("a: {b: [1, 2}\n", 1, "a `[` is not closed"),
            ("a: [{b: 1]\n", 1, "a `{` is not closed"),
            ("a:\n  b: \"one\n  c: 2\n", 2, "a quote"),
        ] {
            let (_, found) = parse("t.yaml", text);
            let told = found[0].message.contains(words) && found[0].help.is_some();
            assert!(told && found[0].line == line, "{text:?}: {found:?}");
        }
    }

    #[test]
    fn broken_yaml_is_one_error_with_a_place() {
        let found = codes("a: [1, 2\nb: 3\n");
        assert_eq!((found.len(), found[0].0), (1, Y001));
        assert!(found[0].1 > 0);
        assert_eq!(codes("").len(), 1);
        assert_eq!(codes("a: 1\n---\nb: 1\n").len(), 1);
    }

    #[test]
    fn a_thousand_mistakes_are_not_told_one_by_one() {
        let text: String = (0..1_000).map(|n| format!("k{n}: 1\n")).collect();
        let (tree, found) = parse("t.yaml", &text);
        let mut reader = Reader::new("t.yaml", found);
        reader.map(&tree.unwrap(), "a map", &["key"]);
        let found = reader.finish();
        assert_eq!(found.len(), DIAGNOSTICS_MAX + 1);
        assert!(found.iter().all(Diagnostic::is_error));
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("800ms"), Some(Duration::from_millis(800)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1_500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        for wrong in ["4", "s", "-4s", "4 s", "4sec", "1e9s", "9999999h", "", "1.2.3s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(show(Duration::from_secs(120)), "2m");
        assert_eq!(show(Duration::from_millis(12_240)), "12.2s");
    }
}
