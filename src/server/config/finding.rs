//! Mistakes of the operator: each with its place in a file, what is wrong and what to do about it.
//!
//! Nothing here knows TOML, flows or telephony. [`Findings`] keeps the text of every file that was read, so that a
//! mistake can be shown where it stands; [`super::render`] writes them.

use super::files::{Disk, inside, shown};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use utoipa::ToSchema;

/// A file, or what else has text: an environment variable. Number in [`Findings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceId(usize);

/// Where something stands: bytes of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// In which text.
    pub(crate) source: SourceId,
    /// Which bytes of it.
    pub(crate) span: Range<usize>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The switch won't start with this.
    Error,
    /// It works, but hardly as meant.
    Warning,
}

impl Severity {
    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The rule that found it, e.g. `F001` of the flow checker; empty for the rest.
    pub(crate) code: &'static str,
    /// Where it is.
    pub(crate) place: Place,
    /// What is wrong, a sentence without a full stop.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) cure: String,
    /// Another place that has to do with it, and how.
    pub(crate) also: Option<(Place, String)>,
}

impl Finding {
    /// A finding without code and second place.
    pub(crate) fn new(severity: Severity, place: &Place, message: String, cure: String) -> Finding {
        Finding { severity, code: "", place: place.clone(), message, cure, also: None }
    }
}

/// A text and its name.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path as it was made from what the operator has written, or the name of the environment variable.
    name: String,
    /// All of it.
    pub(crate) text: String,
    kind: Kind,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A file that was read.
    File,
    /// Another text: an environment variable.
    Text,
    /// Only a name: a file of which something is said as such.
    Name,
}

impl Source {
    /// Its name for people.
    pub(crate) fn shown(&self) -> String {
        shown(&self.name)
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub(crate) fn line_column(&self, at: usize) -> (usize, usize) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// A mistake for those who have not its text: programs, and whoever asks from far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Told {
    /// `error` or `warning`.
    pub(crate) severity: &'static str,
    /// The rule of the flow checker; empty for the rest.
    pub(crate) code: &'static str,
    /// The file.
    pub(crate) file: String,
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// The character in that line, from 1.
    pub(crate) column: usize,
    /// Where it ends.
    pub(crate) end_line: usize,
    /// The character in that line.
    pub(crate) end_column: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) cure: String,
}

impl Told {
    /// An error of a file or folder as such.
    pub(crate) fn of_file(file: String, message: String, cure: &str) -> Told {
        Told {
            severity: Severity::Error.as_str(),
            code: "",
            file,
            line: 1,
            column: 1,
            end_line: 1,
            end_column: 1,
            message,
            cure: cure.to_owned(),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { severity, file, line, column, message, cure, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {message} ({cure})")
    }
}

/// All mistakes found so far, and the texts they are in.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Where files are read.
    pub(crate) disk: Disk,
    sources: Vec<Source>,
    list: Vec<Finding>,
}

impl Findings {
    /// Keeps a text for showing.
    pub(crate) fn source(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.add_source(name.into(), text.into(), Kind::Text)
    }

    /// Keeps the text of a file for showing, and for those who keep what was read.
    pub(super) fn read(&mut self, name: String, text: String) -> SourceId {
        self.add_source(name, text, Kind::File)
    }

    fn add_source(&mut self, name: String, text: String, kind: Kind) -> SourceId {
        self.sources.push(Source { name, text, kind });
        SourceId(self.sources.len() - 1)
    }

    /// The files that were read, as they were named, and their texts.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.sources.iter().filter(|source| source.kind == Kind::File);
        files.map(|Source { name, text, .. }| (&**name, &**text))
    }

