//! A switch among phones, on a simulated network in virtual time.
//!
//! Phones are endpoints of the SIP room with a few habits; the network delays, and loses what it is told to lose; media
//! workers obey at once and say so. Everything that crosses the network is kept as a ladder.

// Each test file uses its own part of the world.
#![allow(dead_code)]

pub(crate) mod phone;

use dozvon_center::acd::{Actor, AgentConfig, Config as AcdConfig, QueueConfig, Status, WrapUp};
use dozvon_center::calendar::Calendars;
use dozvon_center::callback::Callback;
use dozvon_center::classifier::Classifier;
use dozvon_center::contact::Contact;
use dozvon_center::desk::Asker;
use dozvon_center::fact::{Fact, What};
use dozvon_center::flow;
use dozvon_center::flow::model::MUSIC;
use dozvon_center::ids::{AgentId, CallId, CallbackId, QueueId};
use dozvon_center::lookup::Lookup;
use dozvon_center::opening::Opening;
use dozvon_center::policy::{BotPolicy, Policy};
use dozvon_center::rollout::{Holdout, Rollout, Share, Tried};
use dozvon_clock::Timestamp;
use dozvon_media::order::{
    ClipId, Codec, Digit, DigitSource, Order, PlayId, Quality, Report, SessionId,
};
use dozvon_sip::digest::Ha1;
use dozvon_sip::endpoint::{
    Config as SipConfig, Ha1Pair, Input as SipInput, Local, Path, Protocol,
};
use dozvon_switch::Switch;
use dozvon_switch::border::{
    BotNews, BotOrder, DeskCommand, ForkNews, ForkOrder, Input, Note, Output,
};
use dozvon_switch::config::{
    Address, AgentAccess, BotAccess, Config, FeatureCode, Limits, Number, Trunk,
};
use dozvon_switch::network::parse_network;
use phone::Phone;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const FLOW: &str = r##"
flow: bank
languages: [ru]
start: hello
operator: {keys: ["0"], to: q-general}
nodes:
  hello: {say: {play: [hello], next: main}}
  main:
    menu:
      timeout: 4s
      attempts: 1
      options: {"2": {say: opt-cards, to: cards}}
      silence: q-general
      wrong: q-general
  cards: {rollout: {name: cards, bot: bot, people: q-general}}
  bot:
    bot: {use: helper, max_duration: 60s,
      after: {done: bye, transfer: q-general, failed: q-general, too_long: q-general}}
  q-general:
    queue: {name: general, max_wait: 600s,
      after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"##;

/// The music of this world, none of the generated clips.
const MOH: ClipId = ClipId(100);
/// Where the switch listens.
pub(crate) const SWITCH: &str = "10.0.0.1:5060";
/// How long a datagram is on its way.
const DELAY: Duration = Duration::from_millis(5);

/// One datagram on its way.
struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// The whole world.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) switch: Switch,
    pub(crate) phones: BTreeMap<SocketAddr, Phone>,
    wire: BTreeMap<(Timestamp, u64), Datagram>,
    sent: u64,
    /// Decides which datagrams are lost: told the running number.
    pub(crate) loses: fn(u64) -> bool,
    pub(crate) ladder: Vec<String>,
    pub(crate) orders: Vec<Order>,
    /// What each session plays, if a `Play` runs, and whom it hears.
    pub(crate) playing: BTreeMap<SessionId, PlayId>,
    hears: BTreeMap<SessionId, Vec<SessionId>>,
    /// The worker of each session, and the newest message of each phone to the switch, by its first word.
    pub(crate) workers: BTreeMap<SessionId, u16>,
    said: BTreeMap<(SocketAddr, String), String>,
    pub(crate) open: BTreeSet<SessionId>,
    pub(crate) contacts: BTreeMap<CallId, Contact>,
    pub(crate) callbacks: BTreeMap<CallbackId, Callback>,
    pub(crate) facts: Vec<Fact>,
    /// Endpoints that were to be asked.
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) notes: Vec<Note>,
    /// What the connector of bots was told.
    pub(crate) bot_orders: Vec<BotOrder>,
    /// What the connector of recognisers was told.
    pub(crate) fork_orders: Vec<ForkOrder>,
}

