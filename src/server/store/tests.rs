//! The store as people meet it: what was told comes back, also after a crash, a full disk and an upgrade.

use super::db::{Access, Db, values};
use super::testing::{Place, Server, on_each};
use super::*;
use crate::server::events::Directory;
use dozvon_center::bot::BotNote;
use dozvon_center::contact::{
    ArmRecord, Contact, Ending, Fault, Outcome, Speech, Stage, StageKind,
};
use dozvon_center::fact::{Fact, What};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::{Arm, TriedKind};
use std::sync::atomic::{AtomicBool, AtomicU64};
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
        callback: None,
        continues: None,
        customer: None,
        chosen: Vec::new(),
    }
}

fn stage(kind: StageKind, from: Timestamp, to: Option<Timestamp>) -> Stage {
    Stage { to, ..Stage::begun(kind, from) }
}

/// The same contact, ended after ten seconds.
pub(crate) fn ended(call: u64) -> Contact {
    let mut contact = contact(call);
    contact.ended_at = Some(contact.started_at + Duration::from_secs(10));
    contact.ending = Some(Ending::new(Fault::Caller, "hung_up"));
    contact.stages[0].to = contact.ended_at;
    contact
}

/// A talk in which the agent said nothing before the silence.
const SPEECH: Speech = Speech {
    measured_secs: 3.5,
    greeting_secs: None,
    agent_secs: 0.0,
    caller_secs: 1.25,
    both_secs: 0.5,
    both_times: 2,
    silences: 1,
    silence_secs: 6.5,
    longest_silence_secs: 6.5,
};

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
    (talk.holds, talk.long_holds) = (3, 2);
    talk.passed_on = Some(dozvon_center::contact::PassedOn::Attended);
    talk.wrap_up_secs = Some(4.0);
    talk.code = Some("cards/lost".into());
    talk.code_version = Some("bank@3".into());
    let said = serde_json::json!({"reason": "customer_request", "summary": "Хочет человека",
        "data": {"intent": "block"}});
    talk.bot_note = Some(Arc::new(BotNote::read(said.as_object().unwrap())));
    talk.code_note = Some("second card too".into());
    talk.speech = Some(SPEECH);
    contact.stages = vec![ivr, wait, talk];
    let drawn = ArmRecord::drawn("block".into(), Arm::Bot, 0.1, true);
    let of_bot = ArmRecord { bot_end: Some("failed".into()), ..drawn };
    let drawn = ArmRecord::drawn("greeting".into(), Arm::People, 0.5, true);
    contact.arms = vec![of_bot, ArmRecord { tried: TriedKind::Flow, ..drawn }];
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
    let reader = store.reader();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(reader.contacts(filter)).unwrap()
}

fn calls(page: &ContactPage) -> Vec<i64> {
    page.contacts.iter().map(|contact| contact.call).collect()
}

fn every() -> ContactFilter {
    ContactFilter { limit: 100, ..ContactFilter::default() }
}

/// Leaves the database as `kill -9` does: what is committed stays, nothing says goodbye.
fn crash(place: &Place, store: Store) {
    assert!(store.flush(Duration::from_secs(10)));
    store.close();
    // The goodbye is taken back.
    let mut db = place.look();
    let open = "UPDATE agent_status SET to_at = NULL WHERE to_at = (SELECT stopped_at FROM runs)";
    db.execute(open, &[]).unwrap();
    db.execute("UPDATE runs SET stopped_at = NULL", &[]).unwrap();
}

fn file_of(place: &Place) -> PathBuf {
    place.database().file().expect("it is a file").to_owned()
}

