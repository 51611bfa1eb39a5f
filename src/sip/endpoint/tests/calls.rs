//! Calls as they should go.

use super::super::*;
use super::wire::{A, B, Pair, Side, config, invite_to_b, ms, secs, start};
use crate::digest::Ha1 as Digest;
use crate::message::HeaderName;

fn trusting() -> Pair {
    let network = |ip: &str| vec![Network { address: ip.parse().unwrap(), prefix: 24 }];
    let (mut a, mut b) = (config(A, 1), config(B, 2));
    a.trusted = network("192.0.2.0");
    b.trusted = network("192.0.2.0");
    Pair::with(a, b)
}

#[test]
fn a_call_is_set_up_and_ended() {
    let mut pair = trusting();
    let a = pair.call(Some("offer"));
    pair.run(ms(100));
    let b = pair.invited();
    pair.at(Side::B, |end, now| end.ring(now, b, None));
    pair.run(ms(1000));
    pair.at(Side::B, |end, now| end.answer(now, b, b"answer"));
    pair.run(ms(1000));
    let reason = Reason { protocol: "Q.850".into(), cause: 16, text: "bye \"now\"".into() };
    pair.at(Side::A, |end, now| end.bye(now, a, Some(reason)));
    pair.run(ms(100));
    assert_eq!(
        pair.drawn(),
        "INVITE +sdp >\n< 100 INVITE\n< 180 INVITE\n< 200 INVITE +sdp\nACK >\nBYE >\n< 200 BYE"
    );
    let names: Vec<String> = pair
        .events
        .iter()
        .map(|(side, event)| {
            format!("{side:?} {}", format!("{event:?}").split(' ').next().unwrap())
        })
        .collect();
    assert_eq!(names, ["B Invited", "A Ringing", "A Answered", "B Acked", "A Ended", "B Ended"]);
    let (_, Event::Invited { from, headers, offer, authenticated, .. }) = &pair.events[0] else {
        panic!("the first event is the invitation");
    };
    assert_eq!((from.display.as_str(), from.user().as_str()), ("A \"B\"", "100"));
    assert!(headers.contains(&("X-Call".into(), "7  Evil: 1".into())), "{headers:?}");
    assert_eq!((offer.as_deref(), authenticated), (Some(&b"offer"[..]), &None));
    let text = "bye 'now'".to_string();
    let reason = Some(Reason { protocol: "Q.850".into(), cause: 16, text });
    let headers = vec![("User-Agent".into(), "dozvon".into())];
    assert_eq!(
        pair.ends_of(Side::B),
        [Event::Ended { dialog: b, cause: Cause::Bye { reason, headers } }]
    );
    assert_eq!(pair.ends_of(Side::A), [Event::Ended { dialog: a, cause: Cause::Ours }]);
    pair.assert_empty();
}

#[test]
fn a_refusal_reaches_the_caller_with_its_reason() {
    let mut pair = trusting();
    let a = pair.call(Some("offer"));
    pair.run(ms(100));
    let b = pair.invited();
    let refusal = Refusal { retry_after_secs: Some(30), ..Refusal::because(486, "All talk") };
    pair.at(Side::B, |end, now| end.refuse(now, b, refusal));
    pair.run(ms(100));
    assert_eq!(pair.drawn(), "INVITE +sdp >\n< 100 INVITE\n< 486 INVITE\nACK >");
    let (status, reason) = (486, "Busy Here".to_string());
    let refused = Event::Refused { dialog: a, status, reason, retry_after: Some(30) };
    assert_eq!(pair.ends_of(Side::A), [refused]);
    assert!(pair.ends_of(Side::B).is_empty());
    pair.assert_empty();
}

#[test]
fn a_caller_who_gives_up_cancels() {
    let mut pair = Pair::new();
    let a = pair.call(Some("offer"));
    pair.run(ms(200));
    let b = pair.invited();
    pair.at(Side::B, |end, now| end.ring(now, b, None));
    pair.run(ms(200));
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.run(ms(100));
    assert!(pair.drawn().ends_with("CANCEL >\n< 200 CANCEL\n< 487 INVITE\nACK >"));
    let cancelled = Event::Ended { dialog: b, cause: Cause::Cancelled { reason: None } };
    assert_eq!(pair.ends_of(Side::B), [cancelled]);
    assert!(matches!(pair.ends_of(Side::A)[..], [Event::Refused { status: 487, .. }]));
    pair.assert_empty();
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut pair = trusting();
    let a = pair.call(Some("offer"));
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    assert_eq!(pair.drawn(), "INVITE +sdp >");
    pair.run(ms(100));
    assert!(pair.drawn().starts_with("< 100 INVITE\nCANCEL >"));
    pair.assert_empty();
}

#[test]
fn an_unanswered_call_can_be_ended_by_the_called_side() {
    let mut pair = Pair::new();
    pair.call(Some("offer"));
    pair.run(ms(200));
    let b = pair.invited();
    pair.at(Side::B, |end, now| end.bye(now, b, None));
    pair.run(ms(100));
    assert!(matches!(pair.ends_of(Side::A)[..], [Event::Refused { status: 480, .. }]));
    assert_eq!(pair.ends_of(Side::B), [Event::Ended { dialog: b, cause: Cause::Ours }]);
    pair.assert_empty();
}