/// What talks can be about.
const CODES: &str = "\
classifier: bank
version: 1
codes:
  lost: {name: {ru: Утеря, kk: Жоғалту, en: Lost}, dial: 11}
";

fn policy(agents: usize, share: Share) -> Policy {
    let flow = flow::load("bank.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}"));
    let agent = |n: usize| AgentConfig { team: "day".into(), ..AgentConfig::new(user(n)) };
    let mut queue = QueueConfig::new("general");
    queue.wrap_up = WrapUp::timed(Duration::from_secs(2));
    queue.classifier = Some("bank".into());
    let bank =
        Classifier::from_yaml("codes.yaml", CODES).unwrap_or_else(|found| panic!("{found:#?}"));
    let rollout = Rollout {
        name: "cards".into(),
        tried: Tried::Bot("helper".into()),
        salt: "pepper".into(),
        share,
        holdout: Holdout::default(),
        ..Rollout::default()
    };
    Policy {
        acd: AcdConfig::new(vec![queue], (0..agents).map(agent).collect()),
        skills: Vec::new(),
        shared_numbers: BTreeSet::new(),
        flows: BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]),
        calendars: Arc::new(Calendars::new()),
        opening: Opening::default(),
        recognisers: BTreeMap::new(),
        announcements: BTreeMap::new(),
        rollouts: BTreeMap::from([(Arc::from("cards"), rollout)]),
        bots: BTreeMap::from([(Arc::from("helper"), BotPolicy::default())]),
        music: "moh".into(),
        talk: Default::default(),
        classifiers: BTreeMap::from([(Arc::from("bank"), Arc::new(bank))]),
        callbacks: Default::default(),
    }
}

fn user(n: usize) -> String {
    ["anna", "boris", "clara", "dmitry"].get(n).map_or(format!("agent{n}"), |s| (*s).to_owned())
}

fn config(agents: usize) -> Config {
    let address: SocketAddr = SWITCH.parse().expect("an address");
    let local = Local { protocol: Protocol::Udp, address, advertised: None };
    let mut sip = SipConfig::new(vec![local], "bank.example", [7; 32]);
    sip.session_expires = Duration::from_secs(1800);
    let access = |n: usize| {
        let ha1 = Ha1::of(&user(n), "bank.example", "secret");
        let (md5, sha256) = ha1.to_hex();
        AgentAccess {
            user: user(n),
            ha1: Ha1Pair { md5: md5.to_owned(), sha256: sha256.to_owned() },
            language: None,
            may_call: true,
        }
    };
    let clips = [
        "hello",
        "goodbye",
        "opt-cards",
        "status-ready",
        "status-lunch",
        "unknown-code",
        "status-refused",
    ];
    let mut clips: BTreeMap<_, _> = clips
        .iter()
        .zip(1..)
        .map(|(name, n)| ((Arc::from("ru"), Arc::from(*name)), ClipId(n)))
        .collect();
    clips.insert((MUSIC.into(), "moh".into()), MOH);
    let bot = Address {
        uri: "sip:bot@10.0.3.1:5060".into(),
        protocol: Protocol::Udp,
        at: "10.0.3.1:5060".parse().expect("an address"),
    };
    Config {
        sip,
        media_v4: Some(address.ip()),
        media_v6: None,
        rtp_ports: 16_000..=17_999,
        rtp_port_cooldown: Duration::from_secs(1),
        workers: 2,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        numbers: BTreeMap::from([
            ("100".into(), Number::Flow("bank".into())),
            ("101".into(), Number::Echo),
            ("800".into(), Number::Queue(QueueId(0))),
        ]),
        agents: (0..agents).map(access).collect(),
        trunks: vec![Trunk {
            name: "office".into(),
            networks: vec![parse_network("10.0.1.0/24").expect("a network")],
            may_dial: Vec::new(),
            target: None,
            credentials: None,
        }],
        bots: BTreeMap::from([(
            Arc::from("helper"),
            BotAccess::Sip { address: bot, silent_after: Some(Duration::from_secs(2)) },
        )]),
        feature_codes: BTreeMap::from([
            ("*1".into(), FeatureCode::Status(Status::Ready)),
            ("*2".into(), FeatureCode::Status(Status::Lunch)),
            ("*80".into(), FeatureCode::WrapUpCode),
        ]),
        clips,
        default_language: "ru".into(),
        limits: Limits { calls_max: 500, calls_per_sec_max: 200, retry_after_secs: 5 },
    }
}

