//! A bot in a network namespace of its own, whose link goes down while it talks: nothing comes any more, and no end of
//! the connection either.

use crate::house::{Furnishing, House, TALK, eventually};
use crate::namespace::Namespace;
use crate::phone::Source;
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const SECOND: Duration = Duration::from_secs(1);
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/bot/bot.py");
/// A ping every 5 s, and nothing heard until the next one: so long at the most, and a second for a busy machine.
const FOUND_OUT: Duration = Duration::from_secs(11);

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

/// The sample of a bot within the namespace, and a house that knows it.
async fn open(namespace: &Namespace) -> (Child, House) {
    let mut bot = Command::new("ip")
        .args(["netns", "exec", &namespace.name, "python3", SAMPLE])
        .env("HOST", namespace.there.to_string())
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
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
async fn a_bot_whose_network_goes_in_mid_talk_is_found_out_by_its_pings() {
    let namespace = Namespace::open();
    let (mut bot, house) = open(&namespace).await;
    let mut call = house.call("+77015550150", Source::Tone(700.0)).await.unwrap();
    assert!(call.stay(2 * SECOND).await);
    assert!(call.heard().tone_secs(800) > 0.3, "its greeting: {:?}", call.heard());
    namespace.cut();
    let cut = Instant::now();
    let waits = async || {
        let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
        (calls[0]["state"] == "waiting").then_some(())
    };
    tokio::select! {
        () = eventually("he waits for a person", waits) => {}
        _ = call.stay(TALK) => panic!("the call goes on"),
    }
    let took = cut.elapsed();
    println!(
        "a bot whose network was cut: in the queue for people after {:.1} s",
        took.as_secs_f64()
    );
    assert!(took < FOUND_OUT, "{took:?}");
    call.hang_up().await;
    let metrics = house.get("/metrics").await.1;
    let line = "dozvon_bot_failed_total{bot=\"helper\",reason=\"stalled\"} 1";
    assert!(metrics.contains(line), "{line} in\n{metrics}");
    bot.kill().await.unwrap();
}
