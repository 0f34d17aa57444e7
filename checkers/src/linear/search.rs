//! The search for a linearization.
//!
//! Wing & Gong, *Testing and verifying concurrent objects* (JPDC 1993), section 4: take a call
//! that no other call precedes, step the model, go on; go back when stuck. Lowe, *Testing for
//! linearizability* (CCPE 2017), section 3: never explore the same set of calls with the same
//! state twice. The memo holds that set as the first call not yet taken and a bitmap of the
//! window after it, so that its size depends on concurrency and not on the history's length.
//!
//! Three cuts, all exact:
//! - a call that is possible and never changes any state is taken at once, with no
//!   alternative: whatever linearization has it later also works with it here (a write of
//!   the value that is there already is no such call, for later it may change another);
//! - unknown calls with the same effect are interchangeable: the one begun first is taken,
//!   and the memo counts them; who reached the same state with the same known calls and fewer
//!   unknown ones can do all that the other can;
//! - an unknown call is dropped if nobody needs the state that it leaves.
//!
//! Cost: linear for most valid histories, as calls are tried in the order of their ends;
//! exponential in concurrency and in the number of unknown calls at the worst.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use super::model::{Leaves, Model, NEVER, Needs, Timed};
use crate::Budget;

/// How a search ended.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome<S> {
    Linearizable,
    /// No way to get past the end of call number `at`; before it the object could be in
    /// `states` only.
    Stuck {
        at: usize,
        states: Vec<S>,
    },
    /// More than the allowed number of states; all calls that end before call number `at` ends
    /// could be linearized.
    OutOfStates {
        at: usize,
    },
    Cancelled {
        at: usize,
    },
}

/// What a search did.
#[derive(Debug)]
pub(super) struct Report<S> {
    pub(super) outcome: Outcome<S>,
    /// States remembered.
    pub(super) states: usize,
}

/// The most states named when a search is stuck.
const MAX_NAMED_STATES: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Step {
    Root,
    Known(u32),
    /// The next call of this class of unknown ones.
    Unknown(u32),
}

struct Frame<S> {
    state: S,
    step: Step,
    /// Where its candidates begin; they reach to the end of the list.
    first: usize,
    next: usize,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Small([u64; 3]),
    Large(Box<[u64]>),
}

/// With which unknown calls spent a state was reached: sets of (class, count), none of which
/// contains another. `None` is the empty set alone, which is contained in all.
type Seen = Option<Vec<Box<[(u32, u32)]>>>;

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Timed<M::Call>],
    /// Numbers of known calls in `calls`, by begin.
    known: Vec<u32>,
    /// Per class of unknown calls: the call and the begins of its members, ascending.
    classes: Vec<(M::Call, Vec<u32>)>,
    used: Vec<u32>,
    /// Begins and ends not yet taken, as a ring: node 0 is the head, `2k + 1` the begin of
    /// known call `k`, `2k + 2` its end.
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Per known call: how many known calls begin before it ends.
    reach: Vec<u32>,
    taken: Vec<u64>,
    remaining: usize,
    candidates: Vec<Step>,
    frames: Vec<Frame<M::State>>,
    memo: FxHashMap<(M::State, Key), Seen>,
    weight: usize,
    scratch: Vec<u64>,
    furthest: Option<u32>,
    states: BTreeSet<M::State>,
}

