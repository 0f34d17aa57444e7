//! Tests of `power` with real agents, real mounts, and a database that is a shell script.

use super::*;
use crate::testing::{Lab, in_namespaces, operations, options};
use crate::wire::disk::{DISK_MOUNT, Directories};
use std::path::PathBuf;

/// Whether this machine has FUSE. One without has no disk to test.
pub(crate) fn has_fuse() -> bool {
    std::fs::File::options().read(true).write(true).open("/dev/fuse").is_ok()
}

/// A lab of one node with a layer over its data.
pub(crate) fn lab() -> (Lab, PathBuf) {
    let lab = Lab::pretended(1);
    let data = lab.nodes[0].state.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let with = json!(Directories { directories: vec![data.display().to_string()] });
    let status = lab.call(0, DISK_MOUNT, with).unwrap();
    assert_eq!(status["layers"][0]["mounted"], true, "{status}");
    (lab, data)
}

pub(crate) fn undo(lab: &Lab) {
    lab.call(0, "process.kill", json!({"name": "db"})).unwrap();
    let lines = lab.call(0, "undo.all", Value::Null).unwrap();
    assert!(lines.to_string().contains("the disk layer is gone"), "{lines}");
}

fn off(torn: bool) -> Op {
    let value = json!({
        "spec": "one", "targets": ["n1"], "survivors": "none", "torn": torn, "seed": 1,
    });
    Op::new("power-off", value)
}

#[tokio::test]
async fn a_power_loss_takes_what_was_not_synced() {
    if !has_fuse() || !in_namespaces("power::tests::a_power_loss_takes_what_was_not_synced") {
        return;
    }
    let (lab, data) = lab();
    let path = |name: &str| data.join(name);
    std::fs::write(path("synced"), "one").unwrap();
    std::fs::File::open(path("synced")).unwrap().sync_all().unwrap();
    lab.start_all();
    std::fs::write(path("unsynced"), "two").unwrap();
    std::fs::rename(path("synced"), path("renamed")).unwrap();
    assert_eq!(std::fs::read_to_string(path("renamed")).unwrap(), "one");
    let outcome = Power::default().act(&lab, &off(false)).await;
    let Applied::Installed(evidence) = outcome else { panic!("{outcome:?}") };
    let seen = &evidence["nodes"]["n1"];
    assert!(seen["observed"].as_str().unwrap().contains("gone"), "{evidence}");
    assert_eq!(seen["disk"]["lost_bytes"], 3, "{evidence}");
    assert_eq!(seen["disk"]["lost_names"], 2, "{evidence}");
    assert_eq!(std::fs::read_to_string(path("synced")).unwrap(), "one");
    assert!(!path("unsynced").exists() && !path("renamed").exists());
    let outcome = Power::default().act(&lab, &Op::new("power-on", Value::Null)).await;
    assert!(matches!(outcome, Applied::Healed(_)), "{outcome:?}");
    std::fs::write(path("late"), "three").unwrap();
    undo(&lab);
    assert_eq!(std::fs::read_to_string(path("late")).unwrap(), "three", "undoing loses nothing");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 2, "and leaves nothing");
}

#[tokio::test]
async fn an_agent_that_only_says_so_is_not_believed() {
    if !has_fuse() || !in_namespaces("power::tests::an_agent_that_only_says_so_is_not_believed") {
        return;
    }
    let (lab, _) = lab();
    lab.start_all();
    let pretend = |verb| *lab.pretence.lock().unwrap() = Some((verb, Value::Null));
    pretend(DISK_POWER_LOSS);
    let outcome = Power::default().act(&lab, &off(true)).await;
    let Applied::Indeterminate(cause) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("lost no power"), "{cause}");
    pretend(crate::wire::disk::DISK_FAIL);
    for failure in [
        json!({"kind": "eio", "read": false, "write": true, "sync": true}),
        json!({"kind": "enospc"}),
        json!({"kind": "slow", "delay_ms": 50}),
        json!({"kind": "eio", "read": true, "write": false, "sync": false}),
    ] {
        let value = json!({"spec": "one", "targets": ["n1"], "failure": failure});
        let outcome = disk::Disk::act(&lab, &Op::new("disk-fail", value)).await;
        assert!(matches!(outcome, Applied::Indeterminate(_)), "{failure}: {outcome:?}");
    }
    undo(&lab);
}

#[tokio::test]
async fn without_a_layer_nothing_is_claimed() {
    let lab = Lab::pretended(1);
    lab.start_all();
    let outcome = Power::default().act(&lab, &off(false)).await;
    assert!(matches!(outcome, Applied::Indeterminate(_)), "{outcome:?}");
}

#[test]
fn an_agent_that_is_killed_leaves_the_layer_to_the_next() {
    let name = "power::tests::an_agent_that_is_killed_leaves_the_layer_to_the_next";
    if !has_fuse() || !in_namespaces(name) {
        return;
    }
    let (lab, data) = lab();
    std::fs::write(data.join("unsynced"), "text").unwrap();
    lab.nodes[0].agent.lock().unwrap().sigkill();
    assert_eq!(std::fs::read_to_string(data.join("unsynced")).unwrap(), "text", "it goes on");
    let state = lab.nodes[0].state.clone();
    let next = crate::agent::tests::Client::start(&state, 60_000);
    assert!(next.hello.healed.iter().any(|line| line.contains("is gone")), "{:?}", next.hello);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("perjury-disk-layer"), "{mounts}");
    assert_eq!(std::fs::read_to_string(data.join("unsynced")).unwrap(), "text");
}

#[test]
fn operations_come_from_the_seed_and_say_everything() {
    let schedule = |seed| {
        Power::default().schedule(&options(3, &[("power-targets", "all")]), Seed::root(seed))
    };
    let ops = operations(schedule(1), 8);
    assert_eq!(ops, operations(schedule(1), 8));
    assert_ne!(ops, operations(schedule(2), 8));
    assert!(ops.iter().step_by(2).all(|op| how(&op.value).is_ok()), "{ops:?}");
    assert_eq!(ops[0].value["targets"], json!(["n1", "n2", "n3"]));
    let scripted =
        Power::default().script("n1+n2 subset", &options(3, &[]), Seed::root(1)).unwrap();
    assert_eq!(scripted.value["survivors"], "subset");
    assert_eq!(scripted.value["targets"], json!(["n1", "n2"]));
    let error = survivors(&options(3, &[("power-survivors", "some")])).unwrap_err();
    assert!(error.contains("none, prefix, subset"), "{error}");
}
