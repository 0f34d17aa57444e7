//! Peers: how a node reaches the others, over connections that are kept for the next call.

use crate::raft::Types;
use crate::wire::{Connection, Request, Response, WireError};
use openraft::error::{
    InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable,
};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{AnyError, EmptyNode};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Idle connections that are kept for a peer.
const IDLE_LIMIT: usize = 32;
/// How long connecting may take. Short, so that a mended network is used soon: TCP itself would
/// wait for seconds before it tries again.
const CONNECT_LIMIT: Duration = Duration::from_millis(300);
/// How long replication leaves a peer alone that could not be reached.
const BACKOFF: Duration = Duration::from_millis(150);

/// All other nodes.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    peers: Arc<BTreeMap<u64, Peer>>,
}

#[derive(Debug)]
struct Peer {
    address: String,
    idle: Mutex<Vec<Connection>>,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The request never left this node.
    #[error("cannot connect to {address}: {error}")]
    NotSent { address: String, error: io::Error },
    /// The request was sent, perhaps in part; what became of it is unknown.
    #[error("no answer from {address}: {error}")]
    NoAnswer { address: String, error: WireError },
}

impl Peers {
    pub(crate) fn new(addresses: BTreeMap<u64, String>) -> Self {
        let peer = |(id, address)| (id, Peer { address, idle: Mutex::default() });
        Self { peers: Arc::new(addresses.into_iter().map(peer).collect()) }
    }

    /// Their numbers.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.peers.keys().copied()
    }

    /// Where node `id` listens.
    pub(crate) fn address(&self, id: u64) -> Option<&str> {
        self.peers.get(&id).map(|peer| peer.address.as_str())
    }

    /// Asks node `id`. Dropped half-way, the call takes its connection with it, so that no late
    /// answer is ever taken for the answer to something else.
    pub(crate) async fn call(&self, id: u64, request: &Request) -> Result<Response, CallError> {
        let Some(peer) = self.peers.get(&id) else {
            let error = io::Error::other(format!("there is no node {id}"));
            return Err(CallError::NotSent { address: format!("node {id}"), error });
        };
        let mut connection = peer.connection().await?;
        match exchange(&mut connection, request).await {
            Ok(response) => {
                peer.keep(connection);
                Ok(response)
            }
            Err(error) => Err(CallError::NoAnswer { address: peer.address.clone(), error }),
        }
    }
}

impl Peer {
    async fn connection(&self) -> Result<Connection, CallError> {
        while let Some(idle) = self.idle().pop() {
            if !idle.is_stale() {
                return Ok(idle);
            }
        }
        let connected = tokio::time::timeout(CONNECT_LIMIT, Connection::connect(&self.address));
        let connected = connected.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(|error| CallError::NotSent { address: self.address.clone(), error })
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < IDLE_LIMIT {
            idle.push(connection);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn exchange(connection: &mut Connection, request: &Request) -> Result<Response, WireError> {
    connection.send(request).await?;
    let closed = || io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed");
    connection.receive().await?.ok_or_else(|| closed().into())
}

/// The way to one node, as OpenRaft uses it. Its timeouts are OpenRaft's own.
#[derive(Debug)]
pub(crate) struct Target {
    id: u64,
    peers: Peers,
}

impl RaftNetworkFactory<Types> for Peers {
    type Network = Target;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Target {
        Target { id: target, peers: self.clone() }
    }
}

type RpcResult<T, E> = Result<T, RPCError<u64, EmptyNode, E>>;

impl Target {
    async fn call<E: std::error::Error>(&self, request: &Request) -> RpcResult<Response, E> {
        self.peers.call(self.id, request).await.map_err(|error| match error {
            CallError::NotSent { .. } => RPCError::Unreachable(Unreachable::new(&error)),
            CallError::NoAnswer { .. } => RPCError::Network(NetworkError::new(&error)),
        })
    }

    #[expect(clippy::result_large_err, reason = "the error is OpenRaft's, and so is its size")]
    fn remote<T, E: std::error::Error>(&self, result: Result<T, E>) -> RpcResult<T, E> {
        result.map_err(|error| RPCError::RemoteError(RemoteError::new(self.id, error)))
    }
}

fn unexpected<E: std::error::Error>(response: &Response) -> RPCError<u64, EmptyNode, E> {
    let error = AnyError::error(format!("an answer to something else: {response:?}"));
    RPCError::Network(NetworkError::new(&error))
}

impl RaftNetwork<Types> for Target {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> RpcResult<AppendEntriesResponse<u64>, RaftError<u64>> {
        match self.call(&Request::Append(request)).await? {
            Response::Appended(result) => self.remote(result),
            other => Err(unexpected(&other)),
        }
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<Types>,
        _option: RPCOption,
    ) -> RpcResult<InstallSnapshotResponse<u64>, RaftError<u64, InstallSnapshotError>> {
        match self.call(&Request::Snapshot(request.into())).await? {
            Response::Received(result) => self.remote(result),
            other => Err(unexpected(&other)),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        _option: RPCOption,
    ) -> RpcResult<VoteResponse<u64>, RaftError<u64>> {
        match self.call(&Request::Vote(request)).await? {
            Response::Voted(result) => self.remote(result),
            other => Err(unexpected(&other)),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(BACKOFF))
    }
}
