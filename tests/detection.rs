//! Sensitivity: each bug planted in the demo database is found, and named rightly.
//!
//! `PERJURY_SEEDS=10 cargo test --release --test detection -- --nocapture` prints the table of
//! docs/demo.md.

#![expect(clippy::print_stdout, reason = "the table is what this test is for")]

mod common;

use common::{Bench, anomaly_kinds};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs at the same time: they wait more than they work.
const JOBS: usize = 4;
/// Seeds from which on their share says something.
const ENOUGH: usize = 10;

/// What one run of one bug came to.
struct Trial {
    bug: usize,
    seconds: f64,
    code: Option<i32>,
    kinds: BTreeSet<String>,
}

#[test]
fn every_planted_bug_is_found_and_named() {
    let seeds = number("PERJURY_SEEDS", 1);
    let only = std::env::var("PERJURY_BUG").ok();
    let bugs: Vec<Value> =
        bugs().into_iter().filter(|bug| only.iter().all(|o| bug["name"] == **o)).collect();
    assert!(bugs.len() >= 10 || only.is_some(), "there are {} planted bugs", bugs.len());
    let mut trials = try_all(&bugs, 1..=seeds);
    if seeds < ENOUGH {
        try_again(&bugs, seeds, &mut trials);
    }
    let table: Vec<Row> =
        bugs.iter().enumerate().map(|(at, bug)| Row::new(at, bug, &trials)).collect();
    println!("{}", render(&table));
    for row in &table {
        // Nine of ten; with a few seeds, any of them.
        let needed = if seeds < ENOUGH { 1 } else { seeds - seeds / 10 };
        assert!(
            row.found >= needed,
            "{}: found with {} of {} seeds",
            row.bug,
            row.found,
            row.seeds
        );
    }
}

/// A read of which each key comes from a moment of its own sees a later insert without an earlier one.
#[test]
fn torn_transactions_show_as_causal_reverse() {
    let found = (1..=3).any(|seed| {
        let bench = Bench::beside_others();
        let seed = seed.to_string();
        let mut words = vec!["test", "--bug", "torn-transactions", "--nemesis", "none"];
        words.extend(["--workload", "causal-reverse", "--time-limit", "10s", "--seed", &seed]);
        let ran = bench.run(&words);
        println!("seed {seed}: exit {:?}", ran.code);
        ran.code == Some(1) && anomaly_kinds(&bench.results()).contains("causal-reverse")
    });
    assert!(found, "no seed of three shows a key without one before it");
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn bugs() -> Vec<Value> {
    let ran = Bench::beside_others().run(&["databases", "demo", "--json"]);
    let database: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    database["bugs"].as_array().expect("bugs").clone()
}

/// Two more seeds for each bug that was missed: chance decides whether one run meets it, and on a
/// slow machine it sometimes does not.
fn try_again(bugs: &[Value], seeds: usize, trials: &mut Vec<Trial>) {
    for seed in seeds + 1..=seeds + 2 {
        let found = |at: usize, bug: &Value| {
            trials.iter().any(|t| t.bug == at && is_found(bug, t.code, &t.kinds))
        };
        let missed: Vec<usize> = (0..bugs.len()).filter(|at| !found(*at, &bugs[*at])).collect();
        trials.extend(missed.into_iter().map(|at| try_one(at, bugs, seed)));
    }
}

/// Every bug with every seed, some at a time.
fn try_all(bugs: &[Value], seeds: RangeInclusive<usize>) -> Vec<Trial> {
    let tasks: Vec<(usize, usize)> =
        seeds.flat_map(|seed| (0..bugs.len()).map(move |at| (at, seed))).collect();
    let next = AtomicUsize::new(0);
    let trials = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let Some((at, seed)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let trial = try_one(*at, bugs, *seed);
                    trials.lock().expect("no panic").push(trial);
                }
            });
        }
    });
    trials.into_inner().expect("no panic")
}

fn try_one(at: usize, bugs: &[Value], seed: usize) -> Trial {
    let name = bugs[at]["name"].as_str().expect("a name");
    let bench = Bench::beside_others();
    let ran = bench.run(&["test", "--bug", name, "--seed", &seed.to_string()]);
    let kinds = if ran.code == Some(1) { anomaly_kinds(&bench.results()) } else { BTreeSet::new() };
    if !is_found(&bugs[at], ran.code, &kinds) {
        println!(
            "{name}, seed {seed}: exit {:?}, {kinds:?}\n{}{}",
            ran.code, ran.stdout, ran.stderr
        );
    }
    Trial { bug: at, seconds: ran.took.as_secs_f64(), code: ran.code, kinds }
}

/// An anomaly, and one of those that the bug is documented to cause.
fn is_found(bug: &Value, code: Option<i32>, kinds: &BTreeSet<String>) -> bool {
    let mut expected = bug["anomalies"].as_array().into_iter().flatten().filter_map(Value::as_str);
    code == Some(1) && expected.any(|kind| kinds.contains(kind))
}

struct Row {
    bug: String,
    found: usize,
    seeds: usize,
    seconds: f64,
    kinds: BTreeMap<String, usize>,
}

impl Row {
    fn new(at: usize, bug: &Value, trials: &[Trial]) -> Self {
        let of: Vec<&Trial> = trials.iter().filter(|trial| trial.bug == at).collect();
        let mut kinds = BTreeMap::new();
        for kind in of.iter().flat_map(|trial| &trial.kinds) {
            *kinds.entry(kind.clone()).or_default() += 1;
        }
        Self {
            bug: bug["name"].as_str().unwrap_or_default().to_owned(),
            found: of.iter().filter(|trial| is_found(bug, trial.code, &trial.kinds)).count(),
            seeds: of.len(),
            seconds: of.iter().map(|trial| trial.seconds).sum::<f64>() / of.len().max(1) as f64,
            kinds,
        }
    }
}

fn render(rows: &[Row]) -> String {
    let mut text = String::from("| bug | found | seconds | reported as |\n|---|---|---|---|\n");
    for row in rows {
        let kinds: Vec<String> =
            row.kinds.iter().map(|(kind, times)| format!("{kind} ({times})")).collect();
        let Row { bug, found, seeds, seconds, .. } = row;
        let _ =
            writeln!(text, "| `{bug}` | {found}/{seeds} | {seconds:.0} | {} |", kinds.join(", "));
    }
    text
}
