//! `retry-duplicates`: a node that gets no answer from the leader soon asks again, and again.
//!
//! No answer does not mean that nothing happened. The leader does not recognise the second
//! request as the first one's twin, so what both ask for happens twice.

use crate::command::Command;
use crate::node::{Node, Reply};
use crate::wire::Refusal;
use std::time::Duration;
use tokio::time::Instant;

/// How long the leader is given to answer.
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn execute(node: &Node, command: &Command, deadline: Instant) -> Reply {
    loop {
        let attempt = node.attempt(command, deadline);
        match tokio::time::timeout(PATIENCE, attempt).await {
            Ok(Err(refusal)) if refusal.definite && !refusal.retry => return Err(refusal),
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(_)) | Err(_) if Instant::now() + PAUSE < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(Err(_)) | Err(_) => return Err(Refusal::unknown("no attempt was answered")),
        }
    }
}
