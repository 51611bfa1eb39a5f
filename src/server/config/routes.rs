//! trunks.toml, numbers.toml and rollouts/*.toml: where calls come from and where they may go.

use super::base::Base;
use super::files::{list, refuse_duplicates, tables};
use super::finding::{Findings, suggest};
use super::keys::{NUMBER, ROLLOUT, TRUNK};
use super::secrets::Secrets;
use super::staff::Staff;
use super::trials::{self, Trial};
use super::value::dial;
use super::walk::Table;
use dozvon_center::calendar::Calendars;
use dozvon_center::policy::BotPolicy;
use dozvon_center::rollout::eligible::{Exclusions, Exclusive};
use dozvon_center::rollout::{Holdout, Rollout, Share};
use dozvon_sip::endpoint::{Credentials, Protocol};
use dozvon_sip::message::{Host, Uri};
use dozvon_switch::config::{Address, Number, Trunk};
use dozvon_switch::network::parse_network;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

/// Seconds of a day.
const SECS_PER_DAY: u64 = 86_400;

/// Reads rollouts/*.toml, and which of them try flows.
pub(super) fn rollouts(
    findings: &mut Findings,
    base: &Base,
    bots: &BTreeMap<Arc<str>, BotPolicy>,
    calendars: &Calendars,
) -> (BTreeMap<Arc<str>, Rollout>, Vec<Trial>) {
    let mut found = Vec::new();
    for path in list(findings, &base.folder.join("rollouts"), "toml") {
        found.extend(tables(findings, &path, &[&ROLLOUT]).remove("rollout").unwrap_or_default());
    }
    refuse_duplicates(findings, &found, "name", "rollout");
    let mut rollouts = BTreeMap::new();
    let mut trials = Vec::new();
    for table in &found {
        let name = table.text("name");
        let tried = trials::read(findings, table, &mut trials);
        if let Some(bot) = table.text_opt("bot").filter(|bot| !bots.contains_key(*bot)) {
            let message =
                format!("rollout `{name}` names the bot `{bot}`, which is not in bots.toml");
            findings.error(
                table.place("bot"),
                message,
                suggest(bot, "bot", bots.keys().map(|bot| &**bot)),
            );
        }
        let hours = table.text_opt("hours");
        if let Some(hours) = hours.filter(|hours| calendars.get(hours).is_none()) {
            let message = format!("there is no calendar `{hours}` in calendars/");
            let names: Vec<&str> = calendars.names().collect();
            findings.error(table.place("hours"), message, suggest(hours, "calendar", names));
        }
        let rollout = Rollout {
            name: name.into(),
            tried,
            salt: table.text("salt").into(),
            share: Share::parse(table.text("share"))
                .expect("the table of keys has just these words"),
            holdout: Holdout::percent(table.number("holdout_percent"))
                .expect("the table of keys has its bound"),
            planned: false,
            exclusions: exclusions(table),
            circle: None,
            hours: hours.map(Into::into),
        };
        rollouts.insert(name.into(), rollout);
    }
    let circles = circles(&found);
    for rollout in rollouts.values_mut() {
        let own = circles.iter().find(|circle| circle.rollouts.contains(&rollout.name));
        rollout.circle = own.cloned();
    }
    (rollouts, trials)
}

/// Who is not drawn.
fn exclusions(table: &Table) -> Exclusions {
    let words = |key| table.list(key).iter().map(|(word, _)| word.as_str().into()).collect();
    let days = |key| table.number::<u64>(key) * SECS_PER_DAY;
    Exclusions {
        age_from: table.says("age_min").then(|| table.number("age_min")),
        groups: words("groups"),
        languages: words("languages"),
        same_topic_within_secs: days("same_topic_days"),
        sessions_max: table.number("sessions_max"),
        opt_out_after: table.number("opt_out_requests_min"),
        opt_out_secs: days("opt_out_days"),
    }
}

