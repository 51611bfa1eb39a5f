//! The façade: owns the calls in progress, the ACD and the policy, and turns legs' events into commands and facts.
//!
//! Methods are of four kinds: `arrive`, `leg`, `reachable`, `handle_timeout` take what happened; `hang_up` and those
//! of [`crate::desk`] are commands of people; `poll_*` give out; the rest are pictures.
//! After any method that takes `now`, drain [`Center::poll_output`] to `None`.

use crate::acd::{Acd, Activity, AgentView, Event, Leaving, QueueView, Side, Why};
use crate::border::{Arrival, CallView, LegCommand, LegEvent, Loss, Output, ReferralNews, Refusal};
use crate::bot::{BotFailure, BotOver};
use crate::call::{Call, State, Step};
use crate::callback::book::Book;
use crate::callback::merge::Arriving;
use crate::callback::{self, Missed};
use crate::conduct::Conduct;
use crate::contact::{Ending, Fault, Outcome};
use crate::desk::Desks;
use crate::fact::{AskEnd, Fact, HoldAlarm, IvrExit, OperatorRequest, What};
use crate::flow::{Caller, ExitKey, Run};
use crate::ids::{AgentId, CallId, ForkId, LegId, OfferId, PlayId, QueueId};
use crate::incident::{Incident, Incidents};
use crate::opening::Emergencies;
use crate::overflow::WaitRules;
use crate::own::OwnCall;
use crate::policy::Policy;
use crate::recalled::Recalled;
use crate::recogniser::Listening;
use crate::record::{Opening, Record};
use crate::returning::Returning;
use crate::sides::bot::Said;
use crate::speech::Measures;
use crate::steering::Steered;
use crate::supervise::Watch;
use crate::waiting::Told;
use crate::wrapping::Wrapping;
use dozvon_clock::{Deadlines, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// When to do what for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// When the flow has waited long enough for a key.
    Flow,
    /// When a lone exit key is known to be one.
    ExitKey,
    /// When a bot that has not answered is given up and people take over.
    BotAnswer,
    /// When a bot has talked long enough.
    BotTooLong,
    /// When a number outside has rung long enough.
    OutsideAnswer,
    /// When a waiting caller is told something.
    Announce,
    /// When the rules of a wait are looked at.
    WaitRules,
    /// When an agent's own call has rung long enough.
    OwnAnswer,
    /// When this supervisor's phone has rung long enough; the call is the one that he began to watch in.
    WatchAnswer(AgentId),
    /// When a third party has rung long enough.
    ThirdAnswer,
    /// When the agent is warned of a hold.
    HoldWarning,
    /// When a hold is too long.
    HoldLimit,
    /// When a talk's agent whose phone broke is no longer waited for.
    PhoneGone,
    /// When a parked call goes back to its queue.
    Parked,
    /// When the customer of a callback may be called at the soonest.
    CallbackDial,
    /// When the phone of a customer who is called back has rung long enough.
    CallbackAnswer,
}

impl Timer {
    /// Those that end with a customer's call.
    const OF_CALL: [Timer; 14] = [
        Timer::Flow,
        Timer::ExitKey,
        Timer::BotAnswer,
        Timer::BotTooLong,
        Timer::OutsideAnswer,
        Timer::Announce,
        Timer::WaitRules,
        Timer::ThirdAnswer,
        Timer::HoldWarning,
        Timer::HoldLimit,
        Timer::PhoneGone,
        Timer::Parked,
        Timer::CallbackDial,
        Timer::CallbackAnswer,
    ];
}

/// Which side of a call a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Caller,
    /// The customer's, while he is being called back and has not answered.
    Customer,
    /// Rung for an offer.
    Rung(OfferId),
    /// The agent of the talk.
    Agent,
    /// The third party of a talk.
    Third,
    /// The agent's side of a call of his own.
    OwnCaller,
    /// The far side of an agent's own call.
    OwnCallee,
    /// This supervisor's phone; the call is the one that he began to watch in.
    Supervisor(AgentId),
    Bot,
    Outside,
}

