//! Cycles: which of Adya's kinds a dependency graph holds, and a short example of each.
//!
//! | kind | cycle of |
//! |---|---|
//! | G0 | ww |
//! | G1c | ww, wr, at least one wr |
//! | G-single | ww, wr, and exactly one rw |
//! | G-nonadjacent | several rw, no two in a row |
//! | G2-item | two rw in a row |
//!
//! with `-predicate` if an rw is by a predicate; G2 for G2-item then. Each comes without, with
//! session (`-process`) and with real-time order (`-realtime`). Whether a component holds a
//! cycle that a level forbids is decided exactly, by components of views of the graph
//! (Kingsbury & Alvaro, *Elle*, VLDB 2020, section 6.1) and by reachability; the work is
//! bounded by the size of the component. Which further kinds it holds besides is searched for
//! with bounded work, as some of these questions are NP-complete.

mod pattern;
mod reach;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use self::pattern::Pattern;
use self::walk::Walker;
use super::graph::{Graph, Mask, Relation, View, cyclic};
use super::transactions::Transactions;
use super::windows::{self, Component, Dependencies};
use crate::Budget;

/// Examples of each kind that are kept.
const MAX_EXAMPLES: usize = 8;
/// From how many edges of a component the shortest cycle is looked for.
const MAX_STARTS: usize = 64;

/// A dependency between two transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) relation: Relation,
    pub(super) key: u32,
}

/// A cycle, and what Adya and Elle call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cycle {
    pub(super) kind: &'static str,
    pub(super) links: Vec<Link>,
}

/// All kinds found.
#[derive(Debug, Default)]
pub(super) struct Cycles {
    /// In how many components each kind was found.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Examples by kind, shortest first.
    pub(super) examples: BTreeMap<&'static str, Vec<Cycle>>,
    /// Time was up before everything was looked at.
    pub(super) cancelled: bool,
}

impl Cycles {
    /// Those of some kinds.
    pub(super) fn only(mut self, pass: impl Fn(&str) -> bool) -> Self {
        self.counts.retain(|kind, _| pass(kind));
        self.examples.retain(|kind, _| pass(kind));
        self
    }

    /// The same under other names.
    pub(super) fn renamed(self, name: impl Fn(&'static str) -> &'static str) -> Self {
        let counts = self.counts.into_iter().map(|(kind, count)| (name(kind), count)).collect();
        let rename = |mut cycle: Cycle| {
            cycle.kind = name(cycle.kind);
            cycle
        };
        let examples = self
            .examples
            .into_iter()
            .map(|(kind, examples)| (name(kind), examples.into_iter().map(rename).collect()));
        Self { counts, examples: examples.collect(), ..self }
    }
}

/// Finds the cycles that there are by some dependencies, unless these are more than the budget
/// allows.
pub(super) fn of(txns: &Transactions, known: Dependencies, budget: &Budget) -> Cycles {
    if (known.arcs.len() + known.nodes as usize) / 4 > budget.max_states {
        return Cycles { cancelled: true, ..Cycles::default() };
    }
    let components = windows::components(txns, &known);
    drop(known);
    find(&components, budget)
}

/// Finds cycles of every kind.
fn find(components: &[Component], budget: &Budget) -> Cycles {
    let found: Vec<(Vec<Cycle>, bool)> = components
        .par_iter()
        .map(|component| {
            let (mut found, mut cancelled) = of_component(component, Mask::MAX, budget);
            // Levels that allow phantoms forbid other cycles, which must not hide behind them.
            if component.graph.has(Relation::PredicateRw) {
                let items = !(Relation::PredicateRw as Mask);
                let (others, late) = of_component(component, items, budget);
                found.extend(others);
                cancelled |= late;
            }
            (found, cancelled)
        })
        .collect();
    let mut cycles = Cycles::default();
    for (found, cancelled) in found {
        cycles.cancelled |= cancelled;
        let kinds: BTreeSet<&'static str> = found.iter().map(|cycle| cycle.kind).collect();
        for kind in kinds {
            *cycles.counts.entry(kind).or_default() += 1;
        }
        for cycle in found {
            cycles.examples.entry(cycle.kind).or_default().push(cycle);
        }
    }
    for examples in cycles.examples.values_mut() {
        examples.sort_by(|a, b| (a.links.len(), &a.links).cmp(&(b.links.len(), &b.links)));
        examples.dedup();
        examples.truncate(MAX_EXAMPLES);
    }
    cycles
}

const ORDERS: [Option<Relation>; 3] = [None, Some(Relation::Process), Some(Relation::Realtime)];

/// Everything found in a component with some relations, and whether time was up before all was
/// looked at.
fn of_component(component: &Component, allowed: Mask, budget: &Budget) -> (Vec<Cycle>, bool) {
    let mut found: Vec<Cycle> = Vec::new();
    for order in ORDERS {
        let view = view(&component.graph, Pattern::AntiPair, order, allowed);
        let groups = view.components();
        for members in cyclic(&groups) {
            if budget.is_cancelled() {
                return (found, true);
            }
            let within = Group { groups: &groups, members: &members };
            if order.is_none_or(|order| within.edges(&view, order as Mask).next().is_some()) {
                let part = component.part(&members);
                let mut finder = Finder::new(&part, order, allowed, budget);
                finder.search();
                if finder.cancelled {
                    return (found, true);
                }
                found.append(&mut finder.found);
            }
        }
    }
    (found, false)
}

/// What a cycle of this pattern and order may use.
fn view(graph: &Graph, pattern: Pattern, order: Option<Relation>, allowed: Mask) -> View<'_> {
    let mask = pattern.mask() | order.map_or(0, |order| order as Mask) | Relation::Onward as Mask;
    View { graph, mask: mask & allowed, doubled: pattern == Pattern::Nonadjacent }
}

