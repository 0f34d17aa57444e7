//! The database's life on a node: installed, wiped, started, ready, stopped.

use crate::agent::protocol::ProcessState;
use crate::{Cluster, Node};

/// The name under which the agent knows the database's process.
pub const PROCESS: &str = "db";

/// Runs one database as its `database.toml` says, with one set of options.
pub struct Lifecycle {}

impl Lifecycle {
    /// Starts the database on `node`, or finds it running already.
    pub async fn start(&self, _cluster: &Cluster, _node: &Node) -> Result<ProcessState, String> {
        unimplemented!()
    }
}
