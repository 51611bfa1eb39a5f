//! What happened, for other programs: the event log's lines, a record of each call, and a queue_log as Asterisk writes.
//!
//! Each writes as it reads, so a month needs no more memory than a day; only the queue_log, whose lines come from
//! several tables and must be in order, holds its stretch at once.

use super::render::csv_cell;
use super::{ReportError, Reports, Row, Span, json};
use crate::server::events::{is_whole, rfc3339};
use crate::server::store::db::{Db, DbError, values};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// How far before the stretch waits are looked at that may still be in the queue when it begins: a day, the longest
/// that a wait can be.
const WAIT_MAX_MICROS: i64 = 86_400_000_000;

/// Why nothing, or not all, was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// There is no event log.
    #[error(
        "there is no event log to read: set `file` in [events] of dozvon.toml, events are kept from then on"
    )]
    NoLog,
    /// The event log can't be read.
    #[error("event log {0}: {1}; run this as the user that dozvon runs as")]
    Log(PathBuf, io::Error),
    /// The database can't be read.
    #[error(transparent)]
    Store(#[from] ReportError),
    /// The reader of the output has gone, or the disk is full.
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
}

/// Writes the lines of the event log whose time is in the span, oldest file first, then the refused calls by the minute
/// from the database, if there is one. Answers how many lines were not whole and left out.
///
/// # Errors
/// [`ExportError`].
pub(crate) fn events(
    log: Option<&Path>,
    reports: Option<&mut Reports>,
    span: &Span,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    let broken = each_event(log, span, |line, _| {
        out.write_all(line)?;
        out.write_all(b"\n")
    })?;
    if let Some(reports) = reports {
        let sql = "SELECT minute_at, reason, calls FROM refusals WHERE minute_at >= ?1 AND minute_at < ?2";
        reports.each(sql, span, |row| {
            let (at, reason) = (row["minute_at"].as_i64().unwrap_or(0), &row["reason"]);
            let line = object!({
                "at": at, "time": time(at), "call": null, "fact": "calls_refused", "reason": reason,
                "calls": row["calls"],
            });
            writeln!(out, "{line}")
        })?;
    }
    Ok(broken)
}

/// Gives out the lines of the event log whose time is in the span, oldest file first, as they stand and as objects.
/// Answers how many lines were not whole and left out.
///
/// # Errors
/// [`ExportError`].
pub(crate) fn each_event(
    log: Option<&Path>,
    span: &Span,
    mut each: impl FnMut(&[u8], &Value) -> io::Result<()>,
) -> Result<u64, ExportError> {
    let log = log.ok_or(ExportError::NoLog)?;
    let mut broken = 0;
    for path in files(log) {
        let failed = |error| ExportError::Log(path.clone(), error);
        let file = File::open(&path).map_err(failed)?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(failed)?;
            match event_of(&line) {
                Some((at, event)) if at >= span.from && at < span.to => each(&line, &event)?,
                Some(_) => {}
                None => broken += 1,
            }
        }
    }
    Ok(broken)
}

/// The log and what was renamed out of its way, oldest first.
fn files(log: &Path) -> Vec<PathBuf> {
    let name = log.file_name().map(|name| format!("{}.", name.to_string_lossy()));
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten();
    let mut older: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let this = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let rest = name.as_deref().zip(this.as_deref());
            let rest = rest.and_then(|(name, this)| this.strip_prefix(name));
            rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
        })
        .collect();
    older.sort();
    older.push(log.to_owned());
    older
}

/// The time of a whole line, and what it says.
fn event_of(line: &[u8]) -> Option<(i64, Value)> {
    if !is_whole(line) {
        return None;
    }
    let line: Value = serde_json::from_slice(line).ok()?;
    Some((line["at"].as_i64()?, line))
}

fn time(micros: i64) -> String {
    rfc3339(u64::try_from(micros).unwrap_or(0))
}

