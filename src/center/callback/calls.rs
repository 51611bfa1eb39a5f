//! A request as a call: it stands in its queue with nobody on the line, is offered, and joins agent and customer.

use super::machine::{Input, Stage};
use super::{CallbackEnd, First, Missed};
use crate::acd::{Answer, Expression, Failure, Requirement, Waiting};
use crate::border::RINGBACK;
use crate::border::{LegCommand, LegEvent, Output, Refusal};
use crate::call::{Call, Calling, CallingBack, Ringing, State, Step};
use crate::callback::hours::Window;
use crate::center::{Center, Role, Timer, lost};
use crate::contact::{Ending, Fault, Outcome, StageKind};
use crate::fact::What;
use crate::flow::{Caller, Prompt, Run};
use crate::ids::{AgentId, CallbackId, LegId, OfferId, SkillId};
use crate::limits::{CALLBACK_LEAD, CALLBACK_LOOK_AGAIN};
use crate::record::Place;
use dozvon_clock::Timestamp;
use std::time::Duration;

/// The skill of nobody: what is required names one that no agent has.
const NOBODYS: SkillId = SkillId(u16::MAX);

/// What the ACD's own watch over an agent is longer than ours, so that ours decides.
const WATCH_LONGER: Duration = Duration::from_secs(5);

impl Center {
    // ---- when ---------------------------------------------------------------------------------------------------

    /// Looks at the requests whose moment has come.
    pub(crate) fn callbacks_due(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.callbacks.deadlines.pop_expired(now) {
            self.callback_due(now, id);
            self.settle(now);
        }
    }

    fn callback_due(&mut self, now: Timestamp, id: CallbackId) {
        let Some(callback) = self.callbacks.get(id) else { return };
        let expires = callback.asked_at + self.policy.callbacks.age_max;
        let (stage, number) = (callback.stage, callback.number.clone());
        let waits = match stage {
            Stage::Due { .. } | Stage::Queued { .. } | Stage::Offered { .. } => true,
            Stage::Dialing { .. }
            | Stage::Here { .. }
            | Stage::Calling { .. }
            | Stage::Ended { .. } => false,
        };
        if !waits {
            return;
        }
        if now >= expires {
            self.end_callback(now, id, CallbackEnd::Expired);
            return;
        }
        let window = match self.callbacks.resting {
            true => Window::Never,
            false => self.policy.callbacks.window(&self.policy.calendars, now, &number),
        };
        match (window, stage) {
            (Window::Open(until), Stage::Due { .. }) => {
                if !self.rests_while_he_calls(now, id) {
                    self.queue_callback(now, id, until.min(expires));
                }
            }
            (Window::Open(until), _) => self.callbacks.deadlines.set(id, until.min(expires)),
            (Window::Closed(at), _) => self.rest_callback(now, id, at),
            (Window::Never, _) => self.rest_callback(now, id, now + CALLBACK_LOOK_AGAIN),
        }
    }

    /// Tells a request what happened, and the world what became of it. False when it means nothing to it.
    pub(crate) fn turn(&mut self, now: Timestamp, id: CallbackId, input: Input) -> bool {
        let Some(callback) = self.callbacks.get_mut(id) else { return false };
        if !callback.handle(now, input) {
            return false;
        }
        let callback = callback.clone();
        let (queue, contact) = (callback.queue.clone(), callback.contact);
        if let Input::Missed(why, _) = input {
            self.fact(now, contact, What::CallbackMissed { callback: id, queue, why });
        }
        match callback.stage {
            Stage::Due { at } => {
                let expires = callback.asked_at + self.policy.callbacks.age_max;
                self.callbacks.deadlines.set(id, at.min(expires));
            }
            Stage::Queued { .. } | Stage::Offered { .. } => {}
            Stage::Dialing { .. } | Stage::Here { .. } | Stage::Calling { .. } => {
                self.callbacks.deadlines.cancel(&id);
            }
            Stage::Ended { at, end } => {
                self.callbacks.remove(id);
                let what = What::CallbackEnded {
                    callback: id,
                    queue: callback.queue.clone(),
                    end,
                    attempts: callback.attempts,
                    waited_secs: at.since(callback.asked_at).as_secs_f64(),
                };
                self.fact(now, contact, what);
            }
        }
        self.outputs.push_back(Output::Callback(Box::new(callback)));
        true
    }

