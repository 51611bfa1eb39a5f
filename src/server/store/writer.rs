//! The writer's thread: takes batches out of the mailbox and commits them, one transaction each.
//!
//! A transaction that fails for the machine's reasons (disk full, file locked, server away) is tried again until it
//! goes through, while the mailbox keeps the newest records; one that fails for a record's own reasons is taken apart,
//! and only that record is dropped and counted.

use super::callback::write_callback;
use super::complaint::write_complaint;
use super::db::{Database, Db, DbError, Value, values};
use super::ledger::Row;
use super::link::Link;
use super::mailbox::{Batch, Mailbox, Post};
use super::record::{AgentMove, ConductRow, IncidentRow, Record, word};
use super::rollout::write_decision;
use super::schema::micros;
use super::sites::write_emergency;
use super::{Kept, RETRY, StoreStats, now};
use dozvon_center::bot::BotNote;
use dozvon_center::contact::Contact;
use dozvon_center::ids::CallId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Starts the thread; without a link it opens the database itself, as soon as that can be done, and hands over what it
/// finds there.
pub(super) fn start(
    database: Database,
    link: Result<Link, oneshot::Sender<Kept>>,
    mailbox: Arc<Mailbox>,
    stats: Arc<StoreStats>,
) -> std::io::Result<JoinHandle<()>> {
    let (link, kept) = match link {
        Ok(link) => (Some(link), None),
        Err(kept) => (None, Some(kept)),
    };
    let run = link.as_ref().map(|link| link.run);
    let (batches, in_doubt, given_up) = (0, false, false);
    let writer = Writer { database, link, kept, run, batches, in_doubt, given_up, mailbox, stats };
    std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run())
}

