//! Real servers on loopback addresses, with ports and directories of their own.

use crate::protocol::command;
use crate::session::{Login, Resp};
use perjury_wire::{Connection, WireError};
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

pub(super) const READY_LIMIT: Duration = Duration::from_secs(60);

/// Processes, killed when dropped. All nodes listen on the same ports, each on its own address.
pub(super) struct Servers {
    children: Vec<(IpAddr, Child)>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) port: u16,
    pub(super) sentinel: u16,
    bus: u16,
    data: tempfile::TempDir,
}

impl Drop for Servers {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Addresses and ports that nobody else has: all of 127.0.0.0/8 is loopback.
fn places(count: usize) -> (Vec<IpAddr>, [u16; 3]) {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    let pid = std::process::id();
    let net = TAKEN.fetch_add(8, Ordering::Relaxed);
    let [_, _, high, low] = pid.to_be_bytes();
    let addresses: Vec<IpAddr> = (0..count)
        .map(|index| [127, 1 + high % 250, low, 1 + net + u8::try_from(index).unwrap()].into())
        .collect();
    let sockets: Vec<TcpListener> =
        (0..3).map(|_| TcpListener::bind((addresses[0], 0)).unwrap()).collect();
    let ports = [0, 1, 2].map(|at: usize| sockets[at].local_addr().unwrap().port());
    (addresses, ports)
}

impl Servers {
    /// `count` servers with `arguments`, all ready. `None` where Redis is not installed, which
    /// continuous integration does not get away with.
    pub(super) async fn start(count: usize, arguments: &[&str]) -> Option<Self> {
        if !installed("redis-server") {
            return None;
        }
        let (addresses, [port, sentinel, bus]) = places(count);
        let data = tempfile::tempdir().unwrap();
        let mut servers =
            Self { children: Vec::new(), addresses: addresses.clone(), port, sentinel, bus, data };
        let bus = bus.to_string();
        let mut arguments = arguments.to_vec();
        if arguments.contains(&"--cluster-enabled") {
            arguments.extend(["--cluster-port", &*bus]);
        }
        for address in addresses {
            servers.run(address, &arguments);
        }
        for at in 0..count {
            servers.ready(servers.address(at)).await;
        }
        Some(servers)
    }

    /// The server at position `at`.
    pub(super) fn address(&self, at: usize) -> SocketAddr {
        SocketAddr::new(self.addresses[at], self.port)
    }

    fn run(&mut self, address: IpAddr, arguments: &[&str]) {
        let folder = self.data.path().join(address.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let child = Command::new("redis-server")
            .args(["--bind", &address.to_string(), "--bind-source-addr", &address.to_string()])
            .args(["--port", &self.port.to_string(), "--dir"])
            .arg(folder)
            .args(["--save", "", "--protected-mode", "no", "--repl-diskless-sync-delay", "0"])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.children.push((address, child));
    }

    async fn ready(&self, address: SocketAddr) {
        let began = Instant::now();
        while ask(address, &["PING"]).await.is_err() {
            assert!(began.elapsed() < READY_LIMIT, "{address} is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes all others replicas of the first.
    pub(super) async fn replicate(&self) {
        let first = self.addresses[0].to_string();
        for at in 1..self.addresses.len() {
            let words = ["REPLICAOF", &first, &self.port.to_string()];
            ask(self.address(at), &words).await.unwrap();
        }
    }

    /// A Sentinel beside each server, all watching the first.
    pub(super) async fn watch(&mut self) {
        let (first, port) = (self.addresses[0], self.port);
        for at in 0..self.addresses.len() {
            let address = self.addresses[at];
            let file = self.data.path().join(format!("sentinel-{address}.conf"));
            let text = format!(
                "bind {address}\nbind-source-addr {address}\nport {}\nprotected-mode no\n\
                 sentinel monitor mymaster {first} {port} 2\n\
                 sentinel down-after-milliseconds mymaster 500\n\
                 sentinel failover-timeout mymaster 2000\n",
                self.sentinel
            );
            std::fs::write(&file, text).unwrap();
            let child =
                Command::new("redis-sentinel").arg(file).stdout(Stdio::null()).spawn().unwrap();
            self.children.push((address, child));
        }
        for address in &self.addresses {
            self.ready(SocketAddr::new(*address, self.sentinel)).await;
        }
    }

    /// Makes a cluster of masters.
    pub(super) fn join(&self) {
        let nodes =
            self.addresses.iter().map(|address| format!("{address}:{}@{}", self.port, self.bus));
        // It waits for ever where nodes do not find each other.
        let output = Command::new("timeout")
            .args(["60", "redis-cli", "--cluster", "create"])
            .args(nodes)
            .args(["--cluster-replicas", "0", "--cluster-yes"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Kills all processes of the node at position `at`.
    pub(super) fn kill(&mut self, at: usize) {
        let gone = self.addresses[at];
        for (address, child) in &mut self.children {
            if *address == gone {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
    }
}

fn installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "install {program} for this test");
        let _ = writeln!(std::io::stderr(), "skipped: {program} is not installed");
    }
    found
}

/// One command on a connection of its own; its answer as text.
pub(super) async fn ask(address: SocketAddr, words: &[&str]) -> Result<String, WireError> {
    let asked = command(words);
    let mut connection = Connection::<Resp>::open(address, Login::default()).await?;
    let answer = connection
        .exchange(|session| Box::pin(async move { session.single(&asked).await }))
        .await?;
    Ok(format!("{answer:?}"))
}