/// What a call's record tells, each figure under its name in docs/reports.md.
const CDR: &str = "
SELECT c.call, c.caller, c.dialled, c.flow, c.flow_version, c.language,
    (SELECT topic FROM topics WHERE topics.call = c.call) AS topic,
    c.started_at, c.answered_at, c.ended_at, (c.ended_at - c.started_at) / 1e6 AS duration_secs,
    c.ending_fault, c.ending_reason, c.operator_requested,
    (SELECT string_agg(queue, ' ' ORDER BY id) FROM waits w WHERE w.call = c.call) AS queues,
    (SELECT outcome FROM waits w WHERE w.call = c.call ORDER BY id DESC LIMIT 1) AS outcome,
    (SELECT sum(waited_secs) FROM waits w WHERE w.call = c.call) AS waited_secs,
    (SELECT string_agg(agent, ' ' ORDER BY id) FROM talks t WHERE t.call = c.call) AS agents,
    (SELECT sum(talk_secs) FROM talks t WHERE t.call = c.call) AS talk_secs,
    (SELECT sum(hold_secs) FROM talks t WHERE t.call = c.call) AS hold_secs,
    (SELECT count(*) FROM holds h WHERE h.call = c.call) AS holds,
    (SELECT count(*) FROM holds h WHERE h.call = c.call AND hold_secs > 120) AS long_holds,
    (SELECT string_agg(passed_on || ':' || passed_to, ' ' ORDER BY id) FROM talks t
        WHERE t.call = c.call) AS transfers,
    (SELECT sum(wrap_up_secs) FROM talks t WHERE t.call = c.call) AS acw_secs,
    (SELECT string_agg(bot, ' ' ORDER BY id) FROM bot_talks b
        WHERE b.call = c.call AND connected_at IS NOT NULL) AS bots,
    (SELECT sum(talk_secs) FROM bot_talks b WHERE b.call = c.call AND connected_at IS NOT NULL) AS bot_secs,
    (SELECT count(*) FROM transfers x WHERE x.call = c.call AND x.answered <> 0) AS outside_answered,
    (SELECT string_agg(question || '=' || score, ' ' ORDER BY seq) FROM survey s WHERE s.call = c.call) AS scores,
    c.callback, c.continues
FROM contacts c
WHERE c.started_at >= ?1 AND c.started_at < ?2 ORDER BY c.started_at, c.call";

/// Writes a record of each call that came in or was an attempt to call somebody back, within the span, as one JSON
/// object a line.
///
/// # Errors
/// [`ExportError`].
pub(crate) fn cdr(
    reports: &mut Reports,
    span: &Span,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    reports.each(CDR, span, |row| writeln!(out, "{}", Value::Object(readable(row))))
}

/// The same as CSV (RFC 4180), the names first.
///
/// # Errors
/// [`ExportError`].
pub(crate) fn cdr_csv(
    reports: &mut Reports,
    span: &Span,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let mut named = false;
    reports.each(CDR, span, |row| {
        let row = readable(row);
        if !std::mem::replace(&mut named, true) {
            let names: Vec<&str> = row.keys().map(String::as_str).collect();
            write!(out, "{}\r\n", names.join(","))?;
        }
        let cells: Vec<String> = row.values().map(csv_cell).collect();
        write!(out, "{}\r\n", cells.join(","))
    })
}

/// With times as RFC 3339 and the database's yes and no as such.
fn readable(mut row: Row) -> Row {
    for (name, value) in &mut row {
        if let (true, Some(at)) = (name.ends_with("_at"), value.as_i64()) {
            *value = time(at).into();
        }
        if name == "operator_requested" {
            *value = (value.as_i64() == Some(1)).into();
        }
    }
    row
}

/// Why rows did not all go out.
enum Stop {
    Store(DbError),
    Output(io::Error),
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Stop {
        Stop::Store(error)
    }
}

impl Reports {
    /// Each row of a query over the span, as it comes.
    fn each(
        &mut self,
        sql: &str,
        span: &Span,
        mut take: impl FnMut(Row) -> io::Result<()>,
    ) -> Result<(), ExportError> {
        let read = self.db.each(sql, values![span.from, span.to], |row| {
            take(row.cells().map(|(name, value)| (name.to_owned(), json(value))).collect())
                .map_err(Stop::Output)
        });
        read.map_err(|stop| match stop {
            Stop::Store(error) => self.refused(error),
            Stop::Output(error) => ExportError::Output(error),
        })
    }

