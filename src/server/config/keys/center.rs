//! dozvon.toml: flows, talks, offers, shifts, statuses and the feature codes of phones.

use super::Fallback::{Absent, Value};
use super::{Key, Kind, MILLIS_PER_MINUTE, SECS_PER_DAY, SECS_PER_HOUR, Section, key};

pub(in crate::server::config) const FLOWS: Section = Section {
    file: "dozvon.toml",
    name: "flows",
    many: false,
    doc: "IVR flows and what they play.",
    keys: &[
        key(
            "folder",
            Kind::Path,
            Value(r#""../ivr-flows""#),
            "The folder of the flows: every *.yaml in it is one.",
        ),
        key(
            "prompts",
            Kind::Path,
            Value(r#""""#),
            "The folder of the prompts: LANGUAGE/NAME.wav and music/NAME.wav. Empty: `prompts` in the flows' folder.",
        ),
        key(
            "music",
            Kind::Name,
            Value(r#""moh-soft""#),
            "Music for waiting callers where the flow names none: NAME of music/NAME.wav.",
        ),
        key(
            "language",
            Kind::Name,
            Value(r#""ru""#),
            "Language of spoken confirmations to agents whose `languages` are not known.",
        ),
        key(
            "watch",
            Kind::Bool,
            Value("false"),
            "Whether changed files of the configuration, flows and prompts are reloaded by themselves, when they have \
             been left alone for a second.",
        ),
    ],
};

pub(in crate::server::config) const TALK: Section = Section {
    file: "dozvon.toml",
    name: "talk",
    many: false,
    doc: "Talks with agents: hold, transfers, park.",
    keys: &[
        key(
            "hold_warn_at_secs",
            Kind::Int(1, SECS_PER_HOUR),
            Value("100"),
            "The agent is warned, by a beep and on the screen, when a hold has lasted this long.",
        ),
        key(
            "hold_max_secs",
            Kind::Int(2, SECS_PER_HOUR),
            Value("120"),
            "A hold longer than this is counted as too long, and the customer hears hold_phrase.",
        ),
        key(
            "hold_phrase",
            Kind::Name,
            Value(r#""please-hold""#),
            "The prompt that tells a customer on hold that he is not forgotten; empty: only music.",
        ),
        key(
            "lost_phrase",
            Kind::Name,
            Value(r#""technical-trouble""#),
            "The prompt for a customer whose agent's phone broke; empty: only music.",
        ),
        key(
            "media_grace_secs",
            Kind::Int(0, 30),
            Value("10"),
            "How long an agent whose phone broke may take his talk up again by INVITE with Replaces. 0: not at all.",
        ),
        key(
            "ring_timeout_secs",
            Kind::Int(5, 300),
            Value("30"),
            "How long a colleague, a number or a supervisor's phone may ring, for transfers and own calls too.",
        ),
        key(
            "min_talk_ms",
            Kind::Int(0, 10_000),
            Value("2000"),
            "An agent's hanging up sooner gives the place back, he rests; a customer's leaves no wrap-up. 0: never.",
        ),
        key(
            "greet_within_secs",
            Kind::Int(1, 60),
            Value("5"),
            "An agent who says his first word later after his answer has greeted late.",
        ),
        key(
            "unheard_after_secs",
            Kind::Int(3, 600),
            Value("15"),
            "A party of a talk who is not heard for so many seconds is told of, on the screen too. Holds are left out.",
        ),
        key(
            "park_max_secs",
            Kind::Int(5, SECS_PER_HOUR),
            Value("120"),
            "How long a call may be parked before its queue has it again.",
        ),
    ],
};

pub(in crate::server::config) const CALLBACK: Section = Section {
    file: "dozvon.toml",
    name: "callback",
    many: false,
    doc: "Customers who are called back: when one may call, whom, how often. What differs by queue is in queues.toml.",
    keys: &[
        key(
            "calendar",
            Kind::Text,
            Value(r#""""#),
            "The calendar of the hours in which customers may be called, days off and holidays included. Empty: \
             nobody is called back.",
        ),
        key(
            "calendars",
            Kind::Names,
            Value("[]"),
            "Calendars of customers elsewhere, who have another clock: the beginning of the number without +, a colon, \
             the calendar, as in \"7401:kaliningrad\". The longest beginning counts.",
        ),
        key(
            "country",
            Kind::Text,
            Value(r#""""#),
            "The country's code without +, by which numbers are told to be the same however they are written. Empty: \
             they are taken as they come.",
        ),
        key(
            "trunk_prefix",
            Kind::Text,
            Value(r#""""#),
            "What is dialled within the country in place of its code, such as 8 or 0; empty: nothing.",
        ),
        key(
            "national_digits_max",
            Kind::Int(0, 14),
            Value("10"),
            "Digits of a number within the country, without code and prefix.",
        ),
        key(
            "allow",
            Kind::Dials,
            Value("[]"),
            "Beginnings of numbers, like +77, that a caller may type and people may name. Empty: a caller is called \
             back at the number he calls from, and at no other.",
        ),
        key(
            "deny",
            Kind::Dials,
            Value("[]"),
            "Beginnings of numbers that are never called back, such as those that cost extra.",
        ),
        key(
            "from",
            Kind::Text,
            Value(r#""""#),
            "The number that customers see. Empty: the one in the trunk's target.",
        ),
        key(
            "attempts_max",
            Kind::Int(1, 10),
            Value("3"),
            "How often a customer is called at the most.",
        ),
        key(
            "spacing_secs",
            Kind::Int(60, SECS_PER_DAY),
            Value("900"),
            "From one attempt to the next.",
        ),
        key(
            "age_max_secs",
            Kind::Int(600, 30 * SECS_PER_DAY),
            Value("259200"),
            "A request that is older is given up.",
        ),
        key(
            "ring_timeout_secs",
            Kind::Int(5, 120),
            Value("25"),
            "How long a customer's phone rings.",
        ),
        key(
            "customer_wait_max_secs",
            Kind::Int(5, SECS_PER_HOUR),
            Value("60"),
            "How long a customer who is called before the agent may wait for one.",
        ),
        key(
            "phrase",
            Kind::Text,
            Value(r#""""#),
            "The prompt for a customer who is called before the agent; empty: only music.",
        ),
        key(
            "open_max",
            Kind::Int(0, 20_000),
            Value("2000"),
            "Open requests at the most. One more is refused.",
        ),
    ],
};

pub(in crate::server::config) const ACD: Section = Section {
    file: "dozvon.toml",
    name: "acd",
    many: false,
    doc: "Who gets which call, and what happens when a phone does not answer. Times of a queue are in queues.toml.",
    keys: &[
        key(
            "reserved_max_ms",
            Kind::Int(100, MILLIS_PER_MINUTE),
            Value("2000"),
            "A phone that has not begun to ring after so many milliseconds counts as out of order.",
        ),
        key(
            "connecting_max_ms",
            Kind::Int(100, MILLIS_PER_MINUTE),
            Value("5000"),
            "Joining the two voices may take so many milliseconds; then the caller gets his place back.",
        ),
        key(
            "late_answer_ms",
            Kind::Int(0, MILLIS_PER_MINUTE),
            Value("1000"),
            "An answer so many milliseconds after the ring time-out still counts if nobody else is being rung.",
        ),
        key(
            "rona_cooldown_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("30"),
            "No offers to an agent for so many seconds after one rang out.",
        ),
        key(
            "rona_limit",
            Kind::Int(1, 100),
            Value("3"),
            "So many missed offers in a row make an agent `not_responding`.",
        ),
        key(
            "rona_forget_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("1800"),
            "Missed offers are forgotten after so many seconds without another.",
        ),
        key(
            "reject_cooldown_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("10"),
            "No offers to an agent for so many seconds after he declined one or was busy.",
        ),
        key(
            "fault_cooldown_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("30"),
            "No offers to an agent for so many seconds after one failed technically.",
        ),
        key(
            "skip_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("60"),
            "Who missed or declined a call is not offered it again for so many seconds, unless there is nobody else.",
        ),
        key(
            "unreachable_grace_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("5"),
            "A ready agent whose phone is gone for so many seconds becomes `unreachable`.",
        ),
        key(
            "unreachable_return_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("60"),
            "If the phone is back within so many seconds, the agent is ready again by himself.",
        ),
        key(
            "no_agents_grace_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("30"),
            "A caller whom nobody at work could ever serve leaves the queue after so many seconds. 0: he waits on.",
        ),
        key(
            "shared_numbers",
            Kind::Dials,
            Value("[]"),
            "Callers' numbers behind which are many people: they have no last agent, no head start and no old place.",
        ),
        key(
            "talk_max_secs",
            Kind::Int(1, SECS_PER_DAY),
            Value("7200"),
            "A talk that lasts so many seconds, its holds included, is told of, and again after as long again.",
        ),
        key("talk_max_ends", Kind::Bool, Value("false"), "Whether such a talk is ended too."),
        key(
            "outbound_max_secs",
            Kind::Int(1, SECS_PER_DAY),
            Value("3600"),
            "A phone in a call of its own for so many seconds is told of, and again after as long again.",
        ),
    ],
};

pub(in crate::server::config) const SHIFTS: Section = Section {
    file: "dozvon.toml",
    name: "shifts",
    many: false,
    doc: "What agents are planned to do, for `dozvon shift report`. `dozvon check` reads the schedules; a mistake in \
          them stops no switch.",
    keys: &[
        key(
            "schedules",
            Kind::Path,
            Value(r#""schedules""#),
            "Folder of *.csv (agent,start,end,activity) and *.ics files. Empty or not there: no schedules.",
        ),
        key(
            "time_zone",
            Kind::Text,
            Value(r#""UTC""#),
            "The zone of times in schedules that name none, and of days: \"Asia/Almaty\".",
        ),
        key(
            "adherence_grace_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("60"),
            "A deviation from the schedule that lasts no longer than so many seconds is none.",
        ),
    ],
};

/// The table of feature codes has keys of the operator's choosing; these are the default ones.
pub(in crate::server::config) const FEATURE_CODES: [(&str, &str); 11] = [
    ("*1", "ready"),
    ("*2", "lunch"),
    ("*3", "training"),
    ("*4", "short_break"),
    ("*5", "huddle"),
    ("*6", "not_ready"),
    ("*7", "one_to_one"),
    ("*8", "group_meeting"),
    ("*9", "technical_problems"),
    ("*0", "log_out"),
    ("*80", "wrap_up_code"),
];

/// Name and meaning of the table of feature codes.
pub(in crate::server::config) const FEATURE_CODES_TABLE: (&str, &str) = (
    "feature_codes",
    "What an agent dials from his phone: a code and a status, log_out, or wrap_up_code, behind which the short number \
     of a talk's code is dialled. The table replaces the default one whole.",
);

/// Name and meaning of the tables of statuses.
pub(in crate::server::config) const STATUSES_TABLE: (&str, &str) = (
    "statuses",
    "What each status is worth and how long it may last: [statuses.lunch] and so on for the nine. A key that is not \
     there has the house's value; 0 takes a limit away. Limits warn the agent and the supervisor and end nothing \
     unless auto_return says so.",
);

/// The keys of each table of statuses. What holds without them is the center's to say.
pub(in crate::server::config) const STATUS_KEYS: [Key; 9] = [
    key("routable", Kind::Bool, Absent, "Whether calls are offered in it."),
    key("paid", Kind::Bool, Absent, "Whether its time is paid for: it counts for conformance."),
    key("productive", Kind::Bool, Absent, "Whether reports count its time as work."),
    key(
        "max_duration_secs",
        Kind::Int(0, SECS_PER_DAY),
        Absent,
        "How many seconds one stretch of it may last.",
    ),
    key(
        "warn_at_secs",
        Kind::Int(0, SECS_PER_DAY),
        Absent,
        "After how many seconds its end is warned of.",
    ),
    key(
        "quota_per_shift",
        Kind::Int(0, 1_000),
        Absent,
        "How often it may be taken between log-in and log-out; more is allowed and told.",
    ),
    key(
        "long_max_duration_secs",
        Kind::Int(0, SECS_PER_DAY),
        Absent,
        "How many seconds a long stretch of it may last.",
    ),
    key(
        "long_per_shift",
        Kind::Int(0, 1_000),
        Absent,
        "How many stretches of a shift may be long ones; one becomes long by outlasting max_duration_secs.",
    ),
    key("auto_return", Kind::Bool, Absent, "Whether the agent is made ready at the limit."),
];
