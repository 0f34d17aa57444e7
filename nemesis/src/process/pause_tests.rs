//! Tests of `pause` with real agents and processes.

use super::*;
use crate::testing::{Lab, operations, options};
use serde_json::json;

#[tokio::test]
async fn it_stops_the_targets_and_lets_them_go_on() {
    let lab = Lab::pretended(3);
    lab.start_all();
    let value = json!({"spec": "minority", "targets": ["n2"]});
    let op = Op::new("pause", value);
    let Applied::Installed(evidence) = ProcessFault::Pause.apply(&lab, &op).await else { panic!() };
    let observed = evidence["nodes"]["n2"]["observed"].as_str().unwrap();
    assert!(observed.contains("(T)"), "{evidence}");
    assert_eq!([0, 1, 2].map(|node| lab.state(node)), ["running", "paused", "running"]);

    let Applied::Healed(evidence) =
        ProcessFault::Pause.apply(&lab, &Op::new("resume", Value::Null)).await
    else {
        panic!()
    };
    assert!(evidence["nodes"]["n2"]["observed"].is_string(), "{evidence}");
    assert!(evidence["skipped"]["n1"].as_str().unwrap().contains("not paused"), "{evidence}");
    assert_eq!(lab.state(1), "running");
    ProcessFault::Pause.heal(&lab).await.unwrap();
}

#[tokio::test]
async fn what_does_not_run_is_not_paused() {
    let lab = Lab::pretended(2);
    let op = Op::new("pause", json!({"spec": "one", "targets": ["n1"]}));
    let Applied::Skipped(reason) = ProcessFault::Pause.apply(&lab, &op).await else { panic!() };
    assert!(reason.contains("n1: not running"), "{reason}");
    let resumed = ProcessFault::Pause.apply(&lab, &Op::new("resume", Value::Null)).await;
    assert!(matches!(resumed, Applied::Skipped(_)), "{resumed:?}");
}

#[tokio::test]
async fn healing_finds_what_was_left_paused() {
    let lab = Lab::pretended(2);
    lab.start_all();
    ProcessFault::Pause
        .apply(&lab, &Op::new("pause", json!({"spec": "all", "targets": ["n1", "n2"]})))
        .await;
    let evidence = ProcessFault::Pause.heal(&lab).await.unwrap();
    assert_eq!(evidence["nodes"].as_object().unwrap().len(), 2, "{evidence}");
    assert_eq!([0, 1].map(|node| lab.state(node)), ["running", "running"]);
}

#[test]
fn its_choices_are_its_own() {
    let seed = Seed::root(1);
    let pauses =
        operations(ProcessFault::Pause.schedule(&options(5, &[]), seed.derive("pause")), 20);
    assert_eq!(
        pauses,
        operations(ProcessFault::Pause.schedule(&options(5, &[]), seed.derive("pause")), 20)
    );
    assert!(pauses.iter().all(|op| ["pause", "resume"].contains(&&*op.f)));
    assert!(ProcessFault::Pause.specs(&options(3, &[("pause-targets", "some")])).is_err());
}
