//! Any packets at a bank of two joined sessions: never a panic.
#![no_main]
use dozvon_clock::Timestamp;
use dozvon_media::bank::{Bank, Channel, MediaConfig, Slot};
use dozvon_media::clip::LibraryBuilder;
use dozvon_media::order::{Codec, Direction, Format, Order, SessionId, TelephoneEvent};
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fuzz_target!(|packets: Vec<(bool, u8, Vec<u8>)>| {
    let library = Arc::new(LibraryBuilder::new(&[Codec::Pcmu, Codec::Pcma]).build());
    let mut bank = Bank::new(library, MediaConfig::default());
    let mut now = Timestamp::from_secs(1_800_000_000);
    let mut sink = |_: Slot, _: Channel, _: SocketAddr, _: &[u8]| {};
    for (n, codec) in [(0u64, Codec::Pcmu), (1, Codec::Pcma)] {
        let session = SessionId(n);
        let local = ([127, 0, 0, 1], 16_000 + 2 * n as u16).into();
        bank.order(now, Order::Open { session, local }, &mut sink);
        let event = TelephoneEvent { payload_type: 101, clock_hz: 8000 };
        let payload_type = if codec == Codec::Pcmu { 0 } else { 8 };
        let format = Format { codec, payload_type, ptime_ms: 20, telephone_event: Some(event) };
        let remote = ([192, 0, 2, 1], 4_000 + n as u16).into();
        bank.order(
            now,
            Order::Agree { session, remote, rtcp: None, format, direction: Direction::SendRecv },
            &mut sink,
        );
    }
    bank.order(now, Order::Bridge { a: SessionId(0), b: SessionId(1) }, &mut sink);
    for (rtcp, from, bytes) in packets.into_iter().take(500) {
        let slot = Slot(usize::from(from % 2));
        let from = ([192, 0, 2, 1 + from / 16], 4_000 + u16::from(from % 2)).into();
        if rtcp {
            bank.rtcp(now, slot, from, &bytes);
        } else {
            bank.rtp(now, slot, from, &bytes, &mut sink);
        }
        now = now + Duration::from_millis(10);
        bank.tick(now, &mut sink);
        while bank.poll_report().is_some() {}
    }
});
