//! Phones that register, by hand-written messages.

use super::super::*;
use super::wire::{config, ms, secs, start};
use crate::digest::{Challenge, Credentials as Secret, Ha1 as Digest};
use crate::message::HeaderName;
use std::time::Duration;

/// A registrar and one phone.
pub(super) struct Phone {
    pub(super) end: Endpoint,
    pub(super) now: Timestamp,
    pub(super) path: Path,
    cseq: u32,
    nonce_count: u32,
    challenge: Option<Challenge>,
}

/// The answer to one request.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Phone {
    pub(super) fn new() -> Phone {
        let local = "192.0.2.1:5060".parse().unwrap();
        let path = Path::udp(local, "198.51.100.7:41000".parse().unwrap());
        let mut end = Endpoint::new(config("192.0.2.1:5060", 1), start());
        let accounts = ["100", "200"].map(|user| {
            let ha1 = Digest::of(user, "dozvon.test", "secret");
            let (md5, sha256) = ha1.to_hex();
            (user.to_string(), Ha1Pair { md5: md5.into(), sha256: sha256.into() })
        });
        end.set_accounts(accounts.into());
        Phone { end, now: start(), path, cseq: 0, nonce_count: 0, challenge: None }
    }

    pub(super) fn exchange(&mut self, bytes: &[u8]) -> Vec<Answer> {
        let input = match self.path.protocol {
            Protocol::Udp => Input::Datagram { path: self.path, bytes },
            Protocol::Tcp => Input::Stream { path: self.path, message: bytes },
        };
        self.end.handle(self.now, input);
        std::iter::from_fn(|| self.end.poll_transmit())
            .inspect(|transmit| assert_eq!(transmit.path.remote, self.path.remote))
            .map(|transmit| {
                let message = Message::parse(&transmit.bytes).unwrap();
                let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
                Answer { status: message.status().unwrap(), text }
            })
            .collect()
    }

    fn text(&mut self, user: &str, to: &str, headers: &str, password: Option<&str>) -> String {
        self.cseq += 1;
        let cseq = self.cseq;
        let authorization = password.zip(self.challenge.clone()).map(|(password, challenge)| {
            self.nonce_count += 1;
            let secret = Secret { user: user.into(), password: password.into() };
            let uri = "sip:dozvon.test";
            let value = challenge.respond(&secret, "REGISTER", uri, self.nonce_count, "c0ffee");
            format!("Authorization: {value}\r\n")
        });
        let via = self.path.protocol.via();
        format!(
            "REGISTER sip:dozvon.test SIP/2.0\r\n\
             Via: SIP/2.0/{via} 10.0.0.7;branch=z9hG4bK{cseq}{user};rport\r\n\
             From: <sip:{user}@dozvon.test>;tag=f{cseq}\r\nTo: <sip:{to}@dozvon.test>\r\n\
             Call-ID: phone\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n{headers}{}\
             Content-Length: 0\r\n\r\n",
            authorization.unwrap_or_default()
        )
    }

    /// One REGISTER; learns the nonce of a challenge.
    fn once(&mut self, user: &str, to: &str, headers: &str, password: Option<&str>) -> Answer {
        let text = self.text(user, to, headers, password);
        let answer = self.exchange(text.as_bytes()).pop().expect("a REGISTER is answered");
        if answer.status == 401 {
            let message = Message::parse(answer.text.as_bytes()).unwrap();
            let values = message.values(HeaderName::WwwAuthenticate);
            self.challenge = Challenge::choose(values, Some("dozvon.test"));
            self.nonce_count = 0;
        }
        answer
    }

    /// A REGISTER with the challenge answered.
    fn register(&mut self, headers: &str) -> Answer {
        if self.challenge.is_none() {
            assert_eq!(self.once("100", "100", headers, None).status, 401);
        }
        let answer = self.once("100", "100", headers, Some("secret"));
        if answer.status == 401 && answer.text.contains("stale=true") {
            return self.once("100", "100", headers, Some("secret"));
        }
        answer
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.end.poll_event())
            .filter(|event| !matches!(event, Event::Sent { .. }))
            .collect()
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.end.handle_timeout(self.now);
    }
}

