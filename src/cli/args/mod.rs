//! The arguments of every command, as `clap` reads them and as `--help` explains them.
//!
//! Plain data: nothing here opens a file or decides anything. [`crate::server`], [`crate::demo`] and [`crate::caller`]
//! take these structs as they are.

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

/// `dozvon acd`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AcdArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AcdCommand,
}

/// The commands about matching.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum AcdCommand {
    /// Play a recorded stretch again by other queues, agents and skills, and compare the figures.
    Replay(ReplayArgs),
}

/// `dozvon acd replay`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon acd replay --date 2026-03-02 --config what-if
  dozvon acd replay --from 2026-03-02T09:00:00+05:00 --to 2026-03-02T18:00:00+05:00 --config what-if --json
  dozvon acd replay --date 2026-03-02 --config what-if --events /tmp/events.jsonl

The other configuration is a whole folder: a copy of the one in force with its queues.toml or agents.toml changed. What
is assumed of callers is said in docs/reports.md.
Exit codes: 0 done, 1 nothing to read from, 2 wrong arguments, 78 wrong configuration.")]
pub(crate) struct ReplayArgs {
    /// When, and by which configuration.
    #[command(flatten)]
    pub(crate) when: When,
    /// Read this event log instead of the one that the configuration names.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Write both sides as JSON.
    #[arg(long)]
    pub(crate) json: bool,
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
  dozvon demo --callers-per-minute 0      nobody calls but you: dial sip:100@127.0.0.1")]
pub(crate) struct DemoArgs {
    /// How many synthetic callers come per minute, over real SIP and RTP; 0 = none.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=6000))]
    pub(crate) callers_per_minute: u32,
    /// How many synthetic agents answer.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=500))]
    pub(crate) agents: u32,
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

/// `dozvon flow`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowArgs {
    /// What to do with the flow.
    #[command(subcommand)]
    pub(crate) command: FlowCommand,
}

/// What can be done with a flow file.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum FlowCommand {
    /// Prove the flow: no dead end, no missing prompt, a person reachable from everywhere.
    #[command(after_help = "Example:\n  dozvon flow check ivr-flows/bank-main.yaml")]
    Check(FlowFile),
    /// Play the cases of the flow's `tests:` in virtual time, and the operator key at every node that they enter.
    #[command(after_help = "\
Examples:
  dozvon flow test ivr-flows/bank-main.yaml
  dozvon flow test ivr-flows/bank-main.yaml --coverage-floor 80")]
    Test(FlowTestArgs),
    /// Say in words what another version of a flow changes for callers.
    #[command(after_help = "\
Examples:
  dozvon flow diff bank-main.yaml bank-main-new.yaml
  git show HEAD:ivr-flows/bank-main.yaml > ivr-flows/was.yaml
  dozvon flow diff ivr-flows/was.yaml ivr-flows/bank-main.yaml")]
    Diff(FlowDiffArgs),
    /// Walk through the flow in the terminal: prompts are printed, keys are typed, time is virtual.
    #[command(after_help = "\
Examples:
  dozvon flow try ivr-flows/bank-main.yaml
  dozvon flow try ivr-flows/bank-main.yaml --language kk --at 2026-12-16T12:00+05:00

A line is keys (`1`, `0`, `4321#`), how something ends (`answered`, `transfer`), or nothing, which is silence.")]
    Try(FlowTryArgs),
    /// The JSON Schema of flow files, for editors.
    #[command(after_help = "\
Examples:
  dozvon flow schema > ivr-flows/flow.schema.json
  dozvon flow schema --subflow > ivr-flows/subflow.schema.json

A flow whose first line is `# yaml-language-server: $schema=flow.schema.json` is completed and explained by editors.")]
    Schema(FlowSchemaArgs),
    /// Draw the flow on standard output, as a Mermaid chart or for Graphviz.
    #[command(after_help = "\
Examples:
  dozvon flow graph ivr-flows/bank-main.yaml > bank.mmd
  dozvon flow graph ivr-flows/bank-main.yaml --dot | dot -Tsvg > bank.svg")]
    Graph(GraphArgs),
}

/// `dozvon flow graph`.
#[derive(Clone, Debug, Args)]
pub(crate) struct GraphArgs {
    /// The flow file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write DOT for Graphviz instead of Mermaid.
    #[arg(long)]
    pub(crate) dot: bool,
}

/// `dozvon flow test`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowTestArgs {
    /// The flow.
    #[command(flatten)]
    pub(crate) flow: FlowFile,
    /// Fail when the cases try less than this share of nodes or of outcomes, in percent; then they must also take every
    /// urgent option, and the operator key must work from every node.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) coverage_floor: Option<u8>,
}

