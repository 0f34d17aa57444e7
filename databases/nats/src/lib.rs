//! NATS JetStream as a database under test, over its text protocol.
//!
//! The protocol is spoken here rather than by a library, so that every byte sent and received is
//! ours to see: one TCP connection a client, no pool, no retry. Which error means what is in
//! `errors.md` of this crate, with a test for each row.

mod api;
mod connection;
mod connector;
mod failure;
mod leaders;
mod protocol;
mod set;

pub use connector::{NatsClient, NatsConnector};

use perjury_harness::client::SharedConnect;
use perjury_harness::{BoxFuture, Database, Node, Options};
use std::net::SocketAddr;
use std::sync::Arc;

/// The port for clients, as `database.toml` has it.
const CLIENT_PORT: u16 = 4222;

const WORKLOADS: &[&str] = &["set"];

struct Nats;

/// NATS JetStream, from Debian's `nats-server`.
pub fn database() -> impl Database {
    Nats
}

impl Database for Nats {
    fn name(&self) -> &str {
        "nats"
    }

    fn about(&self) -> &str {
        "NATS JetStream 2.9, replicated streams of messages, from Debian's nats-server"
    }

    fn definition(&self) -> &str {
        include_str!("../database.toml")
    }

    fn workloads(&self) -> &[&'static str] {
        WORKLOADS
    }

    fn connect(&self, workload: &str, options: &Options) -> Result<SharedConnect, String> {
        if options.nodes.len() == 1 {
            return Err("nats needs two nodes or more: one server alone is no cluster".to_owned());
        }
        Ok(Arc::new(NatsConnector::new(workload, options.nodes.len())?))
    }

    fn primaries<'a>(&'a self, _: &'a Options, nodes: &'a [Node]) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let servers: Vec<SocketAddr> =
                nodes.iter().map(|node| SocketAddr::new(node.address, CLIENT_PORT)).collect();
            let leading = leaders::leaders(&servers).await;
            let positions = nodes.iter().enumerate();
            let leads = positions.filter(|(_, node)| leading.contains(&*node.name));
            leads.map(|(position, _)| position).collect()
        })
    }
}

#[cfg(test)]
mod tests;
