//! Callbacks on the real server: asked for by a key, made by the trunk, kept through `kill -9`.

use crate::house::{Furnishing, House, TALK, eventually, manner, tone_manner};
use crate::phone::{Account, Answering, Phone, Source};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const CUSTOMER: &str = "+77015550199";

const FLOW: &str = r##"
flow: bank-main
languages: [ru]
start: q
operator: {keys: ["0"], to: q}
nodes:
  q:
    queue:
      name: general
      max_wait: 10m
      at: [{wait: 2s, callback: later}]
      after: {answered: bye, max_wait: bye, nobody: later, full: later, closed: later}
  later:
    callback: {queue: general, play: callback-offer, key: "1", confirm: callback-number, choose: callback-choose,
      enter: callback-enter, sorry: callback-sorry, timeout: 6s, next: taken, declined: bye, failed: failed}
  taken: {hangup: {play: callback-taken}}
  failed: {hangup: {play: callback-failed}}
  bye: {hangup: {play: goodbye}}
tests:
  - {name: he is called back, given: {queue: {general: {callback: 20s}}}, then: {ended: taken}}
"##;

/// The customer's own phone, behind the trunk, and a house that calls back at any hour.
async fn bank() -> (Phone, House) {
    let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let phone = Phone::open(Account::at(nobody).number(CUSTOMER), None).await.unwrap();
    let trunks = format!(
        "[[trunk]]\nname = \"local\"\nnetworks = [\"127.0.0.0/8\"]\ntarget = \"sip:+77270000000@127.0.0.1:{}\"\n",
        phone.local().port()
    );
    let always = "calendar: always\nzone: UTC\nweekly:\n  mon-sun: [\"00:00-24:00\"]\n";
    let house = House::furnished(Furnishing {
        files: vec![("trunks.toml", trunks), ("calendars/always.yaml", always.to_owned())],
        media: "[callback]\ncalendar = \"always\"\nallow = [\"+7701\"]".to_owned(),
        flow: Some(FLOW.to_owned()),
        ..Furnishing::default()
    })
    .await;
    (phone, house)
}

/// The main job: wait, press 1, confirm the number, hang up; an agent is free, his phone rings, then the customer's.
#[tokio::test]
async fn a_key_in_the_queue_brings_the_agent_and_then_the_customer_to_the_phone() {
    let (mut phone, house) = bank().await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    assert_eq!(house.set_status("anna", "lunch").await.0, 200);
    let mut call = house.call(CUSTOMER, Source::Silence).await.unwrap();
    assert!(call.stay(3 * SECOND).await);
    call.press(&['1']);
    assert!(call.stay(SECOND).await, "the number is read out");
    call.press(&['1']);
    assert!(!call.stay(15 * SECOND).await, "the bank says goodbye");
    call.hang_up().await;
    let (stage, _, whole) = house.callback().expect("the request is in the database");
    assert!(["calling", "due", "queued"].contains(&&*stage), "{stage}");
    assert_eq!((&whole["number"], &whole["proof"]["key"]), (&CUSTOMER.into(), &"1".into()));
    assert_eq!(whole["proof"]["from"], CUSTOMER);

    assert_eq!(house.set_status("anna", "ready").await.0, 200);
    let mut ringing = tokio::time::timeout(TALK, phone.ring()).await.expect("he is called back");
    assert!(ringing.ring(SECOND).await);
    let mut talk = ringing.answer(Source::Tone(700.0), false).await.unwrap();
    assert!(talk.stay(4 * SECOND).await);
    let heard = talk.hang_up().await;
    assert!(heard.tone_secs(1000) > 2.0, "he hears the agent: {heard:?}");
    let talked = anna.talked().await.unwrap();
    assert!(talked.heard.tone_secs(700) > 2.0, "the agent hears him: {:?}", talked.heard);

    let ended = async || house.callback().filter(|(stage, ..)| stage == "reached");
    let (_, attempts, _) = eventually("the request is over in the database", ended).await;
    assert_eq!(attempts, 1);
    let metrics = house.get("/metrics").await.1;
    for event in ["requested", "dialed", "reached"] {
        let line = format!("dozvon_callbacks_total{{event=\"{event}\",queue=\"general\"}} 1");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
    assert!(metrics.contains("outcome=\"callback\",queue=\"general\"} 1"), "{metrics}");
    let contacts = eventually("both contacts have ended", async || {
        Some(house.contacts()).filter(|all| all.len() == 2 && all.iter().all(|c| c.ended))
    })
    .await;
    let kinds: Vec<&str> = contacts[1].segments.iter().map(|s| &*s.kind).collect();
    assert!(kinds.contains(&"talk"), "{contacts:?}");
    house.stop().await;
    assert!(!house.log().contains("5550199"), "the log never shows the number");
}

/// A server that is killed forgets no request, and doesn't dial at once again whom it may have dialled.
#[tokio::test]
async fn requests_outlive_kill_9_and_nobody_is_called_twice() {
    let (mut phone, house) = bank().await;
    let asks = format!(r#"{{"number":"{CUSTOMER}","queue":"general","program":"site"}}"#);
    let (code, body) = house.post("/api/v1/callbacks", &asks).await;
    assert_eq!(code, 201, "{body}");
    assert_eq!(house.post("/api/v1/callbacks", &asks).await.0, 409, "one for a number");
    eventually("it is in the database", async || house.callback()).await;
    house.signal("KILL");
    house.exit_code().await;
    let house = house.open_again().await;
    let (_, body) = house.get("/api/v1/callbacks").await;
    let open: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&open[0]["number"], &open[0]["attempts"]), (&CUSTOMER.into(), &0.into()), "{body}");

    let _anna = house.agent("anna", manner(Answering::Answer)).await;
    let mut ringing = tokio::time::timeout(TALK, phone.ring()).await.expect("he is called back");
    assert!(ringing.ring(SECOND).await);
    house.signal("KILL");
    house.exit_code().await;
    let house = house.open_again().await;
    let (stage, attempts, whole) = eventually("what was begun is known", async || {
        house.callback().filter(|(stage, ..)| stage == "due")
    })
    .await;
    assert_eq!((&*stage, attempts, &whole["missed"]), ("due", 1, &"unknown".into()));
    let _anna = house.agent("anna", manner(Answering::Answer)).await;
    let again = tokio::time::timeout(3 * SECOND, phone.ring()).await;
    assert!(again.is_err(), "nobody is called twice in a row");
    let (_, body) = house.get("/api/v1/callbacks").await;
    assert!(body.contains("\"due\""), "{body}");
    house.stop().await;
}
