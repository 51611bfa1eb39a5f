//! The sample of a bot that comes with the product, run as it is: `deploy/samples/bot/bot.py`.

use crate::bot::fact;
use crate::house::{Furnishing, House, TALK, eventually, tone_manner};
use crate::phone::{Call, Source};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const SECOND: Duration = Duration::from_secs(1);
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/bot/bot.py");

/// The bot has the caller from the first moment on, so that nothing is heard before it.
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

async fn to_bot(house: &House, number: &str, says: Source) -> Call {
    house.call(number, says).await.unwrap()
}

/// The sample on a port of its own, and a house that knows it as `helper`.
async fn sample() -> (Child, House) {
    let mut bot = Command::new("python3")
        .arg(SAMPLE)
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 and its websockets are installed (apt-get install python3-websockets)");
    let mut lines = BufReader::new(bot.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(TALK, lines.next_line()).await.expect("it says where it is");
    let stream =
        line.unwrap().expect("python3 has websockets (apt-get install python3-websockets)");
    let bots =
        format!("[[bot]]\nname = \"helper\"\nstream = \"{stream}\"\ntoken_file = \"bot-token\"\n");
    let files = vec![
        ("bots.toml", bots),
        ("bot-token", "a-token-of-the-test\n".to_owned()),
        ("rollouts/cards.toml", String::new()),
    ];
    let flow = Some(FLOW.to_owned());
    let house = House::furnished(Furnishing { files, flow, ..Furnishing::default() }).await;
    (bot, house)
}

#[tokio::test]
async fn the_sample_greets_tells_the_balance_and_hands_over_with_a_summary() {
    let (mut bot, house) = sample().await;
    let _anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = to_bot(&house, "+77015550150", Source::Silence).await;
    assert!(call.stay(2 * SECOND).await);
    assert!(call.heard().tone_secs(800) > 0.3, "the greeting: {:?}", call.heard());
    call.press(&['1']);
    assert!(call.stay(4 * SECOND).await);
    let balance = call.heard().tone_secs(600);
    assert!(balance > 1.4, "six beeps of 0.3 s: {balance} s");
    call.press(&['2']);
    assert!(call.stay(4 * SECOND).await);
    let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
    let card = &calls[0]["card"]["bot"];
    assert_eq!(card["summary"], "Heard the menu, wants a person", "{calls}");
    assert_eq!(card["data"], json!({"topic": "balance"}));
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna has him");
    bot.kill().await.unwrap();
    house.stop().await;
}

#[tokio::test]
async fn the_sample_says_goodbye_and_the_flow_goes_on_and_killed_it_loses_nobody() {
    let (mut bot, house) = sample().await;
    let mut call = to_bot(&house, "+77015550151", Source::Silence).await;
    assert!(call.stay(SECOND).await);
    call.press(&['3']);
    assert!(!call.stay(TALK).await, "the flow says goodbye and hangs up");
    let ended = fact(&house, "bot_ended").await;
    let (end, resolved) = (&ended["end"], &ended["note"]["resolved"]);
    assert_eq!((end, resolved), (&json!("done"), &json!(true)), "after its own goodbye: {ended}");
    let mut call = to_bot(&house, "+77015550152", Source::Silence).await;
    assert!(call.stay(SECOND).await);
    bot.kill().await.unwrap();
    let waits = async || {
        let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
        (calls[0]["state"] == "waiting").then_some(())
    };
    tokio::select! {
        () = eventually("he waits for a person", waits) => {}
        _ = call.stay(TALK) => panic!("the call goes on"),
    }
    call.hang_up().await;
}