    /// All of them, each with the line it is in.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.sorted().into_iter().map(|finding| self.tell(finding)).collect()
    }

    /// One of them.
    pub(crate) fn tell(&self, finding: &Finding) -> Told {
        let source = self.text(finding.place.source);
        let (line, column) = source.line_column(finding.place.span.start);
        let (end_line, end_column) = source.line_column(finding.place.span.end);
        Told {
            severity: finding.severity.as_str(),
            code: finding.code,
            file: source.shown(),
            line,
            column,
            end_line,
            end_column,
            message: finding.message.clone(),
            cure: finding.cure.clone(),
        }
    }

    /// The digest of all texts read, in the order in which they were; files by their names in this folder, so that it
    /// is the same wherever the folder lies.
    pub(super) fn digest(&self, folder: &Path) -> Sha256 {
        let mut digest = Sha256::new();
        for Source { name, text, .. } in self.sources.iter().filter(|s| s.kind != Kind::Name) {
            let name = inside(folder, name);
            for part in [&*name, text] {
                digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                digest.update(part);
            }
        }
        digest
    }

    /// The place of a file as such, when no text of it is to blame.
    pub(crate) fn file(&mut self, name: impl Into<String>) -> Place {
        let source = self.add_source(name.into(), String::new(), Kind::Name);
        Place { source, span: 0..0 }
    }

    /// A text by its number.
    pub(crate) fn text(&self, source: SourceId) -> &Source {
        &self.sources[source.0]
    }

    /// Notes an error.
    pub(crate) fn error(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.add(Finding::new(Severity::Error, place, message.into(), cure.into()));
    }

    /// Notes a warning.
    pub(crate) fn warning(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.add(Finding::new(Severity::Warning, place, message.into(), cure.into()));
    }

    /// Notes a finding.
    pub(crate) fn add(&mut self, finding: Finding) {
        self.list.push(finding);
    }

    /// Whether there is an error, so that nothing may start.
    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How many errors and how many warnings.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let errors = self.list.iter().filter(|finding| finding.severity == Severity::Error).count();
        (errors, self.list.len() - errors)
    }

    /// The mistakes in order of files read and of places in them, each once; a wider place before what is in it.
    pub(crate) fn sorted(&self) -> Vec<&Finding> {
        let mut list: Vec<&Finding> = self.list.iter().collect();
        list.sort_by_key(|f| (f.place.source, f.place.span.start, Reverse(f.place.span.end)));
        list.dedup();
        list
    }
}

/// The nearest of the known names, for "did you mean"; `None` when none is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR: f64 = 0.75;
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(word, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let edits = strsim::damerau_levenshtein(word, best.1);
    (best.0 >= NEAR && edits <= 1 + word.chars().count() / 3).then_some(best.1)
}

/// `did you mean …?`, or what there is to choose from.
pub(crate) fn suggest<'a>(
    word: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    const LISTED_MAX: usize = 12;
    if let Some(name) = nearest(word, known.clone()) {
        return format!("did you mean `{name}`?");
    }
    let mut names: Vec<&str> = known.into_iter().collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(LISTED_MAX);
    names.truncate(LISTED_MAX);
    match (names.is_empty(), more) {
        (true, _) => format!("there is no {what} at all yet"),
        (false, 0) => format!("there is: {}", names.join(", ")),
        (false, more) => format!("there is: {} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_not_bytes() {
        let text = "имя = 1\nчисло = x".into();
        let source = Source { name: "a".into(), text, kind: Kind::Text };
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(source.text.find('x').unwrap()), (2, 9));
        assert_eq!(source.line_column(999), (2, 10));
        assert_eq!(source.line_column(1), (1, 1), "the middle of a letter is that letter");
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["rtp_timeout_secs", "rtp_port_min", "workers"];
        assert_eq!(nearest("rtp_timeout_sec", known), Some("rtp_timeout_secs"));
        assert_eq!(nearest("worker", known), Some("workers"));
        assert_eq!(nearest("volume", known), None);
        assert_eq!(suggest("volume", "key", ["b", "a"]), "there is: a, b");
        assert_eq!(suggest("cards", "queue", []), "there is no queue at all yet");
    }

    #[test]
    fn mistakes_come_in_the_order_of_the_file_and_once() {
        let mut findings = Findings::default();
        let source = findings.source("f", "0123456789");
        for start in [7, 2, 7] {
            findings.error(&Place { source, span: start..8 }, format!("at {start}"), "");
        }
        let order: Vec<_> = findings.sorted().iter().map(|f| f.message.clone()).collect();
        assert_eq!(order, ["at 2", "at 7"]);
        assert!(findings.has_errors());
    }
}
