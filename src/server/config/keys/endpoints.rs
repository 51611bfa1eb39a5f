//! endpoints.toml: the bank's systems that flows ask, and what can be asked of them.

use super::Fallback::{Absent, Needed, Value};
use super::{Kind, SECS_PER_HOUR, Section, key};
use dozvon_center::limits::ANSWER_BYTES_MAX;

pub(in crate::server::config) const ENDPOINT: Section = Section {
    file: "endpoints.toml",
    name: "endpoint",
    many: true,
    doc: "A system of the bank that flows ask while a caller waits; docs/endpoints.md says what it has to answer.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in flows, facts and metrics."),
        key(
            "url",
            Kind::Text,
            Needed,
            "Where it is, without the paths of its requests: https://crm.bank.example/api.",
        ),
        key("bearer_file", Kind::Path, Absent, "A file with a bearer token, one line."),
        key("bearer_env", Kind::EnvVar, Absent, "An environment variable with that token."),
        key("user", Kind::Text, Absent, "The user of HTTP Basic authentication."),
        key("password_file", Kind::Path, Absent, "A file with his password, one line."),
        key("password_env", Kind::EnvVar, Absent, "An environment variable with that password."),
        key(
            "ca_file",
            Kind::Path,
            Absent,
            "Certificates (PEM) that its one must go back to. Without it: those that browsers know.",
        ),
        key(
            "timeout_ms",
            Kind::Int(10, 10_000),
            Value("2000"),
            "The longest that a request may take, in milliseconds, whatever a flow allows.",
        ),
        key(
            "in_flight_max",
            Kind::Int(1, 512),
            Value("32"),
            "Requests under way at once. One more is the outcome `error` at once.",
        ),
        key(
            "answer_bytes_max",
            Kind::Int(1_024, ANSWER_BYTES_MAX as i64),
            Value("65536"),
            "Bytes of an answer. A longer one is the outcome `error`.",
        ),
        key(
            "breaker_failures_max",
            Kind::Int(1, 1_000),
            Value("5"),
            "After so many failures in a row (no connection, no answer in time, status 5xx or 429) it is left alone.",
        ),
        key(
            "breaker_open_secs",
            Kind::Int(1, SECS_PER_HOUR),
            Value("10"),
            "For so many seconds; then one request tries it, and its end decides.",
        ),
    ],
};

pub(in crate::server::config) const REQUEST: Section = Section {
    file: "endpoints.toml",
    name: "request",
    many: true,
    doc: "Something that can be asked of an endpoint: `use: <endpoint>.<name>` in a flow.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in flows."),
        key("endpoint", Kind::Name, Needed, "Of which endpoint."),
        key(
            "method",
            Kind::Choice(&["GET", "POST"]),
            Value(r#""GET""#),
            "GET; or POST, which carries what a flow sends as a JSON object.",
        ),
        key(
            "path",
            Kind::Text,
            Needed,
            "Its path, with values in braces: /c?phone={caller}. Besides what a flow sends: caller, dialled, call.",
        ),
    ],
};
