//! Transactions: RFC 3261 §17 as four pure machines, one per figure, and the rules that match messages to them.
//!
//! A machine knows a state and whether its transport is reliable. It holds no bytes, no clock and no table: inputs go
//! in, [`Output`]s come out, and [`layer`] carries them out. Nothing here knows dialogs or users.

pub mod client;
pub mod invite_client;
pub mod invite_server;
pub mod key;
pub mod layer;
pub mod server;
pub mod timers;

use std::time::Duration;
use timers::Timer;

/// How a response counts for the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
}

impl Class {
    /// The class of a status; statuses of 700 and more are never parsed, so they count as failures.
    pub const fn of(status: u16) -> Class {
        match status {
            0..=199 => Class::Provisional,
            200..=299 => Class::Success,
            _ => Class::Failure,
        }
    }
}

/// What the owner of a machine must do, in the order given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put the request on the wire, for the first time or again.
    SendRequest,
    /// Put the response given last on the wire, for the first time or again.
    SendResponse,
    /// Build the ACK of §17.1.1.3 from the INVITE and the final response, or take the one built before, and send it.
    SendAck,
    /// Hand the message that is being processed to the transaction user.
    PassUp,
    /// Tell the transaction user that nothing came in time.
    TimedOut,
    /// Tell the transaction user that the transport failed.
    TransportFailed,
    /// Start or move a timer.
    Start(Timer, Duration),
    /// Stop a timer.
    Stop(Timer),
    /// Forget the machine with all its timers. Always the last.
    Terminated,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::timers::Timer;

    /// Every timer there is, for the tables of the four machines.
    pub(crate) const ALL_TIMERS: [Timer; 12] = [
        Timer::A,
        Timer::B,
        Timer::D,
        Timer::E,
        Timer::F,
        Timer::G,
        Timer::H,
        Timer::I,
        Timer::J,
        Timer::K,
        Timer::L,
        Timer::M,
    ];
}
