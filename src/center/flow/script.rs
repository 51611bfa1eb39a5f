//! A flow's own tests: scripted callers in virtual time, on the interpreter and the exit key that real calls use.
//!
//! `given` is the world (who calls, when, what bots and queues do), `when` the keys pressed, `then` what must come of
//! it. Prompts last as long as their recordings. Nothing sleeps: a call of ten minutes takes microseconds.

mod http;

use super::check::Surroundings;
use super::diagnostic::{Diagnostic, Spot};
use super::exit::ExitKey;
use super::limits::{SCRIPT_SECS_MAX, SCRIPT_STEPS_MAX};
use super::load::F001;
use super::model::{Flow, NodeIx, Prompt, Way};
use super::run::{
    BotEnd, Caller, Duty, Effect, Happening, Inquiry, QueueEnd, QueueOrder, Run, TransferEnd, Visit,
};
use super::yaml::{self, Fields, Reader, Value, Y002, Y004, Yaml, show};
use crate::acd::Expression;
use crate::calendar::{self, Calendars};
use crate::ids::Key;
use crate::rollout::Arm;
use dozvon_clock::Timestamp;
use http::Answering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The pause between two keys of one `press`.
const BETWEEN_KEYS: Duration = Duration::from_millis(300);

/// When keys are pressed that name a node and no time: so long after the caller entered it.
const AFTER_DEFAULT: Duration = Duration::from_secs(1);

/// One scripted call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it shows, in words.
    pub name: Arc<str>,
    /// Where it stands.
    pub spot: Spot,
    given: Given,
    when: Vec<Press>,
    then: Then,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Given {
    at: Option<Timestamp>,
    caller: Caller,
    rollouts: BTreeMap<String, Arm>,
    bots: BTreeMap<String, (BotEnd, Duration)>,
    queues: BTreeMap<String, (QueueEnd, Duration)>,
    transfers: BTreeMap<String, (TransferEnd, Duration)>,
    /// Whether requests to be called back are noted, by node; they are where nothing is said.
    callbacks: BTreeMap<String, bool>,
    answers: BTreeMap<String, Answering>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Press {
    moment: Moment,
    keys: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Moment {
    /// So long after the call began.
    At(Duration),
    /// So long after the caller entered this node.
    In(NodeIx, Duration),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Then {
    in_queue: Option<String>,
    ended: Option<String>,
    at_most: Option<Duration>,
    language: Option<String>,
    path: Option<Vec<String>>,
    heard: Vec<String>,
    not_heard: Vec<String>,
    requires: Option<Expression<String>>,
    priority: Option<i32>,
    survey: BTreeMap<String, u8>,
    operator: Option<bool>,
}

/// Where a scripted call came to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// In a queue of which `given` says nothing.
    InQueue(QueueOrder),
    /// Ended by the flow, in this node.
    HungUp(Arc<str>),
    /// Handed over to a number outside of which `given` says nothing, in this node.
    Transferred(Arc<str>),
    /// The script itself can't go on, for this reason.
    Stuck(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::InQueue(order) => write!(f, "in queue `{}`", order.queue),
            End::HungUp(node) => write!(f, "hung up at `{node}`"),
            End::Transferred(node) => write!(f, "transferred at `{node}`"),
            End::Stuck(reason) => f.write_str(reason),
        }
    }
}

/// What came of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case's name.
    pub name: Arc<str>,
    /// Where the case stands in its file.
    pub spot: Spot,
    /// What `then` says and the call did not do; empty = passed.
    pub failures: Vec<String>,
    /// Where the call came to rest.
    pub end: End,
    /// How long it took to get there.
    pub took: Duration,
    /// The nodes entered, with the outcomes that led there.
    pub path: Vec<Visit>,
    /// The prompts of which the caller heard at least the beginning.
    pub heard: Vec<Prompt>,
    /// The language at the end.
    pub language: Arc<str>,
}

