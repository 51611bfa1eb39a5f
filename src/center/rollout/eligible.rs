//! Who is drawn at all: exclusions, capacity and rollouts that share customers, all before the draw.
//!
//! Whatever is asked here is the same for both arms, because nobody has an arm yet. Who is excluded goes to people and
//! is in no arm's evidence. Asked after the draw, the same questions would take callers out of one arm only, and the
//! rest would no longer be comparable.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::limits;
use dozvon_clock::Timestamp;

/// Who is not drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exclusions {
    /// Customers of this age and older.
    pub age_from: Option<u8>,
    /// Groups that stay with people: `vip`, `complaint_open`.
    pub groups: BTreeSet<Arc<str>>,
    /// The languages that the bot speaks; empty: all.
    pub languages: BTreeSet<Arc<str>>,
    /// Seconds after a call about the same topic; 0: a repeat is no reason.
    pub same_topic_within_secs: u64,
    /// Talks that the bot can have at the same time.
    pub sessions_max: u32,
    /// Requests for an operator after which a caller is let alone.
    pub opt_out_after: u32,
    /// For so many seconds from the last of them.
    pub opt_out_secs: u64,
}

impl Default for Exclusions {
    fn default() -> Exclusions {
        Exclusions {
            age_from: None,
            groups: BTreeSet::new(),
            languages: BTreeSet::new(),
            same_topic_within_secs: 7 * 86_400,
            sessions_max: 60,
            opt_out_after: 2,
            opt_out_secs: 30 * 86_400,
        }
    }
}

/// What is known of a caller before the draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applicant<'a> {
    /// His number or the customer's id; `None`: hidden.
    pub subject: Option<&'a str>,
    /// His age, if it is known.
    pub age: Option<u8>,
    /// The groups that he is in.
    pub groups: &'a [Arc<str>],
    /// The language of the call.
    pub language: &'a str,
    /// When he called last about the same topic.
    pub same_topic_at: Option<Timestamp>,
}

/// What is known of the bot before the draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Talks that it has now.
    pub sessions: u32,
    /// Whether people have closed it, for the day or in an outage.
    pub closed: bool,
}

/// Why somebody is not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excluded {
    /// He shows no number: he could not keep his arm.
    NoNumber,
    /// The bot is closed.
    Closed,
    /// The bot has as many talks as it can.
    Full,
    /// He asked for an operator more than once.
    OptedOut,
    /// His age.
    Age,
    /// A group he is in.
    Group,
    /// The bot doesn't speak his language.
    Language,
    /// He has called about the same just before.
    SameTopic,
    /// Another rollout has him.
    OtherRollout,
}

impl Excluded {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Excluded; 9] = [
        Excluded::NoNumber,
        Excluded::Closed,
        Excluded::Full,
        Excluded::OptedOut,
        Excluded::Age,
        Excluded::Group,
        Excluded::Language,
        Excluded::SameTopic,
        Excluded::OtherRollout,
    ];

    /// The word used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Excluded::NoNumber => "no_number",
            Excluded::Closed => "closed",
            Excluded::Full => "full",
            Excluded::OptedOut => "opted_out",
            Excluded::Age => "age",
            Excluded::Group => "group",
            Excluded::Language => "language",
            Excluded::SameTopic => "same_topic",
            Excluded::OtherRollout => "other_rollout",
        }
    }
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Exclusions {
    /// Why this caller is not drawn now; `None`: he is. The first reason in the order of [`Excluded`].
    pub fn exclude(
        &self,
        now: Timestamp,
        applicant: &Applicant<'_>,
        room: Room,
        opt_outs: &OptOuts,
    ) -> Option<Excluded> {
        let Some(subject) = applicant.subject.filter(|subject| !subject.is_empty()) else {
            return Some(Excluded::NoNumber);
        };
        let since = |at: Timestamp, secs: u64| now.since(at) < Duration::from_secs(secs);
        let old = self.age_from.zip(applicant.age).is_some_and(|(from, age)| age >= from);
        let mute = !self.languages.is_empty() && !self.languages.contains(applicant.language);
        let again =
            applicant.same_topic_at.is_some_and(|at| since(at, self.same_topic_within_secs));
        [
            (room.closed, Excluded::Closed),
            (room.sessions >= self.sessions_max, Excluded::Full),
            (opt_outs.has(self, now, subject), Excluded::OptedOut),
            (old, Excluded::Age),
            (applicant.groups.iter().any(|group| self.groups.contains(group)), Excluded::Group),
            (mute, Excluded::Language),
            (again, Excluded::SameTopic),
        ]
        .into_iter()
        .find_map(|(excluded, why)| excluded.then_some(why))
    }
}

