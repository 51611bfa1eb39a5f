//! Calls as they do go: loss, races, forks, silence.

use super::super::*;
use super::wire::{A, B, Pair, Side, config, invite_to_b, ms, secs, start, title};
use std::collections::BTreeMap;
use std::time::Duration;

/// One call's plan: what each side does and when, counted from the INVITE.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Talk,
    HangUpByB,
    Refuse,
    GiveUp,
}

const PLANS: [Plan; 4] = [Plan::Talk, Plan::HangUpByB, Plan::Refuse, Plan::GiveUp];

#[test]
fn a_thousand_calls_at_ten_percent_loss_all_end_exactly_once() {
    for seed in 1..=3_u64 {
        let mut pair = Pair::new();
        pair.loss_permille = 100;
        pair.jitter_millis = 30;
        for _ in 0..seed {
            pair.random(7);
        }
        let begin = pair.now;
        let mut todo: BTreeMap<(Timestamp, u64), (Side, DialogId, &str)> = BTreeMap::new();
        let mut plans: BTreeMap<DialogId, Plan> = BTreeMap::new();
        let (mut calls, mut serial) = (0_u64, 0_u64);
        let mut next_call = begin;
        let (mut invited, mut ended) = (BTreeMap::new(), BTreeMap::<(Side, DialogId), u32>::new());
        let mut refused_by_b = 0;
        loop {
            let due = todo.keys().next().map(|key| key.0);
            let until = due.unwrap_or(Timestamp::FAR_FUTURE).min(next_call);
            if calls == 1000 && todo.is_empty() && pair.end(Side::A).counts().dialogs == 0 {
                break;
            }
            let stepped = pair.step(until.min(pair.now + secs(1)));
            if !stepped && pair.now >= next_call && calls < 1000 {
                let plan = PLANS[(calls % 4) as usize];
                let id = pair.call(Some("offer"));
                plans.insert(id, plan);
                calls += 1;
                next_call = if calls < 1000 { pair.now + ms(100) } else { Timestamp::FAR_FUTURE };
                if matches!(plan, Plan::GiveUp) {
                    serial += 1;
                    let wait = ms(pair.random(2000));
                    todo.insert((pair.now + wait, serial), (Side::A, id, "bye"));
                }
            }
            while let Some(entry) = todo.first_entry().filter(|entry| entry.key().0 <= pair.now) {
                let (side, id, what) = entry.remove();
                match what {
                    "bye" => pair.at(side, |end, now| end.bye(now, id, None)),
                    "ring" => pair.at(side, |end, now| end.ring(now, id, None)),
                    "answer" => pair.at(side, |end, now| end.answer(now, id, b"answer")),
                    _refuse => {
                        refused_by_b += 1;
                        pair.at(side, |end, now| end.refuse(now, id, Refusal::new(486)));
                    }
                }
            }
            for (side, event) in std::mem::take(&mut pair.events) {
                let mut then = |wait: Duration, what| {
                    serial += 1;
                    (pair.now + wait, serial, what)
                };
                let mut steps = Vec::new();
                let id = match event {
                    Event::Invited { dialog, .. } => {
                        // B knows the plan by the order of the invitations, near enough.
                        let plan = PLANS[invited.len() % 4];
                        invited.insert(dialog, plan);
                        steps.push(then(ms(100), "ring"));
                        steps.push(match plan {
                            Plan::Refuse => then(ms(700), "refuse"),
                            Plan::Talk | Plan::HangUpByB | Plan::GiveUp => then(ms(1000), "answer"),
                        });
                        dialog
                    }
                    Event::Answered { dialog, .. } => {
                        steps.push(then(secs(5), "bye"));
                        dialog
                    }
                    Event::Acked { dialog, .. } => {
                        if matches!(invited.get(&dialog), Some(Plan::HangUpByB)) {
                            steps.push(then(secs(3), "bye"));
                        }
                        dialog
                    }
                    Event::Ended { dialog, cause } => {
                        assert_ne!(cause, Cause::NoAck, "every 2xx gets its ACK");
                        assert_ne!(cause, Cause::TransportError);
                        *ended.entry((side, dialog)).or_insert(0) += 1;
                        dialog
                    }
                    Event::Refused { dialog, .. } => {
                        *ended.entry((side, dialog)).or_insert(0) += 1;
                        dialog
                    }
                    Event::Ringing { dialog, .. } => dialog,
                    other => panic!("unexpected {other:?}"),
                };
                for (at, serial, what) in steps {
                    todo.insert((at, serial), (side, id, what));
                }
            }
        }
        pair.assert_empty();
        for (side, event) in std::mem::take(&mut pair.events) {
            if let Event::Ended { dialog, .. } | Event::Refused { dialog, .. } = event {
                *ended.entry((side, dialog)).or_insert(0) += 1;
            }
        }
        assert!(ended.values().all(|count| *count == 1), "an end is told once");
        let ends = |wanted: Side| ended.keys().filter(|(side, _)| *side == wanted).count();
        assert_eq!(ends(Side::A), 1000);
        assert_eq!(invited.len(), 1000, "one INVITE, one dialog");
        assert!(ends(Side::B) <= 1000 && ends(Side::B) + refused_by_b >= 1000, "{refused_by_b}");
    }
}

