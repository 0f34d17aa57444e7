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

/// Folder and file, workload and flags, exit code.
const VERDICTS: [(&str, &[&str], i32); 8] = [
    ("knossos/memstress3-0.edn", &["cas-register", "--initial", "0", "--null-read-is-any"], 0),
    ("knossos/cas-failure.edn", &["cas-register", "--initial", "0", "--null-read-is-any"], 1),
    ("knossos/mutex-etcd.json", &["mutex"], 1),
    ("elle-cli/paper-example.edn", &["list-append"], 1),
    ("elle-cli/bank.json", &["bank"], 0),
    ("elle-cli/set.edn", &["set"], 0),
    ("elle-cli/set_full.json", &["set-full"], 1),
    ("elle-cli/long-fork.edn", &["long-fork"], 1),
];

#[test]
fn published_verdicts_are_ours() {
    let bench = Bench::beside_others();
    for (file, flags, code) in VERDICTS {
        let path = published().join(file).display().to_string();
        let ran = bench.run(&[&["check", &path, "--workload"], flags, &["--json"]].concat());
        ran.expect_code(code);
        let answer: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let word = if code == 0 { "valid" } else { "invalid" };
        assert_eq!(answer["verdict"], word, "{file}");
    }
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
