//! etcd as a database under test, over its v3 JSON gateway.
//!
//! The gateway (`POST /v3/kv/…`) rather than gRPC, so that every byte sent and received is ours
//! to see: one HTTP/1.1 connection a client, no pool, no retry. Which error means what is in
//! `errors.md` of this crate, with a test for each row.

mod api;
mod connection;
mod connector;
mod failure;
mod leaders;
mod list_append;
mod register;
mod set;

pub use connector::{EtcdClient, EtcdConnector, Reads};

use perjury_harness::client::SharedConnect;
use perjury_harness::{BoxFuture, Database, Node, Options};
use std::net::SocketAddr;
use std::sync::Arc;

/// The port for clients, as `database.toml` has it.
const CLIENT_PORT: u16 = 2379;

const WORKLOADS: &[&str] = &["register", "list-append", "set"];

struct Etcd;

/// etcd, from Debian's `etcd-server`.
pub fn database() -> impl Database {
    Etcd
}

impl Database for Etcd {
    fn name(&self) -> &str {
        "etcd"
    }

    fn about(&self) -> &str {
        "etcd 3.4, the key-value store of Kubernetes, from Debian's etcd-server"
    }

    fn definition(&self) -> &str {
        include_str!("../database.toml")
    }

    fn workloads(&self) -> &[&'static str] {
        WORKLOADS
    }

    fn options(&self) -> &[(&'static str, &'static str)] {
        &[("read", "linearizable (the default), or serializable: local reads, which may be stale")]
    }

    fn connect(&self, workload: &str, options: &Options) -> Result<SharedConnect, String> {
        let reads = Reads::from_option(options.get("read"))?;
        Ok(Arc::new(EtcdConnector::new(workload, reads, CLIENT_PORT)?))
    }

    fn primaries<'a>(&'a self, _: &'a Options, nodes: &'a [Node]) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                nodes.iter().map(|node| SocketAddr::new(node.address, CLIENT_PORT)).collect();
            leaders::leaders(&addresses).await
        })
    }
}

#[cfg(test)]
mod tests;
