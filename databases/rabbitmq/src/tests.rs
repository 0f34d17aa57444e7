//! Tests of the driver as it is registered; those against a real RabbitMQ are in `real`.

mod real;
pub(crate) mod server;

use crate::*;
use perjury_harness::Registry;
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

#[test]
fn the_definition_is_one_for_this_driver() {
    let registry = Registry::default().driver(driver()).definitions(DEFINITIONS);
    assert_eq!(registry.find_database("rabbitmq").unwrap().workloads(), WORKLOADS);
    assert_eq!(registry.find_database("rabbitmq").unwrap().name(), "rabbitmq");
}

#[test]
fn a_wrong_workload_or_setting_is_refused() {
    let connect = |workload: &str, name: &str, text: &str| {
        let values = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        driver().connect(workload, &DriverSettings { port: 5672, values }, &options()).err()
    };
    for queue_type in ["classic", "mirrored", "quorum"] {
        assert_eq!(connect("queue", "queue-type", queue_type), None);
    }
    assert_eq!(connect("lock", "user", "somebody"), None);
    let error = connect("bank", "user", "guest").unwrap();
    assert_eq!(error, "amqp has no workload `bank`: it has queue, lock");
    let error = connect("queue", "queue-type", "stream").unwrap();
    let wanted = "[client.settings] queue-type: `stream` is none of classic, mirrored, quorum";
    assert_eq!(error, wanted);
    assert!(connect("queue", "queue", "").unwrap().contains("1 to 255 bytes"));
}
