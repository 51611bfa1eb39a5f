//! `dozvon hours`: what every calendar, queue and site says of a moment, by which line of which file, and until when.

use super::{Format, HoursArgs, print, tell, verdict};
use crate::server::config::{Loaded, Missing, Tests, environment, load};
use crate::server::store::emergencies;
use dozvon_center::calendar::{Calendar, Open, moment};
use dozvon_center::flow::Duty;
use dozvon_center::opening::{Emergency, Site};
use dozvon_clock::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Says it.
pub(crate) fn hours(args: &HoursArgs) -> ExitCode {
    let (loaded, findings) = load(&args.config, &environment(), Missing::Leave, Tests::Leave);
    let Some(loaded) = loaded else {
        tell(&findings, Format::Full);
        return verdict(&findings);
    };
    match rows(args, &loaded) {
        Ok(rows) if args.json => print(&format!("{:#}\n", json!(rows))),
        Ok(rows) => rows.iter().for_each(|row| print(&text(row))),
        Err(message) => {
            eprintln!("dozvon: {message}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn rows(args: &HoursArgs, loaded: &Loaded) -> Result<Vec<Value>, String> {
    let policy = &loaded.policy;
    let all = args.calendar.is_none() && args.queue.is_none() && args.site.is_none();
    let mut rows = Vec::new();
    let calendars = policy.calendars.names().filter(|_| all).map(str::to_owned);
    for name in calendars.chain(args.calendar.clone()) {
        let calendar = policy.calendars.get(&name);
        let calendar = calendar.ok_or_else(|| unknown("calendar", &name))?;
        rows.push(calendar_row("calendar", &name, calendar, args.at.as_deref())?);
    }
    let queues = policy.acd.queues.iter().filter(|_| all).map(|queue| queue.name.to_string());
    for name in queues.chain(args.queue.clone()) {
        if !policy.acd.queues.iter().any(|queue| *queue.name == *name) {
            return Err(unknown("queue", &name));
        }
        let hours = policy.opening.queues.get(&*name);
        let row = match hours
            .and_then(|hours| Some((hours, policy.calendars.get(&hours.calendar)?)))
        {
            None => {
                json!({"kind": "queue", "name": name, "state": "open", "why": "it has no calendar"})
            }
            Some((hours, calendar)) => {
                let mut row = calendar_row("queue", &name, calendar, args.at.as_deref())?;
                row["calendar"] = json!(*hours.calendar);
                row["drain_max_secs"] = json!(hours.drain_max.as_secs());
                row
            }
        };
        rows.push(row);
    }
    let declared = match emergencies(&loaded.settings.store.database) {
        Ok(declared) => declared,
        Err(error) => return Err(format!("the database can't be read: {error}")),
    };
    let sites = policy.opening.sites.keys().filter(|_| all).map(ToString::to_string);
    for name in sites.chain(args.site.clone()) {
        let site = policy.opening.sites.get(&*name).ok_or_else(|| unknown("site", &name))?;
        rows.push(site_row(&name, site, &declared));
    }
    Ok(rows)
}

fn unknown(what: &str, name: &str) -> String {
    format!("there is no {what} `{name}`: `dozvon hours` without a name shows all")
}

fn calendar_row(
    kind: &str,
    name: &str,
    calendar: &Calendar,
    at: Option<&str>,
) -> Result<Value, String> {
    let at = match at {
        None => moment(&jiff::Timestamp::now().to_string()),
        Some(word) => moment(word).or_else(|| calendar.wall(word)),
    };
    let at = at.ok_or("--at is no moment: write 2026-01-01T09:00, or 2026-01-01T09:00+05:00")?;
    let verdict = calendar.verdict(at);
    let rule =
        verdict.rule.map(|rule| json!({"says": rule.says, "file": *rule.file, "line": rule.line}));
    let opens = match verdict.open {
        Open::Open => None,
        Open::Emergency | Open::Holiday | Open::Closed => calendar.next_open(at),
    };
    let shown = |at: Option<Timestamp>| at.map(|at| calendar.show(at));
    Ok(json!({
        "kind": kind, "name": name, "zone": calendar.zone(), "at": calendar.show(at),
        "state": verdict.open.to_string(), "rule": rule,
        "until": shown(calendar.next_change(at)), "opens": shown(opens),
    }))
}

/// What is known of a site: an emergency is declared by people, so it has no future.
fn site_row(name: &str, site: &Site, declared: &BTreeMap<String, Emergency>) -> Value {
    let duty = match &site.duty {
        Duty::Number(number) => format!("number {number}"),
        Duty::Queue(queue) => format!("queue {queue}"),
        Duty::Node(node) => format!("node {node} of the flow"),
    };
    let emergency = declared.get(name);
    json!({
        "kind": "site", "name": name, "duty": duty,
        "state": if emergency.is_some() { "emergency" } else { "normal" },
        "reason": emergency.map(|emergency| emergency.reason.to_string()),
        "by": emergency.map(|emergency| emergency.by.to_string()),
    })
}

/// One row for people.
fn text(row: &Value) -> String {
    let word = |key: &str| row[key].as_str().unwrap_or_default();
    let mut text = format!("{} {}: {}", word("kind"), word("name"), word("state"));
    let mut add = |piece: String| text.push_str(&piece);
    match (row["kind"].as_str(), row["until"].as_str()) {
        (Some("site"), _) if word("state") == "normal" => {
            add(format!("; in an emergency its calls go to {}", word("duty")));
        }
        (Some("site"), _) => {
            let (by, reason) = (word("by"), word("reason"));
            add(format!(", declared by {by}: {reason}; its calls go to {}", word("duty")));
        }
        (_, Some(until)) => add(format!(" until {until}")),
        (_, None) if row["at"].is_string() => add(" for more than a year".to_owned()),
        (_, None) => {}
    }
    let rule = &row["rule"];
    if let Some(says) = rule["says"].as_str() {
        let (file, line) = (rule["file"].as_str().unwrap_or_default(), &rule["line"]);
        add(format!("\n  by: {says} ({file}:{line})"));
    } else if row["at"].is_string() {
        add("\n  by: no line opens it".to_owned());
    }
    if let Some(why) = row["why"].as_str() {
        add(format!(": {why}"));
    }
    if let Some(calendar) = row["calendar"].as_str() {
        let secs = &row["drain_max_secs"];
        add(format!(
            "\n  calendar {calendar}; who waits when it closes is served for {secs} s more"
        ));
    }
    if let Some(opens) = row["opens"].as_str().filter(|opens| *opens != word("until")) {
        add(format!("\n  opens: {opens}"));
    }
    format!("{text}\n")
}
