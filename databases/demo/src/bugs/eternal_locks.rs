//! `eternal-locks`: a lock is never taken back from whoever has it.
//!
//! Leases do not run out, as no time passes for them. Whoever dies with the lock keeps it, and nobody
//! ever gets it again.

use crate::command::{Command, Key};
use crate::node::{Node, Reply};
use tokio::time::Instant;

pub(super) async fn acquire(node: &Node, owner: &Key, deadline: Instant) -> Reply {
    // Here the leader should be left to say what time it is.
    node.propose(&Command::LockAcquire { owner: owner.clone(), at: 1 }, deadline).await
}