/// The rollouts that share no customer, by the text that they have in common.
fn circles(rollouts: &[Table]) -> Vec<Arc<Exclusive>> {
    let mut circles: BTreeMap<&str, BTreeSet<Arc<str>>> = BTreeMap::new();
    for table in rollouts {
        if let Some(circle) = table.text_opt("circle") {
            circles.entry(circle).or_default().insert(table.text("name").into());
        }
    }
    let circle = |(text, rollouts): (&str, BTreeSet<Arc<str>>)| Exclusive {
        name: text.into(),
        salt: text.into(),
        rollouts,
    };
    circles.into_iter().map(circle).map(Arc::new).collect()
}

/// Reads numbers.toml. The flows are known by now.
pub(super) fn numbers(
    findings: &mut Findings,
    base: &Base,
    flows: &[&str],
    staff: &Staff,
) -> BTreeMap<String, Number> {
    let path = base.folder.join("numbers.toml");
    let found = tables(findings, &path, &[&NUMBER]).remove("number").unwrap_or_default();
    refuse_duplicates(findings, &found, "dial", "number");
    let mut numbers = BTreeMap::new();
    for table in &found {
        let dialled = table.text("dial");
        if let Err((message, cure)) = dial(dialled) {
            findings.error(table.place("dial"), message, cure);
        }
        if base.feature_codes.contains_key(dialled) {
            let message = format!("`{dialled}` is a feature code and a number at once");
            findings.error(
                table.place("dial"),
                message,
                "choose another number, or another code in [feature_codes]",
            );
        }
        if let Some(queue) = table.text_opt("queue") {
            numbers.extend(queue_number(findings, table, queue, staff));
            continue;
        }
        let number = match (table.text_opt("flow"), table.flag("echo")) {
            (Some(flow), false) => {
                if !flows.contains(&flow) {
                    let message =
                        format!("number `{dialled}` names the flow `{flow}`, which there is not");
                    findings.error(
                        table.place("flow"),
                        message,
                        suggest(flow, "flow", flows.iter().copied()),
                    );
                }
                Number::Flow(flow.into())
            }
            (None, true) => Number::Echo,
            (Some(_), true) => {
                let message = format!("number `{dialled}` has both a flow and the echo");
                findings.error(table.place("echo"), message, "leave one of them out");
                continue;
            }
            (None, false) if table.is_wrong("flow") || table.is_wrong("echo") => continue,
            (None, false) => {
                let message = format!("number `{dialled}` leads nowhere");
                findings.error(
                    &table.place,
                    message,
                    "add flow = \"…\", queue = \"…\" or echo = true",
                );
                continue;
            }
        };
        numbers.insert(dialled.to_owned(), number);
    }
    numbers
}

/// The number of a queue, for agents.
fn queue_number(
    findings: &mut Findings,
    table: &Table,
    queue: &str,
    staff: &Staff,
) -> Option<(String, Number)> {
    let dialled = table.text("dial");
    if table.text_opt("flow").is_some() || table.flag("echo") {
        let message = format!("number `{dialled}` has a queue and something else");
        findings.error(table.place("queue"), message, "leave one of them out");
        return None;
    }
    let names: Vec<&str> = staff.queues.iter().map(|queue| &*queue.name).collect();
    let Some(at) = names.iter().position(|name| *name == queue) else {
        let message = format!("number `{dialled}` names the queue `{queue}`, which there is not");
        findings.error(table.place("queue"), message, suggest(queue, "queue", names));
        return None;
    };
    let at = u16::try_from(at).ok()?;
    Some((dialled.to_owned(), Number::Queue(dozvon_center::ids::QueueId(at))))
}

/// Reads trunks.toml. The numbers are known by now.
pub(super) fn trunks(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    numbers: &BTreeMap<String, Number>,
) -> Vec<Trunk> {
    let path = base.folder.join("trunks.toml");
    let found = tables(findings, &path, &[&TRUNK]).remove("trunk").unwrap_or_default();
    refuse_duplicates(findings, &found, "name", "trunk");
    found.iter().map(|table| trunk(findings, secrets, numbers, table)).collect()
}

