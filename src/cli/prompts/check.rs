//! `dozvon prompts check`: recordings that are missing, can't be played, or don't sound like the others.

use super::{Set, median, of_flows, wav};
use crate::cli::{Format, PromptsCheckArgs, print, tell, verdict};
use crate::server::config::{Finding, Findings, FoundSeverity, PromptFile};
use dozvon_center::flow::model::MUSIC;
use std::path::Path;
use std::process::ExitCode;

/// A text without a recording.
const P001: &str = "P001";
/// Peaks that were cut off.
const P002: &str = "P002";
/// Silence at an end.
const P003: &str = "P003";
/// Louder or quieter than the set.
const P004: &str = "P004";
/// A recording of which nobody has written down what it says.
const P005: &str = "P005";

/// A recording that a machine has spoken by another text.
const P006: &str = "P006";

/// The longest silence at an end that callers don't notice.
const SILENCE_MAX_SECS: f64 = 0.3;
/// How far from the middle of the set a recording may be, in LU.
const LOUDNESS_LU: f64 = 2.0;

/// Names everything that is wrong with a folder of prompts.
pub(super) fn check(args: &PromptsCheckArgs) -> ExitCode {
    let mut findings = Findings::default();
    let set = Set::read(&mut findings, &args.folder);
    missing(&mut findings, &set);
    of_flows(&mut findings, &set);
    let loudness = set.loudness();
    let middle = median(loudness.values().copied());
    for file in &set.files {
        sounds(&mut findings, file, loudness.get(&*file.path).copied().zip(middle));
        let text = set.texts.get(&*file.language).and_then(|texts| texts.get(&*file.name));
        if let Some(text) = text.filter(|text| set.synthetic.says_otherwise(file, text)) {
            let name = format!("{}/{}", file.language, file.name);
            let message = format!("{name} was spoken by another text than its own: {text}");
            let cure = format!("dozvon prompts build {}", set.folder.display());
            note(&mut findings, P006, FoundSeverity::Warning, &file.path, message, &cure);
        }
        if &*file.language != MUSIC && text.is_none() {
            let message =
                format!("nobody has written down what {}/{} says", file.language, file.name);
            let cure = "add its text to prompts.yaml, or take it out";
            note(&mut findings, P005, FoundSeverity::Warning, &file.path, message, cure);
        }
    }
    tell(&findings, args.format);
    if let Format::Full | Format::Concise = args.format {
        let spoken = set.files.iter().filter(|file| set.synthetic.is(file)).count();
        let middle = middle.map(|lufs| format!(", {lufs:.1} LUFS")).unwrap_or_default();
        let many = set.files.len();
        print(&format!("{many} recordings, {spoken} of them synthetic{middle}\n"));
    }
    verdict(&findings)
}

fn missing(findings: &mut Findings, set: &Set) {
    for (language, texts) in &set.texts {
        for name in texts.keys().filter(|name| set.file(language, name).is_none()) {
            let path = set.path(language, name);
            let message = format!("{language}/{name} has a text and no recording");
            let cure = "record it, or let it be spoken: dozvon prompts build";
            note(findings, P001, FoundSeverity::Error, &path, message, cure);
        }
    }
}

/// What can be heard of a recording; one that can't be played has been told already.
fn sounds(findings: &mut Findings, file: &PromptFile, loudness: Option<(f64, f64)>) {
    let Ok(sound) = wav::read(&file.path) else { return };
    let judged = sound.judge();
    let mut warn = |code, message: String, cure: &str| {
        note(findings, code, FoundSeverity::Warning, &file.path, message, cure);
    };
    if judged.clipped > 0 {
        let message = format!("{} peaks are cut off", judged.clipped);
        warn(P002, message, "record it again, not so loud");
    }
    if &*file.language == MUSIC {
        return;
    }
    let import = "dozvon prompts import does it";
    for (secs, end) in [(judged.lead_secs, "before"), (judged.tail_secs, "after")] {
        if secs > SILENCE_MAX_SECS {
            let message = format!("{:.0} ms of silence {end} the words", secs * 1_000.0);
            warn(
                P003,
                message,
                &format!("cut it to {:.0} ms: {import}", SILENCE_MAX_SECS * 1_000.0),
            );
        }
    }
    if let Some((loudness, middle)) = loudness.filter(|(is, set)| (is - set).abs() > LOUDNESS_LU) {
        let what = if loudness > middle { "louder" } else { "quieter" };
        let by = (loudness - middle).abs();
        let message = format!("{by:.1} LU {what} than the others: {loudness:.1} LUFS");
        warn(P004, message, &format!("bring it to {middle:.1} LUFS: {import}"));
    }
}

fn note(
    findings: &mut Findings,
    code: &'static str,
    severity: FoundSeverity,
    path: &Path,
    message: String,
    cure: &str,
) {
    let place = findings.file(path.display().to_string());
    let mut finding = Finding::new(severity, &place, message, cure.to_owned());
    finding.code = code;
    findings.add(finding);
}
