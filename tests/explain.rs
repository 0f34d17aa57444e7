//! `perjury explain` and `perjury anomalies`, on files, on a run, and on what is not there.

mod common;

use common::{Bench, repository};
use serde_json::Value;

fn history(kind: &str) -> String {
    repository(&format!("tests/golden/histories/{kind}.jsonl")).display().to_string()
}

#[test]
fn an_operation_is_told_with_what_is_around_it() {
    let bench = Bench::beside_others();
    let file = history("G-single");
    let ran = bench.run(&["explain", &file, "-w", "list-append", "--op", "1"]);
    ran.expect_code(0);
    for part in [
        "Operation 1: read x → [1]; append 1 to z",
        "process 1 via n2",
        "anomaly 1 (G-single)",
        "written by #0",
        "read by #2",
        "At the same time",
        "perjury check",
    ] {
        assert!(ran.stdout.contains(part), "no {part}:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "no colour was asked for");
    let ran = bench.run(&["explain", &file, "-w", "list-append", "--op", "2"]);
    let told = &ran.expect_code(0).stdout;
    // Nobody had written what it read of x; the first version is that of 0.
    assert!(told.contains("overwritten by #0: append 1 to x"), "{told}");
}

#[test]
fn neighbours_are_those_of_the_key() {
    let bench = Bench::beside_others();
    // Nobody has to say what it is a history of, as long as only operations are asked for.
    let file = history("missing-read-write-dependency");
    let ran = bench.run(&["explain", &file, "--op", "2", "--json"]);
    let story: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    assert_eq!(story["operation"]["latency_ns"], 500_000);
    let key = &story["keys"][0];
    assert_eq!(key["key"], "x");
    let indices = |list: &Value| -> Vec<u64> {
        list.as_array().expect("a list").iter().filter_map(|one| one["index"].as_u64()).collect()
    };
    assert_eq!(indices(&key["writes_before"]), [0]);
    assert_eq!(indices(&key["reads_after"]), [8]);
    assert_eq!(story["process_after"]["index"], 4);
    assert!(story["process_before"].is_null());
    assert_eq!(indices(&story["concurrent"]), [] as [u64; 0]);
}

#[test]
fn an_anomaly_is_told_with_its_proof_and_drawn() {
    let bench = Bench::beside_others();
    let file = history("stale-read");
    for id in ["1", "stale-read", "linearizable/1"] {
        let ran = bench.run(&["explain", &file, "-w", "cas-register", "--anomaly", id]);
        let told = &ran.expect_code(0).stdout;
        for part in ["Anomaly 1: Stale read", "Proof", "├#4 read → 1", "✗", "the search ended"]
        {
            assert!(told.contains(part), "no {part}:\n{told}");
        }
    }
    let ran = bench.run(&[
        "explain",
        &file,
        "-w",
        "cas-register",
        "--anomaly",
        "1",
        "--colour",
        "always",
    ]);
    assert!(ran.expect_code(0).stdout.contains("\u{1b}[1;31m"), "{}", ran.stdout);
    let ran = bench.run(&["explain", &file, "-w", "cas-register", "--anomaly", "1", "--json"]);
    let story: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    assert_eq!(story["anomaly"]["kind"], "stale-read");
    assert_eq!(story["class"]["name"], "stale-read");
    assert_eq!(story["operations"].as_array().map(Vec::len), Some(3));
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let bench = Bench::beside_others();
    let file = history("stale-read");
    let explain = |arguments: &[&str]| {
        bench.run(&[&["explain", &file, "-w", "cas-register"], arguments].concat())
    };
    explain(&["--op", "99"]).expect_code(254).expect_error("from 0 to 6");
    explain(&["--op", "5"]).expect_code(254).expect_error("the answer to operation 4");
    explain(&["--anomaly", "7"]).expect_code(254).expect_error("1  stale-read: Stale read");
    explain(&["--anomaly", "G0"]).expect_code(254).expect_error("1  stale-read: Stale read");
    explain(&["--anomaly", "set/1"]).expect_code(254).expect_error("1  stale-read");
    explain(&[]).expect_code(254);
    bench.run(&["explain", &file, "--anomaly", "1"]).expect_code(254).expect_error("--workload");
    bench.run(&["explain", "nowhere", "--op", "1"]).expect_code(254).expect_error("no run called");
}

#[test]
fn formats_without_times_are_told_too() {
    let bench = Bench::beside_others();
    let file = bench.dir.path().join("history.txt");
    // AWDIT's format for tests: sessions of transactions.
    let text = "w 0 0\n-----\nw 0 1\n=====\nr 0 1\n-----\nr 0 0\n";
    std::fs::write(&file, text).expect("a file");
    let path = file.display().to_string();
    let ran = bench.run(&["explain", &path, "--op", "0"]);
    assert!(ran.expect_code(0).stdout.contains("has no times"), "{}", ran.stdout);
    let csv = bench.run(&["export", &path, "--format", "csv"]).expect_code(0).stdout.clone();
    assert_eq!(csv.lines().count(), 5, "{csv}");
    bench
        .run(&["export", &path, "--format", "edn"])
        .expect_code(254)
        .expect_error("can be exported as csv");
}

#[test]
fn kinds_of_anomalies_are_listed() {
    let bench = Bench::beside_others();
    let ran = bench.run(&["anomalies", "--json"]);
    let kinds: Value = serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON");
    assert!(kinds.as_array().is_some_and(|all| all.len() > 90));
    let ran = bench.run(&["anomalies", "G2-item-realtime"]);
    assert!(ran.expect_code(0).stdout.contains("write skew"), "{}", ran.stdout);
    bench.run(&["anomalies", "G2-itm"]).expect_code(254).expect_error("Did you mean `G2-item`?");
}

#[test]
fn a_run_is_explained_and_exported() {
    let bench = Bench::new();
    bench.run(&["test", "--time-limit", "3s", "--nemesis", "none"]).expect_code(0);
    let lines = bench.run(&["history", "store/latest"]).expect_code(0).stdout.clone();
    let exported = bench.run(&["export", "--format", "jsonl"]);
    assert_eq!(exported.expect_code(0).stdout.trim_end(), lines.trim_end());
    let results = bench.run(&["export", "latest", "--format", "results"]);
    let stored = std::fs::read_to_string(bench.latest().join("results.json")).expect("results");
    assert_eq!(results.expect_code(0).stdout, stored);
    let called = |line: &str| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let is_call = event["type"] == "invoke" && event["process"].is_u64();
        is_call.then(|| event["index"].as_u64().expect("an index").to_string())
    };
    let operation = lines.lines().filter_map(called).nth(20).expect("twenty operations");
    let told = bench.run(&["explain", "--op", &operation]).expect_code(0).stdout.clone();
    for part in [format!("Operation {operation}: "), " via n".to_owned(), "test --plan".to_owned()]
    {
        assert!(told.contains(&part), "no {part}:\n{told}");
    }
    bench
        .run(&["explain", "latest", "--anomaly", "1"])
        .expect_code(254)
        .expect_error("there are no anomalies");
}
