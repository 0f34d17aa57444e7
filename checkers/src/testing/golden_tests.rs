//! Every history with a published verdict is judged by some test, or is listed here with the reason why not.

use std::collections::BTreeSet;

use super::{golden_files, golden_index};
use crate::History;
use crate::workload::{CheckOptions, checkers_for_workload, checkers_of_transactions};

/// Folders all of whose rows in the index are judged, and by which test.
const INDEXED: [(&str, &str); 8] = [
    ("porcupine-etcd/", "linear/golden_tests.rs"),
    ("porcupine-kv/", "linear/golden_tests.rs"),
    ("knossos/", "linear/golden_tests.rs"),
    ("violin/", "linear/golden_tests.rs"),
    ("elle/", "txn/golden_tests.rs"),
    ("elle-cli/", "txn/golden_tests.rs"),
    ("awdit/", "txn/golden_tests.rs"),
    ("databases/", "txn/golden_tests.rs"),
];

/// Folders whose files have their verdicts in themselves: beginning of the names, how many, and
/// which test judges all of them.
const SELF_CONTAINED: [(&str, usize, &str); 4] = [
    ("elle-oracle/la-", 60, "txn/list_append/golden_tests.rs"),
    ("elle-oracle/rw-", 240, "txn/rw_register/golden_tests.rs"),
    ("elle-tests/list-append-", 23, "txn/list_append/golden_tests.rs"),
    ("elle-tests/rw-register-", 29, "txn/rw_register/golden_tests.rs"),
];

/// What is not compared as it is published, and why.
const EXPLAINED: [(&str, &str); 7] = [
    ("README.md", "is no history"),
    ("INDEX.tsv", "is no history"),
    (
        "elle-tests/rw-register-0033",
        "its order of versions is not in the file; 0032 is the same without",
    ),
    (
        "elle-tests/rw-register-0035",
        "its order of versions is not in the file; 0034 is the same without",
    ),
    ("elle-oracle/rw-m0-60-s4-lin", "Elle is wrong; `elle_is_wrong_about_one_history` proves it"),
    ("elle-cli/counter", "nothing is ever read, which is `unknown` and not `valid`"),
    ("elle-cli/rw-register", "reads what nobody wrote; valid with `all-writes-known=false`"),
];

#[test]
fn every_history_is_judged_or_there_is_a_reason() {
    let names = golden_files();
    let mut left = names.clone();
    for (folder, test) in INDEXED {
        for [file, ..] in golden_index(folder) {
            assert!(names.contains(&file), "{test} judges {file}, which is not there");
            left.remove(&file);
        }
    }
    for (prefix, count, test) in SELF_CONTAINED {
        let judged: Vec<&String> = names.iter().filter(|name| name.starts_with(prefix)).collect();
        assert_eq!(judged.len(), count, "{test} judges all of {prefix}");
        left.retain(|name| !name.starts_with(prefix));
    }
    for (prefix, why) in EXPLAINED {
        assert!(names.iter().any(|name| name.starts_with(prefix)), "{prefix} {why}, and is gone");
        left.retain(|name| !name.starts_with(prefix));
    }
    assert!(left.is_empty(), "no test judges {left:#?}: give it a row in INDEX.tsv, or a reason");
}

#[test]
fn every_workload_of_the_index_is_one_that_files_can_be_judged_by() {
    let options = CheckOptions::default();
    let empty = History::new(Vec::new()).expect("nothing is well-formed");
    let names: BTreeSet<String> = INDEXED
        .iter()
        .flat_map(|(folder, _)| golden_index(folder))
        .map(|row| row[1].clone())
        .collect();
    for name in names {
        let workload = name
            .split([',', ';', ':'])
            .next()
            .unwrap_or_default()
            .replace("key-value map", "kv-map");
        let known = checkers_of_transactions(&workload, &options).is_ok_and(|of| of.is_some())
            || checkers_for_workload(&workload, &options, &empty).is_ok();
        assert!(known, "{workload}");
    }
}