/// The contact center.
#[derive(Debug)]
pub struct Center {
    pub(crate) policy: Arc<Policy>,
    pub(crate) acd: Acd,
    pub(crate) calls: BTreeMap<CallId, Call>,
    pub(crate) legs: BTreeMap<LegId, (CallId, Role)>,
    pub(crate) recalled: Recalled,
    pub(crate) wrapping: Wrapping,
    pub(crate) desks: Desks,
    conduct: Conduct,
    incidents: Incidents,
    /// Agents' own calls.
    pub(crate) own: BTreeMap<CallId, OwnCall>,
    /// How many lines each agent's phone has opened itself: own calls, and calls to a flow. None is no entry.
    pub(crate) own_lines: BTreeMap<AgentId, u32>,
    /// Who watches whose calls, by supervisor.
    pub(crate) watches: BTreeMap<AgentId, Watch>,
    pub(crate) returning: Returning,
    pub(crate) measures: Measures,
    pub(crate) emergencies: Emergencies,
    pub(crate) callbacks: Book,
    pub(crate) steered: Steered,
    pub(crate) deadlines: Deadlines<(CallId, Timer)>,
    pub(crate) outputs: VecDeque<Output>,
    /// Events of the ACD that wait for their turn behind one that was needed first.
    pub(crate) held_events: VecDeque<Event>,
    next_call: u64,
    next_leg: u64,
    next_play: u64,
    next_fork: u64,
}

impl Center {
    /// A center without calls, everybody logged out. Ids of calls begin at the microsecond of `now`, so that they stay
    /// unique over restarts.
    pub fn new(policy: Arc<Policy>, now: Timestamp) -> Center {
        Center {
            acd: Acd::new(policy.acd.clone(), now),
            returning: Returning::of(&policy.acd.queues),
            policy,
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            recalled: Recalled::default(),
            wrapping: Wrapping::default(),
            desks: Desks::default(),
            conduct: Conduct::default(),
            incidents: Incidents::default(),
            own: BTreeMap::new(),
            own_lines: BTreeMap::new(),
            watches: BTreeMap::new(),
            measures: Measures::default(),
            emergencies: Emergencies::default(),
            callbacks: Book::new(now),
            steered: Steered::default(),
            deadlines: Deadlines::new(),
            outputs: VecDeque::new(),
            held_events: VecDeque::new(),
            next_call: now.as_micros(),
            next_leg: 0,
            next_play: 0,
            next_fork: 0,
        }
    }

    // ---- what happens ---------------------------------------------------------------------------------------------

    /// A call comes in. It is answered at once; its flow, or the one that is drawn in its place while that is tried,
    /// begins when the caller's leg says `Answered`. `None` when the policy has no such flow.
    pub fn arrive(&mut self, now: Timestamp, arrival: Arrival) -> Option<(CallId, LegId)> {
        let duty = self.duty_of(&arrival.dialled);
        let (flow, drawn) = self.flow_for(now, &arrival, duty.is_some())?;
        let id = self.new_call_id();
        let leg = self.new_leg(id, Role::Caller);
        let caller = Caller { number: arrival.caller.clone(), language: arrival.language, duty };
        let run = Run::start(flow, self.policy.calendars.clone(), now, caller);
        let mut call = self.new_call(now, id, leg, run, arrival.dialled);
        match self.customer_calls(now, id, arrival.caller.as_deref()) {
            Arriving::Ordinary => {}
            Arriving::Owed(callback) => call.owed = Some(callback),
            Arriving::Crossed => {
                self.legs.remove(&leg);
                self.tell(leg, LegCommand::Reject(Refusal::Busy));
                self.put_back(now, call, Some(Ending::new(Fault::Nobody, "called_back")));
                self.settle(now);
                return Some((id, leg));
            }
        }
        if let Some(drawn) = drawn {
            self.note_draw(now, &mut call, drawn);
        }
        self.tell(leg, LegCommand::Answer);
        self.write(&call);
        self.calls.insert(id, call);
        self.settle(now);
        Some((id, leg))
    }

