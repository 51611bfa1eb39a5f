//! Proof of a flow before any caller hears it: no dead end, no missing prompt, no labyrinth, and every promise kept.
//!
//! One rule, one code, described in `docs/flows.md`. Forms, units and unknown targets are found by [`super::load`]
//! already. What exists around the flow comes in as [`Surroundings`]; nothing is looked up anywhere.

mod http;

pub use http::{EndpointFacts, RequestFacts};

use super::bounds::{self, Bounds};
use super::diagnostic::{Diagnostic, Spanned, Spot};
use super::library::Library;
use super::load::{F005, F012};
use super::model::{
    Flow, Kind, MUSIC, Menu, Node, NodeIx, Part, PromptRef, Queue, Said, Template, VarIx, VarKind,
    WaitAct,
};
use super::spoken;
use super::yaml::{self, show};
use crate::acd::Expression;
use crate::ids::Key;
use crate::saying::{Language, Manner, Saying};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A node that no caller can reach.
pub const F002: &str = "F002";
/// A loop that a silent caller can't leave.
pub const F003: &str = "F003";
/// A prompt that has no recording in a language.
pub const F004: &str = "F004";
/// A menu too many levels down.
pub const F006: &str = "F006";
/// A menu with too many options.
pub const F007: &str = "F007";
/// A silent caller waits longer than promised, or is hung up on.
pub const F008: &str = "F008";
/// The caller hears of the operator later than promised.
pub const F009: &str = "F009";
/// A secret variable where others can see it.
pub const F010: &str = "F010";
/// The urgent way takes longer than promised.
pub const F011: &str = "F011";
/// A queue, bot, rollout, calendar, skill or recogniser that does not exist.
pub const F014: &str = "F014";
/// A key that belongs to the operator exit.
pub const F016: &str = "F016";
/// A prompt whose text does not name its key.
pub const F017: &str = "F017";
/// A flow without tests.
pub const F018: &str = "F018";
/// An advertisement before the caller knows how to reach a person.
pub const F020: &str = "F020";

/// Levels of menus when the flow promises none.
const DEPTH_DEFAULT: u32 = 3;
/// Options of one menu when the flow promises none; people remember about five.
const OPTIONS_DEFAULT: u32 = 5;

/// What exists around a flow, as the configuration and the folder of prompts say.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Names of queues.
    pub queues: BTreeSet<String>,
    /// Names of bots.
    pub bots: BTreeSet<String>,
    /// Names of rollouts.
    pub rollouts: BTreeSet<String>,
    /// Names of calendars.
    pub calendars: BTreeSet<String>,
    /// Endpoints by name, with what can be asked of them.
    pub endpoints: BTreeMap<String, EndpointFacts>,
    /// Names of skills.
    pub skills: BTreeSet<String>,
    /// Prompts by language, then by name; music has the language [`MUSIC`].
    pub prompts: BTreeMap<String, BTreeMap<String, PromptFacts>>,
    /// Languages that a recogniser hears.
    pub heard: BTreeSet<String>,
    /// The sub-flows that flows may call.
    pub library: Library,
}

/// What is known of one prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptFacts {
    /// Its length.
    pub duration: Duration,
    /// What it says, when known.
    pub text: Option<String>,
}

impl Surroundings {
    /// Adds a prompt.
    pub fn add_prompt(&mut self, language: &str, name: &str, facts: PromptFacts) {
        self.prompts.entry(language.to_owned()).or_default().insert(name.to_owned(), facts);
    }

    /// The length of a prompt; `None` when there is none.
    pub fn prompt_duration(&self, language: &str, name: &str) -> Option<Duration> {
        self.prompt(language, name).map(|facts| facts.duration)
    }

    fn prompt(&self, language: &str, name: &str) -> Option<&PromptFacts> {
        self.prompts.get(language)?.get(name)
    }
}

