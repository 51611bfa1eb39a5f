//! The interpreter: one caller in one flow, in virtual or real time.
//!
//! The owner feeds [`Happening`]s and the time in, and drains [`Effect`]s until `None` after every call. Where sound
//! comes from and what a queue does is never known here. Late news (a prompt that ended after it was stopped, a draw
//! that came after the caller left) is dropped, so the owner needs no races of its own.

mod border;
mod callback;
mod entry;
mod http;
mod kept;
mod order;
mod said;
mod shown;
#[cfg(test)]
mod tests;

pub use border::{
    BotEnd, CallbackOrder, Caller, Duty, Effect, Entry, Happening, Inquiry, LookedUp, OrderAct,
    OrderRule, QueueEnd, QueueOrder, Sending, TransferEnd, Visit,
};

use super::limits::{DUTY_RINGS, ENTERED_MAX, PATH_MAX, STEPS_MAX};
use super::model::{Flow, Hangup, Hours, Kind, MenuOption, NodeIx, Target, VarIx, VarKind, Way};
use super::words;
use crate::calendar::{Calendars, Open};
use crate::ids::Key;
use crate::rollout::Arm;
use callback::Asking;
use dozvon_clock::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// One caller in one flow.
pub struct Run {
    flow: Arc<Flow>,
    calendars: Arc<Calendars>,
    caller: Caller,
    node: NodeIx,
    state: State,
    /// When silence, or the pause in an entry, is over.
    deadline: Option<Timestamp>,
    language: Arc<str>,
    values: Vec<Arc<str>>,
    visits: Vec<u32>,
    path: Vec<Visit>,
    entered: u32,
    astray: bool,
    ticket: u32,
    /// A key that cut a `say` short: the next menu or entry takes it, so that those who know the way need not wait.
    ahead: Option<Key>,
    effects: VecDeque<Effect>,
    /// The flow has been told of the emergency, or the caller is on his way to the duty office: from then on nothing is
    /// changed for him.
    on_duty: bool,
    /// What is still to be measured of what the flow promises; `None` for those who did not begin at its start.
    open: Option<kept::Open>,
}

/// What the caller is waiting for.
enum State {
    /// The prompts of a `say`.
    Saying { ticket: u32 },
    /// A key of a menu.
    Choosing { attempt: u32, playing: Option<u32> },
    /// Digits.
    Collecting { attempt: u32, playing: Option<u32>, digits: String },
    /// The answer of an endpoint.
    LookingUp { ticket: u32, playing: Option<u32> },
    /// The rollout's draw.
    Drawing,
    /// The end of the bot's talk.
    AtBot,
    /// The end of the wait or of the talk with an agent.
    InQueue,
    /// The end of the call outside.
    Outside,
    /// The end of what the duty office does for him. Once somebody has answered there, the run is over; if nobody
    /// does, he is served like anybody.
    AtDuty,
    /// What he says to being called back.
    Asking(Asking),
    /// A score.
    Asked { question: usize, again: bool, playing: Option<u32> },
    /// The end of the goodbye.
    Parting { ticket: u32 },
    /// Nothing: the run is over.
    Ended,
}

/// Why a menu is offered again.
#[derive(Clone, Copy)]
enum Why {
    Wrong,
    Silent,
}

/// Where to go next, and by which outcome.
type Step = Option<(NodeIx, Way)>;

fn to(way: Way, target: Target) -> Step {
    Some((target.node, way))
}

impl Run {
    /// A caller at the start of the flow.
    pub fn start(
        flow: Arc<Flow>,
        calendars: Arc<Calendars>,
        now: Timestamp,
        caller: Caller,
    ) -> Run {
        let start = flow.start.node;
        let mut run = Run::new(flow, calendars, caller);
        run.open = Some(kept::Open::at(now));
        run.go(now, Some((start, Way::Start)));
        run
    }

    /// A caller of whom nothing is known at a node; `None` when the flow has no such node.
    pub fn at(
        flow: Arc<Flow>,
        calendars: Arc<Calendars>,
        now: Timestamp,
        node: &str,
    ) -> Option<Run> {
        let start = flow.find(node)?;
        let mut run = Run::new(flow, calendars, Caller::default());
        run.go(now, Some((start, Way::Start)));
        Some(run)
    }

