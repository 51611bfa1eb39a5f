//! Prints what a packet, a frame, a codec and a session cost: `cargo bench -p dozvon-media`.
//!
//! Times are the best of many rounds, without sockets. Memory is what a session allocates.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "../tests/world/mod.rs"]
mod world;

use allocation_counter::measure;
use dozvon_clock::Timestamp;
use dozvon_media::bank::{Bank, Channel, Slot};
use dozvon_media::clip::{Library, LibraryBuilder};
use dozvon_media::codec::{Decoder, Encoder, Rate, bridge_rate};
use dozvon_media::dtmf::Detector;
use dozvon_media::order::{Codec, MeasureId, Order, SessionId};
use dozvon_media::tone::sine;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use world::{FRAME, Phone, World, format};

/// Best time of one of `count` things, of five rounds.
fn best(count: u64, mut round: impl FnMut()) -> Duration {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed() / u32::try_from(count).expect("a small count")
        })
        .min()
        .expect("five rounds")
}

fn pairs(count: u64, a: Codec, b: Codec) -> (World, Vec<Phone>) {
    let mut world = World::new();
    let mut phones = Vec::new();
    for n in 0..count {
        let one = Phone::join(&mut world, 2 * n, format(a), 1000.0);
        let two = Phone::join(&mut world, 2 * n + 1, format(b), 600.0);
        world.order(Order::Bridge { a: one.session, b: two.session });
        phones.extend([one, two]);
    }
    (world, phones)
}

type Spoken = Vec<Vec<(Slot, SocketAddr, Vec<u8>)>>;

fn spoken(phones: &mut [Phone], frames: usize) -> Spoken {
    (0..frames)
        .map(|_| phones.iter_mut().filter_map(|p| Some((p.slot, p.from, p.speak()?))).collect())
        .collect()
}

fn relay(sessions: u64) {
    let (mut world, mut phones) = pairs(sessions / 2, Codec::Pcma, Codec::Pcma);
    let frames = spoken(&mut phones, 100);
    let mut out = 0u64;
    let mut fastest = Duration::MAX;
    for frame in &frames {
        let start = Instant::now();
        for (slot, from, bytes) in frame {
            world.bank.rtp(world.now, *slot, *from, bytes, &mut |_, _, _, packet: &[u8]| {
                out += packet.len() as u64;
            });
        }
        fastest = fastest.min(start.elapsed());
        world.bank.tick(world.now, &mut |_: Slot, _: Channel, _: SocketAddr, _: &[u8]| {});
        world.now = world.now + FRAME;
    }
    let per_packet = fastest.as_nanos() / u128::from(sessions);
    assert_eq!(out, 100 * sessions * 172);
    println!("relay, {sessions} sessions: {per_packet} ns a packet");
}

fn tick(sessions: u64, codec: Codec, what: &str, order: impl Fn(&Phone) -> Option<Order>) {
    let mut world = World::new();
    for id in 0..sessions {
        let phone = Phone::join(&mut world, id, format(codec), 0.0);
        if let Some(order) = order(&phone) {
            world.order(order);
        }
    }
    let mut out = 0u64;
    let per_frame = best(50 * sessions, || {
        for _ in 0..50 {
            world.bank.tick(world.now, &mut |_: Slot, _: Channel, _: SocketAddr, p: &[u8]| {
                out += p.len() as u64;
            });
            while world.bank.poll_report().is_some() {}
            world.now = world.now + FRAME;
        }
    });
    black_box(out);
    println!("{what}, {codec:?}, {sessions} sessions: {} ns a frame", per_frame.as_nanos());
}

fn transcode(a: Codec, b: Codec) {
    let (mut world, mut phones) = pairs(20, a, b);
    let frames = spoken(&mut phones, 250);
    let mut round = 0;
    let per_frame = best(50 * 40, || {
        for frame in &frames[round * 50..round * 50 + 50] {
            let mut sink = |_: Slot, _: Channel, _: SocketAddr, packet: &[u8]| {
                black_box(packet.len());
            };
            for (slot, from, bytes) in frame {
                world.bank.rtp(world.now, *slot, *from, bytes, &mut sink);
            }
            world.bank.tick(world.now, &mut sink);
            world.now = world.now + FRAME;
        }
        round += 1;
    });
    println!("bridge {a:?} and {b:?}: {:.1} µs a frame and direction", micros(per_frame));
}

/// Sets up the conversation whose first session has this id.
type Orders = fn(&mut World, u64);

