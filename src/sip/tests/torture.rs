//! RFC 4475 (49 messages), RFC 5118 (12) and 25 of our own on call transfer: what must be read is read in every typed
//! part, what must not be processed never is, and whatever is refused can be answered.
#![allow(clippy::unwrap_used)] // In a test, unwrapping is asserting.

#[path = "torture/rfc4475.rs"]
mod rfc4475;
#[path = "torture/rfc5118.rs"]
mod rfc5118;
#[path = "torture/transfer.rs"]
mod transfer;

use dozvon_sip::message::{
    Frame, FrameError, Framer, HeaderName, Host, Message, MessageWriter, Method, Scheme, Transport,
    Verdict,
};
use dozvon_sip::sdp::Description;
use rfc4475::Expected;

fn bytes_of(name: &str) -> Vec<u8> {
    let found = rfc4475::messages().into_iter().find(|torture| torture.name == name);
    found.unwrap_or_else(|| panic!("no message {name}")).bytes
}

fn verdict(bytes: &[u8]) -> Expected {
    match Message::parse(bytes).map(|message| message.check()) {
        Ok(Verdict::Fit) => Expected::Fit,
        Ok(Verdict::Refuse(refusal)) => Expected::Refused(refusal.status),
        Ok(Verdict::Drop(_)) | Err(_) => Expected::Dropped,
    }
}

