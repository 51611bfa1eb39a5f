//! What callers and agents hear: prompts, music, bridges, echo, holds.

mod world;

use dozvon_media::bank::{Channel, MediaConfig, Ordered};
use dozvon_media::clip::{Library, LibraryBuilder};
use dozvon_media::codec::{Decoder, Encoder, Rate};
use dozvon_media::order::{Codec, Direction, Order, PlayId, Report, SessionId};
use dozvon_media::rtp::Packet;
use dozvon_media::tone::{level_dbm0, power_at, sine};
use std::time::Duration;
use world::{FRAME, Phone, World, addr, assert_one_stream, format};

fn bridge(world: &mut World, a: &Phone, b: &Phone) {
    assert_eq!(world.order(Order::Bridge { a: a.session, b: b.session }), Ordered::Obeyed);
}

fn play(world: &mut World, phone: &Phone, play: u64, clips: &[dozvon_media::order::ClipId]) {
    let (session, play, clips) = (phone.session, PlayId(play), clips.to_vec());
    assert_eq!(world.order(Order::Play { session, play, clips }), Ordered::Obeyed);
}

#[test]
fn every_pair_of_codecs_hears_each_other() {
    for a_codec in Codec::ALL {
        for b_codec in Codec::ALL {
            let mut world = World::new();
            let mut a = Phone::join(&mut world, 1, format(a_codec), 1000.0);
            let mut b = Phone::join(&mut world, 2, format(b_codec), 600.0);
            bridge(&mut world, &a, &b);
            world.run(100, &mut [&mut a, &mut b]);
            let (at_a, at_b) = (world.hears(&a, 600.0), world.hears(&b, 1000.0));
            assert!(at_a > 0.85 && at_b > 0.85, "{a_codec:?} {at_a:.2}, {b_codec:?} {at_b:.2}");
            assert_one_stream(&world.sent_from(a.slot));
            assert_one_stream(&world.sent_from(b.slot));
        }
    }
}

#[test]
fn wide_sound_stays_wide_between_wide_codecs() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::G722), 0.0);
    let b = Phone::join(&mut world, 2, format(Codec::Opus), 0.0);
    bridge(&mut world, &a, &b);
    let mut encoder = Encoder::new(Codec::G722, Rate::Wide, 5);
    for frame in sine(Rate::Wide, 5000.0, -10.0, 16_000 * 2).chunks(320) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload);
        let bytes = a.speak().expect("a packet to be filled");
        let mut packet = Vec::new();
        let payload = payload.as_slice();
        Packet { payload, ..Packet::parse(&bytes).expect("RTP") }.write(&mut packet);
        world.rtp(a.slot, a.from, &packet);
        world.run(1, &mut []);
    }
    let mut decoder = Decoder::new(Codec::Opus, Rate::Wide);
    let mut heard = Vec::new();
    for sent in world.sent_from(b.slot) {
        decoder.decode(sent.packet().payload, &mut heard);
    }
    let last = &heard[heard.len() - 16_000..];
    assert!(power_at(Rate::Wide, 5000.0, last) > 0.7, "{}", power_at(Rate::Wide, 5000.0, last));
}

#[test]
fn a_relay_passes_payloads_unchanged_at_once_under_our_own_numbers() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcma), 1000.0);
    let other = dozvon_media::order::Format { payload_type: 118, ..format(Codec::Pcma) };
    let b = Phone::join(&mut world, 2, other, 0.0);
    bridge(&mut world, &a, &b);
    let mut spoken = Vec::new();
    for _ in 0..50 {
        let bytes = a.speak().expect("sound");
        let sent = world.sent.len();
        world.rtp(a.slot, a.from, &bytes);
        assert_eq!(world.sent.len(), sent + 1, "it left before the next tick");
        spoken.push(bytes);
        world.run(1, &mut []);
    }
    let sent = world.sent_from(b.slot);
    assert_one_stream(&sent);
    for (sent, spoken) in sent.iter().zip(&spoken) {
        let (out, original) = (sent.packet(), Packet::parse(spoken).expect("RTP"));
        assert_eq!(out.payload, original.payload);
        assert_eq!((out.payload_type, sent.to), (118, b.named));
        assert_ne!(out.ssrc, original.ssrc);
    }
    assert!(sent[0].packet().marker, "the bridge begins a talkspurt");
    assert!(!sent[1].packet().marker);
}