/// Looks for a linearization of `calls`, starting in `initial`, remembering at most
/// `max_states` states.
pub(super) fn search<M: Model>(
    model: &M,
    initial: M::State,
    calls: &[Timed<M::Call>],
    max_states: usize,
    budget: &Budget,
) -> Report<M::State> {
    let mut search = Search::new(model, calls);
    let outcome = search.run(initial, max_states, budget);
    Report { outcome, states: search.memo.len() }
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, calls: &'a [Timed<M::Call>]) -> Self {
        let mut known: Vec<u32> = Vec::new();
        let mut unknown: Vec<u32> = Vec::new();
        for (number, timed) in (0u32..).zip(calls) {
            if timed.end == NEVER { unknown.push(number) } else { known.push(number) }
        }
        known.sort_by_key(|number| calls[*number as usize].start);
        let classes = classes(model, calls, unknown);
        let (next, previous, reach) = ring(calls, &known);
        Self {
            model,
            calls,
            used: vec![0; classes.len()],
            classes,
            next,
            previous,
            reach,
            taken: vec![0; known.len() / 64 + 1],
            remaining: known.len(),
            known,
            candidates: Vec::new(),
            frames: Vec::new(),
            memo: FxHashMap::default(),
            weight: 0,
            scratch: Vec::new(),
            furthest: None,
            states: BTreeSet::new(),
        }
    }

    fn run(&mut self, initial: M::State, max: usize, budget: &Budget) -> Outcome<M::State> {
        if self.remaining == 0 {
            return Outcome::Linearizable;
        }
        self.open(Step::Root, initial);
        let mut ticks = 0u32;
        while let Some(frame) = self.frames.last_mut() {
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(1024) && budget.is_cancelled() {
                return Outcome::Cancelled { at: self.stuck_at() };
            }
            let Some(step) = self.candidates.get(frame.next).copied() else {
                let (step, first) = (frame.step, frame.first);
                self.frames.pop();
                self.candidates.truncate(first);
                self.undo(step);
                continue;
            };
            frame.next += 1;
            let state = frame.state.clone();
            let Some(state) = self.model.step(&state, &self.call(step)) else { continue };
            self.apply(step);
            if self.remaining == 0 {
                return Outcome::Linearizable;
            }
            if !self.remember(state.clone()) {
                self.undo(step);
                continue;
            }
            if self.weight > max {
                return Outcome::OutOfStates { at: self.stuck_at() };
            }
            self.open(step, state);
        }
        Outcome::Stuck { at: self.stuck_at(), states: self.states.iter().cloned().collect() }
    }

    fn stuck_at(&self) -> usize {
        self.furthest.map_or(0, |k| self.known[k as usize] as usize)
    }

    fn call(&self, step: Step) -> M::Call {
        match step {
            Step::Known(k) => self.calls[self.known[k as usize] as usize].call.clone(),
            Step::Unknown(class) => self.classes[class as usize].0.clone(),
            Step::Root => unreachable!("the root is never a candidate"),
        }
    }

    /// Enters a state: finds what may come next and notes how far this is.
    fn open(&mut self, step: Step, state: M::State) {
        let first = self.candidates.len();
        let mut node = self.next[0];
        let mut at_once = None;
        while node % 2 == 1 {
            let candidate = Step::Known((node - 1) / 2);
            let call = self.call(candidate);
            match self.model.step(&state, &call) {
                Some(_) if self.model.leaves(&call) == Leaves::Unchanged => {
                    at_once = Some(candidate);
                    break;
                }
                Some(_) => self.candidates.push(candidate),
                None => {}
            }
            node = self.next[node as usize];
        }
        if let Some(candidate) = at_once {
            self.candidates.truncate(first);
            self.candidates.push(candidate);
            while node % 2 == 1 {
                node = self.next[node as usize];
            }
        }
        let ends = node / 2 - 1;
        self.note(ends, &state);
        if at_once.is_none() {
            let (calls, known) = (self.calls, &self.known);
            self.candidates[first..].sort_by_key(|step| match step {
                Step::Known(k) => calls[known[*k as usize] as usize].end,
                Step::Unknown(_) | Step::Root => NEVER,
            });
            self.offer_unknown(self.end_of(ends), &state);
        }
        self.frames.push(Frame { state, step, first, next: first });
    }

    fn end_of(&self, k: u32) -> u32 {
        self.calls[self.known[k as usize] as usize].end
    }

    fn offer_unknown(&mut self, before: u32, state: &M::State) {
        for (class, (call, starts)) in (0u32..).zip(&self.classes) {
            let begun = starts.get(self.used[class as usize] as usize);
            let useful = |after: M::State| after != *state;
            if begun.is_some_and(|start| *start < before)
                && self.model.step(state, call).is_some_and(useful)
            {
                self.candidates.push(Step::Unknown(class));
            }
        }
    }

    /// Keeps the states possible before the furthest end that was reached.
    fn note(&mut self, k: u32, state: &M::State) {
        match self.furthest {
            Some(furthest) if self.end_of(k) < self.end_of(furthest) => return,
            Some(furthest) if k == furthest => {}
            _ => {
                self.furthest = Some(k);
                self.states.clear();
            }
        }
        if self.states.len() < MAX_NAMED_STATES {
            self.states.insert(state.clone());
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Root => {}
            Step::Unknown(class) => self.used[class as usize] += 1,
            Step::Known(k) => {
                for node in [2 * k + 1, 2 * k + 2] {
                    let (before, after) = (self.previous[node as usize], self.next[node as usize]);
                    self.next[before as usize] = after;
                    self.previous[after as usize] = before;
                }
                self.taken[k as usize / 64] |= 1 << (k % 64);
                self.remaining -= 1;
            }
        }
    }

    fn undo(&mut self, step: Step) {
        match step {
            Step::Root => {}
            Step::Unknown(class) => self.used[class as usize] -= 1,
            Step::Known(k) => {
                for node in [2 * k + 2, 2 * k + 1] {
                    let (before, after) = (self.previous[node as usize], self.next[node as usize]);
                    self.next[before as usize] = node;
                    self.previous[after as usize] = node;
                }
                self.taken[k as usize / 64] &= !(1 << (k % 64));
                self.remaining += 1;
            }
        }
    }

    /// Whether this set of taken calls with `state` is new.
    fn remember(&mut self, state: M::State) -> bool {
        let base = (self.next[0] - 1) / 2;
        let reach = self.reach[base as usize];
        self.scratch.clear();
        self.scratch.push(u64::from(base));
        // Everything before the base is taken, nothing beyond its reach is.
        let mut bit = base as usize + 1;
        while bit < reach as usize {
            let (word, shift) = (bit / 64, bit % 64);
            let high = if shift == 0 {
                0
            } else {
                self.taken.get(word + 1).map_or(0, |w| w << (64 - shift))
            };
            let width = reach as usize - bit;
            let mask = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
            self.scratch.push(((self.taken[word] >> shift) | high) & mask);
            bit += 64;
        }
        let key = match *self.scratch.as_slice() {
            [a] => Key::Small([a, 0, 0]),
            [a, b] => Key::Small([a, b, 0]),
            [a, b, c] => Key::Small([a, b, c]),
            ref long => Key::Large(long.into()),
        };
        let weight = 1 + self.scratch.len() / 8;
        let spent: Box<[(u32, u32)]> =
            (0u32..).zip(self.used.iter().copied()).filter(|(_, used)| *used > 0).collect();
        let seen = match self.memo.entry((state, key)) {
            Entry::Vacant(vacant) => {
                self.weight += weight + spent.len() / 4;
                vacant.insert(if spent.is_empty() { None } else { Some(vec![spent]) });
                return true;
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        let Some(sets) = seen else { return false };
        let used = &self.used;
        let within = |set: &[(u32, u32)]| set.iter().all(|(c, n)| used[*c as usize] >= *n);
        if sets.iter().any(|set| within(set)) {
            return false;
        }
        if spent.is_empty() {
            *seen = None;
        } else {
            sets.retain(|set| !spent.iter().all(|pair| contains(set, *pair)));
            self.weight += 1 + spent.len() / 4;
            sets.push(spent);
        }
        true
    }
}

/// Whether a set of spent calls has at least as many of this class.
fn contains(set: &[(u32, u32)], (class, count): (u32, u32)) -> bool {
    set.binary_search_by_key(&class, |(class, _)| *class).is_ok_and(|at| set[at].1 >= count)
}

/// Groups unknown calls by effect, leaving out those whose effect nobody needs.
fn classes<M: Model>(
    model: &M,
    calls: &[Timed<M::Call>],
    mut unknown: Vec<u32>,
) -> Vec<(M::Call, Vec<u32>)> {
    unknown.retain(|number| model.leaves(&calls[*number as usize].call) != Leaves::Unchanged);
    unknown.sort_by_key(|number| calls[*number as usize].start);
    let useful = useful(model, calls, &unknown);
    let mut classes: Vec<(M::Call, Vec<u32>)> = Vec::new();
    let mut numbers: FxHashMap<M::Call, usize> = FxHashMap::default();
    for number in unknown {
        let Timed { call, start, .. } = calls[number as usize].clone();
        if !useful.contains(&call) {
            continue;
        }
        let class = *numbers.entry(call.clone()).or_insert_with(|| {
            classes.push((call, Vec::new()));
            classes.len() - 1
        });
        classes[class].1.push(start);
    }
    classes
}

/// The unknown calls that can make another call possible, directly or through others.
fn useful<M: Model>(model: &M, calls: &[Timed<M::Call>], unknown: &[u32]) -> FxHashSet<M::Call> {
    let distinct: FxHashSet<M::Call> =
        unknown.iter().map(|n| calls[*n as usize].call.clone()).collect();
    let mut needed: FxHashSet<M::State> = FxHashSet::default();
    for timed in calls.iter().filter(|timed| timed.end != NEVER) {
        match model.needs(&timed.call) {
            Needs::Nothing => {}
            Needs::State(state) => drop(needed.insert(state)),
            Needs::Not(_) | Needs::Unclear => return distinct,
        }
    }
    let mut useful: FxHashSet<M::Call> = FxHashSet::default();
    loop {
        let before = useful.len();
        for call in &distinct {
            let wanted = match model.leaves(call) {
                Leaves::State(state) => needed.contains(&state),
                Leaves::Unchanged => false,
                Leaves::Unclear => true,
            };
            if wanted && useful.insert(call.clone()) {
                match model.needs(call) {
                    Needs::Nothing => {}
                    Needs::State(state) => drop(needed.insert(state)),
                    Needs::Not(_) | Needs::Unclear => return distinct,
                }
            }
        }
        if useful.len() == before {
            return useful;
        }
    }
}

/// Links begins and ends of known calls in order, and counts what begins before each end.
fn ring<C>(calls: &[Timed<C>], known: &[u32]) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let mut order: Vec<(u32, u32)> = Vec::with_capacity(2 * known.len());
    for (k, number) in (0u32..).zip(known) {
        let timed = &calls[*number as usize];
        order.push((timed.start, 2 * k + 1));
        order.push((timed.end, 2 * k + 2));
    }
    order.sort_unstable();
    let nodes = 2 * known.len() + 1;
    let (mut next, mut previous) = (vec![0; nodes], vec![0; nodes]);
    let mut reach = vec![0; known.len()];
    let (mut last, mut begun) = (0u32, 0u32);
    for (_, node) in order {
        next[last as usize] = node;
        previous[node as usize] = last;
        last = node;
        if node % 2 == 1 {
            begun += 1;
        } else {
            reach[node as usize / 2 - 1] = begun;
        }
    }
    next[last as usize] = 0;
    previous[0] = last;
    (next, previous, reach)
}
