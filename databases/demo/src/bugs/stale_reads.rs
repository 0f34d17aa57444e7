//! `stale-reads`: any node answers a read from what it happens to have.
//!
//! The state of a follower is always consistent and often old: a little behind the leader at all
//! times, and as old as the partition when it is cut off. Nobody asks the leader.

use crate::command::{Command, Outcome};
use crate::node::Node;

pub(super) fn read(node: &Node, command: &Command) -> Outcome {
    node.machine.read(command)
}
