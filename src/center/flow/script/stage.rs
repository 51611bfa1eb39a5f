//! A scripted call on its way: the interpreter and the exit key of real calls, in virtual time, with the lengths of the
//! recordings. [`play`] judges a case, [`crate::flow::walk`] lets a person walk.

use super::http::Answering;
use super::{Act, Case, End, Given, Moment, Outcome, Press};
use crate::calendar::{self, Calendars};
use crate::flow::check::Surroundings;
use crate::flow::exit::ExitKey;
use crate::flow::limits::{SCRIPT_SECS_MAX, SCRIPT_STEPS_MAX};
use crate::flow::model::{Flow, NodeIx, Prompt, Way};
use crate::flow::promise::Promise;
use crate::flow::run::{BotEnd, Effect, Happening, Inquiry, QueueOrder, Run};
use crate::flow::yaml::show;
use crate::rollout::Arm;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The pause between two keys of one `press`.
pub(in crate::flow) const BETWEEN_KEYS: Duration = Duration::from_millis(300);

/// Plays one case.
pub fn play(
    flow: &Arc<Flow>,
    calendars: &Arc<Calendars>,
    around: &Surroundings,
    case: &Case,
) -> Outcome {
    let mut stage = Stage::new(flow, calendars, around, case.given.clone());
    stage.waiting = case.when.iter().cloned().collect();
    stage.perform();
    stage.outcome(case)
}

/// Plays one case up to a node of its path, where the caller presses the operator key at once and nothing more. Tells
/// how long it took him from there into the operator's queue; `None` when he did not come there.
pub(super) fn leave(
    flow: &Arc<Flow>,
    calendars: &Arc<Calendars>,
    around: &Surroundings,
    case: &Case,
    step: usize,
) -> Option<Duration> {
    let mut stage = Stage::new(flow, calendars, around, case.given.clone());
    stage.waiting = case.when.iter().cloned().collect();
    stage.leaves_at = Some(step);
    stage.perform();
    let path = stage.run.path();
    let (from, to) = (path.get(step)?, path.get(step + 1)?);
    let there = to.way == Way::Operator && *to.node == *flow.node(flow.operator.to.node).name;
    there.then(|| to.at.since(from.at))
}

/// Plays all cases of a flow.
pub fn play_all(
    flow: &Arc<Flow>,
    calendars: &Arc<Calendars>,
    around: &Surroundings,
) -> Vec<Outcome> {
    flow.tests.iter().map(|case| play(flow, calendars, around, case)).collect()
}

/// Wednesday noon where the flow's calendar is, or in Greenwich.
fn ordinary_day(flow: &Flow, calendars: &Calendars) -> Timestamp {
    let calendar = flow.calendar.as_ref().and_then(|calendar| calendars.get(&calendar.value));
    match calendar {
        Some(calendar) => calendar.ordinary_noon(),
        None => calendar::moment("2026-11-25T12:00:00Z").expect("a moment written here"),
    }
}

/// What the caller hears now.
pub(in crate::flow) struct Playing {
    pub(in crate::flow) ticket: u32,
    pub(in crate::flow) until: Timestamp,
    /// Prompts not begun yet, with the moments when they begin.
    pub(in crate::flow) ahead: VecDeque<(Timestamp, Prompt)>,
}

/// What the world has to say before the call goes on otherwise than by keys and silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flow) enum Wanted {
    /// Bot or people.
    Arm,
    /// How the talk with this bot ends.
    Bot(Arc<str>),
    /// How the stay in the queue ends.
    Queue(QueueOrder),
    /// What becomes of the call outside that this node makes.
    Outside(Arc<str>),
    /// What an endpoint answers to the inquiry of this ticket.
    Answer { uses: String, ticket: u32 },
}

/// One scripted call on its way.
pub(in crate::flow) struct Stage<'a> {
    around: &'a Surroundings,
    given: Given,
    pub(in crate::flow) run: Run,
    pub(in crate::flow) exit: ExitKey,
    pub(in crate::flow) began: Timestamp,
    pub(in crate::flow) now: Timestamp,
    pub(in crate::flow) playing: Option<Playing>,
    /// What a bot, a queue, a number outside or an endpoint will do, and when.
    pub(in crate::flow) outside: Option<(Timestamp, Happening)>,
    /// What `given` does not say.
    pub(in crate::flow) wanted: Option<Wanted>,
    waiting: VecDeque<Press>,
    /// What the caller is about to do.
    pub(in crate::flow) acts: VecDeque<(Timestamp, Act)>,
    in_node: (NodeIx, Timestamp),
    heard: Vec<Prompt>,
    pub(in crate::flow) scores: BTreeMap<String, u8>,
    measured: Vec<(Promise, Duration)>,
    pub(in crate::flow) end: Option<End>,
    /// At this step of his path the caller presses the operator key, and nothing more.
    leaves_at: Option<usize>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::flow) enum Next {
    Act,
    Outside,
    Played,
    Exit,
    Silence,
}

