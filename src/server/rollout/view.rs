//! How rollouts stand, for screens and programs.

use super::steward::{Standing, Steward, Tended};
use crate::server::events::rfc3339;
use dozvon_center::rollout::Tried;
use dozvon_center::rollout::decision::State;
use dozvon_center::rollout::measure::Kind;
use dozvon_center::rollout::plan::{DAY, Promote, Role, Stage};
use dozvon_center::rollout::stats::Sums;
use dozvon_center::rollout::weigh::Weighed;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// A rollout with a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RolloutView {
    /// The menu option, or the trial of a flow.
    pub(crate) name: String,
    /// Whether a `bot` is tried or a `flow`. Of a flow everything below that is the bot's is the new flow's, and what
    /// is the people's is the present flow's.
    pub(crate) tried: String,
    /// The bot that is being tried; `null` where a flow is.
    bot: Option<String>,
    /// The present flow; `null` where a bot is tried.
    flow: Option<String>,
    /// The new flow; `null` where a bot is tried.
    candidate: Option<String>,
    /// Its version.
    version: String,
    /// The fingerprint of the plan.
    plan: String,
    /// The rollout that must have its last share before this one begins by itself.
    pub(crate) after: Option<String>,
    /// `draft`, `running`, `hold`, `awaiting_approval`, `paused`, `halted`, `rolled_back`, `stopped`, `completed`;
    /// `unread` before its decisions were read, `set_aside` when it can't go on.
    pub(crate) state: String,
    /// Why it is held, rolled back, stopped or set aside.
    reason: Option<String>,
    /// The share at which callers are drawn now: `0`, `1/10`, `1/5`, `1/2`, `all`; `null`: nobody is drawn.
    pub(crate) share: Option<String>,
    /// The stage's number from 1; 0 before the first.
    pub(crate) stage: usize,
    /// All stages.
    stages: Vec<StageView>,
    /// Since when the stage gathers evidence.
    since: Option<String>,
    /// When the stage may be decided, by what has come so far; `null` where nobody can tell, or nothing is awaited.
    projected_at: Option<String>,
    /// When the rollout may have its last share: this stage at the pace so far, those after it in the shortest time;
    /// `null` where nobody can tell, or it has it.
    pub(crate) last_share_at: Option<String>,
    /// Looks used up, and looks of a stage.
    looks: (usize, usize),
    /// Up to when everything known is counted below.
    as_of: Option<String>,
    /// The bot's values against those needed; 1 is the planned sample.
    pub(crate) progress: Option<f64>,
    /// Callers drawn for the bot.
    callers_bot: Option<u64>,
    /// Of them, those who did not reach it.
    callers_not_delivered: Option<u64>,
    /// Callers drawn for people.
    callers_people: Option<u64>,
    /// The chance that the sizes of the arms are as the share says.
    pub(crate) mismatch_p: Option<f64>,
    /// Both arms, metric by metric.
    pub(crate) metrics: Vec<MetricView>,
    /// The breaker.
    pub(crate) breaker: BreakerView,
    /// The newest decision in one line.
    last_decision: Option<String>,
    /// Its number.
    decisions: u64,
}

/// A stage of a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct StageView {
    /// Its name.
    name: String,
    /// The bot's share.
    share: String,
    /// Days of callers at least.
    min_days: u32,
    /// Days after which it is given up.
    max_days: u32,
    /// Whether a person must say so.
    needs_approval: bool,
    /// Who may; empty: any supervisor.
    approvers: Vec<String>,
}

/// One metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MetricView {
    /// Its name.
    pub(crate) name: String,
    /// What it decides.
    role: String,
    /// What is measured.
    measure: String,
    /// How much worse the bot may be, on the scale of `difference`.
    margin: Option<f64>,
    /// The bot's values needed; 0 where none are.
    needed: u64,
    /// The bot's arm.
    bot: ArmView,
    /// The people's.
    people: ArmView,
    /// The bot's arm less the people's over strata: shares, means, or logarithms of durations.
    pub(crate) difference: Option<f64>,
    /// Half the width of the sequence that holds at all times.
    pub(crate) half: Option<f64>,
    /// Whether a smaller value is the better one.
    lower_is_better: bool,
    /// The statistic; a guardrail must reach the look's bound.
    pub(crate) z: f64,
}

