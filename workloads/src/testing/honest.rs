//! A database in memory that tells the truth.

mod changes;
mod logs;

use super::operation_of;
use crate::bank::Opening;
use perjury_checkers::Event;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A database without faults, with every workload's vocabulary. Each call happens at once.
#[derive(Clone, Default)]
pub(crate) struct Honest {
    /// What `add` and `read` are about.
    workload: &'static str,
    registers: BTreeMap<String, Value>,
    lists: BTreeMap<String, Vec<Value>>,
    elements: BTreeSet<u64>,
    counter: i64,
    /// Account by account, what it has more or less than at first.
    accounts: BTreeMap<u64, i64>,
    queue: VecDeque<Value>,
    /// Who holds the lock, and how often it was granted.
    lock: (Option<u32>, u64),
    /// Who leads, and the term.
    leader: (Option<u64>, u64),
    logs: logs::Logs,
    changes: changes::Changes,
}

impl Honest {
    /// A database for one workload.
    pub(crate) fn of(workload: &'static str) -> Self {
        Self { workload, ..Self::default() }
    }

    /// The completion of one call: `None` for one that failed.
    pub(crate) fn ask(&mut self, event: &Event) -> Option<Value> {
        let (process, f, value) = operation_of(event);
        match (self.workload, f) {
            ("partitioned-log", _) => Some(self.logs.ask(process, f, value)),
            ("watch", _) => Some(self.changes.ask(process, f, value)),
            ("counter", "add") => {
                self.counter += value.as_i64()?;
                Some(value.clone())
            }
            ("counter", "reset") => {
                self.counter = value.as_i64()?;
                Some(value.clone())
            }
            ("counter", "read") => Some(json!(self.counter)),
            ("crdt-counter" | "or-set" | "mv-register", _) => self.replica(f, value),
            (_, "digest") => Some(json!({"digest": json!(self.registers).to_string()})),
            ("bank", "read") => Some(self.balances().into()),
            ("monotonic", _) => {
                let number = self.registers.entry(value[0].to_string()).or_default();
                if f == "increment" {
                    *number = json!(number.as_i64().unwrap_or(0) + 1);
                }
                Some(json!([value[0], number]))
            }
            ("g2", _) => {
                let rows = self.lists.entry(value[0].to_string()).or_default();
                if f == "read" {
                    return Some(json!([value[0], rows]));
                }
                rows.is_empty().then(|| rows.push(value[1].clone()))?;
                Some(value.clone())
            }
            (_, "campaign" | "resign" | "observe") => self.election(f, value),
            (_, "generate") => {
                self.counter += 1;
                Some(json!(self.counter))
            }
            (_, "transfer") => self.transfer(value),
            (_, "add") => {
                self.elements.extend(value.as_u64());
                Some(value.clone())
            }
            (_, "read") if value.is_null() => Some(json!(self.elements)),
            (_, "read" | "write" | "cas") => self.register(f, value),
            (_, "txn") => {
                let steps = value.as_array().unwrap().iter();
                Some(steps.map(|step| self.step(step)).collect())
            }
            (_, "enqueue") => {
                self.queue.push_back(value.clone());
                Some(value.clone())
            }
            (_, "dequeue") => self.queue.pop_front(),
            (_, "drain") => Some(self.queue.drain(..).collect()),
            (_, "acquire" | "release" | "crash") => self.lock(process, f),
            _ => panic!("no workload asks {f}"),
        }
    }

    /// An answer of a replica that has seen everything.
    fn replica(&mut self, f: &str, value: &Value) -> Option<Value> {
        let (key, argument) = (value[0].to_string(), value[1].clone());
        let list = self.lists.entry(key.clone()).or_default();
        match (self.workload, f) {
            ("crdt-counter", "add") => {
                list.push(argument);
                Some(value.clone())
            }
            ("crdt-counter", _) => {
                Some(json!([value[0], list.iter().filter_map(Value::as_i64).sum::<i64>()]))
            }
            ("mv-register", "write") => {
                let replaced = std::mem::replace(list, vec![argument.clone()]);
                Some(json!([value[0], argument, {"replaced": replaced}]))
            }
            (_, "add") => {
                list.push(argument);
                Some(value.clone())
            }
            (_, "remove") => {
                let at = list.iter().position(|element| *element == argument)?;
                list.remove(at);
                Some(value.clone())
            }
            _ => Some(json!([value[0], list])),
        }
    }

    fn balances(&self) -> Map<String, Value> {
        let balance =
            |account| i64::from(Opening::USUAL.balance) + self.accounts.get(&account).unwrap_or(&0);
        (0..u64::from(Opening::USUAL.accounts))
            .map(|account| (account.to_string(), balance(account).into()))
            .collect()
    }

    fn transfer(&mut self, value: &Value) -> Option<Value> {
        let (from, to) = (value["from"].as_u64()?, value["to"].as_u64()?);
        let amount = value["amount"].as_i64()?;
        let source = self.accounts.entry(from).or_default();
        if *source + i64::from(Opening::USUAL.balance) < amount {
            return None;
        }
        *source -= amount;
        *self.accounts.entry(to).or_default() += amount;
        Some(value.clone())
    }

    fn register(&mut self, f: &str, value: &Value) -> Option<Value> {
        let key = value[0].to_string();
        match f {
            "read" => return Some(json!([value[0], self.registers.get(&key)])),
            "write" => {
                self.registers.insert(key, value[1].clone());
            }
            _ => {
                let held = self.registers.get_mut(&key)?;
                (*held == value[1][0]).then(|| *held = value[1][1].clone())?;
            }
        }
        Some(value.clone())
    }

    fn step(&mut self, step: &Value) -> Value {
        let key = step[1].to_string();
        match (self.workload, step[0].as_str()) {
            (_, Some("append")) => {
                self.lists.entry(key).or_default().push(step[2].clone());
                step.clone()
            }
            (_, Some("w")) => {
                self.registers.insert(key, step[2].clone());
                step.clone()
            }
            ("list-append", Some("r")) => {
                json!(["r", step[1], self.lists.entry(key).or_default()])
            }
            (_, Some("r")) => json!(["r", step[1], self.registers.get(&key)]),
            _ => panic!("no workload does {step}"),
        }
    }

    fn election(&mut self, f: &str, value: &Value) -> Option<Value> {
        match (f, self.leader.0) {
            ("observe", leader) => Some(json!([self.leader.1, leader])),
            ("campaign", None) => {
                self.leader = (value.as_u64(), self.leader.1 + 1);
                Some(json!([self.leader.1, value]))
            }
            ("resign", Some(leader)) if Some(leader) == value.as_u64() => {
                self.leader.0 = None;
                Some(value.clone())
            }
            _ => None,
        }
    }

    fn lock(&mut self, process: u32, f: &str) -> Option<Value> {
        match (f, self.lock.0) {
            ("acquire", None) => {
                self.lock = (Some(process), self.lock.1 + 1);
                Some(json!(self.lock.1))
            }
            // Whose client is gone loses it at once.
            ("release" | "crash", Some(holder)) if holder == process => {
                self.lock.0 = None;
                Some(Value::Null)
            }
            _ => None,
        }
    }
}
