//! The sample customer system of `deploy/samples/crm`, run as it is: its customer's name is with the agent before he
//! answers, and a call is never lost for want of it.

use crate::house::{Furnishing, House, TALK, eventually, tone_manner};
use crate::phone::{Call, Source};
use futures_util::StreamExt as _;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::http::Request;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/crm");
const TOKEN: &str = "a-token-of-the-test";

fn sample(name: &str) -> String {
    std::fs::read_to_string(format!("{SAMPLE}/{name}")).unwrap()
}

/// The sample server and a house that asks it.
async fn bank() -> (Child, House) {
    let mut crm = Command::new("python3")
        .args([&format!("{SAMPLE}/crm.py"), "--port", "0"])
        .env("CRM_TOKEN", TOKEN)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 is there");
    let mut lines = BufReader::new(crm.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(TALK, lines.next_line()).await.expect("in time").unwrap();
    let endpoints = sample("endpoints.toml")
        .replace("http://127.0.0.1:8090", &line.expect("it says where it listens"))
        .replace("secrets/crm-token", "crm-token");
    let numbers = "[[number]]\ndial = \"100\"\nflow = \"screen-pop\"\n".to_owned();
    let house = House::furnished(Furnishing {
        files: vec![
            ("endpoints.toml", endpoints),
            ("crm-token", format!("{TOKEN}\n")),
            ("numbers.toml", numbers),
        ],
        // A slow machine is no slow customer system.
        flow: Some(sample("screen-pop.yaml").replace("800ms", "10s").replace("20s", "30s")),
        ..Furnishing::default()
    })
    .await;
    (crm, house)
}

/// The live events as the holder of this token sees them.
pub(crate) async fn screen(house: &House, who: &str) -> WebSocketStream<TcpStream> {
    let token = house.folder().join("secrets/tokens").join(who);
    let token = std::fs::read_to_string(token).unwrap();
    let address = house.http_address();
    let request = Request::builder()
        .uri(format!("ws://{address}/api/v1/events"))
        .header("host", address.to_string())
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", format!("dozvon.events.v1, bearer.{}", token.trim()))
        .body(())
        .unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// The next fact of this name.
async fn next(screen: &mut WebSocketStream<TcpStream>, fact: &str) -> Value {
    let found = tokio::time::timeout(TALK, async {
        loop {
            let message = screen.next().await.unwrap().unwrap();
            let Ok(text) = message.to_text() else { continue };
            let Ok(told) = serde_json::from_str::<Value>(text) else { continue };
            if told["fact"] == fact {
                return told;
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("`{fact}` was never told"))
}

/// Talks for a while and hangs up.
async fn talk(mut call: Call) {
    assert!(call.stay(Duration::from_secs(3)).await, "the call goes on");
    call.hang_up().await;
}

#[tokio::test]
async fn the_agent_sees_who_calls_when_his_phone_rings_and_nobody_else_does() {
    let (mut crm, house) = bank().await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let (mut own, mut wall) = (screen(&house, "anna").await, screen(&house, "monitor").await);

    let call = house.call("+77015550150", Source::Silence).await.unwrap();
    let asked = next(&mut own, "lookup_ended").await;
    assert_eq!((&asked["end"], &asked["customer"]), (&"ok".into(), &"known".into()), "{asked}");
    call.press(&['0']);
    let offer = next(&mut own, "offer_started").await;
    let customer = &offer["card"]["customer"];
    assert_eq!(customer["name"], "Айгуль Сериковна", "{offer}");
    assert_eq!(
        (&customer["segment"], &customer["identification"]),
        (&"senior".into(), &"by_number".into())
    );
    assert_eq!(
        (&offer["card"]["language"], &customer["offers"][0]),
        (&"kk".into(), &"gold-card".into())
    );
    let seen = next(&mut wall, "offer_started").await;
    assert_eq!(seen["card"]["customer"]["segment"], "senior");
    assert!(!seen.to_string().contains("Айгуль") && !seen.to_string().contains("C-1001"));
    let id = offer["call"].as_u64().unwrap();
    let (code, row) = house.get(&format!("/api/v1/calls/{id}")).await;
    assert!(code == 200 && row.contains("Айгуль Сериковна"), "{row}");
    talk(call).await;
    anna.talked().await.unwrap();

    // A number of nobody, and one of two.
    for (number, state) in [("+77015550159", "unknown"), ("+77015550151", "several")] {
        eventually("anna is free", async || {
            let row = house.agent_row("anna").await;
            (row["activity"] == "idle" && row["status"] == "ready").then_some(())
        })
        .await;
        let call = house.call(number, Source::Silence).await.unwrap();
        next(&mut own, "lookup_ended").await;
        call.press(&['0']);
        let offer = next(&mut own, "offer_started").await;
        assert_eq!(offer["card"]["customer"]["state"], state, "{offer}");
        talk(call).await;
        anna.talked().await.unwrap();
    }

    // Without the customer system the caller gets his agent all the same.
    crm.kill().await.unwrap();
    eventually("anna is free", async || {
        let row = house.agent_row("anna").await;
        (row["activity"] == "idle" && row["status"] == "ready").then_some(())
    })
    .await;
    let call = house.call("+77015550150", Source::Silence).await.unwrap();
    let asked = next(&mut own, "lookup_ended").await;
    assert_eq!(
        (&asked["end"], &asked["flaw"]),
        (&"error".into(), &"unreachable".into()),
        "{asked}"
    );
    call.press(&['0']);
    let offer = next(&mut own, "offer_started").await;
    assert!(offer["card"]["customer"].is_null(), "{offer}");
    talk(call).await;
    anna.talked().await.unwrap();

    let metrics = house.get("/metrics").await.1;
    for (outcome, count) in
        [("ok", 1), ("not_found", 1), ("several", 1), ("error", 1), ("timeout", 0)]
    {
        let line = format!(
            "dozvon_endpoint_requests_total{{endpoint=\"sample-crm\",outcome=\"{outcome}\"}} {count}"
        );
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
    house.stop().await;
    let events = std::fs::read_to_string(house.folder().join("events.jsonl")).unwrap();
    assert!(events.contains("lookup_ended"));
    for (what, text) in [("log", house.log()), ("event log", events), ("metrics", metrics)] {
        for personal in ["Айгуль", "C-1001", "gold-card", "Almaty 3", TOKEN] {
            assert!(!text.contains(personal), "`{personal}` in the {what}");
        }
    }
}
