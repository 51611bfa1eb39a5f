//! `dozvon prompts`: what has to be recorded, what is wrong with recordings, and recordings made and taken in.

mod build;
mod check;
mod import;
mod wav;

use super::{PromptsArgs, PromptsCommand, print};
use crate::server::config::{Findings, FlowFiles, PromptFile, read_prompts, read_texts};
use dozvon_center::flow::model::MUSIC;
use dozvon_center::saying::{Language, recordings};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The sampling rate of recordings that are made or taken in.
const RATE: u32 = 8_000;

/// The loudness of a set that has none yet, in LUFS: leaves room for the peaks of speech.
const LUFS_DEFAULT: f64 = -20.5;

/// Which recordings a machine has spoken, beside prompts.yaml.
const SYNTHETIC: &str = "synthetic.tsv";

/// Does what is asked about prompts.
pub(crate) fn prompts(args: &PromptsArgs) -> ExitCode {
    match &args.command {
        PromptsCommand::Texts => {
            for language in Language::ALL {
                for (name, text) in recordings(language) {
                    print(&format!("{name}\t{}\t{text}\n", language.code()));
                }
            }
            ExitCode::SUCCESS
        }
        PromptsCommand::Check(args) => check::check(args),
        PromptsCommand::Build(args) => build::build(args),
        PromptsCommand::Import(args) => import::import(args),
    }
}

/// A folder of prompts: texts, recordings, and which of those a machine has spoken.
struct Set {
    folder: PathBuf,
    /// What each recording says, or shall say: language, then name.
    texts: BTreeMap<String, BTreeMap<String, String>>,
    files: Vec<PromptFile>,
    synthetic: Synthetic,
}

impl Set {
    /// Reads a folder; what can't be played is noted.
    fn read(findings: &mut Findings, folder: &Path) -> Set {
        let mut texts = read_texts(findings, &folder.join("prompts.yaml"));
        let files = read_prompts(findings, folder);
        // The words of values are needed where some of them are recorded.
        for (code, texts) in &mut texts {
            let says =
                |file: &PromptFile| *file.language == **code && file.name.starts_with("say-");
            let words = Language::by_code(code).filter(|_| files.iter().any(says));
            for (name, text) in words.into_iter().flat_map(recordings) {
                texts.entry(name.to_owned()).or_insert_with(|| text.to_owned());
            }
        }
        Set { folder: folder.to_owned(), texts, files, synthetic: Synthetic::read(folder) }
    }

    fn path(&self, language: &str, name: &str) -> PathBuf {
        self.folder.join(language).join(format!("{name}.wav"))
    }

    fn file(&self, language: &str, name: &str) -> Option<&PromptFile> {
        self.files.iter().find(|file| &*file.language == language && &*file.name == name)
    }

    /// The loudness of each recording of speech, where it can be played and is no silence.
    fn loudness(&self) -> BTreeMap<&Path, f64> {
        let speech = self.files.iter().filter(|file| &*file.language != MUSIC);
        let loud = speech.filter_map(|file| {
            let sound = wav::read(&file.path).ok()?;
            Some((file.path.as_path(), sound.judge().loudness?))
        });
        loud.collect()
    }
}

/// The middle one, so that some odd recordings do not move it.
fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Recordings that a machine has spoken, by the beginnings of the SHA-256 of their bytes and of the text that they say:
/// one that a person has recorded since is none any more, whatever the list says.
#[derive(Default)]
struct Synthetic(BTreeMap<String, Spoken>);

/// What a machine has spoken.
struct Spoken {
    wav: String,
    /// Empty where the list does not know it.
    text: String,
}

impl Synthetic {
    fn read(folder: &Path) -> Synthetic {
        let text = std::fs::read_to_string(folder.join(SYNTHETIC)).unwrap_or_default();
        let spoken = text.lines().filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            let (name, wav) = (fields.next()?, fields.next()?);
            Some((name, Spoken { wav, text: fields.next().unwrap_or_default() }))
        });
        Synthetic(spoken.collect())
    }

    fn of(&self, file: &PromptFile) -> Option<&Spoken> {
        let spoken = self.0.get(&format!("{}/{}", file.language, file.name));
        spoken.filter(|spoken| spoken.wav == short(&file.digest))
    }

    /// Whether a machine has spoken it.
    fn is(&self, file: &PromptFile) -> bool {
        self.of(file).is_some()
    }

    /// Whether a machine has spoken it, by another text than this.
    fn says_otherwise(&self, file: &PromptFile, text: &str) -> bool {
        let known = self.of(file).map(|spoken| &*spoken.text).filter(|known| !known.is_empty());
        known.is_some_and(|known| known != short(&Sha256::digest(text)))
    }

    fn mark(&mut self, language: &str, name: &str, wav: &[u8], text: &str) {
        let spoken =
            Spoken { wav: short(&Sha256::digest(wav)), text: short(&Sha256::digest(text)) };
        self.0.insert(format!("{language}/{name}"), spoken);
    }

    fn write(&self, folder: &Path) -> std::io::Result<()> {
        let line = |(name, spoken): (&String, &Spoken)| {
            let Spoken { wav, text } = spoken;
            let gap = if text.is_empty() { "" } else { "\t" };
            format!("{name}\t{wav}{gap}{text}\n")
        };
        std::fs::write(folder.join(SYNTHETIC), self.0.iter().map(line).collect::<String>())
    }
}

fn short(digest: &[u8]) -> String {
    hex::encode(&digest[..8])
}

/// The prompts that the flows beside a folder of prompts play and that have neither text nor recording, and those whose
/// text names another key.
fn of_flows(findings: &mut Findings, set: &Set) {
    use crate::server::config::add_prompts;
    use dozvon_center::flow::check::{F004, F017, PromptFacts};
    use dozvon_center::flow::{Surroundings, load_and_check};
    let above = set.folder.parent().filter(|above| *above != Path::new(""));
    let folder = above.unwrap_or(Path::new("."));
    let mut around = Surroundings::default();
    add_prompts(&mut Findings::default(), &mut around, &set.folder, &set.files);
    // One that has a text is told of as such already, whichever flows play it.
    for (language, texts) in &set.texts {
        for (name, text) in texts.iter().filter(|(name, _)| set.file(language, name).is_none()) {
            let facts = PromptFacts { text: Some(text.clone()), ..PromptFacts::default() };
            around.add_prompt(language, name, facts);
        }
    }
    let files = FlowFiles::read(findings, folder, None);
    // What else is wrong with flows is the matter of `dozvon flow check`.
    around.library = files.library(&mut Findings::default());
    let mut seen = BTreeSet::new();
    for (name, text) in files.flows() {
        let (_, found) = load_and_check(name, text, &around);
        let ours = found.into_iter().filter(|found| [F004, F017].contains(&found.code));
        // A sub-flow is in every flow that calls it.
        let ours = ours.filter(|f| seen.insert((f.file.clone(), f.line, f.message.clone())));
        files.tell(findings, &ours.collect::<Vec<_>>());
    }
}
