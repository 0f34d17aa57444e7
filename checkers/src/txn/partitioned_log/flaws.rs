//! Flaws of single records: where they are, where they came from, and in which order they went in.

use rustc_hash::{FxHashMap, FxHashSet};

use super::entries::{Entry, Log};
use super::read::{Logs, NOBODY};

/// A poll that was given what it cannot have been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody had sent it.
    Nobody,
    /// Only somebody to whom that failed.
    Failed,
    /// Somebody who began after the poll had ended.
    Later,
}

/// Entries of one record, or at one offset.
pub(super) type Pair = (Entry, Entry);

/// Two sends of one process, or of one operation, with offsets in the wrong order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reversed {
    pub(super) key: u32,
    pub(super) before: u32,
    pub(super) earlier: u64,
    pub(super) after: u32,
    pub(super) later: u64,
    /// An entry of somebody else between, where that is what is wrong.
    pub(super) between: u32,
}

/// Per offset with several records the first two entries.
pub(super) fn disputed(by_key: &[Log<'_>]) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    for log in by_key {
        for same in log.entries.chunk_by(|one, next| one.offset == next.offset) {
            if let [one, other, ..] = same {
                pairs.push((*one, *other));
            }
        }
    }
    pairs
}

/// Per record that is at more offsets than it was sent, two entries of it.
pub(super) fn copies(by_key: &[Log<'_>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for log in by_key {
        let mut seen: Vec<(u32, u32)> = vec![(0, NOBODY); log.records.len()];
        for (number, entry) in (0u32..).zip(&log.entries) {
            let (count, first) = &mut seen[entry.record as usize];
            *count += 1;
            if *first == NOBODY {
                *first = number;
            }
            if *count == log.records[entry.record as usize].sends.max(1) + 1 {
                pairs.push((log.entries[*first as usize], *entry));
            }
        }
    }
    pairs
}

/// Entries that were polled and have a wrong origin; the first of each record.
pub(super) fn origins(logs: &Logs<'_>, by_key: &[Log<'_>]) -> Vec<(Entry, Origin)> {
    let mut found = Vec::new();
    for log in by_key {
        let mut told: FxHashSet<u32> = FxHashSet::default();
        for entry in log.entries.iter().filter(|entry| entry.polled != NOBODY) {
            let record = &log.records[entry.record as usize];
            let origin = match (record.sender, record.failed) {
                (NOBODY, NOBODY) => Origin::Nobody,
                (NOBODY, _) => Origin::Failed,
                (sender, _) => {
                    if logs.end(entry.polled) > logs.call(sender).begin {
                        continue;
                    }
                    Origin::Later
                }
            };
            if told.insert(entry.record) {
                found.push((*entry, origin));
            }
        }
    }
    found
}

/// Entries that a transaction polled and sent itself, with the transaction; one of each.
pub(super) fn own(logs: &Logs<'_>, by_key: &[Log<'_>]) -> Vec<(Entry, u32)> {
    let mut found: Vec<(Entry, u32)> = Vec::new();
    for batch in logs.batches.iter().filter(|batch| logs.call(batch.operation).is_transaction) {
        let log = &by_key[batch.key as usize];
        let own = |entry: &&Entry| {
            let record = &log.records[entry.record as usize];
            (record.sends, record.sender) == (1, batch.operation)
        };
        let given = log.given(batch).iter().map(|entry| &log.entries[*entry as usize]);
        found.extend(given.filter(own).map(|entry| (*entry, batch.operation)));
    }
    found.dedup_by_key(|(_, operation)| *operation);
    found
}

/// Sends of one process one after the other whose offsets are not.
pub(super) fn reversed(logs: &Logs<'_>) -> Vec<Reversed> {
    let mut last: FxHashMap<(u32, u32), (u64, u32)> = FxHashMap::default();
    let mut found = Vec::new();
    for sent in &logs.sent {
        let Some(offset) = sent.offset else { continue };
        let (key, process) = (sent.key, logs.call(sent.operation).process);
        let before = last.insert((process, key), (offset, sent.operation));
        if let Some((earlier, before)) = before.filter(|(earlier, _)| *earlier > offset) {
            let (after, later, between) = (sent.operation, offset, NOBODY);
            found.push(Reversed { key, before, earlier, after, later, between });
        }
    }
    found
}

/// Sends of one transaction to one key with somebody else's entry between.
pub(super) fn interleaved(logs: &Logs<'_>, by_key: &[Log<'_>]) -> Vec<Reversed> {
    let mut last: FxHashMap<u32, (u64, u32)> = FxHashMap::default();
    let mut found = Vec::new();
    for sent in &logs.sent {
        let Some(later) = sent.offset.filter(|_| logs.call(sent.operation).is_transaction) else {
            continue;
        };
        let (key, after) = (sent.key, sent.operation);
        let Some((earlier, before)) = last.insert(key, (later, after)) else { continue };
        if before != after {
            continue;
        }
        let log = &by_key[key as usize];
        let next = log.entries.partition_point(|entry| entry.offset <= earlier);
        let other = |entry: &Entry| log.records[entry.record as usize].sender != after;
        if log.entries.get(next).is_some_and(|entry| entry.offset < later && other(entry)) {
            let between = next as u32;
            found.push(Reversed { key, before, earlier, after, later, between });
        }
    }
    found
}