/// One arm of a metric, all strata together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ArmView {
    /// Values.
    n: u64,
    /// Their mean: a share, a mean, or seconds (the geometric mean of durations).
    mean: Option<f64>,
}

/// The breaker of a rollout's bot.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BreakerView {
    /// Whether it keeps callers from the bot.
    pub(crate) open: bool,
    /// Until when at the soonest.
    until: Option<String>,
}

impl RolloutView {
    /// How many stages there are.
    pub(crate) fn stages_count(&self) -> usize {
        self.stages.len()
    }

    /// A rollout that waits for another one, for tests.
    #[cfg(test)]
    pub(crate) fn example(name: &str, after: Option<&str>) -> RolloutView {
        RolloutView {
            name: name.to_owned(),
            tried: "bot".to_owned(),
            bot: Some("helper".to_owned()),
            flow: None,
            candidate: None,
            version: "1".to_owned(),
            plan: "0123456789ab".to_owned(),
            after: after.map(str::to_owned),
            state: "draft".to_owned(),
            reason: None,
            share: Some("0".to_owned()),
            stage: 0,
            stages: Vec::new(),
            since: None,
            projected_at: None,
            last_share_at: None,
            looks: (0, 2),
            as_of: None,
            progress: None,
            callers_bot: None,
            callers_not_delivered: None,
            callers_people: None,
            mismatch_p: None,
            metrics: Vec::new(),
            breaker: BreakerView { open: false, until: None },
            last_decision: None,
            decisions: 0,
        }
    }
}

impl Steward {
    /// How all rollouts stand.
    pub(crate) fn views(&self, now: Timestamp) -> Vec<RolloutView> {
        self.tended.iter().map(|tended| view(tended, now)).collect()
    }
}

fn view(tended: &Tended, now: Timestamp) -> RolloutView {
    let Tended { plan, rollout, standing, last, figures, .. } = tended;
    let (bot, flow, candidate) = match &rollout.tried {
        Tried::Bot(bot) => (Some(bot), None, None),
        Tried::Flow { present, candidate } => (None, Some(present), Some(candidate)),
    };
    let text = |name: Option<&Arc<str>>| name.map(ToString::to_string);
    let state = tended.machine().map(|machine| machine.state().clone());
    let step = state.as_ref().and_then(State::step);
    // Figures of an earlier stage say nothing of this one.
    let figures = figures.as_ref().filter(|f| step.is_some_and(|step| step.since == f.since));
    let (word, reason) = match standing {
        Standing::Unread => ("unread", None),
        Standing::SetAside(why) => ("set_aside", Some(why.clone())),
        Standing::Tended(machine) => (machine.state().as_str(), reason(machine.state())),
    };
    let until = tended.machine().and_then(|machine| machine.breaker_open_until());
    let moment = |at: Timestamp| rfc3339(at.as_micros());
    let stages = plan.stages.iter().map(|stage| StageView {
        name: stage.name.to_string(),
        share: stage.share.to_string(),
        min_days: stage.min_days,
        max_days: stage.max_days,
        needs_approval: stage.promote == Promote::Approval,
        approvers: stage.approvers.iter().map(ToString::to_string).collect(),
    });
    RolloutView {
        name: plan.name.to_string(),
        tried: rollout.tried.kind().to_string(),
        bot: text(bot),
        flow: text(flow),
        candidate: text(candidate),
        version: plan.version.to_string(),
        plan: plan.fingerprint().to_string(),
        after: plan.after.as_ref().map(ToString::to_string),
        state: word.to_owned(),
        reason,
        share: tended.share().map(|share| share.to_string()),
        stage: step.map_or(0, |step| step.stage + 1),
        stages: stages.collect(),
        since: step.map(|step| moment(step.since)),
        projected_at: projected(tended, state.as_ref(), now).map(moment),
        last_share_at: last_share(tended, state.as_ref(), now).map(moment),
        looks: (step.map_or(0, |step| step.looks), plan.analysis.looks.len()),
        as_of: figures.map(|figures| moment(figures.until)),
        progress: figures.map(|figures| figures.progress),
        callers_bot: figures.map(|figures| figures.callers.bot),
        callers_not_delivered: figures.map(|figures| figures.callers.not_delivered),
        callers_people: figures.map(|figures| figures.callers.people),
        mismatch_p: figures.map(|figures| figures.mismatch.p),
        metrics: figures.map_or_else(Vec::new, |figures| {
            let pairs = plan.metrics.iter().zip(&figures.metrics);
            pairs.map(|(metric, weighed)| metric_view(metric.margin(), weighed)).collect()
        }),
        breaker: BreakerView { open: until.is_some(), until: until.map(moment) },
        last_decision: last.as_ref().map(ToString::to_string),
        decisions: last.as_ref().map_or(0, |last| last.number),
    }
}

