//! The general engine on long histories of registers: those that are right by construction
//! pass, those with a planted violation fail.

use rayon::prelude::*;

use super::decide::Outcome;
use super::frontier::{Question, search};
use super::synthetic::{Random, RegisterLoad, Shape, history};
use super::{CasRegister, RegisterCall, Timed};
use crate::Budget;

const HISTORIES: u64 = 10_000;
const OPERATIONS: usize = 300;
/// A value that no load writes.
const PLANTED: u32 = 1_000_000;

type Calls = Vec<Timed<RegisterCall>>;

/// Of one to 40 processes; in every third history no call is unknown, in every third one of a
/// hundred, in every third one of twenty. One in nine writes every value once.
fn valid(seed: u64) -> Calls {
    let mut random = Random(seed);
    let load = match random.below(9) {
        0 => RegisterLoad::unique(),
        few => RegisterLoad::new(few as u32 + 1),
    };
    let mut load = if seed.is_multiple_of(2) { load } else { load.with_misses() };
    let shape = Shape {
        operations: OPERATIONS,
        processes: 1 + random.below(40) as u32,
        unknown_per_million: [0, 10_000, 50_000][(seed % 3) as usize],
        seed,
    };
    history(&mut load, shape)
}

/// The same after two writes, of a value of their own and of the one that the register begins
/// with; and one answer of a read in the second half is the first of them.
///
/// This cannot be: the first write ended before the second began, the second before the read
/// began, and nobody else ever writes that value. `None` if no read is in the second half.
fn planted(calls: Calls, random: &mut Random) -> Option<Calls> {
    let write = |value, start| Timed { call: RegisterCall::Write(value), start, end: start + 1 };
    let mut all = vec![write(PLANTED, 0), write(0, 2)];
    // The end of an unknown call is the largest position, and stays it.
    let later =
        |Timed { call, start, end }| Timed { call, start: start + 4, end: end.saturating_add(4) };
    all.extend(calls.into_iter().map(later));
    let half = all.len() / 2;
    let is_read =
        |at: &usize| matches!(all[*at].call, RegisterCall::Read(_)) && !all[*at].is_unknown();
    let reads: Vec<usize> = (half..all.len()).filter(is_read).collect();
    let at = *reads.get(random.below(reads.len().max(1) as u64) as usize)?;
    all[at].call = RegisterCall::Read(PLANTED);
    Some(all)
}

fn outcome(calls: &[Timed<RegisterCall>]) -> Outcome<u32> {
    let model = CasRegister::default();
    let question = Question { model: &model, initial: &[0], calls, weak: &[] };
    let budget = Budget::default();
    search(&question, budget.max_states, &budget).outcome
}

#[test]
fn long_histories_of_registers_pass() {
    (0..HISTORIES).into_par_iter().for_each(|seed| {
        let outcome = outcome(&valid(seed));
        assert_eq!(outcome, Outcome::Linearizable, "seed {seed}");
    });
}

#[test]
fn planted_violations_of_registers_are_found() {
    let one = |seed: u64| {
        let Some(calls) = planted(valid(seed), &mut Random(!seed)) else { return 0 };
        let outcome = outcome(&calls);
        assert!(matches!(outcome, Outcome::Stuck { .. }), "seed {seed}: {outcome:?}");
        1u64
    };
    let found: u64 = (0..HISTORIES).into_par_iter().map(one).sum();
    assert!(found > HISTORIES - HISTORIES / 100, "planted {found} only");
}
