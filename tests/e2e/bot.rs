//! Voice bots over real WebSockets: a bot of our own that does as each test wants, between real callers and agents.

use crate::house::{Furnishing, House, TALK, eventually, tone_manner};
use crate::phone::{Call, Source};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

const SECOND: Duration = Duration::from_secs(1);
const TOKEN: &str = "a-token-of-the-test";

pub(crate) const FLOW: &str = r#"
flow: bank-main
languages: [ru]
start: main
operator: {keys: ["0"], to: q-general}
nodes:
  main:
    menu:
      timeout: 4s
      attempts: 1
      options: {"3": {say: opt-cards, to: helper}}
      silence: q-general
      wrong: q-general
  helper:
    bot: {use: helper, max_duration: 60s,
      after: {done: bye, transfer: q-general, failed: q-general, too_long: q-general}}
  q-general:
    queue: {name: general, max_wait: 600s,
      after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"#;

/// What a bot does in all its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Sends back what it hears, and does as the keys say: 4 asks for a person, 5 hangs up, 6 says a minute and a mark.
    Echo,
    /// Refuses the WebSocket.
    Refuses,
    /// Takes the connection and says nothing.
    HangsAtConnect,
    /// Speaks the protocol and never says a word.
    Mute,
    /// Echoes for a second and does nothing any more, with its connections open.
    Freezes,
    /// Echoes for a second and breaks its connections.
    Crashes,
    /// Talks and does not read any more after a second.
    ReadsNothing,
}

/// What a bot has been told: each message, with when it came.
type Told = Arc<Mutex<Vec<(Instant, Value)>>>;

/// A bot that listens.
pub(crate) struct Bot {
    port: u16,
    told: Told,
    /// The signature of the last connection.
    signed: Arc<Mutex<Option<String>>>,
}

impl Bot {
    pub(crate) async fn open(habit: Habit) -> Bot {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bot = Bot { port, told: Told::default(), signed: Arc::default() };
        let (told, signed) = (bot.told.clone(), bot.signed.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, habit, told.clone(), signed.clone()));
            }
        });
        bot
    }

    /// A house that knows the bot.
    pub(crate) async fn house(&self) -> House {
        let bots = format!(
            "[[bot]]\nname = \"helper\"\nstream = \"ws://127.0.0.1:{}/ws?x=1\"\ntoken_file = \"bot-token\"\n",
            self.port
        );
        House::furnished(Furnishing {
            files: vec![
                ("bots.toml", bots),
                ("bot-token", format!("{TOKEN}\n")),
                ("rollouts/cards.toml", String::new()),
            ],
            flow: Some(FLOW.to_owned()),
            ..Furnishing::default()
        })
        .await
    }

    /// The first message of this kind, which comes soon.
    async fn hears(&self, event: &str) -> (Instant, Value) {
        let known = async || {
            let told = self.told.lock().unwrap();
            told.iter().find(|(_, message)| message["event"] == event).cloned()
        };
        eventually(event, known).await
    }
}

