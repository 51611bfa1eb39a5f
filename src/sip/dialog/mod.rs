//! Dialogs and INVITE sessions: RFC 3261 §12 to §15, RFC 3264, RFC 4028, as pure rules and machines.
//!
//! [`peer`] is a dialog's identity and routing, [`invite`] its life, [`offer_answer`] whose turn it is to offer,
//! [`session_timer`] the arithmetic of refreshes, [`referral`] the life of a REFER. None of them sends anything:
//! [`crate::endpoint`] does.

pub mod invite;
pub mod offer_answer;
pub mod peer;
pub mod referral;
pub mod session_timer;

use crate::message::Uri;

/// The user part of a `sip:` or `sips:` URI or the number of a `tel:` URI, %-escapes undone; empty when there is none.
pub fn uri_user(uri: &str) -> String {
    let uri = Uri::parse(uri.as_bytes()).ok();
    uri.and_then(|uri| uri.user_unescaped().map(|user| user.into_owned())).unwrap_or_default()
}
