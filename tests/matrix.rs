//! The matrix: how often each workload finds each bug of the demo database, and that none finds
//! anything where there is no bug.
//!
//! `PERJURY_MATRIX=10 cargo test --release --test matrix -- --nocapture` runs what is missing of
//! ten seeds, some at a time, and can be stopped and begun again: what came of each run is a line of
//! `tests/data/matrix.csv`. `PERJURY_MATRIX_BUG=none` runs those without a bug, `PERJURY_MATRIX_MINUTES`
//! sets an end. `PERJURY_WRITE_DOCS=1 cargo test --test matrix` writes its table into
//! docs/demo.md.

#![expect(clippy::print_stdout, reason = "it takes hours, and tells how far it is")]

mod common;

use common::{Bench, anomaly_kinds, repository};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Where what came of the runs is kept.
const DATA: &str = "tests/data/matrix.csv";
const HEADER: &str = "workload,bug,seed,exit_code,anomalies";
/// The column without a bug.
const NONE: &str = "none";
/// Runs at the same time, if `PERJURY_MATRIX_JOBS` says nothing: they wait more than they work.
const JOBS: usize = 6;
/// The page, and what is around the table in it.
const PAGE: &str = "docs/demo.md";
const BEGIN: &str = "<!-- The matrix, made by `cargo test --test matrix`. -->\n";
const END: &str = "<!-- The end of the matrix. -->\n";

/// One run: workload, bug and seed.
type Cell = (String, String, usize);

/// What came of it: the exit code, -1 for none, and the kinds of anomalies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    code: i32,
    kinds: String,
}

fn data() -> BTreeMap<Cell, Outcome> {
    let text = fs::read_to_string(repository(DATA)).unwrap_or_default();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let [workload, bug, seed, code, kinds] = fields[..] else { panic!("{DATA}: {line}") };
        let cell = (workload.to_owned(), bug.to_owned(), seed.parse().expect("a seed"));
        (cell, Outcome { code: code.parse().expect("a code"), kinds: kinds.to_owned() })
    };
    text.lines().skip(1).map(row).collect()
}

/// Names of the workloads of the demo database, and of its bugs.
fn axes() -> (Vec<String>, Vec<String>) {
    let ran = Bench::beside_others().run(&["databases", "demo", "--json"]);
    let demo: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a name").to_owned();
    let workloads = demo["workloads"].as_array().expect("workloads").iter().map(text).collect();
    let bugs = demo["bugs"].as_array().expect("bugs").iter().map(|bug| text(&bug["name"]));
    (workloads, std::iter::once(NONE.to_owned()).chain(bugs).collect())
}

#[test]
fn what_is_missing_of_the_matrix_is_run_if_asked_for() {
    let Some(seeds) = number("PERJURY_MATRIX") else { return };
    let limit = number("PERJURY_MATRIX_MINUTES").unwrap_or(usize::MAX / 60) as u64;
    let deadline = Instant::now().checked_add(Duration::from_secs(limit.saturating_mul(60)));
    let (workloads, bugs) = axes();
    let done = data();
    let cells = (1..=seeds).flat_map(|seed| {
        let of = |workload: &String| {
            let cell = |bug: &String| (workload.clone(), bug.clone(), seed);
            bugs.iter().map(cell).collect::<Vec<Cell>>()
        };
        workloads.iter().flat_map(of).collect::<Vec<Cell>>()
    });
    let only = std::env::var("PERJURY_MATRIX_BUG").ok();
    let missing: Vec<Cell> = cells
        .filter(|cell| !done.contains_key(cell) && only.iter().all(|bug| cell.1 == *bug))
        .collect();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(done));
    std::thread::scope(|scope| {
        for _ in 0..number("PERJURY_MATRIX_JOBS").unwrap_or(JOBS) {
            scope.spawn(|| {
                while deadline.is_none_or(|deadline| Instant::now() < deadline)
                    && let Some(cell) = missing.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let outcome = run(cell);
                    println!("{cell:?}: {outcome:?}");
                    let mut all = all.lock().expect("no panic");
                    all.insert(cell.clone(), outcome);
                    keep(&all);
                }
            });
        }
    });
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

fn run((workload, bug, seed): &Cell) -> Outcome {
    let bench = Bench::beside_others();
    let seed = seed.to_string();
    let mut words = vec!["test", "--workload", workload, "--seed", &seed, "--time-limit", "10s"];
    match bug.as_str() {
        NONE => {
            words.extend(["--nemesis", "kill,pause,partition", "--nemesis-interval", "2s"]);
        }
        bug => words.extend(["--bug", bug]),
    }
    let ran = bench.run(&words);
    let kinds = match ran.code {
        Some(1) => anomaly_kinds(&bench.results()),
        _ => BTreeSet::new(),
    };
    if !matches!(ran.code, Some(0..=2)) || (bug == NONE && ran.code == Some(1)) {
        println!("{}{}", ran.stdout, ran.stderr);
    }
    let kinds: Vec<String> = kinds.into_iter().collect();
    Outcome { code: ran.code.unwrap_or(-1), kinds: kinds.join(" ") }
}

