//! Who hears whom: conferences, listeners, whispers, announcements, mute; in every codec and mixture.

mod world;

use dozvon_media::bank::{MediaConfig, Ordered};
use dozvon_media::clip::Library;
use dozvon_media::codec::{Decoder, Encoder, Rate};
use dozvon_media::limits::{HEARD_MAX, LISTENERS_MAX};
use dozvon_media::order::{
    ClipId, Codec, DigitSource, Direction, Format, Order, PlayId, Report, SessionId,
};
use dozvon_media::rtp::Packet;
use dozvon_media::tone::{level_dbm0, power_at};
use std::time::Duration;
use world::{FRAME, Phone, World, assert_one_stream, format};

const CUSTOMER: f64 = 500.0;
const AGENT: f64 = 900.0;
const SUPERVISOR: f64 = 1300.0;
const TONES: [f64; 3] = [CUSTOMER, AGENT, SUPERVISOR];

fn hear(world: &mut World, listener: u64, from: &[u64]) -> Ordered {
    let from = from.iter().map(|id| SessionId(*id)).collect();
    world.order(Order::Hear { session: SessionId(listener), from })
}

fn bridge(world: &mut World, a: u64, b: u64) {
    let (a, b) = (SessionId(a), SessionId(b));
    assert_eq!(world.order(Order::Bridge { a, b }), Ordered::Obeyed);
}

fn announce(world: &mut World, phone: &Phone, play: u64, clips: &[ClipId]) {
    let (session, play, clips) = (phone.session, PlayId(play), clips.to_vec());
    assert_eq!(world.order(Order::Announce { session, play, clips }), Ordered::Obeyed);
}

fn mute(world: &mut World, session: SessionId, muted: bool) {
    assert_eq!(world.order(Order::Mute { session, muted }), Ordered::Obeyed);
}

/// Customer, agent and supervisor as sessions 1, 2 and 3, each saying its tone.
fn three(world: &mut World, codecs: [Codec; 3]) -> [Phone; 3] {
    let mut id = 0;
    codecs.map(|codec| {
        id += 1;
        Phone::join(world, id, format(codec), TONES[id as usize - 1])
    })
}

fn run(world: &mut World, frames: usize, phones: &mut [Phone]) {
    world.run(frames, &mut phones.iter_mut().collect::<Vec<_>>());
}

/// Which of the three tones a phone hears in the last second; a tone is there or it is not, nothing between.
fn tones(world: &World, phone: &Phone) -> [bool; 3] {
    let sound = world.heard(phone);
    let last = &sound[sound.len().saturating_sub(8000)..];
    TONES.map(|hz| {
        let share = if level_dbm0(last) < -50.0 { 0.0 } else { power_at(Rate::Narrow, hz, last) };
        let what = format!("{hz} Hz at {:?} {:?}: {share}", phone.session, phone.format.codec);
        assert!(!(0.02..0.25).contains(&share), "{what}");
        share > 0.25
    })
}

fn assert_tones(world: &World, phones: &[Phone; 3], expected: [[u8; 3]; 3], what: &str) {
    for (phone, expected) in phones.iter().zip(expected) {
        assert_eq!(tones(world, phone), expected.map(|n| n == 1), "{what}: {:?}", phone.session);
        assert_one_stream(&world.sent_from(phone.slot));
    }
}

fn mixtures() -> Vec<[Codec; 3]> {
    let mut all: Vec<[Codec; 3]> = Codec::ALL.iter().map(|codec| [*codec; 3]).collect();
    all.push([Codec::Pcmu, Codec::Pcma, Codec::Opus]);
    all.push([Codec::Pcma, Codec::Opus, Codec::G722]);
    all.push([Codec::G722, Codec::Opus, Codec::Pcmu]);
    all.push([Codec::Opus, Codec::Pcma, Codec::Pcma]);
    all
}

