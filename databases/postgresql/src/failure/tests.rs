//! Every row of `errors.md`, played to a client by a scripted server.

use crate::client::PgClient;
use crate::tests::scripted::{At, Script, play};
use crate::tests::{connector, login};
use perjury_database_testing::{assert_every_row_is_played, rows};
use perjury_harness::{Client, Failure, Op};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;

const SCRIPTS: &[(&str, Script)] = &[
    ("connection-refused", Script::Absent),
    ("closed-while-idle", Script::CloseIdle),
    ("goodbye-while-idle", Script::Goodbye),
    ("starting-up", Script::RefuseLogin("57P03", "the database system is starting up")),
    ("too-many-clients", Script::RefuseLogin("53300", "sorry, too many clients already")),
    ("reset-after-sending", Script::Reset),
    ("answer-cut-short", Script::CutShort),
    ("no-answer", Script::Silence),
    ("serialization-failure", Script::Error("40001", "could not serialize access")),
    ("deadlock", Script::Error("40P01", "deadlock detected")),
    ("rollback-class", Script::Error("40002", "integrity constraint violation")),
    ("completion-unknown", Script::Error("40003", "result is ambiguous")),
    ("read-only", Script::Error("25006", "cannot execute INSERT in a read-only transaction")),
    ("failed-transaction", Script::Error("25P02", "current transaction is aborted")),
    ("unique-violation", Script::Error("23505", "duplicate key value")),
    ("out-of-range", Script::Error("22003", "bigint out of range")),
    ("no-such-table", Script::Error("42P01", "relation does not exist")),
    ("not-supported", Script::Error("0A000", "cannot use serializable mode in a hot standby")),
    ("lock-not-available", Script::Error("55P03", "could not obtain lock")),
    ("rolled-back", Script::Tag("ROLLBACK")),
    ("sync-wait-ended", Script::Warning("01000", "canceling wait for synchronous replication")),
    ("admin-shutdown", Script::Fatal("57P01", "terminating connection")),
    ("crash-shutdown", Script::Fatal("57P02", "terminating connection because of crash")),
    ("recovery-conflict", Script::Fatal("40001", "conflict with recovery")),
    ("idle-in-transaction", Script::Fatal("25P03", "idle-in-transaction timeout")),
    ("query-canceled", Script::Error("57014", "canceling statement due to user request")),
    ("disk-full", Script::Error("53100", "could not extend file")),
    ("io-error", Script::Error("58030", "could not fsync file")),
    ("internal-error", Script::Error("XX000", "unexpected chunk number")),
    ("unknown-refusal", Script::Error("ZZ999", "something new")),
    ("garbled-answer", Script::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    ("foreign-answer", Script::Foreign),
];

async fn client(workload: &str, address: SocketAddr) -> PgClient {
    let mut client = connector(workload, login(), false).open(address).await.unwrap();
    client.door.limit(Duration::from_millis(300));
    client
}

/// How the client tells one operation's failure under `script`, in the words of the table.
async fn outcome(script: Script, at: At, workload: &str, op: &Op) -> &'static str {
    let (address, mut server) = play(script, at).await;
    let mut client = client(workload, address).await;
    if matches!(script, Script::Absent | Script::CloseIdle | Script::Goodbye) {
        if matches!(script, Script::Absent) {
            server.abort_all();
        }
        while server.join_next().await.is_some() {}
    }
    if script.needs_to_arrive() {
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
    let transfer = json!({"from": 0, "to": 1, "amount": 2});
    let cases = [
        ("list-append", Op::new("txn", json!([["append", 1, 2]])), At::Commit, 0),
        ("rw-register", Op::new("txn", json!([["w", 1, 2], ["r", 1, null]])), At::Commit, 0),
        ("bank", Op::new("transfer", transfer.clone()), At::Commit, 0),
        ("queue", Op::new("dequeue", json!(null)), At::Commit, 0),
        ("set", Op::new("add", json!(1)), At::Statement, 0),
        ("counter", Op::new("add", json!(-1)), At::Statement, 0),
        ("queue", Op::new("enqueue", json!(1)), At::Statement, 0),
        ("register", Op::new("write", json!([1, 2])), At::Statement, 0),
        ("register", Op::new("cas", json!([1, [1, 2]])), At::Statement, 0),
        ("lock", Op::new("acquire", json!(null)), At::Statement, 0),
        ("list-append", Op::new("txn", json!([["append", 1, 2]])), At::Statement, 1),
        ("bank", Op::new("transfer", transfer), At::Statement, 1),
        ("queue", Op::new("dequeue", json!(null)), At::Statement, 1),
        ("register", Op::new("read", json!([1, null])), At::Statement, 2),
        ("set", Op::new("read", json!(null)), At::Statement, 2),
        ("bank", Op::new("read", json!(null)), At::Statement, 2),
        ("list-append", Op::new("txn", json!([["r", 1, null]])), At::Commit, 2),
    ];
    for (row, script) in SCRIPTS {
        for (workload, op, at, column) in &cases {
            let wanted = table[row][*column];
            // Only a COMMIT can be answered with the tag of a rollback, and only it warns.
            let of_commit = matches!(script, Script::Tag(_) | Script::Warning(..));
            if wanted == "-" || (of_commit && *at == At::Statement) {
                continue;
            }
            let got = outcome(*script, *at, workload, op).await;
            assert_eq!(got, wanted, "{row}: {workload} {} {} {at:?}", op.f, op.value);
        }
    }
}

#[tokio::test]
async fn a_write_with_a_warning_is_not_known_to_be_safe() {
    let warning = Script::Warning("01000", "canceling wait for synchronous replication");
    let add = Op::new("add", json!(1));
    assert_eq!(outcome(warning, At::Statement, "set", &add).await, "indefinite");
}

#[tokio::test]
async fn what_was_perhaps_taken_is_named() {
    let (address, _server) = play(Script::Reset, At::Commit).await;
    let mut client = client("queue", address).await;
    match client.invoke(&Op::new("dequeue", json!(null))).await {
        Err(Failure::Indefinite(text)) => assert!(text.starts_with("perhaps took [1]"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_broken_connection_is_replaced_before_the_next_request() {
    let (address, _server) = play(Script::Reset, At::Statement).await;
    let mut client = client("set", address).await;
    for element in 0..3 {
        // Each goes out on a connection of its own, and none is sent twice.
        let answer = client.invoke(&Op::new("add", json!(element))).await;
        assert!(matches!(answer, Err(Failure::Indefinite(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn operations_of_another_workload_are_not_sent() {
    let (address, _server) = play(Script::Silence, At::Statement).await;
    for (workload, op) in [
        ("register", Op::new("add", json!([1, 1]))),
        ("register", Op::new("cas", json!([1, 2]))),
        ("register", Op::new("write", json!(["x'; DROP TABLE t", 2]))),
        ("set", Op::new("add", json!("x"))),
        ("list-append", Op::new("txn", json!([["w", 1, 2]]))),
        ("rw-register", Op::new("txn", json!([["append", 1, 2]]))),
        ("list-append", Op::new("read", json!(null))),
        ("bank", Op::new("transfer", json!({"from": 0, "to": 1}))),
        ("lock", Op::new("read", json!(null))),
        ("queue", Op::new("enqueue", json!(null))),
    ] {
        let mut client = client(workload, address).await;
        let failure = client.invoke(&op).await.unwrap_err();
        assert!(matches!(failure, Failure::Definite(_)), "{failure:?}");
    }
}
