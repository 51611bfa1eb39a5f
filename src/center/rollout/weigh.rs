//! The figures of one moment: what the evidence of a stage comes to, metric by metric.
//!
//! Every figure is counted from the whole numbers that stand beside it, in one place. So a stored decision can be
//! counted again ([`Figures::recounted`]), and must come to the same bytes.

use super::evidence::{Callers, Cell, Evidence, Stratum};
use super::measure::{Kind, Measure};
use super::plan::{Analysis, Metric, Plan, Role};
use super::stats::difference::{self, Difference};
use super::stats::mismatch::{self, Mismatch};
use super::stats::{Pair, Sums, score, sequence};
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Everything a decision is made on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// When the stage began.
    pub since: Timestamp,
    /// Up to when everything known is counted.
    pub until: Timestamp,
    /// Callers by arm.
    pub callers: Callers,
    /// The share of drawn callers that the bot should have.
    pub bot_fraction: f64,
    /// Whether the arms have it.
    pub mismatch: Mismatch,
    /// The bot's values against those needed, of the guardrail that has the fewest; 1 is the planned sample.
    pub progress: f64,
    /// The metrics in the order of the plan.
    pub metrics: Vec<Weighed>,
}

/// One stratum of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub stratum: Stratum,
    /// Its sums.
    pub cell: Cell,
}

/// Which test a Z is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The difference over its standard error.
    Plain,
    /// Miettinen and Nurminen's, where an arm has few failures or few successes.
    Score,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    /// Its name.
    pub name: Arc<str>,
    /// What is measured.
    pub measure: Measure,
    /// What it decides.
    pub role: Role,
    /// The counts, in the order of their strata.
    pub rows: Vec<Row>,
    /// The bot's values needed; 0 where none are.
    pub needed: u64,
    /// The bot's arm less the people's over strata; nothing before a stratum has both.
    pub difference: Option<Difference>,
    /// The same of callers whom the bot really had.
    pub delivered: Option<Difference>,
    /// Of "no worse by the margin" for a guardrail, of "better" for a success; 0 while nothing is known.
    pub z: f64,
    /// Which test it is of.
    pub method: Method,
    /// Half the width of the confidence sequence.
    pub half: Option<f64>,
}

/// Why a metric does not let a stage pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Z is below the bound.
    NotShown,
    /// Callers whom the bot really had fared worse by more than the margin.
    NotAmongDelivered,
    /// The difference seen is beyond the margin.
    BeyondMargin,
    /// The bot's arm is below the floor.
    BelowFloor,
    /// The bot's arm is above the ceiling.
    AboveCeiling,
    /// One arm answers more often than the other, so answers can't be compared.
    UnevenResponse,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Doubt::NotShown => "not shown: Z is below the bound",
            Doubt::NotAmongDelivered => "beyond the margin among callers whom the bot really had",
            Doubt::BeyondMargin => "the difference is beyond the margin",
            Doubt::BelowFloor => "below the floor",
            Doubt::AboveCeiling => "above the ceiling",
            Doubt::UnevenResponse => "one arm answers more often than the other",
        })
    }
}

impl Figures {
    /// The figures of a stage's evidence.
    pub fn of(plan: &Plan, evidence: &Evidence) -> Figures {
        let row =
            |(stratum, cell): (&Stratum, &Cell)| Row { stratum: stratum.clone(), cell: *cell };
        let rows = (0..plan.metrics.len()).map(|n| evidence.cells(n).map(row).collect());
        let (since, until) = (evidence.since(), evidence.until());
        Figures::count(plan, evidence.stage(), (since, until), evidence.callers(), rows)
    }

    /// Every figure counted again from the counts that stand here, which are whole numbers.
    #[must_use]
    pub fn recounted(&self, plan: &Plan, stage: usize) -> Figures {
        let rows = self.metrics.iter().map(|weighed| weighed.rows.clone());
        Figures::count(plan, stage, (self.since, self.until), self.callers, rows)
    }

    fn count(
        plan: &Plan,
        stage: usize,
        (since, until): (Timestamp, Timestamp),
        callers: Callers,
        rows: impl Iterator<Item = Vec<Row>>,
    ) -> Figures {
        let stage = &plan.stages[stage];
        let bot_fraction = plan.bot_fraction(stage);
        let weigh = |(metric, rows)| Weighed::of(plan, metric, rows, plan.needed(stage, metric));
        let metrics: Vec<Weighed> = plan.metrics.iter().zip(rows).map(weigh).collect();
        let guardrails = metrics.iter().filter(|weighed| weighed.needed > 0);
        let progress = guardrails.map(|w| w.pooled().bot.n as f64 / w.needed as f64);
        Figures {
            since,
            until,
            callers,
            bot_fraction,
            mismatch: mismatch::check(callers.bot, callers.people, bot_fraction),
            progress: progress.reduce(f64::min).unwrap_or_default(),
            metrics,
        }
    }