impl World {
    /// A switch with so many agents in its policy, nobody registered.
    pub(crate) fn new(agents: usize, share: Share) -> World {
        World::with_calls_max(agents, share, 500)
    }

    /// The same with another bound on calls.
    pub(crate) fn with_calls_max(agents: usize, share: Share, calls_max: u32) -> World {
        World::under(agents, share, |config, _| config.limits.calls_max = calls_max)
    }

    /// The same with other rules.
    pub(crate) fn under(
        agents: usize,
        share: Share,
        change: impl FnOnce(&mut Config, &mut Policy),
    ) -> World {
        let now = Timestamp::from_secs(1_800_000_000);
        let (mut config, mut policy) = (config(agents), policy(agents, share));
        change(&mut config, &mut policy);
        World {
            now,
            switch: Switch::new(config, Arc::new(policy), now),
            phones: BTreeMap::new(),
            wire: BTreeMap::new(),
            sent: 0,
            loses: |_| false,
            ladder: Vec::new(),
            orders: Vec::new(),
            playing: BTreeMap::new(),
            hears: BTreeMap::new(),
            workers: BTreeMap::new(),
            said: BTreeMap::new(),
            open: BTreeSet::new(),
            contacts: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            facts: Vec::new(),
            lookups: Vec::new(),
            notes: Vec::new(),
            bot_orders: Vec::new(),
            fork_orders: Vec::new(),
        }
    }

