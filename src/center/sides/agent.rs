//! The agent's side of a call: the offer's ringing, the answer, hold, and the end of the talk.

use crate::acd::{Answer, Failure, Side};
use crate::border::{LegCommand, LegEvent, Refusal};
use crate::call::{Call, Held, Ringing, State};
use crate::callback::machine::Input;
use crate::center::{Center, Role};
use crate::contact::{Ending, Fault, Outcome, PassedOn};
use crate::fact::What;
use crate::ids::{AgentId, LegId, OfferId};
use dozvon_clock::Timestamp;

impl Center {
    /// A phone that is rung for an offer.
    pub(crate) fn rung_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        offer: OfferId,
        event: LegEvent,
    ) {
        match event {
            LegEvent::Ringing => self.acd.ringing(now, offer),
            LegEvent::Answered if call.absent() => self.agent_calls_back(now, call, leg, offer),
            LegEvent::Answered => self.agent_answered(now, call, leg, offer),
            LegEvent::Refused(refusal) => {
                self.forget_ring(call, leg);
                self.acd.failed(now, offer, failure(refusal));
            }
            LegEvent::HungUp | LegEvent::Lost(_) => {
                self.forget_ring(call, leg);
                self.acd.failed(now, offer, Failure::Error);
            }
            LegEvent::Held(_)
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained => {}
        }
    }

    fn agent_answered(&mut self, now: Timestamp, call: &mut Call, leg: LegId, offer: OfferId) {
        let Answer::Accepted { agent, .. } = self.acd.answered(now, offer) else {
            self.fact(now, Some(call.id), What::OfferStale { offer });
            self.release(leg, Ending::new(Fault::Nobody, "answered_elsewhere"));
            return;
        };
        let State::Waiting { queue, name, .. } = &call.state else {
            unreachable!("an accepted answer belongs to a waiting call, not to {:?}", call.state)
        };
        let (queue_id, queue) = (*queue, name.clone());
        call.playing = None;
        self.stop_asking(call);
        self.hush_announcement(call);
        call.record.outcome(Outcome::Answered);
        self.forget_others(call, leg);
        self.role(leg, call.id, Role::Agent);
        if let Some(calling) = call.callback.take() {
            self.turn(now, calling.id, Input::Talk);
        }
        self.begin_talk(now, call, leg, agent, queue, queue_id);
        // The sound is joined from this moment on: t_con.
        self.acd.connected(now, offer);
    }

    /// The phone of the agent who has the call.
    pub(crate) fn agent_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        event: LegEvent,
    ) -> Option<Ending> {
        match event {
            LegEvent::Held(held) => {
                if let State::Talking(talk) = &mut call.state {
                    talk.phone_holds = held;
                    self.arrange(now, call);
                }
            }
            LegEvent::Referred(referral) => self.talk_referred(now, call, referral),
            LegEvent::HungUp | LegEvent::Lost(_) if matches!(call.state, State::CallingBack(_)) => {
                self.agent_gave_up(now, call);
            }
            LegEvent::HungUp => self.agent_left(now, call),
            LegEvent::Lost(_) => self.agent_lost(now, call),
            LegEvent::Broken(loss) => self.phone_broke(now, call, loss),
            LegEvent::Regained => self.phone_back(now, call),
            LegEvent::Answered
            | LegEvent::Ringing
            | LegEvent::Refused(_)
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..) => {}
        }
        None
    }

    /// The agent hung up: the talk is over, unless a third party has it from now on or it has hardly begun.
    fn agent_left(&mut self, now: Timestamp, call: &mut Call) {
        let State::Talking(talk) = &call.state else { return };
        if talk.third.is_some() {
            self.left_to_third(now, call);
            return;
        }
        if now.since(talk.since) < self.policy.talk.min_talk {
            self.agent_dropped(now, call);
            return;
        }
        self.talk_over(now, call, Side::Agent);
        self.after_talk(now, call);
    }

    /// The agent hung up before the two had talked. The customer goes on waiting at his old place.
    fn agent_dropped(&mut self, now: Timestamp, call: &mut Call) {
        let State::Talking(talk) = &call.state else { return };
        let (agent, queue, queue_id) = (talk.agent, talk.queue.clone(), talk.queue_id);
        call.record.passed_on(PassedOn::AgentDropped);
        self.fact(now, Some(call.id), What::AgentDropped { queue: queue.clone(), agent });
        self.books_of_talk(now, call, Side::Agent);
        self.start_wait(now, call, queue_id, queue.clone());
        self.acd.dropped(now, call.id);
        self.stay_again(now, call, &queue);
    }

    /// The agent's phone broke in the talk, and nobody waits for it any more. The customer is told if he was not, and
    /// stands at his old place in the queue again: for a moment for the same agent alone, who may be back soon.
    pub(crate) fn agent_lost(&mut self, now: Timestamp, call: &mut Call) {
        let State::Talking(talk) = &call.state else { return };
        if talk.third.is_some() {
            self.left_to_third(now, call);
            return;
        }
        let (agent, queue, queue_id) = (talk.agent, talk.queue.clone(), talk.queue_id);
        let told = talk.broken.as_ref().is_some_and(|broken| broken.told);
        call.record.passed_on(PassedOn::AgentLost);
        self.fact(now, Some(call.id), What::AgentLost { queue: queue.clone(), agent });
        self.books_of_talk(now, call, Side::System);
        self.remember_talk(now, call, true);
        self.acd.let_go(now, call.id);
        self.back_to_queue(now, call, queue, queue_id, Some(agent));
        if !told {
            self.say_lost_phrase(call);
        }
    }

    /// Closes the talk in the books and with the ACD; the state is changed by whoever knows what comes next.
    pub(crate) fn talk_over(&mut self, now: Timestamp, call: &mut Call, by: Side) {
        // Whoever has held the customer, or asked a colleague, has talked.
        let hardly = matches!(&call.state, State::Talking(talk)
            if now.since(talk.since) < self.policy.talk.min_talk && talk.held == Held::default());
        self.books_of_talk(now, call, by);
        if by == Side::System {
            self.remember_talk(now, call, true);
        }
        call.ears.clear();
        if hardly && by == Side::Caller {
            self.acd.fled(now, call.id);
        } else {
            self.acd.ended(now, call.id, by);
        }
    }

    pub(crate) fn forget_ring(&mut self, call: &mut Call, leg: LegId) {
        self.legs.remove(&leg);
        if let State::Waiting { rings, .. } = &mut call.state {
            rings.retain(|ring| ring.leg != leg);
        }
    }

    /// One phone was answered: the others are taken back.
    fn forget_others(&mut self, call: &mut Call, answered: LegId) {
        let State::Waiting { rings, .. } = &mut call.state else { return };
        for ring in std::mem::take(rings).into_iter().filter(|ring| ring.leg != answered) {
            self.release(ring.leg, Ending::new(Fault::Nobody, "answered_elsewhere"));
        }
    }

    /// Stops every phone that rings for the call.
    pub(crate) fn stop_ringing(&mut self, call: &mut Call, ending: Ending) {
        let State::Waiting { rings, .. } = &mut call.state else { return };
        for ring in std::mem::take(rings) {
            self.release(ring.leg, ending.clone());
        }
    }

    /// Rings an agent for a call that waits.
    pub(crate) fn ring(&mut self, now: Timestamp, call: &mut Call, offer: OfferId, agent: AgentId) {
        if call.absent() {
            self.callback_offered(now, call, offer, agent);
            return;
        }
        let leg = self.new_leg(call.id, Role::Rung(offer));
        let State::Waiting { name, rings, .. } = &mut call.state else {
            unreachable!("only a waiting call is offered, not one that is {:?}", call.state)
        };
        if rings.is_empty() {
            call.since = now;
        }
        rings.push(Ringing { offer, agent, leg });
        let queue = name.clone();
        let caller = call.leg;
        self.tell(leg, LegCommand::RingAgent { agent, caller, queue });
    }
}

const fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Busy => Failure::Busy,
        Refusal::Declined => Failure::Declined,
        Refusal::Unreachable => Failure::Unreachable,
        Refusal::NoAnswer | Refusal::Error => Failure::Error,
    }
}
