//! The checker: histories of registers or lists, judged at a strong level.

use serde_json::json;

use super::explain::Explainer;
use super::lists;
use super::{Decision, Effort, Level, Polygraph, check_with_effort};
use crate::txn::explain as told;
use crate::txn::isolation::ConsistencyModel;
use crate::txn::key_value::KeyValue;
use crate::txn::transactions::{Action, Status, Transactions, Writes};
use crate::txn::{TransactionChecker, rw_register};
use crate::{Budget, Finding};

const NAME: &str = "strong-isolation";

/// Decides a strong level of a history exactly: whether any order of versions agrees with it.
///
/// Of registers every value is written once per key; of lists, the order of elements that were
/// read is known, and only that of the others is open. Levels: prefix consistency, snapshot isolation,
/// serializability, and the strong-session and real-time variants of the last two. Cost: see
/// [`check`](super::check).
#[derive(Clone, Copy, Debug)]
pub struct StrongIsolation {
    pub model: ConsistencyModel,
    /// A value that nobody wrote or tried to write is an anomaly. Not so in histories that are
    /// cut out of longer ones.
    pub all_writes_known: bool,
}

impl StrongIsolation {
    pub fn new(model: ConsistencyModel) -> Self {
        Self { model, all_writes_known: true }
    }
}

impl TransactionChecker for StrongIsolation {
    fn name(&self) -> &str {
        NAME
    }

    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding {
        self.judge(txns, budget).unwrap_or_else(|why| Finding::unknown(NAME, why))
    }
}

impl StrongIsolation {
    fn judge(&self, txns: &Transactions, budget: &Budget) -> Result<Finding, String> {
        let level = Level::of_model(self.model)
            .ok_or_else(|| format!("{} is no level that this checker decides", self.model))?;
        let writes = Writes::new(txns).map_err(|twice| twice.explain(txns))?;
        let is_list = txns.all_micros().iter().any(|micro| micro.action == Action::ReadList);
        let mut flaws = told::Flaws::default();
        let (simple, known) = if is_list {
            lists::key_value(txns, &writes)?
        } else {
            flaws = rw_register::single_reads(txns, &writes, self.all_writes_known)?;
            (KeyValue::of_registers(txns, &writes), Vec::new())
        };
        let polygraph = Polygraph::new(txns, &simple, &known);
        let mut effort = Effort::default();
        let mut unknown = None;
        match check_with_effort(&polygraph, level, budget, &mut effort) {
            Decision::Valid(_) => {}
            Decision::Unknown(why) => unknown = Some(why),
            Decision::Invalid(proof) => {
                let write = if is_list { "append" } else { "w" };
                let explainer = Explainer { txns, simple: &simple, polygraph: &polygraph, write };
                let (kind, anomaly) = explainer.anomaly(level, &proof);
                flaws.add(kind, || anomaly);
            }
        }
        let reads = txns.all_micros().iter().any(|micro| micro.action != Action::Write);
        let stats = json!({
            "transactions": txns.len(),
            "ok": txns.count(Status::Committed),
            "keys": txns.key_count(),
            "writes": writes.len(),
            "pairs": effort.pairs,
            "overlaps": effort.overlaps,
            "derived": effort.derived,
            "guesses": effort.guesses,
            "conflicts": effort.conflicts,
            "searched": effort.searched,
            "model": self.model.name(),
            "anomalies": flaws.counts,
        });
        let finding = told::conclude(NAME, self.model, flaws, false, !reads, stats);
        Ok(match unknown {
            Some(why) if finding.anomalies.is_empty() => {
                Finding { stats: finding.stats, ..Finding::unknown(NAME, why) }
            }
            _ => finding,
        })
    }
}
