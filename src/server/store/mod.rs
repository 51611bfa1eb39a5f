//! The store: contacts, their segments, agents' status history and what figures are made of, in a SQLite file or on a
//! PostgreSQL server.
//!
//! It is told, and asked only at a start, which emergencies of sites go on. The brain puts records into a bounded
//! mailbox and goes on; a thread of the store's own writes them in batches. In the mailbox a newer record of a call
//! takes the place of the older one, so a slow disk, or a server that is away, costs stages in between and never an
//! end. `kill -9` loses what was handed over in the last milliseconds; a power cut may lose what the disk had not
//! confirmed since the last checkpoint of the write-ahead log (`synchronous=NORMAL`), but never leaves the file
//! broken: the event log is the record that is confirmed sooner.

mod callback;
mod complaint;
mod day;
pub(crate) mod db;
mod ledger;
mod link;
mod lock;
mod mailbox;
mod reader;
mod record;
mod rollout;
mod schema;
mod sites;
mod writer;

pub(crate) use complaint::{Complained, Complaint, ComplaintRow, Marked};
pub(crate) use day::{AgentDay, agent_days};
pub(crate) use mailbox::StoreSender;
pub(crate) use reader::{
    ArmRow, ContactFilter, ContactPage, ContactRow, ReadError, SegmentRow, StoreReader,
};
#[cfg(test)]
pub(crate) use record::{AgentMove, ConductRow};
pub(crate) use record::{IncidentRow, Record};
pub(crate) use rollout::{
    DECISIONS_MAX, DecisionLog, DecisionRow, DrawnOf, KeptDecision, Log, Month, decisions,
};
pub(crate) use schema::VERSION as SCHEMA_VERSION;
pub(crate) use sites::emergencies;

use db::{Database, DbError};
use dozvon_center::callback::Callback;
use dozvon_center::opening::Emergency;
use dozvon_clock::Timestamp;
use link::Link;
use mailbox::Mailbox;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Records of running and ended calls that wait for the disk. At the bound a change of a running call is dropped and
/// counted (a later record of that call says everything it said), and for an end the oldest such change makes room.
pub(crate) const CONTACTS_PENDING_MAX: usize = 32_768;

/// Agent changes, incidents, emergencies, decisions and complaints that wait for the disk. One more is dropped and
/// counted; an agent's next change closes the gap, and who has marked a complaint is told that it isn't kept.
pub(crate) const MOVES_PENDING_MAX: usize = 65_536;

/// Rows of figures that wait for the disk. One more is dropped and counted: the event log still tells of it.
pub(crate) const ROWS_PENDING_MAX: usize = 131_072;

/// Pairs of minute and reason under which refused calls wait for the disk. Calls under one more are dropped and
/// counted.
pub(crate) const REFUSALS_PENDING_MAX: usize = 1_024;

/// Requests to be called back that wait for the disk: each open one, and as many that have ended meanwhile. One more is
/// dropped and counted.
pub(crate) const CALLBACKS_PENDING_MAX: usize = 2 * dozvon_center::limits::CALLBACKS_MAX;

/// Records written in one transaction.
pub(crate) const BATCH_MAX: usize = 500;

/// How long a change may wait for others to share its transaction. An end waits for nobody.
pub(crate) const LINGER: Duration = Duration::from_millis(50);

/// How often an idle store notes that it is alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long a refused transaction waits before it is tried again, and a server before it is called again: doubled from
/// the first to the second.
pub(crate) const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Why the store could not be opened: a mistake of configuration or a fault of the machine, each with its cure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The folder or file can't be made or opened.
    #[error(
        "database {path}: {error}; give its folder to the user dozvon runs as, or name another in [store] path"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "database {0} is used by another dozvon: stop that one, or name another database in [store]"
    )]
    Used(Database),
    /// A later version wrote it.
    #[error(
        "database {database} has schema version {found}, this dozvon knows up to {known}: run the newer dozvon"
    )]
    Newer {
        /// Which.
        database: Database,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The database refused.
    #[error("database {database}: {error}; {}", cure(.database))]
    Refused {
        /// Which.
        database: Database,
        /// What it said.
        error: DbError,
    },
}

fn cure(database: &Database) -> &'static str {
    match database {
        Database::File(_) => {
            "if the file is damaged, move it away with its -wal and -shm and start again"
        }
        Database::Server(_) => {
            "see that [store] names the right server, user and password, and that the user owns the database"
        }
    }
}

