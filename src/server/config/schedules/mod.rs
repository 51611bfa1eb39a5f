//! The folder of schedules: what each agent should do when, from CSV and iCalendar files.
//!
//! Nothing here judges; [`dozvon_center::shift`] does. A mistake in one line leaves the others readable.

mod ical;
mod table;

use super::base::Base;
use super::files;
use super::finding::{Findings, Place, suggest};
use dozvon_center::acd::Status;
use dozvon_center::shift::Planned;
use dozvon_clock::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stretches of all plans together. One more is an error: take old files out.
pub(crate) const PLANNED_MAX: usize = 1_000_000;

/// The longest stretch of a plan. A longer one is a slip of the year or the month.
const STRETCH_MAX: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// Everybody's plan, each in order of time and without overlaps.
pub(crate) type Plans = BTreeMap<String, Vec<Planned>>;

/// The house's clock and the folder of its schedules.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shifts {
    /// Where the files are; `None`: there are no schedules.
    pub(crate) folder: Option<PathBuf>,
    /// The zone of times that name none, and of days.
    pub(crate) zone: TimeZone,
    /// A deviation of up to this long is none.
    pub(crate) grace: std::time::Duration,
}

/// A stretch as a file has it, with where it stands.
struct Found {
    agent: String,
    planned: Planned,
    place: Place,
}

/// What the readers of both kinds of files share.
struct Reading<'a> {
    findings: &'a mut Findings,
    agents: &'a [&'a str],
    zone: &'a TimeZone,
    found: Vec<Found>,
}

/// `[shifts]`; a zone that nobody knows is noted.
pub(super) fn shifts(findings: &mut Findings, base: &Base) -> Shifts {
    let table = base.table("shifts");
    let name = table.text("time_zone");
    let zone = TimeZone::get(name).unwrap_or_else(|_| {
        let message = format!("`{name}` is no time zone");
        let cure = "name it like \"Asia/Almaty\"; it must be on this machine (package tzdata)";
        findings.error(table.place("time_zone"), message, cure);
        TimeZone::UTC
    });
    let grace = table.secs("adherence_grace_secs");
    Shifts { folder: base.path("shifts", "schedules"), zone, grace }
}

/// Reads all files of the folder; every mistake is noted with its line.
pub(crate) fn read(findings: &mut Findings, shifts: &Shifts, agents: &[&str]) -> Plans {
    let Some(folder) = &shifts.folder else { return Plans::new() };
    let mut reading = Reading { findings, agents, zone: &shifts.zone, found: Vec::new() };
    for path in files::list(reading.findings, folder, "csv") {
        if let Some((source, text)) = files::read(reading.findings, &path, None) {
            table::read(&mut reading, source, &text);
        }
    }
    for path in files::list(reading.findings, folder, "ics") {
        if let Some((source, text)) = files::read(reading.findings, &path, None) {
            ical::read(&mut reading, source, &text, stem(&path));
        }
    }
    let found = reading.found;
    in_order(findings, found)
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

fn in_order(findings: &mut Findings, mut found: Vec<Found>) -> Plans {
    found.sort_by(|a, b| (&a.agent, a.planned).cmp(&(&b.agent, b.planned)));
    let mut plans = Plans::new();
    if let Some(first) = found.get(PLANNED_MAX) {
        let message = format!("{} stretches are too much for all schedules", found.len());
        findings.error(&first.place, message, format!("at most {PLANNED_MAX}: take old files out"));
        return plans;
    }
    for Found { agent, planned, place } in found {
        let plan = plans.entry(agent).or_default();
        if plan.last().is_some_and(|before: &Planned| before.until > planned.from) {
            let message = "this begins before the stretch planned before it is over";
            findings.error(&place, message, "let the stretches of an agent follow each other");
        } else {
            plan.push(planned);
        }
    }
    plans
}

impl Reading<'_> {
    /// Takes a stretch in, or notes what is wrong with it. `words`: agent, beginning, end, what to do.
    fn take(&mut self, place: &Place, words: [&str; 4], from: Moment, until: Moment) {
        let [agent, from_word, until_word, activity] = words;
        let known = self.agents.contains(&agent);
        if !known {
            let cure = suggest(agent, "agent", self.agents.iter().copied());
            self.findings.error(place, format!("there is no agent `{agent}`"), cure);
        }
        let status = activity.parse::<Status>();
        if status.is_err() {
            let cure = suggest(activity, "status", Status::ALL.map(Status::as_str));
            self.findings.error(place, format!("`{activity}` is no status"), cure);
        }
        let [from, until] = [(from_word, from), (until_word, until)].map(|(word, moment)| {
            if moment.is_none() {
                let cure = "write it like 2026-01-31T09:00, or with a zone: 2026-01-31T09:00+05:00";
                self.findings.error(place, format!("`{word}` is no time"), cure);
            }
            moment
        });
        let (Some(from), Some(until), Ok(status)) = (from, until, status) else { return };
        let lasts = until.since(from);
        if lasts.is_zero() || lasts > STRETCH_MAX {
            let message = format!("from {from_word} to {until_word} is no stretch of a shift");
            self.findings.error(place, message, "the end lies after the beginning, within a day");
        } else if known {
            let planned = Planned { from, until, status };
            self.found.push(Found { agent: agent.to_owned(), planned, place: place.clone() });
        }
    }
}

/// A moment of time, unless the words were none.
type Moment = Option<Timestamp>;

/// A moment of a zone's clock. Where the clock is put back, the first of the two hours is meant; where it is put
/// forward, the time after the gap.
fn local(time: DateTime, zone: &TimeZone) -> Moment {
    stamp(zone.to_ambiguous_timestamp(time).compatible().ok()?)
}

fn stamp(at: jiff::Timestamp) -> Moment {
    u64::try_from(at.as_microsecond()).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests;
