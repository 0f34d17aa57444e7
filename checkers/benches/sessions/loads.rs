//! Histories of stores that do everything right, of ten clients, and who judges them.

use perjury_checkers::counter::Counter;
use perjury_checkers::dead_holders::DeadHolders;
use perjury_checkers::election::LeaderElection;
use perjury_checkers::inserts::{CausalReverse, Sequential};
use perjury_checkers::linear::synthetic::Random;
use perjury_checkers::long_fork::LongFork;
use perjury_checkers::monotonic::Monotonic;
use perjury_checkers::one_insert::OneInsert;
use perjury_checkers::queue::TotalQueue;
use perjury_checkers::txn::{WeakIsolation, WeakLevel};
use perjury_checkers::unique_ids::{Order, UniqueIds};
use perjury_checkers::{Checker, Event, History, Kind, Process};
use serde_json::{Value, json};

const CLIENTS: u32 = 10;

/// A line of the table.
pub struct Load {
    pub name: &'static str,
    pub history: fn(usize) -> History,
    pub checker: fn() -> Box<dyn Checker>,
}

pub const LOADS: &[Load] = &[
    Load { name: "unique-ids", history: ids, checker: || Box::new(UniqueIds::default()) },
    Load {
        name: "unique-ids, 10-sortable",
        history: ids,
        checker: || {
            let order = Order { inversions: 10, milliseconds: 0 };
            Box::new(UniqueIds { order: Some(order) })
        },
    },
    Load { name: "long-fork", history: groups, checker: || Box::new(LongFork) },
    Load { name: "causal-reverse", history: inserts, checker: || Box::new(CausalReverse) },
    Load { name: "sequential", history: inserts, checker: || Box::new(Sequential) },
    Load {
        name: "causal",
        history: registers,
        checker: || Box::new(WeakIsolation { level: WeakLevel::Causal }),
    },
    Load {
        name: "monotonic, globally",
        history: numbers,
        checker: || Box::new(Monotonic { globally: true }),
    },
    Load { name: "g2", history: pairs, checker: || Box::new(OneInsert) },
    Load { name: "counter, with resets", history: counter, checker: || Box::new(Counter) },
    Load {
        name: "queue, in order",
        history: queue,
        checker: || Box::new(TotalQueue { ordered: true, ..TotalQueue::default() }),
    },
    Load {
        name: "leader-election, globally",
        history: elections,
        checker: || Box::new(LeaderElection { globally: true }),
    },
    Load { name: "dead-holders", history: locks, checker: || Box::new(DeadHolders { within: 0 }) },
];

