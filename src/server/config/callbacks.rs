//! `[callback]` of dozvon.toml and what queues say of callbacks.

use super::base::Base;
use super::finding::{Findings, suggest};
use super::walk::Table;
use dozvon_center::calendar::Calendars;
use dozvon_center::callback::{CallbackPolicy, First, Numbers, QueueCallbacks};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rules of callbacks; `queues` is what [`queue`] read.
pub(super) fn read(
    findings: &mut Findings,
    base: &Base,
    calendars: &Calendars,
    queues: BTreeMap<Arc<str>, QueueCallbacks>,
) -> CallbackPolicy {
    let table = base.table("callback");
    let named = |key| table.text_opt(key).map(Arc::<str>::from);
    let list = |key| table.list(key).iter().map(|(text, _)| text.as_str().into()).collect();
    let calendar = named("calendar");
    let names: Vec<&str> = calendars.names().collect();
    let unknown = |name: &str| {
        let message = format!("there is no calendar `{name}`");
        (message, suggest(name, "calendar of calendars/*.yaml", names.iter().copied()))
    };
    if let Some(name) = calendar.as_ref().filter(|name| calendars.get(name).is_none()) {
        let (message, cure) = unknown(name);
        findings.error(table.place("calendar"), message, cure);
    }
    let mut elsewhere = Vec::new();
    for (text, place) in table.list("calendars") {
        let parts = text.split_once(':');
        let digits = |beginning: &str| {
            !beginning.is_empty() && beginning.bytes().all(|b| b.is_ascii_digit())
        };
        match parts.filter(|(beginning, _)| digits(beginning)) {
            None => {
                let message = format!("`{text}` is not of the form beginning:calendar");
                findings.error(place, message, "write it like \"7401:kaliningrad\"");
            }
            Some((_, name)) if calendars.get(name).is_none() => {
                let (message, cure) = unknown(name);
                findings.error(place, message, cure);
            }
            Some((beginning, name)) => {
                elsewhere.push((format!("+{beginning}").into(), name.into()));
            }
        }
    }
    CallbackPolicy {
        calendar,
        calendars: elsewhere,
        numbers: Numbers {
            country: table.text("country").into(),
            trunk: table.text("trunk_prefix").into(),
            national_digits: table.number("national_digits_max"),
            allow: list("allow"),
            deny: list("deny"),
        },
        from: named("from"),
        attempts: table.number("attempts_max"),
        spacing: table.secs("spacing_secs"),
        age_max: table.secs("age_max_secs"),
        ring_timeout: table.secs("ring_timeout_secs"),
        customer_wait_max: table.secs("customer_wait_max_secs"),
        phrase: named("phrase"),
        open_max: table.number("open_max"),
        queues,
    }
}

/// What a queue says of callbacks.
pub(super) fn queue(table: &Table) -> QueueCallbacks {
    QueueCallbacks {
        first: match table.text("callback_first") {
            "customer" => First::Customer,
            _ => First::Agent,
        },
        open_max: table.number("callbacks_max"),
        boost: table.secs("callback_boost_secs"),
    }
}
