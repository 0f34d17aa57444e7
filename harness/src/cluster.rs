//! Clusters: the nodes under test and the network between them.

mod policy;

use crate::agent::Agent;
use crate::control::Session;
pub use policy::{Distribution, LinkPolicy};
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;

/// A machine, or something that looks like one, on which the database runs.
#[derive(Clone, Debug)]
pub struct Node {
    /// Position in the cluster, from 0.
    pub index: usize,
    /// `n1`, or the host's name.
    pub name: Arc<str>,
    /// Its address on the data network: what other nodes and clients connect to.
    pub address: IpAddr,
    /// The control connection, which no fault ever touches.
    pub session: Arc<Session>,
    /// Perjury's agent on the node.
    pub agent: Arc<Agent>,
}

/// All nodes of a run.
#[derive(Clone)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    /// The user-space data network, where there is one; otherwise the agents cut by firewall.
    pub fabric: Option<Arc<dyn Fabric>>,
}

impl Cluster {
    /// The node called `name`.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| &*node.name == name)
    }
}

/// A link of the data network, one way: indices of the sending and the receiving node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    pub from: usize,
    pub to: usize,
}

/// Counts of one link since the cluster came up, in Ethernet frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkCount {
    /// Frames handed to the receiver, second copies too.
    pub delivered: u64,
    /// Frames dropped because the link is cut.
    pub dropped: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub corrupted: u64,
    pub delayed: u64,
    /// Segments that were replaced by resets of their connection.
    pub reset: u64,
    /// Frames dropped because too many waited for their turn on a slow link.
    pub overflowed: u64,
}

/// A data network that Perjury itself carries.
pub trait Fabric: Send + Sync {
    /// Drops every frame on these links from now on.
    fn cut(&self, links: &[Link]);
    /// Lets these links carry frames again.
    fn mend(&self, links: &[Link]);
    /// Links cut at this moment.
    fn cuts(&self) -> Vec<Link>;
    /// What one link carried and dropped.
    fn count(&self, link: Link) -> LinkCount;
    /// Makes these links behave by `policy`, in place of what the same `layer` asked of them
    /// before. Layers are the names of who asks; a frame passes through all of them. A plain
    /// policy takes the layer away. Frames under way arrive as they would have.
    fn shape(&self, layer: &'static str, links: &[Link], policy: &LinkPolicy);
    /// The links that a layer shapes at this moment, or all layers.
    fn shaped(&self, layer: Option<&str>) -> Vec<(Link, LinkPolicy)>;
}
