//! What selections show without any graph: results that do not match, and results that
//! contradict what the transaction itself knows.

use rustc_hash::{FxHashMap, FxHashSet};

use super::arcs::results;
use super::{Predicates, Selection};
use crate::txn::explain::{Flaws, capital_introduction, plain};
use crate::txn::transactions::{Action, Atom, Transactions};
use crate::{Anomaly, Step};

impl Predicates {
    /// Finds them. For each selection linear in its transaction.
    pub(in crate::txn) fn find_flaws(&self, txns: &Transactions, flaws: &mut Flaws) {
        for own in self.selections.chunk_by(|a, b| a.txn == b.txn) {
            let mut known: FxHashMap<u32, Atom> = FxHashMap::default();
            let mut next = 0;
            for (at, selection) in own.iter().enumerate() {
                let micros = txns.micros(selection.txn);
                for micro in &micros[next..selection.first as usize] {
                    if matches!(micro.action, Action::Write | Action::Read) {
                        known.insert(micro.key, micro.value);
                    }
                }
                next = selection.first as usize;
                self.mismatches(txns, selection, flaws);
                self.missing(txns, selection, &known, flaws);
                let same = |earlier: &&Selection| earlier.condition == selection.condition;
                if let Some(earlier) = own[..at].iter().rev().find(same) {
                    self.appeared(txns, earlier, selection, flaws);
                }
            }
        }
    }

    fn mismatches(&self, txns: &Transactions, selection: &Selection, flaws: &mut Flaws) {
        let test = &self.conditions[selection.condition as usize];
        for result in results(txns, selection) {
            if !test.matches(txns, result.value) {
                flaws.add("predicate-mismatch", || {
                    let why = format!(
                        "The transaction selected {} and got {}, which does not match.",
                        test.text,
                        txns.value(result.value)
                    );
                    let title = "Result that does not match its predicate";
                    about(txns, "predicate-mismatch", title, why, selection, result.key)
                });
            }
        }
    }

    /// Keys that the transaction had last met with a matching value, and did not get.
    fn missing(
        &self,
        txns: &Transactions,
        selection: &Selection,
        known: &FxHashMap<u32, Atom>,
        flaws: &mut Flaws,
    ) {
        let test = &self.conditions[selection.condition as usize];
        let got: FxHashSet<u32> =
            results(txns, selection).iter().map(|result| result.key).collect();
        let missing =
            |(key, value): &(&u32, &Atom)| !got.contains(*key) && test.matches(txns, **value);
        if let Some((key, value)) = known.iter().filter(missing).min() {
            flaws.add("internal", || {
                let why = format!(
                    "The transaction had itself read or written {} in key {}, which matches {}, \
                     and did not get it.",
                    txns.value(*value),
                    txns.key(*key),
                    test.text
                );
                about(txns, "internal", "Internal inconsistency", why, selection, *key)
            });
        }
    }

    /// Keys that the same predicate did not give before, though the transaction did not write
    /// them in between.
    fn appeared(
        &self,
        txns: &Transactions,
        earlier: &Selection,
        selection: &Selection,
        flaws: &mut Flaws,
    ) {
        let between = &txns.micros(selection.txn)[earlier.first as usize..selection.first as usize];
        let results_before = results(txns, earlier).len();
        let met: FxHashSet<u32> = between
            .iter()
            .enumerate()
            .filter(|(at, micro)| *at < results_before || micro.action == Action::Write)
            .map(|(_, micro)| micro.key)
            .collect();
        let new = results(txns, selection).iter().find(|result| !met.contains(&result.key));
        if let Some(result) = new {
            flaws.add("internal", || {
                let why = format!(
                    "The transaction selected {} twice, and the second time got key {}, which \
                     it had not got before and not written in between (a phantom).",
                    self.conditions[selection.condition as usize].text,
                    txns.key(result.key)
                );
                about(txns, "internal", "Internal inconsistency", why, selection, result.key)
            });
        }
    }
}

fn about(
    txns: &Transactions,
    kind: &'static str,
    title: &str,
    why: String,
    selection: &Selection,
    key: u32,
) -> Anomaly {
    let text = capital_introduction(txns, selection.txn, "w");
    let step = Step { text: format!("{text}."), operations: vec![txns.txn(selection.txn).index] };
    let key = txns.key(key);
    plain(kind, format!("{title}, of key {key}"), why, vec![step], Some(&key))
}
