//! The store: contacts, their segments, agents' status history and what figures are made of, in SQLite.
//!
//! It is told and never asked for a decision. The brain puts records into a bounded mailbox and goes on; a thread of
//! the store's own writes them in batches. In the mailbox a newer record of a call takes the place of the older one, so
//! a slow disk costs stages in between and never an end. `kill -9` loses what was handed over in the last milliseconds;
//! a power cut may lose what the disk had not confirmed since the last checkpoint of the write-ahead log
//! (`synchronous=NORMAL`), but never leaves the file broken: the event log is the record that is confirmed sooner.

mod day;
mod ledger;
mod mailbox;
mod reader;
mod record;
mod schema;
mod writer;

pub(crate) use day::{AgentDay, agent_days};
pub(crate) use mailbox::StoreSender;
pub(crate) use reader::{
    ContactFilter, ContactPage, ContactRow, ReadError, SegmentRow, StoreReader,
};
#[cfg(test)]
pub(crate) use record::{AgentMove, ConductRow};
pub(crate) use record::{IncidentRow, Record};
pub(crate) use schema::VERSION as SCHEMA_VERSION;

use dozvon_clock::Timestamp;
use mailbox::Mailbox;
use rusqlite::Connection;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records of running and ended calls that wait for the disk. At the bound a change of a running call is dropped and
/// counted (a later record of that call says everything it said), and for an end the oldest such change makes room.
pub(crate) const CONTACTS_PENDING_MAX: usize = 32_768;

/// Agent changes that wait for the disk. One more is dropped and counted; the next one of that agent closes the gap.
pub(crate) const MOVES_PENDING_MAX: usize = 65_536;

/// Rows of figures that wait for the disk. One more is dropped and counted: the event log still tells of it.
pub(crate) const ROWS_PENDING_MAX: usize = 131_072;

/// Pairs of minute and reason under which refused calls wait for the disk. Calls under one more are dropped and
/// counted.
pub(crate) const REFUSALS_PENDING_MAX: usize = 1_024;

/// Records written in one transaction.
pub(crate) const BATCH_MAX: usize = 500;

/// How long a change may wait for others to share its transaction. An end waits for nobody.
pub(crate) const LINGER: Duration = Duration::from_millis(50);

/// How often an idle store notes that it is alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long a refused transaction waits before it is tried again: doubled from the first to the second.
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
        "database {path} is used by another dozvon: stop that one, or name another file in [store] path"
    )]
    Used {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "database {path} has schema version {found}, this dozvon knows up to {known}: run the newer dozvon"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite refused.
    #[error(
        "database {path}: {error}; if the file is damaged, move it away with its -wal and -shm and start again"
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: rusqlite::Error,
    },
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
    /// What was found and mended when the store was opened.
    pub(crate) recovered: Recovered,
    /// Whether the last transaction failed.
    failing: AtomicBool,
}

impl StoreStats {
    /// Whether the last transaction went through.
    pub(crate) fn is_healthy(&self) -> bool {
        !self.failing.load(Ordering::Relaxed)
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

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    mailbox: Arc<Mailbox>,
    stats: Arc<StoreStats>,
    path: PathBuf,
    thread: JoinHandle<()>,
    /// Held as long as the store is open: the lock that keeps a second process out.
    _lock: File,
}

impl Store {
    /// Opens or creates the database (readable by its owner only), brings its schema up to date, ends what a crash left
    /// open and starts the writer's thread.
    ///
    /// # Errors
    /// [`StoreError`], each with its cure.
    pub(crate) fn open(path: &Path) -> Result<Store, StoreError> {
        let lock = prepare(path)?;
        let sqlite = |error| StoreError::Sqlite { path: path.to_owned(), error };
        let mut connection = Connection::open(path).map_err(sqlite)?;
        schema::set_up(&connection).map_err(sqlite)?;
        let found = schema::migrate(&mut connection, now()).map_err(sqlite)?;
        if found > schema::VERSION {
            let (path, known) = (path.to_owned(), schema::VERSION);
            return Err(StoreError::Newer { path, found, known });
        }
        let recovered = schema::recover(&mut connection).map_err(sqlite)?;
        if recovered != Recovered::default() {
            let Recovered { contacts, stretches } = recovered;
            tracing::warn!(
                contacts,
                stretches,
                "the last run ended without a goodbye: marked interrupted"
            );
        }
        let run = schema::begin_run(&connection, now()).map_err(sqlite)?;
        let stats = Arc::new(StoreStats { recovered, ..StoreStats::default() });
        let mailbox = Arc::new(Mailbox::new(stats.clone()));
        let thread = writer::start(connection, run, mailbox.clone(), stats.clone())
            .map_err(|error| StoreError::File { path: path.to_owned(), error })?;
        Ok(Store { mailbox, stats, path: path.to_owned(), thread, _lock: lock })
    }

    /// The brain's end.
    pub(crate) fn sender(&self) -> StoreSender {
        StoreSender::new(self.mailbox.clone())
    }

    /// A reader with a connection of its own that can't write.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] when the file can't be opened a second time.
    pub(crate) fn reader(&self) -> Result<StoreReader, StoreError> {
        StoreReader::open(&self.path, self.stats.clone())
            .map_err(|error| StoreError::Sqlite { path: self.path.clone(), error })
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

/// Makes the folder and the file and takes the lock.
fn prepare(path: &Path) -> Result<File, StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let named = |error| StoreError::File { path: path.to_owned(), error };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(named)?;
    }
    let open = |path: &Path| {
        OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(named)
    };
    // SQLite gives its -wal and -shm files the mode of the database.
    open(path)?;
    let mut lock = path.to_owned().into_os_string();
    lock.push(".lock");
    let lock = open(Path::new(&lock))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Used { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(named(error)),
    }
}

/// The wall clock, for the life sign of the run only; everything else brings its own time.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
pub(crate) mod tests;