#[test]
fn a_contact_comes_back_whole() {
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
        send(&store, full(7));
        assert!(store.flush(Duration::from_secs(10)));
        let page = read(&store, every());
        let row = &page.contacts[0];
        assert_eq!((row.call, &*row.caller, &*row.flow), (7, "+77011230007", "bank"));
        assert_eq!(row.path, ["hello", "menu"]);
        assert_eq!(row.ending_fault.as_deref(), Some("caller"));
        assert_eq!(row.ending_reason.as_deref(), Some("hung_up"));
        let [arm, trial] = &row.arms[..] else { panic!("two draws: {:?}", row.arms) };
        let tried = (&*trial.option, &*trial.tried, &*trial.arm, &*arm.tried);
        assert_eq!(tried, ("greeting", "flow", "people", "bot"));
        assert_eq!(
            (&*arm.option, &*arm.arm, arm.share, arm.delivered),
            ("block", "bot", 0.1, true)
        );
        assert_eq!((arm.excluded.as_deref(), arm.bot_end.as_deref()), (None, Some("failed")));
        assert_eq!(row.survey, [("how was it".to_owned(), 5)]);
        assert!(row.operator_requested);
        let kinds: Vec<&str> = row.segments.iter().map(|segment| &*segment.kind).collect();
        assert_eq!(kinds, ["ivr", "queue", "talk"]);
        assert_eq!(row.segments[1].outcome.as_deref(), Some("answered"));
        let talk = &row.segments[2];
        assert_eq!(talk.wrap_up_secs, Some(4.0));
        assert_eq!((talk.hold_secs, talk.holds, talk.long_holds), (1.5, 3, 2));
        assert_eq!(talk.passed_on.as_deref(), Some("attended"));
        assert_eq!(talk.code.as_deref(), Some("cards/lost"));
        assert_eq!(talk.code_version.as_deref(), Some("bank@3"));
        assert_eq!(talk.code_note.as_deref(), Some("second card too"));
        let note = talk.bot_note.as_ref().unwrap();
        assert_eq!(
            (note.summary.as_deref(), &*note.data["intent"]),
            (Some("Хочет человека"), "block")
        );
        assert_eq!((talk.speech, row.segments[0].speech), (Some(SPEECH), None));
        assert_eq!(row.segments[0].to_at, Some(row.segments[1].from_at), "stages abut");
        store.close();
    });
}

#[test]
fn a_contact_told_again_is_one_row() {
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
        for record in [contact(1), ended(1), full(1)] {
            send(&store, record);
            assert!(store.flush(Duration::from_secs(10)));
        }
        let page = read(&store, every());
        assert_eq!(page.contacts.len(), 1);
        assert_eq!(page.contacts[0].segments.len(), 3);
        store.close();
    });
}

#[test]
fn after_a_crash_what_ended_is_there_and_the_rest_is_interrupted() {
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
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
        crash(place, store);

        let store = Store::open(&place.database()).unwrap();
        assert_eq!(store.stats().recovered(), Recovered { contacts: 5, stretches: 1 });
        let page = read(&store, every());
        for row in &page.contacts {
            let expected = if row.call < 15 { "hung_up" } else { "interrupted" };
            assert_eq!(row.ending_reason.as_deref(), Some(expected), "call {}", row.call);
            let ended_at = row.ended_at.expect("every contact has an end");
            assert!(
                row.segments.iter().all(|s| s.to_at.is_some_and(|to| to <= ended_at)),
                "{row:?}"
            );
        }
        let newest = &page.contacts[0];
        assert_eq!(newest.segments[1].outcome.as_deref(), Some("failed"), "a cut-off wait failed");
        let mut figures = place.look();
        let sql = "SELECT call, queue, entered_at, ended_at - entered_at, outcome, service_level FROM waits";
        let read = |row: &db::Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        };
        let waits: Vec<(i64, String, i64, i64, String, String)> =
            figures.rows(sql, &[], read).unwrap();
        assert_eq!(waits.len(), 1, "the cut-off wait is in the figures, once");
        let (call, queue, entered_at, lasted, outcome, verdict) = waits[0].clone();
        assert_eq!((call, &*queue, entered_at), (19, "cards", schema::micros(from)));
        assert!(lasted >= 0);
        assert_eq!((&*outcome, &*verdict), ("failed", "missed"));
        let sql = "SELECT agent, talk_secs >= 0, waited_secs FROM talks";
        let read = |row: &db::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let talks: Vec<(String, bool, f64)> = figures.rows(sql, &[], read).unwrap();
        assert_eq!(talks, [("anna".to_owned(), true, 1.0)], "so is the cut-off talk");
        drop(figures);
        store.close();

        let store = Store::open(&place.database()).unwrap();
        assert_eq!(
            store.stats().recovered(),
            Recovered::default(),
            "an orderly stop leaves nothing to mend"
        );
        store.close();
    });
}

