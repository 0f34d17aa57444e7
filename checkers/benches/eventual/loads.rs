//! Loads: a set that is read now and then, and keys on three nodes that hear of everything.

use perjury_checkers::{Event, History, Kind, Process};
use serde_json::{Value, json};

const OPERATIONS: u64 = 1_000_000;
/// Updates of a key until the next one is used.
const PER_KEY: u64 = 50;

/// What replicas hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Data {
    Register,
    Counter,
    Set,
    Siblings,
}

#[derive(Default)]
struct Script(Vec<Event>);

impl Script {
    fn call(&mut self, process: u64, f: &str, input: Value, output: Value) {
        for (kind, value) in [(Kind::Invoke, input), (Kind::Ok, output)] {
            let index = self.0.len() as u64;
            self.0.push(Event {
                index,
                time: index * 100_000,
                process: Process::Client(u32::try_from(process).expect("a small number")),
                kind,
                f: f.into(),
                value,
                node: Some(format!("n{}", process % 3).as_str().into()),
                error: None,
                due: None,
            });
        }
    }

    fn history(self) -> History {
        History::new(self.0).expect("well-formed")
    }
}

/// A million adds, with some reads of everything.
pub fn set() -> History {
    let mut script = Script::default();
    for element in 0..OPERATIONS {
        script.call(element % 6, "add", json!(element), json!(element));
        if element == 1_000 || element + 1 == OPERATIONS {
            script.call(7, "read", Value::Null, (0..=element).collect());
        }
    }
    script.history()
}

/// A million adds and ten thousand reads, each telling what is new to its process.
pub fn set_of_changes() -> History {
    let mut script = Script::default();
    let mut told = [0; 6];
    for element in 0..OPERATIONS {
        script.call(element % 6, "add", json!(element), json!(element));
        if element % 100 == 99 {
            let process = element / 100 % 6;
            let added: Value = (told[process as usize]..=element).collect();
            told[process as usize] = element + 1;
            script.call(process, "read", Value::Null, json!({ "added": added }));
        }
    }
    script.history()
}

/// Updates and reads by turns, of one key after the other, and all keys on all nodes at the end.
pub fn replicas(data: Data) -> History {
    let mut script = Script::default();
    let keys = OPERATIONS / 2 / PER_KEY;
    for key in 0..keys {
        for number in 1..=PER_KEY {
            let process = (key + number) % 6;
            let (f, value) = match data {
                Data::Counter | Data::Set => ("add", if data == Data::Set { number } else { 1 }),
                Data::Register | Data::Siblings => ("write", number),
            };
            let replaced: Vec<u64> = (number > 1).then_some(number - 1).into_iter().collect();
            let done = match data {
                Data::Siblings => json!([key, value, { "replaced": replaced }]),
                _ => json!([key, value]),
            };
            script.call(process, f, json!([key, value]), done);
            script.call((process + 1) % 6, "read", json!([key, null]), shown(data, key, number));
        }
    }
    for key in 0..keys {
        for node in 0..3 {
            script.call(node, "read", json!([key, null]), shown(data, key, PER_KEY));
        }
    }
    script.history()
}

fn shown(data: Data, key: u64, number: u64) -> Value {
    match data {
        Data::Register | Data::Counter => json!([key, number]),
        Data::Siblings => json!([key, [number]]),
        Data::Set => json!([key, (1..=number).collect::<Vec<_>>()]),
    }
}
