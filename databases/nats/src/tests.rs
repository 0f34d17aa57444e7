//! Tests of the database as it is registered; those against a real NATS are in `real`.

mod real;

use crate::*;
use perjury_harness::database::Definition;
use std::collections::BTreeMap;
use std::time::Duration;

fn options() -> Options {
    Options {
        set: BTreeMap::new(),
        nodes: Vec::new(),
        concurrency: 5,
        keys: 4,
        ops_per_key: 100,
        time_limit: Duration::from_secs(10),
        nemesis_interval: Duration::from_secs(1),
    }
}

#[test]
fn the_definition_parses_and_agrees_with_the_client() {
    let definition = Definition::parse(database().definition(), "nats/database.toml")
        .unwrap_or_else(|error| panic!("{}", error.render()));
    assert_eq!(definition.name, database().name());
    assert_eq!(definition.about, database().about());
    let ports = [("client", CLIENT_PORT), ("peer", 6222), ("monitor", 8222)];
    let ports: BTreeMap<String, u16> = ports.map(|(name, port)| (name.to_owned(), port)).into();
    assert_eq!(definition.ports, ports);
}

#[test]
fn a_wrong_workload_or_a_single_node_is_refused() {
    let alone = Options { nodes: vec!["n1".to_owned()], ..options() };
    let error = database().connect("set", &alone).err();
    assert!(error.is_some_and(|error| error.contains("two nodes")));
    for workload in WORKLOADS {
        assert!(database().connect(workload, &options()).is_ok());
    }
    let error = database().connect("register", &options()).err();
    assert_eq!(error.as_deref(), Some("nats has no workload `register`: it has set, queue"));
}
