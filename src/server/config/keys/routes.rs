//! Where calls come from and go to: trunks, numbers, bots and rollouts; and who may use the API.

use super::Fallback::{Absent, Needed, Value};
use super::{
    BOT_PARAMETERS, BOT_PROTOCOLS, Kind, MILLIS_PER_MINUTE, RECOGNISER_PROTOCOLS, Section, key,
};

pub(in crate::server::config) const TRUNK: Section = Section {
    file: "trunks.toml",
    name: "trunk",
    many: true,
    doc: "A carrier or a network of our own that brings calls, and perhaps takes some. The first that matches counts.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in records and logs."),
        key(
            "networks",
            Kind::Networks,
            Value("[]"),
            "Source addresses that are believed without a password, like \"203.0.113.0/29\".",
        ),
        key(
            "may_dial",
            Kind::Dials,
            Value("[]"),
            "The numbers that it may reach. Empty: all of numbers.toml.",
        ),
        key(
            "target",
            Kind::SipUri,
            Absent,
            "Where calls to it go. Without it, it only brings calls.",
        ),
        key("user", Kind::Name, Absent, "User name for its challenges."),
        key(
            "password_file",
            Kind::Path,
            Absent,
            "A file with the password for its challenges, one line.",
        ),
        key("password_env", Kind::EnvVar, Absent, "An environment variable with that password."),
        key("realm", Kind::Name, Absent, "The only realm whose challenges are answered."),
    ],
};

pub(in crate::server::config) const NUMBER: Section = Section {
    file: "numbers.toml",
    name: "number",
    many: true,
    doc: "What a dialled number is: exactly one of flow, queue and echo.",
    keys: &[
        key("dial", Kind::Text, Needed, "The number, i.e. the user part of the address dialled."),
        key("flow", Kind::Name, Absent, "The flow that answers."),
        key(
            "queue",
            Kind::Name,
            Absent,
            "The queue that agents reach by it, to ask a free agent or to pass a call on. No way for callers.",
        ),
        key(
            "echo",
            Kind::Bool,
            Value("false"),
            "Sends the caller his own sound back, for a test of the line.",
        ),
    ],
};

pub(in crate::server::config) const SITE: Section = Section {
    file: "sites.toml",
    name: "site",
    many: true,
    doc: "A place with numbers of its own. In an emergency, declared by REST, its calls go to its duty office.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in the API, records and metrics."),
        key("title", Kind::Text, Absent, "Its name for people; absent: `name`."),
        key(
            "numbers",
            Kind::Dials,
            Value("[]"),
            "Its numbers, each of numbers.toml and of one site.",
        ),
        key(
            "duty_number",
            Kind::Text,
            Absent,
            "Where its calls go in an emergency: a number or a sip: address. Exactly one of the three.",
        ),
        key("duty_queue", Kind::Name, Absent, "The same, a queue without a calendar."),
        key("duty_node", Kind::Name, Absent, "The same, a node that each flow of its numbers has."),
    ],
};

pub(in crate::server::config) const BOT: Section = Section {
    file: "bots.toml",
    name: "bot",
    many: true,
    doc: "A voice bot that flows can hand callers to.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in flows, rollouts, records and metrics."),
        key("uri", Kind::SipUri, Absent, "Where it answers by SIP. Exactly one of uri and stream."),
        key(
            "stream",
            Kind::Text,
            Absent,
            "Where it takes a WebSocket: an address that begins with ws:// or wss://.",
        ),
        key(
            "protocol",
            Kind::Choice(&BOT_PROTOCOLS),
            Value(r#""twilio""#),
            "What a bot with a stream speaks: Twilio Media Streams or Genesys AudioHook, version 2.",
        ),
        key(
            "answer_within_ms",
            Kind::Int(100, MILLIS_PER_MINUTE),
            Value("2000"),
            "A bot that has not answered after so many milliseconds gets no caller: people take over.",
        ),
        key(
            "reply_within_ms",
            Kind::Int(250, 5_000),
            Value("2500"),
            "A reply that takes it longer, by ear, in steps of 250, is late: too many end its share of a rollout.",
        ),
        key(
            "silent_after_ms",
            Kind::Int(0, MILLIS_PER_MINUTE),
            Value("2000"),
            "A bot called by SIP that sends no sound for so many milliseconds is gone. 0: as rtp_timeout_secs says.",
        ),
        key(
            "first_audio_within_ms",
            Kind::Int(0, MILLIS_PER_MINUTE),
            Value("4000"),
            "A bot with a stream that is silent for so many milliseconds from the start has failed. 0: it may be.",
        ),
        key(
            "account",
            Kind::Name,
            Value(r#""AClocal""#),
            "The account that a bot with a stream is told, and the user of its REST calls.",
        ),
        key(
            "token_file",
            Kind::Path,
            Absent,
            "A file with the account's token, one line: it signs the connection and lets REST calls in.",
        ),
        key("token_env", Kind::EnvVar, Absent, "An environment variable with that token."),
        key(
            "ca_file",
            Kind::Path,
            Absent,
            "The certificate of the CA that the bot's is checked against, PEM. Absent: those that browsers know.",
        ),
        key(
            "tells",
            Kind::Choices(&BOT_PARAMETERS),
            Value(r#"["from_number", "to_number", "lang", "option", "stage", "call_uuid"]"#),
            "What a bot with a stream is told of the call, as customParameters.",
        ),
    ],
};

pub(in crate::server::config) const RECOGNISER: Section = Section {
    file: "recognisers.toml",
    name: "recogniser",
    many: true,
    doc: "Who listens to callers for the words of flows.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in logs and metrics."),
        key(
            "stream",
            Kind::Text,
            Needed,
            "Where it takes a WebSocket: an address that begins with ws:// or wss://.",
        ),
        key(
            "protocol",
            Kind::Choice(&RECOGNISER_PROTOCOLS),
            Value(r#""vosk""#),
            "What it speaks: vosk-server's protocol, or Twilio Media Streams with words coming back.",
        ),
        key(
            "languages",
            Kind::Names,
            Needed,
            "The languages that it hears, as flows write them. One recogniser hears a language.",
        ),
        key(
            "token_file",
            Kind::Path,
            Absent,
            "A file with a token, one line: a bearer token with vosk, the key of the signature with twilio.",
        ),
        key("token_env", Kind::EnvVar, Absent, "An environment variable with that token."),
        key(
            "ca_file",
            Kind::Path,
            Absent,
            "The certificate of the CA that its own is checked against, PEM. Absent: those that browsers know.",
        ),
        key(
            "forks_max",
            Kind::Int(1, 500),
            Value("100"),
            "Callers whom it hears at a time. Those beyond are not heard: their keys work.",
        ),
    ],
};

