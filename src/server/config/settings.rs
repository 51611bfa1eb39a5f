//! What the roof itself is told: addresses, files, workers, tokens. Plain data, checked and with every default in it.
//!
//! What the switch and the center are told is in [`dozvon_switch::config`] and [`dozvon_center::policy`].

use crate::server::endpoint::{BreakerRules, PathTemplate};
use crate::server::store::db::Database;
use dozvon_center::bot::BotBrief;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The settings of the roof.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// SIP transports.
    pub(crate) sip: Sip,
    /// Sound.
    pub(crate) media: Media,
    /// API and live page.
    pub(crate) http: Http,
    /// Whether files that change are reloaded by themselves.
    pub(crate) watch: bool,
    /// The database.
    pub(crate) store: Store,
    /// The event log.
    pub(crate) events: Events,
    /// Our own log.
    pub(crate) log: Log,
    /// How a stop goes.
    pub(crate) drain: Drain,
    /// Schedules and the house's clock.
    pub(crate) shifts: super::Shifts,
    /// Programs that are told what happens.
    pub(crate) webhooks: Vec<Webhook>,
    /// The bank's systems that flows ask.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// A system of the bank that flows ask.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Endpoint {
    /// Its name in flows, facts and metrics.
    pub(crate) name: String,
    /// Where it is: `http` or `https`, without a slash at the end.
    pub(crate) base: String,
    /// What says that it is us.
    pub(crate) credentials: Option<Credentials>,
    /// Certificates that its one is checked against; `None`: those that browsers know.
    pub(crate) ca_file: Option<PathBuf>,
    /// The longest that a request may take, whatever a flow allows.
    pub(crate) timeout: Duration,
    /// Requests under way at once.
    pub(crate) in_flight_max: usize,
    /// Bytes of an answer that are read.
    pub(crate) answer_bytes_max: usize,
    /// When it is left alone.
    pub(crate) breaker: BreakerRules,
    /// What can be asked, by name.
    pub(crate) requests: BTreeMap<String, EndpointRequest>,
}

/// Something that can be asked of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EndpointRequest {
    /// Its path, with places for values.
    pub(crate) path: PathTemplate,
    /// POST with a JSON object, and not GET.
    pub(crate) has_body: bool,
}

/// What says to an endpoint that it is us.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Credentials {
    /// A bearer token (RFC 6750).
    Bearer(Secret),
    /// A user and a password (RFC 7617).
    Basic(String, Secret),
}

/// A program that is told what happens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Webhook {
    /// Its name in metrics and dead letters.
    pub(crate) name: String,
    /// Where to post: `http` or `https`.
    pub(crate) url: axum::http::Uri,
    /// The `source` of the events.
    pub(crate) source: String,
    /// Which facts, each a name in which `*` stands for any letters.
    pub(crate) events: Vec<String>,
    /// The key of the signature.
    pub(crate) secret: Secret,
    /// Whether callers' numbers are told in full.
    pub(crate) full_numbers: bool,
    /// Certificates that the receiver's one is checked against; `None`: those that browsers know.
    pub(crate) ca_file: Option<PathBuf>,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
    /// The wait after the first failed attempt.
    pub(crate) retry_min: Duration,
    /// The longest wait between two attempts.
    pub(crate) retry_max: Duration,
    /// What is older is not posted any more.
    pub(crate) max_age: Duration,
    /// Events that wait at once.
    pub(crate) queue_max: usize,
    /// Where undelivered events go.
    pub(crate) dead_letters: PathBuf,
}

/// SIP transports. What the endpoint needs to know of them is in [`dozvon_sip::endpoint::Config`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sip {
    /// UDP addresses to listen on.
    pub(crate) listen_udp: Vec<SocketAddr>,
    /// TCP addresses to listen on.
    pub(crate) listen_tcp: Vec<SocketAddr>,
    /// TCP connections at once. At the bound a new one is closed at once.
    pub(crate) tcp_connections_max: usize,
    /// A TCP connection with nothing to say for this long is closed.
    pub(crate) tcp_idle: Duration,
}

/// Sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    /// Worker threads, at least 1; `auto` is already worked out.
    pub(crate) workers: u16,
    /// Silence of the other side after which the leg ends as failed.
    pub(crate) rtp_timeout: Duration,
    /// Sound held back before transcoding, to absorb jitter.
    pub(crate) playout_delay: Duration,
    /// Interval of RTCP reports.
    pub(crate) rtcp_interval: Duration,
}

/// API and live page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Http {
    /// Where to listen; `None` = no HTTP at all.
    pub(crate) listen: Option<SocketAddr>,
    /// Who may do what.
    pub(crate) tokens: Vec<Token>,
}

/// A bearer token of the API.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// Whose it is, for the log.
    pub(crate) name: String,
    /// What it allows.
    pub(crate) role: Role,
    /// The token itself.
    pub(crate) token: Secret,
    /// For [`Role::Agent`]: the agent's user name; the token reaches nobody else.
    pub(crate) agent: Option<String>,
}

/// What a token allows. Each role may do what the ones before it may; an agent only for himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Read figures, without callers' numbers.
    Monitor,
    /// Set the own status.
    Agent,
    /// Read everything, set agents' statuses, hang up calls.
    Supervisor,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles with their names in the configuration.
    pub(crate) const ALL: [(&'static str, Role); 4] = [
        ("admin", Role::Admin),
        ("supervisor", Role::Supervisor),
        ("agent", Role::Agent),
        ("monitor", Role::Monitor),
    ];
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    /// Where it is. A file's folder is made if it isn't there.
    pub(crate) database: Database,
    /// The folder of the versions of the configuration that were in force: beside the file, or where it would be.
    pub(crate) versions: PathBuf,
}

