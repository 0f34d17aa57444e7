//! What lists show without any graph: aborted, intermediate, repeated, missing elements.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use super::super::explain::{Flaws, capital_introduction, plain};
use super::super::order::{Orders, Read};
use super::super::parse::{Micro, NOBODY, Status, Txns};
use crate::words::shortened;
use crate::{Anomaly, Step};

/// Finds every anomaly that is not a cycle.
pub(super) fn find(txns: &Txns<'_>, orders: &Orders<'_>, flaws: &mut Flaws) {
    let finder = Finder { txns, orders };
    finder.elements(flaws);
    finder.internal(flaws);
    finder.lost_updates(flaws);
    finder.lost_appends(flaws);
}

struct Finder<'f, 'h> {
    txns: &'f Txns<'h>,
    orders: &'f Orders<'h>,
}

impl Finder<'_, '_> {
    fn key(&self, key: u32) -> &Value {
        self.txns.keys[key as usize]
    }

    fn step(&self, text: String, txns: &[u32]) -> Step {
        Step { text, operations: txns.iter().map(|txn| self.txns.index(*txn)).collect() }
    }

    fn reader(&self, read: &Read<'_>) -> Step {
        let text = format!(
            "{} read key {} as {}.",
            capital_introduction(self.txns, read.txn),
            self.key(read.key),
            shortened(&Value::Array(read.seen.to_vec()))
        );
        self.step(text, &[read.txn])
    }

    fn writer(&self, element: u32) -> Step {
        let (writer, status) = self.txns.writer(element);
        let end = match status {
            Status::Committed => "which was acknowledged",
            Status::Aborted => "which certainly failed",
            Status::Unknown => "whose outcome is unknown",
        };
        let text = format!(
            "{} appended {} to key {}, {end}.",
            capital_introduction(self.txns, writer),
            self.txns.elements[element as usize].value,
            self.key(self.txns.elements[element as usize].key)
        );
        self.step(text, &[writer])
    }

    fn about(
        &self,
        kind: &'static str,
        (title, explanation): (&str, String),
        key: u32,
        steps: Vec<Step>,
    ) -> Anomaly {
        let title = format!("{title} of key {}", self.key(key));
        plain(kind, title, explanation, steps, Some(self.key(key)))
    }

    /// Looks at what each read shows: elements that should not be there, in the wrong order,
    /// or twice. One anomaly per element at the most for what is wrong with the element.
    fn elements(&self, flaws: &mut Flaws) {
        let mut reported: FxHashSet<(u32, &str)> = FxHashSet::default();
        let bad = self.bad_positions();
        for (key, versions) in (0u32..).zip(&self.orders.keys) {
            if versions.duplicated {
                let read = &self.orders.reads[versions.shown_by];
                flaws.add("duplicate-elements", || self.duplicate(key, read));
            }
        }
        for read in &self.orders.reads {
            if !read.fits {
                self.misfit(read, flaws);
            } else {
                for at in bad[read.key as usize].iter().take_while(|at| **at < read.seen.len()) {
                    let element = self.orders.keys[read.key as usize].elements[*at];
                    self.bad_element(read, *at, element, &mut reported, flaws);
                }
            }
            self.future(read, flaws);
            self.intermediate(read, flaws);
        }
    }

    /// Per key the positions of the longest list whose element is aborted or nobody's.
    fn bad_positions(&self) -> Vec<Vec<usize>> {
        let is_bad =
            |element: u32| element == NOBODY || self.txns.writer(element).1 == Status::Aborted;
        let keys = self.orders.keys.iter();
        keys.map(|versions| {
            let elements = versions.elements.iter().enumerate();
            elements.filter(|(_, element)| is_bad(**element)).map(|(at, _)| at).collect()
        })
        .collect()
    }

    fn bad_element<'s>(
        &'s self,
        read: &Read<'_>,
        at: usize,
        element: u32,
        reported: &mut FxHashSet<(u32, &'s str)>,
        flaws: &mut Flaws,
    ) {
        if element == NOBODY {
            flaws.add("phantom-read", || self.phantom(read, &read.seen[at]));
        } else if reported.insert((element, "G1a")) {
            flaws.add("G1a", || {
                let words = (
                    "Aborted read",
                    "A transaction that was told to have failed left an element that others \
                     read. Either the failure was a lie, or the element was shown before it was \
                     decided."
                        .to_owned(),
                );
                self.about("G1a", words, read.key, vec![self.writer(element), self.reader(read)])
            });
        }
    }

