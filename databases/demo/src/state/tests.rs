//! The state machine's rules, one structure at a time.

use super::State;
use crate::command::{Command, Key, Member, Operation, Outcome};
use serde_json::{Value, json};

fn key(value: impl Into<Value>) -> Key {
    Key::from(&value.into())
}

fn read(state: &State, name: &str) -> Value {
    match state.read(&Command::RegisterRead { key: key(name) }) {
        Outcome::Value(value) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_register_holds_null_until_written() {
    let mut state = State::default();
    assert_eq!(read(&state, "x"), Value::Null);
    state.apply(&Command::RegisterWrite { key: key("x"), value: json!(1) });
    assert_eq!(read(&state, "x"), json!(1));
    assert_eq!(read(&state, "y"), Value::Null);
}

#[test]
fn keys_of_different_types_are_different_keys() {
    let mut state = State::default();
    state.apply(&Command::RegisterWrite { key: key(1), value: json!("number") });
    state.apply(&Command::RegisterWrite { key: key("1"), value: json!("text") });
    let read = |key| state.read(&Command::RegisterRead { key });
    assert_eq!(read(key(1)), Outcome::Value(json!("number")));
    assert_eq!(read(key("1")), Outcome::Value(json!("text")));
}

#[test]
fn compare_and_set_changes_nothing_when_it_compares_unequal() {
    let mut state = State::default();
    let cas = |old: Value, new: Value| Command::RegisterCompareAndSet { key: key("x"), old, new };
    assert_eq!(state.apply(&cas(Value::Null, json!(1))), Outcome::Done);
    let before = state.clone();
    assert!(matches!(state.apply(&cas(json!(2), json!(3))), Outcome::Declined(_)));
    assert_eq!(state, before);
    assert_eq!(state.apply(&cas(json!(1), json!(2))), Outcome::Done);
    assert_eq!(read(&state, "x"), json!(2));
}

#[test]
fn a_transaction_sees_its_own_writes_in_order() {
    let mut state = State::default();
    let list = || key("l");
    let operations = vec![
        Operation::ReadList { key: list() },
        Operation::Append { key: list(), element: json!(1) },
        Operation::ReadList { key: list() },
        Operation::WriteRegister { key: list(), value: json!("r") },
        Operation::Append { key: list(), element: json!(2) },
        Operation::ReadList { key: list() },
        Operation::ReadRegister { key: list() },
    ];
    let outcome = state.apply(&Command::Transaction { operations });
    let expected =
        vec![json!([]), json!(null), json!([1]), json!(null), json!(null), json!([1, 2])];
    let expected = expected.into_iter().chain([json!("r")]).collect();
    assert_eq!(outcome, Outcome::Transaction(expected));
}

#[test]
fn a_read_only_transaction_can_be_read_and_a_writing_one_cannot() {
    let state = State::default();
    let reading =
        vec![Operation::ReadList { key: key(1) }, Operation::ReadRegister { key: key(1) }];
    let outcome = state.read(&Command::Transaction { operations: reading });
    assert_eq!(outcome, Outcome::Transaction(vec![json!([]), Value::Null]));
    let writing = vec![Operation::Append { key: key(1), element: json!(1) }];
    let outcome = state.read(&Command::Transaction { operations: writing });
    assert!(matches!(outcome, Outcome::Declined(_)));
}

#[test]
fn a_set_has_each_element_once_and_in_order() {
    let mut state = State::default();
    for element in [3, 1, 3, -2] {
        state.apply(&Command::SetAdd { key: key("s"), element });
    }
    let outcome = state.read(&Command::SetRead { key: key("s") });
    assert_eq!(outcome, Outcome::Elements(vec![-2, 1, 3]));
}

#[test]
fn a_counter_adds_and_declines_to_overflow() {
    let mut state = State::default();
    let add = |by| Command::CounterAdd { key: key("c"), by };
    let count = |state: &State| state.read(&Command::CounterRead { key: key("c") });
    state.apply(&add(5));
    state.apply(&add(-7));
    assert_eq!(count(&state), Outcome::Value(json!(-2)));
    assert!(matches!(state.apply(&add(i64::MIN)), Outcome::Declined(_)));
    assert_eq!(count(&state), Outcome::Value(json!(-2)));
}

#[test]
fn the_lock_has_one_owner_at_a_time() {
    let mut state = State::default();
    let acquire = |name: &str| Command::LockAcquire { owner: key(name), at: 0 };
    let release = |name: &str| Command::LockRelease { owner: key(name) };
    assert_eq!(state.apply(&acquire("a")), Outcome::Value(json!(1)));
    assert!(matches!(state.apply(&acquire("b")), Outcome::Declined(_)));
    assert!(matches!(state.apply(&acquire("a")), Outcome::Declined(_)), "it is not reentrant");
    assert!(matches!(state.apply(&release("b")), Outcome::Declined(_)));
    assert_eq!(state.apply(&release("a")), Outcome::Done);
    assert_eq!(state.apply(&acquire("b")), Outcome::Value(json!(2)));
}

#[test]
fn a_lock_that_is_not_released_is_lost_after_its_lease() {
    let mut state = State::default();
    let acquire = |name: &str, at| Command::LockAcquire { owner: key(name), at };
    assert_eq!(state.apply(&acquire("a", 5_000)), Outcome::Value(json!(1)));
    for at in [5_000, 6_999, 3_000] {
        assert!(matches!(state.apply(&acquire("b", at)), Outcome::Declined(_)), "at {at}");
    }
    assert_eq!(state.apply(&acquire("b", 7_000)), Outcome::Value(json!(2)));
    let release = Command::LockRelease { owner: key("a") };
    assert!(matches!(state.apply(&release), Outcome::Declined(_)));
}

#[test]
fn the_queue_gives_out_each_element_once_and_in_order() {
    let mut state = State::default();
    assert!(matches!(state.apply(&Command::Dequeue), Outcome::Declined(_)));
    for element in 1..=4 {
        state.apply(&Command::Enqueue { element: json!(element) });
    }
    assert_eq!(state.apply(&Command::Dequeue), Outcome::Value(json!(1)));
    assert_eq!(state.apply(&Command::Drain), Outcome::Value(json!([2, 3, 4])));
    assert_eq!(state.apply(&Command::Drain), Outcome::Value(json!([])));
}

#[test]
fn an_addition_that_leaves_too_little_undoes_its_transaction() {
    let mut state = State::default();
    let add =
        |name: &str, by, least| Operation::AddToRegister { key: key(name), by, initial: 10, least };
    let transfer = |amount| Command::Transaction {
        operations: vec![add("b", amount, None), add("a", -amount, Some(0))],
    };
    assert_eq!(state.apply(&transfer(7)), Outcome::Transaction(vec![Value::Null; 2]));
    assert_eq!([read(&state, "a"), read(&state, "b")], [json!(3), json!(17)]);
    let before = state.clone();
    assert!(matches!(state.apply(&transfer(4)), Outcome::Declined(_)));
    assert!(matches!(state.apply(&transfer(i64::MAX)), Outcome::Declined(_)));
    state.apply(&Command::RegisterWrite { key: key("c"), value: json!("text") });
    let text = Command::Transaction { operations: vec![add("a", 1, None), add("c", 1, None)] };
    assert!(matches!(state.apply(&text), Outcome::Declined(_)));
    assert_eq!([read(&state, "a"), read(&state, "b")], [read(&before, "a"), read(&before, "b")]);
}

#[test]
fn a_part_answers_the_read_that_it_was_made_for() {
    let mut state = State::default();
    for name in ["a", "b"] {
        state.apply(&Command::Transaction {
            operations: vec![
                Operation::Append { key: key(name), element: json!(name) },
                Operation::WriteRegister { key: key(name), value: json!(name) },
            ],
        });
    }
    let operations =
        vec![Operation::ReadList { key: key("a") }, Operation::ReadRegister { key: key("b") }];
    let read = Command::Transaction { operations };
    let part = state.only(&read);
    assert_eq!(part.read(&read), state.read(&read));
    assert_ne!(part, state);
}

#[test]
fn identifiers_grow_and_what_is_required_decides_about_the_whole_transaction() {
    let mut state = State::default();
    assert_eq!(state.apply(&Command::GenerateId), Outcome::Value(json!(1)));
    assert_eq!(state.apply(&Command::GenerateId), Outcome::Value(json!(2)));
    let insert = |element: u64| Command::Transaction {
        operations: vec![
            Operation::RequireList { key: key("a"), length: 0 },
            Operation::RequireRegister { key: key("r"), value: Value::Null },
            Operation::Append { key: key("a"), element: json!(element) },
        ],
    };
    assert_eq!(state.apply(&insert(1)), Outcome::Transaction(vec![Value::Null; 3]));
    let before = state.clone();
    assert!(
        matches!(state.apply(&insert(2)), Outcome::Declined(why) if why.contains("1 elements"))
    );
    assert_eq!(state, before);
}

#[test]
fn a_counter_can_be_reset_and_a_queue_be_taken_from_further_on() {
    let mut state = State::default();
    let counter = || key("c");
    state.apply(&Command::CounterAdd { key: counter(), by: 5 });
    assert_eq!(state.apply(&Command::CounterReset { key: counter(), value: 2 }), Outcome::Done);
    state.apply(&Command::CounterAdd { key: counter(), by: -3 });
    let read = Command::CounterRead { key: counter() };
    assert_eq!(state.read(&read), Outcome::Value(json!(-1)));
    for element in 1..=3 {
        state.apply(&Command::Enqueue { element: json!(element) });
    }
    for (position, taken) in [(1, 2), (9, 3), (0, 1)] {
        let dequeue = Command::DequeueFrom { position };
        assert_eq!(state.apply(&dequeue), Outcome::Value(json!(taken)));
    }
    assert!(matches!(state.apply(&Command::DequeueFrom { position: 0 }), Outcome::Declined(_)));
}

#[test]
fn logs_are_read_from_an_offset_and_not_what_the_same_transaction_sends() {
    let key = || Key::from(&json!("log"));
    let send = |value: i64| Operation::Send { key: key(), value: json!(value) };
    let poll = |from| Operation::Poll { key: key(), from, skip: 0, most: 2, member: None };
    let mut state = State::default();
    let mut run =
        |operations: Vec<Operation>| match state.apply(&Command::Transaction { operations }) {
            Outcome::Transaction(results) => json!(results),
            other => panic!("{other:?}"),
        };
    assert_eq!(run(vec![send(5), poll(0), send(6), send(7)]), json!([0, [], 1, 2]));
    assert_eq!(run(vec![poll(0), poll(2)]), json!([[[0, 5], [1, 6]], [[2, 7]]]));
    assert_eq!(run(vec![Operation::End { key: key() }]), json!([3]));
}

/// A group of two logs with three records each.
struct Group(State);

impl Group {
    fn new() -> Self {
        let mut group = Self(State::default());
        for log in [1, 2] {
            let sends =
                (0..3).map(|value| Operation::Send { key: log_key(log), value: json!(value) });
            group.run(sends.collect());
        }
        group
    }

    fn run(&mut self, operations: Vec<Operation>) -> Value {
        match self.0.apply(&Command::Transaction { operations }) {
            Outcome::Transaction(results) => json!(results),
            other => panic!("{other:?}"),
        }
    }

    /// The generation and the logs of a member that is there at some time.
    fn attend(&mut self, name: &str, at: u64, trusting: bool) -> Value {
        let (member, logs) = (member(name, 0), vec![log_key(1), log_key(2)]);
        self.run(vec![Operation::Attend { member, logs, trusting, at }])[0].take()
    }

    fn commit(&mut self, name: &str, generation: u64, log: i64, position: u64) {
        let member = member(name, generation);
        self.run(vec![Operation::Commit { key: log_key(log), member, position }]);
    }
}

fn log_key(number: i64) -> Key {
    Key::from(&json!(number))
}

fn member(name: &str, generation: u64) -> Member {
    let claims = vec![log_key(1), log_key(2)];
    Member { group: key("group"), name: key(name), generation, claims }
}

#[test]
fn each_log_of_a_group_belongs_to_one_member() {
    let mut group = Group::new();
    assert_eq!(group.attend("a", 1_000, false), json!([1, [[1, 0], [2, 0]]]));
    group.commit("a", 1, 1, 2);
    assert_eq!(group.attend("a", 1_100, false), json!([1, [[1, 2], [2, 0]]]));
    assert_eq!(group.attend("b", 1_200, false), json!([2, [[2, 0]]]));
    assert_eq!(group.attend("a", 1_300, false), json!([2, [[1, 2]]]));
    // Neither what it knew before counts any more, nor what it says of another's log.
    group.commit("a", 1, 1, 3);
    group.commit("a", 2, 2, 3);
    group.commit("b", 2, 2, 1);
    assert_eq!(group.attend("b", 1_400, false), json!([2, [[2, 1]]]));
    group.run(vec![Operation::Leave { member: member("a", 2) }]);
    assert_eq!(group.attend("b", 1_500, false), json!([3, [[1, 2], [2, 1]]]));
}

#[test]
fn members_poll_their_own_logs_from_where_the_group_is() {
    let mut group = Group::new();
    group.attend("a", 1_000, false);
    group.commit("a", 1, 1, 1);
    let poll = |name: &str, generation, from, skip| {
        let member = Some(member(name, generation));
        vec![Operation::Poll { key: log_key(1), from, skip, most: 9, member }]
    };
    assert_eq!(group.run(poll("a", 1, 2, 0)), json!([[[2, 2]]]));
    assert_eq!(group.run(poll("a", 0, 2, 0)), json!([[[1, 1], [2, 2]]]), "of no generation");
    assert_eq!(group.run(poll("a", 0, 2, 1)), json!([[[2, 2]]]));
    assert_eq!(group.run(poll("b", 1, 0, 0)), json!([null]));
}

#[test]
fn who_is_not_heard_of_is_no_member_any_more() {
    for (trusting, claimed) in [(false, json!([[1, 0]])), (true, json!([[1, 0], [2, 0]]))] {
        let mut group = Group::new();
        group.attend("a", 1_000, false);
        group.attend("b", 1_699, false);
        assert_eq!(group.attend("b", 1_699, false)[1], json!([[2, 0]]));
        // A clock that went back makes nobody late.
        assert_eq!(group.attend("b", 500, false)[0], 2);
        assert_eq!(group.attend("b", 1_700, false)[1], json!([[1, 0], [2, 0]]));
        // What it had is not given back to it, but for the bug.
        assert_eq!(group.attend("a", 1_800, trusting)[1], claimed);
    }
}
