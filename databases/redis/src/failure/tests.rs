//! Every row of `errors.md`, played to a client by a scripted server.

mod server;

use crate::connector::RedisClient;
use crate::tests::{connector, settings};
use perjury_database_testing::{assert_every_row_is_played, rows};
use perjury_harness::{Client, Failure, Op};
use serde_json::json;
use server::{Script, play};
use std::time::Duration;

const SCRIPTS: &[(&str, Script)] = &[
    ("connection-refused", Script::Absent),
    ("refused-at-login", Script::RefuseLogin("-LOADING Redis is loading the dataset in memory")),
    ("closed-while-idle", Script::CloseIdle),
    ("reset-after-sending", Script::Reset),
    ("answer-cut-short", Script::CutShort),
    ("no-answer", Script::Silence),
    ("readonly", Script::Refuse("-READONLY You can't write against a read only replica.")),
    ("no-replicas", Script::Refuse("-NOREPLICAS Not enough good replicas to write.")),
    ("loading", Script::Refuse("-LOADING Redis is loading the dataset in memory")),
    (
        "master-down",
        Script::Refuse(
            "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        ),
    ),
    ("out-of-memory", Script::Refuse("-OOM command not allowed when used memory > 'maxmemory'.")),
    (
        "misconfigured",
        Script::Refuse("-MISCONF Redis is configured to save RDB snapshots, but it's unable to."),
    ),
    ("busy", Script::Refuse("-BUSY Redis is busy running a script. You can only call SCRIPT KILL")),
    ("moved", Script::Refuse("-MOVED 3999 127.0.0.1:6381")),
    ("ask", Script::Refuse("-ASK 3999 127.0.0.1:6381")),
    ("try-again", Script::Refuse("-TRYAGAIN Multiple keys request during rehashing of slot")),
    ("cross-slot", Script::Refuse("-CROSSSLOT Keys in request don't hash to the same slot")),
    ("cluster-down", Script::Refuse("-CLUSTERDOWN The cluster is down")),
    ("no-auth", Script::Refuse("-NOAUTH Authentication required.")),
    (
        "no-permission",
        Script::Refuse("-NOPERM this user has no permissions to run the 'set' command"),
    ),
    (
        "wrong-type",
        Script::Refuse("-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ),
    ("aborted", Script::Refuse("-EXECABORT Transaction discarded because of previous errors.")),
    ("unknown-command", Script::Refuse("-ERR unknown command 'EVAL', with args beginning with:")),
    ("too-many-clients", Script::Refuse("-ERR max number of clients reached")),
    (
        "unblocked",
        Script::Refuse(
            "-UNBLOCKED force unblock from blocking operation, instance state changed \
             (master -> replica?)",
        ),
    ),
    ("unknown-refusal", Script::Refuse("-ERR something new")),
    ("garbled-answer", Script::Answers(&["HTTP/1.1 400 Bad Request"])),
    ("foreign-answer", Script::Answers(&["+PONG"])),
];

/// What stands in the sections on transactions, with the meaning for a write and for a read. The
/// answers are those to MULTI, one command and EXEC.
const TRANSACTIONS: &[(&str, Script, [&str; 2])] = &[
    (
        "queued-refused",
        Script::Answers(&["+OK", "-CLUSTERDOWN The cluster is down", "-EXECABORT Discarded"]),
        ["definite", "definite"],
    ),
    (
        "exec-refused",
        Script::Answers(&["+OK", "+QUEUED", "-MOVED 3999 127.0.0.1:6381"]),
        ["definite", "definite"],
    ),
    (
        "multi-refused",
        Script::Answers(&["-LOADING Redis", ":1", "-ERR EXEC without MULTI"]),
        ["indefinite", "definite"],
    ),
    ("exec-nil", Script::Answers(&["+OK", "+QUEUED", "*-1"]), ["unexpected", "unexpected"]),
    ("exec-short", Script::Answers(&["+OK", "+QUEUED", "*0"]), ["unexpected", "unexpected"]),
    (
        "exec-despite-refusal",
        Script::Answers(&["+OK", "-OOM command not allowed", "*0"]),
        ["unexpected", "unexpected"],
    ),
    (
        "failed-inside",
        Script::Answers(&["+OK", "+QUEUED", "*1\r\n-WRONGTYPE Operation"]),
        ["unexpected", "unexpected"],
    ),
];

/// What a WAIT is answered with after a write that was done.
const WAITS: &[(&str, Script)] = &[
    ("too-few-replicas", Script::Answers(&[":1"])),
    ("wait-refused", Script::Answers(&["-UNBLOCKED force unblock from blocking operation"])),
    ("wait-cut-off", Script::Reset),
    ("wait-silent", Script::Silence),
];

/// A client of the scripted server, which answers within 300 ms or not at all.
async fn client(port: u16, workload: &str, given: &[(&str, &str)]) -> RedisClient {
    let mut settings = settings(port, given);
    settings.limit = Duration::from_millis(300);
    connector(workload, settings).open([127, 0, 0, 1].into()).await.unwrap()
}

/// An operation's failure, in the words of the table.
async fn failed(client: &mut RedisClient, op: &Op) -> &'static str {
    match client.invoke(op).await {
        Ok(value) => panic!("{} {} was answered with {value}", op.f, op.value),
        Err(Failure::Definite(_)) => "definite",
        Err(Failure::Declined(_)) => "declined",
        Err(Failure::NotAsked(_)) => "not asked",
        Err(Failure::Indefinite(_)) => "indefinite",
        Err(Failure::Unexpected(_)) => "unexpected",
    }
}

async fn outcome(script: Script, workload: &str, op: &Op) -> &'static str {
    let mut server = play(&[Script::Greeting, script]).await;
    let mut client = client(server.port, workload, &[]).await;
    match script {
        Script::Absent => server.stop().await,
        Script::CloseIdle | Script::RefuseLogin(_) => server.drop_connections().await,
        _ => {}
    }
    failed(&mut client, op).await
}

const PAGE: &str = include_str!("../../errors.md");

#[test]
fn every_row_has_a_script_and_every_script_a_row() {
    let names = SCRIPTS.iter().chain(WAITS).map(|(name, _)| *name);
    assert_every_row_is_played(PAGE, names.chain(TRANSACTIONS.iter().map(|(name, ..)| *name)));
}

#[tokio::test]
async fn each_row_means_what_the_page_says() {
    let table = rows(PAGE);
    let transfer = json!({"from": 1, "to": 2, "amount": 3});
    let cases = [
        ("register", Op::new("write", json!([1, 2])), 0),
        ("register", Op::new("cas", json!([1, [1, 2]])), 0),
        ("set", Op::new("add", json!(1)), 0),
        ("counter", Op::new("add", json!(-1)), 0),
        ("bank", Op::new("transfer", transfer), 0),
        ("queue", Op::new("enqueue", json!(1)), 0),
        ("queue", Op::new("dequeue", json!(null)), 0),
        ("lock", Op::new("acquire", json!(null)), 0),
        ("register", Op::new("read", json!([1, null])), 1),
        ("set", Op::new("read", json!(null)), 1),
        ("counter", Op::new("read", json!(null)), 1),
        ("bank", Op::new("read", json!(null)), 1),
    ];
    for (row, script) in SCRIPTS {
        for (workload, op, column) in &cases {
            let got = outcome(*script, workload, op).await;
            assert_eq!(got, table[row][*column], "{row}: {workload} {} {}", op.f, op.value);
        }
    }
}

#[tokio::test]
async fn transactions_mean_what_the_page_says() {
    let append = Op::new("txn", json!([["append", 1, 1]]));
    let write = Op::new("txn", json!([["w", 1, 1]]));
    let read = Op::new("txn", json!([["r", 1, null]]));
    let plain = SCRIPTS.iter().filter(|(name, _)| *name != "foreign-answer");
    let table = rows(PAGE);
    let plain = plain.map(|(name, script)| (*name, *script, [table[name][0], table[name][1]]));
    for (row, script, [writes, reads]) in plain.chain(TRANSACTIONS.iter().copied()) {
        if row == "queued-refused" || row == "exec-refused" {
            assert_eq!(table[row][0], "as that refusal");
        }
        assert_eq!(outcome(script, "list-append", &append).await, writes, "{row}");
        assert_eq!(outcome(script, "rw-register", &write).await, writes, "{row}");
        assert_eq!(outcome(script, "list-append", &read).await, reads, "{row}");
        assert_eq!(outcome(script, "rw-register", &read).await, reads, "{row}");
    }
    // Whatever refuses a command that was to be queued.
    let words = &["+OK", "-SOMETHING new", "-EXECABORT Discarded"];
    assert_eq!(outcome(Script::Answers(words), "list-append", &append).await, "indefinite");
}

#[tokio::test]
async fn a_write_that_replicas_did_not_confirm_is_indefinite() {
    let table = rows(PAGE);
    let wait = &[("wait", "2"), ("wait-milliseconds", "100")];
    for (row, script) in WAITS {
        for (workload, op, answer) in [
            ("register", Op::new("write", json!([1, 2])), "+OK"),
            ("register", Op::new("cas", json!([1, [1, 2]])), ":1"),
            ("set", Op::new("add", json!(1)), ":1"),
            ("queue", Op::new("dequeue", json!(null)), "$1\r\n7"),
            ("lock", Op::new("acquire", json!(null)), "+OK"),
        ] {
            let answer: &'static [&'static str] = Vec::leak(vec![answer]);
            let scripts = [Script::Greeting, Script::Answers(answer), *script];
            let server = play(&scripts).await;
            let mut client = client(server.port, workload, wait).await;
            assert_eq!(failed(&mut client, &op).await, table[row][0], "{row}: {workload}");
        }
    }
}

