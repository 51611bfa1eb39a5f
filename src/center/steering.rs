//! Who is drawn for a bot or for the new version of a flow, and at which share: what is asked before the draw, and the
//! share that is in force.
//!
//! The share of a rollout with a plan moves here and nowhere else ([`Center::steer`]); who decides that it moves is
//! not the center's. A new share counts for the next draw. Callers who are at the bot stay there, unless they are
//! drained.

use crate::border::Arrival;
use crate::bot::BotOver;
use crate::call::{Call, State};
use crate::center::Center;
use crate::contact::ArmRecord;
use crate::fact::What;
use crate::flow::{Flow, Happening};
use crate::ids::CallId;
use crate::rollout::eligible::{Applicant, Excluded, LastCalls, OptOuts, Room};
use crate::rollout::{Arm, Rollout, Share, Tried, TriedKind};
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The field of a customer's card that says how old he is, in years.
const AGE_FIELD: &str = "age";

/// What is wanted of a rollout from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// The rollout.
    pub option: Arc<str>,
    /// The share at which callers are drawn; `None`: nobody is, and everybody goes to people.
    pub share: Option<Share>,
    /// Whether those who are at the bot now go to people too.
    pub drain: bool,
    /// The decision behind it, to be told; `None`: nothing new was decided.
    pub decided: Option<Decided>,
}

/// A decision about a rollout, in the words of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Which of the rollout's decisions, from 1.
    pub number: u64,
    /// What was decided: `promote`, `hold`, `rollback`, …
    pub verdict: Arc<str>,
    /// The state after it: `running`, `rolled_back`, …
    pub state: Arc<str>,
    /// The stage's name; empty before the first.
    pub stage: Arc<str>,
}

/// What was known of an option's callers before the start; the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The rollout.
    pub option: Arc<str>,
    /// Who wanted a person while the bot had him, and when.
    pub opt_outs: Vec<(Timestamp, Arc<str>)>,
    /// Who came to the option, and when.
    pub last_calls: Vec<(Timestamp, Arc<str>)>,
}

/// No rollout has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRollout;

/// What the center remembers for draws.
#[derive(Debug, Default)]
pub(crate) struct Steered {
    /// Shares that were set, by rollout.
    shares: BTreeMap<Arc<str>, Option<Share>>,
    /// Who is with which bot, or on the way to it.
    with_bots: BTreeSet<(Arc<str>, CallId)>,
    /// Who wanted people instead, by rollout.
    opt_outs: BTreeMap<Arc<str>, OptOuts>,
    /// Who called when, by rollout.
    last_calls: BTreeMap<Arc<str>, LastCalls>,
}

impl Steered {
    /// The share in force.
    fn share(&self, rollout: &Rollout) -> Option<Share> {
        match self.shares.get(&rollout.name) {
            Some(share) => *share,
            None if rollout.planned => None,
            None => Some(rollout.share),
        }
    }

    pub(crate) fn went_to_bot(&mut self, bot: &Arc<str>, call: CallId) {
        self.with_bots.insert((Arc::clone(bot), call));
    }

    pub(crate) fn left_bot(&mut self, bot: &Arc<str>, call: CallId) {
        self.with_bots.remove(&(Arc::clone(bot), call));
    }

    fn sessions(&self, bot: &Arc<str>) -> usize {
        let (from, to) = ((Arc::clone(bot), CallId(0)), (Arc::clone(bot), CallId(u64::MAX)));
        self.with_bots.range(from..=to).count()
    }
}

