//! Every bound of the SIP room, and what happens there.

use std::time::Duration;

/// Bytes of one message. Larger datagrams are not parsed; on a stream the connection is given up.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Bytes of start line and headers together. A datagram beyond is refused with 513, a stream is given up.
pub const HEADER_BYTES_MAX: usize = 16_384;
/// Header lines of one message. A message with more is refused with 400; a stream is given up at twice as many lines.
pub const HEADERS_MAX: usize = 96;
/// Bytes that may wait in a stream framer: an unfinished message and some reads. Beyond, the stream is given up.
pub const STREAM_BYTES_MAX: usize = 4 * 65_536;

/// Bytes of one session description. Larger ones are not parsed.
pub const SDP_BYTES_MAX: usize = 16_384;
/// Lines of one session description. Longer ones are not parsed.
pub const SDP_LINES_MAX: usize = 1_024;
/// `m=` lines of one session description. More are refused.
pub const SDP_MEDIA_MAX: usize = 16;
/// Formats on one `m=` line. More are refused.
pub const SDP_FORMATS_MAX: usize = 64;

/// Nonces whose use counts are remembered. Beyond, the oldest are forgotten and their users challenged again (stale).
pub const NONCES_MAX: usize = 8_192;
/// Bytes of one Authorization value that are read. Longer ones are wrong credentials.
pub const AUTHORIZATION_BYTES_MAX: usize = 2_048;

const _: () = assert!(MESSAGE_BYTES_MAX <= u16::MAX as usize, "header slots hold 16-bit offsets");
const _: () = assert!(HEADER_BYTES_MAX < MESSAGE_BYTES_MAX && STREAM_BYTES_MAX > MESSAGE_BYTES_MAX);

// --- transactions, dialogs, endpoint ---------------------------------------------------------------------------

/// Transactions of all kinds at once. At the bound a new request gets a stateless 503 with Retry-After.
pub const TRANSACTIONS_MAX: usize = 50_000;
/// INVITE sessions at once. At the bound a new INVITE gets a stateless 503; our own is refused with 503.
pub const DIALOGS_MAX: usize = 24_000;
/// Unanswered or unacknowledged sessions of one untrusted address. At the bound its next INVITE gets 503.
pub const EARLY_DIALOGS_PER_SOURCE_MAX: usize = 100;
/// Events waiting for the switch. The switch drains after every input, so passing this is our bug, asserted.
pub const EVENTS_MAX: usize = 1_000_000;
/// Accounts' contacts bound at once for one user. At the bound the REGISTER gets 403.
pub const CONTACTS_PER_USER_MAX: usize = 10;
/// Contacts bound at once in all. At the bound a REGISTER that would add one gets 503.
pub const BINDINGS_MAX: usize = 20_000;
/// Addresses whose buckets and bans are remembered. At the bound the one idle longest is forgotten.
pub const SOURCES_MAX: usize = 10_000;
/// Digest failures within [`BAN_WINDOW`] after which an untrusted source is ignored.
pub const AUTH_FAILURES_MAX: u32 = 10;
/// The window in which failures count.
pub const BAN_WINDOW: Duration = Duration::from_secs(60);
/// How long a banned source gets no answer to new requests; standing calls go on.
pub const BAN: Duration = Duration::from_secs(60);
/// Forked 2xx of one INVITE that are acknowledged and ended, and early dialogs of it that may be replaced. Further ones
/// are ignored.
pub const FORKS_MAX: usize = 8;
/// Seconds of Retry-After in our 503. Who comes back earlier is refused again.
pub const RETRY_AFTER_SECS: u32 = 10;
/// Extra headers of an INVITE passed to the switch. The rest is left out.
pub const EXTRA_HEADERS_MAX: usize = 16;
/// Bytes of one such header's value. Longer ones are left out; a longer Referred-By of a REFER gets 400, and of a
/// longer reason for a NOTIFY the beginning is told.
pub const EXTRA_HEADER_BYTES_MAX: usize = 512;
/// Route set entries of one dialog. An INVITE or 2xx with more is refused with 400 (or ended).
pub const ROUTES_MAX: usize = 16;
/// The body of an INFO passed up. A larger one gets 413.
pub const INFO_BYTES_MAX: usize = 4_096;
/// A digest answer older than this gets a new challenge with stale=true.
pub const NONCE_TTL: Duration = Duration::from_secs(60);
/// The smallest session interval we accept (RFC 4028 §4). Below: 422.
pub const MIN_SE: u32 = 90;
/// How long our INVITE may ring. Then CANCEL and 408.
pub const RINGING_MAX: Duration = Duration::from_secs(600);
/// How long their INVITE may wait for our switch. Then 480.
pub const WAITING_MAX: Duration = Duration::from_secs(3_600);
/// How often a provisional response is repeated for proxies on the way (RFC 3261 §13.3.1.1).
pub const PROGRESS_EVERY: Duration = Duration::from_secs(60);
/// How long the switch may think about a re-INVITE or UPDATE. Then 500.
pub const OFFER_WAIT: Duration = Duration::from_secs(30);
/// Offers repeated after 491. Then `OfferRefused` with 491.
pub const GLARE_RETRIES_MAX: u8 = 5;
/// Bytes of a Replaces inside a Refer-To. A longer one gets 400.
pub const REPLACES_BYTES_MAX: usize = 512;
/// Referrals at once: undecided, or with a subscription that lives. At the bound a REFER gets 503.
pub const REFERRALS_MAX: usize = 1_000;
/// How long the switch may think about a REFER. Then 500; their timer F runs for 32 s.
pub const REFER_WAIT: Duration = Duration::from_secs(10);
/// How long a referral's subscription lives, refreshed or not. Then the last NOTIFY says `terminated;reason=timeout`.
pub const REFERRAL_MAX: Duration = Duration::from_secs(660);
/// Ended dialogs remembered, so that replacing one gets 603. Beyond, the oldest is forgotten: 481 then.
pub const ENDED_MAX: usize = 10_000;

const _: () =
    assert!(RINGING_MAX.as_secs() < REFERRAL_MAX.as_secs(), "ringing may end with a result");
const _: () =
    assert!(DIALOGS_MAX * 2 < TRANSACTIONS_MAX, "each dialog may have a transaction both ways");
