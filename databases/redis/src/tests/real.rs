//! What each workload does on a real server, on replicas, behind Sentinel and in a cluster.

use super::servers::{READY_LIMIT, Servers, ask};
use super::{connector, options, settings};
use crate::connector::{RedisClient, WORKLOADS};
use crate::primaries::primaries;
use crate::slot::key_slot;
use perjury_database_testing::vouch;
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

type Answer = Result<Value, Failure>;

async fn client(
    servers: &Servers,
    at: usize,
    workload: &str,
    given: &[(&str, &str)],
) -> RedisClient {
    let sentinel = servers.sentinel.to_string();
    let given = [given, &[("sentinel", &*sentinel)]].concat();
    let connector = connector(workload, settings(servers.port, &given));
    connector.open(servers.addresses[at]).await.unwrap()
}

async fn ask_for(client: &mut RedisClient, f: &str, value: Value) -> Answer {
    client.invoke(&Op::new(f, value)).await
}

fn declined(text: &str) -> Answer {
    Err(Failure::Declined(text.to_owned()))
}

fn definite(text: &str) -> Answer {
    Err(Failure::Definite(text.to_owned()))
}

fn not_asked(text: &str) -> Answer {
    Err(Failure::NotAsked(text.to_owned()))
}

/// What is asked of a workload, and what it has to answer.
type Conversation = Vec<(&'static str, Value, Answer)>;

#[tokio::test]
async fn each_workload_does_what_its_vocabulary_says() {
    let Some(servers) = Servers::start(1, &[]).await else { return };
    for (workload, conversation) in data().into_iter().chain(coordination()) {
        ask(servers.address(0), &["FLUSHALL"]).await.unwrap();
        let made = connector(workload, settings(servers.port, &[]));
        made.make_ready(&servers.addresses).await.unwrap();
        made.make_ready(&servers.addresses).await.unwrap();
        let mut client = client(&servers, 0, workload, &[]).await;
        for (f, value, wanted) in conversation {
            let shown = format!("{workload}: {f} {value}");
            assert_eq!(ask_for(&mut client, f, value).await, wanted, "{shown}");
        }
    }
}

fn data() -> [(&'static str, Conversation); 5] {
    let same = |value: Value| (value.clone(), Ok(value));
    let none = || json!(null);
    let register = vec![
        ("read", json!([7, null]), Ok(json!([7, null]))),
        ("cas", json!([7, [1, 2]]), declined("the value differs")),
        ("write", json!([7, 1]), Ok(json!([7, 1]))),
        ("cas", json!([7, [1, 2]]), Ok(json!([7, [1, 2]]))),
        ("cas", json!([7, [1, 3]]), declined("the value differs")),
        ("read", json!([7, null]), Ok(json!([7, 2]))),
    ];
    let (first, appended) = same(json!([["append", 1, 10], ["append", 2, 20], ["append", 1, 11]]));
    let lists = vec![
        ("txn", json!([["r", 1, null]]), Ok(json!([["r", 1, []]]))),
        ("txn", first, appended),
        (
            "txn",
            json!([["r", 1, null], ["append", 1, 12], ["r", 1, null], ["r", 2, null]]),
            Ok(json!([
                ["r", 1, [10, 11]],
                ["append", 1, 12],
                ["r", 1, [10, 11, 12]],
                ["r", 2, [20]]
            ])),
        ),
        ("txn", json!([]), Ok(json!([]))),
    ];
    let registers = vec![(
        "txn",
        json!([["r", 1, null], ["w", 1, 5], ["r", 1, null], ["w", 1, 6], ["r", 2, null]]),
        Ok(json!([["r", 1, null], ["w", 1, 5], ["r", 1, 5], ["w", 1, 6], ["r", 2, null]])),
    )];
    let set = vec![
        ("read", none(), Ok(json!([]))),
        ("add", json!(10), Ok(json!(10))),
        ("add", json!(9), Ok(json!(9))),
        ("read", none(), Ok(json!([9, 10]))),
    ];
    let counter = vec![
        ("read", none(), Ok(json!(0))),
        ("add", json!(5), Ok(json!(5))),
        ("add", json!(-7), Ok(json!(-7))),
        ("read", none(), Ok(json!(-2))),
    ];
    [
        ("register", register),
        ("list-append", lists),
        ("rw-register", registers),
        ("set", set),
        ("counter", counter),
    ]
}

fn coordination() -> [(&'static str, Conversation); 3] {
    let none = || json!(null);
    let bank = |moved: bool| {
        let (from, to) = if moved { (3, 17) } else { (10, 10) };
        Ok(json!({"0": from, "1": to, "2": 10, "3": 10, "4": 10, "5": 10, "6": 10, "7": 10}))
    };
    let transfer = json!({"from": 0, "to": 1, "amount": 7});
    let banks = vec![
        ("read", none(), bank(false)),
        ("transfer", transfer.clone(), Ok(transfer.clone())),
        ("transfer", transfer, declined("the balance is too low")),
        ("read", none(), bank(true)),
    ];
    let queue = vec![
        ("dequeue", none(), declined("empty")),
        ("enqueue", json!(1), Ok(json!(1))),
        ("enqueue", json!(2), Ok(json!(2))),
        ("enqueue", json!(3), Ok(json!(3))),
        ("dequeue", none(), Ok(json!(1))),
        ("drain", none(), Ok(json!([2, 3]))),
        ("drain", none(), Ok(json!([]))),
    ];
    let lock = vec![
        ("release", none(), not_asked("not held")),
        ("acquire", none(), Ok(none())),
        ("acquire", none(), declined("held")),
        ("release", none(), Ok(none())),
        ("release", none(), not_asked("not held")),
        ("acquire", none(), Ok(none())),
    ];
    [("bank", banks), ("queue", queue), ("lock", lock)]
}

#[tokio::test]
async fn a_lock_runs_out_and_is_not_released_by_who_lost_it() {
    let Some(servers) = Servers::start(1, &[]).await else { return };
    let mut first = client(&servers, 0, "lock", &[("lock-milliseconds", "50")]).await;
    let mut second = client(&servers, 0, "lock", &[]).await;
    assert_eq!(ask_for(&mut first, "acquire", json!(null)).await, Ok(json!(null)));
    let began = Instant::now();
    while ask_for(&mut second, "acquire", json!(null)).await.is_err() {
        assert!(began.elapsed() < READY_LIMIT);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lost = declined("not held: it ran out, or was lost");
    assert_eq!(ask_for(&mut first, "release", json!(null)).await, lost);
    assert_eq!(ask_for(&mut second, "release", json!(null)).await, Ok(json!(null)));
}

#[tokio::test]
async fn replicas_refuse_writes_and_confirm_those_of_their_master() {
    let Some(servers) = Servers::start(2, &[]).await else { return };
    servers.replicate().await;
    let began = Instant::now();
    let patient = [("wait", "1"), ("reads", "confirmed"), ("wait-milliseconds", "10000")];
    let mut sure = client(&servers, 0, "set", &patient).await;
    let mut element = 0;
    while ask_for(&mut sure, "add", json!(element)).await.is_err() {
        assert!(began.elapsed() < READY_LIMIT, "the replica never confirmed");
        element += 1;
    }
    let all: Vec<i32> = (0..=element).collect();
    assert_eq!(ask_for(&mut sure, "read", json!(null)).await, Ok(json!(all)));
    let mut replica = client(&servers, 1, "set", &[]).await;
    assert_eq!(ask_for(&mut replica, "read", json!(null)).await, Ok(json!(all)));
    let refused = definite("READONLY: You can't write against a read only replica.");
    assert_eq!(ask_for(&mut replica, "add", json!(7)).await, refused);
    let mut hopeful =
        client(&servers, 0, "set", &[("wait", "2"), ("wait-milliseconds", "50")]).await;
    let unsure = "WAIT: 1 of 2 replicas confirmed it within 50 ms";
    let unsure = Err(Failure::Indefinite(unsure.to_owned()));
    assert_eq!(ask_for(&mut hopeful, "add", json!(8)).await, unsure);
    let all: Vec<SocketAddr> = vec![servers.address(0), servers.address(1)];
    assert_eq!(primaries(&all, None).await, [0]);
}

#[tokio::test]
async fn sentinel_names_another_master_and_the_client_follows() {
    let Some(mut servers) = Servers::start(3, &[]).await else { return };
    servers.replicate().await;
    servers.watch().await;
    let sentinel = servers.sentinel.to_string();
    let given = [("mode", "sentinel"), ("sentinel", &*sentinel)];
    let made = connector("set", settings(servers.port, &given));
    made.make_ready(&servers.addresses).await.unwrap();
    let mut client = client(&servers, 2, "set", &[("mode", "sentinel")]).await;
    assert_eq!(ask_for(&mut client, "add", json!(1)).await, Ok(json!(1)));
    assert_eq!(ask_for(&mut client, "read", json!(null)).await, Ok(json!([1])));
    let all: Vec<SocketAddr> = (0..3).map(|at| servers.address(at)).collect();
    assert_eq!(primaries(&all, None).await, [0]);
    servers.kill(0);
    let began = Instant::now();
    let mut element = 2;
    while ask_for(&mut client, "add", json!(element)).await.is_err() {
        assert!(began.elapsed() < READY_LIMIT, "no other master");
        tokio::time::sleep(Duration::from_millis(50)).await;
        element += 1;
    }
    let leading = primaries(&all, None).await;
    assert!(leading == [1] || leading == [2], "{leading:?}");
    let unknown = connector("set", settings(servers.port, &[given[0], given[1], ("master", "x")]));
    let error = unknown.open(servers.addresses[2]).await.unwrap_err();
    assert!(error.contains("Sentinel knows no master called `x`"), "{error}");
}

#[tokio::test]
async fn a_cluster_is_followed_to_where_its_slots_are() {
    let Some(servers) = Servers::start(3, &["--cluster-enabled", "yes"]).await else { return };
    let given = [("mode", "cluster")];
    servers.join();
    let made = connector("bank", settings(servers.port, &given));
    made.make_ready(&servers.addresses).await.unwrap();
    let mut register = client(&servers, 1, "register", &given).await;
    for key in 0..20 {
        assert_eq!(ask_for(&mut register, "write", json!([key, key])).await, Ok(json!([key, key])));
        let cas = json!([key, [key, key + 1]]);
        assert_eq!(ask_for(&mut register, "cas", cas.clone()).await, Ok(cas));
        let read = ask_for(&mut register, "read", json!([key, null])).await;
        assert_eq!(read, Ok(json!([key, key + 1])));
    }
    let mut set = client(&servers, 2, "set", &given).await;
    for element in 0..12 {
        assert_eq!(ask_for(&mut set, "add", json!(element)).await, Ok(json!(element)));
    }
    let all: Vec<i32> = (0..12).collect();
    assert_eq!(ask_for(&mut set, "read", json!(null)).await, Ok(json!(all)));
    let mut lists = client(&servers, 0, "list-append", &given).await;
    let txn = json!([["append", 1, 1], ["append", 2, 2], ["append", 3, 3]]);
    assert_eq!(ask_for(&mut lists, "txn", txn.clone()).await, Ok(txn));
    let mut bank = client(&servers, 0, "bank", &given).await;
    assert_eq!(ask_for(&mut bank, "read", json!(null)).await.unwrap()["7"], json!(10));
    assert_eq!(primaries(&[servers.address(0), servers.address(1)], None).await, [0, 1]);
}

/// A slot on its way: what is not there any more is asked for where it goes.
#[tokio::test]
async fn a_key_that_moves_is_asked_for_at_its_new_place() {
    let Some(servers) = Servers::start(3, &["--cluster-enabled", "yes"]).await else { return };
    servers.join();
    let made = connector("queue", settings(servers.port, &[("mode", "cluster")]));
    made.make_ready(&servers.addresses).await.unwrap();
    let slot = key_slot("queue");
    let from = usize::from(slot / 5462);
    let to = (from + 1) % 3;
    let id = |at: usize| ask(servers.address(at), &["CLUSTER", "MYID"]);
    let name = |answer: String| answer.split('"').nth(1).unwrap().to_owned();
    let (old, new) = (name(id(from).await.unwrap()), name(id(to).await.unwrap()));
    let slot = slot.to_string();
    ask(servers.address(to), &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &old]).await.unwrap();
    ask(servers.address(from), &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &new]).await.unwrap();
    let mut client = client(&servers, from, "queue", &[("mode", "cluster")]).await;
    for element in 1..=3 {
        assert_eq!(ask_for(&mut client, "enqueue", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask_for(&mut client, "dequeue", json!(null)).await, Ok(json!(1)));
    // A transaction is asked for there as a whole.
    assert_eq!(ask_for(&mut client, "drain", json!(null)).await, Ok(json!([2, 3])));
}

/// Each workload's main load and final reads, judged by its own checkers.
#[tokio::test]
async fn all_workloads_run_and_are_found_true() {
    let Some(servers) = Servers::start(1, &[]).await else { return };
    let options = options();
    for workload in perjury_workloads::all() {
        if !WORKLOADS.contains(&workload.name()) {
            continue;
        }
        ask(servers.address(0), &["FLUSHALL"]).await.unwrap();
        let made = connector(workload.name(), settings(servers.port, &[]));
        made.make_ready(&servers.addresses).await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..6 {
            clients.push(made.open(servers.addresses[0]).await.unwrap());
        }
        vouch(&*workload, &options, clients, 1, 60).await;
    }
}
