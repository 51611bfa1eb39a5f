//! Incidents: from the first agent who reports technical problems until the last one is back, and what it cost.
//!
//! Works on facts alone. One incident is open at a time: what breaks for one agent and then for the next is mostly one
//! thing, and people part it later if it wasn't.

use crate::acd::{Activity, OfferResult, Presence, Status};
use crate::contact::{Fault, Outcome};
use crate::fact::{Fact, What};
use crate::ids::{AgentId, CallId};
use crate::limits::INCIDENT_CALLS_MAX;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// The presence that opens incidents.
const TROUBLE: Presence = Presence::Chosen(Status::TechnicalProblems);

/// What an incident did to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// It was taken from an agent whose status or phone failed, and waited on.
    Requeued,
    /// The caller gave up, waited too long or was cut off.
    Lost,
}

/// An agent in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct IncidentAgent {
    /// Who.
    pub agent: AgentId,
    /// When he reported it first.
    pub from: Timestamp,
    /// When he was back last; `None`: not yet.
    pub until: Option<Timestamp>,
}

/// An incident, open or over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Its number: its beginning in microseconds.
    pub id: u64,
    /// When the first agent reported it.
    pub started_at: Timestamp,
    /// When the last one was back; `None`: it goes on.
    pub ended_at: Option<Timestamp>,
    /// Who was in it, in order of reporting.
    pub agents: Vec<IncidentAgent>,
    /// The calls that it touched, at most [`INCIDENT_CALLS_MAX`].
    pub calls: BTreeMap<CallId, Touch>,
    /// Touches of calls that found no place in the list.
    pub calls_unlisted: u32,
}

impl Incident {
    fn open(at: Timestamp) -> Incident {
        Incident {
            id: at.as_micros(),
            started_at: at,
            ended_at: None,
            agents: Vec::new(),
            calls: BTreeMap::new(),
            calls_unlisted: 0,
        }
    }

    /// The calls touched in this way.
    pub fn touched(&self, how: Touch) -> impl Iterator<Item = CallId> {
        self.calls.iter().filter(move |(_, touch)| **touch == how).map(|(call, _)| *call)
    }

    fn touch(&mut self, call: CallId, how: Touch) {
        if let Some(known) = self.calls.get_mut(&call) {
            *known = how.max(*known);
        } else if self.calls.len() < INCIDENT_CALLS_MAX {
            self.calls.insert(call, how);
        } else {
            self.calls_unlisted += 1;
        }
    }
}

/// The open incident, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    open: Option<Incident>,
    /// The offer that was taken back last because of a status, until it is known which status that was.
    cancelled: Option<(AgentId, CallId)>,
}

impl Incidents {
    /// The incident that goes on.
    pub(crate) fn open(&self) -> Option<&Incident> {
        self.open.as_ref()
    }

    /// What a fact means for incidents.
    pub(crate) fn observe(&mut self, fact: &Fact) -> Vec<What> {
        if let What::AgentChanged { agent, from, to, .. } = &fact.what {
            return match (from.0 == TROUBLE, to.0 == TROUBLE) {
                (false, true) => self.reported(fact.at, *agent, from.1),
                (true, false) => self.returned(fact.at, *agent),
                (true, true) | (false, false) => Vec::new(),
            };
        }
        let Some(call) = fact.call else { return Vec::new() };
        if let What::OfferEnded { agent, result: OfferResult::CancelledStatus, .. } = &fact.what {
            self.cancelled = Some((*agent, call));
        }
        if let (Some(incident), Some(how)) = (&mut self.open, touch_of(&fact.what)) {
            incident.touch(call, how);
        }
        Vec::new()
    }

    fn reported(&mut self, at: Timestamp, agent: AgentId, was: Activity) -> Vec<What> {
        let opens = self.open.is_none();
        let incident = self.open.get_or_insert_with(|| Incident::open(at));
        match incident.agents.iter_mut().find(|known| known.agent == agent) {
            Some(known) => known.until = None,
            None => incident.agents.push(IncidentAgent { agent, from: at, until: None }),
        }
        let offered = matches!(was, Activity::Reserved | Activity::Ringing);
        if let Some((_, call)) = self.cancelled.take_if(|(of, _)| offered && *of == agent) {
            incident.touch(call, Touch::Requeued);
        }
        let joined = What::IncidentJoined { incident: incident.id, agent };
        let opened = What::IncidentOpened { incident: Box::new(incident.clone()) };
        if opens { vec![opened, joined] } else { vec![joined] }
    }

    fn returned(&mut self, at: Timestamp, agent: AgentId) -> Vec<What> {
        let incident = self.open.as_mut().expect("who returns has reported an incident");
        for known in incident.agents.iter_mut().filter(|known| known.agent == agent) {
            known.until = Some(at);
        }
        if incident.agents.iter().any(|known| known.until.is_none()) {
            return Vec::new();
        }
        let over = self.open.take_if(|incident| {
            incident.ended_at = Some(at);
            true
        });
        over.into_iter().map(|over| What::IncidentClosed { incident: Box::new(over) }).collect()
    }
}

