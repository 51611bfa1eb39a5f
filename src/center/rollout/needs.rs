//! How many calls and days a plan takes, before it begins; a plan that can't finish is refused.
//!
//! For each stage and guardrail the calls of [`super::stats::size`]; divided by the bot's share they are calls of the
//! option, and by the calls of a day they are days, never fewer than `min_days`. The days until the outcome of the last
//! of them is known come on top. All metrics count at the same time, so a stage takes as long as its slowest one.
//! Every metric that decides is waited for, guardrail or not.

use super::assign::Share;
use super::plan::{DAY, Metric, Plan, Problem, Stage};
use super::stats::size;
use crate::limits;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// What one guardrail takes in one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Need {
    /// The stage.
    pub stage: Arc<str>,
    /// Its share.
    pub share: Share,
    /// The metric.
    pub metric: Arc<str>,
    /// The power that it has of its own.
    pub power: f64,
    /// Values in the bot's arm.
    pub bot_values: u64,
    /// Calls of the bot's arm, with those that give no value.
    pub bot_calls: u64,
    /// Calls of both arms.
    pub calls: u64,
    /// Days in which they come, `min_days` at least.
    pub traffic_days: u64,
    /// Days until the last outcome is known.
    pub window_days: u64,
    /// Both together.
    pub days: u64,
    /// The stage's `max_days`.
    pub max_days: u64,
}

/// What a plan takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Needs {
    /// The calls of a day that it was counted with.
    pub calls_per_day: f64,
    /// By stage and guardrail.
    pub rows: Vec<Need>,
    /// Days of each stage with its name: those of its slowest guardrail.
    pub stages: Vec<(Arc<str>, u64)>,
    /// Days to the last stage.
    pub days: u64,
}

/// Why a plan was not accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What it would take; without rows when the plan itself is wrong.
    pub needs: Needs,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

/// What the plan takes with so many callers of the option a day who may be drawn, each counted once a stage.
pub fn needs(plan: &Plan, calls_per_day: f64) -> Result<Needs, Refusal> {
    let mut needs = Needs { calls_per_day, rows: Vec::new(), stages: Vec::new(), days: 0 };
    let mut problems = plan.validate();
    if !(calls_per_day >= 1.0 && calls_per_day.is_finite()) {
        problems.push(Problem {
            place: "calls_per_day".into(),
            message: format!("is {calls_per_day}"),
            cure: "count the callers of the option on a usual day",
        });
    }
    if !problems.is_empty() {
        return Err(Refusal { needs, problems });
    }
    let tests = &plan.stages[..plan.stages.len() - 1];
    let longest = plan.longest_window().as_secs().div_ceil(DAY.as_secs());
    for stage in tests {
        let rows = plan.metrics.iter().filter(|metric| metric.is_guardrail());
        let rows: Vec<Need> = rows.map(|metric| need(plan, stage, metric, calls_per_day)).collect();
        let slowest = rows.iter().map(|row| row.days).max().unwrap_or_default();
        // A floor or a ceiling is waited for too.
        let days = slowest.max(u64::from(stage.min_days) + longest);
        problems.extend(rows.iter().filter(|row| row.days > row.max_days).map(too_long));
        problems.extend(too_many(stage, days, calls_per_day));
        needs.stages.push((Arc::clone(&stage.name), days));
        needs.days = needs.days.saturating_add(days);
        needs.rows.extend(rows);
    }
    if problems.is_empty() { Ok(needs) } else { Err(Refusal { needs, problems }) }
}

fn need(plan: &Plan, stage: &Stage, metric: &Metric, calls_per_day: f64) -> Need {
    let bot_values = plan.needed(stage, metric);
    let bot_calls = (bot_values as f64 / metric.response).ceil();
    let calls = (bot_calls / plan.bot_fraction(stage)).ceil();
    let traffic_days = ((calls / calls_per_day).ceil() as u64).max(u64::from(stage.min_days));
    let window_days = metric.window_secs.div_ceil(DAY.as_secs());
    Need {
        stage: Arc::clone(&stage.name),
        share: stage.share,
        metric: Arc::clone(&metric.name),
        power: size::power_of_each(plan.analysis.power, plan.guardrails()),
        bot_values,
        bot_calls: bot_calls as u64,
        calls: calls as u64,
        traffic_days,
        window_days,
        days: traffic_days.saturating_add(window_days),
        max_days: u64::from(stage.max_days),
    }
}

fn too_long(row: &Need) -> Problem {
    Problem {
        place: format!("stages.{}.max_days", row.stage),
        message: format!(
            "{} needs {} calls, {} days with the wait for its outcomes, and the stage has {}",
            row.metric, row.calls, row.days, row.max_days
        ),
        cure: "take a wider margin, a larger share, a shorter window, or more days",
    }
}

