//! Planted bugs that show in what sessions and real time promise.

use crate::support::Cluster;
use perjury_demo::bugs::Bug;
use perjury_demo::client::Workload;
use perjury_harness::{Client, Op};
use serde_json::{Value, json};

/// Whether a node that starts again gives out an identifier that it has given out before.
async fn gives_out_again(bug: Option<Bug>) -> bool {
    let mut cluster = Cluster::start(3, bug).await;
    let first = cluster.must(1, Workload::UniqueIds, "generate", Value::Null).await;
    cluster.stop(1).await;
    cluster.restart(1).await;
    cluster.ready(1).await;
    cluster.must(1, Workload::UniqueIds, "generate", Value::Null).await == first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_ids() {
    assert!(gives_out_again(Some(Bug::MemoryIds)).await);
    assert!(!gives_out_again(None).await);
}

/// How often two clients both inserted a row that each inserts only if there is none.
async fn both_inserted(bug: Option<Bug>) -> usize {
    let cluster = Cluster::start(3, bug).await;
    let mut left = cluster.client(1, Workload::OneInsert).await;
    let mut right = cluster.client(2, Workload::OneInsert).await;
    let mut count = 0;
    for key in 0..60 {
        let insert = |id: u64| Op::new("insert", json!([key, id]));
        let (even, odd) = (insert(2 * key), insert(2 * key + 1));
        let (left, right) = tokio::join!(left.invoke(&even), right.invoke(&odd));
        count += usize::from(left.is_ok() && right.is_ok());
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_skew() {
    assert!(both_inserted(Some(Bug::WriteSkew)).await > 0);
    assert_eq!(both_inserted(None).await, 0);
}

/// Whether two transactions that write the same are both said to have happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_skew_loses_no_update() {
    let cluster = Cluster::start(3, Some(Bug::WriteSkew)).await;
    let mut left = cluster.client(1, Workload::Monotonic).await;
    let mut right = cluster.client(2, Workload::Monotonic).await;
    let increment = Op::new("increment", json!([1, null]));
    for _ in 0..40 {
        let (left, right) = tokio::join!(left.invoke(&increment), right.invoke(&increment));
        assert!(left.is_err() || left != right, "{left:?}");
    }
}

/// Whether one client's messages come out in another order than it sent them in.
async fn comes_out_of_order(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    for message in 0..20 {
        cluster.must(0, Workload::Queue, "enqueue", json!(message)).await;
    }
    let mut taken = Vec::new();
    for _ in 0..20 {
        let message = cluster.must(1, Workload::Queue, "dequeue", Value::Null).await;
        taken.push(message.as_u64().unwrap());
    }
    let in_order = taken.is_sorted();
    taken.sort_unstable();
    assert_eq!(taken, (0..20).collect::<Vec<_>>());
    !in_order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loose_order() {
    assert!(comes_out_of_order(Some(Bug::LooseOrder)).await);
    assert!(!comes_out_of_order(None).await);
}
