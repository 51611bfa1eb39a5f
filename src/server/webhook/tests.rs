//! Webhooks against real HTTP servers, their signature checked by the program that docs/webhooks.md shows.

use super::*;
use crate::server::config::Secret;
use crate::server::events::scratch::Scratch;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use dozvon_center::contact::{Ending, Fault};
use dozvon_center::fact::What;
use dozvon_center::ids::CallId;
use serde_json::Value;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const SECRET: &str = "a-secret-of-the-test-0123456789";

/// A webhook with every value set; nothing listens where it points.
pub(crate) fn example() -> Webhook {
    Webhook {
        name: "crm".into(),
        url: Uri::from_static("http://127.0.0.1:9/hook"),
        source: "/dozvon/bank".into(),
        events: vec!["call_*".into()],
        secret: Secret(SECRET.into()),
        full_numbers: false,
        ca_file: None,
        timeout: Duration::from_secs(20),
        retry_min: Duration::from_millis(10),
        retry_max: Duration::from_millis(20),
        max_age: Duration::from_secs(600),
        queue_max: 100,
        dead_letters: PathBuf::new(),
    }
}

/// How the receiver answers one attempt.
#[derive(Clone, Copy)]
enum Answers {
    Status(u16),
    /// 200, and a body that never comes.
    Unfinished,
    Never,
}

/// What the receiver got.
type Got = (HeaderMap, String);

#[derive(Clone)]
struct Receiver {
    script: Arc<Mutex<VecDeque<Answers>>>,
    got: mpsc::UnboundedSender<Got>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> Response {
    let answer = receiver.script.lock().unwrap().pop_front().unwrap_or(Answers::Status(204));
    receiver.got.send((headers, body)).unwrap();
    match answer {
        Answers::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answers::Unfinished => {
            let body = futures_util::stream::pending::<Result<&str, std::convert::Infallible>>();
            Response::new(axum::body::Body::from_stream(body))
        }
        Answers::Never => pending().await,
    }
}

/// A receiver that answers so, then 204 for ever.
async fn receiver(script: &[Answers]) -> (Uri, mpsc::UnboundedReceiver<Got>) {
    let (got, gets) = mpsc::unbounded_channel();
    let script = Arc::new(Mutex::new(script.iter().copied().collect()));
    let app = Router::new().fallback(receive).with_state(Receiver { script, got });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url.parse().unwrap(), gets)
}

async fn next(gets: &mut mpsc::UnboundedReceiver<Got>) -> (HeaderMap, Value, String) {
    let within = Duration::from_secs(60);
    let (headers, body) = tokio::time::timeout(within, gets.recv()).await.unwrap().unwrap();
    let event = serde_json::from_str(&body).unwrap();
    (headers, event, body)
}

struct Hooked {
    live: Live,
    webhooks: Webhooks,
    registry: Registry,
    clock: Clock,
}

fn hook(webhook: Webhook) -> Hooked {
    let (live, registry, clock) = (Live::new(), Registry::new(), Clock::start());
    let figures = Figures::register(&registry, std::slice::from_ref(&webhook)).unwrap();
    let directory = Arc::new(Directory::default());
    let webhooks = Webhooks::start(vec![webhook], &live, &directory, &figures, clock).unwrap();
    Hooked { live, webhooks, registry, clock }
}

impl Hooked {
    fn tell(&self, call: u64, what: What) {
        self.live.tell(Arc::new(Fact { at: self.clock.now(), call: Some(CallId(call)), what }));
    }

    fn call_starts(&self, call: u64) {
        let caller = "+77011230001".into();
        let (flow, dialled) = ("bank".into(), "100".into());
        self.tell(call, What::CallStarted { flow, dialled, caller });
    }

    /// Ends the webhook; what it counted under these words.
    async fn close<const N: usize>(self, results: [&str; N]) -> [u64; N] {
        let Hooked { webhooks, registry, .. } = self;
        tokio::task::spawn_blocking(move || webhooks.close()).await.unwrap();
        let families = registry.gather();
        let family =
            families.iter().find(|f| f.name() == "dozvon_webhook_deliveries_total").unwrap();
        results.map(|result| {
            let mut metrics = family.get_metric().iter();
            let metric = metrics.find(|m| m.get_label().iter().any(|l| l.value() == result));
            metric.unwrap().get_counter().get_value() as u64
        })
    }
}

