//! Arrivals: open and closed loads, shapes, and that what is late never keeps the nemesis away.

use crate::generator::*;
use crate::rate::{Arrival, Rate};
use crate::{Op, Seed};
use perjury_checkers::{Event, Kind, Process};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn load(rate: &str, arrival: Arrival) -> BoxGenerator {
    let rate: Rate = rate.parse().expect("a rate");
    let work = repeat(Op::new("read", Value::Null)).on_clients();
    arriving(work, Seed::root(3), rate, arrival, Arc::new(|_| None))
}

/// Calls of clients in `seconds`, each answered after so long.
fn play(generator: BoxGenerator, seconds: u64, workers: usize, latency: u64) -> Vec<Event> {
    let limited = generator.time_limit(Duration::from_secs(seconds));
    let answer = move |_: &Event| Completion { latency, kind: Kind::Ok, value: None };
    let events = simulate(limited, &Simulation::new(workers, 5), answer);
    let calls = events.into_iter();
    calls.filter(|event| event.kind == Kind::Invoke).collect()
}

fn begun_within(calls: &[Event], from: u64, to: u64) -> usize {
    calls.iter().filter(|call| (from * SECOND..to * SECOND).contains(&call.time)).count()
}

#[test]
fn a_shape_is_followed_by_every_arrival() {
    for arrival in [Arrival::Closed, Arrival::Constant, Arrival::Poisson] {
        let calls =
            play(load("100 for 10s, 100..1000 for 10s, 0 for 10s, 50", arrival), 40, 50, 10);
        for (from, to, wanted) in [(0, 10, 1000), (10, 20, 5500), (20, 30, 0), (30, 40, 500)] {
            let found = begun_within(&calls, from, to);
            let room = if arrival == Arrival::Constant { 1 } else { 1 + wanted / 8 };
            assert!(found.abs_diff(wanted) <= room, "{arrival} {from}: {found}");
        }
    }
}

#[test]
fn constant_arrivals_are_a_grid_and_poisson_ones_are_not() {
    let gaps = |arrival| -> Vec<u64> {
        let calls = play(load("100", arrival), 100, 50, 10);
        calls.windows(2).map(|pair| pair[1].time - pair[0].time).collect()
    };
    assert!(gaps(Arrival::Constant).iter().all(|gap| gap.abs_diff(10_000_000) <= 1));
    let gaps = gaps(Arrival::Poisson);
    let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
    let square = |gap: &u64| (*gap as f64 - mean).powi(2);
    let deviation = (gaps.iter().map(square).sum::<f64>() / gaps.len() as f64).sqrt();
    // Of an exponential distribution both are equal.
    assert!((0.95..1.05).contains(&(deviation / mean)), "{deviation} {mean}");
}

/// One worker, two operations a second, each of which takes a second.
#[test]
fn an_open_load_does_not_wait_and_says_since_when_it_is_late() {
    let open = play(load("2", Arrival::Constant), 20, 1, SECOND);
    for (number, call) in open.iter().enumerate() {
        let due = number as u64 * SECOND / 2;
        assert_eq!((call.time, call.due.unwrap_or(call.time)), (number as u64 * SECOND, due));
    }
    let closed = play(load("2", Arrival::Closed), 20, 1, SECOND);
    assert!(closed.iter().all(|call| call.due.is_none()), "it is put off");
}

#[test]
fn what_was_missed_follows_at_once_when_somebody_is_free() {
    let mut calls = 0;
    let limited = load("10", Arrival::Constant).time_limit(Duration::from_secs(10));
    // The first call hangs for five seconds.
    let answer = move |_: &Event| {
        calls += 1;
        let latency = if calls == 1 { 5 * SECOND } else { 1000 };
        Completion { latency, kind: Kind::Ok, value: None }
    };
    let events = simulate(limited, &Simulation::new(1, 1), answer);
    let begun: Vec<&Event> = events.iter().filter(|event| event.kind == Kind::Invoke).collect();
    assert_eq!(begun.len(), 100, "none is left out");
    let late = begun.iter().filter(|call| call.due.is_some_and(|due| call.time - due > SECOND));
    assert_eq!(late.count(), 40, "those due in the first four of five seconds");
}

#[test]
fn a_debt_of_operations_does_not_keep_the_nemesis_away() {
    let every_second =
        concat(vec![sleep(Duration::from_secs(1)), op(Op::new("kill", Value::Null))]);
    let nemesis = every_second.cycle().on_nemesis();
    // A million are due each second, and the two workers do a hundred thousand.
    let all = any(vec![load("1000000", Arrival::Constant), nemesis]);
    let limited = all.time_limit(Duration::from_secs(3));
    let answer = |_: &Event| Completion { latency: 20_000, kind: Kind::Ok, value: None };
    let simulation = Simulation { max_operations: 1_000_000, ..Simulation::new(2, 1) };
    let events = simulate(limited, &simulation, answer);
    let kills: Vec<u64> = events
        .iter()
        .filter(|event| event.process == Process::Nemesis)
        .map(|event| event.time / (SECOND / 10))
        .collect();
    assert_eq!(kills, [10, 10, 20, 20], "in tenths of a second, both ends of each");
}
