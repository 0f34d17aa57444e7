//! Starting and stopping: opens the data directory, joins the cluster, serves connections.

use crate::bugs::{Bug, Planted};
use crate::gossip::{Gossip, Rules};
use crate::log::{Durability, LogStore};
use crate::machine::Machine;
use crate::node::Node;
use crate::peers::Peers;
use crate::raft::Raft;
use crate::reads::Reads;
use crate::wire::{Connection, Request, Response, WireError};
use openraft::{EmptyNode, SnapshotPolicy};
use perjury_clock::Clock;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

/// Connections that a node serves at a time.
const CONNECTION_LIMIT: usize = 1024;
/// How long each node waits longer than the one before it until it forms the cluster, so that
/// a fresh cluster does not begin with five candidates.
const FORMATION_STEP: Duration = Duration::from_millis(400);

/// What a node has to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// From 1.
    pub id: u64,
    /// Addresses of all nodes, this one among them, by id.
    pub nodes: BTreeMap<u64, String>,
    /// Where the log and the snapshot are.
    pub data: PathBuf,
    /// The mistake to make, if any.
    pub bug: Option<Bug>,
    pub tuning: Tuning,
    /// What it takes for the wall clock.
    pub clock: Arc<Clock>,
}

/// Numbers that tests change.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Entries between two snapshots.
    pub snapshot_every: u64,
    /// Entries that stay in the log although a snapshot has them.
    pub keep: u64,
    /// A follower that is further behind gets a snapshot instead of entries.
    pub lag: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { snapshot_every: 5000, keep: 1000, lag: 10_000 }
    }
}

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot use the data directory {path}: {error}")]
    Data { path: PathBuf, error: io::Error },
    #[error("node {0} is not among the nodes given by --peers")]
    NotAmongNodes(u64),
    #[error("the consensus module does not start: {0}")]
    Raft(String),
}

/// A running server.
pub struct Server {
    node: Arc<Node>,
    accepting: JoinHandle<()>,
    forming: JoinHandle<()>,
    reporting: JoinHandle<()>,
    gossiping: JoinHandle<()>,
}

impl Server {
    /// Opens the data directory and starts to serve `listener`.
    pub async fn start(config: Config, listener: TcpListener) -> Result<Self, StartError> {
        if !config.nodes.contains_key(&config.id) {
            return Err(StartError::NotAmongNodes(config.id));
        }
        let node = Arc::new(open(&config).await?);
        let members: BTreeMap<u64, EmptyNode> =
            config.nodes.keys().map(|id| (*id, EmptyNode::new())).collect();
        Ok(Self {
            accepting: tokio::spawn(accept(Arc::clone(&node), listener)),
            forming: tokio::spawn(form(Arc::clone(&node), members)),
            reporting: tokio::spawn(report(Arc::clone(&node))),
            gossiping: tokio::spawn(node.gossip.clone().run(node.peers.clone())),
            node,
        })
    }

    /// Serves until the node can no longer take part; says why.
    pub async fn failed(&self) -> String {
        self.node.failed().await
    }

    /// Stops as abruptly as a task can be stopped: nothing is flushed, nobody is told.
    pub async fn stop(self) {
        for task in [self.accepting, self.forming, self.reporting, self.gossiping] {
            task.abort();
            // It was cancelled; there is nothing else to learn from it.
            drop(task.await);
        }
        drop(self.node.raft.shutdown().await);
    }
}

async fn open(config: &Config) -> Result<Node, StartError> {
    let data_error = |error| StartError::Data { path: config.data.clone(), error };
    std::fs::create_dir_all(&config.data).map_err(data_error)?;
    let durability = config.bug.map_or(Durability::Synced, Bug::durability);
    let log = LogStore::open(&config.data.join("log"), durability).map_err(data_error)?;
    let machine = Machine::open(&config.data.join("snapshot")).map_err(data_error)?;
    let rules = config.bug.map_or(Rules::CORRECT, Bug::rules);
    let gossip = Gossip::open(&config.data.join("gossip"), config.id, durability, rules)
        .map_err(data_error)?;
    let others = config.nodes.iter().filter(|(id, _)| **id != config.id);
    let peers = Peers::new(others.map(|(id, address)| (*id, address.clone())).collect());
    let raft_config = raft_config(&config.tuning).validate().map_err(raft_error)?;
    let raft =
        Raft::new(config.id, Arc::new(raft_config), peers.clone(), log.clone(), machine.clone());
    let raft = raft.await.map_err(raft_error)?;
    Ok(Node {
        id: config.id,
        reads: Reads::start(raft.clone()),
        metrics: raft.metrics(),
        raft,
        log,
        machine,
        peers,
        gossip,
        planted: config.bug.map(|bug| Planted::new(bug, Arc::clone(&config.clock))),
    })
}

fn raft_error(error: impl std::fmt::Display) -> StartError {
    StartError::Raft(error.to_string())
}

/// A leader is replaced within about a second: followers hold on to it for the longest election
/// timeout, then wait for their own, and look at the clock every one and a half heartbeats.
fn raft_config(tuning: &Tuning) -> openraft::Config {
    openraft::Config {
        cluster_name: "perjury-demo".to_owned(),
        heartbeat_interval: 80,
        election_timeout_min: 300,
        election_timeout_max: 500,
        install_snapshot_timeout: 3000,
        max_payload_entries: 300,
        replication_lag_threshold: tuning.lag,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(tuning.snapshot_every),
        snapshot_max_chunk_size: 512 << 10,
        max_in_snapshot_log_to_keep: tuning.keep,
        ..openraft::Config::default()
    }
}

/// Forms the cluster if there is none. Every node does so, with the same members, which is safe;
/// where a leader has turned up meanwhile, it is refused, which is just as well.
async fn form(node: Arc<Node>, members: BTreeMap<u64, EmptyNode>) {
    let position = members.keys().position(|id| *id == node.id).unwrap_or(0);
    tokio::time::sleep(FORMATION_STEP * u32::try_from(position).unwrap_or(u32::MAX)).await;
    if let Ok(true) = node.raft.is_initialized().await {
        return;
    }
    match node.raft.initialize(members).await {
        Ok(()) => tracing::info!("formed the cluster"),
        Err(error) => tracing::debug!(%error, "the cluster was formed by another node"),
    }
}

/// Logs who leads, whenever that changes.
async fn report(node: Arc<Node>) {
    let mut metrics = node.metrics.clone();
    let mut before = None;
    loop {
        let now = {
            let metrics = metrics.borrow_and_update();
            (metrics.current_term, metrics.current_leader)
        };
        if before != Some(now) {
            match now {
                (term, Some(leader)) if leader == node.id => {
                    tracing::info!(term, "this node leads");
                }
                (term, Some(leader)) => tracing::info!(term, leader, "following"),
                (term, None) => tracing::info!(term, "no leader"),
            }
            before = Some(now);
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

async fn accept(node: Arc<Node>, listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let node = Arc::clone(&node);
                connections.spawn(async move {
                    if let Err(error) = converse(&node, stream).await {
                        tracing::debug!(%error, "a connection ended");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until the other side closes it.
async fn converse(node: &Node, stream: TcpStream) -> Result<(), WireError> {
    let mut connection = Connection::new(stream)?;
    loop {
        match connection.receive::<Request>().await {
            Ok(Some(request)) => connection.send(&node.answer(request).await).await?,
            Ok(None) => return Ok(()),
            Err(error @ WireError::Undecodable(_)) => {
                connection.send(&Response::Malformed(error.to_string())).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
    }
}
