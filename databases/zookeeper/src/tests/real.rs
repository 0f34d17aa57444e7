//! Tests against real ZooKeeper servers on loopback, with ports and data directories of their own.

use super::options;
use crate::api::{Freshness, Zk};
use crate::client::{Settings, ZkClient, ZkConnector};
use crate::leaders::leaders;
use crate::protocol::{ANY, Mode, Request};
use perjury_harness::{Client, Failure, Op};
use perjury_wire::WireError;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_LIMIT: Duration = Duration::from_secs(60);
const JAVAS: [&str; 2] = ["/usr/lib/jvm/default-java/bin/java", "/usr/bin/java"];
const JAR: &str = "/usr/share/java/zookeeper.jar";
const LOG: &str = "/usr/share/java/slf4j-nop.jar";
const SETTINGS: Settings =
    Settings { freshness: Freshness::AsItIs, session: Duration::from_millis(2000) };

/// Servers of one cluster; killed when dropped.
struct Servers {
    children: Vec<Child>,
    addresses: Vec<SocketAddr>,
    _data: tempfile::TempDir,
}

impl Drop for Servers {
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

/// Starts `count` servers and waits until one leads. `None` where the programs are not installed,
/// which continuous integration does not get away with.
async fn start(count: usize) -> Option<Servers> {
    let java = JAVAS.into_iter().find(|java| Path::new(java).exists());
    let Some(java) = java.filter(|_| Path::new(JAR).exists()) else {
        let need = "libzookeeper-java and default-jre-headless";
        assert!(std::env::var_os("CI").is_none(), "install {need} for this test");
        let _ = writeln!(std::io::stderr(), "skipped: {need} are not installed");
        return None;
    };
    let data = tempfile::tempdir().unwrap();
    let all = free_addresses(3 * count);
    let addresses = all[..count].to_vec();
    let line = |index: usize| {
        let (peer, election) = (all[count + index], all[2 * count + index]);
        let (host, peer, election) = (peer.ip(), peer.port(), election.port());
        format!("server.{}={host}:{peer}:{election}\n", index + 1)
    };
    let members: String = (0..count).map(line).collect();
    let mut servers = Servers { children: Vec::new(), addresses, _data: data };
    for index in 0..count {
        let folder = servers._data.path().join(format!("n{index}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("myid"), format!("{}\n", index + 1)).unwrap();
        let (host, port) = (servers.addresses[index].ip(), servers.addresses[index].port());
        let shown = folder.display();
        let text = format!(
            "tickTime=200\ninitLimit=50\nsyncLimit=20\ndataDir={shown}\nclientPort={port}\n\
             clientPortAddress={host}\nadmin.enableServer=false\nmaxClientCnxns=0\n\
             4lw.commands.whitelist=ruok,srvr\n{}",
            if count > 1 { &*members } else { "" }
        );
        let file = folder.join("zoo.cfg");
        std::fs::write(&file, text).unwrap();
        let child = Command::new(java)
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(["-Dzookeeper.forceSync=no", "-cp", &format!("{JAR}:{LOG}")])
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        servers.children.push(child);
    }
    let began = Instant::now();
    while leaders(&servers.addresses).await.is_empty() {
        assert!(began.elapsed() < READY_LIMIT, "no leader after {READY_LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(servers)
}

async fn client(workload: &str, address: SocketAddr) -> ZkClient {
    client_with(workload, Freshness::AsItIs, address).await
}

async fn client_with(workload: &str, freshness: Freshness, address: SocketAddr) -> ZkClient {
    let settings = Settings { freshness, ..SETTINGS };
    let connector = ZkConnector::new(workload, settings, &options(&[]), 0).unwrap();
    connector.make_znodes(&[address]).await.unwrap();
    connector.open(address).await.unwrap()
}

async fn ask(client: &mut ZkClient, f: &str, value: Value) -> Result<Value, Failure> {
    client.invoke(&Op::new(f, value)).await
}

fn declined(text: &str) -> Result<Value, Failure> {
    Err(Failure::Declined(text.to_owned()))
}

fn not_asked(text: &str) -> Result<Value, Failure> {
    Err(Failure::NotAsked(text.to_owned()))
}

#[tokio::test]
async fn every_workload_is_spoken() {
    let Some(servers) = start(1).await else { return };
    let address = servers.addresses[0];
    registers_are_read_written_and_compared(address).await;
    transactions_read_and_write(address).await;
    sets_hold_what_was_added(address).await;
    money_is_moved_and_not_made(address).await;
    counters_count(address).await;
    queues_give_each_element_once(address).await;
    locks_are_held_by_one(address).await;
    refusals_have_the_names_of_the_table(address).await;
}

async fn registers_are_read_written_and_compared(address: SocketAddr) {
    for freshness in [Freshness::AsItIs, Freshness::Sync, Freshness::Write] {
        let client = &mut client_with("register", freshness, address).await;
        let key = json!(format!("{freshness:?}"));
        assert_eq!(ask(client, "read", json!([key, null])).await, Ok(json!([key, null])));
        let differs = declined("the value differs");
        assert_eq!(ask(client, "cas", json!([key, [1, 2]])).await, differs);
        assert_eq!(ask(client, "write", json!([key, 1])).await, Ok(json!([key, 1])));
        assert_eq!(ask(client, "cas", json!([key, [1, 2]])).await, Ok(json!([key, [1, 2]])));
        assert_eq!(ask(client, "cas", json!([key, [1, 3]])).await, differs);
        assert_eq!(ask(client, "read", json!([key, null])).await, Ok(json!([key, 2])));
    }
}

async fn transactions_read_and_write(address: SocketAddr) {
    let client1 = &mut client("list-append", address).await;
    let txn = json!([["r", 1, null], ["append", 1, 10], ["r", 1, null], ["append", 2, 20]]);
    let done = json!([["r", 1, []], ["append", 1, 10], ["r", 1, [10]], ["append", 2, 20]]);
    assert_eq!(ask(client1, "txn", txn).await, Ok(done));
    let txn = json!([["append", 1, 11], ["append", 1, 12], ["r", 2, null], ["r", 9, null]]);
    let done = json!([["append", 1, 11], ["append", 1, 12], ["r", 2, [20]], ["r", 9, []]]);
    assert_eq!(ask(client1, "txn", txn).await, Ok(done));
    let txn = json!([["r", 1, null], ["r", 2, null], ["r", 3, null], ["r", 9, null]]);
    let done = json!([["r", 1, [10, 11, 12]], ["r", 2, [20]], ["r", 3, []], ["r", 9, []]]);
    assert_eq!(ask(client1, "txn", txn).await, Ok(done));
    assert_eq!(ask(client1, "txn", json!([])).await, Ok(json!([])));

    let client2 = &mut client("rw-register", address).await;
    let txn = json!([["r", 1, null], ["w", 1, 5], ["r", 1, null], ["r", 7, null]]);
    let done = json!([["r", 1, null], ["w", 1, 5], ["r", 1, 5], ["r", 7, null]]);
    assert_eq!(ask(client2, "txn", txn).await, Ok(done));
    let txn = json!([["r", 1, null], ["r", 7, null]]);
    assert_eq!(ask(client2, "txn", txn).await, Ok(json!([["r", 1, 5], ["r", 7, null]])));
}

async fn sets_hold_what_was_added(address: SocketAddr) {
    let client = &mut client("set", address).await;
    assert_eq!(ask(client, "read", json!(null)).await, Ok(json!([])));
    for element in [10, 9, 100, 1, 9] {
        assert_eq!(ask(client, "add", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(client, "read", json!(null)).await, Ok(json!([1, 9, 10, 100])));
}

async fn money_is_moved_and_not_made(address: SocketAddr) {
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4_u64 {
        tasks.spawn(async move {
            let mut client = client("bank", address).await;
            let mut conflicts = 0;
            for number in 0..60_u64 {
                let (from, to) = ((worker + number) % 3, (worker + number + 1) % 3);
                let transfer = json!({"from": from, "to": to, "amount": 1 + number % 4});
                match ask(&mut client, "transfer", transfer).await {
                    Ok(_) => {}
                    Err(Failure::Definite(text)) if text == "conflict" => conflicts += 1,
                    Err(Failure::Declined(text)) if text.contains("negative") => {}
                    Err(failure) => panic!("{failure:?}"),
                }
                let all = ask(&mut client, "read", json!(null)).await.unwrap();
                let sum: i64 = all.as_object().unwrap().values().filter_map(Value::as_i64).sum();
                assert_eq!(sum, 80, "{all}");
            }
            conflicts
        });
    }
    assert!(tasks.join_all().await.into_iter().sum::<i32>() > 0, "transfers never met");
    let client = &mut client("bank", address).await;
    let poor = ask(client, "transfer", json!({"from": 0, "to": 1, "amount": 81})).await;
    assert_eq!(poor, declined("the balance would be negative"));
}

async fn counters_count(address: SocketAddr) {
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4_i64 {
        tasks.spawn(async move {
            let mut client = client("counter", address).await;
            let mut sum = 0;
            for number in 0..40 {
                let number = number * worker - 30;
                match ask(&mut client, "add", json!(number)).await {
                    Ok(_) => sum += number,
                    Err(Failure::Definite(text)) if text == "conflict" => {}
                    Err(failure) => panic!("{failure:?}"),
                }
            }
            sum
        });
    }
    let sum: i64 = tasks.join_all().await.into_iter().sum();
    let client = &mut client("counter", address).await;
    assert_eq!(ask(client, "read", json!(null)).await, Ok(json!(sum)));
}

async fn queues_give_each_element_once(address: SocketAddr) {
    let one = &mut client("queue", address).await;
    let other = &mut client("queue", address).await;
    assert_eq!(ask(one, "dequeue", json!(null)).await, declined("empty"));
    for element in 1..=5 {
        assert_eq!(ask(one, "enqueue", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(one, "dequeue", json!(null)).await, Ok(json!(1)));
    assert_eq!(ask(other, "dequeue", json!(null)).await, Ok(json!(2)));
    assert_eq!(ask(one, "drain", json!(null)).await, Ok(json!([3, 4, 5])));
    assert_eq!(ask(other, "drain", json!(null)).await, Ok(json!([])));
}

async fn locks_are_held_by_one(address: SocketAddr) {
    let one = &mut client("lock", address).await;
    let mut other = client("lock", address).await;
    assert_eq!(ask(one, "release", json!(null)).await, not_asked("not held"));
    let first = ask(one, "acquire", json!(null)).await.unwrap().as_i64().unwrap();
    assert_eq!(ask(&mut other, "acquire", json!(null)).await, declined("held"));
    assert_eq!(ask(&mut other, "release", json!(null)).await, not_asked("not held"));
    // Pings keep it, beyond the session's timeout.
    tokio::time::sleep(SETTINGS.session * 2).await;
    assert_eq!(ask(&mut other, "acquire", json!(null)).await, declined("held"));
    assert_eq!(ask(one, "release", json!(null)).await, Ok(json!(null)));
    let second = ask(&mut other, "acquire", json!(null)).await.unwrap().as_i64().unwrap();
    assert!(second > first, "{second} does not fence off {first}");
    // A client that is gone, without a word, has it no longer.
    drop(other);
    let began = Instant::now();
    while ask(one, "acquire", json!(null)).await.is_err() {
        assert!(began.elapsed() < SETTINGS.session * 5, "the lock outlives its session");
    }
    assert_eq!(ask(one, "release", json!(null)).await, Ok(json!(null)));
}

/// The names on which the table of errors rests, from ZooKeeper itself.
async fn refusals_have_the_names_of_the_table(address: SocketAddr) {
    let mut zk = Zk::open(address, SETTINGS.session, Freshness::AsItIs).await.unwrap();
    zk.ensure_root().await.unwrap();
    zk.create("/perjury/e", b"", Mode::Ephemeral).await.unwrap();
    let code = |answer: Result<(), WireError>| match answer {
        Err(WireError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(zk.set("/perjury/fence", b"", 999).await), "BadVersion");
    assert_eq!(code(zk.set("/perjury/none", b"", ANY).await), "NoNode");
    assert_eq!(code(zk.delete("/perjury").await), "NotEmpty");
    assert_eq!(code(zk.set("//", b"", ANY).await), "BadArguments");
    let made = zk.create("/perjury/fence", b"", Mode::Persistent).await;
    assert_eq!(code(made.map(drop)), "NodeExists");
    let made = zk.create("/perjury/e/child", b"", Mode::Persistent).await;
    assert_eq!(code(made.map(drop)), "NoChildrenForEphemerals");
    let good = Request::set("/perjury/fence", b"x", ANY);
    let parts = [good.clone(), Request::check("/perjury/fence", 999), good];
    assert_eq!(code(zk.multi(&parts).await), "BadVersion");
    let fence = zk.get("/perjury/fence").await.unwrap().unwrap();
    assert_ne!(&*fence.data, b"x", "a multi is all or nothing");
}

#[tokio::test]
async fn without_a_majority_no_session_is_granted() {
    let Some(mut servers) = start(3).await else { return };
    let leading = leaders(&servers.addresses).await;
    assert_eq!(leading.len(), 1, "{leading:?}");
    let survivor = servers.addresses[(leading[0] + 1) % 3];
    let mut client = client_with("register", Freshness::Write, survivor).await;
    assert_eq!(ask(&mut client, "write", json!([1, 5])).await, Ok(json!([1, 5])));
    assert_eq!(ask(&mut client, "read", json!([1, null])).await, Ok(json!([1, 5])));
    for (position, child) in servers.children.iter_mut().enumerate() {
        if servers.addresses[position] != survivor {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let write = ask(&mut client, "write", json!([1, 6])).await;
    assert!(matches!(write, Err(Failure::Indefinite(_) | Failure::Definite(_))), "{write:?}");
    let began = Instant::now();
    loop {
        let write = ask(&mut client, "write", json!([1, 7])).await;
        match write {
            Err(Failure::Definite(text)) if text.starts_with("not sent") => break,
            Err(_) => assert!(began.elapsed() < READY_LIMIT, "it still grants sessions"),
            Ok(_) => panic!("a minority took a write"),
        }
    }
    assert_eq!(leaders(&servers.addresses).await, [] as [usize; 0]);
}
