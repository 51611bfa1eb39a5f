//! What a rollout is to prove, stage by stage, before it begins: metrics, margins, looks, guards.
//!
//! Plain data from a file that the roof reads; [`Plan::validate`] names all that is wrong with it at once, and
//! [`Plan::fingerprint`] is the name that decisions know it by. How many calls it takes is [`super::needs`]'.

use super::assign::{Holdout, Share, TriedKind};
use super::measure::{Kind, Measure};
use super::stats::{looks, sequence, size};
use crate::limits;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// One rollout of one version of a bot on one menu option, or of the new version of a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The option's name, as in [`super::Rollout::name`].
    pub name: Arc<str>,
    /// The bot that is being tried; empty where a flow is.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub bot: Arc<str>,
    /// The flow that is being tried, where no bot is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Arc<str>>,
    /// Its version; another one needs another salt and begins anew.
    pub version: Arc<str>,
    /// The rollout that must have its last share first: then this one begins by itself.
    #[serde(default)]
    pub after: Option<Arc<str>>,
    /// Callers kept with people to the end.
    pub holdout: Holdout,
    /// Why there is no holdout, where there is none: then nobody can see the bot grow worse.
    #[serde(default)]
    pub no_holdout_because: Option<String>,
    /// The stages in order; all but the last are tests, the last is watched for as long as the bot serves.
    pub stages: Vec<Stage>,
    /// How evidence is weighed.
    pub analysis: Analysis,
    /// What is watched, and what must hold.
    pub metrics: Vec<Metric>,
    /// When callers are taken back because of what became of them.
    #[serde(default)]
    pub rollback: Rollback,
    /// When callers are taken back because the bot doesn't work.
    #[serde(default)]
    pub breaker: BreakerRules,
    /// The hour of the day, in UTC, at which promotion is decided.
    #[serde(default)]
    pub daily_at_hour: u8,
    /// Days after which the watch over the last stage begins anew with fresh callers.
    #[serde(default = "monitoring_days")]
    pub monitoring_days: u32,
}

fn is_empty(text: &Arc<str>) -> bool {
    text.is_empty()
}

fn monitoring_days() -> u32 {
    84
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name: `canary`.
    pub name: Arc<str>,
    /// The bot's share.
    pub share: Share,
    /// Days of callers whose outcomes must be known before anything is concluded; whole weeks have all weekdays.
    pub min_days: u32,
    /// Days from the stage's beginning after which it is given up.
    pub max_days: u32,
    /// Whether passing is enough.
    pub promote: Promote,
    /// Who may approve; empty: anybody who may give orders.
    #[serde(default)]
    pub approvers: Vec<Arc<str>>,
}

/// Whether a stage that has passed goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promote {
    /// The next stage begins at once.
    Auto,
    /// A person says so.
    Approval,
}

/// How evidence is weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Analysis {
    /// The chance that a bot right at a margin passes one stage.
    pub alpha: f64,
    /// The chance that an equal bot passes all guardrails of one stage, if the plan's figures are right.
    pub power: f64,
    /// Shares of the needed sample at which it is looked at. A third look at 1.5 is an extension by one half, paid for
    /// by higher bounds at the others.
    pub looks: Vec<f64>,
    /// Where an arm has fewer failures or successes than this, the score test of Miettinen and Nurminen decides.
    pub failures_min: u64,
    /// The largest share of the bot's arm that may not have reached it.
    pub non_delivered_max: f64,
    /// The chance below which sizes of the arms are not believed.
    pub mismatch_p: f64,
    /// The largest difference of response rates at which answers are compared.
    pub response_gap_max: f64,
    /// What becomes of a stage that the last look has not decided.
    pub on_inconclusive: Inconclusive,
}

impl Default for Analysis {
    fn default() -> Analysis {
        Analysis {
            alpha: 0.05,
            power: 0.90,
            looks: vec![0.5, 1.0],
            failures_min: 10,
            non_delivered_max: 0.02,
            mismatch_p: 0.001,
            response_gap_max: 0.05,
            on_inconclusive: Inconclusive::Hold,
        }
    }
}