impl Center {
    /// Moves a rollout's share, for the next draw on.
    ///
    /// # Errors
    /// The policy has no such rollout.
    pub fn steer(&mut self, now: Timestamp, steering: Steering) -> Result<(), NoRollout> {
        let Steering { option, share, drain, decided } = steering;
        if !self.policy.rollouts.contains_key(&option) {
            return Err(NoRollout);
        }
        self.steered.shares.insert(Arc::clone(&option), share);
        if let Some(decided) = decided {
            let share = share.map(Share::fraction);
            let what = What::RolloutDecided { option: Arc::clone(&option), decided, share };
            self.fact(now, None, what);
        }
        if drain {
            let drawn = |(_, call): &(&CallId, &Call)| call.drawn.as_ref() == Some(&option);
            let at_bot: Vec<CallId> =
                self.calls.iter().filter(drawn).map(|(call, _)| *call).collect();
            for call in at_bot {
                self.with_call(now, call, |center, call| {
                    if matches!(call.state, State::CallingBot { .. } | State::WithBot { .. }) {
                        center.bot_over(now, call, BotOver::Transfer, None);
                    }
                });
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Learns what was known of an option's callers before the start. What has happened since comes after it.
    ///
    /// # Errors
    /// The policy has no such rollout.
    pub fn remember(&mut self, memory: Memory) -> Result<(), NoRollout> {
        let Memory { option, opt_outs, last_calls } = memory;
        let policy = Arc::clone(&self.policy);
        let rules = &policy.rollouts.get(&option).ok_or(NoRollout)?.exclusions;
        let (mut asked, mut called) = (OptOuts::default(), LastCalls::default());
        opt_outs.iter().for_each(|(at, number)| asked.note(rules, *at, number));
        if rules.same_topic_within_secs > 0 {
            last_calls.iter().for_each(|(at, number)| called.note(*at, number));
        }
        let Steered { opt_outs, last_calls, .. } = &mut self.steered;
        let since = opt_outs.remove(&option).unwrap_or_default();
        opt_outs.insert(Arc::clone(&option), asked.followed_by(rules, since));
        let since = last_calls.remove(&option).unwrap_or_default();
        last_calls.insert(option, called.followed_by(since));
        Ok(())
    }

    /// The share at which a rollout draws now; `None`: nobody is drawn, or there is no such rollout.
    pub fn share_of(&self, option: &str) -> Option<Share> {
        self.steered.share(self.policy.rollouts.get(option)?)
    }

    /// Draws the arm before anything else can differ between callers.
    pub(crate) fn draw(&mut self, now: Timestamp, call: &mut Call, option: Arc<str>) {
        let arm = self.arm_for(now, call, option);
        call.run.handle(now, Happening::Drawn(arm));
    }

    fn arm_for(&mut self, now: Timestamp, call: &mut Call, option: Arc<str>) -> Arm {
        let policy = Arc::clone(&self.policy);
        let rollout = policy.rollouts.get(&option);
        let Some(rollout) = rollout.filter(|rollout| rollout.tried.bot().is_some()) else {
            // `dozvon check` refuses a flow that names an unknown rollout; people are always right.
            return Arm::People;
        };
        // Who comes by again in the same call keeps his arm, and is counted once.
        if let Some(before) = call.record.arm_of(&option) {
            let to_bot = before.arm == Arm::Bot && self.steered.share(rollout).is_some();
            call.drawn = to_bot.then_some(option);
            return if to_bot { Arm::Bot } else { Arm::People };
        }
        let number = self.own_number(call);
        let groups: Vec<Arc<str>> = group(call).into_iter().collect();
        let customer = call.record.contact().customer.as_ref().and_then(|found| found.known());
        let applicant = Applicant {
            subject: number.as_deref(),
            age: customer.and_then(|known| known.fields.get(AGE_FIELD)?.trim().parse().ok()),
            groups: &groups,
            language: call.run.language(),
            same_topic_at: None,
        };
        let drawn = self.drawn(now, rollout, applicant);
        let drawn = match drawn.excluded {
            None => ArmRecord { group: group(call), ..drawn },
            Some(_) => drawn,
        };
        let arm = drawn.arm;
        call.drawn = (arm == Arm::Bot).then_some(option);
        self.note_draw(now, call, drawn);
        arm
    }

    /// The flow that serves a caller, and what was drawn where there is a choice between two. Nothing of either has
    /// been heard. Who goes to the duty office in an emergency hears neither of them, and is not drawn.
    ///
    /// `None`: the policy has no such flow.
    pub(crate) fn flow_for(
        &self,
        now: Timestamp,
        arrival: &Arrival,
        on_duty: bool,
    ) -> Option<(Arc<Flow>, Option<ArmRecord>)> {
        let present = Arc::clone(self.policy.flows.get(&arrival.flow)?);
        let trial = self.policy.rollouts.values().find_map(|rollout| match &rollout.tried {
            Tried::Flow { present, candidate } if *present == arrival.flow => {
                Some((rollout, self.policy.flows.get(candidate)?))
            }
            Tried::Flow { .. } | Tried::Bot(_) => None,
        });
        let Some((rollout, candidate)) = trial.filter(|_| !on_duty) else {
            return Some((present, None));
        };
        let number = arrival.caller.as_deref().and_then(|number| self.is_own(number));
        let applicant = Applicant { subject: number.as_deref(), ..Applicant::default() };
        let drawn = self.drawn(now, rollout, applicant);
        let flow = if drawn.arm == Arm::Bot { Arc::clone(candidate) } else { present };
        Some((flow, Some(drawn)))
    }

    /// What is drawn for a caller of whom this is known, at the share in force.
    fn drawn(&self, now: Timestamp, rollout: &Rollout, applicant: Applicant<'_>) -> ArmRecord {
        let (option, tried) = (Arc::clone(&rollout.name), rollout.tried.kind());
        let drawn = match (self.steered.share(rollout), self.excluded(now, rollout, applicant)) {
            (Some(share), None) => {
                let arm = Rollout { share, ..rollout.clone() }.draw(applicant.subject).arm;
                // Only on the way to a bot can a caller get lost.
                let delivered = arm == Arm::People || tried == TriedKind::Flow;
                ArmRecord::drawn(option, arm, share.fraction(), delivered)
            }
            (share, why) => {
                let why = why.unwrap_or(Excluded::Closed);
                ArmRecord::excluded(option, share.unwrap_or_default().fraction(), why)
            }
        };
        ArmRecord { tried, ..drawn }
    }

    /// Keeps what was drawn, and tells of it. From now on he has come to the option.
    pub(crate) fn note_draw(&mut self, now: Timestamp, call: &mut Call, drawn: ArmRecord) {
        let ArmRecord { option, arm, share, delivered, excluded, .. } = drawn.clone();
        call.record.arm(drawn);
        let policy = Arc::clone(&self.policy);
        let rules = policy.rollouts.get(&option).map(|rollout| &rollout.exclusions);
        if let Some(number) = self.own_number(call)
            && rules.is_some_and(|rules| rules.same_topic_within_secs > 0)
        {
            self.steered.last_calls.entry(option.clone()).or_default().note(now, &number);
        }
        if let Some(why) = excluded {
            self.fact(now, Some(call.id), What::NotDrawn { option, why });
            return;
        }
        self.fact(now, Some(call.id), What::ArmDrawn { option: option.clone(), arm, share });
        if delivered {
            self.fact(now, Some(call.id), What::ArmDelivered { option, arm, delivered });
        }
    }

    /// Why this caller is not drawn, if he is not.
    fn excluded(
        &self,
        now: Timestamp,
        rollout: &Rollout,
        applicant: Applicant<'_>,
    ) -> Option<Excluded> {
        let nobody = OptOuts::default();
        let opt_outs = self.steered.opt_outs.get(&rollout.name).unwrap_or(&nobody);
        let last_calls = self.steered.last_calls.get(&rollout.name);
        let number = applicant.subject;
        let same_topic_at = number.and_then(|number| last_calls?.of(number));
        let applicant = Applicant { same_topic_at, ..applicant };
        let sessions = rollout.tried.bot().map_or(0, |bot| self.steered.sessions(bot));
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        let room = Room { sessions, closed: self.steered.share(rollout).is_none() };
        let own = rollout.exclusions.exclude(now, &applicant, room, opt_outs);
        own.or_else(|| rollout.circle.as_ref()?.exclude(&rollout.name, number?))
    }

    /// A caller whom a bot has wants a person.
    pub(crate) fn wants_no_bot(&mut self, now: Timestamp, call: &Call) {
        let (Some(option), Some(number)) = (&call.drawn, self.own_number(call)) else { return };
        let Some(rollout) = self.policy.rollouts.get(option) else { return };
        let opt_outs = self.steered.opt_outs.entry(Arc::clone(option)).or_default();
        opt_outs.note(&rollout.exclusions, now, &number);
    }
}

/// The group of customers that a caller is known to be one of.
fn group(call: &Call) -> Option<Arc<str>> {
    call.record.contact().customer.as_ref()?.known()?.segment.clone()
}
