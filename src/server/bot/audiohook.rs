//! The messages of Genesys AudioHook, version 2, as its client, the platform, writes and reads them.
//!
//! Control is JSON in text messages, sound is µ-law in binary ones. Each side numbers its messages and says which of
//! the other's it has read last. What is read is data of a stranger: a type that is not known means nothing, what
//! can't be read is counted by whoever reads.

use super::dialect::{Said, Unreadable};
use super::limits::FRAME;
use super::twilio::Names;
use dozvon_center::bot::BotNote;
use dozvon_center::ids::Key;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The only sound that is spoken here.
const FORMAT: &str = "PCMU";

/// A message of the bot.
#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    seq: u64,
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    id: String,
    conversation: String,
    organization: String,
    /// Messages written so far.
    written: u64,
    /// The number of the bot's last one.
    read: u64,
    /// Sound sent so far.
    position: Duration,
    /// The bot has asked for the end.
    disconnected: bool,
}

impl Session {
    /// A session that nothing has been said on.
    pub(super) fn new(names: &Names) -> Session {
        Session {
            id: uuid(&names.stream),
            conversation: uuid(&names.call),
            organization: names.account.clone(),
            written: 0,
            read: 0,
            position: Duration::ZERO,
            disconnected: false,
        }
    }

    /// The headers of the handshake beside the key: who asks, for which session.
    pub(super) fn headers(names: &Names) -> [(&'static str, String); 3] {
        [
            ("audiohook-organization-id", names.account.clone()),
            ("audiohook-session-id", uuid(&names.stream)),
            ("audiohook-correlation-id", uuid(&names.call)),
        ]
    }

    /// The first message: what the call is, and what sound is offered.
    pub(super) fn open(&mut self, told: &[(&'static str, String)]) -> String {
        let find = |name: &str| {
            let found = told.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let variables: Map<String, Value> =
            told.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        let mut parameters = json!({
            "organizationId": self.organization, "conversationId": self.conversation,
            "participant": {"id": self.conversation, "ani": find("from_number"), "aniName": "",
                "dnis": find("to_number")},
            "media": [{"type": "audio", "format": FORMAT, "channels": ["external"], "rate": 8000}],
            "inputVariables": variables,
        });
        let language = find("lang");
        if !language.is_empty() {
            parameters["language"] = language.into();
        }
        self.message("open", parameters)
    }

    /// Counts a frame of the caller's sound that goes out.
    pub(super) fn sent_frame(&mut self) {
        self.position += FRAME;
    }

    /// The caller has pressed a key.
    pub(super) fn dtmf(&mut self, key: Key) -> String {
        self.message("dtmf", json!({"digit": key.as_char().to_string()}))
    }

    /// Asks whether the bot is there.
    pub(super) fn ping(&mut self) -> String {
        self.message("ping", json!({}))
    }

    /// The bot's sound begins to be heard, or all of it has been.
    pub(super) fn playback(&mut self, begins: bool) -> String {
        self.message(if begins { "playback_started" } else { "playback_completed" }, json!({}))
    }

    /// The last message.
    pub(super) fn close(&mut self) -> String {
        let reason = if self.disconnected { "disconnect" } else { "end" };
        self.message("close", json!({"reason": reason}))
    }

    fn message(&mut self, kind: &str, parameters: Value) -> String {
        self.written += 1;
        let position = format!("PT{}S", self.position.as_secs_f64());
        json!({
            "version": "2", "id": self.id, "type": kind, "seq": self.written, "serverseq": self.read,
            "position": position, "parameters": parameters,
        })
        .to_string()
    }

    /// Reads a message of the bot.
    ///
    /// # Errors
    /// It is no message of the protocol, or of another session.
    pub(super) fn read(&mut self, text: &str) -> Result<Said, Unreadable> {
        let Envelope { id, kind, seq, parameters } =
            serde_json::from_str(text).map_err(|_| Unreadable)?;
        if id != self.id {
            return Err(Unreadable);
        }
        self.read = self.read.max(seq);
        match kind.as_str() {
            "opened" if takes_our_sound(&parameters) => Ok(Said::Ready),
            "opened" => Ok(failed("it takes no sound in µ-law")),
            "event" if has_barge_in(&parameters) => Ok(Said::Clear),
            "disconnect" => {
                self.disconnected = true;
                Ok(disconnected(&parameters))
            }
            _ => Ok(Said::Unknown),
        }
    }
}

fn failed(reason: &str) -> Said {
    let note = Map::from_iter([("reason".to_owned(), reason.into())]);
    Said::HangUp { failed: true, note: BotNote::read(&note) }
}

fn takes_our_sound(opened: &Map<String, Value>) -> bool {
    let media = opened.get("media").and_then(Value::as_array);
    media.is_some_and(|media| media.iter().any(|one| one["format"] == FORMAT))
}

fn has_barge_in(event: &Map<String, Value>) -> bool {
    let entities = event.get("entities").and_then(Value::as_array);
    entities.is_some_and(|entities| entities.iter().any(|entity| entity["type"] == "barge_in"))
}

/// What a bot says at its end. Its output variables are texts of its own naming: those that have a meaning here get it,
/// the others are what it has found out.
fn disconnected(parameters: &Map<String, Value>) -> Said {
    let text = |key: &str| parameters.get(key).and_then(Value::as_str);
    if text("reason") != Some("completed") {
        return failed(text("info").or_else(|| text("reason")).unwrap_or("disconnected"));
    }
    let mut note = Map::new();
    let mut data = Map::new();
    let mut transfer = false;
    let variables = parameters.get("outputVariables").and_then(Value::as_object);
    for (name, value) in variables.into_iter().flatten() {
        match (name.as_str(), value) {
            ("action", value) => transfer = value == "transfer",
            ("transfer_to", value) => drop(note.insert("to".into(), value.clone())),
            ("reason" | "summary", value) => drop(note.insert(name.clone(), value.clone())),
            ("resolved", value) => {
                let resolved = value == "true" || *value == Value::Bool(true);
                note.insert("resolved".into(), resolved.into());
            }
            (_, value) => drop(data.insert(name.clone(), value.clone())),
        }
    }
    note.insert("data".into(), data.into());
    let note = BotNote::read(&note);
    if transfer { Said::Transfer(note) } else { Said::HangUp { failed: false, note } }
}

/// A name of ours, a prefix and 32 hexadecimal digits, written as a UUID.
fn uuid(name: &str) -> String {
    let digits = &name[name.len() - 32..];
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abababab-abab-abab-abab-abababababab";

    fn session() -> Session {
        Session::new(&Names::of([0xab; 32], "bank"))
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    /// A message of the bot.
    fn said(session: &mut Session, kind: &str, parameters: &Value) -> Result<Said, Unreadable> {
        let message = json!({"version": "2", "id": ID, "type": kind, "seq": 7, "clientseq": 1,
            "parameters": parameters});
        session.read(&message.to_string())
    }

    #[test]
    fn the_first_message_says_what_the_call_is_and_what_sound_is_offered() {
        let told = [
            ("from_number", "+77010000001".to_owned()),
            ("to_number", "100".to_owned()),
            ("lang", "kk".to_owned()),
        ];
        let wanted = json!({
            "version": "2", "id": ID, "type": "open", "seq": 1, "serverseq": 0, "position": "PT0S",
            "parameters": {
                "organizationId": "bank", "conversationId": ID, "language": "kk",
                "participant": {"id": ID, "ani": "+77010000001", "aniName": "", "dnis": "100"},
                "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
                "inputVariables": {"from_number": "+77010000001", "to_number": "100", "lang": "kk"},
            },
        });
        assert_eq!(parsed(&session().open(&told)), wanted);
        let hidden = parsed(&session().open(&[]));
        assert_eq!(hidden["parameters"]["participant"]["ani"], "");
        assert_eq!(hidden["parameters"].get("language"), None);
    }

    #[test]
    fn messages_are_numbered_and_say_where_the_sound_is_and_what_was_read() {
        let mut session = session();
        session.open(&[]);
        let opened = json!({"startPaused": false, "media": [{"type": "audio", "format": "PCMU",
            "channels": ["external"], "rate": 8000}]});
        assert_eq!(said(&mut session, "opened", &opened), Ok(Said::Ready));
        for _ in 0..60 {
            session.sent_frame();
        }
        let dtmf = parsed(&session.dtmf(Key::new('5').unwrap()));
        assert_eq!((&dtmf["seq"], &dtmf["serverseq"]), (&2.into(), &7.into()));
        assert_eq!(
            (&dtmf["position"], &dtmf["parameters"]["digit"]),
            (&"PT1.2S".into(), &"5".into())
        );
        assert_eq!(parsed(&session.ping())["type"], "ping");
        assert_eq!(parsed(&session.playback(true))["type"], "playback_started");
        assert_eq!(parsed(&session.playback(false))["type"], "playback_completed");
        let close = parsed(&session.close());
        assert_eq!((&close["seq"], &close["parameters"]["reason"]), (&6.into(), &"end".into()));
    }

    #[test]
    fn what_a_bot_says_is_read() {
        let mut session = session();
        let barge_in = json!({"entities": [{"type": "barge_in", "data": {}}]});
        assert_eq!(said(&mut session, "event", &barge_in), Ok(Said::Clear));
        assert_eq!(said(&mut session, "event", &json!({"entities": []})), Ok(Said::Unknown));
        assert_eq!(said(&mut session, "pong", &json!({})), Ok(Said::Unknown));
        assert_eq!(said(&mut session, "closed", &json!({})), Ok(Said::Unknown));
        let deaf = said(&mut session, "opened", &json!({"media": []}));
        assert!(matches!(deaf, Ok(Said::HangUp { failed: true, .. })), "{deaf:?}");
    }

    #[test]
    fn the_output_variables_of_a_disconnect_are_its_note() {
        let mut session = session();
        let transfer = json!({"reason": "completed", "outputVariables": {"action": "transfer",
            "transfer_to": "queue:cards", "summary": "wants to block a card", "intent": "card_block"}});
        let Ok(Said::Transfer(note)) = said(&mut session, "disconnect", &transfer) else {
            panic!("a transfer")
        };
        assert_eq!(
            (note.to.as_deref(), &*note.data["intent"]),
            (Some("queue:cards"), "card_block")
        );
        assert_eq!(note.summary.as_deref(), Some("wants to block a card"));
        assert_eq!(parsed(&session.close())["parameters"]["reason"], "disconnect");
        let done = json!({"reason": "completed", "outputVariables": {"resolved": "true"}});
        let Ok(Said::HangUp { failed: false, note }) = said(&mut session, "disconnect", &done)
        else {
            panic!("it is done")
        };
        assert_eq!(note.resolved, Some(true));
        let error = json!({"reason": "error", "info": "no model"});
        let Ok(Said::HangUp { failed: true, note }) = said(&mut session, "disconnect", &error)
        else {
            panic!("it failed")
        };
        assert_eq!(note.reason.as_deref(), Some("no model"));
    }

    #[test]
    fn what_cannot_be_read_is_said_so() {
        let other = json!({"version": "2", "id": "another", "type": "pong", "seq": 1}).to_string();
        for text in ["", "[]", "{}", r#"{"id":1}"#, &other] {
            assert_eq!(session().read(text), Err(Unreadable), "{text}");
        }
    }
}
