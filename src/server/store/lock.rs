//! The lock beside a SQLite file, which keeps a second dozvon out.

use super::StoreError;
use super::db::Database;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long another process may take to give the lock of a file back: one that is just ending has it still.
const LOCK_MAX: Duration = Duration::from_secs(1);

/// How often the lock is asked for meanwhile.
const LOCK_AGAIN: Duration = Duration::from_millis(20);

/// Makes the folder and the file and takes the lock.
pub(super) fn take(path: &Path) -> Result<File, StoreError> {
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
    let since = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if since.elapsed() < LOCK_MAX => {
                std::thread::sleep(LOCK_AGAIN);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Used(Database::File(path.to_owned())));
            }
            Err(TryLockError::Error(error)) => return Err(named(error)),
        }
    }
}
