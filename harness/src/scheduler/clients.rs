//! What workers need from outside: clients to call, and someone to break things.

use crate::client::{DynClient, SharedConnect};
use crate::{BoxFuture, Node, Op};
use perjury_checkers::Name;
use serde_json::Value;

/// Opens the clients of workers.
pub trait OpenClient: Send + Sync {
    /// A client for this worker. An error means that nothing has been asked of the database.
    fn open(&self, worker: usize) -> BoxFuture<'_, Result<Box<dyn DynClient>, String>>;

    /// The name of the node that the worker is bound to.
    fn node_name(&self, worker: usize) -> Option<Name>;

    /// Number of nodes; worker `i` is bound to node `i % node_count`.
    fn node_count(&self) -> usize;
}

/// Clients that a connector opens to nodes, in turn.
pub struct NodeClients {
    nodes: Vec<Node>,
    connect: SharedConnect,
}

impl NodeClients {
    /// Worker `i` gets clients of `nodes[i % nodes.len()]`.
    pub fn new(nodes: Vec<Node>, connect: SharedConnect) -> Self {
        Self { nodes, connect }
    }

    fn node(&self, worker: usize) -> Option<&Node> {
        self.nodes.get(worker.checked_rem(self.nodes.len())?)
    }
}

impl OpenClient for NodeClients {
    fn open(&self, worker: usize) -> BoxFuture<'_, Result<Box<dyn DynClient>, String>> {
        match self.node(worker) {
            Some(node) => self.connect.connect(node),
            None => Box::pin(async { Err("there are no nodes".to_owned()) }),
        }
    }

    fn node_name(&self, worker: usize) -> Option<Name> {
        self.node(worker).map(|node| node.name.clone())
    }

    fn node_count(&self) -> usize {
        self.nodes.len()
    }
}

/// What the nemesis did, for the history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NemesisAnswer {
    /// Value of the completion: the evidence.
    pub value: Value,
    /// Why nothing was done, or why nobody knows.
    pub error: Option<String>,
}

/// Does the nemesis's operations, one at a time.
pub trait NemesisHandler: Send + Sync {
    /// Does one. Cancelled (dropped) after the nemesis's time limit, and when a stopped run does
    /// not want to wait any longer: what has to be undone must be known elsewhere before it is done.
    fn invoke<'a>(&'a self, op: &'a Op) -> BoxFuture<'a, NemesisAnswer>;
}

/// Breaks nothing.
pub struct NoNemesis;

impl NemesisHandler for NoNemesis {
    fn invoke<'a>(&'a self, _: &'a Op) -> BoxFuture<'a, NemesisAnswer> {
        Box::pin(async { NemesisAnswer::default() })
    }
}
