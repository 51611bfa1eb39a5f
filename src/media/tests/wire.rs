//! What comes from the wire: strangers, keys, silence, RTCP and rubbish.

mod world;

use dozvon_media::bank::{Channel, MediaConfig, Ordered};
use dozvon_media::clip::Library;
use dozvon_media::dtmf::{Detector, KeyEvent};
use dozvon_media::limits::{BURST_PACKETS_MAX, DATAGRAM_BYTES_MAX, SESSIONS_MAX};
use dozvon_media::order::{
    Codec, Digit, DigitSource, Direction, Format, MeasureId, Order, PlayId, Report, SessionId,
    TelephoneEvent,
};
use dozvon_media::rtcp;
use dozvon_media::rtp::Random;
use std::time::Duration;
use world::{FRAME, Phone, World, addr, assert_one_stream, format};

fn without_events(codec: Codec) -> Format {
    Format { telephone_event: None, ..format(codec) }
}

fn bridge(world: &mut World, a: &Phone, b: &Phone) {
    assert_eq!(world.order(Order::Bridge { a: a.session, b: b.session }), Ordered::Obeyed);
}

fn press_all(world: &mut World, phone: &mut Phone, keys: &str) {
    for key in keys.chars() {
        phone.press(key);
        world.run(15, &mut [phone]);
    }
}

fn sing_all(world: &mut World, phone: &mut Phone, keys: &str) {
    for key in keys.chars() {
        phone.sing(key);
        world.run(5, &mut [phone]);
        phone.hush();
        world.run(5, &mut [phone]);
    }
}

// ---- strangers ---------------------------------------------------------------------------------------------------

#[test]
fn a_stranger_beside_a_talking_peer_hears_nothing_and_is_not_heard() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcmu), 600.0);
    bridge(&mut world, &a, &b);
    world.run(10, &mut [&mut a, &mut b]);
    let mut thief = Phone::join(&mut world, 3, format(Codec::Pcmu), 1800.0);
    let from = addr("203.0.113.66:5000");
    for _ in 0..100 {
        let bytes = thief.speak().expect("sound");
        world.rtp(a.slot, from, &bytes);
        world.step(&mut [&mut a, &mut b]);
    }
    assert!(world.sent.iter().all(|s| s.to != from));
    assert!(world.hears(&b, 1000.0) > 0.99, "nothing is mixed in");
    let quality = world.bank.quality(a.session).expect("open");
    assert_eq!((quality.strangers, quality.received, quality.lost), (100, 110, 0));
}

#[test]
fn a_phone_behind_a_nat_is_answered_where_it_speaks_from() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    phone.from = addr("198.51.100.7:40000");
    world.run(20, &mut [&mut phone]);
    let sent = world.sent_from(phone.slot);
    assert_eq!(sent[0].to, phone.named);
    assert!(sent[5..].iter().all(|s| s.to == phone.from));
    assert!(world.reports.contains(&Report::Heard { session: phone.session }));
    assert_eq!(world.bank.quality(phone.session).expect("open").strangers, 3);
}

#[test]
fn a_new_agreement_lets_the_media_move() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    world.run(20, &mut [&mut phone]);
    phone.from = addr("198.51.100.7:40000");
    world.run(200, &mut [&mut phone]);
    assert_eq!(world.bank.quality(phone.session).expect("open").strangers, 200);
    phone.named = addr("198.51.100.7:40000");
    phone.agree(&mut world, Direction::SendRecv);
    world.sent.clear();
    world.run(20, &mut [&mut phone]);
    assert!(world.sent_from(phone.slot).iter().all(|s| s.to == phone.from));
    assert_eq!(world.bank.quality(phone.session).expect("open").strangers, 200);
}

// ---- keys --------------------------------------------------------------------------------------------------------

#[test]
fn keys_sent_as_events_are_reported_once_each_even_during_a_prompt() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Opus), 0.0);
    let (session, play) = (phone.session, PlayId(1));
    world.order(Order::Play { session, play, clips: vec![Library::NOISE] });
    press_all(&mut world, &mut phone, "1209*#");
    assert_eq!(world.digits(session, DigitSource::Event), "1209*#");
    assert_eq!(world.digits(session, DigitSource::Inband), "");
}

