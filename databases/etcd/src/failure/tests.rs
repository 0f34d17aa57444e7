//! Every row of `errors.md`, played to a client by a scripted server.

use crate::connector::{EtcdClient, EtcdConnector, Settings};
use crate::tests::options;
use perjury_database_testing::{assert_every_row_is_played, rows};
use perjury_harness::{Client, Failure, Op};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
enum Script {
    /// Answers with this status and `{"error": …}`.
    Refuse(u16, &'static str),
    /// Answers 200 with this body.
    Answer(&'static str),
    /// Reads the request and closes.
    Reset,
    /// Announces more than it sends.
    CutShort,
    /// Reads the request and says nothing.
    Silence,
    /// Closes the connection before any request, and accepts no other.
    CloseIdle,
    /// Is not there when the request is to be sent.
    Absent,
}

const SCRIPTS: &[(&str, Script)] = &[
    ("connection-refused", Script::Absent),
    ("closed-while-idle", Script::CloseIdle),
    ("reset-after-sending", Script::Reset),
    ("answer-cut-short", Script::CutShort),
    ("no-answer", Script::Silence),
    ("request-timed-out", Script::Refuse(503, "etcdserver: request timed out")),
    (
        "timed-out-leader-failure",
        Script::Refuse(
            503,
            "etcdserver: request timed out, possibly due to previous leader failure",
        ),
    ),
    (
        "timed-out-connection-lost",
        Script::Refuse(503, "etcdserver: request timed out, possibly due to connection lost"),
    ),
    ("deadline-exceeded", Script::Refuse(500, "context deadline exceeded")),
    ("leader-changed", Script::Refuse(503, "etcdserver: leader changed")),
    ("no-leader", Script::Refuse(503, "etcdserver: no leader")),
    ("server-stopped", Script::Refuse(503, "etcdserver: server stopped")),
    ("space-exceeded", Script::Refuse(429, "etcdserver: mvcc: database space exceeded")),
    ("unknown-refusal", Script::Refuse(500, "something new")),
    ("too-many-requests", Script::Refuse(429, "etcdserver: too many requests")),
    ("request-too-large", Script::Refuse(400, "etcdserver: request is too large")),
    ("key-not-provided", Script::Refuse(400, "etcdserver: key is not provided")),
    ("duplicate-key", Script::Refuse(400, "etcdserver: duplicate key given in txn request")),
    ("too-many-operations", Script::Refuse(400, "etcdserver: too many operations in txn request")),
    ("lease-not-found", Script::Refuse(404, "etcdserver: requested lease not found")),
    ("proposal-dropped", Script::Refuse(500, "raft proposal dropped")),
    ("garbled-answer", Script::Answer("<html>")),
    ("foreign-answer", Script::Answer("{\"status\":\"ok\"}")),
];

/// Plays one script after the other, a request each, and the last one again and again.
async fn play(scripts: &'static [Script]) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        if matches!(scripts[0], Script::CloseIdle) {
            return;
        }
        let mut next = 0;
        loop {
            let keep = serve(&mut stream, scripts[next]).await;
            next = (next + 1).min(scripts.len() - 1);
            if !keep {
                drop(stream);
                stream = listener.accept().await.unwrap().0;
            }
        }
    });
    (address, tasks)
}

