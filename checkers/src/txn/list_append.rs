//! List-append: transactions that append unique elements to lists and read whole lists.

mod arcs;
mod flaws;
mod orders;
mod reasons;

use serde_json::json;

use self::orders::{MAX_RIVALS, Orders};
use super::cycles::{self, Cycles, Link};
use super::explain::{self, Flaws};
use super::isolation::ConsistencyModel;
use super::transactions::{Status, Transactions, Writes};
use super::{TransactionChecker, check_events};
use crate::{Budget, Checker, Finding, History};

const NAME: &str = "list-append";

/// Judges transactions of `["append", key, element]` and `["r", key, null]` (answered with
/// `["r", key, [elements…]]`) by the anomalies that Adya defined, as Elle does it (Kingsbury &
/// Alvaro, *Elle: inferring isolation anomalies from experimental observations*, VLDB 2020).
///
/// A list shows every version before it, so the longest read of a key gives its version order,
/// and with it write-write, write-read and anti-dependencies; process and real-time order are
/// added. Every cycle refutes an isolation level. A transaction of unknown outcome counts as
/// committed once anybody read what it wrote.
///
/// Cost: linear in the total length of reads for the dependencies, and in their number for the
/// decision, but for a sort; parallel. Examples are searched for with bounded work.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListAppend {
    /// Anomalies that this level forbids make a history invalid; others are only counted.
    pub model: ConsistencyModel,
}

impl Checker for ListAppend {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        check_events(self, "append", history, budget)
    }
}

impl TransactionChecker for ListAppend {
    fn name(&self) -> &str {
        NAME
    }

    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding {
        let judged = Writes::new(txns).map_err(|twice| twice.explain(txns)).and_then(|writes| {
            let orders = Orders::new(txns, &writes, 0)?;
            Ok(self.judge(&orders, budget))
        });
        judged.unwrap_or_else(|why| Finding::unknown(NAME, why))
    }
}

impl ListAppend {
    fn judge(&self, orders: &Orders<'_>, budget: &Budget) -> Finding {
        let txns = orders.txns;
        let mut flaws = Flaws::default();
        flaws::find(orders, &mut flaws);
        let (cycles, dependencies) = cycles_of(orders, false, budget);
        let mut cancelled = cycles.cancelled;
        let why = |link: &Link, from: &str, to: &str| reasons::why(orders, link, from, to);
        explain::add(txns, "append", &mut flaws, cycles, why);
        if flaws.counts.contains_key("incompatible-order") {
            cancelled |= disputes(orders, &mut flaws, budget);
        }
        let stats = json!({
            "transactions": txns.len(),
            "ok": txns.count(Status::Committed),
            "failed": txns.count(Status::Aborted),
            "unknown": txns.count(Status::Unknown),
            "keys": txns.key_count(),
            "appends": orders.writes.len(),
            "reads": orders.read_count(),
            "dependencies": dependencies,
            "model": self.model.name(),
            "anomalies": flaws.counts,
            "models": explain::models(&flaws),
        });
        let no_reads = orders.read_count() == 0;
        explain::conclude(NAME, self.model, flaws, cancelled, no_reads, stats)
    }
}

/// Elle takes the longest read as true where reads contradict each other. One of them is not,
/// so no order of writes is sure, but reads are wrong in any case: what follows from that order
/// counts against the levels that forbid wrong reads. Of several longest, each is believed in
/// turn. Tells whether time was up.
fn disputes(orders: &Orders<'_>, flaws: &mut Flaws, budget: &Budget) -> bool {
    let mut cancelled = false;
    for choice in 0..MAX_RIVALS {
        if choice > 0 && !orders.has_rivals(choice) {
            break;
        }
        let Ok(orders) = Orders::new(orders.txns, orders.writes, choice) else { break };
        let (cycles, _) = cycles_of(&orders, true, budget);
        cancelled |= cycles.cancelled;
        let known: Vec<&str> = flaws.counts.keys().copied().collect();
        let cycles = cycles.renamed(disputed).only(|kind| !known.contains(&kind));
        explain::add(orders.txns, "append", flaws, cycles, |link, from, to| {
            reasons::why(&orders, link, from, to)
        });
    }
    cancelled
}

/// Cycles, and the number of dependencies.
fn cycles_of(orders: &Orders<'_>, trusted: bool, budget: &Budget) -> (Cycles, usize) {
    let dependencies = arcs::dependencies(orders, trusted);
    let count = dependencies.arcs.len();
    (cycles::of(orders.txns, dependencies, budget), count)
}

/// The name of a cycle of writes whose order is disputed.
fn disputed(kind: &'static str) -> &'static str {
    match kind {
        "G0" => "disputed-G0",
        "G0-process" => "disputed-G0-process",
        "G0-realtime" => "disputed-G0-realtime",
        kind => kind,
    }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
