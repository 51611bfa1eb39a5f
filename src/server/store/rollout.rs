//! Rollouts: decisions written once and read back, and the contacts that they are made on.

use super::db::{Access, Database, Db, DbError, Row, values};
use super::reader::{ReadError, StoreReader};
use super::schema::micros;
use dozvon_center::contact::{ArmRecord, Contact, Ending, Stage, StageKind};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::decision::{Cause, Decision};
use dozvon_center::rollout::outcome::Visit;
use dozvon_center::rollout::plan::Plan;
use dozvon_center::rollout::{Excluded, Share, TriedKind};
use dozvon_clock::Timestamp;
use serde::de::value::{Error as Unreadable, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Decisions read back of one rollout: the newest so many. A rollout goes on from its last day's, and a year has some
/// four hundred.
pub(crate) const DECISIONS_MAX: i64 = 4_096;

/// The schema since which decisions are kept.
const SINCE_VERSION: i64 = 12;

/// A decision to be kept.
#[derive(Clone, Debug)]
pub(crate) struct DecisionRow {
    /// It.
    pub(crate) decision: Decision,
    /// The name of the stage after it.
    pub(crate) stage: Arc<str>,
    /// The share at which callers are drawn from then on.
    pub(crate) share: Option<Share>,
    /// The fingerprint of salt and holdout.
    pub(crate) draw: Arc<str>,
    /// The plan it was made by.
    pub(crate) plan: Arc<Plan>,
}

/// A decision that was kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptDecision {
    /// As it was written, byte for byte.
    pub(crate) whole: String,
    /// The same, read.
    pub(crate) decision: Decision,
    /// The fingerprint of salt and holdout then.
    pub(crate) draw: String,
}

/// The decisions of one version of what a rollout tries, in order, and the plans that they were made by.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DecisionLog {
    /// Decisions.
    pub(crate) decisions: Vec<KeptDecision>,
    /// Plans by fingerprint.
    pub(crate) plans: BTreeMap<String, Plan>,
}

impl DecisionLog {
    /// Whether a decision's figures, counted again from its counts, are written as they were kept, byte for byte.
    pub(crate) fn reproduces(&self, decision: &Decision, whole: &str) -> bool {
        let plan = self.plans.get(&*decision.plan);
        let again = plan.and_then(|plan| decision.recounted(plan));
        again.and_then(|again| serde_json::to_string(&again).ok()).as_deref() == Some(whole)
    }
}

/// Which decisions are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Of this rollout.
    pub(crate) rollout: String,
    /// Of this version of its bot; `None`: of the one decided about last.
    pub(crate) version: Option<String>,
    /// The newest so many, up to [`DECISIONS_MAX`].
    pub(crate) limit: i64,
}

/// Calls of one option, or of one flow on trial, in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DrawnOf {
    /// All that came to it.
    pub(crate) calls: u64,
    /// Of them, those drawn for the bot, or for the new flow.
    pub(crate) bot: u64,
    /// Of those, the ones whom it really had.
    pub(crate) reached: u64,
}

/// Calls of one month.
#[derive(Clone, Debug, Default)]
pub(crate) struct Month {
    /// All calls that customers made.
    pub(crate) calls: u64,
    /// Those that came to an option, by option.
    pub(crate) options: BTreeMap<String, DrawnOf>,
    /// Those that came to a flow on trial, by rollout: they are among all calls, and no bot's.
    pub(crate) trials: BTreeMap<String, DrawnOf>,
}

