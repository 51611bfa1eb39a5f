//! The figures of a simulated day: equal to an independent script's, reconciled with Prometheus, exported whole.

use super::day::{Day, live};
use super::*;
use crate::server::store::Store;
use crate::server::store::testing::{Place, on_each};
use dozvon_center::contact::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const DAY: i64 = 86_400_000_000;

/// The parts of a report with what names a row in each.
const PARTS: [(&str, &[&str]); 9] = [
    ("queues", &["queue"]),
    ("transfers", &["queue", "how", "target"]),
    ("callbacks", &["queue"]),
    ("calls", &[]),
    ("bots", &[]),
    ("fcr", &["days"]),
    ("surveys", &["queue"]),
    ("scores", &["queue", "question"]),
    ("agents", &["agent"]),
];

fn the_day() -> &'static Day {
    static DAY: OnceLock<Day> = OnceLock::new();
    DAY.get_or_init(|| live(7, Place::file()))
}

fn micros(at: dozvon_clock::Timestamp) -> i64 {
    i64::try_from(at.as_micros()).unwrap()
}

/// The first day, and everything.
fn spans(day: &Day) -> [Span; 2] {
    let from = micros(day.begins);
    [
        Span { label: "the day".into(), from, to: from + DAY },
        Span { label: "all".into(), from: from - DAY, to: from + 400 * DAY },
    ]
}

fn reports(day: &Day) -> Reports {
    Reports::open(&day.place.database()).unwrap()
}

fn figures(day: &Day, span: &Span, now: i64) -> Figures {
    reports(day).figures(std::slice::from_ref(span), now).unwrap().remove(0)
}

fn part<'a>(figures: &'a Figures, name: &str) -> &'a [Row] {
    match name {
        "queues" => &figures.queues,
        "transfers" => &figures.transfers,
        "callbacks" => &figures.callbacks,
        "calls" => &figures.calls,
        "bots" => &figures.bots,
        "fcr" => &figures.fcr,
        "surveys" => &figures.surveys,
        "scores" => &figures.scores,
        "agents" => &figures.agents,
        other => panic!("no part {other}"),
    }
}

fn all<'a>(rows: &'a [Row], key: &str) -> &'a Row {
    rows.iter().find(|row| row[key] == ALL).unwrap()
}

fn exported(day: &Day) -> PathBuf {
    let path = day.folder.path("exported.jsonl");
    let [_, whole] = spans(day);
    let mut file = std::fs::File::create(&path).unwrap();
    let log = day.folder.path("events.jsonl");
    let broken = events(Some(&log), Some(&mut reports(day)), &whole, &mut file).unwrap();
    assert_eq!(broken, 0, "every line is whole");
    path
}

/// What the script makes of the events.
fn recomputed(path: &Path, span: &Span, now: i64) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/recompute.py");
    let times = [span.from, span.to, now].map(|time| time.to_string());
    let output = Command::new("python3")
        .arg(script)
        .arg(path)
        .args(times)
        .args(["general=20", "cards=20", "loans=30", "night=20"])
        .output()
        .expect("python3 is needed: apt-get install python3, or `make test`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Counts and names exactly, seconds and ratios to a millionth.
fn equal(ours: &Value, theirs: &Value) -> bool {
    if let (Some(ours), Some(theirs)) = (ours.as_i64(), theirs.as_i64()) {
        return ours == theirs;
    }
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) => {
            (ours - theirs).abs() <= 1e-6 * ours.abs().max(theirs.abs()).max(1e-3)
        }
        (None, None) => ours == theirs,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn differences(figures: &Figures, script: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, keys) in PARTS {
        let whose = |row: &Row| keys.iter().map(|key| row[*key].to_string()).collect::<Vec<_>>();
        let theirs = script[name].as_array().unwrap().iter().map(|row| row.as_object().unwrap());
        let mut theirs: BTreeMap<_, _> = theirs.map(|row| (whose(row), row)).collect();
        for ours in part(figures, name) {
            let Some(theirs) = theirs.remove(&whose(ours)) else {
                found.push(format!("{name} {:?}: only in the report", whose(ours)));
                continue;
            };
            let missing = Value::String("(missing)".into());
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for figure in names.into_iter().filter(|figure| *figure != "team") {
                let (a, b) = (ours.get(figure), theirs.get(figure));
                let (a, b) = (a.unwrap_or(&missing), b.unwrap_or(&missing));
                if !equal(a, b) {
                    found
                        .push(format!("{name} {:?} {figure}: report {a}, script {b}", whose(ours)));
                }
            }
        }
        found.extend(theirs.keys().map(|row| format!("{name} {row:?}: only from the script")));
    }
    found
}

