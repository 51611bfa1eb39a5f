//! What was planned for an agent against what was lived: adherence and conformance over plain intervals.
//!
//! Pure arithmetic. Where a plan comes from and where the days are kept is the roof's affair.

use crate::acd::{Presence, Status, Statuses};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// A deviation from the plan that lasts no longer than this is none.
pub const GRACE: Duration = Duration::from_secs(60);

/// What a plan can ask for. Statuses of one class are the same to a plan: which meeting it was is not its affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Calls and other work: `ready`, `not_ready`.
    Work,
    /// `lunch`.
    Lunch,
    /// `short_break`.
    Break,
    /// `training`, `huddle`, `one_to_one`, `group_meeting`.
    Meeting,
}

impl Class {
    /// The class of a status. `technical_problems` has none: nobody plans it, and nobody is blamed for it.
    pub const fn of(status: Status) -> Option<Class> {
        match status {
            Status::Ready | Status::NotReady => Some(Class::Work),
            Status::Lunch => Some(Class::Lunch),
            Status::ShortBreak => Some(Class::Break),
            Status::Training | Status::Huddle | Status::OneToOne | Status::GroupMeeting => {
                Some(Class::Meeting)
            }
            Status::TechnicalProblems => None,
        }
    }
}

/// A stretch of an agent's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end, not before the beginning.
    pub until: Timestamp,
    /// What he should do.
    pub status: Status,
}

/// A stretch of an agent's day as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lived {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end, not before the beginning.
    pub until: Timestamp,
    /// How he stood.
    pub presence: Presence,
}

/// Plan and day of one agent in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Time planned, without what technical problems took.
    pub scheduled: Duration,
    /// Of it, the time spent in the class planned, deviations up to the grace included.
    pub adherent: Duration,
    /// Time planned that technical problems took.
    pub excused: Duration,
    /// Time planned in statuses that are paid for.
    pub paid_planned: Duration,
    /// Time spent in statuses that are paid for, whenever.
    pub paid: Duration,
    /// Time spent in statuses that count as work.
    pub productive: Duration,
    /// Time logged in.
    pub logged_in: Duration,
}

impl Figures {
    /// Seconds in the class planned / seconds planned; `None` when nothing was planned.
    pub fn adherence(&self) -> Option<f64> {
        ratio(self.adherent, self.scheduled)
    }

    /// Seconds worked / seconds planned, both of those that are paid for; more than 1 for who did more.
    pub fn conformance(&self) -> Option<f64> {
        ratio(self.paid, self.paid_planned)
    }
}

fn ratio(part: Duration, whole: Duration) -> Option<f64> {
    (!whole.is_zero()).then(|| part.as_secs_f64() / whole.as_secs_f64())
}

/// Compares a plan with a day. Both in order of time and each without overlaps; what is missing of the day counts as
/// logged out.
pub fn judge(plan: &[Planned], day: &[Lived], statuses: &Statuses, grace: Duration) -> Figures {
    let mut figures = Figures::default();
    for stretch in day {
        let lasted = stretch.until.since(stretch.from);
        if stretch.presence != Presence::LoggedOut {
            figures.logged_in += lasted;
        }
        if let Presence::Chosen(status) = stretch.presence {
            let rules = statuses.of(status);
            figures.paid += if rules.paid { lasted } else { Duration::ZERO };
            figures.productive += if rules.productive { lasted } else { Duration::ZERO };
        }
    }
    let mut rest = day;
    for planned in plan {
        if statuses.of(planned.status).paid {
            figures.paid_planned += planned.until.since(planned.from);
        }
        while let [first, others @ ..] = rest
            && first.until <= planned.from
        {
            rest = others;
        }
        judge_stretch(&mut figures, *planned, rest, grace);
    }
    figures
}

