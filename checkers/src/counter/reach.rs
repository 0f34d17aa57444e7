//! What a counter can have reached: sums of adds since the reset that may have been the last.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rustc_hash::FxHashMap;

use crate::Operation;

/// Sums of positive and of negative amounts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) up: i128,
    pub(super) down: i128,
}

impl Sums {
    fn add(&mut self, amount: i64) {
        if amount > 0 {
            self.up += i128::from(amount);
        } else {
            self.down += i128::from(amount);
        }
    }

    fn without(self, other: Self) -> Self {
        Self { up: self.up - other.up, down: self.down - other.down }
    }
}

/// What a read can have shown if this reset was the last before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since {
    /// Its number and its value; `None` for the beginning.
    pub(super) reset: Option<(u32, i64)>,
    least: i128,
    greatest: i128,
}

impl Since {
    pub(super) fn range(&self) -> RangeInclusive<i128> {
        self.least..=self.greatest
    }
}

/// A reset that can be the last for reads to come.
#[derive(Clone, Debug)]
struct Reset {
    /// Its number and its value; `None` for the beginning.
    made: Option<(u32, i64)>,
    /// What was acknowledged when it began.
    at_begin: Sums,
    /// The position of its end, what was acknowledged then, and the adds that were open; `None` while
    /// it is open itself.
    end: Option<(u64, Sums, Adds)>,
}

/// Adds by number, each with its amount.
type Adds = Vec<(u32, i64)>;

/// What is known when a read begins.
#[derive(Clone, Debug)]
struct Reading {
    acknowledged: Sums,
    /// No reset that ended before this position can be the last any more.
    replaced: u64,
}

/// Follows the calls in time. A call of unknown outcome never ends.
pub(super) struct Reach<'h> {
    operations: &'h [Operation<'h>],
    /// Adds that were acknowledged by now, and adds begun by now that have not failed.
    acknowledged: Sums,
    begun: Sums,
    /// Open adds that will be acknowledged.
    open: BTreeMap<u32, i64>,
    /// By begin; those of unknown outcome are in `unknown`.
    resets: Vec<Reset>,
    unknown: Option<Unknown>,
    /// The latest begin of a reset that is over.
    latest: u64,
    readings: FxHashMap<u32, Reading>,
}

/// All resets of unknown outcome taken together: any of them may come at any time.
#[derive(Clone, Copy, Debug)]
struct Unknown {
    first: (u32, i64),
    least: i64,
    greatest: i64,
    /// What was acknowledged when the first of them began.
    at_begin: Sums,
}

impl<'h> Reach<'h> {
    pub(super) fn new(operations: &'h [Operation<'h>]) -> Self {
        let beginning = Reset {
            made: None,
            at_begin: Sums::default(),
            end: Some((0, Sums::default(), Vec::new())),
        };
        Self {
            operations,
            acknowledged: Sums::default(),
            begun: Sums::default(),
            open: BTreeMap::new(),
            resets: vec![beginning],
            unknown: None,
            latest: 0,
            readings: FxHashMap::default(),
        }
    }

    pub(super) fn acknowledged(&self) -> Sums {
        self.acknowledged
    }

    pub(super) fn add_begins(&mut self, number: u32, amount: i64) {
        self.begun.add(amount);
        if self.operations[number as usize].is_ok() {
            self.open.insert(number, amount);
        }
    }

    pub(super) fn add_ends(&mut self, number: u32, amount: i64) {
        self.acknowledged.add(amount);
        self.open.remove(&number);
    }

    pub(super) fn reset_begins(&mut self, number: u32, value: i64) {
        let at_begin = self.acknowledged;
        if self.operations[number as usize].is_ok() {
            self.resets.push(Reset { made: Some((number, value)), at_begin, end: None });
            return;
        }
        let fresh = Unknown { first: (number, value), least: value, greatest: value, at_begin };
        let unknown = self.unknown.get_or_insert(fresh);
        unknown.least = unknown.least.min(value);
        unknown.greatest = unknown.greatest.max(value);
    }

    pub(super) fn reset_ends(&mut self, number: u32) {
        let operation = &self.operations[number as usize];
        // A place in the history that lies after the begins before it.
        self.latest = self.latest.max(operation.index + 1);
        let open = self.open.iter().map(|(add, amount)| (*add, *amount)).collect();
        let ended = self
            .resets
            .iter_mut()
            .find(|reset| reset.made.is_some_and(|(reset, _)| reset == number));
        if let Some(reset) = ended {
            reset.end = Some((operation.end() + 1, self.acknowledged, open));
        }
        // Reads that are open may still have seen what is replaced now.
        let oldest = self.readings.values().map(|reading| reading.replaced).min();
        let replaced = oldest.unwrap_or(self.latest).min(self.latest);
        self.resets.retain(|reset| !reset.is_replaced(replaced));
    }

    pub(super) fn read_begins(&mut self, number: u32) {
        if !self.operations[number as usize].is_ok() {
            return;
        }
        let reading = Reading { acknowledged: self.acknowledged, replaced: self.latest };
        self.readings.insert(number, reading);
    }

    /// What the read can have shown, by what the last reset was; the latest comes last.
    pub(super) fn read_ends(&mut self, number: u32) -> Vec<Since> {
        let Some(reading) = self.readings.remove(&number) else { return Vec::new() };
        let begun = self.operations[number as usize].index;
        let mut possible = Vec::with_capacity(1);
        if let Some(unknown) = self.unknown {
            let may = self.begun.without(unknown.at_begin);
            possible.push(Since {
                reset: Some(unknown.first),
                least: i128::from(unknown.least) + may.down,
                greatest: i128::from(unknown.greatest) + may.up,
            });
        }
        for reset in self.resets.iter().filter(|reset| !reset.is_replaced(reading.replaced)) {
            let may = self.begun.without(reset.at_begin);
            let must = match &reset.end {
                Some((end, then, open)) if *end < begun + 1 => {
                    // What was open when it ended may have been before it.
                    let mut not = *then;
                    for (add, amount) in open {
                        if self.operations[*add as usize].end() < begun {
                            not.add(*amount);
                        }
                    }
                    reading.acknowledged.without(not)
                }
                _ => Sums::default(),
            };
            let value = reset.made.map_or(0, |(_, value)| i128::from(value));
            possible.push(Since {
                reset: reset.made,
                least: value + must.up + may.down,
                greatest: value + may.up + must.down,
            });
        }
        possible
    }
}

impl Reset {
    /// Whether it was over before one began that was over by then.
    fn is_replaced(&self, latest_begin: u64) -> bool {
        self.end.as_ref().is_some_and(|(end, ..)| *end < latest_begin)
    }
}