fn too_many(stage: &Stage, days: u64, calls_per_day: f64) -> Option<Problem> {
    let longest = days.min(u64::from(stage.max_days)) as f64;
    (longest * calls_per_day > limits::ROLLOUT_UNITS_MAX as f64).then(|| Problem {
        place: format!("stages.{}", stage.name),
        message: format!("has more than {} callers", limits::ROLLOUT_UNITS_MAX),
        cure: "try it on a part of the callers only: exclude some",
    })
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "with {} callers a day:", self.calls_per_day)?;
        writeln!(
            f,
            "{:<10} {:>5} {:<22} {:>6} {:>9} {:>9} {:>6} {:>7} {:>5} {:>5}",
            "stage", "share", "metric", "power", "tried", "all", "calls", "outcome", "days", "max"
        )?;
        for row in &self.rows {
            writeln!(
                f,
                "{:<10} {:>5} {:<22} {:>6.3} {:>9} {:>9} {:>5}d {:>6}d {:>5} {:>5}",
                row.stage,
                row.share.as_str(),
                row.metric,
                row.power,
                row.bot_calls,
                row.calls,
                row.traffic_days,
                row.window_days,
                row.days,
                row.max_days
            )?;
        }
        for (stage, days) in &self.stages {
            writeln!(f, "{stage}: {days} days")?;
        }
        write!(f, "in all {} days, {:.1} weeks", self.days, self.days as f64 / 7.0)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.needs.rows.is_empty() {
            writeln!(f, "{}", self.needs)?;
        }
        write!(f, "refused:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::Measure;
    use super::super::plan::Role;
    use super::super::sample;
    use super::*;

    #[test]
    fn two_thousand_calls_a_day_take_six_weeks() {
        let needs = needs(&sample::plan(), 2_000.0).unwrap();
        let days: Vec<u64> = needs.stages.iter().map(|(_, days)| *days).collect();
        assert_eq!(days, [14, 14, 14], "seven days of callers, seven until repeats are known");
        assert_eq!(needs.days, 42);
        let text = needs.to_string();
        assert!(text.ends_with("in all 42 days, 6.0 weeks"), "{text}");
    }

    #[test]
    fn two_hundred_calls_a_day_are_enough_for_a_margin_of_eight_points_only() {
        let mut plan = sample::plan();
        let refusal = needs(&plan, 200.0).unwrap_err();
        assert_eq!(refusal.needs.stages[0].1, 46, "of 42");
        plan.metrics[0].role = Role::Guardrail { margin: 0.08, rollback: false };
        let days: Vec<u64> =
            needs(&plan, 200.0).unwrap().stages.iter().map(|(_, days)| *days).collect();
        assert_eq!(days, [23, 16, 14]);
    }

    #[test]
    fn a_floor_that_is_known_late_is_waited_for() {
        let mut plan = sample::plan();
        let mut floor = plan.metrics[0].clone();
        (floor.name, floor.role) = ("contained".into(), Role::Floor { min: 0.3 });
        floor.measure = Measure::VerifiedContainment;
        floor.window_secs = 14 * DAY.as_secs();
        plan.metrics.push(floor);
        assert_eq!(needs(&plan, 2_000.0).unwrap().days, 3 * 21);
    }

    #[test]
    fn the_needed_calls_are_those_of_the_table() {
        // Two guardrails with 0.90 together: 0.95 each.
        let needs = needs(&sample::plan(), 2_000.0).unwrap();
        let rows = needs.rows.iter().filter(|row| &*row.metric == "resolved");
        let calls: Vec<(u64, u64)> = rows.map(|row| (row.bot_calls, row.calls)).collect();
        assert_eq!(calls, [(770, 7_700), (866, 4_330), (1_386, 2_772)]);
    }

    #[test]
    fn a_survey_needs_a_call_for_each_who_does_not_answer() {
        let mut plan = sample::plan();
        plan.metrics.push(sample::survey());
        let needs = needs(&plan, 5_000.0).unwrap();
        let survey = needs.rows.iter().find(|row| &*row.metric == "survey").unwrap();
        // Three guardrails: (1.6449 + 1.8339)^2 1.44 / 0.9 / 0.0225, and a call for each 0.12 of an answer.
        assert_eq!((survey.bot_values, survey.bot_calls), (861, 7_175));
        assert_eq!(survey.traffic_days, 15);
    }

    #[test]
    fn a_plan_that_cannot_finish_is_refused_with_everything_that_is_wrong() {
        let mut plan = sample::plan();
        plan.metrics.push(sample::complaint());
        let refusal = needs(&plan, 200.0).unwrap_err();
        let text = refusal.to_string();
        assert!(text.contains("stages.canary.max_days: resolved needs"), "{text}");
        assert!(text.contains("stages.canary.max_days: complaint needs"), "{text}");
        assert!(text.contains("take a wider margin"), "{text}");
        assert!(!refusal.needs.rows.is_empty(), "the figures are shown all the same");
    }

    #[test]
    fn a_plan_that_is_wrong_is_refused_before_it_is_counted() {
        let mut plan = sample::plan();
        plan.metrics.clear();
        let refusal = needs(&plan, f64::NAN).unwrap_err();
        assert!(refusal.needs.rows.is_empty());
        let places: Vec<&str> = refusal.problems.iter().map(|p| &*p.place).collect();
        assert_eq!(places, ["metrics", "metrics", "calls_per_day"]);
    }
}
