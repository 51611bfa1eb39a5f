//! Requests to be called back: written whole at each change, read back when the database is opened.

use super::db::{Db, DbError, values};
use super::schema::micros;
use dozvon_center::callback::{Callback, Stage};
use dozvon_center::limits::CALLBACKS_MAX;

/// Writes a request as it stands now.
pub(super) fn write_callback(step: &mut Db, callback: &Callback) -> Result<(), DbError> {
    let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let ended_at = match callback.stage {
        Stage::Ended { at, .. } => Some(micros(at)),
        Stage::Due { .. }
        | Stage::Queued { .. }
        | Stage::Offered { .. }
        | Stage::Dialing { .. }
        | Stage::Here { .. }
        | Stage::Calling { .. } => None,
    };
    let sql = "INSERT INTO callbacks (id, contact, number, queue, asked_by, enqueued_at, asked_at, attempts, missed,
             stage, ended_at, whole)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, enqueued_at = excluded.enqueued_at,
             attempts = excluded.attempts, missed = excluded.missed, stage = excluded.stage,
             ended_at = excluded.ended_at, whole = excluded.whole";
    step.execute(
        sql,
        values![
            id(callback.id.0),
            callback.contact.map(|contact| id(contact.0)),
            callback.number,
            callback.queue,
            callback.proof.by.as_str(),
            micros(callback.enqueued_at),
            micros(callback.asked_at),
            callback.attempts,
            callback.missed.map(|why| why.as_str()),
            callback.stage.as_str(),
            ended_at,
            serde_json::to_string(callback).expect("a request is plain data"),
        ],
    )?;
    Ok(())
}

/// The requests that are open, oldest first. One that this program can't read is left where it is, and told of.
pub(super) fn open_callbacks(db: &mut Db) -> Result<Vec<Callback>, DbError> {
    let query = "SELECT id, whole FROM callbacks WHERE ended_at IS NULL ORDER BY asked_at LIMIT ?1";
    let most = i64::try_from(CALLBACKS_MAX).unwrap_or(i64::MAX);
    let rows =
        db.rows(query, values![most], |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)))?;
    let mut open = Vec::new();
    for (id, whole) in rows {
        match serde_json::from_str(&whole) {
            Ok(callback) => open.push(callback),
            Err(error) => tracing::error!(id, %error, "a callback can't be read: it is not made"),
        }
    }
    Ok(open)
}
