//! Windows: the parts of a history in which cycles can lie.
//!
//! With transactions ranked (see [`super::ranks`]), a cycle crosses the cut between two ranks
//! forward, so it crosses it back, too. Cuts that no edge leads back over part the history, and
//! each part is looked at by itself: it is small in a history without anomalies, whatever the
//! length of that. Session and real-time order lead forward only, so they are added within
//! windows, in linear size.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::graph::{Arc, Graph, Mask, Relation, View, cyclic};
use super::ranks::Ranks;
use super::transactions::{NEVER, Transactions};

/// Everything known about the order of transactions but for session and real-time order.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    pub(super) arcs: Vec<Arc>,
    /// Transactions and helpers; the latter are numbered after the former.
    pub(super) nodes: u32,
    /// Per transaction whether it happened. No edge leads from or to others.
    pub(super) live: Vec<bool>,
}

/// A strongly connected part of the dependency graph, with session and real-time order.
#[derive(Debug)]
pub(super) struct Component {
    /// Its nodes are numbered anew, transactions first and in ascending order.
    pub(super) graph: Graph,
    /// Per transaction of the component its number in the history.
    pub(super) numbers: Vec<u32>,
}

impl Component {
    /// The part between some of its nodes, which are ascending.
    pub(super) fn part(&self, members: &[u32]) -> Self {
        let transactions = members.partition_point(|node| *node < self.graph.transactions);
        let numbers = members[..transactions].iter().map(|node| self.numbers[*node as usize]);
        Self { graph: self.graph.part(members, transactions as u32), numbers: numbers.collect() }
    }
}

/// All strongly connected components of at least two transactions, in the order of ranks.
/// Linear, and a sort of the transactions; parallel.
pub(super) fn components(txns: &Transactions, known: &Dependencies) -> Vec<Component> {
    let ranks = Ranks::new(txns, &known.live, &known.arcs, known.nodes);
    let windows = Windows::new(&ranks, &known.arcs);
    if windows.bounds.is_empty() {
        return Vec::new();
    }
    let sorted = windows.sort(&ranks, &known.arcs);
    let found: Vec<Vec<Component>> = (0..windows.bounds.len())
        .into_par_iter()
        .with_min_len(64)
        .map(|number| {
            let (first, last) = windows.bounds[number];
            let members = &ranks.order[first as usize..=last as usize];
            Window { txns, members }.components(sorted.of(number))
        })
        .collect();
    found.into_iter().flatten().collect()
}

struct Windows {
    /// First and last rank of each window.
    bounds: Vec<(u32, u32)>,
    /// Per rank the number of its window, [`NEVER`] if it is in none.
    of_rank: Vec<u32>,
}

/// Edges sorted by window.
struct Sorted {
    starts: Vec<u32>,
    arcs: Vec<Arc>,
}

impl Sorted {
    fn of(&self, window: usize) -> &[Arc] {
        &self.arcs[self.starts[window] as usize..self.starts[window + 1] as usize]
    }
}

impl Windows {
    fn new(ranks: &Ranks, arcs: &[Arc]) -> Self {
        let count = ranks.order.len();
        // How many more edges lead back over the cut after a rank than over that before it.
        let mut change = vec![0i32; count + 1];
        for arc in arcs {
            let (from, to) = (ranks.of[arc.from as usize], ranks.of[arc.to as usize]);
            if to < from {
                change[to as usize] += 1;
                change[from as usize] -= 1;
            }
        }
        let mut windows = Self { bounds: Vec::new(), of_rank: vec![NEVER; count] };
        let (mut over, mut first) = (0, 0u32);
        for rank in 0..count as u32 {
            over += change[rank as usize];
            if over > 0 {
                continue;
            }
            if rank > first {
                let number = windows.bounds.len() as u32;
                windows.of_rank[first as usize..=rank as usize].fill(number);
                windows.bounds.push((first, rank));
            }
            first = rank + 1;
        }
        windows
    }