#[test]
fn each_party_hears_whom_it_should_when_listening_whispering_barging_and_alone_again() {
    for codecs in mixtures() {
        let mut world = World::new();
        let mut phones = three(&mut world, codecs);
        bridge(&mut world, 1, 2);
        type Step = (&'static str, fn(&mut World), [[u8; 3]; 3]);
        let steps: [Step; 5] = [
            ("a bridge", |_| {}, [[0, 1, 0], [1, 0, 0], [0, 0, 0]]),
            (
                "listening",
                |w| {
                    hear(w, 3, &[1, 2]);
                },
                [[0, 1, 0], [1, 0, 0], [1, 1, 0]],
            ),
            (
                "whispering",
                |w| {
                    hear(w, 2, &[1, 3]);
                },
                [[0, 1, 0], [1, 0, 1], [1, 1, 0]],
            ),
            (
                "barging",
                |w| {
                    hear(w, 1, &[2, 3]);
                },
                [[0, 1, 1], [1, 0, 1], [1, 1, 0]],
            ),
            (
                "the supervisor gone",
                |w| {
                    w.order(Order::Unbridge { session: SessionId(3) });
                },
                [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
            ),
        ];
        for (what, order, expected) in steps {
            order(&mut world);
            run(&mut world, 65, &mut phones);
            assert_tones(&world, &phones, expected, &format!("{what}, {codecs:?}"));
            world.bank.check_invariants();
        }
    }
}

#[test]
fn in_the_largest_conference_of_all_codecs_each_hears_all_others_and_not_itself() {
    let mut world = World::new();
    let hz = |n: usize| 400.0 + 300.0 * n as f64;
    let mut phones: Vec<Phone> = (0..=HEARD_MAX)
        .map(|n| {
            let mut phone = Phone::join(&mut world, n as u64, format(Codec::ALL[n % 4]), hz(n));
            phone.tone(hz(n), -22.0);
            phone
        })
        .collect();
    for n in 0..=HEARD_MAX as u64 {
        let others: Vec<u64> = (0..=HEARD_MAX as u64).filter(|id| *id != n).collect();
        assert_eq!(hear(&mut world, n, &others), Ordered::Obeyed);
    }
    run(&mut world, 100, &mut phones);
    for (n, phone) in phones.iter().enumerate() {
        let shares: Vec<f64> = (0..=HEARD_MAX).map(|n| world.hears(phone, hz(n))).collect();
        for (of, share) in shares.iter().enumerate() {
            // Seven equal voices have a seventh of the power each; Opus bends that a little.
            assert_eq!(*share > 0.05, of != n, "{of} at {n}: {shares:.3?}");
            assert!(of != n || *share < 0.005, "{n} hears itself: {shares:.3?}");
        }
        assert_one_stream(&world.sent_from(phone.slot));
    }
}

#[test]
fn one_voice_more_than_the_bound_is_refused_and_changes_nothing() {
    let mut world = World::new();
    let ids = 0..HEARD_MAX as u64 + 2;
    let mut phones: Vec<Phone> =
        ids.map(|id| Phone::join(&mut world, id, format(Codec::Pcmu), 0.0)).collect();
    phones[1].tone(CUSTOMER, -10.0);
    hear(&mut world, 0, &[1]);
    let all: Vec<u64> = (1..=HEARD_MAX as u64 + 1).collect();
    assert_eq!(hear(&mut world, 0, &all), Ordered::Refused);
    assert_eq!(world.bank.counts().refused_orders, 1);
    run(&mut world, 60, &mut phones);
    assert!(world.hears(&phones[0], CUSTOMER) > 0.9);
    // The same voice twice is one voice; oneself and the unknown are none.
    let mut odd = all[1..].to_vec();
    odd.extend([2, 2, 0, 999]);
    assert_eq!(hear(&mut world, 0, &odd), Ordered::Obeyed);
    world.bank.check_invariants();
}

#[test]
fn more_listeners_to_one_voice_than_the_bound_are_refused() {
    let mut world = World::new();
    let ids = 0..LISTENERS_MAX as u64 + 2;
    let mut phones: Vec<Phone> =
        ids.map(|id| Phone::join(&mut world, id, format(Codec::Pcmu), 0.0)).collect();
    phones[0].tone(CUSTOMER, -10.0);
    for id in 1..=LISTENERS_MAX as u64 {
        assert_eq!(hear(&mut world, id, &[0]), Ordered::Obeyed);
    }
    let late = LISTENERS_MAX as u64 + 1;
    assert_eq!(hear(&mut world, late, &[0, 1]), Ordered::Refused);
    assert_eq!(hear(&mut world, 5, &[0, 1]), Ordered::Obeyed, "who hears it already may");
    run(&mut world, 60, &mut phones);
    for phone in &phones[1..=LISTENERS_MAX] {
        assert!(world.hears(phone, CUSTOMER) > 0.9);
    }
    assert!(level_dbm0(&world.heard(&phones[late as usize])) < -60.0);
    world.order(Order::Close { session: SessionId(7) });
    assert_eq!(hear(&mut world, late, &[0, 1]), Ordered::Obeyed, "a place is free again");
}

#[test]
fn voices_too_loud_together_are_cut_off_and_do_not_wrap() {
    for codec in [Codec::Pcma, Codec::G722] {
        let mut world = World::new();
        let mut phones: Vec<Phone> =
            (0..4).map(|id| Phone::join(&mut world, id, format(codec), 0.0)).collect();
        phones[1..].iter_mut().for_each(|phone| phone.tone(CUSTOMER, 0.0));
        hear(&mut world, 0, &[1, 2, 3]);
        run(&mut world, 100, &mut phones);
        // A sine three times too high, cut at the top, keeps most of its power in its own frequency.
        assert!(world.hears(&phones[0], CUSTOMER) > 0.8, "{codec:?}");
        let sound = world.heard(&phones[0]);
        let level = level_dbm0(&sound[sound.len() - 8000..]);
        assert!((3.5..6.5).contains(&level), "{codec:?}: {level} dBm0");
    }
}

#[test]
fn a_voice_is_relayed_at_once_to_one_side_while_the_other_hears_a_mix() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcma; 3]);
    hear(&mut world, 1, &[2]);
    hear(&mut world, 2, &[1, 3]);
    for _ in 0..60 {
        let [customer, agent, supervisor] = &mut phones;
        let bytes = agent.speak().expect("sound");
        let before = world.sent.len();
        world.rtp(agent.slot, agent.from, &bytes);
        let sent = &world.sent[before..];
        assert_eq!(sent.len(), 1, "it left before the tick");
        assert_eq!(sent[0].slot, customer.slot);
        let payload = Packet::parse(&bytes).expect("RTP").payload.to_vec();
        assert_eq!(sent[0].packet().payload, payload, "unchanged");
        world.step(&mut [customer, supervisor]);
    }
    assert_tones(&world, &phones, [[0, 1, 0], [1, 0, 1], [0, 0, 0]], "half a relay");
}

