//! Entries: which record is at which offset of each key, by all who know.

use rayon::prelude::*;

use super::read::{Logs, NOBODY};

/// A record at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: u32,
    pub(super) offset: u64,
    pub(super) record: u32,
    /// Who first knew of it here, and the first that polled it here; operations.
    pub(super) known: u32,
    pub(super) polled: u32,
    /// The last that polled it here.
    pub(super) last_polled: u32,
}

/// All entries, by key, offset and record, and how a consumer counts them.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) all: Vec<Entry>,
    /// Per sighting the number of its entry.
    pub(super) of: Vec<u32>,
    /// Per key where its entries begin; one more at the end.
    pub(super) starts: Vec<u32>,
    /// Per entry its place among the offsets of its key that somebody polled: how many of these are
    /// less.
    pub(super) places: Vec<u32>,
    /// Per key the first entry of each offset that was polled.
    pub(super) polled: Vec<Vec<u32>>,
}

impl Entries {
    pub(super) fn new(logs: &Logs<'_>) -> Self {
        let sightings = &logs.sightings;
        let key = |number: u32| {
            let sighting = &sightings[number as usize];
            (logs.records[sighting.record as usize].key, sighting.offset, sighting.record, number)
        };
        let mut sorted: Vec<(u32, u64, u32, u32)> = (0..sightings.len() as u32).map(key).collect();
        sorted.par_sort_unstable();
        let mut entries = Self {
            all: Vec::new(),
            of: vec![0; sightings.len()],
            starts: vec![0; logs.keys.len() + 1],
            places: Vec::new(),
            polled: vec![Vec::new(); logs.keys.len()],
        };
        for (key, offset, record, number) in sorted {
            let same = |last: &Entry| (last.key, last.offset, last.record) == (key, offset, record);
            if !entries.all.last().is_some_and(same) {
                let nobody = NOBODY;
                let (known, polled, last_polled) = (nobody, nobody, nobody);
                entries.all.push(Entry { key, offset, record, known, polled, last_polled });
                entries.starts[key as usize + 1] = entries.all.len() as u32;
            }
            entries.of[number as usize] = entries.all.len() as u32 - 1;
            entries.note(logs, number);
        }
        for at in 1..entries.starts.len() {
            entries.starts[at] = entries.starts[at].max(entries.starts[at - 1]);
        }
        entries.count_polled();
        entries
    }

    /// Takes account of a sighting of the last entry.
    fn note(&mut self, logs: &Logs<'_>, number: u32) {
        let sighting = &logs.sightings[number as usize];
        let end = |operation: u32| logs.operations[operation as usize].end();
        let Some(entry) = self.all.last_mut() else { return };
        let by = sighting.operation;
        if entry.known == NOBODY || end(by) < end(entry.known) {
            entry.known = by;
        }
        if sighting.polled {
            if entry.polled == NOBODY || end(by) < end(entry.polled) {
                entry.polled = by;
            }
            if entry.last_polled == NOBODY || end(by) > end(entry.last_polled) {
                entry.last_polled = by;
            }
        }
    }

    fn count_polled(&mut self) {
        self.places = vec![0; self.all.len()];
        for key in 0..self.polled.len() {
            let range = self.starts[key] as usize..self.starts[key + 1] as usize;
            let mut polled: Vec<u32> = Vec::new();
            for number in range {
                let entry = self.all[number];
                let same = |last: &u32| self.all[*last as usize].offset == entry.offset;
                let counted = polled.last().is_some_and(same);
                self.places[number] = polled.len() as u32 - u32::from(counted);
                if entry.polled != NOBODY && !counted {
                    polled.push(number as u32);
                }
            }
            self.polled[key] = polled;
        }
    }

    /// The entries of a key.
    pub(super) fn of_key(&self, key: u32) -> &[Entry] {
        &self.all[self.starts[key as usize] as usize..self.starts[key as usize + 1] as usize]
    }
}
