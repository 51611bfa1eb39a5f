//! What strangers send: floods, nonsense, forgeries. Every answer is counted.

use super::super::*;
use super::register::Phone;
use super::wire::{config, ms, secs, start};
use crate::message::HeaderName;

fn invite(serial: u32, headers: &str) -> String {
    format!(
        "INVITE sip:hotline@dozvon.test SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bK{serial};rport\r\n\
         From: <sip:x@dozvon.test>;tag=f{serial}\r\nTo: <sip:hotline@dozvon.test>\r\n\
         Call-ID: c{serial}\r\nCSeq: 1 INVITE\r\nContact: <sip:x@10.0.0.7>\r\n\
         Max-Forwards: 70\r\n{headers}Content-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0"
    )
}

fn statuses(phone: &mut Phone, text: &str) -> Vec<u16> {
    phone.exchange(text.as_bytes()).iter().map(|answer| answer.status).collect()
}

fn last_invited(phone: &mut Phone) -> Option<DialogId> {
    std::iter::from_fn(|| phone.end.poll_event())
        .filter_map(|event| match event {
            Event::Invited { dialog, .. } => Some(dialog),
            _other => None,
        })
        .last()
}

fn sent(phone: &mut Phone) -> Vec<u16> {
    let transmits = std::iter::from_fn(|| phone.end.poll_transmit());
    transmits.map(|t| Message::parse(&t.bytes).unwrap().status().unwrap_or(0)).collect()
}

#[test]
fn a_challenged_stranger_gets_one_packet_for_each_he_sends() {
    let mut phone = Phone::new();
    let text = invite(1, "");
    assert!(statuses(&mut phone, &text).is_empty(), "no 100 before the switch has decided");
    let dialog = last_invited(&mut phone).unwrap();
    phone.end.challenge(phone.now, dialog);
    let transmit = phone.end.poll_transmit().unwrap();
    assert!(transmit.bytes.len() <= 3 * text.len(), "{} for {}", transmit.bytes.len(), text.len());
    assert!(phone.end.poll_transmit().is_none());
    for _ in 0..40 {
        phone.now = phone.now + secs(1);
        phone.end.handle_timeout(phone.now);
        assert!(phone.end.poll_transmit().is_none(), "never unasked");
    }
    assert_eq!(phone.end.counts(), Counts::default());
}

#[test]
fn the_shortest_request_is_not_worth_forging_for_the_length_of_its_challenge() {
    for method in ["INVITE", "REGISTER"] {
        let mut phone = Phone::new();
        let text = format!(
            "{method} sip:192.0.2.1 SIP/2.0\r\nv:SIP/2.0/UDP 198.51.100.7:41000;branch=z9hG4bKabcd;rport\r\n\
             f:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\ni:abcdef\r\nCSeq:1 {method}\r\nm:<sip:a@b>\r\nl:0\r\n\r\n"
        );
        let input = Input::Datagram { path: phone.path, bytes: text.as_bytes() };
        phone.end.handle(phone.now, input);
        if let Some(dialog) = last_invited(&mut phone) {
            phone.end.challenge(phone.now, dialog);
        }
        let challenge = phone.end.poll_transmit().unwrap().bytes;
        assert_eq!(Message::parse(&challenge).unwrap().status(), Some(401));
        assert!(challenge.len() <= 3 * text.len(), "{} for {}", challenge.len(), text.len());
    }
}

#[test]
fn a_retransmitted_invite_is_one_dialog_and_its_refusal_is_repeated() {
    let mut phone = Phone::new();
    let text = invite(1, "");
    statuses(&mut phone, &text);
    statuses(&mut phone, &text);
    let dialog = last_invited(&mut phone).unwrap();
    assert_eq!(phone.end.counts().dialogs, 1);
    phone.end.refuse(phone.now, dialog, Refusal::new(404));
    assert_eq!(sent(&mut phone), [404]);
    assert_eq!(statuses(&mut phone, &text), [404]);
    assert_eq!(last_invited(&mut phone), None);
    let ack = text.replace("INVITE", "ACK").replace("v=0", "   ");
    assert!(statuses(&mut phone, &ack).is_empty());
}

