//! `dozvon prompts`: checking, speaking and taking in recordings.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
    /// Speak texts that have no recording yet, or have changed since, with espeak-ng; they are marked as synthetic.
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
