//! How long reading one INVITE takes: `cargo bench -p dozvon-sip --bench parse`.
#![allow(clippy::disallowed_methods)] // A bench reads the clock; nothing here is linked into the product.

#[path = "../tests/common/mod.rs"]
mod common;

use dozvon_sip::message::{Message, MessageWriter, OwnedMessage};
use dozvon_sip::sdp::{Codec, Description, Origin, Ours, answer};
use std::hint::black_box;
use std::time::Instant;

/// Best and median nanoseconds of one run, over many batches.
fn measure<T>(name: &str, mut run: impl FnMut() -> T) {
    const BATCHES: usize = 400;
    const RUNS: u32 = 500;
    let mut batches: Vec<u128> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..RUNS {
                black_box(run());
            }
            start.elapsed().as_nanos() / u128::from(RUNS)
        })
        .collect();
    batches.sort_unstable();
    println!("{name:<40} best {:>6} ns   median {:>6} ns", batches[0], batches[BATCHES / 2]);
}

fn main() {
    let bytes = common::invite();
    let message = Message::parse(&bytes).expect("the INVITE is sound");
    println!("INVITE of {} bytes, {} headers", bytes.len(), message.headers().count());
    let body = message.body();
    measure("parse", || Message::parse(black_box(&bytes)));
    measure("parse + check", || Message::parse(black_box(&bytes)).map(|m| m.check()));
    measure("parse + From, To, Via, CSeq, Call-ID", || {
        let message = Message::parse(black_box(&bytes)).expect("the INVITE is sound");
        black_box((message.from().is_ok(), message.to().is_ok(), message.via().is_ok()));
        black_box((message.cseq().is_ok(), message.call_id().is_ok()))
    });
    measure("keep a copy", || OwnedMessage::from(black_box(&message)));
    measure("write a 180 to it", || {
        MessageWriter::response_to(&message, 180, None, Some("tag"), None).finish()
    });
    measure("read its SDP", || Description::parse(black_box(body)));
    let ours = Ours::new(([192, 0, 2, 5], 30_000).into(), &[Codec::Pcma, Codec::Opus]);
    measure("read and answer its SDP", || {
        let offer = Description::parse(black_box(body)).expect("the SDP is sound");
        answer(&offer, &ours, &mut Origin::new(1))
    });
}
