//! A PostgreSQL server.
//!
//! The store's threads wait for each answer, so every connection has a small runtime of its own, which runs while
//! somebody waits. Nothing waits for ever: a server that keeps silent counts as gone.

use super::tls::{Distrust, Tls};
use super::{Access, DbError, Row, ServerAddress, Value, dialect};
use crate::server::outgoing::roots;
use bytes::BytesMut;
use futures_util::TryStreamExt as _;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, Statement};

/// How long one host may take to let us in. A server with several hosts has so long for each.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// How long the writer waits for an answer before the server counts as gone.
const WRITE_MAX: Duration = Duration::from_secs(15);

/// How long the server may work on a question of the API, in milliseconds; and how long it is waited for.
const ASK_MAX: (u32, Duration) = (5_000, Duration::from_secs(10));

/// How long a report waits for the next row.
const REPORT_MAX: Duration = Duration::from_secs(3_600);

/// How long another session may take to give the lock back. A session whose program is gone without a goodbye holds it
/// until the server has noticed.
const LOCK_MAX: Duration = Duration::from_secs(3);

/// How often the lock is asked for meanwhile.
const LOCK_AGAIN: Duration = Duration::from_millis(50);

/// Statements kept prepared. With one more all are forgotten and prepared again when they are needed.
const STATEMENTS_MAX: usize = 128;

/// After how many silent seconds the network is asked whether the other side is still there, how often, and how many
/// times: on both sides, so that neither holds on to a session that is dead.
const KEEPALIVE: (u64, u64, u32) = (10, 5, 3);

/// The first half of the lock's number, "dozv"; the second is the schema's.
const LOCK: &str = "SELECT pg_try_advisory_lock(1685027446, hashtext(current_schema()))";

/// A connection to it.
pub(crate) struct ServerDb {
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
    client: Client,
    statements: BTreeMap<String, Statement>,
    patience: Duration,
    /// Whether an answer did not come in time. What it would have been is not known, so nothing more is asked here.
    silent: Cell<bool>,
}

impl std::fmt::Debug for ServerDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerDb").field("silent", &self.silent).finish_non_exhaustive()
    }
}

impl Drop for ServerDb {
    fn drop(&mut self) {
        // A connection may be dropped on a thread of another runtime, where waiting for this one is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl ServerDb {
    pub(super) fn open(address: &ServerAddress, access: Access) -> Result<ServerDb, DbError> {
        let system = |error: io::Error| DbError::System(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let tls = Tls::new(roots(address.ca_file.as_deref()).map_err(DbError::System)?)?;
        let mut config = address.access.clone();
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1);
        set_up(&mut config, access);
        let client = runtime.block_on(async {
            let connecting = tokio::time::timeout(CONNECT_MAX * (hosts + 1), config.connect(tls));
            match connecting.await {
                Err(_) => Err(DbError::Silent),
                // The only error without a cause is that of a host that took too long.
                Ok(Err(error)) if error.source().is_none() => Err(DbError::Silent),
                Ok(Err(error)) => Err(DbError::Server(error)),
                Ok(Ok((client, connection))) => {
                    // Its end is seen by whoever asks next.
                    tokio::spawn(async move { connection.await.is_ok() });
                    Ok(client)
                }
            }
        })?;
        let patience = match access {
            Access::Write => WRITE_MAX,
            Access::Ask => ASK_MAX.1,
            Access::Report => REPORT_MAX,
        };
        let (statements, silent) = (BTreeMap::new(), Cell::new(false));
        let mut db = ServerDb { runtime: Some(runtime), client, statements, patience, silent };
        let (idle, again, times) = KEEPALIVE;
        db.batch(&format!(
            "SET client_min_messages = warning; SET tcp_keepalives_idle = {idle};
             SET tcp_keepalives_interval = {again}; SET tcp_keepalives_count = {times};
             SET idle_in_transaction_session_timeout = {}",
            REPORT_MAX.as_millis()
        ))?;
        if access == Access::Ask {
            db.batch(&format!("SET statement_timeout = {}", ASK_MAX.0))?;
            db.only_read()?;
        }
        Ok(db)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.silent.get() || self.client.is_closed()
    }

    pub(super) fn lock(&mut self) -> Result<bool, DbError> {
        let mut waited = Duration::ZERO;
        loop {
            let mut free = false;
            self.each::<DbError>(LOCK, &[], |row| {
                free = row.get(0)?;
                Ok(())
            })?;
            if free || waited >= LOCK_MAX {
                return Ok(free);
            }
            self.runtime().block_on(async { tokio::time::sleep(LOCK_AGAIN).await });
            waited += LOCK_AGAIN;
        }
    }

    pub(super) fn only_read(&mut self) -> Result<(), DbError> {
        self.batch(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        )
    }

    pub(super) fn be_patient(&mut self, patience: Option<Duration>) {
        self.patience = patience.unwrap_or(WRITE_MAX);
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.wait(self.client.batch_execute(&dialect::for_server(sql)))
    }

    pub(super) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<usize, DbError> {
        let statement = self.statement(sql)?;
        let touched = self.wait(self.client.execute_raw(&statement, values))?;
        Ok(usize::try_from(touched).unwrap_or(usize::MAX))
    }

    pub(super) fn each<E: From<DbError>>(
        &mut self,
        sql: &str,
        values: &[Value],
        mut take: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let statement = self.statement(sql)?;
        let columns = statement.columns();
        let names: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
        let mut rows = pin!(self.wait(self.client.query_raw(&statement, values))?);
        while let Some(row) = self.wait(rows.try_next())? {
            let values = (0..names.len()).map(|column| value(&row, column));
            let values = values.collect::<Result<_, DbError>>()?;
            take(&Row { names: &names, values })?;
        }
        Ok(())
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, DbError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client.prepare(&dialect::for_server(sql)))?;
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("only a drop takes the runtime")
    }

