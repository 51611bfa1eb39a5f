//! The third party of a talk: called, asked, joined, and given the call.

use super::{Center, TalkError};
use crate::acd::{Engagement, Side};
use crate::border::{LegCommand, LegEvent, ReferralNews, Refusal};
use crate::call::{Aim, Call, Handing, State, Talk, Third, Who};
use crate::center::{Role, Timer};
use crate::contact::{Ending, Fault, PassedOn, StageKind};
use crate::fact::{AskEnd, TransferTarget, What};
use crate::ids::{AgentId, QueueId};
use crate::record::Place;
use dozvon_clock::Timestamp;
use std::sync::Arc;

impl Center {
    /// Calls a third party.
    pub(super) fn ask(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        who: Who,
        aim: Aim,
    ) -> Result<(), TalkError> {
        let State::Talking(talk) = &call.state else {
            return Err(TalkError::NotTalking(call.state.word()));
        };
        if talk.third.is_some() {
            return Err(TalkError::ThirdParty);
        }
        let (agent, queue) = (talk.agent, talk.queue.clone());
        let third = self.ring_third(now, call, who, aim, &queue)?;
        let with = third.who.name(&self.policy);
        self.fact(now, Some(call.id), What::AskStarted { agent, queue, with });
        if let State::Talking(talk) = &mut call.state {
            talk.third = Some(third);
        }
        self.arrange(now, call);
        Ok(())
    }

    pub(super) fn ring_third(
        &mut self,
        now: Timestamp,
        call: &Call,
        who: Who,
        aim: Aim,
        queue: &Arc<str>,
    ) -> Result<Third, TalkError> {
        if let Who::Agent(agent) = who {
            let engaged = self.acd.engage(now, agent, call.id, Engagement::Rung);
            engaged.map_err(TalkError::NotFree)?;
        }
        let leg = self.new_leg(call.id, Role::Third);
        let caller = call.leg;
        match &who {
            Who::Agent(agent) => {
                let (agent, queue) = (*agent, queue.clone());
                self.tell(leg, LegCommand::RingAgent { agent, caller, queue });
            }
            Who::Number(number) => {
                self.tell(leg, LegCommand::Dial { to: number.clone(), caller });
            }
        }
        self.deadlines.set((call.id, Timer::ThirdAnswer), now + self.policy.talk.ring_timeout);
        let since = now;
        Ok(Third { leg, who, aim, up: false, joined: false, since, referrer: None })
    }

    /// The third party takes the call over; one that still rings takes it when it answers.
    pub(crate) fn complete_transfer(
        &mut self,
        now: Timestamp,
        call: &mut Call,
    ) -> Result<(), TalkError> {
        let word = call.state.word();
        let State::Talking(talk) = &mut call.state else { return Err(TalkError::NotTalking(word)) };
        let third = talk.third.as_mut().ok_or(TalkError::NoThirdParty)?;
        if third.up {
            let how = if third.joined { PassedOn::Conference } else { PassedOn::Attended };
            self.third_takes_over(now, call, how);
        } else {
            third.aim = Aim::Transfer;
            self.arrange(now, call);
        }
        Ok(())
    }

    /// The third party has the call from now on, whether the agent is still here or has left.
    pub(super) fn third_takes_over(&mut self, now: Timestamp, call: &mut Call, how: PassedOn) {
        let (third, queue, queue_id) = match &call.state {
            State::Talking(Talk { third: Some(third), queue, queue_id, .. }) => {
                (third.clone(), queue.clone(), *queue_id)
            }
            State::Handing(Handing { third, queue, queue_id, .. }) => {
                (third.clone(), queue.clone(), *queue_id)
            }
            State::Talking(_)
            | State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => unreachable!("only a third party takes over"),
        };
        self.deadlines.cancel(&(call.id, Timer::ThirdAnswer));
        if let Some(referrer) = third.referrer {
            self.tell(referrer, LegCommand::Referral(ReferralNews::Done));
        }
        let target = match third.who {
            Who::Agent(_) => TransferTarget::Agent,
            Who::Number(_) => TransferTarget::External,
        };
        if let State::Talking(talk) = &mut call.state {
            talk.third = None;
            self.passed_on(now, call, how, target);
            self.books_of_talk(now, call, Side::System);
        }
        let from = call.state.agent_leg();
        match third.who {
            Who::Agent(agent) => {
                assert!(self.acd.hand_over(now, call.id, agent), "{agent} was engaged for it");
                self.role(third.leg, call.id, Role::Agent);
                self.begin_talk(now, call, third.leg, agent, queue, queue_id);
            }
            Who::Number(_) => {
                self.acd.ended(now, call.id, Side::System);
                self.role(third.leg, call.id, Role::Outside);
                let place = Place { peer: Some("outside".into()), ..Place::default() };
                call.record.enter(now, StageKind::Transfer, place);
                call.ears.clear();
                self.tell(call.leg, LegCommand::Bridge { with: third.leg });
                let state = State::Outside { leg: third.leg, answered: true, after_talk: true };
                self.state(now, call, state);
                self.write(call);
            }
        }
        if let Some(leg) = from {
            self.release(leg, Ending::new(Fault::Nobody, "transferred"));
        }
    }

    // ---- the third party's leg ------------------------------------------------------------------------------------

