//! A plan for tests: three tests and the watch after them, two guardrails.

use super::assign::{Holdout, Share};
use super::measure::Measure;
use super::plan::*;

fn stage(name: &str, share: Share) -> Stage {
    Stage {
        name: name.into(),
        share,
        min_days: 7,
        max_days: 42,
        promote: Promote::Auto,
        approvers: Vec::new(),
    }
}

pub(super) fn plan() -> Plan {
    Plan {
        name: "cards".into(),
        bot: "assistant".into(),
        candidate: None,
        version: "3.1.0".into(),
        after: None,
        holdout: Holdout::percent(5).unwrap(),
        no_holdout_because: None,
        stages: vec![
            stage("canary", Share::Tenth),
            stage("fifth", Share::Fifth),
            stage("half", Share::Half),
            stage("all", Share::All),
        ],
        analysis: Analysis::default(),
        metrics: vec![
            metric(Measure::Resolved, 0.05, 7 * DAY.as_secs(), Expected::Share(0.8)),
            Metric {
                role: Role::Guardrail { margin: 0.03, rollback: true },
                ..metric(Measure::EarlyHangup, 0.03, 3_600, Expected::Share(0.03))
            },
        ],
        rollback: Rollback::default(),
        breaker: BreakerRules::default(),
        daily_at_hour: 0,
        monitoring_days: 84,
    }
}

fn metric(measure: Measure, margin: f64, window_secs: u64, expected: Expected) -> Metric {
    let role = Role::Guardrail { margin, rollback: false };
    Metric { name: measure.as_str().into(), measure, role, window_secs, expected, response: 1.0 }
}

pub(super) fn survey() -> Metric {
    let survey = metric(Measure::Survey, 0.15, DAY.as_secs(), Expected::Spread(1.2));
    Metric { response: 0.12, ..survey }
}

pub(super) fn complaint() -> Metric {
    metric(Measure::Complaint, 0.005, 7 * DAY.as_secs(), Expected::Share(0.01))
}