/// Writes a decision and, when it is the first by its plan, the plan.
pub(super) fn write_decision(step: &mut Db, row: &DecisionRow) -> Result<(), DbError> {
    let DecisionRow { decision, stage, share, draw, plan } = row;
    step.execute(
        "INSERT INTO rollout_plans (plan, whole) VALUES (?1, ?2) ON CONFLICT (plan) DO NOTHING",
        values![&*decision.plan, serde_json::to_string(plan).expect("a plan is plain data")],
    )?;
    let (who, reason) = match &decision.cause {
        Cause::Order { who, reason, .. } => (Some(who.clone()), Some(reason.clone())),
        Cause::Hourly | Cause::Daily | Cause::Breaker => (None, None),
    };
    let sql = "INSERT INTO rollout_decisions (rollout, version, number, at, verdict, state, stage, share, ordered_by,
             reason, plan, draw, whole)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (rollout, version, number) DO NOTHING";
    step.execute(
        sql,
        values![
            decision.rollout,
            decision.version,
            i64::try_from(decision.number).unwrap_or(i64::MAX),
            micros(decision.at),
            decision.verdict.as_str(),
            decision.after.as_str(),
            stage,
            share.map(Share::as_str),
            who,
            reason,
            decision.plan,
            draw,
            serde_json::to_string(decision).expect("a decision is plain data"),
        ],
    )?;
    Ok(())
}

/// Decisions from a database that a server may be writing; none where it has never kept any.
///
/// # Errors
/// What the database says.
pub(crate) fn decisions(database: &Database, log: &Log) -> Result<DecisionLog, DbError> {
    let mut db = Db::open(database, Access::Report)?;
    let version: Option<i64> =
        db.cell("SELECT coalesce(max(version), 0) FROM schema_version", &[])?;
    if version.unwrap_or(0) < SINCE_VERSION {
        return Ok(DecisionLog::default());
    }
    read_log(&mut db, log)
}

fn read_log(db: &mut Db, log: &Log) -> Result<DecisionLog, DbError> {
    let version = match &log.version {
        Some(version) => Some(version.clone()),
        None => {
            let last =
                "SELECT version FROM rollout_decisions WHERE rollout = ?1 ORDER BY at DESC LIMIT 1";
            db.cell(last, values![log.rollout])?
        }
    };
    let Some(version) = version else { return Ok(DecisionLog::default()) };
    let sql = "SELECT whole, draw, plan FROM rollout_decisions WHERE rollout = ?1 AND version = ?2
         ORDER BY number DESC LIMIT ?3";
    let limit = log.limit.clamp(1, DECISIONS_MAX);
    let mut plans = BTreeMap::new();
    let mut decisions = db.rows(sql, values![log.rollout, version, limit], |row| {
        let (whole, plan): (String, String) = (row.get(0)?, row.get(2)?);
        let decision = serde_json::from_str(&whole).map_err(|error| unreadable(0, error))?;
        plans.insert(plan, None);
        Ok(KeptDecision { whole, decision, draw: row.get(1)? })
    })?;
    decisions.reverse();
    for (fingerprint, plan) in &mut plans {
        let whole: Option<String> =
            db.cell("SELECT whole FROM rollout_plans WHERE plan = ?1", values![fingerprint])?;
        *plan = whole.and_then(|whole| serde_json::from_str(&whole).ok());
    }
    let plans = plans.into_iter().filter_map(|(name, plan)| Some((name, plan?))).collect();
    Ok(DecisionLog { decisions, plans })
}

fn unreadable(column: usize, why: impl std::fmt::Display) -> DbError {
    DbError::Column { column, found: why.to_string() }
}

impl StoreReader {
    /// Decisions about a rollout.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn decisions(&self, log: Log) -> Result<DecisionLog, ReadError> {
        self.read(move |db| read_log(db, &log)).await
    }

    /// Who came to the option from one moment on and before another, whether he was drawn or not.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn visits(
        &self,
        option: Arc<str>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Visit>, ReadError> {
        self.read(move |db| read_visits(db, &option, from, until)).await
    }

    /// Who wanted a person while the option's bot had him, from one moment on and before another; the oldest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn opt_outs(
        &self,
        option: Arc<str>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(Timestamp, Arc<str>)>, ReadError> {
        let sql = "SELECT coalesce(c.ended_at, c.started_at), c.caller FROM contacts c JOIN arms a ON a.call = c.call
             WHERE c.started_at >= ?1 AND c.started_at < ?2 AND a.option = ?3 AND a.arm = 'bot'
                 AND a.bot_end = 'transfer' AND c.operator_requested = 1 AND c.caller <> '' ORDER BY 1";
        self.read(move |db| {
            db.rows(sql, values![micros(from), micros(until), option], |row| {
                let caller: String = row.get(1)?;
                Ok((moment(row.get(0)?), caller.into()))
            })
        })
        .await
    }

    /// Calls from one moment on and before another: all that customers made, and those of each option.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn month(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Month, ReadError> {
        self.read(move |db| db.transaction(|picture| read_month(picture, from, until))).await
    }

    /// Contacts that were drawn for the option, as far as outcomes are read off them: without path, queues, agents
    /// and codes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn drawn(
        &self,
        option: Arc<str>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Contact>, ReadError> {
        self.read(move |db| db.transaction(|picture| read_drawn(picture, &option, from, until)))
            .await
    }
}

