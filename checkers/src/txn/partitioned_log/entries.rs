//! Entries: which record is at which offset of each key, by all who know.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::read::{Batch, How, Logs, Mention, NOBODY, Sent};
use crate::numbers::{Numbers, Plain};

/// A value of one key. Operations are numbers in the list of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'h> {
    pub(super) value: Plain<'h>,
    /// The first operation that sent it and did not fail, and how many there are.
    pub(super) sender: u32,
    pub(super) sends: u32,
    /// One that failed.
    pub(super) failed: u32,
    /// The first that polled it, by end.
    pub(super) polled: u32,
}

/// A record at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: u32,
    /// In the list of its key.
    pub(super) record: u32,
    pub(super) offset: u64,
    /// Who first knew of it here, and the first that polled it here; operations.
    pub(super) known: u32,
    pub(super) polled: u32,
    /// The last that polled it here.
    pub(super) last_polled: u32,
    /// Its place among the offsets of its key that somebody polled: how many of these are less.
    pub(super) place: u32,
}

/// What is known of the log of one key.
#[derive(Debug, Default)]
pub(super) struct Log<'h> {
    /// In the order in which they are mentioned.
    pub(super) records: Vec<Record<'h>>,
    /// By offset and record.
    pub(super) entries: Vec<Entry>,
    /// Per mention the number of its entry, or [`NOBODY`] if it has no offset.
    pub(super) of: Vec<u32>,
    /// Records that were sent to nobody knows which offset, by mention.
    unplaced: Vec<(u32, u32)>,
    /// The first entry of each offset that was polled.
    pub(super) polled: Vec<u32>,
}

/// The logs of all keys.
pub(super) fn of_keys<'h>(logs: &Logs<'h>) -> Vec<Log<'h>> {
    let keys = (0..logs.keys.len() as u32).into_par_iter();
    keys.map(|key| Log::new(logs, key)).collect()
}

impl<'h> Log<'h> {
    fn new(logs: &Logs<'h>, key: u32) -> Self {
        let mut log = Self::default();
        let mentions = logs.keys[key as usize].mentions as usize;
        log.of.reserve(mentions);
        let mut numbers = Numbers::default();
        let mut entries = Entries::new(key, mentions);
        for mention in logs.keys[key as usize].parts.iter().flatten() {
            let known = entries.known(&log.records, mention);
            let record = known.map_or_else(
                || numbers.number(0, mention.value, log.records.len() as u32),
                |entry| entries.all[entry as usize].0.record,
            );
            log.record(record, mention);
            log.of.push(match mention.how {
                How::Placed | How::Polled => {
                    let number = known.unwrap_or_else(|| entries.number(record, mention.offset));
                    let (entry, ends) = &mut entries.all[number as usize];
                    entry.note(ends, mention, logs.end(mention.operation));
                    number
                }
                How::Sent => {
                    log.unplaced.push((log.of.len() as u32, record));
                    NOBODY
                }
                How::Failed | How::Tried => NOBODY,
            });
        }
        log.sort(entries.all);
        log.count_polled(logs);
        log
    }

    /// Takes account of who sent a record, which may be new.
    fn record(&mut self, number: u32, mention: &Mention<'h>) {
        if number as usize == self.records.len() {
            let (value, nobody) = (mention.value, NOBODY);
            let (sender, failed, polled) = (nobody, nobody, nobody);
            self.records.push(Record { value, sender, sends: 0, failed, polled });
        }
        let record = &mut self.records[number as usize];
        match mention.how {
            How::Failed => record.failed = mention.operation,
            How::Polled => {}
            How::Tried | How::Sent | How::Placed => {
                record.sends += 1;
                if record.sender == NOBODY {
                    record.sender = mention.operation;
                }
            }
        }
    }

    /// Takes entries in any order.
    fn sort(&mut self, entries: Vec<(Entry, Ends)>) {
        let mut order: Vec<(u64, u32, u32)> = (0u32..)
            .zip(&entries)
            .map(|(number, (entry, _))| (entry.offset, entry.record, number))
            .collect();
        order.sort_unstable();
        let mut sorted: Vec<u32> = vec![0; entries.len()];
        for (at, (.., number)) in (0u32..).zip(&order) {
            sorted[*number as usize] = at;
        }
        self.entries = order.iter().map(|(.., number)| entries[*number as usize].0).collect();
        for entry in self.of.iter_mut().filter(|entry| **entry != NOBODY) {
            *entry = sorted[*entry as usize];
        }
    }

