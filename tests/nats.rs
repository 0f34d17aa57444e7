//! The real NATS on local clusters: true while nothing breaks, and forgetful when the power of all
//! nodes is cut, since it acknowledges what it has not synced.
//!
//! These runs go on side by side: they wait more than they work.

mod common;

use common::{Bench, anomaly_kinds};
use std::process::Command;

#[test]
fn nats_keeps_sets_while_nothing_breaks() {
    let bench = Bench::beside_others();
    let what = ["test", "nats", "--workload", "set", "--nemesis", "none"];
    bench.run(&[&what[..], &["--time-limit", "8s", "--seed", "5"]].concat()).expect_code(0);
}

/// Nothing of what was acknowledged in the first seconds is synced after them: not even that there
/// is a stream.
#[test]
fn nats_loses_what_it_acknowledged_when_the_power_fails_everywhere() {
    if std::fs::File::options().read(true).write(true).open("/dev/fuse").is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has /dev/fuse");
        return;
    }
    let bench = Bench::beside_others();
    let what = ["test", "nats", "--workload", "set", "--at", "4s power all none for 500ms"];
    bench.run(&[&what[..], &["--time-limit", "8s", "--seed", "6"]].concat()).expect_code(1);
    let results = bench.results();
    let kinds = anomaly_kinds(&results);
    assert!(kinds.contains("lost-element"), "{kinds:?}");
    let faults = results["faults"].as_array().expect("faults");
    assert!(faults.iter().any(|fault| fault["outcome"] == "healed"), "{faults:?}");
}

/// A key that a newer NATS has; this one says so, and the run says what it said.
#[test]
fn nats_2_9_cannot_be_told_to_sync() {
    let version = Command::new("nats-server").arg("--version").output().expect("nats-server");
    if !String::from_utf8_lossy(&version.stdout).contains("v2.9.") {
        return;
    }
    let bench = Bench::beside_others();
    let what = ["test", "nats", "--set", "sync=always", "--time-limit", "5s", "--nemesis", "none"];
    bench.run(&what).expect_code(3).expect_error("unknown field \"sync_interval\"");
}