const CONTACT: &str = "Contact: <sip:100@10.0.0.7:5060>\r\n";

fn registered(contacts: usize) -> Event {
    Event::Registered { user: "100".into(), contacts }
}

fn unregistered() -> Event {
    Event::Unregistered { user: "100".into() }
}

#[test]
fn a_phone_registers_refreshes_and_leaves() {
    let mut phone = Phone::new();
    let headers = format!("{CONTACT}Expires: 120\r\nUser-Agent: Desk 1\r\n");
    let answer = phone.register(&headers);
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("Contact: <sip:100@10.0.0.7:5060>;expires=120\r\n"));
    assert!(answer.text.contains("received=198.51.100.7;rport=41000"));
    let bindings = phone.end.contacts("100");
    assert_eq!((bindings.len(), bindings[0].path), (1, phone.path));
    assert_eq!((bindings[0].user_agent.as_str(), bindings[0].q), ("Desk 1", 1000));
    phone.wait(secs(40));
    assert_eq!(phone.register(&headers).status, 200);
    let leave = format!("{CONTACT}Expires: 0\r\n");
    assert_eq!(phone.register(&leave).status, 200);
    assert_eq!(phone.events(), [registered(1), registered(1), unregistered()]);
    assert!(phone.end.contacts("100").is_empty());
}

#[test]
fn a_binding_expires_and_its_account_is_unregistered() {
    let mut phone = Phone::new();
    assert_eq!(phone.register(CONTACT).status, 200);
    phone.wait(secs(299));
    assert_eq!(phone.events(), [registered(1)]);
    phone.wait(secs(2));
    assert_eq!(phone.events(), [unregistered()]);
    phone.wait(secs(60));
    assert_eq!(phone.end.counts(), Counts::default());
}

#[test]
fn a_star_removes_everything_and_stands_alone() {
    let mut phone = Phone::new();
    let two = "Contact: <sip:a@10.0.0.7>;q=0.5, <sip:b@10.0.0.7>;expires=90\r\n";
    let answer = phone.register(two);
    assert!(answer.text.contains("<sip:a@10.0.0.7>;expires=300;q=0.500"), "{}", answer.text);
    let order: Vec<String> = phone.end.contacts("100").into_iter().map(|b| b.contact).collect();
    assert_eq!(order, ["sip:b@10.0.0.7", "sip:a@10.0.0.7"]);
    assert_eq!(phone.register("Contact: *\r\n").status, 400);
    assert_eq!(phone.register("Contact: *\r\nExpires: 60\r\n").status, 400);
    assert_eq!(phone.register("Contact: *\r\nExpires: 0\r\n").status, 200);
    assert_eq!(phone.events(), [registered(2), unregistered()]);
}

#[test]
fn wishes_are_bounded_and_told() {
    let mut phone = Phone::new();
    let brief = phone.register("Contact: <sip:100@10.0.0.7>;expires=5\r\n");
    assert_eq!(brief.status, 423);
    assert!(brief.text.contains("Min-Expires: 60\r\n"));
    let long = phone.register("Contact: <sip:100@10.0.0.7>;expires=99999999999\r\n");
    assert!(long.text.contains("expires=3600"), "{}", long.text);
    let query = phone.register("");
    assert!(query.status == 200 && query.text.contains("<sip:100@10.0.0.7>"));
    let many: Vec<String> = (0..10).map(|i| format!("<sip:{i}@10.0.0.7>")).collect();
    let many = format!("Contact: {}\r\n", many.join(","));
    assert_eq!(phone.register(&many).status, 403);
    assert_eq!(phone.register("Contact: <tel:+7495>\r\n").status, 400);
    assert_eq!(phone.end.contacts("100").len(), 1);
}

