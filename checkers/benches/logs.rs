//! Logs and watches: time of checkers on histories of a million operations.
//! `cargo bench -p perjury-checkers --bench logs`.

#![expect(clippy::print_stdout, reason = "the table is what this is for")]

#[path = "shared/clock.rs"]
mod clock;

use clock::timed;
use perjury_checkers::txn::{ConsistencyModel, PartitionedLog};
use perjury_checkers::watch::Watch;
use perjury_checkers::{Budget, Checker, Event, History, Kind, Process};
use serde_json::{Map, Value, json};

const OPERATIONS: usize = 1_000_000;
const PROCESSES: usize = 10;
const PARTITIONS: usize = 10;
/// What one answer has at the most.
const BATCH: usize = 16;

fn main() {
    println!("| history | operations | events in answers | seconds | of CPU | verdict |");
    println!("|---|---|---|---|---|---|");
    let (logs, records) = history(Logs::default());
    tell("partitioned-log-1M", &PartitionedLog::default(), &logs, records);
    let model = ConsistencyModel::StrictSerializable;
    let strict = PartitionedLog { model, ..PartitionedLog::default() };
    tell("partitioned-log-1M-strict-serializable", &strict, &logs, records);
    drop(logs);
    let (watches, events) = history(Watches::default());
    tell("watch-1M", &Watch, &watches, events);
}

fn tell(name: &str, checker: &dyn Checker, history: &History, told: usize) {
    let (finding, took) = timed(|| checker.check(history, &Budget::default()));
    let verdict = finding.verdict;
    println!(
        "| {name} | {OPERATIONS} | {told} | {:.3} | {:.2} | {verdict:?} |",
        took.wall, took.cpu
    );
}

