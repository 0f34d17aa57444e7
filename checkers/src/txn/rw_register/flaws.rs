//! What single reads show without any graph: aborted, intermediate, unwritten values.

use super::orders::{Cyclic, Registers};
use super::steps::{Access, NONE};
use crate::txn::explain::{Flaws, capital_introduction, plain};
use crate::txn::transactions::{Action, Atom, Micro, Status};
use crate::{Anomaly, Step};

/// Finds every anomaly that is not a cycle of transactions.
pub(super) fn find(registers: &Registers<'_>, all_writes_known: bool, flaws: &mut Flaws) {
    let mut own = Vec::new();
    let mut places = vec![NONE; registers.txns.key_count()];
    for (number, txn) in (0u32..).zip(registers.txns.all()) {
        if txn.status == Status::Committed {
            let mut reader = Reader { registers, number, all_writes_known, flaws };
            reader.transaction(&mut own, &mut places);
        }
    }
    lost_updates(registers, flaws);
}

/// The anomaly of versions whose order contradicts itself.
pub(super) fn cyclic_versions(registers: &Registers<'_>, cyclic: &Cyclic) -> Anomaly {
    let key = registers.txns.key(cyclic.key);
    let assumed = cyclic.assumed.names().join(", ");
    let explanation = format!(
        "By what was assumed of the database ({assumed}), each of these values of key {key} is \
         older than the next, and the last older than the first. So the key did not go through \
         its values one after the other, or one of the assumptions is not true of this database; \
         nothing else was concluded from the last of them."
    );
    let title = format!("Contradicting versions of key {key}");
    plain("cyclic-versions", title, explanation, registers.steps(cyclic), Some(&key))
}

struct Reader<'r, 'f> {
    registers: &'r Registers<'r>,
    number: u32,
    all_writes_known: bool,
    flaws: &'f mut Flaws,
}

impl Reader<'_, '_> {
    /// Looks at the reads of one transaction. What it wrote or read itself decides what it must
    /// read next; otherwise the value is another's, and has to be one that can be read.
    ///
    /// `own` is what it read or wrote of keys, `places` where a key is there, if at all.
    fn transaction(&mut self, own: &mut Vec<(u32, Atom)>, places: &mut [u32]) {
        own.clear();
        for micro in self.registers.txns.micros(self.number) {
            if matches!(micro.action, Action::ReadList | Action::ReadUnknown) {
                continue;
            }
            let place = &mut places[micro.key as usize];
            let known = own.get_mut(*place as usize).filter(|(key, _)| *key == micro.key);
            let expected = known.as_ref().map(|(_, value)| *value);
            match known {
                Some((_, value)) => *value = micro.value,
                None => {
                    *place = own.len() as u32;
                    own.push((micro.key, micro.value));
                }
            }
            if micro.action == Action::Read && expected != Some(micro.value) {
                if let Some(expected) = expected {
                    let make = || internal(self.registers, self.number, micro, expected);
                    self.flaws.add("internal", make);
                }
                self.foreign(micro, expected);
            }
        }
    }

