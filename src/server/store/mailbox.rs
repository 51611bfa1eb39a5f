//! The bounded mailbox between the brain and the writer: the newest record of each call, and agents' changes and rows
//! of figures in order.
//!
//! The brain holds its lock for one insertion, the writer for one removal of a batch: nobody holds it over a disk
//! operation. What happens at the bounds is said at their constants in [`super`].

use super::ledger::{Ledger, Row};
use super::record::Record;
use super::{
    BATCH_MAX, CALLBACKS_PENDING_MAX, CONTACTS_PENDING_MAX, HEARTBEAT, LINGER, MOVES_PENDING_MAX,
    REFUSALS_PENDING_MAX, ROWS_PENDING_MAX, StoreStats,
};
use crate::server::events::Directory;
use dozvon_center::callback::Callback;
use dozvon_center::contact::Contact;
use dozvon_center::fact::Fact;
use dozvon_center::ids::{CallId, CallbackId};
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The brain's end of the store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct StoreSender {
    mailbox: Arc<Mailbox>,
}

impl StoreSender {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> StoreSender {
        StoreSender { mailbox }
    }

    /// Hands a record over without waiting for the disk; what does not fit is dropped and counted.
    pub(crate) fn try_send(&self, record: Record) {
        self.mailbox.put(record);
    }

    /// Hands a fact over: an agent's change, and the rows that are whole with it.
    pub(crate) fn fact(&self, fact: &Fact, names: &Directory) {
        self.mailbox.put_fact(fact, names);
    }
}

/// Microseconds of a minute.
const MINUTE: u64 = 60_000_000;

/// What one transaction writes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Records of calls, one each.
    pub(super) contacts: Vec<Contact>,
    /// Requests to be called back, one each.
    pub(super) callbacks: Vec<Callback>,
    /// Agents' changes, their conduct and incidents in order.
    pub(super) moves: Vec<Record>,
    /// Rows of figures in order.
    pub(super) rows: Vec<Row>,
    /// Refused calls: the minute's beginning, the reason, how many.
    pub(super) refusals: Vec<(Timestamp, &'static str, u64)>,
}

impl Batch {
    /// Records in it.
    pub(super) fn len(&self) -> usize {
        self.contacts.len()
            + self.callbacks.len()
            + self.moves.len()
            + self.rows.len()
            + self.refusals.len()
    }

    /// Tells those who wait for it that it is written.
    pub(super) fn tell(&self) {
        for record in &self.moves {
            if let Record::Complaint(complaint) = record {
                complaint.written();
            }
        }
    }

    /// Each of them by itself, in order.
    pub(super) fn split(self) -> impl Iterator<Item = Batch> {
        let callbacks = self.callbacks.into_iter();
        let callbacks = callbacks.map(|one| Batch { callbacks: vec![one], ..Batch::default() });
        let contacts = self.contacts.into_iter();
        let contacts = contacts.map(|one| Batch { contacts: vec![one], ..Batch::default() });
        let moves = self.moves.into_iter();
        let moves = moves.map(|one| Batch { moves: vec![one], ..Batch::default() });
        let rows = self.rows.into_iter().map(|one| Batch { rows: vec![one], ..Batch::default() });
        let refusals = self.refusals.into_iter();
        let refusals = refusals.map(|one| Batch { refusals: vec![one], ..Batch::default() });
        callbacks.chain(contacts).chain(moves).chain(rows).chain(refusals)
    }
}

/// What the writer finds.
#[derive(Debug)]
pub(super) enum Post {
    /// To be written; then [`Mailbox::done`].
    Batch(Batch),
    /// Nothing came for [`HEARTBEAT`].
    Quiet,
    /// Closed and empty.
    Closed,
}

