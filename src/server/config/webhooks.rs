//! webhooks.toml: programs that are told what happens.

use super::base::Base;
use super::files::{refuse_duplicates, tables};
use super::finding::{Findings, suggest};
use super::keys::WEBHOOK;
use super::secrets::Secrets;
use super::settings::{Secret, Webhook};
use super::walk::Table;
use crate::server::outgoing::roots;
use crate::server::webhook::{FACTS, matches};
use axum::http::Uri;

/// The shortest secret of a signature, in characters.
const SECRET_CHARS_MIN: usize = 16;

/// Reads webhooks.toml.
pub(super) fn read(findings: &mut Findings, base: &Base, secrets: &Secrets<'_>) -> Vec<Webhook> {
    let path = base.folder.join("webhooks.toml");
    let found = tables(findings, &path, &[&WEBHOOK]).remove("webhook").unwrap_or_default();
    refuse_duplicates(findings, &found, "name", "webhook");
    found.iter().filter_map(|table| webhook(findings, base, secrets, table)).collect()
}

fn webhook(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    table: &Table,
) -> Option<Webhook> {
    check_events(findings, table);
    let name = table.text("name");
    let url = url(findings, table, "webhook", "to post to");
    let secret = secret(findings, secrets, table);
    if table.millis("retry_min_ms") > table.millis("retry_max_ms") {
        let message = format!("webhook `{name}` begins with a longer wait than its longest");
        let cure = "make retry_min_ms smaller than retry_max_ms";
        findings.error(table.place("retry_min_ms"), message, cure);
    }
    let ca_file = table.text_opt("ca_file").map(|path| base.folder.join(path));
    if let Some(Err(message)) = ca_file.as_deref().map(|file| roots(Some(file))) {
        findings.error(table.place("ca_file"), message, "put the CA's certificate there, as PEM");
    }
    let dead_letters = table.text("dead_letter_file");
    if dead_letters.is_empty() {
        let message = format!("webhook `{name}` has no file for dead letters");
        findings.error(table.place("dead_letter_file"), message, "name one, or leave the key out");
    }
    Some(Webhook {
        name: name.to_owned(),
        url: url?,
        source: format!("/dozvon/{}", base.table("sip").text("realm")),
        events: table.list("events").iter().map(|(pattern, _)| pattern.clone()).collect(),
        secret: secret?,
        full_numbers: table.text("numbers") == "full",
        ca_file,
        timeout: table.millis("timeout_ms"),
        retry_min: table.millis("retry_min_ms"),
        retry_max: table.millis("retry_max_ms"),
        max_age: table.secs("max_age_secs"),
        queue_max: table.number("queue_max"),
        dead_letters: base.folder.join(dead_letters),
    })
}

fn check_events(findings: &mut Findings, table: &Table) {
    let name = table.text("name");
    if table.list("events").is_empty() && !table.is_wrong("events") {
        let message = format!("webhook `{name}` is told nothing");
        findings.error(table.place("events"), message, "events = [\"*\"] for everything");
    }
    for (pattern, place) in table.list("events") {
        if !FACTS.iter().any(|fact| matches(pattern, fact)) {
            let message = format!("webhook `{name}`: no fact is called `{pattern}`");
            findings.error(place, message, suggest(pattern, "fact", FACTS));
        }
    }
}

/// The address in `url` of a table: of a webhook to post to, or of an endpoint to ask.
pub(super) fn url(findings: &mut Findings, table: &Table, what: &str, to: &str) -> Option<Uri> {
    let text = table.text("url");
    if table.is_wrong("url") || !table.says("url") {
        return None;
    }
    let uri = text.parse::<Uri>().ok();
    let uri = uri.filter(|uri| {
        let scheme = uri.scheme_str();
        let known = scheme == Some("https") || scheme == Some("http");
        let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        known && !user && uri.host().is_some_and(|host| !host.is_empty())
    });
    let Some(uri) = uri else {
        let message = format!("{what} `{}` has no address {to}", table.text("name"));
        let cure = "url = \"https://host/path\", without a user and password";
        findings.error(table.place("url"), message, cure);
        return None;
    };
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&uri.host().unwrap_or_default());
    if uri.scheme_str() == Some("http") && !local {
        let message = format!("{what} `{}` goes over plain HTTP", table.text("name"));
        findings.warning(
            table.place("url"),
            message,
            "use https: everybody on the way can read it",
        );
    }
    Some(uri)
}

fn secret(findings: &mut Findings, secrets: &Secrets<'_>, table: &Table) -> Option<Secret> {
    let name = table.text("name");
    if !table.says("secret_file") && !table.says("secret_env") {
        let message = format!("webhook `{name}` has no secret: nobody could trust its events");
        findings.error(&table.place, message, "add secret_file = \"…\" or secret_env = \"…\"");
        return None;
    }
    let secret = secrets.named(findings, table, "secret")?;
    if secret.chars().count() < SECRET_CHARS_MIN {
        let key = if table.says("secret_file") { "secret_file" } else { "secret_env" };
        let message = format!("the secret of webhook `{name}` is too short");
        let cure = format!("take {SECRET_CHARS_MIN} characters or more: openssl rand -hex 32");
        findings.error(table.place(key), message, cure);
        return None;
    }
    Some(Secret(secret))
}
