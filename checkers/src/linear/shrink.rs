//! Shrinking: from a history that is not linearizable to the few calls that prove it.
//!
//! Everything done here weakens what is claimed, so that a contradiction in the rest is one of
//! the whole:
//! - what ends after the dead end may as well never end, and what begins after it is left out;
//! - the past is left out: the object may have been in any state (if the model can name all
//!   that matter), or in one of those in which the whole past can have left it; calls that
//!   were open then may or may not take effect after;
//! - an observer is left out;
//! - a call's needs are left out: one that saw or replaced `x` and left `y` becomes one that
//!   leaves `y` whatever was before;
//! - a call that leaves `v` is left out when no remaining call that needs `v` can have met it:
//!   none overlaps or follows it without a remaining call wholly in between that shows another
//!   state or leaves the same;
//! - calls of one unit are left out together ([`Model::unit`]).
//!
//! Chunks are tried from large to small (delta debugging: Zeller & Hildebrandt, *Simplifying
//! and isolating failure-inducing input*, TSE 2002), so the result is minimal with regard to
//! single removals unless the work limit is hit.

mod rest;

use std::collections::BTreeSet;

use self::rest::Rest;
use super::decide::Outcome;
use super::frontier::{Question, search, states_at};
use super::model::{Leaves, Model, NEVER, Needs, Timed};
use crate::Budget;

/// The most searches, and the most configurations over all of them, for one way to shrink.
const MAX_SEARCHES: usize = 1200;
const MAX_STATES: usize = 2_000_000;
/// Cores up to this size are also tried with two calls removed together.
const MAX_PAIRED: usize = 24;
/// A core of this size can be taken in at a glance; larger ones are tried another way.
const FEW: usize = 8;
/// The most states after a past that a reader is told.
const MAX_PAST_STATES: usize = 12;

/// What was before the calls of a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Past<S> {
    /// Nothing: the core begins with the history.
    Nothing,
    /// It does not matter.
    Any,
    /// Calls that end before this position, after which only these states are possible.
    Known { position: u32, states: Vec<S> },
}

/// A few calls that contradict each other.
#[derive(Clone, Debug)]
pub(super) struct Core<S> {
    /// Numbers of the calls, by start.
    pub(super) calls: Vec<usize>,
    pub(super) past: Past<S>,
    /// The one that cannot return, after the others.
    pub(super) culprit: usize,
    /// What the object could be in before that.
    pub(super) states: Vec<S>,
}

/// Finds a small core of calls, ordered by start, whose search got stuck at call number `at`.
pub(super) fn shrink<M: Model>(
    model: &M,
    initial: &M::State,
    calls: &[Timed<M::Call>],
    at: usize,
    budget: &Budget,
) -> Core<M::State> {
    let whole = Shrinker::new(model, initial, calls, at, budget);
    let mut best: Option<Core<M::State>> = None;
    for way in [Way::AnyPast, Way::KnownPast, Way::Whole] {
        if best.as_ref().is_some_and(|core| core.calls.len() <= FEW) {
            break;
        }
        let found = whole.clone().core(way);
        let fewer = |core: &Core<M::State>| {
            best.as_ref().is_none_or(|best| core.calls.len() < best.calls.len())
        };
        if let Some(core) = found.filter(fewer) {
            best = Some(core);
        }
    }
    best.unwrap_or(Core { calls: vec![at], past: Past::Nothing, culprit: at, states: Vec::new() })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    AnyPast,
    KnownPast,
    Whole,
}

struct Shrinker<'a, M: Model> {
    model: &'a M,
    /// All calls, as the search had them.
    all: &'a [Timed<M::Call>],
    first: M::State,
    /// The states that the core may begin in.
    initial: Vec<M::State>,
    past: Past<M::State>,
    /// All calls that begin before the dead end.
    calls: Vec<Timed<M::Call>>,
    /// Whose needs are left out.
    weak: Vec<bool>,
    at: usize,
    budget: &'a Budget,
    searches: usize,
    states: usize,
}

