//! Nodes that call a sub-flow: its nodes become nodes of this flow, once for each call, named `<call>.<node>`.
//!
//! Whatever holds for nodes then holds for them too: the operator exit, promises, tests, pictures. A parameter is
//! written `$name` in the sub-flow and replaced before anything is read; an outcome is the name of a node that is not
//! there, and leads where the call says. Variables of a sub-flow are its own.

use super::{F012, F015, F019, Loader};
use crate::flow::diagnostic::{Diagnostic, Spot};
use crate::flow::grammar;
use crate::flow::library::Subflow;
use crate::flow::limits::{CALL_DEPTH_MAX, NODES_MAX, OUTCOMES_MAX, PARAMS_MAX};
use crate::flow::model::{Call, NodeIx, Target, Var, VarIx, VarKind};
use crate::flow::yaml::{Fields, Value, Word, Y004, Yaml};
use crate::saying::Manner;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One sub-flow in the place of one call.
pub(super) struct Scope {
    /// What stands before the names of its nodes and variables; nothing for the flow itself.
    pub(super) prefix: String,
    /// The scope of the call.
    outer: usize,
    /// Where its outcomes lead: names in the outer scope.
    outcomes: BTreeMap<String, String>,
    /// Its own variables.
    fresh: Vec<VarIx>,
    /// Its first node, by the name it has in the sub-flow, and where that is said.
    start: Option<(String, Spot)>,
    /// The sub-flows it stands in, itself the last; for those who call themselves.
    stack: Vec<Arc<str>>,
}

impl Scope {
    /// The flow itself.
    pub(super) fn flow() -> Scope {
        Scope {
            prefix: String::new(),
            outer: 0,
            outcomes: BTreeMap::new(),
            fresh: Vec::new(),
            start: None,
            stack: Vec::new(),
        }
    }
}

/// A node and where its names are looked up.
pub(super) struct Placed {
    /// Its whole name, and where it stands.
    pub(super) word: Word,
    pub(super) body: Yaml,
    pub(super) scope: usize,
}

/// A parameter of a sub-flow.
struct Param {
    name: String,
    spot: Spot,
    kind: ParamKind,
    default: Option<Yaml>,
}

#[derive(Clone, Copy)]
enum ParamKind {
    Prompt,
    Duration,
    Number,
    Text,
    Key,
    /// A variable of the caller, of the type with this name.
    Variable(&'static str),
}

impl Loader<'_> {
    /// The nodes of a flow with those of all sub-flows that it calls.
    pub(super) fn place(&mut self, nodes: Fields<'_>, scope: usize) -> Vec<Placed> {
        let mut placed = Vec::new();
        self.place_into(nodes, scope, &mut placed);
        placed
    }

    fn place_into(&mut self, nodes: Fields<'_>, scope: usize, placed: &mut Vec<Placed>) {
        for (word, body) in nodes.iter() {
            if placed.len() > NODES_MAX {
                return;
            }
            self.check_name(&word.text, word.spot);
            let name = format!("{}{}", self.scopes[scope].prefix, word.text);
            let whole = Word { text: name, spot: word.spot };
            placed.push(Placed { word: whole, body: body.clone(), scope });
            let call = match &body.value {
                Value::Map(kinds) => kinds.iter().find(|(kind, _)| kind.text == "call"),
                Value::Word { .. } | Value::List(_) => None,
            };
            if let Some((kind, body)) = call {
                self.expand(word, kind.spot, body, scope, placed);
            }
        }
    }

