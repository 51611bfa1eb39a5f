//! Every key of every TOML file: its kind, its bounds, its default and what it does.
//!
//! The one table from which files are read, `dozvon config sample` and `dozvon config reference` are written, and
//! misspelt keys are recognised. A key that is not here is unknown.

mod center;
mod endpoints;
mod routes;
mod service;
mod staff;
mod wire;

pub(super) use center::{
    ACD, CALLBACK, FEATURE_CODES, FEATURE_CODES_TABLE, FLOWS, SHIFTS, STATUS_KEYS, STATUSES_TABLE,
    TALK,
};
pub(super) use endpoints::{ENDPOINT, REQUEST};
pub(super) use routes::{BOT, NUMBER, RECOGNISER, ROLLOUT, SITE, TOKEN, TRUNK};
pub(super) use service::{DRAIN, EVENTS, HTTP, LOG, STORE, WEBHOOK};
pub(super) use staff::{AGENT, QUEUE, RESERVE, SKILLS, STAGE};
pub(super) use wire::{LIMITS, MEDIA, SIP};

/// What may stand behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Int(i64, i64),
    /// Any text on one line.
    Text,
    /// A name as it appears in records and metrics: letters, digits, `-`, `_`, `.` and `:`.
    Name,
    /// A file or folder; relative ones are looked for from the configuration folder. Empty = none.
    Path,
    /// The name of an environment variable.
    EnvVar,
    /// An IP address, `auto` or empty.
    Address,
    /// An IP address and a port, or empty = none.
    Socket,
    /// IP addresses with ports.
    Sockets,
    /// Networks like `10.0.0.0/8`.
    Networks,
    /// Names.
    Names,
    /// Names, or names with levels from 1 to 100.
    Skills,
    /// Words of small letters, digits and `_`, in which `*` stands for any of them.
    Patterns,
    /// Dialled numbers.
    Dials,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Several of these words, in order.
    Choices(&'static [&'static str]),
    /// A SIP URI.
    SipUri,
    /// A hash of so many hexadecimal digits.
    Hex(usize),
}

/// What holds when a key is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    /// This, written in TOML.
    Value(&'static str),
    /// Nothing.
    Absent,
    /// The key must be there.
    Needed,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What may stand behind it.
    pub(super) kind: Kind,
    /// What holds without it.
    pub(super) default: Fallback,
    /// What it does, with its unit.
    pub(super) doc: &'static str,
}

/// One table of a file, or one that may be there many times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    /// The file, from the configuration folder.
    pub(super) file: &'static str,
    /// The name of the table.
    pub(super) name: &'static str,
    /// Whether it is an array of tables: `[[name]]`.
    pub(super) many: bool,
    /// What it is for.
    pub(super) doc: &'static str,
    /// Its keys; of tables that may be there many times, the first is what tells them apart.
    pub(super) keys: &'static [Key],
}

impl Section {
    /// Its header as it stands in a file.
    pub(super) fn header(&self) -> String {
        if self.many { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn key(name: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

const SECS_PER_DAY: i64 = 86_400;
const SECS_PER_HOUR: i64 = 3_600;
const MILLIS_PER_MINUTE: i64 = 60_000;

/// Names of the codecs, as in the configuration.
pub(super) const CODECS: [&str; 4] = ["opus", "g722", "pcma", "pcmu"];

/// What bots with a stream speak.
pub(super) const BOT_PROTOCOLS: [&str; 2] = ["twilio", "audiohook"];

/// What is spoken with recognisers.
pub(super) const RECOGNISER_PROTOCOLS: [&str; 2] = ["vosk", "twilio"];

/// What a bot may be told of a call, in the words of its protocol.
pub(super) const BOT_PARAMETERS: [&str; 6] =
    ["from_number", "to_number", "lang", "option", "stage", "call_uuid"];

/// The tables of dozvon.toml with keys of ours, in the order of the sample.
pub(super) const DOZVON: [&Section; 13] = [
    &SIP, &MEDIA, &LIMITS, &FLOWS, &ACD, &TALK, &CALLBACK, &SHIFTS, &HTTP, &STORE, &EVENTS, &LOG,
    &DRAIN,
];

/// The tables of the other files.
pub(super) const OTHERS: [&Section; 15] = [
    &SKILLS,
    &QUEUE,
    &STAGE,
    &RESERVE,
    &AGENT,
    &TRUNK,
    &NUMBER,
    &SITE,
    &BOT,
    &RECOGNISER,
    &ROLLOUT,
    &TOKEN,
    &WEBHOOK,
    &ENDPOINT,
    &REQUEST,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_time_or_amount_has_its_unit_or_bound_in_its_name() {
        let ends = [
            "_secs",
            "_days",
            "_ms",
            "_max",
            "_min",
            "_percent",
            "workers",
            "rona_limit",
            "per_shift",
            "tier",
            "rank",
        ];
        for section in DOZVON.iter().chain(&OTHERS) {
            for key in section.keys {
                if matches!(key.kind, Kind::Int(..)) {
                    assert!(
                        ends.iter().any(|end| key.name.ends_with(end)),
                        "{}.{}: put the unit last in its name",
                        section.name,
                        key.name
                    );
                }
                assert!(key.doc.ends_with('.'), "{}.{}: a sentence", section.name, key.name);
            }
        }
    }

    #[test]
    fn every_key_of_dozvon_toml_has_a_default() {
        for section in DOZVON {
            for key in section.keys {
                assert!(matches!(key.default, Fallback::Value(_)), "{}.{}", section.name, key.name);
            }
        }
    }
}