async fn serve(stream: TcpStream, habit: Habit, told: Told, signed: Arc<Mutex<Option<String>>>) {
    if habit == Habit::HangsAtConnect {
        std::future::pending::<()>().await;
    }
    if habit == Habit::Refuses {
        use tokio::io::AsyncWriteExt as _;
        let mut stream = stream;
        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
        return;
    }
    #[allow(clippy::result_large_err, reason = "the library's own answer")]
    let note = |request: &Request, response: Response| {
        let value = request.headers().get("x-twilio-signature");
        *signed.lock().unwrap() = value.map(|value| value.to_str().unwrap().to_owned());
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
    let began = Instant::now();
    converse(socket, habit, &told, began).await;
}

async fn converse(
    mut socket: WebSocketStream<TcpStream>,
    habit: Habit,
    told: &Told,
    began: Instant,
) {
    let mut stream_sid = String::new();
    while let Some(Ok(message)) = socket.next().await {
        let Ok(text) = message.to_text() else { continue };
        let Ok(message) = serde_json::from_str::<Value>(text) else { continue };
        told.lock().unwrap().push((Instant::now(), message.clone()));
        let late = began.elapsed() > SECOND;
        match habit {
            Habit::Freezes if late => std::future::pending::<()>().await,
            Habit::Crashes if late => return,
            Habit::ReadsNothing if late => {
                let sound = BASE64.encode([0x55; 160]);
                let said =
                    json!({"event": "media", "streamSid": stream_sid, "media": {"payload": sound}});
                let mut every = tokio::time::interval(Duration::from_millis(20));
                while socket.send(Message::text(said.to_string())).await.is_ok() {
                    every.tick().await;
                }
                return;
            }
            Habit::Echo
            | Habit::Refuses
            | Habit::HangsAtConnect
            | Habit::Mute
            | Habit::Freezes
            | Habit::Crashes
            | Habit::ReadsNothing => {}
        }
        let said = match message["event"].as_str().unwrap_or_default() {
            "start" => {
                stream_sid = message["start"]["streamSid"].as_str().unwrap().to_owned();
                vec![]
            }
            "media" if habit != Habit::Mute => {
                vec![json!({"event": "media", "media": {"payload": message["media"]["payload"]}})]
            }
            "dtmf" => match message["dtmf"]["digit"].as_str().unwrap() {
                "4" => vec![
                    json!({"event": "transfer", "transfer": {"to": "queue:cards", "reason": "customer_request",
                    "summary": "Хочет человека", "data": {"intent": "block"}}}),
                ],
                "5" => {
                    vec![json!({"event": "hangup", "hangup": {"reason": "done", "resolved": true}})]
                }
                "6" => vec![
                    json!({"event": "media", "media": {"payload": BASE64.encode(tone())}}),
                    json!({"event": "mark", "mark": {"name": "minute"}}),
                ],
                "7" => vec![json!({"event": "clear"})],
                _ => vec![],
            },
            "stop" => return,
            _ => vec![],
        };
        for mut said in said {
            said["streamSid"] = Value::from(stream_sid.clone());
            if socket.send(Message::text(said.to_string())).await.is_err() {
                return;
            }
        }
    }
}

/// Three seconds of 1,000 Hz in µ-law.
fn tone() -> Vec<u8> {
    // Eight samples of a sine, loud: µ-law codes of 0, ±0.7 and ±1 of the amplitude.
    let wave = [0xff, 0x8f, 0x87, 0x8f, 0x7f, 0x0f, 0x07, 0x0f];
    wave.into_iter().cycle().take(3 * 8_000).collect()
}

/// A caller who has chosen what the bot is for.
pub(crate) async fn to_bot(house: &House, number: &str, says: Source) -> Call {
    let mut call = house.call(number, says).await.unwrap();
    assert!(call.stay(SECOND / 2).await);
    call.press(&['3']);
    call
}

async fn ended(house: &House) -> crate::house::Contact {
    eventually("the contact has ended", async || house.contacts().into_iter().find(|c| c.ended))
        .await
}

/// The newest fact of this name in the event log.
pub(crate) async fn fact(house: &House, name: &str) -> Value {
    let found = async || {
        let log = std::fs::read_to_string(house.folder().join("events.jsonl")).unwrap_or_default();
        let mut facts = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        facts.rfind(|told| told["fact"] == name)
    };
    eventually(name, found).await
}

#[tokio::test]
async fn the_caller_hears_the_bot_and_the_bot_hears_him_and_his_keys() {
    let bot = Bot::open(Habit::Echo).await;
    let house = bot.house().await;
    let mut call = to_bot(&house, "+77015550160", Source::Tone(700.0)).await;
    assert!(call.stay(4 * SECOND).await);
    call.press(&['9']);
    assert!(call.stay(SECOND).await);
    assert!(call.heard().tone_secs(700) > 2.0, "his own voice comes back: {:?}", call.heard());
    let dtmf = bot.hears("dtmf").await.1;
    assert_eq!(dtmf["dtmf"]["digit"], "9");
    {
        let told = bot.told.lock().unwrap();
        let events: Vec<_> =
            told.iter().map(|(_, m)| m["event"].as_str().unwrap().to_owned()).collect();
        assert_eq!(events[..3], ["connected", "start", "media"]);
        let start = &told[1].1["start"];
        assert_eq!(start["accountSid"], "AClocal");
        let parameters = &start["customParameters"];
        assert_eq!(parameters["from_number"], "+77015550160");
        assert_eq!((&parameters["to_number"], &parameters["lang"]), (&json!("100"), &json!("ru")));
        let dtmfs = events.iter().filter(|event| *event == "dtmf").count();
        assert_eq!(dtmfs, 1, "a key is told once");
    }
    let signed = bot.signed.lock().unwrap().clone().unwrap();
    assert_eq!(signed.len(), 28, "a signature of SHA-1");
    call.hang_up().await;
    bot.hears("stop").await;
    let contact = ended(&house).await;
    let kinds: Vec<&str> = contact.segments.iter().map(|s| &*s.kind).collect();
    assert_eq!(kinds, ["ivr", "bot"]);
    let metrics = house.get("/metrics").await.1;
    for line in
        ["dozvon_bot_connected_total{bot=\"helper\"} 1", "dozvon_bot_streams{bot=\"helper\"} 0"]
    {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    let played = "dozvon_bot_playout_seconds_count{bot=\"helper\"} ";
    let played = metrics.lines().find_map(|line| line.strip_prefix(played)).unwrap();
    assert!(played.parse::<u32>().unwrap() > 100, "{played}");
    house.stop().await;
    assert!(!house.log().contains(TOKEN) && !house.log().contains("5550160"), "{}", house.log());
}

#[tokio::test]
async fn a_mark_comes_back_after_its_sound_and_at_once_on_clear() {
    let bot = Bot::open(Habit::Echo).await;
    let house = bot.house().await;
    let mut call = to_bot(&house, "+77015550161", Source::Silence).await;
    assert!(call.stay(SECOND).await);
    call.press(&['6']);
    assert!(call.stay(5 * SECOND).await);
    let (said_at, _) = bot.hears("dtmf").await;
    let (marked_at, mark) = bot.hears("mark").await;
    assert_eq!(mark["mark"]["name"], "minute");
    let after = marked_at - said_at;
    assert!(after > SECOND.mul_f64(2.8) && after < 5 * SECOND, "three seconds of sound: {after:?}");
    let before = call.heard().tone_secs(1000);
    assert!(before > 2.0, "{:?}", call.heard());
    bot.told.lock().unwrap().clear();
    call.press(&['6']);
    assert!(call.stay(SECOND).await);
    call.press(&['7']);
    assert!(call.stay(3 * SECOND).await);
    let (marked_at, _) = bot.hears("mark").await;
    let keys = bot.told.lock().unwrap().clone();
    let cleared_at = keys.iter().find(|(_, m)| m["dtmf"]["digit"] == "7").unwrap().0;
    assert!(marked_at - cleared_at < SECOND, "at once: {:?}", marked_at - cleared_at);
    let heard = call.hang_up().await.tone_secs(1000) - before;
    assert!(heard < 2.0, "the rest of its words is not heard: {heard} s");
}

#[tokio::test]
async fn a_bot_hands_the_caller_over_and_the_agent_reads_what_it_said() {
    let bot = Bot::open(Habit::Echo).await;
    let house = bot.house().await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = to_bot(&house, "+77015550162", Source::Tone(700.0)).await;
    assert!(call.stay(2 * SECOND).await);
    call.press(&['4']);
    assert!(call.stay(4 * SECOND).await);
    let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
    let card = &calls[0]["card"]["bot"];
    assert_eq!((&card["bot"], &card["reason"]), (&json!("helper"), &json!("customer_request")));
    assert_eq!((&card["summary"], &card["to"]), (&json!("Хочет человека"), &json!("queue:cards")));
    assert_eq!(card["data"], json!({"intent": "block"}));
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna has him");
    assert!(anna.talked().await.unwrap().heard.tone_secs(700) > 1.0);
    let contact = ended(&house).await;
    let kinds: Vec<&str> = contact.segments.iter().map(|s| &*s.kind).collect();
    assert_eq!(kinds, ["ivr", "bot", "ivr", "queue", "talk"]);
    let told = fact(&house, "bot_ended").await;
    assert_eq!(
        (&told["end"], &told["note"]["reason"]),
        (&json!("transfer"), &json!("customer_request"))
    );
    assert_eq!(told["note"].get("summary"), None, "the event log is not for what was said");
    let contacts: Value = serde_json::from_str(&house.get("/api/v1/contacts").await.1).unwrap();
    let contacts = contacts.as_array().or(contacts["contacts"].as_array()).unwrap().clone();
    let bots = &contacts[0]["segments"].as_array().unwrap()[1];
    assert_eq!(bots["bot_note"]["summary"], "Хочет человека", "{bots}");
}

#[tokio::test]
async fn a_bot_that_is_done_gives_the_call_back_to_the_flow() {
    let bot = Bot::open(Habit::Echo).await;
    let house = bot.house().await;
    let mut call = to_bot(&house, "+77015550163", Source::Silence).await;
    assert!(call.stay(SECOND).await);
    call.press(&['5']);
    bot.hears("stop").await;
    assert!(!call.stay(TALK).await, "the flow says goodbye and hangs up");
    let told = fact(&house, "bot_ended").await;
    assert_eq!((&told["end"], &told["note"]["resolved"]), (&json!("done"), &json!(true)));
}

/// One request of a bot.
async fn rest(house: &House, sid: &str, password: &str, body: &str) -> (u16, Value) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = TcpStream::connect(house.http_address()).await.unwrap();
    let key = BASE64.encode(format!("AClocal:{password}"));
    let request = format!(
        "POST /2010-04-01/Accounts/AClocal/Calls/{sid}.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Basic {key}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("JSON: {answer}")))
}

#[tokio::test]
async fn a_bot_ends_its_part_by_rest_and_is_told_when_it_is_too_late() {
    let bot = Bot::open(Habit::Echo).await;
    let house = bot.house().await;
    let _anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = to_bot(&house, "+77015550164", Source::Silence).await;
    assert!(call.stay(SECOND).await);
    let start = bot.hears("start").await.1;
    let sid = start["start"]["callSid"].as_str().unwrap().to_owned();
    assert_eq!(rest(&house, &sid, "wrong", "Status=completed").await.0, 401);
    let (code, told) = rest(&house, &sid, TOKEN, "Twiml=<Response><Say>hi</Say></Response>").await;
    assert_eq!(code, 400);
    assert!(told["message"].as_str().unwrap().contains("<Say>"), "{told}");
    let twiml = "Twiml=%3CResponse%3E%3CEnqueue%3Ecards%3C/Enqueue%3E%3C/Response%3E&Summary=wants+a+person";
    let (code, told) = rest(&house, &sid, TOKEN, twiml).await;
    assert_eq!((code, &told["sid"]), (200, &json!(sid)));
    assert!(call.stay(4 * SECOND).await);
    let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
    assert_eq!(calls[0]["card"]["bot"]["summary"], "wants a person");
    assert!(call.heard().tone_secs(1000) > 1.0, "anna has him");
    let (code, told) = rest(&house, &sid, TOKEN, "Status=completed").await;
    assert_eq!((code, &told["code"]), (404, &json!(20404)));
    call.hang_up().await;
}

/// A caller whose bot fails like this is with people within so long, and why is told.
async fn falls_to_people(habit: Habit, failure: &str, within: Duration) {
    let bot = Bot::open(habit).await;
    let house = bot.house().await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = to_bot(&house, "+77015550165", Source::Tone(700.0)).await;
    let began = Instant::now();
    let wait = async {
        while call.heard().tone_secs(1000) < 0.5 {
            assert!(call.stay(SECOND / 5).await, "the call goes on");
        }
    };
    tokio::time::timeout(TALK, wait).await.expect("anna takes over");
    let took = began.elapsed();
    assert!(took < within, "{habit:?}: {took:?}");
    call.hang_up().await;
    assert!(anna.talked().await.is_some());
    let told = fact(&house, "bot_ended").await;
    assert_eq!((&told["end"], &told["failure"]), (&json!("failed"), &json!(failure)), "{told}");
    let metrics = house.get("/metrics").await.1;
    let line = format!("dozvon_bot_failed_total{{bot=\"helper\",reason=\"{failure}\"}} 1");
    assert!(metrics.contains(&line), "{line} in\n{metrics}");
    let contact = ended(&house).await;
    assert_eq!(contact.segments.iter().filter(|s| s.kind == "queue").count(), 1);
}

#[tokio::test]
async fn a_bot_that_refuses_or_is_not_there_is_people_at_once() {
    falls_to_people(Habit::Refuses, "refused", 8 * SECOND).await;
}

#[tokio::test]
async fn a_bot_that_hangs_at_connect_is_people_after_two_seconds() {
    falls_to_people(Habit::HangsAtConnect, "no_answer", 10 * SECOND).await;
}

#[tokio::test]
async fn a_bot_without_a_word_is_people_after_four_seconds() {
    falls_to_people(Habit::Mute, "no_audio", 12 * SECOND).await;
}

#[tokio::test]
async fn a_bot_that_freezes_with_its_connection_open_is_found_and_left() {
    falls_to_people(Habit::Freezes, "stalled", 18 * SECOND).await;
}

#[tokio::test]
async fn a_bot_that_crashes_in_mid_talk_is_people_at_once() {
    falls_to_people(Habit::Crashes, "broken", 8 * SECOND).await;
}

#[tokio::test]
async fn a_bot_that_does_not_read_is_heard_on_and_the_key_still_leads_to_people() {
    let bot = Bot::open(Habit::ReadsNothing).await;
    let house = bot.house().await;
    let _anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = to_bot(&house, "+77015550166", Source::Tone(700.0)).await;
    assert!(call.stay(9 * SECOND).await, "the call goes on");
    let before = call.heard();
    let began = Instant::now();
    while call.heard().received < before.received + 80 {
        assert!(began.elapsed() < TALK && call.stay(SECOND / 5).await, "sound goes on");
    }
    assert_eq!(before.tone_secs(1000), 0.0, "he is with the bot");
    call.press(&['0']);
    assert!(call.stay(4 * SECOND).await);
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna has him");
}
