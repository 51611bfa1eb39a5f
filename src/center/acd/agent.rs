//! One agent: status × activity × reach. Data and its own arithmetic; what follows from a change is in [`super::desk`].

use super::config::Order;
use super::engage::{Engagement, Manner};
use super::event::AgentView;
use super::matcher::Places;
use super::occupancy::Duty;
use super::staff::Stand;
use super::status::{Activity, Cause, Presence};
use super::watch::Watch;
use super::wrap_up::Paperwork;
use crate::ids::{CallId, OfferId};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// What an agent's phone is busy with, and with which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    /// Bounded by `reserved_max`; while the customer of a callback is called for him, by whoever calls.
    Reserved {
        offer: OfferId,
        call: CallId,
        /// The customer is called before the agent's phone rings.
        dials: bool,
    },
    /// Bounded by the queue's `ring_timeout`.
    Ringing {
        offer: OfferId,
        call: CallId,
        since: Timestamp,
    },
    /// Rang out a moment ago: an answer that was on its way still counts while the call isn't offered elsewhere.
    /// Bounded by `late_answer`. From outside it looks like ringing.
    Lapsing {
        offer: OfferId,
        call: CallId,
        rang: Duration,
    },
    /// Bounded by `connecting_max`; while the customer of a callback is called, by whoever calls.
    Connecting {
        offer: OfferId,
        call: CallId,
        /// The agent hears how the customer is called.
        dials: bool,
    },
    /// Bounded by the switch (silence and session timers); told when it outlasts `talk_max`.
    Talking {
        call: CallId,
        manner: Manner,
    },
    /// Busy with a call that he was not matched with: asked by a colleague, or supervising. Told like a talk.
    Engaged {
        call: CallId,
        manner: Engagement,
    },
    /// Bounded by the queue's `wrap_up`; told when it waits too long for a code.
    WrapUp(Paperwork),
    /// Bounded by the switch; told when it outlasts `outbound_max`.
    Outbound,
}

impl Phase {
    pub(super) fn activity(self) -> Activity {
        match self {
            Phase::Idle => Activity::Idle,
            Phase::Reserved { dials: true, .. } | Phase::Connecting { dials: true, .. } => {
                Activity::Outbound
            }
            Phase::Reserved { .. } => Activity::Reserved,
            Phase::Ringing { .. } | Phase::Lapsing { .. } => Activity::Ringing,
            Phase::Connecting { .. } => Activity::Connecting,
            Phase::Talking { manner, .. } => manner.activity(),
            Phase::Engaged { manner, .. } => manner.activity(),
            Phase::WrapUp { .. } => Activity::WrapUp,
            Phase::Outbound => Activity::Outbound,
        }
    }

    pub(super) fn call(self) -> Option<CallId> {
        match self {
            Phase::Reserved { call, .. }
            | Phase::Ringing { call, .. }
            | Phase::Lapsing { call, .. }
            | Phase::Connecting { call, .. }
            | Phase::Talking { call, .. }
            | Phase::Engaged { call, .. } => Some(call),
            Phase::Idle | Phase::WrapUp { .. } | Phase::Outbound => None,
        }
    }

    pub(super) fn work(self) -> Option<Paperwork> {
        match self {
            Phase::WrapUp(work) => Some(work),
            Phase::Idle
            | Phase::Reserved { .. }
            | Phase::Ringing { .. }
            | Phase::Lapsing { .. }
            | Phase::Connecting { .. }
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::Outbound => None,
        }
    }

    /// Whether a status asked for now waits until the activity is over.
    pub(super) fn defers_status(self) -> bool {
        match self {
            Phase::Idle
            | Phase::Reserved { .. }
            | Phase::Ringing { .. }
            | Phase::Lapsing { .. } => false,
            Phase::Connecting { .. }
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound => true,
        }
    }
}

/// Whether the phone can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Up,
    /// Lost a moment ago; no offers, but the status stands.
    Fading {
        since: Timestamp,
    },
    /// Lost for longer than the grace; who was ready is so no longer.
    Lost {
        since: Timestamp,
    },
}

/// An agent's place among idle agents, constant until he has handled a call or has been away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The end of the last handled call's wrap-up, or of the last absence, or the last missed offer.
    pub(super) idle_since: Timestamp,
    /// What [`super::occupancy::Occupancy::key`] said then.
    pub(super) load: i64,
}

impl Standing {
    /// His places in all orders of agents.
    pub(super) fn places(self, rank: u16) -> Places {
        let idle_since = i64::try_from(self.idle_since.as_micros()).expect("centuries fit");
        let mut places = [(0, 0); Order::ALL.len()];
        places[Order::LeastOccupied as usize] = (self.load, idle_since);
        places[Order::LongestIdle as usize] = (idle_since, 0);
        places[Order::Rank as usize] = (i64::from(rank), idle_since);
        places
    }
}

/// Offers in a row that went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Strikes {
    pub(super) count: u32,
    last: Timestamp,
}

