//! A house to send requests to: its brain, its store, its tokens.

use super::super::*;
use crate::server::config::{Role, Secret, Token};
use crate::server::events::scratch::Scratch;
use crate::server::handle::{DeskAnswer, DeskRefusal, Query, door};
use crate::server::metrics::tests::{directory, snapshot};
use crate::server::store::db::Database;
use crate::server::store::tests::ended;
use crate::server::store::{Record, Store};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, StatusCode};
use dozvon_center::acd::{
    Activity, Candidate, Decision, Found, Order, Passed, PassedBy, Presence, StatusError, Why,
    WhyAgents, WrapUpError,
};
use dozvon_center::callback::{CallbackError, CallbackRequest};
use dozvon_center::coding::{CodeError, CodeName};
use dozvon_center::ids::{AgentId, CallId, CallbackId, OfferId, QueueId};
use dozvon_center::opening::{Emergency, EmergencyError};
use dozvon_center::talk::{TalkCommand, TalkError};
use dozvon_clock::Timestamp;
use dozvon_switch::border::{
    CallCommand, CallRefusal, CallbackCommand, DeskCommand, Snapshot, WhyRow, WrapUpCommand,
    WrapUpRow,
};
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;

/// A house with a brain that answers like the switch would, a store with ten contacts, and tokens for all roles.
pub(super) struct House {
    pub(super) app: Arc<App>,
    pub(super) commands: Arc<Mutex<Vec<DeskCommand>>>,
    pub(super) store: Option<Store>,
    pub(super) asked: Arc<Mutex<Vec<CallCommand>>>,
    /// How many pictures of the house the brain has drawn.
    pub(super) pictures: Arc<AtomicUsize>,
    pub(super) called_back: Arc<Mutex<Vec<CallbackRequest>>>,
    pub(super) stop: watch::Sender<bool>,
    folder: Scratch,
}

/// Bodies of commands that the brain obeys.
pub(super) const FIRE: &str = r#"{"emergency":true,"reason":"fire"}"#;
pub(super) const LUNCH: &str = r#"{"status":"lunch"}"#;
pub(super) const LOST: &str = r#"{"code":"lost"}"#;
pub(super) const CALL_BACK: &str = r#"{"number":"+77010000001","queue":"cards"}"#;
pub(super) const WATCH: &str = r#"{"supervisor":"boris","mode":"listen"}"#;

/// Who calls.
pub(super) const NUMBER: &str = "+77011230001";

pub(super) fn token(name: &str, role: Role, agent: Option<&str>) -> Token {
    let agent = agent.map(str::to_owned);
    Token { name: name.to_owned(), role, token: Secret(format!("{name}-token")), agent }
}

/// What is refused about wrap-ups: a minute more, and any code but `lost`.
fn refusal(command: &WrapUpCommand) -> Option<StatusError> {
    match command {
        WrapUpCommand::Extend { by } if by.as_secs() >= 60 => {
            Some(WrapUpError::TooLong { left_secs: 30 }.into())
        }
        WrapUpCommand::Code(coding) if coding.code != CodeName::Path("lost".into()) => {
            Some(CodeError::Unknown.into())
        }
        WrapUpCommand::End { .. } | WrapUpCommand::Extend { .. } | WrapUpCommand::Code(_) => None,
    }
}