#[test]
fn an_agents_day_is_stretches_that_abut_and_ends_with_the_server() {
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
        for (secs, status, activity) in
            [(10, "ready", "idle"), (20, "ready", "ringing"), (25, "lunch", "idle")]
        {
            store.sender().try_send(agent_move("anna", secs, status, activity));
            store.sender().try_send(agent_move("boris", secs, "ready", "idle"));
        }
        store.close();
        let sql =
            "SELECT status, from_at, to_at FROM agent_status WHERE agent = 'anna' ORDER BY id";
        let read = |row: &db::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let mut rows: Vec<(String, i64, Option<i64>)> = place.look().rows(sql, &[], read).unwrap();
        let stopped = rows[2].2.take();
        assert_eq!(stopped, place.look().cell("SELECT stopped_at FROM runs", &[]).unwrap());
        let second = |secs: i64| secs * 1_000_000;
        assert_eq!(
            rows,
            [
                ("ready".to_owned(), second(10), Some(second(20))),
                ("ready".to_owned(), second(20), Some(second(25))),
                ("lunch".to_owned(), second(25), None),
            ]
        );
    });
}

#[test]
fn contacts_are_found_by_time_queue_agent_and_caller_page_by_page() {
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
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
    });
}

#[test]
fn a_second_process_is_kept_out() {
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
        let error = Store::open(&place.database()).unwrap_err();
        assert!(matches!(error, StoreError::Used(_)), "{error}");
        store.close();
        Store::open(&place.database()).unwrap().close();
    });
}

#[test]
fn a_newer_schema_is_left_alone_with_a_sentence() {
    on_each(|place| {
        Store::open(&place.database()).unwrap().close();
        place.look().execute("INSERT INTO schema_version VALUES (99, 0)", &[]).unwrap();
        let error = Store::open(&place.database()).unwrap_err();
        assert!(error.to_string().contains("run the newer dozvon"), "{error}");
    });
}

#[test]
fn a_file_that_is_no_database_is_refused_with_a_cure() {
    let place = Place::file();
    let path = file_of(&place);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "this is a shopping list, and a long one at that".repeat(100)).unwrap();
    let error = Store::open(&place.database()).unwrap_err();
    assert!(error.to_string().contains("move it away"), "{error}");
}

#[test]
fn while_the_database_is_locked_records_wait_and_readyz_knows() {
    let place = Place::file();
    let store = Store::open(&place.database()).unwrap();
    let stats = store.stats();
    let mut blocker = place.look();
    blocker.batch("BEGIN IMMEDIATE").unwrap();
    send(&store, ended(1));
    while stats.is_healthy() {
        std::thread::yield_now();
    }
    send(&store, ended(2));
    blocker.batch("ROLLBACK").unwrap();
    assert!(store.flush(Duration::from_secs(20)));
    assert!(stats.is_healthy());
    assert_eq!(calls(&read(&store, every())), [2, 1]);
    assert_eq!(stats.ends_dropped.load(Ordering::Relaxed), 0);
    store.close();
}

#[test]
fn the_database_is_the_owners_to_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::file();
    let store = Store::open(&place.database()).unwrap();
    send(&store, ended(1));
    assert!(store.flush(Duration::from_secs(10)));
    let path = file_of(&place);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    store.close();
}

