//! `skipping-watch`: a watcher that is far behind is moved on to newer revisions, and not told.
//!
//! A node keeps the last changes at hand for watchers. One that wants older ones should be given
//! them, or be refused, so that it can begin again with a whole copy.

use crate::command::Command;
use crate::node::Node;

/// How many revisions are kept.
const KEPT: u64 = 100;

/// The command as it is executed.
pub(super) fn moved(node: &Node, command: &Command) -> Command {
    match command.clone() {
        Command::Changes { from, most, latest } => {
            let oldest = node.machine.with(|_, state| state.revision()).saturating_sub(KEPT);
            // Here it should refuse.
            Command::Changes { from: from.max(oldest), most, latest }
        }
        other => other,
    }
}