struct Writer {
    database: Database,
    /// The connection; `None` while there is none.
    link: Option<Link>,
    /// Who hears what was kept of the run before; until the database was opened.
    kept: Option<oneshot::Sender<Kept>>,
    /// The number of this run, once the database was opened.
    run: Option<i64>,
    /// Batches taken so far: the number of the last one.
    batches: i64,
    /// Whether a commit of the last batch may have been done although it was not confirmed.
    in_doubt: bool,
    /// Whether the store is being closed and the database has refused to the end.
    given_up: bool,
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
        if self.given_up {
            return;
        }
        let stopped = self.say_goodbye();
        self.note(stopped.as_ref().err());
    }

    /// Notes the orderly stop.
    fn say_goodbye(&mut self) -> Result<(), DbError> {
        let now = micros(now());
        let Link { db, run } = self.linked()?;
        db.transaction(|step| {
            let stop = "UPDATE runs SET last_alive_at = ?1, stopped_at = ?1 WHERE id = ?2";
            step.execute(stop, values![now, *run])?;
            // Nobody is at work at a switch that is down: reports read meanwhile count no time after this.
            let close = "UPDATE agent_status SET to_at = max(from_at, ?1) WHERE to_at IS NULL";
            step.execute(close, values![now]).map(|_| ())
        })
    }

    /// Writes a batch, however long the machine refuses. While the store is being closed there is one more try; after
    /// that this and all later records are lost. Of a batch that the database will not have, each record is tried.
    fn insist(&mut self, batch: Batch) {
        if self.given_up {
            return self.lose(&batch);
        }
        let (mut pause, mut closing) = (RETRY.0, false);
        self.batches += 1;
        loop {
            let Err(error) = self.commit(&batch) else {
                self.note(None);
                batch.tell();
                return add(&self.stats.written, batch.len());
            };
            self.note(Some(&error));
            if !error.may_pass() && batch.len() > 1 {
                return batch.split().for_each(|one| self.insist(one));
            }
            if !error.may_pass() {
                let call = batch.contacts.first().map(|contact| contact.call);
                tracing::error!(%error, ?call, "the database refused a record");
                return self.lose(&batch);
            }
            if closing {
                let records = batch.len();
                tracing::error!(%error, records, "records lost: the database refused to the end");
                self.given_up = true;
                return self.lose(&batch);
            }
            closing = self.mailbox.pause(pause);
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// Counts the records of a batch as dropped.
    fn lose(&self, batch: &Batch) {
        let ended = |contact: &&Contact| contact.ended_at.is_some();
        let ends = batch.contacts.iter().filter(ended).count();
        add(&self.stats.ends_dropped, ends);
        add(&self.stats.changes_dropped, batch.contacts.len() - ends);
        add(&self.stats.moves_dropped, batch.moves.len());
        let rows = batch.callbacks.len() + batch.rows.len() + batch.refusals.len();
        add(&self.stats.rows_dropped, rows);
    }

    /// Writes a batch in one transaction, with its number: where an earlier try has done it after all, nothing is
    /// written again. The lock is ours again only after the session of that try has ended, so it can't do it later.
    fn commit(&mut self, batch: &Batch) -> Result<(), DbError> {
        let (number, in_doubt) = (self.batches, self.in_doubt);
        let link = self.linked()?;
        let done = if in_doubt { link.last_batch() } else { Ok(0) };
        let written = done.and_then(|done| {
            if done == number {
                return Ok(());
            }
            let run = link.run;
            link.db.transaction(|step| write(step, batch, run, number))
        });
        match &written {
            Ok(()) => self.in_doubt = false,
            Err(error) if error.may_pass() => {
                self.in_doubt = true;
                if self.database.file().is_none() {
                    self.link = None;
                }
            }
            Err(_) => {}
        }
        written
    }

    /// The connection, a new one if need be.
    fn linked(&mut self) -> Result<&mut Link, DbError> {
        let link = match self.link.take() {
            Some(link) => link,
            None => {
                let link = match self.run {
                    Some(run) => Link::again(&self.database, run),
                    None => Link::open(&self.database, &self.stats).map(|(link, kept)| {
                        // Whoever would hear of it may have gone down meanwhile; the next run asks again.
                        let _ = self.kept.take().map(|hearer| hearer.send(kept));
                        link
                    }),
                };
                // A record is not to blame for what is wrong with the server, however long it lasts.
                link.map_err(|error| DbError::Away(error.to_string()))?
            }
        };
        self.run = Some(link.run);
        Ok(self.link.insert(link))
    }

    fn note(&self, error: Option<&DbError>) {
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

/// All records of a batch, and that the run is alive and has written it.
fn write(step: &mut Db, batch: &Batch, run: i64, number: i64) -> Result<(), DbError> {
    for callback in &batch.callbacks {
        write_callback(step, callback)?;
    }
    for contact in &batch.contacts {
        write_contact(step, contact)?;
    }
    for change in &batch.moves {
        write_event(step, change)?;
    }
    for row in &batch.rows {
        write_row(step, row)?;
    }
    for (minute, reason, calls) in &batch.refusals {
        let sql = "INSERT INTO refusals (minute_at, reason, calls) VALUES (?1, ?2, ?3)
             ON CONFLICT (minute_at, reason) DO UPDATE SET calls = refusals.calls + excluded.calls";
        step.execute(
            sql,
            values![micros(*minute), reason, i64::try_from(*calls).unwrap_or(i64::MAX)],
        )?;
    }
    let alive = "UPDATE runs SET last_alive_at = ?1, batch = ?2 WHERE id = ?3";
    step.execute(alive, values![micros(now()), number, run])?;
    Ok(())
}

fn write_contact(step: &mut Db, contact: &Contact) -> Result<(), DbError> {
    let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let call = id(contact.call.0);
    let path: Vec<&str> = contact.path.iter().map(|node| &**node).collect();
    let ending = contact.ending.as_ref();
    let sql = "INSERT INTO contacts (call, caller, dialled, flow, flow_version, language, started_at,
             answered_at, ended_at, ending_fault, ending_reason, path, operator_requested, callback, continues)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (call) DO UPDATE SET caller = excluded.caller, dialled = excluded.dialled, flow = excluded.flow,
             flow_version = excluded.flow_version, language = excluded.language, started_at = excluded.started_at,
             answered_at = excluded.answered_at, ended_at = excluded.ended_at, ending_fault = excluded.ending_fault,
             ending_reason = excluded.ending_reason, path = excluded.path,
             operator_requested = excluded.operator_requested, callback = excluded.callback,
             continues = excluded.continues";
    step.execute(
        sql,
        values![
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
            contact.callback.map(|callback| id(callback.0)),
            contact.continues.map(|before| id(before.0)),
        ],
    )?;
    write_parts(step, call, contact)
}

/// A bot's note as it is kept.
fn note_text(note: &BotNote) -> String {
    serde_json::to_string(note).expect("texts are JSON")
}

/// Stages, draws and answers are only ever added to a contact, so replacing by number leaves none behind.
fn write_parts(step: &mut Db, call: i64, contact: &Contact) -> Result<(), DbError> {
    for (seq, stage) in (0_i64..).zip(&contact.stages) {
        let sql = "INSERT INTO segments (call, seq, kind, from_at, to_at, queue, agent, peer, outcome,
                 hold_secs, wrap_up_secs, code, code_version, code_note, holds, long_holds, passed_on, measured_secs,
                 greeting_secs, agent_secs, caller_secs, both_secs, both_times, silences, silence_secs,
                 longest_silence_secs, bot_note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                 ?21, ?22, ?23, ?24, ?25, ?26, ?27)
             ON CONFLICT (call, seq) DO UPDATE SET kind = excluded.kind, from_at = excluded.from_at,
                 to_at = excluded.to_at, queue = excluded.queue, agent = excluded.agent, peer = excluded.peer,
                 outcome = excluded.outcome, hold_secs = excluded.hold_secs, wrap_up_secs = excluded.wrap_up_secs,
                 code = excluded.code, code_version = excluded.code_version, code_note = excluded.code_note,
                 holds = excluded.holds, long_holds = excluded.long_holds, passed_on = excluded.passed_on,
                 measured_secs = excluded.measured_secs, greeting_secs = excluded.greeting_secs,
                 agent_secs = excluded.agent_secs, caller_secs = excluded.caller_secs,
                 both_secs = excluded.both_secs, both_times = excluded.both_times,
                 silences = excluded.silences, silence_secs = excluded.silence_secs,
                 longest_silence_secs = excluded.longest_silence_secs, bot_note = excluded.bot_note";
        step.execute(
            sql,
            values![
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
                stage.holds,
                stage.long_holds,
                stage.passed_on.map(|how| how.as_str()),
                stage.speech.map(|speech| speech.measured_secs),
                stage.speech.and_then(|speech| speech.greeting_secs),
                stage.speech.map(|speech| speech.agent_secs),
                stage.speech.map(|speech| speech.caller_secs),
                stage.speech.map(|speech| speech.both_secs),
                stage.speech.map(|speech| speech.both_times),
                stage.speech.map(|speech| speech.silences),
                stage.speech.map(|speech| speech.silence_secs),
                stage.speech.map(|speech| speech.longest_silence_secs),
                stage.bot_note.as_deref().map(note_text),
            ],
        )?;
    }
    for (seq, arm) in (0_i64..).zip(&contact.arms) {
        let sql = "INSERT INTO arms (call, seq, option, arm, share, delivered, excluded, customer_group, bot_end, tried)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (call, seq) DO UPDATE SET option = excluded.option, arm = excluded.arm,
                 share = excluded.share, delivered = excluded.delivered, excluded = excluded.excluded,
                 customer_group = excluded.customer_group, bot_end = excluded.bot_end, tried = excluded.tried";
        step.execute(
            sql,
            values![
                call,
                seq,
                arm.option,
                word(arm.arm),
                arm.share,
                arm.delivered,
                arm.excluded.map(|why| why.as_str()),
                arm.group,
                arm.bot_end,
                arm.tried.as_str(),
            ],
        )?;
    }
    for (seq, (question, score)) in (0_i64..).zip(&contact.survey) {
        let sql = "INSERT INTO survey (call, seq, question, score) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (call, seq) DO UPDATE SET question = excluded.question, score = excluded.score";
        step.execute(sql, values![call, seq, question, score])?;
    }
    Ok(())
}

/// Writes one row; a wrap-up goes to the talk that it belongs to.
fn write_row(step: &mut Db, row: &Row) -> Result<(), DbError> {
    let id = |call: CallId| i64::try_from(call.0).unwrap_or(i64::MAX);
    let mut insert = |sql: &str, values: &[Value]| step.execute(sql, values);
    match row {
        Row::Wait(row) => insert(
            "INSERT INTO waits (call, queue, entered_at, ended_at, waited_secs, outcome, service_level, threshold_secs)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            values![
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
            values![
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
            values![
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
            values![
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
            values![agent, micros(*ended_at), peer, answered, talk_secs],
        ),
        Row::WrapUp { call, agent, secs } => insert(
            "UPDATE talks SET wrap_up_secs = ?3 WHERE call = ?1 AND agent = ?2 AND wrap_up_secs IS NULL",
            values![id(*call), agent, secs],
        ),
        Row::MoreWrapUp { call, agent, secs } => insert(
            "UPDATE talks SET wrap_up_secs = wrap_up_secs + ?3
             WHERE id = (SELECT max(id) FROM talks WHERE call = ?1 AND agent = ?2)",
            values![id(*call), agent, secs],
        ),
        Row::Bot(row) => insert(
            "INSERT INTO bot_talks (call, bot, counted_at, connected_at, ended_at, end, talk_secs)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            values![
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
            values![id(*call), micros(*counted_at), micros(*ended_at), answered],
        ),
        Row::Survey(row) => insert(
            "INSERT INTO survey_offers (call, queue, counted_at, offered_at, answered) VALUES (?1, ?2, ?3, ?4, ?5)",
            values![
                id(row.call),
                row.queue,
                micros(row.counted_at),
                micros(row.offered_at),
                row.answered,
            ],
        ),
        Row::Answer { call, queue, counted_at, question, score } => insert(
            "INSERT INTO survey_answers (call, queue, counted_at, question, score) VALUES (?1, ?2, ?3, ?4, ?5)",
            values![id(*call), queue, micros(*counted_at), question, score],
        ),
        Row::Topic { call, topic } => insert(
            "INSERT INTO topics (call, topic) VALUES (?1, ?2)
             ON CONFLICT (call) DO UPDATE SET topic = excluded.topic",
            values![id(*call), topic],
        ),
    }
    .map(|_| ())
}

fn write_move(step: &mut Db, change: &AgentMove) -> Result<(), DbError> {
    let at = micros(change.at);
    step.execute(
        "UPDATE agent_status SET to_at = max(from_at, ?1) WHERE agent = ?2 AND to_at IS NULL",
        values![at, change.agent],
    )?;
    let sql = "INSERT INTO agent_status (agent, status, activity, from_at, to_at, cause, asked_by, reason, team, paid)
         VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7, ?8, ?9)";
    step.execute(
        sql,
        values![
            change.agent,
            change.status,
            change.activity,
            at,
            change.cause,
            change.asked_by,
            change.reason,
            change.team,
            change.paid,
        ],
    )?;
    Ok(())
}

fn write_conduct(step: &mut Db, row: &ConductRow) -> Result<(), DbError> {
    let call = row.call.map(|call| i64::try_from(call.0).unwrap_or(i64::MAX));
    step.execute(
        "INSERT INTO conduct (agent, at, kind, call) VALUES (?1, ?2, ?3, ?4)",
        values![row.agent, micros(row.at), row.kind, call],
    )?;
    Ok(())
}

fn write_incident(step: &mut Db, row: &IncidentRow) -> Result<(), DbError> {
    let sql = "INSERT INTO incidents (id, started_at, ended_at, agents, requeued, lost, unlisted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, ended_at = excluded.ended_at,
             agents = excluded.agents, requeued = excluded.requeued, lost = excluded.lost,
             unlisted = excluded.unlisted";
    step.execute(
        sql,
        values![
            row.id,
            row.started_at,
            row.ended_at,
            serde_json::json!(row.agents).to_string(),
            serde_json::json!(row.requeued).to_string(),
            serde_json::json!(row.lost).to_string(),
            row.unlisted
        ],
    )?;
    Ok(())
}

fn write_event(step: &mut Db, event: &Record) -> Result<(), DbError> {
    match event {
        Record::Contact(contact) => write_contact(step, contact),
        Record::Agent(change) => write_move(step, change),
        Record::Conduct(row) => write_conduct(step, row),
        Record::Incident(row) => write_incident(step, row),
        Record::Emergency { site, emergency } => write_emergency(step, site, emergency.as_ref()),
        Record::Decided(row) => write_decision(step, row),
        Record::Complaint(complaint) => write_complaint(step, complaint),
        Record::Callback(_) => unreachable!("the mailbox keeps requests by number"),
        Record::Refused { .. } => unreachable!("the mailbox counts refused calls by the minute"),
    }
}
