//! Tests against real etcd processes on loopback, with ports and data directories of their own.

use super::options;
use crate::api::{Put, Txn, TxnOp};
use crate::connection::{Connection, RequestError};
use crate::connector::{EtcdClient, EtcdConnector, Reads, Settings};
use crate::guarded::{Guard, Section};
use crate::leaders::leaders;
use perjury_database_testing::vouch;
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SETTINGS: Settings = Settings { reads: Reads::Linearizable, section: None, lease_seconds: 2 };
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Members of one cluster; killed when dropped.
pub(super) struct Etcds {
    children: Vec<Child>,
    pub(super) addresses: Vec<SocketAddr>,
    _data: tempfile::TempDir,
}

impl Drop for Etcds {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ports that were free a moment ago, on an address of this process's own: the whole of
/// 127.0.0.0/8 is loopback, so that no other test takes them meanwhile.
fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let pid = std::process::id();
    let host = format!("127.{}.{}.{}:0", 1 + (pid >> 16) % 250, (pid >> 8) % 256, 1 + pid % 250);
    let sockets: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind(&*host).unwrap()).collect();
    sockets.iter().map(|socket| socket.local_addr().unwrap()).collect()
}

/// Starts `count` members and waits for a leader. `None` where the program is not installed,
/// which continuous integration does not get away with.
pub(super) async fn start(count: usize) -> Option<Etcds> {
    let installed = Command::new("etcd")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        assert!(std::env::var_os("CI").is_none(), "install etcd-server for this test");
        let _ = writeln!(std::io::stderr(), "skipped: install etcd-server for this test");
        return None;
    }
    let data = tempfile::tempdir().unwrap();
    let clients = free_addresses(2 * count);
    let (clients, peers) = clients.split_at(count);
    let cluster: Vec<String> =
        peers.iter().enumerate().map(|(index, peer)| format!("n{index}=http://{peer}")).collect();
    let mut etcds = Etcds { children: Vec::new(), addresses: clients.to_vec(), _data: data };
    for index in 0..count {
        let (client, peer) =
            (format!("http://{}", clients[index]), format!("http://{}", peers[index]));
        let data_dir = etcds._data.path().join(format!("n{index}"));
        let child = Command::new("etcd")
            .args(["--name", &format!("n{index}"), "--data-dir"])
            .arg(data_dir)
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &cluster.join(","), "--enable-v2=false"])
            .args(["--heartbeat-interval", "100", "--election-timeout", "1000"])
            .args(["--unsafe-no-fsync", "--logger=zap"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        etcds.children.push(child);
    }
    let began = Instant::now();
    while leaders(&etcds.addresses).await.is_empty() {
        assert!(began.elapsed() < READY_LIMIT, "no leader after {READY_LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(etcds)
}

pub(super) async fn client(workload: &str, reads: Reads, address: SocketAddr) -> EtcdClient {
    client_with(workload, Settings { reads, ..SETTINGS }, address).await
}

async fn client_with(workload: &str, settings: Settings, address: SocketAddr) -> EtcdClient {
    let connector = EtcdConnector::new(workload, settings, &options(), 0).unwrap();
    connector.make_keys(&[address]).await.unwrap();
    connector.open(address).await.unwrap()
}

async fn ask(client: &mut EtcdClient, f: &str, value: Value) -> Result<Value, Failure> {
    client.invoke(&Op::new(f, value)).await
}

#[tokio::test]
async fn registers_are_read_written_and_compared() {
    let Some(etcds) = start(1).await else { return };
    let client = &mut client("register", Reads::Linearizable, etcds.addresses[0]).await;
    for key in [json!(7), json!("x")] {
        assert_eq!(ask(client, "read", json!([key, null])).await, Ok(json!([key, null])));
        let differs = Err(Failure::Declined("the value differs".to_owned()));
        assert_eq!(ask(client, "cas", json!([key, [1, 2]])).await, differs);
        assert_eq!(ask(client, "write", json!([key, 1])).await, Ok(json!([key, 1])));
        assert_eq!(ask(client, "cas", json!([key, [1, 2]])).await, Ok(json!([key, [1, 2]])));
        assert_eq!(ask(client, "cas", json!([key, [1, 3]])).await, differs);
        assert_eq!(ask(client, "read", json!([key, null])).await, Ok(json!([key, 2])));
    }
}

#[tokio::test]
async fn lists_are_appended_to_and_read_in_transactions() {
    let Some(etcds) = start(1).await else { return };
    let client = &mut client("list-append", Reads::Linearizable, etcds.addresses[0]).await;
    let txn = json!([["r", 1, null], ["append", 1, 10], ["r", 1, null], ["append", 2, 20]]);
    let done = json!([["r", 1, []], ["append", 1, 10], ["r", 1, [10]], ["append", 2, 20]]);
    assert_eq!(ask(client, "txn", txn).await, Ok(done));
    let txn = json!([["append", 1, 11], ["append", 1, 12], ["r", 2, null]]);
    let done = json!([["append", 1, 11], ["append", 1, 12], ["r", 2, [20]]]);
    assert_eq!(ask(client, "txn", txn).await, Ok(done));
    let txn = json!([["r", 1, null], ["r", 2, null], ["r", 1, null], ["r", 3, null]]);
    let done =
        json!([["r", 1, [10, 11, 12]], ["r", 2, [20]], ["r", 1, [10, 11, 12]], ["r", 3, []]]);
    assert_eq!(ask(client, "txn", txn).await, Ok(done));
    assert_eq!(ask(client, "txn", json!([])).await, Ok(json!([])));
}

#[tokio::test]
async fn appends_that_meet_conflict_and_lose_nothing() {
    let Some(etcds) = start(1).await else { return };
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let address = etcds.addresses[0];
        tasks.spawn(async move {
            let mut client = client("list-append", Reads::Linearizable, address).await;
            let mut done = Vec::new();
            let mut conflicts = 0;
            for number in 0..40 {
                let element = worker * 1000 + number;
                match ask(&mut client, "txn", json!([["append", 1, element]])).await {
                    Ok(_) => done.push(element),
                    Err(Failure::Definite(text)) if text == "conflict" => conflicts += 1,
                    Err(failure) => panic!("{failure:?}"),
                }
            }
            (done, conflicts)
        });
    }
    let (mut done, mut conflicts) = (Vec::new(), 0);
    for (more, met) in tasks.join_all().await {
        done.extend(more);
        conflicts += met;
    }
    assert!(conflicts > 0, "eight clients on one key never met");
    let client = &mut client("list-append", Reads::Linearizable, etcds.addresses[0]).await;
    let answer = ask(client, "txn", json!([["r", 1, null]])).await.unwrap();
    let mut read: Vec<i64> = serde_json::from_value(answer[0][2].clone()).unwrap();
    read.sort_unstable();
    done.sort_unstable();
    assert_eq!(read, done, "a conflict certainly wrote nothing, a success everything");
}

#[tokio::test]
async fn sets_hold_what_was_added() {
    let Some(etcds) = start(1).await else { return };
    let client = &mut client("set", Reads::Linearizable, etcds.addresses[0]).await;
    assert_eq!(ask(client, "read", json!(null)).await, Ok(json!([])));
    for element in [10, 9, 100, 1] {
        assert_eq!(ask(client, "add", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(client, "read", json!(null)).await, Ok(json!([1, 9, 10, 100])));
}

#[tokio::test]
async fn registers_are_read_and_written_in_transactions() {
    let Some(etcds) = start(1).await else { return };
    let client = &mut client("rw-register", Reads::Linearizable, etcds.addresses[0]).await;
    let txn = json!([["r", 1, null], ["w", 1, 5], ["r", 1, null], ["r", 7, null]]);
    let done = json!([["r", 1, null], ["w", 1, 5], ["r", 1, 5], ["r", 7, null]]);
    assert_eq!(ask(client, "txn", txn).await, Ok(done));
    let txn = json!([["r", 1, null], ["r", 7, null]]);
    assert_eq!(ask(client, "txn", txn).await, Ok(json!([["r", 1, 5], ["r", 7, null]])));
}

#[tokio::test]
async fn money_is_moved_and_counters_count() {
    let Some(etcds) = start(1).await else { return };
    let bank = &mut client("bank", Reads::Linearizable, etcds.addresses[0]).await;
    let transfer = |from: u32, amount: u32| json!({"from": from, "to": 1, "amount": amount});
    assert_eq!(ask(bank, "transfer", transfer(0, 4)).await, Ok(transfer(0, 4)));
    let poor = Err(Failure::Declined("the balance would be negative".to_owned()));
    assert_eq!(ask(bank, "transfer", transfer(0, 7)).await, poor);
    let all = ask(bank, "read", json!(null)).await.unwrap();
    assert_eq!((&all["0"], &all["1"], &all["7"]), (&json!(6), &json!(14), &json!(10)));
    let counter = &mut client("counter", Reads::Serializable, etcds.addresses[0]).await;
    for (number, sum) in [(5, 5), (-7, -2)] {
        assert_eq!(ask(counter, "add", json!(number)).await, Ok(json!(number)));
        assert_eq!(ask(counter, "read", json!(null)).await, Ok(json!(sum)));
    }
}

#[tokio::test]
async fn queues_give_each_element_once_and_in_order() {
    let Some(etcds) = start(1).await else { return };
    let one = &mut client("queue", Reads::Linearizable, etcds.addresses[0]).await;
    let other = &mut client("queue", Reads::Serializable, etcds.addresses[0]).await;
    let empty = Err(Failure::Declined("empty".to_owned()));
    assert_eq!(ask(one, "dequeue", json!(null)).await, empty);
    for element in (1..=40).rev() {
        assert_eq!(ask(one, "enqueue", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(one, "dequeue", json!(null)).await, Ok(json!(40)));
    assert_eq!(ask(other, "dequeue", json!(null)).await, Ok(json!(39)));
    let rest: Vec<u32> = (1..=38).rev().collect();
    assert_eq!(ask(other, "drain", json!(null)).await, Ok(json!(rest)));
    assert_eq!(ask(one, "drain", json!(null)).await, Ok(json!([])));
}

#[tokio::test]
async fn locks_are_held_by_one_as_long_as_it_is_there() {
    let Some(etcds) = start(1).await else { return };
    let address = etcds.addresses[0];
    let one = &mut client("lock", Reads::Linearizable, address).await;
    let mut other = client("lock", Reads::Linearizable, address).await;
    let not_held = Err(Failure::NotAsked("not held".to_owned()));
    let held = Err(Failure::Declined("held".to_owned()));
    assert_eq!(ask(one, "release", json!(null)).await, not_held);
    let first = ask(one, "acquire", json!(null)).await.unwrap().as_i64().unwrap();
    for _ in 0..4 {
        // A second each: it is kept for longer than the lease lasts by itself.
        assert_eq!(ask(&mut other, "acquire", json!(null)).await, held);
    }
    assert_eq!(ask(one, "release", json!(null)).await, Ok(json!(null)));
    let second = ask(&mut other, "acquire", json!(null)).await.unwrap().as_i64().unwrap();
    assert!(second > first, "{second} does not fence off {first}");
    drop(other);
    let began = Instant::now();
    while ask(one, "acquire", json!(null)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(15), "the lock outlives its holder");
    }
    assert_eq!(ask(one, "release", json!(null)).await, Ok(json!(null)));
}

#[tokio::test]
async fn a_critical_section_loses_nothing_while_nothing_is_broken() {
    let Some(etcds) = start(1).await else { return };
    for guard in [Guard::Lock, Guard::Revision] {
        let section = Some(Section { guard, work: Duration::from_millis(5) });
        let settings = Settings { section, ..SETTINGS };
        let address = etcds.addresses[0];
        let first = match guard {
            Guard::Lock => 0,
            Guard::Revision => 100,
        };
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..3 {
            tasks.spawn(async move {
                let mut client = client_with("set", settings, address).await;
                for number in 0..10 {
                    let element = json!(first + worker * 10 + number);
                    assert_eq!(ask(&mut client, "add", element.clone()).await, Ok(element));
                }
            });
        }
        tasks.join_all().await;
        let client = &mut client_with("set", settings, address).await;
        let all: Vec<u32> = (0..30).chain((first..).take(30)).collect();
        let all: std::collections::BTreeSet<u32> = all.into_iter().collect();
        assert_eq!(ask(client, "read", json!(null)).await, Ok(json!(all)));
    }
}

#[tokio::test]
async fn without_a_majority_only_serializable_reads_are_answered() {
    let Some(mut etcds) = start(3).await else { return };
    let leading = leaders(&etcds.addresses).await;
    assert_eq!(leading.len(), 1, "{leading:?}");
    let survivor = etcds.addresses[(leading[0] + 1) % 3];
    let mut linear = client("register", Reads::Linearizable, survivor).await;
    let mut local = client("register", Reads::Serializable, survivor).await;
    assert_eq!(ask(&mut linear, "write", json!([1, 5])).await, Ok(json!([1, 5])));
    assert_eq!(ask(&mut linear, "read", json!([1, null])).await, Ok(json!([1, 5])));
    for (position, child) in etcds.children.iter_mut().enumerate() {
        if etcds.addresses[position] != survivor {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    assert_eq!(ask(&mut local, "read", json!([1, null])).await, Ok(json!([1, 5])));
    let read = ask(&mut linear, "read", json!([1, null])).await;
    assert!(matches!(read, Err(Failure::Definite(_))), "{read:?}");
    let write = ask(&mut linear, "write", json!([1, 6])).await;
    assert!(matches!(write, Err(Failure::Indefinite(_) | Failure::Definite(_))), "{write:?}");
    assert_eq!(leaders(&etcds.addresses).await, [] as [usize; 0]);
}

/// The words on which the table of errors rests, from etcd itself.
#[tokio::test]
async fn refusals_have_the_words_of_the_table() {
    let Some(etcds) = start(1).await else { return };
    let mut connection = Connection::open(etcds.addresses[0]).await.unwrap();
    let put = |key: &str| TxnOp::Put(Put::new(key, "1"));
    let txn = |success| Txn { compare: Vec::new(), success };
    let many = (0..129).map(|number| put(&format!("k{number}"))).collect();
    let refused = [
        (connection.put(&Put::new("", "1")).await, "etcdserver: key is not provided"),
        (
            connection.txn(&txn(vec![put("a"), put("a")])).await.map(drop),
            "etcdserver: duplicate key given in txn request",
        ),
        (
            connection.txn(&txn(many)).await.map(drop),
            "etcdserver: too many operations in txn request",
        ),
        (
            connection.put(&Put::new("a", &"x".repeat(1_800_000))).await,
            "etcdserver: request is too large",
        ),
    ];
    for (answer, words) in refused {
        match answer {
            Err(RequestError::Refused { message, .. }) => assert_eq!(message, words),
            other => panic!("{words}: {other:?}"),
        }
    }
}

/// Each workload's main load and final reads against three members, judged by its own checkers.
#[tokio::test]
async fn all_workloads_run_and_are_found_true() {
    let Some(etcds) = start(3).await else { return };
    let options = options();
    let spoken = |name: &str| crate::WORKLOADS.contains(&name);
    for workload in perjury_workloads::all().into_iter().filter(|each| spoken(each.name())) {
        let connector = EtcdConnector::new(workload.name(), SETTINGS, &options, 0).unwrap();
        connector.make_keys(&etcds.addresses).await.unwrap();
        let mut clients = Vec::new();
        for worker in 0..6 {
            let address = etcds.addresses[worker % etcds.addresses.len()];
            clients.push(connector.open(address).await.unwrap());
        }
        vouch(&*workload, &options, clients, 3, 300).await;
    }
}
