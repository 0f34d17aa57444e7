//! Nodes that come back from what is on their disk.

use crate::support::{Cluster, until};
use perjury_demo::client::Workload;
use perjury_demo::server::Tuning;
use perjury_harness::{Client, Op};
use serde_json::{Value, json};
use std::io::Write;

/// Snapshots so often that a test sees several.
fn tiny() -> Tuning {
    Tuning { snapshot_every: 20, keep: 5, lag: 30 }
}

async fn fill(cluster: &Cluster, node: usize, elements: std::ops::Range<i64>) {
    let mut client = cluster.client(node, Workload::Set).await;
    for element in elements {
        client.invoke(&Op::new("add", json!(element))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_all_nodes_stopped_at_once() {
    for tuning in [Tuning::default(), tiny()] {
        let mut cluster = Cluster::start_tuned(3, None, tuning).await;
        fill(&cluster, 0, 0..75).await;
        for node in cluster.nodes() {
            cluster.stop(node).await;
        }
        for node in cluster.nodes() {
            cluster.restart(node).await;
        }
        let all: Vec<i64> = (0..75).collect();
        for node in cluster.nodes() {
            let elements = cluster.must(node, Workload::Set, "read", Value::Null).await;
            assert_eq!(elements, json!(all));
        }
        fill(&cluster, 1, 75..80).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_shortened_to_what_the_snapshot_lacks() {
    let cluster = Cluster::start_tuned(1, None, tiny()).await;
    fill(&cluster, 0, 0..30).await;
    until(async || cluster.data(0).join("snapshot").exists()).await;
    let size = async || std::fs::metadata(cluster.data(0).join("log")).unwrap().len();
    let mut largest = 0;
    for batch in 1..8 {
        fill(&cluster, 0, batch * 30..batch * 30 + 30).await;
        largest = largest.max(size().await);
    }
    until(async || size().await < largest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_far_behind_is_brought_up_by_a_snapshot() {
    let mut cluster = Cluster::start_tuned(3, None, tiny()).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    fill(&cluster, leader, 0..10).await;
    cluster.stop(followers[0]).await;
    fill(&cluster, leader, 10..150).await;
    cluster.restart(followers[0]).await;
    let target = cluster.status(leader).await.unwrap().logged;
    let caught_up =
        async || cluster.status(followers[0]).await.is_some_and(|status| status.applied >= target);
    until(caught_up).await;
    let snapshot = cluster.data(followers[0]).join("snapshot");
    assert!(snapshot.exists(), "it must have been sent a snapshot");
    // It carries its weight: with it and without the other one there is a majority.
    cluster.stop(followers[1]).await;
    let elements = cluster.must(followers[0], Workload::Set, "read", Value::Null).await;
    assert_eq!(elements, json!((0..150).collect::<Vec<i64>>()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_tail_is_cut_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::start(1, None).await;
    fill(&cluster, 0, 0..10).await;
    cluster.stop(0).await;
    let log = cluster.data(0).join("log");
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    // The beginning of a record whose end never reached the disk.
    file.write_all(b"pLg1\x40\x00\x00\x00\x01\x02\x03\x04{\"append\":").unwrap();
    drop(file);
    cluster.restart(0).await;
    let elements = cluster.must(0, Workload::Set, "read", Value::Null).await;
    assert_eq!(elements, json!((0..10).collect::<Vec<i64>>()));
    fill(&cluster, 0, 10..12).await;
    cluster.stop(0).await;
    cluster.restart(0).await;
    let elements = cluster.must(0, Workload::Set, "read", Value::Null).await;
    assert_eq!(elements, json!((0..12).collect::<Vec<i64>>()));
}
