//! How a conversation is measured: real packets of words and pauses in every codec, by virtual time.

mod world;

use dozvon_media::bank::Ordered;
use dozvon_media::codec::{Encoder, Rate};
use dozvon_media::limits::MEASURES_MAX;
use dozvon_media::order::{
    Codec, Conversation, Direction, Format, MeasureId, Order, Report, SessionId, Side,
};
use dozvon_media::rtp::Packet;
use dozvon_media::tone::{Tone, noise};
use std::time::Duration;
use world::{FRAME, Phone, World, format};

const MEASURE: MeasureId = MeasureId(1);
/// What two words of a second each may differ from their length: the hangover of 200 ms and a frame or two.
const SLACK: f64 = 0.3;

fn measure(world: &mut World, first: u64, second: u64, unheard_secs: u64) -> Ordered {
    world.order(Order::Measure {
        measure: MEASURE,
        first: SessionId(first),
        second: SessionId(second),
        unheard_after: Duration::from_secs(unheard_secs),
    })
}

fn unmeasure(world: &mut World) -> Conversation {
    assert_eq!(world.order(Order::Unmeasure { measure: MEASURE }), Ordered::Obeyed);
    measured(world).expect("it is reported at once")
}

fn measured(world: &World) -> Option<Conversation> {
    world.reports.iter().rev().find_map(|report| {
        let Report::Measured { measure: MEASURE, conversation } = report else { return None };
        Some(*conversation)
    })
}

/// A party that speaks by a script: a syllable-like sound with the noise of a line under it.
struct Party {
    phone: Phone,
    encoder: Encoder,
    voice: [Tone; 2],
    hiss: Vec<i16>,
    frames: usize,
}

impl Party {
    fn join(world: &mut World, id: u64, codec: Codec) -> Self {
        let phone = Phone::join(world, id, format(codec), 0.0);
        let voice = [180.0, 900.0].map(|hz| Tone::single(Rate::Narrow, hz, -22.0));
        let encoder = Encoder::new(codec, Rate::Narrow, 5);
        Self { phone, encoder, voice, hiss: noise(-52.0, 8000 * 3, id), frames: 0 }
    }

    /// The packet of this frame. Words swell and fade five times a second, as syllables do.
    fn speak(&mut self, speaks: bool) -> Vec<u8> {
        let place = self.frames % 100 * 160;
        let mut sound = self.hiss[place..place + 160].to_vec();
        self.frames += 1;
        let swell = [0.6, 0.9, 1.0, 1.0, 0.9, 0.8, 0.6, 0.3, 0.2, 0.3][self.frames % 10];
        for tone in self.voice.iter_mut().filter(|_| speaks) {
            let mut voice = Vec::new();
            tone.fill(160, &mut voice);
            for (sample, voice) in sound.iter_mut().zip(voice) {
                *sample = sample.saturating_add((f64::from(voice) * swell) as i16);
            }
        }
        let (bytes, mut payload, mut out) = (self.phone.speak(), Vec::new(), Vec::new());
        let bytes = bytes.expect("a packet to be filled");
        self.encoder.encode(&sound, &mut payload);
        let payload = payload.as_slice();
        Packet { payload, ..Packet::parse(&bytes).expect("RTP") }.write(&mut out);
        out
    }
}

/// Plays a script of tenths of a second: `1` and `2` speak alone, `b` both, `.` nobody; `x` the first sends nothing.
fn play(world: &mut World, parties: &mut [Party; 2], script: &str) {
    for who in script.chars() {
        for _ in 0..5 {
            for (party, mark) in parties.iter_mut().zip(['1', '2']) {
                let packet = party.speak(who == mark || who == 'b');
                if who != 'x' || mark != '1' {
                    world.rtp(party.phone.slot, party.phone.from, &packet);
                }
            }
            world.step(&mut []);
        }
    }
}

fn seconds(of: &str) -> String {
    of.chars().flat_map(|who| [who; 10]).collect()
}

fn assert_near(what: &str, found: Duration, secs: f64, slack: f64) {
    let found = found.as_secs_f64();
    assert!((found - secs).abs() <= slack, "{what}: {found} s instead of {secs} s");
}

/// A talk with everything in it: greeting after 2 s, 1 s of talk-over twice, a silence of 7 s and one of 3 s.
const TALK: &str = "..222.111b22.1111b2.......11...2.";

fn assert_talk(what: &str, found: Conversation) {
    let count = |who: char| TALK.chars().filter(|c| *c == who || *c == 'b').count() as f64;
    assert_near(what, found.lasted, TALK.len() as f64, 0.001);
    let greeting = found.second.first_voice_after.expect("it spoke");
    assert_near(&format!("{what}, greeting"), greeting, 2.0, 0.1);
    // Each talkspurt is longer by the hangover: three of the first side and four of the second.
    assert_near(&format!("{what}, first"), found.first.voice, count('1') + 0.6, 0.2);
    assert_near(&format!("{what}, second"), found.second.voice, count('2') + 0.8, 0.2);
    assert_eq!(found.both_times, 2, "{what}");
    assert_near(&format!("{what}, both"), found.both, 2.0, 0.2);
    assert_eq!(found.silences.count, 1, "{what}");
    assert_near(&format!("{what}, silence"), found.silences.longest, 6.8, SLACK);
    assert_eq!(found.silences.total, found.silences.longest);
}

