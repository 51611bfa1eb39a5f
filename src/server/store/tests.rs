//! The store as people meet it: what was told comes back, also after a crash, a full disk and an upgrade.

use super::*;
use crate::server::events::scratch::Scratch;
use dozvon_center::contact::{ArmRecord, Contact, Ending, Fault, Outcome, Stage, StageKind};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::Arm;
use std::time::Duration;

/// A running contact whose time and number follow from its id.
pub(crate) fn contact(call: u64) -> Contact {
    let started_at = Timestamp::from_secs(1_000 + call);
    Contact {
        call: CallId(call),
        caller: format!("+7701123{call:04}"),
        dialled: "100".into(),
        flow: "bank".into(),
        flow_version: "0123456789ab".into(),
        language: "ru".into(),
        started_at,
        answered_at: Some(started_at + Duration::from_secs(1)),
        ended_at: None,
        ending: None,
        path: vec!["hello".into(), "menu".into()],
        stages: vec![stage(StageKind::Ivr, started_at, None)],
        arms: Vec::new(),
        survey: Vec::new(),
        operator_requested: false,
    }
}

fn stage(kind: StageKind, from: Timestamp, to: Option<Timestamp>) -> Stage {
    Stage {
        kind,
        from,
        to,
        queue: None,
        agent: None,
        peer: None,
        outcome: None,
        hold_secs: 0.0,
        holds: 0,
        long_holds: 0,
        passed_on: None,
        wrap_up_secs: None,
        code: None,
        code_version: None,
        code_note: None,
    }
}

/// The same contact, ended after ten seconds.
pub(crate) fn ended(call: u64) -> Contact {
    let mut contact = contact(call);
    contact.ended_at = Some(contact.started_at + Duration::from_secs(10));
    contact.ending = Some(Ending::new(Fault::Caller, "hung_up"));
    contact.stages[0].to = contact.ended_at;
    contact
}

/// One that went through queue and talk, with everything a record can hold.
fn full(call: u64) -> Contact {
    let mut contact = ended(call);
    let at = |secs| contact.started_at + Duration::from_secs(secs);
    let mut ivr = stage(StageKind::Ivr, at(0), Some(at(2)));
    ivr.peer = None;
    let mut wait = stage(StageKind::Queue, at(2), Some(at(5)));
    wait.queue = Some("cards".into());
    wait.outcome = Some(Outcome::Answered);
    let mut talk = stage(StageKind::Talk, at(5), Some(at(10)));
    talk.queue = Some("cards".into());
    talk.agent = Some("anna".into());
    talk.hold_secs = 1.5;
    talk.wrap_up_secs = Some(4.0);
    talk.code = Some("cards/lost".into());
    talk.code_version = Some("bank@3".into());
    talk.code_note = Some("second card too".into());
    contact.stages = vec![ivr, wait, talk];
    contact.arms =
        vec![ArmRecord { option: "block".into(), arm: Arm::Bot, share: 0.1, delivered: true }];
    contact.survey = vec![("how was it".into(), 5)];
    contact.operator_requested = true;
    contact
}

fn send(store: &Store, contact: Contact) {
    store.sender().try_send(Record::Contact(Box::new(contact)));
}

pub(crate) fn agent_move(
    agent: &str,
    secs: u64,
    status: &'static str,
    activity: &'static str,
) -> Record {
    let at = Timestamp::from_secs(secs);
    let (cause, asked_by, reason, team) = ("agent", None, None, Some("day".into()));
    let paid = Some(status != "lunch");
    let agent = agent.into();
    Record::Agent(AgentMove { agent, team, at, paid, status, activity, cause, asked_by, reason })
}

fn read(store: &Store, filter: ContactFilter) -> ContactPage {
    let reader = store.reader().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(reader.contacts(filter)).unwrap()
}

fn calls(page: &ContactPage) -> Vec<i64> {
    page.contacts.iter().map(|contact| contact.call).collect()
}

fn every() -> ContactFilter {
    ContactFilter { limit: 100, ..ContactFilter::default() }
}

/// Ends the store as `kill -9` does: what is committed stays, nothing says goodbye.
fn crash(store: Store) {
    assert!(store.flush(Duration::from_secs(10)));
    // The writer's thread lives on with its connection, as useless as a dead process; only the lock must go.
    let Store { _lock: lock, .. } = store;
    drop(lock);
}

