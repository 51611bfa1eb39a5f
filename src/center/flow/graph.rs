//! Pictures of a flow: Mermaid for pages, DOT for Graphviz, SVG for everybody.

mod svg;

pub use svg::svg;

use super::model::{Flow, Kind, Node, NodeIx, Way};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A flow chart in Mermaid.
pub fn mermaid(flow: &Flow) -> String {
    let mut out = String::from("flowchart TD\n");
    for (index, node) in flow.indexed() {
        let (open, close) = match node.kind {
            Kind::Menu(_) | Kind::Digits(_) | Kind::Callback(_) => ("{{", "}}"),
            Kind::Queue(_) => ("[[", "]]"),
            Kind::Hangup(_) => ("((", "))"),
            Kind::Bot(_) => ("[/", "/]"),
            Kind::Http(_) => ("[(", ")]"),
            Kind::Rollout(_) | Kind::Hours(_) => ("{", "}"),
            Kind::Call(_) => ("[\\", "\\]"),
            Kind::Say(_) | Kind::Set(_) | Kind::Transfer(_) | Kind::Survey(_) => ("[", "]"),
        };
        let class = node.kind_name();
        put(&mut out, format_args!("  n{}{open}\"{}\"{close}:::{class}", index.0, node.name));
    }
    put(&mut out, format_args!("  start([start]) --> n{}", flow.start.node.0));
    let keys = operator_keys(flow);
    put(&mut out, format_args!("  operator([operator {keys}]) -.-> n{}", flow.operator.to.node.0));
    for (index, node) in flow.indexed() {
        for (to, label) in ways(node) {
            // Mermaid takes a bare `#` for the beginning of an entity.
            let label = label.replace('#', "#35;");
            put(&mut out, format_args!("  n{} -->|\"{label}\"| n{}", index.0, to.0));
        }
    }
    out
}

/// A directed graph in DOT.
pub fn dot(flow: &Flow) -> String {
    let mut out = format!("digraph \"{}\" {{\n  rankdir=TB;\n", flow.name);
    for (index, node) in flow.indexed() {
        let shape = match node.kind {
            Kind::Menu(_) | Kind::Digits(_) | Kind::Callback(_) => "hexagon",
            Kind::Queue(_) => "box3d",
            Kind::Hangup(_) => "doublecircle",
            Kind::Bot(_) => "parallelogram",
            Kind::Http(_) => "cylinder",
            Kind::Rollout(_) | Kind::Hours(_) => "diamond",
            Kind::Call(_) => "component",
            Kind::Say(_) | Kind::Set(_) | Kind::Transfer(_) | Kind::Survey(_) => "box",
        };
        let kind = node.kind_name();
        put(
            &mut out,
            format_args!("  n{} [shape={shape}, label=\"{}\\n{kind}\"];", index.0, node.name),
        );
    }
    put(&mut out, format_args!("  start -> n{};", flow.start.node.0));
    let keys = operator_keys(flow);
    let to = flow.operator.to.node.0;
    put(&mut out, format_args!("  operator -> n{to} [style=dashed, label=\"{keys}\"];"));
    for (index, node) in flow.indexed() {
        for (to, label) in ways(node) {
            put(&mut out, format_args!("  n{} -> n{} [label=\"{label}\"];", index.0, to.0));
        }
    }
    out.push_str("}\n");
    out
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").expect("a string takes any text");
}

fn operator_keys(flow: &Flow) -> String {
    let keys: Vec<String> = flow.operator.keys.iter().map(|key| key.value.to_string()).collect();
    keys.join(", ")
}

/// Ways out of a node, those to the same node on one line.
fn ways(node: &Node) -> Vec<(NodeIx, String)> {
    let mut labels: BTreeMap<NodeIx, Vec<String>> = BTreeMap::new();
    for (way, to) in node.edges() {
        // The arrow of a menu says `1`, not `key 1`.
        let label = match way {
            Way::Key(key) => key.to_string(),
            Way::Start
            | Way::Next
            | Way::Silence
            | Way::Wrong
            | Way::Failed
            | Way::Open
            | Way::Closed
            | Way::Overflow
            | Way::Callback
            | Way::Declined
            | Way::Holiday
            | Way::Emergency
            | Way::Bot
            | Way::People
            | Way::Ok
            | Way::NotFound
            | Way::Several
            | Way::Error
            | Way::Timeout
            | Way::Done
            | Way::Transfer
            | Way::TooLong
            | Way::Answered
            | Way::MaxWait
            | Way::Nobody
            | Way::Full
            | Way::Then
            | Way::Operator
            | Way::Astray
            | Way::PassedOn => way.to_string(),
        };
        labels.entry(to.node).or_default().push(label);
    }
    labels.into_iter().map(|(to, labels)| (to, labels.join(", "))).collect()
}
