//! Laws of calls: what comes in goes out once, and every wait counts as exactly one of met, missed and excluded.

use super::Input;
use super::picture::{Kind, Picture, Stage};
use dozvon_center::acd::{Event, ServiceLevel, WaitEnd};
use dozvon_center::ids::CallId;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The counts of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that came to wait.
    pub offered: u64,
    /// Waits that ended with an agent.
    pub connected: u64,
    /// Waits that the caller ended.
    pub abandoned: u64,
    /// Waits that ended elsewhere.
    pub elsewhere: u64,
    /// Waits that were too long.
    pub max_wait: u64,
    /// Waits for nobody.
    pub no_agents: u64,
    /// Calls turned away.
    pub full: u64,
    /// Service level met.
    pub met: u64,
    /// Service level missed.
    pub missed: u64,
    /// Neither.
    pub excluded: u64,
    /// The sum of all waits that ended with an agent.
    pub waited: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) tally: Tally,
    /// Waits that have been told to be missed.
    missed: BTreeSet<CallId>,
    /// Told missed in this step, before their time: their wait must end in the same step.
    early: BTreeSet<CallId>,
    told_missed: u64,
    /// Since when nobody at work can serve a kind of calls; `None`: somebody can.
    deserted: BTreeMap<Kind, Option<Timestamp>>,
    staff_changed: bool,
}

impl Calls {
    pub(super) fn input(&mut self, picture: &Picture, input: &Input) {
        if let Input::Enqueue(waiting) = input
            && picture.call(waiting.call).is_none()
        {
            self.tally.offered += 1;
        }
    }

    pub(super) fn event(&mut self, picture: &Picture, now: Timestamp, event: &Event) {
        match event {
            Event::ServiceLevelMissed { call, .. } => self.missed(picture, now, *call),
            Event::WaitEnded { call, why, waited, service_level, .. } => {
                let known = picture.call(*call).expect("law: only waits end");
                assert!(known.stage != Stage::Talking, "law: a wait ends once, and none in a talk");
                assert_eq!(*waited, now.since(known.entered), "law: a wait is as long as it was");
                self.count(*why, *waited);
                self.judge(picture, *call, *why, *waited, *service_level);
                self.check_reason(picture, *call, *why, *waited);
            }
            Event::Offer { call, .. } => {
                let known = picture.call(*call).expect("law: only calls that wait are offered");
                let longest = known.max_wait.unwrap_or(Duration::MAX);
                let waited = now.since(known.entered);
                assert!(waited <= longest, "law: {call} waited too long to be offered again");
            }
            Event::AgentChanged { from, to, .. } => self.staff_changed |= from.0 != to.0,
            Event::Decided(_)
            | Event::Withdrawn { .. }
            | Event::OfferEnded { .. }
            | Event::ConnectFailed { .. }
            | Event::StatusLimit { .. }
            | Event::ActivityAlarm { .. } => {}
        }
    }

    fn missed(&mut self, picture: &Picture, now: Timestamp, call: CallId) {
        self.told_missed += 1;
        assert!(self.missed.insert(call), "law: {call} misses the service level once");
        let known = picture.call(call).expect("law: only waits miss the service level");
        let target = picture.queue(known.queue).service_level;
        let crosses = known.entered + target + Duration::from_micros(1);
        assert!(now <= crosses, "law: a miss is told at the instant when the wait crosses T");
        if now < crosses {
            self.early.insert(call);
        }
    }

    fn count(&mut self, why: WaitEnd, waited: Duration) {
        match why {
            WaitEnd::Connected(_) => {
                self.tally.connected += 1;
                self.tally.waited += waited;
            }
            WaitEnd::HungUp => self.tally.abandoned += 1,
            WaitEnd::Elsewhere | WaitEnd::Callback => self.tally.elsewhere += 1,
            WaitEnd::MaxWait => self.tally.max_wait += 1,
            WaitEnd::NoAgents => self.tally.no_agents += 1,
            WaitEnd::Full => self.tally.full += 1,
        }
    }