#[test]
fn every_figure_is_what_an_independent_script_makes_of_the_exported_events() {
    let day = the_day();
    let path = exported(day);
    let [first, whole] = spans(day);
    let end = micros(day.ends);
    let in_the_middle = first.from + 14 * 3_600_000_000;
    let week = Span { label: "a week".into(), from: first.to, to: first.to + 7 * DAY };
    let mut compared = 0;
    for (span, now) in [
        (&first, first.from + 10 * DAY),
        (&whole, end),
        (&week, end),
        (&first, first.to + 3_600_000_000),
        (&Span { label: "a morning".into(), from: first.from, to: in_the_middle }, end),
    ] {
        let figures = figures(day, span, now);
        let script = recomputed(&path, span, now);
        let found = differences(&figures, &script);
        assert!(found.is_empty(), "{} as of {now}:\n{}", span.label, found.join("\n"));
        compared +=
            PARTS.iter().flat_map(|(name, _)| part(&figures, name)).map(Row::len).sum::<usize>();
    }
    assert!(compared > 1_000, "{compared} figures are too few to prove anything");
}

#[test]
fn the_day_has_something_of_everything() {
    let day = the_day();
    let [first, whole] = spans(day);
    let figures = figures(day, &first, micros(day.ends));
    let queues = all(&figures.queues, "queue");
    let dull: Vec<&String> = queues
        .iter()
        .filter(|(_, figure)| figure.as_f64() == Some(0.0) || figure.is_null())
        .map(|(name, _)| name)
        .filter(|name| *name != "threshold_secs")
        .collect();
    assert!(dull.is_empty(), "nothing happened for {dull:?}");
    assert!(queues["offered"].as_i64() > Some(400));
    let everything = super::tests::figures(day, &whole, micros(day.ends));
    let text = |row: &Row, key: &str| row[key].as_str().unwrap().to_owned();
    let passed: BTreeSet<_> =
        everything.transfers.iter().map(|row| (text(row, "how"), text(row, "target"))).collect();
    for (how, target) in [
        ("blind", "agent"),
        ("blind", "queue"),
        ("blind", "external"),
        ("blind", "ivr"),
        ("attended", "agent"),
        ("attended", "external"),
        ("conference", "agent"),
        ("conference", "external"),
        ("taken_over", "agent"),
        ("agent_lost", "queue"),
    ] {
        assert!(
            passed.contains(&(how.to_owned(), target.to_owned())),
            "{how} to {target}: {passed:?}"
        );
    }
    let agents = all(&everything.agents, "agent");
    assert!(agents["own_calls"].as_i64() > agents["own_calls_answered"].as_i64());
    assert!(agents["own_talk_secs"].as_f64() > Some(60.0));
    assert_eq!(figures.fcr.len(), 3, "all windows have matured");
    assert!(figures.fcr.iter().all(|row| row["fcr"].as_f64() < Some(1.0)));
    let over_midnight = "SELECT count(*) FROM talks WHERE counted_at < ?1 AND ended_at > ?1";
    let mut reports = reports(day);
    let some: Option<i64> = reports.db.cell(over_midnight, values![first.to]).unwrap();
    assert!(some > Some(0), "a talk of the day ends on the next");
    let calls = &reports.figures(&[whole], micros(day.ends)).unwrap()[0].calls[0];
    assert_eq!(calls["calls"].as_u64(), u64::try_from(day.contacts).ok(), "every contact once");
    assert_eq!(calls["refused"], 5, "strangers' mistakes are not our capacity");
}

#[test]
fn outcomes_sum_to_one_and_segments_to_what_was_offered() {
    let day = the_day();
    for span in spans(day) {
        let figures = figures(day, &span, micros(day.ends));
        for row in &figures.queues {
            let ratios = Outcome::ALL.iter().filter(|outcome| **outcome != Outcome::ShortAbandoned);
            let sum: f64 =
                ratios.map(|o| row[&format!("{}_ratio", o.as_str())].as_f64().unwrap()).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{} sums to {sum}", row["queue"]);
            let cases: i64 = Outcome::ALL.iter().map(|o| row[o.as_str()].as_i64().unwrap()).sum();
            assert_eq!(Some(cases), row["offered"].as_i64());
            let verdicts = ["met", "missed", "excluded"].map(|word| row[word].as_i64().unwrap());
            assert_eq!(verdicts.iter().sum::<i64>(), cases, "every segment is judged once");
        }
    }
}