impl Exclusions {
    fn is_opted_out_since(&self, last: Timestamp, now: Timestamp) -> bool {
        now.since(last) < Duration::from_secs(self.opt_out_secs)
    }
}

/// Callers who asked for an operator while a bot had them.
#[derive(Clone, Debug, Default)]
pub struct OptOuts {
    asked: BTreeMap<Arc<str>, (u32, Timestamp)>,
    order: VecDeque<(Timestamp, Arc<str>)>,
}

impl OptOuts {
    /// Notes that a caller asked; what he asked longer ago than an opt-out lasts is forgotten. At the bound the one who
    /// asked longest ago is forgotten, and may be drawn again.
    pub fn note(&mut self, rules: &Exclusions, now: Timestamp, subject: &str) {
        let name: Arc<str> = subject.into();
        let entry = self.asked.entry(Arc::clone(&name)).or_insert((0, now));
        let before = if rules.is_opted_out_since(entry.1, now) { entry.0 } else { 0 };
        *entry = (before.saturating_add(1), now);
        self.order.push_back((now, name));
        while self.order.len() > limits::ROLLOUT_OPT_OUTS_MAX {
            let Some((at, name)) = self.order.pop_front() else { break };
            // Who has asked again since is further back in the line.
            if self.asked.get(&name).is_some_and(|(_, last)| *last == at) {
                self.asked.remove(&name);
            }
        }
    }

    /// These, and after them what was noted later.
    #[must_use]
    pub fn followed_by(mut self, rules: &Exclusions, later: OptOuts) -> OptOuts {
        later.order.into_iter().for_each(|(at, subject)| self.note(rules, at, &subject));
        self
    }

    /// Whether he has asked often enough, and not too long ago.
    fn has(&self, rules: &Exclusions, now: Timestamp, subject: &str) -> bool {
        self.asked.get(subject).is_some_and(|(times, last)| {
            *times >= rules.opt_out_after.max(1) && rules.is_opted_out_since(*last, now)
        })
    }
}

/// When callers called last about one topic.
#[derive(Clone, Debug, Default)]
pub struct LastCalls {
    by_subject: BTreeMap<Arc<str>, Timestamp>,
    order: VecDeque<(Timestamp, Arc<str>)>,
}

impl LastCalls {
    /// When he called last.
    pub fn of(&self, subject: &str) -> Option<Timestamp> {
        self.by_subject.get(subject).copied()
    }

    /// These, and after them what was noted later.
    #[must_use]
    pub fn followed_by(mut self, later: LastCalls) -> LastCalls {
        later.order.into_iter().for_each(|(at, subject)| self.note(at, &subject));
        self
    }

    /// Notes that he calls. At the bound the call of longest ago is forgotten, and its caller may be drawn again.
    pub fn note(&mut self, now: Timestamp, subject: &str) {
        let name: Arc<str> = subject.into();
        self.by_subject.insert(Arc::clone(&name), now);
        self.order.push_back((now, name));
        while self.order.len() > limits::ROLLOUT_LAST_CALLS_MAX {
            let Some((at, name)) = self.order.pop_front() else { break };
            // Who has called again since is further back in the line.
            if self.by_subject.get(&name) == Some(&at) {
                self.by_subject.remove(&name);
            }
        }
    }
}