    /// Places the nodes of the sub-flow that a node calls. What is wrong with the call is told.
    fn expand(
        &mut self,
        node: &Word,
        spot: Spot,
        body: &Yaml,
        scope: usize,
        placed: &mut Vec<Placed>,
    ) {
        let Some(fields) = self.reader.shape(body, &grammar::CALL) else { return };
        let fields = fields.at(spot);
        let Some(subflow) = self.called(fields) else { return };
        let mut stack = self.scopes[scope].stack.clone();
        if stack.contains(&subflow.name) || stack.len() >= CALL_DEPTH_MAX {
            let way: Vec<&str> = stack.iter().chain([&subflow.name]).map(|name| &**name).collect();
            let message = format!("sub-flows call each other in a circle: {}", way.join(" -> "));
            let at = fields.get("flow").map_or(spot, |yaml| yaml.spot);
            let found = Diagnostic::error(F019, self.reader.file(), at, message);
            let help = format!("at most {CALL_DEPTH_MAX} deep, and none of them twice");
            self.reader.push(found.help(help));
            return;
        }
        stack.push(Arc::clone(&subflow.name));
        let Some(top) = self.reader.shape(&subflow.tree, &grammar::SUBFLOW) else { return };
        let params = self.params(top);
        let outcomes = self.outcomes(top, fields, spot);
        self.scope = scope;
        let arguments = self.arguments(&params, fields, spot, &subflow.name);
        self.scope = 0;
        // Which variable is meant nobody can guess: what that leads to in the sub-flow is not told.
        let Some(arguments) = arguments else { return };
        let inner = self.scopes.len();
        let start = top
            .get("start")
            .and_then(|yaml| Some((self.reader.word(yaml, "the name of a node")?, yaml.spot)));
        let start = start.map(|(name, spot)| (name.to_owned(), spot));
        if start.is_none() {
            self.reader.need(top, grammar::SUBFLOW.name, "start");
        }
        self.scopes.push(Scope {
            prefix: format!("{}{}.", self.scopes[scope].prefix, node.text),
            outer: scope,
            outcomes,
            fresh: Vec::new(),
            start,
            stack,
        });
        let declared = self.declared.len();
        self.scope = inner;
        self.vars(top);
        self.scopes[inner].fresh =
            (declared..self.declared.len()).map(|at| VarIx(at as u32)).collect();
        self.scope = 0;
        let name = format!("{}{}", self.scopes[scope].prefix, node.text);
        self.calls.insert(name, inner);
        if !self.used.iter().any(|own| own.name == subflow.name) {
            self.used.push(Arc::clone(&subflow));
        }
        let Some(nodes) = self.reader.need(top, grammar::SUBFLOW.name, "nodes") else { return };
        let nodes = self.filled(nodes, &arguments);
        let Some(nodes) = self.reader.entries(&nodes, "nodes") else { return };
        for (word, _) in nodes.iter() {
            if self.scopes[inner].outcomes.contains_key(&word.text) {
                let message = format!("`{}` is a node and an outcome", word.text);
                self.reader.error(F019, word.spot, message);
            }
        }
        self.place_into(nodes, inner, placed);
    }

    /// The sub-flow that a call names.
    fn called(&mut self, fields: Fields<'_>) -> Option<Arc<Subflow>> {
        let yaml = self.reader.need(fields, "call", "flow")?;
        let name = self.reader.word(yaml, "the name of a sub-flow")?;
        let library = self.library;
        let known = library.find(name).cloned();
        if known.is_none() {
            let message = format!("there is no sub-flow `{name}`");
            let found = Diagnostic::error(F019, self.reader.file(), yaml.spot, message)
                .help("a file beside this one that begins with `subflow: <name>`")
                .nearest(name, library.names());
            self.reader.push(found);
        }
        known
    }

    fn params(&mut self, top: Fields<'_>) -> Vec<Param> {
        let Some(yaml) = top.get("params") else { return Vec::new() };
        let Some(fields) = self.reader.entries(yaml, "params") else { return Vec::new() };
        if fields.iter().count() > PARAMS_MAX {
            self.reader.error(Y004, yaml.spot, format!("at most {PARAMS_MAX} parameters"));
        }
        let mut params = Vec::new();
        for (word, yaml) in fields.iter().take(PARAMS_MAX) {
            self.check_name(&word.text, word.spot);
            let Some(fields) = self.reader.shape(yaml, &grammar::PARAM) else { continue };
            let Some(kind) = self.param_kind(fields.at(word.spot)) else { continue };
            let (name, default) = (word.text.clone(), fields.get("default").cloned());
            if let (ParamKind::Variable(_), Some(default)) = (kind, &default) {
                let message = "a sub-flow knows no variable of its callers: this needs no default";
                self.reader.error(Y004, default.spot, message);
            }
            params.push(Param { name, spot: word.spot, kind, default });
        }
        params
    }

    fn param_kind(&mut self, fields: Fields<'_>) -> Option<ParamKind> {
        let yaml = self.reader.need(fields, "a parameter", "type")?;
        let word = self.reader.word(yaml, "a type of parameters")?;
        let of = fields.get("of");
        let kind = match word {
            "prompt" => ParamKind::Prompt,
            "duration" => ParamKind::Duration,
            "number" => ParamKind::Number,
            "text" => ParamKind::Text,
            "key" => ParamKind::Key,
            "variable" => {
                let of = self.reader.need(fields, "a parameter that is a variable", "of")?;
                let word = self.reader.word(of, "a type of variables")?;
                let known = grammar::TYPES.into_iter().find(|known| *known == word);
                if known.is_none() {
                    self.no_type(word, of.spot, &grammar::TYPES);
                }
                return known.map(ParamKind::Variable);
            }
            _ => {
                self.no_type(word, yaml.spot, &grammar::PARAM_TYPES);
                return None;
            }
        };
        if let Some(of) = of {
            self.reader.error(Y004, of.spot, "only a parameter that is a variable is `of` a type");
        }
        Some(kind)
    }

