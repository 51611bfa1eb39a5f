//! What is wrong with an operator's file: where, what and the cure. Knows nothing of flows, so every loader uses it.

use super::limits::NAMES_TOLD_MAX;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a look; the file is taken.
    Warning,
    /// The file is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A place in a file: line and column from 1, length in characters; all zero when the whole file is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length in characters on that line, at least 1.
    pub length: u32,
}

/// A value and where it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub spot: Spot,
}

/// One finding about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule, stable for ever: `F001` … for flows.
    pub code: &'static str,
    /// Whether the file is refused.
    pub severity: Severity,
    /// The file's name as the loader was given it.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 when the whole file is meant.
    pub column: u32,
    /// How many characters are meant, from `column` on.
    pub length: u32,
    /// What is wrong, one sentence.
    pub message: String,
    /// The cure, when one is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(
        code: &'static str,
        file: &str,
        spot: Spot,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            file: file.to_owned(),
            line: spot.line,
            column: spot.column,
            length: spot.length,
            message: message.into(),
            help: None,
        }
    }

    /// A warning at a place.
    pub fn warning(
        code: &'static str,
        file: &str,
        spot: Spot,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, file, spot, message) }
    }

    /// The same with a cure.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The same with the nearest of the known names as the cure, when one is near.
    pub fn nearest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        match nearest(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// The same with the nearest of the known names as the cure, or, when none is near, with all of them.
    pub fn one_of<'a>(
        self,
        word: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Diagnostic {
        if nearest(word, known.clone()).is_some() {
            return self.nearest(word, known);
        }
        let mut all: Vec<&str> = known.take(NAMES_TOLD_MAX + 1).collect();
        if all.is_empty() {
            return self;
        }
        if all.len() > NAMES_TOLD_MAX {
            all[NAMES_TOLD_MAX] = "…";
        }
        self.help(format!("there are: {}", all.join(", ")))
    }

    /// Whether the file is refused because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding with the line it is about and a mark under the place, for a terminal.
    pub fn render(&self, source: &str) -> String {
        let mut out = self.to_string();
        let wanted = (self.line as usize).checked_sub(1);
        let Some(text) = wanted.and_then(|index| source.lines().nth(index)) else {
            return out;
        };
        let margin = self.line.to_string();
        let blank = " ".repeat(margin.len());
        let before: String = text.chars().take(self.column.saturating_sub(1) as usize).collect();
        // Tabs are kept, so that the mark stands under the word whatever a terminal makes of them.
        let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let room = text.chars().count().saturating_sub(before.chars().count()).max(1);
        let mark = "^".repeat((self.length.max(1) as usize).min(room));
        let excerpt = format!("\n {margin} | {text}\n {blank} | {indent}{mark}");
        match out.find("\n  help:") {
            Some(at) => out.insert_str(at, &excerpt),
            None => out.push_str(&excerpt),
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}[{}]: {}", self.severity, self.code, self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// The known name nearest to a mistyped one: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Letters to add, drop, change or swap with a neighbour to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 8 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near_or_not_told() {
        let known = ["loans-hours", "main", "q-loans"];
        assert_eq!(nearest("loans-hous", known), Some("loans-hours"));
        assert_eq!(nearest("mian", known), Some("main"));
        assert_eq!(nearest("cards", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn names_are_told_up_to_the_bound_and_what_is_left_out_shows() {
        let names: Vec<String> = (0..=NAMES_TOLD_MAX).map(|at| format!("n{at}")).collect();
        let told = |many: usize| {
            let spot = Spot { line: 1, column: 1, length: 1 };
            let found = Diagnostic::error("F001", "a.yaml", spot, "there is no node `cards`");
            found.one_of("cards", names[..many].iter().map(String::as_str)).help
        };
        assert_eq!(told(0), None);
        assert_eq!(told(2).as_deref(), Some("there are: n0, n1"));
        let all = told(NAMES_TOLD_MAX).unwrap();
        assert_eq!(all.matches(", ").count(), NAMES_TOLD_MAX - 1, "{all}");
        assert!(!all.contains('…'), "{all}");
        let one_more = told(NAMES_TOLD_MAX + 1).unwrap();
        assert_eq!(one_more, format!("{all}, …"));
    }

    #[test]
    fn the_excerpt_marks_the_word() {
        let spot = Spot { line: 2, column: 7, length: 4 };
        let found = Diagnostic::error("F001", "a.yaml", spot, "there is no node `mian`")
            .nearest("mian", ["main"]);
        assert_eq!(
            found.render("flow: x\nstart: mian\n"),
            "a.yaml:2:7: error[F001]: there is no node `mian`\n 2 | start: mian\n   |       ^^^^\n  \
             help: did you mean `main`?"
        );
    }

    #[test]
    fn a_place_outside_the_file_is_no_trouble() {
        let spot = Spot { line: 9, column: 70, length: 4 };
        assert!(!Diagnostic::warning("F000", "a", spot, "x").render("one line").is_empty());
    }
}
