//! What is done about rollouts, without a clock, a database or a socket: one machine for each plan, what it is told,
//! and what follows from its decisions.
//!
//! It decides nothing itself: [`Machine`] does. After every method that takes `now`, drain [`Steward::poll_act`].

use crate::server::store::{DecisionLog, DecisionRow};
use dozvon_center::fact::{Fact, What};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::breaker::{BotCall, BotReplies};
use dozvon_center::rollout::decide::{Command, Due, Machine, NotRestored, Refused};
use dozvon_center::rollout::decision::{Decision, Order, Reason, State};
use dozvon_center::rollout::evidence::Evidence;
use dozvon_center::rollout::plan::Plan;
use dozvon_center::rollout::weigh::Figures;
use dozvon_center::rollout::{Arm, Rollout, Share, Tried, TriedKind};
use dozvon_center::steering::{Decided, Steering};
use dozvon_clock::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// In whose name a rollout begins that waited for another one.
const SEQUENCE: &str = "the sequence of plans";

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Write this down.
    Keep(Box<DecisionRow>),
    /// Tell the center.
    Steer(Steering),
}

/// Why an order was not obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OrderError {
    /// No plan has that name.
    Unknown,
    /// Nothing can be ordered now, for this reason.
    NotNow(String),
    /// The machine says no.
    Refused(Refused),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderError::Unknown => f.write_str("no rollout with a plan has that name"),
            OrderError::NotNow(why) => f.write_str(why),
            OrderError::Refused(refused) => refused.fmt(f),
        }
    }
}

/// How a rollout is with us.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// Its decisions have not been read yet: nobody is drawn.
    Unread,
    /// It can't go on, for this reason: nobody is drawn, and nothing is decided.
    SetAside(String),
    /// Its machine runs.
    Tended(Box<Machine>),
}

/// One rollout.
#[derive(Clone, Debug)]
pub(super) struct Tended {
    pub(super) plan: Arc<Plan>,
    pub(super) rollout: Rollout,
    /// The fingerprint of salt and holdout.
    draw: Arc<str>,
    pub(super) standing: Standing,
    /// The newest decision.
    pub(super) last: Option<Decision>,
    /// The newest figures, of a decision or of an hour's check that changed nothing.
    pub(super) figures: Option<Figures>,
}

impl Tended {
    pub(super) fn machine(&self) -> Option<&Machine> {
        match &self.standing {
            Standing::Tended(machine) => Some(machine),
            Standing::Unread | Standing::SetAside(_) => None,
        }
    }

    fn machine_mut(&mut self) -> Option<&mut Machine> {
        match &mut self.standing {
            Standing::Tended(machine) => Some(machine),
            Standing::Unread | Standing::SetAside(_) => None,
        }
    }

    /// The share at which callers are drawn; that of the configuration until the rollout begins.
    pub(super) fn share(&self) -> Option<Share> {
        let machine = self.machine()?;
        match machine.state() {
            State::Draft => Some(self.rollout.share),
            State::Running(_)
            | State::Hold(..)
            | State::AwaitingApproval(_)
            | State::Paused(_)
            | State::Halted(_)
            | State::RolledBack(..)
            | State::Stopped(..)
            | State::Completed(_) => machine.admits(),
        }
    }

    /// The name of the stage that a state is in; empty for none.
    pub(super) fn stage(&self, state: &State) -> Arc<str> {
        let stage = state.step().and_then(|step| self.plan.stages.get(step.stage));
        stage.map_or_else(|| "".into(), |stage| Arc::clone(&stage.name))
    }
}

/// Evidence that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The rollout's number here.
    pub(crate) place: usize,
    /// Of which stage, and up to when.
    pub(crate) due: Due,
    /// Its plan.
    pub(crate) plan: Arc<Plan>,
    /// Its draw.
    pub(crate) rollout: Rollout,
}