    /// A caller who waits at a queue node already, as the one who is called back does; at no such node his run is over
    /// as soon as he has been served.
    pub fn in_queue(
        flow: Arc<Flow>,
        calendars: Arc<Calendars>,
        caller: Caller,
        node: Option<&str>,
    ) -> Run {
        let mut run = Run::new(flow, calendars, caller);
        let node = node.and_then(|node| run.flow.find(node));
        let queue = node.and_then(|node| match &run.flow.node(node).kind {
            Kind::Queue(_) => Some(node),
            // The offer was taken at a node of its own: any place where the flow waits in that queue will do.
            Kind::Callback(callback) => run.flow.queue_node(&callback.queue.value),
            Kind::Say(_)
            | Kind::Menu(_)
            | Kind::Digits(_)
            | Kind::Set(_)
            | Kind::Http(_)
            | Kind::Hours(_)
            | Kind::Rollout(_)
            | Kind::Bot(_)
            | Kind::Transfer(_)
            | Kind::Survey(_)
            | Kind::Call(_)
            | Kind::Hangup(_) => None,
        });
        if let Some(node) = queue {
            (run.node, run.state) = (node, State::InQueue);
        }
        run
    }

    fn new(flow: Arc<Flow>, calendars: Arc<Calendars>, caller: Caller) -> Run {
        let language = Arc::clone(flow.language_or_default(caller.language.as_deref()));
        let values = flow.vars.iter().map(|var| match var.kind {
            VarKind::Language => Arc::clone(&language),
            VarKind::Text | VarKind::Enum(_) | VarKind::Digits | VarKind::Value(_) => {
                var.default.clone().unwrap_or_default()
            }
        });
        Run {
            values: values.collect(),
            visits: vec![0; flow.nodes.len()],
            node: flow.start.node,
            state: State::Ended,
            deadline: None,
            language,
            path: Vec::new(),
            entered: 0,
            astray: false,
            ticket: 0,
            ahead: None,
            effects: VecDeque::new(),
            on_duty: false,
            open: None,
            flow,
            calendars,
            caller,
        }
    }

    /// The flow, for the call's whole life the same.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// What was known of the caller at the start.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The node the caller is in.
    pub fn node(&self) -> &str {
        &self.flow.node(self.node).name
    }

    /// The language spoken.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The first [`PATH_MAX`] steps so far.
    pub fn path(&self) -> &[Visit] {
        &self.path
    }

    /// The value of a variable; `None` when there is none of that name or it is secret.
    pub fn value(&self, name: &str) -> Option<&str> {
        let index = self.flow.vars.iter().position(|var| &*var.name == name && !var.secret)?;
        Some(&self.values[index])
    }

    /// Whether the run is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The entry, while digits are collected.
    pub fn entry(&self) -> Option<Entry> {
        match (&self.state, &self.flow.node(self.node).kind) {
            (State::Collecting { digits, .. }, Kind::Digits(node)) => Some(Entry {
                collected: digits.len(),
                between: node.between,
                end_key: node.end_key,
            }),
            _ => self.number_entry(),
        }
    }

    /// Whether words for the operator are to be heard now: the flow has some in the language spoken, and is saying or
    /// asking something itself. While it waits for others it does not listen.
    pub fn listens(&self) -> bool {
        let here = match &self.state {
            State::Saying { .. }
            | State::Choosing { .. }
            | State::Collecting { .. }
            | State::LookingUp { .. }
            | State::Asked { .. }
            | State::Parting { .. } => true,
            State::Asking(_) => !self.is_asked(),
            State::Drawing
            | State::AtBot
            | State::InQueue
            | State::Outside
            | State::AtDuty
            | State::Ended => false,
        };
        here && self.flow.operator.phrases(&self.language).next().is_some()
    }

    /// Whether this, said now, is a word for the operator.
    pub fn is_operator(&self, text: &str) -> bool {
        self.listens() && words::any(text, self.flow.operator.phrases(&self.language))
    }

    /// The next thing the owner must do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to call [`Run::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// The site of the caller has an emergency from now on, or has none any more.
    pub fn set_duty(&mut self, duty: Option<Duty>) {
        self.caller.duty = duty;
    }

    /// Whether there is an emergency that the flow has not been told of yet.
    pub fn is_wanted_on_duty(&self) -> bool {
        self.caller.duty.is_some() && !self.on_duty
    }

