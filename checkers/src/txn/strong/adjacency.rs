//! Adjacency: the edges of a network by their ends, orders of points, and short paths.

use super::network::{Edge, Network};
use crate::txn::transactions::NEVER;

/// Edges by where they begin, or by where they end.
#[derive(Debug)]
pub(super) struct Adjacency {
    starts: Vec<u32>,
    /// The other end, and the number of the edge.
    ends: Vec<(u32, u32)>,
}

impl Adjacency {
    /// Edges by where they begin.
    pub(super) fn forward(points: u32, edges: &[Edge]) -> Self {
        Self::new(points, edges, |edge| (edge.from, edge.to))
    }

    /// Edges by where they end.
    pub(super) fn backward(points: u32, edges: &[Edge]) -> Self {
        Self::new(points, edges, |edge| (edge.to, edge.from))
    }

    fn new(points: u32, edges: &[Edge], ends: impl Fn(&Edge) -> (u32, u32)) -> Self {
        let mut starts = vec![0u32; points as usize + 1];
        for edge in edges {
            starts[ends(edge).0 as usize + 1] += 1;
        }
        for point in 0..points as usize {
            starts[point + 1] += starts[point];
        }
        let mut free = starts.clone();
        let mut all = vec![(0, 0); edges.len()];
        for (number, edge) in (0u32..).zip(edges) {
            let (at, other) = ends(edge);
            all[free[at as usize] as usize] = (other, number);
            free[at as usize] += 1;
        }
        Self { starts, ends: all }
    }

    /// The other ends, with the numbers of the edges, ascending.
    pub(super) fn of(&self, point: u32) -> &[(u32, u32)] {
        let at = point as usize;
        &self.ends[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

/// A topological order of all points, or of those that are not behind a cycle.
pub(super) fn topological(network: &Network<'_>, forward: &Adjacency) -> Vec<u32> {
    let points = network.point_count as usize;
    let mut waiting = vec![0u32; points];
    for edge in &network.edges {
        waiting[edge.to as usize] += 1;
    }
    let mut order: Vec<u32> =
        (0..network.point_count).filter(|point| waiting[*point as usize] == 0).collect();
    let mut at = 0;
    while let Some(point) = order.get(at).copied() {
        at += 1;
        for (to, _) in forward.of(point) {
            waiting[*to as usize] -= 1;
            if waiting[*to as usize] == 0 {
                order.push(*to);
            }
        }
    }
    order
}

/// Searches for short paths; what it needs is kept from one search to the next.
#[derive(Debug)]
pub(super) struct Paths<'a> {
    forward: &'a Adjacency,
    /// Per point the edge by which it was reached, valid if the stamp is that of the search.
    reached_by: Vec<u32>,
    from: Vec<u32>,
    stamps: Vec<u32>,
    stamp: u32,
    queue: Vec<u32>,
    /// Edges looked at in all.
    pub(super) looks: usize,
}

impl<'a> Paths<'a> {
    pub(super) fn new(points: u32, forward: &'a Adjacency) -> Self {
        let points = points as usize;
        Self {
            forward,
            reached_by: vec![NEVER; points],
            from: vec![NEVER; points],
            stamps: vec![0; points],
            stamp: 0,
            queue: Vec::new(),
            looks: 0,
        }
    }

    /// The edges of a shortest path of one edge or more, over edges below `limit` and points
    /// that pass.
    pub(super) fn shortest(
        &mut self,
        from: u32,
        to: u32,
        limit: u32,
        pass: impl Fn(u32) -> bool,
    ) -> Option<Vec<u32>> {
        self.stamp += 1;
        self.queue.clear();
        self.queue.push(from);
        let mut at = 0;
        while let Some(point) = self.queue.get(at).copied() {
            at += 1;
            for (next, edge) in self.forward.of(point) {
                self.looks += 1;
                if *edge >= limit || self.stamps[*next as usize] == self.stamp || !pass(*next) {
                    continue;
                }
                self.stamps[*next as usize] = self.stamp;
                self.reached_by[*next as usize] = *edge;
                self.from[*next as usize] = point;
                if *next == to {
                    return Some(self.trace(from, to));
                }
                self.queue.push(*next);
            }
        }
        None
    }

    fn trace(&self, from: u32, to: u32) -> Vec<u32> {
        let mut path = Vec::new();
        let mut at = to;
        loop {
            path.push(self.reached_by[at as usize]);
            at = self.from[at as usize];
            if at == from {
                path.reverse();
                return path;
            }
        }
    }
}

/// A short cycle among the points that a topological order lacks, by the numbers of its edges.
///
/// Some cycle is found by walking backwards; then the shortest through one of its points is
/// searched for, as long as that is cheap.
pub(super) fn short_cycle(
    network: &Network<'_>,
    forward: &Adjacency,
    order: &[u32],
) -> Option<Vec<u32>> {
    /// Starting points that are tried, and edges that are looked at.
    const MAX_STARTS: usize = 200;
    const MAX_LOOKS: usize = 5_000_000;
    let points = network.point_count as usize;
    let mut stuck = vec![true; points];
    for point in order {
        stuck[*point as usize] = false;
    }
    let backward = Adjacency::backward(network.point_count, &network.edges);
    let mut at = (0..network.point_count).find(|point| stuck[*point as usize])?;
    let mut walked: Vec<u32> = Vec::new();
    let mut place = vec![NEVER; points];
    while place[at as usize] == NEVER {
        place[at as usize] = walked.len() as u32;
        walked.push(at);
        at = backward.of(at).iter().map(|(from, _)| *from).find(|from| stuck[*from as usize])?;
    }
    let on_cycle = &walked[place[at as usize] as usize..];
    let mut paths = Paths::new(network.point_count, forward);
    let mut best: Option<Vec<u32>> = None;
    for start in on_cycle.iter().take(MAX_STARTS) {
        let found = paths.shortest(*start, *start, NEVER, |point| stuck[point as usize]);
        if let Some(cycle) = found
            && best.as_ref().is_none_or(|best| cycle.len() < best.len())
        {
            best = Some(cycle);
        }
        if paths.looks > MAX_LOOKS {
            break;
        }
    }
    best
}
