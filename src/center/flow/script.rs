//! A flow's own tests: scripted callers in virtual time, on the interpreter and the exit key that real calls use.
//!
//! `given` is the world (who calls, when, what bots and queues do), `when` the keys pressed and words said, `then`
//! what must come of it. Prompts last as long as their recordings. Nothing sleeps: a call of ten minutes takes
//! microseconds.

mod coverage;
mod http;
pub(in crate::flow) mod stage;

pub use coverage::{Coverage, Exits, coverage, exits};
pub use stage::{play, play_all};

use super::diagnostic::{Diagnostic, Spot};
use super::grammar;
use super::load::F001;
use super::model::{Flow, NodeIx, Prompt};
use super::promise::Promise;
use super::run::{BotEnd, Caller, Duty, QueueEnd, QueueOrder, TransferEnd, Visit};
use super::yaml::{self, Fields, Reader, Value, Y002, Y004, Yaml};
use crate::acd::Expression;
use crate::calendar;
use crate::ids::Key;
use crate::rollout::Arm;
use dozvon_clock::Timestamp;
use http::Answering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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

/// The world of a scripted call, as far as the script says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::flow) struct Given {
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

impl Given {
    /// A moment and a caller, and nothing of the world.
    pub(in crate::flow) fn of(at: Option<Timestamp>, caller: Caller) -> Given {
        Given { at, caller, ..Given::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Press {
    moment: Moment,
    acts: Vec<Act>,
}

/// What a scripted caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flow) enum Act {
    /// Presses a key.
    Key(Key),
    /// Says something.
    Says(Arc<str>),
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
    /// How long what the flow promises took, where the call came so far.
    pub measured: Vec<(Promise, Duration)>,
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
    if let Some(top) = tree.as_ref().and_then(|tree| reader.shape(tree, &grammar::CASES)) {
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
        let fields = self.reader.shape(yaml, &grammar::CASE)?;
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
        let fields = self.reader.shape(yaml, &grammar::GIVEN)?;
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
        let fields = self.reader.shape(yaml, &grammar::PRESS)?;
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
        let acts = match (fields.get("press"), fields.get("says")) {
            (Some(press), None) => self.keys(press),
            (None, Some(says)) => {
                let text = self.reader.word(says, "the words that are said");
                text.map(|text| vec![Act::Says(text.into())])
            }
            _ => {
                self.reader.error(Y004, yaml.spot, "a key press has either `press` or `says`");
                None
            }
        };
        Some(Press { moment: moment?, acts: acts? })
    }

    fn keys(&mut self, yaml: &Yaml) -> Option<Vec<Act>> {
        let word = self.reader.word(yaml, "keys in quotes")?;
        let keys: Option<Vec<Act>> = word.chars().map(|key| Key::new(key).map(Act::Key)).collect();
        if keys.is_none() {
            self.reader.error(Y004, yaml.spot, format!("`{word}` are no telephone keys"));
        }
        keys
    }

    fn then(&mut self, yaml: &Yaml) -> Option<Then> {
        let fields = self.reader.shape(yaml, &grammar::THEN)?;
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