#[test]
fn while_the_server_is_away_records_wait_and_come_once_when_it_is_back() {
    let server = Arc::new(Server::start());
    let place = Place::on(server.clone());
    let store = Store::open(&place.database()).unwrap();
    let (stats, names) = (store.stats(), Directory::default());
    let tell = |call: u64| tell_all(&store, &names, call);
    for round in 0..3 {
        // Some are being written while the server goes.
        (round * 100..round * 100 + 50).for_each(&tell);
        server.stop();
        (round * 100 + 50..round * 100 + 100).for_each(&tell);
        while stats.is_healthy() {
            std::thread::yield_now();
        }
        server.run();
        assert!(store.flush(Duration::from_secs(60)), "{stats:?}");
        assert!(stats.is_healthy());
    }
    assert_eq!(stats.ends_dropped.load(Ordering::Relaxed), 0);
    assert_eq!(stats.changes_dropped.load(Ordering::Relaxed), 0);
    assert_eq!(stats.rows_dropped.load(Ordering::Relaxed), 0);
    assert_eq!(stats.moves_dropped.load(Ordering::Relaxed), 0);
    let page = read(&store, ContactFilter { limit: 500, ..every() });
    assert_eq!(page.contacts.len(), 300, "the API's connection is a new one too");
    assert!(page.contacts.iter().all(|row| row.ended_at.is_some()));
    let mut db = place.look();
    for (sql, expected) in [
        ("SELECT count(*) FROM waits", 300),
        ("SELECT count(DISTINCT call) FROM waits", 300),
        ("SELECT calls FROM refusals", 300),
        ("SELECT count(*) FROM agent_status", 300),
        ("SELECT count(*) FROM runs", 1),
    ] {
        assert_eq!(db.cell::<i64>(sql, &[]).unwrap(), Some(expected), "{sql}");
    }
    store.close();
}

/// Tells everything that there is to tell of one call.
fn tell_all(store: &Store, names: &Directory, call: u64) {
    send(store, contact(call));
    for fact in whole_call(call) {
        store.sender().fact(&fact, names);
    }
    send(store, ended(call));
    store.sender().try_send(Record::Refused { at: Timestamp::EPOCH, reason: "overload" });
    store.sender().try_send(agent_move("anna", call, "ready", "idle"));
}

/// Passes everything on between clients and a server, but of so many commits the answer: instead of it the connection
/// breaks.
fn lose_answers(listener: std::os::unix::net::UnixListener, server: PathBuf, lost: Arc<AtomicU64>) {
    use std::io::{Read as _, Write as _};
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;
    for client in listener.incoming() {
        let mut from_client = client.unwrap();
        let mut to_server = UnixStream::connect(&server).unwrap();
        let mut from_server = to_server.try_clone().unwrap();
        let mut to_client = from_client.try_clone().unwrap();
        let losing = Arc::new(AtomicBool::new(false));
        let lose = losing.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while let Ok(n @ 1..) = from_server.read(&mut bytes) {
                if lose.load(Ordering::SeqCst) || to_client.write_all(&bytes[..n]).is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
            let _ = from_server.shutdown(Shutdown::Both);
        });
        let lost = lost.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while let Ok(n @ 1..) = from_client.read(&mut bytes) {
                let commits = bytes[..n].windows(6).any(|word| word == b"COMMIT");
                let one_less = |left: u64| left.checked_sub(1);
                if commits
                    && lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
                {
                    losing.store(true, Ordering::SeqCst);
                }
                if to_server.write_all(&bytes[..n]).is_err() {
                    break;
                }
            }
            let _ = to_server.shutdown(Shutdown::Both);
        });
    }
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_done_twice() {
    let server = Arc::new(Server::start());
    let place = Place::on(server.clone());
    let between = crate::server::events::scratch::Scratch::new();
    let listener = std::os::unix::net::UnixListener::bind(between.path(".s.PGSQL.5432")).unwrap();
    let lost = Arc::new(AtomicU64::new(0));
    let (socket, answers) = (server.socket(), lost.clone());
    std::thread::spawn(move || lose_answers(listener, socket, answers));
    let Database::Server(mut address) = place.database() else { panic!("it is a server") };
    let name = address.access.get_dbname().unwrap().to_owned();
    address.access = tokio_postgres::Config::new();
    address.access.host_path(between.path("")).user("dozvon").dbname(name);
    let store = Store::open(&Database::Server(address)).unwrap();
    let (stats, names) = (store.stats(), Directory::default());
    for call in 0..5 {
        lost.store(2, Ordering::SeqCst);
        tell_all(&store, &names, call);
        assert!(store.flush(Duration::from_secs(60)), "{stats:?}");
    }
    assert!(stats.errors.load(Ordering::Relaxed) >= 5, "{stats:?}");
    store.close();
    let mut db = place.look();
    for (sql, expected) in [
        ("SELECT count(*) FROM contacts WHERE ended_at IS NOT NULL", 5),
        ("SELECT count(*) FROM waits", 5),
        ("SELECT calls FROM refusals", 5),
        ("SELECT count(*) FROM agent_status", 5),
    ] {
        assert_eq!(db.cell::<i64>(sql, &[]).unwrap(), Some(expected), "{sql}");
    }
}

