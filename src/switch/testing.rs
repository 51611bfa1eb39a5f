//! A small house for the tests of this room.

use crate::config::{AgentAccess, Config, FeatureCode, Limits, Number, Trunk};
use crate::network::parse_network;
use dozvon_center::acd::Status;
use dozvon_center::ids::QueueId;
use dozvon_media::order::Codec;
use dozvon_sip::endpoint::{Config as SipConfig, Ha1Pair, Local, Protocol};
use std::collections::BTreeMap;
use std::time::Duration;

/// Two agents (anna may call, boris may not), one trunk network, a flow on 100, the echo on 101 and a queue on 800.
pub(crate) fn config() -> Config {
    let address = "10.0.0.1:5060".parse().expect("an address");
    let local = Local { protocol: Protocol::Udp, address, advertised: None };
    let agent = |user: &str, may_call| AgentAccess {
        user: user.into(),
        ha1: Ha1Pair::default(),
        language: None,
        may_call,
    };
    let trunk = Trunk {
        name: "office".into(),
        networks: vec![parse_network("10.0.0.0/8").expect("a network")],
        may_dial: Vec::new(),
        target: None,
        credentials: None,
    };
    Config {
        sip: SipConfig::new(vec![local], "bank.example", [7; 32]),
        media_v4: Some(address.ip()),
        media_v6: None,
        rtp_ports: 16_000..=16_999,
        rtp_port_cooldown: Duration::from_secs(1),
        workers: 1,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        numbers: BTreeMap::from([
            ("100".into(), Number::Flow("bank".into())),
            ("101".into(), Number::Echo),
            ("800".into(), Number::Queue(QueueId(0))),
        ]),
        agents: vec![agent("anna", true), agent("boris", false)],
        trunks: vec![trunk],
        bots: BTreeMap::new(),
        feature_codes: BTreeMap::from([
            ("*1".into(), FeatureCode::Status(Status::Ready)),
            ("*2".into(), FeatureCode::Status(Status::Lunch)),
            ("*80".into(), FeatureCode::WrapUpCode),
        ]),
        clips: BTreeMap::new(),
        default_language: "ru".into(),
        limits: Limits { calls_max: 100, calls_per_sec_max: 50, retry_after_secs: 5 },
    }
}