/// Compares one stretch of the plan; `day` begins with what may touch it.
fn judge_stretch(figures: &mut Figures, planned: Planned, day: &[Lived], grace: Duration) {
    let wanted = Class::of(planned.status);
    let (mut at, mut astray) = (planned.from, Duration::ZERO);
    let settle = |figures: &mut Figures, astray: &mut Duration| {
        let lasted = std::mem::take(astray);
        figures.scheduled += lasted;
        figures.adherent += if lasted <= grace { lasted } else { Duration::ZERO };
    };
    for stretch in day.iter().take_while(|stretch| stretch.from < planned.until) {
        let (from, until) = (stretch.from.max(at), stretch.until.min(planned.until));
        // Nothing is known of the time before it: he wasn't there.
        astray += from.since(at);
        let lasted = until.since(from);
        at = at.max(until);
        let Presence::Chosen(status) = stretch.presence else {
            astray += lasted;
            continue;
        };
        let class = Class::of(status);
        if class.is_none() && wanted.is_some() {
            settle(figures, &mut astray);
            figures.excused += lasted;
        } else if class == wanted {
            settle(figures, &mut astray);
            figures.scheduled += lasted;
            figures.adherent += lasted;
        } else {
            astray += lasted;
        }
    }
    astray += planned.until.since(at);
    settle(figures, &mut astray);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_secs(minutes * 60)
    }

    fn plan(from: u64, until: u64, status: Status) -> Planned {
        Planned { from: at(from), until: at(until), status }
    }

    fn lived(from: u64, until: u64, status: Status) -> Lived {
        Lived { from: at(from), until: at(until), presence: Presence::Chosen(status) }
    }

    /// Scheduled, adherent and excused minutes.
    fn judged(plan: &[Planned], day: &[Lived]) -> (u64, u64, u64) {
        let figures = judge(plan, day, &Statuses::default(), GRACE);
        let minutes = |time: Duration| time.as_secs() / 60;
        (minutes(figures.scheduled), minutes(figures.adherent), minutes(figures.excused))
    }

    #[test]
    fn a_day_as_planned_is_adherent_whatever_the_meeting_was_called() {
        let asked = [
            plan(0, 60, Status::Ready),
            plan(60, 75, Status::Training),
            plan(75, 115, Status::Lunch),
        ];
        let day = [
            lived(0, 30, Status::Ready),
            lived(30, 60, Status::NotReady),
            lived(60, 75, Status::GroupMeeting),
            lived(75, 115, Status::Lunch),
        ];
        assert_eq!(judged(&asked, &day), (115, 115, 0));
        let figures = judge(&asked, &day, &Statuses::default(), GRACE);
        assert_eq!(figures.adherence(), Some(1.0));
        assert_eq!(figures.conformance(), Some(1.0), "lunch is paid on neither side");
        assert_eq!(figures.logged_in.as_secs(), 115 * 60);
    }

    #[test]
    fn up_to_a_minute_astray_is_none_and_more_counts_whole() {
        let asked = [plan(0, 60, Status::Ready)];
        assert_eq!(judged(&asked, &[lived(1, 60, Status::Ready)]), (60, 60, 0), "a minute late");
        assert_eq!(judged(&asked, &[lived(2, 60, Status::Ready)]), (60, 58, 0));
        let away = |until| {
            [
                lived(0, 30, Status::Ready),
                lived(30, until, Status::ShortBreak),
                lived(until, 60, Status::Ready),
            ]
        };
        assert_eq!(judged(&asked, &away(31)), (60, 60, 0));
        assert_eq!(judged(&asked, &away(32)), (60, 58, 0));
        // A minute of a break and a minute of nothing are one deviation of two.
        let gone = [
            lived(0, 30, Status::Ready),
            lived(30, 31, Status::ShortBreak),
            lived(32, 60, Status::Ready),
        ];
        assert_eq!(judged(&asked, &gone), (60, 58, 0));
    }

    #[test]
    fn technical_problems_are_nobodys_fault_and_who_is_lost_is_not_there() {
        let asked = [plan(0, 60, Status::Ready)];
        let day = [lived(0, 40, Status::Ready), lived(40, 60, Status::TechnicalProblems)];
        assert_eq!(judged(&asked, &day), (40, 40, 20));
        let lost = Lived { presence: Presence::NotResponding, ..lived(40, 60, Status::Ready) };
        assert_eq!(judged(&asked, &[day[0], lost]), (60, 40, 0));
        assert_eq!(judged(&asked, &[]), (60, 0, 0));
        assert_eq!(judge(&[], &day, &Statuses::default(), GRACE).adherence(), None);
    }

    #[test]
    fn work_at_another_time_conforms_and_does_not_adhere() {
        let asked = [plan(0, 60, Status::Ready)];
        let late = judge(&asked, &[lived(60, 150, Status::Ready)], &Statuses::default(), GRACE);
        assert_eq!((late.adherence(), late.conformance()), (Some(0.0), Some(1.5)));
    }

    #[test]
    fn a_stretch_of_the_day_serves_several_of_the_plan() {
        let asked = [plan(0, 10, Status::Ready), plan(20, 30, Status::Ready)];
        assert_eq!(judged(&asked, &[lived(0, 40, Status::Ready)]), (20, 20, 0));
        let lunch = [plan(0, 10, Status::Ready), plan(10, 50, Status::Lunch)];
        assert_eq!(judged(&lunch, &[lived(0, 50, Status::Ready)]), (50, 10, 0));
    }
}
