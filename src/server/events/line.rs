//! A fact as JSON: one line of the event log, one message to a live screen.
//!
//! A line is a JSON object whose last member is `crc`: the CRC-32 (IEEE 802.3), eight hex digits, of all bytes of the
//! line before `,"crc":`. So a torn or altered line is known, and any JSON reader can read a whole one.

use super::Directory;
use crate::server::telemetry::Masked;
use dozvon_center::customer::CallCard;
use dozvon_center::fact::{Fact, What};
use serde_json::{Map, Value};

/// Whether callers' numbers are written in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// In full: for the record and for those with the right.
    Plain,
    /// With their middle hidden.
    Masked,
}

/// What stands between the covered bytes and the checksum.
const CRC_MEMBER: &str = ",\"crc\":\"";

/// The fact as a JSON object, with the agent's name for the number and the time also in words.
pub(crate) fn object(fact: &Fact, directory: &Directory, numbers: Numbers) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(fact) else {
        // A fact is a struct, so this is a mistake of ours; the log must not stop for it.
        return Map::from_iter([("fact".to_owned(), Value::from("unreadable"))]);
    };
    map.insert("time".to_owned(), Value::from(rfc3339(fact.at.as_micros())));
    if let Some(id) = agent_of(&fact.what)
        && let Some(agent) = directory.agent(id)
    {
        map.insert("agent".to_owned(), Value::from(&*agent.name));
    }
    if let What::IncidentOpened { incident } | What::IncidentClosed { incident } = &fact.what {
        let name = |id| Value::from(&*directory.agent_word(id));
        let names = incident.agents.iter().map(|touched| name(touched.agent));
        map.insert("agents".to_owned(), names.collect());
    }
    if let What::Supervised { supervisor, .. } = &fact.what
        && let Some(supervisor) = directory.agent(*supervisor)
    {
        map.insert("supervisor".to_owned(), Value::from(&*supervisor.name));
    }
    if let What::OfferStarted { card: Some(card), .. } = &fact.what {
        map.insert("card".to_owned(), call_card(card, false));
    }
    if let What::BotEnded { note: Some(note), .. } = &fact.what {
        let shown = serde_json::to_value(note.without_personal()).unwrap_or_default();
        map.insert("note".to_owned(), shown);
    }
    if numbers == Numbers::Masked
        && let What::CallStarted { caller, .. } = &fact.what
    {
        map.insert("caller".to_owned(), Value::from(Masked(caller).to_string()));
    }
    map
}

/// The same for the agent whom a call is offered, and for those above him: with the customer's card in full.
pub(crate) fn object_with_card(
    fact: &Fact,
    directory: &Directory,
    numbers: Numbers,
) -> Map<String, Value> {
    let mut map = object(fact, directory, numbers);
    if let What::OfferStarted { card: Some(card), .. } = &fact.what {
        map.insert("card".to_owned(), call_card(card, true));
    }
    map
}

/// What an agent is to see of a call as JSON. Without the right, of the customer only what makes nobody known:
/// language, segment and identification; of a bot's note neither summary nor data.
pub(crate) fn call_card(card: &CallCard, in_full: bool) -> Value {
    let mut value = serde_json::to_value(card).unwrap_or_default();
    if let (false, Some(customer)) = (in_full, &card.customer) {
        let mut shown = Map::from_iter([("state".to_owned(), Value::from(customer.state()))]);
        if let Some(profile) = customer.known() {
            let word = |word: &Option<std::sync::Arc<str>>| word.as_deref().map(Value::from);
            let mut put = |name: &str, value: Option<Value>| {
                shown.insert(name.to_owned(), value.unwrap_or_default());
            };
            put("language", word(&profile.language));
            put("segment", word(&profile.segment));
            put("identification", Some(profile.identification.as_str().into()));
        }
        value["customer"] = Value::Object(shown);
    }
    if let (false, Some(Value::Object(bot))) = (in_full, value.get_mut("bot")) {
        bot.remove("summary");
        bot.remove("data");
    }
    value
}

