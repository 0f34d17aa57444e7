//! Transactions as boxes joined by dependencies, read from top to bottom like a proof, with the
//! last dependency leading back to the first box.

mod panels;

use super::{Scene, px};
use crate::report::text;
use maud::{Markup, html};
use panels::{Panel, panels};
use perjury_checkers::{Anomaly, Edge, Operation};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Micro-operations in one box at most.
const LINES_MAX: usize = 8;
/// Left rim of the boxes: room for the way back.
const LEFT: f64 = 44.0;
const WIDTH: f64 = 760.0;
const BOX_WIDTH: f64 = 470.0;
const HEADER: f64 = 34.0;
const LINE: f64 = 20.0;
const WRAP: usize = 84;
/// Height of a line of words beside the boxes.
const REASON: f64 = 17.0;
/// Lines of one reason at most.
const LINES_OF_WHY: usize = 5;

/// A transaction, ready to be drawn.
struct Node<'a> {
    operation: &'a Operation<'a>,
    lines: Vec<String>,
    hidden: usize,
    y: f64,
}

impl Node<'_> {
    fn height(&self) -> f64 {
        let more = usize::from(self.hidden > 0);
        HEADER + (self.lines.len() + more) as f64 * LINE + 10.0
    }
}

/// A panel, ready to be drawn.
struct Placed<'a> {
    panel: Panel<'a>,
    nodes: Vec<Node<'a>>,
    /// Where the heading begins.
    top: f64,
    heading: Vec<String>,
}

/// `None` when the edges form no cycle that can be drawn.
pub(super) fn draw(anomaly: &Anomaly, scene: &Scene<'_>) -> Option<Markup> {
    let mut y = 4.0;
    let mut placed: Vec<Placed<'_>> = Vec::new();
    for panel in panels(anomaly)? {
        match place(panel, anomaly, scene, y) {
            Some((panel, end)) => {
                placed.push(panel);
                y = end;
            }
            // What only adds to a cycle may be missing in this history, the cycle may not.
            None if placed.is_empty() => return None,
            None => {}
        }
    }
    let names = names(anomaly, &placed);
    let alt = format!("A cycle of dependencies: {}. {}", described(anomaly, &names), anomaly.title);
    Some(html! {
        svg xmlns="http://www.w3.org/2000/svg" class="drawing cycle"
            viewBox=(format!("0 0 {} {}", px(WIDTH), px(y + 4.0)))
            width=(px(WIDTH)) height=(px(y + 4.0)) role="img" aria-label=(alt)
        {
            @for panel in &placed { (draw_panel(panel, &names)) }
        }
    })
}

/// Gives every box of a panel its place below `y`, and says where the panel ends.
fn place<'a>(
    panel: Panel<'a>,
    anomaly: &Anomaly,
    scene: &Scene<'a>,
    y: f64,
) -> Option<(Placed<'a>, f64)> {
    let operations: Vec<&Operation<'_>> = panel
        .order
        .iter()
        .map(|index| scene.operations.get(index).copied())
        .collect::<Option<_>>()?;
    let heading = panel.heading.as_deref().map(|text| wrapped(text, WRAP)).unwrap_or_default();
    let top = y;
    let mut y = y + heading.len() as f64 * REASON;
    if !heading.is_empty() {
        y += 10.0;
    }
    let mut nodes: Vec<Node<'_>> = Vec::new();
    for (position, operation) in operations.iter().enumerate() {
        let (lines, hidden) = relevant(operation, &neighbours(position, &operations), anomaly);
        let node = Node { operation, lines, hidden, y };
        y += node.height();
        nodes.push(node);
        y += panel.edges.get(position).map_or(10.0, |edges| gap_height(edges));
    }
    let end = y + if panel.is_cycle { 4.0 } else { 8.0 };
    Some((Placed { panel, nodes, top, heading }, end))
}

fn draw_panel(placed: &Placed<'_>, names: &BTreeMap<u64, String>) -> Markup {
    let Placed { panel, nodes, top, heading } = placed;
    html! {
        @for (row, line) in heading.iter().enumerate() {
            text class="case" x=(px(LEFT)) y=(px(top + 14.0 + row as f64 * REASON)) { (line) }
        }
        @for (position, edges) in panel.edges.iter().enumerate() {
            @let node = &nodes[position];
            @let is_last = panel.is_cycle && position + 1 == nodes.len();
            (arrows(edges, node.y + node.height(), is_last, nodes[0].y, names))
        }
        @for node in nodes { (draw_box(node, names)) }
    }
}