/// Anna talks and boris is free; lunch with a stale epoch is refused.
async fn brain(
    mut queries: tokio::sync::mpsc::Receiver<Query>,
    mut picture: Snapshot,
    commands: Arc<Mutex<Vec<DeskCommand>>>,
    asked: Arc<Mutex<Vec<CallCommand>>>,
    pictures: Arc<AtomicUsize>,
    called_back: Arc<Mutex<Vec<CallbackRequest>>>,
) {
    while let Some(query) = queries.recv().await {
        match query {
            Query::Snapshot { reply } => {
                pictures.fetch_add(1, Ordering::Relaxed);
                let _ = reply.send(Arc::new(picture.clone()));
            }
            Query::Desk { agent, command, reply } => {
                commands.lock().unwrap().push(command.clone());
                let row = &mut picture.agents[usize::try_from(agent.0).unwrap()];
                let answer = match command {
                    DeskCommand::SetStatus { asker, .. } | DeskCommand::LogOut { asker }
                        if asker.reason.as_deref() == Some("") =>
                    {
                        Err(DeskRefusal { why: StatusError::ReasonMissing, row: None })
                    }
                    DeskCommand::SetStatus { asker, .. }
                        if asker.place.is_some() && !asker.take_over =>
                    {
                        Err(DeskRefusal {
                            why: StatusError::LoggedInElsewhere,
                            row: Some(Box::new(row.clone())),
                        })
                    }
                    DeskCommand::SetStatus { epoch: Some(epoch), .. } if epoch != row.epoch => {
                        Err(DeskRefusal {
                            why: StatusError::Stale,
                            row: Some(Box::new(row.clone())),
                        })
                    }
                    DeskCommand::SetStatus { status, .. } => {
                        row.epoch += 1;
                        if row.activity == Activity::Idle {
                            row.status = Presence::Chosen(status);
                        } else {
                            row.pending = Some(Presence::Chosen(status));
                        }
                        Ok(row.clone())
                    }
                    DeskCommand::LogOut { .. } => {
                        row.status = Presence::LoggedOut;
                        Ok(row.clone())
                    }
                    DeskCommand::WrapUp(command) => match refusal(&command) {
                        Some(why) => Err(DeskRefusal { why, row: Some(Box::new(row.clone())) }),
                        None => Ok(row.clone()),
                    },
                };
                let _ = reply.send(DeskAnswer { at: picture.at, done: answer });
            }
            Query::Callback { command, reply } => {
                let answer = match *command {
                    CallbackCommand::Request(request) if &*request.queue == "cards" => {
                        called_back.lock().unwrap().push(*request);
                        Ok(CallbackId(77))
                    }
                    CallbackCommand::Request(request) => Err(CallbackError::Queue(request.queue)),
                    CallbackCommand::Cancel(CallbackId(77)) => Ok(CallbackId(77)),
                    CallbackCommand::Cancel(_) => Err(CallbackError::Unknown),
                };
                let _ = reply.send(answer);
            }
            Query::Command { command, reply } => {
                let known = |call| picture.calls.iter().any(|row| row.call == call);
                let answer = match &command {
                    CallCommand::Talk { call, .. } if !known(*call) => {
                        Err(CallRefusal::Talk(TalkError::NoCall))
                    }
                    CallCommand::Talk { command: TalkCommand::Complete, .. } => {
                        Err(CallRefusal::Talk(TalkError::NoThirdParty))
                    }
                    CallCommand::Talk { .. }
                    | CallCommand::Retrieve { .. }
                    | CallCommand::Supervise { .. } => Ok(()),
                };
                asked.lock().unwrap().push(command);
                let _ = reply.send(answer);
            }
            Query::Reload { .. } => unreachable!("the task of reloads asks for it"),
            Query::Why { call, reply } => {
                let known = picture.calls.iter().any(|row| row.call == call);
                let _ = reply.send(known.then(|| Box::new(reasons())));
            }
            Query::Emergency { wish, reply } => {
                let site = picture.sites.iter_mut().find(|site| *site.name == *wish.site);
                let _ = reply.send(match site {
                    None => Err(EmergencyError::UnknownSite),
                    Some(_) if wish.on && wish.reason.is_empty() => {
                        Err(EmergencyError::ReasonMissing)
                    }
                    Some(site) => {
                        let (by, reason) = (wish.by.into(), wish.reason.into());
                        let since = Timestamp::from_secs(160);
                        site.emergency = wish.on.then_some(Emergency { since, by, reason });
                        Ok(())
                    }
                });
            }
            Query::Steer { reply, .. } | Query::Remember { reply, .. } => {
                let _ = reply.send(Ok(()));
            }
            Query::HangUp { call, reply } => {
                let _ = reply.send(picture.calls.iter().any(|row| row.call == call));
            }
        }
    }
}

