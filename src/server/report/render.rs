//! Figures for people: aligned tables for a terminal, CSV for a spreadsheet.

use super::{ALL, ATTRIBUTION, Figures, Row, Span};
use serde_json::Value;
use std::fmt::Write as _;

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Name,
    Count,
    /// Seconds, with a tenth.
    Secs,
    /// Seconds of a shift, as hours and minutes.
    Time,
    /// A ratio, as a percentage.
    Ratio,
}

/// A column: its head, the figure, how it is written.
type Column = (&'static str, &'static str, Shape);

const WAITING: &[Column] = &[
    ("queue", "queue", Shape::Name),
    ("offered", "offered", Shape::Count),
    ("short", "short_abandoned", Shape::Count),
    ("answered", "answered_ratio", Shape::Ratio),
    ("abandoned", "abandoned_ratio", Shape::Ratio),
    ("T", "threshold_secs", Shape::Secs),
    ("SL(T)", "service_level", Shape::Ratio),
    ("ASA", "asa_secs", Shape::Secs),
    ("P50", "p50_wait_secs", Shape::Secs),
    ("P90", "p90_wait_secs", Shape::Secs),
    ("P95", "p95_wait_secs", Shape::Secs),
    ("longest", "longest_wait_secs", Shape::Secs),
    ("mean wait", "mean_wait_secs", Shape::Secs),
    ("to abandon", "time_to_abandon_secs", Shape::Secs),
];

const HANDLING: &[Column] = &[
    ("queue", "queue", Shape::Name),
    ("handled", "handled", Shape::Count),
    ("talk", "mean_talk_secs", Shape::Secs),
    ("hold", "mean_hold_secs", Shape::Secs),
    ("ACW", "mean_acw_secs", Shape::Secs),
    ("AHT", "aht_secs", Shape::Secs),
    ("holds", "holds", Shape::Count),
    (">120 s", "long_holds_ratio", Shape::Ratio),
    ("transferred", "transfer_ratio", Shape::Ratio),
    ("misrouted", "misroute_ratio", Shape::Ratio),
    ("offers", "offers", Shape::Count),
    ("RONA", "rona_ratio", Shape::Ratio),
    ("declined", "offers_declined", Shape::Count),
    ("ring", "mean_ring_secs", Shape::Secs),
];

/// The outcomes besides the answer and the abandonments; a column without a single case is left out.
const OTHERS: &[Column] = &[
    ("queue", "queue", Shape::Name),
    ("callback", "callback_ratio", Shape::Ratio),
    ("overflow", "overflow_ratio", Shape::Ratio),
    ("timeout", "timeout_ratio", Shape::Ratio),
    ("no agents", "no_agents_ratio", Shape::Ratio),
    ("closed", "closed_ratio", Shape::Ratio),
    ("full", "rejected_full_ratio", Shape::Ratio),
    ("key exit", "key_exit_ratio", Shape::Ratio),
    ("withdrawn", "withdrawn_ratio", Shape::Ratio),
    ("failed", "failed_ratio", Shape::Ratio),
];

const TRANSFERS: &[Column] = &[
    ("queue", "queue", Shape::Name),
    ("passed on", "how", Shape::Name),
    ("to", "target", Shape::Name),
    ("transfers", "transfers", Shape::Count),
    ("taken", "transfers_taken", Shape::Count),
];

const CALLBACKS: &[Column] = &[
    ("queue", "queue", Shape::Name),
    ("callbacks", "callbacks_requested", Shape::Count),
    ("attempts", "callback_attempts", Shape::Count),
    ("reached", "callbacks_reached", Shape::Count),
    ("merged", "callbacks_merged", Shape::Count),
    ("expired", "callbacks_expired", Shape::Count),
    ("cancelled", "callbacks_cancelled", Shape::Count),
    ("open", "callbacks_open", Shape::Count),
    ("of reached and expired", "callbacks_reached_ratio", Shape::Ratio),
    ("mean wait", "mean_callback_wait_secs", Shape::Secs),
];

const AGENTS: &[Column] = &[
    ("agent", "agent", Shape::Name),
    ("team", "team", Shape::Name),
    ("at work", "logged_in_secs", Shape::Time),
    ("occupancy", "occupancy", Shape::Ratio),
    ("utilisation", "utilisation", Shape::Ratio),
    ("shrinkage", "shrinkage", Shape::Ratio),
    ("handled", "handled", Shape::Count),
    ("talk", "mean_talk_secs", Shape::Secs),
    ("hold", "mean_hold_secs", Shape::Secs),
    ("ACW", "mean_acw_secs", Shape::Secs),
    ("AHT", "aht_secs", Shape::Secs),
    ("offers", "offers", Shape::Count),
    ("RONA", "rona_ratio", Shape::Ratio),
    ("declined", "offers_declined", Shape::Count),
    ("ring", "mean_ring_secs", Shape::Secs),
    ("own calls", "own_calls", Shape::Count),
];