impl<'a> Stage<'a> {
    /// A caller at the start of the flow, not drained yet.
    pub(in crate::flow) fn new(
        flow: &Arc<Flow>,
        calendars: &Arc<Calendars>,
        around: &'a Surroundings,
        given: Given,
    ) -> Stage<'a> {
        let began = given.at.unwrap_or_else(|| ordinary_day(flow, calendars));
        let caller = given.caller.clone();
        Stage {
            around,
            given,
            run: Run::start(Arc::clone(flow), Arc::clone(calendars), began, caller),
            exit: ExitKey::new(),
            began,
            now: began,
            playing: None,
            outside: None,
            wanted: None,
            waiting: VecDeque::new(),
            acts: VecDeque::new(),
            in_node: (flow.start.node, began),
            heard: Vec::new(),
            scores: BTreeMap::new(),
            measured: Vec::new(),
            end: None,
            leaves_at: None,
        }
    }

    fn perform(&mut self) {
        self.drain();
        for _ in 0..SCRIPT_STEPS_MAX {
            self.answer_for_given();
            self.leave_here();
            if self.end.is_some() {
                return;
            }
            let Some((at, next)) = self.next() else {
                self.end = Some(self.rest());
                return;
            };
            if at.since(self.began) > Duration::from_secs(SCRIPT_SECS_MAX) {
                break;
            }
            self.step(at, next);
        }
        self.end.get_or_insert_with(|| End::Stuck("the call does not come to an end".to_owned()));
    }

    /// Lets the time come to this moment, and happen what happens then.
    pub(in crate::flow) fn step(&mut self, at: Timestamp, next: Next) {
        self.hear_until(at);
        self.now = self.now.max(at);
        self.happen(next);
        self.drain();
    }

    /// Where a script says nothing, callers are drawn for people, and an endpoint that nobody speaks for is a defect of
    /// the script.
    fn answer_for_given(&mut self) {
        while let Some(Wanted::Arm) = self.wanted {
            self.wanted = None;
            self.run.handle(self.now, Happening::Drawn(Arm::People));
            self.drain();
        }
        if let Some(Wanted::Answer { uses, .. }) = &self.wanted {
            let reason = format!("the call came to `{uses}`, of which `given` says nothing");
            self.end.get_or_insert(End::Stuck(reason));
        }
    }

    fn leave_here(&mut self) {
        if self.leaves_at.is_some_and(|step| step + 1 == self.run.path().len()) {
            self.leaves_at = None;
            self.waiting.clear();
            let key = self.run.flow().operator.keys.first().map(|key| key.value);
            self.acts = key.into_iter().map(|key| (self.now, Act::Key(key))).collect();
        }
    }

    /// Where the call is when nothing more happens by itself.
    fn rest(&mut self) -> End {
        match self.wanted.take() {
            Some(Wanted::Queue(order)) => End::InQueue(order),
            Some(Wanted::Outside(node)) => End::Transferred(node),
            Some(Wanted::Bot(bot)) => {
                End::Stuck(format!("the call came to bot `{bot}`, of which `given` says nothing"))
            }
            Some(Wanted::Arm | Wanted::Answer { .. }) | None => {
                End::Stuck("nothing more happens".to_owned())
            }
        }
    }

    /// What happens next, and when.
    pub(in crate::flow) fn next(&mut self) -> Option<(Timestamp, Next)> {
        self.schedule_acts();
        let candidates = [
            self.acts.front().map(|(at, _)| (*at, Next::Act)),
            self.outside.as_ref().map(|(at, _)| (*at, Next::Outside)),
            self.playing.as_ref().map(|playing| (playing.until, Next::Played)),
            self.exit.poll_timeout().map(|at| (at, Next::Exit)),
            self.run.poll_timeout().map(|at| (at, Next::Silence)),
        ];
        candidates.into_iter().flatten().min()
    }

    /// Takes the next press whose moment is known: one at a time, in the order of the case; a press in a node waits
    /// until the caller is there.
    fn schedule_acts(&mut self) {
        if !self.acts.is_empty() {
            return;
        }
        let (here, since) = self.in_node;
        let (began, now) = (self.began, self.now);
        let ready = self.waiting.front().and_then(|press| match press.moment {
            Moment::At(after) => Some(began + after),
            Moment::In(node, after) if node == here => Some(since + after),
            Moment::In(..) => None,
        });
        if let Some(at) = ready
            && let Some(press) = self.waiting.pop_front()
        {
            let mut at = at.max(now);
            for act in press.acts {
                self.acts.push_back((at, act));
                at = at + BETWEEN_KEYS;
            }
        }
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Act => {
                if let Some((_, act)) = self.acts.pop_front() {
                    match act {
                        Act::Key(key) => {
                            self.exit.press(self.now, key, &mut self.run);
                        }
                        Act::Says(text) => {
                            self.exit.said(self.now, &text, &mut self.run);
                        }
                    }
                    // The next press in the same node counts from here.
                    self.in_node.1 = self.now;
                }
            }
            Next::Outside => {
                if let Some((_, happening)) = self.outside.take() {
                    self.run.handle(self.now, happening);
                }
            }
            Next::Played => {
                if let Some(playing) = self.playing.take() {
                    self.run.handle(self.now, Happening::Played(playing.ticket));
                }
            }
            Next::Exit => {
                self.exit.expire(self.now, &mut self.run);
            }
            Next::Silence => self.run.handle_timeout(self.now),
        }
    }

    /// Does what the run asks for.
    pub(in crate::flow) fn drain(&mut self) {
        while let Some(effect) = self.run.poll_effect() {
            match effect {
                Effect::Entered { node, .. } => {
                    let node = self.run.flow().find(&node).expect("a run enters nodes of its flow");
                    self.in_node = (node, self.now);
                    self.wanted = None;
                }
                Effect::Play { ticket, prompts } => self.play(ticket, prompts),
                Effect::StopPlaying => self.playing = None,
                Effect::Draw { rollout } => match self.given.rollouts.get(&*rollout).copied() {
                    Some(arm) => self.run.handle(self.now, Happening::Drawn(arm)),
                    None => self.wanted = Some(Wanted::Arm),
                },
                Effect::Bot { bot, max_duration } => self.bot(&bot, max_duration),
                Effect::Queue(order) => match self.given.queues.get(&*order.queue) {
                    Some((end, takes)) => {
                        self.outside = Some((self.now + *takes, Happening::Queue(*end)))
                    }
                    None => self.wanted = Some(Wanted::Queue(order)),
                },
                Effect::Transfer { .. } => {
                    let node: Arc<str> = self.run.node().into();
                    match self.given.transfers.get(&*node) {
                        Some((end, takes)) => {
                            self.outside = Some((self.now + *takes, Happening::Transfer(*end)));
                        }
                        None => self.wanted = Some(Wanted::Outside(node)),
                    }
                }
                Effect::CallBack(order) => {
                    let noted = self.given.callbacks.get(&*order.node).copied().unwrap_or(true);
                    self.run.handle(self.now, Happening::CalledBack(noted));
                }
                Effect::WaitOn | Effect::Astray { .. } => {}
                Effect::Took { promise, took, .. } => self.measured.push((promise, took)),
                Effect::LookUp(inquiry) => self.look_up(&inquiry),
                // What would have come later is not waited for.
                Effect::LookedUp(_) => (self.outside, self.wanted) = (None, None),
                Effect::Withdraw => (self.outside, self.wanted) = (None, None),
                Effect::Survey { id, score } => {
                    self.scores.insert(id.to_string(), score);
                }
                Effect::HangUp => self.end = Some(End::HungUp(self.run.node().into())),
            }
        }
    }

    fn play(&mut self, ticket: u32, prompts: Vec<Prompt>) {
        let mut until = self.now;
        let mut ahead = VecDeque::new();
        for prompt in prompts {
            let Some(length) = self.around.prompt_duration(&prompt.language, &prompt.name) else {
                let reason =
                    format!("prompt `{}/{}` has no recording", prompt.language, prompt.name);
                self.end = Some(End::Stuck(reason));
                return;
            };
            ahead.push_back((until, prompt));
            until = until + length;
        }
        self.playing = Some(Playing { ticket, until, ahead });
    }

    fn bot(&mut self, bot: &str, max_duration: Duration) {
        match self.given.bots.get(bot) {
            Some((BotEnd::TooLong, _)) => {
                let at = self.now + max_duration;
                self.outside = Some((at, Happening::Bot(BotEnd::TooLong)));
            }
            Some((end, takes)) => self.outside = Some((self.now + *takes, Happening::Bot(*end))),
            None => self.wanted = Some(Wanted::Bot(bot.into())),
        }
    }

    fn look_up(&mut self, inquiry: &Inquiry) {
        let uses = format!("{}.{}", inquiry.endpoint, inquiry.request);
        match self.given.answers.get(&uses) {
            Some(Answering::Replies(reply, takes)) => {
                let replied = Happening::replied(inquiry.ticket, reply.clone());
                self.outside = Some((self.now + *takes, replied));
            }
            Some(Answering::Hangs) => {}
            None => self.wanted = Some(Wanted::Answer { uses, ticket: inquiry.ticket }),
        }
    }

    fn hear_until(&mut self, at: Timestamp) {
        let Some(playing) = &mut self.playing else { return };
        while playing.ahead.front().is_some_and(|(begins, _)| *begins < at) {
            self.heard.extend(playing.ahead.pop_front().map(|(_, prompt)| prompt));
        }
    }

    // ---- judging --------------------------------------------------------------------------------

    fn outcome(self, case: &Case) -> Outcome {
        let end = self.end.clone().unwrap_or_else(|| End::Stuck("not played".to_owned()));
        let took = self.now.since(self.began);
        Outcome {
            name: Arc::clone(&case.name),
            spot: case.spot,
            failures: self.failures(case, &end, took),
            took,
            path: self.run.path().to_vec(),
            language: self.run.language().into(),
            heard: self.heard,
            measured: self.measured,
            end,
        }
    }

    fn failures(&self, case: &Case, end: &End, took: Duration) -> Vec<String> {
        let then = &case.then;
        let mut failures = Vec::new();
        let mut fail = |bad: bool, text: String| {
            if bad {
                failures.push(text);
            }
        };
        if let End::Stuck(reason) = end {
            fail(true, reason.clone());
        }
        let queue = match end {
            End::InQueue(order) => Some(order),
            End::HungUp(_) | End::Transferred(_) | End::Stuck(_) => None,
        };
        let ended = match end {
            End::HungUp(node) | End::Transferred(node) => Some(node),
            End::InQueue(_) | End::Stuck(_) => None,
        };
        if let Some(wanted) = &then.in_queue {
            let right = queue.is_some_and(|order| &*order.queue == wanted);
            fail(!right, format!("expected in queue `{wanted}`, but: {end}"));
        }
        if let Some(wanted) = &then.ended {
            let right = ended.is_some_and(|node| &**node == wanted);
            fail(!right, format!("expected to end at `{wanted}`, but: {end}"));
        }
        if let Some(most) = then.at_most {
            let text = format!("took {:.1} s, at most {} expected", took.as_secs_f64(), show(most));
            fail(took > most, text);
        }
        if let Some(wanted) = &then.language {
            let language = self.run.language();
            fail(language != wanted, format!("expected language `{wanted}`, but: `{language}`"));
        }
        if let Some(wanted) = &then.path {
            let path = self.run.path().iter().map(|visit| &*visit.node);
            fail(
                !path.eq(wanted.iter().map(String::as_str)),
                format!("expected way: {}", wanted.join(" > ")),
            );
        }
        let mut heard = self.heard.iter();
        let missed = then.heard.iter().find(|name| !heard.any(|prompt| &&*prompt.name == name));
        if let Some(name) = missed {
            fail(
                true,
                format!("expected to hear `{name}`, in this order: {}", then.heard.join(", ")),
            );
        }
        for name in &then.not_heard {
            let was = self.heard.iter().any(|prompt| &*prompt.name == name);
            fail(was, format!("`{name}` should not be heard"));
        }
        if let Some(wanted) = &then.requires {
            let required = queue.and_then(|order| order.requires.as_ref());
            let but = required.map_or_else(|| "anyone".to_owned(), ToString::to_string);
            let other = required != Some(wanted);
            fail(other, format!("expected an agent with `{wanted}`, but: `{but}`"));
        }
        if let Some(wanted) = then.priority {
            let priority = queue.map(|order| order.priority);
            fail(
                priority != Some(wanted),
                format!("expected priority {wanted}, but: {priority:?}"),
            );
        }
        if let Some(wanted) = then.operator {
            let used = self.run.path().iter().any(|visit| visit.way == Way::Operator);
            let text =
                if wanted { "expected the operator exit" } else { "the operator exit was used" };
            fail(used != wanted, text.to_owned());
        }
        for (id, score) in &then.survey {
            let got = self.scores.get(id);
            fail(got != Some(score), format!("expected score {score} for `{id}`, but: {got:?}"));
        }
        let unused = self.waiting.len() + usize::from(!self.acts.is_empty());
        fail(
            unused > 0,
            format!("{unused} key presses never came: the call was not where they say"),
        );
        failures
    }
}
