//! Flows and calendars: read and proved by the center, told here with the other mistakes.

use super::Tests;
use super::files;
use super::finding::{Finding, Findings, Place, Severity, SourceId};
use super::settings::PromptFile;
use dozvon_center::calendar::{Calendar, Calendars, HolidayList, HolidayLists};
use dozvon_center::flow::check::{self, PromptFacts};
use dozvon_center::flow::script::play_all;
use dozvon_center::flow::{
    Diagnostic, Flow, Library, Surroundings, check_subflow, is_subflow, load_and_check, prompts,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Reads calendars/*.yaml and *.ics, and the lists of holidays that they share, calendars/holidays/*.ics.
pub(super) fn calendars(findings: &mut Findings, folder: &Path) -> Calendars {
    let folder = folder.join("calendars");
    let mut lists = HolidayLists::new();
    for path in files::list(findings, &folder.join("holidays"), "ics") {
        let Some((source, text)) = files::read(findings, &path, None) else { continue };
        match HolidayList::from_ics(&path.display().to_string(), &text) {
            Err(found) => tell(findings, source, &found),
            Ok(list) => {
                lists.insert(stem(&path), list);
            }
        }
    }
    let mut calendars = Calendars::new();
    let mut homes: BTreeMap<Arc<str>, String> = BTreeMap::new();
    let yaml = files::list(findings, &folder, "yaml");
    for path in yaml.into_iter().chain(files::list(findings, &folder, "ics")) {
        let Some((source, text)) = files::read(findings, &path, None) else { continue };
        let file = path.display().to_string();
        let calendar = match path.extension().is_some_and(|ending| ending == "ics") {
            true => Calendar::from_ics(&stem(&path), &file, &text),
            false => Calendar::with_lists(&file, &text, &lists),
        };
        match calendar {
            Err(found) => tell(findings, source, &found),
            Ok(calendar) => {
                if let Some(first) = homes.insert(Arc::clone(&calendar.name), file) {
                    let place = Place { source, span: find(&text, &calendar.name) };
                    let message = format!("there is a second calendar `{}`", calendar.name);
                    findings.error(
                        &place,
                        message,
                        format!("the first one is in {}: rename one", files::shown(&first)),
                    );
                }
                calendars.insert(calendar);
            }
        }
    }
    calendars
}

/// The name of a file without its ending.
fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Flows by name, and the names of all of them, those with mistakes included.
type Flows = (BTreeMap<Arc<str>, Arc<Flow>>, Vec<String>);

/// Reads the *.yaml of the flows' folder, each with all its mistakes, and has the tests of those that have none played
/// by these calendars.
pub(super) fn flows(
    findings: &mut Findings,
    folder: &Path,
    around: &Surroundings,
    prompts: &[PromptFile],
    (calendars, tests): (&Arc<Calendars>, Tests),
) -> Flows {
    let mut flows: BTreeMap<Arc<str>, Arc<Flow>> = BTreeMap::new();
    let mut names = Vec::new();
    let mut around = around.clone();
    let files = Files::read(findings, folder, None);
    around.library = files.library(findings);
    let mut called: BTreeSet<Arc<str>> = BTreeSet::new();
    for File { name, source, text } in files.0.iter().filter(|file| !is_subflow(&file.text)) {
        let source = *source;
        let (flow, found) = load_and_check(name, text, &around);
        files.tell(findings, &found);
        let Some(mut flow) = flow else {
            names.extend(name_in(text));
            continue;
        };
        stamp(&mut flow, text, prompts);
        let flow = Arc::new(flow);
        if tests == Tests::Play && !found.iter().any(Diagnostic::is_error) {
            files.tell(findings, &failed_tests(&flow, calendars, &around));
        }
        called.extend(flow.subflows.iter().map(|subflow| Arc::clone(&subflow.name)));
        names.push(flow.name.to_string());
        if let Some(first) = flows.get(&flow.name) {
            let place = Place { source, span: find(text, &flow.name) };
            let message = format!("there is a second flow `{}`", flow.name);
            findings.error(
                &place,
                message,
                format!("the first one is in {}: rename one", files::shown(&first.file)),
            );
        }
        flows.insert(Arc::clone(&flow.name), flow);
    }
    // A flow with mistakes may be the one that calls it; those are told first.
    for name in around.library.names().filter(|name| !called.contains(*name)) {
        files.tell(findings, &check_subflow(name, &around));
    }
    (flows, names)
}

/// What the flow's own tests say that it does not do.
fn failed_tests(
    flow: &Arc<Flow>,
    calendars: &Arc<Calendars>,
    around: &Surroundings,
) -> Vec<Diagnostic> {
    let outcomes = play_all(flow, calendars, around);
    let failed = outcomes.iter().filter(|outcome| !outcome.passed());
    failed
        .map(|outcome| {
            let message = format!("test `{}`: {}", outcome.name, outcome.failures.join("; "));
            Diagnostic::error("", &flow.file, outcome.spot, message)
                .help("`dozvon flow test` shows the way that the caller went")
        })
        .collect()
}

/// A file of flows, a sub-flow or not.
pub(crate) struct File {
    /// Its path.
    pub(crate) name: String,
    source: SourceId,
    text: String,
}

/// The files of a folder of flows.
pub(crate) struct Files(Vec<File>);

impl Files {
    /// Reads the *.yaml of a folder, or, where one is named, that one and the sub-flows beside it.
    pub(crate) fn read(findings: &mut Findings, folder: &Path, only: Option<&Path>) -> Files {
        let mut all = Vec::new();
        for path in files::list(findings, folder, "yaml") {
            if only.is_some_and(|only| only.file_name() == path.file_name()) {
                continue;
            }
            let Some((source, text)) = files::read(findings, &path, None) else { continue };
            if only.is_none() || is_subflow(&text) {
                all.push(File { name: path.display().to_string(), source, text });
            }
        }
        Files(all)
    }

    /// Adds a file that has been read already.
    pub(crate) fn add(&mut self, name: String, source: SourceId, text: String) {
        self.0.push(File { name, source, text });
    }

    /// The sub-flows among them; what is no sub-flow although it says so is told.
    pub(crate) fn library(&self, findings: &mut Findings) -> Library {
        let mut library = Library::default();
        for file in self.0.iter().filter(|file| is_subflow(&file.text)) {
            if let Err(found) = library.add(&file.name, &file.text) {
                tell(findings, file.source, &found);
            }
        }
        library
    }

    /// The flows among them: names of files, and texts.
    pub(crate) fn flows(&self) -> impl Iterator<Item = (&str, &str)> {
        let flows = self.0.iter().filter(|file| !is_subflow(&file.text));
        flows.map(|file| (&*file.name, &*file.text))
    }

    /// Takes over what the center says of them, each finding with the text that it is about.
    pub(crate) fn tell(&self, findings: &mut Findings, found: &[Diagnostic]) {
        for diagnostic in found {
            let file = self.0.iter().find(|file| file.name == diagnostic.file);
            let file = file.expect("findings are about files that were read");
            tell(findings, file.source, std::slice::from_ref(diagnostic));
        }
    }
}

/// Gives a flow its version: twelve digits of the SHA-256 of its text, of the sub-flows that it calls and of all
/// prompts, so that a prompt recorded anew makes another version as well.
pub(crate) fn stamp(flow: &mut Flow, text: &str, prompts: &[PromptFile]) {
    let mut digest = Sha256::new_with_prefix(text);
    flow.subflows.iter().for_each(|subflow| subflow.stamp(&mut digest));
    for PromptFile { language, name, digest: sound, .. } in prompts {
        digest.update(format!("\0{language}/{name}\0"));
        digest.update(sound);
    }
    flow.version = short(digest);
}

/// A version as people see it.
pub(super) fn short(digest: Sha256) -> Arc<str> {
    hex::encode(digest.finalize())[..12].into()
}

/// The name of a flow that could not be read: what stands behind `flow:` at the beginning of a line.
pub(crate) fn name_in(text: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.strip_prefix("flow:"))?;
    let name = rest.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

/// Tells the flow checker of the prompts: their lengths, and what they say where prompts.yaml in their folder knows it.
pub(crate) fn add_prompts(
    findings: &mut Findings,
    around: &mut Surroundings,
    folder: &Path,
    prompts: &[PromptFile],
) {
    let texts = read_texts(findings, &folder.join("prompts.yaml"));
    for prompt in prompts {
        let text = texts.get(&*prompt.language).and_then(|texts| texts.get(&*prompt.name)).cloned();
        let facts = PromptFacts { duration: prompt.duration, text };
        around.add_prompt(&prompt.language, &prompt.name, facts);
    }
}

/// What recordings say: language, then name; nothing where there is no such file.
pub(crate) fn read_texts(findings: &mut Findings, path: &Path) -> prompts::Texts {
    let Some((source, text)) = files::read(findings, path, None) else {
        return prompts::Texts::new();
    };
    match prompts::texts(&path.display().to_string(), &text) {
        Ok(texts) => texts,
        Err(found) => {
            tell(findings, source, &found);
            prompts::Texts::new()
        }
    }
}

/// Takes over what the center says of a file.
pub(crate) fn tell(findings: &mut Findings, source: SourceId, found: &[Diagnostic]) {
    for diagnostic in found {
        let span = span(&findings.text(source).text, diagnostic);
        let severity = if diagnostic.is_error() { Severity::Error } else { Severity::Warning };
        let cure = diagnostic.help.clone().unwrap_or_else(|| cure(diagnostic.code).to_owned());
        let place = Place { source, span };
        let mut finding = Finding::new(severity, &place, diagnostic.message.clone(), cure);
        finding.code = diagnostic.code;
        findings.add(finding);
    }
}

/// What to do about a rule that was broken where the center has no better advice.
fn cure(code: &str) -> &'static str {
    match code {
        "F001" => "name a node of this flow",
        check::F002 => "lead there from another node, or take it out",
        check::F007 => "people remember about five: put some behind another option",
        check::F010 => "take a variable that is not secret",
        "F012" => "name the node where the caller goes on then",
        "F019" => "say what its file asks for",
        "F013" => "nobody may wait for ever: say how long, and where he goes on then",
        check::F014 => "add it to the configuration, or name one that is there",
        check::F016 => "take another key",
        check::F017 => "say the key in the text, and record it again",
        check::F018 => "add `tests:` with a case for every promise",
        "Y003" => "add it",
        "Y004" => "write it in the form that is named here",
        code if code.starts_with('Y') => {
            "look at indentation, brackets and quotes here and on the line above"
        }
        _ => "docs/flows.md explains the rule",
    }
}

/// Bytes of a line, column and length in characters.
fn span(text: &str, diagnostic: &Diagnostic) -> Range<usize> {
    let Some(line) = (diagnostic.line as usize).checked_sub(1) else { return 0..0 };
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text[start..].lines().next().unwrap_or_default();
    let byte = |column: usize| rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
    let column = (diagnostic.column as usize).saturating_sub(1);
    start + byte(column)..start + byte(column + diagnostic.length as usize)
}

/// Where a word first stands in a text.
fn find(text: &str, word: &str) -> Range<usize> {
    text.find(word).map_or(0..0, |at| at..at + word.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dozvon_center::flow::diagnostic::Spot;

    #[test]
    fn lines_and_columns_become_bytes() {
        let text = "имя: да\nstart: mian # главное\n";
        let spot = |line, column, length| Spot { line, column, length };
        for (spot, word) in [
            (spot(2, 8, 4), "mian"),
            (spot(1, 6, 2), "да"),
            (spot(2, 15, 99), "главное"),
            (spot(0, 0, 0), ""),
            (spot(9, 9, 9), ""),
        ] {
            let found = Diagnostic::error("F001", "f", spot, "x");
            assert_eq!(&text[span(text, &found)], word, "{spot:?}");
        }
    }
}
