//! `perjury check` on histories of other tools, with the verdicts that those gave.

mod common;

use common::{Bench, repository};
use serde_json::Value;
use std::path::PathBuf;

/// Where the published histories are.
fn published() -> PathBuf {
    let folder = std::env::var_os("PERJURY_HISTORIES").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| repository("../shared/histories"));
    assert!(folder.is_dir(), "{} is missing: set PERJURY_HISTORIES", folder.display());
    folder
}

/// Folder and file, flags, exit code.
const VERDICTS: [(&str, &[&str], i32); 21] = [
    (
        "knossos/memstress3-0.edn",
        &["-w", "cas-register", "--initial", "0", "--null-read-is-any"],
        0,
    ),
    ("knossos/cas-failure.edn", &["-w", "cas-register", "--initial", "0", "--null-read-is-any"], 1),
    ("knossos/mutex-etcd.json", &["-w", "mutex"], 1),
    ("porcupine-etcd/etcd_000.log", &[], 1),
    ("porcupine-etcd/etcd_002.log", &[], 0),
    ("porcupine-kv/c10-ok.txt", &[], 0),
    ("porcupine-kv/c10-bad.txt", &[], 1),
    ("violin/generated/my-sync-stack.0.log", &[], 0),
    ("violin/generated/small/ScalObject-bkq/ScalObject-bkq.20.log", &["-w", "fifo-queue"], 1),
    ("elle-cli/paper-example.edn", &["-w", "list-append"], 1),
    ("elle-cli/paper-example.json", &["-w", "list-append"], 1),
    (
        "elle/si-without-g-single.edn",
        &["-w", "list-append", "--consistency-model", "snapshot-isolation"],
        0,
    ),
    (
        "elle/si-without-g-single.edn",
        &["-w", "list-append", "--consistency-model", "serializable"],
        1,
    ),
    ("awdit/causal/long-fork.txt", &["-m", "causal"], 0),
    ("awdit/read-committed/non-repeatable-read.txt", &["-m", "read-committed"], 0),
    ("awdit/read-committed/non-repeatable-read.txt", &["-m", "read-atomic"], 1),
    ("awdit/none/hb-cycle.txt", &["-w", "rw-register", "-m", "read-committed"], 1),
    ("elle-cli/bank.json", &["-w", "bank"], 0),
    ("elle-cli/set.edn", &["-w", "set"], 0),
    ("elle-cli/set_full.json", &["-w", "set-full"], 1),
    ("elle-cli/long-fork.edn", &["-w", "long-fork"], 1),
];

#[test]
fn published_verdicts_are_ours() {
    let bench = Bench::beside_others();
    for (file, flags, code) in VERDICTS {
        let path = published().join(file).display().to_string();
        let ran = bench.run(&[&["check", &path], flags, &["--json"]].concat());
        ran.expect_code(code);
        let answer: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let word = if code == 0 { "valid" } else { "invalid" };
        assert_eq!(answer["verdict"], word, "{file}");
    }
}

#[test]
fn a_violation_is_told_with_what_stands_in_the_way() {
    let bench = Bench::beside_others();
    let path = published().join("porcupine-etcd/etcd_000.log").display().to_string();
    let ran = bench.run(&["check", &path]);
    ran.expect_code(1);
    for part in ["can be put in order", "next operation", "decided by", "rules out: linearizable"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn anomalies_are_drawn_into_a_folder() {
    let bench = Bench::beside_others();
    let path = published().join("elle-cli/paper-example.edn").display().to_string();
    let folder = bench.dir.path().join("drawn");
    let drawn = folder.display().to_string();
    let ran = bench.run(&["check", &path, "-w", "list-append", "--pictures", &drawn]);
    ran.expect_code(1);
    let files: Vec<_> = std::fs::read_dir(&folder).expect("a folder").flatten().collect();
    let ending = |file: &std::fs::DirEntry, ending: &str| {
        file.path().extension().is_some_and(|found| found == ending)
    };
    for file in &files {
        let content = std::fs::read_to_string(file.path()).expect("a text");
        if ending(file, "svg") {
            assert!(content.starts_with("<svg") && content.contains("<style>"), "{content}");
        } else {
            assert!(content.starts_with("digraph anomaly {"), "{content}");
        }
    }
    assert!(files.iter().any(|file| ending(file, "svg")), "{files:?}");
    assert!(files.iter().any(|file| ending(file, "dot")), "{files:?}");
}

#[test]
fn weaker_models_and_settings_are_chosen_by_name() {
    let bench = Bench::beside_others();
    let stale = bench.dir.path().join("stale.jsonl");
    let line = |index: u32, kind: &str, f: &str, value: &str| {
        format!(
            "{{\"index\":{index},\"time\":{index},\"process\":{},\"type\":\"{kind}\",\"f\":\"{f}\",\
             \"value\":{value}}}\n",
            u32::from(f == "read")
        )
    };
    let mut text = String::new();
    for (at, value) in ["1", "2"].into_iter().enumerate() {
        let at = 2 * at as u32;
        text += &(line(at, "invoke", "write", value) + &line(at + 1, "ok", "write", value));
    }
    text += &(line(4, "invoke", "read", "null") + &line(5, "ok", "read", "1"));
    std::fs::write(&stale, text).expect("a file");
    let stale = stale.display().to_string();
    let check = |flags: &[&str]| bench.run(&[&["check", &stale, "-w", "register"], flags].concat());
    check(&[]).expect_code(1);
    check(&["-m", "sequential"]).expect_code(0);
    check(&["-m", "monotonic-reads"]).expect_code(0);
    check(&["-m", "staleness", "--setting", "versions-behind=1"]).expect_code(0);
    check(&["--setting", "permits=2"]).expect_code(254).expect_error("no setting `permits`");
    bench.run(&["check", &stale]).expect_code(254).expect_error("--workload");
    let ran = check(&["--stream"]);
    ran.expect_code(1);
    assert!(ran.stdout.contains("(lost-write)"), "{}", ran.stdout);
    check(&["--stream", "-m", "sequential"]).expect_code(254).expect_error("seen whole");
}

#[test]
fn a_weaker_model_may_hold_where_a_stronger_does_not() {
    let bench = Bench::beside_others();
    let path = published().join("elle-cli/paper-example.edn").display().to_string();
    let check = |model: &str| {
        bench.run(&["check", &path, "--workload", "list-append", "--consistency-model", model])
    };
    check("strict-serializable").expect_code(1);
    check("read-uncommitted").expect_code(0);
    check("serialisable").expect_code(254).expect_error("serializable");
}
