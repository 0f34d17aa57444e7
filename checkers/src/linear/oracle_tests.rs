//! The engines against brute force, on small random histories of every model.

use rayon::prelude::*;

use super::decide::{Outcome, decide};
use super::frontier::{Question, search};
use super::model::Values;
use super::models::testing::{Sampled, Visitor, for_every_model, small_history};
use super::oracle::brute_force;
use super::synthetic::Random;
use crate::Budget;

/// Histories of each model, of at most eight calls.
const HISTORIES: u64 = 100_000;

struct General;

impl Visitor for General {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M) {
        let one = |seed: u64| {
            let calls = small_history(model, &mut Random(seed), 8);
            let initial = model.initial(&mut Values::default());
            let expected = brute_force(model, &initial, &calls);
            let initial = [initial];
            let question = Question { model, initial: &initial, calls: &calls, weak: &[] };
            let report = search(&question, 1 << 18, &Budget::default());
            let found = report.outcome == Outcome::Linearizable;
            assert_eq!(found, expected, "{name}, seed {seed}: {calls:#?} {:?}", report.outcome);
            let unknown = calls.iter().any(|timed| timed.is_unknown());
            [u64::from(expected), u64::from(unknown)]
        };
        let sum = |a: [u64; 2], b: [u64; 2]| [a[0] + b[0], a[1] + b[1]];
        let [valid, unknown] = (0..HISTORIES).into_par_iter().map(one).reduce(|| [0, 0], sum);
        let few = HISTORIES / 20;
        assert!(valid > few && HISTORIES - valid > few && unknown > few, "{name}: {valid}");
    }
}

#[test]
fn the_general_engine_agrees_with_brute_force_on_every_model() {
    for_every_model(&mut General);
}

struct Chosen;

impl Visitor for Chosen {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M) {
        (0..HISTORIES).into_par_iter().for_each(|seed| {
            let calls = small_history(model, &mut Random(!seed), 8);
            let mut values = Values::default();
            let initial = model.initial(&mut values);
            let expected = brute_force(model, &initial, &calls);
            let decision = decide(model, &initial, &calls, &values, &Budget::default());
            let found = decision.outcome == Outcome::Linearizable;
            assert_eq!(found, expected, "{name}, seed {seed}: {calls:#?} {decision:?}");
        });
    }
}

#[test]
fn whichever_engine_is_chosen_agrees_with_brute_force() {
    for_every_model(&mut Chosen);
}