/// `T1`, `T2`, ... as the proof introduces them, and otherwise from top to bottom.
fn names(anomaly: &Anomaly, placed: &[Placed<'_>]) -> BTreeMap<u64, String> {
    let mut names = BTreeMap::new();
    for step in &anomaly.steps {
        let name = step.text.strip_prefix("Let ").and_then(|rest| rest.split_once(" be "));
        if let (Some((name, _)), [index]) = (name, step.operations.as_slice()) {
            names.entry(*index).or_insert_with(|| text::elide(name, 5).into_owned());
        }
    }
    for index in placed.iter().flat_map(|panel| &panel.panel.order) {
        let next = format!("T{}", names.len() + 1);
        names.entry(*index).or_insert(next);
    }
    names
}

fn neighbours<'a>(position: usize, operations: &[&'a Operation<'a>]) -> Vec<&'a Operation<'a>> {
    let count = operations.len();
    let around = [(position + count - 1) % count, (position + 1) % count];
    around.into_iter().filter(|other| *other != position).map(|other| operations[other]).collect()
}

/// What a transaction did on keys that a neighbour in the cycle touches too; the rest is only
/// counted. All of it, when that leaves nothing.
fn relevant(
    operation: &Operation<'_>,
    neighbours: &[&Operation<'_>],
    anomaly: &Anomaly,
) -> (Vec<String>, usize) {
    let micro = micro_operations(operation);
    if micro.is_empty() {
        let line = text::operation(operation, None);
        return (vec![shorten(&line)], 0);
    }
    let mut keys: BTreeSet<String> = BTreeSet::new();
    for neighbour in neighbours {
        keys.extend(micro_operations(neighbour).iter().filter_map(key_of));
    }
    keys.extend(anomaly.key.as_ref().map(Value::to_string));
    // What a selection by a condition may have met is not told by keys.
    let selects = |micro: &Value| micro.get(0).is_some_and(|f| f == "rp");
    let all = micro.iter().chain(neighbours.iter().flat_map(|other| micro_operations(other)));
    let by_condition = all.into_iter().any(selects);
    let shared =
        |micro: &&Value| by_condition || key_of(micro).is_some_and(|key| keys.contains(&key));
    let mut shown: Vec<&Value> = micro.iter().filter(shared).collect();
    if shown.is_empty() {
        shown = micro.iter().collect();
    }
    shown.truncate(LINES_MAX);
    let hidden = micro.len() - shown.len();
    (shown.iter().map(|micro| shorten(&text::micro_operation(micro))).collect(), hidden)
}

/// What came back, or what was asked if nothing is known to have come back.
fn micro_operations<'h>(operation: &Operation<'h>) -> &'h [Value] {
    let value = match operation.outcome {
        perjury_checkers::Outcome::Ok(value) if text::is_transaction(value) => value,
        _ => operation.input,
    };
    if !text::is_transaction(value) {
        return &[];
    }
    value.as_array().map_or(&[], Vec::as_slice)
}

fn key_of(micro: &Value) -> Option<String> {
    micro.get(1).map(Value::to_string)
}

fn shorten(line: &str) -> String {
    text::elide(&text::printable(line), 55).into_owned()
}

fn draw_box(node: &Node<'_>, names: &BTreeMap<u64, String>) -> Markup {
    let operation = node.operation;
    let top = node.y;
    let via = operation.node.map(|node| format!(", via {}", text::elide(node, 20)));
    let answered = operation
        .returned
        .map_or("no answer".to_owned(), |returned| format!("to {}", text::moment(returned)));
    let when = format!("{} {answered}", text::moment(operation.called));
    let full = text::printable(&text::operation(operation, None));
    let first_line = top + HEADER + 13.0;
    html! {
        g class="transaction" {
            title { "#" (operation.index) ": " (text::elide(&full, 2000)) }
            rect x=(px(LEFT)) y=(px(top)) width=(px(BOX_WIDTH)) height=(px(node.height())) rx="8" {}
            text class="name" x=(px(LEFT + 14.0)) y=(px(top + 22.0)) {
                (names.get(&operation.index).map_or("", String::as_str))
            }
            text class="tag" x=(px(LEFT + 44.0)) y=(px(top + 21.5)) {
                "#" (operation.index) ", process " (operation.process) (via.unwrap_or_default())
            }
            text class="tag" x=(px(LEFT + BOX_WIDTH - 14.0)) y=(px(top + 21.5)) text-anchor="end" {
                (when)
            }
            @for (row, line) in node.lines.iter().enumerate() {
                text class="label" x=(px(LEFT + 14.0)) y=(px(first_line + row as f64 * LINE)) { (line) }
            }
            @if node.hidden > 0 {
                text class="tag" x=(px(LEFT + 14.0))
                    y=(px(first_line + node.lines.len() as f64 * LINE))
                { "and " (text::count(node.hidden as u64, "other micro-operation")) }
            }
        }
    }
}

