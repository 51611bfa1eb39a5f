//! A bot of other people's against the real binary: Pipecat, as it comes from its makers. `make interop-bot` installs
//! it (half a gigabyte, in a folder of its own) and runs this; no other test needs it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[allow(dead_code, unused_imports)]
#[path = "../e2e/helper.rs"]
mod helper;
#[allow(dead_code, unused_imports)]
#[path = "../e2e/house.rs"]
mod house;
#[allow(dead_code, unused_imports)]
#[path = "../../src/caller/phone/mod.rs"]
mod phone;

use helper::{TOKEN, house_of, waits_for_people};
use house::{House, TALK, eventually, tone_manner};
use phone::{Call, Source};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const SECOND: Duration = Duration::from_secs(1);
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where its sentence is, some seconds long.
const PROMPT: &str = "ivr-flows/prompts/ru/callback-offer.wav";

/// A house and the bot that it knows.
struct Scene {
    house: House,
    bot: Child,
    log: PathBuf,
}

impl Scene {
    async fn open(mode: &str) -> Scene {
        Scene::speaking("twilio", &format!("ws?mode={mode}")).await
    }

    /// A house whose bot is at this path and speaks that protocol.
    async fn speaking(protocol: &str, path: &str) -> Scene {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let how = format!(
            "stream = \"ws://127.0.0.1:{port}/{path}\"\nprotocol = \"{protocol}\"\n\
             token_file = \"bot-token\""
        );
        let house = house_of(&how).await;
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

    /// Waits until somebody with the bot waits for a person; the call goes on. How long that took.
    async fn is_with_people(&self, call: &mut Call) -> Duration {
        let began = Instant::now();
        waits_for_people(&self.house, call).await;
        began.elapsed()
    }

    /// When the bot said that its sound is to stop, each time: nanoseconds since the epoch.
    fn cleared(&self) -> Vec<u128> {
        let said = self.said();
        said.lines().filter_map(|line| line.strip_prefix("clear ")?.parse().ok()).collect()
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

/// From the bot's word that its sound is to stop to the last packet of that sound at the caller, in milliseconds.
async fn stop_took(scene: &Scene, call: &mut Call, stops_before: usize) -> f64 {
    let stopped = async || (scene.cleared().len() > stops_before).then_some(());
    tokio::select! {
        () = eventually("the bot stops its sound", stopped) => {}
        _ = call.stay(TALK) => panic!("the call goes on"),
    }
    assert!(call.stay(SECOND / 2).await);
    let cleared = scene.cleared()[stops_before];
    let last = call.heard().last_sound_at.expect("he has heard it").elapsed();
    let last = (SystemTime::now() - last).duration_since(UNIX_EPOCH).unwrap().as_nanos();
    (last as f64 - cleared as f64) / 1e6
}

/// The most that a stop may take, in milliseconds. Measured in processes of their own: wants a quiet machine.
const STOP_MS: f64 = 60.0;

/// The tone comes in pieces of a second, so there is always more of it with us than he shall hear.
async fn a_stop_is_heard_at_once(scene: Scene) {
    let mut call = scene.call(speech()).await;
    let by_voice = stop_took(&scene, &mut call, 0).await;
    call.hang_up().await;
    println!("by his voice, sound ended {by_voice:.1} ms after `clear`");
    let mut took = Vec::new();
    let mut call = scene.call(Source::Silence).await;
    for _ in 0..10 {
        let before = call.heard().tone_secs(1_000);
        while call.heard().tone_secs(1_000) < before + 0.7 {
            assert!(call.stay(SECOND / 10).await);
        }
        let stops = scene.cleared().len();
        call.press(&['6']);
        took.push(stop_took(&scene, &mut call, stops).await);
        call.press(&['5']);
    }
    call.hang_up().await;
    took.sort_by(f64::total_cmp);
    let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
    println!(
        "sound ended {median:.1} ms after `clear` at the median, {most:.1} ms at the most of ten"
    );
    assert!(by_voice <= STOP_MS && most <= STOP_MS, "{by_voice} ms by voice, by keys {took:?}");
    scene.close().await;
}

#[tokio::test]
async fn a_stop_is_heard_within_sixty_milliseconds() {
    a_stop_is_heard_at_once(Scene::open("hum").await).await;
}

#[tokio::test]
async fn a_stop_by_audiohook_is_heard_within_sixty_milliseconds() {
    a_stop_is_heard_at_once(Scene::speaking("audiohook", "hook?mode=hum").await).await;
}

#[tokio::test]
async fn pipecats_genesys_serializer_opens_echoes_answers_pings_and_hands_over() {
    let scene = Scene::speaking("audiohook", "hook").await;
    let _anna = scene.house.agent("anna", tone_manner(1000.0)).await;
    let mut call = scene.call(Source::Tone(700.0)).await;
    // Two pings and more: who did not answer them would have been left.
    assert!(call.stay(13 * SECOND).await);
    let heard = call.heard().tone_secs(700);
    assert!(heard > 9.0, "{heard} s\n{}", scene.said());
    call.press(&['4']);
    assert!(call.stay(4 * SECOND).await);
    let calls: Value = serde_json::from_str(&scene.house.get("/api/v1/calls").await.1).unwrap();
    let card = &calls[0]["card"]["bot"];
    assert_eq!(card["summary"], "Клиент просит оператора", "{calls}\n{}", scene.said());
    assert_eq!(card["data"], json!({"cards": "2"}));
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna has him");
    let ended = scene.ended().await;
    assert_eq!((&ended["end"], &ended["note"]["to"]), (&json!("transfer"), &json!("queue:cards")));
    let said = scene.said();
    assert!(said.contains("key True") && said.contains("open +77015550170"), "{said}");
    let pings = said.lines().filter(|line| *line == "ping").count();
    assert!(pings >= 2, "{said}");
    println!("{heard:.1} s of 13 s echoed by AudioHook, {pings} pings answered");
    scene.close().await;
}

#[tokio::test]
async fn pipecats_genesys_serializer_is_done_and_hears_of_a_caller_who_leaves() {
    let scene = Scene::speaking("audiohook", "hook").await;
    let mut call = scene.call(Source::Tone(700.0)).await;
    assert!(call.stay(3 * SECOND).await);
    call.hang_up().await;
    eventually("the bot hears of the end", async || {
        scene.said().contains("close end").then_some(())
    })
    .await;
    let mut call = scene.call(Source::Tone(700.0)).await;
    assert!(call.stay(3 * SECOND).await);
    call.press(&['9']);
    assert!(!call.stay(TALK).await, "the flow goes on at `done`, says goodbye and hangs up");
    let log = std::fs::read_to_string(scene.house.folder().join("events.jsonl")).unwrap();
    let mut facts = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ended = facts.rfind(|told| told["fact"] == "bot_ended").unwrap();
    assert_eq!(
        (&ended["end"], &ended["note"]["resolved"]),
        (&json!("done"), &json!(true)),
        "{ended}"
    );
    scene.close().await;
}

#[tokio::test]
async fn a_pipecat_that_reads_slowly_is_heard_on_and_the_key_leads_to_people() {
    let scene = Scene::open("slow").await;
    let mut call = scene.call(Source::Tone(700.0)).await;
    assert!(call.stay(25 * SECOND).await, "the call goes on");
    let heard = call.heard().sound_secs();
    assert!(heard > 1.0, "what it has read comes back, in shreds: {heard} s");
    let metrics = scene.house.get("/metrics").await.1;
    let shed = "dozvon_bot_shed_total{bot=\"helper\",way=\"to_bot\"} ";
    let shed = metrics.lines().find_map(|line| line.strip_prefix(shed)).unwrap();
    let shed: u32 = shed.parse().unwrap();
    assert!(shed > 0, "the oldest is left out");
    let calls: Value = serde_json::from_str(&scene.house.get("/api/v1/calls").await.1).unwrap();
    assert_eq!(calls[0]["state"], "bot", "{calls}");
    call.press(&['0']);
    let took = scene.is_with_people(&mut call).await;
    println!(
        "a slow bot: {heard:.1} s heard of it, {shed} pieces left out; with people {took:?} after the key"
    );
    assert!(took < 2 * SECOND, "{took:?}");
    call.hang_up().await;
    scene.close().await;
}

#[tokio::test]
async fn a_pipecat_that_freezes_is_found_out_between_two_pings() {
    let scene = Scene::open("echo").await;
    let mut call = scene.call(Source::Tone(700.0)).await;
    assert!(call.stay(3 * SECOND).await);
    let bot = scene.bot.id().unwrap().to_string();
    let stopped = std::process::Command::new("kill").args(["-STOP", &bot]).status().unwrap();
    assert!(stopped.success());
    let took = scene.is_with_people(&mut call).await;
    println!("a bot that was stopped: with people after {took:?}");
    assert!(took < 11 * SECOND, "two pings, 5 s apart: {took:?}");
    call.hang_up().await;
    let ended = scene.ended().await;
    assert_eq!(ended["failure"], "stalled", "{ended}");
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
