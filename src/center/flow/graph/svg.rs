//! A picture of a flow as SVG. Every way of a caller leads down to the next layers, but for those that lead him back to
//! where he was. An arrow that passes layers has a lane of its own in each, so that it runs through no node.

use super::{operator_keys, put, ways};
use crate::flow::limits::PICTURE_LANES_MAX;
use crate::flow::model::{Flow, NodeIx};
use std::fmt::Write as _;

/// Pixels of a letter at 13 px, for the widest ones.
const LETTER: i64 = 8;
const NODE_WIDTH_MIN: i64 = 120;
const NODE_HEIGHT: i64 = 44;
const LANE_WIDTH: i64 = 26;
const GAP: i64 = 30;
const BETWEEN_LAYERS: i64 = 92;
const MARGIN: i64 = 32;
/// How far an arrow at the side swings out.
const SWING: i64 = 56;
/// Rounds in which each layer is put in the order of what is above and below it. More change little.
const ROUNDS: usize = 12;
/// Places within a layer are compared as parts of this.
const SCALE: i64 = 1 << 20;

const STYLE: &str = "text{font:13px sans-serif;fill:#1b1f24;text-anchor:middle}.kind{font-size:10px;fill:#57606a}\
.way{font-size:10px;fill:#0a3069;paint-order:stroke;stroke:#fff;stroke-width:3px}\
path{fill:none;stroke:#6e7781;stroke-width:1.2px}.back{stroke:#bc8c00}\
rect{fill:#fff;stroke:#57606a}.menu rect,.digits rect,.callback rect,.survey rect{fill:#eaf2ff}\
.queue rect{fill:#dff5e3;stroke:#1a7f37;stroke-width:2px}.bot rect,.rollout rect{fill:#f3e8ff}\
.http rect{fill:#fff4d6}.hangup rect{fill:#eceff2}.start rect{fill:#1b1f24}.start text{fill:#fff}\
.operator rect{fill:#1a7f37}.operator text{fill:#fff}\
path.operator{stroke:#1a7f37;stroke-dasharray:6 4;stroke-width:2px}";

/// What has a place in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Start,
    Operator,
    Node(NodeIx),
    /// Where an arrow passes the layer.
    Lane,
}

struct Item {
    what: What,
    layer: usize,
    above: Vec<usize>,
    below: Vec<usize>,
    /// The middle of it.
    x: i64,
}

struct Arrow {
    /// The end that stands higher.
    upper: usize,
    lower: usize,
    /// It leads up.
    back: bool,
    label: String,
    /// The lanes that it passes, from above; `None`: it runs at the side.
    lanes: Option<Vec<usize>>,
    /// Where it touches its ends.
    leaves_x: i64,
    enters_x: i64,
}

struct Picture<'a> {
    flow: &'a Flow,
    items: Vec<Item>,
    layers: Vec<Vec<usize>>,
    arrows: Vec<Arrow>,
    node_width: i64,
    width: i64,
}

/// A flow chart in SVG, with the operator exit.
pub fn svg(flow: &Flow) -> String {
    let mut picture = Picture::of(flow);
    for _ in 0..ROUNDS {
        picture.order();
    }
    picture.place();
    picture.touch();
    picture.draw()
}

/// The layer of each node: below all from which callers come to it, unless they have been there before. Those that
/// only the operator's key leads to begin anew.
fn layers(flow: &Flow) -> Vec<usize> {
    let to: Vec<Vec<usize>> = flow
        .nodes
        .iter()
        .map(|node| ways(node).into_iter().map(|(to, _)| to.0 as usize).collect())
        .collect();
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Never,
        OnTheWay,
        Done,
    }
    let mut seen = vec![Seen::Never; to.len()];
    // Each node after all to which it leads for the first time, with these ways.
    let mut done: Vec<(usize, Vec<usize>)> = Vec::new();
    let begin = [flow.start.node, flow.operator.to.node].map(|node| node.0 as usize);
    for first in begin.into_iter().chain(0..to.len()) {
        if seen[first] != Seen::Never {
            continue;
        }
        seen[first] = Seen::OnTheWay;
        let mut path = vec![(first, 0, Vec::new())];
        while let Some((node, next, down)) = path.last_mut() {
            let Some(&target) = to[*node].get(*next) else {
                seen[*node] = Seen::Done;
                done.push((*node, std::mem::take(down)));
                path.pop();
                continue;
            };
            *next += 1;
            if seen[target] != Seen::OnTheWay {
                down.push(target);
            }
            if seen[target] == Seen::Never {
                seen[target] = Seen::OnTheWay;
                path.push((target, 0, Vec::new()));
            }
        }
    }
    let mut layers = vec![0; to.len()];
    for (node, down) in done.into_iter().rev() {
        for target in down {
            layers[target] = layers[target].max(layers[node] + 1);
        }
    }
    layers
}

