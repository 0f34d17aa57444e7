//! Tests of `kill` with real agents and processes.

use super::*;
use crate::testing::{Lab, operations, options};
use serde_json::json;

fn op(f: &str, value: Value) -> Op {
    Op::new(f, value)
}

#[tokio::test]
async fn it_kills_the_targets_and_starts_them_again() {
    let lab = Lab::pretended(3);
    lab.start_all();
    let value = json!({"spec": "majority", "targets": ["n1", "n3"]});
    let Applied::Installed(evidence) = ProcessFault::Kill.apply(&lab, &op("kill", value)).await
    else {
        panic!()
    };
    assert_eq!(evidence["spec"], "majority");
    let n1 = &evidence["nodes"]["n1"];
    assert_eq!(n1["pids"].as_array().unwrap().len(), 2, "{evidence}");
    assert!(n1["observed"].as_str().unwrap().contains("gone"), "{evidence}");
    assert!(evidence["nodes"]["n2"].is_null());
    assert_eq!([0, 1, 2].map(|node| lab.state(node)), ["gone", "running", "gone"]);

    let Applied::Healed(evidence) = ProcessFault::Kill.apply(&lab, &op("start", Value::Null)).await
    else {
        panic!()
    };
    assert_ne!(evidence["nodes"]["n1"]["pid"], n1["pids"][0], "{evidence}");
    assert!(evidence["skipped"]["n2"].as_str().unwrap().contains("up already"), "{evidence}");
    assert_eq!([0, 1, 2].map(|node| lab.state(node)), ["running", "running", "running"]);
}

#[tokio::test]
async fn primaries_are_found_when_they_are_hit() {
    let lab = Lab::pretended(3);
    lab.start_all();
    *lab.leaders.lock().unwrap() = vec![1];
    let value = json!({"spec": "primaries", "fallback": ["n3"]});
    let Applied::Installed(evidence) =
        ProcessFault::Kill.apply(&lab, &op("kill", value.clone())).await
    else {
        panic!()
    };
    assert!(evidence["nodes"]["n2"].is_object() && evidence["nodes"]["n3"].is_null());
    assert_eq!(evidence["primaries"], json!(["n2"]));
    lab.leaders.lock().unwrap().clear();
    let Applied::Installed(evidence) = ProcessFault::Kill.apply(&lab, &op("kill", value)).await
    else {
        panic!()
    };
    assert!(evidence["nodes"]["n3"].is_object(), "{evidence}");
    assert_eq!(evidence["primaries"], json!([]), "nobody was known to lead");
}

#[tokio::test]
async fn what_is_down_is_not_killed_and_what_is_up_is_not_started() {
    let lab = Lab::pretended(2);
    lab.start_all();
    let value = json!({"spec": "one", "targets": ["n1"]});
    let started = ProcessFault::Kill.apply(&lab, &op("start", Value::Null)).await;
    assert!(matches!(started, Applied::Skipped(_)), "{started:?}");
    ProcessFault::Kill.apply(&lab, &op("kill", value.clone())).await;
    let Applied::Skipped(reason) = ProcessFault::Kill.apply(&lab, &op("kill", value)).await else {
        panic!()
    };
    assert!(reason.contains("n1: was not running"), "{reason}");
    let strange = json!({"spec": "one", "targets": ["n9"]});
    assert!(matches!(
        ProcessFault::Kill.apply(&lab, &op("kill", strange)).await,
        Applied::Skipped(_)
    ));
}

#[tokio::test]
async fn a_paused_database_can_be_killed_and_comes_back_running() {
    let lab = Lab::pretended(2);
    lab.start_all();
    let value = json!({"spec": "one", "targets": ["n2"]});
    let paused = ProcessFault::Pause.apply(&lab, &op("pause", value.clone())).await;
    assert!(matches!(paused, Applied::Installed(_)), "{paused:?}");
    let started = ProcessFault::Kill.apply(&lab, &op("start", Value::Null)).await;
    assert!(matches!(started, Applied::Skipped(_)), "paused is not down: {started:?}");
    let killed = ProcessFault::Kill.apply(&lab, &op("kill", value)).await;
    assert!(matches!(killed, Applied::Installed(_)), "{killed:?}");
    let resumed = ProcessFault::Pause.apply(&lab, &op("resume", Value::Null)).await;
    assert!(matches!(resumed, Applied::Skipped(_)), "gone is not paused: {resumed:?}");
    ProcessFault::Kill.heal(&lab).await.unwrap();
    assert_eq!(lab.state(1), "running");
}

#[tokio::test]
async fn an_agent_that_does_not_answer_is_not_taken_for_success() {
    let lab = Lab::pretended(2);
    lab.start_all();
    // Its agent refuses: the state file was damaged.
    let record = lab.nodes[0].state.join("processes/db.json");
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&record, "{").unwrap();
    let value = json!({"spec": "all", "targets": ["n1", "n2"]});
    let Applied::Indeterminate(cause) = ProcessFault::Kill.apply(&lab, &op("kill", value)).await
    else {
        panic!()
    };
    assert!(cause.contains("n1") && cause.contains("seen on [\"n2\"]"), "{cause}");
    assert!(ProcessFault::Kill.heal(&lab).await.is_err());
    std::fs::write(&record, whole).unwrap();
    ProcessFault::Kill.heal(&lab).await.unwrap();
}

#[test]
fn the_seed_alone_chooses_and_every_spec_comes_up() {
    let seed = |number| Seed::root(number).derive("kill");
    let ops = |number| operations(ProcessFault::Kill.schedule(&options(5, &[]), seed(number)), 20);
    assert_eq!(ops(1), ops(1));
    assert_ne!(ops(1), ops(2));
    let mut specs: Vec<String> =
        ops(1).iter().step_by(2).take(5).map(|op| op.value["spec"].to_string()).collect();
    specs.sort();
    specs.dedup();
    assert_eq!(specs.len(), 5, "{specs:?}");
    assert!(ops(1).iter().skip(1).step_by(2).all(|op| *op == Op::new("start", Value::Null)));
}

#[test]
fn an_option_pins_the_targets() {
    let pinned = options(3, &[("kill-targets", "all")]);
    for op in operations(ProcessFault::Kill.schedule(&pinned, Seed::root(1)), 20).iter().step_by(2)
    {
        assert_eq!(op.value, json!({"spec": "all", "targets": ["n1", "n2", "n3"]}));
    }
    let error = ProcessFault::Kill.specs(&options(3, &[("kill-targets", "al")])).unwrap_err();
    assert!(error.contains("kill-targets"), "{error}");
}
