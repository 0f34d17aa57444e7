//! The client: one connection to one server. The connector makes the stream first.

use crate::connection::{Connection, RequestError};
use crate::{CLIENT_PORT, WORKLOADS, set};
use perjury_harness::{Client, Connect, Failure, Node, Op};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many servers keep a message: as many as NATS's documents advise.
const REPLICAS: usize = 3;

/// How long making the stream may take, with elections.
const PREPARE_LIMIT: Duration = Duration::from_secs(30);
const PREPARE_PAUSE: Duration = Duration::from_millis(200);
/// A request to a leader that is not there is not answered.
const PREPARE_REQUEST_LIMIT: Duration = Duration::from_secs(3);

/// Makes clients.
#[derive(Clone, Debug)]
pub struct NatsConnector {
    replicas: usize,
}

/// A client bound to one server.
#[derive(Debug)]
pub struct NatsClient {
    pub(crate) connection: Connection,
    replicas: usize,
}

impl NatsConnector {
    /// Clients for `workload`, of a cluster of so many servers.
    pub fn new(workload: &str, servers: usize) -> Result<Self, String> {
        if WORKLOADS.contains(&workload) {
            return Ok(Self { replicas: servers.clamp(1, REPLICAS) });
        }
        let known = WORKLOADS.join(", ");
        Err(format!("nats has no workload `{workload}`: it has {known}"))
    }

    /// A client of the server at `address`.
    pub async fn open(&self, address: SocketAddr) -> Result<NatsClient, String> {
        let connection = Connection::open(address).await.map_err(|error| error.to_string())?;
        Ok(NatsClient { connection, replicas: self.replicas })
    }

    /// Makes the stream through any of `servers`, and waits until it has a leader.
    pub async fn make_stream(&self, servers: &[SocketAddr]) -> Result<(), String> {
        let deadline = Instant::now() + PREPARE_LIMIT;
        let mut turns = servers.iter().cycle();
        loop {
            let Some(server) = turns.next() else { return Err("there is no server".to_owned()) };
            let error = match make_stream(*server, self.replicas).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() > deadline {
                return Err(format!("the stream cannot be made: {error}"));
            }
            tokio::time::sleep(PREPARE_PAUSE).await;
        }
    }
}

async fn make_stream(server: SocketAddr, replicas: usize) -> Result<(), RequestError> {
    let connection = Connection::open(server).await?;
    let mut connection = connection.with_limit(PREPARE_REQUEST_LIMIT);
    connection.create_stream(replicas).await?;
    connection.stream_info().await.map(drop)
}

impl Connect for NatsConnector {
    type Client = NatsClient;

    async fn connect(&self, node: &Node) -> Result<NatsClient, String> {
        self.open(SocketAddr::new(node.address, CLIENT_PORT)).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let servers: Vec<SocketAddr> =
            nodes.iter().map(|node| SocketAddr::new(node.address, CLIENT_PORT)).collect();
        self.make_stream(&servers).await
    }
}

impl Client for NatsClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        set::invoke(&mut self.connection, self.replicas, op).await
    }
}