/// Looks for each kind in a part of which all is strongly connected by data dependencies and
/// one order.
struct Finder<'c> {
    component: &'c Component,
    order: Option<Relation>,
    /// Relations that count.
    allowed: Mask,
    budget: &'c Budget,
    walker: Walker<'c>,
    found: Vec<Cycle>,
    cancelled: bool,
}

impl<'c> Finder<'c> {
    fn new(
        component: &'c Component,
        order: Option<Relation>,
        allowed: Mask,
        budget: &'c Budget,
    ) -> Self {
        let walker = Walker::new(&component.graph);
        Self { component, order, allowed, budget, walker, found: Vec::new(), cancelled: false }
    }

    fn view(&self, pattern: Pattern) -> View<'c> {
        view(&self.component.graph, pattern, self.order, self.allowed)
    }

    fn search(&mut self) {
        for pattern in [Pattern::Writes, Pattern::Information, Pattern::Nonadjacent] {
            let new = pattern.new_relations();
            let order = self.order.map(|order| order as Mask).filter(|_| new != Relation::ANTI);
            let start = order.unwrap_or(new);
            self.parts(pattern, start);
        }
        let nodes = self.component.graph.nodes();
        let (members, groups): (Vec<u32>, Vec<u32>) = (0..nodes).map(|node| (node, 0)).unzip();
        let whole = Group { groups: &groups, members: &members };
        let all = self.view(Pattern::AntiPair);
        let anti: Vec<(u32, u32)> = whole.edges(&all, Relation::ANTI).collect();
        let view = self.view(Pattern::Single);
        match reach::closed(&view, &anti, 4 * MAX_STARTS, self.budget) {
            Some(starts) => self.shortest(Pattern::Single, &groups, &starts),
            None => self.cancelled = true,
        }
        let starts = &anti[..anti.len().min(4 * MAX_STARTS)];
        self.shortest(Pattern::AntiPair, &groups, starts);
    }

    /// Finds a cycle in each component of a pattern's view.
    fn parts(&mut self, pattern: Pattern, start: Mask) {
        let view = self.view(pattern);
        let parts = view.components();
        for members in cyclic(&parts) {
            let part = Group { groups: &parts, members: &members };
            let starts: Vec<(u32, u32)> = part.edges(&view, start).take(4 * MAX_STARTS).collect();
            self.shortest(pattern, &parts, &starts);
        }
    }

    /// Keeps the shortest cycle of a pattern that begins with one of these edges.
    fn shortest(&mut self, pattern: Pattern, groups: &[u32], starts: &[(u32, u32)]) {
        let view = self.view(pattern);
        let mut best: Option<Vec<Link>> = None;
        self.walker.rest();
        for (tries, (node, edge)) in starts.iter().enumerate() {
            let limit = best.as_ref().map_or(usize::MAX, Vec::len);
            let enough = best.is_some() && tries >= MAX_STARTS;
            if limit <= 2 || enough || self.walker.is_exhausted(best.is_some()) {
                break;
            }
            let ordered = self.order.is_some();
            let search = walk::Search { pattern, ordered, view, groups, limit };
            if let Some(links) = self.walker.closed_walk(&search, *node, *edge)
                && links.len() < limit
            {
                best = Some(links);
            }
        }
        for links in best.into_iter().flat_map(|links| walk::simple_cycles(&links)) {
            self.keep(links);
        }
    }

    fn keep(&mut self, mut links: Vec<Link>) {
        let first = (0..links.len()).min_by_key(|at| links[*at].from).unwrap_or(0);
        links.rotate_left(first);
        let number = |node: u32| self.component.numbers[node as usize];
        for link in &mut links {
            (link.from, link.to) = (number(link.from), number(link.to));
        }
        let cycle = Cycle { kind: kind(&links), links };
        let many = self.found.iter().filter(|other| other.kind == cycle.kind).count();
        if many < MAX_EXAMPLES && !self.found.contains(&cycle) {
            self.found.push(cycle);
        }
    }
}

