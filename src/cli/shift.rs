//! `dozvon shift report`: what was planned for each agent on a day against what was lived, from the database.

use super::{Format, ReportFormat, ShiftArgs, ShiftCommand, ShiftReportArgs, print, tell, verdict};
use crate::server::config::{Missing, Shifts, Tests, environment, load, read_schedules};
use crate::server::store::{AgentDay, agent_days};
use dozvon_center::acd::Statuses;
use dozvon_center::conduct::ConductKind;
use dozvon_center::shift::{Figures, Planned, judge};
use dozvon_clock::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Does what is asked about shifts.
pub(crate) fn shift(args: &ShiftArgs) -> ExitCode {
    match &args.command {
        ShiftCommand::Report(args) => report(args),
    }
}

fn report(args: &ShiftReportArgs) -> ExitCode {
    let (loaded, mut findings) = load(&args.config, &environment(), Missing::Leave, Tests::Leave);
    let Some(loaded) = loaded else {
        tell(&findings, Format::Full);
        return verdict(&findings);
    };
    let shifts = &loaded.settings.shifts;
    let agents: Vec<&str> = loaded.policy.acd.agents.iter().map(|agent| &*agent.name).collect();
    let plans = read_schedules(&mut findings, shifts, &agents);
    if findings.has_errors() {
        tell(&findings, Format::Full);
        return verdict(&findings);
    }
    let now = jiff::Timestamp::now();
    let day = args.day.unwrap_or_else(|| now.to_zoned(shifts.zone.clone()).date());
    let Some(span) = span(shifts, day) else {
        eprintln!("dozvon: there is no day {day} to report on");
        return ExitCode::FAILURE;
    };
    let database = &loaded.settings.store.database;
    match agent_days(database, span, moment(now).unwrap_or(span.1)) {
        Ok(days) => {
            let rows = rows(&plans, &days, span, &loaded.policy.acd.statuses, shifts);
            print(&match args.format {
                ReportFormat::Text => text(day, &rows),
                ReportFormat::Json => format!("{}\n", as_json(day, &rows)),
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dozvon: the database {database} can't be read: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One agent's line.
struct Row {
    agent: String,
    figures: Figures,
    conduct: BTreeMap<String, u32>,
}

fn moment(at: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(at.as_microsecond()).ok().map(Timestamp::from_micros)
}

/// The day by the house's clock, which may have 23 or 25 hours.
fn span(shifts: &Shifts, day: Date) -> Option<(Timestamp, Timestamp)> {
    let start = |day: Date| moment(day.to_zoned(shifts.zone.clone()).ok()?.timestamp());
    Some((start(day)?, start(day.tomorrow().ok()?)?))
}

/// Everybody who was planned or was there, by name.
fn rows(
    plans: &BTreeMap<String, Vec<Planned>>,
    days: &BTreeMap<String, AgentDay>,
    span: (Timestamp, Timestamp),
    statuses: &Statuses,
    shifts: &Shifts,
) -> Vec<Row> {
    let names: BTreeSet<&String> = plans.keys().chain(days.keys()).collect();
    let row = |agent: &&String| {
        let cut = |p: &Planned| {
            let (from, until) = (p.from.max(span.0), p.until.min(span.1));
            (from < until).then_some(Planned { from, until, ..*p })
        };
        let plan: Vec<Planned> = plans.get(*agent).into_iter().flatten().filter_map(cut).collect();
        let day = days.get(*agent).cloned().unwrap_or_default();
        let figures = judge(&plan, &day.lived, statuses, shifts.grace);
        (figures != Figures::default() || !day.conduct.is_empty()).then(|| Row {
            agent: (*agent).clone(),
            figures,
            conduct: day.conduct,
        })
    };
    names.iter().filter_map(row).collect()
}

fn text(day: Date, rows: &[Row]) -> String {
    let mut out = format!(
        "{day}\n{:20} {:>9} {:>9} {:>9} {:>9} {:>11} {:>6} {:>8} {:>7} {:>7}\n",
        "agent",
        "logged in",
        "paid",
        "planned",
        "adherence",
        "conformance",
        "missed",
        "declined",
        "hung up",
        "escaped"
    );
    for row in rows {
        let hours = |time: std::time::Duration| {
            format!("{}:{:02}", time.as_secs() / 3_600, time.as_secs() / 60 % 60)
        };
        let percent = |ratio: Option<f64>| {
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
        };
        let [missed, declined, hung_up, escaped] = seen(row);
        let figures = &row.figures;
        let _ = writeln!(
            out,
            "{:20} {:>9} {:>9} {:>9} {:>9} {:>11} {:>6} {:>8} {:>7} {:>7}",
            row.agent,
            hours(figures.logged_in),
            hours(figures.paid),
            hours(figures.scheduled + figures.excused),
            percent(figures.adherence()),
            percent(figures.conformance()),
            missed,
            declined,
            hung_up,
            escaped
        );
    }
    out
}

/// How often each kind of conduct was seen, in the order of the kinds.
fn seen(row: &Row) -> [u32; 4] {
    ConductKind::ALL.map(|kind| row.conduct.get(kind.as_str()).copied().unwrap_or(0))
}

fn as_json(day: Date, rows: &[Row]) -> Value {
    let row = |row: &Row| {
        let figures = &row.figures;
        let [missed, declined, quick_hang_up, status_avoidance] = seen(row);
        json!({
            "agent": row.agent,
            "logged_in_secs": figures.logged_in.as_secs_f64(),
            "paid_secs": figures.paid.as_secs_f64(),
            "productive_secs": figures.productive.as_secs_f64(),
            "scheduled_secs": figures.scheduled.as_secs_f64(),
            "adherent_secs": figures.adherent.as_secs_f64(),
            "excused_secs": figures.excused.as_secs_f64(),
            "paid_planned_secs": figures.paid_planned.as_secs_f64(),
            "adherence": figures.adherence(),
            "conformance": figures.conformance(),
            "missed": missed,
            "declined": declined,
            "quick_hang_up": quick_hang_up,
            "status_avoidance": status_avoidance,
        })
    };
    json!({ "day": day.to_string(), "agents": rows.iter().map(row).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dozvon_center::acd::{Presence, Status};
    use dozvon_center::shift::Lived;
    use jiff::tz::TimeZone;

    fn shifts(hours: i8) -> Shifts {
        let zone = TimeZone::fixed(jiff::tz::offset(hours));
        Shifts { folder: None, zone, grace: dozvon_center::shift::GRACE }
    }

    #[test]
    fn the_plan_is_cut_to_the_day_and_everybody_planned_or_there_has_a_line() {
        let shifts = shifts(5);
        let day: Date = "2026-01-31".parse().unwrap();
        let span = span(&shifts, day).unwrap();
        let hour = |hour: i64| {
            let micros = i64::try_from(span.0.as_micros()).unwrap() + hour * 3_600_000_000;
            Timestamp::from_micros(u64::try_from(micros).unwrap())
        };
        assert_eq!(span.1, hour(24));
        let planned = |from, until| {
            vec![Planned { from: hour(from), until: hour(until), status: Status::Ready }]
        };
        let plans = BTreeMap::from([
            ("anna".to_owned(), planned(-4, 4)),
            ("boris".to_owned(), planned(9, 10)),
            ("clara".to_owned(), planned(24, 30)),
        ]);
        let lived =
            |from, until| Lived { from: hour(from), until: hour(until), presence: Presence::READY };
        let anna = AgentDay { lived: vec![lived(0, 3)], conduct: [("missed".into(), 2)].into() };
        let dora = AgentDay { lived: vec![lived(9, 10)], ..AgentDay::default() };
        let days = BTreeMap::from([("anna".to_owned(), anna), ("dora".to_owned(), dora)]);
        let rows = rows(&plans, &days, span, &Statuses::default(), &shifts);
        let names: Vec<&str> = rows.iter().map(|row| &*row.agent).collect();
        assert_eq!(names, ["anna", "boris", "dora"]);
        let json = as_json(day, &rows);
        assert_eq!(json["agents"][0]["adherence"], 0.75);
        assert_eq!(json["agents"][0]["missed"], 2);
        assert_eq!(json["agents"][1]["conformance"], 0.0);
        assert_eq!(json["agents"][2]["adherence"], Value::Null);
        let text = text(day, &rows);
        assert!(text.contains("75.0 %") && text.lines().count() == 5, "{text}");
    }
}
