//! How long a caller may have to wait, computed from the flow and the lengths of its prompts.
//!
//! All figures are upper bounds over every automatic path (what happens to a caller who presses nothing, whatever the
//! hour and the draw) in the slowest language. Loops that `max_visits` bounds are counted as if every visit were used.
//! Knows nothing of promises; [`super::check`] compares.

use super::check::Surroundings;
use super::model::{Flow, Kind, Menu, Node, NodeIx, PromptRef, Said, Target, VarIx, VarKind, Way};
use crate::saying::Language;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The figures of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// When a caller has heard how to reach a person; `None` = perhaps never.
    pub told: Option<Duration>,
    /// When a caller who presses nothing stands in a queue; `None` = never.
    pub silent: Option<Duration>,
    /// The nodes of the longest silent way.
    pub silent_path: Vec<NodeIx>,
    /// A way on which a caller who presses nothing is hung up on within opening hours.
    pub lost: Option<Vec<NodeIx>>,
    /// For each option marked urgent (node, number of the option): when a caller who knows what he wants stands in a
    /// queue; `None` = perhaps never.
    pub urgent: Vec<(NodeIx, usize, Option<Duration>)>,
    /// Of each menu that tells how to reach a person: the length of the recordings after those words, by language.
    pub after_hint: BTreeMap<NodeIx, Vec<Duration>>,
}

/// The figures of a flow that has no endless loop (F003).
pub fn bounds(flow: &Flow, around: &Surroundings) -> Bounds {
    let map = Map::new(flow, around);
    let languages = map.languages();
    let told = worst(&languages, |language| map.told(language));
    let silent = worst(&languages, |language| map.silent(language).map(|(time, _)| time));
    let paths = languages.iter().filter_map(|language| map.silent(*language));
    let silent_path = paths.max_by_key(|(time, _)| *time).map(|(_, path)| path).unwrap_or_default();
    let (lost, urgent) = (map.lost(), map.urgent(&languages));
    Bounds { told, silent, silent_path, lost, urgent, after_hint: map.after_hint() }
}

/// The slowest language; `None` when one of them has no figure.
fn worst(
    languages: &[Option<usize>],
    figure: impl Fn(Option<usize>) -> Option<Duration>,
) -> Option<Duration> {
    let all: Option<Vec<Duration>> = languages.iter().map(|language| figure(*language)).collect();
    all?.into_iter().max()
}

/// Loops that a caller who presses nothing can't leave, each as its nodes.
pub(crate) fn endless_loops(flow: &Flow) -> Vec<Vec<NodeIx>> {
    // When all visits are used up, a node with `max_visits` is nothing but the way to `then`.
    let edges: Vec<Vec<NodeIx>> = flow
        .nodes
        .iter()
        .map(|node| match node.visits {
            Some(visits) => vec![visits.then.node],
            None => automatic(node.edges()),
        })
        .collect();
    let mut loops = Vec::new();
    for component in components(&edges) {
        let first = component[0];
        let itself = edges[first.0 as usize].contains(&first);
        if component.len() > 1 || itself {
            loops.push(round_trip(&edges, &component));
        }
    }
    loops.sort();
    loops
}

/// The shortest way from the first node of a component back to it.
fn round_trip(edges: &[Vec<NodeIx>], component: &[NodeIx]) -> Vec<NodeIx> {
    let inside: BTreeSet<NodeIx> = component.iter().copied().collect();
    let start = component.iter().copied().min().expect("a component has a node");
    let mut before = vec![None; edges.len()];
    let mut next = VecDeque::from([start]);
    while let Some(node) = next.pop_front() {
        for to in edges[node.0 as usize].iter().filter(|to| inside.contains(to)) {
            if *to == start {
                let mut trip = vec![node];
                while let Some(Some(from)) = trip.last().map(|last| before[last.0 as usize]) {
                    trip.push(from);
                }
                trip.reverse();
                return trip;
            }
            if before[to.0 as usize].is_none() {
                before[to.0 as usize] = Some(node);
                next.push_back(*to);
            }
        }
    }
    component.to_vec()
}

