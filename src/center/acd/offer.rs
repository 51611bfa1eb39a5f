//! Offers: one attempt to ring one agent for one call. Each has a name, and exactly one end.
//!
//! All reports about an agent's leg carry the offer's name. The first that comes in wins; one about an offer that is
//! over is stale, is said to be so, and is never held against the agent.

use super::event::{Answer, Event, Failure, OfferResult, WaitEnd, Withdrawal};
use super::matcher::{CallKey, ClassId, Reserves};
use super::why::{Decision, Found};
use super::{Acd, Timer, occupancy};
use crate::acd::agent::{Phase, Standing};
use crate::acd::call::{Call, CallState};
use crate::acd::engage::Manner;
use crate::acd::status::{Cause, Presence};
use crate::ids::{AgentId, CallId, OfferId, QueueId};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// An open offer, or one that was answered and isn't joined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) agent: AgentId,
    pub(super) call: CallId,
    pub(super) queue: QueueId,
}

impl Acd {
    /// The agent's phone rings.
    pub fn ringing(&mut self, now: Timestamp, offer: OfferId) {
        self.tick(now);
        let Some(&Offer { agent, .. }) = self.offers.get(&offer) else { return };
        match self.agents[agent.0 as usize].phase {
            Phase::Reserved { offer, call, .. } => {
                let phase = Phase::Ringing { offer, call, since: now };
                self.enter(now, agent, phase, Cause::Call);
            }
            // Said twice, or later than the answer.
            Phase::Ringing { .. } | Phase::Lapsing { .. } | Phase::Connecting { .. } => {}
            phase @ (Phase::Idle
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound) => unreachable!("an open offer, and the agent is in {phase:?}"),
        }
    }

    /// The agent has answered. `Accepted` also for an answer that comes again, and for one that crossed the ring
    /// time-out while the call isn't offered elsewhere. `Stale`: end the leg.
    pub fn answered(&mut self, now: Timestamp, offer: OfferId) -> Answer {
        self.tick(now);
        let Some(&Offer { agent, .. }) = self.offers.get(&offer) else { return Answer::Stale };
        match self.agents[agent.0 as usize].phase {
            Phase::Reserved { call, .. } | Phase::Ringing { call, .. } => {
                self.accept(now, offer, call, agent);
                Answer::Accepted { call, agent }
            }
            Phase::Lapsing { call, .. } => {
                self.take_out(call);
                self.accept(now, offer, call, agent);
                Answer::Accepted { call, agent }
            }
            Phase::Connecting { call, .. } => Answer::Accepted { call, agent },
            phase @ (Phase::Idle
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound) => unreachable!("an open offer, and the agent is in {phase:?}"),
        }
    }

    /// The first answer has the call; the other phones that ring for it are withdrawn, at no cost to anybody.
    fn accept(&mut self, now: Timestamp, offer: OfferId, id: CallId, agent: AgentId) {
        self.tell_offer_ended(now, offer, OfferResult::Answered);
        self.set_room(id, false);
        let call = self.calls.get_mut(&id).expect("an open offer has a call");
        let was = std::mem::replace(&mut call.state, CallState::Connecting(offer));
        self.agents[agent.0 as usize].misses = Default::default();
        self.enter(now, agent, Phase::Connecting { offer, call: id, dials: false }, Cause::Call);
        for other in was.open_offers().iter().filter(|other| **other != offer) {
            let agent = self.offers[other].agent;
            self.recall(*other, Withdrawal::LostRace);
            self.close(now, *other, OfferResult::LostRace);
            self.enter(now, agent, Phase::Idle, Cause::Call);
        }
    }

