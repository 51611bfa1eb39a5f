//! What one stage has shown so far: sums by stratum and arm, of callers as they were drawn.
//!
//! - The unit is a caller's first eligible call within the stage; his later ones only matter as outcomes of it.
//! - He counts for the arm that he was drawn for, whoever served him (intention to treat). Those of the bot's arm who
//!   reached the bot are summed once more beside it (per protocol).
//! - An outcome counts from the moment at which it is known for both arms alike: bad news must not come early.
//! - Calls that were drawn at another share are left out: stages are never pooled. They would compare callers of a good
//!   week with callers of a bad one.
//!
//! All sums are whole numbers: the order in which observations come changes nothing but which call is a caller's first.

use super::assign::{Arm, Share};
use super::plan::Plan;
use super::stats::{Pair, Sums, Value};
use crate::ids::CallId;
use crate::limits;
use dozvon_clock::Timestamp;
use jiff::ToSpan;
use jiff::civil::date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long after a call's beginning its caller is counted, and no outcome of his earlier: whether the call reached the
/// bot is then known.
pub const SETTLE: Duration = Duration::from_secs(3_600);

/// Seconds of a week.
const WEEK_SECS: i64 = 7 * 86_400;

/// Callers who may be compared with each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stratum {
    /// The week of the call: [`Stratum::week_of`].
    pub week: u32,
    /// Whether it was within working hours.
    pub hours: Hours,
    /// The customers he is one of; one word for all where there is none.
    pub group: Arc<str>,
}

/// Whether a call came within working hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// Within.
    Working,
    /// Outside: nights, weekends, holidays.
    Other,
}

impl Stratum {
    /// The week of a moment, in weeks of Monday to Sunday since that of 1970-01-01, by clocks that go so many seconds
    /// before UTC.
    pub fn week_of(at: Timestamp, utc_offset_secs: i32) -> u32 {
        // The epoch was a Thursday, three days after a Monday.
        let local = at.as_secs() as i64 + i64::from(utc_offset_secs) + 3 * 86_400;
        u32::try_from(local.div_euclid(WEEK_SECS)).unwrap_or_default()
    }
}

impl fmt::Display for Stratum {
    /// The Monday of the week, the hours, the group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let monday = date(1969, 12, 29).saturating_add(i64::from(self.week.min(99_999)).weeks());
        let hours = match self.hours {
            Hours::Working => "working",
            Hours::Other => "other",
        };
        write!(f, "{monday} {hours} {}", self.group)
    }
}

/// One drawn call, as far as it is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The call.
    pub call: CallId,
    /// When it came in.
    pub at: Timestamp,
    /// Whose it was: [`super::Rollout::number`].
    pub subject: u64,
    /// The arm drawn.
    pub arm: Arm,
    /// The bot's share at that moment.
    pub share: Share,
    /// Whether the drawn bot was reached; always true for people.
    pub delivered: bool,
    /// With whom it may be compared.
    pub stratum: Stratum,
    /// Its outcomes, as many as are decided.
    pub outcomes: Vec<Known>,
}

/// One decided outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The metric's place in [`Plan::metrics`].
    pub metric: usize,
    /// When it was decided.
    pub at: Timestamp,
    /// What came out; `None` when the call gives no value, as of a survey that nobody answered.
    pub value: Option<Value>,
}

/// Counts of callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callers {
    /// Drawn for the bot.
    pub bot: u64,
    /// Of them, those who did not reach it.
    pub not_delivered: u64,
    /// Drawn for people.
    pub people: u64,
    /// Further calls of callers counted already.
    pub again: u64,
    /// Calls drawn at another share.
    pub other_share: u64,
    /// Callers past a bound of `limits.rs`.
    pub left_out: u64,
}

/// One metric in one stratum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Values by arm drawn.
    pub drawn: Pair,
    /// Values of the bot's arm that reached the bot.
    pub delivered: Sums,
    /// Decided outcomes of the bot's arm, with and without a value.
    pub asked_bot: u64,
    /// The same of the people's arm.
    pub asked_people: u64,
}

/// What one stage has shown until a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    stage: usize,
    share: Share,
    metrics: usize,
    since: Timestamp,
    until: Timestamp,
    last: Timestamp,
    callers: Callers,
    first_calls: BTreeSet<u64>,
    strata: BTreeMap<Stratum, usize>,
    cells: Vec<Cell>,
    pending: BTreeMap<Timestamp, Vec<Pending>>,
}

/// What will be known later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Caller { arm: Arm, delivered: bool },
    Outcome { cell: usize, arm: Arm, delivered: bool, value: Option<Value> },
}

impl Evidence {
    /// Nothing yet of this stage of the plan, which began at `since`.
    pub fn new(plan: &Plan, stage: usize, since: Timestamp) -> Evidence {
        Evidence {
            stage,
            share: plan.stages[stage].share,
            metrics: plan.metrics.len(),
            since,
            until: since,
            last: since,
            callers: Callers::default(),
            first_calls: BTreeSet::new(),
            strata: BTreeMap::new(),
            cells: Vec::new(),
            pending: BTreeMap::new(),
        }
    }

