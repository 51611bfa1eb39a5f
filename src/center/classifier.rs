//! What talks were about: a classifier is a tree of codes with a version, read from `config/classifiers/*.yaml`.
//!
//! Only leaves can be given. A code is the path to its leaf, `cards/lost`, so it says its topic by itself. Knows
//! neither queues nor talks.

use crate::flow::diagnostic::{Diagnostic, Spot};
use crate::flow::yaml::{self, Fields, Reader, Value, Y004, Yaml};
use crate::limits::{CODE_DEPTH_MAX, CODE_KEY_CHARS_MAX, CODE_NAME_CHARS_MAX, CODES_MAX};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The languages in which every code has a name.
pub const LANGUAGES: [&str; 3] = ["ru", "kk", "en"];

/// A classifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classifier {
    /// Its name.
    pub name: Arc<str>,
    /// Its version, as the file says.
    pub version: Arc<str>,
    /// Name and version as records keep them: `bank@3`.
    pub tag: Arc<str>,
    /// Its codes, each before those below it, in the order of the file.
    pub codes: Vec<Code>,
}

/// One code, or a branch of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The path to it: keys with `/` between them.
    pub path: Arc<str>,
    /// Its names by language, in the order of [`LANGUAGES`].
    pub names: [Arc<str>; 3],
    /// Whether it can be given; otherwise it has codes below it.
    pub leaf: bool,
    /// Whether a note must come with it.
    pub note_required: bool,
    /// What is dialled for it after the feature code.
    pub dial: Option<Arc<str>>,
}

impl Classifier {
    /// Reads a classifier, or everything that is wrong with it.
    pub fn from_yaml(file: &str, text: &str) -> Result<Classifier, Vec<Diagnostic>> {
        let (tree, found) = yaml::parse(file, text);
        let mut reader = Reader::new(file, found);
        let classifier = tree.and_then(|tree| read(&mut reader, &tree));
        match classifier {
            Some(classifier) if !reader.has_errors() => Ok(classifier),
            _ => Err(reader.finish()),
        }
    }

    /// A code by its path.
    pub fn code(&self, path: &str) -> Option<&Code> {
        self.codes.iter().find(|code| &*code.path == path)
    }

    /// The leaf with this short number.
    pub fn dialled(&self, dial: &str) -> Option<&Code> {
        self.codes.iter().find(|code| code.dial.as_deref() == Some(dial))
    }
}

const KEYS: [&str; 3] = ["classifier", "version", "codes"];
const CODE_KEYS: [&str; 4] = ["name", "codes", "note_required", "dial"];

/// What is known while the tree is read.
#[derive(Debug, Default)]
struct Growing {
    codes: Vec<Code>,
    /// In which line each short number stands.
    dials: BTreeMap<Arc<str>, u32>,
}

fn read(reader: &mut Reader<'_>, tree: &Yaml) -> Option<Classifier> {
    const WHAT: &str = "a classifier";
    let top = reader.map(tree, WHAT, &KEYS)?;
    let name = reader.need(top, WHAT, "classifier");
    let name = name.and_then(|yaml| reader.word(yaml, "the classifier's name").map(Arc::from));
    let version = reader.need(top, WHAT, "version");
    let version = version.and_then(|yaml| read_version(reader, yaml));
    let mut growing = Growing::default();
    if let Some(yaml) = reader.need(top, WHAT, "codes") {
        read_branch(reader, yaml, "", 1, &mut growing);
    }
    let (name, version): (Arc<str>, Arc<str>) = (name?, version?);
    let tag = format!("{name}@{version}").into();
    Some(Classifier { name, version, tag, codes: growing.codes })
}

fn read_version(reader: &mut Reader<'_>, yaml: &Yaml) -> Option<Arc<str>> {
    let word = reader.word(yaml, "a version such as 3 or 2026-11")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if word.is_empty() || word.len() > CODE_KEY_CHARS_MAX || !word.chars().all(plain) {
        let help = "letters, digits, `-`, `_` and `.`; change it with every change of the codes";
        refuse(reader, yaml.spot, format!("`{word}` is no version"), help);
        return None;
    }
    Some(word.into())
}

