//! Orders of all keys' versions at once, and what they imply.

use std::ops::Range;

use rayon::prelude::*;

use super::components::{self, Components};
use super::dependencies::Dependencies;
use super::inference::Inference;
use super::steps::Steps;
use super::versions::Versions;
use crate::Budget;
use crate::txn::graph::Arc;
use crate::txn::transactions::{Transactions, Writes};

/// What the order of versions says.
#[derive(Debug, Default)]
pub(in crate::txn) struct Orders {
    /// The assumptions that hold together, and that the rest follows from.
    pub(in crate::txn) used: Inference,
    pub(in crate::txn) cyclic: Vec<Cyclic>,
    /// Write-write, write-read and read-write edges, by key.
    pub(in crate::txn) arcs: Vec<Arc>,
    /// How many nodes there are; helpers have the numbers after those of transactions.
    pub(in crate::txn) nodes: u32,
}

/// Versions of a key of which each would have to come before itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::txn) struct Cyclic {
    pub(in crate::txn) key: u32,
    /// A short cycle of versions, each before the next.
    pub(in crate::txn) cycle: Vec<u32>,
    /// What was assumed.
    pub(in crate::txn) assumed: Inference,
}

/// A database of registers.
#[derive(Clone, Copy, Debug)]
pub(in crate::txn) struct Registers<'r> {
    pub(in crate::txn) txns: &'r Transactions,
    pub(in crate::txn) writes: &'r Writes,
    pub(in crate::txn) steps: &'r Steps,
}

impl Registers<'_> {
    /// Orders versions by what is assumed. Time is up if there is no answer.
    ///
    /// If assumptions contradict each other, or by themselves, in one key, then what was
    /// assumed is not true of this database, and nothing is concluded from it in any key; as
    /// Elle does, assumptions are added one after the other, and each left out that leads to a
    /// cycle with those before it.
    ///
    /// `n log n` in the number of steps, parallel by key; a cycle costs a pass an assumption.
    pub(in crate::txn) fn orders(&self, assumed: Inference, budget: &Budget) -> Option<Orders> {
        let (mut cyclic, mut found) = self.pass(assumed, true, budget)?;
        let mut used = assumed;
        if !cyclic.is_empty() {
            cyclic.clear();
            used = Inference::default();
            for part in assumed.parts() {
                let (cycles, _) = self.pass(used.and(part), false, budget)?;
                if cycles.is_empty() {
                    used = used.and(part);
                }
                cyclic.extend(cycles);
            }
            (_, found) = self.pass(used, true, budget)?;
        }
        let mut orders =
            Orders { used, cyclic, nodes: self.txns.len() as u32, ..Orders::default() };
        orders.arcs.reserve_exact(found.iter().map(|part| part.arcs.len()).sum());
        for part in found {
            let first = self.txns.len() as u32;
            let moved = orders.nodes - first;
            let place = |node: u32| if node < first { node } else { node + moved };
            orders.arcs.extend(part.arcs.iter().map(|arc| Arc {
                from: place(arc.from),
                to: place(arc.to),
                ..*arc
            }));
            orders.nodes += part.nodes - first;
        }
        Some(orders)
    }

    /// Finds cycles, and on request dependencies by keys without one.
    fn pass(
        &self,
        assumed: Inference,
        dependencies: bool,
        budget: &Budget,
    ) -> Option<(Vec<Cyclic>, Vec<Dependencies>)> {
        let parts: Option<Vec<_>> = self
            .shares()
            .into_par_iter()
            .map(|keys| self.share(keys, assumed, dependencies, budget))
            .collect();
        let mut cyclic = Vec::new();
        let mut found = Vec::new();
        for (cycles, dependencies) in parts? {
            cyclic.extend(cycles);
            found.push(dependencies);
        }
        Some((cyclic, found))
    }

    fn share(
        &self,
        keys: Range<u32>,
        assumed: Inference,
        dependencies: bool,
        budget: &Budget,
    ) -> Option<(Vec<Cyclic>, Dependencies)> {
        let mut versions = Versions::default();
        let mut components = Components::default();
        let mut found = Dependencies::new(self.txns);
        let mut cyclic = Vec::new();
        let mut seen = 0;
        for key in keys {
            seen += self.steps.len(key) + 1;
            if seen > 4096 {
                seen = 0;
                if budget.is_cancelled() {
                    return None;
                }
            }
            versions.load(self.txns, self.writes, self.steps, key, assumed);
            let cycles = components.find(&versions);
            if cycles.is_empty() && dependencies {
                found.add(&versions);
            }
            cyclic.extend(cycles.iter().map(|component| Cyclic {
                key,
                cycle: components::cycle(&versions, component),
                assumed,
            }));
        }
        Some((cyclic, found))
    }

    /// Keys in shares of about equal work.
    fn shares(&self) -> Vec<Range<u32>> {
        let total: usize = (0..self.steps.keys()).map(|key| self.steps.len(key)).sum();
        let most = (total / (8 * rayon::current_num_threads())).max(4096);
        let (mut shares, mut first, mut size) = (Vec::new(), 0, 0);
        for key in 0..self.steps.keys() {
            size += self.steps.len(key) + 1;
            if size > most {
                shares.push(first..key + 1);
                (first, size) = (key + 1, 0);
            }
        }
        shares.push(first..self.steps.keys());
        shares
    }
}