fn dead(file: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether the program of docs/webhooks.md takes the body for ours.
fn verified(secret: &str, header: &str, body: &str, now: u64) -> bool {
    let page = include_str!("../../../docs/webhooks.md");
    let (_, program) = page.split_once("```python\n").unwrap();
    let (program, _) = program.split_once("```").unwrap();
    let program = format!(
        "{program}\nimport sys\nsecret, header, body, now = sys.argv[1:]\n\
         print(verify(secret.encode(), header, body.encode(), now=int(now)))\n"
    );
    let output = Command::new("python3")
        .args(["-c", &program, secret, header, body, &now.to_string()])
        .output()
        .expect("python3 is needed: apt-get install python3, or `make test`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim() == "True"
}

#[tokio::test]
async fn an_event_comes_signed_as_a_cloud_event_with_a_masked_number() {
    let (url, mut gets) = receiver(&[]).await;
    let hooked = hook(Webhook { url, ..example() });
    hooked.tell(7, What::CallAnswered);
    hooked.tell(
        7,
        What::OperatorRequested {
            flow: "bank".into(),
            how: dozvon_center::fact::OperatorRequest::Dtmf,
        },
    );
    hooked.call_starts(8);
    let (_, answered, _) = next(&mut gets).await;
    assert_eq!(answered["type"], "dozvon.call_answered");
    let (headers, event, body) = next(&mut gets).await;
    assert_eq!(event["type"], "dozvon.call_started", "what was not asked for does not come");
    assert_eq!(headers["content-type"], "application/cloudevents+json; charset=utf-8");
    assert_eq!((&event["specversion"], &event["source"]), (&"1.0".into(), &"/dozvon/bank".into()));
    assert_eq!((&event["subject"], &event["data"]["call"]), (&"8".into(), &8.into()));
    assert_eq!(event["data"]["caller"], "+7701***0001");
    assert!(!body.contains("1230001"));
    assert_ne!(event["id"], answered["id"]);
    let header = headers["x-dozvon-signature"].to_str().unwrap();
    let now = hooked.clock.now().as_secs();
    assert!(verified(SECRET, header, &body, now), "{header}");
    assert!(!verified("another secret", header, &body, now));
    assert!(!verified(SECRET, header, &body.replace("call_started", "call_ended"), now));
    assert!(!verified(SECRET, header, &body, now + 3_600), "an old request is not believed");
    assert_eq!(hooked.close(["delivered", "retried"]).await, [2, 0]);
}

#[tokio::test]
async fn numbers_come_in_full_when_that_is_wanted() {
    let (url, mut gets) = receiver(&[]).await;
    let hooked = hook(Webhook { url, full_numbers: true, ..example() });
    hooked.call_starts(1);
    let (_, event, _) = next(&mut gets).await;
    assert_eq!(event["data"]["caller"], "+77011230001");
    hooked.close([]).await;
}

#[tokio::test]
async fn a_receiver_that_fails_or_hangs_is_asked_again_and_nothing_overtakes() {
    let script = [Answers::Status(500), Answers::Never, Answers::Status(503), Answers::Status(200)];
    let (url, mut gets) = receiver(&script).await;
    let hooked = hook(Webhook { url, timeout: Duration::from_millis(1_500), ..example() });
    hooked.call_starts(1);
    let ending = Ending::new(Fault::Caller, "hung_up");
    hooked.tell(1, What::CallEnded { flow: "bank".into(), ending, duration_secs: 1.0 });
    let mut ids = Vec::new();
    for _ in 0..4 {
        let (_, event, _) = next(&mut gets).await;
        assert_eq!(event["type"], "dozvon.call_started");
        ids.push(event["id"].clone());
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "one event, one id: {ids:?}");
    let (_, event, _) = next(&mut gets).await;
    assert_eq!(event["type"], "dozvon.call_ended");
    assert_eq!(hooked.close(["delivered", "retried"]).await, [2, 3]);
}

#[tokio::test]
async fn an_answer_whose_body_never_ends_is_an_answer() {
    let (url, mut gets) = receiver(&[Answers::Unfinished]).await;
    let hooked = hook(Webhook { url, timeout: Duration::from_millis(1_500), ..example() });
    hooked.call_starts(1);
    hooked.call_starts(2);
    assert_eq!(next(&mut gets).await.1["subject"], "1");
    assert_eq!(next(&mut gets).await.1["subject"], "2", "the first one is not posted again");
    assert_eq!(hooked.close(["delivered", "retried"]).await, [2, 0]);
}

#[tokio::test]
async fn what_is_refused_does_not_hold_up_the_rest() {
    let folder = Scratch::new();
    let dead_letters = folder.path("dead.jsonl");
    let (url, mut gets) = receiver(&[Answers::Status(422)]).await;
    let hooked = hook(Webhook { url, dead_letters: dead_letters.clone(), ..example() });
    hooked.call_starts(1);
    hooked.call_starts(2);
    assert_eq!(next(&mut gets).await.1["subject"], "1");
    assert_eq!(next(&mut gets).await.1["subject"], "2");
    assert_eq!(hooked.close(["delivered", "refused"]).await, [1, 1]);
    let letters = dead(&dead_letters);
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["why"], &letters[0]["last"]), (&"refused".into(), &"HTTP 422".into()));
    assert_eq!(letters[0]["event"]["subject"], "1");
}

