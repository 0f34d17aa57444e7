//! The echo: a target of `perjury bench` behind real sockets.

use super::COMMAND;
use super::shared::{Pool, Shared, unknown};
use crate::wire::{Connection, Request, Response};
use perjury_harness::bench::{Opened, Target};
use perjury_harness::client::DynClient;
use perjury_harness::scheduler::OpenClient;
use perjury_harness::{BoxFuture, Client, Failure, Op};
use serde_json::Value;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// A server that answers what it was asked, over TCP, one connection a worker.
pub fn target() -> Target {
    Target {
        name: "echo",
        about: "a server on this machine that answers what it was asked, over TCP",
        open,
    }
}

fn open(connections: Option<usize>) -> Result<Opened, String> {
    let server = Server::start().map_err(|error| format!("the echo does not start: {error}"))?;
    let address = server.address.clone();
    let pool = Pool::new(address.clone(), connections.unwrap_or(0));
    let clients = Arc::new(Clients { address, pool });
    Ok(Opened { clients, _server: Box::new(server) })
}

/// The server's process, killed with this.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim_start_matches("listening on ").trim().to_owned();
        let server = Self { child, address };
        let silent = || io::Error::other("it says no address");
        if server.address.is_empty() { Err(silent()) } else { Ok(server) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Clients {
    address: String,
    pool: Pool,
}

impl OpenClient for Clients {
    fn open(&self, worker: usize) -> BoxFuture<'_, Result<Box<dyn DynClient>, String>> {
        Box::pin(async move {
            if let Some(shared) = self.pool.of(worker).await {
                return Ok(Box::new(Sharer(shared?)) as Box<dyn DynClient>);
            }
            let connection = Connection::connect(&self.address).await;
            let connection = connection.map_err(|error| format!("cannot connect: {error}"))?;
            Ok(Box::new(Own(connection)) as Box<dyn DynClient>)
        })
    }

    fn node_name(&self, _: usize) -> Option<Arc<str>> {
        Some("n1".into())
    }

    fn node_count(&self) -> usize {
        1
    }
}

fn value(response: Option<Response>) -> Result<Value, Failure> {
    match response {
        Some(Response::Echo(value)) => Ok(value),
        Some(other) => Err(Failure::Unexpected(format!("asked for an echo, it said {other:?}"))),
        None => Err(unknown("the server closed the connection")),
    }
}

/// A client with a connection of its own, as those of databases have.
struct Own(Connection);

impl Client for Own {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        self.0.send(&Request::Echo(op.value.clone())).await.map_err(unknown)?;
        value(self.0.receive().await.map_err(unknown)?)
    }
}

/// A client that shares its connection.
struct Sharer(Shared);

impl Client for Sharer {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        value(Some(self.0.ask(Request::Echo(op.value.clone())).await?))
    }
}
