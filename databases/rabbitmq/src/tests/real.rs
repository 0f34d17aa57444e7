//! Tests against a real RabbitMQ on loopback, with ports, a data directory and a name service of
//! its own. It takes seconds to start, so one test asks it everything.

use crate::connector::{AmqpClient, AmqpConnector, Use};
use crate::session::AmqpSession;
use crate::settings::Settings;
use perjury_harness::driver::DriverSettings;
use perjury_harness::{BoxFuture, Client, Failure, Op};
use perjury_wire::{Connection, WireError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const READY_LIMIT: Duration = Duration::from_secs(120);

/// A server and its name service; ended when dropped.
struct Server {
    children: Vec<Child>,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // The script passes it on to the server, which it could not do with a kill.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Server {
    fn connector(&self, queue: &str, queue_type: &str, usage: Use) -> AmqpConnector {
        let values = [("queue", queue), ("queue-type", queue_type)];
        let values: BTreeMap<String, String> =
            values.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let settings = DriverSettings { port: self.address.port(), values };
        AmqpConnector::new(Settings::new(&settings).unwrap(), usage)
    }

    async fn client(&self, queue: &str, queue_type: &str, usage: Use) -> AmqpClient {
        let connector = self.connector(queue, queue_type, usage);
        connector.make_queue(&[self.address]).await.unwrap();
        connector.open(self.address).await.unwrap()
    }

    async fn connection(&self) -> Connection<AmqpSession> {
        let settings = Settings::new(&DriverSettings::default()).unwrap();
        Connection::open(self.address, settings.login).await.unwrap()
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

/// Starts a server. `None` where the program is not installed, which continuous integration does
/// not get away with.
fn start() -> Option<Server> {
    if !std::path::Path::new(PROGRAM).exists() {
        assert!(std::env::var_os("CI").is_none(), "install rabbitmq-server for this test");
        let _ = writeln!(std::io::stderr(), "skipped: rabbitmq-server is not installed");
        return None;
    }
    let [address, peer, names] = free_addresses(3)[..] else { unreachable!("as many as asked") };
    let data = tempfile::tempdir().unwrap();
    let at = |name: &str| data.path().join(name);
    std::fs::write(at(".erlang.cookie"), "perjury").unwrap();
    std::fs::set_permissions(at(".erlang.cookie"), PermissionsExt::from_mode(0o400)).unwrap();
    std::fs::write(at("rabbitmq.conf"), format!("listeners.tcp.1 = {address}\n")).unwrap();
    // A server would leave one behind, so the name service is started here.
    let mut epmd = Command::new("epmd");
    epmd.args(["-port", &names.port().to_string(), "-address", &names.ip().to_string()]);
    let mut rabbit = Command::new(PROGRAM);
    rabbit
        .current_dir(data.path())
        .env("HOME", data.path())
        .env("ERL_EPMD_PORT", names.port().to_string())
        .env("ERL_EPMD_ADDRESS", names.ip().to_string())
        .env("RABBITMQ_NODENAME", format!("rabbit@{}", address.ip()))
        .env("RABBITMQ_USE_LONGNAME", "true")
        .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
        .env("RABBITMQ_LOG_BASE", at("log"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_PID_FILE", at("pid"))
        .env("RABBITMQ_DIST_PORT", peer.port().to_string())
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1");
    let mut server = Server { children: Vec::new(), address, _data: data };
    for command in [&mut epmd, &mut rabbit] {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        server.children.push(command.spawn().unwrap());
        std::thread::sleep(Duration::from_millis(300));
    }
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < READY_LIMIT, "no RabbitMQ after {READY_LIMIT:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(server)
}

async fn ask(client: &mut AmqpClient, f: &str, value: Value) -> Result<Value, Failure> {
    client.invoke(&Op::new(f, value)).await
}

#[tokio::test]
async fn a_real_rabbitmq_does_what_is_said_of_it() {
    let Some(mut server) = start() else { return };
    for queue_type in ["classic", "quorum"] {
        elements_come_out_in_order(&server, queue_type).await;
        what_is_not_acknowledged_goes_back(&server, queue_type).await;
        one_client_has_the_lock(&server, queue_type).await;
    }
    making_the_queue_again_keeps_it(&server).await;
    refusals_have_the_words_of_the_table(&server).await;
    a_server_that_stops_says_so(&mut server).await;
}

async fn elements_come_out_in_order(server: &Server, queue_type: &str) {
    let name = format!("order-{queue_type}");
    let client = &mut server.client(&name, queue_type, Use::Queue).await;
    let empty = Err(Failure::Declined("empty".to_owned()));
    assert_eq!(ask(client, "dequeue", json!(null)).await, empty);
    for element in 1..=60 {
        assert_eq!(ask(client, "enqueue", json!(element)).await, Ok(json!(element)));
    }
    for element in 1..=3 {
        assert_eq!(ask(client, "dequeue", json!(null)).await, Ok(json!(element)));
    }
    let rest: Vec<i64> = (4..=60).collect();
    assert_eq!(ask(client, "drain", json!(null)).await, Ok(json!(rest)));
    assert_eq!(ask(client, "drain", json!(null)).await, Ok(json!([])));
    assert_eq!(ask(client, "dequeue", json!(null)).await, empty);
}

async fn what_is_not_acknowledged_goes_back(server: &Server, queue_type: &str) {
    let name = format!("back-{queue_type}");
    let client = &mut server.client(&name, queue_type, Use::Queue).await;
    assert_eq!(ask(client, "enqueue", json!(7)).await, Ok(json!(7)));
    let mut other = server.connection().await;
    let got = other.exchange(|session| {
        Box::pin(async move {
            let delivery = session.get(&name).await?;
            session.close().await;
            Ok(delivery)
        })
    });
    assert_eq!(&got.await.unwrap().unwrap().body[..], b"7");
    drop(other);
    let began = Instant::now();
    loop {
        match ask(client, "dequeue", json!(null)).await {
            Ok(element) => break assert_eq!(element, json!(7)),
            Err(failure) => assert_eq!(failure, Failure::Declined("empty".to_owned())),
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the element has not come back");
    }
}

async fn one_client_has_the_lock(server: &Server, queue_type: &str) {
    let name = format!("lock-{queue_type}");
    let mut one = server.client(&name, queue_type, Use::Lock).await;
    let mut two =
        server.connector(&name, queue_type, Use::Lock).open(server.address).await.unwrap();
    let held = Err(Failure::Declined("held".to_owned()));
    assert_eq!(ask(&mut one, "acquire", json!(null)).await, Ok(json!(null)));
    assert_eq!(ask(&mut two, "acquire", json!(null)).await, held);
    assert_eq!(ask(&mut one, "release", json!(null)).await, Ok(json!(null)));
    assert_eq!(ask(&mut two, "acquire", json!(null)).await, Ok(json!(null)));
    // Who loses the connection loses the lock, and is told so.
    two.connection.drop_session();
    let began = Instant::now();
    while ask(&mut one, "acquire", json!(null)).await == held {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody else can have the lock");
    }
    let lost = ask(&mut two, "release", json!(null)).await;
    assert!(matches!(&lost, Err(Failure::Definite(text)) if text.contains("is gone")), "{lost:?}");
}

async fn making_the_queue_again_keeps_it(server: &Server) {
    let client = &mut server.client("again", "classic", Use::Queue).await;
    assert_eq!(ask(client, "enqueue", json!(1)).await, Ok(json!(1)));
    let client = &mut server.client("again", "classic", Use::Queue).await;
    assert_eq!(ask(client, "drain", json!(null)).await, Ok(json!([1])));
}

/// What `question` is refused with.
async fn refusal<T: Send + std::fmt::Debug>(
    server: &Server,
    question: impl for<'a> FnOnce(&'a mut AmqpSession) -> BoxFuture<'a, Result<T, WireError>> + Send,
) -> (String, String) {
    match server.connection().await.exchange(question).await {
        Err(WireError::Refused { code, text }) => (code, text),
        other => panic!("{other:?}"),
    }
}

/// The words on which the table of errors rests, from RabbitMQ itself.
async fn refusals_have_the_words_of_the_table(server: &Server) {
    let returned =
        refusal(server, |session| Box::pin(async move { session.publish("none", b"1").await }));
    assert_eq!(returned.await, ("312".to_owned(), "returned: NO_ROUTE".to_owned()));
    let missing = refusal(server, |session| Box::pin(async move { session.get("none").await }));
    let (code, text) = missing.await;
    assert!(code == "404" && text.starts_with("NOT_FOUND - no queue 'none'"), "{code}: {text}");
    let other_type = refusal(server, |session| {
        let arguments = &[("x-queue-type", "quorum")];
        Box::pin(async move { session.declare("again", arguments).await })
    });
    let (code, text) = other_type.await;
    assert!(code == "406" && text.starts_with("PRECONDITION_FAILED"), "{code}: {text}");
    let mut login = Settings::new(&DriverSettings::default()).unwrap().login;
    login.password = "wrong".to_owned();
    let WireError::NotSent(text) =
        Connection::<AmqpSession>::open(server.address, login.clone()).await.unwrap_err()
    else {
        panic!("a wrong password is refused before anything is asked")
    };
    assert!(text.starts_with("logging in: "), "{text}");
    login.password = "guest".to_owned();
    login.vhost = "/none".to_owned();
    let error = Connection::<AmqpSession>::open(server.address, login).await.unwrap_err();
    assert!(error.to_string().contains("530: connection: NOT_ALLOWED"), "{error}");
}

async fn a_server_that_stops_says_so(server: &mut Server) {
    let mut client = server.client("stop", "classic", Use::Queue).await;
    assert_eq!(ask(&mut client, "enqueue", json!(1)).await, Ok(json!(1)));
    let rabbit = server.children.pop().unwrap();
    let status = Command::new("kill").arg(rabbit.id().to_string()).status().unwrap();
    assert!(status.success());
    server.children.push(rabbit);
    let began = Instant::now();
    // Until it stops, messages are kept; then each is refused, unknown, or has nowhere to go.
    loop {
        match ask(&mut client, "enqueue", json!(2)).await {
            Err(Failure::Definite(text)) if text.starts_with("not sent: ") => break,
            Err(Failure::Unexpected(text)) => panic!("{text}"),
            _ => {}
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it does not stop");
    }
}
