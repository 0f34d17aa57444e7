//! The definition, the table of bugs and the server agree with each other.

use super::{PORT, database, leaders};
use crate::bugs::{Bug, TABLE};
use crate::client::Workload;
use crate::wire::Status;
use perjury_harness::database::{Definition, NodeFacts, Scope};
use perjury_harness::{Database, Options};
use std::collections::BTreeMap;
use std::time::Duration;

fn options(set: &[(&str, &str)]) -> Options {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Options {
        set: set.iter().map(owned).collect::<BTreeMap<_, _>>(),
        nodes: vec!["n1".to_owned()],
        concurrency: 1,
        keys: 1,
        key_choice: None,
        ops_per_key: 1,
        time_limit: Duration::from_secs(1),
        nemesis_interval: Duration::from_secs(1),
    }
}

#[test]
fn the_table_has_every_bug_and_the_definition_allows_it() {
    let names: Vec<&str> = TABLE.iter().map(|bug| bug.name).collect();
    assert_eq!(names, Bug::ALL.map(Bug::name));
    let database = database();
    for bug in TABLE {
        assert_eq!(bug.name.parse::<Bug>().map(Bug::name), Ok(bug.name));
        assert!(database.definition().contains(&format!("\"{}\"", bug.name)), "{}", bug.name);
        assert!(database.workloads().contains(&bug.workload));
        assert!(!bug.anomalies.is_empty() && !bug.imitates.is_empty());
    }
}

#[test]
fn the_definition_parses_and_agrees_with_the_client_and_the_server() {
    let database = database();
    let definition = Definition::parse(database.definition(), "database.toml").unwrap();
    assert_eq!(definition.name, database.name());
    assert_eq!(definition.ports["client"], PORT);
    let allowed: Vec<&str> = definition.options["bug"].values.iter().map(|bug| &**bug).collect();
    assert_eq!(allowed, Bug::ALL.map(Bug::name));

    let nodes: Vec<NodeFacts> = ["10.99.0.10", "10.99.0.11", "10.99.0.12"]
        .iter()
        .enumerate()
        .map(|(at, address)| NodeFacts {
            name: format!("n{}", at + 1),
            address: address.parse().unwrap(),
            role: String::new(),
        })
        .collect();
    let set = BTreeMap::from([("bug".to_owned(), "lost-cas".to_owned())]);
    let scope = Scope {
        nodes: &nodes,
        here: 1,
        perjury: "/opt/perjury",
        ports: &definition.ports,
        options: &set,
    };
    let when = definition.start.when.iter().flat_map(|when| &when.arguments);
    let line: Vec<String> = definition
        .start
        .command
        .iter()
        .chain(when)
        .map(|template| template.render(&scope).unwrap())
        .collect();
    assert_eq!(line[..2], ["/opt/perjury", crate::SERVER_COMMAND]);
    let config = crate::server::config_of(&line[2..]).unwrap();
    assert_eq!((config.id, config.bug), (2, Some(Bug::LostCas)));
    assert_eq!(config.nodes[&3], "10.99.0.12:7600");
}

#[test]
fn clients_are_made_for_the_workloads_it_names_and_no_others() {
    let database = database();
    assert_eq!(database.workloads(), Workload::ALL.map(|(name, _)| name));
    for name in database.workloads() {
        assert!(database.connect(name, &options(&[("bug", "lost-cas")])).is_ok());
    }
    let error = |workload, set: &[(&str, &str)]| match database.connect(workload, &options(set)) {
        Ok(_) => panic!("{workload} {set:?} has to be refused"),
        Err(error) => error,
    };
    assert!(error("semaphore", &[]).contains("`semaphore`"));
    assert!(error("bank", &[("accounts", "1")]).contains("2 to 1000 accounts"));
    assert!(error("set", &[("bug", "x")]).contains("stale-reads"));
}

#[test]
fn the_leader_is_the_one_of_the_latest_term() {
    let status = |role: &str, term| {
        Some(Status {
            members: std::collections::BTreeSet::new(),
            id: 1,
            role: role.to_owned(),
            leader: None,
            term,
            logged: 0,
            applied: 0,
            ready: true,
        })
    };
    let follower = || status("follower", 9);
    assert_eq!(leaders(&[]), [0; 0]);
    assert_eq!(leaders(&[None, follower()]), [0; 0]);
    assert_eq!(leaders(&[status("leader", 3), follower(), status("leader", 4), None]), [2]);
}
