//! A flow from its text: the words of `ivr-flows/*.yaml`, read into [`super::model`], all mistakes in one pass.
//!
//! Here a file is only read: names are resolved, forms and units are checked. Whether the flow keeps its promises is
//! [`super::check`]'s matter. No files are opened; the text is an argument.

mod calls;
mod head;
mod host;
mod http;
mod nodes;
mod parts;
mod waits;

use super::check::{self, Surroundings};
use super::diagnostic::{Diagnostic, Spanned, Spot};
use super::grammar;
use super::library::{Library, Subflow};
use super::limits::NODES_MAX;
use super::model::{Flow, Node, NodeIx, Var, VarIx};
use super::script;
use super::yaml::{self, Fields, Reader, Y001, Y004, Yaml};
use calls::{Placed, Scope};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// A sub-flow that does not exist, that calls itself, or that is called with other parameters than it has.
pub const F019: &str = "F019";

/// Reads a flow file that calls no sub-flow; all errors at once. Warnings of the form do not exist.
pub fn load(file_name: &str, text: &str) -> Result<Flow, Vec<Diagnostic>> {
    load_with(file_name, text, &Library::default())
}

/// Reads a flow file that may call sub-flows; all errors at once.
pub fn load_with(file_name: &str, text: &str, library: &Library) -> Result<Flow, Vec<Diagnostic>> {
    let (draft, mut found) = draft(file_name, text, library);
    library.settle(&mut found);
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
    let (mut draft, mut found) = draft(file_name, text, &around.library);
    if let Some(draft) = &mut draft {
        found.extend(check::nodes(&draft.flow, around));
        if draft.whole {
            let (of_ways, bounds) = check::ways(&draft.flow, around);
            found.extend(of_ways);
            draft.flow.bounds = bounds;
        }
    }
    let mut found = yaml::sorted(file_name, found);
    around.library.settle(&mut found);
    let flow = draft.map(|draft| draft.flow).filter(|_| !found.iter().any(Diagnostic::is_error));
    (flow, found)
}

/// What is wrong with a sub-flow that no flow calls: it is read in a flow that gives it parameters of the right types.
/// The library must have it.
pub fn check_subflow(name: &str, around: &Surroundings) -> Vec<Diagnostic> {
    let Some(subflow) = around.library.find(name) else { return Vec::new() };
    let (_, found) = load_and_check("", &host::of(subflow, around), around);
    let own = found.into_iter().filter(|diagnostic| *diagnostic.file == *subflow.file);
    own.collect()
}

/// What could be read of a file that may have errors.
struct Draft {
    flow: Flow,
    /// Whether every way out of every node is known, at least by the name it was meant to have.
    whole: bool,
}

