//! Operations as commands of one node, answers as values.

use super::LocalWorkload;
use crate::gossip::{Answer, Seen};
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};

#[test]
fn operations_that_no_workload_has_are_not_commands() {
    for (workload, f, value) in [
        (LocalWorkload::Registers, "add", json!([1, 2])),
        (LocalWorkload::Registers, "read", json!(1)),
        (LocalWorkload::Counter, "add", json!([1, "two"])),
        (LocalWorkload::Counter, "digest", Value::Null),
        (LocalWorkload::OrSet, "write", json!([1, 2])),
        (LocalWorkload::Siblings, "remove", json!([1, 2])),
        (LocalWorkload::Set, "add", json!([1, 2])),
    ] {
        let op = Op::new(f, value);
        assert!(workload.command(&op).is_err(), "{workload:?} {op:?}");
    }
}

#[test]
fn answers_come_with_what_the_node_had_seen() {
    let answer = |value: Value| {
        let seen = Seen::from([("1.a".to_owned(), 2)]);
        Answer { value, seen, replaced: Some(vec![json!(4)]) }
    };
    let done = |workload: LocalWorkload, f: &str, value: Value, found: Value| {
        workload.completed(&Op::new(f, value), answer(found))
    };
    assert_eq!(
        done(LocalWorkload::Registers, "read", json!([1, null]), json!(7)),
        Ok(json!([1, 7, {"seen": {"1.a": 2}}]))
    );
    assert_eq!(
        done(LocalWorkload::Registers, "digest", Value::Null, json!("ab")),
        Ok(json!({"digest": "ab", "seen": {"1.a": 2}}))
    );
    assert_eq!(
        done(LocalWorkload::Siblings, "write", json!([1, 5]), Value::Null),
        Ok(json!([1, 5, {"replaced": [4]}]))
    );
    assert_eq!(done(LocalWorkload::Set, "read", Value::Null, json!([1])), Ok(json!([1])));
    let wrong = done(LocalWorkload::OrSet, "read", json!([1, null]), json!(3));
    assert!(matches!(wrong, Err(Failure::Unexpected(_))), "{wrong:?}");
}
