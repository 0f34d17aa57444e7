//! MySQL's client/server protocol as a driver, and MariaDB and Galera as databases under test.
//!
//! The protocol (4.1 and later, in text) is spoken here rather than by a library, so that every
//! byte sent and received is ours to see: one TCP connection a client, no pool, no retry. MariaDB,
//! Percona Server and TiDB speak it too. Which error means what is in `errors.md` of this crate,
//! with a test for each row.

mod auth;
mod connector;
mod failure;
mod protocol;
mod schema;
mod session;
mod settings;
mod transaction;
mod workloads;

use perjury_harness::client::SharedConnect;
use perjury_harness::{BoxFuture, Driver, DriverSettings, Node, Options};
use std::sync::Arc;

/// MariaDB alone and as a Galera cluster, a `database.toml` each.
pub const DEFINITIONS: &[&str] = &[include_str!("../mariadb.toml"), include_str!("../galera.toml")];

/// Published findings about them, for `perjury repro`.
pub const FINDINGS: &str = include_str!("../findings.toml");

struct MySql;

/// A client of MySQL's protocol.
pub fn driver() -> impl Driver {
    MySql
}

impl Driver for MySql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn about(&self) -> &'static str {
        "MySQL's client/server protocol: MySQL, MariaDB, Galera, Percona Server, TiDB"
    }

    fn workloads(&self) -> &'static [&'static str] {
        workloads::NAMES
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        settings::SETTINGS
    }

    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<SharedConnect, String> {
        Ok(Arc::new(connector::Connector::new(workload, settings, options)?))
    }

    fn primaries<'a>(
        &'a self,
        settings: &'a DriverSettings,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(connector::primaries(settings, nodes))
    }
}

#[cfg(test)]
mod tests;