#[test]
fn prompt_bridge_and_prompt_again_are_one_stream_to_the_caller() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut world = World::new();
        let mut caller = Phone::join(&mut world, 1, format(codec), 0.0);
        let mut agent = Phone::join(&mut world, 2, format(codec), 1000.0);
        play(&mut world, &caller, 1, &[Library::BEEP; 3]);
        world.run(20, &mut [&mut caller]);
        bridge(&mut world, &caller, &agent);
        world.run(50, &mut [&mut caller, &mut agent]);
        world.order(Order::Unbridge { session: agent.session });
        world.order(Order::Loop { session: caller.session, clip: Library::RINGBACK });
        world.run(50, &mut [&mut caller]);
        let sent = world.sent_from(caller.slot);
        assert_one_stream(&sent);
        let ticks = codec.frame_ticks();
        for pair in sent.windows(2) {
            let step = pair[1].packet().timestamp.wrapping_sub(pair[0].packet().timestamp);
            // Sound never overlaps; at a switch a frame may be missing.
            assert!(step == ticks || step == 2 * ticks, "{step}");
        }
        let markers = sent.iter().filter(|s| s.packet().marker).count();
        assert_eq!(markers, 3, "prompt, bridge and music begin with a marker");
        assert!(world.hears(&caller, 425.0) > 0.9);
    }
}

#[test]
fn played_is_reported_when_the_last_packet_has_been_heard_out() {
    for (ptime_ms, packets) in [(20, 10), (40, 5), (60, 4)] {
        let mut world = World::new();
        let format = dozvon_media::order::Format { ptime_ms, ..format(Codec::Pcmu) };
        let mut phone = Phone::join(&mut world, 1, format, 0.0);
        let begun = world.now;
        play(&mut world, &phone, 9, &[Library::BEEP]);
        let mut ended = None;
        for _ in 0..40 {
            let tick = world.now;
            world.step(&mut [&mut phone]);
            if ended.is_none()
                && world
                    .reports
                    .contains(&Report::Played { session: phone.session, play: PlayId(9) })
            {
                ended = Some(tick);
            }
        }
        // The beep lasts 200 ms; a packet leaves when its last frame is there, and is heard for its length.
        let late = Duration::from_millis(u64::from(ptime_ms) - 20);
        assert_eq!(ended, Some(begun + Duration::from_millis(200) + late), "ptime {ptime_ms}");
        let sent = world.sent_from(phone.slot);
        assert_one_stream(&sent);
        let bytes = usize::from(ptime_ms) * 8;
        assert!(sent.iter().all(|s| s.packet().payload.len() == bytes));
        let loud = sent.iter().filter(|s| s.packet().payload.iter().any(|b| *b != 0xff)).count();
        assert_eq!(loud, packets);
    }
}

#[test]
fn an_empty_list_is_done_at_once_and_a_stopped_one_is_never_reported() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    play(&mut world, &phone, 1, &[]);
    assert_eq!(world.reports, [Report::Played { session: phone.session, play: PlayId(1) }]);
    play(&mut world, &phone, 2, &[Library::BEEP]);
    world.run(3, &mut [&mut phone]);
    world.order(Order::Stop { session: phone.session });
    play(&mut world, &phone, 3, &[Library::BEEP]);
    world.run(3, &mut [&mut phone]);
    play(&mut world, &phone, 4, &[Library::BEEP]);
    world.run(30, &mut [&mut phone]);
    let played: Vec<u64> = world
        .reports
        .iter()
        .filter_map(|r| if let Report::Played { play, .. } = r { Some(play.0) } else { None })
        .collect();
    assert_eq!(played, [1, 4], "replaced and stopped lists say nothing");
}

