//! The bounds of this crate: each a named constant that says what happens at the bound.

use std::time::Duration;

// --- transactions, dialogs, endpoint ---------------------------------------------------------------------------

/// Transactions of all kinds at once. At the bound a new request gets a stateless 503 with Retry-After.
pub const TRANSACTIONS_MAX: usize = 50_000;
/// INVITE sessions at once. At the bound a new INVITE gets a stateless 503; our own is refused with 503.
pub const DIALOGS_MAX: usize = 10_000;
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
/// How long a banned source gets no answer.
pub const BAN: Duration = Duration::from_secs(60);
/// Forked 2xx of one INVITE that are acknowledged and ended. Further ones are ignored.
pub const FORKS_MAX: usize = 8;
/// Responses and events of one received 503: the Retry-After we put into our own.
pub const RETRY_AFTER_SECS: u32 = 10;
/// Extra headers of an INVITE passed to the switch. The rest is left out.
pub const EXTRA_HEADERS_MAX: usize = 16;
/// Bytes of one such header's value. Longer ones are left out.
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

const _: () = assert!(DIALOGS_MAX * 2 < TRANSACTIONS_MAX, "each dialog may have a transaction both ways");