#[test]
fn cancel_and_answer_may_meet_at_any_moment() {
    for offset in 0..120_u64 {
        let mut pair = Pair::new();
        pair.latency = ms(20);
        let a = pair.call(Some("offer"));
        pair.run(ms(500));
        let b = pair.invited();
        pair.at(Side::B, |end, now| end.ring(now, b, None));
        pair.run(ms(500));
        // A gives up at 60 ms; B answers between 0 and 120 ms.
        let mut plan = [(pair.now + ms(60), Side::A), (pair.now + ms(offset), Side::B)];
        plan.sort();
        for (at, side) in plan {
            while pair.step(at) {}
            match side {
                Side::A => pair.at(Side::A, |end, now| end.bye(now, a, None)),
                Side::B => pair.at(Side::B, |end, now| end.answer(now, b, b"answer")),
            }
        }
        pair.run(secs(5));
        assert_eq!(pair.ends_of(Side::A).len(), 1, "offset {offset}: {:?}", pair.events);
        assert_eq!(pair.ends_of(Side::B).len(), 1, "offset {offset}: {:?}", pair.events);
        let a_says = &pair.ends_of(Side::A)[0];
        let b_says = &pair.ends_of(Side::B)[0];
        match a_says {
            Event::Refused { status: 487, .. } => assert!(
                matches!(b_says, Event::Ended { cause: Cause::Cancelled { .. }, .. }),
                "offset {offset}: {b_says:?}"
            ),
            Event::Ended { cause: Cause::Ours, .. } => assert!(
                matches!(b_says, Event::Ended { cause: Cause::Bye { .. }, .. }),
                "offset {offset}: {b_says:?}"
            ),
            other => panic!("offset {offset}: {other:?}"),
        }
        pair.assert_empty();
    }
}

#[test]
fn a_late_200_after_cancel_is_acknowledged_and_ended() {
    let mut pair = Pair::new();
    pair.latency = ms(50);
    let a = pair.call(Some("offer"));
    pair.run(ms(500));
    let b = pair.invited();
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.at(Side::B, |end, now| end.answer(now, b, b"answer"));
    pair.drawn();
    pair.run(ms(300));
    let drawn = pair.drawn();
    assert!(drawn.contains("ACK >\nBYE >"), "{drawn}");
    assert!(!pair.events.iter().any(|(_, event)| matches!(event, Event::Answered { .. })));
    assert_eq!(pair.ends_of(Side::A), [Event::Ended { dialog: a, cause: Cause::Ours }]);
    pair.assert_empty();
}