    /// Caller and agent hear each other: the wait is over. Means nothing for an offer that isn't answered.
    pub fn connected(&mut self, now: Timestamp, offer: OfferId) {
        self.tick(now);
        let Some(&Offer { agent, .. }) = self.offers.get(&offer) else { return };
        let Phase::Connecting { call, .. } = self.agents[agent.0 as usize].phase else { return };
        self.end_wait(now, call, WaitEnd::Connected(agent));
        self.offers.remove(&offer);
        let talk = self.calls.get_mut(&call).expect("a connected call stays for its talk");
        talk.state = CallState::Talking(agent);
        self.agents[agent.0 as usize].faults = Default::default();
        self.enter(now, agent, Phase::Talking { call, manner: Manner::Talk }, Cause::Call);
    }

    /// The agent's leg came to nothing and is gone. The call waits on in its old place, the agent rests: for
    /// `reject_cooldown` when he declined or was busy, for `fault_cooldown` otherwise. None of it is a miss.
    pub fn failed(&mut self, now: Timestamp, offer: OfferId, failure: Failure) {
        self.tick(now);
        let Some(&Offer { agent, .. }) = self.offers.get(&offer) else { return };
        match self.agents[agent.0 as usize].phase {
            Phase::Reserved { call, .. } | Phase::Ringing { call, .. } => match failure {
                Failure::Declined => self.refused(now, offer, call, OfferResult::Declined),
                Failure::Busy => self.refused(now, offer, call, OfferResult::Busy),
                Failure::Unreachable => self.broke(now, offer, call, OfferResult::Unreachable),
                Failure::Error => self.broke(now, offer, call, OfferResult::Error),
            },
            Phase::Lapsing { .. } => self.missed(now, offer),
            Phase::Connecting { .. } => self.connect_failed(now, offer, None),
            phase @ (Phase::Idle
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound) => unreachable!("an open offer, and the agent is in {phase:?}"),
        }
    }

    /// Offers a waiting call to the first free agent who may serve it, if there is one.
    pub(super) fn match_call(&mut self, now: Timestamp, id: CallId) {
        if let Some(agent) = self.agent_for(id) {
            self.offer(now, id, agent, Found::ByCall);
        }
    }

    pub(super) fn agent_for(&self, id: CallId) -> Option<AgentId> {
        let barred = |agent| self.barred(id, agent);
        self.matcher.best_agent(self.calls[&id].class, barred).map(|key| key.agent)
    }

    /// Offers a free agent a call: one that waits for him alone, or else the first that he may serve. When none waits
    /// he rings along for the first that has room for another phone.
    pub(super) fn match_agent(&mut self, now: Timestamp, agent: AgentId) {
        if let Some(call) = self.first_hold(agent) {
            self.offer(now, call, agent, Found::Preferred);
            return;
        }
        let barred = |call| self.barred(call, agent);
        if let Some(key) = self.matcher.best_call(agent, barred) {
            self.offer(now, key.call, agent, Found::ByAgent);
            return;
        }
        // The call chooses: a reserve may have let go of somebody who goes before him.
        while self.agents[agent.0 as usize].listed.is_some()
            && let Some(key) = self.matcher.best_ringing(agent, |call| self.barred(call, agent))
        {
            self.fill(now, key.call);
        }
    }

    /// Reserves that have got more idle agents than they keep let go of some: to calls that could not have them.
    pub(super) fn match_beside(&mut self, now: Timestamp, risen: Reserves) {
        if risen == 0 {
            return;
        }
        let next = |acd: &Acd| {
            let classes = acd.matcher.classes_beside(risen);
            classes.filter_map(|class| acd.first_match(class)).min()
        };
        while let Some((key, agent)) = next(self) {
            self.offer(now, key.call, agent, Found::ByCall);
        }
    }

    /// The first call of a class for which an agent is free. Only a call that somebody has just missed or declined can
    /// be without one while the next has one.
    fn first_match(&self, class: ClassId) -> Option<(CallKey, AgentId)> {
        for key in self.matcher.calls_of(class) {
            if let Some(agent) = self.agent_for(key.call) {
                return Some((key, agent));
            }
            if self.calls[&key.call].skips.is_empty() {
                return None;
            }
        }
        None
    }

