//! What crosses between a call and a voice bot: what the bot is told of the caller, how its part ends, and what it says
//! then for the people who take over.
//!
//! What a bot says is data of a stranger: every text is cleaned of control characters and cut at its bound, and what is
//! of another kind than the contract's (`docs/bots.md`) is left out. It may be personal: `Debug` shows none of it.

use crate::border::{Loss, Refusal};
use crate::customer::cleaned;
use crate::ids::CallId;
use crate::limits::{BOT_DATA_CHARS_MAX, BOT_DATA_MAX, BOT_SUMMARY_CHARS_MAX, BOT_WORD_CHARS_MAX};
use crate::rollout::Share;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a bot may be told of a call when it is called. What the caller has typed or the bank has answered is not here,
/// so it can't leak there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotBrief {
    /// The call.
    pub call: CallId,
    /// The caller's number; `None` when hidden.
    pub caller: Option<Arc<str>>,
    /// The number dialled.
    pub dialled: Arc<str>,
    /// The language spoken with the caller so far.
    pub language: Arc<str>,
    /// The option of a menu that he took last.
    pub option: Option<Arc<str>>,
    /// The bot's share of the callers when he was drawn for it; `None` when he was not drawn.
    pub share: Option<Share>,
}

/// How a bot's part ended, as the bot says or as the way to it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotOver {
    /// It has served the caller.
    Done,
    /// It asks for a person.
    Transfer,
    /// It failed.
    Failed(BotFailure),
}

/// How soon a bot replied to the caller, by ear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// How many took at least so long, and less than the next step.
    pub came: Vec<(Duration, u32)>,
    /// How long the caller's last words had waited when it was over; zero: they had their reply.
    pub owed: Duration,
}

impl Replies {
    /// How many there were, and how many of them took `limit` or longer. Who left while he waited longer than that
    /// has waited for one that was late.
    pub fn judged(&self, limit: Duration) -> (u32, u32) {
        let left = u32::from(self.owed >= limit);
        let late = self.came.iter().filter(|(took, _)| *took >= limit);
        let late: u32 = late.map(|(_, count)| count).sum();
        let all: u32 = self.came.iter().map(|(_, count)| count).sum();
        (all + left, late + left)
    }
}

/// Why a bot's part failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BotFailure {
    /// No way there: no name, no connection, no TLS.
    Unreachable,
    /// It would not have the call.
    Refused,
    /// It had no room, or we had none for it.
    Busy,
    /// It did not answer in time.
    NoAnswer,
    /// It was up and nothing was heard of it in time, or not any more.
    NoAudio,
    /// Its connection is open and nobody is there: it does not answer our pings.
    Stalled,
    /// Its connection broke, or what came over it could not be understood.
    Broken,
    /// It said so itself.
    Said,
    /// A fault of ours.
    Ours,
}

impl BotFailure {
    /// All of them.
    pub const ALL: [BotFailure; 9] = [
        BotFailure::Unreachable,
        BotFailure::Refused,
        BotFailure::Busy,
        BotFailure::NoAnswer,
        BotFailure::NoAudio,
        BotFailure::Stalled,
        BotFailure::Broken,
        BotFailure::Said,
        BotFailure::Ours,
    ];

    /// The word of events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            BotFailure::Unreachable => "unreachable",
            BotFailure::Refused => "refused",
            BotFailure::Busy => "busy",
            BotFailure::NoAnswer => "no_answer",
            BotFailure::NoAudio => "no_audio",
            BotFailure::Stalled => "stalled",
            BotFailure::Broken => "broken",
            BotFailure::Said => "said",
            BotFailure::Ours => "ours",
        }
    }
}

impl From<Refusal> for BotFailure {
    fn from(refusal: Refusal) -> BotFailure {
        match refusal {
            Refusal::Busy => BotFailure::Busy,
            Refusal::Unreachable => BotFailure::Unreachable,
            Refusal::NoAnswer => BotFailure::NoAnswer,
            Refusal::Declined | Refusal::Error => BotFailure::Refused,
        }
    }
}

impl From<Loss> for BotFailure {
    fn from(loss: Loss) -> BotFailure {
        match loss {
            Loss::NoAudio => BotFailure::NoAudio,
            Loss::Signalling => BotFailure::Broken,
            Loss::Ours => BotFailure::Ours,
        }
    }
}

/// Reasons by which a bot says that it has not understood the caller.
pub const NOT_UNDERSTOOD: [&str; 2] = ["not_understood", "no_match"];

/// What a bot says of its talk when it ends it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotNote {
    /// Where it wants the caller to go; the flow decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Arc<str>>,
    /// Why it ends, in a word or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// Whether the caller's matter is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// What was said so far, for the agent. Personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Arc<str>>,
    /// What it has found out, by names of its own. Personal data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<Arc<str>, Arc<str>>,
}

