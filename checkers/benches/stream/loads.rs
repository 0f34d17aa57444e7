//! Loads: files of histories that are correct by construction, written as they are made.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use perjury_checkers::history::jsonl::write_event;
use perjury_checkers::linear::synthetic::Random;
use perjury_checkers::{Event, Kind, Process};
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

/// Clients that call without a pause.
const CLIENTS: u64 = 20;
/// Operations on a key that comes and goes, and how many keys are in use at a time.
const OPS_PER_KEY: u64 = 300;
const IN_USE: u64 = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// A thousand registers of five values; reads and writes.
    Keys,
    /// The same, each write with a value of its own.
    Unique,
    /// Registers, each used for a while only, and values of their own.
    Going,
    Counter,
    Ids,
    /// A thousand numbers that are raised and read.
    Monotonic,
}

enum Client {
    Idle,
    Called(&'static str, Value),
    Done(&'static str, Value),
}

/// Writes a file of so many operations.
pub fn write(load: Load, operations: u64, file: &Path) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut random = Random(1);
    let mut object = Object { load, held: FxHashMap::default(), fresh: 0 };
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::Idle).collect();
    let (mut begun, mut ended, mut index) = (0, 0, 0);
    let node: Vec<perjury_checkers::Name> = (1..=5).map(|n| format!("n{n}").into()).collect();
    while ended < operations {
        let number = random.below(CLIENTS) as usize;
        let mut say = |kind, f: &'static str, value: &Value| {
            let event = Event {
                index,
                time: 5_000 * index,
                process: Process::Client(number as u32),
                kind,
                f: f.into(),
                value: value.clone(),
                node: Some(node[number % node.len()].clone()),
                error: None,
            };
            index += 1;
            write_event(&mut to, &event)
        };
        let client = &mut clients[number];
        *client = match std::mem::replace(client, Client::Idle) {
            Client::Idle if begun < operations => {
                let (f, asked) = object.ask(&mut random, begun);
                begun += 1;
                say(Kind::Invoke, f, &asked)?;
                Client::Called(f, asked)
            }
            Client::Idle => Client::Idle,
            Client::Called(f, asked) => Client::Done(f, object.answer(f, asked)),
            Client::Done(f, answer) => {
                ended += 1;
                say(Kind::Ok, f, &answer)?;
                Client::Idle
            }
        };
    }
    to.flush()
}

struct Object {
    load: Load,
    held: FxHashMap<u64, u64>,
    fresh: u64,
}

impl Object {
    fn ask(&mut self, random: &mut Random, begun: u64) -> (&'static str, Value) {
        self.fresh += 1;
        let reads = random.chance(50);
        let key = match self.load {
            Load::Going => begun / (OPS_PER_KEY * IN_USE) * IN_USE + random.below(IN_USE),
            _ => random.below(1_000),
        };
        match self.load {
            Load::Keys | Load::Unique | Load::Going if reads => ("read", json!([key, null])),
            Load::Keys => ("write", json!([key, random.below(5)])),
            Load::Unique | Load::Going => ("write", json!([key, self.fresh])),
            Load::Counter if reads => ("read", Value::Null),
            Load::Counter => ("add", json!(1 + random.below(5))),
            Load::Ids => ("generate", Value::Null),
            Load::Monotonic if reads => ("read", json!([key, null])),
            Load::Monotonic => ("increment", json!([key, null])),
        }
    }

    fn answer(&mut self, f: &str, asked: Value) -> Value {
        let key = asked[0].as_u64().unwrap_or(0);
        let held = self.held.entry(key).or_insert(0);
        match (self.load, f) {
            (Load::Counter, "read") => json!(*held),
            (Load::Counter, _) => {
                *held += asked.as_u64().unwrap_or(0);
                asked
            }
            (Load::Ids, _) => {
                *held += 1;
                json!(*held)
            }
            (Load::Monotonic, "read") if *held == 0 => asked,
            (_, "read") => json!([key, *held]),
            (Load::Monotonic, _) => {
                *held += 1;
                json!([key, *held])
            }
            _ => {
                *held = asked[1].as_u64().unwrap_or(0);
                asked
            }
        }
    }
}
