//! Classification: the field's name for a contradiction.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Leaves, Model, NEVER, Needs, Timed};
use super::partition::Part;

/// What went wrong, with the operations (numbers in the part) that show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The operation met a value that nobody ever wrote or tried to.
    Phantom { seen: usize },
    /// The operation met the value of an operation that certainly did not happen.
    Dirty { seen: usize, failed: usize },
    /// The operation met a value whose first write began after it had ended.
    Future { seen: usize, write: usize },
    /// Calls that change the state contradict each other.
    Conflict,
    /// The read shows an older value although `newer` had written, or seen, a newer one.
    Stale { read: usize, newer: usize },
    /// The acknowledged write is not seen by any later read, and nothing else explains it.
    Lost { write: usize, read: usize },
    /// None of the above.
    Other,
}

pub(super) struct Classifier<'p, 'a, M: Model> {
    model: &'p M,
    part: &'p Part<'a, M>,
    /// Per state, the calls that leave it, by begin.
    writers: BTreeMap<M::State, Vec<usize>>,
    /// Some call leaves a state that cannot be said: then one that no call is known to leave may
    /// still have come from somewhere, and which call undid which cannot be told.
    unclear: bool,
}

impl<'p, 'a, M: Model> Classifier<'p, 'a, M> {
    pub(super) fn new(model: &'p M, part: &'p Part<'a, M>) -> Self {
        let mut writers: BTreeMap<M::State, Vec<usize>> = BTreeMap::new();
        for (number, timed) in part.calls.iter().enumerate() {
            if let Leaves::State(state) = model.leaves(&timed.call) {
                writers.entry(state).or_default().push(number);
            }
        }
        let unclear = part.calls.iter().any(|timed| model.leaves(&timed.call) == Leaves::Unclear);
        Self { model, part, writers, unclear }
    }

    /// Names the contradiction between the calls of `core`, which shows at `culprit`.
    pub(super) fn classify(&self, core: &[usize], culprit: usize) -> Verdict {
        if self.unclear {
            return if self.observes(culprit) { Verdict::Other } else { Verdict::Conflict };
        }
        for seen in std::iter::once(&culprit).chain(core) {
            if let Some(verdict) = self.unwritten(*seen) {
                return verdict;
            }
        }
        let known: Vec<usize> =
            core.iter().copied().filter(|n| self.call(*n).end != NEVER).collect();
        if self.rivals(&known) {
            return Verdict::Conflict;
        }
        let read = culprit;
        if let Some(write) = self.overwritten(read) {
            return self.stale_or_lost(write, read);
        }
        if !self.observes(culprit) {
            return Verdict::Conflict;
        }
        let before = |n: &&usize| self.call(**n).end < self.call(read).start;
        let other = |n: &&usize| self.state_after(**n).is_some_and(|s| Some(s) != self.needs(read));
        let latest = |n: &&usize| self.call(**n).start;
        let writes = known.iter().filter(|n| !self.observes(**n));
        if let Some(write) = writes.filter(before).filter(other).max_by_key(latest) {
            return self.stale_or_lost(*write, read);
        }
        let reads = known.iter().filter(|n| self.observes(**n));
        match reads.filter(before).filter(other).max_by_key(latest) {
            Some(newer) => Verdict::Stale { read, newer: *newer },
            None => Verdict::Other,
        }
    }

    fn stale_or_lost(&self, write: usize, read: usize) -> Verdict {
        match self.is_lost(write, read) {
            true => Verdict::Lost { write, read },
            false => Verdict::Stale { read, newer: write },
        }
    }

    /// The first call that met what nobody had written, among those that end no later than
    /// call `at`.
    pub(super) fn first_unwritten(&self, at: usize) -> Option<usize> {
        let limit = self.call(at).end;
        (0..self.part.calls.len())
            .filter(|n| self.call(*n).end <= limit && self.needs(*n).is_some())
            .find(|n| self.unwritten(*n).is_some())
    }

    /// The proof of two: an acknowledged write that began after every write of what `read` saw
    /// had ended, and that ended before `read` began. The latest such write.
    pub(super) fn overwritten(&self, read: usize) -> Option<usize> {
        if self.unclear || !self.observes(read) {
            return None;
        }
        let (state, begun) = (self.needs(read)?, self.call(read).start);
        let writers = self.writers.get(&state).map_or(&[][..], Vec::as_slice);
        let ended = |n: &usize| self.call(*n).start < self.call(read).end;
        let last = writers.iter().filter(|n| ended(n)).map(|n| self.call(*n).end).max();
        if last.is_none() && state != self.part.initial {
            return None;
        }
        let after = |n: &usize| self.call(*n).start > last.unwrap_or(0);
        (0..self.part.calls.len())
            .filter(|n| self.leaves(*n).is_some_and(|left| left != state))
            .filter(|n| self.call(*n).end < begun && (last.is_none() || after(n)))
            .max_by_key(|n| self.call(*n).start)
    }

