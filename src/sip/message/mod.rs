//! SIP messages on the wire: read without copying, judged, cut out of streams, written (RFC 3261 §7, §19, §20, §25).
//!
//! Reading: [`Framer`] (streams only) → [`Message::parse`] → [`Message::check`] → typed headers.
//! Writing: [`MessageWriter`]. This module knows nothing of transactions, dialogs, sockets or time.

mod check;
mod frame;
mod headers;
mod method;
mod name;
mod owned;
mod params;
mod parse;
mod refer;
mod status;
mod text;
mod uri;
mod write;

pub use check::{Refusal, Verdict};
pub use frame::{Frame, FrameError, Framer};
pub use headers::{
    CSeq, Contact, MAGIC_COOKIE, NameAddr, NameAddrBuf, RAck, Reason, Refresher, Replaces,
    SessionExpires, Transport, Valued, Via, Warning,
};
pub use method::Method;
pub use name::HeaderName;
pub use owned::OwnedMessage;
pub use params::{Param, Params};
pub use parse::{Header, HeaderError, Message, ParseError, StartLine};
pub use refer::ReferTo;
pub use status::reason_phrase;
pub use text::{Items, Malformed, unquoted};
pub use uri::{Host, Scheme, Uri, UriBuf, UriParams, escape_user, unescape};
pub use write::MessageWriter;