#[derive(Debug, Default)]
struct Inner {
    /// Newest records of running calls.
    running: BTreeMap<CallId, Box<Contact>>,
    /// Newest records of ended calls.
    ended: BTreeMap<CallId, Box<Contact>>,
    /// Newest states of requests to be called back.
    callbacks: BTreeMap<CallbackId, Box<Callback>>,
    moves: VecDeque<Record>,
    ledger: Ledger,
    rows: VecDeque<Row>,
    /// Refused calls by the minute's beginning and the reason.
    refusals: BTreeMap<(Timestamp, &'static str), u64>,
    /// Whether the writer has a batch that is not written yet.
    writing: bool,
    closed: bool,
}

impl Inner {
    fn len(&self) -> usize {
        let contacts = self.running.len() + self.ended.len();
        contacts + self.callbacks.len() + self.moves.len() + self.rows.len() + self.refusals.len()
    }

    fn take_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        // Promises first: an attempt to call must be known before it is made.
        while batch.len() < BATCH_MAX
            && let Some((_, callback)) = self.callbacks.pop_first()
        {
            batch.callbacks.push(*callback);
        }
        while batch.len() < BATCH_MAX {
            // Ends first: they are what must not be lost.
            let contact = self.ended.pop_first().or_else(|| self.running.pop_first());
            match contact {
                Some((_, contact)) => batch.contacts.push(*contact),
                None => break,
            }
        }
        let room = BATCH_MAX - batch.len();
        let moves = self.moves.len().min(room);
        batch.moves.extend(self.moves.drain(..moves));
        let rows = self.rows.len().min(BATCH_MAX - batch.len());
        batch.rows.extend(self.rows.drain(..rows));
        while batch.len() < BATCH_MAX
            && let Some(((minute, reason), calls)) = self.refusals.pop_first()
        {
            batch.refusals.push((minute, reason, calls));
        }
        batch
    }
}

/// The mailbox itself.
#[derive(Debug)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
    /// Rung when something came, was written, or the mailbox was closed.
    bell: Condvar,
    stats: Arc<StoreStats>,
}

impl Mailbox {
    /// An empty one.
    pub(super) fn new(stats: Arc<StoreStats>) -> Mailbox {
        Mailbox { inner: Mutex::default(), bell: Condvar::new(), stats }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every section leaves the maps whole, so a panic elsewhere in one does not spoil them.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, record: Record) {
        let mut inner = self.lock();
        let was_empty = inner.len() == 0;
        let urgent = matches!(&record, Record::Contact(contact) if contact.ended_at.is_some());
        match record {
            Record::Contact(contact) => self.put_contact(&mut inner, contact),
            Record::Agent(_)
            | Record::Conduct(_)
            | Record::Incident(_)
            | Record::Emergency { .. }
            | Record::Decided(_)
            | Record::Complaint(_)
                if inner.moves.len() < MOVES_PENDING_MAX =>
            {
                inner.moves.push_back(record);
            }
            Record::Agent(_)
            | Record::Conduct(_)
            | Record::Incident(_)
            | Record::Emergency { .. }
            | Record::Decided(_)
            | Record::Complaint(_) => {
                count(&self.stats.moves_dropped);
            }
            Record::Callback(callback) => self.put_callback(&mut inner, callback),
            Record::Refused { at, reason } => self.put_refusal(&mut inner, at, reason),
        }
        self.ring(inner, was_empty, urgent);
    }

    fn put_fact(&self, fact: &Fact, names: &Directory) {
        if let Some(record) = Record::of(fact, names) {
            return self.put(record);
        }
        let mut inner = self.lock();
        let was_empty = inner.len() == 0;
        let Inner { ledger, rows, .. } = &mut *inner;
        let followed = ledger.take(fact, names, &mut |row| {
            if rows.len() < ROWS_PENDING_MAX {
                rows.push_back(row);
            } else {
                count(&self.stats.rows_dropped);
            }
        });
        if !followed {
            count(&self.stats.rows_dropped);
        }
        if inner.len() > 0 {
            self.ring(inner, was_empty, false);
        }
    }

    fn put_callback(&self, inner: &mut Inner, callback: Box<Callback>) {
        let known = inner.callbacks.contains_key(&callback.id);
        if known || inner.callbacks.len() < CALLBACKS_PENDING_MAX {
            inner.callbacks.insert(callback.id, callback);
        } else {
            count(&self.stats.rows_dropped);
        }
    }

