//! Runs as they come from a cluster, made from a seed: load, faults, answers, logs.

use crate::Seed;
use crate::report::*;
use perjury_checkers::{Anomaly, Event, Finding, History, Kind, Process};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const MS: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000 * MS;

/// A run with all that its report is made of.
pub(super) struct Run {
    pub(super) results: Results,
    pub(super) history: History,
    pub(super) logs: Vec<LogExcerpt>,
}

impl Run {
    pub(super) fn input(&self) -> ReportInput<'_> {
        ReportInput {
            results: &self.results,
            history: &self.history,
            plan_toml: PLAN,
            logs: &self.logs,
            reproduce: "perjury test demo --workload register --bug stale-reads --seed 4711",
        }
    }
}

const PLAN: &str =
    "database = \"demo\"\nworkload = \"register\"\nseed = 4711\n\n[load]\nconcurrency = 10\n";

/// Events out of order of time, put in order and numbered at the end.
#[derive(Default)]
pub(super) struct Script {
    events: Vec<(u64, Event)>,
}

impl Script {
    pub(super) fn push(&mut self, time: u64, process: Process, kind: Kind, f: &str, value: Value) {
        let node = process.client().map(|number| format!("n{}", number % 5 + 1).as_str().into());
        let event = Event {
            index: 0,
            time,
            process,
            kind,
            f: f.into(),
            value,
            node,
            error: None,
            due: None,
        };
        self.events.push((time, event));
    }

    /// A call of a process with its answer, `length` later.
    pub(super) fn call(
        &mut self,
        process: u32,
        time: u64,
        length: u64,
        f: &str,
        (input, kind, output): (Value, Kind, Value),
    ) {
        self.push(time, Process::Client(process), Kind::Invoke, f, input);
        self.push(time + length, Process::Client(process), kind, f, output);
    }

    pub(super) fn error(&mut self, error: &str) {
        self.events.last_mut().unwrap().1.error = Some(error.into());
    }

    /// An operation of the nemesis with what came of it.
    pub(super) fn nemesis(&mut self, time: u64, length: u64, f: &str, asked: Value, came: Value) {
        self.push(time, Process::Nemesis, Kind::Info, f, asked);
        self.push(time + length, Process::Nemesis, Kind::Info, f, came);
    }

    pub(super) fn history(mut self) -> History {
        self.events.sort_by_key(|(time, event)| (*time, event.kind == Kind::Invoke));
        let number =
            |(index, (_, event)): (usize, (u64, Event))| Event { index: index as u64, ..event };
        History::new(self.events.into_iter().enumerate().map(number).collect()).unwrap()
    }
}

pub(super) fn pairs() -> Vec<Pair> {
    vec![Pair::new("kill", "start"), Pair::new("pause", "resume"), Pair::new("cut", "mend")]
}

/// Kills, pauses and cuts of nodes in turn, with evidence as agents give it.
pub(super) fn nemesis(script: &mut Script, end: u64) {
    let (installed, healed) = (|seen| came("installed", seen), |seen| came("healed", seen));
    let mut time = 4 * SECOND;
    for turn in 0.. {
        if time + 5 * SECOND > end {
            break;
        }
        let node = format!("n{}", turn % 5 + 1);
        let later = time + 4 * SECOND;
        match turn % 3 {
            0 => {
                let dead = json!({"nodes": {&node: {"pid": 4012 + turn, "alive": false}}});
                script.nemesis(time, 31 * MS, "kill", json!([node]), installed(dead));
                let up = json!({"nodes": {&node: {"pid": 4100 + turn, "ready_ms": 412}}});
                script.nemesis(later - SECOND, 420 * MS, "start", json!([node]), healed(up));
            }
            1 => {
                let stopped = json!({"nodes": {&node: {"pid": 3990, "state": "T (stopped)"}}});
                script.nemesis(time, 12 * MS, "pause", json!([node]), installed(stopped));
                let running = json!({"state": "S (sleeping)"});
                script.nemesis(later, 9 * MS, "resume", json!([node]), healed(running));
            }
            _ => {
                let probes = json!([
                    {"from": "n1", "to": "n3", "answered": false},
                    {"from": "n1", "to": "n2", "answered": true},
                ]);
                let cut = json!({"links_cut": 12, "frames_dropped": 847, "probes": probes});
                let halves = json!([["n1", "n2"], ["n3", "n4", "n5"]]);
                script.nemesis(time, 48 * MS, "cut", halves, installed(cut));
                let whole = json!({"links_cut": 0, "probes_answered": 20});
                script.nemesis(later, 30 * MS, "mend", Value::Null, healed(whole));
            }
        }
        time += 6 * SECOND;
    }
    let skipped = json!({"outcome": "skipped", "reason": "n2 is down already"});
    script.nemesis(end - 900 * MS, 5 * MS, "pause", json!(["n2"]), skipped);
}

fn came(outcome: &str, evidence: Value) -> Value {
    json!({"outcome": outcome, "evidence": evidence})
}