    /// Ends a request, with the attempt that it may be in.
    pub(super) fn end_callback(&mut self, now: Timestamp, id: CallbackId, end: CallbackEnd) {
        let attempt = self.callbacks.get(id).and_then(|callback| callback.stage.call());
        self.turn(now, id, Input::End(end));
        self.end_attempt(now, attempt, end.as_str());
    }

    /// Takes a request out of its queue until a moment.
    pub(super) fn rest_callback(&mut self, now: Timestamp, id: CallbackId, until: Timestamp) {
        let attempt = self.callbacks.get(id).and_then(|callback| callback.stage.call());
        self.turn(now, id, Input::Rest(until));
        self.end_attempt(now, attempt, "not_now");
    }

    pub(super) fn end_attempt(
        &mut self,
        now: Timestamp,
        attempt: Option<crate::ids::CallId>,
        why: &str,
    ) {
        if let Some(call) = attempt.and_then(|attempt| self.calls.remove(&attempt)) {
            self.put_back(now, call, Some(Ending::new(Fault::Nobody, why)));
        }
    }

    // ---- in the queue -------------------------------------------------------------------------------------------

    /// The request stands in its queue from now on, at its old place, until it may no longer be made today.
    fn queue_callback(&mut self, now: Timestamp, id: CallbackId, until: Timestamp) {
        let Some(callback) = self.callbacks.get(id).cloned() else { return };
        let Some(queue) = self.queue_id(&callback.queue) else {
            // The queue is gone from the policy, and nobody else's agents were asked for.
            self.end_callback(now, id, CallbackEnd::Cancelled);
            return;
        };
        let Some(run) = self.run_of(&callback) else {
            self.end_callback(now, id, CallbackEnd::Cancelled);
            return;
        };
        let rules = self.policy.callbacks.queue(&callback.queue);
        let calling = Calling::new(id, callback.number.clone(), rules.first);
        let call_id = self.new_call_id();
        let leg = self.unborn_leg();
        let mut call = self.new_call(now, call_id, leg, run, String::new());
        call.callback = Some(calling);
        call.record.called_back(id, callback.contact);
        let place = Place { queue: Some(callback.queue.clone()), ..Place::default() };
        call.record.enter(now, StageKind::Queue, place);
        let name = callback.queue.clone();
        self.fact(
            now,
            Some(call_id),
            What::SegmentStarted { queue: name.clone(), called_back: true },
        );
        call.state = State::Waiting { queue, name, rings: Vec::new() };
        call.enqueued_at = Some(callback.enqueued_at);
        self.write(&call);
        self.calls.insert(call_id, call);
        self.turn(now, id, Input::Enter(call_id));
        self.callbacks.deadlines.set(id, until);
        let boost = i32::try_from(rules.boost.as_secs()).unwrap_or(i32::MAX);
        let waiting = Waiting {
            requires: self.required(callback.requires.as_deref()),
            priority: callback.priority.saturating_add(boost),
            enqueued_at: callback.enqueued_at.min(now),
            absent: true,
            ..Waiting::new(call_id, queue, now)
        };
        self.acd.enqueue(now, waiting);
    }

    /// The flow for what comes after the talk: the one that the request came from, else any.
    fn run_of(&self, callback: &super::Callback) -> Option<Run> {
        let (flow, node) = (&callback.proof.flow, &callback.proof.node);
        let asked = flow.as_ref().and_then(|name| self.policy.flows.get(name));
        let flow = asked.or_else(|| self.policy.flows.values().next())?;
        let number = Some(callback.number.to_string());
        let caller = Caller { number, language: Some(callback.language.to_string()), duty: None };
        let node = node.as_deref().filter(|_| asked.is_some());
        Some(Run::in_queue(flow.clone(), self.policy.calendars.clone(), caller, node))
    }

    fn required(&self, text: Option<&str>) -> Requirement {
        let expression = text.and_then(|text| Expression::parse(text).ok());
        expression.map_or_else(Requirement::anyone, |expression| {
            Requirement::of(&expression, |name| self.policy.skill(name).unwrap_or(NOBODYS))
        })
    }

    // ---- the agent ----------------------------------------------------------------------------------------------

