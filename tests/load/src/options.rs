//! What the command line says.

use clap::Parser;
use std::net::SocketAddrV4;

/// Makes calls, answers calls, and measures the switch in between.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
pub(crate) struct Options {
    /// Where the switch speaks SIP over UDP.
    #[arg(long, default_value = "127.0.0.1:5060")]
    pub(crate) server: SocketAddrV4,
    /// Where the callers stand.
    #[arg(long, default_value = "127.0.0.1:15060")]
    pub(crate) callers_at: SocketAddrV4,
    /// Where the agents stand. Without it there are none.
    #[arg(long)]
    pub(crate) agents_at: Option<SocketAddrV4>,
    /// Registers agents PREFIX1 to PREFIXn first.
    #[arg(long, default_value_t = 0)]
    pub(crate) register: usize,
    /// Beginning of the agents' user names.
    #[arg(long, default_value = "a")]
    pub(crate) agent_prefix: String,
    /// The agents' password.
    #[arg(long, default_value = "")]
    pub(crate) password: String,
    /// What the callers dial.
    #[arg(long, default_value = "100")]
    pub(crate) dial: String,
    /// Calls in all.
    #[arg(long, default_value_t = 0)]
    pub(crate) calls: usize,
    /// Calls per second.
    #[arg(long, default_value_t = 100.0)]
    pub(crate) rate: f64,
    /// Keeps so many calls running: a new one for each that ends. 0: as the rate says.
    #[arg(long, default_value_t = 0)]
    pub(crate) keep: usize,
    /// A caller hangs up so long after the answer. Without it he stays.
    #[arg(long)]
    pub(crate) hold_ms: Option<i64>,
    /// An agent hangs up so long after his answer is acknowledged. Without it he stays.
    #[arg(long)]
    pub(crate) talk_ms: Option<i64>,
    /// Callers want to hear nothing (`a=sendonly`).
    #[arg(long)]
    pub(crate) deaf: bool,
    /// The wrap-up that is configured: an agent is free so long after his talk.
    #[arg(long, default_value_t = 0)]
    pub(crate) wrap_up_ms: i64,
    /// Measures so long when all calls are up, then ends them. Without it: until all calls have ended.
    #[arg(long)]
    pub(crate) window_ms: Option<i64>,
    /// Calm before the window.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) settle_ms: i64,
    /// Calls ended per second after the window.
    #[arg(long, default_value_t = 400.0)]
    pub(crate) end_rate: f64,
    /// Callers send sound; agents send back what they hear.
    #[arg(long)]
    pub(crate) sound: bool,
    /// No SIP: sound straight to the even ports from here on, as many as there are calls (see relay_floor).
    #[arg(long)]
    pub(crate) relay: Option<SocketAddrV4>,
    /// The first port of the callers' sound; the agents' is 20 above.
    #[arg(long, default_value_t = 12_000)]
    pub(crate) sound_port: u16,
    /// Give up a request that has no answer for so long.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) patience_ms: i64,
    /// How long calls may last beyond what was asked for.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) give_up_ms: i64,
    /// The process to measure; may be repeated.
    #[arg(long = "pid")]
    pub(crate) pids: Vec<u32>,
    /// A word for the report.
    #[arg(long, default_value = "")]
    pub(crate) label: String,
}
