//! Tests of the list-append workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_seeded, assert_verdict, operations, options, whole_run};
use perjury_checkers::{Kind, Verdict};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&ListAppend);
}

#[test]
fn transactions_are_short_and_append_unique_values() {
    let operations = operations(&ListAppend, &options(5, 32), 7, 4000, |_| 1);
    let mut appended: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut lengths = BTreeSet::new();
    let (mut reads, mut appends) = (0, 0);
    for op in &operations {
        let steps = op.value.as_array().unwrap();
        lengths.insert(steps.len());
        for step in steps {
            let key = step[1].as_u64().unwrap();
            match step[0].as_str().unwrap() {
                "append" => {
                    appends += 1;
                    appended.entry(key).or_default().push(step[2].as_u64().unwrap());
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
    assert!((0.8..1.25).contains(&(f64::from(reads) / f64::from(appends))), "{reads}, {appends}");
    for (key, values) in &appended {
        let expected: Vec<u64> = (1..=values.len() as u64).collect();
        assert_eq!(*values, expected, "key {key}");
        assert!(values.len() <= 32, "key {key} was not retired");
    }
}

#[test]
fn first_slots_are_fought_over() {
    // Of keys that never retire, the first is touched about half the time.
    let operations = operations(&ListAppend, &options(6, 1_000_000), 7, 4000, |_| 1);
    let mut touched: BTreeMap<u64, usize> = BTreeMap::new();
    for step in operations.iter().flat_map(|op| op.value.as_array().unwrap()) {
        *touched.entry(step[1].as_u64().unwrap()).or_default() += 1;
    }
    let total: usize = touched.values().sum();
    assert_eq!(touched.len(), 6);
    assert!((0.47..0.53).contains(&(touched[&0] as f64 / total as f64)), "{touched:?}");
    assert!(touched[&0] > touched[&1] && touched[&1] > touched[&2], "{touched:?}");
}

#[test]
fn every_worker_reads_every_list_at_the_end() {
    let events = whole_run(&ListAppend, &options(4, 30), 1500);
    let lists = |event: &perjury_checkers::Event| -> BTreeSet<u64> {
        let steps = event.value.as_array().unwrap();
        steps.iter().map(|step| step[1].as_u64().unwrap()).collect()
    };
    let keys: BTreeSet<u64> = events.iter().take(3000).flat_map(lists).collect();
    let mut read: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for event in events.iter().skip(3000).filter(|event| event.kind == Kind::Ok) {
        let worker = event.process.client().unwrap() % 6;
        read.entry(worker).or_default().extend(lists(event));
    }
    assert_eq!(read.len(), 6);
    assert!(read.values().all(|read| read.is_superset(&keys)), "{keys:?} and {read:?}");
}

#[test]
fn the_truth_is_accepted_and_a_lost_append_is_not() {
    let mut events = whole_run(&ListAppend, &options(4, 30), 1500);
    assert_verdict(&ListAppend, &events, Verdict::Valid);
    // The last read of the first list forgets its newest element.
    let last = events.iter_mut().rev().find_map(|event| {
        let steps = event.value.as_array_mut()?;
        let full =
            |step: &&mut Value| step[1] == 0 && step[2].as_array().is_some_and(|l| l.len() > 2);
        (event.kind == Kind::Ok).then(|| steps.iter_mut().find(full)).flatten()
    });
    last.unwrap()[2].as_array_mut().unwrap().pop();
    assert_verdict(&ListAppend, &events, Verdict::Invalid);
}

#[test]
fn an_unknown_consistency_model_is_refused() {
    let mut options = options(4, 30);
    let mut validate = |model: &str| {
        options.set.insert("consistency-model".to_owned(), model.to_owned());
        ListAppend.validate(&options)
    };
    assert_eq!(validate("serializable"), Ok(()));
    let refused = validate("serialisable").unwrap_err();
    assert!(refused.starts_with("there is no consistency model `serialisable`"), "{refused}");
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong_in_real_time_alone() {
    crate::testing::assert_beginnings_valid(&ListAppend, &options(4, 30));
    let mut weaker = options(4, 30);
    weaker.set.insert("consistency-model".to_owned(), "serializable".to_owned());
    assert!(!ListAppend.shows_anomalies_early(&weaker));
}