fn trunk(
    findings: &mut Findings,
    secrets: &Secrets<'_>,
    numbers: &BTreeMap<String, Number>,
    table: &Table,
) -> Trunk {
    let name = table.text("name");
    let target = address(findings, table, "target");
    if table.list("networks").is_empty() && !table.is_wrong("networks") && !table.says("target") {
        let message =
            format!("trunk `{name}` has neither networks nor a target: no call comes or goes");
        findings.error(
            &table.place,
            message,
            "add networks = [\"203.0.113.0/29\"] or target = \"sip:…\"",
        );
    }
    for (number, place) in table.list("may_dial").iter().filter(|(n, _)| !numbers.contains_key(n)) {
        let message = format!("trunk `{name}` may dial `{number}`, which is not in numbers.toml");
        findings.error(
            place,
            message,
            suggest(number, "number", numbers.keys().map(String::as_str)),
        );
    }
    Trunk {
        name: name.into(),
        networks: table
            .list("networks")
            .iter()
            .filter_map(|(text, _)| parse_network(text).ok())
            .collect(),
        may_dial: table.list("may_dial").iter().map(|(number, _)| number.clone()).collect(),
        credentials: credentials(findings, secrets, table),
        target,
    }
}

/// User, password and realm of a trunk: all or none of them.
fn credentials(
    findings: &mut Findings,
    secrets: &Secrets<'_>,
    table: &Table,
) -> Option<Credentials> {
    let password_key = ["password_file", "password_env"].into_iter().find(|key| table.says(key));
    let parts = [
        ("user", table.says("user")),
        ("password_file", password_key.is_some()),
        ("realm", table.says("realm")),
    ];
    let first =
        parts.iter().find(|(_, there)| *there).map(|(key, _)| password_key.unwrap_or(key))?;
    for (key, _) in parts.iter().filter(|(_, there)| !there) {
        let message = format!("trunk `{}` has `{first}` but no `{key}`", table.text("name"));
        findings.error(
            &table.place,
            message,
            "user, password_file (or password_env) and realm go together",
        );
    }
    if !table.says("target") {
        let message = format!("trunk `{}` has credentials but no target", table.text("name"));
        findings.warning(&table.place, message, "add target = \"sip:…\", or take them out");
    }
    let password = secrets.named(findings, table, "password")?;
    Some(Credentials {
        user: table.text_opt("user")?.to_owned(),
        realm: table.text_opt("realm")?.to_owned(),
        password,
    })
}

/// The port of a SIP URI that names none (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// The SIP URI of a key, its host looked up. `None`: there is no such key, or the host has no address (noted).
pub(super) fn address(findings: &mut Findings, table: &Table, key: &str) -> Option<Address> {
    let text = table.text_opt(key)?;
    let uri = Uri::parse(text.as_bytes()).expect("the kind of the key has been checked");
    let protocol = match uri.transport() {
        Some(transport) if transport.eq_ignore_ascii_case("tcp") => Protocol::Tcp,
        None => Protocol::Udp,
        Some(transport) if transport.eq_ignore_ascii_case("udp") => Protocol::Udp,
        Some(other) => {
            findings.error(
                table.place(key),
                format!("there is no transport `{other}`"),
                "udp or tcp",
            );
            return None;
        }
    };
    let port = uri.port().unwrap_or(SIP_PORT);
    let at = match uri.host()? {
        Host::V4(address) => SocketAddr::new(address.into(), port),
        Host::V6(address) => SocketAddr::new(address.into(), port),
        Host::Name(name) => {
            match (name, port).to_socket_addrs().ok().and_then(|mut all| all.next()) {
                Some(address) => address,
                None => {
                    let message = format!("the name `{name}` has no address");
                    findings.error(
                        table.place(key),
                        message,
                        "ask the name server, or write the address itself",
                    );
                    return None;
                }
            }
        }
    };
    Some(Address { uri: text.to_owned(), protocol, at })
}
