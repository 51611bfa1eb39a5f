//! Requests to be called back: written whole at each change, read back when the database is opened.

use super::db::{Db, DbError, values};
use super::schema::micros;
use dozvon_center::callback::{Callback, Stage};
use dozvon_center::limits::CALLBACKS_MAX;

/// Writes a request as it stands now.
pub(super) fn write_callback(step: &mut Db, callback: &Callback) -> Result<(), DbError> {
    let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let ended_at = match callback.stage {
        Stage::Ended { at, .. } => Some(micros(at)),
        Stage::Due { .. }
        | Stage::Queued { .. }
        | Stage::Offered { .. }
        | Stage::Dialing { .. }
        | Stage::Here { .. }
        | Stage::Calling { .. } => None,
    };
    let sql = "INSERT INTO callbacks (id, contact, number, queue, asked_by, enqueued_at, asked_at, attempts, missed,
             stage, ended_at, whole)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, enqueued_at = excluded.enqueued_at,
             attempts = excluded.attempts, missed = excluded.missed, stage = excluded.stage,
             ended_at = excluded.ended_at, whole = excluded.whole";
    step.execute(
        sql,
        values![
            id(callback.id.0),
            callback.contact.map(|contact| id(contact.0)),
            callback.number,
            callback.queue,
            callback.proof.by.as_str(),
            micros(callback.enqueued_at),
            micros(callback.asked_at),
            callback.attempts,
            callback.missed.map(|why| why.as_str()),
            callback.stage.as_str(),
            ended_at,
            serde_json::to_string(callback).expect("a request is plain data"),
        ],
    )?;
    Ok(())
}

/// The requests that are open, oldest first. One that this program can't read is left where it is, and told of.
pub(super) fn open_callbacks(db: &mut Db) -> Result<Vec<Callback>, DbError> {
    let query = "SELECT id, whole FROM callbacks WHERE ended_at IS NULL ORDER BY asked_at LIMIT ?1";
    let most = i64::try_from(CALLBACKS_MAX).unwrap_or(i64::MAX);
    let rows =
        db.rows(query, values![most], |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)))?;
    let mut open = Vec::new();
    for (id, whole) in rows {
        match serde_json::from_str(&whole) {
            Ok(callback) => open.push(callback),
            Err(error) => tracing::error!(id, %error, "a callback can't be read: it is not made"),
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::mailbox::Batch;
    use crate::server::store::testing::{Place, Server, on_each};
    use crate::server::store::{Record, Store};
    use dozvon_center::callback::{AskedBy, CallbackEnd, Proof};
    use dozvon_center::ids::{CallId, CallbackId};
    use dozvon_clock::Timestamp;
    use std::sync::Arc;
    use std::time::Duration;

    const DUE: Stage = Stage::Due { at: Timestamp::from_secs(20) };

    fn callback(id: u64, stage: Stage) -> Callback {
        let proof = Proof {
            by: AskedBy::Key,
            at: Timestamp::from_secs(id),
            from: Some("+77010000001".into()),
            key: None,
            flow: Some("bank".into()),
            node: Some("offer".into()),
            user: None,
            recording: None,
        };
        Callback {
            id: CallbackId(id),
            contact: Some(CallId(id)),
            number: format!("+7701{id:07}").into(),
            queue: "cards".into(),
            requires: Some("lang:kk".into()),
            priority: 0,
            enqueued_at: Timestamp::from_secs(id),
            asked_at: Timestamp::from_secs(10 + id),
            language: "kk".into(),
            topic: None,
            proof,
            attempts: 0,
            dialed_at: None,
            missed: None,
            stage,
        }
    }

    fn tell(store: &Store, callback: Callback) {
        store.sender().try_send(Record::Callback(Box::new(callback)));
    }

    #[test]
    fn after_a_new_start_open_requests_are_there_as_they_stood_last_and_others_are_not() {
        on_each(|place| {
            let store = Store::open(&place.database()).unwrap();
            [3, 1, 2].into_iter().for_each(|id| tell(&store, callback(id, DUE)));
            assert!(store.flush(Duration::from_secs(10)));
            let dialing = callback(3, Stage::Dialing { call: CallId(40) });
            tell(&store, Callback { attempts: 1, ..dialing.clone() });
            let ended = Stage::Ended { at: Timestamp::from_secs(50), end: CallbackEnd::Reached };
            tell(&store, callback(2, ended));
            store.close();
            let mut store = Store::open(&place.database()).unwrap();
            let kept = store.take_kept().try_recv().expect("it is read at the start").callbacks;
            store.close();
            assert_eq!(kept, [callback(1, DUE), Callback { attempts: 1, ..dialing }]);
        });
    }

    #[test]
    fn what_a_server_that_was_away_at_the_start_has_kept_is_handed_over_when_it_is_there() {
        let server = Arc::new(Server::start());
        let place = Place::on(server.clone());
        let store = Store::open(&place.database()).unwrap();
        tell(&store, callback(7, DUE));
        store.close();
        server.stop();
        let mut store = Store::open(&place.database()).unwrap();
        let mut kept = store.take_kept();
        assert!(kept.try_recv().is_err(), "nobody knows yet");
        server.run();
        tell(&store, callback(8, DUE));
        assert!(store.flush(Duration::from_secs(60)));
        assert_eq!(kept.try_recv().expect("it is known now").callbacks, [callback(7, DUE)]);
        store.close();
    }

    #[test]
    fn a_batch_taken_apart_leaves_no_request_behind() {
        let callbacks = vec![callback(1, DUE), callback(2, DUE)];
        let batch = Batch { callbacks, ..Batch::default() };
        let apart = batch.split().flat_map(|one| one.callbacks);
        assert_eq!(apart.map(|kept| kept.id.0).collect::<Vec<_>>(), [1, 2]);
    }
}
