//! Consumers: how each went through the log of a key, what it skipped, and what all passed over.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::entries::{Entry, Log};
use super::read::{Batch, Logs, Mode, NOBODY};

/// Where a consumer stands in a key.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The place of what comes next, if nothing is skipped.
    place: u32,
    /// The last offset that it was given; none at the beginning. Also its entry.
    offset: Option<u64>,
    entry: u32,
    /// Who was given that; [`NOBODY`] at the beginning.
    operation: u32,
}

/// A consumer was given `later` after `earlier`, though it should not have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    /// The batch in which that was.
    batch: u32,
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
    /// The first entry from there on, or how many there are.
    pub(super) next: u32,
    pub(super) operation: u32,
    /// Its consumer began at the beginning, so it has been given everything before.
    pub(super) whole: bool,
}

/// A group was given entries before and after one that none of its members was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    pub(super) group: u32,
    pub(super) key: u32,
    /// The entry.
    pub(super) missed: u32,
    /// The next entry that the group was given.
    pub(super) next: u32,
    pub(super) operation: u32,
}

/// What consumers tell, of one key or of all.
#[derive(Debug, Default)]
pub(super) struct Walks {
    /// By batch.
    pub(super) skips: Vec<Jump>,
    pub(super) backward: Vec<Jump>,
    /// Offsets that do not follow, though nothing known is between.
    pub(super) gaps: Vec<Jump>,
    /// By key and entry.
    pub(super) missed: Vec<Missed>,
    /// Per key.
    pub(super) ways: Vec<Way>,
}

/// What is known of the log of a key by the ways that consumers took through it.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// By begin, what polls said of the end.
    pub(super) ends: Vec<End>,
    /// Per place who went on to the offset there without anything between that and the offset
    /// before.
    passers: Vec<u32>,
}

impl Walks {
    pub(super) fn new(logs: &Logs<'_>, by_key: &[Log<'_>]) -> Self {
        let keys = by_key.par_iter().enumerate();
        let of_keys: Vec<Self> =
            keys.map(|(key, log)| Walker::new(logs, log).walk(key as u32)).collect();
        let mut walks = Self::default();
        for of_key in of_keys {
            walks.skips.extend(of_key.skips);
            walks.backward.extend(of_key.backward);
            walks.gaps.extend(of_key.gaps);
            walks.missed.extend(of_key.missed);
            walks.ways.extend(of_key.ways);
        }
        for jumps in [&mut walks.skips, &mut walks.backward, &mut walks.gaps] {
            jumps.sort_by_key(|jump| jump.batch);
        }
        walks
    }
}

/// Follows the consumers of one key.
struct Walker<'l, 'h> {
    logs: &'l Logs<'h>,
    log: &'l Log<'h>,
    found: Walks,
    way: Way,
    /// Places from, to: passed over at once, and by whom.
    wide: Vec<(u32, u32, u32)>,
    /// Of consumers that were assigned the key, or have it in a generation of their group: it is 0 for
    /// the former.
    positions: FxHashMap<u32, (i64, Position)>,
    /// What a group was given: per place the first operation, by end.
    given: FxHashMap<u32, Vec<u32>>,
}

impl Position {
    /// Nothing was given yet, and `place` comes next.
    fn start(place: u32) -> Self {
        Self { place, offset: None, entry: NOBODY, operation: NOBODY }
    }
}

impl<'l, 'h> Walker<'l, 'h> {
    fn new(logs: &'l Logs<'h>, log: &'l Log<'h>) -> Self {
        let way = Way { ends: Vec::new(), passers: vec![NOBODY; log.polled.len()] };
        let (found, wide) = (Walks::default(), Vec::new());
        let (positions, given) = (FxHashMap::default(), FxHashMap::default());
        Self { logs, log, found, way, wide, positions, given }
    }

    fn walk(mut self, key: u32) -> Walks {
        for number in &self.logs.keys[key as usize].batches {
            let batch = &self.logs.batches[*number as usize];
            match self.logs.consumers[batch.consumer as usize] {
                Mode::Assigned { from_beginning } => {
                    let start = from_beginning.then(|| Position::start(0));
                    let before = self.positions.get(&batch.consumer).map(|(_, before)| *before);
                    if let Some(after) = self.batch(*number, before.or(start), from_beginning) {
                        self.positions.insert(batch.consumer, (0, after));
                    }
                }
                Mode::Subscribed { group } => {
                    self.member(*number);
                    self.give(group, batch);
                }
                Mode::Unsaid => {
                    self.batch(*number, None, false);
                }
            }
        }
        self.groups(key);
        self.spread();
        self.found.ways.push(self.way);
        self.found
    }

