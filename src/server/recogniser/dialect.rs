//! The messages of recognisers: vosk-server's protocol, and Twilio Media Streams one way with words coming back.
//!
//! What is read is data of a stranger: what can't be read is counted, what is of another kind means nothing. It may be
//! a secret of the caller, so it goes to one place and to no log.

use super::limits::{PACKET_BYTES, PACKETS_PER_MESSAGE, TEXT_CHARS_MAX};
use crate::server::bot::dialect::{Letter, Unreadable};
use crate::server::bot::twilio::Writer;
use dozvon_media::codec::g711::ulaw_decode;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The first message of vosk-server's protocol: what the sound is like.
const VOSK_CONFIG: &str = r#"{"config" : {"sample_rate" : 8000}}"#;
/// Its last one. The server compares it as a text, so the spaces count.
const VOSK_EOF: &str = r#"{"eof" : 1}"#;

/// A protocol, and where it stands.
#[derive(Debug)]
pub(super) enum Dialect {
    /// vosk-server's, with µ-law that is not sent yet.
    Vosk(Vec<u8>),
    /// Twilio Media Streams, and the language that it is told.
    MediaStream(Box<Writer>, Arc<str>),
}

impl Dialect {
    /// The first messages, before any sound.
    pub(super) fn open(&mut self) -> Vec<String> {
        match self {
            Dialect::Vosk(_) => vec![VOSK_CONFIG.to_owned()],
            Dialect::MediaStream(writer, language) => {
                vec![Writer::connected(), writer.start(&[("lang", language.to_string())])]
            }
        }
    }

    /// A packet of the caller's sound in µ-law, so long after the start; `None` until there is enough for a message.
    pub(super) fn sound(&mut self, after: Duration, sound: &[u8]) -> Option<Letter> {
        match self {
            Dialect::Vosk(waiting) => {
                waiting.extend_from_slice(sound);
                (waiting.len() >= PACKETS_PER_MESSAGE * PACKET_BYTES).then(|| {
                    let linear = waiting.drain(..).flat_map(|code| ulaw_decode(code).to_le_bytes());
                    Letter::Sound(linear.collect())
                })
            }
            Dialect::MediaStream(writer, _) => Some(Letter::TextSound(writer.media(after, sound))),
        }
    }

    /// How many packets a message with sound holds.
    pub(super) const fn packets_per_message(&self) -> usize {
        match self {
            Dialect::Vosk(_) => PACKETS_PER_MESSAGE,
            Dialect::MediaStream(..) => 1,
        }
    }

    /// Whether every message with sound is answered.
    pub(super) const fn answers_sound(&self) -> bool {
        match self {
            Dialect::Vosk(_) => true,
            Dialect::MediaStream(..) => false,
        }
    }

    /// The last message.
    pub(super) fn close(&mut self) -> String {
        match self {
            Dialect::Vosk(_) => VOSK_EOF.to_owned(),
            Dialect::MediaStream(writer, _) => writer.stop(),
        }
    }

    /// What a message says that the caller has said so far; `None` when it says nothing about that.
    ///
    /// # Errors
    /// It is no message of the protocol.
    pub(super) fn read(&self, text: &str) -> Result<Option<Arc<str>>, Unreadable> {
        let said = match self {
            Dialect::Vosk(_) => vosk(text)?,
            Dialect::MediaStream(writer, _) => media_stream(text, writer.stream())?,
        };
        Ok(said.map(|said| tail(&said)).filter(|said| !said.is_empty()))
    }
}

#[derive(Deserialize)]
struct Understood {
    /// What is being said.
    #[serde(default)]
    partial: Option<String>,
    /// What has been said.
    #[serde(default)]
    text: Option<String>,
    /// The same in several readings, where the server is told to give them: the first one is the likeliest.
    #[serde(default)]
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    text: String,
}

fn vosk(text: &str) -> Result<Option<String>, Unreadable> {
    let Understood { partial, text, alternatives } =
        serde_json::from_str(text).map_err(|_| Unreadable)?;
    let likeliest = alternatives.into_iter().next().map(|alternative| alternative.text);
    Ok(partial.or(text).or(likeliest))
}

#[derive(Deserialize)]
struct Event {
    event: String,
    #[serde(default, rename = "streamSid")]
    stream_sid: Option<String>,
    #[serde(default)]
    word: Option<String>,
}

/// `{"event": "word", "word": "…"}`; other events mean nothing.
fn media_stream(text: &str, stream_sid: &str) -> Result<Option<String>, Unreadable> {
    let event: Event = serde_json::from_str(text).map_err(|_| Unreadable)?;
    if event.stream_sid.is_some_and(|named| named != stream_sid) {
        return Err(Unreadable);
    }
    match (&*event.event, event.word) {
        ("word", None) => Err(Unreadable),
        ("word", word) => Ok(word),
        (_, _) => Ok(None),
    }
}

