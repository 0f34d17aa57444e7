//! PostgreSQL's wire protocol as a driver, and PostgreSQL as a database under test.
//!
//! Statements go out as simple queries on one session, so that what was sent when something
//! failed is known. Which error means what is in `errors.md` of this crate, with a test for each
//! row.

mod bank;
mod client;
mod counter;
mod door;
mod failure;
mod lock;
mod primaries;
mod protocol;
mod queue;
mod register;
mod scram;
mod session;
mod set;
mod steps;
mod transaction;

use client::{PgConnector, Workload};
use perjury_harness::client::SharedConnect;
use perjury_harness::driver::{Driver, DriverSettings};
use perjury_harness::{BoxFuture, Node, Options};
use session::{Isolation, Login, Wants};
use std::net::SocketAddr;
use std::sync::Arc;

/// Databases from Debian's packages that this driver's clients test.
pub const DEFINITIONS: &[&str] =
    &[include_str!("../database.toml"), include_str!("../patroni.toml")];

/// Published findings that `perjury repro` shows again.
pub const FINDINGS: &str = include_str!("../findings.toml");

const WORKLOADS: &[&str] =
    &["register", "list-append", "rw-register", "bank", "set", "counter", "queue", "lock"];

struct Postgresql;

/// The driver `postgresql`.
pub fn driver() -> impl Driver {
    Postgresql
}

impl Driver for Postgresql {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn about(&self) -> &'static str {
        "PostgreSQL's protocol 3.0: PostgreSQL, CockroachDB, YugabyteDB"
    }

    fn workloads(&self) -> &'static [&'static str] {
        WORKLOADS
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("user", "whom to log in as; postgres when left out"),
            ("password", "by SCRAM-SHA-256, MD5 or in the clear, as the server wants it"),
            ("database", "its name; postgres when left out"),
            ("isolation", "serializable (the default), repeatable read, or read committed"),
            ("route", "own: each client asks its node (the default); primary: the one that leads"),
            (
                "reads",
                "as-writes: where writes go (the default); own: what only reads asks its node",
            ),
        ]
    }

    fn connect(
        &self,
        workload: &str,
        settings: &DriverSettings,
        options: &Options,
    ) -> Result<SharedConnect, String> {
        let workload = Workload::named(workload)?;
        let login = login(settings)?;
        let reads_are_local = settings.choice("reads", &["as-writes", "own"])? == 1;
        let connector = PgConnector::new(workload, login, reads_are_local, settings.port, options)?;
        Ok(Arc::new(connector))
    }

    fn primaries<'a>(
        &'a self,
        settings: &'a DriverSettings,
        nodes: &'a [Node],
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let Ok(login) = login(settings) else { return Vec::new() };
            let servers: Vec<SocketAddr> =
                nodes.iter().map(|node| SocketAddr::new(node.address, settings.port)).collect();
            primaries::primaries(&servers, &login).await
        })
    }
}

fn login(settings: &DriverSettings) -> Result<Login, String> {
    let text = |name: &str, default: &str| {
        let value = settings.or(name, default).to_owned();
        match value.contains('\0') {
            true => Err(format!("[client.settings] {name}: a zero byte cannot be sent")),
            false => Ok(value),
        }
    };
    Ok(Login {
        user: text("user", "postgres")?,
        password: settings.get("password").map(str::to_owned),
        database: text("database", "postgres")?,
        isolation: isolation(settings)?,
        wants: match settings.choice("route", &["own", "primary"])? {
            0 => Wants::Any,
            _ => Wants::Primary,
        },
    })
}

/// `repeatable read`, or `repeatable-read`, which needs no quotes in a shell.
fn isolation(settings: &DriverSettings) -> Result<Isolation, String> {
    let mut settings = settings.clone();
    if let Some(text) = settings.values.get_mut("isolation") {
        *text = text.replace('-', " ");
    }
    settings.choice("isolation", &Isolation::NAMES).map(Isolation::at)
}

#[cfg(test)]
mod tests;
