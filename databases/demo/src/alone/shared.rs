//! Connections that many clients share: what they ask at the same time is sent at once, and costs one
//! call of the kernel where it would cost one each.

use crate::wire::{Request, Response};
use perjury_harness::Failure;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc, oneshot};

/// Questions sent at once at the most.
const BATCH: usize = 256;

type Answer = oneshot::Sender<Result<Response, Failure>>;
type Asked = (Request, Answer);

/// Connections by number, each made when it is first wanted, and anew when it was lost.
pub(super) struct Pool {
    address: String,
    places: Vec<Mutex<Option<Shared>>>,
}

impl Pool {
    /// So many connections to a server.
    pub(super) fn new(address: String, count: usize) -> Self {
        Self { address, places: (0..count).map(|_| Mutex::new(None)).collect() }
    }

    /// The connection of a worker; `None` if nothing is shared.
    pub(super) async fn of(&self, worker: usize) -> Option<Result<Shared, String>> {
        let place = worker.checked_rem(self.places.len())?;
        let mut place = self.places[place].lock().await;
        if let Some(shared) = place.as_ref().filter(|shared| !shared.ask.is_closed()) {
            return Some(Ok(shared.clone()));
        }
        let made = Shared::connect(&self.address).await;
        *place = made.as_ref().ok().cloned();
        Some(made)
    }
}

/// One end of a connection that many share.
#[derive(Clone)]
pub(super) struct Shared {
    ask: mpsc::UnboundedSender<Asked>,
}

impl Shared {
    async fn connect(address: &str) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot connect to {address}: {error}");
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (read, write) = stream.into_split();
        let (ask, asked) = mpsc::unbounded_channel();
        let (wait, waiting) = mpsc::unbounded_channel();
        tokio::spawn(send(write, asked, wait));
        tokio::spawn(receive(read, waiting));
        Ok(Self { ask })
    }

    pub(super) async fn ask(&self, request: Request) -> Result<Response, Failure> {
        let (answer, answered) = oneshot::channel();
        let closed = || unknown("the connection was closed");
        self.ask.send((request, answer)).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

pub(super) fn unknown(error: impl std::fmt::Display) -> Failure {
    Failure::Indefinite(error.to_string())
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
        for (request, answer) in batch.drain(..) {
            serde_json::to_writer(&mut lines, &request)?;
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
        // Who asked may be gone.
        drop(answer.send(serde_json::from_slice(&line).map_err(unknown)));
        line.clear();
    }
    Ok(())
}
