//! Ranks: an order of transactions that most dependencies follow.
//!
//! A transaction mostly depends on those that ended before it did. So in the order of ends
//! nearly all edges lead forward, and a cycle can only lie where edges that lead back cover it.

use rayon::prelude::*;

use super::graph::{Arc, Relation};
use super::transactions::{NEVER, Transactions};

/// Per node its rank; [`NEVER`] for transactions that did not happen. Helpers share ranks with
/// transactions.
pub(super) struct Ranks {
    pub(super) of: Vec<u32>,
    /// Per rank the transaction.
    pub(super) order: Vec<u32>,
}

impl Ranks {
    /// Ranks transactions by their ends, and what never ended by the first that saw it. No
    /// transaction ranks before one that was over when it began. `n log n`, parallel.
    pub(super) fn new(txns: &Transactions, live: &[bool], arcs: &[Arc], nodes: u32) -> Self {
        let keys = keys(txns, arcs);
        let mut order: Vec<u32> = (0..txns.len() as u32).filter(|n| live[*n as usize]).collect();
        order.par_sort_by_key(|number| keys[*number as usize]);
        let mut of = vec![NEVER; nodes as usize];
        for (rank, number) in (0u32..).zip(&order) {
            of[*number as usize] = rank;
        }
        let mut ranks = Self { of, order };
        if nodes as usize > txns.len() {
            ranks.helpers(arcs, txns.len() as u32);
        }
        ranks
    }

    /// Helpers rank with the first of those that they lead to. Chains are followed as far as a
    /// few passes do; a rank that is too high only costs time.
    fn helpers(&mut self, arcs: &[Arc], transactions: u32) {
        const PASSES: usize = 4;
        let last = (self.order.len() as u32).saturating_sub(1);
        let onward: Vec<&Arc> = arcs.iter().filter(|arc| arc.from >= transactions).collect();
        for pass in 0..PASSES {
            let mut changed = false;
            let mut relax = |arc: &Arc| {
                let target = self.of[arc.to as usize];
                let rank = &mut self.of[arc.from as usize];
                if target < *rank {
                    *rank = target;
                    changed = true;
                }
            };
            if pass % 2 == 0 {
                onward.iter().rev().for_each(|arc| relax(arc));
            } else {
                onward.iter().for_each(|arc| relax(arc));
            }
            if !changed {
                break;
            }
        }
        for rank in &mut self.of[transactions as usize..] {
            *rank = (*rank).min(last);
        }
    }
}

/// Per transaction what it is sorted by.
fn keys(txns: &Transactions, arcs: &[Arc]) -> Vec<u64> {
    if !txns.is_timed() {
        return (0..txns.len() as u64).collect();
    }
    let end = |number: u32| txns.txn(number).end;
    let mut keys: Vec<u64> = txns.all().iter().map(|txn| 2 * u64::from(txn.end) + 1).collect();
    if txns.all().iter().any(|txn| txn.end == NEVER) {
        let readers = arcs.iter().filter(|arc| {
            arc.relation == Relation::Wr && (arc.to as usize) < txns.len() && end(arc.from) == NEVER
        });
        for arc in readers {
            let seen = 2 * u64::from(end(arc.to));
            let key = &mut keys[arc.from as usize];
            *key = (*key).min(seen);
        }
        for (key, txn) in keys.iter_mut().zip(txns.all()) {
            *key = (*key).max(2 * u64::from(txn.begin));
        }
    }
    keys
}