    /// Sorts the edges that lie within windows.
    fn sort(&self, ranks: &Ranks, arcs: &[Arc]) -> Sorted {
        let window = |arc: &Arc| {
            let [from, to] = [arc.from, arc.to].map(|node| ranks.of[node as usize]);
            let [from, to] = [from, to].map(|rank| self.of_rank[rank as usize]);
            (from == to && from != NEVER).then_some(from as usize)
        };
        let mut starts = vec![0u32; self.bounds.len() + 1];
        for at in arcs.iter().filter_map(window) {
            starts[at + 1] += 1;
        }
        for at in 0..self.bounds.len() {
            starts[at + 1] += starts[at];
        }
        let mut free = starts.clone();
        let nothing = Arc { from: 0, to: 0, relation: Relation::Ww, key: 0 };
        let mut sorted = vec![nothing; starts[self.bounds.len()] as usize];
        for arc in arcs {
            if let Some(at) = window(arc) {
                sorted[free[at] as usize] = *arc;
                free[at] += 1;
            }
        }
        Sorted { starts, arcs: sorted }
    }
}

/// A part of the history.
struct Window<'w> {
    txns: &'w Transactions,
    /// Its transactions by rank.
    members: &'w [u32],
}

impl Window<'_> {
    fn components(&self, arcs: &[Arc]) -> Vec<Component> {
        let transactions = self.members.len() as u32;
        let mut local: FxHashMap<u32, u32> = FxHashMap::default();
        local.extend(self.members.iter().copied().zip(0u32..));
        let mut nodes = transactions;
        let mut own = |node: u32| {
            *local.entry(node).or_insert_with(|| {
                nodes += 1;
                nodes - 1
            })
        };
        let mut all: Vec<Arc> = Vec::with_capacity(arcs.len() + 3 * self.members.len());
        for arc in arcs {
            all.push(Arc { from: own(arc.from), to: own(arc.to), ..*arc });
        }
        self.sessions(&mut all);
        let nodes = self.real_time(&mut all, nodes);
        let graph = Graph::new(transactions, nodes, &all);
        let view = View { graph: &graph, mask: Mask::MAX, doubled: false };
        let component = view.components();
        let groups = cyclic(&component);
        groups.iter().filter_map(|members| self.extract(&graph, members)).collect()
    }

    /// Each process ran its transactions one after the other.
    fn sessions(&self, arcs: &mut Vec<Arc>) {
        let mut by_session: Vec<(u32, u32, u32)> = (0u32..)
            .zip(self.members)
            .map(|(at, number)| (self.txns.txn(*number).process, *number, at))
            .collect();
        by_session.sort_unstable();
        for pair in by_session.windows(2) {
            let [(process, before, from), (same, after, to)] = [pair[0], pair[1]];
            if process == same && self.txns.in_session_order(before, after) {
                arcs.push(Arc { from, to, relation: Relation::Process, key: NEVER });
            }
        }
    }

    /// A helper per end, in the order of ends: what is over leads to all that begin later.
    /// Gives the number of nodes.
    fn real_time(&self, arcs: &mut Vec<Arc>, nodes: u32) -> u32 {
        if !self.txns.is_timed() {
            return nodes;
        }
        let mut ends: Vec<(u32, u32)> = (0u32..)
            .zip(self.members)
            .map(|(at, number)| (self.txns.txn(*number).end, at))
            .filter(|(end, _)| *end != NEVER)
            .collect();
        // Ranks follow ends already, but for what never ended.
        ends.sort_unstable();
        for (helper, (_, at)) in (nodes..).zip(&ends) {
            arcs.push(Arc { from: *at, to: helper, relation: Relation::Realtime, key: NEVER });
            if helper > nodes {
                let (from, to) = (helper - 1, helper);
                arcs.push(Arc { from, to, relation: Relation::Onward, key: NEVER });
            }
        }
        for (at, number) in (0u32..).zip(self.members) {
            let begin = self.txns.txn(*number).begin;
            let before = ends.partition_point(|(end, _)| *end < begin) as u32;
            if before > 0 {
                let from = nodes + before - 1;
                arcs.push(Arc { from, to: at, relation: Relation::Onward, key: NEVER });
            }
        }
        nodes + ends.len() as u32
    }

    /// The part of the graph between `members`, which are ascending.
    fn extract(&self, graph: &Graph, members: &[u32]) -> Option<Component> {
        let number = |node: &u32| self.members[*node as usize];
        let mut chosen: Vec<u32> =
            members.iter().copied().filter(|node| *node < graph.transactions).collect();
        if chosen.len() < 2 {
            return None;
        }
        chosen.sort_unstable_by_key(number);
        let numbers: Vec<u32> = chosen.iter().map(number).collect();
        chosen.extend(members.iter().copied().filter(|node| *node >= graph.transactions));
        Some(Component { graph: graph.part(&chosen, numbers.len() as u32), numbers })
    }
}