    /// The share of the bot's arm that did not reach it.
    pub fn not_delivered(&self) -> f64 {
        self.callers.not_delivered as f64 / (self.callers.bot as f64).max(1.0)
    }

    /// A guardrail on which the bot is worse beyond doubt, if there is one.
    pub fn worse<'a>(&'a self, plan: &'a Plan) -> Option<&'a Weighed> {
        self.guardrails(plan).map(|(_, weighed)| weighed).find(|weighed| weighed.is_worse())
    }

    /// A guardrail that takes callers back: on which the bot is worse beyond doubt and beyond the margin.
    pub fn unbearable<'a>(&'a self, plan: &'a Plan) -> Option<&'a Weighed> {
        self.guardrails(plan)
            .filter(|(metric, _)| metric.can_roll_back())
            .find(|(metric, w)| w.is_worse() && w.improvement().d < -metric.margin())
            .map(|(_, weighed)| weighed)
    }

    /// Guardrails with enough values in both arms to be watched.
    fn guardrails<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (&'a Metric, &'a Weighed)> + 'a {
        let enough = |w: &Weighed| {
            let Pair { bot, people } = w.pooled();
            bot.n.min(people.n) >= plan.rollback.calls_min
        };
        let pairs = plan.metrics.iter().zip(&self.metrics);
        pairs.filter(move |(metric, w)| metric.is_guardrail() && enough(w))
    }

    /// What keeps the stage from passing at a look with this bound; nothing when it passes.
    pub fn doubts(&self, plan: &Plan, bound: f64) -> Vec<(Arc<str>, Doubt)> {
        let pairs = plan.metrics.iter().zip(&self.metrics);
        let doubt = |(metric, weighed): (&Metric, &Weighed)| {
            let doubt = weighed.doubt(metric, &plan.analysis, bound)?;
            Some((Arc::clone(&weighed.name), doubt))
        };
        pairs.filter_map(doubt).collect()
    }
}

impl Weighed {
    /// Weighs the counts of one metric.
    pub fn of(plan: &Plan, metric: &Metric, rows: Vec<Row>, needed: u64) -> Weighed {
        let drawn: Vec<Pair> = rows.iter().map(|row| row.cell.drawn).collect();
        let reached: Vec<Pair> = rows
            .iter()
            .map(|row| Pair { bot: row.cell.delivered, people: row.cell.drawn.people })
            .collect();
        let measure = metric.measure;
        let difference = known(measure, &drawn);
        let (z, method) = statistic(metric, &plan.analysis, &drawn, difference);
        let half = difference.map(|difference| {
            sequence::half_width(difference.v, metric.rho(), plan.rollback.alpha)
        });
        Weighed {
            name: Arc::clone(&metric.name),
            measure,
            role: metric.role,
            needed,
            difference,
            delivered: known(measure, &reached),
            z,
            method,
            half: half.filter(|half| half.is_finite()),
            rows,
        }
    }

    /// All strata together, for counts only.
    pub fn pooled(&self) -> Pair {
        self.rows.iter().fold(Pair::default(), |all, row| Pair {
            bot: all.bot.plus(row.cell.drawn.bot),
            people: all.people.plus(row.cell.drawn.people),
        })
    }

    /// The difference counted so that better is larger.
    pub fn improvement(&self) -> Difference {
        let difference = self.difference.unwrap_or(Difference::UNKNOWN);
        difference.improvement(self.measure.lower_is_better())
    }

    /// Whether the bot is worse beyond doubt: the whole confidence sequence lies below 0.
    pub fn is_worse(&self) -> bool {
        self.half.is_some_and(|half| self.improvement().d + half < 0.0)
    }

    /// The shares of decided outcomes that have a value, of the bot's and the people's arm; 0 of nothing.
    pub fn responses(&self) -> (f64, f64) {
        let asked = |of: fn(&Cell) -> u64| self.rows.iter().map(|row| of(&row.cell)).sum::<u64>();
        let share = |sums: Sums, asked: u64| sums.n as f64 / (asked as f64).max(1.0);
        let Pair { bot, people } = self.pooled();
        (share(bot, asked(|cell| cell.asked_bot)), share(people, asked(|cell| cell.asked_people)))
    }

