//! Tests against real PostgreSQL servers on loopback, with ports and data of their own.

use crate::client::PgClient;
use crate::primaries::primaries;
use crate::session::{Isolation, Login, Wants};
use crate::tests::server::{Server, start};
use crate::tests::{connector, login, options};
use perjury_database_testing::vouch;
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn ask(client: &mut PgClient, f: &str, value: Value) -> Result<Value, Failure> {
    client.invoke(&Op::new(f, value)).await
}

fn declined(text: &str) -> Result<Value, Failure> {
    Err(Failure::Declined(text.to_owned()))
}

fn not_asked(text: &str) -> Result<Value, Failure> {
    Err(Failure::NotAsked(text.to_owned()))
}

async fn client(server: &Server, workload: &str, login: Login) -> PgClient {
    let connector = connector(workload, login, false);
    connector.prepare_at(vec![server.address]).await.unwrap();
    connector.open(server.address).await.unwrap()
}

#[tokio::test]
async fn one_server_does_what_workloads_ask() {
    let Some(server) = start(&[]) else { return };
    registers(&server).await;
    transactions(&server).await;
    sums(&server).await;
    queues(&server).await;
    locks(&server).await;
    refusals(&server).await;
    write_skew(&server).await;
    workloads(&server).await;
}

async fn registers(server: &Server) {
    let client = &mut client(server, "register", login()).await;
    assert_eq!(ask(client, "read", json!([7, null])).await, Ok(json!([7, null])));
    assert_eq!(ask(client, "cas", json!([7, [1, 2]])).await, declined("the value differs"));
    assert_eq!(ask(client, "write", json!([7, 1])).await, Ok(json!([7, 1])));
    assert_eq!(ask(client, "cas", json!([7, [1, 2]])).await, Ok(json!([7, [1, 2]])));
    assert_eq!(ask(client, "cas", json!([7, [1, 3]])).await, declined("the value differs"));
    assert_eq!(ask(client, "read", json!([7, null])).await, Ok(json!([7, 2])));
}

async fn transactions(server: &Server) {
    let lists = &mut client(server, "list-append", login()).await;
    let txn = json!([["r", 1, null], ["append", 1, 10], ["r", 1, null], ["append", 1, -2]]);
    let done = json!([["r", 1, []], ["append", 1, 10], ["r", 1, [10]], ["append", 1, -2]]);
    assert_eq!(ask(lists, "txn", txn).await, Ok(done));
    let read = json!([["r", 1, [10, -2]]]);
    assert_eq!(ask(lists, "txn", json!([["r", 1, null]])).await, Ok(read));
    assert_eq!(ask(lists, "txn", json!([])).await, Ok(json!([])));
    let registers = &mut client(server, "rw-register", login()).await;
    let txn = json!([["r", 1, null], ["w", 1, 10], ["r", 1, null]]);
    let done = json!([["r", 1, null], ["w", 1, 10], ["r", 1, 10]]);
    assert_eq!(ask(registers, "txn", txn).await, Ok(done));
}