    fn refused(&self, error: DbError) -> ExportError {
        ExportError::Store(ReportError::Refused { database: self.database.clone(), error })
    }
}

// ---- queue_log ----------------------------------------------------------------------------------------------------

/// One line: when, in which order at the same moment, and what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    at: i64,
    /// What comes first when both happen at once: ends before beginnings, a connection before the talk's end.
    rank: u16,
    text: String,
}

/// An offer that came to nothing.
const OFFERED: u16 = 0;
/// A wait is over that had lasted.
const LEFT: u16 = 1;
/// A wait begins; between this and [`CONNECTED`] are those of the same call that are over in the moment they begin in.
const ENTERED: u16 = 2;
/// Two talk.
const CONNECTED: u16 = 1_000;
/// A talk is over.
const COMPLETED: u16 = 1_001;
/// What an agent had to do after it is done.
const WRAPPED_UP: u16 = 1_002;
/// An agent comes or goes.
const MEMBERSHIP: u16 = 1_003;
/// An agent takes calls, or does not.
const PAUSED: u16 = 1_004;

/// Writes the span as lines of a queue_log: `epoch|callid|queue|agent|event|data…`.
///
/// # Errors
/// [`ExportError`].
pub(crate) fn queue_log(
    reports: &mut Reports,
    span: &Span,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let read = reports.db.transaction(|picture| {
        let mut lines = Vec::new();
        let origins = wait_lines(picture, span, &mut lines)?;
        offer_lines(picture, span, &mut lines)?;
        talk_lines(picture, span, &origins, &mut lines)?;
        agent_lines(picture, span, &mut lines)?;
        Ok(lines)
    });
    let mut lines = read.map_err(|error| reports.refused(error))?;
    lines.retain(|line| line.at >= span.from && line.at < span.to);
    lines.sort();
    for line in lines {
        writeln!(out, "{}", line.text)?;
    }
    Ok(())
}

fn line(at: i64, rank: u16, call: &str, queue: &str, agent: &str, event: &str) -> Line {
    // Names are ours, but a `|` in one would shift every field behind it.
    let clean = |text: &str| text.replace(['|', '\n', '\r'], "_");
    let (call, queue, agent) = (clean(call), clean(queue), clean(agent));
    Line { at, rank, text: format!("{}|{call}|{queue}|{agent}|{event}", at / 1_000_000) }
}

/// Whole seconds, as the format has them.
fn whole(secs: f64) -> String {
    format!("{:.0}", secs.floor())
}

/// A wait as the log needs it.
struct Waited {
    call: i64,
    queue: String,
    entered_at: i64,
    ended_at: i64,
    waited_secs: f64,
    outcome: String,
    caller: String,
}

