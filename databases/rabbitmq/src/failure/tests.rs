//! Every row of `errors.md`, played to a client by a scripted server.

use crate::connector::{AmqpClient, AmqpConnector, Use};
use crate::settings::Settings;
use crate::tests::server::{Script, play};
use perjury_database_testing::{assert_every_row_is_played, rows};
use perjury_harness::driver::DriverSettings;
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const FORCED: &str = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
const REFUSED: &str = "ACCESS_REFUSED - write access to exchange 'amq.default' refused";
const HOME_DOWN: &str = "NOT_FOUND - home node 'rabbit@n1' of durable queue 'perjury' is down";

const SCRIPTS: &[(&str, Script)] = &[
    ("connection-refused", Script::Absent),
    ("closed-while-idle", Script::CloseIdle),
    ("reset-after-sending", Script::Reset),
    ("answer-cut-short", Script::CutShort),
    ("no-answer", Script::Silence),
    ("returned", Script::Return(312, "NO_ROUTE")),
    ("nack", Script::Nack),
    ("access-refused", Script::EndChannel(403, REFUSED)),
    ("not-found", Script::EndChannel(404, HOME_DOWN)),
    (
        "resource-locked",
        Script::EndChannel(405, "RESOURCE_LOCKED - cannot obtain exclusive access"),
    ),
    (
        "precondition-failed",
        Script::EndChannel(406, "PRECONDITION_FAILED - message size is larger"),
    ),
    ("channel-internal-error", Script::EndChannel(541, "INTERNAL_ERROR")),
    ("connection-forced", Script::EndConnection(320, FORCED)),
    ("connection-internal-error", Script::EndConnection(541, "INTERNAL_ERROR")),
    ("connection-access-refused", Script::EndConnection(403, "ACCESS_REFUSED - vhost")),
    ("garbled-answer", Script::Garbage),
    ("foreign-answer", Script::Foreign),
    ("foreign-number", Script::OtherAck),
];

async fn client(usage: Use, address: SocketAddr) -> AmqpClient {
    let settings = Settings::new(&DriverSettings::default()).unwrap();
    let mut client = AmqpConnector::new(settings, usage).open(address).await.unwrap();
    client.connection = client.connection.with_limit(Duration::from_millis(300));
    client
}

fn words(failure: &Failure) -> &'static str {
    match failure {
        Failure::Definite(_) => "definite",
        Failure::Declined(_) => "declined",
        Failure::NotAsked(_) => "not asked",
        Failure::Indefinite(_) => "indefinite",
        Failure::Unexpected(_) => "unexpected",
    }
}

/// How the client tells one operation's failure under `scripts`.
async fn failure(scripts: &'static [Script], usage: Use, f: &str, value: Value) -> Failure {
    let (address, mut server) = play(scripts).await;
    let mut client = client(usage, address).await;
    if usage == Use::Lock && f == "release" {
        client.invoke(&Op::new("acquire", json!(null))).await.unwrap();
    }
    if matches!(scripts.last(), Some(Script::Absent)) {
        server.abort_all();
        while server.join_next().await.is_some() {}
    }
    if matches!(scripts.last(), Some(Script::Absent | Script::CloseIdle)) {
        // The end of the connection has to arrive; there is no event to wait for.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    match client.invoke(&Op::new(f, value)).await {
        Ok(value) => panic!("{scripts:?} was answered with {value}"),
        Err(failure) => failure,
    }
}

const PAGE: &str = include_str!("../../errors.md");

#[test]
fn every_row_has_a_script_and_every_script_a_row() {
    assert_every_row_is_played(PAGE, SCRIPTS.iter().map(|(name, _)| *name));
}

#[tokio::test]
async fn each_row_of_publish_and_get_means_what_the_page_says() {
    let table = rows(PAGE);
    let cases = [
        (Use::Queue, "enqueue", json!(1), 0),
        (Use::Queue, "dequeue", json!(null), 1),
        (Use::Queue, "drain", json!(null), 1),
        (Use::Lock, "acquire", json!(null), 1),
    ];
    for (row, script) in SCRIPTS {
        for (usage, f, value, column) in &cases {
            let got = failure(std::slice::from_ref(script), *usage, f, value.clone()).await;
            assert_eq!(words(&got), table[row][*column], "{row}: {f}: {got:?}");
        }
    }
}

/// What a server does once it has given out a message.
const AFTER_ONE: &[(&str, [Script; 2])] = &[
    ("closed-while-idle", [Script::GiveAndClose, Script::CloseIdle]),
    ("reset-after-sending", [Script::Give, Script::Reset]),
    ("answer-cut-short", [Script::Give, Script::CutShort]),
    ("no-answer", [Script::Give, Script::Silence]),
    ("returned", [Script::Give, Script::Return(312, "NO_ROUTE")]),
    ("nack", [Script::Give, Script::Nack]),
    ("access-refused", [Script::Give, Script::EndChannel(403, REFUSED)]),
    ("not-found", [Script::Give, Script::EndChannel(404, HOME_DOWN)]),
    ("resource-locked", [Script::Give, Script::EndChannel(405, "RESOURCE_LOCKED")]),
    ("precondition-failed", [Script::Give, Script::EndChannel(406, "unknown delivery tag 1")]),
    ("channel-internal-error", [Script::Give, Script::EndChannel(541, "INTERNAL_ERROR")]),
    ("connection-forced", [Script::Give, Script::EndConnection(320, FORCED)]),
    ("connection-internal-error", [Script::Give, Script::EndConnection(541, "INTERNAL_ERROR")]),
    ("connection-access-refused", [Script::Give, Script::EndConnection(403, "ACCESS_REFUSED")]),
    ("garbled-answer", [Script::Give, Script::Garbage]),
    ("foreign-answer", [Script::Give, Script::Foreign]),
    ("foreign-number", [Script::Give, Script::OtherAck]),
];

