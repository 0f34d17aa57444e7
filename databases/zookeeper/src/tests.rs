//! Tests of the driver as it is registered; those against a real ZooKeeper are in `real`.

mod real;

use crate::{Freshness, Settings, driver};
use perjury_harness::{Driver, DriverSettings, Options};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn options(set: &[(&str, &str)]) -> Options {
    Options {
        set: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
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
    let values: BTreeMap<String, String> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    DriverSettings { port: 2181, values }
}

#[test]
fn settings_are_read_and_wrong_ones_are_named() {
    let read = Settings::read(&settings(&[])).unwrap();
    assert_eq!((read.freshness, read.session), (Freshness::AsItIs, Duration::from_secs(4)));
    let read = Settings::read(&settings(&[("sync", "write"), ("session-timeout", "900")])).unwrap();
    assert_eq!((read.freshness, read.session), (Freshness::Write, Duration::from_millis(900)));
    for (name, value) in [("sync", "yes"), ("session-timeout", "4s"), ("session-timeout", "0")] {
        let error = Settings::read(&settings(&[(name, value)])).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn every_workload_has_clients_and_others_have_not() {
    let driver = driver();
    for workload in driver.workloads() {
        assert!(driver.connect(workload, &settings(&[]), &options(&[])).is_ok(), "{workload}");
    }
    let error = driver.connect("kafka", &settings(&[]), &options(&[])).err().unwrap();
    assert!(error.starts_with("zookeeper has no workload `kafka`: it has register, "), "{error}");
    let wrong = options(&[("accounts", "many")]);
    assert!(driver.connect("bank", &settings(&[]), &wrong).err().unwrap().contains("accounts"));
}
