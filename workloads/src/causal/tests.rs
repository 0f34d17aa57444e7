//! Tests of the causal workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Causal);
}

#[test]
fn values_are_written_once_and_two_different_keys_are_read() {
    let mut written = BTreeSet::new();
    for op in operations(&Causal, &options(4, 50), 7, 3000, |_| 1) {
        let steps = op.value.as_array().unwrap();
        if steps[0][0] == "w" {
            assert!(written.insert((steps[0][1].to_string(), steps[0][2].to_string())));
        } else if steps.len() == 2 {
            assert_ne!(steps[0][1], steps[1][1]);
        }
    }
    assert!((1350..1650).contains(&written.len()), "{}", written.len());
    let single = operations(&Causal, &with(&[("atomic-reads", "false")]), 7, 500, |_| 1);
    assert!(single.iter().all(|op| op.value.as_array().unwrap().len() == 1));
}

#[test]
fn the_truth_is_accepted_and_a_read_that_goes_back_is_not() {
    let mut events = whole_run(&Causal, &options(4, 50), 1500);
    assert_verdict(&Causal, &events, Verdict::Valid);
    // A process reads null of a key that it has written.
    let mut written: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let knows = |written: &mut BTreeMap<u32, BTreeSet<String>>, event: &Event| {
        let process = event.process.client().unwrap();
        let step = &event.value[0];
        let of = written.entry(process).or_default();
        if event.kind == Kind::Ok && step[0] == "w" {
            of.insert(step[1].to_string());
        }
        event.kind == Kind::Ok && step[0] == "r" && of.contains(&step[1].to_string())
    };
    let read = events.iter().position(|event| knows(&mut written, event)).unwrap();
    events[read].value[0][2] = json!(null);
    assert_verdict(&Causal, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&Causal, &options(4, 50));
    let refused = Causal.validate(&with(&[("consistency-model", "serializable")])).unwrap_err();
    assert!(refused.contains("read-your-writes"), "{refused}");
}