/// Whether a caller who presses nothing can be taken this way.
fn is_automatic(way: Way) -> bool {
    !matches!(way, Way::Key(_) | Way::Answered)
}

fn automatic(edges: Vec<(Way, Target)>) -> Vec<NodeIx> {
    edges.into_iter().filter(|(way, _)| is_automatic(*way)).map(|(_, to)| to.node).collect()
}

struct Map<'a> {
    flow: &'a Flow,
    around: &'a Surroundings,
    /// Ways of a caller who presses nothing.
    edges: Vec<Vec<NodeIx>>,
    /// The same up to the first menu or entry.
    prelude: Vec<Vec<NodeIx>>,
    /// Strongly connected parts of `edges`, successors first.
    parts: Vec<Vec<NodeIx>>,
    /// The part of each node.
    part: Vec<usize>,
}

impl<'a> Map<'a> {
    fn new(flow: &'a Flow, around: &'a Surroundings) -> Map<'a> {
        let edges: Vec<Vec<NodeIx>> = flow
            .nodes
            .iter()
            .map(|node| match &node.kind {
                Kind::Queue(_) | Kind::Hangup(_) => Vec::new(),
                // A silent caller takes no offer.
                Kind::Callback(callback) => vec![callback.declined.node],
                // A silent caller never gives a good entry.
                Kind::Digits(_) => {
                    let edges = node.edges().into_iter();
                    automatic(edges.filter(|(way, _)| *way != Way::Next).collect())
                }
                Kind::Say(_)
                | Kind::Menu(_)
                | Kind::Set(_)
                | Kind::Http(_)
                | Kind::Hours(_)
                | Kind::Rollout(_)
                | Kind::Bot(_)
                | Kind::Transfer(_)
                | Kind::Survey(_)
                | Kind::Call(_) => automatic(node.edges()),
            })
            .collect();
        let asks = |node: usize| matches!(flow.nodes[node].kind, Kind::Menu(_) | Kind::Digits(_));
        let prelude = edges.iter().enumerate();
        let prelude =
            prelude.map(|(n, to)| if asks(n) { Vec::new() } else { to.clone() }).collect();
        let parts = components(&edges);
        let mut part = vec![0; edges.len()];
        for (index, nodes) in parts.iter().enumerate() {
            nodes.iter().for_each(|node| part[node.0 as usize] = index);
        }
        Map { flow, around, edges, prelude, parts, part }
    }

    /// The languages to compute for; `None` = every prompt in its slowest language, for a flow that changes its
    /// language without being asked.
    fn languages(&self) -> Vec<Option<usize>> {
        let reached = reachable(&self.edges, self.flow.start.node);
        let changes = reached.iter().any(|node| {
            let is_language = |var: VarIx| self.flow.var(var).kind == VarKind::Language;
            match &self.flow.node(*node).kind {
                Kind::Set(set) => set.vars.iter().any(|(var, _)| is_language(*var)),
                Kind::Http(http) => http.set.iter().any(|(var, _)| is_language(var.value)),
                Kind::Say(_)
                | Kind::Menu(_)
                | Kind::Digits(_)
                | Kind::Hours(_)
                | Kind::Rollout(_)
                | Kind::Bot(_)
                | Kind::Queue(_)
                | Kind::Transfer(_)
                | Kind::Callback(_)
                | Kind::Survey(_)
                | Kind::Hangup(_) => false,
                Kind::Call(call) => call.fresh.iter().any(|var| is_language(*var)),
            }
        });
        match changes {
            true => vec![None],
            false => (0..self.flow.languages.len()).map(Some).collect(),
        }
    }

    // ---- lengths --------------------------------------------------------------------------------

    fn length<'p>(
        &self,
        prompts: impl IntoIterator<Item = &'p PromptRef>,
        language: Option<usize>,
    ) -> Duration {
        let one = |prompt: &PromptRef, language: &str| {
            let spoken = prompt.language.as_deref().unwrap_or(language);
            // A missing prompt is an error of its own (F004).
            let length = |name: &str| self.around.prompt_duration(spoken, name).unwrap_or_default();
            match (&prompt.said, Language::by_code(spoken)) {
                (Said::Recording(name), _) => length(name),
                (Said::Value(_, manner), Some(language)) => {
                    let fragments = manner.fragments(language);
                    let longest = fragments.iter().map(|fragment| length(fragment.name)).max();
                    longest.unwrap_or_default() * manner.fragments_max()
                }
                (Said::Value(..), None) => Duration::ZERO,
            }
        };
        let codes: &[_] = &self.flow.languages;
        let each = prompts.into_iter().map(|prompt| match language {
            Some(index) => one(prompt, &codes[index].value),
            None => codes.iter().map(|code| one(prompt, &code.value)).max().unwrap_or_default(),
        });
        each.sum()
    }

    /// How long a caller who presses nothing stays in a node.
    fn stay(&self, node: NodeIx, language: Option<usize>) -> Duration {
        match &self.flow.node(node).kind {
            Kind::Say(say) => self.length(&say.play, language),
            Kind::Menu(menu) => {
                let options = menu.options.iter().filter_map(|option| option.say.as_ref());
                let once = self.length(menu.play.iter().chain(options), language) + menu.timeout;
                once * menu.attempts + self.length(&menu.sorry, language) * (menu.attempts - 1)
            }
            Kind::Digits(digits) => {
                let once = self.length(&digits.play, language) + digits.timeout;
                once * digits.attempts
                    + self.length(&digits.sorry, language) * (digits.attempts - 1)
            }
            Kind::Callback(callback) => self.length(&callback.play, language) + callback.timeout,
            // Whatever is heard meanwhile is cut off.
            Kind::Http(http) => http.timeout,
            Kind::Bot(bot) => bot.max_duration,
            Kind::Transfer(transfer) => transfer.timeout,
            Kind::Survey(survey) => {
                let first = survey.ask.first().map(|question| &question.play);
                self.length(survey.offer.iter().chain(first), language) + survey.timeout
            }
            Kind::Set(_)
            | Kind::Hours(_)
            | Kind::Rollout(_)
            | Kind::Queue(_)
            | Kind::Call(_)
            | Kind::Hangup(_) => Duration::ZERO,
        }
    }

    /// An upper bound of the whole time in a part: its loops are bounded by `max_visits`, and between two bounded
    /// visits no other node is passed twice.
    fn whole_stay(&self, part: &[NodeIx], language: Option<usize>) -> Duration {
        let [node] = part else {
            let (mut bounded, mut others, mut visits) = (Duration::ZERO, Duration::ZERO, 0u32);
            for node in part {
                let stay = self.stay(*node, language);
                match self.flow.node(*node).visits {
                    Some(limit) => {
                        bounded += stay * limit.max;
                        visits += limit.max;
                    }
                    None => others += stay,
                }
            }
            return bounded + others * (visits + 1);
        };
        let itself = self.edges[node.0 as usize].contains(node);
        let visits = self.flow.node(*node).visits.filter(|_| itself).map_or(1, |limit| limit.max);
        self.stay(*node, language) * visits
    }

    // ---- the figures ----------------------------------------------------------------------------

    /// The longest time from every node to a goal, by node; `None` where no goal is reached. A goal ends the way.
    fn longest(
        &self,
        goal: impl Fn(NodeIx) -> Option<Duration>,
        language: Option<usize>,
    ) -> (Vec<Option<Duration>>, Vec<Option<NodeIx>>) {
        let mut time: Vec<Option<Duration>> = vec![None; self.edges.len()];
        let mut next: Vec<Option<NodeIx>> = vec![None; self.edges.len()];
        // Goals cut the graph, but cutting only makes parts smaller: bounds over the uncut parts stay bounds.
        for part in &self.parts {
            let mut best: Option<(Duration, NodeIx)> = None;
            for node in part.iter().filter(|node| goal(**node).is_none()) {
                for to in &self.edges[node.0 as usize] {
                    let ahead = match goal(*to) {
                        Some(end) => Some(end),
                        None if self.part[to.0 as usize] == self.part[node.0 as usize] => None,
                        None => time[to.0 as usize],
                    };
                    if let Some(ahead) = ahead
                        && best.is_none_or(|(known, _)| ahead >= known)
                    {
                        best = Some((ahead, *to));
                    }
                }
            }
            let stay = self.whole_stay(part, language);
            for node in part {
                match goal(*node) {
                    Some(end) => time[node.0 as usize] = Some(end),
                    None => {
                        time[node.0 as usize] = best.map(|(ahead, _)| ahead + stay);
                        next[node.0 as usize] = best.map(|(_, to)| to);
                    }
                }
            }
        }
        (time, next)
    }

    fn queue(&self, node: NodeIx) -> Option<Duration> {
        matches!(self.flow.node(node).kind, Kind::Queue(_)).then_some(Duration::ZERO)
    }

    fn silent(&self, language: Option<usize>) -> Option<(Duration, Vec<NodeIx>)> {
        let (time, next) = self.longest(|node| self.queue(node), language);
        let start = self.flow.start.node;
        let mut path = vec![start];
        while let Some(to) = path.last().and_then(|last| next[last.0 as usize]) {
            path.push(to);
            if path.len() > self.edges.len() {
                break;
            }
        }
        time[start.0 as usize].map(|time| (time, path))
    }

    fn told(&self, language: Option<usize>) -> Option<Duration> {
        let mention = |node: NodeIx| {
            let prompts = self.flow.node(node).kind.operator_hint()?;
            Some(self.length(prompts, language))
        };
        let start = self.flow.start.node;
        let reached = reachable(&self.edges, start);
        reached.into_iter().find_map(mention)?;
        // Who reaches a queue unasked needs no hint.
        let (time, _) = self.longest(|node| mention(node).or_else(|| self.queue(node)), language);
        time[start.0 as usize]
    }

    /// Values that are read out are left out: how long they take is not known.
    fn after_hint(&self) -> BTreeMap<NodeIx, Vec<Duration>> {
        let tail = |node: &Node| {
            let Kind::Menu(menu) = &node.kind else { return None };
            node.kind.operator_hint()?;
            let said = menu.options.iter().filter_map(|option| option.say.as_ref());
            let said = said.filter(|prompt| matches!(prompt.said, Said::Recording(_)));
            let spoken = 0..self.flow.languages.len();
            Some(spoken.map(|language| self.length(said.clone(), Some(language))).collect())
        };
        self.flow.indexed().filter_map(|(ix, node)| Some((ix, tail(node)?))).collect()
    }

    /// From the start to the end of each urgent option's prompt, then on to a queue.
    fn urgent(&self, languages: &[Option<usize>]) -> Vec<(NodeIx, usize, Option<Duration>)> {
        let mut urgent: Vec<(NodeIx, usize, Option<Duration>)> = Vec::new();
        for language in languages {
            let arrivals = self.arrivals(*language);
            let (to_queue, _) = self.longest(|node| self.queue(node), *language);
            let mut times = Vec::new();
            for (node, place) in self.flow.indexed() {
                let Kind::Menu(menu) = &place.kind else { continue };
                for (index, option) in menu.options.iter().enumerate().filter(|(_, o)| o.urgent) {
                    let arrival = arrivals[node.0 as usize];
                    let after = to_queue[option.to.node.0 as usize];
                    let heard = self.heard(menu, index, *language);
                    let time = arrival.zip(after).map(|(arrival, after)| arrival + heard + after);
                    times.push((node, index, time));
                }
            }
            match urgent.is_empty() {
                true => urgent = times,
                false => {
                    for (known, new) in urgent.iter_mut().zip(times) {
                        known.2 = known.2.zip(new.2).map(|(known, new)| known.max(new));
                    }
                }
            }
        }
        urgent
    }

    /// From the beginning of a menu to the end of an option's prompt.
    fn heard(&self, menu: &Menu, option: usize, language: Option<usize>) -> Duration {
        let before = menu.options[..=option].iter().filter_map(|option| option.say.as_ref());
        self.length(menu.play.iter().chain(before), language)
    }

    /// When a caller who knows his way enters each node: the longest automatic time up to the first question, from
    /// there the shortest way, each option taken when it has been read.
    fn arrivals(&self, language: Option<usize>) -> Vec<Option<Duration>> {
        let mut time: Vec<Option<Duration>> = vec![None; self.edges.len()];
        let start = self.flow.start.node;
        time[start.0 as usize] = Some(Duration::ZERO);
        let parts = components(&self.prelude);
        for part in parts.iter().rev() {
            let arrival = part.iter().filter_map(|node| time[node.0 as usize]).max();
            let Some(arrival) = arrival else { continue };
            let looped = part.len() > 1;
            let stay = self.whole_stay(part, language);
            for node in part {
                // Inside a loop any node may be the last one entered.
                time[node.0 as usize] = Some(if looped { arrival + stay } else { arrival });
            }
            for to in part.iter().flat_map(|node| &self.prelude[node.0 as usize]) {
                if !part.contains(to) {
                    let known = time[to.0 as usize].unwrap_or_default();
                    time[to.0 as usize] = Some(known.max(arrival + stay));
                }
            }
        }
        self.shortest_from(time, language)
    }

    fn shortest_from(
        &self,
        mut time: Vec<Option<Duration>>,
        language: Option<usize>,
    ) -> Vec<Option<Duration>> {
        let fixed: Vec<bool> = time.iter().map(Option::is_some).collect();
        let mut open: BTreeSet<(Duration, NodeIx)> = BTreeSet::new();
        open.extend(
            self.flow.indexed().filter_map(|(node, _)| Some((time[node.0 as usize]?, node))),
        );
        while let Some((now, node)) = open.pop_first() {
            if time[node.0 as usize].is_some_and(|known| known < now) {
                continue;
            }
            for (to, takes) in self.chosen(node, language) {
                let better = time[to.0 as usize].is_none_or(|known| now + takes < known);
                if better && !fixed[to.0 as usize] {
                    time[to.0 as usize] = Some(now + takes);
                    open.insert((now + takes, to));
                }
            }
        }
        time
    }

    /// Every way out of a node that a caller can take, and how long it takes him.
    fn chosen(&self, node: NodeIx, language: Option<usize>) -> Vec<(NodeIx, Duration)> {
        let place = self.flow.node(node);
        let stay = self.stay(node, language);
        let takes = |way: Way| match (&place.kind, way) {
            (Kind::Menu(menu), Way::Key(key)) => {
                let option = menu.options.iter().position(|option| option.key.value == key);
                option.map_or(stay, |option| self.heard(menu, option, language))
            }
            (Kind::Digits(digits), Way::Next) => self.length(&digits.play, language),
            _ => stay,
        };
        place.edges().into_iter().map(|(way, to)| (to.node, takes(way))).collect()
    }

    fn lost(&self) -> Option<Vec<NodeIx>> {
        let start = self.flow.start.node;
        let mut before: Vec<Option<NodeIx>> = vec![None; self.edges.len()];
        let mut next = VecDeque::from([start]);
        while let Some(node) = next.pop_front() {
            if matches!(self.flow.node(node).kind, Kind::Hangup(_)) {
                let mut path = vec![node];
                while let Some(from) = path.last().and_then(|last| before[last.0 as usize]) {
                    path.push(from);
                }
                path.reverse();
                return Some(path);
            }
            let place = self.flow.node(node);
            let allowed: BTreeSet<NodeIx> = place
                .edges()
                .into_iter()
                // Closed hours, an emergency and a bot that has served the caller are good reasons to end.
                .filter(|(way, _)| {
                    !matches!(way, Way::Closed | Way::Holiday | Way::Emergency | Way::Done)
                })
                .map(|(_, to)| to.node)
                .collect();
            for to in self.edges[node.0 as usize].iter().filter(|to| allowed.contains(to)) {
                if *to != start && before[to.0 as usize].is_none() {
                    before[to.0 as usize] = Some(node);
                    next.push_back(*to);
                }
            }
        }
        None
    }
}

