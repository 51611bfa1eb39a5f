//! bots.toml: voice bots, called by SIP or connected with by a stream of messages.

use super::base::Base;
use super::files::{refuse_duplicates, tables};
use super::finding::Findings;
use super::keys::BOT;
use super::routes::address;
use super::secrets::Secrets;
use super::settings::{BotParameter, BotProtocol, Secret, StreamBot, Streams};
use super::walk::Table;
use crate::server::outgoing::roots;
use axum::http::Uri;
use dozvon_center::policy::BotPolicy;
use dozvon_switch::config::BotAccess;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys that mean nothing for a bot that is called by SIP.
const OF_STREAMS: [&str; 7] =
    ["protocol", "account", "token_file", "token_env", "ca_file", "tells", "first_audio_within_ms"];

/// The bots of a configuration, as each part of the switch knows them.
#[derive(Default)]
pub(super) struct Bots {
    /// For the center.
    pub(super) policy: BTreeMap<Arc<str>, BotPolicy>,
    /// For the switch.
    pub(super) access: BTreeMap<Arc<str>, BotAccess>,
    /// For the connector.
    pub(super) streams: Streams,
}

/// Reads bots.toml.
pub(super) fn read(findings: &mut Findings, base: &Base, secrets: &Secrets<'_>) -> Bots {
    let path = base.folder.join("bots.toml");
    let found = tables(findings, &path, &[&BOT]).remove("bot").unwrap_or_default();
    refuse_duplicates(findings, &found, "name", "bot");
    let mut bots = Bots::default();
    let mut streams = BTreeMap::new();
    for table in &found {
        let name: Arc<str> = table.text("name").into();
        let policy = BotPolicy {
            answer_within: table.millis("answer_within_ms"),
            reply_within: table.millis("reply_within_ms"),
        };
        bots.policy.insert(name.clone(), policy);
        match (table.says("uri"), table.says("stream")) {
            (true, false) => {
                check_keys_of_streams(findings, table);
                if let Some(address) = address(findings, table, "uri") {
                    let silent_after = table.millis("silent_after_ms");
                    let silent_after = Some(silent_after).filter(|after| !after.is_zero());
                    bots.access.insert(name, BotAccess::Sip { address, silent_after });
                }
            }
            (false, true) => {
                if table.says("silent_after_ms") {
                    let message =
                        format!("bot `{name}` has a stream, where `silent_after_ms` means nothing");
                    let cure = "leave it out: a stream that is stuck is found by its pings";
                    findings.error(table.place("silent_after_ms"), message, cure);
                }
                if let Some(stream) = stream(findings, base, secrets, table) {
                    bots.access.insert(name.clone(), BotAccess::Stream);
                    streams.insert(name, Arc::new(stream));
                }
            }
            (true, true) => {
                let message = format!("bot `{name}` has both a uri and a stream");
                findings.error(table.place("stream"), message, "leave one of them out");
            }
            (false, false) => {
                let message = format!("bot `{name}` leads nowhere");
                let cure = "add uri = \"sip:…\" or stream = \"wss://host/path\"";
                findings.error(&table.place, message, cure);
            }
        }
    }
    bots.streams = Arc::new(streams);
    bots
}

fn check_keys_of_streams(findings: &mut Findings, table: &Table) {
    for key in OF_STREAMS.into_iter().filter(|key| table.says(key)) {
        let message =
            format!("bot `{}` is called by SIP, where `{key}` means nothing", table.text("name"));
        findings.error(table.place(key), message, "leave it out, or use stream = \"wss://…\"");
    }
}

fn stream(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    table: &Table,
) -> Option<StreamBot> {
    let url = stream_url(findings, table, "bot");
    let token = secrets.named(findings, table, "token").map(Secret);
    let ca_file = table.text_opt("ca_file").map(|path| base.folder.join(path));
    if let Some(Err(message)) = ca_file.as_deref().map(|file| roots(Some(file))) {
        findings.error(table.place("ca_file"), message, "put the CA's certificate there, as PEM");
    }
    let first_audio_within = table.millis("first_audio_within_ms");
    let told = |(word, _): &(String, _)| BotParameter::of(word);
    Some(StreamBot {
        url: url?,
        protocol: BotProtocol::of(table.text("protocol")),
        account: table.text("account").to_owned(),
        token,
        ca_file,
        tells: table.list("tells").iter().filter_map(told).collect(),
        first_audio_within: Some(first_audio_within).filter(|within| !within.is_zero()),
    })
}

/// The address of a stream, as it is signed and asked for.
pub(super) fn stream_url(findings: &mut Findings, table: &Table, what: &str) -> Option<String> {
    let text = table.text_opt("stream")?;
    let uri = text.parse::<Uri>().ok().filter(|uri| {
        let known = matches!(uri.scheme_str(), Some("ws" | "wss"));
        let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        known && !user && uri.host().is_some_and(|host| !host.is_empty())
    });
    let Some(uri) = uri else {
        let message = format!("{what} `{}` has no address to connect with", table.text("name"));
        let cure = "stream = \"wss://host/path\", without a user and password";
        findings.error(table.place("stream"), message, cure);
        return None;
    };
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&uri.host().unwrap_or_default());
    if uri.scheme_str() == Some("ws") && !local {
        let message = format!("{what} `{}` is spoken with in clear", table.text("name"));
        findings.warning(
            table.place("stream"),
            message,
            "use wss: everybody on the way can listen",
        );
    }
    Some(text.to_owned())
}
