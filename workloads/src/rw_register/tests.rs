//! Tests of the rw-register workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Kind, Verdict};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&RwRegister);
}

#[test]
fn transactions_are_short_and_write_unique_values() {
    let operations = operations(&RwRegister, &options(5, 32), 7, 4000, |_| 1);
    let mut written: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut lengths = BTreeSet::new();
    let (mut reads, mut writes, mut pairs) = (0, 0, 0);
    for op in &operations {
        let steps = op.value.as_array().unwrap();
        lengths.insert(steps.len());
        let follows =
            |two: &&[Value]| two[0][0] == "r" && two[1][0] == "w" && two[0][1] == two[1][1];
        pairs += steps.windows(2).filter(follows).count();
        for step in steps {
            let key = step[1].as_u64().unwrap();
            match step[0].as_str().unwrap() {
                "w" => {
                    writes += 1;
                    written.entry(key).or_default().push(step[2].as_u64().unwrap());
                }
                "r" => {
                    reads += 1;
                    assert!(step[2].is_null());
                }
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(lengths, BTreeSet::from([1, 2, 3, 4]));
    assert!((1.0..2.5).contains(&(f64::from(reads) / f64::from(writes))), "{reads}, {writes}");
    assert!(pairs > 1000, "{pairs}");
    for (key, values) in &written {
        let expected: Vec<u64> = (1..=values.len() as u64).collect();
        assert_eq!(*values, expected, "key {key}");
        assert!(values.len() <= 32, "key {key} was not retired");
    }
}

#[test]
fn every_worker_reads_every_register_at_the_end() {
    let events = whole_run(&RwRegister, &options(4, 30), 1500);
    let keys = |event: &perjury_checkers::Event| -> BTreeSet<u64> {
        let steps = event.value.as_array().unwrap();
        steps.iter().map(|step| step[1].as_u64().unwrap()).collect()
    };
    let used: BTreeSet<u64> = events.iter().take(3000).flat_map(keys).collect();
    let mut read: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for event in events.iter().skip(3000).filter(|event| event.kind == Kind::Ok) {
        let worker = event.process.client().unwrap() % 6;
        read.entry(worker).or_default().extend(keys(event));
    }
    assert_eq!(read.len(), 6);
    assert!(read.values().all(|read| read.is_superset(&used)), "{used:?} and {read:?}");
}

#[test]
fn the_truth_is_accepted_and_a_value_from_nowhere_is_not() {
    let mut events = whole_run(&RwRegister, &options(4, 30), 1500);
    assert_verdict(&RwRegister, &events, Verdict::Valid);
    let last = events.iter_mut().rev().find_map(|event| {
        let read = |step: &&mut Value| step[0] == "r" && step[2].is_u64();
        (event.kind == Kind::Ok).then(|| event.value.as_array_mut()?.iter_mut().find(read))?
    });
    last.unwrap()[2] = json!(1_000_000);
    assert_verdict(&RwRegister, &events, Verdict::Invalid);
}

#[test]
fn only_what_is_said_of_keys_is_assumed_of_them() {
    let assumed = |pairs: &[(&str, &str)]| {
        let inference = judge(&with(pairs)).unwrap().inference;
        [inference.wfr_keys, inference.sequential_keys, inference.linearizable_keys]
    };
    assert_eq!(assumed(&[]), [true, false, false]);
    assert_eq!(assumed(&[("consistency-model", "read-committed")]), [false; 3]);
    assert_eq!(assumed(&[("linearizable-keys", "true")]), [true, false, true]);
    assert_eq!(
        assumed(&[("wfr-keys", "false"), ("sequential-keys", "true")]),
        [false, true, false]
    );
    let refused = |pairs: &[(&str, &str)]| RwRegister.validate(&with(pairs)).unwrap_err();
    assert!(refused(&[("consistency-model", "strict")]).starts_with("there is no consistency"));
    assert!(refused(&[("linearizable-keys", "yes")]).contains("linearizable-keys=true"));
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong_in_real_time_alone() {
    assert_beginnings_valid(&RwRegister, &options(4, 30));
    assert!(!RwRegister.shows_anomalies_early(&with(&[("consistency-model", "serializable")])));
}
