//! Tests of the driver as it is registered; those against a real PostgreSQL are in `real`.

mod real;
pub(crate) mod scripted;
mod server;

use crate::client::{PgConnector, Workload};
use crate::session::{Isolation, Login, Wants};
use crate::*;
use perjury_harness::driver::{Driver, DriverSettings};
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

pub(crate) fn login() -> Login {
    Login {
        user: "postgres".into(),
        password: None,
        database: "postgres".into(),
        isolation: Isolation::Serializable,
        wants: Wants::Any,
    }
}

pub(crate) fn connector(workload: &str, login: Login, reads_are_local: bool) -> PgConnector {
    let workload = Workload::named(workload).unwrap();
    PgConnector::new(workload, login, reads_are_local, 0, &options()).unwrap()
}

fn settings(pairs: &[(&str, &str)]) -> DriverSettings {
    let values = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    DriverSettings { port: 5432, values: values.collect() }
}

#[test]
fn settings_are_read_and_wrong_ones_named() {
    let read = login_of(&[("isolation", "repeatable read"), ("route", "primary"), ("user", "me")]);
    let read = read.unwrap();
    assert_eq!(read.isolation, Isolation::RepeatableRead);
    assert_eq!(read.wants, Wants::Primary);
    assert_eq!(read.user, "me");
    let dashed = login_of(&[("isolation", "read-committed")]).unwrap();
    assert_eq!(dashed.isolation, Isolation::ReadCommitted);
    let usual = login_of(&[]).unwrap();
    assert_eq!((usual.isolation, usual.wants), (Isolation::Serializable, Wants::Any));
    for (name, value) in
        [("isolation", "snapshot"), ("route", "nearest"), ("reads", "all"), ("user", "a\0b")]
    {
        let connect = driver().connect("set", &settings(&[(name, value)]), &options());
        let error = connect.err().unwrap();
        assert!(error.starts_with(&format!("[client.settings] {name}: ")), "{error}");
    }
}

fn login_of(pairs: &[(&str, &str)]) -> Result<Login, String> {
    crate::login(&settings(pairs))
}

#[test]
fn every_workload_has_clients_and_no_other_has() {
    for workload in driver().workloads() {
        assert!(driver().connect(workload, &settings(&[]), &options()).is_ok(), "{workload}");
    }
    let error = driver().connect("tickets", &settings(&[]), &options()).err().unwrap();
    assert!(error.starts_with("postgresql has no workload `tickets`"), "{error}");
    let mut options = options();
    options.set.insert("accounts".into(), "none".into());
    let error = driver().connect("bank", &settings(&[]), &options).err().unwrap();
    assert_eq!(error, "option accounts: `none` is no number");
}

#[test]
fn the_definitions_parse_and_agree_with_the_driver() {
    let registry = perjury_harness::Registry::default().driver(driver()).definitions(DEFINITIONS);
    let names: Vec<&str> = registry.databases.iter().map(|database| database.name()).collect();
    assert_eq!(names, ["postgresql", "postgresql-patroni"]);
    for database in &registry.databases {
        assert_eq!(database.workloads(), WORKLOADS);
        assert!(database.connect("bank", &options()).is_ok());
    }
}

#[test]
fn a_password_is_not_shown() {
    let login = Login { password: Some("secret".into()), ..login() };
    assert!(!format!("{login:?}").contains("secret"));
}
