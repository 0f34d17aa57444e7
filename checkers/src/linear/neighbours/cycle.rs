//! Cycles: whether a relation can be extended to an order, and short proofs if it cannot.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

/// From how many nodes at the most a shortest cycle is looked for.
const MAX_STARTS: usize = 256;
/// How many edges all searches for cycles may look at, once there is a first.
const MAX_LOOKS: usize = 1_000_000;

/// Edges by the node that they leave.
pub(super) struct Digraph {
    starts: Vec<u32>,
    /// The numbers of the edges.
    edges: Vec<u32>,
    ends: Vec<(u32, u32)>,
}

impl Digraph {
    /// Of edges (from, to) between this many nodes. Linear.
    pub(super) fn new(nodes: usize, ends: Vec<(u32, u32)>) -> Self {
        let mut starts = vec![0u32; nodes + 1];
        for (from, _) in &ends {
            starts[*from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut free = starts.clone();
        let mut edges = vec![0u32; ends.len()];
        for (number, (from, _)) in (0u32..).zip(&ends) {
            let at = &mut free[*from as usize];
            edges[*at as usize] = number;
            *at += 1;
        }
        Self { starts, edges, ends }
    }

    fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    fn out(&self, node: u32) -> &[u32] {
        let (from, to) = (self.starts[node as usize], self.starts[node as usize + 1]);
        &self.edges[from as usize..to as usize]
    }

    fn to(&self, edge: u32) -> u32 {
        self.ends[edge as usize].1
    }

    /// An order of all nodes in which every edge leads forward, or the nodes that are neither
    /// before nor after all cycles. Linear (Kahn, *Topological sorting of large networks*, 1962).
    fn sorted(&self) -> Result<Vec<u32>, Vec<u32>> {
        let nodes = self.nodes();
        let mut missing = vec![0u32; nodes];
        for (_, to) in &self.ends {
            missing[*to as usize] += 1;
        }
        let mut order: Vec<u32> = (0..nodes as u32).filter(|n| missing[*n as usize] == 0).collect();
        let mut at = 0;
        while let Some(node) = order.get(at).copied() {
            at += 1;
            for edge in self.out(node) {
                let to = self.to(*edge);
                missing[to as usize] -= 1;
                if missing[to as usize] == 0 {
                    order.push(to);
                }
            }
        }
        if order.len() == nodes {
            return Ok(order);
        }
        // What is left has an edge from what is left. Now drop what has none to it.
        let mut left: Vec<bool> = missing.iter().map(|missing| *missing > 0).collect();
        let mut leads = vec![0u32; nodes];
        let mut back: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for (from, to) in self.ends.iter().filter(|(f, t)| left[*f as usize] && left[*t as usize]) {
            leads[*from as usize] += 1;
            back.entry(*to).or_default().push(*from);
        }
        let is_end = |node: &u32| left[*node as usize] && leads[*node as usize] == 0;
        let mut ends: Vec<u32> = (0..nodes as u32).filter(is_end).collect();
        while let Some(node) = ends.pop() {
            left[node as usize] = false;
            for from in back.get(&node).map_or(&[][..], Vec::as_slice) {
                leads[*from as usize] -= 1;
                if leads[*from as usize] == 0 {
                    ends.push(*from);
                }
            }
        }
        Err((0..nodes as u32).filter(|node| left[*node as usize]).collect())
    }

    /// Some cycles, as numbers of edges, short ones first, of which no two have a node in
    /// common; none only if there is none.
    pub(super) fn cycles(&self, most: usize) -> Vec<Vec<u32>> {
        let Err(left) = self.sorted() else { return Vec::new() };
        let within: FxHashSet<u32> = left.iter().copied().collect();
        let step = left.len().div_ceil(MAX_STARTS).max(1);
        let first = self.somewhere(&within, left[0]);
        let starts = first.into_iter().chain(left.iter().copied().step_by(step));
        let (mut found, mut looks) = (Vec::new(), 0);
        for start in starts {
            if looks > MAX_LOOKS && !found.is_empty() {
                break;
            }
            found.extend(self.shortest(&within, start, &mut looks));
        }
        found.sort_by_key(|cycle: &Vec<u32>| (cycle.len(), cycle.iter().min().copied()));
        let mut used: FxHashSet<u32> = FxHashSet::default();
        found.retain(|cycle| {
            let fresh = cycle.iter().all(|edge| !used.contains(&self.to(*edge)));
            if fresh {
                used.extend(cycle.iter().map(|edge| self.to(*edge)));
            }
            fresh
        });
        found.truncate(most);
        found
    }

    /// A node on a cycle. Every node within has an edge that stays within.
    fn somewhere(&self, within: &FxHashSet<u32>, start: u32) -> Option<u32> {
        let mut seen: FxHashSet<u32> = FxHashSet::default();
        let mut node = start;
        while seen.insert(node) {
            let mut next = self.out(node).iter().map(|edge| self.to(*edge));
            node = next.find(|next| within.contains(next))?;
        }
        Some(node)
    }

    /// A shortest cycle through `start`, if there is one: by breadth, so what is near in time is
    /// found without a look at the rest.
    fn shortest(&self, within: &FxHashSet<u32>, start: u32, looks: &mut usize) -> Option<Vec<u32>> {
        self.way(start, start, |edge| {
            *looks += 1;
            within.contains(&self.to(edge))
        })
    }

    /// A shortest way of at least one edge, by edges that may be taken.
    pub(super) fn way(
        &self,
        from: u32,
        to: u32,
        mut may_take: impl FnMut(u32) -> bool,
    ) -> Option<Vec<u32>> {
        // Per node the edge that leads there.
        let mut reached: FxHashMap<u32, u32> = FxHashMap::default();
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            for edge in self.out(node) {
                let next = self.to(*edge);
                if !may_take(*edge) || reached.contains_key(&next) {
                    continue;
                }
                reached.insert(next, *edge);
                if next == to {
                    return Some(self.back(from, to, &reached));
                }
                queue.push_back(next);
            }
        }
        None
    }

    /// The edges that led from one node to another.
    fn back(&self, from: u32, to: u32, reached: &FxHashMap<u32, u32>) -> Vec<u32> {
        let mut way = Vec::new();
        let mut node = to;
        while let Some(edge) = reached.get(&node) {
            way.push(*edge);
            node = self.ends[*edge as usize].0;
            if node == from {
                break;
            }
        }
        way.reverse();
        way
    }
}