#[test]
fn a_listener_who_comes_and_goes_is_not_noticed_by_those_who_talk() {
    for codecs in [
        [Codec::Pcma, Codec::Pcma, Codec::Opus],
        [Codec::Pcma, Codec::Opus, Codec::Opus],
        [Codec::G722, Codec::Pcmu, Codec::G722],
    ] {
        let mut world = World::new();
        let mut phones = three(&mut world, codecs);
        bridge(&mut world, 1, 2);
        run(&mut world, 60, &mut phones);
        for from in [&[1, 2][..], &[2], &[], &[1, 2]] {
            hear(&mut world, 3, from);
            run(&mut world, 30, &mut phones);
        }
        for phone in &phones[..2] {
            let sound = world.heard(phone);
            let quietest = sound[8000..].chunks(160).map(level_dbm0).fold(0.0, f64::min);
            assert!(quietest > -13.0, "{codecs:?}: a hole of {quietest} dBm0");
            assert_eq!(world.sent_from(phone.slot).iter().filter(|s| s.packet().marker).count(), 1);
        }
    }
}

#[test]
fn who_closes_drops_out_and_the_rest_go_on() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcma; 3]);
    for (id, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
        hear(&mut world, id, &others);
    }
    run(&mut world, 60, &mut phones);
    let [mut customer, mut agent, supervisor] = phones;
    world.order(Order::Close { session: supervisor.session });
    world.bank.check_invariants();
    let bytes = agent.speak().expect("sound");
    let before = world.sent.len();
    world.rtp(agent.slot, agent.from, &bytes);
    assert_eq!(world.sent[before..].len(), 1, "two who remain are relayed again");
    let mut stranger = Phone::join(&mut world, 9, format(Codec::Pcma), SUPERVISOR);
    assert_eq!(stranger.slot, supervisor.slot);
    world.sent.retain(|sent| sent.slot != stranger.slot);
    world.run(60, &mut [&mut customer, &mut agent, &mut stranger]);
    assert_eq!(tones(&world, &customer), [false, true, false]);
    assert_eq!(tones(&world, &agent), [true, false, false]);
    assert_eq!(tones(&world, &stranger), [false; 3]);
    world.order(Order::Close { session: agent.session });
    world.run(60, &mut [&mut customer, &mut stranger]);
    assert_eq!(tones(&world, &customer), [false; 3]);
}

