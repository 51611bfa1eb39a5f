//! Call transfer against a hand-written phone: REFER, its NOTIFYs, and INVITEs with Replaces.

use super::super::*;
use super::wire::{config, ms, secs, start};
use crate::message::{HeaderName, MessageWriter, Method};
use std::time::Duration;

const SDP: &str = "Content-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0";
const TRANSFER: &str = "Refer-To: <sip:200@dozvon.test>\r\n";

/// The house, and the phones around it.
struct House {
    end: Endpoint,
    now: Timestamp,
    path: Path,
    serial: u32,
}

/// A dialog as the phone sees it.
#[derive(Clone, Debug)]
struct Line {
    id: DialogId,
    call_id: String,
    /// The phone's tag.
    phone: String,
    /// The house's tag.
    house: String,
    cseq: u32,
}

impl Line {
    /// A Replaces that names this dialog to the house.
    fn replaces(&self) -> String {
        format!("{};to-tag={};from-tag={}", self.call_id, self.house, self.phone)
    }

    fn escaped(&self) -> String {
        self.replaces().replace(';', "%3B").replace('=', "%3D")
    }
}

/// What the house has sent, read.
#[derive(Clone, Debug)]
struct Sent(Vec<u8>);

impl Sent {
    fn get(&self) -> Message<'_> {
        Message::parse(&self.0).unwrap()
    }

    fn text(&self, name: HeaderName) -> String {
        self.get().text(name).unwrap_or_default().to_string()
    }

    fn body(&self) -> String {
        String::from_utf8(self.get().body().to_vec()).unwrap()
    }

    /// `202`, or `NOTIFY 100 active`.
    fn title(&self) -> String {
        match self.get().method() {
            None => self.get().status().unwrap().to_string(),
            Some(Method::Notify) => {
                let state = self.text(HeaderName::SubscriptionState);
                let state = if state.starts_with("active") { "active" } else { &state };
                format!("NOTIFY {} {state}", self.body().split(' ').nth(1).unwrap())
            }
            Some(method) => method.to_string(),
        }
    }
}

fn titles(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(Sent::title).collect()
}

impl House {
    fn new() -> House {
        let mut config = config("192.0.2.1:5060", 1);
        config.trusted = vec![Network { address: "198.51.100.0".parse().unwrap(), prefix: 24 }];
        let local = "192.0.2.1:5060".parse().unwrap();
        let path = Path::udp(local, "198.51.100.7:5060".parse().unwrap());
        House { end: Endpoint::new(config, start()), now: start(), path, serial: 0 }
    }

    fn feed(&mut self, text: &str) -> Vec<Sent> {
        let input = match self.path.protocol {
            Protocol::Udp => Input::Datagram { path: self.path, bytes: text.as_bytes() },
            Protocol::Tcp => Input::Stream { path: self.path, message: text.as_bytes() },
        };
        self.end.handle(self.now, input);
        self.sent()
    }

