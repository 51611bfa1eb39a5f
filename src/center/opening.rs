//! When queues are open, and the emergencies of sites.
//!
//! A queue may have a calendar. Closed, it takes no new calls; those who wait when it closes are served for a while
//! more and then leave by the flow's outcome `closed`. A site is a place with numbers of its own. In an emergency,
//! which people declare and call off, its calls go to its duty office: new ones where the flow asks for hours or leads
//! to a queue, waiting ones at once. A talk is never touched.

use crate::acd::Leaving;
use crate::border::LegCommand;
use crate::calendar::{Calendar, Open};
use crate::call::{Call, State};
use crate::center::{Center, Timer};
use crate::contact::{Outcome, StageKind};
use crate::fact::What;
use crate::flow::{Duty, Happening, QueueEnd};
use crate::limits::{DRAIN_LOOK_AHEAD, EMERGENCY_REASON_CHARS_MAX};
use crate::policy::Policy;
use crate::record::Place;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Hours of queues, and sites.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Opening hours by queue; one that is missing is always open.
    pub queues: BTreeMap<Arc<str>, QueueHours>,
    /// Sites by name.
    pub sites: BTreeMap<Arc<str>, Site>,
}

/// The opening hours of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueHours {
    /// A calendar of the policy.
    pub calendar: Arc<str>,
    /// For how long those who wait when it closes are still served.
    pub drain_max: Duration,
}

/// A place with numbers of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name for people.
    pub title: Arc<str>,
    /// The numbers dialled that are its own.
    pub numbers: BTreeSet<String>,
    /// Where its calls go in an emergency.
    pub duty: Duty,
}

impl Opening {
    /// The site that a number belongs to.
    pub fn site_of(&self, dialled: &str) -> Option<&Arc<str>> {
        self.sites.iter().find(|(_, site)| site.numbers.contains(dialled)).map(|(name, _)| name)
    }
}

/// An emergency that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Emergency {
    /// Since when.
    pub since: Timestamp,
    /// Who declared it.
    pub by: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
}

/// The emergencies of all sites.
#[derive(Debug)]
pub(crate) struct Emergencies {
    /// Those that go on.
    on: BTreeMap<Arc<str>, Emergency>,
    /// Until it is known which ones the run before has left: the sites of which somebody has said meanwhile whether
    /// they have one. `None`: it is known.
    said: Option<BTreeSet<Arc<str>>>,
}

impl Default for Emergencies {
    /// Nothing is known yet.
    fn default() -> Emergencies {
        Emergencies { on: BTreeMap::new(), said: Some(BTreeSet::new()) }
    }
}

/// A site as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteView {
    /// Its name.
    pub name: Arc<str>,
    /// Its name for people.
    pub title: Arc<str>,
    /// The emergency, if there is one.
    pub emergency: Option<Emergency>,
}

/// Why an emergency was neither declared nor called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmergencyError {
    /// No such site.
    #[error("there is no such site")]
    UnknownSite,
    /// Nothing says why.
    #[error("an emergency needs a reason")]
    ReasonMissing,
}

impl Policy {
    /// What a queue's calendar says; a queue without one is open. A calendar that isn't there can't say that anybody
    /// is.
    pub fn queue_state(&self, queue: &str, now: Timestamp) -> Open {
        match self.opening.queues.get(queue) {
            None => Open::Open,
            Some(hours) => self.calendars.state(&hours.calendar, now).unwrap_or(Open::Closed),
        }
    }

    /// Until when somebody who waits in a queue now may wait for its agents; `None`: as long as he likes.
    fn served_until(&self, queue: &str, now: Timestamp) -> Option<Timestamp> {
        let hours = self.opening.queues.get(queue)?;
        match self.calendars.get(&hours.calendar) {
            Some(calendar) => drained_at(calendar, now, hours.drain_max),
            None => Some(now + hours.drain_max),
        }
    }
}

/// When those who wait now have been served for the whole of `drain_max` after closing time. A break shorter than that
/// ends nothing. `None`: not within [`DRAIN_LOOK_AHEAD`].
fn drained_at(calendar: &Calendar, now: Timestamp, drain_max: Duration) -> Option<Timestamp> {
    let mut closes = calendar.open_until(now).unwrap_or(now);
    while closes < now + DRAIN_LOOK_AHEAD {
        let left = closes + drain_max;
        let opens = calendar.next_open(closes).filter(|opens| *opens < left);
        match opens.and_then(|opens| calendar.open_until(opens)) {
            None => return Some(left),
            Some(again) => closes = again,
        }
    }
    None
}

impl Center {
    // ---- queues -----------------------------------------------------------------------------------------------------

    /// Turns a call away from a queue that is closed: counted like any stay, with the outcome `closed`.
    pub(crate) fn turn_away(&mut self, now: Timestamp, call: &mut Call) {
        let State::Waiting { queue, .. } = call.state else { return };
        call.record.outcome(Outcome::Closed);
        self.turned_away(now, call.id, queue);
        self.leave_waiting(now, call, QueueEnd::Closed);
    }

    /// Until when the caller who begins to wait may do so.
    pub(crate) fn mind_closing(&mut self, now: Timestamp, call: &mut Call) {
        let State::Waiting { name, .. } = &call.state else { return };
        if let Some(until) = self.policy.served_until(name, now) {
            call.rules.serve_until(until);
            self.deadlines.set((call.id, Timer::WaitRules), until);
        }
    }

    /// Takes a waiting caller out of his queue, to go on in the flow.
    pub(crate) fn send_on(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        end: QueueEnd,
        outcome: Outcome,
    ) {
        self.leave_queue(now, call, Leaving::Elsewhere, outcome);
        self.keep_place(call);
        self.leave_waiting(now, call, end);
    }

