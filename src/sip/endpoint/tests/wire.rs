//! Two endpoints, a lossy wire with a seed, and a clock that jumps from one thing to the next.

use super::super::*;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const A: &str = "192.0.2.1:5060";
pub(super) const B: &str = "192.0.2.2:5060";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    pub(super) fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    fn address(self) -> SocketAddr {
        match self {
            Side::A => A.parse().unwrap(),
            Side::B => B.parse().unwrap(),
        }
    }
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn start() -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
}

pub(super) fn config(address: &str, seed: u8) -> Config {
    let address = address.parse().unwrap();
    let local = Local { protocol: Protocol::Udp, address, advertised: None };
    let tcp = Local { protocol: Protocol::Tcp, address, advertised: None };
    Config::new(vec![local, tcp], "dozvon.test", [seed; 32])
}

/// The start of a message: method and status, enough to draw a ladder.
pub(super) fn title(bytes: &[u8]) -> String {
    let message = Message::parse(bytes).unwrap();
    let body = if message.body().is_empty() { "" } else { " +sdp" };
    match message.method() {
        Some(method) => format!("{method}{body}"),
        None => {
            // The refusal of a garbled request may lack what the request lacked.
            let cseq = message.cseq().map_or("?", |cseq| cseq.method.as_str());
            format!("{} {cseq}{body}", message.status().unwrap())
        }
    }
}

/// The two and what lies between them.
pub(super) struct Pair {
    pub(super) now: Timestamp,
    ends: BTreeMap<Side, Endpoint>,
    flying: BTreeMap<(Timestamp, u64), (Side, Vec<u8>)>,
    pub(super) events: Vec<(Side, Event)>,
    /// Who sent what, lost or not.
    pub(super) ladder: Vec<(Side, String)>,
    pub(super) loss_permille: u64,
    pub(super) latency: Duration,
    pub(super) jitter_millis: u64,
    pub(super) double_permille: u64,
    pub(super) garble_permille: u64,
    pub(super) cut: bool,
    seed: u64,
    count: u64,
}

impl Pair {
    pub(super) fn new() -> Pair {
        Pair::with(config(A, 1), config(B, 2))
    }

    pub(super) fn with(a: Config, b: Config) -> Pair {
        let now = start();
        Pair {
            now,
            ends: [(Side::A, Endpoint::new(a, now)), (Side::B, Endpoint::new(b, now))].into(),
            flying: BTreeMap::new(),
            events: Vec::new(),
            ladder: Vec::new(),
            loss_permille: 0,
            latency: ms(10),
            jitter_millis: 0,
            double_permille: 0,
            garble_permille: 0,
            cut: false,
            seed: 0x9e37_79b9_7f4a_7c15,
            count: 0,
        }
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    pub(super) fn reseed(&mut self, seed: u64) {
        self.seed ^= seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    }

    /// The bytes, or with bad luck some of them changed, lost or doubled.
    fn garbled(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.random(1000) >= self.garble_permille {
            return bytes;
        }
        for _ in 0..=self.random(4) {
            let at = self.random(bytes.len() as u64) as usize;
            match self.random(4) {
                0 => bytes[at] = self.random(256) as u8,
                1 => bytes[at] = b"0123456789;,<>\"= \r\n"[self.random(19) as usize],
                2 => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, bytes[at]),
            }
        }
        bytes
    }

    pub(super) fn end(&self, side: Side) -> &Endpoint {
        &self.ends[&side]
    }

    /// Commands one end and drains it.
    pub(super) fn at<T>(
        &mut self,
        side: Side,
        command: impl FnOnce(&mut Endpoint, Timestamp) -> T,
    ) -> T {
        let now = self.now;
        let done = command(self.ends.get_mut(&side).unwrap(), now);
        self.drain(side);
        done
    }

