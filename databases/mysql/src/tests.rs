//! Tests of the driver as it is registered; those against a real MariaDB are in `real`.

pub(crate) mod play;
mod real;

use crate::connector::Connector;
use crate::settings::{Lock, Reads, Settings};
use crate::*;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn settings(values: &[(&str, &str)]) -> DriverSettings {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    DriverSettings { port: 3306, values: values.collect() }
}

pub(crate) fn options(set: &[(&str, &str)]) -> Options {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Options {
        set: set.collect::<BTreeMap<_, _>>(),
        nodes: Vec::new(),
        concurrency: 5,
        keys: 4,
        key_choice: None,
        ops_per_key: 100,
        time_limit: Duration::from_secs(10),
        nemesis_interval: Duration::from_secs(1),
    }
}

pub(crate) fn connector(workload: &str, settings: &DriverSettings) -> Connector {
    Connector::new(workload, settings, &options(&[])).unwrap()
}

#[test]
fn definitions_and_findings_are_well_formed() {
    let registry = perjury_harness::Registry::default().driver(driver());
    let registry = registry.definitions(DEFINITIONS).findings(FINDINGS);
    let databases = registry.databases.iter();
    let databases: Vec<_> = databases.map(|known| (known.name(), known.workloads())).collect();
    let in_a_cluster: Vec<&str> = driver().workloads().to_vec();
    assert_eq!(databases, [("mariadb", driver().workloads()), ("galera", &*in_a_cluster)]);
    for finding in &registry.findings {
        for arguments in [&finding.test, &finding.strict] {
            assert!(databases.iter().any(|(name, _)| *name == arguments[0]), "{}", finding.name);
        }
    }
}

#[test]
fn settings_become_statements() {
    let given = settings(&[
        ("isolation", "read committed"),
        ("session", "SET SESSION wsrep_sync_wait=15; ;SET @x=1 "),
        ("reads", "for update"),
        ("lock", "get_lock"),
        ("database", "jobs"),
    ]);
    let known = Settings::new(&given, &options(&[("accounts", "3")])).unwrap();
    assert_eq!(
        known.login.statements,
        [
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SET SESSION wsrep_sync_wait=15",
            "SET @x=1"
        ]
    );
    assert_eq!((known.reads, known.lock), (Reads::ForUpdate, Lock::GetLock));
    assert_eq!((known.accounts, known.balance), (3, 10));
    assert_eq!((&*known.login.user, &*known.login.password), ("root", ""));
    let names: Vec<&str> = driver().settings().iter().map(|(name, _)| *name).collect();
    assert!(given.values.keys().all(|name| names.contains(&&**name)));
}

#[test]
fn what_is_wrong_is_named() {
    let connect = |workload: &str, given: &[(&str, &str)], set: &[(&str, &str)]| {
        driver().connect(workload, &settings(given), &options(set)).err().unwrap_or_default()
    };
    for workload in driver().workloads() {
        assert_eq!(connect(workload, &[], &[]), "");
    }
    assert!(connect("mutex", &[], &[]).contains("no workload `mutex`: it has register"));
    assert!(connect("set", &[("isolation", "snapshot")], &[]).contains("isolation: `snapshot`"));
    assert!(connect("set", &[("reads", "dirty")], &[]).contains("reads: `dirty`"));
    assert!(connect("set", &[("database", "a;b")], &[]).contains("database: `a;b`"));
    assert!(connect("bank", &[], &[("accounts", "many")]).contains("accounts: `many`"));
}
