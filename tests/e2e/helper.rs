//! A house whose callers have a bot called `helper` from the first moment on, and the sample of a bot that comes with
//! the product to be it. Shared by all tests of bots that are programs of their own.

use crate::house::{Furnishing, House, TALK, eventually};
use crate::phone::Call;
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The sample.
pub(crate) const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/bot/bot.py");

/// What is in the file `bot-token` of such a house.
pub(crate) const TOKEN: &str = "a-token-of-the-test";

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

/// A house that reaches the bot like this: the lines of its table in bots.toml but its name.
pub(crate) async fn house_of(how: &str) -> House {
    let files = vec![
        ("bots.toml", format!("[[bot]]\nname = \"helper\"\n{how}\n")),
        ("bot-token", format!("{TOKEN}\n")),
        ("rollouts/cards.toml", String::new()),
    ];
    let flow = Some(FLOW.to_owned());
    House::furnished(Furnishing { files, flow, ..Furnishing::default() }).await
}

/// The sample, which this command runs on a port of its own, and a house that knows it.
pub(crate) async fn sample(command: &mut Command) -> (Child, House) {
    let mut bot =
        command.env("PORT", "0").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(bot.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(TALK, lines.next_line()).await.expect("it says where it is");
    let stream =
        line.unwrap().expect("python3 has websockets (apt-get install python3-websockets)");
    let house = house_of(&format!("stream = \"{stream}\"\ntoken_file = \"bot-token\"")).await;
    (bot, house)
}

/// Waits, the call going on, until the only caller waits for a person.
pub(crate) async fn waits_for_people(house: &House, call: &mut Call) {
    let waits = async || {
        let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
        (calls[0]["state"] == "waiting").then_some(())
    };
    tokio::select! {
        () = eventually("he waits for a person", waits) => {}
        _ = call.stay(TALK) => panic!("the call goes on"),
    }
}
