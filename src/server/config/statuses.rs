//! `[statuses.lunch]` and its like in dozvon.toml: the rules of each status, over the house's own.

use super::finding::{Findings, Place, suggest};
use super::keys::{STATUS_KEYS, STATUSES_TABLE, Section};
use super::walk::{self, Table};
use dozvon_center::acd::{Status, StatusRules, Statuses};
use std::fmt::Write as _;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// The tables' names, in the order of the statuses.
const NAMES: [&str; 9] = [
    "statuses.ready",
    "statuses.lunch",
    "statuses.training",
    "statuses.short_break",
    "statuses.huddle",
    "statuses.not_ready",
    "statuses.one_to_one",
    "statuses.group_meeting",
    "statuses.technical_problems",
];

/// Reads the table of tables.
pub(super) fn read(
    findings: &mut Findings,
    place: &Place,
    value: &Spanned<DeValue<'_>>,
) -> Statuses {
    let mut statuses = Statuses::default();
    let source = place.source;
    let Some(tables) = value.get_ref().as_table() else {
        findings.error(place, "`statuses` is no table", "write [statuses.lunch] and keys below it");
        return statuses;
    };
    for (name, value) in tables {
        let word = name.get_ref().as_ref();
        let at = Place { source, span: name.span() };
        let Ok(status) = word.parse::<Status>() else {
            let known = Status::ALL.map(Status::as_str);
            let cure = suggest(word, "status", known);
            findings.error(&at, format!("`{word}` is no status"), cure);
            continue;
        };
        let section = Section {
            file: "dozvon.toml",
            name: NAMES[status as usize],
            many: false,
            doc: STATUSES_TABLE.1,
            keys: &STATUS_KEYS,
        };
        let Some(table) = walk::single(findings, &section, source, value) else { continue };
        let rules = rules(&table, StatusRules::of(status));
        let problems = rules.problems(status);
        if problems.is_empty() {
            statuses.set(status, rules);
        }
        for (key, message) in problems {
            let key = STATUS_KEYS.iter().find(|known| known.name.starts_with(key));
            let place = key.map_or(&at, |key| table.entry(key.name).map_or(&at, |e| &e.place));
            findings.error(place, message, "see docs/config.md for the limits of statuses");
        }
    }
    statuses
}

/// The house's rules with what the table says over them; 0 takes a limit away.
fn rules(table: &Table, house: StatusRules) -> StatusRules {
    // What is not there, or was wrong, has no entry.
    let there = |key: &str| table.entry(key).is_some();
    let flag = |key: &str, otherwise| if there(key) { table.flag(key) } else { otherwise };
    let count = |key: &str, otherwise: Option<u32>| {
        if there(key) { Some(table.number(key)).filter(|n| *n > 0) } else { otherwise }
    };
    let secs = |key: &str, otherwise: Option<Duration>| {
        if there(key) { Some(table.secs(key)).filter(|t| !t.is_zero()) } else { otherwise }
    };
    StatusRules {
        routable: flag("routable", house.routable),
        paid: flag("paid", house.paid),
        productive: flag("productive", house.productive),
        max_duration: secs("max_duration_secs", house.max_duration),
        warn_at: secs("warn_at_secs", house.warn_at),
        quota_per_shift: count("quota_per_shift", house.quota_per_shift),
        long_max_duration: secs("long_max_duration_secs", house.long_max_duration),
        long_per_shift: count("long_per_shift", Some(house.long_per_shift)).unwrap_or(0),
        auto_return: flag("auto_return", house.auto_return),
    }
}

/// The rules of one status as keys and values of TOML.
fn values(rules: &StatusRules) -> [(&'static str, String); 9] {
    let secs = |time: Option<Duration>| time.unwrap_or_default().as_secs().to_string();
    [
        ("routable", rules.routable.to_string()),
        ("paid", rules.paid.to_string()),
        ("productive", rules.productive.to_string()),
        ("max_duration_secs", secs(rules.max_duration)),
        ("warn_at_secs", secs(rules.warn_at)),
        ("quota_per_shift", rules.quota_per_shift.unwrap_or(0).to_string()),
        ("long_max_duration_secs", secs(rules.long_max_duration)),
        ("long_per_shift", rules.long_per_shift.to_string()),
        ("auto_return", rules.auto_return.to_string()),
    ]
}

/// All tables as they stand in a file.
pub(super) fn write(out: &mut String, statuses: &Statuses) {
    for status in Status::ALL {
        let _ = writeln!(out, "[{}]", NAMES[status as usize]);
        for (key, value) in values(statuses.of(status)) {
            let _ = writeln!(out, "{key} = {value}");
        }
    }
}

/// One of the tables for the sample, at the house's values.
pub(super) fn sample(out: &mut String) {
    let _ = writeln!(out, "#[{}]", NAMES[Status::Lunch as usize]);
    for (key, (name, value)) in STATUS_KEYS.iter().zip(values(&StatusRules::of(Status::Lunch))) {
        let _ = writeln!(out);
        super::reference::comment(out, &super::reference::sentence(key));
        let _ = writeln!(out, "#{name} = {value}");
    }
}

/// The part of docs/config.md.
pub(super) fn reference(out: &mut String) {
    let _ = write!(out, "\n## dozvon.toml: `[statuses.…]`\n\n{}\n\n", STATUSES_TABLE.1);
    let _ = write!(out, "| Key | What it does |\n|---|---|\n");
    for key in &STATUS_KEYS {
        let _ = writeln!(out, "| `{}` | {} |", key.name, super::reference::sentence(key));
    }
    let _ = writeln!(out, "\nThe house's own rules:\n");
    let head: Vec<&str> = values(&StatusRules::of(Status::Ready)).map(|(key, _)| key).to_vec();
    let _ = writeln!(out, "| Status | `{}` |\n|---|{}", head.join("` | `"), "---|".repeat(9));
    for status in Status::ALL {
        let row = values(&StatusRules::of(status)).map(|(_, value)| value);
        let _ = writeln!(out, "| `{status}` | {} |", row.join(" | "));
    }
}
