//! Tests of the database as it is registered; those against a real etcd are in `real`.

mod play;
mod real;

use crate::*;
use perjury_harness::database::Definition;
use std::collections::BTreeMap;
use std::time::Duration;

fn options(read: Option<&str>) -> Options {
    Options {
        set: read.map(|read| ("read".to_owned(), read.to_owned())).into_iter().collect(),
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
    let definition = Definition::parse(database().definition(), "etcd/database.toml")
        .unwrap_or_else(|error| panic!("{}", error.render()));
    assert_eq!(definition.name, database().name());
    assert_eq!(definition.about, database().about());
    let ports = BTreeMap::from([("client".to_owned(), CLIENT_PORT), ("peer".to_owned(), 2380)]);
    assert_eq!(definition.ports, ports);
}

#[test]
fn a_wrong_option_or_workload_is_named() {
    let database = database();
    assert!(database.connect("register", &options(None)).is_ok());
    assert!(database.connect("set", &options(Some("serializable"))).is_ok());
    let error = database.connect("register", &options(Some("serialisable"))).err();
    assert_eq!(
        error.as_deref(),
        Some("there is no read `serialisable`: it is linearizable or serializable")
    );
    let error = database.connect("bank", &options(None)).err();
    assert_eq!(
        error.as_deref(),
        Some("etcd has no workload `bank`: it has register, list-append, set")
    );
}