/// Why an edge holds, in lines.
fn why_lines(edge: &Edge) -> Vec<String> {
    let mut lines = wrapped(&edge.why, WRAP);
    if lines.len() > LINES_OF_WHY {
        lines.truncate(LINES_OF_WHY);
        lines[LINES_OF_WHY - 1].push('…');
    }
    lines
}

/// Words in lines of so many characters.
fn wrapped(words: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text::printable(words).split_whitespace() {
        let word = text::elide(word, width);
        let line = &lines[lines.len() - 1];
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        let end = lines.len() - 1;
        if !lines[end].is_empty() {
            lines[end].push(' ');
        }
        lines[end].push_str(&word);
    }
    lines
}

fn edge_height(edge: &Edge) -> f64 {
    why_lines(edge).len() as f64 * 17.0 + 12.0
}

fn gap_height(edges: &[&Edge]) -> f64 {
    28.0 + edges.iter().map(|edge| edge_height(edge)).sum::<f64>()
}

/// The dependencies from the box that ends at `top` to the next one, or, as the `last`, back to
/// the first box around the left rim.
fn arrows(
    edges: &[&Edge],
    top: f64,
    last: bool,
    first_box: f64,
    names: &BTreeMap<u64, String>,
) -> Markup {
    let x = LEFT + 30.0;
    let bottom = top + gap_height(edges);
    let class = format!("edge {}", edges.first().map_or("", |edge| kind_class(&edge.kind)));
    let path = if last {
        let turn = bottom - 10.0;
        format!(
            "M{} {}V{}a8 8 0 0 1 -8 8H20a8 8 0 0 1 -8 -8V{}a8 8 0 0 1 8 -8H{}",
            px(x),
            px(top),
            px(turn - 8.0),
            px(first_box + 26.0),
            px(LEFT - 3.0),
        )
    } else {
        format!("M{} {}V{}", px(x), px(top), px(bottom - 3.0))
    };
    let head = if last {
        format!("M{} {}l8 5l-8 5z", px(LEFT - 8.0), px(first_box + 13.0))
    } else {
        format!("M{} {}l5 8l5 -8z", px(x - 5.0), px(bottom - 8.0))
    };
    html! {
        path class=(class) d=(path) {}
        path class="head" d=(head) {}
        (labels(edges, x, top + 24.0, names))
    }
}

fn labels(edges: &[&Edge], x: f64, top: f64, names: &BTreeMap<u64, String>) -> Markup {
    let mut y = top;
    let mut placed = Vec::new();
    for edge in edges {
        placed.push((*edge, y));
        y += edge_height(edge);
    }
    let name = |index: &u64| names.get(index).map_or("", String::as_str);
    html! {
        @for (edge, y) in &placed {
            @let kind = text::elide(&edge.kind, 12);
            @let width = super::text_width(&kind) + 16.0;
            g class="why" {
                title { (name(&edge.from)) " before " (name(&edge.to)) ": " (edge.why) }
                rect class="pill" x=(px(x - 15.0)) y=(px(y - 13.0)) width=(px(width)) height="19" rx="9.5" {}
                text class="kind" x=(px(x - 7.0)) y=(px(*y + 1.0)) { (kind) }
                @for (row, line) in why_lines(edge).iter().enumerate() {
                    text class="reason" x=(px(x + width - 4.0)) y=(px(y + row as f64 * 17.0 + 1.0)) {
                        (line)
                    }
                }
            }
        }
    }
}

/// Kinds become classes from a fixed list, so that no text of others reaches an attribute.
fn kind_class(kind: &str) -> &'static str {
    match kind {
        "rw" => "rw",
        "realtime" | "process" => "order",
        _ => "data",
    }
}

fn described(anomaly: &Anomaly, names: &BTreeMap<u64, String>) -> String {
    let name = |index: &u64| names.get(index).map_or("?", String::as_str);
    let words = |edge: &Edge| {
        format!("{} to {} ({}): {}", name(&edge.from), name(&edge.to), edge.kind, edge.why)
    };
    anomaly.edges.iter().map(words).collect::<Vec<_>>().join("; ")
}
