//! Permits that anybody may give back: mutexes and semaphores without owners.
//!
//! An acquisition needs a free permit, a release one that is taken, and which call took it does
//! not matter. So calls of one sort are interchangeable but for their intervals, and a
//! linearization may be changed in two ways: of two calls of one sort that could both come
//! next, the one that ends first does (as in scheduling by earliest deadline, Jackson 1955);
//! and a call waits until its end is there, or until a call of the other sort, whose end is
//! there, needs it. What is left is one schedule, and the calls are linearizable if and only if
//! it works: waiting loses nothing, as whatever has begun stays available until its end.
//!
//! With calls of different sizes the schedule still proves what it achieves, but its failure
//! proves nothing; then only too many acquisitions within too few releases do, or the reverse.
//!
//! Costs a sort of the ends and two heaps of what is open: n log n.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::timeline::{Moment, Moments};
use super::{Contradiction, Special};
use crate::linear::model::Timed;

/// The most calls of a proof that are named.
const MAX_NAMED: usize = 32;

/// What a call takes or gives back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Rather than a release.
    pub(crate) acquire: bool,
    /// At least one.
    pub(crate) permits: u32,
}

/// Decides for so many permits, all free at first; `None` if calls differ in size and neither
/// way is proved.
pub(crate) fn decide<C>(
    calls: &[Timed<C>],
    permits: u32,
    change: impl Fn(&C) -> Change,
) -> Option<Special> {
    let changes: Vec<Change> = calls.iter().map(|timed| change(&timed.call)).collect();
    let size = changes.first().map_or(1, |change| change.permits);
    let same_size = changes.iter().all(|change| change.permits == size);
    let mut schedule = Schedule::new(calls, &changes, permits);
    let Err(stuck) = schedule.run() else { return Some(Special::linearizable("permits")) };
    let whole = u64::from(if same_size { permits / size * size } else { permits });
    let proof = window(calls, &changes, whole, stuck);
    if proof.is_none() && !same_size {
        return None;
    }
    let proof = proof.unwrap_or_else(|| before(calls, stuck));
    let mut contradiction = explain(&changes, permits, stuck, &proof);
    contradiction.calls = few(calls, &changes, stuck, u64::from(permits), proof);
    Some(Special::contradiction("permits", contradiction))
}

/// The only schedule that needs to be tried.
struct Schedule<'a, C> {
    calls: &'a [Timed<C>],
    changes: &'a [Change],
    permits: u64,
    taken: u64,
    done: Vec<bool>,
    /// What has begun, the earliest end first: releases and acquisitions.
    open: [BinaryHeap<Reverse<(u32, u32)>>; 2],
}

impl<'a, C> Schedule<'a, C> {
    fn new(calls: &'a [Timed<C>], changes: &'a [Change], permits: u32) -> Self {
        Self {
            calls,
            changes,
            permits: u64::from(permits),
            taken: 0,
            done: vec![false; calls.len()],
            open: [BinaryHeap::new(), BinaryHeap::new()],
        }
    }

    /// The number of the call that cannot happen before its end, if there is one.
    fn run(&mut self) -> Result<(), usize> {
        for moment in Moments::new(self.calls) {
            match moment {
                Moment::Begin(number) => {
                    let sort = usize::from(self.changes[number].acquire);
                    self.open[sort].push(Reverse((self.calls[number].end, number as u32)));
                }
                Moment::End(number) => {
                    while !self.done[number] && !self.happen(number) {
                        let other = usize::from(!self.changes[number].acquire);
                        let helper = self.first_open(other).ok_or(number)?;
                        if !self.happen(helper) {
                            return Err(number);
                        }
                    }
                    // What is done leaves the heap, which so stays as small as what is open.
                    self.first_open(usize::from(self.changes[number].acquire));
                }
            }
        }
        Ok(())
    }

    fn happen(&mut self, number: usize) -> bool {
        let change = self.changes[number];
        let permits = u64::from(change.permits);
        if change.acquire && self.taken + permits <= self.permits {
            self.taken += permits;
        } else if !change.acquire && self.taken >= permits {
            self.taken -= permits;
        } else {
            return false;
        }
        self.done[number] = true;
        true
    }

    fn first_open(&mut self, sort: usize) -> Option<usize> {
        loop {
            let Reverse((_, number)) = *self.open[sort].peek()?;
            if !self.done[number as usize] {
                return Some(number as usize);
            }
            self.open[sort].pop();
        }
    }
}