/// What a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Queues one by one.
    pub(crate) queues: bool,
    /// Calls, bots, FCR, surveys.
    pub(crate) calls: bool,
    /// Agents one by one.
    pub(crate) agents: bool,
}

/// Tables for a terminal, one block for each span.
pub(crate) fn text(title: &str, spans: &[Span], figures: &[Figures], parts: Parts) -> String {
    let mut out = format!("{title}\n{ATTRIBUTION}\n");
    if spans.len() > 1 {
        out.push('\n');
        out.push_str(&days(spans, figures));
    }
    // Of several spans the last is all of them together.
    if let (Some(span), Some(figures)) = (spans.last(), figures.last()) {
        let _ = write!(out, "\n{}\n", span.label);
        block(&mut out, figures, parts);
    }
    out
}

/// Several spans under each other, each with the row of all queues.
fn days(spans: &[Span], figures: &[Figures]) -> String {
    let rows = spans.iter().zip(figures).map(|(span, figures)| {
        let mut row = figures.queues.last().cloned().unwrap_or_default();
        row.insert("queue".to_owned(), span.label.clone().into());
        row
    });
    let mut columns = WAITING.to_vec();
    columns[0].0 = "day";
    table(&columns, &rows.collect::<Vec<_>>())
}

fn block(out: &mut String, figures: &Figures, parts: Parts) {
    if parts.queues {
        if figures.queues.is_empty() {
            out.push_str("Nobody was queued.\n");
        } else {
            out.push_str(&table(WAITING, &figures.queues));
            let seen = |column: &&Column| {
                let mut rows = figures.queues.iter();
                column.2 == Shape::Name || rows.any(|row| number(row, column.1) > Some(0.0))
            };
            let others: Vec<Column> = OTHERS.iter().filter(seen).copied().collect();
            if others.len() > 1 {
                out.push('\n');
                out.push_str(&table(&others, &figures.queues));
            }
            out.push('\n');
            out.push_str(&table(HANDLING, &figures.queues));
            if !figures.transfers.is_empty() {
                out.push('\n');
                out.push_str(&table(TRANSFERS, &figures.transfers));
            }
        }
        if !figures.callbacks.is_empty() {
            out.push('\n');
            out.push_str(&table(CALLBACKS, &figures.callbacks));
        }
    }
    if parts.calls {
        out.push('\n');
        calls(out, figures);
    }
    if parts.queues {
        surveys(out, figures);
    }
    if parts.agents {
        if figures.agents.is_empty() {
            out.push_str("No agent was at work.\n");
        } else {
            out.push_str(&table(AGENTS, &figures.agents));
        }
    } else if parts.calls && !figures.agents.is_empty() {
        out.push('\n');
        let all: Vec<Row> =
            figures.agents.iter().filter(|row| is_all(row, "agent")).cloned().collect();
        out.push_str(&table(AGENTS, &all));
    }
}

fn calls(out: &mut String, figures: &Figures) {
    for row in &figures.calls {
        let figure = |key, shape| cell(row, key, shape);
        let _ = writeln!(
            out,
            "Calls    came {}, refused {}, turned away by a full queue {}, blocking {}",
            figure("calls", Shape::Count),
            figure("refused", Shape::Count),
            figure("turned_away", Shape::Count),
            figure("blocking_ratio", Shape::Ratio),
        );
    }
    for row in &figures.bots {
        let figure = |key, shape| cell(row, key, shape);
        let _ = writeln!(
            out,
            "Bots     had {} calls, containment {}, verified within 7 days {} of {}, escalation {}",
            figure("bot_entered", Shape::Count),
            figure("containment_ratio", Shape::Ratio),
            figure("verified_containment_ratio", Shape::Ratio),
            figure("bot_matured", Shape::Count),
            figure("escalation_ratio", Shape::Ratio),
        );
    }
    for days in [1, 7, 30] {
        let row = figures.fcr.iter().find(|row| row.get("days") == Some(&days.into()));
        let plural = if days == 1 { "day" } else { "days" };
        let _ = match row {
            Some(row) => writeln!(
                out,
                "FCR      {days:>2} {plural}: {} of {} first contacts; with any topic {}",
                cell(row, "fcr", Shape::Ratio),
                cell(row, "first_contacts", Shape::Count),
                cell(row, "fcr_any_topic", Shape::Ratio),
            ),
            None => writeln!(out, "FCR      {days:>2} {plural}: nothing is that long ago yet"),
        };
    }
}

