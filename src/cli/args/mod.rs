//! The arguments of every command, as `clap` reads them and as `--help` explains them.
//!
//! Plain data: nothing here opens a file or decides anything. [`crate::server`], [`crate::demo`] and [`crate::caller`]
//! take these structs as they are.

mod figures;
mod flow;
mod prompts;
mod rollout;

pub(crate) use figures::*;
pub(crate) use flow::*;
pub(crate) use prompts::*;
pub(crate) use rollout::*;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Where the configuration lies when nobody says otherwise.
const CONFIG_FOLDER: &str = "config";

/// Telephony contact-center softswitch: SIP and RTP, declarative IVR, voice-bot rollout, agent queues.
#[derive(Debug, Parser)]
#[command(name = "dozvon", version, about, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  dozvon demo                              a bank on this machine, with agents, a bot and callers
  dozvon check config                      every mistake of a configuration, all at once
  dozvon serve --config config             the switch
  dozvon call sip:100@127.0.0.1 --press 0@3s
                                           call it, press 0 after three seconds
  dozvon flow test ivr-flows/bank-main.yaml
                                           play the flow's own tests
  dozvon report day                        today's figures

Exit codes: 0 done, 1 failed, 2 wrong arguments, 78 wrong configuration or flow.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the switch until SIGTERM or ctrl-c; then running calls may finish.
    Serve(ServeArgs),
    /// A whole bank on this machine: agents, a bot and callers that answer by themselves.
    Demo(DemoArgs),
    /// Check configuration, flows, prompts and calendars, and name every mistake at once.
    Check(CheckArgs),
    /// Call a SIP address, press keys, play and record sound, and print what happened.
    Call(CallArgs),
    /// Check, test or draw one IVR flow.
    Flow(FlowArgs),
    /// The figures of a day, a week, the queues or the agents, from the database; works while the server runs.
    Report(ReportArgs),
    /// Write events, call records or a queue_log of a stretch of time on standard output.
    Export(ExportArgs),
    /// Show an agent's SIP password and digest hashes; make the password if there is none.
    AgentPassword(AgentPasswordArgs),
    /// Show the keys of the configuration, or the values in force.
    Config(ConfigArgs),
    /// What was planned for agents against what they did.
    Shift(ShiftArgs),
    /// The prompts that flows play.
    Prompts(PromptsArgs),
    /// Rollouts of voice bots.
    Rollout(RolloutArgs),
    /// Whether calendars, queues and sites are open at a moment, by which line of which file, and until when.
    Hours(HoursArgs),
    /// What queues and agents would have done by another configuration.
    Acd(AcdArgs),
}

/// `dozvon serve`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon serve
  dozvon serve --config /etc/dozvon
  DOZVON__SIP__REALM=bank.example DOZVON__LOG__FORMAT=json dozvon serve")]
pub(crate) struct ServeArgs {
    /// The folder with dozvon.toml, queues.toml, agents.toml …
    #[arg(long, value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) config: PathBuf,
}

/// `dozvon demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon demo
  dozvon demo --callers-per-minute 60
  dozvon demo --flow ivr-flows/hotline.yaml
                                          your own flow, which may lead to the queues general, urgent, cards and loans
  dozvon demo --callers-per-minute 0      nobody calls but you: dial sip:100@127.0.0.1")]
pub(crate) struct DemoArgs {
    /// How many synthetic callers come per minute, over real SIP and RTP; 0 = none.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=6000))]
    pub(crate) callers_per_minute: u32,
    /// How many synthetic agents answer.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=500))]
    pub(crate) agents: u32,
    /// Answer sip:200 by this flow, and send the synthetic callers there; the flows and prompts beside it are read too.
    /// What is saved in them while the demo runs is taken over after a second, or at a SIGHUP.
    #[arg(long, value_name = "FILE")]
    pub(crate) flow: Option<PathBuf>,
    /// The SIP port on 127.0.0.1, UDP and TCP; 0 = any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 5060)]
    pub(crate) sip_port: u16,
    /// The HTTP port on 127.0.0.1; 0 = any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) http_port: u16,
    /// Stop by itself after this long, e.g. 30s; without it the demo runs until ctrl-c.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// The same callers each time for the same number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// `dozvon check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon check
  dozvon check /etc/dozvon --format concise
  dozvon check config --format json | jq -r '.[].message'

Exit codes: 0 no errors (warnings are told), 78 errors.")]
pub(crate) struct CheckArgs {
    /// The folder with dozvon.toml.
    #[arg(value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) folder: PathBuf,
    /// How mistakes are written.
    #[arg(long, value_enum, default_value_t = Format::Full)]
    pub(crate) format: Format,
}

/// How mistakes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the line of the file, a caret and the cure.
    Full,
    /// One line each: file:line:column: error: what (cure).
    Concise,
    /// A JSON array, for programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Commands of GitHub's runners: shown beside the line of the change.
    Github,
    /// JUnit's XML, for whatever shows tests.
    Junit,
}

/// `dozvon call`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon call sip:100@127.0.0.1 --press 0@3s --duration 20s
  dozvon call sip:101@127.0.0.1 --play hello.wav --record echo.wav --duration 5s
  dozvon call 'sip:100@pbx.example;transport=tcp' --from sip:+77010000001@pbx.example --codec opus