    fn put_refusal(&self, inner: &mut Inner, at: Timestamp, reason: &'static str) {
        let minute = Timestamp::from_micros(at.as_micros() / MINUTE * MINUTE);
        let known = inner.refusals.contains_key(&(minute, reason));
        if known || inner.refusals.len() < REFUSALS_PENDING_MAX {
            *inner.refusals.entry((minute, reason)).or_default() += 1;
        } else {
            count(&self.stats.rows_dropped);
        }
    }

    /// Tells the writer when it has to know.
    fn ring(&self, inner: MutexGuard<'_, Inner>, was_empty: bool, urgent: bool) {
        let pending = inner.len();
        self.note_pending(&inner);
        drop(inner);
        if was_empty || urgent || pending >= BATCH_MAX {
            self.bell.notify_all();
        }
    }

    fn put_contact(&self, inner: &mut Inner, contact: Box<Contact>) {
        let call = contact.call;
        let ended = contact.ended_at.is_some();
        let full = |inner: &Inner| inner.running.len() + inner.ended.len() >= CONTACTS_PENDING_MAX;
        if ended {
            inner.running.remove(&call);
            if full(inner) && !inner.ended.contains_key(&call) {
                match inner.running.pop_first() {
                    Some(_) => count(&self.stats.changes_dropped),
                    None => return count(&self.stats.ends_dropped),
                }
            }
            inner.ended.insert(call, contact);
        } else if full(inner) && !inner.running.contains_key(&call) {
            count(&self.stats.changes_dropped);
        } else {
            inner.running.insert(call, contact);
        }
    }

    fn note_pending(&self, inner: &Inner) {
        let pending = u64::try_from(inner.len()).unwrap_or(u64::MAX);
        self.stats.pending.store(pending, Ordering::Relaxed);
    }

