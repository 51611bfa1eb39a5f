//! The writer's thread: takes batches out of the mailbox and commits them, one transaction each.
//!
//! A transaction that fails for the machine's reasons (disk full, file locked) is tried again until it goes through,
//! while the mailbox keeps the newest records; one that fails for a record's own reasons is taken apart, and only that
//! record is dropped and counted.

use super::ledger::Row;
use super::mailbox::{Batch, Mailbox, Post};
use super::record::{AgentMove, ConductRow, IncidentRow, Record, word};
use super::schema::micros;
use super::{RETRY, StoreStats, now};
use dozvon_center::contact::Contact;
use dozvon_center::ids::CallId;
use rusqlite::{Connection, ErrorCode, Result, ToSql, params};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Starts the thread.
pub(super) fn start(
    connection: Connection,
    run: i64,
    mailbox: Arc<Mailbox>,
    stats: Arc<StoreStats>,
) -> std::io::Result<JoinHandle<()>> {
    let writer = Writer { connection, run, mailbox, stats };
    std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run())
}

struct Writer {
    connection: Connection,
    run: i64,
    mailbox: Arc<Mailbox>,
    stats: Arc<StoreStats>,
}

impl Writer {
    fn run(mut self) {
        loop {
            match self.mailbox.next() {
                Post::Batch(batch) => {
                    self.insist(batch);
                    self.mailbox.done();
                }
                Post::Quiet => {
                    let written = self.commit(&Batch::default());
                    self.note(written.as_ref().err());
                }
                Post::Closed => break,
            }
        }
        let now = micros(now());
        let stop = "UPDATE runs SET last_alive_at = ?1, stopped_at = ?1 WHERE id = ?2";
        let stopped = self.connection.execute(stop, [now, self.run]);
        self.note(stopped.as_ref().err());
        // Nobody is at work at a switch that is down: reports read meanwhile count no time after this.
        let close = "UPDATE agent_status SET to_at = max(from_at, ?1) WHERE to_at IS NULL";
        let closed = self.connection.execute(close, [now]);
        self.note(closed.as_ref().err());
    }

    /// Writes a batch, however long the disk refuses, unless the store is being closed.
    fn insist(&mut self, batch: Batch) {
        let mut pause = RETRY.0;
        loop {
            let closing = match self.commit(&batch) {
                Ok(()) => {
                    self.note(None);
                    return add(&self.stats.written, batch.len());
                }
                Err(error) if is_of_the_machine(&error) => {
                    self.note(Some(&error));
                    self.mailbox.pause(pause)
                }
                Err(error) => {
                    self.note(Some(&error));
                    return self.one_by_one(batch);
                }
            };
            if closing {
                return self.last_try(&batch);
            }
            pause = (pause * 2).min(RETRY.1);
        }
    }

    fn last_try(&mut self, batch: &Batch) {
        match self.commit(batch) {
            Ok(()) => add(&self.stats.written, batch.len()),
            Err(error) => {
                tracing::error!(%error, records = batch.len(), "records lost: the disk refused to the end");
                let ends =
                    batch.contacts.iter().filter(|contact| contact.ended_at.is_some()).count();
                add(&self.stats.ends_dropped, ends);
                add(&self.stats.changes_dropped, batch.contacts.len() - ends);
                add(&self.stats.moves_dropped, batch.moves.len());
                add(&self.stats.rows_dropped, batch.rows.len() + batch.refusals.len());
            }
        }
    }

    /// Finds the record that the database will not have.
    fn one_by_one(&mut self, batch: Batch) {
        for contact in batch.contacts {
            let ended = contact.ended_at.is_some();
            let call = contact.call;
            let one = Batch { contacts: vec![contact], ..Batch::default() };
            if let Err(error) = self.commit(&one) {
                tracing::error!(%error, %call, "the database refused a contact record");
                let counter =
                    if ended { &self.stats.ends_dropped } else { &self.stats.changes_dropped };
                add(counter, 1);
            }
        }
        for change in batch.moves {
            let one = Batch { moves: vec![change], ..Batch::default() };
            if let Err(error) = self.commit(&one) {
                tracing::error!(%error, "the database refused an agent's change");
                add(&self.stats.moves_dropped, 1);
            }
        }
        let rows = batch.rows.into_iter().map(|row| Batch { rows: vec![row], ..Batch::default() });
        let refusals = batch.refusals.into_iter();
        let refusals = refusals.map(|one| Batch { refusals: vec![one], ..Batch::default() });
        for one in rows.chain(refusals) {
            if let Err(error) = self.commit(&one) {
                tracing::error!(%error, "the database refused a row of figures");
                add(&self.stats.rows_dropped, 1);
            }
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<()> {
        let step = self.connection.transaction()?;
        for contact in &batch.contacts {
            write_contact(&step, contact)?;
        }
        for change in &batch.moves {
            write_event(&step, change)?;
        }
        for row in &batch.rows {
            write_row(&step, row)?;
        }
        for (minute, reason, calls) in &batch.refusals {
            step.prepare_cached(
                "INSERT INTO refusals VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET calls = calls + excluded.calls",
            )?
            .execute(params![
                micros(*minute),
                reason,
                i64::try_from(*calls).unwrap_or(i64::MAX)
            ])?;
        }
        let alive = "UPDATE runs SET last_alive_at = ?1 WHERE id = ?2";
        step.prepare_cached(alive)?.execute([micros(now()), self.run])?;
        step.commit()
    }

    fn note(&self, error: Option<&rusqlite::Error>) {
        let was_failing = self.stats.failing.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) => {
                add(&self.stats.errors, 1);
                if !was_failing {
                    tracing::error!(%error, "the database can't be written");
                }
            }
            None if was_failing => tracing::info!("the database can be written again"),
            None => {}
        }
    }
}