/// All rollouts with plans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steward {
    pub(super) tended: Vec<Tended>,
    /// Calls drawn for a bot and not over, with the rollout's number: no more than there are calls.
    drawn: BTreeMap<CallId, usize>,
    /// Calls drawn for a new flow and not over, with the rollout's number. A bot may have them as well.
    on_trial: BTreeMap<CallId, usize>,
    acts: VecDeque<Act>,
}

impl Steward {
    /// The rollouts of these plans. Their decisions are to be read ([`Steward::unread`]).
    pub(crate) fn new(plans: &[Arc<Plan>], rollouts: &BTreeMap<Arc<str>, Rollout>) -> Steward {
        let tended = |plan: &Arc<Plan>| {
            let rollout = rollouts.get(&plan.name)?.clone();
            let draw = fingerprint(&rollout);
            let (plan, standing) = (Arc::clone(plan), Standing::Unread);
            Some(Tended { plan, rollout, draw, standing, last: None, figures: None })
        };
        let tended = plans.iter().filter_map(tended).collect();
        Steward { tended, ..Steward::default() }
    }

    /// What is to be done next.
    pub(crate) fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// Rollouts whose decisions have not been read: number, draw, the bot's version.
    pub(crate) fn unread(&self) -> impl Iterator<Item = (usize, &Rollout, Arc<str>)> {
        let unread = self.tended.iter().enumerate();
        let unread = unread.filter(|(_, tended)| matches!(tended.standing, Standing::Unread));
        unread.map(|(place, t)| (place, &t.rollout, Arc::clone(&t.plan.version)))
    }

    /// Goes on where the decisions that were kept end.
    pub(crate) fn restore(&mut self, now: Timestamp, place: usize, log: DecisionLog) {
        let tended = &mut self.tended[place];
        let drawn_otherwise = log.decisions.last().is_some_and(|kept| *kept.draw != *tended.draw);
        let mut decisions: Vec<Decision> =
            log.decisions.into_iter().map(|kept| kept.decision).collect();
        tended.figures = decisions.iter().rev().find_map(|decision| decision.figures.clone());
        tended.standing = match Machine::restore(Arc::clone(&tended.plan), &decisions) {
            Ok(_) if drawn_otherwise => Standing::SetAside(
                "its salt, its holdout or its flow is another one than when it began, so its callers \
                 are others: put it back, or begin anew with another version in the plan"
                    .to_owned(),
            ),
            Ok(machine) => Standing::Tended(Box::new(machine)),
            Err(NotRestored::PlanChanged { was, is }) => Standing::SetAside(format!(
                "it began by the plan {was} and the file is now {is}: put the plan back, or begin \
                 anew with another version and another salt"
            )),
            Err(NotRestored::Problems(problems)) => {
                let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
                Standing::SetAside(said.join("; "))
            }
        };
        if let Standing::SetAside(why) = &tended.standing {
            let rollout = &tended.plan.name;
            tracing::error!(%rollout, %why, "a rollout is set aside: nobody is drawn");
        }
        tended.last = decisions.pop();
        self.steer(place, None, false);
        self.advance(now);
    }

    /// Something happened: ends of bots' parts, and of calls in new flows, are for the breakers.
    pub(crate) fn fact(&mut self, fact: &Fact) {
        let Some(call) = fact.call else { return };
        if let What::ArmDrawn { option, arm: Arm::Bot, .. } = &fact.what {
            let place = self.tended.iter().position(|tended| tended.plan.name == *option);
            let Some(place) = place else { return };
            let drawn = match self.tended[place].plan.kind() {
                TriedKind::Bot => &mut self.drawn,
                TriedKind::Flow => &mut self.on_trial,
            };
            drawn.insert(call, place);
        } else if let What::BotEnded { bot, end, note, .. } = &fact.what {
            let drawn = self.drawn.remove(&call);
            let no_match = note.as_ref().is_some_and(|note| note.says_not_understood());
            let call = BotCall { failed: &**end == "failed", no_match };
            self.bot_ended(fact.at, drawn, bot, call);
        } else if let What::BotReplied { option: Some(option), replies, late, .. } = &fact.what {
            let replies = BotReplies { all: *replies, late: *late };
            let place = self.tended.iter().position(|tended| tended.plan.name == *option);
            place.into_iter().for_each(|place| self.bot_replied(fact.at, place, replies));
        } else if let What::FlowAstray { .. } = &fact.what {
            self.flow_over(fact.at, call, true);
        } else if let What::CallEnded { .. } = &fact.what {
            self.drawn.remove(&call);
            self.flow_over(fact.at, call, false);
        }
    }

