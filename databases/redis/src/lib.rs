//! Redis as databases under test: alone with replicas, behind Sentinel, and as a cluster.
//!
//! RESP2 is spoken here rather than by a library, so that every byte sent and received is ours to
//! see: no pool, no retry, and nothing sent twice. Which error means what is in `errors.md` of this
//! crate, with a test for each row.

mod bank;
mod connector;
mod counter;
mod failure;
mod list_append;
mod lock;
mod prepare;
mod primaries;
mod protocol;
mod queue;
mod register;
mod route;
mod rw_register;
mod session;
mod set;
mod settings;
mod slot;
mod transaction;
mod values;

pub use connector::{RedisClient, RedisConnector};

use connector::WORKLOADS;
use perjury_harness::client::SharedConnect;
use perjury_harness::{BoxFuture, Driver, DriverSettings, Node, Options};
use settings::{SETTINGS, Settings};
use std::net::SocketAddr;
use std::sync::Arc;

/// Each way to run Redis, as a `database.toml`.
pub const DEFINITIONS: &[&str] = &[
    include_str!("../database.toml"),
    include_str!("../sentinel.toml"),
    include_str!("../cluster.toml"),
];

/// What is known to be wrong with them.
pub const FINDINGS: &str = include_str!("../findings.toml");

struct Redis;

/// Clients of RESP2.
pub fn driver() -> impl Driver {
    Redis
}

impl Driver for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn about(&self) -> &'static str {
        "RESP2: Redis, also behind Sentinel and as a cluster, Valkey, KeyDB, Dragonfly"
    }

    fn workloads(&self) -> &'static [&'static str] {
        WORKLOADS
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        SETTINGS
    }

    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<SharedConnect, String> {
        Ok(Arc::new(RedisConnector::new(workload, Settings::parse(settings)?, options)?))
    }

    fn primaries<'a>(
        &'a self,
        settings: &'a DriverSettings,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let servers: Vec<SocketAddr> =
                nodes.iter().map(|node| SocketAddr::new(node.address, settings.port)).collect();
            let password = settings.get("password").filter(|text| !text.is_empty());
            primaries::primaries(&servers, password).await
        })
    }
}

#[cfg(test)]
mod tests;
