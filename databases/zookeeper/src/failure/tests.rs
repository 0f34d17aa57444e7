//! Every row of `errors.md`, played to a client by a scripted server.

use crate::api::Freshness;
use crate::client::{Settings, ZkClient, ZkConnector};
use crate::jute::Writer;
use crate::tests::options;
use perjury_database_testing::{assert_every_row_is_played, rows};
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Long enough that only the row about lost sessions sees one end, on a busy machine, too.
const SESSION: Duration = Duration::from_millis(1500);

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
enum Script {
    /// Answers with this error.
    Refuse(i32),
    /// Answers with a znode of this data and version.
    Znode(&'static str, i32),
    /// Answers reads of many with one znode of this data and version.
    Snapshot(&'static str, i32),
    /// Answers with these bytes after a header without an error.
    Body(&'static [u8]),
    /// Answers with these bytes.
    Raw(&'static [u8]),
    /// Answers to another request.
    WrongNumber,
    /// Reads the request and closes.
    Reset,
    /// Announces more than it sends.
    CutShort,
    /// Answers pings only.
    Silence,
    /// Answers nothing.
    Stone,
    /// Closes the connection before any request, and accepts no other.
    CloseIdle,
    /// The same, and accepts another that it closes before a session is granted.
    NoSession,
    /// The same, and grants a session of no duration.
    SessionRefused,
    /// Is not there when the request is to be sent.
    Absent,
}

const SCRIPTS: &[(&str, Script)] = &[
    ("connection-refused", Script::Absent),
    ("closed-while-idle", Script::CloseIdle),
    ("no-session", Script::NoSession),
    ("session-refused", Script::SessionRefused),
    ("reset-after-sending", Script::Reset),
    ("answer-cut-short", Script::CutShort),
    ("no-answer", Script::Silence),
    ("session-lost", Script::Stone),
    ("session-expired", Script::Refuse(-112)),
    ("session-moved", Script::Refuse(-118)),
    ("connection-loss", Script::Refuse(-4)),
    ("operation-timeout", Script::Refuse(-7)),
    ("request-timeout", Script::Refuse(-122)),
    ("system-error", Script::Refuse(-1)),
    ("runtime-inconsistency", Script::Refuse(-2)),
    ("marshalling-error", Script::Refuse(-5)),
    ("unknown-error", Script::Refuse(-999)),
    ("bad-arguments", Script::Refuse(-8)),
    ("unimplemented", Script::Refuse(-6)),
    ("no-auth", Script::Refuse(-102)),
    ("invalid-acl", Script::Refuse(-114)),
    ("no-node", Script::Refuse(-101)),
    ("bad-version", Script::Refuse(-103)),
    ("node-exists", Script::Refuse(-110)),
    ("not-empty", Script::Refuse(-111)),
    ("no-children-for-ephemerals", Script::Refuse(-108)),
    ("quota-exceeded", Script::Refuse(-125)),
    ("not-read-only", Script::Refuse(-119)),
    ("throttled", Script::Refuse(-127)),
    ("wrong-number", Script::WrongNumber),
    ("negative-length", Script::Raw(&[0xff, 0xff, 0xff, 0xfe])),
    ("endless-answer", Script::Raw(&[0x7f, 0xff, 0xff, 0xff])),
    ("short-answer", Script::Body(&[0, 0])),
];

/// Plays one script after the other, a request each, and the last one again and again.
async fn play(scripts: &'static [Script]) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut stream = greet(&listener, 10_000).await;
        match scripts[0] {
            Script::CloseIdle => return,
            Script::NoSession => {
                drop(stream);
                return drop(listener.accept().await);
            }
            Script::SessionRefused => {
                drop(stream);
                stream = greet(&listener, 0).await;
            }
            _ => {}
        }
        let mut next = 0;
        loop {
            let keep = serve(&mut stream, scripts[next]).await;
            next = (next + 1).min(scripts.len() - 1);
            if !keep {
                stream = greet(&listener, 10_000).await;
            }
        }
    });
    (address, tasks)
}

/// Accepts a connection and grants it a session.
async fn greet(listener: &TcpListener, timeout_ms: i32) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(request(&mut stream).await.unwrap().len(), 45);
    let granted = timeout_ms.min(SESSION.as_millis() as i32);
    let answer = Writer::default().int(0).int(granted).long(77).bytes(&[0; 16]).bool(false);
    stream.write_all(&answer.framed()).await.unwrap();
    stream
}

/// One frame. `None` at the end of the connection.
async fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_i32().await.ok()?;
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

fn header(xid: i32, error: i32) -> Writer {
    Writer::default().int(xid).long(5).int(error)
}

fn stat(version: i32) -> Writer {
    let writer = Writer::default().long(3).long(4).long(0).long(0).int(version).int(0).int(0);
    writer.long(0).int(0).int(0).long(0)
}

/// Whether the connection is still good for another request.
async fn serve(stream: &mut TcpStream, script: Script) -> bool {
    loop {
        let Some(frame) = request(stream).await else { return false };
        let xid = i32::from_be_bytes(*frame.first_chunk().unwrap());
        if xid == -2 {
            if !matches!(script, Script::Stone) {
                stream.write_all(&header(-2, 0).framed()).await.unwrap();
            }
            continue;
        }
        let answer = match script {
            Script::Reset => return false,
            Script::Silence | Script::Stone => continue,
            Script::CutShort => {
                stream.write_all(&header(xid, 0).framed()[..9]).await.unwrap();
                return false;
            }
            Script::Refuse(error) => header(xid, error),
            Script::WrongNumber => header(xid + 7, 0),
            Script::Body(bytes) => header(xid, 0).raw(bytes),
            Script::Raw(bytes) => {
                stream.write_all(bytes).await.unwrap();
                continue;
            }
            Script::Znode(data, version) => header(xid, 0).text(data).raw(&stat(version).done()),
            Script::Snapshot(data, version) => {
                let part = header(xid, 0).int(4).bool(false).int(0);
                let part = part.text(data).raw(&stat(version).done());
                part.int(-1).bool(true).int(-1)
            }
            Script::CloseIdle | Script::NoSession | Script::SessionRefused | Script::Absent => {
                unreachable!("these never come to a request")
            }
        };
        stream.write_all(&answer.framed()).await.unwrap();
        return true;
    }
}

async fn client(workload: &str, address: SocketAddr) -> ZkClient {
    let settings = Settings { freshness: Freshness::AsItIs, session: SESSION };
    let connector = ZkConnector::new(workload, settings, &options(&[]), 0).unwrap();
    let mut client = connector.open(address).await.unwrap();
    client.zk = client.zk.with_limit(Duration::from_millis(600));
    client
}

/// The client's answer to one operation under `script`.
async fn outcome(
    script: &'static [Script],
    workload: &str,
    op: &Op,
) -> Result<Value, &'static str> {
    let (address, mut server) = play(script).await;
    let mut client = client(workload, address).await;
    if !script.iter().any(|script| matches!(script, Script::Silence)) {
        // A busy machine is not to be taken for silence.
        client.zk = client.zk.with_limit(Duration::from_secs(20));
    }
    match script[0] {
        Script::Absent => {
            server.abort_all();
            while server.join_next().await.is_some() {}
        }
        Script::CloseIdle => while server.join_next().await.is_some() {},
        _ => {}
    }
    if matches!(
        script[0],
        Script::Absent | Script::CloseIdle | Script::NoSession | Script::SessionRefused
    ) {
        // The end of the connection has to arrive; there is no event to wait for.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    client.invoke(op).await.map_err(|failure| match failure {
        Failure::Definite(_) => "definite",
        Failure::Declined(_) => "declined",
        Failure::NotAsked(_) => "not asked",
        Failure::Indefinite(_) => "indefinite",
        Failure::Unexpected(_) => "unexpected",
    })
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
        ("queue", Op::new("enqueue", json!(1)), 0),
        ("set", Op::new("read", json!(null)), 1),
        ("list-append", Op::new("txn", json!([["r", 1, null]])), 1),
        // These read first, and that is what fails here.
        ("list-append", Op::new("txn", json!([["append", 1, 1]])), 1),
        ("bank", Op::new("transfer", json!({"from": 0, "to": 1, "amount": 1})), 1),
        ("queue", Op::new("dequeue", json!(null)), 1),
    ];
    let mut tries = JoinSet::new();
    for (row, script) in SCRIPTS {
        let wanted = [table[row][0], table[row][1]];
        for (workload, op, column) in cases.clone() {
            tries.spawn(async move {
                let got = outcome(std::slice::from_ref(script), workload, &op).await;
                assert_eq!(got, Err(wanted[column]), "{row}: {workload} {} {}", op.f, op.value);
            });
        }
    }
    tries.join_all().await;
}

