//! etcd as a database under test, over its v3 JSON gateway.
//!
//! The gateway (`POST /v3/kv/…`) rather than gRPC, so that every byte sent and received is ours
//! to see: one HTTP/1.1 connection a client, no pool, no retry. Which error means what is in
//! `errors.md` of this crate, with a test for each row.

mod api;
mod bank;
mod connection;
mod connector;
mod counter;
mod failure;
mod guarded;
mod leaders;
mod lock;
mod queue;
mod register;
mod set;
mod txn;

pub use connector::{EtcdClient, EtcdConnector, Reads, Settings};
pub use guarded::{Guard, Section};

use perjury_harness::client::SharedConnect;
use perjury_harness::{BoxFuture, Driver, DriverSettings, Node, Options};
use std::net::SocketAddr;
use std::sync::Arc;

/// Definitions of databases that this driver speaks to.
pub const DEFINITIONS: &[&str] = &[include_str!("../database.toml")];

/// Published findings about them.
pub const FINDINGS: &str = include_str!("../findings.toml");

const WORKLOADS: &[&str] =
    &["register", "list-append", "rw-register", "set", "bank", "counter", "queue", "lock"];

struct Etcd;

/// The driver `etcd`.
pub fn driver() -> impl Driver {
    Etcd
}

impl Driver for Etcd {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn about(&self) -> &'static str {
        "etcd's v3 API over its JSON gateway: etcd, and others that have the gateway"
    }

    fn workloads(&self) -> &'static [&'static str] {
        WORKLOADS
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "read",
                "linearizable (the default), or serializable: local reads, which may be stale",
            ),
            (
                "guard",
                "of the workload set: `none` (a key for each element, the default), `lock` (one key, \
                 read and written back under the lock), `revision` (the same, if the lock is \
                 still held as it is written)",
            ),
            ("work", "milliseconds between the read and the write under a guard (0)"),
            ("lease", "of the lock, in seconds (2); etcd grants 1.5 election timeouts at least"),
        ]
    }

    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<SharedConnect, String> {
        let read = Settings::read(settings)?;
        Ok(Arc::new(EtcdConnector::new(workload, read, options, settings.port)?))
    }

    fn primaries<'a>(
        &'a self,
        settings: &'a DriverSettings,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let address = |node: &Node| SocketAddr::new(node.address, settings.port);
            let addresses: Vec<SocketAddr> = nodes.iter().map(address).collect();
            leaders::leaders(&addresses).await
        })
    }
}

#[cfg(test)]
mod tests;
