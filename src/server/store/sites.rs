//! Emergencies of sites: written when they are declared or called off, read back at a start.

use super::db::{Access, Database, Db, DbError, values};
use super::schema::micros;
use dozvon_center::opening::Emergency;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;

/// The schema since which there are such emergencies.
const SINCE_VERSION: i64 = 9;

/// The emergencies of sites that went on when the database was written last; none without a database, or with one that
/// has never known any.
///
/// # Errors
/// What the database says.
pub(crate) fn emergencies(database: &Database) -> Result<BTreeMap<String, Emergency>, DbError> {
    if !database.exists() {
        return Ok(BTreeMap::new());
    }
    let mut db = Db::open(database, Access::Ask)?;
    let version: Option<i64> =
        db.cell("SELECT coalesce(max(version), 0) FROM schema_version", &[])?;
    if version.unwrap_or(0) < SINCE_VERSION {
        return Ok(BTreeMap::new());
    }
    open_emergencies(&mut db)
}

/// Those of a database whose schema is up to date.
pub(super) fn open_emergencies(db: &mut Db) -> Result<BTreeMap<String, Emergency>, DbError> {
    let sites = db.rows("SELECT site, since, by, reason FROM site_emergencies", &[], |row| {
        let (site, since): (String, i64) = (row.get(0)?, row.get(1)?);
        let (by, reason): (String, String) = (row.get(2)?, row.get(3)?);
        let since = Timestamp::from_micros(u64::try_from(since).unwrap_or_default());
        Ok((site, Emergency { since, by: by.into(), reason: reason.into() }))
    })?;
    Ok(sites.into_iter().collect())
}

/// Declared anew, an emergency is as old as it was.
pub(super) fn write_emergency(
    step: &mut Db,
    site: &str,
    emergency: Option<&Emergency>,
) -> Result<(), DbError> {
    match emergency {
        None => step.execute("DELETE FROM site_emergencies WHERE site = ?1", values![site])?,
        Some(Emergency { since, by, reason }) => step.execute(
            "INSERT INTO site_emergencies (site, since, by, reason) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (site) DO UPDATE SET by = excluded.by, reason = excluded.reason",
            values![site, micros(*since), &**by, &**reason],
        )?,
    };
    Ok(())
}
