//! dozvon.toml: from its tables to the settings of the roof, with what one key says about another.

use super::files;
use super::finding::{Findings, Place, suggest};
use super::keys::{DOZVON, FEATURE_CODES, FEATURE_CODES_TABLE, STATUSES_TABLE};
use super::settings::{Drain, Events, Http, Log, LogFormat, Media, Sip};
use super::statuses;
use super::value::dial;
use super::walk::{self, Table};
use dozvon_center::acd::{Status, Statuses};
use dozvon_media::order::Codec;
use dozvon_sip::endpoint;
use dozvon_switch::config::FeatureCode;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::DeValue;

/// The tables of dozvon.toml with the environment over them.
pub(super) struct Base {
    /// The configuration folder, from which paths count.
    pub(super) folder: PathBuf,
    /// The file itself.
    pub(super) place: Place,
    tables: BTreeMap<&'static str, Table>,
    /// What agents dial from their phones.
    pub(super) feature_codes: BTreeMap<String, FeatureCode>,
    /// The rules of the nine statuses.
    pub(super) statuses: Statuses,
}

/// Ports that one call with an agent takes: two legs, RTP and RTCP.
const PORTS_PER_CALL: u32 = 4;

impl Base {
    /// Reads dozvon.toml and the environment.
    pub(super) fn read(
        findings: &mut Findings,
        folder: &Path,
        variables: &[(String, String)],
    ) -> Base {
        let path = folder.join("dozvon.toml");
        let cure = format!(
            "name the folder that holds it, or make one: dozvon config sample > {}",
            path.display()
        );
        let read = files::read(findings, &path, Some(&cure));
        let place = match &read {
            Some((source, _)) => Place { source: *source, span: 0..0 },
            None => findings.file(path.display().to_string()),
        };
        let mut base = Base {
            folder: folder.to_owned(),
            tables: DOZVON.iter().map(|s| (s.name, Table::of_defaults(s, &place))).collect(),
            place,
            feature_codes: default_feature_codes(),
            statuses: Statuses::default(),
        };
        if let Some((_, text)) = &read {
            base.read_tables(findings, text);
        }
        walk::environment(findings, &mut base.tables, variables);
        base.check(findings);
        base
    }

    fn read_tables(&mut self, findings: &mut Findings, text: &str) {
        let source = self.place.source;
        let raw = walk::parse(findings, source, text);
        for (name, value) in raw.get_ref() {
            let word = name.get_ref().as_ref();
            let place = Place { source, span: name.span() };
            if word == FEATURE_CODES_TABLE.0 {
                self.feature_codes = feature_codes(findings, &place, value);
                continue;
            }
            if word == STATUSES_TABLE.0 {
                self.statuses = statuses::read(findings, &place, value);
                continue;
            }
            match DOZVON.iter().find(|section| section.name == word) {
                Some(section) => {
                    if let Some(table) = walk::single(findings, section, source, value) {
                        self.tables.insert(section.name, table);
                    }
                }
                None => walk::unknown_table(findings, &place, word, &DOZVON),
            }
        }
    }

    /// A table by its name.
    pub(super) fn table(&self, name: &str) -> &Table {
        self.tables.get(name).unwrap_or_else(|| panic!("dozvon.toml has no table `{name}`"))
    }