fn draft(file: &str, text: &str, library: &Library) -> (Option<Draft>, Vec<Diagnostic>) {
    let (tree, found) = yaml::parse(file, text);
    let reader = Reader::new(file, found);
    let mut loader = Loader {
        reader,
        library,
        scopes: vec![Scope::flow()],
        scope: 0,
        calls: BTreeMap::new(),
        used: Vec::new(),
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

struct Loader<'a> {
    reader: Reader<'a>,
    library: &'a Library,
    /// The flow itself, then every sub-flow in the place of a call.
    scopes: Vec<Scope>,
    /// Where names are looked up now.
    scope: usize,
    /// Which scope a node of kind `call` begins.
    calls: BTreeMap<String, usize>,
    used: Vec<Arc<Subflow>>,
    nodes: BTreeMap<String, NodeIx>,
    vars: BTreeMap<String, VarIx>,
    declared: Vec<Var>,
    languages: Vec<Spanned<Arc<str>>>,
    calendar: Option<Spanned<Arc<str>>>,
    whole: bool,
}

impl Loader<'_> {
    fn flow(&mut self, tree: &Yaml, text: &str) -> Option<Flow> {
        let top = self.reader.shape(tree, &grammar::FLOW)?;
        let name = self.reader.need(top, "a flow", "flow").and_then(|yaml| self.name(yaml));
        self.languages = self.languages(top);
        self.calendar = top.get("calendar").and_then(|yaml| self.name(yaml));
        self.vars(top);
        let nodes = self.reader.need(top, "a flow", "nodes")?;
        let nodes = self.reader.entries(nodes, "nodes")?;
        let placed = self.place(nodes, 0);
        self.node_names(&placed, nodes.spot)?;
        let start = self.target_of(top, "a flow", "start");
        let promises = self.promises(top);
        let operator = self.operator(top, start);
        let nodes: Vec<Node> = placed.iter().map(|placed| self.placed(placed)).collect();
        let title = self.optional_text(top, "title");
        let owner = self.optional_text(top, "owner");
        let mut flow = Flow {
            file: self.reader.file().into(),
            name: name.map_or_else(|| "unnamed".into(), |name| name.value),
            title,
            owner,
            version: self.version(text),
            languages: std::mem::take(&mut self.languages),
            calendar: self.calendar.take(),
            start,
            promises,
            operator,
            vars: std::mem::take(&mut self.declared),
            nodes,
            tests: Vec::new(),
            subflows: std::mem::take(&mut self.used),
            bounds: None,
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

    fn placed(&mut self, placed: &Placed) -> Node {
        self.scope = placed.scope;
        let node = self.node(&placed.word, &placed.body);
        self.scope = 0;
        node
    }

    fn version(&self, text: &str) -> Arc<str> {
        let mut digest = Sha256::new_with_prefix(text);
        self.used.iter().for_each(|subflow| subflow.stamp(&mut digest));
        hex::encode(digest.finalize())[..12].into()
    }

    fn node_names(&mut self, placed: &[Placed], spot: Spot) -> Option<()> {
        for (index, placed) in placed.iter().enumerate() {
            self.nodes.insert(placed.word.text.clone(), NodeIx(index as u32));
        }
        match placed.len() {
            0 => self.reader.error(Y004, spot, "a flow has at least one node"),
            1..=NODES_MAX => return Some(()),
            many => {
                let message = format!("{many} nodes in one flow, at most {NODES_MAX} are read");
                self.reader.error(Y001, spot, message);
            }
        }
        None
    }
}

fn nothing(word: &str) -> Spanned<Arc<str>> {
    Spanned { value: word.into(), spot: Spot::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::model::Kind;
    use crate::flow::yaml::Y002;

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
                    options: {}, silence: q}}\n  c: {sya: {}}\n  d: {call: {flow: x, after: {}}}\n  q: {queue: {after: \
                    {answered: \
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
            ("F015", 8),
            ("Y004", 9),
            ("F012", 9),
            ("Y002", 10),
            ("F019", 11),
            ("Y003", 12),
            ("F013", 12),
            ("Y004", 13),
        ] {
            assert!(codes.contains(&wanted), "{wanted:?} is missing in {found:#?}");
        }
        assert!(codes.is_sorted_by_key(|(_, line)| *line));
    }

    #[test]
    fn what_is_said_of_a_variable_must_suit_its_type() {
        let vars = "vars:\n  sum: {type: money, currency: KZT}\n  day: {type: date}\n  any: {type: text}\nnodes:";
        let good = GOOD.replacen("nodes:", vars, 1);
        let said = |what: &str| found(&good.replacen("play: p", &format!("play: [{what}]"), 1));
        assert_eq!(said("{money: sum}, {date: day, language: en}"), []);
        for (what, code) in [
            ("{money: day}", F015),
            ("{number: any}", F015),
            ("{time: tomorrow}", F015),
            ("{money: sum, prompt: p}", Y002),
            ("{date: day, language: fr}", Y004),
        ] {
            let found = said(what);
            assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [code], "{what}: {found:?}");
        }
        for (from, to, code) in [
            ("currency: KZT", "currency: XAU", Y004),
            (", currency: KZT", "", Y002),
            ("{type: date}", "{type: date, currency: KZT}", Y004),
            ("{type: date}", "{type: date, default: 2026-02-30}", F015),
        ] {
            let found = found(&good.replacen(from, to, 1));
            assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [code], "{to}: {found:?}");
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
