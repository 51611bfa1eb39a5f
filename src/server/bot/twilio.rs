//! The messages of Twilio Media Streams as the platform writes and reads them, and the two events of ours.
//!
//! What is written is exact: bots find out by the first two messages with whom they speak. What is read is data of a
//! stranger: an event that is not known means nothing, one that can't be read is counted by whoever reads.

use super::dialect::{Said, Unreadable};
use super::limits::MARK_CHARS_MAX;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dozvon_center::bot::BotNote;
use dozvon_center::ids::Key;
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha1::Sha1;
use std::borrow::Cow;
use std::time::Duration;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    media: Option<Media<'a>>,
    #[serde(default)]
    mark: Option<Mark>,
    #[serde(default)]
    transfer: Option<Map<String, Value>>,
    #[serde(default)]
    hangup: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Mark {
    name: String,
}

/// Reads a message to the stream of this name.
///
/// # Errors
/// It is no message of the contract, or of another stream.
pub(super) fn read(text: &str, stream_sid: &str) -> Result<Said, Unreadable> {
    let message: Envelope<'_> = serde_json::from_str(text).map_err(|_| Unreadable)?;
    if message.stream_sid.is_some_and(|named| named != stream_sid) {
        return Err(Unreadable);
    }
    match &*message.event {
        "media" => {
            let payload = message.media.ok_or(Unreadable)?.payload;
            BASE64.decode(payload.as_bytes()).map(Said::Sound).map_err(|_| Unreadable)
        }
        "mark" => match message.mark {
            Some(Mark { name }) if name.chars().count() <= MARK_CHARS_MAX => Ok(Said::Mark(name)),
            Some(_) | None => Err(Unreadable),
        },
        "clear" => Ok(Said::Clear),
        "transfer" => Ok(Said::Transfer(BotNote::read(&message.transfer.unwrap_or_default()))),
        "hangup" => {
            let object = message.hangup.unwrap_or_default();
            let failed = object.get("outcome").and_then(Value::as_str) == Some("failed");
            Ok(Said::HangUp { failed, note: BotNote::read(&object) })
        }
        _ => Ok(Said::Unknown),
    }
}

/// By what a stream and its call are known to the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// `MZ` and 32 hexadecimal digits.
    pub(crate) stream: String,
    /// `CA` and 32 hexadecimal digits.
    pub(crate) call: String,
    /// The account.
    pub(crate) account: String,
}

impl Names {
    /// Names made of random bytes.
    pub(crate) fn of(random: [u8; 32], account: &str) -> Names {
        let (stream, call) = random.split_at(16);
        Names {
            stream: format!("MZ{}", hex::encode(stream)),
            call: format!("CA{}", hex::encode(call)),
            account: account.to_owned(),
        }
    }
}

/// Writes the messages of one stream.
#[derive(Debug)]
pub(crate) struct Writer {
    names: Names,
    sequence: u64,
    chunk: u64,
}

impl Writer {
    /// A stream that nothing has been said on.
    pub(crate) fn new(names: Names) -> Writer {
        Writer { names, sequence: 0, chunk: 0 }
    }

    /// The stream's name.
    pub(crate) fn stream(&self) -> &str {
        &self.names.stream
    }

    /// The first message.
    pub(crate) fn connected() -> String {
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string()
    }

