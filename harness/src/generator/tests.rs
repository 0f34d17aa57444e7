//! Tests of generators, in virtual time.

mod arrivals;
mod bounds;
mod determinism;
mod fairness;
mod keys;
mod popularity;
mod sequences;
mod surge;
mod workers;

use super::*;
use crate::Seed;
use perjury_checkers::Kind;
use serde_json::{Value, json};
use std::time::Duration;

const MS: u64 = 1_000_000;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn seed() -> Seed {
    Seed::root(45)
}

/// Endless `f` with values 0, 1, 2, …
fn count(f: &'static str) -> BoxGenerator {
    let mut next = 0;
    from_fn(seed(), move |_| {
        next += 1;
        Op::new(f, json!(next - 1))
    })
}

fn ops(f: &str, count: u64) -> BoxGenerator {
    from_ops((0..count).map(|value| Op::new(f, json!(value))))
}

/// Every call takes `latency` and is ok.
fn takes(latency: u64) -> impl FnMut(&Event) -> Completion {
    move |_| Completion { latency, kind: Kind::Ok, value: None }
}

/// Plays on three clients on three nodes.
fn play(generator: BoxGenerator, latency: u64) -> Vec<Event> {
    simulate(generator, &Simulation::new(3, 3), takes(latency))
}

/// The beginnings of operations: milliseconds, process, function, value.
fn begun(events: &[Event]) -> Vec<(u64, Process, String, Value)> {
    let mut open = std::collections::BTreeSet::new();
    let mut calls = Vec::new();
    for event in events {
        if event.kind == Kind::Invoke || event.process == Process::Nemesis && open.insert(()) {
            calls.push((event.time / MS, event.process, event.f.to_string(), event.value.clone()));
        } else if event.process == Process::Nemesis {
            open.clear();
        }
    }
    calls
}

fn times(events: &[Event]) -> Vec<u64> {
    begun(events).into_iter().map(|(time, ..)| time).collect()
}

/// `f` and value of each operation in order, as `read 3`.
fn words(events: &[Event]) -> Vec<String> {
    begun(events).into_iter().map(|(_, _, f, value)| format!("{f} {value}")).collect()
}
