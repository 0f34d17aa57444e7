//! `loose-order`: the queue is kept in parts, and a dequeue takes from whichever part it asks.
//!
//! Nothing is lost and nothing comes twice, but a message that was sent later can come out sooner.

use crate::command::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Parts that the first messages of the queue lie in.
const PARTS: usize = 16;
/// From one dequeue to the next, so that each part has its turn.
const STRIDE: usize = 7;

/// Which part is next.
#[derive(Debug, Default)]
pub(super) struct Servers(AtomicUsize);

impl Servers {
    pub(super) fn ask(&self) -> Command {
        let turn = self.0.fetch_add(STRIDE, Ordering::Relaxed);
        Command::DequeueFrom { position: turn % PARTS }
    }
}
