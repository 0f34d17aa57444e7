//! Tests against real NATS servers on loopback, with ports and data directories of their own.

use crate::api::ACK_WAIT;
use crate::connection::{Connection, RequestError};
use crate::connector::{NatsClient, NatsConnector, Use};
use crate::leaders::leaders;
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// Servers of one cluster; killed when dropped.
struct Servers {
    children: Vec<Child>,
    addresses: Vec<SocketAddr>,
    connector: NatsConnector,
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

impl Servers {
    async fn client(&self, position: usize) -> NatsClient {
        self.connector.open(self.addresses[position]).await.unwrap()
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

/// Starts `count` servers and makes the stream. `None` where the program is not installed, which
/// continuous integration does not get away with.
async fn start(count: usize, usage: Use) -> Option<Servers> {
    let installed = Command::new("nats-server")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        assert!(std::env::var_os("CI").is_none(), "install nats-server for this test");
        let _ = writeln!(std::io::stderr(), "skipped: install nats-server for this test");
        return None;
    }
    let all = free_addresses(2 * count);
    let (clients, peers) = all.split_at(count);
    let routes: Vec<String> = peers.iter().map(|peer| format!("nats://{peer}")).collect();
    let mut servers = Servers {
        children: Vec::new(),
        addresses: clients.to_vec(),
        connector: NatsConnector::new(usage, count, 0),
        _data: tempfile::tempdir().unwrap(),
    };
    for (index, (client, route)) in clients.iter().zip(&routes).enumerate() {
        let mut command = Command::new("nats-server");
        command
            .args(["--server_name", &format!("n{index}"), "--addr", &client.ip().to_string()])
            .args(["--port", &client.port().to_string(), "--jetstream", "--store_dir"])
            .arg(servers._data.path().join(format!("n{index}")))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // One alone is no cluster, and would wait for others.
        if count > 1 {
            command.args(["--cluster_name", "perjury", "--cluster", route]);
            command.args(["--routes", &routes.join(",")]);
        }
        servers.children.push(command.spawn().unwrap());
    }
    servers.connector.make_stream(&servers.addresses).await.unwrap();
    Some(servers)
}

async fn ask(client: &mut NatsClient, f: &str, value: Value) -> Result<Value, Failure> {
    client.invoke(&Op::new(f, value)).await
}

#[tokio::test]
async fn sets_hold_what_was_added() {
    for count in [1, 3] {
        let Some(servers) = start(count, Use::Set).await else { return };
        let client = &mut servers.client(0).await;
        assert_eq!(ask(client, "read", json!(null)).await, Ok(json!([])));
        for element in [10, 9, 100, 1] {
            assert_eq!(ask(client, "add", json!(element)).await, Ok(json!(element)));
        }
        let other = &mut servers.client(count - 1).await;
        assert_eq!(ask(other, "read", json!(null)).await, Ok(json!([1, 9, 10, 100])));
    }
}

#[tokio::test]
async fn queues_give_out_what_was_put_in_and_once() {
    let empty = Err(Failure::Declined("empty".to_owned()));
    for count in [1, 3] {
        let Some(servers) = start(count, Use::Queue).await else { return };
        let client = &mut servers.client(0).await;
        assert_eq!(ask(client, "dequeue", json!(null)).await, empty);
        assert_eq!(ask(client, "drain", json!(null)).await, Ok(json!([])));
        for element in 1..=20 {
            assert_eq!(ask(client, "enqueue", json!(element)).await, Ok(json!(element)));
        }
        let other = &mut servers.client(count - 1).await;
        for element in 1..=3 {
            assert_eq!(ask(other, "dequeue", json!(null)).await, Ok(json!(element)));
        }
        let rest: Vec<i64> = (4..=20).collect();
        assert_eq!(ask(client, "drain", json!(null)).await, Ok(json!(rest)));
        assert_eq!(ask(other, "drain", json!(null)).await, Ok(json!([])));
        assert_eq!(ask(other, "dequeue", json!(null)).await, empty);
    }
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_a_drain_waits_for_it() {
    let Some(servers) = start(1, Use::Queue).await else { return };
    let client = &mut servers.client(0).await;
    assert_eq!(ask(client, "enqueue", json!(7)).await, Ok(json!(7)));
    let mut other = Connection::open(servers.addresses[0]).await.unwrap();
    assert_eq!(&other.next().await.unwrap().unwrap().payload[..], b"7");
    let began = std::time::Instant::now();
    let drained = loop {
        match ask(client, "drain", json!(null)).await {
            Ok(drained) => break drained,
            Err(failure) => {
                let text = "1 messages are out and may come back, 0 wait".to_owned();
                assert_eq!(failure, Failure::Definite(text));
            }
        }
    };
    assert_eq!(drained, json!([7]));
    let waited = began.elapsed();
    assert!(waited > ACK_WAIT / 2 && waited < ACK_WAIT * 2, "after {waited:?}");
}

#[tokio::test]
async fn a_queue_that_is_gone_is_made_anew() {
    let Some(servers) = start(1, Use::Queue).await else { return };
    let client = &mut servers.client(0).await;
    assert_eq!(ask(client, "enqueue", json!(1)).await, Ok(json!(1)));
    client.connection.delete_stream().await.unwrap();
    let told = ask(client, "dequeue", json!(null)).await;
    assert!(
        matches!(&told, Err(Failure::Definite(text)) if text.contains("the consumer is silent")),
        "{told:?}"
    );
    assert_eq!(ask(client, "drain", json!(null)).await, Ok(json!([])));
    assert_eq!(ask(client, "enqueue", json!(2)).await, Ok(json!(2)));
    assert_eq!(ask(client, "dequeue", json!(null)).await, Ok(json!(2)));
}

#[tokio::test]
async fn a_read_of_many_messages_has_them_all() {
    let Some(servers) = start(1, Use::Set).await else { return };
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let mut client = servers.client(0).await;
        tasks.spawn(async move {
            for number in 0..300 {
                ask(&mut client, "add", json!(worker * 300 + number)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let read = ask(&mut servers.client(0).await, "read", json!(null)).await.unwrap();
    assert_eq!(read, json!((0..1200).collect::<Vec<_>>()));
}

#[tokio::test]
async fn making_the_stream_again_keeps_it_and_a_lost_one_is_made_anew() {
    let Some(servers) = start(1, Use::Set).await else { return };
    let client = &mut servers.client(0).await;
    assert_eq!(ask(client, "add", json!(1)).await, Ok(json!(1)));
    servers.connector.make_stream(&servers.addresses).await.unwrap();
    assert_eq!(ask(client, "read", json!(null)).await, Ok(json!([1])));
    client.connection.delete_stream().await.unwrap();
    let lost = ask(client, "add", json!(2)).await;
    assert!(
        matches!(&lost, Err(Failure::Definite(text)) if text.contains("no responders")),
        "{lost:?}"
    );
    let told = ask(client, "read", json!(null)).await;
    assert!(matches!(&told, Err(Failure::Definite(text)) if text.contains("10059")), "{told:?}");
    servers.connector.make_stream(&servers.addresses).await.unwrap();
    assert_eq!(ask(client, "read", json!(null)).await, Ok(json!([])));
    assert_eq!(ask(client, "add", json!(3)).await, Ok(json!(3)));
}

#[tokio::test]
async fn without_a_majority_nothing_is_acknowledged() {
    let Some(mut servers) = start(3, Use::Set).await else { return };
    let leading = leaders(&servers.addresses).await;
    assert_eq!(leading.len(), 1, "{leading:?}");
    let leader: usize = leading.first().unwrap()[1..].parse().unwrap();
    let mut client = servers.client(leader).await;
    client.connection = client.connection.with_limit(std::time::Duration::from_secs(2));
    assert_eq!(ask(&mut client, "add", json!(1)).await, Ok(json!(1)));
    for (position, child) in servers.children.iter_mut().enumerate() {
        if position != leader {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let add = ask(&mut client, "add", json!(2)).await;
    assert!(matches!(add, Err(Failure::Indefinite(_) | Failure::Definite(_))), "{add:?}");
}

/// The words on which the table of errors rests, from NATS itself.
#[tokio::test]
async fn refusals_have_the_words_of_the_table() {
    let Some(servers) = start(1, Use::Set).await else { return };
    let mut connection = Connection::open(servers.addresses[0]).await.unwrap();
    let large = connection.publish(vec![b'1'; (1 << 20) + 1]).await;
    let words = "Maximum Payload Violation".to_owned();
    assert_eq!(large, Err(RequestError::Expelled(words)));
    // The connection that the server closed is replaced.
    connection.publish(vec![b'1'; 100]).await.unwrap();
    let missing = connection.messages(1, 2).await.unwrap();
    assert_eq!(missing, [Some(vec![b'1'; 100]), None]);
    connection.delete_stream().await.unwrap();
    let nobody = connection.publish(b"1".to_vec()).await;
    assert_eq!(nobody, Err(RequestError::NoResponders("perjury".to_owned())));
    let description = "stream not found".to_owned();
    let gone = RequestError::Refused { code: 404, err_code: 10059, description };
    assert_eq!(connection.stream_info().await.map(drop), Err(gone));
    assert_eq!(leaders(&servers.addresses).await, BTreeSet::new());
}