/// The sum of all series of this name that have these labels.
fn counted(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let series = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    let wanted: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    series
        .filter_map(|line| line.rsplit_once("} "))
        .filter(|(labels, _)| wanted.iter().all(|label| labels.split(',').any(|l| l == label)))
        .map(|(_, value)| value.parse::<f64>().unwrap())
        .sum()
}

#[test]
fn the_figures_reconcile_with_what_prometheus_was_told_of_the_same_time() {
    let day = the_day();
    let [_, whole] = spans(day);
    let figures = figures(day, &whole, micros(day.ends));
    let text = &day.metrics;
    let close = |ours: &Value, theirs: f64, what: &str| {
        let ours = ours.as_f64().unwrap();
        assert!((ours - theirs).abs() <= 1e-6 * ours.max(1.0), "{what}: {ours} and {theirs}");
    };
    for row in figures.queues.iter().filter(|row| row["queue"] != ALL) {
        let queue = ("queue", row["queue"].as_str().unwrap());
        let count = |name: &str, more: &[(&str, &str)]| {
            let labels: Vec<_> = [queue].iter().chain(more).copied().collect();
            counted(text, &format!("dozvon_{name}"), &labels)
        };
        close(&row["offered"], count("queue_segments_offered_total", &[]), "offered");
        for outcome in Outcome::ALL.map(Outcome::as_str) {
            let theirs = count("queue_segments_ended_total", &[("outcome", outcome)]);
            close(&row[outcome], theirs, outcome);
        }
        for verdict in ["met", "missed", "excluded"] {
            close(
                &row[verdict],
                count("queue_service_level_total", &[("result", verdict)]),
                verdict,
            );
        }
        let answered = [("result", "answered")];
        let (sum, n) = (
            count("queue_wait_seconds_sum", &answered),
            count("queue_wait_seconds_count", &answered),
        );
        if n > 0.0 {
            close(&row["asa_secs"], sum / n, "ASA");
            let handled = count("handle_seconds_count", &[]);
            close(&row["aht_secs"], count("handle_seconds_sum", &[]) / handled, "AHT");
        }
        close(&row["handled"], count("handle_seconds_count", &[]), "handled");
        close(&row["talk_secs"], count("talk_seconds_sum", &[]), "talk");
        close(&row["hold_secs"], count("hold_seconds_sum", &[]), "hold");
        close(&row["acw_secs"], count("acw_seconds_sum", &[]), "ACW");
        close(&row["offers"], count("agent_offers_total", &[]), "offers");
        let declined = count("agent_offers_total", &[("result", "declined")]);
        close(&row["offers_declined"], declined, "declined");
    }
    let calls = &figures.calls[0];
    close(&calls["calls"], counted(text, "dozvon_calls_started_total", &[]), "calls");
    let refused = counted(text, "dozvon_calls_refused_total", &[("reason", "overload")]);
    close(&calls["refused"], refused, "refused");
    for row in figures.surveys.iter().filter(|row| row["queue"] != ALL) {
        let queue = [("queue", row["queue"].as_str().unwrap())];
        close(
            &row["surveys_offered"],
            counted(text, "dozvon_survey_offered_total", &queue),
            "surveys",
        );
    }
    let everybody = all(&figures.agents, "agent");
    let time = |labels: &[(&str, &str)]| counted(text, "dozvon_agent_time_seconds_total", labels);
    close(&everybody["logged_in_secs"], time(&[]), "time at work");
    close(&everybody["idle_secs"], time(&[("status", "ready"), ("activity", "idle")]), "idle");
    let talking = ["talking", "consult", "conference"].map(|does| time(&[("activity", does)]));
    close(&everybody["on_talk_secs"], talking.iter().sum(), "talking");
    close(&everybody["on_hold_secs"], time(&[("activity", "hold")]), "on hold");
    close(&everybody["in_acw_secs"], time(&[("activity", "wrap_up")]), "wrap-up");
}

