//! Vocabulary: the workloads' operations as commands of the database, and its outcomes as theirs.

use crate::command::{Command, Key, Operation, Outcome};
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};

/// A workload that the client can express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// `read [k, null]`, `write [k, v]`, `cas [k, [old, new]]`.
    Register,
    /// `txn [["append", k, v], ["r", k, null], ...]` on lists.
    ListAppend,
    /// `txn [["w", k, v], ["r", k, null], ...]` on registers.
    RwRegister,
    /// `add v`, `read null`.
    Set,
    /// `add n`, `read null`.
    Counter,
    /// `acquire owner`, `release owner`.
    Lock,
}

/// The one set, and the one counter, of their workloads.
fn only_key() -> Key {
    Key::from(&Value::from("perjury"))
}

impl Workload {
    pub const ALL: [(&'static str, Self); 6] = [
        ("register", Self::Register),
        ("list-append", Self::ListAppend),
        ("rw-register", Self::RwRegister),
        ("set", Self::Set),
        ("counter", Self::Counter),
        ("lock", Self::Lock),
    ];

    /// The workload called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, workload)| *workload)
    }

    /// The command for an operation; the error says why there is none.
    pub(super) fn command(self, op: &Op) -> Result<Command, String> {
        let found = match self {
            Self::Register => register(op),
            Self::ListAppend => transaction(op, list_operation),
            Self::RwRegister => transaction(op, register_operation),
            Self::Set => match &*op.f {
                "add" => {
                    op.value.as_i64().map(|element| Command::SetAdd { key: only_key(), element })
                }
                "read" => Some(Command::SetRead { key: only_key() }),
                _ => None,
            },
            Self::Counter => match &*op.f {
                "add" => op.value.as_i64().map(|by| Command::CounterAdd { key: only_key(), by }),
                "read" => Some(Command::CounterRead { key: only_key() }),
                _ => None,
            },
            Self::Lock => match &*op.f {
                "acquire" => Some(Command::LockAcquire { owner: Key::from(&op.value) }),
                "release" => Some(Command::LockRelease { owner: Key::from(&op.value) }),
                _ => None,
            },
        };
        found.ok_or_else(|| format!("the demo database has no operation {} {}", op.f, op.value))
    }

    /// The operation's completed value.
    pub(super) fn completed(self, op: &Op, outcome: Outcome) -> Result<Value, Failure> {
        match (self, &*op.f, outcome) {
            (_, _, Outcome::Declined(why)) => Err(Failure::Definite(why)),
            (Self::Register, "read", Outcome::Value(found)) => Ok(json!([op.value[0], found])),
            (Self::ListAppend | Self::RwRegister, "txn", Outcome::Transaction(results)) => {
                filled(&op.value, results)
            }
            (Self::Set, "read", Outcome::Elements(elements)) => Ok(elements.into()),
            (Self::Counter, "read", Outcome::Value(found)) => Ok(found),
            (Self::Register, "write" | "cas", Outcome::Done)
            | (Self::Set | Self::Counter, "add", Outcome::Done)
            | (Self::Lock, _, Outcome::Done) => Ok(op.value.clone()),
            (_, f, outcome) => {
                Err(Failure::Unexpected(format!("the outcome of {f} cannot be {outcome:?}")))
            }
        }
    }
}

fn register(op: &Op) -> Option<Command> {
    let [key, argument] = op.value.as_array()?.as_slice() else { return None };
    let key = Key::from(key);
    match &*op.f {
        "read" => Some(Command::RegisterRead { key }),
        "write" => Some(Command::RegisterWrite { key, value: argument.clone() }),
        "cas" => {
            let [old, new] = argument.as_array()?.as_slice() else { return None };
            Some(Command::RegisterCompareAndSet { key, old: old.clone(), new: new.clone() })
        }
        _ => None,
    }
}

type ToOperation = fn(f: &str, key: Key, argument: &Value) -> Option<Operation>;

fn transaction(op: &Op, operation: ToOperation) -> Option<Command> {
    if &*op.f != "txn" {
        return None;
    }
    let operations = op.value.as_array()?.iter().map(|micro| {
        let [f, key, argument] = micro.as_array()?.as_slice() else { return None };
        operation(f.as_str()?, Key::from(key), argument)
    });
    Some(Command::Transaction { operations: operations.collect::<Option<_>>()? })
}

fn list_operation(f: &str, key: Key, argument: &Value) -> Option<Operation> {
    match f {
        "append" => Some(Operation::Append { key, element: argument.clone() }),
        "r" => Some(Operation::ReadList { key }),
        _ => None,
    }
}

fn register_operation(f: &str, key: Key, argument: &Value) -> Option<Operation> {
    match f {
        "w" => Some(Operation::WriteRegister { key, value: argument.clone() }),
        "r" => Some(Operation::ReadRegister { key }),
        _ => None,
    }
}

/// The transaction as it was asked, with what it read.
fn filled(asked: &Value, results: Vec<Value>) -> Result<Value, Failure> {
    let operations = asked.as_array().map_or(&[][..], Vec::as_slice);
    if operations.len() != results.len() {
        let message = format!("{} operations have {} results", operations.len(), results.len());
        return Err(Failure::Unexpected(message));
    }
    let filled = operations.iter().zip(results).map(|(operation, result)| {
        if operation[0] == "r" { json!(["r", operation[1], result]) } else { operation.clone() }
    });
    Ok(filled.collect())
}

#[cfg(test)]
mod tests;