/// Lines of waits; answers the position at which each call entered its queue last before a moment.
fn wait_lines(
    db: &mut Db,
    span: &Span,
    lines: &mut Vec<Line>,
) -> Result<BTreeMap<(i64, i64), usize>, DbError> {
    let waits = db.rows(
        "SELECT w.call, w.queue, w.entered_at, w.ended_at, w.waited_secs, w.outcome, coalesce(c.caller, '')
         FROM waits w LEFT JOIN contacts c ON c.call = w.call
         WHERE w.entered_at >= ?1 AND w.entered_at < ?2 AND w.outcome <> 'rejected_full' ORDER BY w.entered_at, w.id",
        values![span.from - WAIT_MAX_MICROS, span.to],
        |row| {
        Ok(Waited {
            call: row.get(0)?,
            queue: row.get(1)?,
            entered_at: row.get(2)?,
            ended_at: row.get(3)?,
            waited_secs: row.get(4)?,
            outcome: row.get(5)?,
            caller: row.get(6)?,
        })
    })?;
    let mut origins = BTreeMap::new();
    // How many waits of a call began and ended in one moment: one after the other, as the call went through them.
    let mut passed: BTreeMap<(i64, i64), u16> = BTreeMap::new();
    for (wait, (origin, position)) in waits.iter().zip(positions(&waits)) {
        origins.insert((wait.call, wait.entered_at), origin);
        let id = wait.call.to_string();
        let caller = wait.caller.replace(['|', '\n', '\r'], "_");
        let event = format!("ENTERQUEUE||{caller}|{origin}");
        let passed = passed.entry((wait.call, wait.entered_at)).or_default();
        let entered = (ENTERED + *passed * 2).min(CONNECTED - 2);
        lines.push(line(wait.entered_at, entered, &id, &wait.queue, "NONE", &event));
        let secs = whole(wait.waited_secs);
        let event = match wait.outcome.as_str() {
            "answered" => continue,
            "abandoned" | "short_abandoned" | "failed" => {
                format!("ABANDON|{position}|{origin}|{secs}")
            }
            "no_agents" | "closed" => format!("EXITEMPTY|{position}|{origin}|{secs}"),
            "key_exit" | "callback" => format!("EXITWITHKEY||{position}|{origin}|{secs}"),
            // Timeout, overflow, withdrawn.
            _ => format!("EXITWITHTIMEOUT|{position}|{origin}|{secs}"),
        };
        let left = if wait.ended_at == wait.entered_at {
            *passed += 1;
            entered + 1
        } else {
            LEFT
        };
        lines.push(line(wait.ended_at, left, &id, &wait.queue, "NONE", &event));
    }
    Ok(origins)
}

/// At which position each wait entered its queue and left it, counted from 1 in the order of arrival.
fn positions(waits: &[Waited]) -> Vec<(usize, usize)> {
    // Everything that happens in order of time; at the same moment who leaves goes first.
    let mut steps: Vec<(i64, bool, usize)> = Vec::with_capacity(waits.len() * 2);
    for (at, wait) in waits.iter().enumerate() {
        steps.push((wait.entered_at, true, at));
        steps.push((wait.ended_at.max(wait.entered_at + 1), false, at));
    }
    steps.sort_unstable();
    let mut found = vec![(1, 1); waits.len()];
    let mut standing: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (_, enters, at) in steps {
        let queue = standing.entry(&waits[at].queue).or_default();
        if enters {
            queue.push(at);
            found[at].0 = queue.len();
        } else if let Some(place) = queue.iter().position(|other| *other == at) {
            queue.remove(place);
            found[at].1 = place + 1;
        }
    }
    found
}

