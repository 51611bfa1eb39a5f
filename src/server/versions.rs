//! The last versions of the configuration that were in force, kept in full, so that one can be put in force again.
//!
//! A folder beside the database: every file by the SHA-256 of its content in `objects/`, and a list of files for each
//! version. What is the same in two versions is there once. Secrets are never kept. Knows files; the way into force is
//! [`super::reload`].

use super::config::{Disk, Loaded};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use utoipa::ToSchema;

/// Versions that are kept. When one more comes into force, that which was in force longest ago is forgotten, with the
/// files that no other has.
const VERSIONS_MAX: usize = 20;

/// The list of a version's files is read up to so many bytes: 10,000 prompts take a sixth of it.
const LIST_BYTES_MAX: u64 = 8 << 20;

/// A flow's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FlowVersion {
    /// Its name.
    pub(crate) name: String,
    /// Twelve digits of the SHA-256 of its text and the prompts.
    pub(crate) version: String,
}

/// A version that was in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Twelve digits of the SHA-256 of all files and variables.
    pub(crate) version: String,
    /// When it came into force last, RFC 3339.
    pub(crate) at: String,
    /// Who brought it then.
    pub(crate) by: String,
    /// Its flows, each with its own version.
    pub(crate) flows: Vec<FlowVersion>,
    /// Its files: names as seen from the configuration folder, and the SHA-256 of each.
    pub(crate) files: BTreeMap<String, String>,
}

/// A version that was kept is in force in place of the files on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RolledBack {
    /// It.
    pub(crate) version: String,
    /// What the files on disk were then; as long as they are, it stays, also after a restart.
    pub(crate) files: String,
    /// Since when, RFC 3339.
    pub(crate) at: String,
    /// Whose wish.
    pub(crate) by: String,
}

/// Why a version can't be had again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// There is none of that name.
    #[error("no version `{0}` is kept: dozvon flow versions lists them")]
    Unknown(String),
    /// A file of it is not what it was.
    #[error("`{0}` of version {1} is gone or altered in the folder of versions")]
    Damaged(String, String),
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    folder: PathBuf,
}

impl Versions {
    /// Those of this folder, which is made when there is something to keep.
    pub(crate) fn new(folder: PathBuf) -> Versions {
        Versions { folder }
    }