/// A component of a view.
struct Group<'g> {
    /// Per node of the view the number of its component.
    groups: &'g [u32],
    /// Nodes of this one.
    members: &'g [u32],
}

impl Group<'_> {
    /// Edges of some relations inside, as (node of the view, edge).
    fn edges<'e>(
        &'e self,
        view: &'e View<'e>,
        relations: Mask,
    ) -> impl Iterator<Item = (u32, u32)> + 'e {
        self.members.iter().flat_map(move |node| {
            let inside = move |edge: &u32| {
                view.graph.relation(*edge) as Mask & relations != 0
                    && view.follow(*node, *edge).is_some_and(|next| {
                        self.groups[next as usize] == self.groups[*node as usize]
                    })
            };
            view.out(*node).filter(inside).map(move |edge| (*node, edge))
        })
    }
}

/// The name of a cycle with these links.
fn kind(links: &[Link]) -> &'static str {
    let has = |relation| links.iter().any(|link| link.relation == relation);
    let count = links.iter().filter(|link| link.relation.begins_anti()).count();
    let relation = |at: usize| links[at % links.len()].relation;
    let adjacent =
        (0..links.len()).any(|at| relation(at).ends_anti() && relation(at + 1).begins_anti());
    let predicate = has(Relation::PredicateRw);
    let order = match (has(Relation::Realtime), has(Relation::Process)) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    };
    let names = match count {
        0 if has(Relation::Wr) => ["G1c", "G1c-process", "G1c-realtime"],
        0 => ["G0", "G0-process", "G0-realtime"],
        1 if predicate => {
            ["G-single-predicate", "G-single-predicate-process", "G-single-predicate-realtime"]
        }
        1 => ["G-single", "G-single-process", "G-single-realtime"],
        _ if adjacent && predicate => ["G2", "G2-process", "G2-realtime"],
        _ if adjacent => ["G2-item", "G2-item-process", "G2-item-realtime"],
        _ if predicate => [
            "G-nonadjacent-predicate",
            "G-nonadjacent-predicate-process",
            "G-nonadjacent-predicate-realtime",
        ],
        _ => ["G-nonadjacent", "G-nonadjacent-process", "G-nonadjacent-realtime"],
    };
    names[order]
}

#[cfg(test)]
mod tests;
