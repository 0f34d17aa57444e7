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

/// The entries of one key, numbered for themselves.
struct Log {
    entries: Vec<Entry>,
    /// Sightings with their entries.
    of: Vec<(u32, u32)>,
    places: Vec<u32>,
    polled: Vec<u32>,
}

impl Entries {
    pub(super) fn new(logs: &Logs<'_>) -> Self {
        let mut by_key: Vec<Vec<(u64, u32, u32)>> = vec![Vec::new(); logs.keys.len()];
        for (number, sighting) in (0u32..).zip(&logs.sightings) {
            by_key[sighting.key as usize].push((sighting.offset, sighting.record, number));
        }
        let by_key = by_key.into_par_iter().enumerate();
        let by_key: Vec<Log> =
            by_key.map(|(key, sightings)| Log::new(logs, key as u32, sightings)).collect();
        let mut entries = Self {
            all: Vec::new(),
            of: vec![0; logs.sightings.len()],
            starts: vec![0],
            places: Vec::new(),
            polled: Vec::new(),
        };
        for log in by_key {
            let first = entries.all.len() as u32;
            for (sighting, entry) in log.of {
                entries.of[sighting as usize] = first + entry;
            }
            entries.all.extend(log.entries);
            entries.starts.push(entries.all.len() as u32);
            entries.places.extend(log.places);
            entries.polled.push(log.polled.iter().map(|entry| first + entry).collect());
        }
        entries
    }

    /// The entries of a key.
    pub(super) fn of_key(&self, key: u32) -> &[Entry] {
        &self.all[self.starts[key as usize] as usize..self.starts[key as usize + 1] as usize]
    }
}

impl Log {
    /// From the offsets, records and numbers of all sightings of a key.
    fn new(logs: &Logs<'_>, key: u32, mut sightings: Vec<(u64, u32, u32)>) -> Self {
        sightings.par_sort_unstable();
        let mut entries: Vec<Entry> = Vec::new();
        let mut of: Vec<(u32, u32)> = Vec::with_capacity(sightings.len());
        for (offset, record, number) in sightings {
            let same = |last: &Entry| (last.offset, last.record) == (offset, record);
            if !entries.last().is_some_and(same) {
                let nobody = NOBODY;
                let (known, polled, last_polled) = (nobody, nobody, nobody);
                entries.push(Entry { key, offset, record, known, polled, last_polled });
            }
            of.push((number, entries.len() as u32 - 1));
            if let Some(entry) = entries.last_mut() {
                entry.note(logs, number);
            }
        }
        let (places, polled) = count_polled(&entries);
        Self { entries, of, places, polled }
    }
}

impl Entry {
    /// Takes account of a sighting.
    fn note(&mut self, logs: &Logs<'_>, number: u32) {
        let sighting = &logs.sightings[number as usize];
        let end = |operation: u32| logs.ends[operation as usize];
        let by = sighting.operation;
        if self.known == NOBODY || end(by) < end(self.known) {
            self.known = by;
        }
        if sighting.polled {
            if self.polled == NOBODY || end(by) < end(self.polled) {
                self.polled = by;
            }
            if self.last_polled == NOBODY || end(by) > end(self.last_polled) {
                self.last_polled = by;
            }
        }
    }
}

/// Per entry of a key its place among the offsets that somebody polled, and the first entry of each of
/// these.
fn count_polled(entries: &[Entry]) -> (Vec<u32>, Vec<u32>) {
    let mut places: Vec<u32> = Vec::with_capacity(entries.len());
    let mut polled: Vec<u32> = Vec::new();
    for (number, entry) in (0u32..).zip(entries) {
        let same = |last: &u32| entries[*last as usize].offset == entry.offset;
        let counted = polled.last().is_some_and(same);
        places.push(polled.len() as u32 - u32::from(counted));
        if entry.polled != NOBODY && !counted {
            polled.push(number);
        }
    }
    (places, polled)
}