#[test]
fn playing_takes_a_session_out_of_its_conversation_and_hearing_ends_the_playing() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcma, Codec::Opus, Codec::Pcma]);
    for (id, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
        hear(&mut world, id, &others);
    }
    run(&mut world, 30, &mut phones);
    let session = SessionId(1);
    world.order(Order::Play { session, play: PlayId(1), clips: vec![Library::RINGBACK] });
    run(&mut world, 65, &mut phones);
    assert_tones(&world, &phones, [[0, 0, 0], [0, 0, 1], [0, 1, 0]], "one is played to");
    hear(&mut world, 1, &[2]);
    run(&mut world, 200, &mut phones);
    assert_tones(&world, &phones, [[0, 1, 0], [0, 0, 1], [0, 1, 0]], "it hears again");
    let played = |report: &Report| matches!(report, Report::Played { .. });
    assert!(!world.reports.iter().any(played), "what is replaced is not reported");
    hear(&mut world, 1, &[]);
    run(&mut world, 60, &mut phones);
    assert_eq!(tones(&world, &phones[0]), [false; 3], "an empty list is silence");
}

#[test]
fn a_mix_is_at_most_a_tick_later_than_the_playout_delay_which_is_short_for_this_machine_itself() {
    for (delay_ms, near, least_ms, late_max_ms) in
        [(20, false, 20, 40), (60, false, 60, 80), (60, true, 10, 30)]
    {
        for offset_ms in [0, 1, 7, 13, 19] {
            let playout_delay = Duration::from_millis(delay_ms);
            let config = MediaConfig { playout_delay, ..MediaConfig::default() };
            let mut world = World::with(config);
            let mut phones = three(&mut world, [Codec::Pcmu; 3]);
            phones.iter_mut().for_each(Phone::hush);
            if near {
                world.order(Order::Near { session: phones[0].session });
            }
            hear(&mut world, 3, &[1, 2]);
            let mut loud_at = None;
            for n in 0..60 {
                world.tick();
                world.now = world.now + Duration::from_millis(offset_ms);
                if n == 40 {
                    phones[0].tone(CUSTOMER, -10.0);
                    loud_at = Some(world.now);
                }
                for phone in &mut phones {
                    let bytes = phone.speak().expect("sound");
                    world.rtp(phone.slot, phone.from, &bytes);
                }
                world.now = world.now + (FRAME - Duration::from_millis(offset_ms));
            }
            let sent = world.sent_from(phones[2].slot);
            let loud = sent.iter().find(|sent| {
                let mut sound = Vec::new();
                Decoder::new(Codec::Pcmu, Rate::Narrow).decode(sent.packet().payload, &mut sound);
                level_dbm0(&sound) > -20.0
            });
            let late = loud.expect("it is heard").at.since(loud_at.expect("it is said"));
            let (least, most) =
                (Duration::from_millis(least_ms), Duration::from_millis(late_max_ms));
            assert!((least..=most).contains(&late), "{delay_ms} + {offset_ms}: {late:?}");
        }
    }
}

#[test]
fn wide_voices_are_mixed_wide_for_who_can_hear_it() {
    let mut world = World::new();
    let [mut a, mut b, mut c] = three(&mut world, [Codec::G722, Codec::Pcmu, Codec::Opus]);
    hear(&mut world, 3, &[1, 2]);
    let mut encoder = Encoder::new(Codec::G722, Rate::Wide, 5);
    let sound = dozvon_media::tone::sine(Rate::Wide, 5000.0, -12.0, 16_000 * 2);
    for frame in sound.chunks(320) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload);
        let bytes = a.speak().expect("a packet to be filled");
        let mut packet = Vec::new();
        let payload = payload.as_slice();
        Packet { payload, ..Packet::parse(&bytes).expect("RTP") }.write(&mut packet);
        world.rtp(a.slot, a.from, &packet);
        world.step(&mut [&mut b, &mut c]);
    }
    let (mut decoder, mut heard) = (Decoder::new(Codec::Opus, Rate::Wide), Vec::new());
    for sent in world.sent_from(c.slot) {
        decoder.decode(sent.packet().payload, &mut heard);
    }
    let last = &heard[heard.len() - 16_000..];
    let shares = [5000.0, AGENT].map(|hz| power_at(Rate::Wide, hz, last));
    assert!(shares[0] > 0.2 && shares[1] > 0.2, "both are there: {shares:?}");
}

