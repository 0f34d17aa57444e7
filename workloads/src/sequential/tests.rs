//! Tests of the workload of sequential inserts: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict};
use crate::testing::{operations, options, whole_run};
use perjury_checkers::{Event, Kind, Verdict};
use serde_json::Value;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Sequential);
}

#[test]
fn later_keys_are_read_first() {
    let asked = operations(&Sequential, &options(1, 1), 7, 1000, |_| 1);
    let reads = asked.iter().filter(|op| op.value[0][0] == "r");
    for op in reads {
        let steps = op.value.as_array().unwrap();
        let keys: Vec<u64> = steps.iter().map(|step| step[1].as_u64().unwrap()).collect();
        assert!(keys.windows(2).all(|two| two[0] == two[1] + 1), "{keys:?}");
    }
}

#[test]
fn the_truth_is_accepted_and_a_lost_key_is_not() {
    let mut events = whole_run(&Sequential, &options(1, 1), 800);
    assert_verdict(&Sequential, &events, Verdict::Valid);
    let read = |event: &&mut Event| {
        let steps = event.value.as_array().map(Vec::as_slice).unwrap_or_default();
        event.kind == Kind::Ok && steps.len() == 8 && steps.iter().all(|step| !step[2].is_null())
    };
    let last = events.iter_mut().rev().find(read).unwrap();
    last.value[7][2] = Value::Null;
    assert_verdict(&Sequential, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&Sequential, &options(1, 1));
}
