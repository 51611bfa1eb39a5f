//! Datagrams and commands in any order at one endpoint: never a panic, and nothing is left when time has passed.
#![no_main]
use dozvon_clock::Timestamp;
use dozvon_sip::endpoint::{Config, DialogId, Endpoint, Event, Input, Local, Path, Protocol, Refusal};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

#[derive(Arbitrary, Debug)]
enum Operation {
    Datagram { from: u8, bytes: Vec<u8> },
    Pass { millis: u16 },
    Ring(u8),
    Answer(u8),
    Refuse(u8, u16),
    Challenge(u8),
    Bye(u8),
    Reoffer(u8),
    AcceptRefer(u8),
    RefuseRefer(u8, u16),
    ReferProgress(u8, u16),
}

fuzz_target!(|operations: Vec<Operation>| {
    let local = "10.0.0.1:5060".parse().expect("an address");
    let locals = vec![Local { protocol: Protocol::Udp, address: local, advertised: None }];
    let mut now = Timestamp::from_secs(1_800_000_000);
    let mut endpoint = Endpoint::new(Config::new(locals, "bank.example", [1; 32]), now);
    let mut known: Vec<DialogId> = Vec::new();
    for operation in operations.into_iter().take(200) {
        let pick = |n: u8| known.get(usize::from(n) % known.len().max(1)).copied();
        match operation {
            Operation::Datagram { from, bytes } => {
                let remote = ([10, 0, 1, from], 5060).into();
                endpoint.handle(now, Input::Datagram { path: Path::udp(local, remote), bytes: &bytes });
            }
            Operation::Pass { millis } => {
                now = now + Duration::from_millis(u64::from(millis));
                endpoint.handle_timeout(now);
            }
            Operation::Ring(n) => pick(n).into_iter().for_each(|d| endpoint.ring(now, d, None)),
            Operation::Answer(n) => pick(n).into_iter().for_each(|d| endpoint.answer(now, d, b"v=0\r\n")),
            Operation::Refuse(n, status) => {
                pick(n).into_iter().for_each(|d| endpoint.refuse(now, d, Refusal::new(status)));
            }
            Operation::Challenge(n) => pick(n).into_iter().for_each(|d| endpoint.challenge(now, d)),
            Operation::Bye(n) => pick(n).into_iter().for_each(|d| endpoint.bye(now, d, None)),
            Operation::Reoffer(n) => pick(n).into_iter().for_each(|d| endpoint.reoffer(now, d, b"v=0\r\n")),
            Operation::AcceptRefer(n) => pick(n).into_iter().for_each(|d| endpoint.accept_refer(now, d)),
            Operation::RefuseRefer(n, status) => {
                pick(n).into_iter().for_each(|d| endpoint.refuse_refer(now, d, status, "no"));
            }
            Operation::ReferProgress(n, status) => {
                pick(n).into_iter().for_each(|d| endpoint.refer_progress(now, d, status, ""));
            }
        }
        while endpoint.poll_transmit().is_some() {}
        while let Some(event) = endpoint.poll_event() {
            if let Event::Invited { dialog, .. } = event {
                known.push(dialog);
            }
        }
    }
    for dialog in known {
        endpoint.bye(now, dialog, None);
    }
    // As long as the subscription of a referral may live, and its last NOTIFY after that.
    for _ in 0..720 {
        now = now + Duration::from_secs(1);
        endpoint.handle_timeout(now);
        while endpoint.poll_transmit().is_some() {}
        while endpoint.poll_event().is_some() {}
    }
    assert_eq!(endpoint.counts().transactions, 0, "transactions outlive 64·T1");
});
