//! Whose packets are believed: symmetric RTP without letting a stranger in (RTP bleed).
//!
//! The address in the SDP is always right. Behind a NAT the packets come from elsewhere, so another source may be
//! learned: once, early, after a probation of consecutive packets of one SSRC, and never after the address in the SDP
//! has spoken. Knows nothing of sessions; strangers are counted by the caller.

use dozvon_clock::Timestamp;
use std::net::SocketAddr;
use std::time::Duration;

/// Sources on probation at the same time; a further one replaces the one that was quiet longest.
const CANDIDATES_MAX: usize = 4;

/// The verdict on one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the peer's.
    Accepted,
    /// It is not, or not yet: never play it, never answer to its source.
    Stranger,
}

/// How sources are learned.
#[derive(Clone, Copy, Debug)]
pub struct LatchRules {
    /// How long after an agreement a source with another IP address may be learned.
    pub window: Duration,
    /// Consecutive packets of one SSRC that it takes.
    pub probation: u8,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    run: u8,
    seen: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing believed yet. The incumbent was learned before a renewed agreement on the same address.
    Open { incumbent: Option<SocketAddr> },
    /// Another source than the one in the SDP was learned.
    Learned { source: SocketAddr },
    /// The address in the SDP has spoken.
    Locked,
}

/// The latch of one session.
#[derive(Clone, Debug)]
pub struct Latch {
    rules: LatchRules,
    named: SocketAddr,
    window_ends: Timestamp,
    state: State,
    candidates: [Option<Candidate>; CANDIDATES_MAX],
}

impl Latch {
    /// A latch on the address the peer named.
    pub fn new(now: Timestamp, named: SocketAddr, rules: LatchRules) -> Self {
        Self {
            rules,
            named: canonical(named),
            window_ends: now + rules.window,
            state: State::Open { incumbent: None },
            candidates: [None; CANDIDATES_MAX],
        }
    }

    /// A renewed agreement opens the latch again. An unchanged address that has spoken stays the only one; a source
    /// learned for an unchanged address is believed at once when it goes on.
    pub fn renew(&mut self, now: Timestamp, named: SocketAddr) {
        let named = canonical(named);
        let state = match self.state {
            State::Locked if named == self.named => State::Locked,
            State::Learned { source } | State::Open { incumbent: Some(source) }
                if named == self.named =>
            {
                State::Open { incumbent: Some(source) }
            }
            State::Locked | State::Learned { .. } | State::Open { .. } => {
                State::Open { incumbent: None }
            }
        };
        *self = Self { state, ..Self::new(now, named, self.rules) };
    }

    /// Judges a valid RTP packet by where it came from.
    #[inline]
    pub fn judge(&mut self, now: Timestamp, from: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        let from = canonical(from);
        match self.state {
            State::Locked if from == self.named => Verdict::Accepted,
            State::Locked => Verdict::Stranger,
            State::Learned { .. } | State::Open { .. } if from == self.named => {
                self.state = State::Locked;
                Verdict::Accepted
            }
            State::Learned { source } if from == source => Verdict::Accepted,
            State::Learned { .. } => Verdict::Stranger,
            State::Open { incumbent } if incumbent == Some(from) => {
                self.state = State::Learned { source: from };
                Verdict::Accepted
            }
            State::Open { .. } => self.probe(now, from, ssrc, sequence),
        }
    }

    /// The same IP address at another port may be learned at any time before anything was; other addresses only
    /// within the window.
    fn probe(&mut self, now: Timestamp, from: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        if from.ip() != self.named.ip() && now >= self.window_ends {
            return Verdict::Stranger;
        }
        let known = self.candidates.iter().position(|c| c.is_some_and(|c| c.source == from));
        let place = known.unwrap_or_else(|| self.place_for_another());
        let run = match self.candidates[place] {
            Some(c)
                if known.is_some() && c.ssrc == ssrc && sequence == c.sequence.wrapping_add(1) =>
            {
                c.run.saturating_add(1)
            }
            Some(_) | None => 1,
        };
        self.candidates[place] = Some(Candidate { source: from, ssrc, sequence, run, seen: now });
        if run < self.rules.probation {
            return Verdict::Stranger;
        }
        self.state = State::Learned { source: from };
        Verdict::Accepted
    }

    fn place_for_another(&self) -> usize {
        let oldest = self.candidates.iter().enumerate();
        oldest.min_by_key(|(_, c)| c.map(|c| c.seen)).map_or(0, |(place, _)| place)
    }

    /// Where our packets go: the learned source, else the address in the SDP.
    #[inline]
    pub fn target(&self) -> SocketAddr {
        match self.state {
            State::Learned { source } | State::Open { incumbent: Some(source) } => source,
            State::Locked | State::Open { incumbent: None } => self.named,
        }
    }

    /// The address in the SDP.
    pub fn named(&self) -> SocketAddr {
        self.named
    }
}

