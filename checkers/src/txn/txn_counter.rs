//! Counters: transactions that increment numbers and read their totals.

mod arcs;
mod flaws;
mod totals;

use serde_json::json;

use self::totals::Totals;
use super::cycles::{self, Link};
use super::explain::{self, Flaws};
use super::isolation::ConsistencyModel;
use super::transactions::{Status, Transactions};
use super::{TransactionChecker, check_events};
use crate::{Budget, Checker, Finding, History};

const NAME: &str = "txn-counter";

/// Judges transactions of `["inc", key, n]` with whole numbers from 1, and `["r", key, null]`
/// (answered with `["r", key, total]`). Every key begins with 0.
///
/// What a transaction read of others is the total less what it had added itself. As totals only
/// grow, one that read less comes before one that read more: there is an increment that the
/// first missed and the second saw, an anti-dependency followed by a read dependency, whoever
/// made it (Kingsbury & Alvaro, *Elle*, VLDB 2020, section 3, tells how little else counters
/// show). A read of 0 comes before every increment, and one of all that was ever added after.
/// Each total has to lie within what can have been added, in real time too.
///
/// Cost: a sort of the reads and increments of each key.
#[derive(Clone, Copy, Debug, Default)]
pub struct TxnCounter {
    /// Anomalies that this level forbids make a history invalid; others are only counted.
    pub model: ConsistencyModel,
}

impl Checker for TxnCounter {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        check_events(self, "inc", history, budget)
    }
}

impl TransactionChecker for TxnCounter {
    fn name(&self) -> &str {
        NAME
    }

    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding {
        match Totals::new(txns) {
            Ok(totals) => self.judge(&totals, budget),
            Err(why) => Finding::unknown(NAME, why),
        }
    }
}

impl TxnCounter {
    fn judge(&self, totals: &Totals<'_>, budget: &Budget) -> Finding {
        let txns = totals.txns;
        let mut flaws = Flaws::default();
        flaws::find(totals, &mut flaws);
        let dependencies = arcs::dependencies(totals);
        let count = dependencies.arcs.len();
        let cycles = cycles::of(txns, dependencies, budget);
        let cancelled = cycles.cancelled;
        let why = |link: &Link, from: &str, to: &str| arcs::why(totals, link, from, to);
        explain::add(txns, "inc", &mut flaws, cycles, why);
        let reads: usize = totals.keys.iter().map(|key| key.reads.len()).sum();
        let stats = json!({
            "transactions": txns.len(),
            "ok": txns.count(Status::Committed),
            "failed": txns.count(Status::Aborted),
            "unknown": txns.count(Status::Unknown),
            "keys": txns.key_count(),
            "reads": reads,
            "dependencies": count,
            "model": self.model.name(),
            "anomalies": flaws.counts,
            "models": explain::models(&flaws),
        });
        explain::conclude(NAME, self.model, flaws, cancelled, reads == 0, stats)
    }
}

#[cfg(test)]
mod tests;
