//! Published findings: each is well-formed, and some are reproduced whenever tests run; all of them
//! by `perjury repro --all`, whose page is docs/findings.md.

mod common;

use common::{Bench, repository};
use serde_json::Value;
use std::collections::BTreeSet;

/// Those that take the shortest; the others are for `perjury repro`.
const QUICK: [&str; 3] =
    ["postgresql-write-skew", "mariadb-lost-update", "etcd-serializable-reads"];

fn json(bench: &Bench, arguments: &[&str]) -> Value {
    let ran = bench.run(arguments);
    serde_json::from_str(&ran.expect_code(0).stdout).expect("JSON")
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn every_finding_can_be_run_and_names_what_it_shows() {
    let bench = Bench::beside_others();
    let findings = json(&bench, &["repro", "--json"]);
    let findings = findings.as_array().expect("a list");
    assert!(findings.len() >= 10, "there are {} findings", findings.len());
    let kinds = json(&bench, &["anomalies", "--json"]);
    let kinds: BTreeSet<&str> =
        kinds.as_array().expect("a list").iter().filter_map(|kind| kind["name"].as_str()).collect();
    let page = std::fs::read_to_string(repository("docs/findings.md")).expect("the page");
    let mut names = BTreeSet::new();
    for finding in findings {
        let name = finding["name"].as_str().expect("a name");
        assert!(names.insert(name), "two findings are called {name}");
        assert!(page.contains(&format!("| [{name}](#{name}) |")), "{name} is not on the page");
        let shown = words(&finding["anomalies"]);
        assert!(!shown.is_empty(), "{name} names no anomaly");
        for kind in shown {
            assert!(kinds.contains(kind), "{name}: there is no kind `{kind}`");
        }
        for side in ["test", "strict"] {
            bench
                .run(&[&["test"], &*words(&finding[side]), &["--dry-run"]].concat())
                .expect_code(0);
        }
        assert_ne!(finding["test"], finding["strict"], "{name}");
    }
}

#[test]
fn quick_findings_are_reproduced() {
    let bench = Bench::beside_others();
    let ran = bench.run(&[&["repro"], &QUICK[..], &["--jobs", "3"]].concat());
    ran.expect_code(0);
    for name in QUICK {
        assert!(ran.stdout.contains(&format!("{name}: reproduced")), "{}", ran.stdout);
    }
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let bench = Bench::beside_others();
    bench.run(&["repro", "no-such-finding"]).expect_code(254).expect_error("There are:");
    bench.run(&["repro", "--page", "absent.jsonl"]).expect_code(254).expect_error("absent.jsonl");
}
