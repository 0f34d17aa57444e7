//! The echo: a target of `perjury bench` behind real sockets.

use super::COMMAND;
use crate::wire::{Connection, Request, Response};
use perjury_harness::bench::{Opened, Target};
use perjury_harness::client::DynClient;
use perjury_harness::scheduler::OpenClient;
use perjury_harness::{BoxFuture, Client, Failure, Op};
use serde_json::Value;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OnceCell, mpsc, oneshot};

/// Questions sent at once at the most.
const BATCH: usize = 256;

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
    let shared = (0..connections.unwrap_or(0)).map(|_| OnceCell::new()).collect();
    let clients = Arc::new(Clients { address: server.address.clone(), shared });
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
    shared: Vec<OnceCell<Shared>>,
}

impl OpenClient for Clients {
    fn open(&self, worker: usize) -> BoxFuture<'_, Result<Box<dyn DynClient>, String>> {
        Box::pin(async move {
            let Some(place) = worker.checked_rem(self.shared.len()) else {
                let connection = connect(&self.address).await?;
                return Ok(Box::new(Own { connection }) as Box<dyn DynClient>);
            };
            let shared = self.shared[place].get_or_try_init(|| Shared::connect(&self.address));
            Ok(Box::new(shared.await?.clone()) as Box<dyn DynClient>)
        })
    }

    fn node_name(&self, _: usize) -> Option<Arc<str>> {
        Some("n1".into())
    }

    fn node_count(&self) -> usize {
        1
    }
}

async fn connect(address: &str) -> Result<Connection, String> {
    Connection::connect(address).await.map_err(|error| format!("cannot connect: {error}"))
}

fn unknown(error: impl std::fmt::Display) -> Failure {
    Failure::Indefinite(error.to_string())
}

fn value(response: Option<Response>) -> Result<Value, Failure> {
    match response {
        Some(Response::Echo(value)) => Ok(value),
        Some(other) => Err(Failure::Unexpected(format!("asked for an echo, it said {other:?}"))),
        None => Err(unknown("the server closed the connection")),
    }
}

/// A client with a connection of its own, as those of databases have.
struct Own {
    connection: Connection,
}

impl Client for Own {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        self.connection.send(&Request::Echo(op.value.clone())).await.map_err(unknown)?;
        value(self.connection.receive().await.map_err(unknown)?)
    }
}

type Answer = oneshot::Sender<Result<Value, Failure>>;
type Asked = (Value, Answer);

/// A client of a connection that many share: what they ask at the same time is sent at once.
#[derive(Clone)]
struct Shared {
    ask: mpsc::UnboundedSender<Asked>,
}

impl Shared {
    async fn connect(address: &str) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot connect: {error}");
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (read, write) = stream.into_split();
        let (ask, asked) = mpsc::unbounded_channel();
        let (wait, waiting) = mpsc::unbounded_channel();
        tokio::spawn(send(write, asked, wait));
        tokio::spawn(receive(read, waiting));
        Ok(Self { ask })
    }
}

impl Client for Shared {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let (answer, answered) = oneshot::channel();
        let closed = || unknown("the connection was closed");
        self.ask.send((op.value.clone(), answer)).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// Sends what is asked, and says who waits for it, until nobody asks or the connection is gone.
async fn send(
    mut to: OwnedWriteHalf,
    mut asked: mpsc::UnboundedReceiver<Asked>,
    wait: mpsc::UnboundedSender<Answer>,
) -> io::Result<()> {
    let (mut batch, mut lines) = (Vec::new(), Vec::new());
    while asked.recv_many(&mut batch, BATCH).await > 0 {
        lines.clear();
        for (value, answer) in batch.drain(..) {
            serde_json::to_writer(&mut lines, &Request::Echo(value))?;
            lines.push(b'\n');
            if wait.send(answer).is_err() {
                return Ok(());
            }
        }
        to.write_all(&lines).await?;
    }
    Ok(())
}

/// Gives each answer to who waits for it, in order. Who waits when the connection ends is told so, by
/// the other end of its channel being dropped.
async fn receive(
    from: OwnedReadHalf,
    mut waiting: mpsc::UnboundedReceiver<Answer>,
) -> io::Result<()> {
    let mut from = tokio::io::BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).await? > 0 {
        let Some(answer) = waiting.recv().await else { break };
        let response = serde_json::from_slice(&line).map_err(unknown);
        // Who asked may be gone.
        drop(answer.send(response.and_then(|response| value(Some(response)))));
        line.clear();
    }
    Ok(())
}
