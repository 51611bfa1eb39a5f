//! The agent's side of a call: the offer's ringing, the answer, hold, and the end of the talk.

use crate::acd::{Answer, Failure, Manner, Side};
use crate::border::{LegCommand, LegEvent, Refusal};
use crate::call::{Call, Held, Ringing, State};
use crate::center::{Center, Role};
use crate::contact::{Ending, Fault, Outcome, StageKind};
use crate::fact::What;
use crate::flow::{Happening, QueueEnd};
use crate::ids::{AgentId, LegId, OfferId};
use crate::record::Place;
use dozvon_clock::Timestamp;

impl Center {
    pub(crate) fn agent_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        offer: OfferId,
        event: LegEvent,
    ) -> Option<Ending> {
        match event {
            LegEvent::Ringing => self.acd.ringing(now, offer),
            LegEvent::Answered => self.agent_answered(now, call, leg, offer),
            LegEvent::Refused(refusal) => {
                self.forget_ring(call, leg);
                self.acd.failed(now, offer, failure(refusal));
            }
            LegEvent::Held(held) => self.held(now, call, held),
            LegEvent::HungUp => self.agent_left(now, call, leg, offer, Side::Agent),
            LegEvent::Lost(_) => self.agent_left(now, call, leg, offer, Side::System),
            LegEvent::Key(_) | LegEvent::Played(_) => {}
        }
        None
    }

    pub(crate) fn agent_answered(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        offer: OfferId,
    ) {
        let Answer::Accepted { agent, .. } = self.acd.answered(now, offer) else {
            self.fact(now, Some(call.id), What::OfferStale { offer });
            self.release(leg, Ending::new(Fault::Nobody, "answered_elsewhere"));
            return;
        };
        let State::Waiting { name, .. } = &call.state else {
            unreachable!("an accepted answer belongs to a waiting call, not to {:?}", call.state)
        };
        let queue = name.clone();
        call.playing = None;
        self.forget_others(call, leg);
        self.tell(call.leg, LegCommand::Bridge { with: leg });
        call.last_queue = Some(queue.clone());
        let place = Place {
            queue: Some(queue.clone()),
            agent: Some(self.agent_name(agent)),
            ..Place::default()
        };
        call.record.outcome(Outcome::Answered);
        call.record.enter(now, StageKind::Talk, place);
        let held = Held::default();
        self.state(now, call, State::Talking { leg, agent, queue, since: now, held });
        // The sound is joined from this moment on: t_con.
        self.acd.connected(now, offer);
        self.write(call);
    }

    pub(crate) fn held(&mut self, now: Timestamp, call: &mut Call, hold: bool) {
        let State::Talking { leg, held, .. } = &mut call.state else { return };
        let leg = *leg;
        match (held.since, hold) {
            (None, true) => held.since = Some(now),
            (Some(since), false) => {
                held.total += now.since(since);
                held.since = None;
                call.record.held(now.since(since));
            }
            (None, false) | (Some(_), true) => return,
        }
        call.since = now;
        self.acd.manner(now, call.id, if hold { Manner::Hold } else { Manner::Talk });
        if hold {
            self.tell(call.leg, LegCommand::Unbridge);
            let music = self.policy.music.clone();
            self.tell(call.leg, LegCommand::Music { name: music });
        } else {
            self.tell(call.leg, LegCommand::Bridge { with: leg });
        }
    }

    /// The agent's leg is gone after it was up, or while it was being set up.
    pub(crate) fn agent_left(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        offer: OfferId,
        by: Side,
    ) {
        let talking = matches!(&call.state, State::Talking { leg: at, .. } if *at == leg);
        if !talking {
            self.forget_ring(call, leg);
            self.acd.failed(now, offer, Failure::Error);
            return;
        }
        self.talk_over(now, call, by);
        self.state(now, call, State::InFlow);
        call.record.enter(now, StageKind::Ivr, Place::default());
        self.write(call);
        call.run.handle(now, Happening::Queue(QueueEnd::Answered));
        self.pump(now, call);
    }

    /// Closes the talk in the books; the state is changed by whoever knows what comes next.
    pub(crate) fn talk_over(&mut self, now: Timestamp, call: &mut Call, by: Side) {
        let State::Talking { agent, queue, since, held, .. } = call.state.clone() else { return };
        if let Some(since) = held.since {
            call.record.held(now.since(since));
        }
        let hold = held.total_at(now);
        let talk = now.since(since).saturating_sub(hold);
        let stage = call.record.stage_index();
        self.wrapping.begin(agent, call.id, stage, queue.clone(), talk + hold);
        self.fact(
            now,
            Some(call.id),
            What::TalkEnded {
                queue,
                agent,
                talk_secs: talk.as_secs_f64(),
                hold_secs: hold.as_secs_f64(),
                by,
            },
        );
        self.acd.ended(now, call.id, by);
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
        let leg = self.new_leg(call.id, Role::Agent(offer));
        let State::Waiting { name, rings, .. } = &mut call.state else {
            unreachable!("only a waiting call is offered, not one that is {:?}", call.state)
        };
        if rings.is_empty() {
            call.since = now;
        }
        rings.push(Ringing { offer, agent, leg });
        let queue = name.clone();
        let caller = call.leg;
        self.tell(leg, LegCommand::RingAgent { agent, offer, caller, queue });
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
