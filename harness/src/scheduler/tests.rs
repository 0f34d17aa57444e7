//! Tests of the scheduler, on a real runtime.

mod outcomes;
mod running;

use super::*;
use crate::client::{Client, DynClient, Failure};
use crate::generator;
use crate::{BoxFuture, BoxGenerator};
use perjury_checkers::{Event, Kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the clients of a test do, and what was seen of them.
struct Script {
    nodes: usize,
    /// What connecting the nth client of a worker does: "ok", "refuse", "hang", "panic".
    connect: fn(usize) -> &'static str,
    latency: fn(&Op) -> Duration,
    opened: Mutex<BTreeMap<usize, usize>>,
    dropped: Arc<AtomicUsize>,
}

impl Script {
    fn new() -> Self {
        Self {
            nodes: 2,
            connect: |_| "ok",
            latency: |_| Duration::ZERO,
            opened: Mutex::default(),
            dropped: Arc::default(),
        }
    }

    /// Attempts to connect, over all workers.
    fn opened(&self) -> usize {
        self.opened.lock().unwrap().values().sum()
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

/// How long a slow connection takes to be made.
const SLOW: Duration = Duration::from_millis(500);

/// A client that does what the operation's function says.
struct Scripted {
    latency: fn(&Op) -> Duration,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Client for Scripted {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let latency = (self.latency)(op);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match &*op.f {
            "definite" => Err(Failure::Definite("rejected".to_owned())),
            "idle" => Err(Failure::NotAsked("not held".to_owned())),
            "declined" => Err(Failure::Declined("held".to_owned())),
            "indefinite" => Err(std::io::Error::other("connection reset"))?,
            "unexpected" => Err(Failure::Unexpected("reply 7 of unknown kind".to_owned())),
            "panic" => panic!("index out of bounds, say"),
            "hang" => std::future::pending().await,
            "block" => {
                std::thread::sleep(Duration::from_secs(3));
                Ok(Value::Null)
            }
            _ => Ok(json!([op.value, "done"])),
        }
    }
}

impl OpenClient for Script {
    fn open(&self, worker: usize) -> BoxFuture<'_, Result<Box<dyn DynClient>, String>> {
        Box::pin(async move {
            let count = {
                let mut opened = self.opened.lock().unwrap();
                let count = opened.entry(worker).or_default();
                *count += 1;
                *count
            };
            match (self.connect)(count) {
                "refuse" => Err("connection refused".to_owned()),
                "hang" => std::future::pending().await,
                "panic" => panic!("no such configuration, say"),
                word => {
                    if word == "slow" {
                        tokio::time::sleep(SLOW).await;
                    }
                    let dropped = Arc::clone(&self.dropped);
                    Ok(Box::new(Scripted { latency: self.latency, dropped }) as Box<dyn DynClient>)
                }
            }
        })
    }

    fn node_name(&self, worker: usize) -> Option<Name> {
        Some(format!("n{}", worker % self.nodes + 1).into())
    }

    fn node_count(&self) -> usize {
        self.nodes
    }
}

/// A nemesis that answers with what it was asked, or panics, or hangs.
struct Breaker;

impl NemesisHandler for Breaker {
    fn invoke<'a>(&'a self, op: &'a Op) -> BoxFuture<'a, NemesisAnswer> {
        Box::pin(async move {
            match &*op.f {
                "panic" => panic!("no such node, say"),
                "hang" => std::future::pending().await,
                "skip" => NemesisAnswer { value: Value::Null, error: Some("skipped".to_owned()) },
                _ => NemesisAnswer { value: json!({ "evidence": op.value }), error: None },
            }
        })
    }
}

/// A scheduler with a history in a directory of its own.
struct Rig {
    scheduler: Scheduler,
    script: Arc<Script>,
    stop: Stop,
    path: std::path::PathBuf,
    _dir: tempfile::TempDir,
}

impl Rig {
    fn new(script: Script, concurrency: usize) -> Self {
        Self::with(script, concurrency, |_| {})
    }

    fn with(script: Script, concurrency: usize, change: fn(&mut SchedulerConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        let script = Arc::new(script);
        let mut config = SchedulerConfig {
            clients: Arc::clone(&script) as Arc<dyn OpenClient>,
            concurrency,
            nemesis: Arc::new(Breaker),
            operation_timeout: Duration::from_millis(100),
            nemesis_timeout: Duration::from_millis(200),
            seed: Seed::root(1),
            start: Instant::now(),
            progress: Arc::default(),
        };
        change(&mut config);
        let stop = Stop::new();
        let history = LiveHistory::create(&path).unwrap();
        let scheduler = Scheduler::new(config, history, stop.clone()).unwrap();
        Self { scheduler, script, stop, path, _dir: dir }
    }

    /// One phase and the end.
    async fn run(mut self, generator: BoxGenerator) -> (PhaseSummary, Vec<Event>, Arc<Script>) {
        let summary = self.scheduler.phase(generator).await.unwrap();
        let count = self.scheduler.finish().await.unwrap();
        let events = read(&self.path);
        assert_eq!(events.len() as u64, count);
        well_formed(&events);
        (summary, events, self.script)
    }
}

fn read(path: &std::path::Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What every history has to be, whatever happened.
fn well_formed(events: &[Event]) {
    let mut open: BTreeMap<Process, Name> = BTreeMap::new();
    let mut ended = std::collections::BTreeSet::new();
    let mut last = 0;
    for (position, event) in events.iter().enumerate() {
        assert_eq!(event.index, position as u64);
        assert!(event.time >= last, "time goes back at {event:?}");
        last = event.time;
        let begins = event.kind == Kind::Invoke
            || event.process == Process::Nemesis && !open.contains_key(&event.process);
        if begins {
            assert!(!ended.contains(&event.process), "{event:?} of a process that had ended");
            assert_eq!(open.insert(event.process, event.f.clone()), None, "{event:?}");
        } else {
            assert_eq!(open.remove(&event.process), Some(event.f.clone()), "{event:?}");
            if event.kind == Kind::Info && event.process != Process::Nemesis {
                ended.insert(event.process);
            }
        }
        assert_eq!(event.node.is_some(), event.process != Process::Nemesis);
    }
    assert!(open.is_empty(), "open at the end: {open:?}");
}

fn ask(f: &str) -> BoxGenerator {
    generator::op(Op::new(f, json!(1)))
}

fn all_of(fs: &[&str]) -> BoxGenerator {
    generator::on_clients(generator::from_ops(fs.iter().map(|f| Op::new(*f, json!(1)))))
}

/// The completions: process, type, error.
fn completions(events: &[Event]) -> Vec<(Process, Kind, Option<String>)> {
    let completed = events.iter().filter(|event| event.kind != Kind::Invoke);
    completed.map(|e| (e.process, e.kind, e.error.as_deref().map(str::to_owned))).collect()
}
