//! Leaders that stop, leaders that are cut off, and what their clients are told.

use crate::support::{Cluster, until};
use perjury_demo::client::Workload;
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_takes_over_within_two_seconds() {
    let mut cluster = Cluster::start(3, None).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.must(leader, Workload::Set, "add", json!(1)).await;
    cluster.stop(leader).await;
    let start = Instant::now();
    cluster.eventually(followers[0], Workload::Set, "add", json!(2)).await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(4), "the first write after a stop took {took:?}");
    let elements = cluster.must(followers[1], Workload::Set, "read", Value::Null).await;
    assert_eq!(elements, json!([1, 2]));

    cluster.restart(leader).await;
    cluster.ready(leader).await;
    let elements = cluster.must(leader, Workload::Set, "read", Value::Null).await;
    assert_eq!(elements, json!([1, 2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_acknowledges_nothing_and_reads_nothing() {
    let cluster = Cluster::start(3, None).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.must(leader, Workload::Register, "write", json!([1, "before"])).await;
    cluster.isolate(&[leader]);
    let alone = cluster.ask(leader, Workload::Register, "write", json!([1, "alone"])).await;
    assert!(matches!(alone, Err(Failure::Indefinite(_))), "{alone:?}");
    cluster.eventually(followers[0], Workload::Register, "write", json!([1, "after"])).await;
    let read = cluster.ask(leader, Workload::Register, "read", json!([1, null])).await;
    assert!(matches!(read, Err(Failure::Definite(_))), "{read:?}");
    // By now it knows that no majority hears it, and refuses with certainty.
    let later = cluster.ask(leader, Workload::Register, "write", json!([1, "later"])).await;
    assert!(matches!(later, Err(Failure::Definite(_))), "{later:?}");

    cluster.mend();
    for node in cluster.nodes() {
        let read = cluster.must(node, Workload::Register, "read", json!([1, null])).await;
        assert_eq!(read, json!([1, "after"]), "node {node}");
    }
}

/// OpenRaft gives the same error for "never accepted" and "accepted, then cut from the log". The
/// second must not be called definite: another node may still hold the entry and be elected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_was_cut_from_the_log_is_not_called_failed() {
    let cluster = Cluster::start(3, None).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.isolate(&[leader]);
    let mut client = cluster.client(leader, Workload::Set).await;
    let write = tokio::spawn(async move { client.invoke(&Op::new("add", json!(1))).await });
    // Mended while the write still waits, so that it ends by being cut from the log.
    let new_leader = cluster.leader(&followers).await;
    cluster.must(new_leader, Workload::Set, "add", json!(2)).await;
    cluster.mend();
    let ended = write.await.unwrap();
    assert!(matches!(ended, Err(Failure::Indefinite(_))), "{ended:?}");
    let elements = cluster.must(leader, Workload::Set, "read", Value::Null).await;
    assert_eq!(elements, json!([2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_everything_fails_and_the_rest_comes_back_after() {
    let mut cluster = Cluster::start(3, None).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.must(leader, Workload::Set, "add", json!(1)).await;
    cluster.stop(leader).await;
    cluster.stop(followers[0]).await;
    let last = followers[1];
    let read = cluster.ask(last, Workload::Set, "read", Value::Null).await;
    assert!(matches!(read, Err(Failure::Definite(_))), "{read:?}");
    cluster.restart(followers[0]).await;
    let elements = cluster.must(last, Workload::Set, "read", Value::Null).await;
    assert_eq!(elements, json!([1]));
}

/// Acknowledged elements survive while leaders are stopped and cut off in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_while_leaders_come_and_go() {
    let mut cluster = Cluster::start(5, None).await;
    let mut acknowledged = Vec::new();
    for round in 0..4_i64 {
        let (leader, followers) = cluster.leader_and_followers().await;
        if round % 2 == 0 {
            cluster.isolate(&[leader, followers[0]]);
        } else {
            cluster.stop(leader).await;
        }
        for step in 0..20 {
            let element = round * 100 + step;
            let node = followers[step as usize % followers.len()];
            if cluster.ask(node, Workload::Set, "add", json!(element)).await.is_ok() {
                acknowledged.push(element);
            }
        }
        cluster.mend();
        if round % 2 == 1 {
            cluster.restart(leader).await;
        }
        until(async || cluster.status(leader).await.is_some_and(|status| status.ready)).await;
    }
    assert!(acknowledged.len() > 20, "only {} writes succeeded", acknowledged.len());
    for node in cluster.nodes() {
        let elements = cluster.must(node, Workload::Set, "read", Value::Null).await;
        let elements: Vec<i64> = serde_json::from_value(elements).unwrap();
        let lost: Vec<_> = acknowledged.iter().filter(|e| !elements.contains(e)).collect();
        assert!(lost.is_empty(), "node {node} lost {lost:?}");
    }
}
