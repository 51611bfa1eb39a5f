//! A bot of other people's against the real binary: Pipecat, as it comes from its makers. `make interop-bot` installs
//! it (half a gigabyte, in a folder of its own) and runs this; no other test needs it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[allow(dead_code, unused_imports)]
#[path = "../e2e/house.rs"]
mod house;
#[allow(dead_code, unused_imports)]
#[path = "../../src/caller/phone/mod.rs"]
mod phone;

use house::{Furnishing, House, TALK, eventually, tone_manner};
use phone::{Call, Source};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const SECOND: Duration = Duration::from_secs(1);
const TOKEN: &str = "a-token-of-the-test";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where its sentence is, some seconds long.
const PROMPT: &str = "ivr-flows/prompts/ru/callback-offer.wav";

const FLOW: &str = r#"
flow: bank-main
languages: [ru]
start: helper
operator: {keys: ["0"], to: q-general}
nodes:
  helper:
    bot: {use: helper, max_duration: 60s,
      after: {done: bye, transfer: q-general, failed: q-general, too_long: q-general}}
  q-general:
    queue: {name: general, max_wait: 600s,
      after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"#;

/// A house and the bot that it knows.
struct Scene {
    house: House,
    bot: Child,
    log: PathBuf,
}

impl Scene {
    async fn open(mode: &str) -> Scene {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let bots = format!(
            "[[bot]]\nname = \"helper\"\ntoken_file = \"bot-token\"\n\
             stream = \"ws://127.0.0.1:{port}/ws?mode={mode}\"\n"
        );
        let house = House::furnished(Furnishing {
            files: vec![
                ("bots.toml", bots),
                ("bot-token", format!("{TOKEN}\n")),
                ("rollouts/cards.toml", String::new()),
            ],
            flow: Some(FLOW.to_owned()),
            ..Furnishing::default()
        })
        .await;
        let python = std::env::var("PIPECAT_PYTHON").expect("run `make interop-bot`");
        let log = house.folder().join("bot.log");
        let out = std::fs::File::create(&log).unwrap();
        let bot = Command::new(python)
            .arg(format!("{ROOT}/tests/pipecat/bot.py"))
            .env("BOT_PORT", port.to_string())
            .env("BOT_TOKEN", TOKEN)
            .env("BOT_REST", format!("http://{}", house.http_address()))
            .env("BOT_PROMPT", format!("{ROOT}/{PROMPT}"))
            .stdout(Stdio::from(out.try_clone().unwrap()))
            .stderr(Stdio::from(out))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let scene = Scene { house, bot, log };
        eventually("the bot listens", async || {
            TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop)
        })
        .await;
        scene
    }

    async fn call(&self, says: Source) -> Call {
        self.house.call("+77015550170", says).await.unwrap()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// How the bot's part has ended, as the event log tells.
    async fn ended(&self) -> Value {
        let found = async || {
            let log = std::fs::read_to_string(self.house.folder().join("events.jsonl")).ok()?;
            let facts = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            facts.into_iter().find(|told| told["fact"] == "bot_ended")
        };
        eventually("the bot's part is over", found).await
    }

    async fn close(mut self) {
        self.bot.kill().await.unwrap();
        self.house.stop().await;
    }
}

fn speech() -> Source {
    Source::wav(&PathBuf::from(ROOT).join("ivr-flows/prompts/ru/callback-choose.wav")).unwrap()
}

#[tokio::test]
async fn pipecat_knows_us_for_twilio_and_echoes() {
    let scene = Scene::open("echo").await;
    let mut call = scene.call(Source::Tone(700.0)).await;
    assert!(call.stay(6 * SECOND).await);
    let heard = call.hang_up().await;
    assert!(heard.tone_secs(700) > 3.0, "{heard:?}\n{}", scene.said());
    assert!(scene.said().contains("platform twilio"), "{}", scene.said());
    scene.close().await;
}

#[tokio::test]
async fn pipecat_says_its_sentence_and_hands_over_with_a_summary() {
    let scene = Scene::open("scripted").await;
    let _anna = scene.house.agent("anna", tone_manner(1000.0)).await;
    let mut call = scene.call(Source::Silence).await;
    assert!(call.stay(5 * SECOND).await);
    assert!(call.heard().sound_secs() > 1.0, "{:?}\n{}", call.heard(), scene.said());
    call.press(&['4']);
    assert!(call.stay(4 * SECOND).await);
    let calls: Value = serde_json::from_str(&scene.house.get("/api/v1/calls").await.1).unwrap();
    assert_eq!(calls[0]["card"]["bot"]["summary"], "Клиент просит оператора", "{calls}");
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna has him");
    assert_eq!(scene.ended().await["note"]["to"], "queue:cards");
    scene.close().await;
}

#[tokio::test]
async fn pipecat_hangs_up_by_rest_at_the_end_of_its_pipeline() {
    let scene = Scene::open("echo").await;
    let mut call = scene.call(Source::Tone(700.0)).await;
    assert!(call.stay(3 * SECOND).await);
    call.press(&['9']);
    assert!(!call.stay(TALK).await, "the flow goes on at `done`, says goodbye and hangs up");
    let ended = scene.ended().await;
    assert_eq!((&ended["end"], ended.get("failure")), (&json!("done"), None), "{}", scene.said());
    scene.close().await;
}

#[tokio::test]
async fn a_caller_who_speaks_stops_pipecats_sentence() {
    let scene = Scene::open("barge").await;
    // He lets the bot begin.
    let mut call = scene.call(Source::Silence).await;
    assert!(call.stay(2 * SECOND).await);
    call.hang_up().await;
    let mut call = scene.call(speech()).await;
    let heard_at = Instant::now();
    let speaks = async || scene.said().contains("heard him speak").then_some(());
    let waiting = async {
        tokio::select! {
            () = eventually("its detector hears him", speaks) => {}
            _ = call.stay(TALK) => panic!("the call goes on"),
        }
    };
    waiting.await;
    let before = call.heard().sound_secs();
    assert!(call.stay(3 * SECOND).await);
    let after = call.heard().sound_secs() - before;
    assert!(after < 1.5, "{after} s of it were heard after {:?}", heard_at.elapsed());
    call.hang_up().await;
    scene.close().await;
}

#[tokio::test]
async fn thirty_callers_talk_to_pipecat_at_once_and_none_is_lost_when_it_is_killed() {
    let mut scene = Scene::open("echo").await;
    let mut calls = Vec::new();
    for number in 0..30 {
        let number = format!("+770155502{number:02}");
        calls.push(scene.house.call(&number, Source::Tone(700.0)).await.unwrap());
    }
    let all = calls.len();
    let mut talks = tokio::task::JoinSet::new();
    for mut call in calls {
        talks.spawn(async move {
            assert!(call.stay(8 * SECOND).await, "the bot has him");
            call
        });
    }
    let calls = talks.join_all().await;
    for call in &calls {
        let heard = call.heard();
        assert!(heard.tone_secs(700) > 3.0, "{heard:?}\n{}", scene.said());
    }
    scene.bot.kill().await.unwrap();
    let waiting = async || {
        let (_, body) = scene.house.get("/api/v1/calls").await;
        let rows: Value = serde_json::from_str(&body).unwrap();
        let waiting = rows.as_array().unwrap().iter().filter(|call| call["state"] == "waiting");
        (waiting.count() == all).then_some(())
    };
    let killed = Instant::now();
    eventually("all of them wait for a person", waiting).await;
    println!("{all} of {all} callers wait for a person {:?} after the kill", killed.elapsed());
    drop(calls);
    scene.close().await;
}