    /// The second one, before any sound.
    pub(crate) fn start(&mut self, parameters: &[(&'static str, String)]) -> String {
        let told: Map<String, Value> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        let Names { stream, call, account } = self.names.clone();
        let start = json!({
            "accountSid": account, "streamSid": stream, "callSid": call, "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": told,
        });
        self.event("start", start)
    }

    /// Sound of the caller, so long after the start.
    pub(crate) fn media(&mut self, after: Duration, sound: &[u8]) -> String {
        self.chunk += 1;
        let media = json!({
            "track": "inbound", "chunk": self.chunk.to_string(), "timestamp": after.as_millis().to_string(),
            "payload": BASE64.encode(sound),
        });
        self.event("media", media)
    }

    /// A key of the caller.
    pub(crate) fn dtmf(&mut self, key: Key) -> String {
        self.event("dtmf", json!({"track": "inbound_track", "digit": key.as_char().to_string()}))
    }

    /// A mark comes back.
    pub(crate) fn mark(&mut self, name: &str) -> String {
        self.event("mark", json!({ "name": name }))
    }

    /// The last message.
    pub(crate) fn stop(&mut self) -> String {
        let Names { call, account, .. } = self.names.clone();
        self.event("stop", json!({"accountSid": account, "callSid": call}))
    }

    fn event(&mut self, event: &str, body: Value) -> String {
        self.sequence += 1;
        let mut message = json!({
            "event": event, "sequenceNumber": self.sequence.to_string(), "streamSid": self.names.stream,
        });
        message[event] = body;
        message.to_string()
    }
}

/// The value of `X-Twilio-Signature`: bots that check who calls them are shown that we know their token.
pub(crate) fn signature(token: &str, url: &str) -> String {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        Writer::new(Names::of([0xab; 32], "AClocal"))
    }

    #[test]
    fn what_is_written_is_what_bots_expect() {
        let mut writer = writer();
        let connected: Value = serde_json::from_str(&Writer::connected()).unwrap();
        assert_eq!(
            connected,
            json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        );
        let told = [("lang", "kk".to_owned())];
        let start: Value = serde_json::from_str(&writer.start(&told)).unwrap();
        let sid = |kind: &str| format!("{kind}{}", "ab".repeat(16));
        let wanted = json!({"event": "start", "sequenceNumber": "1", "streamSid": sid("MZ"), "start": {
            "accountSid": "AClocal", "streamSid": sid("MZ"), "callSid": sid("CA"), "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"lang": "kk"}}});
        assert_eq!(start, wanted);
        let media: Value =
            serde_json::from_str(&writer.media(Duration::from_millis(40), &[0, 255])).unwrap();
        let wanted = json!({"event": "media", "sequenceNumber": "2", "streamSid": sid("MZ"),
            "media": {"track": "inbound", "chunk": "1", "timestamp": "40", "payload": "AP8="}});
        assert_eq!(media, wanted);
        let dtmf: Value = serde_json::from_str(&writer.dtmf(Key::new('#').unwrap())).unwrap();
        assert_eq!(dtmf["dtmf"], json!({"track": "inbound_track", "digit": "#"}));
        let mark: Value = serde_json::from_str(&writer.mark("he said \"hi\"")).unwrap();
        assert_eq!(mark["mark"], json!({"name": "he said \"hi\""}));
        let stop: Value = serde_json::from_str(&writer.stop()).unwrap();
        assert_eq!(stop["stop"], json!({"accountSid": "AClocal", "callSid": sid("CA")}));
        assert_eq!(stop["sequenceNumber"], "5");
    }

    #[test]
    fn every_event_of_a_bot_is_read() {
        let read = |text: &str| read(text, "MZ1");
        assert_eq!(
            read(r#"{"event":"media","streamSid":"MZ1","media":{"payload":"AP8="}}"#),
            Ok(Said::Sound(vec![0, 255]))
        );
        assert_eq!(
            read(r#"{"event":"mark","mark":{"name":"a\nb"}}"#),
            Ok(Said::Mark("a\nb".into()))
        );
        assert_eq!(read(r#"{"event":"clear","streamSid":"MZ1"}"#), Ok(Said::Clear));
        let transfer =
            r#"{"event":"transfer","transfer":{"to":"queue:cards","summary":"s","data":{"a":1}}}"#;
        let Ok(Said::Transfer(note)) = read(transfer) else { panic!("a transfer") };
        assert_eq!((note.to.as_deref(), &*note.data["a"]), (Some("queue:cards"), "1"));
        assert_eq!(read(r#"{"event":"transfer"}"#), Ok(Said::Transfer(BotNote::default())));
        let hangup = r#"{"event":"hangup","hangup":{"reason":"done","resolved":true}}"#;
        let Ok(Said::HangUp { failed, note }) = read(hangup) else { panic!("a hang-up") };
        assert_eq!((failed, note.resolved), (false, Some(true)));
        let failed = read(r#"{"event":"hangup","hangup":{"outcome":"failed"}}"#);
        assert_eq!(failed, Ok(Said::HangUp { failed: true, note: BotNote::default() }));
        assert_eq!(read(r#"{"event":"sing","song":[1,2]}"#), Ok(Said::Unknown));
    }

    #[test]
    fn what_cannot_be_read_is_said_so_and_never_more() {
        let long = "x".repeat(MARK_CHARS_MAX + 1);
        for text in [
            "",
            "[]",
            "{}",
            "{\"event\":5}",
            r#"{"event":"media"}"#,
            r#"{"event":"media","media":{"payload":"not base64!"}}"#,
            r#"{"event":"media","media":{"payload":7}}"#,
            r#"{"event":"mark","mark":{}}"#,
            r#"{"event":"clear","streamSid":"MZ2"}"#,
            r#"{"event":"transfer","transfer":"queue"}"#,
            &format!(r#"{{"event":"mark","mark":{{"name":"{long}"}}}}"#),
        ] {
            assert_eq!(read(text, "MZ1"), Err(Unreadable), "{text}");
        }
    }

    #[test]
    fn the_signature_is_that_of_the_published_algorithm() {
        // openssl: printf 'wss://bot.example/ws' | openssl dgst -sha1 -hmac 12345 -binary | base64
        assert_eq!(signature("12345", "wss://bot.example/ws"), "ZP1CdL+sV2pQZPttopnfF5CMYMM=");
    }
}