    fn doubt(&self, metric: &Metric, analysis: &Analysis, bound: f64) -> Option<Doubt> {
        let lower = self.measure.lower_is_better();
        match metric.role {
            Role::Guardrail { .. } => {
                let (bot, people) = self.responses();
                let surveyed = metric.response < 1.0;
                let delivered = self.delivered.map(|d| d.improvement(lower).d);
                if surveyed && (bot - people).abs() > analysis.response_gap_max {
                    Some(Doubt::UnevenResponse)
                } else if self.z < bound {
                    Some(Doubt::NotShown)
                } else if delivered.is_none_or(|d| d < -metric.margin()) {
                    Some(Doubt::NotAmongDelivered)
                } else {
                    None
                }
            }
            Role::Sensitivity { .. } => {
                let beyond = self.difference.is_none() || self.improvement().d < -metric.margin();
                beyond.then_some(Doubt::BeyondMargin)
            }
            Role::Success { required } => (required && self.z < bound).then_some(Doubt::NotShown),
            Role::Floor { min } => (self.pooled().bot.mean() < min).then_some(Doubt::BelowFloor),
            Role::Ceiling { max } => {
                (self.pooled().bot.mean() > max).then_some(Doubt::AboveCeiling)
            }
            Role::Information => None,
        }
    }
}

/// The difference of the arms, where any stratum has both.
fn known(measure: Measure, strata: &[Pair]) -> Option<Difference> {
    let difference = match measure.kind() {
        Kind::YesNo => difference::of_shares(strata),
        Kind::Mean | Kind::LogMean => difference::of_means(strata),
    };
    (difference.v.is_finite()).then_some(difference)
}

fn statistic(
    metric: &Metric,
    analysis: &Analysis,
    strata: &[Pair],
    difference: Option<Difference>,
) -> (f64, Method) {
    let compares = matches!(metric.role, Role::Guardrail { .. } | Role::Success { .. });
    let Some(difference) = difference.filter(|_| compares) else { return (0.0, Method::Plain) };
    let lower = metric.measure.lower_is_better();
    if metric.measure.kind() == Kind::YesNo && has_few(strata, analysis.failures_min) {
        let z = if lower {
            -score::z(strata, metric.margin())
        } else {
            score::z(strata, -metric.margin())
        };
        return (z, Method::Score);
    }
    (difference.improvement(lower).z(metric.margin()), Method::Plain)
}