/// What becomes of a stage that the last look has not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inconclusive {
    /// The share is kept until a person decides or the stage's days are over.
    Hold,
    /// All callers go to people.
    Stop,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name.
    pub name: Arc<str>,
    /// What is measured.
    pub measure: Measure,
    /// What it decides.
    pub role: Role,
    /// Seconds from the end of a call until its outcome is known; the N days of a repeat call.
    #[serde(default)]
    pub window_secs: u64,
    /// What is expected of people, for planning.
    pub expected: Expected,
    /// The share of calls that give a value at all: of callers who answer a survey.
    #[serde(default = "one")]
    pub response: f64,
}

fn one() -> f64 {
    1.0
}

/// What a metric decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Role {
    /// The bot may be worse by less than the margin only.
    Guardrail {
        /// In the metric's own unit, above 0; a ratio above 1 for durations.
        margin: f64,
        /// Whether callers are taken back when it is worse beyond doubt and beyond the margin.
        #[serde(default)]
        rollback: bool,
    },
    /// The difference seen may not be beyond the margin; no test, for a second sight of a guardrail.
    Sensitivity {
        /// As of a guardrail.
        margin: f64,
    },
    /// What is to be won.
    Success {
        /// Whether promotion needs it to be better beyond doubt.
        required: bool,
    },
    /// The bot's arm must reach this, or it is not worth it.
    Floor {
        /// The least mean of the bot's arm.
        min: f64,
    },
    /// The bot's arm may not exceed this.
    Ceiling {
        /// The largest mean of the bot's arm.
        max: f64,
    },
    /// Shown, and decides nothing.
    Information,
}

impl Role {
    /// The word used in plans and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Guardrail { .. } => "guardrail",
            Role::Sensitivity { .. } => "sensitivity",
            Role::Success { .. } => "success",
            Role::Floor { .. } => "floor",
            Role::Ceiling { .. } => "ceiling",
            Role::Information => "information",
        }
    }
}

/// What is expected of people, for planning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The share of yes.
    Share(f64),
    /// The standard deviation of the values; of logarithms for durations.
    Spread(f64),
}

impl Expected {
    /// The standard deviation of one value.
    pub fn sd(self) -> f64 {
        match self {
            Expected::Share(p) => size::sd_of_share(p),
            Expected::Spread(sd) => sd,
        }
    }
}

impl Metric {
    /// The margin on the scale of the difference: a ratio becomes its logarithm. 0 without one.
    pub fn margin(&self) -> f64 {
        let (Role::Guardrail { margin, .. } | Role::Sensitivity { margin }) = self.role else {
            return 0.0;
        };
        if self.measure.kind() == Kind::LogMean { libm::log(margin) } else { margin }
    }

    /// The ρ of its confidence sequence.
    pub fn rho(&self) -> f64 {
        match self.expected {
            Expected::Share(_) => sequence::RHO,
            Expected::Spread(sd) => sequence::rho(sd),
        }
    }

    /// Whether it is a guardrail.
    pub const fn is_guardrail(&self) -> bool {
        matches!(self.role, Role::Guardrail { .. })
    }

    /// Whether callers are taken back for it.
    pub const fn can_roll_back(&self) -> bool {
        matches!(self.role, Role::Guardrail { rollback: true, .. })
    }

    /// Whether promotion may hang on it.
    pub const fn decides(&self) -> bool {
        match self.role {
            Role::Guardrail { .. }
            | Role::Sensitivity { .. }
            | Role::Success { required: true }
            | Role::Floor { .. }
            | Role::Ceiling { .. } => true,
            Role::Success { required: false } | Role::Information => false,
        }
    }
}

/// When callers are taken back because of what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollback {
    /// The chance that a bot that is not worse is ever taken back, for one metric in one stage.
    pub alpha: f64,
    /// Values that each arm must have before.
    pub calls_min: u64,
}

impl Default for Rollback {
    fn default() -> Rollback {
        Rollback { alpha: 0.01, calls_min: 30 }
    }
}

/// When callers are taken back because the bot doesn't work; no statistics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerRules {
    /// Seconds back that are looked at.
    pub window_secs: u64,
    /// Calls in them before anything is concluded.
    pub calls_min: u32,
    /// The largest share of calls that the bot may fail.
    pub errors_max: f64,
    /// The largest share of replies that may come later than the bot's latency limit; 0.05 bounds the 95th percentile.
    pub late_replies_max: f64,
    /// The largest share of calls that may end because the bot didn't understand.
    pub no_match_max: f64,
    /// Seconds without a bad sign after which the bot is tried again.
    pub cooldown_secs: u64,
    /// Trips within 24 hours that take the bot back for good.
    pub trips_max: u32,
}

