//! One decision about a rollout with everything it was made on, and what it says in words.
//!
//! A decision is stored as it is and never changed. The same observations give the same decision to the byte, and its
//! figures can be counted again from the counts that it carries ([`Decision::recounted`]).

use super::assign::{Arm, Share, TriedKind};
use super::breaker::Trip;
use super::measure::Kind;
use super::plan::{Metric, Plan, Role};
use super::stats::{Pair, Sums, score};
use super::weigh::{Doubt, Figures, Method, Weighed};
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};
use std::sync::Arc;

/// Where a test stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The stage's place in the plan.
    pub stage: usize,
    /// Since when evidence is gathered.
    pub since: Timestamp,
    /// Looks that are used up.
    pub looks: usize,
}

/// The state of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not begun: everybody goes to people.
    #[default]
    Draft,
    /// A stage gathers evidence.
    Running(Step),
    /// The share is kept, and nothing goes on by itself but what ends the hold.
    Hold(Step, Reason),
    /// The stage has passed, and a person must say so.
    AwaitingApproval(Step),
    /// The share is kept and nothing is decided, because somebody said so.
    Paused(Step),
    /// The data are broken: the share is kept and nothing is decided until a person resumes with fresh callers.
    Halted(Step),
    /// Everybody goes to people: the bot was worse, or did not work.
    RolledBack(Step, Reason),
    /// Everybody goes to people: somebody said so, or nothing could be concluded.
    Stopped(Step, Reason),
    /// The last stage: the bot has its callers and is watched against the holdout.
    Completed(Step),
}

/// Why a rollout is held, rolled back or stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The last look has not decided.
    Inconclusive,
    /// Too many callers drawn for the bot have not reached it.
    NotDelivered,
    /// Worse beyond doubt on this metric, though maybe within the margin.
    Worse(Arc<str>),
    /// Worse beyond doubt and beyond the margin on this metric.
    Unbearable(Arc<str>),
    /// The breaker tripped too often within a day.
    Broken,
    /// The stage's days are over.
    Overdue,
    /// Somebody said so.
    Aborted,
    /// Somebody said so, and those who talk to the bot are to go to people at once.
    Drained,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Inconclusive => f.write_str("the last look has not decided"),
            Reason::NotDelivered => f.write_str("too many callers drawn for it missed it"),
            Reason::Worse(metric) => write!(f, "worse on {metric} beyond doubt"),
            Reason::Unbearable(metric) => {
                write!(f, "worse on {metric} beyond doubt and beyond the margin")
            }
            Reason::Broken => f.write_str("the breaker tripped too often within a day"),
            Reason::Overdue => f.write_str("the days of the stage are over"),
            Reason::Aborted => f.write_str("ordered"),
            Reason::Drained => f.write_str("ordered, and callers leave the bot at once"),
        }
    }
}

/// What a decision came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The check of the hour.
    Hourly,
    /// The check of the day, the only one that promotes.
    Daily,
    /// The breaker.
    Breaker,
    /// A person.
    Order {
        /// What was ordered.
        order: Order,
        /// Who.
        who: Arc<str>,
        /// Why; empty where no reason was given.
        reason: String,
    },
}

/// What a person can order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The first stage begins.
    Start,
    /// Keep the share, decide nothing.
    Pause,
    /// Go on deciding; after a halt with fresh callers.
    Resume,
    /// The next stage begins: approves a stage that has passed, and overrides one that has not.
    Promote,
    /// New callers go to people.
    Abort,
    /// New callers go to people, and those who talk to the bot too.
    DrainNow,
}

impl Order {
    /// All of them.
    pub const ALL: [Order; 6] =
        [Order::Start, Order::Pause, Order::Resume, Order::Promote, Order::Abort, Order::DrainNow];

    /// The word used on the command line and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Order::Start => "start",
            Order::Pause => "pause",
            Order::Resume => "resume",
            Order::Promote => "promote",
            Order::Abort => "abort",
            Order::DrainNow => "drain_now",
        }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A stage began by an order.
    Started,
    /// Nothing yet: outcomes of enough days are not known before this moment.
    TooEarly(Timestamp),
    /// Nothing yet: too few outcomes for the next look.
    TooFew,
    /// A look that has not convinced; the next one may.
    NotShown,
    /// Nothing is promoted now, for this reason: the end of the month, an outage, too few agents. No look is used up.
    Frozen(Arc<str>),
    /// The stage has passed and the next one begins.
    Promoted,
    /// The stage has passed and waits for approval.
    Passed,
    /// The share is kept.
    Held(Reason),
    /// The data are broken.
    Halted,
    /// Everybody goes to people.
    RolledBack(Reason),
    /// Everybody goes to people.
    Stopped(Reason),
    /// Nothing is decided from now on.
    Paused,
    /// Decisions go on.
    Resumed,
    /// Of the last stage: all is well.
    Fine,
    /// Of the last stage: a person should look; the share is kept.
    Alarm(Reason),
    /// Of the last stage: the watch begins anew with fresh callers.
    Renewed,
    /// The breaker has opened: new callers are not drawn.
    Tripped(Trip),
    /// The breaker has closed: callers are drawn again.
    Recovered,
}

