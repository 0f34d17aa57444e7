//! Tests of the driver as it is registered; those against real servers are in the modules.

mod real;
mod servers;
mod words;

use crate::*;
use perjury_harness::DriverSettings;
use std::time::Duration;

pub(crate) fn options() -> Options {
    Options {
        set: std::collections::BTreeMap::new(),
        nodes: Vec::new(),
        concurrency: 5,
        keys: 4,
        key_choice: None,
        ops_per_key: 100,
        time_limit: Duration::from_secs(10),
        nemesis_interval: Duration::from_secs(1),
    }
}

fn given(port: u16, values: &[(&str, &str)]) -> DriverSettings {
    let values =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    DriverSettings { port, values }
}

pub(crate) fn settings(port: u16, values: &[(&str, &str)]) -> Settings {
    Settings::parse(&given(port, values)).unwrap()
}

pub(crate) fn connector(workload: &str, settings: Settings) -> RedisConnector {
    RedisConnector::new(workload, settings, &options()).unwrap()
}

#[test]
fn wrong_settings_options_and_workloads_are_named() {
    let error = |workload: &str, values: &[(&str, &str)], set: &[(&str, &str)]| {
        let mut options = options();
        options.set.extend(given(0, set).values);
        driver().connect(workload, &given(6379, values), &options).err().unwrap_or_default()
    };
    assert_eq!(error("set", &[], &[]), "");
    let all = [("mode", "sentinel"), ("wait", "1"), ("reads", "confirmed"), ("master", "m")];
    assert_eq!(error("lock", &all, &[]), "");
    for (values, text) in [
        (("mode", "raft"), "mode: `raft` is none of direct, sentinel, cluster"),
        (("sentinel", "70000"), "sentinel: `70000` is no such value"),
        (("wait", "-1"), "wait: `-1` is no such value"),
        (("wait-milliseconds", "0"), "wait-milliseconds: `0` is no time, write 1 or more"),
        (("lock-milliseconds", "0"), "lock-milliseconds: `0` is no time, write 1 or more"),
        (("reads", "confirmed"), "reads: `confirmed` needs `wait`, by how many replicas"),
    ] {
        assert_eq!(error("set", &[values], &[]), format!("[client.settings] {text}"));
    }
    let known = "bank, counter, list-append, lock, queue, register, rw-register, set";
    let text = format!("redis has no workload `watch`: it has {known}");
    assert_eq!(error("watch", &[], &[]), text);
    let text = "--set accounts=many: write a number, such as 8";
    assert_eq!(error("bank", &[], &[("accounts", "many")]), text);
    assert_eq!(error("bank", &[], &[("accounts", "3"), ("balance", "7")]), "");
}

#[test]
fn every_setting_is_listed() {
    let listed: Vec<&str> = driver().settings().iter().map(|(name, _)| *name).collect();
    let source = include_str!("settings.rs");
    for name in &listed {
        assert!(source.matches(&format!("\"{name}\"")).count() >= 2, "{name} is not read");
    }
    assert_eq!(listed.len(), 8);
    assert_eq!(driver().workloads(), connector::WORKLOADS);
}

#[test]
fn the_definitions_parse_and_agree_with_the_driver() {
    let names = ["redis", "redis-sentinel", "redis-cluster"];
    let registry = perjury_harness::Registry::default().driver(driver());
    let registry = registry.definitions(DEFINITIONS).findings(FINDINGS);
    let made: Vec<&str> = registry.databases.iter().map(|database| database.name()).collect();
    assert_eq!(made, names);
    for database in &registry.databases {
        assert_eq!(database.workloads(), connector::WORKLOADS, "{}", database.name());
        assert!(database.connect("set", &options()).is_ok());
    }
    for finding in &registry.findings {
        assert!(names.contains(&&*finding.test[0]) && finding.test[0] == finding.strict[0]);
    }
}
