//! Shrinking: from a history that is not linearizable to the few operations that prove it.
//!
//! An operation may be left out when any linearization of the whole would, without it, still
//! be one of the rest; then a contradiction in the rest contradicts the whole. An observer
//! may always go. A call that leaves state `v` may go when no remaining call that needs `v`
//! can have met it: none overlaps or follows it without a remaining write wholly in between.
//! The past may go as a whole when the rest contradicts itself whatever the state was before
//! it. One writer of each value that is met stays, for the sake of the reader.
//! Chunks are tried from large to small (delta debugging: Zeller & Hildebrandt, *Simplifying
//! and isolating failure-inducing input*, TSE 2002), so the result is minimal with regard to
//! single removals unless the work limit is hit.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::decide::Outcome;
use super::frontier::search;
use super::model::{Leaves, Model, NEVER, Needs, Timed};
use crate::Budget;

/// The most searches, and the most states over all of them, that shrinking may take.
const MAX_SEARCHES: usize = 600;
const MAX_STATES: usize = 1_000_000;
/// Cores up to this size are also tried with two calls removed together.
const MAX_PAIRED: usize = 24;

pub(super) struct Shrinker<'a, M: Model> {
    model: &'a M,
    /// The states that the core may begin in: the initial one, or all.
    initial: Vec<M::State>,
    calls: Vec<Timed<M::Call>>,
    budget: &'a Budget,
    searches: usize,
    states: usize,
}

impl<'a, M: Model> Shrinker<'a, M> {
    pub(super) fn new(
        model: &'a M,
        initial: M::State,
        calls: &'a [Timed<M::Call>],
        budget: &'a Budget,
    ) -> Self {
        Self {
            model,
            initial: vec![initial],
            calls: calls.to_vec(),
            budget,
            searches: 0,
            states: 0,
        }
    }

    /// Numbers, by begin, of a small set of calls that is not linearizable by itself; `at` is
    /// the call whose end could not be reached.
    pub(super) fn core(&mut self, at: usize) -> Vec<usize> {
        let limit = self.calls[at].end;
        // What ends after the dead end need not have happened by then; it may depend on calls
        // that begin later and are left out.
        for timed in self.calls.iter_mut().filter(|timed| timed.end > limit) {
            timed.end = NEVER;
        }
        let mut core: Vec<usize> = (0..self.calls.len())
            .filter(|number| {
                let timed = &self.calls[*number];
                timed.start < limit && (timed.end <= limit || !self.observes(*number))
            })
            .collect();
        core.sort_by_key(|number| self.calls[*number].start);
        core = self.without_past(core);
        let mut chunk = core.len().div_ceil(2);
        loop {
            let shrunk = self.pass(&mut core, chunk);
            if chunk == 1 && !shrunk || self.exhausted() {
                break;
            }
            chunk = if shrunk { chunk.min(core.len()) } else { chunk.div_ceil(2) }.max(1);
        }
        self.pairs(&mut core);
        self.chain(&mut core);
        core
    }

    /// Cuts the past off a core that is nothing but updates, each needing the one before it:
    /// no single one of them could go. Writes and reads, which could, explain more.
    fn chain(&mut self, core: &mut Vec<usize>) {
        let updates = |number: &usize| {
            let call = &self.calls[*number].call;
            matches!(self.model.leaves(call), Leaves::State(_))
                && matches!(self.model.needs(call), Needs::State(_))
        };
        if !self.any_past() || !core.iter().all(updates) {
            return;
        }
        for first in (1..core.len()).rev() {
            let cut = self.calls[core[first]].start;
            let past = &core[..first];
            if past.iter().all(|number| self.calls[*number].end < cut)
                && self.contradicts(&core[first..])
            {
                core.drain(..first);
                return;
            }
        }
    }

    /// Whether the core contradicts itself whatever was before it.
    pub(super) fn any_past(&self) -> bool {
        self.initial.len() > 1
    }

