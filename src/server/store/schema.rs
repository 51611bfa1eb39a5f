//! The shape of the database: numbered migrations, and mending what a crash left open.

use super::Recovered;
use super::db::{Db, DbError, Value, values};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// The migrations in order; the first is version 1. A published one is never edited: the next one changes its work.
const MIGRATIONS: [&str; 15] = [
    include_str!("migrations/0001_contacts.sql"),
    include_str!("migrations/0002_shifts.sql"),
    include_str!("migrations/0003_figures.sql"),
    include_str!("migrations/0004_transfers.sql"),
    include_str!("migrations/0005_codes.sql"),
    include_str!("migrations/0006_batches.sql"),
    include_str!("migrations/0007_holds_of_stages.sql"),
    include_str!("migrations/0008_speech.sql"),
    include_str!("migrations/0009_sites.sql"),
    include_str!("migrations/0010_callbacks.sql"),
    include_str!("migrations/0011_arms.sql"),
    include_str!("migrations/0012_rollouts.sql"),
    include_str!("migrations/0013_bot_notes.sql"),
    include_str!("migrations/0014_complaints.sql"),
    include_str!("migrations/0015_trials.sql"),
];

/// The newest schema this program knows.
pub(crate) const VERSION: i64 = 15;

/// How long one step of a migration may take on a server: an index over years of calls is made in minutes. Then it is
/// undone, and the store keeps trying.
const MIGRATION_MAX: Duration = Duration::from_secs(3_600);

const _: () = assert!(MIGRATIONS.len() == VERSION as usize, "one file for each version");

/// Brings the schema up to [`VERSION`], each step in a transaction of its own; answers the version found. One that is
/// newer than ours is left alone.
pub(super) fn migrate(db: &mut Db, now: Timestamp) -> Result<i64, DbError> {
    db.be_patient(Some(MIGRATION_MAX));
    db.batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)",
    )?;
    let query = "SELECT coalesce(max(version), 0) FROM schema_version";
    let found: i64 = db.cell(query, &[])?.unwrap_or(0);
    for (version, sql) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        db.transaction::<_, DbError>(|step| {
            step.batch(sql)?;
            let done = values![version, micros(now)];
            step.execute("INSERT INTO schema_version VALUES (?1, ?2)", done)
        })?;
    }
    db.be_patient(None);
    Ok(found)
}

/// Ends what the last run left open, at the moment it was last seen alive. An orderly stop leaves nothing open.
pub(super) fn recover(db: &mut Db) -> Result<Recovered, DbError> {
    let query = "SELECT last_alive_at FROM runs ORDER BY id DESC LIMIT 1";
    let last_alive: i64 = db.cell(query, &[])?.unwrap_or(0);
    db.transaction(|step| end_all(step, values![last_alive]))
}

fn end_all(step: &mut Db, last_alive: &[Value]) -> Result<Recovered, DbError> {
    // What was cut off is counted too: a wait as failed, a talk for as long as it was seen.
    step.execute(
        "INSERT INTO waits (call, queue, entered_at, ended_at, waited_secs, outcome, service_level)
         SELECT call, queue, from_at, max(from_at, ?1), (max(from_at, ?1) - from_at) / 1e6, 'failed', 'missed'
         FROM segments s WHERE to_at IS NULL AND kind = 'queue' AND queue IS NOT NULL
             -- Nobody waited on the line where somebody was to be called back.
             AND NOT EXISTS (SELECT 1 FROM contacts c
                 WHERE c.call = s.call AND c.callback IS NOT NULL AND c.dialled = '')
             AND NOT EXISTS (SELECT 1 FROM waits w WHERE w.call = s.call AND w.entered_at = s.from_at)",
        last_alive,
    )?;
    step.execute(
        "INSERT INTO talks (call, queue, agent, counted_at, connected_at, ended_at, waited_secs, talk_secs, hold_secs,
             ended_by, handed)
         SELECT t.call, t.queue, t.agent, w.from_at, t.from_at, max(t.from_at, ?1),
             CASE w.seq WHEN t.seq - 1 THEN (t.from_at - w.from_at) / 1e6 ELSE 0.0 END,
             max(0, (max(t.from_at, ?1) - t.from_at) / 1e6 - t.hold_secs), t.hold_secs, 'system',
             CASE w.seq WHEN t.seq - 1 THEN 0 ELSE 1 END
         FROM segments t JOIN segments w ON w.call = t.call AND w.seq = (SELECT max(q.seq) FROM segments q
             WHERE q.call = t.call AND q.seq < t.seq AND q.kind = 'queue')
         WHERE t.to_at IS NULL AND t.kind = 'talk' AND t.queue IS NOT NULL AND t.agent IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM talks k WHERE k.call = t.call AND k.connected_at = t.from_at)",
        last_alive,
    )?;
    // A wait that was cut off failed; other stages have no outcome. Nothing ends before it began.
    step.execute(
        "UPDATE segments SET to_at = max(from_at, ?1), outcome = CASE kind WHEN 'queue' THEN 'failed' END
         WHERE to_at IS NULL AND call IN (SELECT call FROM contacts WHERE ended_at IS NULL)",
        last_alive,
    )?;
    let contacts = step.execute(
        "UPDATE contacts SET ending_fault = 'ours', ending_reason = 'interrupted', ended_at = max(
             ?1, started_at, coalesce(answered_at, 0),
             coalesce((SELECT max(to_at) FROM segments WHERE segments.call = contacts.call), 0))
         WHERE ended_at IS NULL",
        last_alive,
    )?;
    let stretches = step.execute(
        "UPDATE agent_status SET to_at = max(from_at, ?1) WHERE to_at IS NULL",
        last_alive,
    )?;
    // Who was in trouble then is logged out now.
    step.execute(
        "UPDATE incidents SET ended_at = max(started_at, ?1) WHERE ended_at IS NULL",
        last_alive,
    )?;
    Ok(Recovered { contacts, stretches })
}

/// Notes a start; answers the run's number.
pub(super) fn begin_run(db: &mut Db, now: Timestamp) -> Result<i64, DbError> {
    let insert = "INSERT INTO runs (started_at, last_alive_at) VALUES (?1, ?1) RETURNING id";
    let id = db.cell(insert, values![micros(now)])?;
    Ok(id.expect("an INSERT with RETURNING answers with a row"))
}

/// A moment as the database keeps it. The year 294,000 is far enough.
pub(super) fn micros(at: Timestamp) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