    /// Goes through one answer to a member of a group. It knows where the member was if the generation
    /// is the same: then nobody else has moved its position.
    fn member(&mut self, number: u32) {
        let batch = &self.logs.batches[number as usize];
        let membership = self.logs.memberships.get(batch.membership as usize);
        let Some(generation) = membership.map(|membership| membership.generation) else {
            self.batch(number, None, false);
            return;
        };
        let before = self.positions.get(&batch.consumer).filter(|(of, _)| *of == generation);
        let before = before.map(|(_, before)| *before);
        if let Some(after) = self.batch(number, before, false) {
            self.positions.insert(batch.consumer, (generation, after));
        }
    }

    /// Goes through one answer; gives where the consumer is then.
    fn batch(&mut self, number: u32, before: Option<Position>, whole: bool) -> Option<Position> {
        let batch = &self.logs.batches[number as usize];
        let (key, operation, log) = (batch.key, batch.operation, self.log);
        let given = log.given(batch);
        // The first that it is given is where it begins.
        let first = |entry: &u32| Position::start(log.entries[*entry as usize].place);
        let mut position = before.or_else(|| given.first().map(first))?;
        if given.is_empty() {
            let (from, next) = match position.offset {
                None => (0, 0),
                Some(offset) => (offset + 1, log.after(position.entry)),
            };
            self.way.ends.push(End { from, next, operation, whole });
        }
        let mut known = before.is_some();
        for entry in given.iter().copied() {
            let Entry { place, offset: later, .. } = log.entries[entry as usize];
            let (before, earlier) = (position.operation, position.offset);
            let (batch, skipped) = (number, NOBODY);
            let jump = Jump { batch, key, before, earlier, operation, later, skipped };
            if earlier.is_some_and(|earlier| later <= earlier) {
                self.found.backward.push(jump);
            } else if known {
                if place > position.place {
                    let skipped = log.polled[position.place as usize];
                    self.found.skips.push(Jump { skipped, ..jump });
                    self.wide.push((position.place, place, operation));
                } else if earlier.is_some_and(|earlier| later > earlier + 1) {
                    self.found.gaps.push(jump);
                }
                let passer = &mut self.way.passers[place as usize];
                if *passer == NOBODY {
                    *passer = operation;
                }
            }
            known = true;
            position = Position { place: place + 1, offset: Some(later), entry, operation };
        }
        Some(position)
    }

    fn give(&mut self, group: u32, batch: &Batch) {
        let polled = self.log.polled.len();
        let given = self.given.entry(group).or_insert_with(|| vec![NOBODY; polled]);
        for entry in self.log.given(batch) {
            let first = &mut given[self.log.entries[*entry as usize].place as usize];
            if *first == NOBODY {
                *first = batch.operation;
            }
        }
    }

    /// What no member of a group was given, though the group was given what comes before and after.
    fn groups(&mut self, key: u32) {
        let mut given: Vec<(u32, Vec<u32>)> = std::mem::take(&mut self.given).into_iter().collect();
        given.sort_unstable_by_key(|(group, _)| *group);
        let polled = &self.log.polled;
        for (group, first) in given {
            let begin = first.iter().position(|by| *by != NOBODY).unwrap_or(first.len());
            let mut next = NOBODY;
            for place in (begin..first.len()).rev() {
                if first[place] != NOBODY {
                    next = place as u32;
                } else if next != NOBODY {
                    let operation = first[next as usize];
                    let (missed, next) = (polled[place], polled[next as usize]);
                    self.found.missed.push(Missed { group, key, missed, next, operation });
                }
            }
        }
        self.found.missed.sort_by_key(|missed| missed.missed);
    }

    /// Who passed over many offsets passed over each of them.
    fn spread(&mut self) {
        self.wide.sort_unstable();
        let (passers, mut filled) = (&mut self.way.passers, 0);
        for (from, to, operation) in &self.wide {
            for place in filled.max(*from)..=(*to).min(passers.len() as u32 - 1) {
                let passer = &mut passers[place as usize];
                if *passer == NOBODY {
                    *passer = *operation;
                }
            }
            filled = filled.max(to + 1);
        }
    }
}

impl Way {
    /// Who passed over an offset that nobody was given, on the way to the `place`-th that somebody
    /// was.
    pub(super) fn passer(&self, place: u32) -> Option<u32> {
        let passer = self.passers.get(place as usize)?;
        Some(*passer).filter(|passer| *passer != NOBODY)
    }
}
