//! `dozvon flow`: checking, testing, drawing and comparing flow files.

use super::{Format, Remote};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
  git show HEAD:ivr-flows/bank-main.yaml > /tmp/was.yaml
  dozvon flow diff /tmp/was.yaml ivr-flows/bank-main.yaml")]
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
    /// Draw the flow on standard output: a Mermaid chart, a picture for browsers, or for Graphviz.
    #[command(after_help = "\
Examples:
  dozvon flow graph ivr-flows/bank-main.yaml > bank.mmd
  dozvon flow graph ivr-flows/bank-main.yaml --format svg > bank.svg
  dozvon flow graph ivr-flows/bank-main.yaml --format dot | dot -Tpdf > bank.pdf")]
    Graph(GraphArgs),
    /// List the versions of the configuration that were in force in the running switch and can be again.
    #[command(after_help = "\
Examples:
  dozvon flow versions
  dozvon flow versions --json | jq '.kept[].version'

Exit codes: 0 shown, 1 the switch does not answer, 78 wrong configuration.")]
    Versions(FlowVersionsArgs),
    /// Put a version in force again, with all proofs and tests; the files on disk stay as they are.
    #[command(after_help = "\
Examples:
  dozvon flow rollback                 the version that was in force before this one
  dozvon flow rollback 62f4c1f0a1b4

It stays in force, also after a restart, until the files on disk change or are reloaded.
Exit codes: 0 in force, 1 refused, or the switch does not answer, 78 wrong configuration.")]
    Rollback(FlowRollbackArgs),
}

/// `dozvon flow versions`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowVersionsArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Write what the API answers.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `dozvon flow rollback`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlowRollbackArgs {
    /// Which one; without it the one that was in force before.
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Where.
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// `dozvon flow graph`.
#[derive(Clone, Debug, Args)]
pub(crate) struct GraphArgs {
    /// The flow file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How.
    #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
    pub(crate) format: GraphFormat,
}

/// How a flow is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A chart for pages that know Mermaid.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
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
    /// The version of before; its prompts and sub-flows are beside it or, where it has no folder `prompts`, beside NEW.
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
