//! What the flow and the ACD want, done: the flow's effects and the ACD's events become commands, stages and facts.
//!
//! Second half of [`Center`]; the first ([`crate::center`]) is about what legs and people do.

use crate::acd::{
    Activity, AgentConfig, Event, Leaving, OfferResult, Presence, Requirement, ServiceLevel,
    WaitEnd, Waiting, Withdrawal,
};
use crate::border::{LegCommand, RINGBACK};
use crate::bot::BotBrief;
use crate::calendar::Open;
use crate::call::{Call, State};
use crate::center::{Center, Timer};
use crate::contact::{Ending, Fault, Outcome, StageKind};
use crate::fact::{IvrExit, What};
use crate::flow::model::Kind;
use crate::flow::{Effect, Happening, OrderRule, QueueEnd, QueueOrder};
use crate::ids::{AgentId, CallId, OfferId, QueueId, SkillId};
use crate::overflow::WaitRules;
use crate::record::Place;
use crate::rollout::Share;
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

impl Center {
    /// Does what the call's flow wants until it waits for something, and sets its timers.
    pub(crate) fn pump(&mut self, now: Timestamp, call: &mut Call) {
        while let Some(effect) = call.run.poll_effect() {
            self.effect(now, call, effect);
        }
        if call.state != State::InFlow {
            call.exit.forget();
        }
        for (timer, at) in
            [(Timer::Flow, call.run.poll_timeout()), (Timer::ExitKey, call.exit.poll_timeout())]
        {
            match at {
                Some(at) => self.deadlines.set((call.id, timer), at),
                None => {
                    self.deadlines.cancel(&(call.id, timer));
                }
            }
        }
    }

    fn effect(&mut self, now: Timestamp, call: &mut Call, effect: Effect) {
        match effect {
            Effect::Entered { node, option } => self.entered(now, call, node, option),
            Effect::Play { ticket, prompts } => {
                let play = self.new_play();
                call.playing = Some((play, ticket));
                self.tell(call.leg, LegCommand::Play { play, prompts });
            }
            Effect::StopPlaying => {
                call.playing = None;
                self.tell(call.leg, LegCommand::StopPlaying);
            }
            Effect::Draw { rollout } => self.draw(now, call, rollout),
            Effect::Bot { bot, max_duration } => self.send_to_bot(now, call, bot, max_duration),
            Effect::Queue(order) => self.send_to_queue(now, call, order),
            Effect::Transfer { to, timeout } => self.send_to_outside(now, call, to, timeout),
            Effect::CallBack(order) => self.call_back_wanted(now, call, order),
            Effect::WaitOn => {
                if let Some(name) = call.music.clone() {
                    self.tell(call.leg, LegCommand::Music { name });
                }
            }
            Effect::Withdraw => self.withdraw(now, call),
            Effect::Took { promise, took, promised } => {
                let flow = call.run.flow().name.clone();
                let (took_secs, kept) = (took.as_secs_f64(), took <= promised);
                let what = What::PromiseMeasured { flow, promise, took_secs, kept };
                self.fact(now, Some(call.id), what);
            }
            Effect::Survey { id, score } => {
                call.record.survey(id.clone(), score);
                let queue = call.last_queue.clone().unwrap_or_default();
                self.fact(now, Some(call.id), What::SurveyAnswered { queue, question: id, score });
            }
            Effect::LookUp(inquiry) => self.look_up(now, call, *inquiry),
            Effect::LookedUp(over) => self.lookup_over(now, call, *over),
            Effect::Astray { node } => self.gone_astray(now, call, node),
            // The run is over; the call is closed when it is put back.
            Effect::HangUp => {}
        }
    }