    fn phantom(&self, read: &Read<'_>, value: &Value) -> Anomaly {
        let explanation = format!(
            "The list holds {value}, which no transaction ever appended to that key, nor tried to."
        );
        self.about(
            "phantom-read",
            ("Phantom element", explanation),
            read.key,
            vec![self.reader(read)],
        )
    }

    fn duplicate(&self, key: u32, read: &Read<'_>) -> Anomaly {
        let mut seen = FxHashSet::default();
        let twice = read.seen.iter().find(|value| !seen.insert(*value));
        let twice = twice.map_or_else(String::new, ToString::to_string);
        let explanation = format!(
            "Element {twice} was appended once and is in the list twice: an append was applied \
             again, as by a retry. This key has no order of versions and was not judged further."
        );
        let mut steps = vec![self.reader(read)];
        let value = read.seen.iter().find(|value| value.to_string() == twice);
        if let Some(element) = value.and_then(|value| self.txns.element(key, value)) {
            steps.insert(0, self.writer(element));
        }
        self.about("duplicate-elements", ("Duplicate element", explanation), key, steps)
    }

    /// A read that is no prefix of the longest one.
    fn misfit(&self, read: &Read<'_>, flaws: &mut Flaws) {
        let mut seen = FxHashSet::default();
        if read.seen.iter().any(|value| !seen.insert(value)) {
            flaws.add("duplicate-elements", || self.duplicate(read.key, read));
            return;
        }
        let versions = &self.orders.keys[read.key as usize];
        flaws.add("incompatible-order", || {
            let longest = &self.orders.reads[versions.shown_by];
            let words = (
                "Incompatible orders",
                "Two reads show the list in orders of which neither continues the other. A list \
                 that is only appended to has one order."
                    .to_owned(),
            );
            let steps = vec![self.reader(longest), self.reader(read)];
            self.about("incompatible-order", words, read.key, steps)
        });
        for value in read.seen {
            match self.txns.element(read.key, value) {
                None => flaws.add("phantom-read", || self.phantom(read, value)),
                Some(element) if self.txns.writer(element).1 == Status::Aborted => {
                    let mut once = FxHashSet::default();
                    self.bad_element(read, 0, element, &mut once, flaws);
                }
                Some(_) => {}
            }
        }
    }

    /// A read that shows what its own transaction appends only later.
    fn future(&self, read: &Read<'_>, flaws: &mut Flaws) {
        let micros = &self.txns.txns[read.txn as usize].micros;
        for micro in &micros[read.position..] {
            let Micro::Write { key, element } = *micro else { continue };
            let value = self.txns.elements[element as usize].value;
            let shown = if read.fits {
                (self.orders.positions[element as usize] as usize) < read.seen.len()
            } else {
                read.seen.contains(value)
            };
            if key == read.key && shown {
                flaws.add("future-read", || {
                    let explanation =
                        format!("The transaction read {value} before it appended that itself.");
                    let words = ("Read from the future", explanation);
                    self.about("future-read", words, key, vec![self.reader(read)])
                });
            }
        }
    }

    /// A read that ends with an element that its transaction went on from.
    fn intermediate(&self, read: &Read<'_>, flaws: &mut Flaws) {
        let Some(last) = read.seen.last() else { return };
        let Some(element) = self.txns.element(read.key, last) else { return };
        let written = &self.txns.elements[element as usize];
        if written.intermediate && written.writer != read.txn {
            flaws.add("G1b", || {
                let words = (
                    "Intermediate read",
                    "A read shows the list in the middle of a transaction that appended more to \
                     it: transactions are not applied as a whole."
                        .to_owned(),
                );
                self.about("G1b", words, read.key, vec![self.writer(element), self.reader(read)])
            });
        }
    }

