//! Inferred edges: of two writers of a key, the one that a reader saw is the later.

use std::sync::atomic::{AtomicBool, Ordering};

use super::super::key_value::{INITIAL, KeyValue};

/// `before` wrote the key of a read and was visible to it, but what it shows is of another
/// transaction, which therefore is after `before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inferred {
    pub before: u32,
    /// The number of the read, see [`KeyValue::all_reads`].
    pub read: u32,
}

impl Inferred {
    /// The transaction that is after, or [`INITIAL`], which cannot be.
    pub fn after(self, kv: &KeyValue) -> u32 {
        kv.all_reads()[self.read as usize].from
    }

    pub fn key(self, kv: &KeyValue) -> u32 {
        kv.all_reads()[self.read as usize].key
    }

    pub fn reader(self, kv: &KeyValue) -> u32 {
        kv.reader(self.read)
    }
}

/// Where inferred edges go. With a candidate order, only those that contradict it are kept, and
/// the first of them ends the search.
pub(super) struct Sink<'s> {
    pub(super) edges: Vec<Inferred>,
    kv: &'s KeyValue,
    candidate: Option<&'s Candidate<'s>>,
}

/// An order that is tried: per transaction its position.
pub(super) struct Candidate<'c> {
    pub(super) positions: &'c [u32],
    pub(super) refuted: AtomicBool,
}

impl<'s> Sink<'s> {
    pub(super) fn new(kv: &'s KeyValue, candidate: Option<&'s Candidate<'s>>) -> Self {
        Self { edges: Vec::new(), kv, candidate }
    }

    /// The read of this number saw something else than what `before` wrote.
    pub(super) fn add(&mut self, before: u32, read: usize) {
        let edge = Inferred { before, read: read as u32 };
        if let Some(candidate) = self.candidate {
            let after = self.kv.all_reads()[read].from;
            let position = |txn: u32| candidate.positions[txn as usize];
            if after != INITIAL && position(before) < position(after) {
                return;
            }
            candidate.refuted.store(true, Ordering::Relaxed);
        }
        self.edges.push(edge);
    }

    /// Whether a candidate was refuted, so that nothing more need be known.
    pub(super) fn is_settled(&self) -> bool {
        self.candidate.is_some_and(|candidate| candidate.refuted.load(Ordering::Relaxed))
    }
}
