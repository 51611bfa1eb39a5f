//! The sample of a bot that comes with the product, run as it is: `deploy/samples/bot/bot.py`.

use crate::bot::fact;
use crate::helper::{SAMPLE, sample, waits_for_people};
use crate::house::{House, TALK, tone_manner};
use crate::phone::{Call, Source};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::process::{Child, Command};

const SECOND: Duration = Duration::from_secs(1);

async fn to_bot(house: &House, number: &str, says: Source) -> Call {
    house.call(number, says).await.unwrap()
}

async fn open() -> (Child, House) {
    sample(Command::new("python3").arg(SAMPLE)).await
}

#[tokio::test]
async fn the_sample_greets_tells_the_balance_and_hands_over_with_a_summary() {
    let (mut bot, house) = open().await;
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
    let (mut bot, house) = open().await;
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
    waits_for_people(&house, &mut call).await;
    call.hang_up().await;
}
