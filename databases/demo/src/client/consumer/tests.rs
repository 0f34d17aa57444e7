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

fn new() -> Consumer {
    Consumer::new("me")
}

fn poll(key: i64, from: u64, skip: u64) -> Operation {
    Operation::Poll { key: Key::from(&json!(key)), from, skip, most: BATCH, member: None }
}

/// A consumer of logs 1 and 2, in which there are 5 and no records.
fn consumer(value: Value) -> Consumer {
    let mut consumer = new();
    let op = Op::new("assign", value.clone());
    assert_eq!(consumer.completed(&op, done(json!([5, 0]))), Ok(value));
    consumer
}

/// A member that has log 2 of logs 1 and 2 in generation 7, from offset 5 on.
fn member() -> Consumer {
    let mut consumer = new();
    let (op, told) = (Op::new("subscribe", json!([1, 2])), done(json!([[7, [[2, 5]]]])));
    assert_eq!(consumer.completed(&op, told), Ok(json!([1, 2])));
    consumer
}

#[test]
fn who_is_assigned_logs_polls_them_from_their_ends_or_beginnings() {
    let tail = consumer(json!([1, 2]));
    assert_eq!(operations(&tail, "poll", json!([["poll"]])), [poll(1, 5, 0), poll(2, 0, 0)]);
    let all = consumer(json!({"keys": [1, 2], "from": "beginning"}));
    let twice = operations(&all, "txn", json!([["poll"], ["send", 1, 9], ["poll"]]));
    assert_eq!(twice[..2], [poll(1, 0, 0), poll(2, 0, 0)]);
    assert_eq!(twice[3..], [poll(1, 0, BATCH), poll(2, 0, BATCH)]);
}

#[test]
fn answers_have_offsets_and_move_the_consumer() {
    let mut consumer = consumer(json!([1, 2]));
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
fn a_member_commits_what_it_has_got_when_it_polls_again() {
    let mut member = member();
    let asked = || json!([["poll"]]);
    let commit = |member: &Consumer, position| Operation::Commit {
        key: Key::from(&json!(2)),
        member: member.member(),
        position,
    };
    let first = operations(&member, "poll", asked());
    assert_eq!(first[0], commit(&member, 5));
    assert!(matches!(&first[1], Operation::Attend { logs, .. } if logs.len() == 2));
    let claim = member.member();
    assert_eq!((claim.generation, &claim.claims[..]), (7, &[Key::from(&json!(2))][..]));
    assert!(matches!(first[2], Operation::Poll { from: 0, .. }), "it is not its own");
    assert!(matches!(&first[3], Operation::Poll { from: 5, member: Some(by), .. } if *by == claim));
    let told = done(json!([null, [7, [[2, 5]]], null, [[5, "x"]]]));
    let seen = json!([["poll", {"2": [[5, "x"]]}, {"generation": 7, "keys": [2]}]]);
    assert_eq!(member.completed(&Op::new("poll", asked()), told), Ok(seen));
    assert_eq!(operations(&member, "poll", asked())[0], commit(&member, 6));
    assert_eq!(operations(&member, "send", json!([["send", 1, 2]])).len(), 1);
}

#[test]
fn a_new_generation_says_anew_what_is_its_own_and_from_where() {
    let mut member = member();
    let told = done(json!([null, [8, [[1, 3]]], [[3, "x"]], null]));
    let seen = json!([["poll", {"1": [[3, "x"]]}, {"generation": 8, "keys": [1]}]]);
    assert_eq!(member.completed(&Op::new("poll", json!([["poll"]])), told), Ok(seen));
    assert_eq!(member.logs, [(json!(1), 4)]);
    // What cannot be understood moves nothing.
    let short = done(json!([null, [9, [[2, 0]]], []]));
    assert!(member.completed(&Op::new("poll", json!([["poll"]])), short).is_err());
    assert_eq!((member.member().generation, &member.logs[..]), (8, &[(json!(1), 4)][..]));
    // Who takes logs for itself leaves the group.
    let left = operations(&member, "assign", json!([1]));
    assert!(matches!(left[..], [Operation::End { .. }, Operation::Leave { .. }]));
    member.completed(&Op::new("assign", json!([1])), done(json!([4, null]))).unwrap();
    assert_eq!(operations(&member, "poll", json!([["poll"]])), [poll(1, 4, 0)]);
}

#[test]
fn other_operations_are_no_commands() {
    let consumer = new();
    for (f, value) in [
        ("read", json!(null)),
        ("txn", json!([["r", 1]])),
        ("send", json!(1)),
        ("assign", json!(1)),
    ] {
        assert!(consumer.command(&Op::new(f, value)).is_none(), "{f}");
    }
}
