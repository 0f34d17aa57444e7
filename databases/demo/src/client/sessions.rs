//! Vocabulary of the workloads about sessions and real time: identifiers, inserts, numbers that grow.

use super::vocabulary::{Workload, filled, register_operation, transaction};
use crate::command::{Command, Key, Operation, Outcome};
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};

/// The command for an operation; `None` if there is none.
pub(super) fn command(workload: Workload, op: &Op) -> Option<Command> {
    match (workload, &*op.f) {
        (Workload::UniqueIds, "generate") => Some(Command::GenerateId),
        // An office is the lock, a term its token, and a leader whom the lease of its holder leaves it.
        (Workload::LeaderElection, "observe") => Some(Command::LockRead),
        (Workload::LeaderElection, f) => {
            let owner = op.value.is_u64().then(|| Key::from(&op.value))?;
            match f {
                "campaign" => Some(Command::LockAcquire { owner, at: 0 }),
                "resign" => Some(Command::LockRelease { owner }),
                _ => None,
            }
        }
        (Workload::Inserts, _) => match transaction(op, register_operation)? {
            Command::Transaction { operations } => Some(single(operations)),
            other => Some(other),
        },
        (Workload::Monotonic, f) => {
            let key = || Some(Key::from(&json!(["number", op.value.as_array()?.first()?])));
            let read = Operation::ReadRegister { key: key()? };
            let raise = Operation::AddToRegister { key: key()?, by: 1, initial: 0, least: None };
            match f {
                "increment" => Some(Command::Transaction { operations: vec![raise, read] }),
                "read" => Some(Command::Transaction { operations: vec![read] }),
                _ => None,
            }
        }
        (Workload::OneInsert, f) => one_insert(f, op),
        _ => None,
    }
}

/// A transaction that only writes one register is a write.
fn single(mut operations: Vec<Operation>) -> Command {
    match operations.pop() {
        Some(Operation::WriteRegister { key, value }) if operations.is_empty() => {
            Command::RegisterWrite { key, value }
        }
        last => {
            operations.extend(last);
            Command::Transaction { operations }
        }
    }
}

/// The rows of a key: a list in each of two tables.
fn one_insert(f: &str, op: &Op) -> Option<Command> {
    let [key, id] = op.value.as_array()?.as_slice() else { return None };
    let table = |number: u64| Key::from(&json!(["table", number, key]));
    let operations = match f {
        "read" => (0..2).map(|number| Operation::ReadList { key: table(number) }).collect(),
        "insert" => {
            let empty = |number| Operation::RequireList { key: table(number), length: 0 };
            let into = table(id.as_u64()? % 2);
            vec![empty(0), empty(1), Operation::Append { key: into, element: id.clone() }]
        }
        _ => return None,
    };
    Some(Command::Transaction { operations })
}

/// The operation's completed value.
pub(super) fn completed(workload: Workload, op: &Op, outcome: Outcome) -> Result<Value, Failure> {
    match (workload, &*op.f, outcome) {
        (Workload::UniqueIds, "generate", Outcome::Value(id)) => Ok(id),
        (Workload::LeaderElection, "campaign", Outcome::Value(term)) => Ok(json!([term, op.value])),
        (Workload::LeaderElection, "observe", Outcome::Value(told)) if told.is_array() => Ok(told),
        (Workload::LeaderElection, "resign", Outcome::Done) => Ok(op.value.clone()),
        (Workload::Inserts, "txn", Outcome::Transaction(results)) => filled(&op.value, results),
        (Workload::Inserts, "txn", Outcome::Done)
        | (Workload::OneInsert, "insert", Outcome::Transaction(_)) => Ok(op.value.clone()),
        (Workload::Monotonic, _, Outcome::Transaction(mut results)) if !results.is_empty() => {
            Ok(json!([op.value[0], results.pop()]))
        }
        (Workload::OneInsert, "read", Outcome::Transaction(tables)) => {
            let rows = tables.iter().filter_map(Value::as_array).flatten();
            Ok(json!([op.value[0], rows.collect::<Vec<_>>()]))
        }
        (_, f, outcome) => {
            Err(Failure::Unexpected(format!("the outcome of {f} cannot be {outcome:?}")))
        }
    }
}
