//! List-append: transactions that append unique elements to lists and read whole lists.

mod flaws;

use serde_json::json;

use super::cycles::{self, Link};
use super::explain::{self, Flaws};
use super::graph::Relation;
use super::isolation::ConsistencyModel;
use super::order::Orders;
use super::parse::{Status, Txns};
use crate::{Budget, Checker, Finding, History};

/// Judges transactions of `["append", key, element]` and `["r", key, null]` (answered with
/// `["r", key, [elements…]]`) by the anomalies that Adya defined, as Elle does it (Kingsbury &
/// Alvaro, *Elle: inferring isolation anomalies from experimental observations*, VLDB 2020).
///
/// A list shows every version before it, so the longest read of a key gives its version order,
/// and with it write-write, write-read and anti-dependencies; process and real-time order are
/// added. Every cycle refutes an isolation level. A transaction of unknown outcome counts as
/// committed once anybody read what it wrote.
///
/// Cost: linear in the total length of reads for the graph, and in its size for the decision;
/// examples are searched for with bounded work.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListAppend {
    /// Anomalies that this level forbids make a history invalid; others are only counted.
    pub model: ConsistencyModel,
}

impl Checker for ListAppend {
    fn name(&self) -> &str {
        "list-append"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let operations = history.operations();
        let txns = match Txns::parse(&operations, "append") {
            Ok(txns) => txns,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let orders = match Orders::new(&txns) {
            Ok(orders) => orders,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut flaws = Flaws::default();
        flaws::find(&txns, &orders, &mut flaws);
        let graph = orders.graph(&txns);
        let size = graph.nodes() as usize + graph.edges();
        let cycles = if size / 4 > budget.max_states {
            cycles::Cycles { cancelled: true, ..cycles::Cycles::default() }
        } else {
            cycles::find(&graph, budget)
        };
        for (kind, examples) in &cycles.examples {
            for example in examples {
                flaws.add(kind, || {
                    explain::cycle(&txns, example, |link, from, to| {
                        why(&txns, &orders, link, from, to)
                    })
                });
            }
        }
        let count = |status| txns.txns.iter().filter(|txn| txn.status == status).count();
        let stats = json!({
            "transactions": txns.txns.len(),
            "ok": count(Status::Committed),
            "failed": count(Status::Aborted),
            "unknown": count(Status::Unknown),
            "keys": txns.keys.len(),
            "appends": txns.elements.len(),
            "reads": orders.reads.len(),
            "dependencies": graph.edges(),
            "model": self.model.name(),
            "anomalies": flaws.counts,
        });
        explain::conclude(
            self.name(),
            self.model,
            flaws,
            cycles.cancelled,
            orders.reads.is_empty(),
            stats,
        )
    }
}

/// Why a data dependency holds.
fn why(txns: &Txns<'_>, orders: &Orders<'_>, link: &Link, from: &str, to: &str) -> String {
    let versions = &orders.keys[link.key as usize];
    let key = txns.keys[link.key as usize];
    let writer = |element: &u32| txns.elements.get(*element as usize).map(|e| e.writer);
    let value = |element: u32| txns.elements[element as usize].value;
    let unread = || versions.unread.iter().find(|element| writer(element) == Some(link.to));
    let reads = || orders.reads.iter().filter(|r| r.txn == link.from && r.key == link.key);
    match link.relation {
        Relation::Ww => {
            let pair = versions.elements[..versions.agreed].windows(2).find(|pair| {
                writer(&pair[0]) == Some(link.from) && writer(&pair[1]) == Some(link.to)
            });
            if let Some(pair) = pair {
                return format!(
                    "{to} appended {} to key {key} right after {from} had appended {}",
                    value(pair[1]),
                    value(pair[0])
                );
            }
            let late = unread().map_or_else(|| "its element".to_owned(), |e| value(*e).to_string());
            format!(
                "{from} appended the last element of key {key} that anybody read, and {to} \
                 appended {late}, which no read shows, so it came later"
            )
        }
        Relation::Wr => {
            let last = orders
                .reads
                .iter()
                .filter(|read| read.txn == link.to && read.key == link.key)
                .filter_map(|read| read.seen.last())
                .find(|value| {
                    let element = txns.element(link.key, value);
                    element.is_some_and(|element| writer(&element) == Some(link.from))
                });
            let last = last.map_or_else(String::new, ToString::to_string);
            format!("{to} read key {key} up to {last}, which {from} appended")
        }
        _ => {
            let missed = reads().find_map(|read| {
                let next = versions.elements.get(read.seen.len())?;
                (read.fits && writer(next) == Some(link.to)).then_some(*next)
            });
            match missed.or_else(|| unread().copied()) {
                Some(element) if missed.is_some() => format!(
                    "{from} read key {key} without {}, which {to} appended next",
                    value(element)
                ),
                Some(element) => {
                    format!("{from} read key {key} without {}, which {to} appended", value(element))
                }
                None => format!("{from} read a version of key {key} that {to} replaced"),
            }
        }
    }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
