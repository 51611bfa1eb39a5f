//! What each status is worth and how long it may last. Plain data; whoever loads the policy shows its problems.

use super::status::{Presence, Status};
use crate::limits;
use std::time::Duration;

/// The rules of one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRules {
    /// Whether calls are offered in it. `ready` is always routable.
    pub routable: bool,
    /// Whether its time is paid for.
    pub paid: bool,
    /// Whether its time counts as work in reports.
    pub productive: bool,
    /// How long one stretch of it may last; `None`: as long as people wish.
    pub max_duration: Option<Duration>,
    /// After how long the agent and the supervisor are warned; less than `max_duration`.
    pub warn_at: Option<Duration>,
    /// How often it may be taken between log-in and log-out; `None`: as often as people wish. One more is allowed, and
    /// told.
    pub quota_per_shift: Option<u32>,
    /// How long a long stretch of it may last: more than `max_duration`. `None`: there are no long ones.
    pub long_max_duration: Option<Duration>,
    /// How many stretches of a shift may be long ones. One becomes long by outlasting `max_duration`.
    pub long_per_shift: u32,
    /// Whether the agent is made ready when the limit is reached. Otherwise the limit is told and nothing else.
    pub auto_return: bool,
}

const MINUTE: u64 = 60;

impl StatusRules {
    /// Paid work without any limit.
    const WORK: StatusRules = StatusRules {
        routable: false,
        paid: true,
        productive: true,
        max_duration: None,
        warn_at: None,
        quota_per_shift: None,
        long_max_duration: None,
        long_per_shift: 0,
        auto_return: false,
    };

    /// The house's rules: lunch of 40 minutes once a shift, short breaks of 5 minutes and two a shift of 10, huddles
    /// of 5.
    pub fn of(status: Status) -> StatusRules {
        let limited = |minutes: u64, warned: u64| StatusRules {
            max_duration: Some(Duration::from_secs(minutes * MINUTE)),
            warn_at: Some(Duration::from_secs(warned * MINUTE)),
            ..StatusRules::WORK
        };
        match status {
            Status::Ready => StatusRules { routable: true, ..StatusRules::WORK },
            Status::Lunch => StatusRules {
                paid: false,
                productive: false,
                quota_per_shift: Some(1),
                ..limited(40, 35)
            },
            Status::ShortBreak => StatusRules {
                productive: false,
                long_max_duration: Some(Duration::from_secs(10 * MINUTE)),
                long_per_shift: 2,
                ..limited(5, 4)
            },
            Status::Huddle => limited(5, 4),
            Status::Training | Status::NotReady | Status::OneToOne | Status::GroupMeeting => {
                StatusRules::WORK
            }
            Status::TechnicalProblems => StatusRules { productive: false, ..StatusRules::WORK },
        }
    }

    /// What is wrong with them, each with the key that it is about; empty when they can be used.
    pub fn problems(&self, status: Status) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut wrong = |key, why: &str| problems.push((key, format!("status `{status}`: {why}")));
        if status == Status::Ready {
            if !self.routable {
                wrong("routable", "nobody would ever get a call");
            }
            let limited = self.max_duration.is_some() || self.quota_per_shift.is_some();
            if limited || self.auto_return {
                wrong("max_duration", "it is what agents return to, and has no limits");
            }
        }
        let times = [
            ("max_duration", self.max_duration),
            ("warn_at", self.warn_at),
            ("long_max_duration", self.long_max_duration),
        ];
        for (key, time) in times {
            if time.is_some_and(|time| time.is_zero() || time > limits::ACD_TIME_MAX) {
                wrong(key, "more than nothing, and at most a day");
            }
        }
        match (self.warn_at, self.max_duration) {
            (Some(_), None) => wrong("warn_at", "there is no max_duration to warn of"),
            (Some(warned), Some(max)) if warned >= max => {
                wrong("warn_at", "less than max_duration, or nobody is warned");
            }
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
        if self.auto_return && self.max_duration.is_none() {
            wrong("auto_return", "there is no max_duration at which to return");
        }
        match (self.long_max_duration, self.max_duration) {
            (Some(long), Some(max)) if long > max && self.long_per_shift > 0 => {}
            (Some(_), _) => {
                wrong("long_max_duration", "more than max_duration, and long_per_shift at least 1");
            }
            (None, _) if self.long_per_shift > 0 => {
                wrong("long_per_shift", "there is no long_max_duration");
            }
            (None, Some(_) | None) => {}
        }
        problems
    }

