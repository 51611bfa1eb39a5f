//! Any text as an offer and as an answer: never a panic.
#![no_main]
use dozvon_sip::sdp::{Codec, Description, Origin, Ours, answer, offer, read_answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(theirs) = Description::parse(bytes) else { return };
    let ours = Ours::new("192.0.2.1:16000".parse().expect("an address"), &Codec::ALL);
    let mut origin = Origin::new(1);
    if let Ok(answered) = answer(&theirs, &ours, &mut origin) {
        Description::parse(answered.body.as_bytes()).expect("our own answer can be read");
    }
    let offered = offer(&ours, &mut origin);
    let offered = Description::parse(offered.as_bytes()).expect("our own offer can be read");
    let _ = read_answer(&offered, &theirs);
});
