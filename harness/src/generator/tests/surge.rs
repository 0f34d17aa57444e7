//! Surges: the pace follows what the nemesis is asked for, and what is asked stays the same.

use crate::generator::*;
use crate::rate::{Arrival, Rate};
use crate::{Op, Seed};
use perjury_checkers::{Event, Kind, Process};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn read(event: &Event) -> Option<Load> {
    match &*event.f {
        "surge" => Some(Load { factor: 10.0, retries: 2 }),
        "calm" => Some(Load::USUAL),
        _ => None,
    }
}

/// Ten operations a second; from 10 s to 20 s a surge.
fn play(complete: impl FnMut(&Event) -> Completion) -> Vec<Event> {
    let mut count = 0;
    let work = unfold(Seed::root(1), move |_| {
        count += 1;
        Some(op(Op::new("write", json!(count))))
    });
    let (rate, read) = (Rate::constant(10.0), Arc::new(read));
    let clients = arriving(work.on_clients(), Seed::root(2), rate, Arrival::Closed, read);
    let at = |seconds, f: &str| {
        concat(vec![sleep(Duration::from_secs(seconds)), op(Op::new(f, Value::Null))]).on_nemesis()
    };
    let all =
        any(vec![clients, at(10, "surge"), at(20, "calm")]).time_limit(Duration::from_secs(30));
    simulate(all, &Simulation::new(50, 5), complete)
}

/// Calls begun in each stretch of ten seconds.
fn rates(events: &[Event]) -> [usize; 3] {
    [0, 1, 2].map(|third| {
        let inside = |event: &&Event| event.time / 10_000_000_000 == third;
        let begun = events.iter().filter(|event| event.kind == Kind::Invoke);
        begun.filter(inside).count()
    })
}

#[test]
fn a_surge_multiplies_the_rate_and_ends() {
    let events = play(quick);
    let [before, during, after] = rates(&events);
    assert!((80..120).contains(&before), "{before}");
    assert!((900..1100).contains(&during), "{during}");
    assert!((80..120).contains(&after), "{after}");
    let values: Vec<u64> = invocations(&events)
        .iter()
        .filter(|(process, _)| *process != Process::Nemesis)
        .filter_map(|(_, op)| op.value.as_u64())
        .collect();
    assert!(values.windows(2).all(|pair| pair[1] == pair[0] + 1), "nothing is left out");
}

#[test]
fn failures_are_tried_again_at_once_only_while_it_lasts() {
    // Every fourth call fails: two more follow upon it.
    let mut count = 0;
    let events = play(move |_| {
        count += 1;
        let kind = if count % 4 == 0 { Kind::Fail } else { Kind::Ok };
        Completion { latency: 1_000_000, kind, value: None }
    });
    let [before, during, after] = rates(&events);
    assert!((80..120).contains(&before) && (80..120).contains(&after), "{before} {after}");
    // A thousand, and half as many again for each round of retries: twice as many in the end.
    assert!((1700..2300).contains(&during), "{during}");
}
