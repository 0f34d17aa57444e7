//! Spreads: edges between one transaction and many that stand in a row, by few helper nodes.

use std::ops::Range;

use rayon::prelude::*;

use super::graph::{Arc, Relation};
use super::transactions::NEVER;
use super::windows::Dependencies;

/// Up to this many get an edge each.
const MAX_DIRECT: u32 = 8;

/// Edges and helper nodes while they are being made.
#[derive(Debug)]
pub(super) struct Web {
    pub(super) arcs: Vec<Arc>,
    /// The next helper node.
    pub(super) nodes: u32,
}

impl Web {
    /// An edge, unless it leads nowhere or to itself.
    pub(super) fn arc(&mut self, from: u32, to: u32, relation: Relation, key: u32) {
        if from != to && from != NEVER && to != NEVER {
            self.arcs.push(Arc { from, to, relation, key });
        }
    }

    fn helpers(&mut self, count: usize) -> u32 {
        let first = self.nodes;
        self.nodes += count as u32;
        first
    }

    /// Takes over what was made elsewhere, where helpers were numbered from `first`, too.
    fn join(&mut self, other: Self, first: u32) {
        let moved = self.nodes - first;
        let node = |node: u32| if node < first { node } else { node + moved };
        let arcs = other.arcs.iter();
        self.arcs.extend(arcs.map(|arc| Arc { from: node(arc.from), to: node(arc.to), ..*arc }));
        self.nodes += other.nodes - first;
    }
}

/// How many keys are done at a time. Fixed, so that helpers have the same numbers anywhere.
const KEYS_AT_ONCE: usize = 256;

/// What `of_key` adds for each of so many keys, in parallel; transactions come before helpers.
/// `live` says which transactions happened.
pub(super) fn by_key(
    keys: usize,
    live: &[bool],
    of_key: impl Fn(u32, &mut Web) + Sync,
) -> Dependencies {
    let (first, keys) = (live.len() as u32, (0..keys as u32).collect::<Vec<_>>());
    let parts: Vec<Web> = keys
        .par_chunks(KEYS_AT_ONCE)
        .map(|keys| {
            let mut web = Web { arcs: Vec::new(), nodes: first };
            keys.iter().for_each(|key| of_key(*key, &mut web));
            web
        })
        .collect();
    let count = parts.iter().map(|part| part.arcs.len()).sum();
    let mut all = Web { arcs: Vec::with_capacity(count), nodes: first };
    for part in parts {
        all.join(part, first);
    }
    Dependencies { arcs: all.arcs, nodes: all.nodes, live: live.to_vec() }
}

/// Transactions in a row, and helper nodes by which edges lead from or to any range of them.
/// Beginnings and ends of the row take one edge each, by a chain, others a logarithmic number,
/// by a tree. All helpers are made when they are first needed.
#[derive(Debug)]
pub(super) struct Row<'r> {
    /// [`NEVER`] for who did not happen.
    members: &'r [u32],
    key: u32,
    /// Helper `beginning + i` comes after members up to number `i`.
    beginning: Option<u32>,
    /// Helper `end + i` comes before members from number `i`.
    end: Option<u32>,
    /// Helper `collecting + i` comes after the members under node `i` of the tree.
    collecting: Option<u32>,
    /// Helper `spreading + i` comes before them.
    spreading: Option<u32>,
}

impl<'r> Row<'r> {
    pub(super) fn new(members: &'r [u32], key: u32) -> Self {
        Self { members, key, beginning: None, end: None, collecting: None, spreading: None }
    }

    pub(super) fn len(&self) -> u32 {
        self.members.len() as u32
    }

    /// Edges from each of a range.
    pub(super) fn edges_from(
        &mut self,
        range: Range<u32>,
        to: u32,
        relation: Relation,
        web: &mut Web,
    ) {
        let (key, length) = (self.key, range.len() as u32);
        if length <= MAX_DIRECT {
            for member in &self.members[range.start as usize..range.end as usize] {
                web.arc(*member, to, relation, key);
            }
        } else if range.start == 0 {
            let first = *self.beginning.get_or_insert_with(|| {
                let first = web.helpers(self.members.len());
                for (helper, member) in (first..).zip(self.members) {
                    if helper > first {
                        web.arc(helper - 1, helper, Relation::Onward, key);
                    }
                    web.arc(*member, helper, relation, key);
                }
                first
            });
            web.arc(first + range.end - 1, to, Relation::Onward, key);
        } else {
            let first = *self.collecting.get_or_insert_with(|| {
                let first = web.helpers(self.members.len());
                for (parent, child) in children(self.members.len() as u32) {
                    let from = node(child, first, self.members);
                    let inner = (child as usize) < self.members.len();
                    let relation = if inner { Relation::Onward } else { relation };
                    web.arc(from, first + parent, relation, key);
                }
                first
            });
            cover(self.len(), range, |at| {
                let leaf = at >= self.members.len() as u32;
                let relation = if leaf { relation } else { Relation::Onward };
                web.arc(node(at, first, self.members), to, relation, key);
            });
        }
    }

    /// Edges to each of a range.
    pub(super) fn edges_to(
        &mut self,
        from: u32,
        range: Range<u32>,
        relation: Relation,
        web: &mut Web,
    ) {
        let (key, length) = (self.key, range.len() as u32);
        if length <= MAX_DIRECT {
            for member in &self.members[range.start as usize..range.end as usize] {
                web.arc(from, *member, relation, key);
            }
        } else if range.end == self.len() {
            let first = *self.end.get_or_insert_with(|| {
                let first = web.helpers(self.members.len());
                for (helper, member) in (first..).zip(self.members) {
                    if helper > first {
                        web.arc(helper - 1, helper, Relation::Onward, key);
                    }
                    web.arc(helper, *member, Relation::Onward, key);
                }
                first
            });
            web.arc(from, first + range.start, relation, key);
        } else {
            let first = *self.spreading.get_or_insert_with(|| {
                let first = web.helpers(self.members.len());
                for (parent, child) in children(self.members.len() as u32) {
                    let to = node(child, first, self.members);
                    web.arc(first + parent, to, Relation::Onward, key);
                }
                first
            });
            cover(self.len(), range, |at| {
                web.arc(from, node(at, first, self.members), relation, key)
            });
        }
    }
}

/// The nodes that cover a range of the leaves of a tree: inner ones from 1, then leaves.
pub(super) fn cover(leaves: u32, range: Range<u32>, mut each: impl FnMut(u32)) {
    let (mut low, mut high) = (range.start + leaves, range.end + leaves);
    while low < high {
        if low & 1 == 1 {
            each(low);
            low += 1;
        }
        if high & 1 == 1 {
            high -= 1;
            each(high);
        }
        (low, high) = (low / 2, high / 2);
    }
}

/// Pairs of an inner node of a tree and one below it.
fn children(leaves: u32) -> impl Iterator<Item = (u32, u32)> {
    (1..leaves).flat_map(|parent| [(parent, 2 * parent), (parent, 2 * parent + 1)])
}

/// The graph's node for one of the tree.
fn node(at: u32, first: u32, members: &[u32]) -> u32 {
    match (at as usize).checked_sub(members.len()) {
        Some(leaf) => members[leaf],
        None => first + at,
    }
}

/// What is left of a range without some places, which are ascending.
pub(super) fn without(range: Range<u32>, holes: &[u32], mut each: impl FnMut(Range<u32>)) {
    let mut start = range.start;
    for hole in holes.iter().copied().filter(|hole| range.contains(hole)) {
        if hole > start {
            each(start..hole);
        }
        start = hole + 1;
    }
    if start < range.end {
        each(start..range.end);
    }
}
