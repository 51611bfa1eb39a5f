//! What the endpoint tells the switch. Every variant says what it means for the receiver.

use super::command::{DialogId, Party, Reason, Replaced, Replacement};
use super::path::Path;
use std::net::IpAddr;

/// One thing that happened. Owned, plain data.
// Events are made, moved once and dropped: boxing the big one would cost more than it saves.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody calls. Answer with `ring`, `answer`, `refuse`, `challenge` or `bye`; 100 Trying
    /// is sent already, or within 100 ms to strangers.
    Invited {
        /// The handle for all commands.
        dialog: DialogId,
        /// The Request-URI as it came.
        request_uri: String,
        /// The caller.
        from: Party,
        /// The callee as the caller named it.
        to: Party,
        /// The Call-ID.
        call_id: String,
        /// Where the INVITE came from.
        source: Path,
        /// Their SDP; `None` asks us to offer in the 2xx, and the answer comes in [`Event::Acked`].
        offer: Option<Vec<u8>>,
        /// The account whose digest in this INVITE was right; `None` when there were no credentials.
        authenticated: Option<String>,
        /// The headers X-…, P-Asserted-Identity, User-Agent, Diversion and Referred-By, within the bounds of
        /// `limits.rs`.
        headers: Vec<(String, String)>,
        /// The dialog of ours that this call is to take the place of (RFC 3891): judge the caller as any other, put
        /// the new call where the old one was, then `answer` this and `bye` the old. An unknown one has had its 481
        /// already, one that was hung up its 603, an answered one asked for as `early-only` its 486. One that broke a
        /// moment ago is told as [`Replaced::over`].
        replaces: Option<Replaced>,
    },
    /// They ask us to call somebody in their place: a transfer (RFC 3515). Call `accept_refer` or `refuse_refer`
    /// within 10 s, else it is refused with 500. There is one referral at a time in a dialog; another REFER gets 491
    /// meanwhile. [`Event::Ended`] does not end an accepted referral: phones hang up and still want to hear what
    /// became of it.
    Referred {
        /// The call that the REFER came in.
        dialog: DialogId,
        /// Whom to call; the URI is freed of its headers and of `method`.
        refer_to: Party,
        /// The call that the new one is to take the place of: an attended transfer. `None` is a blind one.
        replaces: Option<Replacement>,
        /// Their Referred-By (RFC 3892), fit for a header of the same name in our INVITE. Claimed, not proven.
        referred_by: Option<String>,
        /// Its headers as of [`Event::Invited`].
        headers: Vec<(String, String)>,
    },
    /// Our INVITE is being worked on: a provisional response other than 100.
    Ringing {
        /// Our call.
        dialog: DialogId,
        /// 101 to 199.
        status: u16,
        /// Early media, when there is a description.
        sdp: Option<Vec<u8>>,
    },
    /// Our INVITE was answered. With our offer sent, `sdp` is the answer and the ACK is already out. Without one, `sdp`
    /// is their offer: call `accept_offer` with the answer at once, it goes into the ACK.
    Answered {
        /// Our call.
        dialog: DialogId,
        /// Their description.
        sdp: Option<Vec<u8>>,
    },
    /// Our INVITE failed; the dialog is over and nothing more comes of it.
    Refused {
        /// Our call.
        dialog: DialogId,
        /// The final status; 408 when nobody answered, 503 when the way failed, 487 after our own `bye`.
        status: u16,
        /// Their reason phrase.
        reason: String,
        /// Their Retry-After in seconds.
        retry_after: Option<u32>,
    },
    /// The ACK of our first 2xx came: the call stands.
    Acked {
        /// Their call.
        dialog: DialogId,
        /// The answer to the offer in our 2xx, if their INVITE had none.
        sdp: Option<Vec<u8>>,
    },
    /// They want to change the session. Call `accept_offer` or `refuse_offer` within 30 s, else it is refused with 500.
    Offered {
        /// The call.
        dialog: DialogId,
        /// Their offer; `None` is a re-INVITE without one: `accept_offer` then takes our offer, and their answer comes
        /// in [`Event::OfferAnswered`].
        sdp: Option<Vec<u8>>,
    },
    /// Our `reoffer` (or the offer in our 2xx to a re-INVITE without one) was answered.
    OfferAnswered {
        /// The call.
        dialog: DialogId,
        /// Their answer; `None` when they forgot it.
        sdp: Option<Vec<u8>>,
    },
    /// Our `reoffer` was refused; the session goes on as it was. Glare (491) is retried and not told.
    OfferRefused {
        /// The call.
        dialog: DialogId,
        /// The final status.
        status: u16,
    },
    /// An INFO came in the dialog (answered with 200 already): DTMF of old phones, for one.
    Info {
        /// The call.
        dialog: DialogId,
        /// Its Content-Type; empty when there is none.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// The dialog is over. Comes exactly once for every dialog that was not refused (by them: [`Event::Refused`], or by
    /// us: `refuse`, `challenge`); nothing follows it.
    Ended {
        /// The call.
        dialog: DialogId,
        /// Whose doing.
        cause: Cause,
    },
    /// A phone registered or refreshed.
    Registered {
        /// The account.
        user: String,
        /// How many contacts are bound now.
        contacts: usize,
    },
    /// The last binding of an account is gone: removed, expired, or its connection closed.
    Unregistered {
        /// The account.
        user: String,
    },
    /// A final response was sent or received, for metrics.
    Sent {
        /// Ours to them, or theirs to us.
        direction: Direction,
        /// A known method's name, else `OTHER`: safe as a metric label.
        method: &'static str,
        /// 200 to 699.
        status: u16,
    },
    /// Something an operator's intrusion detection should see. Told at most once a second per source and kind.
    Security {
        /// What happened.
        kind: SecurityKind,
        /// From where.
        source: IpAddr,
        /// The account named, when one was; not checked to exist.
        user: Option<String>,
    },
}

/// Who sent a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// We answered them.
    Out,
    /// They answered us.
    In,
}

/// Why a dialog ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// They hung up.
    Bye {
        /// Their Reason header.
        reason: Option<Reason>,
        /// Headers of their BYE as of [`Event::Invited`].
        headers: Vec<(String, String)>,
    },
    /// They gave up before we answered.
    Cancelled {
        /// Their Reason header.
        reason: Option<Reason>,
    },
    /// Our 2xx was never acknowledged (RFC 3261 §13.3.1.4).
    NoAck,
    /// No refresh came in time (RFC 4028 §10).
    SessionExpired,
    /// The way to them failed.
    TransportError,
    /// They did not answer a request in the dialog, or no longer know it (§12.2.1.2).
    Timeout,
    /// We hung up.
    Ours,
}

/// What kind of attack or mistake was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityKind {
    /// Wrong password or unknown account: which of the two is not told apart.
    AuthenticationFailed,
    /// Too many failures: the source is ignored for a while.
    Banned,
    /// Authenticated as one account, acting for another.
    WrongAccount,
    /// The source sends more new requests than its bucket allows.
    RateLimited,
    /// A known scanner.
    Scanner,
    /// Bytes that are not SIP.
    Malformed,
}
