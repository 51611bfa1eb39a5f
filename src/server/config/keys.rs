//! Every key of every TOML file: its kind, its bounds, its default and what it does.
//!
//! The one table from which files are read, `dozvon config sample` and `dozvon config reference` are written, and
//! misspelt keys are recognised. A key that is not here is unknown.

use Fallback::{Absent, Needed, Value};

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

pub(super) const SIP: Section = Section {
    file: "dozvon.toml",
    name: "sip",
    many: false,
    doc: "SIP transports and registration.",
    keys: &[
        key(
            "listen_udp",
            Kind::Sockets,
            Value(r#"["0.0.0.0:5060"]"#),
            "Addresses and ports for SIP over UDP. IPv6 in brackets: \"[::]:5060\".",
        ),
        key(
            "listen_tcp",
            Kind::Sockets,
            Value(r#"["0.0.0.0:5060"]"#),
            "Addresses and ports for SIP over TCP.",
        ),
        key(
            "advertised",
            Kind::Address,
            Value(r#""""#),
            "The public address written into Via and Contact when we are behind a static NAT. Empty: the bound one.",
        ),
        key(
            "realm",
            Kind::Name,
            Value(r#""dozvon""#),
            "Digest realm, and domain of the agents' addresses. Changing it invalidates every ha1_* in agents.toml.",
        ),
        key(
            "server_name",
            Kind::Text,
            Value(r#""dozvon""#),
            "What we call ourselves in Server and User-Agent.",
        ),
        key(
            "agent_passwords",
            Kind::Path,
            Value(r#""secrets/agents""#),
            "Folder of the passwords that dozvon makes for agents for whom agents.toml names none: one file a user.",
        ),
        key(
            "tcp_connections_max",
            Kind::Int(1, 100_000),
            Value("2000"),
            "TCP connections at once. One more is closed as soon as it comes.",
        ),
        key(
            "tcp_idle_secs",
            Kind::Int(10, SECS_PER_DAY),
            Value("600"),
            "A TCP connection silent for so many seconds is closed.",
        ),
        key(
            "registration_min_secs",
            Kind::Int(10, 3600),
            Value("60"),
            "The shortest registration granted, in seconds; a shorter wish is answered with 423.",
        ),
        key(
            "registration_default_secs",
            Kind::Int(10, SECS_PER_DAY),
            Value("300"),
            "The registration granted to a phone that asks for no time, in seconds.",
        ),
        key(
            "registration_max_secs",
            Kind::Int(10, SECS_PER_DAY),
            Value("3600"),
            "The longest registration granted, in seconds; a longer wish is cut to it.",
        ),
        key(
            "session_expires_secs",
            Kind::Int(90, SECS_PER_DAY),
            Value("1800"),
            "Session timer that we propose, in seconds (RFC 4028): a call whose other side is gone ends by then.",
        ),
    ],
};

pub(super) const MEDIA: Section = Section {
    file: "dozvon.toml",
    name: "media",
    many: false,
    doc: "Sound: addresses, ports, codecs, worker threads.",
    keys: &[
        key(
            "address",
            Kind::Address,
            Value(r#""auto""#),
            "The IPv4 address told to phones for sound. \"auto\": that of SIP, or of the default route.",
        ),
        key(
            "address_v6",
            Kind::Address,
            Value(r#""""#),
            "The IPv6 address told to phones for sound. Empty: no sound over IPv6.",
        ),
        key(
            "rtp_port_min",
            Kind::Int(1024, 65_534),
            Value("20000"),
            "The first port for RTP, even.",
        ),
        key(
            "rtp_port_max",
            Kind::Int(1025, 65_535),
            Value("29999"),
            "The last port for RTP and RTCP. A call with an agent takes four ports.",
        ),
        key(
            "rtp_port_cooldown_secs",
            Kind::Int(0, 600),
            Value("10"),
            "A port rests so many seconds before its next call, so that late packets of the last one are not heard.",
        ),
        key(
            "rtp_timeout_secs",
            Kind::Int(5, 3600),
            Value("30"),
            "A leg from which no sound has come for so many seconds ends as failed.",
        ),
        key(
            "rtcp_interval_secs",
            Kind::Int(1, 60),
            Value("5"),
            "Seconds between RTCP reports of one leg.",
        ),
        key(
            "playout_delay_ms",
            Kind::Int(20, 400),
            Value("60"),
            "Milliseconds held back against jitter between codecs and in mixes. Two equal codecs are not delayed.",
        ),
        key(
            "codecs",
            Kind::Choices(&CODECS),
            Value(r#"["opus", "g722", "pcma", "pcmu"]"#),
            "Codecs spoken, the preferred one first: opus, g722, pcma, pcmu.",
        ),
        key(
            "workers",
            Kind::Int(0, 256),
            Value("0"),
            "Threads for sound. 0: one less than there are cores, at least 1.",
        ),
    ],
};

pub(super) const LIMITS: Section = Section {
    file: "dozvon.toml",
    name: "limits",
    many: false,
    doc: "What is too much. At each bound new calls get 503 with Retry-After; running calls are unhurt.",
    keys: &[
        key("calls_max", Kind::Int(1, 5000), Value("2000"), "Calls at the same time."),
        key(
            "calls_per_sec_max",
            Kind::Int(1, 10_000),
            Value("200"),
            "New calls per second, over all sources.",
        ),
        key("retry_after_secs", Kind::Int(1, 3600), Value("10"), "Seconds told in Retry-After."),
        key(
            "transactions_max",
            Kind::Int(100, 50_000),
            Value("50000"),
            "SIP transactions at once. More requests get 503 without any state.",
        ),
        key(
            "unanswered_per_source_max",
            Kind::Int(1, 10_000),
            Value("100"),
            "Calls at once that are not yet answered and acknowledged, from one address that belongs to no trunk.",
        ),
        key(
            "stranger_requests_per_sec_max",
            Kind::Int(1, 100_000),
            Value("20"),
            "SIP requests per second from one address that belongs to no trunk, on average.",
        ),
        key(
            "stranger_requests_burst_max",
            Kind::Int(1, 100_000),
            Value("60"),
            "SIP requests at once from one address that belongs to no trunk.",
        ),
        key(
            "trunk_requests_per_sec_max",
            Kind::Int(1, 1_000_000),
            Value("500"),
            "SIP requests per second from one address of a trunk, on average.",
        ),
        key(
            "trunk_requests_burst_max",
            Kind::Int(1, 1_000_000),
            Value("1000"),
            "SIP requests at once from one address of a trunk.",
        ),
    ],
};

pub(super) const FLOWS: Section = Section {
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
    ],
};

pub(super) const TALK: Section = Section {
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
            "The prompt for a customer whose agent's phone broke, who is back in the queue; empty: only music.",
        ),
        key(
            "ring_timeout_secs",
            Kind::Int(5, 300),
            Value("30"),
            "How long a colleague or a number may ring for a consultation, a transfer or an agent's own call.",
        ),
        key(
            "min_talk_ms",
            Kind::Int(0, 10_000),
            Value("2000"),
            "An agent who hangs up sooner after his answer gives the customer his place back, and rests. 0: never.",
        ),
        key(
            "park_max_secs",
            Kind::Int(5, SECS_PER_HOUR),
            Value("120"),
            "How long a call may be parked before its queue has it again.",
        ),
    ],
};

pub(super) const ACD: Section = Section {
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
            "hold_alarm_secs",
            Kind::Int(0, SECS_PER_DAY),
            Value("120"),
            "A caller on hold for so many seconds is told of, once a hold. 0: never.",
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

pub(super) const SHIFTS: Section = Section {
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

pub(super) const HTTP: Section = Section {
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

pub(super) const STORE: Section = Section {
    file: "dozvon.toml",
    name: "store",
    many: false,
    doc: "The database of contacts, their stages and the agents' statuses.",
    keys: &[key(
        "path",
        Kind::Path,
        Value(r#""../data/dozvon.db""#),
        "The SQLite file. It and its folder are made when they are not there.",
    )],
};

pub(super) const EVENTS: Section = Section {
    file: "dozvon.toml",
    name: "events",
    many: false,
    doc: "The event log: one JSON line for every happening, appended.",
    keys: &[key("file", Kind::Path, Value(r#""""#), "The file. Empty: no event log.")],
};

pub(super) const LOG: Section = Section {
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

pub(super) const DRAIN: Section = Section {
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

/// The table of feature codes has keys of the operator's choosing; these are the default ones.
pub(super) const FEATURE_CODES: [(&str, &str); 11] = [
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
pub(super) const FEATURE_CODES_TABLE: (&str, &str) = (
    "feature_codes",
    "What an agent dials from his phone: a code and a status, log_out, or wrap_up_code, behind which the short number \
     of a talk's code is dialled. The table replaces the default one whole.",
);

/// Name and meaning of the tables of statuses.
pub(super) const STATUSES_TABLE: (&str, &str) = (
    "statuses",
    "What each status is worth and how long it may last: [statuses.lunch] and so on for the nine. A key that is not \
     there has the house's value; 0 takes a limit away. Limits warn the agent and the supervisor and end nothing \
     unless auto_return says so.",
);

/// The keys of each table of statuses. What holds without them is the center's to say.
pub(super) const STATUS_KEYS: [Key; 9] = [
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

/// The tables of dozvon.toml with keys of ours, in the order of the sample.
pub(super) const DOZVON: [&Section; 12] =
    [&SIP, &MEDIA, &LIMITS, &FLOWS, &ACD, &TALK, &SHIFTS, &HTTP, &STORE, &EVENTS, &LOG, &DRAIN];

pub(super) const SKILLS: Section = Section {
    file: "queues.toml",
    name: "skills",
    many: false,
    doc: "What agents can do and callers may need. Languages need not be listed: `lang:ru` and so on are known.",
    keys: &[key("names", Kind::Names, Value("[]"), "All skills by name.")],
};

pub(super) const QUEUE: Section = Section {
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

pub(super) const STAGE: Section = Section {
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

pub(super) const RESERVE: Section = Section {
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

pub(super) const AGENT: Section = Section {
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

pub(super) const TRUNK: Section = Section {
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

pub(super) const NUMBER: Section = Section {
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

pub(super) const BOT: Section = Section {
    file: "bots.toml",
    name: "bot",
    many: true,
    doc: "A voice bot that flows can hand callers to.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name in flows, rollouts, records and metrics."),
        key("uri", Kind::SipUri, Needed, "Where it answers."),
        key(
            "answer_within_ms",
            Kind::Int(100, MILLIS_PER_MINUTE),
            Value("2000"),
            "A bot that has not answered after so many milliseconds gets no caller: people take over.",
        ),
    ],
};

pub(super) const ROLLOUT: Section = Section {
    file: "rollouts/*.toml",
    name: "rollout",
    many: true,
    doc: "One menu option on its way from people to a bot.",
    keys: &[
        key("name", Kind::Name, Needed, "Its name, as `rollout: {name: …}` in the flow has it."),
        key("bot", Kind::Name, Needed, "The bot that is being tried, of bots.toml."),
        key(
            "share",
            Kind::Choice(&["0", "1/10", "1/5", "1/2", "all"]),
            Value(r#""0""#),
            "The bot's share of the callers now: 0, 1/10, 1/5, 1/2 or all.",
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
            "Percent of the callers who stay with people whatever the share, to compare with.",
        ),
    ],
};

pub(super) const TOKEN: Section = Section {
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

pub(super) const WEBHOOK: Section = Section {
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

/// The tables of the other files.
pub(super) const OTHERS: [&Section; 11] =
    [&SKILLS, &QUEUE, &STAGE, &RESERVE, &AGENT, &TRUNK, &NUMBER, &BOT, &ROLLOUT, &TOKEN, &WEBHOOK];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_time_or_amount_has_its_unit_or_bound_in_its_name() {
        let ends = [
            "_secs",
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
                assert!(matches!(key.default, Value(_)), "{}.{}", section.name, key.name);
            }
        }
    }
}
