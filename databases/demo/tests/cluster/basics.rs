//! What every structure does, from every node.

use crate::support::Cluster;
use perjury_demo::client::Workload;
use perjury_harness::{Client, Failure, Op};
use perjury_workloads::Opening;
use serde_json::{Value, json};
use std::time::Instant;

const BANK: Workload = Workload::Bank(Opening::USUAL);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_structure_answers_on_every_node() {
    let cluster = Cluster::start(3, None).await;
    for node in cluster.nodes() {
        let key = node as i64;
        let ask =
            async |workload, f: &str, value: Value| cluster.must(node, workload, f, value).await;
        let register = Workload::Register;
        assert_eq!(ask(register, "read", json!([key, null])).await, json!([key, null]));
        assert_eq!(ask(register, "cas", json!([key, [null, 1]])).await, json!([key, [null, 1]]));
        assert_eq!(ask(register, "write", json!([key, 2])).await, json!([key, 2]));
        assert_eq!(ask(register, "cas", json!([key, [2, 3]])).await, json!([key, [2, 3]]));
        assert_eq!(ask(register, "read", json!([key, null])).await, json!([key, 3]));
        let refused = cluster.ask(node, register, "cas", json!([key, [2, 4]])).await;
        assert!(
            matches!(&refused, Err(Failure::Declined(why)) if why.starts_with("compare failed"))
        );

        let lists = Workload::ListAppend;
        let asked =
            json!([["r", key, null], ["append", key, 1], ["append", key, 2], ["r", key, null]]);
        let answered =
            json!([["r", key, []], ["append", key, 1], ["append", key, 2], ["r", key, [1, 2]]]);
        assert_eq!(ask(lists, "txn", asked).await, answered);
        let read = json!([["r", key, null]]);
        assert_eq!(ask(lists, "txn", read).await, json!([["r", key, [1, 2]]]));

        let asked = json!([["w", "x", key], ["r", "x", null]]);
        let answered = json!([["w", "x", key], ["r", "x", key]]);
        assert_eq!(ask(Workload::RwRegister, "txn", asked).await, answered);

        assert_eq!(ask(Workload::Set, "add", json!(key)).await, json!(key));
        let so_far: Vec<i64> = (0..=key).collect();
        assert_eq!(ask(Workload::Set, "read", Value::Null).await, json!(so_far));
        ask(Workload::Counter, "add", json!(5)).await;
        assert_eq!(ask(Workload::Counter, "read", Value::Null).await, json!(5 * (key + 1)));

        let amount = json!({"from": 0, "to": 1, "amount": 2});
        assert_eq!(ask(BANK, "transfer", amount.clone()).await, amount);
        let seen = ask(BANK, "read", Value::Null).await;
        assert_eq!([&seen["0"], &seen["1"]], [&json!(8 - 2 * key), &json!(12 + 2 * key)]);
        assert_eq!(seen["7"], 10);

        for message in [1, 2] {
            ask(Workload::Queue, "enqueue", json!(message)).await;
        }
        assert_eq!(ask(Workload::Queue, "dequeue", Value::Null).await, json!(1));
        assert_eq!(ask(Workload::Queue, "drain", Value::Null).await, json!([2]));

        assert_eq!(ask(Workload::Lock, "acquire", json!(key)).await, json!(key + 1));
        let held = cluster.ask(node, Workload::Lock, "acquire", json!("other")).await;
        assert!(matches!(held, Err(Failure::Declined(_))), "{held:?}");
        let not_mine = cluster.ask(node, Workload::Lock, "release", json!("other")).await;
        assert!(matches!(not_mine, Err(Failure::Declined(_))), "{not_mine:?}");
        ask(Workload::Lock, "release", json!(key)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_on_any_node_sees_what_was_acknowledged_on_any_other() {
    let cluster = Cluster::start(3, None).await;
    let mut clients = Vec::new();
    for node in cluster.nodes() {
        clients.push(cluster.client(node, Workload::Register).await);
    }
    for round in 0..150 {
        let writer = round % clients.len();
        let reader = (round + 1 + round / 3 % 2) % clients.len();
        let written = clients[writer].invoke(&Op::new("write", json!([0, round]))).await;
        assert_eq!(written, Ok(json!([0, round])));
        let read = clients[reader].invoke(&Op::new("read", json!([0, null]))).await;
        assert_eq!(read, Ok(json!([0, round])), "written at {writer}, read at {reader}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_clients_lose_no_increment_and_tear_no_transaction() {
    let cluster = Cluster::start(5, None).await;
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..10_i64 {
        let mut counter = cluster.client(worker as usize % 5, Workload::Counter).await;
        let mut lists = cluster.client(worker as usize % 5, Workload::ListAppend).await;
        tasks.spawn(async move {
            for round in 0..30 {
                counter.invoke(&Op::new("add", json!(1))).await.unwrap();
                let both = json!([
                    ["append", 1, worker * 100 + round],
                    ["append", 2, worker * 100 + round]
                ]);
                lists.invoke(&Op::new("txn", both)).await.unwrap();
                let read = Op::new("txn", json!([["r", 1, null], ["r", 2, null]]));
                let read = lists.invoke(&read).await.unwrap();
                assert_eq!(read[0][2], read[1][2], "half of a transaction was seen");
            }
        });
    }
    tasks.join_all().await;
    let operations = 10 * 30 * 3;
    let rate = f64::from(operations) / start.elapsed().as_secs_f64();
    // Far below what an idle machine does, far above what a stalled cluster would.
    assert!(rate > 50.0, "{operations} operations took {:?}", start.elapsed());
    let total = cluster.must(3, Workload::Counter, "read", Value::Null).await;
    assert_eq!(total, json!(300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_beyond_the_limits_is_refused_and_changes_nothing() {
    let cluster = Cluster::start(1, None).await;
    let long = "x".repeat(20_000);
    let many: Vec<Value> = (0..300).map(|n| json!(["append", 1, n])).collect();
    for (workload, f, value) in [
        (Workload::Register, "write", json!([1, long])),
        (Workload::Register, "write", json!([long, 1])),
        (Workload::ListAppend, "txn", Value::from(many)),
    ] {
        let refused = cluster.ask(0, workload, f, value).await;
        assert!(matches!(&refused, Err(Failure::Definite(why)) if why.contains("at the most")));
    }
    let read = cluster.must(0, Workload::ListAppend, "txn", json!([["r", 1, null]])).await;
    assert_eq!(read, json!([["r", 1, []]]));
}