    /// What one stretch has to tell and after how long, in order of time; `long`: whether it may become a long one.
    pub(super) fn moments(&self, long: bool) -> Vec<(Duration, LimitKind)> {
        let Some(max) = self.max_duration else { return Vec::new() };
        let mut moments = Vec::new();
        moments.extend(self.warn_at.map(|at| (at, LimitKind::Warning)));
        let Some(longer) = self.long_max_duration.filter(|_| long) else {
            moments.push((max, LimitKind::Reached));
            return moments;
        };
        moments.push((max, LimitKind::LongBegun));
        // A long stretch is warned of as early before its end as a short one.
        let notice = self.warn_at.map(|at| longer.saturating_sub(max.saturating_sub(at)));
        moments.extend(notice.filter(|at| *at > max).map(|at| (at, LimitKind::Warning)));
        moments.push((longer, LimitKind::Reached));
        moments
    }
}

/// What is told of a status and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// `warn_at` is reached: the limit comes soon.
    Warning,
    /// `max_duration` is over, and the stretch goes on as one of the shift's long ones.
    LongBegun,
    /// The limit is reached.
    Reached,
    /// The status is taken more often than `quota_per_shift`.
    OverQuota,
}

impl LimitKind {
    /// All four.
    pub const ALL: [LimitKind; 4] =
        [LimitKind::Warning, LimitKind::LongBegun, LimitKind::Reached, LimitKind::OverQuota];

    /// The identifier used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitKind::Warning => "warning",
            LimitKind::LongBegun => "long_begun",
            LimitKind::Reached => "reached",
            LimitKind::OverQuota => "over_quota",
        }
    }
}

/// The rules of all nine statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses([StatusRules; 9]);

impl Default for Statuses {
    fn default() -> Statuses {
        Statuses(Status::ALL.map(StatusRules::of))
    }
}

impl Statuses {
    /// The rules of a status.
    pub fn of(&self, status: Status) -> &StatusRules {
        &self.0[status as usize]
    }

    /// Changes the rules of a status.
    pub fn set(&mut self, status: Status, rules: StatusRules) {
        self.0[status as usize] = rules;
    }

    /// Everything that is wrong, as sentences with the key first.
    pub(super) fn problems(&self) -> Vec<String> {
        let all = Status::ALL.into_iter().flat_map(|status| self.of(status).problems(status));
        all.map(|(key, why)| format!("{why} ({key})")).collect()
    }

    /// Whether agents of this presence are offered calls.
    pub(super) fn take_calls(&self, presence: Presence) -> bool {
        match presence {
            Presence::Chosen(status) => self.of(status).routable,
            Presence::LoggedOut | Presence::NotResponding | Presence::Unreachable => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_houses_rules_have_no_problems_and_only_ready_takes_calls() {
        let statuses = Statuses::default();
        assert_eq!(statuses.problems(), [""; 0]);
        for status in Status::ALL {
            let takes = statuses.take_calls(Presence::Chosen(status));
            assert_eq!(takes, status == Status::Ready, "{status}");
        }
        let minutes = |status| statuses.of(status).max_duration.map(|max| max.as_secs() / 60);
        assert_eq!(minutes(Status::Lunch), Some(40));
        assert_eq!(minutes(Status::ShortBreak), Some(5));
        assert_eq!(minutes(Status::Huddle), Some(5));
        assert_eq!(minutes(Status::Training), None);
    }

    #[test]
    fn every_problem_names_its_key() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let keys = |status: Status, change: fn(&mut StatusRules)| {
            let mut rules = StatusRules::of(status);
            change(&mut rules);
            rules.problems(status).into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(Status::Ready, |rules| rules.routable = false), ["routable"]);
        assert_eq!(keys(Status::Ready, |rules| rules.auto_return = true).len(), 2);
        assert_eq!(keys(Status::Training, |rules| rules.auto_return = true), ["auto_return"]);
        assert_eq!(keys(Status::Lunch, |rules| rules.max_duration = None), ["warn_at"]);
        assert_eq!(keys(Status::Huddle, |rules| rules.warn_at = rules.max_duration), ["warn_at"]);
        assert_eq!(keys(Status::Huddle, |rules| rules.long_per_shift = 1), ["long_per_shift"]);
        assert_eq!(
            keys(Status::ShortBreak, |rules| rules.long_per_shift = 0),
            ["long_max_duration"]
        );
        let eternal = StatusRules { max_duration: secs(90_000), ..StatusRules::of(Status::Lunch) };
        assert_eq!(eternal.problems(Status::Lunch)[0].0, "max_duration");
    }

    #[test]
    fn a_long_stretch_is_warned_of_twice() {
        let told = |long| {
            let moments = StatusRules::of(Status::ShortBreak).moments(long);
            moments.into_iter().map(|(at, kind)| (at.as_secs(), kind)).collect::<Vec<_>>()
        };
        assert_eq!(told(false), [(240, LimitKind::Warning), (300, LimitKind::Reached)]);
        assert_eq!(
            told(true),
            [
                (240, LimitKind::Warning),
                (300, LimitKind::LongBegun),
                (540, LimitKind::Warning),
                (600, LimitKind::Reached),
            ]
        );
        assert_eq!(StatusRules::of(Status::Ready).moments(false), []);
    }
}