    /// Waits for an answer, but not for ever.
    fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, DbError> {
        if self.silent.get() {
            return Err(DbError::Silent);
        }
        let answer = async { tokio::time::timeout(self.patience, answer).await };
        self.runtime().block_on(answer).map_or_else(
            |_| {
                self.silent.set(true);
                Err(DbError::Silent)
            },
            |answer| answer.map_err(DbError::Server),
        )
    }
}

/// What every connection wants, whatever the address says.
fn set_up(config: &mut Config, access: Access) {
    let (idle, again, times) = KEEPALIVE;
    let name = match access {
        Access::Write => "dozvon",
        Access::Ask => "dozvon API",
        Access::Report => "dozvon report",
    };
    config
        .application_name(name)
        .connect_timeout(CONNECT_MAX)
        .tcp_user_timeout(WRITE_MAX)
        .keepalives_idle(Duration::from_secs(idle))
        .keepalives_interval(Duration::from_secs(again))
        .keepalives_retries(times);
}

/// Whether trying again may help.
pub(super) fn may_pass(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        let code = code.code();
        // Classes of SQLSTATE: the connection, conflicts, resources, an operator's doing, the machine.
        let classes = ["08", "40", "53", "57", "58"];
        // A server that is a standby now, and a lock that somebody else has.
        return classes.iter().any(|class| code.starts_with(class))
            || code == "25006"
            || code == "55P03";
    }
    let of_the_network = |error: &io::Error| {
        !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
    };
    match error.source() {
        Some(cause) => {
            match (cause.downcast_ref::<io::Error>(), cause.downcast_ref::<Distrust>()) {
                (Some(error), _) | (None, Some(Distrust(error))) => of_the_network(error),
                (None, None) => false,
            }
        }
        None => error.is_closed(),
    }
}

/// An error in the server's words, or with its cause.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(told), _) => format!("{} (SQLSTATE {})", told.message(), told.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

type Refusal = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        match (self, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(number), &Type::INT8) => number.to_sql(ty, out),
            (Value::Int(number), &Type::INT4) => i32::try_from(*number)?.to_sql(ty, out),
            (Value::Int(number), &Type::FLOAT8) => (*number as f64).to_sql(ty, out),
            (Value::Real(number), &Type::FLOAT8) => number.to_sql(ty, out),
            // PostgreSQL has no NUL in text, and what strangers send may have one.
            (Value::Text(text), &Type::TEXT) if text.contains('\0') => {
                text.replace('\0', "\u{fffd}").to_sql(ty, out)
            }
            (Value::Text(text), &Type::TEXT) => text.to_sql(ty, out),
            (Value::Int(_) | Value::Real(_) | Value::Text(_), other) => {
                Err(format!("the statement wants {other}, not {}", self.kind()).into())
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn value(row: &tokio_postgres::Row, column: usize) -> Result<Value, DbError> {
    let kind = row.columns()[column].type_();
    let value = match *kind {
        Type::BOOL => row.try_get::<_, Option<bool>>(column)?.map(|yes| Value::Int(yes.into())),
        Type::INT4 => row.try_get::<_, Option<i32>>(column)?.map(|n| Value::Int(n.into())),
        Type::INT8 => row.try_get::<_, Option<i64>>(column)?.map(Value::Int),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(column)?.map(Value::Real),
        Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(column)?.map(Value::Text),
        ref other => return Err(DbError::Column { column, found: other.to_string() }),
    };
    Ok(value.unwrap_or(Value::Null))
}
