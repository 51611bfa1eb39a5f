//! A talk by ear, end to end: real packets of two voices through the media room, the switch and the center.

mod world;

use dozvon_center::contact::{Party, Speech, StageKind};
use dozvon_center::fact::{Greeting, What};
use dozvon_center::rollout::Share;
use dozvon_media::bank::{Bank, Channel, MediaConfig, Ordered, Slot};
use dozvon_media::clip::LibraryBuilder;
use dozvon_media::codec::{Encoder, Rate};
use dozvon_media::order::{Codec, Format, Order, Report, SessionId};
use dozvon_media::rtp::Packet;
use dozvon_media::tone::{Tone, noise};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use world::World;

const FRAME: Duration = Duration::from_millis(20);

/// A telephone that speaks when it is told to: syllables over the noise of a line.
struct Voice {
    /// Where its packets come from.
    from: SocketAddr,
    format: Format,
    encoder: Encoder,
    tones: [Tone; 2],
    hiss: Vec<i16>,
    frames: u32,
}

impl Voice {
    fn new(from: SocketAddr, format: Format) -> Voice {
        let tones = [180.0, 900.0].map(|hz| Tone::single(Rate::Narrow, hz, -22.0));
        let encoder = Encoder::new(format.codec, Rate::Narrow, 5);
        let hiss = noise(-52.0, 8_000, u64::from(from.port()));
        Voice { from, format, encoder, tones, hiss, frames: 0 }
    }

    /// The packet of this frame. Words swell and fade five times a second, as syllables do.
    fn packet(&mut self, speaks: bool) -> Vec<u8> {
        let place = self.frames as usize % 50 * 160;
        let mut sound = self.hiss[place..place + 160].to_vec();
        self.frames += 1;
        let swell = [0.6, 0.9, 1.0, 1.0, 0.9, 0.8, 0.6, 0.3, 0.2, 0.3][self.frames as usize % 10];
        for tone in self.tones.iter_mut().filter(|_| speaks) {
            let mut voice = Vec::new();
            tone.fill(160, &mut voice);
            for (sample, voice) in sound.iter_mut().zip(voice) {
                *sample = sample.saturating_add((f64::from(voice) * swell) as i16);
            }
        }
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        self.encoder.encode(&sound, &mut payload);
        let packet = Packet {
            payload_type: self.format.payload_type,
            marker: false,
            sequence: self.frames as u16,
            timestamp: self.frames * 160,
            ssrc: u32::from(self.from.port()) + 1,
            payload: &payload,
        };
        packet.write(&mut bytes);
        bytes
    }
}

/// The world with real media workers.
struct Sound {
    world: World,
    banks: Vec<Bank>,
    slots: BTreeMap<SessionId, (usize, Slot)>,
    /// Orders given to the banks so far.
    given: usize,
}

impl Sound {
    /// A caller and an agent in a talk: their addresses.
    fn in_talk() -> (Sound, SocketAddr, SocketAddr) {
        let mut world = World::new(1, Share::None);
        let agent = world.ready_agent(0);
        let bank = |seed| {
            let library = Arc::new(LibraryBuilder::new(&Codec::ALL).build());
            Bank::new(library, MediaConfig { seed, ..MediaConfig::default() })
        };
        let banks = (0..2).map(bank).collect();
        let caller = world.dial(0, "100");
        world.press(caller, '0');
        world.run(Duration::from_millis(600));
        assert!(world.hear_each_other(caller, agent));
        let mut sound = Sound { world, banks, slots: BTreeMap::new(), given: 0 };
        sound.obey();
        (sound, caller, agent)
    }