    fn no_type(&mut self, word: &str, spot: Spot, known: &[&'static str]) {
        let message = format!("there is no type `{word}`");
        let found = Diagnostic::error(Y004, self.reader.file(), spot, message)
            .help(format!("types are {}", known.join(", ")))
            .nearest(word, known.iter().copied());
        self.reader.push(found);
    }

    /// The outcomes of a sub-flow, each with the name where the call leads by it.
    fn outcomes(
        &mut self,
        top: Fields<'_>,
        call: Fields<'_>,
        spot: Spot,
    ) -> BTreeMap<String, String> {
        let Some(yaml) = self.reader.need(top, grammar::SUBFLOW.name, "outcomes") else {
            return BTreeMap::new();
        };
        let items = self.reader.list(yaml, "outcomes");
        if items.is_empty() || items.len() > OUTCOMES_MAX {
            let message = format!("a sub-flow has 1 to {OUTCOMES_MAX} outcomes");
            self.reader.error(Y004, yaml.spot, message);
        }
        let names: Vec<&str> =
            items.iter().filter_map(|item| self.reader.word(item, "an outcome")).collect();
        for (name, item) in names.iter().zip(items) {
            self.check_name(name, item.spot);
        }
        let Some(after) = self.reader.need_or(F012, call, "call", "after") else {
            self.whole = false;
            return names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        };
        let Some(fields) = self.reader.map(after, "`after` of this call", &names) else {
            return BTreeMap::new();
        };
        let mut all = BTreeMap::new();
        for name in names {
            let to = match fields.get(name) {
                // What is no node of the caller is told when the call itself is read.
                Some(Yaml { value: Value::Word { text, .. }, .. }) => text.clone(),
                Some(_) => String::new(),
                None => {
                    self.whole = false;
                    self.reader.error(
                        F012,
                        spot,
                        format!("call does not say where `{name}` leads"),
                    );
                    String::new()
                }
            };
            all.insert(name.to_owned(), to);
        }
        all
    }

    /// What every parameter stands for in this call; `None` when a variable is not known.
    fn arguments(
        &mut self,
        params: &[Param],
        call: Fields<'_>,
        spot: Spot,
        subflow: &str,
    ) -> Option<BTreeMap<String, Yaml>> {
        let with = call.get("with");
        let names: Vec<&str> = params.iter().map(|param| &*param.name).collect();
        let fields =
            with.and_then(|yaml| self.reader.map(yaml, &format!("`with` of `{subflow}`"), &names));
        let mut arguments = BTreeMap::new();
        let mut is_whole = true;
        for param in params {
            let given = fields.and_then(|fields| fields.get(&param.name)).cloned();
            let Some(value) = given.or_else(|| param.default.clone()) else {
                let message = format!("`{subflow}` needs `{}`", param.name);
                let found = Diagnostic::error(F019, self.reader.file(), spot, message);
                self.reader
                    .push(found.help(format!("write it under `with: {{{}: …}}`", param.name)));
                is_whole &= !matches!(param.kind, ParamKind::Variable(_));
                arguments.insert(param.name.clone(), stand_in(param));
                continue;
            };
            let value = self.argument(param.kind, value);
            is_whole &= value.is_some() || !matches!(param.kind, ParamKind::Variable(_));
            arguments.insert(param.name.clone(), value.unwrap_or_else(|| stand_in(param)));
        }
        is_whole.then_some(arguments)
    }

    /// A value that suits the parameter; what does not is told.
    fn argument(&mut self, kind: ParamKind, value: Yaml) -> Option<Yaml> {
        match kind {
            ParamKind::Prompt => {
                let named = self.reader.one_or_list(&value).to_vec();
                named.iter().try_for_each(|item| self.name(item).map(drop))?;
            }
            ParamKind::Duration => {
                self.reader.duration(&value)?;
            }
            ParamKind::Number => {
                self.reader.number(&value, i32::MIN.into(), i32::MAX.into())?;
            }
            ParamKind::Text => {
                self.reader.word(&value, "a text")?;
            }
            ParamKind::Key => {
                self.key(&value)?;
            }
            ParamKind::Variable(of) => {
                let spot = value.spot;
                let name = self.reader.word(&value, "a variable")?.to_owned();
                let index = self.find_var(&name, spot)?;
                let var = &self.declared[index.0 as usize];
                let (full, is) = (var.name.to_string(), type_name(var));
                if is != of {
                    let message = format!("`{full}` is of type `{is}`, and `{of}` is wanted");
                    self.reader.error(F015, spot, message);
                }
                // The dot tells that the name is whole, whoever reads it.
                let value = Value::Word { text: format!(".{full}"), quoted: true };
                return Some(Yaml { value, spot });
            }
        }
        Some(value)
    }

    /// A tree with its parameters replaced.
    fn filled(&mut self, yaml: &Yaml, arguments: &BTreeMap<String, Yaml>) -> Yaml {
        let value = match &yaml.value {
            Value::Word { text, .. } if text.starts_with('$') => {
                return self.parameter(&text[1..], yaml.spot, arguments);
            }
            Value::Word { text, quoted } => {
                let text = self.filled_text(text, yaml.spot, arguments);
                Value::Word { text, quoted: *quoted }
            }
            Value::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    let filled = self.filled(item, arguments);
                    // A list of prompts in the place of one is those prompts.
                    match (&item.value, filled.value) {
                        (Value::Word { .. }, Value::List(inner)) => all.extend(inner),
                        (_, value) => all.push(Yaml { value, spot: filled.spot }),
                    }
                }
                Value::List(all)
            }
            Value::Map(entries) => {
                let mut all = Vec::new();
                for (word, yaml) in entries {
                    let word = match word.text.strip_prefix('$') {
                        Some(name) => {
                            let key = self.parameter(name, word.spot, arguments);
                            let Value::Word { text, .. } = key.value else { continue };
                            Word { text, spot: word.spot }
                        }
                        None => word.clone(),
                    };
                    all.push((word, self.filled(yaml, arguments)));
                }
                Value::Map(all)
            }
        };
        Yaml { value, spot: yaml.spot }
    }

    /// `lang:{$language}`: a variable in braces.
    fn filled_text(
        &mut self,
        text: &str,
        spot: Spot,
        arguments: &BTreeMap<String, Yaml>,
    ) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once("{$") {
            let Some((name, tail)) = tail.split_once('}') else { break };
            let value = match self.parameter(name, spot, arguments).value {
                Value::Word { text, .. } => text,
                Value::List(_) | Value::Map(_) => String::new(),
            };
            out.push_str(&format!("{before}{{{value}}}"));
            rest = tail;
        }
        out + rest
    }

    fn parameter(&mut self, name: &str, spot: Spot, arguments: &BTreeMap<String, Yaml>) -> Yaml {
        if let Some(value) = arguments.get(name) {
            return value.clone();
        }
        let message = format!("there is no parameter `{name}`");
        let found = Diagnostic::error(F015, self.reader.file(), spot, message)
            .help("declare it under `params`")
            .nearest(name, arguments.keys().map(String::as_str));
        self.reader.push(found);
        nothing(spot)
    }

    // ---- names in scopes ------------------------------------------------------------------------

    /// The node that a name means here: one of the sub-flow, or where an outcome of it leads.
    pub(super) fn resolve(&self, name: &str) -> Option<NodeIx> {
        let (mut scope, mut name) = (self.scope, name);
        loop {
            let Scope { prefix, outer, outcomes, .. } = &self.scopes[scope];
            match outcomes.get(name) {
                // A dot is in whole names only, which nobody writes.
                None if name.contains('.') => return None,
                None => return self.nodes.get(&format!("{prefix}{name}")).copied(),
                Some(to) => (scope, name) = (*outer, to.as_str()),
            }
        }
    }

    /// The names that may stand here.
    pub(super) fn known_nodes(&self) -> Vec<&str> {
        let Scope { prefix, outcomes, .. } = &self.scopes[self.scope];
        let own = self.nodes.keys().filter_map(|name| name.strip_prefix(&**prefix));
        let own = own.filter(|name| !name.contains('.'));
        own.chain(outcomes.keys().map(String::as_str)).collect()
    }

    /// An outcome of which the call has said nothing, or nothing that can be found: told where the call stands.
    pub(super) fn is_told(&self, name: &str) -> bool {
        self.scopes[self.scope].outcomes.contains_key(name)
    }

    /// The variable that a name means here.
    pub(super) fn var_index(&self, name: &str) -> Option<VarIx> {
        let prefix = &self.scopes[self.scope].prefix;
        let whole = name.strip_prefix('.').filter(|_| self.scope > 0);
        let name = whole.map_or_else(|| format!("{prefix}{name}"), str::to_owned);
        self.vars.get(&name).copied()
    }

    /// The names of variables that may stand here.
    pub(super) fn known_vars(&self) -> Vec<&str> {
        let prefix = &*self.scopes[self.scope].prefix;
        let own = self.vars.keys().filter_map(|name| name.strip_prefix(prefix));
        own.filter(|name| !name.contains('.')).collect()
    }

    /// The node that calls: it begins with the sub-flow's first node.
    pub(super) fn call(&mut self, name: &str, body: &Yaml, spot: Spot) -> Option<Call> {
        let fields = self.body_again(body, spot)?;
        if let Some(after) = fields.get("after").and_then(|yaml| self.reader.entries(yaml, "after"))
        {
            for (_, yaml) in after.iter() {
                self.target(yaml);
            }
        }
        let inner = *self.calls.get(name)?;
        let (start, at) = self.scopes[inner].start.clone()?;
        let outer = std::mem::replace(&mut self.scope, inner);
        let value = Value::Word { text: start, quoted: true };
        let start: Target = self.target(&Yaml { value, spot: at });
        self.scope = outer;
        let Scope { fresh, stack, .. } = &self.scopes[inner];
        let subflow = stack.last().cloned().unwrap_or_default();
        Some(Call { subflow, start, fresh: fresh.clone() })
    }

    /// The entries of a body whose keys have been looked at before.
    fn body_again<'t>(&mut self, body: &'t Yaml, spot: Spot) -> Option<Fields<'t>> {
        match &body.value {
            Value::Map(_) => self.reader.entries(body, "call").map(|fields| fields.at(spot)),
            Value::Word { .. } | Value::List(_) => None,
        }
    }

    /// Whether a variable may be declared here: the language is the flow's own.
    pub(super) fn own_language(&mut self, var: &Var) {
        if self.scope > 0 && var.kind == VarKind::Language {
            let message = "the language is the flow's own variable";
            let found = Diagnostic::error(F015, self.reader.file(), var.spot, message);
            self.reader.push(found.help("take it as a parameter: {type: variable, of: language}"));
        }
    }
}

