//! «Оператор» by voice over real WebSockets: a recogniser of our own that speaks vosk-server's protocol, or Media
//! Streams, and is given real callers' sound.

use crate::house::{Contact, Furnishing, House, eventually, tone_manner};
use crate::phone::{Call, Source};
use crate::tls::{CERTIFICATE, acceptor};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

const SECOND: Duration = Duration::from_secs(1);
/// What the callers hum.
const HUM_HZ: f64 = 700.0;

const FLOW: &str = r#"
flow: bank-main
languages: [ru]
start: main
operator: {keys: ["0"], to: q-general, words: {ru: [оператор]}}
vars: {pin: {type: digits, secret: true}}
nodes:
  main:
    menu:
      play: [hello]
      timeout: 30s
      attempts: 1
      options: {"3": {say: opt-cards, to: pin}}
      silence: bye
      wrong: bye
  pin: {digits: {play: enter-code, into: pin, length: 4, timeout: 30s, between: 3s, next: bye, failed: bye}}
  q-general:
    queue: {name: general, max_wait: 600s,
      after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"#;

/// What a recogniser does in all its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Understands a second of humming as «оператор».
    Understands,
    /// Breaks its connections after a second of sound.
    Crashes,
    /// Refuses the WebSocket.
    Refuses,
    /// Takes the connection and says nothing.
    HangsAtConnect,
    /// Says what nobody can read.
    Babbles,
}

/// What a recogniser has been given.
#[derive(Default)]
struct Given {
    /// Messages in text.
    told: Vec<Value>,
    /// All sound, linear.
    sound: Vec<i16>,
    /// Longest message with sound, in bytes.
    message_max: usize,
    authorization: Option<String>,
}

/// A recogniser that listens.
struct Recogniser {
    port: u16,
    given: Arc<Mutex<Given>>,
    /// It speaks TLS, as `localhost`.
    encrypted: bool,
}

impl Recogniser {
    async fn open(habit: Habit) -> Recogniser {
        Recogniser::listening(habit, None).await
    }

    /// One that is reached over wss://.
    async fn encrypted(habit: Habit) -> Recogniser {
        Recogniser::listening(habit, Some(acceptor())).await
    }

