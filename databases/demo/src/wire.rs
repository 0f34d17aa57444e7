//! The wire protocol: JSON lines over TCP, one request and then its answer, on one connection.
//!
//! Clients and peers speak the same protocol to the same port.

use crate::command::{Command, Outcome};
use crate::gossip::{Answer, Exchange, Exchanged, Local};
use crate::raft::{SnapshotMeta, Types, Vote};
use base64::Engine;
use openraft::error::{InstallSnapshotError, RaftError};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Bytes that a line may have. What replication sends at once stays far below.
const LINE_LIMIT: u64 = 64 << 20;

/// Capacity that is kept for what is said next.
const SAID_KEPT: usize = 64 << 10;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// From a client: execute this, wherever the leader is.
    Execute(Command),
    /// From a peer that a client asked: execute this if you lead, and do not pass it on.
    Forwarded(Command),
    Status,
    /// Make exactly these nodes the members, if you lead.
    Members(BTreeSet<u64>),
    Append(AppendEntriesRequest<Types>),
    Vote(VoteRequest<u64>),
    Snapshot(Chunk),
    /// From a client: answer this from what this node has.
    Local(Local),
    /// From a peer: what it has, or asks for.
    Exchange(Exchange),
    /// From who measures: say this again.
    Echo(serde_json::Value),
}

/// What is answered, in the order of [`Request`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    Executed(Result<Outcome, Refusal>),
    Status(Status),
    Members(Result<(), Refusal>),
    Appended(Result<AppendEntriesResponse<u64>, RaftError<u64>>),
    Voted(Result<VoteResponse<u64>, RaftError<u64>>),
    Received(Result<InstallSnapshotResponse<u64>, RaftError<u64, InstallSnapshotError>>),
    Local(Result<Answer, Refusal>),
    Exchanged(Exchanged),
    Echo(serde_json::Value),
    /// The request could not be understood, and nothing was done.
    Malformed(String),
}

/// Why a command has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// It was certainly not executed and never will be.
    pub definite: bool,
    /// It is definite, and asking again or elsewhere may well succeed.
    pub retry: bool,
    pub message: String,
}

impl Refusal {
    /// It was not executed, and asking again is useless.
    pub(crate) fn never(message: impl Into<String>) -> Self {
        Self { definite: true, retry: false, message: message.into() }
    }

    /// It was not executed, for a reason that passes.
    pub(crate) fn not_now(message: impl Into<String>) -> Self {
        Self { definite: true, retry: true, message: message.into() }
    }

    /// It may have been executed, or may yet be.
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self { definite: false, retry: false, message: message.into() }
    }
}

/// How a node sees itself and the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub id: u64,
    /// `leader`, `follower`, `candidate` or `learner`.
    pub role: String,
    /// The leader, as far as this node knows.
    pub leader: Option<u64>,
    pub term: u64,
    /// Index of the last entry in the log.
    pub logged: u64,
    /// Index of the last entry applied.
    pub applied: u64,
    /// It knows a leader and has applied nearly all of its log.
    pub ready: bool,
    /// Who votes, as far as this node knows.
    #[serde(default)]
    pub members: BTreeSet<u64>,
}

/// A piece of a snapshot. JSON would write its bytes as a list of numbers, hence base64.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chunk {
    vote: Vote,
    meta: SnapshotMeta,
    offset: u64,
    data: String,
    done: bool,
}

impl From<InstallSnapshotRequest<Types>> for Chunk {
    fn from(request: InstallSnapshotRequest<Types>) -> Self {
        let InstallSnapshotRequest { vote, meta, offset, data, done } = request;
        let data = base64::engine::general_purpose::STANDARD.encode(data);
        Self { vote, meta, offset, data, done }
    }
}

impl TryFrom<Chunk> for InstallSnapshotRequest<Types> {
    type Error = base64::DecodeError;

    fn try_from(chunk: Chunk) -> Result<Self, Self::Error> {
        let Chunk { vote, meta, offset, data, done } = chunk;
        let data = base64::engine::general_purpose::STANDARD.decode(data)?;
        Ok(Self { vote, meta, offset, data, done })
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
    /// What was said and is not sent yet.
    said: Vec<u8>,
}

/// Why no message came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the other side sent what cannot be understood: {0}")]
    Undecodable(#[source] serde_json::Error),
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        // Small messages that wait for an answer: Nagle's algorithm only delays them.
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), line: Vec::new(), said: Vec::new() })
    }

    pub(crate) async fn connect(address: &str) -> io::Result<Self> {
        Self::new(TcpStream::connect(address).await?)
    }

    /// Whether the other side has closed it, or said something unasked, while it lay idle.
    pub(crate) fn is_stale(&self) -> bool {
        let mut byte = [0];
        let read = self.stream.get_ref().try_read(&mut byte);
        !matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    pub(crate) async fn send(&mut self, message: &impl Serialize) -> Result<(), WireError> {
        self.say(message)?;
        self.flush().await
    }

    /// As [`Connection::send`], but only [`Connection::flush`] sends it: several at once cost no more.
    pub(crate) fn say(&mut self, message: &impl Serialize) -> Result<(), WireError> {
        serde_json::to_writer(&mut self.said, message).map_err(io::Error::other)?;
        self.said.push(b'\n');
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> Result<(), WireError> {
        self.stream.get_mut().write_all(&self.said).await?;
        self.said.clear();
        self.said.shrink_to(SAID_KEPT);
        Ok(())
    }

    /// Whether the next message is here already.
    pub(crate) fn has_message(&self) -> bool {
        self.stream.buffer().contains(&b'\n')
    }

    /// The next message; `None` when the other side has closed the connection between messages.
    pub(crate) async fn receive<T: for<'de> Deserialize<'de>>(
        &mut self,
    ) -> Result<Option<T>, WireError> {
        self.line.clear();
        let mut limited = (&mut self.stream).take(LINE_LIMIT);
        let length = limited.read_until(b'\n', &mut self.line).await?;
        if length == 0 {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') {
            let message = if length as u64 == LINE_LIMIT {
                format!("a message has more than {LINE_LIMIT} bytes")
            } else {
                "the connection was closed within a message".to_owned()
            };
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message).into());
        }
        serde_json::from_slice(&self.line).map(Some).map_err(WireError::Undecodable)
    }
}

#[cfg(test)]
mod tests;