#[test]
fn keys_in_the_sound_are_heard_when_no_events_were_agreed() {
    for codec in Codec::ALL {
        let mut world = World::new();
        let mut phone = Phone::join(&mut world, 1, without_events(codec), 0.0);
        sing_all(&mut world, &mut phone, "1209*#55");
        assert_eq!(world.digits(phone.session, DigitSource::Inband), "1209*#55", "{codec:?}");
    }
}

#[test]
fn keys_in_the_sound_are_nobodys_business_in_a_bridge_or_beside_events() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, without_events(Codec::Pcmu), 0.0);
    let b = Phone::join(&mut world, 2, without_events(Codec::Pcmu), 0.0);
    let mut c = Phone::join(&mut world, 3, format(Codec::Pcmu), 0.0);
    bridge(&mut world, &a, &b);
    sing_all(&mut world, &mut a, "123");
    sing_all(&mut world, &mut c, "123");
    assert_eq!(world.digits(a.session, DigitSource::Inband), "");
    assert_eq!(world.digits(c.session, DigitSource::Inband), "");
    world.order(Order::Unbridge { session: a.session });
    sing_all(&mut world, &mut a, "456");
    assert_eq!(world.digits(a.session, DigitSource::Inband), "456");
}

#[test]
fn a_key_that_stops_a_prompt_is_not_heard_again_in_the_next_one() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, without_events(Codec::Pcma), 0.0);
    let session = phone.session;
    world.order(Order::Play { session, play: PlayId(1), clips: vec![Library::NOISE] });
    phone.sing('5');
    world.run(5, &mut [&mut phone]);
    assert_eq!(world.digits(session, DigitSource::Inband), "5");
    world.order(Order::Play { session, play: PlayId(2), clips: vec![Library::BEEP] });
    world.run(20, &mut [&mut phone]);
    assert_eq!(world.digits(session, DigitSource::Inband), "5");
}

/// The keys a peer would read from the events sent to it.
fn events_at(world: &World, phone: &Phone, payload_type: u8) -> String {
    let mut receiver = dozvon_media::dtmf::KeyReceiver::default();
    world
        .sent_from(phone.slot)
        .iter()
        .map(|s| s.packet())
        .filter(|p| p.payload_type == payload_type)
        .filter_map(|p| receiver.receive(&p, false))
        .map(Digit::to_char)
        .collect()
}

#[test]
fn events_pass_a_relay_with_the_payload_type_of_the_other_side_and_are_reported() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let event = TelephoneEvent { payload_type: 96, clock_hz: 8000 };
    let b_format = Format { telephone_event: Some(event), ..format(Codec::Pcmu) };
    let b = Phone::join(&mut world, 2, b_format, 0.0);
    bridge(&mut world, &a, &b);
    press_all(&mut world, &mut a, "42#");
    assert_eq!(world.digits(a.session, DigitSource::Event), "42#");
    assert_eq!(events_at(&world, &b, 96), "42#");
    let sent = world.sent_from(b.slot);
    let events: Vec<_> = sent.iter().map(|s| s.packet()).filter(|p| p.payload_type == 96).collect();
    assert_eq!(events.len(), 21, "every packet of a press passes");
    assert!(events[..7].iter().all(|p| p.timestamp == events[0].timestamp));
    for pair in sent.windows(2) {
        assert_eq!(pair[1].packet().sequence, pair[0].packet().sequence.wrapping_add(1));
    }
}

#[test]
fn events_are_pressed_anew_between_different_codecs_in_the_clock_of_the_other_side() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Opus), 0.0);
    bridge(&mut world, &a, &b);
    for key in ['7', '7', 'D'] {
        a.press(key);
        world.run(20, &mut [&mut a, &mut b]);
    }
    assert_eq!(world.digits(a.session, DigitSource::Event), "77D");
    assert_eq!(events_at(&world, &b, 101), "77D");
    let sent = world.sent_from(b.slot);
    let events: Vec<_> =
        sent.iter().map(|s| s.packet()).filter(|p| p.payload_type == 101).collect();
    let last = KeyEvent::read(events[6].payload).expect("an event");
    assert_eq!((last.duration, last.end), (4800, true), "100 ms at 48 kHz");
}