    /// The last few calls of `core`, if they contradict themselves from every state: then any
    /// linearization of the whole, which has the calls before the cut first, contradicts too.
    /// A call that runs across the cut may belong to either side, and becomes optional.
    fn without_past(&mut self, core: Vec<usize>) -> Vec<usize> {
        let calls: Vec<M::Call> =
            core.iter().map(|number| self.calls[*number].call.clone()).collect();
        let Some(states) = self.model.states(&calls) else { return core };
        let specific = std::mem::replace(&mut self.initial, states);
        let mut window = 8;
        loop {
            let whole = window >= core.len();
            let cut = if whole { 0 } else { self.calls[core[core.len() - window]].start };
            let across = |timed: &Timed<M::Call>| timed.start < cut && timed.end > cut;
            let late: Vec<usize> = core
                .iter()
                .copied()
                .filter(|n| self.calls[*n].start >= cut || across(&self.calls[*n]))
                .filter(|n| self.calls[*n].start >= cut || !self.observes(*n))
                .collect();
            let before: Vec<(usize, u32)> = late.iter().map(|n| (*n, self.calls[*n].end)).collect();
            for number in &late {
                if across(&self.calls[*number]) {
                    self.calls[*number].end = NEVER;
                }
            }
            if self.contradicts(&late) {
                return late;
            }
            for (number, end) in before {
                self.calls[number].end = end;
            }
            if whole || self.exhausted() {
                self.initial = specific;
                return core;
            }
            window *= 2;
        }
    }

    fn exhausted(&self) -> bool {
        self.searches >= MAX_SEARCHES || self.states >= MAX_STATES || self.budget.is_cancelled()
    }

    /// Tries to remove each chunk once; whether anything went.
    fn pass(&mut self, core: &mut Vec<usize>, chunk: usize) -> bool {
        let (mut from, mut shrunk) = (0, false);
        while from < core.len() && !self.exhausted() {
            let to = (from + chunk).min(core.len());
            let removed = self.removable(core, from..to);
            if !removed.is_empty() && self.try_without(core, &removed) {
                shrunk = true;
            } else {
                from = to;
            }
        }
        shrunk
    }

    fn pairs(&mut self, core: &mut Vec<usize>) {
        let mut first = 0;
        while core.len() <= MAX_PAIRED && first < core.len() && !self.exhausted() {
            let found = (first + 1..core.len()).any(|second| {
                let removed = [core[first], core[second]];
                self.sound(core, &removed) && self.try_without(core, &removed)
            });
            first = if found { 0 } else { first + 1 };
        }
    }

    fn try_without(&mut self, core: &mut Vec<usize>, removed: &[usize]) -> bool {
        let kept: Vec<usize> = core.iter().copied().filter(|n| !removed.contains(n)).collect();
        if self.contradicts(&kept) {
            *core = kept;
            return true;
        }
        false
    }

    /// The dead end of a core: the call that cannot be passed, and the states before it.
    pub(super) fn dead_end(&self, core: &[usize]) -> Option<(usize, Vec<M::State>)> {
        let calls: Vec<_> = core.iter().map(|number| self.calls[*number].clone()).collect();
        let mut furthest: Option<(usize, BTreeSet<M::State>)> = None;
        for initial in &self.initial {
            let report = search(self.model, initial, &calls, MAX_STATES, self.budget);
            let Outcome::Stuck { at, states } = report.outcome else { return None };
            match &mut furthest {
                Some((best, _)) if calls[*best].end > calls[at].end => {}
                Some((best, all)) if *best == at => all.extend(states),
                _ => furthest = Some((at, states.into_iter().collect())),
            }
        }
        furthest.map(|(at, states)| (core[at], states.into_iter().collect()))
    }

    /// Whether these calls by themselves are not linearizable, and that could be shown.
    fn contradicts(&mut self, numbers: &[usize]) -> bool {
        let calls: Vec<_> = numbers.iter().map(|number| self.calls[*number].clone()).collect();
        self.initial.iter().all(|initial| {
            self.searches += 1;
            let left = MAX_STATES.saturating_sub(self.states);
            let report = search(self.model, initial, &calls, left, self.budget);
            self.states += report.states;
            matches!(report.outcome, Outcome::Stuck { .. })
        })
    }

    fn observes(&self, number: usize) -> bool {
        self.model.leaves(&self.calls[number].call) == Leaves::Unchanged
    }

