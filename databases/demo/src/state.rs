//! The state machine's data, and what each command does to it.

use crate::command::{Command, Key, Operation, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that the database holds. A pure function of the log: the same commands in the same
/// order make the same state on every node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    registers: BTreeMap<Key, Value>,
    lists: BTreeMap<Key, Vec<Value>>,
    sets: BTreeMap<Key, BTreeSet<i64>>,
    counters: BTreeMap<Key, i64>,
    /// Who holds the lock.
    lock: Option<Key>,
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
            Command::Transaction { operations } => {
                Outcome::Transaction(operations.iter().map(|step| self.step(step)).collect())
            }
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
            Command::LockAcquire { owner } => match &self.lock {
                Some(_) => Outcome::Declined("the lock is held".to_owned()),
                None => {
                    self.lock = Some(owner.clone());
                    Outcome::Done
                }
            },
            Command::LockRelease { owner } => {
                if self.lock.as_ref() != Some(owner) {
                    return Outcome::Declined("the lock is not held by this owner".to_owned());
                }
                self.lock = None;
                Outcome::Done
            }
            Command::RegisterRead { .. }
            | Command::SetRead { .. }
            | Command::CounterRead { .. } => self.read(command),
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
            Command::Transaction { operations } if command.is_read() => {
                Outcome::Transaction(operations.iter().map(|step| self.look(step)).collect())
            }
            _ => Outcome::Declined("this is not a read".to_owned()),
        }
    }

    /// A copy of the part that `command` reads.
    pub(crate) fn only(&self, command: &Command) -> Self {
        let mut part = Self::default();
        match command {
            Command::RegisterRead { key } => copy_key(&self.registers, &mut part.registers, key),
            Command::SetRead { key } => copy_key(&self.sets, &mut part.sets, key),
            Command::CounterRead { key } => copy_key(&self.counters, &mut part.counters, key),
            Command::Transaction { operations } => {
                for operation in operations {
                    match operation {
                        Operation::ReadList { key } | Operation::Append { key, .. } => {
                            copy_key(&self.lists, &mut part.lists, key);
                        }
                        Operation::ReadRegister { key } | Operation::WriteRegister { key, .. } => {
                            copy_key(&self.registers, &mut part.registers, key);
                        }
                    }
                }
            }
            _ => {}
        }
        part
    }

    fn step(&mut self, operation: &Operation) -> Value {
        match operation {
            Operation::Append { key, element } => {
                self.lists.entry(key.clone()).or_default().push(element.clone());
                Value::Null
            }
            Operation::WriteRegister { key, value } => {
                self.registers.insert(key.clone(), value.clone());
                Value::Null
            }
            Operation::ReadList { .. } | Operation::ReadRegister { .. } => self.look(operation),
        }
    }

    fn look(&self, operation: &Operation) -> Value {
        match operation {
            Operation::ReadList { key } => {
                Value::Array(self.lists.get(key).cloned().unwrap_or_default())
            }
            Operation::ReadRegister { key } => self.register(key),
            Operation::Append { .. } | Operation::WriteRegister { .. } => Value::Null,
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