/// A function, its value, and the answer; none for one that fails.
type Call = (&'static str, Value, Option<Value>);

/// A history of calls that each happen as they are begun, and end a while later.
fn history(operations: usize, mut next: impl FnMut(&mut Random) -> Call) -> History {
    let mut random = Random(3);
    let mut open: Vec<Option<Call>> = (0..CLIENTS).map(|_| None).collect();
    let mut events: Vec<Event> = Vec::with_capacity(2 * operations);
    let (mut begun, mut ended) = (0, 0);
    while ended < operations {
        let client = random.below(u64::from(CLIENTS)) as usize;
        let (kind, f, value) = match open[client].take() {
            Some((f, input, answer)) => {
                ended += 1;
                let kind = if answer.is_some() { Kind::Ok } else { Kind::Fail };
                (kind, f, answer.unwrap_or(input))
            }
            None if begun < operations => {
                begun += 1;
                let call = next(&mut random);
                let invoked = (Kind::Invoke, call.0, call.1.clone());
                open[client] = Some(call);
                invoked
            }
            None => continue,
        };
        let index = events.len() as u64;
        events.push(Event {
            index,
            time: index * 1_000,
            process: Process::Client(client as u32),
            kind,
            f: f.into(),
            value,
            node: None,
            error: None,
            due: None,
        });
    }
    History::new(events).unwrap_or_default()
}

fn ids(operations: usize) -> History {
    let mut next = 0;
    history(operations, move |_| {
        next += 1;
        ("generate", Value::Null, Some(json!(next)))
    })
}

fn written(key: u64) -> Call {
    let write = json!([["w", key, 1]]);
    ("txn", write.clone(), Some(write))
}

fn read(keys: impl Iterator<Item = u64> + Clone, there: impl Fn(u64) -> bool) -> Call {
    let asked = keys.clone().map(|key| json!(["r", key, null])).collect();
    let seen = keys.map(|key| json!(["r", key, there(key).then_some(1)])).collect();
    ("txn", asked, Some(seen))
}

/// Writes of keys one after the other, and reads of the last groups of two.
fn groups(operations: usize) -> History {
    let mut next = 0;
    history(operations, move |random| {
        if random.chance(25) {
            next += 1;
            return written(next - 1);
        }
        let group = (next / 2).saturating_sub(random.below(3));
        read(2 * group..2 * group + 2, |key| key < next)
    })
}

/// Writes of keys one after the other, and reads of the last eight and the next.
fn inserts(operations: usize) -> History {
    let mut next: u64 = 0;
    history(operations, move |random| {
        if random.chance(50) {
            next += 1;
            return written(next - 1);
        }
        read((next.saturating_sub(7)..=next).rev(), |key| key < next)
    })
}

/// Writes and reads of a hundred registers at a time, each used for a hundred writes.
fn registers(operations: usize) -> History {
    let mut registers: Vec<(u64, u64)> = (0..100).map(|key| (key, 0)).collect();
    let mut fresh = 100;
    history(operations, move |random| {
        let at = random.below(100) as usize;
        let (key, value) = registers[at];
        if random.chance(50) {
            let seen = if value == 0 { Value::Null } else { json!(value) };
            return ("txn", json!([["r", key, null]]), Some(json!([["r", key, seen]])));
        }
        registers[at].1 += 1;
        if value == 99 {
            registers[at] = (fresh, 0);
            fresh += 1;
        }
        let write = json!([["w", key, value + 1]]);
        ("txn", write.clone(), Some(write))
    })
}

fn numbers(operations: usize) -> History {
    let mut numbers = [0; 10];
    history(operations, move |random| {
        let key = random.below(10) as usize;
        let f = if random.chance(50) { "read" } else { "increment" };
        numbers[key] += i64::from(f == "increment");
        let answer = if numbers[key] == 0 { Value::Null } else { json!(numbers[key]) };
        (f, json!([key, null]), Some(json!([key, answer])))
    })
}

fn pairs(operations: usize) -> History {
    let mut next: u64 = 0;
    history(operations, move |_| {
        next += 1;
        let insert = json!([(next - 1) / 2, next]);
        let answer = (next % 2 == 1).then(|| insert.clone());
        ("insert", insert, answer)
    })
}

fn counter(operations: usize) -> History {
    let mut sum = 0;
    history(operations, move |random| match random.below(40) {
        0..2 => {
            sum = random.below(1_000) as i64;
            ("reset", json!(sum), Some(json!(sum)))
        }
        2..20 => {
            let amount = 1 + random.below(9) as i64 - 4;
            sum += amount;
            ("add", json!(amount), Some(json!(amount)))
        }
        _ => ("read", Value::Null, Some(json!(sum))),
    })
}

/// As many messages as dequeues, with a drain now and then, and one after all else, without which
/// nobody can say that the last messages are lost.
fn queue(operations: usize) -> History {
    let (mut next, mut taken) = (0, 0);
    let history = history(operations - 1, |random| match random.below(2_000) {
        0 => {
            let all: Vec<u64> = (taken..next).collect();
            taken = next;
            ("drain", Value::Null, Some(json!(all)))
        }
        1..1_000 if taken < next => {
            taken += 1;
            ("dequeue", Value::Null, Some(json!(taken - 1)))
        }
        1..1_000 => ("dequeue", Value::Null, None),
        _ => {
            next += 1;
            ("enqueue", json!(next - 1), Some(json!(next - 1)))
        }
    });
    let mut events = history.events().to_vec();
    let all: Vec<u64> = (taken..next).collect();
    for (kind, value) in [(Kind::Invoke, Value::Null), (Kind::Ok, json!(all))] {
        let index = events.len() as u64;
        let (process, f) = (Process::Client(0), "drain".into());
        let time = index * 1_000;
        events.push(Event {
            index,
            time,
            process,
            kind,
            f,
            value,
            node: None,
            error: None,
            due: None,
        });
    }
    History::new(events).unwrap_or_default()
}

fn elections(operations: usize) -> History {
    let (mut term, mut leads) = (0, false);
    history(operations, move |random| match random.below(3) {
        0 if leads => ("campaign", json!(term + 1), None),
        0 => {
            (term, leads) = (term + 1, true);
            ("campaign", json!(term), Some(json!([term, term])))
        }
        1 => {
            let answer = std::mem::take(&mut leads).then(|| json!(term));
            ("resign", json!(term), answer)
        }
        _ => ("observe", Value::Null, Some(json!([term, leads.then_some(term)]))),
    })
}

/// A lock that is taken back at once from clients that end.
fn locks(operations: usize) -> History {
    let mut random = Random(3);
    let mut holder = None;
    let mut names: Vec<u32> = (0..CLIENTS).collect();
    let mut events: Vec<Event> = Vec::with_capacity(2 * operations);
    for _ in 0..operations {
        let client = random.below(u64::from(CLIENTS)) as usize;
        let name = names[client];
        let (f, kind, error) = match (random.below(20), holder == Some(name)) {
            (0, _) => {
                names[client] += CLIENTS;
                ("crash", Kind::Info, None)
            }
            (1..=9, true) => ("release", Kind::Ok, None),
            (1..=9, false) => ("release", Kind::Fail, Some("not held")),
            _ if holder.is_none() => ("acquire", Kind::Ok, None),
            _ => ("acquire", Kind::Fail, Some("held")),
        };
        match (f, kind) {
            ("acquire", Kind::Ok) => holder = Some(name),
            ("crash" | "release", Kind::Info | Kind::Ok) if holder == Some(name) => holder = None,
            _ => {}
        }
        for (kind, error) in [(Kind::Invoke, None), (kind, error)] {
            let index = events.len() as u64;
            events.push(Event {
                index,
                time: index * 1_000,
                process: Process::Client(name),
                kind,
                f: f.into(),
                value: Value::Null,
                node: None,
                error: error.map(Into::into),
                due: None,
            });
        }
    }
    History::new(events).unwrap_or_default()
}
