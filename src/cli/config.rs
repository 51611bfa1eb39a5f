//! `dozvon config`: what there is to configure, and what is in force.

use super::{ConfigArgs, ConfigCommand, Format, print, tell, verdict};
use crate::server::config::{environment, reference, sample, show};
use std::process::ExitCode;

/// Prints a sample, the reference, or the values in force.
pub(crate) fn config(args: &ConfigArgs) -> ExitCode {
    match &args.command {
        ConfigCommand::Reference => print(&reference()),
        ConfigCommand::Sample => print(&sample()),
        ConfigCommand::Show(args) => {
            let (text, findings) = show(&args.folder, &environment());
            print(&text);
            tell(&findings, Format::Full);
            return verdict(&findings);
        }
    }
    ExitCode::SUCCESS
}