/// `dozvon flow schema`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowSchemaArgs {
    /// The schema of sub-flows instead.
    #[arg(long)]
    pub(crate) subflow: bool,
}

/// `dozvon flow diff`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowDiffArgs {
    /// The version of before; its prompts are in the folder `prompts` beside it.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The version of after.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// The configuration of both; without it, the folder `config` beside each one's folder, if there is one.
    #[arg(long, value_name = "DIR")]
    pub(crate) config: Option<PathBuf>,
    /// A JSON array of {node, text}, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `dozvon flow try`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowTryArgs {
    /// The flow file; its prompts are in the folder `prompts` beside it.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The configuration that knows queues, skills, rollouts, bots and calendars; without it, the folder
    /// `config` beside the flow's folder, if there is one.
    #[arg(long, value_name = "DIR")]
    pub(crate) config: Option<PathBuf>,
    /// The language on the caller's card.
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    /// The number that he calls from.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) caller: Option<String>,
    /// When he calls, such as 2026-12-16T12:00+05:00; without it, noon of a Wednesday where the calendar is.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

/// One flow and what it leans on.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowFile {
    /// The flow file; its prompts are in the folder `prompts` beside it.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The configuration that knows queues, skills, rollouts, bots and calendars; without it, the folder
    /// `config` beside the flow's folder, if there is one.
    #[arg(long, value_name = "DIR")]
    pub(crate) config: Option<PathBuf>,
    /// How mistakes are written.
    #[arg(long, value_enum, default_value_t = Format::Full)]
    pub(crate) format: Format,
}

/// `dozvon report`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon report day                        today so far
  dozvon report day --date 2026-03-02
  dozvon report week --date 2026-03-02     Monday to Sunday around that day
  dozvon report queue --from 2026-03-01 --to 2026-04-01 --queue cards
  dozvon report agent --date 2026-03-02 --csv > agents.csv
  dozvon report day --json | jq '.intervals[0].queues[] | {queue, service_level}'

Every figure is defined in docs/reports.md.
Exit codes: 0 done, 1 no database or nothing of that name, 2 wrong arguments, 78 wrong configuration.")]
pub(crate) struct ReportArgs {
    /// Of what.
    #[arg(value_enum)]
    pub(crate) kind: ReportKind,
    /// When.
    #[command(flatten)]
    pub(crate) when: When,
    /// Only this queue.
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Only this agent.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Write the main table as CSV.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Write all figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Of what a report tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportKind {
    /// One day: queues, calls, bots, FCR, surveys and all agents together.
    Day,
    /// A week, day by day, and together.
    Week,
    /// The agents.
    Agent,
    /// The queues.
    Queue,
}

/// A stretch of time and where to read of it.
#[derive(Clone, Debug, Args)]
pub(crate) struct When {
    /// The day, e.g. 2026-03-02; today without it.
    #[arg(long, value_name = "DATE", conflicts_with_all = ["from", "to"])]
    pub(crate) date: Option<String>,
    /// From this day or moment on, e.g. 2026-03-02 or 2026-03-02T09:00:00+05:00.
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(crate) from: Option<String>,
    /// Up to this day or moment, which is not in it any more.
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<String>,
    /// The time zone of days, e.g. Asia/Almaty; without it that of the calendars when they have one and the same,
    /// else UTC.
    #[arg(long, value_name = "NAME")]
    pub(crate) zone: Option<String>,
    /// The folder with dozvon.toml.
    #[arg(long, value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) config: PathBuf,
    /// Read this database, e.g. a copy, instead of the one of the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
}

/// `dozvon export`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon export cdr --date 2026-03-02 --csv > calls.csv
  dozvon export cdr --from 2026-03-01 --to 2026-04-01
  dozvon export queue-log --date 2026-03-02 > queue_log
  dozvon export events --date 2026-03-02 | jq -c 'select(.fact == \"connected\")'

The exports hold callers' numbers in full.
Exit codes: 0 done, 1 nothing to read from, 2 wrong arguments, 78 wrong configuration.")]
pub(crate) struct ExportArgs {
    /// What to write.
    #[arg(value_enum)]
    pub(crate) kind: ExportKind,
    /// When.
    #[command(flatten)]
    pub(crate) when: When,
    /// Write CSV; only for cdr.
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) csv: bool,
    /// Write one JSON object a line: what cdr and events do without being told.
    #[arg(long)]
    pub(crate) jsonl: bool,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportKind {
    /// The lines of the event log, each checked, and the calls refused by the minute.
    Events,
    /// One record of each call.
    Cdr,
    /// Lines of the Asterisk queue_log format, for tools that read it.
    QueueLog,
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

/// `dozvon shift`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShiftArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ShiftCommand,
}

/// What can be told of shifts.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ShiftCommand {
    /// A day of every agent: time at work, adherence, conformance and what was seen of his conduct.
    #[command(after_help = "\
Examples:
  dozvon shift report --day 2026-01-31
  dozvon shift report --format json | jq '.agents[] | select(.adherence < 0.9) | .agent'

The plan comes from the folder `schedules` of [shifts], the day from the database; the server may run beside it.")]
    Report(ShiftReportArgs),
}

