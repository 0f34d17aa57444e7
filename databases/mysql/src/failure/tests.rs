//! Every row of `errors.md`, played to a client by a scripted server.

use crate::tests::play::{Script, play};
use crate::tests::{connector, settings};
use perjury_database_testing::{assert_every_row_is_played, rows};
use perjury_harness::{Client, Failure, Op};
use serde_json::json;
use std::time::Duration;

const SCRIPTS: &[(&str, Script)] = &[
    ("connection-refused", Script::Absent),
    ("login-refused", Script::RefuseLogin(1045)),
    ("too-many-connections", Script::RefuseLogin(1040)),
    ("closed-while-idle", Script::CloseIdle),
    ("reset-after-sending", Script::Reset),
    ("answer-cut-short", Script::CutShort),
    ("no-answer", Script::Silence),
    ("deadlock", Script::Refuse(1213)),
    ("lock-wait-timeout", Script::Refuse(1205)),
    ("record-changed", Script::Refuse(1020)),
    ("wsrep-not-ready", Script::Refuse(1047)),
    ("error-during-commit", Script::Refuse(1180)),
    ("option-prevents", Script::Refuse(1290)),
    ("read-only-transaction", Script::Refuse(1792)),
    ("read-only-mode", Script::Refuse(1836)),
    ("group-replication", Script::Refuse(3101)),
    ("group-replication-hook", Script::Refuse(3100)),
    ("tidb-write-conflict", Script::Refuse(9007)),
    ("tidb-undetermined", Script::Refuse(8501)),
    ("nowait", Script::Refuse(3572)),
    ("duplicate", Script::Refuse(1062)),
    ("no-such-table", Script::Refuse(1146)),
    ("no-such-database", Script::Refuse(1049)),
    ("not-supported", Script::Refuse(1235)),
    ("syntax", Script::Refuse(1064)),
    ("denied", Script::Refuse(1142)),
    ("shutdown", Script::Refuse(1053)),
    ("interrupted", Script::Refuse(1317)),
    ("killed", Script::Refuse(1927)),
    ("statement-time", Script::Refuse(1969)),
    ("disk-full", Script::Refuse(1021)),
    ("engine-error", Script::Refuse(1030)),
    ("unknown-refusal", Script::Refuse(12345)),
    ("left-transaction", Script::LeaveTransaction),
    ("garbled-answer", Script::Answer(&[0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
    ("out-of-order", Script::OutOfOrder),
    ("asks-for-a-file", Script::Answer(b"\xfb/etc/passwd")),
];

/// Workload, operation and the statement on which the script is played, a column each.
fn places() -> [(&'static str, Op, &'static str); 4] {
    let txn = Op::new("txn", json!([["append", 1, 1], ["r", 1, null]]));
    [
        ("set", Op::new("add", json!(1)), "INSERT"),
        ("list-append", txn.clone(), "INSERT"),
        ("list-append", txn, "COMMIT"),
        ("set", Op::new("read", json!(null)), "SELECT"),
    ]
}

/// How the client tells one operation's failure under `script`, in the words of the table.
async fn outcome(script: Script, workload: &str, op: &Op, on: &'static str) -> &'static str {
    let (address, mut server) = play(script, on).await;
    let mut client = connector(workload, &settings(&[])).open(address).await.unwrap();
    // Only silence is to last so long, on a busy machine too.
    let silent = matches!(script, Script::Silence);
    let limit = Duration::from_millis(if silent { 300 } else { 30_000 });
    client.connection = client.connection.with_limit(limit);
    if matches!(script, Script::Absent | Script::CloseIdle) {
        if matches!(script, Script::Absent) {
            server.abort_all();
        }
        while server.join_next().await.is_some() {}
    }
    // The end of the connection has to arrive; there is no event to wait for.
    if matches!(script, Script::Absent | Script::CloseIdle | Script::RefuseLogin(_)) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    match client.invoke(op).await {
        Ok(value) => panic!("{script:?} on {on} was answered with {value}"),
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
    let mut rows = tokio::task::JoinSet::new();
    for (row, script) in SCRIPTS {
        for ((workload, op, on), wanted) in places().into_iter().zip(table[row].clone()) {
            if wanted != "-" {
                rows.spawn(async move {
                    let got = outcome(*script, workload, &op, on).await;
                    assert_eq!(got, wanted, "{row}: {} at {on}", op.f);
                });
            }
        }
    }
    rows.join_all().await;
}

#[tokio::test]
async fn a_refused_transaction_is_rolled_back_and_its_session_goes_on() {
    let (address, _server) = play(Script::Refuse(1205), "INSERT").await;
    let connector = connector("list-append", &settings(&[]));
    let mut client = connector.open(address).await.unwrap();
    let append = Op::new("txn", json!([["append", 1, 1]]));
    for _ in 0..2 {
        let failure = client.invoke(&append).await.unwrap_err();
        assert!(matches!(&failure, Failure::Definite(text) if text.starts_with("1205")));
    }
    // The server panics at a second connection, and at a transaction within another.
    let read = Op::new("txn", json!([["r", 1, null]]));
    assert_eq!(client.invoke(&read).await, Ok(json!([["r", 1, [7]]])));
}

#[tokio::test]
async fn a_lost_commit_of_a_dequeue_names_the_element() {
    let (address, _server) = play(Script::Reset, "COMMIT").await;
    let mut client = connector("queue", &settings(&[])).open(address).await.unwrap();
    let failure = client.invoke(&Op::new("dequeue", json!(null))).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Indefinite(text) if text.contains("of taking [7]")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_lock_is_gone_with_its_session() {
    let (address, _server) = play(Script::Reset, "ROLLBACK").await;
    let mut client = connector("lock", &settings(&[])).open(address).await.unwrap();
    let acquire = Op::new("acquire", json!(null));
    assert_eq!(client.invoke(&acquire).await, Ok(json!(null)));
    assert_eq!(
        client.invoke(&acquire).await,
        Err(Failure::NotAsked("held by this client".to_owned()))
    );
    client.connection.drop_session();
    let released = client.invoke(&Op::new("release", json!(null))).await;
    assert_eq!(released, Err(Failure::NotAsked("not held".to_owned())));
}

#[tokio::test]
async fn operations_of_another_workload_are_not_sent() {
    let (address, _server) = play(Script::Silence, "").await;
    for (workload, op) in [
        ("register", Op::new("write", json!([1, "x"]))),
        ("register", Op::new("cas", json!([1, 2]))),
        ("set", Op::new("add", json!("x"))),
        ("list-append", Op::new("txn", json!([["w", 1, 2]]))),
        ("rw-register", Op::new("txn", json!([["append", 1, 2]]))),
        ("rw-register", Op::new("read", json!(null))),
        ("bank", Op::new("transfer", json!({"from": 1, "to": 1, "amount": 1}))),
        ("bank", Op::new("transfer", json!(null))),
        ("counter", Op::new("add", json!(null))),
        ("queue", Op::new("enqueue", json!(null))),
        ("lock", Op::new("read", json!(null))),
    ] {
        let mut client = connector(workload, &settings(&[])).open(address).await.unwrap();
        let failure = client.invoke(&op).await.unwrap_err();
        assert!(matches!(failure, Failure::Definite(_)), "{failure:?}");
    }
}