/// The shortest time up to the end of `stuck` in which more happened in one direction than the
/// permits and all that may have happened in the other direction make up for. Its calls by
/// number; `None` if there is no such time.
fn window<C>(
    calls: &[Timed<C>],
    changes: &[Change],
    permits: u64,
    stuck: usize,
) -> Option<Vec<usize>> {
    let (acquire, limit) = (changes[stuck].acquire, calls[stuck].end);
    let must = |n: &usize| changes[*n].acquire == acquire && calls[*n].end <= limit;
    let may = |n: &usize| changes[*n].acquire != acquire && calls[*n].start < limit;
    let size = |n: usize| u64::from(changes[n].permits);
    let numbers = || 0..calls.len();
    // What surely lies within, as the window grows to the left, and what reaches into it.
    let mut edges: Vec<(u32, usize)> =
        numbers().filter(must).map(|n| (calls[n].start, n)).collect();
    edges.extend(numbers().filter(may).map(|n| (calls[n].end.min(limit), n)));
    edges.sort_unstable();
    let (mut done, mut undone) = (0u64, 0u64);
    let at_begin = if acquire { permits } else { 0 };
    let edge = edges.iter().rposition(|(_, n)| {
        if changes[*n].acquire == acquire {
            done += size(*n);
        } else {
            undone += size(*n);
        }
        done > undone + permits
    });
    // From the begin of the history on, no permit is taken at first.
    let from = match edge {
        Some(edge) => edges[edge].0,
        None if done > undone + at_begin => 0,
        None => return None,
    };
    let within = |n: &usize| must(n) && calls[*n].start >= from || may(n) && calls[*n].end > from;
    Some(numbers().filter(within).collect())
}

/// All that had begun when `stuck` ended.
fn before<C>(calls: &[Timed<C>], stuck: usize) -> Vec<usize> {
    let limit = calls[stuck].end;
    let relevant = |n: &usize| calls[*n].start < limit;
    (0..calls.len()).filter(relevant).collect()
}

/// The last calls of a proof that, without the rest, contradict each other, if it is so long
/// that nobody would read it; the reason that is given counts all of it.
fn few<C>(
    calls: &[Timed<C>],
    changes: &[Change],
    stuck: usize,
    permits: u64,
    proof: Vec<usize>,
) -> Vec<usize> {
    if proof.len() <= MAX_NAMED {
        return proof;
    }
    let same = |n: &usize| {
        changes[*n].acquire == changes[stuck].acquire && calls[*n].end <= calls[stuck].end
    };
    let mut last: Vec<usize> = proof.into_iter().filter(same).collect();
    last.sort_by_key(|n| Reverse(calls[*n].end));
    let mut sum = 0;
    let enough = last.iter().position(|n| {
        sum += u64::from(changes[*n].permits);
        sum > permits
    });
    last.truncate(enough.map_or(last.len(), |at| at + 1));
    last.reverse();
    last
}

fn explain(changes: &[Change], permits: u32, stuck: usize, calls: &[usize]) -> Contradiction {
    let count = |acquire: bool| {
        let such = calls.iter().filter(|n| changes[**n].acquire == acquire);
        such.map(|n| u64::from(changes[*n].permits)).sum::<u64>()
    };
    let (acquired, released) = (count(true), count(false));
    let (kind, title, why) = match (changes[stuck].acquire, permits) {
        (true, 1) => (
            "double-grant",
            "Granted twice at the same time",
            format!(
                "It was acquired {} here, and {} released in between, so it was \
                 granted while it was held.",
                times(acquired),
                at_most(released),
            ),
        ),
        (true, _) => (
            "over-grant",
            "More permits granted than there are",
            format!(
                "{acquired} permits were acquired here and at most {released} released in the \
                 meantime, but there are only {permits}."
            ),
        ),
        (false, _) => (
            "unheld-release",
            "Released without being held",
            format!(
                "It was released {} here, and {} acquired in the meantime.",
                times(released),
                at_most(acquired),
            ),
        ),
    };
    Contradiction { kind, title: title.to_owned(), calls: Vec::new(), why }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn at_most(count: u64) -> String {
    if count == 0 { "never".to_owned() } else { format!("at most {}", times(count)) }
}
