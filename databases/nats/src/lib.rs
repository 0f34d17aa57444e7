//! NATS JetStream as a driver and as a database under test, over its text protocol.
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
mod queue;
mod set;

use connector::{NatsConnector, Use};
use perjury_harness::client::SharedConnect;
use perjury_harness::{BoxFuture, Driver, DriverSettings, Node, Options};
use std::net::SocketAddr;
use std::sync::Arc;

/// NATS JetStream, from Debian's `nats-server`, as a `database.toml`.
pub const DEFINITIONS: &[&str] = &[include_str!("../database.toml")];

const WORKLOADS: &[&str] = &["set", "queue"];

/// Published findings, and how to see them.
pub const FINDINGS: &str = include_str!("../findings.toml");

struct JetStream;

/// Clients of JetStream, wherever it runs.
pub fn driver() -> impl Driver {
    JetStream
}

impl Driver for JetStream {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn about(&self) -> &'static str {
        "the text protocol of NATS, with JetStream's streams"
    }

    fn workloads(&self) -> &'static [&'static str] {
        WORKLOADS
    }

    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<SharedConnect, String> {
        if options.nodes.len() == 1 {
            let text = "nats needs two nodes or more: one server alone is no cluster";
            return Err(text.to_owned());
        }
        let usage = match workload {
            "set" => Use::Set,
            "queue" => Use::Queue,
            _ => {
                let known = WORKLOADS.join(", ");
                return Err(format!("nats has no workload `{workload}`: it has {known}"));
            }
        };
        Ok(Arc::new(NatsConnector::new(usage, options.nodes.len(), settings.port)))
    }

    fn primaries<'a>(
        &'a self,
        settings: &'a DriverSettings,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(leading(settings.port, nodes))
    }
}

/// Which of `nodes` lead the stream, by position.
async fn leading(port: u16, nodes: &[Node]) -> Vec<usize> {
    let servers: Vec<SocketAddr> =
        nodes.iter().map(|node| SocketAddr::new(node.address, port)).collect();
    let leading = leaders::leaders(&servers).await;
    let positions = nodes.iter().enumerate();
    let leads = positions.filter(|(_, node)| leading.contains(&*node.name));
    leads.map(|(position, _)| position).collect()
}

#[cfg(test)]
mod tests;
