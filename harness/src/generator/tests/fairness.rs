//! Operations spread evenly over nodes and processes (Jepsen's issue 611 is what happens otherwise).

use super::*;
use crate::rate::Arrival;
use rand::Rng;
use std::sync::Arc;

/// Chi-squared of `counts` against a uniform distribution.
fn chi_squared(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}

/// The value that chi-squared exceeds by chance once in a hundred times (Wilson and Hilferty's
/// approximation, 1931; off by less than 1 % from 3 degrees of freedom on).
fn critical(degrees: usize) -> f64 {
    let d = degrees as f64;
    let z = 2.326;
    d * (1.0 - 2.0 / (9.0 * d) + z * (2.0 / (9.0 * d)).sqrt()).powi(3)
}

/// Calls take 1 to 4 ms, drawn at random.
fn random_latencies(seed: Seed) -> impl FnMut(&Event) -> Completion {
    let mut rng = seed.derive("latency").rng();
    move |_| {
        let latency = MS + below(&mut rng, 3 * MS);
        let kind = if rng.next_u64().is_multiple_of(20) { Kind::Info } else { Kind::Ok };
        Completion { latency, kind, value: None }
    }
}

fn generators(seed: Seed) -> Vec<(&'static str, BoxGenerator)> {
    let two = || mix(seed.derive("mix"), vec![count("read"), count("write")]);
    let groups = reserve(vec![(5, count("write"))], count("read"));
    let keys = per_key_concurrent(5, 0.., |_: &Value| count("write").limit(30));
    let mixed = per_key_mixed(seed, 5, 0.., |_: &Value| count("write").limit(30));
    let threads = each_thread(count("read"));
    let at = |rate: &str, arrival| {
        arriving(two(), seed, rate.parse().expect("a rate"), arrival, Arc::new(|_| None))
    };
    vec![
        ("as fast as possible", two()),
        ("staggered", two().stagger(seed, ms(1))),
        ("slowly", two().stagger(seed, ms(10))),
        ("one at a time", two().delay(ms(5))),
        ("alternating", flip_flop(count("read"), count("write")).delay(ms(1))),
        ("reserved", groups.stagger(seed, ms(1))),
        ("by key", keys.stagger(seed, ms(1))),
        ("mixed keys", mixed.stagger(seed, ms(1))),
        ("each thread", threads.stagger(seed, ms(1))),
        ("closed", at("500", Arrival::Closed)),
        ("constant", at("500", Arrival::Constant)),
        ("poisson", at("500", Arrival::Poisson)),
        ("more than they can", at("100000", Arrival::Poisson)),
        ("waves", at("100..900 for 1s, 100 for 1s, repeat", Arrival::Poisson)),
    ]
}

#[test]
fn load_is_even_over_nodes_and_workers() {
    for number in 0..50 {
        let seed = Seed::root(number);
        for (name, generator) in generators(seed) {
            let simulation = Simulation { seed, ..Simulation::new(10, 5) };
            let generator = on_clients(generator).limit(1000);
            let events = simulate(generator, &simulation, random_latencies(seed));
            let (mut nodes, mut workers) = (vec![0; 5], vec![0; 10]);
            for (_, process, ..) in begun(&events) {
                let worker = process.client().unwrap() as usize % 10;
                workers[worker] += 1;
                nodes[worker % 5] += 1;
            }
            assert!(chi_squared(&nodes) < critical(4), "{name}, seed {number}: {nodes:?}");
            assert!(chi_squared(&workers) < critical(9), "{name}, seed {number}: {workers:?}");
        }
    }
}

#[test]
fn load_is_even_over_nodes_also_when_workers_are_not() {
    let generator = on_clients(count("read")).delay(ms(2)).limit(3000);
    let events = simulate(generator, &Simulation::new(7, 5), takes(MS));
    let mut nodes = vec![0; 5];
    for (_, process, ..) in begun(&events) {
        nodes[process.client().unwrap() as usize % 7 % 5] += 1;
    }
    assert!(chi_squared(&nodes) < critical(4), "{nodes:?}");
}

/// Fairness must not be so exact that every second operation meets the same nodes.
#[test]
fn who_is_next_does_not_follow_the_kind_of_operation() {
    for nodes in [2, 4, 5] {
        let alternating = flip_flop(count("read"), count("write")).delay(ms(1)).limit(8000);
        let simulation = Simulation::new(nodes, nodes);
        let events = simulate(on_clients(alternating), &simulation, takes(MS / 10));
        let mut reads = vec![0; nodes];
        for (_, process, f, _) in begun(&events) {
            if f == "read" {
                reads[process.client().unwrap() as usize % nodes] += 1;
            }
        }
        let expected = 4000 / nodes as i64;
        let even = |count: &u64| (*count as i64 - expected).abs() < expected / 8;
        assert!(reads.iter().all(even), "{nodes} nodes: {reads:?}");
    }
}

/// A node that was away gets its share when it is back, not everything that it missed.
#[test]
fn a_node_that_was_slow_is_not_flooded_afterwards() {
    let slow_until = 2_000 * MS;
    let answer = move |event: &Event| {
        let on_first = event.process.client().unwrap().is_multiple_of(5);
        let slow = on_first && event.time < slow_until;
        Completion { latency: if slow { 500 * MS } else { MS / 2 }, kind: Kind::Ok, value: None }
    };
    let generator = on_clients(count("read")).delay(ms(1)).limit(4000);
    let events = simulate(generator, &Simulation::new(5, 5), answer);
    let after: Vec<usize> = begun(&events)
        .iter()
        .filter(|call| call.0 > 2_500)
        .take(200)
        .map(|call| call.1.client().unwrap() as usize % 5)
        .collect();
    let share = after.iter().filter(|node| **node == 0).count();
    assert!((40..=70).contains(&share), "{share} of 200 where 40 would be even");
}
