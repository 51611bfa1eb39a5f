//! Session descriptions: read, written, offered and answered (RFC 8866, RFC 3264).
//!
//! [`Description`] is the text in parts; [`offer`], [`answer`] and [`read_answer`] are pure functions over it. Knows
//! nothing of dialogs, and nothing of sound beyond the names and clock rates of codecs.

mod codec;
mod offer_answer;
mod parse;

pub use codec::{Codec, Direction};
pub use offer_answer::{
    Agreed, Answer, NotAcceptable, Origin, Ours, answer, offer, offered_codecs, order_for_leg,
    read_answer,
};
pub use parse::{Attribute, Connection, Description, Media, SdpError, Security};
