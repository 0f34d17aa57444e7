//! Data that merges: every order of updates that is possible makes the same state.

use super::core::Core;
use super::data::{Local, Update};
use super::rules::Rules;
use crate::command::Key;
use serde_json::{Value, json};
use std::sync::Arc;

fn key() -> Key {
    Key::from(&json!("k"))
}

fn node(name: &str, rules: Rules) -> Core {
    Core::new(name.to_owned(), rules)
}

/// Makes an update and applies it, as after it was written.
fn make(core: &mut Core, command: Local) -> Update {
    let (update, _) = core.draft(&command).unwrap();
    core.apply(Arc::new(update.clone()));
    update
}

fn read(core: &Core, command: &Local) -> Value {
    core.read(command).unwrap().value
}

/// One node asks another for what it has not seen.
fn pull(to: &mut Core, from: &Core) {
    let missing = from.missing(&to.seen(), 100);
    to.acceptable(missing).into_iter().for_each(|update| to.apply(update));
}

#[test]
fn concurrent_values_stand_beside_each_other_until_one_who_saw_them_replaces_them() {
    let put = |value: i64| Local::Put { key: key(), value: json!(value) };
    let values = Local::Values { key: key() };
    let (mut a, mut b) = (node("1.a", Rules::CORRECT), node("2.b", Rules::CORRECT));
    make(&mut a, put(1));
    make(&mut b, put(2));
    pull(&mut a, &b);
    pull(&mut b, &a);
    assert_eq!((read(&a, &values), read(&b, &values)), (json!([1, 2]), json!([1, 2])));
    make(&mut a, put(3));
    pull(&mut b, &a);
    assert_eq!(read(&b, &values), json!([3]));
    assert_eq!(read(&a, &Local::Digest), read(&b, &Local::Digest));
}

#[test]
fn an_add_that_a_remove_has_not_seen_wins() {
    let insert = Local::Insert { key: key(), element: 7 };
    let remove = Local::Remove { key: key(), element: 7 };
    let elements = Local::Elements { key: key() };
    let (mut a, mut b) = (node("1.a", Rules::CORRECT), node("2.b", Rules::CORRECT));
    make(&mut a, insert.clone());
    assert!(b.draft(&remove).is_err());
    pull(&mut b, &a);
    make(&mut b, remove);
    make(&mut a, insert);
    pull(&mut a, &b);
    pull(&mut b, &a);
    assert_eq!((read(&a, &elements), read(&b, &elements)), (json!([7]), json!([7])));
}

#[test]
fn updates_wait_for_those_that_their_maker_had_seen_and_count_once() {
    let add = |by: i64| Local::Add { key: key(), by };
    let total = Local::Total { key: key() };
    let (mut a, mut b, mut c) =
        (node("1.a", Rules::CORRECT), node("2.b", Rules::CORRECT), node("3.c", Rules::CORRECT));
    let first = make(&mut a, add(5));
    pull(&mut b, &a);
    let second = make(&mut b, add(-2));
    c.apply(Arc::new(second.clone()));
    assert_eq!(read(&c, &total), 0);
    for update in [&first, &second, &first, &second] {
        c.apply(Arc::new(update.clone()));
    }
    assert_eq!(read(&c, &total), 3);
    let again = Rules { counts_again: true, ..Rules::CORRECT };
    let mut wrong = node("4.d", again);
    for update in [&first, &first] {
        wrong.apply(Arc::new(update.clone()));
    }
    assert_eq!(read(&wrong, &total), 10);
}

#[test]
fn the_last_write_is_the_same_everywhere() {
    let write = |value: i64| Local::Write { key: key(), value: json!(value) };
    let (mut a, mut b) = (node("1.a", Rules::CORRECT), node("2.b", Rules::CORRECT));
    let one = make(&mut a, write(1));
    let two = make(&mut b, write(2));
    let mut others = (node("3.c", Rules::CORRECT), node("4.d", Rules::CORRECT));
    for update in [&one, &two] {
        others.0.apply(Arc::new(update.clone()));
    }
    for update in [&two, &one] {
        others.1.apply(Arc::new(update.clone()));
    }
    let register = Local::Read { key: key() };
    assert_eq!(read(&others.0, &register), read(&others.1, &register));
    // Whoever has seen a write overwrites it.
    pull(&mut b, &a);
    make(&mut b, write(3));
    pull(&mut a, &b);
    assert_eq!(read(&a, &register), 3);
}