/// Levels of menus and entries above each node on its shortest way; `None` = unreachable.
pub(crate) fn depths(flow: &Flow) -> Vec<Option<u32>> {
    let mut depth: Vec<Option<u32>> = vec![None; flow.nodes.len()];
    let mut next = VecDeque::from([(flow.start.node, 0)]);
    while let Some((node, level)) = next.pop_front() {
        if depth[node.0 as usize].is_some_and(|known| known <= level) {
            continue;
        }
        depth[node.0 as usize] = Some(level);
        let place = flow.node(node);
        let asks = matches!(place.kind, Kind::Menu(_) | Kind::Digits(_));
        for (_, to) in place.edges() {
            match asks {
                true => next.push_back((to.node, level + 1)),
                false => next.push_front((to.node, level)),
            }
        }
    }
    depth
}

/// The shortest way from the start to this node on which nobody is told how to reach a person and no queue is.
pub(crate) fn untold_way(flow: &Flow, to: NodeIx) -> Option<Vec<NodeIx>> {
    let mut before: BTreeMap<NodeIx, NodeIx> = BTreeMap::new();
    let mut next = VecDeque::from([flow.start.node]);
    while let Some(node) = next.pop_front() {
        if node == to {
            let mut path = vec![node];
            while let Some(from) = path.last().filter(|at| **at != flow.start.node) {
                path.push(before[from]);
            }
            path.reverse();
            return Some(path);
        }
        let place = flow.node(node);
        if place.kind.operator_hint().is_some() || matches!(place.kind, Kind::Queue(_)) {
            continue;
        }
        for (_, target) in place.edges() {
            if target.node != flow.start.node && !before.contains_key(&target.node) {
                before.insert(target.node, node);
                next.push_back(target.node);
            }
        }
    }
    None
}