    /// A read of a value that the transaction did not have at hand itself.
    fn foreign(&mut self, micro: &Micro, expected: Option<Atom>) {
        let Registers { txns, writes, .. } = *self.registers;
        let about = About { registers: self.registers, key: micro.key };
        let number = self.number;
        let seen = || txns.value(micro.value);
        let read = || about.read(number, micro.value);
        let Some(write) = writes.find(micro.key, micro.value) else {
            if self.all_writes_known && micro.value != Atom::NIL {
                self.flaws.add("phantom-read", || {
                    let why = format!("No transaction wrote {} to that key, nor tried to.", seen());
                    about.anomaly("phantom-read", "Phantom value", why, vec![read()])
                });
            }
            return;
        };
        let writer = writes.writer(write);
        let steps = || vec![about.wrote(writer, micro.value), read()];
        if txns.txn(writer).status == Status::Aborted {
            self.flaws.add("G1a", || {
                let seen = seen();
                let why = format!(
                    "The transaction that wrote {seen} was told to have failed, yet another read \
                     its value. Either the failure was a lie, or the value was shown before it \
                     was decided."
                );
                about.anomaly("G1a", "Aborted read", why, steps())
            });
        } else if writes.is_intermediate(write) && writer != self.number {
            self.flaws.add("G1b", || {
                let seen = seen();
                let why = format!(
                    "The transaction that wrote {seen} went on to write another value, so {seen} \
                     was never its result; transactions are not applied as a whole."
                );
                about.anomaly("G1b", "Intermediate read", why, steps())
            });
        } else if writer == self.number && expected.is_none() {
            self.flaws.add("future-read", || {
                let seen = seen();
                let why = format!("The transaction read {seen} before it wrote that itself.");
                about.anomaly("future-read", "Read from the future", why, steps())
            });
        }
    }
}

fn internal(registers: &Registers<'_>, number: u32, micro: &Micro, expected: Atom) -> Anomaly {
    let about = About { registers, key: micro.key };
    let [expected, seen] = [expected, micro.value].map(|atom| registers.txns.value(atom));
    let why =
        format!("The transaction had itself read or written {expected}, and then read {seen}.");
    let steps = vec![about.read(number, micro.value)];
    about.anomaly("internal", "Internal inconsistency", why, steps)
}

/// Versions that more than one committed transaction replaced, having read it.
fn lost_updates(registers: &Registers<'_>, flaws: &mut Flaws) {
    let mut accesses: Vec<Access> = Vec::new();
    let mut updates: Vec<(u32, u32)> = Vec::new();
    for key in 0..registers.steps.keys() {
        registers.steps.accesses(key, &mut accesses);
        updates.clear();
        let both = |access: &&Access| access.read != NONE && access.wrote != NONE;
        updates.extend(accesses.iter().filter(both).map(|access| (access.read, access.txn)));
        updates.sort_unstable();
        for rivals in updates.chunk_by(|a, b| a.0 == b.0).filter(|rivals| rivals.len() > 1) {
            flaws.add("lost-update", || lost_update(registers, key, rivals));
        }
    }
}

fn lost_update(registers: &Registers<'_>, key: u32, rivals: &[(u32, u32)]) -> Anomaly {
    /// Transactions named at the most.
    const MAX_NAMED: usize = 8;
    let about = About { registers, key };
    let version = registers.shown(key, rivals[0].0);
    let why = format!(
        "{} transactions read {version} and each replaced it: all but one update was decided on \
         a value that was no longer there.",
        rivals.len()
    );
    let atom = registers.steps.value(registers.writes, key, rivals[0].0);
    let steps = rivals.iter().take(MAX_NAMED).map(|(_, txn)| about.read(*txn, atom)).collect();
    about.anomaly("lost-update", "Lost update", why, steps)
}

#[derive(Clone, Copy)]
struct About<'r> {
    registers: &'r Registers<'r>,
    key: u32,
}

impl About<'_> {
    fn anomaly(&self, kind: &'static str, what: &str, why: String, steps: Vec<Step>) -> Anomaly {
        let key = self.registers.txns.key(self.key);
        plain(kind, format!("{what} of key {key}"), why, steps, Some(&key))
    }

    fn read(&self, txn: u32, value: Atom) -> Step {
        let txns = self.registers.txns;
        self.did(txn, &format!("read {} in key {}", txns.value(value), txns.key(self.key)))
    }

    fn wrote(&self, txn: u32, value: Atom) -> Step {
        let txns = self.registers.txns;
        self.did(txn, &format!("wrote {} to key {}", txns.value(value), txns.key(self.key)))
    }

    fn did(&self, number: u32, what: &str) -> Step {
        let txns = self.registers.txns;
        let text = format!("{} {what}.", capital_introduction(txns, number, "w"));
        Step { text, operations: vec![txns.txn(number).index] }
    }
}
