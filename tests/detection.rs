//! Sensitivity: each bug planted in the demo database is found, and named rightly.
//!
//! `PERJURY_SEEDS=10 cargo test --release --test detection -- --nocapture` prints the table of
//! docs/demo.md.

mod common;

use common::{Bench, anomaly_kinds};
use serde_json::Value;
use std::fmt::Write;

struct Tally {
    bug: String,
    found: u32,
    seeds: u32,
    kinds: std::collections::BTreeMap<String, u32>,
    seconds: Vec<f64>,
}

#[test]
fn every_planted_bug_is_found_and_named() {
    let seeds: u32 =
        std::env::var("PERJURY_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let only = std::env::var("PERJURY_BUG").ok();
    let bugs = bugs();
    assert!(bugs.len() >= 8, "there are {} planted bugs", bugs.len());
    let chosen = bugs.iter().filter(|bug| only.as_deref().is_none_or(|only| bug["name"] == only));
    let tallies: Vec<Tally> = chosen.map(|bug| tally(bug, seeds)).collect();
    println!("{}", table(&tallies));
    for tally in &tallies {
        // Nine of ten; with one seed, that one.
        let needed = seeds - seeds / 10;
        assert!(
            tally.found >= needed,
            "{} was found with {} of {seeds} seeds",
            tally.bug,
            tally.found
        );
    }
}

fn bugs() -> Vec<Value> {
    let ran = Bench::new().run(&["databases", "demo", "--json"]);
    let database: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    database["bugs"].as_array().expect("bugs").clone()
}

fn tally(bug: &Value, seeds: u32) -> Tally {
    let name = bug["name"].as_str().expect("a name");
    let expected: Vec<&str> =
        bug["anomalies"].as_array().expect("anomalies").iter().filter_map(Value::as_str).collect();
    let mut tally = Tally {
        bug: name.to_owned(),
        found: 0,
        seeds,
        kinds: std::collections::BTreeMap::new(),
        seconds: Vec::new(),
    };
    for seed in 1..=seeds {
        let bench = Bench::new();
        let ran = bench.run(&["test", "--bug", name, "--seed", &seed.to_string()]);
        tally.seconds.push(ran.took.as_secs_f64());
        if ran.code != Some(1) {
            println!("{name}, seed {seed}: exit {:?}\n{}{}", ran.code, ran.stdout, ran.stderr);
            continue;
        }
        let kinds = anomaly_kinds(&bench.results());
        for kind in &kinds {
            *tally.kinds.entry(kind.clone()).or_default() += 1;
        }
        if expected.iter().any(|kind| kinds.contains(*kind)) {
            tally.found += 1;
        } else {
            println!("{name}, seed {seed}: reported {kinds:?}, and not one of {expected:?}");
        }
    }
    tally
}

fn table(tallies: &[Tally]) -> String {
    let mut text = String::from("| bug | found | seconds | reported as |\n|---|---|---|---|\n");
    for tally in tallies {
        let kinds: Vec<String> =
            tally.kinds.iter().map(|(kind, times)| format!("{kind} ({times})")).collect();
        let mean = tally.seconds.iter().sum::<f64>() / tally.seconds.len().max(1) as f64;
        let _ = writeln!(
            text,
            "| `{}` | {}/{} | {mean:.0} | {} |",
            tally.bug,
            tally.found,
            tally.seeds,
            kinds.join(", ")
        );
    }
    text
}