#[test]
fn an_invite_without_offer_gets_ours_and_answers_in_the_ack() {
    let mut pair = Pair::new();
    let a = pair.call(None);
    pair.run(ms(200));
    let b = pair.invited();
    pair.at(Side::B, |end, now| end.answer(now, b, b"our offer"));
    pair.run(ms(700));
    let answered = Event::Answered { dialog: a, sdp: Some(b"our offer".to_vec()) };
    assert_eq!(pair.events.last(), Some(&(Side::A, answered)));
    pair.at(Side::A, |end, now| end.accept_offer(now, a, b"their answer"));
    pair.run(ms(100));
    let acked = Event::Acked { dialog: b, sdp: Some(b"their answer".to_vec()) };
    assert_eq!(pair.events.last(), Some(&(Side::B, acked)));
    // Without the ACK the 2xx was repeated once, and nobody was told twice.
    assert_eq!(pair.drawn().matches("200 INVITE").count(), 2);
    pair.at(Side::B, |end, now| end.bye(now, b, None));
    pair.run(ms(100));
    pair.assert_empty();
}

#[test]
fn sessions_are_changed_by_either_side() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    for (asks, id, other) in [(Side::A, a, b), (Side::B, b, a)] {
        pair.at(asks, |end, now| end.reoffer(now, id, b"hold"));
        pair.run(ms(50));
        let offered = Event::Offered { dialog: other, sdp: Some(b"hold".to_vec()) };
        assert_eq!(pair.events.pop(), Some((asks.other(), offered)));
        pair.at(asks.other(), |end, now| end.accept_offer(now, other, b"held"));
        pair.run(ms(50));
        let answered = Event::OfferAnswered { dialog: id, sdp: Some(b"held".to_vec()) };
        assert_eq!(pair.events.pop(), Some((asks, answered)));
        pair.at(asks, |end, now| end.reoffer(now, id, b"video"));
        pair.run(ms(50));
        pair.at(asks.other(), |end, now| end.refuse_offer(now, other, 488, Some("No video")));
        pair.run(ms(50));
        assert_eq!(
            pair.events.pop(),
            Some((asks, Event::OfferRefused { dialog: id, status: 488 }))
        );
    }
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.assert_empty();
}

#[test]
fn offers_that_cross_are_both_answered_in_the_end() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.at(Side::A, |end, now| end.reoffer(now, a, b"from a"));
    pair.at(Side::B, |end, now| end.reoffer(now, b, b"from b"));
    pair.run(ms(50));
    let drawn = pair.drawn();
    assert!(drawn.contains("< 491 INVITE") && drawn.contains("491 INVITE >"), "{drawn}");
    let until = pair.now + secs(10);
    while pair.step(until) {
        for (side, event) in std::mem::take(&mut pair.events) {
            match event {
                Event::Offered { dialog, sdp: Some(_) } => {
                    pair.at(side, |end, now| end.accept_offer(now, dialog, b"yes"));
                }
                other => pair.events.push((side, other)),
            }
            if matches!(pair.events.last(), Some((_, Event::OfferAnswered { .. }))) {
                let (side, _) = pair.events.pop().unwrap();
                pair.ladder.push((side, "answered".into()));
            }
        }
    }
    let drawn = pair.drawn();
    assert!(drawn.contains("answered >") && drawn.contains("< answered"), "{drawn}");
    pair.at(Side::B, |end, now| end.bye(now, b, None));
    pair.assert_empty();
}

#[test]
fn extra_headers_say_what_they_say_and_shape_nothing() {
    let mut end = Endpoint::new(config(A, 1), start());
    let call = "c@h;to-tag=1;from-tag=2";
    let mut invite = invite_to_b(Some("offer"));
    invite.headers = [
        ("Replaces", call),
        ("referred-by", "<sip:100@h>\r\nEvil: 1\r\n\r\nbody"),
        ("Reason", "SIP;cause=302\0"),
        ("Replaces", "no tags"),
        ("Replaces", "c;to-tag=1;from-tag=2\r\nEvil: 1"),
        ("Evil: 1\r\nX-Evil", "1"),
        ("", "1"),
        ("Content-Length", "4000"),
        ("l", "4000"),
        ("To", "<sip:evil@h>"),
        ("v", "SIP/2.0/UDP evil"),
        ("Route", "<sip:evil@h>"),
        ("Contact", "<sip:evil@h>"),
        ("X-Fine", "yes"),
    ]
    .map(|(name, value)| (name.to_string(), value.to_string()))
    .to_vec();
    end.invite(start(), invite);
    let bytes = end.poll_transmit().unwrap().bytes;
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.check(), crate::message::Verdict::Fit);
    assert_eq!(message.values(HeaderName::Replaces).collect::<Vec<_>>(), [call.as_bytes()]);
    let referred_by = message.text(HeaderName::ReferredBy).unwrap();
    assert_eq!(referred_by, "<sip:100@h>  Evil: 1    body");
    assert_eq!(message.text(HeaderName::Reason), Some("SIP;cause=302"));
    assert_eq!(message.other("X-Fine"), Some(&b"yes"[..]));
    assert_eq!((message.body(), message.vias().count()), (&b"offer"[..], 1));
    assert!(!String::from_utf8_lossy(&bytes).contains("evil@") && message.other("Evil").is_none());
}