/// A store that answers at one moment of each call.
trait Store {
    fn ask(&mut self, process: usize, turn: usize, random: u64) -> (&'static str, Value);
    fn answer(&mut self, process: usize, f: &str, input: &Value) -> Value;
    /// What is left to ask at the end, by process 0.
    fn last(&self) -> Option<(&'static str, Value)>;
    fn told(&self) -> usize;
}

/// Calls that overlap; gives the history and how much was told in answers.
fn history(mut store: impl Store) -> (History, usize) {
    let mut events: Vec<Event> = Vec::with_capacity(2 * OPERATIONS);
    let mut open: Vec<Option<(&'static str, Value)>> = vec![None; PROCESSES];
    let mut random = 7u64;
    let mut turn = 0;
    while events.len() < 2 * OPERATIONS - 2 * PROCESSES {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let process = (random >> 20) as usize % PROCESSES;
        match open[process].take() {
            None => {
                let (f, input) = store.ask(process, turn, random >> 32);
                turn += 1;
                push(&mut events, process, Kind::Invoke, f, input.clone());
                open[process] = Some((f, input));
            }
            Some((f, input)) => {
                let answer = store.answer(process, f, &input);
                push(&mut events, process, Kind::Ok, f, answer);
            }
        }
    }
    for (process, open) in open.iter_mut().enumerate() {
        if let Some((f, input)) = open.take() {
            let answer = store.answer(process, f, &input);
            push(&mut events, process, Kind::Ok, f, answer);
        }
    }
    while let Some((f, input)) = store.last() {
        push(&mut events, 0, Kind::Invoke, f, input.clone());
        let answer = store.answer(0, f, &input);
        push(&mut events, 0, Kind::Ok, f, answer);
    }
    (History::new(events).expect("a well-formed history"), store.told())
}

fn push(events: &mut Vec<Event>, process: usize, kind: Kind, f: &str, value: Value) {
    let index = events.len() as u64;
    events.push(Event {
        index,
        time: index * 1000,
        process: Process::Client(process as u32),
        kind,
        f: f.into(),
        value,
        node: None,
        error: None,
        due: None,
    });
}

/// Each process polls two of the partitions.
#[derive(Default)]
struct Logs {
    logs: [Vec<u64>; PARTITIONS],
    positions: [Option<[usize; PARTITIONS]>; PROCESSES],
    sent: u64,
    told: usize,
    /// Process 0 has everything at the end.
    closing: bool,
}

impl Store for Logs {
    fn ask(&mut self, process: usize, turn: usize, random: u64) -> (&'static str, Value) {
        if self.positions[process].is_none() {
            let keys = [process, (process + 1) % PARTITIONS];
            return ("assign", json!({"keys": keys, "from": "beginning"}));
        }
        let mut send = || {
            self.sent += 1;
            json!(["send", random as usize % PARTITIONS, self.sent])
        };
        match turn % 5 {
            0 | 1 => ("send", json!([send()])),
            2 | 3 => ("poll", json!([["poll"]])),
            _ => ("txn", json!([["poll"], send()])),
        }
    }

    fn answer(&mut self, process: usize, f: &str, input: &Value) -> Value {
        if f == "assign" {
            self.closing = input["keys"].as_array().is_some_and(|keys| keys.len() > 2);
            self.positions[process] = Some([0; PARTITIONS]);
            return input.clone();
        }
        let steps = input.as_array().into_iter().flatten().map(|step| {
            if step[0] == "poll" {
                return json!(["poll", self.poll(process)]);
            }
            let log = &mut self.logs[step[1].as_u64().unwrap_or(0) as usize];
            log.push(step[2].as_u64().unwrap_or(0));
            json!(["send", step[1], [log.len() - 1, step[2]]])
        });
        steps.collect()
    }

    fn last(&self) -> Option<(&'static str, Value)> {
        if !self.closing {
            let keys: Vec<usize> = (0..PARTITIONS).collect();
            return Some(("assign", json!({"keys": keys, "from": "beginning"})));
        }
        let ends: Vec<usize> = self.logs.iter().map(Vec::len).collect();
        let behind = self.positions[0].is_some_and(|positions| positions[..] != ends[..]);
        behind.then(|| ("poll", json!([["poll"]])))
    }

    fn told(&self) -> usize {
        self.told
    }
}

impl Logs {
    fn poll(&mut self, process: usize) -> Map<String, Value> {
        let mut seen = Map::new();
        let own = [process, (process + 1) % PARTITIONS];
        let Some(positions) = &mut self.positions[process] else { return seen };
        for key in (0..PARTITIONS).filter(|key| self.closing || own.contains(key)) {
            let (from, log) = (positions[key], &self.logs[key]);
            let most = if self.closing { 10_000 } else { BATCH };
            let to = log.len().min(from + most);
            seen.insert(key.to_string(), (from..to).map(|at| json!([at, log[at]])).collect());
            positions[key] = to;
            self.told += to - from;
        }
        seen
    }
}

/// Every process watches everything, and writes now and then.
#[derive(Default)]
struct Watches {
    log: Vec<(u64, u64)>,
    positions: [usize; PROCESSES],
    told: usize,
}

impl Store for Watches {
    fn ask(&mut self, _: usize, turn: usize, random: u64) -> (&'static str, Value) {
        match turn % 4 {
            0 => ("write", json!([[random % 64, turn]])),
            _ => ("watch", Value::Null),
        }
    }

    fn answer(&mut self, process: usize, f: &str, input: &Value) -> Value {
        if f == "write" {
            let number = |value: &Value| value.as_u64().unwrap_or(0);
            self.log.push((number(&input[0][0]), number(&input[0][1])));
            return json!([self.log.len(), input]);
        }
        let from = self.positions[process];
        let most = if input == "latest" { self.log.len() } else { BATCH };
        let to = self.log.len().min(from + most);
        let event = |at: usize| json!([at + 1, self.log[at].0, self.log[at].1]);
        let events: Vec<Value> = (from..to).map(event).collect();
        self.told += events.len();
        self.positions[process] = to;
        json!({"from": from + 1, "events": events, "revision": to})
    }

    fn last(&self) -> Option<(&'static str, Value)> {
        (self.positions[0] < self.log.len()).then(|| ("watch", json!("latest")))
    }

    fn told(&self) -> usize {
        self.told
    }
}