impl Default for BreakerRules {
    fn default() -> BreakerRules {
        BreakerRules {
            window_secs: 300,
            calls_min: 20,
            errors_max: 0.02,
            late_replies_max: 0.05,
            no_match_max: 0.25,
            cooldown_secs: 900,
            trips_max: 3,
        }
    }
}

/// Something wrong with a plan, and its cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `stages.canary.share`.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub cure: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.message, self.cure)
    }
}

impl Plan {
    /// Whether a bot is tried or a flow.
    pub const fn kind(&self) -> TriedKind {
        if self.candidate.is_some() { TriedKind::Flow } else { TriedKind::Bot }
    }

    /// The name of what is tried.
    pub fn tried(&self) -> &Arc<str> {
        self.candidate.as_ref().unwrap_or(&self.bot)
    }

    /// The share of drawn callers that the bot has in this stage, the holdout taken off.
    pub fn bot_fraction(&self, stage: &Stage) -> f64 {
        let holdout = f64::from(self.holdout.as_percent()) / 100.0;
        stage.share.fraction().min(1.0 - holdout)
    }

    /// The number of guardrails.
    pub fn guardrails(&self) -> usize {
        self.metrics.iter().filter(|metric| metric.is_guardrail()).count()
    }

    /// The longest time after a call until all that promotion hangs on is known.
    pub fn longest_window(&self) -> Duration {
        let windows = self.metrics.iter().filter(|metric| metric.decides());
        Duration::from_secs(windows.map(|metric| metric.window_secs).max().unwrap_or_default())
    }

    /// The bounds of Z at the looks.
    pub fn bounds(&self) -> Vec<f64> {
        looks::obrien_fleming(&self.analysis.looks, self.analysis.alpha)
    }

    /// Values that the bot's arm needs in this stage for this guardrail; 0 for all other metrics.
    pub fn needed(&self, stage: &Stage, metric: &Metric) -> u64 {
        if !metric.is_guardrail() {
            return 0;
        }
        let power = size::power_of_each(self.analysis.power, self.guardrails());
        let aim = size::Aim { alpha: self.analysis.alpha, power, share: self.bot_fraction(stage) };
        size::bot_calls(aim, metric.expected.sd(), metric.margin())
    }

    /// The first twelve hex digits of the SHA-256 over all that decisions depend on. Two plans with one fingerprint
    /// decide alike.
    pub fn fingerprint(&self) -> Arc<str> {
        hex::encode(Sha256::digest(self.canonical()))[..12].into()
    }

    /// The plan as text with one fixed spelling.
    fn canonical(&self) -> String {
        // No bot has a space in its name.
        let tried = match &self.candidate {
            Some(candidate) => format!("flow {candidate}"),
            None => self.bot.to_string(),
        };
        let mut out = format!(
            "plan 1\n{}\n{tried}\n{}\nholdout {}\nhour {} monitoring {}\n",
            self.name,
            self.version,
            self.holdout.as_percent(),
            self.daily_at_hour,
            self.monitoring_days
        );
        // Writing to a String can't fail.
        if let Some(after) = &self.after {
            let _ = writeln!(out, "after {after}");
        }
        for stage in &self.stages {
            let Stage { name, share, min_days, max_days, promote, approvers } = stage;
            let promote = if *promote == Promote::Auto { "auto" } else { "approval" };
            let approvers = approvers.join(",");
            let _ =
                writeln!(out, "stage {name} {share} {min_days} {max_days} {promote} {approvers}");
        }
        let a = &self.analysis;
        let stop = a.on_inconclusive == Inconclusive::Stop;
        let _ = writeln!(
            out,
            "analysis {} {} {:?} {} {} {} {} {stop}",
            a.alpha,
            a.power,
            a.looks,
            a.failures_min,
            a.non_delivered_max,
            a.mismatch_p,
            a.response_gap_max
        );
        for metric in &self.metrics {
            let Metric { name, measure, role, window_secs, expected, response } = metric;
            let measure = measure.as_str();
            let expected = match expected {
                Expected::Share(p) => format!("share {p}"),
                Expected::Spread(sd) => format!("sd {sd}"),
            };
            let detail = match role {
                Role::Guardrail { margin, rollback } => format!("{margin} {rollback}"),
                Role::Sensitivity { margin } => format!("{margin}"),
                Role::Success { required } => format!("{required}"),
                Role::Floor { min } => format!("{min}"),
                Role::Ceiling { max } => format!("{max}"),
                Role::Information => String::new(),
            };
            let role = role.as_str();
            let _ = writeln!(
                out,
                "metric {name} {measure} {role} {detail} {window_secs} {expected} {response}"
            );
        }
        let (r, b) = (&self.rollback, &self.breaker);
        let _ = writeln!(out, "rollback {} {}", r.alpha, r.calls_min);
        let _ = writeln!(
            out,
            "breaker {} {} {} {} {} {} {}",
            b.window_secs,
            b.calls_min,
            b.errors_max,
            b.late_replies_max,
            b.no_match_max,
            b.cooldown_secs,
            b.trips_max
        );
        out
    }