    /// It is the request's turn, and this agent's. What is written now counts as an attempt if we should stop.
    pub(crate) fn callback_offered(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        offer: OfferId,
        agent: AgentId,
    ) {
        let watch = CALLBACK_LEAD + self.policy.callbacks.ring_timeout + WATCH_LONGER;
        let leg = self.unborn_leg();
        let Some(calling) = &mut call.callback else { return };
        let (id, number) = (calling.id, calling.number.clone());
        match (calling.step, calling.first) {
            (Step::Away, First::Agent) => {
                calling.dial_at = now + CALLBACK_LEAD;
                let State::Waiting { name, rings, .. } = &mut call.state else {
                    unreachable!("only a waiting call is offered, not {:?}", call.state)
                };
                rings.push(Ringing { offer, agent, leg });
                let queue = name.clone();
                self.legs.insert(leg, (call.id, Role::Rung(offer)));
                self.turn(now, id, Input::Offered);
                self.tell(leg, LegCommand::RingForCallback { agent, number, queue });
            }
            (Step::Away, First::Customer) => {
                calling.offer = Some((offer, agent));
                self.deadlines.set((call.id, Timer::CallbackDial), now + CALLBACK_LEAD);
                self.turn(now, id, Input::Offered);
                self.acd.dialing(now, offer, watch);
            }
            // His phone rings already, and the agent for whom it does has changed.
            (Step::Dialing | Step::Here, First::Agent | First::Customer) => {
                calling.offer = Some((offer, agent));
                self.acd.dialing(now, offer, watch);
            }
        }
    }

    /// An offer of a request has ended without an answer.
    pub(crate) fn callback_unoffered(&mut self, now: Timestamp, call: &mut Call, offer: OfferId) {
        let State::Waiting { rings, .. } = &call.state else { return };
        let rung = !rings.is_empty();
        let Some(calling) = &mut call.callback else { return };
        let kept = calling.offer.take_if(|(kept, _)| *kept == offer).is_some();
        if calling.step == Step::Away && !rung && calling.offer.is_none() {
            let id = calling.id;
            if kept {
                self.deadlines.cancel(&(call.id, Timer::CallbackDial));
            }
            self.turn(now, id, Input::Unoffered);
        }
    }

    /// The agent has answered and hears how the customer is called.
    pub(crate) fn agent_calls_back(
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
        let State::Waiting { queue, name, .. } = &call.state else {
            unreachable!("an accepted answer belongs to a waiting call, not to {:?}", call.state)
        };
        let back = CallingBack { leg, agent, offer, queue: name.clone(), queue_id: *queue };
        self.role(leg, call.id, Role::Agent);
        self.state(now, call, State::CallingBack(back));
        let watch = CALLBACK_LEAD + self.policy.callbacks.ring_timeout + WATCH_LONGER;
        self.acd.dialing(now, offer, watch);
        self.tell(leg, LegCommand::Music { name: RINGBACK.into() });
        let at = call.callback.as_ref().map_or(now, |calling| calling.dial_at);
        if at > now {
            self.deadlines.set((call.id, Timer::CallbackDial), at);
        } else {
            self.dial_customer(now, call);
        }
    }

    /// The agent hung up, or his phone broke, before the customer answered.
    pub(crate) fn agent_gave_up(&mut self, now: Timestamp, call: &mut Call) {
        let State::CallingBack(back) = call.state.clone() else { return };
        let Some(calling) = &mut call.callback else { return };
        if calling.step == Step::Dialing {
            calling.give_up(Missed::GivenUp);
            return;
        }
        self.deadlines.cancel(&(call.id, Timer::CallbackDial));
        let id = calling.id;
        let (queue, name) = (back.queue_id, back.queue);
        self.state(now, call, State::Waiting { queue, name, rings: Vec::new() });
        self.turn(now, id, Input::Unoffered);
        self.acd.failed(now, back.offer, Failure::Error);
    }

    // ---- the customer -------------------------------------------------------------------------------------------

    /// Calls the customer, unless the hours are over by now.
    pub(crate) fn dial_customer(&mut self, now: Timestamp, call: &mut Call) {
        let Some(calling) = &mut call.callback else { return };
        if calling.step != Step::Away {
            return;
        }
        let (id, to) = (calling.id, calling.number.clone());
        let rules = &self.policy.callbacks;
        let may = !self.callbacks.resting && rules.permitted(&self.policy.calendars, now, &to);
        if !may {
            calling.over = Some(Ending::new(Fault::Nobody, "not_now"));
            return;
        }
        calling.step = Step::Dialing;
        let (from, ring_timeout) = (rules.from.clone(), rules.ring_timeout);
        if !self.turn(now, id, Input::Dial) {
            unreachable!("{id} is dialled out of turn");
        }
        let beside = match &call.state {
            State::CallingBack(back) => Some(back.leg),
            State::Arriving
            | State::InFlow
            | State::CallingBot { .. }
            | State::WithBot { .. }
            | State::Waiting { .. }
            | State::Talking(_)
            | State::Handing(_)
            | State::Parked(_)
            | State::Outside { .. } => None,
        };
        self.legs.insert(call.leg, (call.id, Role::Customer));
        self.tell(call.leg, LegCommand::CallBack { to, from, beside });
        self.deadlines.set((call.id, Timer::CallbackAnswer), now + ring_timeout);
        let (queue, attempt) = match self.callbacks.get(id) {
            Some(callback) => (callback.queue.clone(), callback.attempts),
            None => return,
        };
        self.fact(now, Some(call.id), What::CallbackDialed { callback: id, queue, attempt });
    }

