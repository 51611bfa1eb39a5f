//! The folder of prompts: `LANGUAGE/NAME.wav` and `music/NAME.wav`. Reads every header, so that a file that could not
//! be played is found before a caller hears nothing.

use super::files::list;
use super::finding::Findings;
use super::settings::PromptFile;
use dozvon_media::clip::WAV_RATES;
use dozvon_media::limits::{CLIP_MAX, CLIPS_MAX};
use hound::{SampleFormat, WavReader};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

/// What to do about a file of the wrong kind.
const CONVERT: &str = "convert it: sox in.wav -r 16000 -c 1 -b 16 out.wav";

/// All prompts of a folder, in order of languages and names. One that can't be played is noted, and there with no
/// length, so that nobody says it is missing.
pub(crate) fn read(findings: &mut Findings, folder: &Path) -> Vec<PromptFile> {
    let mut prompts = Vec::new();
    for language in findings.disk.folders(folder) {
        for path in list(findings, &folder.join(&language), "wav") {
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let name = name.into();
            let wished = path.display().to_string();
            let path = findings.disk.place(&path).unwrap_or(&path).to_owned();
            let wav =
                fs::read(&path).map_err(|error| wrong(format!("this can't be read: {error}")));
            let digest = wav.as_ref().map(Sha256::digest).unwrap_or_default().into();
            let duration = wav.and_then(|wav| length(&wav)).unwrap_or_else(|(message, cure)| {
                let place = findings.file(wished);
                findings.error(&place, message, cure);
                Duration::ZERO
            });
            let language = language.as_str().into();
            prompts.push(PromptFile { language, name, path, duration, digest });
        }
    }
    if prompts.len() > CLIPS_MAX {
        let place = findings.file(folder.display().to_string());
        findings.error(
            &place,
            format!("{} prompts are too many", prompts.len()),
            format!("at most {CLIPS_MAX}"),
        );
    }
    prompts
}

fn wrong(message: String) -> (String, String) {
    (message, CONVERT.to_owned())
}

/// How long a WAV file plays, or what is wrong with it and the cure.
fn length(wav: &[u8]) -> Result<Duration, (String, String)> {
    let reader = WavReader::new(Cursor::new(wav))
        .map_err(|error| wrong(format!("this is no WAV file: {error}")))?;
    let spec = reader.spec();
    if spec.channels != 1 {
        return Err(wrong(format!("{} channels: prompts are mono", spec.channels)));
    }
    if spec.bits_per_sample != 16 || spec.sample_format != SampleFormat::Int {
        return Err(wrong(format!(
            "{} bits a sample: prompts have 16, as whole numbers",
            spec.bits_per_sample
        )));
    }
    if !WAV_RATES.contains(&spec.sample_rate) {
        return Err(wrong(format!("{} Hz: prompts have 8000 or 16000", spec.sample_rate)));
    }
    let samples = reader.duration();
    if samples == 0 {
        return Err((
            String::from("there is no sound in it"),
            String::from("record it, or take it out"),
        ));
    }
    if u64::try_from(wav.len()).unwrap_or(u64::MAX) < u64::from(samples) * 2 {
        return Err((String::from("its end is missing"), String::from("copy it again, whole")));
    }
    let secs = f64::from(samples) / f64::from(spec.sample_rate);
    if secs > CLIP_MAX.as_secs_f64() {
        return Err((
            format!("{secs:.0} s are too long"),
            format!("at most {} s", CLIP_MAX.as_secs()),
        ));
    }
    Ok(Duration::from_secs_f64(secs))
}
