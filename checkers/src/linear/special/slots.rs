//! Steps that happen once each and in a known order, some of them by calls of which it is not
//! known which step they are: counters that grow by equal amounts, logs.
//!
//! Step `v` turns `v` of what is counted into `v + 1`. Some calls are known to be a step, and
//! some to lie before or after one, so each step has a latest begin of what comes before it and
//! an earliest end of what comes after it; both grow with `v`. The steps that remain are filled
//! from the first to the last, each by the call that has begun in time and ends first. This is
//! matching in a convex bipartite graph (Glover, *Maximum matching in a convex bipartite
//! graph*, Naval Research Logistics 1967), exact since two calls in the wrong order could
//! always be exchanged.
//!
//! Costs a heap of the calls that are no known step: n log n.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::linear::model::{NEVER, Timed};

const NOBODY: u32 = u32::MAX;

/// Steps, and what is known of their order.
pub(crate) struct Slots<'a, C> {
    calls: &'a [Timed<C>],
    /// Per step, the call that is it.
    occupant: Vec<u32>,
    /// Per step, the latest start among the calls before it, and the earliest end among those
    /// after it, each with the call. The last entry is for all that may follow.
    before: Vec<(u32, u32)>,
    after: Vec<(u32, u32)>,
    /// Steps that must happen, as some call comes after them.
    needed: usize,
    /// Calls that are steps not known, by start.
    fillers: Vec<u32>,
}

/// Why no order is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Two calls are the same step.
    Twice(usize, usize),
    /// The first must come before the second, but began after it had ended.
    Inverted(usize, usize),
    /// The call comes after more steps than there are, or than had begun: the latter.
    TooFew { call: usize, begun: usize },
    /// The calls `between` happened between two others (from the begin of the history, if there
    /// is no first one), but are more than the steps in between that are not those of `known`.
    TooMany { first: Option<usize>, last: usize, between: Vec<usize>, known: Vec<usize> },
}

impl<'a, C> Slots<'a, C> {
    /// With room for as many steps as there may be.
    pub(crate) fn new(calls: &'a [Timed<C>], steps: usize) -> Self {
        Self {
            calls,
            occupant: vec![NOBODY; steps],
            before: vec![(0, NOBODY); steps + 1],
            after: vec![(NEVER, NOBODY); steps],
            needed: 0,
            fillers: Vec::new(),
        }
    }

    /// The call is this step.
    pub(crate) fn occupy(&mut self, step: u64, call: usize) -> Result<(), Flaw> {
        self.see_done(step.saturating_add(1), call)?;
        let occupant = &mut self.occupant[step as usize];
        if *occupant != NOBODY {
            return Err(Flaw::Twice(*occupant as usize, call));
        }
        *occupant = call as u32;
        self.see_undone(step, call);
        Ok(())
    }

    /// The call is a step, it is not known which; it may not happen at all if it is unknown.
    pub(crate) fn fill(&mut self, call: usize) {
        self.fillers.push(call as u32);
    }

    /// The call comes after the first so many steps.
    pub(crate) fn see_done(&mut self, steps: u64, call: usize) -> Result<(), Flaw> {
        if steps > self.occupant.len() as u64 {
            return Err(Flaw::TooFew { call, begun: self.occupant.len() });
        }
        let Some(last) = (steps as usize).checked_sub(1) else { return Ok(()) };
        let (end, after) = (self.calls[call].end, &mut self.after[last]);
        if end < after.0 || after.1 == NOBODY {
            *after = (end, call as u32);
        }
        self.needed = self.needed.max(steps as usize);
        Ok(())
    }

    /// The call comes before this step and all later ones, or is the step.
    pub(crate) fn see_undone(&mut self, step: u64, call: usize) {
        let step = step.min(self.occupant.len() as u64) as usize;
        let start = self.calls[call].start;
        if start > self.before[step].0 {
            self.before[step] = (start, call as u32);
        }
    }

    fn start(&self, call: u32) -> u32 {
        self.calls.get(call as usize).map_or(0, |timed| timed.start)
    }

    fn end(&self, call: u32) -> u32 {
        self.calls.get(call as usize).map_or(NEVER, |timed| timed.end)
    }

    /// Whether there is an order.
    pub(crate) fn decide(mut self) -> Result<(), Flaw> {
        for step in 1..self.before.len() {
            if self.before[step - 1].0 > self.before[step].0 {
                self.before[step] = self.before[step - 1];
            }
        }
        for step in (1..self.after.len()).rev() {
            if self.after[step - 1].1 == NOBODY || self.after[step].0 < self.after[step - 1].0 {
                self.after[step - 1] = self.after[step];
            }
        }
        for step in 0..self.needed {
            let (start, before) = self.before[step];
            let (end, after) = self.after[step];
            if end < start {
                return Err(Flaw::Inverted(before as usize, after as usize));
            }
        }
        self.fill_up()
    }

    fn fill_up(&self) -> Result<(), Flaw> {
        let mut waiting = self.fillers.iter().copied().peekable();
        let mut open: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
        // Which filler took which step.
        let mut filled: Vec<(u32, u32)> = Vec::new();
        for step in 0..self.occupant.len() {
            if self.occupant[step] != NOBODY {
                continue;
            }
            let needed = step < self.needed;
            let limit = if needed { self.after[step].0 } else { NEVER };
            while let Some(call) = waiting.next_if(|call| self.start(*call) < limit) {
                open.push(Reverse((self.end(call), call)));
            }
            match open.pop() {
                Some(Reverse((NEVER, _))) if !needed => break,
                Some(Reverse((end, call))) if end < self.before[step].0 => {
                    return Err(self.too_many(&filled, call));
                }
                Some(Reverse((_, call))) => filled.push((step as u32, call)),
                None if needed => {
                    let call = self.after[step].1 as usize;
                    return Err(Flaw::TooFew { call, begun: step });
                }
                None => break,
            }
        }
        Ok(())
    }

    /// `call` had ended before what comes before `step` began, but no earlier step was left:
    /// those since the last one that a later call took are full of calls that ended even
    /// earlier, and that had not begun when that step was over. A few of these prove it.
    fn too_many(&self, filled: &[(u32, u32)], call: u32) -> Flaw {
        let end = self.end(call);
        let late = filled.iter().rposition(|(_, other)| self.end(*other) > end);
        let since = &filled[late.map_or(0, |at| at + 1)..];
        let mut all: Vec<u32> = since.iter().map(|(_, call)| *call).chain([call]).collect();
        all.sort_unstable_by_key(|call| Reverse(self.start(*call)));
        let to = self.before.partition_point(|(start, _)| *start < end);
        let mut between: Vec<usize> = Vec::new();
        for call in all {
            between.push(call as usize);
            let start = self.start(call);
            let from = self.after[..self.needed].partition_point(|(end, _)| *end < start);
            let steps = self.occupant.get(from..to).unwrap_or(&[]);
            if steps.iter().filter(|occupant| **occupant == NOBODY).count() < between.len() {
                let known = steps.iter().filter(|occupant| **occupant != NOBODY);
                let known = known.map(|occupant| *occupant as usize).collect();
                let first = from.checked_sub(1).map(|step| self.after[step].1 as usize);
                let last = self.before[to].1 as usize;
                between.sort_unstable();
                return Flaw::TooMany { first, last, between, known };
            }
        }
        let last = self.before[to].1 as usize;
        Flaw::TooMany { first: None, last, between, known: Vec::new() }
    }
}