    /// Offers a call for which nobody rings: to this agent, and to as many others as its queue rings at once.
    pub(super) fn offer(&mut self, now: Timestamp, id: CallId, agent: AgentId, found: Found) {
        let decision = self.decision(id, agent, found);
        let was = self.take_out(id);
        self.ring_for(now, id, agent, decision);
        if let CallState::Waiting { lapsing: Some(old) } = was {
            self.missed(now, old);
        }
        self.fill(now, id);
    }

    /// Another phone for a call that is rung for.
    fn ring_along(&mut self, now: Timestamp, id: CallId, agent: AgentId) {
        let decision = self.decision(id, agent, Found::ByCall);
        self.ring_for(now, id, agent, decision);
    }

    /// As many phones as the queue rings at once, if so many agents are free.
    pub(super) fn fill(&mut self, now: Timestamp, id: CallId) {
        let room = |acd: &Acd| {
            let Some(call) = acd.calls.get(&id) else { return false };
            let CallState::Offered(open) = &call.state else { return false };
            open.len() < acd.phones_max(id) && !call.overdue
        };
        while room(self) {
            let Some(agent) = self.agent_for(id) else { break };
            self.ring_along(now, id, agent);
        }
        if self.calls.contains_key(&id) {
            self.set_room(id, room(self));
        }
    }

    /// Whether another phone may join those that ring for a call.
    pub(super) fn set_room(&mut self, id: CallId, room: bool) {
        let call = self.calls.get_mut(&id).expect("a call that rings is here");
        if call.room != room {
            call.room = room;
            self.matcher.ring_more(call.class, call.key, room);
        }
    }

    /// Takes a call from where it waits; tells what it was.
    fn take_out(&mut self, id: CallId) -> CallState {
        let call = self.calls.get_mut(&id).expect("a matched call waits");
        let was = std::mem::replace(&mut call.state, CallState::Offered(Vec::new()));
        let (class, key) = (call.class, call.key);
        match was {
            CallState::Waiting { .. } => self.matcher.unqueue_call(class, key),
            CallState::Held(agent) => self.drop_hold(agent, key),
            CallState::Offered(_)
            | CallState::Connecting(_)
            | CallState::Talking(_)
            | CallState::Between => {
                unreachable!("a matched call waits, and isn't {was:?}")
            }
        }
        was
    }

    fn ring_for(&mut self, now: Timestamp, id: CallId, agent: AgentId, decision: Decision) {
        self.offers_made += 1;
        let offer = OfferId(self.offers_made);
        assert_eq!(decision.offer, offer, "a decision is about the next offer");
        let call = self.calls.get_mut(&id).expect("a call that is offered is here");
        let queue = call.queue;
        match &mut call.state {
            CallState::Offered(open) => open.push(offer),
            state @ (CallState::Waiting { .. }
            | CallState::Held(_)
            | CallState::Connecting(_)
            | CallState::Talking(_)
            | CallState::Between) => unreachable!("a call that rings isn't {state:?}"),
        }
        self.offers.insert(offer, Offer { agent, call: id, queue });
        self.enter(now, agent, Phase::Reserved { offer, call: id, dials: false }, Cause::Call);
        let epoch = self.agents[agent.0 as usize].epoch;
        self.tell(Event::Decided(Box::new(decision)));
        self.tell(Event::Offer { offer, call: id, agent, queue, epoch });
    }

    /// The phone has not even said that it rings: it is out of order, whatever its registration says.
    pub(super) fn never_rang(&mut self, now: Timestamp, offer: OfferId) {
        self.recall(offer, Withdrawal::Unreachable);
        let call = self.offers[&offer].call;
        self.broke(now, offer, call, OfferResult::Unreachable);
    }