    /// Gives the banks what the switch has ordered since, and the switch what they report.
    fn obey(&mut self) {
        let now = self.world.now;
        let orders: Vec<Order> = self.world.orders[self.given..].to_vec();
        self.given = self.world.orders.len();
        for order in orders {
            let (at, opens) = (self.worker(&order), session_opened(&order));
            let mut nowhere = |_, _: Channel, _, _: &[u8]| {};
            let done = self.banks[at].order(now, order, &mut nowhere);
            if let (Ordered::Opened(slot), Some(session)) = (done, opens) {
                self.slots.insert(session, (at, slot));
            }
        }
        for at in 0..self.banks.len() {
            while let Some(report) = self.banks[at].poll_report() {
                // The world has said so already.
                if !matches!(report, Report::Closed { .. }) {
                    self.world.media(report);
                }
            }
        }
        if self.given < self.world.orders.len() {
            self.obey();
        }
    }

    /// The worker of an order, by a session that it names.
    fn worker(&self, order: &Order) -> usize {
        let measured = |measure| {
            let begun = |order: &Order| {
                let Order::Measure { measure: id, first, .. } = order else { return None };
                (*id == measure).then_some(*first)
            };
            self.world.orders.iter().find_map(begun).expect("a measure that has begun")
        };
        let session = match order {
            Order::PauseMeasure { measure } | Order::Unmeasure { measure } => measured(*measure),
            Order::Measure { first, .. } => *first,
            Order::Bridge { a, .. } => *a,
            Order::Open { session, .. }
            | Order::Agree { session, .. }
            | Order::Expect { session, .. }
            | Order::Near { session }
            | Order::Play { session, .. }
            | Order::Announce { session, .. }
            | Order::Loop { session, .. }
            | Order::Stop { session }
            | Order::Dial { session, .. }
            | Order::Hear { session, .. }
            | Order::Unbridge { session }
            | Order::Mute { session, .. }
            | Order::Echo { session }
            | Order::Close { session } => *session,
        };
        usize::from(self.world.workers[&session])
    }

    fn voice(&self, of: SocketAddr) -> Voice {
        let session = self.world.session(of).expect("it is in a call");
        let agreed = self.world.orders.iter().rev().find_map(|order| {
            let Order::Agree { session: s, remote, format, .. } = order else { return None };
            (*s == session).then_some((*remote, *format))
        });
        let (from, format) = agreed.expect("a format");
        Voice::new(from, format)
    }

    /// Plays a script of tenths of a second: `a` and `c` say who of agent and caller speaks alone, `b` that both do,
    /// `.` nobody, `x` that the caller's phone sends nothing at all.
    fn play(
        &mut self,
        caller: &mut Voice,
        agent: &mut Voice,
        sessions: [SessionId; 2],
        script: &str,
    ) {
        for who in script.chars() {
            for _ in 0..5 {
                self.world.run(FRAME);
                self.obey();
                let now = self.world.now;
                for (voice, session, mark) in
                    [(&mut *caller, sessions[0], 'c'), (&mut *agent, sessions[1], 'a')]
                {
                    let packet = voice.packet(who == mark || who == 'b');
                    let (at, slot) = self.slots[&session];
                    let mut nowhere = |_, _: Channel, _, _: &[u8]| {};
                    if !(who == 'x' && mark == 'c') {
                        self.banks[at].rtp(now, slot, voice.from, &packet, &mut nowhere);
                    }
                }
                for bank in &mut self.banks {
                    bank.tick(now, &mut |_, _: Channel, _, _: &[u8]| {});
                }
                self.obey();
            }
        }
    }

    fn facts(&self, of: impl Fn(&What) -> bool) -> usize {
        self.world.count(of)
    }
}

fn session_opened(order: &Order) -> Option<SessionId> {
    if let Order::Open { session, .. } = order { Some(*session) } else { None }
}

fn seconds(script: &str) -> String {
    script.chars().flat_map(|who| [who; 10]).collect()
}

/// The figures of the only talk.
fn speech(sound: &Sound) -> Speech {
    let stages = sound.world.contact().stages.iter();
    let talk = stages.clone().find(|stage| stage.kind == StageKind::Talk).expect("a talk");
    talk.speech.expect("it was measured")
}

