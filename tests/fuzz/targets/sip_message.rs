//! Any datagram through the parser and all typed headers: never a panic, and what was read prints and reads alike.
#![no_main]
use dozvon_sip::message::{Message, ReferTo, Replaces, UriBuf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes) else { return };
    let _ = (message.check(), message.uri(), message.from(), message.to(), message.call_id(), message.cseq());
    let _ = (message.vias().count(), message.contacts().count(), message.routes().count());
    let _ = (message.session_expires(), message.content_type(), message.rack());
    let _ = (message.replaces(), message.referred_by(), message.refer_sub(), message.event());
    for header in message.headers() {
        let _ = format!("{header:?}");
        // What a REFER points to may be called as it stands.
        let Ok(to) = ReferTo::parse(header.value) else { continue };
        assert!(UriBuf::parse(to.uri).is_ok_and(|uri| uri.get().headers().is_none()));
        assert!(to.replaces.is_none_or(|value| Replaces::parse(value.as_bytes()).is_ok()));
    }
});
