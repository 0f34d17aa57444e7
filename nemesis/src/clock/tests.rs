//! Tests of the clock fault with real agents and a program that has Perjury's clock built in.

use super::*;
use crate::agent::clock_tests::start_teller;
use crate::testing::{Lab, operations, options};
use crate::wire::clock::Skew;

fn op(value: Value) -> Op {
    let mut value = value;
    value["spec"] = json!("list");
    value["targets"] = json!(["n1"]);
    Op::new("skew", value)
}

async fn installed(lab: &Lab, value: Value) -> Value {
    let outcome = ClockFault::act(lab, &op(value.clone())).await;
    let Applied::Installed(evidence) = outcome else { panic!("{value}: {outcome:?}") };
    let healed = ClockFault::act(lab, &Op::new("unskew", Value::Null)).await;
    let Applied::Healed(truth) = healed else { panic!("{value}: {healed:?}") };
    let offsets = truth["nodes"]["n1"]["offset_ms"].as_array().unwrap().clone();
    assert!(offsets.iter().all(|offset| offset.as_f64().unwrap().abs() <= 5.0), "{truth}");
    evidence["nodes"]["n1"].clone()
}

#[tokio::test]
async fn every_kind_is_installed_seen_and_healed() {
    let lab = Lab::pretended(1);
    start_teller(&lab, 0);
    let jump = installed(&lab, json!({"kind": "jump", "delta_ms": -5000})).await;
    assert_eq!(jump["offset_ms"], json!([-5000.0, -5000.0]));
    assert_eq!(jump["offset_ms_before"], json!([0.0]));
    assert_eq!(jump["database"]["offset_ms"], -5000.0, "{jump}");
    installed(&lab, json!({"kind": "strobe", "delta_ms": 700, "period_ms": 8})).await;
    installed(&lab, json!({"kind": "drift", "rate_ppm": 200})).await;
    installed(&lab, json!({"kind": "freeze"})).await;
    installed(&lab, json!({"kind": "smear", "delta_ms": -1000, "over_ms": 2000})).await;
    let again = ClockFault::act(&lab, &Op::new("unskew", Value::Null)).await;
    assert!(matches!(again, Applied::Skipped(_)), "{again:?}");
}

#[tokio::test]
async fn an_agent_that_only_says_so_is_not_believed() {
    let lab = Lab::pretended(1);
    start_teller(&lab, 0);
    let pretend = |verb: Option<&'static str>| {
        *lab.pretence.lock().unwrap() = verb.map(|verb| (verb, Value::Null));
    };
    for value in [
        json!({"kind": "jump", "delta_ms": 11}),
        json!({"kind": "strobe", "delta_ms": 700, "period_ms": 8}),
        json!({"kind": "drift", "rate_ppm": 200}),
        json!({"kind": "freeze"}),
        json!({"kind": "smear", "delta_ms": -1000, "over_ms": 2000}),
    ] {
        pretend(Some(CLOCK_SET));
        let outcome = ClockFault::act(&lab, &op(value.clone())).await;
        assert!(matches!(outcome, Applied::Indeterminate(_)), "{value}: {outcome:?}");
    }
    pretend(None);
    let jump = op(json!({"kind": "jump", "delta_ms": 60_000}));
    assert!(matches!(ClockFault::act(&lab, &jump).await, Applied::Installed(_)));
    let unskew = Op::new("unskew", Value::Null);
    pretend(Some(CLOCK_RESET));
    let outcome = ClockFault::act(&lab, &unskew).await;
    assert!(matches!(outcome, Applied::Indeterminate(_)), "{outcome:?}");
    pretend(None);
    assert!(matches!(ClockFault::act(&lab, &unskew).await, Applied::Healed(_)));
}

#[test]
fn the_schedule_draws_every_kind_and_keeps_to_its_limit() {
    let set = options(3, &[("clock-max-ms", "1000"), ("clock-targets", "all")]);
    let mut seen = std::collections::BTreeSet::new();
    for op in operations(ClockFault.schedule(&set, Seed::root(4)), 200) {
        if *op.f == *"skew" {
            let skew = kinds::read(&op.value).unwrap();
            if let Skew::Jump { delta_ms } = skew {
                assert!((11..=1000).contains(&delta_ms.unsigned_abs()), "{delta_ms}");
            }
            seen.insert(op.value["kind"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(seen.len(), 5);
    let error = kinds::kinds(&options(3, &[("clock-kinds", "leap")])).unwrap_err();
    assert!(error.contains("jump") && error.contains("smear"), "{error}");
    assert!(kinds::limit_ms(&options(3, &[("clock-max-ms", "x")])).is_err());
}

#[test]
fn scripts_name_a_kind_a_number_and_whom() {
    let read = |words| ClockFault.script(words, &options(3, &[]), Seed::root(1));
    let op = read("jump -5000 n1").unwrap();
    assert_eq!(kinds::read(&op.value).unwrap(), Skew::Jump { delta_ms: -5000 });
    assert_eq!(op.value["targets"], json!(["n1"]));
    assert!(kinds::read(&read("freeze all").unwrap().value).is_ok());
    for wrong in
        ["jump", "hop n1", "freeze 5 n1", "jump x n1", "jump n9", "jump 5 n1", "drift 0 n1"]
    {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
