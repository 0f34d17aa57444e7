//! A topological order that is kept while edges come and go.
//!
//! Pearce & Kelly, *A dynamic topological sort algorithm for directed acyclic graphs* (JEA 2006).
//! Taking an edge away leaves the order as it is.

use super::adjacency::Adjacency;
use crate::txn::transactions::NEVER;

/// An edge that was added later, in the lists of both its ends.
#[derive(Clone, Copy, Debug)]
struct Added {
    from: u32,
    to: u32,
    next_from: u32,
    next_to: u32,
}

/// A step of a path: an edge of the network, or one added later, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    Fixed(u32),
    Added(u32),
}

#[derive(Debug)]
pub(super) struct Dynamic<'n> {
    forward: &'n Adjacency,
    backward: &'n Adjacency,
    pub(super) positions: Vec<u32>,
    added: Vec<Added>,
    first_from: Vec<u32>,
    first_to: Vec<u32>,
    marks: Vec<u32>,
    mark: u32,
    reached_by: Vec<(u32, Hop)>,
    ahead: Vec<u32>,
    behind: Vec<u32>,
    places: Vec<u32>,
    /// Points looked at in all.
    pub(super) looks: usize,
}

impl<'n> Dynamic<'n> {
    /// `order` is one of the fixed edges.
    pub(super) fn new(forward: &'n Adjacency, backward: &'n Adjacency, order: &[u32]) -> Self {
        let points = order.len();
        let mut positions = vec![0; points];
        for (position, point) in (0u32..).zip(order) {
            positions[*point as usize] = position;
        }
        Self {
            forward,
            backward,
            positions,
            added: Vec::new(),
            first_from: vec![NEVER; points],
            first_to: vec![NEVER; points],
            marks: vec![0; points],
            mark: 0,
            reached_by: vec![(NEVER, Hop::Fixed(NEVER)); points],
            ahead: Vec::new(),
            behind: Vec::new(),
            places: Vec::new(),
            looks: 0,
        }
    }

    /// How many edges were added and not taken away.
    pub(super) fn added(&self) -> usize {
        self.added.len()
    }

    /// Adds an edge. If that would close a cycle it does not, and returns the rest of the cycle:
    /// a path from `to` to `from` with few added edges.
    pub(super) fn add(&mut self, from: u32, to: u32) -> Result<(), Vec<Hop>> {
        let (low, high) = (self.positions[to as usize], self.positions[from as usize]);
        if low <= high {
            if !self.collect_ahead(to, from, high) {
                self.looks += self.ahead.len();
                return Err(self.path(to, from));
            }
            self.collect_behind(from, low);
            self.looks += self.ahead.len() + self.behind.len();
            self.reorder();
        }
        let number = self.added.len() as u32;
        self.added.push(Added {
            from,
            to,
            next_from: self.first_from[from as usize],
            next_to: self.first_to[to as usize],
        });
        self.first_from[from as usize] = number;
        self.first_to[to as usize] = number;
        Ok(())
    }

    /// Takes edges away, the last ones first, until so many are left.
    pub(super) fn truncate(&mut self, count: usize) {
        while self.added.len() > count {
            if let Some(edge) = self.added.pop() {
                self.first_from[edge.from as usize] = edge.next_from;
                self.first_to[edge.to as usize] = edge.next_to;
            }
        }
    }

    /// Collects what is reached from a point up to a position; false if that includes `target`.
    fn collect_ahead(&mut self, start: u32, target: u32, high: u32) -> bool {
        self.mark += 1;
        self.ahead.clear();
        if start == target {
            return false;
        }
        self.marks[start as usize] = self.mark;
        self.ahead.push(start);
        let mut at = 0;
        while let Some(point) = self.ahead.get(at).copied() {
            at += 1;
            let forward = self.forward;
            for (to, _) in forward.of(point) {
                if !self.visit_ahead(*to, target, high) {
                    return false;
                }
            }
            let mut edge = self.first_from[point as usize];
            while edge != NEVER {
                let Added { to, next_from, .. } = self.added[edge as usize];
                if !self.visit_ahead(to, target, high) {
                    return false;
                }
                edge = next_from;
            }
        }
        true
    }

