//! A report of as many operations as wanted, made from numbers instead of a cluster.

use perjury_checkers::{Anomaly, Event, Finding, History, Kind, Process};
use perjury_harness::report::{self, Evidence, Pair, Phase, ReportInput, Results, Subject};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const WORKERS: u64 = 20;
/// Nanoseconds from one call to the next.
const STEP: u64 = 60_000;

/// The page of a run of registers with faults and one anomaly.
pub fn report(count: u64) -> String {
    let history = history(count);
    let anomaly = Anomaly {
        kind: "stale-read".to_owned(),
        title: "Stale read of key 7".to_owned(),
        explanation: "Made up.".to_owned(),
        operations: (0..6).map(|n| history.events()[(count + n * 2) as usize].index).collect(),
        ..Anomaly::default()
    };
    let end = count * STEP + 3 * STEP;
    let evidence = Evidence {
        phases: vec![Phase { name: "main".to_owned(), from_ns: 0, to_ns: end }],
        findings: vec![Finding::invalid("linearizable", vec![anomaly], json!({}))],
        fault_pairs: vec![Pair::new("kill", "start")],
        ..Evidence::default()
    };
    let results = Results::new(subject(), &history, evidence);
    let input = ReportInput {
        results: &results,
        history: &history,
        plan_toml: "",
        logs: &[],
        reproduce: "",
    };
    report::html(&input)
}

/// A number that depends on another in no way that shows.
fn scatter(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

fn history(count: u64) -> History {
    let mut events = Vec::with_capacity(2 * count as usize + 100);
    let mut process: Vec<u64> = (0..WORKERS).collect();
    for n in 0..count {
        let dice = scatter(n);
        let called = n * STEP + dice % STEP;
        // A worker is free again by its next turn.
        let took = (WORKERS - 2) * STEP * (1_000 + dice % 98_000) / 100_000;
        let worker = (n % WORKERS) as usize;
        let who = Process::Client(process[worker] as u32);
        let (f, asked, answer) = ask(n, dice);
        let (kind, error) = match dice / 7 % 1000 {
            0 => (Kind::Info, Some("no answer within 1 s")),
            1..20 => (Kind::Fail, Some("leader changed before the entry was proposed")),
            _ => (Kind::Ok, None),
        };
        let value = if kind == Kind::Ok { answer } else { asked.clone() };
        events.push(event(called, who, Kind::Invoke, f, asked));
        events.push(Event {
            error: error.map(Into::into),
            ..event(called + took, who, kind, f, value)
        });
        if kind == Kind::Info {
            process[worker] += WORKERS;
        }
    }
    let span = count * STEP;
    for turn in 0..8 {
        let from = span * (turn * 2 + 1) / 17;
        let came = |outcome: &str| json!({"outcome": outcome, "evidence": {"node": "n1"}});
        let note = |time, f, value| event(time, Process::Nemesis, Kind::Info, f, value);
        events.push(note(from, "kill", json!(["n1"])));
        events.push(note(from + STEP, "kill", came("installed")));
        events.push(note(from + span / 20, "start", json!(["n1"])));
        events.push(note(from + span / 20 + STEP, "start", came("healed")));
    }
    events.sort_by_key(|event| event.time);
    let number = |(index, event)| Event { index: index as u64, ..event };
    History::new(events.into_iter().enumerate().map(number).collect()).expect("a history")
}

fn ask(n: u64, dice: u64) -> (&'static str, Value, Value) {
    let (key, value) = (n / 200 + dice % 10, dice / 11 % 1000);
    match dice / 3 % 3 {
        0 => ("read", json!([key, null]), json!([key, value])),
        1 => ("write", json!([key, value]), json!([key, value])),
        _ => ("cas", json!([key, [value, n % 1000]]), json!([key, [value, n % 1000]])),
    }
}

fn event(time: u64, process: Process, kind: Kind, f: &str, value: Value) -> Event {
    let node = process.client().map(|number| format!("n{}", number % 5 + 1).as_str().into());
    Event { index: 0, time, process, kind, f: f.into(), value, node, error: None, due: None }
}

fn subject() -> Subject {
    Subject {
        tool: "perjury".to_owned(),
        host: "a machine".to_owned(),
        name: "synthetic".to_owned(),
        database: "demo".to_owned(),
        workload: "register".to_owned(),
        seed: 1,
        started: "2026-01-02T03:04:05Z".parse().expect("a time"),
        nodes: (1..=5).map(|node| format!("n{node}")).collect(),
        options: BTreeMap::from([("concurrency".to_owned(), WORKERS.to_string())]),
    }
}
