//! Perjury: registers the built-in databases, workloads and faults, and runs the command line.
//! A third party with a database, workload or fault of its own writes this same file.

use perjury_harness::{Registry, cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Definitions name workloads, which have to be known before.
    let registry = perjury_workloads::register(Registry::default())
        .database(perjury_demo::database())
        .database(perjury_demo::alone::database())
        .target(perjury_demo::alone::target())
        .protocol(perjury_etcd::driver(), perjury_etcd::DEFINITIONS, perjury_etcd::FINDINGS)
        .protocol(perjury_mysql::driver(), perjury_mysql::DEFINITIONS, perjury_mysql::FINDINGS)
        .protocol(perjury_nats::driver(), perjury_nats::DEFINITIONS, perjury_nats::FINDINGS)
        .protocol(
            perjury_postgresql::driver(),
            perjury_postgresql::DEFINITIONS,
            perjury_postgresql::FINDINGS,
        )
        .protocol(
            perjury_rabbitmq::driver(),
            perjury_rabbitmq::DEFINITIONS,
            perjury_rabbitmq::FINDINGS,
        )
        .protocol(perjury_redis::driver(), perjury_redis::DEFINITIONS, perjury_redis::FINDINGS)
        .protocol(
            perjury_zookeeper::driver(),
            perjury_zookeeper::DEFINITIONS,
            perjury_zookeeper::FINDINGS,
        )
        .internal(perjury_demo::SERVER_COMMAND, perjury_demo::server::main)
        .internal(perjury_demo::alone::COMMAND, perjury_demo::alone::main);
    let registry = perjury_nemesis::register(registry).machines(perjury_vagrant::keeper());
    cli::main(&registry)
}