/// Whether the connection is still good for another request.
async fn serve(stream: &mut TcpStream, script: Script) -> bool {
    let mut request = [0; 4096];
    let count = stream.read(&mut request).await.unwrap();
    if count == 0 {
        return false;
    }
    let (status, body) = match script {
        Script::Reset => return false,
        Script::Silence => return std::future::pending().await,
        Script::CutShort => {
            let part = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"header\":{";
            stream.write_all(part).await.unwrap();
            return false;
        }
        Script::Answer(body) => (200, body.to_owned()),
        Script::Refuse(status, message) => {
            (status, json!({"error": message, "message": message, "code": 14}).to_string())
        }
        Script::CloseIdle | Script::Absent => unreachable!("these never come to a request"),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
    true
}

fn settings() -> Settings {
    Settings { lease_seconds: 2, ..Settings::default() }
}

async fn client(workload: &str, address: SocketAddr) -> EtcdClient {
    let connector = EtcdConnector::new(workload, settings(), &options(), 0).unwrap();
    let mut client = connector.open(address).await.unwrap();
    client.connection = client.connection.with_limit(Duration::from_millis(300));
    client
}

/// How the client tells one operation's failure under `script`, in the words of the table.
async fn outcome(script: &'static [Script], workload: &str, op: &Op) -> &'static str {
    let (address, mut server) = play(script).await;
    let mut client = client(workload, address).await;
    if !script.iter().any(|script| matches!(script, Script::Silence)) {
        // A busy machine is not to be taken for silence.
        client.connection = client.connection.with_limit(Duration::from_secs(20));
    }
    if matches!(script[0], Script::Absent | Script::CloseIdle) {
        if matches!(script[0], Script::Absent) {
            server.abort_all();
        }
        while server.join_next().await.is_some() {}
        // The end of the connection has to arrive; there is no event to wait for.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    match client.invoke(op).await {
        Ok(value) => panic!("{script:?} was answered with {value}"),
        Err(Failure::Definite(_)) => "definite",
        Err(Failure::Declined(_)) => "declined",
        Err(Failure::NotAsked(_)) => "not asked",
        Err(Failure::Indefinite(_)) => "indefinite",
        Err(Failure::Unexpected(_)) => "unexpected",
    }
}

const PAGE: &str = include_str!("../../errors.md");

#[test]
fn every_row_has_a_script_and_every_script_a_row() {
    assert_every_row_is_played(PAGE, SCRIPTS.iter().map(|(name, _)| *name));
}

#[tokio::test]
async fn each_row_means_what_the_page_says() {
    let table = rows(PAGE);
    let cases = [
        ("register", Op::new("write", json!([1, 2])), 0),
        ("register", Op::new("cas", json!([1, [1, 2]])), 0),
        ("set", Op::new("add", json!(1)), 0),
        ("register", Op::new("read", json!([1, null])), 1),
        ("set", Op::new("read", json!(null)), 1),
        ("list-append", Op::new("txn", json!([["r", 1, null]])), 1),
        ("bank", Op::new("read", json!(null)), 1),
        ("queue", Op::new("enqueue", json!(1)), 0),
        // These read first, and that is what fails here.
        ("list-append", Op::new("txn", json!([["append", 1, 1]])), 1),
        ("rw-register", Op::new("txn", json!([["w", 1, 1]])), 1),
        ("bank", Op::new("transfer", json!({"from": 0, "to": 1, "amount": 1})), 1),
        ("counter", Op::new("add", json!(1)), 1),
        ("queue", Op::new("dequeue", json!(null)), 1),
        // A lease alone locks nothing.
        ("lock", Op::new("acquire", json!(null)), 1),
    ];
    for (row, script) in SCRIPTS {
        for (workload, op, column) in &cases {
            let got = outcome(std::slice::from_ref(script), workload, op).await;
            assert_eq!(got, table[row][*column], "{row}: {workload} {} {}", op.f, op.value);
        }
    }
}

const EMPTY_SNAPSHOT: Script = Script::Answer(
    "{\"header\":{\"member_id\":\"1\"},\"succeeded\":true,\"responses\":[{\"response_range\":{}}]}",
);

#[tokio::test]
async fn the_second_request_of_an_append_is_a_write() {
    let append = Op::new("txn", json!([["append", 1, 1]]));
    for (script, wanted) in [
        (&[EMPTY_SNAPSHOT, Script::Reset], "indefinite"),
        (&[EMPTY_SNAPSHOT, Script::Silence], "indefinite"),
        (&[EMPTY_SNAPSHOT, Script::Refuse(500, "raft proposal dropped")], "definite"),
        (&[EMPTY_SNAPSHOT, Script::Answer("{\"header\":{\"member_id\":\"1\"}}")], "definite"),
    ] {
        assert_eq!(outcome(script, "list-append", &append).await, wanted, "{script:?}");
    }
}

const LEASE: Script =
    Script::Answer("{\"header\":{\"member_id\":\"1\"},\"ID\":\"7\",\"TTL\":\"60\"}");
const LOCKED: Script = Script::Answer("{\"header\":{\"member_id\":\"1\"},\"key\":\"YQ==\"}");
const KEY: Script = Script::Answer(
    "{\"header\":{\"member_id\":\"1\"},\"kvs\":[{\"key\":\"YQ==\",\"mod_revision\":\"3\",\
     \"create_revision\":\"3\"}]}",
);
const DONE: Script = Script::Answer("{\"header\":{\"member_id\":\"1\"},\"succeeded\":true}");
const NOT_DONE: Script = Script::Answer("{\"header\":{\"member_id\":\"1\"}}");

#[tokio::test]
async fn the_lock_is_a_write_once_there_is_a_lease() {
    let acquire = Op::new("acquire", json!(null));
    let cases: [(&'static [Script], &str); 6] = [
        (&[LEASE, Script::Reset], "indefinite"),
        (&[LEASE, Script::Refuse(500, "something new")], "indefinite"),
        (&[LEASE, Script::Refuse(404, "etcdserver: requested lease not found")], "definite"),
        // It has the lock, and does not know as what.
        (&[LEASE, LOCKED, Script::Reset], "indefinite"),
        (&[LEASE, LOCKED, Script::Refuse(503, "etcdserver: no leader")], "indefinite"),
        // It was lost again before anybody was told.
        (&[LEASE, LOCKED, NOT_DONE], "definite"),
    ];
    for (script, wanted) in cases {
        assert_eq!(outcome(script, "lock", &acquire).await, wanted, "{script:?}");
    }
}

#[tokio::test]
async fn giving_the_lock_back_is_a_write_that_may_come_too_late() {
    let (acquire, release) = (Op::new("acquire", json!(null)), Op::new("release", json!(null)));
    let too_late = Failure::Declined("not held: the lease has ended".to_owned());
    let lost: &'static [Script] = &[LEASE, LOCKED, KEY, Script::Reset];
    let late: &'static [Script] = &[LEASE, LOCKED, KEY, NOT_DONE];
    for (script, wanted) in [(lost, None), (late, Some(too_late))] {
        let (address, _server) = play(script).await;
        let mut client = client("lock", address).await;
        assert_eq!(client.invoke(&acquire).await, Ok(json!(3)));
        let failure = client.invoke(&release).await.unwrap_err();
        match wanted {
            None => assert!(matches!(failure, Failure::Indefinite(_)), "{failure:?}"),
            Some(wanted) => assert_eq!(failure, wanted),
        }
        let again = client.invoke(&release).await;
        assert_eq!(again, Err(Failure::NotAsked("not held".to_owned())));
    }
    let (address, _server) = play(&[LEASE, LOCKED, KEY, DONE, LOCKED, KEY, DONE]).await;
    let mut client = client("lock", address).await;
    for _ in 0..2 {
        // The lease is the same.
        assert_eq!(client.invoke(&acquire).await, Ok(json!(3)));
        assert_eq!(client.invoke(&release).await, Ok(json!(null)));
    }
}

#[tokio::test]
async fn a_broken_connection_is_replaced_before_the_next_request() {
    let (address, _server) = play(&[Script::Reset]).await;
    let mut client = client("register", address).await;
    let write = Op::new("write", json!([1, 2]));
    for _ in 0..3 {
        // Each goes out on a connection of its own, and none is sent twice.
        assert!(matches!(client.invoke(&write).await, Err(Failure::Indefinite(_))));
    }
}

#[tokio::test]
async fn nobody_to_connect_to_is_an_error_of_connecting() {
    let (address, server) = play(&[Script::Absent]).await;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let connector = EtcdConnector::new("set", settings(), &options(), 0).unwrap();
    let error = connector.open(address).await.unwrap_err();
    assert!(error.starts_with("not sent: "), "{error}");
}

#[tokio::test]
async fn operations_of_another_workload_are_not_sent() {
    let (address, _server) = play(&[Script::Silence]).await;
    for (workload, op) in [
        ("register", Op::new("add", json!(1))),
        ("register", Op::new("cas", json!([1, 2]))),
        ("set", Op::new("add", json!("x"))),
        ("list-append", Op::new("txn", json!([["w", 1, 2]]))),
        ("list-append", Op::new("read", json!(null))),
        ("rw-register", Op::new("txn", json!([["append", 1, 2]]))),
        ("bank", Op::new("transfer", json!({"from": 1, "to": 1, "amount": 2}))),
        ("counter", Op::new("add", json!("x"))),
        ("queue", Op::new("read", json!(null))),
        ("lock", Op::new("read", json!(null))),
    ] {
        let mut client = client(workload, address).await;
        let failure = client.invoke(&op).await.unwrap_err();
        assert!(matches!(failure, Failure::Definite(_)), "{failure:?}");
    }
}