impl Strikes {
    /// One more; those from longer ago than `forget` are forgotten.
    pub(super) fn with_one_more(self, now: Timestamp, forget: Duration) -> Strikes {
        let old = if now.since(self.last) > forget { 0 } else { self.count };
        Strikes { count: old + 1, last: now }
    }
}

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) presence: Presence,
    pub(super) phase: Phase,
    /// The presence asked for during an activity, and by whom; only while the phase defers it.
    pub(super) pending: Option<(Presence, Cause)>,
    pub(super) reach: Reach,
    /// Whether the presence is one in which calls are offered.
    pub(super) takes_calls: bool,
    /// The phone is in a call of its own. Becomes the activity `outbound` as soon as nothing else is.
    pub(super) own_call: bool,
    /// Since when presence and activity are what they are.
    pub(super) since: Timestamp,
    /// His place among idle agents.
    pub(super) standing: Standing,
    /// His places in the matcher while he is in it.
    pub(super) listed: Option<Places>,
    pub(super) cooldown_until: Option<Timestamp>,
    pub(super) misses: Strikes,
    pub(super) faults: Strikes,
    /// Talks in a row that he hung up as soon as he had answered.
    pub(super) drops: Strikes,
    /// Calls that he has just missed or declined.
    pub(super) skips: Vec<CallId>,
    pub(super) epoch: u64,
    /// The wrap-up that ran out last, while nothing else has happened since.
    pub(super) ran_out: Option<Paperwork>,
    /// His times within the shift.
    pub(super) watch: Watch,
}

impl Agent {
    pub(super) fn new(now: Timestamp) -> Agent {
        Agent {
            presence: Presence::LoggedOut,
            phase: Phase::Idle,
            pending: None,
            reach: Reach::Lost { since: now },
            takes_calls: false,
            own_call: false,
            since: now,
            standing: Standing { idle_since: now, load: 0 },
            listed: None,
            cooldown_until: None,
            misses: Strikes::default(),
            faults: Strikes::default(),
            drops: Strikes::default(),
            skips: Vec::new(),
            epoch: 0,
            ran_out: None,
            watch: Watch::default(),
        }
    }

    pub(super) fn reachable(&self) -> bool {
        self.reach == Reach::Up
    }

    /// Whether the next call may be offered to him. (A pending status implies that he isn't idle.)
    pub(super) fn routable(&self) -> bool {
        self.takes_calls
            && self.phase == Phase::Idle
            && self.reachable()
            && self.cooldown_until.is_none()
    }

    pub(super) fn stand(&self) -> Stand {
        Stand {
            presence: self.presence,
            activity: self.phase.activity(),
            reachable: self.reachable(),
            takes_calls: self.takes_calls,
            leaving: self.pending.is_some_and(|(presence, _)| presence != Presence::READY),
        }
    }

    /// What his time counts as in the order of the least occupied.
    pub(super) fn duty(&self) -> Duty {
        match self.phase {
            Phase::Talking { .. } | Phase::WrapUp { .. } | Phase::Outbound => Duty::Busy,
            Phase::Engaged { .. }
            | Phase::Idle
            | Phase::Reserved { .. }
            | Phase::Ringing { .. }
            | Phase::Lapsing { .. }
            | Phase::Connecting { .. } => {
                if self.takes_calls {
                    Duty::Free
                } else {
                    Duty::Off
                }
            }
        }
    }

    pub(super) fn view(&self) -> AgentView {
        AgentView {
            presence: self.presence,
            activity: self.phase.activity(),
            pending: self.pending.map(|(presence, _)| presence),
            since: self.since,
            reachable: self.reachable(),
            routable: self.routable(),
            cooldown_until: self.cooldown_until,
            misses: self.misses.count,
            call: self.phase.call(),
            wrap_up: self.phase.work().map(Paperwork::view),
            limit_at: self.watch.limit_at,
            epoch: self.epoch,
        }
    }

    /// Panics unless the axes fit together.
    pub(super) fn check_invariants(&self) {
        assert_eq!(
            self.listed.is_some(),
            self.routable(),
            "free agents, and only they, are listed"
        );
        if let Some((pending, _)) = self.pending {
            assert!(self.phase.defers_status(), "what is pending waits for something");
            assert_ne!(pending, self.presence, "what is pending is a change");
        }
        assert!(
            self.ran_out.is_none() || self.phase == Phase::Idle,
            "whoever does something has left the paperwork behind"
        );
        match self.phase {
            Phase::Reserved { .. } | Phase::Ringing { .. } | Phase::Lapsing { .. } => {
                assert!(self.takes_calls, "offers go to agents who take calls");
                assert!(self.reachable(), "offers go to phones within reach");
            }
            Phase::Idle => {
                let gone = self.presence == Presence::LoggedOut;
                assert!(gone || !self.own_call, "a phone in its own call isn't idle");
                let lost = matches!(self.reach, Reach::Lost { .. });
                assert!(!(lost && self.presence == Presence::READY), "nobody lost counts as ready");
            }
            Phase::Connecting { .. }
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. } => {
                assert_ne!(self.presence, Presence::LoggedOut, "who has a call is logged in");
            }
            Phase::Outbound => {
                assert!(self.own_call && self.presence != Presence::LoggedOut);
            }
        }
    }
}
