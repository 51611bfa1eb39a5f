//! `dozvon rollout`: planning, watching and steering the rollouts of voice bots and of new versions of flows.

use super::CONFIG_FOLDER;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
    /// All options and trials month by month: how many of their callers were drawn for the bot, and what is to come.
    Roadmap(RolloutRoadmapArgs),
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
    /// Send new callers to people, or to the present flow; who is with the bot, or in the new flow, stays.
    Abort(RolloutOrderArgs),
    /// Send new callers to people, and those who are with the bot too; nobody is taken out of a flow.
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

/// `dozvon rollout roadmap`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  dozvon rollout roadmap
  dozvon rollout roadmap --months 24 --zone Asia/Almaty
  dozvon rollout roadmap --json | jq '.total'

Exit codes: 0 shown, 1 the switch does not answer, 78 wrong configuration.")]
pub(crate) struct RolloutRoadmapArgs {
    /// This month and those before it, 1 to 24 in all.
    #[arg(long, value_name = "COUNT", default_value_t = 6)]
    pub(crate) months: u32,
    /// Whose months they are.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) zone: String,
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
    /// Of this version of what is tried; without it of the one decided about last.
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
    /// Callers of the menu option, or of the flow, on a usual day, those who may not be drawn left out.
    #[arg(long, value_name = "N")]
    pub(crate) calls_per_day: f64,
    /// One JSON object, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}
