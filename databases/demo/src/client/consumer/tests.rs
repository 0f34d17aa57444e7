//! A consumer moves on with what it has got, and with nothing else.

use super::*;

fn done(results: Value) -> Outcome {
    Outcome::Transaction(results.as_array().unwrap().clone())
}

fn operations(consumer: &Consumer, f: &str, value: Value) -> Vec<Operation> {
    match consumer.command(&Op::new(f, value)) {
        Some(Command::Transaction { operations }) => operations,
        other => panic!("{other:?}"),
    }
}

fn poll(key: i64, from: u64, group: Option<Key>) -> Operation {
    Operation::Poll { key: Key::from(&json!(key)), from, most: BATCH, group }
}

/// A consumer of logs 1 and 2, in which there are 5 and no records.
fn consumer(f: &str, value: Value) -> Consumer {
    let mut consumer = Consumer::default();
    let op = Op::new(f, value.clone());
    assert_eq!(consumer.completed(&op, done(json!([5, 0]))), Ok(value));
    consumer
}

#[test]
fn who_is_assigned_logs_polls_them_from_their_ends_or_beginnings() {
    let tail = consumer("assign", json!([1, 2]));
    assert_eq!(operations(&tail, "poll", json!([["poll"]])), [poll(1, 5, None), poll(2, 0, None)]);
    let all = consumer("assign", json!({"keys": [1, 2], "from": "beginning"}));
    let twice = operations(&all, "txn", json!([["poll"], ["send", 1, 9], ["poll"]]));
    assert_eq!(twice[..2], [poll(1, 0, None), poll(2, 0, None)]);
    assert_eq!(twice[3..], [poll(1, BATCH, None), poll(2, BATCH, None)]);
}

#[test]
fn answers_have_offsets_and_move_the_consumer() {
    let mut consumer = consumer("assign", json!([1, 2]));
    let op = Op::new("txn", json!([["send", 7, "a"], ["poll"]]));
    let answer = consumer.completed(&op, done(json!([3, [[5, "x"], [6, "y"]], []])));
    let seen = json!({"1": [[5, "x"], [6, "y"]], "2": []});
    assert_eq!(answer, Ok(json!([["send", 7, [3, "a"]], ["poll", seen]])));
    assert_eq!(consumer.logs, [(json!(1), 7), (json!(2), 0)]);
    // An answer that does not fit moves nothing.
    let short = consumer.completed(&op, done(json!([3, [[7, "z"]]])));
    assert!(matches!(short, Err(Failure::Unexpected(_))));
    assert_eq!(consumer.logs, [(json!(1), 7), (json!(2), 0)]);
}

#[test]
fn a_member_of_the_group_commits_what_it_has_got_when_it_polls_again() {
    let mut member = consumer("subscribe", json!([1, 2]));
    let asked = || json!([["poll"]]);
    let commit =
        |position| Operation::Commit { key: Key::from(&json!(1)), group: group(), position };
    let first = operations(&member, "poll", asked());
    assert_eq!(first, [poll(1, 5, Some(group())), poll(2, 0, Some(group())), commit(5)]);
    let answer = done(json!([[[5, "x"]], [], null]));
    assert_eq!(
        member.completed(&Op::new("poll", asked()), answer),
        Ok(json!([["poll", {"1": [[5, "x"]], "2": []}]]))
    );
    assert_eq!(operations(&member, "poll", asked())[2], commit(6));
    assert_eq!(operations(&member, "send", json!([["send", 1, 2]])).len(), 1);
}

#[test]
fn other_operations_are_no_commands() {
    let consumer = Consumer::default();
    for (f, value) in [
        ("read", json!(null)),
        ("txn", json!([["r", 1]])),
        ("send", json!(1)),
        ("assign", json!(1)),
    ] {
        assert!(consumer.command(&Op::new(f, value)).is_none(), "{f}");
    }
}