    fn sent(&mut self) -> Vec<Sent> {
        std::iter::from_fn(|| self.end.poll_transmit()).map(|t| Sent(t.bytes)).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.end.poll_event())
            .filter(|event| !matches!(event, Event::Sent { .. } | Event::Security { .. }))
            .collect()
    }

    fn wait(&mut self, time: Duration) -> Vec<Sent> {
        let until = self.now + time;
        let mut sent = Vec::new();
        while let Some(at) = self.end.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.end.handle_timeout(self.now);
            sent.extend(self.sent());
        }
        self.now = until;
        sent
    }

    fn invite(&mut self, headers: &str) -> (Line, Vec<Sent>) {
        self.serial += 1;
        let n = self.serial;
        let text = format!(
            "INVITE sip:hotline@dozvon.test SIP/2.0\r\n\
             Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKi{n}\r\n\
             From: <sip:100@dozvon.test>;tag=f{n}\r\nTo: <sip:hotline@dozvon.test>\r\n\
             Call-ID: c{n}@phone\r\nCSeq: 1 INVITE\r\nContact: <sip:100@198.51.100.7>\r\n{headers}{SDP}"
        );
        let sent = self.feed(&text);
        let (call_id, phone) = (format!("c{n}@phone"), format!("f{n}"));
        (Line { id: DialogId(0), call_id, phone, house: String::new(), cseq: 1 }, sent)
    }

    /// An INVITE that reaches the switch.
    fn ringing(&mut self, headers: &str) -> (Line, Option<Replaced>) {
        let (mut line, _) = self.invite(headers);
        let Some(Event::Invited { dialog, replaces, .. }) = self.events().pop() else {
            panic!("the INVITE reaches the switch");
        };
        self.end.ring(self.now, dialog, None);
        let rings = self.sent().pop().unwrap();
        line.house = rings.get().to().unwrap().tag().unwrap().to_string();
        line.id = dialog;
        (line, replaces)
    }

    /// A call of the phone's that stands.
    fn call(&mut self) -> Line {
        let (mut line, _) = self.ringing("");
        self.end.answer(self.now, line.id, b"v=0");
        self.sent();
        line.cseq = 0;
        assert!(self.within(&mut line, "ACK", "").is_empty());
        assert!(matches!(self.events()[..], [Event::Acked { .. }]));
        line
    }

    fn request(&mut self, line: &Line, method: &str, headers: &str) -> String {
        self.serial += 1;
        let (n, Line { call_id, phone, house, cseq, .. }) = (self.serial, line);
        let via = self.path.protocol.via();
        format!(
            "{method} sip:dozvon@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/{via} 198.51.100.7;branch=z9hG4bKw{n}\r\n\
             From: <sip:100@dozvon.test>;tag={phone}\r\nTo: <sip:hotline@dozvon.test>;tag={house}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:100@198.51.100.7>\r\n{headers}\
             Content-Length: 0\r\n\r\n"
        )
    }

    /// A call of the house's to the phone, not yet answered.
    fn calling(&mut self) -> (Line, Sent) {
        let invite = Invite {
            to: Party::new("sip:200@198.51.100.7"),
            target: Target::Flow(self.path),
            from: Party::new("sip:hotline@dozvon.test"),
            sdp: Some(b"v=0".to_vec()),
            headers: Vec::new(),
            route: Vec::new(),
            credentials: None,
        };
        let id = self.end.invite(self.now, invite);
        let sent = self.sent().remove(0);
        let call_id = sent.get().call_id().unwrap().to_string();
        let house = sent.get().from().unwrap().tag().unwrap().to_string();
        (Line { id, call_id, phone: "pt".into(), house, cseq: 0 }, sent)
    }

    /// A request of the phone within a dialog.
    fn within(&mut self, line: &mut Line, method: &str, headers: &str) -> Vec<Sent> {
        line.cseq += 1;
        let text = self.request(line, method, headers);
        self.feed(&text)
    }

    /// The phone answers a request of the house.
    fn reply(&mut self, request: &Sent, status: u16, headers: &[(HeaderName, &str)]) -> Vec<Sent> {
        let mut writer = MessageWriter::response_to(&request.get(), status, None, Some("pt"), None);
        for (name, value) in headers {
            writer = writer.header(*name, value);
        }
        let bytes = writer.finish();
        self.feed(std::str::from_utf8(&bytes).unwrap())
    }

    /// A call whose transfer is taken on: the 202 is out, and the first NOTIFY is answered.
    fn transferring(&mut self) -> Line {
        let mut line = self.call();
        assert!(self.within(&mut line, "REFER", TRANSFER).is_empty());
        assert!(matches!(self.events()[..], [Event::Referred { .. }]));
        self.end.accept_refer(self.now, line.id);
        let sent = self.sent();
        assert_eq!(titles(&sent), ["202", "NOTIFY 100 active"]);
        assert!(self.reply(&sent[1], 200, &[]).is_empty());
        line
    }

    fn progress(&mut self, line: &Line, status: u16) -> Vec<Sent> {
        self.end.refer_progress(self.now, line.id, status, "");
        self.sent()
    }

    /// Whether the call stands.
    fn stands(&mut self, line: &mut Line) -> bool {
        let answer = self.within(line, "OPTIONS", "").pop().unwrap();
        answer.get().status() == Some(200)
    }

    /// When everybody has hung up and time has passed, nothing may be left.
    fn assert_empty(mut self) {
        let ids: Vec<DialogId> = self.end.sessions.keys().copied().collect();
        for id in ids {
            self.end.bye(self.now, id, None);
        }
        self.sent();
        self.wait(secs(800));
        assert_eq!(self.end.counts(), Counts::default());
        assert!(self.end.referrals.is_empty() && self.end.by_tag.is_empty());
        assert!(self.end.referral_deadlines.is_empty() && self.end.ended.len() == 0);
        assert_eq!(self.end.poll_timeout(), None);
    }
}

// === the referral ===