/// Everything that is wrong with a loaded flow, in the order of the file.
pub fn check(flow: &Flow, around: &Surroundings) -> Vec<Diagnostic> {
    let mut found = nodes(flow, around);
    found.extend(ways(flow, around).0);
    let mut found = yaml::sorted(&flow.file, found);
    around.library.settle(&mut found);
    found
}

/// What can be said of each node by itself.
pub(crate) fn nodes(flow: &Flow, around: &Surroundings) -> Vec<Diagnostic> {
    let mut check = Check { flow, around, found: Vec::new() };
    check.operator();
    check.prompts();
    for (_, node) in flow.indexed() {
        check.node(node);
    }
    if let Some(calendar) = &flow.calendar {
        check.known("calendar", calendar, &around.calendars);
    }
    if flow.tests.is_empty() {
        let message = "the flow has no tests";
        check.warn(F018, Spot { line: 1, column: 1, length: 1 }, message.to_owned());
    }
    check.found
}

/// What can only be said of the ways through the whole flow, and how long they take unless one has no end.
pub(crate) fn ways(flow: &Flow, around: &Surroundings) -> (Vec<Diagnostic>, Option<Bounds>) {
    let mut check = Check { flow, around, found: Vec::new() };
    check.reachable();
    check.adverts();
    check.depth();
    let loops = bounds::endless_loops(flow);
    for nodes in &loops {
        check.endless(nodes);
    }
    // Without an end there is no longest way to speak of.
    let bounds = loops.is_empty().then(|| bounds::bounds(flow, around));
    if let Some(bounds) = &bounds {
        check.promises(bounds);
    }
    (check.found, bounds)
}

struct Check<'a> {
    flow: &'a Flow,
    around: &'a Surroundings,
    found: Vec<Diagnostic>,
}

impl<'a> Check<'a> {
    fn error(&mut self, code: &'static str, spot: Spot, message: String, help: &str) {
        let found = Diagnostic::error(code, &self.flow.file, spot, message);
        self.found.push(if help.is_empty() { found } else { found.help(help) });
    }

    fn warn(&mut self, code: &'static str, spot: Spot, message: String) {
        self.found.push(Diagnostic::warning(code, &self.flow.file, spot, message));
    }

    // ---- single nodes ---------------------------------------------------------------------------

    fn operator(&mut self) {
        let operator = &self.flow.operator;
        if operator.keys.is_empty() {
            // Missing altogether: told by the loader.
            return;
        }
        let place = self.flow.node(operator.to.node);
        if !matches!(place.kind, Kind::Queue(_)) {
            let message = format!(
                "the operator exit leads to `{}`, which is a `{}` and not a queue",
                place.name,
                place.kind_name()
            );
            let help = "a caller who asks for a person must not be asked anything more";
            self.error(F005, operator.to.spot, message, help);
        }
        self.words();
    }

    /// Somebody must hear the words, or callers are promised what does not work.
    fn words(&mut self) {
        let (flow, around) = (self.flow, self.around);
        for words in &flow.operator.words {
            let language = &words.language;
            if around.heard.contains(&*language.value) {
                continue;
            }
            let message = format!("no recogniser hears words in `{}`", language.value);
            let heard: Vec<&str> = around.heard.iter().map(String::as_str).collect();
            let known = match heard.as_slice() {
                [] => String::new(),
                heard => format!(" (recognisers hear: {})", heard.join(", ")),
            };
            let help = format!(
                "add `{}` to the languages of a [[recogniser]] in recognisers.toml{known}, or leave these words out",
                language.value
            );
            self.error(F014, language.spot, message, &help);
        }
    }