/// The event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Events {
    /// The JSON-lines file; `None` = no event log.
    pub(crate) file: Option<PathBuf>,
}

/// Our own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// How lines are written.
    pub(crate) format: LogFormat,
    /// What is written, in the words of `tracing`'s `EnvFilter`: `info`, `info,dozvon::server=debug`.
    pub(crate) filter: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people, with colours on a terminal.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// How a stop goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drain {
    /// How long running calls may take to finish after SIGTERM; then they are ended with BYE.
    pub(crate) finish_within: Duration,
}

/// A WAV file that flows or confirmations name, checked: mono, 16 bit, of a rate that can be converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PromptFile {
    /// The language, i.e. its folder; [`dozvon_center::flow::model::MUSIC`] for music.
    pub(crate) language: std::sync::Arc<str>,
    /// The name, as flows write it.
    pub(crate) name: std::sync::Arc<str>,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// How long it plays.
    pub(crate) duration: Duration,
    /// SHA-256 of the file.
    pub(crate) digest: [u8; 32],
}

/// Bots that speak over a stream, by their names.
pub(crate) type Streams = Arc<BTreeMap<Arc<str>, Arc<StreamBot>>>;

/// A bot that speaks over a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamBot {
    /// Its address, as it is signed and asked for.
    pub(crate) url: String,
    /// What is spoken there.
    pub(crate) protocol: BotProtocol,
    /// The account that it is told.
    pub(crate) account: String,
    /// The account's token; `None`: the bot is shown none, and REST lets nobody in.
    pub(crate) token: Option<Secret>,
    /// The CA's certificate; `None`: those that browsers know.
    pub(crate) ca_file: Option<PathBuf>,
    /// What it is told of a call.
    pub(crate) tells: Vec<BotParameter>,
    /// How soon it must be heard; `None`: whenever it likes.
    pub(crate) first_audio_within: Option<Duration>,
}

impl StreamBot {
    /// What it is told of a call. What is not known is left out.
    pub(crate) fn parameters(&self, brief: &BotBrief) -> Vec<(&'static str, String)> {
        let told = |parameter: &BotParameter| {
            let value = match parameter {
                BotParameter::FromNumber => brief.caller.as_deref().map(str::to_owned),
                BotParameter::ToNumber => Some(brief.dialled.to_string()),
                BotParameter::Lang => Some(brief.language.to_string()),
                BotParameter::Option => brief.option.as_deref().map(str::to_owned),
                BotParameter::Stage => brief.share.map(|share| share.as_str().to_owned()),
                BotParameter::CallUuid => Some(brief.call.to_string()),
            };
            Some((parameter.as_str(), value?))
        };
        self.tells.iter().filter_map(told).collect()
    }
}

/// What is spoken over a bot's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BotProtocol {
    /// Twilio Media Streams.
    Twilio,
    /// Genesys AudioHook, version 2.
    AudioHook,
}

impl BotProtocol {
    /// By its word in bots.toml, one of `keys::BOT_PROTOCOLS`.
    pub(super) fn of(word: &str) -> BotProtocol {
        match word {
            "audiohook" => BotProtocol::AudioHook,
            _ => BotProtocol::Twilio,
        }
    }
}

/// Recognisers by their names.
pub(crate) type Recognisers = Arc<BTreeMap<Arc<str>, Arc<Recogniser>>>;

/// Who listens to callers for words of flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recogniser {
    /// Its address, as it is signed and asked for.
    pub(crate) url: String,
    /// What is spoken there.
    pub(crate) protocol: RecogniserProtocol,
    /// The token that it is shown.
    pub(crate) token: Option<Secret>,
    /// The CA's certificate; `None`: those that browsers know.
    pub(crate) ca_file: Option<PathBuf>,
    /// Callers whom it hears at a time.
    pub(crate) forks_max: usize,
}

/// What is spoken with a recogniser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecogniserProtocol {
    /// The WebSocket of vosk-server.
    Vosk,
    /// Twilio Media Streams, one way; words come back.
    Twilio,
}

impl RecogniserProtocol {
    /// By its word in recognisers.toml, one of `keys::RECOGNISER_PROTOCOLS`.
    pub(super) fn of(word: &str) -> RecogniserProtocol {
        match word {
            "twilio" => RecogniserProtocol::Twilio,
            _ => RecogniserProtocol::Vosk,
        }
    }
}

/// Something that a bot may be told of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BotParameter {
    /// The caller's number.
    FromNumber,
    /// The number dialled.
    ToNumber,
    /// The language spoken so far.
    Lang,
    /// The option of a menu taken last.
    Option,
    /// The bot's share of the callers when this one was drawn.
    Stage,
    /// Our id of the call.
    CallUuid,
}

impl BotParameter {
    /// All of them.
    const ALL: [BotParameter; 6] = [
        BotParameter::FromNumber,
        BotParameter::ToNumber,
        BotParameter::Lang,
        BotParameter::Option,
        BotParameter::Stage,
        BotParameter::CallUuid,
    ];

    /// Its name in the protocol and in the configuration.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            BotParameter::FromNumber => "from_number",
            BotParameter::ToNumber => "to_number",
            BotParameter::Lang => "lang",
            BotParameter::Option => "option",
            BotParameter::Stage => "stage",
            BotParameter::CallUuid => "call_uuid",
        }
    }

    /// The one of this name.
    pub(crate) fn of(word: &str) -> Option<BotParameter> {
        BotParameter::ALL.into_iter().find(|parameter| parameter.as_str() == word)
    }
}

/// A password or token that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
