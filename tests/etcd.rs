//! The real etcd on local clusters: linearizable by default. That it is stale when asked for local
//! reads is one of its findings.
//!
//! These runs go on side by side: they wait more than they work.

mod common;

use common::Bench;

#[test]
fn etcd_registers_are_linearizable_under_faults() {
    let bench = Bench::beside_others();
    let faults = ["--nemesis", "kill,pause,partition", "--time-limit", "40", "--seed", "3"];
    bench.run(&[&["test", "etcd", "--workload", "register"], &faults[..]].concat()).expect_code(0);
}

/// One kind of fault each: three nodes have no majority left when two kinds fall together.
fn on_three_nodes(workload: &str, fault: &str) {
    let bench = Bench::beside_others();
    let size =
        ["--node-count", "3", "--time-limit", "18", "--nemesis-interval", "3s", "--seed", "4"];
    let what = ["test", "etcd", "--workload", workload, "--nemesis", fault];
    bench.run(&[&what[..], &size[..]].concat()).expect_code(0);
}

#[test]
fn three_etcd_nodes_append() {
    on_three_nodes("list-append", "kill");
}

#[test]
fn three_etcd_nodes_keep_sets() {
    on_three_nodes("set", "partition");
}