/// Whether one of the arms has fewer failures or successes than this.
fn has_few(strata: &[Pair], min: u64) -> bool {
    let Pair { bot, people } = Pair::pooled(strata);
    let few = |sums: Sums| {
        let yes = sums.total();
        yes.min(sums.n as f64 - yes) < min as f64
    };
    few(bot) || few(people)
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Hours;
    use super::super::sample;
    use super::*;

    fn row(week: u32, bot: (u64, u64), people: (u64, u64)) -> Row {
        let drawn =
            Pair { bot: Sums::of_yes(bot.0, bot.1), people: Sums::of_yes(people.0, people.1) };
        let cell = Cell { drawn, delivered: drawn.bot, asked_bot: bot.1, asked_people: people.1 };
        let stratum = Stratum { week, hours: Hours::Working, group: "all".into() };
        Row { stratum, cell }
    }

    fn weighed(metric: usize, rows: Vec<Row>) -> Weighed {
        let plan = sample::plan();
        Weighed::of(&plan, &plan.metrics[metric], rows, 770)
    }

    fn doubt(weighed: &Weighed, metric: &Metric) -> Option<Doubt> {
        weighed.doubt(metric, &sample::plan().analysis, 1.678)
    }

    #[test]
    fn an_equal_bot_with_enough_calls_passes_and_one_with_few_does_not() {
        let metric = &sample::plan().metrics[0];
        let enough = weighed(0, vec![row(1, (616, 770), (5_544, 6_930))]);
        assert!(enough.z > 3.0 && enough.method == Method::Plain, "{enough:?}");
        assert_eq!(doubt(&enough, metric), None);
        let few = weighed(0, vec![row(1, (64, 80), (560, 700))]);
        assert_eq!(doubt(&few, metric), Some(Doubt::NotShown));
        assert_eq!(doubt(&weighed(0, vec![]), metric), Some(Doubt::NotShown));
    }

    #[test]
    fn less_is_better_for_hang_ups() {
        let metric = &sample::plan().metrics[1];
        let good = weighed(1, vec![row(1, (12, 800), (216, 7_200))]);
        let bad = weighed(1, vec![row(1, (70, 800), (216, 7_200))]);
        assert!(good.z > 4.0, "{good:?}");
        assert_eq!((doubt(&good, metric), good.is_worse()), (None, false));
        assert_eq!((doubt(&bad, metric), bad.is_worse()), (Some(Doubt::NotShown), true));
    }

    #[test]
    fn few_failures_are_judged_by_the_score_test() {
        let few = weighed(1, vec![row(1, (3, 800), (216, 7_200))]);
        assert_eq!(few.method, Method::Score);
        // The same by hand: the score statistic of "worse by 0.03", turned over.
        let pair = Pair { bot: Sums::of_yes(3, 800), people: Sums::of_yes(216, 7_200) };
        assert_eq!(few.z, -score::z(&[pair], 0.03));
        assert!(few.z > 4.0, "{}", few.z);
    }

    #[test]
    fn those_whom_the_bot_really_had_must_not_fare_worse() {
        let mut rows = vec![row(1, (616, 770), (5_544, 6_930))];
        rows[0].cell.delivered = Sums::of_yes(500, 700);
        let metric = &sample::plan().metrics[0];
        assert_eq!(doubt(&weighed(0, rows), metric), Some(Doubt::NotAmongDelivered));
    }

    #[test]
    fn answers_are_not_compared_where_one_arm_answers_more_often() {
        let plan = sample::plan();
        let metric = sample::survey();
        let mut one = row(1, (0, 0), (0, 0));
        for n in 0..1_000u64 {
            let value = super::super::stats::Value::of(3.0 + (n % 3) as f64);
            one.cell.drawn.people.add(value);
            if n % 2 == 0 {
                one.cell.drawn.bot.add(value);
                one.cell.delivered.add(value);
            }
        }
        (one.cell.asked_bot, one.cell.asked_people) = (2_500, 8_000);
        let weighed = Weighed::of(&plan, &metric, vec![one.clone()], 500);
        assert_eq!(weighed.responses(), (0.2, 0.125));
        assert_eq!(doubt(&weighed, &metric), Some(Doubt::UnevenResponse));
        one.cell.asked_bot = 4_000;
        assert_eq!(doubt(&Weighed::of(&plan, &metric, vec![one], 500), &metric), None);
    }

    #[test]
    fn floors_ceilings_and_second_sights_need_no_test() {
        let plan = sample::plan();
        let rows = vec![row(1, (500, 1_000), (800, 1_000))];
        for (role, expected) in [
            (Role::Floor { min: 0.51 }, Some(Doubt::BelowFloor)),
            (Role::Floor { min: 0.5 }, None),
            (Role::Ceiling { max: 0.49 }, Some(Doubt::AboveCeiling)),
            (Role::Ceiling { max: 0.5 }, None),
            (Role::Sensitivity { margin: 0.29 }, Some(Doubt::BeyondMargin)),
            (Role::Sensitivity { margin: 0.31 }, None),
            (Role::Success { required: true }, Some(Doubt::NotShown)),
            (Role::Success { required: false }, None),
            (Role::Information, None),
        ] {
            let metric = Metric { role, ..plan.metrics[0].clone() };
            let weighed = Weighed::of(&plan, &metric, rows.clone(), 0);
            assert_eq!(doubt(&weighed, &metric), expected, "{role:?}");
        }
    }

    #[test]
    fn worse_and_unbearable_are_two_things() {
        let plan = sample::plan();
        let figures = |bot| Figures {
            since: Timestamp::EPOCH,
            until: Timestamp::EPOCH,
            callers: Callers::default(),
            bot_fraction: 0.1,
            mismatch: Mismatch { chi_square: 0.0, p: 1.0 },
            progress: 0.0,
            metrics: vec![
                weighed(0, vec![row(1, (616, 770), (5_544, 6_930))]),
                weighed(1, vec![row(1, bot, (300, 10_000))]),
            ],
        };
        let few = figures((29, 29));
        assert!(few.worse(&plan).is_none(), "30 calls in each arm are the least");
        let bad = figures((110, 1_000));
        assert_eq!(bad.unbearable(&plan).map(|w| &*w.name), Some("early_hangup"));
        // Worse by two points of the three that are borne, and known to be worse.
        let worse = figures((1_000, 20_000));
        assert!(worse.worse(&plan).is_some() && worse.unbearable(&plan).is_none());
    }
}
