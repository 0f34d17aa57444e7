//! The words for anomalies of sets that are not cycles.

use super::super::sets::{Read, Sets};
use crate::txn::explain::{capital_introduction, plain};
use crate::txn::transactions::{Atom, Status};
use crate::words::shortened;
use crate::{Anomaly, Step};

pub(super) struct Teller<'f, 't> {
    pub(super) sets: &'f Sets<'t>,
    pub(super) key: u32,
}

impl Teller<'_, '_> {
    fn step(&self, text: String, txn: u32) -> Step {
        Step { text, operations: vec![self.sets.txns.txn(txn).index] }
    }

    fn value(&self, add: u32) -> String {
        self.sets.txns.value(self.sets.writes.value(add)).to_string()
    }

    fn reader(&self, read: &Read) -> Step {
        let txns = self.sets.txns;
        let who = capital_introduction(txns, read.txn, "add");
        let sets = &self.sets.keys[self.key as usize];
        let atoms = sets.seen(read).iter().map(|add| self.sets.writes.value(*add).0);
        let seen = shortened(&txns.values(&atoms.collect::<Vec<_>>()));
        let text = format!("{who} read key {} as {seen}.", txns.key(self.key));
        self.step(text, read.txn)
    }

    fn writer(&self, add: u32) -> Step {
        let txns = self.sets.txns;
        let writer = self.sets.writes.writer(add);
        let end = match txns.txn(writer).status {
            Status::Committed => "which was acknowledged",
            Status::Aborted => "which certainly failed",
            Status::Unknown => "whose outcome is unknown",
        };
        let who = capital_introduction(txns, writer, "add");
        let (value, key) = (self.value(add), txns.key(self.key));
        self.step(format!("{who} added {value} to key {key}, {end}."), writer)
    }

    fn about(&self, kind: &'static str, title: &str, why: String, steps: Vec<Step>) -> Anomaly {
        let key = self.sets.txns.key(self.key);
        plain(kind, format!("{title} of key {key}"), why, steps, Some(&key))
    }

    pub(super) fn aborted(&self, add: u32, read: &Read) -> Anomaly {
        let why = "A transaction that was told to have failed left an element that others read. \
                   Either the failure was a lie, or the element was shown before it was decided.";
        let steps = vec![self.writer(add), self.reader(read)];
        self.about("G1a", "Aborted read", why.to_owned(), steps)
    }

    pub(super) fn intermediate(&self, add: u32, missing: u32, read: &Read) -> Anomaly {
        let why = format!(
            "One transaction added both {} and {}, and a read shows the first without the \
             second: transactions are not applied as a whole.",
            self.value(add),
            self.value(missing)
        );
        let steps = vec![self.writer(add), self.reader(read)];
        self.about("G1b", "Intermediate read", why, steps)
    }

    pub(super) fn phantom(&self, read: &Read, atom: Atom) -> Anomaly {
        let why = format!(
            "The set holds {}, which no transaction ever added to that key, nor tried to.",
            self.sets.txns.value(atom)
        );
        self.about("phantom-read", "Phantom element", why, vec![self.reader(read)])
    }

    pub(super) fn duplicate(&self, read: &Read, atom: Atom) -> Anomaly {
        let why = format!(
            "Element {} is in the set twice: an add was applied again, as by a retry.",
            self.sets.txns.value(atom)
        );
        self.about("duplicate-elements", "Duplicate element", why, vec![self.reader(read)])
    }

    pub(super) fn future(&self, read: &Read, add: u32) -> Anomaly {
        let why = format!("The transaction read {} before it added that itself.", self.value(add));
        self.about("future-read", "Read from the future", why, vec![self.reader(read)])
    }

    /// An element is missing that the transaction had added, or had read, before.
    pub(super) fn missing(&self, read: &Read, add: u32, earlier: Option<&Read>) -> Anomaly {
        let value = self.value(add);
        let how = if earlier.is_some() { "read" } else { "added" };
        let why =
            format!("The transaction had {how} {value} itself, and then read the key without.");
        let steps = earlier.into_iter().chain([read]).map(|read| self.reader(read)).collect();
        self.about("internal", "Internal inconsistency", why, steps)
    }

    pub(super) fn grown(&self, read: &Read, earlier: &Read) -> Anomaly {
        let why = "The transaction read the key twice, and the second time saw elements that it \
                   had not added in between.";
        let steps = vec![self.reader(earlier), self.reader(read)];
        self.about("internal", "Internal inconsistency", why.to_owned(), steps)
    }
}