#[test]
fn every_message_gets_its_verdict() {
    let mut wrong = Vec::new();
    for torture in rfc4475::messages() {
        let got = verdict(&torture.bytes);
        if got != torture.expected {
            wrong.push((torture.name, torture.section, torture.expected, got));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_fit_messages_are_read_in_every_typed_part() {
    for torture in rfc4475::messages().iter().filter(|t| t.expected == Expected::Fit) {
        let message = Message::parse(&torture.bytes).unwrap();
        let name = torture.name;
        assert!(message.from().is_ok(), "{name}");
        assert!(message.to().is_ok(), "{name}");
        assert!(!message.call_id().unwrap().is_empty(), "{name}");
        assert!(message.cseq().unwrap().number > 0, "{name}");
        assert!(message.vias().all(|via| via.is_ok()) && message.via().is_ok(), "{name}");
        assert!(message.contacts().all(|contact| contact.is_ok()), "{name}");
    }
}

#[test]
fn what_is_refused_can_be_answered_and_the_answer_is_a_sound_message() {
    for torture in rfc4475::messages() {
        let Expected::Refused(status) = torture.expected else { continue };
        let request = Message::parse(&torture.bytes).unwrap();
        let source = "192.0.2.250:5066".parse().ok();
        let bytes = MessageWriter::response_to(&request, status, None, Some("mine"), source)
            .warning("no \"quotes\"\r\nInjected: yes")
            .finish();
        let response = Message::parse(&bytes).unwrap();
        assert_eq!(response.status(), Some(status), "{}", torture.name);
        assert!(response.has(HeaderName::Via), "{}", torture.name);
        assert_eq!(response.other("Injected"), None);
    }
}

#[test]
fn wsinv_folds_spaces_and_compact_names() {
    let bytes = bytes_of("wsinv");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.method(), Some(Method::Invite));
    assert_eq!(message.to().unwrap().tag(), Some("1918181833n"));
    let from = message.from().unwrap();
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(from.display_text().as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(message.max_forwards(), Some(68));
    assert_eq!(
        (message.cseq().unwrap().number, message.cseq().unwrap().method),
        (9, Method::Invite)
    );
    let vias: Vec<_> = message.vias().map(|via| via.unwrap()).collect();
    assert_eq!(vias.len(), 3);
    assert_eq!((vias[0].transport, vias[0].branch()), (Transport::Udp, Some("390skdjuw")));
    assert_eq!(
        (vias[1].transport, vias[1].rfc3261_branch()),
        (Transport::Tcp, Some("z9hG4bK9ikj8"))
    );
    assert_eq!(vias[2].host, Host::V4("192.168.255.111".parse().unwrap()));
    assert_eq!(vias[2].branch(), Some("z9hG4bK30239"));
    assert!(message.routes().next().unwrap().unwrap().uri.is_loose_router());
    let contact = message.contact().unwrap();
    assert_eq!(contact.params.value("newparam"), Some("newvalue"));
    assert_eq!(contact.q_thousandths(), 330);
    assert_eq!(message.value(HeaderName::Subject), Some(b"".as_slice()));
    assert_eq!(message.other("unknownheaderwithunusualvalue"), Some(b";;,,;;,;".as_slice()));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn intmeth_odd_characters() {
    let bytes = bytes_of("intmeth");
    let message = Message::parse(&bytes).unwrap();
    let method = message.method().unwrap();
    assert_eq!(method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    let uri = message.uri().unwrap();
    assert_eq!(uri.user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(message.to().unwrap().display_text().as_deref(), Some("BEL:\x07 NUL:\0 DEL:\x7f"));
    assert_eq!(message.from().unwrap().tag(), Some("_token~1'+`*%!-."));
    let copied = MessageWriter::response_to(&message, 501, None, None, None).finish();
    let response = Message::parse(&copied).unwrap();
    assert_eq!(
        response.value(HeaderName::To),
        message.value(HeaderName::To),
        "quoted pairs survive"
    );
}

#[test]
fn escapes_are_resolved_in_uris_and_nowhere_else() {
    let bytes = bytes_of("esc01");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.uri().unwrap().user_unescaped().as_deref(), Some("sips:user@example.com"));
    assert_eq!(message.to().unwrap().uri.user_unescaped().as_deref(), Some("user"));
    let contact = message.contact().unwrap().uri;
    assert!(contact.is_loose_router(), "%6C%72 is lr");
    assert_eq!(contact.params().value("name"), Some("v%61lue%25%34%31"));

    let bytes = bytes_of("esc02");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.method(), Some(Method::Other("RE%47IST%45R")), "not a REGISTER");
    assert_eq!(message.contacts().count(), 2, "C%6Fntact is no Contact");

    let bytes = bytes_of("escnull");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.to().unwrap().uri.user_unescaped().as_deref(), Some("null-\0-null"));
    let contacts: Vec<_> = message.contacts().map(|c| c.unwrap().addr().unwrap().uri).collect();
    assert!(!contacts[0].equivalent(contacts[1]), "one NUL is not two");
}

#[test]
fn bytes_behind_the_body_are_ignored_in_a_datagram_and_framed_on_a_stream() {
    let bytes = bytes_of("dblreq");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.method(), Some(Method::Register));
    assert_eq!(
        (message.body(), message.call_id().unwrap()),
        (&b""[..], "dblreq.0ha0isndaksdj99sdfafnl3lk233412")
    );
    let mut framer = Framer::new();
    framer.push(&bytes);
    let mut methods = Vec::new();
    while let Ok(Some(Frame::Message(bytes))) = framer.next_frame() {
        methods.push(Message::parse(&bytes).unwrap().method().unwrap().as_str().to_owned());
    }
    assert_eq!(methods, ["REGISTER", "INVITE"]);
}

#[test]
fn semicolons_in_the_user_part_belong_to_it() {
    let bytes = bytes_of("semiuri");
    let message = Message::parse(&bytes).unwrap();
    let uri = message.uri().unwrap();
    assert_eq!(uri.user_unescaped().as_deref(), Some("user;par=u@example.net"));
    assert!(!uri.params().has("par"));
    assert_eq!(message.tokens(HeaderName::Accept).count(), 6);
}

#[test]
fn transports_known_and_unknown() {
    let bytes = bytes_of("transports");
    let message = Message::parse(&bytes).unwrap();
    let transports: Vec<_> = message.vias().map(|via| via.unwrap().transport).collect();
    use Transport::{Other, Sctp, Tcp, Tls, Udp};
    assert_eq!(transports, [Udp, Sctp, Tls, Other("UNKNOWN"), Tcp]);
}

#[test]
fn long_values_are_whole() {
    let bytes = bytes_of("longreq");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.vias().count(), 34);
    assert_eq!(message.from().unwrap().uri.user().unwrap().len(), 115);
    assert_eq!(message.to().unwrap().uri.port(), Some(6000));
    let last = message.vias().last().unwrap().unwrap();
    assert_eq!(last.branch().unwrap().len(), 215);
}

#[test]
fn binary_bodies_and_foreign_phrases_pass_untouched() {
    let bytes = bytes_of("mpart01");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.body().len(), 553);
    assert!(message.content_type().unwrap().unwrap().is_media_type("multipart/mixed"));
    assert_eq!(message.as_bytes(), bytes, "what is kept is what came");
    let bytes = bytes_of("unreason");
    assert!(Message::parse(&bytes).unwrap().reason_phrase().starts_with("= 2**3 * 5**2 "));
    let bytes = bytes_of("noreason");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.status(), message.reason_phrase().as_ref()), (Some(100), ""));
}

