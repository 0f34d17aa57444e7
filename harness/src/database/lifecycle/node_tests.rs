//! Tests of a whole life on a node: sshd is real, the database is a small Perl server, and the
//! agent is a stand-in that starts and stops real processes.

use super::*;
use crate::agent::Agent;
use crate::agent::protocol::{self, Hello, Reply, Request};
use crate::control::tests::sshd::Sshd;
use crate::control::tests::within;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// Accepts connections on the port that is its argument, from half a second on.
const SERVER: &str = "use IO::Socket::INET; print qq(hello from $ARGV[0]\\n); $| = 1; \
     select(undef, undef, undef, 0.5); \
     my $s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1), LocalPort => $ARGV[0], \
     Listen => 5, ReuseAddr => 1) or die qq(no port: $!); while (my $c = $s->accept) {{ close $c }}";

/// The one process of the stand-in agent; killed when dropped.
#[derive(Default)]
struct Held(Option<Child>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Held {
    fn answer(&mut self, request: &Request) -> Result<Value, String> {
        match request.verb.as_str() {
            protocol::PROCESS_START => {
                let start: StartProcess = serde_json::from_value(request.with.clone()).unwrap();
                let log = File::options().create(true).append(true).open(&start.log).unwrap();
                let child = Process::new(&start.argv[0])
                    .args(&start.argv[1..])
                    .stdin(Stdio::null())
                    .stderr(log.try_clone().unwrap())
                    .stdout(log)
                    .spawn()
                    .map_err(|error| format!("{}: {error}", start.argv[0]))?;
                self.0 = Some(child);
            }
            protocol::PROCESS_STOP => {
                if let Some(child) = &mut self.0 {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            }
            protocol::PROCESS_STATUS => {}
            _ => return Ok(Value::Null),
        }
        Ok(self.state())
    }

    fn state(&mut self) -> Value {
        let pid = self.0.as_ref().map(Child::id);
        let runs = self.0.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none());
        let state = if runs { "running" } else { "gone" };
        json!({"state": state, "pid": pid, "start_ticks": null, "observed": format!("it is {state}")})
    }
}

async fn serve_agent(stream: DuplexStream) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut held = Held::default();
    let hello = Hello { version: "0.1.0".to_owned(), pid: 1, healed: Vec::new() };
    let mut line = serde_json::to_string(&hello).unwrap();
    let mut requests = BufReader::new(reader).lines();
    loop {
        line.push('\n');
        if writer.write_all(line.as_bytes()).await.is_err() {
            return;
        }
        let Ok(Some(request)) = requests.next_line().await else { return };
        let request: Request = serde_json::from_str(&request).unwrap();
        let (ok, error) = match held.answer(&request) {
            Ok(ok) => (Some(ok), None),
            Err(error) => (None, Some(error)),
        };
        line = serde_json::to_string(&Reply { id: request.id, ok, error }).unwrap();
    }
}

struct Fixture {
    cluster: Cluster,
    port: u16,
    sshd: Sshd,
}