#[test]
fn a_talk_is_measured_in_every_codec_relayed_transcoded_and_mixed() {
    let mut pairs: Vec<[Codec; 2]> = Codec::ALL.iter().map(|codec| [*codec; 2]).collect();
    pairs.push([Codec::Pcma, Codec::Opus]);
    pairs.push([Codec::G722, Codec::Pcmu]);
    for codecs in pairs {
        for listener in [None, Some(Codec::G722)] {
            let mut world = World::new();
            let mut id = 0;
            let mut parties = codecs.map(|codec| {
                id += 1;
                Party::join(&mut world, id, codec)
            });
            let (a, b) = (SessionId(1), SessionId(2));
            world.order(Order::Bridge { a, b });
            if let Some(codec) = listener {
                let phone = Phone::join(&mut world, 3, format(codec), 0.0);
                world.order(Order::Hear { session: phone.session, from: vec![a, b] });
            }
            assert_eq!(measure(&mut world, 1, 2, 60), Ordered::Obeyed);
            play(&mut world, &mut parties, &seconds(TALK));
            let found = unmeasure(&mut world);
            assert_talk(&format!("{codecs:?}, listener {listener:?}"), found);
            let unheard = |report: &Report| matches!(report, Report::Unheard { .. });
            assert!(!world.reports.iter().any(unheard));
        }
    }
}

/// Two who are bridged and measured, unheard after 4 s.
fn talking(codec: Codec) -> (World, [Party; 2]) {
    let mut world = World::new();
    let parties = [1, 2].map(|id| Party::join(&mut world, id, codec));
    world.order(Order::Bridge { a: SessionId(1), b: SessionId(2) });
    assert_eq!(measure(&mut world, 1, 2, 4), Ordered::Obeyed);
    world.reports.clear();
    (world, parties)
}

fn spells(world: &World) -> Vec<(bool, Side)> {
    let spell = |report: &Report| match report {
        Report::Unheard { side, .. } => Some((false, *side)),
        Report::HeardAgain { side, .. } => Some((true, *side)),
        Report::OpenFailed { .. }
        | Report::Heard { .. }
        | Report::Digit { .. }
        | Report::Played { .. }
        | Report::Silent { .. }
        | Report::Measured { .. }
        | Report::Closed { .. } => None,
    };
    world.reports.iter().filter_map(spell).collect()
}

#[test]
fn a_side_without_voice_without_packets_or_muted_is_reported_unheard_and_heard_again() {
    let (first, second) = (Side::First, Side::Second);
    let (mut world, mut parties) = talking(Codec::Pcma);
    play(&mut world, &mut parties, &seconds("22"));
    play(&mut world, &mut parties, &seconds("2"));
    assert_eq!(spells(&world), []);
    play(&mut world, &mut parties, &seconds("2222"));
    assert_eq!(spells(&world), [(false, first)], "no voice since the beginning, said once");
    play(&mut world, &mut parties, &seconds("1"));
    assert_eq!(spells(&world)[1..], [(true, first)]);
    // Packets stop in the middle of a word.
    world.reports.clear();
    play(&mut world, &mut parties, &seconds("bbb"));
    for n in 0..5 * 50 {
        let packet = parties[1].speak(true);
        world.rtp(parties[1].phone.slot, parties[1].phone.from, &packet);
        world.step(&mut []);
        // The word is over 200 ms after its last packet, and 4 s after that its speaker is missed.
        assert!(spells(&world).is_empty() || n >= 205, "frame {n}");
        assert!(!spells(&world).is_empty() || n <= 215, "frame {n}");
    }
    play(&mut world, &mut parties, &seconds("b"));
    assert_eq!(spells(&world), [(false, first), (true, first)]);
    world.reports.clear();
    world.order(Order::Mute { session: SessionId(2), muted: true });
    play(&mut world, &mut parties, &seconds("bbbbb"));
    world.order(Order::Mute { session: SessionId(2), muted: false });
    play(&mut world, &mut parties, &seconds("2"));
    assert_eq!(spells(&world), [(false, second), (true, second)]);
    // A party on hold is not to be heard.
    world.reports.clear();
    parties[0].phone.agree(&mut world, Direction::SendOnly);
    play(&mut world, &mut parties, &seconds("bbbbb"));
    assert_eq!(spells(&world), [(false, first)]);
}