#[test]
fn a_prompt_ordered_before_the_agreement_waits_for_it() {
    let mut world = World::new();
    let session = SessionId(5);
    world.order(Order::Open { session, local: addr("192.0.2.1:20000") });
    world.order(Order::Play { session, play: PlayId(1), clips: vec![Library::BEEP] });
    world.run(100, &mut []);
    assert!(world.sent.is_empty() && world.reports.is_empty());
    let (remote, format, direction) =
        (addr("192.0.2.9:4000"), format(Codec::Pcmu), Direction::SendRecv);
    world.order(Order::Agree { session, remote, rtcp: None, format, direction });
    world.run(11, &mut []);
    assert_eq!(world.reports, [Report::Played { session, play: PlayId(1) }]);
}

#[test]
fn music_goes_on_where_it_was_left() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let music = Order::Loop { session: phone.session, clip: Library::RINGBACK };
    world.order(music.clone());
    // The tone is on for the first second of five.
    world.run(30, &mut [&mut phone]);
    play(&mut world, &phone, 1, &[Library::SILENCE]);
    world.run(50, &mut [&mut phone]);
    world.sent.clear();
    world.order(music.clone());
    world.run(100, &mut [&mut phone]);
    let sound = world.heard(&phone);
    assert!(power_at(Rate::Narrow, 425.0, &sound[..20 * 160]) > 0.9, "400 ms of tone were left");
    assert!(level_dbm0(&sound[21 * 160..]) < -60.0);
    // Ordering what already plays changes nothing.
    world.order(music);
    world.run(120, &mut [&mut phone]);
    world.sent.clear();
    world.run(40, &mut [&mut phone]);
    assert!(power_at(Rate::Narrow, 425.0, &world.heard(&phone)) > 0.9, "the loop has come round");
}

#[test]
fn an_unknown_clip_and_a_codec_without_clips_are_silent_but_take_their_time() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let clip = dozvon_media::order::ClipId(999);
    world.order(Order::Loop { session: phone.session, clip });
    world.run(50, &mut [&mut phone]);
    assert_eq!(world.sent_from(phone.slot).len(), 50, "silence");

    let library = LibraryBuilder::new(&[Codec::Pcma]).build();
    let mut world = World::playing(std::sync::Arc::new(library), MediaConfig::default());
    let mut phone = Phone::join(&mut world, 1, format(Codec::Opus), 0.0);
    play(&mut world, &phone, 1, &[Library::BEEP]);
    world.run(10, &mut [&mut phone]);
    assert!(!world.reports.contains(&Report::Played { session: phone.session, play: PlayId(1) }));
    world.run(1, &mut [&mut phone]);
    assert!(world.reports.contains(&Report::Played { session: phone.session, play: PlayId(1) }));
}

#[test]
fn a_new_library_is_played_from_at_once_and_old_clips_go_on() {
    let first = LibraryBuilder::new(&[Codec::Pcmu]).build();
    let mut world = World::playing(std::sync::Arc::new(first), MediaConfig::default());
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    world.order(Order::Loop { session: phone.session, clip: Library::NOISE });
    world.run(20, &mut [&mut phone]);
    let mut next = LibraryBuilder::new(&[Codec::Pcmu]).build().extend();
    let clip = next.add("hello", &wav(&sine(Rate::Narrow, 700.0, -10.0, 16_000))).expect("good");
    world.bank.set_library(std::sync::Arc::new(next.build()));
    world.run(20, &mut [&mut phone]);
    assert!((level_dbm0(&world.heard(&phone)) + 60.0).abs() < 6.0);
    world.order(Order::Loop { session: phone.session, clip });
    world.run(60, &mut [&mut phone]);
    assert!(world.hears(&phone, 700.0) > 0.9);
}

