//! Tests of `surge`: the load that is seen counts.

use super::*;
use crate::testing::Lab;

fn surge() -> Op {
    Op::new("surge", json!({"kind": "rush", "factor": 5}))
}

#[tokio::test]
async fn a_load_that_grows_is_seen() {
    let lab = Lab::pretended(1);
    *lab.pretended_load.lock().unwrap() = (500.0, Instant::now());
    let Applied::Installed(evidence) = apply(&lab, &surge()).await else { panic!() };
    assert!((450.0..550.0).contains(&evidence["per_second"].as_f64().unwrap()), "{evidence}");
    *lab.pretended_load.lock().unwrap() = (100.0, Instant::now());
    let calm = apply(&lab, &Op::new("calm", Value::Null)).await;
    assert!(matches!(calm, Applied::Healed(_)), "{calm:?}");
}

#[tokio::test]
async fn a_load_that_does_not_grow_is_no_surge() {
    let lab = Lab::pretended(1);
    let outcome = apply(&lab, &surge()).await;
    assert!(matches!(outcome, Applied::Indeterminate(_)), "{outcome:?}");
}