    async fn listening(habit: Habit, tls: Option<TlsAcceptor>) -> Recogniser {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let recogniser = Recogniser { port, given: Arc::default(), encrypted: tls.is_some() };
        let given = recogniser.given.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, given) = (tls.clone(), given.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, habit, given).await,
                        Some(tls) => {
                            // Who does not trust the certificate goes away.
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve(stream, habit, given).await;
                        }
                    }
                });
            }
        });
        recogniser
    }

    /// A house that knows the recogniser.
    async fn house(&self, protocol: &str) -> House {
        self.house_with(protocol, "").await
    }

    /// The same with more lines about it.
    async fn house_with(&self, protocol: &str, more: &str) -> House {
        let place = if self.encrypted { "wss://localhost" } else { "ws://127.0.0.1" };
        let known = format!(
            "[[recogniser]]\nname = \"words\"\nstream = \"{place}:{}/\"\nprotocol = \"{protocol}\"\n\
             languages = [\"ru\"]\ntoken_file = \"words-token\"\n{more}\n",
            self.port
        );
        House::furnished(Furnishing {
            files: vec![
                ("recognisers.toml", known),
                ("words-token", "a-token-of-the-test\n".to_owned()),
                ("rollouts/cards.toml", String::new()),
            ],
            flow: Some(FLOW.to_owned()),
            ..Furnishing::default()
        })
        .await
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    habit: Habit,
    given: Arc<Mutex<Given>>,
) {
    match habit {
        Habit::HangsAtConnect => std::future::pending::<()>().await,
        Habit::Refuses => {
            use tokio::io::AsyncWriteExt as _;
            let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
            return;
        }
        Habit::Understands | Habit::Crashes | Habit::Babbles => {}
    }
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
    let shown = given.clone();
    #[allow(clippy::result_large_err, reason = "the library's own answer")]
    let note = move |request: &Request, response: Response| {
        let value = request.headers().get("authorization");
        let value = value.map(|value| value.to_str().unwrap().to_owned());
        shown.lock().unwrap().authorization = value;
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
    let mut hummed = 0;
    while let Some(Ok(message)) = socket.next().await {
        // vosk-server answers each message with sound, and closes after the last word.
        let (sound, is_vosk) = match &message {
            Message::Binary(bytes) => (linear(bytes), true),
            Message::Text(text) => {
                let told: Value = serde_json::from_str(text).unwrap();
                let sound = told["media"]["payload"].as_str().map(|payload| {
                    let codes = BASE64.decode(payload).unwrap();
                    codes.into_iter().map(expand).collect()
                });
                if sound.is_none() {
                    given.lock().unwrap().told.push(told.clone());
                }
                if told["eof"] == 1 {
                    let _ = socket.send(Message::text("{\"text\" : \"\"}")).await;
                }
                if told["eof"] == 1 || told["event"] == "stop" {
                    let _ = socket.close(None).await;
                    return;
                }
                match sound {
                    Some(sound) => (sound, false),
                    None => continue,
                }
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
        };
        hummed += if tone_share(&sound) > 0.8 { sound.len() } else { 0 };
        {
            let mut given = given.lock().unwrap();
            given.message_max = given.message_max.max(message.len());
            given.sound.extend(&sound);
        }
        let understood = hummed > 8_000;
        let answer = match (habit, is_vosk) {
            (Habit::Crashes, _) if given.lock().unwrap().sound.len() > 8_000 => return,
            (Habit::Babbles, _) => "оператор, но не JSON".to_owned(),
            (_, true) if understood => "{\"partial\" : \"дайте оператор\"}".to_owned(),
            (_, true) => "{\"partial\" : \"\"}".to_owned(),
            (_, false) if understood => json!({"event": "word", "word": "оператор"}).to_string(),
            (_, false) => continue,
        };
        if socket.send(Message::text(answer)).await.is_err() {
            return;
        }
    }
}

fn linear(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
}

/// µ-law to linear (ITU-T G.711), written for this test.
fn expand(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i32::from(code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
    let sample = magnitude - 0x84;
    i16::try_from(if code & 0x80 == 0 { sample } else { -sample }).unwrap()
}

/// How much of the sound's energy is the callers' hum (Goertzel); nothing where there is hardly any sound.
fn tone_share(sound: &[i16]) -> f64 {
    let turn = std::f64::consts::TAU * HUM_HZ / 8_000.0;
    let (mut before, mut last, mut energy) = (0.0, 0.0, 0.0);
    for sample in sound.iter().map(|sample| f64::from(*sample)) {
        (before, last) = (last, sample + 2.0 * turn.cos() * last - before);
        energy += sample * sample;
    }
    let many = sound.len() as f64;
    if many == 0.0 || energy / many < 100.0_f64.powi(2) {
        return 0.0;
    }
    let power = last * last + before * before - 2.0 * turn.cos() * last * before;
    2.0 * power / (many * energy)
}

/// A caller in the flow who hums.
async fn humming(house: &House, number: &str) -> Call {
    house.call(number, Source::Tone(HUM_HZ)).await.unwrap()
}

async fn ended(house: &House) -> Contact {
    eventually("the contact has ended", async || house.contacts().into_iter().find(|c| c.ended))
        .await
}

/// A figure of the only recogniser, and of the only flow.
async fn assert_figures(house: &House, lines: &[&str]) {
    for line in lines {
        eventually(line, async || house.get("/metrics").await.1.contains(line).then_some(())).await;
    }
}

#[tokio::test]
async fn who_says_operator_talks_to_an_agent_and_the_recogniser_had_his_voice_alone() {
    let recogniser = Recogniser::open(Habit::Understands).await;
    let house = recogniser.house("vosk").await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = humming(&house, "+77015550170").await;
    assert!(call.stay(6 * SECOND).await);
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "he hears anna without a key");
    assert!(anna.talked().await.unwrap().heard.tone_secs(700) > 1.0);
    let contact = ended(&house).await;
    assert!(contact.operator_requested, "{contact:?}");
    let kinds: Vec<&str> = contact.segments.iter().map(|s| &*s.kind).collect();
    assert_eq!(kinds, ["ivr", "queue", "talk"]);
    assert_figures(
        &house,
        &[
            "dozvon_operator_requests_total{flow=\"bank-main\",how=\"speech\"} 1",
            "dozvon_recogniser_forks{recogniser=\"words\"} 0",
            "dozvon_recogniser_forks_ended_total{recogniser=\"words\",result=\"ok\"} 1",
            "dozvon_recogniser_breaker_state{recogniser=\"words\"} 0",
        ],
    )
    .await;
    {
        let given = recogniser.given.lock().unwrap();
        assert_eq!(given.authorization.as_deref(), Some("Bearer a-token-of-the-test"));
        assert_eq!(given.told[0], json!({"config": {"sample_rate": 8000}}));
        assert_eq!(given.told[1], json!({"eof": 1}), "it is told when nobody speaks any more");
        let secs = given.sound.len() as f64 / 8_000.0;
        assert!((1.0..3.0).contains(&secs), "the flow's part of the call and no more: {secs} s");
        assert_eq!(given.message_max, 1_600, "a tenth of a second");
        let last = &given.sound[given.sound.len() - 8_000..];
        assert!(tone_share(last) > 0.9, "his hum and nothing of the prompt: {}", tone_share(last));
    }
    house.stop().await;
    let log = house.log();
    assert!(!log.contains("оператор") && !log.contains("a-token-of-the-test"), "{log}");
    let facts = std::fs::read_to_string(house.folder().join("events.jsonl")).unwrap_or_default();
    assert!(facts.contains("\"how\":\"speech\"") && !facts.contains("дайте"), "{facts}");
}

#[tokio::test]
async fn a_recogniser_over_tls_is_heard_by_the_certificate_that_is_named_and_by_no_other() {
    let recogniser = Recogniser::encrypted(Habit::Understands).await;
    let house = recogniser.house_with("vosk", &format!("ca_file = \"{CERTIFICATE}\"")).await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = humming(&house, "+77015550174").await;
    assert!(call.stay(6 * SECOND).await);
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "he hears anna without a key");
    assert!(anna.talked().await.is_some());
    let bearer = recogniser.given.lock().unwrap().authorization.take();
    assert_eq!(bearer.as_deref(), Some("Bearer a-token-of-the-test"));
    house.stop().await;

    // Nobody that browsers know has signed it: not a word goes there, and the key is left.
    recogniser.given.lock().unwrap().sound.clear();
    let house = recogniser.house("vosk").await;
    let mut call = humming(&house, "+77015550175").await;
    assert!(call.stay(3 * SECOND).await);
    let ended =
        "dozvon_recogniser_forks_ended_total{recogniser=\"words\",result=\"unreachable\"} 1";
    assert_figures(&house, &[ended]).await;
    call.press(&['0']);
    assert!(call.stay(SECOND).await);
    call.hang_up().await;
    assert_figures(&house, &["dozvon_operator_requests_total{flow=\"bank-main\",how=\"dtmf\"} 1"])
        .await;
    let given = recogniser.given.lock().unwrap();
    assert!(given.sound.is_empty() && given.authorization.is_none(), "no sound and no token");
}

#[tokio::test]
async fn a_recogniser_that_breaks_in_the_middle_leaves_the_key() {
    let recogniser = Recogniser::open(Habit::Crashes).await;
    let house = recogniser.house("vosk").await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = humming(&house, "+77015550171").await;
    assert!(call.stay(2 * SECOND).await);
    assert_figures(
        &house,
        &["dozvon_recogniser_forks_ended_total{recogniser=\"words\",result=\"broken\"} 1"],
    )
    .await;
    call.press(&['0']);
    assert!(call.stay(3 * SECOND).await);
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna has him");
    assert!(anna.talked().await.is_some());
    assert_figures(&house, &["dozvon_operator_requests_total{flow=\"bank-main\",how=\"dtmf\"} 1"])
        .await;
}

#[tokio::test]
async fn a_recogniser_that_does_not_work_is_nothing_that_a_caller_notices() {
    for (habit, figure) in [
        (Habit::Refuses, "forks_ended_total{recogniser=\"words\",result=\"refused\"} 1"),
        (Habit::HangsAtConnect, "forks_ended_total{recogniser=\"words\",result=\"no_answer\"} 1"),
        (Habit::Babbles, "forks{recogniser=\"words\"} 1"),
    ] {
        let recogniser = Recogniser::open(habit).await;
        let house = recogniser.house("vosk").await;
        let mut call = humming(&house, "+77015550172").await;
        assert!(call.stay(4 * SECOND).await);
        assert_figures(&house, &[&format!("dozvon_recogniser_{figure}")]).await;
        let greeting = call.heard();
        assert!(greeting.sound_secs() > 1.0 && greeting.lost == 0, "{habit:?}: {greeting:?}");
        call.press(&['0']);
        assert!(call.stay(SECOND).await);
        call.hang_up().await;
        let contact = ended(&house).await;
        assert!(contact.operator_requested, "{habit:?}: {contact:?}");
        if habit == Habit::Babbles {
            let metrics = house.get("/metrics").await.1;
            let unreadable = "dozvon_recogniser_unreadable_total{recogniser=\"words\"} ";
            let unreadable = metrics.lines().find_map(|line| line.strip_prefix(unreadable));
            assert!(unreadable.unwrap().parse::<u32>().unwrap() > 10, "{unreadable:?}");
        }
        house.stop().await;
    }
}

#[tokio::test]
async fn after_five_failures_it_is_left_alone_and_told_once() {
    let recogniser = Recogniser::open(Habit::Refuses).await;
    let house = recogniser.house("vosk").await;
    let ended = "dozvon_recogniser_forks_ended_total{recogniser=\"words\",result=";
    for n in 1..=6 {
        let call = humming(&house, &format!("+7701555018{n}")).await;
        let one = if n <= 5 { format!("\"refused\"}} {n}") } else { "\"resting\"} 1".to_owned() };
        assert_figures(&house, &[&format!("{ended}{one}")]).await;
        call.hang_up().await;
    }
    assert_figures(&house, &["dozvon_recogniser_breaker_state{recogniser=\"words\"} 2"]).await;
    house.stop().await;
    assert_eq!(house.log().matches("the recogniser fails").count(), 1, "{}", house.log());
}

#[tokio::test]
async fn words_come_back_over_media_streams_too() {
    let recogniser = Recogniser::open(Habit::Understands).await;
    let house = recogniser.house("twilio").await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = humming(&house, "+77015550173").await;
    assert!(call.stay(6 * SECOND).await);
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "he hears anna without a key");
    assert!(anna.talked().await.is_some());
    let given = recogniser.given.lock().unwrap();
    let events: Vec<&str> = given.told.iter().map(|m| m["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["connected", "start", "stop"]);
    assert_eq!(given.told[1]["start"]["customParameters"], json!({"lang": "ru"}));
    let last = &given.sound[given.sound.len() - 8_000..];
    assert!(tone_share(last) > 0.9, "his hum: {}", tone_share(last));
}
