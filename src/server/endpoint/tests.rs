//! Endpoints against real HTTP servers: good, slow, dead, broken, garbled, huge and redirecting ones.

use super::*;
use crate::server::config::{EndpointRequest, Secret};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use dozvon_center::ids::CallId;
use prometheus::Registry;
use serde_json::{Map, json};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Mutex as Shelf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server got: method and path, the headers, the body.
type Got = (String, HeaderMap, String);

#[derive(Clone, Default)]
struct Bank {
    got: Arc<Shelf<Vec<Got>>>,
    /// How it answers: what `/answer` says, the last one for ever.
    script: Arc<Shelf<Vec<u16>>>,
    asked: Arc<Notify>,
    let_go: Arc<Notify>,
}

async fn answer(
    State(bank): State<Bank>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    bank.got.lock().unwrap().push((format!("{method} {uri}"), headers, body));
    bank.asked.notify_one();
    match uri.path() {
        "/api/hang" => pending().await,
        "/api/wait" => {
            bank.let_go.notified().await;
            "{}".into_response()
        }
        "/api/huge" => "x".repeat(70_000).into_response(),
        "/api/garbage" => "<html>".into_response(),
        "/api/moved" => (StatusCode::FOUND, [(header::LOCATION, "/api/ok")], "{}").into_response(),
        "/api/script" => {
            let mut script = bank.script.lock().unwrap();
            let status = if script.len() > 1 { script.remove(0) } else { script[0] };
            StatusCode::from_u16(status).unwrap().into_response()
        }
        _ => r#"{"customer": {"id": "C-1"}}"#.into_response(),
    }
}

async fn bank() -> (SocketAddr, Bank) {
    let bank = Bank::default();
    let app = Router::new().fallback(answer).with_state(bank.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, bank)
}

/// An endpoint with all these paths, without any secret.
pub(crate) fn example(address: SocketAddr) -> Endpoint {
    let paths = ["hang", "wait", "huge", "garbage", "moved", "script", "ok"];
    let request = |name: &str, path: &str, has_body| {
        let path = PathTemplate::parse(path).unwrap();
        (name.to_owned(), EndpointRequest { path, has_body })
    };
    let mut requests: BTreeMap<_, _> =
        paths.iter().map(|name| request(name, &format!("/{name}"), false)).collect();
    requests.extend([
        request("by-phone", "/customers?phone={caller}", false),
        request("check", "/check/{account}", true),
    ]);
    Endpoint {
        name: "crm".into(),
        base: format!("http://{address}/api"),
        credentials: None,
        ca_file: None,
        timeout: PATIENCE,
        in_flight_max: 2,
        answer_bytes_max: 65_536,
        breaker: BreakerRules { failures_max: 3, open_for: Duration::from_secs(3_600) },
        requests,
    }
}

struct Asking {
    asker: Asker,
    replies: mpsc::Receiver<Replied>,
    registry: Registry,
    number: u32,
}

fn asking(endpoint: Endpoint) -> Asking {
    let registry = Registry::new();
    let figures = Figures::register(&registry, std::slice::from_ref(&endpoint)).unwrap();
    let (asker, replies, thread) = start(vec![endpoint], &figures, Clock::start()).unwrap();
    assert!(thread.is_some());
    Asking { asker, replies, registry, number: 0 }
}

impl Asking {
    fn send(&mut self, request: &str, within: Duration) -> LookupId {
        self.number += 1;
        let id = LookupId { call: CallId(7), number: self.number };
        let lookup = Lookup {
            id,
            endpoint: "crm".into(),
            request: request.into(),
            within,
            in_path: [("caller", "+7701"), ("account", "4/5")]
                .map(|(name, value)| (Arc::from(name), Arc::from(value)))
                .into(),
            body: Map::from_iter([("pin".to_owned(), json!("4321"))]),
        };
        assert!(self.asker.ask(Box::new(lookup)).is_none(), "there is room");
        id
    }

    async fn reply(&mut self) -> Replied {
        tokio::time::timeout(PATIENCE, self.replies.recv()).await.unwrap().unwrap()
    }

    async fn ask(&mut self, request: &str) -> Reply {
        let id = self.send(request, PATIENCE);
        let (replied, reply) = self.reply().await;
        assert_eq!(replied, id);
        reply
    }

    fn figure(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }
}

fn status(reply: &Reply) -> Option<u16> {
    if let Reply::Answered { status, .. } = reply { Some(*status) } else { None }
}