#[tokio::test]
async fn the_second_request_of_what_reads_first_is_a_write() {
    const READ: Script = Script::Znode("1", 4);
    const LIST: Script = Script::Snapshot("[1]", 4);
    let cas = Op::new("cas", json!([1, [1, 2]]));
    let append = Op::new("txn", json!([["append", 1, 2]]));
    let add = Op::new("add", json!(5));
    let cases: [(&'static [Script], &str, &Op, &str); 9] = [
        (&[READ, Script::Reset], "register", &cas, "indefinite"),
        (&[READ, Script::Silence], "register", &cas, "indefinite"),
        (&[READ, Script::Stone], "register", &cas, "indefinite"),
        (&[READ, Script::Refuse(-103)], "register", &cas, "declined"),
        (&[READ, Script::Refuse(-112)], "register", &cas, "indefinite"),
        (&[READ, Script::Reset], "counter", &add, "indefinite"),
        (&[LIST, Script::Reset], "list-append", &append, "indefinite"),
        (&[LIST, Script::Refuse(-112)], "list-append", &append, "indefinite"),
        (&[LIST, Script::Body(&[0xff; 9])], "list-append", &append, "unexpected"),
    ];
    for (script, workload, op, wanted) in cases {
        assert_eq!(outcome(script, workload, op).await, Err(wanted), "{script:?} {workload}");
    }
}

/// A multi is answered without an error of its own: its parts have them.
#[tokio::test]
async fn a_part_of_a_multi_that_is_refused_is_a_conflict() {
    const PARTS: &[u8] = &[
        0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0x99, // an error, -103, …
        0xff, 0xff, 0xff, 0x99, // … and again
        0xff, 0xff, 0xff, 0xff, 1, 0xff, 0xff, 0xff, 0xff,
    ];
    let append = Op::new("txn", json!([["append", 1, 2]]));
    let script = &[Script::Snapshot("[1]", 4), Script::Body(PARTS)];
    assert_eq!(outcome(script, "list-append", &append).await, Err("definite"));
}

#[tokio::test]
async fn refusals_that_say_what_was_asked_for_are_no_failures() {
    let add = Op::new("add", json!(5));
    assert_eq!(outcome(&[Script::Refuse(-110)], "set", &add).await, Ok(json!(5)));
    let read = Op::new("read", json!([1, null]));
    assert_eq!(outcome(&[Script::Refuse(-101)], "register", &read).await, Ok(json!([1, null])));
    let cas = Op::new("cas", json!([1, [1, 2]]));
    assert_eq!(outcome(&[Script::Refuse(-101)], "register", &cas).await, Err("declined"));
    assert_eq!(outcome(&[Script::Znode("3", 0)], "register", &cas).await, Err("declined"));
    assert_eq!(outcome(&[Script::Znode("x", 0)], "register", &cas).await, Err("unexpected"));
}

#[tokio::test]
async fn a_lock_ends_with_its_session() {
    const PATH_AND_STAT: &[u8] = &[0; 4 + 68];
    let (address, _server) =
        play(&[Script::Body(PATH_AND_STAT), Script::Reset, Script::Body(PATH_AND_STAT)]).await;
    let mut client = client("lock", address).await;
    let (acquire, release) = (Op::new("acquire", json!(null)), Op::new("release", json!(null)));
    assert_eq!(client.invoke(&acquire).await, Ok(json!(0)));
    let again = client.invoke(&acquire).await;
    assert_eq!(again, Err(Failure::NotAsked("held by this client".to_owned())));
    // The server closes the connection; the client may or may not have taken it back by then.
    assert!(matches!(client.invoke(&release).await, Err(Failure::Indefinite(_))));
    let gone = client.invoke(&release).await;
    assert_eq!(gone, Err(Failure::NotAsked("not held".to_owned())));
    // In a new session it is taken anew; when that is over, there is nothing to send.
    assert_eq!(client.invoke(&acquire).await, Ok(json!(0)));
    drop(_server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let gone = client.invoke(&release).await;
    assert!(
        matches!(&gone, Err(Failure::Definite(text)) if text.starts_with("not held")),
        "{gone:?}"
    );
}

#[tokio::test]
async fn pings_keep_a_session_that_nobody_uses() {
    let (address, _server) = play(&[Script::Body(&[0; 4])]).await;
    let mut client = client("set", address).await;
    let read = Op::new("read", json!(null));
    let id = client.invoke(&read).await;
    assert_eq!(id, Ok(json!([])));
    tokio::time::sleep(SESSION * 3).await;
    assert_eq!(client.invoke(&read).await, Ok(json!([])));
}

#[tokio::test]
async fn operations_of_another_workload_are_not_sent() {
    let (address, _server) = play(&[Script::Stone]).await;
    for (workload, op) in [
        ("register", Op::new("add", json!(1))),
        ("register", Op::new("cas", json!([1, 2]))),
        ("register", Op::new("write", json!(["../x", 2]))),
        ("set", Op::new("add", json!("x"))),
        ("list-append", Op::new("txn", json!([["w", 1, 2]]))),
        ("rw-register", Op::new("txn", json!([["append", 1, 2]]))),
        ("bank", Op::new("transfer", json!({"from": 1, "to": 1, "amount": 2}))),
        ("counter", Op::new("add", json!("x"))),
        ("queue", Op::new("read", json!(null))),
        ("lock", Op::new("read", json!(null))),
    ] {
        // One connection at a time is served; greeting is all that it needs.
        let mut client = client(workload, address).await;
        let failure = client.invoke(&op).await.unwrap_err();
        assert!(matches!(failure, Failure::Definite(_)), "{failure:?}");
    }
}