    pub(crate) fn third_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        event: LegEvent,
    ) -> Option<Ending> {
        match event {
            LegEvent::Answered => self.third_answered(now, call),
            LegEvent::Refused(refusal) => {
                let end = match refusal {
                    Refusal::Busy | Refusal::Declined => AskEnd::Declined,
                    Refusal::NoAnswer => AskEnd::NoAnswer,
                    Refusal::Unreachable | Refusal::Error => AskEnd::Failed,
                };
                self.third_gone(now, call, end);
            }
            LegEvent::HungUp => self.third_gone(now, call, AskEnd::HungUp),
            LegEvent::Lost(_) => self.third_gone(now, call, AskEnd::Failed),
            LegEvent::Ringing
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Held(_)
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained => {}
        }
        None
    }

    fn third_answered(&mut self, now: Timestamp, call: &mut Call) {
        let id = call.id;
        self.deadlines.cancel(&(id, Timer::ThirdAnswer));
        match &mut call.state {
            State::Talking(Talk { third: Some(third), .. }) => {
                (third.up, third.since) = (true, now);
                if third.aim == Aim::Transfer {
                    self.third_takes_over(now, call, PassedOn::Blind);
                    return;
                }
                if let Who::Agent(agent) = third.who {
                    self.acd.engaged(now, agent, id, Engagement::Consult);
                }
                self.arrange(now, call);
            }
            State::Handing(_) => self.third_takes_over(now, call, PassedOn::Blind),
            State::Talking(_)
            | State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => unreachable!("a third party belongs to a talk"),
        }
    }

    /// The third party did not come, or has left.
    pub(crate) fn third_gone(&mut self, now: Timestamp, call: &mut Call, end: AskEnd) {
        match &call.state {
            State::Talking(_) => {
                self.lose_third(now, call, end);
                self.arrange(now, call);
            }
            State::Handing(_) => self.handing_failed(now, call, end),
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => {}
        }
    }

    /// Takes the third party out of the call, on the line and in the books.
    pub(crate) fn lose_third(&mut self, now: Timestamp, call: &mut Call, end: AskEnd) {
        self.deadlines.cancel(&(call.id, Timer::ThirdAnswer));
        let third = match &mut call.state {
            State::Talking(talk) => talk.third.take(),
            State::Handing(handing) => Some(handing.third.clone()),
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => None,
        };
        let Some(third) = third else { return };
        let with = third.who.name(&self.policy);
        let secs = if third.up { now.since(third.since).as_secs_f64() } else { 0.0 };
        self.fact(now, Some(call.id), What::AskEnded { with, end, talk_secs: secs });
        call.ears.remove(&third.leg);
        if let Some(referrer) = third.referrer {
            self.tell(referrer, LegCommand::Referral(ReferralNews::Failed));
        }
        self.release(third.leg, Ending::new(Fault::Nobody, end.as_str()));
        if let Who::Agent(agent) = third.who {
            self.acd.disengage(now, agent);
        }
    }

    // ---- the agent leaves -----------------------------------------------------------------------------------------

    /// The agent hung up while a third party was called or there: that one has the call then.
    pub(crate) fn left_to_third(&mut self, now: Timestamp, call: &mut Call) {
        let State::Talking(talk) = &call.state else { return };
        let (Some(third), queue, queue_id) =
            (talk.third.clone(), talk.queue.clone(), talk.queue_id)
        else {
            return;
        };
        if third.up {
            let how = if third.joined { PassedOn::Conference } else { PassedOn::Attended };
            self.third_takes_over(now, call, how);
            return;
        }
        let target = match third.who {
            Who::Agent(_) => TransferTarget::Agent,
            Who::Number(_) => TransferTarget::External,
        };
        self.passed_on(now, call, PassedOn::Blind, target);
        self.books_of_talk(now, call, Side::System);
        self.acd.let_go(now, call.id);
        let handing = Handing { third, queue, queue_id, parked: false };
        self.hand(now, call, handing);
    }

    /// The call has no agent until the third party answers.
    pub(super) fn hand(&mut self, now: Timestamp, call: &mut Call, handing: Handing) {
        let place = Place { queue: Some(handing.queue.clone()), ..Place::default() };
        call.record.enter(now, StageKind::Transfer, place);
        self.state(now, call, State::Handing(handing));
        self.arrange(now, call);
        self.write(call);
    }

    /// Nobody took the call, and its agent has left: back to where it was.
    pub(super) fn handing_failed(&mut self, now: Timestamp, call: &mut Call, end: AskEnd) {
        let State::Handing(handing) = call.state.clone() else { return };
        self.lose_third(now, call, end);
        if handing.parked {
            self.stay_parked(now, call, handing.queue, handing.queue_id);
        } else {
            self.back_to_queue(now, call, handing.queue, handing.queue_id, None);
        }
    }

    /// Back to the old place in the queue, after a talk that broke or a transfer that failed. `lost`: whose talk broke.
    pub(crate) fn back_to_queue(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        queue: Arc<str>,
        queue_id: QueueId,
        lost: Option<AgentId>,
    ) {
        self.start_wait(now, call, queue_id, queue.clone());
        self.acd.requeue(now, call.id, lost);
        self.stay_again(now, call, &queue);
    }

    /// The agent is done with the call, which goes on without him.
    pub(super) fn leave_agent(&mut self, now: Timestamp, call: &mut Call, ending: Ending) {
        let leg = call.state.agent_leg();
        self.books_of_talk(now, call, Side::System);
        self.acd.ended(now, call.id, Side::System);
        call.ears.clear();
        if let Some(leg) = leg {
            self.release(leg, ending);
        }
    }
}
