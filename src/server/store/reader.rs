//! Reading contacts and incidents back, for the API: a connection of its own that can't write, one query at a time, off
//! the runtime.

use super::complaint::{ComplaintRow, call_key, complaint_of};
use super::db::{Access, Column as _, Database, Db, DbError, Row, Value, values};
use super::{IncidentRow, StoreStats};
use dozvon_center::bot::BotNote;
use dozvon_center::contact::Speech;
use dozvon_center::ids::CallId;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Contacts on one page at most; a larger wish gets this many.
pub(crate) const PAGE_MAX: u32 = 500;

/// Readers waiting for their turn. One more is refused with [`ReadError::Busy`].
const WAITING_MAX: usize = 32;

/// Which contacts are wanted; an absent condition lets all pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ContactFilter {
    /// Started at or after this moment, µs.
    pub(crate) from: Option<i64>,
    /// Started before this moment, µs.
    pub(crate) to: Option<i64>,
    /// Waited in, or talked from, this queue.
    pub(crate) queue: Option<String>,
    /// Talked to this agent.
    pub(crate) agent: Option<String>,
    /// Called from exactly this number.
    pub(crate) caller: Option<String>,
    /// This one and no other.
    pub(crate) call: Option<CallId>,
    /// At most so many, up to [`PAGE_MAX`].
    pub(crate) limit: u32,
    /// Go on after the page that gave this cursor.
    pub(crate) cursor: Option<Cursor>,
}

/// A place in the list of contacts, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    started_at: i64,
    call: i64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.started_at, self.call)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Cursor, ()> {
        let (started_at, call) = text.split_once('-').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(Cursor { started_at: number(started_at)?, call: number(call)? })
    }
}

/// A page of contacts, newest first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContactPage {
    /// The contacts.
    pub(crate) contacts: Vec<ContactRow>,
    /// Where the next page begins; `None` when this was the last.
    pub(crate) next: Option<Cursor>,
}

/// A contact as stored; times in µs since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ContactRow {
    /// Its identity.
    pub(crate) call: i64,
    /// The caller's number.
    pub(crate) caller: String,
    /// The number dialled.
    pub(crate) dialled: String,
    /// The flow.
    pub(crate) flow: String,
    /// Its version.
    pub(crate) flow_version: String,
    /// The language chosen last.
    pub(crate) language: String,
    /// When the INVITE came.
    pub(crate) started_at: i64,
    /// When it was answered.
    pub(crate) answered_at: Option<i64>,
    /// When it ended.
    pub(crate) ended_at: Option<i64>,
    /// Whose doing the end was.
    pub(crate) ending_fault: Option<String>,
    /// Why it ended.
    pub(crate) ending_reason: Option<String>,
    /// Nodes entered.
    pub(crate) path: Vec<String>,
    /// Whether a person was asked for.
    pub(crate) operator_requested: bool,
    /// Stages in order.
    pub(crate) segments: Vec<SegmentRow>,
    /// Rollout draws.
    pub(crate) arms: Vec<ArmRow>,
    /// Survey answers.
    pub(crate) survey: Vec<(String, u8)>,
    /// The complaint about it.
    pub(crate) complaint: Option<Box<ComplaintRow>>,
}

/// A rollout draw as stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ArmRow {
    /// The option.
    pub(crate) option: String,
    /// The arm.
    pub(crate) arm: String,
    /// The bot's share then.
    pub(crate) share: f64,
    /// Whether the caller really got it.
    pub(crate) delivered: bool,
    /// Whether a `bot` is tried or a `flow`.
    pub(crate) tried: String,
    /// Why he was not drawn, if he was not.
    pub(crate) excluded: Option<String>,
    /// The group of customers that he was known to be one of.
    pub(crate) group: Option<String>,
    /// How the bot's part ended.
    pub(crate) bot_end: Option<String>,
}

/// A stage as stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SegmentRow {
    /// What it was.
    pub(crate) kind: String,
    /// Its beginning.
    pub(crate) from_at: i64,
    /// Its end.
    pub(crate) to_at: Option<i64>,
    /// The queue.
    pub(crate) queue: Option<String>,
    /// The agent.
    pub(crate) agent: Option<String>,
    /// The bot, or the class of the number outside.
    pub(crate) peer: Option<String>,
    /// How the wait ended.
    pub(crate) outcome: Option<String>,
    /// Seconds on hold.
    pub(crate) hold_secs: f64,
    /// Times on hold.
    pub(crate) holds: u32,
    /// Those that were too long.
    pub(crate) long_holds: u32,
    /// How a talk was passed on.
    pub(crate) passed_on: Option<String>,
    /// Seconds of wrap-up.
    pub(crate) wrap_up_secs: Option<f64>,
    /// What the talk was about.
    pub(crate) code: Option<String>,
    /// The classifier and its version.
    pub(crate) code_version: Option<String>,
    /// The note that came with the code.
    pub(crate) code_note: Option<String>,
    /// What the bot said at its end.
    pub(crate) bot_note: Option<BotNote>,
    /// How the talk went by ear, where it was measured.
    pub(crate) speech: Option<Speech>,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Too many readers wait already.
    #[error("too many queries wait for the database: try again in a moment")]
    Busy,
    /// The query was stopped after some seconds.
    #[error("the query took too long: narrow it down with from and to")]
    TooLong,
    /// A server that can't be reached now.
    #[error("the database can't be reached: try again in a moment")]
    Away,
    /// The database refused.
    #[error("the database can't be read: {0}")]
    Refused(DbError),
}