fn read_month(db: &mut Db, from: Timestamp, until: Timestamp) -> Result<Month, DbError> {
    let span = values![micros(from), micros(until)];
    let count = |row: &Row<'_>, column| row.get::<i64>(column).map(i64::unsigned_abs);
    // Where nothing was dialled, we have called.
    let sql = "SELECT count(*) FROM contacts WHERE started_at >= ?1 AND started_at < ?2 AND dialled <> ''";
    let calls = db.cell::<i64>(sql, span)?.unwrap_or(0).unsigned_abs();
    let sql = "SELECT a.option, coalesce(a.tried, 'bot'), count(DISTINCT a.call),
             count(DISTINCT CASE WHEN a.arm = 'bot' AND a.excluded IS NULL THEN a.call END),
             count(DISTINCT CASE WHEN a.arm = 'bot' AND a.excluded IS NULL AND a.delivered = 1 THEN a.call END)
         FROM contacts c JOIN arms a ON a.call = c.call
         WHERE c.started_at >= ?1 AND c.started_at < ?2 GROUP BY a.option, coalesce(a.tried, 'bot')";
    let rows = db.rows(sql, span, |row| {
        let drawn = DrawnOf { calls: count(row, 2)?, bot: count(row, 3)?, reached: count(row, 4)? };
        Ok((tried(row, 1)?, row.get::<String>(0)?, drawn))
    })?;
    let mut month = Month { calls, ..Month::default() };
    for (tried, option, drawn) in rows {
        let of = match tried {
            TriedKind::Bot => &mut month.options,
            TriedKind::Flow => &mut month.trials,
        };
        of.insert(option, drawn);
    }
    Ok(month)
}