/// The codes of one level.
fn read_branch(
    reader: &mut Reader<'_>,
    yaml: &Yaml,
    above: &str,
    depth: usize,
    growing: &mut Growing,
) {
    let Some(entries) = reader.entries(yaml, "codes") else { return };
    if entries.iter().next().is_none() {
        refuse(reader, yaml.spot, "there are no codes".to_owned(), "add one, or take `codes` out");
    }
    for (word, value) in entries.iter() {
        if growing.codes.len() >= CODES_MAX {
            let help = "an agent has to find his code while the next caller waits";
            refuse(reader, word.spot, format!("more than {CODES_MAX} codes"), help);
            return;
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        let key = word.text.as_str();
        if key.is_empty() || key.len() > CODE_KEY_CHARS_MAX || !key.chars().all(plain) {
            let help = "small letters, digits, `-` and `_`, at most 32 of them";
            refuse(reader, word.spot, format!("`{key}` is no key for a code"), help);
        }
        let path = if above.is_empty() { key.to_owned() } else { format!("{above}/{key}") };
        let what = format!("the code `{path}`");
        let Some(fields) = reader.map(value, &what, &CODE_KEYS) else { continue };
        let fields = fields.at(word.spot);
        read_code(reader, fields, &what, &path, growing);
        match fields.get("codes") {
            Some(_) if depth >= CODE_DEPTH_MAX => {
                let message = format!("codes below `{path}` are more than {CODE_DEPTH_MAX} deep");
                refuse(reader, word.spot, message, "make the tree flatter");
            }
            Some(below) => read_branch(reader, below, &path, depth + 1, growing),
            None => {}
        }
    }
}

fn read_code(
    reader: &mut Reader<'_>,
    fields: Fields<'_>,
    what: &str,
    path: &str,
    growing: &mut Growing,
) {
    let names = reader.need(fields, what, "name");
    let names = names.map(|yaml| read_names(reader, yaml, what)).unwrap_or_default();
    let leaf = fields.get("codes").is_none();
    let note_required =
        fields.get("note_required").and_then(|yaml| reader.boolean(yaml)).unwrap_or(false);
    let mut dial = None;
    if let Some(yaml) = fields.get("dial") {
        dial = read_dial(reader, yaml, growing);
        if note_required {
            let message = format!("{what} needs a note, and none can be dialled");
            refuse(reader, yaml.spot, message, "take `dial` or `note_required` out");
        }
    }
    for key in ["dial", "note_required"] {
        if let Some(spot) = fields.key_spot(key).filter(|_| !leaf) {
            let message = format!("{what} has codes below it: it can't be given itself");
            refuse(reader, spot, message, &format!("move `{key}` to one of them"));
        }
    }
    growing.codes.push(Code { path: path.into(), names, leaf, note_required, dial });
}

fn read_names(reader: &mut Reader<'_>, yaml: &Yaml, what: &str) -> [Arc<str>; 3] {
    let what = format!("the name of {what}");
    let Some(fields) = reader.map(yaml, &what, &LANGUAGES) else { return Default::default() };
    LANGUAGES.map(|language| {
        let Some(yaml) = reader.need(fields, &what, language) else { return Arc::from("") };
        let Some(name) = reader.word(yaml, "a name") else { return Arc::from("") };
        if name.trim().is_empty() || name.chars().count() > CODE_NAME_CHARS_MAX {
            let help = format!("1 to {CODE_NAME_CHARS_MAX} letters");
            refuse(reader, yaml.spot, "this is no name for people".to_owned(), &help);
        }
        name.into()
    })
}

fn read_dial(reader: &mut Reader<'_>, yaml: &Yaml, growing: &mut Growing) -> Option<Arc<str>> {
    let digits = match &yaml.value {
        Value::Word { text, .. } => Some(text.as_str()),
        Value::List(_) | Value::Map(_) => None,
    };
    let fits = |text: &&str| {
        (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some(digits) = digits.filter(fits) else {
        let help = "write what is dialled after the feature code, like 11";
        refuse(reader, yaml.spot, "expected 1 to 4 digits".to_owned(), help);
        return None;
    };
    if let Some(line) = growing.dials.insert(digits.into(), yaml.spot.line) {
        let message = format!("`{digits}` is dialled for the code in line {line} already");
        refuse(reader, yaml.spot, message, "give each code a number of its own");
    }
    Some(digits.into())
}

fn refuse(reader: &mut Reader<'_>, spot: Spot, message: String, help: &str) {
    let found = Diagnostic::error(Y004, reader.file(), spot, message).help(help);
    reader.push(found);
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANK: &str = "\
classifier: bank
version: 3
codes:
  cards:
    name: {ru: Карты, kk: Карталар, en: Cards}
    codes:
      lost: {name: {ru: Утеря, kk: Жоғалту, en: Lost}, dial: 11}
      limits: {name: {ru: Лимиты, kk: Лимиттер, en: Limits}}
  other:
    name: {ru: Другое, kk: Басқа, en: Other}
    note_required: true
";

    #[test]
    fn a_code_is_the_path_to_its_leaf() {
        let bank = Classifier::from_yaml("bank.yaml", BANK).unwrap();
        assert_eq!((&*bank.name, &*bank.version, &*bank.tag), ("bank", "3", "bank@3"));
        let codes: Vec<_> = bank.codes.iter().map(|code| (&*code.path, code.leaf)).collect();
        assert_eq!(
            codes,
            [("cards", false), ("cards/lost", true), ("cards/limits", true), ("other", true)]
        );
        assert_eq!(bank.dialled("11").map(|code| &*code.path), Some("cards/lost"));
        assert!(bank.code("other").unwrap().note_required);
        assert_eq!(&*bank.code("cards/lost").unwrap().names[2], "Lost");
        assert!(bank.code("lost").is_none() && bank.dialled("").is_none());
    }

    fn mistakes(text: &str) -> Vec<String> {
        let found = Classifier::from_yaml("c.yaml", text).unwrap_err();
        found.iter().map(|found| format!("{}: {}", found.line, found.message)).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = "\
classifier: bank
version: {}
codes:
  Cards:
    name: {ru: Карты, kk: Карталар}
    dial: 7
    codes:
      lost: {name: {ru: а, kk: а, en: a}, dial: 12345}
      stolen: {name: {ru: а, kk: а, en: a}, dial: 7, note_required: true}
      empty: {name: {ru: а, kk: а, en: a}, codes: {}}
  other: {title: x}
";
        assert_eq!(
            mistakes(text),
            [
                "2: expected a version such as 3 or 2026-11, found a map",
                "4: `Cards` is no key for a code",
                "5: the name of the code `Cards` needs `en`",
                "6: the code `Cards` has codes below it: it can't be given itself",
                "8: expected 1 to 4 digits",
                "9: `7` is dialled for the code in line 6 already",
                "9: the code `Cards/stolen` needs a note, and none can be dialled",
                "10: there are no codes",
                "11: the code `other` needs `name`",
                "11: the code `other` has no key `title`",
            ]
        );
    }

    fn many(count: usize) -> String {
        let mut text = "classifier: c\nversion: 1\ncodes:\n".to_owned();
        for n in 0..count {
            text.push_str(&format!("  c{n}: {{name: {{ru: а, kk: а, en: a}}}}\n"));
        }
        text
    }

    #[test]
    fn a_classifier_has_no_more_codes_than_can_be_found_in_time() {
        let full = Classifier::from_yaml("c.yaml", &many(CODES_MAX)).unwrap();
        assert_eq!(full.codes.len(), CODES_MAX);
        assert_eq!(mistakes(&many(CODES_MAX + 1)), ["504: more than 500 codes"]);
    }

    fn deep(depth: usize) -> String {
        let mut text = "classifier: c\nversion: 1\n".to_owned();
        for level in 0..depth {
            let indent = "  ".repeat(2 * level);
            text.push_str(&format!(
                "{indent}codes:\n{indent}  k:\n{indent}    name: {{ru: а, kk: а, en: a}}\n"
            ));
        }
        text
    }

    #[test]
    fn a_classifier_is_no_deeper_than_an_agent_can_look() {
        let full = Classifier::from_yaml("c.yaml", &deep(CODE_DEPTH_MAX)).unwrap();
        assert_eq!(full.codes.last().map(|code| &*code.path), Some("k/k/k/k/k"));
        let found = mistakes(&deep(CODE_DEPTH_MAX + 1));
        assert_eq!(found, ["16: codes below `k/k/k/k/k` are more than 5 deep"]);
    }
}
