//! queues.toml and agents.toml: skills, queues with their stages and reserves, and agents.

use super::Fallback::{Absent, Needed, Value};
use super::{Kind, SECS_PER_DAY, SECS_PER_HOUR, Section, key};

pub(in crate::server::config) const SKILLS: Section = Section {
    file: "queues.toml",
    name: "skills",
    many: false,
    doc: "What agents can do and callers may need. Languages need not be listed: `lang:ru` and so on are known.",
    keys: &[key("names", Kind::Names, Value("[]"), "All skills by name.")],
};

pub(in crate::server::config) const QUEUE: Section = Section {
    file: "queues.toml",
    name: "queue",
    many: true,
    doc: "A queue that flows can put callers in.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in flows, records and metrics."),
        key(
            "service_level_secs",
            Kind::Int(1, SECS_PER_DAY),
            Value("20"),
            "The acceptable wait in seconds: T of the service level, and what makes a queue urgent.",
        ),
        key(
            "short_abandon_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("5"),
            "Who hangs up sooner, in seconds, counts neither for nor against the service level.",
        ),
        key(
            "ring_timeout_secs",
            Kind::Int(1, 600),
            Value("20"),
            "An agent's phone rings so many seconds; then the call goes to somebody else.",
        ),
        key(
            "wrap_up",
            Kind::Choice(&["off", "timed", "until_code", "until_code_max"]),
            Value(r#""timed""#),
            "How the work after a talk ends: off (there is none), timed, until_code, or until_code_max (a code or the \
             time, whichever comes first).",
        ),
        key(
            "wrap_up_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("15"),
            "Seconds for the paperwork after a talk. 0: none. until_code has no use for it.",
        ),
        key(
            "wrap_up_extend_max_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("60"),
            "By how many seconds in all an agent can put the end of one wrap-up off. 0: not at all.",
        ),
        key(
            "classifier",
            Kind::Name,
            Absent,
            "What its talks can be about: the name of a file in classifiers/, without .yaml.",
        ),
        key(
            "calendar",
            Kind::Name,
            Absent,
            "Its opening hours: a calendar of calendars/. Closed, it takes no new calls. Absent: always open.",
        ),
        key(
            "drain_max_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("600"),
            "For how long those who wait at closing time are still served, before they leave by `closed`.",
        ),
        key(
            "handle_prior_secs",
            Kind::Int(1, SECS_PER_DAY),
            Value("240"),
            "Seconds that a call is expected to bind an agent, until forecasts of waits have learned it from calls.",
        ),
        key(
            "max_wait_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("0"),
            "Seconds after which a caller goes where the flow says for `max_wait`. 0: he may wait for ever.",
        ),
        key(
            "length_max",
            Kind::Int(1, 100_000),
            Value("500"),
            "Calls that may wait. One more goes where the flow says for `full`.",
        ),
        key(
            "announce",
            Kind::Choices(&["position", "wait"]),
            Value("[]"),
            "What waiting callers are told over the music. `wait` is told only when it can be known.",
        ),
        key(
            "comfort",
            Kind::Names,
            Value("[]"),
            "Prompts that waiting callers hear in turn, one with each announcement.",
        ),
        key(
            "announce_after_secs",
            Kind::Int(1, SECS_PER_DAY),
            Value("15"),
            "Seconds from the beginning of the wait to the first announcement.",
        ),
        key(
            "announce_every_secs",
            Kind::Int(10, SECS_PER_DAY),
            Value("60"),
            "Seconds from the beginning of one announcement to the beginning of the next.",
        ),
        key(
            "tier",
            Kind::Int(-10, 10),
            Value("0"),
            "Calls of a smaller tier go before all others, however long those have waited. For what can't wait at all.",
        ),
        key(
            "order",
            Kind::Choice(&["least_occupied", "longest_idle", "rank"]),
            Value(r#""least_occupied""#),
            "Which free agent goes first among those who fit equally well: least_occupied, longest_idle or rank.",
        ),
        key(
            "ring",
            Kind::Choice(&["one", "parallel", "broadcast"]),
            Value(r#""one""#),
            "How many phones ring for a call at once: one, parallel (ring_phones_max) or broadcast (all free, at most \
             32).",
        ),
        key(
            "ring_phones_max",
            Kind::Int(2, 32),
            Value("3"),
            "With ring = \"parallel\": phones at once. The first answer has the call.",
        ),
        key(
            "callback_first",
            Kind::Choice(&["agent", "customer"]),
            Value(r#""agent""#),
            "Who is on the line first when a customer is called back: the agent, who hears it ring, or the customer, \
             for whom an agent is kept free.",
        ),
        key(
            "callbacks_max",
            Kind::Int(0, 20_000),
            Value("200"),
            "Open requests to be called back at the most; 0: none is taken.",
        ),
        key(
            "callback_boost_secs",
            Kind::Int(0, SECS_PER_HOUR),
            Value("0"),
            "The head start of customers who are called back before callers who came at the same time.",
        ),
        key(
            "sticky_within_secs",
            Kind::Int(0, 30 * SECS_PER_DAY),
            Value("0"),
            "Who spoke with an agent within so many seconds is brought back to him if he is ready or talking. 0: \
             nobody is.",
        ),
        key(
            "sticky_wait_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("20"),
            "A caller waits for that agent alone for so many seconds at most; then for anybody.",
        ),
        key(
            "sticky_same_topic",
            Kind::Bool,
            Value("true"),
            "Whether that talk must have come through this queue.",
        ),
        key(
            "interrupted_boost_secs",
            Kind::Int(0, 3_600),
            Value("60"),
            "Head start in seconds of a caller whose last talk broke off within ten minutes through no fault of his.",
        ),
        key(
            "resume_within_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("120"),
            "Who hung up while waiting here and comes back within so many seconds has his old place. 0: he has not.",
        ),
    ],
};

pub(in crate::server::config) const STAGE: Section = Section {
    file: "queues.toml",
    name: "stage",
    many: true,
    doc: "From a moment of the wait on more agents may have the calls of a queue, behind those who fit better.",
    keys: &[
        key("queue", Kind::Name, Needed, "The queue."),
        key(
            "after_secs",
            Kind::Int(1, SECS_PER_DAY),
            Needed,
            "When it begins, in seconds from the moment at which the caller began to wait for a person.",
        ),
        key(
            "requires",
            Kind::Text,
            Absent,
            "What is enough then, whatever the call itself requires: an expression like \"lang:kk and cards >= 2\".",
        ),
        key(
            "drop",
            Kind::Names,
            Value("[]"),
            "In place of `requires`: skills that are not asked for any more; the rest of what the call requires still \
             is.",
        ),
    ],
};

pub(in crate::server::config) const RESERVE: Section = Section {
    file: "queues.toml",
    name: "reserve",
    many: true,
    doc: "Keeps the last idle agents of some kind for calls that nobody else can take.",
    keys: &[
        key(
            "requires",
            Kind::Text,
            Needed,
            "Who is kept: agents of whom this is true, like \"senior\" or \"lang:kk >= 2\".",
        ),
        key("idle_min", Kind::Int(1, 1_000), Value("2"), "So many idle ones are kept."),
        key(
            "lasts_secs",
            Kind::Int(1, SECS_PER_DAY),
            Value("20"),
            "Kept from calls that have waited for less than so many seconds.",
        ),
    ],
};

pub(in crate::server::config) const AGENT: Section = Section {
    file: "agents.toml",
    name: "agent",
    many: true,
    doc: "A person who takes calls. Without password_file, password_env or both ha1_* dozvon makes a password itself.",
    keys: &[
        key(
            "user",
            Kind::Name,
            Needed,
            "User part of the SIP address, and user name for the phone.",
        ),
        key("name", Kind::Text, Absent, "The name for people. Without it: the user name."),
        key("team", Kind::Name, Value(r#""agents""#), "The team that he is counted with."),
        key("queues", Kind::Names, Value("[]"), "The queues that he serves. Empty: all."),
        key(
            "skills",
            Kind::Skills,
            Value("[]"),
            "What he can do, of [skills] in queues.toml: [\"cards\"], or with levels from 1 to 100: { cards = 3, \
             \"lang:kk\" = 2 }. Without a level: 1.",
        ),
        key(
            "rank",
            Kind::Int(1, 1_000),
            Value("1"),
            "His place in queues whose order is rank: the smallest goes first.",
        ),
        key(
            "languages",
            Kind::Names,
            Value("[]"),
            "Languages that he speaks: the skills `lang:…`. The first is that of spoken confirmations.",
        ),
        key(
            "may_call",
            Kind::Bool,
            Value("false"),
            "Whether the phone may dial numbers and not only feature codes.",
        ),
        key(
            "password_file",
            Kind::Path,
            Absent,
            "A file with the password of the phone, one line.",
        ),
        key(
            "password_env",
            Kind::EnvVar,
            Absent,
            "An environment variable with the password of the phone.",
        ),
        key(
            "ha1_sha256",
            Kind::Hex(64),
            Absent,
            "SHA-256 of user:realm:password in place of a password, as `dozvon agent-password --hashes` prints it.",
        ),
        key(
            "ha1_md5",
            Kind::Hex(32),
            Absent,
            "MD5 of user:realm:password, for phones that know nothing better.",
        ),
    ],
};