fn read_visits(
    db: &mut Db,
    option: &Arc<str>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Visit>, DbError> {
    let sql = "SELECT c.call, c.caller, c.started_at, c.continues FROM contacts c JOIN arms a ON a.call = c.call
         WHERE c.started_at >= ?1 AND c.started_at < ?2 AND a.option = ?3 ORDER BY c.started_at, c.call";
    db.rows(sql, values![micros(from), micros(until), option], |row| {
        let (caller, continues): (String, Option<i64>) = (row.get(1)?, row.get(3)?);
        Ok(Visit {
            call: call_id(row.get(0)?),
            caller: caller.into(),
            topic: Arc::clone(option),
            started_at: moment(row.get(2)?),
            continues: continues.is_some(),
        })
    })
}

/// Contacts in the order of their beginnings.
fn read_drawn(
    db: &mut Db,
    option: &Arc<str>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Contact>, DbError> {
    let span = values![micros(from), micros(until), option];
    let sql = "SELECT c.call, c.caller, c.started_at, c.answered_at, c.ended_at, c.ending_fault, c.ending_reason,
             c.operator_requested, a.arm, a.share, a.delivered, a.excluded, a.customer_group, a.bot_end,
             coalesce(a.tried, 'bot')
         FROM contacts c JOIN arms a ON a.call = c.call
         WHERE c.started_at >= ?1 AND c.started_at < ?2 AND a.option = ?3 ORDER BY c.started_at, c.call, a.seq";
    let mut contacts: Vec<Contact> = db.rows(sql, span, |row| contact(row, option))?;
    contacts.dedup_by_key(|contact| contact.call);
    let mut places: BTreeMap<CallId, usize> =
        contacts.iter().enumerate().map(|(place, contact)| (contact.call, place)).collect();
    let sql = "SELECT s.call, s.kind, s.from_at, s.to_at, s.outcome, s.passed_on, s.wrap_up_secs
         FROM contacts c JOIN arms a ON a.call = c.call JOIN segments s ON s.call = c.call
         WHERE c.started_at >= ?1 AND c.started_at < ?2 AND a.option = ?3 ORDER BY s.call, s.seq";
    let mut last = None;
    db.each::<DbError>(sql, span, |row| {
        let (call, stage) = (call_id(row.get(0)?), stage(row)?);
        // An option that was drawn twice in one call would give each stage twice.
        if last.replace((call, stage.from, stage.kind)) != Some((call, stage.from, stage.kind))
            && let Some(place) = places.get(&call)
        {
            contacts[*place].stages.push(stage);
        }
        Ok(())
    })?;
    let sql = "SELECT v.call, v.question, v.score
         FROM contacts c JOIN arms a ON a.call = c.call JOIN survey v ON v.call = c.call
         WHERE c.started_at >= ?1 AND c.started_at < ?2 AND a.option = ?3 ORDER BY v.call, v.seq";
    db.each::<DbError>(sql, span, |row| {
        if let Some(place) = places.get_mut(&call_id(row.get(0)?)) {
            let question: String = row.get(1)?;
            contacts[*place].survey.push((question.into(), row.get(2)?));
        }
        Ok(())
    })?;
    Ok(contacts)
}

fn contact(row: &Row<'_>, option: &Arc<str>) -> Result<Contact, DbError> {
    let text = |column| row.get::<Option<String>>(column);
    let ending = match (text(5)?, text(6)?) {
        (Some(fault), Some(reason)) => {
            Some(Ending { fault: named(5, &fault)?, reason: reason.into() })
        }
        (Some(_) | None, _) => None,
    };
    let excluded: Option<Excluded> = text(11)?.map(|word| named(11, &word)).transpose()?;
    let arm: String = row.get(8)?;
    Ok(Contact {
        call: call_id(row.get(0)?),
        caller: row.get(1)?,
        dialled: String::new(),
        flow: "".into(),
        flow_version: "".into(),
        language: "".into(),
        started_at: moment(row.get(2)?),
        answered_at: row.get::<Option<i64>>(3)?.map(moment),
        ended_at: row.get::<Option<i64>>(4)?.map(moment),
        ending,
        path: Vec::new(),
        stages: Vec::new(),
        arms: vec![ArmRecord {
            option: Arc::clone(option),
            arm: named(8, &arm)?,
            share: row.get(9)?,
            delivered: row.get(10)?,
            excluded,
            group: text(12)?.map(Into::into),
            bot_end: text(13)?.map(Into::into),
            tried: tried(row, 14)?,
        }],
        survey: Vec::new(),
        operator_requested: row.get(7)?,
        callback: None,
        continues: None,
        customer: None,
        chosen: Vec::new(),
    })
}

fn tried(row: &Row<'_>, column: usize) -> Result<TriedKind, DbError> {
    let word: String = row.get(column)?;
    named(column, &word)
}

fn stage(row: &Row<'_>) -> Result<Stage, DbError> {
    let kind: String = row.get(1)?;
    let kind: StageKind = named(1, &kind)?;
    let word = |column| row.get::<Option<String>>(column);
    Ok(Stage {
        to: row.get::<Option<i64>>(3)?.map(moment),
        outcome: word(4)?.map(|word| named(4, &word)).transpose()?,
        passed_on: word(5)?.map(|word| named(5, &word)).transpose()?,
        wrap_up_secs: row.get(6)?,
        ..Stage::begun(kind, moment(row.get(2)?))
    })
}

/// A word of the database as the type that it is a word of.
fn named<T: DeserializeOwned>(column: usize, word: &str) -> Result<T, DbError> {
    let reader: StrDeserializer<'_, Unreadable> = word.into_deserializer();
    T::deserialize(reader).map_err(|_| unreadable(column, format!("`{word}`")))
}

pub(super) fn call_id(id: i64) -> CallId {
    CallId(u64::try_from(id).unwrap_or_default())
}

pub(super) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(micros).unwrap_or_default())
}