impl<M: Model> Clone for Shrinker<'_, M> {
    fn clone(&self) -> Self {
        Self {
            model: self.model,
            all: self.all,
            first: self.first.clone(),
            initial: self.initial.clone(),
            past: self.past.clone(),
            calls: self.calls.clone(),
            weak: self.weak.clone(),
            at: self.at,
            budget: self.budget,
            searches: 0,
            states: 0,
        }
    }
}

impl<'a, M: Model> Shrinker<'a, M> {
    fn new(
        model: &'a M,
        initial: &M::State,
        all: &'a [Timed<M::Call>],
        at: usize,
        budget: &'a Budget,
    ) -> Self {
        let limit = all[at].end;
        let begun = all.partition_point(|timed| timed.start < limit);
        let mut calls = all[..begun].to_vec();
        for timed in calls.iter_mut().filter(|timed| timed.end > limit) {
            timed.end = NEVER;
        }
        Self {
            model,
            all,
            first: initial.clone(),
            initial: vec![initial.clone()],
            past: Past::Nothing,
            weak: vec![false; calls.len()],
            calls,
            at,
            budget,
            searches: 0,
            states: 0,
        }
    }

    fn core(mut self, way: Way) -> Option<Core<M::State>> {
        let mut core: Vec<usize> = (0..self.calls.len())
            .filter(|number| self.calls[*number].end != NEVER || !self.observes(*number))
            .collect();
        match way {
            Way::AnyPast => {
                let calls: Vec<M::Call> =
                    core.iter().map(|number| self.calls[*number].call.clone()).collect();
                self.initial = self.model.states(&calls)?;
                self.past = Past::Any;
                core = self.late(core, |_, _| true)?;
            }
            Way::KnownPast => core = self.late(core, Self::begin_after)?,
            Way::Whole => {
                if !self.contradicts(&core) {
                    return None;
                }
            }
        }
        self.weaken(&core);
        self.minimise(&mut core);
        self.dead_end(core)
    }

    fn minimise(&mut self, core: &mut Vec<usize>) {
        let mut chunk = core.len().div_ceil(2);
        loop {
            let shrunk = self.pass(core, chunk);
            if chunk == 1 && !shrunk || self.exhausted() {
                break;
            }
            chunk = if shrunk { chunk.min(core.len()) } else { chunk.div_ceil(2) }.max(1);
        }
        self.pairs(core);
    }

    /// The last few calls, if they contradict each other after the past that `begin` allows.
    fn late(
        &mut self,
        core: Vec<usize>,
        begin: impl Fn(&mut Self, u32) -> bool,
    ) -> Option<Vec<usize>> {
        let ends: Vec<u32> = self.calls.iter().map(|timed| timed.end).collect();
        let mut window = 4;
        while window < core.len() && !self.exhausted() {
            let cut = self.calls[core[core.len() - window]].start.min(self.calls[self.at].start);
            window *= 2;
            if !begin(self, cut) {
                continue;
            }
            let across = |timed: &Timed<M::Call>| timed.start < cut && timed.end > cut;
            let mut late = Vec::new();
            for number in &core {
                let open = across(&self.calls[*number]);
                if self.calls[*number].start >= cut || open && !self.observes(*number) {
                    late.push(*number);
                    if open {
                        self.calls[*number].end = NEVER;
                    }
                }
            }
            if self.contradicts(&late) {
                return Some(late);
            }
            for number in late {
                self.calls[number].end = ends[number];
            }
        }
        None
    }

    /// Begins in the states that all calls up to a position can have left.
    fn begin_after(&mut self, position: u32) -> bool {
        if self.past == Past::Any {
            return false;
        }
        let first = std::slice::from_ref(&self.first);
        let question = Question { model: self.model, initial: first, calls: self.all, weak: &[] };
        self.searches += 1;
        let Some(states) = states_at(&question, position, self.budget) else { return false };
        if states.len() > MAX_PAST_STATES {
            return false;
        }
        self.initial.clone_from(&states);
        self.past = Past::Known { position, states };
        true
    }