#[test]
fn a_blind_transfer_is_told_from_trying_to_the_result() {
    let mut house = House::new();
    let mut line = house.call();
    let headers = "Refer-To: \"Duty\" <sip:200@dozvon.test;method=INVITE?Subject=x>\r\n\
                   Referred-By: <sip:100@dozvon.test>;cid=1\r\nX-Summary: wants a person\r\n";
    assert!(house.within(&mut line, "REFER", headers).is_empty(), "the switch decides");
    let event = Event::Referred {
        dialog: line.id,
        refer_to: Party::named("Duty", "sip:200@dozvon.test"),
        replaces: None,
        referred_by: Some("<sip:100@dozvon.test>;cid=1".into()),
        headers: vec![
            ("Referred-By".into(), "<sip:100@dozvon.test>;cid=1".into()),
            ("X-Summary".into(), "wants a person".into()),
        ],
    };
    assert_eq!(house.events(), [event]);
    assert!(house.progress(&line, 180).is_empty(), "nothing is told before it is accepted");
    house.end.accept_refer(house.now, line.id);
    let sent = house.sent();
    assert_eq!(titles(&sent), ["202", "NOTIFY 100 active"]);
    assert!(sent[0].get().contact().is_some(), "a 202 to REFER has a Contact");
    let notify = &sent[1];
    assert_eq!(notify.text(HeaderName::Event), "refer");
    assert_eq!(notify.text(HeaderName::SubscriptionState), "active;expires=660");
    assert_eq!(notify.text(HeaderName::ContentType), "message/sipfrag;version=2.0");
    assert_eq!(notify.body(), "SIP/2.0 100 Trying\r\n");
    assert_eq!(notify.get().uri().unwrap().as_str(), "sip:100@198.51.100.7");
    assert_eq!(notify.get().call_id().unwrap(), line.call_id);
    assert_eq!(notify.get().to().unwrap().tag(), Some(line.phone.as_str()));
    assert_eq!(notify.get().cseq().unwrap().number, 1);
    house.reply(notify, 200, &[]);
    let sent = house.progress(&line, 180);
    assert_eq!(sent[0].get().cseq().unwrap().number, 2);
    assert_eq!(sent[0].body(), "SIP/2.0 180 Ringing\r\n");
    house.reply(&sent[0], 200, &[]);
    assert!(house.progress(&line, 180).is_empty(), "what was told is not told again");
    assert_eq!(titles(&house.progress(&line, 200)), ["NOTIFY 200 terminated;reason=noresource"]);
    assert!(house.progress(&line, 486).is_empty(), "a result is told once");
    assert!(house.stands(&mut line), "the transfer ends no call by itself");
    house.assert_empty();
}

#[test]
fn one_notify_is_under_way_at_a_time_and_the_newest_waits() {
    let mut house = House::new();
    let mut line = house.call();
    house.within(&mut line, "REFER", TRANSFER);
    house.end.accept_refer(house.now, line.id);
    let first = house.sent().remove(1);
    assert!(house.progress(&line, 180).is_empty() && house.progress(&line, 183).is_empty());
    let second = house.reply(&first, 200, &[]);
    assert_eq!(titles(&second), ["NOTIFY 183 active"]);
    assert!(house.progress(&line, 487).is_empty());
    assert!(house.progress(&line, 200).is_empty(), "the first result holds");
    let third = house.reply(&second[0], 200, &[]);
    assert_eq!(titles(&third), ["NOTIFY 487 terminated;reason=noresource"]);
    house.assert_empty();
}

#[test]
fn a_phone_that_hangs_up_after_its_202_still_hears_the_result_in_the_same_dialog() {
    for leaves in ["phone", "house"] {
        let mut house = House::new();
        let mut line = house.transferring();
        if leaves == "phone" {
            assert_eq!(titles(&house.within(&mut line, "BYE", "")), ["200"]);
            assert!(matches!(house.events()[..], [Event::Ended { .. }]));
            assert_eq!(house.end.counts().dialogs, 0, "the call is over");
        } else {
            house.end.bye(house.now, line.id, None);
            let bye = house.sent().remove(0);
            house.reply(&bye, 200, &[]);
        }
        let ringing = house.progress(&line, 180).remove(0);
        assert_eq!(ringing.title(), "NOTIFY 180 active");
        assert_eq!(ringing.get().call_id().unwrap(), line.call_id);
        assert_eq!(ringing.get().from().unwrap().tag(), Some(line.house.as_str()));
        assert_eq!(ringing.get().to().unwrap().tag(), Some(line.phone.as_str()));
        let number = ringing.get().cseq().unwrap().number;
        assert_eq!(number, if leaves == "phone" { 2 } else { 3 }, "the dialog's count goes on");
        house.reply(&ringing, 200, &[]);
        for method in ["BYE", "OPTIONS", "INFO", "INVITE", "REFER", "NOTIFY"] {
            assert_eq!(titles(&house.within(&mut line, method, "")), ["481"], "{method}");
        }
        let asked = house.within(&mut line, "SUBSCRIBE", "Event: refer\r\n");
        assert_eq!(titles(&asked), ["200", "NOTIFY 180 active"]);
        house.reply(&asked[1], 200, &[]);
        let last = house.progress(&line, 486);
        assert_eq!(titles(&last), ["NOTIFY 486 terminated;reason=noresource"]);
        assert!(house.end.referrals.is_empty() && house.end.by_tag.is_empty(), "no leak");
        house.assert_empty();
    }
}

#[test]
fn a_bye_while_the_first_notify_is_under_way_loses_nothing() {
    let mut house = House::new();
    let mut line = house.call();
    house.within(&mut line, "REFER", TRANSFER);
    house.end.accept_refer(house.now, line.id);
    let first = house.sent().remove(1);
    house.within(&mut line, "BYE", "");
    assert!(house.progress(&line, 200).is_empty());
    let last = house.reply(&first, 200, &[]);
    assert_eq!(titles(&last), ["NOTIFY 200 terminated;reason=noresource"]);
    house.assert_empty();
}

