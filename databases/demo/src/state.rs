//! The state machine's data, and what each command does to it.

mod changes;
mod groups;
mod logs;

use self::changes::Journal;
use self::logs::Logs;
use crate::command::{Command, Key, Operation, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Milliseconds after which a lock may be taken from who has it: whoever died with it does not come
/// back to release it.
const LEASE: u64 = 2_000;

/// Everything that the database holds. A pure function of the log: the same commands in the same
/// order make the same state on every node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    registers: BTreeMap<Key, Value>,
    lists: BTreeMap<Key, Vec<Value>>,
    sets: BTreeMap<Key, BTreeSet<i64>>,
    counters: BTreeMap<Key, i64>,
    lock: Lock,
    queue: VecDeque<Value>,
    /// The last identifier that was given out.
    #[serde(default)]
    ids: u64,
    /// Logs of records, and how far groups have read them.
    records: Logs,
    /// Changes of the watched map.
    journal: Journal,
}

/// The lock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Lock {
    /// Who holds it, and the time at which the lease began, by the clock of whoever led.
    holder: Option<(Key, u64)>,
    /// How often it was granted.
    grants: u64,
}

impl State {
    /// Executes `command`, wholly or not at all.
    pub fn apply(&mut self, command: &Command) -> Outcome {
        match command {
            Command::RegisterWrite { key, value } => {
                self.registers.insert(key.clone(), value.clone());
                Outcome::Done
            }
            Command::RegisterCompareAndSet { key, old, new } => {
                let found = self.register(key);
                if found != *old {
                    return Outcome::Declined(format!("compare failed: the value is {found}"));
                }
                self.registers.insert(key.clone(), new.clone());
                Outcome::Done
            }
            Command::Transaction { operations } => self.transaction(operations),
            Command::SetAdd { key, element } => {
                self.sets.entry(key.clone()).or_default().insert(*element);
                Outcome::Done
            }
            Command::CounterAdd { key, by } => {
                let counter = self.counters.entry(key.clone()).or_default();
                match counter.checked_add(*by) {
                    None => Outcome::Declined("the counter would overflow".to_owned()),
                    Some(sum) => {
                        *counter = sum;
                        Outcome::Done
                    }
                }
            }
            Command::CounterReset { key, value } => {
                self.counters.insert(key.clone(), *value);
                Outcome::Done
            }
            Command::LockAcquire { owner, at } => self.acquire(owner, *at),
            Command::LockRelease { owner } => self.release(owner),
            Command::Enqueue { element } => {
                self.queue.push_back(element.clone());
                Outcome::Done
            }
            Command::Dequeue => self.dequeue(0),
            Command::DequeueFrom { position } => self.dequeue(*position),
            Command::Drain => Outcome::Value(self.queue.drain(..).collect()),
            Command::GenerateId => {
                self.ids += 1;
                Outcome::Value(self.ids.into())
            }
            Command::Change { changes } => Outcome::Value(self.journal.change(changes).into()),
            Command::RegisterRead { .. }
            | Command::SetRead { .. }
            | Command::CounterRead { .. }
            | Command::LockRead
            | Command::Changes { .. } => self.read(command),
        }
    }

    /// Executes a command that changes nothing; others are declined.
    pub fn read(&self, command: &Command) -> Outcome {
        match command {
            Command::RegisterRead { key } => Outcome::Value(self.register(key)),
            Command::SetRead { key } => Outcome::Elements(
                self.sets.get(key).map(|set| set.iter().copied().collect()).unwrap_or_default(),
            ),
            Command::CounterRead { key } => {
                Outcome::Value(self.counters.get(key).copied().unwrap_or(0).into())
            }
            Command::LockRead => {
                let holder = self.lock.holder.as_ref().map(|(holder, _)| holder.value());
                Outcome::Value(serde_json::json!([self.lock.grants, holder]))
            }
            Command::Transaction { operations } if command.is_read() => {
                Outcome::Transaction(operations.iter().map(|step| self.look(step)).collect())
            }
            Command::Changes { from, most, .. } => self.journal.since(*from, *most),
            _ => Outcome::Declined("this is not a read".to_owned()),
        }
    }

    /// The last revision of the watched map.
    pub(crate) fn revision(&self) -> u64 {
        self.journal.revision()
    }

    /// A copy of the part that `command` reads.
    pub(crate) fn only(&self, command: &Command) -> Self {
        let mut part = Self::default();
        match command {
            Command::RegisterRead { key } => copy_key(&self.registers, &mut part.registers, key),
            Command::SetRead { key } => copy_key(&self.sets, &mut part.sets, key),
            Command::CounterRead { key } => copy_key(&self.counters, &mut part.counters, key),
            Command::LockRead => part.lock = self.lock.clone(),
            Command::Transaction { operations } => part = self.touched(operations),
            Command::Changes { .. } => part.journal = self.journal.clone(),
            _ => {}
        }
        part
    }

    /// A copy of the part that these operations read or write.
    fn touched(&self, operations: &[Operation]) -> Self {
        let mut part = Self::default();
        for operation in operations {
            match operation {
                Operation::ReadList { key }
                | Operation::Append { key, .. }
                | Operation::RequireList { key, .. } => {
                    copy_key(&self.lists, &mut part.lists, key);
                }
                Operation::ReadRegister { key }
                | Operation::WriteRegister { key, .. }
                | Operation::RequireRegister { key, .. }
                | Operation::AddToRegister { key, .. } => {
                    copy_key(&self.registers, &mut part.registers, key);
                }
                Operation::Send { key, .. }
                | Operation::Poll { key, .. }
                | Operation::End { key }
                | Operation::Commit { key, .. } => self.records.copy(key, &mut part.records),
                Operation::Attend { .. } | Operation::Leave { .. } => {
                    self.records.copy_groups(&mut part.records);
                }
            }
        }
        part
    }

