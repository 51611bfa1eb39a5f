//! What another version of a flow changes, in words that whoever answers for the line can judge.
//!
//! Two loaded flows are compared node by node, by name, and by what callers notice: the figures behind the promises,
//! what is played, where every key and outcome leads. Comments and the order of nodes change nothing.

use super::bounds::{self, Bounds};
use super::check::Surroundings;
use super::model::{
    Flow, Kind, Node, PromptRef, Queue, Said, Sent, Target, Template, Var, VarIx, VarKind, WaitAct,
    WaitPoint, WaitRule, Way,
};
use super::yaml::show;
use crate::saying::Manner;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A flow with the recordings it plays.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Lengths and texts of its prompts.
    pub around: &'a Surroundings,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The node it is in; none for the flow as a whole.
    pub node: Option<Arc<str>>,
    /// What is other, one sentence without a full stop.
    pub text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Something of a flow or node that has a name and a value: `timeout`, `4s`.
type Trait = (String, String);

/// Everything that is other: the flow first, then nodes in the order of the new file, then nodes that are gone, then
/// prompts and tests. Empty when callers notice nothing.
pub fn diff(old: Version<'_>, new: Version<'_>) -> Vec<Change> {
    let mut texts = traits(&head(old.flow), &head(new.flow));
    texts.extend(figures(old, new));
    let variables = |flow: &Flow| flow.vars.iter().map(variable).collect::<Vec<_>>();
    texts.extend(traits(&variables(old.flow), &variables(new.flow)));
    let mut changes: Vec<Change> = texts.into_iter().map(of_flow).collect();
    for node in &new.flow.nodes {
        let name = Some(Arc::clone(&node.name));
        let texts = match old.flow.find(&node.name) {
            None => vec![format!("is new, a `{}`{}", node.kind_name(), leads(new.flow, node))],
            Some(was) => changed(old.flow, old.flow.node(was), new.flow, node),
        };
        changes.extend(texts.into_iter().map(|text| Change { node: name.clone(), text }));
    }
    for node in old.flow.nodes.iter().filter(|node| new.flow.find(&node.name).is_none()) {
        let text = format!("is gone, a `{}`{}", node.kind_name(), leads(old.flow, node));
        changes.push(Change { node: Some(Arc::clone(&node.name)), text });
    }
    changes.extend(recordings(old, new).into_iter().map(of_flow));
    changes.extend(tests(old.flow, new.flow).into_iter().map(of_flow));
    changes
}

fn of_flow(text: String) -> Change {
    Change { node: None, text }
}