/// The agent a fact names, if it names one.
fn agent_of(what: &What) -> Option<dozvon_center::ids::AgentId> {
    match what {
        What::OfferStarted { agent, .. }
        | What::OfferEnded { agent, .. }
        | What::Connected { agent, .. }
        | What::TalkEnded { agent, .. }
        | What::WrapUpEnded { agent, .. }
        | What::WrapUpResumed { agent, .. }
        | What::WrapUpExtended { agent, .. }
        | What::WrapUpCoded { agent, .. }
        | What::WrapUpUncoded { agent, .. }
        | What::TalkStarted { agent, .. }
        | What::HoldLasts { agent, .. }
        | What::HoldEnded { agent, .. }
        | What::TalkMeasured { agent, .. }
        | What::Unheard { agent, .. }
        | What::HeardAgain { agent, .. }
        | What::AskStarted { agent, .. }
        | What::Transferred { agent, .. }
        | What::PhoneBroke { agent, .. }
        | What::PhoneBack { agent, .. }
        | What::AgentLost { agent, .. }
        | What::AgentDropped { agent, .. }
        | What::OwnCallEnded { agent, .. }
        | What::Supervised { agent, .. }
        | What::AgentChanged { agent, .. }
        | What::SessionReplaced { agent, .. }
        | What::StatusLimit { agent, .. }
        | What::ActivityAlarm { agent, .. }
        | What::ConductSeen { agent, .. }
        | What::IncidentJoined { agent, .. } => Some(*agent),
        What::OfferDecided { decision, .. } => Some(decision.agent),
        What::CallStarted { .. }
        | What::CallAnswered
        | What::NodeEntered { .. }
        | What::OptionChosen { .. }
        | What::LookupEnded { .. }
        | What::PromiseMeasured { .. }
        | What::OperatorRequested { .. }
        | What::IvrExited { .. }
        | What::FlowAstray { .. }
        | What::ArmDrawn { .. }
        | What::NotDrawn { .. }
        | What::RolloutDecided { .. }
        | What::ArmDelivered { .. }
        | What::BotConnected { .. }
        | What::BotReplied { .. }
        | What::BotEnded { .. }
        | What::SegmentStarted { .. }
        | What::SegmentEnded { .. }
        | What::WaitForecast { .. }
        | What::ForecastMet { .. }
        | What::ServiceLevelDecided { .. }
        | What::OfferStale { .. }
        | What::AskEnded { .. }
        | What::TransferEnded { .. }
        | What::SurveyOffered { .. }
        | What::SurveyAnswered { .. }
        | What::CallEnded { .. }
        | What::CallbackRequested { .. }
        | What::CallbackDialed { .. }
        | What::CallbackMissed { .. }
        | What::CallbackEnded { .. }
        | What::IncidentOpened { .. }
        | What::IncidentClosed { .. }
        | What::EmergencyChanged { .. }
        | What::PolicyChanged { .. } => None,
    }
}

/// A moment as RFC 3339 in UTC with microseconds.
pub(crate) fn rfc3339(micros: u64) -> String {
    i64::try_from(micros)
        .ok()
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
        .map_or_else(|| "9999-12-31T23:59:59Z".to_owned(), |time| time.to_string())
}

/// The object as a line with its checksum, newline included.
pub(crate) fn seal(map: &Map<String, Value>) -> String {
    let mut line = Value::Object(map.clone()).to_string();
    line.pop();
    let crc = crc32fast::hash(line.as_bytes());
    line.push_str(CRC_MEMBER);
    line.push_str(&format!("{crc:08x}\"}}\n"));
    line
}