#[test]
fn a_stranger_who_must_wait_hears_100_within_200_ms() {
    let mut phone = Phone::new();
    statuses(&mut phone, &invite(1, ""));
    assert_eq!(phone.end.poll_timeout(), Some(phone.now + ms(100)));
    phone.now = phone.now + ms(100);
    phone.end.handle_timeout(phone.now);
    assert_eq!(sent(&mut phone), [100]);
    let dialog = last_invited(&mut phone).unwrap();
    phone.end.refuse(phone.now, dialog, Refusal::new(486));
    assert_eq!(sent(&mut phone), [486]);
    phone.now = phone.now + ms(500);
    phone.end.handle_timeout(phone.now);
    assert_eq!(sent(&mut phone), [486], "now the caller waits, so timer G runs");
}

#[test]
fn requests_that_cannot_be_served_get_their_status() {
    let swap = |from: &'static str, to: &'static str| invite(1, "").replace(from, to);
    for (text, status, header) in [
        (invite(1, "Require: 100rel, timer\r\n"), 420, "Unsupported: 100rel\r\n"),
        (swap("INVITE", "PRACKX"), 501, "Allow: INVITE,"),
        (swap("INVITE", "SUBSCRIBE"), 489, "Allow-Events: refer\r\n"),
        (invite(1, "Event: refer\r\n").replace("INVITE", "SUBSCRIBE"), 403, ""),
        (swap("INVITE", "NOTIFY"), 489, "Allow-Events: refer\r\n"),
        (invite(1, "Event: keep-alive\r\n").replace("INVITE", "NOTIFY"), 489, ""),
        (invite(1, "Event: refer\r\n").replace("INVITE", "NOTIFY"), 481, ""),
        (invite(1, "Refer-To: <sip:200@h>\r\n").replace("INVITE", "REFER"), 403, ""),
        (swap("INVITE", "MESSAGE"), 405, "Allow: INVITE,"),
        (swap("application/sdp", "text/plain"), 415, "Accept: application/sdp\r\n"),
        (swap("sip:hotline@dozvon.test SIP", "http://x SIP"), 416, ""),
        (swap("<sip:hotline@dozvon.test>\r\n", "<sip:hotline@dozvon.test>;tag=x\r\n"), 481, ""),
        (swap("INVITE", "BYE"), 481, ""),
        (swap(";tag=f1", ";tag"), 400, ""),
        (swap("@dozvon.test>\r\nCall-ID", "@dozvon.test>;tag\r\nCall-ID"), 400, ""),
        (swap("INVITE", "CANCEL"), 481, ""),
        (swap("Contact: <sip:x@10.0.0.7>\r\n", ""), 400, ""),
        (swap("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400, ""),
        (swap("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505, ""),
        (invite(1, "Supported: timer\r\nSession-Expires: 30\r\n"), 422, "Min-SE: 90\r\n"),
    ] {
        let mut phone = Phone::new();
        let answers = phone.exchange(text.as_bytes());
        assert_eq!(answers.len(), 1, "{text}");
        assert_eq!(answers[0].status, status, "{text}");
        assert!(answers[0].text.contains("Warning: 399 dozvon \""), "{}", answers[0].text);
        assert!(answers[0].text.contains(header), "{}", answers[0].text);
        assert_eq!(phone.end.counts(), Counts::default(), "{text}");
        assert_eq!(last_invited(&mut phone), None);
    }
}

#[test]
fn options_says_what_we_can() {
    let mut phone = Phone::new();
    let text = invite(1, "").replace("INVITE", "OPTIONS");
    let answer = phone.exchange(text.as_bytes()).pop().unwrap();
    assert_eq!(answer.status, 200);
    for header in [
        "Allow: INVITE",
        "Accept: application/sdp",
        "Supported: timer, path, replaces",
        "Allow-Events: refer\r\n",
    ] {
        assert!(answer.text.contains(header), "{}", answer.text);
    }
    phone.end.draining(true);
    let answer = phone.exchange(text.as_bytes()).pop().unwrap();
    assert!(answer.status == 503 && answer.text.contains("Retry-After: 10\r\n"));
}

#[test]
fn the_same_call_over_another_way_is_482() {
    let mut phone = Phone::new();
    let first = invite(1, "");
    statuses(&mut phone, &first);
    let merged = first.replace("z9hG4bK1", "z9hG4bKfork");
    assert_eq!(statuses(&mut phone, &merged), [482]);
}

#[test]
fn nonsense_and_scanners_are_not_answered() {
    let mut phone = Phone::new();
    let scanner = invite(1, "User-Agent: friendly-scanner\r\n").replace("INVITE", "OPTIONS");
    for text in ["GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", "\0\0\0", "SIP/2.0 200 OK\r\n\r\n", &scanner]
    {
        assert!(statuses(&mut phone, text).is_empty(), "{text}");
    }
}

#[test]
fn nothing_is_sent_to_many_at_once() {
    for remote in ["255.255.255.255:5060", "224.0.1.75:5060", "0.0.0.0:5060", "192.0.2.7:0"] {
        let mut phone = Phone::new();
        phone.path.remote = remote.parse().unwrap();
        let text = invite(1, "").replace("INVITE", "OPTIONS");
        assert!(statuses(&mut phone, &text).is_empty(), "{remote}");
    }
}

#[test]
fn a_request_out_of_order_in_a_dialog_is_500() {
    let mut phone = Phone::new();
    let text = invite(1, "");
    statuses(&mut phone, &text);
    let dialog = last_invited(&mut phone).unwrap();
    phone.end.answer(phone.now, dialog, b"v=0");
    let ok = phone.end.poll_transmit().unwrap().bytes;
    let ok = Message::parse(&ok).unwrap();
    let to = String::from_utf8_lossy(ok.value(HeaderName::To).unwrap()).into_owned();
    let within = |method: &str, cseq: u32| {
        text.replace("INVITE", method)
            .replace("z9hG4bK1", &format!("z9hG4bK{method}{cseq}"))
            .replace("<sip:hotline@dozvon.test>\r\n", &format!("{to}\r\n"))
            .replace("CSeq: 1", &format!("CSeq: {cseq}"))
    };
    assert!(statuses(&mut phone, &within("ACK", 1)).is_empty());
    assert_eq!(statuses(&mut phone, &within("OPTIONS", 9)), [200]);
    assert_eq!(statuses(&mut phone, &within("OPTIONS", 5)), [500]);
    assert_eq!(statuses(&mut phone, &within("REFER", 10)), [400]);
    assert_eq!(statuses(&mut phone, &within("BYE", 11)), [200]);
    assert_eq!(statuses(&mut phone, &within("OPTIONS", 12)), [481]);
}

#[test]
fn a_flood_of_invites_leaves_the_tables_small_and_others_served() {
    let mut end = Endpoint::new(config("192.0.2.1:5060", 1), start());
    let local = "192.0.2.1:5060".parse().unwrap();
    let attacker = Path::udp(local, "203.0.113.66:9999".parse().unwrap());
    let honest = Path::udp(local, "198.51.100.7:5060".parse().unwrap());
    let mut now = start();
    let (mut answered, mut served, mut packets) = (0, 0, 0);
    for serial in 0..50_000_u32 {
        now = now + std::time::Duration::from_micros(200);
        end.handle_timeout(now);
        let from_honest = serial % 5000 == 0;
        let path = if from_honest { honest } else { attacker };
        let text = invite(serial, "");
        end.handle(now, Input::Datagram { path, bytes: text.as_bytes() });
        while let Some(event) = end.poll_event() {
            if let Event::Invited { dialog, source, .. } = event {
                served += usize::from(source == honest);
                answered += 1;
                end.answer(now, dialog, b"v=0");
            }
        }
        while end.poll_transmit().is_some() {
            packets += 1;
        }
    }
    assert_eq!(served, 10, "the honest source is served");
    let counts = end.counts();
    assert!(counts.dialogs <= 100 + 10 && counts.transactions <= 300, "{counts:?}");
    assert!(answered <= 270 && packets < 5000, "{answered} answered, {packets} packets");
}