fn offer_lines(db: &mut Db, span: &Span, lines: &mut Vec<Line>) -> Result<(), DbError> {
    let sql = "SELECT call, queue, agent, ended_at, rang_secs, result FROM offers
         WHERE counted_at >= ?1 AND counted_at < ?2 AND result <> 'answered'";
    db.each(sql, values![span.from - WAIT_MAX_MICROS, span.to], |row| {
        let (call, queue, agent): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (at, rang, result): (i64, f64, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let word = if result == "caller_gone" { "RINGCANCELED" } else { "RINGNOANSWER" };
        let event = format!("{word}|{:.0}", rang * 1_000.0);
        lines.push(line(at, OFFERED, &call.to_string(), &queue, &agent, &event));
        Ok(())
    })
}

fn talk_lines(
    db: &mut Db,
    span: &Span,
    origins: &BTreeMap<(i64, i64), usize>,
    lines: &mut Vec<Line>,
) -> Result<(), DbError> {
    let sql = "SELECT t.call, t.queue, t.agent, t.counted_at, t.connected_at, t.ended_at, t.waited_secs,
             t.talk_secs + t.hold_secs, t.wrap_up_secs,
             coalesce((SELECT rang_secs FROM offers o WHERE o.counted_at = t.counted_at AND o.call = t.call
                 AND o.agent = t.agent AND o.result = 'answered' ORDER BY o.id DESC LIMIT 1), 0.0),
             coalesce(t.ended_by, 'agent'), coalesce(t.passed_on, ''), coalesce(t.passed_to, ''), t.handed,
             coalesce(CASE t.passed_to
                 WHEN 'agent' THEN (SELECT agent FROM talks n WHERE n.call = t.call AND n.id > t.id AND n.handed <> 0
                     ORDER BY n.id LIMIT 1)
                 WHEN 'queue' THEN (SELECT queue FROM waits w WHERE w.call = t.call AND w.entered_at = t.ended_at
                     ORDER BY w.id LIMIT 1)
             END, t.passed_to, '')
         FROM talks t WHERE t.counted_at >= ?1 AND t.counted_at < ?2";
    db.each(sql, values![span.from - WAIT_MAX_MICROS, span.to], |row| {
        let (call, queue, agent): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (counted_at, connected_at, ended_at): (i64, i64, i64) =
            (row.get(3)?, row.get(4)?, row.get(5)?);
        let (waited, length): (f64, f64) = (row.get(6)?, row.get(7)?);
        let (acw, rang): (Option<f64>, f64) = (row.get(8)?, row.get(9)?);
        let (by, how): (String, String) = (row.get(10)?, row.get(11)?);
        let (target, handed, to): (String, bool, String) =
            (row.get(12)?, row.get(13)?, row.get(14)?);
        let id = call.to_string();
        if !handed {
            let hold = whole(waited);
            let event = format!("CONNECT|{hold}|{id}|{}", whole(rang));
            lines.push(line(connected_at, CONNECTED, &id, &queue, &agent, &event));
            let origin = origins.get(&(call, counted_at)).copied().unwrap_or(1);
            let to = to.replace(['|', '\n', '\r'], "_");
            let word = match (how.as_str(), by.as_str()) {
                ("blind", _) => format!("BLINDTRANSFER|{to}|{target}"),
                ("attended" | "conference", _) => format!("ATTENDEDTRANSFER|BRIDGE|{to}"),
                (_, "caller") => "COMPLETECALLER".to_owned(),
                (_, _) => "COMPLETEAGENT".to_owned(),
            };
            let event = format!("{word}|{hold}|{}|{origin}", whole(length));
            lines.push(line(ended_at, COMPLETED, &id, &queue, &agent, &event));
        }
        if let Some(acw) = acw {
            let over = ended_at + (acw * 1e6) as i64;
            let event = format!("WRAPUP|{}", whole(acw));
            lines.push(line(over, WRAPPED_UP, &id, &queue, &agent, &event));
        }
        Ok(())
    })
}

/// Lines of agents: what an agent was before is the stretch before.
fn agent_lines(db: &mut Db, span: &Span, lines: &mut Vec<Line>) -> Result<(), DbError> {
    let sql = "SELECT agent, from_at, status,
             coalesce((SELECT status FROM agent_status b WHERE b.agent = a.agent AND b.id < a.id
                 ORDER BY b.id DESC LIMIT 1), 'logged_out')
         FROM agent_status a WHERE from_at >= ?1 AND from_at < ?2";
    db.each(sql, values![span.from, span.to], |row| {
        let (agent, at): (String, i64) = (row.get(0)?, row.get(1)?);
        let (now, before): (String, String) = (row.get(2)?, row.get(3)?);
        let mut tell = |rank, event: &str| {
            lines.push(line(at, rank, "NONE", "NONE", &agent, event));
        };
        let (here, was_here) = (now != "logged_out", before != "logged_out");
        match (was_here, here) {
            (false, true) => tell(MEMBERSHIP, "ADDMEMBER|"),
            (true, false) => tell(MEMBERSHIP, "REMOVEMEMBER|"),
            (true, true) | (false, false) => {}
        }
        if here && now != before {
            match now.as_str() {
                "ready" if was_here => tell(PAUSED, "UNPAUSEALL|"),
                "ready" => {}
                reason => tell(PAUSED, &format!("PAUSEALL|{reason}")),
            }
        }
        Ok(())
    })
}