    /// Something happened to the caller.
    pub fn handle(&mut self, now: Timestamp, happening: Happening) {
        let step = match happening {
            Happening::Queue(QueueEnd::Answered | QueueEnd::Callback(_))
            | Happening::Transfer(TransferEnd::Answered)
                if matches!(self.state, State::AtDuty) =>
            {
                self.end();
                None
            }
            Happening::Queue(_) | Happening::Transfer(_) if matches!(self.state, State::AtDuty) => {
                // The flow knows what to say to whom the operator's queue can't help.
                to(Way::Failed, self.flow.operator.to)
            }
            Happening::Queue(QueueEnd::Emergency) if matches!(self.state, State::InQueue) => {
                match self.go_to_duty() {
                    Some(step) => step,
                    None => self.queue_ended(QueueEnd::Closed),
                }
            }
            Happening::Key(key) => {
                self.acts();
                self.key(now, key)
            }
            Happening::Played(ticket) => self.played(now, ticket),
            Happening::Drawn(arm) => self.drawn(arm),
            Happening::Bot(end) => self.bot_ended(end),
            Happening::Queue(end) => self.queue_ended(end),
            Happening::Transfer(end) => self.transfer_ended(end),
            Happening::Offered(number, key) => self.offer_taken(now, number, key),
            Happening::CalledBack(noted) => self.called_back(noted),
            Happening::Replied(ticket, reply) => self.replied(ticket, &reply),
        };
        self.go(now, step);
    }

