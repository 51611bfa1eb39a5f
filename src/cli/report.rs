//! `dozvon report`: figures for people, spreadsheets and programs.

use super::when::{Around, Asked};
use super::{ReportArgs, ReportKind, print};
use crate::server::report::{ALL, ATTRIBUTION, Figures, Parts, Reports, Row, Span, csv, now, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Prints the report.
pub(crate) fn report(args: &ReportArgs) -> ExitCode {
    let around = if args.kind == ReportKind::Week { Around::Week } else { Around::Day };
    let asked = match Asked::of(&args.when, around) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let mut spans = match args.kind {
        ReportKind::Week => match asked.days() {
            Ok(days) => days,
            Err(message) => return failed(&message, ExitCode::from(2)),
        },
        ReportKind::Day | ReportKind::Agent | ReportKind::Queue => Vec::new(),
    };
    spans.push(asked.whole.clone());
    let now = now();
    let read = Reports::open(&asked.store).and_then(|mut reports| reports.figures(&spans, now));
    let mut figures = match read {
        Ok(figures) => figures,
        Err(error) => return failed(&error.to_string(), ExitCode::FAILURE),
    };
    for (key, wanted) in [("queue", &args.queue), ("agent", &args.agent)] {
        if let Some(wanted) = wanted
            && let Err(message) = narrow(&mut figures, key, wanted)
        {
            return failed(&message, ExitCode::FAILURE);
        }
    }
    let zone = asked.zone.iana_name().unwrap_or("UTC");
    if args.json {
        print(&format!("{:#}\n", as_json(args.kind, zone, now, &spans, &figures)));
    } else if args.csv {
        print(&csv(main_rows(args.kind, &spans, &figures)));
    } else {
        let title = format!("{}  ({}, {zone})", name(args.kind), asked.whole.label);
        print(&text(&title, &spans, &figures, parts(args.kind)));
    }
    ExitCode::SUCCESS
}

fn failed(message: &str, code: ExitCode) -> ExitCode {
    eprintln!("{message}");
    code
}

/// Leaves only the rows of this queue or agent.
fn narrow(figures: &mut [Figures], key: &str, wanted: &str) -> Result<(), String> {
    let is = |row: &Row| row.get(key).and_then(Value::as_str) == Some(wanted);
    let mut seen = BTreeSet::new();
    for figures in figures.iter_mut() {
        let parts = if key == "queue" {
            vec![
                &mut figures.queues,
                &mut figures.transfers,
                &mut figures.callbacks,
                &mut figures.surveys,
                &mut figures.scores,
            ]
        } else {
            vec![&mut figures.agents]
        };
        for part in parts {
            let names = part.iter().filter_map(|row| row.get(key).and_then(Value::as_str));
            seen.extend(names.filter(|name| *name != ALL).map(str::to_owned));
            part.retain(is);
        }
    }
    if seen.contains(wanted) {
        return Ok(());
    }
    let names = seen.into_iter().collect::<Vec<_>>().join(", ");
    let names = if names.is_empty() { "none at all".to_owned() } else { names };
    Err(format!("nothing is known of the {key} `{wanted}` in that time; there were: {names}"))
}

fn name(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Day => "Day",
        ReportKind::Week => "Week",
        ReportKind::Agent => "Agents",
        ReportKind::Queue => "Queues",
    }
}

fn parts(kind: ReportKind) -> Parts {
    let calls = matches!(kind, ReportKind::Day | ReportKind::Week);
    let agents = kind == ReportKind::Agent;
    Parts { queues: !agents, calls, agents }
}

fn main_rows<'a>(
    kind: ReportKind,
    spans: &'a [Span],
    figures: &'a [Figures],
) -> impl Iterator<Item = (&'a Span, &'a Row)> {
    spans.iter().zip(figures).flat_map(move |(span, figures)| {
        let rows = if kind == ReportKind::Agent { &figures.agents } else { &figures.queues };
        rows.iter().map(move |row| (span, row))
    })
}

/// The figures as JSON; docs/reports.md names every member.
pub(crate) fn as_json(
    kind: ReportKind,
    zone: &str,
    now: i64,
    spans: &[Span],
    figures: &[Figures],
) -> Value {
    let time = |at: i64| crate::server::events::rfc3339(u64::try_from(at).unwrap_or(0));
    let parts = parts(kind);
    let intervals: Vec<Value> = spans
        .iter()
        .zip(figures)
        .map(|(span, figures)| {
            let mut interval =
                json!({"label": span.label, "from": time(span.from), "to": time(span.to)});
            if parts.queues {
                interval["queues"] = json!(figures.queues);
                interval["transfers"] = json!(figures.transfers);
                interval["callbacks"] = json!(figures.callbacks);
                interval["surveys"] = json!(figures.surveys);
                interval["scores"] = json!(figures.scores);
            }
            if parts.calls {
                interval["calls"] = json!(figures.calls.first());
                interval["bots"] = json!(figures.bots.first());
                interval["fcr"] = json!(figures.fcr);
            }
            if parts.calls || parts.agents {
                interval["agents"] = json!(figures.agents);
            }
            interval
        })
        .collect();
    let report = name(kind).to_lowercase();
    json!({
        "report": report, "zone": zone, "known_at": time(now), "attribution": ATTRIBUTION,
        "intervals": intervals,
    })
}
