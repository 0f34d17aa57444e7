//! Inserts: what workloads of keys that are written once have in common.

use crate::sweep::sweep;
use perjury_harness::{BoxGenerator, Op};
use serde_json::{Value, json};
use std::ops::Range;

/// How their transactions look.
pub(crate) const VOCABULARY: &[(&str, &str)] = &[(
    "txn",
    "[[\"w\", key, 1]], each key once, or [[\"r\", key, null], …], answered with each null replaced \
     by what is there",
)];

/// Keys that one read looks for.
pub(crate) const WINDOW: u64 = 8;

/// Inserts a key.
pub(crate) fn write(key: u64) -> Op {
    Op::new("txn", json!([["w", key, 1]]))
}

/// Reads keys in this order.
pub(crate) fn read(keys: impl IntoIterator<Item = u64>) -> Op {
    let steps: Vec<Value> = keys.into_iter().map(|key| json!(["r", key, null])).collect();
    Op::new("txn", steps)
}

/// Two workers of each node read every key, the later ones of a few first.
pub(crate) fn read_all() -> BoxGenerator {
    let reads = |keys: Range<u64>| read(keys.rev());
    let empty = |value: &Value| {
        let steps = value.as_array().map(Vec::as_slice).unwrap_or_default();
        steps.iter().all(|step| step[2].is_null())
    };
    // Whole stretches of inserts can have failed while a fault lasted.
    sweep(WINDOW, 100, reads, empty)
}

/// Gives out keys in order, and the last few of them to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    next: u64,
}

impl Line {
    /// The next key to insert.
    pub(crate) fn insert(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// The last few keys that were given out, and the next few: inserts that begin while a read is
    /// under way are the ones that it can see in the wrong order.
    pub(crate) fn around(&self) -> Range<u64> {
        self.next.saturating_sub(WINDOW / 2)..self.next + WINDOW / 2
    }

    /// The last keys that were given out; some of them may be on their way.
    pub(crate) fn last(&self) -> Range<u64> {
        let next = self.next.max(1);
        next.saturating_sub(WINDOW)..next
    }
}