/// A mono WAV file of 8 kHz, written by hand.
fn wav(sound: &[i16]) -> Vec<u8> {
    let bytes = sound.len() as u32 * 2;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8000u32.to_le_bytes());
    file.extend(16_000u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    file.extend(sound.iter().flat_map(|s| s.to_le_bytes()));
    file
}

#[test]
fn with_nothing_to_say_silence_keeps_flowing_or_not_as_configured() {
    for continuous in [true, false] {
        let config = MediaConfig { continuous, ..MediaConfig::default() };
        let mut world = World::with(config);
        let mut phone = Phone::join(&mut world, 1, format(Codec::Opus), 0.0);
        world.run(50, &mut [&mut phone]);
        let sent = world.sent_from(phone.slot).len();
        assert_eq!(sent, if continuous { 50 } else { 0 });
        assert!(world.heard(&phone).iter().all(|s| s.abs() < 50));
    }
}

#[test]
fn a_gap_in_a_relay_is_filled_with_silence_and_the_stream_goes_on() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcmu), 0.0);
    bridge(&mut world, &a, &b);
    world.run(50, &mut [&mut a, &mut b]);
    world.run(50, &mut [&mut b]);
    let sent = world.sent_from(b.slot).len();
    assert!((90..=101).contains(&sent), "{sent} packets in two seconds");
    world.run(50, &mut [&mut a, &mut b]);
    assert_one_stream(&world.sent_from(b.slot));
    assert!(world.hears(&b, 1000.0) > 0.9);
}

#[test]
fn the_direction_is_obeyed() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcmu), 600.0);
    bridge(&mut world, &a, &b);
    for (direction, to_a, to_b) in [
        (Direction::SendRecv, true, true),
        (Direction::SendOnly, true, false),
        (Direction::RecvOnly, false, true),
        (Direction::Inactive, false, false),
    ] {
        a.agree(&mut world, direction);
        world.run(20, &mut [&mut a, &mut b]);
        world.sent.clear();
        world.run(50, &mut [&mut a, &mut b]);
        assert_eq!(world.hears(&a, 600.0) > 0.9, to_a, "{direction:?}");
        assert_eq!(world.hears(&b, 1000.0) > 0.9, to_b, "{direction:?}");
        assert_eq!(world.sent_from(a.slot).is_empty(), !to_a, "{direction:?}");
        assert!(!world.sent_from(b.slot).is_empty(), "b is never held");
    }
}

#[test]
fn a_prompt_passes_its_time_while_the_peer_holds_us() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    phone.agree(&mut world, Direction::RecvOnly);
    play(&mut world, &phone, 1, &[Library::BEEP]);
    world.run(12, &mut [&mut phone]);
    assert!(world.reports.contains(&Report::Played { session: phone.session, play: PlayId(1) }));
    assert!(world.sent_from(phone.slot).is_empty());
}

#[test]
fn the_echo_service_returns_what_it_hears() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::G722), 1000.0);
    world.order(Order::Echo { session: phone.session });
    world.run(60, &mut [&mut phone]);
    assert!(world.hears(&phone, 1000.0) > 0.9);
    assert_one_stream(&world.sent_from(phone.slot));
    world.order(Order::Stop { session: phone.session });
    world.sent.clear();
    world.run(60, &mut [&mut phone]);
    assert!(level_dbm0(&world.heard(&phone)[1600..]) < -60.0);
}

#[test]
fn packets_of_another_length_are_cut_for_a_peer_that_asked_for_it() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let long = dozvon_media::order::Format { ptime_ms: 60, ..format(Codec::Pcmu) };
    let mut b = Phone::join(&mut world, 2, long, 0.0);
    bridge(&mut world, &a, &b);
    world.run(90, &mut [&mut a, &mut b]);
    let sent = world.sent_from(b.slot);
    assert!(sent.iter().all(|s| s.packet().payload.len() == 480));
    assert_eq!(
        sent.len(),
        90 / 3 - 1,
        "one packet for every three frames, after the playout delay"
    );
    assert!(world.hears(&b, 1000.0) > 0.9);
    assert_one_stream(&sent);
}