#[test]
fn a_paused_measure_stands_still_and_goes_on_when_ordered_again() {
    let (mut world, mut parties) = talking(Codec::Pcmu);
    play(&mut world, &mut parties, &seconds("12...."));
    assert_eq!(world.order(Order::PauseMeasure { measure: MEASURE }), Ordered::Obeyed);
    world.reports.clear();
    play(&mut world, &mut parties, &seconds("bbbb......"));
    assert!(world.reports.is_empty(), "{:?}", world.reports);
    assert_eq!(measure(&mut world, 1, 2, 4), Ordered::Obeyed);
    play(&mut world, &mut parties, &seconds("..."));
    assert_eq!(spells(&world), [], "the waiting has begun anew");
    play(&mut world, &mut parties, &seconds("1"));
    let found = unmeasure(&mut world);
    assert_near("lasted", found.lasted, 10.0, 0.001);
    assert_near("first", found.first.voice, 2.1, SLACK);
    assert_near("second", found.second.voice, 1.2, SLACK);
    assert_eq!((found.both, found.silences.count), (Duration::ZERO, 0));
    assert_eq!(world.order(Order::Unmeasure { measure: MEASURE }), Ordered::Refused);
    assert_eq!(world.order(Order::PauseMeasure { measure: MEASURE }), Ordered::Refused);
}

#[test]
fn a_measure_ends_with_its_session_and_is_reported_before_that_is_closed() {
    let (mut world, mut parties) = talking(Codec::Opus);
    let other = MeasureId(2);
    let (first, second) = (SessionId(2), SessionId(1));
    let unheard_after = Duration::from_secs(9);
    world.order(Order::Measure { measure: other, first, second, unheard_after });
    play(&mut world, &mut parties, &seconds("1122"));
    world.reports.clear();
    world.order(Order::Close { session: SessionId(2) });
    let [
        Report::Measured { conversation: found, .. },
        Report::Measured { measure, conversation },
        closed,
    ] = &world.reports[..]
    else {
        panic!("{:?}", world.reports)
    };
    assert!(matches!(closed, Report::Closed { .. }));
    assert_near("first", found.first.voice, 2.2, SLACK);
    assert_eq!(*measure, other);
    assert_eq!((found.first, found.second), (conversation.second, conversation.first));
    world.run(50, &mut []);
    assert_eq!(world.order(Order::Unmeasure { measure: MEASURE }), Ordered::Refused);
}

#[test]
fn a_measure_of_strangers_of_oneself_or_under_anothers_id_is_refused() {
    let (mut world, _) = talking(Codec::Pcmu);
    Party::join(&mut world, 3, Codec::Pcmu);
    for (first, second) in [(1, 3), (3, 2), (2, 1), (1, 9), (9, 1), (3, 3)] {
        assert_eq!(measure(&mut world, first, second, 4), Ordered::Refused, "{first} {second}");
    }
    let measure = MeasureId(5);
    let (first, unheard_after) = (SessionId(3), Duration::from_secs(4));
    let second = first;
    let of_one = Order::Measure { measure, first, second, unheard_after };
    assert_eq!(world.order(of_one), Ordered::Refused);
}

#[test]
fn measures_beyond_the_bound_are_refused_until_one_ends() {
    let (mut world, _) = talking(Codec::Pcmu);
    let (first, second) = (SessionId(1), SessionId(2));
    let order = |n: u64| {
        let unheard_after = Duration::from_secs(60);
        Order::Measure { measure: MeasureId(n), first, second, unheard_after }
    };
    for n in 2..=MEASURES_MAX as u64 {
        assert_eq!(world.order(order(n)), Ordered::Obeyed);
    }
    assert_eq!(world.order(order(0)), Ordered::Refused);
    assert_eq!(world.order(order(7)), Ordered::Obeyed, "one that runs may be ordered again");
    unmeasure(&mut world);
    assert_eq!(world.order(order(0)), Ordered::Obeyed);
}

#[test]
fn long_packets_and_a_late_worker_lose_no_time() {
    let mut world = World::new();
    let long = Format { ptime_ms: 60, ..format(Codec::Pcma) };
    let mut phone = Phone::join(&mut world, 1, long, 0.0);
    Phone::join(&mut world, 2, long, 0.0);
    assert_eq!(measure(&mut world, 1, 2, 60), Ordered::Obeyed);
    // Two seconds of voice in packets of 60 ms, then a worker that hangs for three seconds.
    for n in 0..102 {
        let bytes = phone.speak().expect("a packet to be filled");
        if n % 3 == 0 {
            let (packet, mut out) = (Packet::parse(&bytes).expect("RTP"), Vec::new());
            let sequence = 100 + n / 3;
            Packet { sequence, payload: &[0x2a; 480], ..packet }.write(&mut out);
            world.rtp(phone.slot, phone.from, &out);
        }
        world.step(&mut []);
    }
    world.now = world.now + Duration::from_secs(3) - FRAME;
    world.tick();
    let found = unmeasure(&mut world);
    assert_near("lasted", found.lasted, 5.02, 0.03);
    assert!(found.first.voice >= Duration::from_secs(2), "{found:?}");
}