    /// The service level, reckoned anew.
    fn judge(
        &mut self,
        picture: &Picture,
        call: CallId,
        why: WaitEnd,
        waited: Duration,
        told: ServiceLevel,
    ) {
        let queue = picture.queue(picture.call(call).expect("seen above").queue);
        let in_time = waited <= queue.service_level;
        let expected = match why {
            WaitEnd::Connected(_) if in_time => ServiceLevel::Met,
            WaitEnd::HungUp if in_time && waited < queue.short_abandon => ServiceLevel::Excluded,
            WaitEnd::Callback if in_time => ServiceLevel::Excluded,
            WaitEnd::Connected(_)
            | WaitEnd::HungUp
            | WaitEnd::Callback
            | WaitEnd::Elsewhere
            | WaitEnd::MaxWait
            | WaitEnd::NoAgents
            | WaitEnd::Full => ServiceLevel::Missed,
        };
        assert_eq!(told, expected, "law: {call}, {why:?} after {waited:?}, counts as it should");
        let was_told = self.missed.remove(&call);
        self.early.remove(&call);
        let missed = told == ServiceLevel::Missed;
        assert_eq!(was_told, missed, "law: a miss of the service level is told, and nothing else");
        match told {
            ServiceLevel::Met => self.tally.met += 1,
            ServiceLevel::Missed => self.tally.missed += 1,
            ServiceLevel::Excluded => self.tally.excluded += 1,
        }
    }

    fn check_reason(&self, picture: &Picture, id: CallId, why: WaitEnd, waited: Duration) {
        let call = picture.call(id).expect("seen above");
        match why {
            WaitEnd::MaxWait => {
                let longest = call.max_wait.expect("law: only bounded waits are too long");
                assert!(waited >= longest, "law: {id} waits for as long as it may");
                assert_eq!(call.stage, Stage::Waiting, "law: an open offer may finish");
            }
            WaitEnd::NoAgents => {
                let staffed = picture.staffed(picture.at_last(call.kind));
                assert!(!staffed, "law: {id} isn't given up while somebody is at work for it");
            }
            WaitEnd::Connected(_) => {
                let answered = matches!(call.stage, Stage::Answered(_));
                assert!(answered, "law: {id} is connected after an answer, and once");
            }
            WaitEnd::Full => {
                let queue = call.queue;
                let others = picture.calls().filter(|(other, call)| {
                    *other != id && call.queue == queue && call.stage != Stage::Talking
                });
                let max = picture.queue(queue).length_max;
                assert!(others.count() >= max, "law: a queue is full when it is full");
            }
            WaitEnd::HungUp | WaitEnd::Elsewhere | WaitEnd::Callback => {}
        }
    }

    pub(super) fn step_over(&mut self, picture: &Picture, now: Timestamp) {
        assert!(self.early.is_empty(), "law: {:?} missed before T and waits on", self.early);
        let staff_changed = std::mem::take(&mut self.staff_changed);
        for (kind, calls) in picture.waiting() {
            let known = self.deserted.contains_key(&kind);
            if staff_changed || !known {
                let since = self.deserted.entry(kind).or_default();
                let staffed = picture.staffed(picture.at_last(kind));
                *since = if staffed { None } else { since.or(Some(now)) };
            }
            let since = self.deserted.get(&kind).copied().flatten();
            // Until its last stage comes, somebody else might.
            let ripe = |(_, id): &&(Timestamp, CallId)| {
                let call = picture.call(*id).expect("who waits is here");
                let stages = &picture.queue(kind.0).stages;
                stages.last().is_none_or(|last| now > call.enqueued_at + last.after)
            };
            if let (Some(since), Some((_, call))) = (since, calls.iter().find(ripe)) {
                let grace = picture.config().no_agents_grace;
                assert!(now.since(since) <= grace, "law: {call} doesn't wait for nobody");
            }
        }
    }

    pub(super) fn day_over(&self, picture: &Picture) {
        let left = picture.calls().next();
        assert!(left.is_none(), "law: at night the house is empty, but for {left:?}");
        let Tally { offered, connected, abandoned, elsewhere, .. } = self.tally;
        let Tally { max_wait, no_agents, full, met, missed, excluded, .. } = self.tally;
        let ended = connected + abandoned + elsewhere + max_wait + no_agents + full;
        assert_eq!(offered, ended, "law: what came in went out: {:?}", self.tally);
        assert_eq!(met + missed + excluded, ended, "law: every wait counts once: {:?}", self.tally);
        assert_eq!(self.told_missed, missed, "law: every miss is told once");
    }
}