#[tokio::test]
async fn what_wrote_nothing_needs_no_confirmation() {
    let wait = &[("wait", "2"), ("wait-milliseconds", "100")];
    for (workload, op, answer) in [
        ("register", Op::new("cas", json!([1, [1, 2]])), ":0"),
        ("bank", Op::new("transfer", json!({"from": 1, "to": 2, "amount": 3})), ":0"),
        ("queue", Op::new("dequeue", json!(null)), "$-1"),
        ("lock", Op::new("acquire", json!(null)), "$-1"),
    ] {
        let answer: &'static [&'static str] = Vec::leak(vec![answer]);
        let server =
            play(&[Script::Greeting, Script::Answers(answer), Script::Answers(&[":0"])]).await;
        let mut client = client(server.port, workload, wait).await;
        assert_eq!(failed(&mut client, &op).await, "declined", "{workload}");
    }
}

#[tokio::test]
async fn an_element_that_was_taken_is_named() {
    let scripts = [Script::Greeting, Script::Answers(&["$1\r\n7"]), Script::Answers(&[":0"])];
    let server = play(&scripts).await;
    let mut client = client(server.port, "queue", &[("wait", "1")]).await;
    let failure = client.invoke(&Op::new("dequeue", json!(null))).await.unwrap_err();
    let text = "7 was taken; WAIT: 0 of 1 replicas confirmed it within 500 ms";
    assert_eq!(failure, Failure::Indefinite(text.to_owned()));
}