#[test]
fn a_bridge_survives_a_change_of_codec_on_one_side() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcmu), 0.0);
    bridge(&mut world, &a, &b);
    world.run(60, &mut [&mut a, &mut b]);
    let old_ssrc = world.sent_from(b.slot)[0].packet().ssrc;
    b.format = format(Codec::Opus);
    b.agree(&mut world, Direction::SendRecv);
    world.sent.clear();
    for _ in 0..80 {
        let bytes = a.speak().expect("sound");
        world.rtp(a.slot, a.from, &bytes);
        world.run(1, &mut []);
    }
    assert!(world.hears(&b, 1000.0) > 0.85);
    let sent = world.sent_from(b.slot);
    assert_one_stream(&sent);
    assert_ne!(sent[0].packet().ssrc, old_ssrc, "another clock rate wants another SSRC");
}

#[test]
fn a_session_refresh_is_not_heard() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcma), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::G722), 0.0);
    bridge(&mut world, &a, &b);
    world.run(60, &mut [&mut a, &mut b]);
    a.agree(&mut world, Direction::SendRecv);
    b.agree(&mut world, Direction::SendRecv);
    world.run(20, &mut [&mut a, &mut b]);
    let sound = world.heard(&b);
    let quietest = sound[8000..].chunks(160).map(level_dbm0).fold(0.0, f64::min);
    assert!(quietest > -11.0, "a hole of {quietest} dBm0");
}

#[test]
fn ten_percent_loss_is_bearable_through_a_transcoding_bridge() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcma), 1000.0);
    let b = Phone::join(&mut world, 2, format(Codec::Opus), 0.0);
    bridge(&mut world, &a, &b);
    for n in 0..150 {
        let bytes = a.speak().expect("sound");
        if n % 10 != 7 {
            world.rtp(a.slot, a.from, &bytes);
        }
        world.run(1, &mut []);
    }
    assert!(world.hears(&b, 1000.0) > 0.7, "{}", world.hears(&b, 1000.0));
    let quality = world.bank.quality(a.session).expect("open");
    assert_eq!(quality.lost, 15);
}

#[test]
fn closing_one_side_silences_the_other_and_ends_with_goodbye() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcmu), 600.0);
    bridge(&mut world, &a, &b);
    world.run(50, &mut [&mut a, &mut b]);
    world.sent.clear();
    assert_eq!(world.order(Order::Close { session: a.session }), Ordered::Closed(a.slot));
    let goodbye = &world.sent[0];
    assert_eq!((goodbye.channel, goodbye.to.port()), (Channel::Rtcp, a.named.port() + 1));
    assert_eq!(goodbye.bytes[goodbye.bytes.len() - 7], 203);
    let Some(Report::Closed { session, quality }) = world.reports.last().cloned() else {
        panic!("the last report is Closed")
    };
    assert_eq!((session, quality.received, quality.lost), (a.session, 50, 0));
    assert!(quality.sent >= 49);

    world.sent.clear();
    world.run(60, &mut [&mut b]);
    assert!(level_dbm0(&world.heard(&b)) < -60.0);
    let bytes = a.speak().expect("sound");
    world.rtp(a.slot, a.from, &bytes);
    assert!(world.sent_from(a.slot).is_empty(), "no RTP after the end");
    assert_eq!(world.order(Order::Stop { session: a.session }), Ordered::Refused);

    let c = Phone::join(&mut world, 3, format(Codec::Pcmu), 0.0);
    assert_eq!(c.slot, a.slot, "slots are used again");
}

