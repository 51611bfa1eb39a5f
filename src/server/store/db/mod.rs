//! One way to speak SQL to both databases: a SQLite file, or a PostgreSQL server.
//!
//! Statements are written once, as SQLite understands them and as near to the standard as it goes; what PostgreSQL
//! wants otherwise is changed on the way, in [`dialect`] and nowhere else. Yes and no are 1 and 0 in both.

mod dialect;
mod file;
mod server;
mod tls;
mod value;

pub(crate) use value::{Cell, Column, Row, Value, values};

use file::FileDb;
use server::ServerDb;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL server.
    Server(Box<ServerAddress>),
}

/// A PostgreSQL server and what it takes to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    /// Host, port, user, password, database and whether TLS is spoken.
    pub(crate) access: tokio_postgres::Config,
    /// The certificates (PEM) that the server's one must go back to; `None` = those that browsers know.
    pub(crate) ca_file: Option<PathBuf>,
    /// What people call it: the address as it is configured, without a password.
    pub(crate) name: String,
}

impl Database {
    /// Whether there may be something to read: a file that is there, or any server.
    pub(crate) fn exists(&self) -> bool {
        match self {
            Database::File(path) => path.exists(),
            Database::Server(_) => true,
        }
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Database::File(path) => Some(path),
            Database::Server(_) => None,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::File(path) => path.display().fmt(f),
            Database::Server(address) => address.name.fmt(f),
        }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The one that writes.
    Write,
    /// The API's questions, each for some seconds at most.
    Ask,
    /// Reports and exports, however long they take.
    Report,
}

/// What a database refused, or why it can't be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DbError {
    /// SQLite refused.
    #[error("{0}")]
    File(#[from] rusqlite::Error),
    /// The server refused, or the connection broke.
    #[error("{}", server::told(.0))]
    Server(#[from] tokio_postgres::Error),
    /// The server did not answer.
    #[error("the database server does not answer")]
    Silent,
    /// There is no connection, and none to be had now, for this reason.
    #[error("{0}")]
    Away(String),
    /// The system gives no runtime for a connection, or a certificate file can't be read.
    #[error("{0}")]
    System(String),
    /// A column has another type than the program takes it for.
    #[error("column {column} of an answer is {found}, which nobody expected")]
    Column {
        /// Which, from 0.
        column: usize,
        /// What it is.
        found: String,
    },
}

impl DbError {
    /// Whether trying again may help: the fault is the machine's or the network's, and not the record's.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            DbError::File(error) => file::may_pass(error),
            DbError::Server(error) => server::may_pass(error),
            DbError::Silent | DbError::Away(_) => true,
            DbError::System(_) | DbError::Column { .. } => false,
        }
    }

    /// Whether a question was stopped because it took too long.
    pub(crate) fn is_interruption(&self) -> bool {
        match self {
            DbError::File(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
            }
            DbError::Server(error) => {
                error.code() == Some(&tokio_postgres::error::SqlState::QUERY_CANCELED)
            }
            DbError::Silent => true,
            DbError::Away(_) | DbError::System(_) | DbError::Column { .. } => false,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Db {
    /// To a file.
    File(FileDb),
    /// To a server.
    Server(ServerDb),
}

impl Db {
    /// Connects. A file that is to be written is made if it isn't there.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) fn open(database: &Database, access: Access) -> Result<Db, DbError> {
        match database {
            Database::File(path) => FileDb::open(path, access).map(Db::File),
            Database::Server(address) => ServerDb::open(address, access).map(Db::Server),
        }
    }

    /// Whether the connection is gone and another one is needed.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Db::File(_) => false,
            Db::Server(db) => db.is_lost(),
        }
    }

    /// Takes the right to write for this connection and as long as it lasts; answers whether it was free. A file has a
    /// lock beside it instead.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) fn lock(&mut self) -> Result<bool, DbError> {
        match self {
            Db::File(_) => Ok(true),
            Db::Server(db) => db.lock(),
        }
    }

    /// From now on nothing of the database can be changed; what is temporary can.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) fn only_read(&mut self) -> Result<(), DbError> {
        match self {
            Db::File(_) => Ok(()),
            Db::Server(db) => db.only_read(),
        }
    }

    /// How long the next statements may take; `None` = as long as they may otherwise.
    pub(crate) fn be_patient(&mut self, patience: Option<Duration>) {
        match self {
            // A file has nobody to wait for.
            Db::File(_) => {}
            Db::Server(db) => db.be_patient(patience),
        }
    }

    /// The time of the next question begins.
    pub(crate) fn start_clock(&mut self) {
        match self {
            Db::File(db) => db.start_clock(),
            // The server has the clock.
            Db::Server(_) => {}
        }
    }

    /// Runs several statements without values.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        match self {
            Db::File(db) => db.batch(sql),
            Db::Server(db) => db.batch(sql),
        }
    }

    /// Runs a statement; answers how many rows it touched.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<usize, DbError> {
        match self {
            Db::File(db) => db.execute(sql, values),
            Db::Server(db) => db.execute(sql, values),
        }
    }

    /// Hands each row of a question over as it comes.
    ///
    /// # Errors
    /// [`DbError`], or the first that `take` answers with.
    pub(crate) fn each<E: From<DbError>>(
        &mut self,
        sql: &str,
        values: &[Value],
        take: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Db::File(db) => db.each(sql, values, take),
            Db::Server(db) => db.each(sql, values, take),
        }
    }

    /// All rows of a question, each as `read` makes it.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) fn rows<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let mut all = Vec::new();
        self.each::<DbError>(sql, values, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The first cell of the first row, if there is one.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) fn cell<T: Cell>(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Option<T>, DbError> {
        Ok(self.rows(sql, values, |row| row.get(0))?.into_iter().next())
    }

    /// Does all of `body` or nothing, in one picture of the database.
    ///
    /// # Errors
    /// What `body` answers with, or [`DbError`].
    pub(crate) fn transaction<T, E: From<DbError>>(
        &mut self,
        body: impl FnOnce(&mut Db) -> Result<T, E>,
    ) -> Result<T, E> {
        self.batch("BEGIN")?;
        let done = body(self).and_then(|done| {
            self.batch("COMMIT")?;
            Ok(done)
        });
        if done.is_err() && !self.is_lost() {
            // Nothing more can be done about an undoing that fails: the connection's end undoes as well.
            let _ = self.batch("ROLLBACK");
        }
        done
    }
}