#[tokio::test]
async fn each_row_of_settle_means_what_the_page_says() {
    let table = rows(PAGE);
    for (row, scripts) in AFTER_ONE {
        let got = failure(scripts, Use::Lock, "release", json!(null)).await;
        assert_eq!(words(&got), table[row][2], "{row}: release: {got:?}");
        // Between getting and acknowledging there is no time in which a connection is idle.
        if *row == "closed-while-idle" {
            continue;
        }
        let got = failure(scripts, Use::Queue, "dequeue", json!(null)).await;
        assert_eq!(words(&got), table[row][2], "{row}: dequeue: {got:?}");
        let (Failure::Indefinite(text) | Failure::Unexpected(text)) = got else { continue };
        assert!(text.starts_with("element 42: "), "{row}: {text}");
    }
    let rows: Vec<&str> = AFTER_ONE.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows.len() + 1, SCRIPTS.len(), "only a refused connection cannot follow a message");
    let got = failure(&[Script::GiveAndClose, Script::Absent], Use::Lock, "release", json!(null));
    assert_eq!(words(&got.await), table["connection-refused"][2]);
}

#[tokio::test]
async fn a_drain_is_unknown_only_once_it_acknowledges() {
    let drain = |scripts| failure(scripts, Use::Queue, "drain", json!(null));
    let got = drain(&[Script::Give, Script::Give, Script::Reset]).await;
    assert_eq!(words(&got), "definite", "{got:?}");
    let got = drain(&[Script::Give, Script::Give, Script::Empty, Script::Reset]).await;
    assert_eq!(words(&got), "indefinite");
    let Failure::Indefinite(text) = got else { unreachable!("as just seen") };
    assert!(text.starts_with("elements [42, 42]: "), "{text}");
    let all = &[Script::Give, Script::Give, Script::Empty, Script::Declared, Script::Empty];
    let (address, _server) = play(all).await;
    let client = &mut client(Use::Queue, address).await;
    let drain = Op::new("drain", json!(null));
    assert_eq!(client.invoke(&drain).await, Ok(json!([42, 42])));
    assert_eq!(client.invoke(&drain).await, Ok(json!([])));
    let empty = Err(Failure::Declined("empty".to_owned()));
    assert_eq!(client.invoke(&Op::new("dequeue", json!(null))).await, empty);
}

#[tokio::test]
async fn a_lock_is_held_by_whoever_has_the_message() {
    let (address, _server) = play(&[Script::Give, Script::Declared, Script::Empty]).await;
    let client = &mut client(Use::Lock, address).await;
    let (acquire, release) = (Op::new("acquire", json!(null)), Op::new("release", json!(null)));
    let not_asked = |words: &str| Err(Failure::NotAsked(words.to_owned()));
    assert_eq!(client.invoke(&release).await, not_asked("not held"));
    assert_eq!(client.invoke(&acquire).await, Ok(json!(null)));
    assert_eq!(client.invoke(&acquire).await, not_asked("held by this client"));
    assert_eq!(client.invoke(&release).await, Ok(json!(null)));
    let held = Err(Failure::Declined("held".to_owned()));
    assert_eq!(client.invoke(&acquire).await, held);
    assert_eq!(client.invoke(&release).await, not_asked("not held"));
}

#[tokio::test]
async fn a_message_that_is_no_number_goes_back() {
    let scripts = &[Script::GiveWords, Script::Silence];
    let got = failure(scripts, Use::Queue, "dequeue", json!(null)).await;
    assert!(matches!(&got, Failure::Unexpected(text) if text.contains("no element")), "{got:?}");
}

#[tokio::test]
async fn a_broken_connection_is_replaced_before_the_next_request() {
    for scripts in [&[Script::Reset], &[Script::EndChannel(404, HOME_DOWN)]] {
        let (address, _server) = play(scripts).await;
        let mut client = client(Use::Queue, address).await;
        for _ in 0..3 {
            // Each goes out on a connection of its own, and none is sent twice.
            let answer = client.invoke(&Op::new("enqueue", json!(1))).await;
            assert!(matches!(answer, Err(Failure::Indefinite(_))), "{answer:?}");
        }
    }
    let (address, _server) = play(&[Script::Heartbeat, Script::Ack]).await;
    let mut client = client(Use::Queue, address).await;
    assert_eq!(client.invoke(&Op::new("enqueue", json!(1))).await, Ok(json!(1)));
}

#[tokio::test]
async fn who_cannot_log_in_is_told_why() {
    let settings = Settings::new(&DriverSettings::default()).unwrap();
    let connector = AmqpConnector::new(settings, Use::Queue);
    let (address, _server) = play(&[Script::NoLogin]).await;
    let error = connector.open(address).await.unwrap_err();
    assert!(error.starts_with("not sent: logging in: 403: connection: ACCESS_REFUSED"), "{error}");
    let (address, server) = play(&[Script::Absent]).await;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = connector.open(address).await.unwrap_err();
    assert!(error.starts_with("not sent: "), "{error}");
}

#[tokio::test]
async fn operations_of_another_workload_are_not_sent() {
    let (address, _server) = play(&[Script::Silence]).await;
    for (usage, f, value) in [
        (Use::Queue, "enqueue", json!("x")),
        (Use::Queue, "acquire", json!(null)),
        (Use::Lock, "enqueue", json!(1)),
    ] {
        let failure = client(usage, address).await.invoke(&Op::new(f, value)).await.unwrap_err();
        assert!(matches!(failure, Failure::Definite(_)), "{failure:?}");
    }
}