#[tokio::test]
async fn a_confirmed_read_counts_only_when_it_was_confirmed() {
    let read = Op::new("read", json!([1, null]));
    let given = &[("wait", "1"), ("reads", "confirmed")];
    let done = Script::Answers(&["+OK", "+QUEUED", "+QUEUED", "*2\r\n:1\r\n$1\r\n5"]);
    for (wait, wanted) in [
        (":1", Ok(json!([1, 5]))),
        (
            ":0",
            Err(Failure::Definite("WAIT: 0 of 1 replicas confirmed it within 500 ms".to_owned())),
        ),
    ] {
        let wait: &'static [&'static str] = Vec::leak(vec![wait]);
        let server = play(&[Script::Greeting, done, Script::Answers(wait)]).await;
        let mut client = client(server.port, "register", given).await;
        assert_eq!(client.invoke(&read).await, wanted);
    }
}

#[tokio::test]
async fn a_broken_connection_is_replaced_before_the_next_request() {
    let server = play(&[Script::Greeting, Script::Reset]).await;
    let mut client = client(server.port, "register", &[]).await;
    let write = Op::new("write", json!([1, 2]));
    for _ in 0..3 {
        // Each goes out on a connection of its own, and none is sent twice.
        assert_eq!(failed(&mut client, &write).await, "indefinite");
    }
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn operations_of_another_workload_are_not_sent() {
    let server = play(&[Script::Greeting, Script::Silence]).await;
    for (workload, op) in [
        ("register", Op::new("add", json!(1))),
        ("register", Op::new("cas", json!([1, 2]))),
        ("set", Op::new("add", json!("x"))),
        ("counter", Op::new("add", json!(null))),
        ("list-append", Op::new("txn", json!([["w", 1, 2]]))),
        ("rw-register", Op::new("txn", json!([["append", 1, 2]]))),
        ("bank", Op::new("transfer", json!({"from": 1, "to": 2, "amount": -3}))),
        ("bank", Op::new("transfer", json!({"from": 1, "amount": 3}))),
        ("queue", Op::new("dequeue", json!(1))),
        ("lock", Op::new("read", json!(null))),
    ] {
        let mut client = client(server.port, workload, &[]).await;
        assert_eq!(failed(&mut client, &op).await, "definite", "{workload} {}", op.f);
    }
    let mut lock = client(server.port, "lock", &[]).await;
    assert_eq!(failed(&mut lock, &Op::new("release", json!(null))).await, "not asked");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_redirection_is_followed_once() {
    let (write, cluster) = (Op::new("write", json!([1, 2])), &[("mode", "cluster")]);
    let last = play(&[Script::Greeting, Script::Answers(&["+OK"])]).await;
    let moved: &'static str = format!("-MOVED 1 127.0.0.1:{}", last.port).leak();
    let first = play(&[Script::Greeting, Script::Refuse(moved)]).await;
    let mut client = client(first.port, "register", cluster).await;
    assert_eq!(client.invoke(&write).await, Ok(json!([1, 2])));
    assert_eq!(client.invoke(&write).await, Ok(json!([1, 2])));
    assert_eq!((first.requests(), last.requests()), (1, 2), "what was learnt is remembered");

    let lost = play(&[Script::Greeting, Script::Refuse("-MOVED 1 127.0.0.1:1")]).await;
    let moved: &'static str = format!("-MOVED 1 127.0.0.1:{}", lost.port).leak();
    let first = play(&[Script::Greeting, Script::Refuse(moved)]).await;
    let mut client = self::client(first.port, "register", cluster).await;
    for asked in 1..=2 {
        assert_eq!(failed(&mut client, &write).await, "definite");
        assert_eq!((first.requests(), lost.requests()), (asked, asked));
    }
}

#[tokio::test]
async fn who_is_asked_exceptionally_is_told_so() {
    let write = Op::new("txn", json!([["w", 1, 1]]));
    let answers = Script::Answers(&["+OK", "+OK", "+QUEUED", "*1\r\n+OK"]);
    let last = play(&[Script::Greeting, answers]).await;
    let ask: &'static str = format!("-ASK 1 127.0.0.1:{}", last.port).leak();
    let first = play(&[Script::Greeting, Script::Refuse(ask)]).await;
    let mut client = client(first.port, "rw-register", &[("mode", "cluster")]).await;
    for asked in 1..=2 {
        assert_eq!(client.invoke(&write).await, Ok(json!([["w", 1, 1]])));
        assert_eq!((first.requests(), last.requests()), (asked, asked), "and only this once");
    }
    assert_eq!(last.words(0)[..2], ["ASKING", "MULTI"]);
}