#[test]
fn a_bye_before_the_decision_answers_the_refer_with_487() {
    let mut house = House::new();
    let mut line = house.call();
    house.within(&mut line, "REFER", TRANSFER);
    let sent = house.within(&mut line, "BYE", "");
    assert_eq!(titles(&sent), ["200", "487"]);
    house.end.accept_refer(house.now, line.id);
    assert!(house.sent().is_empty() && house.progress(&line, 200).is_empty());
    house.assert_empty();
}

#[test]
fn a_refusal_has_its_status_and_its_sentence() {
    for (asked, status) in [(403, 403), (603, 603), (200, 500), (0, 500)] {
        let mut house = House::new();
        let mut line = house.call();
        house.within(&mut line, "REFER", TRANSFER);
        house.end.refuse_refer(house.now, line.id, asked, "Not \"now\"\r\nEvil: 1");
        let answer = house.sent().remove(0);
        assert_eq!(answer.get().status(), Some(status));
        assert_eq!(answer.text(HeaderName::Warning), "399 dozvon \"Not 'now'  Evil: 1\"");
        house.end.accept_refer(house.now, line.id);
        assert!(house.sent().is_empty() && house.stands(&mut line));
        house.assert_empty();
    }
}

#[test]
fn a_switch_that_does_not_decide_a_refer_is_helped_out() {
    let mut house = House::new();
    let mut line = house.call();
    house.within(&mut line, "REFER", TRANSFER);
    assert!(house.wait(limits::REFER_WAIT - ms(1)).is_empty());
    assert_eq!(titles(&house.wait(ms(1))), ["500"]);
    house.end.accept_refer(house.now, line.id);
    assert!(house.sent().is_empty() && house.stands(&mut line));
    house.assert_empty();
}

#[test]
fn a_repeated_refer_is_one_referral_and_gets_the_same_answer() {
    let mut house = House::new();
    let mut line = house.call();
    line.cseq = 5;
    let text = house.request(&line, "REFER", TRANSFER);
    assert!(house.feed(&text).is_empty() && house.feed(&text).is_empty());
    assert_eq!(house.events().len(), 1);
    house.end.refuse_refer(house.now, line.id, 403, "no");
    assert_eq!(titles(&house.sent()), ["403"]);
    assert_eq!(titles(&house.feed(&text)), ["403"]);
    house.assert_empty();
}

#[test]
fn a_second_refer_waits_for_the_first_and_then_has_its_number_in_every_notify() {
    let mut house = House::new();
    let mut line = house.transferring();
    let busy = house.within(&mut line, "REFER", TRANSFER);
    assert_eq!(titles(&busy), ["491"]);
    assert!(busy[0].text(HeaderName::Warning).contains("still under way"));
    assert!(house.events().is_empty());
    house.progress(&line, 503);
    house.within(&mut line, "REFER", TRANSFER);
    house.end.accept_refer(house.now, line.id);
    let sent = house.sent();
    assert_eq!(sent[1].text(HeaderName::Event), format!("refer;id={}", line.cseq));
    house.reply(&sent[1], 200, &[]);
    let last = house.progress(&line, 200);
    assert_eq!(last[0].text(HeaderName::Event), format!("refer;id={}", line.cseq));
    house.assert_empty();
}

#[test]
fn who_asked_not_to_hear_of_it_gets_202_and_nothing_more() {
    for (value, silent) in
        [("false", true), ("FALSE;x=1", true), ("true", false), ("perhaps", false)]
    {
        let mut house = House::new();
        let mut line = house.call();
        let headers = format!("{TRANSFER}Refer-Sub: {value}\r\nRequire: norefersub\r\n");
        house.within(&mut line, "REFER", &headers);
        house.end.accept_refer(house.now, line.id);
        let sent = house.sent();
        assert_eq!(
            sent[0].text(HeaderName::ReferSub),
            if silent { "false" } else { "" },
            "{value}"
        );
        assert_eq!(sent.len(), if silent { 1 } else { 2 }, "{value}");
        assert_eq!(house.end.referrals.is_empty(), silent);
        assert!(!silent || house.progress(&line, 200).is_empty());
        house.assert_empty();
    }
}

