//! The commands that read records and calendars: report, export, shift, hours, acd.

use super::CONFIG_FOLDER;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
