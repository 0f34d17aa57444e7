//! AMQP 0-9-1 as a driver, and RabbitMQ as a database under test.
//!
//! The protocol is spoken here rather than by a library, so that every frame sent and received is
//! ours to see: one connection with one channel a client, no recovery, no retry. Which error
//! means what is in `errors.md` of this crate, with a test for each row.

mod connector;
mod failure;
mod frame;
mod lock;
mod method;
mod queue;
mod session;
mod settings;

use connector::{AmqpConnector, Use};
use perjury_harness::Options;
use perjury_harness::client::SharedConnect;
use perjury_harness::driver::{Driver, DriverSettings};
use settings::{SETTINGS, Settings};
use std::sync::Arc;

/// RabbitMQ, as a `database.toml`.
pub const DEFINITIONS: &[&str] = &[include_str!("../database.toml")];

/// Published findings, and how to see them.
pub const FINDINGS: &str = include_str!("../findings.toml");

const WORKLOADS: &[&str] = &["queue", "lock"];

struct Amqp;

/// Clients of whatever speaks AMQP 0-9-1.
pub fn driver() -> impl Driver {
    Amqp
}

impl Driver for Amqp {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn about(&self) -> &'static str {
        "AMQP 0-9-1: RabbitMQ, LavinMQ and others"
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
        _: &Options,
    ) -> Result<SharedConnect, String> {
        let usage = match workload {
            "queue" => Use::Queue,
            "lock" => Use::Lock,
            _ => {
                let known = WORKLOADS.join(", ");
                return Err(format!("amqp has no workload `{workload}`: it has {known}"));
            }
        };
        Ok(Arc::new(AmqpConnector::new(Settings::new(settings)?, usage)))
    }
}

#[cfg(test)]
mod tests;