    fn node(&mut self, node: &'a Node) {
        match &node.kind {
            Kind::Menu(menu) => self.menu(node, menu),
            Kind::Digits(digits) => {
                if let Some(key) = digits.end_key {
                    self.taken(key, node.spot, "the end key");
                }
            }
            Kind::Survey(survey) => {
                for question in &survey.ask {
                    let scores = question
                        .scores
                        .clone()
                        .filter_map(|score| Key::new((b'0' + score) as char));
                    for key in scores {
                        self.taken(key, question.spot, "a score");
                    }
                }
            }
            Kind::Callback(callback) => {
                self.known("queue", &callback.queue, &self.around.queues);
                self.taken(callback.key, node.spot, "the key that takes the offer");
                self.digits_spoken(node);
            }
            Kind::Http(http) => self.http(http),
            Kind::Hours(hours) => self.known("calendar", &hours.calendar, &self.around.calendars),
            Kind::Rollout(rollout) => self.known("rollout", &rollout.name, &self.around.rollouts),
            Kind::Bot(bot) => self.known("bot", &bot.uses, &self.around.bots),
            Kind::Queue(queue) => self.queue(queue),
            Kind::Say(say) if say.mentions_operator => self.hint(&say.play),
            Kind::Say(_) | Kind::Set(_) | Kind::Transfer(_) | Kind::Call(_) | Kind::Hangup(_) => {}
        }
    }

    fn menu(&mut self, node: &'a Node, menu: &'a Menu) {
        for option in &menu.options {
            self.taken(option.key.value, option.key.spot, "this option");
            if let Some(prompt) = &option.say {
                self.names_key(prompt, option.key.value);
            }
        }
        if menu.mentions_operator {
            self.hint(&menu.play);
        }
        let promised = &self.flow.promises.max_options;
        let most = promised.as_ref().map_or(OPTIONS_DEFAULT, |promised| promised.value);
        if menu.options.len() > most as usize {
            let many = menu.options.len();
            let message = format!("menu `{}` has {many} options, at most {most} are", node.name);
            match promised {
                Some(_) => self.error(F007, node.spot, message + " promised", ""),
                None => self.warn(F007, node.spot, message + " remembered"),
            }
        }
    }

    fn taken(&mut self, key: Key, spot: Spot, what: &str) {
        if self.flow.operator.has(key) {
            let message =
                format!("key {key} is the operator exit in the whole flow and can't be {what}");
            self.error(F016, spot, message, "");
        }
    }

    fn known(&mut self, what: &str, name: &Spanned<Arc<str>>, known: &BTreeSet<String>) {
        if !known.contains(&*name.value) {
            let message = format!("there is no {what} `{}`", name.value);
            let found = Diagnostic::error(F014, &self.flow.file, name.spot, message)
                .one_of(&name.value, known.iter().map(String::as_str));
            self.found.push(found);
        }
    }

    fn queue(&mut self, queue: &Queue) {
        self.known("queue", &queue.name, &self.around.queues);
        for skill in queue.requires.iter().flat_map(Expression::skills) {
            self.skill(skill);
        }
        for target in queue.callbacks() {
            let place = self.flow.node(target.node);
            if !matches!(place.kind, Kind::Callback(_)) {
                let (name, kind) = (&place.name, place.kind_name());
                let message = format!("a rule offers `{name}`, which is a `{kind}`");
                self.error(F012, target.spot, message, "name a node of kind callback");
            }
        }
    }

    /// The number is read out digit by digit before it is called.
    fn digits_spoken(&mut self, node: &'a Node) {
        for language in &self.flow.languages {
            let code = &*language.value;
            let Some(spoken) = Language::by_code(code) else { continue };
            let digits = Saying::Digits("0123456789".to_owned()).fragments(spoken);
            let recorded = |name: &str| self.around.prompt(code, name).is_some();
            let missing = digits.iter().map(|digit| digit.name).filter(|name| !recorded(name));
            let missing: Vec<&str> = missing.collect();
            if let Some(first) = missing.first() {
                let message =
                    format!("numbers can't be read out in {code}: no {}", missing.join(", "));
                self.error(F004, node.spot, message, &format!("record prompts/{code}/{first}.wav"));
            }
        }
    }