#[tokio::test]
async fn beyond_the_bound_and_at_a_stop_events_become_dead_letters() {
    let folder = Scratch::new();
    let dead_letters = folder.path("dead.jsonl");
    let (url, mut gets) = receiver(&[Answers::Never]).await;
    let webhook = Webhook { url, queue_max: 2, dead_letters: dead_letters.clone(), ..example() };
    let hooked = hook(webhook);
    hooked.call_starts(1);
    next(&mut gets).await;
    for call in 2..=5 {
        hooked.call_starts(call);
    }
    assert_eq!(hooked.close(["shed", "stopped", "delivered"]).await, [3, 2, 0]);
    let letters = dead(&dead_letters);
    let whys: Vec<_> = letters.iter().map(|l| (&l["why"], &l["event"]["subject"])).collect();
    let told = |why: &str| whys.iter().filter(|(found, _)| *found == why).count();
    assert_eq!((told("shed"), told("stopped"), whys.len()), (3, 2, 5), "{whys:?}");
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_certificates_vouch_for_and_nobody_else() {
    let file = |name: &str| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/server/webhook/tls").join(name)
    };
    use rustls::pki_types::pem::PemObject as _;
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(file("cert.pem")).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (got, mut gets) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                got.send(String::from("no trust")).unwrap();
                continue;
            };
            let mut text = String::new();
            while !text.contains("call_started\"}") {
                let mut bytes = [0; 4_096];
                let n = stream.read(&mut bytes).await.unwrap();
                text.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
            }
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            // The client may have closed it first.
            let _ = stream.shutdown().await;
            got.send(text).unwrap();
        }
    });
    let url: Uri = format!("https://localhost:{port}/hook").parse().unwrap();
    let trusting = Webhook { url, ca_file: Some(file("cert.pem")), ..example() };
    let folder = Scratch::new();
    let wary =
        Webhook { ca_file: None, dead_letters: folder.path("dead.jsonl"), ..trusting.clone() };
    let hooked = hook(trusting);
    hooked.call_starts(1);
    let text = gets.recv().await.unwrap();
    assert!(text.starts_with("POST /hook HTTP/1.1\r\n") && text.contains("call_started"), "{text}");
    assert_eq!(hooked.close(["delivered"]).await, [1]);
    let hooked = hook(wary);
    hooked.call_starts(1);
    assert_eq!(gets.recv().await.unwrap(), "no trust");
    assert_eq!(hooked.close(["stopped", "delivered"]).await, [1, 0]);
}