    /// The customer's phone while it is called.
    pub(crate) fn customer_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        event: LegEvent,
    ) -> Option<Ending> {
        match event {
            LegEvent::Answered => self.customer_answered(now, call),
            LegEvent::Refused(refusal) => self.customer_missed(call, missed(refusal)),
            LegEvent::HungUp => self.customer_missed(call, Missed::Busy),
            LegEvent::Lost(loss) => {
                tracing::debug!(ending = ?lost(Fault::Carrier, loss), "a customer's phone was lost");
                self.customer_missed(call, Missed::Unreachable);
            }
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

    /// The attempt has come to nothing; the call is closed when it is put back.
    pub(crate) fn customer_missed(&mut self, call: &mut Call, why: Missed) {
        if let Some(calling) = &mut call.callback {
            calling.give_up(why);
        }
    }

    fn customer_answered(&mut self, now: Timestamp, call: &mut Call) {
        self.deadlines.cancel(&(call.id, Timer::CallbackAnswer));
        let Some(calling) = &mut call.callback else { return };
        calling.step = Step::Here;
        let (id, number, kept) = (calling.id, calling.number.clone(), calling.offer.take());
        self.role(call.leg, call.id, Role::Caller);
        call.record.answered(now);
        self.callbacks.note_answer(now, number);
        self.fact(now, Some(call.id), What::CallAnswered);
        self.turn(now, id, Input::Answered);
        if let State::CallingBack(back) = call.state.clone() {
            call.callback = None;
            self.turn(now, id, Input::Talk);
            call.record.outcome(Outcome::Answered);
            self.begin_talk(now, call, back.leg, back.agent, back.queue, back.queue_id);
            self.acd.connected(now, back.offer);
            return;
        }
        let music = self.policy.music.clone();
        self.tell(call.leg, LegCommand::Music { name: music.clone() });
        call.music = Some(music);
        call.since = now;
        if let Some(name) = self.policy.callbacks.phrase.clone() {
            let language = call.run.language().into();
            self.announce(call, vec![Prompt { name, language }]);
        }
        self.begin_announcing(now, call);
        self.acd.came(now, call.id, self.policy.callbacks.customer_wait_max);
        if let Some((offer, agent)) = kept
            && self.acd.dialled(now, offer)
        {
            self.ring(now, call, offer, agent);
        }
        self.write(call);
    }

    /// The queue has no room for the kept place after all. The request is looked at again.
    pub(crate) fn kept_place_lost(&mut self, now: Timestamp, call: &mut Call) {
        self.state(now, call, State::InFlow);
        if let Some(calling) = &mut call.callback {
            calling.over = Some(Ending::new(Fault::Nobody, "not_now"));
        }
    }

    /// The attempt's call is closed: what that means for the request, unless it is over.
    pub(crate) fn attempt_over(&mut self, now: Timestamp, call: &mut Call) {
        let Some(calling) = call.callback.take() else { return };
        let rules = &self.policy.callbacks;
        // A request that is over, or has left this attempt already, has nothing to do with its end.
        let request = self.callbacks.get(calling.id);
        let Some(request) = request.filter(|request| request.stage.call() == Some(call.id)) else {
            return;
        };
        let attempts = request.attempts;
        let again = (attempts < rules.attempts).then(|| now + rules.spacing);
        let input = match calling.step {
            Step::Away => Input::Rest(now + CALLBACK_LOOK_AGAIN),
            // A person, or the house as it closes down, has taken the call out.
            Step::Dialing => Input::Missed(calling.missed.unwrap_or(Missed::GivenUp), again),
            Step::Here => Input::Missed(Missed::HungUp, again),
        };
        self.turn(now, calling.id, input);
    }
}

const fn missed(refusal: Refusal) -> Missed {
    match refusal {
        Refusal::Busy | Refusal::Declined => Missed::Busy,
        Refusal::NoAnswer => Missed::NoAnswer,
        Refusal::Unreachable | Refusal::Error => Missed::Unreachable,
    }
}