/// `dozvon shift report`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShiftReportArgs {
    /// The folder with dozvon.toml.
    #[arg(long, value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) config: PathBuf,
    /// The day, by the clock of [shifts] time_zone; without it, today up to now.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) day: Option<jiff::civil::Date>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
}

/// `dozvon hours`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon hours
  dozvon hours --at 2026-12-31T16:00 --calendar loans-office
  dozvon hours --at 2026-12-16T10:00+05:00 --queue loans --json | jq -r '.[].state'

Exit codes: 0 said, 2 no such name or moment, 78 wrong configuration.")]
pub(crate) struct HoursArgs {
    /// The folder with dozvon.toml.
    #[arg(long, value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) config: PathBuf,
    /// The moment: by the clock on the calendar's wall, or with an offset; without it, now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Only this calendar.
    #[arg(long, value_name = "NAME")]
    pub(crate) calendar: Option<String>,
    /// Only this queue.
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Only this site. Its emergency is read from the database, as it was declared last.
    #[arg(long, value_name = "NAME")]
    pub(crate) site: Option<String>,
    /// A JSON array, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// A table for people.
    Text,
    /// One JSON object, for programs.
    Json,
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

/// `dozvon rollout`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RolloutArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: RolloutCommand,
}

/// What can be done about rollouts.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// The calls and days that a plan takes, by metric and stage; a plan that can't finish is refused.
    Plan(RolloutPlanArgs),
    /// How the rollouts of a running switch stand: stage, share, both arms, breaker.
    Status(RolloutStatusArgs),
    /// What was decided, with every figure it was made on, and whether the figures can be counted again.
    Explain(RolloutExplainArgs),
    /// Begin the first stage.
    Start(RolloutOrderArgs),
    /// Begin the next stage: approve one that has passed, or override the evidence with a reason.
    Promote(RolloutOrderArgs),
    /// Keep the share and decide nothing; the breaker works on.
    Pause(RolloutOrderArgs),
    /// Go on deciding; after a halt with fresh callers.
    Resume(RolloutOrderArgs),
    /// Send new callers to people; who is with the bot stays.
    Abort(RolloutOrderArgs),
    /// Send new callers to people, and those who are with the bot too.
    DrainNow(RolloutOrderArgs),
}

/// Where the running switch is, and as whom to speak to it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remote {
    /// The folder with dozvon.toml: its `[http] listen` and its tokens.
    #[arg(long, value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) config: PathBuf,
    /// Another address of the API, e.g. http://10.0.0.5:8080.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The name of the token in tokens.toml; without it the first of a supervisor or an admin. The name is kept with
    /// the decision.
    #[arg(long, value_name = "NAME")]
    pub(crate) token: Option<String>,
}

/// `dozvon rollout status`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon rollout status
  dozvon rollout status cards --json | jq '.[].metrics'

