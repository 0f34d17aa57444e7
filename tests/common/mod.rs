//! What the end-to-end tests share: running the real binary, and looking for what it left behind.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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
    mounts: BTreeSet<String>,
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
            mounts: mounts(),
            _turn: Some(turn),
        }
    }

    /// One among several at a time: clusters do not see each other. Nothing can be said then of
    /// what one of them left behind.
    pub fn beside_others() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self { dir, mounts: mounts(), _turn: None }
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

    /// Processes of this bench's clusters: the nodes, and what runs on them. Those of other
    /// clusters on this machine are told apart by the store that they were started with.
    pub fn isolated(&self) -> BTreeSet<u32> {
        isolated(&self.store())
    }

    /// Fails unless every process of this bench's clusters is gone, waiting `patience` for it.
    #[track_caller]
    pub fn assert_nothing_left(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let left: Vec<u32> = self.isolated().into_iter().collect();
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "left behind: {:?}", describe(&left));
            std::thread::sleep(Duration::from_millis(20));
        }
        let all = mounts();
        let new: Vec<&String> = all.difference(&self.mounts).collect();
        assert!(new.is_empty(), "mounts left behind: {new:?}");
    }
}

impl Ran {
    pub fn new(output: &Output, took: Duration) -> Self {
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

/// Mounts of Perjury's own that this process sees.
fn mounts() -> BTreeSet<String> {
    let table = fs::read_to_string("/proc/self/mounts").expect("the mount table");
    table.lines().filter(|line| line.contains("perjury")).map(str::to_owned).collect()
}

/// Processes in pid namespaces other than ours in which any was started with `store`.
fn isolated(store: &Path) -> BTreeSet<u32> {
    let ours = fs::read_link("/proc/self/ns/pid").expect("our namespace");
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    let mut by_namespace: BTreeMap<PathBuf, Vec<u32>> = BTreeMap::new();
    for pid in pids.filter(|pid: &u32| !is_zombie(*pid)) {
        if let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/pid"))
            && namespace != ours
        {
            by_namespace.entry(namespace).or_default().push(pid);
        }
    }
    let store = format!("PERJURY_STORE={}", store.display());
    let is_ours = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == store.as_bytes())
    };
    by_namespace.into_values().filter(|pids| pids.iter().any(is_ours)).flatten().collect()
}

/// Whether it has ended, and only waits to be collected by whoever inherited it.
fn is_zombie(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .any(|line| line.starts_with("State:") && (line.contains('Z') || line.contains('X')))
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
