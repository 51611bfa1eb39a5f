//! What becomes of a rollout: promoted, held, halted, taken back. A state machine with time passed in.
//!
//! At each full hour it asks whether callers must be taken back, once a day whether the stage has passed. It is given
//! the [`Evidence`] of the moment that [`Machine::due`] names and answers with a [`Decision`], whose log is all that
//! there is to keep: [`Machine::restore`] goes on from it. Knows no file and draws nobody: the share in force is
//! [`Machine::admits`].
//!
//! ```text
//! draft -> running(stage) -> awaiting_approval -> running(next) … -> completed
//!          running <-> hold;  paused, halted -> running;  all that have callers -> rolled_back, stopped
//! ```

use super::assign::{Share, TriedKind};
use super::breaker::{BotCall, BotReplies, Breaker, Trip};
use super::decision::{Cause, Decision, Look, Order, Reason, State, Step, Verdict};
use super::evidence::Evidence;
use super::plan::{DAY, Inconclusive, Plan, Problem, Promote};
use super::weigh::{Doubt, Figures};
use dozvon_clock::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// Callers of the bot's arm before the share of those who missed it says anything.
const NON_DELIVERED_CALLERS_MIN: u64 = 100;

/// One rollout on its way.
#[derive(Clone, Debug)]
pub struct Machine {
    plan: Arc<Plan>,
    fingerprint: Arc<str>,
    /// Of Z at the looks.
    bounds: Vec<f64>,
    state: State,
    decisions: u64,
    checked_at: Timestamp,
    judged_at: Timestamp,
    breaker: Breaker,
    /// Why nothing is promoted now.
    frozen: Option<Arc<str>>,
}

/// The evidence that the machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The stage's place in the plan.
    pub stage: usize,
    /// When the stage began.
    pub since: Timestamp,
    /// Up to when evidence is to be gathered.
    pub at: Timestamp,
    /// Whether the day's decision is made on it.
    pub daily: bool,
}

/// An order by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub order: Order,
    /// Who.
    pub who: Arc<str>,
    /// Why; may be empty but for a promotion that overrides the evidence.
    pub reason: String,
}

/// Why an order was not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The rollout has not begun.
    NotStarted,
    /// It has begun already.
    Started,
    /// It has been taken back or stopped.
    Over,
    /// It runs.
    NotPaused,
    /// It is paused already.
    Paused,
    /// It waits for approval already.
    Waiting,
    /// There is nothing more to decide.
    Complete,
    /// The data are broken.
    Halted,
    /// Evidence is overridden without a reason.
    NoReason,
    /// The stage names others as approvers.
    NotApprover,
    /// Callers of a flow can't be taken out of it.
    StayInFlow,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::NotStarted => "it has not begun: start it",
            Refused::Started => "it has begun already",
            Refused::Over => "it is over: try the next version with a salt of its own",
            Refused::Paused => "it is paused already",
            Refused::NotPaused => "it is not paused",
            Refused::Waiting => "it waits for approval, and nothing goes on by itself",
            Refused::Complete => "it has the last share; abort is what is left",
            Refused::Halted => "the data are broken: mend them, then resume with fresh callers",
            Refused::NoReason => "say why the evidence is overridden",
            Refused::NotApprover => "the plan names others who may approve",
            Refused::StayInFlow => {
                "nobody is torn out of the flow that he is in: abort sends new callers to the present one"
            }
        })
    }
}

/// Why a machine can't go on from a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRestored {
    /// The plan is another one than that of the last decision.
    PlanChanged {
        /// The fingerprint in the log.
        was: Arc<str>,
        /// The plan's own.
        is: Arc<str>,
    },
    /// The plan is wrong.
    Problems(Vec<Problem>),
}

