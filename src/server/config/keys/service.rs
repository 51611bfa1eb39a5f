//! dozvon.toml: the interfaces of the house itself: HTTP, the store, events, the log and the end of a run; and
//! webhooks.toml.

use super::Fallback::{Absent, Needed, Value};
use super::{Kind, MILLIS_PER_MINUTE, SECS_PER_DAY, Section, key};

pub(in crate::server::config) const HTTP: Section = Section {
    file: "dozvon.toml",
    name: "http",
    many: false,
    doc: "API, metrics and the live page. Who may do what is in tokens.toml.",
    keys: &[
        key(
            "listen",
            Kind::Socket,
            Value(r#""127.0.0.1:8080""#),
            "Address and port. No TLS: keep it on the machine or behind a proxy. Empty: no HTTP.",
        ),
        key(
            "tokens",
            Kind::Path,
            Value(r#""secrets/tokens""#),
            "Folder of the tokens that dozvon makes where tokens.toml names no file: one file a name.",
        ),
    ],
};

pub(in crate::server::config) const STORE: Section = Section {
    file: "dozvon.toml",
    name: "store",
    many: false,
    doc: "The database of contacts, their stages and the agents' statuses: a SQLite file, or a PostgreSQL server.",
    keys: &[
        key(
            "path",
            Kind::Path,
            Value(r#""../data/dozvon.db""#),
            "The SQLite file. It and its folder are made when they are not there.",
        ),
        key(
            "url",
            Kind::Text,
            Value(r#""""#),
            "A PostgreSQL server in the place of the file: postgres://user@host/database. Empty: the file.",
        ),
        key(
            "password_file",
            Kind::Path,
            Value(r#""""#),
            "A file with the user's password, one line.",
        ),
        key(
            "password_env",
            Kind::EnvVar,
            Value(r#""""#),
            "An environment variable with that password.",
        ),
        key(
            "ca_file",
            Kind::Path,
            Value(r#""""#),
            "Certificates (PEM) that the server's one must go back to. Empty: those that browsers know.",
        ),
    ],
};

pub(in crate::server::config) const EVENTS: Section = Section {
    file: "dozvon.toml",
    name: "events",
    many: false,
    doc: "The event log: one JSON line for every happening, appended.",
    keys: &[key("file", Kind::Path, Value(r#""""#), "The file. Empty: no event log.")],
};

pub(in crate::server::config) const LOG: Section = Section {
    file: "dozvon.toml",
    name: "log",
    many: false,
    doc: "What dozvon says on standard error. Numbers of callers are masked above DEBUG.",
    keys: &[
        key(
            "format",
            Kind::Choice(&["pretty", "json"]),
            Value(r#""pretty""#),
            "How: pretty or json.",
        ),
        key(
            "filter",
            Kind::Text,
            Value(r#""info""#),
            "What: error, warn, info, debug, trace, also by module: \"info,dozvon_sip=debug\".",
        ),
    ],
};

pub(in crate::server::config) const DRAIN: Section = Section {
    file: "dozvon.toml",
    name: "drain",
    many: false,
    doc: "How a stop goes: SIGTERM takes no new calls and lets the running ones finish.",
    keys: &[key(
        "finish_within_secs",
        Kind::Int(0, SECS_PER_DAY),
        Value("60"),
        "After so many seconds the calls that still run are ended with BYE.",
    )],
};

pub(in crate::server::config) const WEBHOOK: Section = Section {
    file: "webhooks.toml",
    name: "webhook",
    many: true,
    doc: "A program that is told what happens, by signed CloudEvents over HTTP; docs/webhooks.md is for its author.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in metrics, logs and dead letters."),
        key("url", Kind::Text, Needed, "Where to post: https://… or http://…."),
        key(
            "events",
            Kind::Patterns,
            Value(r#"["*"]"#),
            "Names of facts, as in the event log; `*` stands for any letters: \"call_*\".",
        ),
        key(
            "secret_file",
            Kind::Path,
            Absent,
            "A file with the secret of the signature, one line.",
        ),
        key("secret_env", Kind::EnvVar, Absent, "An environment variable with that secret."),
        key(
            "numbers",
            Kind::Choice(&["masked", "full"]),
            Value(r#""masked""#),
            "How callers' numbers are told: masked or full.",
        ),
        key(
            "ca_file",
            Kind::Path,
            Absent,
            "Certificates (PEM) that the receiver's one must go back to. Without it: those that browsers know.",
        ),
        key(
            "timeout_ms",
            Kind::Int(10, MILLIS_PER_MINUTE),
            Value("5000"),
            "An attempt without an answer for so many milliseconds has failed.",
        ),
        key(
            "retry_min_ms",
            Kind::Int(10, 3_600_000),
            Value("1000"),
            "The wait after a first failed attempt; it doubles with each, less up to a half by chance.",
        ),
        key(
            "retry_max_ms",
            Kind::Int(10, 3_600_000),
            Value("60000"),
            "The longest wait between two attempts.",
        ),
        key(
            "max_age_secs",
            Kind::Int(1, 7 * SECS_PER_DAY),
            Value("3600"),
            "An event that is older becomes a dead letter.",
        ),
        key(
            "queue_max",
            Kind::Int(1, 100_000),
            Value("10000"),
            "Events that wait at once. One more becomes a dead letter.",
        ),
        key(
            "dead_letter_file",
            Kind::Path,
            Value(r#""../data/webhook-dead-letters.jsonl""#),
            "Where events go that could not be delivered, one JSON line each.",
        ),
    ],
};