async fn sums(server: &Server) {
    let set = &mut client(server, "set", login()).await;
    assert_eq!(ask(set, "read", json!(null)).await, Ok(json!([])));
    for element in [10, 9, 100] {
        assert_eq!(ask(set, "add", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(set, "read", json!(null)).await, Ok(json!([9, 10, 100])));
    let counter = &mut client(server, "counter", login()).await;
    assert_eq!(ask(counter, "add", json!(5)).await, Ok(json!(5)));
    assert_eq!(ask(counter, "add", json!(-7)).await, Ok(json!(-7)));
    assert_eq!(ask(counter, "read", json!(null)).await, Ok(json!(-2)));
    let bank = &mut client(server, "bank", login()).await;
    let transfer = |amount| json!({"from": 0, "to": 3, "amount": amount});
    assert_eq!(ask(bank, "transfer", transfer(4)).await, Ok(transfer(4)));
    assert_eq!(ask(bank, "transfer", transfer(7)).await, declined("account 0 has only 6"));
    let to_itself = json!({"from": 1, "to": 1, "amount": 3});
    assert_eq!(ask(bank, "transfer", to_itself.clone()).await, Ok(to_itself));
    let nowhere = json!({"from": 1, "to": 99, "amount": 3});
    assert_eq!(ask(bank, "transfer", nowhere).await, declined("there is no account 99"));
    let balances = json!({"0": 6, "1": 10, "2": 10, "3": 14, "4": 10, "5": 10, "6": 10, "7": 10});
    assert_eq!(ask(bank, "read", json!(null)).await, Ok(balances));
}

async fn queues(server: &Server) {
    let queue = &mut client(server, "queue", login()).await;
    assert_eq!(ask(queue, "dequeue", json!(null)).await, declined("empty"));
    for element in 1..=4 {
        assert_eq!(ask(queue, "enqueue", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(queue, "dequeue", json!(null)).await, Ok(json!(1)));
    assert_eq!(ask(queue, "drain", json!(null)).await, Ok(json!([2, 3, 4])));
    assert_eq!(ask(queue, "drain", json!(null)).await, Ok(json!([])));
}

async fn locks(server: &Server) {
    let mut first = client(server, "lock", login()).await;
    let mut second = client(server, "lock", login()).await;
    assert_eq!(ask(&mut first, "release", json!(null)).await, not_asked("not held"));
    let one = ask(&mut first, "acquire", json!(null)).await.unwrap();
    assert_eq!(ask(&mut first, "acquire", json!(null)).await, not_asked("held by this client"));
    assert_eq!(ask(&mut second, "acquire", json!(null)).await, declined("held"));
    assert_eq!(ask(&mut first, "release", json!(null)).await, Ok(json!(null)));
    let two = ask(&mut second, "acquire", json!(null)).await.unwrap();
    assert!(one.as_i64() < two.as_i64(), "{one} {two}");
    drop(second);
    let began = Instant::now();
    while ask(&mut first, "acquire", json!(null)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "a session that ended keeps its lock");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The codes on which the table of errors rests, from PostgreSQL itself.
async fn refusals(server: &Server) {
    let set = &mut client(server, "set", login()).await;
    assert_eq!(ask(set, "add", json!(1000)).await, Ok(json!(1000)));
    let again = ask(set, "add", json!(1000)).await;
    assert!(matches!(&again, Err(Failure::Definite(text)) if text.starts_with("23505: ")));
    let counter = &mut client(server, "counter", login()).await;
    assert_eq!(ask(counter, "add", json!(i64::MAX)).await, Ok(json!(i64::MAX)));
    let more = ask(counter, "add", json!(i64::MAX)).await;
    assert!(matches!(&more, Err(Failure::Definite(text)) if text.starts_with("22003: ")));
    let nobody = Login { user: "nobody".into(), ..login() };
    let error = connector("set", nobody, false).open(server.address).await.unwrap_err();
    assert!(error.contains("28000: FATAL: role \"nobody\" does not exist"), "{error}");
}

/// Two transactions that each read what the other writes: `repeatable read` lets both commit.
async fn write_skew(server: &Server) {
    for (isolation, key, both) in
        [(Isolation::RepeatableRead, 100, true), (Isolation::Serializable, 200, false)]
    {
        let mut met = false;
        for round in 0..50 {
            let login = || Login { isolation, ..login() };
            let mut first = client(server, "list-append", login()).await;
            let mut second = client(server, "list-append", login()).await;
            let (one, two) = (key + 2 * round, key + 2 * round + 1);
            let read_then_append = |read: i64, append: i64| {
                json!([["r", read, null], ["r", read, null], ["append", append, 1]])
            };
            let (a, b) = tokio::join!(
                ask(&mut first, "txn", read_then_append(one, two)),
                ask(&mut second, "txn", read_then_append(two, one)),
            );
            let saw_nothing = |answer: &Result<Value, Failure>| {
                answer.as_ref().is_ok_and(|answer| answer[0][2] == json!([]))
            };
            met |= saw_nothing(&a) && saw_nothing(&b);
            if met {
                break;
            }
        }
        assert_eq!(met, both, "{isolation:?}");
    }
}

/// Each workload's main load and final reads, judged by its own checkers.
async fn workloads(server: &Server) {
    let options = options();
    let spoken = |name: &str| crate::WORKLOADS.contains(&name);
    for workload in perjury_workloads::all().into_iter().filter(|each| spoken(each.name())) {
        let connector = connector(workload.name(), login(), false);
        // What earlier tests left there is none of its business.
        server.psql(
            "DROP TABLE IF EXISTS perjury_register, perjury_set, perjury_list, perjury_rw, \
             perjury_counter, perjury_queue, perjury_bank",
        );
        connector.prepare_at(vec![server.address]).await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..6 {
            clients.push(connector.open(server.address).await.unwrap());
        }
        vouch(&*workload, &options, clients, 1, 60).await;
    }
}

#[tokio::test]
async fn passwords_are_proved_in_each_way() {
    let rules = [
        "host all scram 127.0.0.0/8 scram-sha-256",
        "host all md5 127.0.0.0/8 md5",
        "host all clear 127.0.0.0/8 password",
    ];
    let Some(server) = start(&rules) else { return };
    for (user, encryption) in
        [("scram", "scram-sha-256"), ("md5", "md5"), ("clear", "scram-sha-256")]
    {
        server.psql(&format!(
            "SET password_encryption = '{encryption}'; \
            CREATE ROLE {user} LOGIN PASSWORD 'a secret, = \"word'"
        ));
        let login = |password: Option<&str>| Login {
            user: user.into(),
            password: password.map(str::to_owned),
            ..login()
        };
        let open = |password| {
            let connector = connector("set", login(password), false);
            let address = server.address;
            async move { connector.open(address).await.map(drop) }
        };
        assert_eq!(open(Some("a secret, = \"word")).await, Ok(()), "{user}");
        let error = open(Some("wrong")).await.unwrap_err();
        assert!(error.contains("28P01: FATAL: password authentication failed"), "{error}");
        let error = open(None).await.unwrap_err();
        assert!(error.contains("give [client.settings] password"), "{error}");
    }
}

#[tokio::test]
async fn a_replica_is_read_and_its_primary_is_found() {
    let Some(primary) = start(&["host replication all 127.0.0.0/8 trust"]) else { return };
    let replica = primary.replica();
    let servers = vec![replica.address, primary.address];
    assert_eq!(primaries(&servers, &login()).await, [1]);
    let routed = Login { wants: Wants::Primary, ..login() };
    let connector = connector("set", routed, true);
    connector.prepare_at(servers.clone()).await.unwrap();
    let mut client = connector.open(replica.address).await.unwrap();
    assert_eq!(ask(&mut client, "add", json!(1)).await, Ok(json!(1)));
    let began = Instant::now();
    while ask(&mut client, "read", json!(null)).await != Ok(json!([1])) {
        assert!(began.elapsed() < Duration::from_secs(10), "the replica does not follow");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Reads stay at the replica when the primary is gone, and writes certainly fail.
    drop(primary);
    assert_eq!(ask(&mut client, "read", json!(null)).await, Ok(json!([1])));
    // Its processes go one after the other: the first answers may be unknown.
    let none = |answer: &Result<Value, Failure>| match answer {
        Err(Failure::Definite(text)) => text.contains("no server leads"),
        _ => false,
    };
    let began = Instant::now();
    let mut element = 100;
    while !none(&ask(&mut client, "add", json!(element)).await) {
        assert!(began.elapsed() < Duration::from_secs(10), "a server that was killed leads");
        element += 1;
    }
    replica.promote();
    let began = Instant::now();
    while ask(&mut client, "add", json!(3)).await != Ok(json!(3)) {
        assert!(began.elapsed() < Duration::from_secs(10), "the replica is not promoted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(primaries(&servers, &login()).await, [0]);
}

#[tokio::test]
async fn a_replica_refuses_writes_for_certain() {
    let Some(primary) = start(&["host replication all 127.0.0.0/8 trust"]) else { return };
    let replica = primary.replica();
    let login = Login { isolation: Isolation::RepeatableRead, ..login() };
    let connector = connector("set", login, false);
    connector.prepare_at(vec![replica.address, primary.address]).await.unwrap();
    let mut client = connector.open(replica.address).await.unwrap();
    let mut write = ask(&mut client, "add", json!(1)).await;
    let began = Instant::now();
    while matches!(&write, Err(Failure::Definite(text)) if text.starts_with("42P01: ")) {
        assert!(began.elapsed() < Duration::from_secs(10), "the replica does not follow");
        write = ask(&mut client, "add", json!(1)).await;
    }
    assert!(matches!(&write, Err(Failure::Definite(text)) if text.starts_with("25006: ")));
}