    /// All that these observations show of a stage at one moment, in whatever order they are.
    pub fn gather(
        plan: &Plan,
        stage: usize,
        since: Timestamp,
        until: Timestamp,
        observations: &[Observation],
    ) -> Evidence {
        let mut evidence = Evidence::new(plan, stage, since);
        let within = |o: &&Observation| o.at >= since && o.at <= until;
        let mut ordered: Vec<&Observation> = observations.iter().filter(within).collect();
        ordered.sort_by_key(|observation| (observation.at, observation.call));
        ordered.into_iter().for_each(|observation| evidence.admit(observation));
        evidence.mature(until);
        evidence
    }

    /// Takes in one call; calls come in the order of their beginnings. It counts once [`Evidence::mature`] comes to
    /// what it has shown. Calls from before the stage are ignored.
    pub fn admit(&mut self, observation: &Observation) {
        if observation.at < self.since {
            return;
        }
        assert!(observation.at >= self.last, "observations must come in the order of their calls");
        self.last = observation.at;
        if observation.share != self.share {
            self.callers.other_share += 1;
            return;
        }
        if self.first_calls.contains(&observation.subject) {
            self.callers.again += 1;
            return;
        }
        let room = self.first_calls.len() < limits::ROLLOUT_UNITS_MAX;
        let Some(stratum) = self.stratum(&observation.stratum).filter(|_| room) else {
            self.callers.left_out += 1;
            return;
        };
        self.first_calls.insert(observation.subject);
        let Observation { arm, delivered, .. } = *observation;
        let settled = observation.at + SETTLE;
        self.later(settled, Pending::Caller { arm, delivered });
        let metrics = self.metrics;
        for known in observation.outcomes.iter().filter(|known| known.metric < metrics) {
            let cell = stratum * metrics + known.metric;
            let value = known.value;
            let at = known.at.max(settled);
            self.later(at, Pending::Outcome { cell, arm, delivered, value });
        }
    }

    fn later(&mut self, at: Timestamp, pending: Pending) {
        self.pending.entry(at).or_default().push(pending);
    }

    fn stratum(&mut self, stratum: &Stratum) -> Option<usize> {
        if let Some(place) = self.strata.get(stratum) {
            return Some(*place);
        }
        let place = self.strata.len();
        if place >= limits::ROLLOUT_STRATA_MAX {
            return None;
        }
        self.strata.insert(stratum.clone(), place);
        self.cells.resize(self.cells.len() + self.metrics, Cell::default());
        Some(place)
    }

    /// Counts everything that is known at `until`.
    pub fn mature(&mut self, until: Timestamp) {
        while let Some(entry) = self.pending.first_entry() {
            if *entry.key() > until {
                break;
            }
            for pending in entry.remove() {
                self.count(pending);
            }
        }
        self.until = self.until.max(until);
    }

    fn count(&mut self, pending: Pending) {
        match pending {
            Pending::Caller { arm: Arm::Bot, delivered } => {
                self.callers.bot += 1;
                self.callers.not_delivered += u64::from(!delivered);
            }
            Pending::Caller { arm: Arm::People, .. } => self.callers.people += 1,
            Pending::Outcome { cell, arm, delivered, value } => {
                let cell = &mut self.cells[cell];
                match arm {
                    Arm::Bot => cell.asked_bot += 1,
                    Arm::People => cell.asked_people += 1,
                }
                let Some(value) = value else { return };
                match arm {
                    Arm::Bot => cell.drawn.bot.add(value),
                    Arm::People => cell.drawn.people.add(value),
                }
                if arm == Arm::Bot && delivered {
                    cell.delivered.add(value);
                }
            }
        }
    }

    /// The stage's place in the plan.
    pub const fn stage(&self) -> usize {
        self.stage
    }

    /// When the stage began.
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// The moment up to which everything known is counted.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Callers by arm.
    pub const fn callers(&self) -> Callers {
        self.callers
    }

    /// One metric's cells, in the order of their strata.
    pub fn cells(&self, metric: usize) -> impl Iterator<Item = (&Stratum, &Cell)> {
        assert!(metric < self.metrics, "a metric of the plan");
        self.strata
            .iter()
            .map(move |(stratum, place)| (stratum, &self.cells[place * self.metrics + metric]))
    }

    /// One metric by stratum, as drawn.
    pub fn drawn(&self, metric: usize) -> Vec<Pair> {
        self.cells(metric).map(|(_, cell)| cell.drawn).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const HOUR: u64 = 3_600;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_secs(1_772_409_600 + hours * HOUR)
    }

    fn call(number: u64, hours: u64, arm: Arm, resolved: bool) -> Observation {
        let week = Stratum::week_of(at(hours), 0);
        let known = at(hours + 7 * 24);
        Observation {
            call: CallId(number),
            at: at(hours),
            subject: number,
            arm,
            share: Share::Tenth,
            delivered: true,
            stratum: Stratum { week, hours: Hours::Working, group: "retail".into() },
            outcomes: vec![Known { metric: 0, at: known, value: Some(Value::yes(resolved)) }],
        }
    }

