//! What becomes of a caller who waits on: the rules of the flow's queue node, and the place that he keeps.
//!
//! A rule acts once in a stay, when its point is first seen to be reached. An offer that is open is let finish before
//! anybody is sent on: the ring time-out bounds that.

use crate::border::LegCommand;
use crate::call::{Call, State};
use crate::center::{Center, Timer};
use crate::contact::Outcome;
use crate::flow::model::WaitPoint;
use crate::flow::{OrderAct, OrderRule, Prompt, QueueEnd};
use crate::limits::{CLOSING_EVERY, WAIT_RULES_EVERY};
use dozvon_clock::Timestamp;

/// The rules of one stay that have not acted yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaitRules {
    pending: Vec<OrderRule>,
    since: Timestamp,
    lose_place: bool,
    /// Until when the queue serves those who wait.
    served_until: Option<Timestamp>,
}

impl WaitRules {
    /// The rules of a stay that begins now.
    pub(crate) fn new(now: Timestamp, pending: Vec<OrderRule>, lose_place: bool) -> WaitRules {
        WaitRules { pending, since: now, lose_place, served_until: None }
    }

    /// The queue closes, and has served those who wait by then.
    pub(crate) fn serve_until(&mut self, until: Timestamp) {
        self.served_until = Some(until);
    }

    /// Takes out the first rule that has come to act. While the caller is being offered none does.
    fn due(&mut self, holds: impl Fn(WaitPoint) -> bool, offered: bool) -> Option<OrderAct> {
        let at = self.pending.iter().position(|rule| !offered && holds(rule.at))?;
        Some(self.pending.remove(at).act)
    }

    /// When to look again; places and forecasts change at any time, so they are looked at every few seconds.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let at = |rule: &OrderRule| match rule.at {
            WaitPoint::Waited(waited) if self.since + waited > now => self.since + waited,
            WaitPoint::Waited(_) | WaitPoint::EstimateOver(_) | WaitPoint::PositionOver(_) => {
                now + WAIT_RULES_EVERY
            }
        };
        // A phone that rings at that moment is let finish, so it is looked again.
        let closes = self.served_until.map(|until| match until > now {
            true => until,
            false => now + CLOSING_EVERY,
        });
        self.pending.iter().map(at).chain(closes).min()
    }
}

impl Center {
    /// A stay begins: its rules are looked at as soon as all that follows from its beginning is done.
    pub(crate) fn begin_rules(&mut self, now: Timestamp, call: &mut Call, rules: WaitRules) {
        call.rules = rules;
        self.mind_closing(now, call);
        if !call.rules.pending.is_empty() || call.run.is_wanted_on_duty() {
            self.deadlines.set((call.id, Timer::WaitRules), now);
        }
    }

    /// Looks whether a rule has come to act.
    pub(crate) fn mind_rules(&mut self, now: Timestamp, call: &mut Call) {
        let State::Waiting { rings, .. } = &call.state else { return };
        let offered = !rings.is_empty() || call.run.is_asked();
        if !offered && call.run.is_wanted_on_duty() {
            self.send_on(now, call, QueueEnd::Emergency, Outcome::Overflow);
            return;
        }
        if !offered && call.rules.served_until.is_some_and(|until| now >= until) {
            self.send_on(now, call, QueueEnd::Closed, Outcome::Closed);
            return;
        }
        let (acd, id, since) = (&self.acd, call.id, call.rules.since);
        let holds = |point: WaitPoint| match point {
            WaitPoint::Waited(waited) => now.since(since) >= waited,
            WaitPoint::EstimateOver(most) => acd.estimate(id).is_some_and(|wait| wait.mean > most),
            WaitPoint::PositionOver(most) => acd.position(id).is_some_and(|place| place > most),
        };
        match call.rules.due(holds, offered) {
            Some(OrderAct::Announce(prompts)) => {
                self.announce(call, prompts);
                self.mind_rules(now, call);
            }
            Some(OrderAct::Offer(number, prompts)) => {
                call.offered_callback = Some(number);
                self.announce(call, prompts);
                self.mind_rules(now, call);
            }
            Some(OrderAct::Overflow(number)) => {
                self.send_on(now, call, QueueEnd::Overflow(number), Outcome::Overflow);
            }
            None => {
                let wanted = call.run.is_wanted_on_duty().then(|| now + CLOSING_EVERY);
                if let Some(next) = call.rules.next(now).into_iter().chain(wanted).min() {
                    self.deadlines.set((call.id, Timer::WaitRules), next);
                }
            }
        }
    }

    /// Plays prompts over the music of a waiting caller.
    pub(crate) fn announce(&mut self, call: &mut Call, prompts: Vec<Prompt>) {
        if !prompts.is_empty() {
            let play = self.new_play();
            call.announcing = Some(play);
            self.tell(call.leg, LegCommand::Announce { play, prompts });
        }
    }

    /// A caller goes on without having been answered. In the next queue he stands where he would stand had he waited
    /// there all the time, unless the flow says otherwise.
    pub(crate) fn keep_place(&mut self, call: &mut Call) {
        if call.rules.lose_place {
            call.enqueued_at = None;
        } else {
            call.credit_from = call.enqueued_at;
        }
    }
}