#[test]
fn a_side_without_events_hears_the_key_as_a_tone() {
    for (a_codec, b_codec) in
        [(Codec::Pcmu, Codec::Pcmu), (Codec::Opus, Codec::Pcma), (Codec::G722, Codec::Opus)]
    {
        let mut world = World::new();
        let mut a = Phone::join(&mut world, 1, format(a_codec), 0.0);
        let mut b = Phone::join(&mut world, 2, without_events(b_codec), 0.0);
        bridge(&mut world, &a, &b);
        for key in ['3', '3', '*'] {
            a.press(key);
            world.run(20, &mut [&mut a, &mut b]);
        }
        let mut heard = String::new();
        Detector::default().hear(&world.heard(&b), |digit| heard.push(digit.to_char()));
        assert_eq!(heard, "33*", "{a_codec:?} to {b_codec:?}");
        assert_one_stream(&world.sent_from(b.slot));
    }
}

#[test]
fn dialling_sends_events_or_tones_and_the_prompt_goes_on_after_it() {
    for format in [format(Codec::Pcma), without_events(Codec::Pcma)] {
        let mut world = World::new();
        let mut phone = Phone::join(&mut world, 1, format, 0.0);
        let (session, play) = (phone.session, PlayId(3));
        world.order(Order::Play { session, play, clips: vec![Library::BEEP] });
        world.run(2, &mut [&mut phone]);
        let digits = "90#".chars().filter_map(Digit::from_char).collect();
        world.order(Order::Dial { session, digits });
        world.run(3 * 8, &mut [&mut phone]);
        assert!(!world.reports.contains(&Report::Played { session, play }));
        world.run(9, &mut [&mut phone]);
        assert!(world.reports.contains(&Report::Played { session, play }));
        let dialled = if format.telephone_event.is_some() {
            events_at(&world, &phone, 101)
        } else {
            let mut heard = String::new();
            Detector::default().hear(&world.heard(&phone), |digit| heard.push(digit.to_char()));
            heard
        };
        assert_eq!(dialled, "90#");
        for pair in world.sent_from(phone.slot).windows(2) {
            assert_eq!(pair[1].packet().sequence, pair[0].packet().sequence.wrapping_add(1));
        }
    }
}

#[test]
fn while_keys_are_dialled_nothing_else_is_sent_and_the_bridge_goes_on_after_it() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcma), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcma), 0.0);
    bridge(&mut world, &a, &b);
    world.run(10, &mut [&mut a, &mut b]);
    world.order(Order::Dial { session: b.session, digits: vec![Digit::Num(4)] });
    world.sent.clear();
    world.run(8, &mut [&mut a, &mut b]);
    assert!(world.sent_from(b.slot).iter().all(|s| s.packet().payload_type == 101));
    world.sent.clear();
    world.run(50, &mut [&mut a, &mut b]);
    assert!(world.hears(&b, 1000.0) > 0.95);
    assert!(world.sent_from(b.slot)[0].packet().marker);
}

#[test]
fn more_keys_than_the_queue_holds_are_counted() {
    let mut world = World::new();
    let phone = Phone::join(&mut world, 1, format(Codec::Pcma), 0.0);
    world.order(Order::Dial { session: phone.session, digits: vec![Digit::Star; 70] });
    assert_eq!(world.bank.counts().dropped_keys, 6);
}

#[test]
fn two_hundred_keys_at_ten_percent_loss_pass_a_bridge_exactly_once() {
    let mut world = World::new();
    let mut random = Random::new(11);
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let b = Phone::join(&mut world, 2, format(Codec::Pcmu), 0.0);
    bridge(&mut world, &a, &b);
    let keys: Vec<char> =
        (0..200).map(|_| b"0123456789*#"[random.next() as usize % 12].into()).collect();
    for key in &keys {
        a.press(*key);
        for _ in 0..15 {
            let bytes = a.speak().expect("sound");
            if !random.next().is_multiple_of(10) {
                world.rtp(a.slot, a.from, &bytes);
            }
            world.run(1, &mut []);
        }
    }
    let text: String = keys.iter().collect();
    assert_eq!(world.digits(a.session, DigitSource::Event), text);
    assert_eq!(events_at(&world, &b, 101), text);
}

// ---- silence and quality -----------------------------------------------------------------------------------------

