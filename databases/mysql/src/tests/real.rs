//! Tests against a real MariaDB on loopback, with a port and a data directory of its own.

use super::{connector, settings};
use crate::connector::MySqlClient;
use crate::session::{Conversation, Login};
use perjury_harness::{Client, DriverSettings, Failure, Op};
use perjury_wire::{Connection, Link, Session, WireError};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server; killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago, on an address of this process's own: the whole of
/// 127.0.0.0/8 is loopback, so that no other test takes it meanwhile.
fn free_address() -> SocketAddr {
    let pid = std::process::id();
    let host = format!("127.{}.{}.{}:0", 1 + (pid >> 16) % 250, (pid >> 8) % 256, 1 + pid % 250);
    TcpListener::bind(&*host).unwrap().local_addr().unwrap()
}

/// Starts a server. `None` where the program is not installed, which continuous integration does
/// not get away with.
async fn start() -> Option<Server> {
    let quiet = |program: &str| {
        let mut command = Command::new(program);
        command.arg("--no-defaults").stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    if !quiet("mariadbd").arg("--version").status().is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "install mariadb-server for this test");
        let _ = writeln!(std::io::stderr(), "skipped: mariadb-server is not installed");
        return None;
    }
    let data = tempfile::tempdir().unwrap();
    let users = data.path().join("users.sql");
    let of_users = "FLUSH PRIVILEGES;\nCREATE USER perjury@'%' IDENTIFIED BY 'secret';\n\
                    GRANT ALL ON *.* TO perjury@'%';\nCREATE USER bare@'%';\n";
    std::fs::write(&users, of_users).unwrap();
    // An ordinary user is not allowed another user's name, and needs none.
    let user = runs_as_root().then_some("--user=root");
    let installed = quiet("mariadb-install-db")
        .args(user)
        .arg(format!("--datadir={}", data.path().join("data").display()))
        .arg(format!("--extra-file={}", users.display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"])
        .arg("--innodb-log-file-size=10M")
        .status()
        .unwrap();
    assert!(installed.success(), "mariadb-install-db: {installed}");
    let address = free_address();
    let child = quiet("mariadbd")
        .args(user)
        .arg(format!("--datadir={}", data.path().join("data").display()))
        .arg(format!("--socket={}", data.path().join("socket").display()))
        .arg(format!("--pid-file={}", data.path().join("pid").display()))
        .arg(format!("--bind-address={}", address.ip()))
        .arg(format!("--port={}", address.port()))
        .args(["--skip-name-resolve", "--innodb-log-file-size=10M"])
        .args(["--innodb-buffer-pool-size=16M", "--innodb-lock-wait-timeout=1"])
        .spawn()
        .unwrap();
    let server = Server { child, address, _data: data };
    for _ in 0..300 {
        if session(&server, login()).await.is_ok() {
            return Some(server);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("MariaDB does not answer at {address}");
}

fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|of_self| of_self.uid() == 0)
}

fn login() -> Login {
    Login {
        user: "perjury".to_owned(),
        password: "secret".to_owned(),
        database: None,
        statements: Vec::new(),
    }
}

async fn session(server: &Server, login: Login) -> Result<Conversation, WireError> {
    Conversation::open(Link::open(server.address).await?, &login).await
}

fn given(more: &[(&str, &str)]) -> DriverSettings {
    settings(&[&[("user", "perjury"), ("password", "secret")], more].concat())
}

async fn clients(server: &Server, workload: &str, more: &[(&str, &str)]) -> [MySqlClient; 2] {
    let connector = connector(workload, &given(more));
    connector.make_tables(&[server.address]).await.unwrap();
    [connector.open(server.address).await.unwrap(), connector.open(server.address).await.unwrap()]
}

async fn ask(client: &mut MySqlClient, f: &str, value: Value) -> Result<Value, Failure> {
    client.invoke(&Op::new(f, value)).await
}

fn declined(text: &str) -> Result<Value, Failure> {
    Err(Failure::Declined(text.to_owned()))
}

fn definite(text: &str) -> Result<Value, Failure> {
    Err(Failure::Definite(text.to_owned()))
}

fn not_asked(text: &str) -> Result<Value, Failure> {
    Err(Failure::NotAsked(text.to_owned()))
}

/// One server for all, as starting one takes seconds.
#[tokio::test]
async fn a_real_mariadb_does_what_the_workloads_ask() {
    let Some(server) = start().await else { return };
    registers(&server).await;
    transactions(&server).await;
    bank(&server).await;
    sets_and_counters(&server).await;
    queues(&server).await;
    locks(&server).await;
    refusals(&server).await;
    logins(&server).await;
}

async fn registers(server: &Server) {
    let [mut client, _] = clients(server, "register", &[]).await;
    let client = &mut client;
    assert_eq!(ask(client, "read", json!([1, null])).await, Ok(json!([1, null])));
    assert_eq!(ask(client, "cas", json!([1, [1, 2]])).await, declined("the value differs"));
    for value in [3, 3, 4] {
        assert_eq!(ask(client, "write", json!([1, value])).await, Ok(json!([1, value])));
    }
    assert_eq!(ask(client, "cas", json!([1, [3, 5]])).await, declined("the value differs"));
    // To itself too.
    for pair in [[4, 4], [4, 5]] {
        assert_eq!(ask(client, "cas", json!([1, pair])).await, Ok(json!([1, pair])));
    }
    assert_eq!(ask(client, "read", json!([1, null])).await, Ok(json!([1, 5])));
}

async fn transactions(server: &Server) {
    for (key, reads) in ["plain", "for update", "share", "touch"].into_iter().enumerate() {
        let [mut client, _] = clients(server, "list-append", &[("reads", reads)]).await;
        let txn =
            json!([["r", key, null], ["append", key, 1], ["append", key, 2], ["r", key, null]]);
        let answer =
            json!([["r", key, []], ["append", key, 1], ["append", key, 2], ["r", key, [1, 2]]]);
        assert_eq!(ask(&mut client, "txn", txn).await, Ok(answer), "{reads}");
        let [mut client, _] = clients(server, "rw-register", &[("reads", reads)]).await;
        let txn = json!([["r", key, null], ["w", key, 1], ["w", key, 2], ["r", key, null]]);
        let answer = json!([["r", key, null], ["w", key, 1], ["w", key, 2], ["r", key, 2]]);
        assert_eq!(ask(&mut client, "txn", txn).await, Ok(answer), "{reads}");
    }
}

async fn bank(server: &Server) {
    let [mut client, _] = clients(server, "bank", &[]).await;
    let client = &mut client;
    let transfer = |amount: i64| json!({"from": 0, "to": 7, "amount": amount});
    assert_eq!(ask(client, "transfer", transfer(4)).await, Ok(transfer(4)));
    assert_eq!(ask(client, "transfer", transfer(7)).await, declined("not enough money"));
    let foreign = json!({"from": 0, "to": 8, "amount": 1});
    assert_eq!(ask(client, "transfer", foreign).await, definite("there is no account 8"));
    let all = json!({"0": 6, "1": 10, "2": 10, "3": 10, "4": 10, "5": 10, "6": 10, "7": 14});
    assert_eq!(ask(client, "read", json!(null)).await, Ok(all));
}

async fn sets_and_counters(server: &Server) {
    let [mut client, _] = clients(server, "set", &[]).await;
    for element in [10, 9, 100] {
        assert_eq!(ask(&mut client, "add", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(&mut client, "read", json!(null)).await, Ok(json!([9, 10, 100])));
    let again = ask(&mut client, "add", json!(9)).await;
    assert!(
        matches!(&again, Err(Failure::Definite(text)) if text.starts_with("1062")),
        "{again:?}"
    );
    let [mut client, _] = clients(server, "counter", &[]).await;
    for count in [5, -7, 0] {
        assert_eq!(ask(&mut client, "add", json!(count)).await, Ok(json!(count)));
    }
    assert_eq!(ask(&mut client, "read", json!(null)).await, Ok(json!(-2)));
}

async fn queues(server: &Server) {
    let [mut one, mut other] = clients(server, "queue", &[]).await;
    assert_eq!(ask(&mut one, "dequeue", json!(null)).await, declined("empty"));
    for element in 0..250 {
        assert_eq!(ask(&mut one, "enqueue", json!(element)).await, Ok(json!(element)));
    }
    assert_eq!(ask(&mut one, "dequeue", json!(null)).await, Ok(json!(0)));
    assert_eq!(ask(&mut other, "dequeue", json!(null)).await, Ok(json!(1)));
    let rest: Vec<i64> = (2..250).collect();
    assert_eq!(ask(&mut other, "drain", json!(null)).await, Ok(json!(rest)));
    assert_eq!(ask(&mut one, "drain", json!(null)).await, Ok(json!([])));
}

async fn locks(server: &Server) {
    for kind in ["row", "get_lock"] {
        let [mut one, mut other] = clients(server, "lock", &[("lock", kind)]).await;
        assert_eq!(ask(&mut one, "release", json!(null)).await, not_asked("not held"));
        assert_eq!(ask(&mut one, "acquire", json!(null)).await, Ok(json!(null)));
        assert_eq!(ask(&mut other, "acquire", json!(null)).await, declined("held"));
        assert_eq!(ask(&mut other, "release", json!(null)).await, not_asked("not held"));
        assert_eq!(ask(&mut one, "release", json!(null)).await, Ok(json!(null)));
        assert_eq!(ask(&mut other, "acquire", json!(null)).await, Ok(json!(null)));
        // With its session the lock is gone, as soon as the server has seen that.
        drop(other);
        let mut last = ask(&mut one, "acquire", json!(null)).await;
        for _ in 0..50 {
            if last.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            last = ask(&mut one, "acquire", json!(null)).await;
        }
        assert!(last.is_ok(), "{kind}: {last:?}");
    }
}

async fn code(session: &mut Conversation, statement: &str) -> String {
    match session.query(statement).await {
        Err(WireError::Refused { code, .. }) => code,
        other => panic!("{statement}: {other:?}"),
    }
}

/// The numbers on which the table of errors rests, from MariaDB itself.
async fn refusals(server: &Server) {
    let mut one = session(server, login()).await.unwrap();
    let mut other = session(server, login()).await.unwrap();
    for statement in
        ["CREATE DATABASE words", "USE words", "CREATE TABLE t (k INT PRIMARY KEY, v INT)"]
    {
        one.query(statement).await.unwrap();
    }
    other.query("USE words").await.unwrap();
    one.query("INSERT INTO t VALUES (1, 0), (2, 0)").await.unwrap();
    assert_eq!(code(&mut one, "INSERT INTO t VALUES (1, 0)").await, "1062");
    assert_eq!(code(&mut one, "SELEC").await, "1064");
    assert_eq!(code(&mut one, "SELECT * FROM nothing").await, "1146");
    assert_eq!(code(&mut one, "USE nothing").await, "1049");
    for session in [&mut one, &mut other] {
        session.query("START TRANSACTION").await.unwrap();
    }
    one.query("UPDATE t SET v = 1 WHERE k = 1").await.unwrap();
    assert_eq!(code(&mut other, "SELECT v FROM t WHERE k = 1 FOR UPDATE NOWAIT").await, "1205");
    other.query("UPDATE t SET v = 1 WHERE k = 2").await.unwrap();
    // Only the statement is rolled back when it has waited for too long.
    assert_eq!(code(&mut other, "UPDATE t SET v = 2 WHERE k = 1").await, "1205");
    assert!(other.query("SELECT 1").await.unwrap().in_transaction);
    let (first, second) = tokio::join!(
        one.query("UPDATE t SET v = 2 WHERE k = 2"),
        other.query("UPDATE t SET v = 2 WHERE k = 1")
    );
    let codes = [first, second].map(|answer| answer.err().map(|error| error.to_string()));
    assert!(codes.iter().flatten().any(|text| text.starts_with("1213")), "{codes:?}");
    for session in [&mut one, &mut other] {
        session.query("ROLLBACK").await.unwrap();
    }
    changed_records(&mut one, &mut other).await;
    one.query("SET SESSION TRANSACTION READ ONLY").await.unwrap();
    assert_eq!(code(&mut one, "DELETE FROM t").await, "1792");
    one.query("SET SESSION TRANSACTION READ WRITE").await.unwrap();
    let id = one.query("SELECT CONNECTION_ID()").await.unwrap().number(0, 0).unwrap();
    other.query(&format!("KILL {id}")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!one.is_usable());
}

async fn changed_records(one: &mut Conversation, other: &mut Conversation) {
    one.query("SET SESSION innodb_snapshot_isolation = ON").await.unwrap();
    one.query("START TRANSACTION").await.unwrap();
    one.query("SELECT * FROM t").await.unwrap();
    other.query("UPDATE t SET v = 9 WHERE k = 1").await.unwrap();
    assert_eq!(code(one, "UPDATE t SET v = 8 WHERE k = 1").await, "1020");
    one.query("ROLLBACK").await.unwrap();
}

async fn logins(server: &Server) {
    let bare = Login { user: "bare".to_owned(), password: String::new(), ..login() };
    session(server, bare).await.unwrap();
    let wrong = Login { password: "wrong".to_owned(), ..login() };
    let refused = session(server, wrong).await.unwrap_err();
    assert!(refused.to_string().starts_with("1045: (28000) Access denied"), "{refused}");
    let bad = Login { statements: vec!["SET SESSION nonsense = 1".to_owned()], ..login() };
    let opened = Connection::<Conversation>::open(server.address, bad).await;
    let error = opened.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.starts_with("not sent: logging in: 1193"), "{error}");
    assert!(error.ends_with("(of `SET SESSION nonsense = 1`)"), "{error}");
}