#[tokio::test]
async fn a_request_goes_out_as_configured_and_its_answer_comes_back() {
    let (address, bank) = bank().await;
    let basic = Credentials::Basic("dozvon".into(), Secret("s3cret:é".into()));
    for (credentials, wanted) in [
        (Credentials::Bearer(Secret("token-1".into())), "Bearer token-1"),
        (basic, "Basic ZG96dm9uOnMzY3JldDrDqQ=="),
    ] {
        let mut asking = asking(Endpoint { credentials: Some(credentials), ..example(address) });
        let reply = asking.ask("by-phone").await;
        let body = br#"{"customer": {"id": "C-1"}}"#.to_vec();
        assert_eq!(reply, Reply::Answered { status: 200, body });
        let (line, headers, body) = bank.got.lock().unwrap().pop().unwrap();
        assert_eq!((&*line, &*body), ("GET /api/customers?phone=%2B7701", ""));
        assert_eq!(headers["authorization"], wanted);
        assert_eq!(headers["x-request-id"], "lookup-7-1");
        asking.ask("check").await;
        let (line, headers, body) = bank.got.lock().unwrap().pop().unwrap();
        assert_eq!((&*line, &*body), ("POST /api/check/4%2F5", r#"{"pin":"4321"}"#));
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn slow_huge_garbled_and_redirecting_endpoints_are_told_apart() {
    let (address, bank) = bank().await;
    let mut asking = asking(example(address));
    let late = asking.send("hang", Duration::from_millis(50));
    assert_eq!(asking.reply().await, (late, Reply::TimedOut));
    assert_eq!(asking.ask("huge").await, Reply::Failed(Flaw::TooLong));
    assert_eq!(status(&asking.ask("garbage").await), Some(200), "the center reads it");
    assert_eq!(status(&asking.ask("moved").await), Some(302));
    let got = bank.got.lock().unwrap();
    assert!(!got.iter().any(|(line, ..)| line.contains("/ok")), "no redirect is followed");
}

#[tokio::test]
async fn a_dead_endpoint_is_left_alone_after_three_failures() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut asking = asking(example(address));
    for _ in 0..3 {
        assert_eq!(asking.ask("ok").await, Reply::Failed(Flaw::Unreachable));
    }
    assert_eq!(asking.ask("ok").await, Reply::Failed(Flaw::Open));
    assert_eq!(asking.figure("dozvon_endpoint_breaker_state"), 2.0);
    assert_eq!(asking.figure("dozvon_endpoint_in_flight"), 0.0);
}

#[tokio::test]
async fn an_endpoint_that_is_back_is_asked_again_and_its_own_errors_open_the_breaker() {
    let (address, bank) = bank().await;
    *bank.script.lock().unwrap() = vec![404, 500, 503, 429, 200];
    let rules = BreakerRules { failures_max: 3, open_for: Duration::ZERO };
    let mut asking = asking(Endpoint { breaker: rules, ..example(address) });
    for wanted in [404, 500, 503, 429] {
        assert_eq!(status(&asking.ask("script").await), Some(wanted));
    }
    assert_eq!(asking.figure("dozvon_endpoint_breaker_state"), 2.0, "500, 503, 429 in a row");
    assert_eq!(status(&asking.ask("script").await), Some(200), "the probe");
    assert_eq!(asking.figure("dozvon_endpoint_breaker_state"), 0.0);
}

#[tokio::test]
async fn beyond_the_bound_of_requests_under_way_nobody_waits_in_a_line() {
    let (address, bank) = bank().await;
    let mut asking = asking(example(address));
    for _ in 0..2 {
        asking.send("wait", PATIENCE);
        tokio::time::timeout(PATIENCE, bank.asked.notified()).await.unwrap();
    }
    assert_eq!(asking.figure("dozvon_endpoint_in_flight"), 2.0);
    assert_eq!(asking.ask("ok").await, Reply::Failed(Flaw::Busy));
    bank.let_go.notify_one();
    assert_eq!(status(&asking.reply().await.1), Some(200));
    assert_eq!(status(&asking.ask("ok").await), Some(200), "there is room again");
}

#[tokio::test]
async fn what_is_not_configured_and_what_has_no_value_is_not_asked() {
    let (address, bank) = bank().await;
    let mut asking = asking(example(address));
    assert_eq!(asking.ask("nothing").await, Reply::Failed(Flaw::Unknown));
    let hidden = Lookup {
        id: LookupId { call: CallId(8), number: 1 },
        endpoint: "crm".into(),
        request: "by-phone".into(),
        within: PATIENCE,
        in_path: [(Arc::from("caller"), Arc::from(""))].into(),
        body: Map::new(),
    };
    let elsewhere = Lookup { endpoint: "scoring".into(), ..hidden.clone() };
    assert!(asking.asker.ask(Box::new(hidden)).is_none());
    assert_eq!(asking.reply().await.1, Reply::NothingToAsk);
    assert!(asking.asker.ask(Box::new(elsewhere.clone())).is_none());
    assert_eq!(asking.reply().await.1, Reply::Failed(Flaw::Unknown));
    assert!(bank.got.lock().unwrap().is_empty());
    let figures = Figures::register(&Registry::new(), &[]).unwrap();
    let (asker, _replies, thread) = start(Vec::new(), &figures, Clock::start()).unwrap();
    let reply = asker.ask(Box::new(elsewhere)).map(|(_, reply)| reply);
    assert_eq!((reply, thread.is_none()), (Some(Reply::Failed(Flaw::Unknown)), true));
}
