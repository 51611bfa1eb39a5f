//! `dozvon acd`: a recorded stretch of queues and agents played again by another configuration.
//!
//! Reads lines of the event log and prints figures; what would have been is the center's to say
//! ([`dozvon_center::replay`]).

use super::when::{Around, Asked};
use super::{AcdArgs, AcdCommand, Format, ReplayArgs, print, tell, verdict};
use crate::server::config::{Loaded, Missing, Tests, environment, load};
use crate::server::report::{ExportError, each_event};
use dozvon_center::acd::{Activity, OfferResult, Presence, ServiceLevel};
use dozvon_center::ids::CallId;
use dozvon_center::replay::{
    Figures, Heard, QueueFigures, Recording, Stand, recorded, replay, secs,
};
use dozvon_clock::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

/// Does it.
pub(crate) fn acd(args: &AcdArgs) -> ExitCode {
    let AcdCommand::Replay(args) = &args.command;
    let asked = match Asked::of(&args.when, Around::Day) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let (loaded, findings) = load(&args.when.config, &environment(), Missing::Leave, Tests::Leave);
    let Some(loaded) = loaded else {
        tell(&findings, Format::Full);
        return verdict(&findings);
    };
    match record(args, &asked) {
        Ok((recording, _)) if recording.waits_len() == 0 => {
            eprintln!("the event log tells of nobody who waited in a queue in that time");
            ExitCode::FAILURE
        }
        Ok((recording, broken)) => {
            compare(args, &asked, &loaded, &recording);
            if broken > 0 {
                eprintln!("{broken} lines of the event log are not whole and were left out");
            }
            if recording.left_out() > 0 {
                eprintln!(
                    "{} stays in queues were too many and were left out",
                    recording.left_out()
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn record(args: &ReplayArgs, asked: &Asked) -> Result<(Recording, u64), ExportError> {
    let moment = |micros: i64| Timestamp::from_micros(u64::try_from(micros).unwrap_or(0));
    let mut recording = Recording::new(moment(asked.whole.from), moment(asked.whole.to));
    let log = args.events.as_deref().or(asked.events.as_deref());
    let broken = each_event(log, &asked.whole, |_, event| {
        if let (Some(at), Some(heard)) = (event["at"].as_i64(), heard(event)) {
            recording.hear(moment(at), heard);
        }
        Ok(())
    })?;
    Ok((recording, broken))
}

/// What a line of the event log says to a recording; `None`: nothing, or it is of a form that we don't know.
fn heard(event: &Value) -> Option<Heard> {
    let text = |name: &str| event[name].as_str().map(Arc::<str>::from);
    let lasted = |name: &str| event[name].as_f64().map(secs);
    let call = || event["call"].as_u64().map(CallId);
    Some(match event["fact"].as_str()? {
        "node_entered" => Heard::Node { call: call()?, flow: text("flow")?, node: text("node")? },
        "segment_started" => Heard::Queued {
            call: call()?,
            queue: text("queue")?,
            called_back: event["called_back"].as_bool().unwrap_or(false),
        },
        "segment_ended" => {
            let outcome = serde_json::from_value(event["outcome"].clone()).ok()?;
            Heard::Left { call: call()?, outcome }
        }
        "service_level_decided" => {
            let word = event["result"].as_str()?;
            let level = ServiceLevel::ALL.into_iter().find(|level| level.as_str() == word)?;
            Heard::Judged { call: call()?, level }
        }
        "offer_decided" => {
            Heard::Placed { call: call()?, due: Timestamp::from_micros(event["due"].as_u64()?) }
        }
        "offer_ended" => {
            let word = event["result"].as_str()?;
            let result = OfferResult::ALL.into_iter().find(|result| result.as_str() == word)?;
            let (call, agent) = (call()?, text("agent")?);
            Heard::Rang { call, agent, result, lasted: lasted("rang_secs")? }
        }
        "talk_ended" => Heard::Talked {
            call: call()?,
            agent: text("agent")?,
            lasted: lasted("talk_secs")? + lasted("hold_secs")?,
        },
        "wrap_up_ended" => {
            Heard::WrappedUp { agent: text("agent")?, lasted: lasted("wrap_up_secs")? }
        }
        "agent_changed" => Heard::Stands {
            agent: text("agent")?,
            from: stand(&event["from"])?,
            to: stand(&event["to"])?,
        },
        _ => return None,
    })
}

fn stand(pair: &Value) -> Option<Stand> {
    let (presence, activity) = (pair[0].as_str()?, pair[1].as_str()?);
    let presence = Presence::ALL.into_iter().find(|known| known.as_str() == presence)?;
    let activity = Activity::ALL.into_iter().find(|known| known.as_str() == activity)?;
    Some((presence, activity))
}

fn compare(args: &ReplayArgs, asked: &Asked, loaded: &Loaded, recording: &Recording) {
    let (was, is) = (recorded(recording, &loaded.policy), replay(recording, &loaded.policy));
    if args.json {
        let sides =
            |queue: &Arc<str>| json!({"recorded": side(&was[queue]), "replayed": side(&is[queue])});
        let queues: serde_json::Map<String, Value> =
            was.keys().map(|queue| (queue.to_string(), sides(queue))).collect();
        let label = &asked.whole.label;
        print(&format!("{:#}\n", json!({"replay": label, "queues": queues})));
    } else {
        print(&table(&asked.whole.label, &was, &is));
    }
}

fn side(figures: &QueueFigures) -> Value {
    json!({
        "offered": figures.offered,
        "answered": figures.answered,
        "abandoned": figures.abandoned,
        "short_abandoned": figures.short_abandoned,
        "service_level": figures.service_level(),
        "asa_secs": figures.asa_secs(),
        "abandoned_ratio": figures.abandonment(),
        "occupancy": figures.occupancy(),
    })
}

fn table(label: &str, was: &Figures, is: &Figures) -> String {
    let width = was.keys().map(|queue| queue.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("Replay  ({label})\n\n");
    let _ = writeln!(
        text,
        "{:width$}  {:8}  {:>7}  {:>8}  {:>7}  {:>8}  {:>9}  {:>9}",
        "queue", "", "offered", "answered", "SL(T)", "ASA", "abandoned", "occupancy"
    );
    let share = |ratio: Option<f64>| {
        ratio.map_or("-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
    };
    for (queue, was) in was {
        for (name, side, figures) in [(&**queue, "recorded", was), ("", "replayed", &is[queue])] {
            let asa = figures.asa_secs().map_or("-".to_owned(), |asa| format!("{asa:.1} s"));
            let _ = writeln!(
                text,
                "{name:width$}  {side:8}  {:>7}  {:>8}  {:>7}  {asa:>8}  {:>9}  {:>9}",
                figures.offered,
                figures.answered,
                share(figures.service_level()),
                share(figures.abandonment()),
                share(figures.occupancy()),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_event_log_are_heard_and_others_are_not() {
        let line = |text: &str| heard(&serde_json::from_str(text).expect("JSON"));
        assert_eq!(
            line(r#"{"at":1,"call":7,"fact":"segment_started","queue":"cards"}"#),
            Some(Heard::Queued { call: CallId(7), queue: "cards".into(), called_back: false }),
            "a log of before callbacks"
        );
        let changed = r#"{"at":1,"call":null,"fact":"agent_changed","agent":"anna",
            "from":["logged_out","idle"],"to":["ready","idle"],"pending":null,"spent_secs":0.0,"cause":"log_in"}"#;
        let (out, ready) = (Presence::LoggedOut, Presence::READY);
        let expected = Heard::Stands {
            agent: "anna".into(),
            from: (out, Activity::Idle),
            to: (ready, Activity::Idle),
        };
        assert_eq!(line(changed), Some(expected));
        for other in [
            r#"{"at":1,"call":7,"fact":"segment_ended","queue":"cards","outcome":"vanished"}"#,
            r#"{"at":1,"call":7,"fact":"offer_ended","agent":"anna","result":"eaten","rang_secs":2.0}"#,
            r#"{"at":1,"call":7,"fact":"something_new"}"#,
            r#"{"at":1}"#,
        ] {
            assert_eq!(line(other), None, "{other}");
        }
    }
}
