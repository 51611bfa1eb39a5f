//! What the switch can see of how agents treat callers: offers missed and declined, talks hung up at once, statuses
//! changed to escape a ringing phone. Only counted and told; people judge.
//!
//! Works on facts alone, so whoever has the facts comes to the same counts.

use crate::acd::{Activity, Cause, OfferResult, Side};
use crate::fact::{Fact, What};
use crate::ids::AgentId;
use crate::limits::CONDUCT_KEPT_MAX;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A talk that the agent ends within this long of its beginning counts.
pub const QUICK_HANG_UP: Duration = Duration::from_secs(5);

/// So many ringing phones escaped in a day are nobody's affair; one more is told, and each after it.
pub const ESCAPES_FREE: usize = 3;

/// What a day is here: the last 24 hours, whatever the clock on the wall says.
pub const DAY: Duration = Duration::from_secs(86_400);

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConductKind {
    /// An offer rang out.
    Missed,
    /// An offer was declined.
    Declined,
    /// The agent hung up within [`QUICK_HANG_UP`] of the beginning of the talk.
    QuickHangUp,
    /// The agent changed his status, or logged out, while a call was offered, more than [`ESCAPES_FREE`] times a day.
    StatusAvoidance,
}

impl ConductKind {
    /// All four.
    pub const ALL: [ConductKind; 4] = [
        ConductKind::Missed,
        ConductKind::Declined,
        ConductKind::QuickHangUp,
        ConductKind::StatusAvoidance,
    ];

    /// The identifier used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConductKind::Missed => "missed",
            ConductKind::Declined => "declined",
            ConductKind::QuickHangUp => "quick_hang_up",
            ConductKind::StatusAvoidance => "status_avoidance",
        }
    }
}

/// The last day of every agent.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    seen: BTreeMap<(AgentId, ConductKind), VecDeque<Timestamp>>,
}

impl Conduct {
    /// What a fact says about an agent's conduct.
    pub(crate) fn observe(&mut self, fact: &Fact) -> Option<What> {
        let (agent, kind) = seen_in(&fact.what)?;
        let times = self.seen.entry((agent, kind)).or_default();
        times.retain(|at| fact.at.since(*at) < DAY);
        if times.len() == CONDUCT_KEPT_MAX {
            times.pop_front();
        }
        times.push_back(fact.at);
        let count = times.len();
        let told = kind != ConductKind::StatusAvoidance || count > ESCAPES_FREE;
        let count = u32::try_from(count).expect("CONDUCT_KEPT_MAX fits");
        told.then_some(What::ConductSeen { agent, kind, count })
    }
}

fn seen_in(what: &What) -> Option<(AgentId, ConductKind)> {
    if let What::OfferEnded { agent, result, .. } = what {
        return match result {
            OfferResult::NoAnswer => Some((*agent, ConductKind::Missed)),
            OfferResult::Declined => Some((*agent, ConductKind::Declined)),
            OfferResult::Answered
            | OfferResult::Busy
            | OfferResult::CallerGone
            | OfferResult::CancelledStatus
            | OfferResult::Unreachable
            | OfferResult::Glare
            | OfferResult::LostRace
            | OfferResult::Error => None,
        };
    }
    if let What::TalkEnded { agent, by: Side::Agent, talk_secs, hold_secs, .. } = what {
        let quick = talk_secs + hold_secs < QUICK_HANG_UP.as_secs_f64();
        return quick.then_some((*agent, ConductKind::QuickHangUp));
    }
    if let What::AgentChanged { agent, from, to, cause: Cause::Agent | Cause::LogOut, .. } = what {
        let offered = matches!(from.1, Activity::Reserved | Activity::Ringing);
        return (offered && from.0 != to.0).then_some((*agent, ConductKind::StatusAvoidance));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::{Presence, Status};
    use crate::ids::OfferId;

    const ANNA: AgentId = AgentId(0);

    fn escape(at: u64) -> Fact {
        let from = (Presence::READY, Activity::Ringing);
        let to = (Presence::Chosen(Status::ShortBreak), Activity::Idle);
        let what = What::AgentChanged {
            agent: ANNA,
            from,
            to,
            pending: None,
            spent_secs: 1.0,
            cause: Cause::Agent,
            asked_by: None,
            reason: None,
        };
        Fact { at: Timestamp::from_secs(at), call: None, what }
    }

    fn offer(at: u64, result: OfferResult) -> Fact {
        let (offer, queue) = (OfferId(at), "cards".into());
        let what = What::OfferEnded { offer, queue, agent: ANNA, result, rang_secs: 20.0 };
        Fact { at: Timestamp::from_secs(at), call: None, what }
    }

    fn talk(at: u64, by: Side, talk_secs: f64) -> Fact {
        let queue = "cards".into();
        let what = What::TalkEnded { queue, agent: ANNA, talk_secs, hold_secs: 0.0, by };
        Fact { at: Timestamp::from_secs(at), call: None, what }
    }

    fn told(conduct: &mut Conduct, fact: &Fact) -> Option<(ConductKind, u32)> {
        let What::ConductSeen { kind, count, .. } = conduct.observe(fact)? else { return None };
        Some((kind, count))
    }

    #[test]
    fn missed_and_declined_offers_are_counted_for_a_day() {
        let mut conduct = Conduct::default();
        let mut see = |at, result| told(&mut conduct, &offer(at, result));
        assert_eq!(see(0, OfferResult::NoAnswer), Some((ConductKind::Missed, 1)));
        assert_eq!(see(60, OfferResult::NoAnswer), Some((ConductKind::Missed, 2)));
        assert_eq!(see(61, OfferResult::Declined), Some((ConductKind::Declined, 1)));
        for innocent in [OfferResult::Answered, OfferResult::CallerGone, OfferResult::Busy] {
            assert_eq!(see(62, innocent), None);
        }
        assert_eq!(see(86_401, OfferResult::NoAnswer), Some((ConductKind::Missed, 2)));
    }

    #[test]
    fn only_the_agent_who_hangs_up_at_once_is_told_of() {
        let mut conduct = Conduct::default();
        let mut see = |by, secs| told(&mut conduct, &talk(1, by, secs));
        assert_eq!(see(Side::Agent, 4.9), Some((ConductKind::QuickHangUp, 1)));
        assert_eq!(see(Side::Agent, 5.0), None);
        assert_eq!(see(Side::Caller, 1.0), None);
        assert_eq!(see(Side::System, 1.0), None);
    }

    #[test]
    fn the_fourth_escape_of_a_day_is_told() {
        let mut conduct = Conduct::default();
        let mut see = |at| told(&mut conduct, &escape(at));
        assert_eq!([see(0), see(100), see(200)], [None, None, None]);
        assert_eq!(see(300), Some((ConductKind::StatusAvoidance, 4)));
        assert_eq!(see(90_000), None, "a new day");
    }

    #[test]
    fn at_the_bound_the_count_stands_still() {
        let mut conduct = Conduct::default();
        let max = u32::try_from(CONDUCT_KEPT_MAX).unwrap();
        for n in 1..=max + 3 {
            let count = told(&mut conduct, &offer(u64::from(n), OfferResult::NoAnswer)).unwrap().1;
            assert_eq!(count, n.min(max));
        }
    }
}
