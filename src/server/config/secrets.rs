//! Passwords and tokens: from files, from the environment, or made by ourselves once and kept in a file.
//!
//! They never stand in a configuration file, and no message shows one.

use super::finding::{Findings, Place};
use super::walk::Table;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What to do about a secret that we keep ourselves and that isn't there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Leave it: only looking.
    Leave,
    /// Make it, so that the switch can start.
    Make,
}

/// Characters of a made secret: none that look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Length of a made secret: 100 bits.
const MADE_CHARS: usize = 20;

/// Where secrets come from.
pub(super) struct Secrets<'a> {
    /// The configuration folder, from which paths count.
    pub(super) folder: &'a Path,
    /// The environment.
    pub(super) variables: &'a [(String, String)],
    /// What to do about those that we keep ourselves.
    pub(super) missing: Missing,
}

impl Secrets<'_> {
    /// The secret that `FIELD_file` or `FIELD_env` of a table names. `None` when it names neither, or when it can't be
    /// had, which is noted.
    pub(super) fn named(
        &self,
        findings: &mut Findings,
        table: &Table,
        field: &str,
    ) -> Option<String> {
        let (file, variable) = (format!("{field}_file"), format!("{field}_env"));
        if let (Some(_), Some(_)) = (table.text_opt(&file), table.text_opt(&variable)) {
            let message = format!("both {file} and {variable} are set");
            findings.error(table.place(&variable), message, "leave one of them out");
        }
        if let Some(path) = table.text_opt(&file) {
            return self.read_file(findings, table.place(&file), &self.folder.join(path));
        }
        let variable_name = table.text_opt(&variable)?;
        let place = table.place(&variable);
        let found = self.variables.iter().find(|(name, _)| name == variable_name);
        match found.map(|(_, value)| value.trim()) {
            Some(value) if !value.is_empty() => Some(value.to_owned()),
            _ => {
                let message = format!("the environment variable `{variable_name}` is not set");
                findings.error(place, message, "set it for the process, or name a file");
                None
            }
        }
    }

    /// The secret that we keep ourselves in `folder/name`, made now if need be.
    pub(super) fn kept(
        &self,
        findings: &mut Findings,
        place: &Place,
        folder: &Path,
        name: &str,
    ) -> Option<String> {
        let path = folder.join(name);
        match (path.exists(), self.missing) {
            (true, _) => self.read_file(findings, place, &path),
            (false, Missing::Leave) => None,
            (false, Missing::Make) => match make(&path) {
                Ok(secret) => Some(secret),
                Err(error) => {
                    let message = format!("{} can't be made: {error}", path.display());
                    findings.error(
                        place,
                        message,
                        "let dozvon write there, or name a file of your own",
                    );
                    None
                }
            },
        }
    }

    fn read_file(&self, findings: &mut Findings, place: &Place, path: &Path) -> Option<String> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!("there is no file {}", path.display());
                findings.error(place, message, "put the secret there, alone on one line, mode 600");
                return None;
            }
            Err(error) => {
                let message = format!("{} can't be read: {error}", path.display());
                findings.error(place, message, "let the user of dozvon read it");
                return None;
            }
        };
        if readable_by_others(path) {
            let message = format!("everybody on this machine can read {}", path.display());
            findings.warning(place, message, format!("chmod o= {}", path.display()));
        }
        let secret = text.trim_end_matches(['\n', '\r']);
        if secret.is_empty() || secret.contains('\n') {
            let message = format!("{} holds no secret", path.display());
            findings.error(place, message, "one line and nothing else");
            return None;
        }
        Some(secret.to_owned())
    }
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> bool {
    false
}

/// Makes a secret and keeps it in a file that only we can read.
pub(crate) fn make(path: &Path) -> io::Result<String> {
    let mut random = [0u8; MADE_CHARS];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let secret: String =
        random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let folder: PathBuf = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    private_folder(&folder)?;
    let mut file = private_file(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    Ok(secret)
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<fs::File> {
    fs::File::create(path)
}
