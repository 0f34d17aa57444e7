//! Tests of the G2 workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict};
use crate::testing::{operations, options, whole_run};
use perjury_checkers::{Kind, Verdict};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&G2);
}

#[test]
fn inserts_come_in_pairs_of_one_key_and_two_tables() {
    let asked = operations(&G2, &options(1, 1), 7, 3000, |_| 1);
    let inserts: Vec<&Op> = asked.iter().filter(|op| &*op.f == "insert").collect();
    assert!((2600..2950).contains(&inserts.len()), "{}", inserts.len());
    for (at, op) in inserts.iter().enumerate() {
        assert_eq!(op.value, json!([at / 2, at]));
    }
}

#[test]
fn the_truth_is_accepted_and_two_rows_are_not() {
    let mut events = whole_run(&G2, &options(1, 1), 800);
    assert_verdict(&G2, &events, Verdict::Valid);
    let failed = events.iter().position(|event| event.kind == Kind::Fail).unwrap();
    events[failed].kind = Kind::Ok;
    assert_verdict(&G2, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&G2, &options(1, 1));
}
