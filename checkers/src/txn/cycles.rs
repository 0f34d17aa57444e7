//! Cycles: which of Adya's kinds a dependency graph holds, and a short example of each.
//!
//! Whether there is a cycle is decided by strongly connected components of views of the graph
//! (Kingsbury & Alvaro, *Elle*, VLDB 2020, section 6.1), so it is exact and linear. Examples
//! are found by breadth-first search from a bounded number of edges.
//!
//! | view | cycles found |
//! |---|---|
//! | ww | G0 |
//! | ww, wr | G1c |
//! | ww, wr, rw without two rw in a row | G-single, G-nonadjacent |
//! | ww, wr, rw | G2-item |
//!
//! each without, with process, and with real-time edges.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use super::graph::{Graph, Mask, Relation, View, cyclic};
use crate::Budget;

/// How many components of a view get an example.
const MAX_COMPONENTS: usize = 8;
/// From how many edges of a component the shortest cycle is looked for.
const MAX_STARTS: usize = 64;
/// How many edges all searches for examples may look at.
const MAX_LOOKS: usize = 5_000_000;

/// A dependency between two transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Examples by kind, shortest first.
    pub(super) examples: BTreeMap<&'static str, Vec<Cycle>>,
    /// Time was up before everything was looked at.
    pub(super) cancelled: bool,
}

#[derive(Clone, Copy)]
struct Level {
    mask: Mask,
    doubled: bool,
    /// The relation that a cycle of this level has and one of the level before lacks.
    new: Relation,
}

const LEVELS: [Level; 4] = [
    Level { mask: Relation::Ww as Mask, doubled: false, new: Relation::Ww },
    Level { mask: Relation::Ww as Mask | Relation::Wr as Mask, doubled: false, new: Relation::Wr },
    Level { mask: 7, doubled: true, new: Relation::Rw },
    Level { mask: 7, doubled: false, new: Relation::Rw },
];

const ORDERS: [Option<Relation>; 3] = [None, Some(Relation::Process), Some(Relation::Realtime)];

/// Finds cycles of every kind.
pub(super) fn find(graph: &Graph, budget: &Budget) -> Cycles {
    let mut finder =
        Finder { graph, budget, looks: 0, cycles: Cycles::default(), explained: Vec::new() };
    let everything = View { graph, mask: Mask::MAX, doubled: false };
    if everything.cyclic_components().is_empty() {
        return finder.cycles;
    }
    for order in ORDERS {
        let mask = 7 | order.map_or(0, |o| o as Mask) | Relation::Onward as Mask;
        if (View { graph, mask, doubled: false }).cyclic_components().is_empty() {
            continue;
        }
        for (number, level) in LEVELS.iter().enumerate() {
            if budget.is_cancelled() {
                finder.cycles.cancelled = true;
                return finder.cycles;
            }
            finder.level(number, *level, order);
        }
    }
    for examples in finder.cycles.examples.values_mut() {
        examples.sort_by_key(|cycle| cycle.links.len());
        examples.truncate(MAX_COMPONENTS);
    }
    finder.cycles
}

struct Finder<'g> {
    graph: &'g Graph,
    budget: &'g Budget,
    looks: usize,
    cycles: Cycles,
    /// A transaction of each cycle found, with the level at which it was.
    explained: Vec<(usize, u32)>,
}