impl BotNote {
    /// The note in an object of the contract: `to`, `reason`, `resolved`, `summary`, `data`. What is missing or of
    /// another kind is left out.
    pub fn read(object: &Map<String, Value>) -> BotNote {
        let text = |key: &str, most| {
            let text = object.get(key).and_then(Value::as_str).map(|text| cleaned(text, most));
            text.filter(|text| !text.is_empty())
        };
        BotNote {
            to: text("to", BOT_WORD_CHARS_MAX),
            reason: text("reason", BOT_WORD_CHARS_MAX),
            resolved: object.get("resolved").and_then(Value::as_bool),
            summary: text("summary", BOT_SUMMARY_CHARS_MAX),
            data: object.get("data").and_then(Value::as_object).map(read_data).unwrap_or_default(),
        }
    }

    /// The note in plain texts, as headers have it: `resolved` is `true` or `false`, `data` a JSON object. What is
    /// missing or of another kind is left out.
    pub fn of_texts(texts: &[(&str, Option<&str>)]) -> BotNote {
        let value = |(name, text): &(&str, Option<&str>)| {
            let text = (*text)?;
            let value = match *name {
                "resolved" => Value::from(text.parse::<bool>().ok()?),
                "data" => serde_json::from_str(text).ok()?,
                _ => Value::from(text),
            };
            Some(((*name).to_owned(), value))
        };
        BotNote::read(&texts.iter().filter_map(value).collect())
    }

    /// The same, with what it does not say taken from another.
    pub fn or(self, other: BotNote) -> BotNote {
        BotNote {
            to: self.to.or(other.to),
            reason: self.reason.or(other.reason),
            resolved: self.resolved.or(other.resolved),
            summary: self.summary.or(other.summary),
            data: if self.data.is_empty() { other.data } else { self.data },
        }
    }

    /// Whether it ended because it did not understand the caller.
    pub fn says_not_understood(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| NOT_UNDERSTOOD.contains(&reason))
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == BotNote::default()
    }

    /// What of it is not personal: for logs, and for those who may not see customers.
    pub fn without_personal(&self) -> BotNote {
        let BotNote { to, reason, resolved, .. } = self.clone();
        BotNote { to, reason, resolved, summary: None, data: BTreeMap::new() }
    }
}

/// Plain values in the order of their names, as many as there may be.
fn read_data(object: &Map<String, Value>) -> BTreeMap<Arc<str>, Arc<str>> {
    // In the order of their names, whatever order they came in.
    let sorted: BTreeMap<&String, &Value> = object.iter().collect();
    let plain = sorted.into_iter().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some((cleaned(name, BOT_WORD_CHARS_MAX), cleaned(&text, BOT_DATA_CHARS_MAX)))
    });
    plain.take(BOT_DATA_MAX).collect()
}

impl fmt::Debug for BotNote {
    /// Nothing personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bot's note")
    }
}

/// What an agent sees of the bot that had the caller before him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BotCard {
    /// Its name.
    pub bot: Arc<str>,
    /// What it said.
    #[serde(flatten)]
    pub note: Arc<BotNote>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(object: Value) -> BotNote {
        BotNote::read(object.as_object().expect("an object"))
    }

    #[test]
    fn a_whole_note_is_read_and_shown_without_what_is_personal() {
        let note = read(
            json!({"to": "queue:cards", "reason": " customer_request\n", "resolved": false,
            "summary": "Клиент просит оператора", "data": {"intent": "block", "cards": 2, "x": [1], "y": null}}),
        );
        assert_eq!(note.to.as_deref(), Some("queue:cards"));
        assert_eq!(note.reason.as_deref(), Some("customer_request"));
        assert_eq!(note.resolved, Some(false));
        let data: Vec<(&str, &str)> = note.data.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(data, [("cards", "2"), ("intent", "block")]);
        let shown = serde_json::to_value(note.without_personal()).unwrap();
        let plain = json!({"to": "queue:cards", "reason": "customer_request", "resolved": false});
        assert_eq!(shown, plain);
        assert!(!format!("{note:?}").contains("block"), "nothing personal in logs");
        let back: BotNote = serde_json::from_value(serde_json::to_value(&note).unwrap()).unwrap();
        assert_eq!(back, note);
    }

    #[test]
    fn what_is_of_another_kind_is_left_out() {
        let note =
            read(json!({"to": 5, "reason": {}, "summary": [], "resolved": "yes", "data": "x"}));
        assert!(note.is_empty());
        assert!(read(json!({"reason": " \u{7} "})).is_empty());
    }

    #[test]
    fn at_the_bounds_texts_are_cut_and_data_ends() {
        let data: Map<String, Value> =
            (0..99).map(|n| (format!("f{n:02}"), json!("ы".repeat(9_999)))).collect();
        let long = "ы".repeat(9_999);
        let note = read(json!({"to": long, "reason": long, "summary": long, "data": data}));
        let chars = |text: &Option<Arc<str>>| text.as_ref().map(|text| text.chars().count());
        assert_eq!(chars(&note.to), Some(BOT_WORD_CHARS_MAX));
        assert_eq!(chars(&note.reason), Some(BOT_WORD_CHARS_MAX));
        assert_eq!(chars(&note.summary), Some(BOT_SUMMARY_CHARS_MAX));
        assert_eq!(note.data.len(), BOT_DATA_MAX);
        assert_eq!(note.data["f00"].chars().count(), BOT_DATA_CHARS_MAX);
    }

    #[test]
    fn every_failure_has_the_word_that_events_write() {
        for failure in BotFailure::ALL {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.as_str());
        }
    }
}
