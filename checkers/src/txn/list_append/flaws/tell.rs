//! The words for anomalies of lists that are not cycles.

use super::own::Own;
use crate::txn::explain::{capital_introduction, plain};
use crate::txn::list_append::orders::{Orders, Read};
use crate::txn::transactions::{Atom, Status};
use crate::words::shortened;
use crate::{Anomaly, Step};

pub(super) struct Teller<'f, 't> {
    pub(super) orders: &'f Orders<'t>,
}

impl Teller<'_, '_> {
    fn step(&self, text: String, txn: u32) -> Step {
        Step { text, operations: vec![self.orders.txns.txn(txn).index] }
    }

    fn value(&self, atom: u32) -> String {
        self.orders.txns.value(Atom(atom)).to_string()
    }

    fn reader(&self, read: &Read) -> Step {
        let txns = self.orders.txns;
        let text = format!(
            "{} read key {} as {}.",
            capital_introduction(txns, read.txn, "append"),
            txns.key(read.micro.key),
            shortened(&txns.values(self.orders.seen(read)))
        );
        self.step(text, read.txn)
    }

    fn writer(&self, key: u32, write: u32) -> Step {
        let txns = self.orders.txns;
        let writer = self.orders.writes.writer(write);
        let end = match txns.txn(writer).status {
            Status::Committed => "which was acknowledged",
            Status::Aborted => "which certainly failed",
            Status::Unknown => "whose outcome is unknown",
        };
        let text = format!(
            "{} appended {} to key {}, {end}.",
            capital_introduction(txns, writer, "append"),
            txns.value(self.orders.writes.value(write)),
            txns.key(key)
        );
        self.step(text, writer)
    }

    fn about(
        &self,
        kind: &'static str,
        (title, explanation): (&str, String),
        key: u32,
        steps: Vec<Step>,
    ) -> Anomaly {
        let key = self.orders.txns.key(key);
        plain(kind, format!("{title} of key {key}"), explanation, steps, Some(&key))
    }

    pub(super) fn aborted(&self, key: u32, write: u32, read: &Read) -> Anomaly {
        let why = "A transaction that was told to have failed left an element that others read. \
                   Either the failure was a lie, or the element was shown before it was decided.";
        let steps = vec![self.writer(key, write), self.reader(read)];
        self.about("G1a", ("Aborted read", why.to_owned()), key, steps)
    }

    pub(super) fn dirty_update(&self, key: u32, aborted: u32, write: u32, read: &Read) -> Anomaly {
        let why = "A transaction that took place appended to what a failed one had left behind, \
                   so undoing the failed one is no longer possible without undoing the other.";
        let steps = vec![self.writer(key, aborted), self.writer(key, write), self.reader(read)];
        self.about("dirty-update", ("Dirty update", why.to_owned()), key, steps)
    }

    pub(super) fn phantom(&self, key: u32, read: &Read, atom: u32) -> Anomaly {
        let why = format!(
            "The list holds {}, which no transaction ever appended to that key, nor tried to.",
            self.value(atom)
        );
        self.about("phantom-read", ("Phantom element", why), key, vec![self.reader(read)])
    }

    pub(super) fn duplicate(&self, key: u32, read: &Read) -> Anomaly {
        let mut seen = rustc_hash::FxHashSet::default();
        let twice = self.orders.seen(read).iter().copied().find(|atom| !seen.insert(*atom));
        let twice = twice.unwrap_or(Atom::NIL.0);
        let why = format!(
            "Element {} was appended once and is in the list twice: an append was applied again, \
             as by a retry. This key has no order of versions and was not judged further.",
            self.value(twice)
        );
        let mut steps = vec![self.reader(read)];
        if let Some(write) = self.orders.find(key, twice) {
            steps.insert(0, self.writer(key, write));
        }
        self.about("duplicate-elements", ("Duplicate element", why), key, steps)
    }

    pub(super) fn incompatible(&self, key: u32, read: &Read) -> Anomaly {
        let versions = &self.orders.keys[key as usize];
        let longest = &self.orders.reads(key)[versions.shown_by as usize];
        let why = "Two reads show the list in orders of which neither continues the other. A \
                   list that is only appended to has one order.";
        let steps = vec![self.reader(longest), self.reader(read)];
        self.about("incompatible-order", ("Incompatible orders", why.to_owned()), key, steps)
    }

    pub(super) fn future(&self, key: u32, read: &Read, value: Atom) -> Anomaly {
        let why =
            format!("The transaction read {} before it appended that itself.", self.value(value.0));
        self.about("future-read", ("Read from the future", why), key, vec![self.reader(read)])
    }

    pub(super) fn intermediate(&self, key: u32, write: u32, read: &Read) -> Anomaly {
        let why = "A read shows the list in the middle of a transaction that appended more to \
                   it: transactions are not applied as a whole.";
        let steps = vec![self.writer(key, write), self.reader(read)];
        self.about("G1b", ("Intermediate read", why.to_owned()), key, steps)
    }

    pub(super) fn not_own(&self, txn: u32, own: &Own<'_>, seen: &[u32]) -> Anomaly {
        let txns = self.orders.txns;
        let list = |atoms: &[u32]| shortened(&txns.values(atoms));
        let before = match own.read {
            Some(read) => format!("read {} before", list(read)),
            None => "not read it before".to_owned(),
        };
        let text = format!(
            "{} had {before}, and appended {} since, but then read key {} as {}.",
            capital_introduction(txns, txn, "append"),
            list(&own.appended),
            txns.key(own.key),
            list(seen)
        );
        let why = "A transaction's read contradicts what it read and appended itself just before.";
        let words = ("Internal inconsistency", why.to_owned());
        self.about("internal", words, own.key, vec![self.step(text, txn)])
    }

    pub(super) fn lost_update(&self, key: u32, reads: &[&Read]) -> Anomaly {
        let why = format!(
            "{} transactions read the same version of the list and each appended to it: none saw \
             the update of another, as each must but the first.",
            reads.len()
        );
        let steps = reads.iter().map(|read| self.reader(read)).collect();
        self.about("lost-update", ("Lost update", why), key, steps)
    }

    pub(super) fn lost_append(&self, key: u32, write: u32, read: &Read) -> Anomaly {
        let why = format!(
            "The append of {} was acknowledged, yet a transaction that began afterwards did not \
             see it, and neither did any other: it is gone.",
            self.orders.txns.value(self.orders.writes.value(write))
        );
        let steps = vec![self.writer(key, write), self.reader(read)];
        self.about("lost-append", ("Lost append", why), key, steps)
    }
}
