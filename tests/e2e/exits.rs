//! The way to a person, from everywhere: callers of every sample flow are led to each node in which a caller can be,
//! and press 0 there at a moment of chance. Whoever pressed it talks to a person within what his flow promises, all of
//! them, over real SIP and RTP; the systems that flows ask are real HTTPS, and at times slow, broken or silent.
//!
//! `EXIT_CALLS=200` makes 200 of them over each flow (`make exits`), and then each node has had its 0; `EXIT_SEED`
//! repeats what is drawn.

use crate::TALK;
use crate::house::{Furnishing, House, eventually, manner, tone_manner};
use crate::phone::{Account, Agent, Answering, Call, Manner, Source};
use crate::screen_pop::screen;
use crate::tls::{CERTIFICATE, acceptor};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Callers at the same time, and as many people for all of them, so that nobody waits for anything but the flow.
const AT_ONCE: usize = 20;
/// People's voice.
const VOICE_HZ: u32 = 1000;
/// So many calls lead over every node of a flow.
const ALL_NODES: usize = 200;
/// Rounds over all nodes in which those have their turn too to which callers go one by one.
const SLOW_ROUNDS: usize = 3;
/// Who is not where he was led to after so long presses 0 where he is.
const WAY_MAX: Duration = Duration::from_secs(60);
/// Who comes to a queue is not taken from it at once by a key that was meant for what was before.
const QUEUE_GRACE: Duration = Duration::from_millis(2_100);
/// Between two keys of one entry.
const BETWEEN_KEYS: Duration = Duration::from_millis(350);

/// What must be otherwise for some nodes to be reached. Callers of one are done before the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// People for all are there; the queues beside theirs have somebody who is busy with other work.
    Usual,
    /// The same, and the bot answers nobody.
    NoBot,
    /// The queues beside have nobody; offices that close are closed; a site that can have an emergency has one.
    Deserted,
    /// The same, and the number outside refuses.
    Refused,
    /// Everybody is busy with other work until the caller has pressed 0. One caller at a time.
    Away,
    /// Nobody is logged in until the caller is where he presses 0. One caller at a time.
    Gone,
}

/// A node that callers are led to.
struct Aim {
    when: When,
    /// The node.
    to: &'static str,
    /// What is pressed on the way, each where it stands.
    keys: &'static [(&'static str, &'static str)],
    /// How the caller's number begins: it decides what the other systems say.
    number: &'static str,
    /// There he presses 0 at a moment of chance until then.
    within_millis: u64,
}

/// How most numbers begin.
const ANY: &str = "+7701";
/// Their orders are known.
const KNOWN: &str = "+7703";
/// Their orders are not known.
const UNKNOWN: &str = "+7704";
/// The shop does not answer about them.
const SILENT: &str = "+7705";
/// The shop breaks about them.
const BROKEN: &str = "+7706";
/// They may not be called back.
const DENIED: &str = "+7702";

const fn aim(
    when: When,
    to: &'static str,
    keys: &'static [(&'static str, &'static str)],
    number: &'static str,
    within_millis: u64,
) -> Aim {
    Aim { when, to, keys, number, within_millis }
}

use When::{Away, Deserted, Gone, NoBot, Refused, Usual};

