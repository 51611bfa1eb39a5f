//! Agents' own calls: from one phone of the house to a colleague or a number outside, and what a phone's own transfer
//! makes of them.
//!
//! An own call is no contact: it has no customer, no record and no stages. When the agent joins it with the customer he
//! talks to, its far side becomes the third party of that talk, and the rest is as with any transfer.

use crate::acd::{Activity, Engagement, NotFree};
use crate::border::{LegCommand, LegEvent, Referral, ReferralNews, Refusal};
use crate::call::{Aim, Call, State, Third, Who};
use crate::center::{Center, Role, Timer};
use crate::contact::{Ending, Fault};
use crate::fact::What;
use crate::ids::{AgentId, CallId, LegId};
use crate::talk::{Destination, TalkError};
use dozvon_clock::Timestamp;

/// One own call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnCall {
    pub(crate) agent: AgentId,
    /// The agent's leg.
    pub(crate) leg: LegId,
    pub(crate) to: Who,
    /// The far side's leg.
    pub(crate) other: LegId,
    pub(crate) up: bool,
    pub(crate) since: Timestamp,
}

impl Center {
    /// An agent's phone calls a colleague, another free agent of a queue, or a number outside. The agent's leg is
    /// answered when the far side is. Whoever calls himself is busy.
    ///
    /// # Errors
    /// [`TalkError`]: nothing has changed then, and the leg is to be refused.
    pub fn call_from(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        to: &Destination,
    ) -> Result<(CallId, LegId), TalkError> {
        let to = self.whom(to, agent)?;
        let id = self.new_call_id();
        if let Who::Agent(colleague) = to {
            if colleague == agent {
                return Err(TalkError::NotFree(NotFree::Busy(Activity::Outbound)));
            }
            let engaged = self.acd.engage(now, colleague, id, Engagement::Rung);
            engaged.map_err(TalkError::NotFree)?;
        }
        self.own_line(now, agent, true);
        let leg = self.new_leg(id, Role::OwnCaller);
        let other = self.new_leg(id, Role::OwnCallee);
        match &to {
            Who::Agent(colleague) => {
                let (agent, queue) = (*colleague, "internal".into());
                self.tell(other, LegCommand::RingAgent { agent, caller: leg, queue });
            }
            Who::Number(number) => {
                self.tell(other, LegCommand::Dial { to: number.clone(), caller: leg });
            }
        }
        self.deadlines.set((id, Timer::OwnAnswer), now + self.policy.talk.ring_timeout);
        self.own.insert(id, OwnCall { agent, leg, to, other, up: false, since: now });
        self.settle(now);
        Ok((id, leg))
    }

    /// A line that an agent's phone has opened itself begins or ends. The ACD hears of the first and of the last.
    pub(crate) fn own_line(&mut self, now: Timestamp, agent: AgentId, begins: bool) {
        let before = self.own_lines.remove(&agent).unwrap_or(0);
        let after = if begins { before + 1 } else { before.saturating_sub(1) };
        if after > 0 {
            self.own_lines.insert(agent, after);
        }
        if (before == 0) != (after == 0) {
            self.acd.outbound(now, agent, begins);
        }
    }

    pub(crate) fn own_event(&mut self, now: Timestamp, id: CallId, role: Role, event: LegEvent) {
        match (role, event) {
            (Role::OwnCaller, LegEvent::Referred(referral)) => self.own_referred(now, id, referral),
            (Role::OwnCallee, LegEvent::Ringing) => {
                let leg = self.own[&id].leg;
                self.tell(leg, LegCommand::Ring);
            }
            (Role::OwnCallee, LegEvent::Answered) => self.own_answered(now, id),
            (Role::OwnCallee, LegEvent::Refused(refusal)) => self.own_over(now, id, Some(refusal)),
            (_, LegEvent::HungUp | LegEvent::Lost(_) | LegEvent::Refused(_)) => {
                self.own_over(now, id, None);
            }
            (
                _,
                LegEvent::Ringing
                | LegEvent::Answered
                | LegEvent::Key(_)
                | LegEvent::Played(_)
                | LegEvent::Held(_)
                | LegEvent::Referred(_)
                | LegEvent::BotOver(..)
                | LegEvent::Recognised(..)
                | LegEvent::Broken(_)
                | LegEvent::Regained,
            ) => {}
        }
    }

    fn own_answered(&mut self, now: Timestamp, id: CallId) {
        self.deadlines.cancel(&(id, Timer::OwnAnswer));
        let own = self.own.get_mut(&id).expect("an own call's leg has its call");
        (own.up, own.since) = (true, now);
        let own = own.clone();
        if let Who::Agent(colleague) = own.to {
            self.acd.engaged(now, colleague, id, Engagement::Consult);
        }
        self.tell(own.leg, LegCommand::Answer);
        self.tell(own.leg, LegCommand::Bridge { with: own.other });
    }