    /// A call with its record open, told as begun.
    pub(crate) fn new_call(
        &mut self,
        now: Timestamp,
        id: CallId,
        leg: LegId,
        run: Run,
        dialled: String,
    ) -> Call {
        let flow = run.flow().clone();
        let caller = run.caller().number.clone().unwrap_or_default();
        let opening = Opening {
            call: id,
            caller: caller.clone(),
            dialled: dialled.clone(),
            flow: flow.name.clone(),
            flow_version: flow.version.clone(),
            language: run.language().into(),
        };
        let what = What::CallStarted { flow: flow.name.clone(), dialled, caller };
        self.fact(now, Some(id), what);
        Call {
            id,
            leg,
            run,
            exit: ExitKey::new(),
            state: State::Arriving,
            since: now,
            playing: None,
            record: Record::open(now, opening),
            drawn: None,
            last_queue: None,
            leaving_by_exit: false,
            credit_from: None,
            enqueued_at: None,
            ears: BTreeMap::new(),
            music: None,
            forecast: None,
            told: Told::default(),
            rules: WaitRules::default(),
            announcing: None,
            required: None,
            kept_priority: None,
            offered_callback: None,
            topic: None,
            callback: None,
            owed: None,
            asked: None,
            lookups: 0,
            listening: Listening::Off,
        }
    }

    /// Something happened to a leg. Events of legs that are gone are dropped: they crossed our release. Only the late
    /// answer of a phone that rang for an offer is told, as stale; and whoever asks for a transfer hears that it is too
    /// late.
    pub fn leg(&mut self, now: Timestamp, leg: LegId, event: LegEvent) {
        let Some(&(id, role)) = self.legs.get(&leg) else {
            self.gone_leg(now, leg, &event);
            return;
        };
        let may_refer = matches!(role, Role::Agent | Role::OwnCaller | Role::Bot);
        if let (LegEvent::Referred(_), false) = (&event, may_refer) {
            let sentence = "only the agent of a talk can pass it on".to_owned();
            self.tell(leg, LegCommand::Referral(ReferralNews::Refused(sentence)));
            return;
        }
        let event = self.weigh_break(id, leg, role, event);
        let gone = matches!(event, LegEvent::HungUp | LegEvent::Lost(_) | LegEvent::Refused(_));
        if gone {
            self.legs.remove(&leg);
        }
        if let Role::Supervisor(who) = role {
            self.supervisor_event(now, who, event);
            self.settle(now);
            return;
        }
        if matches!(role, Role::OwnCaller | Role::OwnCallee) {
            self.own_event(now, id, role, event);
            self.settle(now);
            return;
        }
        let mut call = self.calls.remove(&id).expect("a leg in the table has its call");
        let ended = match role {
            Role::Caller => self.caller_event(now, &mut call, event),
            Role::Customer => self.customer_event(now, &mut call, event),
            Role::Rung(offer) => {
                self.rung_event(now, &mut call, leg, offer, event);
                None
            }
            Role::Agent => self.agent_event(now, &mut call, event),
            Role::Third => self.third_event(now, &mut call, event),
            Role::Supervisor(_) | Role::OwnCaller | Role::OwnCallee => {
                unreachable!("no side of a customer's call")
            }
            Role::Bot => self.bot_event(now, &mut call, leg, event),
            Role::Outside => self.outside_event(now, &mut call, leg, event),
        };
        self.put_back(now, call, ended);
        self.settle(now);
    }