/// The main line, with the sub-flow `identify`.
const BANK: &[Aim] = &[
    aim(Usual, "greeting", &[], ANY, 8_000),
    aim(Usual, "main", &[], ANY, 9_000),
    aim(Usual, "language", &[("main", "9")], ANY, 6_000),
    aim(Usual, "balance.code", &[("main", "2")], ANY, 5_000),
    aim(Usual, "balance.check-code", &[("main", "2"), ("balance.code", "5555")], ANY, 1_200),
    aim(Usual, "balance.wrong-code", &[("main", "2"), ("balance.code", "2222")], ANY, 800),
    aim(Usual, "balance.birth-date", &[("main", "2"), ("balance.code", "3333")], ANY, 4_000),
    aim(
        Usual,
        "balance.check-birth-date",
        &[("main", "2"), ("balance.code", "3333"), ("balance.birth-date", "05051990")],
        ANY,
        1_200,
    ),
    aim(
        Usual,
        "balance.wrong-birth-date",
        &[("main", "2"), ("balance.code", "3333"), ("balance.birth-date", "02021990")],
        ANY,
        800,
    ),
    aim(Usual, "known", &[("main", "2"), ("balance.code", "1111")], ANY, 800),
    aim(Usual, "unknown", &[("main", "2"), ("balance.code", "4444")], ANY, 800),
    aim(Usual, "cards-bot", &[("main", "3")], ANY, 6_000),
    aim(Usual, "q-urgent", &[("main", "1")], ANY, 6_000),
    aim(Usual, "q-loans", &[("main", "4")], ANY, 6_000),
    aim(Usual, "csi", &[("greeting", "0")], ANY, 5_000),
    aim(Usual, "bye", &[("greeting", "0"), ("csi", "41")], ANY, 300),
    aim(NoBot, "q-cards", &[("main", "3")], ANY, 6_000),
    aim(Deserted, "loans-closed", &[("main", "4")], ANY, 1_500),
    aim(Deserted, "duty-office", &[("main", "1")], ANY, 6_000),
    aim(Refused, "night", &[("main", "1")], ANY, 1_500),
    aim(Away, "q-general", &[("greeting", "0")], ANY, 5_000),
];

const DELIVERY: &[Aim] = &[
    aim(Usual, "hello", &[], UNKNOWN, 5_000),
    aim(Usual, "find", &[], SILENT, 1_200),
    aim(Usual, "known", &[], KNOWN, 6_000),
    aim(Usual, "tell", &[("known", "2")], KNOWN, 4_000),
    aim(Usual, "main", &[], UNKNOWN, 6_000),
    aim(Usual, "main", &[], BROKEN, 6_000),
    aim(Usual, "number", &[("main", "2")], UNKNOWN, 5_000),
    aim(Usual, "look-up", &[("main", "2"), ("number", "9999#")], UNKNOWN, 1_200),
    aim(Usual, "no-order", &[("main", "2"), ("number", "4040#")], BROKEN, 800),
    aim(Usual, "tell-that", &[("main", "2"), ("number", "1234#")], UNKNOWN, 4_000),
    aim(Usual, "at-the-door", &[("known", "1")], KNOWN, 6_000),
    aim(Usual, "csi", &[("hello", "0")], UNKNOWN, 5_000),
    aim(Usual, "bye", &[("hello", "0"), ("csi", "5")], UNKNOWN, 300),
    aim(Away, "people", &[("hello", "0")], UNKNOWN, 5_000),
    aim(Gone, "sorry", &[("hello", "0")], UNKNOWN, 800),
];

const OUTAGE: &[Aim] = &[
    aim(Usual, "hello", &[], ANY, 2_000),
    aim(Usual, "known", &[], ANY, 8_000),
    aim(Usual, "main", &[], ANY, 8_000),
    aim(Usual, "later", &[("main", "2")], ANY, 6_000),
    aim(Usual, "taken", &[("main", "2"), ("later", "11")], ANY, 300),
    aim(Usual, "not-noted", &[("main", "2"), ("later", "11")], DENIED, 800),
    aim(Usual, "stolen", &[("main", "1")], ANY, 6_000),
    aim(Usual, "bye", &[("hello", "0")], ANY, 300),
    aim(Deserted, "worse", &[], ANY, 8_000),
    aim(Deserted, "later", &[], ANY, 6_000),
    aim(Away, "people", &[("hello", "0")], ANY, 5_000),
    aim(Gone, "sorry", &[("hello", "0")], ANY, 800),
];

/// Chance from a seed.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn upto(&mut self, millis: u64) -> Duration {
        Duration::from_millis(self.next() % millis)
    }

    /// One order of many.
    fn shuffled(&mut self, aims: &'static [Aim]) -> Vec<&'static Aim> {
        let mut aims: Vec<(u64, &Aim)> = aims.iter().map(|aim| (self.next(), aim)).collect();
        aims.sort_by_key(|(drawn, _)| *drawn);
        aims.into_iter().map(|(_, aim)| aim).collect()
    }
}

