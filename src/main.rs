//! The dozvon binary: arguments → command → exit code.
//!
//! Everything that knows tokio, sockets, files or the time is in [`server`], [`caller`] and [`demo`]; everything that
//! decides something about a call is in the crates below.

mod caller;
mod cli;
mod demo;
mod server;

use clap::Parser as _;
use cli::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => cli::check(&args),
        Command::Call(args) => caller::run(&args),
        Command::Flow(args) => cli::flow(&args),
        Command::Report(args) => cli::report(&args),
        Command::Export(args) => cli::export(&args),
        Command::AgentPassword(args) => cli::agent_password(&args),
        Command::Config(args) => cli::config(&args),
        Command::Shift(args) => cli::shift(&args),
        Command::Prompts(args) => cli::prompts(&args),
        Command::Rollout(args) => cli::rollout(&args),
        Command::Hours(args) => cli::hours(&args),
        Command::Acd(args) => cli::acd(&args),
    }
}

/// Reads the configuration, makes the secrets that are ours to make, and runs until somebody stops it.
fn serve(args: &cli::ServeArgs) -> ExitCode {
    use server::config::{Missing, Tests, environment, load};
    let (loaded, findings) = load(&args.config, &environment(), Missing::Make, Tests::Play);
    cli::tell(&findings, cli::Format::Full);
    match loaded {
        Some(loaded) => server::run(loaded),
        None => cli::verdict(&findings),
    }
}