fn lines(write: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_queue_log_tells_the_same_day_in_order() {
    let day = the_day();
    let [_, whole] = spans(day);
    let log = lines(|out| queue_log(&mut reports(day), &whole, out).unwrap());
    let figures = figures(day, &whole, micros(day.ends));
    let row = all(&figures.queues, "queue");
    let mut events: BTreeMap<&str, i64> = BTreeMap::new();
    let mut last = 0;
    let mut waiting = BTreeSet::new();
    for line in &log {
        let fields: Vec<&str> = line.split('|').collect();
        assert!(fields.len() >= 5, "{line}");
        let at: i64 = fields[0].parse().unwrap();
        assert!(at >= last, "in order: {line}");
        last = at;
        *events.entry(fields[4]).or_default() += 1;
        match fields[4] {
            "ENTERQUEUE" => assert!(waiting.insert((fields[1], fields[2])), "{line}"),
            "ABANDON" | "EXITEMPTY" | "EXITWITHTIMEOUT" | "EXITWITHKEY" => {
                assert!(waiting.remove(&(fields[1], fields[2])), "it was entered before: {line}");
            }
            "CONNECT" => _ = waiting.remove(&(fields[1], fields[2])),
            _ => {}
        }
        let data = match fields[4] {
            "ENTERQUEUE" | "CONNECT" | "ABANDON" | "COMPLETECALLER" | "COMPLETEAGENT"
            | "EXITEMPTY" | "EXITWITHTIMEOUT" => 3,
            "EXITWITHKEY" => 4,
            "BLINDTRANSFER" | "ATTENDEDTRANSFER" => 5,
            _ => 1,
        };
        assert_eq!(fields.len(), 5 + data, "{line}");
    }
    let figure = |name: &str| row[name].as_i64().unwrap();
    assert_eq!(events["ENTERQUEUE"], figure("offered") - figure("rejected_full"));
    let called_back = all(&figures.callbacks, "queue");
    let called_back = |name: &str| called_back[name].as_i64().unwrap();
    assert_eq!(events["CONNECT"], figure("answered") + called_back("callbacks_reached"));
    let ends = ["COMPLETECALLER", "COMPLETEAGENT", "BLINDTRANSFER", "ATTENDEDTRANSFER"];
    assert!(ends.iter().all(|word| events[word] > 0), "{events:?}");
    let ended: i64 = ends.iter().map(|word| events[word]).sum();
    assert_eq!(ended, events["CONNECT"], "each connection ends once");
    let abandons = figure("abandoned") + figure("short_abandoned") + figure("failed");
    assert_eq!(events["ABANDON"], abandons);
    assert_eq!(events["EXITEMPTY"], figure("no_agents") + figure("closed"));
    assert_eq!(events["WRAPUP"], figure("handled"));
    let failed = events["RINGNOANSWER"] + events["RINGCANCELED"];
    // An agent who is called first has answered the offer, whoever answers him then.
    assert_eq!(failed, figure("offers") - figure("answered") - called_back("callback_attempts"));
    for word in ["ADDMEMBER", "REMOVEMEMBER", "PAUSEALL", "UNPAUSEALL"] {
        assert!(events[word] > 0, "{word}");
    }
}

#[test]
fn there_is_a_record_of_each_call_and_csv_has_as_many_columns_as_names() {
    let day = the_day();
    let [first, whole] = spans(day);
    let records = lines(|out| cdr(&mut reports(day), &whole, out).unwrap());
    assert_eq!(records.len(), day.records);
    let records: Vec<Value> =
        records.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let talked = |record: &&Value| record["talk_secs"].as_f64() > Some(1.0);
    let record = records.iter().find(talked).unwrap();
    assert!(record["started_at"].as_str().unwrap().ends_with('Z'));
    assert!(record["operator_requested"].is_boolean());
    assert_eq!(record["outcome"], "answered");
    let sum = |name: &str| -> f64 { records.iter().filter_map(|r| r[name].as_f64()).sum() };
    let figures = figures(day, &whole, micros(day.ends));
    let row = all(&figures.queues, "queue");
    for (ours, theirs) in
        [("talk_secs", "talk_secs"), ("hold_secs", "hold_secs"), ("acw_secs", "acw_secs")]
    {
        assert!((sum(ours) - row[theirs].as_f64().unwrap()).abs() < 1e-3, "{ours}");
    }
    let table = lines(|out| cdr_csv(&mut reports(day), &first, out).unwrap());
    let columns = table[0].split(',').count();
    assert!(table.len() > 400 && columns > 20);
    let quoted = |line: &&String| line.contains('"');
    for line in table.iter().filter(|line| !quoted(line)) {
        assert_eq!(line.split(',').count(), columns, "{line}");
    }
}

#[test]
fn events_of_a_stretch_come_from_all_files_of_the_log() {
    let day = the_day();
    let [first, whole] = spans(day);
    let log = day.folder.path("events.jsonl");
    let read =
        |span: &Span| lines(|out| assert_eq!(events(Some(&log), None, span, out).unwrap(), 0));
    let (some, every) = (read(&first), read(&whole));
    assert!(some.len() > 5_000 && some.len() < every.len());
    let older =
        day.folder.list().into_iter().filter(|path| path.to_string_lossy().contains(".jsonl."));
    assert!(older.count() > 2, "the log was rotated meanwhile");
    let none = events(None, None, &first, &mut Vec::new()).unwrap_err();
    assert!(none.to_string().contains("[events]"), "{none}");
}

#[test]
fn a_report_can_be_read_while_the_store_is_written() {
    let missing = Reports::open(&Place::file().missing()).unwrap_err();
    assert!(missing.to_string().contains("--config"), "{missing}");
    let missing = Reports::open(&Place::server().missing()).unwrap_err();
    assert!(missing.to_string().contains("does not exist"), "{missing}");
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
        let mut reports = Reports::open(&place.database()).unwrap();
        let span = Span { label: "a day".into(), from: 0, to: DAY };
        let empty = reports.figures(std::slice::from_ref(&span), DAY).unwrap().remove(0);
        assert!(empty.queues.is_empty() && empty.agents.is_empty());
        assert_eq!(empty.calls[0]["arrivals"], 0);
        let ratio = &empty.calls[0]["blocking_ratio"];
        assert_eq!(*ratio, Value::Null, "nothing of nothing is not known");
        let everything = Parts { queues: true, calls: true, agents: true };
        let shown = text("Day", &[span], &[empty], everything);
        assert!(shown.contains("Nobody was queued") && shown.contains(ATTRIBUTION), "{shown}");
        let refused = reports.db.execute("UPDATE runs SET batch = 7", &[]);
        assert!(refused.is_err(), "a report can't write");
        store.close();
        let newer = "UPDATE schema_version SET version = 99 WHERE version = ?1";
        place.look().execute(newer, values![SCHEMA_VERSION]).unwrap();
        let newer = Reports::open(&place.database()).unwrap_err();
        assert!(newer.to_string().contains("newer"), "{newer}");
    });
}