// ---- where callers are --------------------------------------------------------------------------------------------

/// Where one caller has been, as the switch tells it.
#[derive(Clone, Debug, Default)]
struct Trail {
    nodes: Vec<String>,
    /// The nodes from which he left for a person by the key.
    left: Vec<String>,
    /// All that was told of his call.
    told: Vec<String>,
}

impl Trail {
    fn here(&self) -> String {
        self.nodes.last().cloned().unwrap_or_default()
    }
}

/// Where all callers have been, by their numbers.
#[derive(Clone, Debug, Default)]
struct Trails(Arc<Mutex<BTreeMap<String, Trail>>>);

impl Trails {
    fn of(&self, number: &str) -> Trail {
        self.0.lock().unwrap().get(number).cloned().unwrap_or_default()
    }

    /// Listens to the live events for ever.
    async fn watch(self, mut events: impl futures_util::Stream<Item = Value> + Unpin) {
        let mut numbers: BTreeMap<u64, String> = BTreeMap::new();
        while let Some(fact) = events.next().await {
            assert!(fact["lagged"].is_null(), "events were missed: {fact}");
            let Some(call) = fact["call"].as_u64() else { continue };
            if let Some(caller) = fact["caller"].as_str() {
                numbers.insert(call, caller.to_owned());
            }
            let mut trails = self.0.lock().unwrap();
            let trail = trails.entry(numbers.get(&call).cloned().unwrap_or_default()).or_default();
            trail.told.push(fact.to_string());
            match fact["fact"].as_str() {
                Some("node_entered") => trail.nodes.push(fact["node"].as_str().unwrap().into()),
                Some("operator_requested") => trail.left.push(trail.here()),
                _ => {}
            }
        }
    }
}

// ---- the systems that flows ask -----------------------------------------------------------------------------------

type Answer = (StatusCode, Json<Value>);

fn order() -> Answer {
    (
        StatusCode::OK,
        json!({"order": {"day": "2026-11-25", "from": "14:00", "due": "5123.45"}}).into(),
    )
}

/// Longer than any flow waits.
async fn never() -> Answer {
    let _ = tokio::time::timeout(Duration::from_secs(4), std::future::pending::<()>()).await;
    order()
}

/// As fast as chance wills; what a key says is always the same.
async fn soon() {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let takes = Duration::from_millis(u64::from(nanos.subsec_micros() % 700));
    let _ = tokio::time::timeout(takes, std::future::pending::<()>()).await;
}

async fn order_by_phone(Query(query): Query<BTreeMap<String, String>>) -> Answer {
    soon().await;
    match &query["phone"][..5] {
        KNOWN => order(),
        SILENT => never().await,
        BROKEN => (StatusCode::INTERNAL_SERVER_ERROR, Json(Value::Null)),
        _ => (StatusCode::NOT_FOUND, Json(Value::Null)),
    }
}

async fn order_by_number(Path(number): Path<String>) -> Answer {
    soon().await;
    match number.as_str() {
        "1234" => order(),
        "9999" => never().await,
        _ => (StatusCode::NOT_FOUND, Json(Value::Null)),
    }
}

/// A code or a date of birth: it says itself what comes of it.
async fn check(Json(asked): Json<Value>) -> Answer {
    soon().await;
    match asked["code"].as_str().or(asked["birth-date"].as_str()).unwrap() {
        "1111" => (StatusCode::OK, json!({}).into()),
        "3333" => (StatusCode::OK, json!({"customers": [{"id": "1"}, {"id": "2"}]}).into()),
        "4444" => (StatusCode::BAD_GATEWAY, Json(Value::Null)),
        "5555" | "05051990" => never().await,
        _ => (StatusCode::NOT_FOUND, Json(Value::Null)),
    }
}