/// What differs between two lists of traits, in the order of the new one.
fn traits(old: &[Trait], new: &[Trait]) -> Vec<String> {
    let before: BTreeMap<&str, &str> = old.iter().map(|(k, v)| (&**k, &**v)).collect();
    let after: BTreeSet<&str> = new.iter().map(|(name, _)| &**name).collect();
    let mut texts = Vec::new();
    for (name, value) in new {
        match before.get(&**name) {
            None => texts.push(format!("{name}: {value} (new)")),
            Some(was) if was != value => texts.push(format!("{name}: {was} -> {value}")),
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(name, _)| !after.contains(&**name));
    texts.extend(gone.map(|(name, value)| format!("{name}: no more, before: {value}")));
    texts
}

// ---- the flow as a whole ------------------------------------------------------------------------

fn head(flow: &Flow) -> Vec<Trait> {
    let mut all = Traits::default();
    all.put("name", &flow.name);
    all.maybe("title", flow.title.as_ref());
    all.maybe("owner", flow.owner.as_ref());
    let languages: Vec<&str> = flow.languages.iter().map(|language| &*language.value).collect();
    all.put("languages", languages.join(", "));
    all.maybe("calendar", flow.calendar.as_ref().map(|calendar| &calendar.value));
    all.put("a call begins at", to(flow, flow.start));
    let keys: Vec<String> = flow.operator.keys.iter().map(|key| key.value.to_string()).collect();
    all.put("operator key", keys.join(", "));
    all.put("the operator key leads to", to(flow, flow.operator.to));
    for words in &flow.operator.words {
        let phrases: Vec<&str> = words.phrases.iter().map(|phrase| &*phrase.value).collect();
        let language = &words.language.value;
        all.put(format!("words for the operator in {language}"), phrases.join(", "));
    }
    let promises = &flow.promises;
    let most = [("max_depth", &promises.max_depth), ("max_options", &promises.max_options)];
    for (name, promise) in most {
        all.maybe(name, promise.as_ref().map(|promise| promise.value));
    }
    all.0
}

/// What the promises are about, as it was and as it is, with what is promised.
fn figures(old: Version<'_>, new: Version<'_>) -> Vec<String> {
    let (before, after) = (computed(old), computed(new));
    let (was, is) = (&old.flow.promises, &new.flow.promises);
    let secs = |time: Option<Duration>| match time {
        Some(time) => format!("{:.1} s", time.as_secs_f64()),
        None => "never".to_owned(),
    };
    let promised = |promise: Option<Duration>| match promise {
        Some(promise) => show(promise),
        None => "nothing".to_owned(),
    };
    let urgent = |bounds: &Option<Bounds>| {
        let times = bounds.iter().flat_map(|bounds| bounds.urgent.iter().map(|(_, _, time)| *time));
        times.max_by_key(|time| time.unwrap_or(Duration::MAX)).flatten()
    };
    let rows = [
        (
            "the caller has heard how to reach a person after",
            [&before, &after].map(|bounds| bounds.as_ref().and_then(|bounds| bounds.told)),
            [was, is].map(|promises| promises.told_about_operator_within.as_ref()),
        ),
        (
            "a caller who presses nothing stands in a queue after",
            [&before, &after].map(|bounds| bounds.as_ref().and_then(|bounds| bounds.silent)),
            [was, is].map(|promises| promises.silent_caller_in_queue_within.as_ref()),
        ),
        (
            "the slowest urgent option leads to a queue after",
            [urgent(&before), urgent(&after)],
            [was, is].map(|promises| promises.urgent_in_queue_within.as_ref()),
        ),
    ];
    let mut texts = Vec::new();
    for (what, [before, after], promises) in rows {
        let [was, is] = promises.map(|promise| promise.map(|promise| promise.value));
        if secs(before) == secs(after) && was == is {
            continue;
        }
        let mut text = match secs(before) == secs(after) {
            true => format!("{what}: {} as before", secs(after)),
            false => format!("{what}: {} -> {}", secs(before), secs(after)),
        };
        match was == is {
            true if is.is_some() => text += &format!("; promised: {}", promised(is)),
            true => {}
            false => text += &format!("; promised: {} -> {}", promised(was), promised(is)),
        }
        texts.push(text);
    }
    texts
}

/// The figures; none for a flow that a silent caller can't leave.
fn computed(version: Version<'_>) -> Option<Bounds> {
    let ends = bounds::endless_loops(version.flow).is_empty();
    ends.then(|| bounds::bounds(version.flow, version.around))
}

fn variable(var: &Var) -> Trait {
    let mut text = match &var.kind {
        VarKind::Language => "language".to_owned(),
        VarKind::Text => "text".to_owned(),
        VarKind::Digits => "digits".to_owned(),
        VarKind::Enum(values) => {
            let values: Vec<&str> = values.iter().map(|value| &**value).collect();
            format!("one of {}", values.join(", "))
        }
        VarKind::Value(Manner::Number) => "number".to_owned(),
        VarKind::Value(Manner::Digits) => "digits".to_owned(),
        VarKind::Value(Manner::Money(currency)) => format!("money in {}", currency.code()),
        VarKind::Value(Manner::Date) => "date".to_owned(),
        VarKind::Value(Manner::Time) => "time".to_owned(),
    };
    if var.secret {
        text += ", secret";
    }
    if let Some(default) = &var.default {
        text += &format!(", `{default}` at first");
    }
    (format!("variable `{}`", var.name), text)
}

// ---- nodes --------------------------------------------------------------------------------------

fn changed(old_flow: &Flow, old: &Node, new_flow: &Flow, new: &Node) -> Vec<String> {
    let mut texts = Vec::new();
    if old.kind_name() != new.kind_name() {
        texts.push(format!("is a `{}` now, it was a `{}`", new.kind_name(), old.kind_name()));
    }
    texts.extend(ways(&led(old_flow, old), &led(new_flow, new)));
    if old.kind_name() == new.kind_name() {
        texts.extend(traits(&settings(old_flow, old), &settings(new_flow, new)));
    }
    texts
}

/// Where each outcome leads; several of one name in order.
fn led(flow: &Flow, node: &Node) -> Vec<(Way, String)> {
    let mut all: Vec<(Way, String)> = Vec::new();
    for (way, target) in node.edges() {
        let name = to(flow, target);
        match all.iter_mut().find(|(known, _)| *known == way) {
            Some((_, names)) => *names += &format!(", {name}"),
            None => all.push((way, name)),
        }
    }
    all
}

fn ways(old: &[(Way, String)], new: &[(Way, String)]) -> Vec<String> {
    let find = |list: &[(Way, String)], way| {
        list.iter().find(|(known, _)| *known == way).map(|(_, to)| to.clone())
    };
    let mut texts = Vec::new();
    for (way, to) in new {
        match find(old, *way) {
            None => texts.push(format!("{way} is new and leads to {to}")),
            Some(was) if was != *to => {
                texts.push(format!("{way} now leads to {to}, before: {was}"));
            }
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(way, _)| find(new, *way).is_none());
    texts.extend(gone.map(|(way, to)| format!("{way} is gone, it led to {to}")));
    texts
}

/// Where a node leads, for one that is only in one of the versions.
fn leads(flow: &Flow, node: &Node) -> String {
    let ways: Vec<String> =
        led(flow, node).into_iter().map(|(way, to)| format!("{way} -> {to}")).collect();
    if ways.is_empty() { String::new() } else { format!(": {}", ways.join(", ")) }
}

fn to(flow: &Flow, target: Target) -> String {
    format!("`{}`", flow.node(target.node).name)
}

/// What a node is set to, but for where it leads.
fn settings(flow: &Flow, node: &Node) -> Vec<Trait> {
    let mut all = Traits::default();
    all.maybe("max_visits", node.visits.map(|visits| visits.max));
    let var = |var: VarIx| &flow.var(var).name;
    match &node.kind {
        Kind::Say(say) => {
            all.prompts(flow, "plays", &say.play);
            all.flag("tells of the operator", say.mentions_operator);
            all.flag("advertises", say.advert);
        }
        Kind::Menu(menu) => {
            all.prompts(flow, "plays", &menu.play);
            all.prompts(flow, "when asked again, plays", &menu.sorry);
            all.flag("tells of the operator", menu.mentions_operator);
            all.put("timeout", show(menu.timeout));
            all.put("attempts", menu.attempts);
            let keys: Vec<String> =
                menu.options.iter().map(|option| option.key.value.to_string()).collect();
            all.put("options in order", keys.join(" "));
            for option in &menu.options {
                let key = option.key.value;
                all.prompts(flow, &format!("key {key} plays"), option.say.as_slice());
                all.maybe(&format!("key {key} is called"), option.label.as_ref());
                all.flag(&format!("key {key} is urgent"), option.urgent);
            }
        }
        Kind::Digits(digits) => {
            all.prompts(flow, "plays", &digits.play);
            all.prompts(flow, "when asked again, plays", &digits.sorry);
            all.put("into", var(digits.into));
            let (least, most) = (digits.length.start(), digits.length.end());
            all.put("length", format!("{least}-{most}"));
            all.maybe("end_key", digits.end_key);
            all.put("timeout", show(digits.timeout));
            all.put("between", show(digits.between));
            all.put("attempts", digits.attempts);
        }
        Kind::Set(set) => {
            for (index, value) in &set.vars {
                all.put(format!("sets `{}` to", var(*index)), value);
            }
        }
        Kind::Http(http) => {
            all.put("asks", http.uses());
            all.put("timeout", show(http.timeout));
            let sent = http.send.iter().map(|sent| match sent.value {
                Sent::Var(index) => var(index).to_string(),
                Sent::OfCall(of_call) => of_call.as_str().to_owned(),
            });
            all.put("sends", sent.collect::<Vec<_>>().join(", "));
            for (index, pointer) in &http.set {
                all.put(format!("takes `{}` from", var(index.value)), pointer);
            }
            all.prompts(flow, "plays meanwhile", &http.play);
        }
        Kind::Hours(hours) => all.put("calendar", &hours.calendar.value),
        Kind::Rollout(rollout) => all.put("rollout", &rollout.name.value),
        Kind::Bot(bot) => {
            all.put("bot", &bot.uses.value);
            all.put("max_duration", show(bot.max_duration));
        }
        Kind::Queue(queue) => all.queue(flow, queue),
        Kind::Transfer(transfer) => {
            all.put("number", &transfer.to.value);
            all.put("timeout", show(transfer.timeout));
        }
        Kind::Callback(callback) => {
            all.put("queue", &callback.queue.value);
            all.put("key", callback.key);
            all.put("timeout", show(callback.timeout));
            all.prompts(flow, "plays", &callback.play);
            all.prompts(flow, "before the number, plays", &callback.confirm);
            all.prompts(flow, "behind the number, plays", &callback.choose);
            all.prompts(flow, "for another number, plays", &callback.enter);
            all.prompts(flow, "when asked again, plays", &callback.sorry);
        }
        Kind::Survey(survey) => {
            all.prompts(flow, "offers with", survey.offer.as_slice());
            all.put("timeout", show(survey.timeout));
            for question in &survey.ask {
                let (least, most) = (question.scores.start(), question.scores.end());
                let play = spoken(flow, &question.play);
                all.put(format!("question `{}`", question.id), format!("{play}, {least}-{most}"));
            }
        }
        Kind::Call(call) => all.put("sub-flow", &call.subflow),
        Kind::Hangup(hangup) => all.prompts(flow, "plays", &hangup.play),
    }
    all.0
}

#[derive(Default)]
struct Traits(Vec<Trait>);

impl Traits {
    fn put(&mut self, name: impl Into<String>, value: impl fmt::Display) {
        self.0.push((name.into(), value.to_string()));
    }

    fn maybe(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.put(name, if value { "yes" } else { "no" });
    }

    fn prompts(&mut self, flow: &Flow, name: &str, prompts: &[PromptRef]) {
        if !prompts.is_empty() {
            let names: Vec<String> = prompts.iter().map(|prompt| spoken(flow, prompt)).collect();
            self.put(name, names.join(", "));
        }
    }

    fn queue(&mut self, flow: &Flow, queue: &Queue) {
        self.put("queue", &queue.name.value);
        let requires = queue.requires.clone().map(|expression| {
            let mut name =
                |template| Ok::<_, std::convert::Infallible>(template_of(flow, &template));
            let Ok(named) = expression.try_map(&mut name);
            named
        });
        self.maybe("requires", requires);
        self.put("priority", queue.priority);
        if let Some(raise) = &queue.raise {
            let when =
                raise.when.iter().map(|(var, value)| format!("{}={value}", flow.var(*var).name));
            let when: Vec<String> = when.collect();
            self.put(format!("priority when {}", when.join(" and ")), raise.priority);
        }
        self.maybe("music", queue.music.as_ref().map(|music| &music.value));
        self.maybe("max_wait", queue.max_wait.map(show));
        let rules: Vec<String> = queue.rules.iter().map(|rule| rule_of(flow, rule)).collect();
        if !rules.is_empty() {
            self.put("rules of waiting", rules.join("; "));
        }
        self.flag("the place is lost behind it", queue.lose_place);
    }
}

fn rule_of(flow: &Flow, rule: &WaitRule) -> String {
    let at = match rule.at {
        WaitPoint::Waited(waited) => format!("after {}", show(waited)),
        WaitPoint::EstimateOver(over) => format!("when more than {} are expected", show(over)),
        WaitPoint::PositionOver(over) => format!("behind place {over}"),
    };
    let act = match &rule.act {
        WaitAct::Announce(play) => {
            let names: Vec<String> = play.iter().map(|prompt| spoken(flow, prompt)).collect();
            format!("hears {}", names.join(", "))
        }
        WaitAct::Overflow(target) => format!("goes on to {}", to(flow, *target)),
        WaitAct::Callback(target) => format!("is offered {}", to(flow, *target)),
    };
    format!("{at} {act}")
}

fn template_of(flow: &Flow, template: &Template) -> String {
    use super::model::Part;
    let parts = template.parts.iter().map(|part| match part {
        Part::Text(text) => text.to_string(),
        Part::Var(var) => format!("{{{}}}", flow.var(*var).name),
    });
    parts.collect()
}

fn spoken(flow: &Flow, prompt: &PromptRef) -> String {
    let name = match &prompt.said {
        Said::Recording(name) => name.to_string(),
        Said::Value(var, _) => format!("{{{}}}", flow.var(*var).name),
    };
    match &prompt.language {
        Some(language) => format!("{name} in {language}"),
        None => name,
    }
}

// ---- prompts and tests --------------------------------------------------------------------------

/// Recordings that both versions play and that are not the same length, or don't say the same.
fn recordings(old: Version<'_>, new: Version<'_>) -> Vec<String> {
    let (before, after) = (played(old.flow), played(new.flow));
    let mut texts = Vec::new();
    for name in before.intersection(&after) {
        for language in new.flow.languages.iter().map(|language| &*language.value) {
            let facts = |around: &Surroundings| {
                around.prompts.get(language).and_then(|prompts| prompts.get(&**name)).cloned()
            };
            let (Some(was), Some(is)) = (facts(old.around), facts(new.around)) else { continue };
            let prompt = format!("prompt {language}/{name}");
            if let (Some(was), Some(is)) = (&was.text, &is.text)
                && was != is
            {
                texts.push(format!("{prompt} says \"{is}\", before: \"{was}\""));
            }
            let secs = |facts: Duration| format!("{:.1} s", facts.as_secs_f64());
            if secs(was.duration) != secs(is.duration) {
                texts.push(format!("{prompt}: {} -> {}", secs(was.duration), secs(is.duration)));
            }
        }
    }
    texts
}

fn played(flow: &Flow) -> BTreeSet<Arc<str>> {
    let prompts = flow.nodes.iter().flat_map(super::check::prompts_of);
    let names = prompts.filter_map(|prompt| match &prompt.said {
        Said::Recording(name) => Some(Arc::clone(name)),
        Said::Value(..) => None,
    });
    names.collect()
}

fn tests(old: &Flow, new: &Flow) -> Vec<String> {
    let names = |flow: &Flow| -> BTreeSet<Arc<str>> {
        flow.tests.iter().map(|case| Arc::clone(&case.name)).collect()
    };
    let (before, after) = (names(old), names(new));
    let mut texts: Vec<String> =
        after.difference(&before).map(|name| format!("test is new: {name}")).collect();
    texts.extend(before.difference(&after).map(|name| format!("test is gone: {name}")));
    texts
}

#[cfg(test)]
mod tests {
    use super::super::check::PromptFacts;
    use super::super::load::load;
    use super::*;

    const OLD: &str = r#"
flow: f
languages: [ru]
start: hello
promises: {silent_caller_in_queue_within: 30s}
operator: {keys: ["0"], to: q}
vars: {code: {type: digits, secret: true}}
nodes:
  hello: {say: {play: [hello, hint], mentions_operator: true, next: main}}
  main:
    menu:
      timeout: 4s
      options:
        "1": {say: stolen, to: q, urgent: true}
        "2": {say: cards, to: cards}
      silence: q
      wrong: q
  cards: {queue: {name: cards, priority: 4, max_wait: 5m, after: {answered: bye, max_wait: q, nobody: q}}}
  q: {queue: {name: general, max_wait: 1m, after: {answered: bye, max_wait: bye, nobody: bye}}}
  bye: {hangup: }
tests: [{name: silence, then: {in_queue: general}}]
"#;

    fn around(hello: u64) -> Surroundings {
        let mut around = Surroundings::default();
        for (name, secs) in [("hello", hello), ("hint", 2), ("stolen", 2), ("cards", 2), ("ad", 9)]
        {
            let facts = PromptFacts { duration: Duration::from_secs(secs), text: None };
            around.add_prompt("ru", name, facts);
        }
        around
    }

    fn changes(new: &str, hello: u64) -> Vec<String> {
        let load = |text| load("f.yaml", text).unwrap_or_else(|found| panic!("{found:#?}"));
        let (old, new) = (load(OLD), load(new));
        let (before, after) = (around(3), around(hello));
        let old = Version { flow: &old, around: &before };
        let new = Version { flow: &new, around: &after };
        diff(old, new).iter().map(ToString::to_string).collect()
    }

    fn edit(edits: &[(&str, &str)]) -> String {
        let apply = |text: String, (from, to): &(&str, &str)| {
            assert!(text.contains(from), "{from:?} is not there");
            text.replacen(from, to, 1)
        };
        edits.iter().fold(OLD.to_owned(), apply)
    }

    #[test]
    fn what_callers_do_not_notice_is_no_difference() {
        assert_eq!(changes(&format!("# a comment\n{OLD}"), 3), [""; 0]);
    }

    #[test]
    fn an_advert_before_the_menu_is_told_with_what_it_costs() {
        let new = edit(&[("play: [hello, hint]", "play: [ad, hello, hint]")]);
        assert_eq!(
            changes(&new, 3),
            [
                "the caller has heard how to reach a person after: 5.0 s -> 14.0 s",
                "a caller who presses nothing stands in a queue after: 21.0 s -> 30.0 s; promised: 30s",
                "the slowest urgent option leads to a queue after: 7.0 s -> 16.0 s",
                "hello: plays: hello, hint -> ad, hello, hint",
            ]
        );
    }

    #[test]
    fn options_and_outcomes_are_told_by_where_they_lead() {
        let new = edit(&[
            ("\"2\": {say: cards, to: cards}", "\"2\": {say: cards, to: news}"),
            ("silence: q\n", "silence: cards\n"),
            ("  bye:", "  news: {say: {play: ad, next: cards}}\n  bye:"),
            ("max_wait: 1m", "lose_place: true, max_wait: 1m"),
            ("urgent: true", "label: theft"),
            ("timeout: 4s", "timeout: 5s"),
            ("30s", "40s"),
        ]);
        assert_eq!(
            changes(&new, 3),
            [
                "a caller who presses nothing stands in a queue after: 21.0 s -> 23.0 s; promised: 30s -> 40s",
                "the slowest urgent option leads to a queue after: 7.0 s -> never",
                "main: key 2 now leads to `news`, before: `cards`",
                "main: silence now leads to `cards`, before: `q`",
                "main: timeout: 4s -> 5s",
                "main: key 1 is called: theft (new)",
                "main: key 1 is urgent: yes -> no",
                "q: the place is lost behind it: no -> yes",
                "news: is new, a `say`: next -> `cards`",
            ]
        );
    }

    #[test]
    fn what_is_gone_and_what_became_something_else_is_told() {
        let queue = "{queue: {name: cards, priority: 4, max_wait: 5m, after: {answered: bye, max_wait: q, nobody: q}}}";
        let new = edit(&[
            (queue, "{say: {play: ad, next: q}}"),
            ("        \"2\": {say: cards, to: cards}\n", ""),
            ("name: silence", "name: nobody speaks"),
            ("secret: true", "default: \"12\""),
        ]);
        let told = changes(&new, 4);
        for wanted in [
            "variable `code`: digits, secret -> digits, `12` at first",
            "main: key 2 is gone, it led to `cards`",
            "main: key 2 plays: no more, before: cards",
            "cards: is a `say` now, it was a `queue`",
            "cards: next is new and leads to `q`",
            "prompt ru/hello: 3.0 s -> 4.0 s",
            "test is new: nobody speaks",
            "test is gone: silence",
        ] {
            assert!(told.iter().any(|text| text == wanted), "{wanted:?} is not in {told:#?}");
        }
    }
}