    /// An own call is over: `refusal` when the far side said no, which the agent's phone is told.
    pub(crate) fn own_over(&mut self, now: Timestamp, id: CallId, refusal: Option<Refusal>) {
        let Some(own) = self.own.remove(&id) else { return };
        self.deadlines.cancel(&(id, Timer::OwnAnswer));
        if self.legs.remove(&own.leg).is_some() {
            let command = match refusal {
                Some(refusal) if !own.up => LegCommand::Reject(refusal),
                Some(_) | None => LegCommand::Release(Ending::new(Fault::Nobody, "hung_up")),
            };
            self.tell(own.leg, command);
        }
        self.release(own.other, Ending::new(Fault::Nobody, "hung_up"));
        if let Who::Agent(colleague) = own.to {
            self.acd.disengage(now, colleague);
        }
        self.own_ended(now, &own);
    }

    fn own_ended(&mut self, now: Timestamp, own: &OwnCall) {
        self.own_line(now, own.agent, false);
        let (with, answered) = (own.to.name(&self.policy), own.up);
        let secs = if own.up { now.since(own.since).as_secs_f64() } else { 0.0 };
        let agent = own.agent;
        self.fact(now, None, What::OwnCallEnded { agent, with, answered, talk_secs: secs });
    }

    // ---- transfers that a phone asks for --------------------------------------------------------------------------

    /// The phone of a talk's agent asks for a transfer.
    pub(crate) fn talk_referred(&mut self, now: Timestamp, call: &mut Call, referral: Referral) {
        let State::Talking(talk) = &call.state else { return };
        let (leg, agent) = (talk.leg, talk.agent);
        let result = match referral {
            Referral::To(to) => self.transfer(now, call, to, Some(leg)),
            Referral::Own(other) => self.join_own(now, call, leg, agent, other),
        };
        if let Err(error) = result {
            self.tell(leg, LegCommand::Referral(ReferralNews::Refused(error.to_string())));
        }
    }

    /// A queue or a node has taken the call that this leg's phone, if one did, asked it to take.
    pub(crate) fn taken_at_once(&mut self, referrer: Option<LegId>) {
        if let Some(leg) = referrer {
            self.tell(leg, LegCommand::Referral(ReferralNews::Accepted));
            self.tell(leg, LegCommand::Referral(ReferralNews::Done));
        }
    }

    /// The transfer under way was asked for by this leg, which hears how it goes.
    pub(crate) fn refers(&mut self, call: &mut Call, leg: LegId) {
        self.tell(leg, LegCommand::Referral(ReferralNews::Accepted));
        if let State::Talking(talk) = &mut call.state
            && let Some(third) = &mut talk.third
        {
            third.referrer = Some(leg);
        }
    }

    /// The agent joins his own call's far side with the customer: an attended transfer, or a blind one while it rings.
    fn join_own(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        agent: AgentId,
        other: LegId,
    ) -> Result<(), TalkError> {
        let id = match self.legs.get(&other) {
            Some((id, Role::OwnCaller)) => *id,
            _ => return Err(TalkError::NotYours),
        };
        if self.own[&id].agent != agent {
            return Err(TalkError::NotYours);
        }
        if matches!(&call.state, State::Talking(talk) if talk.third.is_some()) {
            return Err(TalkError::ThirdParty);
        }
        let own = self.own.remove(&id).expect("it was just there");
        self.deadlines.cancel(&(id, Timer::OwnAnswer));
        self.tell(leg, LegCommand::Referral(ReferralNews::Accepted));
        self.role(own.other, call.id, Role::Third);
        if let Who::Agent(colleague) = own.to {
            let engagement = if own.up { Engagement::Consult } else { Engagement::Rung };
            self.acd.engaged(now, colleague, call.id, engagement);
        }
        self.own_ended(now, &own);
        self.release(own.leg, Ending::new(Fault::Nobody, "transferred"));
        let third = Third {
            leg: own.other,
            who: own.to,
            aim: Aim::Transfer,
            up: own.up,
            joined: false,
            since: own.since,
            referrer: Some(leg),
        };
        if let State::Talking(talk) = &mut call.state {
            talk.third = Some(third);
        }
        if own.up {
            self.complete_transfer(now, call)
        } else {
            let until = now + self.policy.talk.ring_timeout;
            self.deadlines.set((call.id, Timer::ThirdAnswer), until);
            self.arrange(now, call);
            Ok(())
        }
    }

    /// The phone asks in its own call to be replaced by the customer's side of its talk: the same transfer, asked for
    /// from the other end.
    fn own_referred(&mut self, now: Timestamp, id: CallId, referral: Referral) {
        let own = self.own[&id].clone();
        let talk = match referral {
            Referral::Own(leg) => self.legs.get(&leg).copied(),
            Referral::To(_) => None,
        };
        let Some((talk, Role::Agent)) = talk else {
            self.tell(own.leg, LegCommand::Referral(ReferralNews::Refused(NOT_YOURS.into())));
            return;
        };
        let Some(mut call) = self.calls.remove(&talk) else { return };
        let his = matches!(&call.state, State::Talking(at) if at.agent == own.agent);
        let result = if his {
            self.join_own(now, &mut call, own.leg, own.agent, own.leg)
        } else {
            Err(TalkError::NotYours)
        };
        if let Err(error) = result {
            self.tell(own.leg, LegCommand::Referral(ReferralNews::Refused(error.to_string())));
        }
        self.put_back(now, call, None);
    }
}

const NOT_YOURS: &str = "only the agent of a talk can pass it on";