impl Finder<'_> {
    fn level(&mut self, number: usize, level: Level, order: Option<Relation>) {
        let ordering = order.map_or(0, |relation| relation as Mask);
        let mask = level.mask | ordering | Relation::Onward as Mask;
        let view = View { graph: self.graph, mask, doubled: level.doubled };
        let component = view.components();
        let cyclic = cyclic(&component);
        let mut examples = 0;
        for members in &cyclic {
            if examples >= MAX_COMPONENTS || self.budget.is_cancelled() {
                break;
            }
            if self.is_explained(&view, members, number) {
                continue;
            }
            let start = order.unwrap_or(level.new);
            if let Some(cycle) = self.example(&view, &component, members, start) {
                examples += 1;
                self.explained.push((number, cycle.links[0].from));
                self.cycles.examples.entry(cycle.kind).or_default().push(cycle);
            }
        }
    }

    /// Whether a cycle that rules out as much was found among these nodes already.
    fn is_explained(&self, view: &View<'_>, members: &[u32], level: usize) -> bool {
        self.explained.iter().any(|(found, transaction)| {
            *found <= level
                && (members.binary_search_by_key(transaction, |node| view.plain(*node)).is_ok())
        })
    }

    /// The shortest cycle through one of the first edges of relation `start` among `members`.
    fn example(
        &mut self,
        view: &View<'_>,
        component: &[u32],
        members: &[u32],
        start: Relation,
    ) -> Option<Cycle> {
        let mut best: Option<Vec<Link>> = None;
        let mut starts = 0;
        for node in members {
            for edge in view.out(*node) {
                if view.graph.relation(edge) != start || starts >= MAX_STARTS {
                    continue;
                }
                let Some(next) = view.follow(*node, edge) else { continue };
                if component[next as usize] != component[*node as usize] {
                    continue;
                }
                starts += 1;
                let limit = best.as_ref().map_or(usize::MAX, Vec::len);
                if let Some(mut steps) = self.path(view, component, next, *node, limit) {
                    steps.insert(0, (view.plain(*node), edge));
                    let links = links(view.graph, &steps);
                    if links.len() < limit {
                        best = Some(links);
                    }
                }
            }
        }
        best.map(|links| Cycle { kind: kind(&links), links })
    }

    /// The way from `from` to `to` through the fewest transactions, as (node, edge out of it).
    fn path(
        &mut self,
        view: &View<'_>,
        component: &[u32],
        from: u32,
        to: u32,
        limit: usize,
    ) -> Option<Vec<(u32, u32)>> {
        let within = component[to as usize];
        // Per node: the number of transactions on the way, and the step that led there.
        let mut reached: FxHashMap<u32, (usize, u32, u32)> = FxHashMap::default();
        let mut queue = VecDeque::from([(0, from)]);
        reached.insert(from, (0, u32::MAX, u32::MAX));
        while let Some((distance, node)) = queue.pop_front() {
            if node == to {
                break;
            }
            if reached[&node].0 < distance || distance + 1 >= limit {
                continue;
            }
            for edge in view.out(node) {
                self.looks += 1;
                let Some(next) = view.follow(node, edge) else { continue };
                if component[next as usize] != within {
                    continue;
                }
                let helper = view.plain(next) >= view.graph.transactions;
                let far = distance + usize::from(!helper);
                if reached.get(&next).is_some_and(|(known, ..)| *known <= far) {
                    continue;
                }
                reached.insert(next, (far, node, edge));
                if helper {
                    queue.push_front((far, next));
                } else {
                    queue.push_back((far, next));
                }
            }
            if self.looks > MAX_LOOKS && limit != usize::MAX {
                return None;
            }
        }
        let mut steps = Vec::new();
        let mut node = to;
        while node != from {
            let (_, before, edge) = *reached.get(&node)?;
            steps.push((view.plain(before), edge));
            node = before;
        }
        steps.reverse();
        Some(steps)
    }
}

/// Joins steps over helper nodes to dependencies between transactions.
fn links(graph: &Graph, steps: &[(u32, u32)]) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for (node, edge) in steps {
        let to = graph.target(*edge);
        match links.last_mut() {
            Some(link) if *node >= graph.transactions => link.to = to,
            _ => links.push(Link {
                from: *node,
                to,
                relation: graph.relation(*edge),
                key: graph.key(*edge),
            }),
        }
    }
    links
}

/// The name of a cycle with these links.
fn kind(links: &[Link]) -> &'static str {
    let has = |relation| links.iter().any(|link| link.relation == relation);
    let anti: Vec<bool> = links.iter().map(|link| link.relation == Relation::Rw).collect();
    let count = anti.iter().filter(|rw| **rw).count();
    let adjacent = (0..anti.len()).any(|at| anti[at] && anti[(at + 1) % anti.len()]);
    let order = match (has(Relation::Realtime), has(Relation::Process)) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    };
    let names = match count {
        0 if has(Relation::Wr) => ["G1c", "G1c-process", "G1c-realtime"],
        0 => ["G0", "G0-process", "G0-realtime"],
        1 => ["G-single", "G-single-process", "G-single-realtime"],
        _ if adjacent => ["G2-item", "G2-item-process", "G2-item-realtime"],
        _ => ["G-nonadjacent", "G-nonadjacent-process", "G-nonadjacent-realtime"],
    };
    names[order]
}