/// A read-only view of the store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct StoreReader {
    database: Database,
    /// The connection; `None` before the first question, and after it was lost.
    connection: Arc<Mutex<Option<Db>>>,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    stats: Arc<StoreStats>,
}

impl StoreReader {
    pub(super) fn new(database: Database, stats: Arc<StoreStats>) -> StoreReader {
        StoreReader {
            database,
            connection: Arc::default(),
            turns: Arc::new(Semaphore::new(1)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            stats,
        }
    }

    /// Whether the store's last transaction went through.
    pub(crate) fn is_healthy(&self) -> bool {
        self.stats.is_healthy()
    }

    /// The contacts that pass the filter, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn contacts(&self, filter: ContactFilter) -> Result<ContactPage, ReadError> {
        self.read(move |connection| read_page(connection, &filter)).await
    }

    /// The last incidents, newest first, at most [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn incidents(&self, limit: u32) -> Result<Vec<IncidentRow>, ReadError> {
        self.read(move |connection| read_incidents(connection, limit.clamp(1, PAGE_MAX))).await
    }

    /// Runs one query when its turn has come, off the runtime and for some seconds at most.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl Fn(&mut Db) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| ReadError::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| ReadError::Busy)?;
        let (connection, database) = (self.connection.clone(), self.database.clone());
        let read = tokio::task::spawn_blocking(move || {
            // The turn ends with the query, even when the asker has gone.
            let _turn = turn;
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            ask(&mut connection, &database, query)
        });
        match read.await {
            Ok(answer) => answer.map_err(|error| {
                if error.is_interruption() {
                    ReadError::TooLong
                } else if error.may_pass() && self.database.file().is_none() {
                    ReadError::Away
                } else {
                    ReadError::Refused(error)
                }
            }),
            Err(_) => Err(ReadError::Busy),
        }
    }
}

/// Asks over the connection that is there, and once more over a new one if it was lost meanwhile.
fn ask<T>(
    connection: &mut Option<Db>,
    database: &Database,
    query: impl Fn(&mut Db) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let mut fresh = false;
    loop {
        let mut db = match connection.take() {
            Some(db) => db,
            None => {
                fresh = true;
                Db::open(database, Access::Ask)?
            }
        };
        db.start_clock();
        let answer = query(&mut db);
        if !db.is_lost() {
            *connection = Some(db);
        } else if answer.is_err() && !fresh {
            continue;
        }
        return answer;
    }
}

fn read_incidents(db: &mut Db, limit: u32) -> Result<Vec<IncidentRow>, DbError> {
    let sql = "SELECT id, started_at, ended_at, agents, requeued, lost, unlisted FROM incidents
         ORDER BY started_at DESC LIMIT ?1";
    db.rows(sql, values![limit], |row| {
        let json = |column| row.get::<String>(column);
        Ok(IncidentRow {
            id: row.get(0)?,
            started_at: row.get(1)?,
            ended_at: row.get(2)?,
            agents: serde_json::from_str(&json(3)?).unwrap_or_default(),
            requeued: serde_json::from_str(&json(4)?).unwrap_or_default(),
            lost: serde_json::from_str(&json(5)?).unwrap_or_default(),
            unlisted: row.get(6)?,
        })
    })
}

fn read_page(db: &mut Db, filter: &ContactFilter) -> Result<ContactPage, DbError> {
    // One picture for all five tables.
    db.transaction(|picture| {
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let (sql, values) = page_query(filter, limit);
        let mut contacts = picture.rows(&sql, &values, contact_row)?;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = contacts.len() > wanted;
        contacts.truncate(wanted);
        let next = contacts
            .last()
            .filter(|_| more)
            .map(|last| Cursor { started_at: last.started_at, call: last.call });
        for contact in &mut contacts {
            read_parts(picture, contact)?;
        }
        Ok(ContactPage { contacts, next })
    })
}