/// What a fact about a call costs it while an incident is open.
fn touch_of(what: &What) -> Option<Touch> {
    if let What::OfferEnded { result: OfferResult::Unreachable | OfferResult::Error, .. } = what {
        return Some(Touch::Requeued);
    }
    if let What::SegmentEnded { outcome, .. } = what {
        return match outcome {
            Outcome::Abandoned
            | Outcome::Timeout
            | Outcome::NoAgents
            | Outcome::RejectedFull
            | Outcome::Failed => Some(Touch::Lost),
            Outcome::Answered
            | Outcome::ShortAbandoned
            | Outcome::Callback
            | Outcome::Overflow
            | Outcome::Closed
            | Outcome::KeyExit
            | Outcome::Withdrawn => None,
        };
    }
    if let What::CallEnded { ending, .. } = what {
        return match ending.fault {
            Fault::Carrier | Fault::Ours => Some(Touch::Lost),
            Fault::Caller | Fault::Agent | Fault::Bot | Fault::Nobody => None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::Cause;
    use crate::ids::OfferId;

    const ANNA: AgentId = AgentId(0);
    const BORIS: AgentId = AgentId(1);

    fn fact(at: u64, call: Option<u64>, what: What) -> Fact {
        Fact { at: Timestamp::from_secs(at), call: call.map(CallId), what }
    }

    fn changed(at: u64, agent: AgentId, from: (Presence, Activity), to: Presence) -> Fact {
        let what = What::AgentChanged {
            agent,
            from,
            to: (to, Activity::Idle),
            pending: None,
            spent_secs: 0.0,
            cause: Cause::Agent,
            asked_by: None,
            reason: None,
        };
        fact(at, None, what)
    }

    fn reports(at: u64, agent: AgentId) -> Fact {
        changed(at, agent, (Presence::READY, Activity::Idle), TROUBLE)
    }

    fn returns(at: u64, agent: AgentId) -> Fact {
        changed(at, agent, (TROUBLE, Activity::Idle), Presence::READY)
    }

    fn offer_ended(at: u64, call: u64, result: OfferResult) -> Fact {
        let (offer, queue) = (OfferId(at), "cards".into());
        let what = What::OfferEnded { offer, queue, agent: ANNA, result, rang_secs: 3.0 };
        fact(at, Some(call), what)
    }

    fn segment(at: u64, call: u64, outcome: Outcome) -> Fact {
        let (queue, waited_secs) = ("cards".into(), 9.0);
        fact(at, Some(call), What::SegmentEnded { queue, outcome, called_back: false, waited_secs })
    }

    #[test]
    fn it_lasts_from_the_first_report_to_the_last_return() {
        let mut incidents = Incidents::default();
        assert_eq!(incidents.observe(&reports(10, ANNA)).len(), 2, "opened and joined");
        assert_eq!(incidents.observe(&reports(20, BORIS)).len(), 1);
        assert_eq!(incidents.observe(&returns(30, ANNA)), []);
        assert_eq!(incidents.observe(&reports(40, ANNA)).len(), 1, "it broke again");
        assert_eq!(incidents.observe(&returns(50, BORIS)), []);
        let told = incidents.observe(&returns(60, ANNA));
        let [What::IncidentClosed { incident }] = &told[..] else { panic!("{told:?}") };
        assert_eq!(incident.started_at, Timestamp::from_secs(10));
        assert_eq!(incident.ended_at, Some(Timestamp::from_secs(60)));
        let until = |secs| Some(Timestamp::from_secs(secs));
        let agents: Vec<_> = incident.agents.iter().map(|a| (a.agent, a.until)).collect();
        assert_eq!(agents, [(ANNA, until(60)), (BORIS, until(50))]);
        assert!(incidents.open().is_none());
    }

    #[test]
    fn calls_are_touched_only_while_it_lasts_and_lost_is_worse_than_requeued() {
        let mut incidents = Incidents::default();
        incidents.observe(&segment(1, 1, Outcome::Abandoned));
        incidents.observe(&offer_ended(9, 2, OfferResult::CancelledStatus));
        let ringing = (Presence::READY, Activity::Ringing);
        incidents.observe(&changed(9, ANNA, ringing, TROUBLE));
        incidents.observe(&offer_ended(10, 3, OfferResult::Unreachable));
        incidents.observe(&segment(11, 3, Outcome::Abandoned));
        incidents.observe(&segment(12, 4, Outcome::Answered));
        incidents.observe(&segment(13, 5, Outcome::NoAgents));
        incidents.observe(&offer_ended(14, 5, OfferResult::Error));
        let incident = incidents.open().unwrap();
        assert_eq!(incident.touched(Touch::Requeued).collect::<Vec<_>>(), [CallId(2)]);
        assert_eq!(incident.touched(Touch::Lost).collect::<Vec<_>>(), [CallId(3), CallId(5)]);
    }

    #[test]
    fn at_the_bound_calls_are_counted_and_not_listed() {
        let mut incidents = Incidents::default();
        incidents.observe(&reports(1, ANNA));
        for call in 0..INCIDENT_CALLS_MAX as u64 + 2 {
            incidents.observe(&segment(2, call, Outcome::Abandoned));
        }
        let incident = incidents.open().unwrap();
        assert_eq!((incident.calls.len(), incident.calls_unlisted), (INCIDENT_CALLS_MAX, 2));
    }
}
