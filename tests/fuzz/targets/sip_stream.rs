//! A stream cut anywhere: the framer never panics, holds no more than its bound, and gives only whole messages.
#![no_main]
use dozvon_sip::message::{Frame, Framer, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (bytes, cuts) = input;
    let mut framer = Framer::new();
    let mut rest = &bytes[..];
    for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
        let (head, tail) = rest.split_at(cut.min(rest.len()));
        framer.push(head);
        rest = tail;
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(message))) => drop(Message::parse(&message)),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