impl<'a> Picture<'a> {
    fn of(flow: &'a Flow) -> Picture<'a> {
        let longest = flow.nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0);
        let wished = i64::try_from(longest).unwrap_or(i64::from(u16::MAX)) * LETTER + 24;
        let node_width = wished.max(NODE_WIDTH_MIN);
        let mut picture = Picture {
            flow,
            items: Vec::new(),
            layers: Vec::new(),
            arrows: Vec::new(),
            node_width,
            width: 0,
        };
        // Nodes are the first items, so that an item's number is its node's. The start is above all of them.
        for ((index, _), layer) in flow.indexed().zip(layers(flow)) {
            picture.add(What::Node(index), layer + 1);
        }
        let start = picture.add(What::Start, 0);
        let queue = flow.operator.to.node.0 as usize;
        let above = picture.items[queue].layer - 1;
        let operator = picture.add(What::Operator, above);
        picture.join(start, flow.start.node.0 as usize, String::new());
        picture.join(operator, queue, operator_keys(flow));
        for (index, node) in flow.indexed() {
            for (to, label) in ways(node) {
                picture.join(index.0 as usize, to.0 as usize, label);
            }
        }
        picture
    }

    fn add(&mut self, what: What, layer: usize) -> usize {
        let item = self.items.len();
        self.items.push(Item { what, layer, above: Vec::new(), below: Vec::new(), x: 0 });
        if self.layers.len() <= layer {
            self.layers.resize_with(layer + 1, Vec::new);
        }
        self.layers[layer].push(item);
        item
    }

    fn join(&mut self, from: usize, to: usize, label: String) {
        let back = self.items[to].layer <= self.items[from].layer;
        let (upper, lower) = if back { (to, from) } else { (from, to) };
        let (top, bottom) = (self.items[upper].layer, self.items[lower].layer);
        let passes = bottom.checked_sub(top + 1).filter(|lanes| *lanes <= PICTURE_LANES_MAX);
        let lanes = passes.map(|_| {
            let lanes: Vec<usize> =
                (top + 1..bottom).map(|layer| self.add(What::Lane, layer)).collect();
            let mut last = upper;
            for next in lanes.iter().copied().chain([lower]) {
                self.items[last].below.push(next);
                self.items[next].above.push(last);
                last = next;
            }
            lanes
        });
        let (leaves_x, enters_x) = (0, 0);
        self.arrows.push(Arrow { upper, lower, back, label, lanes, leaves_x, enters_x });
    }

    /// One round: down by what is above, up by what is below.
    fn order(&mut self) {
        for layer in 1..self.layers.len() {
            self.order_layer(layer, |item| &item.above);
        }
        for layer in (0..self.layers.len() - 1).rev() {
            self.order_layer(layer, |item| &item.below);
        }
    }

    fn order_layer(&mut self, layer: usize, beside: impl Fn(&Item) -> &Vec<usize>) {
        let places = self.places();
        let mut keyed: Vec<(i64, usize)> = Vec::new();
        for &item in &self.layers[layer] {
            let others = beside(&self.items[item]);
            let sum: i64 = others.iter().map(|other| places[*other]).sum();
            let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
            keyed.push((sum.checked_div(count).unwrap_or(places[item]), item));
        }
        keyed.sort_by_key(|(key, _)| *key);
        self.layers[layer] = keyed.into_iter().map(|(_, item)| item).collect();
    }