/// Why call 77 waits: Boris is free and kept for others.
fn reasons() -> WhyRow {
    let passed = Passed { who: Candidate::Agent(AgentId(1)), why: PassedBy::Kept };
    WhyRow {
        queue: "cards".into(),
        position: Some(2),
        enough: vec!["lang:kk >= 2".to_owned(), "anyone".to_owned()],
        skipped: Vec::new(),
        with: vec!["anna".into()],
        held_for: None,
        why: Why {
            queue: QueueId(0),
            state: "offered",
            tier: 0,
            due: Timestamp::from_secs(120),
            enqueued_at: Timestamp::from_secs(100),
            stage: 1,
            enough: Vec::new(),
            agents: WhyAgents { free: 1, kept: 1, ..WhyAgents::default() },
            skipped: Vec::new(),
            with: vec![AgentId(0)],
            held_for: None,
            next: vec![(Timestamp::from_secs(400), "max_wait")],
            decision: Some(Decision {
                offer: OfferId(1),
                call: CallId(77),
                agent: AgentId(0),
                queue: QueueId(0),
                found: Found::ByCall,
                tier: 0,
                due: Timestamp::from_secs(120),
                stage: 1,
                level: 0,
                order: Order::LeastOccupied,
                place: (0, 0),
                passed: vec![passed],
            }),
        },
    }
}
pub(super) fn house(tokens: Vec<Token>, change: impl FnOnce(&mut Snapshot)) -> House {
    let folder = Scratch::new();
    let store = Store::open(&Database::File(folder.path("db"))).unwrap();
    for call in 1..=10 {
        store.sender().try_send(Record::Contact(Box::new(ended(call))));
    }
    assert!(store.flush(Duration::from_secs(10)));
    let (handle, queries) = door();
    let commands = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut picture = snapshot(Timestamp::from_secs(200));
    change(&mut picture);
    let pictures = Arc::new(AtomicUsize::new(0));
    let called_back = Arc::new(Mutex::new(Vec::new()));
    let (given, put) = (commands.clone(), asked.clone());
    tokio::spawn(brain(queries, picture, given, put, pictures.clone(), called_back.clone()));
    let (stop, stopping) = watch::channel(false);
    let parts = Parts {
        brain: handle,
        metrics: Arc::new(Metrics::new(directory())),
        reader: Some(store.reader()),
        store: Some(store.sender()),
        live: Live::new(),
        directory: directory(),
        reloads: crate::server::reload::nothing_to_reload(),
        rollouts: crate::server::rollout::tests::nothing_to_tend(),
        tokens,
        bots: Default::default(),
        clock: Clock::start(),
    };
    let app = Arc::new(App::new(parts, stopping));
    let store = Some(store);
    House { app, commands, asked, pictures, called_back, store, stop, folder }
}

impl House {
    /// Keeps the store's writer out of the database until this is dropped.
    pub(super) fn lock_database(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.folder.path("db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(store) = self.store.take() {
            store.close();
        }
    }
}

pub(super) fn everybody() -> Vec<Token> {
    vec![
        token("admin", Role::Admin, None),
        token("boss", Role::Supervisor, None),
        token("anna", Role::Agent, Some("anna")),
        token("wall", Role::Monitor, None),
    ]
}

pub(super) async fn send(
    house: &House,
    who: &str,
    method: Method,
    path: &str,
    body: &str,
) -> (StatusCode, Value) {
    // "" is somebody elsewhere without a token, "here" somebody on this machine without one.
    let peer = if who.is_empty() { "192.0.2.7:50000" } else { "127.0.0.1:50000" };
    let peer = ConnectInfo(Peer(peer.parse().unwrap()));
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    if !who.is_empty() && who != "here" {
        request = request.header(header::AUTHORIZATION, format!("Bearer {who}-token"));
    }
    let request = request.extension(peer).body(Body::from(body.to_owned())).unwrap();
    let response = router(house.app.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    if status.is_client_error() || status == StatusCode::INTERNAL_SERVER_ERROR {
        assert_eq!(kind.unwrap(), "application/problem+json", "{path}");
    }
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Anna talks in call 77, boris is in the wrap-up of his part of it.
pub(super) fn one_talks_one_wraps_up(picture: &mut Snapshot) {
    let work = |mode, ends_at| WrapUpRow {
        call: CallId(77),
        mode,
        ends_at,
        classifier: Some("bank".into()),
        classifier_version: Some("3".into()),
    };
    picture.agents[0].wrap_up = Some(work("until_code", None));
    picture.agents[1].activity = Activity::WrapUp;
    let ends_at = Some(picture.at + Duration::from_secs(12));
    picture.agents[1].wrap_up = Some(work("until_code_max", ends_at));
}