fn surveys(out: &mut String, figures: &Figures) {
    let offered = figures.surveys.iter().find(|row| is_all(row, "queue"));
    let offered = offered.or(figures.surveys.first());
    if let Some(row) = offered {
        let _ = writeln!(
            out,
            "Surveys  offered {}, response rate {}",
            cell(row, "surveys_offered", Shape::Count),
            cell(row, "response_ratio", Shape::Ratio),
        );
        let same = |score: &&Row| score.get("queue") == row.get("queue");
        for score in figures.scores.iter().filter(same) {
            let _ = writeln!(
                out,
                "         {}: {} scores, mean {}, CSAT {}, CSI {} (95 %: {} to {})",
                cell(score, "question", Shape::Name),
                cell(score, "scores", Shape::Count),
                number(score, "mean_score").map_or_else(dash, |mean| format!("{mean:.2}")),
                cell(score, "csat", Shape::Ratio),
                cell(score, "csi", Shape::Secs),
                cell(score, "csi_low", Shape::Secs),
                cell(score, "csi_high", Shape::Secs),
            );
        }
    }
}

fn is_all(row: &Row, key: &str) -> bool {
    row.get(key).and_then(Value::as_str) == Some(ALL)
}

fn dash() -> String {
    "–".to_owned()
}

fn number(row: &Row, key: &str) -> Option<f64> {
    row.get(key).and_then(Value::as_f64)
}

fn cell(row: &Row, key: &str, shape: Shape) -> String {
    if shape == Shape::Name {
        return match row.get(key).and_then(Value::as_str) {
            Some(ALL) => "all".to_owned(),
            Some(name) => name.to_owned(),
            None => String::new(),
        };
    }
    let Some(number) = number(row, key) else {
        return if shape == Shape::Count { "0".to_owned() } else { dash() };
    };
    match shape {
        Shape::Name | Shape::Count => format!("{number:.0}"),
        Shape::Secs => format!("{number:.1}"),
        Shape::Time => {
            let minutes = (number / 60.0).round();
            format!("{:.0}:{:02.0}", (minutes / 60.0).floor(), minutes % 60.0)
        }
        Shape::Ratio => format!("{:.1} %", number * 100.0),
    }
}

/// Columns as wide as they must be: names to the left, figures to the right.
fn table(columns: &[Column], rows: &[Row]) -> String {
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(_, key, shape)| cell(row, key, *shape)).collect())
        .collect();
    let width = |at: usize| {
        let cells = lines.iter().map(|line| line[at].chars().count());
        cells.chain([columns[at].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let heads: Vec<String> = columns.iter().map(|(head, _, _)| (*head).to_owned()).collect();
    let mut out = String::new();
    for line in std::iter::once(&heads).chain(&lines) {
        let mut text = String::new();
        for ((cell, width), (_, _, shape)) in line.iter().zip(&widths).zip(columns) {
            let gap = if text.is_empty() { "" } else { "  " };
            let _ = match shape {
                Shape::Name => write!(text, "{gap}{cell:<width$}"),
                Shape::Count | Shape::Secs | Shape::Time | Shape::Ratio => {
                    write!(text, "{gap}{cell:>width$}")
                }
            };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

/// Rows with their spans as CSV (RFC 4180), every figure at full precision; the first line names them.
pub(crate) fn csv<'a>(rows: impl Iterator<Item = (&'a Span, &'a Row)>) -> String {
    let mut out = String::new();
    for (span, row) in rows {
        // Whose figures they are comes first, then the figures in the order of the alphabet.
        let (mut names, mut cells) = (vec!["interval"], vec![quoted(&span.label)]);
        let whose = |name: &str| name == "queue" || name == "agent";
        for first in [true, false] {
            for (name, value) in row.iter().filter(|(name, _)| whose(name) == first) {
                names.push(name);
                cells.push(csv_cell(value));
            }
        }
        if out.is_empty() {
            let _ = write!(out, "{}\r\n", names.join(","));
        }
        let _ = write!(out, "{}\r\n", cells.join(","));
    }
    out
}

/// A value as a cell of CSV.
pub(super) fn csv_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            quoted(&value.to_string())
        }
    }
}

/// In quotes where it must be. A text that a spreadsheet would take for a formula gets an apostrophe: callers choose
/// some of these texts.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn columns_line_up_and_what_is_not_known_is_a_dash() {
        let rows = [
            row(json!({"queue": "cards", "offered": 7, "service_level": 0.875})),
            row(json!({"queue": "*", "offered": 1234, "service_level": null})),
        ];
        let columns = [WAITING[0], WAITING[1], WAITING[6]];
        assert_eq!(
            table(&columns, &rows),
            "queue  offered   SL(T)\ncards        7  87.5 %\nall       1234       –\n"
        );
    }

    #[test]
    fn what_a_caller_chose_is_no_formula_in_a_spreadsheet() {
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("+77010000001"), "+77010000001");
    }
}