/// Nodes that can be reached over these edges.
pub(crate) fn reachable(edges: &[Vec<NodeIx>], start: NodeIx) -> BTreeSet<NodeIx> {
    let mut seen = BTreeSet::from([start]);
    let mut next = vec![start];
    while let Some(node) = next.pop() {
        next.extend(edges[node.0 as usize].iter().filter(|to| seen.insert(**to)));
    }
    seen
}

/// Strongly connected parts, each after the parts it leads to (Tarjan's order), without recursion.
fn components(edges: &[Vec<NodeIx>]) -> Vec<Vec<NodeIx>> {
    let many = edges.len();
    let (mut index, mut low) = (vec![usize::MAX; many], vec![0usize; many]);
    let (mut on_stack, mut stack) = (vec![false; many], Vec::new());
    let (mut parts, mut count) = (Vec::new(), 0);
    for root in 0..many {
        if index[root] != usize::MAX {
            continue;
        }
        let mut calls = vec![(root, 0usize)];
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 {
                (index[node], low[node]) = (count, count);
                count += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                let child = edges[node][edge - 1].0 as usize;
                if on_stack[child] {
                    low[node] = low[node].min(low[child]);
                }
            }
            let mut edge = edge;
            let mut deeper = None;
            while let Some(to) = edges[node].get(edge) {
                edge += 1;
                let to = to.0 as usize;
                if index[to] == usize::MAX {
                    deeper = Some(to);
                    break;
                }
                if on_stack[to] {
                    low[node] = low[node].min(index[to]);
                }
            }
            if let Some(to) = deeper {
                calls.push((node, edge));
                calls.push((to, 0));
                continue;
            }
            if low[node] == index[node] {
                let at =
                    stack.iter().rposition(|other| *other == node).expect("a root is on the stack");
                let part: Vec<usize> = stack.split_off(at);
                part.iter().for_each(|member| on_stack[*member] = false);
                parts.push(part.into_iter().map(|member| NodeIx(member as u32)).collect());
            }
        }
    }
    parts
}