#[test]
fn an_announcement_is_heard_by_one_alone_who_then_hears_the_conversation_again() {
    for codecs in [[Codec::Pcma; 3], [Codec::Pcmu, Codec::Opus, Codec::G722]] {
        for conference in [false, true] {
            let mut world = World::new();
            let mut phones = three(&mut world, codecs);
            match conference {
                true => [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])].iter().for_each(|(id, others)| {
                    hear(&mut world, *id, others);
                }),
                false => bridge(&mut world, 1, 2),
            }
            run(&mut world, 60, &mut phones);
            let from = phones.each_ref().map(|phone| world.heard(phone).len());
            // 600 ms of beeps to the agent, and the conversation after them.
            announce(&mut world, &phones[1], 5, &[Library::BEEP; 3]);
            run(&mut world, 29, &mut phones);
            let beeps = world.heard(&phones[1])[from[1]..].to_vec();
            let share = power_at(Rate::Narrow, 1000.0, &beeps);
            assert!(share > 0.8, "{codecs:?} {conference}: {share}");
            let loudest = beeps.chunks(800).map(level_dbm0).fold(-99.0, f64::max);
            assert!(loudest < -10.0, "{codecs:?}: the beeps howl at {loudest} dBm0");
            run(&mut world, 8, &mut phones);
            let (session, play) = (SessionId(2), PlayId(5));
            let played = Report::Played { session, play };
            assert_eq!(world.reports.iter().filter(|r| **r == played).count(), 1);
            run(&mut world, 60, &mut phones);
            let n = u8::from(conference);
            let expected = [[0, 1, n], [1, 0, n], [n, n, 0]];
            assert_tones(&world, &phones, expected, "after the announcement");
            // The customer's sound had neither a hole nor a beep in it.
            let customer = &world.heard(&phones[0])[from[0]..];
            assert!(power_at(Rate::Narrow, 1000.0, customer) < 0.01);
            let quietest = customer.chunks(160).map(level_dbm0).fold(0.0, f64::min);
            assert!(quietest > -13.0, "{codecs:?}: {quietest}");
        }
    }
}

#[test]
fn music_and_prompts_go_on_where_an_announcement_broke_in() {
    let mut world = World::new();
    let mut phone = Phone::join(&mut world, 1, format(Codec::Pcmu), 0.0);
    let session = phone.session;
    // The tone is on for the first second of five.
    world.order(Order::Loop { session, clip: Library::RINGBACK });
    world.run(30, &mut [&mut phone]);
    announce(&mut world, &phone, 1, &[Library::BEEP]);
    world.run(10, &mut [&mut phone]);
    world.sent.clear();
    world.run(60, &mut [&mut phone]);
    let sound = world.heard(&phone);
    assert!(power_at(Rate::Narrow, 425.0, &sound[..20 * 160]) > 0.9, "400 ms of tone were left");
    assert!(level_dbm0(&sound[21 * 160..]) < -60.0);

    world.reports.clear();
    world.order(Order::Play { session, play: PlayId(2), clips: vec![Library::BEEP] });
    world.run(5, &mut [&mut phone]);
    announce(&mut world, &phone, 3, &[Library::SILENCE]);
    announce(&mut world, &phone, 4, &[Library::BEEP]);
    world.run(30, &mut [&mut phone]);
    let played = |play| Report::Played { session, play: PlayId(play) };
    assert_eq!(world.reports, [played(4), played(2)], "a replaced one is not reported");
}

