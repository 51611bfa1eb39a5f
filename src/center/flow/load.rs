//! A flow from its text: the words of `ivr-flows/*.yaml`, read into [`super::model`], all mistakes in one pass.
//!
//! Here a file is only read: names are resolved, forms and units are checked. Whether the flow keeps its promises is
//! [`super::check`]'s matter. No files are opened; the text is an argument.

mod waits;

use super::check::{self, Surroundings};
use super::diagnostic::{Diagnostic, Spanned, Spot, nearest};
use super::limits::{ATTEMPTS_MAX, DIGITS_MAX, NODES_MAX, PLAY_MAX};
use super::model::{
    Bot, Digits, Flow, Hangup, Hours, Kind, Menu, MenuOption, Node, NodeIx, Operator, Part,
    Promises, PromptRef, Question, Queue, Raise, Rollout, Say, Set, Survey, Target, Template,
    Transfer, Var, VarIx, VarKind, Visits,
};
use super::script;
use super::yaml::{self, Fields, Reader, Value, Word, Y001, Y002, Y004, Y006, Yaml};
use crate::acd::Expression;
use crate::ids::Key;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// A target that is no node of the flow.
pub const F001: &str = "F001";
/// No operator exit, or one that does not lead straight to a queue.
pub const F005: &str = "F005";
/// A node without one of its outcomes.
pub const F012: &str = "F012";
/// A queue without a longest wait or without a way when nobody is there.
pub const F013: &str = "F013";
/// A variable that is not declared, or a value that it can't hold.
pub const F015: &str = "F015";

/// Reads a flow file; all errors at once. Warnings of the form do not exist.
pub fn load(file_name: &str, text: &str) -> Result<Flow, Vec<Diagnostic>> {
    let (draft, found) = draft(file_name, text);
    match draft {
        Some(draft) if !found.iter().any(Diagnostic::is_error) => Ok(draft.flow),
        _ => Err(found),
    }
}

/// Reads and checks a flow file in one pass: everything that is wrong with it, in the order of the file. There is a
/// flow when no finding is an error.
pub fn load_and_check(
    file_name: &str,
    text: &str,
    around: &Surroundings,
) -> (Option<Flow>, Vec<Diagnostic>) {
    let (draft, mut found) = draft(file_name, text);
    if let Some(draft) = &draft {
        found.extend(check::nodes(&draft.flow, around));
        if draft.whole {
            found.extend(check::ways(&draft.flow, around));
        }
    }
    let found = yaml::sorted(file_name, found);
    let flow = draft.map(|draft| draft.flow).filter(|_| !found.iter().any(Diagnostic::is_error));
    (flow, found)
}

/// What could be read of a file that may have errors.
struct Draft {
    flow: Flow,
    /// Whether every way out of every node is known, at least by the name it was meant to have.
    whole: bool,
}

fn draft(file: &str, text: &str) -> (Option<Draft>, Vec<Diagnostic>) {
    let (tree, found) = yaml::parse(file, text);
    let reader = Reader::new(file, found);
    let mut loader = Loader {
        reader,
        nodes: BTreeMap::new(),
        vars: BTreeMap::new(),
        declared: Vec::new(),
        languages: Vec::new(),
        calendar: None,
        whole: true,
    };
    let flow = tree.and_then(|tree| loader.flow(&tree, text));
    let whole = loader.whole;
    (flow.map(|flow| Draft { flow, whole }), loader.reader.finish())
}

const FLOW_KEYS: [&str; 11] = [
    "flow",
    "title",
    "owner",
    "languages",
    "calendar",
    "start",
    "promises",
    "operator",
    "vars",
    "nodes",
    "tests",
];
const KINDS: [&str; 11] = [
    "say", "menu", "digits", "set", "hours", "rollout", "bot", "queue", "transfer", "survey",
    "hangup",
];
const NOT_YET: [&str; 2] = ["http", "call"];

struct Loader<'a> {
    reader: Reader<'a>,
    nodes: BTreeMap<String, NodeIx>,
    vars: BTreeMap<String, VarIx>,
    declared: Vec<Var>,
    languages: Vec<Spanned<Arc<str>>>,
    calendar: Option<Spanned<Arc<str>>>,
    whole: bool,
}

