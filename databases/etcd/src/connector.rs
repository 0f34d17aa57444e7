//! The client: one connection to one member, and the workload whose operations it performs.

use crate::connection::Connection;
use crate::{WORKLOADS, list_append, register, set};
use perjury_harness::{Client, Connect, Failure, Node, Op};
use serde_json::Value;
use std::net::SocketAddr;

/// How reads are done: etcd's own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// Through the leader's confirmation that it still leads.
    #[default]
    Linearizable,
    /// From the member's own state: allowed to be stale.
    Serializable,
}

impl Reads {
    /// The value of option `read`.
    pub fn from_option(value: Option<&str>) -> Result<Self, String> {
        match value {
            None | Some("linearizable") => Ok(Self::Linearizable),
            Some("serializable") => Ok(Self::Serializable),
            Some(other) => {
                Err(format!("there is no read `{other}`: it is linearizable or serializable"))
            }
        }
    }

    pub(crate) fn serializable(self) -> bool {
        self == Self::Serializable
    }
}

#[derive(Clone, Copy, Debug)]
enum Workload {
    Register,
    ListAppend,
    Set,
}

/// Makes clients for one workload.
#[derive(Clone, Debug)]
pub struct EtcdConnector {
    workload: Workload,
    reads: Reads,
    port: u16,
}

/// A client bound to one member.
#[derive(Debug)]
pub struct EtcdClient {
    pub(crate) connection: Connection,
    workload: Workload,
    reads: Reads,
}

impl EtcdConnector {
    /// Clients for `workload`, to be connected to members' port `port`.
    pub fn new(workload: &str, reads: Reads, port: u16) -> Result<Self, String> {
        let workload = match workload {
            "register" => Workload::Register,
            "list-append" => Workload::ListAppend,
            "set" => Workload::Set,
            other => {
                let known = WORKLOADS.join(", ");
                return Err(format!("etcd has no workload `{other}`: it has {known}"));
            }
        };
        Ok(Self { workload, reads, port })
    }

    /// A client of the member at `address`.
    pub async fn open(&self, address: SocketAddr) -> Result<EtcdClient, String> {
        let connection = Connection::open(address).await.map_err(|error| error.to_string())?;
        Ok(EtcdClient { connection, workload: self.workload, reads: self.reads })
    }
}

impl Connect for EtcdConnector {
    type Client = EtcdClient;

    async fn connect(&self, node: &Node) -> Result<EtcdClient, String> {
        self.open(SocketAddr::new(node.address, self.port)).await
    }
}

impl Client for EtcdClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let connection = &mut self.connection;
        match self.workload {
            Workload::Register => register::invoke(connection, self.reads, op).await,
            Workload::ListAppend => list_append::invoke(connection, self.reads, op).await,
            Workload::Set => set::invoke(connection, self.reads, op).await,
        }
    }
}

/// An operation that this client does not know was certainly not done.
pub(crate) fn unknown(op: &Op) -> Failure {
    Failure::Definite(format!("etcd's client has no operation `{}` of {}", op.f, op.value))
}

/// A key as part of an etcd key: `7`, `x`.
pub(crate) fn key_text(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}
