//! Writes mistakes for people ([`Format::Full`], [`Format::Concise`]) and for programs (all others).

use super::ci;
use super::finding::{Finding, Findings, Severity};
use crate::cli::Format;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::json;
use std::fmt::Write as _;

/// All mistakes as one text, ending with a line feed unless there are none to show.
pub(crate) fn render(findings: &Findings, format: Format, colours: bool) -> String {
    let list = findings.sorted();
    match format {
        Format::Full => list.iter().map(|finding| full(findings, finding, colours)).collect(),
        Format::Concise => list.iter().map(|finding| concise(findings, finding)).collect(),
        Format::Json => {
            let list: Vec<_> = list.iter().map(|finding| findings.tell(finding)).collect();
            format!("{:#}\n", json!(list))
        }
        Format::Sarif => ci::sarif(findings),
        Format::Github => ci::github(findings),
        Format::Junit => ci::junit_of(findings),
    }
}

/// `2 errors, 1 warning`; empty when all is well.
pub(crate) fn counts(findings: &Findings) -> String {
    let (errors, warnings) = findings.counts();
    let several = |n: usize, word: &str| match n {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let parts: Vec<_> =
        [several(errors, "error"), several(warnings, "warning")].into_iter().flatten().collect();
    parts.join(", ")
}

fn full(findings: &Findings, finding: &Finding, colours: bool) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let source = findings.text(finding.place.source);
    let mut title = level.primary_title(finding.message.as_str());
    if !finding.code.is_empty() {
        title = title.id(finding.code);
    }
    let mut group = Group::with_title(title);
    if source.text.is_empty() {
        group = group.element(Origin::path(source.shown()));
    } else {
        let span = visible(&source.text, finding.place.span.clone());
        let mut snippet = Snippet::source(source.text.as_str())
            .path(source.shown())
            .annotation(AnnotationKind::Primary.span(span));
        let mut elsewhere = None;
        if let Some((place, label)) = &finding.also {
            let text = findings.text(place.source);
            let annotation = AnnotationKind::Context
                .span(visible(&text.text, place.span.clone()))
                .label(label.as_str());
            if place.source == finding.place.source {
                snippet = snippet.annotation(annotation);
            } else {
                let other = Snippet::source(text.text.as_str()).path(text.shown());
                elsewhere = Some(other.annotation(annotation));
            }
        }
        group = group.element(snippet).elements(elsewhere);
    }
    if !finding.cure.is_empty() {
        group = group.element(Level::HELP.message(finding.cure.as_str()));
    }
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    format!("{}\n\n", renderer.decor_style(DecorStyle::Ascii).render(&[group]))
}

/// Only the first line of a span, and at least one character of it: more carets than that tell nobody anything.
fn visible(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = span.start.min(text.len());
    let line_end = text[start..].find('\n').map_or(text.len(), |n| start + n);
    start..span.end.clamp(start, line_end.max(start))
}

fn concise(findings: &Findings, finding: &Finding) -> String {
    let source = findings.text(finding.place.source);
    let (line, column) = source.line_column(finding.place.span.start);
    let mut text = format!("{}:{line}:{column}: {}", source.shown(), finding.severity.as_str());
    if !finding.code.is_empty() {
        let _ = write!(text, "[{}]", finding.code);
    }
    let _ = write!(text, ": {}", finding.message);
    if !finding.cure.is_empty() {
        let _ = write!(text, " ({})", finding.cure);
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::finding::Place;

    fn sample() -> Findings {
        let mut findings = Findings::default();
        let source = findings.source("config/dozvon.toml", "[sip]\nrealms = \"bank\"\n");
        let place = Place { source, span: 6..12 };
        findings.error(&place, "unknown key `realms`", "did you mean `realm`?");
        findings
    }

    #[test]
    fn a_person_sees_the_line_the_caret_and_the_cure() {
        let text = render(&sample(), Format::Full, false);
        for part in [
            "error: unknown key `realms`",
            "--> config/dozvon.toml:2:1",
            "^^^^^^",
            "help: did you mean",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
    }

    #[test]
    fn one_line_is_one_mistake() {
        assert_eq!(
            render(&sample(), Format::Concise, false),
            "config/dozvon.toml:2:1: error: unknown key `realms` (did you mean `realm`?)\n"
        );
        assert_eq!(counts(&sample()), "1 error");
    }

    #[test]
    fn a_program_gets_numbers() {
        let text = render(&sample(), Format::Json, false);
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&list[0]["line"], &list[0]["end_column"]), (&json!(2), &json!(7)));
    }

    #[test]
    fn colours_are_for_terminals_only() {
        assert!(!render(&sample(), Format::Full, false).contains('\u{1b}'));
        assert!(render(&sample(), Format::Full, true).contains('\u{1b}'));
    }
}
