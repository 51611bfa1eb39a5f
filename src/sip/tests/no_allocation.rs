//! Reading a message takes nothing from the heap: neither splitting it, nor judging it, nor its typed headers.
#![allow(clippy::unwrap_used)] // In a test, unwrapping is asserting.

mod common;

use dozvon_sip::message::{HeaderName, Message, Verdict};

#[test]
fn reading_an_invite_allocates_nothing() {
    let bytes = common::invite();
    assert_eq!(bytes.len(), 1154, "the figure in the documentation is about this message");
    let info = allocation_counter::measure(|| {
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.headers().count(), 17);
        assert_eq!(message.check(), Verdict::Fit);
        assert_eq!(message.from().unwrap().tag(), Some("1928301774"));
        assert_eq!(message.vias().count(), 2);
        assert!(message.lists(HeaderName::Supported, "timer"));
        assert!(message.session_expires().is_some() && message.contact().is_some());
    });
    assert_eq!(info.count_total, 0);
}