    fn dequeue(&mut self, position: usize) -> Outcome {
        match self.queue.remove(position.min(self.queue.len().saturating_sub(1))) {
            Some(element) => Outcome::Value(element),
            None => Outcome::Declined("the queue is empty".to_owned()),
        }
    }

    /// What has to be as it is now for nobody to have written what `operation` writes: a
    /// requirement to put into a transaction.
    pub(crate) fn requirement(&self, operation: &Operation) -> Option<Operation> {
        match operation {
            Operation::Append { key, .. } => {
                let length = self.lists.get(key).map_or(0, Vec::len);
                Some(Operation::RequireList { key: key.clone(), length })
            }
            Operation::WriteRegister { key, .. } | Operation::AddToRegister { key, .. } => {
                let value = self.register(key);
                Some(Operation::RequireRegister { key: key.clone(), value })
            }
            _ => None,
        }
    }

    fn acquire(&mut self, owner: &Key, at: u64) -> Outcome {
        // A clock that went back does not make a lease end sooner.
        let held = |since: u64| at.saturating_sub(since) < LEASE;
        if self.lock.holder.as_ref().is_some_and(|(_, since)| held(*since)) {
            return Outcome::Declined("the lock is held".to_owned());
        }
        self.lock.holder = Some((owner.clone(), at));
        self.lock.grants += 1;
        Outcome::Value(self.lock.grants.into())
    }

    fn release(&mut self, owner: &Key) -> Outcome {
        if self.lock.holder.as_ref().is_none_or(|(holder, _)| holder != owner) {
            return Outcome::Declined("the lock is not held by this owner".to_owned());
        }
        self.lock.holder = None;
        Outcome::Done
    }

    /// All of it or nothing: what can be declined is tried on a copy first.
    fn transaction(&mut self, operations: &[Operation]) -> Outcome {
        if operations.iter().any(Operation::can_be_declined) {
            let mut trial = self.touched(operations);
            let mut tried = operations.iter().map(|step| trial.step(step));
            if let Some(why) = tried.find_map(Result::err) {
                return Outcome::Declined(why);
            }
        }
        // Polls see what was committed, and that does not include what is done here. But they count
        // for who the member is here and now.
        let mut first: Vec<Option<Value>> =
            operations.iter().map(|step| self.records.membership(step)).collect();
        for (step, result) in operations.iter().zip(&mut first) {
            if matches!(step, Operation::Poll { .. }) {
                *result = Some(self.look(step));
            }
        }
        let steps = operations.iter().zip(first);
        match steps.map(|(step, first)| first.map_or_else(|| self.step(step), Ok)).collect() {
            Ok(results) => Outcome::Transaction(results),
            Err(why) => Outcome::Declined(why),
        }
    }

    /// One step; the error says why it cannot be.
    fn step(&mut self, operation: &Operation) -> Result<Value, String> {
        match operation {
            Operation::Append { key, element } => {
                self.lists.entry(key.clone()).or_default().push(element.clone());
                Ok(Value::Null)
            }
            Operation::WriteRegister { key, value } => {
                self.registers.insert(key.clone(), value.clone());
                Ok(Value::Null)
            }
            Operation::AddToRegister { key, by, initial, least } => {
                let held = match self.register(key) {
                    Value::Null => *initial,
                    value => value.as_i64().ok_or(format!("{value} is no number to add to"))?,
                };
                let sum = held.checked_add(*by).ok_or("the register would overflow")?;
                if least.is_some_and(|least| sum < least) {
                    return Err(format!("the register would hold too little: {held} and {by}"));
                }
                self.registers.insert(key.clone(), sum.into());
                Ok(Value::Null)
            }
            Operation::RequireList { key, length } => {
                match self.lists.get(key).map_or(0, Vec::len) {
                    found if found == *length => Ok(Value::Null),
                    found => Err(format!("the list has {found} elements, not {length}")),
                }
            }
            Operation::RequireRegister { key, value } => match self.register(key) {
                found if found == *value => Ok(Value::Null),
                found => Err(format!("the register holds {found}, not {value}")),
            },
            Operation::Send { key, value } => Ok(self.records.send(key, value).into()),
            Operation::Attend { .. } | Operation::Leave { .. } | Operation::Commit { .. } => {
                Ok(self.records.membership(operation).unwrap_or_default())
            }
            Operation::ReadList { .. }
            | Operation::ReadRegister { .. }
            | Operation::Poll { .. }
            | Operation::End { .. } => Ok(self.look(operation)),
        }
    }

    fn look(&self, operation: &Operation) -> Value {
        match operation {
            Operation::ReadList { key } => {
                Value::Array(self.lists.get(key).cloned().unwrap_or_default())
            }
            Operation::ReadRegister { key } => self.register(key),
            Operation::Poll { .. } => self.records.poll(operation),
            Operation::End { key } => self.records.end(key).into(),
            Operation::Append { .. }
            | Operation::WriteRegister { .. }
            | Operation::RequireList { .. }
            | Operation::RequireRegister { .. }
            | Operation::AddToRegister { .. }
            | Operation::Send { .. }
            | Operation::Attend { .. }
            | Operation::Leave { .. }
            | Operation::Commit { .. } => Value::Null,
        }
    }

    fn register(&self, key: &Key) -> Value {
        self.registers.get(key).cloned().unwrap_or(Value::Null)
    }
}

fn copy_key<T: Clone>(from: &BTreeMap<Key, T>, to: &mut BTreeMap<Key, T>, key: &Key) {
    if let Some(value) = from.get(key) {
        to.insert(key.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests;