    fn skill(&mut self, skill: &Template) {
        let mut names = vec![String::new()];
        for part in &skill.parts {
            let values: Vec<Arc<str>> = match part {
                Part::Text(text) => vec![Arc::clone(text)],
                Part::Var(var) => {
                    let var = self.flow.var(*var);
                    if var.secret {
                        let message =
                            format!("`{}` is secret and can't be part of a skill", var.name);
                        self.error(F010, skill.spot, message, "");
                        return;
                    }
                    match &var.kind {
                        VarKind::Language => {
                            self.flow.languages.iter().map(|l| Arc::clone(&l.value)).collect()
                        }
                        VarKind::Enum(values) => values.clone(),
                        // Any text at all: nothing can be said before the call.
                        VarKind::Text | VarKind::Digits | VarKind::Value(_) => return,
                    }
                }
            };
            let longer =
                |name: &String| values.iter().map(|v| format!("{name}{v}")).collect::<Vec<_>>();
            names = names.iter().flat_map(longer).collect();
        }
        for name in names {
            self.known(
                "skill",
                &Spanned { value: name.into(), spot: skill.spot },
                &self.around.skills,
            );
        }
    }

    // ---- prompts --------------------------------------------------------------------------------

    fn prompts(&mut self) {
        let flow = self.flow;
        for node in &flow.nodes {
            for prompt in prompts_of(node) {
                let languages = self.spoken_in(prompt);
                match &prompt.said {
                    Said::Recording(name) => {
                        self.recorded(name, prompt.spot, &languages, "prompt");
                    }
                    Said::Value(var, manner) => {
                        self.sayable(*var, *manner, prompt.spot, &languages);
                    }
                }
            }
            if let Kind::Queue(Queue { music: Some(music), .. }) = &node.kind {
                self.recorded(&music.value, music.spot, &[MUSIC], "music");
            }
        }
    }

    fn recorded(&mut self, name: &str, spot: Spot, folders: &[&str], what: &str) {
        let around = self.around;
        let lacking = folders.iter().filter(|folder| around.prompt(folder, name).is_none());
        let lacking: Vec<&str> = lacking.copied().collect();
        let Some(first) = lacking.first() else { return };
        let message = format!("{what} `{name}` has no recording in: {}", lacking.join(", "));
        let known = around.prompts.get(*first);
        let known = known.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
        let found = Diagnostic::error(F004, &self.flow.file, spot, message)
            .help(format!(
                "record prompts/{first}/{name}.wav, or write its texts in prompts/prompts.yaml: `dozvon prompts build` \
                 speaks them"
            ))
            .nearest(name, known);
        self.found.push(found);
    }

    /// A value is no secret, and every word that it may need is recorded.
    fn sayable(&mut self, var: VarIx, manner: Manner, spot: Spot, languages: &[&str]) {
        let var = self.flow.var(var);
        if var.secret {
            let message = format!("`{}` is secret and can't be said", var.name);
            self.error(F010, spot, message, "play a recording that doesn't tell it");
        }
        for code in languages {
            let Some(language) = Language::by_code(code) else {
                let known = Language::ALL.map(Language::code).join(", ");
                let help = format!("values are said in: {known}");
                self.error(F004, spot, format!("there are no words for values in `{code}`"), &help);
                continue;
            };
            let fragments: BTreeSet<_> =
                manner.fragments(language).iter().map(|fragment| fragment.name).collect();
            let lacking = fragments.iter().filter(|name| self.around.prompt(code, name).is_none());
            let lacking: Vec<&str> = lacking.copied().collect();
            if let Some(first) = lacking.first() {
                let (many, all) = (lacking.len(), fragments.len());
                let message = format!(
                    "saying `{}` in {code} takes {all} recordings, and {many} are missing: {first}, …",
                    var.name
                );
                let help = "`dozvon prompts texts` tells all of them with their texts";
                self.error(F004, spot, message, help);
            }
        }
    }

