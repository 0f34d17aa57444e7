//! ZooKeeper: a client of its own protocol, jute over one TCP connection, and the database.
//!
//! Every byte sent and received is ours to see: one session a client, no pool, no retry, and no
//! session that is taken to another connection. Which error means what is in `errors.md` of this
//! crate, with a test for each row.

mod api;
mod bank;
mod client;
mod counter;
mod failure;
mod jute;
mod leaders;
mod lock;
mod protocol;
mod queue;
mod register;
mod session;
mod set;
mod txn;

pub use api::Freshness;
pub use client::{Settings, ZkClient, ZkConnector};

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

struct ZooKeeper;

/// The driver `zookeeper`.
pub fn driver() -> impl Driver {
    ZooKeeper
}

impl Driver for ZooKeeper {
    fn name(&self) -> &'static str {
        "zookeeper"
    }

    fn about(&self) -> &'static str {
        "ZooKeeper's own protocol: ZooKeeper, ClickHouse Keeper and others that speak it"
    }

    fn workloads(&self) -> &'static [&'static str] {
        WORKLOADS
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "sync",
                "what precedes each read: `false` for nothing (the default; reads may be stale), \
                 `true` for a sync, `write` for a write, which a majority has to confirm",
            ),
            (
                "session-timeout",
                "of sessions, in milliseconds (4000); servers have limits of their own",
            ),
        ]
    }

    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<SharedConnect, String> {
        let read = Settings::read(settings)?;
        Ok(Arc::new(ZkConnector::new(workload, read, options, settings.port)?))
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
