//! Tests of the strong levels: against their definitions, on simulated stores, with planted
//! anomalies, and on histories with published verdicts.

mod brute;
mod choices;
mod named;
mod stores;

use std::collections::BTreeMap;

use self::stores::{Asked, simple, tiny, transactions};
use super::*;
use crate::testing::Random;

fn decide(polygraph: &Polygraph, level: Level) -> (Decision, Effort) {
    let mut effort = Effort::default();
    let decision = check_with_effort(polygraph, level, &Budget::default(), &mut effort);
    match &decision {
        Decision::Valid(order) => assert!(is_witness(polygraph, level, order)),
        Decision::Invalid(proof) => assert!(convinces(polygraph, level, proof).is_ok()),
        Decision::Unknown(_) => {}
    }
    (decision, effort)
}

fn is_valid(decision: &Decision) -> bool {
    matches!(decision, Decision::Valid(_))
}

#[test]
fn tiny_histories_are_judged_by_the_definition() {
    let mut random = Random(5);
    let mut counts: BTreeMap<(Level, bool), u32> = BTreeMap::new();
    for number in 0..100_000 {
        let txns = tiny(&mut random, 4);
        let simple = simple(&txns);
        let mut known = Vec::new();
        if number % 5 == 0 && simple.len() > 1 {
            let (a, b) = (0, 1);
            let both = simple.writes(a).iter().find(|key| simple.writes(b).contains(key));
            known.extend(both.map(|key| (*key, b, a)));
        }
        let polygraph = Polygraph::new(&txns, &simple, &known);
        let mut proofs: Vec<Box<Proof>> = Vec::new();
        let mut held: Vec<Level> = Vec::new();
        for level in Level::all() {
            let (decision, _) = decide(&polygraph, level);
            let holds = brute::holds(&txns, &simple, &known, level);
            let invalid = matches!(decision, Decision::Invalid(_));
            assert_eq!(
                (is_valid(&decision), invalid),
                (holds, !holds),
                "{number} {level:?} {decision:?} {txns:?}"
            );
            *counts.entry((level, holds)).or_default() += 1;
            match decision {
                Decision::Invalid(proof) => proofs.push(proof),
                _ => held.push(level),
            }
        }
        // Nothing convinces the audit that a level does not hold which does.
        for (proof, level) in proofs.iter().flat_map(|proof| held.iter().map(move |l| (proof, l))) {
            assert!(convinces(&polygraph, *level, proof).is_err(), "{number} {level:?} {proof:?}");
        }
    }
    assert_eq!(counts.len(), 18);
    assert!(counts.values().all(|count| *count > 10_000), "{counts:?}");
}

const SMALL: Asked =
    Asked { txns: 300, sessions: 6, keys: 20, steps: 4, reads: 50, timed: true, snapshots: false };

#[test]
fn stores_keep_their_levels() {
    let mut random = Random(7);
    for round in 0..60 {
        let snapshots = round % 2 == 1;
        let asked =
            Asked { reads: 20 + 10 * (round % 7), timed: round % 3 > 0, snapshots, ..SMALL };
        let txns = transactions(stores::run(&mut random, asked), asked.timed);
        let polygraph = Polygraph::new(&txns, &simple(&txns), &[]);
        for level in Level::all() {
            let (decision, effort) = decide(&polygraph, level);
            let kept = !snapshots || level.isolation != Isolation::Serializable;
            assert!(is_valid(&decision) || !kept, "{round} {level:?} {effort:?} {decision:?}");
        }
    }
}

#[test]
fn a_small_stack_will_do() {
    let asked = Asked { txns: 1_000, sessions: 20, keys: 100, snapshots: true, ..SMALL };
    let txns = transactions(stores::run(&mut Random(9), asked), true);
    let polygraph = Polygraph::new(&txns, &simple(&txns), &[]);
    let judge = move || {
        Level::all().map(|level| check(&polygraph, level, &Budget::default())).collect::<Vec<_>>()
    };
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(judge);
    let decisions = thread.expect("a thread").join().expect("no overflow");
    for (level, decision) in Level::all().zip(&decisions) {
        let kept = level.isolation != Isolation::Serializable;
        assert!(is_valid(decision) || !kept, "{level:?}");
    }
}

#[test]
fn out_of_time_is_unknown() {
    let txns = transactions(stores::run(&mut Random(9), SMALL), true);
    let polygraph = Polygraph::new(&txns, &simple(&txns), &[]);
    let budget = Budget::default();
    budget.cancel();
    for level in Level::all() {
        assert!(matches!(check(&polygraph, level, &budget), Decision::Unknown(_)));
    }
}
