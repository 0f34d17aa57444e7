//! Moments of a history by number, and sets of them that only grow.

use crate::linear::model::{NEVER, Timed};

/// The positions of starts and ends, numbered without holes; moment `p` is between position
/// number `p` and the next.
pub(super) struct Moments {
    pub(super) starts: Vec<u32>,
    /// One more than any other for calls of unknown outcome.
    pub(super) ends: Vec<u32>,
    pub(super) count: u32,
}

impl Moments {
    /// Of calls ordered by start. A sort of their ends.
    pub(super) fn new<C>(calls: &[Timed<C>]) -> Self {
        let mut ended: Vec<(u32, u32)> = (0u32..)
            .zip(calls)
            .filter(|(_, timed)| timed.end != NEVER)
            .map(|(number, timed)| (timed.end, number))
            .collect();
        ended.sort_unstable();
        let mut ended = ended.into_iter().peekable();
        let mut starts = Vec::with_capacity(calls.len());
        let mut ends = vec![NEVER; calls.len()];
        let mut count = 0;
        for timed in calls {
            while let Some((_, number)) = ended.next_if(|(end, _)| *end < timed.start) {
                ends[number as usize] = count;
                count += 1;
            }
            starts.push(count);
            count += 1;
        }
        for (_, number) in ended {
            ends[number as usize] = count;
            count += 1;
        }
        for end in &mut ends {
            *end = count.min(*end);
        }
        Self { starts, ends, count }
    }
}

/// A set of numbers below a limit, from which numbers are removed: finds the next that is left.
///
/// Disjoint sets with path halving (Tarjan & van Leeuwen, JACM 1984): about constant a question.
pub(super) struct Left {
    next: Vec<u32>,
}

impl Left {
    /// All numbers up to `limit`, which is never removed.
    pub(super) fn all(limit: u32) -> Self {
        Self { next: (0..=limit).collect() }
    }

    /// The first that is left, not before `at`.
    pub(super) fn first(&mut self, at: u32) -> u32 {
        let mut at = at as usize;
        while self.next[at] as usize != at {
            let skipped = self.next[self.next[at] as usize];
            self.next[at] = skipped;
            at = skipped as usize;
        }
        at as u32
    }

    /// Removes the numbers `from..to`.
    pub(super) fn remove(&mut self, from: u32, to: u32) {
        let mut at = self.first(from);
        while at < to {
            self.next[at as usize] = at + 1;
            at = self.first(at + 1);
        }
    }
}