    /// The ring time-out: the call goes on at once; the verdict on the agent waits for an answer under way, unless
    /// other phones ring on for the call.
    pub(super) fn rang_out(&mut self, now: Timestamp, offer: OfferId) {
        let Offer { agent: id, call, .. } = self.offers[&offer];
        self.recall(offer, Withdrawal::RangOut);
        if self.forget_open(call, offer) > 0 {
            self.missed(now, offer);
            self.fill(now, call);
            return;
        }
        let agent = &mut self.agents[id.0 as usize];
        let Phase::Ringing { since, .. } = agent.phase else {
            unreachable!("what rings out rang, and isn't {:?}", agent.phase)
        };
        agent.phase = Phase::Lapsing { offer, call, rang: now.since(since) };
        self.timers.set(Timer::Phase(id), now + self.config.late_answer);
        self.wait_on(now, call, Some(offer));
    }

    /// A lapsed offer was a miss (RONA): a count, a rest, and at the limit no more offers until a person says so.
    pub(super) fn missed(&mut self, now: Timestamp, offer: OfferId) {
        let Offer { agent: id, call, .. } = self.offers[&offer];
        self.close(now, offer, OfferResult::NoAnswer);
        let agent = &mut self.agents[id.0 as usize];
        agent.misses = agent.misses.with_one_more(now, self.config.rona_forget);
        let struck = agent.misses.count >= self.config.rona_limit;
        self.rest(now, id, self.config.rona_cooldown);
        self.end_lapse(call, offer);
        self.add_skip(now, call, id);
        self.give_back(now, id, struck.then_some(Cause::Rona));
    }

    /// The agent, or his phone, said no.
    fn refused(&mut self, now: Timestamp, offer: OfferId, call: CallId, result: OfferResult) {
        let agent = self.offers[&offer].agent;
        self.close(now, offer, result);
        self.rest(now, agent, self.config.reject_cooldown);
        self.add_skip(now, call, agent);
        self.part(now, agent, call, None);
    }

    /// The offer failed technically: no miss, the agent keeps his rank; but a phone that fails again and again is out.
    fn broke(&mut self, now: Timestamp, offer: OfferId, call: CallId, result: OfferResult) {
        let id = self.offers[&offer].agent;
        self.close(now, offer, result);
        let standing = self.agents[id.0 as usize].standing;
        let struck = self.fault(now, id);
        self.agents[id.0 as usize].standing = standing;
        self.add_skip(now, call, id);
        self.part(now, id, call, struck);
    }

    /// Answered, but the two never heard each other. The offer's end was told with the answer.
    pub(super) fn connect_failed(
        &mut self,
        now: Timestamp,
        offer: OfferId,
        why: Option<Withdrawal>,
    ) {
        let Offer { agent, call, queue } = self.offers[&offer];
        if let Some(why) = why {
            self.recall(offer, why);
        }
        self.offers.remove(&offer);
        self.tell(Event::ConnectFailed { offer, call, agent, queue });
        let struck = self.fault(now, agent);
        self.add_skip(now, call, agent);
        self.part(now, agent, call, struck);
    }

    /// Takes an open offer back from an agent who can't have it any more; one that has rung out is a miss. Tells the
    /// call that is to [`Acd::wait_on`] once the agent's next state is set.
    pub(super) fn take_back(
        &mut self,
        now: Timestamp,
        id: AgentId,
        why: Withdrawal,
        result: OfferResult,
    ) -> Option<CallId> {
        match self.agents[id.0 as usize].phase {
            Phase::Reserved { offer, call, .. } | Phase::Ringing { offer, call, .. } => {
                self.recall(offer, why);
                self.close(now, offer, result);
                Some(call)
            }
            Phase::Lapsing { offer, call, .. } if result == OfferResult::Unreachable => {
                // The phone that didn't answer is dead: no miss.
                self.close(now, offer, result);
                self.end_lapse(call, offer);
                None
            }
            Phase::Lapsing { offer, .. } => {
                self.missed(now, offer);
                // Without a cooldown he may have been offered the next call already.
                self.take_back(now, id, why, result)
            }
            Phase::Idle
            | Phase::Connecting { .. }
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound => None,
        }
    }

    /// Nobody can answer this offer late any more.
    fn end_lapse(&mut self, call: CallId, offer: OfferId) {
        if let Some(Call { state: CallState::Waiting { lapsing }, .. }) = self.calls.get_mut(&call)
            && *lapsing == Some(offer)
        {
            *lapsing = None;
        }
    }

