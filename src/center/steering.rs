//! Who is drawn for a bot, and at which share: what is asked before the draw, and the share that is in force.
//!
//! The share of a rollout with a plan moves here and nowhere else ([`Center::steer`]); who decides that it moves is
//! not the center's. A new share counts for the next draw. Callers who are at the bot stay there, unless they are
//! drained.

use crate::bot::BotOver;
use crate::call::{Call, State};
use crate::center::Center;
use crate::contact::ArmRecord;
use crate::fact::What;
use crate::flow::Happening;
use crate::ids::CallId;
use crate::rollout::eligible::{Applicant, Excluded, LastCalls, OptOuts, Room};
use crate::rollout::{Arm, Rollout, Share};
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
        let Some(rollout) = policy.rollouts.get(&option) else {
            // `dozvon check` refuses a flow that names an unknown rollout; people are always right.
            return Arm::People;
        };
        let share = self.steered.share(rollout);
        // Who comes by again in the same call keeps his arm, and is counted once.
        if let Some(before) = call.record.arm_of(&option) {
            let to_bot = before.arm == Arm::Bot && share.is_some();
            call.drawn = to_bot.then_some(option);
            return if to_bot { Arm::Bot } else { Arm::People };
        }
        let number = self.own_number(call);
        let excluded = self.excluded(now, call, rollout, number.as_deref());
        if let Some(number) = number.as_deref()
            && rollout.exclusions.same_topic_within_secs > 0
        {
            self.steered.last_calls.entry(Arc::clone(&option)).or_default().note(now, number);
        }
        let (share, why) = match (share, excluded) {
            (Some(share), None) => (share, None),
            (share, why) => (share.unwrap_or_default(), Some(why.unwrap_or(Excluded::Closed))),
        };
        if let Some(why) = why {
            call.record.arm(ArmRecord::excluded(option.clone(), share.fraction(), why));
            self.fact(now, Some(call.id), What::NotDrawn { option, why });
            return Arm::People;
        }
        let arm = Rollout { share, ..rollout.clone() }.draw(number.as_deref()).arm;
        let (share, delivered) = (share.fraction(), arm == Arm::People);
        let drawn = ArmRecord::drawn(option.clone(), arm, share, delivered);
        call.record.arm(ArmRecord { group: group(call), ..drawn });
        self.fact(now, Some(call.id), What::ArmDrawn { option: option.clone(), arm, share });
        if delivered {
            self.fact(now, Some(call.id), What::ArmDelivered { option, arm, delivered });
        } else {
            call.drawn = Some(option);
        }
        arm
    }

    /// Why this caller is not drawn, if he is not.
    fn excluded(
        &self,
        now: Timestamp,
        call: &Call,
        rollout: &Rollout,
        number: Option<&str>,
    ) -> Option<Excluded> {
        let nobody = OptOuts::default();
        let opt_outs = self.steered.opt_outs.get(&rollout.name).unwrap_or(&nobody);
        let last_calls = self.steered.last_calls.get(&rollout.name);
        let groups: Vec<Arc<str>> = group(call).into_iter().collect();
        let customer = call.record.contact().customer.as_ref().and_then(|found| found.known());
        let age = customer.and_then(|known| known.fields.get(AGE_FIELD)?.trim().parse().ok());
        let applicant = Applicant {
            subject: number,
            age,
            groups: &groups,
            language: call.run.language(),
            same_topic_at: number.and_then(|number| last_calls?.of(number)),
        };
        let sessions = u32::try_from(self.steered.sessions(&rollout.bot)).unwrap_or(u32::MAX);
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