fn add(counter: &AtomicU64, records: usize) {
    counter.fetch_add(u64::try_from(records).unwrap_or(0), Ordering::Relaxed);
}

/// Whether trying again may help.
fn is_of_the_machine(error: &rusqlite::Error) -> bool {
    let Some(code) = error.sqlite_error_code() else { return false };
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::PermissionDenied
            | ErrorCode::OperationInterrupted
    )
}

fn write_contact(step: &Connection, contact: &Contact) -> Result<()> {
    let call = i64::try_from(contact.call.0).unwrap_or(i64::MAX);
    let path: Vec<&str> = contact.path.iter().map(|node| &**node).collect();
    let ending = contact.ending.as_ref();
    step.prepare_cached(
        "INSERT OR REPLACE INTO contacts (call, caller, dialled, flow, flow_version, language, started_at, answered_at,
             ended_at, ending_fault, ending_reason, path, operator_requested)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        call,
        contact.caller,
        contact.dialled,
        contact.flow,
        contact.flow_version,
        contact.language,
        micros(contact.started_at),
        contact.answered_at.map(micros),
        contact.ended_at.map(micros),
        ending.map(|ending| word(ending.fault)),
        ending.map(|ending| ending.reason.clone()),
        serde_json::Value::from(path).to_string(),
        contact.operator_requested,
    ])?;
    write_parts(step, call, contact)
}

