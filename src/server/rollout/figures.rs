//! How rollouts stand, for Prometheus.

use super::view::RolloutView;
use dozvon_center::rollout::plan::Plan;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};
use std::sync::Arc;

/// The words of [`RolloutView::state`].
const STATES: [&str; 11] = [
    "unread",
    "set_aside",
    "draft",
    "running",
    "hold",
    "awaiting_approval",
    "paused",
    "halted",
    "rolled_back",
    "stopped",
    "completed",
];

/// The gauges.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    stage: IntGaugeVec,
    state: IntGaugeVec,
    guard: IntGaugeVec,
    progress: GaugeVec,
    mismatch: GaugeVec,
    difference: GaugeVec,
    half: GaugeVec,
    z: GaugeVec,
}

impl Figures {
    /// Registers them.
    ///
    /// # Errors
    /// When the registry has figures of these names.
    pub(crate) fn register(
        registry: &Registry,
        plans: &[Arc<Plan>],
    ) -> prometheus::Result<Figures> {
        let whole = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntGaugeVec> {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let real = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<GaugeVec> {
            let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let figures = Figures {
            stage: whole(
                "dozvon_rollout_stage",
                "The stage of the rollout's plan, from 1; 0 before the first.",
                &["option"],
            )?,
            state: whole(
                "dozvon_rollout_state",
                "1 for the rollout's state.",
                &["option", "state"],
            )?,
            guard: whole(
                "dozvon_bot_guard_state",
                "The breaker of the rollout's bot, or new flow: 0 closed, 1 open, nobody is drawn.",
                &["option"],
            )?,
            progress: real(
                "dozvon_rollout_sample_ratio",
                "The values of this stage that the bot, or the new flow, has against the planned sample.",
                &["option"],
            )?,
            mismatch: real(
                "dozvon_rollout_mismatch_p_value",
                "The chance that the sizes of the arms are as the share says.",
                &["option"],
            )?,
            difference: real(
                "dozvon_rollout_difference",
                "The arm of the bot, or new flow, less the other over strata, on the metric's own scale.",
                &["option", "metric"],
            )?,
            half: real(
                "dozvon_rollout_difference_half_width",
                "Half the width of the sequence around the difference that holds at all times.",
                &["option", "metric"],
            )?,
            z: real(
                "dozvon_rollout_z",
                "The statistic of the metric: a guardrail must reach the bound of the look.",
                &["option", "metric"],
            )?,
        };
        for plan in plans {
            figures.stage.with_label_values(&[&*plan.name]).set(0);
            figures.guard.with_label_values(&[&*plan.name]).set(0);
            for state in STATES {
                figures.state.with_label_values(&[&*plan.name, state]).set(0);
            }
        }
        Ok(figures)
    }

    /// Shows how all rollouts stand.
    pub(crate) fn show(&self, rollouts: &[RolloutView]) {
        for gauge in [&self.difference, &self.half, &self.z, &self.progress, &self.mismatch] {
            gauge.reset();
        }
        for rollout in rollouts {
            let option = &*rollout.name;
            let stage = i64::try_from(rollout.stage).unwrap_or(i64::MAX);
            self.stage.with_label_values(&[option]).set(stage);
            self.guard.with_label_values(&[option]).set(i64::from(rollout.breaker.open));
            for state in STATES {
                let is = i64::from(rollout.state == state);
                self.state.with_label_values(&[option, state]).set(is);
            }
            let set = |gauge: &GaugeVec, value: Option<f64>| {
                value.into_iter().for_each(|value| gauge.with_label_values(&[option]).set(value));
            };
            set(&self.progress, rollout.progress);
            set(&self.mismatch, rollout.mismatch_p);
            for metric in &rollout.metrics {
                let labels = [option, &*metric.name];
                let set = |gauge: &GaugeVec, value: Option<f64>| {
                    value.into_iter().for_each(|value| gauge.with_label_values(&labels).set(value));
                };
                set(&self.difference, metric.difference);
                set(&self.half, metric.half);
                set(&self.z, metric.difference.map(|_| metric.z));
            }
        }
    }
}