fn near(what: &str, found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 0.9, "{what}: {found} s instead of {wanted} s");
}

#[test]
fn greeting_talk_over_silence_and_an_unheard_caller_are_in_the_record_of_a_real_talk() {
    let (mut sound, caller, agent) = Sound::in_talk();
    let sessions = [caller, agent].map(|at| sound.world.session(at).expect("in a call"));
    let (mut his, mut hers) = (sound.voice(caller), sound.voice(agent));
    // A greeting after two seconds, both at once for one, and a silence of seven.
    sound.play(&mut his, &mut hers, sessions, &seconds("..aa.ccc.b.aca.......cac.aa."));
    // On hold nothing is measured, however long it lasts.
    let now = sound.world.now;
    sound.world.phones.get_mut(&agent).expect("her phone").hold(now, true);
    sound.play(&mut his, &mut hers, sessions, &seconds("............"));
    assert_eq!(sound.facts(|what| matches!(what, What::Unheard { .. })), 0, "he is on hold");
    let now = sound.world.now;
    sound.world.phones.get_mut(&agent).expect("her phone").hold(now, false);
    // The caller's phone falls silent for longer than the policy lets pass, and is back.
    sound.play(&mut his, &mut hers, sessions, &seconds("axxxaxxxaxxxaxxxaxccc"));
    let unheard = |what: &What| matches!(what, What::Unheard { party: Party::Caller, .. });
    let again = |what: &What| matches!(what, What::HeardAgain { party: Party::Caller, .. });
    assert_eq!((sound.facts(unheard), sound.facts(again)), (1, 1));
    let now = sound.world.now;
    sound.world.phones.get_mut(&caller).expect("his phone").hang_up(now);
    sound.play_out();
    let found = speech(&sound);
    near("measured", found.measured_secs, 28.0 + 21.0);
    near("greeting", found.greeting_secs.expect("she greeted"), 2.0);
    near("her voice", found.agent_secs, 8.0 + 5.0 + 2.2);
    near("his voice", found.caller_secs, 7.0 + 3.0 + 1.2);
    near("both", found.both_secs, 1.0);
    assert_eq!((found.both_times, found.silences), (1, 1));
    near("silence", found.longest_silence_secs, 6.8);
    let measured = |what: &What| {
        matches!(what, What::TalkMeasured { greeting: Greeting::InTime, no_audio: false, .. })
    };
    assert_eq!(sound.facts(measured), 1);
    sound.world.assert_empty();
}

#[test]
fn a_caller_of_whom_no_sound_comes_is_told_while_the_talk_lasts_and_counted_as_no_audio() {
    let (mut sound, caller, agent) = Sound::in_talk();
    let sessions = [caller, agent].map(|at| sound.world.session(at).expect("in a call"));
    let (mut his, mut hers) = (sound.voice(caller), sound.voice(agent));
    sound.play(&mut his, &mut hers, sessions, &seconds("xxxxxxxaxxxxxxxxxxx"));
    let unheard = |what: &What| matches!(what, What::Unheard { party: Party::Caller, .. });
    assert_eq!(sound.facts(unheard), 1, "once, while it lasts");
    let now = sound.world.now;
    sound.world.phones.get_mut(&agent).expect("her phone").hang_up(now);
    sound.play_out();
    let measured = |what: &What| {
        matches!(what, What::TalkMeasured { greeting: Greeting::Late, no_audio: true, .. })
    };
    assert_eq!(sound.facts(measured), 1);
    assert_eq!(speech(&sound).caller_secs, 0.0);
}

impl Sound {
    /// The call ends, and everything that follows.
    fn play_out(&mut self) {
        for _ in 0..200 {
            self.world.run(FRAME);
            self.obey();
        }
        self.world.run(Duration::from_secs(60));
        self.obey();
    }
}
