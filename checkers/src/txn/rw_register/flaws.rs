//! What single reads show without any graph: aborted, intermediate, unwritten values.

use serde_json::Value;

use super::super::explain::{Flaws, capital_introduction, plain};
use super::super::parse::{Micro, Status, Txns};
use super::{Access, rivals};
use crate::{Anomaly, Step};

/// Finds every anomaly that is not a cycle.
pub(super) fn find(txns: &Txns<'_>, accesses: &[Access], all_known: bool, flaws: &mut Flaws) {
    let finder = Finder { txns };
    for (number, txn) in (0u32..).zip(&txns.txns) {
        if txn.status == Status::Committed {
            finder.transaction(number, &txn.micros, all_known, flaws);
        }
    }
    for (_, key, updaters) in rivals(txns, accesses) {
        flaws.add("lost-update", || finder.lost_update(key, &updaters));
    }
}

struct Finder<'f, 'h> {
    txns: &'f Txns<'h>,
}

impl Finder<'_, '_> {
    /// Looks at the reads of one transaction. What it wrote or read itself decides what it must
    /// read next; otherwise the value is another's, and has to be one that can be read.
    fn transaction(&self, txn: u32, micros: &[Micro<'_>], all_known: bool, flaws: &mut Flaws) {
        let mut own: Vec<(u32, &Value)> = Vec::new();
        for micro in micros {
            let (key, value) = match *micro {
                Micro::Write { key, element } => (key, self.txns.elements[element as usize].value),
                Micro::Read { key, seen: Some(seen) } => {
                    let expected = own.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
                    if let Some(expected) = expected.filter(|expected| *expected != seen) {
                        flaws.add("internal", || self.internal(txn, key, expected, seen));
                    }
                    if expected != Some(seen) {
                        self.foreign((txn, key), expected, seen, all_known, flaws);
                    }
                    (key, seen)
                }
                Micro::Read { seen: None, .. } => continue,
            };
            own.retain(|(k, _)| *k != key);
            own.push((key, value));
        }
    }

    fn foreign(
        &self,
        (txn, key): (u32, u32),
        expected: Option<&Value>,
        seen: &Value,
        all_known: bool,
        flaws: &mut Flaws,
    ) {
        let Some(element) = self.txns.element(key, seen) else {
            if all_known && !seen.is_null() {
                flaws.add("phantom-read", || {
                    let why = format!("No transaction wrote {seen} to that key, nor tried to.");
                    let steps = vec![self.read(txn, key, seen)];
                    self.about("phantom-read", "Phantom value", why, key, steps)
                });
            }
            return;
        };
        let (writer, status) = self.txns.writer(element);
        let steps = || vec![self.wrote(writer, key, seen), self.read(txn, key, seen)];
        if status == Status::Aborted {
            flaws.add("G1a", || {
                let why = format!(
                    "The transaction that wrote {seen} was told to have failed, yet another read \
                     its value. Either the failure was a lie, or the value was shown before it \
                     was decided."
                );
                self.about("G1a", "Aborted read", why, key, steps())
            });
        } else if self.txns.elements[element as usize].intermediate && writer != txn {
            flaws.add("G1b", || {
                let why = format!(
                    "The transaction that wrote {seen} went on to write another value, so {seen} \
                     was never its result; transactions are not applied as a whole."
                );
                self.about("G1b", "Intermediate read", why, key, steps())
            });
        } else if writer == txn && expected.is_none() {
            flaws.add("future-read", || {
                let why = format!("The transaction read {seen} before it wrote that itself.");
                self.about("future-read", "Read from the future", why, key, steps())
            });
        }
    }

    fn internal(&self, txn: u32, key: u32, expected: &Value, seen: &Value) -> Anomaly {
        let why =
            format!("The transaction had itself read or written {expected}, and then read {seen}.");
        self.about("internal", "Internal inconsistency", why, key, vec![self.read(txn, key, seen)])
    }

    fn lost_update(&self, key: u32, updaters: &[u32]) -> Anomaly {
        let reads = |micro: &Micro<'_>| match *micro {
            Micro::Read { key: k, seen } if k == key => seen.cloned(),
            _ => None,
        };
        let first = &self.txns.txns[updaters[0] as usize].micros;
        let version = &first.iter().find_map(reads).unwrap_or_default();
        let why = format!(
            "{} transactions read {version} and each replaced it: all but one update was decided \
             on a value that was no longer there.",
            updaters.len()
        );
        let steps = updaters.iter().map(|txn| self.read(*txn, key, version)).collect();
        self.about("lost-update", "Lost update", why, key, steps)
    }

    fn about(
        &self,
        kind: &'static str,
        what: &str,
        explanation: String,
        key: u32,
        steps: Vec<Step>,
    ) -> Anomaly {
        let key = self.txns.keys[key as usize];
        plain(kind, format!("{what} of key {key}"), explanation, steps, Some(key))
    }

    fn read(&self, txn: u32, key: u32, seen: &Value) -> Step {
        self.did(txn, &format!("read {seen} in key {}", self.txns.keys[key as usize]))
    }

    fn wrote(&self, txn: u32, key: u32, value: &Value) -> Step {
        self.did(txn, &format!("wrote {value} to key {}", self.txns.keys[key as usize]))
    }

    fn did(&self, txn: u32, what: &str) -> Step {
        let text = format!("{} {what}.", capital_introduction(self.txns, txn));
        Step { text, operations: vec![self.txns.index(txn)] }
    }
}
