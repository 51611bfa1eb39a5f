//! Descriptions as real phones write them, and what we make of them.

use super::*;

const BARESIP: &str = "v=0\r\no=- 3465726723 1837206434 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n\
    a=tool:baresip 1.0.0\r\nm=audio 10250 RTP/AVP 96 0 8 101\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 stereo=1;sprop-stereo=1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp:10251\r\na=sendrecv\r\na=label:1\r\na=rtcp-rsize\r\n\
    a=ssrc:123 cname:sip:a@b\r\na=ptime:20\r\n";

const LINPHONE: &str = "v=0\r\no=alice 1205 2307 IN IP4 192.168.1.20\r\ns=Talk\r\nc=IN IP4 192.168.1.20\r\nt=0 0\r\n\
    a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\na=record:off\r\n\
    m=audio 7078 RTP/AVPF 96 97 98 0 8 101 99 100\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
    a=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\na=rtpmap:98 speex/8000\r\na=fmtp:98 vbr=on\r\n\
    a=rtpmap:101 telephone-event/48000\r\na=rtpmap:99 telephone-event/16000\r\na=rtpmap:100 telephone-event/8000\r\n\
    a=rtcp-fb:* trr-int 1000\r\na=rtcp-fb:* ccm tmmbr\r\nm=video 9078 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n";

const SIPP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

/// A browser's codecs on a plain profile, as a gateway passes them on.
const CHROME_LIKE: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 50000 RTP/AVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 192.0.2.44\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=mid:0\r\n\
    a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
    a=rtpmap:126 telephone-event/8000\r\na=maxptime:60\r\n";

fn ours(codecs: &[Codec]) -> Ours {
    Ours::new("203.0.113.5:30000".parse().unwrap(), codecs)
}

fn answered(offer: &str, codecs: &[Codec]) -> Result<Answer, NotAcceptable> {
    let offer = Description::parse(offer.as_bytes()).unwrap();
    answer(&offer, &ours(codecs), &mut Origin::new(7))
}

fn plain(lines: &str) -> String {
    format!("v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}")
}