#[test]
fn stopping_an_announcement_returns_to_the_conversation_and_other_orders_do_as_they_say() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcmu; 3]);
    bridge(&mut world, 1, 2);
    announce(&mut world, &phones[1], 1, &[Library::NOISE; 60]);
    run(&mut world, 60, &mut phones);
    assert_eq!(tones(&world, &phones[1]), [false; 3]);
    world.order(Order::Stop { session: SessionId(2) });
    run(&mut world, 60, &mut phones);
    assert_eq!(tones(&world, &phones[1]), [true, false, false]);

    announce(&mut world, &phones[1], 2, &[]);
    let played = Report::Played { session: SessionId(2), play: PlayId(2) };
    assert_eq!(world.reports.last(), Some(&played), "an empty one is done at once");

    // A change of the conversation meanwhile is heard afterwards.
    announce(&mut world, &phones[1], 3, &[Library::BEEP; 10]);
    hear(&mut world, 2, &[1, 3]);
    run(&mut world, 90, &mut phones);
    assert!(world.hears(&phones[1], 1000.0) > 0.9);
    run(&mut world, 80, &mut phones);
    assert_eq!(tones(&world, &phones[1]), [true, false, true]);

    // A prompt replaces everything, the announcement too.
    announce(&mut world, &phones[1], 4, &[Library::NOISE; 60]);
    let (session, clips) = (SessionId(2), vec![Library::BEEP]);
    world.order(Order::Play { session, play: PlayId(5), clips });
    run(&mut world, 80, &mut phones);
    assert_eq!(world.reports.last(), Some(&Report::Played { session, play: PlayId(5) }));
    assert_eq!(tones(&world, &phones[1]), [false; 3]);
    let four = Report::Played { session, play: PlayId(4) };
    assert!(!world.reports.contains(&four));
}

#[test]
fn an_answer_is_heard_within_one_frame_although_an_announcement_was_being_said() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcma; 3]);
    announce(&mut world, &phones[0], 7, &[Library::BEEP; 25]);
    run(&mut world, 50, &mut phones);
    let beeps = world.heard(&phones[0]);
    assert!(power_at(Rate::Narrow, 1000.0, &beeps[beeps.len() - 1600..]) > 0.5, "it is being said");
    assert_eq!(world.order(Order::Stop { session: SessionId(1) }), Ordered::Obeyed);
    bridge(&mut world, 1, 2);
    run(&mut world, 11, &mut phones);
    let heard = world.heard(&phones[0]);
    // One frame of 20 ms is what may pass; the 200 ms after it are the agent's alone.
    let after = &heard[beeps.len() + 160..];
    assert!(power_at(Rate::Narrow, AGENT, after) > 0.9, "{}", power_at(Rate::Narrow, AGENT, after));
    let played = |report: &Report| matches!(report, Report::Played { .. });
    assert!(!world.reports.iter().any(played), "what was cut off was not played");
}

#[test]
fn a_key_passes_during_an_announcement_and_the_rest_of_it_follows() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcma; 3]);
    bridge(&mut world, 1, 2);
    run(&mut world, 20, &mut phones);
    announce(&mut world, &phones[1], 1, &[Library::BEEP; 10]);
    phones[0].press('7');
    world.sent.clear();
    run(&mut world, 60, &mut phones);
    let sent = world.sent_from(phones[1].slot);
    let keys: Vec<u32> = sent
        .iter()
        .filter(|s| s.packet().payload_type == 101)
        .map(|s| s.packet().timestamp)
        .collect();
    assert!(!keys.is_empty() && keys.iter().all(|t| *t == keys[0]), "one key: {keys:?}");
    assert_one_stream(&sent);
    assert!(world.hears(&phones[1], 1000.0) > 0.9);
}

#[test]
fn keys_pass_between_two_and_never_to_a_listener_or_into_a_conference() {
    for codecs in [[Codec::Pcma; 3], [Codec::Pcmu, Codec::Pcma, Codec::Opus]] {
        let mut world = World::new();
        let mut phones = three(&mut world, codecs);
        let events = |world: &World, phone: &Phone| {
            let sent = world.sent_from(phone.slot);
            sent.iter().filter(|s| s.packet().payload_type == 101).count()
        };
        // One listener hears a mix, as a supervisor does, and one just the customer.
        let mut fourth = Phone::join(&mut world, 4, format(codecs[0]), 0.0);
        bridge(&mut world, 1, 2);
        hear(&mut world, 3, &[1, 2]);
        hear(&mut world, 4, &[1]);
        run(&mut world, 20, &mut phones);
        phones[0].press('5');
        for _ in 0..40 {
            let mut all: Vec<&mut Phone> = phones.iter_mut().collect();
            all.push(&mut fourth);
            world.step(&mut all);
        }
        assert_eq!(world.digits(SessionId(1), DigitSource::Event), "5");
        assert!(events(&world, &phones[1]) >= 5, "{codecs:?}");
        assert_eq!(events(&world, &phones[2]) + events(&world, &fourth), 0, "{codecs:?}");
        assert_one_stream(&world.sent_from(fourth.slot));
        assert!(world.hears(&fourth, CUSTOMER) > 0.7);

        // Whispered to, the agent hears more than the customer: this is no bridge any more.
        hear(&mut world, 2, &[1, 3]);
        world.sent.clear();
        phones[0].press('6');
        run(&mut world, 40, &mut phones);
        assert_eq!(world.digits(SessionId(1), DigitSource::Event), "56");
        let passed: usize = phones.iter().map(|phone| events(&world, phone)).sum();
        assert_eq!(passed, 0, "{codecs:?}: nothing passes while somebody whispers");

        for (id, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
            hear(&mut world, id, &others);
        }
        phones[1].press('9');
        run(&mut world, 40, &mut phones);
        assert_eq!(world.digits(SessionId(2), DigitSource::Event), "9", "it is reported");
        let passed: usize = phones.iter().map(|phone| events(&world, phone)).sum();
        assert_eq!(passed, 0, "{codecs:?}: nothing passes");
    }
}