/// What drives the machine.
enum Input<'a> {
    Order(Order, &'a Command),
    Check { daily: bool, figures: &'a Figures },
    WornOut,
}

/// What came of an input.
struct Outcome {
    after: State,
    verdict: Verdict,
    look: Option<Look>,
}

impl Outcome {
    const fn new(after: State, verdict: Verdict) -> Outcome {
        Outcome { after, verdict, look: None }
    }

    fn held(step: Step, reason: Reason) -> Outcome {
        Outcome::new(State::Hold(step, reason.clone()), Verdict::Held(reason))
    }

    fn stopped(step: Step, reason: Reason) -> Outcome {
        Outcome::new(State::Stopped(step, reason.clone()), Verdict::Stopped(reason))
    }

    fn rolled_back(step: Step, reason: Reason) -> Outcome {
        Outcome::new(State::RolledBack(step, reason.clone()), Verdict::RolledBack(reason))
    }
}

impl Machine {
    /// A rollout that has not begun.
    ///
    /// # Errors
    /// Everything that is wrong with the plan.
    pub fn new(plan: Arc<Plan>) -> Result<Machine, Vec<Problem>> {
        let problems = plan.validate();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Machine {
            fingerprint: plan.fingerprint(),
            bounds: plan.bounds(),
            state: State::Draft,
            decisions: 0,
            checked_at: Timestamp::EPOCH,
            judged_at: Timestamp::EPOCH,
            breaker: Breaker::new(plan.breaker),
            frozen: None,
            plan,
        })
    }

    /// A rollout that goes on where its log ends; the log is in order, and may be empty.
    ///
    /// # Errors
    /// The plan is wrong, or another one than that of the last decision: what a rollout is to prove is not changed on
    /// its way.
    pub fn restore(plan: Arc<Plan>, log: &[Decision]) -> Result<Machine, NotRestored> {
        let mut machine = Machine::new(plan).map_err(NotRestored::Problems)?;
        let Some(last) = log.last() else { return Ok(machine) };
        if last.plan != machine.fingerprint {
            let (was, is) = (Arc::clone(&last.plan), machine.fingerprint);
            return Err(NotRestored::PlanChanged { was, is });
        }
        let day = last.at - DAY;
        let trips = log.iter().filter(|d| matches!(d.verdict, Verdict::Tripped(_)) && d.at > day);
        let breaker = log.iter().rev().find(|decision| decision.cause == Cause::Breaker);
        let open = breaker.is_some_and(|d| matches!(d.verdict, Verdict::Tripped(_)));
        let rules = machine.plan.breaker;
        machine.breaker = Breaker::restored(rules, trips.map(|decision| decision.at), open);
        machine.state = last.after.clone();
        machine.decisions = last.number;
        machine.checked_at = last.at;
        let daily = log.iter().rev().find(|decision| decision.cause == Cause::Daily);
        machine.judged_at = daily.map_or(log[0].at, |decision| decision.at);
        Ok(machine)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The state.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The share at which callers are drawn now; `None`: nobody is drawn, and everybody goes to people.
    pub fn admits(&self) -> Option<Share> {
        let drawing = self.state.is_live() && !self.breaker.is_open();
        let step = self.state.step().filter(|_| drawing)?;
        Some(self.plan.stages[step.stage].share)
    }

    /// Whether the breaker keeps callers from the bot, and until when at the soonest.
    pub const fn breaker_open_until(&self) -> Option<Timestamp> {
        self.breaker.poll_timeout()
    }

    /// From now on nothing is promoted, for this reason; with `None` something may be again. Callers are guarded all
    /// the same, and a person may promote. Not kept over a restart: whoever knows the reason says it again.
    pub fn freeze(&mut self, reason: Option<Arc<str>>) {
        self.frozen = reason;
    }

    /// The evidence to be gathered by `now`: of the last full hour, if it has not been looked at.
    pub fn due(&self, now: Timestamp) -> Option<Due> {
        let step = self.checked()?;
        let at = floor(now, HOUR, Duration::ZERO);
        let offset = HOUR * u32::from(self.plan.daily_at_hour);
        let daily = floor(at, DAY, offset) > self.judged_at;
        let due = Due { stage: step.stage, since: step.since, at, daily };
        (at > self.checked_at && at > step.since).then_some(due)
    }

    /// The test that checks go on for; none while nothing is decided.
    fn checked(&self) -> Option<Step> {
        match &self.state {
            State::Running(step)
            | State::Hold(step, _)
            | State::AwaitingApproval(step)
            | State::Completed(step) => Some(*step),
            State::Draft
            | State::Paused(_)
            | State::Halted(_)
            | State::RolledBack(..)
            | State::Stopped(..) => None,
        }
    }

    /// When [`Machine::due`] or [`Machine::handle_timeout`] has something next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let after =
            |step: Step| floor(self.checked_at.max(step.since), HOUR, Duration::ZERO) + HOUR;
        let check = self.checked().map(after);
        [check, self.breaker.poll_timeout()].into_iter().flatten().min()
    }

    /// Weighs the evidence that was due. Tells of the day's decision always, of an hour's only where it changes
    /// something. Evidence for a state that is no longer is ignored.
    pub fn check(&mut self, due: Due, evidence: &Evidence) -> Option<Decision> {
        let same = (evidence.stage(), evidence.since(), evidence.until());
        assert_eq!(same, (due.stage, due.since, due.at), "the evidence must be what was due");
        self.checked().filter(|s| (s.stage, s.since) == (due.stage, due.since))?;
        self.checked_at = due.at;
        if due.daily {
            self.judged_at = due.at;
        }
        let figures = Figures::of(&self.plan, evidence);
        let outcome = self.transit(due.at, Input::Check { daily: due.daily, figures: &figures });
        let outcome = outcome.expect("only orders are refused")?;
        let cause = if due.daily { Cause::Daily } else { Cause::Hourly };
        Some(self.record(due.at, cause, outcome, Some(figures)))
    }

    /// An order by a person.
    ///
    /// # Errors
    /// Why it was not obeyed; nothing has changed then.
    pub fn command(&mut self, now: Timestamp, command: Command) -> Result<Decision, Refused> {
        // A bot's caller can be given to people at any moment; in the middle of a flow there is no other place for him.
        if command.order == Order::DrainNow && self.plan.kind() == TriedKind::Flow {
            return Err(Refused::StayInFlow);
        }
        let outcome = self.transit(now, Input::Order(command.order, &command))?;
        let outcome = outcome.expect("an order is obeyed or refused");
        if self.state == State::Draft {
            (self.checked_at, self.judged_at) = (now, now);
        }
        let Command { order, who, reason } = command;
        Ok(self.record(now, Cause::Order { order, who, reason }, outcome, None))
    }

    /// A call with the bot has ended, as far as the breaker is concerned.
    pub fn bot_call(&mut self, now: Timestamp, call: BotCall) -> Option<Decision> {
        if !self.state.is_live() {
            return None;
        }
        let trip = self.breaker.handle(now, call);
        self.tripped(now, trip?)
    }

    /// It is known how soon the bot replied in a call.
    pub fn bot_replied(&mut self, now: Timestamp, replies: BotReplies) -> Option<Decision> {
        if !self.state.is_live() {
            return None;
        }
        let trip = self.breaker.replied(now, replies);
        self.tripped(now, trip?)
    }

    fn tripped(&mut self, now: Timestamp, trip: Trip) -> Option<Decision> {
        let outcome = if self.breaker.is_worn_out() {
            self.transit(now, Input::WornOut).expect("only orders are refused")?
        } else {
            Outcome::new(self.state.clone(), Verdict::Tripped(trip))
        };
        Some(self.record(now, Cause::Breaker, outcome, None))
    }

    /// A probe of the bot while the breaker is open.
    pub fn bot_probed(&mut self, now: Timestamp, healthy: bool) {
        self.breaker.probed(now, healthy);
    }

    /// The breaker's time has come, perhaps.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<Decision> {
        if !self.breaker.handle_timeout(now) || !self.state.is_live() {
            return None;
        }
        let outcome = Outcome::new(self.state.clone(), Verdict::Recovered);
        Some(self.record(now, Cause::Breaker, outcome, None))
    }

    fn record(
        &mut self,
        at: Timestamp,
        cause: Cause,
        outcome: Outcome,
        figures: Option<Figures>,
    ) -> Decision {
        self.decisions += 1;
        let Outcome { after, verdict, look } = outcome;
        let before = std::mem::replace(&mut self.state, after);
        Decision {
            number: self.decisions,
            at,
            rollout: Arc::clone(&self.plan.name),
            version: Arc::clone(&self.plan.version),
            plan: Arc::clone(&self.fingerprint),
            cause,
            before,
            verdict,
            after: self.state.clone(),
            look,
            figures,
        }
    }

    /// The whole machine. `Ok(None)`: nothing to tell.
    fn transit(&self, now: Timestamp, input: Input<'_>) -> Result<Option<Outcome>, Refused> {
        use Input::{Check, WornOut};
        use Order as O;
        use State as S;
        let outcome = match (&self.state, input) {
            (S::Draft, Input::Order(O::Start, _)) => {
                Outcome::new(self.begin(0, now), Verdict::Started)
            }
            (
                S::Draft,
                Input::Order(O::Pause | O::Resume | O::Promote | O::Abort | O::DrainNow, _),
            ) => return Err(Refused::NotStarted),
            (S::RolledBack(..) | S::Stopped(..), Input::Order(..)) => return Err(Refused::Over),
            (
                S::Draft | S::RolledBack(..) | S::Stopped(..) | S::Paused(_) | S::Halted(_),
                Check { .. },
            )
            | (S::Draft | S::RolledBack(..) | S::Stopped(..), WornOut) => return Ok(None),
            (
                S::Running(_)
                | S::Hold(..)
                | S::AwaitingApproval(_)
                | S::Paused(_)
                | S::Halted(_)
                | S::Completed(_),
                Input::Order(O::Start, _),
            ) => return Err(Refused::Started),
            (
                S::Running(step)
                | S::Hold(step, _)
                | S::AwaitingApproval(step)
                | S::Paused(step)
                | S::Halted(step)
                | S::Completed(step),
                Input::Order(O::Abort, _),
            ) => Outcome::stopped(*step, Reason::Aborted),
            (
                S::Running(step)
                | S::Hold(step, _)
                | S::AwaitingApproval(step)
                | S::Paused(step)
                | S::Halted(step)
                | S::Completed(step),
                Input::Order(O::DrainNow, _),
            ) => Outcome::stopped(*step, Reason::Drained),
            (
                S::Running(step)
                | S::Hold(step, _)
                | S::AwaitingApproval(step)
                | S::Paused(step)
                | S::Halted(step)
                | S::Completed(step),
                WornOut,
            ) => Outcome::rolled_back(*step, Reason::Broken),
            (S::Running(step) | S::Hold(step, _), Input::Order(O::Pause, _)) => {
                Outcome::new(S::Paused(*step), Verdict::Paused)
            }
            (S::AwaitingApproval(_), Input::Order(O::Pause, _)) => return Err(Refused::Waiting),
            (S::Paused(_), Input::Order(O::Pause, _)) => return Err(Refused::Paused),
            (S::Halted(_), Input::Order(O::Pause | O::Promote, _)) => return Err(Refused::Halted),
            (S::Completed(_), Input::Order(O::Pause | O::Promote, _)) => {
                return Err(Refused::Complete);
            }
            (S::Paused(step), Input::Order(O::Resume, _)) => {
                Outcome::new(S::Running(*step), Verdict::Resumed)
            }
            (S::Halted(step), Input::Order(O::Resume, _)) => {
                Outcome::new(self.begin(step.stage, now), Verdict::Resumed)
            }
            (
                S::Running(_) | S::Hold(..) | S::AwaitingApproval(_) | S::Completed(_),
                Input::Order(O::Resume, _),
            ) => return Err(Refused::NotPaused),
            (
                S::Running(step) | S::Hold(step, _) | S::Paused(step),
                Input::Order(O::Promote, command),
            ) => self.promoted_by(now, *step, command, true)?,
            (S::AwaitingApproval(step), Input::Order(O::Promote, command)) => {
                self.promoted_by(now, *step, command, false)?
            }
            (S::Running(step), Check { daily, figures }) => {
                return Ok(self.judge(now, *step, None, daily, figures));
            }
            (S::Hold(step, reason), Check { daily, figures }) => {
                return Ok(self.judge(now, *step, Some(reason), daily, figures));
            }
            (S::AwaitingApproval(step), Check { daily, figures }) => {
                return Ok(self.guard(*step, None, daily, figures));
            }
            (S::Completed(step), Check { daily, figures }) => {
                return Ok(self.watch(now, *step, daily, figures));
            }
        };
        Ok(Some(outcome))
    }

    /// A stage with fresh callers.
    fn begin(&self, stage: usize, since: Timestamp) -> State {
        let step = Step { stage, since, looks: 0 };
        let last = stage + 1 == self.plan.stages.len();
        if last { State::Completed(step) } else { State::Running(step) }
    }

    fn promoted_by(
        &self,
        now: Timestamp,
        step: Step,
        command: &Command,
        overrides: bool,
    ) -> Result<Outcome, Refused> {
        let approvers = &self.plan.stages[step.stage].approvers;
        if !approvers.is_empty() && !approvers.contains(&command.who) {
            return Err(Refused::NotApprover);
        }
        if overrides && command.reason.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        Ok(Outcome::new(self.begin(step.stage + 1, now), Verdict::Promoted))
    }

    fn is_mismatched(&self, figures: &Figures) -> bool {
        figures.mismatch.p < self.plan.analysis.mismatch_p
    }

    fn is_delivered(&self, figures: &Figures) -> bool {
        figures.callers.bot < NON_DELIVERED_CALLERS_MIN
            || figures.not_delivered() <= self.plan.analysis.non_delivered_max
    }

    /// What protects callers at every check: back to people where the bot is unbearable, unless the data can't be
    /// believed. The sizes of the arms are judged once a day only: each look adds to the chance of a false alarm.
    fn guard(
        &self,
        step: Step,
        held: Option<&Reason>,
        daily: bool,
        figures: &Figures,
    ) -> Option<Outcome> {
        let halted = || Outcome::new(State::Halted(step), Verdict::Halted);
        if let Some(metric) = figures.unbearable(&self.plan) {
            let reason = Reason::Unbearable(Arc::clone(&metric.name));
            let back = Outcome::rolled_back(step, reason);
            return Some(if self.is_mismatched(figures) { halted() } else { back });
        }
        if daily && self.is_mismatched(figures) {
            return Some(halted());
        }
        let worse = figures.worse(&self.plan)?;
        let known = matches!(held, Some(Reason::Worse(_))) && !daily;
        (!known).then(|| Outcome::held(step, Reason::Worse(Arc::clone(&worse.name))))
    }

    /// A test: guarded each hour, judged each day.
    fn judge(
        &self,
        at: Timestamp,
        step: Step,
        held: Option<&Reason>,
        daily: bool,
        figures: &Figures,
    ) -> Option<Outcome> {
        let guarded = self.guard(step, held, daily, figures);
        if !daily {
            return guarded;
        }
        let outcome = guarded.unwrap_or_else(|| self.look(at, step, figures));
        let stage = &self.plan.stages[step.stage];
        let overdue = at >= step.since + DAY * stage.max_days;
        match outcome.verdict {
            Verdict::TooEarly(_)
            | Verdict::TooFew
            | Verdict::NotShown
            | Verdict::Frozen(_)
            | Verdict::Held(_)
                if overdue =>
            {
                Some(Outcome { look: outcome.look, ..Outcome::stopped(step, Reason::Overdue) })
            }
            Verdict::TooEarly(_)
            | Verdict::TooFew
            | Verdict::NotShown
            | Verdict::Frozen(_)
            | Verdict::Held(_)
            | Verdict::Started
            | Verdict::Promoted
            | Verdict::Passed
            | Verdict::Halted
            | Verdict::RolledBack(_)
            | Verdict::Stopped(_)
            | Verdict::Paused
            | Verdict::Resumed
            | Verdict::Fine
            | Verdict::Alarm(_)
            | Verdict::Renewed
            | Verdict::Tripped(_)
            | Verdict::Recovered => Some(outcome),
        }
    }

    /// The day's question: has the stage passed?
    fn look(&self, at: Timestamp, step: Step, figures: &Figures) -> Outcome {
        let stage = &self.plan.stages[step.stage];
        let looks = &self.plan.analysis.looks;
        if !self.is_delivered(figures) {
            return Outcome::held(step, Reason::NotDelivered);
        }
        let ready = step.since + DAY * stage.min_days + self.plan.longest_window();
        if at < ready {
            return Outcome::new(State::Running(step), Verdict::TooEarly(ready));
        }
        let reached = looks.iter().filter(|look| figures.progress >= **look).count();
        if step.looks == looks.len() {
            return self.undecided(step);
        }
        if reached <= step.looks {
            return Outcome::new(State::Running(step), Verdict::TooFew);
        }
        if let Some(reason) = &self.frozen {
            return Outcome::new(State::Running(step), Verdict::Frozen(Arc::clone(reason)));
        }
        // A look that was passed over is lost, which errs on the safe side.
        let bound = self.bounds[reached - 1];
        let doubts: Vec<(Arc<str>, Doubt)> = figures.doubts(&self.plan, bound);
        let step = Step { looks: reached, ..step };
        let outcome = match (doubts.is_empty(), stage.promote) {
            (true, Promote::Auto) => {
                Outcome::new(self.begin(step.stage + 1, at), Verdict::Promoted)
            }
            (true, Promote::Approval) => {
                Outcome::new(State::AwaitingApproval(step), Verdict::Passed)
            }
            (false, _) if reached == looks.len() => self.undecided(step),
            (false, _) => Outcome::new(State::Running(step), Verdict::NotShown),
        };
        Outcome { look: Some(Look { number: reached, of: looks.len(), bound, doubts }), ..outcome }
    }

    fn undecided(&self, step: Step) -> Outcome {
        match self.plan.analysis.on_inconclusive {
            Inconclusive::Hold => Outcome::held(step, Reason::Inconclusive),
            Inconclusive::Stop => Outcome::stopped(step, Reason::Inconclusive),
        }
    }

    /// The last stage: the bot keeps its callers until it becomes unbearable.
    fn watch(&self, at: Timestamp, step: Step, daily: bool, figures: &Figures) -> Option<Outcome> {
        let guarded = self.guard(step, None, daily, figures);
        let alarm = |reason| Outcome::new(State::Completed(step), Verdict::Alarm(reason));
        match guarded {
            Some(Outcome { verdict: Verdict::Held(reason), .. }) => daily.then(|| alarm(reason)),
            Some(outcome) => Some(outcome),
            None if !daily => None,
            None if !self.is_delivered(figures) => Some(alarm(Reason::NotDelivered)),
            None if at >= step.since + DAY * self.plan.monitoring_days => {
                Some(Outcome::new(self.begin(step.stage, at), Verdict::Renewed))
            }
            None => Some(Outcome::new(State::Completed(step), Verdict::Fine)),
        }
    }
}

/// The last moment not after `at` that is `offset` after a whole number of periods since the epoch.
fn floor(at: Timestamp, period: Duration, offset: Duration) -> Timestamp {
    let since = at.since(Timestamp::EPOCH + offset).as_micros() as u64;
    let period = period.as_micros() as u64;
    Timestamp::EPOCH + offset + Duration::from_micros(since - since % period)
}
