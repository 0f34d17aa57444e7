//! Checkers that need no order of versions against the oracle, on tiny random histories.

use rayon::prelude::*;

use super::*;
use crate::txn::judge::{judge_with, told};
use crate::txn::key_value::KeyValue;
use crate::txn::strong::{self, Decision, Isolation, Polygraph};
use crate::txn::transactions::Writes;
use crate::txn::{SetAdd, TransactionChecker, TxnCounter, WeakIsolation, WeakLevel};
use crate::{Budget, Verdict};

/// Of each datatype.
const HISTORIES: u64 = 30_000;

/// The name of a level of the engine, and whether the oracle refutes it.
fn strong_levels(tiny: &Tiny) -> impl Iterator<Item = (strong::Level, bool)> {
    strong::Level::all().map(|level| {
        let order = match level.order {
            strong::Order::None => FREE,
            strong::Order::Session => SESSION,
            strong::Order::RealTime => REAL_TIME,
        };
        let holds = match level.isolation {
            Isolation::Prefix => axioms::allowed(tiny, Axiom::Prefix, order),
            Isolation::Snapshot => replay::snapshot_isolated(tiny, order),
            Isolation::Serializable => replay::serializable(tiny, order),
        };
        (level, !holds)
    })
}

#[test]
fn strong_levels_of_registers_are_decided() {
    let one = |seed| {
        let txns = tiny_history(Datatype::RwRegister, seed);
        let writes = Writes::new(&txns).expect("unique writes");
        let simple = KeyValue::of_registers(&txns, &writes);
        if simple.flawed > 0 {
            return 0;
        }
        let tiny = Tiny::new(&txns, Datatype::RwRegister, Assumed::default());
        let polygraph = Polygraph::new(&txns, &simple, &[]);
        let mut count = 0;
        for (level, is_refuted) in strong_levels(&tiny) {
            let decision = strong::check(&polygraph, level, &Budget::default());
            let invalid = matches!(decision, Decision::Invalid(_));
            assert!(
                !matches!(decision, Decision::Unknown(_)),
                "{seed} {level:?} {decision:?}\n{}",
                told(&txns)
            );
            assert_eq!(invalid, is_refuted, "seed {seed}, {level:?}\n{}", told(&txns));
            count += u64::from(is_refuted);
        }
        count
    };
    let refuted: u64 = (0..HISTORIES).into_par_iter().map(one).sum();
    assert!(refuted > HISTORIES / 10, "{refuted}");
}

#[test]
fn weak_levels_of_registers_are_decided() {
    let one = |seed| {
        let txns = tiny_history(Datatype::RwRegister, seed);
        let expected = refuted_in_sessions(&txns, Datatype::RwRegister);
        let levels = [(WeakLevel::ReadAtomic, "read-atomic"), (WeakLevel::Causal, "causal-cerone")];
        for (level, name) in levels {
            let checker = WeakIsolation { level };
            let finding = checker.check_transactions(&txns, &Budget::default());
            let invalid = finding.verdict == Verdict::Invalid;
            assert_eq!(
                invalid,
                expected.contains(name),
                "seed {seed}, {name}: {:?}\n{}",
                finding.anomalies,
                told(&txns)
            );
        }
        u64::from(expected.contains("causal-cerone"))
    };
    let refuted: u64 = (0..HISTORIES).into_par_iter().map(one).sum();
    assert!(refuted > HISTORIES / 20, "{refuted}");
}

#[test]
fn what_is_refuted_of_sets_and_counters_is_violated() {
    let checkers: [(Datatype, &dyn TransactionChecker); 2] =
        [(Datatype::Set, &SetAdd::default()), (Datatype::Counter, &TxnCounter::default())];
    for (datatype, checker) in checkers {
        let one = |seed| {
            let txns = tiny_history(datatype, seed);
            let expected = refuted(&txns, datatype);
            let judged = judge_with(checker, &txns);
            let defined = |name: &&String| {
                is_judged(name) && BY_PHENOMENA.iter().all(|(other, _)| other != name)
            };
            let found = judged.refuted.iter().filter(defined);
            let wrong: Vec<&String> =
                found.filter(|name| !expected.contains(name.as_str())).collect();
            let (kinds, told) = (&judged.kinds, told(&txns));
            assert!(wrong.is_empty(), "{datatype:?} {seed}: {wrong:?} by {kinds:?}\n{told}");
            u64::from(judged.refuted.contains("serializable"))
        };
        let refuted: u64 = (0..HISTORIES).into_par_iter().map(one).sum();
        assert!(refuted > HISTORIES / 20, "{datatype:?} {refuted}");
    }
}