    fn count_polled(&mut self, logs: &Logs<'_>) {
        let mut last = None;
        for (number, entry) in (0u32..).zip(&mut self.entries) {
            let counted = last == Some(entry.offset);
            entry.place = self.polled.len() as u32 - u32::from(counted);
            if entry.polled == NOBODY {
                continue;
            }
            if !counted {
                last = Some(entry.offset);
                self.polled.push(number);
            }
            let first = &mut self.records[entry.record as usize].polled;
            if *first == NOBODY || logs.end(entry.polled) < logs.end(*first) {
                *first = entry.polled;
            }
        }
    }

    /// The entries of what a poll was answered, in that order.
    pub(super) fn given(&self, batch: &Batch) -> &[u32] {
        &self.of[batch.first as usize..(batch.first + batch.count) as usize]
    }

    /// The first entry with a greater offset, or how many entries there are.
    pub(super) fn after(&self, entry: u32) -> u32 {
        let rest = &self.entries[entry as usize..];
        entry + rest.iter().take_while(|other| other.offset == rest[0].offset).count() as u32
    }

    /// The record of an acknowledged send.
    pub(super) fn sent(&self, sent: &Sent) -> u32 {
        match self.of[sent.mention as usize] {
            NOBODY => {
                let at = self.unplaced.partition_point(|(mention, _)| *mention < sent.mention);
                self.unplaced[at].1
            }
            entry => self.entries[entry as usize].record,
        }
    }
}

/// Of the operations of an entry their ends.
#[derive(Clone, Copy, Default)]
struct Ends {
    known: u64,
    polled: u64,
    last_polled: u64,
}

impl Entry {
    /// Takes account of a mention by an operation that ended at `end`.
    fn note(&mut self, ends: &mut Ends, mention: &Mention<'_>, end: u64) {
        let by = mention.operation;
        if self.known == NOBODY || end < ends.known {
            (self.known, ends.known) = (by, end);
        }
        if mention.how == How::Polled {
            if self.polled == NOBODY || end < ends.polled {
                (self.polled, ends.polled) = (by, end);
            }
            if self.last_polled == NOBODY || end > ends.last_polled {
                (self.last_polled, ends.last_polled) = (by, end);
            }
        }
    }
}

/// Entries of a key as they come up.
struct Entries {
    key: u32,
    all: Vec<(Entry, Ends)>,
    /// Per offset the entry that came up last: nearly always the one that is mentioned next, which
    /// saves looking for its record. Offsets beyond `most` are not here.
    at: Vec<u32>,
    most: usize,
    /// Per record its first entry.
    first: Vec<u32>,
    /// By record and offset the others of records that are at several.
    others: FxHashMap<(u32, u64), u32>,
}

impl Entries {
    fn new(key: u32, mentions: usize) -> Self {
        let (all, at, first) = (Vec::new(), Vec::new(), Vec::new());
        Self { key, all, at, most: 2 * mentions, first, others: FxHashMap::default() }
    }

    /// The entry of a mention, if that is easily found.
    fn known(&self, records: &[Record<'_>], mention: &Mention<'_>) -> Option<u32> {
        let number = *self.at.get(usize::try_from(mention.offset).ok()?)?;
        let (entry, _) = self.all.get(number as usize)?;
        let same = records[entry.record as usize].value == mention.value;
        (same && matches!(mention.how, How::Placed | How::Polled)).then_some(number)
    }

    /// The number of an entry, which may be new.
    fn number(&mut self, record: u32, offset: u64) -> u32 {
        let next = self.all.len() as u32;
        if self.first.len() <= record as usize {
            self.first.resize(record as usize + 1, NOBODY);
        }
        let first = &mut self.first[record as usize];
        let number = match *first {
            NOBODY => {
                *first = next;
                next
            }
            first if self.all[first as usize].0.offset == offset => first,
            _ => *self.others.entry((record, offset)).or_insert(next),
        };
        if number == next {
            let (key, nobody) = (self.key, NOBODY);
            let (known, polled, last_polled, place) = (nobody, nobody, nobody, 0);
            let entry = Entry { key, record, offset, known, polled, last_polled, place };
            self.all.push((entry, Ends::default()));
        }
        if offset <= self.most as u64 {
            let offset = offset as usize;
            self.at.resize(self.at.len().max(offset + 1), NOBODY);
            self.at[offset] = number;
        }
        number
    }
}