/// Reads, writes and compare-and-sets on ten keys, slower and failing now and then.
pub(super) fn load(script: &mut Script, count: usize, end: u64) {
    let mut rng = Seed::root(7).rng();
    let mut process: Vec<u32> = (0..10).collect();
    let mut free = [0_u64; 10];
    let step = (end * 38 / count.max(1) as u64).max(1);
    for _ in 0..count {
        let worker = (0..10).min_by_key(|worker| free[*worker]).unwrap();
        let time = free[worker] + rng.random_range(step / 20..step / 4);
        let slow = rng.random_range(0..100) < if time / SECOND % 6 > 3 { 12 } else { 2 };
        let length = if slow {
            rng.random_range(step / 4..step * 2)
        } else {
            rng.random_range(step / 60..step / 8)
        };
        let (f, asked, answer) = ask(&mut rng);
        let fate = rng.random_range(0..1000);
        let (kind, error) = match fate {
            0..8 => (Kind::Info, Some("no answer within 1 s: the connection was closed")),
            8..40 => (Kind::Fail, Some("leader changed before the entry was proposed")),
            _ => (Kind::Ok, None),
        };
        let output = if kind == Kind::Ok { answer } else { asked.clone() };
        script.call(process[worker], time, length, f, (asked, kind, output));
        if let Some(error) = error {
            script.error(error);
        }
        if kind == Kind::Info {
            process[worker] += 10;
        }
        free[worker] = time + length;
    }
}

fn ask(rng: &mut ChaCha8Rng) -> (&'static str, Value, Value) {
    let (key, value) = (rng.random_range(0..10), rng.random_range(0..5));
    match rng.random_range(0..3) {
        0 => ("read", json!([key, null]), json!([key, value])),
        1 => ("write", json!([key, value]), json!([key, value])),
        _ => ("cas", json!([key, [value, 4]]), json!([key, [value, 4]])),
    }
}

pub(super) fn subject(workload: &str) -> Subject {
    let options = [
        ("concurrency", "10"),
        ("nemesis", "kill,pause,partition"),
        ("rate", "200"),
        ("time-limit", "60s"),
    ];
    Subject {
        tool: "perjury 0.1.0".to_owned(),
        host: "Linux 6.1.0 x86_64, 2 CPUs".to_owned(),
        name: format!("demo-{workload}"),
        database: "demo".to_owned(),
        workload: workload.to_owned(),
        seed: 4711,
        started: "2026-01-02T03:04:05Z".parse().unwrap(),
        nodes: (1..=5).map(|node| format!("n{node}")).collect(),
        options: options
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    }
}

pub(super) fn phases(end: u64) -> Vec<Phase> {
    let phase = |name: &str, from_ns, to_ns| Phase { name: name.to_owned(), from_ns, to_ns };
    vec![
        phase("main", 0, end - 2 * SECOND),
        phase("settle", end - 2 * SECOND, end - SECOND),
        phase("final", end - SECOND, end),
    ]
}

pub(super) fn evidence(findings: Vec<Finding>, end: u64) -> Evidence {
    let expectations = Expectations {
        functions: Vec::new(),
        faults: ["kill", "pause", "cut"].map(str::to_owned).to_vec(),
        final_reads_from: None,
    };
    Evidence {
        phases: phases(end),
        findings,
        fault_pairs: pairs(),
        expectations,
        ..Evidence::default()
    }
}

/// A run of `count` operations; `plant` adds to it and says what checkers would find.
pub(super) fn run(
    workload: &str,
    count: usize,
    plant: impl FnOnce(&mut Script) -> Box<dyn Fn(&History) -> Vec<Finding>>,
) -> Run {
    let end = 60 * SECOND;
    let mut script = Script::default();
    load(&mut script, count, end);
    nemesis(&mut script, end);
    let find = plant(&mut script);
    let history = script.history();
    let findings = find(&history);
    let results = Results::new(subject(workload), &history, evidence(findings, end));
    Run { results, history, logs: logs() }
}

fn logs() -> Vec<LogExcerpt> {
    let line = |n: u32| {
        format!(
            "2026-01-02T03:04:{:02}.{:03}Z INFO raft: appended entry {} term 3\n",
            n / 10 % 60,
            n * 97 % 1000,
            800 + n
        )
    };
    let log = |node: &str| LogExcerpt {
        node: node.to_owned(),
        file: "demo.log (last lines)".to_owned(),
        text: (0..40)
            .map(line)
            .chain(["\u{1b}[33mWARN\u{1b}[0m raft: lost leader n1, starting election\n".to_owned()])
            .collect(),
    };
    vec![log("n1"), log("n2"), log("n3")]
}

/// The invocation index of the first call for which `wanted` holds.
pub(super) fn index_of(history: &History, wanted: impl Fn(&Event) -> bool) -> u64 {
    history.events().iter().find(|event| event.kind == Kind::Invoke && wanted(event)).unwrap().index
}

/// A finding with these anomalies, as a checker writes it.
pub(super) fn invalid(checker: &str, anomalies: Vec<Anomaly>) -> Finding {
    Finding::invalid(checker, anomalies, json!({"keys": 10, "operations": 4811}))
}
