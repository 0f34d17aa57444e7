//! Generators for each key.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn per_key(key: &Value) -> BoxGenerator {
    let seed = seed().derive(&key.to_string());
    from_fn(seed, |rng| Op::new("write", json!(below(rng, 100)))).limit(8)
}

/// Values of each key in order, and who wrote them.
fn by_key(events: &[Event]) -> BTreeMap<i64, Vec<(Process, Value)>> {
    let mut keys: BTreeMap<i64, Vec<(Process, Value)>> = BTreeMap::new();
    for (_, process, _, pair) in begun(events) {
        keys.entry(pair[0].as_i64().unwrap()).or_default().push((process, pair[1].clone()));
    }
    keys
}

fn values(events: &[Event]) -> BTreeMap<i64, Vec<Value>> {
    let values = |calls: Vec<(Process, Value)>| calls.into_iter().map(|(_, value)| value).collect();
    by_key(events).into_iter().map(|(key, calls)| (key, values(calls))).collect()
}

#[test]
fn sequential_keys_come_one_after_another() {
    let events = play(on_clients(per_key_sequential(0..5, per_key)), MS);
    let keys: Vec<_> = begun(&events).iter().map(|call| call.3[0].as_i64().unwrap()).collect();
    assert_eq!(keys, (0..5).flat_map(|key| [key; 8]).collect::<Vec<_>>());
}

#[test]
fn concurrent_keys_have_groups_of_workers() {
    let simulation = Simulation::new(10, 5);
    let generator = on_clients(per_key_concurrent(5, 0..6, per_key));
    let events = simulate(generator, &simulation, takes(MS));
    let keys = by_key(&events);
    assert_eq!(keys.len(), 6);
    for (key, calls) in &keys {
        assert_eq!(calls.len(), 8);
        let groups: BTreeSet<_> = calls.iter().map(|call| call.0.client().unwrap() / 5).collect();
        assert_eq!(groups.len(), 1, "key {key} stays with one group");
    }
    let first: BTreeSet<_> =
        begun(&events)[..10].iter().map(|call| call.3[0].as_i64().unwrap()).collect();
    assert_eq!(first, BTreeSet::from([0, 1]), "two keys side by side");
}

#[test]
fn what_happens_to_a_key_depends_on_the_key_alone() {
    let play_with = |latency: u64, concurrency: usize| {
        let generator = on_clients(per_key_concurrent(2, 0..20, per_key));
        values(&simulate(generator, &Simulation::new(concurrency, 3), takes(latency)))
    };
    let first = play_with(0, 4);
    assert_eq!(first.len(), 20);
    assert_eq!(first, play_with(7 * MS, 4));
    assert_eq!(first, play_with(MS, 9));
    let mixed = on_clients(per_key_mixed(seed(), 3, 0..20, per_key));
    assert_eq!(first, values(&play(mixed, MS)));
}

#[test]
fn mixed_keys_have_one_order_over_all_keys() {
    let order = |latency: u64, concurrency: usize| {
        let generator = on_clients(per_key_mixed(seed(), 4, 0.., per_key)).limit(500);
        words(&simulate(generator, &Simulation::new(concurrency, 3), takes(latency)))
    };
    let first = order(0, 5);
    assert_eq!(first.len(), 500);
    assert_eq!(first, order(13 * MS, 5));
    assert_eq!(first, order(MS, 17));
}

#[test]
fn keys_without_operations_are_skipped_and_do_not_loop() {
    let sparse = |key: &Value| if *key == json!(7) { ops("a", 1) } else { nothing() };
    assert_eq!(words(&play(per_key_sequential(0..10, sparse), 0)), ["a [7,0]"]);
    assert_eq!(words(&play(per_key_mixed(seed(), 2, 0..10, sparse), 0)), ["a [7,0]"]);
    assert!(play(per_key_sequential(0.., |_: &Value| nothing()), 0).is_empty());
    assert!(play(per_key_mixed(seed(), 2, 0.., |_: &Value| nothing()), 0).is_empty());
}

#[test]
fn a_keys_generator_learns_of_its_own_events_without_the_key() {
    // Ends each key with its first ok; every third call is one.
    let until_ok = |_: &Value| count("a").until_ok();
    for generator in [
        per_key_sequential(0..4, until_ok),
        per_key_concurrent(1, 0..4, until_ok),
        per_key_mixed(seed(), 2, 0..4, until_ok),
    ] {
        let events = simulate(on_clients(generator), &Simulation::new(1, 1), imperfect(1));
        let oks = events.iter().filter(|event| event.kind == Kind::Ok).count();
        assert_eq!(oks, 4);
        assert_eq!(words(&events).len(), 12);
    }
}