/// What a conversation costs in 20 ms, packets and tick together, beside a mere bridge of the same codec.
fn conversations(codec: Codec, count: u64) {
    let mut bridge = None;
    let kinds: [(&str, u64, Orders); 5] = [
        ("bridge", 2, connect),
        ("bridge with a measure", 2, |world, id| {
            connect(world, id);
            let (first, second) = (SessionId(id), SessionId(id + 1));
            let (measure, unheard_after) = (MeasureId(id), Duration::from_secs(10));
            world.order(Order::Measure { measure, first, second, unheard_after });
        }),
        ("bridge with a listener", 3, |world, id| {
            connect(world, id);
            hear(world, id + 2, &[id, id + 1]);
        }),
        ("whisper", 3, |world, id| {
            connect(world, id);
            hear(world, id + 1, &[id, id + 2]);
            hear(world, id + 2, &[id, id + 1]);
        }),
        ("conference of 3", 3, |world, id| {
            (0..3).for_each(|n| hear(world, id + n, &[id + (n + 1) % 3, id + (n + 2) % 3]));
        }),
    ];
    for (what, size, order) in kinds {
        let mut world = World::new();
        let mut phones: Vec<Phone> = (0..count * size)
            .map(|id| Phone::join(&mut world, id, format(codec), 500.0 + (id % 3) as f64 * 300.0))
            .collect();
        (0..count).for_each(|n| order(&mut world, n * size));
        let frames = spoken(&mut phones, 100);
        let mut fastest = Duration::MAX;
        for frame in &frames {
            let mut sink = |_: Slot, _: Channel, _: SocketAddr, packet: &[u8]| {
                black_box(packet.len());
            };
            let start = Instant::now();
            for (slot, from, bytes) in frame {
                world.bank.rtp(world.now, *slot, *from, bytes, &mut sink);
            }
            world.bank.tick(world.now, &mut sink);
            // The first frames only fill the jitter buffers.
            if world.now.since(Timestamp::from_secs(1_000_000)) > Duration::from_millis(500) {
                fastest = fastest.min(start.elapsed());
            }
            while world.bank.poll_report().is_some() {}
            world.now = world.now + FRAME;
        }
        let nanos = fastest.as_nanos() as f64 / count as f64;
        let ratio = nanos / *bridge.get_or_insert(nanos);
        let micros = nanos / 1000.0;
        println!("{what}, {codec:?}, {count} at once: {micros:.2} µs a frame, {ratio:.2} bridges");
    }
}

fn connect(world: &mut World, id: u64) {
    world.order(Order::Bridge { a: SessionId(id), b: SessionId(id + 1) });
}

fn hear(world: &mut World, id: u64, from: &[u64]) {
    let from = from.iter().map(|id| SessionId(*id)).collect();
    world.order(Order::Hear { session: SessionId(id), from });
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

fn codec(codec: Codec, rate: Rate) {
    let sound = sine(rate, 1000.0, -10.0, rate.samples(1000));
    let mut encoder = Encoder::new(codec, rate, 5);
    let mut payloads: Vec<Vec<u8>> = (0..50).map(|_| Vec::with_capacity(1500)).collect();
    let encode = best(50, || {
        for (frame, payload) in sound.chunks(rate.samples(20)).zip(&mut payloads) {
            payload.clear();
            encoder.encode(frame, payload);
        }
    });
    let (mut decoder, mut out) = (Decoder::new(codec, rate), Vec::with_capacity(20_000));
    let decode = best(50, || {
        out.clear();
        for payload in &payloads {
            decoder.decode(payload, &mut out);
        }
    });
    let (encode, decode) = (micros(encode), micros(decode));
    println!("{codec:?} at {} Hz: encode {encode:.2} µs, decode {decode:.2} µs a frame", rate.hz());
}

fn memory() {
    println!("struct Session: {} bytes", Bank::SESSION_BYTES);
    let mut world = World::new();
    let info = measure(|| {
        for id in 0..1000 {
            Phone::join(&mut world, id, format(Codec::Pcmu), 0.0);
        }
    });
    println!("agreed session: {} bytes on the heap, indices included", info.bytes_current / 1000);
    for (a, b) in [(Codec::Pcmu, Codec::Opus), (Codec::Pcmu, Codec::G722)] {
        let mut world = World::new();
        let one = Phone::join(&mut world, 1, format(a), 0.0);
        let two = Phone::join(&mut world, 2, format(b), 0.0);
        let info = measure(|| {
            world.order(Order::Bridge { a: one.session, b: two.session });
        });
        println!("bridge {a:?} and {b:?}: {} bytes more, libopus not counted", info.bytes_current);
    }
}

fn library() {
    for codecs in [&[Codec::Pcmu, Codec::Pcma][..], &[Codec::G722], &[Codec::Opus]] {
        let start = Instant::now();
        let library = LibraryBuilder::new(codecs).build();
        let took = start.elapsed();
        let secs = (0..5).map(|n| library.duration(dozvon_media::order::ClipId(n)).as_secs_f64());
        let secs: f64 = secs.sum();
        println!(
            "library for {codecs:?}: {:.2} ms and {:.0} bytes for a second of sound",
            took.as_secs_f64() * 1000.0 / secs,
            library.bytes() as f64 / secs
        );
    }
}

fn main() {
    relay(2);
    relay(1000);
    relay(4000);
    let music = |phone: &Phone| Some(Order::Loop { session: phone.session, clip: Library::NOISE });
    for codec in [Codec::Pcma, Codec::Opus] {
        tick(1000, codec, "music", music);
        tick(1000, codec, "silence", |_| None);
    }
    for (a, b) in [
        (Codec::Pcmu, Codec::Pcma),
        (Codec::Pcma, Codec::G722),
        (Codec::Pcma, Codec::Opus),
        (Codec::G722, Codec::Opus),
    ] {
        println!("  at {} Hz", bridge_rate(a, b).hz());
        transcode(a, b);
    }
    conversations(Codec::Pcma, 500);
    for wide in [Codec::G722, Codec::Opus] {
        conversations(wide, 20);
    }
    codec(Codec::Pcmu, Rate::Narrow);
    codec(Codec::Pcma, Rate::Narrow);
    for rate in [Rate::Narrow, Rate::Wide] {
        codec(Codec::G722, rate);
        codec(Codec::Opus, rate);
    }
    let sound = sine(Rate::Narrow, 770.0, -10.0, 160 * 1000);
    let mut detector = Detector::default();
    let detect = best(1000, || detector.hear(&sound, |_| {}));
    println!("keys in the sound: {:.2} µs a frame", micros(detect));
    memory();
    library();
}