/// TLS on a port of its own: secrets of callers go no other way.
struct Encrypted(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.0.accept().await.unwrap();
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Answers until the test is over; the endpoints of the shipped configuration are there.
async fn other_systems() -> String {
    let routes = Router::new()
        .route("/orders", get(order_by_phone))
        .route("/orders/{number}", get(order_by_number))
        .route("/codes/check", post(check))
        .route("/birth-dates/check", post(check));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(axum::serve(Encrypted(listener, acceptor()), routes).into_future());
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/endpoints.toml");
    let shipped = std::fs::read_to_string(shipped).unwrap();
    // Left alone after failures, it would not be asked what these callers are to hear.
    let patient =
        format!("url = \"{here}\"\nca_file = \"{CERTIFICATE}\"\nbreaker_failures_max = 50");
    let asked = ["https://crm.bank.example/api", "https://orders.shop.example/api"];
    asked.iter().fold(shipped, |text, url| text.replace(&format!("url = \"{url}\""), &patient))
}

// ---- the house ----------------------------------------------------------------------------------------------------

/// The house of one flow, with everybody who answers in it.
struct Line {
    house: Arc<House>,
    trails: Trails,
    /// The people for all callers.
    people: Vec<String>,
    /// Kept, because a phone that is dropped ends.
    _phones: Vec<Agent>,
    duty: Agent,
    bot: Agent,
    knows_emergencies: bool,
    /// The nodes in which time passes, and their kinds.
    nodes: BTreeMap<String, String>,
}

const BESIDE: &str = "beside";

fn furnishing(name: &str, flow: String, bot: &Agent, endpoints: String) -> Furnishing {
    let number = format!("[[number]]\ndial = \"100\"\nflow = \"{name}\"\n");
    let languages = "languages = [\"ru\", \"kk\", \"en\"]\n";
    let mut agents: String = (1..=AT_ONCE)
        .map(|number| {
            format!("[[agent]]\nuser = \"p{number}\"\nqueues = [\"general\"]\n{languages}")
        })
        .collect();
    agents.push_str(&format!(
        "[[agent]]\nuser = \"{BESIDE}\"\nqueues = [\"urgent\", \"cards\", \"loans\"]\n{languages}"
    ));
    let queues = ["general", "urgent", "cards", "loans"]
        .map(|name| format!("[[queue]]\nname = \"{name}\"\nwrap_up = \"off\"\n"))
        .concat();
    let bots = format!("[[bot]]\nname = \"cards-assistant\"\nuri = \"sip:bot@{}\"\n", bot.local());
    let rollout = "[[rollout]]\nname = \"cards\"\nbot = \"cards-assistant\"\nshare = \"all\"\nsalt = \"exits\"\n";
    let site = "[[site]]\nname = \"here\"\nnumbers = [\"100\"]\nduty_queue = \"general\"\n";
    Furnishing {
        rtp_ports: 400,
        limits: "calls_max = 60\ncalls_per_sec_max = 200\n[acd]\nno_agents_grace_secs = 2\n\
                 [callback]\ncalendar = \"bank-kz\"\ncountry = \"7\"\ndeny = [\"+7702\"]"
            .into(),
        files: vec![
            ("agents.toml", agents),
            ("numbers.toml", number),
            ("tokens.toml", "[[token]]\nname = \"admin\"\nrole = \"admin\"\n".into()),
            ("queues.toml", queues),
            ("bots.toml", bots),
            ("rollouts/cards.toml", rollout.into()),
            ("sites.toml", site.into()),
            ("endpoints.toml", endpoints),
            ("calendars/loans-office.yaml", office("mon-sun: [\"00:00-24:00\"]")),
        ],
        flow: Some(flow),
        ..Furnishing::default()
    }
}

fn office(weekly: &str) -> String {
    format!("calendar: loans-office\nzone: Asia/Almaty\nweekly:\n  {weekly}\n")
}

impl Line {
    async fn open(name: &str, flow: &str) -> Line {
        let silent = Manner { many: true, register_secs: 0, ..manner(Answering::Answer) };
        let nobody = || Account::at("127.0.0.1:9".parse().unwrap());
        let bot = Agent::start(nobody(), silent.clone(), None).await.unwrap();
        let rings = Manner { answering: Answering::Ignore, ..silent };
        let duty = Agent::start(nobody(), rings, None).await.unwrap();
        // Its own tests have its own opening hours.
        let flow = flow.split("\ntests:\n").next().unwrap();
        let flow = flow.replace("duty@branch.bank.example", &format!("duty@{}", duty.local()));
        let knows_emergencies = flow.contains("emergency:");
        let furnishing = furnishing(name, flow, &bot, other_systems().await);
        let house = Arc::new(House::furnished(furnishing).await);
        let events = screen(&house, "admin").await.filter_map(|message| {
            let text = message.ok().and_then(|message| message.into_text().ok());
            std::future::ready(text.and_then(|text| serde_json::from_str(&text).ok()))
        });
        let trails = Trails::default();
        tokio::spawn(trails.clone().watch(Box::pin(events)));
        let people: Vec<String> = (1..=AT_ONCE).map(|number| format!("p{number}")).collect();
        let mut phones = Vec::new();
        for user in people.iter().map(String::as_str).chain([BESIDE]) {
            // Longer than what counts as dropped at once (`[talk] min_talk_ms`).
            let talk = Duration::from_millis(2_500);
            let manner = Manner { talks: Some((talk, talk)), ..tone_manner(f64::from(VOICE_HZ)) };
            phones.push(house.agent(user, manner).await);
        }
        let nodes = nodes_with_time(&house).await;
        Line { house, trails, people, _phones: phones, duty, bot, knows_emergencies, nodes }
    }

    /// Makes it so that callers of this kind find what they are to find.
    async fn turn(&self, when: When) {
        match when {
            Usual => self.set(BESIDE, "not_ready").await,
            NoBot => self.bot.behave(|manner| manner.answering = Answering::Refuse(486)),
            Deserted => {
                self.log_out(BESIDE).await;
                let closed = office("mon: [\"00:00-00:01\"]");
                let file = self.house.folder().join("calendars/loans-office.yaml");
                std::fs::write(file, closed).unwrap();
                let (code, told) = self.house.post("/api/v1/reload", "").await;
                assert_eq!(code, 200, "{told}");
                self.emergency(true).await;
            }
            Refused => self.duty.behave(|manner| manner.answering = Answering::Refuse(486)),
            Away | Gone => self.emergency(false).await,
        }
    }

    /// Declares or calls off an emergency where the flow has a way of its own for it; elsewhere it would be the end of
    /// the flow.
    async fn emergency(&self, emergency: bool) {
        if self.knows_emergencies {
            let wish = json!({"emergency": emergency, "reason": "fire alarm"}).to_string();
            let (code, told) = self.house.put("/api/v1/sites/here/emergency", &wish).await;
            assert_eq!(code, 200, "{told}");
        }
    }

    async fn set(&self, agent: &str, status: &str) {
        // Busy with the caller before, he takes the status when he is through.
        eventually(&format!("{agent} is {status}"), async || {
            let (code, told) = self.house.set_status(agent, status).await;
            assert_eq!(code, 200, "{told}");
            (self.house.status(agent).await == status).then_some(())
        })
        .await;
    }

    async fn log_out(&self, agent: &str) {
        eventually(&format!("{agent} is logged out"), async || {
            let path = format!("/api/v1/agents/{agent}/logout");
            let (code, told) = self.house.post(&path, r#"{"reason": "test"}"#).await;
            assert!(code == 200 || code == 409, "{told}");
            (self.house.status(agent).await == "logged_out").then_some(())
        })
        .await;
    }

    /// What becomes of the people for all before a caller of this kind comes.
    async fn leave(&self, when: When) {
        for agent in &self.people {
            match when {
                Usual | NoBot | Deserted | Refused => {}
                Away => self.set(agent, "not_ready").await,
                Gone if self.house.status(agent).await == "logged_out" => {}
                Gone => self.log_out(agent).await,
            }
        }
    }

    /// They come back; the first of them is enough for the one caller.
    async fn come_back(&self) {
        self.set(&self.people[0], "ready").await;
    }
}

// ---- callers ------------------------------------------------------------------------------------------------------

/// What became of one caller.
#[derive(Clone, Debug)]
struct Way {
    /// Where he was led to.
    to: &'static str,
    /// Where he pressed 0.
    from: String,
    /// From the key to the person's voice; when none came, what was told of his call.
    took: Result<Duration, Vec<String>>,
}

async fn press(call: &mut Call, keys: &str) {
    for key in keys.chars() {
        call.press(&[key]);
        assert!(call.stay(BETWEEN_KEYS).await, "nobody is hung up on for a key");
    }
}

/// Follows the way of an aim by what the switch tells of the caller, until he is there.
async fn follow(line: &Line, call: &mut Call, aim: &Aim, number: &str, dice: &mut Dice) {
    let (began, mut seen, mut pressed) = (Instant::now(), 0, 0);
    while began.elapsed() < WAY_MAX {
        let nodes = line.trails.of(number).nodes;
        if let Some(node) = nodes.get(seen) {
            seen += 1;
            match aim.keys.get(pressed) {
                Some((place, keys)) if node == place => {
                    pressed += 1;
                    assert!(call.stay(dice.upto(1_500)).await, "nobody hangs up on him");
                    press(call, keys).await;
                }
                None if node == aim.to => return,
                _ => {}
            }
        } else if !call.stay(Duration::from_millis(30)).await {
            panic!("hung up on before he pressed 0: {nodes:?} on the way to {}", aim.to);
        }
    }
}

/// Presses 0 and listens for the person's voice.
async fn to_a_person(call: &mut Call) -> Option<Duration> {
    let (pressed, before) = (Instant::now(), call.heard().tone_secs(VOICE_HZ));
    call.press(&['0']);
    while pressed.elapsed() < TALK {
        if !call.stay(Duration::from_millis(100)).await {
            return None;
        }
        if call.heard().tone_secs(VOICE_HZ) > before {
            return Some(pressed.elapsed());
        }
    }
    None
}

async fn wander(line: &Line, aim: &'static Aim, number: String, mut dice: Dice) -> Way {
    line.leave(aim.when).await;
    let mut call = line.house.call(&number, Source::Silence).await.unwrap();
    follow(line, &mut call, aim, &number, &mut dice).await;
    if line.nodes.get(aim.to).is_some_and(|kind| kind == "queue") {
        assert!(call.stay(QUEUE_GRACE).await, "{}: hung up on too early", aim.to);
    }
    assert!(call.stay(dice.upto(aim.within_millis)).await, "{}: hung up on too early", aim.to);
    let before = line.trails.of(&number);
    if aim.when == Gone {
        // With nobody at work 0 leads to nobody.
        line.come_back().await;
    }
    let came = async {
        if aim.when == Away {
            line.come_back().await;
        }
    };
    let (took, ()) = tokio::join!(to_a_person(&mut call), came);
    call.hang_up().await;
    // Who waits for the operator already does not leave for him once more.
    let after = line.trails.of(&number);
    let from = after.left.get(before.left.len()).cloned().unwrap_or_else(|| before.here());
    Way { to: aim.to, from, took: took.ok_or(after.told) }
}

/// As many aims as there are calls: all of them in turn, in an order of chance.
fn drawn(aims: &'static [Aim], calls: usize, dice: &mut Dice) -> Vec<&'static Aim> {
    let mut drawn = Vec::new();
    for round in 0.. {
        let of_round = dice.shuffled(aims).into_iter();
        drawn.extend(of_round.filter(|aim| round < SLOW_ROUNDS || aim.when < Away));
        if drawn.len() >= calls {
            break;
        }
    }
    drawn.truncate(calls);
    drawn.sort_by_key(|aim| aim.when);
    drawn
}

/// The nodes of a flow in which time passes and their kinds, by the picture that ops have of it.
async fn nodes_with_time(house: &House) -> BTreeMap<String, String> {
    let flow = house.folder().join("flows/bank-main.yaml");
    let args = ["flow", "graph", &flow.to_string_lossy(), "--format", "dot"];
    let output = house.command(&args).await;
    let dot = String::from_utf8(output.stdout).unwrap();
    let labels = dot.lines().filter_map(|line| line.split_once(", label=\"")?.1.split_once("\\n"));
    let kinds =
        labels.filter_map(|(name, rest)| Some((name.into(), rest.split('"').next()?.into())));
    let timed = |kind: &String| !["set", "hours", "rollout", "call"].contains(&kind.as_str());
    kinds.filter(|(_, kind)| timed(kind)).collect()
}

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// From every node of this flow to a person.
async fn press_0_everywhere(name: &str, aims: &'static [Aim]) {
    let calls = usize::try_from(number_of("EXIT_CALLS").unwrap_or(10)).unwrap();
    let seed = number_of("EXIT_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let flow = format!("{}/ivr-flows/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let flow = std::fs::read_to_string(flow).unwrap();
    let promise = flow.split("told_about_operator_within: ").nth(1).unwrap();
    let promise: u64 = promise.split('s').next().unwrap().parse().unwrap();
    let line = Arc::new(Line::open(name, &flow).await);
    let nodes: BTreeSet<String> = line.nodes.keys().cloned().collect();
    let led: BTreeSet<String> = aims.iter().map(|aim| aim.to.to_owned()).collect();
    assert_eq!(led, nodes, "callers are led to each node in which time passes");

    let mut dice = Dice(seed);
    let mut ways = Vec::new();
    let mut callers = 0;
    for group in drawn(aims, calls, &mut dice).chunk_by(|a, b| a.when == b.when) {
        line.turn(group[0].when).await;
        let at_once = if group[0].when < Away { AT_ONCE } else { 1 };
        let turns = Arc::new(tokio::sync::Semaphore::new(at_once));
        let mut running = Vec::new();
        for aim in group.iter().copied() {
            callers += 1;
            let (line, turns, own) = (line.clone(), turns.clone(), Dice(dice.next()));
            let number = format!("{}{callers:07}", aim.number);
            running.push(async move {
                let _turn = turns.acquire().await.unwrap();
                wander(&line, aim, number, own).await
            });
        }
        ways.extend(futures_util::future::join_all(running).await);
    }
    let told = format!("{name}, EXIT_CALLS={calls} EXIT_SEED={seed}");
    let from = judge(&ways, Duration::from_secs(promise), &told);
    if calls >= ALL_NODES {
        assert_eq!(from, nodes, "0 was pressed from each node: {told}");
    }
    line.house.stop().await;
}

/// All of them talked to a person, in time; prints from where, how many, and how long it took. Answers from where.
fn judge(ways: &[Way], promise: Duration, told: &str) -> BTreeSet<String> {
    let mut figures: BTreeMap<&str, (usize, Duration)> = BTreeMap::new();
    for way in ways {
        let Ok(took) = way.took else { panic!("nobody came: {way:#?}, {told}") };
        assert!(took <= promise, "{took:?}: {way:?}, {told}");
        let figure = figures.entry(&way.from).or_default();
        *figure = (figure.0 + 1, figure.1.max(took));
    }
    let there = ways.iter().filter(|way| way.from == way.to).count();
    let longest = ways.iter().flat_map(|way| way.took.clone()).max().unwrap_or_default();
    let mut text = format!(
        "{told}: {} of {} talked to a person, the last within {:.2} s of {} s promised; {there} pressed 0 where they \
         were led to. From, how many, longest:\n",
        ways.len(),
        ways.len(),
        longest.as_secs_f64(),
        promise.as_secs(),
    );
    for (node, (count, longest)) in &figures {
        text.push_str(&format!("  {node:26} {count:4} {:6.2} s\n", longest.as_secs_f64()));
    }
    print!("{text}");
    figures.into_keys().map(str::to_owned).collect()
}

#[tokio::test]
async fn whoever_presses_0_anywhere_in_the_banks_flow_talks_to_a_person() {
    press_0_everywhere("bank-main", BANK).await;
}

#[tokio::test]
async fn whoever_presses_0_anywhere_in_the_delivery_flow_talks_to_a_person() {
    press_0_everywhere("delivery", DELIVERY).await;
}

#[tokio::test]
async fn whoever_presses_0_anywhere_in_the_outage_flow_talks_to_a_person() {
    press_0_everywhere("outage", OUTAGE).await;
}
