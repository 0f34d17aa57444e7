//! Dependencies between transactions on lists: ww, wr and rw edges, linear in number.

use rayon::prelude::*;

use super::orders::{Orders, Read, Versions};
use crate::txn::graph::{Arc, Relation};
use crate::txn::windows::Dependencies;

/// Up to this many appends in no known order get direct edges; more go through helper nodes.
const MAX_DIRECT: usize = 8;
/// How many keys are done at a time. Fixed, so that helpers have the same numbers anywhere.
const KEYS_AT_ONCE: usize = 256;

/// All dependencies. Where reads contradict each other, only what all agree on counts, unless
/// the longest read is to be `trusted`.
pub(super) fn dependencies(orders: &Orders<'_>, trusted: bool) -> Dependencies {
    let transactions = orders.txns.len() as u32;
    let keys: Vec<u32> = (0..orders.keys.len() as u32).collect();
    let parts: Vec<Part<'_, '_>> = keys
        .par_chunks(KEYS_AT_ONCE)
        .map(|keys| {
            let mut part = Part { orders, trusted, arcs: Vec::new(), nodes: transactions };
            keys.iter().for_each(|key| part.key(*key));
            part
        })
        .collect();
    let count = parts.iter().map(|part| part.arcs.len()).sum();
    let mut all = Dependencies {
        arcs: Vec::with_capacity(count),
        nodes: transactions,
        live: orders.live.clone(),
    };
    for part in parts {
        let moved = all.nodes - transactions;
        let node = |node: u32| if node < transactions { node } else { node + moved };
        let arcs = part.arcs.iter();
        all.arcs.extend(arcs.map(|arc| Arc { from: node(arc.from), to: node(arc.to), ..*arc }));
        all.nodes += part.nodes - transactions;
    }
    all
}

/// Helper nodes before appends in no known order: `before[i]` leads to those up to number `i`,
/// `after[i]` to those from number `i`.
struct Chains {
    before: Vec<u32>,
    after: Vec<u32>,
}

struct Part<'p, 't> {
    orders: &'p Orders<'t>,
    trusted: bool,
    arcs: Vec<Arc>,
    nodes: u32,
}

impl Part<'_, '_> {
    fn key(&mut self, key: u32) {
        let orders = self.orders;
        let versions = &orders.keys[key as usize];
        if versions.duplicated {
            return;
        }
        let known = if self.trusted { versions.elements.len() } else { versions.agreed };
        let mut last = None;
        // Elements of nobody and of aborted transactions say nothing, but what is around them
        // is in order.
        for write in &versions.elements[..known] {
            let Some(writer) = orders.live_writer(*write) else { continue };
            if let Some(before) = last.replace(writer) {
                self.arc(before, writer, Relation::Ww, key);
            }
        }
        let mut chains = None;
        if known == versions.elements.len() {
            if let Some(last) = last {
                for write in &versions.unread {
                    self.arc(last, orders.writes.writer(*write), Relation::Ww, key);
                }
            }
            chains = self.chains(key, &versions.unread);
        }
        for read in orders.reads(key) {
            self.read(key, versions, known, read, chains.as_ref());
        }
    }

    fn arc(&mut self, from: u32, to: u32, relation: Relation, key: u32) {
        if from != to {
            self.arcs.push(Arc { from, to, relation, key });
        }
    }

    fn read(
        &mut self,
        key: u32,
        versions: &Versions,
        known: usize,
        read: &Read,
        chains: Option<&Chains>,
    ) {
        let seen = self.orders.seen(read);
        let live = |write: &u32| self.orders.live_writer(*write);
        let last = if read.fits {
            versions.elements[..seen.len()].iter().rev().find_map(live)
        } else {
            let last = seen.last().and_then(|atom| self.orders.find(key, *atom));
            last.and_then(|write| self.orders.live_writer(write))
        };
        if let Some(writer) = last {
            if writer == read.txn {
                // What follows its own append follows by a write dependency already.
                return;
            }
            self.arc(writer, read.txn, Relation::Wr, key);
        }
        if !read.fits || seen.len() > known {
            return;
        }
        match versions.elements[seen.len()..known].iter().find_map(live) {
            Some(writer) => self.arc(read.txn, writer, Relation::Rw, key),
            None if known < versions.elements.len() => {}
            None => self.before_all(read.txn, key, &versions.unread, chains),
        }
    }

    fn helper(&mut self) -> u32 {
        self.nodes += 1;
        self.nodes - 1
    }

    fn chains(&mut self, key: u32, unread: &[u32]) -> Option<Chains> {
        if unread.len() <= MAX_DIRECT {
            return None;
        }
        let before: Vec<u32> = unread.iter().map(|_| self.helper()).collect();
        let after: Vec<u32> = unread.iter().map(|_| self.helper()).collect();
        for (at, write) in unread.iter().enumerate() {
            let writer = self.orders.writes.writer(*write);
            self.arc(before[at], writer, Relation::Onward, key);
            self.arc(after[at], writer, Relation::Onward, key);
            if at > 0 {
                self.arc(before[at], before[at - 1], Relation::Onward, key);
                self.arc(after[at - 1], after[at], Relation::Onward, key);
            }
        }
        Some(Chains { before, after })
    }

    /// An anti-dependency from a reader to all of these appends but its own: it read a version
    /// that is older than each of them.
    fn before_all(&mut self, reader: u32, key: u32, unread: &[u32], chains: Option<&Chains>) {
        let writes = self.orders.writes;
        let Some(chains) = chains else {
            for write in unread {
                self.arc(reader, writes.writer(*write), Relation::Rw, key);
            }
            return;
        };
        // Its own appends, which stand together, are left out, or it would come before itself.
        // Appends of a key are sorted by their transactions.
        let first = unread.partition_point(|write| writes.writer(*write) < reader);
        let last = unread.partition_point(|write| writes.writer(*write) <= reader);
        let (low, high) = if first == last {
            (None, chains.after.first())
        } else {
            (first.checked_sub(1).map(|at| &chains.before[at]), chains.after.get(last))
        };
        for helper in [low, high].into_iter().flatten() {
            self.arc(reader, *helper, Relation::Rw, key);
        }
    }
}
