//! Tests of the database as it is registered; those against a real etcd are in `real`.

mod real;

use crate::*;
use perjury_harness::database::Definition;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn options() -> Options {
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

fn settings(values: &[(&str, &str)]) -> DriverSettings {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    DriverSettings { port: 2379, values: values.collect() }
}

#[test]
fn the_definition_parses_and_agrees_with_the_driver() {
    let definition = Definition::parse(DEFINITIONS[0], "etcd/database.toml")
        .unwrap_or_else(|error| panic!("{}", error.render()));
    assert_eq!(definition.name, driver().name());
    let ports = BTreeMap::from([("client".to_owned(), 2379), ("peer".to_owned(), 2380)]);
    assert_eq!(definition.ports, ports);
    for (name, _) in driver().settings() {
        assert!(definition.options.contains_key(*name), "{name} cannot be set");
    }
}

#[test]
fn a_wrong_setting_or_workload_is_named() {
    let connect = |workload: &str, values: &[(&str, &str)]| {
        driver().connect(workload, &settings(values), &options()).err()
    };
    for workload in driver().workloads() {
        assert_eq!(connect(workload, &[]), None);
    }
    assert_eq!(connect("set", &[("read", "serializable"), ("guard", "lock"), ("work", "9")]), None);
    assert_eq!(
        connect("register", &[("read", "serialisable")]).as_deref(),
        Some("there is no read `serialisable`: it is linearizable or serializable")
    );
    assert_eq!(
        connect("kafka", &[]).as_deref(),
        Some(
            "etcd has no workload `kafka`: it has register, list-append, rw-register, set, bank, \
             counter, queue, lock"
        )
    );
    let wrong = connect("bank", &[("guard", "lock")]).unwrap();
    assert_eq!(wrong, "guard: it is for the workload set, not for bank");
    assert!(connect("lock", &[("lease", "2s")]).unwrap().contains("lease"));
}
