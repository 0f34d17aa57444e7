//! Building dependency graphs so that their size stays linear in the history's.

use rustc_hash::FxHashMap;

use super::graph::{Arc, Graph, Relation};
use super::parse::{NOBODY, Txns};

/// Up to this many writes in no known order get direct edges; more go through helper nodes.
const MAX_DIRECT: usize = 8;

/// Helper nodes before writes in no known order: `before[i]` leads to the writes up to
/// number `i`, `after[i]` to those from number `i`.
struct Chains {
    before: Vec<u32>,
    after: Vec<u32>,
}

pub(super) struct Builder<'b, 'h> {
    txns: &'b Txns<'h>,
    /// Per transaction whether it certainly committed; others get no edges.
    live: &'b [bool],
    arcs: Vec<Arc>,
    nodes: u32,
    after_last: FxHashMap<u32, Chains>,
}

impl<'b, 'h> Builder<'b, 'h> {
    pub(super) fn new(txns: &'b Txns<'h>, live: &'b [bool]) -> Self {
        let nodes = txns.txns.len() as u32;
        Self { txns, live, arcs: Vec::new(), nodes, after_last: FxHashMap::default() }
    }

    /// The graph, with process and real-time order.
    pub(super) fn finish(mut self) -> Graph {
        self.processes();
        self.realtime();
        Graph::new(self.txns.txns.len() as u32, self.nodes, &self.arcs)
    }

    /// An edge, unless it would lead back to where it starts.
    pub(super) fn arc(&mut self, from: u32, to: u32, relation: Relation, key: u32) {
        if from != to {
            self.arcs.push(Arc { from, to, relation, key });
        }
    }

    /// The writer of an element, if it certainly committed.
    pub(super) fn writer(&self, element: u32) -> Option<u32> {
        let writer = self.txns.elements.get(element as usize)?.writer;
        self.live[writer as usize].then_some(writer)
    }

    fn helper(&mut self) -> u32 {
        self.nodes += 1;
        self.nodes - 1
    }

    /// Prepares for [`Self::before_all`] with the same key and writes.
    pub(super) fn chains(&mut self, key: u32, unread: &[u32]) {
        if unread.len() <= MAX_DIRECT {
            return;
        }
        let before: Vec<u32> = unread.iter().map(|_| self.helper()).collect();
        let after: Vec<u32> = unread.iter().map(|_| self.helper()).collect();
        for (at, element) in unread.iter().enumerate() {
            let writer = self.txns.elements[*element as usize].writer;
            self.arc(before[at], writer, Relation::Onward, key);
            self.arc(after[at], writer, Relation::Onward, key);
            if at > 0 {
                self.arc(before[at], before[at - 1], Relation::Onward, key);
                self.arc(after[at - 1], after[at], Relation::Onward, key);
            }
        }
        self.after_last.insert(key, Chains { before, after });
    }

    /// An anti-dependency from a reader to all of these writes but its own: it read a version
    /// that is older than each of them.
    pub(super) fn before_all(&mut self, reader: u32, key: u32, unread: &[u32]) {
        let Some(chains) = self.after_last.get(&key) else {
            for element in unread {
                let writer = self.txns.elements[*element as usize].writer;
                self.arc(reader, writer, Relation::Rw, key);
            }
            return;
        };
        // Its own appends are left out, or it would come before itself.
        let writer = |element: &u32| self.txns.elements[*element as usize].writer;
        let own_first = unread.iter().position(|element| writer(element) == reader);
        let own_last = unread.iter().rposition(|element| writer(element) == reader);
        let (mut low, mut high) = (None, chains.after.first().copied());
        if let (Some(first), Some(last)) = (own_first, own_last) {
            low = first.checked_sub(1).map(|at| chains.before[at]);
            high = chains.after.get(last + 1).copied();
        }
        for helper in [low, high].into_iter().flatten() {
            self.arc(reader, helper, Relation::Rw, key);
        }
    }

    fn processes(&mut self) {
        let mut latest: FxHashMap<u32, u32> = FxHashMap::default();
        for (number, txn) in (0u32..).zip(&self.txns.txns) {
            if !self.live[number as usize] {
                continue;
            }
            if let Some(before) = latest.insert(txn.operation.process, number) {
                // A foreign process may have two calls open at once; they are in no order.
                if self.txns.txns[before as usize].operation.end() < txn.operation.index {
                    self.arc(before, number, Relation::Process, NOBODY);
                }
            }
        }
    }

    /// One helper node per completion, in order: what is complete leads to all that begin
    /// later, with edges linear in number.
    fn realtime(&mut self) {
        let live = |number: &u32| self.live[*number as usize];
        let all: Vec<u32> = (0..self.txns.txns.len() as u32).filter(live).collect();
        let end = |number: u32| self.txns.txns[number as usize].operation.end();
        let mut complete: Vec<(u64, u32)> =
            all.iter().map(|n| (end(*n), *n)).filter(|(end, _)| *end != u64::MAX).collect();
        complete.sort_unstable();
        let first = self.nodes;
        self.nodes += complete.len() as u32;
        for (helper, (_, number)) in (first..).zip(&complete) {
            self.arc(*number, helper, Relation::Realtime, NOBODY);
            if helper > first {
                self.arc(helper - 1, helper, Relation::Onward, NOBODY);
            }
        }
        for number in all {
            let begun = self.txns.index(number);
            let before = complete.partition_point(|(end, _)| *end < begun);
            if before > 0 {
                self.arc(first + before as u32 - 1, number, Relation::Onward, NOBODY);
            }
        }
    }
}