    /// Facts were missed, ends of calls among them: calls that are known now may be over, and are let go, so that none
    /// is kept for ever. What becomes of those at a bot is not heard of by the breakers.
    pub(crate) fn missed_facts(&mut self) {
        self.drawn.clear();
        self.on_trial.clear();
    }

    /// A call in a new flow is over, or the flow has failed it, which is known at once.
    fn flow_over(&mut self, now: Timestamp, call: CallId, failed: bool) {
        let Some(place) = self.on_trial.remove(&call) else { return };
        let machine = self.tended[place].machine_mut();
        let over = BotCall { failed, no_match: false };
        if let Some(decision) = machine.and_then(|machine| machine.bot_call(now, over)) {
            self.decided(place, decision);
        }
    }

    fn bot_replied(&mut self, now: Timestamp, place: usize, replies: BotReplies) {
        let machine = self.tended[place].machine_mut();
        if let Some(decision) = machine.and_then(|machine| machine.bot_replied(now, replies)) {
            self.decided(place, decision);
        }
    }

    fn bot_ended(&mut self, now: Timestamp, drawn: Option<usize>, bot: &Arc<str>, call: BotCall) {
        for place in 0..self.tended.len() {
            let tended = &mut self.tended[place];
            let same = tended.plan.bot == *bot;
            let Some(machine) = tended.machine_mut() else { continue };
            if drawn == Some(place) {
                if let Some(decision) = machine.bot_call(now, call) {
                    self.decided(place, decision);
                }
            } else if same {
                // The bot has other callers too: while nobody is drawn, they tell how it is.
                machine.bot_probed(now, !call.failed);
            }
        }
    }

