//! Vocabulary: the workloads' operations as commands of the database, and its outcomes as theirs.

use super::local::LocalWorkload;
use super::sessions;
use crate::command::{Command, Key, Operation, Outcome};
use perjury_harness::{Failure, Op};
use perjury_workloads::Opening;
use serde_json::{Map, Value, json};

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
    /// `add n`, `reset n`, `read null`.
    Counter,
    /// `acquire owner`, `release owner`; null is the client itself.
    Lock,
    /// `transfer {"from": a, "to": b, "amount": n}`, `read null`.
    Bank(Opening),
    /// `enqueue v`, `dequeue null`, `drain null`.
    Queue,
    /// `generate null`.
    UniqueIds,
    /// `txn [["w", k, v]]`, `txn [["r", k, null], ...]`: several workloads.
    Inserts,
    /// `increment [k, null]`, `read [k, null]`.
    Monotonic,
    /// `insert [k, id]`, `read [k, null]`.
    OneInsert,
    /// `campaign candidate`, `resign candidate`, `observe null`.
    LeaderElection,
    /// `send`, `poll` and `txn` of `["send", k, v]` and `["poll"]`, `assign` and `subscribe`; what
    /// they mean depends on the client's consumer.
    PartitionedLog,
    /// `write [[k, v], …]`, `watch null`, `watch "latest"`; where a watch begins depends on the
    /// client's watcher.
    Watch,
    /// What each node answers alone.
    Local(LocalWorkload),
}

/// The one set, and the one counter, of their workloads.
pub(super) fn only_key() -> Key {
    Key::from(&Value::from("perjury"))
}

impl Workload {
    pub const ALL: [(&'static str, Self); 23] = [
        ("register", Self::Register),
        ("list-append", Self::ListAppend),
        ("rw-register", Self::RwRegister),
        ("set", Self::Set),
        ("bank", Self::Bank(Opening::USUAL)),
        ("counter", Self::Counter),
        ("queue", Self::Queue),
        ("lock", Self::Lock),
        ("unique-ids", Self::UniqueIds),
        ("causal", Self::Inserts),
        ("causal-reverse", Self::Inserts),
        ("long-fork", Self::Inserts),
        ("sequential", Self::Inserts),
        ("monotonic", Self::Monotonic),
        ("g2", Self::OneInsert),
        ("leader-election", Self::LeaderElection),
        ("partitioned-log", Self::PartitionedLog),
        ("watch", Self::Watch),
        ("eventual", Self::Local(LocalWorkload::Registers)),
        ("lww-register", Self::Local(LocalWorkload::Registers)),
        ("crdt-counter", Self::Local(LocalWorkload::Counter)),
        ("or-set", Self::Local(LocalWorkload::OrSet)),
        ("mv-register", Self::Local(LocalWorkload::Siblings)),
    ];

    /// The workload called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, workload)| *workload)
    }