#[test]
fn refers_that_cannot_be_followed_get_their_status_and_a_sentence() {
    let long = format!("{TRANSFER}Referred-By: <sip:{}@h>\r\n", "x".repeat(512));
    for (headers, status) in [
        ("", 400),
        ("Refer-To: <sip:200@h\r\n", 400),
        ("Refer-To: <sip:200@h>, <sip:201@h>\r\n", 400),
        ("Refer-To: <sip:200@h>\r\nr: <sip:201@h>\r\n", 400),
        ("Refer-To: <sip:200@h?Replaces=c1>\r\n", 400),
        ("Refer-To: <https://bank.example/>\r\n", 416),
        ("Refer-To: <sip:200@h;method=BYE>\r\n", 501),
        ("Refer-To: <sip:200@h>\r\nReferred-By: <sip:\r\n", 400),
        ("Refer-To: <sip:200@h>\r\nReferred-By: <sip:a@h>\r\nb: <sip:b@h>\r\n", 400),
        ("Refer-To: <sip:200@h>\r\nReplaces: c;to-tag=1;from-tag=2\r\n", 400),
        ("Refer-To: <sip:200@h>\r\nRequire: tdialog\r\n", 420),
        (&long, 400),
    ] {
        let mut house = House::new();
        let mut line = house.call();
        let sent = house.within(&mut line, "REFER", headers);
        assert_eq!(titles(&sent), [status.to_string()], "{headers}");
        assert!(sent[0].text(HeaderName::Warning).starts_with("399 dozvon \""), "{headers}");
        assert!(house.events().is_empty() && house.stands(&mut line), "{headers}");
        house.assert_empty();
    }
}

#[test]
fn a_call_that_is_not_answered_cannot_be_transferred() {
    let mut house = House::new();
    let (mut line, _) = house.ringing("");
    assert_eq!(titles(&house.within(&mut line, "REFER", TRANSFER)), ["403"]);
    house.end.answer(house.now, line.id, b"v=0");
    house.sent();
    assert!(
        house.within(&mut line, "REFER", TRANSFER).is_empty(),
        "the ACK may still be on its way"
    );
    house.end.bye(house.now, line.id, None);
    assert_eq!(titles(&house.within(&mut line, "REFER", TRANSFER)), ["481"]);
    house.assert_empty();
}

#[test]
fn at_the_bound_of_referrals_a_refer_gets_503() {
    let mut house = House::new();
    for _ in 0..limits::REFERRALS_MAX {
        house.now = house.now + ms(10);
        let mut line = house.call();
        house.within(&mut line, "REFER", TRANSFER);
        house.end.accept_refer(house.now, line.id);
        house.sent();
    }
    let mut line = house.call();
    let sent = house.within(&mut line, "REFER", TRANSFER);
    assert_eq!(titles(&sent), ["503"]);
    assert_eq!(sent[0].text(HeaderName::RetryAfter), "10");
    house.assert_empty();
}

#[test]
fn a_reason_cannot_begin_a_line_in_the_body() {
    let mut house = House::new();
    let line = house.transferring();
    house.end.refer_progress(house.now, line.id, 486, "Busy\r\nContact: <sip:evil@h>\r\n\r\n\0");
    let sent = house.sent();
    assert_eq!(sent[0].body(), "SIP/2.0 486 BusyContact: <sip:evil@h>\r\n");
    house.assert_empty();
    let mut house = House::new();
    let line = house.transferring();
    let max = limits::EXTRA_HEADER_BYTES_MAX;
    house.end.refer_progress(house.now, line.id, 486, &"x".repeat(max + 1));
    assert_eq!(house.sent()[0].body().len(), "SIP/2.0 486 \r\n".len() + max);
    house.assert_empty();
}

// === the subscription ===

#[test]
fn a_notify_that_fails_ends_the_subscription_and_not_the_call() {
    for status in [481, 489, 500, 404] {
        let mut house = House::new();
        let mut line = house.transferring();
        let sent = house.progress(&line, 180);
        assert!(house.reply(&sent[0], status, &[]).is_empty());
        assert!(house.progress(&line, 200).is_empty(), "{status}");
        assert!(house.events().is_empty() && house.stands(&mut line), "{status}");
        house.assert_empty();
    }
    let mut house = House::new();
    let mut line = house.transferring();
    house.progress(&line, 180);
    assert_eq!(house.wait(secs(33)).len(), 10, "repeated as timer E has it");
    assert!(house.progress(&line, 200).is_empty());
    assert!(house.events().is_empty() && house.stands(&mut line));
    house.assert_empty();
}

#[test]
fn a_busy_phone_is_told_the_next_time() {
    let mut house = House::new();
    let line = house.transferring();
    let sent = house.progress(&line, 180);
    house.reply(&sent[0], 503, &[(HeaderName::RetryAfter, "3")]);
    assert_eq!(titles(&house.progress(&line, 200)), ["NOTIFY 200 terminated;reason=noresource"]);
    house.assert_empty();
}

#[test]
fn an_answer_to_the_last_referral_means_nothing_to_the_next() {
    let mut house = House::new();
    let mut line = house.transferring();
    let old = house.progress(&line, 180).remove(0);
    house.within(&mut line, "SUBSCRIBE", "Event: refer\r\nExpires: 0\r\n");
    // The first one's NOTIFY is not answered; its lifetime passes, and another transfer begins.
    house.wait(secs(31));
    let late = house.reply(&old, 200, &[]);
    assert_eq!(titles(&late), ["NOTIFY 180 terminated;reason=timeout"]);
    house.within(&mut line, "REFER", TRANSFER);
    house.end.accept_refer(house.now, line.id);
    let sent = house.sent();
    assert!(house.reply(&late[0], 481, &[]).is_empty() && house.reply(&old, 481, &[]).is_empty());
    house.reply(&sent[1], 200, &[]);
    assert_eq!(house.progress(&line, 200).len(), 1, "the new one lives");
    house.assert_empty();
}