    /// Where each item stands in its layer, as a part of [`SCALE`].
    fn places(&self) -> Vec<i64> {
        let mut places = vec![0; self.items.len()];
        for layer in &self.layers {
            let count = i64::try_from(layer.len()).unwrap_or(i64::MAX);
            for (place, &item) in (0..).zip(layer) {
                places[item] = (2 * place + 1) * SCALE / (2 * count);
            }
        }
        places
    }

    fn width_of(&self, item: usize) -> i64 {
        if self.items[item].what == What::Lane { LANE_WIDTH } else { self.node_width }
    }

    /// Gives each layer its place, in the middle of the widest.
    fn place(&mut self) {
        let wide = |layer: &Vec<usize>| layer.iter().map(|&item| self.width_of(item) + GAP).sum();
        let widths: Vec<i64> = self.layers.iter().map(wide).collect();
        self.width = widths.iter().copied().max().unwrap_or(0) + 2 * MARGIN + 2 * SWING;
        for (index, own) in widths.into_iter().enumerate() {
            let mut left = (self.width - own) / 2;
            for item in self.layers[index].clone() {
                let width = self.width_of(item) + GAP;
                self.items[item].x = left + width / 2;
                left += width;
            }
        }
    }

    /// Lets arrows touch a node side by side, in the order in which they come.
    fn touch(&mut self) {
        for at_top in [false, true] {
            let mut touching: Vec<(usize, i64, usize)> = Vec::new();
            for (index, arrow) in self.arrows.iter().enumerate() {
                let Some(lanes) = &arrow.lanes else { continue };
                let (item, beyond) = match at_top {
                    false => (arrow.upper, lanes.first().unwrap_or(&arrow.lower)),
                    true => (arrow.lower, lanes.last().unwrap_or(&arrow.upper)),
                };
                touching.push((item, self.items[*beyond].x, index));
            }
            touching.sort_unstable();
            for side in touching.chunk_by(|a, b| a.0 == b.0) {
                let parts = i64::try_from(side.len()).unwrap_or(i64::MAX) + 1;
                for (part, (item, _, arrow)) in (1..).zip(side) {
                    let left = self.items[*item].x - self.node_width / 2;
                    let x = left + self.node_width * part / parts;
                    match at_top {
                        false => self.arrows[*arrow].leaves_x = x,
                        true => self.arrows[*arrow].enters_x = x,
                    }
                }
            }
        }
    }

    fn top(&self, item: usize) -> i64 {
        let layer = i64::try_from(self.items[item].layer).unwrap_or(i64::MAX);
        MARGIN + layer * (NODE_HEIGHT + BETWEEN_LAYERS)
    }

