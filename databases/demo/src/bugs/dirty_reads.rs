//! `dirty-reads`: the leader answers reads from its own log, committed or not, and calls a
//! transaction aborted that it could not commit within half a second.
//!
//! What the first client is told never happened, the second has read. Cut off from the majority,
//! the leader goes on like this until it hears of the new one, and then forgets it all.

use crate::command::Command;
use crate::node::{Node, Reply};
use crate::wire::Refusal;
use std::time::Duration;
use tokio::time::Instant;

/// How long a transaction may wait for its commit.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) async fn lead(node: &Node, command: &Command, deadline: Instant) -> Reply {
    if command.is_read() {
        let mut state = node.machine.with(|applied, state| {
            let mut state = state.only(command);
            for uncommitted in node.log.commands_after(applied) {
                // How each of them would end is of no interest here, only what they leave behind.
                drop(state.apply(&uncommitted));
            }
            state
        });
        return Ok(state.apply(command));
    }
    match node.log_and_wait(command, deadline.min(Instant::now() + PATIENCE)).await {
        Err(refusal) if !refusal.definite => {
            Err(Refusal::never("aborted: the transaction could not be committed in time"))
        }
        reply => reply,
    }
}
