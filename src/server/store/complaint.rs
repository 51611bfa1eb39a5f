//! Complaints about contacts: marked once, and read where rollouts are judged by them.

use super::db::{Db, DbError, values};
use super::reader::{ReadError, StoreReader};
use super::rollout::{call_id, moment};
use super::schema::micros;
use dozvon_center::ids::CallId;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A complaint to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ComplaintRow {
    /// The contact.
    pub(crate) call: CallId,
    /// When it was marked.
    pub(crate) at: Timestamp,
    /// Whose token it was.
    pub(crate) by: String,
    /// What was said. Personal.
    pub(crate) text: Option<String>,
}

/// What is known of a contact and the complaint about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Complained {
    /// There is no such contact.
    NoContact,
    /// Nobody has complained.
    No,
    /// It was marked.
    Yes {
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
}

/// Writes a complaint; a second one about a contact changes nothing.
pub(super) fn write_complaint(step: &mut Db, row: &ComplaintRow) -> Result<(), DbError> {
    let ComplaintRow { call, at, by, text } = row;
    let call = i64::try_from(call.0).unwrap_or(i64::MAX);
    step.execute(
        "INSERT INTO complaints (call, at, marked_by, text) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (call) DO NOTHING",
        values![call, micros(*at), by, text.clone()],
    )?;
    Ok(())
}

fn read_complaint(db: &mut Db, call: CallId) -> Result<Complained, DbError> {
    let key = i64::try_from(call.0).unwrap_or(i64::MAX);
    let sql = "SELECT m.at, m.marked_by FROM contacts c LEFT JOIN complaints m ON m.call = c.call
         WHERE c.call = ?1";
    let rows = db.rows(sql, values![key], |row| {
        let at: Option<i64> = row.get(0)?;
        let by: Option<String> = row.get(1)?;
        Ok(at.zip(by))
    })?;
    Ok(match rows.into_iter().next() {
        None => Complained::NoContact,
        Some(None) => Complained::No,
        Some(Some((at, by))) => Complained::Yes { at: moment(at), by },
    })
}

impl StoreReader {
    /// Whether anybody has complained about a contact.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn complaint(&self, call: CallId) -> Result<Complained, ReadError> {
        self.read(move |db| read_complaint(db, call)).await
    }

    /// When complaints were marked about contacts that were drawn for the option and began from one moment on and
    /// before another.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn complaints(
        &self,
        option: Arc<str>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeMap<CallId, Timestamp>, ReadError> {
        let sql = "SELECT m.call, m.at FROM contacts c JOIN arms a ON a.call = c.call
             JOIN complaints m ON m.call = c.call
             WHERE c.started_at >= ?1 AND c.started_at < ?2 AND a.option = ?3";
        let read = move |db: &mut Db| {
            db.rows(sql, values![micros(from), micros(until), option], |row| {
                Ok((call_id(row.get(0)?), moment(row.get(1)?)))
            })
        };
        Ok(self.read(read).await?.into_iter().collect())
    }
}
