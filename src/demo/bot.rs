//! The demo's voice bot over a stream: it speaks Twilio Media Streams as any bot of the world would, from within.
//!
//! It greets in the bank's own voice. 1: it counts to three. 2: a person, who reads what it says. 3: it is done.

use super::sound;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// Callers with it at once; one more is not taken, and goes to people.
const TALKS_MAX: usize = 100;
/// How long nobody is taken after a connection that could not be.
const REST: Duration = Duration::from_millis(100);

const HELLO: &[u8] = include_bytes!("../../ivr-flows/prompts/ru/hello.wav");
const NUMBERS: [&[u8]; 3] = [
    include_bytes!("../../ivr-flows/prompts/ru/say-1.wav"),
    include_bytes!("../../ivr-flows/prompts/ru/say-2.wav"),
    include_bytes!("../../ivr-flows/prompts/ru/say-3.wav"),
];

/// A bot that listens; it ends when dropped.
#[derive(Debug)]
pub(super) struct StreamBot {
    local: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for StreamBot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StreamBot {
    /// Listens on a port of the system's choice.
    ///
    /// # Errors
    /// The system gives none.
    pub(super) async fn start() -> std::io::Result<StreamBot> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let local = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut talks = JoinSet::new();
            loop {
                tokio::select! {
                    taken = listener.accept() => match taken {
                        Ok((stream, _)) if talks.len() < TALKS_MAX => drop(talks.spawn(talk(stream))),
                        Ok(_) => {}
                        // Out of descriptors: those who talk give theirs back.
                        Err(_) => tokio::time::sleep(REST).await,
                    },
                    Some(_) = talks.join_next() => {}
                }
            }
        });
        Ok(StreamBot { local, task })
    }

    /// Where it is to be connected with.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }
}

/// One caller.
async fn talk(stream: TcpStream) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let mut sid = Value::Null;
    while let Some(Ok(message)) = socket.next().await {
        let Ok(text) = message.to_text() else { continue };
        let Ok(message) = serde_json::from_str::<Value>(text) else { continue };
        if message["event"] == "start" {
            sid = message["start"]["streamSid"].clone();
        }
        for mut said in answer(&message) {
            said["streamSid"] = sid.clone();
            if socket.send(Message::text(said.to_string())).await.is_err() {
                return;
            }
        }
    }
}

/// What it says to a message.
fn answer(message: &Value) -> Vec<Value> {
    let says = |wavs: &[&[u8]]| {
        let sound: Vec<u8> = wavs.iter().flat_map(|wav| ulaw(wav)).collect();
        json!({"event": "media", "media": {"payload": BASE64.encode(sound)}})
    };
    let clear = json!({"event": "clear"});
    match (message["event"].as_str(), message["dtmf"]["digit"].as_str()) {
        (Some("start"), _) => vec![says(&[HELLO, super::VOICE])],
        (Some("dtmf"), Some("1")) => vec![clear, says(&NUMBERS)],
        (Some("dtmf"), Some("2")) => {
            let summary = "Клиент демо просит человека";
            let said = json!({"reason": "customer_request", "summary": summary});
            vec![json!({"event": "transfer", "transfer": said})]
        }
        (Some("dtmf"), Some("3")) => {
            vec![json!({"event": "hangup", "hangup": {"reason": "done", "resolved": true}})]
        }
        _ => Vec::new(),
    }
}

/// A prompt of the bank, as a stream wants it.
fn ulaw(wav: &[u8]) -> Vec<u8> {
    sound(wav).iter().map(|sample| audio_codec_algorithms::encode_ulaw(*sample)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_greets_counts_hands_over_and_is_done() {
        let events = |message: Value| {
            let said = answer(&message);
            let word = |said: &Value| said["event"].as_str().unwrap_or_default().to_owned();
            said.iter().map(word).collect::<Vec<_>>()
        };
        let key = |digit: &str| json!({"event": "dtmf", "dtmf": {"digit": digit}});
        assert_eq!(events(json!({"event": "start", "start": {}})), ["media"]);
        assert_eq!(events(key("1")), ["clear", "media"]);
        assert_eq!(events(key("2")), ["transfer"]);
        assert_eq!(events(key("3")), ["hangup"]);
        assert!(events(key("9")).is_empty() && events(json!({"event": "media"})).is_empty());
        assert!(ulaw(HELLO).len() > 8_000, "more than a second of speech");
    }
}