    /// Waits for something to write. Changes wait up to [`LINGER`] for company; ends, full batches and closing do not.
    pub(super) fn next(&self) -> Post {
        let mut inner = self.lock();
        let quiet_until = Instant::now() + HEARTBEAT;
        while inner.len() == 0 {
            if inner.closed {
                return Post::Closed;
            }
            match quiet_until.checked_duration_since(Instant::now()) {
                None => return Post::Quiet,
                Some(left) => inner = self.wait(inner, left),
            }
        }
        let write_at = Instant::now() + LINGER;
        while inner.ended.is_empty() && inner.len() < BATCH_MAX && !inner.closed {
            match write_at.checked_duration_since(Instant::now()) {
                None => break,
                Some(left) => inner = self.wait(inner, left),
            }
        }
        let batch = inner.take_batch();
        inner.writing = true;
        self.note_pending(&inner);
        Post::Batch(batch)
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>, left: Duration) -> MutexGuard<'a, Inner> {
        self.bell.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
    }

    /// The batch taken last is written, or given up.
    pub(super) fn done(&self) {
        self.lock().writing = false;
        self.bell.notify_all();
    }

    /// Waits before a refused batch is tried again; answers whether the mailbox is being closed.
    pub(super) fn pause(&self, how_long: Duration) -> bool {
        let until = Instant::now() + how_long;
        let mut inner = self.lock();
        while !inner.closed
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            inner = self.wait(inner, left);
        }
        inner.closed
    }

    /// No more will come; what is here is still written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_all();
    }

    /// Waits until nothing is left to be written.
    pub(super) fn wait_until_empty(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut inner = self.lock();
        while inner.len() > 0 || inner.writing {
            match until.checked_duration_since(Instant::now()) {
                None => return false,
                Some(left) => inner = self.wait(inner, left),
            }
        }
        true
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::AgentMove;
    use crate::server::store::tests::{contact, ended};
    use dozvon_center::fact::What;

    fn mailbox() -> (Mailbox, Arc<StoreStats>) {
        let stats = Arc::new(StoreStats::default());
        (Mailbox::new(stats.clone()), stats)
    }

    fn put(mailbox: &Mailbox, contact: Contact) {
        mailbox.put(Record::Contact(Box::new(contact)));
    }

    fn drain(mailbox: &Mailbox) -> Vec<Contact> {
        let mut all = Vec::new();
        mailbox.close();
        while let Post::Batch(batch) = mailbox.next() {
            all.extend(batch.contacts);
            mailbox.done();
        }
        all
    }

    #[test]
    fn of_each_call_only_the_newest_record_is_kept() {
        let (mailbox, stats) = mailbox();
        let mut changed = contact(1);
        changed.language = "kk".into();
        put(&mailbox, contact(1));
        put(&mailbox, changed);
        put(&mailbox, contact(2));
        put(&mailbox, ended(2));
        let left = drain(&mailbox);
        assert_eq!(left.len(), 2);
        assert_eq!(left[0].call, CallId(2), "ends are written first");
        assert_eq!(&*left[1].language, "kk");
        assert_eq!(stats.changes_dropped.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn at_the_bound_changes_give_way_and_no_end_is_lost() {
        let (mailbox, stats) = mailbox();
        let bound = u64::try_from(CONTACTS_PENDING_MAX).unwrap();
        for call in 0..bound {
            put(&mailbox, contact(call));
        }
        put(&mailbox, contact(bound));
        assert_eq!(stats.changes_dropped.load(Ordering::Relaxed), 1, "a new change is dropped");
        put(&mailbox, contact(5));
        assert_eq!(stats.changes_dropped.load(Ordering::Relaxed), 1, "a newer one takes its place");
        for call in 0..bound {
            put(&mailbox, ended(call + 7));
        }
        let left = drain(&mailbox);
        assert_eq!(left.iter().filter(|c| c.ended_at.is_some()).count(), CONTACTS_PENDING_MAX);
        assert_eq!(left.len(), CONTACTS_PENDING_MAX);
        assert_eq!(stats.ends_dropped.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn ends_beyond_the_bound_are_counted() {
        let (mailbox, stats) = mailbox();
        let bound = u64::try_from(CONTACTS_PENDING_MAX).unwrap();
        for call in 0..bound + 3 {
            put(&mailbox, ended(call));
        }
        assert_eq!(stats.ends_dropped.load(Ordering::Relaxed), 3);
        put(&mailbox, ended(0));
        assert_eq!(stats.ends_dropped.load(Ordering::Relaxed), 3, "a known call needs no room");
    }

    #[test]
    fn agents_changes_beyond_the_bound_are_counted() {
        let (mailbox, stats) = mailbox();
        let change = AgentMove {
            agent: "anna".into(),
            team: None,
            at: dozvon_clock::Timestamp::EPOCH,
            paid: Some(true),
            status: "ready",
            activity: "idle",
            cause: "agent",
            asked_by: None,
            reason: None,
        };
        for _ in 0..MOVES_PENDING_MAX + 2 {
            mailbox.put(Record::Agent(change.clone()));
        }
        assert_eq!(stats.moves_dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn refused_calls_are_counted_by_the_minute_and_rows_beyond_the_bound_too() {
        let (mailbox, stats) = mailbox();
        for minute in 0..=REFUSALS_PENDING_MAX as u64 {
            let at = Timestamp::from_secs(minute * 60 + 7);
            mailbox.put(Record::Refused { at, reason: "overload" });
            mailbox.put(Record::Refused { at: Timestamp::from_secs(30), reason: "overload" });
        }
        assert_eq!(stats.rows_dropped.load(Ordering::Relaxed), 1, "one minute too many");
        let names = Directory::default();
        let fact = |what| Fact { at: Timestamp::from_secs(1), call: Some(CallId(1)), what };
        let flow = Arc::<str>::from("bank");
        mailbox.put_fact(
            &fact(What::CallStarted { flow, dialled: "100".into(), caller: String::new() }),
            &names,
        );
        for _ in 0..=ROWS_PENDING_MAX {
            mailbox.put_fact(&fact(What::TransferEnded { answered: true }), &names);
        }
        assert_eq!(stats.rows_dropped.load(Ordering::Relaxed), 2, "one row too many");
        let Post::Batch(batch) = mailbox.next() else { panic!("there is much to write") };
        assert_eq!(batch.rows.len(), BATCH_MAX);
    }
}