/// The names of a way, for messages.
pub(crate) fn names(flow: &Flow, path: &[NodeIx]) -> String {
    let names: Vec<Arc<str>> = path.iter().map(|node| Arc::clone(&flow.node(*node).name)).collect();
    names.join(" -> ")
}

#[cfg(test)]
mod tests {
    use super::super::check::{PromptFacts, Surroundings};
    use super::super::load::load;
    use super::*;

    fn around() -> Surroundings {
        let mut around = Surroundings::default();
        for (language, name, secs) in
            [("ru", "one", 1), ("kk", "one", 2), ("ru", "ten", 10), ("kk", "ten", 5)]
        {
            let facts = PromptFacts { duration: Duration::from_secs(secs), text: None };
            around.add_prompt(language, name, facts);
        }
        around
    }

    fn flow(nodes: &str) -> Flow {
        let head = "flow: f\nlanguages: [ru, kk]\nstart: a\noperator: {keys: [\"0\"], to: q}\ncalendar: \
            c\nvars: {lang: \
                    {type: language}}\nnodes:\n  q: {queue: {name: q, max_wait: 1m, after: {answered: end, \
                    max_wait: end, \
                    nobody: end}}}\n  end: {hangup: {}}\n";
        load("f.yaml", &format!("{head}{nodes}")).unwrap_or_else(|found| panic!("{found:#?}"))
    }

