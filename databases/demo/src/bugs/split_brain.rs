//! `split-brain`: a leader that hears from no majority carries on alone, on a copy of its own.
//!
//! It answers its side of the partition as if it still spoke for all, while the other side elects
//! a leader and does the same. When they meet again the copy is thrown away.

use crate::command::Command;
use crate::node::{Node, Reply};
use crate::state::State;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For how long the majority may be silent before the leader goes on without it.
const PATIENCE: Duration = Duration::from_millis(400);

/// The copy, and the term in which it was made: a leader elected anew starts from the log.
#[derive(Debug, Default)]
pub(super) struct Fork(Mutex<Option<(u64, State)>>);

pub(super) async fn lead(fork: &Fork, node: &Node, command: &Command, deadline: Instant) -> Reply {
    let alone = node.quorum_silence() > PATIENCE;
    {
        let mut fork = fork.0.lock().unwrap_or_else(PoisonError::into_inner);
        let term = node.term();
        if !alone || fork.as_ref().is_some_and(|(made_in, _)| *made_in != term) {
            *fork = None;
        }
        if alone {
            let copy = || (term, node.machine.with(|_, state| state.clone()));
            let (_, state) = fork.get_or_insert_with(copy);
            return Ok(state.apply(command));
        }
    }
    node.lead_correctly(command, deadline).await
}