    /// All that is wrong with the plan; nothing when it may be started.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Problems::default();
        self.validate_names(&mut problems);
        self.validate_stages(&mut problems);
        self.validate_analysis(&mut problems);
        self.validate_metrics(&mut problems);
        self.validate_guards(&mut problems);
        problems.0
    }

    fn validate_names(&self, problems: &mut Problems) {
        let tried = if self.kind() == TriedKind::Flow { "candidate" } else { "bot" };
        for (place, text) in
            [("name", &self.name), (tried, self.tried()), ("version", &self.version)]
        {
            problems.unless(!text.is_empty(), place, "is empty", "give it a name");
        }
        problems.unless(
            self.candidate.is_none() || self.bot.is_empty(),
            "candidate",
            "is a flow beside a bot",
            "name a bot, or the flow that is tried: two plans for both",
        );
        let twice = |names: Vec<&Arc<str>>| {
            let mut seen = BTreeSet::new();
            names.into_iter().find(|name| !seen.insert(*name)).cloned()
        };
        for (place, names) in [
            ("stages", self.stages.iter().map(|stage| &stage.name).collect()),
            ("metrics", self.metrics.iter().map(|metric| &metric.name).collect()),
        ] {
            if let Some(name) = twice(names) {
                problems.add(place, format!("`{name}` is there twice"), "rename one of them");
            }
        }
    }

    fn validate_stages(&self, problems: &mut Problems) {
        let p = problems;
        p.unless(
            self.stages.len() >= 2,
            "stages",
            "there must be a test and what comes after it",
            "write at least two stages, the last one with the final share",
        );
        let first = self.stages.first().map_or(Share::None, |stage| stage.share);
        p.unless(
            first > Share::None || self.stages.is_empty(),
            "stages",
            "the first tries nothing on anybody",
            "begin with 1/10",
        );
        for pair in self.stages.windows(2) {
            let place = format!("stages.{}.share", pair[1].name);
            let grows = pair[1].share > pair[0].share;
            p.unless(grows, &place, "does not grow", "order the stages by their shares");
        }
        let (_, tests) = self.stages.split_last().map_or((None, &[][..]), |(l, t)| (Some(l), t));
        for stage in tests {
            let place = |key: &str| format!("stages.{}.{key}", stage.name);
            let days = (1..=365).contains(&stage.min_days) && stage.max_days <= 365;
            p.unless(days, &place("min_days"), "is not 1 to 365", "a week has all weekdays: 7");
            let room = u64::from(stage.max_days.saturating_sub(stage.min_days)) * DAY.as_secs();
            p.unless(
                stage.max_days > stage.min_days && room >= self.longest_window().as_secs(),
                &place("max_days"),
                "leaves no time for the outcomes of min_days to become known",
                "raise it above min_days and the longest window together",
            );
            let nobody = stage.promote == Promote::Approval || stage.approvers.is_empty();
            p.unless(nobody, &place("approvers"), "have nothing to approve", "promote: approval");
        }
        let all = self.stages.last().is_some_and(|stage| stage.share == Share::All);
        let explained = self.no_holdout_because.as_ref().is_some_and(|why| !why.trim().is_empty());
        p.unless(
            !all || self.holdout.as_percent() > 0 || explained,
            "holdout",
            "is 0, so nobody could see it grow worse later",
            "keep 5 %, or say why in no_holdout_because",
        );
        p.unless(self.daily_at_hour < 24, "daily_at_hour", "is no hour", "0 to 23, in UTC");
        let days = (7..=365).contains(&self.monitoring_days);
        p.unless(days, "monitoring_days", "is not 7 to 365", "84 is twelve weeks");
    }

    fn validate_analysis(&self, p: &mut Problems) {
        let a = &self.analysis;
        let level = |x: f64| x > 0.0 && x <= 0.2;
        p.unless(level(a.alpha), "analysis.alpha", "is not above 0 and at most 0.2", "0.05");
        let power = (0.5..=0.999).contains(&a.power);
        p.unless(power, "analysis.power", "is not 0.5 to 0.999", "0.90");
        let grows = a.looks.windows(2).all(|pair| pair[0] < pair[1]);
        let within = a.looks.iter().all(|look| *look > 0.0 && *look <= limits::ROLLOUT_LOOK_MAX);
        let whole = a.looks.last().is_some_and(|last| *last >= 1.0);
        p.unless(
            grows && within && whole && a.looks.len() <= limits::ROLLOUT_LOOKS_MAX,
            "analysis.looks",
            "are not up to 5 growing shares of the sample of which the last is 1 to 2",
            "[0.5, 1.0], or [0.5, 1.0, 1.5] with an extension",
        );
        p.unless(a.failures_min >= 5, "analysis.failures_min", "is below 5", "10");
        let share = |x: f64| (0.0..=0.5).contains(&x);
        p.unless(
            share(a.non_delivered_max) && a.non_delivered_max > 0.0,
            "analysis.non_delivered_max",
            "is not above 0 and at most 0.5",
            "0.02",
        );
        let tiny = a.mismatch_p > 0.0 && a.mismatch_p <= 0.01;
        p.unless(tiny, "analysis.mismatch_p", "is not above 0 and at most 0.01", "0.001");
        let gap = share(a.response_gap_max);
        p.unless(gap, "analysis.response_gap_max", "is not 0 to 0.5", "0.05");
    }

    fn validate_metrics(&self, p: &mut Problems) {
        p.unless(
            self.metrics.len() <= limits::ROLLOUT_METRICS_MAX,
            "metrics",
            "are more than 32",
            "leave some out",
        );
        p.unless(
            self.guardrails() > 0,
            "metrics",
            "have no guardrail",
            "name what may not grow worse, with its margin",
        );
        p.unless(
            self.metrics.iter().any(Metric::can_roll_back),
            "metrics",
            "have nothing that could take callers back",
            "set rollback on a guardrail whose outcome is known within a day: early_hangup",
        );
        for metric in &self.metrics {
            validate_metric(p, self.kind(), metric);
        }
    }

    fn validate_guards(&self, p: &mut Problems) {
        let r = self.rollback;
        let level = r.alpha > 0.0 && r.alpha <= 0.1;
        p.unless(level, "rollback.alpha", "is not above 0 and at most 0.1", "0.01");
        p.unless(r.calls_min >= 10, "rollback.calls_min", "is below 10", "30");
        let b = self.breaker;
        for (place, share) in [
            ("breaker.errors_max", b.errors_max),
            ("breaker.late_replies_max", b.late_replies_max),
            ("breaker.no_match_max", b.no_match_max),
        ] {
            p.unless((0.0..=1.0).contains(&share), place, "is no share", "0 to 1");
        }
        let (window, cooldown) = (60..=3_600, 60..=86_400);
        let times = window.contains(&b.window_secs) && cooldown.contains(&b.cooldown_secs);
        p.unless(times, "breaker", "has no sound times", "window_secs 300, cooldown_secs 900");
        p.unless(b.calls_min >= 5, "breaker.calls_min", "is below 5", "20");
        p.unless(
            (1..=limits::ROLLOUT_TRIPS_MAX as u32).contains(&b.trips_max),
            "breaker.trips_max",
            "is not 1 to 20",
            "3",
        );
    }
}