    fn silent(nodes: &str) -> Option<u64> {
        let flow = flow(nodes);
        assert_eq!(endless_loops(&flow), Vec::<Vec<NodeIx>>::new());
        bounds(&flow, &around()).silent.map(|time| time.as_secs())
    }

    const MENU: &str = "{menu: {play: one, sorry: one, timeout: 4s, attempts: 2, options: {\"1\": {say: ten, \
        to: q, urgent: \
                        true}}, silence: q, wrong: q}}";

    #[test]
    fn a_path_takes_its_slowest_language_and_not_the_sum_of_the_slowest_prompts() {
        assert_eq!(
            silent("  a: {say: {play: one, next: b}}\n  b: {say: {play: ten, next: q}}\n"),
            Some(11)
        );
    }

    #[test]
    fn a_flow_that_changes_its_language_by_itself_takes_the_slowest_of_each_prompt() {
        let nodes = "  a: {say: {play: one, next: b}}\n  b: {set: {vars: {lang: ru}, next: c}}\n  c: {say: {play: ten, \
                     next: q}}\n";
        assert_eq!(silent(nodes), Some(12));
    }

    #[test]
    fn a_menu_counts_every_attempt_with_its_options_and_the_silence() {
        // ru: 2 × (1 + 10 + 4) + 1
        assert_eq!(silent(&format!("  a: {MENU}\n")), Some(31));
    }