    fn spoken_in(&self, prompt: &'a PromptRef) -> Vec<&'a str> {
        match &prompt.language {
            Some(language) => vec![language],
            None => self.flow.languages.iter().map(|language| &*language.value).collect(),
        }
    }

    /// "For cards press 3" must stand at key 3, in every language whose text is known.
    fn names_key(&mut self, prompt: &'a PromptRef, key: Key) {
        let mut found = Vec::new();
        let Said::Recording(name) = &prompt.said else { return };
        for language in self.spoken_in(prompt) {
            let facts = self.around.prompt(language, name);
            let Some(text) = facts.and_then(|facts| facts.text.as_deref()) else { continue };
            let named = spoken::keys(text);
            if !named.contains(&key) {
                let said: Vec<String> = named.iter().map(|key| format!("key {key}")).collect();
                let said = if said.is_empty() { "no key".to_owned() } else { said.join(", ") };
                found.push(format!(
                    "`{name}` is for key {key}, but its text in {language} names {said}"
                ));
            }
        }
        for message in found {
            self.error(
                F017,
                prompt.spot,
                message,
                "change the text and record it again, or the key",
            );
        }
    }

    /// What tells the caller of the operator must name the operator's key.
    fn hint(&mut self, play: &[PromptRef]) {
        let (Some(first), Some(operator)) = (play.first(), self.flow.operator.keys.first()) else {
            return;
        };
        let languages: Vec<Arc<str>> =
            self.flow.languages.iter().map(|l| Arc::clone(&l.value)).collect();
        for language in languages {
            let texts = play.iter().map(|prompt| {
                let spoken = prompt.language.as_deref().unwrap_or(&language);
                let Said::Recording(name) = &prompt.said else { return Some("") };
                self.around.prompt(spoken, name).and_then(|facts| facts.text.as_deref())
            });
            let Some(texts) = texts.collect::<Option<Vec<&str>>>() else { continue };
            let named = texts.iter().flat_map(|text| spoken::keys(text));
            if !named.into_iter().any(|key| self.flow.operator.has(key)) {
                let message = format!(
                    "this should tell of the operator, but its text in {language} does not name key {}",
                    operator.value
                );
                self.error(F017, first.spot, message, "");
            }
        }
    }

    // ---- ways -----------------------------------------------------------------------------------

    fn reachable(&mut self) {
        let all = |node: &Node| node.edges().into_iter().map(|(_, to)| to.node).collect();
        let edges: Vec<Vec<NodeIx>> = self.flow.nodes.iter().map(all).collect();
        let mut seen = bounds::reachable(&edges, self.flow.start.node);
        seen.extend(bounds::reachable(&edges, self.flow.operator.to.node));
        for (index, node) in self.flow.indexed() {
            if !seen.contains(&index) {
                let message = format!("no caller can reach node `{}`", node.name);
                self.warn(F002, node.spot, message);
            }
        }
    }

    /// Nobody is told of goods before he is told how to reach a person, or stands in a queue for one.
    fn adverts(&mut self) {
        for (index, node) in self.flow.indexed() {
            let Kind::Say(say) = &node.kind else { continue };
            if !say.advert {
                continue;
            }
            if say.mentions_operator {
                let message =
                    format!("`{}` advertises and tells of the operator at once", node.name);
                self.error(F020, node.spot, message, "tell of the operator in a node before it");
            } else if let Some(path) = bounds::untold_way(self.flow, index) {
                let path = bounds::names(self.flow, &path);
                let message = format!(
                    "callers hear the advertisement `{}` before they know how to reach a person: {path}",
                    node.name
                );
                let help = "play it after a node with `mentions_operator: true`";
                self.error(F020, node.spot, message, help);
            }
        }
    }

    fn depth(&mut self) {
        let promised = &self.flow.promises.max_depth;
        let most = promised.as_ref().map_or(DEPTH_DEFAULT, |promised| promised.value);
        for (depth, (_, node)) in bounds::depths(self.flow).into_iter().zip(self.flow.indexed()) {
            let level = depth.unwrap_or_default() + 1;
            if matches!(node.kind, Kind::Menu(_)) && level > most {
                let message =
                    format!("menu `{}` is at level {level}, the limit is {most}", node.name);
                self.error(F006, node.spot, message, "callers get lost; offer it higher up");
            }
        }
    }

    fn endless(&mut self, nodes: &[NodeIx]) {
        let first = self.flow.node(nodes[0]);
        let path = bounds::names(self.flow, nodes);
        let message =
            format!("a caller who presses nothing can go round for ever: {path} -> {}", first.name);
        let help = "give one of these nodes `max_visits` and a `then` that leads out";
        self.error(F003, first.spot, message, help);
    }

    fn promises(&mut self, bounds: &Bounds) {
        let promises = &self.flow.promises;
        if let Some(promise) = &promises.silent_caller_in_queue_within {
            let path = bounds::names(self.flow, &bounds.silent_path);
            let what = "a caller who presses nothing stands in a queue after";
            self.promise(F008, promise, what, bounds.silent, &format!("the longest way: {path}"));
            if let Some(lost) = &bounds.lost {
                let path = bounds::names(self.flow, lost);
                let message = format!("a caller who presses nothing is hung up on: {path}");
                let help = "lead `silence` to a queue instead";
                self.error(F008, promise.spot, message, help);
            }
        }
        if let Some(promise) = &promises.told_about_operator_within {
            let what = "the caller has heard how to reach a person after";
            let help = "say it in the greeting (`mentions_operator: true`), or shorten what is played before";
            self.promise(F009, promise, what, bounds.told, help);
        }
        if let Some(promise) = &promises.urgent_in_queue_within {
            for (node, option, time) in &bounds.urgent {
                let place = self.flow.node(*node);
                let Kind::Menu(menu) = &place.kind else { continue };
                let key = menu.options[*option].key.value;
                let what =
                    format!("key {key} of `{}` is urgent and leads to a queue after", place.name);
                let help = "offer it first, and shorten what is played before";
                self.promise(F011, promise, &what, *time, help);
            }
        }
    }

    fn promise(
        &mut self,
        code: &'static str,
        promise: &Spanned<Duration>,
        what: &str,
        time: Option<Duration>,
        help: &str,
    ) {
        if time.is_some_and(|time| time <= promise.value) {
            return;
        }
        let after =
            time.map_or("never, perhaps".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        let message = format!("{what}: {after}; {} is promised", show(promise.value));
        self.error(code, promise.spot, message, help);
    }
}

/// Every prompt of a node; music is none.
pub(crate) fn prompts_of(node: &Node) -> Vec<&PromptRef> {
    match &node.kind {
        Kind::Say(say) => say.play.iter().collect(),
        Kind::Menu(menu) => {
            let options = menu.options.iter().filter_map(|option| option.say.as_ref());
            menu.play.iter().chain(&menu.sorry).chain(options).collect()
        }
        Kind::Digits(digits) => digits.play.iter().chain(&digits.sorry).collect(),
        Kind::Callback(callback) => {
            let asked = callback.confirm.iter().chain(&callback.choose).chain(&callback.enter);
            callback.play.iter().chain(asked).chain(&callback.sorry).collect()
        }
        Kind::Survey(survey) => {
            survey.offer.iter().chain(survey.ask.iter().map(|question| &question.play)).collect()
        }
        Kind::Http(http) => http.play.iter().collect(),
        Kind::Hangup(hangup) => hangup.play.iter().collect(),
        Kind::Queue(queue) => {
            let announced = queue.rules.iter().filter_map(|rule| match &rule.act {
                WaitAct::Announce(play) => Some(play.iter()),
                WaitAct::Overflow(_) | WaitAct::Callback(_) => None,
            });
            announced.flatten().collect()
        }
        Kind::Set(_)
        | Kind::Hours(_)
        | Kind::Rollout(_)
        | Kind::Bot(_)
        | Kind::Transfer(_)
        | Kind::Call(_) => Vec::new(),
    }
}