/// The words of [`Verdict::as_str`].
pub const VERDICTS: [&str; 15] = [
    "started", "wait", "promote", "passed", "hold", "halt", "rollback", "stop", "pause", "resume",
    "fine", "alarm", "renew", "trip", "recover",
];

impl Verdict {
    /// The word for metrics and lists: one of [`VERDICTS`].
    pub const fn as_str(&self) -> &'static str {
        match self {
            Verdict::Started => "started",
            Verdict::TooEarly(_) | Verdict::TooFew | Verdict::NotShown | Verdict::Frozen(_) => {
                "wait"
            }
            Verdict::Promoted => "promote",
            Verdict::Passed => "passed",
            Verdict::Held(_) => "hold",
            Verdict::Halted => "halt",
            Verdict::RolledBack(_) => "rollback",
            Verdict::Stopped(_) => "stop",
            Verdict::Paused => "pause",
            Verdict::Resumed => "resume",
            Verdict::Fine => "fine",
            Verdict::Alarm(_) => "alarm",
            Verdict::Renewed => "renew",
            Verdict::Tripped(_) => "trip",
            Verdict::Recovered => "recover",
        }
    }

    /// Whether somebody should be told at once.
    pub const fn pages(&self) -> bool {
        match self {
            Verdict::Held(_)
            | Verdict::Halted
            | Verdict::RolledBack(_)
            | Verdict::Stopped(_)
            | Verdict::Passed
            | Verdict::Alarm(_)
            | Verdict::Tripped(_) => true,
            Verdict::Started
            | Verdict::TooEarly(_)
            | Verdict::TooFew
            | Verdict::NotShown
            | Verdict::Frozen(_)
            | Verdict::Promoted
            | Verdict::Paused
            | Verdict::Resumed
            | Verdict::Fine
            | Verdict::Renewed
            | Verdict::Recovered => false,
        }
    }
}

/// One look at a stage's evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Which look of the plan, from 1.
    pub number: usize,
    /// Looks of the plan.
    pub of: usize,
    /// What Z had to reach.
    pub bound: f64,
    /// What kept the stage from passing; nothing when it passed.
    pub doubts: Vec<(Arc<str>, Doubt)>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Which of the rollout's decisions, from 1.
    pub number: u64,
    /// The moment that it was made for: evidence up to then.
    pub at: Timestamp,
    /// The rollout.
    pub rollout: Arc<str>,
    /// The bot's version.
    pub version: Arc<str>,
    /// [`Plan::fingerprint`] of the plan it was made by.
    pub plan: Arc<str>,
    /// What it came from.
    pub cause: Cause,
    /// The state before.
    pub before: State,
    /// What was decided.
    pub verdict: Verdict,
    /// The state after.
    pub after: State,
    /// The look, if evidence was looked at for promotion.
    pub look: Option<Look>,
    /// The figures, if it was made on any.
    pub figures: Option<Figures>,
}

impl State {
    /// Where the test stands; nothing of a draft.
    pub const fn step(&self) -> Option<Step> {
        match self {
            State::Draft => None,
            State::Running(step)
            | State::Hold(step, _)
            | State::AwaitingApproval(step)
            | State::Paused(step)
            | State::Halted(step)
            | State::RolledBack(step, _)
            | State::Stopped(step, _)
            | State::Completed(step) => Some(*step),
        }
    }

    /// Whether the bot has callers.
    pub const fn is_live(&self) -> bool {
        match self {
            State::Running(_)
            | State::Hold(..)
            | State::AwaitingApproval(_)
            | State::Paused(_)
            | State::Halted(_)
            | State::Completed(_) => true,
            State::Draft | State::RolledBack(..) | State::Stopped(..) => false,
        }
    }

    /// The word used in records and on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Running(_) => "running",
            State::Hold(..) => "hold",
            State::AwaitingApproval(_) => "awaiting_approval",
            State::Paused(_) => "paused",
            State::Halted(_) => "halted",
            State::RolledBack(..) => "rolled_back",
            State::Stopped(..) => "stopped",
            State::Completed(_) => "completed",
        }
    }
}

