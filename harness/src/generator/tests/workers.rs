//! Who does what: clients, nemesis, ranges of workers, each worker.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn operations_for_clients_never_reach_the_nemesis_by_accident() {
    let everyone = play(ops("a", 20), 10 * MS);
    assert!(everyone.iter().all(|event| event.process != Process::Nemesis));
    let clients = play(on_clients(ops("a", 20)), 10 * MS);
    assert!(clients.iter().all(|event| event.process != Process::Nemesis));
    let nemesis = play(on_nemesis(ops("kill", 3)), 10 * MS);
    assert!(nemesis.iter().all(|event| event.process == Process::Nemesis));
    assert_eq!(times(&nemesis), [0, 10, 20]);
    assert_eq!(words(&play(each_thread(ops("a", 1)), 0)).len(), 3);
}

#[test]
fn clients_and_nemesis_go_side_by_side() {
    let faults = ops("kill", 3).delay(ms(20));
    let events = play(clients_and_nemesis(ops("a", 30).delay(ms(2)), faults), MS);
    let calls = begun(&events);
    assert_eq!(calls.len(), 33);
    let kills: Vec<_> = calls.iter().filter(|call| call.2 == "kill").map(|call| call.0).collect();
    assert_eq!(kills, [0, 20, 40]);
    assert!(calls.iter().all(|call| (call.2 == "kill") == (call.1 == Process::Nemesis)));
}

#[test]
fn reserve_keeps_workers_for_their_generators() {
    let generator = reserve(vec![(2, count("write")), (3, count("cas"))], count("read"));
    let simulation = Simulation::new(10, 5);
    let events = simulate(on_clients(generator).limit(1000), &simulation, takes(MS));
    let mut by_f: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for (_, process, f, _) in begun(&events) {
        by_f.entry(f).or_default().insert(process.client().unwrap());
    }
    assert_eq!(by_f["write"], (0..2).collect());
    assert_eq!(by_f["cas"], (2..5).collect());
    assert_eq!(by_f["read"], (5..10).collect());
}

#[test]
fn reserve_shares_a_common_rate_by_workers() {
    let generator = reserve(vec![(2, count("write"))], count("read")).delay(ms(1)).limit(5000);
    let events = simulate(on_clients(generator), &Simulation::new(10, 5), takes(MS / 2));
    let writes = begun(&events).iter().filter(|call| call.2 == "write").count();
    assert!((900..1100).contains(&writes), "{writes} of 5000 by 2 of 10 workers");
}

#[test]
fn reserve_without_workers_for_some_still_ends() {
    let generator = reserve(vec![(3, ops("a", 4)), (2, ops("b", 4))], ops("c", 4));
    assert_eq!(words(&play(on_clients(generator), 0)).len(), 4);
}

#[test]
fn each_thread_and_each_process_have_generators_of_their_own() {
    let crash_often = || imperfect(3);
    let simulation = Simulation::new(3, 3);
    let threads = simulate(each_thread(on_clients(ops("a", 4))), &simulation, crash_often());
    let mut by_worker: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    for (_, process, _, value) in begun(&threads) {
        by_worker.entry(process.client().unwrap() % 3).or_default().push(value);
    }
    assert_eq!(by_worker.len(), 3);
    assert!(by_worker.values().all(|values| *values == [0, 1, 2, 3].map(|n| json!(n))));
    // On each worker every third call, the second first, ends the process: of four calls each
    // process makes three at the most, except where it crashes earlier.
    let processes = simulate(each_process(ops("a", 4)).limit(60), &simulation, crash_often());
    let mut by_process: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    for (_, process, _, value) in begun(&processes) {
        by_process.entry(process.client().unwrap()).or_default().push(value);
    }
    assert!(by_process.len() > 15, "{by_process:?}");
    let counted_from_0 = |values: &Vec<Value>| {
        values.iter().enumerate().all(|(position, value)| *value == json!(position))
    };
    assert!(by_process.values().all(counted_from_0), "{by_process:?}");
}

#[test]
fn each_thread_waits_for_the_slow_ones_own_pauses() {
    let own = each_thread_fn(|worker| {
        concat(vec![sleep(ms(10 * worker as u64)), op(Op::new("a", json!(worker)))])
    });
    let events = play(own, 0);
    assert_eq!(words(&events), ["a 0", "a 1", "a 2"]);
    assert_eq!(times(&events), [0, 10, 20]);
}

#[test]
fn sets_of_workers() {
    let some: Workers =
        [Worker::Client(3), Worker::Client(700), Worker::Nemesis].into_iter().collect();
    assert_eq!(some.len(), 3);
    assert_eq!(some.iter().last(), Some(Worker::Nemesis));
    assert_eq!(some.client_numbers().collect::<Vec<_>>(), [3, 700]);
    assert!(some.contains(Worker::Client(700)) && !some.contains(Worker::Client(5000)));
    let clients = Workers::clients(MAX_WORKERS);
    assert_eq!(clients.len(), MAX_WORKERS);
    assert_eq!(some.and(&clients), some.without_nemesis());
    assert_eq!(some.minus(&clients), Workers::nemesis());
    assert!(Workers::none().is_empty() && !Workers::nemesis().is_empty());
    assert_eq!(some.usable(), some.without_nemesis());
    assert_eq!(Workers::nemesis().usable(), Workers::nemesis());
}