#[test]
fn silence_is_reported_once_and_again_only_after_sound() {
    let config = MediaConfig { rtp_timeout: Duration::from_secs(5), ..MediaConfig::default() };
    let mut world = World::with(config);
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let silences =
        |world: &World| world.reports.iter().filter(|r| matches!(r, Report::Silent { .. })).count();
    world.run(249, &mut []);
    assert_eq!(silences(&world), 0);
    world.run(500, &mut []);
    assert_eq!(silences(&world), 1, "one-way from the beginning");
    assert!(world.reports.iter().all(|r| !matches!(r, Report::Heard { .. })));
    world.run(10, &mut [&mut phone]);
    world.run(500, &mut []);
    assert_eq!(silences(&world), 2);
    let Some(Report::Silent { silence, .. }) = world.reports.last() else { panic!("silent") };
    assert_eq!(silence.as_secs(), 5);
    let heard = world.reports.iter().filter(|r| matches!(r, Report::Heard { .. })).count();
    assert_eq!(heard, 1);
}

#[test]
fn who_is_known_to_send_all_the_time_is_missed_sooner() {
    let mut world = World::with(MediaConfig::default());
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let within = Duration::from_secs(2);
    world.order(Order::Expect { session: phone.session, within });
    world.run(200, &mut [&mut phone]);
    world.run(99, &mut []);
    let is_silent = |report: &Report| matches!(report, Report::Silent { .. });
    assert!(!world.reports.iter().any(is_silent));
    world.run(2, &mut []);
    assert!(world.reports.iter().any(is_silent), "two seconds, and not thirty");
}

#[test]
fn after_a_hold_so_long_that_numbers_wrapped_sound_and_keys_pass_again() {
    let config = MediaConfig { continuous: false, ..MediaConfig::default() };
    let mut world = World::with(config);
    let mut a = Phone::join(&mut world, 1, without_events(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcmu), 0.0);
    bridge(&mut world, &a, &b);
    world.run(10, &mut [&mut a, &mut b]);
    a.agree(&mut world, Direction::SendOnly);
    world.run(40_000, &mut [&mut a]);
    a.agree(&mut world, Direction::SendRecv);
    world.sent.clear();
    world.run(60, &mut [&mut a, &mut b]);
    assert!(world.hears(&b, 1000.0) > 0.9);

    world.order(Order::Unbridge { session: a.session });
    sing_all(&mut world, &mut a, "1");
    a.agree(&mut world, Direction::SendOnly);
    world.run(40_000, &mut [&mut a]);
    a.agree(&mut world, Direction::SendRecv);
    sing_all(&mut world, &mut a, "2");
    assert_eq!(world.digits(a.session, DigitSource::Inband), "12");
}

#[test]
fn a_held_peer_may_be_silent_and_is_waited_for_anew_when_it_returns() {
    let config = MediaConfig { rtp_timeout: Duration::from_secs(5), ..MediaConfig::default() };
    let mut world = World::with(config);
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    world.run(10, &mut [&mut phone]);
    phone.agree(&mut world, Direction::SendOnly);
    world.run(1000, &mut []);
    phone.agree(&mut world, Direction::SendRecv);
    world.run(240, &mut []);
    assert!(world.reports.iter().all(|r| !matches!(r, Report::Silent { .. })));
    world.run(20, &mut []);
    assert!(world.reports.iter().any(|r| matches!(r, Report::Silent { .. })));
}

#[test]
fn reports_go_out_every_five_seconds_and_measure_the_round_trip() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    world.run(50 * 60, &mut [&mut phone]);
    let reports: Vec<_> = world.sent.iter().filter(|s| s.channel == Channel::Rtcp).collect();
    assert!((10..=14).contains(&reports.len()), "{} in a minute", reports.len());
    assert!(reports.iter().all(|s| s.to.port() == phone.named.port() + 1));
    let last = reports[reports.len() - 1].clone();
    let heard = rtcp::read(&last.bytes, phone.ssrc).expect("RTCP");
    assert_eq!(heard.fraction_lost, Some(0));

    // The peer answers 300 ms later, having held the report for 200 ms.
    let ours = u32::from_be_bytes(last.bytes[4..8].try_into().expect("an SSRC"));
    let mut answer = Vec::new();
    rtcp::Compound {
        ssrc: phone.ssrc,
        sender: None,
        block: Some(rtcp::Block {
            reception: dozvon_media::rtp::ReceptionReport {
                ssrc: ours,
                fraction_lost: 0,
                lost: 0,
                highest: 0,
                jitter_ticks: 0,
            },
            last_report: heard.sender_report.expect("a sender report"),
            delay: 65_536 / 5,
        }),
        cname: "phone",
        goodbye: false,
    }
    .write(world.now, &mut answer);
    let later = last.at + Duration::from_millis(300);
    let beside = std::net::SocketAddr::new(phone.named.ip(), phone.named.port() + 1);
    world.bank.rtcp(later, phone.slot, addr("203.0.113.66:5"), &answer);
    assert_eq!(world.bank.quality(phone.session).expect("open").round_trip_secs, None);
    world.bank.rtcp(later, phone.slot, beside, &answer);
    let trip = world.bank.quality(phone.session).expect("open").round_trip_secs.expect("measured");
    assert!((trip - 0.1).abs() < 0.001, "{trip}");
}