#[test]
fn real_phones_get_the_codec_we_like_best_with_their_own_numbers() {
    use Codec::*;
    const ALL: &[Codec] = &[Pcma, Opus, G722, Pcmu];
    const OPUS_FIRST: &[Codec] = &[Opus, Pcma];
    type Row = (&'static str, &'static [Codec], Codec, u8, Option<(u8, u32)>, &'static str);
    let table: [Row; 8] = [
        (BARESIP, ALL, Pcma, 8, Some((101, 8000)), "10.0.0.7:10250"),
        (BARESIP, OPUS_FIRST, Opus, 96, Some((101, 8000)), "10.0.0.7:10250"),
        (LINPHONE, ALL, Pcma, 8, Some((100, 8000)), "192.168.1.20:7078"),
        (LINPHONE, OPUS_FIRST, Opus, 96, Some((101, 48000)), "192.168.1.20:7078"),
        (SIPP, ALL, Pcmu, 0, None, "127.0.0.1:6000"),
        (CHROME_LIKE, ALL, Pcma, 8, Some((126, 8000)), "192.0.2.44:50000"),
        (CHROME_LIKE, OPUS_FIRST, Opus, 111, Some((110, 48000)), "192.0.2.44:50000"),
        (CHROME_LIKE, &[G722], G722, 9, Some((126, 8000)), "192.0.2.44:50000"),
    ];
    for (offer, codecs, codec, payload_type, event, remote) in table {
        let agreed = answered(offer, codecs).unwrap().agreed;
        assert_eq!((agreed.codec, agreed.payload_type), (codec, payload_type), "{offer}");
        assert_eq!(
            (agreed.telephone_event, agreed.remote),
            (event, remote.parse().unwrap()),
            "{offer}"
        );
        assert_eq!((agreed.direction, agreed.ptime_ms), (Direction::SendRecv, 20), "{offer}");
    }
}

#[test]
fn the_answer_reads_as_it_should() {
    let body = answered(CHROME_LIKE, &[Codec::Pcma]).unwrap().body;
    assert_eq!(
        body,
        "v=0\r\no=dozvon 7 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n\
         m=audio 30000 RTP/AVPF 8 126\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n\
         a=fmtp:126 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn every_other_stream_is_refused_in_its_place() {
    let offer = plain(
        "m=video 9000 RTP/AVP 31 34\r\nm=audio 4000 RTP/SAVP 8\r\nm=audio 4002 RTP/AVP 8\r\nm=audio 4004 RTP/AVP 0\r\n\
         m=image 5000 udptl t38\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    );
    let body = answered(&offer, &[Codec::Pcmu, Codec::Pcma]).unwrap().body;
    let lines: Vec<_> = body.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31 34",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 30000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        ]
    );
}

#[test]
fn what_we_cannot_take_is_not_acceptable() {
    use NotAcceptable::*;
    let table = [
        ("m=audio 0 RTP/AVP 8\r\n", NoAudio),
        ("m=video 4000 RTP/AVP 31\r\n", NoAudio),
        ("", NoAudio),
        ("m=audio 4000 RTP/SAVP 8\r\n", Profile),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\n", Profile),
        ("m=audio 4000 udp 8\r\n", Profile),
        ("m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n", NoCommonCodec),
        ("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 G729/8000\r\n", NoCommonCodec),
        ("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMA/16000\r\n", NoCommonCodec),
        ("m=audio 4000 RTP/AVP 97 255 x\r\n", NoCommonCodec),
        ("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 evil.example\r\n", Address),
        ("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 255.255.255.255\r\n", Address),
        ("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 224.2.1.1/127\r\n", Address),
    ];
    for (lines, expected) in table {
        assert_eq!(answered(&plain(lines), &Codec::ALL), Err(expected), "{lines}");
    }
    assert_eq!(answered(&plain("m=audio 4000 RTP/AVP 8\r\n"), &[]), Err(NoCommonCodec));
}

#[test]
fn holds_are_answered_the_other_way_round() {
    use Direction::*;
    let table = [
        ("a=sendonly\r\n", SendRecv, RecvOnly),
        ("a=recvonly\r\n", SendRecv, SendOnly),
        ("a=inactive\r\n", SendRecv, Inactive),
        ("", SendRecv, SendRecv),
        ("", SendOnly, SendOnly),
        ("a=sendonly\r\n", SendOnly, Inactive),
        ("c=IN IP4 0.0.0.0\r\n", SendRecv, RecvOnly),
        ("c=IN IP6 ::\r\na=sendonly\r\n", SendRecv, RecvOnly),
    ];
    for (lines, wanted, expected) in table {
        let text = plain(&format!("m=audio 4000 RTP/AVP 8\r\n{lines}"));
        let offer = Description::parse(text.as_bytes()).unwrap();
        let ours = Ours { direction: wanted, ..ours(&[Codec::Pcma]) };
        let answer = answer(&offer, &ours, &mut Origin::new(1)).unwrap();
        assert_eq!(answer.agreed.direction, expected, "{lines}");
        assert!(answer.body.contains(&format!("a={}\r\n", expected.as_str())), "{lines}");
    }
    let session_level = plain("a=sendonly\r\nm=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(answered(&session_level, &[Codec::Pcma]).unwrap().agreed.direction, RecvOnly);
}

#[test]
fn addresses_come_from_the_section_first_in_both_families() {
    let at = |lines: &str| {
        let agreed = answered(&plain(lines), &[Codec::Pcma]).unwrap().agreed;
        (agreed.remote.to_string(), agreed.rtcp.map(|rtcp| rtcp.to_string()).unwrap_or_default())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(at("m=audio 4000 RTP/AVP 8\r\n"), pair("192.0.2.1:4000", "192.0.2.1:4001"));
    assert_eq!(
        at("m=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::5\r\na=rtcp:5000\r\n"),
        pair("[2001:db8::5]:4000", "[2001:db8::5]:5000")
    );
    assert_eq!(
        at("m=audio 4000 RTP/AVP 8\r\na=rtcp:53020 IN IP4 126.16.64.4\r\na=rtcp-mux\r\n"),
        pair("192.0.2.1:4000", "126.16.64.4:53020")
    );
    assert_eq!(at("m=audio 65535 RTP/AVP 8\r\n"), pair("192.0.2.1:65535", ""));
    assert_eq!(at("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n"), pair("0.0.0.0:4000", ""));
}

#[test]
fn rtcp_mux_is_taken_only_when_both_want_it() {
    let offer = Description::parse(CHROME_LIKE.as_bytes()).unwrap();
    let ours = Ours { rtcp_mux: true, ..ours(&[Codec::Pcma]) };
    let with = answer(&offer, &ours, &mut Origin::new(1)).unwrap();
    assert!(with.body.contains("a=rtcp-mux") && with.agreed.rtcp == Some(with.agreed.remote));
    assert!(!answered(CHROME_LIKE, &[Codec::Pcma]).unwrap().body.contains("rtcp-mux"));
    assert!(!answered(SIPP, &[Codec::Pcmu]).unwrap().body.contains("rtcp-mux"));
}

#[test]
fn packet_times_are_theirs_where_we_can_make_them() {
    let table = [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:10\r\na=maxptime:40\r\n", 10),
        ("a=ptime:40\r\na=maxptime:20\r\n", 20),
        ("a=ptime:25\r\n", 20),
        ("a=ptime:0\r\n", 20),
        ("a=ptime:9999999\r\n", 20),
        ("a=maxptime:10\r\n", 10),
        ("a=ptime:x\r\na=maxptime:\r\n", 20),
        ("a=ptime:200\r\n", 20),
    ];
    for (lines, expected) in table {
        let offer = plain(&format!("m=audio 4000 RTP/AVP 8\r\n{lines}"));
        assert_eq!(answered(&offer, &[Codec::Pcma]).unwrap().agreed.ptime_ms, expected, "{lines}");
    }
}

#[test]
fn the_version_grows_only_with_a_change() {
    let mut origin = Origin::new(u64::MAX);
    let offer = Description::parse(BARESIP.as_bytes()).unwrap();
    let mut ours = ours(&[Codec::Pcma]);
    let first = answer(&offer, &ours, &mut origin).unwrap();
    assert_eq!(answer(&offer, &ours, &mut origin).unwrap(), first, "same offer, same answer");
    assert!(first.body.contains("o=dozvon 9223372036854775807 1 "), "{}", first.body);
    ours.direction = Direction::SendOnly;
    let held = answer(&offer, &ours, &mut origin).unwrap();
    assert!(held.body.contains("o=dozvon 9223372036854775807 2 "), "{}", held.body);
    ours.direction = Direction::SendRecv;
    assert!(answer(&offer, &ours, &mut origin).unwrap().body.contains("7 3 IN"));
}

#[test]
fn our_offer_is_understood_and_its_answer_read_back() {
    use Codec::*;
    for (theirs, expected) in [([Opus, Pcma], Opus), ([Pcma, Opus], Pcma)] {
        let text = offer(&ours(&[Pcma, Opus, G722]), &mut Origin::new(1));
        let our_offer = Description::parse(text.as_bytes()).unwrap();
        let them = Ours::new("[2001:db8::9]:7000".parse().unwrap(), &theirs);
        let reply = answer(&our_offer, &them, &mut Origin::new(2)).unwrap();
        let reply_sdp = Description::parse(reply.body.as_bytes()).unwrap();
        let agreed = read_answer(&our_offer, &reply_sdp).unwrap();
        assert_eq!((agreed.codec, reply.agreed.codec), (expected, expected));
        assert_eq!(agreed.remote, "[2001:db8::9]:7000".parse().unwrap());
        assert_eq!(agreed.telephone_event.unwrap().1, expected.clock_rate());
    }
}

#[test]
fn answers_that_do_not_fit_are_refused() {
    let text = offer(&ours(&[Codec::Pcma, Codec::Pcmu]), &mut Origin::new(1));
    let our_offer = Description::parse(text.as_bytes()).unwrap();
    let read = |lines: &str| {
        let text = plain(lines);
        read_answer(&our_offer, &Description::parse(text.as_bytes()).unwrap()).map(|a| a.codec)
    };
    assert_eq!(
        read("m=audio 4000 RTP/AVP 0 8\r\n"),
        Ok(Codec::Pcmu),
        "their order counts in an answer"
    );
    assert_eq!(read("m=audio 0 RTP/AVP 8\r\n"), Err(NotAcceptable::NoAudio));
    assert_eq!(read("m=audio 4000 RTP/AVP 9\r\n"), Err(NotAcceptable::NoCommonCodec));
    assert_eq!(read("m=audio 4000 RTP/SAVP 8\r\n"), Err(NotAcceptable::Profile));
    assert_eq!(read("m=video 4000 RTP/AVP 8\r\n"), Err(NotAcceptable::Mismatch));
    assert_eq!(read(""), Err(NotAcceptable::Mismatch));
}

#[test]
fn the_second_leg_is_offered_first_what_the_first_has_agreed() {
    use Codec::*;
    assert_eq!(order_for_leg(&[Opus, G722, Pcma, Pcmu], Pcma), [Pcma, Opus, G722, Pcmu]);
    assert_eq!(
        order_for_leg(&[Opus, Pcma], Pcmu),
        [Opus, Pcma],
        "what we may not use is not added"
    );
    let offer = Description::parse(CHROME_LIKE.as_bytes()).unwrap();
    assert_eq!(offered_codecs(&offer), [Opus, G722, Pcmu, Pcma]);
}

#[test]
fn an_offer_in_a_running_session_keeps_streams_and_payload_types() {
    use Codec::*;
    let theirs = plain(
        "m=video 9000 RTP/AVP 31\r\nm=audio 4000 RTP/AVPF 8 110 111\r\na=rtpmap:110 opus/48000/2\r\n\
         a=rtpmap:111 telephone-event/8000\r\n",
    );
    let first = Description::parse(theirs.as_bytes()).unwrap();
    let mut origin = Origin::new(5);
    answer(&first, &ours(&[Pcma]), &mut origin).unwrap();
    let again = offer(&ours(&[Pcma, Opus]), &mut origin);
    let again = Description::parse(again.as_bytes()).unwrap();
    assert_eq!((again.media[0].kind.as_ref(), again.media[0].port), ("video", 0));
    assert_eq!(again.media[1].proto, "RTP/AVPF");
    let encodings: Vec<_> =
        again.media[1].encodings().map(|(pt, name, rate)| (pt, name.to_owned(), rate)).collect();
    assert!(encodings.contains(&(111, "telephone-event".into(), 8000)), "{encodings:?}");
    assert!(
        encodings.contains(&(96, "opus".into(), 48000)),
        "111 means something else here: {encodings:?}"
    );
    assert!(again.origin.starts_with("dozvon 5 2 "));
}