#[test]
fn headers_in_a_contact_uri_are_not_kept_and_path_is() {
    let mut phone = Phone::new();
    let headers = "Contact: <sip:100@10.0.0.7?Route=%3Csip:evil%3E>\r\n\
        Path: <sip:edge.test;lr>\r\nSupported: path\r\n";
    let answer = phone.register(headers);
    assert!(answer.text.contains("Path: <sip:edge.test;lr>\r\n"));
    let binding = &phone.end.contacts("100")[0];
    assert_eq!(binding.contact, "sip:100@10.0.0.7");
    assert_eq!(binding.route, ["<sip:edge.test;lr>"]);
}

#[test]
fn unknown_users_and_wrong_passwords_look_the_same() {
    let headers = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.split_once(':'));
        names.map(|(name, _)| name.to_string()).collect()
    };
    let mut phone = Phone::new();
    phone.once("100", "100", CONTACT, None);
    let wrong = phone.once("100", "100", CONTACT, Some("wrong"));
    let unknown = phone.once("300", "300", CONTACT, Some("wrong"));
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(headers(&wrong.text), headers(&unknown.text));
    assert!(wrong.text.contains("algorithm=SHA-256") && wrong.text.contains("algorithm=MD5"));
    assert!(phone.end.contacts("100").is_empty());
    let kinds: Vec<Event> = phone.events();
    assert!(matches!(
        kinds[..],
        [Event::Security { kind: SecurityKind::AuthenticationFailed, .. }]
    ));
}

#[test]
fn nobody_registers_for_somebody_else() {
    let mut phone = Phone::new();
    phone.once("100", "100", CONTACT, None);
    assert_eq!(phone.once("100", "200", CONTACT, Some("secret")).status, 403);
    assert!(phone.end.contacts("200").is_empty());
}

#[test]
fn a_replayed_or_overtaken_register_changes_nothing() {
    let mut phone = Phone::new();
    phone.once("100", "100", CONTACT, None);
    let first = phone.text("100", "100", CONTACT, Some("secret"));
    assert_eq!(phone.exchange(first.as_bytes())[0].status, 200);
    // The same datagram again gets the same answer from the transaction.
    assert_eq!(phone.exchange(first.as_bytes())[0].status, 200);
    // The same credentials in another transaction are a replay.
    let replay = first.replace("z9hG4bK", "z9hG4bKother").replace("tag=f", "tag=g");
    let answer = phone.exchange(replay.as_bytes()).pop().unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.text.contains("stale=true"));
    phone.cseq = 0;
    assert_eq!(phone.register(CONTACT).status, 500);
}

#[test]
fn guessing_passwords_ends_in_silence_for_a_minute() {
    let mut phone = Phone::new();
    phone.once("100", "100", CONTACT, None);
    for _ in 0..10 {
        assert_eq!(phone.once("100", "100", CONTACT, Some("guess")).status, 401);
        phone.wait(ms(100));
    }
    let right = phone.text("100", "100", CONTACT, Some("secret"));
    assert!(phone.exchange(right.as_bytes()).is_empty());
    assert!(
        phone
            .events()
            .iter()
            .any(|event| matches!(event, Event::Security { kind: SecurityKind::Banned, .. }))
    );
    phone.wait(secs(61));
    phone.challenge = None;
    assert_eq!(phone.register(CONTACT).status, 200);
}

#[test]
fn a_binding_dies_with_its_connection() {
    let mut phone = Phone::new();
    phone.path = Path::tcp(ConnectionId(7), phone.path.local, phone.path.remote);
    assert_eq!(phone.register(CONTACT).status, 200);
    assert_eq!(phone.end.contacts("100")[0].path.connection, Some(ConnectionId(7)));
    phone.end.handle(phone.now, Input::Closed(ConnectionId(7)));
    assert_eq!(phone.events(), [registered(1), unregistered()]);
    assert!(phone.end.contacts("100").is_empty());
}