#[test]
fn quality_counts_loss_and_jitter() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Opus), 1000.0);
    for n in 0..200u64 {
        let bytes = phone.speak().expect("sound");
        if n % 20 != 10 {
            let steady = world.now;
            world.now = steady + Duration::from_millis(n % 3 * 5);
            world.rtp(phone.slot, phone.from, &bytes);
            world.now = steady;
        }
        world.run(1, &mut []);
    }
    let quality = world.bank.quality(phone.session).expect("open");
    assert_eq!((quality.received, quality.lost), (190, 10));
    assert!((0.003..0.009).contains(&quality.jitter_secs), "{}", quality.jitter_secs);
}

// ---- rubbish -----------------------------------------------------------------------------------------------------

#[test]
fn orders_for_nobody_are_counted_and_dropped() {
    let mut world = World::new();
    let session = SessionId(1);
    assert_eq!(world.order(Order::Close { session }), Ordered::Refused);
    let open = Order::Open { session, local: addr("192.0.2.1:20000") };
    assert!(matches!(world.order(open.clone()), Ordered::Opened(_)));
    assert_eq!(world.order(open), Ordered::Refused);
    assert_eq!(world.bank.counts().refused_orders, 2);
    assert_eq!(world.bank.len(), 1);
}

#[test]
fn a_full_bank_refuses_another_session_and_a_long_datagram_is_dropped() {
    let mut world = World::new();
    let local = addr("192.0.2.1:20000");
    for n in 0..SESSIONS_MAX as u64 {
        let opened = world.order(Order::Open { session: SessionId(n), local });
        assert!(matches!(opened, Ordered::Opened(_)));
    }
    let session = SessionId(u64::MAX);
    assert_eq!(world.order(Order::Open { session, local }), Ordered::Refused);
    world.order(Order::Close { session: SessionId(7) });
    assert!(matches!(world.order(Order::Open { session, local }), Ordered::Opened(_)));

    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut bytes = phone.speak().expect("sound");
    bytes.resize(DATAGRAM_BYTES_MAX, 0xff);
    world.rtp(phone.slot, phone.from, &bytes);
    assert_eq!(world.bank.counts().malformed, 0);
    let mut bytes = phone.speak().expect("sound");
    bytes.resize(DATAGRAM_BYTES_MAX + 1, 0xff);
    world.rtp(phone.slot, phone.from, &bytes);
    assert_eq!(world.bank.counts().malformed, 1);
    assert_eq!(world.bank.quality(phone.session).expect("open").received, 1);
}

#[test]
fn a_flood_is_not_passed_on() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let b = Phone::join(&mut world, 2, format(Codec::Pcmu), 0.0);
    bridge(&mut world, &a, &b);
    for _ in 0..50 {
        for _ in 0..100 {
            let bytes = a.speak().expect("sound");
            world.rtp(a.slot, a.from, &bytes);
        }
        world.run(1, &mut []);
    }
    assert_eq!(world.sent_from(b.slot).len(), 50 * usize::from(BURST_PACKETS_MAX));
    assert_eq!(world.bank.counts().flooded, 50 * 75);
}

#[test]
fn payloads_nobody_agreed_on_are_ignored() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let b = Phone::join(&mut world, 2, format(Codec::Pcmu), 0.0);
    bridge(&mut world, &a, &b);
    for _ in 0..20 {
        let mut bytes = a.speak().expect("sound");
        bytes[1] = 13;
        world.rtp(a.slot, a.from, &bytes);
    }
    assert!(world.sent_from(b.slot).is_empty());
    assert!(world.reports.is_empty(), "comfort noise was not agreed, nobody was heard");
}