/// What stands for a parameter of which nothing can be read: that is told, and nothing more shall be told of it.
fn stand_in(param: &Param) -> Yaml {
    let text = match param.kind {
        ParamKind::Prompt => return Yaml { value: Value::List(Vec::new()), spot: param.spot },
        ParamKind::Duration => "4s",
        ParamKind::Number | ParamKind::Key => "1",
        ParamKind::Text | ParamKind::Variable(_) => "none",
    };
    Yaml { value: Value::Word { text: text.to_owned(), quoted: false }, spot: param.spot }
}

fn nothing(spot: Spot) -> Yaml {
    Yaml { value: Value::Word { text: "none".to_owned(), quoted: true }, spot }
}

/// The word of a variable's type.
fn type_name(var: &Var) -> &'static str {
    match &var.kind {
        VarKind::Language => "language",
        VarKind::Text => "text",
        VarKind::Enum(_) => "enum",
        VarKind::Digits => "digits",
        VarKind::Value(Manner::Number) => "number",
        VarKind::Value(Manner::Digits) => "digits",
        VarKind::Value(Manner::Money(_)) => "money",
        VarKind::Value(Manner::Date) => "date",
        VarKind::Value(Manner::Time) => "time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendars;
    use crate::flow::check::{PromptFacts, Surroundings};
    use crate::flow::library::Library;
    use crate::flow::load::{F001, check_subflow, load_and_check, load_with};
    use crate::flow::model::Kind;
    use crate::flow::script::{coverage, exits, play_all};
    use crate::flow::yaml::{Y002, Y003};
    use crate::flow::{Flow, bounds, graph};
    use std::time::Duration;

    const ASK: &str = r#"subflow: ask
params:
  question: {type: prompt}
  code: {type: variable, of: digits}
  wait: {type: duration, default: 5s}
  times: {type: number, default: 2}
outcomes: [ok, failed]
vars:
  tried: {type: enum, values: [never, once], default: never}
start: enter
nodes:
  enter:
    digits: {play: [$question, more], into: $code, length: 4, timeout: $wait, between: 3s, attempts: $times, next: note,
      failed: failed}
  note: {set: {vars: {tried: once}, next: thanks}}
  thanks: {say: {play: more, next: ok}}
"#;

    const FLOW: &str = r#"flow: f
languages: [ru]
start: first
promises: {silent_caller_in_queue_within: 60s}
operator: {keys: ["0"], to: q}
vars:
  pin: {type: digits, secret: true}
  born: {type: digits}
nodes:
  first: {call: {flow: ask, with: {question: hello, code: pin}, after: {ok: q, failed: second}}}
  second:
    call: {flow: ask, with: {question: [hello, more], code: born, wait: 2s, times: 1}, after: {ok: q, failed: q}}
  q: {queue: {name: general, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  end: {hangup: }
tests:
  - name: the second one knows
    when: [{node: second.enter, press: "1234"}]
    then: {in_queue: general, path: [first, first.enter, second, second.enter, second.note, second.thanks, q]}
  - {name: the first one knows, when: [{node: first.enter, press: "1234"}], then: {in_queue: general, at_most: 9s}}
"#;

    fn around(subflows: &[&str]) -> Surroundings {
        let mut around = Surroundings::default();
        around.queues.insert("general".to_owned());
        for name in ["hello", "more"] {
            let facts = PromptFacts { duration: Duration::from_secs(3), text: None };
            around.add_prompt("ru", name, facts);
        }
        for (number, text) in subflows.iter().enumerate() {
            let added = around.library.add(&format!("sub{number}.yaml"), text);
            added.unwrap_or_else(|found| panic!("{found:#?}"));
        }
        around
    }

    fn good() -> Flow {
        let (flow, found) = load_and_check("f.yaml", FLOW, &around(&[ASK]));
        assert_eq!(found, []);
        flow.expect("nothing is wrong")
    }

    /// Code, file and line of everything that is wrong.
    fn found(flow: &str, subflows: &[&str]) -> Vec<(&'static str, String, u32)> {
        let (_, found) = load_and_check("f.yaml", flow, &around(subflows));
        found.into_iter().map(|found| (found.code, found.file, found.line)).collect()
    }

    #[test]
    fn every_call_has_nodes_and_variables_of_its_own() {
        let flow = good();
        let names: Vec<&str> = flow.nodes.iter().map(|node| &*node.name).collect();
        assert_eq!(names[..4], ["first", "first.enter", "first.note", "first.thanks"]);
        assert_eq!((names.len(), flow.vars.len()), (10, 4));
        let Kind::Digits(first) = &flow.node(flow.find("first.enter").unwrap()).kind else {
            panic!()
        };
        let Kind::Digits(second) = &flow.node(flow.find("second.enter").unwrap()).kind else {
            panic!()
        };
        assert_eq!((&*flow.var(first.into).name, &*flow.var(second.into).name), ("pin", "born"));
        assert_eq!((first.play.len(), second.play.len()), (2, 3), "a list is put into the list");
        assert_eq!((first.attempts, second.attempts), (2, 1));
        assert_eq!(
            (first.timeout, second.timeout),
            (Duration::from_secs(5), Duration::from_secs(2))
        );
        assert_eq!(flow.node(first.failed.node).name, "second".into());
        let Kind::Call(call) = &flow.node(flow.find("second").unwrap()).kind else { panic!() };
        let fresh: Vec<&str> = call.fresh.iter().map(|var| &*flow.var(*var).name).collect();
        assert_eq!((&*call.subflow, fresh), ("ask", vec!["second.tried"]));
    }

    #[test]
    fn promises_tests_pictures_and_the_operator_key_go_through_it() {
        let (flow, around) = (Arc::new(good()), around(&[ASK]));
        // 2 × (6 + 5) + 1 × (9 + 2)
        let silent = bounds::bounds(&flow, &around).silent;
        assert_eq!(silent, Some(Duration::from_secs(33)));
        let calendars = Arc::new(Calendars::new());
        let outcomes = play_all(&flow, &calendars, &around);
        let failed: Vec<String> =
            outcomes.iter().flat_map(|outcome| outcome.failures.clone()).collect();
        assert_eq!(failed, [""; 0]);
        let exits = exits(&flow, &calendars, &around, &outcomes);
        assert_eq!((exits.nodes, exits.missed.len()), (4, 0));
        assert_eq!(coverage(&flow, &outcomes).nodes_missed, ["end".into()]);
        assert!(graph::mermaid(&flow).contains("\"second.enter\""));
        let tight = FLOW.replace("within: 60s", "within: 32s");
        assert_eq!(found(&tight, &[ASK]), [("F008", "f.yaml".to_owned(), 4)]);
    }

    #[test]
    fn its_variables_begin_anew_with_every_call() {
        let again = FLOW.replacen("after: {ok: q,", "after: {ok: again,", 1).replace(
            "nodes:",
            "nodes:\n  again: {say: {play: more, next: first, max_visits: 1, then: q}}",
        );
        let flow = load_with("f.yaml", &again, &around(&[ASK]).library).unwrap();
        let mut run = crate::flow::Run::start(
            Arc::new(flow),
            Arc::new(Calendars::new()),
            dozvon_clock::Timestamp::EPOCH,
            crate::flow::Caller::default(),
        );
        let now = dozvon_clock::Timestamp::EPOCH;
        let press = |run: &mut crate::flow::Run, keys: &str| {
            for key in keys.chars().map(|c| crate::ids::Key::new(c).unwrap()) {
                run.handle(now, crate::flow::Happening::Key(key));
                while run.poll_effect().is_some() {}
            }
        };
        press(&mut run, "1234");
        assert_eq!((run.node(), run.value("first.tried")), ("first.thanks", Some("once")));
        // The first `#` skips the thanks, the second one the word before it begins again.
        press(&mut run, "##");
        assert_eq!((run.node(), run.value("first.tried")), ("first.enter", Some("never")));
    }

    #[test]
    fn the_version_covers_what_is_called_and_only_that() {
        let version = |subflows: &[&str]| {
            let flow = load_with("f.yaml", FLOW, &around(subflows).library);
            flow.unwrap_or_else(|found| panic!("{found:#?}")).version
        };
        let changed = format!("{ASK}# changed\n");
        let other = ASK.replace("subflow: ask", "subflow: other");
        assert_ne!(version(&[ASK]), version(&[&changed]));
        assert_eq!(version(&[ASK]), version(&[ASK, &other]));
    }

    #[test]
    fn a_call_that_does_not_fit_is_told_where_it_stands() {
        let call =
            "{flow: ask, with: {question: hello, code: pin}, after: {ok: q, failed: second}}";
        for (from, to, codes) in [
            ("flow: ask", "flow: aks", &[F019][..]),
            ("flow: ask, ", "", &[Y003]),
            ("question: hello, ", "", &[F019]),
            ("question: hello", "question: hello, qestion: hello", &[Y002]),
            ("question: hello", "question: {money: pin}", &[Y004]),
            ("question: hello", "question: hallo", &["F004"]),
            ("code: pin", "code: pins", &[F015]),
            ("code: pin", "code: pin, wait: 5", &[Y004]),
            ("code: pin", "code: pin, times: many", &[Y004]),
            ("code: pin", "code: pin, times: 99", &[Y004]),
            ("ok: q, ", "", &[F012]),
            ("ok: q", "okay: q, ok: q", &[Y002]),
            ("ok: q", "ok: qq", &[F001]),
            (", after: {ok: q, failed: second}", "", &[F012]),
        ] {
            let flow = FLOW.replacen(call, &call.replacen(from, to, 1), 1);
            assert_ne!(flow, FLOW, "{from} is not there");
            let mut found = found(&flow, &[ASK]);
            // Tests that name nodes of a call that has none are told as well.
            found.retain(|(code, _, line)| !(*code == F001 && *line > 14));
            let told: Vec<&str> = found.iter().map(|found| found.0).collect();
            assert_eq!(told, codes, "{to}: {found:?}");
            assert!(
                found.iter().all(|(_, file, line)| file == "f.yaml" && *line == 10),
                "{found:?}"
            );
        }
    }

    #[test]
    fn mistakes_in_a_sub_flow_are_told_in_its_own_file() {
        for (from, to, code, line) in [
            ("next: note", "next: nite", F001, 13),
            ("into: $code", "into: $cod", F015, 13),
            ("into: $code", "into: pin", F015, 13),
            ("tried: once", "tried: twice", F015, 15),
            ("start: enter", "start: enters", F001, 10),
            ("length: 4", "lenght: 4", Y002, 13),
            ("of: digits", "of: digit", Y004, 4),
            ("type: duration", "type: time", Y004, 5),
            ("play: more", "play: mor", "F004", 16),
            ("{type: enum, values: [never, once], default: never}", "{type: language}", F015, 9),
            ("  thanks:", "  lost: {say: {play: more, next: ok}}\n  thanks:", "F002", 16),
            (
                "  note: {set: {vars: {tried: once}, next: thanks}}",
                "  note: {say: {play: more, next: enter}}",
                "F003",
                12,
            ),
            ("  thanks:", "  failed: {hangup: }\n  thanks:", F019, 16),
        ] {
            let subflow = ASK.replacen(from, to, 1);
            assert_ne!(subflow, ASK, "{from} is not there");
            let found = found(FLOW, &[&subflow]);
            let is = |found: &(&str, String, u32)| {
                (found.0, &*found.1, found.2) == (code, "sub0.yaml", line)
            };
            assert!(found.iter().any(is), "{to}: {found:?}");
        }
    }

    #[test]
    fn a_circle_of_calls_is_refused_and_a_chain_is_not() {
        let link = |name: &str, next: &str| {
            format!(
                "subflow: {name}\noutcomes: [ok]\nstart: go\nnodes:\n  \
                 go: {{call: {{flow: {next}, after: {{ok: ok}}}}}}\n"
            )
        };
        let end = "subflow: end\noutcomes: [ok]\nstart: go\nnodes:\n  go: {say: {play: more, next: ok}}\n";
        let flow = |first: &str| {
            let call = format!("first: {{call: {{flow: {first}, after: {{ok: second}}}}}}");
            let old = "first: {call: {flow: ask, with: {question: hello, code: pin}, after: {ok: q, failed: second}}}";
            let flow = FLOW.replacen(old, &call, 1);
            flow.split("tests:").next().unwrap().to_owned()
                + "tests: [{name: x, then: {in_queue: general}}]\n"
        };
        let chain = [ASK, &link("a", "b"), &link("b", "end"), end];
        assert_eq!(found(&flow("a"), &chain), []);
        let loaded = load_with("f.yaml", &flow("a"), &around(&chain).library).unwrap();
        assert!(loaded.find("first.go.go.go").is_some());
        let circle = [ASK, &link("a", "b"), &link("b", "a")];
        let told = found(&flow("a"), &circle);
        assert!(told.contains(&(F019, "sub2.yaml".to_owned(), 5)), "{told:?}");
        let long: Vec<String> = (0..=CALL_DEPTH_MAX)
            .map(|n| link(&format!("l{n}"), &format!("l{}", n + 1)))
            .chain([end.replace("subflow: end", &format!("subflow: l{}", CALL_DEPTH_MAX + 1))])
            .collect();
        let long: Vec<&str> = std::iter::once(ASK).chain(long.iter().map(String::as_str)).collect();
        assert!(found(&flow("l0"), &long).iter().any(|found| found.0 == F019));
        let fits = &format!("l{}", 2);
        assert_eq!(found(&flow(fits), &long), [], "{CALL_DEPTH_MAX} deep");
    }

    #[test]
    fn calls_can_not_grow_a_flow_without_end() {
        let body = |next: &str| {
            let calls: String = (0..20)
                .map(|n| format!("  c{n}: {{call: {{flow: {next}, after: {{ok: ok}}}}}}\n"))
                .collect();
            format!("outcomes: [ok]\nstart: c0\nnodes:\n{calls}")
        };
        let mut all: Vec<String> =
            (0..4).map(|n| format!("subflow: s{n}\n{}", body(&format!("s{}", n + 1)))).collect();
        all.push(
            "subflow: s4\noutcomes: [ok]\nstart: x\nnodes: {x: {set: {vars: {}, next: ok}}}\n"
                .to_owned(),
        );
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let flow = "flow: f\nlanguages: [ru]\nstart: a\noperator: {keys: [\"0\"], to: q}\nnodes:\n  \
                    a: {call: {flow: s0, after: {ok: q}}}\n  q: {queue: {name: general, max_wait: 1m, after: \
                    {answered: end, max_wait: end, nobody: end}}}\n  end: {hangup: }\n";
        assert!(found(flow, &all).iter().any(|found| found.0 == "Y001"));
    }

    #[test]
    fn a_sub_flow_that_nobody_calls_is_proved_too() {
        assert_eq!(check_subflow("ask", &around(&[ASK])), []);
        let broken = ASK.replace("next: note", "next: nite").replace("play: more", "play: mor");
        let found = check_subflow("ask", &around(&[&broken]));
        let told: Vec<(&str, &str, u32)> =
            found.iter().map(|found| (found.code, &*found.file, found.line)).collect();
        assert_eq!(told, [("F001", "sub0.yaml", 13), ("F004", "sub0.yaml", 16)]);
        assert_eq!(check_subflow("nobody", &around(&[ASK])), []);
    }

    #[test]
    fn any_text_is_a_sub_flow_or_is_refused_without_panic() {
        let mut text = ASK.as_bytes().to_vec();
        let mut state = 1u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % text.len();
            let was = text[at];
            text[at] = b"\n:{}[]\"'#&*!|>-, 0az$.@`"[(state >> 20) as usize % 24];
            let broken = String::from_utf8_lossy(&text).into_owned();
            let mut around = around(&[]);
            if around.library.add("sub.yaml", &broken).is_ok() {
                let (flow, found) = load_and_check("f.yaml", FLOW, &around);
                assert!(flow.is_some() != found.iter().any(Diagnostic::is_error));
                let known = |found: &Diagnostic| ["f.yaml", "sub.yaml"].contains(&&*found.file);
                assert!(found.iter().all(known), "{found:#?}");
                let names: Vec<String> = around.library.names().map(str::to_owned).collect();
                names.iter().for_each(|name| drop(check_subflow(name, &around)));
            }
            if state & 7 != 0 {
                text[at] = was;
            }
        }
    }

    #[test]
    fn a_library_takes_every_name_once() {
        let mut library = Library::default();
        assert!(library.add("a.yaml", ASK).is_ok());
        let found = library.add("b.yaml", ASK).unwrap_err();
        assert_eq!((found[0].code, found[0].line), (Y004, 1));
        assert!(library.add("c.yaml", "subflow: c\nnods: {}\n").is_err());
        assert!(library.add("d.yaml", "subflow: [d\n").is_err());
        assert_eq!(library.names().collect::<Vec<_>>(), ["ask"]);
    }
}
