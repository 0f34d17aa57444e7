//! `memory-ids`: each node gives out identifiers of its own, and counts them in memory.
//!
//! No two nodes give out the same one, so nobody has to be asked. But a node that starts again
//! begins again, with the identifiers that it gave out the first time.

use crate::command::Outcome;
use crate::node::Node;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifiers of all nodes lie side by side: those of node n have this remainder n.
const NODES: u64 = 1_000;

/// How many this process has given out.
#[derive(Debug, Default)]
pub(super) struct Ids(AtomicU64);

impl Ids {
    pub(super) fn next(&self, node: &Node) -> Outcome {
        // Here it should be on disk, or agreed upon, before it is given out.
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Outcome::Value((count * NODES + node.id).into())
    }
}