    /// The calls of a range that may go together: all of it, or less what others may have met.
    fn removable(&self, core: &[usize], range: std::ops::Range<usize>) -> Vec<usize> {
        let mut removed = core[range].to_vec();
        for _ in 0..4 {
            let met = self.met(core, &removed);
            if met.is_empty() {
                return removed;
            }
            removed.retain(|number| !met.contains(number));
        }
        removed.retain(|number| self.observes(*number));
        removed
    }

    fn sound(&self, core: &[usize], removed: &[usize]) -> bool {
        self.met(core, removed).is_empty()
    }

    /// Those of `removed` whose effect a remaining call may have met, or needs explained.
    fn met(&self, core: &[usize], removed: &[usize]) -> Vec<usize> {
        let gone: FxHashSet<usize> = removed.iter().copied().collect();
        let rest = core.iter().copied().filter(|number| !gone.contains(number));
        let rest = Rest::new(self.model, rest.map(|number| self.calls[number].clone()));
        let met = |number: &usize| {
            let timed = &self.calls[*number];
            match self.model.leaves(&timed.call) {
                Leaves::Unchanged => false,
                Leaves::State(state) => rest.meets(&state, timed.start, timed.end),
                Leaves::Unclear => true,
            }
        };
        removed.iter().copied().filter(met).collect()
    }
}

/// What remains after a removal, arranged to ask what it may have met.
struct Rest<S> {
    /// A call that remains may depend on any other.
    unclear: bool,
    /// Per state: the begin of each call that needs it, with the latest end up to there.
    latest: FxHashMap<S, Vec<(u32, u32)>>,
    /// Per state: the ends of the calls that need it, ascending.
    ends: FxHashMap<S, Vec<u32>>,
    /// Per state: when the first call that leaves it begins.
    first_writer: FxHashMap<S, u32>,
    /// The begin of each known writer, with the earliest end from there on.
    writers: Vec<(u32, u32)>,
}

impl<S: Clone + Eq + std::hash::Hash> Rest<S> {
    /// Arranges calls, which come ordered by begin.
    fn new<M: Model<State = S>>(model: &M, calls: impl Iterator<Item = Timed<M::Call>>) -> Self {
        let mut rest = Self {
            unclear: false,
            latest: FxHashMap::default(),
            ends: FxHashMap::default(),
            first_writer: FxHashMap::default(),
            writers: Vec::new(),
        };
        for timed in calls {
            match model.needs(&timed.call) {
                Needs::Nothing => {}
                Needs::State(state) => {
                    let spans = rest.latest.entry(state.clone()).or_default();
                    let latest = spans.last().map_or(0, |(_, latest)| *latest);
                    spans.push((timed.start, latest.max(timed.end)));
                    rest.ends.entry(state).or_default().push(timed.end);
                }
                Needs::Not(_) | Needs::Unclear => rest.unclear = true,
            }
            if let Leaves::State(state) = model.leaves(&timed.call) {
                rest.first_writer.entry(state).or_insert(timed.start);
                if timed.end != NEVER {
                    rest.writers.push((timed.start, timed.end));
                }
            }
        }
        rest.ends.values_mut().for_each(|ends| ends.sort_unstable());
        let mut earliest = NEVER;
        for writer in rest.writers.iter_mut().rev() {
            earliest = earliest.min(writer.1);
            writer.1 = earliest;
        }
        rest
    }

    /// Whether a call that left `state`, from `start` to `end`, may have been met by one that
    /// remains, or is the only one left to explain where the state came from.
    fn meets(&self, state: &S, start: u32, end: u32) -> bool {
        let Some(spans) = self.latest.get(state) else { return self.unclear };
        let after = self.writers.partition_point(|(begin, _)| *begin < end);
        let fence = self.writers.get(after).map_or(NEVER, |(_, earliest)| *earliest);
        let within = spans.partition_point(|(begin, _)| *begin <= fence);
        let visible = within > 0 && spans[within - 1].1 > start;
        let ends = self.ends.get(state).map_or(&[][..], Vec::as_slice);
        let next = ends.get(ends.partition_point(|end| *end <= start));
        let first = self.first_writer.get(state).copied().unwrap_or(NEVER);
        let unexplained = next.is_some_and(|end| *end <= first);
        self.unclear || visible || unexplained
    }
}