#[test]
fn a_contact_comes_back_whole() {
    let folder = Scratch::new();
    let store = Store::open(&folder.path("data/dozvon.db")).unwrap();
    send(&store, full(7));
    assert!(store.flush(Duration::from_secs(10)));
    let page = read(&store, every());
    let row = &page.contacts[0];
    assert_eq!((row.call, &*row.caller, &*row.flow), (7, "+77011230007", "bank"));
    assert_eq!(row.path, ["hello", "menu"]);
    assert_eq!(row.ending_fault.as_deref(), Some("caller"));
    assert_eq!(row.ending_reason.as_deref(), Some("hung_up"));
    assert_eq!(row.arms, [("block".to_owned(), "bot".to_owned(), 0.1, true)]);
    assert_eq!(row.survey, [("how was it".to_owned(), 5)]);
    assert!(row.operator_requested);
    let kinds: Vec<&str> = row.segments.iter().map(|segment| &*segment.kind).collect();
    assert_eq!(kinds, ["ivr", "queue", "talk"]);
    assert_eq!(row.segments[1].outcome.as_deref(), Some("answered"));
    let talk = &row.segments[2];
    assert_eq!(talk.wrap_up_secs, Some(4.0));
    assert_eq!(talk.code.as_deref(), Some("cards/lost"));
    assert_eq!(talk.code_version.as_deref(), Some("bank@3"));
    assert_eq!(talk.code_note.as_deref(), Some("second card too"));
    assert_eq!(row.segments[0].to_at, Some(row.segments[1].from_at), "stages abut");
    store.close();
}

#[test]
fn a_contact_told_again_is_one_row() {
    let folder = Scratch::new();
    let store = Store::open(&folder.path("db")).unwrap();
    for record in [contact(1), ended(1), full(1)] {
        send(&store, record);
        assert!(store.flush(Duration::from_secs(10)));
    }
    let page = read(&store, every());
    assert_eq!(page.contacts.len(), 1);
    assert_eq!(page.contacts[0].segments.len(), 3);
    store.close();
}

#[test]
fn after_a_crash_what_ended_is_there_and_the_rest_is_interrupted() {
    let folder = Scratch::new();
    let path = folder.path("db");
    let store = Store::open(&path).unwrap();
    for call in 0..20 {
        send(&store, contact(call));
    }
    for call in 0..15 {
        send(&store, ended(call));
    }
    let mut waiting = contact(19);
    let from = waiting.started_at + Duration::from_secs(2);
    waiting.stages[0].to = Some(from);
    let mut wait = stage(StageKind::Queue, from, None);
    wait.queue = Some("cards".into());
    waiting.stages.push(wait);
    send(&store, waiting);
    let mut talking = contact(18);
    let at = |secs| talking.started_at + Duration::from_secs(secs);
    let mut talk = stage(StageKind::Talk, at(3), None);
    (talk.queue, talk.agent) = (Some("cards".into()), Some("anna".into()));
    let mut waited = stage(StageKind::Queue, at(2), Some(at(3)));
    (waited.queue, waited.outcome) = (Some("cards".into()), Some(Outcome::Answered));
    talking.stages = vec![stage(StageKind::Ivr, at(0), Some(at(2))), waited, talk];
    send(&store, talking);
    store.sender().try_send(agent_move("anna", 1_000, "ready", "idle"));
    store.sender().try_send(agent_move("anna", 1_010, "ready", "talking"));
    crash(store);

    let store = Store::open(&path).unwrap();
    assert_eq!(store.stats().recovered, Recovered { contacts: 5, stretches: 1 });
    let page = read(&store, every());
    for row in &page.contacts {
        let expected = if row.call < 15 { "hung_up" } else { "interrupted" };
        assert_eq!(row.ending_reason.as_deref(), Some(expected), "call {}", row.call);
        let ended_at = row.ended_at.expect("every contact has an end");
        assert!(row.segments.iter().all(|s| s.to_at.is_some_and(|to| to <= ended_at)), "{row:?}");
    }
    let newest = &page.contacts[0];
    assert_eq!(newest.segments[1].outcome.as_deref(), Some("failed"), "a cut-off wait failed");
    let figures = Connection::open(&path).unwrap();
    let sql =
        "SELECT call, queue, entered_at, ended_at - entered_at, outcome, service_level FROM waits";
    let waits: Vec<(i64, String, i64, i64, String, String)> = figures
        .prepare(sql)
        .unwrap()
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    assert_eq!(waits.len(), 1, "the cut-off wait is in the figures, once");
    let (call, queue, entered_at, lasted, outcome, verdict) = waits[0].clone();
    assert_eq!((call, &*queue, entered_at), (19, "cards", schema::micros(from)));
    assert!(lasted >= 0);
    assert_eq!((&*outcome, &*verdict), ("failed", "missed"));
    let sql = "SELECT agent, talk_secs >= 0, waited_secs FROM talks";
    let talk = figures.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    assert_eq!(talk.unwrap(), ("anna".to_owned(), true, 1.0), "so is the cut-off talk");
    drop(figures);
    store.close();

    let store = Store::open(&path).unwrap();
    assert_eq!(
        store.stats().recovered,
        Recovered::default(),
        "an orderly stop leaves nothing to mend"
    );
    store.close();
}