    fn drain(&mut self, side: Side) {
        while let Some(transmit) = self.ends.get_mut(&side).unwrap().poll_transmit() {
            self.ladder.push((side, title(&transmit.bytes)));
            let lost = self.cut || self.random(1000) < self.loss_permille;
            if lost || transmit.path.remote != side.other().address() {
                continue;
            }
            let copies = if self.random(1000) < self.double_permille { 2 } else { 1 };
            for _ in 0..copies {
                let jitter = ms(self.random(self.jitter_millis + 1));
                self.count += 1;
                let key = (self.now + self.latency + jitter, self.count);
                let bytes = self.garbled(transmit.bytes.clone());
                self.flying.insert(key, (side.other(), bytes));
            }
        }
        while let Some(event) = self.ends.get_mut(&side).unwrap().poll_event() {
            if !matches!(event, Event::Sent { .. }) {
                self.events.push((side, event));
            }
        }
    }

    /// Does the next thing that is due until `until`; `false` when nothing is.
    pub(super) fn step(&mut self, until: Timestamp) -> bool {
        let timers = self.ends.values().filter_map(Endpoint::poll_timeout);
        let flying = self.flying.keys().next().map(|(at, _)| *at);
        let Some(next) = timers.chain(flying).min().filter(|at| *at <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(next);
        if let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, bytes) = entry.remove();
            let path = Path::udp(to.address(), to.other().address());
            self.at(to, |end, now| end.handle(now, Input::Datagram { path, bytes: &bytes }));
        } else {
            for side in [Side::A, Side::B] {
                self.at(side, |end, now| end.handle_timeout(now));
            }
        }
        true
    }

    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// A calls B.
    pub(super) fn call(&mut self, sdp: Option<&str>) -> DialogId {
        let invite = invite_to_b(sdp);
        self.at(Side::A, |a, now| a.invite(now, invite))
    }

    /// The session that B was invited to last.
    pub(super) fn invited(&self) -> DialogId {
        let invited = self.events.iter().rev().find_map(|(side, event)| match event {
            Event::Invited { dialog, .. } if *side == Side::B => Some(*dialog),
            _other => None,
        });
        invited.expect("B was invited")
    }

    /// A standing call: A's and B's handles.
    pub(super) fn talking(&mut self) -> (DialogId, DialogId) {
        let a = self.call(Some("offer"));
        self.run(ms(50));
        let b = self.invited();
        self.at(Side::B, |end, now| end.answer(now, b, b"answer"));
        self.run(ms(50));
        self.events.clear();
        self.ladder.clear();
        (a, b)
    }

    pub(super) fn ends_of(&self, side: Side) -> Vec<Event> {
        let is_end = |event: &&(Side, Event)| {
            event.0 == side && matches!(event.1, Event::Ended { .. } | Event::Refused { .. })
        };
        self.events.iter().filter(is_end).map(|(_, event)| event.clone()).collect()
    }

    /// The ladder since the last look, one line a message.
    pub(super) fn drawn(&mut self) -> String {
        let lines = self.ladder.drain(..).map(|(side, title)| match side {
            Side::A => format!("{title} >"),
            Side::B => format!("< {title}"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Long after everything is over nothing may be left anywhere.
    pub(super) fn assert_empty(&mut self) {
        self.run(secs(200));
        for (side, end) in &self.ends {
            assert_eq!(end.counts(), Counts::default(), "{side:?}");
            assert!(end.by_tag.is_empty() && end.early.is_empty(), "{side:?}");
            assert!(end.acks.is_empty() && end.alarms.is_empty(), "{side:?}");
            assert!(end.layer.is_clear() && end.orphans.is_empty(), "{side:?}");
            assert!(end.referrals.is_empty() && end.ended.len() == 0, "{side:?}");
            assert!(end.referral_deadlines.is_empty(), "{side:?}");
            assert_eq!(end.poll_timeout(), None, "{side:?}");
        }
    }
}

pub(super) fn invite_to_b(sdp: Option<&str>) -> Invite {
    Invite {
        to: Party::new("sip:200@192.0.2.2"),
        target: Target::Address(Protocol::Udp, B.parse().unwrap()),
        from: Party::named("A \"B\"", "sip:100@192.0.2.1"),
        sdp: sdp.map(|sdp| sdp.as_bytes().to_vec()),
        headers: vec![("X-Call".into(), "7\r\nEvil: 1".into())],
        route: Vec::new(),
        credentials: None,
    }
}
