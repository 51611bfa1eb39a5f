//! What the cases of a flow have tried: nodes, outcomes, urgent options, and the operator exit from everywhere.

use super::Outcome;
use super::stage::leave;
use crate::calendar::Calendars;
use crate::flow::check::Surroundings;
use crate::flow::model::{Flow, Kind, Node, Way};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

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
    /// Options marked urgent.
    pub urgent: usize,
    /// Urgent options that no case takes: menu and key.
    pub urgent_missed: Vec<(Arc<str>, Way)>,
}

impl Coverage {
    /// The smaller of the shares of nodes and of outcomes that were tried, in percent, rounded down.
    pub fn percent(&self) -> usize {
        let share = |all: usize, missed: usize| (all - missed) * 100 / all.max(1);
        let ways = share(self.ways, self.ways_missed.len());
        if self.ways == 0 { 100 } else { ways.min(share(self.nodes, self.nodes_missed.len())) }
    }
}

/// The operator exit, pressed at every node where a caller hears or awaits something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Such nodes; the operator's own queue is none.
    pub nodes: usize,
    /// Those from which no case of the flow reaches the operator's queue by the key.
    pub missed: Vec<Arc<str>>,
    /// The longest time from the key to the queue: where digits are collected, the key must stand alone for a while.
    pub slowest: Duration,
}

/// Plays the cases once more for each node that they enter, up to it: there the caller presses the operator key.
pub fn exits(
    flow: &Arc<Flow>,
    calendars: &Arc<Calendars>,
    around: &Surroundings,
    outcomes: &[Outcome],
) -> Exits {
    let operators = flow.operator.to.node;
    let others = flow.indexed().filter(|(index, node)| *index != operators && keeps(node));
    let mut missed: Vec<&Arc<str>> = others.map(|(_, node)| &node.name).collect();
    let nodes = missed.len();
    let mut slowest = Duration::ZERO;
    for (case, outcome) in flow.tests.iter().zip(outcomes) {
        for (step, visit) in outcome.path.iter().enumerate() {
            if !missed.contains(&&visit.node) {
                continue;
            }
            if let Some(took) = leave(flow, calendars, around, case, step) {
                slowest = slowest.max(took);
                missed.retain(|name| **name != visit.node);
            }
        }
    }
    Exits { nodes, missed: missed.into_iter().cloned().collect(), slowest }
}

/// Whether a caller stays in a node, so that he can press anything there.
fn keeps(node: &Node) -> bool {
    match &node.kind {
        Kind::Say(_)
        | Kind::Menu(_)
        | Kind::Digits(_)
        | Kind::Http(_)
        | Kind::Bot(_)
        | Kind::Queue(_)
        | Kind::Transfer(_)
        | Kind::Callback(_)
        | Kind::Survey(_) => true,
        Kind::Hangup(hangup) => !hangup.play.is_empty(),
        Kind::Set(_) | Kind::Hours(_) | Kind::Rollout(_) | Kind::Call(_) => false,
    }
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
    let urgent: Vec<(Arc<str>, Way)> = flow.nodes.iter().flat_map(urgent).collect();
    let urgent_missed = urgent.iter().filter(|(name, way)| !taken.contains(&(&**name, *way)));
    Coverage {
        nodes: flow.nodes.len(),
        nodes_missed,
        ways_missed: missed.collect(),
        ways: ways.len(),
        urgent_missed: urgent_missed.cloned().collect(),
        urgent: urgent.len(),
    }
}

/// The urgent options of a node.
fn urgent(node: &Node) -> Vec<(Arc<str>, Way)> {
    let Kind::Menu(menu) = &node.kind else { return Vec::new() };
    let urgent = menu.options.iter().filter(|option| option.urgent);
    urgent.map(|option| (Arc::clone(&node.name), Way::Key(option.key.value))).collect()
}
