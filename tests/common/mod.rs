//! What the end-to-end tests share: running the real binary, and looking for what it left behind.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The binary under test.
pub const PERJURY: &str = env!("CARGO_BIN_EXE_perjury");

/// One cluster at a time: five nodes and their load are enough for two cores.
static CLUSTER: Mutex<()> = Mutex::new(());

/// A folder for a test's store, and the right to run a cluster.
pub struct Bench {
    pub dir: tempfile::TempDir,
    before: BTreeSet<u32>,
    _turn: Option<MutexGuard<'static, ()>>,
}

/// What a run of the binary ended with.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Bench {
    pub fn new() -> Self {
        let turn = CLUSTER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            before: isolated(),
            _turn: Some(turn),
        }
    }

    /// One among several at a time: clusters do not see each other. Nothing can be said then of
    /// what one of them left behind.
    pub fn beside_others() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self { dir, before: BTreeSet::new(), _turn: None }
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// `perjury ARGUMENTS...` with this bench's store, ready to be spawned.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PERJURY);
        command
            .args(arguments)
            .env("PERJURY_STORE", self.store())
            .env("NO_COLOR", "1")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let began = Instant::now();
        let output = self.command(arguments).output().expect("the binary runs");
        Ran::new(&output, began.elapsed())
    }

    /// `results.json` of the latest run.
    pub fn results(&self) -> Value {
        let path = self.latest().join("results.json");
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).expect("results.json is JSON")
    }

    pub fn latest(&self) -> PathBuf {
        self.store().join("latest")
    }

    /// Fails unless every process in a namespace of its own is gone, waiting `patience` for it.
    #[track_caller]
    pub fn assert_nothing_left(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let left: Vec<u32> = isolated().difference(&self.before).copied().collect();
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "left behind: {:?}", describe(&left));
            std::thread::sleep(Duration::from_millis(20));
        }
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mount table");
        let ours: Vec<&str> = mounts.lines().filter(|line| line.contains("perjury")).collect();
        assert!(ours.is_empty(), "mounts left behind: {ours:?}");
    }
}

impl Ran {
    fn new(output: &Output, took: Duration) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took,
        }
    }

    /// Fails with everything that was printed unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.code,
            Some(code),
            "exit code after {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.took,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Fails unless standard error contains `text`.
    #[track_caller]
    pub fn expect_error(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "`{text}` is not in:\n{}", self.stderr);
        self
    }
}

/// Processes in another pid namespace than ours: nodes, and what runs on them.
fn isolated() -> BTreeSet<u32> {
    let ours = fs::read_link("/proc/self/ns/pid").expect("our namespace");
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    pids.filter(|pid: &u32| {
        fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|namespace| namespace != ours)
    })
    .collect()
}

fn describe(pids: &[u32]) -> Vec<String> {
    let line = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.iter().take(8).map(|pid| format!("{pid}: {}", line(pid).replace('\0', " "))).collect()
}

/// Kinds of all anomalies in a `results.json`.
pub fn anomaly_kinds(results: &Value) -> BTreeSet<String> {
    let findings = results["findings"].as_array().into_iter().flatten();
    let anomalies =
        findings.flat_map(|finding| finding["anomalies"].as_array().into_iter().flatten());
    anomalies.filter_map(|anomaly| anomaly["kind"].as_str().map(str::to_owned)).collect()
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A real OpenSSH server on loopback, for one login with one key.
pub struct Sshd {
    child: std::process::Child,
    /// An ssh_config in which the host `n1` is this server.
    pub config: String,
}

impl Sshd {
    /// Starts one whose files live in `dir`. Needs the package openssh-server.
    pub fn start(dir: &Path) -> Self {
        let at = |name: &str| dir.join(name).display().to_string();
        for key in ["host_key", "user_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)])
                .status()
                .expect("ssh-keygen runs: install openssh-client");
            assert!(made.success());
        }
        fs::copy(at("user_key.pub"), at("authorized_keys")).expect("a copy");
        let port = free_port();
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n",
            at("host_key"),
            at("authorized_keys")
        );
        fs::write(at("sshd_config"), server).expect("a file");
        // Where OpenSSH locks itself up before a login; absent until a service made it.
        let _ = fs::create_dir_all("/run/sshd");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd runs: install openssh-server");
        let user =
            nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().expect("a user").name;
        let client = format!(
            "Host n1\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {}\n  \
             IdentitiesOnly yes\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {}\n",
            at("user_key"),
            at("known_hosts")
        );
        fs::write(at("ssh_config"), client).expect("a file");
        wait_for(port);
        Self { child, config: at("ssh_config") }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("its address").port()
}

fn wait_for(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nobody listens on port {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