    /// The last operation before it that may have left what the read `seen` met, when `core`
    /// has none.
    pub(super) fn origin(&self, core: &[usize], seen: usize) -> Option<usize> {
        let state = self.needs(seen).filter(|_| self.observes(seen))?;
        let leaves = |n: &usize| *n != seen && self.leaves(*n).as_ref() == Some(&state);
        if core.iter().any(leaves) {
            return None;
        }
        let before = |n: &usize| self.call(*n).start < self.call(seen).end;
        (0..self.part.calls.len()).filter(before).filter(leaves).max_by_key(|n| self.call(*n).start)
    }

    fn call(&self, number: usize) -> &Timed<M::Call> {
        &self.part.calls[number]
    }

    fn observes(&self, number: usize) -> bool {
        self.model.leaves(&self.call(number).call) == Leaves::Unchanged
    }

    fn needs(&self, number: usize) -> Option<M::State> {
        match self.model.needs(&self.call(number).call) {
            Needs::State(state) => Some(state),
            Needs::Nothing | Needs::Not(_) | Needs::Unclear => None,
        }
    }

    /// The state that call `number` left, whatever was before it.
    pub(super) fn leaves(&self, number: usize) -> Option<M::State> {
        match self.model.leaves(&self.call(number).call) {
            Leaves::State(state) => Some(state),
            Leaves::Unchanged | Leaves::Unclear => None,
        }
    }

    /// The state just after the call: what it wrote, or what it saw.
    fn state_after(&self, number: usize) -> Option<M::State> {
        self.leaves(number).or_else(|| self.needs(number))
    }

    /// Whether what this call met cannot come from any write before its end.
    fn unwritten(&self, seen: usize) -> Option<Verdict> {
        if self.unclear {
            return None;
        }
        let state = self.needs(seen).filter(|state| *state != self.part.initial)?;
        let writers = self.writers.get(&state).map_or(&[][..], Vec::as_slice);
        match writers.iter().copied().find(|writer| *writer != seen) {
            Some(write) if self.call(write).start > self.call(seen).end => {
                Some(Verdict::Future { seen, write })
            }
            Some(_) => None,
            None => {
                let failed = self.part.failed.iter().position(|(left, _)| *left == state);
                Some(match failed {
                    Some(failed) => Verdict::Dirty { seen, failed },
                    None => Verdict::Phantom { seen },
                })
            }
        }
    }

    /// Whether two acknowledged updates started from the same state.
    fn rivals(&self, known: &[usize]) -> bool {
        let mut bases = BTreeSet::new();
        let updates = known.iter().filter(|n| self.leaves(**n).is_some());
        let mut from = updates.filter_map(|n| self.needs(*n));
        from.any(|state| !bases.insert(state))
    }

    /// Whether `write`, acknowledged before `read` began, is gone rather than only not yet seen
    /// by that read.
    ///
    /// If anybody saw its value while or after `read` ran, the read was stale. If nobody did,
    /// it counts as lost when two witnesses (nodes, or processes where nodes are not known)
    /// agree on the older value before anything else could overwrite it, or when nothing ever
    /// overwrote it. A single old read before the next write could be either, and is called
    /// stale, the weaker charge.
    fn is_lost(&self, write: usize, read: usize) -> bool {
        let part = self.part;
        let wrote = self.call(write);
        let (new, old) = (self.leaves(write), self.needs(read));
        let effects = |same: bool| {
            let new = new.clone();
            (0..part.calls.len())
                .filter(|n| *n != write && self.leaves(*n).is_some())
                .filter(move |n| (self.leaves(*n) == new) == same)
                .filter(|n| self.call(*n).end > wrote.start)
                .map(|n| self.call(n).start)
        };
        let overwritten = effects(false).filter(|start| *start > wrote.start).min();
        let rewritten = effects(true).min().unwrap_or(NEVER);
        let seeing = |value: Option<M::State>| {
            (0..part.calls.len())
                .filter(move |n| self.call(*n).end != NEVER && self.needs(*n) == value)
        };
        let mut saw_new = false;
        for n in seeing(new.clone()).filter(|n| self.call(*n).start < rewritten) {
            if self.call(n).end >= self.call(read).start {
                return false;
            }
            saw_new |= self.call(n).end > wrote.start;
        }
        let horizon = overwritten.unwrap_or(NEVER);
        let witnesses: BTreeSet<String> = seeing(old.clone())
            .filter(|n| self.call(*n).start > wrote.end && self.call(*n).start < horizon)
            .map(|n| {
                let operation = part.operation(n);
                match operation.node {
                    Some(node) => node.to_string(),
                    None => operation.process.to_string(),
                }
            })
            .collect();
        witnesses.len() >= 2 || (overwritten.is_none() && !saw_new)
    }
}