#[test]
fn a_subscription_can_be_asked_and_ended_but_not_lengthened() {
    let mut house = House::new();
    let mut line = house.transferring();
    house.wait(secs(60));
    let sent = house.within(&mut line, "SUBSCRIBE", "Event: refer\r\nExpires: 3600\r\n");
    assert_eq!(titles(&sent), ["200", "NOTIFY 100 active"]);
    assert_eq!(sent[0].text(HeaderName::Expires), "600");
    assert_eq!(sent[1].text(HeaderName::SubscriptionState), "active;expires=600");
    house.reply(&sent[1], 200, &[]);
    for (event, status) in
        [("refer;id=77", "481"), ("presence", "489"), ("refer;id=\"x\"", "481"), ("", "489")]
    {
        let headers = if event.is_empty() { String::new() } else { format!("Event: {event}\r\n") };
        assert_eq!(titles(&house.within(&mut line, "SUBSCRIBE", &headers)), [status], "{event}");
    }
    let sent = house.within(&mut line, "SUBSCRIBE", "o: refer\r\nExpires: 0\r\n");
    assert_eq!(titles(&sent), ["200", "NOTIFY 100 terminated;reason=timeout"]);
    assert_eq!(sent[0].text(HeaderName::Expires), "0");
    assert_eq!(titles(&house.within(&mut line, "SUBSCRIBE", "Event: refer\r\n")), ["481"]);
    assert!(house.progress(&line, 200).is_empty() && house.stands(&mut line));
    house.assert_empty();
}

#[test]
fn a_subscription_ends_by_itself() {
    let mut house = House::new();
    let mut line = house.transferring();
    house.within(&mut line, "BYE", "");
    assert!(house.wait(limits::REFERRAL_MAX - ms(1)).is_empty());
    assert_eq!(titles(&house.wait(ms(1))), ["NOTIFY 100 terminated;reason=timeout"]);
    house.assert_empty();
}

#[test]
fn notifies_of_strangers_within_a_call_are_refused() {
    let mut house = House::new();
    let mut line = house.call();
    for (event, status) in [("refer", "481"), ("talk", "489"), ("check-sync", "489")] {
        let headers = format!("Event: {event}\r\nSubscription-State: active\r\n");
        let sent = house.within(&mut line, "NOTIFY", &headers);
        assert_eq!(titles(&sent), [status], "{event}");
        assert_eq!(status == "489", sent[0].get().has(HeaderName::AllowEvents));
    }
    assert!(house.stands(&mut line));
    house.assert_empty();
}

#[test]
fn a_connection_that_closes_is_asked_for_again_when_the_result_is_told() {
    let mut house = House::new();
    house.path = Path::tcp(ConnectionId(4), house.path.local, house.path.remote);
    let mut line = house.transferring();
    house.within(&mut line, "BYE", "");
    house.end.handle(house.now, Input::Closed(ConnectionId(4)));
    house.end.refer_progress(house.now, line.id, 200, "");
    let transmit = house.end.poll_transmit().unwrap();
    assert_eq!((transmit.path.connection, transmit.path.remote), (None, house.path.remote));
    house.assert_empty();
}

// === which call is meant ===

#[test]
fn an_attended_transfer_names_the_other_call_by_its_tags_as_the_phone_sees_them() {
    let mut house = House::new();
    let mut first = house.call();
    let second = house.call();
    let (unanswered, _) = house.ringing("");
    let swapped =
        format!("{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", second.call_id, second.phone, second.house);
    let foreign = "x%40pbx%3Bto-tag%3D1%3Bfrom-tag%3D2";
    let of = |escaped: &str| Replacement::Foreign(crate::message::unescape(escaped).into_owned());
    for (escaped, expected) in [
        (second.escaped(), Ok(Replacement::Ours(second.id))),
        (unanswered.escaped(), Ok(Replacement::Ours(unanswered.id))),
        (swapped.clone(), Ok(of(&swapped))),
        (foreign.into(), Ok(of(foreign))),
        (
            second.escaped().replace("@phone", "@Phone"),
            Ok(of(&second.escaped().replace("@p", "@P"))),
        ),
        (format!("{}%3Bearly-only", second.escaped()), Err("486")),
        (format!("{}%3Bearly-only", unanswered.escaped()), Ok(Replacement::Ours(unanswered.id))),
        (first.escaped(), Err("400")),
    ] {
        let headers = format!("Refer-To: <sip:300@dozvon.test?Replaces={escaped}>\r\n");
        let sent = house.within(&mut first, "REFER", &headers);
        match (expected, house.events().pop()) {
            (Ok(expected), Some(Event::Referred { replaces, .. })) => {
                assert_eq!(replaces, Some(expected), "{escaped}");
                house.end.refuse_refer(house.now, first.id, 603, "no");
                house.sent();
            }
            (Err(status), None) => assert_eq!(titles(&sent), [status], "{escaped}"),
            other => panic!("{escaped}: {other:?}"),
        }
    }
    let (mut gone, escaped) = (second.clone(), second.escaped());
    house.within(&mut gone, "BYE", "");
    house.events();
    let headers = format!("Refer-To: <sip:300@dozvon.test?Replaces={escaped}>\r\n");
    assert_eq!(titles(&house.within(&mut first, "REFER", &headers)), ["603"]);
    house.assert_empty();
}

