//! A fact as a CloudEvent (CloudEvents 1.0, JSON event format, structured mode), and the signature over it.

use crate::server::events::{Directory, Numbers, object, rfc3339};
use dozvon_center::fact::Fact;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use std::fmt::Write as _;

/// The media type of a CloudEvent in JSON.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// The header that carries the signature.
pub(super) const SIGNATURE: &str = "x-dozvon-signature";

/// The names of all facts, as `events` of a webhook chooses from them.
pub(crate) const FACTS: [&str; 65] = [
    "call_started",
    "call_answered",
    "node_entered",
    "option_chosen",
    "lookup_ended",
    "promise_measured",
    "operator_requested",
    "ivr_exited",
    "flow_astray",
    "arm_drawn",
    "not_drawn",
    "rollout_decided",
    "arm_delivered",
    "bot_connected",
    "bot_ended",
    "bot_replied",
    "segment_started",
    "wait_forecast",
    "forecast_met",
    "segment_ended",
    "service_level_decided",
    "offer_decided",
    "offer_started",
    "offer_ended",
    "offer_stale",
    "connected",
    "talk_started",
    "talk_ended",
    "hold_lasts",
    "hold_ended",
    "talk_measured",
    "unheard",
    "heard_again",
    "ask_started",
    "ask_ended",
    "transferred",
    "own_call_ended",
    "phone_broke",
    "phone_back",
    "agent_lost",
    "agent_dropped",
    "supervised",
    "wrap_up_ended",
    "wrap_up_resumed",
    "wrap_up_extended",
    "wrap_up_coded",
    "wrap_up_uncoded",
    "transfer_ended",
    "survey_offered",
    "survey_answered",
    "call_ended",
    "agent_changed",
    "session_replaced",
    "status_limit",
    "activity_alarm",
    "conduct_seen",
    "incident_opened",
    "incident_joined",
    "emergency_changed",
    "policy_changed",
    "incident_closed",
    "callback_requested",
    "callback_dialed",
    "callback_missed",
    "callback_ended",
];

/// Whether a fact is chosen by a pattern, in which `*` stands for any letters.
pub(crate) fn matches(pattern: &str, fact: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == fact };
    let Some(left) = fact.strip_prefix(begin) else { return false };
    (0..=left.len()).any(|at| left.is_char_boundary(at) && matches(rest, &left[at..]))
}

/// The fact's name and the event; `id` tells it from every other event of the same source.
pub(super) fn cloud_event(
    source: &str,
    id: &str,
    fact: &Fact,
    directory: &Directory,
    numbers: Numbers,
) -> (String, Value) {
    let data = object(fact, directory, numbers);
    let name = data.get("fact").and_then(Value::as_str).unwrap_or("unreadable").to_owned();
    let mut event = Map::new();
    let mut put = |key: &str, value: Value| event.insert(key.to_owned(), value);
    put("specversion", "1.0".into());
    put("id", id.into());
    put("source", source.into());
    put("type", format!("dozvon.{name}").into());
    put("time", rfc3339(fact.at.as_micros()).into());
    if let Some(call) = fact.call {
        put("subject", call.0.to_string().into());
    }
    put("datacontenttype", "application/json".into());
    put("data", data.into());
    (name, event.into())
}

/// The value of the signature's header: `t=SECONDS,v1=HEX`, HEX being HMAC-SHA256 over `SECONDS.BODY`.
pub(super) fn signature(secret: &str, unix_secs: u64, body: &str) -> String {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(format!("{unix_secs}.").as_bytes());
    mac.update(body.as_bytes());
    let mut header = format!("t={unix_secs},v1=");
    for byte in mac.finalize().into_bytes() {
        let _ = write!(header, "{byte:02x}");
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_facts() {
        let source = include_str!("../../center/fact.rs");
        let (_, body) = source.split_once("pub enum What {").unwrap();
        let variants = body.lines().take_while(|line| *line != "}").filter_map(|line| {
            let name = line.strip_prefix("    ")?.trim_end_matches([',', '{', ' ']);
            name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
        });
        let snake = variants.map(|name| {
            let mut snake = String::new();
            for c in name.chars() {
                if c.is_ascii_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(c.to_ascii_lowercase());
            }
            snake
        });
        assert_eq!(snake.collect::<Vec<_>>(), FACTS, "FACTS lists them in order");
    }

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, fact, chosen) in [
            ("*", "call_started", true),
            ("call_*", "call_ended", true),
            ("call_*", "own_call_ended", false),
            ("*_ended", "own_call_ended", true),
            ("c*_*d", "call_ended", true),
            ("call_ended", "call_ended", true),
            ("call_end", "call_ended", false),
            ("", "call_ended", false),
        ] {
            assert_eq!(matches(pattern, fact), chosen, "{pattern} {fact}");
        }
    }
}
