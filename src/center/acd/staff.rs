//! Who is at work, counted by profile: how many could take calls of a class now, some day, or never.
//!
//! Kept up to date at each change of an agent, so that no question ever walks over the agents.

use super::event::AgentCounts;
use super::matcher::{ClassId, Matcher, ProfileId};
use super::status::{Activity, Presence};
use dozvon_clock::Timestamp;

/// What counts of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) presence: Presence,
    pub(super) activity: Activity,
    pub(super) reachable: bool,
    /// Whether the presence is one in which calls are offered.
    pub(super) takes_calls: bool,
    /// Another presence is pending: the next call will not be his.
    pub(super) leaving: bool,
}

impl Stand {
    /// Takes calls and is within reach: would take a call now, or after the present one.
    pub(super) fn on_duty(&self) -> bool {
        self.takes_calls && self.reachable
    }

    /// On duty, and will be so after the present call.
    fn lasts(&self) -> bool {
        self.on_duty() && !self.leaving
    }
}

#[derive(Debug)]
struct ProfileStaff {
    counts: AgentCounts,
    on_duty: u32,
    lasting: u32,
    at_work: u32,
    /// Since when nobody of the profile is at work; meaningful while `at_work` is zero.
    empty_since: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct ClassStaff {
    profiles_at_work: u32,
    /// Since when nobody at work could serve the class; meaningful while `profiles_at_work` is zero.
    empty_since: Timestamp,
}

/// What a change of one agent did to the classes he may serve.
#[derive(Debug, Default)]
pub(super) struct Shift {
    /// These classes have lost the last agent at work.
    pub(super) emptied: Vec<ClassId>,
    /// These classes have got a first agent at work.
    pub(super) filled: Vec<ClassId>,
}

/// Counts by profile and class.
#[derive(Debug)]
pub(super) struct Staff {
    profiles: Vec<ProfileStaff>,
    classes: Vec<ClassStaff>,
    start: Timestamp,
}

impl Staff {
    pub(super) fn new(profiles: usize, now: Timestamp) -> Staff {
        let empty = || ProfileStaff {
            counts: AgentCounts::default(),
            on_duty: 0,
            lasting: 0,
            at_work: 0,
            empty_since: now,
        };
        Staff {
            profiles: std::iter::repeat_with(empty).take(profiles).collect(),
            classes: Vec::new(),
            start: now,
        }
    }

    /// Takes notice of a class that the matcher has just made, if it is new.
    pub(super) fn know_class(&mut self, matcher: &Matcher, class: ClassId) {
        if class.index() < self.classes.len() {
            return;
        }
        assert_eq!(class.index(), self.classes.len(), "classes are made one at a time");
        let profiles =
            || matcher.edges(class).iter().map(|edge| &self.profiles[edge.profile.index()]);
        let at_work = profiles().filter(|profile| profile.at_work > 0).count();
        self.classes.push(ClassStaff {
            profiles_at_work: u32::try_from(at_work).expect("fewer profiles than agents"),
            empty_since: profiles().map(|p| p.empty_since).max().unwrap_or(self.start),
        });
    }

    /// An agent of `profile` has changed.
    pub(super) fn shift(
        &mut self,
        matcher: &Matcher,
        now: Timestamp,
        profile: ProfileId,
        from: Stand,
        to: Stand,
    ) -> Shift {
        let staff = &mut self.profiles[profile.index()];
        if let Some(slot) = staff.counts.slot(from) {
            *slot -= 1;
        }
        if let Some(slot) = staff.counts.slot(to) {
            *slot += 1;
        }
        staff.on_duty = staff.on_duty + u32::from(to.on_duty()) - u32::from(from.on_duty());
        staff.lasting = staff.lasting + u32::from(to.lasts()) - u32::from(from.lasts());
        let before = staff.at_work;
        staff.at_work =
            before + u32::from(to.presence.is_chosen()) - u32::from(from.presence.is_chosen());
        match (before, staff.at_work) {
            (0, 1) => self.fill(matcher, profile),
            (1, 0) => self.empty(matcher, now, profile),
            _ => Shift::default(),
        }
    }

    fn fill(&mut self, matcher: &Matcher, profile: ProfileId) -> Shift {
        let mut shift = Shift::default();
        for class in matcher.classes_for(profile) {
            let staff = &mut self.classes[class.index()];
            staff.profiles_at_work += 1;
            if staff.profiles_at_work == 1 {
                shift.filled.push(*class);
            }
        }
        shift
    }

    fn empty(&mut self, matcher: &Matcher, now: Timestamp, profile: ProfileId) -> Shift {
        self.profiles[profile.index()].empty_since = now;
        let mut shift = Shift::default();
        for class in matcher.classes_for(profile) {
            let staff = &mut self.classes[class.index()];
            staff.profiles_at_work -= 1;
            if staff.profiles_at_work == 0 {
                staff.empty_since = now;
                shift.emptied.push(*class);
            }
        }
        shift
    }

    /// Since when nobody at work could serve the class; `None` while somebody could.
    pub(super) fn empty_since(&self, class: ClassId) -> Option<Timestamp> {
        let staff = self.classes[class.index()];
        (staff.profiles_at_work == 0).then_some(staff.empty_since)
    }

    /// How many agents on duty may serve the class.
    pub(super) fn on_duty(&self, matcher: &Matcher, class: ClassId) -> usize {
        let edges = matcher.edges(class).iter();
        edges.map(|edge| self.profiles[edge.profile.index()].on_duty as usize).sum()
    }

    /// How many agents of the profile at this position take calls, now or after what they do.
    pub(super) fn lasting(&self, profile: usize) -> u32 {
        self.profiles[profile].lasting
    }

    /// What the agents of these profiles are doing, added up.
    pub(super) fn counts(&self, profiles: impl Iterator<Item = usize>) -> AgentCounts {
        let mut sum = AgentCounts::default();
        for at in profiles {
            sum.add(&self.profiles[at].counts);
        }
        sum
    }
}
