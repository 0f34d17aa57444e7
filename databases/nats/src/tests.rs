//! Tests of the database as it is registered; those against a real NATS are in `real`.

mod real;

use crate::*;
use perjury_harness::Registry;
use perjury_harness::database::Definition;
use std::collections::BTreeMap;
use std::time::Duration;

fn options() -> Options {
    Options {
        set: BTreeMap::new(),
        nodes: Vec::new(),
        concurrency: 5,
        keys: 4,
        key_choice: None,
        ops_per_key: 100,
        time_limit: Duration::from_secs(10),
        nemesis_interval: Duration::from_secs(1),
    }
}

fn connect(workload: &str, nodes: &[&str]) -> Option<String> {
    let nodes = nodes.iter().map(|name| (*name).to_owned()).collect();
    let settings = DriverSettings { port: 4222, ..DriverSettings::default() };
    driver().connect(workload, &settings, &Options { nodes, ..options() }).err()
}

#[test]
fn the_definition_is_one_for_this_driver() {
    let registry = Registry::default().driver(driver()).definitions(DEFINITIONS);
    let database = registry.find_database("nats").unwrap();
    assert_eq!(database.workloads(), WORKLOADS);
    let definition = Definition::parse(DEFINITIONS[0], "nats/database.toml").unwrap();
    let ports = [("client", 4222), ("peer", 6222), ("monitor", 8222)];
    let ports: BTreeMap<String, u16> = ports.map(|(name, port)| (name.to_owned(), port)).into();
    assert_eq!(definition.ports, ports);
}

#[test]
fn a_wrong_workload_or_a_single_node_is_refused() {
    assert!(connect("set", &["n1"]).is_some_and(|error| error.contains("two nodes")));
    for workload in WORKLOADS {
        assert_eq!(connect(workload, &["n1", "n2"]), None);
    }
    let error = connect("register", &["n1", "n2"]);
    assert_eq!(error.as_deref(), Some("nats has no workload `register`: it has set, queue"));
}
