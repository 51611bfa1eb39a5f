//! The writer's connection, ready to write: the lock taken, the schema up to date, what a crash left open ended, and
//! this run noted.

use super::callback::open_callbacks;
use super::db::{Access, Database, Db, DbError, values};
use super::sites::open_emergencies;
use super::{Kept, Recovered, StoreError, StoreStats, now, schema};

/// It.
#[derive(Debug)]
pub(super) struct Link {
    /// The connection.
    pub(super) db: Db,
    /// The number of this run of the server.
    pub(super) run: i64,
}

impl Link {
    /// Opens the database for the first time in this run; tells what it has kept of the run before.
    pub(super) fn open(
        database: &Database,
        stats: &StoreStats,
    ) -> Result<(Link, Kept), StoreError> {
        let refused = |error| StoreError::Refused { database: database.clone(), error };
        let mut db = connect(database)?;
        let recovered = schema::recover(&mut db).map_err(refused)?;
        if recovered != Recovered::default() {
            let Recovered { contacts, stretches } = recovered;
            tracing::warn!(
                contacts,
                stretches,
                "the last run ended without a goodbye: marked interrupted"
            );
        }
        let kept = kept(&mut db).map_err(refused)?;
        let run = schema::begin_run(&mut db, now()).map_err(refused)?;
        let _ = stats.recovered.set(recovered);
        Ok((Link { db, run }, kept))
    }

    /// Connects again after the connection of this run was lost.
    pub(super) fn again(database: &Database, run: i64) -> Result<Link, StoreError> {
        Ok(Link { db: connect(database)?, run })
    }

    /// The number of the last batch that this run has written.
    pub(super) fn last_batch(&mut self) -> Result<i64, DbError> {
        let sql = "SELECT batch FROM runs WHERE id = ?1";
        Ok(self.db.cell(sql, values![self.run])?.unwrap_or(0))
    }
}

fn kept(db: &mut Db) -> Result<Kept, DbError> {
    Ok(Kept { emergencies: open_emergencies(db)?, callbacks: open_callbacks(db)? })
}

fn connect(database: &Database) -> Result<Db, StoreError> {
    let refused = |error| StoreError::Refused { database: database.clone(), error };
    let mut db = Db::open(database, Access::Write).map_err(refused)?;
    if !db.lock().map_err(refused)? {
        return Err(StoreError::Used(database.clone()));
    }
    let found = schema::migrate(&mut db, now()).map_err(refused)?;
    if found > schema::VERSION {
        let (database, known) = (database.clone(), schema::VERSION);
        return Err(StoreError::Newer { database, found, known });
    }
    Ok(db)
}