    /// Keeps what is in force since `at`, and forgets what is too much.
    ///
    /// # Errors
    /// What the file system says; then those kept before still are.
    pub(crate) fn keep(&self, loaded: &Loaded, at: &str, by: &str) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.objects())?;
        let (at, by) = (at.to_owned(), by.to_owned());
        let kept = match self.read(&loaded.version) {
            Some(kept) => Kept { at, by, ..kept },
            None => {
                let flows = flows_of(loaded);
                Kept {
                    version: loaded.version.to_string(),
                    at,
                    by,
                    flows,
                    files: self.files(loaded)?,
                }
            }
        };
        let text = serde_json::to_vec_pretty(&kept)?;
        write_whole(&self.list_of(&kept.version), &text)?;
        self.forget(&kept.version)
    }

    /// All of them, the last one in force first.
    pub(crate) fn list(&self) -> Vec<Kept> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let versions = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()));
        let mut kept: Vec<Kept> = versions.filter_map(|version| self.read(&version)).collect();
        kept.sort_by(|a, b| b.at.cmp(&a.at));
        kept
    }

    /// The files of a version, each proved to be what it was, in place of those of the configuration folder.
    ///
    /// # Errors
    /// [`KeptError`].
    pub(crate) fn open(&self, version: &str, folder: &Path) -> Result<Disk, KeptError> {
        let kept = self.read(version).ok_or_else(|| KeptError::Unknown(version.to_owned()))?;
        let mut files = BTreeMap::new();
        for (name, digest) in kept.files {
            let object = self.objects().join(&digest);
            let whole =
                fs::read(&object).is_ok_and(|bytes| hex::encode(Sha256::digest(bytes)) == digest);
            if !whole {
                return Err(KeptError::Damaged(name, version.to_owned()));
            }
            files.insert(folder.join(name), object);
        }
        Ok(Disk::Kept(Arc::new(files)))
    }

    /// Notes that a kept version is in force, or that the files on disk are.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn note(&self, rolled_back: Option<&RolledBack>) -> io::Result<()> {
        match rolled_back {
            Some(note) => write_whole(&self.noted_in(), &serde_json::to_vec_pretty(note)?),
            None => match fs::remove_file(self.noted_in()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }

    /// What was noted last.
    pub(crate) fn noted(&self) -> Option<RolledBack> {
        serde_json::from_slice(&fs::read(self.noted_in()).ok()?).ok()
    }

    /// Keeps each file by its content, and tells which content each has.
    fn files(&self, loaded: &Loaded) -> io::Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for (name, text) in &*loaded.texts {
            let digest = hex::encode(Sha256::digest(text));
            self.put(&digest, || Ok(text.clone().into_bytes()))?;
            files.insert(name.clone(), digest);
        }
        for prompt in &loaded.prompts {
            let digest = hex::encode(prompt.digest);
            self.put(&digest, || {
                let wav = fs::read(&prompt.path)?;
                let same = *Sha256::digest(&wav) == prompt.digest;
                let changed = || io::Error::other(format!("{} has changed", prompt.path.display()));
                same.then_some(wav).ok_or_else(changed)
            })?;
            let name = prompt.path.strip_prefix(&loaded.folder).unwrap_or(&prompt.path);
            files.insert(name.to_string_lossy().into_owned(), digest);
        }
        Ok(files)
    }

    fn put(&self, digest: &str, content: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<()> {
        let object = self.objects().join(digest);
        if object.exists() { Ok(()) } else { write_whole(&object, &content()?) }
    }

    /// Forgets the oldest lists beyond the bound, and files that are in none.
    fn forget(&self, in_force: &str) -> io::Result<()> {
        let mut kept = self.list();
        let mut rest = kept.split_off(kept.len().min(VERSIONS_MAX));
        // Clocks may run back between two starts.
        if let Some(index) = rest.iter().position(|kept| kept.version == in_force) {
            kept.push(rest.remove(index));
        }
        for old in rest {
            fs::remove_file(self.list_of(&old.version))?;
        }
        let used: BTreeSet<&str> =
            kept.iter().flat_map(|kept| kept.files.values().map(String::as_str)).collect();
        for entry in fs::read_dir(self.objects())?.flatten() {
            if entry.file_name().to_str().is_none_or(|name| !used.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// A version's list; `None` when there is none that can be read.
    fn read(&self, version: &str) -> Option<Kept> {
        // What somebody wishes is no path.
        let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit());
        let path = is_version.then(|| self.list_of(version))?;
        let length = fs::metadata(&path).ok()?.len();
        let text = (length <= LIST_BYTES_MAX).then(|| fs::read(&path).ok())??;
        let kept: Option<Kept> = serde_json::from_slice(&text).ok();
        if kept.is_none() {
            tracing::error!(path = %path.display(), "the list of a kept version can't be read");
        }
        kept
    }

    fn objects(&self) -> PathBuf {
        self.folder.join("objects")
    }

    fn list_of(&self, version: &str) -> PathBuf {
        self.folder.join(format!("{version}.json"))
    }

    fn noted_in(&self) -> PathBuf {
        // No version has this name, for `r` is no hexadecimal digit.
        self.folder.join("rolled-back.json")
    }
}

/// The versions of a configuration's flows.
pub(crate) fn flows_of(loaded: &Loaded) -> Vec<FlowVersion> {
    let flows = loaded.policy.flows.values();
    let version = |flow: &Arc<dozvon_center::flow::Flow>| FlowVersion {
        name: flow.name.to_string(),
        version: flow.version.to_string(),
    };
    flows.map(version).collect()
}

/// Writes a file so that it is there whole or not at all, whatever happens meanwhile.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::super::config::{Missing, Tests, load, load_from};
    use super::*;

    /// A small configuration, and a folder of versions beside it.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let folder = format!("dozvon-versions-{name}-{}", std::process::id());
            let place = Place(std::env::temp_dir().join(folder));
            let _ = fs::remove_dir_all(&place.0);
            fs::create_dir_all(place.0.join("config/flows/prompts/music")).unwrap();
            place.write("dozvon.toml", "[flows]\nfolder = \"flows\"\n[feature_codes]\n");
            place.write("dialling.toml", "# nobody reads this\n");
            let spec = hound::WavSpec {
                channels: 1,
                sample_rate: 8_000,
                bits_per_sample: 16,
                sample_format: hound::SampleFormat::Int,
            };
            let music = place.config().join("flows/prompts/music/moh-soft.wav");
            let mut wav = hound::WavWriter::create(music, spec).unwrap();
            (0..800).for_each(|n| wav.write_sample(n).unwrap());
            wav.finalize().unwrap();
            place
        }

        fn config(&self) -> PathBuf {
            self.0.join("config")
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.config().join(name), text).unwrap();
        }

        fn load(&self) -> Loaded {
            load(&self.config(), &[], Missing::Leave, Tests::Play).0.expect("it is whole")
        }

        fn versions(&self) -> Versions {
            Versions::new(self.load().settings.store.versions)
        }

        fn objects(&self) -> usize {
            fs::read_dir(self.0.join("data/versions/objects")).unwrap().count()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn at_the_bound_the_version_longest_out_of_force_is_forgotten_with_its_files() {
        let place = Place::new("bound");
        let versions = place.versions();
        let mut names = Vec::new();
        for number in 0..VERSIONS_MAX + 3 {
            place.write("queues.toml", &format!("# {number}\n"));
            let loaded = place.load();
            versions.keep(&loaded, &format!("2026-01-01T00:00:{number:02}Z"), "ops").unwrap();
            names.push(loaded.version.to_string());
        }
        let kept: Vec<String> = versions.list().into_iter().map(|kept| kept.version).collect();
        let newest: Vec<String> = names.iter().rev().take(VERSIONS_MAX).cloned().collect();
        assert_eq!(kept, newest);
        assert_eq!(place.objects(), VERSIONS_MAX + 2, "dozvon.toml and the music are there once");
        assert!(matches!(versions.open(&names[0], &place.config()), Err(KeptError::Unknown(_))));

        // In force again, it is the last one to be forgotten, also when the clock has run back.
        let first = versions.open(&kept[VERSIONS_MAX - 1], &place.config()).unwrap();
        let (again, _) = load_from(first, &place.config(), &[], Missing::Leave, Tests::Play);
        versions.keep(&again.unwrap(), "2025-01-01T00:00:00Z", "ops").unwrap();
        place.write("queues.toml", "# one more\n");
        let more = place.load();
        versions.keep(&more, "2024-01-01T00:00:00Z", "ops").unwrap();
        let kept = versions.list();
        assert_eq!(kept.len(), VERSIONS_MAX + 1, "the one in force is never forgotten");
        assert!(kept.iter().any(|kept| *kept.version == *more.version));
    }

    #[test]
    fn a_version_is_the_same_wherever_it_lies_and_is_read_without_what_is_on_disk() {
        let (place, other) = (Place::new("here"), Place::new("there"));
        let loaded = place.load();
        assert_eq!(loaded.version, other.load().version);
        place.versions().keep(&loaded, "2026-01-01T00:00:00Z", "ops").unwrap();
        place.write("dozvon.toml", "not even TOML");
        place.write("calendars.toml", "");
        fs::remove_file(place.config().join("flows/prompts/music/moh-soft.wav")).unwrap();
        let versions = Versions::new(loaded.settings.store.versions.clone());
        let disk = versions.open(&loaded.version, &place.config()).unwrap();
        let (again, findings) = load_from(disk, &place.config(), &[], Missing::Leave, Tests::Play);
        let again = again.unwrap_or_else(|| panic!("{:?}", findings.told()));
        assert_eq!((&again.version, &again.settings), (&loaded.version, &loaded.settings));
        assert_eq!(again.prompts.len(), 1);
        assert_eq!(again.prompts[0].digest, loaded.prompts[0].digest);
    }
}