/// The end of a text that is too long.
fn tail(text: &str) -> Arc<str> {
    let text = text.trim();
    let over = text.chars().count().saturating_sub(TEXT_CHARS_MAX);
    text.chars().skip(over).collect::<String>().into()
}

/// The signature or token that a recogniser is shown, as a header.
pub(super) fn vosk_token(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::bot::twilio::Names;
    use dozvon_media::codec::g711::ulaw_encode;
    use serde_json::{Value, json};

    fn vosk() -> Dialect {
        Dialect::Vosk(Vec::new())
    }

    fn stream() -> Dialect {
        let names = Names::of([0xab; 32], "AClocal");
        Dialect::MediaStream(Box::new(Writer::new(names)), "kk".into())
    }

    #[test]
    fn vosk_is_told_the_rate_and_gets_linear_sound_in_tenths_of_a_second() {
        let mut vosk = vosk();
        let config: Value = serde_json::from_str(&vosk.open()[0]).unwrap();
        assert_eq!(config, json!({"config": {"sample_rate": 8000}}));
        let loud = [ulaw_encode(16_000); PACKET_BYTES];
        for _ in 1..PACKETS_PER_MESSAGE {
            assert_eq!(vosk.sound(Duration::ZERO, &loud), None);
        }
        let Some(Letter::Sound(bytes)) = vosk.sound(Duration::ZERO, &loud) else { panic!("sound") };
        assert_eq!(bytes.len(), 2 * PACKET_BYTES * PACKETS_PER_MESSAGE);
        for sample in bytes.chunks(2).map(|two| i16::from_le_bytes([two[0], two[1]])) {
            assert!((15_000..17_000).contains(&sample), "{sample}");
        }
        assert_eq!(vosk.sound(Duration::ZERO, &loud), None, "it begins anew");
        assert_eq!(vosk.close(), "{\"eof\" : 1}", "as the server compares it");
    }

    #[test]
    fn vosk_says_what_is_and_what_was_said() {
        for (text, said) in [
            (r#"{"partial" : "опер"}"#, Some("опер")),
            (r#"{"partial" : ""}"#, None),
            (
                r#"{"text" : " оператор ", "result" : [{"conf":1.0,"word":"оператор"}]}"#,
                Some("оператор"),
            ),
            (r#"{"text" : ""}"#, None),
            (
                r#"{"alternatives" : [{"confidence":200.1,"text":"маман"},{"text":"маған"}]}"#,
                Some("маман"),
            ),
            ("{}", None),
        ] {
            assert_eq!(
                vosk().read(text).map(|said| said.as_deref().map(str::to_owned)),
                Ok(said.map(str::to_owned))
            );
        }
    }

    #[test]
    fn a_media_stream_is_one_way_and_words_come_back() {
        let mut stream = stream();
        let opened: Vec<Value> =
            stream.open().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(
            (&opened[0]["event"], &opened[1]["event"]),
            (&json!("connected"), &json!("start"))
        );
        assert_eq!(opened[1]["start"]["tracks"], json!(["inbound"]));
        assert_eq!(opened[1]["start"]["customParameters"], json!({"lang": "kk"}));
        let Some(Letter::TextSound(media)) = stream.sound(Duration::from_millis(40), &[0, 255])
        else {
            panic!("every packet is a message")
        };
        let media: Value = serde_json::from_str(&media).unwrap();
        assert_eq!(
            (&media["media"]["timestamp"], &media["media"]["payload"]),
            (&json!("40"), &json!("AP8="))
        );
        let stop: Value = serde_json::from_str(&stream.close()).unwrap();
        assert_eq!(stop["event"], "stop");
        let said = |text: &str| stream.read(text).map(|said| said.as_deref().map(str::to_owned));
        assert_eq!(said(r#"{"event":"word","word":"маман"}"#), Ok(Some("маман".into())));
        assert_eq!(said(r#"{"event":"mark","mark":{"name":"x"}}"#), Ok(None));
        let sid = format!("MZ{}", "ab".repeat(16));
        assert_eq!(
            said(&format!(r#"{{"event":"word","word":"a","streamSid":"{sid}"}}"#)),
            Ok(Some("a".into()))
        );
        for text in [
            r#"{"event":"word"}"#,
            r#"{"event":"word","word":"a","streamSid":"MZ1"}"#,
            r#"{"word":"a"}"#,
        ] {
            assert_eq!(said(text), Err(Unreadable), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_read_is_said_so_and_a_long_text_is_cut() {
        for text in ["", "[1", "{\"partial\": 5}", "nonsense", "{\"alternatives\": [{}]}"] {
            assert_eq!(vosk().read(text), Err(Unreadable), "{text}");
            assert_eq!(stream().read(text), Err(Unreadable), "{text}");
        }
        let long = format!("{} оператор", "а".repeat(TEXT_CHARS_MAX));
        let text = json!({ "text": long }).to_string();
        let said = vosk().read(&text).unwrap().unwrap();
        assert!(said.chars().count() == TEXT_CHARS_MAX && said.ends_with("оператор"), "{said}");
    }
}
