//! Perjury: registers the built-in databases, workloads and faults, and runs the command line.
//! A third party with a database, workload or fault of its own writes this same file.

use perjury_harness::{Registry, cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    let registry = Registry::default()
        .database(perjury_demo::database())
        .database(perjury_etcd::database())
        .driver(perjury_nats::driver())
        .definitions(perjury_nats::DEFINITIONS)
        .driver(perjury_rabbitmq::driver())
        .definitions(perjury_rabbitmq::DEFINITIONS)
        .internal("demo-server", perjury_demo::server::main);
    let registry = perjury_workloads::register(registry);
    let registry = perjury_nemesis::register(registry).machines(perjury_vagrant::keeper());
    cli::main(&registry)
}
