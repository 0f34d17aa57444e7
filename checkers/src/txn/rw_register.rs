//! Read-write registers: transactions that write unique values and read single ones.

mod components;
mod dependencies;
mod flaws;
mod inference;
mod orders;
mod reasons;
mod steps;
mod versions;
mod windows;

use serde_json::json;

pub use self::inference::Inference;
use self::orders::Registers;
use self::steps::Steps;
use super::cycles;
use super::explain::{self, Flaws};
use super::graph::{Arc, Graph, Relation};
use super::isolation::ConsistencyModel;
use super::parse::Txns;
use super::transactions::{Action, NEVER, Transactions, Writes};
use crate::{Budget, Checker, Finding, History};

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
        let wfr_keys = model >= ConsistencyModel::SnapshotIsolation;
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
        "rw-register"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        match self.judge(history, budget) {
            Ok(finding) => finding,
            Err(why) => Finding::unknown(self.name(), why),
        }
    }
}

impl RwRegister {
    fn judge(&self, history: &History, budget: &Budget) -> Result<Finding, String> {
        let txns = Transactions::from_history(history, "w")?;
        let writes = Writes::new(&txns).map_err(|twice| twice.explain(&txns))?;
        let steps = Steps::new(&txns, &writes)?;
        let registers = Registers { txns: &txns, writes: &writes, steps: &steps };
        let mut flaws = Flaws::default();
        flaws::find(&registers, self.all_writes_known, &mut flaws);
        let Some(orders) = registers.orders(self.inference, budget) else {
            return Err("time was up".to_owned());
        };
        for cyclic in &orders.cyclic {
            flaws.add("cyclic-versions", || flaws::cyclic_versions(&registers, cyclic));
        }
        let graph = graph(&registers, orders.arcs, orders.nodes);
        let cycles = cycles::find(&graph, budget);
        let operations = history.operations();
        let old = Txns::parse(&operations, "w")?;
        for (kind, examples) in &cycles.examples {
            for example in examples {
                flaws.add(kind, || {
                    explain::cycle(&old, example, |link, from, to| {
                        let cycles::Link { from: a, to: b, relation, key } = *link;
                        let arc = Arc { from: a, to: b, relation, key };
                        registers.why(orders.used, &arc, from, to).expect("why")
                    })
                });
            }
        }
        let reads = txns.all_micros().iter().filter(|micro| micro.action == Action::Read).count();
        let stats = json!({
            "transactions": txns.len(),
            "keys": txns.key_count(),
            "writes": writes.len(),
            "reads": reads,
            "dependencies": graph.edges(),
            "model": self.model.name(),
            "anomalies": flaws.counts,
        });
        Ok(explain::conclude(self.name(), self.model, flaws, cycles.cancelled, reads == 0, stats))
    }
}

fn graph(registers: &Registers<'_>, mut arcs: Vec<Arc>, mut nodes: u32) -> Graph {
    let txns = registers.txns;
    let key = NEVER;
    let mut latest = std::collections::BTreeMap::new();
    let mut complete = Vec::new();
    for number in (0..txns.len() as u32).filter(|n| registers.steps.live[*n as usize]) {
        let txn = txns.txn(number);
        if let Some(from) = latest.insert(txn.process, number)
            && txns.in_session_order(from, number)
        {
            arcs.push(Arc { from, to: number, relation: Relation::Process, key });
        }
        if txn.end != NEVER {
            complete.push((txn.end, number));
        }
    }
    complete.sort_unstable();
    let first = nodes;
    nodes += complete.len() as u32;
    for (helper, (_, number)) in (first..).zip(&complete) {
        arcs.push(Arc { from: *number, to: helper, relation: Relation::Realtime, key });
        if helper > first {
            arcs.push(Arc { from: helper - 1, to: helper, relation: Relation::Onward, key });
        }
    }
    for number in (0..txns.len() as u32).filter(|n| registers.steps.live[*n as usize]) {
        let before = complete.partition_point(|(end, _)| *end < txns.txn(number).begin);
        if before > 0 {
            let from = first + before as u32 - 1;
            arcs.push(Arc { from, to: number, relation: Relation::Onward, key });
        }
    }
    Graph::new(txns.len() as u32, nodes, &arcs)
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod tests;