    fn gone_leg(&mut self, now: Timestamp, leg: LegId, event: &LegEvent) {
        match event {
            LegEvent::Answered => self.answered_too_late(now, leg),
            LegEvent::Referred(_) => {
                let sentence = "this call has ended already".to_owned();
                self.tell(leg, LegCommand::Referral(ReferralNews::Refused(sentence)));
            }
            LegEvent::Ringing
            | LegEvent::Refused(_)
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Held(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained
            | LegEvent::HungUp
            | LegEvent::Lost(_) => {}
        }
    }

    /// The phone of an agent can be reached, or not any more.
    pub fn reachable(&mut self, now: Timestamp, agent: AgentId, reachable: bool) {
        self.acd.reachable(now, agent, reachable);
        self.settle(now);
    }

    /// The phone of an agent begins (`true`) or ends a call of its own that the center does not carry. He is busy from
    /// the first of his own calls to the last; the end of one that never began means nothing.
    pub fn own_call(&mut self, now: Timestamp, agent: AgentId, begins: bool) {
        self.own_line(now, agent, begins);
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.acd.handle_timeout(now);
        self.settle(now);
        while let Some((_, (id, timer))) = self.deadlines.pop_expired(now) {
            if self.expired_beside(now, id, timer) {
                self.settle(now);
                continue;
            }
            let Some(mut call) = self.calls.remove(&id) else { continue };
            self.expired(now, &mut call, timer);
            self.put_back(now, call, None);
            self.settle(now);
        }
        self.callbacks_due(now);
    }

    /// When [`Center::handle_timeout`] has something to do next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let all = [self.deadlines.next(), self.acd.poll_timeout(), self.callbacks.next_due()];
        all.into_iter().flatten().min()
    }

    /// The next thing to be done outside, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    // ---- commands of people ---------------------------------------------------------------------------------------

    /// Ends a call. False when there is none of that id.
    pub fn hang_up(&mut self, now: Timestamp, id: CallId, ending: Ending) -> bool {
        let Some(call) = self.calls.remove(&id) else { return false };
        self.put_back(now, call, Some(ending));
        self.settle(now);
        true
    }

    // ---- pictures -------------------------------------------------------------------------------------------------

    /// The policy in force.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// An agent as he stands.
    pub fn agent(&self, agent: AgentId) -> Option<AgentView> {
        self.acd.agent(agent)
    }

    /// Why a call waits, or has the agent it has; `None` when it is in no queue and in no talk.
    pub fn why(&self, call: CallId) -> Option<Why> {
        self.acd.why(call)
    }

    /// A waiting call's position in its queue, from 1. Counts the calls before it.
    pub fn position(&self, call: CallId) -> Option<usize> {
        self.acd.position(call)
    }

    /// The incident that goes on, if one does.
    pub fn incident(&self) -> Option<&Incident> {
        self.incidents.open()
    }

    /// A queue as it stands.
    pub fn queue(&self, queue: QueueId) -> Option<QueueView> {
        self.acd.queue(queue)
    }