Exit codes: 0 answered and ended in peace, 1 not answered or failed, 2 wrong arguments.")]
pub(crate) struct CallArgs {
    /// Whom to call, e.g. sip:100@127.0.0.1:5060 or 'sip:100@127.0.0.1;transport=tcp'.
    #[arg(value_name = "SIP-URI")]
    pub(crate) uri: String,
    /// A key and when to press it, counted from the answer; may be repeated. 0@3s, 1234#@500ms.
    #[arg(long, value_name = "KEYS@TIME")]
    pub(crate) press: Vec<Press>,
    /// A WAV file (8, 16 or 48 kHz, mono, 16 bit) to be played to the other side after the answer.
    #[arg(long, value_name = "FILE")]
    pub(crate) play: Option<PathBuf>,
    /// Where to write what was heard, as WAV.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Hang up after this long, counted from the answer.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// Give up when nobody has answered after this long.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) answer_within: Duration,
    /// The codecs offered, in order; may be repeated.
    #[arg(long, value_enum, default_values_t = [CodecName::Pcma, CodecName::Pcmu])]
    pub(crate) codec: Vec<CodecName>,
    /// Who calls: the From address, e.g. sip:+77010000001@bank.example.
    #[arg(long, value_name = "SIP-URI")]
    pub(crate) from: Option<String>,
    /// The user name for a challenge (RFC 8760), with --password-file.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// The file that holds the password, one line.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// Our own address; without it the one from which the target is reached.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Print whole SIP messages and not only the ladder.
    #[arg(long)]
    pub(crate) messages: bool,
}

/// The codecs by the names that the configuration has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodecName {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// Opus.
    Opus,
}

/// Keys to be pressed one after the other, from a moment after the answer on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    /// The keys, at least one.
    pub(crate) keys: Vec<dozvon_media::order::Digit>,
    /// When, counted from the answer.
    pub(crate) at: Duration,
}

impl FromStr for Press {
    type Err = String;

    fn from_str(text: &str) -> Result<Press, String> {
        let example = "write the keys, `@` and the time after the answer: 0@3s or 1234#@500ms";
        let (keys, at) = text.split_once('@').ok_or(example)?;
        let keys: Option<Vec<_>> =
            keys.chars().map(dozvon_media::order::Digit::from_char).collect();
        let keys = keys.filter(|keys| !keys.is_empty()).ok_or(example)?;
        Ok(Press { keys, at: duration(at)? })
    }
}

/// A time as people write it: `500ms`, `3s`, `1.5s`, `2m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => {
            return Err(format!(
                "`{text}` is no time: write it with its unit, like 500ms, 3s or 2m"
            ));
        }
    };
    let number: f64 =
        number.parse().map_err(|_| format!("`{text}` is no time: 500ms, 3s or 2m"))?;
    Duration::try_from_secs_f64(number * factor).map_err(|_| format!("`{text}` is too long"))
}

/// `dozvon agent-password`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon agent-password anna               what to type into Anna's phone
  dozvon agent-password anna --renew       a new one, the old one stops working at the next start
  dozvon agent-password anna --hashes      ha1_sha256 and ha1_md5 for agents.toml")]
pub(crate) struct AgentPasswordArgs {
    /// The agent's user name, as in agents.toml.
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    /// The folder with dozvon.toml.
    #[arg(long, value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) config: PathBuf,
    /// Make a new password. Only for agents whose password dozvon keeps.
    #[arg(long)]
    pub(crate) renew: bool,
    /// Print ha1_sha256 and ha1_md5 instead, which can stand in agents.toml in place of a password.
    #[arg(long)]
    pub(crate) hashes: bool,
}

/// `dozvon config`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigArgs {
    /// What to show.
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// What can be shown of a configuration.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key of every file with its default, as Markdown (docs/config.md).
    Reference,
    /// A dozvon.toml with every key, commented, at its default.
    Sample,
    /// The values of dozvon.toml in force, and where each comes from.
    Show(ShowArgs),
}

/// `dozvon config show`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// The folder with dozvon.toml.
    #[arg(value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_written_with_their_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["3", "s", "-1s", "1.2.3s", "3 s", "", "1e3s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_are_pressed_at_a_time() {
        let press: Press = "12#@1s".parse().unwrap();
        assert_eq!(press.keys.iter().map(|key| key.to_char()).collect::<String>(), "12#");
        assert_eq!(press.at, Duration::from_secs(1));
        for wrong in ["0", "@3s", "x@3s", "0@3"] {
            assert!(wrong.parse::<Press>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_example_of_the_help_is_understood() {
        let cli = Cli::try_parse_from(
            "dozvon call sip:100@127.0.0.1 --press 0@3s --press 1@5s --codec opus".split(' '),
        )
        .unwrap();
        let Command::Call(call) = cli.command else { panic!("not a call: {cli:?}") };
        assert_eq!(call.press.len(), 2);
        assert_eq!(call.codec, [CodecName::Opus]);
        assert_eq!(call.duration, Duration::from_secs(30));
    }
}