Exit codes: 0 shown, 1 no such rollout, or the switch does not answer, 78 wrong configuration.")]
pub(crate) struct RolloutStatusArgs {
    /// Only this rollout.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where.
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// JSON as the API has it, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `dozvon rollout explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon rollout explain cards
  dozvon rollout explain cards --at 2026-03-01
  dozvon rollout explain cards --at 2026-03-01T02:00:00Z --of 3.1.0 --database copy.db

The database is read, so the switch need not run.
Exit codes: 0 the figures were counted again and are the same to the byte, 1 they are not, or there is no such decision,
2 wrong arguments, 78 wrong configuration.")]
pub(crate) struct RolloutExplainArgs {
    /// The rollout.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The newest decision up to this day's end (UTC) or moment; without it the newest of all.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Of this version of the bot; without it of the one decided about last.
    #[arg(long, value_name = "VERSION")]
    pub(crate) of: Option<String>,
    /// The folder with dozvon.toml.
    #[arg(long, value_name = "DIR", default_value = CONFIG_FOLDER)]
    pub(crate) config: PathBuf,
    /// Read this database, e.g. a copy, instead of the one of the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
}

/// `dozvon rollout start` and the other orders.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon rollout start cards
  dozvon rollout promote cards --reason 'agreed with the head of the center' --token head
  dozvon rollout drain-now cards --reason 'it tells wrong balances'

Exit codes: 0 done, 1 refused and why, or the switch does not answer, 78 wrong configuration.")]
pub(crate) struct RolloutOrderArgs {
    /// The rollout.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Why; kept with the decision. A promotion that overrides the evidence needs one.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Where.
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// `dozvon rollout plan`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon rollout plan config/rollouts/plans/cards.toml --calls-per-day 2000
  dozvon rollout plan plan.toml --calls-per-day 200 --json | jq .needs.days

Exit codes: 0 it can finish, 1 it can't, 78 the plan is wrong.")]
pub(crate) struct RolloutPlanArgs {
    /// The plan.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Callers of the menu option on a usual day, those who may not be drawn left out.
    #[arg(long, value_name = "N")]
    pub(crate) calls_per_day: f64,
    /// One JSON object, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `dozvon prompts`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PromptsArgs {
    /// What to show.
    #[command(subcommand)]
    pub(crate) command: PromptsCommand,
}

/// What can be shown of prompts.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PromptsCommand {
    /// The words that numbers, amounts, days and times are said with: name, language and text, one a line.
    #[command(after_help = "Example:\n  dozvon prompts texts > ivr-flows/prompts/values.tsv")]
    Texts,
    /// Name recordings that are missing, can't be played, are clipped, begin or end in silence, are louder or quieter
    /// than the others, or name another key than their option.
    #[command(after_help = "\
Examples:
  dozvon prompts check
  dozvon prompts check ivr-flows/prompts --format github

Loudness is that of ITU-R BS.1770; a recording should be within 2 LU of the middle of the set.
Exit codes: 0 no errors (warnings are told), 78 errors.")]
    Check(PromptsCheckArgs),
    /// Speak texts that have no recording yet with espeak-ng; they are marked as synthetic.
    #[command(after_help = "\
Examples:
  dozvon prompts build
  dozvon prompts build ivr-flows/prompts hello goodbye     speak these again
  dozvon prompts build --all --voice ru=ru+f3              speak all synthetic ones again, with another voice")]
    Build(PromptsBuildArgs),
    /// Take in recordings of a studio, brought to the form and the loudness of the set, and report what became of each.
    #[command(after_help = "\
Examples:
  dozvon prompts import studio/                 folders ru, kk, en with NAME.wav
  dozvon prompts import monday.zip --dry-run    only report
  dozvon prompts import takes/ --language kk")]
    Import(PromptsImportArgs),
}

/// Where the prompts lie when nobody says otherwise.
const PROMPTS_FOLDER: &str = "ivr-flows/prompts";

/// `dozvon prompts check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PromptsCheckArgs {
    /// The folder with prompts.yaml; the flows are in the folder above.
    #[arg(value_name = "DIR", default_value = PROMPTS_FOLDER)]
    pub(crate) folder: PathBuf,
    /// How mistakes are written.
    #[arg(long, value_enum, default_value_t = Format::Full)]
    pub(crate) format: Format,
}

/// `dozvon prompts build`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PromptsBuildArgs {
    /// The folder with prompts.yaml.
    #[arg(value_name = "DIR", default_value = PROMPTS_FOLDER)]
    pub(crate) folder: PathBuf,
    /// Prompts to speak even if they have a recording; it is overwritten.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Speak all synthetic recordings again; those of people stay.
    #[arg(long)]
    pub(crate) all: bool,
    /// The voice of a language, as espeak-ng names it; may be repeated.
    #[arg(long, value_name = "LANG=VOICE", value_parser = voice)]
    pub(crate) voice: Vec<(String, String)>,
}

/// `dozvon prompts import`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PromptsImportArgs {
    /// A folder, or a zip file, with LANGUAGE/NAME.wav.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: PathBuf,
    /// The folder with prompts.yaml that they are taken into.
    #[arg(long = "into", value_name = "DIR", default_value = PROMPTS_FOLDER)]
    pub(crate) folder: PathBuf,
    /// The language of all of them, whatever folder they are in.
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    /// Only tell what would become of each.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `ru=ru+f3`.
fn voice(text: &str) -> Result<(String, String), String> {
    let (language, voice) =
        text.split_once('=').ok_or("a language and its voice, such as ru=ru+f3")?;
    Ok((language.to_owned(), voice.to_owned()))
}