    /// The call that a leg belongs to.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(&leg).map(|(call, _)| *call)
    }

    /// How many calls are in progress; those whose customer is yet to be called back are none.
    pub fn calls_active(&self) -> usize {
        self.calls.values().filter(|call| !call.absent()).count()
    }

    /// The calls in progress, oldest first, as they stand `now`, with the places kept for customers who are called
    /// back.
    pub fn calls(&self, now: Timestamp) -> impl Iterator<Item = CallView> {
        self.calls.values().map(move |call| self.view(now, call))
    }

    /// The calls' ids, oldest first.
    pub fn call_ids(&self) -> Vec<CallId> {
        self.calls.keys().copied().collect()
    }

    fn view(&self, now: Timestamp, call: &Call) -> CallView {
        let place: Arc<str> = match &call.state {
            State::Arriving | State::InFlow => call.run.node().into(),
            State::CallingBot { bot, .. } | State::WithBot { bot, .. } => bot.clone(),
            State::Waiting { name, .. } => name.clone(),
            State::CallingBack(back) => self.agent_name(back.agent),
            State::Talking(talk) => self.agent_name(talk.agent),
            State::Handing(handing) => handing.third.who.name(&self.policy),
            State::Parked(parked) => parked.queue.clone(),
            State::Outside { .. } => "outside".into(),
        };
        let contact = call.record.contact();
        CallView {
            call: call.id,
            caller: contact.caller.clone(),
            flow: contact.flow.clone(),
            state: if call.absent() { "callback" } else { call.state.word() },
            place,
            started_at: contact.started_at,
            since: call.since,
            card: self.card(now, call),
        }
    }

    // ---- time -----------------------------------------------------------------------------------------------------

    /// Does what is due for an own call or a supervisor; false when the timer is one of a customer's call.
    fn expired_beside(&mut self, now: Timestamp, id: CallId, timer: Timer) -> bool {
        match timer {
            Timer::OwnAnswer => self.own_over(now, id, Some(Refusal::NoAnswer)),
            Timer::WatchAnswer(supervisor) => self.watch_over(now, supervisor),
            Timer::Flow
            | Timer::ExitKey
            | Timer::BotAnswer
            | Timer::BotTooLong
            | Timer::OutsideAnswer
            | Timer::Announce
            | Timer::WaitRules
            | Timer::ThirdAnswer
            | Timer::HoldWarning
            | Timer::HoldLimit
            | Timer::PhoneGone
            | Timer::Parked
            | Timer::CallbackDial
            | Timer::CallbackAnswer => return false,
        }
        true
    }

    fn expired(&mut self, now: Timestamp, call: &mut Call, timer: Timer) {
        match timer {
            Timer::Flow => {
                call.run.handle_timeout(now);
                self.pump(now, call);
            }
            Timer::ExitKey => {
                if call.exit.expire(now, &mut call.run) {
                    self.exited(now, call, OperatorRequest::Dtmf);
                }
                self.pump(now, call);
            }
            Timer::BotAnswer => {
                self.bot_over(now, call, BotOver::Failed(BotFailure::NoAnswer), None);
            }
            Timer::BotTooLong => self.bot_too_long(now, call),
            Timer::OutsideAnswer => self.outside_over(now, call),
            Timer::Announce => self.announce_wait(now, call),
            Timer::WaitRules => self.mind_rules(now, call),
            Timer::OwnAnswer | Timer::WatchAnswer(_) => {
                unreachable!("no timer of a customer's call")
            }
            Timer::ThirdAnswer => self.third_gone(now, call, AskEnd::NoAnswer),
            Timer::HoldWarning => self.hold_lasts(now, call, HoldAlarm::Warning),
            Timer::HoldLimit => self.hold_lasts(now, call, HoldAlarm::TooLong),
            Timer::PhoneGone => self.phone_gone(now, call),
            Timer::Parked => self.parked_too_long(now, call),
            Timer::CallbackDial => self.dial_customer(now, call),
            Timer::CallbackAnswer => self.customer_missed(call, Missed::NoAnswer),
        }
    }

    // ---- ends -----------------------------------------------------------------------------------------------------

    /// Puts a call back among the running ones, or closes it.
    pub(crate) fn put_back(&mut self, now: Timestamp, mut call: Call, ended: Option<Ending>) {
        let ended = ended.or_else(|| self.flow_over(&call));
        match ended {
            None => {
                self.mind_recogniser(&mut call);
                self.calls.insert(call.id, call);
            }
            Some(ending) => self.close(now, &mut call, ending),
        }
    }

    pub(crate) fn flow_over(&self, call: &Call) -> Option<Ending> {
        if let Some(over) = call.callback.as_ref().and_then(|calling| calling.over.clone()) {
            return Some(over);
        }
        let over = call.state == State::InFlow && call.run.is_over();
        over.then(|| Ending::new(Fault::Nobody, Ending::FLOW_END))
    }

    fn close(&mut self, now: Timestamp, call: &mut Call, ending: Ending) {
        if self.legs.remove(&call.leg).is_some() {
            self.tell(call.leg, LegCommand::Release(ending.clone()));
        }
        match call.state.clone() {
            State::Arriving => {}
            State::InFlow => {
                self.hung_up_on_lookup(now, call);
                let exit = match ending.fault {
                    Fault::Nobody => IvrExit::SelfServed,
                    Fault::Ours => IvrExit::Error,
                    Fault::Caller | Fault::Agent | Fault::Bot | Fault::Carrier => IvrExit::Hangup,
                };
                self.left_flow(now, call, exit);
            }
            State::CallingBot { .. } | State::WithBot { .. } => {
                self.leave_bot(now, call, "caller_gone", Said::default());
            }
            State::Waiting { .. } => {
                self.stop_ringing(call, Ending::new(ending.fault, "caller_gone"));
                self.wait_left(now, call, ending.fault);
            }
            State::Talking(talk) => {
                let by = match ending.fault {
                    Fault::Caller => Side::Caller,
                    Fault::Agent => Side::Agent,
                    Fault::Bot | Fault::Carrier | Fault::Ours | Fault::Nobody => Side::System,
                };
                self.lose_third(now, call, AskEnd::CallerGone);
                self.talk_over(now, call, by);
                self.release(talk.leg, Ending::new(ending.fault, "caller_gone"));
            }
            State::Handing(_) => {
                self.lose_third(now, call, AskEnd::CallerGone);
                self.acd.ended(now, call.id, Side::System);
            }
            State::CallingBack(back) => {
                self.leave_queue(now, call, Leaving::Elsewhere, Outcome::Withdrawn);
                self.release(back.leg, ending.clone());
            }
            State::Parked(_) => self.acd.ended(now, call.id, Side::System),
            State::Outside { .. } => {
                self.leave_outside(now, call);
            }
        }
        for timer in Timer::OF_CALL {
            self.deadlines.cancel(&(call.id, timer));
        }
        let duration = now.since(call.record.contact().started_at);
        let flow = call.run.flow().name.clone();
        call.record.close(now, ending.clone());
        self.write(call);
        self.fact(
            now,
            Some(call.id),
            What::CallEnded { flow, ending, duration_secs: duration.as_secs_f64() },
        );
        self.wrapping.keep(call.id, &call.record);
        self.attempt_over(now, call);
        self.owed_call_over(now, call);
    }

    /// The caller's own end while waiting: it is in the books before the record closes.
    pub(crate) fn wait_left(&mut self, now: Timestamp, call: &mut Call, fault: Fault) {
        let (why, otherwise) = match fault {
            Fault::Caller => (Leaving::HungUp, Outcome::Abandoned),
            Fault::Carrier | Fault::Ours | Fault::Bot => (Leaving::Elsewhere, Outcome::Failed),
            Fault::Agent | Fault::Nobody => (Leaving::Elsewhere, Outcome::Withdrawn),
        };
        if let (State::Waiting { queue, .. }, Leaving::HungUp) = (&call.state, why)
            && let (Some(number), Some(since)) =
                (self.own_number(call), self.acd.enqueued_at(call.id))
        {
            self.returning.gave_up(now, &number, *queue, since);
        }
        self.leave_queue(now, call, why, otherwise);
    }

    // ---- small helpers --------------------------------------------------------------------------------------------

    pub(crate) fn new_call_id(&mut self) -> CallId {
        self.next_call += 1;
        CallId(self.next_call - 1)
    }

    pub(crate) fn new_leg(&mut self, call: CallId, role: Role) -> LegId {
        let leg = self.unborn_leg();
        self.legs.insert(leg, (call, role));
        leg
    }

    /// The id of a leg that is not there yet: nothing is told to it, and nothing comes from it.
    pub(crate) fn unborn_leg(&mut self) -> LegId {
        self.next_leg += 1;
        LegId(self.next_leg)
    }

    /// A leg is something else for its call from now on.
    pub(crate) fn role(&mut self, leg: LegId, call: CallId, role: Role) {
        self.legs.insert(leg, (call, role));
    }

    pub(crate) fn bot_leg(&mut self, call: CallId) -> LegId {
        self.new_leg(call, Role::Bot)
    }

    pub(crate) fn outside_leg(&mut self, call: CallId) -> LegId {
        self.new_leg(call, Role::Outside)
    }

    /// Ends a leg other than the caller's.
    pub(crate) fn release(&mut self, leg: LegId, ending: Ending) {
        let Some((call, role)) = self.legs.remove(&leg) else { return };
        if let Role::Rung(offer) = role {
            self.recalled.note(leg, call, offer);
        }
        self.tell(leg, LegCommand::Release(ending));
    }

    pub(crate) fn new_play(&mut self) -> PlayId {
        self.next_play += 1;
        PlayId(self.next_play)
    }

    pub(crate) fn new_fork(&mut self) -> ForkId {
        self.next_fork += 1;
        ForkId(self.next_fork)
    }

    pub(crate) fn state(&mut self, now: Timestamp, call: &mut Call, state: State) {
        call.state = state;
        call.since = now;
    }

    pub(crate) fn tell(&mut self, leg: LegId, command: LegCommand) {
        self.outputs.push_back(Output::Leg(leg, command));
    }

    pub(crate) fn fact(&mut self, at: Timestamp, call: Option<CallId>, what: What) {
        let fact = Fact { at, call, what };
        let mut follow = self.incidents.observe(&fact);
        follow.extend(self.conduct.observe(&fact));
        self.outputs.push_back(Output::Fact(fact));
        for what in follow {
            self.outputs.push_back(Output::Fact(Fact { at, call, what }));
        }
    }

    pub(crate) fn write(&mut self, call: &Call) {
        self.outputs.push_back(Output::Contact(Box::new(call.record.contact().clone())));
    }

    pub(crate) fn left_flow(&mut self, now: Timestamp, call: &Call, exit: IvrExit) {
        let flow = call.run.flow().name.clone();
        self.fact(now, Some(call.id), What::IvrExited { flow, exit });
    }

    pub(crate) fn agent_name(&self, agent: AgentId) -> Arc<str> {
        self.policy.agent_name(agent)
    }

    /// Promises of the center about itself, for simulations: legs and calls point at each other, offers at waiting
    /// calls, and the ACD's own.
    pub fn check_invariants(&self) {
        self.acd.check_invariants();
        self.callbacks.check_invariants();
        for (leg, (id, role)) in &self.legs {
            if let Role::Supervisor(who) = role {
                let watch = &self.watches[who];
                assert_eq!((watch.leg, watch.call), (*leg, *id), "a watch has its leg");
                let timed = self.deadlines.get(&(*id, Timer::WatchAnswer(*who))).is_some();
                assert_eq!(timed, !watch.up, "a supervisor's phone does not ring for ever");
                continue;
            }
            if matches!(role, Role::OwnCaller | Role::OwnCallee) {
                let own = &self.own[id];
                assert!(self.own_lines.contains_key(&own.agent), "an own call is counted");
                assert!([own.leg, own.other].contains(leg), "an own call has its legs");
                continue;
            }
            let call = self.calls.get(id).expect("every leg belongs to a running call");
            match role {
                Role::Supervisor(_) | Role::OwnCaller | Role::OwnCallee => {
                    unreachable!("no side of a customer's call")
                }
                Role::Caller | Role::Customer => {
                    assert_eq!(call.leg, *leg, "a call has one caller's leg")
                }
                Role::Rung(_) | Role::Agent | Role::Third | Role::Bot | Role::Outside => {
                    let busy = call.state.other_legs();
                    assert!(busy.contains(leg), "{leg} is what its call is busy with: {busy:?}");
                }
            }
        }
        for callback in self.callbacks.all() {
            if let callback::Stage::Calling { call } = callback.stage {
                let rests =
                    self.calls.get(&call).is_some_and(|call| call.owed == Some(callback.id));
                assert!(rests, "{} rests for a call that lasts", callback.id);
            }
        }
        for call in self.calls.values() {
            let away = call.callback.as_ref().is_some_and(|calling| calling.step == Step::Away);
            let there = self.legs.contains_key(&call.leg);
            assert_eq!(there, !away, "a running call has its caller's leg");
            let State::Waiting { rings, .. } = &call.state else { continue };
            for ring in rings {
                let view = self.acd.agent(ring.agent).expect("a ringing agent is known");
                let busy = [Activity::Reserved, Activity::Ringing, Activity::Connecting];
                assert!(
                    busy.contains(&view.activity),
                    "a rung agent is busy with the offer: {view:?}"
                );
            }
        }
    }
}

pub(crate) fn lost(fault: Fault, loss: Loss) -> Ending {
    let fault = if loss == Loss::Ours { Fault::Ours } else { fault };
    Ending::new(fault, loss.as_str())
}
