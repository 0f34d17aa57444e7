//! `auto-commit`: the position of a group of consumers is moved on when records are handed out to
//! one of them, not when it says that it has got them.
//!
//! A consumer whose connection breaks, or who waits no longer, never gets what was sent to it. The
//! others of its group go on after that.

use crate::command::{Command, Operation, Outcome};
use crate::node::{Node, Reply};
use tokio::time::Instant;

pub(super) async fn run(node: &Node, operations: &[Operation], deadline: Instant) -> Reply {
    let command = Command::Transaction { operations: operations.to_vec() };
    let reply = node.lead_correctly(&command, deadline).await?;
    let Outcome::Transaction(results) = &reply else { return Ok(reply) };
    let commits: Vec<Operation> = operations
        .iter()
        .zip(results)
        .filter_map(|(operation, result)| {
            let Operation::Poll { key, group: Some(group), .. } = operation else { return None };
            let offset = result.as_array()?.last()?[0].as_u64()?;
            let (key, group) = (key.clone(), group.clone());
            Some(Operation::Commit { key, group, position: offset + 1 })
        })
        .collect();
    if !commits.is_empty() {
        // Here the consumer should say so itself, when it asks for more.
        let commit = Command::Transaction { operations: commits };
        drop(node.propose(&commit, deadline).await);
    }
    Ok(reply)
}