#[test]
fn an_invite_may_take_the_place_of_a_standing_call() {
    let mut house = House::new();
    let old = house.call();
    let (new, replaced) =
        house.ringing(&format!("Require: replaces\r\nReplaces: {}\r\n", old.replaces()));
    assert_eq!(replaced, Some(Replaced { dialog: old.id, early_only: false, over: false }));
    house.end.answer(house.now, new.id, b"v=0");
    house.end.bye(house.now, old.id, None);
    let sent = house.sent();
    assert_eq!(titles(&sent), ["200", "BYE"]);
    assert!(sent[0].get().lists(HeaderName::Supported, "replaces"));
    house.assert_empty();
}

#[test]
fn an_invite_that_may_not_replace_is_refused_before_the_switch_hears_of_it() {
    let mut house = House::new();
    let standing = house.call();
    let (unanswered, _) = house.ringing("");
    let mut ended = house.call();
    house.within(&mut ended, "BYE", "");
    let leaving = house.call();
    house.end.bye(house.now, leaving.id, None);
    house.sent();
    house.events();
    let Line { call_id, phone, house: tag, .. } = &standing;
    for (value, status) in [
        ("nobody;to-tag=1;from-tag=2".to_string(), "481"),
        (format!("{call_id};to-tag={phone};from-tag={tag}"), "481"),
        (format!("{call_id};to-tag={tag};from-tag=0"), "481"),
        (format!("other;to-tag={tag};from-tag={phone}"), "481"),
        (unanswered.replaces(), "481"),
        (format!("{};early-only", unanswered.replaces()), "481"),
        (ended.replaces(), "603"),
        (leaving.replaces(), "603"),
        (ended.replaces().replace("from-tag=f", "from-tag=g"), "481"),
        (format!("{};early-only", standing.replaces()), "486"),
        (format!("{0}\r\nReplaces: {0}", standing.replaces()), "400"),
        (format!("{0}, {0}", standing.replaces()), "400"),
        (format!("{}\r\nJoin: {}", standing.replaces(), standing.replaces()), "400"),
        ("x".to_string(), "400"),
        (String::new(), "400"),
    ] {
        let before = house.end.counts();
        let (_, sent) = house.invite(&format!("Replaces: {value}\r\n"));
        assert_eq!(titles(&sent), [status], "{value}");
        assert!(sent[0].get().has(HeaderName::Warning) && house.events().is_empty(), "{value}");
        assert_eq!(house.end.counts(), before, "{value}");
    }
    let mut line = standing.clone();
    let headers = format!("Replaces: {}\r\n", standing.replaces());
    for method in ["BYE", "INVITE", "UPDATE", "OPTIONS"] {
        assert_eq!(titles(&house.within(&mut line, method, &headers)), ["400"], "{method}");
    }
    // What is long over is not remembered.
    house.wait(secs(33));
    let (_, sent) = house.invite(&format!("Replaces: {}\r\n", ended.replaces()));
    assert_eq!(titles(&sent), ["481"]);
    house.assert_empty();
}

/// A call that broke may be wanted back by its phone, which does not know that it is over; one that was hung up not.
#[test]
fn a_call_that_broke_a_moment_ago_is_told_of_as_over() {
    let mut house = House::new();
    let line = house.call();
    house.end.reoffer(house.now, line.id, b"v=1");
    let sent = house.sent().remove(0);
    house.reply(&sent, 481, &[]);
    assert!(matches!(house.events()[..], [Event::Ended { cause: Cause::Timeout, .. }]));
    let headers = format!("Replaces: {}\r\n", line.replaces());
    let (_, replaced) = house.ringing(&headers);
    assert_eq!(replaced, Some(Replaced { dialog: line.id, early_only: false, over: true }));
    let (_, sent) = house.invite(&headers.replace("\r\n", ";early-only\r\n"));
    assert_eq!(titles(&sent), ["486"]);
    let (_, sent) = house.invite(&headers.replace("from-tag=f", "from-tag=g"));
    assert_eq!(titles(&sent), ["481"]);
    house.wait(secs(33));
    let (_, sent) = house.invite(&headers);
    assert_eq!(titles(&sent), ["481"], "what is long over is not remembered");
    house.assert_empty();
}

