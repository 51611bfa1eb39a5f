//! The command line: arguments in, exit code out. Each command is one module and does one thing.

mod acd;
mod agent_password;
mod api;
mod args;
mod check;
mod config;
mod export;
mod flow;
mod hours;
mod prompts;
mod report;
mod rollout;
mod shift;
mod versions;
mod when;

pub(crate) use acd::acd;
pub(crate) use agent_password::agent_password;
pub(crate) use args::*;
pub(crate) use check::check;
pub(crate) use config::config;
pub(crate) use export::export;
pub(crate) use flow::flow;
pub(crate) use hours::hours;
pub(crate) use prompts::prompts;
pub(crate) use report::report;
pub(crate) use rollout::rollout;
pub(crate) use shift::shift;

use crate::server::config::{Findings, counts, render};
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// The exit code of a wrong configuration or flow: EX_CONFIG of sysexits.h.
pub(crate) const EX_CONFIG: u8 = 78;

/// Prints mistakes and how many there are: for people on standard error, for programs on standard output.
pub(crate) fn tell(findings: &Findings, format: Format) {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = render(findings, format, colours);
    match format {
        Format::Json | Format::Sarif | Format::Github | Format::Junit => print(&text),
        Format::Full | Format::Concise => {
            eprint!("{text}");
            let counts = counts(findings);
            if !counts.is_empty() {
                eprintln!("{counts}");
            }
        }
    }
}

/// 0, or 78 when there is an error.
pub(crate) fn verdict(findings: &Findings) -> ExitCode {
    if findings.has_errors() { ExitCode::from(EX_CONFIG) } else { ExitCode::SUCCESS }
}

/// Says why the command has failed; exit code 1.
fn failed(message: &str) -> ExitCode {
    eprintln!("dozvon: {message}");
    ExitCode::FAILURE
}

/// Prints on standard output; a reader who has gone (`| head`) is no trouble.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