impl Fixture {
    async fn new() -> Self {
        let sshd = Sshd::start_with("SetEnv PATH=@:/usr/local/bin:/usr/bin:/bin");
        // For those who are not root: everything here is theirs already.
        executable(&sshd.path("sudo"), "#!/bin/sh\nshift 2\nexec \"$@\"\n");
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(serve_agent(theirs));
        let (reader, writer) = tokio::io::split(ours);
        let agent = Agent::attach("n1", writer, reader, Duration::from_secs(60)).await.unwrap();
        let node = Node {
            index: 0,
            name: "n1".into(),
            address: [127, 0, 0, 1].into(),
            session: sshd.session().await,
            agent,
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { cluster: Cluster { nodes: vec![node], fabric: None }, port, sshd }
    }

    fn node(&self) -> &Node {
        &self.cluster.nodes[0]
    }

    /// The Perl server, with `change` made to its definition.
    fn lifecycle(&self, change: impl Fn(String) -> String) -> Lifecycle {
        let dir = self.sshd.dir.path().display();
        let text = format!(
            "name = \"mini\"\nabout = \"\"\ndata = [\"{dir}/data/a\", \"{dir}/data/b\"]\n\
             logs = [\"{dir}/logs/mini.log\"]\n\
             [install]\nprogram = \"perl\"\n\
             [ports]\nclient = {}\n\
             [start]\ncommand = [\"perl\", \"-e\", '{SERVER}', \"{{port.client}}\"]\n\
             [[files]]\npath = \"{dir}/conf/mini.conf\"\ntext = \"node {{name}}\"\nmode = \"0600\"\n\
             [ready]\ntcp = \"{{host}}:{{port.client}}\"\ntimeout = \"20s\"\n",
            self.port
        );
        let definition = Definition::parse(&change(text), "mini.toml")
            .unwrap_or_else(|error| panic!("{}", error.render()));
        let options = Options {
            set: BTreeMap::new(),
            nodes: vec!["n1".to_owned()],
            concurrency: 1,
            keys: 1,
            key_choice: None,
            ops_per_key: 1,
            time_limit: Duration::from_secs(1),
            nemesis_interval: Duration::from_secs(1),
        };
        Lifecycle::new(definition, &options, "/opt/perjury".to_owned()).unwrap()
    }
}

fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn a_database_lives_through_a_run() {
    let fixture = Fixture::new().await;
    let (cluster, node) = (&fixture.cluster, fixture.node());
    let lifecycle = fixture.lifecycle(|text| text);
    let file = |name: &str| fixture.sshd.path(name);
    std::fs::create_dir_all(file("data/a/deep")).unwrap();
    std::fs::create_dir_all(file("logs")).unwrap();
    std::fs::write(file("data/a/deep/old"), "old").unwrap();
    std::fs::write(file("logs/mini.log"), "old").unwrap();
    within(60, async {
        lifecycle.install(cluster, node).await.unwrap();
        lifecycle.wipe(cluster, node).await.unwrap();
        assert_eq!(std::fs::read_dir(file("data/a")).unwrap().count(), 0);
        assert!(file("data/b").is_dir() && !file("logs/mini.log").exists());
        lifecycle.check_ports(node).await.unwrap();

        let state = lifecycle.start(cluster, node).await.unwrap();
        assert_eq!(state.state, RunState::Running);
        lifecycle.await_ready(cluster, node, soon()).await.unwrap();
        assert_eq!(std::fs::read_to_string(file("conf/mini.conf")).unwrap(), "node n1");
        let again = lifecycle.start(cluster, node).await.unwrap();
        assert_eq!(again.pid, state.pid, "it was started twice");

        // With the database running its own port is taken, and by whom is told.
        let error = lifecycle.check_ports(node).await.unwrap_err();
        let holder = format!("by perl (pid {})", state.pid.unwrap());
        assert!(
            error.contains(&format!("port {} (client) is already taken", fixture.port)),
            "{error}"
        );
        assert!(error.contains(&holder), "{error}");

        let hello = format!("hello from {}", fixture.port);
        assert_eq!(lifecycle.log_excerpt(node).await.as_deref(), Some(&*hello));
        let (came, errors) = lifecycle.fetch_logs(node, fixture.sshd.dir.path(), 1 << 20).await;
        assert_eq!((came.len(), errors.as_slice()), (1, [].as_slice()));
        assert!(std::fs::read_to_string(&came[0]).unwrap().contains(&hello));

        let state = lifecycle.stop(node).await.unwrap();
        assert_eq!(state.state, RunState::Gone);
        lifecycle.wipe(cluster, node).await.unwrap();
        lifecycle.check_ports(node).await.unwrap();
        assert_eq!(lifecycle.log_excerpt(node).await, None);
        let (came, errors) = lifecycle.fetch_logs(node, fixture.sshd.dir.path(), 1 << 20).await;
        assert_eq!((came.len(), errors.len()), (0, 1));
        assert!(errors[0].contains("mini.log did not come"), "{errors:?}");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_ends_at_once_is_told_with_its_log() {
    let fixture = Fixture::new().await;
    let (cluster, node) = (&fixture.cluster, fixture.node());
    let lifecycle = fixture.lifecycle(|text| text.replace(SERVER, "die qq(wrong version\\n)"));
    within(60, async {
        lifecycle.wipe(cluster, node).await.unwrap();
        lifecycle.start(cluster, node).await.unwrap();
        let began = Instant::now();
        let error = lifecycle.await_ready(cluster, node, soon()).await.unwrap_err();
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it was waited for, though it had ended"
        );
        assert!(error.starts_with("n1: mini ended before it was ready (it is gone)"), "{error}");
        assert!(error.contains("no connection to 127.0.0.1"), "{error}");
        assert!(error.contains("mini.log:\nwrong version"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_never_becomes_ready_is_told_in_time() {
    let fixture = Fixture::new().await;
    let (cluster, node) = (&fixture.cluster, fixture.node());
    let probes = [
        ("tcp = \"{host}:{port.client}\"", "no connection to 127.0.0.1"),
        ("command = [\"perl\", \"-e\", \"die qq(not yet)\"]", "ended with code 255: not yet"),
    ];
    for (probe, answer) in probes {
        let lifecycle = fixture.lifecycle(|text| {
            text.replace(SERVER, "print qq(up\\n); sleep 100")
                .replace("tcp = \"{host}:{port.client}\"", probe)
                .replace("20s", "1500ms")
        });
        within(60, async {
            lifecycle.wipe(cluster, node).await.unwrap();
            lifecycle.start(cluster, node).await.unwrap();
            let error = lifecycle.await_ready(cluster, node, soon()).await.unwrap_err();
            assert!(error.starts_with("n1: mini is not ready after"), "{error}");
            assert!(error.contains("s (it is running); the last answer was: "), "{error}");
            assert!(error.contains(answer), "{error}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_command_on_the_node_can_say_that_it_is_ready() {
    let fixture = Fixture::new().await;
    let (cluster, node) = (&fixture.cluster, fixture.node());
    let lifecycle = fixture.lifecycle(|text| {
        text.replace(
            "tcp = \"{host}:{port.client}\"",
            "command = [\"test\", \"{name}\", \"=\", \"n1\"]",
        )
    });
    within(60, lifecycle.await_ready(cluster, node, soon())).await.unwrap();
}

#[tokio::test]
async fn an_absent_program_is_told_with_the_remedy() {
    let fixture = Fixture::new().await;
    let (cluster, node) = (&fixture.cluster, fixture.node());
    let absent = |text: String| text.replace("program = \"perl\"", "program = \"no-such-program\"");
    let packaged = |text: String| {
        absent(text).replace("[install]", "[install]\npackages = [\"no-such-package\"]")
    };
    let cases = [
        (fixture.lifecycle(absent), "install it on n1 and have it on PATH"),
        (fixture.lifecycle(absent).layered(true), "install it on this machine"),
        (
            fixture.lifecycle(packaged).layered(true),
            "install it on this machine: apt-get install no-such-package",
        ),
    ];
    for (lifecycle, remedy) in cases {
        let error = within(60, lifecycle.install(cluster, node)).await.unwrap_err();
        let or = "correct `program` under [install] of its database.toml";
        let wanted = format!("n1: mini needs the program `no-such-program`: {remedy}, or {or}");
        assert_eq!(error, wanted);
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told() {
    let fixture = Fixture::new().await;
    let (cluster, node) = (&fixture.cluster, fixture.node());
    let lifecycle =
        fixture.lifecycle(|text| text.replace("command = [\"perl\"", "command = [\"/no/such\""));
    within(60, async {
        lifecycle.wipe(cluster, node).await.unwrap();
        let error = lifecycle.start(cluster, node).await.unwrap_err();
        assert!(error.contains("the agent on n1 refused") && error.contains("/no/such"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn data_that_cannot_be_removed_is_told() {
    let fixture = Fixture::new().await;
    let (cluster, node) = (&fixture.cluster, fixture.node());
    let lifecycle = fixture.lifecycle(|text| text);
    // A directory cannot be removed as if it were a log file, not even by root.
    std::fs::create_dir_all(fixture.sshd.path("logs/mini.log/x")).unwrap();
    let error = within(60, lifecycle.wipe(cluster, node)).await.unwrap_err();
    assert!(error.starts_with("n1: `rm -f -- ") && error.contains("ended with code 1"), "{error}");
    // Nobody else holds on to the agent: its process, had it one, would end here.
    assert_eq!(Arc::strong_count(&node.agent), 1);
}
