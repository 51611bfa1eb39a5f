//! classifiers/*.yaml, and how the queues of queues.toml end their talks: the mode of wrap-up and the classifier.

use super::files;
use super::finding::{Findings, Place, suggest};
use super::ivr;
use super::walk::Table;
use dozvon_center::acd::{QueueConfig, WrapUp};
use dozvon_center::classifier::Classifier;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// All classifiers by name.
#[derive(Debug, Default)]
pub(super) struct Classifiers {
    /// Those without a mistake.
    pub(super) by_name: BTreeMap<Arc<str>, Arc<Classifier>>,
    /// The names of all, those with mistakes included.
    names: BTreeSet<String>,
}

impl Classifiers {
    /// Reads classifiers/*.yaml, each with all its mistakes. A file is called like its classifier.
    pub(super) fn read(findings: &mut Findings, folder: &Path) -> Classifiers {
        let mut all = Classifiers::default();
        for path in files::list(findings, &folder.join("classifiers"), "yaml") {
            let Some((source, text)) = files::read(findings, &path, None) else { continue };
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let stem = stem.unwrap_or_default();
            match Classifier::from_yaml(&path.display().to_string(), &text) {
                Err(found) => ivr::tell(findings, source, &found),
                Ok(classifier) if *classifier.name != *stem => {
                    let at = text.find(&*classifier.name).unwrap_or(0);
                    let place = Place { source, span: at..at + classifier.name.len() };
                    let message = format!("the classifier `{}` is in {stem}.yaml", classifier.name);
                    let cure = format!("call the file {}.yaml", classifier.name);
                    findings.error(&place, message, cure);
                }
                Ok(classifier) => {
                    all.by_name.insert(classifier.name.clone(), Arc::new(classifier));
                }
            }
            all.names.insert(stem);
        }
        all
    }
}

/// How a queue's talks end: sets what the table says of wrap-up and codes.
pub(super) fn wrap_up(
    findings: &mut Findings,
    all: &Classifiers,
    table: &Table,
    queue: QueueConfig,
) -> QueueConfig {
    let lasts = table.secs("wrap_up_secs");
    let classifier = table.text_opt("classifier").filter(|name| !name.is_empty());
    if let Some(name) = classifier.filter(|name| !all.names.contains(*name)) {
        let message = format!("there is no classifier `{name}` in classifiers/");
        let cure = suggest(name, "classifier", all.names.iter().map(String::as_str));
        findings.error(table.place("classifier"), message, cure);
    }
    let wrap_up = match table.text("wrap_up") {
        "off" => WrapUp::Off,
        "until_code" => WrapUp::UntilCode,
        "until_code_max" => WrapUp::UntilCodeMax(lasts),
        _ => WrapUp::timed(lasts),
    };
    if let WrapUp::UntilCodeMax(lasts) = wrap_up
        && lasts.is_zero()
    {
        let message = "nobody gives a code in no time";
        findings.error(table.place("wrap_up_secs"), message, "1 or more, or wrap_up = \"off\"");
    }
    if wrap_up.wants_code() && classifier.is_none() {
        let message = format!("queue `{}` waits for codes and has none", table.text("name"));
        let cure = "add classifier = \"…\", a file of classifiers/, or use \"timed\"";
        findings.error(table.place("wrap_up"), message, cure);
    }
    let usable = !wrap_up.wants_code()
        || (classifier.is_some() && wrap_up.lasts().is_none_or(|lasts| !lasts.is_zero()));
    QueueConfig {
        // A mistake is noted already, and isn't told again by the rooms below.
        wrap_up: if usable { wrap_up } else { WrapUp::timed(lasts) },
        wrap_up_extend_max: table.secs("wrap_up_extend_max_secs"),
        classifier: classifier.map(Arc::from),
        ..queue
    }
}
