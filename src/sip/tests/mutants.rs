//! Damaged messages: whatever a stranger sends, nothing panics, and what we make of it stays consistent.
#![allow(clippy::unwrap_used)] // In a test, unwrapping is asserting.

mod common;
#[path = "torture/rfc4475.rs"]
mod rfc4475;
#[path = "torture/rfc5118.rs"]
mod rfc5118;
#[path = "torture/transfer.rs"]
mod transfer;

use common::Seeded;
use dozvon_clock::Timestamp;
use dozvon_sip::digest::{Challenge, Ha1, Verifier};
use dozvon_sip::message::{
    Frame, Framer, HeaderName, Message, MessageWriter, NameAddrBuf, OwnedMessage, Reason, ReferTo,
    Replaces, UriBuf, Verdict, Warning,
};
use dozvon_sip::sdp::{Codec, Description, Origin, Ours, answer, read_answer};

const MUTANTS: usize = 24_000;

/// Words that parsers stumble over.
const WORDS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\r\n",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"%",
    b"%00",
    b"[::1]",
    b"@",
    b":",
    b"Content-Length: 4294967296\r\n",
    b"Via: ",
    b"l: 3\r\n",
    b"\0",
    b"\xff\xfe",
    b"SIP/2.0",
    b"4294967296",
    b"sip:",
];

fn mutate(random: &mut Seeded, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at.max(1)),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let end = (at + random.below(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => drop(bytes.splice(at..at, random.pick(&WORDS).iter().copied())),
        }
    }
    bytes
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = rfc4475::messages().into_iter().map(|torture| torture.bytes).collect();
    seeds.extend(rfc5118::messages().into_iter().map(|(_, _, bytes)| bytes));
    seeds.extend(transfer::messages().into_iter().map(|(_, bytes, _)| bytes));
    seeds.push(common::invite());
    seeds
}

/// Asks everything that can be asked.
fn read_everything(message: &Message<'_>) {
    let _ = (message.uri().is_ok(), message.reason_phrase().len(), message.session_expires());
    let _ = (
        message.min_se(),
        message.retry_after(),
        message.rack(),
        message.rseq(),
        message.expires(),
    );
    let _ = (message.content_type().is_some(), message.replaces(), message.refer_sub());
    let _ = (message.event().is_some(), message.subscription_state().is_some());
    for &name in HeaderName::ALL {
        message.list(name).for_each(drop);
        message.tokens(name).for_each(drop);
    }
    for header in message.headers() {
        let _ = (Reason::parse(header.value), Warning::parse(header.value));
        let _ = Challenge::parse(header.value);
        check_refer_to(header.value);
    }
    for addr in message.contacts().flatten().filter_map(|contact| contact.addr()) {
        let owned = NameAddrBuf::from(addr).to_string();
        let again = dozvon_sip::message::NameAddr::parse(owned.as_bytes()).unwrap();
        assert_eq!(again.uri.as_str(), addr.uri.as_str());
        assert_eq!(again.tag(), addr.tag());
        assert!(UriBuf::from(addr.uri).get().equivalent(addr.uri));
        let _ = (addr.expires(), addr.q_thousandths(), addr.display_text());
    }
}

/// Whatever a Refer-To becomes is a URI without headers that may stand in a request line, and its Replaces reads as one
/// and begins no line of its own.
fn check_refer_to(value: &[u8]) {
    match ReferTo::parse(value) {
        Ok(to) => {
            let uri = UriBuf::parse(to.uri).unwrap();
            assert!(uri.get().headers().is_none() && !uri.get().params().has("method"));
            assert!(!to.display.contains(char::is_control));
            if let Some(replaces) = to.replaces {
                assert!(Replaces::parse(replaces.as_bytes()).is_ok());
                assert!(!replaces.contains(char::is_control), "{replaces:?}");
            }
        }
        Err(refusal) => assert!(matches!(refusal.status, 400 | 416 | 501)),
    }
}

fn check_answerable(message: &Message<'_>) {
    let source = "203.0.113.9:5099".parse().ok();
    let bytes = MessageWriter::response_to(message, 400, None, Some("ours"), source)
        .warning("what was wrong")
        .finish();
    let response = Message::parse(&bytes).unwrap();
    assert_eq!(response.status(), Some(400));
    assert_eq!(response.headers().filter(|h| h.name == HeaderName::Warning).count(), 1);
    if message.check() == Verdict::Fit {
        assert_eq!(response.check(), Verdict::Fit, "a sound request has a sound answer");
        assert_eq!(response.call_id(), message.call_id());
        assert_eq!(response.vias().count(), message.vias().count());
        assert_eq!(response.via().unwrap().branch(), message.via().unwrap().branch());
    }
}

