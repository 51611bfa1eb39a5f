//! The figures read back: the views of `store/views.sql` for some intervals, as rows whose columns are the figures.
//!
//! Opens the database for reading only, with a connection of its own, so it works while the server runs and from
//! another process. What a figure means is said in the views and in docs/reports.md and nowhere else.

mod export;
mod render;

pub(crate) use export::{ExportError, cdr, cdr_csv, each_event, events, queue_log};
pub(crate) use render::{Parts, csv, text};

use crate::server::store::SCHEMA_VERSION;
use crate::server::store::db::{self, Access, Database, Db, DbError, values};
use serde_json::{Map, Value};
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
    /// `f_callbacks`.
    pub(crate) callbacks: Vec<Row>,
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
    Missing(Database),
    /// Of another version.
    #[error(
        "database {database} has schema version {found}, and this dozvon reads {SCHEMA_VERSION}: {cure}"
    )]
    Version {
        /// Which.
        database: Database,
        /// Its version.
        found: i64,
        /// What to do.
        cure: &'static str,
    },
    /// The database refused.
    #[error("database {database}: {error}; {}", cure(.database, .error))]
    Refused {
        /// Which.
        database: Database,
        /// What it said.
        error: DbError,
    },
}

fn cure(database: &Database, error: &DbError) -> &'static str {
    match database {
        Database::Server(_) if error.may_pass() => "see that it runs and can be reached from here",
        Database::File(_) => "run this as the user that dozvon runs as",
        Database::Server(_) => {
            "its user must read all tables and be allowed to make temporary ones"
        }
    }
}

/// A database open for reports.
#[derive(Debug)]
pub(crate) struct Reports {
    db: Db,
    database: Database,
}

impl Reports {
    /// Opens it for reading only.
    ///
    /// # Errors
    /// [`ReportError`], each with its cure.
    pub(crate) fn open(database: &Database) -> Result<Reports, ReportError> {
        if !database.exists() {
            return Err(ReportError::Missing(database.clone()));
        }
        let refused = |error| ReportError::Refused { database: database.clone(), error };
        let mut db = Db::open(database, Access::Report).map_err(refused)?;
        let query = "SELECT coalesce(max(version), 0) FROM schema_version";
        let found: i64 = db.cell(query, &[]).map_err(refused)?.unwrap_or(0);
        if found != SCHEMA_VERSION {
            let cure = if found < SCHEMA_VERSION {
                "start this dozvon with it once, which brings it up to date"
            } else {
                "use the newer dozvon that wrote it"
            };
            return Err(ReportError::Version { database: database.clone(), found, cure });
        }
        prepare(&mut db).map_err(refused)?;
        Ok(Reports { db, database: database.clone() })
    }

    /// The figures of each span as known at `now`, in one picture of the database.
    ///
    /// # Errors
    /// [`ReportError::Refused`].
    pub(crate) fn figures(
        &mut self,
        spans: &[Span],
        now: i64,
    ) -> Result<Vec<Figures>, ReportError> {
        self.db
            .transaction(|picture| read(picture, spans, now))
            .map_err(|error| ReportError::Refused { database: self.database.clone(), error })
    }
}

fn read(picture: &mut Db, spans: &[Span], now: i64) -> Result<Vec<Figures>, DbError> {
    picture.batch("DELETE FROM intervals; DELETE FROM asked;")?;
    picture.execute("INSERT INTO asked VALUES (?1)", values![now])?;
    for (i, span) in (0_i64..).zip(spans) {
        let interval = values![i, span.from, span.to];
        picture.execute("INSERT INTO intervals VALUES (?1, ?2, ?3)", interval)?;
    }
    let mut figures = vec![Figures::default(); spans.len()];
    let mut fill = |sql: &str, part: fn(&mut Figures) -> &mut Vec<Row>| -> Result<(), DbError> {
        picture.each(sql, &[], |row| {
            let (i, row) = interval_row(row);
            if let Some(figures) = figures.get_mut(i) {
                part(figures).push(row);
            }
            Ok(())
        })
    };
    // The row of all comes last: `*` is before every letter.
    fill("SELECT * FROM f_queues ORDER BY i, queue = '*', queue", |f| &mut f.queues)?;
    let transfers = "SELECT * FROM f_transfer_kinds ORDER BY i, queue = '*', queue, how, target";
    fill(transfers, |f| &mut f.transfers)?;
    fill("SELECT * FROM f_callbacks ORDER BY i, queue = '*', queue", |f| &mut f.callbacks)?;
    fill("SELECT * FROM f_blocking ORDER BY i", |f| &mut f.calls)?;
    fill("SELECT * FROM f_bots ORDER BY i", |f| &mut f.bots)?;
    fill("SELECT * FROM f_fcr ORDER BY i, days", |f| &mut f.fcr)?;
    fill("SELECT * FROM f_surveys ORDER BY i, queue = '*', queue", |f| &mut f.surveys)?;
    let scores = "SELECT * FROM f_scores ORDER BY i, queue = '*', queue, question";
    fill(scores, |f| &mut f.scores)?;
    fill("SELECT * FROM f_agents ORDER BY i, agent = '*', agent", |f| &mut f.agents)?;
    Ok(figures)
}

/// Makes what the views lean on, and the views, for this connection only; from then on nothing else can be written.
fn prepare(db: &mut Db) -> Result<(), DbError> {
    db.batch(
        "CREATE TEMP TABLE intervals (i INTEGER PRIMARY KEY, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL);
         CREATE TEMP TABLE asked (now INTEGER NOT NULL);",
    )?;
    db.batch(VIEWS)?;
    db.only_read()
}

/// A row and the interval it belongs to.
fn interval_row(row: &db::Row<'_>) -> (usize, Row) {
    let (mut interval, mut figures) = (0, Row::new());
    for (name, value) in row.cells() {
        if let ("i", db::Value::Int(number)) = (name, value) {
            interval = usize::try_from(*number).unwrap_or(usize::MAX);
        } else {
            figures.insert(name.to_owned(), json(value));
        }
    }
    (interval, figures)
}

fn json(value: &db::Value) -> Value {
    match value {
        db::Value::Null => Value::Null,
        db::Value::Int(number) => (*number).into(),
        db::Value::Real(number) => (*number).into(),
        db::Value::Text(text) => text.clone().into(),
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