    /// The evidence that is due by `now`.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Wanted> {
        let wanted = |(place, tended): (usize, &Tended)| {
            let due = tended.machine()?.due(now)?;
            let (plan, rollout) = (Arc::clone(&tended.plan), tended.rollout.clone());
            Some(Wanted { place, due, plan, rollout })
        };
        self.tended.iter().enumerate().filter_map(wanted).collect()
    }

    /// Weighs evidence that was due.
    pub(crate) fn check(&mut self, now: Timestamp, place: usize, due: Due, evidence: &Evidence) {
        let tended = &mut self.tended[place];
        let figures = Figures::of(&tended.plan, evidence);
        let Some(machine) = tended.machine_mut() else { return };
        let decision = machine.check(due, evidence);
        tended.figures = Some(figures);
        if let Some(decision) = decision {
            self.decided(place, decision);
        }
        self.advance(now);
    }

    /// From now on nothing is promoted by evidence, for this reason; with `None` it may be again.
    pub(crate) fn freeze(&mut self, reason: Option<&Arc<str>>) {
        for machine in self.tended.iter_mut().filter_map(Tended::machine_mut) {
            machine.freeze(reason.cloned());
        }
    }

    /// An order by a person.
    ///
    /// # Errors
    /// Why it was not obeyed.
    pub(crate) fn order(
        &mut self,
        now: Timestamp,
        name: &str,
        command: Command,
    ) -> Result<(), OrderError> {
        let place = self.tended.iter().position(|tended| *tended.plan.name == *name);
        let place = place.ok_or(OrderError::Unknown)?;
        let machine = match &mut self.tended[place].standing {
            Standing::Tended(machine) => machine,
            Standing::Unread => {
                let why = "its decisions have not been read yet: the database is away";
                return Err(OrderError::NotNow(why.to_owned()));
            }
            Standing::SetAside(why) => return Err(OrderError::NotNow(why.clone())),
        };
        let decision = machine.command(now, command).map_err(OrderError::Refused)?;
        self.decided(place, decision);
        self.advance(now);
        Ok(())
    }

    /// Breakers whose time has come close.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        for place in 0..self.tended.len() {
            let machine = self.tended[place].machine_mut();
            if let Some(decision) = machine.and_then(|machine| machine.handle_timeout(now)) {
                self.decided(place, decision);
            }
        }
    }

    /// When [`Steward::handle_timeout`] or [`Steward::due`] has something next.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.tended.iter().filter_map(|tended| tended.machine()?.poll_timeout()).min()
    }

    /// Begins what waited for another rollout's last share.
    fn advance(&mut self, now: Timestamp) {
        while let Some((place, before)) = self.next_in_sequence() {
            let reason = format!("{before} has its last share");
            let command = Command { order: Order::Start, who: SEQUENCE.into(), reason };
            let machine = self.tended[place].machine_mut().expect("it was found by its machine");
            let decision = machine.command(now, command).expect("a draft can be started");
            self.decided(place, decision);
        }
    }

    fn next_in_sequence(&self) -> Option<(usize, Arc<str>)> {
        let complete = |name: &Arc<str>| {
            let state = self.tended.iter().find(|tended| tended.plan.name == *name)?;
            state.machine().map(|machine| matches!(machine.state(), State::Completed(_)))
        };
        self.tended.iter().enumerate().find_map(|(place, tended)| {
            let after = tended.plan.after.as_ref()?;
            let waits = *tended.machine()?.state() == State::Draft;
            (waits && complete(after) == Some(true)).then(|| (place, Arc::clone(after)))
        })
    }

    /// Has a decision kept and told, and its share set.
    fn decided(&mut self, place: usize, decision: Decision) {
        let tended = &mut self.tended[place];
        let (verdict, state) = (decision.verdict.as_str(), decision.after.as_str());
        if decision.verdict.pages() {
            tracing::warn!("rollout: {decision}");
        } else {
            tracing::info!("rollout: {decision}");
        }
        let stage = tended.stage(&decision.after);
        let told = Decided {
            number: decision.number,
            verdict: verdict.into(),
            state: state.into(),
            stage: Arc::clone(&stage),
        };
        let drain = matches!(&decision.after, State::Stopped(_, Reason::Drained));
        let row = DecisionRow {
            stage,
            share: tended.share(),
            draw: Arc::clone(&tended.draw),
            plan: Arc::clone(&tended.plan),
            decision: decision.clone(),
        };
        if decision.figures.is_some() {
            tended.figures.clone_from(&decision.figures);
        }
        tended.last = Some(decision);
        self.acts.push_back(Act::Keep(Box::new(row)));
        self.steer(place, Some(told), drain);
    }

    fn steer(&mut self, place: usize, decided: Option<Decided>, drain: bool) {
        let tended = &self.tended[place];
        let (option, share) = (Arc::clone(&tended.plan.name), tended.share());
        self.acts.push_back(Act::Steer(Steering { option, share, drain, decided }));
    }
}

/// The name of a draw: twelve hex digits, of salt and holdout, and of the flow whose callers are drawn. The salt can't
/// be read off it.
fn fingerprint(rollout: &Rollout) -> Arc<str> {
    let mut text = format!("draw 1\n{}\n{}\n", rollout.salt, rollout.holdout.as_percent());
    if let Tried::Flow { present, .. } = &rollout.tried {
        text = format!("{text}flow {present}\n");
    }
    hex::encode(Sha256::digest(text))[..12].into()
}