    /// The tables in the order of the sample.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'static super::keys::Section, &Table)> {
        DOZVON.iter().map(|section| (*section, self.table(section.name)))
    }

    /// A path, seen from the configuration folder; `None` when it is empty.
    pub(super) fn path(&self, table: &str, key: &str) -> Option<PathBuf> {
        self.table(table).text_opt(key).map(|path| self.folder.join(path))
    }

    fn check(&self, findings: &mut Findings) {
        self.check_ports(findings);
        self.check_registration(findings);
        let sip = self.table("sip");
        if sip.list("listen_udp").is_empty() && sip.list("listen_tcp").is_empty() {
            let message = "there is nowhere to listen for SIP";
            findings.error(sip.place("listen_udp"), message, "listen_udp = [\"0.0.0.0:5060\"]");
        }
        if sip.text_opt("advertised") == Some("auto") {
            let message = "`advertised` can't be found out by itself";
            findings.error(sip.place("advertised"), message, "write the public address, or \"\"");
        }
        let media = self.table("media");
        for (key, v4) in [("address", true), ("address_v6", false)] {
            let address = media.text_opt(key).and_then(|text| text.parse::<IpAddr>().ok());
            let wrong = match address {
                Some(address) if address.is_ipv4() != v4 => "is of the other IP version",
                Some(address) if address.is_unspecified() => "reaches nobody",
                Some(_) | None => continue,
            };
            let message = format!("`{key}`: this address {wrong}");
            findings.error(
                media.place(key),
                message,
                "write the address at which phones reach this machine",
            );
        }
        if media.list("codecs").is_empty() {
            findings.error(
                media.place("codecs"),
                "no codec at all",
                "codecs = [\"pcma\", \"pcmu\"]",
            );
        }
        if self
            .table("http")
            .text_opt("listen")
            .and_then(|text| text.parse::<SocketAddr>().ok())
            .is_some_and(|address| !address.ip().is_loopback())
        {
            let message = "the API is open to the network without TLS";
            let cure = "listen on 127.0.0.1 and put a proxy with TLS before it";
            findings.warning(self.table("http").place("listen"), message, cure);
        }
        let filter = self.table("log").text("filter");
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(filter) {
            let message = format!("`filter`: {error}");
            findings.error(
                self.table("log").place("filter"),
                message,
                "write it like \"info,dozvon_sip=debug\"",
            );
        }
    }

    fn check_ports(&self, findings: &mut Findings) {
        let media = self.table("media");
        let (min, max) = (media.int("rtp_port_min"), media.int("rtp_port_max"));
        if min % 2 == 1 {
            let message = format!("`rtp_port_min` is {min}, and RTP has the even ports");
            findings.error(
                media.place("rtp_port_min"),
                message,
                format!("rtp_port_min = {}", min + 1),
            );
        }
        let ports = u32::try_from(max - min + 1).unwrap_or(0);
        if ports == 0 {
            let message = format!("rtp_port_max ({max}) lies below rtp_port_min ({min})");
            findings.error(media.place("rtp_port_max"), message, "swap them");
            return;
        }
        let limits = self.table("limits");
        let calls: u32 = limits.number("calls_max");
        if ports < calls * PORTS_PER_CALL {
            let message = format!(
                "{ports} RTP ports ({min} to {max}) are too few for calls_max = {calls}: a call takes {PORTS_PER_CALL}"
            );
            let cure = format!("calls_max = {}, or more ports in [media]", ports / PORTS_PER_CALL);
            let default =
                limits.entry("calls_max").is_some_and(|e| e.origin == walk::Origin::Default);
            let place =
                if default { media.place("rtp_port_max") } else { limits.place("calls_max") };
            findings.error(place, message, cure);
        }
    }

    fn check_registration(&self, findings: &mut Findings) {
        let sip = self.table("sip");
        let [min, default, max] =
            ["min", "default", "max"].map(|which| sip.int(&format!("registration_{which}_secs")));
        if !(min <= default && default <= max) {
            let message =
                format!("registration times must rise: min {min}, default {default}, max {max}");
            let key = if min > default { "registration_min_secs" } else { "registration_max_secs" };
            findings.error(sip.place(key), message, "e.g. 60, 300 and 3600");
        }
    }

    /// `[sip]`, what the transports need of it.
    pub(super) fn sip(&self) -> Sip {
        let table = self.table("sip");
        Sip {
            listen_udp: sockets(table, "listen_udp"),
            listen_tcp: sockets(table, "listen_tcp"),
            tcp_connections_max: table.number("tcp_connections_max"),
            tcp_idle: table.secs("tcp_idle_secs"),
        }
    }

    /// `[sip]` and `[limits]`, what the endpoint needs of them; the secret is zeros.
    pub(super) fn endpoint(&self) -> endpoint::Config {
        let (table, sip) = (self.table("sip"), self.sip());
        let advertised: Option<IpAddr> =
            table.text_opt("advertised").and_then(|text| text.parse().ok());
        let local = |protocol, address: SocketAddr| {
            let advertised = advertised.map(|public| SocketAddr::new(public, address.port()));
            let advertised = advertised.filter(|public| public.is_ipv4() == address.is_ipv4());
            endpoint::Local { protocol, address, advertised }
        };
        let udp = sip.listen_udp.iter().map(|address| local(endpoint::Protocol::Udp, *address));
        let tcp = sip.listen_tcp.iter().map(|address| local(endpoint::Protocol::Tcp, *address));
        let locals = udp.chain(tcp).collect();
        endpoint::Config {
            user_agent: table.text("server_name").to_owned(),
            registration_min: table.secs("registration_min_secs"),
            registration_default: table.secs("registration_default_secs"),
            registration_max: table.secs("registration_max_secs"),
            session_expires: table.secs("session_expires_secs"),
            bounds: self.bounds(),
            ..endpoint::Config::new(locals, table.text("realm"), [0; 32])
        }
    }

    fn bounds(&self) -> endpoint::Bounds {
        let table = self.table("limits");
        let rate = |who: &str| endpoint::Rate {
            per_second: table.number(&format!("{who}_requests_per_sec_max")),
            burst: table.number(&format!("{who}_requests_burst_max")),
        };
        endpoint::Bounds {
            transactions_max: table.number("transactions_max"),
            early_dialogs_per_source_max: table.number("unanswered_per_source_max"),
            stranger: rate("stranger"),
            trusted: rate("trunk"),
            ..endpoint::Bounds::default()
        }
    }

    /// `[media]`, what the workers need of it.
    pub(super) fn media(&self) -> Media {
        let table = self.table("media");
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = match table.number::<u16>("workers") {
            0 => u16::try_from(cores.saturating_sub(1).clamp(1, 256)).expect("256 is little"),
            workers => workers,
        };
        Media {
            workers,
            rtp_timeout: table.secs("rtp_timeout_secs"),
            playout_delay: table.millis("playout_delay_ms"),
            rtcp_interval: table.secs("rtcp_interval_secs"),
        }
    }

    /// `[limits]`, what the switch needs of it.
    pub(super) fn switch_limits(&self) -> dozvon_switch::config::Limits {
        let table = self.table("limits");
        dozvon_switch::config::Limits {
            calls_max: table.number("calls_max"),
            calls_per_sec_max: table.number("calls_per_sec_max"),
            retry_after_secs: table.number("retry_after_secs"),
        }
    }

    /// `[http]`; the tokens have a file of their own.
    pub(super) fn http(&self, tokens: Vec<super::settings::Token>) -> Http {
        let listen = self.table("http").text_opt("listen").and_then(|text| text.parse().ok());
        Http { listen, tokens }
    }

    /// `[events]`.
    pub(super) fn events(&self) -> Events {
        Events { file: self.path("events", "file") }
    }

    /// `[log]`.
    pub(super) fn log(&self) -> Log {
        let table = self.table("log");
        let format =
            if table.text("format") == "json" { LogFormat::Json } else { LogFormat::Pretty };
        Log { format, filter: table.text("filter").to_owned() }
    }

    /// `[drain]`.
    pub(super) fn talk(&self) -> dozvon_center::policy::TalkPolicy {
        let table = self.table("talk");
        let phrase = |key| table.text_opt(key).filter(|name| !name.is_empty()).map(Into::into);
        dozvon_center::policy::TalkPolicy {
            hold_warn_at: table.secs("hold_warn_at_secs"),
            hold_max: table.secs("hold_max_secs"),
            hold_phrase: phrase("hold_phrase"),
            lost_phrase: phrase("lost_phrase"),
            media_grace: table.secs("media_grace_secs"),
            ring_timeout: table.secs("ring_timeout_secs"),
            min_talk: table.millis("min_talk_ms"),
            greet_within: table.secs("greet_within_secs"),
            unheard_after: table.secs("unheard_after_secs"),
            park_max: table.secs("park_max_secs"),
        }
    }

    pub(super) fn drain(&self) -> Drain {
        Drain { finish_within: self.table("drain").secs("finish_within_secs") }
    }

    /// The codecs in order, each once.
    pub(super) fn codecs(&self) -> Vec<Codec> {
        let mut codecs = Vec::new();
        for (name, _) in self.table("media").list("codecs") {
            let codec = codec(name);
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        codecs
    }

    /// The IPv4 address told for sound. `auto` is the one that SIP listens on; where that is every address, the one of
    /// the default route, for which no packet is sent.
    pub(super) fn media_v4(&self) -> Option<IpAddr> {
        match self.table("media").text_opt("address") {
            None => None,
            Some("auto") => {
                let sip = self.table("sip");
                let listen =
                    ["listen_udp", "listen_tcp"].into_iter().flat_map(|key| sockets(sip, key));
                let mut own = listen.map(|socket| socket.ip()).filter(IpAddr::is_ipv4);
                own.find(|address| !address.is_unspecified()).or_else(default_route)
            }
            Some(address) => address.parse().ok(),
        }
    }

    /// The IPv6 address told for sound; `auto` is the one that SIP listens on.
    pub(super) fn media_v6(&self) -> Option<IpAddr> {
        match self.table("media").text_opt("address_v6") {
            None => None,
            Some("auto") => {
                let mut own =
                    sockets(self.table("sip"), "listen_udp").into_iter().map(|socket| socket.ip());
                own.find(|address| address.is_ipv6() && !address.is_unspecified())
            }
            Some(address) => address.parse().ok(),
        }
    }
}