    #[test]
    fn the_worst_hour_counts() {
        let nodes =
            "  a: {hours: {open: q, closed: b, holiday: q}}\n  b: {say: {play: ten, next: q}}\n";
        assert_eq!(silent(nodes), Some(10));
    }

    #[test]
    fn a_bounded_loop_counts_every_visit_and_an_endless_one_is_found() {
        let nodes = "  a: {say: {play: ten, next: b, max_visits: 3, then: q}}\n  b: {say: {play: one, next: a}}\n";
        let time = silent(nodes).unwrap();
        // The caller really hears ten, one, ten, one, ten, one: 33 s; the bound may lie above it, never below.
        assert!((33..=34).contains(&time), "{time}");
        let endless = nodes.replace(", max_visits: 3, then: q", "");
        assert_eq!(endless_loops(&flow(&endless)), [vec![NodeIx(2), NodeIx(3)]]);
        let by_then = nodes.replace("then: q", "then: b");
        assert_eq!(endless_loops(&flow(&by_then)).len(), 1, "`then` itself leads back");
        assert_eq!(endless_loops(&flow("  a: {say: {play: one, next: a}}\n")), [vec![NodeIx(2)]]);
    }

    #[test]
    fn a_loop_that_only_keys_keep_going_is_no_endless_one() {
        let nodes = format!("  a: {}\n", MENU.replace("to: q", "to: a"));
        assert_eq!(endless_loops(&flow(&nodes)), Vec::<Vec<NodeIx>>::new());
    }