    fn entered(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        node: Arc<str>,
        option: Option<Arc<str>>,
    ) {
        if let Some(option) = option {
            let flow = call.run.flow().name.clone();
            call.topic = Some(option.clone());
            call.record.chosen(&option);
            self.fact(now, Some(call.id), What::OptionChosen { flow, option });
        }
        call.record.node(&node);
        call.record.language(call.run.language());
        let flow = call.run.flow().clone();
        let is_survey =
            flow.find(&node).is_some_and(|ix| matches!(flow.node(ix).kind, Kind::Survey(_)));
        if is_survey {
            call.record.enter(now, StageKind::Survey, Place::default());
            let queue = call.last_queue.clone().unwrap_or_default();
            self.fact(now, Some(call.id), What::SurveyOffered { queue });
        }
        self.fact(now, Some(call.id), What::NodeEntered { flow: flow.name.clone(), node });
    }

    /// The flow ran in circles: its own fault, and of its trial a call gone wrong.
    fn gone_astray(&mut self, now: Timestamp, call: &mut Call, node: Arc<str>) {
        call.record.flow_failed();
        let flow = call.run.flow().name.clone();
        self.fact(now, Some(call.id), What::FlowAstray { flow, node });
    }

    fn send_to_bot(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        bot: Arc<str>,
        max_duration: Duration,
    ) {
        self.left_flow(now, call, IvrExit::Bot);
        call.credit_from.get_or_insert(now);
        self.steered.went_to_bot(&bot, call.id);
        let leg = self.bot_leg(call.id);
        let policy = self.policy.bots.get(&bot).copied().unwrap_or_default();
        self.deadlines.set((call.id, Timer::BotAnswer), now + policy.answer_within);
        let caller = call.leg;
        let brief = Box::new(brief(call));
        self.tell(leg, LegCommand::CallBot { bot: bot.clone(), caller, brief });
        let place = Place { peer: Some(bot.clone()), ..Place::default() };
        call.record.enter(now, StageKind::Bot, place);
        self.state(now, call, State::CallingBot { leg, bot, max_duration });
        self.write(call);
    }

    fn send_to_queue(&mut self, now: Timestamp, call: &mut Call, order: QueueOrder) {
        let by_exit = std::mem::take(&mut call.leaving_by_exit);
        self.left_flow(now, call, if by_exit { IvrExit::Operator } else { IvrExit::Queue });
        let Some(queue) = self.queue_id(&order.queue) else {
            // `dozvon check` refuses a flow that names an unknown queue.
            call.run.handle(now, Happening::Queue(QueueEnd::Closed));
            return;
        };
        call.music = order.music.map(|music| music.name);
        let open = self.policy.queue_state(&order.queue, now) == Open::Open;
        self.start_wait(now, call, queue, order.queue);
        if !open {
            self.turn_away(now, call);
            return;
        }
        let welcome = self.welcome(now, call, queue);
        // Time at a bot counts as waited: a bot that fails or hands over costs the caller no place.
        let enqueued_at = call.credit_from.take().unwrap_or(now).min(welcome.since);
        call.enqueued_at.get_or_insert(enqueued_at);
        let kept = self.take_kept_place(now, call);
        if let Some(kept) = kept {
            call.enqueued_at = call.enqueued_at.map(|at| at.min(kept)).or(Some(kept));
            self.write(call);
        }
        let text = order.requires.as_ref().map(|expression| expression.to_string().into());
        let priority = call.kept_priority.take().unwrap_or(i32::MIN).max(order.priority);
        call.required = Some((text, priority));
        let requires = order.requires.as_ref().map_or_else(Requirement::anyone, |expression| {
            Requirement::of(expression, |name| self.policy.skill(name).unwrap_or(NOBODYS))
        });
        self.acd.enqueue(
            now,
            Waiting {
                call: call.id,
                queue,
                requires,
                priority: priority.saturating_add(welcome.boost),
                enqueued_at: kept.map_or(enqueued_at, |kept| kept.min(enqueued_at)),
                max_wait: order.max_wait,
                preferred: welcome.agent,
                absent: false,
            },
        );
        self.begin_stay(now, call, order.rules, order.lose_place);
    }

    /// What follows for a caller whom the ACD has just been told of: a forecast, and the rules of his stay.
    fn begin_stay(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        rules: Vec<OrderRule>,
        lose_place: bool,
    ) {
        self.forecast(now, call);
        self.begin_rules(now, call, WaitRules::new(now, rules, lose_place));
    }