#[test]
fn after_a_bridge_neither_hears_the_other_nor_whoever_gets_the_slot() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcmu), 600.0);
    for side in [1, 2] {
        bridge(&mut world, &a, &b);
        world.run(20, &mut [&mut a, &mut b]);
        world.order(Order::Unbridge { session: SessionId(side) });
        world.sent.clear();
        world.run(50, &mut [&mut a, &mut b]);
        for phone in [&a, &b] {
            assert!(level_dbm0(&world.heard(phone)) < -60.0, "unbridged by {side}");
        }
    }
    bridge(&mut world, &a, &b);
    world.order(Order::Close { session: a.session });
    world.sent.clear();
    let mut c = Phone::join(&mut world, 3, format(Codec::Pcmu), 0.0);
    assert_eq!(c.slot, a.slot);
    world.run(50, &mut [&mut b, &mut c]);
    assert!(level_dbm0(&world.heard(&c)) < -60.0);
    // A prompt to one side ends the bridge too.
    bridge(&mut world, &b, &c);
    play(&mut world, &c, 1, &[Library::SILENCE]);
    world.sent.clear();
    world.run(50, &mut [&mut b, &mut c]);
    assert!(level_dbm0(&world.heard(&c)) < -60.0);
}

#[test]
fn bridging_again_takes_both_out_of_their_old_bridges() {
    let mut world = World::new();
    let mut a = Phone::join(&mut world, 1, format(Codec::Pcmu), 1000.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Opus), 600.0);
    let mut c = Phone::join(&mut world, 3, format(Codec::Pcmu), 1400.0);
    bridge(&mut world, &a, &b);
    world.run(50, &mut [&mut a, &mut b, &mut c]);
    bridge(&mut world, &a, &c);
    world.run(70, &mut [&mut a, &mut b, &mut c]);
    assert!(world.hears(&a, 1400.0) > 0.9 && world.hears(&c, 1000.0) > 0.9);
    let b_hears = world.heard(&b);
    assert!(level_dbm0(&b_hears[b_hears.len() - 4000..]) < -60.0, "b is alone");
    assert_eq!(world.order(Order::Bridge { a: a.session, b: a.session }), Ordered::Refused);
    assert_eq!(world.order(Order::Bridge { a: a.session, b: SessionId(99) }), Ordered::Refused);
    world.run(60, &mut [&mut a, &mut c]);
    assert!(world.hears(&a, 1400.0) > 0.9, "a refused order changes nothing");
}

#[test]
fn a_frozen_worker_skips_what_is_too_old_instead_of_sending_a_burst() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    world.order(Order::Loop { session: phone.session, clip: Library::RINGBACK });
    world.run(10, &mut [&mut phone]);
    world.sent.clear();
    world.now = world.now + Duration::from_secs(5);
    world.tick();
    assert!(world.sent.len() <= 6, "{} packets at once", world.sent.len());
    assert!(world.bank.counts().skipped_frames >= 244);
    world.now = world.now + FRAME;
    world.run(10, &mut [&mut phone]);
    let sent = world.sent_from(phone.slot);
    assert_one_stream(&sent);
}

#[test]
fn ticks_that_come_early_or_late_keep_fifty_packets_a_second() {
    let mut world = World::new();
    Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    for n in 0..1000u64 {
        world.tick();
        // 7 ms, 33 ms, 7 ms …: on average 20 ms.
        world.now = world.now + Duration::from_millis(if n % 2 == 0 { 7 } else { 33 });
    }
    let sent = world.sent.iter().filter(|s| s.channel == Channel::Rtp).count();
    assert!((998..=1000).contains(&sent), "{sent}");
}

#[test]
fn nothing_is_sent_to_an_address_that_is_none() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    phone.named = addr("0.0.0.0:4000");
    phone.agree(&mut world, Direction::SendRecv);
    world.sent.clear();
    world.run(400, &mut []);
    assert!(world.sent.is_empty(), "the old way of putting on hold (RFC 2543)");
}