    fn leave_waiting(&mut self, now: Timestamp, call: &mut Call, end: QueueEnd) {
        self.hush_announcement(call);
        self.tell(call.leg, LegCommand::StopPlaying);
        self.state(now, call, State::InFlow);
        call.record.enter(now, StageKind::Ivr, Place::default());
        self.write(call);
        call.run.handle(now, Happening::Queue(end));
        self.pump(now, call);
    }

    // ---- sites ------------------------------------------------------------------------------------------------------

    /// Declares an emergency at a site, with its reason and who says so, or calls it off. Declared anew, only the
    /// reason changes. Called off where there is none nothing is told, but for one that the run before may have left.
    ///
    /// # Errors
    /// No such site, or no reason.
    pub fn set_emergency(
        &mut self,
        now: Timestamp,
        site: &str,
        on: bool,
        by: &str,
        reason: &str,
    ) -> Result<(), EmergencyError> {
        let sites = &self.policy.opening.sites;
        let Some((name, _)) = sites.get_key_value(site) else {
            return Err(EmergencyError::UnknownSite);
        };
        let name = name.clone();
        let reason: String = reason.trim().chars().take(EMERGENCY_REASON_CHARS_MAX).collect();
        if on && reason.is_empty() {
            return Err(EmergencyError::ReasonMissing);
        }
        let (by, reason): (Arc<str>, Arc<str>) = (by.into(), reason.into());
        let Emergencies { on: going, said } = &mut self.emergencies;
        let first_word = said.as_mut().is_some_and(|said| said.insert(name.clone()));
        let before = going.remove(&name);
        if on {
            let since = before.as_ref().map_or(now, |before| before.since);
            let emergency = Emergency { since, by: by.clone(), reason: reason.clone() };
            going.insert(name.clone(), emergency);
        } else if before.is_none() && !first_word {
            return Ok(());
        }
        self.fact(now, None, What::EmergencyChanged { site: name, on, by, reason });
        self.tell_duties(now);
        Ok(())
    }

    /// These emergencies of the run before go on, and there are no others: for those who wait by now, too. Not told
    /// anew; a site that is gone is forgotten, and what was said of a site meanwhile stands.
    pub fn restore_emergencies(&mut self, now: Timestamp, sites: BTreeMap<String, Emergency>) {
        let said = self.emergencies.said.take().unwrap_or_default();
        for (site, emergency) in sites {
            let known = self.policy.opening.sites.get_key_value(&*site);
            let Some(name) = known.map(|(name, _)| name.clone()) else { continue };
            if !said.contains(&name) {
                self.emergencies.on.insert(name, emergency);
            }
        }
        self.tell_duties(now);
    }

    /// The sites are others now: an emergency of one that is gone is called off, and numbers may have moved.
    pub(crate) fn forget_sites(&mut self, now: Timestamp, by: &str) {
        let sites = &self.policy.opening.sites;
        let going = self.emergencies.on.keys();
        let gone: Vec<Arc<str>> =
            going.filter(|site| !sites.contains_key(*site)).cloned().collect();
        for site in gone {
            self.emergencies.on.remove(&site);
            let (by, reason) = (by.into(), "the site is gone".into());
            self.fact(now, None, What::EmergencyChanged { site, on: false, by, reason });
        }
        self.tell_duties(now);
    }

    /// All sites by name.
    pub fn sites(&self) -> Vec<SiteView> {
        let view = |(name, site): (&Arc<str>, &Site)| SiteView {
            name: name.clone(),
            title: site.title.clone(),
            emergency: self.emergencies.on.get(name).cloned(),
        };
        self.policy.opening.sites.iter().map(view).collect()
    }

    /// Where a call to this number goes instead, while its site has an emergency.
    pub(crate) fn duty_of(&self, dialled: &str) -> Option<Duty> {
        let site = self.policy.opening.site_of(dialled)?;
        self.emergencies.on.get(site)?;
        Some(self.policy.opening.sites[site].duty.clone())
    }

    /// Tells every call whether its site has an emergency; who waits goes to the duty office at once.
    pub(crate) fn tell_duties(&mut self, now: Timestamp) {
        let mut calls = std::mem::take(&mut self.calls);
        for call in calls.values_mut() {
            call.run.set_duty(self.duty_of(&call.record.contact().dialled));
            if let (State::Waiting { .. }, true) = (&call.state, call.run.is_wanted_on_duty()) {
                self.deadlines.set((call.id, Timer::WaitRules), now);
            }
        }
        self.calls = calls;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::moment;

    #[test]
    fn a_break_shorter_than_the_drain_ends_no_wait() {
        let text = "calendar: c\nzone: UTC\nweekly: {mon: [09:00-13:00, 14:00-18:00]}\n";
        let calendar = Calendar::from_yaml("c.yaml", text).unwrap();
        let at = |time: &str| moment(&format!("2026-11-23T{time}Z")).unwrap();
        let drained = |now: &str, minutes: u64| {
            drained_at(&calendar, at(now), Duration::from_secs(minutes * 60))
        };
        assert_eq!(drained("12:00", 30), Some(at("13:30")));
        assert_eq!(drained("12:00", 60), Some(at("14:00")));
        assert_eq!(drained("12:00", 61), Some(at("19:01")));
        assert_eq!(drained("17:00", 0), Some(at("18:00")));
        // Who begins to wait when it is closed, sent there by an agent, is served as long.
        assert_eq!(drained("20:00", 30), Some(at("20:30")));
        let always = Calendar::always_open("always");
        assert_eq!(drained_at(&always, at("12:00"), Duration::ZERO), None);
    }
}