impl Loader<'_> {
    // ---- the file -------------------------------------------------------------------------------

    fn flow(&mut self, tree: &Yaml, text: &str) -> Option<Flow> {
        let top = self.reader.map(tree, "a flow", &FLOW_KEYS)?;
        let name = self.reader.need(top, "a flow", "flow").and_then(|yaml| self.name(yaml));
        self.languages = self.languages(top);
        self.calendar = top.get("calendar").and_then(|yaml| self.name(yaml));
        self.vars(top);
        let nodes = self.reader.need(top, "a flow", "nodes")?;
        let nodes = self.reader.entries(nodes, "nodes")?;
        self.node_names(nodes)?;
        let start = self.target_of(top, "a flow", "start");
        let promises = self.promises(top);
        let operator = self.operator(top, start);
        let nodes: Vec<Node> = nodes.iter().map(|(word, yaml)| self.node(word, yaml)).collect();
        let title = self.optional_text(top, "title");
        let owner = self.optional_text(top, "owner");
        let mut flow = Flow {
            file: self.reader.file().into(),
            name: name.map_or_else(|| "unnamed".into(), |name| name.value),
            title,
            owner,
            version: hex::encode(Sha256::digest(text.as_bytes()))[..12].into(),
            languages: std::mem::take(&mut self.languages),
            calendar: self.calendar.take(),
            start,
            promises,
            operator,
            vars: std::mem::take(&mut self.declared),
            nodes,
            tests: Vec::new(),
        };
        if let Some(yaml) = top.get("tests") {
            flow.tests = script::read_cases(&mut self.reader, yaml, &flow);
        }
        Some(flow)
    }

    fn languages(&mut self, top: Fields<'_>) -> Vec<Spanned<Arc<str>>> {
        let Some(yaml) = self.reader.need(top, "a flow", "languages") else {
            return vec![nothing("ru")];
        };
        let items = self.reader.list(yaml, "languages");
        let languages: Vec<_> = items.iter().filter_map(|item| self.name(item)).collect();
        if languages.is_empty() {
            self.reader.error(Y004, yaml.spot, "a flow speaks at least one language");
            return vec![nothing("ru")];
        }
        languages
    }

    fn node_names(&mut self, nodes: Fields<'_>) -> Option<()> {
        for (index, (word, _)) in nodes.iter().enumerate() {
            self.check_name(&word.text, word.spot);
            self.nodes.insert(word.text.clone(), NodeIx(index as u32));
        }
        match self.nodes.len() {
            0 => self.reader.error(Y004, nodes.spot, "a flow has at least one node"),
            1..=NODES_MAX => return Some(()),
            many => {
                let message = format!("{many} nodes in one flow, at most {NODES_MAX} are read");
                self.reader.error(Y001, nodes.spot, message);
            }
        }
        None
    }

    fn promises(&mut self, top: Fields<'_>) -> Promises {
        const KEYS: [&str; 5] = [
            "told_about_operator_within",
            "silent_caller_in_queue_within",
            "urgent_in_queue_within",
            "max_depth",
            "max_options",
        ];
        let Some(yaml) = top.get("promises") else { return Promises::default() };
        let Some(fields) = self.reader.map(yaml, "promises", &KEYS) else {
            return Promises::default();
        };
        let mut within = |key: &str| {
            let yaml = fields.get(key)?;
            let value = self.reader.duration(yaml)?;
            Some(Spanned { value, spot: yaml.spot })
        };
        let told_about_operator_within = within(KEYS[0]);
        let silent_caller_in_queue_within = within(KEYS[1]);
        let urgent_in_queue_within = within(KEYS[2]);
        let mut most = |key: &str| {
            let yaml = fields.get(key)?;
            let value = self.reader.number(yaml, 1, 100)?;
            Some(Spanned { value: value as u32, spot: yaml.spot })
        };
        Promises {
            told_about_operator_within,
            silent_caller_in_queue_within,
            urgent_in_queue_within,
            max_depth: most(KEYS[3]),
            max_options: most(KEYS[4]),
        }
    }

    /// The operator exit; one without keys when the file has none that can be read, which is an error already.
    fn operator(&mut self, top: Fields<'_>, start: Target) -> Operator {
        let mut operator = Operator { keys: Vec::new(), to: start, words: Vec::new() };
        let Some(yaml) = top.get("operator") else {
            let file = self.reader.file();
            let message = "the flow has no operator exit";
            let found = Diagnostic::error(F005, file, start.spot, message).help(
                "add `operator: {keys: [\"0\"], to: <a queue node>}`: a caller must be able to reach a person at any \
                 moment",
            );
            self.reader.push(found);
            return operator;
        };
        let Some(fields) = self.reader.map(yaml, "operator", &["keys", "to", "words"]) else {
            return operator;
        };
        if let Some(yaml) = self.reader.need_or(F005, fields, "operator", "keys") {
            let items = self.reader.list(yaml, "keys");
            operator.keys = items.iter().filter_map(|item| self.key(item)).collect();
            if operator.keys.is_empty() {
                self.reader.error(F005, yaml.spot, "the operator exit has no key");
            }
        }
        operator.to = self.target_of(fields, "operator", "to");
        operator.words = fields.get("words").map(|yaml| self.words(yaml)).unwrap_or_default();
        operator
    }

    fn words(&mut self, yaml: &Yaml) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
        let Some(fields) = self.reader.entries(yaml, "words") else { return Vec::new() };
        let mut all = Vec::new();
        for (language, yaml) in fields.iter() {
            self.check_language(&language.text, language.spot);
            let items = self.reader.list(yaml, "words");
            let words = items.iter().filter_map(|item| self.reader.word(item, "a word"));
            all.push((language.text.as_str().into(), words.map(Arc::from).collect()));
        }
        all
    }

    // ---- variables ------------------------------------------------------------------------------

    fn vars(&mut self, top: Fields<'_>) {
        let Some(yaml) = top.get("vars") else { return };
        let Some(fields) = self.reader.entries(yaml, "vars") else { return };
        let mut language: Option<u32> = None;
        for (word, yaml) in fields.iter() {
            self.check_name(&word.text, word.spot);
            let var = self.var(word, yaml);
            if var.kind == VarKind::Language
                && let Some(line) = language.replace(word.spot.line)
            {
                let message = format!("a flow speaks one language: see line {line}");
                self.reader.error(F015, word.spot, message);
            }
            self.vars.insert(word.text.clone(), VarIx(self.declared.len() as u32));
            self.declared.push(var);
        }
    }

    fn var(&mut self, word: &Word, yaml: &Yaml) -> Var {
        let mut var = Var {
            name: word.text.as_str().into(),
            spot: word.spot,
            kind: VarKind::Text,
            secret: false,
            default: None,
        };
        let keys = ["type", "values", "default", "secret"];
        let Some(fields) = self.reader.map(yaml, "a variable", &keys) else { return var };
        let values = fields.get("values");
        if let Some(yaml) = self.reader.need(fields, "a variable", "type") {
            var.kind = self.var_kind(yaml, values);
        }
        if let Some(values) = values
            && !matches!(var.kind, VarKind::Enum(_))
        {
            self.reader.error(Y004, values.spot, "only a variable of type `enum` has values");
        }
        var.secret =
            fields.get("secret").and_then(|yaml| self.reader.boolean(yaml)).unwrap_or(false);
        if let Some(yaml) = fields.get("default") {
            var.default = self.value_for(&var, yaml);
        }
        var
    }

    fn var_kind(&mut self, yaml: &Yaml, values: Option<&Yaml>) -> VarKind {
        const TYPES: [&str; 4] = ["language", "text", "enum", "digits"];
        let Some(word) = self.reader.word(yaml, "a type: language, text, enum or digits") else {
            return VarKind::Text;
        };
        match word {
            "language" => VarKind::Language,
            "text" => VarKind::Text,
            "digits" => VarKind::Digits,
            "enum" => {
                let items = values.map_or(&[][..], |yaml| self.reader.list(yaml, "values"));
                if items.is_empty() {
                    self.reader.error(Y004, yaml.spot, "an `enum` needs its `values`");
                }
                let words = items.iter().filter_map(|item| self.reader.word(item, "a value"));
                VarKind::Enum(words.map(Arc::from).collect())
            }
            "money" | "number" => {
                self.reader.error(Y006, yaml.spot, format!("type `{word}` is not yet supported"));
                VarKind::Text
            }
            _ => {
                let message = format!("there is no type `{word}`");
                let found = Diagnostic::error(Y004, self.reader.file(), yaml.spot, message)
                    .help("types are language, text, enum and digits")
                    .nearest(word, TYPES);
                self.reader.push(found);
                VarKind::Text
            }
        }
    }

    /// A value that the variable can hold.
    fn value_for(&mut self, var: &Var, yaml: &Yaml) -> Option<Arc<str>> {
        let word = self.reader.word(yaml, "a value")?;
        let (fits, wanted): (bool, Vec<&str>) = match &var.kind {
            VarKind::Language => {
                let codes: Vec<&str> = self.languages.iter().map(|l| &*l.value).collect();
                (codes.contains(&word), codes)
            }
            VarKind::Enum(values) => {
                let values: Vec<&str> = values.iter().map(|value| &**value).collect();
                (values.contains(&word), values)
            }
            VarKind::Digits => (word.bytes().all(|b| b.is_ascii_digit()), vec!["digits"]),
            VarKind::Text => (true, Vec::new()),
        };
        if !fits {
            let message = format!("`{}` can't be `{word}`", var.name);
            let found = Diagnostic::error(F015, self.reader.file(), yaml.spot, message)
                .help(format!("it can be: {}", wanted.join(", ")))
                .nearest(word, wanted);
            self.reader.push(found);
        }
        Some(word.into())
    }

    fn find_var(&mut self, name: &str, spot: Spot) -> Option<VarIx> {
        if let Some(index) = self.vars.get(name) {
            return Some(*index);
        }
        let message = format!("there is no variable `{name}`");
        let found = Diagnostic::error(F015, self.reader.file(), spot, message)
            .help("declare it under `vars`")
            .nearest(name, self.vars.keys().map(String::as_str));
        self.reader.push(found);
        None
    }

    /// Variables and values: `{lang: ru}`.
    fn assignments(&mut self, yaml: &Yaml) -> Vec<(VarIx, Arc<str>)> {
        let Some(fields) = self.reader.entries(yaml, "variables") else { return Vec::new() };
        let mut all = Vec::new();
        for (word, yaml) in fields.iter() {
            let Some(index) = self.find_var(&word.text, word.spot) else { continue };
            let var = self.declared[index.0 as usize].clone();
            all.extend(self.value_for(&var, yaml).map(|value| (index, value)));
        }
        all
    }

    // ---- nodes ----------------------------------------------------------------------------------

    fn node(&mut self, word: &Word, yaml: &Yaml) -> Node {
        let (name, spot) = (Arc::from(word.text.as_str()), word.spot);
        let broken = Kind::Hangup(Hangup { play: Vec::new() });
        let mut node = Node { name, spot, kind: broken, visits: None };
        let Some(fields) = self.reader.entries(yaml, "a node") else {
            self.whole = false;
            return node;
        };
        let mut kinds = fields.iter();
        let (Some((kind, body)), None) = (kinds.next(), kinds.next()) else {
            let message = format!("node `{}` must have exactly one key: its kind", word.text);
            let found = Diagnostic::error(Y004, self.reader.file(), spot, message)
                .help(format!("kinds are: {}", KINDS.join(", ")));
            self.reader.push(found);
            self.whole = false;
            return node;
        };
        match self.kind(kind, body) {
            Some(read) => node.kind = read,
            None => self.whole = false,
        }
        node.visits = self.visits(kind, body);
        node
    }

    fn kind(&mut self, kind: &Word, body: &Yaml) -> Option<Kind> {
        Some(match kind.text.as_str() {
            "say" => Kind::Say(self.say(body, kind.spot)?),
            "menu" => Kind::Menu(self.menu(body, kind.spot)?),
            "digits" => Kind::Digits(self.digits(body, kind.spot)?),
            "set" => Kind::Set(self.set(body, kind.spot)?),
            "hours" => Kind::Hours(self.hours(body, kind.spot)?),
            "rollout" => Kind::Rollout(self.rollout(body, kind.spot)?),
            "bot" => Kind::Bot(self.bot(body, kind.spot)?),
            "queue" => Kind::Queue(self.queue(body, kind.spot)?),
            "transfer" => Kind::Transfer(self.transfer(body, kind.spot)?),
            "survey" => Kind::Survey(self.survey(body, kind.spot)?),
            "hangup" => Kind::Hangup(self.hangup(body, kind.spot)?),
            word if NOT_YET.contains(&word) => {
                let message = format!("nodes of kind `{word}` are not yet supported");
                self.reader.error(Y006, kind.spot, message);
                return None;
            }
            word => {
                let message = format!("there is no kind `{word}`");
                let found = Diagnostic::error(Y002, self.reader.file(), kind.spot, message)
                    .help(format!("kinds are: {}", KINDS.join(", ")))
                    .nearest(word, KINDS);
                self.reader.push(found);
                return None;
            }
        })
    }

    /// The entries of a node's body; its place is the word of its kind.
    fn body<'t>(
        &mut self,
        body: &'t Yaml,
        spot: Spot,
        what: &str,
        keys: &[&str],
    ) -> Option<Fields<'t>> {
        let mut keys = keys.to_vec();
        if !matches!(what, "queue" | "hangup") {
            keys.extend(["max_visits", "then"]);
        }
        let fields = self.reader.map(body, what, &keys)?;
        Some(fields.at(spot))
    }

    fn visits(&mut self, kind: &Word, body: &Yaml) -> Option<Visits> {
        let Value::Map(_) = &body.value else { return None };
        if matches!(kind.text.as_str(), "queue" | "hangup") || !KINDS.contains(&&*kind.text) {
            return None;
        }
        let fields = self.reader.entries(body, &kind.text)?;
        let fields = fields.at(kind.spot);
        match (fields.get("max_visits"), fields.get("then")) {
            (None, None) => None,
            (Some(max), Some(then)) => {
                let max = self.reader.number(max, 1, 1_000);
                Some(Visits { max: max.unwrap_or(1) as u32, then: self.target(then) })
            }
            (Some(_), None) => {
                self.reader.error(
                    F012,
                    kind.spot,
                    "`max_visits` needs `then`: where one more leads",
                );
                None
            }
            (None, Some(_)) => {
                self.reader.error(F012, kind.spot, "`then` needs `max_visits`");
                None
            }
        }
    }

    fn say(&mut self, body: &Yaml, spot: Spot) -> Option<Say> {
        let fields = self.body(body, spot, "say", &["play", "mentions_operator", "next"])?;
        let play = self.reader.need(fields, "say", "play").map(|yaml| self.prompts(yaml));
        let mentions_operator = self.flag(fields, "mentions_operator");
        let next = self.outcome(F012, fields, "say", "next");
        Some(Say { play: play.unwrap_or_default(), mentions_operator, next })
    }

    fn menu(&mut self, body: &Yaml, spot: Spot) -> Option<Menu> {
        let keys = [
            "play",
            "sorry",
            "mentions_operator",
            "timeout",
            "attempts",
            "options",
            "silence",
            "wrong",
        ];
        let fields = self.body(body, spot, "menu", &keys)?;
        let options = match self.reader.need(fields, "menu", "options") {
            Some(yaml) => self.options(yaml),
            None => Vec::new(),
        };
        Some(Menu {
            play: self.optional_prompts(fields, "play"),
            sorry: self.optional_prompts(fields, "sorry"),
            mentions_operator: self.flag(fields, "mentions_operator"),
            timeout: self.needed_duration(fields, "menu", "timeout"),
            attempts: self.attempts(fields),
            options,
            silence: self.outcome(F012, fields, "menu", "silence"),
            wrong: self.outcome(F012, fields, "menu", "wrong"),
        })
    }

    fn options(&mut self, yaml: &Yaml) -> Vec<MenuOption> {
        let Some(fields) = self.reader.entries(yaml, "options") else {
            self.whole = false;
            return Vec::new();
        };
        let mut options = Vec::new();
        for (word, yaml) in fields.iter() {
            let mut chars = word.text.chars();
            let key = match (chars.next(), chars.next()) {
                (Some(c), None) => Key::new(c),
                _ => None,
            };
            let Some(key) = key else {
                let message = format!("`{}` is no telephone key: 0-9, *, #, A-D", word.text);
                self.reader.error(Y004, word.spot, message);
                continue;
            };
            let keys = ["say", "to", "urgent", "label"];
            let Some(option) = self.reader.map(yaml, "an option", &keys) else {
                self.whole = false;
                continue;
            };
            let option = option.at(word.spot);
            options.push(MenuOption {
                key: Spanned { value: key, spot: word.spot },
                say: option.get("say").and_then(|yaml| self.prompt(yaml)),
                to: self.target_of(option, "an option", "to"),
                urgent: self.flag(option, "urgent"),
                label: self.optional_text(option, "label"),
            });
        }
        if options.is_empty() {
            self.reader.error(Y004, yaml.spot, "a menu has at least one option");
        }
        options
    }

    fn digits(&mut self, body: &Yaml, spot: Spot) -> Option<Digits> {
        let keys = [
            "play", "sorry", "into", "length", "end_key", "timeout", "between", "attempts", "next",
            "failed",
        ];
        let fields = self.body(body, spot, "digits", &keys)?;
        let play = self.reader.need(fields, "digits", "play").map(|yaml| self.prompts(yaml));
        let length =
            self.reader.need(fields, "digits", "length").and_then(|yaml| self.length(yaml));
        Some(Digits {
            play: play.unwrap_or_default(),
            sorry: self.optional_prompts(fields, "sorry"),
            into: self.digits_var(fields),
            length: length.unwrap_or(1..=1),
            end_key: fields.get("end_key").and_then(|yaml| self.key(yaml)).map(|key| key.value),
            timeout: self.needed_duration(fields, "digits", "timeout"),
            between: self.needed_duration(fields, "digits", "between"),
            attempts: self.attempts(fields),
            next: self.outcome(F012, fields, "digits", "next"),
            failed: self.outcome(F012, fields, "digits", "failed"),
        })
    }

    fn digits_var(&mut self, fields: Fields<'_>) -> VarIx {
        let index = self.reader.need(fields, "digits", "into").and_then(|yaml| {
            let name = self.reader.word(yaml, "a variable")?;
            let index = self.find_var(name, yaml.spot)?;
            if self.declared[index.0 as usize].kind != VarKind::Digits {
                let message = format!("`{name}` is not of type `digits`");
                self.reader.error(F015, yaml.spot, message);
            }
            Some(index)
        });
        index.unwrap_or(VarIx(0))
    }

    /// `4` or `4-16`.
    fn length(&mut self, yaml: &Yaml) -> Option<RangeInclusive<u32>> {
        let word = self.reader.word(yaml, "a length such as 4 or 4-16")?;
        let (least, most) = word.split_once('-').unwrap_or((word, word));
        match (least.parse::<u32>(), most.parse::<u32>()) {
            (Ok(least), Ok(most)) if 0 < least && least <= most && most <= DIGITS_MAX => {
                Some(least..=most)
            }
            _ => {
                let message = format!("`{word}` is no length: 4 or 4-16, at most {DIGITS_MAX}");
                self.reader.error(Y004, yaml.spot, message);
                None
            }
        }
    }

    fn set(&mut self, body: &Yaml, spot: Spot) -> Option<Set> {
        let fields = self.body(body, spot, "set", &["vars", "next"])?;
        let vars = self.reader.need(fields, "set", "vars").map(|yaml| self.assignments(yaml));
        let next = self.outcome(F012, fields, "set", "next");
        Some(Set { vars: vars.unwrap_or_default(), next })
    }

    fn hours(&mut self, body: &Yaml, spot: Spot) -> Option<Hours> {
        let fields = self.body(body, spot, "hours", &["calendar", "open", "closed", "holiday"])?;
        let named = fields.get("calendar").and_then(|yaml| self.name(yaml));
        let calendar = named.or_else(|| self.calendar.clone()).unwrap_or_else(|| {
            let message = "which calendar? Neither this node nor the flow names one";
            self.reader.error(F012, spot, message);
            nothing("none")
        });
        Some(Hours {
            calendar,
            open: self.outcome(F012, fields, "hours", "open"),
            closed: self.outcome(F012, fields, "hours", "closed"),
            holiday: self.outcome(F012, fields, "hours", "holiday"),
        })
    }

    fn rollout(&mut self, body: &Yaml, spot: Spot) -> Option<Rollout> {
        let fields = self.body(body, spot, "rollout", &["name", "bot", "people"])?;
        let name = self.needed_name(fields, "rollout", "name");
        Some(Rollout {
            name,
            bot: self.outcome(F012, fields, "rollout", "bot"),
            people: self.outcome(F012, fields, "rollout", "people"),
        })
    }

    fn bot(&mut self, body: &Yaml, spot: Spot) -> Option<Bot> {
        let fields = self.body(body, spot, "bot", &["use", "max_duration", "after"])?;
        let uses = self.needed_name(fields, "bot", "use");
        let max_duration = self.needed_duration(fields, "bot", "max_duration");
        let after = self.after(fields, "bot", &["done", "transfer", "failed", "too_long"])?;
        Some(Bot {
            uses,
            max_duration,
            done: self.outcome(F012, after, "bot", "done"),
            transfer: self.outcome(F012, after, "bot", "transfer"),
            failed: self.outcome(F012, after, "bot", "failed"),
            too_long: self.outcome(F012, after, "bot", "too_long"),
        })
    }

    fn queue(&mut self, body: &Yaml, spot: Spot) -> Option<Queue> {
        let keys = [
            "name",
            "requires",
            "priority",
            "raise",
            "music",
            "max_wait",
            "at",
            "lose_place",
            "after",
            "announce",
            "callback",
        ];
        let fields = self.body(body, spot, "queue", &keys)?;
        if let Some(spot) = fields.key_spot("callback") {
            self.reader.error(Y006, spot, "`callback` of a queue is not yet supported");
        }
        if let Some(spot) = fields.key_spot("announce") {
            let message = "what a queue tells its callers is not the flow's matter";
            let found = Diagnostic::error(Y002, self.reader.file(), spot, message)
                .help("write it into [[queue]] of queues.toml, or a rule: at: [{wait: 3m, announce: busy}]");
            self.reader.push(found);
        }
        let name = self.needed_name(fields, "queue", "name");
        let requires = fields.get("requires").and_then(|yaml| self.requires(yaml));
        let priority = self.priority(fields, false);
        let raise = fields.get("raise").and_then(|yaml| self.raise(yaml));
        let music = fields.get("music").and_then(|yaml| self.prompt(yaml));
        let max_wait = self.reader.need_or(F013, fields, "queue", "max_wait");
        let max_wait = max_wait.and_then(|yaml| self.reader.duration(yaml));
        let rules = self.wait_rules(fields, max_wait);
        let lose_place = self.flag(fields, "lose_place");
        let outcomes = ["answered", "max_wait", "nobody", "full", "closed"];
        let after = self.after(fields, "queue", &outcomes)?;
        let nobody = self.outcome(F013, after, "queue", "nobody");
        let or_nobody = |loader: &mut Self, key| match after.get(key) {
            Some(yaml) => loader.target(yaml),
            None => nobody,
        };
        Some(Queue {
            name,
            requires,
            priority,
            raise,
            music,
            max_wait,
            rules,
            lose_place,
            answered: self.outcome(F012, after, "queue", "answered"),
            max_wait_to: self.outcome(F013, after, "queue", "max_wait"),
            nobody,
            full: or_nobody(self, "full"),
            closed: or_nobody(self, "closed"),
        })
    }

    fn priority(&mut self, fields: Fields<'_>, needed: bool) -> i32 {
        let yaml = match needed {
            true => self.reader.need(fields, "raise", "priority"),
            false => fields.get("priority"),
        };
        yaml.and_then(|yaml| self.reader.number(yaml, -100, 100)).unwrap_or(0) as i32
    }

    fn raise(&mut self, yaml: &Yaml) -> Option<Raise> {
        let fields = self.reader.map(yaml, "raise", &["when", "priority"])?;
        let when = self.reader.need(fields, "raise", "when").map(|yaml| self.assignments(yaml));
        Some(Raise { when: when.unwrap_or_default(), priority: self.priority(fields, true) })
    }

    fn transfer(&mut self, body: &Yaml, spot: Spot) -> Option<Transfer> {
        let fields = self.body(body, spot, "transfer", &["to", "timeout", "after"])?;
        let to = self.reader.need(fields, "transfer", "to").and_then(|yaml| {
            let value = self.reader.word(yaml, "a number or a sip: address")?;
            let number = value.trim_start_matches('+');
            let number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            if !number && !["sip:", "sips:", "tel:"].iter().any(|scheme| value.starts_with(scheme))
            {
                let message = format!("`{value}` is neither a number nor a sip: address");
                self.reader.error(Y004, yaml.spot, message);
            }
            Some(Spanned { value: value.into(), spot: yaml.spot })
        });
        let timeout = self.needed_duration(fields, "transfer", "timeout");
        let after = self.after(fields, "transfer", &["answered", "failed"])?;
        Some(Transfer {
            to: to.unwrap_or_else(|| nothing("none")),
            timeout,
            answered: self.outcome(F012, after, "transfer", "answered"),
            failed: self.outcome(F012, after, "transfer", "failed"),
        })
    }

    fn survey(&mut self, body: &Yaml, spot: Spot) -> Option<Survey> {
        let fields = self.body(body, spot, "survey", &["offer", "ask", "timeout", "next"])?;
        let ask = match self.reader.need(fields, "survey", "ask") {
            Some(yaml) => {
                let items = self.reader.list(yaml, "questions");
                if items.is_empty() {
                    self.reader.error(Y004, yaml.spot, "a survey asks at least one question");
                }
                items.iter().filter_map(|item| self.question(item)).collect()
            }
            None => Vec::new(),
        };
        Some(Survey {
            offer: fields.get("offer").and_then(|yaml| self.prompt(yaml)),
            ask,
            timeout: self.needed_duration(fields, "survey", "timeout"),
            next: self.outcome(F012, fields, "survey", "next"),
        })
    }

    fn question(&mut self, yaml: &Yaml) -> Option<Question> {
        let fields = self.reader.map(yaml, "a question", &["id", "play", "keys"])?;
        let id = self.needed_name(fields, "a question", "id").value;
        let play =
            self.reader.need(fields, "a question", "play").and_then(|yaml| self.prompt(yaml));
        let keys = self.reader.need(fields, "a question", "keys")?;
        let word = self.reader.word(keys, "scores such as 1-5")?;
        let scores = word.split_once('-').and_then(|(least, most)| {
            let (least, most) = (least.parse::<u8>().ok()?, most.parse::<u8>().ok()?);
            (least < most && most <= 9).then_some(least..=most)
        });
        if scores.is_none() {
            self.reader.error(Y004, keys.spot, format!("`{word}` are no scores such as 1-5"));
        }
        Some(Question { id, play: play?, scores: scores?, spot: keys.spot })
    }

    fn hangup(&mut self, body: &Yaml, spot: Spot) -> Option<Hangup> {
        // `hangup:` and `hangup: {}` say nothing and end.
        if matches!(&body.value, Value::Word { text, quoted: false } if text.is_empty()) {
            return Some(Hangup { play: Vec::new() });
        }
        let fields = self.body(body, spot, "hangup", &["play"])?;
        Some(Hangup { play: self.optional_prompts(fields, "play") })
    }

    // ---- pieces ---------------------------------------------------------------------------------

    fn after<'t>(&mut self, fields: Fields<'t>, what: &str, keys: &[&str]) -> Option<Fields<'t>> {
        let after = self.reader.need_or(F012, fields, what, "after")?;
        let inner = self.reader.map(after, &format!("`after` of a {what}"), keys)?;
        Some(inner.at(fields.key_spot("after").unwrap_or(fields.spot)))
    }

    /// An outcome that must lead somewhere.
    fn outcome(&mut self, code: &'static str, fields: Fields<'_>, what: &str, key: &str) -> Target {
        match fields.get(key) {
            Some(yaml) => self.target(yaml),
            None => {
                self.whole = false;
                let message = format!("{what} does not say where `{key}` leads");
                self.reader.error(code, fields.spot, message);
                Target { node: NodeIx(0), spot: fields.spot }
            }
        }
    }

    fn target_of(&mut self, fields: Fields<'_>, what: &str, key: &str) -> Target {
        match self.reader.need(fields, what, key) {
            Some(yaml) => self.target(yaml),
            None => {
                self.whole = false;
                Target { node: NodeIx(0), spot: fields.spot }
            }
        }
    }

    /// A node by its name. A name that is nearly one is an error, and for the other checks taken as meant.
    fn target(&mut self, yaml: &Yaml) -> Target {
        let spot = yaml.spot;
        let Some(word) = self.reader.word(yaml, "the name of a node") else {
            self.whole = false;
            return Target { node: NodeIx(0), spot };
        };
        if let Some(node) = self.nodes.get(word) {
            return Target { node: *node, spot };
        }
        if self.reader.is_full() {
            self.whole = false;
            return Target { node: NodeIx(0), spot };
        }
        let near = nearest(word, self.nodes.keys().map(String::as_str));
        let found =
            Diagnostic::error(F001, self.reader.file(), spot, format!("there is no node `{word}`"));
        let meant = near.and_then(|near| self.nodes.get(near)).copied();
        self.reader.push(found.nearest(word, near));
        self.whole &= meant.is_some();
        Target { node: meant.unwrap_or(NodeIx(0)), spot }
    }

    fn prompts(&mut self, yaml: &Yaml) -> Vec<PromptRef> {
        let items = self.reader.one_or_list(yaml);
        if items.len() > PLAY_MAX {
            let message = format!("{} prompts in one list, at most {PLAY_MAX}", items.len());
            self.reader.error(Y004, yaml.spot, message);
        }
        items.iter().filter_map(|item| self.prompt(item)).collect()
    }

    fn optional_prompts(&mut self, fields: Fields<'_>, key: &str) -> Vec<PromptRef> {
        fields.get(key).map(|yaml| self.prompts(yaml)).unwrap_or_default()
    }

    /// `hello`, or `{prompt: hello, language: kk}`.
    fn prompt(&mut self, yaml: &Yaml) -> Option<PromptRef> {
        if let Value::Map(entries) = &yaml.value {
            let said =
                entries.iter().find(|(word, _)| matches!(&*word.text, "money" | "number" | "date"));
            if let Some((word, _)) = said {
                let message = format!("saying `{}` is not yet supported", word.text);
                self.reader.error(Y006, word.spot, message);
                return None;
            }
            let fields = self.reader.map(yaml, "a prompt", &["prompt", "language"])?;
            let name = self.reader.need(fields, "a prompt", "prompt")?;
            let language = fields.get("language").and_then(|yaml| {
                let word = self.reader.word(yaml, "a language")?;
                self.check_language(word, yaml.spot);
                Some(Arc::from(word))
            });
            let name = self.name(name)?;
            return Some(PromptRef { name: name.value, language, spot: name.spot });
        }
        let name = self.name(yaml)?;
        Some(PromptRef { name: name.value, language: None, spot: name.spot })
    }

    /// `lang:{lang} and cards >= 2`.
    fn requires(&mut self, yaml: &Yaml) -> Option<Expression<Template>> {
        let text = self.reader.word(yaml, "an expression over skills")?;
        match Expression::parse(text) {
            Ok(expression) => {
                expression.try_map(&mut |name| self.template(&name, yaml.spot).ok_or(())).ok()
            }
            Err(mistake) => {
                let column = text[..mistake.at].chars().count() + 1;
                let message = format!("`requires`, at character {column}: {}", mistake.message);
                self.reader.error(Y004, yaml.spot, message);
                None
            }
        }
    }

    /// `lang:{lang}`.
    fn template(&mut self, name: &str, spot: Spot) -> Option<Template> {
        let mut rest = name;
        let mut parts = Vec::new();
        while let Some((text, tail)) = rest.split_once('{') {
            let Some((name, tail)) = tail.split_once('}') else {
                self.reader.error(Y004, spot, "`{` without `}`");
                return None;
            };
            if !text.is_empty() {
                parts.push(Part::Text(text.into()));
            }
            parts.extend(self.find_var(name, spot).map(Part::Var));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Some(Template { parts, spot })
    }

    fn key(&mut self, yaml: &Yaml) -> Option<Spanned<Key>> {
        let word = self.reader.word(yaml, "a telephone key in quotes")?;
        let mut chars = word.chars();
        let key = match (chars.next(), chars.next()) {
            (Some(c), None) => Key::new(c),
            _ => None,
        };
        if key.is_none() {
            let message = format!("`{word}` is no telephone key: 0-9, *, #, A-D");
            self.reader.error(Y004, yaml.spot, message);
        }
        key.map(|value| Spanned { value, spot: yaml.spot })
    }

    fn attempts(&mut self, fields: Fields<'_>) -> u32 {
        let yaml = fields.get("attempts");
        yaml.and_then(|yaml| self.reader.number(yaml, 1, ATTEMPTS_MAX.into())).unwrap_or(2) as u32
    }

    fn flag(&mut self, fields: Fields<'_>, key: &str) -> bool {
        fields.get(key).and_then(|yaml| self.reader.boolean(yaml)).unwrap_or(false)
    }

    fn needed_duration(&mut self, fields: Fields<'_>, what: &str, key: &str) -> Duration {
        let yaml = self.reader.need(fields, what, key);
        yaml.and_then(|yaml| self.reader.duration(yaml)).unwrap_or_default()
    }

    fn needed_name(&mut self, fields: Fields<'_>, what: &str, key: &str) -> Spanned<Arc<str>> {
        let name = self.reader.need(fields, what, key).and_then(|yaml| self.name(yaml));
        name.unwrap_or_else(|| nothing("none"))
    }

    fn optional_text(&mut self, fields: Fields<'_>, key: &str) -> Option<Arc<str>> {
        let word = fields.get(key).and_then(|yaml| self.reader.word(yaml, "a text"));
        word.map(Arc::from)
    }

    fn name(&mut self, yaml: &Yaml) -> Option<Spanned<Arc<str>>> {
        let word = self.reader.word(yaml, "a name")?;
        self.check_name(word, yaml.spot);
        Some(Spanned { value: word.into(), spot: yaml.spot })
    }

    /// Names become file names and labels of metrics: nothing in them may mean something there.
    fn check_name(&mut self, name: &str, spot: Spot) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message =
                format!("`{name}` is no name: latin letters, digits, `-` and `_`, at most 64");
            self.reader.error(Y004, spot, message);
        }
    }

    fn check_language(&mut self, language: &str, spot: Spot) {
        let codes: Vec<&str> = self.languages.iter().map(|own| &*own.value).collect();
        if !codes.contains(&language) {
            let message = format!("the flow does not speak `{language}`");
            let found = Diagnostic::error(Y004, self.reader.file(), spot, message)
                .help(format!("its languages are: {}", codes.join(", ")));
            self.reader.push(found);
        }
    }
}

