//! The journal: all changes that are known to have happened, by revision.

use rayon::prelude::*;
use serde_json::Value;

use super::read::{NOBODY, Reading, Setting};

/// A change that happened: a write was acknowledged with it, or a watcher was told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'h> {
    pub(super) revision: u64,
    pub(super) key: u32,
    pub(super) value: &'h Value,
    /// Its write, if it is clear which; [`NOBODY`] otherwise.
    pub(super) write: u32,
    /// An event, if a watcher was told of it, and otherwise it follows from the write.
    pub(super) event: u32,
}

/// All changes, by revision and key; one for each of these.
#[derive(Debug, Default)]
pub(super) struct Journal<'h> {
    pub(super) changes: Vec<Change<'h>>,
    /// Two changes of one key at one revision.
    pub(super) disputed: Vec<(Change<'h>, Change<'h>)>,
    /// Writes with an event that is at another revision than the write is known to be at.
    pub(super) moved: Vec<(u32, u32)>,
    /// Events that no write explains.
    pub(super) phantoms: Vec<u32>,
    /// Writes of which the first was over before the second began and has no smaller revision.
    pub(super) inversions: Vec<(u32, u32)>,
    /// Per event whether its value is explained by a write.
    pub(super) explained: Vec<bool>,
}

/// Who asked for a key with a value.
#[derive(Clone, Copy, Debug)]
enum Writer {
    None,
    One(u32),
    Several,
}

impl<'h> Journal<'h> {
    pub(super) fn new(reading: &Reading<'h>) -> Self {
        let mut journal = Self { explained: vec![false; reading.events.len()], ..Self::default() };
        let writers = writers(reading);
        let mut all: Vec<Change<'h>> = Vec::new();
        for (number, write) in (0u32..).zip(&reading.writes) {
            if let Some(revision) = write.revision {
                journal.add_write(reading, &mut all, number, revision);
            }
        }
        // A write that has no answer is told of by its events, and all of it has happened then.
        let mut revisions: Vec<Option<u64>> =
            reading.writes.iter().map(|write| write.revision).collect();
        let mut moved = vec![false; reading.writes.len()];
        // Each change is told to many watchers, and the first of them is enough to know of it.
        let mut told: Vec<Option<u64>> = vec![None; reading.settings.len()];
        for (number, event) in (0u32..).zip(&reading.events) {
            let writer = writers[event.setting as usize];
            journal.explained[number as usize] = match writer {
                Writer::None => false,
                Writer::One(write) => {
                    reading.begins(write) < reading.operation(event.operation).end()
                }
                Writer::Several => true,
            };
            if !journal.explained[number as usize] {
                journal.phantoms.push(number);
                continue;
            }
            let revision = event.revision;
            if told[event.setting as usize].replace(revision) == Some(revision) {
                continue;
            }
            let write = if let Writer::One(write) = writer { write } else { NOBODY };
            let (key, value) = (event.key, reading.value(event));
            all.push(Change { revision, key, value, write, event: number });
            if write == NOBODY {
                continue;
            }
            match revisions[write as usize] {
                None => {
                    revisions[write as usize] = Some(revision);
                    journal.add_write(reading, &mut all, write, revision);
                }
                Some(known) if known != revision && !moved[write as usize] => {
                    moved[write as usize] = true;
                    journal.moved.push((write, number));
                }
                Some(_) => {}
            }
        }
        journal.merge(all);
        journal.order_in_time(reading);
        journal
    }

    fn add_write(
        &self,
        reading: &Reading<'h>,
        all: &mut Vec<Change<'h>>,
        write: u32,
        revision: u64,
    ) {
        for setting in reading.asked_by(&reading.writes[write as usize]) {
            let Setting { key, value } = reading.settings[*setting as usize];
            all.push(Change { revision, key, value, write, event: NOBODY });
        }
    }

    /// Sorts all that is known of changes, and keeps one for each revision and key.
    fn merge(&mut self, mut all: Vec<Change<'h>>) {
        all.par_sort_by_key(|change| (change.revision, change.key));
        for change in all {
            let place = |change: &Change<'_>| (change.revision, change.key);
            let Some(last) = self.changes.last_mut().filter(|last| place(last) == place(&change))
            else {
                self.changes.push(change);
                continue;
            };
            if last.value != change.value {
                let told = self.disputed.last().map(|(one, _)| place(one));
                if told != Some(place(last)) {
                    self.disputed.push((*last, change));
                }
            } else if last.event == NOBODY {
                last.event = change.event;
            }
        }
    }

    /// Revisions have to grow with time.
    fn order_in_time(&mut self, reading: &Reading<'h>) {
        let acknowledged = |number: &u32| reading.writes[*number as usize].revision.is_some();
        let mut by_end: Vec<u32> = (0..reading.writes.len() as u32).filter(acknowledged).collect();
        let by_begin = by_end.clone();
        let ends = |write: u32| reading.operation(reading.writes[write as usize].operation).end();
        by_end.sort_by_key(|write| ends(*write));
        let revision = |write: u32| reading.writes[write as usize].revision.unwrap_or(0);
        let (mut over, mut greatest): (usize, Option<u32>) = (0, None);
        for write in by_begin {
            while over < by_end.len() && ends(by_end[over]) < reading.begins(write) {
                let ended = by_end[over];
                if greatest.is_none_or(|greatest| revision(greatest) < revision(ended)) {
                    greatest = Some(ended);
                }
                over += 1;
            }
            if let Some(before) = greatest.filter(|before| revision(*before) >= revision(write)) {
                self.inversions.push((before, write));
            }
        }
    }

    pub(super) fn has(&self, revision: u64, key: u32) -> bool {
        let place = |change: &Change<'_>| (change.revision, change.key);
        self.changes.binary_search_by_key(&(revision, key), place).is_ok()
    }

    /// How many changes come before a revision.
    pub(super) fn before(&self, revision: u64) -> usize {
        self.changes.partition_point(|change| change.revision < revision)
    }
}

impl Reading<'_> {
    fn begins(&self, write: u32) -> u64 {
        self.writes[write as usize].begin
    }
}

/// Per key with a value, who asked for it without being told that it failed.
fn writers(reading: &Reading<'_>) -> Vec<Writer> {
    let mut writers = vec![Writer::None; reading.settings.len()];
    for (number, write) in (0u32..).zip(&reading.writes).filter(|(_, write)| !write.failed) {
        for setting in reading.asked_by(write) {
            let writer = &mut writers[*setting as usize];
            *writer = match writer {
                Writer::None => Writer::One(number),
                Writer::One(_) | Writer::Several => Writer::Several,
            };
        }
    }
    writers
}