/// Whether a line, without its newline, is whole: its checksum fits.
pub(crate) fn is_whole(line: &[u8]) -> bool {
    let tail = CRC_MEMBER.len() + 8 + 2;
    let Some(covered) = line.len().checked_sub(tail) else { return false };
    let (body, seal) = line.split_at(covered);
    seal == format!("{CRC_MEMBER}{:08x}\"}}", crc32fast::hash(body)).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::events::directory::AgentName;
    use dozvon_center::acd::{Activity, Cause, Presence};
    use dozvon_center::bot::{BotCard, BotNote};
    use dozvon_center::customer::{Customer, Identification, Profile};
    use dozvon_center::ids::{AgentId, CallId, OfferId};
    use dozvon_clock::Timestamp;

    fn started() -> Fact {
        Fact {
            at: Timestamp::from_micros(1_700_000_000_250_000),
            call: Some(CallId(7)),
            what: What::CallStarted {
                flow: "bank".into(),
                dialled: "100".into(),
                caller: "+77011230001".into(),
            },
        }
    }

    fn note() -> BotNote {
        let said = serde_json::json!({"reason": "customer_request", "summary": "about the limit",
            "data": {"intent": "block"}});
        BotNote::read(said.as_object().unwrap())
    }

    #[test]
    fn a_line_is_json_with_its_checksum_last() {
        let line = seal(&object(&started(), &Directory::default(), Numbers::Plain));
        let json: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["fact"], "call_started");
        assert_eq!(json["call"], 7);
        assert_eq!(json["caller"], "+77011230001");
        assert_eq!(json["time"], "2023-11-14T22:13:20.25Z");
        assert!(is_whole(line.trim_end().as_bytes()));
    }

    #[test]
    fn every_torn_or_altered_line_is_known() {
        let line = seal(&object(&started(), &Directory::default(), Numbers::Plain));
        let whole = line.trim_end().as_bytes();
        for cut in 0..whole.len() {
            assert!(!is_whole(&whole[..cut]), "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut altered = whole.to_vec();
            altered[at] ^= 1;
            assert!(!is_whole(&altered), "altered at {at}");
        }
    }

    #[test]
    fn live_screens_without_the_right_see_no_number() {
        let masked = object(&started(), &Directory::default(), Numbers::Masked);
        assert!(!Value::Object(masked).to_string().contains("1230001"));
    }

    #[test]
    fn an_offer_shows_the_customer_to_nobody_but_his_agent_and_those_above_him() {
        let profile = Profile {
            id: "C-1001".into(),
            name: Some("Aigul".into()),
            language: Some("kk".into()),
            segment: Some("senior".into()),
            identification: Identification::ByNumber,
            offers: vec!["gold".into()],
            fields: [("branch".into(), "Almaty".into())].into(),
        };
        let offer = |customer| Fact {
            what: What::OfferStarted {
                offer: OfferId(1),
                queue: "cards".into(),
                agent: AgentId(0),
                card: Some(Box::new(CallCard {
                    language: "kk".into(),
                    customer: Some(std::sync::Arc::new(customer)),
                    chosen: vec!["limits".into()],
                    waited_secs: 4.5,
                    bot: Some(BotCard { bot: "helper".into(), note: note().into() }),
                })),
            },
            ..started()
        };
        let known = offer(Customer::Known(Box::new(profile.clone())));
        let plain = object(&known, &Directory::default(), Numbers::Plain);
        let text = Value::Object(plain.clone()).to_string();
        for personal in ["C-1001", "Aigul", "gold", "Almaty", "the limit", "block"] {
            assert!(!text.contains(personal), "{personal}: {text}");
        }
        let customer = serde_json::json!({"state": "known", "language": "kk", "segment": "senior",
            "identification": "by_number"});
        assert_eq!(plain["card"]["customer"], customer);
        assert_eq!(
            (&plain["card"]["chosen"][0], &plain["card"]["waited_secs"]),
            (&"limits".into(), &4.5.into())
        );
        let full = object_with_card(&known, &Directory::default(), Numbers::Masked);
        assert_eq!(full["card"]["customer"]["name"], "Aigul");
        let bot = serde_json::json!({"bot": "helper", "reason": "customer_request"});
        assert_eq!(plain["card"]["bot"], bot);
        let bot = &full["card"]["bot"];
        assert_eq!(
            (&bot["summary"], &bot["data"]["intent"]),
            (&"about the limit".into(), &"block".into())
        );
        let several = offer(Customer::Several { customers: vec![profile], unlisted: 0 });
        let plain = object(&several, &Directory::default(), Numbers::Plain);
        assert_eq!(plain["card"]["customer"], serde_json::json!({"state": "several"}));
    }

    #[test]
    fn the_end_of_a_bot_shows_nothing_personal_of_what_it_said() {
        let ended = Fact {
            what: What::BotEnded {
                bot: "helper".into(),
                end: "transfer".into(),
                talk_secs: 3.0,
                failure: None,
                note: Some(note().into()),
            },
            ..started()
        };
        let shown = object(&ended, &Directory::default(), Numbers::Plain);
        assert_eq!(shown["note"], serde_json::json!({"reason": "customer_request"}));
    }

    #[test]
    fn an_agent_is_named_so_that_the_log_outlives_the_policy() {
        let directory = Directory {
            agents: vec![AgentName { name: "anna".into(), team: "day".into() }],
            ..Directory::default()
        };
        let change = |agent| Fact {
            at: Timestamp::from_secs(1),
            call: None,
            what: What::AgentChanged {
                agent: AgentId(agent),
                from: (Presence::LoggedOut, Activity::Idle),
                to: (Presence::READY, Activity::Idle),
                pending: None,
                spent_secs: 0.0,
                cause: Cause::LogIn,
                asked_by: None,
                reason: None,
            },
        };
        let anna = object(&change(0), &directory, Numbers::Plain);
        assert_eq!(anna["agent"], "anna");
        assert_eq!(anna["to"], serde_json::json!(["ready", "idle"]));
        assert_eq!(object(&change(9), &directory, Numbers::Plain)["agent"], 9);
    }
}