    /// A caller waits again in the queue that his agent had him from: forecast and rules hold as for anybody there.
    pub(crate) fn stay_again(&mut self, now: Timestamp, call: &mut Call, queue: &str) {
        let order = self.stand_in(now, call, queue);
        let (rules, lose_place) =
            order.map_or_else(Default::default, |order| (order.rules, order.lose_place));
        self.begin_stay(now, call, rules, lose_place);
    }

    /// The flow learns that the call waits in a queue by another way than its own.
    fn stand_in(&mut self, now: Timestamp, call: &mut Call, queue: &str) -> Option<QueueOrder> {
        let order = call.run.wait_in(now, queue);
        self.pump(now, call);
        order
    }

    /// The call waits from now on: music, stage, state and fact; the ACD is told by whoever knows how.
    pub(crate) fn start_wait(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        queue: QueueId,
        name: Arc<str>,
    ) {
        let music = call.music.get_or_insert_with(|| self.policy.music.clone()).clone();
        self.tell(call.leg, LegCommand::Music { name: music });
        call.playing = None;
        call.ears.clear();
        let place = Place { queue: Some(name.clone()), ..Place::default() };
        call.record.enter(now, StageKind::Queue, place);
        let what = What::SegmentStarted { queue: name.clone(), called_back: false };
        self.fact(now, Some(call.id), what);
        self.state(now, call, State::Waiting { queue, name, rings: Vec::new() });
        (call.forecast, call.rules) = (None, WaitRules::default());
        call.offered_callback = None;
        self.begin_announcing(now, call);
        self.write(call);
    }

    /// Sends a call from a talk into a queue, at the place that it would have had there from `enqueued_at` on. It waits
    /// there as any call that came by the flow's node of that queue.
    pub(crate) fn enter_queue(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        queue: QueueId,
        name: Arc<str>,
        enqueued_at: Timestamp,
    ) {
        let max_wait = self.stand_in(now, call, &name).and_then(|order| order.max_wait);
        self.start_wait(now, call, queue, name.clone());
        let requires = self.language_of(call, queue);
        let new = Waiting::new(call.id, queue, now);
        self.acd.enqueue(now, Waiting { requires, enqueued_at, max_wait, ..new });
        self.stay_again(now, call, &name);
    }

    /// What remains of what a call required when an agent passes it on to a queue: what the old queue's work asked for
    /// says nothing about the new one's, but the caller still speaks his language. Not asked for where nobody who
    /// serves the queue has a skill of that name.
    fn language_of(&self, call: &Call, queue: QueueId) -> Requirement {
        let skill = self.policy.skill(&format!("lang:{}", call.run.language()));
        let Some(skill) = skill else { return Requirement::anyone() };
        let serves = |agent: &AgentConfig| agent.queues.is_empty() || agent.queues.contains(&queue);
        let mut agents = self.policy.acd.agents.iter();
        let spoken = agents.any(|agent| serves(agent) && agent.skills.contains_key(&skill));
        if spoken { Requirement::all_of([skill]) } else { Requirement::anyone() }
    }

    /// What a caller's last call means for this one.
    fn welcome(&mut self, now: Timestamp, call: &Call, queue: QueueId) -> Welcome {
        let mut welcome = Welcome { boost: 0, since: now, agent: None };
        let Some(number) = self.own_number(call) else { return welcome };
        let config = &self.policy.acd.queues[usize::from(queue.0)];
        if self.returning.broke_off(now, &number) {
            welcome.boost = i32::try_from(config.interrupted_boost.as_secs()).unwrap_or(i32::MAX);
        }
        if let Some(old) = self.returning.old_place(now, &number, queue, config.resume_within) {
            welcome.since = old;
        }
        if let Some(sticky) = config.sticky {
            let topic = sticky.same_topic.then_some(queue);
            let agent = self.returning.last_agent(now, &number, sticky.within, topic);
            welcome.agent = agent.map(|agent| (agent, sticky.wait_up_to));
        }
        welcome
    }

    /// The number of a caller if it is his own: not hidden, and not shared by many people.
    pub(crate) fn own_number(&self, call: &Call) -> Option<Arc<str>> {
        self.is_own(call.run.caller().number.as_deref()?)
    }