/// Random orders and packets: nothing panics, every session's stream stays one stream, every session is closed once.
#[test]
fn any_sequence_of_orders_and_packets_is_survived() {
    let library = world::library();
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let config = MediaConfig { seed, ..MediaConfig::default() };
        let mut world = World::playing(library.clone(), config);
        let mut phones: Vec<Phone> = Vec::new();
        let mut closed = 0;
        let mut pick = move |n: usize| (random.next() % n as u64) as usize;
        for step in 0..600u64 {
            if phones.len() < 6 && pick(4) == 0 {
                phones.push(Phone::join(&mut world, step, format(Codec::ALL[pick(4)]), 500.0));
            }
            if phones.is_empty() {
                continue;
            }
            let (i, j) = (pick(phones.len()), pick(phones.len()));
            let (session, other) = (phones[i].session, phones[j].session);
            let clip = dozvon_media::order::ClipId(pick(7) as u32);
            match pick(20) {
                0 => {
                    world.order(Order::Bridge { a: session, b: other });
                }
                1 => {
                    world.order(Order::Unbridge { session });
                }
                2 => {
                    world.order(Order::Loop { session, clip });
                }
                3 => {
                    let clips = vec![clip; pick(3)];
                    world.order(Order::Play { session, play: PlayId(step), clips });
                }
                4 => {
                    world.order(Order::Stop { session });
                }
                5 => {
                    world.order(Order::Echo { session });
                }
                6 => {
                    world.order(Order::Dial { session, digits: vec![Digit::Pound; pick(3)] });
                }
                7 => {
                    phones[i].format.ptime_ms = [0, 20, 40, 60, 255][pick(5)];
                    let all = [
                        Direction::SendRecv,
                        Direction::SendOnly,
                        Direction::RecvOnly,
                        Direction::Inactive,
                    ];
                    phones[i].agree(&mut world, all[pick(4)]);
                }
                14 | 15 => {
                    let from = (0..pick(6)).map(|_| phones[pick(phones.len())].session).collect();
                    world.order(Order::Hear { session, from });
                }
                16 => {
                    let clips = vec![clip; pick(3)];
                    world.order(Order::Announce { session, play: PlayId(step), clips });
                }
                17 => {
                    world.order(Order::Mute { session, muted: pick(2) == 0 });
                }
                18 => {
                    let (measure, unheard_after) = (MeasureId(pick(4) as u64), FRAME * 3);
                    let (first, second) = (session, other);
                    world.order(match pick(4) {
                        0 => Order::Unmeasure { measure },
                        1 => Order::PauseMeasure { measure },
                        _ => Order::Measure { measure, first, second, unheard_after },
                    });
                }
                8 => phones[i].press('8'),
                9 => phones[i].sequence = pick(65_536) as u16,
                10 => {
                    let bytes: Vec<u8> = (0..pick(60))
                        .map(|n| if n == 0 { 0x80 } else { pick(256) as u8 })
                        .collect();
                    world.rtp(phones[i].slot, phones[i].from, &bytes);
                }
                11 if pick(5) == 0 => {
                    let phone = phones.swap_remove(i);
                    world.order(Order::Close { session: phone.session });
                    closed += 1;
                    world.sent.retain(|s| s.slot != phone.slot);
                }
                _ => {
                    let mut all: Vec<&mut Phone> = phones.iter_mut().collect();
                    world.step(&mut all);
                }
            }
            world.bank.check_invariants();
        }
        for phone in &phones {
            let sent = world.sent_from(phone.slot);
            for pair in sent.windows(2) {
                let (a, b) = (pair[0].packet(), pair[1].packet());
                assert_eq!(a.ssrc, b.ssrc, "seed {seed}");
                let ahead = b.sequence.wrapping_sub(a.sequence).cast_signed();
                assert!(ahead >= 1, "seed {seed}: {ahead}");
            }
        }
        let reported = world.reports.iter().filter(|r| matches!(r, Report::Closed { .. })).count();
        assert_eq!(reported, closed, "seed {seed}");
    }
}

#[test]
fn the_same_inputs_give_the_same_packets() {
    let run = || {
        let mut world = World::new();
        let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
        let mut b = Phone::join(&mut world, 2, format(Codec::Opus), 600.0);
        bridge(&mut world, &a, &b);
        world.run(400, &mut [&mut a, &mut b]);
        world.sent.into_iter().map(|s| s.bytes).collect::<Vec<_>>()
    };
    assert!(run() == run());
}
