//! The life of each element of a set: when it was added, and which reads have it.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::{Operation, Outcome};

#[derive(Debug)]
pub(super) struct Element<'h> {
    pub(super) value: &'h Value,
    /// The call that adds it; of several, one that did not fail.
    pub(super) add: Option<&'h Operation>,
}

#[derive(Debug)]
pub(super) struct Read<'h> {
    pub(super) operation: &'h Operation,
    /// Numbers of its elements, ascending, each once.
    pub(super) elements: Vec<u32>,
    /// Those that it shows more than once.
    pub(super) duplicates: Vec<u32>,
}

/// What became of an element.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// In every read that began after it was known.
    Stable,
    /// No read began after it was known, or it never was.
    NeverRead,
    /// Missing in read `missing` (by index), and in none at that time or later.
    Lost { missing: u64 },
    /// Missing in read `missing`, but in read `seen` at that time or later; `lag` nanoseconds
    /// after it was known.
    Stale { missing: u64, seen: u64, lag: u64 },
}

/// All elements and reads of a history.
#[derive(Debug)]
pub(super) struct Ledger<'h> {
    pub(super) elements: Vec<Element<'h>>,
    /// Reads with an answer, ordered by begin.
    pub(super) reads: Vec<Read<'h>>,
    /// Per element the numbers of the reads that have it.
    shown_in: Vec<Vec<u32>>,
}

impl Element<'_> {
    /// The position at which its add was acknowledged.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.add.filter(|add| add.is_ok()).map(Operation::end)
    }

    /// Whether a read could rightly show it.
    pub(super) fn may_be_in(&self, read: &Operation) -> bool {
        self.add.is_some_and(|add| !add.is_failed() && add.index < read.end())
    }
}

impl Read<'_> {
    pub(super) fn shows(&self, element: u32) -> bool {
        self.elements.binary_search(&element).is_ok()
    }
}

impl<'h> Ledger<'h> {
    pub(super) fn new(operations: &'h [Operation]) -> Result<Self, String> {
        let mut ledger = Self { elements: Vec::new(), reads: Vec::new(), shown_in: Vec::new() };
        let mut numbers: FxHashMap<&'h Value, u32> = FxHashMap::default();
        for operation in operations {
            match (&*operation.f, &operation.outcome) {
                ("add", _) => {
                    let number = ledger.number(&mut numbers, &operation.input);
                    let element = &mut ledger.elements[number as usize];
                    if element.add.is_none_or(|add| !add.is_ok() && !operation.is_failed()) {
                        element.add = Some(operation);
                    }
                }
                ("read", Outcome::Ok(Value::Array(list))) => {
                    let mut elements: Vec<u32> =
                        list.iter().map(|value| ledger.number(&mut numbers, value)).collect();
                    elements.sort_unstable();
                    let mut duplicates: Vec<u32> = elements
                        .windows(2)
                        .filter(|pair| pair[0] == pair[1])
                        .map(|pair| pair[0])
                        .collect();
                    duplicates.dedup();
                    elements.dedup();
                    ledger.reads.push(Read { operation, elements, duplicates });
                }
                ("read", Outcome::Ok(other)) => {
                    return Err(format!(
                        "operation {} read {other}, where a list of all elements should be",
                        operation.index
                    ));
                }
                ("read", _) => {}
                (f, _) => {
                    return Err(format!(
                        "operation {} is `{f}`, but a set has only add and read",
                        operation.index
                    ));
                }
            }
        }
        for (number, read) in (0u32..).zip(&ledger.reads) {
            for element in &read.elements {
                ledger.shown_in[*element as usize].push(number);
            }
        }
        Ok(ledger)
    }

    fn number(&mut self, numbers: &mut FxHashMap<&'h Value, u32>, value: &'h Value) -> u32 {
        *numbers.entry(value).or_insert_with(|| {
            self.elements.push(Element { value, add: None });
            self.shown_in.push(Vec::new());
            self.elements.len() as u32 - 1
        })
    }

    /// The read that began at this index.
    pub(super) fn read(&self, index: u64) -> &'h Operation {
        let at = self.reads.partition_point(|read| read.operation.index < index);
        self.reads[at].operation
    }

    /// The last read that has an element.
    pub(super) fn last_seen(&self, element: u32) -> Option<&'h Operation> {
        let last = self.shown_in[element as usize].last()?;
        Some(self.reads[*last as usize].operation)
    }

    /// How many elements were acknowledged after position `index`.
    pub(super) fn acknowledged_after(&self, index: u64) -> usize {
        self.elements.iter().filter(|e| e.acknowledged().is_some_and(|end| end > index)).count()
    }

    /// Judges one element by all reads.
    pub(super) fn fate(&self, number: u32) -> Fate {
        let element = &self.elements[number as usize];
        let shown = &self.shown_in[number as usize];
        let operation = |read: &u32| self.reads[*read as usize].operation;
        let first_seen = shown.iter().map(operation).min_by_key(|read| read.end());
        let by_add = element.add.filter(|add| add.is_ok());
        let known = by_add.into_iter().chain(first_seen).min_by_key(|known| known.end());
        let Some(known) = known else { return Fate::NeverRead };
        let after = self.reads.partition_point(|read| read.operation.index <= known.end());
        let shown_after = shown.partition_point(|read| (*read as usize) < after);
        if after == self.reads.len() {
            return Fate::NeverRead;
        }
        if shown.len() - shown_after == self.reads.len() - after {
            return Fate::Stable;
        }
        let missing = (after..self.reads.len())
            .rev()
            .find(|read| shown.binary_search(&(*read as u32)).is_err())
            .unwrap_or(after);
        let missing = self.reads[missing].operation;
        let seen = shown
            .iter()
            .map(operation)
            .filter(|read| read.end() > missing.index)
            .max_by_key(|read| read.index);
        match seen {
            None => Fate::Lost { missing: missing.index },
            Some(seen) => Fate::Stale {
                missing: missing.index,
                seen: seen.index,
                lag: missing.called.saturating_sub(known.returned.unwrap_or(missing.called)),
            },
        }
    }
}
