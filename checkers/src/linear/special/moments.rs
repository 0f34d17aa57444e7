//! Moments of a history, and sets of them that only shrink.
//!
//! Moment `p` is after position `p` and before the next.

use std::borrow::Cow;

use crate::linear::model::{NEVER, Timed};

/// How many positions there may be per call before they are numbered anew.
const SPARSE: usize = 16;

/// The calls with positions that are not many times more than calls, as they may be where a
/// history has many objects. Calls are ordered by start; cost: a sort of ends if need be.
pub(super) fn densely<C: Copy>(calls: &[Timed<C>]) -> Cow<'_, [Timed<C>]> {
    if (limit(calls) as usize) < calls.len().saturating_mul(SPARSE) {
        return Cow::Borrowed(calls);
    }
    let mut dense = calls.to_vec();
    let mut ended: Vec<(u32, u32)> = (0u32..)
        .zip(calls)
        .filter(|(_, timed)| timed.end != NEVER)
        .map(|(number, timed)| (timed.end, number))
        .collect();
    ended.sort_unstable();
    let mut ended = ended.into_iter().peekable();
    let mut position = 0;
    for (place, timed) in calls.iter().enumerate() {
        while let Some((_, number)) = ended.next_if(|(end, _)| *end < timed.start) {
            dense[number as usize].end = position;
            position += 1;
        }
        dense[place].start = position;
        position += 1;
    }
    for (_, number) in ended {
        dense[number as usize].end = position;
        position += 1;
    }
    Cow::Owned(dense)
}

/// One more than the last position.
pub(super) fn limit<C>(calls: &[Timed<C>]) -> u32 {
    let known = calls.iter().map(|timed| if timed.is_unknown() { timed.start } else { timed.end });
    known.max().map_or(0, |last| last.saturating_add(1))
}

/// A set of numbers below a limit, from which numbers are removed: finds the next that is left.
///
/// A tree of words of which each bit says whether anything is left below. So a million numbers
/// fit in the cache, and a question looks at a few words.
pub(super) struct Left {
    /// The numbers first, the root last.
    levels: Vec<Vec<u64>>,
}

impl Left {
    /// All numbers up to `limit`, which must never be removed.
    pub(super) fn all(limit: u32) -> Self {
        let mut levels = Vec::new();
        let mut bits = limit as usize + 1;
        loop {
            let mut words = vec![u64::MAX; bits / 64];
            if !bits.is_multiple_of(64) {
                words.push((1 << (bits % 64)) - 1);
            }
            bits = words.len();
            levels.push(words);
            if bits == 1 {
                return Self { levels };
            }
        }
    }

    /// The first that is left, not before `at`, which is not beyond the limit.
    pub(super) fn first(&self, at: u32) -> u32 {
        let mut at = at as usize;
        let mut height = 0;
        // Up, until a word has something at or after `at`.
        loop {
            let Some(words) = self.levels.get(height) else { return NEVER };
            let word = words.get(at / 64).map_or(0, |word| word & (u64::MAX << (at % 64)));
            if word != 0 {
                at = at / 64 * 64 + word.trailing_zeros() as usize;
                break;
            }
            at = at / 64 + 1;
            height += 1;
        }
        // And down, to the first of it.
        for words in self.levels[..height].iter().rev() {
            at = at * 64 + words[at].trailing_zeros() as usize;
        }
        at as u32
    }

    /// Removes the numbers `from..to`.
    pub(super) fn remove(&mut self, from: u32, to: u32) {
        let mut at = self.first(from);
        while at < to {
            let (place, bit) = (at as usize / 64, at % 64);
            let mut gone = u64::MAX << bit;
            if to as usize / 64 == place {
                gone &= (1 << (to % 64)) - 1;
            }
            self.levels[0][place] &= !gone;
            self.shrink(place);
            at = self.first(at - bit + 64);
        }
    }

    /// Tells the levels above that a word of the lowest changed.
    fn shrink(&mut self, mut place: usize) {
        for height in 1..self.levels.len() {
            if self.levels[height - 1][place] != 0 {
                return;
            }
            self.levels[height][place / 64] &= !(1 << (place % 64));
            place /= 64;
        }
    }
}
