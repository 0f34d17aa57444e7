//! Set-add: transactions that add unique elements to sets and read whole sets.

mod arcs;
mod flaws;
mod reasons;
mod sets;

use serde_json::json;

use self::sets::Sets;
use super::cycles::{self, Link};
use super::explain::{self, Flaws};
use super::isolation::ConsistencyModel;
use super::transactions::{Status, Transactions, Writes};
use super::{TransactionChecker, check_events};
use crate::{Budget, Checker, Finding, History};

const NAME: &str = "set-add";

/// Judges transactions of `["add", key, element]` and `["r", key, null]` (answered with
/// `["r", key, [elements…]]` in any order), every element added once per key, by the anomalies
/// that Adya defined, as Elle does it for sets (Kingsbury & Alvaro, *Elle: inferring isolation
/// anomalies from experimental observations*, VLDB 2020, section 3).
///
/// The set of a key is one object. Whoever added an element of it comes before those that read
/// it with that element (wr), and after those that read it without (rw). Adds commute, so
/// nothing is known of their order by themselves. A transaction of unknown outcome counts as
/// committed once anybody read what it added.
///
/// Cost: linear in the total length of reads if those of each key form a chain by inclusion,
/// as all do in a serializable history; a factor of its logarithm more for reads that do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetAdd {
    /// Anomalies that this level forbids make a history invalid; others are only counted.
    pub model: ConsistencyModel,
}

impl Checker for SetAdd {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        check_events(self, "add", history, budget)
    }
}

impl TransactionChecker for SetAdd {
    fn name(&self) -> &str {
        NAME
    }

    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding {
        let judged = Writes::new(txns).map_err(|twice| twice.explain(txns)).and_then(|writes| {
            let sets = Sets::new(txns, &writes)?;
            Ok(self.judge(&sets, budget))
        });
        judged.unwrap_or_else(|why| Finding::unknown(NAME, why))
    }
}

impl SetAdd {
    fn judge(&self, sets: &Sets<'_>, budget: &Budget) -> Finding {
        let txns = sets.txns;
        let mut flaws = Flaws::default();
        flaws::find(sets, &mut flaws);
        let dependencies = arcs::dependencies(sets);
        let count = dependencies.arcs.len();
        let cycles = cycles::of(txns, dependencies, budget);
        let cancelled = cycles.cancelled;
        let why = |link: &Link, from: &str, to: &str| reasons::why(sets, link, from, to);
        explain::add(txns, "add", &mut flaws, cycles, why);
        let reads = sets.read_count();
        let stats = json!({
            "transactions": txns.len(),
            "ok": txns.count(Status::Committed),
            "failed": txns.count(Status::Aborted),
            "unknown": txns.count(Status::Unknown),
            "keys": txns.key_count(),
            "adds": sets.writes.len(),
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
mod brute_tests;
#[cfg(test)]
mod tests;
