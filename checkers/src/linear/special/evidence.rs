//! How special engines are tested: against brute force, and on long histories with and without
//! a planted flaw.

use rayon::prelude::*;

use crate::linear::model::{Asked, Model, NEVER, Timed, Values};
use crate::linear::models::testing::{Sampled, small_history};
use crate::linear::oracle::brute_force;
use crate::linear::special::{Contradiction, Special};
use crate::linear::synthetic::{Random, Shape, Subject, history};

/// What an engine said of many small histories.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) valid: u32,
    pub(super) invalid: u32,
    pub(super) undecided: u32,
}

impl Tally {
    fn of(engine: &Special) -> Self {
        let invalid = u32::from(engine.contradiction.is_some());
        Self { valid: 1 - invalid, invalid, undecided: 0 }
    }

    fn add(self, other: Self) -> Self {
        let Self { valid, invalid, undecided } = other;
        Self {
            valid: self.valid + valid,
            invalid: self.invalid + invalid,
            undecided: self.undecided + undecided,
        }
    }

    /// So many were decided, a good part each way.
    pub(super) fn covers(self, decided: u32) -> Self {
        assert!(self.valid + self.invalid >= decided, "{self:?}");
        assert!(self.valid >= decided / 20 && self.invalid >= decided / 20, "{self:?}");
        self
    }
}

/// Compares with brute force on `count` small histories: the verdict; and that the calls named
/// as a proof contradict each other by themselves.
pub(super) fn agrees<M: Sampled>(model: &M, seed: u64, count: u32) -> Tally {
    let mut random = Random(seed);
    let mut tally = Tally::default();
    for _ in 0..count {
        let calls = small_history(model, &mut random, 8);
        tally = tally.add(agrees_on(model, &calls));
    }
    tally
}

fn agrees_on<M: Sampled>(model: &M, calls: &[Timed<M::Call>]) -> Tally {
    let initial = model.initial(&mut Values::default());
    let Some(decided) = model.special(calls, &Values::default()) else {
        return Tally { undecided: 1, ..Tally::default() };
    };
    let truth = brute_force(model, &initial, calls);
    assert_eq!(decided.contradiction.is_none(), truth, "{model:?} {calls:?}: {decided:?}");
    if let Some(Contradiction { calls: named, .. }) = &decided.contradiction {
        let mut numbers = named.clone();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), named.len(), "twice the same: {model:?} {calls:?}: {decided:?}");
        let part: Vec<_> = numbers.iter().map(|number| calls[*number].clone()).collect();
        let stands = !brute_force(model, &initial, &part);
        assert!(stands, "no proof: {model:?} {calls:?}: {decided:?}");
    }
    Tally::of(&decided)
}

/// A model of which only some calls are made.
#[derive(Debug)]
pub(super) struct Narrow<M: Model> {
    pub(super) model: M,
    pub(super) sample: fn(&mut Random) -> M::Call,
}

impl<M: Model> Model for Narrow<M> {
    type State = M::State;
    type Call = M::Call;

    fn noun(&self) -> &'static str {
        self.model.noun()
    }

    fn initial(&self, values: &mut Values) -> M::State {
        self.model.initial(values)
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<M::Call>, String> {
        self.model.call(asked, values)
    }

    fn step(&self, state: &M::State, call: &M::Call) -> Option<M::State> {
        self.model.step(state, call)
    }

    fn special(&self, calls: &[Timed<M::Call>], values: &Values) -> Option<Special> {
        self.model.special(calls, values)
    }

    fn describe(&self, call: &M::Call, values: &Values) -> String {
        self.model.describe(call, values)
    }

    fn describe_state(&self, state: &M::State, values: &Values) -> String {
        self.model.describe_state(state, values)
    }
}

impl<M: Sampled> Sampled for Narrow<M> {
    fn sample(&self, random: &mut Random) -> M::Call {
        (self.sample)(random)
    }

    fn suited(&self, state: &M::State) -> Option<M::Call> {
        self.model.suited(state)
    }

    fn unanswered(&self, call: M::Call) -> Option<M::Call> {
        self.model.unanswered(call)
    }
}

/// Long histories: with 1 to 40 processes, and up to so many unknown calls of a million.
#[derive(Clone, Copy, Debug)]
pub(super) struct Long {
    pub(super) count: u64,
    pub(super) operations: usize,
    pub(super) unknown: u64,
}

impl Long {
    /// Every history must pass, and with what `plant` does to it (if it finds a place) it must
    /// fail, for few reasons. How many were planted.
    pub(super) fn check<M: Model, S: Subject<Call = M::Call>>(
        self,
        model: &M,
        subject: impl Fn() -> S + Sync,
        plant: impl Fn(&mut Vec<Timed<M::Call>>, &mut Random) -> bool + Sync,
    ) -> u64 {
        let one = |seed: u64| {
            let mut random = Random(seed);
            let shape = Shape {
                operations: self.operations,
                processes: 1 + random.below(40) as u32,
                unknown_per_million: random.below(self.unknown + 1),
                seed,
            };
            let mut calls = history(&mut subject(), shape);
            let decided = model.special(&calls, &Values::default());
            let right = decided.as_ref().is_some_and(|decided| decided.contradiction.is_none());
            assert!(right, "seed {seed}: {decided:?}");
            if !plant(&mut calls, &mut random) {
                return 0;
            }
            let decided = model.special(&calls, &Values::default());
            let proof = decided.as_ref().and_then(|decided| decided.contradiction.as_ref());
            assert!(proof.is_some_and(|proof| proof.calls.len() <= 64), "seed {seed}: {decided:?}");
            1
        };
        (0..self.count).into_par_iter().map(one).sum()
    }
}

/// Puts calls into the gap just after `position`, one after another, each by itself. Positions
/// must leave room; see [`spread`].
pub(super) fn insert<C>(calls: &mut Vec<Timed<C>>, position: u32, new: impl Iterator<Item = C>) {
    let mut next = position;
    for call in new {
        calls.push(Timed { call, start: next + 1, end: next + 2 });
        next += 2;
    }
    calls.sort_by_key(|timed| timed.start);
}

/// Makes room for calls between any two positions.
pub(super) fn spread<C>(calls: &mut [Timed<C>], times: u32) {
    for timed in calls {
        timed.start *= times;
        if timed.end != NEVER {
            timed.end *= times;
        }
    }
}
