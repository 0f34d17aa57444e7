//! Panels of a drawing: each cycle of a proof by itself, then what else shows it.

use perjury_checkers::{Anomaly, Edge};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Transactions in one cycle at most; one that is longer has no drawing.
const BOXES_MAX: usize = 16;
/// Panels at most.
const PANELS_MAX: usize = 8;

/// Transactions below each other.
pub(super) struct Panel<'a> {
    /// What is assumed, or what this is.
    pub(super) heading: Option<String>,
    /// From top to bottom, by the indices of their calls.
    pub(super) order: Vec<u64>,
    /// The dependencies from each to the next, and, of a cycle, from the last to the first.
    pub(super) edges: Vec<Vec<&'a Edge>>,
    /// Whether the last leads back to the first.
    pub(super) is_cycle: bool,
}

/// The panels of an anomaly; `None` if its edges begin with no cycle that can be drawn.
pub(super) fn panels(anomaly: &Anomaly) -> Option<Vec<Panel<'_>>> {
    let edges = &anomaly.edges;
    edges.first()?;
    let mut panels: Vec<Panel<'_>> = Vec::new();
    let mut drawn: BTreeSet<(u64, u64)> = BTreeSet::new();
    let mut at = 0;
    while let Some(first) = edges.get(at).filter(|_| panels.len() < PANELS_MAX) {
        let (order, count) = listed(&edges[at..]);
        let is_cycle = count > 0 && order.len() <= BOXES_MAX;
        if is_cycle {
            panels.push(cycle(&edges[at..at + count], order));
            at += count;
        } else if drawn.contains(&(first.from, first.to)) {
            at += 1;
            continue;
        } else if let Some(order) = way_back(edges, first).filter(|_| panels.is_empty()) {
            panels.push(cycle(edges, order));
            at += 1;
        } else if panels.is_empty() {
            return None;
        } else {
            let (panel, count) = chain(&edges[at..]);
            panels.push(panel);
            at += count;
        }
        drawn.extend(
            panels.last().into_iter().flat_map(|panel| panel.edges.iter().flatten()).map(ends),
        );
    }
    name_cases(anomaly, &mut panels);
    panels.extend(others(anomaly, &panels));
    Some(panels)
}

fn ends(edge: &&Edge) -> (u64, u64) {
    (edge.from, edge.to)
}

/// The cycle that edges begin with, when each of them begins where the one before it ends, and
/// how many edges that are; none if they do not lead back.
fn listed(edges: &[Edge]) -> (Vec<u64>, usize) {
    let Some(first) = edges.first() else { return (Vec::new(), 0) };
    let mut order = vec![first.from];
    let mut last = (first.from, first.to);
    for (at, edge) in edges.iter().enumerate() {
        if (edge.from, edge.to) != last {
            if last.1 == first.from {
                return (order, at);
            }
            if edge.from != last.1 || order.contains(&edge.from) {
                return (order, 0);
            }
            order.push(edge.from);
        }
        last = (edge.from, edge.to);
    }
    let count = if last.1 == first.from { edges.len() } else { 0 };
    (order, count)
}

/// A shortest cycle through an edge, from its source on.
fn way_back(edges: &[Edge], first: &Edge) -> Option<Vec<u64>> {
    let mut before: BTreeMap<u64, u64> = BTreeMap::from([(first.to, first.from)]);
    let mut queue = VecDeque::from([first.to]);
    while let Some(here) = queue.pop_front() {
        if here == first.from {
            let mut order = vec![];
            let mut at = before.get(&here).copied()?;
            while at != first.from {
                order.push(at);
                at = before.get(&at).copied()?;
            }
            order.push(first.from);
            order.reverse();
            return (order.len() <= BOXES_MAX).then_some(order);
        }
        for edge in edges.iter().filter(|edge| edge.from == here) {
            if let std::collections::btree_map::Entry::Vacant(entry) = before.entry(edge.to) {
                entry.insert(here);
                queue.push_back(edge.to);
            }
        }
    }
    None
}

fn cycle(edges: &[Edge], order: Vec<u64>) -> Panel<'_> {
    let next = |at: usize| order[(at + 1) % order.len()];
    let between = |at: usize| {
        let joins = |edge: &&Edge| edge.from == order[at] && edge.to == next(at);
        edges.iter().filter(joins).collect()
    };
    let edges = (0..order.len()).map(between).collect();
    Panel { heading: None, order, edges, is_cycle: true }
}

/// Edges one after the other that lead nowhere back, and how many they are.
fn chain(edges: &[Edge]) -> (Panel<'_>, usize) {
    let mut order = vec![edges[0].from];
    let mut joined: Vec<Vec<&Edge>> = Vec::new();
    let mut count = 0;
    for edge in edges {
        let last = order[order.len() - 1];
        let is_next = edge.from == last && !order.contains(&edge.to);
        if !is_next || order.len() == BOXES_MAX {
            break;
        }
        order.push(edge.to);
        joined.push(vec![edge]);
        count += 1;
    }
    let heading = Some("What shows it:".to_owned());
    // An edge that leads back to itself is left out, rather than looked at for ever.
    (Panel { heading, order, edges: joined, is_cycle: false }, count.max(1))
}

/// Several cycles are cases: each holds if something is assumed, which its step says.
fn name_cases(anomaly: &Anomaly, panels: &mut [Panel<'_>]) {
    let cycles = panels.iter().filter(|panel| panel.is_cycle).count();
    if cycles < 2 {
        return;
    }
    let is_case = |text: &str| text.ends_with(": a contradiction.") && !text.starts_with("So ");
    let cases: Vec<&str> =
        anomaly.steps.iter().map(|step| &*step.text).filter(|text| is_case(text)).collect();
    for (at, panel) in panels.iter_mut().filter(|panel| panel.is_cycle).enumerate() {
        let case = cases.get(at).filter(|_| cases.len() >= cycles);
        let assumed = case.and_then(|text| text.split_once(", then ")).map(|(assumed, _)| assumed);
        let assumed = assumed.filter(|assumed| assumed.starts_with("If "));
        panel.heading = Some(match assumed {
            Some(assumed) => format!("{assumed}:"),
            None => format!("Case {}:", at + 1),
        });
    }
}

/// Operations of the anomaly that no edge names: reads that show the order of writes.
fn others<'a>(anomaly: &Anomaly, panels: &[Panel<'a>]) -> Option<Panel<'a>> {
    let shown: BTreeSet<u64> = panels.iter().flat_map(|panel| panel.order.clone()).collect();
    let mut order: Vec<u64> =
        anomaly.operations.iter().copied().filter(|index| !shown.contains(index)).collect();
    if order.is_empty() || order.len() > BOXES_MAX {
        return None;
    }
    order.dedup();
    let heading = Some("Seen by:".to_owned());
    Some(Panel { heading, order, edges: Vec::new(), is_cycle: false })
}

#[cfg(test)]
mod tests;