    /// Reads that contradict what their own transaction read or appended before.
    fn internal(&self, flaws: &mut Flaws) {
        for (number, txn) in (0u32..).zip(&self.txns.txns) {
            if txn.status != Status::Committed || txn.micros.len() < 2 {
                continue;
            }
            let mut known: Vec<(u32, Own<'_>)> = Vec::new();
            for micro in &txn.micros {
                let (Micro::Write { key, .. } | Micro::Read { key, .. }) = *micro;
                let at = known.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
                    known.push((key, Own::default()));
                    known.len() - 1
                });
                let own = &mut known[at].1;
                match *micro {
                    Micro::Write { element, .. } => {
                        own.appended.push(self.txns.elements[element as usize].value);
                    }
                    Micro::Read { seen: Some(seen), .. } => {
                        let seen = seen.as_array().map_or(&[][..], Vec::as_slice);
                        if !own.allows(seen) {
                            flaws.add("internal", || self.not_own(number, key, own, seen));
                        }
                        *own = Own { read: Some(seen), appended: Vec::new() };
                    }
                    Micro::Read { seen: None, .. } => {}
                }
            }
        }
    }

    fn not_own(&self, txn: u32, key: u32, own: &Own<'_>, seen: &[Value]) -> Anomaly {
        let list = |values: &[Value]| shortened(&Value::Array(values.to_vec()));
        let before = match own.read {
            Some(read) => format!("read {} before", list(read)),
            None => "not read it before".to_owned(),
        };
        let appended: Vec<Value> = own.appended.iter().map(|value| (*value).clone()).collect();
        let text = format!(
            "{} had {before}, and appended {} since, but then read key {} as {}.",
            capital_introduction(self.txns, txn),
            list(&appended),
            self.key(key),
            list(seen)
        );
        let words = (
            "Internal inconsistency",
            "A transaction's read contradicts what it read and appended itself just before."
                .to_owned(),
        );
        self.about("internal", words, key, vec![self.step(text, &[txn])])
    }

    /// Committed transactions that read the same version of a key and then appended to it.
    fn lost_updates(&self, flaws: &mut Flaws) {
        let mut updaters: FxHashMap<(u32, usize), Vec<usize>> = FxHashMap::default();
        let mut first: FxHashSet<(u32, u32)> = FxHashSet::default();
        for (number, read) in self.orders.reads.iter().enumerate() {
            let micros = &self.txns.txns[read.txn as usize].micros;
            let writes =
                |micro: &Micro<'_>| matches!(micro, Micro::Write { key, .. } if *key == read.key);
            let (before, after) = micros.split_at(read.position);
            if read.fits
                && after.iter().any(writes)
                && !before.iter().any(writes)
                && first.insert((read.txn, read.key))
            {
                updaters.entry((read.key, read.seen.len())).or_default().push(number);
            }
        }
        let mut lost: Vec<_> = updaters.into_iter().filter(|(_, reads)| reads.len() > 1).collect();
        lost.sort_unstable_by_key(|(_, reads)| reads[0]);
        for ((key, _), reads) in lost {
            flaws.add("lost-update", || {
                let explanation = format!(
                    "{} transactions read the same version of the list and each appended to it: \
                     none saw the update of another, as each must but the first.",
                    reads.len()
                );
                let steps = reads.iter().map(|r| self.reader(&self.orders.reads[*r])).collect();
                self.about("lost-update", ("Lost update", explanation), key, steps)
            });
        }
    }

    /// Acknowledged appends that a later transaction did not see and no read ever shows.
    fn lost_appends(&self, flaws: &mut Flaws) {
        let mut latest: FxHashMap<u32, usize> = FxHashMap::default();
        for (number, read) in self.orders.reads.iter().enumerate() {
            // Reads are in the order of their transactions' begins.
            latest.insert(read.key, number);
        }
        for (key, versions) in (0u32..).zip(&self.orders.keys) {
            let Some(read) = latest.get(&key).map(|number| &self.orders.reads[*number]) else {
                continue;
            };
            for element in versions.unread.iter().filter(|_| !versions.duplicated) {
                let writer = self.txns.elements[*element as usize].writer;
                let end = self.txns.txns[writer as usize].operation.end();
                let value = self.txns.elements[*element as usize].value;
                let begun = self.txns.index(read.txn);
                if end < begun && !self.shown(key, value) {
                    flaws.add("lost-append", || {
                        let explanation = format!(
                            "The append of {value} was acknowledged, yet a transaction that began \
                             afterwards did not see it, and neither did any other: it is gone."
                        );
                        let steps = vec![self.writer(*element), self.reader(read)];
                        self.about("lost-append", ("Lost append", explanation), key, steps)
                    });
                }
            }
        }
    }

    /// Whether any read shows an element that is not in the longest list.
    fn shown(&self, key: u32, value: &Value) -> bool {
        let misfits = self.orders.reads.iter().filter(|read| !read.fits && read.key == key);
        misfits.into_iter().any(|read| read.seen.contains(value))
    }
}

/// What a transaction knows of a key by itself.
#[derive(Default)]
struct Own<'h> {
    read: Option<&'h [Value]>,
    appended: Vec<&'h Value>,
}

impl Own<'_> {
    fn allows(&self, seen: &[Value]) -> bool {
        let Some(base) = seen.len().checked_sub(self.appended.len()) else { return false };
        let (before, own) = seen.split_at(base);
        own.iter().eq(self.appended.iter().copied()) && self.read.is_none_or(|read| read == before)
    }
}
