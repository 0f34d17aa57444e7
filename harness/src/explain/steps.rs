//! The steps of a transaction: who wrote what each read, and who overwrote it.

use super::Subject;
use super::touch::{is_read, micros, step};
use crate::report::text;
use perjury_checkers::Operation;
use serde::Serialize;
use serde_json::Value;

/// Operations named for each step.
const NAMED_MAX: usize = 4;

/// One step, and the operations that it hangs together with, by the indices of their calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StepStory {
    /// `read 3 → [1, 2]`.
    pub words: String,
    /// Who wrote the version that a read saw; several if a value was written more than once.
    pub written_by: Vec<u64>,
    /// Who read what a write wrote; the first few.
    pub read_by: Vec<u64>,
    /// Who made the next version. For registers only those that are certain to have: they read
    /// this version and wrote another.
    pub overwritten_by: Vec<u64>,
}

/// The steps of an operation; none if it is no transaction. Linear in the history for each step.
pub(super) fn steps(subject: &Subject<'_>, operation: &Operation<'_>) -> Vec<StepStory> {
    let told = |micro: &Value| {
        let words = text::printable(&text::micro_operation(micro));
        let Some((f, key, value)) = step(micro) else {
            return StepStory { words, ..StepStory::default() };
        };
        let key = Key { subject, key, of: operation.index };
        if !is_read(f) {
            let read_by = key.readers(value);
            return StepStory {
                words,
                read_by,
                overwritten_by: key.next(Some(value)),
                ..StepStory::default()
            };
        }
        let seen = match value {
            Value::Array(items) => items.last(),
            Value::Null => None,
            other => Some(other),
        };
        let known = operation.is_ok();
        let written_by = seen.map(|seen| key.writers(seen)).unwrap_or_default();
        let overwritten_by = if known { key.next(seen) } else { Vec::new() };
        StepStory { words, written_by, overwritten_by, ..StepStory::default() }
    };
    micros(operation).iter().map(told).collect()
}

/// All operations, as far as they touch one key.
struct Key<'a> {
    subject: &'a Subject<'a>,
    key: &'a Value,
    /// The operation whose steps are told.
    of: u64,
}

impl<'a> Key<'a> {
    /// The steps on this key of operations that may have happened.
    fn all(&self) -> impl Iterator<Item = (&'a Operation<'a>, &'a str, &'a Value)> {
        let key = self.key;
        let operations = self.subject.operations.iter().filter(|other| !other.is_failed());
        operations.flat_map(move |operation| {
            let on_key = micros(operation).iter().filter_map(step).filter(move |s| s.1 == key);
            on_key.map(move |(f, _, value)| (operation, f, value))
        })
    }

    fn named(found: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut named: Vec<u64> = Vec::new();
        for index in found {
            if !named.contains(&index) {
                named.push(index);
            }
            if named.len() == NAMED_MAX {
                break;
            }
        }
        named
    }

    /// Who wrote a value. One that failed is named too, if nobody else did.
    fn writers(&self, value: &Value) -> Vec<u64> {
        let wrote = self.all().filter(|(_, f, wrote)| !is_read(f) && *wrote == value);
        let found = Self::named(wrote.map(|(operation, ..)| operation.index));
        if !found.is_empty() {
            return found;
        }
        let failed = self.subject.operations.iter().filter(|other| other.is_failed());
        let wrote = failed.filter(|operation| {
            let steps = micros(operation).iter().filter_map(step);
            steps.into_iter().any(|(f, key, v)| !is_read(f) && key == self.key && v == value)
        });
        Self::named(wrote.map(|operation| operation.index))
    }

    /// Others that read a value.
    fn readers(&self, value: &Value) -> Vec<u64> {
        let saw = |seen: &Value| match seen {
            Value::Array(items) => items.contains(value),
            other => other == value,
        };
        let reads = self.all().filter(|(operation, f, seen)| {
            operation.is_ok() && operation.index != self.of && is_read(f) && saw(seen)
        });
        Self::named(reads.map(|(operation, ..)| operation.index))
    }

    /// Who made the version after that of `value`, or the first version if it is `None`.
    fn next(&self, value: Option<&Value>) -> Vec<u64> {
        let appends = self.all().any(|(_, f, _)| f == "append");
        if appends {
            return self.after_in_lists(value).map(|next| self.writers(next)).unwrap_or_default();
        }
        // Of a register's versions, only one that was read is known to have come just before.
        let based = self.all().filter(|(operation, f, seen)| {
            let base = match value {
                Some(value) => *seen == value,
                None => seen.is_null(),
            };
            operation.is_ok() && operation.index != self.of && is_read(f) && base
        });
        let wrote = based.filter(|(operation, ..)| {
            let mut steps = micros(operation).iter().filter_map(step);
            steps.any(|(f, key, _)| f == "w" && key == self.key)
        });
        Self::named(wrote.map(|(operation, ..)| operation.index))
    }

    /// The element that follows in the longest list that anybody read.
    fn after_in_lists(&self, value: Option<&Value>) -> Option<&'a Value> {
        let lists = self.all().filter_map(|(operation, f, seen)| {
            seen.as_array().filter(|_| operation.is_ok() && is_read(f))
        });
        let longest = lists.max_by_key(|list| list.len())?;
        match value {
            None => longest.first(),
            Some(value) => {
                let at = longest.iter().position(|element| element == value)?;
                longest.get(at + 1)
            }
        }
    }
}