/// In one step, so that nothing is lost whenever it is stopped.
fn keep(all: &BTreeMap<Cell, Outcome>) {
    let mut text = format!("{HEADER}\n");
    for ((workload, bug, seed), Outcome { code, kinds }) in all {
        let _ = writeln!(text, "{workload},{bug},{seed},{code},{kinds}");
    }
    let (file, new) = (repository(DATA), repository(DATA).with_extension("new"));
    let written = fs::File::create(&new).and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| fs::rename(&new, &file)).expect("the data is kept");
}

#[test]
fn without_a_bug_every_run_was_found_valid() {
    let (workloads, _) = axes();
    let data = data();
    let of = |workload: &String| {
        data.iter().filter(|(cell, _)| cell.0 == *workload && cell.1 == NONE).count()
    };
    for workload in &workloads {
        assert!(of(workload) > 0, "{workload} was never run without a bug");
    }
    for (cell, outcome) in data.iter().filter(|(cell, _)| cell.1 == NONE) {
        assert_eq!(outcome.code, 0, "{cell:?}: {outcome:?}");
    }
}

/// Seeds that each workload was run with, with each bug and without.
const SEEDS: usize = 10;
/// Runs without a bug, at the least.
const CLEAN: usize = 200;

#[test]
fn each_bug_is_found_by_some_workload_and_each_workload_finds_some_bug() {
    let (workloads, bugs) = axes();
    let data = data();
    let runs = |workload: &str, bug: &str| -> Vec<i32> {
        let of = |(cell, outcome): (&Cell, &Outcome)| {
            (cell.0 == workload && cell.1 == bug).then_some(outcome.code)
        };
        data.iter().filter_map(of).collect()
    };
    let mut clean = 0;
    for workload in &workloads {
        clean += runs(workload, NONE).len();
        for bug in &bugs {
            assert!(runs(workload, bug).len() >= SEEDS, "{workload}, {bug}: run what is missing");
        }
        let finds = bugs.iter().any(|bug| runs(workload, bug).contains(&1));
        assert!(finds, "{workload} finds no bug at all");
    }
    assert!(clean >= CLEAN, "{clean} runs without a bug");
    for bug in bugs.iter().filter(|bug| *bug != NONE) {
        let found = workloads.iter().any(|workload| runs(workload, bug).contains(&1));
        assert!(found, "no workload finds {bug}");
    }
}

#[test]
fn workloads_find_what_they_say_that_they_can() {
    let ran = Bench::beside_others().run(&["workloads", "--json"]);
    let all: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    let finds = |workload: &str| -> Vec<String> {
        let all = all.as_array().expect("workloads").iter();
        let mut it = all.filter(|it| it["name"] == workload);
        let kinds = it.next().and_then(|it| it["finds"].as_array());
        kinds.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    for ((workload, bug, seed), outcome) in data() {
        for kind in outcome.kinds.split_whitespace() {
            let plain = kind.trim_end_matches("-process").trim_end_matches("-realtime");
            let said = finds(&workload);
            assert!(said.iter().any(|it| it == plain), "{workload}, {bug}, {seed}: {kind}");
        }
    }
}

#[test]
fn the_page_shows_the_data() {
    let page = fs::read_to_string(repository(PAGE)).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the beginning of the matrix");
    let (_, after) = rest.split_once(END).expect("the end of the matrix");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("PERJURY_WRITE_DOCS").is_some() {
        fs::write(repository(PAGE), &wanted).expect("the page is written");
        return;
    }
    assert!(page == wanted, "{PAGE} is old: run this test with PERJURY_WRITE_DOCS=1");
}

/// A row for each bug and a column for each workload: in how many of how many runs something was found.
fn table() -> String {
    let (workloads, bugs) = axes();
    let data = data();
    let mut text = format!("| Bug | {} |\n", workloads.join(" | "));
    let _ = writeln!(text, "|---{}|", "|---".repeat(workloads.len()));
    for bug in &bugs {
        let _ = write!(text, "| `{bug}` |");
        for workload in &workloads {
            let of = |(cell, outcome): (&Cell, &Outcome)| {
                (cell.0 == *workload && cell.1 == *bug && matches!(outcome.code, 0..=2))
                    .then_some(outcome.code == 1)
            };
            let runs: Vec<bool> = data.iter().filter_map(of).collect();
            let found = runs.iter().filter(|found| **found).count();
            let words = match (found, runs.len()) {
                (_, 0) => "·".to_owned(),
                (found, runs) => format!("{found}/{runs}"),
            };
            let _ = write!(text, " {words} |");
        }
        text.push('\n');
    }
    text
}