/// The facts of a call that waits and leaves.
fn whole_call(call: u64) -> Vec<Fact> {
    let (flow, queue): (Arc<str>, Arc<str>) = ("bank".into(), "cards".into());
    let started =
        What::CallStarted { flow: flow.clone(), dialled: "100".into(), caller: String::new() };
    let outcome = Outcome::Abandoned;
    let result = dozvon_center::acd::ServiceLevel::Missed;
    let ending = Ending::new(Fault::Caller, "hung_up");
    let facts = [
        started,
        What::SegmentStarted { queue: queue.clone(), called_back: false },
        What::SegmentEnded { queue: queue.clone(), outcome, called_back: false, waited_secs: 1.0 },
        What::ServiceLevelDecided { queue, result },
        What::CallEnded { flow, ending, duration_secs: 1.0 },
    ];
    let at = Timestamp::from_secs(1_000 + call);
    facts.map(|what| Fact { at, call: Some(CallId(call)), what }).into()
}

#[test]
fn a_server_that_is_away_at_the_start_is_waited_for() {
    let server = Arc::new(Server::start());
    let place = Place::on(server.clone());
    server.stop();
    let store = Store::open(&place.database()).unwrap();
    assert!(!store.stats().is_healthy());
    send(&store, ended(1));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let reader = store.reader();
    let error = runtime.block_on(reader.contacts(every())).unwrap_err();
    assert!(matches!(error, ReadError::Away), "{error}");
    server.run();
    assert!(store.flush(Duration::from_secs(60)));
    assert_eq!(calls(&read(&store, every())), [1]);
    store.close();
}

#[test]
fn a_store_that_ends_while_the_server_is_away_does_not_wait_for_it() {
    let server = Arc::new(Server::start());
    let place = Place::on(server.clone());
    let store = Store::open(&place.database()).unwrap();
    let stats = store.stats();
    send(&store, ended(1));
    assert!(store.flush(Duration::from_secs(60)));
    server.stop();
    (2..2_000).for_each(|call| send(&store, ended(call)));
    store.close();
    assert_eq!(stats.ends_dropped.load(Ordering::Relaxed), 1_998);
}

#[test]
fn who_may_not_in_is_told_at_the_start() {
    let place = Place::server();
    let error = Store::open(&place.missing()).unwrap_err();
    assert!(error.to_string().contains("[store] names the right server"), "{error}");
}

#[test]
fn what_a_stranger_sends_is_stored_by_both_databases() {
    on_each(|place| {
        let store = Store::open(&place.database()).unwrap();
        let mut strange = ended(1);
        strange.caller = "a\0b'; DROP TABLE contacts; --\u{1f4de}".into();
        send(&store, strange);
        send(&store, ended(2));
        assert!(store.flush(Duration::from_secs(60)));
        let page = read(&store, every());
        assert_eq!(calls(&page), [2, 1]);
        assert!(page.contacts[1].caller.ends_with("'; DROP TABLE contacts; --\u{1f4de}"));
        store.close();
    });
}

