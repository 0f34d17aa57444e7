//! `write-skew`: a transaction reads a snapshot, and is refused in the end only if somebody has
//! meanwhile written what it writes itself.
//!
//! That is snapshot isolation, and it is called serializable. Two transactions that each read what
//! the other writes, and find it as they need it, both commit.

use crate::command::{Command, Operation, Outcome};
use crate::node::{Node, Reply};
use tokio::time::Instant;

pub(super) async fn run(node: &Node, operations: &[Operation], deadline: Instant) -> Reply {
    let whole = Command::Transaction { operations: operations.to_vec() };
    if operations.iter().all(writes) || !operations.iter().any(writes) {
        return node.lead_correctly(&whole, deadline).await;
    }
    node.reads.confirm().await?;
    let (found, mut commit) = node.machine.with(|_, state| {
        let unwritten: Vec<Operation> =
            operations.iter().filter_map(|step| state.requirement(step)).collect();
        (state.only(&whole).apply(&whole), unwritten)
    });
    let Outcome::Transaction(found) = found else { return Ok(found) };
    // Here it should require that what was read is still the same, too.
    commit.extend(operations.iter().filter(|step| writes(step)).cloned());
    match node.propose(&Command::Transaction { operations: commit }, deadline).await? {
        Outcome::Transaction(_) => Ok(Outcome::Transaction(found)),
        _ => Ok(Outcome::Declined("aborted: another transaction wrote the same".to_owned())),
    }
}

fn writes(step: &Operation) -> bool {
    matches!(
        step,
        Operation::Append { .. }
            | Operation::WriteRegister { .. }
            | Operation::AddToRegister { .. }
    )
}
