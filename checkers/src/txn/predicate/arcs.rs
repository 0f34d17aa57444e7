//! Anti-dependencies by predicates: who selected before a key had any value.

use std::ops::Range;

use super::{Condition, Predicates, Selection};
use crate::Budget;
use crate::txn::cycles::Link;
use crate::txn::graph::Relation;
use crate::txn::rw_register::orders::{Orders, Registers};
use crate::txn::spread::{Row, Web};
use crate::txn::transactions::{Action, NEVER, Status, Transactions, Writes};

/// How many values may be compared with predicates, per state of the budget.
const LOOKS_PER_STATE: usize = 16;

/// The keys of which all versions but the initial one match a predicate.
#[derive(Debug, Default)]
struct Always {
    keys: Vec<u32>,
    /// Per key where its writers are in the row.
    places: Vec<Range<u32>>,
    /// Who wrote these keys and happened, key by key, in the order of transactions.
    row: Vec<u32>,
}

impl Predicates {
    /// Adds dependencies. Tells whether time and memory sufficed.
    pub(in crate::txn) fn add_dependencies(
        &self,
        registers: &Registers<'_>,
        orders: &mut Orders,
        budget: &Budget,
    ) -> bool {
        let mut by_condition: Vec<u32> = (0..self.selections.len() as u32).collect();
        let condition = |at: &u32| self.selections[*at as usize].condition;
        by_condition.sort_by_key(condition);
        let arcs = std::mem::take(&mut orders.arcs);
        let mut web = Web { arcs, nodes: orders.nodes };
        let most = budget.max_states.saturating_mul(4);
        let mut looks = budget.max_states.saturating_mul(LOOKS_PER_STATE);
        let mut complete = true;
        for same in by_condition.chunk_by(|a, b| condition(a) == condition(b)) {
            let test = &self.conditions[condition(&same[0]) as usize];
            let always = always(registers, test, &mut looks);
            let size = web.arcs.len() + web.nodes as usize + 3 * always.row.len();
            if looks == 0 || size > most || budget.is_cancelled() {
                complete = false;
                break;
            }
            let mut row = Row::new(&always.row, NEVER);
            for selection in same {
                let selection = &self.selections[*selection as usize];
                always.add(registers.txns, selection, &mut row, &mut web);
            }
        }
        (orders.arcs, orders.nodes) = (web.arcs, web.nodes);
        complete
    }

    /// Why an anti-dependency by predicate holds. Linear in the steps of both transactions, and
    /// the writes of a key.
    pub(in crate::txn) fn why(
        &self,
        txns: &Transactions,
        writes: &Writes,
        link: &Link,
        from: &str,
        to: &str,
    ) -> String {
        let written = txns.micros(link.to).iter().filter(|micro| micro.action == Action::Write);
        for micro in written {
            let first = self.selections.partition_point(|selection| selection.txn < link.from);
            let own = self.selections[first..].iter().take_while(|s| s.txn == link.from);
            for selection in own {
                let results = results(txns, selection);
                let test = &self.conditions[selection.condition as usize];
                if results.iter().all(|result| result.key != micro.key)
                    && writes.of_key(micro.key).all(|write| fits(txns, writes, test, write))
                {
                    let (key, value) = (txns.key(micro.key), txns.value(micro.value));
                    return format!(
                        "{from} selected {} and did not get key {key}, of which all values \
                         match, so it looked before {to} wrote {value} to it",
                        test.text
                    );
                }
            }
        }
        format!("{from} selected by a predicate and missed what {to} wrote")
    }
}

/// The reads that a selection became.
pub(super) fn results<'t>(
    txns: &'t Transactions,
    selection: &Selection,
) -> &'t [crate::txn::transactions::Micro] {
    let micros = txns.micros(selection.txn);
    &micros[selection.first as usize..(selection.first + selection.length) as usize]
}

/// Whether a write left no version that does not match. Versions of aborted transactions and
/// those in the middle of one can only be read where more is wrong: every level that forbids
/// a cycle with this anti-dependency forbids to read them.
fn fits(txns: &Transactions, writes: &Writes, test: &Condition, write: u32) -> bool {
    writes.is_intermediate(write)
        || txns.txn(writes.writer(write)).status == Status::Aborted
        || test.matches(txns, writes.value(write))
}

fn always(registers: &Registers<'_>, test: &Condition, looks: &mut usize) -> Always {
    let (txns, writes, live) = (registers.txns, registers.writes, &registers.steps.live);
    let mut always = Always::default();
    for key in 0..txns.key_count() as u32 {
        let mut fits = |write: u32| {
            *looks = looks.saturating_sub(1);
            fits(txns, writes, test, write)
        };
        if !test.is_everything() && !writes.of_key(key).all(&mut fits) {
            continue;
        }
        let start = always.row.len() as u32;
        let writers = writes.of_key(key).map(|write| writes.writer(write));
        always.row.extend(writers.filter(|writer| live[*writer as usize]));
        always.keys.push(key);
        always.places.push(start..always.row.len() as u32);
    }
    always
}

impl Always {
    /// A selection comes before whoever wrote keys that it did not get, but not before itself.
    fn add(&self, txns: &Transactions, selection: &Selection, row: &mut Row<'_>, web: &mut Web) {
        let end = selection.first + selection.length;
        let mut holes: Vec<Range<u32>> = Vec::new();
        for (position, micro) in (0u32..).zip(txns.micros(selection.txn)) {
            let Ok(at) = self.keys.binary_search(&micro.key) else { continue };
            let places = self.places[at].clone();
            let written = micro.action == Action::Write;
            let is_result = (selection.first..end).contains(&position);
            if is_result || written && position < selection.first {
                holes.push(places);
            } else if written {
                let members = &self.row[places.start as usize..places.end as usize];
                let low = members.partition_point(|writer| *writer < selection.txn) as u32;
                let high = members.partition_point(|writer| *writer <= selection.txn) as u32;
                holes.push(places.start + low..places.start + high);
            }
        }
        holes.sort_by_key(|hole| (hole.start, hole.end));
        let mut next = 0;
        let end = row.len();
        for hole in holes.into_iter().chain(std::iter::once(end..end)) {
            if hole.start > next {
                row.edges_to(selection.txn, next..hole.start, Relation::PredicateRw, web);
            }
            next = next.max(hole.end);
        }
    }
}
