//! Any sound at the in-band detector, any payload as a telephone-event: never a panic.
#![no_main]
use dozvon_media::dtmf::{Detector, KeyEvent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(event) = KeyEvent::read(bytes) {
        assert_eq!(KeyEvent::read(&event.write()), Some(event));
    }
    let sound: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let mut detector = Detector::default();
    for chunk in sound.chunks(160) {
        detector.hear(chunk, |_| {});
    }
});
