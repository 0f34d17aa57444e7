//! Counters: of simulated stores, with mistakes, and against all subsets of updates.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::eventual::store::{Data, LIMIT, Mistake, history};
use crate::testing::{Random, Script};
use crate::{Kind, Operation, Verdict};

fn counter() -> CrdtCounter {
    CrdtCounter { promise: Promise { converge_within: LIMIT, sessions: true } }
}

fn add(script: &mut Script, process: u32, amount: i64) -> &mut Script {
    script.whole(process, "add", json!([1, amount]), json!([1, amount]))
}

fn read(script: &mut Script, process: u32, value: i64) -> &mut Script {
    script.whole(process, "read", json!([1, null]), json!([1, value]))
}

fn kinds(script: &Script) -> Vec<String> {
    let finding = counter().check(&script.history(), &Budget::default());
    finding.anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
}

#[test]
fn a_read_is_a_sum_of_updates() {
    let mut script = Script::default();
    add(&mut script, 0, 3);
    add(&mut script, 1, -1);
    for value in [-1, 0, 1, 2, 3] {
        read(&mut script, 2 + (value + 1) as u32, value);
    }
    assert_eq!(kinds(&script), [""; 0]);
    read(&mut script, 9, 4);
    assert_eq!(kinds(&script), ["phantom-update"]);
}

#[test]
fn a_session_sees_its_own_updates_and_does_not_go_back() {
    let mut script = Script::default();
    add(&mut script, 0, 3);
    read(&mut script, 0, 0);
    assert_eq!(kinds(&script), ["missing-your-writes"]);
    let mut script = Script::default();
    add(&mut script, 0, 3);
    read(&mut script, 1, 3);
    read(&mut script, 1, 0);
    assert_eq!(kinds(&script), ["non-monotonic-reads"]);
    // An update without an answer may have come in between.
    let mut script = Script::default();
    script.call(5, "add", json!([1, -3])).push(5, Kind::Info, "add", json!([1, -3]));
    add(&mut script, 0, 3);
    read(&mut script, 1, 3);
    read(&mut script, 1, 0);
    assert_eq!(kinds(&script), [""; 0]);
}

#[test]
fn what_was_acknowledged_long_before_is_in_every_read() {
    let mut script = Script::default();
    add(&mut script, 0, 3);
    read(&mut script, 1, 0);
    assert_eq!(kinds(&script), [""; 0]);
    script
        .events
        .iter_mut()
        .filter(|event| event.index > 1)
        .for_each(|event| event.time += 2 * LIMIT);
    assert_eq!(kinds(&script), ["lost-update"]);
}

/// Whether there are sets of updates, growing from read to read of a process, with these sums.
fn explainable(operations: &[Operation<'_>]) -> bool {
    let adds: Vec<&Operation<'_>> =
        operations.iter().filter(|o| o.f == "add" && !o.is_failed()).collect();
    let amount = |at: usize| adds[at].input[1].as_i64().expect("a number");
    (0..3).all(|process| {
        let mut possible = vec![0u32];
        for read in operations.iter().filter(|o| o.f == "read" && o.process == process) {
            let Some(output) = read.output() else { continue };
            let (mut must, mut may) = (0u32, 0u32);
            for (at, add) in adds.iter().enumerate() {
                must |= u32::from(add.process == process && add.is_ok() && add.end() < read.index)
                    << at;
                may |= u32::from(add.index < read.end()) << at;
            }
            let sum =
                |set: u32| (0..adds.len()).filter(|at| set >> at & 1 == 1).map(amount).sum::<i64>();
            let sets = (0..1u32 << adds.len()).filter(|set| {
                set & must == must
                    && set & !may == 0
                    && Some(sum(*set)) == output[1].as_i64()
                    && possible.iter().any(|before| before & !set == 0)
            });
            possible = sets.collect();
        }
        !possible.is_empty()
    })
}

/// Some calls with any answers.
fn any(seed: u64, ones: bool) -> History {
    let mut random = Random(seed);
    let mut script = Script::default();
    for _ in 0..2 + random.below(7) {
        let process = random.below(3) as u32;
        if random.chance(50) {
            let amount = if ones { 1 } else { random.below(5) as i64 - 2 };
            match random.below(4) {
                0 => script.failed(process, "add", json!([1, amount])),
                1 => {
                    let gone = 10 + script.events.len() as u32;
                    let call = script.call(gone, "add", json!([1, amount]));
                    call.push(gone, Kind::Info, "add", json!([1, amount]))
                }
                _ => add(&mut script, process, amount),
            };
        } else {
            let value = random.below(4) as i64 - if ones { 0 } else { 2 };
            read(&mut script, process, value);
        }
    }
    script.history()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn what_some_updates_explain_is_never_refuted(seed: u64, ones: bool) {
        let history = any(seed, ones);
        let finding = counter().check(&history, &Budget::default());
        let explained = explainable(&history.operations());
        prop_assert!(!explained || finding.verdict != Verdict::Invalid, "{:#?}", finding);
        // With updates all alike, the bounds are exact.
        prop_assert!(!ones || explained || finding.verdict == Verdict::Invalid, "{:#?}", history);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn correct_stores_are_never_invalid(seed: u64, calls in 1usize..150) {
        let history = history(Data::Counter, Mistake::None, seed, calls);
        let finding = counter().check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:#?}", finding.anomalies);
    }
}

#[test]
fn stores_with_mistakes_are_found() {
    for (mistake, kind) in [
        (Mistake::NoRepair, "lost-update"),
        (Mistake::Twice, "divergent-merge"),
        (Mistake::Lost, "missing-your-writes"),
    ] {
        let found = (0..20).filter(|seed| {
            let history = history(Data::Counter, mistake, *seed, 120);
            let finding = counter().check(&history, &Budget::default());
            finding.anomalies.iter().any(|anomaly| anomaly.kind == kind)
        });
        assert!(found.count() > 12, "{mistake:?}");
    }
}