/// Stages, draws and answers are only ever added to a contact, so replacing by number leaves none behind.
fn write_parts(step: &Connection, call: i64, contact: &Contact) -> Result<()> {
    for (seq, stage) in (0_i64..).zip(&contact.stages) {
        step.prepare_cached(
            "INSERT OR REPLACE INTO segments (call, seq, kind, from_at, to_at, queue, agent, peer, outcome, hold_secs,
                 wrap_up_secs, code, code_version, code_note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            call,
            seq,
            word(stage.kind),
            micros(stage.from),
            stage.to.map(micros),
            stage.queue,
            stage.agent,
            stage.peer,
            stage.outcome.map(|outcome| outcome.as_str()),
            stage.hold_secs,
            stage.wrap_up_secs,
            stage.code,
            stage.code_version,
            stage.code_note,
        ])?;
    }
    for (seq, arm) in (0_i64..).zip(&contact.arms) {
        step.prepare_cached("INSERT OR REPLACE INTO arms VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![call, seq, arm.option, word(arm.arm), arm.share, arm.delivered])?;
    }
    for (seq, (question, score)) in (0_i64..).zip(&contact.survey) {
        step.prepare_cached("INSERT OR REPLACE INTO survey VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![call, seq, question, score])?;
    }
    Ok(())
}

/// Writes one row; a wrap-up goes to the talk that it belongs to.
fn write_row(step: &Connection, row: &Row) -> Result<()> {
    let id = |call: CallId| i64::try_from(call.0).unwrap_or(i64::MAX);
    let insert = |sql: &str, values: &[&dyn ToSql]| step.prepare_cached(sql)?.execute(values);
    match row {
        Row::Wait(row) => insert(
            "INSERT INTO waits (call, queue, entered_at, ended_at, waited_secs, outcome, service_level, threshold_secs)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id(row.call),
                row.queue,
                micros(row.entered_at),
                micros(row.ended_at),
                row.waited_secs,
                row.outcome,
                row.service_level,
                row.threshold_secs,
            ],
        ),
        Row::Offer(row) => insert(
            "INSERT INTO offers (call, queue, agent, counted_at, began_at, ended_at, rang_secs, result)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id(row.call),
                row.queue,
                row.agent,
                micros(row.counted_at),
                micros(row.began_at),
                micros(row.ended_at),
                row.rang_secs,
                row.result,
            ],
        ),
        Row::Talk(row) => insert(
            "INSERT INTO talks (call, queue, agent, counted_at, connected_at, ended_at, waited_secs, talk_secs,
                 hold_secs, ended_by, passed_on, passed_to, handed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                id(row.call),
                row.queue,
                row.agent,
                micros(row.counted_at),
                micros(row.connected_at),
                micros(row.ended_at),
                row.waited_secs,
                row.talk_secs,
                row.hold_secs,
                row.ended_by,
                row.passed_on.map(|(how, _)| how),
                row.passed_on.map(|(_, target)| target),
                row.handed,
            ],
        ),
        Row::Hold(row) => insert(
            "INSERT INTO holds (call, queue, agent, counted_at, ended_at, hold_secs) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                id(row.call),
                row.queue,
                row.agent,
                micros(row.counted_at),
                micros(row.ended_at),
                row.hold_secs,
            ],
        ),
        Row::OwnCall { agent, ended_at, peer, answered, talk_secs } => insert(
            "INSERT INTO own_calls (agent, ended_at, peer, answered, talk_secs) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![agent, micros(*ended_at), peer, answered, talk_secs],
        ),
        Row::WrapUp { call, agent, secs } => insert(
            "UPDATE talks SET wrap_up_secs = ?3 WHERE call = ?1 AND agent = ?2 AND wrap_up_secs IS NULL",
            params![id(*call), agent, secs],
        ),
        Row::MoreWrapUp { call, agent, secs } => insert(
            "UPDATE talks SET wrap_up_secs = wrap_up_secs + ?3
             WHERE id = (SELECT max(id) FROM talks WHERE call = ?1 AND agent = ?2)",
            params![id(*call), agent, secs],
        ),
        Row::Bot(row) => insert(
            "INSERT INTO bot_talks (call, bot, counted_at, connected_at, ended_at, end, talk_secs)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id(row.call),
                row.bot,
                micros(row.counted_at),
                row.connected_at.map(micros),
                micros(row.ended_at),
                row.end,
                row.talk_secs,
            ],
        ),
        Row::Transfer { call, counted_at, ended_at, answered } => insert(
            "INSERT INTO transfers (call, counted_at, ended_at, kind, target, answered)
             VALUES (?1, ?2, ?3, 'blind', 'external', ?4)",
            params![id(*call), micros(*counted_at), micros(*ended_at), answered],
        ),
        Row::Survey(row) => insert(
            "INSERT INTO survey_offers (call, queue, counted_at, offered_at, answered) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                id(row.call),
                row.queue,
                micros(row.counted_at),
                micros(row.offered_at),
                row.answered,
            ],
        ),
        Row::Answer { call, queue, counted_at, question, score } => insert(
            "INSERT INTO survey_answers (call, queue, counted_at, question, score) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![id(*call), queue, micros(*counted_at), question, score],
        ),
        Row::Topic { call, topic } => insert(
            "INSERT OR REPLACE INTO topics VALUES (?1, ?2)",
            params![id(*call), topic],
        ),
    }
    .map(|_| ())
}

fn write_move(step: &Connection, change: &AgentMove) -> Result<()> {
    let at = micros(change.at);
    step.prepare_cached(
        "UPDATE agent_status SET to_at = max(from_at, ?1) WHERE agent = ?2 AND to_at IS NULL",
    )?
    .execute(params![at, change.agent])?;
    step.prepare_cached(
        "INSERT INTO agent_status (agent, status, activity, from_at, to_at, cause, asked_by, reason, team, paid)
         VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        change.agent,
        change.status,
        change.activity,
        at,
        change.cause,
        change.asked_by,
        change.reason,
        change.team,
        change.paid,
    ])?;
    Ok(())
}

fn write_conduct(step: &Connection, row: &ConductRow) -> Result<()> {
    let call = row.call.map(|call| i64::try_from(call.0).unwrap_or(i64::MAX));
    step.prepare_cached("INSERT INTO conduct (agent, at, kind, call) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![row.agent, micros(row.at), row.kind, call])?;
    Ok(())
}

fn write_incident(step: &Connection, row: &IncidentRow) -> Result<()> {
    step.prepare_cached(
        "INSERT OR REPLACE INTO incidents (id, started_at, ended_at, agents, requeued, lost, unlisted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        row.id,
        row.started_at,
        row.ended_at,
        serde_json::json!(row.agents).to_string(),
        serde_json::json!(row.requeued).to_string(),
        serde_json::json!(row.lost).to_string(),
        row.unlisted
    ])?;
    Ok(())
}

fn write_event(step: &Connection, event: &Record) -> Result<()> {
    match event {
        Record::Contact(contact) => write_contact(step, contact),
        Record::Agent(change) => write_move(step, change),
        Record::Conduct(row) => write_conduct(step, row),
        Record::Incident(row) => write_incident(step, row),
        Record::Refused { .. } => unreachable!("the mailbox counts refused calls by the minute"),
    }
}
