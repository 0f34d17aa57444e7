//! The client: one connection to one node, one operation at a time, nothing retried.
//!
//! `errors.md`, next to this crate's manifest, says what each failure means, and has a test for
//! each of its rows.

mod consumer;
mod local;
mod sessions;
mod vocabulary;
mod watcher;

pub use local::LocalWorkload;
pub use vocabulary::Workload;

use self::consumer::Consumer;
use self::watcher::Watcher;
use crate::command::{Command, Outcome};
use crate::database::PORT;
use crate::wire::{Connection, Refusal, Request, Response, Status, WireError};
use perjury_harness::{Client, Connect, Failure, Node, Op};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long connecting may take. The harness has no timeout of its own for this.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How many clients this process has made, so that each has a name of its own.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A client of one node.
#[derive(Debug)]
pub struct DemoClient {
    address: SocketAddr,
    connection: Connection,
    workload: Workload,
    /// As who it takes the lock: nobody has the same name, also not when this one is gone.
    name: String,
    /// What it polls, in workloads on logs.
    consumer: Consumer,
    /// Where it is, in workloads on watches.
    watcher: Watcher,
    /// A request is under way, or one was and its answer was never read: a later answer could be
    /// its, so the connection is of no use any more.
    dirty: bool,
}

impl DemoClient {
    /// Connects to the server at `address`.
    pub async fn connect(address: SocketAddr, workload: Workload) -> Result<Self, String> {
        let connection = open(address).await?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("client {number} of process {}", std::process::id());
        Ok(Self {
            address,
            connection,
            workload,
            consumer: Consumer::new(&name),
            name,
            watcher: Watcher::default(),
            dirty: false,
        })
    }

    /// How the node sees itself and the cluster.
    pub async fn status(&mut self) -> Result<Status, Failure> {
        match self.ask(&Request::Status).await? {
            Response::Status(status) => Ok(status),
            other => Err(Failure::Unexpected(format!("asked for its status, it said {other:?}"))),
        }
    }

    /// Asks a node that leads to have exactly these members.
    pub async fn set_members(&mut self, members: BTreeSet<u64>) -> Result<(), Failure> {
        match self.ask(&Request::Members(members)).await? {
            Response::Members(outcome) => outcome.map_err(Failure::from),
            other => {
                Err(Failure::Unexpected(format!("asked to change members, it said {other:?}")))
            }
        }
    }

    fn command(&self, op: &Op) -> Result<Command, String> {
        let found = match self.workload {
            Workload::PartitionedLog => self.consumer.command(op),
            Workload::Watch => self.watcher.command(op),
            _ => return self.workload.command(op, &self.name),
        };
        found.ok_or_else(|| vocabulary::unknown(op))
    }

    fn completed(&mut self, op: &Op, outcome: Outcome) -> Result<Value, Failure> {
        match self.workload {
            Workload::PartitionedLog => self.consumer.completed(op, outcome),
            Workload::Watch => self.watcher.completed(op, outcome),
            _ => self.workload.completed(op, outcome),
        }
    }

    /// Asks as a watcher does: one that loses its connection makes a new one and goes on, since
    /// nothing has happened by a watch without an answer.
    async fn ask_again(&mut self, op: &Op, request: &Request) -> Result<Response, Failure> {
        if self.dirty {
            self.connection = open(self.address).await.map_err(Failure::Definite)?;
            self.dirty = false;
        }
        if &*op.f != "watch" {
            return self.ask(request).await;
        }
        match tokio::time::timeout(watcher::PATIENCE, self.ask(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(Failure::Indefinite(why))) => Err(Failure::Definite(why)),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::Definite("no answer in time".to_owned())),
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<Response, Failure> {
        if self.dirty {
            let message = "not sent: the connection is unusable after an earlier failure";
            return Err(Failure::Definite(message.to_owned()));
        }
        self.dirty = true;
        self.connection.send(request).await.map_err(failure)?;
        let response = self.connection.receive().await.map_err(failure)?;
        let Some(response) = response else {
            return Err(Failure::Indefinite("the node closed the connection".to_owned()));
        };
        self.dirty = false;
        Ok(response)
    }
}

/// Connects, in limited time.
async fn open(address: SocketAddr) -> Result<Connection, String> {
    let target = address.to_string();
    match tokio::time::timeout(CONNECT_LIMIT, Connection::connect(&target)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(format!("cannot connect to {address}: {error}")),
        Err(_) => Err(format!("cannot connect to {address} within {CONNECT_LIMIT:?}")),
    }
}

fn failure(error: WireError) -> Failure {
    match error {
        WireError::Io(error) => Failure::from(error),
        WireError::Undecodable(_) => Failure::Unexpected(error.to_string()),
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        if refusal.definite {
            Self::Definite(refusal.message)
        } else {
            Self::Indefinite(refusal.message)
        }
    }
}

impl Workload {
    /// Asks for what an operation means over a connection that others use, too. Only for workloads
    /// whose clients have no state of their own.
    pub(crate) async fn ask<F>(
        self,
        op: &Op,
        ask: impl FnOnce(Request) -> F,
    ) -> Result<Value, Failure>
    where
        F: Future<Output = Result<Response, Failure>>,
    {
        let command = self.command(op, "").map_err(Failure::Definite)?;
        match ask(Request::Execute(command)).await? {
            Response::Executed(Ok(outcome)) => self.completed(op, outcome),
            Response::Executed(Err(refusal)) => Err(refusal.into()),
            other => Err(Failure::Unexpected(format!("asked to execute, it said {other:?}"))),
        }
    }
}

impl Client for DemoClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        // An operation that the workload does not have is never sent.
        if let Workload::Local(workload) = self.workload {
            let command = workload.command(op).map_err(Failure::Definite)?;
            return match self.ask(&Request::Local(command)).await? {
                Response::Local(Ok(answer)) => workload.completed(op, answer),
                Response::Local(Err(refusal)) => Err(refusal.into()),
                other => Err(Failure::Unexpected(format!("asked to answer, it said {other:?}"))),
            };
        }
        let command = self.command(op).map_err(Failure::Definite)?;
        let response = if self.workload == Workload::Watch {
            self.ask_again(op, &Request::Execute(command)).await?
        } else {
            self.ask(&Request::Execute(command)).await?
        };
        match response {
            Response::Executed(Ok(outcome)) => self.completed(op, outcome),
            Response::Executed(Err(refusal)) => Err(refusal.into()),
            other => Err(Failure::Unexpected(format!("asked to execute, it said {other:?}"))),
        }
    }
}

/// Makes clients for one workload.
#[derive(Clone, Copy, Debug)]
pub struct DemoConnect {
    pub workload: Workload,
}

impl Connect for DemoConnect {
    type Client = DemoClient;

    async fn connect(&self, node: &Node) -> Result<DemoClient, String> {
        DemoClient::connect(SocketAddr::new(node.address, PORT), self.workload).await
    }
}