#[test]
fn parameters_without_brackets_belong_to_the_header_with_brackets_to_the_uri() {
    let (first, second) = (bytes_of("cparam01"), bytes_of("cparam02"));
    let header = Message::parse(&first).unwrap().contact().unwrap();
    assert!(header.params.has("unknownparam") && !header.uri.params().has("unknownparam"));
    let uri = Message::parse(&second).unwrap().contact().unwrap();
    assert!(!uri.params.has("unknownparam") && uri.uri.params().has("unknownparam"));
}

#[test]
fn schemes_that_we_do_not_know_are_kept() {
    let bytes = bytes_of("unksm2");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.to().unwrap().uri.scheme(), Scheme::Other("isbn"));
    assert_eq!(message.from().unwrap().uri.as_str(), "http://www.example.com");
}

#[test]
fn a_bare_cookie_is_no_branch() {
    let bytes = bytes_of("badbranch");
    let via = Message::parse(&bytes).unwrap().via().unwrap();
    assert_eq!((via.branch(), via.rfc3261_branch()), (Some("z9hG4bK"), None));
}

#[test]
fn streams_are_given_up_where_the_length_cannot_be_trusted() {
    for name in ["ncl", "mcl01", "inv2543"] {
        let mut framer = Framer::new();
        framer.push(&bytes_of(name));
        assert_eq!(framer.next_frame(), Err(FrameError::ContentLength), "{name}");
    }
    let mut framer = Framer::new();
    framer.push(&bytes_of("clerr"));
    assert_eq!(framer.next_frame(), Ok(None), "the rest may still come");
    assert!(framer.is_mid_message());
}

#[test]
fn ipv6_everywhere() {
    for (name, valid, bytes) in rfc5118::messages() {
        let expected = if valid { Expected::Fit } else { Expected::Refused(400) };
        assert_eq!(verdict(&bytes), expected, "{name}");
        let message = Message::parse(&bytes).unwrap();
        for via in message.vias() {
            via.unwrap();
        }
    }
    let received = rfc5118::messages();
    let received = received.iter().filter(|(name, _, _)| name.starts_with("via-received"));
    for (name, _, bytes) in received {
        let via = Message::parse(bytes).unwrap().via().unwrap();
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok(), "{name}");
    }
}

#[test]
fn session_descriptions_of_rfc_5118() {
    let sdp = Description::parse(rfc5118::IPV6_SDP.as_bytes()).unwrap();
    let address = sdp.connection_of(&sdp.media[0]).unwrap().ip().unwrap();
    assert_eq!(address, "2001:db8::20".parse::<std::net::IpAddr>().unwrap());
    let sdp = Description::parse(rfc5118::TWO_FAMILIES_SDP.as_bytes()).unwrap();
    let address = |at: usize| sdp.connection_of(&sdp.media[at]).unwrap().ip().unwrap();
    assert!(address(0).is_ipv4() && address(1).is_ipv6());
}

#[test]
fn transfers_abused_get_their_verdict_and_their_refer_to_is_judged() {
    for (name, bytes, status) in transfer::messages() {
        assert_eq!(verdict(&bytes), status.map_or(Expected::Fit, Expected::Refused), "{name}");
    }
    let judged: Vec<_> = transfer::messages()
        .iter()
        .filter_map(|(name, bytes, _)| {
            let refused = Message::parse(bytes).unwrap().refer_to()?.err()?;
            Some((*name, refused.status))
        })
        .collect();
    assert_eq!(
        judged,
        [
            ("two places in one line", 400),
            ("headers smuggled in", 400),
            ("a script", 416),
            ("a NUL", 400),
            ("only headers", 400),
        ]
    );
}
