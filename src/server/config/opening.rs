//! Opening hours of queues (queues.toml) and sites with their duty offices (sites.toml).

use super::base::Base;
use super::files::{refuse_duplicates, tables};
use super::finding::{Finding, Findings, Place, Severity, suggest};
use super::keys::SITE;
use super::staff::Staff;
use super::trials::Trial;
use super::walk::Table;
use dozvon_center::calendar::Calendars;
use dozvon_center::flow::{Duty, Flow};
use dozvon_center::opening::{Opening, QueueHours, Site};
use dozvon_switch::config::Number;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What sites may name.
pub(super) struct Known<'a> {
    /// Queues and their hours.
    pub(super) staff: &'a Staff,
    pub(super) calendars: &'a Calendars,
    pub(super) numbers: &'a BTreeMap<String, Number>,
    pub(super) flows: &'a BTreeMap<Arc<str>, Arc<Flow>>,
    pub(super) trials: &'a [Trial],
}

/// What a queue's table says of its hours; `None` when it is always open.
pub(super) fn queue_hours(findings: &mut Findings, table: &Table) -> Option<(QueueHours, Place)> {
    let place = table.place("calendar").clone();
    match table.text_opt("calendar").filter(|name| !name.is_empty()) {
        Some(calendar) => {
            let drain_max = table.secs("drain_max_secs");
            Some((QueueHours { calendar: calendar.into(), drain_max }, place))
        }
        None => {
            if table.says("drain_max_secs") {
                let message = format!("queue `{}` has no hours to close after", table.text("name"));
                let cure = "add calendar = \"…\", a file of calendars/, or take it out";
                findings.error(table.place("drain_max_secs"), message, cure);
            }
            None
        }
    }
}

/// Reads sites.toml and proves the calendars of queues.
pub(super) fn read(findings: &mut Findings, base: &Base, known: &Known<'_>) -> Opening {
    let mut opening = Opening::default();
    for (queue, (hours, place)) in &known.staff.hours {
        if known.calendars.get(&hours.calendar).is_none() {
            let message = format!("there is no calendar `{}` in calendars/", hours.calendar);
            let cure =
                suggest(&hours.calendar, "calendar", known.calendars.names().collect::<Vec<_>>());
            findings.error(place, message, cure);
        }
        opening.queues.insert(queue.clone(), hours.clone());
    }
    let path = base.folder.join("sites.toml");
    let found = tables(findings, &path, &[&SITE]).remove("site").unwrap_or_default();
    refuse_duplicates(findings, &found, "name", "site");
    let mut homes: BTreeMap<String, Place> = BTreeMap::new();
    for table in &found {
        let duty = duty(findings, known, table);
        let numbers = numbers(findings, known, table, &mut homes);
        if let Some(duty) = duty {
            check_node(findings, known, table, &duty);
            let name = table.text("name");
            let title = table.text_opt("title").filter(|title| !title.is_empty());
            let title = title.unwrap_or(name).into();
            opening.sites.insert(name.into(), Site { title, numbers, duty });
        }
    }
    opening
}

fn numbers(
    findings: &mut Findings,
    known: &Known<'_>,
    table: &Table,
    homes: &mut BTreeMap<String, Place>,
) -> std::collections::BTreeSet<String> {
    let name = table.text("name");
    if table.list("numbers").is_empty() && !table.is_wrong("numbers") {
        let message = format!("site `{name}` has no number: no call is ever its own");
        findings.error(&table.place, message, "add numbers = [\"…\"], some of numbers.toml");
    }
    for (number, place) in table.list("numbers") {
        if !known.numbers.contains_key(number) {
            let message = format!("site `{name}` has `{number}`, which is not in numbers.toml");
            let cure = suggest(number, "number", known.numbers.keys().map(String::as_str));
            findings.error(place, message, cure);
        }
        if let Some(first) = homes.insert(number.clone(), place.clone()) {
            let message = format!("`{number}` belongs to a site already");
            let cure = "leave it at one of them".to_owned();
            let mut finding = Finding::new(Severity::Error, place, message, cure);
            finding.also = Some((first, "here".to_owned()));
            findings.add(finding);
        }
    }
    table.list("numbers").iter().map(|(number, _)| number.clone()).collect()
}

/// Where the calls go: just one place. `None` when that is wrong, which is noted.
fn duty(findings: &mut Findings, known: &Known<'_>, table: &Table) -> Option<Duty> {
    let keys = ["duty_number", "duty_queue", "duty_node"];
    let said: Vec<&str> = keys.into_iter().filter(|key| table.says(key)).collect();
    let [key] = said[..] else {
        if !keys.iter().any(|key| table.is_wrong(key)) {
            let how = if said.is_empty() { "no" } else { "more than one" };
            let message = format!("site `{}` has {how} duty office", table.text("name"));
            let cure = "say one of duty_number, duty_queue and duty_node";
            findings.error(&table.place, message, cure);
        }
        return None;
    };
    let (value, place) = (table.text(key), table.place(key));
    match key {
        "duty_number" => {
            let digits = value.trim_start_matches('+');
            let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let uri = ["sip:", "sips:", "tel:"].iter().any(|scheme| value.starts_with(scheme));
            if !number && !uri {
                let message = format!("`{value}` is neither a number nor a sip: address");
                findings.error(place, message, "write it like +77270000112");
            }
            Some(Duty::Number(value.into()))
        }
        "duty_queue" => {
            let queues = known.staff.queues.iter().map(|queue| &*queue.name);
            if !queues.clone().any(|queue| queue == value) {
                let message = format!("there is no queue `{value}`");
                findings.error(place, message, suggest(value, "queue", queues.collect::<Vec<_>>()));
            }
            if known.staff.hours.contains_key(value) {
                let message = format!("the duty office `{value}` has opening hours");
                let cure = "take the calendar from that queue: an emergency knows no hours";
                findings.error(place, message, cure);
            }
            Some(Duty::Queue(value.into()))
        }
        _ => Some(Duty::Node(value.into())),
    }
}

/// A duty node must be in every flow that the site's numbers lead to, and in those that are tried on their callers.
fn check_node(findings: &mut Findings, known: &Known<'_>, table: &Table, duty: &Duty) {
    let Duty::Node(node) = duty else { return };
    for (number, _) in table.list("numbers") {
        let Some(Number::Flow(flow)) = known.numbers.get(number) else { continue };
        let tried = known.trials.iter().filter(|trial| trial.present == *flow);
        for flow in tried.map(|trial| &trial.candidate).chain([flow]) {
            // A flow with mistakes is told of already.
            let Some(flow) = known.flows.get(&**flow) else { continue };
            if flow.find(node).is_none() {
                let message =
                    format!("flow `{}` of number {number} has no node `{node}`", flow.name);
                let names: Vec<&str> = flow.nodes.iter().map(|node| &*node.name).collect();
                findings.error(table.place("duty_node"), message, suggest(node, "node", names));
            }
        }
    }
}
