//! The packet paths take no memory once they run: relay, mixes, measures, prompts, loops, silence and echo.

mod world;

use allocation_counter::measure;
use dozvon_media::bank::{Channel, Slot};
use dozvon_media::clip::Library;
use dozvon_media::order::{Codec, Format, MeasureId, Order, PlayId};
use std::net::SocketAddr;
use std::time::Duration;
use world::{FRAME, Phone, World, format};

/// Allocations while the phones speak and the bank ticks for so many frames, after a warm-up of the same length.
fn allocations(world: &mut World, phones: &mut [&mut Phone], frames: usize) -> (u64, usize) {
    let spoken: Vec<Vec<(Slot, SocketAddr, Vec<u8>)>> = (0..2 * frames)
        .map(|_| {
            let frame = phones.iter_mut();
            frame.filter_map(|p| Some((p.slot, p.from, p.speak()?))).collect()
        })
        .collect();
    let mut packets = 0;
    let mut play = |world: &mut World, frames: &[Vec<(Slot, SocketAddr, Vec<u8>)>]| {
        for frame in frames {
            let mut sink = |_: Slot, _: Channel, _: SocketAddr, _: &[u8]| packets += 1;
            for (slot, from, bytes) in frame {
                world.bank.rtp(world.now, *slot, *from, bytes, &mut sink);
            }
            world.bank.tick(world.now, &mut sink);
            while world.bank.poll_report().is_some() {}
            world.now = world.now + FRAME;
        }
    };
    play(world, &spoken[..frames]);
    let info = measure(|| play(world, &spoken[frames..]));
    (info.count_total, packets)
}

#[test]
fn relaying_takes_no_memory() {
    for codec in Codec::ALL {
        let mut world = World::new();
        let mut a = Phone::join(&mut world, 1, format(codec), 1000.0);
        let mut b = Phone::join(&mut world, 2, format(codec), 600.0);
        world.order(Order::Bridge { a: a.session, b: b.session });
        let (count, packets) = allocations(&mut world, &mut [&mut a, &mut b], 500);
        assert!(packets >= 1990, "{packets}");
        assert_eq!(count, 0, "{codec:?}");
    }
}

#[test]
fn playing_looping_echoing_and_silence_take_no_memory() {
    for ptime_ms in [20, 60] {
        for codec in Codec::ALL {
            let mut world = World::new();
            let format = Format { ptime_ms, ..format(codec) };
            let mut phones: Vec<Phone> =
                (1..5).map(|id| Phone::join(&mut world, id, format, 1000.0)).collect();
            let session = phones[0].session;
            let clips = vec![Library::NOISE; 30];
            world.order(Order::Play { session, play: PlayId(1), clips });
            world.order(Order::Loop { session: phones[1].session, clip: Library::RINGBACK });
            world.order(Order::Echo { session: phones[2].session });
            let mut all: Vec<&mut Phone> = phones.iter_mut().collect();
            let (count, _) = allocations(&mut world, &mut all, 500);
            assert_eq!(count, 0, "{codec:?} at {ptime_ms} ms");
        }
    }
}

#[test]
fn transcoding_takes_no_memory_of_ours_once_it_runs() {
    for (a_codec, b_codec) in [(Codec::Pcmu, Codec::Opus), (Codec::G722, Codec::Pcma)] {
        let mut world = World::new();
        let mut a = Phone::join(&mut world, 1, format(a_codec), 1000.0);
        let mut b = Phone::join(&mut world, 2, format(b_codec), 600.0);
        world.order(Order::Bridge { a: a.session, b: b.session });
        let (count, _) = allocations(&mut world, &mut [&mut a, &mut b], 500);
        assert_eq!(count, 0, "{a_codec:?} and {b_codec:?}");
    }
}

#[test]
fn mixing_announcing_and_measuring_take_no_memory_of_ours_once_they_run() {
    for codecs in [[Codec::Pcma; 3], [Codec::Opus, Codec::Pcmu, Codec::G722]] {
        let mut world = World::new();
        let [mut a, mut b, mut c] =
            [1, 2, 3].map(|id| Phone::join(&mut world, id, format(codecs[id as usize - 1]), 700.0));
        let [first, second, third] = [&a, &b, &c].map(|phone| phone.session);
        world.order(Order::Hear { session: first, from: vec![second] });
        world.order(Order::Hear { session: second, from: vec![first, third] });
        world.order(Order::Hear { session: third, from: vec![first, second] });
        let (measure, unheard_after) = (MeasureId(1), Duration::from_secs(60));
        world.order(Order::Measure { measure, first, second, unheard_after });
        let clips = vec![Library::NOISE; 60];
        let mut d = Phone::join(&mut world, 4, format(codecs[0]), 0.0);
        world.order(Order::Hear { session: d.session, from: vec![first, second] });
        world.order(Order::Announce { session: d.session, play: PlayId(1), clips });
        let (count, _) = allocations(&mut world, &mut [&mut a, &mut b, &mut c, &mut d], 500);
        assert_eq!(count, 0, "{codecs:?}");
    }
}

#[test]
fn listening_for_keys_and_receiving_them_takes_no_memory() {
    let mut world = World::new();
    let silent = Format { telephone_event: None, ..format(Codec::Pcma) };
    let mut a = Phone::join(&mut world, 1, silent, 0.0);
    let mut b = Phone::join(&mut world, 2, format(Codec::Pcma), 0.0);
    b.press('5');
    let (count, _) = allocations(&mut world, &mut [&mut a, &mut b], 200);
    assert_eq!(count, 0);
}