/// The query for one row more than wanted, which tells whether there is another page.
fn page_query(filter: &ContactFilter, limit: u32) -> (String, Vec<Value>) {
    let mut sql = String::from(
        "SELECT call, caller, dialled, flow, flow_version, language, started_at, answered_at, ended_at, ending_fault,
                ending_reason, path, operator_requested FROM contacts WHERE 1 = 1",
    );
    let mut values = Vec::new();
    let mut condition = |text: &str, some: Vec<Value>| {
        sql.push_str(text);
        values.extend(some);
    };
    if let Some(from) = filter.from {
        condition(" AND started_at >= ?", vec![from.value()]);
    }
    if let Some(to) = filter.to {
        condition(" AND started_at < ?", vec![to.value()]);
    }
    if let Some(caller) = &filter.caller {
        condition(" AND caller = ?", vec![caller.value()]);
    }
    if let Some(call) = filter.call {
        condition(" AND call = ?", vec![call_key(call).value()]);
    }
    if let Some(queue) = &filter.queue {
        let text =
            " AND EXISTS (SELECT 1 FROM segments s WHERE s.call = contacts.call AND s.queue = ?)";
        condition(text, vec![queue.value()]);
    }
    if let Some(agent) = &filter.agent {
        let text =
            " AND EXISTS (SELECT 1 FROM segments s WHERE s.call = contacts.call AND s.agent = ?)";
        condition(text, vec![agent.value()]);
    }
    if let Some(Cursor { started_at, call }) = filter.cursor {
        condition(" AND (started_at, call) < (?, ?)", vec![started_at.value(), call.value()]);
    }
    condition(" ORDER BY started_at DESC, call DESC LIMIT ?", vec![(limit + 1).value()]);
    (sql, values)
}

fn contact_row(row: &Row<'_>) -> Result<ContactRow, DbError> {
    let path: String = row.get(11)?;
    Ok(ContactRow {
        call: row.get(0)?,
        caller: row.get(1)?,
        dialled: row.get(2)?,
        flow: row.get(3)?,
        flow_version: row.get(4)?,
        language: row.get(5)?,
        started_at: row.get(6)?,
        answered_at: row.get(7)?,
        ended_at: row.get(8)?,
        ending_fault: row.get(9)?,
        ending_reason: row.get(10)?,
        path: serde_json::from_str(&path).unwrap_or_default(),
        operator_requested: row.get(12)?,
        segments: Vec::new(),
        arms: Vec::new(),
        survey: Vec::new(),
        complaint: None,
    })
}

/// How a talk went by ear: the columns from number 15 on.
fn read_speech(row: &Row) -> Result<Option<Speech>, DbError> {
    let measured: Option<f64> = row.get(15)?;
    let Some(measured_secs) = measured else { return Ok(None) };
    Ok(Some(Speech {
        measured_secs,
        greeting_secs: row.get(16)?,
        agent_secs: row.get(17)?,
        caller_secs: row.get(18)?,
        both_secs: row.get(19)?,
        both_times: row.get(20)?,
        silences: row.get(21)?,
        silence_secs: row.get(22)?,
        longest_silence_secs: row.get(23)?,
    }))
}

/// A bot's note as it was kept.
fn read_note(text: Option<String>) -> Option<BotNote> {
    serde_json::from_str(&text?).ok()
}

fn read_parts(db: &mut Db, contact: &mut ContactRow) -> Result<(), DbError> {
    let call = values![contact.call];
    let sql =
        "SELECT kind, from_at, to_at, queue, agent, peer, outcome, hold_secs, wrap_up_secs, code,
                   code_version, code_note, holds, long_holds, passed_on,
                   measured_secs, greeting_secs, agent_secs, caller_secs, both_secs, both_times, silences,
                   silence_secs, longest_silence_secs, bot_note
               FROM segments WHERE call = ?1 ORDER BY seq";
    contact.segments = db.rows(sql, call, |row| {
        Ok(SegmentRow {
            kind: row.get(0)?,
            from_at: row.get(1)?,
            to_at: row.get(2)?,
            queue: row.get(3)?,
            agent: row.get(4)?,
            peer: row.get(5)?,
            outcome: row.get(6)?,
            hold_secs: row.get(7)?,
            wrap_up_secs: row.get(8)?,
            code: row.get(9)?,
            code_version: row.get(10)?,
            code_note: row.get(11)?,
            holds: row.get(12)?,
            long_holds: row.get(13)?,
            passed_on: row.get(14)?,
            speech: read_speech(row)?,
            bot_note: read_note(row.get(24)?),
        })
    })?;
    let sql = "SELECT option, arm, share, delivered, excluded, customer_group, bot_end, coalesce(tried, 'bot') FROM arms
               WHERE call = ?1 ORDER BY seq";
    contact.arms = db.rows(sql, call, |row| {
        Ok(ArmRow {
            option: row.get(0)?,
            arm: row.get(1)?,
            share: row.get(2)?,
            delivered: row.get(3)?,
            excluded: row.get(4)?,
            group: row.get(5)?,
            bot_end: row.get(6)?,
            tried: row.get(7)?,
        })
    })?;
    let sql = "SELECT question, score FROM survey WHERE call = ?1 ORDER BY seq";
    contact.survey = db.rows(sql, call, |row| Ok((row.get(0)?, row.get(1)?)))?;
    contact.complaint = complaint_of(db, contact.call)?.map(Box::new);
    Ok(())
}