fn validate_metric(p: &mut Problems, tried: TriedKind, metric: &Metric) {
    let place = |key: &str| format!("metrics.{}.{key}", metric.name);
    let kind = metric.measure.kind();
    let expected = match metric.expected {
        Expected::Share(share) => kind == Kind::YesNo && share > 0.0 && share < 1.0,
        Expected::Spread(sd) => kind != Kind::YesNo && sd > 0.0 && sd <= 10_000.0,
    };
    p.unless(
        expected,
        &place("expected"),
        "does not fit the measure",
        "a share between 0 and 1 for yes or no, a standard deviation for all others",
    );
    let sound = |margin: f64| match kind {
        Kind::YesNo => margin > 0.0 && margin < 0.5,
        Kind::Mean => margin > 0.0 && margin.is_finite(),
        Kind::LogMean => margin > 1.0 && margin <= 2.0,
    };
    let margin = match metric.role {
        Role::Guardrail { margin, .. } | Role::Sensitivity { margin } => sound(margin),
        Role::Success { .. } | Role::Floor { .. } | Role::Ceiling { .. } | Role::Information => {
            true
        }
    };
    p.unless(
        margin,
        &place("margin"),
        "is none",
        "a share below 0.5, a number above 0, or for durations a ratio above 1",
    );
    let bounded = matches!(metric.role, Role::Floor { .. } | Role::Ceiling { .. });
    p.unless(
        !bounded || kind != Kind::LogMean,
        &place("role"),
        "bounds a mean of logarithms",
        "make it a guardrail with a ratio",
    );
    let of_both = metric.measure.is_for_both_arms();
    let people = of_both || bounded || matches!(metric.role, Role::Information);
    match tried {
        TriedKind::Bot => {
            p.unless(people, &place("role"), "compares what people can't have", "floor or ceiling");
        }
        TriedKind::Flow => p.unless(
            of_both,
            &place("measure"),
            "is about a bot, and a flow is tried here",
            "take one that both flows have, like resolved, early_hangup or time_to_done",
        ),
    }
    let quick = !metric.can_roll_back() || metric.window_secs <= DAY.as_secs();
    p.unless(quick, &place("rollback"), "would come days late", "use what is known within a day");
    let window = metric.measure.least_window_secs()..=limits::ROLLOUT_WINDOW_MAX.as_secs();
    p.unless(
        window.contains(&metric.window_secs),
        &place("window_secs"),
        "is too short to know, or beyond 60 days",
        "an hour, 3600, or 7 days, 604800",
    );
    let response = metric.response > 0.0 && metric.response <= 1.0;
    p.unless(response, &place("response"), "is not above 0 and at most 1", "0.12 of a survey");
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, place: &str, message: String, cure: &'static str) {
        self.0.push(Problem { place: place.into(), message, cure });
    }

    fn unless(&mut self, good: bool, place: &str, message: &str, cure: &'static str) {
        if !good {
            self.add(place, message.into(), cure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn places(plan: &Plan) -> Vec<String> {
        plan.validate().into_iter().map(|problem| problem.place).collect()
    }

    #[test]
    fn the_sample_is_sound() {
        assert_eq!(sample::plan().validate(), []);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_a_cure() {
        let mut plan = sample::plan();
        plan.bot = "".into();
        plan.stages[1].share = Share::Half;
        plan.stages[2].name = "canary".into();
        plan.stages[0].max_days = 9;
        plan.holdout = Holdout::default();
        plan.analysis.looks = vec![1.0, 0.5];
        plan.metrics[0].role = Role::Guardrail { margin: 0.0, rollback: true };
        plan.metrics[1].expected = Expected::Spread(0.3);
        plan.breaker.trips_max = 0;
        assert_eq!(
            places(&plan),
            [
                "bot",
                "stages",
                "stages.canary.share",
                "stages.canary.max_days",
                "holdout",
                "analysis.looks",
                "metrics.resolved.margin",
                "metrics.resolved.rollback",
                "metrics.early_hangup.expected",
                "breaker.trips_max",
            ]
        );
        assert!(plan.validate().iter().all(|problem| !problem.cure.is_empty()));
    }

    #[test]
    fn a_flow_is_tried_by_what_both_flows_have_and_not_beside_a_bot() {
        let mut plan = sample::plan();
        let of_bot = plan.fingerprint();
        plan.candidate = Some("bank-next".into());
        assert_eq!(places(&plan), ["candidate"]);
        plan.bot = "".into();
        assert!(places(&plan).is_empty());
        assert_ne!(plan.fingerprint(), of_bot);
        let copy: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!((&plan, plan.fingerprint()), (&copy, copy.fingerprint()));
        plan.metrics.push(sample::survey());
        plan.metrics.push(sample::complaint());
        for measure in Measure::ALL {
            plan.metrics[2].measure = measure;
            let kind = measure.kind();
            plan.metrics[2].window_secs = DAY.as_secs();
            plan.metrics[2].role = match kind {
                Kind::LogMean => Role::Guardrail { margin: 1.1, rollback: false },
                Kind::YesNo | Kind::Mean => Role::Ceiling { max: 0.4 },
            };
            plan.metrics[2].expected = match kind {
                Kind::YesNo => Expected::Share(0.5),
                Kind::Mean | Kind::LogMean => Expected::Spread(0.5),
            };
            let wrong = if measure.is_for_both_arms() { "" } else { "metrics.survey.measure" };
            assert_eq!(places(&plan).join(" "), wrong, "{measure}");
        }
        plan.candidate = Some("".into());
        assert_eq!(places(&plan)[0], "candidate");
    }

    #[test]
    fn no_holdout_needs_a_reason() {
        let mut plan = sample::plan();
        plan.holdout = Holdout::default();
        assert_eq!(places(&plan), ["holdout"]);
        plan.no_holdout_because = Some("the queue is closed down".into());
        assert!(places(&plan).is_empty());
    }

    #[test]
    fn containment_is_no_guardrail_against_people() {
        let mut plan = sample::plan();
        plan.metrics[0].measure = Measure::VerifiedContainment;
        assert_eq!(places(&plan), ["metrics.resolved.role"]);
        plan.metrics.push(plan.metrics[1].clone());
        plan.metrics[2].name = "containment".into();
        plan.metrics.remove(0);
        plan.metrics[1].measure = Measure::VerifiedContainment;
        plan.metrics[1].role = Role::Floor { min: 0.3 };
        assert!(places(&plan).is_empty());
        plan.metrics[1].measure = Measure::TimeToDone;
        plan.metrics[1].expected = Expected::Spread(0.8);
        assert_eq!(places(&plan), ["metrics.containment.role"], "seconds are not logarithms");
    }

    #[test]
    fn a_fingerprint_knows_every_change_and_no_copy() {
        let plan = sample::plan();
        let json = serde_json::to_string(&plan).unwrap();
        let copy: Plan = serde_json::from_str(&json).unwrap();
        assert_eq!((&plan, plan.fingerprint()), (&copy, copy.fingerprint()));
        let mut seen = BTreeSet::from([plan.fingerprint()]);
        let changes: [fn(&mut Plan); 8] = [
            |plan| plan.version = "3.1.1".into(),
            |plan| plan.stages[0].max_days += 1,
            |plan| plan.analysis.alpha = 0.04,
            |plan| plan.metrics[0].window_secs += 1,
            |plan| plan.metrics[0].role = Role::Guardrail { margin: 0.051, rollback: false },
            |plan| plan.rollback.alpha = 0.02,
            |plan| plan.breaker.trips_max = 4,
            |plan| plan.daily_at_hour = 3,
        ];
        for change in changes {
            let mut changed = plan.clone();
            change(&mut changed);
            assert!(seen.insert(changed.fingerprint()), "{changed:?}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let json = serde_json::to_string(&sample::plan()).unwrap();
        let json = json.replacen("{", "{\"salt\":\"x\",", 1);
        assert!(serde_json::from_str::<Plan>(&json).is_err());
    }

    #[test]
    fn the_bot_never_has_the_holdout() {
        let plan = sample::plan();
        let fractions: Vec<f64> =
            plan.stages.iter().map(|stage| plan.bot_fraction(stage)).collect();
        assert_eq!(fractions, [0.1, 0.2, 0.5, 0.95]);
    }

    #[test]
    fn a_ratio_becomes_its_logarithm() {
        let mut metric = sample::survey();
        assert_eq!(metric.margin(), 0.15);
        metric.measure = Measure::TimeToDone;
        metric.role = Role::Guardrail { margin: 1.1, rollback: false };
        assert!((metric.margin() - 0.095_310_179_8).abs() < 1e-9);
    }
}