    /// The address of the n-th agent's phone.
    pub(crate) fn agent_address(n: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 2, 1 + n as u8], 5060))
    }

    /// The address of the n-th caller's phone.
    pub(crate) fn caller_address(n: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 1, 1 + n as u8], 5060))
    }

    /// Plugs in a phone.
    pub(crate) fn plug(&mut self, address: SocketAddr, name: &str) {
        self.phones.insert(address, Phone::new(self.now, address, name));
    }

    /// An agent's phone that registers and answers after 300 ms, and the agent `ready`.
    pub(crate) fn ready_agent(&mut self, n: usize) -> SocketAddr {
        let address = World::agent_address(n);
        self.plug(address, &user(n));
        let phone = self.phones.get_mut(&address).expect("just plugged in");
        phone.answers_after = Some(Duration::from_millis(300));
        phone.register(self.now, "secret");
        self.run(Duration::from_millis(200));
        self.status(n, Status::Ready);
        address
    }

    pub(crate) fn status(&mut self, n: usize, status: Status) {
        assert!(self.set_status(n, status), "allowed");
    }

    /// Sets a status, if it may be.
    pub(crate) fn try_status(&mut self, n: usize, status: Status) {
        self.set_status(n, status);
    }

    fn set_status(&mut self, n: usize, status: Status) -> bool {
        let command =
            DeskCommand::SetStatus { status, asker: Asker::new(Actor::Agent), epoch: None };
        let allowed = self.switch.desk(self.now, AgentId(n as u32), command).is_ok();
        self.drain();
        allowed
    }

    /// A caller's phone dials.
    pub(crate) fn dial(&mut self, n: usize, number: &str) -> SocketAddr {
        let address = World::caller_address(n);
        if !self.phones.contains_key(&address) {
            self.plug(address, &format!("+7701000{n:04}"));
        }
        self.phones.get_mut(&address).expect("plugged in").dial(self.now, number);
        self.run(Duration::from_millis(100));
        address
    }

    /// The media session that talks to the phone at `address`.
    pub(crate) fn session(&self, address: SocketAddr) -> Option<SessionId> {
        self.orders.iter().rev().find_map(|order| {
            let Order::Agree { session, remote, .. } = order else { return None };
            (remote.ip() == address.ip() && self.open.contains(session)).then_some(*session)
        })
    }

    /// The phone at `address` presses a key.
    pub(crate) fn press(&mut self, address: SocketAddr, key: char) {
        let session = self.session(address).expect("the phone is in a call");
        let digit = Digit::from_char(key).expect("a key");
        self.media(Report::Digit { session, digit, source: DigitSource::Event });
    }

    /// A media worker reports.
    pub(crate) fn media(&mut self, report: Report) {
        self.switch.handle(self.now, Input::Media(report));
        self.drain();
    }

    /// The prompts that the phone at `address` hears have ended.
    pub(crate) fn played(&mut self, address: SocketAddr) {
        let session = self.session(address).expect("the phone is in a call");
        let play = self.playing.remove(&session).expect("something plays");
        self.media(Report::Played { session, play });
    }

    /// The connector of bots tells something.
    pub(crate) fn bot(&mut self, news: BotNews) {
        self.switch.handle(self.now, Input::Bot(news));
        self.drain();
    }

    /// The connector of recognisers tells something.
    pub(crate) fn fork(&mut self, news: ForkNews) {
        self.switch.handle(self.now, Input::Fork(news));
        self.drain();
    }

    /// Whether the two phones hear each other.
    pub(crate) fn hear_each_other(&self, a: SocketAddr, b: SocketAddr) -> bool {
        let (Some(a), Some(b)) = (self.session(a), self.session(b)) else { return false };
        self.hears(a) == [b] && self.hears(b) == [a]
    }

    /// Whom a session hears.
    pub(crate) fn hears(&self, session: SessionId) -> &[SessionId] {
        self.hears.get(&session).map_or(&[], Vec::as_slice)
    }

    /// The phone at `address` asks in its newest call that came in to be
    /// connected with `to`.
    pub(crate) fn refer(&mut self, address: SocketAddr, to: &str) {
        self.request(address, "REFER", &format!("Refer-To: <{to}>\r\n"));
    }

    /// The phone at `address` sends a request in its newest call that came in.
    pub(crate) fn request(&mut self, address: SocketAddr, method: &str, headers: &str) {
        let ok = self.said[&(address, "SIP/2.0 200 OK INVITE".to_owned())].clone();
        let field = |name: &str| {
            let line = ok.lines().find(|line| line.starts_with(name)).expect("a header");
            line[name.len()..].trim().to_owned()
        };
        let text = format!(
            "{method} sip:{SWITCH} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKrefer{}\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:{address}>\r\n{headers}Content-Length: 0\r\n\r\n",
            self.sent,
            field("To:"),
            field("From:"),
            field("Call-ID:"),
            900 + self.sent,
        );
        let switch = SWITCH.parse().expect("an address");
        self.send(address, switch, text.into_bytes());
    }

    /// The value of Replaces that names the call which the phone at `address` has made.
    pub(crate) fn replaces(&self, address: SocketAddr) -> String {
        let ack = &self.said[&(address, "ACK".to_owned())];
        let field = |name: &str| ack.lines().find_map(|line| line.strip_prefix(name)).expect("one");
        let tag = |name: &str| field(name).split("tag=").nth(1).expect("a tag").to_owned();
        let call_id = field("Call-ID:").trim().replace('@', "%40");
        format!("{call_id}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", tag("To:"), tag("From:"))
    }

    /// The value of Replaces that names the newest call of the phone at `address` to the switch, whoever has called.
    pub(crate) fn names(&self, address: SocketAddr, called: bool) -> String {
        let said = if called { "SIP/2.0 200 OK INVITE" } else { "ACK" };
        let text = &self.said[&(address, said.to_owned())];
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).expect("one");
        let tag = |name: &str| field(name).split("tag=").nth(1).expect("a tag").to_owned();
        let (ours, theirs) = if called { ("From:", "To:") } else { ("To:", "From:") };
        format!("{};to-tag={};from-tag={}", field("Call-ID:").trim(), tag(ours), tag(theirs))
    }

    /// Where the sound of a session goes to.
    pub(crate) fn sound_goes_to(&self, session: SessionId) -> SocketAddr {
        let agreed = |order: &Order| {
            let Order::Agree { session: of, remote, .. } = order else { return None };
            (*of == session).then_some(*remote)
        };
        self.orders.iter().rev().find_map(agreed).expect("something was agreed")
    }

    /// Lets time pass: datagrams arrive, timers fire, phones do what they do.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.flush_phones();
        while let Some(next) = self.next_event().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn next_event(&self) -> Option<Timestamp> {
        let phones = self.phones.values().filter_map(Phone::poll_timeout).min();
        let wire = self.wire.keys().next().map(|(at, _)| *at);
        [phones, wire, self.switch.poll_timeout()].into_iter().flatten().min()
    }

    fn step(&mut self) {
        while let Some((key, _)) =
            self.wire.first_key_value().filter(|((at, _), _)| *at <= self.now)
        {
            let key = *key;
            let datagram = self.wire.remove(&key).expect("just seen");
            self.deliver(&datagram);
        }
        if self.switch.poll_timeout().is_some_and(|at| at <= self.now) {
            self.switch.handle_timeout(self.now);
            self.drain();
        }
        for phone in self.phones.values_mut() {
            if phone.poll_timeout().is_some_and(|at| at <= self.now) {
                phone.handle_timeout(self.now);
            }
        }
        self.flush_phones();
    }

    fn deliver(&mut self, datagram: &Datagram) {
        let path = Path::udp(datagram.to, datagram.from);
        let input = SipInput::Datagram { path, bytes: &datagram.bytes };
        if datagram.to == SWITCH.parse().expect("an address") {
            self.switch.handle(self.now, Input::Sip(input));
            self.drain();
        } else if let Some(phone) = self.phones.get_mut(&datagram.to) {
            phone.handle(self.now, input);
        }
        self.flush_phones();
    }

    fn flush_phones(&mut self) {
        let mut out = Vec::new();
        for phone in self.phones.values_mut() {
            while let Some(transmit) = phone.poll_transmit() {
                out.push((transmit.path.local, transmit.path.remote, transmit.bytes));
            }
        }
        for (from, to, bytes) in out {
            self.send(from, to, bytes);
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.sent += 1;
        let lost = (self.loses)(self.sent);
        self.draw(from, to, &bytes, lost);
        if !lost {
            self.wire.insert((self.now + DELAY, self.sent), Datagram { from, to, bytes });
        }
    }

    /// One rung of the ladder: who, what, to whom.
    fn draw(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8], lost: bool) {
        let whole = String::from_utf8_lossy(bytes);
        let asked = whole.lines().find_map(|line| line.strip_prefix("CSeq:"));
        let method = asked.and_then(|cseq| cseq.split_whitespace().last()).unwrap_or_default();
        let first = bytes.split(|b| *b == b'\r').next().unwrap_or_default();
        let text = String::from_utf8_lossy(first);
        let what = match text.strip_prefix("SIP/2.0 ") {
            Some(status) => status.to_owned(),
            None => text.split(' ').next().unwrap_or_default().to_owned(),
        };
        let word =
            if text.starts_with("SIP/2.0") { format!("{text} {method}") } else { what.clone() };
        self.said.insert((from, word), whole.to_string());
        let lost = if lost { " ✗" } else { "" };
        let name = |at: SocketAddr| match at.ip().to_string().as_str() {
            "10.0.0.1" => "switch".to_owned(),
            _ => self.phones.get(&at).map_or(at.to_string(), |phone| phone.name.clone()),
        };
        let rung = format!("{} → {}: {what}{lost}", name(from), name(to));
        self.ladder.push(rung);
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(transmit) => {
                    self.send(transmit.path.local, transmit.path.remote, transmit.bytes);
                }
                Output::Media { order, worker } => self.obey(worker, order),
                Output::Contact(contact) => {
                    self.contacts.insert(contact.call, *contact);
                }
                Output::Fact(fact) => self.facts.push(fact),
                Output::Callback(callback) => {
                    self.callbacks.insert(callback.id, *callback);
                }
                Output::Lookup(lookup) => self.lookups.push(*lookup),
                Output::Note(note) => self.notes.push(note),
                Output::Bot(order) => self.bot_orders.push(order),
                Output::Fork(order) => self.fork_orders.push(order),
            }
        }
        self.switch.check_invariants();
    }

    fn obey(&mut self, worker: u16, order: Order) {
        match &order {
            Order::Open { session, .. } => {
                assert!(self.open.insert(*session), "opened twice");
                self.workers.insert(*session, worker);
            }
            Order::Play { session, play, .. } => {
                self.playing.insert(*session, *play);
                self.part(*session);
            }
            Order::Loop { session, .. } | Order::Echo { session } => {
                self.playing.remove(session);
                self.part(*session);
            }
            Order::Stop { session } => {
                self.playing.remove(session);
            }
            Order::Bridge { a, b } => {
                assert_eq!(self.workers[a], self.workers[b], "a conversation has one worker");
                self.part(*a);
                self.part(*b);
                self.hears.insert(*a, vec![*b]);
                self.hears.insert(*b, vec![*a]);
            }
            Order::Hear { session, from } => {
                assert!(self.open.contains(session), "an order for a session that is not open");
                for other in from {
                    let (one, two) = (self.workers[session], self.workers[other]);
                    assert_eq!(one, two, "a conversation has one worker");
                }
                self.hears.insert(*session, from.clone());
            }
            Order::Unbridge { session } => self.part(*session),
            Order::Close { session } => {
                assert!(self.open.remove(session), "closed without being open");
                self.part(*session);
                self.playing.remove(session);
                let report = Report::Closed { session: *session, quality: Quality::default() };
                self.orders.push(order);
                self.switch.handle(self.now, Input::Media(report));
                return;
            }
            Order::Agree { session, .. }
            | Order::Expect { session, .. }
            | Order::Near { session }
            | Order::Dial { session, .. }
            | Order::Announce { session, .. }
            | Order::Mute { session, .. } => {
                assert!(self.open.contains(session), "an order for a session that is not open");
            }
            Order::Measure { .. } | Order::PauseMeasure { .. } | Order::Unmeasure { .. } => {}
        }
        self.orders.push(order);
    }

    fn part(&mut self, session: SessionId) {
        self.hears.remove(&session);
        for from in self.hears.values_mut() {
            from.retain(|other| *other != session);
        }
    }

    /// The newest message of this kind that the switch has sent.
    pub(crate) fn newest_of_switch(&self, method: &str) -> &str {
        let switch = SWITCH.parse().expect("an address");
        self.said.get(&(switch, method.to_owned())).map_or("", String::as_str)
    }

    pub(crate) fn count(&self, of: impl Fn(&What) -> bool) -> usize {
        self.facts.iter().filter(|fact| of(&fact.what)).count()
    }

    /// The rungs since the last look.
    pub(crate) fn take_ladder(&mut self) -> String {
        std::mem::take(&mut self.ladder).join("\n")
    }

    /// The only contact.
    pub(crate) fn contact(&self) -> &Contact {
        assert_eq!(self.contacts.len(), 1, "one contact");
        self.contacts.values().next().expect("one")
    }

    /// Nothing is left: no call, no line, no session, no transaction.
    pub(crate) fn assert_empty(&self) {
        assert!(self.switch.is_idle(), "something is still going on");
        assert!(self.open.is_empty(), "sessions left open: {:?}", self.open);
        let picture = self.switch.snapshot(self.now);
        assert_eq!((picture.calls.len(), picture.dialogs), (0, 0));
    }
}