impl Outcome {
    /// Whether everything came as `then` says.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for Outcome {
    /// One line when passed; the reasons, the path and what was heard when not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.passed() { "ok  " } else { "FAIL" };
        write!(
            f,
            "{mark} {}  [{:.1} s of call, {}]",
            self.name,
            self.took.as_secs_f64(),
            self.end
        )?;
        if self.passed() {
            return Ok(());
        }
        for failure in &self.failures {
            write!(f, "\n       {failure}")?;
        }
        let began = self.path.first().map_or(Timestamp::EPOCH, |visit| visit.at);
        let steps = self.path.iter().map(|visit| {
            let at = visit.at.since(began).as_secs_f64();
            format!("{:.1} s {} (by {})", at, visit.node, visit.way)
        });
        write!(f, "\n       way: {}", steps.collect::<Vec<_>>().join(" > "))?;
        let heard: Vec<String> = self
            .heard
            .iter()
            .map(|prompt| format!("{}/{}", prompt.language, prompt.name))
            .collect();
        write!(f, "\n       heard: {}", heard.join(", "))
    }
}

// ---- reading ------------------------------------------------------------------------------------

/// Cases from a file of their own: `flow: <name>` and `tests:`.
pub fn cases(file: &str, text: &str, flow: &Flow) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let (tree, found) = yaml::parse(file, text);
    let mut reader = Reader::new(file, found);
    let mut cases = Vec::new();
    if let Some(top) =
        tree.as_ref().and_then(|tree| reader.map(tree, "a test file", &["flow", "tests"]))
    {
        if let Some(yaml) = reader.need(top, "a test file", "flow")
            && let Some(name) = reader.word(yaml, "a flow")
            && name != &*flow.name
        {
            reader.error(
                Y004,
                yaml.spot,
                format!("these are tests of `{name}`, not of `{}`", flow.name),
            );
        }
        if let Some(yaml) = reader.need(top, "a test file", "tests") {
            cases = read_cases(&mut reader, yaml, flow);
        }
    }
    if reader.has_errors() { Err(reader.finish()) } else { Ok(cases) }
}

pub(crate) fn read_cases(reader: &mut Reader<'_>, yaml: &Yaml, flow: &Flow) -> Vec<Case> {
    let items = reader.list(yaml, "tests");
    items.iter().filter_map(|item| CaseReader { reader, flow }.case(item)).collect()
}

struct CaseReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    flow: &'r Flow,
}

impl CaseReader<'_, '_> {
    fn case(&mut self, yaml: &Yaml) -> Option<Case> {
        let fields = self.reader.map(yaml, "a test", &["name", "given", "when", "then"])?;
        let name = self.reader.need(fields, "a test", "name");
        let name = name.and_then(|yaml| self.reader.word(yaml, "the test's name"));
        let given = fields.get("given").and_then(|yaml| self.given(yaml)).unwrap_or_default();
        let presses =
            fields.get("when").map_or(&[][..], |yaml| self.reader.list(yaml, "keys to press"));
        let when = presses.iter().filter_map(|item| self.press(item)).collect();
        let then = self.reader.need(fields, "a test", "then").and_then(|yaml| self.then(yaml));
        Some(Case { name: name?.into(), spot: yaml.spot, given, when, then: then? })
    }