    /// The number again, unless many people share it.
    pub(crate) fn is_own(&self, number: &str) -> Option<Arc<str>> {
        (!self.policy.shared_numbers.contains(number)).then(|| number.into())
    }

    fn send_to_outside(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        to: Arc<str>,
        timeout: Duration,
    ) {
        self.left_flow(now, call, IvrExit::Transfer);
        let leg = self.outside_leg(call.id);
        self.deadlines.set((call.id, Timer::OutsideAnswer), now + timeout);
        self.tell(call.leg, LegCommand::Music { name: RINGBACK.into() });
        self.tell(leg, LegCommand::Dial { to, caller: call.leg });
        let place = Place { peer: Some("outside".into()), ..Place::default() };
        call.record.enter(now, StageKind::Transfer, place);
        self.state(now, call, State::Outside { leg, answered: false, after_talk: false });
        self.write(call);
    }

    /// The operator exit took the call out of where the flow had sent it.
    fn withdraw(&mut self, now: Timestamp, call: &mut Call) {
        match &call.state {
            State::CallingBot { .. } | State::WithBot { .. } => self.take_out_of_bot(now, call),
            State::Outside { .. } => {
                self.leave_outside(now, call);
            }
            State::Waiting { .. } => {
                self.stop_ringing(call, Ending::new(Fault::Nobody, "caller_gone"));
                self.leave_queue(now, call, Leaving::Elsewhere, Outcome::KeyExit);
                // Who wants an operator loses nothing: neither his place, whatever the flow says, nor his head start.
                call.credit_from = call.enqueued_at;
                call.kept_priority = call.required.take().map(|(_, priority)| priority);
            }
            State::Arriving
            | State::InFlow
            | State::Talking(_)
            | State::Handing(_)
            | State::CallingBack(_)
            | State::Parked(_) => {}
        }
        self.state(now, call, State::InFlow);
        call.record.enter(now, StageKind::Ivr, Place::default());
    }

    /// Takes a waiting call out of the ACD and closes the wait in the books at once. `otherwise` is the outcome unless
    /// the caller hung up.
    pub(crate) fn leave_queue(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        why: Leaving,
        otherwise: Outcome,
    ) {
        self.acd.withdraw(now, call.id, why);
        while let Some(event) = self.acd.poll_event() {
            if let Event::WaitEnded { call: id, queue, why, waited, service_level, called_back } =
                event
                && id == call.id
            {
                let outcome = self.outcome(queue, why, waited).unwrap_or(otherwise);
                call.record.outcome(outcome);
                let stay = Stay { queue, waited, service_level, called_back };
                self.segment_ended(now, id, outcome, &stay);
                return;
            }
            // Everything else keeps its turn.
            self.held_events.push_back(event);
        }
    }

    // ---- the ACD's events -----------------------------------------------------------------------------------------

