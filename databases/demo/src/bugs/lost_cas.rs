//! `lost-cas`: a compare-and-set reads the register, compares, and then writes, as if nobody
//! could write in between.
//!
//! Reading and writing are linearizable, each by itself. Two clients that both find the old value
//! both succeed, and the first one's update is lost.

use crate::command::{Command, Key, Outcome};
use crate::node::{Node, Reply};
use serde_json::Value;
use tokio::time::Instant;

pub(super) async fn compare_then_set(
    node: &Node,
    key: &Key,
    old: &Value,
    new: &Value,
    deadline: Instant,
) -> Reply {
    let read = Command::RegisterRead { key: key.clone() };
    match node.lead_correctly(&read, deadline).await? {
        Outcome::Value(found) if found == *old => {
            let write = Command::RegisterWrite { key: key.clone(), value: new.clone() };
            node.propose(&write, deadline).await
        }
        Outcome::Value(found) => {
            Ok(Outcome::Declined(format!("compare failed: the value is {found}")))
        }
        other => Ok(other),
    }
}