pub(in crate::server::config) const ROLLOUT: Section = Section {
    file: "rollouts/*.toml",
    name: "rollout",
    many: true,
    doc: "One menu option on its way from people to a bot, or one flow on its way to its next version.",
    keys: &[
        key(
            "name",
            Kind::Name,
            Needed,
            "Its name; that of a bot's as `rollout: {name: …}` in the flow has it.",
        ),
        key(
            "bot",
            Kind::Name,
            Absent,
            "The bot that is being tried, of bots.toml. Exactly one of bot, and flow with candidate.",
        ),
        key(
            "flow",
            Kind::Name,
            Absent,
            "The flow of numbers.toml on whose callers another one is tried.",
        ),
        key(
            "candidate",
            Kind::Name,
            Absent,
            "The flow that is tried on them. Who is drawn hears it from the first word to the last.",
        ),
        key(
            "share",
            Kind::Choice(&["0", "1/10", "1/5", "1/2", "all"]),
            Value(r#""0""#),
            "The share of the callers who get what is tried now: 0, 1/10, 1/5, 1/2 or all.",
        ),
        key(
            "salt",
            Kind::Text,
            Needed,
            "Any text. It decides who is drawn; the same caller stays with his draw until the salt changes.",
        ),
        key(
            "holdout_percent",
            Kind::Int(0, 50),
            Value("0"),
            "Percent of the callers who stay with people, or the present flow, whatever the share, to compare with.",
        ),
        key(
            "sessions_max",
            Kind::Int(1, 10_000),
            Value("1000"),
            "Talks that the bot can have at once. While it has them nobody is drawn: callers go to people.",
        ),
        key(
            "same_topic_days",
            Kind::Int(0, 60),
            Value("0"),
            "Who came to this option, or flow, within so many days is not drawn; 0: a repeat is no reason.",
        ),
        key(
            "opt_out_requests_min",
            Kind::Int(1, 100),
            Value("2"),
            "Who asked for an operator so many times while the bot had him is let alone.",
        ),
        key(
            "opt_out_days",
            Kind::Int(0, 365),
            Value("30"),
            "For so many days from the last time; 0: nobody is.",
        ),
        key(
            "age_min",
            Kind::Int(0, 150),
            Absent,
            "Customers of this age and older stay with people, by the field `age` of an endpoint's answer.",
        ),
        key(
            "groups",
            Kind::Names,
            Value("[]"),
            "Customers of these segments stay with people, by the `segment` of an endpoint's answer.",
        ),
        key(
            "languages",
            Kind::Names,
            Value("[]"),
            "The languages that the bot speaks; empty: all.",
        ),
        key(
            "circle",
            Kind::Text,
            Absent,
            "Rollouts with the same text here share no customer: each has one that may draw him. Hard to guess.",
        ),
        key(
            "hours",
            Kind::Name,
            Absent,
            "A calendar: callers within its hours are compared with each other, in weeks of its time zone.",
        ),
    ],
};

pub(in crate::server::config) const TOKEN: Section = Section {
    file: "tokens.toml",
    name: "token",
    many: true,
    doc: "A bearer token of the API. Without token_file and token_env dozvon makes it itself.",
    keys: &[
        key("name", Kind::Name, Needed, "Whose it is, for the log."),
        key(
            "role",
            Kind::Choice(&["admin", "supervisor", "agent", "monitor"]),
            Needed,
            "What it allows: admin, supervisor, agent or monitor.",
        ),
        key(
            "agent",
            Kind::Name,
            Absent,
            "For the role agent: the user of agents.toml whom it is for.",
        ),
        key("token_file", Kind::Path, Absent, "A file with the token, one line."),
        key("token_env", Kind::EnvVar, Absent, "An environment variable with the token."),
    ],
};
