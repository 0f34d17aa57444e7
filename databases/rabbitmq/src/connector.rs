//! The client: one connection to one node. The connector makes the queue first.

use crate::failure::{self, Part};
use crate::session::AmqpSession;
use crate::settings::Settings;
use crate::{lock, queue};
use perjury_harness::{BoxFuture, Client, Connect, Failure, Node, Op};
use perjury_wire::{Connection, WireError};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long making the queue may take, with a cluster that is only just forming.
const PREPARE_LIMIT: Duration = Duration::from_secs(30);
const PREPARE_PAUSE: Duration = Duration::from_millis(200);
/// A node that waits for others answers nothing.
const PREPARE_REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// What is asked of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Numbers go in and out.
    Queue,
    /// One message, and who has got it has the lock.
    Lock,
}

/// Makes clients.
#[derive(Clone, Debug)]
pub(crate) struct AmqpConnector {
    settings: Settings,
    usage: Use,
}

/// A client bound to one node.
#[derive(Debug)]
pub(crate) struct AmqpClient {
    pub(crate) connection: Connection<AmqpSession>,
    queue: String,
    usage: Use,
    /// The message that stands for the lock, as the session numbers it, while it is held.
    held: Option<u64>,
}

impl AmqpConnector {
    pub(crate) fn new(settings: Settings, usage: Use) -> Self {
        Self { settings, usage }
    }

    /// A client of the node at `address`.
    pub(crate) async fn open(&self, address: SocketAddr) -> Result<AmqpClient, String> {
        let opened = Connection::open(address, self.settings.login.clone()).await;
        let connection = opened.map_err(|error| error.to_string())?;
        let queue = self.settings.queue.clone();
        Ok(AmqpClient { connection, queue, usage: self.usage, held: None })
    }

    /// Makes the queue through the first of `servers` that can, so that it is there that a classic
    /// queue is at home. For a lock, puts the one message into it.
    pub(crate) async fn make_queue(&self, servers: &[SocketAddr]) -> Result<(), String> {
        let deadline = Instant::now() + PREPARE_LIMIT;
        let mut turns = servers.iter().cycle();
        loop {
            let Some(server) = turns.next() else { return Err("there is no node".to_owned()) };
            let error = match self.try_making(*server).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() > deadline {
                return Err(format!("the queue cannot be made: {error}"));
            }
            tokio::time::sleep(PREPARE_PAUSE).await;
        }
    }

    async fn try_making(&self, server: SocketAddr) -> Result<(), WireError> {
        let opened = Connection::<AmqpSession>::open(server, self.settings.login.clone()).await?;
        let mut connection = opened.with_limit(PREPARE_REQUEST_LIMIT);
        let (queue, usage) = (self.settings.queue.clone(), self.usage);
        let queue_type = self.settings.queue_type;
        let made = connection.exchange(move |session| {
            Box::pin(async move {
                let holds = session.declare(&queue, &[("x-queue-type", queue_type)]).await?;
                if usage == Use::Lock {
                    // An earlier try may have put one in; two would be two locks.
                    if holds > 0 {
                        session.purge(&queue).await?;
                    }
                    session.publish(&queue, b"lock").await?;
                }
                session.close().await;
                Ok(())
            })
        });
        made.await
    }
}

impl Connect for AmqpConnector {
    type Client = AmqpClient;

    async fn connect(&self, node: &Node) -> Result<AmqpClient, String> {
        self.open(SocketAddr::new(node.address, self.settings.port)).await
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let port = self.settings.port;
        let servers: Vec<SocketAddr> =
            nodes.iter().map(|node| SocketAddr::new(node.address, port)).collect();
        self.make_queue(&servers).await
    }
}

impl Client for AmqpClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        match self.usage {
            Use::Queue => queue::invoke(&mut self.connection, &self.queue, op).await,
            Use::Lock => lock::invoke(&mut self.connection, &self.queue, &mut self.held, op).await,
        }
    }
}

/// One exchange with the session, and what its failure means.
pub(crate) async fn ask<T: Send>(
    connection: &mut Connection<AmqpSession>,
    part: Part,
    question: impl for<'a> FnOnce(&'a mut AmqpSession) -> BoxFuture<'a, Result<T, WireError>> + Send,
) -> Result<T, Failure> {
    connection.exchange(question).await.map_err(|error| failure::meaning(&error, part))
}
