//! Reading the files of a configuration folder: what can't be read is a finding like any other.

use super::finding::{Findings, Place, SourceId};
use super::keys::Section;
use super::walk::{self, Table};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The longest file that is read; a longer one is an error. 32,768 agents need a fifth of it.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// The text of a file, kept for showing. `None`: it isn't there (noted if `must` be), or it can't be read (noted).
pub(crate) fn read(
    findings: &mut Findings,
    path: &Path,
    must: Option<&str>,
) -> Option<(SourceId, String)> {
    let name = path.display().to_string();
    let size = fs::metadata(path).map(|data| data.len());
    let text = match size {
        Ok(size) if size > FILE_BYTES_MAX => {
            let place = findings.file(name);
            findings.error(
                &place,
                format!("{size} bytes are too much"),
                format!("at most {FILE_BYTES_MAX}"),
            );
            return None;
        }
        Ok(_) => fs::read_to_string(path),
        Err(error) => Err(error),
    };
    match (text, must) {
        (Ok(text), _) => Some((findings.source(name, text.clone()), text)),
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
pub(super) fn list(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|found| found == ending) && path.is_file())
        .collect();
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