    fn draw(&self) -> String {
        let layers = i64::try_from(self.layers.len()).unwrap_or(i64::MAX);
        let height = 2 * MARGIN + layers * (NODE_HEIGHT + BETWEEN_LAYERS) - BETWEEN_LAYERS;
        let mut out = String::new();
        put(
            &mut out,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" width=\"{}\" \
                 height=\"{height}\">",
                self.width, self.width
            ),
        );
        put(&mut out, format_args!("<title>{}</title>", text(&self.flow.name)));
        put(&mut out, format_args!("<style>{STYLE}</style>"));
        put(
            &mut out,
            format_args!(
                "<marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
                 orient=\"auto-start-reverse\"><polygon points=\"0 0 8 4 0 8\" fill=\"#57606a\"/></marker>"
            ),
        );
        put(
            &mut out,
            format_args!(
                "<rect x=\"0\" y=\"0\" width=\"{}\" height=\"{height}\" style=\"stroke:none\"/>",
                self.width
            ),
        );
        let mut labels = String::new();
        for (index, arrow) in (0..).zip(&self.arrows) {
            self.draw_arrow(&mut out, &mut labels, arrow, index);
        }
        for item in 0..self.items.len() {
            self.draw_item(&mut out, item);
        }
        // Over everything else, so that no arrow strikes a word out.
        out.push_str(&labels);
        out.push_str("</svg>\n");
        out
    }

    fn draw_arrow(&self, out: &mut String, labels: &mut String, arrow: &Arrow, index: i64) {
        let &Arrow { upper, lower, back, ref label, ref lanes, leaves_x, enters_x } = arrow;
        let (begins, ends) = (self.top(upper) + NODE_HEIGHT, self.top(lower));
        let mut path = String::new();
        // Words stand where callers leave, at different heights.
        let (label_x, label_y);
        if let Some(lanes) = lanes {
            let (mut x, mut y) = (leaves_x, begins);
            let _ = write!(path, "M{x} {y}");
            let lane_x = lanes.iter().map(|&lane| (self.items[lane].x, self.top(lane)));
            let mut stops: Vec<(i64, i64)> = lane_x.collect();
            stops.push((enters_x, ends));
            for &(across, down) in &stops {
                let half = i64::midpoint(y, down);
                let _ = write!(path, " C{x} {half} {across} {half} {across} {down}");
                (x, y) = (across, down);
                if y != ends {
                    y += NODE_HEIGHT;
                    let _ = write!(path, " V{y}");
                }
            }
            let away = 14 + 13 * (index % 3);
            (label_x, label_y) = match back {
                false => (leaves_x + (stops[0].0 - leaves_x) * away / 160, begins + away),
                true => (enters_x, ends - away),
            };
        } else {
            let right = |item: usize| self.items[item].x + self.node_width / 2;
            let side = right(upper).max(right(lower)) + SWING;
            let high = self.top(upper) + NODE_HEIGHT / 3;
            let low = self.top(lower) + 2 * NODE_HEIGHT / 3;
            let (from, to) = (right(upper), right(lower));
            let _ = write!(path, "M{from} {high} C{side} {high} {side} {low} {to} {low}");
            (label_x, label_y) = (side - SWING / 2, if back { low + 12 } else { high - 4 });
        }
        let class = match (self.items[upper].what, back) {
            (What::Operator, _) => "operator",
            (What::Start | What::Node(_) | What::Lane, false) => "down",
            (What::Start | What::Node(_) | What::Lane, true) => "back",
        };
        let (from, to) = if back { (lower, upper) } else { (upper, lower) };
        let head = if back { "start" } else { "end" };
        put(
            out,
            format_args!(
                "<path class=\"{class}\" data-from=\"{}\" data-to=\"{}\" d=\"{path}\" \
                 marker-{head}=\"url(#head)\"/>",
                text(&self.name(from)),
                text(&self.name(to)),
            ),
        );
        if !label.is_empty() {
            put(
                labels,
                format_args!(
                    "<text class=\"way\" x=\"{label_x}\" y=\"{label_y}\">{}</text>",
                    text(label)
                ),
            );
        }
    }

    fn draw_item(&self, out: &mut String, item: usize) {
        let kind = match self.items[item].what {
            What::Lane => return,
            What::Start => "start",
            What::Operator => "operator",
            What::Node(index) => self.flow.node(index).kind_name(),
        };
        let (x, top) = (self.items[item].x, self.top(item));
        let left = x - self.node_width / 2;
        let name = self.name(item);
        let name = text(&name);
        let below = if kind == "operator" { "from every node" } else { kind };
        let round = if matches!(kind, "start" | "operator" | "hangup") { 22 } else { 6 };
        put(
            out,
            format_args!(
                "<g class=\"{kind}\" data-node=\"{name}\"><rect x=\"{left}\" y=\"{top}\" width=\"{}\" \
                 height=\"{NODE_HEIGHT}\" rx=\"{round}\"/><text x=\"{x}\" y=\"{}\">{name}</text><text class=\"kind\" \
                 x=\"{x}\" y=\"{}\">{below}</text></g>",
                self.node_width,
                top + 19,
                top + 35,
            ),
        );
    }

    fn name(&self, item: usize) -> String {
        match self.items[item].what {
            What::Start | What::Lane => "(start)".to_owned(),
            What::Operator => format!("operator {}", operator_keys(self.flow)),
            What::Node(index) => self.flow.node(index).name.to_string(),
        }
    }
}

/// Text as XML has it.
fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
