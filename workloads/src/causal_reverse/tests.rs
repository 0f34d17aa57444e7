//! Tests of the causal reverse workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict};
use crate::testing::{operations, options, whole_run};
use perjury_checkers::{Event, Kind, Verdict};
use serde_json::Value;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&CausalReverse);
}

#[test]
fn keys_come_in_order_and_the_latest_are_read() {
    let asked = operations(&CausalReverse, &options(1, 1), 7, 3000, |_| 1);
    let mut next = 0;
    for op in &asked {
        let steps = op.value.as_array().unwrap();
        let keys: Vec<u64> = steps.iter().map(|step| step[1].as_u64().unwrap()).collect();
        if steps[0][0] == "w" {
            assert_eq!(keys, [next]);
            next += 1;
        } else {
            assert!(keys.iter().all(|key| *key < next + 4 && key + 4 >= next), "{next} {keys:?}");
        }
    }
    assert!((1350..1650).contains(&next), "{next}");
}

#[test]
fn the_truth_is_accepted_and_a_missing_cause_is_not() {
    let mut events = whole_run(&CausalReverse, &options(1, 1), 800);
    assert_verdict(&CausalReverse, &events, Verdict::Valid);
    // The final reads list the latest first, so the last step is the oldest key.
    let read = |event: &&mut Event| {
        let steps = event.value.as_array().map(Vec::as_slice).unwrap_or_default();
        event.kind == Kind::Ok && steps.len() == 8 && steps.iter().all(|step| !step[2].is_null())
    };
    let last = events.iter_mut().rev().find(read).unwrap();
    last.value[7][2] = Value::Null;
    assert_verdict(&CausalReverse, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&CausalReverse, &options(1, 1));
}
