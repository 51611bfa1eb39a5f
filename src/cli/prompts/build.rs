//! `dozvon prompts build`: texts that have no recording yet, or another one since a machine spoke them, spoken by
//! espeak-ng and marked as synthetic.

use super::{LUFS_DEFAULT, Set, median, wav};
use crate::cli::{Format, PromptsBuildArgs, print, tell, verdict};
use crate::server::config::Findings;
use std::process::{Command, ExitCode};

/// The program that speaks.
const SPEAKER: &str = "espeak-ng";
/// Words a minute, and the pause between words in units of 10 ms.
const MANNER: [&str; 4] = ["-s", "172", "-g", "2"];

/// Speaks what is missing; with names, those again.
pub(super) fn build(args: &PromptsBuildArgs) -> ExitCode {
    let mut findings = Findings::default();
    let mut set = Set::read(&mut findings, &args.folder);
    if findings.has_errors() {
        tell(&findings, Format::Full);
        return verdict(&findings);
    }
    let wanted: Vec<(String, String, String)> = set
        .texts
        .iter()
        .flat_map(|(language, texts)| texts.iter().map(move |(name, text)| (language, name, text)))
        .filter(|(language, name, text)| is_wanted(args, &set, language, name, text))
        .map(|(language, name, text)| (language.clone(), name.clone(), text.clone()))
        .collect();
    for name in &args.names {
        if !set.texts.values().any(|texts| texts.contains_key(name)) {
            eprintln!("there is no text of `{name}` in prompts.yaml");
            return ExitCode::FAILURE;
        }
    }
    let lufs = median(set.loudness().into_values()).unwrap_or(LUFS_DEFAULT);
    let (made, mut failed) = (wanted.len(), 0);
    for (language, name, text) in wanted {
        let spoken = speak(args, &language, &text).and_then(|sound| sound.finished(lufs));
        let kept = spoken.and_then(|wav| keep(&mut set, (&language, &name, &text), &wav));
        if let Err(error) = kept {
            eprintln!("{language}/{name}: {error}");
            failed += 1;
        }
    }
    print(&format!("{} prompts made\n", made - failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What has no recording, what a machine has spoken by another text, names that were given, and, when all are asked
/// for, all that a machine has spoken: what people have recorded is overwritten by its name only.
fn is_wanted(args: &PromptsBuildArgs, set: &Set, language: &str, name: &str, text: &str) -> bool {
    let unnamed = args.names.is_empty();
    let Some(file) = set.file(language, name) else {
        return unnamed || named(args, name);
    };
    named(args, name)
        || unnamed && set.synthetic.says_otherwise(file, text)
        || args.all && set.synthetic.is(file)
}

fn named(args: &PromptsBuildArgs, name: &str) -> bool {
    args.names.iter().any(|own| own == name)
}

fn keep(
    set: &mut Set,
    (language, name, text): (&str, &str, &str),
    wav: &[u8],
) -> Result<(), String> {
    let path = set.path(language, name);
    let folder = path.parent().expect("a prompt is in the folder of its language");
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, wav));
    set.synthetic.mark(language, name, wav, text);
    // Marked at once: one that is spoken is known as such even when the next one fails.
    written.and_then(|()| set.synthetic.write(&set.folder)).map_err(|error| error.to_string())
}

/// A text may change its language: `kk: … | en: …`.
fn speak(args: &PromptsBuildArgs, language: &str, text: &str) -> Result<wav::Sound, String> {
    let mut whole: Option<wav::Sound> = None;
    for part in text.split(" | ") {
        let (code, words) = match part.split_once(": ") {
            Some((code, words))
                if code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase()) =>
            {
                (code, words)
            }
            Some(_) | None => (language, part),
        };
        let voice =
            args.voice.iter().find(|(of, _)| of == code).map_or(code, |(_, voice)| voice.as_str());
        let sound = spoken(voice, words)?;
        match &mut whole {
            None => whole = Some(sound),
            Some(whole) => whole.samples.extend(sound.samples),
        }
    }
    whole.ok_or_else(|| "there is no text".to_owned())
}

fn spoken(voice: &str, words: &str) -> Result<wav::Sound, String> {
    let mut command = Command::new(SPEAKER);
    let output = command.args(["-v", voice]).args(MANNER).args(["--stdout", "--", words]).output();
    let output = output.map_err(|error| {
        format!("{SPEAKER} can't be started ({error}); on Debian: apt-get install {SPEAKER}")
    })?;
    if !output.status.success() || output.stdout.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("{SPEAKER} can't say it with voice `{voice}`: {said}"));
    }
    wav::parse(&with_its_length(output.stdout))
}

/// A WAV file that was written to a pipe says that its sound has no end: the length is known now.
fn with_its_length(mut wav: Vec<u8>) -> Vec<u8> {
    const HEADER: usize = 44;
    if wav.len() >= HEADER && &wav[36..40] == b"data" {
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        let (whole, data) = (length(wav.len() - 8), length(wav.len() - HEADER));
        wav[4..8].copy_from_slice(&whole);
        wav[40..44].copy_from_slice(&data);
    }
    wav
}