#[test]
fn both_databases_have_the_same_columns() {
    let columns = |place: &Place| {
        Store::open(&place.database()).unwrap().close();
        let mut db = Db::open(&place.database(), Access::Report).unwrap();
        let sql = match place.database() {
            Database::File(_) => {
                "SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1"
            }
            Database::Server(_) => {
                "SELECT CAST(table_name || '.' || column_name AS varchar) COLLATE \"C\"
                 FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1"
            }
        };
        db.rows(sql, values![], |row| row.get::<String>(0)).unwrap()
    };
    let (file, server) = (columns(&Place::file()), columns(&Place::server()));
    assert!(file.len() > 80);
    assert_eq!(file, server);
}

/// Speaks TLS before a server that does not, with the certificate of the tests for `localhost`.
async fn speak_tls(listener: std::net::TcpListener, socket: PathBuf) {
    use rustls::pki_types::pem::PemObject as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let certificate =
        rustls::pki_types::CertificateDer::from_pem_file(tls_file("cert.pem")).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(tls_file("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47], "the first thing said is the wish for TLS");
        stream.write_all(b"S").await.unwrap();
        // Whoever does not trust us goes away.
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut server = tokio::net::UnixStream::connect(&socket).await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut server).await });
    }
}

fn tls_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/server/webhook/tls").join(name)
}

#[test]
fn a_server_that_the_certificates_vouch_for_is_spoken_to_over_tls_and_no_other() {
    let server = Arc::new(Server::start());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = server.socket();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(speak_tls(listener, socket));
    });
    let mut address = server.address("postgres");
    address.access = tokio_postgres::Config::new();
    address.access.host("localhost").hostaddr([127, 0, 0, 1].into()).port(port);
    address.access.user("dozvon").dbname("postgres");
    address.access.ssl_mode(tokio_postgres::config::SslMode::Require);
    let open = |address: &db::ServerAddress| {
        Db::open(&Database::Server(Box::new(address.clone())), Access::Ask)
    };
    let error = open(&address).unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert!(!error.may_pass(), "it is told at the start");
    address.ca_file = Some(tls_file("cert.pem"));
    assert_eq!(open(&address).unwrap().cell::<i64>("SELECT 7", &[]).unwrap(), Some(7));
}

#[test]
fn an_emergency_survives_a_new_start_until_it_is_called_off() {
    let nowhere = Database::File(crate::server::events::scratch::Scratch::new().path("db"));
    assert_eq!(emergencies(&nowhere).unwrap(), BTreeMap::new(), "no database, no emergency");
    on_each(|place| {
        let tell = |at: u64, on: bool, reason: &str| {
            let store = Store::open(&place.database()).unwrap();
            let what = What::EmergencyChanged {
                site: "almaty".into(),
                on,
                by: "boss".into(),
                reason: reason.into(),
            };
            let fact = Fact { at: Timestamp::from_secs(at), call: None, what };
            store.sender().try_send(Record::of(&fact, &Directory::default()).unwrap());
            assert!(store.flush(Duration::from_secs(10)));
            store.close();
            let read = emergencies(&place.database()).unwrap();
            let mut store = Store::open(&place.database()).unwrap();
            let found = store.take_kept().try_recv().expect("a file is read at once").emergencies;
            store.close();
            assert_eq!(found, read, "the command line reads the same");
            found.get("almaty").map(|it| (it.since.as_secs(), it.reason.to_string()))
        };
        assert_eq!(tell(100, true, "fire"), Some((100, "fire".to_owned())));
        assert_eq!(tell(200, true, "flood"), Some((100, "flood".to_owned())));
        assert_eq!(tell(300, false, ""), None);
    });
}