#[test]
fn nobody_hears_the_muted_who_hears_on_and_whose_keys_work() {
    for codecs in [[Codec::Pcma; 3], [Codec::Pcmu, Codec::Opus, Codec::G722]] {
        let mut world = World::new();
        let mut phones = three(&mut world, codecs);
        bridge(&mut world, 1, 2);
        hear(&mut world, 3, &[1, 2]);
        run(&mut world, 30, &mut phones);
        mute(&mut world, SessionId(2), true);
        run(&mut world, 65, &mut phones);
        assert_tones(&world, &phones, [[0, 0, 0], [1, 0, 0], [1, 0, 0]], "the agent is muted");
        phones[1].press('3');
        run(&mut world, 20, &mut phones);
        assert_eq!(world.digits(SessionId(2), DigitSource::Event), "3");
        let sent = world.sent_from(phones[0].slot);
        assert!(sent.iter().any(|s| s.packet().payload_type == 101), "{codecs:?}: it passes too");
        run(&mut world, 1600, &mut phones);
        let silent = |report: &Report| matches!(report, Report::Silent { .. });
        assert!(!world.reports.iter().any(silent), "he is muted and not gone");
        // It stays so in another conversation, and a refresh changes nothing.
        phones[1].agree(&mut world, Direction::SendRecv);
        hear(&mut world, 1, &[2, 3]);
        run(&mut world, 65, &mut phones);
        assert_tones(&world, &phones, [[0, 0, 1], [1, 0, 0], [1, 0, 0]], "still muted");
        mute(&mut world, SessionId(2), false);
        run(&mut world, 65, &mut phones);
        assert_tones(&world, &phones, [[0, 1, 1], [1, 0, 0], [1, 1, 0]], "heard again");
    }
}

#[test]
fn a_conference_survives_another_codec_and_packet_length_of_one() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcmu; 3]);
    for (id, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
        hear(&mut world, id, &others);
    }
    let everyone = [[0, 1, 1], [1, 0, 1], [1, 1, 0]];
    run(&mut world, 65, &mut phones);
    assert_tones(&world, &phones, everyone, "all alike");
    phones[1].format = Format { ptime_ms: 60, ..format(Codec::Pcmu) };
    phones[1].agree(&mut world, Direction::SendRecv);
    run(&mut world, 65, &mut phones);
    assert_tones(&world, &phones, everyone, "long packets");
    world.bank.check_invariants();
}

#[test]
fn nothing_is_heard_before_both_are_agreed_and_then_it_is() {
    let mut world = World::new();
    let mut phones = three(&mut world, [Codec::Pcmu; 3]);
    let session = SessionId(7);
    world.order(Order::Open { session, local: world::addr("192.0.2.1:20000") });
    hear(&mut world, 1, &[7]);
    hear(&mut world, 2, &[1, 7]);
    run(&mut world, 65, &mut phones);
    assert_eq!(tones(&world, &phones[0]), [false; 3]);
    assert_eq!(tones(&world, &phones[1]), [true, false, false]);
    world.bank.check_invariants();
    let (remote, rtcp) = (world::addr("192.0.2.77:4000"), None);
    let (format, direction) = (format(Codec::G722), Direction::SendRecv);
    world.order(Order::Agree { session, remote, rtcp, format, direction });
    world.bank.check_invariants();
}
