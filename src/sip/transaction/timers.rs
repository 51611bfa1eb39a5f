//! The timers of RFC 3261 Table 4 and of RFC 6026. Timer C is a proxy's and does not exist here.

use std::time::Duration;

/// The estimate of a round trip.
pub const T1: Duration = Duration::from_millis(500);
/// The longest interval between retransmissions of anything but an INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may linger in the network.
pub const T4: Duration = Duration::from_secs(5);
/// How long anybody waits for anything: 64·T1 = 32 s.
pub const TIMEOUT: Duration = Duration::from_millis(64 * 500);
/// How long a client absorbs retransmitted final responses: "at least 32 seconds" (§17.1.1.2).
pub const TIMER_D: Duration = Duration::from_secs(32);

/// When to do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// When to send the INVITE again: T1, doubling without bound. Unreliable transports only.
    A,
    /// When to give up the INVITE for want of any response: 64·T1.
    B,
    /// When to stop absorbing final responses to a refused INVITE: 32 s on UDP, at once on reliable transports.
    D,
    /// When to send a request other than INVITE again: T1, doubling up to T2. Unreliable transports only.
    E,
    /// When to give up a request other than INVITE: 64·T1.
    F,
    /// When to send our refusal of an INVITE again: T1, doubling up to T2. Unreliable transports only.
    G,
    /// When to stop waiting for the ACK of our refusal: 64·T1.
    H,
    /// When to stop absorbing ACKs: T4 on UDP, at once on reliable transports.
    I,
    /// When to stop absorbing requests that are answered: 64·T1 on UDP, at once on reliable transports.
    J,
    /// When to stop absorbing final responses to a request other than INVITE: T4 on UDP, at once on reliable
    /// transports.
    K,
    /// When to stop absorbing INVITEs after our 2xx: 64·T1 (RFC 6026 §7.1).
    L,
    /// When to stop passing up further 2xx of our INVITE: 64·T1 (RFC 6026 §7.2).
    M,
}

/// The next interval of a timer that doubles up to T2.
pub fn doubled(interval: Duration) -> Duration {
    (interval * 2).min(T2)
}