/// Nothing new begins while the house goes down, but who takes up a call that runs brings nothing new.
#[test]
fn a_draining_endpoint_lets_a_running_call_be_taken_up() {
    let mut house = House::new();
    let old = house.call();
    house.end.draining(true);
    let (_, refused) = house.invite("");
    assert_eq!(titles(&refused), ["503"]);
    let (new, replaced) = house.ringing(&format!("Replaces: {}\r\n", old.replaces()));
    assert_eq!(replaced.map(|replaced| replaced.dialog), Some(old.id));
    house.end.answer(house.now, new.id, b"v=0");
    assert_eq!(titles(&house.sent()), ["200"]);
    house.assert_empty();
}

#[test]
fn a_ringing_call_of_ours_may_be_picked_up() {
    let mut house = House::new();
    let (mut line, sent) = house.calling();
    let id = line.id;
    let replaces = format!("Replaces: {};early-only\r\n", line.replaces());
    let (_, refused) = house.invite(&replaces);
    assert_eq!(titles(&refused), ["481"], "nobody rings yet");
    house.reply(&sent, 180, &[]);
    house.events();
    let transfers = house.within(&mut line, "REFER", TRANSFER);
    assert_eq!(titles(&transfers), ["403"], "who has not answered cannot transfer");
    let (_, replaced) = house.ringing(&replaces);
    assert_eq!(replaced, Some(Replaced { dialog: id, early_only: true, over: false }));
    house.end.bye(house.now, id, None);
    let (_, refused) = house.invite(&replaces);
    assert_eq!(titles(&refused), ["CANCEL", "603"]);
    house.assert_empty();
}

#[test]
fn of_many_forks_that_ring_the_first_eight_may_be_replaced() {
    let mut house = House::new();
    let (line, sent) = house.calling();
    let text = |n: usize| {
        let writer =
            MessageWriter::response_to(&sent.get(), 180, None, Some(&format!("pt{n}")), None);
        String::from_utf8(writer.finish()).unwrap()
    };
    for n in 0..=limits::FORKS_MAX {
        house.feed(&text(n));
    }
    house.events();
    for (n, found) in [(0, true), (limits::FORKS_MAX - 1, true), (limits::FORKS_MAX, false)] {
        let value = Line { phone: format!("pt{n}"), ..line.clone() }.replaces();
        let (_, sent) = house.invite(&format!("Replaces: {value}\r\n"));
        assert_eq!(titles(&sent), [if found { "100" } else { "481" }], "{n}");
    }
    house.assert_empty();
}

// === offers that cross ===

/// A re-INVITE of the phone's.
fn hold(house: &mut House, line: &mut Line) -> Vec<Sent> {
    line.cseq += 1;
    let text = house.request(line, "INVITE", "").replace("Content-Length: 0\r\n\r\n", SDP);
    house.feed(&text)
}

#[test]
fn a_hold_that_crosses_our_reinvite_is_491_both_ways_and_both_come_through() {
    for we_first in [true, false] {
        let mut house = House::new();
        let mut line = house.transferring();
        // The switch joins the two ends; at the same moment the phone is put on hold.
        house.end.reoffer(house.now, line.id, b"v=1");
        let ours = house.sent().remove(0);
        assert_eq!(titles(&hold(&mut house, &mut line)), ["491"]);
        assert_eq!(titles(&house.reply(&ours, 491, &[])), ["ACK"]);
        assert!(house.events().is_empty(), "glare is retried and not told");
        let again = |house: &mut House, time| {
            let sent = house.wait(time);
            sent.into_iter().find(|sent| sent.get().method() == Some(Method::Invite))
        };
        if we_first {
            // Who does not own the Call-ID waits up to two seconds, the phone longer (RFC 3261 §14.1).
            let ours = again(&mut house, secs(2)).expect("our offer again");
            assert_eq!(titles(&house.reply(&ours, 200, &[])), ["ACK"]);
            assert!(matches!(house.events()[..], [Event::OfferAnswered { .. }]));
            assert_eq!(titles(&hold(&mut house, &mut line)), ["100"]);
        } else {
            // The phone is faster than it should be: ours waits until its hold is through.
            assert_eq!(titles(&hold(&mut house, &mut line)), ["100"]);
            assert!(again(&mut house, secs(5)).is_none(), "ours is held back");
        }
        assert!(matches!(house.events()[..], [Event::Offered { .. }]));
        house.end.accept_offer(house.now, line.id, b"v=2");
        assert_eq!(titles(&house.sent()), ["200"]);
        let cseq = line.cseq;
        line.cseq -= 1;
        let acked = house.within(&mut line, "ACK", "");
        line.cseq = cseq;
        if we_first {
            assert!(acked.is_empty());
        } else {
            assert_eq!(titles(&acked), ["INVITE"], "now it is our turn");
            assert_eq!(titles(&house.reply(&acked[0], 200, &[])), ["ACK"]);
            assert!(matches!(house.events()[..], [Event::OfferAnswered { .. }]));
        }
        let told = house.progress(&line, 200);
        assert_eq!(titles(&told), ["NOTIFY 200 terminated;reason=noresource"]);
        assert!(house.stands(&mut line));
        house.assert_empty();
    }
}
