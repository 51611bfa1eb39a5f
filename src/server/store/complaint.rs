//! Complaints about contacts: marked once, and read where rollouts are judged by them.

use super::db::{Db, DbError, values};
use super::reader::{ReadError, StoreReader};
use super::rollout::{call_id, moment};
use super::schema::micros;
use dozvon_center::ids::CallId;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

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

/// What became of a complaint that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// It is kept.
    Now,
    /// One about that contact was kept before, and counts.
    Before,
    /// It is not kept: too much waits for the disk, or the database would not have it.
    Lost,
}

/// A complaint on its way to the disk, and the way back to whoever waits to hear what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    row: ComplaintRow,
    /// Whether it was the first, as the last try to write it has found.
    first: Arc<AtomicBool>,
    /// Closed without a word when the last copy of it is dropped.
    told: mpsc::Sender<Marked>,
}

/// Hears what became of a complaint.
#[derive(Debug)]
pub(crate) struct Hearing(mpsc::Receiver<Marked>);

impl Complaint {
    /// A complaint to be handed over, and the one who hears of it.
    pub(crate) fn new(row: ComplaintRow) -> (Complaint, Hearing) {
        let (told, hearing) = mpsc::channel(1);
        (Complaint { row, first: Arc::default(), told }, Hearing(hearing))
    }

    /// The transaction that it was part of is done.
    pub(super) fn written(&self) {
        let marked = if self.first.load(Ordering::Relaxed) { Marked::Now } else { Marked::Before };
        // Whoever has asked may be gone.
        let _ = self.told.try_send(marked);
    }
}

impl Hearing {
    /// Waits until it is written, or given up.
    pub(crate) async fn marked(mut self) -> Marked {
        self.0.recv().await.unwrap_or(Marked::Lost)
    }
}

/// Writes a complaint; a second one about a contact changes nothing.
pub(super) fn write_complaint(step: &mut Db, complaint: &Complaint) -> Result<(), DbError> {
    let ComplaintRow { call, at, by, text } = &complaint.row;
    let call = call_key(*call);
    let rows = step.execute(
        "INSERT INTO complaints (call, at, marked_by, text) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (call) DO NOTHING",
        values![call, micros(*at), by, text.clone()],
    )?;
    complaint.first.store(rows > 0, Ordering::Relaxed);
    Ok(())
}

/// The complaint about a contact, by the number that it has in the database.
pub(super) fn complaint_of(db: &mut Db, call: i64) -> Result<Option<ComplaintRow>, DbError> {
    let sql = "SELECT call, at, marked_by, text FROM complaints WHERE call = ?1";
    let rows = db.rows(sql, values![call], |row| {
        Ok(ComplaintRow {
            call: call_id(row.get(0)?),
            at: moment(row.get(1)?),
            by: row.get(2)?,
            text: row.get(3)?,
        })
    })?;
    Ok(rows.into_iter().next())
}

/// The number that a contact has in the database.
pub(super) fn call_key(call: CallId) -> i64 {
    i64::try_from(call.0).unwrap_or(i64::MAX)
}

fn read_complaint(db: &mut Db, call: CallId) -> Result<Complained, DbError> {
    let key = call_key(call);
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