/// An IPv4 address that came through a dual-stack socket is the IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(_) => SocketAddr::new(address.ip().to_canonical(), address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Accepted, Stranger};

    const RULES: LatchRules = LatchRules { window: Duration::from_secs(3), probation: 4 };
    const SDP: &str = "192.0.2.1:4000";
    const OTHER_PORT: &str = "192.0.2.1:4711";
    const NAT: &str = "198.51.100.7:31000";
    const THIEF: &str = "203.0.113.66:9999";

    fn addr(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    struct Bench {
        latch: Latch,
        now: Timestamp,
        sequence: u16,
    }

    impl Bench {
        fn new() -> Self {
            let now = Timestamp::from_secs(100);
            Self { latch: Latch::new(now, addr(SDP), RULES), now, sequence: 0 }
        }

        fn packets(&mut self, from: &str, count: usize) -> Vec<Verdict> {
            (0..count)
                .map(|_| {
                    self.sequence += 1;
                    let ssrc = u32::from(addr(from).port());
                    self.latch.judge(self.now, addr(from), ssrc, self.sequence)
                })
                .collect()
        }
    }

    #[test]
    fn the_address_in_the_sdp_is_believed_at_once_and_shuts_all_others_out() {
        let mut bench = Bench::new();
        assert_eq!(bench.packets(SDP, 1), [Accepted]);
        assert_eq!(bench.packets(THIEF, 20), [Stranger; 20]);
        assert_eq!(bench.packets(OTHER_PORT, 20), [Stranger; 20]);
        assert_eq!(bench.latch.target(), addr(SDP));
    }

    #[test]
    fn a_nat_is_learned_after_its_probation_and_then_kept() {
        let mut bench = Bench::new();
        assert_eq!(bench.packets(NAT, 5), [Stranger, Stranger, Stranger, Accepted, Accepted]);
        assert_eq!(bench.latch.target(), addr(NAT));
        assert_eq!(bench.packets(THIEF, 50), [Stranger; 50]);
        assert_eq!(bench.latch.target(), addr(NAT));
    }

    #[test]
    fn probation_wants_consecutive_numbers_of_one_ssrc() {
        let mut bench = Bench::new();
        for n in 0..40 {
            assert_eq!(bench.latch.judge(bench.now, addr(NAT), n, n as u16), Stranger);
            assert_eq!(bench.latch.judge(bench.now, addr(THIEF), 5, (n * 2) as u16), Stranger);
        }
        assert_eq!(bench.latch.target(), addr(SDP));
    }

    #[test]
    fn spraying_beside_a_candidate_does_not_hinder_it() {
        let mut bench = Bench::new();
        let mut verdicts = Vec::new();
        for n in 0..4 {
            verdicts.push(bench.latch.judge(bench.now, addr(NAT), 1, n));
            bench.latch.judge(bench.now, addr(THIEF), u32::from(n), n * 100);
        }
        assert_eq!(verdicts, [Stranger, Stranger, Stranger, Accepted]);
    }

    #[test]
    fn after_the_window_only_the_named_ip_can_still_be_learned() {
        let mut bench = Bench::new();
        bench.now = bench.now + Duration::from_secs(3);
        assert_eq!(bench.packets(THIEF, 100), [Stranger; 100]);
        assert_eq!(bench.packets(OTHER_PORT, 4)[3], Accepted);
        assert_eq!(bench.packets(NAT, 10), [Stranger; 10]);
    }

    #[test]
    fn the_rightful_address_takes_the_session_back_from_an_early_thief() {
        let mut bench = Bench::new();
        assert_eq!(bench.packets(THIEF, 4)[3], Accepted);
        bench.now = bench.now + Duration::from_secs(60);
        assert_eq!(bench.packets(SDP, 1), [Accepted]);
        assert_eq!(bench.packets(THIEF, 10), [Stranger; 10]);
        assert_eq!(bench.latch.target(), addr(SDP));
    }

    #[test]
    fn a_new_agreement_on_a_new_address_starts_over() {
        let mut bench = Bench::new();
        bench.packets(NAT, 4);
        bench.now = bench.now + Duration::from_secs(60);
        bench.latch.renew(bench.now, addr("192.0.2.9:6000"));
        assert_eq!(bench.latch.target(), addr("192.0.2.9:6000"));
        assert_eq!(bench.packets(NAT, 1), [Stranger]);
        assert_eq!(bench.packets("192.0.2.9:6000", 1), [Accepted]);
    }

    #[test]
    fn a_new_agreement_on_the_same_address_keeps_the_learned_source_but_lets_a_rebound_nat_in() {
        let mut bench = Bench::new();
        bench.packets(NAT, 4);
        bench.now = bench.now + Duration::from_secs(60);
        bench.latch.renew(bench.now, addr(SDP));
        assert_eq!(bench.latch.target(), addr(NAT));
        assert_eq!(bench.packets(NAT, 1), [Accepted]);
        assert_eq!(bench.packets(THIEF, 10), [Stranger; 10]);

        bench.latch.renew(bench.now, addr(SDP));
        assert_eq!(bench.packets("198.51.100.7:40404", 4)[3], Accepted);
        assert_eq!(bench.packets(NAT, 4), [Stranger; 4]);
    }

    #[test]
    fn a_new_agreement_gives_thieves_no_chance_while_the_named_address_is_known() {
        let mut bench = Bench::new();
        bench.packets(SDP, 1);
        bench.latch.renew(bench.now, addr(SDP));
        assert_eq!(bench.packets(THIEF, 100), [Stranger; 100]);
    }

    #[test]
    fn mapped_addresses_of_a_dual_stack_socket_are_the_same_peer() {
        let mut bench = Bench::new();
        assert_eq!(bench.packets("[::ffff:192.0.2.1]:4000", 1), [Accepted]);
    }
}
