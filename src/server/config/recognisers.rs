//! recognisers.toml: who listens to callers for words of flows.

use super::base::Base;
use super::bots::stream_url;
use super::files::{refuse_duplicates, tables};
use super::finding::Findings;
use super::keys::RECOGNISER;
use super::secrets::Secrets;
use super::settings::{Recogniser, RecogniserProtocol, Recognisers, Secret};
use super::walk::Table;
use crate::server::outgoing::roots;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The recognisers of a configuration, as each part of the switch knows them.
#[derive(Default)]
pub(super) struct Read {
    /// For the center: who hears which language.
    pub(super) by_language: BTreeMap<Arc<str>, Arc<str>>,
    /// For the connector.
    pub(super) recognisers: Recognisers,
}

/// Reads recognisers.toml.
pub(super) fn read(findings: &mut Findings, base: &Base, secrets: &Secrets<'_>) -> Read {
    let path = base.folder.join("recognisers.toml");
    let found = tables(findings, &path, &[&RECOGNISER]).remove("recogniser").unwrap_or_default();
    refuse_duplicates(findings, &found, "name", "recogniser");
    let mut by_language = BTreeMap::new();
    let mut recognisers = BTreeMap::new();
    for table in &found {
        let name: Arc<str> = table.text("name").into();
        languages(findings, table, &name, &mut by_language);
        if let Some(recogniser) = recogniser(findings, base, secrets, table) {
            recognisers.insert(name, Arc::new(recogniser));
        }
    }
    Read { by_language, recognisers: Arc::new(recognisers) }
}

fn languages(
    findings: &mut Findings,
    table: &Table,
    name: &Arc<str>,
    by_language: &mut BTreeMap<Arc<str>, Arc<str>>,
) {
    let languages = table.list("languages");
    if languages.is_empty() {
        let message = format!("recogniser `{name}` hears no language");
        findings.error(table.place("languages"), message, "languages = [\"ru\"]");
    }
    for (language, place) in languages {
        if let Some(other) = by_language.insert(language.as_str().into(), name.clone()) {
            let message = format!("`{language}` is heard by recogniser `{other}` already");
            findings.error(place, message, "one recogniser hears a language");
        }
    }
}

fn recogniser(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    table: &Table,
) -> Option<Recogniser> {
    let url = stream_url(findings, table, "recogniser");
    let token = secrets.named(findings, table, "token").map(Secret);
    let ca_file = table.text_opt("ca_file").map(|path| base.folder.join(path));
    if let Some(Err(message)) = ca_file.as_deref().map(|file| roots(Some(file))) {
        findings.error(table.place("ca_file"), message, "put the CA's certificate there, as PEM");
    }
    Some(Recogniser {
        url: url?,
        protocol: RecogniserProtocol::of(table.text("protocol")),
        token,
        ca_file,
        forks_max: table.number("forks_max"),
    })
}