impl Decision {
    /// The same decision with every figure counted again from its counts and the plan. What is stored must be what
    /// this is written as, byte for byte: then its figures are those of its counts, and nobody has changed them.
    /// `None` where the plan is another one than it was made by.
    pub fn recounted(&self, plan: &Plan) -> Option<Decision> {
        if *self.plan != *plan.fingerprint() {
            return None;
        }
        let mut again = self.clone();
        let stage = self.before.step().map(|step| step.stage).filter(|n| *n < plan.stages.len());
        again.figures = match (&self.figures, stage) {
            (Some(figures), Some(stage)) => Some(figures.recounted(plan, stage)),
            (Some(_), None) | (None, _) => None,
        };
        if let Some(look) = &mut again.look {
            look.bound = *plan.bounds().get(look.number.checked_sub(1)?)?;
            let figures = again.figures.as_ref()?;
            look.doubts = figures.doubts(plan, look.bound);
        }
        Some(again)
    }

    /// The decision in words, with every figure it was made on.
    pub fn explain(&self, plan: &Plan) -> String {
        let mut out = format!(
            "{} {} {}, decision {} by {}, plan {}\n",
            moment(self.at),
            self.rollout,
            self.version,
            self.number,
            cause(&self.cause),
            self.plan
        );
        if *self.plan != *plan.fingerprint() {
            let _ = writeln!(out, "the plan has changed since: names and margins may be others");
        }
        if let Some(figures) = &self.figures {
            describe(&mut out, plan, &self.before, figures, self.look.as_ref());
        }
        let _ = write!(out, "=> {}", verdict(&self.verdict));
        if let Some(step) = self.after.step() {
            let (stage, share) = stage(plan, step.stage);
            let state = self.after.as_str();
            let share = if self.after.is_live() { share } else { Share::None };
            let tried = plan.kind().arm(Arm::Bot);
            let _ = write!(out, "; {state}, stage {stage}, the {tried}'s share is {share}");
        }
        out
    }
}

impl fmt::Display for Decision {
    /// One line: when, what, why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { number, at, rollout, .. } = self;
        write!(f, "{} {rollout} #{number} {}", moment(*at), verdict(&self.verdict))
    }
}

fn stage(plan: &Plan, place: usize) -> (&str, Share) {
    plan.stages.get(place).map_or(("?", Share::None), |stage| (&stage.name, stage.share))
}

/// A moment as `2026-03-01 02:00:00Z`.
fn moment(at: Timestamp) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| at.to_string(), |at| format!("{}", at.strftime("%Y-%m-%d %H:%M:%SZ")))
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Hourly => "the hourly check".into(),
        Cause::Daily => "the daily check".into(),
        Cause::Breaker => "the breaker".into(),
        Cause::Order { order, who, reason } if reason.is_empty() => {
            format!("{who}: {}", order.as_str())
        }
        Cause::Order { order, who, reason } => format!("{who}: {} ({reason})", order.as_str()),
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Started => "started".into(),
        Verdict::TooEarly(until) => {
            format!("wait: outcomes of enough days are known on {}", moment(*until))
        }
        Verdict::TooFew => "wait: too few outcomes for the next look".into(),
        Verdict::NotShown => "wait: this look has not convinced, the next one may".into(),
        Verdict::Frozen(reason) => format!("wait: nothing is promoted now ({reason})"),
        Verdict::Promoted => "promoted".into(),
        Verdict::Passed => "passed, waits for approval".into(),
        Verdict::Held(reason) => format!("held: {reason}"),
        Verdict::Halted => "halted: the sizes of the arms do not fit the share".into(),
        Verdict::RolledBack(reason) => format!("rolled back: {reason}"),
        Verdict::Stopped(reason) => format!("stopped: {reason}"),
        Verdict::Paused => "paused".into(),
        Verdict::Resumed => "resumed".into(),
        Verdict::Fine => "all is well".into(),
        Verdict::Alarm(reason) => format!("alarm: {reason}"),
        Verdict::Renewed => "the watch begins anew with fresh callers".into(),
        Verdict::Tripped(trip) => format!("the breaker opened: {trip}"),
        Verdict::Recovered => "the breaker closed: callers are drawn again".into(),
    }
}

/// Where a rollout stands, in words: what a decision on these figures would be explained with.
pub fn status(plan: &Plan, state: &State, figures: Option<&Figures>) -> String {
    let mut out = format!("{} {}: {}", plan.name, plan.version, state.as_str());
    if let State::Hold(_, reason) | State::RolledBack(_, reason) | State::Stopped(_, reason) = state
    {
        let _ = write!(out, ", {reason}");
    }
    out.push('\n');
    if let Some(figures) = figures {
        let _ = writeln!(out, "as of {}", moment(figures.until));
        describe(&mut out, plan, state, figures, None);
    }
    out
}

