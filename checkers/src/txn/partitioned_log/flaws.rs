//! Flaws of single records: where they are, where they came from, and in which order they went in.

use rustc_hash::FxHashMap;

use super::entries::{Entries, Entry};
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

/// Entries of one record, or at one offset, by number.
pub(super) type Pair = (u32, u32);

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
pub(super) fn disputed(entries: &Entries) -> Vec<Pair> {
    let at = |entry: &Entry| (entry.key, entry.offset);
    let mut pairs: Vec<Pair> = Vec::new();
    for (number, pair) in (0u32..).zip(entries.all.windows(2)) {
        let again = number > 0 && at(&entries.all[number as usize - 1]) == at(&pair[0]);
        if at(&pair[0]) == at(&pair[1]) && !again {
            pairs.push((number, number + 1));
        }
    }
    pairs
}

/// Per record that is at more offsets than it was sent, two entries of it.
pub(super) fn copies(logs: &Logs<'_>, entries: &Entries) -> Vec<Pair> {
    let mut seen: Vec<(u32, u32)> = vec![(0, NOBODY); logs.records.len()];
    let mut pairs = Vec::new();
    for (number, entry) in (0u32..).zip(&entries.all) {
        let (count, first) = &mut seen[entry.record as usize];
        *count += 1;
        if *first == NOBODY {
            *first = number;
        }
        if *count == logs.records[entry.record as usize].sends.max(1) + 1 {
            pairs.push((*first, number));
        }
    }
    pairs
}

/// Entries that were polled and have a wrong origin.
pub(super) fn origins(logs: &Logs<'_>, entries: &Entries) -> Vec<(u32, Origin)> {
    let mut found = Vec::new();
    let mut told = vec![false; logs.records.len()];
    for (number, entry) in (0u32..).zip(&entries.all) {
        if entry.polled == NOBODY || told[entry.record as usize] {
            continue;
        }
        let record = &logs.records[entry.record as usize];
        let origin = match (record.sender, record.failed) {
            (NOBODY, NOBODY) => Origin::Nobody,
            (NOBODY, _) => Origin::Failed,
            (sender, _) => {
                let begin = logs.operations[sender as usize].index;
                if logs.ends[entry.polled as usize] > begin {
                    continue;
                }
                Origin::Later
            }
        };
        told[entry.record as usize] = true;
        found.push((number, origin));
    }
    found
}

/// Entries that a transaction polled and sent itself, with the transaction.
pub(super) fn own(logs: &Logs<'_>, entries: &Entries) -> Vec<(u32, u32)> {
    let own = |number: &usize| {
        let sighting = &logs.sightings[*number];
        let record = &logs.records[sighting.record as usize];
        sighting.polled
            && (record.sends, record.sender) == (1, sighting.operation)
            && logs.is_transaction(sighting.operation)
    };
    let mut found: Vec<(u32, u32)> = (0..logs.sightings.len())
        .filter(own)
        .map(|number| (entries.of[number], logs.sightings[number].operation))
        .collect();
    found.dedup_by_key(|(_, operation)| *operation);
    found
}

/// Sends of one process one after the other whose offsets are not.
pub(super) fn reversed(logs: &Logs<'_>) -> Vec<Reversed> {
    let mut last: FxHashMap<(u32, u32), (u64, u32)> = FxHashMap::default();
    let mut found = Vec::new();
    for sent in &logs.sent {
        let Some(offset) = sent.offset else { continue };
        let key = logs.records[sent.record as usize].key;
        let process = logs.operations[sent.operation as usize].process;
        let before = last.insert((process, key), (offset, sent.operation));
        if let Some((earlier, before)) = before.filter(|(earlier, _)| *earlier > offset) {
            let (after, later, between) = (sent.operation, offset, NOBODY);
            found.push(Reversed { key, before, earlier, after, later, between });
        }
    }
    found
}

/// Sends of one transaction to one key with somebody else's entry between.
pub(super) fn interleaved(logs: &Logs<'_>, entries: &Entries) -> Vec<Reversed> {
    let mut last: FxHashMap<u32, (u64, u32)> = FxHashMap::default();
    let mut found = Vec::new();
    for sent in &logs.sent {
        let Some(later) = sent.offset.filter(|_| logs.is_transaction(sent.operation)) else {
            continue;
        };
        let (key, after) = (logs.records[sent.record as usize].key, sent.operation);
        let Some((earlier, before)) = last.insert(key, (later, after)) else { continue };
        if before != after {
            continue;
        }
        let of_key = entries.of_key(key);
        let next = of_key.partition_point(|entry| entry.offset <= earlier);
        let number = entries.starts[key as usize] + next as u32;
        let other = |entry: &Entry| logs.records[entry.record as usize].sender != after;
        if of_key.get(next).is_some_and(|entry| entry.offset < later && other(entry)) {
            found.push(Reversed { key, before, earlier, after, later, between: number });
        }
    }
    found
}
