//! `dozvon prompts`: what has to be recorded.

use super::{PromptsArgs, PromptsCommand, print};
use dozvon_center::saying::{Language, recordings};
use std::process::ExitCode;

/// Does what is asked about prompts.
pub(crate) fn prompts(args: &PromptsArgs) -> ExitCode {
    match args.command {
        PromptsCommand::Texts => {
            for language in Language::ALL {
                for (name, text) in recordings(language) {
                    print(&format!("{name}\t{}\t{text}\n", language.code()));
                }
            }
            ExitCode::SUCCESS
        }
    }
}
