//! What the switch is told at start: addresses, numbers, who may call where, bounds. Plain data, made by the roof.

use dozvon_center::acd::Status;
use dozvon_center::ids::QueueId;
use dozvon_center::policy::Policy;
use dozvon_media::order::{ClipId, Codec};
use dozvon_sip::endpoint::{Credentials, Ha1Pair, Network, Protocol};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Everything the switch needs besides the center's policy.
#[derive(Clone, Debug)]
pub struct Config {
    /// The SIP endpoint's part: addresses, realm, secret, session timer, registration times, bounds. Its `trusted`
    /// networks are filled from `trunks` by [`crate::Switch::new`].
    pub sip: dozvon_sip::endpoint::Config,
    /// Address told in SDP for IPv4 peers.
    pub media_v4: Option<IpAddr>,
    /// Address told in SDP for IPv6 peers.
    pub media_v6: Option<IpAddr>,
    /// Ports for RTP (even) and RTCP (odd).
    pub rtp_ports: RangeInclusive<u16>,
    /// How long a port rests before it is used again.
    pub rtp_port_cooldown: Duration,
    /// How many media workers there are, at least 1.
    pub workers: u16,
    /// Codecs in order of preference, for answers and offers.
    pub codecs: Vec<Codec>,
    /// What each dialled number (user part) is.
    pub numbers: BTreeMap<String, Number>,
    /// Agents' access, in the order of the policy's agents.
    pub agents: Vec<AgentAccess>,
    /// Trunks and trusted networks, in order; the first that matches the source counts.
    pub trunks: Vec<Trunk>,
    /// Voice bots by name.
    pub bots: BTreeMap<Arc<str>, BotAccess>,
    /// Codes an agent dials from his phone, e.g. `*2`.
    pub feature_codes: BTreeMap<String, FeatureCode>,
    /// Prompts, music and tones: (language, name) to clip. Music and tones have the language
    /// `dozvon_center::flow::model::MUSIC`.
    pub clips: BTreeMap<(Arc<str>, Arc<str>), ClipId>,
    /// The language of spoken confirmations to agents, unless the agent has one.
    pub default_language: Arc<str>,
    /// Bounds.
    pub limits: Limits,
}

/// What may change while calls run.
#[derive(Clone, Debug)]
pub struct Reload {
    /// The center's part: [`Policy::can_become`] has said yes.
    pub policy: Arc<Policy>,
    /// [`Config::numbers`].
    pub numbers: BTreeMap<String, Number>,
    /// [`Config::bots`].
    pub bots: BTreeMap<Arc<str>, BotAccess>,
    /// [`Config::clips`]; what is missing here plays on for those who hear it.
    pub clips: BTreeMap<(Arc<str>, Arc<str>), ClipId>,
    /// The name of the new version.
    pub version: Arc<str>,
    /// Who has brought it.
    pub by: Arc<str>,
}

/// What a dialled number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// Served by this flow.
    Flow(Arc<str>),
    /// Where agents reach this queue from their phones: they ask a free agent of it, or pass a call on to it.
    Queue(QueueId),
    /// Sends the caller's own sound back.
    Echo,
}

/// How an agent's phone gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAccess {
    /// User part of the address of record, and digest user name.
    pub user: String,
    /// What is kept instead of the password (RFC 7616 §3.4.2).
    pub ha1: Ha1Pair,
    /// Language of spoken confirmations.
    pub language: Option<Arc<str>>,
    /// Whether this phone may dial numbers, and not only feature codes, colleagues and queues.
    pub may_call: bool,
}

/// A carrier or a network that we take calls from, and perhaps send calls to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name in records and logs.
    pub name: Arc<str>,
    /// Source addresses that are this trunk, without digest.
    pub networks: Vec<Network>,
    /// Dialled numbers it may reach; empty = every number of `Config::numbers`.
    pub may_dial: Vec<String>,
    /// Where calls to it are sent; `None` = it only brings calls.
    pub target: Option<Address>,
    /// User and password for its challenges, with the realm it must use.
    pub credentials: Option<Credentials>,
}

/// A SIP party outside, its name resolved by the roof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its SIP URI, written into the Request-URI; of a trunk, the user part is replaced by the number called.
    pub uri: String,
    /// The protocol to reach it by.
    pub protocol: Protocol,
    /// Where to send.
    pub at: SocketAddr,
}

/// How a bot is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BotAccess {
    /// It is called by SIP.
    Sip {
        /// Where it answers.
        address: Address,
        /// Silence, without a single packet, after which it is gone; `None` = as for every line.
        silent_after: Option<Duration>,
    },
    /// The roof's connector reaches it by its name and speaks a stream of messages with it.
    Stream,
}

/// What a feature code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureCode {
    /// Sets the agent's status.
    Status(Status),
    /// Logs the agent out.
    LogOut,
    /// Gives the agent's talk, or the one whose wrap-up he is in, a code: its short number is dialled behind this one.
    WrapUpCode,
}

/// Bounds of the switch. At each bound new calls get 503 with Retry-After; running calls are unhurt. The bounds for one
/// source are the endpoint's: [`dozvon_sip::endpoint::Bounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at the same time.
    pub calls_max: u32,
    /// New calls per second, over all sources.
    pub calls_per_sec_max: u32,
    /// Seconds told in Retry-After.
    pub retry_after_secs: u32,
}
