//! Calls over streams: nothing is retransmitted but the 2xx, and connections come and go.

use super::super::*;
use super::wire::{A, B, config, invite_to_b, ms, secs, start, title};
use std::time::Duration;

/// A TCP caller, answered by hand over connection 7.
struct Caller {
    end: Endpoint,
    now: Timestamp,
    over: Path,
}

impl Caller {
    fn new() -> (Caller, DialogId, Transmit) {
        let mut end = Endpoint::new(config(A, 1), start());
        let mut invite = invite_to_b(Some("offer"));
        invite.target = Target::Address(Protocol::Tcp, B.parse().unwrap());
        let id = end.invite(start(), invite);
        let transmit = end.poll_transmit().unwrap();
        let over = Path::tcp(ConnectionId(7), A.parse().unwrap(), B.parse().unwrap());
        (Caller { end, now: start(), over }, id, transmit)
    }

    fn respond(&mut self, request: &[u8], status: u16) {
        let request = Message::parse(request).unwrap();
        let bytes =
            crate::message::MessageWriter::response_to(&request, status, None, Some("x"), None)
                .header(crate::message::HeaderName::Contact, "<sip:b@192.0.2.2;transport=tcp>")
                .finish();
        self.end.handle(self.now, Input::Stream { path: self.over, message: &bytes });
    }

    fn sent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.end.poll_transmit()).collect()
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.end.handle_timeout(self.now);
    }
}

#[test]
fn the_invite_is_sent_once_and_the_rest_follows_over_its_connection() {
    let (mut caller, id, invite) = Caller::new();
    assert_eq!(invite.path.connection, None, "the roof is asked to connect");
    caller.wait(secs(5));
    assert!(caller.sent().is_empty(), "a reliable transport repeats by itself");
    caller.respond(&invite.bytes, 180);
    caller.respond(&invite.bytes, 200);
    caller.end.bye(caller.now, id, None);
    let sent = caller.sent();
    let titles: Vec<String> = sent.iter().map(|transmit| title(&transmit.bytes)).collect();
    assert_eq!(titles, ["ACK", "BYE"]);
    assert!(sent.iter().all(|transmit| transmit.path == caller.over), "{sent:?}");
    caller.wait(ms(600));
    assert!(caller.sent().is_empty());
}

#[test]
fn a_request_without_a_length_is_refused_and_a_response_is_nothing() {
    let (mut caller, id, invite) = Caller::new();
    let options = "OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKo\r\n\
                   From: <sip:b@b>;tag=1\r\nTo: <sip:a@a>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\
                   Max-Forwards: 70\r\n";
    for (length, status) in [("", 400), ("Content-Length: 0\r\n", 200)] {
        let text =
            format!("{options}{length}\r\n").replace("=z9hG4bKo", &format!("=z9hG4bK{status}"));
        caller
            .end
            .handle(caller.now, Input::Stream { path: caller.over, message: text.as_bytes() });
        let answer = caller.sent().pop().unwrap();
        assert_eq!(Message::parse(&answer.bytes).unwrap().status(), Some(status), "{length:?}");
    }
    let request = Message::parse(&invite.bytes).unwrap();
    let whole =
        crate::message::MessageWriter::response_to(&request, 486, None, Some("x"), None).finish();
    let cut = String::from_utf8(whole).unwrap().replace("Content-Length: 0\r\n", "");
    caller.end.handle(caller.now, Input::Stream { path: caller.over, message: cut.as_bytes() });
    assert!(caller.sent().is_empty(), "not even acknowledged");
    caller.respond(&invite.bytes, 200);
    caller.end.bye(caller.now, id, None);
    assert_eq!(caller.sent().len(), 2, "the call goes on");
}

#[test]
fn a_closed_connection_does_not_end_a_call_but_asks_for_a_new_one() {
    let (mut caller, id, invite) = Caller::new();
    caller.respond(&invite.bytes, 200);
    caller.sent();
    caller.end.handle(caller.now, Input::Closed(ConnectionId(7)));
    let ended = |event: Event| matches!(event, Event::Ended { .. } | Event::Refused { .. });
    assert!(!std::iter::from_fn(|| caller.end.poll_event()).any(ended));
    caller.end.bye(caller.now, id, None);
    let bye = caller.sent().pop().unwrap();
    assert_eq!((title(&bye.bytes).as_str(), bye.path.connection), ("BYE", None));
}

#[test]
fn a_refused_connection_is_503() {
    let (mut caller, _, invite) = Caller::new();
    caller.end.handle(caller.now, Input::Unreachable { path: invite.path });
    let refused = std::iter::from_fn(|| caller.end.poll_event())
        .any(|event| matches!(event, Event::Refused { status: 503, .. }));
    assert!(refused && caller.end.counts() == Counts::default());
}
