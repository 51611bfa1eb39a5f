//! A bot that speaks Genesys AudioHook, over a real WebSocket, between a real caller and a real agent.

use crate::bot::FLOW;
use crate::house::{Furnishing, House, tone_manner};
use crate::phone::Source;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

const SECOND: Duration = Duration::from_secs(1);

/// What the bot was told, each handshake and message.
type Told = Arc<Mutex<Vec<Value>>>;

/// Sends back what it hears; key 4 makes it ask for a person.
async fn serve(stream: TcpStream, told: Told) {
    let headers = told.clone();
    #[allow(clippy::result_large_err, reason = "the library's own answer")]
    let note = |request: &Request, response: Response| {
        let header =
            |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let (key, session) = (header("x-api-key"), header("audiohook-session-id"));
        headers.lock().unwrap().push(json!({"type": "handshake", "key": key, "session": session}));
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
    let mut written = 0;
    while let Some(Ok(message)) = socket.next().await {
        let answer = match message {
            Message::Binary(sound) => Some(Message::Binary(sound)),
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                told.lock().unwrap().push(message.clone());
                answer(&message).map(|(kind, parameters)| {
                    written += 1;
                    let (id, seq) = (&message["id"], &message["seq"]);
                    let answer = json!({"version": "2", "id": id, "type": kind, "seq": written,
                        "clientseq": seq, "parameters": parameters});
                    Message::text(answer.to_string())
                })
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
        };
        if let Some(answer) = answer
            && socket.send(answer).await.is_err()
        {
            return;
        }
    }
}

fn answer(message: &Value) -> Option<(&'static str, Value)> {
    match message["type"].as_str().unwrap() {
        "open" => {
            Some(("opened", json!({"startPaused": false, "media": message["parameters"]["media"]})))
        }
        "ping" => Some(("pong", json!({}))),
        "dtmf" if message["parameters"]["digit"] == "4" => {
            let variables = json!({"action": "transfer", "transfer_to": "queue:cards",
                "reason": "customer_request", "summary": "Хочет человека", "intent": "block"});
            Some(("disconnect", json!({"reason": "completed", "outputVariables": variables})))
        }
        "close" => Some(("closed", json!({}))),
        _ => None,
    }
}

#[tokio::test]
async fn a_bot_by_audiohook_talks_with_the_caller_and_hands_him_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, told) = (listener.local_addr().unwrap().port(), Told::default());
    let notes = told.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, notes.clone()));
        }
    });
    let bots = format!(
        "[[bot]]\nname = \"helper\"\nstream = \"ws://127.0.0.1:{port}/hook\"\nprotocol = \"audiohook\"\n\
         token_file = \"bot-token\"\naccount = \"bank\"\n"
    );
    let files = vec![
        ("bots.toml", bots),
        ("bot-token", "a-key-of-the-test\n".to_owned()),
        ("rollouts/cards.toml", String::new()),
    ];
    let house =
        House::furnished(Furnishing { files, flow: Some(FLOW.into()), ..Furnishing::default() })
            .await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = house.call("+77015550170", Source::Tone(700.0)).await.unwrap();
    assert!(call.stay(SECOND / 2).await);
    call.press(&['3']);
    assert!(call.stay(4 * SECOND).await);
    assert!(call.heard().tone_secs(700) > 2.0, "his own voice comes back: {:?}", call.heard());
    call.press(&['4']);
    assert!(call.stay(4 * SECOND).await);
    let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
    let card = &calls[0]["card"]["bot"];
    assert_eq!((&card["summary"], &card["to"]), (&json!("Хочет человека"), &json!("queue:cards")));
    assert_eq!(card["data"], json!({"intent": "block"}));
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna has him");
    assert!(anna.talked().await.unwrap().heard.tone_secs(700) > 1.0);
    house.stop().await;
    let told = told.lock().unwrap();
    assert_eq!(
        (&told[0]["key"], &told[0]["session"]),
        (&json!("a-key-of-the-test"), &told[1]["id"])
    );
    let open = &told[1]["parameters"];
    assert_eq!(
        (&open["organizationId"], &open["participant"]["ani"]),
        (&json!("bank"), &json!("+77015550170"))
    );
    let kinds: Vec<&str> = told.iter().map(|message| message["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..3], ["handshake", "open", "playback_started"]);
    assert!(kinds.contains(&"dtmf") && kinds.last() == Some(&"close"), "{kinds:?}");
    assert!(!house.log().contains("a-key-of-the-test"), "{}", house.log());
}
