//! Reading the files of a configuration folder: what can't be read is a finding like any other. They are read on disk,
//! or as a version that was kept has them.

use super::finding::{Findings, Place, SourceId};
use super::keys::Section;
use super::walk::{self, Table};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The longest file that is read; a longer one is an error. 32,768 agents need a fifth of it.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Where the files of a configuration are read. Secrets are read on disk in any case: they are never kept.
#[derive(Clone, Debug, Default)]
pub(crate) enum Disk {
    /// As they are.
    #[default]
    Real,
    /// As a version has them: where each would be on disk, and where it was kept.
    Kept(Arc<BTreeMap<PathBuf, PathBuf>>),
}

impl Disk {
    /// Where a file is to be read; `None`: there is none.
    pub(super) fn place<'a>(&'a self, path: &'a Path) -> Option<&'a Path> {
        match self {
            Disk::Real => Some(path),
            Disk::Kept(files) => files.get(path).map(PathBuf::as_path),
        }
    }

    /// The files of a folder; none when there is no such folder.
    fn files(&self, folder: &Path) -> Vec<PathBuf> {
        match self {
            Disk::Real => {
                let entries = fs::read_dir(folder).into_iter().flatten().flatten();
                entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
            }
            Disk::Kept(files) => {
                let inside = files.keys().filter(|path| path.parent() == Some(folder));
                inside.cloned().collect()
            }
        }
    }

    /// The names of the folders in a folder, in order.
    pub(super) fn folders(&self, folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Disk::Real => {
                let entries = fs::read_dir(folder).into_iter().flatten().flatten();
                let entries = entries.filter(|entry| entry.path().is_dir());
                entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
            }
            Disk::Kept(files) => {
                let above = files.keys().filter_map(|path| path.parent());
                let here = above.filter(|above| above.parent() == Some(folder));
                here.filter_map(|above| Some(above.file_name()?.to_str()?.to_owned())).collect()
            }
        };
        names.sort();
        names.dedup();
        names
    }

    /// Whether there is such a folder.
    pub(super) fn is_folder(&self, folder: &Path) -> bool {
        match self {
            Disk::Real => folder.is_dir(),
            Disk::Kept(files) => files.keys().any(|path| path.starts_with(folder)),
        }
    }
}

/// The name of a file as seen from a folder; one that is elsewhere keeps its own.
pub(crate) fn inside<'a>(folder: &Path, name: &'a str) -> Cow<'a, str> {
    match Path::new(name).strip_prefix(folder) {
        Ok(rest) => rest.to_string_lossy(),
        Err(_) => Cow::Borrowed(name),
    }
}

/// A path as people are shown it: `config/../ivr-flows` is `ivr-flows`. By its letters alone, so it is for showing
/// only: behind a link it may name another file.
pub(crate) fn shown(path: &str) -> String {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in Path::new(path).components() {
        match (part, parts.last()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            (Component::ParentDir, Some(Component::CurDir)) => parts = vec![part],
            (Component::ParentDir, Some(Component::RootDir)) => {}
            (
                Component::Prefix(_)
                | Component::RootDir
                | Component::CurDir
                | Component::ParentDir
                | Component::Normal(_),
                _,
            ) => parts.push(part),
        }
    }
    parts.into_iter().collect::<PathBuf>().display().to_string()
}

/// The text of a file, kept for showing. `None`: it isn't there (noted if `must` be), or it can't be read (noted).
pub(crate) fn read(
    findings: &mut Findings,
    path: &Path,
    must: Option<&str>,
) -> Option<(SourceId, String)> {
    let name = path.display().to_string();
    let place = findings.disk.place(path).map(Path::to_owned);
    let place = place.ok_or_else(|| std::io::Error::from(ErrorKind::NotFound));
    let size = place.and_then(|place| Ok((fs::metadata(&place)?.len(), place)));
    let text = match size {
        Ok((size, _)) if size > FILE_BYTES_MAX => {
            let place = findings.file(name);
            findings.error(
                &place,
                format!("{size} bytes are too much"),
                format!("at most {FILE_BYTES_MAX}"),
            );
            return None;
        }
        Ok((_, place)) => fs::read_to_string(place),
        Err(error) => Err(error),
    };
    match (text, must) {
        (Ok(text), _) => Some((findings.read(name, text.clone()), text)),
        (Err(error), None) if error.kind() == ErrorKind::NotFound => None,
        (Err(error), Some(cure)) if error.kind() == ErrorKind::NotFound => {
            let place = findings.file(name);
            findings.error(&place, "there is no such file", cure);
            None
        }
        (Err(error), _) => {
            let place = findings.file(name);
            let is_text = error.kind() != ErrorKind::InvalidData;
            let cure = if is_text { "let the user of dozvon read it" } else { "save it as UTF-8" };
            findings.error(&place, format!("this can't be read: {error}"), cure);
            None
        }
    }
}

/// The files of a folder with this ending, in order of their names; none when there is no such folder.
pub(super) fn list(findings: &Findings, folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut paths = findings.disk.files(folder);
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
}

/// Reads a file that holds these tables, each by its name. Tables of other names are noted.
pub(super) fn tables(
    findings: &mut Findings,
    path: &Path,
    sections: &[&'static Section],
) -> BTreeMap<&'static str, Vec<Table>> {
    let mut found: BTreeMap<&'static str, Vec<Table>> = BTreeMap::new();
    let Some((source, text)) = read(findings, path, None) else { return found };
    let raw = walk::parse(findings, source, &text);
    for (name, value) in raw.get_ref() {
        let word = name.get_ref().as_ref();
        let place = Place { source, span: name.span() };
        let Some(section) = sections.iter().find(|section| section.name == word) else {
            walk::unknown_table(findings, &place, word, sections);
            continue;
        };
        let list = if section.many {
            walk::tables(findings, section, source, value)
        } else {
            walk::single(findings, section, source, value).into_iter().collect()
        };
        found.entry(section.name).or_default().extend(list);
    }
    found
}

/// Notes two tables of the same name: the second one with the place of the first.
pub(super) fn refuse_duplicates(findings: &mut Findings, tables: &[Table], key: &str, what: &str) {
    use super::finding::{Finding, Severity};
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for table in tables {
        let name = table.text(key);
        match seen.get(name) {
            None => {
                seen.insert(name, table.place(key));
            }
            Some(first) => {
                let message = format!("there is a second {what} `{name}`");
                let cure = format!("give each {what} its own {key}, or take one out");
                let mut finding = Finding::new(Severity::Error, table.place(key), message, cure);
                finding.also = Some(((*first).clone(), "the first one".to_owned()));
                findings.add(finding);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_shown_no_way_there_and_back() {
        for (path, wanted) in [
            ("config/../ivr-flows/bank.yaml", "ivr-flows/bank.yaml"),
            ("a/b/../../../c/d", "../c/d"),
            ("/etc/dozvon/config/../ivr-flows", "/etc/dozvon/ivr-flows"),
            ("/../etc", "/etc"),
            ("./config/bank.yaml", "./config/bank.yaml"),
            ("./../ivr-flows", "../ivr-flows"),
            ("../../ivr-flows", "../../ivr-flows"),
            ("DOZVON__SIP__REALM", "DOZVON__SIP__REALM"),
            ("", ""),
        ] {
            assert_eq!(shown(path), wanted, "{path}");
        }
    }
}