fn reason(state: &State) -> Option<String> {
    match state {
        State::Hold(_, reason) | State::RolledBack(_, reason) | State::Stopped(_, reason) => {
            Some(reason.to_string())
        }
        State::Draft
        | State::Running(_)
        | State::AwaitingApproval(_)
        | State::Paused(_)
        | State::Halted(_)
        | State::Completed(_) => None,
    }
}

fn metric_view(margin: f64, weighed: &Weighed) -> MetricView {
    let pooled = weighed.pooled();
    let kind = weighed.measure.kind();
    let arm = |sums: Sums| {
        let mean = match kind {
            Kind::YesNo | Kind::Mean => sums.mean(),
            Kind::LogMean => sums.mean().exp(),
        };
        ArmView { n: sums.n, mean: (sums.n > 0).then_some(mean) }
    };
    let has_margin = matches!(weighed.role, Role::Guardrail { .. } | Role::Sensitivity { .. });
    MetricView {
        name: weighed.name.to_string(),
        role: weighed.role.as_str().to_owned(),
        measure: weighed.measure.as_str().to_owned(),
        margin: has_margin.then_some(margin),
        needed: weighed.needed,
        bot: arm(pooled.bot),
        people: arm(pooled.people),
        difference: weighed.difference.map(|difference| difference.d),
        half: weighed.half,
        lower_is_better: weighed.measure.lower_is_better(),
        z: weighed.z,
    }
}

/// When a stage that gathers evidence may be decided: after its days, and when the sample has come at the pace so far.
fn projected(tended: &Tended, state: Option<&State>, now: Timestamp) -> Option<Timestamp> {
    let (State::Running(step) | State::Hold(step, _)) = state? else { return None };
    let plan = &tended.plan;
    let (stage, window) = (plan.stages.get(step.stage)?, plan.longest_window());
    let ready = step.since + DAY * stage.min_days + window;
    let figures = tended.figures.as_ref().filter(|figures| figures.since == step.since)?;
    let known = figures.until.since(step.since).saturating_sub(window);
    if figures.progress <= 0.0 || known == Duration::ZERO {
        return None;
    }
    let whole = known.as_secs_f64() / figures.progress;
    // Within a century, or nobody can tell.
    let whole = Some(whole).filter(|secs| *secs < 3e9).map(Duration::from_secs_f64)?;
    Some((step.since + whole + window).max(ready).max(now))
}

/// When the last stage may begin: the one that runs at its pace, or in its shortest time while nobody can tell, and
/// each one after it in its shortest.
fn last_share(tended: &Tended, state: Option<&State>, now: Timestamp) -> Option<Timestamp> {
    let (State::Running(step) | State::Hold(step, _) | State::AwaitingApproval(step)) = state?
    else {
        return None;
    };
    let (plan, last) = (&tended.plan, tended.plan.stages.len().checked_sub(1)?);
    let shortest = |stage: &Stage| DAY * stage.min_days + plan.longest_window();
    let approved = matches!(state?, State::AwaitingApproval(_)).then_some(now);
    let decided = approved.or_else(|| projected(tended, state, now));
    let own = step.since + shortest(plan.stages.get(step.stage)?);
    let later = plan.stages.get(step.stage + 1..last)?.iter().map(shortest).sum::<Duration>();
    Some(decided.unwrap_or(own.max(now)) + later)
}