/// Rollouts that may not have the same customer: with two of them in one caller's head, neither would be judged alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusive {
    /// The name of the circle; part of the draw.
    pub name: Arc<str>,
    /// Keeps it from being guessed.
    pub salt: Arc<str>,
    /// The rollouts in it.
    pub rollouts: BTreeSet<Arc<str>>,
}

impl Exclusive {
    /// The one rollout that may draw this customer: that with the largest `HMAC-SHA256(salt, circle 0x1f rollout 0x1f
    /// subject)` (rendezvous hashing, Thaler & Ravishankar 1998). A rollout that joins takes customers over from all
    /// others alike and moves nobody between them; one that leaves gives back its own only.
    pub fn owner(&self, subject: &str) -> Option<&Arc<str>> {
        self.rollouts.iter().max_by_key(|rollout| self.weight(rollout, subject))
    }

    /// Why a rollout may not draw this customer, if it may not. One that is not in the circle may.
    pub fn exclude(&self, rollout: &str, subject: &str) -> Option<Excluded> {
        let within = self.rollouts.contains(rollout);
        let own = self.owner(subject).is_some_and(|owner| **owner == *rollout);
        (within && !own).then_some(Excluded::OtherRollout)
    }

    fn weight(&self, rollout: &str, subject: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.salt.as_bytes())
            .expect("HMAC takes a key of any length");
        for part in [self.name.as_bytes(), &[0x1f], rollout.as_bytes(), &[0x1f]] {
            mac.update(part);
        }
        mac.update(subject.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::assign::{Arm, Holdout, Rollout, Share, Tried};
    use super::*;

    const CALLER: &str = "+77010000001";
    const DAY: u64 = 86_400;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000_000 + secs)
    }

    fn rules() -> Exclusions {
        Exclusions {
            age_from: Some(65),
            groups: BTreeSet::from(["vip".into(), "complaint_open".into()]),
            languages: BTreeSet::from(["ru".into()]),
            ..Exclusions::default()
        }
    }

    fn ordinary<'a>() -> Applicant<'a> {
        Applicant { subject: Some(CALLER), language: "ru", ..Applicant::default() }
    }

    fn exclude(applicant: &Applicant<'_>, room: Room) -> Option<Excluded> {
        rules().exclude(at(0), applicant, room, &OptOuts::default())
    }

    #[test]
    fn an_ordinary_caller_is_drawn_and_each_reason_keeps_one_out() {
        let free = Room::default();
        assert_eq!(exclude(&ordinary(), free), None);
        let vip = ["retail".into(), "vip".into()];
        for (applicant, why) in [
            (Applicant { subject: None, ..ordinary() }, Excluded::NoNumber),
            (Applicant { subject: Some(""), ..ordinary() }, Excluded::NoNumber),
            (Applicant { age: Some(65), ..ordinary() }, Excluded::Age),
            (Applicant { groups: &vip, ..ordinary() }, Excluded::Group),
            (Applicant { language: "kk", ..ordinary() }, Excluded::Language),
            (
                Applicant {
                    same_topic_at: Some(at(0) - Duration::from_secs(6 * DAY)),
                    ..ordinary()
                },
                Excluded::SameTopic,
            ),
        ] {
            assert_eq!(exclude(&applicant, free), Some(why));
        }
        let long_ago = Some(at(0) - Duration::from_secs(7 * DAY));
        assert_eq!(exclude(&Applicant { same_topic_at: long_ago, ..ordinary() }, free), None);
        assert_eq!(exclude(&Applicant { age: Some(64), ..ordinary() }, free), None);
    }

    #[test]
    fn a_full_or_closed_bot_draws_nobody_of_either_arm() {
        let full = Room { sessions: 60, closed: false };
        assert_eq!(exclude(&ordinary(), full), Some(Excluded::Full));
        assert_eq!(exclude(&ordinary(), Room { sessions: 59, closed: false }), None);
        let closed = Room { sessions: 0, closed: true };
        assert_eq!(exclude(&ordinary(), closed), Some(Excluded::Closed));
    }

    #[test]
    fn who_asks_for_an_operator_twice_is_let_alone_for_a_month() {
        let mut opt_outs = OptOuts::default();
        let get =
            |opt_outs: &OptOuts, now| rules().exclude(now, &ordinary(), Room::default(), opt_outs);
        opt_outs.note(&rules(), at(0), CALLER);
        assert_eq!(get(&opt_outs, at(1)), None, "once is no opinion");
        opt_outs.note(&rules(), at(DAY), CALLER);
        assert_eq!(get(&opt_outs, at(31 * DAY - 1)), Some(Excluded::OptedOut));
        assert_eq!(get(&opt_outs, at(31 * DAY)), None);
        opt_outs.note(&rules(), at(40 * DAY), CALLER);
        assert_eq!(get(&opt_outs, at(41 * DAY)), None, "it begins anew");
    }

    #[test]
    fn at_the_bound_who_asked_longest_ago_is_forgotten() {
        let mut opt_outs = OptOuts::default();
        opt_outs.note(&rules(), at(0), "early");
        opt_outs.note(&rules(), at(0), CALLER);
        for n in 0..limits::ROLLOUT_OPT_OUTS_MAX as u64 - 1 {
            opt_outs.note(&rules(), at(1 + n), if n == 0 { CALLER } else { "somebody" });
        }
        assert!(!opt_outs.asked.contains_key("early"));
        assert_eq!(opt_outs.asked.get(CALLER).map(|(times, _)| *times), Some(2));
        assert_eq!(opt_outs.order.len(), limits::ROLLOUT_OPT_OUTS_MAX);
    }

    #[test]
    fn of_last_calls_the_oldest_is_forgotten_at_the_bound() {
        let mut calls = LastCalls::default();
        calls.note(at(0), "early");
        calls.note(at(1), CALLER);
        for n in 0..limits::ROLLOUT_LAST_CALLS_MAX as u64 - 1 {
            calls.note(at(2 + n), if n == 0 { CALLER } else { "somebody" });
        }
        assert_eq!(calls.of("early"), None);
        assert_eq!(calls.of(CALLER), Some(at(2)));
        assert_eq!(calls.order.len(), limits::ROLLOUT_LAST_CALLS_MAX);
    }

    fn circle(rollouts: &[&str]) -> Exclusive {
        let rollouts = rollouts.iter().map(|name| Arc::from(*name)).collect();
        Exclusive { name: "voice_bots".into(), salt: "pepper".into(), rollouts }
    }

    fn callers() -> impl Iterator<Item = String> {
        (0..3_000).map(|n| format!("+7701{:07}", n * 7_919))
    }

    #[test]
    fn a_customer_belongs_to_one_rollout_of_a_circle_and_a_new_one_moves_nobody_else() {
        let two = circle(&["cards", "loans"]);
        let three = circle(&["cards", "loans", "deposits"]);
        let mut moved = 0;
        for caller in callers() {
            let may = |name| two.exclude(name, &caller).is_none();
            assert!(may("cards") != may("loans"), "just one of them");
            assert!(may("transfers"), "which is not in the circle");
            let (before, after) = (two.owner(&caller), three.owner(&caller));
            if before != after {
                assert_eq!(after.map(|name| &**name), Some("deposits"));
                moved += 1;
            }
        }
        // A third expected of 3,000; sigma is 25.8.
        assert!((897..=1_103).contains(&moved), "{moved}");
    }

    #[test]
    fn the_circle_does_not_bend_the_draw() {
        let circle = circle(&["cards", "loans"]);
        let rollout = Rollout {
            name: "cards".into(),
            tried: Tried::Bot("assistant".into()),
            salt: "pepper".into(),
            share: Share::Half,
            holdout: Holdout::default(),
            ..Rollout::default()
        };
        let own: Vec<String> =
            callers().filter(|caller| circle.exclude("cards", caller).is_none()).collect();
        let bots = own.iter().filter(|c| rollout.draw(Some(c)).arm == Arm::Bot).count() as f64;
        let n = own.len() as f64;
        assert!((bots - n / 2.0).abs() <= 4.0 * (n / 4.0).sqrt(), "{bots} of {n}");
    }
}
