//! The client: one connection to one server. The connector makes the stream first.

use crate::api::Retention;
use crate::connection::{Connection, RequestError};
use crate::{queue, set};
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

/// What the one stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Messages stay.
    Set,
    /// Messages are taken out.
    Queue,
}

/// How the stream is made, before the run and when it is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making {
    usage: Use,
    replicas: usize,
}

/// Makes clients.
#[derive(Clone, Debug)]
pub(crate) struct NatsConnector {
    making: Making,
    port: u16,
}

/// A client bound to one server.
#[derive(Debug)]
pub(crate) struct NatsClient {
    pub(crate) connection: Connection,
    making: Making,
}

impl Making {
    /// Makes the stream, and for a queue its consumer. What is there already stays as it is.
    async fn make(self, connection: &mut Connection) -> Result<(), RequestError> {
        match self.usage {
            Use::Set => connection.create_stream(self.replicas, Retention::Limits).await,
            Use::Queue => {
                connection.create_stream(self.replicas, Retention::WorkQueue).await?;
                connection.create_consumer().await
            }
        }
    }

    /// Makes what was made before the run and is gone, as applications do that make what they
    /// miss. The operation that missed it has failed; a later one tells what is lost.
    pub(crate) async fn make_anew(self, connection: &mut Connection) {
        match self.make(connection).await {
            Ok(()) => tracing::warn!("the stream was gone, and is made anew"),
            Err(error) => tracing::warn!(%error, "the stream is gone, and cannot be made anew"),
        }
    }
}

impl NatsConnector {
    /// Clients of a cluster of so many servers, which listen on `port`.
    pub(crate) fn new(usage: Use, servers: usize, port: u16) -> Self {
        Self { making: Making { usage, replicas: servers.clamp(1, REPLICAS) }, port }
    }

    /// A client of the server at `address`.
    pub(crate) async fn open(&self, address: SocketAddr) -> Result<NatsClient, String> {
        let connection = Connection::open(address).await.map_err(|error| error.to_string())?;
        Ok(NatsClient { connection, making: self.making })
    }

    /// Makes the stream through any of `servers`, and waits until it has a leader.
    pub(crate) async fn make_stream(&self, servers: &[SocketAddr]) -> Result<(), String> {
        let deadline = Instant::now() + PREPARE_LIMIT;
        let mut turns = servers.iter().cycle();
        loop {
            let Some(server) = turns.next() else { return Err("there is no server".to_owned()) };
            let error = match make_stream(*server, self.making).await {
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

async fn make_stream(server: SocketAddr, making: Making) -> Result<(), RequestError> {
    let connection = Connection::open(server).await?;
    let mut connection = connection.with_limit(PREPARE_REQUEST_LIMIT);
    making.make(&mut connection).await?;
    if making.usage == Use::Queue {
        connection.consumer_info().await?;
    }
    connection.stream_info().await.map(drop)
}

impl Connect for NatsConnector {
    type Client = NatsClient;

    async fn connect(&self, node: &Node) -> Result<NatsClient, String> {
        self.open(SocketAddr::new(node.address, self.port)).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let servers: Vec<SocketAddr> =
            nodes.iter().map(|node| SocketAddr::new(node.address, self.port)).collect();
        self.make_stream(&servers).await
    }
}

impl Client for NatsClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        match self.making.usage {
            Use::Set => set::invoke(&mut self.connection, self.making, op).await,
            Use::Queue => queue::invoke(&mut self.connection, self.making, op).await,
        }
    }
}