    fn visit_ahead(&mut self, to: u32, target: u32, high: u32) -> bool {
        if to == target {
            return false;
        }
        if self.positions[to as usize] < high && self.marks[to as usize] != self.mark {
            self.marks[to as usize] = self.mark;
            self.ahead.push(to);
        }
        true
    }

    fn collect_behind(&mut self, start: u32, low: u32) {
        self.mark += 1;
        self.behind.clear();
        self.marks[start as usize] = self.mark;
        self.behind.push(start);
        let mut at = 0;
        while let Some(point) = self.behind.get(at).copied() {
            at += 1;
            let backward = self.backward;
            for (from, _) in backward.of(point) {
                self.visit_behind(*from, low);
            }
            let mut edge = self.first_to[point as usize];
            while edge != NEVER {
                let Added { from, next_to, .. } = self.added[edge as usize];
                self.visit_behind(from, low);
                edge = next_to;
            }
        }
    }

    fn visit_behind(&mut self, from: u32, low: u32) {
        if self.positions[from as usize] > low && self.marks[from as usize] != self.mark {
            self.marks[from as usize] = self.mark;
            self.behind.push(from);
        }
    }

    /// Gives the places of all collected points to those behind first, then to those ahead.
    fn reorder(&mut self) {
        let positions = &mut self.positions;
        self.behind.sort_unstable_by_key(|point| positions[*point as usize]);
        self.ahead.sort_unstable_by_key(|point| positions[*point as usize]);
        let both = || self.behind.iter().chain(&self.ahead);
        self.places.clear();
        self.places.extend(both().map(|point| positions[*point as usize]));
        self.places.sort_unstable();
        for (point, place) in both().zip(&self.places) {
            positions[*point as usize] = *place;
        }
    }

    /// A path with as few added edges as possible, and few hops for so many. There is one.
    fn path(&mut self, start: u32, target: u32) -> Vec<Hop> {
        let mut hops = Vec::new();
        if start == target {
            return hops;
        }
        let (low, high) = (self.positions[start as usize], self.positions[target as usize]);
        self.mark += 1;
        let mut layer = vec![(start, NEVER, Hop::Fixed(NEVER))];
        let mut further = Vec::new();
        while self.marks[target as usize] != self.mark && !layer.is_empty() {
            self.settle(&mut layer, &mut further, (low, high));
            layer.clear();
            std::mem::swap(&mut layer, &mut further);
        }
        let mut at = target;
        while at != start {
            let (from, hop) = self.reached_by[at as usize];
            hops.push(hop);
            at = from;
        }
        hops.reverse();
        hops
    }

    /// Follows fixed edges from the points of a layer; where added ones lead goes to the next.
    fn settle(
        &mut self,
        layer: &mut Vec<(u32, u32, Hop)>,
        further: &mut Vec<(u32, u32, Hop)>,
        (low, high): (u32, u32),
    ) {
        let mut at = 0;
        while let Some((point, from, hop)) = layer.get(at).copied() {
            at += 1;
            if self.marks[point as usize] == self.mark {
                continue;
            }
            self.marks[point as usize] = self.mark;
            self.reached_by[point as usize] = (from, hop);
            let passes = |to: u32| {
                let position = self.positions[to as usize];
                position > low && position <= high && self.marks[to as usize] != self.mark
            };
            for (to, edge) in self.forward.of(point).iter().filter(|(to, _)| passes(*to)) {
                layer.push((*to, point, Hop::Fixed(*edge)));
            }
            let mut edge = self.first_from[point as usize];
            while edge != NEVER {
                let Added { to, next_from, .. } = self.added[edge as usize];
                if passes(to) {
                    further.push((to, point, Hop::Added(edge)));
                }
                edge = next_from;
            }
        }
    }
}