#[test]
fn a_call_completed_elsewhere_says_so_in_cancel_and_in_the_bye_after_a_late_200() {
    let elsewhere =
        || Reason { protocol: "SIP".into(), cause: 200, text: "Call completed elsewhere".into() };
    let header = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    let (mut alone, id, invite) = Alone::calling();
    assert!(alone.respond(&invite, 180, "x", "").is_empty());
    alone.end.bye(alone.now, id, Some(elsewhere()));
    let cancel = String::from_utf8(alone.end.poll_transmit().unwrap().bytes).unwrap();
    assert!(cancel.starts_with("CANCEL ") && cancel.contains(header), "{cancel}");
    let sent = alone.texts(&invite, 200, "x");
    assert!(sent[0].starts_with("ACK ") && !sent[0].contains("Reason"), "{}", sent[0]);
    assert!(sent[1].starts_with("BYE ") && sent[1].contains(header), "{}", sent[1]);
    assert_eq!(sent.len(), 2);
    let ended = std::iter::from_fn(|| alone.end.poll_event());
    let ended = ended.filter(|event| matches!(event, Event::Ended { cause: Cause::Ours, .. }));
    assert_eq!(ended.count(), 1);
}

#[test]
fn without_an_ack_the_2xx_is_repeated_for_32_seconds_and_the_call_ended() {
    let mut pair = Pair::new();
    pair.call(Some("offer"));
    pair.run(ms(200));
    let b = pair.invited();
    pair.cut = true;
    pair.at(Side::B, |end, now| end.answer(now, b, b"answer"));
    pair.drawn();
    pair.run(secs(33));
    let drawn = pair.drawn();
    assert_eq!(drawn.matches("< 200 INVITE").count(), 10, "{drawn}");
    assert!(drawn.contains("< BYE"));
    assert_eq!(pair.ends_of(Side::B), [Event::Ended { dialog: b, cause: Cause::NoAck }]);
    pair.run(secs(600));
    pair.assert_empty();
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut pair = Pair::new();
    pair.call(Some("offer"));
    pair.run(ms(200));
    let b = pair.invited();
    pair.at(Side::B, |end, now| end.answer(now, b, b"answer"));
    pair.at(Side::B, |end, now| end.bye(now, b, None));
    pair.drawn();
    pair.run(ms(100));
    assert_eq!(pair.drawn(), "ACK >\n< BYE\n200 BYE >");
    assert_eq!(pair.ends_of(Side::B), [Event::Ended { dialog: b, cause: Cause::Ours }]);
    pair.assert_empty();
}

#[test]
fn nobody_there_is_408_and_a_refused_way_503() {
    let mut pair = Pair::new();
    pair.cut = true;
    pair.call(Some("offer"));
    pair.run(secs(40));
    assert!(matches!(pair.ends_of(Side::A)[..], [Event::Refused { status: 408, .. }]));
    assert_eq!(pair.drawn().matches("INVITE").count(), 7);
    pair.assert_empty();
    pair.events.clear();
    pair.call(Some("offer"));
    let path = Path::udp(A.parse().unwrap(), B.parse().unwrap());
    pair.at(Side::A, |end, now| end.handle(now, Input::Unreachable { path }));
    assert!(matches!(pair.ends_of(Side::A)[..], [Event::Refused { status: 503, .. }]));
    pair.assert_empty();
}

#[test]
fn a_peer_that_has_forgotten_the_call_ends_it() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.at(Side::B, |end, now| end.forget(now, b));
    pair.at(Side::A, |end, now| end.reoffer(now, a, b"hold"));
    pair.run(ms(100));
    assert_eq!(pair.ends_of(Side::A), [Event::Ended { dialog: a, cause: Cause::Timeout }]);
    pair.assert_empty();
}

#[test]
fn a_bye_answers_the_change_that_is_open() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.at(Side::A, |end, now| end.reoffer(now, a, b"hold"));
    pair.run(ms(50));
    pair.at(Side::B, |end, now| end.bye(now, b, None));
    pair.run(ms(50));
    assert!(pair.drawn().contains("< 487 INVITE\n< BYE"));
    pair.at(Side::B, |end, now| end.accept_offer(now, b, b"too late"));
    assert_eq!((pair.ends_of(Side::A).len(), pair.ends_of(Side::B).len()), (1, 1));
    pair.assert_empty();
}

#[test]
fn a_switch_that_does_not_decide_an_offer_is_helped_out() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    pair.at(Side::A, |end, now| end.reoffer(now, a, b"hold"));
    pair.run(secs(31));
    let refused = (Side::A, Event::OfferRefused { dialog: a, status: 500 });
    assert!(pair.events.contains(&refused), "{:?}", pair.events);
    pair.at(Side::A, |end, now| end.bye(now, a, None));
    pair.assert_empty();
}