    #[test]
    fn the_urgent_way_is_heard_to_the_end_of_its_own_option_and_led_on_to_the_queue() {
        let nodes = format!("  a: {{say: {{play: one, next: m}}}}\n  m: {MENU}\n");
        let figures = bounds(&flow(&nodes), &around());
        assert_eq!(figures.urgent, [(NodeIx(3), 0, Some(Duration::from_secs(12)))]);
        let nodes = nodes.replace("to: q, urgent", "to: a, urgent");
        let figures = bounds(&flow(&nodes), &around());
        // The option leads to the top again: 12 s, and then the silent way of 32 s.
        assert_eq!(figures.urgent[0].2, Some(Duration::from_secs(12 + 32)));
    }

    #[test]
    fn who_is_hung_up_on_by_silence_is_lost_and_who_calls_at_night_is_not() {
        let lost = flow(&format!("  a: {}\n", MENU.replace("silence: q", "silence: end")));
        assert_eq!(bounds(&lost, &around()).lost, Some(vec![NodeIx(2), NodeIx(1)]));
        let night = flow("  a: {hours: {open: q, closed: end, holiday: end}}\n");
        assert_eq!(bounds(&night, &around()).lost, None);
    }

    #[test]
    fn an_untold_way_ends_where_the_operator_is_told_of_and_in_a_queue() {
        let way = |nodes: &str, to: &str| {
            let flow = flow(nodes);
            let path = untold_way(&flow, flow.find(to).unwrap());
            path.map(|path| names(&flow, &path))
        };
        let nodes = format!(
            "  a: {}\n  ad: {{say: {{play: one, next: told}}}}\n  told: {{say: {{play: one, mentions_operator: true, \
             next: late}}}}\n  late: {{say: {{play: one, next: q}}}}\n",
            MENU.replace("to: q", "to: ad")
        );
        assert_eq!(way(&nodes, "ad").as_deref(), Some("a -> ad"), "by a key");
        assert_eq!(way(&nodes, "told").as_deref(), Some("a -> ad -> told"));
        assert_eq!(way(&nodes, "late"), None);
        assert_eq!(way(&nodes, "end"), None, "after the queue");
        assert_eq!(way(&nodes, "a").as_deref(), Some("a"), "the start itself");
    }

    #[test]
    fn a_thousand_nodes_in_one_tangle_have_bounds_too() {
        let mut nodes = String::from("  a: {say: {play: one, next: m0}}\n");
        for n in 0..1_000 {
            let (one, two) = ((n * 7 + 1) % 1_000, (n * 13 + 5) % 1_000);
            let node = format!(
                "  m{n}: {{menu: {{play: one, timeout: 4s, attempts: 2, max_visits: 2, then: q, options: \
                {{\"1\": {{say: \
                 ten, to: m{one}}}, \"2\": {{say: one, to: m{two}, urgent: true}}}}, silence: m{one}, wrong: \
                 m{two}}}}}\n"
            );
            nodes.push_str(&node);
        }
        let flow = flow(&nodes);
        assert_eq!(endless_loops(&flow), Vec::<Vec<NodeIx>>::new());
        let figures = bounds(&flow, &around());
        assert!(figures.silent.is_some());
        assert_eq!(figures.urgent.len(), 1_000);
    }
}