#[test]
fn damaged_messages_are_read_or_refused_but_never_break_anything() {
    let (seeds, mut random) = (seeds(), Seeded(20_261_121));
    let (mut fit, mut refused) = (0, 0);
    for _ in 0..MUTANTS {
        let seed = random.below(seeds.len());
        let bytes = mutate(&mut random, &seeds[seed]);
        let Ok(message) = Message::parse(&bytes) else { continue };
        match message.check() {
            Verdict::Fit => {
                fit += 1;
                assert!(message.from().is_ok() && message.to().is_ok() && message.via().is_ok());
                assert!(message.cseq().is_ok() && message.call_id().is_ok());
            }
            Verdict::Refuse(refusal) => {
                refused += 1;
                assert!(matches!(refusal.status, 400 | 416 | 505 | 513));
                assert!(message.has(HeaderName::Via));
            }
            Verdict::Drop(_) => {}
        }
        read_everything(&message);
        if message.is_request() {
            check_answerable(&message);
        }
        let kept = OwnedMessage::from(&message);
        assert_eq!(kept.get().body(), message.body());
    }
    assert!(
        fit > MUTANTS / 20 && refused > MUTANTS / 20,
        "fit {fit}, refused {refused}: mutants too tame or too wild"
    );
}

fn frames(chunks: &[&[u8]]) -> (Vec<Frame>, bool) {
    let (mut framer, mut found) = (Framer::new(), Vec::new());
    for chunk in chunks {
        framer.push(chunk);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

#[test]
fn a_damaged_stream_is_cut_the_same_however_it_arrives() {
    let (seeds, mut random) = (seeds(), Seeded(7));
    for _ in 0..MUTANTS / 8 {
        let mut stream = Vec::new();
        for _ in 0..1 + random.below(3) {
            let seed = &seeds[random.below(seeds.len())];
            stream.extend(if random.below(3) == 0 {
                mutate(&mut random, seed)
            } else {
                seed.clone()
            });
        }
        let cut = random.below(stream.len());
        let cut_again = cut + random.below(stream.len() - cut);
        let pieces = [&stream[..cut], &stream[cut..cut_again], &stream[cut_again..]];
        let (whole, whole_failed) = frames(&[&stream]);
        let (parts, parts_failed) = frames(&pieces);
        // A line end right at a cut may or may not have been a ping; messages are the same in any case.
        let messages = |frames: Vec<Frame>| -> Vec<Frame> {
            frames.into_iter().filter(|frame| *frame != Frame::Ping).collect()
        };
        assert_eq!((messages(whole), whole_failed), (messages(parts), parts_failed));
    }
}

#[test]
fn damaged_descriptions_and_credentials_never_break_anything() {
    let mut random = Seeded(99);
    let offer = common::invite();
    let offer = Message::parse(&offer).unwrap().body();
    let ours = Ours::new("192.0.2.5:4000".parse().unwrap(), &Codec::ALL);
    let mut verifier = Verifier::new([1; 32], "dozvon");
    let challenge = verifier.challenges(Timestamp::EPOCH, false).remove(0);
    let mut answered = 0;
    for _ in 0..MUTANTS / 4 {
        let bytes = mutate(&mut random, offer);
        if let Ok(theirs) = Description::parse(&bytes) {
            let again = theirs.to_string();
            assert!(Description::parse(again.as_bytes()).is_ok());
            if let Ok(ok) = answer(&theirs, &ours, &mut Origin::new(1)) {
                let reply = Description::parse(ok.body.as_bytes()).unwrap();
                assert_eq!(reply.media.len(), theirs.media.len());
                let _ = read_answer(&theirs, &reply);
                answered += 1;
            }
        }
        let bytes = mutate(&mut random, challenge.as_bytes());
        let _ = Challenge::parse(&bytes);
        let verdict = verifier.verify(Timestamp::EPOCH, &bytes, "INVITE", "sip:a", |_| {
            Some(Ha1::of("a", "dozvon", "b"))
        });
        assert_eq!(verdict, dozvon_sip::digest::Verdict::Bad);
    }
    assert!(answered > MUTANTS / 16, "{answered}");
}
