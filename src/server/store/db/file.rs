//! A SQLite file.

use super::{Access, DbError, Row, Value};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};
use std::path::Path;
use std::time::Duration;

/// How long a connection waits for another one's lock.
const BUSY_MAX: Duration = Duration::from_secs(2);

/// Statements kept prepared. One more takes the place of the one used longest ago.
const STATEMENTS_MAX: usize = 64;

/// SQLite steps after which a question is asked whether it may go on, and how often the answer is yes: some seconds.
const STEPS: (std::ffi::c_int, u32) = (100_000, 1_000);

/// A connection to it.
#[derive(Debug)]
pub(crate) struct FileDb {
    connection: Connection,
    has_clock: bool,
}

impl FileDb {
    pub(super) fn open(path: &Path, access: Access) -> Result<FileDb, DbError> {
        let connection = match access {
            Access::Write => Connection::open(path)?,
            Access::Ask | Access::Report => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(path, flags)?
            }
        };
        connection.busy_timeout(BUSY_MAX)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        if access == Access::Write {
            set_up(&connection)?;
        }
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function("sqrt", 1, flags, |context| {
            Ok(context.get::<Option<f64>>(0)?.map(f64::sqrt))
        })?;
        Ok(FileDb { connection, has_clock: access == Access::Ask })
    }

    pub(super) fn start_clock(&mut self) {
        if !self.has_clock {
            return;
        }
        let mut left = STEPS.1;
        let tick = move || {
            left = left.saturating_sub(1);
            left == 0
        };
        self.connection.progress_handler(STEPS.0, Some(tick));
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    pub(super) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<usize, DbError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params_from_iter(values))?)
    }

    pub(super) fn each<E: From<DbError>>(
        &mut self,
        sql: &str,
        values: &[Value],
        mut take: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.connection.prepare_cached(sql).map_err(DbError::from)?;
        let names: Vec<String> = statement.column_names().iter().map(ToString::to_string).collect();
        let mut rows = statement.query(params_from_iter(values)).map_err(DbError::from)?;
        while let Some(row) = rows.next().map_err(DbError::from)? {
            let values = (0..names.len()).map(|column| Ok(value(row.get_ref(column)?)));
            let values = values.collect::<rusqlite::Result<_>>().map_err(DbError::from)?;
            take(&Row { names: &names, values })?;
        }
        Ok(())
    }
}

/// How the writer's connection works: readers don't disturb it, `kill -9` loses nothing committed.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 1_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Value::Text(String::from_utf8_lossy(text).into_owned())
        }
    }
}

/// Whether trying again may help.
pub(super) fn may_pass(error: &rusqlite::Error) -> bool {
    let Some(code) = error.sqlite_error_code() else { return false };
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::PermissionDenied
            | ErrorCode::OperationInterrupted
    )
}