#[test]
fn the_session_is_refreshed_by_update() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    pair.run(secs(2000));
    assert_eq!(pair.drawn(), "< UPDATE\n200 UPDATE >\n< UPDATE\n200 UPDATE >");
    assert!(pair.events.is_empty());
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.assert_empty();
}

#[test]
fn a_dead_peer_is_noticed_by_both_sides() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.cut = true;
    pair.run(secs(1800));
    // B refreshes and gets no answer; A waits for a refresh that does not come.
    assert_eq!(pair.ends_of(Side::B), [Event::Ended { dialog: b, cause: Cause::Timeout }]);
    assert_eq!(pair.ends_of(Side::A), [Event::Ended { dialog: a, cause: Cause::SessionExpired }]);
    pair.assert_empty();
}

#[test]
fn info_carries_digits() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.at(Side::A, |end, now| end.info(now, a, "application/dtmf-relay", b"Signal=5\r\n"));
    pair.run(ms(50));
    let content_type = "application/dtmf-relay".to_string();
    let body = b"Signal=5\r\n".to_vec();
    assert_eq!(pair.events, [(Side::B, Event::Info { dialog: b, content_type, body })]);
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.assert_empty();
}

fn accounts() -> BTreeMap<String, Ha1Pair> {
    let ha1 = Digest::of("100", "dozvon.test", "secret");
    let (md5, sha256) = ha1.to_hex();
    let pair = Ha1Pair { md5: md5.into(), sha256: sha256.into() };
    [("100".to_string(), pair)].into()
}

#[test]
fn a_challenged_caller_with_the_password_gets_through() {
    let mut pair = Pair::new();
    pair.at(Side::B, |end, _| end.set_accounts(accounts()));
    let mut invite = invite_to_b(Some("offer"));
    let (user, password) = ("100".to_string(), "secret".to_string());
    invite.credentials = Some(Credentials { user, password, realm: "dozvon.test".into() });
    let a = pair.at(Side::A, |end, now| end.invite(now, invite));
    pair.run(ms(15));
    let first = pair.invited();
    pair.at(Side::B, |end, now| end.challenge(now, first));
    pair.run(ms(50));
    let second = pair.invited();
    assert_ne!(first, second);
    let Some((_, Event::Invited { authenticated, .. })) = pair.events.last() else { panic!() };
    assert_eq!(authenticated.as_deref(), Some("100"));
    pair.at(Side::B, |end, now| end.answer(now, second, b"answer"));
    pair.run(ms(50));
    let ladder = pair.drawn();
    let head =
        "INVITE +sdp >\n< 401 INVITE\nACK >\nINVITE +sdp >\n< 100 INVITE\n< 200 INVITE +sdp\nACK >";
    assert_eq!(ladder, head);
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.run(ms(50));
    assert_eq!(pair.ends_of(Side::B).len(), 1);
    pair.assert_empty();
}

#[test]
fn wrong_passwords_and_foreign_realms_send_at_most_two_invites() {
    for (realm, password, invites) in [("dozvon.test", "wrong", 2), ("carrier.test", "secret", 1)] {
        let mut pair = Pair::new();
        pair.at(Side::B, |end, _| end.set_accounts(accounts()));
        let mut invite = invite_to_b(Some("offer"));
        let (user, password) = ("100".to_string(), password.to_string());
        invite.credentials = Some(Credentials { user, password, realm: realm.into() });
        pair.at(Side::A, |end, now| end.invite(now, invite));
        pair.run(ms(15));
        let first = pair.invited();
        pair.at(Side::B, |end, now| end.challenge(now, first));
        pair.run(ms(200));
        assert!(matches!(pair.ends_of(Side::A)[..], [Event::Refused { status: 401, .. }]));
        assert_eq!(pair.drawn().matches("INVITE +sdp >").count(), invites, "{realm}");
        pair.assert_empty();
    }
}

#[test]
fn a_draining_endpoint_turns_new_calls_away_and_keeps_the_old() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.at(Side::B, |end, _| end.draining(true));
    pair.call(Some("offer"));
    pair.run(ms(50));
    let refused = pair.ends_of(Side::A);
    assert!(matches!(refused[..], [Event::Refused { status: 503, retry_after: Some(10), .. }]));
    pair.at(Side::A, |end, now| end.reoffer(now, a, b"hold"));
    pair.run(ms(50));
    assert!(
        matches!(pair.events.last(), Some((Side::B, Event::Offered { dialog, .. })) if *dialog == b)
    );
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.assert_empty();
}
