//! Requests to be called back: written whole at each change, read back once when the server starts.

use super::schema::micros;
use dozvon_center::callback::{Callback, Stage};
use dozvon_center::limits::CALLBACKS_MAX;
use rusqlite::{Connection, Result, params};

/// Writes a request as it stands now.
pub(super) fn write(step: &Connection, callback: &Callback) -> Result<()> {
    let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let ended = match callback.stage {
        Stage::Ended { at, end } => Some((micros(at), end.as_str())),
        Stage::Due { .. }
        | Stage::Queued { .. }
        | Stage::Offered { .. }
        | Stage::Dialing { .. }
        | Stage::Here { .. }
        | Stage::Calling { .. } => None,
    };
    step.prepare_cached(
        "INSERT OR REPLACE INTO callbacks (id, contact, number, queue, asked_by, enqueued_at, asked_at, attempts, missed,
             stage, ended_at, whole)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
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
        ended.map(|(at, _)| at),
        serde_json::to_string(callback).expect("a request is plain data"),
    ])?;
    Ok(())
}

/// The requests that are open, oldest first. One that this program can't read is left where it is, and told of.
pub(super) fn open(connection: &Connection) -> Result<Vec<Callback>> {
    let query = "SELECT id, whole FROM callbacks WHERE ended_at IS NULL ORDER BY asked_at LIMIT ?1";
    let mut query = connection.prepare(query)?;
    let most = i64::try_from(CALLBACKS_MAX).unwrap_or(i64::MAX);
    let rows =
        query.query_map([most], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut open = Vec::new();
    for row in rows {
        let (id, whole) = row?;
        match serde_json::from_str(&whole) {
            Ok(callback) => open.push(callback),
            Err(error) => tracing::error!(id, %error, "a callback can't be read: it is not made"),
        }
    }
    Ok(open)
}
