//! `auto-commit`: the position of a group of consumers is moved on when records are handed out to
//! one of them, not when it says that it has got them.
//!
//! A consumer whose connection breaks, or who waits no longer, never gets what was sent to it. The
//! others of its group go on after that.

use crate::command::{Command, Member, Operation, Outcome};
use crate::node::{Node, Reply};
use tokio::time::Instant;

pub(super) async fn run(node: &Node, operations: &[Operation], deadline: Instant) -> Reply {
    let command = Command::Transaction { operations: operations.to_vec() };
    let reply = node.lead_correctly(&command, deadline).await?;
    let Outcome::Transaction(results) = &reply else { return Ok(reply) };
    let told = operations.iter().zip(results);
    let attended =
        told.clone().find(|(operation, _)| matches!(operation, Operation::Attend { .. }));
    let generation = attended.and_then(|(_, result)| result[0].as_u64()).unwrap_or(0);
    let commits: Vec<Operation> = told
        .filter_map(|(operation, result)| {
            let Operation::Poll { key, member: Some(member), .. } = operation else { return None };
            let offset = result.as_array()?.last()?[0].as_u64()?;
            let (key, member) = (key.clone(), Member { generation, ..member.clone() });
            Some(Operation::Commit { key, member, position: offset + 1 })
        })
        .collect();
    if !commits.is_empty() {
        // Here the consumer should say so itself, when it asks for more.
        let commit = Command::Transaction { operations: commits };
        drop(node.propose(&commit, deadline).await);
    }
    Ok(reply)
}