    fn given(&mut self, yaml: &Yaml) -> Option<Given> {
        let keys = [
            "at",
            "caller",
            "language",
            "emergency",
            "rollout",
            "bot",
            "queue",
            "transfer",
            "callback",
            "http",
        ];
        let fields = self.reader.map(yaml, "given", &keys)?;
        let text = |this: &mut Self, key: &str| {
            let yaml = fields.get(key)?;
            this.reader.word(yaml, "a text").map(str::to_owned)
        };
        let (number, language) = (text(self, "caller"), text(self, "language"));
        let emergency = fields.get("emergency").and_then(|yaml| self.reader.boolean(yaml));
        // Whither is the site's matter: a script ends there.
        let duty = emergency.unwrap_or(false).then(|| Duty::Number("duty".into()));
        let caller = Caller { number, language, duty };
        let at = fields.get("at").and_then(|yaml| {
            let word = self.reader.word(yaml, "a moment such as 2026-11-23T10:00+05:00")?;
            let moment = calendar::moment(word);
            if moment.is_none() {
                let message = format!("`{word}` is no moment such as 2026-11-23T10:00+05:00");
                self.reader.error(Y004, yaml.spot, message);
            }
            moment
        });
        let arms = [("bot", Arm::Bot), ("people", Arm::People)];
        let mut rollouts = BTreeMap::new();
        if let Some(entries) = fields.get("rollout").and_then(|y| self.reader.entries(y, "rollout"))
        {
            for (word, yaml) in entries.iter() {
                let arm = self.choice(yaml, &arms);
                rollouts.extend(arm.map(|arm| (word.text.clone(), arm)));
            }
        }
        let bots = [
            ("done", BotEnd::Done),
            ("transfer", BotEnd::Transfer),
            ("failed", BotEnd::Failed),
            ("too_long", BotEnd::TooLong),
        ];
        let queues = [
            ("answered", QueueEnd::Answered),
            ("max_wait", QueueEnd::MaxWait),
            ("nobody", QueueEnd::Nobody),
            ("full", QueueEnd::Full),
            ("closed", QueueEnd::Closed),
            ("overflow", QueueEnd::Overflow(0)),
            ("callback", QueueEnd::Callback(0)),
        ];
        let transfers = [("answered", TransferEnd::Answered), ("failed", TransferEnd::Failed)];
        let transfers = self.ends(fields, "transfer", &transfers);
        for node in transfers.keys() {
            self.node(node, fields.key_spot("transfer").unwrap_or_default());
        }
        let bots = self.ends(fields, "bot", &bots);
        let queues = self.ends(fields, "queue", &queues);
        let mut callbacks = BTreeMap::new();
        if let Some(entries) =
            fields.get("callback").and_then(|y| self.reader.entries(y, "callback"))
        {
            for (word, yaml) in entries.iter() {
                self.node(&word.text, word.spot);
                let noted = self.choice(yaml, &[("noted", true), ("failed", false)]);
                callbacks.extend(noted.map(|noted| (word.text.clone(), noted)));
            }
        }
        let answers = self.answers(fields);
        Some(Given { at, caller, rollouts, bots, queues, transfers, callbacks, answers })
    }

    fn choice<T: Copy>(&mut self, yaml: &Yaml, known: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<&'static str> = known.iter().map(|(name, _)| *name).collect();
        let word = self.reader.word(yaml, &names.join(" or "))?;
        self.known(word, yaml.spot, known)
    }