    /// One more technical fault; tells whether it was one too many.
    fn fault(&mut self, now: Timestamp, id: AgentId) -> Option<Cause> {
        let agent = &mut self.agents[id.0 as usize];
        agent.faults = agent.faults.with_one_more(now, self.config.rona_forget);
        let struck = agent.faults.count >= self.config.rona_limit;
        self.rest(now, id, self.config.fault_cooldown);
        struck.then_some(Cause::Faults)
    }

    /// No offers for a while, and the last place in the line afterwards.
    pub(super) fn rest(&mut self, now: Timestamp, id: AgentId, lasts: Duration) {
        let agent = &mut self.agents[id.0 as usize];
        agent.standing = Standing { idle_since: now, load: occupancy::last(now) };
        if lasts.is_zero() {
            return;
        }
        agent.cooldown_until = Some(now + lasts);
        self.timers.set(Timer::Cooldown(id), now + lasts);
    }

    /// Agent and call go separate ways. An agent who rests goes first, so that nobody counts on him when the call looks
    /// for the next one; an agent who doesn't rest goes second, so that he can't take a later call before this one.
    fn part(&mut self, now: Timestamp, id: AgentId, call: CallId, struck: Option<Cause>) {
        if self.agents[id.0 as usize].cooldown_until.is_some() || struck.is_some() {
            self.give_back(now, id, struck);
            self.wait_on(now, call, None);
        } else {
            self.wait_on(now, call, None);
            self.give_back(now, id, None);
        }
    }

    /// The agent's phone is free again; at the limit the agent is out until a person says otherwise.
    pub(super) fn give_back(&mut self, now: Timestamp, id: AgentId, struck: Option<Cause>) {
        let agent = &mut self.agents[id.0 as usize];
        match struck {
            Some(cause) if agent.pending.is_none() => {
                self.stand(now, id, Presence::NotResponding, Phase::Idle, cause);
            }
            Some(_) => {
                // He goes where he wanted to, and only a person brings him back from there.
                (agent.misses, agent.faults, agent.drops) = Default::default();
                self.enter(now, id, Phase::Idle, Cause::Call);
            }
            None => self.enter(now, id, Phase::Idle, Cause::Call),
        }
    }

    /// Tells to take the agent's leg down.
    pub(super) fn recall(&mut self, offer: OfferId, why: Withdrawal) {
        let Offer { agent, call, .. } = self.offers[&offer];
        self.tell(Event::Withdrawn { offer, call, agent, why });
    }

    /// The end of an offer that was not answered.
    pub(super) fn close(&mut self, now: Timestamp, offer: OfferId, result: OfferResult) {
        self.tell_offer_ended(now, offer, result);
        let closed = self.offers.remove(&offer).expect("an offer ends once");
        self.forget_open(closed.call, offer);
    }

    /// An offer isn't open any more; tells how many phones ring on for its call.
    fn forget_open(&mut self, call: CallId, offer: OfferId) -> usize {
        let state = self.calls.get_mut(&call).map(|call| &mut call.state);
        let Some(CallState::Offered(open)) = state else { return 0 };
        open.retain(|other| *other != offer);
        open.len()
    }

    fn tell_offer_ended(&mut self, now: Timestamp, offer: OfferId, result: OfferResult) {
        let Offer { agent, call, queue } = self.offers[&offer];
        let rang = match self.agents[agent.0 as usize].phase {
            Phase::Reserved { .. } => Duration::ZERO,
            Phase::Ringing { since, .. } => now.since(since),
            Phase::Lapsing { rang, .. } => rang,
            phase @ (Phase::Idle
            | Phase::Connecting { .. }
            | Phase::Talking { .. }
            | Phase::Engaged { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound) => unreachable!("an offer ends once, not in {phase:?}"),
        };
        self.tell(Event::OfferEnded { offer, call, agent, queue, result, rang });
    }
}