/// Fails where two rows tell otherwise, in order, name or kind of number.
fn assert_same(what: &str, ours: &[Row], theirs: &[Row]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        let names = |row: &Row| row.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(ours), names(theirs), "{what}");
        for (name, value) in ours {
            let same = equal(value, &theirs[name]) && value.is_i64() == theirs[name].is_i64();
            assert!(same, "{what}, {name}: {value} and {} in {ours:?}", theirs[name]);
        }
    }
}

#[test]
fn a_server_tells_of_the_same_day_what_a_file_tells() {
    let (file, server) = (the_day(), &live(7, Place::server()));
    let now = micros(file.ends);
    for span in spans(file) {
        let (ours, theirs) = (figures(file, &span, now), figures(server, &span, now));
        for (name, _) in PARTS {
            assert_same(name, part(&ours, name), part(&theirs, name));
        }
        let records = |day: &Day| -> Vec<Row> {
            let lines = lines(|out| cdr(&mut reports(day), &span, out).unwrap());
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        assert_same("cdr", &records(file), &records(server));
        let log = |day: &Day| lines(|out| queue_log(&mut reports(day), &span, out).unwrap());
        assert_eq!(log(file), log(server));
        let told = |day: &Day| {
            let log = day.folder.path("events.jsonl");
            lines(|out| {
                events(Some(&log), Some(&mut reports(day)), &span, out).unwrap();
            })
        };
        assert_eq!(told(file), told(server));
    }
}

#[test]
fn every_figure_is_explained() {
    let day = the_day();
    let [_, whole] = spans(day);
    let figures = figures(day, &whole, micros(day.ends));
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reports.md")).unwrap();
    let names = PARTS.iter().filter_map(|(name, _)| part(&figures, name).first());
    let names: BTreeSet<&String> = names.flat_map(Row::keys).collect();
    let silent: Vec<&&String> =
        names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(silent.is_empty(), "docs/reports.md does not explain {silent:?}");
}
