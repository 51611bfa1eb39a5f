//! dozvon.toml: addresses, transports, media and the limits of both.

use super::Fallback::Value;
use super::{CODECS, Kind, SECS_PER_DAY, Section, key};

pub(in crate::server::config) const SIP: Section = Section {
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

pub(in crate::server::config) const MEDIA: Section = Section {
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
            "A leg from which no sound has come for so many seconds ends as failed; an agent's may be taken up again.",
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
            "Milliseconds held back against jitter between codecs and in mixes. Equal codecs: none. Bots' streams: 10.",
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

pub(in crate::server::config) const LIMITS: Section = Section {
    file: "dozvon.toml",
    name: "limits",
    many: false,
    doc: "What is too much. At each bound new calls get 503 with Retry-After; running calls are unhurt.",
    keys: &[
        key("calls_max", Kind::Int(1, 12000), Value("2000"), "Calls at the same time."),
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