    /// Does what the ACD wants until it wants nothing more.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        while let Some(event) = self.held_events.pop_front().or_else(|| self.acd.poll_event()) {
            self.acd_event(now, event);
        }
    }

    fn acd_event(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Decided(decision) => {
                let queue = self.queue_name(decision.queue);
                self.fact(now, Some(decision.call), What::OfferDecided { queue, decision });
            }
            Event::Offer { offer, call, agent, queue, .. } => {
                let queue = self.queue_name(queue);
                let card = self.card_of(now, call).map(Box::new);
                self.fact(now, Some(call), What::OfferStarted { offer, queue, agent, card });
                self.with_call(now, call, |center, call| center.ring(now, call, offer, agent));
            }
            // The phone rings on until the miss is certain: an answer may be on its way.
            Event::Withdrawn { why: Withdrawal::RangOut, .. } => {}
            Event::Withdrawn { offer, call, .. } => self.stop_offer(now, call, offer),
            Event::OfferEnded { offer, call, agent, queue, result, rang } => {
                let queue = self.queue_name(queue);
                let rang_secs = rang.as_secs_f64();
                let what = What::OfferEnded { offer, queue, agent, result, rang_secs };
                self.fact(now, Some(call), what);
                if result != OfferResult::Answered {
                    self.stop_offer(now, call, offer);
                }
            }
            Event::ConnectFailed { call, .. } => self.with_call(now, call, |center, call| {
                if let Some(name) = call.music.clone().filter(|_| !call.absent()) {
                    center.tell(call.leg, LegCommand::Music { name });
                }
            }),
            Event::WaitEnded { call, queue, why, waited, service_level, called_back } => {
                let stay = Stay { queue, waited, service_level, called_back };
                self.wait_ended(now, call, why, &stay);
            }
            Event::ServiceLevelMissed { call, queue } => {
                let queue = self.queue_name(queue);
                let result = ServiceLevel::Missed;
                self.fact(now, Some(call), What::ServiceLevelDecided { queue, result });
            }
            Event::AgentChanged { agent, from, to, pending, spent, cause, .. } => {
                let given = from.0 != to.0;
                let (asked_by, reason) = if given || pending.is_some() {
                    self.desks.told(agent, cause, given)
                } else {
                    (None, None)
                };
                if to.0 == Presence::LoggedOut {
                    self.desks.leave(agent);
                }
                let what = What::AgentChanged {
                    agent,
                    from,
                    to,
                    pending,
                    spent_secs: spent.as_secs_f64(),
                    cause,
                    asked_by,
                    reason,
                };
                self.fact(now, None, what);
                self.mind_wrap_up(now, agent, from.1, to.1, spent);
            }
            Event::StatusLimit { agent, status, kind, lasted, uses } => {
                let lasted_secs = lasted.as_secs_f64();
                self.fact(now, None, What::StatusLimit { agent, status, kind, lasted_secs, uses });
            }
            Event::ActivityAlarm { agent, activity, call, lasted } => {
                let lasted_secs = lasted.as_secs_f64();
                self.fact(now, call, What::ActivityAlarm { agent, activity, lasted_secs });
                if let Some(id) =
                    call.filter(|_| activity == Activity::Talking && self.policy.acd.talk_max_ends)
                    && let Some(call) = self.calls.remove(&id)
                {
                    self.put_back(now, call, Some(Ending::new(Fault::Ours, "talk_too_long")));
                }
            }
        }
    }

    /// The phone of an offer that is over stops ringing, if it still does.
    fn stop_offer(&mut self, now: Timestamp, call: CallId, offer: OfferId) {
        self.with_call(now, call, |center, call| {
            if let Some(leg) = call.forget_offer(now, offer) {
                center.release(leg, Ending::new(Fault::Nobody, "offer_withdrawn"));
            }
            center.callback_unoffered(now, call, offer);
        });
    }

    fn wait_ended(&mut self, now: Timestamp, id: CallId, why: WaitEnd, stay: &Stay) {
        let (queue, waited) = (stay.queue, stay.waited);
        let outcome = self.outcome(queue, why, waited).unwrap_or(Outcome::Withdrawn);
        self.segment_ended(now, id, outcome, stay);
        let end = match why {
            WaitEnd::Connected(agent) => {
                let waited_secs = waited.as_secs_f64();
                let queue = self.queue_name(queue);
                self.forecast_met(now, id, &queue);
                self.fact(now, Some(id), What::Connected { queue, agent, waited_secs });
                return;
            }
            WaitEnd::HungUp | WaitEnd::Elsewhere | WaitEnd::Callback => return,
            WaitEnd::MaxWait => QueueEnd::MaxWait,
            WaitEnd::NoAgents => QueueEnd::Nobody,
            WaitEnd::Full => QueueEnd::Full,
        };
        self.with_call(now, id, |center, call| {
            call.record.outcome(outcome);
            if call.absent() {
                center.kept_place_lost(now, call);
                return;
            }
            center.stop_ringing(call, Ending::new(Fault::Nobody, "offer_withdrawn"));
            center.stop_asking(call);
            center.state(now, call, State::InFlow);
            center.hush_announcement(call);
            center.keep_place(call);
            center.tell(call.leg, LegCommand::StopPlaying);
            call.record.enter(now, StageKind::Ivr, Place::default());
            center.write(call);
            call.run.handle(now, Happening::Queue(end));
            center.pump(now, call);
        });
    }

    /// A stay that ended as it began: its queue is closed.
    pub(crate) fn turned_away(&mut self, now: Timestamp, id: CallId, queue: QueueId) {
        let service_level = ServiceLevel::Missed;
        let name = self.queue_name(queue);
        let result = service_level;
        self.fact(now, Some(id), What::ServiceLevelDecided { queue: name, result });
        let stay = Stay { queue, waited: Duration::ZERO, service_level, called_back: false };
        self.segment_ended(now, id, Outcome::Closed, &stay);
    }

    fn segment_ended(&mut self, now: Timestamp, id: CallId, outcome: Outcome, stay: &Stay) {
        let (queue, called_back) = (self.queue_name(stay.queue), stay.called_back);
        let waited_secs = stay.waited.as_secs_f64();
        let what = What::SegmentEnded { queue: queue.clone(), outcome, called_back, waited_secs };
        self.fact(now, Some(id), what);
        // A miss has been told at the instant it was one.
        if stay.service_level != ServiceLevel::Missed && !called_back {
            let result = stay.service_level;
            self.fact(now, Some(id), What::ServiceLevelDecided { queue, result });
        }
    }

    /// The outcome that follows from how a wait ended; `None` when whoever moved the call knows it.
    fn outcome(&self, queue: QueueId, why: WaitEnd, waited: Duration) -> Option<Outcome> {
        let config = &self.policy.acd.queues[usize::from(queue.0)];
        Some(match why {
            WaitEnd::Connected(_) => Outcome::Answered,
            WaitEnd::HungUp if waited < config.short_abandon => Outcome::ShortAbandoned,
            WaitEnd::HungUp => Outcome::Abandoned,
            WaitEnd::Callback => Outcome::Callback,
            WaitEnd::MaxWait => Outcome::Timeout,
            WaitEnd::NoAgents => Outcome::NoAgents,
            WaitEnd::Full => Outcome::RejectedFull,
            WaitEnd::Elsewhere => return None,
        })
    }

    // ---- names ----------------------------------------------------------------------------------------------------

    pub(crate) fn with_call(
        &mut self,
        now: Timestamp,
        id: CallId,
        act: impl FnOnce(&mut Center, &mut Call),
    ) {
        if let Some(mut call) = self.calls.remove(&id) {
            act(self, &mut call);
            self.put_back(now, call, None);
        }
    }

    pub(crate) fn queue_id(&self, name: &str) -> Option<QueueId> {
        let at = self.policy.acd.queues.iter().position(|queue| &*queue.name == name)?;
        u16::try_from(at).ok().map(QueueId)
    }

    pub(crate) fn queue_name(&self, queue: QueueId) -> Arc<str> {
        let config = self.policy.acd.queues.get(usize::from(queue.0));
        config.map_or_else(|| queue.to_string().into(), |config| config.name.clone())
    }
}

/// A stay in a queue that is over, as the ACD tells of it.
struct Stay {
    queue: QueueId,
    waited: Duration,
    service_level: ServiceLevel,
    called_back: bool,
}

/// What a bot may be told of a call.
fn brief(call: &Call) -> BotBrief {
    let contact = call.record.contact();
    let drawn = contact.arms.iter().rev().find(|arm| Some(&arm.option) == call.drawn.as_ref());
    BotBrief {
        call: call.id,
        caller: call.run.caller().number.as_deref().map(Arc::from),
        dialled: contact.dialled.as_str().into(),
        language: contact.language.clone(),
        option: call.topic.clone(),
        share: drawn.and_then(|arm| Share::of_fraction(arm.share)),
    }
}

/// What a caller's last call means for the present one.
struct Welcome {
    /// A head start in seconds.
    boost: i32,
    /// When his wait began.
    since: Timestamp,
    /// The agent whom he waits for alone, and for how long.
    agent: Option<(AgentId, Duration)>,
}

/// The skill of nobody: a flow asked for one that no agent has.
const NOBODYS: SkillId = SkillId(u16::MAX);