fn nothing(word: &str) -> Spanned<Arc<str>> {
    Spanned { value: word.into(), spot: Spot::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "flow: f\nlanguages: [ru, en]\nstart: a\noperator: {keys: [\"0\"], to: q}\nnodes:\n  a: \
        {say: {play: \
                        p, next: q}}\n  q:\n    queue:\n      name: q\n      max_wait: 1m\n      after: \
                        {answered: end, \
                        max_wait: end, nobody: end}\n  end: {hangup: }\n";

    fn found(text: &str) -> Vec<(&'static str, u32, String)> {
        let found = load("f.yaml", text).err().unwrap_or_default();
        found.into_iter().map(|d| (d.code, d.line, d.message)).collect()
    }

    #[test]
    fn a_flow_is_interned_and_has_the_version_of_its_text() {
        let flow = load("f.yaml", GOOD).unwrap();
        assert_eq!((&*flow.name, flow.nodes.len(), flow.find("q")), ("f", 3, Some(NodeIx(1))));
        assert_eq!(flow.start.node, NodeIx(0));
        assert_eq!(flow.version.len(), 12);
        assert_ne!(load("f.yaml", &format!("{GOOD}# x\n")).unwrap().version, flow.version);
        let Kind::Queue(queue) = &flow.node(NodeIx(1)).kind else { panic!("no queue") };
        assert_eq!((queue.full.node, queue.closed.node), (NodeIx(2), NodeIx(2)), "as `nobody`");
    }

    #[test]
    fn every_mistake_is_told_in_one_pass_in_the_order_of_the_file() {
        let text = "flow: f f\nlangages: [ru]\nlanguages: [ru]\nstart: aa\noperator: {keys: [\"00\"], to: \
            q}\nvars: {x: \
                    {type: txt}}\nnodes:\n  a: {say: {play: [{money: x}], next: q}}\n  b: {menu: {timeout: 4, \
                    options: {}, silence: q}}\n  c: {sya: {}}\n  d: {http: {}}\n  q: {queue: {after: {answered: \
                    a}}}\n  e: {say: {play: p, next: q}, menu: {}}\n";
        let found = found(text);
        let codes: Vec<(&str, u32)> = found.iter().map(|(code, line, _)| (*code, *line)).collect();
        for wanted in [
            ("Y004", 1),
            ("Y002", 2),
            ("F001", 4),
            ("Y004", 5),
            ("F005", 5),
            ("Y004", 6),
            ("Y006", 8),
            ("Y004", 9),
            ("F012", 9),
            ("Y002", 10),
            ("Y006", 11),
            ("Y003", 12),
            ("F013", 12),
            ("Y004", 13),
        ] {
            assert!(codes.contains(&wanted), "{wanted:?} is missing in {found:#?}");
        }
        assert!(codes.is_sorted_by_key(|(_, line)| *line));
    }

    #[test]
    fn words_that_are_not_built_yet_say_so() {
        for (from, to) in [
            ("name: q\n", "name: q\n      callback: {after: 90s}\n"),
            ("name: q\n", "name: q\n      at: [{wait: 30s, callback: {}}]\n"),
            ("{say: {play: p, next: q}}", "{http: {use: crm}}"),
            ("{say: {play: p, next: q}}", "{call: {flow: x}}"),
        ] {
            let found = found(&GOOD.replacen(from, to, 1));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].0 == Y006 && found[0].2.contains("not yet supported"), "{found:?}");
        }
    }

    #[test]
    fn a_name_can_not_leave_the_folder_of_prompts() {
        let found = found(&GOOD.replace("play: p", "play: ../../etc/passwd"));
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [Y004]);
    }

    #[test]
    fn too_many_nodes_are_refused_and_the_most_are_not() {
        let flow = |many: usize| {
            let nodes: String = (0..many).map(|n| format!("  n{n}: {{hangup: {{}}}}\n")).collect();
            format!("{GOOD}{nodes}")
        };
        assert!(load("f.yaml", &flow(NODES_MAX - 3)).is_ok());
        assert_eq!(found(&flow(NODES_MAX - 2)).len(), 1);
    }

    #[test]
    fn any_text_is_read_without_panic() {
        let mut text = GOOD.as_bytes().to_vec();
        let mut state = 1u64;
        for _ in 0..3_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % text.len();
            let was = text[at];
            text[at] = b"\n:{}[]\"'#&*!|>-, 0az%@`\t"[(state >> 20) as usize % 24];
            let broken = String::from_utf8_lossy(&text).into_owned();
            let (flow, found) = load_and_check("f.yaml", &broken, &Surroundings::default());
            assert!(flow.is_some() != found.iter().any(Diagnostic::is_error));
            if state & 7 != 0 {
                text[at] = was;
            }
        }
    }
}