#[test]
fn an_agents_day_is_stretches_that_abut_and_ends_with_the_server() {
    let folder = Scratch::new();
    let path = folder.path("db");
    let store = Store::open(&path).unwrap();
    for (secs, status, activity) in
        [(10, "ready", "idle"), (20, "ready", "ringing"), (25, "lunch", "idle")]
    {
        store.sender().try_send(agent_move("anna", secs, status, activity));
        store.sender().try_send(agent_move("boris", secs, "ready", "idle"));
    }
    store.close();
    let connection = Connection::open(&path).unwrap();
    let mut statement = connection
        .prepare("SELECT status, activity, from_at, to_at FROM agent_status WHERE agent = 'anna' ORDER BY id")
        .unwrap();
    let stretch = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(2)?, row.get::<_, Option<i64>>(3)?))
    };
    let mut rows: Vec<_> = statement.query_map([], stretch).unwrap().map(Result::unwrap).collect();
    let second = |secs: i64| secs * 1_000_000;
    let stopped = rows[2].2.take();
    let run = "SELECT stopped_at FROM runs";
    assert_eq!(stopped, connection.query_row(run, [], |row| row.get(0)).unwrap());
    assert_eq!(
        rows,
        [
            ("ready".to_owned(), second(10), Some(second(20))),
            ("ready".to_owned(), second(20), Some(second(25))),
            ("lunch".to_owned(), second(25), None),
        ]
    );
}

#[test]
fn contacts_are_found_by_time_queue_agent_and_caller_page_by_page() {
    let folder = Scratch::new();
    let store = Store::open(&folder.path("db")).unwrap();
    for call in 0..10 {
        send(&store, if call % 2 == 0 { full(call) } else { ended(call) });
    }
    assert!(store.flush(Duration::from_secs(10)));
    let at = |call: i64| Some((1_000 + call) * 1_000_000);
    let find = |filter: ContactFilter| calls(&read(&store, filter));
    assert_eq!(find(every()), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "newest first");
    assert_eq!(find(ContactFilter { from: at(3), to: at(6), ..every() }), [5, 4, 3]);
    let cards = ContactFilter { queue: Some("cards".into()), ..every() };
    assert_eq!(find(cards), [8, 6, 4, 2, 0]);
    let anna = ContactFilter { agent: Some("anna".into()), from: at(5), ..every() };
    assert_eq!(find(anna), [8, 6]);
    let caller = ContactFilter { caller: Some("+77011230003".into()), ..every() };
    assert_eq!(find(caller), [3]);
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = read(&store, ContactFilter { limit: 4, cursor, ..every() });
        seen.extend(calls(&page));
        match page.next {
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    store.close();
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = Scratch::new();
    let path = folder.path("db");
    let store = Store::open(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Used { .. }), "{error}");
    store.close();
    Store::open(&path).unwrap().close();
}

#[test]
fn a_newer_schema_is_left_alone_with_a_sentence() {
    let folder = Scratch::new();
    let path = folder.path("db");
    Store::open(&path).unwrap().close();
    let connection = Connection::open(&path).unwrap();
    connection.execute("INSERT INTO schema_version VALUES (99, 0)", []).unwrap();
    drop(connection);
    let error = Store::open(&path).unwrap_err();
    assert!(error.to_string().contains("run the newer dozvon"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused_with_a_cure() {
    let folder = Scratch::new();
    let path = folder.path("db");
    std::fs::write(&path, "this is a shopping list, and a long one at that".repeat(100)).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(error.to_string().contains("move it away"), "{error}");
}

#[test]
fn while_the_database_is_locked_records_wait_and_readyz_knows() {
    let folder = Scratch::new();
    let path = folder.path("db");
    let store = Store::open(&path).unwrap();
    let stats = store.stats();
    let blocker = Connection::open(&path).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    send(&store, ended(1));
    while stats.is_healthy() {
        std::thread::yield_now();
    }
    send(&store, ended(2));
    blocker.execute_batch("ROLLBACK").unwrap();
    assert!(store.flush(Duration::from_secs(20)));
    assert!(stats.is_healthy());
    assert_eq!(calls(&read(&store, every())), [2, 1]);
    assert_eq!(stats.ends_dropped.load(Ordering::Relaxed), 0);
    store.close();
}

#[test]
fn the_database_is_the_owners_to_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Scratch::new();
    let path = folder.path("db");
    let store = Store::open(&path).unwrap();
    send(&store, ended(1));
    assert!(store.flush(Duration::from_secs(10)));
    for file in folder.list() {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    store.close();
}
