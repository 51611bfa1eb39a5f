//! Another policy while calls run: flows, hours, sites, rollouts, phrases and times change; queues and agents stay.
//!
//! A call goes on in the flow, with the calendars and with the closing time that it began with. What belongs to
//! nobody's call (the times of talks, the hours of queues, a bot's share) counts for everybody from now on.

use crate::center::Center;
use crate::fact::What;
use crate::policy::Policy;
use dozvon_clock::Timestamp;
use std::sync::Arc;

impl Policy {
    /// Whether a house that works by `self` can go over to `next` without a restart: its queues, agents, skills and
    /// classifiers are the same.
    pub fn can_become(&self, next: &Policy) -> bool {
        self.acd == next.acd && self.skills == next.skills && self.classifiers == next.classifiers
    }
}

impl Center {
    /// Works by another policy from now on: `version` is its name, `by` says who has brought it. An emergency of a site
    /// that is gone is called off.
    ///
    /// # Panics
    /// When [`Policy::can_become`] says no: whoever loads a policy must have asked.
    pub fn reload(&mut self, now: Timestamp, policy: Arc<Policy>, version: &str, by: &str) {
        assert!(self.policy.can_become(&policy), "queues and agents stay as they are");
        self.policy = policy;
        self.forget_sites(now, by);
        let what = What::PolicyChanged { version: version.into(), by: by.into() };
        self.fact(now, None, what);
        self.settle(now);
    }
}
