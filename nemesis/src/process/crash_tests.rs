//! Tests of `crash-loop` and `stop` with real agents and processes.

use super::*;
use crate::testing::Lab;

#[tokio::test]
async fn a_crash_loop_kills_again_and_again_and_leaves_it_dead() {
    let lab = Lab::pretended(2);
    lab.start_all();
    let value = json!({"spec": "list", "targets": ["n1"], "times": 3, "pause_ms": 20});
    let op = Op::new("crash-loop", value);
    let Applied::Installed(evidence) = ProcessFault::CrashLoop.apply(&lab, &op).await else {
        panic!()
    };
    let rounds = evidence["rounds"].as_array().unwrap();
    let first = |round: usize| rounds[round]["nodes"]["n1"]["pids"][0].as_u64().unwrap();
    assert_eq!(rounds.len(), 3, "{evidence}");
    assert!(first(0) != first(1) && first(1) != first(2), "another process each time: {evidence}");
    assert_eq!([0, 1].map(|node| lab.state(node)), ["gone", "running"]);
    let op = Op::new("end-crash-loop", Value::Null);
    let Applied::Healed(_) = ProcessFault::CrashLoop.apply(&lab, &op).await else { panic!() };
    assert_eq!(lab.state(0), "running");
}

#[tokio::test]
async fn a_database_that_is_down_does_not_crash() {
    let lab = Lab::pretended(2);
    let value = json!({"spec": "list", "targets": ["n1"], "times": 3, "pause_ms": 20});
    let outcome = ProcessFault::CrashLoop.apply(&lab, &Op::new("crash-loop", value)).await;
    assert!(matches!(outcome, Applied::Skipped(_)), "{outcome:?}");
}

#[tokio::test]
async fn it_is_stopped_politely_and_started_again() {
    let lab = Lab::pretended(2);
    lab.start_all();
    let value = json!({"spec": "one", "targets": ["n2"]});
    let Applied::Installed(evidence) =
        ProcessFault::Stop.apply(&lab, &Op::new("stop", value)).await
    else {
        panic!()
    };
    assert!(evidence["nodes"]["n2"]["pids"].is_array(), "{evidence}");
    assert_eq!([0, 1].map(|node| lab.state(node)), ["running", "gone"]);
    let op = Op::new("restart", Value::Null);
    let Applied::Healed(_) = ProcessFault::Stop.apply(&lab, &op).await else { panic!() };
    assert_eq!(lab.state(1), "running");
}