    /// Leaves out as many needs as possible, the culprit's last.
    fn weaken(&mut self, core: &[usize]) {
        let can = |number: &usize| {
            let call = &self.calls[*number].call;
            matches!(self.model.needs(call), Needs::State(_) | Needs::Not(_))
        };
        let mut strong: Vec<usize> = core.iter().copied().filter(can).collect();
        let mut chunk = strong.len();
        while chunk > 0 && !self.exhausted() {
            let mut from = 0;
            while from < strong.len() && !self.exhausted() {
                let to = (from + chunk).min(strong.len());
                let tried = strong[from..to].to_vec();
                tried.iter().for_each(|number| self.weak[*number] = true);
                if self.contradicts(core) {
                    strong.drain(from..to);
                } else {
                    tried.iter().for_each(|number| self.weak[*number] = false);
                    from = to;
                }
            }
            chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
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
                self.met(core, &removed).is_empty() && self.try_without(core, &removed)
            });
            first = if found { 0 } else { first + 1 };
        }
    }

    fn try_without(&mut self, core: &mut Vec<usize>, removed: &[usize]) -> bool {
        let gone: BTreeSet<usize> = removed.iter().copied().collect();
        let kept: Vec<usize> = core.iter().copied().filter(|n| !gone.contains(n)).collect();
        if self.contradicts(&kept) {
            *core = kept;
            return true;
        }
        false
    }

    /// The core with its dead end; `None` if that cannot be shown.
    fn dead_end(&mut self, core: Vec<usize>) -> Option<Core<M::State>> {
        match self.ask(&core) {
            Outcome::Stuck { at, states } => {
                let (past, culprit) = (self.past.clone(), core[at]);
                Some(Core { calls: core, past, culprit, states })
            }
            _ => None,
        }
    }

    /// Whether these calls by themselves are not linearizable, and that could be shown.
    fn contradicts(&mut self, numbers: &[usize]) -> bool {
        matches!(self.ask(numbers), Outcome::Stuck { .. })
    }

    fn ask(&mut self, numbers: &[usize]) -> Outcome<M::State> {
        let calls: Vec<_> = numbers.iter().map(|number| self.calls[*number].clone()).collect();
        let weak: Vec<bool> = numbers.iter().map(|number| self.weak[*number]).collect();
        let question =
            Question { model: self.model, initial: &self.initial, calls: &calls, weak: &weak };
        self.searches += 1;
        let left = MAX_STATES.saturating_sub(self.states).min(1 << 12);
        let report = search(&question, left, self.budget);
        self.states += report.states;
        report.outcome
    }

    fn observes(&self, number: usize) -> bool {
        self.model.leaves(&self.calls[number].call) == Leaves::Unchanged
    }

    /// The calls of a range that may go together: all of it with what belongs to it, less what
    /// others may have met.
    fn removable(&self, core: &[usize], range: std::ops::Range<usize>) -> Vec<usize> {
        let unit = |number: &usize| self.model.unit(&self.calls[*number].call);
        let mut removed = core[range].to_vec();
        if removed.iter().any(|number| unit(number).is_some()) {
            let units: BTreeSet<u32> = removed.iter().filter_map(unit).collect();
            let belongs = |number: &&usize| unit(number).is_some_and(|unit| units.contains(&unit));
            let mut whole: Vec<usize> = core.iter().filter(belongs).copied().collect();
            whole.extend(removed.iter().filter(|n| unit(n).is_none() && self.observes(**n)));
            return whole;
        }
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

    /// Those of `removed` whose effect a remaining call may have met, or needs explained.
    fn met(&self, core: &[usize], removed: &[usize]) -> BTreeSet<usize> {
        let gone: BTreeSet<usize> = removed.iter().copied().collect();
        let rest = core.iter().filter(|number| !gone.contains(number));
        let rest =
            Rest::new(self.model, rest.map(|number| (&self.calls[*number], self.weak[*number])));
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
