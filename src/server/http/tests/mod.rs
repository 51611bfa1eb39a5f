//! The API as its users meet it: who may what on every route, what comes back, and what never leaks.

mod house;
mod routes;

use super::auth::PROTOCOL_PREFIX;
use super::*;
use crate::server::handle::door;
use crate::server::metrics::tests::{directory, value};
use crate::server::store::{AgentMove, BATCH_MAX, MOVES_PENDING_MAX, Record};
use axum::http::{Method, StatusCode};
use dozvon_center::acd::{Actor, Status};
use dozvon_center::callback::AskedBy;
use dozvon_center::fact::{Fact, What};
use dozvon_center::ids::{AgentId, CallId};
use dozvon_center::incident::{Incident, IncidentAgent, Touch};
use dozvon_center::talk::{Destination, TalkCommand};
use dozvon_clock::Timestamp;
use dozvon_switch::border::{CallCommand, DeskCommand, WrapUpCommand};
use futures_util::{SinkExt, StreamExt};
use house::{
    CALL_BACK, FIRE, House, LUNCH, NUMBER, everybody, house, one_talks_one_wraps_up, send,
};
use routes::ROUTES;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn commands_about_agents_draw_no_picture_of_all_agents_and_calls() {
    let house = house(everybody(), |_| {});
    for _ in 0..20 {
        let body = r#"{"status":"lunch","reason":"it is noon"}"#;
        let (status, row) =
            send(&house, "boss", Method::POST, "/api/v1/agents/boris/status", body).await;
        assert_eq!((status, &row["status"]), (StatusCode::OK, &"lunch".into()));
    }
    assert_eq!(house.pictures.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_reasons_of_a_call_are_told_with_names() {
    let house = house(everybody(), |_| {});
    let (_, why) = send(&house, "wall", Method::GET, "/api/v1/calls/77/why", "").await;
    assert_eq!((&why["state"], &why["position"]), (&"offered".into(), &2.into()));
    assert_eq!(why["enough"], serde_json::json!(["lang:kk >= 2", "anyone"]));
    assert_eq!(
        (&why["free"], &why["kept"], &why["with"][0]),
        (&1.into(), &1.into(), &"anna".into())
    );
    assert_eq!(why["next"][0]["what"], "max_wait");
    assert_eq!(why["decision"]["found"], "by_call");
    assert_eq!(why["decision"]["passed"][0].as_str().unwrap().rsplit(' ').next(), Some("kept"));
}
#[tokio::test]
async fn who_asks_for_a_customer_to_be_called_back_is_kept_with_the_request() {
    let house = house(everybody(), |_| {});
    let site = r#"{"number":"8 701 000 00 01","queue":"cards","program":"site","proof":"form 17"}"#;
    for (who, body, by, user) in [
        ("anna", CALL_BACK, AskedBy::Staff, "anna"),
        ("boss", site, AskedBy::Program, "boss for site"),
    ] {
        let (status, answer) = send(&house, who, Method::POST, "/api/v1/callbacks", body).await;
        assert_eq!((status, answer), (StatusCode::CREATED, json!({"id": 77})));
        let asked = house.called_back.lock().unwrap().pop().unwrap();
        assert_eq!((asked.proof.by, asked.proof.user.as_deref()), (by, Some(user)));
        assert!(!asked.own, "a named number must be an allowed one");
    }
    for (body, status) in [
        (r#"{"number":"1","queue":"nowhere"}"#, 400),
        (r#"{"number":"1","queue":"cards","requires":"and"}"#, 400),
        (r#"{"number":"1"}"#, 400),
    ] {
        let answer = send(&house, "anna", Method::POST, "/api/v1/callbacks", body).await;
        assert_eq!(answer.0, status, "{body}");
    }
}
#[tokio::test]
async fn without_a_token_this_machine_looks_and_commands_nothing() {
    let house = house(everybody(), |_| {});
    for (method, path, body, expected) in ROUTES {
        let (status, answer) = send(&house, "here", method.parse().unwrap(), path, body).await;
        assert_eq!(status.as_u16(), expected[2], "{method} {path}: as a monitor, {answer}");
    }
}

#[tokio::test]
async fn numbers_are_shown_to_supervisors_only() {
    let house = house(everybody(), |_| {});
    for path in ["/api/v1/calls", "/api/v1/contacts"] {
        for (who, plain) in [("wall", false), ("anna", false), ("boss", true), ("admin", true)] {
            let (_, answer) = send(&house, who, Method::GET, path, "").await;
            assert_eq!(answer.to_string().contains(NUMBER), plain, "{path} as {who}: {answer}");
            assert!(answer.to_string().contains("7011230") == plain);
        }
    }
}

#[tokio::test]
async fn a_status_is_set_and_the_new_row_comes_back() {
    let house = house(everybody(), |_| {});
    for status in Status::ALL {
        let body = json!({ "status": status.as_str() }).to_string();
        let (code, row) =
            send(&house, "boss", Method::POST, "/api/v1/agents/boris/status", &body).await;
        assert_eq!((code, &row["status"]), (StatusCode::OK, &json!(status.as_str())));
    }
    let (_, row) = send(&house, "anna", Method::POST, "/api/v1/agents/anna/status", LUNCH).await;
    assert_eq!(
        (&row["status"], &row["pending"]),
        (&json!("ready"), &json!("lunch")),
        "after the call"
    );
    let (_, row) = send(&house, "wall", Method::GET, "/api/v1/agents/anna/status", "").await;
    assert_eq!(row["pending"], "lunch", "and it is seen at once");
    let commands = house.commands.lock().unwrap();
    let by = |command: &DeskCommand| match command {
        DeskCommand::SetStatus { asker, .. } | DeskCommand::LogOut { asker } => {
            Some((asker.actor, asker.name.as_deref().map(str::to_owned)))
        }
        DeskCommand::WrapUp(_) => None,
    };
    assert_eq!(by(&commands[0]), Some((Actor::Supervisor, Some("boss".to_owned()))));
    assert_eq!(by(commands.last().unwrap()), Some((Actor::Agent, Some("anna".to_owned()))));
}

#[tokio::test]
async fn a_wish_made_from_an_old_picture_is_refused_with_the_new_one() {
    let house = house(everybody(), |_| {});
    let path = "/api/v1/agents/boris/status";
    let body = r#"{"status":"lunch","epoch":3}"#;
    assert_eq!(send(&house, "boss", Method::POST, path, body).await.0, StatusCode::OK);
    let (code, problem) = send(&house, "boss", Method::POST, path, body).await;
    assert_eq!(code, StatusCode::CONFLICT);
    assert_eq!(problem["agent"]["status"], "lunch");
    assert_eq!(problem["agent"]["epoch"], 4);
}

#[tokio::test]
async fn a_reason_a_desk_and_the_plan_are_passed_on() {
    let house = house(everybody(), |_| {});
    let path = "/api/v1/agents/boris/status";
    let (code, problem) =
        send(&house, "boss", Method::POST, path, r#"{"status":"lunch","reason":""}"#).await;
    assert_eq!(code, StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("reason"), "{problem}");
    let body = r#"{"status":"lunch","reason":"week 12","schedule":true}"#;
    assert_eq!(send(&house, "boss", Method::POST, path, body).await.0, StatusCode::OK);
    let path = "/api/v1/agents/anna/status";
    assert_eq!(send(&house, "anna", Method::POST, path, body).await.0, StatusCode::BAD_REQUEST);
    let body = r#"{"status":"lunch","place":"desk 7"}"#;
    let (code, problem) = send(&house, "anna", Method::POST, path, body).await;
    assert_eq!(code, StatusCode::CONFLICT);
    assert!(problem["detail"].as_str().unwrap().contains("take_over"), "{problem}");
    assert_eq!(problem["agent"]["name"], "anna", "and how he stands");
    let body = r#"{"status":"lunch","place":"desk 7","take_over":true}"#;
    assert_eq!(send(&house, "anna", Method::POST, path, body).await.0, StatusCode::OK);
    let path = "/api/v1/agents/boris/logout";
    let body = r#"{"reason":"shift is over"}"#;
    assert_eq!(send(&house, "boss", Method::POST, path, body).await.0, StatusCode::OK);
    let commands = house.commands.lock().unwrap();
    let asker = |at: usize| match &commands[at] {
        DeskCommand::SetStatus { asker, .. } | DeskCommand::LogOut { asker } => asker.clone(),
        DeskCommand::WrapUp(_) => unreachable!("nobody asked for it"),
    };
    assert_eq!((asker(1).actor, asker(1).reason.as_deref()), (Actor::Schedule, Some("week 12")));
    assert_eq!((asker(3).place.as_deref(), asker(3).take_over), (Some("desk 7"), true));
    assert_eq!(asker(4).reason.as_deref(), Some("shift is over"));
}

#[tokio::test]
async fn an_incident_is_seen_while_it_goes_on_and_afterwards() {
    let incident = |ended_at: Option<Timestamp>| Incident {
        id: 100_000_000,
        started_at: Timestamp::from_secs(100),
        ended_at,
        agents: vec![IncidentAgent {
            agent: AgentId(0),
            from: Timestamp::from_secs(100),
            until: ended_at,
        }],
        calls: [(CallId(7), Touch::Lost), (CallId(8), Touch::Requeued)].into(),
        calls_unlisted: 0,
    };
    let shown =
        async |house: &House| send(house, "wall", Method::GET, "/api/v1/incidents", "").await.1;
    let open = house(everybody(), |picture| picture.incident = Some(incident(None)));
    let list = shown(&open).await;
    assert_eq!(list[0]["agents"][0]["agent"], "anna");
    assert_eq!(list[0]["ended_at"], Value::Null);
    let house = house(everybody(), |_| {});
    let what =
        What::IncidentClosed { incident: Box::new(incident(Some(Timestamp::from_secs(160)))) };
    let fact = Fact { at: Timestamp::from_secs(160), call: None, what };
    let store = house.store.as_ref().unwrap();
    store.sender().try_send(Record::of(&fact, &directory()).unwrap());
    assert!(store.flush(Duration::from_secs(10)));
    let list = shown(&house).await;
    assert_eq!(list[0]["duration_secs"], 60.0);
    assert_eq!(list[0]["calls_lost"], json!([7]));
    assert_eq!(list[0]["calls_requeued"], json!([8]));
    assert_eq!(list[0]["agents"][0]["to"], "1970-01-01T00:02:40Z");
}

#[tokio::test]
async fn an_emergency_is_declared_with_its_reason_and_called_off() {
    let house = house(everybody(), |_| {});
    let path = "/api/v1/sites/astana/emergency";
    let put = async |body: &str| send(&house, "boss", Method::PUT, path, body).await.1;
    let site = put(FIRE).await;
    assert_eq!(site["emergency"], true);
    assert_eq!((&site["by"], &site["reason"]), (&json!("boss"), &json!("fire")));
    assert_eq!(site["since"], "1970-01-01T00:02:40Z");
    let site = put(r#"{"emergency":false}"#).await;
    assert_eq!((&site["emergency"], &site["reason"]), (&json!(false), &Value::Null));
    let (_, sites) = send(&house, "wall", Method::GET, "/api/v1/sites", "").await;
    let names: Vec<&Value> = sites.as_array().unwrap().iter().map(|site| &site["name"]).collect();
    assert_eq!(names, ["almaty", "astana"]);
}

#[tokio::test]
async fn what_cannot_be_understood_says_what_would_be() {
    let house = house(everybody(), |_| {});
    let status = "/api/v1/agents/anna/status";
    for (method, path, body, code, word) in [
        ("POST", status, r#"{"status":"nap"}"#, 400, "short_break"),
        ("POST", status, r#"{"status":"logged_out"}"#, 400, "technical_problems"),
        ("POST", status, "lunch", 400, r#"{"status":"lunch"}"#),
        ("POST", status, r#"{"state":"lunch"}"#, 400, "status"),
        ("POST", "/api/v1/agents/zoe/status", LUNCH, 404, "zoe"),
        ("GET", "/api/v1/contacts?from=yesterday", "", 400, "2026-01-31T09:00:00Z"),
        ("GET", "/api/v1/contacts?cursor=x", "", 400, "next_cursor"),
        ("GET", "/api/v1/rollouts/roadmap?months=25", "", 400, "1 to 24"),
        ("GET", "/api/v1/rollouts/roadmap?zone=Mars", "", 400, "no such zone"),
        ("GET", "/api/v1/contacts?color=red", "", 400, "color"),
        ("POST", "/api/v1/calls/77/talk", r#"{"command":"sing"}"#, 400, "consult"),
        ("POST", "/api/v1/calls/77/talk", r#"{"command":"transfer"}"#, 400, "queue"),
        ("POST", "/api/v1/calls/77/talk", TO_ZOE, 404, "zoe"),
        ("POST", "/api/v1/calls/77/talk", r#"{"command":"complete"}"#, 409, "consult somebody"),
        ("POST", "/api/v1/calls/5/talk", r#"{"command":"hold"}"#, 404, "ended"),
        ("POST", "/api/v1/agents/anna/watch", r#"{"supervisor":"boris"}"#, 400, "mode"),
        ("PUT", "/api/v1/sites/almaty/emergency", r#"{"emergency":true}"#, 400, "reason"),
        ("PUT", "/api/v1/sites/almaty/emergency", "on", 400, r#"{"emergency":true"#),
        ("PUT", "/api/v1/sites/taraz/emergency", FIRE, 404, "taraz"),
        ("GET", "/api/v1/calls/abc/why", "", 400, "number"),
        ("GET", "/api/v1/calls/abc", "", 400, "number"),
        ("GET", "/api/v1/calls/5", "", 404, "has ended"),
        ("GET", "/api/v1/calls/5/why", "", 404, "no such call"),
        ("DELETE", "/api/v1/calls/abc", "", 400, "number"),
        ("DELETE", "/api/v1/calls/5", "", 404, "ended"),
    ] {
        let (status, problem) = send(&house, "admin", method.parse().unwrap(), path, body).await;
        assert_eq!(status.as_u16(), code, "{path} {body}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
    }
    let long = "x".repeat(BODY_BYTES_MAX + 1);
    let (code, _) = send(&house, "admin", Method::POST, status, &long).await;
    assert_eq!(code, StatusCode::PAYLOAD_TOO_LARGE);
}

const TO_ZOE: &str = r#"{"command":"transfer","to":{"agent":"zoe"}}"#;

#[tokio::test]
async fn what_is_asked_of_a_talk_reaches_the_switch_with_names_made_numbers() {
    let house = house(everybody(), |_| {});
    let call = CallId(77);
    let talk = |command| CallCommand::Talk { call, command };
    for (body, expected) in [
        (r#"{"command":"park"}"#, talk(TalkCommand::Park)),
        (
            r#"{"command":"consult","to":{"agent":"boris"}}"#,
            talk(TalkCommand::Consult(Destination::Agent(AgentId(1)))),
        ),
        (
            r#"{"command":"transfer","to":{"node":"survey"}}"#,
            talk(TalkCommand::Transfer(Destination::Node("survey".into()))),
        ),
    ] {
        let path = "/api/v1/calls/77/talk";
        let (status, answer) = send(&house, "anna", Method::POST, path, body).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        assert_eq!(house.asked.lock().unwrap().last(), Some(&expected));
    }
}

#[tokio::test]
async fn contacts_come_page_by_page() {
    let house = house(everybody(), |_| {});
    let (_, first) = send(&house, "wall", Method::GET, "/api/v1/contacts?limit=6", "").await;
    assert_eq!(first["contacts"].as_array().unwrap().len(), 6);
    assert_eq!(first["contacts"][0]["id"], 10);
    assert_eq!(first["contacts"][0]["reason"], "hung_up");
    assert_eq!(first["contacts"][0]["duration_secs"], 10.0);
    let next =
        format!("/api/v1/contacts?limit=6&cursor={}", first["next_cursor"].as_str().unwrap());
    let (_, second) = send(&house, "wall", Method::GET, &next, "").await;
    assert_eq!(second["contacts"].as_array().unwrap().len(), 4);
    assert!(second.get("next_cursor").is_none());
    let path = "/api/v1/contacts?from=1970-01-01T00:16:45Z&to=1970-01-01T00:16:48Z";
    let (_, some) = send(&house, "wall", Method::GET, path, "").await;
    let ids: Vec<_> =
        some["contacts"].as_array().unwrap().iter().map(|c| c["id"].clone()).collect();
    assert_eq!(ids, [7, 6, 5]);
}

#[tokio::test]
async fn a_complaint_is_marked_once_with_who_and_when() {
    let house = house(everybody(), |_| {});
    let path = "/api/v1/contacts/7/complaint";
    let long = serde_json::json!({ "text": "ы".repeat(501) }).to_string();
    let (code, answer) = send(&house, "boss", Method::POST, path, &long).await;
    assert_eq!(code, StatusCode::BAD_REQUEST, "{answer}");
    let most = serde_json::json!({ "text": "ы".repeat(500) }).to_string();
    let (code, marked) = send(&house, "boss", Method::POST, path, &most).await;
    assert_eq!((code, &marked["call"], &marked["by"]), (StatusCode::OK, &7.into(), &"boss".into()));
    for (who, text) in [("boss", json!("ы".repeat(500))), ("wall", Value::Null)] {
        let (_, one) = send(&house, who, Method::GET, "/api/v1/contacts/7", "").await;
        let told = json!({"at": marked["at"], "by": "boss", "text": text});
        assert_eq!((&one["id"], &one["complaint"]), (&7.into(), &told), "{who}");
        let (_, all) = send(&house, who, Method::GET, "/api/v1/contacts", "").await;
        let all = all["contacts"].as_array().unwrap();
        let complained: Vec<&Value> = all.iter().filter(|c| !c["complaint"].is_null()).collect();
        assert_eq!(complained, [&one], "{who}");
    }
    let (code, again) = send(&house, "boss", Method::POST, path, "").await;
    assert_eq!(code, StatusCode::CONFLICT, "{again}");
    assert!(again["detail"].as_str().unwrap().contains("`boss` has marked it already"), "{again}");
}

#[tokio::test]
async fn of_two_complaints_at_once_one_is_marked_and_the_other_hears_of_it() {
    let house = house(everybody(), |_| {});
    for call in 1..=10 {
        let path = format!("/api/v1/contacts/{call}/complaint");
        let ((one, told), (other, told_other)) = tokio::join!(
            send(&house, "boss", Method::POST, &path, ""),
            send(&house, "admin", Method::POST, &path, ""),
        );
        let (marked, refused) =
            if one == StatusCode::OK { (told, told_other) } else { (told_other, told) };
        assert_eq!(one.as_u16() + other.as_u16(), 200 + 409, "{marked} {refused}");
        let by = format!("`{}` has marked it already", marked["by"].as_str().unwrap());
        assert!(refused["detail"].as_str().unwrap().contains(&by), "{marked} {refused}");
    }
}

#[tokio::test]
async fn a_complaint_that_finds_no_room_on_the_way_to_the_disk_is_refused() {
    let house = house(everybody(), |_| {});
    let path = "/api/v1/contacts/7/complaint";
    let locked = house.lock_database();
    let change = AgentMove {
        agent: "anna".into(),
        team: None,
        at: Timestamp::from_secs(160),
        paid: Some(true),
        status: "ready",
        activity: "idle",
        cause: "agent",
        asked_by: None,
        reason: None,
    };
    // The writer has taken a batch of them before it finds the door locked.
    for _ in 0..MOVES_PENDING_MAX + BATCH_MAX + 1 {
        house.store.as_ref().unwrap().sender().try_send(Record::Agent(change.clone()));
    }
    let (code, answer) = send(&house, "boss", Method::POST, path, "").await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("not kept"), "{answer}");
    drop(locked);
    assert!(house.store.as_ref().unwrap().flush(Duration::from_secs(60)));
    let (code, answer) = send(&house, "boss", Method::POST, path, "").await;
    assert_eq!(code, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn a_draining_house_is_alive_but_not_ready() {
    let house = house(everybody(), |picture| picture.draining = true);
    assert_eq!(send(&house, "", Method::GET, "/healthz", "").await.0, StatusCode::OK);
    let (code, text) = send(&house, "", Method::GET, "/readyz", "").await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.as_str().unwrap().contains("draining"));
}

#[tokio::test]
async fn metrics_are_the_picture_of_this_moment() {
    let house = house(everybody(), |_| {});
    let (_, text) = send(&house, "wall", Method::GET, "/metrics", "").await;
    assert_eq!(value(text.as_str().unwrap(), "dozvon_queue_waiting{queue=\"cards\"}"), 2.0);
}

#[tokio::test]
async fn a_brain_that_is_gone_or_stuck_is_503_and_alive_stays_alive() {
    let mut house = house(everybody(), |_| {});
    let (handle, queries) = door();
    drop(queries);
    Arc::get_mut(&mut house.app).unwrap().brain = handle;
    assert_eq!(send(&house, "wall", Method::GET, "/api/v1/agents", "").await.0.as_u16(), 503);
    assert_eq!(send(&house, "", Method::GET, "/readyz", "").await.0.as_u16(), 503);
    assert_eq!(send(&house, "", Method::GET, "/healthz", "").await.0.as_u16(), 200);
    tokio::time::pause();
    let (handle, _stuck) = door();
    Arc::get_mut(&mut house.app).unwrap().brain = handle;
    assert_eq!(send(&house, "wall", Method::GET, "/api/v1/agents", "").await.0.as_u16(), 503);
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline() {
    let house = house(everybody(), |_| {});
    let mut all = String::new();
    for path in ["/", "/page.js", "/live.js", "/live.css", "/rollouts", "/rollouts.js"] {
        let (_, text) = send(&house, "", Method::GET, path, "").await;
        all.push_str(text.as_str().unwrap());
    }
    assert!(!all.contains("https://") && !all.contains("http://"), "no other host");
    assert!(!all.contains("onclick=") && !all.contains("style=\"") && !all.contains("innerHTML"));
    for status in Status::ALL {
        assert_eq!(
            all.matches(&format!(" {}: '", status.as_str())).count(),
            3,
            "{status} in ru, kk, en"
        );
    }
}

fn started(call: u64) -> Arc<Fact> {
    let what =
        What::CallStarted { flow: "bank".into(), dialled: "100".into(), caller: NUMBER.into() };
    Arc::new(Fact { at: Timestamp::from_secs(call), call: Some(CallId(call)), what })
}

/// A screen over a real socket, as a browser opens it.
async fn screen(
    address: std::net::SocketAddr,
    who: &str,
) -> tokio_tungstenite::WebSocketStream<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = axum::http::Request::builder()
        .uri(format!("ws://{address}/api/v1/events"))
        .header("host", address.to_string())
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header(
            "sec-websocket-protocol",
            format!("{}, {PROTOCOL_PREFIX}{who}-token", live::PROTOCOL),
        )
        .body(())
        .unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

async fn next_event(
    screen: &mut tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>,
) -> Value {
    loop {
        let message = screen.next().await.unwrap().unwrap();
        if message.is_text() {
            return serde_json::from_str(message.to_text().unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn live_screens_see_facts_with_the_numbers_their_role_allows_until_the_stop() {
    let house = house(everybody(), |_| {});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router(house.app.clone()).into_make_service_with_connect_info::<Peer>();
    let listener = BoundedListener::new(listener, CONNECTIONS_MAX, IDLE_MAX);
    let mut stopping = house.stop.subscribe();
    let server = tokio::spawn(
        axum::serve(listener, service)
            .with_graceful_shutdown(async move {
                let _ = stopping.wait_for(|stop| *stop).await;
            })
            .into_future(),
    );
    let mut wall = screen(address, "wall").await;
    let mut boss = screen(address, "boss").await;
    house.app.live.tell(started(5));
    let (masked, plain) = (next_event(&mut wall).await, next_event(&mut boss).await);
    assert_eq!(masked["fact"], "call_started");
    assert_eq!(masked["caller"], "+7701***0001");
    assert_eq!(plain["caller"], NUMBER);
    for call in 0..10_000 {
        house.app.live.tell(started(call));
    }
    let lagged = next_event(&mut boss).await;
    assert!(lagged["lagged"].as_u64().unwrap() > 1_000, "{lagged}");
    assert_eq!(next_event(&mut boss).await["fact"], "call_started", "and it goes on");
    wall.send(tokio_tungstenite::tungstenite::Message::Close(None)).await.unwrap();
    house.stop.send(true).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_row_says_how_the_wrap_up_ends_and_which_codes_there_are() {
    let house = house(everybody(), one_talks_one_wraps_up);
    let (_, row) = send(&house, "wall", Method::GET, "/api/v1/agents/boris/status", "").await;
    let work = &row["wrap_up"];
    assert_eq!((&work["call"], &work["mode"]), (&json!(77), &json!("until_code_max")));
    assert_eq!(work["ends_in_secs"], 12.0);
    assert_eq!((&work["classifier"], &work["classifier_version"]), (&json!("bank"), &json!("3")));
    let (code, bank) = send(&house, "wall", Method::GET, "/api/v1/classifiers/bank", "").await;
    assert_eq!((code, &bank["version"]), (StatusCode::OK, &json!("3")));
    let lost = json!({"code": "lost", "names": {"ru": "Утеря", "kk": "Жоғалту", "en": "Lost"}, "leaf": true,
        "note_required": false, "dial": "11"});
    assert_eq!(bank["codes"], json!([lost]));
    let (code, _) = send(&house, "wall", Method::GET, "/api/v1/classifiers/bnak", "").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_code_goes_to_the_own_talk_and_for_others_to_the_one_that_lasts() {
    let house = house(everybody(), one_talks_one_wraps_up);
    let path = "/api/v1/calls/77/code";
    let body = r#"{"code":"lost","note":"second card too"}"#;
    let (code, row) = send(&house, "anna", Method::POST, path, body).await;
    assert_eq!((code, &row["name"]), (StatusCode::OK, &json!("anna")));
    let (code, row) = send(&house, "boss", Method::POST, path, body).await;
    assert_eq!((code, &row["name"]), (StatusCode::OK, &json!("anna")), "the talk that lasts");
    let of_boris = "/api/v1/agents/boris/code";
    let (code, row) = send(&house, "boss", Method::POST, of_boris, body).await;
    assert_eq!((code, &row["name"]), (StatusCode::OK, &json!("boris")));
    for (who, path, wanted) in [
        ("wall", path, StatusCode::FORBIDDEN),
        ("anna", of_boris, StatusCode::FORBIDDEN),
        ("anna", "/api/v1/calls/78/code", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(send(&house, who, Method::POST, path, body).await.0, wanted, "{who} {path}");
    }
    let (code, problem) = send(&house, "anna", Method::POST, path, r#"{"code":"lsot"}"#).await;
    assert_eq!(code, StatusCode::BAD_REQUEST);
    assert_eq!(problem["detail"], "the classifier has no such code");
    let commands = house.commands.lock().unwrap();
    let DeskCommand::WrapUp(WrapUpCommand::Code(coding)) = &commands[0] else {
        panic!("a code was given")
    };
    assert_eq!((coding.call, coding.note.as_deref()), (Some(CallId(77)), Some("second card too")));
}

#[tokio::test]
async fn the_end_of_a_wrap_up_is_put_off_and_asked_for() {
    let house = house(everybody(), one_talks_one_wraps_up);
    let path = "/api/v1/agents/boris/extend-wrap-up";
    for (who, body, wanted) in [
        ("boss", r#"{"secs":30}"#, StatusCode::OK),
        ("boss", r#"{"secs":0}"#, StatusCode::BAD_REQUEST),
        ("boss", r#"{"secs":90}"#, StatusCode::CONFLICT),
        ("anna", r#"{"secs":30}"#, StatusCode::FORBIDDEN),
    ] {
        assert_eq!(send(&house, who, Method::POST, path, body).await.0, wanted, "{who} {body}");
    }
    let path = "/api/v1/agents/anna/end-wrap-up";
    for who in ["anna", "boss"] {
        assert_eq!(send(&house, who, Method::POST, path, "").await.0, StatusCode::OK);
    }
    let commands = house.commands.lock().unwrap();
    let ends: Vec<_> = commands
        .iter()
        .filter_map(|command| {
            let DeskCommand::WrapUp(WrapUpCommand::End { by }) = command else { return None };
            Some(*by)
        })
        .collect();
    assert_eq!(ends, [Actor::Agent, Actor::Supervisor]);
}

#[tokio::test]
async fn who_calls_is_shown_to_his_agent_and_to_those_above_him() {
    let house = house(everybody(), |picture| picture.agents[0].call = Some(CallId(77)));
    for path in ["/api/v1/calls/77", "/api/v1/calls"] {
        for (who, in_full) in [("wall", false), ("anna", true), ("boss", true), ("admin", true)] {
            let (_, answer) = send(&house, who, Method::GET, path, "").await;
            let card = if answer.is_array() { &answer[0]["card"] } else { &answer["card"] };
            let customer = &card["customer"];
            let state = json!(["known", "kk", "senior", "passed"]);
            let words = ["state", "language", "segment", "identification"].map(|w| &customer[w]);
            assert_eq!(json!(words), state, "{who}");
            assert_eq!((&card["chosen"], &card["waited_secs"]), (&json!(["limits"]), &json!(12.5)));
            assert_eq!(answer.to_string().contains("Aigul"), in_full, "{who} {path}");
            assert_eq!(answer.to_string().contains("gold"), in_full, "{who} {path}");
        }
    }
    let elsewhere = house_of_another_call();
    let (_, answer) = send(&elsewhere, "anna", Method::GET, "/api/v1/calls/77", "").await;
    assert!(!answer.to_string().contains("Aigul"), "not the customers of colleagues: {answer}");
}

fn house_of_another_call() -> House {
    house(everybody(), |picture| {
        picture.agents[0].call = None;
        picture.agents[1].call = Some(CallId(77));
    })
}