    fn known<T: Copy>(&mut self, word: &str, spot: Spot, known: &[(&'static str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&'static str> = known.iter().map(|(name, _)| *name).collect();
            let message = format!("`{word}` is none of: {}", names.join(", "));
            let found = Diagnostic::error(Y002, self.reader.file(), spot, message);
            self.reader.push(found.nearest(word, names));
        }
        found
    }

    /// `{cards: {answered: 40s}}`: who, how it ends, after how long.
    fn ends<T: Copy>(
        &mut self,
        fields: Fields<'_>,
        key: &str,
        known: &[(&'static str, T)],
    ) -> BTreeMap<String, (T, Duration)> {
        let mut all = BTreeMap::new();
        let entries = fields.get(key).and_then(|yaml| self.reader.entries(yaml, key));
        for (word, yaml) in entries.iter().flat_map(|entries| entries.iter()) {
            let Some(end) = self.reader.entries(yaml, "an outcome such as {answered: 40s}") else {
                continue;
            };
            let mut outcomes = end.iter();
            let (Some((outcome, takes)), None) = (outcomes.next(), outcomes.next()) else {
                self.reader.error(Y004, yaml.spot, "exactly one outcome, such as {answered: 40s}");
                continue;
            };
            let end = self.known(&outcome.text, outcome.spot, known);
            let takes = self.time(takes);
            all.extend(end.zip(takes).map(|end| (word.text.clone(), end)));
        }
        all
    }

    /// A duration that may be zero.
    fn time(&mut self, yaml: &Yaml) -> Option<Duration> {
        let zero = matches!(&yaml.value, Value::Word { text, .. } if text == "0s");
        if zero { Some(Duration::ZERO) } else { self.reader.duration(yaml) }
    }

    fn press(&mut self, yaml: &Yaml) -> Option<Press> {
        let fields = self.reader.map(yaml, "a key press", &["at", "node", "after", "press"])?;
        let after = fields.get("after").and_then(|yaml| self.time(yaml));
        let moment = match (fields.get("at"), fields.get("node")) {
            (Some(at), None) => self.time(at).map(Moment::At),
            (None, Some(node)) => {
                let word = self.reader.word(node, "the name of a node")?;
                let node = self.node(word, node.spot);
                node.map(|node| Moment::In(node, after.unwrap_or(AFTER_DEFAULT)))
            }
            _ => {
                self.reader.error(Y004, yaml.spot, "a key press has either `at` or `node`");
                None
            }
        };
        let press = self.reader.need(fields, "a key press", "press")?;
        let word = self.reader.word(press, "keys in quotes")?;
        let keys: Option<Vec<Key>> = word.chars().map(Key::new).collect();
        if keys.is_none() {
            self.reader.error(Y004, press.spot, format!("`{word}` are no telephone keys"));
        }
        Some(Press { moment: moment?, keys: keys? })
    }

    fn then(&mut self, yaml: &Yaml) -> Option<Then> {
        let keys = [
            "in_queue",
            "ended",
            "at_most",
            "language",
            "path",
            "heard",
            "not_heard",
            "requires",
            "priority",
            "survey",
            "operator",
        ];
        let fields = self.reader.map(yaml, "then", &keys)?;
        let text = |this: &mut Self, key: &str| {
            let yaml = fields.get(key)?;
            this.reader.word(yaml, "a name").map(str::to_owned)
        };
        let path = fields.get("path").map(|yaml| self.words(yaml));
        for (name, key) in path.iter().flatten().map(|name| (name, "path")) {
            self.node(name, fields.key_spot(key).unwrap_or_default());
        }
        let ended = text(self, "ended");
        if let Some(name) = &ended {
            self.node(name, fields.get("ended").map(|yaml| yaml.spot).unwrap_or_default());
        }
        let mut survey = BTreeMap::new();
        if let Some(entries) = fields.get("survey").and_then(|y| self.reader.entries(y, "survey")) {
            for (word, yaml) in entries.iter() {
                let score = self.reader.number(yaml, 0, 9);
                survey.extend(score.map(|score| (word.text.clone(), score as u8)));
            }
        }
        Some(Then {
            in_queue: text(self, "in_queue"),
            ended,
            at_most: fields.get("at_most").and_then(|yaml| self.time(yaml)),
            language: text(self, "language"),
            path,
            heard: fields.get("heard").map(|yaml| self.words(yaml)).unwrap_or_default(),
            not_heard: fields.get("not_heard").map(|yaml| self.words(yaml)).unwrap_or_default(),
            requires: fields.get("requires").and_then(|yaml| self.requires(yaml)),
            priority: fields
                .get("priority")
                .and_then(|yaml| self.reader.number(yaml, -100, 100))
                .map(|number| number as i32),
            survey,
            operator: fields.get("operator").and_then(|yaml| self.reader.boolean(yaml)),
        })
    }

    fn requires(&mut self, yaml: &Yaml) -> Option<Expression<String>> {
        let text = self.reader.word(yaml, "an expression over skills")?;
        let parsed = Expression::parse(text);
        if let Err(mistake) = &parsed {
            let column = text[..mistake.at].chars().count() + 1;
            let message = format!("`requires`, at character {column}: {}", mistake.message);
            self.reader.error(Y004, yaml.spot, message);
        }
        parsed.ok()
    }

    fn words(&mut self, yaml: &Yaml) -> Vec<String> {
        let items = self.reader.list(yaml, "names");
        let words = items.iter().filter_map(|item| self.reader.word(item, "a name"));
        words.map(str::to_owned).collect()
    }

    fn node(&mut self, name: &str, spot: Spot) -> Option<NodeIx> {
        let node = self.flow.find(name);
        if node.is_none() {
            let message = format!("there is no node `{name}`");
            let found = Diagnostic::error(F001, self.reader.file(), spot, message)
                .nearest(name, self.flow.nodes.iter().map(|node| &*node.name));
            self.reader.push(found);
        }
        node
    }
}

// ---- playing ------------------------------------------------------------------------------------

/// Plays one case.
pub fn play(
    flow: &Arc<Flow>,
    calendars: &Arc<Calendars>,
    around: &Surroundings,
    case: &Case,
) -> Outcome {
    let began = case.given.at.unwrap_or_else(|| ordinary_day(flow, calendars));
    let caller = case.given.caller.clone();
    let run = Run::start(Arc::clone(flow), Arc::clone(calendars), began, caller);
    let mut stage = Stage {
        around,
        given: &case.given,
        run,
        exit: ExitKey::new(),
        began,
        now: began,
        playing: None,
        outside: None,
        open: None,
        waiting: case.when.iter().cloned().collect(),
        keys: VecDeque::new(),
        in_node: (flow.start.node, began),
        heard: Vec::new(),
        scores: BTreeMap::new(),
        end: None,
    };
    stage.perform();
    stage.outcome(case)
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

struct Playing {
    ticket: u32,
    until: Timestamp,
    /// Prompts not begun yet, with the moments when they begin.
    ahead: VecDeque<(Timestamp, Prompt)>,
}

/// One scripted call on its way.
struct Stage<'a> {
    around: &'a Surroundings,
    given: &'a Given,
    run: Run,
    exit: ExitKey,
    began: Timestamp,
    now: Timestamp,
    playing: Option<Playing>,
    /// What a bot, a queue, a number outside or an endpoint will do, and when.
    outside: Option<(Timestamp, Happening)>,
    /// Where the call rests when no key comes any more.
    open: Option<End>,
    waiting: VecDeque<Press>,
    keys: VecDeque<(Timestamp, Key)>,
    in_node: (NodeIx, Timestamp),
    heard: Vec<Prompt>,
    scores: BTreeMap<String, u8>,
    end: Option<End>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Key,
    Outside,
    Played,
    Exit,
    Silence,
}

impl Stage<'_> {
    fn perform(&mut self) {
        self.drain();
        for _ in 0..SCRIPT_STEPS_MAX {
            if self.end.is_some() {
                return;
            }
            let Some((at, next)) = self.next() else {
                let rest = self.open.take();
                self.end =
                    Some(rest.unwrap_or_else(|| End::Stuck("nothing more happens".to_owned())));
                return;
            };
            if at.since(self.began) > Duration::from_secs(SCRIPT_SECS_MAX) {
                break;
            }
            self.hear_until(at);
            self.now = self.now.max(at);
            self.happen(next);
            self.drain();
        }
        self.end.get_or_insert_with(|| End::Stuck("the call does not come to an end".to_owned()));
    }

    fn next(&mut self) -> Option<(Timestamp, Next)> {
        self.schedule_keys();
        let candidates = [
            self.keys.front().map(|(at, _)| (*at, Next::Key)),
            self.outside.as_ref().map(|(at, _)| (*at, Next::Outside)),
            self.playing.as_ref().map(|playing| (playing.until, Next::Played)),
            self.exit.poll_timeout().map(|at| (at, Next::Exit)),
            self.run.poll_timeout().map(|at| (at, Next::Silence)),
        ];
        candidates.into_iter().flatten().min()
    }

    /// Takes the next press whose moment is known: one at a time, in the order of the case; a press in a node waits
    /// until the caller is there.
    fn schedule_keys(&mut self) {
        if !self.keys.is_empty() {
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
            for key in press.keys {
                self.keys.push_back((at, key));
                at = at + BETWEEN_KEYS;
            }
        }
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Key => {
                if let Some((_, key)) = self.keys.pop_front() {
                    self.exit.press(self.now, key, &mut self.run);
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

    fn drain(&mut self) {
        while let Some(effect) = self.run.poll_effect() {
            match effect {
                Effect::Entered { node, .. } => {
                    let node = self.run.flow().find(&node).expect("a run enters nodes of its flow");
                    self.in_node = (node, self.now);
                    self.open = None;
                }
                Effect::Play { ticket, prompts } => self.play(ticket, prompts),
                Effect::StopPlaying => self.playing = None,
                Effect::Draw { rollout } => {
                    let arm = self.given.rollouts.get(&*rollout).copied().unwrap_or(Arm::People);
                    self.run.handle(self.now, Happening::Drawn(arm));
                }
                Effect::Bot { bot, max_duration } => self.bot(&bot, max_duration),
                Effect::Queue(order) => match self.given.queues.get(&*order.queue) {
                    Some((end, takes)) => {
                        self.outside = Some((self.now + *takes, Happening::Queue(*end)))
                    }
                    None => self.open = Some(End::InQueue(order)),
                },
                Effect::Transfer { .. } => {
                    let node: Arc<str> = self.run.node().into();
                    match self.given.transfers.get(&*node) {
                        Some((end, takes)) => {
                            self.outside = Some((self.now + *takes, Happening::Transfer(*end)));
                        }
                        None => self.open = Some(End::Transferred(node)),
                    }
                }
                Effect::CallBack(order) => {
                    let noted = self.given.callbacks.get(&*order.node).copied().unwrap_or(true);
                    self.run.handle(self.now, Happening::CalledBack(noted));
                }
                Effect::WaitOn => {}
                Effect::LookUp(inquiry) => self.look_up(&inquiry),
                // What would have come later is not waited for.
                Effect::LookedUp(_) => (self.outside, self.open) = (None, None),
                Effect::Withdraw => (self.outside, self.open) = (None, None),
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
            None => {
                let reason = format!("the call came to bot `{bot}`, of which `given` says nothing");
                self.open = Some(End::Stuck(reason));
            }
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
            None => {
                let reason = format!("the call came to `{uses}`, of which `given` says nothing");
                self.end = Some(End::Stuck(reason));
            }
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
        let unused = self.waiting.len() + usize::from(!self.keys.is_empty());
        fail(
            unused > 0,
            format!("{unused} key presses never came: the call was not where they say"),
        );
        failures
    }
}

// ---- coverage -----------------------------------------------------------------------------------

/// What no case of a flow has tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Nodes in the flow.
    pub nodes: usize,
    /// Nodes that no case enters.
    pub nodes_missed: Vec<Arc<str>>,
    /// Outcomes in the flow.
    pub ways: usize,
    /// Outcomes that no case takes: node and outcome.
    pub ways_missed: Vec<(Arc<str>, Way)>,
}

/// What the cases have tried.
pub fn coverage(flow: &Flow, outcomes: &[Outcome]) -> Coverage {
    let mut entered: BTreeSet<&str> = BTreeSet::new();
    let mut taken: BTreeSet<(&str, Way)> = BTreeSet::new();
    for outcome in outcomes {
        entered.extend(outcome.path.iter().map(|visit| &*visit.node));
        let steps = outcome.path.iter().zip(outcome.path.iter().skip(1));
        taken.extend(steps.map(|(from, to)| (&*from.node, to.way)));
    }
    let nodes_missed = flow.nodes.iter().map(|node| &node.name);
    let nodes_missed = nodes_missed.filter(|name| !entered.contains(&***name)).cloned().collect();
    let all = flow
        .nodes
        .iter()
        .flat_map(|node| node.edges().into_iter().map(|(way, _)| (Arc::clone(&node.name), way)));
    let ways: Vec<(Arc<str>, Way)> = all.collect();
    let missed = ways.iter().filter(|(name, way)| !taken.contains(&(&**name, *way))).cloned();
    Coverage {
        nodes: flow.nodes.len(),
        nodes_missed,
        ways_missed: missed.collect(),
        ways: ways.len(),
    }
}
