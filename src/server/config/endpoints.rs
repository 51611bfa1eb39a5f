//! endpoints.toml: the bank's systems that flows ask, and what can be asked of them.

use super::base::Base;
use super::files::{refuse_duplicates, tables};
use super::finding::{Findings, suggest};
use super::keys::{ENDPOINT, REQUEST};
use super::secrets::Secrets;
use super::settings::{Credentials, Endpoint, EndpointRequest, Secret};
use super::walk::Table;
use super::webhooks::url;
use crate::server::endpoint::{BreakerRules, PathTemplate};
use crate::server::outgoing::roots;
use axum::http::{HeaderValue, Uri};
use dozvon_center::flow::{EndpointFacts, RequestFacts};
use std::collections::BTreeMap;

/// Reads endpoints.toml.
pub(super) fn read(findings: &mut Findings, base: &Base, secrets: &Secrets<'_>) -> Vec<Endpoint> {
    let path = base.folder.join("endpoints.toml");
    let mut found = tables(findings, &path, &[&ENDPOINT, &REQUEST]);
    let endpoints = found.remove("endpoint").unwrap_or_default();
    let requests = found.remove("request").unwrap_or_default();
    refuse_duplicates(findings, &endpoints, "name", "endpoint");
    let names: Vec<&str> = endpoints.iter().map(|table| table.text("name")).collect();
    for request in &requests {
        let (name, of) = (request.text("name"), request.text("endpoint"));
        if !names.contains(&of) && request.says("endpoint") {
            let message = format!("request `{name}` is of endpoint `{of}`, which does not exist");
            let cure = suggest(of, "endpoint", names.iter().copied());
            findings.error(request.place("endpoint"), message, cure);
        }
    }
    let endpoint = |table: &Table| {
        let of = |request: &&Table| request.text("endpoint") == table.text("name");
        let own: Vec<Table> = requests.iter().filter(of).cloned().collect();
        refuse_duplicates(findings, &own, "name", "request");
        endpoint(findings, base, secrets, table, &own)
    };
    endpoints.iter().filter_map(endpoint).collect()
}

/// What flows may know of them.
pub(super) fn facts(endpoints: &[Endpoint]) -> BTreeMap<String, EndpointFacts> {
    let request = |(name, request): (&String, &EndpointRequest)| {
        let facts = RequestFacts { has_body: request.has_body, in_path: request.path.names() };
        (name.clone(), facts)
    };
    let facts = endpoints.iter().map(|endpoint| {
        let requests = endpoint.requests.iter().map(request).collect();
        let is_encrypted = endpoint.base.starts_with("https://");
        (endpoint.name.clone(), EndpointFacts { is_encrypted, requests })
    });
    facts.collect()
}

fn endpoint(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    table: &Table,
    requests: &[Table],
) -> Option<Endpoint> {
    let name = table.text("name");
    let url = url(findings, table, "endpoint", "to ask");
    let credentials = credentials(findings, secrets, table);
    let ca_file = table.text_opt("ca_file").map(|path| base.folder.join(path));
    if let Some(Err(message)) = ca_file.as_deref().map(|file| roots(Some(file))) {
        findings.error(table.place("ca_file"), message, "put the CA's certificate there, as PEM");
    }
    if requests.is_empty() {
        let message = format!("endpoint `{name}` has no requests: no flow can ask it anything");
        findings.warning(&table.place, message, "add [[request]] tables with its name");
    }
    let url = url?;
    if url.query().is_some() {
        let message = format!("the address of endpoint `{name}` has a query");
        findings.error(table.place("url"), message, "put it into the paths of its requests");
    }
    let base_url = url.to_string().trim_end_matches('/').to_owned();
    let read = requests.iter().filter_map(|request| read_request(findings, &base_url, request));
    Some(Endpoint {
        name: name.to_owned(),
        requests: read.collect(),
        base: base_url,
        credentials,
        ca_file,
        timeout: table.millis("timeout_ms"),
        in_flight_max: table.number("in_flight_max"),
        answer_bytes_max: table.number("answer_bytes_max"),
        breaker: BreakerRules {
            failures_max: table.number("breaker_failures_max"),
            open_for: table.secs("breaker_open_secs"),
        },
    })
}

fn read_request(
    findings: &mut Findings,
    base: &str,
    table: &Table,
) -> Option<(String, EndpointRequest)> {
    let (name, path) = (table.text("name"), table.text("path"));
    if !table.says("path") || table.is_wrong("path") {
        return None;
    }
    let template = match PathTemplate::parse(path) {
        Ok(template) if format!("{base}{}", template.example()).parse::<Uri>().is_ok() => template,
        Ok(_) => {
            let message = format!("request `{name}`: `{path}` makes no address");
            findings.error(table.place("path"), message, "path = \"/customers?phone={caller}\"");
            return None;
        }
        Err(why) => {
            let message = format!("request `{name}`: `{path}` is no path: {why}");
            findings.error(table.place("path"), message, "path = \"/customers?phone={caller}\"");
            return None;
        }
    };
    let has_body = table.text("method") == "POST";
    Some((name.to_owned(), EndpointRequest { path: template, has_body }))
}

/// A bearer token, or a user with a password; from a file or the environment.
fn credentials(
    findings: &mut Findings,
    secrets: &Secrets<'_>,
    table: &Table,
) -> Option<Credentials> {
    let says = |field: &str| {
        let keys = [format!("{field}_file"), format!("{field}_env")];
        keys.into_iter().find(|key| table.says(key))
    };
    let name = table.text("name");
    let (token, password) = (says("bearer"), says("password"));
    if let (Some(_), Some(key)) = (&token, &password) {
        let message = format!("endpoint `{name}` has a bearer token and a password");
        findings.error(table.place(key), message, "leave one of them out");
    }
    let credentials = match (token, password, table.text_opt("user")) {
        (None, Some(_), Some(user)) => {
            Credentials::Basic(user.to_owned(), Secret(secrets.named(findings, table, "password")?))
        }
        (None, Some(key), None) => {
            let message = format!("endpoint `{name}` has a password and no user");
            findings.error(table.place(&key), message, "add user = \"…\"");
            return None;
        }
        (None, None, Some(_)) => {
            let message = format!("endpoint `{name}` has a user and no password");
            findings.error(table.place("user"), message, "add password_file or password_env");
            return None;
        }
        (Some(_), _, _) => Credentials::Bearer(Secret(secrets.named(findings, table, "bearer")?)),
        (None, None, None) => return None,
    };
    let (Credentials::Bearer(secret) | Credentials::Basic(_, secret)) = &credentials;
    if HeaderValue::from_str(&secret.0).is_err() {
        let message = format!("the secret of endpoint `{name}` has characters that can't be sent");
        findings.error(&table.place, message, "plain letters, digits and signs");
    }
    Some(credentials)
}