    fn gather(until: Timestamp, observations: &[Observation]) -> Evidence {
        Evidence::gather(&sample::plan(), 0, at(0), until, observations)
    }

    #[test]
    fn an_outcome_counts_when_it_is_known_and_not_before() {
        let calls = [call(1, 0, Arm::Bot, true), call(2, 1, Arm::People, false)];
        let early = gather(at(7 * 24 - 1), &calls);
        assert_eq!((early.callers().bot, early.callers().people), (1, 1), "they were drawn");
        assert_eq!(Pair::pooled(&early.drawn(0)), Pair::default(), "and nothing is known of them");
        let late = gather(at(7 * 24), &calls);
        assert_eq!(Pair::pooled(&late.drawn(0)).bot, Sums::of_yes(1, 1));
        assert_eq!(Pair::pooled(&late.drawn(0)).people, Sums::default());
    }

    #[test]
    fn a_caller_counts_once_a_stage_by_his_first_call() {
        let mut again = call(3, 5, Arm::Bot, true);
        again.subject = 1;
        let calls = [again, call(1, 0, Arm::Bot, false), call(2, 1, Arm::People, true)];
        let evidence = gather(at(1_000), &calls);
        assert_eq!(evidence.callers().again, 1);
        assert_eq!(Pair::pooled(&evidence.drawn(0)).bot, Sums::of_yes(0, 1), "the first one");
    }

    #[test]
    fn stages_of_different_shares_are_never_pooled() {
        let mut other = call(1, 0, Arm::Bot, true);
        other.share = Share::Half;
        let evidence = gather(at(1_000), &[other, call(2, 1, Arm::Bot, true)]);
        assert_eq!((evidence.callers().other_share, evidence.callers().bot), (1, 1));
        let early =
            Evidence::gather(&sample::plan(), 0, at(1), at(1_000), &[call(1, 0, Arm::Bot, true)]);
        assert_eq!(early.callers(), Callers::default(), "and a stage begins with its first day");
    }

    #[test]
    fn whom_the_bot_did_not_reach_stays_in_its_arm() {
        let mut lost = call(1, 0, Arm::Bot, false);
        lost.delivered = false;
        let evidence = gather(at(1_000), &[lost, call(2, 1, Arm::Bot, true)]);
        assert_eq!((evidence.callers().bot, evidence.callers().not_delivered), (2, 1));
        let (_, cell) = evidence.cells(0).next().unwrap();
        assert_eq!(cell.drawn.bot, Sums::of_yes(1, 2));
        assert_eq!(cell.delivered, Sums::of_yes(1, 1));
    }

    #[test]
    fn who_gives_no_answer_is_asked_all_the_same() {
        let mut silent = call(1, 0, Arm::Bot, true);
        silent.outcomes[0].value = None;
        let evidence = gather(at(1_000), &[silent, call(2, 1, Arm::Bot, true)]);
        let (_, cell) = evidence.cells(0).next().unwrap();
        assert_eq!((cell.asked_bot, cell.drawn.bot.n), (2, 1));
    }

    #[test]
    fn day_by_day_and_all_at_once_are_the_same() {
        let calls: Vec<Observation> = (0..500)
            .map(|n| {
                let arm = if n % 10 == 0 { Arm::Bot } else { Arm::People };
                call(n, n, arm, n % 3 != 0)
            })
            .collect();
        let mut daily = Evidence::new(&sample::plan(), 0, at(0));
        let mut left = calls.iter().peekable();
        for day in 1..=20 {
            while let Some(call) = left.next_if(|call| call.at <= at(day * 24)) {
                daily.admit(call);
            }
            daily.mature(at(day * 24));
        }
        let mut shuffled = calls.clone();
        shuffled.reverse();
        assert_eq!(daily, gather(at(20 * 24), &shuffled));
    }

    #[test]
    fn past_the_bound_of_strata_callers_are_left_out_and_counted() {
        let calls: Vec<Observation> = (0..limits::ROLLOUT_STRATA_MAX as u64 + 3)
            .map(|n| {
                let mut call = call(n, 0, Arm::Bot, true);
                call.stratum.group = format!("group {n}").into();
                call
            })
            .collect();
        let evidence = gather(at(1_000), &calls);
        assert_eq!(evidence.callers().left_out, 3);
        assert_eq!(evidence.callers().bot, limits::ROLLOUT_STRATA_MAX as u64);
    }

    #[test]
    fn weeks_begin_on_monday_by_local_clocks() {
        // 2026-03-01 was a Sunday.
        let sunday = Timestamp::from_secs(1_772_323_200 + 20 * HOUR);
        let week = Stratum::week_of(sunday, 0);
        assert_eq!(Stratum::week_of(sunday, 5 * 3_600), week + 1, "Monday in Almaty");
        let stratum = Stratum { week: week + 1, hours: Hours::Other, group: "retail".into() };
        assert_eq!(stratum.to_string(), "2026-03-02 other retail");
    }
}