fn default_route() -> Option<IpAddr> {
    // A documentation address (RFC 5737): connecting a UDP socket only asks the routing table.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    let route = socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| socket.local_addr());
    Some(route.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |own| own.ip()))
}

fn sockets(table: &Table, key: &str) -> Vec<SocketAddr> {
    table.list(key).iter().filter_map(|(text, _)| text.parse().ok()).collect()
}

fn codec(name: &str) -> Codec {
    match name {
        "opus" => Codec::Opus,
        "g722" => Codec::G722,
        "pcma" => Codec::Pcma,
        _ => Codec::Pcmu,
    }
}

fn meaning(word: &str) -> Option<FeatureCode> {
    match word {
        "log_out" => Some(FeatureCode::LogOut),
        "wrap_up_code" => Some(FeatureCode::WrapUpCode),
        status => status.parse::<Status>().ok().map(FeatureCode::Status),
    }
}

fn default_feature_codes() -> BTreeMap<String, FeatureCode> {
    let codes = FEATURE_CODES.iter();
    codes.filter_map(|(code, word)| Some(((*code).to_owned(), meaning(word)?))).collect()
}

fn feature_codes(
    findings: &mut Findings,
    place: &Place,
    value: &Spanned<DeValue<'_>>,
) -> BTreeMap<String, FeatureCode> {
    let source = place.source;
    let mut codes = BTreeMap::new();
    let Some(table) = value.get_ref().as_table() else {
        findings.error(
            place,
            "`feature_codes` is no table",
            "[feature_codes] and below it \"*1\" = \"ready\"",
        );
        return codes;
    };
    for (code, word) in table {
        if let Err((message, cure)) = dial(code.get_ref()) {
            findings.error(&Place { source, span: code.span() }, message, cure);
        }
        let place = Place { source, span: word.span() };
        let Some(text) = word.get_ref().as_str() else {
            findings.error(
                &place,
                "this is no status",
                "write a status in double quotes, or \"log_out\"",
            );
            continue;
        };
        match meaning(text) {
            Some(meaning) => {
                codes.insert(code.get_ref().to_string(), meaning);
            }
            None => {
                let known = FEATURE_CODES.iter().map(|(_, word)| *word);
                findings.error(
                    &place,
                    format!("`{text}` is no status"),
                    suggest(text, "status", known),
                );
            }
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_feature_code_means_something_and_all_nine_statuses_have_one() {
        let codes = default_feature_codes();
        assert_eq!(codes.len(), FEATURE_CODES.len());
        for status in Status::ALL {
            assert!(codes.values().any(|code| *code == FeatureCode::Status(status)), "{status}");
        }
    }
}
