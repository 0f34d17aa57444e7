//! `sticky-claims`: a member that comes back to its group keeps the logs that it had before.
//!
//! It was away for so long that others were given them. From then on two members poll the same log, each
//! from where it thinks that the group is.

use crate::command::{Command, Operation};

/// The operations with all that members claim believed.
pub(super) fn believed(operations: &[Operation]) -> Command {
    let mut operations = operations.to_vec();
    for operation in &mut operations {
        if let Operation::Attend { trusting, .. } = operation {
            *trusting = true;
        }
    }
    Command::Transaction { operations }
}