/// A UAC alone, answered by hand.
struct Alone {
    end: Endpoint,
    now: Timestamp,
    path: Path,
}

impl Alone {
    fn calling() -> (Alone, DialogId, Vec<u8>) {
        let mut end = Endpoint::new(config(A, 1), start());
        let id = end.invite(start(), invite_to_b(Some("offer")));
        let path = Path::udp(A.parse().unwrap(), B.parse().unwrap());
        let invite = end.poll_transmit().unwrap().bytes;
        (Alone { end, now: start(), path }, id, invite)
    }

    fn respond(&mut self, invite: &[u8], status: u16, tag: &str, more: &str) -> Vec<String> {
        self.receive(invite, status, tag, more);
        std::iter::from_fn(|| self.end.poll_transmit()).map(|t| title(&t.bytes)).collect()
    }

    /// The same with all that is sent then.
    fn texts(&mut self, invite: &[u8], status: u16, tag: &str) -> Vec<String> {
        self.receive(invite, status, tag, "");
        std::iter::from_fn(|| self.end.poll_transmit())
            .map(|t| String::from_utf8(t.bytes).unwrap())
            .collect()
    }

    fn receive(&mut self, invite: &[u8], status: u16, tag: &str, more: &str) {
        let request = Message::parse(invite).unwrap();
        let contact = "<sip:fork@192.0.2.2>";
        let mut writer =
            crate::message::MessageWriter::response_to(&request, status, None, Some(tag), None)
                .header(crate::message::HeaderName::Contact, contact);
        if let Some((name, value)) = more.split_once(": ") {
            writer = writer.header(crate::message::HeaderName::of(name.as_bytes()), value);
        }
        let (now, path, bytes) = (self.now, self.path, writer.finish());
        self.end.handle(now, Input::Datagram { path, bytes: &bytes });
    }
}

#[test]
fn of_forked_answers_the_first_wins_and_the_others_are_ended() {
    let (mut alone, id, invite) = Alone::calling();
    alone.respond(&invite, 180, "x", "");
    assert_eq!(alone.respond(&invite, 200, "x", ""), ["ACK"]);
    let loser = alone.texts(&invite, 200, "y");
    assert!(loser[0].starts_with("ACK ") && loser[1].starts_with("BYE ") && loser.len() == 2);
    let elsewhere = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    assert!(loser[1].contains(elsewhere), "{}", loser[1]);
    assert_eq!(alone.respond(&invite, 200, "y", ""), ["ACK"], "its ACK again, but one BYE");
    assert_eq!(alone.respond(&invite, 200, "x", ""), ["ACK"]);
    let answered = std::iter::from_fn(|| alone.end.poll_event())
        .filter(|event| matches!(event, Event::Answered { dialog, .. } if *dialog == id));
    assert_eq!(answered.count(), 1);
}

#[test]
fn too_small_an_interval_is_asked_for_again_once() {
    let (mut alone, _, invite) = Alone::calling();
    assert!(Message::parse(&invite).unwrap().min_se() == Some(90));
    let small = alone.respond(&invite, 422, "x", "Min-SE: 4000");
    assert_eq!(small, ["ACK", "INVITE +sdp"]);
    assert_eq!(alone.end.counts().dialogs, 1);
}

#[test]
fn responses_that_are_not_for_us_change_nothing() {
    let (mut alone, _, invite) = Alone::calling();
    let foreign = String::from_utf8(invite.clone()).unwrap();
    let branch = foreign.split("branch=").nth(1).unwrap().split(';').next().unwrap().to_string();
    let forged = foreign.replace(&branch, "z9hG4bKforged");
    assert!(alone.respond(forged.as_bytes(), 200, "x", "").is_empty());
    let two = foreign.replacen("Via:", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKme\r\nVia:", 1);
    assert!(alone.respond(two.as_bytes(), 200, "x", "").is_empty());
    assert!(alone.end.poll_event().is_none());
}
