//! What a counter can have reached: sums of adds since the reset that may have been the last.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rustc_hash::FxHashMap;

use crate::tally::Site;

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
    /// The reset and its value; `None` for the beginning.
    pub(super) reset: Option<(Site, i64)>,
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
    /// The reset and its value; `None` for the beginning.
    made: Option<(Site, i64)>,
    /// What was acknowledged when it began.
    at_begin: Sums,
    /// The position of its end, what was acknowledged then, and the adds that were open; `None` while
    /// it is open itself.
    end: Option<(u64, Sums, Adds)>,
}

/// Adds by their ends, each with its amount.
type Adds = Vec<(u64, i64)>;

/// What is known when a read begins.
#[derive(Clone, Debug)]
struct Reading {
    begun: u64,
    acknowledged: Sums,
    /// No reset that ended before this position can be the last any more.
    replaced: u64,
}

/// Follows the calls in time. A call of unknown outcome never ends. Calls are named by the indices of
/// their invocations.
#[derive(Debug)]
pub(super) struct Reach {
    /// Adds that were acknowledged by now, and adds begun by now that have not failed.
    acknowledged: Sums,
    begun: Sums,
    /// Open adds that will be acknowledged, with their ends.
    open: BTreeMap<u64, (u64, i64)>,
    /// By begin; those of unknown outcome are in `unknown`.
    resets: Vec<Reset>,
    unknown: Option<Unknown>,
    /// The latest begin of a reset that is over.
    latest: u64,
    readings: FxHashMap<u64, Reading>,
}

/// All resets of unknown outcome taken together: any of them may come at any time.
#[derive(Clone, Copy, Debug)]
struct Unknown {
    first: (Site, i64),
    least: i64,
    greatest: i64,
    /// What was acknowledged when the first of them began.
    at_begin: Sums,
}

impl Default for Reach {
    fn default() -> Self {
        let beginning = Reset {
            made: None,
            at_begin: Sums::default(),
            end: Some((0, Sums::default(), Vec::new())),
        };
        Self {
            acknowledged: Sums::default(),
            begun: Sums::default(),
            open: BTreeMap::new(),
            resets: vec![beginning],
            unknown: None,
            latest: 0,
            readings: FxHashMap::default(),
        }
    }
}

impl Reach {
    pub(super) fn acknowledged(&self) -> Sums {
        self.acknowledged
    }

    /// An add begins that is acknowledged at `end`, if it is.
    pub(super) fn add_begins(&mut self, index: u64, amount: i64, end: Option<u64>) {
        self.begun.add(amount);
        if let Some(end) = end {
            self.open.insert(index, (end, amount));
        }
    }

    pub(super) fn add_ends(&mut self, index: u64, amount: i64) {
        self.acknowledged.add(amount);
        self.open.remove(&index);
    }

    pub(super) fn reset_begins(&mut self, site: Site, value: i64, acknowledged: bool) {
        let at_begin = self.acknowledged;
        if acknowledged {
            self.resets.push(Reset { made: Some((site, value)), at_begin, end: None });
            return;
        }
        let fresh = Unknown { first: (site, value), least: value, greatest: value, at_begin };
        let unknown = self.unknown.get_or_insert(fresh);
        unknown.least = unknown.least.min(value);
        unknown.greatest = unknown.greatest.max(value);
    }

    pub(super) fn reset_ends(&mut self, index: u64, end: u64) {
        // A place in the history that lies after the begins before it.
        self.latest = self.latest.max(index + 1);
        let open = self.open.values().copied().collect();
        let made = |reset: &&mut Reset| reset.made.is_some_and(|(site, _)| site.index == index);
        if let Some(reset) = self.resets.iter_mut().find(made) {
            reset.end = Some((end + 1, self.acknowledged, open));
        }
        // Reads that are open may still have seen what is replaced now.
        let oldest = self.readings.values().map(|reading| reading.replaced).min();
        let replaced = oldest.unwrap_or(self.latest).min(self.latest);
        self.resets.retain(|reset| !reset.is_replaced(replaced));
    }

    /// A read begins that will be answered.
    pub(super) fn read_begins(&mut self, index: u64) {
        let (acknowledged, replaced) = (self.acknowledged, self.latest);
        self.readings.insert(index, Reading { begun: index, acknowledged, replaced });
    }

    /// What the read can have shown, by what the last reset was; the latest comes last.
    pub(super) fn read_ends(&mut self, index: u64) -> Vec<Since> {
        let Some(reading) = self.readings.remove(&index) else { return Vec::new() };
        let begun = reading.begun;
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
                    for (ended, amount) in open {
                        if *ended < begun {
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
