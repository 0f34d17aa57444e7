//! `torn-transactions`: the operations of a transaction are carried out one after the other, each
//! an entry of its own.
//!
//! All of them happen in the end, if the node lives, but others see them half done, and what the
//! transaction reads comes from several instants.

use crate::command::{Command, Operation, Outcome};
use crate::node::{Node, Reply};
use crate::wire::Refusal;
use serde_json::Value;
use tokio::time::Instant;

pub(super) async fn run(node: &Node, operations: &[Operation], deadline: Instant) -> Reply {
    let mut results: Vec<Value> = Vec::new();
    let mut written = false;
    for operation in operations {
        let alone = Command::Transaction { operations: vec![operation.clone()] };
        match node.lead_correctly(&alone, deadline).await {
            Ok(Outcome::Transaction(values)) => results.extend(values),
            Ok(other) => return Ok(other),
            Err(refusal) if written => {
                return Err(Refusal::unknown(format!("it was done in part: {}", refusal.message)));
            }
            Err(refusal) => return Err(refusal),
        }
        written |= !operation.is_read();
    }
    Ok(Outcome::Transaction(results))
}
