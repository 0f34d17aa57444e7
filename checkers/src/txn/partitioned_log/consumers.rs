//! Consumers: how each went through the log of a key, what it skipped, and what all passed over.

use rustc_hash::FxHashMap;

use super::entries::Entries;
use super::read::{Batch, Logs, Mode, NOBODY};

/// Where a consumer stands in a key.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The place of what comes next, if nothing is skipped.
    place: u32,
    /// The last offset that it was given; none at the beginning.
    offset: Option<u64>,
    /// Who was given that; [`NOBODY`] at the beginning.
    operation: u32,
}

/// A consumer was given `later` after `earlier`, though it should not have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    pub(super) key: u32,
    /// The operation that was given the one before, which is the same within one; [`NOBODY`] if it
    /// began at the beginning.
    pub(super) before: u32,
    pub(super) earlier: Option<u64>,
    pub(super) operation: u32,
    pub(super) later: u64,
    /// The entry that was left out, where one was.
    pub(super) skipped: u32,
}

/// A poll said that nothing is at or after `from`.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) from: u64,
    pub(super) operation: u32,
    /// Its consumer began at the beginning, so it has been given everything before.
    pub(super) whole: bool,
}

/// A group was given entries before and after one that none of its members was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    pub(super) group: u32,
    /// The entry.
    pub(super) missed: u32,
    /// The next entry that the group was given.
    pub(super) next: u32,
    pub(super) operation: u32,
}

/// What all consumers tell.
#[derive(Debug, Default)]
pub(super) struct Walks {
    pub(super) skips: Vec<Jump>,
    pub(super) backward: Vec<Jump>,
    /// Offsets that do not follow, though nothing known is between.
    pub(super) gaps: Vec<Jump>,
    pub(super) missed: Vec<Missed>,
    /// Per key, by begin, what polls said of the end.
    pub(super) ends: Vec<Vec<End>>,
    /// Per key and place who went on to the offset there without anything between that and the
    /// offset before.
    passers: Vec<Vec<u32>>,
    /// Places at key from, to: passed over at once.
    wide: Vec<(u32, u32, u32, u32)>,
}

/// What a group was given of a key: per place the first operation, by end.
type Given = FxHashMap<(u32, u32), Vec<u32>>;

impl Walks {
    pub(super) fn new(logs: &Logs<'_>, entries: &Entries) -> Self {
        let mut walks = Self {
            ends: vec![Vec::new(); logs.keys.len()],
            passers: entries.polled.iter().map(|polled| vec![NOBODY; polled.len()]).collect(),
            ..Self::default()
        };
        let mut positions: FxHashMap<(u32, u32), Position> = FxHashMap::default();
        let mut given = Given::default();
        for batch in &logs.batches {
            let mode = logs.consumers[batch.consumer as usize];
            let place = (batch.consumer, batch.key);
            let start = match mode {
                Mode::Assigned { from_beginning: true } => {
                    Some(Position { place: 0, offset: None, operation: NOBODY })
                }
                _ => None,
            };
            let before = match mode {
                Mode::Assigned { .. } => positions.get(&place).copied().or(start),
                _ => None,
            };
            let whole = start.is_some();
            let after = walks.batch(logs, entries, batch, before, whole);
            if let (Some(after), Mode::Assigned { .. }) = (after, mode) {
                positions.insert(place, after);
            }
            if let Mode::Subscribed { group } = mode {
                let polled = entries.polled[batch.key as usize].len();
                let given = given.entry((group, batch.key));
                let given = given.or_insert_with(|| vec![NOBODY; polled]);
                for number in batch.first..batch.first + batch.count {
                    let place = entries.places[entries.of[number as usize] as usize];
                    let first = &mut given[place as usize];
                    if *first == NOBODY {
                        *first = batch.operation;
                    }
                }
            }
        }
        walks.groups(entries, given);
        walks.spread();
        walks.skips.sort_by_key(|jump| jump.operation);
        walks
    }

    /// Goes through one answer; gives where the consumer is then.
    fn batch(
        &mut self,
        logs: &Logs<'_>,
        entries: &Entries,
        batch: &Batch,
        before: Option<Position>,
        whole: bool,
    ) -> Option<Position> {
        let (key, operation) = (batch.key, batch.operation);
        // The first that it is given is where it begins.
        let first = || {
            let first = (batch.first..batch.first + batch.count).next()?;
            let place = entries.places[entries.of[first as usize] as usize];
            Some(Position { place, offset: None, operation: NOBODY })
        };
        let mut position = before.or_else(first)?;
        if batch.count == 0 {
            let from = position.offset.map_or(0, |offset| offset + 1);
            if before.is_some() {
                self.ends[key as usize].push(End { from, operation, whole });
            }
            return Some(position);
        }
        let mut known = before.is_some();
        for number in batch.first..batch.first + batch.count {
            let entry = entries.of[number as usize];
            let place = entries.places[entry as usize];
            let later = logs.sightings[number as usize].offset;
            let (before, earlier) = (position.operation, position.offset);
            let jump = Jump { key, before, earlier, operation, later, skipped: NOBODY };
            if earlier.is_some_and(|earlier| later <= earlier) {
                self.backward.push(jump);
            } else if known {
                if place > position.place {
                    let skipped = entries.polled[key as usize][position.place as usize];
                    self.skips.push(Jump { skipped, ..jump });
                    self.wide.push((key, position.place, place, operation));
                } else if earlier.is_some_and(|earlier| later > earlier + 1) {
                    self.gaps.push(jump);
                }
                let passer = &mut self.passers[key as usize][place as usize];
                if *passer == NOBODY {
                    *passer = operation;
                }
            }
            known = true;
            position = Position { place: place + 1, offset: Some(later), operation };
        }
        Some(position)
    }

    /// What no member of a group was given, though the group was given what comes before and after.
    fn groups(&mut self, entries: &Entries, given: Given) {
        let mut given: Vec<((u32, u32), Vec<u32>)> = given.into_iter().collect();
        given.sort_unstable_by_key(|(place, _)| *place);
        for ((group, key), first) in given {
            let polled = &entries.polled[key as usize];
            let begin = first.iter().position(|by| *by != NOBODY).unwrap_or(first.len());
            let mut next = NOBODY;
            for place in (begin..first.len()).rev() {
                if first[place] != NOBODY {
                    next = place as u32;
                } else if next != NOBODY {
                    let operation = first[next as usize];
                    let (missed, next) = (polled[place], polled[next as usize]);
                    self.missed.push(Missed { group, missed, next, operation });
                }
            }
        }
        self.missed.sort_by_key(|missed| missed.missed);
    }

    /// Who passed over many offsets passed over each of them.
    fn spread(&mut self) {
        self.wide.sort_unstable();
        let (mut last_key, mut filled) = (NOBODY, 0);
        for (key, from, to, operation) in std::mem::take(&mut self.wide) {
            if key != last_key {
                (last_key, filled) = (key, 0);
            }
            let passers = &mut self.passers[key as usize];
            for place in filled.max(from)..=to.min(passers.len() as u32 - 1) {
                let passer = &mut passers[place as usize];
                if *passer == NOBODY {
                    *passer = operation;
                }
            }
            filled = filled.max(to + 1);
        }
    }

    /// Who passed over an offset that nobody was given, on the way to the `place`-th that somebody
    /// was.
    pub(super) fn passer(&self, key: u32, place: u32) -> Option<u32> {
        let passer = self.passers[key as usize].get(place as usize)?;
        Some(*passer).filter(|passer| *passer != NOBODY)
    }
}