/// What the store has done and how it is, for metrics and `/readyz`.
#[derive(Debug, Default)]
pub(crate) struct StoreStats {
    /// Changes of running calls dropped because the mailbox was full.
    pub(crate) changes_dropped: AtomicU64,
    /// Ends of calls dropped: only when the mailbox holds nothing but ends, or the database refused the record itself.
    pub(crate) ends_dropped: AtomicU64,
    /// Agent changes dropped.
    pub(crate) moves_dropped: AtomicU64,
    /// Rows of figures dropped.
    pub(crate) rows_dropped: AtomicU64,
    /// Records written.
    pub(crate) written: AtomicU64,
    /// Transactions that failed.
    pub(crate) errors: AtomicU64,
    /// Records waiting.
    pub(crate) pending: AtomicU64,
    /// What was found and mended when the database was opened.
    recovered: OnceLock<Recovered>,
    /// Whether the last transaction failed.
    failing: AtomicBool,
}

impl StoreStats {
    /// Whether the last transaction went through.
    pub(crate) fn is_healthy(&self) -> bool {
        !self.failing.load(Ordering::Relaxed)
    }

    /// What was found and mended when the database was opened; nothing before that.
    pub(crate) fn recovered(&self) -> Recovered {
        self.recovered.get().copied().unwrap_or_default()
    }
}

/// What was found and mended when the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Contacts that a crash left running, now ended as `interrupted` at the moment the server was last seen alive.
    pub(crate) contacts: usize,
    /// Agents' stretches that a crash left open, now closed at that moment.
    pub(crate) stretches: usize,
}

/// What the database has kept of the run before, for the switch to go on with.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Emergencies of sites that go on.
    pub(crate) emergencies: BTreeMap<String, Emergency>,
    /// Open requests to be called back, oldest first.
    pub(crate) callbacks: Vec<Callback>,
}

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    mailbox: Arc<Mailbox>,
    stats: Arc<StoreStats>,
    database: Database,
    thread: JoinHandle<()>,
    kept: oneshot::Receiver<Kept>,
    /// Held as long as the store is open: the lock that keeps a second process out of a file.
    _lock: Option<File>,
}

impl Store {
    /// Opens or creates the database (a file readable by its owner only), brings its schema up to date, ends what a
    /// crash left open and starts the writer's thread. A server that can't be reached is no error: the thread opens the
    /// database when the server is there, and until then records wait as they do while a disk is full.
    ///
    /// # Errors
    /// [`StoreError`], each with its cure.
    pub(crate) fn open(database: &Database) -> Result<Store, StoreError> {
        let lock = database.file().map(lock::take).transpose()?;
        let stats = Arc::new(StoreStats::default());
        let (hearer, kept) = oneshot::channel();
        let link = match Link::open(database, &stats) {
            Ok((link, found)) => {
                let _ = hearer.send(found);
                Ok(link)
            }
            Err(StoreError::Refused { error, .. })
                if database.file().is_none() && error.may_pass() =>
            {
                tracing::error!(%database, %error, "the database is away: records wait for it");
                stats.failing.store(true, Ordering::Relaxed);
                Err(hearer)
            }
            Err(error) => return Err(error),
        };
        let mailbox = Arc::new(Mailbox::new(stats.clone()));
        let thread = writer::start(database.clone(), link, mailbox.clone(), stats.clone());
        let refused = |error: std::io::Error| StoreError::Refused {
            database: database.clone(),
            error: DbError::System(error.to_string()),
        };
        let thread = thread.map_err(refused)?;
        Ok(Store { mailbox, stats, database: database.clone(), thread, kept, _lock: lock })
    }

    /// What was kept of the run before, for one to take: there at once, or when a server that was away is there.
    pub(crate) fn take_kept(&mut self) -> oneshot::Receiver<Kept> {
        std::mem::replace(&mut self.kept, oneshot::channel().1)
    }

    /// The brain's end.
    pub(crate) fn sender(&self) -> StoreSender {
        StoreSender::new(self.mailbox.clone())
    }

    /// A reader with a connection of its own that can't write.
    pub(crate) fn reader(&self) -> StoreReader {
        StoreReader::new(self.database.clone(), self.stats.clone())
    }

    /// What the store has done so far.
    pub(crate) fn stats(&self) -> Arc<StoreStats> {
        self.stats.clone()
    }

    /// Waits until everything handed over so far is written, at most `patience`; answers whether it is.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        self.mailbox.wait_until_empty(patience)
    }

    /// Writes what is left, notes the orderly stop and closes the file. A disk that refuses is not waited for: after
    /// one more try its records are counted as dropped.
    pub(crate) fn close(self) {
        self.mailbox.close();
        // The thread ends with its mailbox; a panic in it was logged by the panic hook already.
        let _ = self.thread.join();
    }
}

/// The wall clock, for the life sign of the run only; everything else brings its own time.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
