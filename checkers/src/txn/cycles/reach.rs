//! Which anti-dependencies close a cycle over other edges: reachability, many at a time.

use super::super::graph::View;
use crate::Budget;

/// Searches that run at once, a bit each.
const LANES: usize = 4;
const BATCH: usize = 64 * LANES;

type Bits = [u64; LANES];

/// Those of the edges `(node, edge)` whose target leads back to their node through `view`, up
/// to `wanted` of them. `None` if time was up. The view is not doubled.
///
/// Components of the view are in topological order, so a search only looks at what lies
/// between its two ends. Edges times the size of that between, over 256.
pub(super) fn closed(
    view: &View<'_>,
    edges: &[(u32, u32)],
    wanted: usize,
    budget: &Budget,
) -> Option<Vec<(u32, u32)>> {
    // Numbers of components fall along edges.
    let height = view.components();
    let target = |edge: u32| view.graph.target(edge);
    let mut candidates: Vec<(u32, u32)> = edges
        .iter()
        .copied()
        .filter(|(node, edge)| height[target(*edge) as usize] >= height[*node as usize])
        .collect();
    candidates.sort_by_key(|(node, edge)| {
        (std::cmp::Reverse(height[target(*edge) as usize]), *node, *edge)
    });
    let mut order: Vec<u32> = (0..view.nodes()).collect();
    order.sort_by_key(|node| std::cmp::Reverse(height[*node as usize]));
    let mut search = Search { view, height: &height, order: &order, bits: Vec::new() };
    search.bits.resize(height.len(), [0; LANES]);
    let mut found = Vec::new();
    for batch in candidates.chunks(BATCH) {
        if budget.is_cancelled() {
            return None;
        }
        search.batch(batch, &mut found);
        if found.len() >= wanted {
            break;
        }
    }
    found.truncate(wanted);
    Some(found)
}

struct Search<'s> {
    view: &'s View<'s>,
    height: &'s [u32],
    /// Members from the highest down.
    order: &'s [u32],
    bits: Vec<Bits>,
}

impl Search<'_> {
    fn batch(&mut self, batch: &[(u32, u32)], found: &mut Vec<(u32, u32)>) {
        let height = |node: u32| self.height[node as usize];
        let target = |edge: u32| self.view.graph.target(edge);
        let top = batch.iter().map(|(_, edge)| height(target(*edge))).max().unwrap_or(0);
        let low = batch.iter().map(|(node, _)| height(*node)).min().unwrap_or(0);
        let first = self.order.partition_point(|node| height(*node) > top);
        let last = self.order.partition_point(|node| height(*node) >= low);
        for (lane, (_, edge)) in batch.iter().enumerate() {
            self.bits[target(*edge) as usize][lane / 64] |= 1 << (lane % 64);
        }
        let mut at = first;
        while at < last {
            at = self.component(at, last);
        }
        for (lane, (node, edge)) in batch.iter().enumerate() {
            if self.bits[*node as usize][lane / 64] >> (lane % 64) & 1 == 1 {
                found.push((*node, *edge));
            }
        }
        for node in &self.order[first..last] {
            self.bits[*node as usize] = [0; LANES];
        }
    }

    /// What reaches one member of a component reaches all, and what they lead to. Gives where
    /// the next component begins.
    fn component(&mut self, at: usize, last: usize) -> usize {
        let height = self.height[self.order[at] as usize];
        let same = |node: &&u32| self.height[**node as usize] == height;
        let end = at + self.order[at..last].iter().take_while(same).count();
        let mut all: Bits = [0; LANES];
        for node in &self.order[at..end] {
            merge(&mut all, &self.bits[*node as usize]);
        }
        if all == [0; LANES] {
            return end;
        }
        let low = self.order.get(last - 1).map_or(0, |node| self.height[*node as usize]);
        for node in &self.order[at..end] {
            self.bits[*node as usize] = all;
            for edge in self.view.out(*node) {
                let Some(next) = self.view.follow(*node, edge) else { continue };
                if self.height[next as usize] >= low {
                    merge(&mut self.bits[next as usize], &all);
                }
            }
        }
        end
    }
}

fn merge(into: &mut Bits, from: &Bits) {
    for (a, b) in into.iter_mut().zip(from) {
        *a |= b;
    }
}
