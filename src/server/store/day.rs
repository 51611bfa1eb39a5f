//! Reading agents' days back, for the report of a shift: how they stood and what was seen of them.
//!
//! A connection of its own that can't write; the server may run beside it.

use super::db::{Access, Database, Db, DbError, values};
use dozvon_center::acd::Presence;
use dozvon_center::shift::Lived;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;

/// What is known of one agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AgentDay {
    /// How he stood, in order of time, cut at the ends of the day.
    pub(crate) lived: Vec<Lived>,
    /// How often each kind of conduct was seen.
    pub(crate) conduct: BTreeMap<String, u32>,
}

/// Everybody's time from one moment to another. What goes on counts up to `now`, or up to when a server that was killed
/// was last seen alive.
///
/// # Errors
/// What the database says, when there is no such one above all.
pub(crate) fn agent_days(
    database: &Database,
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<BTreeMap<String, AgentDay>, DbError> {
    let mut db = Db::open(database, Access::Report)?;
    db.only_read()?;
    let mut days: BTreeMap<String, AgentDay> = BTreeMap::new();
    let span = values![super::schema::micros(from), super::schema::micros(until)];
    let alive: Option<Option<i64>> = db.cell(
        "SELECT max(coalesce(stopped_at, last_alive_at)) FROM runs WHERE stopped_at IS NOT NULL
             AND id = (SELECT max(id) FROM runs)",
        &[],
    )?;
    let open_until = alive.flatten().map_or(now, moment).min(until);
    let stretches = "SELECT agent, status, from_at, to_at FROM agent_status
         WHERE from_at < ?2 AND coalesce(to_at, ?2) > ?1 ORDER BY agent, from_at, id";
    db.each::<DbError>(stretches, span, |row| {
        let (agent, status): (String, String) = (row.get(0)?, row.get(1)?);
        let to: Option<i64> = row.get(3)?;
        let begins = moment(row.get(2)?).max(from);
        let ends = to.map_or(open_until, moment).min(until).max(begins);
        // A status of another version is time in which nothing is known.
        let presence = Presence::ALL.into_iter().find(|presence| presence.as_str() == status);
        if let Some(presence) = presence {
            let lived = Lived { from: begins, until: ends, presence };
            days.entry(agent).or_default().lived.push(lived);
        }
        Ok(())
    })?;
    let conduct =
        "SELECT agent, kind, count(*) FROM conduct WHERE at >= ?1 AND at < ?2 GROUP BY agent, kind";
    db.each::<DbError>(conduct, span, |row| {
        let (agent, kind): (String, String) = (row.get(0)?, row.get(1)?);
        days.entry(agent).or_default().conduct.insert(kind, row.get(2)?);
        Ok(())
    })?;
    Ok(days)
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::testing::on_each;
    use crate::server::store::tests::agent_move;
    use crate::server::store::{ConductRow, Record, Store};
    use dozvon_center::acd::Status;

    #[test]
    fn a_day_is_cut_at_its_ends_and_what_goes_on_ends_with_the_server() {
        on_each(|place| {
            let database = place.database();
            let at = Timestamp::from_secs;
            let store = Store::open(&database).unwrap();
            let send = |record| store.sender().try_send(record);
            for (secs, status, activity) in
                [(50, "ready", "idle"), (150, "ready", "talking"), (180, "lunch", "idle")]
            {
                send(agent_move("anna", secs, status, activity));
            }
            for (secs, kind) in [(120, "missed"), (130, "missed"), (250, "declined")] {
                let (agent, at) = ("anna".into(), at(secs));
                send(Record::Conduct(ConductRow { agent, at, kind, call: None }));
            }
            assert!(store.flush(std::time::Duration::from_secs(10)));
            let days = agent_days(&database, (at(100), at(200)), at(190)).unwrap();
            let lived: Vec<_> = days["anna"]
                .lived
                .iter()
                .map(|l| (l.from.as_secs(), l.until.as_secs(), l.presence))
                .collect();
            let lunch = Presence::Chosen(Status::Lunch);
            let ready = Presence::READY;
            assert_eq!(lived, [(100, 150, ready), (150, 180, ready), (180, 190, lunch)]);
            assert_eq!(days["anna"].conduct, BTreeMap::from([("missed".to_owned(), 2)]));
            store.close();
            assert!(agent_days(&place.missing(), (at(1), at(2)), at(2)).is_err());
        });
    }
}
