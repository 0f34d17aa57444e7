//! Counterexamples of long histories are few operations, found soon, each of them needed.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde_json::json;

use super::synthetic::{Random, RegisterLoad, Shape, events, history};
use super::*;
use crate::Verdict;

/// A valid history of ten clients and five values with one answer of a read changed, somewhere
/// in its second half, such that it becomes wrong.
fn failing(seed: u64, operations: usize) -> crate::History {
    let shape = Shape { operations, processes: 10, unknown_per_million: 0, seed };
    let mut calls = history(&mut RegisterLoad::new(5), shape);
    let mut random = Random(seed);
    loop {
        let at = calls.len() / 2 + random.below(calls.len() as u64 / 2) as usize;
        let before = calls[at].call;
        let RegisterCall::Read(value) = before else { continue };
        calls[at].call = RegisterCall::Read((value + 1 + random.below(4) as u32) % 5);
        let model = CasRegister::default();
        let decision = decide(&model, &0, &calls, &Values::default(), &Budget::default());
        if decision.outcome.is_violation() {
            return events(&calls, RegisterLoad::words);
        }
        calls[at].call = before;
    }
}

#[test]
fn counterexamples_of_long_histories_are_small() {
    let sizes: Vec<(usize, Duration)> = (0..500u64)
        .into_par_iter()
        .map(|seed| {
            let history = failing(seed, 10_000);
            let begun = Instant::now();
            let model = CasRegister { initial: json!(0), ..CasRegister::default() };
            let finding = Linearizable::new(model).check(&history, &Budget::default());
            assert_eq!(finding.verdict, Verdict::Invalid);
            (finding.anomalies[0].operations.len(), begun.elapsed())
        })
        .collect();
    let largest = sizes.iter().map(|(size, _)| *size).max();
    let slowest = sizes.iter().map(|(_, took)| *took).max();
    let mut all: Vec<usize> = sizes.iter().map(|(size, _)| *size).collect();
    all.sort_unstable();
    eprintln!("{largest:?} {slowest:?} {:?} {:?}", all[250], &all[470..]);
    assert!(largest <= Some(12), "{largest:?}");
    assert!(slowest <= Some(Duration::from_secs(10)), "{slowest:?}");
}