fn describe(out: &mut String, plan: &Plan, state: &State, figures: &Figures, look: Option<&Look>) {
    if let Some(step) = state.step() {
        let (stage, share) = stage(plan, step.stage);
        let _ = writeln!(
            out,
            "stage {stage}, share {share}, since {}; {:.0} % of the planned sample, {} of {} looks used",
            moment(figures.since),
            figures.progress * 100.0,
            step.looks,
            plan.analysis.looks.len()
        );
    }
    let callers = figures.callers;
    let kind = plan.kind();
    let _ = write!(out, "callers: {} {}", kind.arm(Arm::Bot), callers.bot);
    if kind == TriedKind::Bot {
        let share = figures.not_delivered() * 100.0;
        let _ = write!(out, " ({} or {share:.1} % did not reach it)", callers.not_delivered);
    }
    let _ = writeln!(
        out,
        ", {} {}; sizes against the share {}: chi-square {:.2}, p {:.4}",
        kind.arm(Arm::People),
        callers.people,
        figures.bot_fraction,
        figures.mismatch.chi_square,
        figures.mismatch.p
    );
    if let Some(look) = look {
        let Look { number, of, bound, .. } = look;
        let _ = writeln!(out, "look {number} of {of}: every guardrail must reach Z = {bound:.3}");
    }
    for (weighed, metric) in figures.metrics.iter().zip(&plan.metrics) {
        explain_metric(out, kind, weighed, metric);
        let doubts = look.iter().flat_map(|look| &look.doubts);
        for (_, doubt) in doubts.filter(|(name, _)| *name == weighed.name) {
            let _ = writeln!(out, "    does not pass: {doubt}");
        }
    }
}

fn explain_metric(out: &mut String, tried: TriedKind, weighed: &Weighed, metric: &Metric) {
    let Pair { bot, people } = weighed.pooled();
    let strata = weighed.rows.iter().filter(|row| row.cell.drawn.weight() > 0.0).count();
    let kind = weighed.measure.kind();
    let _ = write!(
        out,
        "  {} ({}{}): {} {} of {}, {} {} of {}",
        weighed.name,
        weighed.role.as_str(),
        limit(weighed, kind),
        tried.arm(Arm::Bot),
        mean(bot, kind),
        bot.n,
        tried.arm(Arm::People),
        mean(people, kind),
        people.n
    );
    if weighed.needed > 0 {
        let _ = write!(out, ", needs {}", weighed.needed);
    }
    if !weighed.measure.is_for_both_arms() {
        out.push('\n');
        return;
    }
    let Some(difference) = weighed.difference else {
        let _ = writeln!(out, "; no stratum has both arms");
        return;
    };
    let _ = write!(
        out,
        "\n    over {strata} strata D = {:+.5}, v = {:.4e}, standard error {:.5}",
        difference.d,
        difference.v,
        difference.v.sqrt()
    );
    if let (Role::Guardrail { .. }, Some(half)) = (weighed.role, weighed.half) {
        let sign = if weighed.measure.lower_is_better() { "-" } else { "+" };
        let test = match weighed.method {
            Method::Plain => format!("({sign}D + {:.5})/se", metric.margin()),
            Method::Score => {
                let (low, high) = score_interval(weighed);
                format!("score test, 95 % interval {low:+.4} to {high:+.4}")
            }
        };
        let _ = write!(out, "; Z = {:.3} by {test}; at any time D +- {half:.5}", weighed.z);
    } else if let Role::Success { .. } = weighed.role {
        let _ = write!(out, "; Z = {:.3} of being better", weighed.z);
    }
    if let Some(delivered) = weighed.delivered.filter(|delivered| *delivered != difference) {
        let _ = write!(out, "; of those whom the bot had D = {:+.5}", delivered.d);
    }
    out.push('\n');
}

fn score_interval(weighed: &Weighed) -> (f64, f64) {
    let pairs: Vec<Pair> = weighed.rows.iter().map(|row| row.cell.drawn).collect();
    score::interval(&pairs, 1.959_963_984_540_054)
}

fn limit(weighed: &Weighed, kind: Kind) -> String {
    let margin = |margin: f64| match kind {
        Kind::YesNo => format!("{:.1} points", margin * 100.0),
        Kind::Mean => format!("{margin}"),
        Kind::LogMean => format!("ratio {margin}"),
    };
    match weighed.role {
        Role::Guardrail { margin: m, .. } => format!(", margin {}", margin(m)),
        Role::Sensitivity { margin: m } => format!(", margin {}", margin(m)),
        Role::Floor { min } => format!(", at least {min}"),
        Role::Ceiling { max } => format!(", at most {max}"),
        Role::Success { .. } | Role::Information => String::new(),
    }
}

/// A mean as people say it: in percent, in its unit, or as the geometric mean in seconds.
fn mean(sums: Sums, kind: Kind) -> String {
    match kind {
        Kind::YesNo => format!("{:.2} %", sums.mean() * 100.0),
        Kind::Mean => format!("{:.2}", sums.mean()),
        Kind::LogMean => format!("{:.1} s", libm::exp(sums.mean())),
    }
}