    /// The command for an operation of the client called `client`; the error says why there is none.
    pub(super) fn command(self, op: &Op, client: &str) -> Result<Command, String> {
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
                "reset" => {
                    op.value.as_i64().map(|value| Command::CounterReset { key: only_key(), value })
                }
                "read" => Some(Command::CounterRead { key: only_key() }),
                _ => None,
            },
            Self::Lock => lock(op, client),
            // These are no commands for all nodes.
            Self::Local(_) => None,
            Self::Bank(opening) => bank(op, opening),
            Self::UniqueIds
            | Self::Inserts
            | Self::Monotonic
            | Self::OneInsert
            | Self::LeaderElection => sessions::command(self, op),
            Self::Queue => match &*op.f {
                "enqueue" => Some(Command::Enqueue { element: op.value.clone() }),
                "dequeue" => Some(Command::Dequeue),
                "drain" => Some(Command::Drain),
                _ => None,
            },
            Self::PartitionedLog | Self::Watch => None,
        };
        found.ok_or_else(|| unknown(op))
    }

    /// The operation's completed value.
    pub(super) fn completed(self, op: &Op, outcome: Outcome) -> Result<Value, Failure> {
        match (self, &*op.f, outcome) {
            (_, _, Outcome::Declined(why)) => Err(Failure::Declined(why)),
            (
                Self::UniqueIds
                | Self::Inserts
                | Self::Monotonic
                | Self::OneInsert
                | Self::LeaderElection,
                _,
                outcome,
            ) => sessions::completed(self, op, outcome),
            (Self::Register, "read", Outcome::Value(found)) => Ok(json!([op.value[0], found])),
            (Self::ListAppend | Self::RwRegister, "txn", Outcome::Transaction(results)) => {
                filled(&op.value, results)
            }
            (Self::Set, "read", Outcome::Elements(elements)) => Ok(elements.into()),
            (Self::Counter, "read", Outcome::Value(found))
            | (Self::Lock, "acquire", Outcome::Value(found))
            | (Self::Queue, "dequeue", Outcome::Value(found)) => Ok(found),
            (Self::Queue, "drain", Outcome::Value(all)) if all.is_array() => Ok(all),
            (Self::Bank(_), "transfer", Outcome::Transaction(_)) => Ok(op.value.clone()),
            (Self::Bank(opening), "read", Outcome::Transaction(found)) => balances(opening, found),
            (Self::Register, "write" | "cas", Outcome::Done)
            | (Self::Set | Self::Counter, "add", Outcome::Done)
            | (Self::Counter, "reset", Outcome::Done)
            | (Self::Lock, "release", Outcome::Done)
            | (Self::Queue, "enqueue", Outcome::Done) => Ok(op.value.clone()),
            (_, f, outcome) => {
                Err(Failure::Unexpected(format!("the outcome of {f} cannot be {outcome:?}")))
            }
        }
    }
}

/// Why there is no command for an operation.
pub(super) fn unknown(op: &Op) -> String {
    format!("the demo database has no operation {} {}", op.f, op.value)
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

/// An owner is named by the value, or is this client.
fn lock(op: &Op, client: &str) -> Option<Command> {
    let owner = match &op.value {
        Value::Null => Key::from(&Value::from(client)),
        named => Key::from(named),
    };
    match &*op.f {
        // The leader says what time it is.
        "acquire" => Some(Command::LockAcquire { owner, at: 0 }),
        "release" => Some(Command::LockRelease { owner }),
        _ => None,
    }
}

/// The register of an account. One that was never written holds the opening balance, so that
/// nothing has to be made before the run.
fn account(number: u64) -> Key {
    Key::from(&json!(["account", number]))
}

fn bank(op: &Op, opening: Opening) -> Option<Command> {
    let accounts = u64::from(opening.accounts);
    if &*op.f == "read" {
        let read = |number| Operation::ReadRegister { key: account(number) };
        return Some(Command::Transaction { operations: (0..accounts).map(read).collect() });
    }
    let number = |name: &str| op.value[name].as_u64().filter(|number| *number < accounts);
    let amount = op.value["amount"].as_i64().filter(|amount| *amount >= 0);
    let (from, to, amount) = (number("from")?, number("to")?, amount?);
    let initial = i64::from(opening.balance);
    let add = |to, by, least| Operation::AddToRegister { key: account(to), by, initial, least };
    let operations = vec![add(from, -amount, Some(0)), add(to, amount, None)];
    (&*op.f == "transfer").then_some(Command::Transaction { operations })
}

/// All accounts by number, those that were never written with what they opened with.
fn balances(opening: Opening, found: Vec<Value>) -> Result<Value, Failure> {
    if found.len() != opening.accounts as usize {
        let message = format!("{} accounts have {} balances", opening.accounts, found.len());
        return Err(Failure::Unexpected(message));
    }
    let balance = |held: Value| if held.is_null() { json!(opening.balance) } else { held };
    let named = found.into_iter().enumerate();
    Ok(named.map(|(at, held)| (at.to_string(), balance(held))).collect::<Map<_, _>>().into())
}

type ToOperation = fn(f: &str, key: Key, argument: &Value) -> Option<Operation>;

pub(super) fn transaction(op: &Op, operation: ToOperation) -> Option<Command> {
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

pub(super) fn register_operation(f: &str, key: Key, argument: &Value) -> Option<Operation> {
    match f {
        "w" => Some(Operation::WriteRegister { key, value: argument.clone() }),
        "r" => Some(Operation::ReadRegister { key }),
        _ => None,
    }
}

/// The transaction as it was asked, with what it read.
pub(super) fn filled(asked: &Value, results: Vec<Value>) -> Result<Value, Failure> {
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
