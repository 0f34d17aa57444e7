//! A test for each row of `errors.md`.

use crate::support::{Cluster, until};
use perjury_demo::client::{DemoClient, LocalWorkload, Workload};
use perjury_harness::{Client, Failure, Op};
use perjury_workloads::Opening;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const BANK: Workload = Workload::Bank(Opening::USUAL);

/// A server that reads one request and answers it with these bytes, then closes.
async fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        stream.get_mut().write_all(answer).await.unwrap();
    });
    address
}

async fn read_from(answer: &'static [u8]) -> Result<Value, Failure> {
    let mut client = DemoClient::connect(answering(answer).await, Workload::Set).await.unwrap();
    client.invoke(&Op::new("read", Value::Null)).await
}

fn definite(result: &Result<Value, Failure>, words: &str) -> bool {
    matches!(result, Err(Failure::Definite(why)) if why.contains(words))
}

fn indefinite(result: &Result<Value, Failure>) -> bool {
    matches!(result, Err(Failure::Indefinite(_)))
}

#[tokio::test]
async fn connecting_to_nothing_is_no_operation() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = DemoClient::connect(address, Workload::Set).await.unwrap_err();
    assert!(error.contains("refused") && error.contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn an_unknown_operation_is_never_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = DemoClient::connect(address, Workload::Set).await.unwrap();
    let result = client.invoke(&Op::new("steal", json!(1))).await;
    assert!(definite(&result, "no operation"), "{result:?}");
    let (server, _) = listener.accept().await.unwrap();
    client.close().await;
    let mut sent = String::new();
    BufReader::new(server).read_line(&mut sent).await.unwrap();
    assert_eq!(sent, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_state_machine_declines_is_declined() {
    let cluster = Cluster::start(1, None).await;
    cluster.must(0, Workload::Lock, "acquire", json!(1)).await;
    cluster.must(0, Workload::Counter, "add", json!(1)).await;
    for (workload, f, value, words) in [
        (Workload::Register, "cas", json!([1, [2, 3]]), "compare failed"),
        (Workload::Lock, "acquire", json!(2), "the lock is held"),
        (Workload::Lock, "release", json!(2), "not held by this owner"),
        (Workload::Counter, "add", json!(i64::MAX), "overflow"),
        (BANK, "transfer", json!({"from": 0, "to": 1, "amount": 11}), "hold too little"),
        (Workload::Queue, "dequeue", Value::Null, "the queue is empty"),
    ] {
        let result = cluster.ask(0, workload, f, value).await;
        let declined = matches!(&result, Err(Failure::Declined(why)) if why.contains(words));
        assert!(declined, "{result:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_beyond_a_limit_is_definite() {
    let cluster = Cluster::start(1, None).await;
    let long = "x".repeat(20_000);
    let result = cluster.ask(0, Workload::Register, "write", json!([1, long])).await;
    assert!(definite(&result, "at the most"), "{result:?}");
    let read = cluster.must(0, Workload::Register, "read", json!([1, null])).await;
    assert_eq!(read, json!([1, null]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_a_read_fails_and_a_write_is_refused() {
    let mut cluster = Cluster::start(3, None).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    for follower in followers {
        cluster.stop(follower).await;
    }
    // The first one lasts as long as the server tries, after which it knows the others are gone.
    let read = cluster.ask(leader, Workload::Set, "read", Value::Null).await;
    assert!(definite(&read, "cannot confirm leadership"), "{read:?}");
    let write = cluster.ask(leader, Workload::Set, "add", json!(1)).await;
    assert!(definite(&write, "lost touch with the majority"), "{write:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_logged_but_not_committed_is_indefinite() {
    let mut cluster = Cluster::start(3, None).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    for follower in &followers {
        cluster.stop(*follower).await;
    }
    let write = cluster.ask(leader, Workload::Set, "add", json!(1)).await;
    assert!(indefinite(&write), "{write:?}");
    // And indeed: it is committed some time after there is a majority again.
    cluster.restart(followers[0]).await;
    until(async || cluster.must(leader, Workload::Set, "read", Value::Null).await == json!([1]))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_passed_on_to_a_silent_leader_is_indefinite() {
    let cluster = Cluster::start(3, None).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.isolate(&[leader]);
    let write = cluster.ask(followers[0], Workload::Set, "add", json!(1)).await;
    assert!(indefinite(&write), "{write:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_passed_on_to_a_silent_leader_is_definite() {
    let cluster = Cluster::start(3, None).await;
    let (_, followers) = cluster.leader_and_followers().await;
    // This follower reaches nobody, so that no attempt can succeed.
    cluster.isolate(&[followers[0]]);
    let read = cluster.ask(followers[0], Workload::Set, "read", Value::Null).await;
    assert!(matches!(read, Err(Failure::Definite(_))), "{read:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_indefinite() {
    for answer in [&b""[..], b"{\"executed\":"] {
        let result = read_from(answer).await;
        assert!(indefinite(&result), "{result:?}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_understood_is_unexpected() {
    for answer in [&b"hello\n"[..], b"{\"executed\":{\"Ok\":\"maybe\"}}\n", b"\xff\xfe\n"] {
        let result = read_from(answer).await;
        assert!(matches!(result, Err(Failure::Unexpected(_))), "{result:?}");
    }
}

#[tokio::test]
async fn an_answer_to_something_else_is_unexpected() {
    for answer in [
        &b"{\"executed\":{\"Ok\":\"done\"}}\n"[..],
        b"{\"executed\":{\"Ok\":{\"value\":1}}}\n",
        b"{\"malformed\":\"what?\"}\n",
    ] {
        let result = read_from(answer).await;
        assert!(matches!(result, Err(Failure::Unexpected(_))), "{result:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_on_a_connection_that_failed() {
    let address = answering(b"hello\n").await;
    let mut client = DemoClient::connect(address, Workload::Set).await.unwrap();
    assert!(client.invoke(&Op::new("add", json!(1))).await.is_err());
    let result = client.invoke(&Op::new("add", json!(2))).await;
    assert!(definite(&result, "not sent"), "{result:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_what_a_node_does_not_have_is_definite() {
    let cluster = Cluster::start(1, None).await;
    let workload = Workload::Local(LocalWorkload::OrSet);
    let removed = cluster.ask(0, workload, "remove", json!([1, 7])).await;
    assert!(matches!(removed, Err(Failure::Definite(_))), "{removed:?}");
}
