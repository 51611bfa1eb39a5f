//! The figures read back: the views of `store/views.sql` for some intervals, as rows whose columns are the figures.
//!
//! Opens the database for reading only, with a connection of its own, so it works while the server runs and from
//! another process. What a figure means is said in the views and in docs/reports.md and nowhere else.

mod export;
mod render;

pub(crate) use export::{ExportError, cdr, cdr_csv, events, queue_log};
pub(crate) use render::{Parts, csv, text};

use crate::server::store::SCHEMA_VERSION;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How a row is attributed to an interval: printed on every report.
pub(crate) const ATTRIBUTION: &str = "A contact counts in the interval in which it was queued (t_q), a call in the one \
     in which it came in, agents' time in the one in which it was spent. Prometheus counts when things end.";

/// The views, made on the reader's own connection.
const VIEWS: &str = include_str!("../store/views.sql");

/// The name of the row of all queues, or all agents.
pub(crate) const ALL: &str = "*";

/// A stretch of time; µs since 1970, the end excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// What people call it.
    pub(crate) label: String,
    /// From this moment on.
    pub(crate) from: i64,
    /// Up to this moment.
    pub(crate) to: i64,
}

/// A row of figures by their names.
pub(crate) type Row = Map<String, Value>;

/// All figures of one interval.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// `f_queues`.
    pub(crate) queues: Vec<Row>,
    /// `f_transfer_kinds`.
    pub(crate) transfers: Vec<Row>,
    /// `f_blocking`, one row.
    pub(crate) calls: Vec<Row>,
    /// `f_bots`, at most one row.
    pub(crate) bots: Vec<Row>,
    /// `f_fcr`, one row for each window that has matured contacts.
    pub(crate) fcr: Vec<Row>,
    /// `f_surveys`.
    pub(crate) surveys: Vec<Row>,
    /// `f_scores`.
    pub(crate) scores: Vec<Row>,
    /// `f_agents`.
    pub(crate) agents: Vec<Row>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// No such file.
    #[error(
        "there is no database {0}: name the configuration with --config, or the file with --database"
    )]
    Missing(PathBuf),
    /// Of another version.
    #[error(
        "database {path} has schema version {found}, and this dozvon reads {SCHEMA_VERSION}: {cure}"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// What to do.
        cure: &'static str,
    },
    /// SQLite refused.
    #[error("database {path}: {error}; run this as the user that dozvon runs as")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: rusqlite::Error,
    },
}

/// A database open for reports.
#[derive(Debug)]
pub(crate) struct Reports {
    connection: Connection,
    path: PathBuf,
}

impl Reports {
    /// Opens it for reading only.
    ///
    /// # Errors
    /// [`ReportError`], each with its cure.
    pub(crate) fn open(path: &Path) -> Result<Reports, ReportError> {
        if !path.exists() {
            return Err(ReportError::Missing(path.to_owned()));
        }
        let sqlite = |error| ReportError::Sqlite { path: path.to_owned(), error };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(sqlite)?;
        let query = "SELECT max(version) FROM schema_version";
        let found: i64 = connection.query_row(query, [], |row| row.get(0)).map_err(sqlite)?;
        if found != SCHEMA_VERSION {
            let cure = if found < SCHEMA_VERSION {
                "start this dozvon with it once, which brings it up to date"
            } else {
                "use the newer dozvon that wrote it"
            };
            return Err(ReportError::Version { path: path.to_owned(), found, cure });
        }
        prepare(&connection).map_err(sqlite)?;
        Ok(Reports { connection, path: path.to_owned() })
    }

    /// The figures of each span as known at `now`, in one picture of the database.
    ///
    /// # Errors
    /// [`ReportError::Sqlite`].
    pub(crate) fn figures(&self, spans: &[Span], now: i64) -> Result<Vec<Figures>, ReportError> {
        self.read(spans, now)
            .map_err(|error| ReportError::Sqlite { path: self.path.clone(), error })
    }

    fn read(&self, spans: &[Span], now: i64) -> rusqlite::Result<Vec<Figures>> {
        let picture = self.connection.unchecked_transaction()?;
        picture.execute_batch("DELETE FROM intervals; DELETE FROM asked;")?;
        picture.execute("INSERT INTO asked VALUES (?1)", [now])?;
        for (i, span) in (0_i64..).zip(spans) {
            picture
                .execute("INSERT INTO intervals VALUES (?1, ?2, ?3)", [i, span.from, span.to])?;
        }
        let mut figures = vec![Figures::default(); spans.len()];
        let mut fill =
            |sql: &str, part: fn(&mut Figures) -> &mut Vec<Row>| -> rusqlite::Result<()> {
                for (i, row) in rows(&picture, sql)? {
                    if let Some(figures) = figures.get_mut(i) {
                        part(figures).push(row);
                    }
                }
                Ok(())
            };
        // The row of all comes last: `*` is before every letter.
        fill("SELECT * FROM f_queues ORDER BY i, queue = '*', queue", |f| &mut f.queues)?;
        let transfers =
            "SELECT * FROM f_transfer_kinds ORDER BY i, queue = '*', queue, how, target";
        fill(transfers, |f| &mut f.transfers)?;
        fill("SELECT * FROM f_blocking ORDER BY i", |f| &mut f.calls)?;
        fill("SELECT * FROM f_bots ORDER BY i", |f| &mut f.bots)?;
        fill("SELECT * FROM f_fcr ORDER BY i, days", |f| &mut f.fcr)?;
        fill("SELECT * FROM f_surveys ORDER BY i, queue = '*', queue", |f| &mut f.surveys)?;
        let scores = "SELECT * FROM f_scores ORDER BY i, queue = '*', queue, question";
        fill(scores, |f| &mut f.scores)?;
        fill("SELECT * FROM f_agents ORDER BY i, agent = '*', agent", |f| &mut f.agents)?;
        picture.commit()?;
        Ok(figures)
    }
}

/// Makes what the views lean on, and the views.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE intervals (i INTEGER PRIMARY KEY, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL);
         CREATE TEMP TABLE asked (now INTEGER NOT NULL);",
    )?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("sqrt", 1, flags, |context| {
        Ok(context.get::<Option<f64>>(0)?.map(f64::sqrt))
    })?;
    connection.execute_batch(VIEWS)
}

/// All rows of a query, each with the interval it belongs to.
fn rows(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<(usize, Row)>> {
    let mut statement = connection.prepare(sql)?;
    let names: Vec<String> = statement.column_names().iter().map(ToString::to_string).collect();
    let read = statement.query_map([], |row| {
        let (mut interval, mut figures) = (0, Row::new());
        for (at, name) in names.iter().enumerate() {
            if name == "i" {
                interval = usize::try_from(row.get::<_, i64>(at)?).unwrap_or(usize::MAX);
            } else {
                figures.insert(name.clone(), json(row.get_ref(at)?));
            }
        }
        Ok((interval, figures))
    })?;
    read.collect()
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into(),
    }
}

/// The present moment, µs since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod day;
#[cfg(test)]
mod tests;
