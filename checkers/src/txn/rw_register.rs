//! Read-write registers: transactions that write unique values and read single ones.

mod components;
mod dependencies;
mod flaws;
mod inference;
pub(super) mod orders;
mod reasons;
mod steps;
mod versions;
mod zones;

use serde_json::json;

pub use self::inference::Inference;
use self::orders::{Orders, Registers};
use self::steps::Steps;
use super::cycles::{self, Cycles};
use super::explain::{self, Flaws};
use super::graph::{Arc, Relation};
use super::isolation::ConsistencyModel;
use super::predicate::Predicates;
use super::transactions::{Action, Status, Transactions, Writes};
use super::windows::Dependencies;
use super::{TransactionChecker, check_events};
use crate::{Budget, Checker, Finding, History};

const NAME: &str = "rw-register";

/// Judges transactions of `["w", key, value]` and `["r", key, null]` (answered with
/// `["r", key, value]`), every value written once per key.
///
/// A register shows one version at a time, so only some of the order of versions is known: the
/// initial null is before all, and the rest follows from what may be assumed of the database,
/// [`Inference`]. What does not follow from that is not found: a history that passes may still
/// violate the level.
///
/// Cost: `n log n` in the number of steps, parallel by key.
#[derive(Clone, Copy, Debug)]
pub struct RwRegister {
    /// Anomalies that this level forbids make a history invalid; others are only counted.
    pub model: ConsistencyModel,
    /// What orders versions.
    pub inference: Inference,
    /// A value that nobody wrote or tried to write is an anomaly. Not so in histories that are
    /// cut out of longer ones.
    pub all_writes_known: bool,
}

impl RwRegister {
    /// Assumes what is true of the level: from snapshot isolation and repeatable read on, a
    /// transaction's write comes after the version of the same key that it read.
    pub fn new(model: ConsistencyModel) -> Self {
        let wfr_keys = [ConsistencyModel::SnapshotIsolation, ConsistencyModel::RepeatableRead]
            .iter()
            .any(|implying| model.includes(*implying));
        let inference = Inference { wfr_keys, ..Inference::default() };
        Self { model, inference, all_writes_known: true }
    }
}

impl Default for RwRegister {
    fn default() -> Self {
        Self::new(ConsistencyModel::default())
    }
}

impl Checker for RwRegister {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        check_events(self, "w", history, budget)
    }
}

impl TransactionChecker for RwRegister {
    fn name(&self) -> &str {
        NAME
    }

    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding {
        let none = Predicates::default();
        self.judge(txns, &none, budget).unwrap_or_else(|why| Finding::unknown(NAME, why))
    }
}

/// What single reads show, without any order of versions.
pub(super) fn single_reads(
    txns: &Transactions,
    writes: &Writes,
    all_writes_known: bool,
) -> Result<Flaws, String> {
    let steps = Steps::new(txns, writes)?;
    let mut flaws = Flaws::default();
    flaws::find(&Registers { txns, writes, steps: &steps }, all_writes_known, &mut flaws);
    Ok(flaws)
}

impl RwRegister {
    /// Judges transactions and what they selected by predicates.
    pub(super) fn judge(
        &self,
        txns: &Transactions,
        predicates: &Predicates,
        budget: &Budget,
    ) -> Result<Finding, String> {
        let writes = Writes::new(txns).map_err(|twice| twice.explain(txns))?;
        let steps = Steps::new(txns, &writes)?;
        let registers = Registers { txns, writes: &writes, steps: &steps };
        let mut flaws = Flaws::default();
        flaws::find(&registers, self.all_writes_known, &mut flaws);
        predicates.find_flaws(txns, &mut flaws);
        let orders = registers.orders(self.inference, budget);
        // What single reads show stands, whether or not there was time for more.
        let mut out_of_time = orders.is_none();
        let mut orders = orders.unwrap_or_default();
        for cyclic in &orders.cyclic {
            flaws.add("cyclic-versions", || flaws::cyclic_versions(&registers, cyclic));
        }
        if !out_of_time {
            out_of_time = !predicates.add_dependencies(&registers, &mut orders, budget);
        }
        let (used, count) = (orders.used, orders.arcs.len());
        let cycles = cycles_of(&registers, orders, budget);
        let cancelled = out_of_time || cycles.cancelled;
        explain::add(txns, "w", &mut flaws, cycles, |link, from, to| {
            if link.relation == Relation::PredicateRw {
                return predicates.why(txns, &writes, link, from, to);
            }
            let arc = Arc { from: link.from, to: link.to, relation: link.relation, key: link.key };
            registers
                .why(used, &arc, from, to)
                .unwrap_or_else(|| format!("{from} met an older version of the key than {to}"))
        });
        let reads = txns.all_micros().iter().filter(|micro| micro.action == Action::Read).count();
        let stats = json!({
            "transactions": txns.len(),
            "ok": txns.count(Status::Committed),
            "failed": txns.count(Status::Aborted),
            "unknown": txns.count(Status::Unknown),
            "keys": txns.key_count(),
            "writes": writes.len(),
            "reads": reads,
            "predicate-reads": predicates.len(),
            "dependencies": count,
            "assumed": used.names(),
            "model": self.model.name(),
            "anomalies": flaws.counts,
            "models": explain::models(&flaws),
        });
        let no_reads = reads + predicates.len() == 0;
        Ok(explain::conclude(NAME, self.model, flaws, cancelled, no_reads, stats))
    }
}

/// Cycles, none if time was up before there was any order of versions.
fn cycles_of(registers: &Registers<'_>, orders: Orders, budget: &Budget) -> Cycles {
    let Orders { arcs, nodes, .. } = orders;
    if nodes == 0 {
        return Cycles::default();
    }
    let live = registers.steps.live.clone();
    cycles::of(registers.txns, Dependencies { arcs, nodes, live }, budget)
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod tests;