    /// The time that [`Run::poll_timeout`] named has come; too early does nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        let step = self.silent(now);
        self.go(now, step);
    }

    /// Takes the caller to the operator's queue from wherever he is; tells whether he goes. Who waits there already
    /// keeps his place.
    pub fn leave_for_operator(&mut self, now: Timestamp) -> bool {
        let queue = self.flow.operator.to.node;
        self.acts();
        match self.state {
            State::Ended | State::AtDuty => return false,
            State::InQueue if self.node == queue => return false,
            State::InQueue | State::AtBot | State::Outside | State::Drawing => {
                self.effects.push_back(Effect::Withdraw);
            }
            State::LookingUp { .. } => {
                self.give_lookup_up();
                self.hush();
            }
            State::Saying { .. }
            | State::Choosing { .. }
            | State::Collecting { .. }
            | State::Asking(_)
            | State::Asked { .. }
            | State::Parting { .. } => self.hush(),
        }
        self.go(now, Some((queue, Way::Operator)));
        true
    }

    /// Enters a node from outside the flow: an agent has passed the caller on to it. False when there is none of that
    /// name. Whoever is called back at nobody's node begins the flow there.
    pub fn jump(&mut self, now: Timestamp, node: &str) -> bool {
        let Some(node) = self.flow.find(node) else { return false };
        self.go(now, Some((node, Way::PassedOn)));
        true
    }

    /// The caller waits in a queue although no step of the flow led him there: an agent has passed him on, or has lost
    /// him. He stands at the node of that queue as whoever came by it: the one where he is, or the first of the flow,
    /// and this is how he shall wait. `None` when the flow has no such node: he stays where he is.
    pub fn wait_in(&mut self, now: Timestamp, queue: &str) -> Option<QueueOrder> {
        let State::InQueue = self.state else { return None };
        let flow = Arc::clone(&self.flow);
        let all = (0..).zip(&flow.nodes).map(|(at, node)| (NodeIx(at), node));
        let here = std::iter::once((self.node, flow.node(self.node)));
        let mut queues = here.chain(all).filter_map(|(ix, node)| {
            let Kind::Queue(model) = &node.kind else { return None };
            (*model.name.value == *queue).then_some((ix, node, model))
        });
        let (ix, node, model) = queues.next()?;
        if ix != self.node {
            self.visit(now, ix, &node.name, Way::PassedOn);
        }
        Some(self.order(model))
    }

    /// The exit key is held back in digit entry: the prompt stops, and the entry waits a moment longer than the key.
    pub fn hold_entry(&mut self, until: Timestamp) {
        if matches!(self.state, State::Collecting { .. } | State::Asking(_)) {
            self.hush();
            self.deadline = Some(until + Duration::from_millis(1));
        }
    }

    // ---- what happens ---------------------------------------------------------------------------

    fn key(&mut self, now: Timestamp, key: Key) -> Step {
        let flow = Arc::clone(&self.flow);
        match (&self.state, &flow.node(self.node).kind) {
            (State::Saying { .. }, Kind::Say(say)) => {
                self.hush();
                self.ahead = Some(key);
                to(Way::Next, say.next)
            }
            (State::Choosing { attempt, .. }, Kind::Menu(menu)) => {
                let attempt = *attempt;
                self.hush();
                match menu.option(key) {
                    Some(option) => self.option_taken(option),
                    None => self.offer_again(now, menu, attempt, Why::Wrong),
                }
            }
            (State::Collecting { .. }, Kind::Digits(digits)) => {
                self.hush();
                self.digit(now, digits, key)
            }
            (State::Asking(_), Kind::Callback(callback)) => self.answer(now, callback, key),
            (State::Asked { question, again, .. }, Kind::Survey(survey)) => {
                let (question, again) = (*question, *again);
                self.hush();
                self.score(now, survey, question, again, key)
            }
            (State::Parting { .. }, Kind::Hangup(_)) => {
                self.hush();
                self.end();
                None
            }
            (State::LookingUp { .. }, Kind::Http(_)) => {
                // The endpoint is waited for all the same.
                let deadline = self.deadline;
                self.hush();
                self.deadline = deadline;
                self.ahead = Some(key);
                None
            }
            // A bot hears keys by its own ear; a queue and a draw have no use for them.
            (
                State::Drawing
                | State::AtBot
                | State::InQueue
                | State::Outside
                | State::AtDuty
                | State::Ended,
                _,
            ) => None,
            (state, _) => unreachable!("state {state:?} in a node of another kind"),
        }
    }

    fn option_taken(&mut self, option: &MenuOption) -> Step {
        if option.urgent {
            self.is_urgent();
        }
        to(Way::Key(option.key.value), option.to)
    }

    fn played(&mut self, now: Timestamp, ticket: u32) -> Step {
        let flow = Arc::clone(&self.flow);
        match (&mut self.state, &flow.node(self.node).kind) {
            (State::Saying { ticket: own }, Kind::Say(say)) if *own == ticket => {
                self.heard_out(now);
                to(Way::Next, say.next)
            }
            (State::Parting { ticket: own }, Kind::Hangup(_)) if *own == ticket => {
                self.end();
                None
            }
            (State::Choosing { playing, .. }, Kind::Menu(menu)) if *playing == Some(ticket) => {
                *playing = None;
                self.deadline = Some(now + menu.timeout);
                self.heard_out(now);
                None
            }
            (State::Collecting { playing, .. }, Kind::Digits(digits))
                if *playing == Some(ticket) =>
            {
                *playing = None;
                self.deadline = Some(now + digits.timeout);
                None
            }
            (State::Asking(asking), Kind::Callback(callback)) if asking.playing == Some(ticket) => {
                asking.playing = None;
                self.deadline = Some(now + callback.timeout);
                None
            }
            (State::LookingUp { playing, .. }, Kind::Http(_)) if *playing == Some(ticket) => {
                *playing = None;
                None
            }
            (State::Asked { playing, .. }, Kind::Survey(survey)) if *playing == Some(ticket) => {
                *playing = None;
                self.deadline = Some(now + survey.timeout);
                None
            }
            // The end of something that was stopped meanwhile.
            _ => None,
        }
    }

    fn silent(&mut self, now: Timestamp) -> Step {
        let flow = Arc::clone(&self.flow);
        match (&self.state, &flow.node(self.node).kind) {
            (State::Choosing { attempt, .. }, Kind::Menu(menu)) => {
                self.offer_again(now, menu, *attempt, Why::Silent)
            }
            (State::Collecting { attempt, digits: entry, .. }, Kind::Digits(digits)) => {
                if entry.len() >= *digits.length.start() as usize {
                    self.take_entry(digits)
                } else {
                    self.ask_again(now, digits, *attempt)
                }
            }
            (State::Asking(_), Kind::Callback(callback)) => self.no_answer(now, callback),
            (State::LookingUp { .. }, Kind::Http(http)) => self.answer_too_late(http),
            // Whoever is silent has had enough of questions.
            (State::Asked { .. }, Kind::Survey(survey)) => to(Way::Next, survey.next),
            _ => None,
        }
    }

    fn drawn(&self, arm: Arm) -> Step {
        match (&self.state, &self.flow.node(self.node).kind, arm) {
            (State::Drawing, Kind::Rollout(rollout), Arm::Bot) => to(Way::Bot, rollout.bot),
            (State::Drawing, Kind::Rollout(rollout), Arm::People) => {
                to(Way::People, rollout.people)
            }
            _ => None,
        }
    }

    fn bot_ended(&self, end: BotEnd) -> Step {
        let (State::AtBot, Kind::Bot(bot)) = (&self.state, &self.flow.node(self.node).kind) else {
            return None;
        };
        match end {
            BotEnd::Done => to(Way::Done, bot.done),
            BotEnd::Transfer => to(Way::Transfer, bot.transfer),
            BotEnd::Failed => to(Way::Failed, bot.failed),
            BotEnd::TooLong => to(Way::TooLong, bot.too_long),
        }
    }

    fn queue_ended(&self, end: QueueEnd) -> Step {
        let (State::InQueue, Kind::Queue(queue)) = (&self.state, &self.flow.node(self.node).kind)
        else {
            return None;
        };
        match end {
            QueueEnd::Answered => to(Way::Answered, queue.answered),
            QueueEnd::MaxWait => to(Way::MaxWait, queue.max_wait_to),
            QueueEnd::Nobody => to(Way::Nobody, queue.nobody),
            QueueEnd::Full => to(Way::Full, queue.full),
            QueueEnd::Closed | QueueEnd::Emergency => to(Way::Closed, queue.closed),
            QueueEnd::Callback(number) => {
                let target = queue.callbacks().nth(number)?;
                let Kind::Callback(callback) = &self.flow.node(target.node).kind else {
                    return None;
                };
                to(Way::Callback, callback.next)
            }
            QueueEnd::Overflow(number) => match queue.overflows().nth(number) {
                Some(target) => to(Way::Overflow, target),
                None => to(Way::MaxWait, queue.max_wait_to),
            },
        }
    }

    fn transfer_ended(&self, end: TransferEnd) -> Step {
        let (State::Outside, Kind::Transfer(transfer)) =
            (&self.state, &self.flow.node(self.node).kind)
        else {
            return None;
        };
        match end {
            TransferEnd::Answered => to(Way::Answered, transfer.answered),
            TransferEnd::Failed => to(Way::Failed, transfer.failed),
        }
    }

    // ---- going ----------------------------------------------------------------------------------

    /// Enters nodes until one waits. A flow that runs in circles is left for the operator, and then ended.
    fn go(&mut self, now: Timestamp, mut step: Step) {
        let mut steps = 0;
        while let Some((node, way)) = step {
            steps += 1;
            if steps <= STEPS_MAX && self.entered < ENTERED_MAX {
                step = self.enter(now, node, way);
                continue;
            }
            let (flow, at) = (&self.flow.name, &self.flow.node(node).name);
            tracing::warn!(flow = %flow, node = %at, "the flow runs in circles");
            self.effects.push_back(Effect::Astray { node: at.clone() });
            if self.astray {
                self.end();
                return;
            }
            self.astray = true;
            (steps, self.entered) = (0, 0);
            step = Some((self.flow.operator.to.node, Way::Astray));
        }
    }

    /// Enters a node; tells where to go on when it does not wait.
    fn enter(&mut self, now: Timestamp, node: NodeIx, way: Way) -> Step {
        let flow = Arc::clone(&self.flow);
        let place = flow.node(node);
        self.deadline = None;
        self.visit(now, node, &place.name, way);
        let count = &mut self.visits[node.0 as usize];
        *count = count.saturating_add(1);
        if let Some(visits) = place.visits.filter(|visits| *count > visits.max) {
            return to(Way::Then, visits.then);
        }
        self.begin(now, &place.kind)
    }

    fn visit(&mut self, now: Timestamp, node: NodeIx, name: &Arc<str>, way: Way) {
        let option = match (way, &self.flow.node(self.node).kind) {
            (Way::Key(key), Kind::Menu(menu)) => menu.option(key),
            _ => None,
        };
        let option = option.map(|option| option.name().unwrap_or(name).clone());
        self.node = node;
        self.entered += 1;
        if self.path.len() < PATH_MAX {
            self.path.push(Visit { node: Arc::clone(name), at: now, way });
        }
        self.effects.push_back(Effect::Entered { node: Arc::clone(name), option });
    }

    fn begin(&mut self, now: Timestamp, kind: &Kind) -> Step {
        match kind {
            Kind::Say(say) => match self.play(&say.play) {
                Some(ticket) => {
                    self.state = State::Saying { ticket };
                    None
                }
                None => to(Way::Next, say.next),
            },
            Kind::Menu(menu) => {
                if let Some(option) = self.ahead.take().and_then(|key| menu.option(key)) {
                    return self.option_taken(option);
                }
                self.offer_menu(now, menu, 1);
                None
            }
            Kind::Digits(digits) => {
                let ahead = self.ahead.take().filter(|key| key.as_char().is_ascii_digit());
                self.ask(now, digits, 1, ahead.is_none());
                ahead.and_then(|key| self.digit(now, digits, key))
            }
            Kind::Set(set) => {
                for (var, value) in &set.vars {
                    self.set(*var, Arc::clone(value));
                }
                to(Way::Next, set.next)
            }
            Kind::Http(http) => {
                self.ask_endpoint(now, http);
                None
            }
            Kind::Hours(hours) => self.ask_hours(now, hours),
            Kind::Rollout(rollout) => {
                let rollout = Arc::clone(&rollout.name.value);
                self.wait(State::Drawing, Effect::Draw { rollout })
            }
            Kind::Bot(bot) => {
                let max_duration = bot.max_duration;
                let bot = Arc::clone(&bot.uses.value);
                self.wait(State::AtBot, Effect::Bot { bot, max_duration })
            }
            Kind::Queue(queue) => {
                if self.is_wanted_on_duty()
                    && let Some(step) = self.go_to_duty()
                {
                    return step;
                }
                self.queued(now);
                let order = self.order(queue);
                self.wait(State::InQueue, Effect::Queue(order))
            }
            Kind::Transfer(transfer) => {
                let timeout = transfer.timeout;
                let to = Arc::clone(&transfer.to.value);
                self.wait(State::Outside, Effect::Transfer { to, timeout })
            }
            Kind::Callback(callback) => {
                self.ahead = None;
                self.offer(now, callback);
                None
            }
            Kind::Survey(survey) => {
                self.ahead = None;
                self.question(now, survey, 0, false)
            }
            Kind::Call(call) => {
                for var in &call.fresh {
                    self.set(*var, self.flow.var(*var).default.clone().unwrap_or_default());
                }
                to(Way::Next, call.start)
            }
            Kind::Hangup(hangup) => {
                self.part(hangup);
                None
            }
        }
    }

    /// First an emergency, then holidays, then hours.
    fn ask_hours(&mut self, now: Timestamp, hours: &Hours) -> Step {
        let said = self.calendars.state(&hours.calendar.value, now);
        if self.is_wanted_on_duty() || said == Some(Open::Emergency) {
            if let Some(target) = hours.emergency {
                self.on_duty = true;
                return to(Way::Emergency, target);
            }
            if self.is_wanted_on_duty()
                && let Some(step) = self.go_to_duty()
            {
                return step;
            }
        }
        match said {
            Some(Open::Open) => to(Way::Open, hours.open),
            Some(Open::Holiday) => to(Way::Holiday, hours.holiday),
            // A calendar that vanished can't say that anybody is there.
            Some(Open::Closed | Open::Emergency) | None => to(Way::Closed, hours.closed),
        }
    }

    /// Goes to the duty office; `None` when this flow has no such node, and then he is served like anybody.
    fn go_to_duty(&mut self) -> Option<Step> {
        let duty = self.caller.duty.clone()?;
        self.on_duty = true;
        // Nothing is promised of an emergency.
        self.open = None;
        let step = match duty {
            Duty::Node(name) => Some((self.flow.find(&name)?, Way::Emergency)),
            Duty::Queue(queue) => {
                let order = QueueOrder {
                    queue,
                    requires: None,
                    priority: 0,
                    music: None,
                    max_wait: None,
                    rules: Vec::new(),
                    lose_place: false,
                };
                self.wait(State::AtDuty, Effect::Queue(order))
            }
            Duty::Number(to) => {
                let timeout = DUTY_RINGS;
                self.wait(State::AtDuty, Effect::Transfer { to, timeout })
            }
        };
        Some(step)
    }

    fn wait(&mut self, state: State, effect: Effect) -> Step {
        self.ahead = None;
        self.state = state;
        self.effects.push_back(effect);
        None
    }

    fn part(&mut self, hangup: &Hangup) {
        match self.play(&hangup.play) {
            Some(ticket) => self.state = State::Parting { ticket },
            None => self.end(),
        }
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.deadline = None;
        self.effects.push_back(Effect::HangUp);
    }

    fn set(&mut self, var: VarIx, value: Arc<str>) {
        if self.flow.var(var).kind == VarKind::Language {
            self.language = Arc::clone(self.flow.language_or_default(Some(&value)));
        }
        self.values[var.0 as usize] = value;
    }
}
